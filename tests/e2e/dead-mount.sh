# A mount whose server never answers: whoever touches it hangs, as on a dead network share.
# Sourced after lib.sh.
#
# shellcheck shell=bash

# Mounts at $1 and holds the mount until $2 goes away; then all who wait get an error.
cat >"$T/dead.py" <<'P'
import ctypes, os, sys, time
fd = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
opts = "fd=%d,rootmode=40000,user_id=0,group_id=0" % fd
if libc.mount(b"dead", sys.argv[1].encode(), b"fuse", 0, opts.encode()) != 0:
    sys.exit(1)
open(sys.argv[2], "w").close()
while os.path.exists(sys.argv[2]):
    time.sleep(0.05)
P
# $1: the folder, made when it is missing; else $T/dead.  It answers with errors when
# $T/held is removed.
dead_mount() {
	local at=${1:-$T/dead}
	mkdir -p "$at"
	[ "$(id -u)" = 0 ] && [ -w /dev/fuse ] || return 1
	python3 "$T/dead.py" "$at" "$T/held" &
	local end=$((SECONDS + 10))
	until [ -e "$T/held" ]; do
		kill -0 $! 2>/dev/null && [ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
	trap 'rm -f "$T/held"; umount -l "'$at'" 2>/dev/null || :; e2e_end' EXIT
}
