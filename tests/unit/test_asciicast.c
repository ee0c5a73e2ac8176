/*
 * Lines of a recording: whole characters, valid JSON, bounded, and nothing of the text
 * lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../seed.h"
#include "lib/asciicast.h"
#include "lib/buf.h"
#include "lib/json.h"
#include "lib/utf8.h"

static void
test_header(void **state)
{
	struct buf b = { 0 };
	struct jv *v;

	(void)state;
	asciicast_header(&b, 80, 24, UINT64_C(1795257045123456), "a \"b\"\n.service");
	assert_string_equal(buf_str(&b),
	    "{\"version\":2,\"width\":80,\"height\":24,\"timestamp\":1795257045,"
	    "\"title\":\"a "
	    "\\\"b\\\"\\n.service\",\"env\":{\"TERM\":\"xterm-256color\"}}\n");
	v = jv_parse(b.data, b.len, NULL);
	assert_non_null(v);
	jv_free(v);
	buf_free(&b);
}

static void
assert_event(const char *s, size_t n, bool last, size_t taken, const char *want)
{
	struct buf b = { 0 };

	assert_int_equal(
	    asciicast_event(&b, 1500001, ASCIICAST_OUTPUT, s, n, last, 200), taken);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
test_events(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_event("ok", 2, false, 2, "[1.500001, \"o\", \"ok\"]\n");
	assert_event("", 0, false, 0, "");
	assert_event("", 0, true, 0, "");
	assert_event("\033[m\"\\\r\n\x7f\0", 9, false, 9,
	    "[1.500001, \"o\", \"\\u001b[m\\\"\\\\\\u000d\\u000a\\u007f\\u0000\"]\n");
	assert_event("a\xe2\x82", 3, false, 1, "[1.500001, \"o\", \"a\"]\n");
	assert_event("\xe2\x82", 2, false, 0, "");
	assert_event(
	    "\xe2\x82", 2, true, 2, "[1.500001, \"o\", \"\xef\xbf\xbd\xef\xbf\xbd\"]\n");
	assert_event("\xe2\x82\xac\xff", 4, false, 4,
	    "[1.500001, \"o\", \"\xe2\x82\xac\xef\xbf\xbd\"]\n");
	asciicast_resize(&b, 0, 1000, 500);
	assert_string_equal(buf_str(&b), "[0.000000, \"r\", \"1000x500\"]\n");
	buf_free(&b);
}

/* The text of the events that came out, by a reader of JSON. */
static void
read_events(const struct buf *lines, size_t max, struct buf *out)
{
	const char *s = buf_str(lines), *end;

	for (; (end = strchr(s, '\n')) != NULL; s = end + 1) {
		struct jv *v = jv_parse(s, (size_t)(end - s), NULL);
		const char *text;
		size_t n;

		assert_true((size_t)(end - s) + 1 <= max);
		assert_int_equal(jv_count(v), 3);
		assert_string_equal(jv_str(jv_at(v, 1), ""), "o");
		text = jv_strn(jv_at(v, 2), &n);
		assert_non_null(text);
		assert_true(n > 0);
		buf_append(out, text, n);
		jv_free(v);
	}
	assert_int_equal(*s, '\0');
}

/* Any bytes, cut anywhere, into lines of any length: what comes out is the same text. */
static void
test_any_bytes_cut_anywhere(void **state)
{
	static const char *const pieces[] = { "a", "\xc3\xa9", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\033[1m", "\"\\", "\xff", "\xe2\x82", "\xf0\x90",
		"\xc0", "\x80", "\xed\xa0\x80", "\r\n", "\x7f" };

	(void)state;
	srand((unsigned)seed_of(NULL));
	for (int round = 0; round < 2000; round++) {
		struct buf text = { 0 }, want = { 0 }, got = { 0 }, lines = { 0 };
		struct buf carry = { 0 };
		size_t max = ASCIICAST_LINE_MIN + (size_t)rand() % 200, at = 0;

		for (int i = rand() % 100; i >= 0; i--)
			buf_adds(&text, pieces[(size_t)rand() %
					       (sizeof(pieces) / sizeof(pieces[0]))]);
		utf8_clean(&want, text.data, text.len);
		while (at < text.len) {
			size_t n = 1 + (size_t)rand() % 20, used, done = 0;
			bool last;

			n = n < text.len - at ? n : text.len - at;
			buf_append(&carry, text.data + at, n);
			at += n;
			last = at == text.len;
			while ((used = asciicast_event(&lines, 1, ASCIICAST_OUTPUT,
				    carry.data + done, carry.len - done, last, max)) > 0)
				done += used;
			buf_consume(&carry, done);
			assert_true(carry.len <= (last ? 0 : 3));
		}
		read_events(&lines, max, &got);
		assert_int_equal(got.len, want.len);
		assert_memory_equal(got.data, want.data, want.len);
		buf_free(&text);
		buf_free(&want);
		buf_free(&got);
		buf_free(&lines);
		buf_free(&carry);
	}
}

/* What is held back can become a character, and what can is held back. */
static void
test_unfinished(void **state)
{
	unsigned char s[4];

	(void)state;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			size_t n = 2, got;
			bool could = false;

			s[0] = (unsigned char)a;
			s[1] = (unsigned char)b;
			got = utf8_unfinished((const char *)s, n);
			for (unsigned c = 0x80; c < 0xc0 && !could; c += 0x3f) {
				s[2] = (unsigned char)c;
				s[3] = 0x80;
				could = utf8_seq((const char *)s, 3) == 3 ||
					utf8_seq((const char *)s, 4) == 4;
			}
			if (could)
				assert_int_equal(got, 2);
			else if (b >= 0xc2 && b <= 0xf4)
				assert_int_equal(got, 1);
			else
				assert_int_equal(got, 0);
		}
	}
	assert_int_equal(utf8_unfinished("", 0), 0);
	assert_int_equal(utf8_unfinished("\xf0\x9f\x98", 3), 3);
	assert_int_equal(utf8_unfinished("\xf0\x9f\x98\x80", 4), 0);
	assert_int_equal(utf8_unfinished("\xe2\x82\xac", 3), 0);
	assert_int_equal(utf8_unfinished("a\x80\x80\x80", 4), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_any_bytes_cut_anywhere),
		cmocka_unit_test(test_unfinished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
