/*
 * screen_int: what the files of the screen share.  Nobody else includes it.
 *
 * screen.c has the emulator (libvterm), screen_scan.c what libvterm does not tell, seen
 * on the way to it, screen_lines.c the lines for the log, screen_draw.c the picture.
 */
#ifndef SUPD_TERMINAL_SCREEN_INT_H
#define SUPD_TERMINAL_SCREEN_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vterm.h>

#include "lib/buf.h"
#include "terminal/screen.h"

enum {
	SCAN_ARGS = 16,
	SCAN_DIGITS = 5,
	SCAN_STRING_BYTES = 4096, /* more of a string is dropped */
	SCAN_WRITE_BYTES =
	    1024, /* at once: libvterm takes four times that of the stack */
	SCAN_MARKS = VTERM_MAX_CHARS_PER_CELL - 1, /* that combine with one character */
	TITLE_MAX = 256,
};

enum scan_state {
	SCAN_TEXT,
	SCAN_ESC,
	SCAN_CSI,
	SCAN_STRING,     /* OSC, DCS and the like, until BEL or ST */
	SCAN_STRING_ESC, /* an ESC in it: a backslash ends it */
};

/* Modes that a program sets by CSI ? N h, by their bit. */
enum mode {
	MODE_APP_CURSOR = 1 << 0,
	MODE_PASTE = 1 << 1,
	MODE_FOCUS = 1 << 2,
	MODE_MOUSE_CLICK = 1 << 3,
	MODE_MOUSE_DRAG = 1 << 4,
	MODE_MOUSE_MOVE = 1 << 5,
	MODE_MOUSE_UTF8 = 1 << 6,
	MODE_MOUSE_SGR = 1 << 7,
	MODE_REVERSE = 1 << 8,
	MODE_APP_KEYPAD = 1 << 9, /* ESC = */
	MODE_NO_WRAP = 1 << 10,   /* CSI ? 7 l */
};

struct scan {
	enum scan_state state;
	bool full;           /* more arguments than are taken */
	bool private, other; /* CSI ?; CSI with another leader or an intermediate */
	unsigned args[SCAN_ARGS], n_args, digits;
	char utf8[4]; /* the beginning of a character */
	unsigned n_utf8, n_marks;
	char kind;         /* of a string: the byte behind its ESC */
	struct buf string; /* no longer than SCAN_STRING_BYTES */
};

/* A row of the main screen, for the lines. */
struct row {
	bool reported;  /* it is a line already, or part of one */
	bool changed;   /* since then */
	bool continues; /* the row above was too short for its line */
};

struct screen {
	VTerm *vt;
	VTermScreen *vs;
	VTermState *state;
	struct screen_ops ops;
	bool quiet;
	int rows, cols;
	VTermPos cursor;
	bool cursor_visible, alternate;
	uint64_t changes;
	char title[TITLE_MAX];
	size_t title_len;

	struct scan scan;
	unsigned modes;                     /* enum mode */
	unsigned region_top, region_bottom; /* from 1; 0: the whole screen */

	/* Lines. */
	uint64_t *rest; /* what stood on the screen at the last rest, hashed */
	size_t n_rest;
	int at_row;           /* where the last glyph or movement was */
	VTermPos glyph;       /* the last one */
	int wrap_from;        /* the last glyph filled this row; -1: it did not */
	int pushed;           /* rows that left, until the others move up */
	struct row *row;      /* of the main screen */
	bool paints;          /* the cursor went up since the last rest */
	struct buf line;      /* the beginning of a line whose rest is on the screen */
	bool line_open;       /* there is such a one, maybe empty */
	struct buf main_draw; /* behind the alternate screen */
};

/* The text of columns of cells, UTF-8, blanks at the end left out; appended. */
void screen_cells(const struct screen *s, int row, struct buf *out);
void screen_set_title(struct screen *s, const char *text, size_t len);
/* It is the second half of the one before; wide is kept from cell to cell of a row, and
 * false at its beginning. */
bool screen_is_covered(const VTermScreenCell *cell, bool *wide);
void screen_put_cell(const VTermScreenCell *cell, struct buf *out);

/* ---- screen_scan.c ---- */
/* Looks at the bytes and hands them on to libvterm. */
void keep_cursor_inside(struct screen *s);
void scan_feed(struct screen *s, const char *bytes, size_t len);

/* ---- screen_text.c ---- */
/* On to libvterm; and what began a character and was cut off. */
void text_feed(struct screen *s, const char *bytes, size_t len);
void text_cut(struct screen *s);

/* ---- screen_lines.c ---- */
void textlines_set_size(struct screen *s, int rows);
/* Rows that moved, were drawn, or left at the top. */
void textlines_on_move(struct screen *s, VTermRect dest, VTermRect src);
void textlines_on_damage(struct screen *s, VTermRect rect);
void textlines_on_push(struct screen *s, int cols, const VTermScreenCell *cells);
void textlines_on_cursor(struct screen *s, VTermPos to);
/* After a line feed; at rest; at the end. */
void textlines_step(struct screen *s);
void textlines_rest(struct screen *s);
void textlines_end(struct screen *s);
/* The alternate screen is about to be left: its last picture. */
void textlines_alternate(struct screen *s);

#endif
