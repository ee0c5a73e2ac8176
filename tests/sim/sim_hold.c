/*
 * A restart of what is held: it waits, over any number of managers, until the release,
 * and a stop ends the waiting.
 */
#include "world.h"

static const char *const conf =
    "[Service]\nType=simple\nRestart=always\nRestartSec=10\nExecStart=/bin/main\n";

/* Up, held, and ended by itself; its delay is over. */
static struct world *
waiting(void)
{
	struct world *w = w_new(conf);

	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w->held = true;
	w_advance(w, 100 * SEC);
	assert_state(w, SVC_RUNNING);
	w_main_ends(w, EXIT_EXITED, 3);
	w_run(w);
	assert_state(w, SVC_AUTO_RESTART);
	assert_true(svc_next_restart_us(w->s) != 0);
	w_advance(w, 11 * SEC);
	assert_state(w, SVC_AUTO_RESTART);
	assert_true(svc_next_restart_us(w->s) == 0);
	assert_non_null(strstr(svc_why(w->s), "held"));
	assert_non_null(strstr(svc_why(w->s), "status=3"));
	return w;
}

static void
test_waits_for_release(void **state)
{
	struct world *w = waiting();

	(void)state;
	w_advance(w, 100000 * SEC);
	assert_state(w, SVC_AUTO_RESTART);
	assert_int_equal(svc_memory(w->s)->restarts, 0);
	w->held = false;
	svc_on_released(w->s);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->restarts, 1);
	/* Once: another release is nothing to what runs. */
	svc_on_released(w->s);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->restarts, 1);
	w_free(w);
}

static void
test_release_before_the_delay_is_over(void **state)
{
	struct world *w = w_new(conf);

	(void)state;
	w_up(w);
	w_run(w);
	w->held = true;
	w_main_ends(w, EXIT_EXITED, 3);
	w_advance(w, 5 * SEC);
	w->held = false;
	svc_on_released(w->s);
	w_run(w);
	assert_state(w, SVC_AUTO_RESTART);
	w_advance(w, 6 * SEC);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_waits_over_managers(void **state)
{
	struct world *w = waiting();

	(void)state;
	for (int i = 0; i < 3; i++) {
		w_revive(w);
		w_advance(w, 100 * SEC);
		assert_state(w, SVC_AUTO_RESTART);
		assert_true(svc_next_restart_us(w->s) == 0);
	}
	w->held = false;
	svc_on_released(w->s);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

/* Released while no manager was there: the next one does what is due. */
static void
test_released_unseen(void **state)
{
	struct world *w = waiting();

	(void)state;
	w->held = false;
	w_revive(w);
	w_advance(w, 1 * SEC);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_stop_ends_the_waiting(void **state)
{
	struct world *w = waiting();

	(void)state;
	w_down(w);
	w_run(w);
	w->held = false;
	svc_on_released(w->s);
	w_advance(w, 100 * SEC);
	assert_true(svc_active(w->s) == SVC_ACTIVE_INACTIVE ||
		    svc_active(w->s) == SVC_ACTIVE_FAILED);
	assert_int_equal(svc_memory(w->s)->restarts, 0);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits_for_release),
		cmocka_unit_test(test_release_before_the_delay_is_over),
		cmocka_unit_test(test_waits_over_managers),
		cmocka_unit_test(test_released_unseen),
		cmocka_unit_test(test_stop_ends_the_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
