/*
 * Any bytes as what a program writes to its terminal; a byte 0xfe is followed by one that
 * says a new size.  In pieces they make the same screen and lines as at once; what draws
 * the screen, or was saved of it, makes an equal one, which goes on in the same way.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/buf.h"
#include "terminal/screen.h"

#include "fuzz.h"

static void
on_line(void *arg, const char *text, size_t len)
{
	struct buf *out = arg;

	for (size_t i = 0; i < len; i++)
		check((unsigned char)text[i] >= ' ' && text[i] != '\177');
	buf_append(out, text, len);
	buf_addc(out, '\n');
}

/* Everything: the picture, all that is behind it, the lines to come, and what is shown.
 */
static void
show(const struct screen *s, bool saved, struct buf *out)
{
	struct screen_look look;

	screen_look(s, &look);
	check(look.cursor_row < look.rows && look.cursor_col < look.cols);
	if (saved) {
		screen_save(s, out);
	} else {
		screen_draw(s, out);
		screen_rest(s, out);
	}
	screen_text(s, out);
	screen_coloured(s, out);
	buf_addf(out, "%u %u %d %d %d %s", look.cursor_row, look.cursor_col,
	    look.cursor_visible, look.alternate, look.bracketed_paste, look.title);
}

static void
run(const uint8_t *data, size_t size, size_t piece, struct screen *s)
{
	size_t from = 0;

	for (size_t i = 0; i < size; i++) {
		if (data[i] == 0xfe && i + 1 < size) {
			screen_feed(s, (const char *)data + from, i - from);
			i++;
			screen_resize(s, (uint16_t)(2 + data[i] % 16),
			    (uint16_t)(10 + data[i] / 8));
			from = i + 1;
		} else if (i + 1 - from >= piece) {
			screen_feed(s, (const char *)data + from, i + 1 - from);
			from = i + 1;
		}
	}
	screen_feed(s, (const char *)data + from, size - from);
}

/* One of them at once, one byte by byte, one that was saved and loaded in the middle, one
 * that was drawn there. */
enum { ONCE, PIECES, SAVED, DRAWN, SCREENS };

static void
same(struct screen *const *s, int i, bool saved)
{
	struct buf a = { 0 }, b = { 0 };

	show(s[ONCE], saved, &a);
	show(s[i], saved, &b);
	check(strcmp(buf_str(&a), buf_str(&b)) == 0);
	buf_free(&a);
	buf_free(&b);
}

/* A new one of the same size, from what the other is. */
static struct screen *
again(const struct screen *from, bool saved, struct buf *lines)
{
	struct screen_ops ops = { .line = on_line, .arg = lines };
	struct buf bytes = { 0 };
	struct screen_look look;
	struct screen *s;

	screen_look(from, &look);
	s = screen_new(look.rows, look.cols, &ops);
	if (saved) {
		screen_save(from, &bytes);
		screen_load(s, bytes.data, bytes.len);
	} else {
		screen_draw(from, &bytes);
		screen_rest(from, &bytes);
		screen_feed(s, bytes.data, bytes.len);
	}
	buf_free(&bytes);
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf lines[SCREENS] = { 0 };
	struct screen *s[SCREENS];
	size_t half = size / 2;

	/* (Not between the two bytes of a new size.) */
	for (size_t i = 0; i < half; i++)
		if (data[i] == 0xfe && ++i == half)
			half++;
	for (int i = 0; i < SAVED; i++) {
		struct screen_ops ops = { .line = on_line, .arg = &lines[i] };

		s[i] = screen_new(6, 20, &ops);
		run(data, half, i == ONCE ? SIZE_MAX : 1, s[i]);
	}
	check(strcmp(buf_str(&lines[ONCE]), buf_str(&lines[PIECES])) == 0);
	buf_clear(&lines[ONCE]);
	buf_clear(&lines[PIECES]);
	s[SAVED] = again(s[ONCE], true, &lines[SAVED]);
	s[DRAWN] = again(s[ONCE], false, &lines[DRAWN]);
	for (int i = PIECES; i < SCREENS; i++)
		same(s, i, i != DRAWN);
	check(lines[SAVED].len == 0);
	for (int i = 0; i < SCREENS; i++)
		run(data + half, size - half, i == PIECES ? 1 : SIZE_MAX, s[i]);
	for (int i = PIECES; i < SCREENS; i++)
		same(s, i, i != DRAWN);
	for (int i = 0; i < SCREENS; i++) {
		screen_settle(s[i]);
		screen_end(s[i]);
	}
	check(strcmp(buf_str(&lines[ONCE]), buf_str(&lines[PIECES])) == 0);
	check(strcmp(buf_str(&lines[ONCE]), buf_str(&lines[SAVED])) == 0);
	for (int i = 0; i < SCREENS; i++) {
		screen_free(s[i]);
		buf_free(&lines[i]);
	}
	return 0;
}
