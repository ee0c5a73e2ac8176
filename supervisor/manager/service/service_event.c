/*
 * service_event: what happened.  What init and the clock say of a slot becomes an event
 * of the state machine, or is of an earlier invocation and dropped; before svc_adopt it
 * is only kept (adopt.c).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

/* ---- of init and of the clock ------------------------------------------------ */

void
svc_on_started(struct service *s, const struct msg_started *st)
{
	struct svc_note note = { .what = SVC_EMIT_EXEC };
	struct svc_memory *m = &s->m;
	struct svc_aux *aux;

	if (s->restoring) {
		for (size_t i = 0; i < s->nseen; i++)
			if (s->seen[i].slot.slot == st->slot && st->kind < PROC_N) {
				s->seen[i].started[st->kind] = *st;
				s->seen[i].has_started[st->kind] = true;
			}
		return;
	}
	if (st->slot != m->slot || st->kind >= PROC_N)
		return;
	note.kind = (enum proc_kind)st->kind;
	note.pid = st->pid;
	/* It was on its way when the others were told to stand still. */
	if (m->frozen_us != 0)
		svc_resume_freeze(s, false);
	switch (st->kind) {
	case PROC_MAIN:
		if (!m->main_running || (st->seq != m->main_seq && !m->main_alien))
			return;
		if (m->main_alien) {
			/* The answer to PROC_SET: the one that was named, or the one
			 * that runs on because that had gone. */
			m->main_pid = st->pid;
			m->main_ticks = st->start_ticks;
			if (st->execed != 0 && !m->main_execed) {
				/* To PROC_JOIN: it is in the slot. */
				m->main_execed = true;
				svc_note(s, &note, "run --scope");
				svc_raise(s, SVC_EV_EXECED);
			}
			break;
		}
		if (m->main_pid == 0) {
			m->main_pid = st->pid;
			m->main_ticks = st->start_ticks;
			m->main_started_wall_us = clock_wall_us();
			if (svc_sc(s)->exec[svc_main_list(s)].n > m->main_index)
				note.cmd =
				    &svc_sc(s)->exec[svc_main_list(s)].v[m->main_index];
			svc_note(s, &note, NULL);
			/* Type=simple waits for no more than this, if for anything. */
			if (m->state == SVC_START)
				svc_raise(s, SVC_EV_READY);
		}
		if (st->execed != 0 && !m->main_execed) {
			m->main_execed = true;
			svc_raise(s, SVC_EV_EXECED);
		}
		break;
	case PROC_CONTROL:
		if (!m->control_running || st->seq != m->control_seq)
			return;
		if (m->control_pid == 0) {
			m->control_pid = st->pid;
			if (m->cmd < EXEC_NKINDS &&
			    svc_sc(s)->exec[m->cmd].n > m->cmd_index)
				note.cmd = &svc_sc(s)->exec[m->cmd].v[m->cmd_index];
			svc_note(s, &note, NULL);
		}
		break;
	default:
		aux = s->probes != NULL ? &s->probes->aux[st->kind - PROC_READY] : NULL;
		if (aux != NULL && aux->seq == st->seq)
			aux->pid = st->pid;
		break;
	}
	svc_settle(s);
}

void
svc_on_slot_free(struct service *s)
{
	if (!s->restoring && svc_waits_for_slot(s))
		svc_raise(s, SVC_EV_SLOT_FREE);
}

void
svc_on_admitted(struct service *s)
{
	if (!s->restoring && svc_is_queued(s))
		svc_raise(s, SVC_EV_ADMITTED);
}

void
svc_on_phase(struct service *s)
{
	if (!s->restoring && svc_is_queued(s))
		svc_queue_again(s);
}

bool
svc_may_yield(const struct service *s)
{
	switch (s->m.state) {
	case SVC_CONDITION:
	case SVC_START_PRE:
	case SVC_START:
	case SVC_START_POST:
	case SVC_RUNNING:
	case SVC_EXITED:
		return true;
	default:
		return false;
	}
}

void
svc_yield(struct service *s)
{
	if (!s->restoring)
		svc_raise(s, SVC_EV_YIELD);
}

void
svc_on_slot(struct service *s, const struct msg_slot *slot)
{
	if (s->restoring) {
		if (slot->err != 0 || slot->closing != 0)
			return;
		s->seen = xreallocarray(s->seen, s->nseen + 1, sizeof(*s->seen));
		memset(&s->seen[s->nseen], 0, sizeof(*s->seen));
		s->seen[s->nseen++].slot = *slot;
		return;
	}
	if (slot->err != 0 && slot->slot == s->m.slot) {
		svc_set_why(s, "no slot: %s", strerror(slot->err));
		svc_raise(s, SVC_EV_SLOT_FAILED);
	}
}

static void
ack(struct service *s, const struct msg_exit *x)
{
	if (s->nacks == s->acks_cap) {
		s->acks_cap = s->acks_cap == 0 ? 4 : 2 * s->acks_cap;
		s->acks = xreallocarray(s->acks, s->acks_cap, sizeof(*s->acks));
	}
	s->acks[s->nacks++] = *x;
}

/* init says that nothing of the slot lives: true when nothing was spawned meanwhile. */
static void
note_empty(struct service *s, const struct msg_exit *x)
{
	bool other = x->kind == PROC_MAIN ? s->m.control_running : s->m.main_running;

	if (s->probes != NULL)
		other = other || s->probes->aux[PROBE_USE_READY].running ||
			s->probes->aux[PROBE_USE_HEALTH].running;
	if (x->empty != 0 && !other)
		s->empty = true;
}

void
svc_on_exit(struct service *s, const struct msg_exit *x)
{
	const struct svc_memory *m = &s->m;
	struct svc_event_in in = { .exit = *x };

	if (s->restoring) {
		for (size_t i = 0; i < s->nseen; i++)
			if (s->seen[i].slot.slot == x->slot && x->kind < PROC_N) {
				s->seen[i].exit[x->kind] = *x;
				s->seen[i].has_exit[x->kind] = true;
			}
		return;
	}
	ack(s, x);
	if (x->slot == m->slot) {
		switch (x->kind) {
		case PROC_MAIN:
			/* The answer to PROC_SET has no number; its pid says it. */
			if (m->main_running && (m->main_alien ? x->pid == m->main_pid
							      : x->seq == m->main_seq)) {
				note_empty(s, x);
				in.ev = SVC_EV_MAIN_EXIT;
				svc_dispatch(s, &in);
				return;
			}
			break;
		case PROC_CONTROL:
			if (m->control_running && x->seq == m->control_seq) {
				note_empty(s, x);
				in.ev = SVC_EV_CONTROL_EXIT;
				svc_dispatch(s, &in);
				return;
			}
			break;
		case PROC_READY:
			svc_on_aux_exit(s, PROBE_USE_READY, x);
			break;
		case PROC_HEALTH:
			svc_on_aux_exit(s, PROBE_USE_HEALTH, x);
			break;
		default:
			break;
		}
	} else {
		svc_foreign_exit(s, x);
	}
	svc_settle(s);
}

void
svc_on_not_started(struct service *s, const struct svc_spawn *sp, enum exit_how how,
    int status, int err, const char *why)
{
	struct msg_exit x = { .slot = sp->slot,
		.kind = sp->kind,
		.how = how,
		.status = status,
		.phase = how == EXIT_EXITED ? (uint32_t)status : 0,
		.err = err,
		.seq = sp->seq,
		.mono_us = clock_mono_us(),
		.wall_us = clock_wall_us() };
	const struct svc_memory *m = &s->m;
	struct svc_event_in in = { .exit = x };

	if (sp->slot != m->slot ||
	    memcmp(sp->invocation, m->invocation, sizeof(m->invocation)) != 0)
		return;
	svc_note_no_spawn(s, sp->kind, x.phase, why);
	if (sp->kind == PROC_READY || sp->kind == PROC_HEALTH) {
		svc_on_aux_exit(
		    s, sp->kind == PROC_READY ? PROBE_USE_READY : PROBE_USE_HEALTH, &x);
	} else if (sp->kind == PROC_MAIN && m->main_running && !m->main_alien &&
		   m->main_seq == sp->seq) {
		in.ev = SVC_EV_MAIN_EXIT;
		svc_dispatch(s, &in);
		return;
	} else if (sp->kind == PROC_CONTROL && m->control_running &&
		   m->control_seq == sp->seq) {
		in.ev = SVC_EV_CONTROL_EXIT;
		svc_dispatch(s, &in);
		return;
	}
	svc_settle(s);
}

void
svc_on_empty(struct service *s, uint32_t slot)
{
	if (s->restoring)
		return;
	if (slot != s->m.slot || !s->watching) {
		svc_foreign_empty(s, slot);
	} else if (s->watch_stale) {
		/* It may be from before the newest process: ask again. */
		s->watching = s->watch_stale = false;
		if (svc_waits_for_empty(s))
			svc_deed_watch_empty(s);
	} else {
		s->watching = false;
		s->empty = true;
		svc_raise(s, SVC_EV_EMPTY);
	}
	svc_settle(s);
}

void
svc_on_timer(struct service *s, enum svc_timer which)
{
	if (s->restoring || (unsigned)which >= SVC_NTIMERS ||
	    s->m.deadline_us[which] == UINT64_MAX || s->m.frozen_us != 0)
		return;
	if (clock_mono_us() < s->m.deadline_us[which]) {
		/* It was moved while the call was on its way. */
		s->ops->timer_set(s->arg, which, s->m.deadline_us[which]);
		return;
	}
	s->m.deadline_us[which] = UINT64_MAX;
	s->armed_us[which] = UINT64_MAX;
	switch (which) {
	case SVC_TIMER_PHASE:
		svc_raise(s, SVC_EV_TIMEOUT);
		break;
	case SVC_TIMER_RUNTIME:
		svc_raise(s, SVC_EV_RUNTIME_MAX);
		break;
	case SVC_TIMER_WATCHDOG:
		svc_raise(s, SVC_EV_WATCHDOG);
		break;
	case SVC_TIMER_READY:
		svc_on_ready_timer(s);
		break;
	case SVC_TIMER_HEALTH:
		svc_on_health_timer(s);
		break;
	case SVC_TIMER_PROBE:
		svc_on_aux_timer(s, PROBE_USE_READY);
		break;
	case SVC_TIMER_PROBE_HEALTH:
		svc_on_aux_timer(s, PROBE_USE_HEALTH);
		break;
	case SVC_NTIMERS:
		break;
	}
	svc_settle(s);
}

static bool
restart_waits(const struct service *s)
{
	return !s->restoring && s->m.deadline_us[SVC_TIMER_PHASE] == UINT64_MAX &&
	       (s->m.state == SVC_AUTO_RESTART || s->m.state == SVC_LIMIT_WAIT);
}

void
svc_on_released(struct service *s)
{
	if (!restart_waits(s))
		return;
	svc_raise(s, SVC_EV_TIMEOUT);
	svc_settle(s);
}

void
svc_on_still_waiting(struct service *s, const char *why)
{
	if (!restart_waits(s))
		return;
	svc_say_restart_waits(s, s->ops->held(s->arg) ? "it is held" : why);
	svc_settle(s);
}

void
svc_on_name(struct service *s, bool owned)
{
	if (s->restoring || !s->name_watched)
		return;
	s->name_gone = !owned;
	if (!owned)
		svc_raise(s, SVC_EV_NAME_LOST);
	svc_settle(s);
}

/* ---- kept descriptors -------------------------------------------------------- */

void
svc_on_stored(struct service *s, uint32_t id, const char *fdname)
{
	for (size_t i = 0; i < s->nstored; i++)
		if (s->stored_ids[i] == id)
			return;
	if (s->fds_on_the_way > 0)
		s->fds_on_the_way--;
	s->may_store = true;
	s->stored_ids =
	    xreallocarray(s->stored_ids, s->nstored + 1, sizeof(*s->stored_ids));
	s->stored_names =
	    xreallocarray(s->stored_names, s->nstored + 1, sizeof(*s->stored_names));
	s->stored_ids[s->nstored] = id;
	s->stored_names[s->nstored++] = xstrdup(fdname);
}

void
svc_on_unstored(struct service *s, uint32_t id)
{
	for (size_t i = 0; i < s->nstored; i++) {
		if (s->stored_ids[i] != id)
			continue;
		free(s->stored_names[i]);
		s->nstored--;
		memmove(&s->stored_ids[i], &s->stored_ids[i + 1],
		    (s->nstored - i) * sizeof(*s->stored_ids));
		memmove(&s->stored_names[i], &s->stored_names[i + 1],
		    (s->nstored - i) * sizeof(*s->stored_names));
		return;
	}
}

void
svc_drop_stored(struct service *s, const char *name)
{
	for (size_t i = s->nstored; i > 0; i--)
		if (name == NULL || strcmp(s->stored_names[i - 1], name) == 0)
			svc_on_unstored(s, s->stored_ids[i - 1]);
	if (s->may_store)
		s->ops->fd_drop(s->arg, name);
}
