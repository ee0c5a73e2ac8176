/*
 * Whether one service is started again, when, and how often: every end, every value of
 * Restart=, the rules and the limits.
 */
#include "script.h"

enum end {
	END_CLEAN,
	END_CODE,
	END_SIGNAL,
	END_CORE,
	END_TIMEOUT,
	END_TIMEOUT_START,
	END_TIMEOUT_STOP,
	END_WATCHDOG,
	END_PROTOCOL,
	END_RESOURCES,
	END_UNKNOWN,
	END_SKIP,
	END_LIMIT,
	NENDS
};

static const bool restart_table[NENDS][7] = {
	/* no always success failure abnormal abort watchdog */
	[END_CLEAN] = { false, true, true, false, false, false, false },
	[END_CODE] = { false, true, false, true, false, false, false },
	[END_SIGNAL] = { false, true, false, true, true, true, false },
	[END_CORE] = { false, true, false, true, true, true, false },
	[END_TIMEOUT] = { false, true, false, true, true, false, false },
	[END_TIMEOUT_START] = { false, true, false, true, true, false, false },
	[END_TIMEOUT_STOP] = { false, true, false, true, true, false, false },
	[END_WATCHDOG] = { false, true, false, true, true, false, true },
	[END_PROTOCOL] = { false, true, false, true, true, false, false },
	[END_RESOURCES] = { false, true, false, true, true, false, false },
	/* Ours: it ended while nobody was there to see how, and that is a failure. */
	[END_UNKNOWN] = { false, true, false, true, true, false, false },
	[END_SKIP] = { false, false, false, false, false, false, false },
	[END_LIMIT] = { false, false, false, false, false, false, false },
};

static void
make_end(struct world *w, enum end e)
{
	w->auto_exit_control = e != END_SKIP;
	if (e == END_LIMIT) {
		/* Three times, and refused the fourth time. */
		for (int i = 0; i < 3; i++) {
			w_up(w);
			w_run(w);
			w_down(w);
			w_run(w);
		}
	}
	if (e == END_RESOURCES)
		w->fail_slots = 1;
	w_up(w);
	w_run(w);
	if (e == END_LIMIT || e == END_RESOURCES)
		return;
	if (e == END_TIMEOUT_START) {
		w_advance(w, 91 * SEC);
		return;
	}
	if (e == END_SKIP) {
		w_exit(w, PROC_CONTROL, EXIT_EXITED, 2);
		w_run(w);
		return;
	}
	if (e == END_PROTOCOL) {
		w_main_ends(w, EXIT_EXITED, 0);
		return;
	}
	w_notify(w, "READY=1");
	switch (e) {
	case END_CLEAN:
		w_main_ends(w, EXIT_KILLED, SIGTERM);
		break;
	case END_CODE:
		w_main_ends(w, EXIT_EXITED, 1);
		break;
	case END_SIGNAL:
		w_main_ends(w, EXIT_KILLED, SIGKILL);
		break;
	case END_CORE:
		w_main_ends(w, EXIT_DUMPED, SIGSEGV);
		break;
	case END_UNKNOWN:
		w_main_ends(w, EXIT_UNKNOWN, 0);
		break;
	case END_TIMEOUT_STOP:
		/* Main ended well, and left one that does not end by TERM. */
		w->deaf = true;
		w->slot[w_slot(w)].extra = 1;
		w_main_ends(w, EXIT_EXITED, 0);
		w_advance(w, 91 * SEC);
		break;
	case END_TIMEOUT:
		w_advance(w, 100 * SEC - 1);
		w_notify(w, "WATCHDOG=1");
		w_advance(w, 1);
		break;
	case END_WATCHDOG:
		w_notify(w, "WATCHDOG=trigger");
		w_run(w);
		break;
	default:
		break;
	}
}

static void
test_restart_table(void **state)
{
	static const char *const values[] = { "no", "always", "on-success", "on-failure",
		"on-abnormal", "on-abort", "on-watchdog" };
	char text[512];

	(void)state;
	for (int e = 0; e < NENDS; e++) {
		for (int v = 0; v < 7; v++) {
			struct world *w;

			snprintf(text, sizeof(text),
			    "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=500\n"
			    "[Service]\nType=notify\nRestart=%s\nRestartSec=1000\n"
			    "RuntimeMaxSec=100\nWatchdogSec=100000\n"
			    "ExecCondition=/c\nExecStart=/bin/main\n",
			    values[v]);
			w = w_new(text);
			make_end(w, (enum end)e);
			if ((svc_state(w->s) == SVC_AUTO_RESTART) != restart_table[e][v])
				fail_msg("end %d with Restart=%s: %s (%s)", e, values[v],
				    svc_state_name(svc_state(w->s)), svc_why(w->s));
			if (svc_state(w->s) == SVC_AUTO_RESTART) {
				w_advance(w, 1001 * SEC);
				assert_int_equal(svc_memory(w->s)->restarts, 1);
			}
			w_free(w);
		}
	}
}

static void
test_exit_lists(void **state)
{
	struct world *w = w_new(U("Restart=on-failure\nSuccessExitStatus=42 SIGUSR1\n"
				  "RestartPreventExitStatus=7 SIGKILL\n"
				  "RestartForceExitStatus=0 9\nRestartSec=1\n" SIMPLE));
	static const struct {
		enum exit_how how;
		int status;
		bool restart;
		enum svc_result result;
	} t[] = {
		{ EXIT_EXITED, 42, false, SVC_RESULT_SUCCESS },
		{ EXIT_KILLED, SIGUSR1, false, SVC_RESULT_SUCCESS },
		{ EXIT_EXITED, 7, false, SVC_RESULT_EXIT_CODE },
		{ EXIT_KILLED, SIGKILL, false, SVC_RESULT_SIGNAL },
		{ EXIT_EXITED, 0, true, SVC_RESULT_SUCCESS },
		{ EXIT_EXITED, 9, true, SVC_RESULT_EXIT_CODE },
		{ EXIT_EXITED, 1, true, SVC_RESULT_EXIT_CODE },
		{ EXIT_UNKNOWN, 0, true, SVC_RESULT_UNKNOWN },
	};

	(void)state;
	w_no_start_limit(w);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		w_up(w);
		w_run(w);
		w_main_ends(w, t[i].how, t[i].status);
		assert_result(w, t[i].result);
		assert_int_equal(svc_state(w->s) == SVC_AUTO_RESTART, t[i].restart);
		w_down(w);
		w_run(w);
	}
	w_free(w);
}

static void
test_restart_steps(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nRestartSec=1\nRestartSteps=4\n"
		    "RestartMaxDelaySec=16\nRestartResetSec=1000\n" SIMPLE));
	static const uint64_t want[] = { 1, 2, 4, 8, 16, 16, 16 };
	uint64_t d;

	(void)state;
	w_no_start_limit(w);
	w_up(w);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		assert_state(w, SVC_AUTO_RESTART);
		d = w->restart_delay_us;
		assert_true(d >= want[i] * SEC - 10 && d <= want[i] * SEC + 10);
		assert_int_equal(svc_next_restart_us(w->s), w->now_us + d);
		w_advance(w, d);
		assert_state(w, SVC_RUNNING);
	}
	assert_int_equal(svc_memory(w->s)->restarts, 7);
	w_advance(w, 1001 * SEC); /* a stable run */
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->restart_delay_us, SEC);
	w_free(w);
}

static void
test_restart_jitter(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nRestartSec=1\nRestartJitter=2\n" SIMPLE));
	bool differs = false;
	uint64_t first = 0;

	(void)state;
	w_no_start_limit(w);
	w_up(w);
	for (int i = 0; i < 50; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		assert_true(w->restart_delay_us >= SEC && w->restart_delay_us <= 3 * SEC);
		if (i == 0)
			first = w->restart_delay_us;
		differs |= w->restart_delay_us != first;
		w_advance(w, 3 * SEC);
	}
	assert_true(differs);
	w_free(w);
}

static void
test_start_limit(void **state)
{
	struct world *w =
	    w_new("[Unit]\nStartLimitIntervalSec=100\nStartLimitBurst=3\n" U(
		"Restart=always\nRestartSec=1\n" SIMPLE));

	(void)state;
	w_up(w);
	for (int i = 0; i < 2; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, SEC);
		assert_state(w, SVC_RUNNING);
	}
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	w_advance(w, SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_START_LIMIT);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	w_up(w);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	svc_reset_failed(w->s);
	w_up(w);
	assert_state(w, SVC_RUNNING);
	w_run(w);
	/* Those of persons count as well; time that goes by forgets them, not bit by bit.
	 */
	for (int i = 0; i < 2; i++) {
		w_down(w);
		w_run(w);
		w_up(w);
		w_run(w);
	}
	w_down(w);
	w_run(w);
	w_up(w);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_advance(w, 99 * SEC);
	w_up(w);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_advance(w, 2 * SEC);
	for (int i = 0; i < 3; i++) {
		w_up(w);
		w_run(w);
		assert_state(w, SVC_RUNNING);
		w_down(w);
		w_run(w);
	}
	w_up(w);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_free(w);
}

/* The delay begins anew when the service says so, and after a stop; not before. */
static void
test_backoff_is_reset(void **state)
{
	struct world *w =
	    w_new(U("Type=notify\nRestart=always\nRestartSec=1\nRestartSteps=3\n"
		    "RestartMaxDelaySec=8\n" SIMPLE));

	(void)state;
	w_no_start_limit(w);
	w_up(w);
	for (int i = 0; i < 3; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, 8 * SEC);
	}
	assert_true(w->restart_delay_us > 3 * SEC);
	w_run(w);
	w_notify(w, "READY=1\nRESTART_RESET=1");
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->restart_delay_us, SEC);
	w_advance(w, SEC);
	assert_int_equal(svc_memory(w->s)->restarts, 1);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_true(w->restart_delay_us > SEC);
	w_down(w);
	w_run(w);
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->restart_delay_us, SEC);
	w_free(w);
}

static void
test_start_limit_retry(void **state)
{
	struct world *w =
	    w_new("[Unit]\nStartLimitIntervalSec=100\nStartLimitBurst=2\n" U(
		"Restart=always\nRestartSec=1\nStartLimitRetrySec=60\n" SIMPLE));

	(void)state;
	w_up(w);
	for (int i = 0; i < 2; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, SEC);
	}
	assert_state(w, SVC_LIMIT_WAIT);
	assert_string_equal(svc_active_name(svc_active(w->s)), "failed");
	w_advance(w, 59 * SEC);
	assert_state(w, SVC_LIMIT_WAIT);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_actions(void **state)
{
	struct world *w =
	    w_new("[Unit]\nFailureAction=exit\nSuccessAction=reboot\n" U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->actions, 1);
	assert_int_equal(w->action, ACTION_EXIT);
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_int_equal(w->actions, 2);
	assert_int_equal(w->action, ACTION_REBOOT);
	w_free(w);
}

static void
test_rule_retries_uncounted(void **state)
{
	struct world *w = w_new(U("Restart=no\nRestartSec=1\nRestartSteps=3\n"
				  "RestartMaxDelaySec=1min\n" SIMPLE));

	(void)state;
	w->judgement = (struct svc_judgement){
		.verdict = SVC_VERDICT_RESTART, .uncounted = true, .rule = "busy"
	};
	w_up(w);
	w_run(w);
	for (int i = 0; i < 20; i++) {
		w_main_ends(w, EXIT_EXITED, 75);
		assert_state(w, SVC_AUTO_RESTART);
		assert_result(w, SVC_RESULT_SUCCESS);
		assert_non_null(strstr(svc_why(w->s), "rule busy: not counted"));
		/* Neither the limit of starts nor the steps of the delay. */
		w_advance(w, 1 * SEC + 1);
		assert_state(w, SVC_RUNNING);
	}
	assert_int_equal(svc_memory(w->s)->restarts, 0);
	assert_int_equal(svc_memory(w->s)->backoff, 0);
	/* What was said of one end is not said of the next. */
	w->judgement = (struct svc_judgement){ 0 };
	w_main_ends(w, EXIT_EXITED, 75);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

static void
test_rule_counts(void **state)
{
	struct world *w = w_new(U("Restart=no\nRestartSec=1\n" SIMPLE));
	int n = 0;

	(void)state;
	w->judgement = (struct svc_judgement){ .verdict = SVC_VERDICT_RESTART,
		.not_sooner_us = 3 * SEC / 2,
		.rule = "busy" };
	w_up(w);
	w_run(w);
	while (svc_state(w->s) == SVC_RUNNING && n < 50) {
		w_main_ends(w, EXIT_EXITED, 75);
		w_advance(w, 1 * SEC + 1);
		if (svc_state(w->s) != SVC_FAILED)
			assert_state(w, SVC_AUTO_RESTART);
		w_advance(w, SEC / 2);
		n++;
	}
	assert_int_equal(n, 5);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_free(w);
}

static void
test_rule_ends_restarts(void **state)
{
	struct world *w = w_new(U("Restart=always\n" SIMPLE));

	(void)state;
	w->judgement =
	    (struct svc_judgement){ .verdict = SVC_VERDICT_NO_RESTART, .rule = "fatal" };
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(w->s), "rule fatal: no restart"));
	/* A person may try again; a stop that was asked for is not judged. */
	w->judgement = (struct svc_judgement){
		.verdict = SVC_VERDICT_RESTART, .uncounted = true, .rule = "busy"
	};
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	w_advance(w, 100 * SEC);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_free(w);
}

/* The manager dies in the stop of a restart: it is remembered that a start follows, and
 * asked for by who has the jobs, not begun here past all that they ask for. */
static void
test_restart_outlives_manager(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->asked[SVC_DONE_STOP]++;
	svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
	assert_state(w, SVC_STOP_SIGTERM);
	w_revive(w);
	w_run(w);
	w_advance(w, 100 * SEC);
	assert_state(w, SVC_DEAD);
	assert_true(svc_memory(w->s)->then_start);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_false(svc_memory(w->s)->then_start);
	w_free(w);
}

/* The start of a restart is given up: no later manager makes up for it. */
static void
test_given_up_restart_stays_down(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->asked[SVC_DONE_STOP]++;
	svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
	w_run(w);
	assert_state(w, SVC_DEAD);
	svc_start_given_up(w->s, "b.service, which it requires, did not start");
	assert_string_equal(
	    svc_why(w->s), "not started: b.service, which it requires, did not start");
	w_revive(w);
	w_run(w);
	w_advance(w, 100 * SEC);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart_table),
		cmocka_unit_test(test_exit_lists),
		cmocka_unit_test(test_restart_steps),
		cmocka_unit_test(test_restart_jitter),
		cmocka_unit_test(test_start_limit),
		cmocka_unit_test(test_backoff_is_reset),
		cmocka_unit_test(test_start_limit_retry),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_rule_retries_uncounted),
		cmocka_unit_test(test_rule_counts),
		cmocka_unit_test(test_rule_ends_restarts),
		cmocka_unit_test(test_restart_outlives_manager),
		cmocka_unit_test(test_given_up_restart_stays_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
