/*
 * random: numbers that a seed repeats, for walks (splitmix64).
 */
#ifndef SUPD_TESTS_SIM_RANDOM_H
#define SUPD_TESTS_SIM_RANDOM_H

#include <sys/random.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* What is drawn by what is simulated: delays that are spread, the order of maps.  The
 * same wherever a walk is the same, and nothing that its own numbers follow from. */
uint32_t
arc4random(void)
{
	uint64_t before = rng;
	uint32_t drawn = (uint32_t)rnd();

	rng = before;
	return drawn;
}

ssize_t
getrandom(void *buf, size_t size, unsigned flags)
{
	(void)flags;
	memset(buf, 1, size);
	return (ssize_t)size;
}

#endif
