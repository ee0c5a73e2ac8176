/*
 * diag: what is wrong with a file, told to the person who wrote it.
 *
 * A diagnostic names file, line and column, says what is wrong and, where it can, what to
 * do next.  The loader never stops at the first one: all are collected, in order.  An
 * error refuses the unit, a warning does not.
 */
#ifndef SUPD_UNIT_DIAG_H
#define SUPD_UNIT_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum diag_level {
	DIAG_WARNING,
	DIAG_ERROR,
};

struct diag {
	enum diag_level level;
	char *file;    /* path; the unit name if no file is concerned */
	uint32_t line; /* from 1; 0: the whole file */
	uint32_t col;  /* from 1, in bytes; 0: the whole line */
	char *text;
	char *hint; /* the next step, or NULL */
};

struct diags {
	struct diag *v;
	size_t n;
	size_t cap;
	size_t n_errors;
	size_t n_dropped; /* beyond DIAGS_MAX, so that a hostile file cannot fill the
			     memory */
};

enum { DIAGS_MAX = 1000 };

void diags_init(struct diags *);
void diags_clear(struct diags *);

/*
 * Adds one.  HINT may be NULL.  d may be NULL: then nothing is kept.
 */
void diag_add(struct diags *d, enum diag_level, const char *file, uint32_t line,
    uint32_t col, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* Takes out the warnings whose text begins so; whether there were any. */
bool diags_drop(struct diags *, const char *start);

/* Whether the next one is only counted. */
static inline bool
diags_is_full(const struct diags *d)
{
	return d == NULL || d->n >= DIAGS_MAX;
}

/*
 * "FILE:LINE:COL: error: TEXT" with "; HINT" behind it, in one line.  The result is
 * malloc'd.
 */
char *diag_format(const struct diag *);

/*
 * Prints each on a line of its own.
 */
void diags_print(const struct diags *, FILE *);

#endif
