/*
 * Retries=: how many further runs a failure has, which failures have none, what uses one
 * up and what does not, who waits for the last of them, and what ends the wait.
 */
#include "script.h"

#define JOB "Type=oneshot\nRestartSec=5\n" SIMPLE

static void
fails(struct world *w, int status)
{
	w_main_ends(w, EXIT_EXITED, status);
}

static void
begins(struct world *w)
{
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
}

static void
waits_for_retry(struct world *w, uint32_t retry)
{
	assert_state(w, SVC_AUTO_RESTART);
	assert_int_equal(svc_memory(w->s)->retry, retry);
	assert_int_equal(w->done_count[SVC_DONE_START], 0);
	assert_int_equal(w->states[SVC_FAILED], 0);
}

static void
test_it_stays_one_job(void **state)
{
	struct world *w = w_new(U("Retries=2\n" JOB));

	(void)state;
	begins(w);
	assert_string_equal(svc_why(w->s), "starting");
	fails(w, 3);
	waits_for_retry(w, 1);
	assert_string_equal(
	    svc_why(w->s), "main process exited, status=3; retry 1/2 in 5.0s");
	assert_int_equal(w->retries_told, 2);
	w_advance(w, 5 * SEC);
	assert_state(w, SVC_START);
	assert_string_equal(svc_why(w->s), "starting, retry 1/2");
	fails(w, 3);
	waits_for_retry(w, 2);
	w_advance(w, 5 * SEC);
	fails(w, 0);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	assert_string_equal(svc_why(w->s), "done, retry 2/2");
	assert_int_equal(w->done_count[SVC_DONE_START], 1);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	/* Another start is another job. */
	begins(w);
	assert_int_equal(svc_memory(w->s)->retry, 0);
	w_free(w);
}

static void
test_the_last_result_is_that_of_the_job(void **state)
{
	struct world *w = w_new(U("Retries=2\n" JOB));

	(void)state;
	begins(w);
	for (int i = 0; i < 2; i++) {
		fails(w, 3);
		waits_for_retry(w, (uint32_t)i + 1);
		w_advance(w, 5 * SEC);
	}
	fails(w, 4);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_string_equal(
	    svc_why(w->s), "main process exited, status=4; no retry is left (2/2)");
	assert_int_equal(w->done_count[SVC_DONE_START], 1);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	w_advance(w, 1000 * SEC);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	w_free(w);
}

/* What Restart= says narrows the failures, RestartPreventExitStatus= does, and rules do,
 * which have the first word. */
static void
test_which_failures(void **state)
{
	static const struct {
		const char *lines;
		enum exit_how how;
		int status;
		enum svc_verdict verdict;
		bool again;
		const char *why;
	} t[] = {
		{ "", EXIT_EXITED, 1, SVC_VERDICT_NONE, true, "retry 1/1" },
		{ "", EXIT_KILLED, SIGKILL, SVC_VERDICT_NONE, true, "retry 1/1" },
		{ "Restart=on-failure\n", EXIT_EXITED, 1, SVC_VERDICT_NONE, true, "" },
		{ "Restart=on-abort\n", EXIT_DUMPED, SIGSEGV, SVC_VERDICT_NONE, true,
		    "" },
		{ "Restart=on-abort\n", EXIT_EXITED, 1, SVC_VERDICT_NONE, false,
		    "no retry: Restart=" },
		{ "RestartPreventExitStatus=2\n", EXIT_EXITED, 2, SVC_VERDICT_NONE, false,
		    "no retry: RestartPreventExitStatus=" },
		{ "RestartPreventExitStatus=2\n", EXIT_EXITED, 2, SVC_VERDICT_RESTART,
		    true, "" },
		{ "Restart=on-abort\n", EXIT_EXITED, 1, SVC_VERDICT_RESTART, true, "" },
		{ "Restart=on-failure\n", EXIT_EXITED, 1, SVC_VERDICT_NO_RESTART, false,
		    "rule r: no restart" },
		{ "SuccessExitStatus=2\n", EXIT_EXITED, 2, SVC_VERDICT_NONE, false,
		    "done" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char text[256];
		struct world *w;

		snprintf(
		    text, sizeof(text), "[Service]\nRetries=1\n" JOB "%s", t[i].lines);
		w = w_new(text);
		if (t[i].verdict != SVC_VERDICT_NONE)
			w->judgement = (struct svc_judgement){ .verdict = t[i].verdict,
				.rule = "r" };
		begins(w);
		w_main_ends(w, t[i].how, t[i].status);
		if ((svc_state(w->s) == SVC_AUTO_RESTART) != t[i].again ||
		    strstr(svc_why(w->s), t[i].why) == NULL)
			fail_msg("row %zu: %s (%s)", i, svc_state_name(svc_state(w->s)),
			    svc_why(w->s));
		if (t[i].again) {
			w_advance(w, 5 * SEC);
			w_main_ends(w, t[i].how, t[i].status);
			assert_state(w, SVC_FAILED);
			assert_non_null(strstr(svc_why(w->s), "no retry is left (1/1)"));
		}
		assert_int_equal(w->done_count[SVC_DONE_START], 1);
		w_free(w);
	}
}

/* Not what would fail in the same step again, but what wants for something now. */
static void
test_what_cannot_begin(void **state)
{
	static const struct {
		int err;
		bool again;
	} t[] = { { ENOENT, false }, { EACCES, false }, { ENOEXEC, false },
		{ EAGAIN, true }, { ENOMEM, true }, { ETXTBSY, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct world *w = w_new(U("Retries=1\n" JOB));

		w->exec_fails = true;
		w->exec_errno = t[i].err;
		w_up(w);
		w_run(w);
		assert_state(w, t[i].again ? SVC_AUTO_RESTART : SVC_FAILED);
		if (!t[i].again)
			assert_non_null(strstr(svc_why(w->s), "no retry: the next run"));
		w_free(w);
	}
	/* No slot, no process: both may be had later. */
	for (int i = 0; i < 2; i++) {
		struct world *w = w_new(U("Retries=1\n" JOB));

		w->fail_slots = i == 0;
		w->fail_spawn = i == 1;
		w_up(w);
		w_run(w);
		waits_for_retry(w, 1);
		w_advance(w, 5 * SEC);
		assert_state(w, SVC_START);
		w_free(w);
	}
}

/* An end that does not count, as of a limit or of what is not ready yet, uses none up. */
static void
test_what_does_not_count_uses_none_up(void **state)
{
	struct world *w = w_new(U("Retries=1\n" JOB));

	(void)state;
	begins(w);
	w->judgement = (struct svc_judgement){ .uncounted = true, .rule = "busy" };
	for (int i = 0; i < 20; i++) {
		fails(w, 75);
		waits_for_retry(w, 0);
		assert_non_null(
		    strstr(svc_why(w->s), "again in 5.0s (retries used: 0/1)"));
		w_advance(w, 5 * SEC);
		assert_state(w, SVC_START);
	}
	w->judgement = (struct svc_judgement){ 0 };
	fails(w, 1);
	waits_for_retry(w, 1);
	w_advance(w, 5 * SEC);
	w->judgement = (struct svc_judgement){ .uncounted = true, .rule = "busy" };
	fails(w, 75);
	waits_for_retry(w, 1);
	w_advance(w, 5 * SEC);
	w->judgement = (struct svc_judgement){ 0 };
	fails(w, 1);
	assert_state(w, SVC_FAILED);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	w_free(w);
}

static void
test_the_delay_grows(void **state)
{
	static const unsigned delays[] = { 5, 10, 20, 20 };
	struct world *w =
	    w_new(U("Retries=4\nRestartSteps=2\nRestartMaxDelaySec=20\n" JOB));

	(void)state;
	begins(w);
	for (unsigned i = 0; i < 4; i++) {
		fails(w, 1);
		waits_for_retry(w, i + 1);
		assert_int_equal(w->restart_delay_us, delays[i] * SEC);
		w_advance(w, delays[i] * SEC);
	}
	fails(w, 1);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

/* They have a bound of their own, and do not use up that of the starts. */
static void
test_the_start_limit_is_for_starts(void **state)
{
	struct world *w = w_new("[Unit]\nStartLimitBurst=2\nStartLimitIntervalSec=1h\n"
				"[Service]\nRetries=9\n" JOB);

	(void)state;
	for (int n = 0; n < 2; n++) {
		w->done_count[SVC_DONE_START] = w->asked[SVC_DONE_START] = 0;
		w->states[SVC_FAILED] = 0;
		begins(w);
		for (unsigned i = 0; i < 9; i++) {
			fails(w, 1);
			waits_for_retry(w, i + 1);
			w_advance(w, 5 * SEC);
		}
		fails(w, 1);
		assert_result(w, SVC_RESULT_EXIT_CODE);
	}
	w_up(w);
	w_run(w);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_free(w);
}

static void
test_a_stop_ends_it_at_once(void **state)
{
	(void)state;
	for (int force = 0; force < 2; force++) {
		struct world *w = w_new("[Unit]\nOnSuccess=next.service\n"
					"[Service]\nRetries=2\n" JOB);

		begins(w);
		fails(w, 1);
		waits_for_retry(w, 1);
		if (force) {
			w->asked[SVC_DONE_STOP]++;
			svc_force_down(w->s, "a person");
		} else {
			w_down(w);
		}
		assert_state(w, SVC_DEAD);
		assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_CANCELED);
		assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
		/* It has not ended well. */
		assert_int_equal(svc_memory(w->s)->due, 0);
		w_advance(w, 1000 * SEC);
		assert_int_equal(w->spawns[PROC_MAIN], 1);
		w_free(w);
	}
}

static void
test_one_that_is_held_waits(void **state)
{
	struct world *w = w_new(U("Retries=2\n" JOB));

	(void)state;
	begins(w);
	w->held = true;
	fails(w, 1);
	w_advance(w, 1000 * SEC);
	waits_for_retry(w, 1);
	assert_int_equal(svc_next_restart_us(w->s), 0);
	w->held = false;
	svc_on_released(w->s);
	w_run(w);
	assert_state(w, SVC_START);
	fails(w, 0);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_free(w);
}

/* The slot is another's between two runs, and the next one comes behind those that wait.
 */
static void
test_it_leaves_its_pool_between(void **state)
{
	struct world *w = w_new(U("Pool=llm\nRetries=1\n" JOB));
	uint64_t first;

	(void)state;
	begins(w);
	first = svc_memory(w->s)->pool_number;
	w->pool_full = true;
	fails(w, 1);
	waits_for_retry(w, 1);
	assert_int_equal(w->pool, W_POOL_OUT);
	w_advance(w, 5 * SEC);
	assert_state(w, SVC_QUEUED);
	assert_true(svc_memory(w->s)->pool_number > first);
	assert_int_equal(w->done_count[SVC_DONE_START], 0);
	w_admit(w);
	w_run(w);
	fails(w, 0);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	assert_int_equal(w->pool, W_POOL_OUT);
	w_free(w);
}

/* A new manager goes on where the one before it was, at each step of it. */
static void
test_the_count_outlives_the_manager(void **state)
{
	struct world *w = w_new(U("Retries=2\n" JOB));

	(void)state;
	begins(w);
	for (unsigned i = 0; i < 2; i++) {
		w_revive(w);
		fails(w, 1);
		w_revive(w);
		assert_state(w, SVC_AUTO_RESTART);
		assert_int_equal(svc_memory(w->s)->retry, i + 1);
		/* A dependant asks for it anew, and waits as the one before did. */
		w->asked[SVC_DONE_START]++;
		svc_want_up(
		    w->s, &(struct svc_start){ .who = "dependency", .automatic = true });
		assert_state(w, SVC_AUTO_RESTART);
		w_advance(w, 5 * SEC);
		assert_state(w, SVC_START);
	}
	w_revive(w);
	fails(w, 1);
	assert_state(w, SVC_FAILED);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	w_free(w);
}

/* Of what is up: the restarts that follow a failure, as Restart= has them. */
static void
test_services_that_are_up(void **state)
{
	struct world *w = w_new(
	    U("Restart=always\nRestartSec=5\nRetries=2\nRestartResetSec=60\n" SIMPLE));

	(void)state;
	w_no_start_limit(w);
	w_up(w);
	w_run(w);
	assert_int_equal(w->done_count[SVC_DONE_START], 1);
	fails(w, 1);
	assert_int_equal(svc_memory(w->s)->retry, 1);
	w_advance(w, 5 * SEC);
	/* It ran well, and has all of them again. */
	fails(w, 0);
	assert_state(w, SVC_AUTO_RESTART);
	assert_int_equal(svc_memory(w->s)->retry, 0);
	w_advance(w, 5 * SEC);
	fails(w, 1);
	w_advance(w, 5 * SEC);
	fails(w, 1);
	assert_int_equal(svc_memory(w->s)->retry, 2);
	w_advance(w, 5 * SEC);
	/* So has one that was up for long. */
	w_advance(w, 60 * SEC);
	fails(w, 1);
	assert_state(w, SVC_AUTO_RESTART);
	assert_int_equal(svc_memory(w->s)->retry, 1);
	w_advance(w, 5 * SEC);
	fails(w, 1);
	w_advance(w, 5 * SEC);
	fails(w, 1);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

/* A start that does not come to an end is one job as well. */
static void
test_a_start_of_another_type(void **state)
{
	struct world *w = w_new(U("Type=notify\nRetries=1\nRestartSec=5\n" SIMPLE));

	(void)state;
	begins(w);
	fails(w, 1);
	waits_for_retry(w, 1);
	w_advance(w, 5 * SEC);
	w_notify(w, "READY=1");
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	/* The run was used up by its start, which is not over until it ends well. */
	fails(w, 1);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

/* Without it nothing is bounded, and no start waits. */
static void
test_without_it(void **state)
{
	struct world *w = w_new(U("Restart=on-failure\n" JOB));

	(void)state;
	begins(w);
	fails(w, 1);
	assert_state(w, SVC_AUTO_RESTART);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	assert_int_equal(svc_memory(w->s)->retry, 0);
	w_free(w);
}

/* It is told to start all of them again, and does so at the next one. */
static void
test_reset_failed_gives_them_back(void **state)
{
	struct world *w = w_new(U("Retries=1\n" JOB));

	(void)state;
	begins(w);
	fails(w, 1);
	waits_for_retry(w, 1);
	svc_reset_failed(w->s);
	w_advance(w, 5 * SEC);
	fails(w, 1);
	waits_for_retry(w, 1);
	w_free(w);
}

/* A condition that holds no longer ends it, as skipped. */
static void
test_a_condition_is_asked_before_each(void **state)
{
	struct world *w = w_new("[Unit]\nConditionPathExists=/x\nOnSuccess=next.service\n"
				"[Service]\nRetries=1\n" JOB);

	(void)state;
	begins(w);
	fails(w, 1);
	waits_for_retry(w, 1);
	w->conditions = (struct svc_conditions){ .unmet = "ConditionPathExists=/x" };
	w_advance(w, 5 * SEC);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_SKIPPED);
	assert_int_equal(svc_memory(w->s)->due, 0);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_stays_one_job),
		cmocka_unit_test(test_the_last_result_is_that_of_the_job),
		cmocka_unit_test(test_which_failures),
		cmocka_unit_test(test_what_cannot_begin),
		cmocka_unit_test(test_what_does_not_count_uses_none_up),
		cmocka_unit_test(test_the_delay_grows),
		cmocka_unit_test(test_the_start_limit_is_for_starts),
		cmocka_unit_test(test_a_stop_ends_it_at_once),
		cmocka_unit_test(test_one_that_is_held_waits),
		cmocka_unit_test(test_it_leaves_its_pool_between),
		cmocka_unit_test(test_the_count_outlives_the_manager),
		cmocka_unit_test(test_services_that_are_up),
		cmocka_unit_test(test_a_start_of_another_type),
		cmocka_unit_test(test_without_it),
		cmocka_unit_test(test_reset_failed_gives_them_back),
		cmocka_unit_test(test_a_condition_is_asked_before_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
