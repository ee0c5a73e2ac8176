/*
 * timer_queue: see the header.
 */
#include "manager/activate/timer_queue.h"

#include <stddef.h>

#include "lib/clock.h"

static int
compare(const struct timer_entry *a, const struct timer_entry *b)
{
	if (a->wake_us != b->wake_us)
		return a->wake_us < b->wake_us ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

RB_GENERATE_INTERNAL(
    timer_tree, timer_entry, node, compare, static __attribute__((unused)))

void
timer_queue_init(struct timer_queue *q, uint64_t offset_us)
{
	RB_INIT(&q->tree);
	q->offset_us = offset_us % USEC_PER_MINUTE;
	q->order = 0;
}

uint64_t
timer_queue_moment(const struct timer_queue *q, uint64_t from_us, uint64_t until_us)
{
	static const uint64_t grids[] = { USEC_PER_MINUTE, 10 * USEC_PER_SEC,
		USEC_PER_SEC, USEC_PER_SEC / 4 };

	/* The coarsest that has a moment in between. */
	for (size_t i = 0; i < sizeof(grids) / sizeof(grids[0]); i++) {
		uint64_t offset = q->offset_us % grids[i];
		uint64_t at = until_us / grids[i] * grids[i] + offset;

		if (at > until_us)
			at = at >= grids[i] ? at - grids[i] : 0;
		if (at >= from_us)
			return at;
	}
	return until_us;
}

void
timer_queue_set(
    struct timer_queue *q, struct timer_entry *e, uint64_t from_us, uint64_t until_us)
{
	if (e->queued)
		RB_REMOVE(timer_tree, &q->tree, e);
	e->queued = from_us != USEC_INFINITY;
	if (!e->queued)
		return;
	e->wake_us = timer_queue_moment(q, from_us, until_us);
	e->order = ++q->order;
	RB_INSERT(timer_tree, &q->tree, e);
}

/* The functions that RB_GENERATE makes take no const. */
static struct timer_entry *
first(const struct timer_queue *q)
{
	struct timer_entry *e = q->tree.rbh_root;

	while (e != NULL && RB_LEFT(e, node) != NULL)
		e = RB_LEFT(e, node);
	return e;
}

uint64_t
timer_queue_next(const struct timer_queue *q)
{
	const struct timer_entry *e = first(q);

	return e == NULL ? USEC_INFINITY : e->wake_us;
}

struct timer_entry *
timer_queue_take(struct timer_queue *q, uint64_t now_us)
{
	struct timer_entry *e = first(q);

	if (e == NULL || e->wake_us > now_us)
		return NULL;
	RB_REMOVE(timer_tree, &q->tree, e);
	e->queued = false;
	return e;
}
