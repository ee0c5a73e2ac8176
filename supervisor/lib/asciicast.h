/*
 * asciicast: lines of an asciicast of version 2, what asciinema plays: a header, then one
 * event a line, `[seconds, "code", "text"]'.  Every line is valid JSON, whatever the
 * bytes were: of text that is no UTF-8 each bad byte becomes U+FFFD.
 */
#ifndef SUPD_LIB_ASCIICAST_H
#define SUPD_LIB_ASCIICAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum asciicast_code {
	ASCIICAST_OUTPUT = 'o',
	ASCIICAST_INPUT = 'i',
	ASCIICAST_RESIZE = 'r', /* "COLSxROWS" */
	ASCIICAST_MARKER = 'm', /* shown by no player as output */
};

enum { ASCIICAST_LINE_MIN = 128 }; /* bytes of a line that always hold something */

/* The first line; wall_us is time 0 of the events. */
void asciicast_header(
    struct buf *out, uint16_t cols, uint16_t rows, uint64_t wall_us, const char *title);
/*
 * One event, at_us after time 0, of as much of s as makes a line of at most max bytes
 * (newline included); returns how much of s that is.  Characters stay whole: what may be
 * the beginning of one at the end of s is left, unless this is the last of the text.
 * 0: there was nothing else, and no line was made.
 */
size_t asciicast_event(struct buf *out, uint64_t at_us, enum asciicast_code code,
    const char *s, size_t n, bool last, size_t max);
void asciicast_resize(struct buf *out, uint64_t at_us, uint16_t cols, uint16_t rows);

#endif
