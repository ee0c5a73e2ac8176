/*
 * How one service goes down: its signals and their time, what is left of it, and a stop
 * that comes in the middle of anything.
 */
#include "script.h"

static void
test_stop_escalates(void **state)
{
	struct world *w = w_new(U("TimeoutStopSec=10\n" SIMPLE));

	(void)state;
	w->deaf = true;
	w_up(w);
	w_run(w);
	w_down(w);
	w_advance(w, 9 * SEC);
	assert_state(w, SVC_STOP_SIGTERM);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_TIMEOUT);
	assert_non_null(strstr(w->log, "KILL"));
	assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
	assert_false(svc_has_slot(w->s));
	w_free(w);
}

/* The failure of main counts when the others have ended, not before. */
static void
test_exit_type_cgroup(void **state)
{
	struct world *w = w_new(U("ExitType=cgroup\nExecStopPost=/t\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->slot[w_slot(w)].extra = 1;
	w_main_ends(w, EXIT_EXITED, 3);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_others_end(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(w->s), "exited, status=3"));
	w_free(w);
}

/* Also what is stopped gets the last signal, if it is another one than KILL. */
static void
test_final_signal_wakes(void **state)
{
	struct world *w = w_new(U("TimeoutStopSec=10\nFinalKillSignal=INT\n" SIMPLE));

	(void)state;
	w->deaf = true;
	w_up(w);
	w_run(w);
	w_down(w);
	w_advance(w, 11 * SEC);
	assert_non_null(strstr(w->log, "[stop-sigkill] INT CONT "));
	w_free(w);
}

static void
test_stop_sequence(void **state)
{
	struct world *w = w_new(U("StopSequence=INT:1s,TERM:2s,KILL\n" SIMPLE));

	(void)state;
	w->deaf = true;
	w_up(w);
	w_run(w);
	w_down(w);
	w_run(w);
	assert_non_null(strstr(w->log, "INT CONT"));
	assert_null(strstr(w->log, "TERM CONT"));
	w_advance(w, SEC + 1);
	assert_non_null(strstr(w->log, "TERM CONT"));
	assert_null(strstr(w->log, "KILL"));
	w_advance(w, 2 * SEC);
	assert_non_null(strstr(w->log, "KILL"));
	assert_state(w, SVC_FAILED);
	w_free(w);
}

static void
test_survivors(void **state)
{
	struct world *w = w_new(U("Restart=always\nTimeoutStopSec=2\n" SIMPLE));

	(void)state;
	w->deaf = w->immortal = true;
	w_up(w);
	w_run(w);
	w_down(w);
	w_advance(w, 60 * SEC);
	assert_state(w, SVC_FAILED);
	assert_int_equal(w->leftover_told, 1);
	assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_FAILED);
	assert_non_null(strstr(svc_why(w->s), "4711 (dd)"));
	assert_true(svc_has_slot(w->s));
	/* Not a second instance beside them. */
	w_up(w);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	/* They end at last. */
	w->immortal = false;
	w_exit(w, PROC_MAIN, EXIT_KILLED, SIGKILL);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_false(svc_has_slot(w->s));
	w_up(w);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_survivors_delay_restart(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nTimeoutStopSec=2\nRuntimeMaxSec=5\n" SIMPLE));

	(void)state;
	w->deaf = w->immortal = true;
	w_up(w);
	w_advance(w, 60 * SEC);
	assert_state(w, SVC_FAILED);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_exit(w, PROC_MAIN, EXIT_KILLED, SIGKILL);
	w_run(w);
	assert_state(w, SVC_AUTO_RESTART);
	w_advance(w, SEC);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_free(w);
}

static void
test_stopped_means_empty(void **state)
{
	struct world *w = w_new(U("TimeoutStopSec=10\n" SIMPLE));

	(void)state;
	w->forks = 2;
	w_up(w);
	w_run(w);
	w->deaf = true;
	w_down(w);
	w_exit(w, PROC_MAIN, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_FINAL_SIGTERM);
	assert_int_equal(w->done_count[SVC_DONE_STOP], 0);
	w_advance(w, 11 * SEC); /* KILL */
	assert_int_equal(w->done_count[SVC_DONE_STOP], 1);
	assert_false(svc_has_slot(w->s));
	w_free(w);
}

static void
test_kill_modes(void **state)
{
	struct world *w;

	(void)state;
	w = w_new(U("KillMode=mixed\n" SIMPLE));
	w->forks = 1;
	w_up(w);
	w_run(w);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	assert_non_null(strstr(w->log, "TERM:main CONT:main [final-sigkill] KILL "));
	w_free(w);

	w = w_new(U("KillMode=process\n" SIMPLE));
	w->forks = 1;
	w_up(w);
	w_run(w);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_null(strstr(w->log, "KILL"));
	assert_non_null(strstr(w->log, "TERM:main"));
	w_free(w);

	w = w_new(U("KillMode=none\n" SIMPLE));
	w_up(w);
	w_run(w);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_null(strstr(w->log, "TERM"));
	w_free(w);

	w = w_new(U("SendSIGHUP=yes\nKillSignal=SIGUSR1\nTimeoutStopSec=1\n"
		    "SendSIGKILL=no\n" SIMPLE));
	w->deaf = true;
	w_up(w);
	w_run(w);
	w_down(w);
	w_run(w);
	assert_non_null(strstr(w->log, "USR1 HUP CONT"));
	w_advance(w, 10 * SEC);
	assert_state(w, SVC_FAILED);
	assert_null(strstr(w->log, "KILL"));
	w_free(w);
}

static void
test_restart_kill_signal(void **state)
{
	struct world *w = w_new(U("RestartKillSignal=SIGUSR2\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
	w_run(w);
	assert_non_null(strstr(w->log, "USR2"));
	assert_null(strstr(w->log, "TERM "));
	w_free(w);
}

static void
test_stop_in_every_state_of_the_start(void **state)
{
	static const enum svc_state at[] = { SVC_CONDITION, SVC_START_PRE, SVC_START,
		SVC_START_POST };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct world *w = w_new(
		    U("Restart=always\nType=notify\nExecCondition=/c\n"
		      "ExecStartPre=/p\n" SIMPLE "ExecStartPost=/q\nExecStop=/s\n"));

		w->auto_exit_control = false;
		w_up(w);
		w_run(w);
		while (svc_state(w->s) != at[i]) {
			if (svc_state(w->s) == SVC_START)
				w_notify(w, "READY=1");
			else
				w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
			w_run(w);
		}
		w->auto_exit_control = true;
		w_down(w);
		w_run(w);
		assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_CANCELED);
		assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
		assert_int_equal(w->done_count[SVC_DONE_START], 1);
		assert_false(svc_has_slot(w->s));
		w_advance(w, 100 * SEC);
		assert_true(svc_state(w->s) == SVC_DEAD || svc_state(w->s) == SVC_FAILED);
		assert_null(strstr(w->log, "ctl:s "));
		w_free(w);
	}
}

static void
test_stop_wins_over_restart(void **state)
{
	struct world *w = w_new(U("Restart=always\nRestartSec=10\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_state(w, SVC_AUTO_RESTART);
	assert_non_null(strstr(svc_why(w->s), "status=1; restart in 10"));
	assert_non_null(strstr(svc_why(w->s), "(1/5)"));
	w_down(w);
	assert_state(w, SVC_DEAD);
	w_advance(w, 100 * SEC);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	/* And over one that was about to be decided. */
	w_up(w);
	w_run(w);
	w_exit(w, PROC_MAIN, EXIT_EXITED, 1);
	w_down(w);
	w_advance(w, 100 * SEC);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	assert_false(svc_has_slot(w->s));
	w_free(w);
}

static void
test_force(void **state)
{
	struct world *w = w_new(U(SIMPLE "ExecStop=/s\nExecStopPost=/t\n"));

	(void)state;
	w->deaf = true;
	w->forks = 3;
	w_up(w);
	w_run(w);
	svc_force_down(w->s, "a person");
	w_run(w);
	assert_false(svc_has_slot(w->s));
	assert_null(strstr(w->log, "ctl:"));
	assert_null(strstr(w->log, "TERM "));
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_escalates),
		cmocka_unit_test(test_exit_type_cgroup),
		cmocka_unit_test(test_final_signal_wakes),
		cmocka_unit_test(test_stop_sequence),
		cmocka_unit_test(test_survivors),
		cmocka_unit_test(test_survivors_delay_restart),
		cmocka_unit_test(test_stopped_means_empty),
		cmocka_unit_test(test_kill_modes),
		cmocka_unit_test(test_restart_kill_signal),
		cmocka_unit_test(test_stop_in_every_state_of_the_start),
		cmocka_unit_test(test_stop_wins_over_restart),
		cmocka_unit_test(test_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
