/*
 * A service that waits for a slot of its pool: what it does meanwhile, and how the wait
 * ends.
 */
#include "world.h"

static struct world *
queued(const char *text)
{
	struct world *w = w_new(text);

	w->pool_full = true;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_QUEUED);
	return w;
}

static void
test_nothing_runs_while_it_waits(void **state)
{
	struct world *w = queued("[Service]\nPool=llm\nTimeoutStartSec=5\n"
				 "ExecCondition=/c\nExecStart=/bin/main\n");

	(void)state;
	assert_int_equal(w_slot(w), SLOT_NONE);
	assert_true(svc_active(w->s) == SVC_ACTIVE_ACTIVATING);
	for (int i = 0; i < SVC_NTIMERS; i++)
		assert_true(w->timer_us[i] == UINT64_MAX);
	w_advance(w, 3600 * SEC);
	assert_state(w, SVC_QUEUED);
	assert_int_equal(w->done_count[SVC_DONE_START], 0);
	w_up(w); /* is answered with the one that waits */
	assert_state(w, SVC_QUEUED);
	w_admit(w);
	assert_state(w, SVC_CONDITION);
	assert_true(w->timer_us[SVC_TIMER_PHASE] == w->now_us + 5 * SEC);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->pool, W_POOL_OUT);
	w_free(w);
}

static void
test_a_stop_ends_the_wait(void **state)
{
	(void)state;
	for (int force = 0; force < 2; force++) {
		struct world *w = queued("[Service]\nPool=llm\nRestart=always\n"
					 "ExecStart=/bin/main\nExecStopPost=/t\n");

		if (force) {
			w->asked[SVC_DONE_STOP]++;
			svc_force_down(w->s, "a person");
		} else {
			w_down(w);
		}
		assert_state(w, SVC_DEAD);
		assert_result(w, SVC_RESULT_SUCCESS);
		assert_int_equal(w->pool, W_POOL_OUT);
		assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_CANCELED);
		assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
		w_advance(w, 100 * SEC);
		assert_state(w, SVC_DEAD);
		assert_int_equal(w->spawns[PROC_MAIN] + w->spawns[PROC_CONTROL], 0);
		w_free(w);
	}
}

/* The slot is another's over the delay, and the restart comes behind those that wait. */
static void
test_a_restart_queues_anew(void **state)
{
	struct world *w = w_new("[Service]\nPool=llm\nRestart=always\nRestartSec=2\n"
				"ExecStart=/bin/main\n");
	uint64_t first;

	(void)state;
	w_up(w);
	w_run(w);
	first = svc_memory(w->s)->pool_number;
	assert_int_equal(w->pool, W_POOL_HOLDS);
	w->pool_full = true;
	w_main_ends(w, EXIT_EXITED, 1);
	assert_state(w, SVC_AUTO_RESTART);
	assert_int_equal(w->pool, W_POOL_OUT);
	w_advance(w, 3 * SEC);
	assert_state(w, SVC_QUEUED);
	assert_true(svc_memory(w->s)->pool_number > first);
	w_admit(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->restarts, 1);
	w_free(w);
}

/* What has begun nothing yet begins with what the file says by then. */
static void
test_a_newer_file_counts(void **state)
{
	struct world *w = queued("[Service]\nPool=llm\nExecStart=/bin/main\n");
	struct unit_conf *other =
	    w_conf(w->paths, "[Service]\nPool=other\nExecStart=/bin/other\n");
	struct unit_conf *none = w_conf(w->paths, "[Service]\nExecStart=/bin/none\n");
	uint64_t number = svc_memory(w->s)->pool_number;

	(void)state;
	w->conf = other;
	svc_set_conf(w->s, other);
	assert_state(w, SVC_QUEUED);
	assert_string_equal(svc_memory(w->s)->pool, "other.pool");
	assert_string_equal(w->mem.pool, "other.pool");
	assert_int_equal(svc_memory(w->s)->pool_number, number);
	w->conf = none;
	svc_set_conf(w->s, none);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_string_equal(svc_memory(w->s)->pool, "");
	assert_string_equal(w->slot[w_slot(w)].proc[PROC_MAIN].cmd, "/bin/none");
	w_free(w);
}

static void
test_another_manager_finds_it_in_its_place(void **state)
{
	struct world *w = queued("[Service]\nPool=llm\nExecStart=/bin/main\n");
	uint64_t number = svc_memory(w->s)->pool_number;

	(void)state;
	w_revive(w);
	w_run(w);
	assert_state(w, SVC_QUEUED);
	assert_int_equal(w->pool, W_POOL_WAITS);
	assert_int_equal(svc_memory(w->s)->pool_number, number);
	w_admit(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_revive(w);
	assert_int_equal(w->pool, W_POOL_HOLDS);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->pool, W_POOL_OUT);
	w_free(w);
}

/* It is not its phase: the same queue, without a pool or before it. */
static void
test_a_phase_is_waited_for(void **state)
{
	struct world *w = w_new("[Service]\nPool=llm\nExecStart=/bin/main\n");

	(void)state;
	w->away = true;
	w->pool_full = true;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_QUEUED);
	assert_int_equal(w->pool, W_POOL_OUT);
	assert_string_equal(svc_why(w->s), "waits for its phase");
	w_advance(w, 3600 * SEC);
	assert_state(w, SVC_QUEUED);
	w_phase(w, false);
	assert_int_equal(w->pool, W_POOL_WAITS);
	assert_string_equal(svc_why(w->s), "queued in llm.pool");
	w_phase(w, true);
	assert_int_equal(w->pool, W_POOL_OUT);
	w->pool_full = false;
	w_phase(w, false);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->pool, W_POOL_HOLDS);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_free(w);
}

/* What runs yields: no failure, nothing is counted, and whoever waits waits on. */
static void
test_it_yields(void **state)
{
	struct world *w = w_new("[Unit]\nStartLimitBurst=2\n[Service]\nType=oneshot\n"
				"Retries=2\nExecStart=/bin/main\n");

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(svc_memory(w->s)->retry, 1);
	w_advance(w, 3600 * SEC);
	for (int i = 0; i < 5; i++) {
		assert_state(w, SVC_START);
		w_phase(w, true);
		w_run(w);
		w_advance(w, SEC);
		assert_state(w, SVC_QUEUED);
		assert_int_equal(w->done_count[SVC_DONE_START], 0);
		assert_int_equal(w->states[SVC_FAILED], 0);
		assert_int_equal(svc_memory(w->s)->retry, 1);
		assert_int_equal(svc_memory(w->s)->restarts, 1);
		w_phase(w, false);
		w_run(w);
	}
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_count[SVC_DONE_START], 1);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_free(w);
}

/* A person's stop wins, whenever it comes. */
static void
test_a_stop_wins_over_a_yield(void **state)
{
	struct world *w = w_new("[Service]\nRestart=always\nExecStart=/bin/main\n");

	(void)state;
	w_up(w);
	w_run(w);
	w->deaf = true;
	w_phase(w, true);
	assert_state(w, SVC_STOP_SIGTERM);
	w_down(w);
	w_phase(w, false);
	w_main_ends(w, EXIT_EXITED, 0);
	w_advance(w, 3600 * SEC);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_runs_while_it_waits),
		cmocka_unit_test(test_a_phase_is_waited_for),
		cmocka_unit_test(test_it_yields),
		cmocka_unit_test(test_a_stop_wins_over_a_yield),
		cmocka_unit_test(test_a_stop_ends_the_wait),
		cmocka_unit_test(test_a_restart_queues_anew),
		cmocka_unit_test(test_a_newer_file_counts),
		cmocka_unit_test(test_another_manager_finds_it_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
