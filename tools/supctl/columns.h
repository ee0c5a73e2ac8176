/*
 * columns: aligned tables and styled text for a terminal.
 *
 * Owns what a character is worth in columns (its own small table: a locale costs more to
 * load than everything else supctl does) and the colours.  Text that came from a program
 * or a file is escaped here, so no cell can move the cursor.  Must never look at the
 * terminal itself: width and colour are the caller's.
 */
#ifndef SUPD_SUPCTL_COLUMNS_H
#define SUPD_SUPCTL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct columns;

enum style {
	STYLE_NONE,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_GREEN,
	STYLE_YELLOW,
	STYLE_RED,
};

enum {
	COL_RIGHT = 1,  /* numbers */
	COL_SHRINK = 2, /* may be cut, the widest first, when the terminal is narrow */
};

/* Columns that n bytes take; control characters and bad bytes count as they are shown. */
size_t text_width(const char *s, size_t n);
/* How many of the first bytes of s fit into width columns, cut between characters. */
size_t text_fit(const char *s, size_t n, size_t width);
/* Appends text, escaped, in a style; no escape sequence when colour is false. */
void text_styled(struct buf *out, bool colour, enum style style, const char *text);

struct columns *columns_new(void);
void columns_free(struct columns *t);
/* All columns come before the first row.  The head is a literal. */
void columns_add(struct columns *t, const char *head, unsigned flags);
/* Begins a row; cells follow from the left, missing ones are empty. */
void columns_row(struct columns *t);
/* Begins a line of its own between the rows: its cells follow each other without gaps,
 * have no width, and are never cut.  No more of them than there are columns. */
void columns_title(struct columns *t);
void columns_cell(struct columns *t, enum style style, const char *text);
void columns_cellf(struct columns *t, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends the table to out.  Width 0: as wide as it wants to be, nothing is cut. */
void columns_write(
    const struct columns *t, struct buf *out, size_t width, bool colour, bool head);

#endif
