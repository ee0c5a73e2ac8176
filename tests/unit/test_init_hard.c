/*
 * init where others hang, freeze, lack room or say what cannot be.
 */
#include "init_rig.h"

#include <sys/file.h>
#include <sys/resource.h>

/* Send when there is room; what init says meanwhile is dropped. */
static void
send_patiently(struct rig *g, const struct msg *m)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct msg a;

	while (chan_send(&g->manager.chan, m) != 1) {
		if (step(g, &a, until))
			msg_close_fds(&a);
	}
}

static int terminal;

static void
take_terminal(void)
{
	if (dup2(terminal, STDERR_FILENO) == -1)
		_exit(98);
}

/* What init complains about waits for nobody: not for a terminal that takes less than a
 * line, and nobody reads. */
static void
test_complaints_wait_for_nobody(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	char name[64];
	struct rig g;
	struct msg m;

	(void)state;
	assert_int_not_equal(master, -1);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	rig_prepare(&g);
	terminal = open(name, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	assert_int_not_equal(terminal, -1);
	rig_before_exec = take_terminal;
	rig_exec(&g);
	rig_before_exec = NULL;
	want_fds_closed(&g, MSG_REPLAY_END);
	/* A slot that is taken, asked for again as another one, with a long name. */
	msg_init(&m, MSG_SLOT_OPEN);
	m.u.SLOT_OPEN.uid = m.u.SLOT_OPEN.gid = -1;
	memset(m.u.SLOT_OPEN.unit, 'u', PROTO_UNIT_MAX - 1);
	strcpy(m.u.SLOT_OPEN.log.name, "u");
	for (int i = 0; i < 300; i++) {
		m.u.SLOT_OPEN.invocation[0] = (uint8_t)i;
		send_patiently(&g, &m);
	}
	slot_open(&g, 1, false, false);
	do
		want(&g, MSG_SLOT, &m);
	while (m.u.SLOT.slot != 1);
	assert_int_equal(g.table->orphans, 0);
	/* Who reads finds whole lines. */
	char text[512];
	ssize_t n = read(master, text, sizeof(text));
	assert_true(n > 300);
	assert_memory_equal(text, "supd init: a slot is taken already by: uuu", 42);
	halt(&g, HALT_EXIT, 3);
	assert_int_equal(wait_for_init(&g), 3);
	close(master);
	close(terminal);
	rig_stop(&g);
}

/* A process that is nobody's child but ours: for init a stranger with a pidfd. */
static pid_t
stranger(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sleep", "sleep", "1000", (char *)NULL);
		_exit(1);
	}
	assert_int_not_equal(pid, -1);
	return pid;
}

static void
proc_set(struct rig *g, int32_t pid)
{
	struct msg m;

	msg_init(&m, MSG_PROC_SET);
	m.u.PROC_SET.pid = pid;
	send_to(&g->manager, &m);
}

static void
proc_join(struct rig *g, int32_t pid, uint64_t ticks)
{
	struct msg m;

	msg_init(&m, MSG_PROC_JOIN);
	m.u.PROC_JOIN.pid = pid;
	m.u.PROC_JOIN.start_ticks = ticks;
	send_to(&g->manager, &m);
}

/* It is refused, and nobody was told before that it is there. */
static void
want_refusal(struct rig *g, int err, struct msg *m)
{
	uint64_t until = now_ms() + DEADLINE_MS;

	do {
		while (!step(g, m, until))
			;
		assert_int_not_equal(m->head.id, MSG_STARTED);
	} while (m->head.id != MSG_EXIT);
	assert_int_equal(m->u.EXIT.how, EXIT_NOT_STARTED);
	assert_int_equal(m->u.EXIT.err, err);
}

/* Field 22 of its stat; the name of sleep has no blank. */
static uint64_t
started_at(pid_t pid)
{
	char path[64];
	unsigned long long ticks = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	assert_non_null(f);
	for (int i = 1; i < 22; i++)
		assert_int_equal(fscanf(f, "%*s"), 0);
	assert_int_equal(fscanf(f, "%llu", &ticks), 1);
	fclose(f);
	return ticks;
}

/* A process that supd has not started is of the slot from now on, if it is the one that
 * the manager has seen; and nothing else becomes of it. */
static void
test_stranger_joins(void **state)
{
	pid_t one = stranger(), group = getpgid(0);
	struct rlimit mark;
	struct rig g;
	struct msg m;
	uint64_t ticks = started_at(one);

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	assert_int_not_equal(ticks, 0);
	proc_join(&g, one, ticks + 1);
	want_refusal(&g, ESRCH, &m);
	assert_int_equal(m.u.EXIT.pid, one);
	ack(&g, &m);
	proc_join(&g, one, 0);
	want_refusal(&g, ESRCH, &m);
	ack(&g, &m);
	proc_join(&g, g.init, ticks);
	want_refusal(&g, EINVAL, &m);
	ack(&g, &m);
	proc_join(&g, one, ticks);
	want(&g, MSG_STARTED, &m);
	assert_int_equal(m.u.STARTED.pid, one);
	assert_int_equal(m.u.STARTED.execed, 1);
	assert_int_equal(prlimit(one, RLIMIT_RTTIME, NULL, &mark), 0);
	assert_int_not_equal(mark.rlim_max, RLIM_INFINITY);
	/* A later manager asks again: it is told. */
	proc_join(&g, one, ticks);
	want(&g, MSG_STARTED, &m);
	assert_int_equal(m.u.STARTED.pid, one);
	/* It is of one slot. */
	slot_open(&g, 1, false, false);
	msg_init(&m, MSG_PROC_JOIN);
	m.u.PROC_JOIN.slot = 1;
	m.u.PROC_JOIN.pid = one;
	m.u.PROC_JOIN.start_ticks = ticks;
	send_to(&g.manager, &m);
	want_refusal(&g, EBUSY, &m);
	assert_int_equal(m.u.EXIT.slot, 1);
	ack(&g, &m);
	assert_int_equal(getpgid(one), group);
	send_signal(&g, 0, SIGNAL_PROC, SIGTERM);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.slot, 0);
	assert_int_equal(m.u.EXIT.pid, one);
	assert_int_equal(m.u.EXIT.how, EXIT_UNKNOWN);
	assert_int_equal(waitpid(one, NULL, 0), one);
	rig_stop(&g);
}

/* The next message that is no PING, and not of our SIGCONT. */
static void
want_next(struct rig *g, struct msg *m)
{
	uint64_t until = now_ms() + DEADLINE_MS;

	do {
		while (!step(g, m, until))
			;
	} while (m->head.id == MSG_PING || m->head.id == MSG_GOT_SIGNAL);
}

/* Where its cgroup cannot be entered it is of the slot all the same, by its mark, and the
 * manager hears so before it hears that it is there. */
static void
test_stranger_that_cannot_be_moved_joins(void **state)
{
	pid_t one = stranger();
	char path[512], sub[600];
	struct rlimit mark;
	struct rig g;
	struct msg m;

	(void)state;
	rig_prepare_in_cgroup(&g, path, sizeof(path));
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	slot_open(&g, 0, false, true);
	want(&g, MSG_SLOT_CGROUP, &m);
	msg_close_fds(&m);
	snprintf(sub, sizeof(sub), "%s/unit0.service.0", path);
	assert_int_equal(rmdir(sub), 0);
	proc_join(&g, one, started_at(one));
	want_next(&g, &m);
	assert_string_equal(msg_name(m.head.id), "SLOT");
	assert_int_equal(m.u.SLOT.has_cgroup, 0);
	want_next(&g, &m);
	assert_string_equal(msg_name(m.head.id), "STARTED");
	assert_int_equal(m.u.STARTED.pid, one);
	assert_int_equal(m.u.STARTED.execed, 1);
	assert_int_equal(prlimit(one, RLIMIT_RTTIME, NULL, &mark), 0);
	assert_int_not_equal(mark.rlim_max, RLIM_INFINITY);
	send_slot(&g, MSG_WATCH_EMPTY, 0);
	send_signal(&g, 0, SIGNAL_SLOT, SIGTERM);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.pid, one);
	want(&g, MSG_EMPTY, &m);
	assert_int_equal(waitpid(one, NULL, 0), one);
	rig_stop(&g);
	rmdir(path);
}

/* The old process hands over and ends in one instant: its end is not that of the new. */
static void
test_end_of_the_old_is_not_that_of_the_new(void **state)
{
	pid_t old = stranger(), new = stranger();
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	proc_set(&g, old);
	want(&g, MSG_STARTED, &m);
	assert_int_equal(m.u.STARTED.pid, old);
	assert_int_equal(kill(g.init, SIGSTOP), 0);
	proc_set(&g, new);
	assert_int_equal(kill(old, SIGKILL), 0);
	assert_int_equal(waitpid(old, NULL, 0), old);
	assert_int_equal(kill(g.init, SIGCONT), 0);
	want(&g, MSG_STARTED, &m);
	assert_int_equal(m.u.STARTED.pid, new);
	slot_open(&g, 1, false, false);
	want_next(&g, &m);
	assert_string_equal(msg_name(m.head.id), "SLOT");
	assert_int_equal(m.u.SLOT.slot, 1);
	assert_int_equal(kill(new, SIGKILL), 0);
	assert_int_equal(waitpid(new, NULL, 0), new);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.pid, new);
	rig_stop(&g);
}

/* A name for the main process that is none changes nothing, also when it has ended. */
static void
test_exit_outlives_a_bad_main_process(void **state)
{
	pid_t none = stranger();
	struct rig g;
	struct msg m;

	(void)state;
	assert_int_equal(kill(none, SIGKILL), 0);
	assert_int_equal(waitpid(none, NULL, 0), none);
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exit 5");
	want(&g, MSG_EXIT, &m);
	proc_set(&g, none);
	slot_open(&g, 1, false, false);
	want_next(&g, &m);
	assert_string_equal(msg_name(m.head.id), "SLOT");
	kill_role(&g, &g.manager);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(m.u.EXIT.status, 5);
	rig_stop(&g);
}

/* Init itself was frozen (a container that is paused): so was who owes it an answer. */
static void
test_frozen_init_kills_nobody(void **state)
{
	struct rig g;
	struct msg m, a;
	int32_t manager;

	(void)state;
	rig_prepare(&g);
	g.table->settings.ping_us = 20000;
	g.table->settings.ping_timeout_us = 200000;
	rig_exec(&g);
	g.silent = true;
	want(&g, MSG_PING, &m);
	assert_int_equal(kill(g.init, SIGSTOP), 0);
	manager = g.manager.pid;
	slot_open(&g, 0, false, false);
	/* The time itself: nothing happens in it. */
	poll(NULL, 0, 2500);
	assert_int_equal(kill(g.init, SIGCONT), 0);
	want(&g, MSG_SLOT, &a);
	msg_init(&a, MSG_PONG);
	a.u.PONG.seq = m.u.PING.seq;
	send_to(&g.manager, &a);
	g.silent = false;
	slot_open(&g, 1, false, false);
	do
		want(&g, MSG_SLOT, &a);
	while (a.u.SLOT.slot != 1);
	assert_int_equal(g.manager.pid, manager);
	assert_int_equal(g.table->role[ROLE_MANAGER].restarts, 0);
	/* But not twice. */
	g.silent = true;
	want(&g, MSG_HELLO, &m);
	rig_stop(&g);
}

/* A pipe in the place of the one that the service has is another one. */
static void
test_another_pipe_in_its_place_is_seen(void **state)
{
	struct rig g;
	struct msg m;
	int32_t pid;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exec sleep 1000");
	pid = want_execed(&g, 0);
	assert_int_equal(kill(g.init, SIGKILL), 0);
	assert_int_equal(waitpid(g.init, NULL, 0), g.init);
	assert_int_equal(unlinkat(g.run_fd, "fifo/0.out", 0), 0);
	/* (A file in between, so that the inode is not given again.) */
	close(openat(g.run_fd, "between", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(mkfifoat(g.run_fd, "fifo/0.out", 0600), 0);
	/* As boot does it. */
	table_slot(g.table, 0)->fd_out = table_slot(g.table, 0)->fd_err = -1;
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	spawn_sh(&g, 0, PROC_CONTROL, "exit 3");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.phase, 0);
	assert_int_equal(m.u.EXIT.status, 3);
	assert_int_equal(kill(pid, SIGKILL), 0);
	rig_stop(&g);
}

/* A child that hangs before its exec keeps nothing that the next supd needs. */
static void
test_hanging_child_does_not_hold_the_lock(void **state)
{
	char path[128];
	struct spec_buf b;
	struct rig g;
	struct msg m;
	int fd;

	(void)state;
	rig_prepare(&g);
	snprintf(path, sizeof(path), "%s/lock", g.dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	close(g.table->fd[FD_LOCK]);
	g.table->fd[FD_LOCK] = fcntl(fd, F_DUPFD, 3);
	close(fd);
	rig_exec(&g);
	close(g.table->fd[FD_LOCK]);
	snprintf(path, sizeof(path), "%s/never", g.dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	want_fds_closed(&g, MSG_REPLAY_END);
	for (uint32_t slot = 0; slot < 2; slot++) {
		slot_open(&g, slot, false, false);
		sh(&b, "exit 0");
		spec_put_stdio(&b, SPEC_STDIN, SPEC_IO_FILE, path);
		spawn_id = slot == 0 ? MSG_SPAWN : MSG_SPAWN_QUICK;
		spawn_spec(&g, slot, PROC_MAIN, &b);
		spawn_id = MSG_SPAWN;
		do
			want(&g, MSG_STARTED, &m);
		while (m.u.STARTED.slot != slot);
	}
	/* It hangs where it has to: the table knows its start time from there on. */
	for (uint64_t until = now_ms() + DEADLINE_MS;
	     table_slot(g.table, 0)->proc[PROC_MAIN].start_ticks == 0 ||
	     table_slot(g.table, 1)->proc[PROC_MAIN].start_ticks == 0;
	     assert_true(now_ms() < until))
		poll(NULL, 0, 10);
	kill_role(&g, &g.logger);
	kill_role(&g, &g.manager);
	assert_int_equal(kill(g.init, SIGKILL), 0);
	assert_int_equal(waitpid(g.init, NULL, 0), g.init);
	snprintf(path, sizeof(path), "%s/lock", g.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	for (uint64_t until = now_ms() + 5000; flock(fd, LOCK_EX | LOCK_NB) == -1;
	     assert_true(now_ms() < until))
		poll(NULL, 0, 10);
	close(fd);
	rig_stop(&g);
}

/* What stands where the binary was may hang whoever opens it. */
static void
test_reexec_does_not_wait_for_the_file(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_prepare(&g);
	snprintf(g.table->exe, sizeof(g.table->exe), "%s/binary", g.dir);
	assert_int_equal(mkfifo(g.table->exe, 0700), 0);
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	msg_init(&m, MSG_REEXEC);
	send_to(&g.manager, &m);
	slot_open(&g, 0, false, false);
	/* In any order. */
	for (int slots = 0, refusals = 0; slots == 0 || refusals == 0;) {
		want_next(&g, &m);
		slots += m.head.id == MSG_SLOT;
		refusals += m.head.id == MSG_REEXEC_FAILED;
	}
	assert_int_equal(g.table->reexecs, 0);
	rig_stop(&g);
}

/* Descriptors of init that an exec leaves open. */
static bool
is_kept(pid_t pid, int fd)
{
	char path[64], line[128];
	bool kept = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "flags:", 6) == 0)
			kept = (strtoul(line + 6, NULL, 8) & O_CLOEXEC) == 0;
	if (f != NULL)
		fclose(f);
	return kept;
}

/* After a crash there may be no room for what init needs: it tries until there is. */
static void
test_crash_without_room_is_waited_out(void **state)
{
	struct rlimit few, was;
	struct rig g;
	struct msg m;
	int fd = 0;

	(void)state;
	rig_start(&g);
	while (is_kept(g.init, fd))
		fd++;
	/* One number for the loader of programs, not enough for init. */
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, NULL, &was), 0);
	few = (struct rlimit){ (rlim_t)fd + 1, was.rlim_max };
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, &few, NULL), 0);
	assert_int_equal(kill(g.init, SIGSEGV), 0);
	for (uint64_t until = now_ms() + DEADLINE_MS; g.table->crashes == 0;
	     assert_true(now_ms() < until))
		poll(NULL, 0, 10);
	/* It would end at once. */
	poll(NULL, 0, 500);
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, &was, NULL), 0);
	want(&g, MSG_HELLO, &m);
	assert_int_equal(m.u.HELLO.init_pid, g.init);
	rig_stop(&g);
}

/* A slot that cannot be is answered: who asked waits for that. */
static void
test_slot_that_cannot_be_is_answered(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	msg_init(&m, MSG_SLOT_OPEN);
	m.u.SLOT_OPEN.slot = 2;
	strcpy(m.u.SLOT_OPEN.unit, "../x.service");
	send_to(&g.manager, &m);
	want(&g, MSG_SLOT, &m);
	assert_int_equal(m.u.SLOT.slot, 2);
	assert_int_equal(m.u.SLOT.err, EINVAL);
	rig_stop(&g);
}

/* The limit below which a process may have so many descriptors more. */
static rlim_t
room_for(pid_t pid, int more)
{
	char path[64];
	int fd = 0;

	for (; more > 0; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		more -= faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == -1;
	}
	return (rlim_t)fd;
}

/* n processes of a slot that lead sessions of their own: each gets the signal. */
static void
end_many(struct rig *g, uint32_t slot, int n, bool few_descriptors)
{
	struct rlimit few, was;
	char script[SMALL];
	struct msg m;

	slot_open(g, slot, false, true);
	snprintf(script, sizeof(script),
	    "i=0; while [ $i -lt %d ]; do setsid sleep 1000 & i=$((i+1)); done; echo up; "
	    "wait",
	    n);
	spawn_sh(g, slot, PROC_MAIN, script);
	want_line(g, slot, 0, "up\n");
	send_slot(g, MSG_WATCH_EMPTY, slot);
	assert_int_equal(prlimit(g->init, RLIMIT_NOFILE, NULL, &was), 0);
	few = (struct rlimit){ room_for(g->init, 8), was.rlim_max };
	if (few_descriptors)
		assert_int_equal(prlimit(g->init, RLIMIT_NOFILE, &few, NULL), 0);
	send_signal(g, slot, SIGNAL_SLOT, SIGTERM);
	want(g, MSG_EMPTY, &m);
	assert_int_equal(m.u.EMPTY.slot, slot);
	assert_int_equal(prlimit(g->init, RLIMIT_NOFILE, &was, NULL), 0);
}

static void
test_signal_reaches_each_of_many(void **state)
{
	char path[512], sub[600];
	struct rig g;

	(void)state;
	rig_prepare_in_cgroup(&g, path, sizeof(path));
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	end_many(&g, 0, 1200, false); /* more than init holds at a time */
	end_many(&g, 1, 60, true);
	rig_stop(&g);
	for (int slot = 0; slot < 2; slot++) {
		snprintf(sub, sizeof(sub), "%s/unit%d.service.%d", path, slot, slot);
		rmdir(sub);
	}
	rmdir(path);
}

static void
want_stopped(const struct rig *g, uint32_t slot, bool stopped)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	char state = '-', path[64], text[512], *end;

	snprintf(path, sizeof(path), "/proc/%d/stat",
	    (int)table_slot(g->table, slot)->proc[PROC_MAIN].pid);
	while ((state == 'T') != stopped || state == '-') {
		FILE *f = fopen(path, "r");

		assert_true(now_ms() < until);
		assert_non_null(f);
		if (fgets(text, sizeof(text), f) != NULL &&
		    (end = strrchr(text, ')')) != NULL)
			state = end[2];
		fclose(f);
		poll(NULL, 0, 1);
	}
}

/* A freeze for which there was no descriptor is one by signals, and so is its thaw. */
static void
test_freeze_without_room_is_thawed(void **state)
{
	struct rlimit few, was;
	char path[512], sub[600];
	struct rig g;
	struct msg m;

	(void)state;
	rig_prepare_in_cgroup(&g, path, sizeof(path));
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	slot_open(&g, 0, false, true);
	spawn_sh(&g, 0, PROC_MAIN, "echo up; exec sleep 1000");
	want_line(&g, 0, 0, "up\n");
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, NULL, &was), 0);
	few = (struct rlimit){ room_for(g.init, 0), was.rlim_max };
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, &few, NULL), 0);
	send_signal(&g, 0, SIGNAL_SLOT_FREEZE, 0);
	want_stopped(&g, 0, true);
	assert_int_equal(prlimit(g.init, RLIMIT_NOFILE, &was, NULL), 0);
	send_signal(&g, 0, SIGNAL_SLOT_THAW, 0);
	want_stopped(&g, 0, false);
	send_slot(&g, MSG_WATCH_EMPTY, 0);
	send_signal(&g, 0, SIGNAL_SLOT, SIGTERM);
	want(&g, MSG_EMPTY, &m);
	rig_stop(&g);
	snprintf(sub, sizeof(sub), "%s/unit0.service.0", path);
	rmdir(sub);
	rmdir(path);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stranger_joins),
		cmocka_unit_test(test_stranger_that_cannot_be_moved_joins),
		cmocka_unit_test(test_complaints_wait_for_nobody),
		cmocka_unit_test(test_end_of_the_old_is_not_that_of_the_new),
		cmocka_unit_test(test_exit_outlives_a_bad_main_process),
		cmocka_unit_test(test_frozen_init_kills_nobody),
		cmocka_unit_test(test_another_pipe_in_its_place_is_seen),
		cmocka_unit_test(test_hanging_child_does_not_hold_the_lock),
		cmocka_unit_test(test_reexec_does_not_wait_for_the_file),
		cmocka_unit_test(test_crash_without_room_is_waited_out),
		cmocka_unit_test(test_slot_that_cannot_be_is_answered),
		cmocka_unit_test(test_signal_reaches_each_of_many),
		cmocka_unit_test(test_freeze_without_room_is_thawed),
	};
	int rc;

	if (rig_part(argc, argv, &rc))
		return rc;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
