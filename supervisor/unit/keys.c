/*
 * keys: a table of names, and how modifiers change what is sent.
 */
#include "unit/keys.h"

#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/utf8.h"
#include "unit/table.h"

enum form {
	FORM_BYTES,  /* the same whatever the modifiers, but for meta */
	FORM_CURSOR, /* ESC [ X, ESC O X, ESC [ 1 ; m X */
	FORM_SS3,    /* ESC O X, ESC [ 1 ; m X */
	FORM_TILDE,  /* ESC [ N ~, ESC [ N ; m ~ */
};

enum {
	SHIFT = 1, /* the bits of xterm's parameter, less one */
	META = 2,
	CONTROL = 4,
};

struct key {
	const char *name;
	enum form form;
	const char *bytes; /* or the letter, or the number */
};

static const struct key keys[] = {
	{ "Enter", FORM_BYTES, "\r" },
	{ "Tab", FORM_BYTES, "\t" },
	{ "BTab", FORM_BYTES, "\033[Z" },
	{ "Escape", FORM_BYTES, "\033" },
	{ "Space", FORM_BYTES, " " },
	{ "BSpace", FORM_BYTES, "\177" },
	{ "Up", FORM_CURSOR, "A" },
	{ "Down", FORM_CURSOR, "B" },
	{ "Right", FORM_CURSOR, "C" },
	{ "Left", FORM_CURSOR, "D" },
	{ "Home", FORM_CURSOR, "H" },
	{ "End", FORM_CURSOR, "F" },
	{ "Insert", FORM_TILDE, "2" },
	{ "Delete", FORM_TILDE, "3" },
	{ "PageUp", FORM_TILDE, "5" },
	{ "PageDown", FORM_TILDE, "6" },
	{ "F1", FORM_SS3, "P" },
	{ "F2", FORM_SS3, "Q" },
	{ "F3", FORM_SS3, "R" },
	{ "F4", FORM_SS3, "S" },
	{ "F5", FORM_TILDE, "15" },
	{ "F6", FORM_TILDE, "17" },
	{ "F7", FORM_TILDE, "18" },
	{ "F8", FORM_TILDE, "19" },
	{ "F9", FORM_TILDE, "20" },
	{ "F10", FORM_TILDE, "21" },
	{ "F11", FORM_TILDE, "23" },
	{ "F12", FORM_TILDE, "24" },
	{ "Return", FORM_BYTES, "\r" },
	{ "Esc", FORM_BYTES, "\033" },
	{ "Backspace", FORM_BYTES, "\177" },
	{ "PgUp", FORM_TILDE, "5" },
	{ "PgDn", FORM_TILDE, "6" },
	{ "PPage", FORM_TILDE, "5" },
	{ "NPage", FORM_TILDE, "6" },
	{ "IC", FORM_TILDE, "2" },
	{ "DC", FORM_TILDE, "3" },
};

enum { N_KEYS = sizeof(keys) / sizeof(keys[0]) };

static const struct key *
find(const char *name)
{
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcasecmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

/* The modifiers in front of *WORD, which moves behind them.  A character alone is none:
 * "C-" is a text, and so is "-". */
static int
take_modifiers(const char **word)
{
	int mods = 0;

	if ((*word)[0] == '^' && (*word)[1] != '\0') {
		(*word)++;
		return CONTROL;
	}
	while ((*word)[0] != '\0' && (*word)[1] == '-' && (*word)[2] != '\0') {
		int bit = (*word)[0] == 'C'   ? CONTROL
			  : (*word)[0] == 'M' ? META
			  : (*word)[0] == 'S' ? SHIFT
					      : 0;

		if (bit == 0 || (mods & bit) != 0)
			break;
		mods |= bit;
		*word += 2;
	}
	return mods;
}

/* The control byte of C; -1 if it has none. */
static int
control_of(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 1;
	if (c >= '@' && c <= '_')
		return c - '@';
	if (c == ' ' || c == '2')
		return 0;
	if (c >= '3' && c <= '7')
		return c - '3' + 27;
	if (c == '/')
		return 31;
	if (c == '8' || c == '?')
		return 127;
	return -1;
}

/* One character with modifiers.  False if there is no such key. */
static bool
add_character(const char *text, size_t n, int mods, struct buf *out)
{
	char c = text[0];

	if ((mods & SHIFT) != 0) {
		if (n != 1 || c < 'a' || c > 'z')
			return false;
		c = (char)(c - 'a' + 'A');
	}
	if ((mods & CONTROL) != 0) {
		int byte = n == 1 ? control_of(c) : -1;

		if (byte == -1)
			return false;
		c = (char)byte;
	}
	if (out == NULL)
		return true;
	if ((mods & META) != 0)
		buf_addc(out, '\033');
	buf_addc(out, c);
	buf_append(out, text + 1, n - 1);
	return true;
}

static bool
add_bytes(const struct key *k, int mods, struct buf *out)
{
	const char *bytes = k->bytes;

	if (strcmp(bytes, "\t") == 0 && (mods & SHIFT) != 0) {
		bytes = "\033[Z";
		mods &= ~SHIFT;
	}
	if (bytes[0] == ' ' && bytes[1] == '\0')
		return add_character(" ", 1, mods & ~SHIFT, out);
	/* What a terminal of this kind cannot send is no key here. */
	if ((mods & ~META) != 0 || (bytes[1] != '\0' && mods != 0))
		return false;
	if (out == NULL)
		return true;
	if ((mods & META) != 0)
		buf_addc(out, '\033');
	buf_adds(out, bytes);
	return true;
}

static bool
add_key(const struct key *k, int mods, bool app_cursor, struct buf *out)
{
	if (k->form == FORM_BYTES)
		return add_bytes(k, mods, out);
	if (out == NULL)
		return true;
	if (k->form == FORM_TILDE && mods == 0)
		buf_addf(out, "\033[%s~", k->bytes);
	else if (k->form == FORM_TILDE)
		buf_addf(out, "\033[%s;%d~", k->bytes, mods + 1);
	else if (mods != 0)
		buf_addf(out, "\033[1;%d%s", mods + 1, k->bytes);
	else
		buf_addf(out, "\033%c%s", k->form == FORM_SS3 || app_cursor ? 'O' : '[',
		    k->bytes);
	return true;
}

/* "F13", "F0": meant as a key, and none. */
static bool
is_function_key(const char *name)
{
	size_t digits;

	if (name[0] != 'F' && name[0] != 'f')
		return false;
	digits = strspn(name + 1, "0123456789");
	return digits > 0 && digits < 3 && name[1 + digits] == '\0';
}

enum key_kind
key_bytes(const char *word, bool app_cursor, struct buf *out)
{
	const char *name = word;
	int mods = take_modifiers(&name);
	const struct key *k = find(name);
	size_t n = strlen(name);

	if (k != NULL)
		return add_key(k, mods, app_cursor, out) ? KEY_NAMED : KEY_BAD;
	if (n > 0 && utf8_seq(name, n) == n && (unsigned char)name[0] >= 0x20 &&
	    name[0] != 0x7f)
		return add_character(name, n, mods, out) ? KEY_NAMED : KEY_BAD;
	if (mods != 0 && word[0] != '^')
		return KEY_BAD;
	if (is_function_key(name))
		return KEY_BAD;
	if (out != NULL)
		buf_adds(out, word);
	return KEY_TEXT;
}

const char *
key_nearest(const char *word)
{
	const char *name = word;
	const char *nearest = NULL;
	size_t limit;

	if (key_bytes(word, false, NULL) == KEY_NAMED)
		return NULL;
	take_modifiers(&name);
	if (is_function_key(name))
		return NULL;
	limit = strlen(name) < 6 ? 1 : 2;
	for (size_t i = 0; strlen(name) > 2 && i < N_KEYS; i++) {
		size_t distance = edit_distance(name, keys[i].name, limit);

		/* Two letters are near to everything. */
		if (distance > limit || strlen(keys[i].name) < 3)
			continue;
		nearest = keys[i].name;
		if (distance == 0)
			break;
		limit = distance - 1;
	}
	return nearest;
}

const char *
key_name_at(size_t i)
{
	return i < N_KEYS ? keys[i].name : NULL;
}
