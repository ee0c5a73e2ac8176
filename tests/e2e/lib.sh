# What the end-to-end tests share: a supd of their own in a folder of their own, waiting
# with a deadline, and TAP.  Source it, write units into $D/units, then sup_start.
#
# shellcheck shell=bash disable=SC2034
set -u

SUPD=${SUPD_BIN:-${SUPD_BUILD:?run me through tests/run}}/supd
SUPCTL=${SUPD_BIN:-$SUPD_BUILD}/supctl
ASK=${SUPD_BIN:-$SUPD_BUILD/tests/e2e}/ask
BEAT=${SUPD_BIN:-$SUPD_BUILD/tests/e2e}/beat
WITHIN=${SUPD_BIN:-$SUPD_BUILD/tests/e2e}/within
T=$(mktemp -d "${TMPDIR:-/tmp}/e2e.XXXXXX") || exit 2
chmod 755 "$T"
D=$T/i
mkdir -p "$D/units"
LOG=$T/supd.log
SUP_PID=
TAP_N=0 TAP_FAILED=0 SEEDED=
# Seconds that a wait may take before the test gives up; not a measure of speed.
PATIENCE=${PATIENCE:-40}

ok() {
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N - $*"
}

not_ok() {
	TAP_N=$((TAP_N + 1)) TAP_FAILED=1
	echo "not ok $TAP_N - $*"
}

skip() { # skip WHAT WHY
	TAP_N=$((TAP_N + 1))
	echo "ok $TAP_N # SKIP $1: $2"
}

note() { sed 's/^/# /' <<<"$*"; }

# check WHAT COMMAND…: one test, true when the command succeeds.
check() {
	local what=$1 got
	shift
	if got=$("$@" 2>&1); then
		ok "$what"
	else
		not_ok "$what"
		note "command: $*"
		note "$got"
		return 1
	fi
}

# is WHAT GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		note "got    '$2'"
		note "wanted '$3'"
		return 1
	fi
}

# Some line of GOT is like REGEX, as grep -E has it; and of a short one without a process.
matches() { # GOT REGEX
	local line
	if [ ${#1} -gt 4000 ] || [[ $2 == *$'\n'* ]]; then
		grep -qE -- "$2" <<<"$1"
		return
	fi
	while IFS= read -r line || [ -n "$line" ]; do
		[[ $line =~ $2 ]] && return 0
	done <<<"$1"
	return 1
}

# like WHAT GOT REGEX
like() {
	if matches "$2" "$3"; then
		ok "$1"
	else
		not_ok "$1"
		note "got    '$2'"
		note "wanted /$3/"
		return 1
	fi
}

# A pause that needs no process: nothing is ever written there.
exec {NOTHING}<> <(:)
pause() { read -rt "$1" -u "$NOTHING" || true; }

# wait_for COMMAND…: until it succeeds, at most PATIENCE seconds.  What asks costs more than
# what it asks for: after some looks they come less often.
wait_for() {
	local end=$((SECONDS + PATIENCE)) looks=0
	case $1 in
	is_state) "$ASK" "$D" "$2" state "$3" "$PATIENCE" 2>/dev/null ;;
	is_field) "$ASK" "$D" "$2" "$3" "$4" "$PATIENCE" 2>/dev/null ;;
	*) false ;;
	esac && return
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			note "waited $PATIENCE s in vain for: $*"
			return 1
		fi
		# The pause of a polling wait; every wait has its deadline above.
		if [ $((looks += 1)) -lt 10 ]; then pause 0.05; else pause 0.15; fi
	done
}

unit() { # unit NAME <text: write a unit file in one step
	cat >"$T/.unit" && mv "$T/.unit" "$D/units/$1"
}

# Some commands turn to the files, or give up, when supd does not answer soon: on a loaded
# machine they wait here, unless a test asks for that.
sup() {
	case "$1 $*" in
	*--timeout*) ;;
	status\ * | list\ * | check\ * | logs\ * | is-*) set -- "$1" --timeout=30s "${@:2}" ;;
	esac
	"$WITHIN" 60 "$SUPCTL" -C "$D" "$@"
}

sup_start() { # [OPTION…]
	"$SUPD" -C "$D" "$@" </dev/null >>"$LOG" 2>&1 {NOTHING}>&- &
	SUP_PID=$!
	wait_for sup status || {
		note "$(cat "$LOG")"
		echo "Bail out! supd does not come up"
		exit 1
	}
}

sup_stop() {
	[ -n "$SUP_PID" ] || return 0
	kill -TERM "$SUP_PID" 2>/dev/null
	wait_for gone "$SUP_PID" || kill -KILL "$SUP_PID" 2>/dev/null
	wait "$SUP_PID" 2>/dev/null
	SUP_RC=$?
	SUP_PID=
	return 0
}

# seed: of a test that draws its cases, before it does.  They are the same in each run, but
# SEED=N in the environment repeats those of N, and SEED=new draws one.  Sets SEED and RANDOM.
# (In $(...) and behind a pipe, RANDOM has numbers that no seed repeats.)
seed() {
	case ${SEED:=1} in
	new) SEED=$((SRANDOM % 1000000000)) ;;
	*[!0-9]*)
		echo "Bail out! SEED is no number: $SEED"
		exit 2
		;;
	esac
	RANDOM=$SEED
	SEEDED=1
	note "SEED=$SEED"
}

gone() { # PID: no such process, or only a zombie is left
	local s
	read -r s 2>/dev/null <"/proc/$1/stat" || return 0
	case ${s##*) } in Z* | X* | '') return 0 ;; esac
	return 1
}

# What supd does not answer with one word, supctl may tell from the files.
field() { # field UNIT KEY: from status --json
	"$ASK" "$D" "$1" "$2" 2>/dev/null || sup status "$1" --json 2>/dev/null | python3 -c '
import json, sys
v = json.load(sys.stdin)
if isinstance(v, list):
    v = v[0]
for k in sys.argv[1].split("."):
    v = v.get(k) if isinstance(v, dict) else None
print("" if v is None else v if not isinstance(v, bool) else str(v).lower())' "$2"
}

first_of() { grep -oE "\"$1\":\"?[^,\"}]*" | head -n 1 | sed 's/^[^:]*:"\{0,1\}//; s/^null$//'; }
state() { "$ASK" "$D" "$1" state 2>/dev/null || sup status "$1" --json 2>/dev/null | first_of state; }
is_field() { # is_field UNIT KEY VALUE
	"$ASK" "$D" "$@" 0 2>/dev/null
	case $? in
	0) return 0 ;;
	1) return 1 ;;
	esac
	[ "$(field "$1" "$2")" = "$3" ]
}
is_state() { is_field "$1" state "$2"; }
pid_of() { "$ASK" "$D" "$1" pid 2>/dev/null || sup status "$1" --json 2>/dev/null | first_of pid; }
role_pid() { # role_pid manager
	"$ASK" "$D" -r "$1" 2>/dev/null || sup status --json 2>/dev/null | grep -oE "\"name\":\"$1\",\"pid\":[0-9]+" | sed 's/.*://'
}

e2e_end() {
	local rc=$?
	if [ -n "$SUP_PID" ]; then
		kill -TERM "$SUP_PID" 2>/dev/null
		local end=$((SECONDS + 15))
		while ! gone "$SUP_PID" && [ "$SECONDS" -lt "$end" ]; do pause 0.05; done
		gone "$SUP_PID" || kill -KILL "$SUP_PID" 2>/dev/null
	fi
	# Who was killed was killed by a test, or by init when it hung; the rest are crashes.
	local crashes
	crashes=$(grep -h '"event":"role-died"' "$D"/journal/2*/events.jsonl 2>/dev/null |
		grep -v '"how":"killed","status":9,')
	if [ -n "$crashes" ] && [ -n "${SUPD_SIGNS:-}" ]; then
		echo "$crashes" >"$SUPD_SIGNS/crash"
		TAP_FAILED=1
	fi
	if [ "$TAP_FAILED" -ne 0 ] && [ -s "$LOG" ]; then
		echo "# supd said:"
		tail -n 40 "$LOG" | sed 's/^/#   /'
	fi
	[ "$TAP_FAILED" -eq 0 ] || [ -z "$SEEDED" ] || note "SEED=$SEED repeats its cases"
	local run
	run=$(readlink "$D/run" 2>/dev/null)
	case $run in */supd*/*) rm -rf --one-file-system "$run" ;; esac
	rm -rf --one-file-system "$T"
	[ "$rc" -ne 0 ] || rc=$TAP_FAILED
	exit "$rc"
}
trap e2e_end EXIT
