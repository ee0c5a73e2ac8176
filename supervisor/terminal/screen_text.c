/*
 * screen_text: hands text on to libvterm as valid UTF-8, and characters whole.  It reads
 * one wrongly that comes in two pieces, so the beginning of one waits here for its end.
 */
#include <string.h>

#include "lib/utf8.h"
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

static bool
is_mark(const char *bytes, unsigned len)
{
	uint32_t c = (unsigned char)bytes[0] & (0xffu >> (len + 1));

	if (len == 1)
		return false;
	for (unsigned i = 1; i < len; i++)
		c = c << 6 | ((unsigned char)bytes[i] & 0x3f);
	return screen_width(c) == 0;
}

static void
write_text(struct screen *s, const char *bytes, size_t len)
{
	s->writing = true;
	(void)vterm_input_write(s->vt, bytes, len);
	s->writing = false;
	if ((s->modes & MODE_INSERT) != 0)
		screen_mend(s, s->cursor.row, s->cursor.row + 1, false);
}

static void
flush(struct screen *s, const char *out, size_t *n)
{
	if (*n > 0)
		write_text(s, out, *n);
	*n = 0;
}

/* A mark is drawn over the character right before the cursor, if that was the last thing
 * written.  libvterm keeps every one, though a cell holds few, and draws what it cannot
 * place on a character of its own: those are left out. */
static bool
may_mark(struct screen *s)
{
	int col = s->full ? s->last.col : s->last.col + s->last_cols;

	return s->fresh && s->cursor.row == s->last.row && s->cursor.col == col &&
	       s->scan.n_marks < SCAN_MARKS;
}

/* Over a character that filled its row, which libvterm takes for none: it is written
 * again, with the mark. */
static void
mark_last(struct screen *s, const char *bytes, size_t len)
{
	VTermScreenCell pen = screen_pen(s), cell;
	struct buf text = { 0 }, seq = { 0 };

	if (!screen_cell(s, s->last.row, s->last.col, &cell))
		return;
	screen_go_to(s, s->last.row, s->last.col);
	draw_pen(&cell, true, &seq);
	screen_write_own(s, seq.data, seq.len);
	screen_put_cell(&cell, &text);
	buf_append(&text, bytes, len);
	write_text(s, text.data, text.len);
	buf_clear(&seq);
	draw_pen(&pen, true, &seq);
	screen_write_own(s, seq.data, seq.len);
	buf_free(&text);
	buf_free(&seq);
}

/* A whole character. */
static void
add(struct screen *s, char *out, size_t *n, const char *bytes, unsigned len)
{
	unsigned marks;

	if (is_mark(bytes, len)) {
		flush(s, out, n);
		if (!may_mark(s))
			return;
		marks = s->scan.n_marks;
		if (s->full)
			mark_last(s, bytes, len);
		else
			write_text(s, bytes, len);
		s->scan.n_marks = marks + 1;
		return;
	}
	if (*n + len > SCAN_WRITE_BYTES)
		flush(s, out, n);
	memcpy(out + *n, bytes, len);
	*n += len;
}

/* What the charsets make of characters, so that libvterm, which does not join a mark to
 * what comes by another charset, needs none. */
static const uint16_t drawn_lines[] = { ' ', 0x25c6, 0x2592, 0x2409, 0x240c, 0x240d,
	0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c,
	0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c, 0x2502,
	0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7 };

enum { FIRST_LINE = '_', LAST_LINE = '~' };

static void
add_ascii(struct screen *s, char *out, size_t *n, char c)
{
	char set = s->charsets.set[s->charsets.used];
	struct buf text = { 0 };

	if (set == '0' && c >= FIRST_LINE && c <= LAST_LINE)
		utf8_put(&text, drawn_lines[c - FIRST_LINE]);
	else if (set == 'A' && c == '#')
		utf8_put(&text, 0x00a3);
	else
		buf_addc(&text, c);
	add(s, out, n, text.data, (unsigned)text.len);
	buf_free(&text);
}

/* At most SCAN_WRITE_BYTES. */
static void
feed_some(struct screen *s, const char *bytes, size_t len)
{
	struct scan *sc = &s->scan;
	char out[SCAN_WRITE_BYTES];
	size_t n = 0;

	bool ascii = s->charsets.set[s->charsets.used] == 'B';

	if (sc->n_utf8 == 0 && ascii && is_ascii(bytes, len)) {
		write_text(s, bytes, len);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (sc->n_utf8 > 0 && !goes_on(sc->utf8, sc->n_utf8, c)) {
			add(s, out, &n, replacement, 3);
			sc->n_utf8 = 0;
		}
		if (sc->n_utf8 == 0 && length_of(c) == 0) {
			add(s, out, &n, replacement, 3);
			continue;
		}
		if (c < 0x80 && !ascii) {
			add_ascii(s, out, &n, (char)c);
			continue;
		}
		sc->utf8[sc->n_utf8++] = (char)c;
		if (sc->n_utf8 == length_of((unsigned char)sc->utf8[0])) {
			add(s, out, &n, sc->utf8, sc->n_utf8);
			sc->n_utf8 = 0;
		}
	}
	flush(s, out, &n);
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
	if (s->scan.n_utf8 == 0)
		return;
	s->scan.n_utf8 = 0;
	write_text(s, replacement, 3);
}
