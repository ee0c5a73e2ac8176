/*
 * A pool under random load: members come with any priority, are stopped while they wait,
 * are held and released, end, and come again; the limits change; the manager dies, and a
 * new one makes the pool again from what each member remembers.
 *
 *	sim_pool [SEED [WALKS]]
 *
 * What must hold: nobody is admitted beyond the slots or sooner than the spacing and the
 * rate; who is admitted is of the highest priority, and the first of its group; a place
 *is what it says; nobody who waits is lost; and in the end each of them had its turn.
 */
#include "random.h"
#include "walks.h"

#include "lib/clock.h"
#include "manager/activate/pool.h"

enum { DEFAULT_WALKS = 5000, STEPS = 300, MEMBERS = 24, STARTS = 64 };

struct desk {
	struct pool *p;
	struct pool_member v[MEMBERS];
	struct pool_limits limits;
	uint64_t extra_us, now_us, number;
	uint64_t start[STARTS]; /* the newest ones */
	size_t n_starts;
};

/* Some are of none; who is of which stays so. */
static const char *
group_of(const struct desk *d, const struct pool_member *x)
{
	static const char *const groups[] = { NULL, NULL, "a@.service", "b@.service" };

	return groups[(x - d->v) % 4];
}

static void
wait_for(struct desk *d, struct pool_member *x, int32_t priority, uint64_t number)
{
	pool_wait(d->p, x,
	    &(struct pool_claim){ .priority = priority,
		.weight = (uint32_t)(x - d->v) % 5 == 0 ? 3 : 1,
		.number = number,
		.group = group_of(d, x) });
}

/* Nobody of those that wait is of a higher priority, or older and of the same group. */
static void
assert_first(const struct desk *d, const struct pool_member *x)
{
	for (int i = 0; i < MEMBERS; i++) {
		const struct pool_member *y = &d->v[i];

		if (y->state != POOL_WAITS || y == x)
			continue;
		assert_true(y->priority <= x->priority);
		if (y->priority == x->priority && group_of(d, y) == group_of(d, x))
			assert_true(y->number > x->number);
	}
}

static size_t
in_state(const struct desk *d, enum pool_member_state state)
{
	size_t n = 0;

	for (int i = 0; i < MEMBERS; i++)
		n += d->v[i].state == state;
	return n;
}

static uint64_t
taken(const struct desk *d)
{
	uint64_t n = 0;

	for (int i = 0; i < MEMBERS; i++)
		n += d->v[i].state == POOL_HOLDS ? d->v[i].weight : 0;
	return n;
}

/* The limits, by a look at all that was. */
static bool
may_start(const struct desk *d, uint32_t weight)
{
	const struct pool_limits *l = &d->limits;
	uint64_t newest = d->n_starts > 0 ? d->start[(d->n_starts - 1) % STARTS] : 0;
	size_t within = 0;

	for (size_t i = 0; i < d->n_starts && i < STARTS; i++)
		within += d->start[i] + l->rate_us > d->now_us;
	return l->slots > 0 &&
	       (taken(d) + weight <= l->slots || (taken(d) == 0 && weight > l->slots)) &&
	       (newest == 0 ||
		   d->now_us >=
		       newest + l->spacing_us +
			   (d->extra_us < l->jitter_us ? d->extra_us : l->jitter_us)) &&
	       (l->rate == 0 || within < l->rate);
}

static void
admit(struct desk *d)
{
	struct pool_member *x;

	while ((x = pool_next(d->p, d->now_us)) != NULL) {
		assert_first(d, x);
		assert_true(may_start(d, x->weight));
		d->extra_us = below(2) * USEC_PER_SEC;
		pool_admit(x, d->now_us, d->extra_us);
		d->start[d->n_starts++ % STARTS] = d->now_us;
		TELL("  %d is in\n", (int)(x - d->v));
	}
}

static void
check(struct desk *d)
{
	size_t held = in_state(d, POOL_HOLDS), waits = in_state(d, POOL_WAITS), n = 0;
	struct pool_member *first = pool_each_waiting(d->p, NULL);
	uint64_t until_us;
	enum pool_bar bar;

	assert_int_equal(pool_held(d->p), held);
	assert_int_equal(pool_taken(d->p), taken(d));
	assert_int_equal(pool_waiting(d->p), waits + in_state(d, POOL_ASIDE));
	/* Nobody waits for nothing, and nothing wakes up for nobody. */
	bar = pool_bar(d->p, d->now_us, &until_us);
	if (waits > 0)
		assert_false(may_start(d, first->weight));
	if (bar == POOL_BAR_SPACING || bar == POOL_BAR_RATE) {
		uint64_t now_us = d->now_us;

		assert_true(until_us > now_us && until_us != UINT64_MAX);
		d->now_us = until_us;
		assert_true(may_start(d, first->weight));
		d->now_us = until_us - 1;
		assert_false(may_start(d, first->weight));
		d->now_us = now_us;
	} else {
		assert_int_equal(bar, waits > 0 ? POOL_BAR_SLOTS : POOL_BAR_NOBODY);
		assert_int_equal(until_us, UINT64_MAX);
	}
	for (struct pool_member *x = first; x != NULL; x = pool_each_waiting(d->p, x)) {
		n++;
		if (x->state == POOL_WAITS)
			assert_int_equal(pool_place(x), n);
	}
	assert_int_equal(n, pool_waiting(d->p));
}

/* What each remembers is all that there is of the pool; they come in any order. */
static void
another_manager(struct desk *d)
{
	struct pool_member old[MEMBERS];
	unsigned from = below(MEMBERS);

	TELL("the manager dies\n");
	memcpy(old, d->v, sizeof(old));
	for (int i = 0; i < MEMBERS; i++)
		pool_leave(&d->v[i]);
	pool_free(d->p);
	d->p = pool_new(&(struct pool_limits){ .rate = 8 }); /* the most there was */
	pool_set_limits(d->p, &d->limits);
	for (size_t i = d->n_starts > STARTS ? d->n_starts - STARTS : 0; i < d->n_starts;
	     i++)
		pool_add_start(d->p, d->start[i % STARTS]);
	pool_set_extra_us(d->p, d->extra_us);
	for (unsigned k = 0; k < MEMBERS; k++) {
		unsigned i = (from + k * 7) % MEMBERS;

		if (old[i].state == POOL_HOLDS)
			pool_hold(d->p, &d->v[i], old[i].weight);
		else if (old[i].state != POOL_OUT)
			wait_for(d, &d->v[i], old[i].priority, old[i].number);
	}
	for (int i = 0; i < MEMBERS; i++)
		assert_true(
		    (old[i].state == POOL_HOLDS) == (d->v[i].state == POOL_HOLDS) &&
		    (old[i].state == POOL_OUT) == (d->v[i].state == POOL_OUT));
}

static void
move(struct desk *d)
{
	struct pool_member *x = &d->v[below(MEMBERS)];

	switch (below(17)) {
	case 0:
		d->limits.slots = below(6);
		TELL("Slots=%u\n", d->limits.slots);
		pool_set_limits(d->p, &d->limits);
		break;
	case 1:
		d->limits.spacing_us = one_in(2) ? 0 : below(5) * USEC_PER_SEC;
		d->limits.jitter_us = below(3) * USEC_PER_SEC / 2;
		TELL("StartSpacingSec=%u\n",
		    (unsigned)(d->limits.spacing_us / USEC_PER_SEC));
		pool_set_limits(d->p, &d->limits);
		break;
	case 16:
		d->limits.rate = one_in(2) ? 0 : 1 + below(8);
		TELL("RateLimit=%u\n", d->limits.rate);
		pool_set_limits(d->p, &d->limits);
		break;
	case 2:
		another_manager(d);
		break;
	case 3:
		TELL("%d is held\n", (int)(x - d->v));
		if (x->state == POOL_WAITS)
			pool_set_aside(x);
		break;
	case 4:
		TELL("%d is released\n", (int)(x - d->v));
		if (x->state == POOL_ASIDE)
			wait_for(d, x, x->priority, x->number);
		break;
	case 5:
	case 6:
	case 7:
		d->now_us += below(3000) * USEC_PER_MSEC;
		TELL("at %llu ms\n", (unsigned long long)(d->now_us / USEC_PER_MSEC));
		break;
	case 8:
	case 9:
	case 10:
		TELL("%d goes\n", (int)(x - d->v));
		pool_leave(x);
		break;
	default:
		if (x->state != POOL_OUT)
			break;
		TELL("%d comes\n", (int)(x - d->v));
		wait_for(d, x, one_in(3) ? (int32_t)below(3) - 1 : 0, ++d->number);
		break;
	}
}

/* Whoever has a slot ends, one after the other: nobody waits for ever. */
static void
settle(struct desk *d)
{
	unsigned turns = 0;

	d->limits =
	    (struct pool_limits){ .slots = d->limits.slots == 0 ? 1 : d->limits.slots };
	pool_set_limits(d->p, &d->limits);
	for (int i = 0; i < MEMBERS; i++)
		if (d->v[i].state == POOL_ASIDE)
			wait_for(d, &d->v[i], d->v[i].priority, d->v[i].number);
	while (pool_waiting(d->p) > 0) {
		struct pool_member *x = pool_each_held(d->p, NULL);

		assert_true(turns++ < 3 * MEMBERS);
		if (x != NULL)
			pool_leave(x);
		admit(d);
		check(d);
	}
	for (int i = 0; i < MEMBERS; i++)
		pool_leave(&d->v[i]);
}

static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	struct desk d = { .now_us = USEC_PER_HOUR };

	rng = seed;
	d.limits.slots = below(5);
	d.limits.spacing_us = one_in(2) ? 0 : below(4) * USEC_PER_SEC;
	d.limits.rate = one_in(2) ? 0 : 1 + below(8);
	d.limits.rate_us = 10 * USEC_PER_SEC;
	d.p = pool_new(&(struct pool_limits){ .rate = 8 });
	pool_set_limits(d.p, &d.limits);
	for (size_t i = 0; i < n; i++) {
		rng = seed + (steps[i] + 1) * UINT64_C(0x100000001b3);
		move(&d);
		admit(&d);
		check(&d);
	}
	settle(&d);
	pool_free(d.p);
	return true;
}

int
main(int argc, char **argv)
{
	return walks_main(argc, argv, DEFAULT_WALKS, walk, STEPS);
}
