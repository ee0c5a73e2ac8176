/*
 * screen_int: what the files of the screen share.  Nobody else includes it.
 *
 * screen.c has the emulator (libvterm); screen_scan.c reads what the program writes, of
 * which screen_text.c gets the text, screen_csi.c and screen_sgr.c the sequences;
 * screen_lines.c has the lines for the log, screen_draw.c the picture.
 *
 * libvterm gets nothing but text, single control characters and whole sequences that it
 * knows, one at a time.  What it has and does not tell (tab stops, the scroll region,
 * modes) is noted on the way to it; what it lacks or has wrongly (charsets, the saved
 * cursor, sequences of many modes, faint text) is made of what it has.  There are no
 * left and right margins, no columns that are inserted, no protected cells.
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
	SCAN_ARGS = 32,
	SCAN_ARG_MAX = 99999,      /* larger ones are this */
	SCAN_SEQUENCE_BYTES = 256, /* a longer one does nothing */
	SCAN_STRING_BYTES = 4096,  /* more of a string is dropped */
	SCAN_WRITE_BYTES =
	    1024, /* at once: libvterm takes four times that of the stack */
	SCAN_MARKS = VTERM_MAX_CHARS_PER_CELL - 1, /* that combine with one character */
	TITLE_MAX = 256,
	CHARSETS = 4,
};

enum scan_state {
	SCAN_TEXT,
	SCAN_ESC,
	SCAN_CSI,
	SCAN_STRING,     /* OSC, DCS and the like, until BEL or ST */
	SCAN_STRING_ESC, /* an ESC in it: a backslash ends it */
};

/* What a program turns on and off: CSI ? N h or l where screen_modes has a number. */
enum mode {
	MODE_APP_CURSOR = 1 << 0,
	MODE_REVERSE = 1 << 1,
	MODE_FOCUS = 1 << 2,
	MODE_WHEEL = 1 << 3,
	MODE_PASTE = 1 << 4,
	MODE_APP_KEYPAD = 1 << 5, /* ESC = */
	MODE_NO_WRAP = 1 << 6,    /* CSI ? 7 l */
	MODE_ORIGIN = 1 << 7,     /* CSI ? 6 h: rows count from the top of the region */
	MODE_INSERT = 1 << 8,     /* CSI 4 h */
	MODE_NEWLINE = 1 << 9,    /* CSI 20 h */
};
struct screen_mode {
	unsigned bit, number;
};
enum { SCREEN_MODES = 5 };
extern const struct screen_mode screen_modes[SCREEN_MODES];

/* Attributes of text that libvterm does not have: its font, which nobody uses, holds
 * them. */
enum font {
	FONT_FAINT = 1 << 0,
	FONT_HIDDEN = 1 << 1,
	FONT_OVERLINE = 1 << 2,
};

struct scan_arg {
	int value;   /* -1: left out */
	bool joined; /* by a colon to the one before */
};

struct scan {
	enum scan_state state;
	char leader, between; /* of a sequence: one of <=>?, one of SP to /; 0: none */
	bool odd;             /* it has more of them than any that is known */
	struct scan_arg args[SCAN_ARGS];
	unsigned n_args;
	char raw[SCAN_SEQUENCE_BYTES]; /* the sequence so far */
	size_t n_raw;
	char utf8[4]; /* the beginning of a character */
	unsigned n_utf8;
	unsigned n_marks;  /* over the last character */
	char kind;         /* of a string: the byte behind its ESC */
	struct buf string; /* no longer than SCAN_STRING_BYTES */
};

struct charsets {
	char set[CHARSETS]; /* 'B' ASCII, 'A' British, '0' lines */
	unsigned used;      /* which of them */
};

/* What ESC 7 saves. */
struct saved {
	VTermPos at;
	VTermScreenCell pen;
	struct charsets charsets;
	bool origin;
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
	bool loading; /* what screen_save gave is fed to it */
	int rows, cols;
	VTermPos cursor;
	bool cursor_visible, alternate;
	uint64_t changes;
	char title[TITLE_MAX];
	size_t title_len;

	struct scan scan;
	unsigned modes;                     /* enum mode */
	unsigned mouse, mouse_coding;       /* the number of the mode; 0: none */
	unsigned cursor_style;              /* CSI N SP q */
	unsigned region_top, region_bottom; /* from 1; 0: the whole screen */
	struct charsets charsets;
	struct saved saved;
	uint8_t tabs[SCREEN_COLS_MAX / 8]; /* columns with a tab stop */
	bool uneven;                       /* a row may be of double width */

	/* The last character. */
	bool writing;  /* text is on its way to libvterm */
	bool moving;   /* the cursor is moved by us, not by the program */
	VTermPos last; /* its first column */
	int last_cols;
	bool fresh; /* nothing came after it that a mark could not jump over */
	bool full;  /* it filled its row: the next one goes to the next row */

	/* Lines. */
	uint64_t *rest; /* what stood on the screen at the last rest, hashed */
	size_t n_rest, rest_room;
	int at_row;           /* where the last glyph or movement was */
	int pushed;           /* rows that left, until the others move up */
	struct row *row;      /* of the main screen */
	int n_row;            /* as many as rows, but while the size changes */
	bool paints;          /* the cursor went up since the last rest */
	struct buf line;      /* the beginning of a line whose rest is on the screen */
	bool line_open;       /* there is such a one, maybe empty */
	bool loaded;          /* all of this came from what was saved */
	struct buf main_draw; /* behind the alternate screen */
};

/* ---- screen.c ---- */
/* The text of columns of cells, UTF-8, blanks at the end left out; appended. */
void screen_cells(const struct screen *s, int row, struct buf *out);
/* How many there are; room for SCREEN_COLS_MAX. */
int screen_get_cells(const struct screen *s, int row, VTermScreenCell *cells);
void screen_put_cells(const VTermScreenCell *cells, int cols, struct buf *out);
void screen_set_title(struct screen *s, const char *text, size_t len);
void screen_put_cell(const VTermScreenCell *cell, struct buf *out);
/* A cell as it is whatever MODE_REVERSE says. */
bool screen_cell(const struct screen *s, int row, int col, VTermScreenCell *cell);
/* How many columns of a row can be seen. */
int screen_row_cols(const struct screen *s, int row);
/* What the next character will be drawn with. */
VTermScreenCell screen_pen(const struct screen *s);
/* The terminal answers. */
void screen_answer(const char *bytes, size_t len, void *screen);
/* To libvterm: no text; and what the program did not ask for. */
void screen_write(struct screen *s, const char *bytes, size_t len);
void screen_write_own(struct screen *s, const char *bytes, size_t len);
/* The cursor is moved. */
void screen_go_to(struct screen *s, int row, int col);
/* The width of a row was changed: what could not be seen of it is blank. */
void screen_set_width(struct screen *s, int row);
/* All rows are of the usual width: libvterm has this once for both screens. */
void screen_even_rows(struct screen *s);
/* The first half of a wide character in the last column cannot be drawn, so none stays
 * there; whole: nor anywhere else. */
void screen_mend(struct screen *s, int from, int upto, bool whole);

/* ---- screen_width.c ---- */
/* 0: it is drawn over the one before. */
int screen_width(uint32_t c);

/* ---- screen_scan.c ---- */
void scan_feed(struct screen *s, const char *bytes, size_t len);

/* ---- screen_sgr.c ---- */
void sgr_act(struct screen *s);

/* ---- screen_csi.c ---- */
enum { DIGITS_MAX = 10 };
/* An argument; and a number in digits, at most DIGITS_MAX: how many. */
unsigned scan_number(const struct scan *c, unsigned i, unsigned otherwise);
size_t scan_put_number(char *to, unsigned n);
/* A control sequence is whole. */
void csi_act(struct screen *s, char final);
void csi_save_cursor(struct screen *s);
void csi_restore_cursor(struct screen *s);
void csi_leave_alternate(struct screen *s);
/* As it is at the start. */
void csi_reset(struct screen *s);
void csi_reset_tabs(struct screen *s, int from);
void csi_set_tab(struct screen *s, int col, bool on);
bool csi_has_tab(const struct screen *s, int col);
/* After what may have left the cursor where the last character filled its row: the next
 * one goes where the cursor is; and that is in a column that can be seen. */
void csi_not_full(struct screen *s);

/* ---- screen_text.c ---- */
/* On to libvterm; and what began a character and was cut off. */
void text_feed(struct screen *s, const char *bytes, size_t len);
void text_cut(struct screen *s);

/* ---- screen_draw.c ---- */
/* For libvterm or for a terminal: it has no faint text of its own. */
void draw_pen(const VTermScreenCell *pen, bool for_vterm, struct buf *out);

/* ---- screen_lines.c ---- */
/* What is known of the rows is kept. */
void textlines_set_size(struct screen *s, int rows);
/* The size was changed, at rest. */
void textlines_resized(struct screen *s);
/* Rows that moved, were drawn (glyph: by a character), or left at the top. */
void textlines_on_move(struct screen *s, VTermRect dest, VTermRect src);
void textlines_on_damage(struct screen *s, VTermRect rect, bool glyph);
void textlines_on_push(struct screen *s, int cols, const VTermScreenCell *cells);
void textlines_on_cursor(struct screen *s, VTermPos to);
/* After a line feed; at rest; at the end. */
void textlines_step(struct screen *s);
void textlines_rest(struct screen *s);
void textlines_end(struct screen *s);
/* The alternate screen is about to be left: its last picture. */
void textlines_alternate(struct screen *s);
/* Their memory, as strings that a screen takes for its own while it loads. */
void textlines_save(const struct screen *s, struct buf *out);
void textlines_load(struct screen *s, const char *text, size_t len);

#endif
