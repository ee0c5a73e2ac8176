/*
 * init as a real process: slots, what their processes get, exits, signals.
 */
#include "init_rig.h"

static void
test_spawn_runs_and_is_reported(void **state)
{
	struct rig g;
	struct msg m;
	uint64_t seq;

	(void)state;
	rig_start(&g);
	slot_open(&g, 3, false, false);
	seq = spawn_sh(&g, 3, PROC_MAIN, "echo out; echo err >&2; exit 7");
	want(&g, MSG_SLOT, &m);
	assert_int_equal(m.u.SLOT.slot, 3);
	assert_int_equal(m.u.SLOT.err, 0);
	assert_string_equal(m.u.SLOT.unit, "unit3.service");
	want(&g, MSG_STARTED, &m);
	assert_int_equal(m.u.STARTED.seq, seq);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(m.u.EXIT.status, 7);
	assert_int_equal(m.u.EXIT.phase, 0);
	assert_int_equal(m.u.EXIT.seq, seq);
	want_line(&g, 3, 0, "out\n");
	want_line(&g, 3, 1, "err\n");
	ack(&g, &m);
	send_slot(&g, MSG_SLOT_CLOSE, 3);
	want(&g, MSG_SLOT_DONE, &m);
	assert_int_equal(m.u.SLOT_DONE.slot, 3);
	assert_int_equal(faccessat(g.run_fd, "fifo/3.out", F_OK, 0), -1);
	assert_int_equal(g.table->orphans, 0);
	rig_stop(&g);
}

static void
test_failed_steps_name_phase_and_errno(void **state)
{
	struct spec_buf b;
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spec_buf_init(&b);
	spec_put_str(&b, SPEC_PATH, "/nowhere/a");
	spec_put_str(&b, SPEC_PATH, "/nowhere/b");
	spec_put_str(&b, SPEC_ARG, "x");
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(m.u.EXIT.status, 203);
	assert_int_equal(m.u.EXIT.phase, PHASE_EXEC);
	assert_int_equal(m.u.EXIT.err, ENOENT);
	ack(&g, &m);

	sh(&b, "exit 0");
	spec_put_str(&b, SPEC_CWD, "/nowhere");
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 200);
	assert_int_equal(m.u.EXIT.phase, PHASE_CHDIR);
	assert_int_equal(m.u.EXIT.err, ENOENT);
	ack(&g, &m);

	sh(&b, "exit 0");
	spec_put_stdio(&b, SPEC_STDIN, SPEC_IO_FILE, "/nowhere/in");
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 208);
	ack(&g, &m);

	/* Several candidates: the first that is there. */
	spec_buf_init(&b);
	spec_put_str(&b, SPEC_PATH, "/nowhere/sh");
	spec_put_str(&b, SPEC_PATH, "/bin/sh");
	spec_put_str(&b, SPEC_ARG, "sh");
	spec_put_str(&b, SPEC_ARG, "-c");
	spec_put_str(&b, SPEC_ARG, "exit 5");
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 5);
	rig_stop(&g);
}

/* The others' descriptors are neither shared with init nor left open. */
static void
test_quick_start_is_a_start(void **state)
{
	struct rig g;
	struct msg m;

	spawn_id = MSG_SPAWN_QUICK;
	test_spawn_runs_and_is_reported(state);
	test_failed_steps_name_phase_and_errno(state);
	rig_start(&g);
	slot_open(&g, 0, false, false);
	slot_open(&g, 1, true, false);
	spawn_sh(&g, 1, PROC_MAIN, "echo up; exec sleep 100");
	want(&g, MSG_STARTED, &m);
	assert_int_equal(m.u.STARTED.execed, 1);
	want_line(&g, 1, 0, "up\n");
	spawn_sh(&g, 0, PROC_MAIN, "cd /proc/self/fd; echo *; exit 4");
	want_line(&g, 0, 0, "0 1 2 3 512 513\n"); /* 3 is the folder */
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 4);
	/* init lost none. */
	spawn_id = MSG_SPAWN;
	spawn_sh(&g, 1, PROC_CONTROL, "echo again");
	want_line(&g, 1, 0, "again\n");
	rig_stop(&g);
}

static void
test_unsealed_or_damaged_context_is_refused(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_zeroes(&g, 0, 0);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.phase, PHASE_MEMORY);
	assert_int_equal(m.u.EXIT.err, EPERM);
	rig_stop(&g);
}

static void
test_exits_are_kept_until_acknowledged(void **state)
{
	struct rig g;
	struct msg m, again;

	(void)state;
	rig_start(&g);
	slot_open(&g, 1, false, false);
	spawn_sh(&g, 1, PROC_MAIN, "exit 3");
	want(&g, MSG_EXIT, &m);
	kill_role(&g, &g.manager);
	want(&g, MSG_HELLO, &again);
	assert_int_equal(again.u.HELLO.generation, 1);
	want(&g, MSG_SLOT, &again);
	assert_int_equal(again.u.SLOT.slot, 1);
	want(&g, MSG_EXIT, &again);
	assert_memory_equal(&again.u.EXIT, &m.u.EXIT, sizeof(m.u.EXIT));
	ack(&g, &again);
	want_fds_closed(&g, MSG_REPLAY_END);
	/* A message written just before the death counts. */
	spawn_sh(&g, 1, PROC_CONTROL, "exit 4");
	kill_role(&g, &g.manager);
	do {
		want(&g, MSG_EXIT, &m);
		assert_int_equal(m.u.EXIT.kind, PROC_CONTROL);
	} while (m.u.EXIT.status != 4);
	rig_stop(&g);
}

static void
test_duplicates_and_wrong_requests_are_refused(void **state)
{
	struct rig g;
	struct msg m;
	int32_t pid;
	uint64_t seq;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exec sleep 100");
	pid = want_execed(&g, 0);
	seq = spawn_sh(&g, 0, PROC_MAIN, "exit 1");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_NOT_STARTED);
	assert_int_equal(m.u.EXIT.err, EEXIST);
	assert_int_equal(m.u.EXIT.seq, seq);
	assert_int_equal(kill(pid, 0), 0);
	spawn_sh(&g, 5, PROC_MAIN, "exit 1"); /* not open */
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.err, ENOENT);
	/* Slots that do not exist, and taken ones, change nothing. */
	slot_open(&g, NSLOTS, false, false);
	slot_open(&g, UINT32_MAX - 1, false, false);
	spawn_sh(&g, NSLOTS, PROC_MAIN, "exit 1");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.err, EINVAL);
	send_signal(&g, NSLOTS, SIGNAL_SLOT, SIGKILL);
	send_slot(&g, MSG_SLOT_CLOSE, NSLOTS);
	send_slot(&g, MSG_WATCH_EMPTY, NSLOTS);
	/* Every slot taken, then each is used. */
	for (uint32_t i = 1; i < NSLOTS; i++) {
		slot_open(&g, i, false, false);
		spawn_sh(&g, i, PROC_MAIN, "exit 2");
	}
	for (uint32_t i = 1; i < NSLOTS; i++) {
		want(&g, MSG_EXIT, &m);
		assert_int_equal(m.u.EXIT.status, 2);
	}
	rig_stop(&g);
}

static void
test_descriptor_limit_fails_only_who_asks(void **state)
{
	struct rlimit before, low;
	struct rig g;
	struct msg m;
	int32_t manager;

	(void)state;
	rig_start(&g);
	manager = g.manager.pid;
	slot_open(&g, 0, false, false);
	slot_open(&g, 1, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exec sleep 1000");
	(void)want_execed(&g, 0);
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, NULL, &before), 0);
	low = before;
	low.rlim_cur = 3; /* what is open stays open; no more */
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, &low, NULL), 0);
	spawn_sh(&g, 1, PROC_MAIN, "exit 1");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_NOT_STARTED);
	assert_int_equal(m.u.EXIT.err, EMFILE);
	slot_open(&g, 2, false, false);
	want(&g, MSG_SLOT, &m);
	while (m.u.SLOT.slot != 2)
		want(&g, MSG_SLOT, &m);
	assert_int_equal(m.u.SLOT.err, EMFILE);
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, &before, NULL), 0);
	slot_open(&g, 2, false, false);
	spawn_sh(&g, 2, PROC_MAIN, "exit 2");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.slot, 2);
	assert_int_equal(m.u.EXIT.status, 2);
	assert_int_equal(g.manager.pid, manager);
	assert_int_equal(table_slot(g.table, 0)->proc[PROC_MAIN].state, TPROC_RUNNING);
	rig_stop(&g);
}

static void
test_orphans_are_reaped(void **state)
{
	struct spec_buf b;
	struct rig g;
	struct msg m;
	bool exited = false;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spec_buf_init(&b);
	spec_put_str(&b, SPEC_PATH, g.table->exe);
	spec_put_str(&b, SPEC_ARG, "orphans");
	spawn_spec(&g, 0, PROC_MAIN, &b);
	do {
		uint64_t until = now_ms() + DEADLINE_MS;

		while (!step(&g, &m, until))
			;
		exited = exited || m.head.id == MSG_EXIT;
		msg_close_fds(&m);
	} while (!exited || g.table->orphans < ORPHANS);
	assert_int_equal(g.table->orphans, ORPHANS);
	rig_stop(&g);
}

static char
state_of(int32_t pid)
{
	char path[SMALL], text[1024] = { 0 };
	const char *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return '-';
	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	end = strrchr(text, ')');
	return end == NULL || end[1] != ' ' ? '-' : end[2];
}

/* The main process, which runs, stops itself: wait for that. */
static void
want_stopped(const struct rig *g, uint32_t slot)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct pollfd none = { .fd = -1 };

	while (state_of(table_slot(g->table, slot)->proc[PROC_MAIN].pid) != 'T') {
		assert_true(now_ms() < until);
		poll(&none, 1, 1);
	}
}

static void
test_signals_reach_by_slot(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(
	    &g, 0, PROC_MAIN, "trap 'exit 9' USR1; echo up; while :; do sleep 1; done");
	want_line(&g, 0, 0, "up\n");
	send_signal(&g, 0, SIGNAL_PROC_GROUP, SIGUSR1);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 9);
	ack(&g, &m);
	/* Nobody there: harmless. */
	send_signal(&g, 0, SIGNAL_PROC, SIGKILL);
	spawn_sh(&g, 0, PROC_MAIN, "echo up; exec sleep 100");
	want_line(&g, 0, 0, "up\n");
	send_signal(&g, 0, SIGNAL_SLOT, SIGTERM);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_KILLED);
	assert_int_equal(m.u.EXIT.status, SIGTERM);
	ack(&g, &m);
	send_slot(&g, MSG_WATCH_EMPTY, 0);
	want(&g, MSG_EMPTY, &m);
	/* What is stopped acts on the signal. */
	spawn_sh(&g, 0, PROC_MAIN, "trap 'exit 7' TERM; echo up; kill -STOP $$; exit 1");
	want_line(&g, 0, 0, "up\n");
	want_stopped(&g, 0);
	send_signal(&g, 0, SIGNAL_SLOT_WAKE, SIGTERM);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 7);
	rig_stop(&g);
}

static void
use_cgroup(bool fork_inside)
{
	char path[SMALL * 3];
	struct rig g;
	struct msg m;

	rig_prepare_in_cgroup(&g, path, sizeof(path));
	g.table->fork_inside = fork_inside;
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	slot_open(&g, 0, false, true);
	/* A daemon that gets away from session, group and parent. */
	spawn_sh(&g, 0, PROC_MAIN,
	    "env -i setsid sh -c 'trap \"\" TERM; echo away; exec sleep 100' & wait");
	want(&g, MSG_SLOT_CGROUP, &m);
	msg_close_fds(&m);
	want_line(&g, 0, 0, "away\n");
	send_signal(&g, 0, SIGNAL_PROC, SIGKILL);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.empty, 0);
	ack(&g, &m);
	send_slot(&g, MSG_WATCH_EMPTY, 0);
	send_signal(&g, 0, SIGNAL_SLOT_KILL, 0);
	want(&g, MSG_EMPTY, &m);
	/* The folder was killed as a whole, and is good for the next process. */
	spawn_sh(&g, 0, PROC_CONTROL, "sh -c 'exit 8'");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(m.u.EXIT.status, 8);
	assert_int_equal(m.u.EXIT.empty, 1);
	ack(&g, &m);
	send_slot(&g, MSG_SLOT_CLOSE, 0);
	want(&g, MSG_SLOT_DONE, &m);
	assert_int_equal(
	    faccessat(g.table->fd[FD_CGROUP], "unit0.service.0", F_OK, 0), -1);
	/* Signals by cgroup without kill. */
	slot_open(&g, 1, false, true);
	spawn_sh(&g, 1, PROC_MAIN, "setsid sleep 100 & echo up; wait; exit 3");
	want_line(&g, 1, 0, "up\n");
	send_slot(&g, MSG_WATCH_EMPTY, 1);
	send_signal(&g, 1, SIGNAL_SLOT, SIGTERM);
	want(&g, MSG_EMPTY, &m);
	/* The same for what is stopped, by cgroup: a child and a process of its own. */
	slot_open(&g, 2, false, true);
	spawn_sh(&g, 2, PROC_MAIN,
	    "setsid sh -c 'kill -STOP $$; exec sleep 100' &"
	    "until grep -q ') T ' /proc/$!/stat; do :; done;"
	    "echo up; kill -STOP $$; exec sleep 100");
	want_line(&g, 2, 0, "up\n");
	want_stopped(&g, 2);
	send_signal(&g, 2, SIGNAL_SLOT_WAKE, SIGTERM);
	send_slot(&g, MSG_WATCH_EMPTY, 2);
	want(&g, MSG_EMPTY, &m);
	rig_stop(&g);
	assert_int_equal(rmdir(path) == 0 || errno == ENOTEMPTY || errno == EBUSY, 1);
	char sub[SMALL * 4];
	snprintf(sub, sizeof(sub), "%s/unit1.service.1", path);
	rmdir(sub);
	snprintf(sub, sizeof(sub), "%s/unit2.service.2", path);
	rmdir(sub);
	rmdir(path);
}

static void
test_cgroup_is_emptied_and_used_again(void **state)
{
	(void)state;
	use_cgroup(false);
	use_cgroup(true);
	spawn_id = MSG_SPAWN_QUICK;
	use_cgroup(false);
	use_cgroup(true);
	spawn_id = MSG_SPAWN;
}

static void
test_child_gets_what_the_context_says(void **state)
{
	static const char script[] =
	    "umask; pwd; id -u; id -g; id -G; nice; ulimit -n; echo $A-$B; cat; "
	    "[ \"$P\" = $$ ] && echo mine; "
	    "grep -c '^Sig\\(Blk\\|Ign\\):.0*$' /proc/self/status; "
	    "cut -d' ' -f6 /proc/$$/stat | grep -qx $$ && echo leader; "
	    "ls -l /proc/self/fd | grep -c fifo/0; echo >&2 bad";
	char dir[SMALL], expect[SMALL * 2];
	struct spec_buf b;
	struct stat st;
	struct rig g;
	struct msg m;
	bool root = geteuid() == 0;
	unsigned uid = root ? 65534 : geteuid(), gid = root ? 65534 : getegid();

	(void)state;
	rig_start(&g);
	snprintf(dir, sizeof(dir), "%s/base", g.dir);
	slot_open(&g, 0, false, false);
	sh(&b, script);
	spec_put_str(&b, SPEC_ENV, "A=a b");
	spec_put_str(&b, SPEC_ENV, "B=");
	spec_put_str(&b, SPEC_ENV_PID, "P");
	spec_put_u32(&b, SPEC_UMASK, 027);
	spec_put_dir(&b, SPEC_DIR_RUNTIME, dir, "x/y", 0711, uid, gid);
	snprintf(expect, sizeof(expect), "%s/x/y", dir);
	spec_put_str(&b, SPEC_CWD, expect);
	if (root) {
		uint32_t groups[2] = { gid, 4242 };

		spec_put_u32(&b, SPEC_UID, uid);
		spec_put_u32(&b, SPEC_GID, gid);
		spec_put_ids(&b, SPEC_GROUPS, groups, 2);
		spec_put_flag(&b, SPEC_NO_NEW_PRIVS);
	}
	spec_put_i32(&b, SPEC_NICE, 3);
	spec_put_limit(&b, RLIMIT_NOFILE, 256, 256);
	spec_put_stdin_data(&b, "data\n", 5);
	snprintf(expect, sizeof(expect), "%s/out", g.dir);
	spec_put_stdio(&b, SPEC_STDOUT, SPEC_IO_TRUNCATE, expect);
	spec_put_stdio(&b, SPEC_STDERR, SPEC_IO_SAME, NULL);
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.phase, 0);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(stat(dir, &st), 0);
	snprintf(expect, sizeof(expect), "%s/x/y", dir);
	assert_int_equal(stat(expect, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0711);
	assert_int_equal(st.st_uid, uid);

	char got[SMALL * 2] = { 0 };
	int fd = openat(g.run_fd, "out", O_RDONLY);
	assert_true(read(fd, got, sizeof(got) - 1) > 0);
	close(fd);
	if (root)
		snprintf(expect, sizeof(expect),
		    "0027\n%s/x/y\n65534\n65534\n65534 4242\n3\n256\na "
		    "b-\ndata\nmine\n2\n"
		    "leader\n2\nbad\n",
		    dir);
	if (root)
		assert_string_equal(got, expect);
	else
		assert_non_null(strstr(got, "a b-\ndata\nmine\n2\nleader\n2\nbad\n"));
	rig_stop(&g);
}

static void
test_links_are_not_followed_into(void **state)
{
	char base[SMALL];
	struct spec_buf b;
	struct stat st;
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	assert_int_equal(mkdirat(g.run_fd, "target", 0700), 0);
	assert_int_equal(symlinkat("target", g.run_fd, "evil"), 0);
	slot_open(&g, 0, false, false);
	sh(&b, "exit 0");
	snprintf(base, sizeof(base), "%s", g.dir);
	spec_put_dir(&b, SPEC_DIR_STATE, base, "evil", 0777, UINT32_MAX, UINT32_MAX);
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, PHASE_STATE_DIRECTORY);
	assert_true(m.u.EXIT.err == ELOOP || m.u.EXIT.err == ENOTDIR);
	assert_int_equal(fstatat(g.run_fd, "target", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	rig_stop(&g);
}

static void
test_main_process_can_be_named(void **state)
{
	struct rig g;
	struct msg m, q;
	int32_t first;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	/* A daemon of the old kind: its parent ends, init becomes the parent. */
	spawn_sh(&g, 0, PROC_CONTROL, "sh -c 'read x; exit 5' < /dev/zero & echo $!");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 0);
	ack(&g, &m);
	char text[32] = { 0 };
	for (size_t n = 0; n == 0 || text[n - 1] != '\n';) {
		struct msg x;

		if (g.log_fd[0][0] == -1) {
			if (step(&g, &x, now_ms() + DEADLINE_MS))
				msg_close_fds(&x);
		} else if (read(g.log_fd[0][0], text + n, 1) == 1) {
			n++;
		}
	}
	first = (int32_t)atoi(text);
	msg_init(&q, MSG_PROC_SET);
	q.u.PROC_SET.pid = first;
	q.u.PROC_SET.start_ticks = 1; /* another process */
	send_to(&g.manager, &q);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_UNKNOWN);
	assert_int_equal(m.u.EXIT.err, ESRCH);
	ack(&g, &m);
	q.u.PROC_SET.start_ticks = 0;
	send_to(&g.manager, &q);
	want(&g, MSG_STARTED, &m);
	assert_int_equal(m.u.STARTED.pid, first);
	send_signal(&g, 0, SIGNAL_PROC, SIGTERM);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.pid, first);
	assert_int_equal(m.u.EXIT.how, EXIT_KILLED);
	ack(&g, &m);
	q.u.PROC_SET.pid = g.init; /* never ourselves */
	send_to(&g.manager, &q);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.err, EINVAL);
	rig_stop(&g);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spawn_runs_and_is_reported),
		cmocka_unit_test(test_failed_steps_name_phase_and_errno),
		cmocka_unit_test(test_quick_start_is_a_start),
		cmocka_unit_test(test_unsealed_or_damaged_context_is_refused),
		cmocka_unit_test(test_exits_are_kept_until_acknowledged),
		cmocka_unit_test(test_duplicates_and_wrong_requests_are_refused),
		cmocka_unit_test(test_descriptor_limit_fails_only_who_asks),
		cmocka_unit_test(test_orphans_are_reaped),
		cmocka_unit_test(test_signals_reach_by_slot),
		cmocka_unit_test(test_cgroup_is_emptied_and_used_again),
		cmocka_unit_test(test_child_gets_what_the_context_says),
		cmocka_unit_test(test_links_are_not_followed_into),
		cmocka_unit_test(test_main_process_can_be_named),
	};

	int rc;

	if (rig_part(argc, argv, &rc))
		return rc;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
