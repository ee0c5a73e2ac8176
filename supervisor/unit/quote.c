/*
 * quote: splits and joins words.  Quotes may open anywhere in a word and are removed, as
 * systemd does it, although its manual promises less.
 */
#include "unit/quote.h"

#include <stdint.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/utf8.h"

static const char blanks[] = " \t\n\r";

static int
digit_of(char c, int base)
{
	int d = 99;

	if (c >= '0' && c <= '9')
		d = c - '0';
	else if (c >= 'a' && c <= 'f')
		d = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		d = c - 'A' + 10;
	return d < base ? d : -1;
}

/* Exactly n digits at p; -1 if there are not. */
static int64_t
read_digits(const char *p, int n, int base)
{
	int64_t v = 0;

	for (int i = 0; i < n; i++) {
		int d = digit_of(p[i], base);

		if (d < 0)
			return -1;
		v = v * base + d;
	}
	return v;
}

/*
 * Resolves the escape whose backslash is at p[-1].  Returns how many bytes at p it took,
 * 0 if it means nothing, -1 if it makes a NUL.
 */
static int
escape_one(const char *p, struct buf *out)
{
	static const char letters[] = "abfnrtv\\\"'s";
	static const char values[] = "\a\b\f\n\r\t\v\\\"' ";
	const char *l;
	int64_t v;
	int n;

	if (*p == '\0')
		return 0;
	l = strchr(letters, *p);
	if (l != NULL) {
		buf_addc(out, values[l - letters]);
		return 1;
	}
	if (*p == 'x' && (v = read_digits(p + 1, 2, 16)) >= 0) {
		n = 3;
	} else if (*p >= '0' && *p <= '7' && (v = read_digits(p, 3, 8)) >= 0 && v < 256) {
		n = 3;
	} else if ((*p == 'u' && (v = read_digits(p + 1, 4, 16)) >= 0) ||
		   (*p == 'U' && (v = read_digits(p + 1, 8, 16)) >= 0)) {
		if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
			return 0;
		if (v > 0) {
			utf8_put(out, (uint32_t)v);
			return *p == 'u' ? 5 : 9;
		}
		n = 0;
	} else {
		return 0;
	}
	if (v == 0)
		return -1;
	buf_addc(out, (char)v);
	return n;
}

/* One backslash at *P and what belongs to it. */
static int
take_backslash(const char **p, enum quote_mode mode, struct buf *word,
    const char **unknown, const char **why)
{
	const char *q = *p + 1;
	int n;

	if (mode == QUOTE_RETAIN) {
		buf_addc(word, '\\');
		if (*q != '\0')
			buf_addc(word, *q++);
		*p = q;
		return 0;
	}
	if (mode == QUOTE_VALUE) {
		if (*q != '\0')
			buf_addc(word, *q++);
		*p = q;
		return 0;
	}
	n = escape_one(q, word);
	if (n < 0) {
		*why = "a NUL byte cannot be part of a value";
		return -1;
	}
	if (n == 0) {
		if (unknown != NULL && *unknown == NULL)
			*unknown = *p;
		/* Kept with what follows, be it a blank. */
		buf_addc(word, '\\');
		if (*q != '\0')
			buf_addc(word, *q++);
	}
	*p = q + n;
	return 0;
}

int
quote_next(const char **p, enum quote_mode mode, struct buf *word, const char **unknown,
    const char **why)
{
	const char *q = *p + strspn(*p, blanks);
	const char *opened = NULL;
	char quote = '\0';

	buf_clear(word);
	if (*q == '\0') {
		*p = q;
		return 0;
	}
	while (*q != '\0' && (quote != '\0' || strchr(blanks, *q) == NULL)) {
		if (*q == '\\') {
			const char *at = q;

			if (take_backslash(&q, mode, word, unknown, why) == -1) {
				*p = at;
				return -1;
			}
			if (mode == QUOTE_STRICT && *unknown != NULL)
				return 0;
		} else if (quote != '\0' && *q == quote) {
			quote = '\0';
			q++;
		} else if (quote == '\0' && (*q == '"' || *q == '\'')) {
			quote = *q;
			opened = q++;
		} else {
			buf_addc(word, *q++);
		}
	}
	if (quote != '\0' && mode != QUOTE_VALUE) {
		*why = "this quote is never closed";
		*p = opened;
		return -1;
	}
	*p = q + strspn(q, blanks);
	return 1;
}

int
quote_unescape(const char *text, struct buf *out, const char **why)
{
	const char *p = text;

	while (*p != '\0') {
		if (*p != '\\')
			buf_addc(out, *p++);
		else if (take_backslash(&p, QUOTE_UNESCAPE, out, NULL, why) == -1)
			return -1;
	}
	return 0;
}

void
quote_append(struct buf *b, const char *word)
{
	const char *end = word + strlen(word);
	/* A lone `;' would separate commands. */
	bool plain = *word != '\0' && strpbrk(word, " \t\n\r\"'\\") == NULL &&
		     strcmp(word, ";") != 0;

	for (const char *p = word; plain && *p != '\0'; p++)
		plain = (unsigned char)*p >= 0x20 && *p != 0x7f;
	plain = plain && utf8_is_valid(word, strlen(word));
	if (plain) {
		buf_adds(b, word);
		return;
	}
	buf_addc(b, '"');
	for (const char *p = word; p < end; p++) {
		size_t n = utf8_seq(p, (size_t)(end - p));

		if (n > 1) {
			buf_append(b, p, n);
			p += n - 1;
		} else if (*p == '"' || *p == '\\') {
			buf_addf(b, "\\%c", *p);
		} else if (*p == '\n') {
			buf_adds(b, "\\n");
		} else if (*p == '\t') {
			buf_adds(b, "\\t");
		} else if ((unsigned char)*p < 0x20 || *p == 0x7f || n == 0) {
			buf_addf(b, "\\x%02x", (unsigned char)*p);
		} else {
			buf_addc(b, *p);
		}
	}
	buf_addc(b, '"');
}

void
quote_append_next(struct buf *b, size_t start, const char *word)
{
	if (b->len > start)
		buf_addc(b, ' ');
	quote_append(b, word);
}
