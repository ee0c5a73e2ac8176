/*
 * screen_scan: follows the escape sequences on their way to libvterm, for what it does
 * not tell: modes, the scroll region, and the moment before the alternate screen comes
 * or goes.  Numbers that are longer than any terminal takes are cut, so that libvterm
 * never counts beyond its own.
 */
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

/* A byte of a CSI.  True: it is to be left out. */
static bool
in_csi(struct screen *s, char c)
{
	struct scan *sc = &s->scan;
	unsigned *arg;

	if (c >= '0' && c <= '9') {
		if (sc->n_args == 0)
			sc->n_args = 1;
		if (++sc->digits > SCAN_DIGITS)
			return true;
		if (sc->n_args <= SCAN_ARGS) {
			arg = &sc->args[sc->n_args - 1];
			*arg = *arg * 10 + (unsigned)(c - '0');
		}
	} else if (c == ';' || c == ':') {
		if (sc->n_args == 0)
			sc->n_args = 1;
		if (sc->n_args < SCAN_ARGS)
			sc->args[sc->n_args++] = 0;
		sc->digits = 0;
	} else if (c == '?') {
		sc->private = true;
	} else if (c >= '@' && c <= '~') {
		sc->state = SCAN_TEXT;
		on_csi(s, c);
	} else if ((unsigned char)c >= ' ') {
		sc->other = true;
	}
	return false;
}

static void
in_esc(struct screen *s, char c)
{
	struct scan *sc = &s->scan;

	sc->state = SCAN_TEXT;
	switch (c) {
	case '[':
		*sc = (struct scan){ .state = SCAN_CSI };
		break;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		sc->state = SCAN_STRING;
		break;
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
}

/* One byte.  True: it is to be left out. */
static bool
step(struct screen *s, char c)
{
	struct scan *sc = &s->scan;

	if (c == CAN || c == SUB) {
		sc->state = SCAN_TEXT;
		return false;
	}
	if (c == ESC && sc->state != SCAN_STRING) {
		sc->state = SCAN_ESC;
		return false;
	}
	switch (sc->state) {
	case SCAN_ESC:
		in_esc(s, c);
		return false;
	case SCAN_CSI:
		return in_csi(s, c);
	case SCAN_STRING:
		if (c == BEL)
			sc->state = SCAN_TEXT;
		else if (c == ESC)
			sc->state = SCAN_STRING_ESC;
		return false;
	case SCAN_STRING_ESC:
		if (c == '\\') {
			sc->state = SCAN_TEXT;
		} else {
			/* The string was cut by another sequence. */
			in_esc(s, c);
		}
		return false;
	default:
		return false;
	}
}

/* Whether the byte may end a sequence that has to be acted on before libvterm does. */
static bool
may_act(const struct screen *s, char c)
{
	return (s->scan.state == SCAN_CSI && (c == 'h' || c == 'l')) ||
	       (s->scan.state == SCAN_ESC && c == 'c');
}

void
scan_feed(struct screen *s, const char *bytes, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		/* Most bytes are text. */
		if (s->scan.state == SCAN_TEXT && bytes[i] != ESC)
			continue;
		if (may_act(s, bytes[i])) {
			(void)vterm_input_write(s->vt, bytes + from, i - from);
			from = i;
		}
		if (step(s, bytes[i])) {
			(void)vterm_input_write(s->vt, bytes + from, i - from);
			from = i + 1;
		}
	}
	if (from < len)
		(void)vterm_input_write(s->vt, bytes + from, len - from);
}
