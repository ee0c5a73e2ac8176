/*
 * One service in each of its states: what a stop there comes to, what
 * EXTEND_TIMEOUT_USEC= does there, what the end of the time does, and whether the
 * watchdog is heard.
 */
#include "world.h"

/*
 * How to come there, a letter a step:
 *
 *	u	start is wanted			c	the control process ends well
 *	r	READY=1				m M	main ends well, with 1
 *	n	RELOADING=1			l	reload is wanted
 *	R	RuntimeMaxSec= is over		T	so is the time of this state
 *	w	WATCHDOG=trigger		e	one more process in the group
 *	x i	nobody ends by TERM, by KILL
 */
struct way {
	enum svc_state to;
	const char *steps;
	/* After a stop that a person wants there, and after its time is over there. */
	enum svc_result stopped, late;
	bool times_out;
	bool starting; /* somebody waits for a start there */
	bool watched;  /* the watchdog is heard there */
};

#define OK SVC_RESULT_SUCCESS
#define TIMEOUT SVC_RESULT_TIMEOUT
#define CODE SVC_RESULT_EXIT_CODE
#define DOG SVC_RESULT_WATCHDOG

static const struct way ways[] = {
	{ SVC_CONDITION, "u", OK, TIMEOUT, true, true, false },
	{ SVC_START_PRE, "uc", OK, TIMEOUT, true, true, false },
	{ SVC_START, "ucc", OK, TIMEOUT, true, true, true },
	{ SVC_START_POST, "uccr", OK, TIMEOUT, true, true, true },
	{ SVC_RUNNING, "uccrc", OK, OK, false, false, true },
	/* A reload that takes too long leaves the service as it was. */
	{ SVC_RELOAD, "uccrcl", OK, OK, true, false, true },
	{ SVC_RELOAD_NOTIFY, "uccrcn", OK, OK, true, false, true },
	{ SVC_STOP, "uccrcm", OK, TIMEOUT, true, false, false },
	/* What has failed already stays so, whoever stops it. */
	{ SVC_STOP_SIGTERM, "xuccrcRc", TIMEOUT, TIMEOUT, true, false, false },
	{ SVC_STOP_SIGKILL, "xiuccrcRcT", TIMEOUT, TIMEOUT, true, false, false },
	{ SVC_STOP_WATCHDOG, "xuccrcw", DOG, DOG, true, false, false },
	{ SVC_STOP_POST, "uccrcM", CODE, CODE, true, false, false },
	{ SVC_FINAL_SIGTERM, "uccrcMexc", CODE, CODE, true, false, false },
	{ SVC_FINAL_SIGKILL, "uccrcMexicT", CODE, CODE, true, false, false },
	/* Its last end stays its result; a person has decided that it is no failure. */
	{ SVC_AUTO_RESTART, "uccrcMc", CODE, CODE, false, false, false },
};

enum { NWAYS = sizeof(ways) / sizeof(ways[0]), LIMIT_SEC = 5 };

static const char *const conf =
    "[Service]\nType=notify\nNotifyAccess=all\nRestart=always\nRestartSec=1000\n"
    "TimeoutStartSec=5\nTimeoutStopSec=5\nTimeoutAbortSec=5\nRuntimeMaxSec=100\n"
    "ExecCondition=/c\nExecStartPre=/p\nExecStart=/bin/main\nExecStartPost=/q\n"
    "ExecReload=/r\nExecStop=/s\nExecStopPost=/t\n";

static void
say(struct world *w, const char *text)
{
	const struct svc_memory *m = svc_memory(w->s);

	/* Somebody who still lives. */
	w_notify_as(
	    w, m->main_pid > 0 && m->main_running ? m->main_pid : W_PID0 + 1, 1000, text);
	w_run(w);
}

static void
go(struct world *w, char step)
{
	switch (step) {
	case 'u':
		w_up(w);
		break;
	case 'c':
		w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
		break;
	case 'm':
		w_exit(w, PROC_MAIN, EXIT_EXITED, 0);
		break;
	case 'M':
		w_exit(w, PROC_MAIN, EXIT_EXITED, 1);
		break;
	case 'r':
		say(w, "READY=1");
		break;
	case 'n':
		say(w, "RELOADING=1");
		break;
	case 'w':
		say(w, "WATCHDOG=trigger");
		break;
	case 'l':
		w->asked[SVC_DONE_RELOAD]++;
		svc_want_reload(w->s, "a person");
		break;
	case 'R':
		w_advance(w, 100 * SEC + 1);
		break;
	case 'T':
		w_advance(w, LIMIT_SEC * SEC + 1);
		break;
	case 'e':
		w->slot[w_slot(w)].extra++;
		break;
	case 'x':
		w->deaf = true;
		break;
	case 'i':
		w->immortal = true;
		break;
	default:
		fail_msg("no step %c", step);
	}
	w_run(w);
}

static struct world *
reach(const struct way *way)
{
	struct world *w = w_new(conf);

	w->auto_exit_control = false;
	for (const char *p = way->steps; *p != '\0'; p++)
		go(w, *p);
	if (svc_state(w->s) != way->to)
		fail_msg("\"%s\" leads to %s, not to %s", way->steps,
		    svc_state_name(svc_state(w->s)), svc_state_name(way->to));
	return w;
}

/* Everybody can end from here on; who got a KILL before does. */
static void
let_go(struct world *w)
{
	bool killed = w->immortal;

	w->deaf = w->immortal = false;
	w->auto_exit_control = true;
	for (uint32_t i = 0; i < W_SLOTS; i++) {
		struct w_slot *sl = &w->slot[i];

		if (!sl->used)
			continue;
		if (sl->proc[PROC_CONTROL].running)
			w_proc_ends(w, i, PROC_CONTROL, EXIT_EXITED, 0);
		if (!killed)
			continue;
		if (sl->proc[PROC_MAIN].running)
			w_proc_ends(w, i, PROC_MAIN, EXIT_KILLED, SIGKILL);
		sl->extra = 0;
		w_check_empty(w, i);
	}
	w_run(w);
}

/* It is down for good, with this result, and who waited was answered once. */
static void
test_stop_in_each_state(void **state)
{
	(void)state;
	for (int i = 0; i < NWAYS; i++) {
		const struct way *way = &ways[i];
		struct world *w = reach(way);
		unsigned mains = w->spawns[PROC_MAIN];
		enum svc_state down = way->stopped == OK || way->to == SVC_AUTO_RESTART
					  ? SVC_DEAD
					  : SVC_FAILED;

		w_down(w);
		w_run(w);
		let_go(w);
		w_advance(w, 60 * SEC);
		if (svc_has_slot(w->s) || svc_memory(w->s)->result != way->stopped ||
		    svc_state(w->s) != down)
			fail_msg("a stop in %s ends as %s, %s: %s",
			    svc_state_name(way->to), svc_state_name(svc_state(w->s)),
			    svc_result_name(svc_memory(w->s)->result), w->log);
		assert_int_equal(w->done_count[SVC_DONE_STOP], 1);
		assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
		assert_int_equal(w->done_count[SVC_DONE_START], 1);
		assert_int_equal(
		    w->done_last[SVC_DONE_START] == SVC_DONE_CANCELED, way->starting);
		/* No restart, however long one waits, also not by the next manager. */
		w_revive(w);
		w_advance(w, 5000 * SEC);
		assert_int_equal(w->spawns[PROC_MAIN], mains);
		assert_false(svc_has_slot(w->s));
		/* And it can be started again. */
		w_up(w);
		w_run(w);
		assert_int_equal(svc_active(w->s), SVC_ACTIVE_ACTIVATING);
		w_free(w);
	}
}

/* A second stop, a start behind a stop, and a restart, in each state. */
static void
test_wishes_in_each_state(void **state)
{
	(void)state;
	for (int i = 0; i < NWAYS; i++) {
		const struct way *way = &ways[i];
		struct world *w = reach(way);

		w_down(w);
		w_down(w);
		w->asked[SVC_DONE_STOP]++;
		svc_force_down(w->s, "a person");
		w_run(w);
		let_go(w);
		w_advance(w, 60 * SEC);
		assert_false(svc_has_slot(w->s));
		assert_true(w->done_count[SVC_DONE_STOP] >= 1 &&
			    w->done_count[SVC_DONE_STOP] <= 3);
		w_free(w);

		w = reach(way);
		w->asked[SVC_DONE_STOP]++;
		svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
		w_run(w);
		let_go(w);
		w_advance(w, 60 * SEC);
		assert_false(svc_has_slot(w->s));
		w_up(w); /* as the job does */
		w_run(w);
		if (svc_state(w->s) == SVC_START)
			say(w, "READY=1");
		if (svc_state(w->s) != SVC_RUNNING)
			fail_msg("a restart in %s ends in %s", svc_state_name(way->to),
			    svc_state_name(svc_state(w->s)));
		w_free(w);
	}
}

/* EXTEND_TIMEOUT_USEC= holds in each state that has a limit, and only as long as it says.
 */
static void
test_extend_in_each_state(void **state)
{
	(void)state;
	for (int i = 0; i < NWAYS; i++) {
		const struct way *way = &ways[i];
		struct world *w;

		if (!way->times_out)
			continue;
		w = reach(way);
		say(w, "EXTEND_TIMEOUT_USEC=20000000");
		w_advance(w, 19 * SEC);
		if (svc_state(w->s) != way->to)
			fail_msg("%s was not lengthened: %s", svc_state_name(way->to),
			    svc_state_name(svc_state(w->s)));
		/* Once more, from here on. */
		say(w, "EXTEND_TIMEOUT_USEC=20000000");
		w_advance(w, 19 * SEC);
		if (svc_state(w->s) != way->to)
			fail_msg("%s was not lengthened twice: %s",
			    svc_state_name(way->to), svc_state_name(svc_state(w->s)));
		w_advance(w, 2 * SEC);
		if (svc_state(w->s) == way->to)
			fail_msg("%s has no end", svc_state_name(way->to));
		w_free(w);
	}
}

/* Without it the time ends where it should, and with the right result. */
static void
test_time_is_over_in_each_state(void **state)
{
	(void)state;
	for (int i = 0; i < NWAYS; i++) {
		const struct way *way = &ways[i];
		struct world *w = reach(way);

		w_advance(w, LIMIT_SEC * SEC - SEC);
		assert_int_equal(svc_state(w->s), way->to);
		w_advance(w, 2 * SEC);
		if ((svc_state(w->s) != way->to) != way->times_out)
			fail_msg("after its time %s is %s", svc_state_name(way->to),
			    svc_state_name(svc_state(w->s)));
		if (svc_memory(w->s)->result != way->late && way->times_out)
			fail_msg("after its time %s has the result %s",
			    svc_state_name(way->to),
			    svc_result_name(svc_memory(w->s)->result));
		w_free(w);
	}
}

/* WATCHDOG=trigger ends what has started, and is not heard by what is not up. */
static void
test_watchdog_in_each_state(void **state)
{
	(void)state;
	for (int i = 0; i < NWAYS; i++) {
		const struct way *way = &ways[i];
		struct world *w = reach(way);

		say(w, "WATCHDOG=trigger");
		if ((svc_state(w->s) != way->to) != way->watched)
			fail_msg("a trigger in %s: %s", svc_state_name(way->to),
			    svc_state_name(svc_state(w->s)));
		if (way->watched) {
			let_go(w);
			w_advance(w, 20 * SEC);
			assert_result(w, DOG);
			assert_state(w, SVC_AUTO_RESTART);
		}
		w_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop_in_each_state),
		cmocka_unit_test(test_wishes_in_each_state),
		cmocka_unit_test(test_extend_in_each_state),
		cmocka_unit_test(test_time_is_over_in_each_state),
		cmocka_unit_test(test_watchdog_in_each_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
