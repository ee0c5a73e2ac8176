/*
 * pool: a red-black tree in which each node knows how many are below it, and two lists.
 */
#include "manager/activate/pool.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/xalloc.h"

/* Up to the root: what a rotation has counted while its links were half made is counted
 * again when they are whole. */
#undef RB_AUGMENT
#define RB_AUGMENT(x) count_up(x)

static void count_up(struct pool_member *x);

RB_HEAD(pool_tree, pool_member);
TAILQ_HEAD(pool_list, pool_member);

struct pool {
	void *data;
	uint32_t slots;
	uint64_t spacing_us;
	uint64_t last_us;
	struct pool_tree waits;
	struct pool_list aside, holds;
	size_t n_aside, n_holds;
};

static size_t
count_of(const struct pool_member *x)
{
	return x == NULL ? 0 : x->count;
}

static void
count_up(struct pool_member *x)
{
	for (; x != NULL; x = RB_PARENT(x, node))
		x->count = 1 + count_of(RB_LEFT(x, node)) + count_of(RB_RIGHT(x, node));
}

static int
compare(const struct pool_member *a, const struct pool_member *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	/* (Of a damaged memory: both must be somewhere.) */
	return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? -1 : 1;
}

RB_GENERATE_INTERNAL(
    pool_tree, pool_member, node, compare, __attribute__((unused)) static)

struct pool *
pool_new(uint32_t slots, uint64_t spacing_us)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	p->slots = slots;
	p->spacing_us = spacing_us;
	RB_INIT(&p->waits);
	TAILQ_INIT(&p->aside);
	TAILQ_INIT(&p->holds);
	return p;
}

void
pool_set_data(struct pool *p, void *data)
{
	p->data = data;
}

void *
pool_data(const struct pool *p)
{
	return p->data;
}

void
pool_free(struct pool *p)
{
	free(p);
}

void
pool_set_limits(struct pool *p, uint32_t slots, uint64_t spacing_us)
{
	p->slots = slots;
	p->spacing_us = spacing_us;
}

void
pool_leave(struct pool_member *x)
{
	struct pool *p = x->pool;

	switch (x->state) {
	case POOL_OUT:
		return;
	case POOL_WAITS:
		RB_REMOVE(pool_tree, &p->waits, x);
		break;
	case POOL_ASIDE:
		TAILQ_REMOVE(&p->aside, x, next);
		p->n_aside--;
		break;
	case POOL_HOLDS:
		TAILQ_REMOVE(&p->holds, x, next);
		p->n_holds--;
		break;
	}
	x->state = POOL_OUT;
	x->pool = NULL;
}

void
pool_wait(struct pool *p, struct pool_member *x, int32_t priority, uint64_t number)
{
	pool_leave(x);
	x->pool = p;
	x->state = POOL_WAITS;
	x->priority = priority;
	x->number = number;
	x->count = 1;
	RB_INSERT(pool_tree, &p->waits, x);
}

void
pool_set_aside(struct pool_member *x)
{
	struct pool *p = x->pool;

	if (x->state != POOL_WAITS)
		return;
	pool_leave(x);
	x->pool = p;
	x->state = POOL_ASIDE;
	TAILQ_INSERT_TAIL(&p->aside, x, next);
	p->n_aside++;
}

void
pool_hold(struct pool *p, struct pool_member *x)
{
	pool_leave(x);
	x->pool = p;
	x->state = POOL_HOLDS;
	TAILQ_INSERT_TAIL(&p->holds, x, next);
	p->n_holds++;
}

static bool
has_room(const struct pool *p)
{
	return p->n_holds < p->slots && !RB_EMPTY(&p->waits);
}

/* When the spacing is over; 0: it is. */
static uint64_t
spaced_us(const struct pool *p)
{
	return p->last_us == 0 || p->spacing_us == 0
		   ? 0
		   : clock_add_us(p->last_us, p->spacing_us);
}

struct pool_member *
pool_next(struct pool *p, uint64_t now_us)
{
	if (!has_room(p) || now_us < spaced_us(p))
		return NULL;
	return RB_MIN(pool_tree, &p->waits);
}

void
pool_admit(struct pool_member *x, uint64_t now_us)
{
	struct pool *p = x->pool;

	pool_hold(p, x);
	p->last_us = now_us;
}

uint64_t
pool_due_us(const struct pool *p)
{
	return has_room(p) && spaced_us(p) != 0 ? spaced_us(p) : UINT64_MAX;
}

uint64_t
pool_last_us(const struct pool *p)
{
	return p->last_us;
}

void
pool_set_last_us(struct pool *p, uint64_t us)
{
	p->last_us = us;
}

uint32_t
pool_slots(const struct pool *p)
{
	return p->slots;
}

uint64_t
pool_spacing_us(const struct pool *p)
{
	return p->spacing_us;
}

size_t
pool_held(const struct pool *p)
{
	return p->n_holds;
}

size_t
pool_waiting(const struct pool *p)
{
	return count_of(RB_ROOT(&p->waits)) + p->n_aside;
}

size_t
pool_place(const struct pool_member *x)
{
	size_t before;

	if (x->state != POOL_WAITS)
		return 0;
	before = count_of(RB_LEFT(x, node));
	for (const struct pool_member *up = RB_PARENT(x, node); up != NULL;
	     x = up, up = RB_PARENT(up, node))
		if (RB_RIGHT(up, node) == x)
			before += count_of(RB_LEFT(up, node)) + 1;
	return before + 1;
}

struct pool_member *
pool_each_held(const struct pool *p, const struct pool_member *x)
{
	return x == NULL ? TAILQ_FIRST(&p->holds) : TAILQ_NEXT(x, next);
}

struct pool_member *
pool_each_waiting(struct pool *p, struct pool_member *x)
{
	if (x != NULL && x->state == POOL_ASIDE)
		return TAILQ_NEXT(x, next);
	x = x == NULL ? RB_MIN(pool_tree, &p->waits) : RB_NEXT(pool_tree, &p->waits, x);
	return x != NULL ? x : TAILQ_FIRST(&p->aside);
}
