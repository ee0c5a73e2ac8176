/*
 * The screen: what it shows, the lines for the log, and the two promises that hold for
 * any bytes: pieces do not matter, and what draws a screen makes an equal one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "terminal/screen.h"

static void
on_line(void *arg, const char *text, size_t len)
{
	struct buf *out = arg;

	assert_null(memchr(text, '\n', len));
	buf_append(out, text, len);
	buf_addc(out, '|');
}

static struct screen *
new_screen(uint16_t rows, uint16_t cols, struct buf *lines)
{
	struct screen_ops ops = { .line = on_line, .arg = lines };

	return screen_new(rows, cols, &ops);
}

static const struct lines_case {
	const char *name, *bytes, *live, *all; /* before and after the end */
} lines_cases[] = {
	{ "a line is told at once", "hello\r\n", "hello|", "hello|" },
	{ "the last without a line feed, at the end", "a\r\nb", "a|", "a|b|" },
	{ "an empty one", "a\r\n\r\nb\r\n", "a||b|", "a||b|" },
	{ "more than the screen has rows", "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n",
	    "1|2|3|4|5|6|7|", "1|2|3|4|5|6|7|" },
	{ "colours are resolved", "\033[1;31mred\033[0m and not\r\n", "red and not|",
	    "red and not|" },
	{ "a row that is drawn over counts once", "10%\r20%\r100%\r\n", "100%|",
	    "100%|" },
	{ "a spinner leaves its last", "-\b/\b|\bdone\r\n", "done|", "done|" },
	{ "wrapped rows are one line", "0123456789012345678901234\r\nx\r\n",
	    "0123456789012345678901234|x|", "0123456789012345678901234|x|" },
	{ "a full row and a short one are two", "01234567890123456789\r\nx\r\n",
	    "01234567890123456789|x|", "01234567890123456789|x|" },
	{ "a character again", "\033[5ba\033[3bc\r\n", "aaaac|", "aaaac|" },
	{ "tabs", "a\tb\r\n", "a       b|", "a       b|" },
	{ "wide and combining", "\xe4\xb8\xad\x65\xcc\x81\r\n",
	    "\xe4\xb8\xad\x65\xcc\x81|", "\xe4\xb8\xad\x65\xcc\x81|" },
	{ "a link is its text", "\033]8;;http://x/\033\\text\033]8;;\033\\\r\n", "text|",
	    "text|" },
	{ "the alternate screen, its last picture",
	    "a\r\n\033[?1049h\033[Hone\033[Htwo\033[?1049lb\r\n", "a|two|b|",
	    "a|two|b|" },
	{ "repainted upwards, the last picture",
	    "top\r\n1\r\n2\r\n\033[2K\033[1A\033[2K\033[1A\033[2K3\r\n4\r\n", "top|1|2|",
	    "top|1|2|3|4|" },
	{ "repainted the same, nothing new", "top\r\nx\r\n\033[1A\033[2Kx\r\n", "top|x|",
	    NULL },
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines_cases) / sizeof(lines_cases[0]); i++) {
		const struct lines_case *c = &lines_cases[i];
		struct buf lines = { 0 };
		struct screen *s = new_screen(5, 20, &lines);

		print_message("%s\n", c->name);
		screen_feed(s, c->bytes, strlen(c->bytes));
		assert_string_equal(buf_str(&lines), c->live);
		screen_end(s);
		if (c->all != NULL)
			assert_string_equal(buf_str(&lines), c->all);
		screen_free(s);
		buf_free(&lines);
	}
}

static void
test_shows(void **state)
{
	struct buf lines = { 0 }, text = { 0 };
	struct screen *s = new_screen(5, 20, &lines);
	struct screen_look look;
	const char bytes[] = "\033]2;name\007one\r\n two\033[?2004h\033[?1h\033=";

	(void)state;
	screen_feed(s, bytes, sizeof(bytes) - 1);
	screen_text(s, &text);
	assert_string_equal(buf_str(&text), "one\n two\n");
	buf_clear(&text);
	screen_row(s, 1, &text);
	assert_string_equal(buf_str(&text), " two");
	screen_look(s, &look);
	assert_int_equal(look.rows, 5);
	assert_int_equal(look.cols, 20);
	assert_int_equal(look.cursor_row, 1);
	assert_int_equal(look.cursor_col, 4);
	assert_true(look.cursor_visible && look.bracketed_paste && look.app_cursor);
	assert_true(look.app_keypad && !look.alternate);
	assert_string_equal(look.title, "name");
	screen_free(s);
	buf_free(&lines);
	buf_free(&text);
}

/* A string without end takes no memory with it, and what follows is shown. */
static void
test_long_string(void **state)
{
	struct buf lines = { 0 };
	struct screen *s = new_screen(5, 20, &lines);
	static char much[65536];

	(void)state;
	memset(much, 'x', sizeof(much));
	screen_feed(s, "\033]2;", 4);
	for (int i = 0; i < 256; i++)
		screen_feed(s, much, sizeof(much));
	screen_feed(s, "\033\\after\r\n", 9);
	assert_string_equal(buf_str(&lines), "after|");
	/* Text of one piece: libvterm must not take it off the stack. */
	for (int i = 0; i < 64; i++)
		screen_feed(s, much, sizeof(much));
	screen_feed(s, "\r\n", 2);
	assert_true(lines.len > 64 * sizeof(much));
	screen_free(s);
	buf_free(&lines);
}

/* More arguments than libvterm has room for, and a cursor saved on a larger screen. */
static void
test_hostile(void **state)
{
	struct buf lines = { 0 };
	struct screen *s = new_screen(20, 80, &lines);
	struct screen_look look;

	(void)state;
	screen_feed(s, "\033[", 2);
	for (int i = 0; i < 1000; i++)
		screen_feed(s, "1;", 2);
	screen_feed(s, "m\033[20;80H\0337", 11);
	screen_resize(s, 5, 20);
	screen_feed(s, "\0338x", 3);
	screen_look(s, &look);
	assert_in_range(look.cursor_row, 0, 4);
	assert_in_range(look.cursor_col, 0, 19);
	/* Rows below the cursor are kept; it must not leave at the top. */
	screen_feed(s, "\033[5Hm\033[H", 8);
	screen_resize(s, 2, 20);
	screen_look(s, &look);
	assert_in_range(look.cursor_row, 0, 1);
	screen_feed(s, "x\r\ny", 4);
	for (int i = 0; i < 100000; i++)
		screen_feed(s, "\xcc\x81", 2);
	screen_free(s);
	buf_free(&lines);
}

/* ---- for any bytes ---- */

static const char *const parts[] = { "text", "\r\n", "\n", "\r", "\b", "\t", "\033[A",
	"\033[2K", "\033[2J", "\033[H", "\033[5;3H", "\033[1;31m", "\033[0;44m",
	"\033[7m", "\033[0m", "\033[?1049h", "\033[?1049l", "\033[L", "\033[2M",
	"\033[3@", "\033[2P", "\033[K", "\033[1J", "\033[2;4r", "\033[r", "\033M",
	"\033D", "\033[38;5;200m", "\033[48;2;1;2;3m", "\xe4\xb8\xad", "e\xcc\x81",
	"\xf0\x9f\x98\x80", "\xff\xc3", "\033]2;title\007", "\033[?25l", "\033[?25h",
	"\033[?2004h", "\033[999999999999B", "0123456789012345678901234567890123456789",
	"word ", "\033[3X", "\033[S", "\033[T" };

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
random_bytes(uint32_t seed, struct buf *out)
{
	for (int i = 0; i < 60; i++)
		buf_adds(out, parts[next(&seed) % (sizeof(parts) / sizeof(parts[0]))]);
}

static void
show(const struct screen *s, struct buf *out)
{
	struct screen_look look;

	screen_draw(s, out);
	screen_look(s, &look);
	buf_addf(out, "%u %u %d %d %s", look.cursor_row, look.cursor_col,
	    look.cursor_visible, look.alternate, look.title);
}

static void
test_pieces(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 2000; seed++) {
		struct buf bytes = { 0 }, l1 = { 0 }, l2 = { 0 }, d1 = { 0 }, d2 = { 0 };
		struct screen *one = new_screen(6, 20, &l1),
			      *two = new_screen(6, 20, &l2);
		uint32_t cut = seed;

		random_bytes(seed, &bytes);
		screen_feed(one, bytes.data, bytes.len);
		for (size_t at = 0, n; at < bytes.len; at += n) {
			n = 1 + next(&cut) % 7;
			n = n < bytes.len - at ? n : bytes.len - at;
			screen_feed(two, bytes.data + at, n);
		}
		show(one, &d1);
		show(two, &d2);
		screen_end(one);
		screen_end(two);
		if (strcmp(buf_str(&d1), buf_str(&d2)) != 0 ||
		    strcmp(buf_str(&l1), buf_str(&l2)) != 0)
			fail_msg("seed %u:\n%s\n%s", seed, buf_str(&l1), buf_str(&l2));
		screen_free(one);
		screen_free(two);
		buf_free(&bytes);
		buf_free(&l1);
		buf_free(&l2);
		buf_free(&d1);
		buf_free(&d2);
	}
}

static void
test_draw(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 2000; seed++) {
		struct buf bytes = { 0 }, l1 = { 0 }, l2 = { 0 }, d1 = { 0 }, d2 = { 0 };
		struct screen *one = new_screen(6, 20, &l1),
			      *two = new_screen(6, 20, &l2);

		random_bytes(seed, &bytes);
		screen_feed(one, bytes.data, bytes.len);
		show(one, &d1);
		buf_clear(&bytes);
		screen_draw(one, &bytes);
		screen_feed(two, bytes.data, bytes.len);
		show(two, &d2);
		if (strcmp(buf_str(&d1), buf_str(&d2)) != 0)
			fail_msg("seed %u", seed);
		screen_free(one);
		screen_free(two);
		buf_free(&bytes);
		buf_free(&l1);
		buf_free(&l2);
		buf_free(&d1);
		buf_free(&d2);
	}
}

/* What a plain program writes is what the log has, at any size. */
static void
test_plain(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 300; seed++) {
		struct buf bytes = { 0 }, lines = { 0 }, want = { 0 };
		uint32_t r = seed;
		struct screen *s = new_screen((uint16_t)(2 + next(&r) % 20),
		    (uint16_t)(10 + next(&r) % 60), &lines);

		for (int i = 0; i < 40; i++) {
			for (uint32_t n = next(&r) % 130; n > 0; n--) {
				char c = (char)('a' + next(&r) % 26);

				buf_addc(&bytes, c);
				buf_addc(&want, c);
			}
			buf_adds(&bytes, "\r\n");
			buf_addc(&want, '|');
		}
		screen_feed(s, bytes.data, bytes.len);
		screen_end(s);
		if (strcmp(buf_str(&lines), buf_str(&want)) != 0)
			fail_msg(
			    "seed %u:\n%s\n%s", seed, buf_str(&lines), buf_str(&want));
		screen_free(s);
		buf_free(&bytes);
		buf_free(&lines);
		buf_free(&want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shows),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_string),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_draw),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
