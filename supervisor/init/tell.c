#include "init/tell.h"

#include <string.h>

#include "init/core.h"
#include "init/role.h"
#include "init/slot.h"

/* Numbers of slots that have something to tell, each at most once, in order. */
struct todo {
	uint32_t *ring;
	uint8_t *in;
	uint32_t head, n;
};
static struct todo todos[ROLE_N];

/* Why a slot was not opened, when that cannot be noted in the table: there was no memory
 * for it, or another has it.  The next manager does not ask. */
static int16_t *unopened;

static void
todo_add(struct todo *t, uint32_t slot)
{
	if (t->in[slot])
		return;
	t->in[slot] = 1;
	t->ring[(t->head + t->n++) % tab->nslots] = slot;
}

static void
todo_drop_first(struct todo *t)
{
	t->in[t->ring[t->head]] = 0;
	t->head = (t->head + 1) % tab->nslots;
	t->n--;
}

int
tell_setup(void)
{
	size_t n = tab->nslots;
	const size_t roles = ROLE_N - ROLE_MANAGER;
	uint32_t *ring = storage(n * (roles * (sizeof(*ring) + 1) + sizeof(*unopened)));
	uint8_t *in;

	if (ring == NULL)
		return -1;
	unopened = (int16_t *)(void *)(ring + roles * n);
	in = (uint8_t *)(unopened + n);
	for (size_t i = 0; i < roles; i++) {
		todos[ROLE_MANAGER + i].ring = ring + i * n;
		todos[ROLE_MANAGER + i].in = in + i * n;
	}
	return 0;
}

void
tell_of(enum role r, uint32_t slot)
{
	todo_add(&todos[r], slot);
}

void
tell_unopened(uint32_t slot, int err)
{
	unopened[slot] = (int16_t)err;
	tell_of(ROLE_MANAGER, slot);
}

/* ---- to the manager ---- */

static int
tell_ref(uint32_t slot, enum msg_id id, int fd)
{
	struct msg m;

	msg_init(&m, id);
	m.u.SLOT_DONE.slot = slot;
	if (fd != -1) {
		m.fds[0] = fd;
		m.nfds = 1;
	}
	return role_send(ROLE_MANAGER, &m);
}

static int
tell_slot_head(struct table_slot *s, uint32_t slot)
{
	struct msg m;
	struct msg_slot *q = &m.u.SLOT;

	if ((s->told & TOLD_SLOT) != 0)
		return 1;
	msg_init(&m, MSG_SLOT);
	q->slot = slot;
	q->has_cgroup = s->has_cgroup != CGROUP_NONE;
	q->closing = s->state == SLOT_CLOSING;
	q->err = s->open_err;
	memcpy(q->invocation, s->invocation, sizeof(q->invocation));
	memcpy(q->unit, s->unit, sizeof(q->unit));
	memcpy(q->ref, s->conf.ref, sizeof(q->ref));
	table_log_name(tab, slot, q->name);
	q->step = s->step;
	q->opened_wall_us = s->opened_wall_us;
	for (int k = 0; k < PROC_N; k++) {
		const struct table_proc *p = &s->proc[k];

		if (!proc_is_alive(p))
			continue;
		q->proc[k].pid = p->pid;
		q->proc[k].is_child = p->is_child;
		q->proc[k].start_ticks = p->start_ticks;
		q->proc[k].started_us = p->started_us;
		q->proc[k].execed = p->execed;
	}
	if (role_send(ROLE_MANAGER, &m) != 1)
		return 0;
	s->told |= TOLD_SLOT;
	return 1;
}

static int
tell_started(struct table_proc *p, uint32_t slot, uint32_t kind)
{
	uint32_t want = TOLD_FORKED | (p->execed ? (uint32_t)TOLD_EXECED : 0U);
	struct msg m;

	if ((p->told_started & want) == want)
		return 1;
	msg_init(&m, MSG_STARTED);
	m.u.STARTED.slot = slot;
	m.u.STARTED.kind = kind;
	m.u.STARTED.pid = p->pid;
	m.u.STARTED.execed = p->execed;
	m.u.STARTED.seq = p->seq;
	m.u.STARTED.start_ticks = p->start_ticks;
	m.u.STARTED.mono_us = p->started_us;
	if (role_send(ROLE_MANAGER, &m) != 1)
		return 0;
	p->told_started |= want;
	return 1;
}

static int
tell_exit(struct table_slot *s, uint32_t slot, uint32_t kind)
{
	struct table_proc *p = &s->proc[kind];
	struct msg m;
	struct msg_exit *q = &m.u.EXIT;

	if (p->told_exit)
		return 1;
	msg_init(&m, MSG_EXIT);
	q->slot = slot;
	q->kind = kind;
	q->pid = p->pid;
	q->how = p->how;
	q->status = p->status;
	q->phase = p->phase;
	q->err = p->err;
	q->empty = s->has_cgroup != CGROUP_NONE && !slot_is_alive(s);
	q->seq = p->seq;
	q->mono_us = p->exit_mono_us;
	q->wall_us = p->exit_wall_us;
	q->cpu_us = p->cpu_us;
	q->maxrss_kib = p->maxrss_kib;
	if (role_send(ROLE_MANAGER, &m) != 1)
		return 0;
	p->told_exit = 1;
	return 1;
}

static int
tell_proc(struct table_slot *s, uint32_t slot, uint32_t kind)
{
	struct table_proc *p = &s->proc[kind];

	if (p->state != TPROC_RUNNING && p->state != TPROC_EXITED)
		return 1;
	/* (What was to join and is refused has a number, but never started here.) */
	if (p->pid > 0 && (p->state == TPROC_RUNNING || p->how != EXIT_NOT_STARTED) &&
	    tell_started(p, slot, kind) != 1)
		return 0;
	return p->state == TPROC_RUNNING || tell_exit(s, slot, kind) == 1;
}

static int
tell_why(uint32_t slot)
{
	struct msg m;

	msg_init(&m, MSG_SLOT);
	m.u.SLOT.slot = slot;
	m.u.SLOT.err = unopened[slot];
	if (role_send(ROLE_MANAGER, &m) != 1)
		return 0;
	unopened[slot] = 0;
	return 1;
}

/* All that the manager has to hear of one slot: 1 done, 0 the channel is full. */
static int
slot_to_manager(uint32_t slot)
{
	struct table_slot *s = table_slot(tab, slot);

	if (unopened[slot] != 0 && !tell_why(slot))
		return 0;
	if (slot >= table_used(tab))
		return 1;
	if (s->owed_done) {
		if (tell_ref(slot, MSG_SLOT_DONE, -1) != 1)
			return 0;
		s->owed_done = 0;
	}
	if (s->state == SLOT_FREE)
		return s->open_err == 0 || tell_slot_head(s, slot);
	if (!tell_slot_head(s, slot))
		return 0;
	if (s->fd_notify != -1 && (s->told & TOLD_NOTIFY) == 0) {
		if (tell_ref(slot, MSG_SLOT_NOTIFY, s->fd_notify) != 1)
			return 0;
		s->told |= TOLD_NOTIFY;
	}
	if (s->has_cgroup && (s->told & TOLD_CGROUP) == 0) {
		if (tell_ref(slot, MSG_SLOT_CGROUP, s->fd_cgroup) != 1)
			return 0;
		s->told |= TOLD_CGROUP;
	}
	for (uint32_t k = 0; k < PROC_N; k++) {
		if (!tell_proc(s, slot, k))
			return 0;
	}
	if (s->watch_empty && !slot_is_alive(s)) {
		if (tell_ref(slot, MSG_EMPTY, -1) != 1)
			return 0;
		s->watch_empty = 0;
		watch_close(&s->fd_events);
	}
	return 1;
}

/* ---- to the logger and the terminal ---- */

static int
tell_close(enum role r, uint32_t slot, enum msg_id id, uint32_t *told)
{
	struct msg m;

	if ((*told & TOLD_CLOSE) != 0)
		return 1;
	msg_init(&m, id);
	m.u.LOG_CLOSE.slot = slot;
	if (role_send(r, &m) != 1)
		return 0;
	*told |= TOLD_CLOSE;
	return 1;
}

static int
slot_to_terminal(uint32_t slot)
{
	struct table_slot *s = table_slot(tab, slot);
	struct msg m;

	if ((s->state != SLOT_OPEN && s->state != SLOT_CLOSING) || s->term_done ||
	    s->fd_master == -1)
		return 1;
	if ((s->told_terminal & TOLD_OPEN) == 0) {
		msg_init(&m, MSG_TERM_OPEN);
		m.u.TERM_OPEN.slot = slot;
		m.fds[0] = s->fd_master;
		m.nfds = 1;
		if (role_send(ROLE_TERMINAL, &m) != 1)
			return 0;
		s->told_terminal |= TOLD_OPEN;
	}
	return s->state != SLOT_CLOSING ||
	       tell_close(ROLE_TERMINAL, slot, MSG_TERM_CLOSE, &s->told_terminal);
}

static int
slot_to_logger(uint32_t slot)
{
	struct table_slot *s = table_slot(tab, slot);
	struct msg m;

	if ((s->state != SLOT_OPEN && s->state != SLOT_CLOSING) || s->log_done)
		return 1;
	if ((s->told_logger & TOLD_OPEN) == 0) {
		msg_init(&m, MSG_LOG_OPEN);
		m.u.LOG_OPEN.slot = slot;
		m.fds[0] = s->fd_out;
		m.fds[1] = s->fd_err;
		m.nfds = 2;
		if (role_send(ROLE_LOGGER, &m) != 1)
			return 0;
		s->told_logger |= TOLD_OPEN;
	}
	/* The terminal's lines come first: it says when there are no more. */
	return s->state != SLOT_CLOSING || (s->fd_master != -1 && !s->term_done) ||
	       tell_close(ROLE_LOGGER, slot, MSG_LOG_CLOSE, &s->told_logger);
}

int
tell_role(enum role r)
{
	static int (*const slot_to[ROLE_N])(uint32_t) = {
		[ROLE_MANAGER] = slot_to_manager,
		[ROLE_LOGGER] = slot_to_logger,
		[ROLE_TERMINAL] = slot_to_terminal,
	};
	struct todo *t = &todos[r];

	while (t->n > 0) {
		uint32_t slot = t->ring[t->head];

		if (slot_to[r](slot) != 1)
			return 0;
		todo_drop_first(t);
		if (r == ROLE_MANAGER)
			slot_end_if_over(slot);
	}
	return 1;
}

static void
forget_manager(void)
{
	const struct todo *t = &todos[ROLE_MANAGER];

	for (uint32_t i = 0; i < t->n; i++)
		unopened[t->ring[(t->head + i) % tab->nslots]] = 0;
	for (uint32_t i = 0; i < table_used(tab); i++) {
		struct table_slot *s = table_slot(tab, i);

		/* It never knew of a slot that is free by now. */
		s->owed_done = 0;
		if (s->state == SLOT_FREE) {
			s->open_err = 0;
			continue;
		}
		s->told = 0;
		for (int k = 0; k < PROC_N; k++)
			s->proc[k].told_started = s->proc[k].told_exit = 0;
		tell_of(ROLE_MANAGER, i);
	}
}

void
tell_forget(enum role r)
{
	if (r == ROLE_MANAGER) {
		forget_manager();
		return;
	}
	for (uint32_t i = 0; i < table_used(tab); i++) {
		struct table_slot *s = table_slot(tab, i);

		if (s->state == SLOT_FREE)
			continue;
		*(r == ROLE_LOGGER ? &s->told_logger : &s->told_terminal) = 0;
		tell_of(r, i);
	}
}
