/*
 * Whether a run resumes what the one before it had begun, by how that one ended.
 */
#include "world.h"

static const char *const conf =
    "[Service]\nType=simple\nRestart=always\nRestartSec=1\nResumeGraceSec=30\n"
    "ResumeTries=2\nExecStart=/bin/main\nResumeExec=/bin/again\n";

static struct world *
up(void)
{
	struct world *w = w_new(conf);

	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_false(svc_memory(w->s)->resumes);
	assert_string_equal(svc_memory(w->s)->previous, "");
	return w;
}

static void
expect(struct world *w, bool resumes)
{
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->resumes, resumes);
	w_free(w);
}

static void
test_a_crash_resumes(void **state)
{
	struct world *w = up();

	(void)state;
	w_main_ends(w, EXIT_KILLED, 11);
	w_advance(w, 2 * SEC);
	assert_int_equal(strlen(svc_memory(w->s)->previous), 32);
	expect(w, true);
}

static void
test_an_end_of_its_own_does_not(void **state)
{
	struct world *w = up();

	(void)state;
	w_main_ends(w, EXIT_EXITED, 0);
	w_advance(w, 2 * SEC);
	expect(w, false);
}

static void
stop_and_start(bool automatic, bool idle, bool resumes)
{
	struct world *w = up();

	w->idle = idle;
	w->asked[SVC_DONE_STOP]++;
	svc_want_down(w->s, automatic ? SVC_DOWN_AUTOMATIC : SVC_DOWN_STOP, "somebody");
	w_run(w);
	assert_state(w, SVC_DEAD);
	w->idle = false;
	w_revive(w);
	w_up(w);
	w_run(w);
	expect(w, resumes);
}

static void
test_stops(void **state)
{
	(void)state;
	stop_and_start(false, false, false); /* a person knows */
	stop_and_start(false, true, false);
	stop_and_start(true, false, true); /* supd's end, a rule, … */
	stop_and_start(true, true, false); /* there was nothing to cut */
}

/* Down after a crash; a person's stop says that it is not to go on. */
static void
test_stop_of_what_is_down(void **state)
{
	struct world *w = up();

	(void)state;
	w_main_ends(w, EXIT_KILLED, 11);
	w_run(w);
	assert_state(w, SVC_AUTO_RESTART);
	w_down(w);
	w_run(w);
	w_up(w);
	w_run(w);
	expect(w, false);
}

/* Twice in vain, then anew; and what crashes later may resume again. */
static void
test_gives_up(void **state)
{
	struct world *w = up();

	(void)state;
	for (int i = 0; i < 2; i++) {
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, 2 * SEC);
		assert_true(svc_memory(w->s)->resumes);
	}
	w_main_ends(w, EXIT_EXITED, 1);
	w_advance(w, 2 * SEC);
	assert_false(svc_memory(w->s)->resumes);
	w_main_ends(w, EXIT_EXITED, 1);
	w_advance(w, 2 * SEC);
	expect(w, true);
}

static void
test_a_long_run_is_no_failure(void **state)
{
	struct world *w = up();

	(void)state;
	for (int i = 0; i < 5; i++) {
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, 60 * SEC);
		assert_true(svc_memory(w->s)->resumes);
	}
	expect(w, true);
}

/* The machine goes down while it runs. */
static void
test_a_reboot_resumes(void **state)
{
	struct world *w = up();
	struct svc_memory m;

	(void)state;
	w_through_json(&w->mem, &m);
	w->dead = true;
	svc_free(w->s);
	w->dead = false;
	w->nqueue = 0;
	memset(w->slot, 0, sizeof(w->slot));
	w->s = svc_new(&w_ops, w, "a.service", w->conf);
	svc_restore_begin(w->s);
	svc_restore(w->s, &m, false);
	svc_memory_clear(&m);
	svc_adopt(w->s);
	assert_state(w, SVC_DEAD);
	w_up(w);
	w_run(w);
	expect(w, true);
}

/* A word that the program chose is kept for the run that resumes, and for no other. */
static void
test_session_id(void **state)
{
	struct world *w = w_new("[Service]\nType=notify\nRestart=always\nRestartSec=1\n"
				"ExecStart=/bin/main\nResumeExec=/bin/again\n");

	(void)state;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1\nX_SESSION_ID=0f3a-17");
	w_run(w);
	w_notify(w, "X_SESSION_ID=two words");
	w_notify(w, "X_SESSION_ID=--option");
	w_run(w);
	assert_string_equal(svc_memory(w->s)->session_id, "0f3a-17");
	w_revive(w);
	w_main_ends(w, EXIT_KILLED, 9);
	w_advance(w, 2 * SEC);
	assert_true(svc_memory(w->s)->resumes);
	assert_string_equal(svc_memory(w->s)->session_id, "0f3a-17");
	w_down(w);
	w_run(w);
	w_up(w);
	w_run(w);
	assert_false(svc_memory(w->s)->resumes);
	assert_string_equal(svc_memory(w->s)->session_id, "");
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_crash_resumes),
		cmocka_unit_test(test_an_end_of_its_own_does_not),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_stop_of_what_is_down),
		cmocka_unit_test(test_gives_up),
		cmocka_unit_test(test_a_long_run_is_no_failure),
		cmocka_unit_test(test_a_reboot_resumes),
		cmocka_unit_test(test_session_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
