/*
 * The screen: what it shows, the lines for the log, and what changes of the size make of
 * them.  That it is the same however it is drawn: test_screen_same.
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
	{ "of wide characters, too",
	    "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad"
	    "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\033[1m\xe6\x96\x87\r\n",
	    "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad"
	    "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe6\x96\x87|",
	    NULL },
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

static void
feed(struct screen *s, const char *text)
{
	screen_feed(s, text, strlen(text));
}

/* The end, however often it is told, and what is on which screen then. */
static void
test_end(void **state)
{
	const char bytes[] = "a\r\n$ editor\033[?1049h\033[Hpicture\r\nof it";
	struct buf lines = { 0 };
	struct screen *s = new_screen(5, 20, &lines);
	struct screen_look look;

	(void)state;
	feed(s, bytes);
	assert_string_equal(buf_str(&lines), "a|");
	screen_end(s);
	assert_string_equal(buf_str(&lines), "a|$ editor|picture|of it|");
	screen_end(s);
	assert_string_equal(buf_str(&lines), "a|$ editor|picture|of it|");
	screen_look(s, &look);
	assert_false(look.alternate);
	screen_free(s);
	buf_free(&lines);
}

/* Rows of the main screen are told once, though the size changes while another one is
 * shown, and a program paints the same again for the new size. */
static void
test_resize(void **state)
{
	const char before[] = "a\r\nb\r\n$ editor\033[?1049h\033[H\033[5;1Hx\033[3;1H";
	struct buf lines = { 0 };
	struct screen *s = new_screen(5, 20, &lines);

	(void)state;
	feed(s, before);
	screen_resize(s, 4, 30);
	feed(s, "\033[2J\033[?1049l\r\nc\r\n");
	assert_string_equal(buf_str(&lines), "a|b|$ editor|c|");
	screen_free(s);
	buf_clear(&lines);
	s = new_screen(8, 20, &lines);
	feed(s, "head\r\nbody\r\n> ");
	screen_settle(s);
	screen_resize(s, 8, 30);
	feed(s, "\r\033[2A\033[Jhead\r\nbody\r\n> ");
	screen_settle(s);
	assert_string_equal(buf_str(&lines), "head|body|");
	screen_free(s);
	buf_clear(&lines);
	/* What leaves at the top of a smaller one takes what is known of it along. */
	s = new_screen(6, 20, &lines);
	feed(s, "a\r\nb\r\nc\r\nd\r\n> ");
	screen_resize(s, 3, 20);
	feed(s, "x\r\ny\r\n");
	assert_string_equal(buf_str(&lines), "a|b|c|d|> x|y|");
	screen_free(s);
	buf_clear(&lines);
	s = new_screen(6, 10, &lines);
	feed(s, "a line that goes over six rows of the screen, nearly all");
	screen_resize(s, 2, 10);
	feed(s, ".\r\n");
	assert_string_equal(buf_str(&lines),
	    "a line that goes over six rows of the screen, nearly all.|");
	screen_free(s);
	buf_clear(&lines);
	s = new_screen(8, 20, &lines);
	/* A region of before is none of the new screen. */
	feed(s, "\033[6;8r");
	screen_resize(s, 3, 30);
	feed(s, "\n\n\n\n\033M");
	screen_free(s);
	buf_free(&lines);
}

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
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
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_resize),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
