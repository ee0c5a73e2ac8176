/*
 * line: see the header.
 */
#include "journal/line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

enum { SECOND_LEN = 19 }; /* 2026-11-21T10:30:45 */

static const char *const stream_names[LINE_NSTREAMS] = {
	[LINE_STDOUT] = "stdout",
	[LINE_STDERR] = "stderr",
	[LINE_NOTE] = "supd",
};

const char *
line_stream_name(enum line_stream s)
{
	return (unsigned)s < LINE_NSTREAMS ? stream_names[s] : "?";
}

static int
stream_parse(const char *s, size_t n)
{
	for (int i = 0; i < LINE_NSTREAMS; i++)
		if (strlen(stream_names[i]) == n && memcmp(stream_names[i], s, n) == 0)
			return i;
	return -1;
}

int
line_stream_parse(const char *s)
{
	return stream_parse(s, strlen(s));
}

size_t
line_format_ts(char dst[LINE_TS_MAX], const struct line_style *style, uint64_t wall_us)
{
	time_t t = (time_t)(wall_us / USEC_PER_SEC);
	unsigned frac = (unsigned)(wall_us % USEC_PER_SEC);
	struct tm tm;
	size_t n;

	if ((style->utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) == NULL)
		memset(&tm, 0, sizeof(tm));
	n = strftime(dst, LINE_TS_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (style->precision == 3)
		n += (size_t)snprintf(dst + n, LINE_TS_MAX - n, ".%03u", frac / 1000);
	else if (style->precision == 6)
		n += (size_t)snprintf(dst + n, LINE_TS_MAX - n, ".%06u", frac);
	if (style->utc)
		n += (size_t)snprintf(dst + n, LINE_TS_MAX - n, "Z");
	return n;
}

/* ---- JSON ---- */

static void
add_hex(struct buf *out, const char *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *p = buf_reserve(out, n * 2);

	for (size_t i = 0; i < n; i++) {
		*p++ = digits[(unsigned char)s[i] >> 4];
		*p++ = digits[(unsigned char)s[i] & 15];
	}
	buf_grew(out, n * 2);
}

static void
format_json(struct buf *out, const char *ts, const struct line *l)
{
	buf_addf(out, "{\"ts\":\"%s\",\"name\":\"", ts);
	json_escape(out, l->name, l->name_len);
	buf_addf(out, "\",\"stream\":\"%s\"", line_stream_name(l->stream));
	if (l->mark != LINE_WHOLE)
		buf_addf(out, ",\"mark\":\"%s\"",
		    l->mark == LINE_SPLIT ? "split" : "unfinished");
	buf_adds(out, ",\"line\":\"");
	json_escape(out, l->text, l->text_len);
	if (!utf8_is_valid(l->text, l->text_len)) {
		buf_adds(out, "\",\"hex\":\"");
		add_hex(out, l->text, l->text_len);
	}
	buf_adds(out, "\"}\n");
}

void
line_format_with_ts(
    struct buf *out, const struct line_style *style, const char *ts, const struct line *l)
{
	static const char marks[] = { [LINE_SPLIT] = '+', [LINE_UNFINISHED] = '~' };

	if (style->format == LINE_RAW) {
		/* Never a byte more than the program wrote. */
		buf_append(out, l->text, l->text_len);
		if (l->mark == LINE_WHOLE)
			buf_addc(out, '\n');
		return;
	}
	if (style->format == LINE_JSON) {
		format_json(out, ts, l);
		return;
	}
	buf_adds(out, ts);
	buf_adds(out, " [");
	buf_append(out, l->name, l->name_len);
	buf_addc(out, ':');
	buf_adds(out, line_stream_name(l->stream));
	if (l->mark != LINE_WHOLE)
		buf_addc(out, marks[l->mark]);
	buf_adds(out, "] ");
	buf_append(out, l->text, l->text_len);
	buf_addc(out, '\n');
}

void
line_format(struct buf *out, const struct line_style *style, const struct line *l)
{
	char ts[LINE_TS_MAX];

	line_format_ts(ts, style, l->wall_us);
	line_format_with_ts(out, style, ts, l);
}

/* ---- reading ---- */

static void
set_raw(const char *s, size_t n, struct line *l)
{
	memset(l, 0, sizeof(*l));
	l->name = "";
	l->text = s;
	l->text_len = n;
}

/* "….123Z": the length of fraction and zone at s, or -1. */
static int
parse_fraction(const char *s, size_t n, uint64_t *us, bool *utc)
{
	uint64_t v = 0, unit = USEC_PER_SEC;
	size_t i = 0;

	if (i < n && s[i] == '.') {
		size_t from = ++i;

		for (; i < n && s[i] >= '0' && s[i] <= '9' && unit > 1; i++) {
			unit /= 10;
			v += (uint64_t)(s[i] - '0') * unit;
		}
		if (i == from)
			return -1;
	}
	*utc = i < n && s[i] == 'Z';
	*us = v;
	return (int)(i + *utc);
}

/* The time stamp at s: its length, or 0. */
static size_t
parse_ts(struct line_parser *p, const char *s, size_t n, uint64_t *wall_us)
{
	uint64_t frac;
	char text[24];
	bool utc;
	int more;

	if (n < SECOND_LEN || s[10] != 'T' || s[0] < '0' || s[0] > '9')
		return 0;
	more = parse_fraction(s + SECOND_LEN, n - SECOND_LEN, &frac, &utc);
	if (more == -1)
		return 0;
	if (utc != p->second_utc || memcmp(p->second, s, SECOND_LEN) != 0) {
		uint64_t us;

		memcpy(text, s, SECOND_LEN);
		text[SECOND_LEN] = utc ? 'Z' : '\0';
		text[SECOND_LEN + utc] = '\0';
		if (clock_parse(text, &us) == -1)
			return 0;
		memcpy(p->second, s, SECOND_LEN);
		p->second_utc = utc;
		p->second_us = us;
	}
	*wall_us = p->second_us + frac;
	return SECOND_LEN + (size_t)more;
}

/* "name:stream" with its mark. */
static bool
parse_label(const char *s, size_t n, struct line *l)
{
	const char *colon = memrchr(s, ':', n);
	size_t len;
	int stream;

	if (colon == NULL || colon == s)
		return false;
	len = (size_t)(s + n - colon) - 1;
	l->mark = LINE_WHOLE;
	if (len > 0 && (colon[len] == '+' || colon[len] == '~'))
		l->mark = colon[len--] == '+' ? LINE_SPLIT : LINE_UNFINISHED;
	stream = stream_parse(colon + 1, len);
	if (stream == -1)
		return false;
	l->stream = (enum line_stream)stream;
	l->name = s;
	l->name_len = (size_t)(colon - s);
	return true;
}

static bool
parse_text(struct line_parser *p, const char *s, size_t n, struct line *l)
{
	size_t ts = parse_ts(p, s, n, &l->wall_us);
	const char *end;

	if (ts == 0 || n < ts + 2 || memcmp(s + ts, " [", 2) != 0)
		return false;
	s += ts + 2;
	n -= ts + 2;
	/* A label is bounded, so that hostile text costs no long search. */
	end = memchr(s, ']', n < sizeof(p->name) + 16 ? n : sizeof(p->name) + 16);
	if (end == NULL || (size_t)(end - s) + 2 > n || end[1] != ' ' ||
	    !parse_label(s, (size_t)(end - s), l))
		return false;
	l->text = end + 2;
	l->text_len = n - (size_t)(end - s) - 2;
	return true;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
unhex(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		int hi = hex_value(s[i]), lo = hex_value(s[i + 1]);

		if (hi == -1 || lo == -1)
			return false;
		buf_addc(out, (char)(hi << 4 | lo));
	}
	return n % 2 == 0;
}

static bool
read_json(struct line_parser *p, const struct jv *v, struct line *l)
{
	const char *ts = jv_str(jv_get(v, "ts"), NULL), *hex, *text;
	const char *name = jv_str(jv_get(v, "name"), NULL);
	const char *mark = jv_str(jv_get(v, "mark"), "");
	int stream = line_stream_parse(jv_str(jv_get(v, "stream"), ""));
	size_t n;

	if (ts == NULL || name == NULL || stream == -1 ||
	    parse_ts(p, ts, strlen(ts), &l->wall_us) != strlen(ts))
		return false;
	text = jv_strn(jv_get(v, "line"), &n);
	if (text == NULL)
		return false;
	buf_clear(p->text);
	hex = jv_str(jv_get(v, "hex"), NULL);
	if (hex == NULL)
		buf_append(p->text, text, n);
	else if (!unhex(p->text, hex, strlen(hex)))
		return false;
	l->name_len = strlen(name) < sizeof(p->name) ? strlen(name) : sizeof(p->name) - 1;
	memcpy(p->name, name, l->name_len);
	l->name = p->name;
	l->stream = (enum line_stream)stream;
	l->mark = LINE_WHOLE;
	if (mark[0] != '\0')
		l->mark = strcmp(mark, "split") == 0 ? LINE_SPLIT : LINE_UNFINISHED;
	l->text = buf_str(p->text);
	l->text_len = p->text->len;
	return true;
}

static bool
parse_json(struct line_parser *p, const char *s, size_t n, struct line *l)
{
	struct jv *v = jv_parse(s, n, NULL);
	bool ok;

	if (v == NULL)
		return false;
	if (p->text == NULL)
		p->text = xcalloc(1, sizeof(*p->text));
	ok = read_json(p, v, l);
	jv_free(v);
	return ok;
}

void
line_parse(struct line_parser *p, const char *s, size_t n, struct line *l)
{
	static const char json[] = "{\"ts\":\"";
	struct line got = { 0 };
	bool ok;

	if (n > sizeof(json) && memcmp(s, json, sizeof(json) - 1) == 0)
		ok = parse_json(p, s, n, &got);
	else
		ok = parse_text(p, s, n, &got);
	if (ok)
		*l = got;
	else
		set_raw(s, n, l);
}

void
line_parser_clear(struct line_parser *p)
{
	if (p->text != NULL)
		buf_free(p->text);
	free(p->text);
	memset(p, 0, sizeof(*p));
}
