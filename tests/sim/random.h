/*
 * random: numbers that a seed repeats, for walks (splitmix64).
 */
#ifndef SUPD_TESTS_SIM_RANDOM_H
#define SUPD_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* Set it to the seed of a walk. */
static uint64_t rng;

static uint64_t
rnd(void)
{
	uint64_t z = rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned
below(unsigned n)
{
	return (unsigned)(rnd() % n);
}

static inline bool
one_in(unsigned n)
{
	return below(n) == 0;
}

#endif
