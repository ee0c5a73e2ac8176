/*
 * stamp: see the header.
 */
#include "logger/stamp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/utf8.h"

enum {
	PREFIX_MAX = LINE_TS_MAX + 320,
	PREFIX_SHORT = 64,
};

void
stamp_clock_set(struct stamp_clock *c, const struct line_style *style, uint64_t wall_us)
{
	uint64_t second = wall_us / USEC_PER_SEC;
	bool same = second == c->second && style->utc == c->style.utc &&
		    style->precision == c->style.precision;

	if (second != c->second)
		clock_day(c->day, sizeof(c->day), wall_us);
	c->style = *style;
	c->wall_us = wall_us;
	c->second = second;
	if (same && style->precision > 0 && c->len > 20) {
		char digits[8];
		unsigned frac = (unsigned)(wall_us % USEC_PER_SEC);

		snprintf(digits, sizeof(digits), "%06u", frac);
		memcpy(c->text + 20, digits, (size_t)style->precision);
	} else if (!same) {
		c->len = line_format_ts(c->text, style, wall_us);
	}
}

bool
stamp_next(
    const char *data, size_t len, size_t at, size_t line_max, struct stamp_piece *p)
{
	const char *end = memchr(data + at, '\n', len - at);
	size_t n = end != NULL ? (size_t)(end - data) - at : len - at;

	p->at = at;
	if (n <= line_max) {
		if (end == NULL)
			return false;
		p->len = n;
		p->next = at + n + 1;
		p->mark = LINE_WHOLE;
		return true;
	}
	p->len = utf8_head(data + at, n, line_max);
	if (p->len == 0 || p->len + 4 < line_max)
		p->len = line_max; /* not text: nowhere to cut better */
	p->next = at + p->len;
	p->mark = LINE_SPLIT;
	return true;
}

struct prefix {
	char text[PREFIX_MAX];
	size_t len;
};

static void
make_prefix(struct prefix *p, const struct stamp *s, enum line_mark mark)
{
	static const char *const marks[] = {
		[LINE_WHOLE] = "", [LINE_SPLIT] = "+", [LINE_UNFINISHED] = "~"
	};
	int n;

	p->len = 0;
	if (s->clock->style.format == LINE_RAW)
		return;
	n = snprintf(p->text, sizeof(p->text), "%s [%s:%s%s] ", s->clock->text, s->name,
	    line_stream_name(s->stream), marks[mark]);
	p->len = n < 0 ? 0 : (size_t)n;
	if (p->len >= sizeof(p->text))
		p->len = sizeof(p->text) - 1;
}

static void
add_piece(struct buf *out, const struct stamp *s, const char *text, size_t n,
    enum line_mark mark)
{
	struct line l = { .stream = s->stream,
		.mark = mark,
		.name = s->name,
		.name_len = strlen(s->name),
		.text = text,
		.text_len = n };
	struct prefix p;

	if (s->clock->style.format != LINE_TEXT) {
		line_format_with_ts(out, &s->clock->style, s->clock->text, &l);
		return;
	}
	make_prefix(&p, s, mark);
	buf_append(out, p.text, p.len);
	buf_append(out, text, n);
	buf_addc(out, '\n');
}

/*
 * Whole lines from offset at, as most are: the stamp, then the text with its newline.
 * This loop is what a flood of short lines costs.  Returns where it came to: at a line
 * that is too long or unfinished, or beyond out_max.
 */
static size_t
add_whole_lines(struct buf *out, const struct stamp *s, const struct prefix *p,
    const char *data, size_t len, size_t at, uint64_t *lines)
{
	const char *end;

	while (at < len && (out->len <= s->out_max || at < s->least) &&
	       (end = memchr(data + at, '\n', len - at)) != NULL) {
		size_t n = (size_t)(end - data) - at + 1;
		char *to;

		if (n - 1 > s->line_max)
			break;
		to = buf_reserve(out, PREFIX_MAX + n);
		if (p->len <= PREFIX_SHORT)
			memcpy(to, p->text, PREFIX_SHORT); /* a fixed size is inline */
		else
			memcpy(to, p->text, p->len);
		memcpy(to + p->len, data + at, n);
		buf_grew(out, p->len + n);
		(*lines)++;
		at += n;
	}
	return at;
}

size_t
stamp_lines(struct buf *out, const struct stamp *s, const char *data, size_t len,
    uint64_t *lines, bool *full)
{
	bool text = s->clock->style.format == LINE_TEXT;
	struct stamp_piece p;
	struct prefix whole = { 0 };
	size_t at = 0;

	*full = false;
	make_prefix(&whole, s, LINE_WHOLE);
	for (;;) {
		if (text)
			at = add_whole_lines(out, s, &whole, data, len, at, lines);
		if (at >= len || !stamp_next(data, len, at, s->line_max, &p))
			break;
		if (out->len > s->out_max && at >= s->least) {
			*full = true;
			return at;
		}
		add_piece(out, s, data + p.at, p.len, p.mark);
		(*lines)++;
		at = p.next;
	}
	if (s->final && at < len) {
		add_piece(out, s, data + at, len - at, LINE_UNFINISHED);
		(*lines)++;
		at = len;
	}
	return at;
}

void
stamp_note(struct buf *out, const struct stamp *s, const char *fmt, ...)
{
	struct stamp note = *s;
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || s->clock->style.format == LINE_RAW)
		return;
	note.stream = LINE_NOTE;
	add_piece(out, &note, text, strlen(text), LINE_WHOLE);
}
