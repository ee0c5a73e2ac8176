/*
 * A pool under random load: members come with any priority, are stopped while they wait,
 * are held and released, end, and come again; the limits change; the manager dies, and a
 * new one makes the pool again from what each member remembers.
 *
 *	sim_pool [SEED [WALKS]]
 *
 * What must hold: nobody is admitted beyond the slots or sooner than the spacing; who is
 * admitted is the first by priority and by number; a place is what it says; nobody who
 * waits is lost; and in the end each of them had its turn.
 */
#include "random.h"
#include "walks.h"

#include "lib/clock.h"
#include "manager/activate/pool.h"

enum { DEFAULT_WALKS = 5000, STEPS = 300, MEMBERS = 24 };

struct desk {
	struct pool *p;
	struct pool_member v[MEMBERS];
	uint32_t slots;
	uint64_t spacing_us, now_us, number;
	uint64_t admitted_us; /* the newest; 0: nobody was */
};

static const struct pool_member *
first_of(const struct desk *d)
{
	const struct pool_member *first = NULL;

	for (int i = 0; i < MEMBERS; i++) {
		const struct pool_member *x = &d->v[i];

		if (x->state == POOL_WAITS &&
		    (first == NULL || x->priority > first->priority ||
			(x->priority == first->priority && x->number < first->number)))
			first = x;
	}
	return first;
}

static size_t
in_state(const struct desk *d, enum pool_member_state state)
{
	size_t n = 0;

	for (int i = 0; i < MEMBERS; i++)
		n += d->v[i].state == state;
	return n;
}

/* So many are before it, by a look at each. */
static size_t
rank_of(const struct desk *d, const struct pool_member *x)
{
	size_t n = 1;

	for (int i = 0; i < MEMBERS; i++) {
		const struct pool_member *y = &d->v[i];

		n += y->state == POOL_WAITS &&
		     (y->priority > x->priority ||
			 (y->priority == x->priority && y->number < x->number));
	}
	return n;
}

static void
admit(struct desk *d)
{
	struct pool_member *x;

	while ((x = pool_next(d->p, d->now_us)) != NULL) {
		assert_ptr_equal(x, first_of(d));
		assert_true(in_state(d, POOL_HOLDS) < d->slots);
		assert_true(
		    d->admitted_us == 0 || d->now_us >= d->admitted_us + d->spacing_us);
		pool_admit(x, d->now_us);
		d->admitted_us = d->now_us;
		TELL("  %d is in\n", (int)(x - d->v));
	}
}

static void
check(struct desk *d)
{
	size_t held = in_state(d, POOL_HOLDS), waits = in_state(d, POOL_WAITS), n = 0;
	bool room = held < d->slots && waits > 0;
	bool spaced = d->admitted_us != 0 && d->spacing_us != 0 &&
		      d->now_us < d->admitted_us + d->spacing_us;

	assert_int_equal(pool_held(d->p), held);
	assert_int_equal(pool_waiting(d->p), waits + in_state(d, POOL_ASIDE));
	/* Nobody waits for nothing, and nothing wakes up for nobody. */
	assert_true(!room || spaced);
	if (room)
		assert_int_equal(pool_due_us(d->p), d->admitted_us + d->spacing_us);
	else
		assert_int_equal(pool_due_us(d->p), UINT64_MAX);
	for (int i = 0; i < MEMBERS; i++)
		if (d->v[i].state == POOL_WAITS)
			assert_int_equal(pool_place(&d->v[i]), rank_of(d, &d->v[i]));
	for (struct pool_member *x = NULL; (x = pool_each_waiting(d->p, x)) != NULL;)
		n++;
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
	d->p = pool_new(d->slots, d->spacing_us);
	pool_set_last_us(d->p, d->admitted_us);
	for (unsigned k = 0; k < MEMBERS; k++) {
		unsigned i = (from + k * 7) % MEMBERS;

		if (old[i].state == POOL_HOLDS)
			pool_hold(d->p, &d->v[i]);
		else if (old[i].state != POOL_OUT)
			pool_wait(d->p, &d->v[i], old[i].priority, old[i].number);
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

	switch (below(16)) {
	case 0:
		d->slots = below(6);
		TELL("Slots=%u\n", d->slots);
		pool_set_limits(d->p, d->slots, d->spacing_us);
		break;
	case 1:
		d->spacing_us = one_in(2) ? 0 : below(5) * USEC_PER_SEC;
		TELL("StartSpacingSec=%u\n", (unsigned)(d->spacing_us / USEC_PER_SEC));
		pool_set_limits(d->p, d->slots, d->spacing_us);
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
			pool_wait(d->p, x, x->priority, x->number);
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
		pool_wait(d->p, x, one_in(3) ? (int32_t)below(3) - 1 : 0, ++d->number);
		break;
	}
}

/* Whoever has a slot ends, one after the other: nobody waits for ever. */
static void
settle(struct desk *d)
{
	unsigned turns = 0;

	d->slots = d->slots == 0 ? 1 : d->slots;
	d->spacing_us = 0;
	pool_set_limits(d->p, d->slots, 0);
	for (int i = 0; i < MEMBERS; i++)
		if (d->v[i].state == POOL_ASIDE)
			pool_wait(d->p, &d->v[i], d->v[i].priority, d->v[i].number);
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
	d.slots = below(5);
	d.spacing_us = one_in(2) ? 0 : below(4) * USEC_PER_SEC;
	d.p = pool_new(d.slots, d.spacing_us);
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

static void
random_walks(void **st)
{
	(void)st;
	walks_run(walk, STEPS);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(random_walks) };

	walks_args(argc, argv, DEFAULT_WALKS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
