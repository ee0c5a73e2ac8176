/*
 * One service, line by line: every type, every end, every time limit, by script.
 */
#include <inttypes.h>

#include "world.h"

#define U(lines) "[Service]\n" lines "\n"
#define SIMPLE "ExecStart=/bin/main\n"

static void
test_table_is_total(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(svc_undecided(), 0);
	svc_explain(&b);
	assert_null(strstr(b.data, "undecided"));
	buf_free(&b);
}

static void
test_simple(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->done_count[SVC_DONE_START], 1);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_run(w);
	assert_true(svc_memory(w->s)->main_pid > 0);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	assert_int_equal(w->done_last[SVC_DONE_STOP], SVC_DONE_OK);
	assert_non_null(strstr(svc_why(w->s), "stopped by a person"));
	assert_false(svc_has_slot(w->s));
	assert_string_equal(w->log,
	    "[start] [running] open main:main [stop-sigterm] TERM CONT "
	    "[final-sigterm] [dead] close ");
	w_free(w);
}

static void
test_end_by_itself(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 3);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(w->s), "main process exited, status=3"));
	assert_int_equal(svc_memory(w->s)->main_exit.status, 3);
	svc_reset_failed(w->s);
	assert_state(w, SVC_DEAD);
	w_free(w);
}

static void
test_full_start_and_stop(void **state)
{
	struct world *w =
	    w_new(U("ExecCondition=/c1\nExecStartPre=/p1\nExecStartPre=/p2\n" SIMPLE
		    "ExecStartPost=/q1\nExecStop=/s1\nExecStop=/s2\nExecStopPost=/t1\n"));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_string_equal(w->log,
	    "[condition] open ctl:c1 [start-pre] ctl:p1 ctl:p2 [start] main:main "
	    "[start-post] ctl:q1 [running] [stop] ctl:s1 ctl:s2 [stop-sigterm] TERM CONT "
	    "[stop-post] ctl:t1 [final-sigterm] TERM CONT [dead] close ");
	w_free(w);
}

static void
test_condition_skips(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nExecCondition=/c1\n" SIMPLE "ExecStopPost=/t\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 1);
	w->auto_exit_control = true;
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_EXEC_CONDITION);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_SKIPPED);
	assert_int_equal(w->spawns[PROC_MAIN], 0);
	assert_non_null(strstr(w->log, "ctl:t"));
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 255);
	w->auto_exit_control = true;
	w_run(w);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_state(w, SVC_AUTO_RESTART);
	w_free(w);
}

static void
test_start_pre_fails(void **state)
{
	struct world *w =
	    w_new(U("ExecStartPre=/p1\n" SIMPLE "ExecStop=/s\nExecStopPost=/t\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 7);
	w->auto_exit_control = true;
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	/* ExecStop= is not run for what never started, ExecStopPost= is. */
	assert_null(strstr(w->log, "ctl:s "));
	assert_non_null(strstr(w->log, "ctl:t"));
	assert_non_null(strstr(svc_why(w->s), "ExecStartPre=/p1 exited, status=7"));
	w_free(w);
}

static void
test_minus_ignores_failure(void **state)
{
	struct world *w = w_new(U("ExecStartPre=-/p1\nExecStart=-/bin/main\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 7);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_main_ends(w, EXIT_KILLED, SIGSEGV);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_free(w);
}

static void
test_exec(void **state)
{
	struct world *w = w_new(U("Type=exec\n" SIMPLE));

	(void)state;
	w_up(w);
	assert_state(w, SVC_START);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_down(w);
	w_run(w);
	w->exec_fails = true;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	assert_non_null(strstr(svc_why(w->s), "step exec"));
	w_free(w);
}

static void
test_oneshot(void **state)
{
	struct world *w =
	    w_new(U("Type=oneshot\nExecStart=/one\nExecStart=/two\nRemainAfterExit=yes\n"
		    "ExecStop=/s\n"));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	assert_int_equal(w->done_count[SVC_DONE_START], 0);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_START);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_EXITED);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_non_null(strstr(w->log, "ctl:s"));
	/* The first failure ends it. */
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_KILLED, SIGTERM); /* not a clean end for a oneshot */
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_SIGNAL);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	w_free(w);
}

static void
test_oneshot_without_remain(void **state)
{
	struct world *w = w_new(U("Type=oneshot\nExecStart=/one\n"));

	(void)state;
	w_up(w);
	w_run(w);
	/* It has no limit for its start. */
	assert_true(w->timer_us[SVC_TIMER_PHASE] == UINT64_MAX);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_OK);
	w_free(w);
}

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

/* A command of HealthExec= that cannot be started fails at once, and the next is tried.
 */
static void
test_health_spawn_fails(void **state)
{
	struct world *w = w_new(U("HealthExec=/bin/true\nHealthExec=/bin/true\n"
				  "HealthIntervalSec=10\nHealthFailures=1\n" SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->fail_spawn = 1;
	w_advance(w, 10 * SEC);
	assert_int_equal(w->spawns[PROC_HEALTH], 1);
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
test_forking(void **state)
{
	struct world *w =
	    w_new(U("Type=forking\nPIDFile=/run/a.pid\nExecStart=/bin/starter\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	w->slot[w_slot(w)].extra = 1;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_START); /* the file is not there yet */
	w->pidfile = w->last_pid + 10;
	w_advance(w, SEC);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->main_pid, w->pidfile);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	w_free(w);
}

static void
test_forking_pid_file_trust(void **state)
{
	struct world *w =
	    w_new(U("Type=forking\nPIDFile=/run/a.pid\nExecStart=/bin/starter\n"));

	(void)state;
	w->pidfile = W_FOREIGN_PID;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w->pidfile = 1;
	w->pidfile_trusted = true;
	w_up(w);
	w_run(w);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w->pidfile = W_FOREIGN_PID;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_forking_never_writes(void **state)
{
	struct world *w = w_new(U("Type=forking\nPIDFile=/run/a.pid\nTimeoutStartSec=5\n"
				  "ExecStart=/bin/starter\n"));

	(void)state;
	w_up(w);
	w_run(w); /* the group is empty: no hope */
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w->slot[w_slot(w)].extra = 1;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_advance(w, 6 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_TIMEOUT);
	w_free(w);
}

static void
test_forking_guess(void **state)
{
	struct world *w = w_new(U("Type=forking\nExecStart=/bin/starter\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	w->slot[w_slot(w)].extra = 1;
	w->guess = w->last_pid + 1;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->main_pid, w->guess);
	w_main_ends(w, EXIT_UNKNOWN, 0);
	assert_state(w, SVC_FAILED);
	/* Nobody to guess: the last to end ends it. */
	w->guess = 0;
	w_up(w);
	w_run(w);
	w->slot[w_slot(w)].extra = 2;
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(svc_memory(w->s)->main_pid, 0);
	w_others_end(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_free(w);
}

/* ---- stop -------------------------------------------------------------------- */

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
test_rule_retries_uncounted(void **state)
{
	struct world *w = w_new(U("Restart=no\nRestartSec=1\nRestartSteps=3\n"
				  "RestartMaxDelaySec=1min\n" SIMPLE));

	(void)state;
	w->judgement = (struct svc_judgement){
		.verdict = SVC_VERDICT_RESTART, .uncounted = true, .rule = "busy"
	};
	w_up(w);
	w_run(w);
	for (int i = 0; i < 20; i++) {
		w_main_ends(w, EXIT_EXITED, 75);
		assert_state(w, SVC_AUTO_RESTART);
		assert_result(w, SVC_RESULT_SUCCESS);
		assert_non_null(strstr(svc_why(w->s), "rule busy: not counted"));
		/* Neither the limit of starts nor the steps of the delay. */
		w_advance(w, 1 * SEC + 1);
		assert_state(w, SVC_RUNNING);
	}
	assert_int_equal(svc_memory(w->s)->restarts, 0);
	assert_int_equal(svc_memory(w->s)->backoff, 0);
	/* What was said of one end is not said of the next. */
	w->judgement = (struct svc_judgement){ 0 };
	w_main_ends(w, EXIT_EXITED, 75);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

static void
test_rule_counts(void **state)
{
	struct world *w = w_new(U("Restart=no\nRestartSec=1\n" SIMPLE));
	int n = 0;

	(void)state;
	w->judgement = (struct svc_judgement){ .verdict = SVC_VERDICT_RESTART,
		.not_sooner_us = 3 * SEC / 2,
		.rule = "busy" };
	w_up(w);
	w_run(w);
	while (svc_state(w->s) == SVC_RUNNING && n < 50) {
		w_main_ends(w, EXIT_EXITED, 75);
		w_advance(w, 1 * SEC + 1);
		if (svc_state(w->s) != SVC_FAILED)
			assert_state(w, SVC_AUTO_RESTART);
		w_advance(w, SEC / 2);
		n++;
	}
	assert_int_equal(n, 5);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_free(w);
}

static void
test_rule_ends_restarts(void **state)
{
	struct world *w = w_new(U("Restart=always\n" SIMPLE));

	(void)state;
	w->judgement =
	    (struct svc_judgement){ .verdict = SVC_VERDICT_NO_RESTART, .rule = "fatal" };
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(w->s), "rule fatal: no restart"));
	/* A person may try again; a stop that was asked for is not judged. */
	w->judgement = (struct svc_judgement){
		.verdict = SVC_VERDICT_RESTART, .uncounted = true, .rule = "busy"
	};
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	w_advance(w, 100 * SEC);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
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

/* ---- time limits ------------------------------------------------------------- */

static void
test_start_timeout(void **state)
{
	struct world *w = w_new(U("Type=notify\nTimeoutStartSec=5\n" SIMPLE));

	(void)state;
	w_up(w);
	w_advance(w, 4 * SEC);
	assert_state(w, SVC_START);
	w_notify(w, "EXTEND_TIMEOUT_USEC=10000000");
	w_advance(w, 8 * SEC);
	assert_state(w, SVC_START);
	w_advance(w, 3 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_TIMEOUT);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_TIMEOUT);
	w_free(w);

	w = w_new(U("Type=notify\nTimeoutStartSec=5\nTimeoutStartFailureMode=abort\n"
		    "WatchdogSignal=SIGABRT\n" SIMPLE));
	w_up(w);
	w_advance(w, 6 * SEC);
	assert_non_null(strstr(w->log, "[stop-watchdog] ABRT"));
	w_free(w);

	w = w_new(
	    U("Type=notify\nTimeoutStartSec=5\nTimeoutStartFailureMode=kill\n" SIMPLE));
	w_up(w);
	w_advance(w, 6 * SEC);
	assert_non_null(strstr(w->log, "[stop-sigkill] KILL"));
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

static void
test_watchdog(void **state)
{
	struct world *w =
	    w_new(U("Type=notify\nWatchdogSec=10\nTimeoutAbortSec=3\n" SIMPLE));

	(void)state;
	w_up(w);
	w_advance(w, 30 * SEC); /* not before READY=1 */
	assert_state(w, SVC_START);
	w_notify(w, "READY=1");
	for (int i = 0; i < 5; i++) {
		w_advance(w, 8 * SEC);
		w_notify(w, "WATCHDOG=1");
	}
	assert_state(w, SVC_RUNNING);
	w_notify(w, "WATCHDOG_USEC=2000000");
	w_advance(w, SEC);
	assert_state(w, SVC_RUNNING);
	w->deaf = true;
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_STOP_WATCHDOG);
	assert_result(w, SVC_RESULT_WATCHDOG);
	assert_non_null(strstr(w->log, "ABRT"));
	w_advance(w, 4 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_WATCHDOG);
	w->deaf = false;
	w_up(w);
	w_run(w);
	w_notify(w, "READY=1");
	w_notify(w, "WATCHDOG=trigger");
	w_run(w);
	assert_state(w, SVC_FAILED);
	w_free(w);
}

/* ---- reload ------------------------------------------------------------------ */

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

/* ---- readiness and health ---------------------------------------------------- */

static void
w_forget_log(struct world *w)
{
	w->loglen = 0;
	w->log[0] = '\0';
}

/* Whoever comes after the manager that told the logger can tell it again. */
static void
test_patterns_outlive_manager(void **state)
{
	struct world *w =
	    w_new(U("ExecStartPre=/bin/true\n" SIMPLE "ReadyPattern=listening\n"));

	(void)state;
	w->auto_exit_control = false;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START_PRE);
	w_forget_log(w);
	w_revive(w);
	w_run(w);
	assert_non_null(strstr(w->log, "patterns"));
	w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_START);
	w_forget_log(w);
	w_revive(w);
	w_run(w);
	assert_non_null(strstr(w->log, "patterns"));
	svc_on_match(w->s, w_slot(w), 0, "now listening");
	assert_state(w, SVC_RUNNING);
	w_forget_log(w);
	w_revive(w);
	w_run(w);
	assert_null(strstr(w->log, "patterns"));
	w_free(w);
}

static void
test_ready_all(void **state)
{
	struct world *w = w_new(U(SIMPLE "ReadyPattern=listening\nReadyTCP=8080\n"));

	(void)state;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START);
	assert_non_null(strstr(w->log, "patterns"));
	svc_on_match(w->s, w_slot(w), 0, "now listening");
	assert_state(w, SVC_START);
	w_advance(w, SEC / 10);
	assert_int_equal(w->nprobes, 1);
	svc_on_probe(w->s, PROBE_USE_READY, w->probe_id[0], false, "refused");
	assert_state(w, SVC_START);
	w->nprobes = 0;
	w_advance(w, SEC);
	assert_int_equal(w->nprobes, 1); /* never two of one at a time */
	svc_on_probe(w->s, PROBE_USE_READY, w->probe_id[0], true, "connected");
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_ready_any_and_exec(void **state)
{
	struct world *w =
	    w_new(U(SIMPLE "ReadyPattern=listening\nReadyExec=/bin/ask\nReadyWhen=any\n"
			   "HealthTimeoutSec=3\n"));

	(void)state;
	w_up(w);
	w_advance(w, SEC / 10);
	assert_true(w_lives(w, PROC_READY));
	w_advance(w, 2 * SEC);
	assert_int_equal(w->spawns[PROC_READY], 1);
	w_advance(w, 2 * SEC); /* killed, tried again */
	assert_true(w->spawns[PROC_READY] >= 2);
	assert_state(w, SVC_START);
	w_exit(w, PROC_READY, EXIT_EXITED, 0);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_main_ends_before_ready(void **state)
{
	struct world *w = w_new(U(SIMPLE "ReadyTCP=8080\n"));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_PROTOCOL);
	w_free(w);
}

static void
test_health(void **state)
{
	struct world *w =
	    w_new(U("Restart=on-watchdog\nRestartSec=1\n" SIMPLE "HealthExec=/bin/ok\n"
		    "HealthIntervalSec=10\nHealthTimeoutSec=2\nHealthFailures=2\n"
		    "HealthGraceSec=0\n"));
	struct svc_health h;

	(void)state;
	w_up(w);
	w_advance(w, 10 * SEC);
	assert_true(w_lives(w, PROC_HEALTH));
	w_exit(w, PROC_HEALTH, EXIT_EXITED, 0);
	w_run(w);
	svc_health(w->s, &h);
	assert_true(h.known && h.ok);
	assert_non_null(strstr(h.evidence, "/bin/ok"));
	/* It hangs: killed at its limit, one failure each. */
	w_advance(w, 13 * SEC);
	svc_health(w->s, &h);
	assert_int_equal(h.failures, 1);
	assert_true(h.ok);
	assert_non_null(strstr(h.evidence, "took too long"));
	w_advance(w, 10 * SEC);
	assert_true(w->health_told == 2 && !w->health_ok);
	assert_true(w->states[SVC_AUTO_RESTART] == 1);
	assert_result(
	    w, w->spawns[PROC_MAIN] == 2 ? SVC_RESULT_SUCCESS : SVC_RESULT_WATCHDOG);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_free(w);
}

/* ---- restart ----------------------------------------------------------------- */

enum end {
	END_CLEAN,
	END_CODE,
	END_SIGNAL,
	END_CORE,
	END_TIMEOUT,
	END_TIMEOUT_START,
	END_TIMEOUT_STOP,
	END_WATCHDOG,
	END_PROTOCOL,
	END_RESOURCES,
	END_UNKNOWN,
	END_SKIP,
	END_LIMIT,
	NENDS
};

static const bool restart_table[NENDS][7] = {
	/* no always success failure abnormal abort watchdog */
	[END_CLEAN] = { false, true, true, false, false, false, false },
	[END_CODE] = { false, true, false, true, false, false, false },
	[END_SIGNAL] = { false, true, false, true, true, true, false },
	[END_CORE] = { false, true, false, true, true, true, false },
	[END_TIMEOUT] = { false, true, false, true, true, false, false },
	[END_TIMEOUT_START] = { false, true, false, true, true, false, false },
	[END_TIMEOUT_STOP] = { false, true, false, true, true, false, false },
	[END_WATCHDOG] = { false, true, false, true, true, false, true },
	[END_PROTOCOL] = { false, true, false, true, true, false, false },
	[END_RESOURCES] = { false, true, false, true, true, false, false },
	/* Ours: it ended while nobody was there to see how, and that is a failure. */
	[END_UNKNOWN] = { false, true, false, true, true, false, false },
	[END_SKIP] = { false, false, false, false, false, false, false },
	[END_LIMIT] = { false, false, false, false, false, false, false },
};

static void
make_end(struct world *w, enum end e)
{
	w->auto_exit_control = e != END_SKIP;
	if (e == END_LIMIT) {
		/* Three times, and refused the fourth time. */
		for (int i = 0; i < 3; i++) {
			w_up(w);
			w_run(w);
			w_down(w);
			w_run(w);
		}
	}
	if (e == END_RESOURCES)
		w->fail_slots = 1;
	w_up(w);
	w_run(w);
	if (e == END_LIMIT || e == END_RESOURCES)
		return;
	if (e == END_TIMEOUT_START) {
		w_advance(w, 91 * SEC);
		return;
	}
	if (e == END_SKIP) {
		w_exit(w, PROC_CONTROL, EXIT_EXITED, 2);
		w_run(w);
		return;
	}
	if (e == END_PROTOCOL) {
		w_main_ends(w, EXIT_EXITED, 0);
		return;
	}
	w_notify(w, "READY=1");
	switch (e) {
	case END_CLEAN:
		w_main_ends(w, EXIT_KILLED, SIGTERM);
		break;
	case END_CODE:
		w_main_ends(w, EXIT_EXITED, 1);
		break;
	case END_SIGNAL:
		w_main_ends(w, EXIT_KILLED, SIGKILL);
		break;
	case END_CORE:
		w_main_ends(w, EXIT_DUMPED, SIGSEGV);
		break;
	case END_UNKNOWN:
		w_main_ends(w, EXIT_UNKNOWN, 0);
		break;
	case END_TIMEOUT_STOP:
		/* Main ended well, and left one that does not end by TERM. */
		w->deaf = true;
		w->slot[w_slot(w)].extra = 1;
		w_main_ends(w, EXIT_EXITED, 0);
		w_advance(w, 91 * SEC);
		break;
	case END_TIMEOUT:
		w_advance(w, 100 * SEC - 1);
		w_notify(w, "WATCHDOG=1");
		w_advance(w, 1);
		break;
	case END_WATCHDOG:
		w_notify(w, "WATCHDOG=trigger");
		w_run(w);
		break;
	default:
		break;
	}
}

static void
test_restart_table(void **state)
{
	static const char *const values[] = { "no", "always", "on-success", "on-failure",
		"on-abnormal", "on-abort", "on-watchdog" };
	char text[512];

	(void)state;
	for (int e = 0; e < NENDS; e++) {
		for (int v = 0; v < 7; v++) {
			struct world *w;

			snprintf(text, sizeof(text),
			    "[Unit]\nStartLimitBurst=3\nStartLimitIntervalSec=500\n"
			    "[Service]\nType=notify\nRestart=%s\nRestartSec=1000\n"
			    "RuntimeMaxSec=100\nWatchdogSec=100000\n"
			    "ExecCondition=/c\nExecStart=/bin/main\n",
			    values[v]);
			w = w_new(text);
			make_end(w, (enum end)e);
			if ((svc_state(w->s) == SVC_AUTO_RESTART) != restart_table[e][v])
				fail_msg("end %d with Restart=%s: %s (%s)", e, values[v],
				    svc_state_name(svc_state(w->s)), svc_why(w->s));
			if (svc_state(w->s) == SVC_AUTO_RESTART) {
				w_advance(w, 1001 * SEC);
				assert_int_equal(svc_memory(w->s)->restarts, 1);
			}
			w_free(w);
		}
	}
}

static void
test_exit_lists(void **state)
{
	struct world *w = w_new(U("Restart=on-failure\nSuccessExitStatus=42 SIGUSR1\n"
				  "RestartPreventExitStatus=7 SIGKILL\n"
				  "RestartForceExitStatus=0 9\nRestartSec=1\n" SIMPLE));
	static const struct {
		enum exit_how how;
		int status;
		bool restart;
		enum svc_result result;
	} t[] = {
		{ EXIT_EXITED, 42, false, SVC_RESULT_SUCCESS },
		{ EXIT_KILLED, SIGUSR1, false, SVC_RESULT_SUCCESS },
		{ EXIT_EXITED, 7, false, SVC_RESULT_EXIT_CODE },
		{ EXIT_KILLED, SIGKILL, false, SVC_RESULT_SIGNAL },
		{ EXIT_EXITED, 0, true, SVC_RESULT_SUCCESS },
		{ EXIT_EXITED, 9, true, SVC_RESULT_EXIT_CODE },
		{ EXIT_EXITED, 1, true, SVC_RESULT_EXIT_CODE },
		{ EXIT_UNKNOWN, 0, true, SVC_RESULT_UNKNOWN },
	};

	(void)state;
	w_no_start_limit(w);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		w_up(w);
		w_run(w);
		w_main_ends(w, t[i].how, t[i].status);
		assert_result(w, t[i].result);
		assert_int_equal(svc_state(w->s) == SVC_AUTO_RESTART, t[i].restart);
		w_down(w);
		w_run(w);
	}
	w_free(w);
}

static void
test_restart_steps(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nRestartSec=1\nRestartSteps=4\n"
		    "RestartMaxDelaySec=16\nRestartResetSec=1000\n" SIMPLE));
	static const uint64_t want[] = { 1, 2, 4, 8, 16, 16, 16 };
	uint64_t d;

	(void)state;
	w_no_start_limit(w);
	w_up(w);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		assert_state(w, SVC_AUTO_RESTART);
		d = w->restart_delay_us;
		assert_true(d >= want[i] * SEC - 10 && d <= want[i] * SEC + 10);
		assert_int_equal(svc_next_restart_us(w->s), w->now_us + d);
		w_advance(w, d);
		assert_state(w, SVC_RUNNING);
	}
	assert_int_equal(svc_memory(w->s)->restarts, 7);
	w_advance(w, 1001 * SEC); /* a stable run */
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->restart_delay_us, SEC);
	w_free(w);
}

static void
test_restart_jitter(void **state)
{
	struct world *w =
	    w_new(U("Restart=always\nRestartSec=1\nRestartJitter=2\n" SIMPLE));
	bool differs = false;
	uint64_t first = 0;

	(void)state;
	w_no_start_limit(w);
	w_up(w);
	for (int i = 0; i < 50; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		assert_true(w->restart_delay_us >= SEC && w->restart_delay_us <= 3 * SEC);
		if (i == 0)
			first = w->restart_delay_us;
		differs |= w->restart_delay_us != first;
		w_advance(w, 3 * SEC);
	}
	assert_true(differs);
	w_free(w);
}

static void
test_start_limit(void **state)
{
	struct world *w =
	    w_new("[Unit]\nStartLimitIntervalSec=100\nStartLimitBurst=3\n" U(
		"Restart=always\nRestartSec=1\n" SIMPLE));

	(void)state;
	w_up(w);
	for (int i = 0; i < 2; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, SEC);
		assert_state(w, SVC_RUNNING);
	}
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	w_advance(w, SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_START_LIMIT);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	w_up(w);
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	assert_int_equal(w->spawns[PROC_MAIN], 3);
	svc_reset_failed(w->s);
	w_up(w);
	assert_state(w, SVC_RUNNING);
	w_run(w);
	/* Those of persons count as well; time that goes by forgets them, not bit by bit.
	 */
	for (int i = 0; i < 2; i++) {
		w_down(w);
		w_run(w);
		w_up(w);
		w_run(w);
	}
	w_down(w);
	w_run(w);
	w_up(w);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_advance(w, 99 * SEC);
	w_up(w);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_advance(w, 2 * SEC);
	for (int i = 0; i < 3; i++) {
		w_up(w);
		w_run(w);
		assert_state(w, SVC_RUNNING);
		w_down(w);
		w_run(w);
	}
	w_up(w);
	assert_result(w, SVC_RESULT_START_LIMIT);
	w_free(w);
}

/* The delay begins anew when the service says so, and after a stop; not before. */
static void
test_backoff_is_reset(void **state)
{
	struct world *w =
	    w_new(U("Type=notify\nRestart=always\nRestartSec=1\nRestartSteps=3\n"
		    "RestartMaxDelaySec=8\n" SIMPLE));

	(void)state;
	w_no_start_limit(w);
	w_up(w);
	for (int i = 0; i < 3; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, 8 * SEC);
	}
	assert_true(w->restart_delay_us > 3 * SEC);
	w_run(w);
	w_notify(w, "READY=1\nRESTART_RESET=1");
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->restart_delay_us, SEC);
	w_advance(w, SEC);
	assert_int_equal(svc_memory(w->s)->restarts, 1);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_true(w->restart_delay_us > SEC);
	w_down(w);
	w_run(w);
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->restart_delay_us, SEC);
	w_free(w);
}

static void
test_start_limit_retry(void **state)
{
	struct world *w =
	    w_new("[Unit]\nStartLimitIntervalSec=100\nStartLimitBurst=2\n" U(
		"Restart=always\nRestartSec=1\nStartLimitRetrySec=60\n" SIMPLE));

	(void)state;
	w_up(w);
	for (int i = 0; i < 2; i++) {
		w_run(w);
		w_main_ends(w, EXIT_EXITED, 1);
		w_advance(w, SEC);
	}
	assert_state(w, SVC_LIMIT_WAIT);
	assert_string_equal(svc_active_name(svc_active(w->s)), "failed");
	w_advance(w, 59 * SEC);
	assert_state(w, SVC_LIMIT_WAIT);
	w_advance(w, 2 * SEC);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

static void
test_actions(void **state)
{
	struct world *w =
	    w_new("[Unit]\nFailureAction=exit\nSuccessAction=reboot\n" U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 1);
	assert_int_equal(w->actions, 1);
	assert_int_equal(w->action, ACTION_EXIT);
	w_up(w);
	w_run(w);
	w_main_ends(w, EXIT_EXITED, 0);
	assert_int_equal(w->actions, 2);
	assert_int_equal(w->action, ACTION_REBOOT);
	w_free(w);
}

/* ---- what cannot be had ------------------------------------------------------ */

static void
test_resources(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w->fail_fill = 1;
	w_up(w);
	assert_state(w, SVC_FAILED);
	/* As a child that finds out: status 217. */
	assert_result(w, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(w->s), "no such user"));
	assert_non_null(strstr(svc_why(w->s), "217"));
	assert_int_equal(w->done_last[SVC_DONE_START], SVC_DONE_FAILED);
	w->fail_slots = 1;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_RESOURCES);
	assert_false(svc_has_slot(w->s));
	w->fail_spawn = 1;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_RESOURCES);
	assert_false(svc_has_slot(w->s));
	w_free(w);
}

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

/* All slots are used, and one is being closed: the start waits for it, within its time.
 */
static void
test_start_waits_for_slot(void **state)
{
	struct world *w = w_new(
	    U("ExecStopPost=/bin/true\nTimeoutStartSec=5\nTimeoutStopSec=7\n" SIMPLE));

	(void)state;
	w->full = true;
	w_up(w);
	w_run(w);
	assert_state(w, SVC_START_PRE);
	assert_true(svc_waits_for_slot(w->s));
	svc_on_slot_free(w->s); /* somebody else was quicker */
	w_run(w);
	assert_true(svc_waits_for_slot(w->s));
	w->full = false;
	svc_on_slot_free(w->s);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	svc_on_slot_free(w->s);
	w_run(w);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);

	/* Stopped, forced down, or over with its time: at once, and nothing was run. */
	w->full = true;
	w->spawns[PROC_CONTROL] = 0;
	w_up(w);
	w_run(w);
	w_down(w);
	w_run(w);
	assert_state(w, SVC_DEAD);
	assert_result(w, SVC_RESULT_SUCCESS);
	w_up(w);
	w_run(w);
	svc_force_down(w->s, "a person");
	w_run(w);
	assert_state(w, SVC_DEAD);
	w_up(w);
	w_run(w);
	w_advance(w, 6 * SEC);
	assert_state(w, SVC_FAILED);
	assert_result(w, SVC_RESULT_TIMEOUT);
	assert_int_equal(w->spawns[PROC_CONTROL], 0);
	w->full = false;
	svc_on_slot_free(w->s);
	w_run(w);
	assert_state(w, SVC_FAILED);

	/* A new manager goes on waiting, or has one at once. */
	w->full = true;
	w_up(w);
	w_run(w);
	w_revive(w);
	w_run(w);
	assert_true(svc_waits_for_slot(w->s));
	w->full = false;
	w_revive(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_int_equal(w->spawns[PROC_MAIN], 2);
	w_free(w);
}

/* The manager dies in the stop of a restart: it is remembered that a start follows, and
 * asked for by who has the jobs, not begun here past all that they ask for. */
static void
test_restart_outlives_manager(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->asked[SVC_DONE_STOP]++;
	svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
	assert_state(w, SVC_STOP_SIGTERM);
	w_revive(w);
	w_run(w);
	w_advance(w, 100 * SEC);
	assert_state(w, SVC_DEAD);
	assert_true(svc_memory(w->s)->then_start);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	assert_false(svc_memory(w->s)->then_start);
	w_free(w);
}

/* The start of a restart is given up: no later manager makes up for it. */
static void
test_given_up_restart_stays_down(void **state)
{
	struct world *w = w_new(U(SIMPLE));

	(void)state;
	w_up(w);
	w_run(w);
	w->asked[SVC_DONE_STOP]++;
	svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
	w_run(w);
	assert_state(w, SVC_DEAD);
	svc_start_given_up(w->s, "b.service, which it requires, did not start");
	assert_string_equal(
	    svc_why(w->s), "not started: b.service, which it requires, did not start");
	w_revive(w);
	w_run(w);
	w_advance(w, 100 * SEC);
	assert_state(w, SVC_DEAD);
	assert_int_equal(w->spawns[PROC_MAIN], 1);
	w_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_total),
		cmocka_unit_test(test_simple),
		cmocka_unit_test(test_start_waits_for_slot),
		cmocka_unit_test(test_end_by_itself),
		cmocka_unit_test(test_full_start_and_stop),
		cmocka_unit_test(test_condition_skips),
		cmocka_unit_test(test_start_pre_fails),
		cmocka_unit_test(test_minus_ignores_failure),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_oneshot),
		cmocka_unit_test(test_oneshot_without_remain),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_notify_hostile),
		cmocka_unit_test(test_notify_strangers),
		cmocka_unit_test(test_reload_storm),
		cmocka_unit_test(test_news_storm),
		cmocka_unit_test(test_health_spawn_fails),
		cmocka_unit_test(test_mainpid_rules),
		cmocka_unit_test(test_fdstore_and_barrier),
		cmocka_unit_test(test_notify_fd),
		cmocka_unit_test(test_forking),
		cmocka_unit_test(test_forking_pid_file_trust),
		cmocka_unit_test(test_forking_never_writes),
		cmocka_unit_test(test_forking_guess),
		cmocka_unit_test(test_stop_escalates),
		cmocka_unit_test(test_stop_sequence),
		cmocka_unit_test(test_survivors),
		cmocka_unit_test(test_survivors_delay_restart),
		cmocka_unit_test(test_stopped_means_empty),
		cmocka_unit_test(test_exit_type_cgroup),
		cmocka_unit_test(test_final_signal_wakes),
		cmocka_unit_test(test_kill_modes),
		cmocka_unit_test(test_restart_kill_signal),
		cmocka_unit_test(test_stop_in_every_state_of_the_start),
		cmocka_unit_test(test_stop_wins_over_restart),
		cmocka_unit_test(test_force),
		cmocka_unit_test(test_start_timeout),
		cmocka_unit_test(test_extend_never_shortens),
		cmocka_unit_test(test_extend_stop_and_runtime),
		cmocka_unit_test(test_watchdog),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_exit_tells_empty),
		cmocka_unit_test(test_main_ends_during_reload),
		cmocka_unit_test(test_patterns_outlive_manager),
		cmocka_unit_test(test_ready_all),
		cmocka_unit_test(test_ready_any_and_exec),
		cmocka_unit_test(test_main_ends_before_ready),
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_restart_table),
		cmocka_unit_test(test_exit_lists),
		cmocka_unit_test(test_restart_steps),
		cmocka_unit_test(test_restart_jitter),
		cmocka_unit_test(test_start_limit),
		cmocka_unit_test(test_backoff_is_reset),
		cmocka_unit_test(test_start_limit_retry),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_notify_reload),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_late_messages),
		cmocka_unit_test(test_conf_replaced),
		cmocka_unit_test(test_stand_in_replaced),
		cmocka_unit_test(test_reboot_forgets),
		cmocka_unit_test(test_adopt_by_tag),
		cmocka_unit_test(test_rule_retries_uncounted),
		cmocka_unit_test(test_rule_counts),
		cmocka_unit_test(test_rule_ends_restarts),
		cmocka_unit_test(test_adopt_newer_than_memory),
		cmocka_unit_test(test_restart_outlives_manager),
		cmocka_unit_test(test_given_up_restart_stays_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
