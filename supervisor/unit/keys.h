/*
 * keys: the names of keys, and the bytes that a terminal sends for them.
 *
 * A key is one of these, names in any case:
 *
 *	Enter Tab BTab Escape Space BSpace		also Return, Esc, Backspace
 *	Up Down Left Right Home End PageUp PageDown	also PgUp, PgDn, PPage, NPage
 *	Insert Delete F1 ... F12			also IC, DC
 *	any one character, as `a' or `ß'
 *
 * with modifiers in front: C- (control), M- (meta, alt), S- (shift), each once, in any
 * order: C-c, M-Enter, C-M-x, S-Up.  `^c' is C-c.  Whatever has no such name is text.
 *
 * Bytes are those of xterm.  The cursor keys, Home and End have two forms: a program can
 * ask for the application form (screen_look.app_cursor); with a modifier they have one.
 *
 * Pure.
 */
#ifndef SUPD_UNIT_KEYS_H
#define SUPD_UNIT_KEYS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum key_kind {
	KEY_NAMED, /* a key, as above */
	KEY_TEXT,  /* text, sent as it is */
	KEY_BAD,   /* begins as a key does and is none: "C-foo", "F13" */
};

/*
 * What WORD is.  OUT (may be NULL) gets its bytes appended: of a key, or the text itself;
 * nothing for KEY_BAD.
 */
enum key_kind key_bytes(const char *word, bool app_cursor, struct buf *out);

/* The name of a key that WORD may have been meant to be, without modifiers; NULL if none
 * is near, or if it is one. */
const char *key_nearest(const char *word);

/* The names, main ones first, for completion; NULL behind the last. */
const char *key_name_at(size_t i);

#endif
