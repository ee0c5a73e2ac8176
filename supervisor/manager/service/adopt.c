/*
 * adopt: a new manager takes over: what is remembered (memory.h) against what init says
 * is there.  Everything missing is a deed that the old manager decided and did not do;
 * everything new is an event that it did not see.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

void
svc_restore_begin(struct service *s)
{
	s->restoring = true;
}

/* The list that runs in a state, EXEC_NKINDS: none. */
static enum service_exec
list_of(enum svc_state st)
{
	switch (st) {
	case SVC_CONDITION:
		return EXEC_CONDITION;
	case SVC_START_PRE:
		return EXEC_START_PRE;
	case SVC_START:
		return EXEC_START;
	case SVC_START_POST:
		return EXEC_START_POST;
	case SVC_RELOAD:
		return EXEC_RELOAD;
	case SVC_STOP:
		return EXEC_STOP;
	case SVC_STOP_POST:
		return EXEC_STOP_POST;
	default:
		return EXEC_NKINDS;
	}
}

/*
 * Memory comes from a disk: whatever it says, the rules of the machine hold afterwards.
 * What is dropped here is found again among init's slots, and ended.
 */
static void
normalise(struct svc_memory *m)
{
	enum service_exec list = list_of(m->state);
	bool no_main = false, no_slot = false;

	switch (m->state) {
	case SVC_DEAD:
	case SVC_AUTO_RESTART:
	case SVC_LIMIT_WAIT:
	case SVC_QUEUED:
		no_slot = true;
		break;
	case SVC_FAILED:
		no_slot = m->leftover == 0;
		break;
	case SVC_CONDITION:
	case SVC_START_PRE:
	case SVC_EXITED:
		no_main = true;
		break;
	default:
		break;
	}
	if (no_slot) {
		m->slot = SLOT_NONE;
		m->leftover = 0;
		m->restart_deferred = false;
		m->control_running = false;
	}
	if (no_main || no_slot)
		m->main_running = false;
	if (no_slot && m->state != SVC_QUEUED)
		svc_memory_text(&m->pool, SVC_POOL_MAX, NULL);
	switch (m->state) {
	case SVC_RUNNING:
	case SVC_EXITED:
	case SVC_RELOAD_NOTIFY:
	case SVC_RELOAD_SIGNAL:
		m->control_running = false;
		break;
	default:
		break;
	}
	if (list != EXEC_NKINDS && m->cmd != (uint32_t)list) {
		m->cmd = (uint32_t)list;
		m->cmd_index = 0;
	}
	if (!m->main_running) {
		m->main_pid = 0;
		m->main_alien = false;
	}
	if (m->main_pid <= 1)
		m->main_pid = 0;
	if (m->main_pid == 0)
		m->main_alien = false;
	if (!m->control_running || m->control_pid <= 1)
		m->control_pid = 0;
}

/*
 * Its start was asked for, and is not done.  What had begun was cut off, and how it would
 * have ended nobody knows: it has failed, by svc_adopt.  What had not begun, or was to be
 * tried again, goes on from there.
 */
static void
cut_off(struct service *s)
{
	struct svc_memory *m = &s->m;
	struct svc_exit unknown = { .how = EXIT_UNKNOWN, .wall_us = clock_wall_us() };

	if (m->state == SVC_AUTO_RESTART)
		return;
	if (m->state == SVC_QUEUED || svc_waits_for_slot(s)) {
		m->state = SVC_QUEUED;
		m->queued_us = clock_mono_us();
		return;
	}
	/* Its work is done, and only what comes after it was cut. */
	if (svc_state_active(m->state) == SVC_ACTIVE_DEACTIVATING)
		return;
	if (m->main_running)
		m->main_exit = unknown;
	else
		m->control_exit = unknown;
	svc_fail(s, SVC_RESULT_UNKNOWN,
	    "ended unseen: the machine was started anew in the middle of it");
}

void
svc_restore(struct service *s, const struct svc_memory *m, bool same_boot)
{
	struct svc_memory *mine = &s->m;
	bool open;

	svc_memory_copy(mine, m);
	s->remembered = true;
	normalise(mine);
	if (same_boot)
		return;
	open = svc_job_is_open(s);
	if (open)
		cut_off(s);
	/* Nothing of it runs any more, and monotonic times mean nothing. */
	mine->slot = SLOT_NONE;
	mine->main_running = mine->control_running = false;
	mine->main_pid = mine->control_pid = 0;
	mine->limit_begin_us = 0;
	mine->limit_count = 0;
	mine->active_us = 0;
	mine->hard_us = mine->runtime_us = UINT64_MAX;
	mine->leftover = 0;
	mine->frozen_us = 0;
	mine->restart_deferred = mine->then_start = false;
	for (int i = 0; i < SVC_NTIMERS; i++)
		mine->deadline_us[i] = UINT64_MAX;
	if (open)
		return;
	mine->again = false;
	mine->restarts = mine->backoff = mine->retry = 0;
	svc_memory_text(&mine->pool, SVC_POOL_MAX, NULL);
	if (mine->state != SVC_FAILED && mine->state != SVC_DEAD) {
		mine->state = SVC_DEAD;
		mine->result = SVC_RESULT_SUCCESS;
		svc_set_why(s, "the machine was started anew");
	}
}

static bool
same_invocation(const struct service *s, const struct svc_slot_seen *seen)
{
	return memcmp(seen->slot.invocation, s->m.invocation, sizeof(s->m.invocation)) ==
	       0;
}

/* ---- slots of other invocations ---------------------------------------------- */

static void
foreign_signal(struct service *s, uint32_t slot)
{
	struct deed *d = svc_deed(s, DEED_SIGNAL);

	d->u.sig.slot = slot;
	d->u.sig.kind = PROC_MAIN;
	d->u.sig.scope = SIGNAL_SLOT_KILL;
	d->u.sig.signo = SIGKILL;
	svc_deed(s, DEED_WATCH_EMPTY)->u.slot = slot;
}

/* It was to be closed, or nobody knows it: end it. */
static void
foreign_take(struct service *s, const struct svc_slot_seen *seen)
{
	s->foreign = xreallocarray(s->foreign, s->nforeign + 1, sizeof(*s->foreign));
	s->foreign[s->nforeign++].slot = seen->slot.slot;
	foreign_signal(s, seen->slot.slot);
}

bool
svc_foreign_exit(struct service *s, const struct msg_exit *x)
{
	for (size_t i = 0; i < s->nforeign; i++)
		if (s->foreign[i].slot == x->slot)
			return true;
	return false;
}

bool
svc_foreign_empty(struct service *s, uint32_t slot)
{
	for (size_t i = 0; i < s->nforeign; i++) {
		if (s->foreign[i].slot != slot)
			continue;
		svc_deed(s, DEED_SLOT_CLOSE)->u.slot = slot;
		s->foreign[i] = s->foreign[--s->nforeign];
		return true;
	}
	return false;
}

/* ---- the slot that is ours --------------------------------------------------- */

static void
raise_exit(struct service *s, enum proc_kind kind, const struct msg_exit *x)
{
	svc_dispatch(
	    s, &(struct svc_event_in){
		   .ev = kind == PROC_MAIN ? SVC_EV_MAIN_EXIT : SVC_EV_CONTROL_EXIT,
		   .exit = *x });
}

static void
raise_lost(struct service *s, enum proc_kind kind, int32_t pid)
{
	struct msg_exit x = { .slot = s->m.slot,
		.kind = kind,
		.pid = pid,
		.how = EXIT_UNKNOWN,
		.mono_us = clock_mono_us(),
		.wall_us = clock_wall_us() };

	raise_exit(s, kind, &x);
}

static bool
exit_is_of(const struct svc_memory *m, const struct msg_exit *x)
{
	return m->main_alien ? x->pid == m->main_pid : x->seq == m->main_seq;
}

static void
adopt_main(struct service *s, const struct svc_slot_seen *seen)
{
	struct svc_memory *m = &s->m;
	const struct msg_started *st = &seen->started[PROC_MAIN];
	const struct msg_exit *x = &seen->exit[PROC_MAIN];
	bool has_started = seen->has_started[PROC_MAIN];
	struct deed *d;

	if (!m->main_running)
		return;
	if (seen->has_exit[PROC_MAIN] && exit_is_of(m, x)) {
		raise_exit(s, PROC_MAIN, x);
		return;
	}
	if (has_started && !m->main_alien && st->seq == m->main_seq) {
		m->main_pid = st->pid;
		m->main_ticks = st->start_ticks;
		if (st->execed != 0)
			m->main_execed = true;
		return;
	}
	if (m->main_alien) {
		if (has_started && st->pid == m->main_pid) {
			m->main_execed = true;
			return;
		}
		if (svc_is_scope(s)) {
			svc_join_main(s, m->main_pid, m->main_ticks);
			return;
		}
		/* PROC_SET did not reach init: again, and init checks the start time. */
		d = svc_deed(s, DEED_PROC_SET);
		d->u.proc.slot = m->slot;
		d->u.proc.pid = m->main_pid;
		d->u.proc.ticks = m->main_ticks;
		return;
	}
	if (m->main_pid == 0) {
		/* SPAWN did not reach init. */
		svc_respawn(s, PROC_MAIN);
		return;
	}
	raise_lost(s, PROC_MAIN, m->main_pid);
}

static void
adopt_control(struct service *s, const struct svc_slot_seen *seen)
{
	struct svc_memory *m = &s->m;
	const struct msg_started *st = &seen->started[PROC_CONTROL];
	const struct msg_exit *x = &seen->exit[PROC_CONTROL];

	if (!m->control_running)
		return;
	if (seen->has_exit[PROC_CONTROL] && x->seq == m->control_seq)
		raise_exit(s, PROC_CONTROL, x);
	else if (seen->has_started[PROC_CONTROL] && st->seq == m->control_seq)
		m->control_pid = st->pid;
	else if (m->control_pid == 0)
		svc_respawn(s, PROC_CONTROL);
	else
		raise_lost(s, PROC_CONTROL, m->control_pid);
}

/* Nothing that runs can end this state: the memory is not whole. */
static bool
is_stuck(const struct service *s)
{
	const struct svc_memory *m = &s->m;
	const struct service_conf *c = svc_sc(s);

	switch (m->state) {
	case SVC_CONDITION:
	case SVC_START_PRE:
	case SVC_START_POST:
	case SVC_RELOAD:
	case SVC_STOP:
	case SVC_STOP_POST:
		return !m->control_running;
	case SVC_START:
		if (m->main_running || m->control_running)
			return false;
		return !(c->type == SERVICE_FORKING ||
			 (svc_is_notify(c) && c->remain_after_exit));
	default:
		return false;
	}
}

/* No state that ends by its time limit is left without one. */
static void
resume_limit(struct service *s)
{
	if (s->m.deadline_us[SVC_TIMER_PHASE] != UINT64_MAX)
		return;
	switch (svc_state_active(s->m.state)) {
	case SVC_ACTIVE_ACTIVATING:
	case SVC_ACTIVE_RELOADING:
		svc_phase_timer(s, svc_sc(s)->timeout_start_us);
		break;
	case SVC_ACTIVE_DEACTIVATING:
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		break;
	default:
		break;
	}
}

/* A reload that was begun by a signal: did init get to it? */
static void
resume_reload(struct service *s, uint32_t done)
{
	const struct service_conf *c = svc_sc(s);

	if (c->type == SERVICE_NOTIFY_RELOAD && s->m.main_running && done < s->m.steps)
		svc_deed_step(s, PROC_MAIN, SIGNAL_PROC, c->reload_signal, s->m.steps);
}

static void
resume_up(struct service *s, uint32_t done)
{
	const struct svc_memory *m = &s->m;

	svc_watchdog_arm(s);
	svc_health_begin(s);
	if (m->state == SVC_RUNNING && !m->main_running)
		svc_deed_watch_empty(s);
	if (m->state == SVC_RELOAD && m->stop_after)
		svc_deed_signal(s, PROC_CONTROL, SIGNAL_PROC_GROUP, SIGKILL);
	else if (m->state == SVC_RELOAD || m->state == SVC_RELOAD_SIGNAL)
		resume_reload(s, done);
	if (m->stopping && m->state == SVC_RUNNING)
		svc_raise(s, SVC_EV_STOPPING);
}

/* What the state waits for beside its processes; done: the newest step of the slot. */
static void
resume_state(struct service *s, uint32_t done)
{
	struct svc_memory *m = &s->m;

	resume_limit(s);

	if (is_stuck(s)) {
		svc_fail(s, SVC_RESULT_RESOURCES,
		    "what was remembered of it does not fit its state %s",
		    svc_state_name(m->state));
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}

	/* The logger may be new as well, or will be: only a manager can tell it.  And
	 * what it has found may lie unread in the channel of the manager that died. */
	if (m->state == SVC_CONDITION || m->state == SVC_START_PRE ||
	    m->state == SVC_START || svc_is_up(s))
		svc_deed_patterns(s);

	if (svc_is_up(s)) {
		resume_up(s, done);
		return;
	}
	switch (m->state) {
	case SVC_START:
		if (svc_sc(s)->type == SERVICE_FORKING && !m->ready) {
			if (!m->control_running) {
				svc_timer(s, SVC_TIMER_READY, clock_mono_us());
				svc_deed_watch_empty(s);
			}
		} else {
			svc_ready_begin(s);
			if (!m->main_running)
				svc_deed_watch_empty(s);
		}
		svc_raise(s, SVC_EV_READY);
		break;
	case SVC_STOP_WATCHDOG:
	case SVC_STOP_SIGTERM:
	case SVC_STOP_SIGKILL:
	case SVC_FINAL_SIGTERM:
	case SVC_FINAL_SIGKILL:
		svc_resend_stop_signals(s, done);
		svc_deed_watch_empty(s);
		break;
	case SVC_FAILED:
		if (m->slot != SLOT_NONE)
			svc_deed_watch_empty(s);
		break;
	default:
		break;
	}
}

/* init does not know the slot: it was never opened, or all of it is lost. */
static void
slot_is_missing(struct service *s)
{
	struct svc_memory *m = &s->m;
	bool began = m->main_pid != 0 || m->control_pid != 0 || m->main_exit.how != 0 ||
		     m->control_exit.how != 0;

	if (m->state == SVC_QUEUED) {
		s->empty = true;
		if (m->pool[0] == '\0')
			svc_raise(s, SVC_EV_ADMITTED); /* it waits for nothing */
		return;
	}
	if (svc_waits_for_slot(s) && !began) {
		svc_begin_in_slot(s);
		return;
	}
	switch (m->state) {
	case SVC_CONDITION:
	case SVC_START_PRE:
	case SVC_START:
	case SVC_START_POST:
	case SVC_RUNNING:
		if (began || (!m->main_running && !m->control_running))
			break;
		/* SLOT_OPEN did not reach init: the same start, in a new slot. */
		m->slot = SLOT_NONE;
		svc_open_slot(s);
		if (m->slot == SLOT_NONE)
			return; /* SLOT_FAILED is queued */
		svc_resume_freeze(s, false);
		if (m->main_running)
			svc_respawn(s, PROC_MAIN);
		if (m->control_running)
			svc_respawn(s, PROC_CONTROL);
		resume_state(s, 0);
		return;
	case SVC_EXITED:
		/* Nothing of it runs; a place for its ExecStop= is all that it needs. */
		m->slot = SLOT_NONE;
		svc_open_slot(s);
		svc_resume_freeze(s, false);
		return;
	case SVC_DEAD:
	case SVC_FAILED:
	case SVC_AUTO_RESTART:
	case SVC_LIMIT_WAIT:
		m->slot = SLOT_NONE;
		m->main_running = m->control_running = false;
		m->leftover = 0;
		svc_leave_pool(s);
		if (m->restart_deferred)
			svc_enter_auto_restart(s);
		return;
	default:
		break;
	}
	if (m->main_running && m->result == SVC_RESULT_SUCCESS) {
		m->main_exit =
		    (struct svc_exit){ .how = EXIT_UNKNOWN, .wall_us = clock_wall_us() };
		svc_fail(s, SVC_RESULT_UNKNOWN, "main process ended unseen");
	}
	m->main_running = m->control_running = false;
	m->slot = SLOT_NONE;
	svc_enter_dead(s, SVC_RESULT_SUCCESS, true);
}

/* No memory, or a slot that it does not name: by its tag alone. */
static void
adopt_by_tag(struct service *s, const struct svc_slot_seen *seen)
{
	struct svc_memory *m = &s->m;
	const struct msg_slot *sl = &seen->slot;
	char *end;

	/* What is remembered of an earlier invocation, a stop above all, is not about
	 * this one. */
	m->result = SVC_RESULT_SUCCESS;
	m->forbid_restart = m->then_start = m->restart_deferred = m->again = false;
	m->main_alien = m->control_running = false;
	m->control_pid = 0;
	m->leftover = 0;
	m->frozen_us = 0;
	m->was_frozen = true; /* for all we know */
	m->main_exit = m->control_exit = (struct svc_exit){ 0 };
	for (int i = 0; i < SVC_NTIMERS; i++)
		m->deadline_us[i] = UINT64_MAX;
	m->slot = sl->slot;
	svc_memory_text(&m->pool, SVC_POOL_MAX,
	    svc_conf(s)->type == UNIT_SERVICE ? svc_sc(s)->pool : NULL);
	memcpy(m->invocation, sl->invocation, sizeof(m->invocation));
	svc_memory_text(&m->ref, PROTO_REF_MAX, sl->ref);
	if (strtoull(sl->ref, &end, 10) > m->order && *end == '\0')
		m->order = strtoull(sl->ref, NULL, 10);
	m->main_pid = seen->has_started[PROC_MAIN] ? seen->started[PROC_MAIN].pid
						   : sl->proc[PROC_MAIN].pid;
	m->main_seq = seen->has_started[PROC_MAIN] ? seen->started[PROC_MAIN].seq
						   : seen->exit[PROC_MAIN].seq;
	m->main_running = true;
	m->main_execed = true;
	m->main_started_wall_us = m->started_wall_us = m->active_wall_us =
	    sl->opened_wall_us;
	m->active_us = clock_mono_us();
	m->state = SVC_RUNNING;
	svc_set_why(s, "taken over while it ran; nothing else is remembered of it");
}

static bool
runs(const struct svc_slot_seen *seen)
{
	return seen->has_started[PROC_MAIN] || seen->has_exit[PROC_MAIN];
}

/* Events were lost, with the journal or in a full ring: this invocation was begun after
 * what is remembered.  The manager's REFs only grow, whatever the clock does. */
static bool
is_newer_than_memory(const struct service *s, const struct svc_slot_seen *seen)
{
	char *end;
	uint64_t ref = strtoull(seen->slot.ref, &end, 10);

	return s->remembered && *end == '\0' && ref > s->m.order;
}

static bool
is_between_runs(enum svc_state state)
{
	return state == SVC_DEAD || state == SVC_FAILED || state == SVC_AUTO_RESTART ||
	       state == SVC_LIMIT_WAIT;
}

/* What waits for its restart has none, and is started with the newest; what waits for its
 * slot has begun nothing yet. */
static void
settle_conf(struct service *s)
{
	bool runs = s->m.slot != SLOT_NONE || !is_between_runs(s->m.state);

	if (!runs || s->m.state == SVC_QUEUED || svc_waits_for_slot(s))
		svc_restore_conf(s, NULL);
	if (runs && s->run_conf == NULL)
		s->run_conf = s->conf;
}

void
svc_adopt(struct service *s)
{
	struct svc_memory *m = &s->m;
	struct svc_slot_seen *ours = NULL, *newer = NULL;

	s->restoring = false;
	s->told = svc_memory_sum(s);
	for (size_t i = 0; i < s->nseen; i++)
		if (m->slot != SLOT_NONE && s->seen[i].slot.slot == m->slot &&
		    same_invocation(s, &s->seen[i]))
			ours = &s->seen[i];
	for (size_t i = 0; i < s->nseen; i++)
		if (runs(&s->seen[i]) && !same_invocation(s, &s->seen[i]) &&
		    is_newer_than_memory(s, &s->seen[i]) &&
		    (newer == NULL ||
			s->seen[i].slot.opened_wall_us > newer->slot.opened_wall_us))
			newer = &s->seen[i];
	if (newer != NULL) {
		ours = newer;
		adopt_by_tag(s, ours);
	}
	if (ours == NULL && (!s->remembered || m->state == SVC_DEAD) && !m->then_start &&
	    m->slot == SLOT_NONE) {
		/* The newest that runs; a remembered stop of that very one stands. */
		for (size_t i = 0; i < s->nseen; i++)
			if (runs(&s->seen[i]) && !same_invocation(s, &s->seen[i]) &&
			    (ours == NULL || s->seen[i].slot.opened_wall_us >
						 ours->slot.opened_wall_us))
				ours = &s->seen[i];
		if (ours != NULL)
			adopt_by_tag(s, ours);
	}
	settle_conf(s);

	/* Only a starter runs beside nothing in start. */
	if (m->state == SVC_START && svc_sc(s)->type != SERVICE_FORKING)
		m->control_running = false;

	/* Exits are acknowledged whatever they mean: what they mean is in the memory. */
	for (size_t i = 0; i < s->nseen; i++) {
		if (&s->seen[i] != ours)
			foreign_take(s, &s->seen[i]);
		for (unsigned k = 0; k < PROC_N; k++) {
			if (!s->seen[i].has_exit[k])
				continue;
			s->acks =
			    xreallocarray(s->acks, s->acks_cap + 1, sizeof(*s->acks));
			s->acks_cap++;
			s->acks[s->nacks++] = s->seen[i].exit[k];
		}
	}
	/* Events wait in the queue until all of it is looked at. */
	s->busy = true;
	if (ours != NULL) {
		for (unsigned k = PROC_READY; k < PROC_N; k++)
			if (ours->has_started[k] && !ours->has_exit[k])
				svc_deed_signal(
				    s, (enum proc_kind)k, SIGNAL_PROC_GROUP, SIGKILL);
		adopt_main(s, ours);
		adopt_control(s, ours);
		svc_resume_freeze(s, true);
		resume_state(s, ours->slot.step);
	} else if (m->slot != SLOT_NONE || !is_between_runs(m->state)) {
		slot_is_missing(s);
	} else if ((m->state == SVC_AUTO_RESTART || m->state == SVC_LIMIT_WAIT) &&
		   m->deadline_us[SVC_TIMER_PHASE] == UINT64_MAX) {
		svc_timer(s, SVC_TIMER_PHASE, clock_mono_us());
	}
	free(s->seen);
	s->seen = NULL;
	s->nseen = 0;
	s->busy = false;
	svc_settle(s);
}
