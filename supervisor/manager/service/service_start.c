/*
 * service_start: from the request to the running service: the actions of the states that
 * come up.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

static void
enter_start_post(struct service *s, unsigned index)
{
	if (index == 0) {
		svc_ready_end(s);
		svc_watchdog_arm(s);
	}
	if (svc_sc(s)->exec[EXEC_START_POST].n > index) {
		svc_set_state(s, SVC_START_POST);
		svc_spawn_control(s, EXEC_START_POST, index);
		return;
	}
	svc_enter_running(s);
}

/* What is a start only when its process is known: files that are read before it may be
 * missing or never end, and the other commands are told MAINPID. */
static bool
needs_main_pid(const struct service_conf *c)
{
	return c->context.n_environment_files > 0 || exec_has_credentials(&c->context) ||
	       c->exec[EXEC_START_POST].n > 0 || c->exec[EXEC_RELOAD].n > 0 ||
	       c->exec[EXEC_STOP].n > 0;
}

void
svc_check_ready(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct svc_memory *m = &s->m;

	if (m->state != SVC_START || (svc_is_scope(s) && !m->main_execed))
		return;
	switch (c->type) {
	case SERVICE_ONESHOT:
		return; /* its end is what start waits for */
	case SERVICE_NOTIFY:
	case SERVICE_NOTIFY_RELOAD:
	case SERVICE_FORKING:
		if (!m->ready)
			return;
		break;
	case SERVICE_EXEC:
	case SERVICE_DBUS:
		if (!m->main_execed || (c->notify_fd >= 0 && !m->ready))
			return;
		break;
	case SERVICE_SIMPLE:
	case SERVICE_IDLE:
		if (m->main_pid == 0 && needs_main_pid(c))
			return;
		if (c->notify_fd >= 0 && !m->ready)
			return;
		break;
	}
	if (svc_ready_probes_hold(s))
		enter_start_post(s, 0);
}

void
svc_waits_for(const struct service *s, struct buf *out)
{
	const struct service_conf *c = svc_sc(s);
	const struct svc_memory *m = &s->m;

	if (m->state != SVC_START || c->type == SERVICE_ONESHOT)
		return;
	if (!m->ready && c->type == SERVICE_FORKING)
		buf_addf(out, "%s%s",
		    m->control_running    ? "the end of its first process"
		    : c->pid_file != NULL ? "PIDFile="
					  : "its main process",
		    m->control_running || c->pid_file == NULL ? "" : c->pid_file);
	else if (!m->ready && svc_is_notify(c))
		buf_adds(out, "READY=1");
	else if (!m->ready && c->notify_fd >= 0)
		buf_addf(out, "a line on NotifyFD=%d", c->notify_fd);
	if (c->type != SERVICE_FORKING || m->ready)
		svc_ready_missing(s, out);
}

static void
enter_start(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct svc_memory *m = &s->m;

	svc_set_state(s, SVC_START);
	if (svc_is_scope(s)) {
		svc_join_main(s, s->start.pid, s->start.pid_ticks);
		return;
	}
	if (m->resumes)
		svc_set_why(s, "starting by ResumeExec=: the run before was interrupted");
	else
		svc_set_why(s, "starting");
	switch (c->type) {
	case SERVICE_FORKING:
		svc_spawn_control(s, EXEC_START, 0);
		break;
	case SERVICE_ONESHOT:
		if (c->exec[EXEC_START].n == 0)
			enter_start_post(s, 0);
		else
			svc_spawn_main(s, 0);
		break;
	default:
		svc_spawn_main(s, 0);
		svc_ready_begin(s);
		svc_check_ready(s);
		break;
	}
}

static void
enter_start_pre(struct service *s, unsigned index)
{
	if (svc_sc(s)->exec[EXEC_START_PRE].n > index) {
		svc_set_state(s, SVC_START_PRE);
		svc_spawn_control(s, EXEC_START_PRE, index);
		return;
	}
	enter_start(s);
}

static void
enter_condition(struct service *s, unsigned index)
{
	if (svc_sc(s)->exec[EXEC_CONDITION].n > index) {
		svc_set_state(s, SVC_CONDITION);
		svc_spawn_control(s, EXEC_CONDITION, index);
		return;
	}
	enter_start_pre(s, 0);
}

void
svc_open_slot(struct service *s)
{
	struct svc_memory *m = &s->m;
	struct msg_slot_open *o = xcalloc(1, sizeof(*o));
	char why[SVC_WHY_MAX] = "";
	int status = 0;
	uint32_t slot;

	/* A wrong User= is the unit's failure, before anything is made. */
	if (s->ops->slot_fill(s->arg, svc_conf(s), o, &status, why, sizeof(why)) == -1) {
		free(o);
		if (status != 0) {
			/* As if a child had been made and had found out. */
			m->result = SVC_RESULT_EXIT_CODE;
			m->main_exit = (struct svc_exit){ .how = EXIT_EXITED,
				.status = status,
				.phase = (uint32_t)status };
			svc_set_why(s, "%s (status=%d)", why, status);
		} else {
			svc_set_why(s, "%s", why);
		}
		svc_raise(s, SVC_EV_SLOT_FAILED);
		return;
	}
	slot = s->ops->slot_take(s->arg, why, sizeof(why));
	if (slot == SVC_SLOT_SOON) {
		free(o);
		svc_set_why(s, "starting: waits for a slot that is being closed");
		s->empty = true; /* what ends it now has nothing to wait for */
		return;
	}
	if (slot == SLOT_NONE) {
		free(o);
		svc_set_why(s, "%s", why);
		svc_raise(s, SVC_EV_SLOT_FAILED);
		return;
	}
	m->slot = slot;
	o->slot = slot;
	memcpy(o->invocation, m->invocation, sizeof(o->invocation));
	snprintf(o->unit, sizeof(o->unit), "%s", s->unit);
	snprintf(o->log.ref, sizeof(o->log.ref), "%s", m->ref);
	if (m->log_name[0] != '\0')
		snprintf(o->log.name, sizeof(o->log.name), "%s", m->log_name);
	if (m->day[0] != '\0')
		snprintf(o->log.day, sizeof(o->log.day), "%s", m->day);
	o->log.order = m->order;
	svc_deed(s, DEED_SLOT_OPEN)->u.open = o;
	svc_deed_patterns(s);
}

static void
limit_hit(struct service *s)
{
	const struct unit_conf *u = s->conf;
	char text[SVC_WHY_MAX], dur[CLOCK_TEXT_MAX], retry[CLOCK_TEXT_MAX];
	uint64_t retry_us = u->service->start_limit_retry_us;
	struct deed *d;

	snprintf(text, sizeof(text), "started more than %" PRIu32 " times in %s",
	    u->rules->start_limit_burst,
	    clock_format_duration(dur, sizeof(dur), u->rules->start_limit_interval_us));
	s->m.result = SVC_RESULT_START_LIMIT;
	if (retry_us != UNIT_INFINITY) {
		svc_set_state(s, SVC_LIMIT_WAIT);
		svc_phase_timer(s, retry_us);
		svc_set_why(s, "%s; tried again in %s", text,
		    clock_format_duration(retry, sizeof(retry), retry_us));
	} else {
		svc_set_state(s, SVC_FAILED);
		svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
		svc_set_why(
		    s, "%s; supctl reset-failed %s allows another start", text, s->unit);
	}
	s->m.then_start = false;
	svc_done(s, SVC_DONE_START, SVC_DONE_FAILED, s->m.why);
	if (u->rules->start_limit_action != ACTION_NONE) {
		d = svc_deed(s, DEED_ACTION);
		d->u.action.action = u->rules->start_limit_action;
		d->u.action.status = -1;
		d->u.action.why = xstrdup(s->m.why);
	}
}

void
svc_conditions_text(const struct svc_conditions *c, char *dst, size_t size)
{
	snprintf(dst, size, "%s: %s%s%s%s",
	    c->asserted ? "an assertion failed" : "skipped",
	    c->any ? "none of those with `|' holds: " : "", c->unmet,
	    c->found[0] != '\0' ? ": " : "", c->found);
}

/* A start that comes to nothing leaves no trace but this: what was failed is so still,
 * and what waited for a restart waits no more. */
static void
skip_start(struct service *s, const struct svc_conditions *c)
{
	struct svc_memory *m = &s->m;
	char why[SVC_WHY_MAX];

	svc_conditions_text(c, why, sizeof(why));
	if (m->state == SVC_AUTO_RESTART || m->state == SVC_LIMIT_WAIT) {
		svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
		svc_set_state(s, m->state == SVC_AUTO_RESTART ? SVC_DEAD : SVC_FAILED);
	}
	m->then_start = m->restart_deferred = false;
	/* It had its turn: no later manager makes up for it. */
	m->life = s->ops->life(s->arg);
	svc_set_why(s, "%s", why);
	svc_deed(s, DEED_FD_DROP)->u.name = NULL;
	svc_note(
	    s, &(struct svc_note){ .what = SVC_EMIT_SKIPPED, .ok = !c->asserted }, why);
	svc_done(
	    s, SVC_DONE_START, c->asserted ? SVC_DONE_ASSERT : SVC_DONE_SKIPPED, why);
}

static bool
conditions_hold_now(struct service *s)
{
	struct svc_conditions c = { .held = true };
	struct svc_memory *m = &s->m;

	if (s->conf->rules->n_conditions > 0) {
		s->ops->conditions(s->arg, s->conf, &c);
		m->checked_wall_us = clock_wall_us();
	} else {
		m->checked_wall_us = 0;
	}
	svc_memory_text(&m->unmet, SVC_UNMET_MAX, c.unmet);
	svc_memory_text(&m->found, SVC_FOUND_MAX, c.found);
	if (!c.held)
		skip_start(s, &c);
	return c.held;
}

/* It has what it needs of others: the first of its processes, and its time begins. */
static void
begin_run(struct service *s)
{
	struct svc_memory *m = &s->m;

	s->empty = false;
	m->started_wall_us = clock_wall_us();
	svc_set_why(s, "starting");
	svc_phase_timer(s, svc_sc(s)->timeout_start_us);
	svc_open_slot(s);
	if (m->slot == SLOT_NONE) {
		/* SLOT_FAILED is queued, and ends what this begins; or SLOT_FREE comes,
		 * at the latest the time limit of the start. */
		svc_set_state(s, SVC_START_PRE);
		return;
	}
	enter_condition(s, 0);
}

static void
note_admitted(struct service *s, uint64_t waited_us)
{
	svc_note(s,
	    &(struct svc_note){ .what = SVC_EMIT_ADMITTED, .duration_us = waited_us },
	    NULL);
}

static_assert((int)UNIT_POOL_NAME_MAX < (int)SVC_POOL_MAX, "names are remembered whole");

/* A slot of its pool, now or later. */
static void
enter_pool(struct service *s)
{
	struct svc_memory *m = &s->m;
	char why[SVC_WHY_MAX];
	enum svc_pool answer;

	m->pool_number = m->queued_us = 0;
	answer =
	    s->ops->pool_enter(s->arg, svc_conf(s), &m->pool_number, why, sizeof(why));
	svc_memory_text(&m->pool, SVC_POOL_MAX,
	    answer == SVC_POOL_ADMITTED || answer == SVC_POOL_QUEUED ? svc_sc(s)->pool
								     : NULL);
	switch (answer) {
	case SVC_POOL_ADMITTED:
		note_admitted(s, 0);
		begin_run(s);
		break;
	case SVC_POOL_NONE:
		begin_run(s);
		break;
	case SVC_POOL_QUEUED:
		m->queued_us = clock_mono_us();
		s->empty = true; /* what ends it now has nothing to wait for */
		svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
		svc_set_state(s, SVC_QUEUED);
		svc_set_why(s, "queued in %s", m->pool);
		svc_note(s, &(struct svc_note){ .what = SVC_EMIT_QUEUED }, NULL);
		break;
	case SVC_POOL_REFUSED:
		svc_set_why(s, "%s", why);
		svc_set_state(s, SVC_START_PRE);
		svc_raise(s, SVC_EV_SLOT_FAILED);
		break;
	}
}

void
act_admitted(struct service *s)
{
	uint64_t now_us = clock_mono_us(), since_us = s->m.queued_us;

	if (s->m.pool[0] != '\0')
		note_admitted(s, now_us > since_us ? now_us - since_us : 0);
	s->m.queued_us = 0;
	begin_run(s);
}

void
svc_queue_again(struct service *s)
{
	struct svc_memory *m = &s->m;
	char why[SVC_WHY_MAX];
	enum svc_pool answer =
	    s->ops->pool_enter(s->arg, svc_conf(s), &m->pool_number, why, sizeof(why));

	switch (answer) {
	case SVC_POOL_NONE:
		svc_memory_text(&m->pool, SVC_POOL_MAX, NULL);
		svc_raise(s, SVC_EV_ADMITTED);
		break;
	case SVC_POOL_ADMITTED:
	case SVC_POOL_QUEUED:
		svc_memory_text(&m->pool, SVC_POOL_MAX, svc_sc(s)->pool);
		svc_set_why(s, "queued in %s", m->pool);
		if (answer == SVC_POOL_ADMITTED)
			svc_raise(s, SVC_EV_ADMITTED);
		break;
	case SVC_POOL_REFUSED:
		svc_set_why(s, "%s", why);
		svc_raise(s, SVC_EV_SLOT_FAILED);
		break;
	}
	svc_settle(s);
}

void
svc_begin_start(struct service *s, bool automatic)
{
	struct svc_memory *m = &s->m;
	uint64_t now_ms = clock_wall_us() / 1000;
	char ref[PROTO_REF_MAX];

	if (m->slot != SLOT_NONE || m->main_running || m->control_running) {
		svc_done(s, SVC_DONE_START, SVC_DONE_FAILED,
		    "processes of the last run are still there");
		return;
	}
	if (s->conf->type == UNIT_SCOPE && s->start.pid == 0) {
		svc_done(s, SVC_DONE_START, SVC_DONE_FAILED,
		    "only `supctl run --scope' starts a scope");
		return;
	}
	if (!automatic) {
		/* Only a restart by Restart= goes on counting. */
		m->restarts = 0;
		m->backoff = 0;
		m->uncounted = false;
		m->fresh_start = !s->start.automatic;
	}
	if (!svc_limit_allows(s)) {
		limit_hit(s);
		return;
	}
	if (!automatic)
		svc_memory_text(&m->who, SVC_WHO_MAX, s->start.who);
	if (!conditions_hold_now(s))
		return;
	s->run_conf = s->conf;
	m->verdict = SVC_VERDICT_NONE;
	m->uncounted = false;
	m->not_sooner_us = 0;
	m->result = SVC_RESULT_SUCCESS;
	m->reload_result = SVC_RESULT_SUCCESS;
	m->forbid_restart = m->then_start = m->restart_deferred = false;
	m->ready = m->stopping = m->reloading = m->stop_after = false;
	m->notify_errno = 0;
	m->watchdog_us = UINT64_MAX;
	m->access = 0;
	m->ready_mask = 0;
	m->frozen_us = 0;
	m->was_frozen = false;
	m->stop_step = 0;
	m->steps = 0;
	m->leftover = 0;
	m->log_alt = 0;
	m->active_us = 0;
	m->runtime_us = UINT64_MAX;
	m->main_pid = m->control_pid = 0;
	m->main_seq = m->control_seq = 0;
	m->main_ticks = 0;
	m->main_index = m->cmd = m->cmd_index = 0;
	m->main_alien = m->main_execed = false;
	m->main_started_wall_us = 0;
	memset(&m->main_exit, 0, sizeof(m->main_exit));
	memset(&m->control_exit, 0, sizeof(m->control_exit));
	svc_memory_text(&m->status, SVC_STATUS_MAX, NULL);
	m->started_wall_us = clock_wall_us();
	m->life = s->ops->life(s->arg);
	s->refused = 0;
	s->fds_on_the_way = 0; /* what init refused is not counted for ever */
	s->empty = s->watching = s->watch_stale = s->stop_signalled = false;
	svc_probes_reset(s);

	svc_resume_decide(s);
	arc4random_buf(m->invocation, sizeof(m->invocation));
	m->order = now_ms > m->order ? now_ms : m->order + 1;
	snprintf(ref, sizeof(ref), "%" PRIu64, m->order);
	svc_memory_text(&m->ref, PROTO_REF_MAX,
	    !automatic && s->start.ref != NULL ? s->start.ref : ref);
	if (!automatic) {
		svc_memory_text(&m->day, PROTO_DAY_MAX, s->start.day);
		svc_memory_text(&m->log_name, PROTO_NAME_MAX, s->start.log_name);
		svc_memory_text(&m->start_env, SVC_START_ENV_MAX, s->start.env);
	}
	enter_pool(s);
}

void
svc_begin_in_slot(struct service *s)
{
	if (!svc_waits_for_slot(s))
		return;
	svc_open_slot(s);
	if (s->m.slot == SLOT_NONE)
		return;
	svc_resume_freeze(s, false);
	enter_condition(s, 0);
}

void
act_slot_free(struct service *s)
{
	svc_begin_in_slot(s);
}

void
act_start(struct service *s)
{
	svc_begin_start(s, false);
}

/* In auto-restart: a person does not wait, a dependency does. */
void
act_start_waiting(struct service *s)
{
	if (!s->start.automatic)
		svc_begin_start(s, false);
}

void
svc_say_restart_waits(struct service *s, const char *why)
{
	char text[SVC_WHY_MAX];

	svc_set_why(s, "main process %s; a restart is due and waits: %s",
	    svc_exit_text(&s->m.main_exit, text, sizeof(text)), why);
}

void
act_restart_now(struct service *s)
{
	struct svc_memory *m = &s->m;

	if (s->ops->held(s->arg)) {
		/* The state says that it is due, the timer that nothing comes of it by
		 * itself; a new manager asks again. */
		svc_say_restart_waits(s, "it is held");
		return;
	}
	if (m->state == SVC_LIMIT_WAIT) {
		/* The slow retry is a fresh budget. */
		m->limit_begin_us = 0;
		m->limit_count = 0;
	}
	if (!m->uncounted && m->restarts < UINT32_MAX)
		m->restarts++;
	svc_begin_start(s, true);
}

void
act_join_start(struct service *s)
{
	(void)s; /* the request is answered with the one that runs */
}

void
act_already_up(struct service *s)
{
	svc_done(s, SVC_DONE_START, SVC_DONE_OK, "it runs already");
}

void
act_up_refused(struct service *s)
{
	svc_done(s, SVC_DONE_START, SVC_DONE_FAILED, "it is being stopped");
}

void
act_execed(struct service *s)
{
	svc_check_ready(s);
}

void
act_ready(struct service *s)
{
	svc_check_ready(s);
}

void
act_slot_failed(struct service *s)
{
	struct svc_memory *m = &s->m;

	/* Nothing can have been started in it, or all of it is gone. */
	m->main_running = m->control_running = false;
	m->main_pid = m->control_pid = 0;
	m->slot = SLOT_NONE;
	m->leftover = 0;
	if (m->state == SVC_FAILED)
		svc_leave_pool(s);
	if (m->result == SVC_RESULT_SUCCESS)
		m->result = SVC_RESULT_RESOURCES;
	if (m->state == SVC_FAILED) {
		if (m->restart_deferred)
			svc_enter_auto_restart(s);
		return;
	}
	svc_enter_dead(s, SVC_RESULT_RESOURCES, true);
}

void
act_condition_exit(struct service *s)
{
	const struct msg_exit *x = &s->in->exit;
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS) {
		enter_condition(s, s->m.cmd_index + 1);
		return;
	}
	svc_exit_line(s, x, "ExecCondition=", text, sizeof(text));
	if (s->in->result == SVC_RESULT_EXIT_CODE && x->phase == 0 && x->status < 255)
		svc_fail(s, SVC_RESULT_EXEC_CONDITION, "skipped: %s", text);
	else
		svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_pre_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS) {
		enter_start_pre(s, s->m.cmd_index + 1);
		return;
	}
	svc_exit_line(s, &s->in->exit, "ExecStartPre=", text, sizeof(text));
	svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
svc_on_ready_timer(struct service *s)
{
	const struct service_conf *c = svc_sc(s);

	if (s->m.state == SVC_START && c->type == SERVICE_FORKING && !s->m.ready) {
		if (!s->m.control_running && c->pid_file != NULL)
			svc_pidfile_poll(s);
		return;
	}
	svc_ready_try(s);
}

void
act_empty_start(struct service *s)
{
	const struct service_conf *c = svc_sc(s);

	if (s->m.main_running || s->m.control_running)
		return;
	if (c->type == SERVICE_FORKING && c->pid_file != NULL)
		svc_fail(s, SVC_RESULT_PROTOCOL,
		    "all processes ended and PIDFile=%s was not written", c->pid_file);
	else
		svc_fail(
		    s, SVC_RESULT_PROTOCOL, "all processes ended before it was ready");
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_main_exit_start(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct msg_exit *x = &s->in->exit;
	struct svc_memory *m = &s->m;
	char text[SVC_WHY_MAX];

	if (c->type == SERVICE_ONESHOT) {
		if (s->in->result != SVC_RESULT_SUCCESS)
			svc_enter_signal(s, SVC_STOP_SIGTERM, s->in->result);
		else if (m->main_index + 1 < c->exec[EXEC_START].n)
			svc_spawn_main(s, m->main_index + 1);
		else
			enter_start_post(s, 0);
		return;
	}
	svc_exit_line(s, x, NULL, text, sizeof(text));
	if (s->in->result != SVC_RESULT_SUCCESS) {
		svc_enter_signal(s, SVC_STOP_SIGTERM, s->in->result);
		return;
	}
	if ((c->type == SERVICE_EXEC || c->type == SERVICE_SIMPLE ||
		c->type == SERVICE_IDLE) &&
	    c->ready.n == 0 && c->notify_fd < 0 && x->phase == 0) {
		enter_start_post(s, 0);
		return;
	}
	if (svc_is_notify(c) && c->remain_after_exit &&
	    c->notify_access != NOTIFY_ACCESS_MAIN) {
		/* Somebody else of the unit may still say it. */
		svc_deed_watch_empty(s);
		return;
	}
	svc_fail(s, SVC_RESULT_PROTOCOL, "%s before it was ready", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_post_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result != SVC_RESULT_SUCCESS) {
		svc_exit_line(s, &s->in->exit, "ExecStartPost=", text, sizeof(text));
		svc_fail(s, s->in->result, "%s", text);
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	enter_start_post(s, s->m.cmd_index + 1);
}
