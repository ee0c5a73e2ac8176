/*
 * A scope: its process is there before it, and how that ends is nobody's failure.
 */
#include "script.h"

enum { PID = 77 };

static struct world *
scope_new(const char *lines)
{
	struct buf text = { 0 };
	struct world *w;

	buf_addf(&text, "[Service]\nExecStart=/none\nExitType=cgroup\n%s", lines);
	w = w_new(buf_str(&text));
	buf_free(&text);
	((struct unit_conf *)(uintptr_t)w->conf)->type = UNIT_SCOPE;
	return w;
}

static void
join(struct world *w)
{
	w->asked[SVC_DONE_START]++;
	svc_want_up(
	    w->s, &(struct svc_start){ .who = "its caller", .pid = PID, .pid_ticks = 5 });
}

static void
test_joins_and_ends(void **state)
{
	struct world *w = scope_new("");

	(void)state;
	join(w);
	assert_state(w, SVC_START); /* until init has it */
	assert_int_equal(w->done_count[SVC_DONE_START], 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	assert_int_equal(svc_memory(w->s)->main_pid, PID);
	assert_int_equal(w->spawns[PROC_MAIN], 0);
	w->slot[w_slot(w)].extra = 1;
	w_main_ends(w, EXIT_UNKNOWN, 0);
	assert_state(w, SVC_RUNNING); /* not the last one */
	w_others_end(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	assert_null(strstr(w->log, "TERM"));
	w_free(w);
}

static void
test_stops(void **state)
{
	struct world *w = scope_new("");

	(void)state;
	join(w);
	w_run(w);
	w_down(w);
	assert_state(w, SVC_STOP_SIGTERM);
	assert_non_null(strstr(w->log, "TERM"));
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_free(w);
}

static void
test_starts_by_its_caller_only(void **state)
{
	struct world *w = scope_new("");

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	w_free(w);
}

static void
test_cannot_be_moved(void **state)
{
	struct world *w = scope_new("");
	struct w_slot *sl;

	(void)state;
	join(w);
	w_drop_message(w); /* init's word was another one */
	sl = &w->slot[w_slot(w)];
	sl->proc[PROC_MAIN].running = false;
	/* That names a process says nothing: it is in the slot when it counts as
	 * executed. */
	svc_on_started(w->s,
	    &(struct msg_started){ .slot = w_slot(w), .kind = PROC_MAIN, .pid = PID });
	assert_int_equal(w->done_count[SVC_DONE_START], 0);
	svc_on_exit(w->s, &(struct msg_exit){ .slot = w_slot(w),
			      .kind = PROC_MAIN,
			      .pid = PID,
			      .how = EXIT_NOT_STARTED,
			      .err = EACCES });
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_RESOURCES);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	assert_non_null(strstr(svc_memory(w->s)->why, "Permission denied"));
	w_free(w);
}

/* The manager dies at each of its deeds: what has joined stays, and is of the unit. */
static void
test_manager_dies(void **state)
{
	(void)state;
	for (uint64_t n = 1; n <= 8; n++) {
		struct world *w = scope_new("");

		w_crash_at(w, n);
		join(w);
		w_run(w);
		if (w->dead)
			w_revive(w);
		w_run(w);
		if (svc_state(w->s) == SVC_RUNNING) {
			assert_true(w_lives(w, PROC_MAIN));
			assert_int_equal(svc_memory(w->s)->main_pid, PID);
			assert_null(strstr(w->log, "TERM"));
			w->crash_at = 0;
			w_down(w);
			w_run(w);
		}
		if (svc_state(w->s) != SVC_DEAD && svc_state(w->s) != SVC_FAILED)
			fail_msg("died at deed %llu: %s, %s", (unsigned long long)n,
			    svc_state_name(svc_state(w->s)), w->log);
		assert_int_equal(w->spawns[PROC_MAIN], 0);
		w_free(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joins_and_ends),
		cmocka_unit_test(test_stops),
		cmocka_unit_test(test_starts_by_its_caller_only),
		cmocka_unit_test(test_cannot_be_moved),
		cmocka_unit_test(test_manager_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
