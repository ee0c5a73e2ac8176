/*
 * screen_text: hands bytes on to libvterm as valid UTF-8, and characters whole.  It reads
 * one wrongly that comes in two pieces, so the beginning of one waits here for its end.
 */
#include <string.h>

#include "terminal/screen_int.h"

static const char replacement[] = "\xef\xbf\xbd";

static bool
is_ascii(const char *bytes, size_t len)
{
	unsigned char any = 0;

	for (size_t i = 0; i < len; i++)
		any |= (unsigned char)bytes[i];
	return any < 0x80;
}

/* How long a character is that begins so; 0: none does. */
static unsigned
length_of(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

/* Whether c goes on with the n bytes that are there: no longer than need be, no
 * surrogates, nothing above U+10FFFF, no control characters of two bytes. */
static bool
goes_on(const char *have, unsigned n, unsigned char c)
{
	if (c < 0x80 || c > 0xbf)
		return false;
	if (n != 1)
		return true;
	switch ((unsigned char)have[0]) {
	case 0xc2:
	case 0xe0:
		return c >= 0xa0;
	case 0xed:
		return c <= 0x9f;
	case 0xf0:
		return c >= 0x90;
	case 0xf4:
		return c <= 0x8f;
	default:
		return true;
	}
}

/* The common characters that are drawn over the one before. */
static const struct {
	uint32_t first, last;
} marks[] = {
	{ 0x0300, 0x036f },
	{ 0x0483, 0x0489 },
	{ 0x0591, 0x05bd },
	{ 0x0610, 0x061a },
	{ 0x064b, 0x065f },
	{ 0x06d6, 0x06dc },
	{ 0x0e34, 0x0e3a },
	{ 0x0e47, 0x0e4e },
	{ 0x1ab0, 0x1aff },
	{ 0x1dc0, 0x1dff },
	{ 0x200b, 0x200f },
	{ 0x202a, 0x202e },
	{ 0x2060, 0x2064 },
	{ 0x20d0, 0x20ff },
	{ 0xfe00, 0xfe0f },
	{ 0xfe20, 0xfe2f },
	{ 0xfeff, 0xfeff },
	{ 0xe0000, 0xe01ef },
};

static bool
is_mark(const char *bytes, unsigned len)
{
	uint32_t c = (unsigned char)bytes[0] & (0xffu >> (len + 1));

	if (len == 1)
		return false;
	for (unsigned i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (c >= marks[i].first && c <= marks[i].last)
			return true;
	return false;
}

/* Libvterm keeps every mark, though a cell holds few; and when the last column is full,
 * it draws one that comes in a piece of its own on the next row.  Both are left out. */
static bool
is_lost_mark(struct screen *s, unsigned len, char *out, size_t *n)
{
	VTermPos at;

	if (!is_mark(s->scan.utf8, len)) {
		s->scan.n_marks = 0;
		return false;
	}
	if (*n > 0)
		(void)vterm_input_write(s->vt, out, *n);
	*n = 0;
	vterm_state_get_cursorpos(s->state, &at);
	return ++s->scan.n_marks > SCAN_MARKS || at.col == s->cols - 1;
}

static void
put(struct screen *s, char *out, size_t *n, const char *bytes, size_t len)
{
	if (*n + len > SCAN_WRITE_BYTES) {
		(void)vterm_input_write(s->vt, out, *n);
		*n = 0;
	}
	memcpy(out + *n, bytes, len);
	*n += len;
}

/* At most SCAN_WRITE_BYTES. */
static void
feed_some(struct screen *s, const char *bytes, size_t len)
{
	struct scan *sc = &s->scan;
	char out[SCAN_WRITE_BYTES];
	size_t n = 0;

	if (sc->n_utf8 == 0 && is_ascii(bytes, len)) {
		sc->n_marks = 0;
		(void)vterm_input_write(s->vt, bytes, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (sc->n_utf8 > 0 && !goes_on(sc->utf8, sc->n_utf8, c)) {
			put(s, out, &n, replacement, 3);
			sc->n_utf8 = 0;
		}
		if (sc->n_utf8 == 0 && length_of(c) == 0) {
			put(s, out, &n, replacement, 3);
			continue;
		}
		sc->utf8[sc->n_utf8++] = (char)c;
		if (sc->n_utf8 == length_of((unsigned char)sc->utf8[0])) {
			if (!is_lost_mark(s, sc->n_utf8, out, &n))
				put(s, out, &n, sc->utf8, sc->n_utf8);
			sc->n_utf8 = 0;
		}
	}
	if (n > 0)
		(void)vterm_input_write(s->vt, out, n);
}

void
text_feed(struct screen *s, const char *bytes, size_t len)
{
	while (len > 0) {
		size_t n = len < SCAN_WRITE_BYTES ? len : SCAN_WRITE_BYTES;

		feed_some(s, bytes, n);
		bytes += n;
		len -= n;
	}
}

void
text_cut(struct screen *s)
{
	if (s->scan.n_utf8 > 0)
		(void)vterm_input_write(s->vt, replacement, 3);
	s->scan.n_utf8 = 0;
}
