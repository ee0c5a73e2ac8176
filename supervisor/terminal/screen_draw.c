/*
 * screen_draw: bytes that draw a screen on any terminal of its size.
 */
#include <string.h>

#include "terminal/screen_int.h"

static const struct {
	unsigned bit;
	unsigned number;
} modes[] = {
	{ MODE_APP_CURSOR, 1 },
	{ MODE_REVERSE, 5 },
	{ MODE_MOUSE_CLICK, 1000 },
	{ MODE_MOUSE_DRAG, 1002 },
	{ MODE_MOUSE_MOVE, 1003 },
	{ MODE_FOCUS, 1004 },
	{ MODE_MOUSE_UTF8, 1005 },
	{ MODE_MOUSE_SGR, 1006 },
	{ MODE_PASTE, 2004 },
};

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

static void
put_pen(struct buf *out, const VTermScreenCell *cell)
{
	const VTermScreenCellAttrs *a = &cell->attrs;

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
	if (a->font)
		buf_addf(out, ";%d", 10 + a->font);
	put_colour(out, &cell->fg, false);
	put_colour(out, &cell->bg, true);
	buf_addc(out, 'm');
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

static bool
is_plain(const VTermScreenCell *c)
{
	return !c->attrs.underline && !c->attrs.reverse && !c->attrs.strike &&
	       VTERM_COLOR_IS_DEFAULT_BG(&c->bg);
}

/* Behind it the row is as it was erased. */
static int
last_column(const struct screen *s, int row)
{
	VTermScreenCell cell;

	for (int col = s->cols; col > 0; col--) {
		if (vterm_screen_get_cell(s->vs, (VTermPos){ row, col - 1 }, &cell) == 0)
			continue;
		if (cell.chars[0] != 0 || !is_plain(&cell))
			return col;
	}
	return 0;
}

/* A wide glyph of which only half is left in the last column: printed there it would go
 * to the next row. */
static bool
is_odd(const struct screen *s, int row)
{
	VTermScreenCell cell;

	return vterm_screen_get_cell(s->vs, (VTermPos){ row, s->cols - 1 }, &cell) != 0 &&
	       cell.chars[0] != (uint32_t)-1 && cell.chars[0] >= 0x80;
}

/* It is printed one column before, and moved on. */
static void
put_last(const struct screen *s, int row, struct buf *out)
{
	VTermScreenCell cell;

	if (!is_odd(s, row))
		return;
	(void)vterm_screen_get_cell(s->vs, (VTermPos){ row, s->cols - 1 }, &cell);
	buf_addf(out, "\033[%d;%dH", row + 1, s->cols - 1);
	put_pen(out, &cell);
	screen_put_cell(&cell, out);
	buf_addf(out, "\033[%d;%dH\033[0m\033[@", row + 1, s->cols - 1);
}

/* What is written next is drawn with it. */
static void
put_current_pen(const struct screen *s, struct buf *out)
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
	put_pen(out, &pen);
}

/* The common ones, so that they need but themselves. */
static bool
is_surely_wide(uint32_t c)
{
	return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) ||
	       (c >= 0x1f300 && c <= 0x1f64f);
}

static void
put_row(const struct screen *s, int row, struct buf *out)
{
	int last = last_column(s, row);
	VTermScreenCell pen, cell;
	bool have_pen = false, wide = false;

	if (last == 0)
		return;
	put_last(s, row, out);
	buf_addf(out, "\033[%d;1H", row + 1);
	for (int col = 0; col < last; col++) {
		if (col == s->cols - 1 && is_odd(s, row))
			break;
		if (vterm_screen_get_cell(s->vs, (VTermPos){ row, col }, &cell) == 0 ||
		    screen_is_covered(&cell, &wide))
			continue;
		if (cell.chars[0] == (uint32_t)-1)
			cell.chars[0] = 0;
		if (!have_pen || !same_pen(&pen, &cell)) {
			put_pen(out, &cell);
			pen = cell;
			have_pen = true;
		}
		/* A narrow glyph over the first half of a wide one takes two columns. */
		if (cell.width > 1 && !is_surely_wide(cell.chars[0]))
			buf_addf(out, "\xe3\x80\x80\033[%d;%dH", row + 1, col + 1);
		if (cell.chars[0] == 0)
			buf_addc(out, ' ');
		screen_put_cell(&cell, out);
		/* Others draw it wider or less wide; and it may be half of a wide one. */
		if (cell.chars[0] >= 0x80 || cell.width > 1)
			buf_addf(out, "\033[%d;%dH", row + 1, col + cell.width + 1);
	}
	buf_adds(out, "\033[0m");
}

static void
put_modes(const struct screen *s, struct buf *out)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		buf_addf(out, "\033[?%u%c", modes[i].number,
		    (s->modes & modes[i].bit) != 0 ? 'h' : 'l');
	buf_adds(out, (s->modes & MODE_APP_KEYPAD) != 0 ? "\033=" : "\033>");
}

void
screen_draw(const struct screen *s, struct buf *out)
{
	if (s->alternate) {
		if (s->main_draw.len > 0)
			buf_append(out, s->main_draw.data, s->main_draw.len);
		buf_adds(out, "\033[?1049h");
	} else {
		buf_adds(out, "\033[?1049l");
	}
	/* From a known state: whole region, wrapping, no insert mode, origin at the top.
	 */
	buf_adds(out, "\033[?6l\033[r\033[?7h\033[4l\033[0m\033[H\033[2J");
	for (int row = 0; row < s->rows; row++)
		put_row(s, row, out);
	if (s->title_len > 0)
		buf_addf(out, "\033]2;%s\033\\", s->title);
	if (s->region_top != 0)
		buf_addf(out, "\033[%u;%ur", s->region_top, s->region_bottom);
	put_modes(s, out);
	if ((s->modes & MODE_NO_WRAP) != 0)
		buf_adds(out, "\033[?7l");
	buf_addf(out, "\033[%d;%dH", s->cursor.row + 1, s->cursor.col + 1);
	put_current_pen(s, out);
	buf_adds(out, s->cursor_visible ? "\033[?25h" : "\033[?25l");
}
