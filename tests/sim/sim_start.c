/*
 * How one service comes up, line by line: every type, and what a start waits for or
 * fails by.
 */
#include "script.h"

static void
test_table_is_total(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(svc_undecided(), 0);
	svc_explain(&b);
	assert_null(strstr(b.data, "undecided"));
	buf_free(&b);
}

static void
test_simple(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_count[SVC_DONE_START], 1);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_run(w);
	assert_true(svc_memory(w->s)->main_pid > 0);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
	assert_non_null(strstr(svc_why(w->s), "stopped by a person"));
	assert_false(svc_has_slot(w->s));
	assert_string_equal(w->log,
	    "[start] [running] open main:main [stop-sigterm] TERM CONT "
	    "[final-sigterm] [dead] close ");
	w_free(w);
}

static void
test_end_by_itself(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 3);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(w->s), "main process exited, status=3"));
	assert_int_equal(svc_memory(w->s)->main_exit.status, 3);
	svc_reset_failed(w->s);
	assert_state(w, SVC_DEAD);
	w_free(w);
}

static void
test_full_start_and_stop(void **state)
{
	struct world *w =
	    w_new(U("ExecCondition=/c1\nExecStartPre=/p1\nExecStartPre=/p2\n" SIMPLE
		    "ExecStartPost=/q1\nExecStop=/s1\nExecStop=/s2\nExecStopPost=/t1\n"));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_string_equal(w->log,
	    "[condition] open ctl:c1 [start-pre] ctl:p1 ctl:p2 [start] main:main "
	    "[start-post] ctl:q1 [running] [stop] ctl:s1 ctl:s2 [stop-sigterm] TERM CONT "
	    "[stop-post] ctl:t1 [final-sigterm] TERM CONT [dead] close ");
	w_free(w);
}

static void
test_condition_skips(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nExecCondition=/c1\n" SIMPLE "ExecStopPost=/t\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 1);
	w->auto_exit_control = true;
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_EXEC_CONDITION);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_SKIPPED);
	assert_int_equal(w->spawns[PROC_MAIN], 0);
	assert_non_null(strstr(w->log, "ctl:t"));
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 255);
	w->auto_exit_control = true;
	w_run(w);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_state(w, SVC_AUTO_RESTART);
	w_free(w);
}

static void
test_start_pre_fails(void **state)
{
	struct world *w =
	    w_new(U("ExecStartPre=/p1\n" SIMPLE "ExecStop=/s\nExecStopPost=/t\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 7);
	w->auto_exit_control = true;
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	/* ExecStop= is not run for what never started, ExecStopPost= is. */
	assert_null(strstr(w->log, "ctl:s "));
	assert_non_null(strstr(w->log, "ctl:t"));
	assert_non_null(strstr(svc_why(w->s), "ExecStartPre=/p1 exited, status=7"));
	w_free(w);
}

static void
test_minus_ignores_failure(void **state)
{
	struct world *w = w_new(U("ExecStartPre=-/p1\nExecStart=-/bin/main\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 7);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_main_ends(w, EXIT_KILLED, SIGSEGV);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_free(w);
}

static void
test_exec(void **state)
{
	struct world *w = w_new(U("Type=exec\n" SIMPLE));

	(void)state;
	w_up(w);
	assert_state(w, SVC_START);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_down(w);
	w_run(w);
	w->exec_fails = true;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	assert_non_null(strstr(svc_why(w->s), "step exec"));
	w_free(w);
}

static void
test_oneshot(void **state)
{
	struct world *w =
	    w_new(U("Type=oneshot\nExecStart=/one\nExecStart=/two\nRemainAfterExit=yes\n"
		    "ExecStop=/s\n"));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	assert_int_equal(w->done_count[SVC_DONE_START], 0);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_START);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_EXITED);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_non_null(strstr(w->log, "ctl:s"));
	/* The first failure ends it. */
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_KILLED, SIGTERM); /* not a clean end for a oneshot */
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_SIGNAL);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	w_free(w);
}

static void
test_oneshot_without_remain(void **state)
{
	struct world *w = w_new(U("Type=oneshot\nExecStart=/one\n"));

	(void)state;
	w_up(w);
	w_run(w);
	/* It has no limit for its start. */
	assert_true(w->timer_us[SVC_TIMER_PHASE] == UINT64_MAX);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_free(w);
}

static void
test_forking(void **state)
{
	struct world *w =
	    w_new(U("Type=forking\nPIDFile=/run/a.pid\nExecStart=/bin/starter\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	w->slot[w_slot(w)].extra = 1;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_START); /* the file is not there yet */
	w->pidfile = w->last_pid + 10;
	w_advance(w, SEC);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->main_pid, w->pidfile);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	w_free(w);
}

static void
test_forking_pid_file_trust(void **state)
{
	struct world *w =
	    w_new(U("Type=forking\nPIDFile=/run/a.pid\nExecStart=/bin/starter\n"));

	(void)state;
	w->pidfile = W_FOREIGN_PID;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w->pidfile = 1;
	w->pidfile_trusted = true;
	w_up(w);
	w_run(w);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w->pidfile = W_FOREIGN_PID;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_forking_never_writes(void **state)
{
	struct world *w = w_new(U("Type=forking\nPIDFile=/run/a.pid\nTimeoutStartSec=5\n"
				  "ExecStart=/bin/starter\n"));

	(void)state;
	w_up(w);
	w_run(w); /* the group is empty: no hope */
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w->slot[w_slot(w)].extra = 1;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_advance(w, 6 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_TIMEOUT);
	w_free(w);
}

static void
test_forking_guess(void **state)
{
	struct world *w = w_new(U("Type=forking\nExecStart=/bin/starter\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w->slot[w_slot(w)].extra = 1;
	w->guess = w->last_pid + 1;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->main_pid, w->guess);
	w_main_ends(w, EXIT_UNKNOWN, 0);
	assert_state(w, SVC_FAILED);
	/* Nobody to guess: the last to end ends it. */
	w->guess = 0;
	w_up(w);
	w_run(w);
	w->slot[w_slot(w)].extra = 2;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->main_pid, 0);
	w_others_end(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_free(w);
}

static void
test_start_timeout(void **state)
{
	struct world *w = w_new(U("Type=notify\nTimeoutStartSec=5\n" SIMPLE));

	(void)state;
	w_up(w);
	w_advance(w, 4 * SEC);
	assert_state(w, SVC_START);
	w_notify(w, "EXTEND_TIMEOUT_USEC=10000000");
	w_advance(w, 8 * SEC);
	assert_state(w, SVC_START);
	w_advance(w, 3 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_TIMEOUT);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_TIMEOUT);
	w_free(w);

	w = w_new(U("Type=notify\nTimeoutStartSec=5\nTimeoutStartFailureMode=abort\n"
		    "WatchdogSignal=SIGABRT\n" SIMPLE));
	w_up(w);
	w_advance(w, 6 * SEC);
	assert_non_null(strstr(w->log, "[stop-watchdog] ABRT"));
	w_free(w);

	w = w_new(
	    U("Type=notify\nTimeoutStartSec=5\nTimeoutStartFailureMode=kill\n" SIMPLE));
	w_up(w);
	w_advance(w, 6 * SEC);
	assert_non_null(strstr(w->log, "[stop-sigkill] KILL"));
	w_free(w);
}

/* All slots are used, and one is being closed: the start waits for it, within its time.
 */
static void
test_start_waits_for_slot(void **state)
{
	struct world *w = w_new(
	    U("ExecStopPost=/bin/true\nTimeoutStartSec=5\nTimeoutStopSec=7\n" SIMPLE));

	(void)state;
	w->full = true;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START_PRE);
	assert_true(svc_waits_for_slot(w->s));
	svc_on_slot_free(w->s); /* somebody else was quicker */
	w_run(w);
	assert_true(svc_waits_for_slot(w->s));
	w->full = false;
	svc_on_slot_free(w->s);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	svc_on_slot_free(w->s);
	w_run(w);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);

	/* Stopped, forced down, or over with its time: at once, and nothing was run. */
	w->full = true;
	w->spawns[PROC_CONTROL] = 0;
	w_up(w);
	w_run(w);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_up(w);
	w_run(w);
	svc_force_down(w->s, "a person");
	w_run(w);
	assert_state(w, SVC_DEAD);
	w_up(w);
	w_run(w);
	w_advance(w, 6 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_TIMEOUT);
	assert_int_equal(w->spawns[PROC_CONTROL], 0);
	w->full = false;
	svc_on_slot_free(w->s);
	w_run(w);
	assert_state(w, SVC_FAILED);

	/* A new manager goes on waiting, or has one at once. */
	w->full = true;
	w_up(w);
	w_run(w);
	w_revive(w);
	w_run(w);
	assert_true(svc_waits_for_slot(w->s));
	w->full = false;
	w_revive(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_free(w);
}

static void
test_resources(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w->fail_fill = 1;
	w_up(w);
	assert_state(w, SVC_FAILED);
	/* As a child that finds out: status 217. */
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(w->s), "no such user"));
	assert_non_null(strstr(svc_why(w->s), "217"));
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	w->fail_slots = 1;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_RESOURCES);
	assert_false(svc_has_slot(w->s));
	w->fail_spawn = 1;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_RESOURCES);
	assert_false(svc_has_slot(w->s));
	w_free(w);
}

static void
set_unmet(struct world *w, bool asserted)
{
	w->conditions = (struct svc_conditions){ .asserted = asserted,
		.unmet = "ConditionPathExists=/x",
		.found = "No such file or directory" };
}

/* A start that is skipped leaves no trace, and no other manager makes up for it. */
static void
test_conditions(void **state)
{
	struct world *w =
	    w_new("[Unit]\nConditionPathExists=/x\n" U("Restart=always\n" SIMPLE));

	(void)state;
	set_unmet(w, false);
	w_up(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_SKIPPED);
	assert_string_equal(svc_memory(w->s)->unmet, "ConditionPathExists=/x");
	assert_int_not_equal(svc_memory(w->s)->checked_wall_us, 0);
	assert_int_equal(svc_memory(w->s)->slot, SLOT_NONE);
	assert_non_null(
	    strstr(svc_why(w->s), "skipped: ConditionPathExists=/x: No such"));
	set_unmet(w, true);
	w_up(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_ASSERT);
	w_revive(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_string_equal(svc_memory(w->s)->unmet, "ConditionPathExists=/x");
	assert_string_equal(svc_memory(w->s)->found, "No such file or directory");
	assert_int_equal(w->spawns[PROC_MAIN], 0);
	w->conditions = (struct svc_conditions){ .held = true };
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_string_equal(svc_memory(w->s)->unmet, "");
	/* A restart asks again, and then nothing is due any more. */
	set_unmet(w, false);
	w_exit(w, PROC_MAIN, EXIT_EXITED, 1);
	w_run(w);
	assert_state(w, SVC_AUTO_RESTART);
	w_advance(w, 10 * SEC);
	assert_state(w, SVC_DEAD);
	assert_int_equal(svc_next_restart_us(w->s), 0);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_table_is_total),
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_end_by_itself),
		cmocka_unit_test(test_full_start_and_stop),
		cmocka_unit_test(test_condition_skips),
		cmocka_unit_test(test_start_pre_fails),
		cmocka_unit_test(test_minus_ignores_failure),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_oneshot),
		cmocka_unit_test(test_oneshot_without_remain),
		cmocka_unit_test(test_forking),
		cmocka_unit_test(test_forking_pid_file_trust),
		cmocka_unit_test(test_forking_never_writes),
		cmocka_unit_test(test_forking_guess),
		cmocka_unit_test(test_start_timeout),
		cmocka_unit_test(test_start_waits_for_slot),
		cmocka_unit_test(test_resources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
