/*
 * utf8: validation by the table of the Unicode standard (3-7), and showing what is not
 * text.  Must not allocate in the parts that log.c uses.
 */
#include "lib/utf8.h"

#include <stdint.h>
#include <string.h>

#include "lib/buf.h"

static bool
is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Bytes of the character that this one begins, 0 if it begins none. */
static size_t
length_by_first(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if (c >= 0xe0 && c <= 0xef)
		return 3;
	return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

size_t
utf8_seq(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	size_t len;

	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	len = length_by_first(p[0]);
	if (len == 0 || n < len)
		return 0;
	/* The second byte rules out overlong forms, surrogates and what is too large. */
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if (!is_tail(p[i]))
			return 0;
	}
	return len;
}

size_t
utf8_unfinished(const char *s, size_t n)
{
	for (size_t back = 1; back <= 3 && back <= n; back++) {
		const char *p = s + n - back;
		size_t len = length_by_first((unsigned char)*p);
		char whole[4];

		if (is_tail((unsigned char)*p))
			continue;
		if (len <= back)
			return 0;
		/* Could it become one?  (After the second byte any tail will do.) */
		memset(whole, 0x80, sizeof(whole));
		memcpy(whole, p, back);
		return back == 1 || utf8_seq(whole, len) == len ? back : 0;
	}
	return 0;
}

/* Length of the longest valid prefix. */
static size_t
valid_prefix(const char *s, size_t n)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	size_t i = 0;

	while (i < n) {
		uint64_t eight;

		/* Nearly all text is ASCII. */
		if (n - i >= sizeof(eight)) {
			memcpy(&eight, s + i, sizeof(eight));
			if ((eight & high) == 0) {
				i += sizeof(eight);
				continue;
			}
		}
		size_t len = utf8_seq(s + i, n - i);

		if (len == 0)
			break;
		i += len;
	}
	return i;
}

bool
utf8_is_valid(const char *s, size_t n)
{
	return valid_prefix(s, n) == n;
}

void
utf8_clean(struct buf *out, const char *s, size_t n)
{
	for (;;) {
		size_t good = valid_prefix(s, n);

		buf_append(out, s, good);
		s += good;
		n -= good;
		if (n == 0)
			return;
		buf_append(out, "\xef\xbf\xbd", 3);
		s++;
		n--;
	}
}

/* True when a cut at i would part a character. */
static bool
is_inside(const char *s, size_t n, size_t i)
{
	/* A start is at most three bytes before; bytes that are no UTF-8 are never glued.
	 */
	for (size_t back = 1; back <= 3 && back <= i; back++) {
		size_t len = utf8_seq(s + i - back, n - (i - back));

		if (len > back)
			return true;
		if (len != 0)
			return false;
	}
	return false;
}

size_t
utf8_tail(const char *s, size_t n, size_t max)
{
	size_t i = n > max ? n - max : 0;

	while (i < n && is_inside(s, n, i))
		i++;
	return i;
}

size_t
utf8_head(const char *s, size_t n, size_t max)
{
	size_t i = n > max ? max : n;

	while (i > 0 && i < n && is_inside(s, n, i))
		i--;
	return i;
}

/* Characters that turn what is around them about, or break the line: U+061C, U+200E,
 * U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static bool
is_turning(const unsigned char *s, size_t seq)
{
	if (seq == 2)
		return s[0] == 0xd8 && s[1] == 0x9c;
	if (seq != 3 || s[0] != 0xe2)
		return false;
	if (s[1] == 0x80)
		return s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae);
	return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
}

/* Length of what is shown as it is: printable ASCII. */
static size_t
plain_prefix(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] < 0x7f)
		i++;
	return i;
}

/*
 * Puts one character, shown safely, into out (at least 8 bytes, not terminated).  Returns
 * how many bytes of s it took; *len is what was written.
 */
static size_t
escape_one(char out[static 8], size_t *len, const char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)s[0];
	size_t seq = utf8_seq(s, n);
	char letter = 0;

	if (is_turning((const unsigned char *)s, seq)) {
		unsigned u = seq == 2 ? (c & 0x1fU) << 6 | ((unsigned char)s[1] & 0x3fU)
				      : (c & 0x0fU) << 12 |
					    ((unsigned char)s[1] & 0x3fU) << 6 |
					    ((unsigned char)s[2] & 0x3fU);

		out[0] = '\\';
		out[1] = 'u';
		for (int i = 0; i < 4; i++)
			out[2 + i] = hex[u >> (12 - 4 * i) & 15];
		*len = 6;
		return seq;
	}
	/* U+0080 to U+009F are valid UTF-8, yet terminals obey them. */
	if (seq > 1 && !(seq == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0)) {
		memcpy(out, s, seq);
		*len = seq;
		return seq;
	}
	if (seq == 1 && c >= 0x20 && c != 0x7f) {
		out[0] = s[0];
		*len = 1;
		return 1;
	}
	if (c == '\n')
		letter = 'n';
	else if (c == '\t')
		letter = 't';
	else if (c == '\r')
		letter = 'r';
	else if (c == 0x1b)
		letter = 'e';
	out[0] = '\\';
	if (letter != 0) {
		out[1] = letter;
		*len = 2;
		return 1;
	}
	if (seq == 2)
		c = (unsigned char)s[1];
	out[1] = 'x';
	out[2] = hex[c >> 4];
	out[3] = hex[c & 15];
	*len = 4;
	return seq == 2 ? 2 : 1;
}

size_t
utf8_escape(char *dst, size_t size, const char *s, size_t n)
{
	size_t at = 0;

	if (size == 0)
		return 0;
	while (n > 0) {
		char piece[8];
		size_t len;
		size_t took = escape_one(piece, &len, s, n);

		if (at + len + 1 > size)
			break;
		memcpy(dst + at, piece, len);
		at += len;
		s += took;
		n -= took;
	}
	dst[at] = '\0';
	return at;
}

void
utf8_escape_buf(struct buf *out, const char *s, size_t n)
{
	while (n > 0) {
		char piece[8];
		size_t len = plain_prefix(s, n), took;

		buf_append(out, s, len);
		s += len;
		n -= len;
		if (n == 0)
			return;
		took = escape_one(piece, &len, s, n);
		buf_append(out, piece, len);
		s += took;
		n -= took;
	}
}

void
utf8_put(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(out, (char)c);
	} else if (c < 0x800) {
		buf_addc(out, (char)(0xc0 | c >> 6));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addc(out, (char)(0xe0 | c >> 12));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | c >> 18));
		buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	}
}

size_t
utf8_cut(char *dst, size_t max, const char *s, size_t n)
{
	static const char dots[] = "\xe2\x80\xa6";
	size_t head = n;

	if (n > max)
		head = utf8_head(s, n, max - (sizeof(dots) - 1));
	memcpy(dst, s, head);
	if (head == n)
		return n;
	memcpy(dst + head, dots, sizeof(dots) - 1);
	return head + sizeof(dots) - 1;
}
