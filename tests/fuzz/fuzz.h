/*
 * fuzz: what a fuzzer is: a function that any bytes may be given to, and what must hold
 * whatever they are.
 */
#ifndef SUPD_TESTS_FUZZ_FUZZ_H
#define SUPD_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* By libFuzzer or, over files, by standalone.c.  0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An assertion that no build leaves out. */
static inline void
check(bool holds)
{
	if (!holds)
		abort();
}

#endif
