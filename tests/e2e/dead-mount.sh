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

# A mount at $1 with one file, `f', whose server answers until $2.hang is there, and ends
# when $2 is gone.
cat >"$T/dying.py" <<'P'
import ctypes, os, select, struct, sys, time
at, held = sys.argv[1:3]
fd = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
opts = "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % fd
if libc.mount(b"dying", at.encode(), b"fuse", 0, opts.encode()) != 0:
    sys.exit(1)
open(held, "w").close()


def attr(ino):
    mode = 0o40755 if ino == 1 else 0o100666
    return struct.pack("<6Q10I", ino, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def reply(unique, body=b"", err=0):
    os.write(fd, struct.pack("<IiQ", 16 + len(body), -err, unique) + body)


LOOKUP, GETATTR, OPEN, WRITE, RELEASE, FLUSH, INIT = 1, 3, 14, 16, 18, 25, 26
while os.path.exists(held):
    if os.path.exists(held + ".hang"):
        time.sleep(0.02)
        continue
    if not select.select([fd], [], [], 0.02)[0]:
        continue
    q = os.read(fd, 1 << 20)
    op, unique, node = struct.unpack_from("<4xIQQ", q)
    if op == INIT:
        reply(unique, struct.pack("<4I2H2I2H8I", 7, 31, 0, 0, 12, 9, 65536, 1, 16, *[0] * 9))
    elif op == LOOKUP and q[40:].rstrip(b"\0") == b"f":
        reply(unique, struct.pack("<4Q2I", 2, 0, 3600, 3600, 0, 0) + attr(2))
    elif op == LOOKUP:
        reply(unique, err=2)
    elif op == GETATTR:
        reply(unique, struct.pack("<Q2I", 3600, 0, 0) + attr(node))
    elif op == OPEN:
        reply(unique, struct.pack("<Q2I", 1, 0, 0))
    elif op == WRITE:
        reply(unique, struct.pack("<2I", struct.unpack_from("<16xI", q, 40)[0], 0))
    elif op in (FLUSH, RELEASE):
        reply(unique)
    else:
        reply(unique, err=38)
P
# $1: the folder, made when it is missing.  It hangs from touch "$T/held.hang" on.
dying_mount() {
	mkdir -p "$1"
	[ "$(id -u)" = 0 ] && [ -w /dev/fuse ] || return 1
	rm -f "$T/held.hang"
	python3 "$T/dying.py" "$1" "$T/held" &
	local end=$((SECONDS + 10))
	until [ -e "$T/held" ]; do
		kill -0 $! 2>/dev/null && [ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
	trap 'rm -f "$T/held"; umount -l "'$1'" 2>/dev/null || :; e2e_end' EXIT
}
