/*
 * service: one service: its life, the queue of its events, what is asked of it, and what
 * it answers.  The table is in service_table.c; what comes in from init is in
 * service_event.c, and how a decision is told and carried out in service_commit.c.
 */
#include "manager/service/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

static uint64_t bugs;

/* ---- life -------------------------------------------------------------------- */

struct service *
svc_new(
    const struct svc_ops *ops, void *arg, const char *unit, const struct unit_conf *conf)
{
	struct service *s = xcalloc(1, sizeof(*s));

	s->ops = ops;
	s->arg = arg;
	s->unit = unit;
	s->conf = conf;
	svc_memory_init(&s->m);
	for (int i = 0; i < SVC_NTIMERS; i++)
		s->armed_us[i] = UINT64_MAX;
	svc_set_why(s, "never started");
	s->told = svc_memory_sum(s);
	return s;
}

static void
start_clear(struct svc_start *st)
{
	/* They are strdup'd by svc_want_up. */
	free((void *)(uintptr_t)st->who);
	free((void *)(uintptr_t)st->ref);
	free((void *)(uintptr_t)st->day);
	free((void *)(uintptr_t)st->log_name);
	free((void *)(uintptr_t)st->env);
	free((void *)(uintptr_t)st->run);
	memset(st, 0, sizeof(*st));
}

void
svc_free(struct service *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < SVC_NTIMERS; i++)
		if (s->armed_us[i] != UINT64_MAX)
			s->ops->timer_set(s->arg, (enum svc_timer)i, UINT64_MAX);
	if (s->name_watched)
		s->ops->name_watch(s->arg, NULL);
	s->ops->probe_stop(s->arg, PROBE_USE_READY);
	s->ops->probe_stop(s->arg, PROBE_USE_HEALTH);
	if (s->run_conf != NULL && s->run_conf != s->conf)
		s->ops->conf_release(s->arg, s->run_conf);
	svc_undone_clear(s);
	for (size_t i = 0; i < s->nstored; i++)
		free(s->stored_names[i]);
	start_clear(&s->start);
	free(s->reload_who);
	free(s->queue);
	free(s->probes);
	free(s->stored_ids);
	free(s->stored_names);
	free(s->seen);
	free(s->foreign);
	free(s->rule);
	svc_memory_clear(&s->m);
	free(s);
}

void
svc_set_conf(struct service *s, const struct unit_conf *conf)
{
	const struct unit_conf *old = s->conf;

	if (conf == old)
		return;
	s->conf = conf;
	/* What waits for its slot has begun nothing yet. */
	if (svc_is_queued(s) && s->run_conf == old && !s->restoring && !s->busy) {
		s->run_conf = conf;
		svc_queue_again(s);
	}
	if (old != s->run_conf)
		s->ops->conf_release(s->arg, old);
}

void
svc_replace_conf(struct service *s, const struct unit_conf *conf)
{
	const struct unit_conf *old = s->run_conf;

	if (old != NULL)
		s->run_conf = conf;
	if (old != NULL && old != s->conf)
		s->ops->conf_release(s->arg, old);
	svc_set_conf(s, conf);
	if (s->restoring || old == NULL)
		return;
	if (svc_is_up(s)) {
		svc_watchdog_arm(s);
		svc_health_begin(s);
	}
	svc_settle(s);
}

void
svc_restore_conf(struct service *s, const struct unit_conf *run)
{
	const struct unit_conf *old = s->run_conf;

	s->run_conf = run;
	if (old != NULL && old != s->conf)
		s->ops->conf_release(s->arg, old);
}

const struct unit_conf *
svc_conf(const struct service *s)
{
	return s->run_conf != NULL ? s->run_conf : s->conf;
}

bool
svc_has_run_conf(const struct service *s)
{
	return s->run_conf != NULL;
}

const struct service_conf *
svc_sc(const struct service *s)
{
	return svc_conf(s)->service;
}

/* ---- the queue --------------------------------------------------------------- */

void
svc_bug(struct service *s, const char *fmt, ...)
{
	char text[SVC_WHY_MAX];
	va_list ap;

	bugs++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_warnx("%s: bug: %s (in %s)", s->unit, text, svc_state_name(s->m.state));
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_BUG }, text);
}

/* What an exit means, before the state has its say. */
static void
take_exit(struct service *s, struct svc_event_in *in)
{
	const struct msg_exit *x = &in->exit;

	if (in->ev == SVC_EV_MAIN_EXIT) {
		in->result = svc_exit_result(s, x, true);
		svc_judge(s, in);
		s->m.main_running = false;
		s->m.main_pid = 0;
		s->m.main_exit = (struct svc_exit){ .how = x->how,
			.status = x->status,
			.phase = x->phase,
			.err = x->err,
			.wall_us = x->wall_us };
		svc_restart_settle(s);
		svc_note_exit(s, in, true);
		svc_judged(s);
	} else {
		in->result = svc_exit_result(s, x, false);
		s->m.control_running = false;
		s->m.control_pid = 0;
		s->m.control_exit = (struct svc_exit){ .how = x->how,
			.status = x->status,
			.phase = x->phase,
			.err = x->err,
			.wall_us = x->wall_us };
		svc_note_exit(s, in, false);
	}
}

static void
drain(struct service *s)
{
	struct svc_event_in in;
	svc_action *act;

	s->busy = true;
	while (s->qhead < s->qlen) {
		/* Copied, since actions may make the queue grow. */
		in = s->queue[s->qhead++];
		if (in.ev == SVC_EV_MAIN_EXIT || in.ev == SVC_EV_CONTROL_EXIT)
			take_exit(s, &in);
		s->in = &in;
		act = svc_table[s->m.state][in.ev];
		if (act == NULL)
			svc_bug(s, "no decision for event %s", svc_event_name(in.ev));
		else
			act(s);
		s->in = NULL;
		svc_commit(s);
	}
	s->busy = false;
	/* Thousands of services wait for nothing most of the time. */
	free(s->queue);
	s->queue = NULL;
	s->qhead = s->qlen = s->qcap = 0;
}

void
svc_dispatch(struct service *s, const struct svc_event_in *in)
{
	if (s->qlen - s->qhead >= SVC_QUEUE_MAX) {
		svc_bug(s, "event queue is full");
		return;
	}
	if (s->qlen == s->qcap) {
		s->qcap = s->qcap == 0 ? 4 : 2 * s->qcap;
		s->queue = xreallocarray(s->queue, s->qcap, sizeof(*s->queue));
	}
	s->queue[s->qlen++] = *in;
	if (!s->busy && !s->restoring)
		drain(s);
}

void
svc_raise(struct service *s, enum svc_event ev)
{
	svc_dispatch(s, &(struct svc_event_in){ .ev = ev });
}

/*
 * Outside of svc_dispatch: commit what was changed, then handle what that raised.
 */
void
svc_settle(struct service *s)
{
	if (s->busy || s->restoring)
		return;
	svc_commit(s);
	drain(s);
}

/* ---- requests ---------------------------------------------------------------- */

static void
set_who(struct service *s, const char *who)
{
	svc_memory_text(&s->m.who, SVC_WHO_MAX, who);
}

void
svc_want_up(struct service *s, const struct svc_start *start)
{
	start_clear(&s->start);
	s->start.who = xstrdup_opt(start->who);
	s->start.automatic = start->automatic;
	s->start.ref = xstrdup_opt(start->ref);
	s->start.day = xstrdup_opt(start->day);
	s->start.log_name = xstrdup_opt(start->log_name);
	s->start.env = xstrdup_opt(start->env);
	s->start.run = xstrdup_opt(start->run);
	s->start.job = start->job;
	s->start.pid = start->pid;
	s->start.pid_ticks = start->pid_ticks;
	s->open[SVC_DONE_START] = true;
	svc_raise(s, SVC_EV_WANT_UP);
}

bool
svc_job_is_open(const struct service *s)
{
	const struct svc_memory *m = &s->m;
	const struct service_conf *c = svc_sc(s);

	if (m->job == 0)
		return false;
	switch (svc_state_active(m->state)) {
	case SVC_ACTIVE_ACTIVATING:
		return m->state != SVC_AUTO_RESTART || m->again;
	case SVC_ACTIVE_DEACTIVATING:
		/* What was up has answered; what is up never answers at its end. */
		return !m->forbid_restart &&
		       (m->active_us == 0 ||
			   (c->type == SERVICE_ONESHOT && !c->remain_after_exit));
	default:
		return false;
	}
}

void
svc_expect_start(struct service *s)
{
	s->open[SVC_DONE_START] = true;
}

void
svc_want_down(struct service *s, unsigned how, const char *who)
{
	s->down = how;
	set_who(s, who);
	s->open[SVC_DONE_STOP] = true;
	svc_raise(s, SVC_EV_WANT_DOWN);
}

void
svc_cancel(struct service *s)
{
	s->m.canceled = true;
}

void
svc_force_down(struct service *s, const char *who)
{
	s->down = SVC_DOWN_AUTOMATIC;
	set_who(s, who);
	s->open[SVC_DONE_STOP] = true;
	svc_raise(s, SVC_EV_FORCE_DOWN);
}

void
svc_want_reload(struct service *s, const char *who)
{
	/* Who started it is still to be told afterwards. */
	free(s->reload_who);
	s->reload_who = xstrdup_opt(who);
	s->open[SVC_DONE_RELOAD] = true;
	svc_raise(s, SVC_EV_WANT_RELOAD);
}

const char *
svc_reload_refusal(const struct service *s)
{
	switch (svc_active(s)) {
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_RELOADING:
		break;
	case SVC_ACTIVE_ACTIVATING:
		return svc_state(s) == SVC_AUTO_RESTART ? "it waits for its restart"
							: "it is still starting";
	case SVC_ACTIVE_DEACTIVATING:
		return "it is being stopped";
	default:
		return "it is not running";
	}
	if (svc_sc(s)->exec[EXEC_RELOAD].n > 0 ||
	    (svc_sc(s)->type == SERVICE_NOTIFY_RELOAD && s->m.main_running))
		return NULL;
	return "it has no ExecReload=";
}

void
svc_start_given_up(struct service *s, const char *why)
{
	if (s->restoring || (s->m.state != SVC_DEAD && s->m.state != SVC_FAILED))
		return;
	s->m.then_start = false;
	if (why != NULL && s->m.slot == SLOT_NONE)
		svc_set_why(s, "not started: %s", why);
	svc_settle(s);
}

void
svc_set_due(struct service *s, uint32_t due, uint64_t wall_us)
{
	s->m.due = due;
	/* Two ends are two, whatever the clock says. */
	s->m.due_us = wall_us > s->m.due_us ? wall_us : s->m.due_us + 1;
	s->m.due_life = s->ops->life(s->arg);
}

void
svc_not_started(struct service *s)
{
	if (s->restoring || svc_conf(s)->rules->deps[DEP_ON_FAILURE].n == 0)
		return;
	svc_set_due(s, SVC_DUE_NEEDS, clock_wall_us());
	svc_settle(s);
}

void
svc_due_done(struct service *s)
{
	if (s->restoring || s->m.due == 0)
		return;
	s->m.due = 0;
	svc_settle(s);
}

void
svc_reset_failed(struct service *s)
{
	svc_raise(s, SVC_EV_RESET);
}

int
svc_kill(struct service *s, enum svc_whom whom, int signo)
{
	if (s->m.slot == SLOT_NONE || (whom == SVC_WHOM_MAIN && !s->m.main_running) ||
	    (whom == SVC_WHOM_CONTROL && !s->m.control_running)) {
		errno = ESRCH;
		return -1;
	}
	if (whom == SVC_WHOM_ALL)
		svc_deed_signal(s, PROC_MAIN, SIGNAL_SLOT, signo);
	else
		svc_deed_signal(s, whom == SVC_WHOM_MAIN ? PROC_MAIN : PROC_CONTROL,
		    SIGNAL_PROC, signo);
	svc_settle(s);
	return 0;
}

/* ---- questions --------------------------------------------------------------- */

const struct svc_memory *
svc_memory(const struct service *s)
{
	return &s->m;
}

const char *
svc_unit(const struct service *s)
{
	return s->unit;
}

enum svc_state
svc_state(const struct service *s)
{
	return s->m.state;
}

enum svc_active
svc_active(const struct service *s)
{
	return svc_state_active(s->m.state);
}

bool
svc_is_queued(const struct service *s)
{
	return s->m.state == SVC_QUEUED;
}

bool
svc_waits_for_slot(const struct service *s)
{
	return s->m.state == SVC_START_PRE && s->m.slot == SLOT_NONE &&
	       !s->m.control_running;
}

bool
svc_has_slot(const struct service *s)
{
	return s->m.slot != SLOT_NONE || s->nforeign > 0;
}

uint64_t
svc_next_restart_us(const struct service *s)
{
	if (s->m.state != SVC_AUTO_RESTART && s->m.state != SVC_LIMIT_WAIT)
		return 0;
	return s->m.deadline_us[SVC_TIMER_PHASE] == UINT64_MAX
		   ? 0
		   : s->m.deadline_us[SVC_TIMER_PHASE];
}

const char *
svc_why(const struct service *s)
{
	return s->m.why;
}

size_t
svc_stored(const struct service *s, const uint32_t **ids, char *const **names)
{
	if (ids != NULL)
		*ids = s->stored_ids;
	if (names != NULL)
		*names = s->stored_names;
	return s->nstored;
}

uint64_t
svc_bugs(void)
{
	return bugs;
}
