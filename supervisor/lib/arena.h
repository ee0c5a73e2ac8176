/*
 * arena: memory for many small things that end together: taken piece by piece, freed all
 * at once.
 *
 * A list of a thousand units is some ten thousand JSON values, and to take and free each
 * for itself costs more than to read them.
 */
#ifndef SUPD_LIB_ARENA_H
#define SUPD_LIB_ARENA_H

#include <stddef.h>

struct block;

/* Zeroed: empty. */
struct arena {
	struct block *newest;
};

/* n bytes, not cleared; aborts when there are none.  align is a power of two. */
void *arena_take(struct arena *a, size_t n, size_t align)
    __attribute__((returns_nonnull));
void arena_free(struct arena *a);

#endif
