/*
 * Any bytes as what a program writes to its terminal; a byte 0xfe is followed by one that
 * says a new size.  In pieces they make the same screen and lines as at once, and what
 * draws the screen makes an equal one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "terminal/screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int holds)
{
	if (!holds)
		abort();
}

static void
on_line(void *arg, const char *text, size_t len)
{
	struct buf *out = arg;

	for (size_t i = 0; i < len; i++)
		check((unsigned char)text[i] >= ' ' && text[i] != '\177');
	buf_append(out, text, len);
	buf_addc(out, '\n');
}

static void
show(const struct screen *s, struct buf *out)
{
	struct screen_look look;

	screen_look(s, &look);
	check(look.cursor_row < look.rows && look.cursor_col < look.cols);
	screen_text(s, out);
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf lines[3] = { 0 }, seen[3] = { 0 }, drawn = { 0 };
	struct screen *s[3];
	struct screen_look look;

	for (int i = 0; i < 2; i++) {
		struct screen_ops ops = { .line = on_line, .arg = &lines[i] };

		s[i] = screen_new(6, 20, &ops);
		run(data, size, i == 0 ? SIZE_MAX : 1, s[i]);
		show(s[i], &seen[i]);
	}
	screen_look(s[0], &look);
	s[2] = screen_new(look.rows, look.cols,
	    &(struct screen_ops){ .line = on_line, .arg = &lines[2] });
	screen_draw(s[0], &drawn);
	screen_feed(s[2], drawn.data, drawn.len);
	show(s[2], &seen[2]);
	for (int i = 0; i < 2; i++) {
		screen_settle(s[i]);
		screen_end(s[i]);
	}
	check(strcmp(buf_str(&seen[0]), buf_str(&seen[1])) == 0);
	check(strcmp(buf_str(&lines[0]), buf_str(&lines[1])) == 0);
	check(strcmp(buf_str(&seen[0]), buf_str(&seen[2])) == 0);
	for (int i = 0; i < 3; i++) {
		screen_free(s[i]);
		buf_free(&lines[i]);
		buf_free(&seen[i]);
	}
	buf_free(&drawn);
	return 0;
}
