/*
 * pack_walk: one list of everything that a conf owns, walked three times: to measure, to
 * copy, to free.  A field that is missing here would be lost by the copy, and is found by
 * the tests that show a packed conf, under the leak checker.
 */
#ifndef SUPD_UNIT_PACK_WALK_H
#define SUPD_UNIT_PACK_WALK_H

#include <stddef.h>
#include <stdint.h>

/* The parts of struct unit_parts. */
enum part {
	PART_UNIT,
	PART_RULES,
	PART_SERVICE,
	PART_SESSION,
	PART_TRIGGER,
};

/* Where in a block its pointers are.  v is malloc'd. */
struct offsets {
	uint32_t *v;
	size_t n, cap;
};

/* How many bytes the part FROM takes as one block. */
size_t part_measure(enum part, void *from);
/* Into a block of as many bytes as were measured; POINTERS may be NULL. */
void part_copy(enum part, const void *from, void *block, struct offsets *pointers);
/* Frees what the part FROM leads to, not the part. */
void part_free_pieces(enum part, void *from);

#endif
