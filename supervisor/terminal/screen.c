/*
 * screen: see the header.
 */
#include "terminal/screen.h"

#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "terminal/screen_int.h"

/* ---- what libvterm tells ---- */

static int
on_damage(VTermRect rect, void *arg)
{
	struct screen *s = arg;

	s->changes++;
	textlines_on_damage(s, rect);
	return 1;
}

static int
on_move(VTermRect dest, VTermRect src, void *arg)
{
	struct screen *s = arg;

	s->changes++;
	textlines_on_move(s, dest, src);
	return 1;
}

static int
on_cursor(VTermPos pos, VTermPos old, int visible, void *arg)
{
	struct screen *s = arg;

	(void)old;
	(void)visible;
	textlines_on_cursor(s, pos);
	if (pos.row != s->cursor.row || pos.col != s->cursor.col)
		s->changes++;
	s->cursor = pos;
	return 1;
}

void
screen_set_title(struct screen *s, const char *text, size_t len)
{
	struct buf valid = { 0 };

	utf8_clean(&valid, text, len);
	s->title_len = utf8_head(buf_str(&valid), valid.len, sizeof(s->title) - 1);
	memcpy(s->title, buf_str(&valid), s->title_len);
	s->title[s->title_len] = '\0';
	for (char *p = s->title; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == '\177')
			*p = '?';
	buf_free(&valid);
	s->changes++;
}

static int
on_prop(VTermProp prop, VTermValue *v, void *arg)
{
	struct screen *s = arg;

	switch (prop) {
	case VTERM_PROP_CURSORVISIBLE:
		s->cursor_visible = v->boolean;
		break;
	case VTERM_PROP_ALTSCREEN:
		s->alternate = v->boolean;
		break;
	default:
		return 1;
	}
	s->changes++;
	return 1;
}

static int
on_push(int cols, const VTermScreenCell *cells, void *arg)
{
	textlines_on_push(arg, cols, cells);
	return 1;
}

static const VTermScreenCallbacks callbacks = {
	.damage = on_damage,
	.moverect = on_move,
	.movecursor = on_cursor,
	.settermprop = on_prop,
	.sb_pushline = on_push,
};

static void
on_answer(const char *bytes, size_t len, void *arg)
{
	struct screen *s = arg;

	if (!s->quiet && s->ops.answer != NULL)
		s->ops.answer(s->ops.arg, bytes, len);
}

/* ---- life ---- */

static uint16_t
within(uint16_t n, uint16_t min, uint16_t max)
{
	return n < min ? min : n > max ? max : n;
}

struct screen *
screen_new(uint16_t rows, uint16_t cols, const struct screen_ops *ops)
{
	struct screen *s = xcalloc(1, sizeof(*s));

	s->rows = within(rows, SCREEN_ROWS_MIN, SCREEN_ROWS_MAX);
	s->cols = within(cols, SCREEN_COLS_MIN, SCREEN_COLS_MAX);
	s->ops = *ops;
	textlines_set_size(s, s->rows);
	s->vt = vterm_new(s->rows, s->cols);
	if (s->vt == NULL)
		abort(); /* as xalloc */
	vterm_set_utf8(s->vt, 1);
	vterm_output_set_callback(s->vt, on_answer, s);
	s->state = vterm_obtain_state(s->vt);
	s->vs = vterm_obtain_screen(s->vt);
	vterm_screen_set_callbacks(s->vs, &callbacks, s);
	vterm_screen_reset(s->vs, 1);
	/* A cursor that is restored and was never saved would be black on black. */
	(void)vterm_input_write(s->vt, "\0337", 2);
	/* What the reset drew is no output. */
	textlines_set_size(s, s->rows);
	s->cursor_visible = true;
	s->changes = 0;
	return s;
}

void
screen_free(struct screen *s)
{
	if (s == NULL)
		return;
	vterm_free(s->vt);
	buf_free(&s->scan.string);
	buf_free(&s->line);
	buf_free(&s->main_draw);
	free(s->row);
	free(s->rest);
	free(s);
}

void
screen_set_quiet(struct screen *s, bool quiet)
{
	s->quiet = quiet;
}

void
screen_feed(struct screen *s, const char *bytes, size_t len)
{
	scan_feed(s, bytes, len);
}

void
screen_resize(struct screen *s, uint16_t rows, uint16_t cols)
{
	int r = within(rows, SCREEN_ROWS_MIN, SCREEN_ROWS_MAX);
	int c = within(cols, SCREEN_COLS_MIN, SCREEN_COLS_MAX);

	if (r == s->rows && c == s->cols)
		return;
	/* What is on it now may lie elsewhere then. */
	textlines_rest(s);
	s->region_top = s->region_bottom = 0;
	/* libvterm tells of both sizes meanwhile. */
	textlines_set_size(s, r > s->rows ? r : s->rows);
	s->rows = r;
	s->cols = c;
	vterm_set_size(s->vt, r, c);
	keep_cursor_inside(s);
	vterm_state_get_cursorpos(s->state, &s->cursor);
	textlines_set_size(s, r);
	s->changes++;
}

void
screen_settle(struct screen *s)
{
	textlines_rest(s);
}

void
screen_end(struct screen *s)
{
	textlines_end(s);
}

/* ---- what it shows ---- */

void
screen_look(const struct screen *s, struct screen_look *look)
{
	*look = (struct screen_look){
		.rows = (uint16_t)s->rows,
		.cols = (uint16_t)s->cols,
		.cursor_row = (uint16_t)s->cursor.row,
		.cursor_col = (uint16_t)s->cursor.col,
		.cursor_visible = s->cursor_visible,
		.alternate = s->alternate,
		.bracketed_paste = (s->modes & MODE_PASTE) != 0,
		.app_cursor = (s->modes & MODE_APP_CURSOR) != 0,
		.app_keypad = (s->modes & MODE_APP_KEYPAD) != 0,
		.changes = s->changes,
		.title = s->title,
	};
}

/* What a cell may not hold in UTF-8 text becomes a mark. */
static uint32_t
clean(uint32_t c)
{
	bool bad = c < ' ' || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000) ||
		   c > 0x10ffff;

	return bad ? 0xfffd : c;
}

void
screen_put_cell(const VTermScreenCell *cell, struct buf *out)
{
	for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell->chars[i] != 0; i++)
		utf8_put(out, clean(cell->chars[i]));
}

/* The second half of a wide glyph whose first is gone is a blank. */
bool
screen_is_covered(const VTermScreenCell *cell, bool *wide)
{
	bool covered = cell->chars[0] == (uint32_t)-1 && *wide;

	*wide = cell->chars[0] != (uint32_t)-1 && cell->width > 1;
	return covered;
}

void
screen_cells(const struct screen *s, int row, struct buf *out)
{
	size_t end = out->len;
	bool wide = false;

	for (int col = 0; col < s->cols; col++) {
		VTermScreenCell cell;

		if (vterm_screen_get_cell(s->vs, (VTermPos){ row, col }, &cell) == 0 ||
		    screen_is_covered(&cell, &wide))
			continue;
		if (cell.chars[0] == 0 || cell.chars[0] == (uint32_t)-1) {
			buf_addc(out, ' ');
			continue;
		}
		screen_put_cell(&cell, out);
		if (cell.chars[0] != ' ')
			end = out->len;
	}
	buf_truncate(out, end);
}

void
screen_row(const struct screen *s, uint16_t row, struct buf *out)
{
	if (row < s->rows)
		screen_cells(s, row, out);
}

void
screen_text(const struct screen *s, struct buf *out)
{
	size_t end = out->len;

	for (int row = 0; row < s->rows; row++) {
		size_t at = out->len;

		screen_cells(s, row, out);
		buf_addc(out, '\n');
		if (out->len > at + 1)
			end = out->len;
	}
	buf_truncate(out, end);
}
