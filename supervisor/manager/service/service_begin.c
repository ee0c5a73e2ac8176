/*
 * service_begin: what leads to a start: the limit of starts, conditions, the pool, and
 * the memory of an invocation, which begins here.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

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

/* ExecCondition= has said no, and more starts are not allowed now: it is not asked again,
 * which is no more of a failure than its no. */
static void
skip_unasked(struct service *s)
{
	const struct unit_rules *r = s->conf->rules;
	struct svc_memory *m = &s->m;
	char dur[CLOCK_TEXT_MAX];

	m->then_start = m->restart_deferred = false;
	m->life = s->ops->life(s->arg);
	svc_set_why(s,
	    "skipped: ExecCondition= said no, and is not asked after %" PRIu32
	    " starts in %s",
	    r->start_limit_burst,
	    clock_format_duration(dur, sizeof(dur), r->start_limit_interval_us));
	svc_done(s, SVC_DONE_START, SVC_DONE_SKIPPED, m->why);
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
	char text[SVC_RETRY_MAX];

	s->empty = false;
	m->started_wall_us = clock_wall_us();
	svc_set_why(s, "starting%s", svc_retry_text(s, text, sizeof(text)));
	svc_phase_timer(s, svc_sc(s)->timeout_start_us);
	svc_open_slot(s);
	if (m->slot == SLOT_NONE) {
		/* SLOT_FAILED is queued, and ends what this begins; or SLOT_FREE comes,
		 * at the latest the time limit of the start. */
		svc_set_state(s, SVC_START_PRE);
		return;
	}
	svc_enter_condition(s, 0);
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
	    answer == SVC_POOL_ADMITTED || answer == SVC_POOL_QUEUED ? why : NULL);
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
	case SVC_POOL_PHASE:
		s->empty = true;
		svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
		svc_set_state(s, SVC_QUEUED);
		svc_set_why(s, "%s", why);
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

	/* It waited for a phase, or its pool is taken out of its file. */
	if (s->m.pool[0] == '\0') {
		enter_pool(s);
		return;
	}
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
	case SVC_POOL_PHASE:
		svc_memory_text(&m->pool, SVC_POOL_MAX, NULL);
		m->pool_number = m->queued_us = 0;
		svc_set_why(s, "%s", why);
		break;
	case SVC_POOL_ADMITTED:
	case SVC_POOL_QUEUED:
		if (m->pool[0] == '\0')
			m->queued_us = clock_mono_us();
		svc_memory_text(&m->pool, SVC_POOL_MAX, why);
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
		m->retry = 0;
		m->uncounted = m->again = false;
		m->fresh_start = !s->start.automatic;
	}
	if (!automatic) {
		svc_memory_text(&m->who, SVC_WHO_MAX, s->start.who);
		svc_memory_text(&m->run, RUN_ID_SIZE, s->start.run);
		m->job = s->start.job;
	} else if (!m->again) {
		/* The job was done when it was up. */
		m->job = 0;
	}
	/* Before the limit: to be skipped is no failure, however often it happens. */
	if (!conditions_hold_now(s))
		return;
	if (!m->yields && !svc_limit_allows(s)) {
		if (m->result == SVC_RESULT_EXEC_CONDITION)
			skip_unasked(s);
		else
			limit_hit(s);
		return;
	}
	s->run_conf = s->conf;
	m->yields = false;
	m->verdict = SVC_VERDICT_NONE;
	m->uncounted = false;
	m->not_sooner_us = 0;
	m->result = SVC_RESULT_SUCCESS;
	m->reload_result = SVC_RESULT_SUCCESS;
	m->forbid_restart = m->then_start = m->restart_deferred = false;
	m->canceled = m->stopped = false;
	m->ready = m->stopping = m->reloading = m->stop_after = false;
	m->notify_errno = 0;
	m->watchdog_us = UINT64_MAX;
	m->access = 0;
	m->ready_mask = 0;
	m->has_name = false;
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
	svc_enter_condition(s, 0);
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
