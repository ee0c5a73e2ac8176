/*
 * typed: see the header.  A terminal writes each key, and each report, at once: what is
 * not whole at the end was typed key by key.
 */
#include "terminal/typed.h"

#include <string.h>

enum { CTRL_C = 3, BEL = 7, ESC = 033, X10_BYTES = 3 };

static bool
is(const char *seq, size_t n, const char *wanted)
{
	return n == strlen(wanted) && memcmp(seq, wanted, n) == 0;
}

/* Its length behind "ESC [", 0: it is not whole. */
static size_t
csi_length(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)p[i] < ' ')
			return 0;
		if (p[i] >= '@' && p[i] <= '~')
			return i + 1;
	}
	return 0;
}

/* Behind "ESC ]" and its like, with what ends it. */
static size_t
string_length(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == BEL)
			return i + 1;
		if (p[i] == ESC && i + 1 < len && p[i + 1] == '\\')
			return i + 2;
	}
	return 0;
}

static bool
is_report(const char *seq, size_t n)
{
	switch (seq[n - 1]) {
	case 'I': /* the focus */
	case 'O':
		return n == 1;
	case 'M': /* the mouse */
	case 'm':
		return seq[0] == '<' || n == 1 || strchr("0123456789", seq[0]) != NULL;
	case 'R': /* answers */
		return memchr(seq, ';', n) != NULL && !is(seq, n, "1;2R");
	case 'c':
		return seq[0] == '?' || seq[0] == '>';
	case 'n':
	case 't':
		return true;
	case 'u':
		return seq[0] == '?';
	case 'y':
		return n > 1 && seq[n - 2] == '$';
	default:
		return false;
	}
}

/* A sequence behind its ESC.  How long it is; *key: something that was typed. */
static size_t
sequence(struct typed *t, const char *p, size_t len, bool *key)
{
	size_t n = 0;

	*key = true;
	if (len == 0)
		return 0; /* Escape: what stands in the line stays there */
	if (p[0] == '[' && (n = csi_length(p + 1, len - 1)) > 0) {
		*key = !is_report(p + 1, n);
		if (is(p + 1, n, "200~") || is(p + 1, n, "201~"))
			t->paste = p[3] == '0';
		else if (*key)
			t->draft = !is(p + 1, n, "13u");
		n++;
		if (is(p, n, "[M"))
			n = n + X10_BYTES < len ? n + X10_BYTES : len;
		return n;
	}
	if (p[0] == 'O' && len > 1) {
		t->draft = p[1] != 'M'; /* Enter of the keypad */
		return 2;
	}
	if (p[0] != '\0' && strchr("]P_^", p[0]) != NULL &&
	    (n = string_length(p + 1, len - 1)) > 0) {
		*key = false;
		return n + 1;
	}
	/* With Alt: Enter as well is one that does not send. */
	t->draft = true;
	return 1;
}

bool
typed_feed(struct typed *t, const char *bytes, size_t len)
{
	bool any = false;

	for (size_t i = 0; i < len; i++) {
		bool key = true;

		if (bytes[i] == ESC)
			i += sequence(t, bytes + i + 1, len - i - 1, &key);
		else if (t->paste)
			t->draft = true;
		else
			t->draft =
			    bytes[i] != '\r' && bytes[i] != '\n' && bytes[i] != CTRL_C;
		any = any || key;
	}
	return any;
}
