/*
 * cast: the recording of a session on its way to the disk.  run/term/SLOT.cast is a file
 * on the tmpfs: a ring (ring.h) into which the terminal puts lines of an asciicast, and
 * from which the logger appends them to a file, the only role that may wait for a disk.
 * Behind the ring stands struct cast, what each of them must know when it comes back.
 * Whoever of both is killed: the other goes on, and nothing is lost or doubled.
 *
 * The seq of a record is how many bytes of the program it and those before it account
 * for, so that a new terminal knows where to go on.
 */
#ifndef SUPD_PROTO_CAST_H
#define SUPD_PROTO_CAST_H

#include <stdio.h>

#include "proto/msg.h"
#include "proto/ring.h"

enum {
	CAST_MAGIC = 0x43445553, /* "SUDC" */
	CAST_VERSION = 1,
	CAST_RING_BYTES = 1024 * 1024,
	CAST_TAIL_BYTES = 4096,
	CAST_FILE_BYTES = CAST_RING_BYTES + CAST_TAIL_BYTES,
	CAST_DAY_BYTES = 8,

	/* Record flag: a new file begins.  The text is its day, YYYYMMDD, and its first
	 * line. */
	CAST_NEW_FILE = 4,
};

struct cast {
	uint32_t magic, version;
	uint8_t invocation[16];

	/* The terminal's. */
	uint64_t begun_us;       /* monotonic: time 0 of the newest file */
	uint64_t bytes;          /* of all lines */
	uint64_t dropped;        /* bytes of the program that found no room */
	uint32_t missed;         /* some did, and the whole screen is owed since */
	uint32_t beginning;      /* a new file may be half begun */
	uint32_t full;           /* its bound is reached: nothing follows */
	uint16_t rows, cols;     /* as the file knows them */
	char day[PROTO_DAY_MAX]; /* of the newest file; empty: there is none yet */
	/* Where each half of the keep begins: bytes of the program before it, and those
	 * of them that were the beginning of a character. */
	struct {
		uint64_t base;
		uint32_t carry_len;
		char carry[4];
	} half[2];

	/* The logger's; of the intents of the ring those of the batch. */
	uint32_t renew; /* the file is lost: the terminal begins a new one */
	uint32_t alt;   /* of its name, see layout_cast_file */
	char file_day[PROTO_DAY_MAX]; /* empty: there is none */
	uint32_t told_full;
	uint64_t dev, ino, size; /* as we left it */
	uint64_t told_dropped;
};
static_assert(sizeof(struct cast) <= CAST_TAIL_BYTES, "cast");

static inline void
cast_path(char path[32], uint32_t slot)
{
	snprintf(path, 32, "term/%u.cast", slot);
}
static inline struct ring *
cast_ring(void *map)
{
	return map;
}
static inline struct cast *
cast_tail(void *map)
{
	return (struct cast *)(void *)((char *)map + CAST_RING_BYTES);
}
/* Whether a mapped file of CAST_FILE_BYTES is that of the invocation. */
static inline int
cast_is_of(void *map, const uint8_t invocation[16])
{
	const struct cast *c = cast_tail(map);
	int same = 1;

	for (int i = 0; i < 16; i++)
		same &= c->invocation[i] == invocation[i];
	return same && c->magic == CAST_MAGIC && c->version == CAST_VERSION &&
	       ring_valid(cast_ring(map), CAST_RING_BYTES);
}

#endif
