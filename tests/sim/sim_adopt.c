/*
 * One service beside another manager, configuration or boot than those it was started
 * by, and messages that are late.
 */
#include "script.h"

static void
test_late_messages(void **state)
{
	struct world *w = w_new(U(SIMPLE));
	struct msg_exit x = {
		.slot = 3, .kind = PROC_MAIN, .how = EXIT_EXITED, .seq = 99
	};
	struct msg_started st = { .slot = 3, .kind = PROC_MAIN, .pid = 5, .seq = 99 };

	(void)state;
	svc_on_exit(w->s, &x);
	svc_on_started(w->s, &st);
	svc_on_empty(w->s, 3);
	assert_state(w, SVC_DEAD);
	w_up(w);
	w_run(w);
	x.slot = st.slot = w_slot(w);
	svc_on_exit(w->s, &x);
	svc_on_started(w->s, &st);
	svc_on_empty(w->s, x.slot);
	svc_on_probe(w->s, PROBE_USE_READY, 5, true, "");
	for (int i = 0; i < SVC_NTIMERS; i++)
		svc_on_timer(w->s, (enum svc_timer)i);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_conf_replaced(void **state)
{
	struct world *w = w_new(U("TimeoutStopSec=10\n" SIMPLE));
	struct unit_conf *next = w_conf(w->paths, U("TimeoutStopSec=20\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->conf = next;
	svc_set_conf(w->s, next);
	assert_int_equal(svc_conf(w->s)->service->timeout_stop_us, 10 * SEC);
	w_down(w);
	w_run(w);
	w_up(w);
	assert_int_equal(svc_conf(w->s)->service->timeout_stop_us, 20 * SEC);
	w_free(w);
}

/* What waits for its restart takes the newest at once, whichever manager it has. */
static void
test_conf_replaced_between_runs(void **state)
{
	struct world *w = w_new(U("Restart=always\nRestartSec=1h\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	w_run(w);
	for (int i = 0; i < 2; i++) {
		struct unit_conf *next =
		    w_conf(w->paths, U("Restart=always\nTimeoutStopSec=20\n" SIMPLE));

		assert_state(w, SVC_AUTO_RESTART);
		assert_false(svc_has_run_conf(w->s));
		w->conf = next;
		svc_set_conf(w->s, next);
		assert_ptr_equal(svc_conf(w->s), next);
		w_revive(w);
	}
	w_free(w);
}

/* The manager came while the file was unusable: what is in it holds once it is mended. */
static void
test_stand_in_replaced(void **state)
{
	struct world *w = w_new(U("ExecStart=/bin/false\n"));
	struct unit_conf *real = w_conf(
	    w->paths, U("Restart=always\nRestartSec=1\nTimeoutStopSec=20\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_revive(w);
	w_run(w);
	w->conf = real;
	svc_replace_conf(w->s, real);
	assert_int_equal(svc_conf(w->s)->service->timeout_stop_us, 20 * SEC);
	w_main_ends(w, EXIT_KILLED, SIGKILL);
	w_run(w);
	assert_state(w, SVC_AUTO_RESTART);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

/* What was started with an older file than the newest has that until its end. */
static void
test_older_conf_restored(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nRestartSec=1\nTimeoutStopSec=10\n" SIMPLE));
	struct unit_conf *older = w->conf;
	struct unit_conf *next = w_conf(
	    w->paths, U("Restart=always\nRestartSec=1\nTimeoutStopSec=20\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->conf = next;
	w->run_conf = older;
	w_revive(w);
	w->run_conf = NULL;
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_ptr_equal(svc_conf(w->s), older);
	w_main_ends(w, EXIT_KILLED, SIGKILL);
	w_run(w);
	/* (In between it has none, though it was given one.) */
	assert_state(w, SVC_AUTO_RESTART);
	assert_false(svc_has_run_conf(w->s));
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_conf(w->s)->service->timeout_stop_us, 20 * SEC);
	w_free(w);
}

/* One that waits for its restart takes nothing of it. */
static void
test_older_conf_given_back(void **state)
{
	struct world *w = w_new(U("Restart=always\nRestartSec=1h\n" SIMPLE));
	struct unit_conf *older = w->conf;
	struct unit_conf *next =
	    w_conf(w->paths, U("Restart=always\nTimeoutStopSec=20\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	w_run(w);
	w->conf = next;
	w->run_conf = older;
	w_revive(w);
	w->run_conf = NULL;
	assert_state(w, SVC_AUTO_RESTART);
	assert_false(svc_has_run_conf(w->s));
	assert_ptr_equal(svc_conf(w->s), next);
	w_free(w);
}

static void
test_reboot_forgets(void **state)
{
	struct world *w = w_new(U("Restart=always\n" SIMPLE));
	struct svc_memory m;

	(void)state;
	w_up(w);
	w_run(w);
	svc_memory_init(&m);
	svc_memory_copy(&m, svc_memory(w->s));
	memset(w->slot, 0, sizeof(w->slot));
	w->dead = true;
	svc_free(w->s);
	w->dead = false;
	w->s = svc_new(&w_ops, w, "a.service", w->conf);
	svc_restore_begin(w->s);
	svc_restore(w->s, &m, false);
	svc_adopt(w->s);
	assert_state(w, SVC_DEAD);
	assert_true(svc_memory(w->s)->order == m.order);
	svc_memory_clear(&m);
	w_free(w);
}

static void
test_adopt_by_tag(void **state)
{
	struct world *w = w_new(U(SIMPLE));
	int32_t pid;

	(void)state;
	w_up(w);
	w_run(w);
	pid = svc_memory(w->s)->main_pid;
	w->has_mem = false; /* the journal is gone */
	w_revive(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->main_pid, pid);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_down(w);
	w_run(w);
	assert_false(svc_has_slot(w->s));
	w_free(w);
}

/* The events of the newest start are lost: what is remembered is about an earlier one. */
static void
test_adopt_newer_than_memory(void **state)
{
	(void)state;
	for (int stopped = 0; stopped < 2; stopped++) {
		struct world *w = w_new(U("Restart=always\nRestartSec=1\n" SIMPLE));
		struct svc_memory old;
		int32_t pid;

		w_up(w);
		w_run(w);
		svc_memory_init(&old);
		svc_memory_copy(&old, svc_memory(w->s));
		w_down(w);
		w_run(w);
		if (stopped)
			svc_memory_copy(&old, svc_memory(w->s));
		w_up(w);
		w_run(w);
		pid = svc_memory(w->s)->main_pid;
		svc_memory_copy(&w->mem, &old);
		svc_memory_clear(&old);
		w_revive(w);
		w_run(w);
		assert_state(w, SVC_RUNNING);
		assert_int_equal(svc_memory(w->s)->main_pid, pid);
		assert_int_equal(w->spawns[PROC_MAIN], 2);
		w_main_ends(w, EXIT_EXITED, 1);
		w_run(w);
		assert_state(w, SVC_AUTO_RESTART);
		w_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_messages),
		cmocka_unit_test(test_conf_replaced),
		cmocka_unit_test(test_conf_replaced_between_runs),
		cmocka_unit_test(test_stand_in_replaced),
		cmocka_unit_test(test_older_conf_restored),
		cmocka_unit_test(test_older_conf_given_back),
		cmocka_unit_test(test_reboot_forgets),
		cmocka_unit_test(test_adopt_by_tag),
		cmocka_unit_test(test_adopt_newer_than_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
