/*
 * walks: many random walks of a simulation, and of one that fails its fewest steps.
 *
 *	sim_NAME [SEED [WALKS]]
 *
 * (or by the environment: tests/seed.h)
 *
 * A walk is made from its seed and from the numbers of its steps, and from nothing else.
 * The seed of one that fails is in its message, below the fewest of its steps that still
 * fail; give it back, with 1, to see it again.
 */
#ifndef SUPD_TESTS_SIM_WALKS_H
#define SUPD_TESTS_SIM_WALKS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../seed.h"
#include "shrink.h"

/* What main was asked for; walks_args sets them. */
static uint64_t base_seed;
static unsigned walks;

static bool tell; /* a walk says each of its steps */

/* Only where what a walk does is shown. */
#define TELL(...)                                   \
	do {                                        \
		if (tell)                           \
			print_message(__VA_ARGS__); \
	} while (0)

/* The walk of a seed, over these of its steps: false, or no return, when it goes wrong.
 */
typedef bool walk_fn(uint64_t seed, const uint32_t *steps, size_t n);

/* Walks of n seeds from the first on, in one process: a fork costs more than a walk. */
struct walks_batch {
	walk_fn *walk;
	uint64_t seed;
	unsigned n;
	uint32_t *steps; /* 0, 1, 2 ...: all of a walk; owned */
	size_t n_steps;
};

/* Reads [SEED [WALKS]]: so many, unless it is told. */
static void
walks_args(int argc, char **argv, unsigned otherwise)
{
	base_seed = seed_of(argc > 1 ? argv[1] : NULL);
	walks = (unsigned)(argc > 2 ? seed_number("WALKS", argv[2])
				    : seed_count("WALKS", otherwise));
}

static bool
walks_try(const uint32_t *steps, size_t n, void *arg)
{
	const struct walks_batch *b = arg;

	for (unsigned i = 0; i < b->n; i++)
		if (!b->walk(b->seed + i, steps, n))
			return false;
	return true;
}

/* One of a batch goes wrong: the first, made short and shown. */
static void
walks_fail(struct walks_batch *b)
{
	size_t n;

	for (b->n = 1; !shrink_goes_wrong(walks_try, b->steps, b->n_steps, b, true);
	     b->seed++)
		;
	n = shrink(walks_try, b->steps, b->n_steps, b);
	tell = true;
	(void)shrink_goes_wrong(walks_try, b->steps, n, b, false);
	tell = false;
	free(b->steps); /* a test that fails does not come back */
	fail_msg("a walk fails: seed %llu, %zu of its %zu steps, shown above",
	    (unsigned long long)b->seed, n, b->n_steps);
}

/* All that were asked for, of so many steps each; fails the test that calls it. */
static __attribute__((unused)) void
walks_run(walk_fn *walk, size_t n_steps)
{
	enum { BATCH = 1000 };
	struct walks_batch b = { .walk = walk, .n_steps = n_steps };

	print_message("%u walks of %zu steps from seed %llu\n", walks, n_steps,
	    (unsigned long long)base_seed);
	b.steps = calloc(n_steps, sizeof(*b.steps));
	assert_non_null(b.steps);
	for (uint32_t i = 0; i < n_steps; i++)
		b.steps[i] = i;
	for (unsigned at = 0; at < walks; at += b.n) {
		b.seed = base_seed + at;
		b.n = walks - at < BATCH ? walks - at : BATCH;
		if (shrink_goes_wrong(walks_try, b.steps, n_steps, &b, true))
			walks_fail(&b);
	}
	free(b.steps);
}

/* The walk and its steps of a simulation that is nothing else (walks_main). */
static walk_fn *walks_walk;
static size_t walks_steps;

static void
random_walks(void **st)
{
	(void)st;
	walks_run(walks_walk, walks_steps);
}

/* All of main, where these walks are the only test: so many, unless it is told. */
static __attribute__((unused)) int
walks_main(int argc, char **argv, unsigned otherwise, walk_fn *walk, size_t n_steps)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(random_walks) };

	walks_walk = walk;
	walks_steps = n_steps;
	walks_args(argc, argv, otherwise);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
