# A real systemd beside the test: PID 1 of scratch namespaces, over a copy of the root
# folder that lives in memory, with its own /run, /dev, network and cgroup.  It is the
# oracle for what a unit file means, and the host for supd as its service.  Nothing outside
# changes, and all of it ends with the test.  Source it after lib.sh:
#
#	oracle_start || { skip "what is tested" "$ORACLE_WHY"; exit 0; }
#	oracle systemctl start x.service	a command beside it, with a deadline
#	$ORACLE					is the folder that is /oracle inside
#
# No unit of this machine is started: its target wants nothing.
#
# shellcheck shell=bash
ORACLE=$T/oracle ORACLE_PID='' ORACLE_BOSS='' ORACLE_CG='' ORACLE_WHY=''

# What is missing here, into ORACLE_WHY.
oracle_can() {
	local tool
	[ "$(id -u)" -eq 0 ] || { ORACLE_WHY="needs root"; return 1; }
	for tool in unshare nsenter pivot_root findmnt systemctl; do
		command -v "$tool" >/dev/null || { ORACLE_WHY="needs $tool"; return 1; }
	done
	[ -x /lib/systemd/systemd ] || { ORACLE_WHY="needs systemd"; return 1; }
	ORACLE_CG=$(findmnt -rn -t cgroup2 -o TARGET | head -n 1)
	[ -n "$ORACLE_CG" ] || { ORACLE_WHY="no cgroup version 2 is mounted"; return 1; }
	unshare -fpmuinC --kill-child true 2>/dev/null ||
		{ ORACLE_WHY="this machine refuses new namespaces"; return 1; }
	ORACLE_CG=$ORACLE_CG$(sed -n 's/^0:://p' /proc/self/cgroup)/oracle.$$
	mkdir -p "$ORACLE_CG" 2>/dev/null ||
		{ ORACLE_WHY="cgroups cannot be made here"; return 1; }
}

# Runs as PID 1 of the namespaces and becomes systemd: arguments WORK SHARE.
oracle_inside() {
	set -e
	local work=$1 share=$2 new=$1/new dev
	mount --make-rprivate /
	mount -t tmpfs oracle "$work"
	mkdir "$work/upper" "$work/inner" "$new"
	mount -t overlay oracle "$new" -o "lowerdir=/,upperdir=$work/upper,workdir=$work/inner"
	mount -t proc proc "$new/proc"
	mount -t sysfs -o ro sysfs "$new/sys"
	mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
	mount -t tmpfs -o mode=755 run "$new/run"
	mount -t tmpfs -o mode=755 dev "$new/dev"
	for dev in null:3 zero:5 full:7 random:8 urandom:9; do
		mknod -m 666 "$new/dev/${dev%:*}" c 1 "${dev#*:}"
	done
	mkdir -p "$new/dev/shm" "$new/dev/pts" "$new/oracle" "$new/outside"
	mount -t tmpfs -o mode=1777 shm "$new/dev/shm"
	mount -t tmpfs -o mode=1777 tmp "$new/tmp"
	ln -s /proc/self/fd "$new/dev/fd"
	ln -s fd/1 "$new/dev/stdout"
	ln -s fd/2 "$new/dev/stderr"
	mount --bind "$share" "$new/oracle"
	# What this machine has enabled is not to be pulled in by anything.
	rm -rf "$new"/etc/systemd/system/*.wants "$new"/etc/systemd/system/*.requires
	printf '[Unit]\nDescription=Nothing\nDefaultDependencies=no\n' \
		>"$new/etc/systemd/system/nothing.target"
	cd "$new"
	pivot_root . outside
	umount -l /outside
	exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 container=oracle \
		/lib/systemd/systemd --system --unit=nothing.target --log-target=console \
		--log-level=notice --show-status=no
}

# In front of lib.sh's own end.
oracle_end() {
	local rc=$?
	oracle_stop
	(exit "$rc")
	e2e_end
}

oracle_up() {
	local answer
	kill -0 "$ORACLE_BOSS" 2>/dev/null || return 0 # ended: no use to wait
	# Asked until it is systemd: before that the shell may have had a child of its own.
	[ "$(cat "/proc/${ORACLE_PID:-x}/comm" 2>/dev/null)" = systemd ] || {
		ORACLE_PID=$(cat "/proc/$ORACLE_BOSS/task/$ORACLE_BOSS/children" 2>/dev/null | tr -d ' ')
		return 1
	}
	answer=$(oracle systemctl is-system-running 2>/dev/null)
	case $answer in running | degraded) return 0 ;; esac
	return 1
}

oracle_start() {
	oracle_can || return 1
	mkdir -p "$ORACLE" "$T/oracle.work"
	(
		echo "$BASHPID" >"$ORACLE_CG/cgroup.procs"
		exec unshare -fpmuinC --kill-child bash -c \
			"$(declare -f oracle_inside); oracle_inside \"\$@\"" oracle "$T/oracle.work" "$ORACLE"
	) >"$T/oracle.log" 2>&1 </dev/null &
	ORACLE_BOSS=$!
	trap oracle_end EXIT
	wait_for oracle_up
	oracle_up && kill -0 "$ORACLE_BOSS" 2>/dev/null && return 0
	ORACLE_WHY="systemd does not come up here: $(tail -n 2 "$T/oracle.log" | tr '\n' ' ')"
	oracle_stop
	return 1
}

oracle() {
	timeout -k 5 90 nsenter -t "$ORACLE_PID" -a env -i \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		LANG=C.UTF-8 HOME=/root "$@"
}

oracle_stop() {
	[ -n "$ORACLE_BOSS" ] || return 0
	# The end of its PID 1 is the end of all its processes.
	[ -z "$ORACLE_PID" ] || kill -KILL "$ORACLE_PID" 2>/dev/null
	kill -KILL "$ORACLE_BOSS" 2>/dev/null
	wait "$ORACLE_BOSS" 2>/dev/null
	ORACLE_BOSS=''
	oracle_no_cgroup() {
		find "$ORACLE_CG" -depth -type d -exec rmdir {} + 2>/dev/null
		[ ! -d "$ORACLE_CG" ]
	}
	wait_for oracle_no_cgroup
}
