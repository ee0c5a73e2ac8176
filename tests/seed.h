/*
 * seed: the cases of a test that draws them.
 *
 * They are the same in each run, unless $SEED says otherwise: a number repeats those of
 * that number, `new' draws one.  The number is told before anything is drawn, so that it
 * is known whatever happens then.  tests/e2e/lib.sh has the same for scripts.
 */
#ifndef SUPD_TESTS_SEED_H
#define SUPD_TESTS_SEED_H

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SEED_ALWAYS = 1 };

/* A number that is written; anything else ends the test: it would try other cases than
 * those that were asked for. */
static inline uint64_t
seed_number(const char *name, const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0') {
		printf("Bail out! %s is no number: %s\n", name, text);
		exit(2);
	}
	return n;
}

/* TEXT, or without it the environment, says which. */
static inline uint64_t
seed_of(const char *text)
{
	uint64_t seed = SEED_ALWAYS;

	if (text == NULL)
		text = getenv("SEED");
	if (text != NULL && strcmp(text, "new") == 0) {
		uint32_t drawn;

		/* (Simulations have an arc4random of their own.) */
		if (getentropy(&drawn, sizeof(drawn)) == -1)
			abort();
		seed = drawn;
	} else if (text != NULL) {
		seed = seed_number("SEED", text);
	}
	printf("# SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	return seed;
}

/* How many, by a variable of the environment. */
static inline uint64_t
seed_count(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text != NULL ? seed_number(variable, text) : otherwise;
}

#endif
