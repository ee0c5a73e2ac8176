/*
 * adopt_slot: whose each slot is, which number is free, and who waits for one that is
 * being closed (see adopt.h).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/fdio.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/link/adopt.h"
#include "manager/link/adopt_int.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/service/service.h"
#include "manager/units.h"

struct slot *
slot_of(struct manager *m, uint32_t number)
{
	struct slots *ss = m->slots;
	struct slot *s;

	if (ss == NULL) {
		ss = m->slots = xcalloc(1, sizeof(*ss));
		ss->n = m->nslots;
		TAILQ_INIT(&ss->waits);
		ss->v = xcalloc(ss->n, sizeof(ss->v[0]));
	}
	if (number >= ss->n)
		return NULL;
	if (ss->v[number] != NULL)
		return ss->v[number];
	s = xcalloc(1, sizeof(*s));
	s->m = m;
	s->number = number;
	s->notify_fd = s->ready_fd = s->cgroup_fd = -1;
	ss->v[number] = s;
	return s;
}

void
slot_ready_end(struct slot *s)
{
	if (s->ready_io != NULL)
		loop_io_free(s->ready_io);
	s->ready_io = NULL;
	if (s->ready_timer != NULL)
		loop_timer_free(s->ready_timer);
	s->ready_timer = NULL;
	fd_close(&s->ready_fd);
}

static void
slot_clear(struct slot *s)
{
	slot_ready_end(s);
	if (s->notify_io != NULL)
		loop_io_free(s->notify_io);
	s->notify_io = NULL;
	fd_close(&s->notify_fd);
	fd_close(&s->cgroup_fd);
	s->answered = s->has_cgroup = false;
	s->unit = NULL;
}

void
slot_use(struct slot *s, struct unit *u)
{
	if (!s->used)
		s->m->slots->used++;
	s->used = true;
	s->unit = u;
}

void
slot_release(struct slot *s)
{
	struct slots *ss = s->m->slots;

	slot_clear(s);
	free(s->closed_unit);
	free(s->closed_ref);
	s->closed_unit = s->closed_ref = NULL;
	if (s->closing)
		ss->closing--;
	s->closing = false;
	if (!s->used)
		return;
	s->used = false;
	ss->used--;
	if (s->number < ss->lowest)
		ss->lowest = s->number;
}

void
slot_closes(struct slot *s)
{
	if (!s->closing)
		s->m->slots->closing++;
	s->closing = true;
}

void
adopt_wait_end(struct unit *u)
{
	struct slot_wait *w = u->ops == NULL ? NULL : u->ops->slot_wait;

	if (w == NULL)
		return;
	TAILQ_REMOVE(&u->manager->slots->waits, w, next);
	free(w);
	u->ops->slot_wait = NULL;
}

bool
adopt_wait_slot(struct manager *m, struct unit *u)
{
	struct slots *ss = m->slots;
	struct slot_wait *w, *tmp;
	size_t n = 0;

	adopt_wait_end(u);
	if (ss == NULL)
		return false;
	/* Who was stopped meanwhile, or came to the end of its time, does not wait. */
	TAILQ_FOREACH_SAFE (w, &ss->waits, next, tmp) {
		if (svc_waits_for_slot(w->unit->svc))
			n++;
		else
			adopt_wait_end(w->unit);
	}
	if (n >= ss->closing)
		return false;
	w = xcalloc(1, sizeof(*w));
	w->unit = u;
	unit_ops(u)->slot_wait = w;
	TAILQ_INSERT_TAIL(&ss->waits, w, next);
	return true;
}

void
slot_tell_waiting(struct manager *m)
{
	struct slots *ss = m->slots;
	struct slot_wait *w;

	while ((w = TAILQ_FIRST(&ss->waits)) != NULL &&
	       (ss->used < ss->n || ss->closing == 0)) {
		struct unit *u = w->unit;

		adopt_wait_end(u);
		svc_on_slot_free(u->svc);
	}
}

uint32_t
adopt_take_slot(struct manager *m, struct unit *u)
{
	/* The lowest free one: what was used once is in memory already. */
	for (uint32_t i = m->slots == NULL ? 0 : m->slots->lowest; i < m->nslots; i++) {
		struct slot *s = slot_of(m, i);

		if (s->used || (i < table_used(m->table) &&
				   table_slot(m->table, i)->state != SLOT_FREE))
			continue;
		slot_use(s, u);
		m->slots->lowest = i + 1;
		return i;
	}
	return SLOT_NONE;
}

void
adopt_close_slot(struct manager *m, uint32_t slot)
{
	struct slot *s = slot_of(m, slot);

	if (s == NULL)
		return;
	slot_clear(s);
	slot_closes(s);
	if (s->closed_unit == NULL && slot < table_used(m->table)) {
		const struct table_slot *t = table_slot(m->table, slot);

		s->closed_unit = xstrndup(t->unit, strnlen(t->unit, sizeof(t->unit)));
		s->closed_ref =
		    xstrndup(t->conf.ref, strnlen(t->conf.ref, sizeof(t->conf.ref)));
		memcpy(s->closed_invocation, t->invocation, sizeof(t->invocation));
	}
	link_slot_close(m->link, slot);
}

struct unit *
adopt_slot_unit(struct manager *m, uint32_t slot)
{
	struct slot *s = slot_of(m, slot);

	return s == NULL ? NULL : s->unit;
}

int
adopt_slot_cgroup(struct manager *m, uint32_t slot)
{
	struct slot *s = slot_of(m, slot);

	return s == NULL ? -1 : s->cgroup_fd;
}

bool
adopt_slot_is_contained(struct manager *m, uint32_t slot)
{
	struct slot *s = slot_of(m, slot);

	if (s == NULL || !s->answered)
		return m->cgroup_fd != -1;
	return s->has_cgroup;
}

size_t
adopt_slots_used(const struct manager *m)
{
	return m->slots == NULL ? 0 : m->slots->used;
}
