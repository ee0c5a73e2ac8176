/*
 * quote: words with quotes and backslashes, and their reverse.
 */
#ifndef SUPD_UNIT_QUOTE_H
#define SUPD_UNIT_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum quote_mode {
	QUOTE_UNESCAPE, /* C escapes are resolved in quotes and outside */
	QUOTE_STRICT,   /* as these, and a word with one that means nothing is the end */
	QUOTE_RETAIN,   /* a backslash stays: names of units have \xHH */
	QUOTE_VALUE, /* of a variable: a backslash takes the next byte as it is, and what
		      * is open at the end ends with it */
};

/*
 * Takes the next word from *P into WORD (cleared first).  Returns 1; 0 at the end; -1 if
 * a quote is not closed or an escape makes a NUL: then *P is where it began and *WHY says
 * what.  *UNKNOWN (may be NULL, but for QUOTE_STRICT) gets the place of the first escape
 * that means nothing; it is kept as it is.
 */
int quote_next(const char **p, enum quote_mode, struct buf *word, const char **unknown,
    const char **why);

/*
 * Resolves the C escapes of TEXT into OUT; -1 as above.
 */
int quote_unescape(const char *text, struct buf *out, const char **why);

/* Appends WORD so that quote_next gives it back. */
void quote_append(struct buf *, const char *word);
/* The same behind what was appended since START bytes: the next one of a list. */
void quote_append_next(struct buf *, size_t start, const char *word);

#endif
