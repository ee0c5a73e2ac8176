/*
 * screen: what a program has drawn, as libvterm understands it; and the lines of text
 * that a reader of its log would want of it.
 *
 * A screen is a function of the bytes fed to it and of the sizes it was given, in their
 * order: the same again gives the same again, whatever the pieces were (screen_settle
 * aside).  Anything may be fed.  Memory is bounded by the size; nothing here waits,
 * reads a clock, or knows of descriptors.
 *
 * Lines for the log.  A program that writes line by line has each of its lines in the log
 * once, in order, escape sequences resolved.  One that paints has what it paints folded:
 * a row that is drawn over again and again (a spinner, a progress bar, a prompt that is
 * being typed into) becomes a line when it is left for good: when it scrolls off the top,
 * or when the screen has come to rest (screen_settle) and it stands above the line that
 * the cursor is in and has not been a line before.  Of the alternate screen (editors,
 * pagers) only the last picture counts, when it is left or the program ends.  Rows that
 * one long line was wrapped to are one line again.
 */
#ifndef SUPD_TERMINAL_SCREEN_H
#define SUPD_TERMINAL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct screen;

enum {
	SCREEN_ROWS_MIN = 2,
	SCREEN_ROWS_MAX = 500,
	SCREEN_COLS_MIN = 10,
	SCREEN_COLS_MAX = 1000,
};

struct screen_ops {
	/* A line for the log: valid UTF-8 without control characters, no newline. */
	void (*line)(void *arg, const char *text, size_t len);
	/* What a terminal answers (cursor position, device attributes): for the program.
	 */
	void (*answer)(void *arg, const char *bytes, size_t len);
	void *arg;
};

struct screen_look {
	uint16_t rows, cols;
	uint16_t cursor_row, cursor_col; /* from 0 */
	bool cursor_visible;
	bool alternate;       /* the alternate screen is shown */
	bool bracketed_paste; /* the program asked for it */
	bool app_cursor;      /* cursor keys send ESC O instead of ESC [ */
	bool app_keypad;
	uint64_t changes;  /* grows whenever what is shown changes */
	const char *title; /* UTF-8, "" if none; valid until the next call */
};

/* Sizes beyond the limits are moved into them.  Owned by the caller. */
struct screen *screen_new(uint16_t rows, uint16_t cols, const struct screen_ops *ops);
void screen_free(struct screen *);
void screen_feed(struct screen *, const char *bytes, size_t len);
void screen_resize(struct screen *, uint16_t rows, uint16_t cols);
/* Nothing was fed for a moment. */
void screen_settle(struct screen *);
/* The program has ended: what is still to be a line becomes one, and the alternate screen
 * is left.  Fed again, it is a new program's. */
void screen_end(struct screen *);
/* No ops are called while this is set (to rebuild a screen from what was once fed). */
void screen_set_quiet(struct screen *, bool quiet);

void screen_look(const struct screen *, struct screen_look *);
/* The text of one row without trailing blanks, UTF-8, into out (appended). */
void screen_row(const struct screen *, uint16_t row, struct buf *out);
/* All rows, each ended by a newline, blank ones at the end left out (appended). */
void screen_text(const struct screen *, struct buf *out);
/* The same with colours and the like: sequences of SGR, and no others. */
void screen_coloured(const struct screen *, struct buf *out);
/*
 * Bytes that draw it (appended): given to a terminal of this size in any state they
 * leave it looking and behaving like this one: cells, colours, cursor and the one that is
 * saved, charsets, tab stops, scroll region, title, alternate screen, keypad, and all
 * modes that the program has set.  Fed to a new screen of this size they make an equal
 * one, which goes on in the same way, too.
 */
void screen_draw(const struct screen *, struct buf *out);
/* What has begun and is not whole yet (a sequence, a character): it goes behind the bytes
 * that draw it when what the program writes next is to follow. */
void screen_rest(const struct screen *, struct buf *out);
/* All of it, with what is still to be a line; and a new screen of that size that goes on
 * from there.  What is saved draws it on any terminal, too. */
void screen_save(const struct screen *, struct buf *out);
void screen_load(struct screen *, const char *bytes, size_t len);

#endif
