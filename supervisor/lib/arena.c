#include "lib/arena.h"

#include <stdbool.h>
#include <stdlib.h>

#include "lib/xalloc.h"

struct block {
	struct block *older;
	size_t used, size; /* of bytes */
	_Alignas(max_align_t) char bytes[];
};

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BY_ONE true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BY_ONE true
#endif
#endif
#ifndef ONE_BY_ONE
#define ONE_BY_ONE false
#endif

enum {
	/* A block for each piece where somebody watches over the ends of blocks. */
	BLOCK_FIRST = ONE_BY_ONE ? 1 : 512,
	BLOCK_MAX = ONE_BY_ONE ? 1 : 64 * 1024,
};

void *
arena_take(struct arena *a, size_t n, size_t align)
{
	struct block *b = a->newest;
	size_t at = b != NULL ? (b->used + align - 1) & ~(align - 1) : 0;
	size_t size;

	if (b == NULL || at > b->size || n > b->size - at) {
		size = b == NULL ? BLOCK_FIRST : b->size * 2;
		if (size > BLOCK_MAX)
			size = BLOCK_MAX;
		if (size < n)
			size = n;
		/* No overflow: n is of what is in memory already. */
		b = xmalloc(sizeof(*b) + size);
		b->older = a->newest;
		b->used = 0;
		b->size = size;
		a->newest = b;
		at = 0;
	}
	b->used = at + n;
	return b->bytes + at;
}

void
arena_free(struct arena *a)
{
	struct block *b, *older;

	for (b = a->newest; b != NULL; b = older) {
		older = b->older;
		free(b);
	}
	a->newest = NULL;
}
