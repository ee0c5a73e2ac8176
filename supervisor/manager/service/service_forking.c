/*
 * service_forking: who is the main process of Type=forking, when the one that was started
 * has ended: by PIDFile=, which is not believed before it was looked at, or by a guess.
 */
#include <inttypes.h>
#include <stdio.h>

#include "lib/clock.h"
#include "manager/service/service_int.h"

enum {
	PIDFILE_POLL_MS = 50,
};

int
svc_pidfile_load(struct service *s, char *why, size_t size)
{
	const struct service_conf *c = svc_sc(s);
	bool trusted = false;
	uint64_t ticks = 0;
	int32_t pid = 0;

	switch (s->ops->pidfile_read(s->arg, c->pid_file, &pid, &trusted, why, size)) {
	case SVC_PIDFILE_OK:
		break;
	case SVC_PIDFILE_MISSING:
		return 0;
	case SVC_PIDFILE_BAD:
		svc_note_refused(
		    s, REFUSED_PIDFILE_READ, "PIDFile=%s: %s", c->pid_file, why);
		return -1;
	}
	switch (s->ops->pid_check(s->arg, s->m.slot, pid, &ticks)) {
	case SVC_PID_OURS:
		break;
	case SVC_PID_FOREIGN:
		if (trusted)
			break;
		snprintf(why, size,
		    "process %" PRId32
		    " is not of this unit; only a file of root may name it",
		    pid);
		svc_note_refused(s, REFUSED_PIDFILE, "PIDFile=%s: %s", c->pid_file, why);
		return -1;
	case SVC_PID_TAKEN:
		snprintf(why, size, "process %" PRId32 " is of another unit", pid);
		svc_note_refused(s, REFUSED_PIDFILE, "PIDFile=%s: %s", c->pid_file, why);
		return -1;
	case SVC_PID_SUPD:
		snprintf(
		    why, size, "process %" PRId32 " is supd, init or the kernel", pid);
		svc_note_refused(s, REFUSED_PIDFILE, "PIDFile=%s: %s", c->pid_file, why);
		return -1;
	case SVC_PID_GONE:
		/* Perhaps a stale file that is about to be replaced. */
		return 0;
	}
	if (pid == s->m.control_pid)
		return 0;
	svc_take_main(s, pid, ticks, "PIDFile=");
	return 1;
}

static void
forked_ready(struct service *s)
{
	s->m.ready = true;
	svc_timer(s, SVC_TIMER_READY, UINT64_MAX);
	svc_ready_begin(s);
	svc_check_ready(s);
}

/* The starter of Type=forking is done. */
void
act_forked(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	char text[SVC_WHY_MAX];
	uint64_t ticks = 0;
	int32_t pid;

	if (c->type != SERVICE_FORKING) {
		svc_bug(s, "a control process in start");
		return;
	}
	if (s->in->result != SVC_RESULT_SUCCESS) {
		svc_exit_line(s, &s->in->exit, "ExecStart=", text, sizeof(text));
		svc_fail(s, s->in->result, "%s", text);
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (c->pid_file != NULL) {
		switch (svc_pidfile_load(s, text, sizeof(text))) {
		case 1:
			break;
		case 0:
			if (c->exec[EXEC_START_POST].n > 0)
				break; /* that may write it */
			svc_timer(s, SVC_TIMER_READY,
			    clock_add_us(
				clock_mono_us(), PIDFILE_POLL_MS * USEC_PER_MSEC));
			svc_deed_watch_empty(s);
			return;
		default:
			svc_fail(
			    s, SVC_RESULT_PROTOCOL, "PIDFile=%s: %s", c->pid_file, text);
			svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
			return;
		}
	} else if (c->guess_main_pid) {
		pid = s->ops->guess_main(s->arg, s->m.slot);
		if (pid > 0 &&
		    s->ops->pid_check(s->arg, s->m.slot, pid, &ticks) == SVC_PID_OURS)
			svc_take_main(s, pid, ticks, "guess");
	}
	forked_ready(s);
}

void
svc_pidfile_poll(struct service *s)
{
	char text[SVC_WHY_MAX];

	switch (svc_pidfile_load(s, text, sizeof(text))) {
	case 1:
		forked_ready(s);
		break;
	case 0:
		svc_timer(s, SVC_TIMER_READY,
		    clock_add_us(clock_mono_us(), PIDFILE_POLL_MS * USEC_PER_MSEC));
		break;
	default:
		svc_fail(
		    s, SVC_RESULT_PROTOCOL, "PIDFile=%s: %s", svc_sc(s)->pid_file, text);
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		break;
	}
}
