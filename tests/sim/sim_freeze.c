/*
 * A service that stands still: no time of it runs, over any number of managers, and its
 * end begins with its going on.  (Any order of events: sim_walk.)
 */
#include "world.h"

static struct world *
up(const char *conf)
{
	struct world *w = w_new(conf);

	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w->loglen = 0;
	return w;
}

static void
test_runtime_limit_stands_still(void **state)
{
	struct world *w =
	    up("[Service]\nType=simple\nRuntimeMaxSec=100\nExecStart=/bin/main\n");

	(void)state;
	w_advance(w, 60 * SEC);
	svc_set_frozen(w->s, true);
	assert_string_equal(w->log, "FREEZE ");
	w_advance(w, 1000 * SEC);
	assert_state(w, SVC_RUNNING);
	w_revive(w);
	w_advance(w, 1000 * SEC);
	assert_true(svc_is_frozen(w->s));
	assert_true(w->slot[w->mem.slot].frozen);
	svc_set_frozen(w->s, false);
	w_advance(w, 39 * SEC);
	assert_state(w, SVC_RUNNING);
	w_advance(w, 2 * SEC);
	assert_int_equal(svc_memory(w->s)->result, SVC_RESULT_TIMEOUT);
	w_free(w);
}

static void
test_watchdog_has_its_whole_time(void **state)
{
	struct world *w = w_new("[Service]\nType=notify\nWatchdogSec=10\n"
				"ExecStart=/bin/main\n");

	(void)state;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_advance(w, 9 * SEC);
	svc_set_frozen(w->s, true);
	w_advance(w, 100 * SEC);
	svc_set_frozen(w->s, false);
	w_advance(w, 9 * SEC);
	assert_state(w, SVC_RUNNING);
	w_advance(w, 2 * SEC);
	assert_int_equal(svc_memory(w->s)->result, SVC_RESULT_WATCHDOG);
	w_free(w);
}

static void
test_start_limit_of_time_stands_still(void **state)
{
	struct world *w = w_new("[Service]\nType=notify\nTimeoutStartSec=10\n"
				"ExecStart=/bin/main\n");

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	svc_set_frozen(w->s, true);
	w_advance(w, 100 * SEC);
	w_revive(w);
	w_advance(w, 100 * SEC);
	assert_state(w, SVC_START);
	svc_set_frozen(w->s, false);
	w_advance(w, 11 * SEC);
	assert_int_equal(svc_memory(w->s)->result, SVC_RESULT_TIMEOUT);
	w_free(w);
}

static void
test_stop_thaws_first(void **state)
{
	struct world *w = up("[Service]\nType=simple\nExecStart=/bin/main\n");

	(void)state;
	svc_set_frozen(w->s, true);
	w->loglen = 0;
	w_down(w);
	assert_string_equal(w->log, "[stop-sigterm] THAW TERM CONT ");
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_int_equal(svc_memory(w->s)->result, SVC_RESULT_SUCCESS);
	/* Nothing is left to stand still. */
	svc_set_frozen(w->s, true);
	assert_false(svc_is_frozen(w->s));
	w_free(w);
}

static void
test_a_restart_is_not_frozen(void **state)
{
	struct world *w = up("[Service]\nType=simple\nRestart=always\nRestartSec=1\n"
			     "ExecStart=/bin/main\n");

	(void)state;
	svc_set_frozen(w->s, true);
	w_main_ends(w, EXIT_KILLED, 9);
	w_advance(w, 10 * SEC);
	assert_state(w, SVC_RUNNING);
	assert_false(svc_is_frozen(w->s));
	assert_false(w->slot[w->mem.slot].frozen);
	w_free(w);
}

/* Decided, and not done: the next manager does it, either way. */
static void
test_death_in_between(void **state)
{
	struct world *w = up("[Service]\nType=simple\nExecStart=/bin/main\n");

	(void)state;
	for (int on = 1; on >= 0; on--) {
		w_crash_at(w, 2); /* what is decided is in the journal */
		svc_set_frozen(w->s, on != 0);
		assert_true(w->dead);
		assert_true(w->slot[w->mem.slot].frozen != (on != 0));
		w_revive(w);
		assert_true(w->slot[w->mem.slot].frozen == (on != 0));
	}
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runtime_limit_stands_still),
		cmocka_unit_test(test_watchdog_has_its_whole_time),
		cmocka_unit_test(test_start_limit_of_time_stands_still),
		cmocka_unit_test(test_stop_thaws_first),
		cmocka_unit_test(test_a_restart_is_not_frozen),
		cmocka_unit_test(test_death_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
