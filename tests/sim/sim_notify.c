/*
 * What one service says of itself, and what of it is believed.
 */
#include "script.h"

static void
test_notify(void **state)
{
	struct world *w = w_new(U("Type=notify\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	w_notify_as(w, W_FOREIGN_PID, 0, "READY=1"); /* NotifyAccess=main */
	assert_state(w, SVC_START);
	w_notify(w, "STATUS=warming up");
	assert_string_equal(svc_memory(w->s)->status, "warming up");
	w_notify(w, "READY=1\nSTATUS=here");
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_notify(w, "ERRNO=5");
	assert_int_equal(svc_memory(w->s)->notify_errno, 5);
	w_notify(w, "RELOADING=1");
	assert_state(w, SVC_RELOAD_NOTIFY);
	w_notify(w, "READY=1");
	assert_state(w, SVC_RUNNING);
	w_notify(w, "STOPPING=1");
	assert_state(w, SVC_STOP_SIGTERM);
	assert_null(strstr(w->log, "TERM "));
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	/* The end before READY=1 is a broken promise. */
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w_free(w);
}

static void
test_notify_hostile(void **state)
{
	static const char *const junk[] = { "", "\n", "=", "READY", "READY=", "READY=2",
		"=1", "MAINPID=", "MAINPID=-1", "MAINPID=0",
		"MAINPID=99999999999999999999", "WATCHDOG_USEC=x",
		"EXTEND_TIMEOUT_USEC=-1", "FDNAME=a:b", "\n\n\n=\n=", "ready=1",
		" READY=1", "NOTIFYACCESS=everybody", "READY=1 " };
	struct world *w = w_new(U("Type=notify\nNotifyAccess=all\n" SIMPLE));
	char big[6000];

	(void)state;
	w_up(w);
	w_run(w);
	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
		w_notify(w, junk[i]);
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	memcpy(big, "STATUS=", 7);
	w_notify(w, big);
	assert_int_equal(strlen(svc_memory(w->s)->status), SVC_STATUS_MAX - 1);
	assert_state(w, SVC_START);
	assert_true(svc_memory(w->s)->main_running);
	w_notify(w, "READY=1");
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

/* The socket takes messages of everybody; only those of the unit are heard. */
static void
test_notify_strangers(void **state)
{
	struct world *w = w_new(U("Type=notify\nNotifyAccess=all\nNotifyFD=5\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_notify_as(w, W_FOREIGN_PID, 1000, "READY=1\nSTATUS=forged");
	w_notify_as(w, W_FOREIGN_PID, 65534, "\n");
	w_notify_as(w, 0, 1000, "READY=1\nSTATUS=forged"); /* another pid namespace */
	w_notify_as(w, 500, 65534, "STATUS=forged");       /* gone, of another user */
	assert_state(w, SVC_START);
	assert_string_equal(svc_memory(w->s)->status, "");
	assert_int_equal(w->refused_told, 1);
	w_notify_as(w, 500, 1000, "STATUS=last word"); /* gone, of the unit's user */
	assert_string_equal(svc_memory(w->s)->status, "last word");
	w_notify_as(w, w->last_pid + 50, 1000, "READY=1"); /* a child of the unit */
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

/* Each reload is in the journal: a service cannot make as many as it likes. */
static void
test_reload_storm(void **state)
{
	struct world *w = w_new(U("Type=notify\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	for (int i = 0; i < 30; i++) {
		w_notify(w, "RELOADING=1");
		assert_state(w, SVC_RELOAD_NOTIFY);
		w_notify(w, "READY=1");
		assert_state(w, SVC_RUNNING);
	}
	for (int i = 0; i < 1000; i++) {
		w_notify(w, "RELOADING=1");
		assert_state(w, SVC_RUNNING);
		w_notify(w, "READY=1");
	}
	assert_int_equal(w->refused_told, 1);
	w_advance(w, 11 * USEC_PER_SEC);
	w_notify(w, "RELOADING=1");
	assert_state(w, SVC_RELOAD_NOTIFY);
	w_free(w);
}

/* So often, and no more, a service can write into the journal by what it says. */
static void
test_news_storm(void **state)
{
	struct world *w = w_new(U("Type=notify\nNotifyAccess=all\n" SIMPLE));
	struct svc_notify remote = {
		.text = "FDSTORE=1", .len = 9, .uid = 1000, .nremote = 1
	};
	unsigned told;

	(void)state;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	told = w->memories_told;
	for (int i = 0; i < 1000; i++)
		w_notify(w, i % 2 ? "ERRNO=1" : "ERRNO=2");
	assert_int_equal(w->memories_told - told, 30);
	assert_int_equal(svc_memory(w->s)->notify_errno, 1);
	assert_int_equal(w->refused_told, 1);
	/* What is said counts, and is recorded with the next reason. */
	w_notify(w, "ERRNO=3");
	assert_int_not_equal(w->mem.notify_errno, 3);
	w_notify(w, "RELOADING=1");
	assert_int_equal(w->mem.notify_errno, 3);
	w_advance(w, 11 * USEC_PER_SEC);
	w_notify(w, "ERRNO=4");
	assert_int_equal(w->mem.notify_errno, 4);
	/* One kind of refusal silences no other. */
	remote.pid = svc_memory(w->s)->main_pid;
	svc_on_notify_take_fds(w->s, w_slot(w), &remote);
	assert_int_equal(w->refused_told, 2);
	assert_non_null(strstr(w->refused, "may not answer"));
	w_free(w);
}

static void
test_mainpid_rules(void **state)
{
	struct world *w = w_new(U("Type=notify\nNotifyAccess=all\n" SIMPLE));
	char text[64];
	int32_t child;

	(void)state;
	w->forks = 1;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	w_notify(w, "MAINPID=1");
	assert_non_null(strstr(w->refused, "MAINPID=1"));
	w_notify(w, "MAINPID=500"); /* does not exist */
	assert_non_null(strstr(w->refused, "does not exist"));
	snprintf(text, sizeof(text), "MAINPID=%d", W_FOREIGN_PID);
	w_notify(w, text);
	assert_non_null(strstr(w->refused, "not of this unit"));
	assert_int_equal(svc_memory(w->s)->main_pid, w->last_pid);
	assert_int_equal(w->refused_told, 3);
	w_notify(w, text);
	assert_int_equal(w->refused_told, 3); /* each once */
	child = w->last_pid + 50;
	snprintf(text, sizeof(text), "MAINPID=%d", child);
	w_notify(w, text);
	w_run(w);
	assert_int_equal(svc_memory(w->s)->main_pid, child);
	/* The old main process means nothing now; the new one does. */
	w_main_ends(w, EXIT_UNKNOWN, 0);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_UNKNOWN);
	/* One that has gone when init looks: the one that runs is still the main one. */
	w->named_is_gone = true;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	child = svc_memory(w->s)->main_pid;
	snprintf(text, sizeof(text), "MAINPID=%d", w->last_pid + 50);
	w_notify(w, text);
	w_run(w);
	assert_int_equal(svc_memory(w->s)->main_pid, child);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	w->named_is_gone = false;
	/* root may name any process. */
	w->forks = 0;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	snprintf(text, sizeof(text), "MAINPID=%d", W_FOREIGN_PID);
	w_notify_as(w, svc_memory(w->s)->main_pid, 0, text);
	assert_int_equal(svc_memory(w->s)->main_pid, W_FOREIGN_PID);
	w_free(w);
}

static void
test_fdstore_and_barrier(void **state)
{
	struct world *w = w_new(U("Type=notify\nFileDescriptorStoreMax=2\n" SIMPLE));
	int p[2], q[2];
	char c;

	(void)state;
	w_up(w);
	w_run(w);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(pipe(q), 0);
	svc_on_notify_take_fds(w->s, w_slot(w),
	    &(struct svc_notify){ .text = "FDSTORE=1\nFDNAME=door",
		.len = 21,
		.pid = svc_memory(w->s)->main_pid,
		.fds = &p[1],
		.nfds = 1 });
	assert_int_equal(w->fds_stored, 1);
	assert_non_null(strstr(w->log, "fdstore:door"));
	svc_on_stored(w->s, 1, "door");
	svc_on_stored(w->s, 2, "window");
	assert_int_equal(svc_stored(w->s, NULL, NULL), 2);
	svc_on_unstored(w->s, 1);
	assert_int_equal(svc_stored(w->s, NULL, NULL), 1);
	w_notify(w, "FDSTOREREMOVE=1\nFDNAME=window");
	assert_non_null(strstr(w->log, "fddrop:window"));
	assert_int_equal(svc_stored(w->s, NULL, NULL), 0);
	/* A barrier is answered by closing its descriptor. */
	svc_on_notify_take_fds(w->s, w_slot(w),
	    &(struct svc_notify){ .text = "BARRIER=1",
		.len = 9,
		.pid = svc_memory(w->s)->main_pid,
		.fds = &q[1],
		.nfds = 1 });
	assert_int_equal(read(q[0], &c, 1), 0);
	close(p[0]);
	close(q[0]);
	w_free(w);
}

static void
test_notify_fd(void **state)
{
	struct world *w = w_new(U("NotifyFD=3\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	/* The socket is another way to speak, with other words. */
	w_notify(w, "\n");
	assert_state(w, SVC_START);
	svc_on_ready_line(w->s, w_slot(w) + 1);
	assert_state(w, SVC_START);
	svc_on_ready_line(w->s, w_slot(w));
	assert_state(w, SVC_RUNNING);
	svc_on_ready_closed(w->s, w_slot(w));
	assert_state(w, SVC_RUNNING);
	w_free(w);

	w = w_new(U("NotifyFD=3\n" SIMPLE));
	w_up(w);
	w_run(w);
	svc_on_ready_closed(w->s, w_slot(w));
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	w_free(w);
}

static void
test_extend_never_shortens(void **state)
{
	struct world *w = w_new(U("Type=notify\nTimeoutStartSec=50\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_notify(w, "EXTEND_TIMEOUT_USEC=1000");
	w_advance(w, 49 * SEC);
	assert_state(w, SVC_START);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

static void
test_extend_stop_and_runtime(void **state)
{
	struct world *w =
	    w_new(U("Type=notify\nTimeoutStopSec=5\nRuntimeMaxSec=20\n" SIMPLE));

	(void)state;
	w->deaf = true;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	w_advance(w, 19 * SEC);
	w_notify(w, "EXTEND_TIMEOUT_USEC=5000000");
	w_advance(w, 4 * SEC);
	assert_state(w, SVC_RUNNING);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_STOP_SIGTERM);
	assert_result(w, SVC_RESULT_TIMEOUT);
	w_notify(w, "EXTEND_TIMEOUT_USEC=20000000");
	w_advance(w, 19 * SEC);
	assert_state(w, SVC_STOP_SIGTERM);
	w_advance(w, 3 * SEC);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_notify_hostile),
		cmocka_unit_test(test_notify_strangers),
		cmocka_unit_test(test_reload_storm),
		cmocka_unit_test(test_news_storm),
		cmocka_unit_test(test_mainpid_rules),
		cmocka_unit_test(test_fdstore_and_barrier),
		cmocka_unit_test(test_notify_fd),
		cmocka_unit_test(test_extend_never_shortens),
		cmocka_unit_test(test_extend_stop_and_runtime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
