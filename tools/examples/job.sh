#!/bin/sh
# Jobs from a shell:
#
#	job.sh submit PROGRAM [ARGUMENT...]	says the name of its unit
#	job.sh follow UNIT			prints what happens to it, and ends as it ends
#	job.sh cancel UNIT			calls it off
case $1 in
submit)
	shift
	job=$(supctl run --json -- "$@") || exit
	echo "$job" | sed 's/.*"unit":"\([^"]*\)".*/\1/'
	;;
cancel) supctl stop "$2" ;;
follow)
	supctl events --follow --json --since=0 --unit="$2" | while read -r event; do
		echo "$event"
		case $event in
		*'"event":"exit"'*'"exit_code":'[0-9]*) exit "$(echo "$event" | sed 's/.*"exit_code":\([0-9]*\).*/\1/')" ;;
		*'"event":"exit"'*) exit 1 ;;
		esac
	done
	;;
*) sed -n 's/^# \{0,1\}//; 2,6p' "$0" >&2 && exit 2 ;;
esac
