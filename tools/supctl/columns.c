/*
 * columns: see the header.  A table keeps all its cells until it is written, because the
 * width of a column is known only then; lists of supctl are some thousand rows at most.
 */
#include "columns.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

enum {
	COLUMNS_MAX = 16,
	GAP = 2,
	SHRUNK_MIN = 8, /* a column is never cut below this */
};

struct cell {
	size_t at; /* in text, escaped; not terminated */
	size_t len;
	size_t width;
	enum style style;
	bool title; /* of the first one: of the whole row */
};

struct columns {
	const char *head[COLUMNS_MAX];
	unsigned flags[COLUMNS_MAX];
	size_t n;
	struct cell *cells; /* rows of n */
	size_t rows;
	size_t cap;
	size_t at;       /* next cell of the last row */
	struct buf text; /* of all cells */
};

struct range {
	uint32_t from, to;
};

/* Combining marks, joiners, variation selectors: drawn on what stands before. */
static const struct range zero_wide[] = {
	{ 0x0300, 0x036f },
	{ 0x0483, 0x0489 },
	{ 0x0591, 0x05bd },
	{ 0x0610, 0x061a },
	{ 0x064b, 0x065f },
	{ 0x0e34, 0x0e3a },
	{ 0x0e47, 0x0e4e },
	{ 0x1ab0, 0x1aff },
	{ 0x1dc0, 0x1dff },
	{ 0x200b, 0x200f },
	{ 0x202a, 0x202e },
	{ 0x2060, 0x2064 },
	{ 0x20d0, 0x20ff },
	{ 0x302a, 0x302d },
	{ 0x3099, 0x309a },
	{ 0xfe00, 0xfe0f },
	{ 0xfe20, 0xfe2f },
	{ 0xfeff, 0xfeff },
	{ 0xe0100, 0xe01ef },
};

static const struct range two_wide[] = {
	{ 0x1100, 0x115f },
	{ 0x231a, 0x231b },
	{ 0x23e9, 0x23ec },
	{ 0x2614, 0x2615 },
	{ 0x2648, 0x2653 },
	{ 0x26a1, 0x26a1 },
	{ 0x2705, 0x2705 },
	{ 0x274c, 0x274c },
	{ 0x2e80, 0x303e },
	{ 0x3041, 0xa4cf },
	{ 0xa960, 0xa97c },
	{ 0xac00, 0xd7a3 },
	{ 0xf900, 0xfaff },
	{ 0xfe30, 0xfe6f },
	{ 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 },
	{ 0x16fe0, 0x18aff },
	{ 0x1b000, 0x1b2ff },
	{ 0x1f300, 0x1f64f },
	{ 0x1f680, 0x1f6ff },
	{ 0x1f900, 0x1faff },
	{ 0x20000, 0x3fffd },
};

static bool
in_ranges(const struct range *r, size_t n, uint32_t c)
{
	size_t i;

	for (i = 0; i < n && c >= r[i].from; i++)
		if (c <= r[i].to)
			return true;
	return false;
}

static uint32_t
decode(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;

	switch (len) {
	case 2:
		return (u[0] & 0x1fU) << 6 | (u[1] & 0x3fU);
	case 3:
		return (u[0] & 0x0fU) << 12 | (u[1] & 0x3fU) << 6 | (u[2] & 0x3fU);
	case 4:
		return (u[0] & 0x07U) << 18 | (u[1] & 0x3fU) << 12 | (u[2] & 0x3fU) << 6 |
		       (u[3] & 0x3fU);
	default:
		return u[0];
	}
}

/* Columns of the character at s, *len its bytes. */
static size_t
char_width(const char *s, size_t n, size_t *len)
{
	uint32_t c;

	*len = utf8_seq(s, n);
	if (*len == 0) {
		*len = 1;
		return 4; /* shown as \xHH */
	}
	c = decode(s, *len);
	if (c == '\n' || c == '\t' || c == '\r' || c == 0x1b)
		return 2;
	if (c < 0x20 || c == 0x7f)
		return 4;
	if (c >= 0x80 && c < 0xa0)
		return 8; /* both bytes as \xHH */
	if (c < 0x300)
		return 1;
	if (in_ranges(zero_wide, sizeof(zero_wide) / sizeof(zero_wide[0]), c))
		return 0;
	if (in_ranges(two_wide, sizeof(two_wide) / sizeof(two_wide[0]), c))
		return 2;
	return 1;
}

size_t
text_width(const char *s, size_t n)
{
	size_t width = 0;
	size_t len;

	while (n > 0) {
		/* Nearly all text is this. */
		if (*s >= 0x20 && *s < 0x7f) {
			width++;
			s++;
			n--;
			continue;
		}
		width += char_width(s, n, &len);
		s += len;
		n -= len;
	}
	return width;
}

size_t
text_fit(const char *s, size_t n, size_t width)
{
	size_t used = 0;
	size_t at = 0;
	size_t len;

	while (at < n) {
		used += char_width(s + at, n - at, &len);
		if (used > width)
			break;
		at += len;
	}
	return at;
}

static const char *
style_begin(enum style style)
{
	switch (style) {
	case STYLE_BOLD:
		return "\033[1m";
	case STYLE_DIM:
		return "\033[2m";
	case STYLE_GREEN:
		return "\033[32m";
	case STYLE_YELLOW:
		return "\033[33m";
	case STYLE_RED:
		return "\033[1;31m";
	case STYLE_NONE:
		break;
	}
	return "";
}

void
text_styled(struct buf *out, bool colour, enum style style, const char *text)
{
	bool on = colour && style != STYLE_NONE && *text != '\0';

	if (on)
		buf_adds(out, style_begin(style));
	utf8_escape_buf(out, text, strlen(text));
	if (on)
		buf_adds(out, "\033[0m");
}

struct columns *
columns_new(void)
{
	return xcalloc(1, sizeof(struct columns));
}

void
columns_free(struct columns *t)
{
	if (t == NULL)
		return;
	buf_free(&t->text);
	free(t->cells);
	free(t);
}

void
columns_add(struct columns *t, const char *head, unsigned flags)
{
	assert(t->rows == 0 && t->n < COLUMNS_MAX);
	t->head[t->n] = head;
	t->flags[t->n] = flags;
	t->n++;
}

void
columns_row(struct columns *t)
{
	assert(t->n > 0);
	if (t->rows == t->cap) {
		t->cap = t->cap == 0 ? 32 : t->cap * 2;
		t->cells = xreallocarray(t->cells, t->cap, t->n * sizeof(*t->cells));
	}
	memset(&t->cells[t->rows * t->n], 0, t->n * sizeof(*t->cells));
	t->rows++;
	t->at = 0;
}

void
columns_title(struct columns *t)
{
	columns_row(t);
	t->cells[(t->rows - 1) * t->n].title = true;
}

void
columns_cell(struct columns *t, enum style style, const char *text)
{
	struct cell *c;

	assert(t->rows > 0 && t->at < t->n);
	c = &t->cells[(t->rows - 1) * t->n + t->at++];
	c->style = style;
	if (text == NULL || *text == '\0')
		return;
	c->at = t->text.len;
	utf8_escape_buf(&t->text, text, strlen(text));
	c->len = t->text.len - c->at;
	c->width = text_width(t->text.data + c->at, c->len);
}

void
columns_cellf(struct columns *t, enum style style, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	columns_cell(t, style, text);
	free(text);
}

/* Takes from the widest column that may shrink until the row fits or nothing is left. */
static void
shrink(const struct columns *t, size_t *w, size_t total, size_t width)
{
	size_t widest;
	size_t i;

	while (total > width) {
		widest = t->n;
		for (i = 0; i < t->n; i++)
			if ((t->flags[i] & COL_SHRINK) != 0 && w[i] > SHRUNK_MIN &&
			    (widest == t->n || w[i] > w[widest]))
				widest = i;
		if (widest == t->n)
			return;
		w[widest]--;
		total--;
	}
}

static void
pad(struct buf *out, size_t n)
{
	memset(buf_reserve(out, n), ' ', n);
	buf_grew(out, n);
}

static void
write_cell(struct buf *out, const char *text, size_t len, size_t width, size_t room,
    unsigned flags, enum style style, bool colour, bool last)
{
	bool cut = width > room;
	bool on = colour && style != STYLE_NONE && len > 0;

	if (cut) {
		len = text_fit(text, len, room - 1);
		width = text_width(text, len) + 1;
	}
	if ((flags & COL_RIGHT) != 0)
		pad(out, room - width);
	if (on)
		buf_adds(out, style_begin(style));
	buf_append(out, text, len);
	if (cut)
		buf_adds(out, "…");
	if (on)
		buf_adds(out, "\033[0m");
	if ((flags & COL_RIGHT) == 0 && !last)
		pad(out, room - width);
	if (!last)
		pad(out, GAP);
}

static void
write_title(const struct columns *t, struct buf *out, const struct cell *c, bool colour)
{
	for (size_t i = 0; i < t->n; i++) {
		bool on = colour && c[i].style != STYLE_NONE && c[i].len > 0;

		if (on)
			buf_adds(out, style_begin(c[i].style));
		buf_append(out, t->text.data + c[i].at, c[i].len);
		if (on)
			buf_adds(out, "\033[0m");
	}
	buf_addc(out, '\n');
}

void
columns_write(
    const struct columns *t, struct buf *out, size_t width, bool colour, bool head)
{
	size_t w[COLUMNS_MAX] = { 0 };
	size_t total = 0;
	size_t used;
	size_t row, i;
	const struct cell *c;

	for (i = 0; i < t->n; i++) {
		if (head)
			w[i] = text_width(t->head[i], strlen(t->head[i]));
		for (row = 0; row < t->rows; row++)
			if (!t->cells[row * t->n].title &&
			    t->cells[row * t->n + i].width > w[i])
				w[i] = t->cells[row * t->n + i].width;
		total += w[i] + (i == 0 ? 0 : GAP);
	}
	if (width > 0)
		shrink(t, w, total, width);
	for (i = 0; head && i < t->n; i++)
		write_cell(out, t->head[i], strlen(t->head[i]),
		    text_width(t->head[i], strlen(t->head[i])), w[i], t->flags[i],
		    STYLE_BOLD, colour, i + 1 == t->n);
	if (head)
		buf_addc(out, '\n');
	for (row = 0; row < t->rows; row++) {
		c = &t->cells[row * t->n];
		if (c->title) {
			write_title(t, out, c, colour);
			continue;
		}
		used = t->n; /* no blanks at the end of a line */
		while (used > 0 && c[used - 1].len == 0)
			used--;
		for (i = 0; i < used; i++)
			write_cell(out, buf_str(&t->text) + c[i].at, c[i].len, c[i].width,
			    w[i], t->flags[i], c[i].style, colour, i + 1 == used);
		buf_addc(out, '\n');
	}
}
