/*
 * What becomes of a service of Type=dbus that loses its name on the message bus.
 */
#include "manager/service/probe.h"
#include "script.h"

#define DBUS "BusName=org.example.A\n" SIMPLE

/* Up to the end of its start, for which it had the name. */
static struct world *
w_named(const char *text)
{
	struct world *w = w_new(text);

	w_up(w);
	w_advance(w, SEC / 10);
	assert_int_equal(w->nprobes, 1);
	assert_false(w->name_watched);
	svc_on_probe(w->s, PROBE_USE_READY, w->probe_id[0], true, "it has an owner");
	return w;
}

static void
test_lost(void **state)
{
	struct world *w =
	    w_named(U(DBUS "ExecStop=/bin/stop\nRestart=on-failure\nRestartSec=1\n"));

	(void)state;
	assert_state(w, SVC_RUNNING);
	assert_true(w->name_watched);
	svc_on_name(w->s, true);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	svc_on_name(w->s, false);
	assert_false(w->name_watched); /* nobody needs to know any more */
	assert_string_equal(svc_why(w->s), "its name org.example.A was given up");
	w_run(w);
	assert_non_null(strstr(w->log, "[stop] noname ctl:stop"));
	/* As one who ended well: no restart on-failure. */
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	assert_string_equal(svc_why(w->s), "its name org.example.A was given up");
	w_free(w);
}

static void
test_restart(void **state)
{
	struct world *w = w_named(U(DBUS "Restart=on-success\nRestartSec=1\n"));

	(void)state;
	svc_on_name(w->s, false);
	w_run(w);
	assert_state(w, SVC_AUTO_RESTART);
	w_advance(w, 2 * SEC);
	/* Anew: it has to get its name first. */
	assert_state(w, SVC_START);
	assert_false(w->name_watched);
	svc_on_name(w->s, false);
	assert_state(w, SVC_START);
	w_free(w);
}

/* What it ended with counts, whichever is seen first. */
static void
test_end_behind_it(void **state)
{
	struct world *w = w_named(U(DBUS "Restart=on-failure\nRestartSec=1\n"));

	(void)state;
	w->deaf = true;
	svc_on_name(w->s, false);
	w_run(w);
	assert_state(w, SVC_STOP_SIGTERM);
	w_main_ends(w, EXIT_EXITED, 3);
	assert_state(w, SVC_AUTO_RESTART);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	w_free(w);
}

/* It is lost while something else is going on that has to end first. */
static void
test_meanwhile(void **state)
{
	struct world *w = w_named(U(DBUS "ExecReload=/r\nExecStartPost=/q\n"));

	(void)state;
	w->auto_exit_control = false;
	w_run(w);
	assert_state(w, SVC_RUNNING);
	svc_want_reload(w->s, "a person");
	w_run(w);
	svc_on_name(w->s, false);
	w_run(w);
	assert_state(w, SVC_RELOAD);
	svc_on_name(w->s, true); /* it is back */
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	svc_want_reload(w->s, "a person");
	w_run(w);
	svc_on_name(w->s, false);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_free(w);

	w = w_new(U(DBUS "ExecStartPost=/q\n"));
	w->auto_exit_control = false;
	w_up(w);
	w_advance(w, SEC / 10);
	svc_on_probe(w->s, PROBE_USE_READY, w->probe_id[0], true, "");
	w_run(w);
	assert_state(w, SVC_START_POST);
	assert_true(w->name_watched);
	svc_on_name(w->s, false);
	assert_state(w, SVC_START_POST);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_free(w);
}

/* The next manager watches it again; one without a name has none to lose. */
static void
test_new_manager(void **state)
{
	struct world *w = w_named(U(DBUS));

	(void)state;
	w_run(w);
	w_revive(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_true(w->name_watched);
	svc_on_name(w->s, false);
	w_run(w);
	assert_state(w, SVC_DEAD);
	w_free(w);

	w = w_new(U(DBUS));
	w_up(w);
	w_advance(w, SEC / 10);
	svc_on_probe(
	    w->s, PROBE_USE_READY, w->probe_id[0], true, PROBE_NO_BUS " at /x: gone");
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_false(w->name_watched);
	w_revive(w);
	w_run(w);
	assert_false(w->name_watched);
	w_free(w);
}

static void
test_not_for(void **state)
{
	struct world *w = w_named(U(DBUS "RemainAfterExit=yes\n"));

	(void)state;
	svc_on_name(w->s, false);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_EXITED);
	assert_false(w->name_watched);
	w_free(w);
	/* BusName= alone does not make it of Type=dbus when the file says another. */
	w = w_new(U("Type=exec\n" DBUS));
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_false(w->name_watched);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_end_behind_it),
		cmocka_unit_test(test_meanwhile),
		cmocka_unit_test(test_new_manager),
		cmocka_unit_test(test_not_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
