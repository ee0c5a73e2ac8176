/*
 * screen_draw: bytes that draw a screen on any terminal of its size; and its rows as text
 * with colours.
 */
#include <string.h>

#include "terminal/screen_int.h"

enum { ZERO_WIDTH_JOINER = 0x200d };

static void
put_colour(struct buf *out, const VTermColor *c, bool background)
{
	int base = background ? 40 : 30;

	if (background ? VTERM_COLOR_IS_DEFAULT_BG(c) : VTERM_COLOR_IS_DEFAULT_FG(c))
		return;
	if (!VTERM_COLOR_IS_INDEXED(c))
		buf_addf(out, ";%d;2;%u;%u;%u", base + 8, c->rgb.red, c->rgb.green,
		    c->rgb.blue);
	else if (c->indexed.idx < 8)
		buf_addf(out, ";%d", base + c->indexed.idx);
	else if (c->indexed.idx < 16)
		buf_addf(out, ";%d", base + 60 + c->indexed.idx - 8);
	else
		buf_addf(out, ";%d;5;%u", base + 8, c->indexed.idx);
}

/* The font: to libvterm as it is, to a terminal what it stands for. */
static void
put_font(struct buf *out, unsigned font, bool for_vterm)
{
	if (for_vterm && font != 0)
		buf_addf(out, ";%u", 10 + font);
	if (for_vterm)
		return;
	if ((font & FONT_FAINT) != 0)
		buf_adds(out, ";2");
	if ((font & FONT_HIDDEN) != 0)
		buf_adds(out, ";8");
	if ((font & FONT_OVERLINE) != 0)
		buf_adds(out, ";53");
}

void
draw_pen(const VTermScreenCell *pen, bool for_vterm, struct buf *out)
{
	const VTermScreenCellAttrs *a = &pen->attrs;

	buf_adds(out, "\033[0");
	if (a->bold)
		buf_adds(out, ";1");
	if (a->italic)
		buf_adds(out, ";3");
	if (a->underline == VTERM_UNDERLINE_SINGLE)
		buf_adds(out, ";4");
	else if (a->underline == VTERM_UNDERLINE_DOUBLE)
		buf_adds(out, ";21");
	else if (a->underline == VTERM_UNDERLINE_CURLY)
		buf_adds(out, ";4:3");
	if (a->blink)
		buf_adds(out, ";5");
	if (a->reverse)
		buf_adds(out, ";7");
	if (a->strike)
		buf_adds(out, ";9");
	put_font(out, a->font, for_vterm);
	put_colour(out, &pen->fg, false);
	put_colour(out, &pen->bg, true);
	buf_addc(out, 'm');
}

static void
put_charsets(const struct charsets *c, struct buf *out)
{
	static const char *const use[CHARSETS] = { "\017", "\016", "\033n", "\033o" };

	for (int i = 0; i < CHARSETS; i++)
		buf_addf(out, "\033%c%c", '(' + i, c->set[i]);
	buf_adds(out, use[c->used]);
}

static bool
same_pen(const VTermScreenCell *a, const VTermScreenCell *b)
{
	return a->attrs.bold == b->attrs.bold &&
	       a->attrs.underline == b->attrs.underline &&
	       a->attrs.italic == b->attrs.italic && a->attrs.blink == b->attrs.blink &&
	       a->attrs.reverse == b->attrs.reverse &&
	       a->attrs.strike == b->attrs.strike && a->attrs.font == b->attrs.font &&
	       vterm_color_is_equal(&a->fg, &b->fg) &&
	       vterm_color_is_equal(&a->bg, &b->bg);
}

/* ---- rows ---- */

struct row_draw {
	const struct screen *s;
	struct buf *out;
	int row, cols;
	int at;              /* where the cursor is */
	int dirty;           /* this column is not as it was erased */
	VTermScreenCell pen; /* what is drawn with; none yet: have_pen */
	bool have_pen;
};

static void
go_to(struct row_draw *d, int col)
{
	if (d->at != col)
		buf_addf(d->out, "\033[%d;%dH", d->row + 1, col + 1);
	d->at = col;
}

static void
use_pen(struct row_draw *d, const VTermScreenCell *pen)
{
	if (d->have_pen && same_pen(&d->pen, pen))
		return;
	draw_pen(pen, false, d->out);
	d->pen = *pen;
	d->have_pen = true;
}

static bool
is_half(const VTermScreenCell *cell)
{
	return cell->chars[0] == (uint32_t)-1;
}

static bool
is_wide(const VTermScreenCell *cell)
{
	return !is_half(cell) && screen_width(cell->chars[0]) == 2;
}

static bool
is_plain(const VTermScreenCell *cell)
{
	VTermScreenCell plain = { 0 };

	plain.fg = cell->fg;
	plain.bg = cell->bg;
	return same_pen(cell, &plain) && VTERM_COLOR_IS_DEFAULT_FG(&cell->fg) &&
	       VTERM_COLOR_IS_DEFAULT_BG(&cell->bg);
}

/* A blank of two columns, for what is left of it. */
static void
put_wide_blank(struct row_draw *d, int col)
{
	go_to(d, col);
	buf_adds(d->out, "\xe3\x80\x80");
	d->at = -1;
}

/* How many second halves are at col and behind. */
static int
count_halves(const struct row_draw *d, int col)
{
	VTermScreenCell cell;
	int n = 0;

	while (col + n < d->cols && screen_cell(d->s, d->row, col + n, &cell) &&
	       is_half(&cell))
		n++;
	return n;
}

/* Second halves without a first one at the beginning of the row. */
static int
put_first_halves(struct row_draw *d)
{
	int n = count_halves(d, 0);

	for (int col = n - 1; col >= 0; col--)
		put_wide_blank(d, col);
	if (n > 0) {
		go_to(d, 0);
		buf_adds(d->out, "\033[P");
	}
	return n;
}

/* Blanks of one kind are erased, up to one with second halves behind it. */
static int
put_blanks(struct row_draw *d, int col, const VTermScreenCell *first)
{
	VTermScreenCell cell;
	int end = col + 1;

	while (end < d->cols && screen_cell(d->s, d->row, end, &cell) &&
	       cell.chars[0] == 0 && same_pen(&cell, first) &&
	       count_halves(d, end + 1) == 0)
		end++;
	if (is_plain(first) && d->dirty != col)
		return end;
	go_to(d, col);
	use_pen(d, first);
	buf_addf(d->out, "\033[%dX", end - col);
	return end;
}

/* The common ones, so that they need but themselves. */
static bool
is_surely_wide(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3);
}

/* What is written next is joined to what stands before col. */
static bool
is_joined(const struct row_draw *d, int col)
{
	VTermScreenCell cell;
	uint32_t last = 0;

	do
		col--;
	while (col >= 0 && screen_cell(d->s, d->row, col, &cell) && is_half(&cell));
	for (int i = 0; col >= 0 && i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i] != 0;
	     i++)
		last = cell.chars[i];
	return last == ZERO_WIDTH_JOINER;
}

static int
put_character(struct row_draw *d, int col, const VTermScreenCell *cell)
{
	int width = is_wide(cell) ? 2 : 1;

	/* Others draw it wider or less wide.  (Where it is a part of the picture before
	 * it, a blank would be that part.) */
	if (width == 2 && !is_surely_wide(cell->chars[0]) && !is_joined(d, col))
		put_wide_blank(d, col);
	go_to(d, col);
	use_pen(d, cell);
	screen_put_cell(cell, d->out);
	d->at = cell->chars[0] < 0x80 && cell->chars[1] == 0 && col + 1 < d->cols
		    ? col + 1
		    : -1;
	return width;
}

/* A cell, and the second halves behind it that are not its own.  Where the next one is.
 */
static int
put_cell(struct row_draw *d, int col)
{
	VTermScreenCell cell;
	int halves = count_halves(d, col + 1), own, width;

	(void)screen_cell(d->s, d->row, col, &cell);
	own = is_wide(&cell) ? 1 : 0;
	for (int at = col + halves; at > col + own; at--)
		put_wide_blank(d, at - 1);
	if (cell.chars[0] == 0) {
		width = halves > 0 ? 1 : put_blanks(d, col, &cell) - col;
		if (halves > 0) {
			go_to(d, col);
			use_pen(d, &cell);
			buf_adds(d->out, "\033[X");
		}
		return col + width + halves;
	}
	width = put_character(d, col, &cell);
	if (width == 2 && halves == 0)
		d->dirty = col + 1;
	return col + 1 + halves;
}

static void
put_row(const struct screen *s, int row, struct buf *out)
{
	const VTermLineInfo *info = vterm_state_get_lineinfo(s->state, row);
	struct row_draw d = { .s = s, .out = out, .row = row, .at = -1, .dirty = -1 };

	d.cols = screen_row_cols(s, row);
	if (info->doublewidth) {
		go_to(&d, 0);
		buf_adds(out, !info->doubleheight       ? "\033#6"
			      : info->doubleheight == 1 ? "\033#3"
							: "\033#4");
	}
	for (int col = put_first_halves(&d); col < d.cols;)
		col = put_cell(&d, col);
	if (d.have_pen)
		buf_adds(out, "\033[0m");
}

/* ---- rows as text ---- */

static bool
is_blank(const VTermScreenCell *cell)
{
	return cell->chars[0] == 0 || cell->chars[0] == ' ' || is_half(cell);
}

static void
put_coloured(const struct screen *s, int row, struct buf *out)
{
	VTermScreenCell cell, pen = { 0 };
	int cols = screen_row_cols(s, row);
	bool have_pen = false;

	while (cols > 0 && screen_cell(s, row, cols - 1, &cell) && is_blank(&cell) &&
	       is_plain(&cell))
		cols--;
	for (int col = 0; col < cols && screen_cell(s, row, col, &cell); col++) {
		bool wide = is_wide(&cell);

		if (have_pen ? !same_pen(&pen, &cell) : !is_plain(&cell)) {
			draw_pen(&cell, false, out);
			have_pen = !is_plain(&cell);
			pen = cell;
		}
		/* Half a wide character is none. */
		if (cell.chars[0] == 0 || is_half(&cell) || (wide && cell.width == 1)) {
			buf_addc(out, ' ');
			continue;
		}
		screen_put_cell(&cell, out);
		col += wide ? 1 : 0;
	}
	if (have_pen)
		buf_adds(out, "\033[0m");
}

void
screen_coloured(const struct screen *s, struct buf *out)
{
	size_t end = out->len;

	for (int row = 0; row < s->rows; row++) {
		size_t at = out->len;

		put_coloured(s, row, out);
		buf_addc(out, '\n');
		if (out->len > at + 1)
			end = out->len;
	}
	buf_truncate(out, end);
}

/* ---- the rest ---- */

static void
put_modes(const struct screen *s, struct buf *out)
{
	for (size_t i = 0; i < SCREEN_MODES; i++)
		buf_addf(out, "\033[?%u%c", screen_modes[i].number,
		    (s->modes & screen_modes[i].bit) != 0 ? 'h' : 'l');
	buf_adds(out, (s->modes & MODE_APP_KEYPAD) != 0 ? "\033=" : "\033>");
	buf_adds(out, "\033[?1000l\033[?1002l\033[?1003l\033[?1005l\033[?1006l");
	if (s->mouse_coding != 0)
		buf_addf(out, "\033[?%uh", s->mouse_coding);
	if (s->mouse != 0)
		buf_addf(out, "\033[?%uh", s->mouse);
	buf_addf(out, "\033[%u q", s->cursor_style);
}

static void
put_tabs(const struct screen *s, struct buf *out)
{
	buf_adds(out, "\033[3g");
	for (int col = 0; col < s->cols; col++)
		if (csi_has_tab(s, col))
			buf_addf(out, "\033[%dG\033H", col + 1);
}

/* What ESC 8 will bring back: saved while the whole screen is the region. */
static void
put_saved(const struct screen *s, struct buf *out)
{
	static const struct charsets ascii = { .set = { 'B', 'B', 'B', 'B' } };

	if (s->saved.origin)
		buf_adds(out, "\033[?6h");
	buf_addf(out, "\033[%d;%dH", s->saved.at.row + 1, s->saved.at.col + 1);
	put_charsets(&s->saved.charsets, out);
	draw_pen(&s->saved.pen, false, out);
	buf_adds(out, "\0337\033[0m");
	put_charsets(&ascii, out);
	if (s->saved.origin)
		buf_adds(out, "\033[?6l");
}

static void
put_position(const struct screen *s, int row, int col, struct buf *out)
{
	if ((s->modes & MODE_ORIGIN) != 0 && s->region_top != 0)
		row -= (int)s->region_top - 1;
	buf_addf(out, "\033[%d;%dH", row + 1, col + 1);
}

/* The cursor; where the last character still matters, to what combines with it or because
 * it filled its row, that one is written again. */
static void
put_cursor(const struct screen *s, struct buf *out)
{
	struct row_draw d = { .s = s, .out = out, .row = s->last.row };
	bool again = s->full || (s->fresh && s->cursor.row == s->last.row &&
				    s->cursor.col == s->last.col + s->last_cols);
	VTermScreenCell cell, next;
	int col = s->last.col;

	if (!again || !screen_cell(s, s->last.row, col, &cell)) {
		put_position(s, s->cursor.row, s->cursor.col, out);
		return;
	}
	put_position(s, s->last.row, col, out);
	use_pen(&d, &cell);
	if (cell.chars[0] != 0) {
		screen_put_cell(&cell, out);
		return;
	}
	/* It was erased meanwhile, maybe but its first half. */
	buf_adds(out, s->last_cols > 1 ? "\xe3\x80\x80" : " ");
	buf_adds(out, "\033[X");
	if (s->last_cols > 1 && screen_cell(s, s->last.row, col + 1, &next) &&
	    !is_half(&next)) {
		use_pen(&d, &next);
		buf_adds(out, same_pen(&cell, &next) ? "\033[2X" : "");
	}
}

void
screen_draw(const struct screen *s, struct buf *out)
{
	VTermScreenCell pen = screen_pen(s);

	if (s->alternate) {
		buf_append(out, s->main_draw.data, s->main_draw.len);
		buf_adds(out, "\033[?1049h");
	} else {
		buf_adds(out, "\033[?1049l");
	}
	/* From a known state. */
	buf_adds(out, "\033[?6l\033[r\033[?7h\033[?5l\033[4l\033[20l"
		      "\033(B\033)B\033*B\033+B\017\033[0m\033[H\033[2J");
	/* Before rows of double width, where half of the columns cannot be gone to. */
	put_tabs(s, out);
	put_saved(s, out);
	for (int row = 0; row < s->rows; row++)
		put_row(s, row, out);
	if (s->title_len > 0)
		buf_addf(out, "\033]2;%s\033\\", s->title);
	if (s->region_top != 0)
		buf_addf(out, "\033[%u;%ur", s->region_top, s->region_bottom);
	put_modes(s, out);
	if ((s->modes & MODE_ORIGIN) != 0)
		buf_adds(out, "\033[?6h");
	put_cursor(s, out);
	put_charsets(&s->charsets, out);
	draw_pen(&pen, false, out);
	if ((s->modes & MODE_NO_WRAP) != 0)
		buf_adds(out, "\033[?7l");
	if ((s->modes & MODE_INSERT) != 0)
		buf_adds(out, "\033[4h");
	if ((s->modes & MODE_NEWLINE) != 0)
		buf_adds(out, "\033[20h");
	buf_adds(out, s->cursor_visible ? "\033[?25h" : "\033[?25l");
}

void
screen_rest(const struct screen *s, struct buf *out)
{
	const struct scan *c = &s->scan;

	switch (c->state) {
	case SCAN_TEXT:
		buf_append(out, c->utf8, c->n_utf8);
		break;
	case SCAN_ESC:
	case SCAN_CSI:
		buf_append(out, c->raw, c->n_raw);
		break;
	case SCAN_STRING:
	case SCAN_STRING_ESC:
		buf_addf(out, "\033%c", c->kind);
		buf_append(out, c->string.data, c->string.len);
		if (c->state == SCAN_STRING_ESC)
			buf_addc(out, '\033');
		break;
	}
}

void
screen_save(const struct screen *s, struct buf *out)
{
	screen_draw(s, out);
	textlines_save(s, out);
	screen_rest(s, out);
}
