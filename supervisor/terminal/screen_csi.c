/*
 * screen_csi: what control sequences do.  Those that libvterm knows it gets, in the form
 * that it reads; the others are made of them.
 */
#include <stdio.h>
#include <string.h>

#include "terminal/screen_int.h"

const struct screen_mode screen_modes[SCREEN_MODES] = {
	{ MODE_APP_CURSOR, 1 },
	{ MODE_REVERSE, 5 },
	{ MODE_FOCUS, 1004 },
	{ MODE_WHEEL, 1007 },
	{ MODE_PASTE, 2004 },
};

/* What the sequence is, as a number to switch on. */
#define KEY(leader, between, final) \
	((unsigned)(leader) << 16 | (unsigned)(between) << 8 | (unsigned)(final))

static void
write_mode(struct screen *s, unsigned mode, bool on)
{
	char seq[32];
	int n = snprintf(seq, sizeof(seq), "\033[?%u%c", mode, on ? 'h' : 'l');

	screen_write(s, seq, (size_t)n);
}

unsigned
scan_number(const struct scan *c, unsigned i, unsigned otherwise)
{
	return i < c->n_args && i < SCAN_ARGS && c->args[i].value >= 0
		   ? (unsigned)c->args[i].value
		   : otherwise;
}

size_t
scan_put_number(char *to, unsigned n)
{
	char digits[DIGITS_MAX];
	size_t len = 0;

	do
		digits[len++] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	for (size_t i = 0; i < len; i++)
		to[i] = digits[len - 1 - i];
	return len;
}

void
csi_not_full(struct screen *s)
{
	if (s->full || s->cursor.col >= screen_row_cols(s, s->cursor.row))
		screen_go_to(s, s->cursor.row, s->cursor.col);
}

/* ---- tab stops ---- */

void
csi_set_tab(struct screen *s, int col, bool on)
{
	uint8_t bit = (uint8_t)(1u << (col & 7));

	if (on)
		s->tabs[col >> 3] |= bit;
	else
		s->tabs[col >> 3] &= (uint8_t)~bit;
}

bool
csi_has_tab(const struct screen *s, int col)
{
	return (s->tabs[col >> 3] & 1u << (col & 7)) != 0;
}

void
csi_reset_tabs(struct screen *s, int from)
{
	for (int col = from; col < SCREEN_COLS_MAX; col++)
		csi_set_tab(s, col, col % 8 == 0);
}

static void
clear_tabs(struct screen *s, unsigned which)
{
	if (which == 0)
		csi_set_tab(s, s->cursor.col, false);
	else if (which == 3 || which == 5)
		memset(s->tabs, 0, sizeof(s->tabs));
}

/* ---- the cursor, saved ---- */

void
csi_save_cursor(struct screen *s)
{
	s->saved = (struct saved){
		.at = s->cursor,
		.pen = screen_pen(s),
		.charsets = s->charsets,
		.origin = (s->modes & MODE_ORIGIN) != 0,
	};
}

/* libvterm's own does not save charsets and origin, and brings back whether the cursor
 * is visible, which no terminal does. */
void
csi_restore_cursor(struct screen *s)
{
	struct buf seq = { 0 };
	int row = s->saved.at.row;

	buf_adds(&seq, s->saved.origin ? "\033[?6h" : "\033[?6l");
	draw_pen(&s->saved.pen, true, &seq);
	screen_write_own(s, seq.data, seq.len);
	buf_free(&seq);
	s->charsets = s->saved.charsets;
	s->modes &= ~(unsigned)MODE_ORIGIN;
	if (s->saved.origin) {
		s->modes |= MODE_ORIGIN;
		/* Not out of the region, which may be another one than then. */
		if (s->region_top != 0 && row < (int)s->region_top - 1)
			row = (int)s->region_top - 1;
		if (s->region_top != 0 && row > (int)s->region_bottom - 1)
			row = (int)s->region_bottom - 1;
	}
	screen_go_to(s, row, s->saved.at.col);
	textlines_on_cursor(s, s->cursor);
	s->fresh = false;
	s->changes++;
}

/* ---- the alternate screen ---- */

/* Shown; asked for again, it is blank again. */
static void
blank_alternate(struct screen *s)
{
	screen_write(s, "\033[?1047h", 8);
	s->fresh = false;
	csi_not_full(s);
}

static void
enter_alternate(struct screen *s)
{
	if (s->alternate)
		return;
	/* Half of the memory of a screen, which most never need. */
	vterm_screen_enable_altscreen(s->vs, 1);
	screen_even_rows(s);
	buf_clear(&s->main_draw);
	screen_draw(s, &s->main_draw);
	blank_alternate(s);
}

void
csi_leave_alternate(struct screen *s)
{
	if (!s->alternate)
		return;
	buf_free(&s->main_draw);
	screen_even_rows(s);
	screen_write(s, "\033[?1047l", 8);
	s->fresh = false;
	csi_not_full(s);
	/* Its size may have changed meanwhile. */
	screen_mend(s, 0, s->rows, true);
}

static void
leave_alternate(struct screen *s)
{
	if (s->alternate)
		textlines_alternate(s);
	csi_leave_alternate(s);
}

static void
set_alternate(struct screen *s, unsigned mode, bool on)
{
	if (on) {
		if (s->alternate && mode == 1049)
			blank_alternate(s);
		enter_alternate(s);
		/* (Not before the main screen is drawn, which 1049 does again.) */
		if (mode == 1049)
			csi_save_cursor(s);
		return;
	}
	leave_alternate(s);
	if (mode == 1049)
		csi_restore_cursor(s);
}

/* ---- modes ---- */

static void
note_mode(struct screen *s, unsigned bit, bool on)
{
	s->modes = on ? s->modes | bit : s->modes & ~bit;
}

static void
set_mode(struct screen *s, unsigned mode, bool on)
{
	switch (mode) {
	case 6:
		note_mode(s, MODE_ORIGIN, on);
		break;
	case 7:
		note_mode(s, MODE_NO_WRAP, !on);
		break;
	case 66:
		note_mode(s, MODE_APP_KEYPAD, on);
		screen_write(s, on ? "\033=" : "\033>", 2);
		return;
	case 9:
	case 1000:
	case 1002:
	case 1003:
		s->mouse = on ? mode : 0;
		break;
	case 1005:
	case 1006:
	case 1015:
	case 1016:
		s->mouse_coding = on ? mode : 0;
		break;
	case 25:
		break;
	case 12:
	case 69:
		return; /* blinking is the viewer's; and see screen_int.h */
	case 47:
	case 1047:
	case 1049:
		set_alternate(s, mode, on);
		return;
	case 1048:
		if (on)
			csi_save_cursor(s);
		else
			csi_restore_cursor(s);
		return;
	default:
		for (size_t i = 0; i < SCREEN_MODES; i++)
			if (screen_modes[i].number == mode)
				note_mode(s, screen_modes[i].bit, on);
		break;
	}
	write_mode(s, mode, on);
	if (mode == 6 || mode == 7)
		csi_not_full(s);
}

static void
set_modes(struct screen *s, bool on)
{
	const struct scan *c = &s->scan;

	for (unsigned i = 0; i < c->n_args && i < SCAN_ARGS; i++)
		set_mode(s, scan_number(c, i, 0), on);
}

/* CSI N h and l. */
static void
set_ansi_modes(struct screen *s, bool on)
{
	const struct scan *c = &s->scan;
	const char *end = on ? "h" : "l";

	for (unsigned i = 0; i < c->n_args && i < SCAN_ARGS; i++) {
		unsigned mode = scan_number(c, i, 0);

		if (mode != 4 && mode != 20)
			continue;
		note_mode(s, mode == 4 ? MODE_INSERT : MODE_NEWLINE, on);
		screen_write(s, mode == 4 ? "\033[4" : "\033[20", mode == 4 ? 3 : 4);
		screen_write(s, end, 1);
	}
}

/* ---- the rest ---- */

/* The sequence, as it came. */
static void
pass(struct screen *s, char final)
{
	enum { ARGS = 4 }; /* none of those that libvterm knows has more */
	const struct scan *c = &s->scan;
	char seq[8 + ARGS * (DIGITS_MAX + 1)] = "\033[";
	size_t n = 2;

	if (c->leader != '\0')
		seq[n++] = c->leader;
	for (unsigned i = 0; i < c->n_args && i < ARGS; i++) {
		if (i > 0)
			seq[n++] = ';';
		if (c->args[i].value >= 0)
			n += scan_put_number(seq + n, (unsigned)c->args[i].value);
	}
	if (c->between != '\0')
		seq[n++] = c->between;
	seq[n++] = final;
	screen_write(s, seq, n);
}

static void
set_region(struct screen *s)
{
	const struct scan *c = &s->scan;
	unsigned top = scan_number(c, 0, 1), bottom = scan_number(c, 1, 0);
	struct buf seq = { 0 };
	bool whole;

	top = top > 0 ? top : 1;
	if (bottom == 0 || bottom > (unsigned)s->rows)
		bottom = (unsigned)s->rows;
	if (top >= bottom)
		return;
	whole = top == 1 && bottom == (unsigned)s->rows;
	s->region_top = whole ? 0 : top;
	s->region_bottom = whole ? 0 : bottom;
	buf_addf(&seq, "\033[%u;%ur", top, bottom);
	screen_write(s, seq.data, seq.len);
	buf_free(&seq);
}

/* CSI N b: the last character, again.  libvterm does it for ever when there is none, and
 * leaves the cursor behind the last column. */
static void
repeat(struct screen *s)
{
	unsigned n = scan_number(&s->scan, 0, 1);
	struct buf text = { 0 };
	VTermScreenCell cell;

	n = n > 0 ? n : 1;
	if ((!s->fresh && !s->full) || !screen_cell(s, s->last.row, s->last.col, &cell) ||
	    cell.chars[0] == 0 || cell.chars[0] == (uint32_t)-1)
		return;
	cell.chars[1] = 0;
	for (n = n < (unsigned)s->cols ? n : (unsigned)s->cols; n > 0; n--)
		screen_put_cell(&cell, &text);
	text_feed(s, buf_str(&text), text.len);
	buf_free(&text);
}

static void
set_cursor_style(struct screen *s)
{
	unsigned style = scan_number(&s->scan, 0, 0);

	if (style > 6)
		return;
	s->cursor_style = style;
	pass(s, 'q');
}

/* As after a reset, but what is shown stays. */
static void
forget(struct screen *s)
{
	s->charsets = (struct charsets){ .set = { 'B', 'B', 'B', 'B' } };
	s->region_top = s->region_bottom = 0;
	s->saved = (struct saved){ .charsets = s->charsets };
	vterm_state_get_default_colors(s->state, &s->saved.pen.fg, &s->saved.pen.bg);
}

/* CSI ! p, which libvterm does not know. */
static void
soft_reset(struct screen *s)
{
	static const char seq[] = "\033[?25h\033[?6l\033[?7h\033[?1l\033>\033[4l\033[r"
				  "\033[0m";
	VTermPos at = s->cursor;

	forget(s);
	s->modes &= ~(unsigned)(MODE_APP_CURSOR | MODE_APP_KEYPAD | MODE_NO_WRAP |
				MODE_ORIGIN | MODE_INSERT);
	screen_write_own(s, seq, sizeof(seq) - 1);
	screen_go_to(s, at.row, at.col);
}

/* ESC c. */
void
csi_reset(struct screen *s)
{
	leave_alternate(s);
	s->modes = 0;
	s->mouse = s->mouse_coding = s->cursor_style = 0;
	csi_reset_tabs(s, 0);
	forget(s);
	/* libvterm forgets this one. */
	screen_write(s, "\033[?5l\033c", 7);
	vterm_state_get_cursorpos(s->state, &s->cursor);
	s->fresh = s->full = false;
}

/* Those that are made of what libvterm has. */
static bool
act_here(struct screen *s, unsigned key, bool *moves)
{
	const struct scan *c = &s->scan;

	*moves = false;
	switch (key) {
	case KEY('?', 0, 'h'):
	case KEY('?', 0, 'l'):
		set_modes(s, key == KEY('?', 0, 'h'));
		return true;
	case KEY(0, 0, 'h'):
	case KEY(0, 0, 'l'):
		set_ansi_modes(s, key == KEY(0, 0, 'h'));
		return true;
	case KEY(0, 0, 'm'):
		sgr_act(s);
		return true;
	case KEY(0, 0, 's'):
		csi_save_cursor(s);
		return true;
	case KEY(0, ' ', 'q'):
		set_cursor_style(s);
		return true;
	case KEY(0, 0, 'b'):
		repeat(s);
		return true;
	case KEY(0, 0, 'g'):
		clear_tabs(s, scan_number(c, 0, 0));
		pass(s, 'g');
		return true;
	default:
		*moves = true;
		break;
	}
	switch (key) {
	case KEY(0, 0, 'r'):
		set_region(s);
		return true;
	case KEY(0, 0, 'u'):
		csi_restore_cursor(s);
		return true;
	case KEY(0, '!', 'p'):
		soft_reset(s);
		return true;
	case KEY(0, 0, '@'):
		pass(s, '@');
		screen_mend(s, s->cursor.row, s->cursor.row + 1, false);
		return true;
	default:
		return false;
	}
}

/* Those that libvterm knows.  (With more arguments CSI T is about the mouse.) */
static bool
is_known(const struct scan *c, char final, const char *plain)
{
	if (final == 'T' && c->n_args > 1)
		return false;
	return c->leader == '\0' && c->between == '\0' && strchr(plain, final) != NULL;
}

static bool
erases(const struct scan *c, char final)
{
	bool line =
	    c->leader == '?' && c->between == '\0' && (final == 'J' || final == 'K');

	return line || is_known(c, final, "JKX");
}

static bool
asks(const struct scan *c, char final)
{
	unsigned key = KEY(c->leader, c->between, final);

	return is_known(c, final, "cn") || key == KEY('>', 0, 'c') ||
	       key == KEY('?', 0, 'n') || key == KEY('?', '$', 'p');
}

void
csi_act(struct screen *s, char final)
{
	const struct scan *c = &s->scan;
	bool moves = is_known(c, final, "ABCDEFGHILMPSTZ`adefjk");

	if (c->odd)
		return;
	if (moves || erases(c, final) || asks(c, final))
		pass(s, final);
	else if (!act_here(s, KEY(c->leader, c->between, final), &moves))
		return;
	if (moves || erases(c, final))
		s->fresh = false;
	/* (What is erased is of the usual width again.) */
	if (moves || s->last.col + s->last_cols < screen_row_cols(s, s->cursor.row))
		csi_not_full(s);
}
