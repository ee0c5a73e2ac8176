/*
 * staging: exactly once.  A batch is lines of one stream on their way from its pipe into
 * its file; the table's intent says how far it came, so that the next logger finishes it
 * or does it again, whatever instruction this one died at:
 *
 *	phase 0   nothing is in flight; the bytes are in the pipe
 *	phase 1   the intent is whole; the file is as before, or longer, up to `after';
 *	          when it is, the bytes are on their way from the pipe into staging
 *	phase 2   they are all in staging: flip the carry, empty staging
 */
#ifndef SUPD_LOGGER_STAGING_H
#define SUPD_LOGGER_STAGING_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct logger;
struct logslot;
struct stream;

struct batch {
	const char *data; /* carry, then what tee read; n bytes of it are in the pipe */
	size_t carry;     /* bytes of data that are not in the pipe */
	size_t n;         /* bytes to take from the pipe */
	const char *tail; /* the new carry, in data */
	size_t tail_len;
	const char *out; /* stamped lines; out_len 0: nothing to write */
	size_t out_len;
	uint64_t size;                         /* of the file before */
	uint64_t lines;                        /* finished lines in it */
	uint64_t dropped_lines, dropped_bytes; /* the stream's counters afterwards */
};

/* Copies at most max bytes of what the pipe holds, without taking them.  0: nothing, an
 * edge tells when there is more; -1: an error, after which no edge may come. */
ssize_t staging_peek(struct logger *lg, int fd, char *to, size_t max);
/* All of it.  -1 with errno: the file is as before, the bytes are still in the pipe. */
int staging_commit(struct logger *lg, struct stream *s, const struct batch *b);
/* Finish or undo what the last logger left.  Call once all streams are open. */
void staging_recover(struct logger *lg);
/* The checksum of the intent: length and both ends, because a whole one would cost more
 * than the stamping. */
uint64_t staging_sum(const char *p, size_t n);
/* Whether the n bytes at that place of a file have this sum; out is for them.  True also
 * of one that is not readable by us: then its size has to do. */
bool staging_is_end(
    int dir, const char *path, struct buf *out, uint64_t at, size_t n, uint64_t sum);
/* The last bytes of stderr that a failure carries. */
void staging_add_tail(struct logger *lg, struct logslot *ls, const char *p, size_t n);

#endif
