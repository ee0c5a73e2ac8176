/*
 * service_run: the life of a service that is up, until its end begins: the actions of
 * running.
 */
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "manager/service/service_int.h"

/* With what the start was complete. */
static void
note_ready(struct service *s, const struct svc_note *note)
{
	const struct service_conf *c = svc_sc(s);
	bool said = svc_is_notify(c) || c->notify_fd >= 0;
	struct buf b = { 0 };

	if (said)
		buf_adds(&b, "the service said so");
	svc_ready_evidence(s, &b);
	if (b.len == 0)
		buf_adds(&b, "it was started");
	svc_note(s, note, buf_str(&b));
	buf_free(&b);
}

static void
became_active(struct service *s)
{
	struct svc_memory *m = &s->m;
	const struct service_conf *c = svc_sc(s);
	struct svc_note note = { .what = SVC_EMIT_READY };
	uint64_t max;

	if (m->active_us != 0)
		return;
	m->active_us = clock_mono_us();
	m->active_wall_us = clock_wall_us();
	if (m->active_wall_us > m->started_wall_us)
		note.duration_us = m->active_wall_us - m->started_wall_us;
	note_ready(s, &note);
	if (c->runtime_max_us != UNIT_INFINITY) {
		max = clock_add_us(m->active_us, c->runtime_max_us);
		if (c->runtime_randomized_extra_us > 0 &&
		    c->runtime_randomized_extra_us != UNIT_INFINITY)
			max = clock_add_us(
			    max, (uint64_t)((double)c->runtime_randomized_extra_us *
					    (arc4random() / 4294967296.0)));
		m->runtime_us = max;
		svc_timer(s, SVC_TIMER_RUNTIME, max);
	}
}

/* Nobody knows which process is the main one, or it does not matter: the last to end
 * ends it. */
static bool
main_is_unknown(const struct service *s)
{
	if (s->m.main_running || s->empty)
		return false;
	return (svc_sc(s)->type == SERVICE_FORKING && s->m.main_exit.how == 0) ||
	       svc_sc(s)->exit_type == SERVICE_EXIT_CGROUP;
}

/* What Type=dbus has to have.  RemainAfterExit= keeps what does nothing any more. */
static bool
name_is_lost(const struct service *s)
{
	return s->name_gone && !svc_sc(s)->remain_after_exit;
}

static void
stop_without_name(struct service *s)
{
	svc_set_why(s, "its name %.200s was given up", svc_sc(s)->bus_name);
	svc_enter_stop(s);
}

void
svc_enter_running(struct service *s)
{
	struct svc_memory *m = &s->m;
	char text[SVC_WHY_MAX];
	const struct service_conf *c = svc_sc(s);
	bool unknown;

	svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
	if (m->result != SVC_RESULT_SUCCESS) {
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (c->type == SERVICE_FORKING && c->pid_file != NULL && !m->main_running &&
	    m->main_exit.how == 0)
		svc_pidfile_load(s, text, sizeof(text));
	unknown = main_is_unknown(s);
	if (name_is_lost(s) && (m->main_running || unknown)) {
		/* During a reload, or the commands after the start. */
		became_active(s);
		stop_without_name(s);
	} else if (m->main_running || unknown) {
		became_active(s);
		if (unknown)
			svc_deed_watch_empty(s);
		if (m->stopping) {
			svc_set_state(s, SVC_RUNNING);
			svc_raise(s, SVC_EV_STOPPING);
		} else if (m->reloading) {
			svc_set_state(s, SVC_RELOAD_NOTIFY);
			svc_phase_timer(s, c->timeout_start_us);
			svc_set_why(s, "reloads itself");
		} else {
			svc_set_state(s, SVC_RUNNING);
			svc_set_why(s, "running%s%s%s",
			    m->resumes ? " by ResumeExec=" : "",
			    m->who[0] != '\0' ? ", started by " : "", m->who);
		}
		svc_health_begin(s);
		svc_done(s, SVC_DONE_START, SVC_DONE_OK, "started");
	} else if (c->remain_after_exit) {
		became_active(s);
		svc_set_state(s, SVC_EXITED);
		svc_set_why(s, "done, and stays active (RemainAfterExit=)");
		svc_done(s, SVC_DONE_START, SVC_DONE_OK, "done");
	} else {
		/* The start is complete when the commands after it are: see the end. */
		became_active(s);
		if (c->type == SERVICE_FORKING && m->main_exit.how == 0)
			svc_set_why(s, "its first process ended and left no other");
		svc_enter_stop(s);
	}
}

/* Main ended while a control process runs: that one ends first. */
void
act_main_exit_wait(struct service *s)
{
	if (s->m.control_running)
		return;
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, s->m.why);
	if (s->m.result != SVC_RESULT_SUCCESS)
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
	else
		svc_enter_stop(s);
}

void
act_main_exit_running(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	char text[SVC_WHY_MAX];

	/* A forking service may go on as another process that its pid file names. */
	if (c->type == SERVICE_FORKING && c->pid_file != NULL &&
	    s->in->exit.how != EXIT_NOT_STARTED &&
	    svc_pidfile_load(s, text, sizeof(text)) == 1) {
		s->m.result = SVC_RESULT_SUCCESS;
		svc_set_why(s, "running, with a new main process");
		return;
	}
	/* With ExitType=cgroup a failure counts, too, but not before the others have
	 * ended.
	 */
	if ((s->m.result == SVC_RESULT_SUCCESS || c->exit_type == SERVICE_EXIT_CGROUP) &&
	    main_is_unknown(s)) {
		svc_set_why(s, "running, its main process ended (ExitType=cgroup)");
		svc_deed_watch_empty(s);
		return;
	}
	if (s->m.result == SVC_RESULT_SUCCESS && c->remain_after_exit) {
		svc_health_end(s);
		svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
		svc_set_state(s, SVC_EXITED);
		svc_set_why(s, "done, and stays active (RemainAfterExit=)");
		return;
	}
	if (s->m.result != SVC_RESULT_SUCCESS)
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
	else
		svc_enter_stop(s);
}

void
act_empty_running(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->m.main_running)
		return;
	if (s->m.result == SVC_RESULT_SUCCESS)
		svc_set_why(s, "all processes ended");
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, s->m.why);
	if (s->m.result != SVC_RESULT_SUCCESS) {
		svc_set_why(s, "main process %s",
		    svc_exit_text(&s->m.main_exit, text, sizeof(text)));
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (svc_sc(s)->remain_after_exit) {
		svc_health_end(s);
		svc_set_state(s, SVC_EXITED);
		return;
	}
	svc_enter_stop(s);
}

void
act_runtime_max(struct service *s)
{
	char dur[CLOCK_TEXT_MAX];

	svc_fail(s, SVC_RESULT_TIMEOUT, "ran longer than RuntimeMaxSec=%s",
	    clock_format_duration(dur, sizeof(dur), svc_sc(s)->runtime_max_us));
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, s->m.why);
	if (s->m.control_running) {
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	svc_enter_stop(s);
}

void
act_name_lost(struct service *s)
{
	if (name_is_lost(s))
		stop_without_name(s);
}

void
act_watchdog(struct service *s)
{
	char dur[CLOCK_TEXT_MAX];

	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, "the watchdog was lost");
	if (s->in->from_health) {
		svc_fail(s, SVC_RESULT_WATCHDOG, "unhealthy: %s",
		    s->probes != NULL ? s->probes->text : "?");
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (s->in->triggered)
		svc_fail(s, SVC_RESULT_WATCHDOG, "it said WATCHDOG=trigger");
	else
		svc_fail(s, SVC_RESULT_WATCHDOG, "no WATCHDOG=1 within %s",
		    clock_format_duration(dur, sizeof(dur), svc_watchdog_period_us(s)));
	svc_enter_signal(s, SVC_STOP_WATCHDOG, SVC_RESULT_SUCCESS);
}
