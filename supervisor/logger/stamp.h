/*
 * stamp: bytes of a program to lines of a log.  The calendar is asked once a second, and
 * a line costs one search for its end and two copies.
 */
#ifndef SUPD_LOGGER_STAMP_H
#define SUPD_LOGGER_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/line.h"

struct buf;

/* The time of a batch as text, and its day; remembers the last second. */
struct stamp_clock {
	struct line_style style; /* that text is for */
	uint64_t wall_us;        /* of the batch */
	uint64_t second;         /* of wall clock, that text is for; 0: none */
	char text[LINE_TS_MAX];
	size_t len;
	char day[16]; /* local day YYYYMMDD */
};
void stamp_clock_set(
    struct stamp_clock *c, const struct line_style *style, uint64_t wall_us);

/* One line or piece of one in a batch. */
struct stamp_piece {
	size_t at, len; /* of its text in the data */
	size_t next;    /* where the next begins */
	enum line_mark mark;
};
/*
 * The next piece at offset at: a line that ends in the data, or line_max bytes (fewer,
 * cut between characters) of one that is longer.  False: what is left is an unfinished
 * line of at most line_max bytes.
 */
bool stamp_next(
    const char *data, size_t len, size_t at, size_t line_max, struct stamp_piece *p);

struct stamp {
	const struct stamp_clock *clock;
	const char *name;
	enum line_stream stream;
	size_t line_max;
	size_t out_max; /* stop after this many bytes of output, … */
	size_t least;   /* … but not before this many bytes of data are used */
	bool final;     /* what is left unfinished is a marked line, too */
};
/*
 * Appends the finished lines of data to out.  Returns how many bytes of data they were;
 * *full says that there are more finished lines, left because of out_max.
 */
size_t stamp_lines(struct buf *out, const struct stamp *s, const char *data, size_t len,
    uint64_t *lines, bool *full);
/* Appends one line that supd itself has to say in this log. */
void stamp_note(struct buf *out, const struct stamp *s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
