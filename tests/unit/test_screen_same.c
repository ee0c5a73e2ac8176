/*
 * A screen that is drawn, or saved and loaded, is the same as before, and goes on in the
 * same way: whatever the program had written, wherever it was cut, whatever it writes
 * next, also when the size changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <vterm.h>

#include "../seed.h"
#include "lib/buf.h"
#include "lib/utf8.h"
#include "terminal/screen.h"
#include "terminal/screen_int.h"

/* A screen and what came out of it. */
struct seen {
	struct screen *s;
	struct buf lines, answers;
};

static void
on_line(void *arg, const char *text, size_t len)
{
	struct seen *seen = arg;

	buf_append(&seen->lines, text, len);
	buf_addc(&seen->lines, '|');
}

static void
on_answer(void *arg, const char *bytes, size_t len)
{
	struct seen *seen = arg;

	buf_append(&seen->answers, bytes, len);
}

static void
begin(struct seen *seen, uint16_t rows, uint16_t cols)
{
	struct screen_ops ops = { .line = on_line, .answer = on_answer, .arg = seen };

	*seen = (struct seen){ .s = screen_new(rows, cols, &ops) };
}

static void
end(struct seen *seen)
{
	screen_free(seen->s);
	buf_free(&seen->lines);
	buf_free(&seen->answers);
}

/* One that is drawn from the other, as a viewer's terminal is. */
static void
draw(struct seen *from, struct seen *to)
{
	struct screen_look look;
	struct buf bytes = { 0 };

	screen_look(from->s, &look);
	begin(to, look.rows, look.cols);
	screen_draw(from->s, &bytes);
	screen_rest(from->s, &bytes);
	screen_feed(to->s, bytes.data, bytes.len);
	buf_free(&bytes);
	buf_clear(&to->lines);
	buf_clear(&to->answers);
}

/* One that comes back from what the other had saved. */
static void
come_back(struct seen *from, struct seen *to)
{
	struct screen_look look;
	struct buf bytes = { 0 };

	screen_look(from->s, &look);
	begin(to, look.rows, look.cols);
	screen_save(from->s, &bytes);
	screen_load(to->s, bytes.data, bytes.len);
	buf_free(&bytes);
	assert_int_equal(to->lines.len, 0);
	assert_int_equal(to->answers.len, 0);
}

/* In pieces, of which utf8_escape_buf takes any length. */
static void
show(const char *what, const char *bytes, size_t len)
{
	struct buf text = { 0 };

	print_message("%s:\n", what);
	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < 200 ? len - at : 200;
		buf_clear(&text);
		utf8_escape_buf(&text, bytes + at, n);
		print_message("%s", buf_str(&text));
	}
	print_message("\n");
	buf_free(&text);
}

static void
differ(
    const char *what, const struct buf *bytes, const struct buf *a, const struct buf *b)
{
	const char *pa = buf_str(a), *pb = buf_str(b);
	size_t at = 0;

	while (at < a->len && at < b->len && pa[at] == pb[at])
		at++;
	at = at > 60 ? at - 60 : 0;
	show("written", buf_str(bytes), bytes->len);
	show("it, where they differ", pa + at, a->len - at < 200 ? a->len - at : 200);
	show("the other", pb + at, b->len - at < 200 ? b->len - at : 200);
	fail_msg("%s", what);
}

/* The picture with all that is behind it, and, when saved, the lines to come. */
static void
same(
    const char *what, const struct buf *bytes, struct seen *a, struct seen *b, bool saved)
{
	struct buf da = { 0 }, db = { 0 };
	struct screen_look la, lb;

	if (saved) {
		screen_save(a->s, &da);
		screen_save(b->s, &db);
	} else {
		screen_draw(a->s, &da);
		screen_draw(b->s, &db);
		screen_rest(a->s, &da);
		screen_rest(b->s, &db);
	}
	screen_text(a->s, &da);
	screen_text(b->s, &db);
	screen_look(a->s, &la);
	screen_look(b->s, &lb);
	buf_addf(&da, "%d %d %d", la.cursor_row, la.cursor_col, la.alternate);
	buf_addf(&db, "%d %d %d", lb.cursor_row, lb.cursor_col, lb.alternate);
	if (strcmp(buf_str(&da), buf_str(&db)) != 0)
		differ(what, bytes, &da, &db);
	if (saved && strcmp(buf_str(&a->lines), buf_str(&b->lines)) != 0)
		differ(what, bytes, &a->lines, &b->lines);
	if (strcmp(buf_str(&a->answers), buf_str(&b->answers)) != 0)
		differ(what, bytes, &a->answers, &b->answers);
	buf_free(&da);
	buf_free(&db);
}

/* ---- one by one ---- */

static const struct goes_on {
	const char *name, *before, *after, *text;
} cases[] = {
	{ "lines drawn by a charset", "\033(0", "qx", "\xe2\x94\x80\xe2\x94\x82\n" },
	{ "by the other one", "\033)0\016", "q\017q", "\xe2\x94\x80q\n" },
	{ "origin mode", "\033[2;4r\033[?6h", "\033[1;1Hx", "\nx\n" },
	{ "its cursor", "\033[2;4r\033[?6h\033[2;3H", "x", "\n\n  x\n" },
	{ "insert mode", "bc\033[H\033[4h", "a", "abc\n" },
	{ "line feeds that return", "\033[20h", "a\nb", "a\nb\n" },
	{ "the saved cursor", "\033[2;2H\0337\033[H", "\0338x", "\n x\n" },
	{ "saved the other way", "\033[2;2H\033[s\033[H", "\033[ux", "\n x\n" },
	{ "with its charset", "\033(0\0337\033(B", "\0338q", "\xe2\x94\x80\n" },
	{ "and its origin", "\033[2;4r\033[?6h\0337\033[?6l", "\0338\033[Hx", "\nx\n" },
	{ "tab stops", "\033[3g\033[1;4H\033H\r", "\tx", "   x\n" },
	{ "no wrapping", "\033[?7l", "0123456789012345678901x",
	    "0123456789012345678x\n" },
	{ "a row that is full", "01234567890123456789", "x",
	    "01234567890123456789\nx\n" },
	{ "full of a wide one", "012345678901234567\xe4\xb8\xad", "x",
	    "012345678901234567\xe4\xb8\xad\nx\n" },
	{ "full, and erased at its end", "01234567890123456789\033[K", "x",
	    "0123456789012345678\nx\n" },
	{ "full, but the cursor was set", "01234567890123456789\033[1;20H", "x",
	    "0123456789012345678x\n" },
	{ "what combines", "e", "\xcc\x81", "e\xcc\x81\n" },
	{ "with what filled its row", "0123456789012345678e", "\xcc\x81x",
	    "0123456789012345678e\xcc\x81\nx\n" },
	{ "in another pen, by another charset",
	    "\033(00123456789012345678\033(Be\033(0\033[7m", "\xcc\x81q",
	    "0123456789012345678e\xcc\x81\n\xe2\x94\x80\n" },
	{ "what has nothing to combine with", "e\r\n", "\xcc\x81x", "e\nx\n" },
	{ "the last character again", "a", "\033[2b", "aaa\n" },
	{ "half a sequence", "\033[2;", "3Hx", "\n  x\n" },
	{ "half a charset", "\033(", "0q", "\xe2\x94\x80\n" },
	{ "half a title", "\033]2;ti", "tle\033\\x", "x\n" },
	{ "half a character", "\xe4\xb8", "\xad", "\xe4\xb8\xad\n" },
	{ "the region", "\033[2;3r\033[3;1H", "a\r\nb\r\nc", "\nb\nc\n" },
	{ "the main screen behind the alternate one", "main\033[?1049h\033[Halt",
	    "\033[?1049lx", "mainx\n" },
	{ "and its charset", "\033(0\033[?1049h\033(B", "\033[?1049lq",
	    "\xe2\x94\x80\n" },
	{ "a row of double width", "\033#6", "012345678901", "0123456789\n01\n" },
	{ "of single width, as it was", "\033[1;15Hx\033#5", "y", "              xy\n" },
	{ "half a wide one in the last column", "\033[1;19H\xe4\xb8\xad\033[1;19H\033[@",
	    "x", "                  x\n" },
	{ "several modes at once", "a\033[?25;1049h\033[H", "b\033[?25;1049lc", "ac\n" },
	{ "47 is one as well", "a\033[?47h", "\033[?47lb", "ab\n" },
	{ "a soft reset", "\033[2;3r\033(0\033[?6h\033[3;5H\033[!p", "q", "\n\n    q\n" },
	{ "a reset of the alternate screen", "a\033[?1049hb\033c", "c", "c\n" },
};

static void
test_goes_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct goes_on *c = &cases[i];
		struct buf bytes = { 0 }, text = { 0 };
		struct seen a, b;

		begin(&a, 5, 20);
		screen_feed(a.s, c->before, strlen(c->before));
		draw(&a, &b);
		buf_adds(&bytes, c->before);
		same(c->name, &bytes, &a, &b, false);
		screen_feed(a.s, c->after, strlen(c->after));
		screen_feed(b.s, c->after, strlen(c->after));
		buf_adds(&bytes, c->after);
		screen_text(a.s, &text);
		if (strcmp(buf_str(&text), c->text) != 0)
			fail_msg("%s:\n%s", c->name, buf_str(&text));
		same(c->name, &bytes, &a, &b, false);
		end(&a);
		end(&b);
		buf_free(&bytes);
		buf_free(&text);
	}
}

/* What is drawn with, by the sequence that draws it again. */
static void
test_pens(void **state)
{
	static const char *const pens[][2] = {
		{ "\033[2m", "\033[0;2m" },
		{ "\033[1;2m\033[22m", "\033[0m" },
		{ "\033[2;3m\033[22m", "\033[0;3m" },
		{ "\033[8;53m", "\033[0;8;53m" },
		{ "\033[8;53m\033[28m", "\033[0;53m" },
		{ "\033[38;5;200m", "\033[0;38;5;200m" },
		{ "\033[38:5:200m", "\033[0;38;5;200m" },
		{ "\033[38;2;1;2;3m", "\033[0;38;2;1;2;3m" },
		{ "\033[38:2:1:2:3m", "\033[0;38;2;1;2;3m" },
		{ "\033[48:2::1:2:3m", "\033[0;48;2;1;2;3m" },
		{ "\033[58;5;3;1m", "\033[0;1m" },
		{ "\033[58:2::1:2:3;1m", "\033[0;1m" },
		{ "\033[4:3m", "\033[0;4:3m" },
		{ "\033[4:0m", "\033[0m" },
		{ "\033[4:2m", "\033[0;21m" },
		{ "\033[97;101m", "\033[0;97;101m" },
		{ "\033[1;3;4;5;7;9;31;42m", "\033[0;1;3;4;5;7;9;31;42m" },
		{ "\033[0;1;0;1;0;1;0;1;0;1;0;1;0;1;0;1;0;1;0;1m", "\033[0;1m" },
		{ "\033[11m", "\033[0m" },
		{ "\033[38;2;1m", "\033[0m" },
		{ "\033[>4;2m", "\033[0m" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pens) / sizeof(pens[0]); i++) {
		struct buf bytes = { 0 };
		struct seen a;

		begin(&a, 5, 20);
		screen_feed(a.s, pens[i][0], strlen(pens[i][0]));
		screen_draw(a.s, &bytes);
		buf_truncate(&bytes, bytes.len - strlen("\033[?25h"));
		if (strcmp(buf_str(&bytes) + bytes.len - strlen(pens[i][1]),
			pens[i][1]) != 0)
			fail_msg("%s", pens[i][1]);
		end(&a);
		buf_free(&bytes);
	}
}

/* The terminal of a viewer was in any state before. */
static void
test_any_state(void **state)
{
	const char before[] = "\033[?1049h\033[2;3r\033[?6h\033[4h\033[20h\033(0\033[3g"
			      "\033[?5h\033[7m\033[?7l\033[?1003h\033[?1006h\033=\033[3 q"
			      "\033#6junk\0337\033[?25l\033[?2004h";
	const char bytes[] = "a\tb\r\n\033[1;4mc\0337\033[5;5H";
	struct buf drawn = { 0 }, written = { 0 };
	struct seen a, b;

	(void)state;
	begin(&a, 5, 20);
	begin(&b, 5, 20);
	screen_feed(a.s, bytes, sizeof(bytes) - 1);
	screen_feed(b.s, before, sizeof(before) - 1);
	screen_draw(a.s, &drawn);
	screen_feed(b.s, drawn.data, drawn.len);
	same("it was in another state", &written, &a, &b, false);
	end(&a);
	end(&b);
	buf_free(&drawn);
}

/* Printed on a terminal that is somebody's: it has colours, and stays as it was. */
static void
test_coloured(void **state)
{
	static const char *const shown[][2] = {
		{ "a\r\n\r\n b  \r\n\r\n", "a\n\n b\n" },
		{ "\033[31mred\033[0m x\033[1m y",
		    "\033[0;31mred\033[0m x\033[0;1m y\033[0m\n" },
		{ "\033[7m bar  \033[0m", "\033[0;7m bar  \033[0m\n" },
		{ "\033[44m\033[K", "\033[0;44m          \033[0m\n" },
		{ "\xe6\x97\xa5\xe6\x9c\xac e\xcc\x81",
		    "\xe6\x97\xa5\xe6\x9c\xac e\xcc\x81\n" },
		{ "\033[?1049h\033[?1000;1006;2004h\033[?25l\033=\033]2;t\033\\x",
		    "x\n" },
		{ "\xe6\x97\xa5\033[1;2Hx", " x\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		struct buf text = { 0 };
		struct seen a;

		begin(&a, 5, 10);
		screen_feed(a.s, shown[i][0], strlen(shown[i][0]));
		screen_coloured(a.s, &text);
		assert_string_equal(buf_str(&text), shown[i][1]);
		end(&a);
		buf_free(&text);
	}
}

/* Of what is joined to a picture nothing else is drawn in between. */
static void
test_joined(void **state)
{
	const char bytes[] = "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb";
	struct buf drawn = { 0 }, written = { 0 };
	struct seen a, b;

	(void)state;
	begin(&a, 5, 20);
	screen_feed(a.s, bytes, sizeof(bytes) - 1);
	screen_draw(a.s, &drawn);
	assert_null(strstr(buf_str(&drawn), "\033[1;3H\xe3\x80\x80"));
	draw(&a, &b);
	same("joined", &written, &a, &b, false);
	end(&a);
	end(&b);
	buf_free(&drawn);
}

/* Of the mouse, the last that was asked for is meant. */
static void
test_mouse(void **state)
{
	struct buf drawn = { 0 };
	struct seen a;

	(void)state;
	begin(&a, 5, 20);
	screen_feed(a.s, "\033[?1000;1002;1006h", 18);
	screen_draw(a.s, &drawn);
	assert_non_null(strstr(buf_str(&drawn), "\033[?1006h\033[?1002h"));
	assert_null(strstr(buf_str(&drawn), "\033[?1000h"));
	buf_clear(&drawn);
	screen_feed(a.s, "\033[?1002l", 8);
	screen_draw(a.s, &drawn);
	assert_null(strstr(buf_str(&drawn), "\033[?1002h"));
	end(&a);
	buf_free(&drawn);
}

/* What is asked is answered, also what nobody knows. */
static void
test_answers(void **state)
{
	static const char *const asked[][2] = {
		{ "\033[2;3H\033[6n", "\033[2;3R" },
		{ "\033P$qr\033\\", "\033P1$r1;5r\033\\" },
		{ "\033P$qzz\033\\", "\033P0$r\033\\" },
		{ "\033P$q\n\033\\", "\033P0$r\033\\" },
		{ "\033Pq\033\\", "" },
		{ "\033[?2004h\033[?2004$p", "\033[?2004;1$y" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct seen a;

		begin(&a, 5, 20);
		screen_feed(a.s, asked[i][0], strlen(asked[i][0]));
		assert_string_equal(buf_str(&a.answers), asked[i][1]);
		end(&a);
	}
}

/* ---- at random ---- */

static const char *const parts[] = { "text", "\r\n", "\n", "\r", "\b", "\t", "\033[A",
	"\033[2K", "\033[K", "\033[1K", "\033[2J", "\033[H", "\033[5;3H", "\033[1;31m",
	"\033[0;44m", "\033[7m", "\033[0m", "\033[2m", "\033[22m", "\033[38:2::9:8:7m",
	"\033[?1049h", "\033[?1049l", "\033[?47h", "\033[?1047l", "\033[?25;1049h",
	"\033[L", "\033[2M", "\033[3@", "\033[@", "\033[2P", "\033[1J", "\033[2;4r",
	"\033[3;99r", "\033[r", "\033M", "\033D", "\033E", "\033[38;5;200m",
	"\033[48;2;1;2;3m", "\xe4\xb8\xad", "\xe4\xb8\xad\xe6\x96\x87", "e\xcc\x81",
	"\xcc\x81", "\xf0\x9f\x98\x80", "\xff\xc3", "\xe4", "\033]2;title\007",
	"\033]0;other\033\\", "\033]8;;x", "\033[?25l", "\033[?25h", "\033[?2004h",
	"\033[999999999999B", "0123456789012345678901234567890123456789", "word ",
	"\033[3X", "\033[S", "\033[T", "\033[19G", "\033[20G", "x", "\033(0", "\033(B",
	"\033)0", "\016", "\017", "\033n", "\033*0", "\0337", "\0338", "\033[s", "\033[u",
	"\033[?1048h", "\033[?1048l", "\033[?6h", "\033[?6l", "\033[?7l", "\033[?7h",
	"\033[4h", "\033[4l", "\033[20h", "\033[20l", "\033[?5h", "\033[?5l", "\033H",
	"\033[g", "\033[3g", "\033[I", "\033[Z", "\033#6", "\033#5", "\033#3", "\033#8",
	"\033[3b", "\033[!p", "\033c", "\033[?1000h", "\033[?1002;1006h", "\033[?1002l",
	"\033[4 q", "\033=", "\033>", "\033[6n", "\033[?6$p", "\033[c", "\033[", "\033",
	"\033(", "\033P$qm\033\\", "\033P$q", "\x18", "\033[4:3m", "\v", "\033[?69h",
	"\033[5s", "\033[>1u", "\033[1;2;3;4;5T", "\x7f", "\033[\n2;2H" };

static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void
random_bytes(uint32_t *seed, int n, struct buf *out)
{
	for (int i = 0; i < n; i++)
		buf_adds(out, parts[next(seed) % (sizeof(parts) / sizeof(parts[0]))]);
}

/* A size of a screen, the last one often. */
static void
random_resize(uint32_t *seed, struct seen *a, struct seen *b, struct seen *c)
{
	uint16_t rows, cols;

	if (next(seed) % 3 != 0)
		return;
	rows = (uint16_t)(2 + next(seed) % 8);
	cols = (uint16_t)(10 + next(seed) % 16);
	screen_resize(a->s, rows, cols);
	if (b == NULL)
		return;
	screen_resize(b->s, rows, cols);
	screen_resize(c->s, rows, cols);
}

static void
walk(uint32_t first)
{
	struct buf bytes = { 0 }, more = { 0 };
	char what[64];
	uint32_t seed = first;
	struct seen a, b, c;

	snprintf(what, sizeof(what), "SEED=%u", first);
	begin(&a, 6, 20);
	for (int i = 0; i < 3; i++) {
		size_t at = bytes.len;

		random_bytes(&seed, 20, &bytes);
		screen_feed(a.s, bytes.data + at, bytes.len - at);
		if (next(&seed) % 4 == 0)
			screen_settle(a.s);
		random_resize(&seed, &a, NULL, NULL);
	}
	buf_clear(&a.lines);
	buf_clear(&a.answers);
	come_back(&a, &b);
	draw(&a, &c);
	same(what, &bytes, &a, &b, true);
	same(what, &bytes, &a, &c, false);
	for (int i = 0; i < 3; i++) {
		buf_clear(&more);
		random_bytes(&seed, 4, &more);
		buf_adds(&bytes, "\n---\n");
		buf_append(&bytes, more.data, more.len);
		screen_feed(a.s, more.data, more.len);
		screen_feed(b.s, more.data, more.len);
		screen_feed(c.s, more.data, more.len);
		same(what, &bytes, &a, &b, true);
		same(what, &bytes, &a, &c, false);
		random_resize(&seed, &a, &b, &c);
		same(what, &bytes, &a, &b, true);
		same(what, &bytes, &a, &c, false);
	}
	screen_end(a.s);
	screen_end(b.s);
	same(what, &bytes, &a, &b, true);
	end(&a);
	end(&b);
	end(&c);
	buf_free(&bytes);
	buf_free(&more);
}

/* What is written in pieces of any size is the same as at once. */
static void
test_pieces(void **state)
{
	(void)state;
	for (uint32_t first = 1; first <= 1000; first++) {
		struct buf bytes = { 0 };
		uint32_t seed = first, cut = first;
		struct seen a, b;

		begin(&a, 6, 20);
		begin(&b, 6, 20);
		random_bytes(&seed, 60, &bytes);
		screen_feed(a.s, bytes.data, bytes.len);
		for (size_t at = 0, n; at < bytes.len; at += n) {
			n = 1 + next(&cut) % 7;
			n = n < bytes.len - at ? n : bytes.len - at;
			screen_feed(b.s, bytes.data + at, n);
		}
		same("in pieces", &bytes, &a, &b, true);
		screen_end(a.s);
		screen_end(b.s);
		same("at its end", &bytes, &a, &b, true);
		end(&a);
		end(&b);
		buf_free(&bytes);
	}
}

/* SEED= the first, WALKS= how many. */
static void
test_walks(void **state)
{
	uint32_t first = (uint32_t)seed_of(NULL), n = (uint32_t)seed_count("WALKS", 1500);

	(void)state;
	for (uint32_t i = 0; i < n; i++)
		walk(first + i);
}

/* ---- widths ---- */

/* As libvterm has them: two of a kind, the second one behind a letter. */
static void
test_widths(void **state)
{
	VTerm *vt = vterm_new(2, 10);
	VTermState *st;

	(void)state;
	vterm_set_utf8(vt, 1);
	st = vterm_obtain_state(vt);
	vterm_state_reset(st, 1);
	for (uint32_t c = 0xa0; c < 0x110000; c++) {
		struct buf text = { 0 };
		VTermPos at;

		if (c >= 0xd800 && c < 0xe000)
			continue;
		buf_adds(&text, "\ra");
		utf8_put(&text, c);
		(void)vterm_input_write(vt, text.data, text.len);
		buf_free(&text);
		vterm_state_get_cursorpos(st, &at);
		if (at.col - 1 != screen_width(c))
			fail_msg("U+%04X: %d, not %d", c, at.col - 1, screen_width(c));
	}
	vterm_free(vt);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_pens),
		cmocka_unit_test(test_any_state),
		cmocka_unit_test(test_coloured),
		cmocka_unit_test(test_joined),
		cmocka_unit_test(test_mouse),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_walks),
		cmocka_unit_test(test_widths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
