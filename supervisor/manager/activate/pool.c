/*
 * pool: a red-black tree in which each node knows how many are below it, and two lists.
 *
 * Turns: each priority has one that runs, that of who was admitted last.  Who comes gets
 * the next turn; one of a group no turn that the group has already.  So of each group
 * there is at most one in a turn, and whatever comes meanwhile comes behind it: nobody
 * waits for more than those that were there before, and one of each other group for each
 * of his own that is before him.
 *
 * Who comes with an older number than others (he was released, a new manager meets them
 * in any order) and who goes before his turn leave a level unsettled: its turns are given
 * anew before the next question, once for all that came and went meanwhile.
 */
#include "manager/activate/pool.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/map.h"
#include "lib/xalloc.h"

/* Up to the root: what a rotation has counted while its links were half made is counted
 * again when they are whole. */
#undef RB_AUGMENT
#define RB_AUGMENT(x) count_up(x)

static void count_up(struct pool_member *x);

RB_HEAD(pool_tree, pool_member);
TAILQ_HEAD(pool_list, pool_member);

/* Of one priority, as long as somebody of it waits. */
struct pool_level {
	int32_t priority;
	size_t n;        /* that wait */
	uint64_t turn;   /* that of who was admitted last */
	size_t n_gaps;   /* turns of groups that nobody has any more */
	uint64_t number; /* the newest that came */
	bool unsettled;
	struct map groups;
	RB_ENTRY(pool_level) node;
	TAILQ_ENTRY(pool_level) next; /* of those that are unsettled */
};
RB_HEAD(pool_levels, pool_level);

struct pool_group {
	char *name;
	size_t n;        /* that wait */
	uint64_t turn;   /* the newest that was given */
	uint64_t served; /* that of who of it was admitted last; 0: nobody */
};

struct pool {
	void *data;
	struct pool_limits limits;
	struct pool_levels levels;
	TAILQ_HEAD(, pool_level) unsettled;
	struct pool_tree waits;
	struct pool_list aside, holds;
	size_t n_aside, n_holds;
	uint64_t taken;
	/* A ring of the newest starts, as many as any limit has asked for, at least one.
	 */
	uint64_t *start;
	size_t n_starts, start_room, start_first;
	uint64_t extra_us; /* over the spacing, of the newest */
};

/* ---- the tree ------------------------------------------------------------------------
 */

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
	if (a->turn != b->turn)
		return a->turn < b->turn ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	/* (Of a damaged memory: both must be somewhere.) */
	return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? -1 : 1;
}

RB_GENERATE_INTERNAL(
    pool_tree, pool_member, node, compare, __attribute__((unused)) static)

static int
compare_levels(const struct pool_level *a, const struct pool_level *b)
{
	return a->priority < b->priority ? -1 : a->priority > b->priority;
}

#undef RB_AUGMENT
#define RB_AUGMENT(x) \
	do {          \
	} while (0)
RB_GENERATE_INTERNAL(
    pool_levels, pool_level, node, compare_levels, __attribute__((unused)) static)

/* ---- turns ---------------------------------------------------------------------------
 */

static struct pool_level *
find_level(struct pool *p, int32_t priority)
{
	struct pool_level key = { .priority = priority };

	return RB_FIND(pool_levels, &p->levels, &key);
}

static struct pool_level *
level_of(struct pool *p, int32_t priority)
{
	struct pool_level *l = find_level(p, priority);

	if (l != NULL)
		return l;
	l = xcalloc(1, sizeof(*l));
	l->priority = priority;
	RB_INSERT(pool_levels, &p->levels, l);
	return l;
}

static struct pool_group *
group_of(struct pool_level *l, const char *name)
{
	struct pool_group *g = map_get(&l->groups, name);

	if (g != NULL)
		return g;
	g = xcalloc(1, sizeof(*g));
	g->name = xstrdup(name);
	map_set(&l->groups, name, g);
	return g;
}

static void
unsettle(struct pool *p, struct pool_level *l)
{
	if (!l->unsettled)
		TAILQ_INSERT_TAIL(&p->unsettled, l, next);
	l->unsettled = true;
}

static void
give_turn(struct pool *p, struct pool_level *l, struct pool_member *x)
{
	struct pool_group *g = x->group;

	x->turn = l->turn + 1;
	if (g != NULL && g->turn >= x->turn)
		x->turn = g->turn + 1;
	if (g != NULL)
		g->turn = x->turn;
	if (x->number < l->number)
		unsettle(p, l);
	else
		l->number = x->number;
}

static void
join(struct pool *p, struct pool_member *x, const char *group)
{
	struct pool_level *l = level_of(p, x->priority);

	x->group = group == NULL ? NULL : group_of(l, group);
	if (x->group != NULL)
		x->group->n++;
	l->n++;
	give_turn(p, l, x);
	x->count = 1;
	RB_INSERT(pool_tree, &p->waits, x);
}

static void
forget_group(struct pool_level *l, struct pool_group *g)
{
	map_del(&l->groups, g->name);
	free(g->name);
	free(g);
}

static void
forget_level(struct pool *p, struct pool_level *l)
{
	if (l->unsettled)
		TAILQ_REMOVE(&p->unsettled, l, next);
	RB_REMOVE(pool_levels, &p->levels, l);
	map_clear(&l->groups, NULL);
	free(l);
}

/* Out of the order; admitted: its turn has come. */
static void
part_from(struct pool *p, struct pool_member *x, bool admitted)
{
	struct pool_level *l = find_level(p, x->priority);
	struct pool_group *g = x->group;

	RB_REMOVE(pool_tree, &p->waits, x);
	x->group = NULL;
	if (admitted)
		l->turn = x->turn;
	if (admitted && g != NULL)
		g->served = x->turn;
	if (g != NULL && --g->n == 0)
		forget_group(l, g);
	else if (g != NULL && !admitted && g->turn == x->turn)
		g->turn--;
	else if (g != NULL && !admitted && ++l->n_gaps > l->n / 2)
		unsettle(p, l); /* (that many: to close all costs each a constant) */
	if (--l->n == 0)
		forget_level(p, l);
}

static int
by_number(const void *a, const void *b)
{
	const struct pool_member *x = *(struct pool_member *const *)a,
				 *y = *(struct pool_member *const *)b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static uint64_t
between(uint64_t turn, uint64_t low, uint64_t high)
{
	return turn < low ? low : turn > high ? high : turn;
}

/* The first turn of each group: the one that it had, unless that was for nobody any more,
 * and none in which it was served. */
static void
find_first_turns(struct pool_level *l, struct pool_member **v, size_t n)
{
	struct pool_group *g;
	size_t it = 0;
	const char *name;
	void *value;

	while (map_next(&l->groups, &it, &name, &value)) {
		g = value;
		g->turn = UINT64_MAX;
	}
	for (size_t i = 0; i < n; i++) {
		g = v[i]->group;
		if (g != NULL && v[i]->turn < g->turn)
			g->turn = v[i]->turn;
	}
	for (it = 0; map_next(&l->groups, &it, &name, &value);) {
		g = value;
		g->turn = between(
		    g->turn, g->served >= l->turn ? l->turn + 1 : l->turn, l->turn + 1);
	}
}

/* By number: in a group one turn after the other, those of none no later than a newer one
 * of none. */
static void
give_turns(struct pool_level *l, struct pool_member **v, size_t n)
{
	uint64_t last = l->turn + 1;

	find_first_turns(l, v, n);
	for (size_t i = 0; i < n; i++)
		if (v[i]->group != NULL)
			v[i]->turn = v[i]->group->turn++;
	for (size_t i = n; i-- > 0;)
		if (v[i]->group == NULL)
			last = v[i]->turn = between(v[i]->turn, l->turn, last);
	for (size_t i = 0; i < n; i++)
		if (v[i]->group != NULL)
			v[i]->group->turn = v[i]->turn;
	l->number = v[n - 1]->number;
	l->n_gaps = 0;
}

static void
settle_level(struct pool *p, struct pool_level *l)
{
	struct pool_member **v = xreallocarray(NULL, l->n, sizeof(struct pool_member *)),
			   key = { .priority = l->priority }, *x;
	size_t n = 0;

	for (x = RB_NFIND(pool_tree, &p->waits, &key);
	     x != NULL && x->priority == l->priority && n < l->n;
	     x = RB_NEXT(pool_tree, &p->waits, x))
		v[n++] = x;
	for (size_t i = 0; i < n; i++)
		RB_REMOVE(pool_tree, &p->waits, v[i]);
	qsort(v, n, sizeof(v[0]), by_number);
	give_turns(l, v, n);
	for (size_t i = 0; i < n; i++) {
		v[i]->count = 1;
		RB_INSERT(pool_tree, &p->waits, v[i]);
	}
	free(v);
}

/* Before anybody asks for the order. */
static void
settle(struct pool *p)
{
	struct pool_level *l;

	while ((l = TAILQ_FIRST(&p->unsettled)) != NULL) {
		TAILQ_REMOVE(&p->unsettled, l, next);
		l->unsettled = false;
		settle_level(p, l);
	}
}

/* ---- life ----------------------------------------------------------------------------
 */

struct pool *
pool_new(const struct pool_limits *l)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	RB_INIT(&p->waits);
	RB_INIT(&p->levels);
	TAILQ_INIT(&p->unsettled);
	TAILQ_INIT(&p->aside);
	TAILQ_INIT(&p->holds);
	pool_set_limits(p, l);
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
	free(p->start);
	free(p);
}

/* It only grows: a limit that comes back counts what was meanwhile. */
static void
set_start_room(struct pool *p, size_t room)
{
	uint64_t *v;

	if (room <= p->start_room)
		return;
	v = xreallocarray(NULL, room, sizeof(v[0]));
	for (size_t i = 0; i < p->n_starts; i++)
		v[i] = pool_start_us(p, i);
	free(p->start);
	p->start = v;
	p->start_room = room;
	p->start_first = 0;
}

void
pool_set_limits(struct pool *p, const struct pool_limits *l)
{
	p->limits = *l;
	if (p->limits.rate > POOL_RATE_MAX)
		p->limits.rate = POOL_RATE_MAX;
	set_start_room(p, p->limits.rate > 0 ? p->limits.rate : 1);
}

const struct pool_limits *
pool_limits(const struct pool *p)
{
	return &p->limits;
}

/* ---- come and go ---------------------------------------------------------------------
 */

static void
leave(struct pool_member *x, bool admitted)
{
	struct pool *p = x->pool;

	switch (x->state) {
	case POOL_OUT:
		return;
	case POOL_WAITS:
		part_from(p, x, admitted);
		break;
	case POOL_ASIDE:
		TAILQ_REMOVE(&p->aside, x, next);
		p->n_aside--;
		break;
	case POOL_HOLDS:
		TAILQ_REMOVE(&p->holds, x, next);
		p->n_holds--;
		p->taken -= x->weight;
		break;
	}
	x->state = POOL_OUT;
	x->pool = NULL;
}

void
pool_leave(struct pool_member *x)
{
	leave(x, false);
}

/* It has that place: to ask again is not to come again. */
static bool
waits_so(
    const struct pool *p, const struct pool_member *x, const struct pool_claim *claim)
{
	return x->state == POOL_WAITS && x->pool == p && x->priority == claim->priority &&
	       x->number == claim->number &&
	       (x->group == NULL ? claim->group == NULL
				 : claim->group != NULL &&
				       strcmp(x->group->name, claim->group) == 0);
}

void
pool_wait(struct pool *p, struct pool_member *x, const struct pool_claim *claim)
{
	if (waits_so(p, x, claim)) {
		x->weight = claim->weight > 0 ? claim->weight : 1;
		return;
	}
	leave(x, false);
	x->pool = p;
	x->state = POOL_WAITS;
	x->priority = claim->priority;
	x->weight = claim->weight > 0 ? claim->weight : 1;
	x->number = claim->number;
	join(p, x, claim->group);
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

static void
hold(struct pool *p, struct pool_member *x, uint32_t weight)
{
	x->pool = p;
	x->state = POOL_HOLDS;
	x->weight = weight > 0 ? weight : 1;
	TAILQ_INSERT_TAIL(&p->holds, x, next);
	p->n_holds++;
	p->taken += x->weight;
}

void
pool_hold(struct pool *p, struct pool_member *x, uint32_t weight)
{
	pool_leave(x);
	hold(p, x, weight);
}

/* ---- starts --------------------------------------------------------------------------
 */

uint64_t
pool_start_us(const struct pool *p, size_t n)
{
	return n < p->n_starts ? p->start[(p->start_first + n) % p->start_room] : 0;
}

void
pool_add_start(struct pool *p, uint64_t us)
{
	if (p->n_starts == p->start_room)
		p->start_first = (p->start_first + 1) % p->start_room;
	else
		p->n_starts++;
	p->start[(p->start_first + p->n_starts - 1) % p->start_room] = us;
}

/* ---- who is next ---------------------------------------------------------------------
 */

static bool
has_room(const struct pool *p, const struct pool_member *x)
{
	uint64_t slots = p->limits.slots;

	return slots > 0 && p->taken + (x->weight < slots ? x->weight : slots) <= slots;
}

/* When it is over; 0: there is none. */
static uint64_t
spacing_end_us(const struct pool *p)
{
	const struct pool_limits *l = &p->limits;
	uint64_t gap_us = clock_add_us(
	    l->spacing_us, p->extra_us < l->jitter_us ? p->extra_us : l->jitter_us);

	return p->n_starts == 0 || gap_us == 0
		   ? 0
		   : clock_add_us(pool_start_us(p, p->n_starts - 1), gap_us);
}

/* When the oldest start that counts counts no more; 0: there may be one more now. */
static uint64_t
rate_end_us(const struct pool *p)
{
	if (p->limits.rate == 0 || p->n_starts < p->limits.rate)
		return 0;
	return clock_add_us(
	    pool_start_us(p, p->n_starts - p->limits.rate), p->limits.rate_us);
}

struct pool_member *
pool_first(struct pool *p)
{
	settle(p);
	return RB_MIN(pool_tree, &p->waits);
}

enum pool_bar
pool_bar(struct pool *p, uint64_t now_us, uint64_t *until_us)
{
	const struct pool_member *x;
	uint64_t spacing = spacing_end_us(p), rate = rate_end_us(p);

	*until_us = UINT64_MAX;
	x = pool_first(p);
	if (x == NULL)
		return POOL_BAR_NOBODY;
	if (!has_room(p, x))
		return POOL_BAR_SLOTS;
	*until_us = spacing > rate ? spacing : rate;
	if (now_us >= *until_us)
		return POOL_BAR_NONE;
	return spacing > rate ? POOL_BAR_SPACING : POOL_BAR_RATE;
}

struct pool_member *
pool_next(struct pool *p, uint64_t now_us)
{
	uint64_t until_us;

	return pool_bar(p, now_us, &until_us) == POOL_BAR_NONE
		   ? RB_MIN(pool_tree, &p->waits)
		   : NULL;
}

void
pool_admit(struct pool_member *x, uint64_t now_us, uint64_t extra_us)
{
	struct pool *p = x->pool;

	leave(x, true);
	hold(p, x, x->weight);
	pool_add_start(p, now_us);
	p->extra_us = extra_us;
}

uint64_t
pool_extra_us(const struct pool *p)
{
	return p->extra_us;
}

void
pool_set_extra_us(struct pool *p, uint64_t us)
{
	p->extra_us = us;
}

/* ---- numbers -------------------------------------------------------------------------
 */

uint64_t
pool_taken(const struct pool *p)
{
	return p->taken;
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
pool_place(struct pool_member *x)
{
	const struct pool_member *at = x;
	size_t before;

	if (x->state != POOL_WAITS)
		return 0;
	settle(x->pool);
	before = count_of(RB_LEFT(x, node));
	for (const struct pool_member *up = RB_PARENT(at, node); up != NULL;
	     at = up, up = RB_PARENT(up, node))
		if (RB_RIGHT(up, node) == at)
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
	if (x == NULL)
		settle(p);
	x = x == NULL ? RB_MIN(pool_tree, &p->waits) : RB_NEXT(pool_tree, &p->waits, x);
	return x != NULL ? x : TAILQ_FIRST(&p->aside);
}
