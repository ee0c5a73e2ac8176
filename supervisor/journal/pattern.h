/*
 * pattern: the patterns of a slot on their way from the manager to the logger (PATTERNS
 * carries them in a memfd), and the bounds that make a stranger's expression harmless.
 */
#ifndef SUPD_JOURNAL_PATTERN_H
#define SUPD_JOURNAL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/regexp.h"

struct buf;

enum {
	PATTERN_MAX = 64,                   /* of one slot */
	PATTERN_TEXT_MAX = REGEXP_TEXT_MAX, /* bytes of one expression */
	PATTERN_BYTES_MAX = PATTERN_MAX * (PATTERN_TEXT_MAX + 32),
	PATTERN_LINE_MAX = 4096, /* bytes of a line that are looked at */
};

enum pattern_flags { PATTERN_ICASE = 1 };

struct pattern {
	uint32_t rule;    /* the manager's number; comes back in MATCH */
	uint32_t streams; /* bit 0 stdout, bit 1 stderr */
	uint32_t flags;
	const char *text; /* POSIX extended regular expression */
	size_t text_len;
};

/* NULL if the expression is one that the logger takes, else why not (static text): too
 * long, nested repeats, back references, a syntax error. */
const char *pattern_refused(const char *text, uint32_t flags);
/* Appends one to a list; an empty buffer becomes a list.  -1 (EINVAL, E2BIG). */
int pattern_put(struct buf *list, const struct pattern *p);
/* Reads a list: *at starts at 0.  1: *p is valid (text terminated, in data); 0: the end;
 * -1: damaged (EBADMSG). */
int pattern_next(const char *data, size_t len, size_t *at, struct pattern *p);

#endif
