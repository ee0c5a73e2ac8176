/*
 * How one service reads its configuration again, and what may end meanwhile.
 */
#include <inttypes.h>

#include "script.h"

static void
test_reload(void **state)
{
	struct world *w =
	    w_new(U(SIMPLE "ExecReload=/r1\nExecReload=/r2\nTimeoutStartSec=5\n"));

	(void)state;
	svc_want_reload(w->s, "a person");
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_FAILED);
	w_up(w);
	w_run(w);
	svc_want_reload(w->s, "a person");
	w_run(w);
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_OK);
	assert_state(w, SVC_RUNNING);
	assert_non_null(strstr(w->log, "[reload] ctl:r1 ctl:r2 [running]"));
	/* A failed one leaves it running. */
	w->auto_exit_control = false;
	svc_want_reload(w->s, "a person");
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 9);
	w_run(w);
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_FAILED);
	assert_state(w, SVC_RUNNING);
	assert_result(w, SVC_RESULT_SUCCESS);
	/* One that hangs is killed. */
	svc_want_reload(w->s, "a person");
	w_advance(w, 6 * SEC);
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_TIMEOUT);
	assert_state(w, SVC_RUNNING);
	/* A stop meanwhile. */
	svc_want_reload(w->s, "a person");
	w_run(w);
	w_down(w);
	w_run(w);
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_CANCELED);
	assert_state(w, SVC_DEAD);
	w_free(w);
}

static void
test_notify_reload(void **state)
{
	struct world *w = w_new(
	    U("Type=notify-reload\nReloadSignal=SIGUSR1\nTimeoutStartSec=9\n" SIMPLE));
	char text[80];

	(void)state;
	w_up(w);
	w_run(w);
	w->deaf = true; /* its handler does not end it */
	w_notify(w, "READY=1");
	assert_state(w, SVC_RUNNING);
	svc_want_reload(w->s, "test");
	w_run(w);
	assert_state(w, SVC_RELOAD_SIGNAL);
	assert_non_null(strstr(w->log, "USR1"));
	/* Of an earlier one, or it cannot be told. */
	w_notify(w, "RELOADING=1\nMONOTONIC_USEC=1");
	w_notify(w, "RELOADING=1");
	w_notify(w, "READY=1");
	assert_state(w, SVC_RELOAD_SIGNAL);
	snprintf(
	    text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_us());
	w_notify(w, text);
	assert_state(w, SVC_RELOAD_NOTIFY);
	w_notify(w, "READY=1");
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_OK);
	svc_want_reload(w->s, "test");
	w_run(w);
	w_advance(w, 10 * SEC);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_TIMEOUT);
	svc_want_reload(w->s, "test");
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_RELOAD], SVC_DONE_FAILED);
	w_free(w);
}

/* What init says with an exit is neither signalled nor asked for again, when it can be
 * true. */
static void
test_exit_tells_empty(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nRestartSec=0\nExecReload=/r\n" SIMPLE));

	(void)state;
	w->tells_empty = true;
	w_up(w);
	w_run(w);
	w->loglen = 0;
	w_main_ends(w, EXIT_KILLED, SIGKILL);
	w_advance(w, 1);
	assert_null(strstr(w->log, "TERM"));
	assert_null(strstr(w->log, "empty"));
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	/* Something else was left in the group. */
	w->slot[svc_memory(w->s)->slot].extra = 1;
	w->loglen = 0;
	w_main_ends(w, EXIT_KILLED, SIGKILL);
	w_advance(w, 1);
	assert_non_null(strstr(w->log, "TERM"));
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	/* A process was asked for before the manager heard of the end, and leaves one. */
	w->auto_exit_control = false;
	w->deaf = true;
	w_exit(w, PROC_MAIN, EXIT_KILLED, SIGKILL);
	w->loglen = 0;
	svc_want_reload(w->s, "a person");
	w->slot[svc_memory(w->s)->slot].extra = 1;
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_advance(w, 200 * SEC);
	assert_non_null(strstr(w->log, "KILL"));
	w_free(w);
}

static void
test_main_ends_during_reload(void **state)
{
	struct world *w = w_new(U(SIMPLE "ExecReload=/r1\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	svc_want_reload(w->s, "a person");
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_state(w, SVC_RELOAD);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_notify_reload),
		cmocka_unit_test(test_exit_tells_empty),
		cmocka_unit_test(test_main_ends_during_reload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
