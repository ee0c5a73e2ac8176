/*
 * Jobs of one pool under random load: real services with Retries=, each in a world of its
 * own, and one real pool between them.  They are asked for, fail as often as is drawn,
 *are stopped, and asked for again; the slots change; the manager dies between any two
 *steps and in the middle of them.
 *
 *	sim_work [SEED [WALKS]]
 *
 * What must hold: no more run than there are slots (those that ran before there were less
 * run on); nobody runs without one; who is admitted is of the highest priority and the
 * first of it; a job has as many runs as it fails, and no more than it may, whoever dies;
 * none is lost, and all of them end.
 */
#include "random.h"
#include "walks.h"
#include "world.h"

#include "manager/activate/pool.h"

enum { DEFAULT_WALKS = 400, STEPS = 150, JOBS = 7 };

struct one {
	struct world *w;
	struct pool_member member;
	unsigned retries;
	int32_t priority;
	bool asked;     /* and it has not ended */
	bool stopped;   /* a person did: it may end with fewer runs */
	unsigned fails; /* of its next runs */
	unsigned runs_before, planned;
};

struct shop {
	struct pool *pool;
	struct pool_limits limits;
	struct one v[JOBS];
	uint64_t number, now_us;
	bool crashed;
};

/* What is done with a world is done at its time, and with numbers that no other has. */
static struct world *
enter(struct shop *d, struct one *x)
{
	x->w->pool_number = d->number;
	x->w->now_us = d->now_us;
	clock_set_source(w_clock, x->w);
	return x->w;
}

static void
wait_for(struct shop *d, struct one *x)
{
	pool_wait(d->pool, &x->member,
	    &(struct pool_claim){ .priority = x->priority,
		.weight = 1,
		.number = svc_memory(x->w->s)->pool_number });
}

static unsigned
running(const struct shop *d)
{
	unsigned n = 0;

	for (int i = 0; i < JOBS; i++)
		n += w_lives(d->v[i].w, PROC_MAIN);
	return n;
}

/* The pool hears of what the service has done. */
static void
leave(struct shop *d, struct one *x)
{
	const struct world *w = x->w;

	if (w->pool_number > d->number)
		d->number = w->pool_number;
	d->crashed |= w->dead;
	if (w->dead)
		return;
	if (w->pool == W_POOL_OUT)
		pool_leave(&x->member);
	else if (w->pool == W_POOL_WAITS &&
		 (x->member.state != POOL_WAITS ||
		     x->member.number != svc_memory(w->s)->pool_number)) {
		pool_leave(&x->member);
		wait_for(d, x);
	}
	assert_true((w->pool == W_POOL_HOLDS) == (x->member.state == POOL_HOLDS));
	assert_true(!w_lives(w, PROC_MAIN) || w->pool == W_POOL_HOLDS);
}

static void
assert_first(const struct shop *d, const struct one *x)
{
	for (int i = 0; i < JOBS; i++) {
		const struct one *y = &d->v[i];

		if (y == x || y->member.state != POOL_WAITS)
			continue;
		assert_true(y->priority <= x->priority);
		if (y->priority == x->priority)
			assert_true(y->member.number > x->member.number);
	}
}

static void
another_manager(struct shop *d)
{
	TELL("the manager dies\n");
	for (int i = 0; i < JOBS; i++)
		pool_leave(&d->v[i].member);
	pool_free(d->pool);
	d->pool = pool_new(&d->limits);
	d->crashed = false;
	for (int i = 0; i < JOBS; i++) {
		struct one *x = &d->v[i];
		struct world *w = enter(d, x);

		w_revive(w);
		w_run(w);
		if (w->pool == W_POOL_HOLDS)
			pool_hold(d->pool, &x->member, 1);
		leave(d, x);
	}
}

static void
admit(struct shop *d)
{
	struct pool_member *m;

	while (!d->crashed && (m = pool_next(d->pool, d->now_us)) != NULL) {
		struct one *x = m->data;

		assert_first(d, x);
		pool_admit(m, d->now_us, 0);
		assert_true(pool_taken(d->pool) <= d->limits.slots);
		TELL("  %d is in\n", (int)(x - d->v));
		w_admit(enter(d, x));
		w_run(x->w);
		leave(d, x);
	}
	if (d->crashed) {
		another_manager(d);
		admit(d);
	}
}

/* A job that has ended had its runs. */
static void
account(struct one *x)
{
	enum svc_state state = svc_state(x->w->s);
	unsigned runs = x->w->spawns[PROC_MAIN] - x->runs_before;
	bool ended = state == SVC_DEAD || state == SVC_FAILED;

	if (!x->asked)
		return;
	assert_true(runs <= x->retries + 1);
	if (!ended)
		return;
	x->asked = false;
	TELL("  ended after %u runs\n", runs);
	if (x->stopped)
		return;
	assert_true(runs == (x->planned < x->retries ? x->planned : x->retries) + 1);
	assert_true((state == SVC_FAILED) == (x->planned > x->retries));
}

static void
end_run(struct shop *d, struct one *x)
{
	struct world *w = enter(d, x);
	bool fails = x->fails > 0;

	if (!w_lives(w, PROC_MAIN))
		return;
	TELL("%d %s\n", (int)(x - d->v), fails ? "fails" : "is done");
	x->fails -= fails;
	w_main_ends(w, EXIT_EXITED, fails);
	leave(d, x);
}

static void
advance(struct shop *d, uint64_t us)
{
	uint64_t until_us = d->now_us + us;

	/* Second by second: who is due first comes first. */
	while (d->now_us < until_us) {
		uint64_t step = until_us - d->now_us < SEC ? until_us - d->now_us : SEC;

		for (int i = 0; i < JOBS; i++) {
			w_advance(enter(d, &d->v[i]), step);
			leave(d, &d->v[i]);
		}
		d->now_us += step;
		admit(d);
	}
}

static void
move(struct shop *d)
{
	struct one *x = &d->v[below(JOBS)];
	int i = (int)(x - d->v);

	switch (below(14)) {
	case 0:
		d->limits.slots = below(4);
		TELL("Slots=%u\n", d->limits.slots);
		pool_set_limits(d->pool, &d->limits);
		break;
	case 1:
		another_manager(d);
		break;
	case 2:
		if (!x->asked)
			break;
		TELL("%d is stopped\n", i);
		x->stopped = true;
		w_down(enter(d, x));
		w_run(x->w);
		leave(d, x);
		break;
	case 3:
		TELL("%d: dies soon\n", i);
		w_crash_at(x->w, 1 + below(5));
		break;
	case 4:
	case 5:
		TELL("time goes on\n");
		advance(d, below(8000) * USEC_PER_MSEC);
		break;
	case 6:
	case 7:
	case 8:
	case 9:
		end_run(d, x);
		break;
	default:
		if (x->asked)
			break;
		x->asked = true;
		x->stopped = false;
		x->planned = x->fails = one_in(2) ? 0 : below(4);
		x->runs_before = x->w->spawns[PROC_MAIN];
		TELL("%d is asked for, fails %u times\n", i, x->planned);
		w_up(enter(d, x));
		w_run(x->w);
		leave(d, x);
		/* Who asked is gone with the manager, before it was written down. */
		if (x->w->dead && x->w->spawns[PROC_MAIN] == x->runs_before)
			x->stopped = true;
		break;
	}
}

static void
check(struct shop *d)
{
	if (d->crashed)
		another_manager(d);
	admit(d);
	assert_true(running(d) <= pool_taken(d->pool));
	for (int i = 0; i < JOBS; i++)
		account(&d->v[i]);
}

/* With slots, and nobody who asks, all come to their end. */
static void
settle(struct shop *d)
{
	unsigned turns = 0, left;

	TELL("nobody asks any more\n");
	d->limits.slots = d->limits.slots == 0 ? 1 : d->limits.slots;
	pool_set_limits(d->pool, &d->limits);
	do {
		assert_true(turns++ < JOBS * 8);
		check(d);
		for (int i = 0; i < JOBS; i++)
			end_run(d, &d->v[i]);
		check(d);
		advance(d, 2 * SEC);
		check(d);
		left = 0;
		for (int i = 0; i < JOBS; i++)
			left += d->v[i].asked;
	} while (left > 0);
	assert_int_equal(pool_waiting(d->pool) + pool_held(d->pool), 0);
}

static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	static struct shop d;

	memset(&d, 0, sizeof(d));
	rng = seed;
	d.limits.slots = 1 + below(3);
	d.now_us = 1000 * SEC;
	d.pool = pool_new(&d.limits);
	for (int i = 0; i < JOBS; i++) {
		struct one *x = &d.v[i];
		char text[160];

		x->retries = below(3);
		x->priority = i == 0 ? 1 : 0;
		x->member.data = x;
		snprintf(text, sizeof(text),
		    "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nPool=llm\n"
		    "RestartSec=%u\nRetries=%u\nExecStart=/bin/main\n",
		    1 + below(5), x->retries);
		x->w = w_new(text);
		x->w->pool_full = x->w->quiet = true;
		x->w->now_us = d.now_us;
	}
	for (size_t i = 0; i < n; i++) {
		rng = seed + (steps[i] + 1) * UINT64_C(0x100000001b3);
		move(&d);
		check(&d);
	}
	for (int i = 0; i < JOBS; i++)
		d.v[i].w->crash_at = 0;
	settle(&d);
	for (int i = 0; i < JOBS; i++)
		w_free(d.v[i].w);
	pool_free(d.pool);
	return true;
}

int
main(int argc, char **argv)
{
	return walks_main(argc, argv, DEFAULT_WALKS, walk, STEPS);
}
