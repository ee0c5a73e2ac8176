/*
 * The event ring: a file on tmpfs, mapped by the manager (writes lines) and the logger
 * (appends them to the event journal).  One producer, one consumer; it outlives both, so
 * no event is lost with the death of either.  The manager never waits for it: a full ring
 * drops the line and counts it.  Offsets only grow; position = offset % size.
 */
#ifndef SUPD_PROTO_RING_H
#define SUPD_PROTO_RING_H

#include <stdatomic.h>
#include <stdint.h>

#include "proto/version.h"

enum {
	RING_MAGIC = 0x52445553, /* "SUDR" */
	RING_LINE_MAX = 8192,    /* an event line with its newline */
	RING_WISH = 1,           /* record flag: a person's wish, to be made durable */
	RING_PAD = 2,            /* record flag: skip to the start of the ring */
	RING_TRIM_BYTES = 65536, /* what a ring without records may hold on to */
};

struct ring_record {
	uint32_t len; /* bytes of text after this head */
	uint32_t flags;
	uint64_t seq;
	char text[]; /* one JSON line with its newline; padded to 8 */
};

struct ring {
	uint32_t magic;
	uint32_t version;
	uint64_t size;                /* bytes of data */
	_Atomic uint64_t head;        /* producer: end of what is written */
	_Atomic uint64_t tail;        /* consumer: end of what is in the journal */
	_Atomic uint64_t seq_written; /* seq of the newest record */
	_Atomic uint64_t seq_stored;  /* seq of the newest record in the journal */
	_Atomic uint64_t wish_stored; /* seq of the newest durable wish */
	_Atomic uint64_t dropped;     /* records that found no room */
	/* The consumer's intent for the batch in flight (the logger's phases, DESIGN 5).
	 */
	uint64_t intent_phase;
	uint64_t intent_tail; /* tail after the batch */
	uint64_t intent_seq;
	uint64_t intent_dev, intent_ino;
	uint64_t intent_before, intent_after;
	uint64_t intent_sum; /* checksum of the batch's bytes */
	char intent_day[12];
	uint32_t readable_by; /* the oldest build that can use it */
	char data[];
};

/* Make head of a new ring in size_bytes of zeroed shared memory. */
void ring_init(struct ring *r, uint64_t total_bytes);
/* True when the mapped file of total_bytes holds a ring that this build can use. */
int ring_valid(const struct ring *r, uint64_t total_bytes);
/* This build writes it from now on. */
void ring_sign(struct ring *r);
/* Append one line (with newline).  0, or -1: no room, counted. */
int ring_put(
    struct ring *r, uint64_t seq, uint32_t flags, const char *line, uint32_t len);
/* The record at offset *at, or NULL when *at reached the head or the ring is damaged;
 * moves *at behind it. */
const struct ring_record *ring_next(const struct ring *r, uint64_t *at);
/*
 * Give the memory of records that are in the journal back to the system.  Only the
 * producer may: what is free is its own.  Does something when nothing is left to consume
 * and RING_TRIM_BYTES were written since *trimmed (the offset where it did so last, 0 at
 * first), so that a quiet ring costs little memory however big it may grow.
 */
void ring_trim(struct ring *r, uint64_t *trimmed);
/*
 * See that the next record finds memory: fd is the ring's file, *room the offset up to
 * which it was seen to, 0 at first and after each trim.  -1 with ENOSPC: the tmpfs is
 * full, and writing would be a SIGBUS.
 */
int ring_make_room(struct ring *r, int fd, uint64_t *room);

#endif
