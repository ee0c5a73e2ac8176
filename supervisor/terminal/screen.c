/*
 * screen: see the header.
 */
#include "terminal/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "terminal/screen_int.h"

/* ---- what libvterm tells ---- */

/* Whether it was a character that did it is seen by what is on its way, and by its size:
 * what scrolls or is erased meanwhile has more columns. */
static int
on_damage(VTermRect rect, void *arg)
{
	struct screen *s = arg;
	bool glyph = s->writing && rect.end_row - rect.start_row == 1 &&
		     rect.end_col - rect.start_col <= 2;

	s->changes++;
	if (!s->moving)
		textlines_on_damage(s, rect, glyph);
	if (!glyph)
		return 1;
	s->last = (VTermPos){ rect.start_row, rect.start_col };
	s->last_cols = rect.end_col - rect.start_col;
	s->full = rect.end_col >= screen_row_cols(s, rect.start_row);
	s->fresh = !s->full || (s->modes & MODE_NO_WRAP) == 0;
	s->full = s->full && s->fresh;
	s->scan.n_marks = 0;
	return 1;
}

static int
on_move(VTermRect dest, VTermRect src, void *arg)
{
	struct screen *s = arg;

	s->changes++;
	textlines_on_move(s, dest, src);
	if (s->last.row >= src.start_row && s->last.row < src.end_row)
		s->last.row += dest.start_row - src.start_row;
	return 1;
}

static int
on_cursor(VTermPos pos, VTermPos old, int visible, void *arg)
{
	struct screen *s = arg;

	(void)old;
	(void)visible;
	if (pos.row != s->cursor.row || pos.col != s->cursor.col)
		s->changes++;
	s->cursor = pos;
	/* (The cursor stays on a character that filled its row.) */
	if (pos.row != s->last.row || pos.col != s->last.col)
		s->full = false;
	if (pos.row != s->last.row || (pos.col != s->last.col + s->last_cols && !s->full))
		s->fresh = false;
	if (!s->moving)
		textlines_on_cursor(s, pos);
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

void
screen_answer(const char *bytes, size_t len, void *arg)
{
	struct screen *s = arg;

	if (!s->quiet && s->ops.answer != NULL)
		s->ops.answer(s->ops.arg, bytes, len);
}

/* ---- what it is told ---- */

void
screen_write(struct screen *s, const char *bytes, size_t len)
{
	(void)vterm_input_write(s->vt, bytes, len);
}

void
screen_write_own(struct screen *s, const char *bytes, size_t len)
{
	bool moving = s->moving;

	s->moving = true;
	screen_write(s, bytes, len);
	s->moving = moving;
}

void
screen_go_to(struct screen *s, int row, int col)
{
	char to[32];
	int n;

	if ((s->modes & MODE_ORIGIN) != 0 && s->region_top != 0)
		row -= (int)s->region_top - 1;
	n = snprintf(to, sizeof(to), "\033[%d;%dH", row + 1, col + 1);
	screen_write_own(s, to, (size_t)n);
	s->full = false;
}

/* Blanks of no colour from col on; cursor and pen stay. */
static void
blank(struct screen *s, int row, int col, int cols)
{
	VTermScreenCell pen = screen_pen(s);
	VTermPos at = s->cursor;
	struct buf seq = { 0 };

	screen_go_to(s, row, col);
	buf_addf(&seq, "\033[0m\033[%dX", cols);
	draw_pen(&pen, true, &seq);
	screen_write_own(s, seq.data, seq.len);
	buf_free(&seq);
	screen_go_to(s, at.row, at.col);
}

/* A wide character whose second half is another one, or beyond the last column. */
static bool
is_half(const struct screen *s, int row, int col)
{
	VTermScreenCell cell;

	return screen_cell(s, row, col, &cell) && cell.width == 1 &&
	       cell.chars[0] != (uint32_t)-1 && screen_width(cell.chars[0]) == 2;
}

void
screen_mend(struct screen *s, int from, int upto, bool whole)
{
	for (int row = from; row < upto; row++) {
		int last = screen_row_cols(s, row) - 1;

		for (int col = whole ? 0 : last; col <= last; col++)
			if (is_half(s, row, col))
				blank(s, row, col, 1);
	}
}

void
screen_set_width(struct screen *s, int row)
{
	const VTermLineInfo *info = vterm_state_get_lineinfo(s->state, row);

	if (info->doublewidth)
		screen_mend(s, row, row + 1, false);
	else
		blank(s, row, s->cols / 2, s->cols);
}

void
screen_even_rows(struct screen *s)
{
	unsigned modes = s->modes;
	VTermPos at = s->cursor;
	bool any = false;

	for (int row = 0; row < s->rows && s->uneven; row++) {
		if (!vterm_state_get_lineinfo(s->state, row)->doublewidth)
			continue;
		any = true;
		s->modes &= ~(unsigned)MODE_ORIGIN;
		screen_write_own(s, "\033[?6l", 5);
		screen_go_to(s, row, 0);
		screen_write_own(s, "\033#5", 3);
		screen_set_width(s, row);
	}
	s->uneven = false;
	s->modes = modes;
	if (any && (modes & MODE_ORIGIN) != 0)
		screen_write_own(s, "\033[?6h", 5);
	if (any)
		screen_go_to(s, at.row, at.col);
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
	vterm_output_set_callback(s->vt, screen_answer, s);
	s->state = vterm_obtain_state(s->vt);
	s->vs = vterm_obtain_screen(s->vt);
	vterm_screen_set_callbacks(s->vs, &callbacks, s);
	vterm_screen_reset(s->vs, 1);
	csi_reset(s);
	/* What the reset drew is no output. */
	memset(s->row, 0, (size_t)s->n_row * sizeof(*s->row));
	s->paints = false;
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

static int
inside(int n, int size)
{
	return n < 0 ? 0 : n < size ? n : size - 1;
}

/* The whole screen is the region again. */
static void
forget_region(struct screen *s)
{
	VTermPos at = s->cursor;

	if (s->region_top == 0)
		return;
	screen_write_own(s, "\033[r", 3);
	s->region_top = s->region_bottom = 0;
	screen_go_to(s, at.row, at.col);
}

/* What is behind the alternate screen is cut or made larger by libvterm with it. */
static void
resize_vterm(struct screen *s, int rows, int cols)
{
	VTermScreenCell pen = screen_pen(s);
	struct buf seq = { 0 };
	int before = s->cols;

	screen_even_rows(s);
	forget_region(s);
	/* New cells are of no colour. */
	screen_write_own(s, "\033[0m", 4);
	/* libvterm tells of both sizes meanwhile. */
	textlines_set_size(s, rows > s->rows ? rows : s->rows);
	s->moving = true;
	vterm_set_size(s->vt, rows, cols);
	s->moving = false;
	s->rows = rows;
	s->cols = cols;
	textlines_set_size(s, rows);
	if (cols > before)
		csi_reset_tabs(s, before);
	draw_pen(&pen, true, &seq);
	screen_write_own(s, seq.data, seq.len);
	buf_free(&seq);
	/* libvterm moves it out at the top when the rows below it are kept. */
	vterm_state_get_cursorpos(s->state, &s->cursor);
	screen_go_to(s, inside(s->cursor.row, rows), inside(s->cursor.col, cols));
	s->saved.at.row = inside(s->saved.at.row, rows);
	s->saved.at.col = inside(s->saved.at.col, cols);
	s->fresh = false;
	screen_mend(s, 0, rows, false);
}

/* What draws the main screen is made anew: its cells are in libvterm, which does not show
 * them now. */
static void
resize_main_draw(struct screen *s, int rows, int cols)
{
	struct screen *m =
	    screen_new((uint16_t)s->rows, (uint16_t)s->cols, &(struct screen_ops){ 0 });

	screen_feed(m, s->main_draw.data, s->main_draw.len);
	vterm_screen_enable_altscreen(m->vs, 1);
	screen_write_own(m, "\033[?1047h", 8);
	resize_vterm(m, rows, cols);
	screen_write_own(m, "\033[?1047l", 8);
	screen_mend(m, 0, rows, true);
	buf_clear(&s->main_draw);
	screen_draw(m, &s->main_draw);
	screen_free(m);
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
	if (s->alternate)
		resize_main_draw(s, r, c);
	resize_vterm(s, r, c);
	textlines_resized(s);
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

void
screen_load(struct screen *s, const char *bytes, size_t len)
{
	bool quiet = s->quiet;

	s->quiet = s->loading = true;
	screen_feed(s, bytes, len);
	s->loading = false;
	/* Of an older supd, which did not save them. */
	if (!s->loaded)
		textlines_rest(s);
	s->quiet = quiet;
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

void
screen_put_cells(const VTermScreenCell *cells, int cols, struct buf *out)
{
	size_t end = out->len;

	for (int col = 0; col < cols; col++) {
		uint32_t c = cells[col].chars[0];
		bool wide = c != (uint32_t)-1 && screen_width(c) == 2;

		/* Half a wide character is none. */
		if (c == 0 || c == (uint32_t)-1 || (wide && cells[col].width == 1)) {
			buf_addc(out, ' ');
			continue;
		}
		screen_put_cell(&cells[col], out);
		if (c != ' ')
			end = out->len;
		col += wide ? 1 : 0;
	}
	buf_truncate(out, end);
}

bool
screen_cell(const struct screen *s, int row, int col, VTermScreenCell *cell)
{
	if (vterm_screen_get_cell(s->vs, (VTermPos){ row, col }, cell) == 0)
		return false;
	if ((s->modes & MODE_REVERSE) != 0)
		cell->attrs.reverse = !cell->attrs.reverse;
	return true;
}

int
screen_row_cols(const struct screen *s, int row)
{
	bool twice = s->uneven && vterm_state_get_lineinfo(s->state, row)->doublewidth;

	return twice ? s->cols / 2 : s->cols;
}

VTermScreenCell
screen_pen(const struct screen *s)
{
	VTermScreenCell pen = { 0 };
	VTermValue v;

	for (VTermAttr a = VTERM_ATTR_BOLD; a < VTERM_N_ATTRS; a++) {
		if (vterm_state_get_penattr(s->state, a, &v) == 0)
			continue;
		switch (a) {
		case VTERM_ATTR_BOLD:
			pen.attrs.bold = v.boolean != 0;
			break;
		case VTERM_ATTR_UNDERLINE:
			pen.attrs.underline = (unsigned)v.number & 3;
			break;
		case VTERM_ATTR_ITALIC:
			pen.attrs.italic = v.boolean != 0;
			break;
		case VTERM_ATTR_BLINK:
			pen.attrs.blink = v.boolean != 0;
			break;
		case VTERM_ATTR_REVERSE:
			pen.attrs.reverse = v.boolean != 0;
			break;
		case VTERM_ATTR_STRIKE:
			pen.attrs.strike = v.boolean != 0;
			break;
		case VTERM_ATTR_FONT:
			pen.attrs.font = (unsigned)v.number & 15;
			break;
		case VTERM_ATTR_FOREGROUND:
			pen.fg = v.color;
			break;
		case VTERM_ATTR_BACKGROUND:
			pen.bg = v.color;
			break;
		default:
			break;
		}
	}
	return pen;
}

int
screen_get_cells(const struct screen *s, int row, VTermScreenCell *cells)
{
	int cols = screen_row_cols(s, row);

	for (int col = 0; col < cols; col++)
		(void)screen_cell(s, row, col, &cells[col]);
	return cols;
}

void
screen_cells(const struct screen *s, int row, struct buf *out)
{
	VTermScreenCell cells[SCREEN_COLS_MAX];
	int cols = screen_get_cells(s, row, cells);

	screen_put_cells(cells, cols, out);
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
