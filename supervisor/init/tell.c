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
static struct todo for_manager, for_logger;

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
	uint32_t *ring = storage(n * (2 * sizeof(*ring) + sizeof(*unopened) + 2));

	if (ring == NULL)
		return -1;
	for_manager.ring = ring;
	for_logger.ring = ring + n;
	unopened = (int16_t *)(void *)(ring + 2 * n);
	for_manager.in = (uint8_t *)(unopened + n);
	for_logger.in = for_manager.in + n;
	return 0;
}

void
tell_manager_of(uint32_t slot)
{
	todo_add(&for_manager, slot);
}

void
tell_logger_of(uint32_t slot)
{
	todo_add(&for_logger, slot);
}

void
tell_unopened(uint32_t slot, int err)
{
	unopened[slot] = (int16_t)err;
	tell_manager_of(slot);
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
	if (p->pid > 0 && tell_started(p, slot, kind) != 1)
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

int
tell_manager(void)
{
	while (for_manager.n > 0) {
		uint32_t slot = for_manager.ring[for_manager.head];

		if (slot_to_manager(slot) != 1)
			return 0;
		todo_drop_first(&for_manager);
		slot_end_if_over(slot);
	}
	return 1;
}

static int
slot_to_logger(uint32_t slot)
{
	struct table_slot *s = table_slot(tab, slot);
	struct msg m;

	if ((s->state != SLOT_OPEN && s->state != SLOT_CLOSING) || s->log_done)
		return 1;
	if ((s->told_logger & TOLD_LOG_OPEN) == 0) {
		msg_init(&m, MSG_LOG_OPEN);
		m.u.LOG_OPEN.slot = slot;
		m.fds[0] = s->fd_out;
		m.fds[1] = s->fd_err;
		m.nfds = 2;
		if (role_send(ROLE_LOGGER, &m) != 1)
			return 0;
		s->told_logger |= TOLD_LOG_OPEN;
	}
	if (s->state == SLOT_CLOSING && (s->told_logger & TOLD_LOG_CLOSE) == 0) {
		msg_init(&m, MSG_LOG_CLOSE);
		m.u.LOG_CLOSE.slot = slot;
		if (role_send(ROLE_LOGGER, &m) != 1)
			return 0;
		s->told_logger |= TOLD_LOG_CLOSE;
	}
	return 1;
}

int
tell_logger(void)
{
	while (for_logger.n > 0) {
		if (slot_to_logger(for_logger.ring[for_logger.head]) != 1)
			return 0;
		todo_drop_first(&for_logger);
	}
	return 1;
}

void
tell_forget_manager(void)
{
	for (uint32_t i = 0; i < for_manager.n; i++)
		unopened[for_manager.ring[(for_manager.head + i) % tab->nslots]] = 0;
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
		todo_add(&for_manager, i);
	}
}

void
tell_forget_logger(void)
{
	for (uint32_t i = 0; i < table_used(tab); i++) {
		struct table_slot *s = table_slot(tab, i);

		if (s->state == SLOT_FREE)
			continue;
		s->told_logger = 0;
		todo_add(&for_logger, i);
	}
}
