/*
 * lex: text of a unit file to section headers and assignments.
 *
 * Knows comments, continuation, UTF-8, line ends; nothing of what keys mean.  Gives each
 * byte of a joined value its place in the file back.
 */
#ifndef SUPD_UNIT_LEX_H
#define SUPD_UNIT_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "unit/diag.h"

/* Where a piece of the joined line came from. */
struct lex_piece {
	size_t offset;
	uint32_t line;
	uint32_t col;
};

struct lex {
	const char *file;
	const char *text;
	size_t len;
	size_t pos;
	uint32_t line; /* of the next physical line, from 1 */
	struct diags *diags;
	bool skipped; /* set by the caller: of a section that nobody reads nothing is said
		       */
	struct buf joined;
	struct lex_piece *pieces;
	size_t n_pieces;
	size_t cap_pieces;
	/* The last item; valid until the next call. */
	char *name;  /* the section, or the key */
	char *value; /* of the key, stripped */
};

enum lex_kind {
	LEX_END,
	LEX_SECTION,
	LEX_KEY,
	LEX_REJECT, /* the whole file is not usable; the diagnostic is made */
};

void lex_init(
    struct lex *, const char *file, const char *text, size_t len, struct diags *);
void lex_clear(struct lex *);
/* Skips what is malformed with a warning. */
enum lex_kind lex_next(struct lex *);
/* The place of AT, which points into name or value. */
void lex_where(const struct lex *, const char *at, uint32_t *line, uint32_t *col);

#endif
