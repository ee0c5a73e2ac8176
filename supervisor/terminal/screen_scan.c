/*
 * screen_scan: follows the escape sequences on their way to libvterm, for what it does
 * not tell: modes, the scroll region, and the moment before the alternate screen comes
 * or goes.  Numbers that are longer than any terminal takes are cut, so that libvterm
 * never counts beyond its own.
 */
#include <stdio.h>

#include "terminal/screen_int.h"

enum { ESC = 0x1b, CAN = 0x18, SUB = 0x1a, BEL = 0x07 };

static const struct {
	unsigned number;
	unsigned bit;
} modes[] = {
	{ 1, MODE_APP_CURSOR },
	{ 5, MODE_REVERSE },
	{ 1000, MODE_MOUSE_CLICK },
	{ 1002, MODE_MOUSE_DRAG },
	{ 1003, MODE_MOUSE_MOVE },
	{ 1004, MODE_FOCUS },
	{ 1005, MODE_MOUSE_UTF8 },
	{ 1006, MODE_MOUSE_SGR },
	{ 2004, MODE_PASTE },
};

static bool
is_alternate(unsigned number)
{
	return number == 47 || number == 1047 || number == 1049;
}

/* CSI ? ... h or l, before libvterm has seen its last byte. */
static void
on_modes(struct screen *s, bool on)
{
	for (unsigned i = 0; i < s->scan.n_args; i++) {
		unsigned number = s->scan.args[i];

		for (size_t k = 0; k < sizeof(modes) / sizeof(modes[0]); k++)
			if (modes[k].number == number)
				s->modes = on ? s->modes | modes[k].bit
					      : s->modes & ~modes[k].bit;
		if (number == 7)
			s->modes = on ? s->modes & ~(unsigned)MODE_NO_WRAP
				      : s->modes | MODE_NO_WRAP;
		if (!is_alternate(number) || on == s->alternate)
			continue;
		if (on) {
			/* Half of the memory of a screen, which most never need. */
			vterm_screen_enable_altscreen(s->vs, 1);
			buf_clear(&s->main_draw);
			screen_draw(s, &s->main_draw);
		} else {
			textlines_alternate(s);
			buf_free(&s->main_draw);
		}
	}
}

static void
reset(struct screen *s)
{
	if (s->alternate)
		textlines_alternate(s);
	s->modes = 0;
	s->region_top = s->region_bottom = 0;
}

static void
on_csi(struct screen *s, char final)
{
	const struct scan *c = &s->scan;

	if (c->private && !c->other && (final == 'h' || final == 'l')) {
		on_modes(s, final == 'h');
	} else if (!c->private && !c->other && final == 'r') {
		unsigned top = c->n_args > 0 && c->args[0] > 0 ? c->args[0] : 1;
		unsigned bottom = c->n_args > 1 ? c->args[1] : 0;

		if (bottom == 0 || bottom > (unsigned)s->rows)
			bottom = (unsigned)s->rows;
		if (top < bottom) {
			bool whole = top == 1 && bottom == (unsigned)s->rows;

			s->region_top = whole ? 0 : top;
			s->region_bottom = whole ? 0 : bottom;
		}
	} else if (c->other && final == 'p') {
		/* DECSTR, CSI ! p. */
		s->modes &= (unsigned)(MODE_PASTE | MODE_FOCUS | MODE_MOUSE_CLICK |
				       MODE_MOUSE_DRAG | MODE_MOUSE_MOVE |
				       MODE_MOUSE_UTF8 | MODE_MOUSE_SGR);
		s->region_top = s->region_bottom = 0;
	}
}

/* CSI N b: the character before the cursor, again.  libvterm does it for ever when there
 * is none, and leaves the cursor behind the last column: it does not get to see it. */
static void
repeat(struct screen *s)
{
	const struct scan *c = &s->scan;
	unsigned n = c->n_args > 0 && c->args[0] > 0 ? c->args[0] : 1;
	struct buf text = { 0 };
	VTermScreenCell cell;
	VTermPos at;

	(void)vterm_input_write(s->vt, "\030", 1);
	vterm_state_get_cursorpos(s->state, &at);
	if (c->private || c->other || at.col == 0)
		return;
	if (n > (unsigned)(s->cols - at.col))
		n = (unsigned)(s->cols - at.col);
	at.col--;
	if (vterm_screen_get_cell(s->vs, at, &cell) == 0 || cell.width != 1 ||
	    cell.chars[0] == 0 || cell.chars[0] == (uint32_t)-1)
		return;
	cell.chars[1] = 0;
	while (n-- > 0)
		screen_put_cell(&cell, &text);
	text_feed(s, buf_str(&text), text.len);
	buf_free(&text);
}

/* A byte of a CSI.  True: it is to be left out. */
static bool
in_csi(struct screen *s, char c)
{
	struct scan *sc = &s->scan;
	unsigned *arg;

	if (c >= '0' && c <= '9') {
		if (sc->n_args == 0)
			sc->n_args = 1;
		if (sc->full || ++sc->digits > SCAN_DIGITS)
			return true;
		if (sc->n_args <= SCAN_ARGS) {
			arg = &sc->args[sc->n_args - 1];
			*arg = *arg * 10 + (unsigned)(c - '0');
		}
	} else if (c == ';' || c == ':') {
		if (sc->n_args == 0)
			sc->n_args = 1;
		/* libvterm writes behind its own array for more. */
		if (sc->n_args >= SCAN_ARGS) {
			sc->full = true;
			return true;
		}
		sc->args[sc->n_args++] = 0;
		sc->digits = 0;
	} else if (c == '?') {
		sc->private = true;
	} else if (c >= '@' && c <= '~') {
		sc->state = SCAN_TEXT;
		if (c == 'b') {
			repeat(s);
			return true;
		}
		on_csi(s, c);
	} else if ((unsigned char)c >= ' ') {
		sc->other = true;
	}
	return false;
}

/* The whole of a string is there.  libvterm loses one that comes in pieces, and keeps
 * any length of it: it gets those that it answers (DCS), whole. */
static void
on_string(struct screen *s)
{
	struct buf *b = &s->scan.string;

	if (s->scan.kind == 'P') {
		buf_adds(b, "\033\\");
		(void)vterm_input_write(s->vt, "\033P", 2);
		(void)vterm_input_write(s->vt, b->data, b->len);
	} else if (s->scan.kind == ']' && b->len >= 2 &&
		   (b->data[0] == '0' || b->data[0] == '2') && b->data[1] == ';') {
		screen_set_title(s, b->data + 2, b->len - 2);
	}
	buf_clear(b);
}

/* The byte behind an ESC.  True: it begins a string, and is not for libvterm. */
static bool
in_esc(struct screen *s, char c)
{
	struct scan *sc = &s->scan;

	sc->state = SCAN_TEXT;
	switch (c) {
	case '[':
		sc->state = SCAN_CSI;
		sc->private = sc->other = sc->full = false;
		sc->n_args = sc->digits = 0;
		sc->args[0] = 0;
		break;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		sc->state = SCAN_STRING;
		sc->kind = c;
		buf_clear(&sc->string);
		return true;
	case '=':
		s->modes |= MODE_APP_KEYPAD;
		break;
	case '>':
		s->modes &= ~(unsigned)MODE_APP_KEYPAD;
		break;
	case 'c':
		reset(s);
		break;
	default:
		break;
	}
	return false;
}

static void
in_string(struct screen *s, char c)
{
	struct scan *sc = &s->scan;

	if (c == BEL) {
		sc->state = SCAN_TEXT;
		on_string(s);
	} else if (sc->string.len < SCAN_STRING_BYTES) {
		buf_addc(&sc->string, c);
	}
}

/* One byte that is not plain text.  True: it is not for libvterm. */
static bool
step(struct screen *s, char c)
{
	struct scan *sc = &s->scan;

	if (c == CAN || c == SUB) {
		sc->state = SCAN_TEXT;
		return false;
	}
	if (c == ESC) {
		text_cut(s);
		sc->state = sc->state == SCAN_STRING ? SCAN_STRING_ESC : SCAN_ESC;
		return true;
	}
	switch (sc->state) {
	case SCAN_STRING_ESC:
		/* Any sequence ends a string; a backslash is but that. */
		on_string(s);
		if (c == '\\') {
			sc->state = SCAN_TEXT;
			return true;
		}
		sc->state = SCAN_ESC;
		return step(s, c);
	case SCAN_ESC:
		if ((unsigned char)c < ' ')
			return false; /* acts at once, in the middle of the sequence */
		if (in_esc(s, c))
			return true;
		(void)vterm_input_write(s->vt, "\033", 1);
		return false;
	case SCAN_CSI:
		return in_csi(s, c);
	case SCAN_STRING:
		in_string(s, c);
		return true;
	default:
		return false;
	}
}

/* Whether what libvterm has not seen yet must come before this byte is acted on. */
static bool
may_act(const struct screen *s, char c)
{
	return s->scan.state != SCAN_CSI || c == 'h' || c == 'l' || c == 'b' || c == ESC;
}

static int
inside(int n, int size)
{
	return n < 0 ? 0 : n < size ? n : size - 1;
}

/* A cursor that was saved on a larger screen comes back outside of this one; and libvterm
 * moves it out at the top when the rows below it are kept on a smaller screen. */
void
keep_cursor_inside(struct screen *s)
{
	char to[32];
	VTermPos at;
	int n;

	vterm_state_get_cursorpos(s->state, &at);
	if (inside(at.row, s->rows) == at.row && inside(at.col, s->cols) == at.col)
		return;
	n = snprintf(to, sizeof(to), "\033[%d;%dH", inside(at.row, s->rows) + 1,
	    inside(at.col, s->cols) + 1);
	(void)vterm_input_write(s->vt, to, (size_t)n);
}

/* Whether c, in this state, ends a sequence that may bring a saved cursor back, or
 * repeats a character to the end of a row and stays behind it. */
static bool
may_restore(enum scan_state before, char c)
{
	return (before == SCAN_CSI && (c == 'l' || c == 'h' || c == 'u')) ||
	       (before == SCAN_ESC && c == '8');
}

/* Lines are looked for at each line feed and nowhere else, so that they do not depend on
 * how the bytes were cut. */
void
scan_feed(struct screen *s, const char *bytes, size_t len)
{
	enum scan_state before;
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		/* Most bytes are text. */
		if (s->scan.state == SCAN_TEXT && bytes[i] != ESC && bytes[i] != '\n')
			continue;
		before = s->scan.state;
		if (may_act(s, bytes[i])) {
			text_feed(s, bytes + from, i - from);
			from = i;
		}
		if (step(s, bytes[i])) {
			text_feed(s, bytes + from, i - from);
			from = i + 1;
		} else if (bytes[i] == '\n') {
			text_feed(s, bytes + from, i + 1 - from);
			from = i + 1;
			textlines_step(s);
		} else if (may_restore(before, bytes[i])) {
			text_feed(s, bytes + from, i + 1 - from);
			from = i + 1;
			keep_cursor_inside(s);
		}
	}
	text_feed(s, bytes + from, len - from);
}
