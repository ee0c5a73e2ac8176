/*
 * init as a real process: its own new execution, the manager beside it, the end.
 */
#include "init_rig.h"

/* how: 0 by request, else the signal of a crash. */
static void
run_reexec(int how)
{
	struct spec_buf b;
	struct rig g;
	struct msg m;
	int32_t pid;
	int go;

	rig_start(&g);
	go = store_pipe(&g);
	slot_open(&g, 2, true, false);
	sh(&b, "read x <&3; echo \"$x\"; exit 6");
	spec_put_u32(&b, SPEC_FD, 1);
	spawn_spec(&g, 2, PROC_MAIN, &b);
	pid = want_execed(&g, 2);
	if (how == 0) {
		msg_init(&m, MSG_REEXEC);
		send_to(&g.manager, &m);
	} else {
		assert_int_equal(kill(g.init, how), 0);
	}
	want(&g, MSG_HELLO, &m);
	assert_int_equal(m.u.HELLO.init_pid, g.init);
	want(&g, MSG_SLOT, &m);
	assert_int_equal(m.u.SLOT.slot, 2);
	assert_int_equal(m.u.SLOT.proc[PROC_MAIN].pid, pid);
	assert_int_equal(m.u.SLOT.proc[PROC_MAIN].is_child, 1);
	want_fds_closed(&g, MSG_SLOT_NOTIFY);
	want_fds_closed(&g, MSG_STORED);
	want_fds_closed(&g, MSG_REPLAY_END);
	/* The child is still ours, its pipes still lead to the logger. */
	assert_int_equal(write(go, "hello\n", 6), 6);
	close(go);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(m.u.EXIT.status, 6);
	want_line(&g, 2, 0, "hello\n");
	assert_int_equal(how == 0 ? g.table->reexecs : g.table->crashes, 1);
	rig_stop(&g);
}

static void
test_reexec_keeps_everything(void **state)
{
	(void)state;
	run_reexec(0);
}

static void
test_crash_starts_again_from_the_table(void **state)
{
	(void)state;
	run_reexec(SIGSEGV);
	run_reexec(SIGABRT);
}

static void
test_reexec_into_what_cannot_take_over_is_refused(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	snprintf(g.table->exe, sizeof(g.table->exe), "/bin/true");
	msg_init(&m, MSG_REEXEC);
	send_to(&g.manager, &m);
	want(&g, MSG_REEXEC_FAILED, &m);
	assert_int_equal(m.u.REEXEC_FAILED.err, EPROTONOSUPPORT);
	snprintf(g.table->exe, sizeof(g.table->exe), "/nowhere");
	msg_init(&m, MSG_REEXEC);
	send_to(&g.manager, &m);
	want(&g, MSG_REEXEC_FAILED, &m);
	assert_int_equal(m.u.REEXEC_FAILED.err, ENOENT);
	assert_int_equal(g.table->reexecs, 0);
	rig_stop(&g);
}

static void
test_reexec_takes_the_file_that_is_there_now(void **state)
{
	char path[SMALL], cmd[SMALL * 4 + TABLE_PATH_MAX];
	struct stat now, used;
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	snprintf(path, sizeof(path), "%s/supd", g.dir);
	snprintf(cmd, sizeof(cmd), "cp '%s' '%s.new' && mv '%s.new' '%s'", g.table->exe,
	    path, path, path);
	assert_int_equal(system(cmd), 0);
	snprintf(g.table->exe, sizeof(g.table->exe), "%s", path);
	assert_int_equal(stat(path, &now), 0);
	msg_init(&m, MSG_REEXEC);
	send_to(&g.manager, &m);
	want(&g, MSG_HELLO, &m);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)g.init);
	assert_int_equal(stat(path, &used), 0);
	assert_int_equal(now.st_ino, used.st_ino);
	rig_stop(&g);
}

static void
test_without_a_manager_a_second_signal_ends(void **state)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct rig g;
	struct pollfd none = { -1, 0, 0 };

	(void)state;
	rig_prepare(&g);
	close(g.table->fd[FD_EXE]);
	g.table->fd[FD_EXE] = open("/bin/false", O_RDONLY);
	rig_exec(&g);
	while (g.table->role[ROLE_MANAGER].quick_deaths < 2) {
		assert_true(now_ms() < until);
		poll(&none, 1, 5);
	}
	assert_int_equal(kill(g.init, SIGTERM), 0);
	while (g.table->signal[SIGTERM].count == 0) {
		assert_true(now_ms() < until);
		poll(&none, 1, 5);
	}
	assert_int_equal(g.table->halting, 0);
	assert_int_equal(kill(g.init, SIGINT), 0);
	assert_int_equal(wait_for_init(&g), 1);
	close(g.table->fd[FD_EXE]);
	rig_stop(&g);
}

static void
test_signals_wait_for_a_manager(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	assert_int_equal(kill(g.init, SIGHUP), 0);
	want(&g, MSG_GOT_SIGNAL, &m);
	assert_int_equal(m.u.GOT_SIGNAL.signo, SIGHUP);
	assert_int_equal(m.u.GOT_SIGNAL.pid, getpid());
	assert_int_equal(kill(g.init, SIGTERM), 0);
	want(&g, MSG_GOT_SIGNAL, &m);
	assert_int_equal(m.u.GOT_SIGNAL.signo, SIGTERM);
	assert_int_equal(m.u.GOT_SIGNAL.count, 1);
	rig_stop(&g);
}

static void
test_hung_manager_is_replaced(void **state)
{
	struct rig g;
	struct msg m;
	int32_t old;

	(void)state;
	rig_prepare(&g);
	g.table->settings.ping_us = 50000;
	g.table->settings.ping_timeout_us = 300000;
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	old = g.manager.pid;
	g.silent = true;
	want(&g, MSG_HELLO, &m);
	g.silent = false;
	assert_int_not_equal(g.manager.pid, old);
	want(&g, MSG_ROLE, &m);
	while (m.u.ROLE.role != ROLE_MANAGER)
		want(&g, MSG_ROLE, &m);
	assert_int_equal(m.u.ROLE.hung, 1);
	rig_stop(&g);
}

static void
test_manager_that_dies_often_starts_in_safe_mode(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_prepare(&g);
	g.table->settings.safe_mode_after = 3;
	g.table->settings.backoff_max_us = 1000;
	rig_exec(&g);
	for (uint32_t i = 0; i < 3; i++) {
		want(&g, MSG_HELLO, &m);
		assert_int_equal(m.u.HELLO.safe_mode, 0);
		assert_int_equal(m.u.HELLO.generation, i);
		kill_role(&g, &g.manager);
	}
	want(&g, MSG_HELLO, &m);
	assert_int_equal(m.u.HELLO.safe_mode, 1);
	rig_stop(&g);
}

static void
test_protocol_breach_replaces_the_peer(void **state)
{
	struct rig g;
	struct msg m;
	int32_t old;

	(void)state;
	rig_start(&g);
	old = g.manager.pid;
	assert_int_equal(send(g.manager.chan.fd, "nonsense", 8, 0), 8);
	want(&g, MSG_HELLO, &m);
	assert_int_not_equal(g.manager.pid, old);
	rig_stop(&g);
}

/* The timer of init is not armed: nothing wakes it. */
static bool
timer_is_idle(const struct rig *g)
{
	bool idle = false;

	for (int fd = 3; fd < 64; fd++) {
		char path[64], line[SMALL];
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)g->init, fd);
		f = fopen(path, "r");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
			if (strncmp(line, "it_value:", 9) == 0)
				idle = strstr(line, "(0, 0)") != NULL;
		}
		if (f != NULL)
			fclose(f);
	}
	return idle;
}

static void
test_idle_arms_no_timer(void **state)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct rig g;
	struct msg m;

	(void)state;
	rig_prepare(&g);
	g.table->settings.ping_us = 20000;
	g.table->settings.ping_timeout_us = 30000000;
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exec sleep 1000");
	(void)want_execed(&g, 0);
	/* The pings that this caused are answered, then there are no more. */
	while (!timer_is_idle(&g)) {
		/* The logger may still be on its way. */
		struct pollfd pfd[3] = { { g.manager.chan.fd, POLLIN, 0 },
			{ g.logger.chan.fd, POLLIN, 0 }, { g.listen_fd, POLLIN, 0 } };

		assert_true(now_ms() < until);
		if (poll(pfd, 3, 20) > 0 && step(&g, &m, until))
			msg_close_fds(&m);
	}
	rig_stop(&g);
}

static void
test_halt_ends_everything(void **state)
{
	struct rig g;
	int32_t pid;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	/* One that ends by TERM, and an orphan of no slot. */
	spawn_sh(&g, 0, PROC_MAIN, "setsid sleep 1000 & exec sleep 1000");
	pid = want_execed(&g, 0);
	halt(&g, HALT_EXIT, 42);
	assert_int_equal(wait_for_init(&g), 42);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(table_slot(g.table, 0)->log_done ||
			     table_slot(g.table, 0)->state == SLOT_FREE,
	    1);
	rig_stop(&g);
}

static void
test_second_signal_hurries_the_end(void **state)
{
	struct rig g;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "trap '' TERM; echo up; while :; do sleep 1000; done");
	want_line(&g, 0, 0, "up\n");
	halt(&g, HALT_EXIT, 0);
	while (g.table->halting == 0) {
		struct pollfd none = { -1, 0, 0 };

		poll(&none, 1, 5);
	}
	assert_int_equal(kill(g.init, SIGINT), 0);
	assert_int_equal(wait_for_init(&g), 0);
	rig_stop(&g);
}

static void
test_leave_lets_services_run_for_the_next_init(void **state)
{
	struct rig g;
	struct msg m;
	int32_t pid;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exec sleep 1000");
	pid = want_execed(&g, 0);
	halt(&g, HALT_LEAVE, 0);
	assert_int_equal(wait_for_init(&g), 0);
	assert_int_equal(kill(pid, 0), 0);
	/* The next one has another pid: no parent, but a witness. */
	close_peer(&g.manager);
	close_peer(&g.logger);
	g.table->halting = 0;
	rig_exec(&g);
	want(&g, MSG_SLOT, &m);
	assert_int_equal(m.u.SLOT.proc[PROC_MAIN].pid, pid);
	assert_int_equal(m.u.SLOT.proc[PROC_MAIN].is_child, 0);
	want_fds_closed(&g, MSG_REPLAY_END);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid); /* we are its subreaper here */
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_UNKNOWN);
	rig_stop(&g);
}

static void
test_no_table_no_init(void **state)
{
	char *argv[] = { (char *)(uintptr_t) "supd: init x", NULL };
	int st;
	pid_t pid;

	(void)state;
	setenv(INIT_TABLE_ENV, "999", 1);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		execv("/proc/self/exe", argv);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &st, 0), pid);
	assert_int_equal(WEXITSTATUS(st), INIT_EXIT_FAILURE);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reexec_keeps_everything),
		cmocka_unit_test(test_crash_starts_again_from_the_table),
		cmocka_unit_test(test_reexec_into_what_cannot_take_over_is_refused),
		cmocka_unit_test(test_reexec_takes_the_file_that_is_there_now),
		cmocka_unit_test(test_without_a_manager_a_second_signal_ends),
		cmocka_unit_test(test_signals_wait_for_a_manager),
		cmocka_unit_test(test_hung_manager_is_replaced),
		cmocka_unit_test(test_manager_that_dies_often_starts_in_safe_mode),
		cmocka_unit_test(test_protocol_breach_replaces_the_peer),
		cmocka_unit_test(test_idle_arms_no_timer),
		cmocka_unit_test(test_halt_ends_everything),
		cmocka_unit_test(test_second_signal_hurries_the_end),
		cmocka_unit_test(test_leave_lets_services_run_for_the_next_init),
		cmocka_unit_test(test_no_table_no_init),
	};

	int rc;

	if (rig_part(argc, argv, &rc))
		return rc;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
