/*
 * When one service is ready and whether it is well: patterns, probes, its watchdog.
 */
#include "script.h"

static void
w_forget_log(struct world *w)
{
	w->loglen = 0;
	w->log[0] = '\0';
}

/* Whoever comes after the manager that told the logger can tell it again. */
static void
test_patterns_outlive_manager(void **state)
{
	struct world *w =
	    w_new(U("ExecStartPre=/bin/true\n" SIMPLE "ReadyPattern=listening\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START_PRE);
	w_forget_log(w);
	w_revive(w);
	w_run(w);
	assert_non_null(strstr(w->log, "patterns"));
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_START);
	w_forget_log(w);
	w_revive(w);
	w_run(w);
	assert_non_null(strstr(w->log, "patterns"));
	svc_on_match(w->s, w_slot(w), 0, "now listening");
	assert_state(w, SVC_RUNNING);
	w_forget_log(w);
	w_revive(w);
	w_run(w);
	assert_null(strstr(w->log, "patterns"));
	w_free(w);
}

static void
test_ready_all(void **state)
{
	struct world *w = w_new(U(SIMPLE "ReadyPattern=listening\nReadyTCP=8080\n"));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	assert_non_null(strstr(w->log, "patterns"));
	svc_on_match(w->s, w_slot(w), 0, "now listening");
	assert_state(w, SVC_START);
	w_advance(w, SEC / 10);
	assert_int_equal(w->nprobes, 1);
	svc_on_probe(w->s, PROBE_USE_READY, w->probe_id[0], false, "refused");
	assert_state(w, SVC_START);
	w->nprobes = 0;
	w_advance(w, SEC);
	assert_int_equal(w->nprobes, 1); /* never two of one at a time */
	svc_on_probe(w->s, PROBE_USE_READY, w->probe_id[0], true, "connected");
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_ready_any_and_exec(void **state)
{
	struct world *w =
	    w_new(U(SIMPLE "ReadyPattern=listening\nReadyExec=/bin/ask\nReadyWhen=any\n"
			   "HealthTimeoutSec=3\n"));

	(void)state;
	w_up(w);
	w_advance(w, SEC / 10);
	assert_true(w_lives(w, PROC_READY));
	w_advance(w, 2 * SEC);
	assert_int_equal(w->spawns[PROC_READY], 1);
	w_advance(w, 2 * SEC); /* killed, tried again */
	assert_true(w->spawns[PROC_READY] >= 2);
	assert_state(w, SVC_START);
	w_exit(w, PROC_READY, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_main_ends_before_ready(void **state)
{
	struct world *w = w_new(U(SIMPLE "ReadyTCP=8080\n"));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w_free(w);
}

static void
test_health(void **state)
{
	struct world *w =
	    w_new(U("Restart=on-watchdog\nRestartSec=1\n" SIMPLE "HealthExec=/bin/ok\n"
		    "HealthIntervalSec=10\nHealthTimeoutSec=2\nHealthFailures=2\n"
		    "HealthGraceSec=0\n"));
	struct svc_health h;

	(void)state;
	w_up(w);
	w_advance(w, 10 * SEC);
	assert_true(w_lives(w, PROC_HEALTH));
	w_exit(w, PROC_HEALTH, EXIT_EXITED, 0);
	w_run(w);
	svc_health(w->s, &h);
	assert_true(h.known && h.ok);
	assert_non_null(strstr(h.evidence, "/bin/ok"));
	/* It hangs: killed at its limit, one failure each. */
	w_advance(w, 13 * SEC);
	svc_health(w->s, &h);
	assert_int_equal(h.failures, 1);
	assert_true(h.ok);
	assert_non_null(strstr(h.evidence, "took too long"));
	w_advance(w, 10 * SEC);
	assert_true(w->health_told == 2 && !w->health_ok);
	assert_true(w->states[SVC_AUTO_RESTART] == 1);
	assert_result(
	    w, w->spawns[PROC_MAIN] == 2 ? SVC_RESULT_SUCCESS : SVC_RESULT_WATCHDOG);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_free(w);
}

/* A command of HealthExec= that cannot be started fails at once, and the next is tried.
 */
static void
test_health_spawn_fails(void **state)
{
	struct world *w = w_new(U("HealthExec=/bin/true\nHealthExec=/bin/true\n"
				  "HealthIntervalSec=10\nHealthFailures=1\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->fail_spawn = 1;
	w_advance(w, 10 * SEC);
	assert_int_equal(w->spawns[PROC_HEALTH], 1);
	w_free(w);
}

static void
test_watchdog(void **state)
{
	struct world *w =
	    w_new(U("Type=notify\nWatchdogSec=10\nTimeoutAbortSec=3\n" SIMPLE));

	(void)state;
	w_up(w);
	w_advance(w, 30 * SEC); /* not before READY=1 */
	assert_state(w, SVC_START);
	w_notify(w, "READY=1");
	for (int i = 0; i < 5; i++) {
		w_advance(w, 8 * SEC);
		w_notify(w, "WATCHDOG=1");
	}
	assert_state(w, SVC_RUNNING);
	w_notify(w, "WATCHDOG_USEC=2000000");
	w_advance(w, SEC);
	assert_state(w, SVC_RUNNING);
	w->deaf = true;
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_STOP_WATCHDOG);
	assert_result(w, SVC_RESULT_WATCHDOG);
	assert_non_null(strstr(w->log, "ABRT"));
	w_advance(w, 4 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_WATCHDOG);
	w->deaf = false;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	w_notify(w, "WATCHDOG=trigger");
	w_run(w);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_outlive_manager),
		cmocka_unit_test(test_ready_all),
		cmocka_unit_test(test_ready_any_and_exec),
		cmocka_unit_test(test_main_ends_before_ready),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_health_spawn_fails),
		cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
