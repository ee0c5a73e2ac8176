/*
 * service_end: what is decided when nothing of a service is left: what is given back,
 * whether it comes up again, and what its end means for supd itself.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"
#include "proto/spec.h"

static void
release_conf(struct service *s)
{
	if (s->run_conf != NULL && s->run_conf != s->conf)
		svc_deed(s, DEED_RELEASE)->u.conf = s->run_conf;
	s->run_conf = NULL;
}

static void
close_slot(struct service *s)
{
	if (s->m.slot == SLOT_NONE)
		return;
	svc_deed(s, DEED_SLOT_CLOSE)->u.slot = s->m.slot;
	s->m.slot = SLOT_NONE;
	s->empty = s->watching = s->watch_stale = s->stop_signalled = false;
}

void
svc_leave_pool(struct service *s)
{
	if (s->m.pool[0] == '\0')
		return;
	svc_memory_text(&s->m.pool, SVC_POOL_MAX, NULL);
	s->m.pool_number = s->m.queued_us = 0;
	svc_deed(s, DEED_POOL_LEAVE);
}

void
svc_enter_auto_restart(struct service *s)
{
	struct svc_memory *m = &s->m;
	const struct unit_conf *u = svc_conf(s);
	char cause[SVC_WHY_MAX], dur[CLOCK_TEXT_MAX];
	uint64_t delay = svc_restart_delay_us(s);
	struct svc_note note = { .what = SVC_EMIT_RESTART, .delay_us = delay };

	m->restart_deferred = false;
	if (m->yields) {
		/* At once into the queue; it is no restart that anybody counts. */
		m->uncounted = true;
		svc_set_state(s, SVC_AUTO_RESTART);
		svc_set_why(s, "it yielded");
		svc_phase_timer(s, 0);
		return;
	}
	if (m->again) {
		note.retries = u->service->retries;
		if (!m->uncounted && m->retry < UINT32_MAX)
			m->retry++;
	}
	strlcpy(cause, m->why, sizeof(cause));
	clock_format_duration(dur, sizeof(dur), delay);
	/* The part about the restart must fit whatever the cause is. */
	if (m->again && !m->uncounted)
		svc_set_why(s, "%.160s; retry %" PRIu32 "/%" PRIu32 " in %s", cause,
		    m->retry, u->service->retries, dur);
	else if (m->again)
		svc_set_why(s,
		    "%.160s; again in %s (retries used: %" PRIu32 "/%" PRIu32 ")", cause,
		    dur, m->retry, u->service->retries);
	else if (u->rules->start_limit_interval_us > 0 && u->rules->start_limit_burst > 0)
		svc_set_why(s, "%.160s; restart in %s (%" PRIu32 "/%" PRIu32 ")", cause,
		    dur, m->limit_count, u->rules->start_limit_burst);
	else
		svc_set_why(s, "%.160s; restart in %s", cause, dur);
	svc_set_state(s, SVC_AUTO_RESTART);
	svc_phase_timer(s, delay);
	svc_note(s, &note, m->why);
}

void
svc_restart_again(struct service *s, const char *why)
{
	uint64_t delay_us = svc_sc(s)->restart_us;
	char dur[CLOCK_TEXT_MAX];

	if (s->restoring || s->m.state != SVC_AUTO_RESTART)
		return;
	if (delay_us < USEC_PER_SEC)
		delay_us = USEC_PER_SEC;
	svc_set_why(s, "%.160s; restart in %s", why,
	    clock_format_duration(dur, sizeof(dur), delay_us));
	svc_phase_timer(s, delay_us);
	svc_settle(s);
}

static void
deed_action(struct service *s, enum unit_action action, int status)
{
	struct deed *d;

	if (action == ACTION_NONE)
		return;
	d = svc_deed(s, DEED_ACTION);
	d->u.action.action = action;
	d->u.action.status = status;
	d->u.action.why = xstrdup(s->m.why);
}

/* KillMode=process and none leave processes; who asked for that shall see them all the
 * same.  Before the slot is closed: out gets what is in it, nothing in the other modes.
 */
static void
list_left(struct service *s, struct buf *out)
{
	if (s->m.slot != SLOT_NONE && !svc_waits_for_group(s))
		s->ops->survivors(s->arg, s->m.slot, out);
}

void
svc_enter_dead(struct service *s, enum svc_result f, bool allow_restart)
{
	struct svc_memory *m = &s->m;
	const struct unit_conf *u = svc_conf(s);
	bool restart, failed, goes_on;
	char text[SVC_RETRY_MAX];
	const char *reason = "", *mode;
	struct buf left = { 0 };
	struct deed *d;

	svc_thaw(s);
	/* Whatever it made of the signal: it was to go, and has done nothing wrong. */
	if (m->yields)
		m->result = f = SVC_RESULT_SUCCESS;
	svc_fail(s, f, "%s", m->why);
	svc_kill_aux(s);
	for (int i = 0; i < SVC_NTIMERS; i++)
		svc_timer(s, (enum svc_timer)i, UINT64_MAX);
	m->hard_us = m->runtime_us = UINT64_MAX;
	failed = m->result != SVC_RESULT_SUCCESS &&
		 m->result != SVC_RESULT_EXEC_CONDITION && !m->canceled;
	m->again = false;
	restart = m->yields || (allow_restart && svc_shall_restart(s, &reason));
	/* Who asked for the start, and who waits for it, waits for the last of the runs.
	 */
	goes_on = restart && (m->again || m->yields) && m->leftover == 0;
	m->ended_wall_us = clock_wall_us();
	svc_resume_on_end(s);
	m->active_us = 0;
	m->ready = m->reloading = m->stopping = m->stop_after = false;

	d = svc_deed(s, DEED_CLEANUP);
	d->u.cleanup.conf = u;
	d->u.cleanup.restarts = restart || m->then_start;
	if (m->leftover == 0) {
		/* Of KillMode=none, it runs on.  (Who comes back says at its start what
		 * was left; a look at all processes with each restart is too much.) */
		if (!restart && !m->then_start)
			list_left(s, &left);
		m->main_running = m->control_running = false;
		m->main_pid = m->control_pid = 0;
		close_slot(s);
		svc_leave_pool(s);
	}
	if (!restart && !m->then_start && svc_sc(s)->fd_store_preserve != PRESERVE_YES)
		svc_deed(s, DEED_FD_DROP)->u.name = NULL;

	if (m->canceled)
		svc_set_why(s, "canceled%s%s", m->who[0] != '\0' ? ": " : "", m->who);
	else if (!failed && m->forbid_restart && m->result == SVC_RESULT_SUCCESS)
		svc_set_why(s, "stopped%s%s", m->who[0] != '\0' ? " by " : "", m->who);
	else if (m->result == SVC_RESULT_SUCCESS && svc_sc(s)->type == SERVICE_ONESHOT)
		svc_set_why(s, "done%s", svc_retry_text(s, text, sizeof(text)));
	else if (allow_restart && !restart)
		svc_say_no_retry(s, reason);
	if (left.len > 0) {
		char why[SVC_WHY_MAX];

		mode = svc_sc(s)->kill.mode == KILL_NONE ? "none" : "process";
		strlcpy(why, m->why, sizeof(why));
		svc_set_why(
		    s, "%.100s; KillMode=%s leaves %s", why, mode, buf_str(&left));
	}
	buf_free(&left);
	if (goes_on)
		; /* the answer is that of a later run */
	else if (m->result == SVC_RESULT_EXEC_CONDITION)
		svc_done(s, SVC_DONE_START, SVC_DONE_SKIPPED, m->why);
	else if (m->result == SVC_RESULT_TIMEOUT)
		svc_done(s, SVC_DONE_START, SVC_DONE_TIMEOUT, m->why);
	else if (m->result == SVC_RESULT_SUCCESS)
		svc_done(s, SVC_DONE_START, SVC_DONE_OK, "done");
	else
		svc_done(s, SVC_DONE_START, SVC_DONE_FAILED, m->why);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, m->why);

	if (restart && m->leftover == 0) {
		svc_enter_auto_restart(s);
	} else {
		m->restart_deferred = restart;
		svc_set_state(s, failed || m->leftover > 0 ? SVC_FAILED : SVC_DEAD);
		if (failed)
			deed_action(
			    s, u->rules->failure_action, u->rules->failure_action_status);
		else if (m->result == SVC_RESULT_SUCCESS)
			deed_action(
			    s, u->rules->success_action, u->rules->success_action_status);
	}
	svc_done(
	    s, SVC_DONE_STOP, m->leftover > 0 ? SVC_DONE_FAILED : SVC_DONE_OK, m->why);
	if (m->leftover == 0)
		release_conf(s);
	else
		svc_deed_watch_empty(s);
}

/* Failed, with a slot: what outlived the stop ended at last. */
static void
leftover_gone(struct service *s)
{
	struct svc_memory *m = &s->m;

	if (m->slot == SLOT_NONE || m->main_running || m->control_running)
		return;
	if (svc_waits_for_group(s) && !s->empty) {
		svc_deed_watch_empty(s);
		return;
	}
	m->leftover = 0;
	svc_set_why(s, "processes outlived the stop, and are gone now");
	close_slot(s);
	svc_leave_pool(s);
	if (m->restart_deferred)
		svc_enter_auto_restart(s);
	release_conf(s);
}

void
act_exit_failed(struct service *s)
{
	leftover_gone(s);
}

void
act_empty_failed(struct service *s)
{
	leftover_gone(s);
}

void
act_reset(struct service *s)
{
	s->m.restarts = 0;
	s->m.retry = 0;
	s->m.backoff = 0;
	s->m.limit_begin_us = 0;
	s->m.limit_count = 0;
}

void
act_reset_failed(struct service *s)
{
	act_reset(s);
	if (s->m.slot != SLOT_NONE) {
		/* Not over yet; only the counters. */
		return;
	}
	svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
	s->m.result = SVC_RESULT_SUCCESS;
	svc_set_state(s, SVC_DEAD);
	svc_set_why(s, "reset by a person");
}
