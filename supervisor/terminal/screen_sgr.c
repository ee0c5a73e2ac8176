/*
 * screen_sgr: how text is drawn, CSI ... m, in the words that libvterm has for it.
 *
 * Sequences are made without asking for memory or printf: there are thousands of them for
 * each screen that is painted.
 */
#include <string.h>

#include "terminal/screen_int.h"

enum {
	SGR_ROOM = 128,
	SGR_ONE = 24, /* the longest that is added at once: 48;2;255;255;255 */
	SGR_ARGS = 8, /* in one sequence; libvterm has room for 16 */
};

struct sgr {
	struct screen *s;
	char out[SGR_ROOM];
	size_t len;
	unsigned n, font;
};

static void
sgr_flush(struct sgr *g)
{
	if (g->len > 0) {
		g->out[g->len++] = 'm';
		screen_write(g->s, g->out, g->len);
	}
	g->len = 0;
	g->n = 0;
}

/* Room for SGR_ONE, and a character more. */
static char *
sgr_room(struct sgr *g, unsigned n)
{
	if (g->n + n > SGR_ARGS || g->len + SGR_ONE + 2 > SGR_ROOM)
		sgr_flush(g);
	g->n += n;
	if (g->len == 0)
		g->out[g->len++] = '\033';
	g->out[g->len] = g->len == 1 ? '[' : ';';
	g->len++;
	return g->out + g->len;
}

static void
sgr_number(struct sgr *g, unsigned n)
{
	char *to = sgr_room(g, 1);

	g->len += scan_put_number(to, n);
}

static void
sgr_add(struct sgr *g, const char *text, unsigned n)
{
	size_t len = strlen(text);

	memcpy(sgr_room(g, n), text, len);
	g->len += len;
}

static void
sgr_font(struct sgr *g, unsigned bit, bool on)
{
	g->font = on ? g->font | bit : g->font & ~bit;
	sgr_number(g, 10 + g->font);
}

static unsigned
octet(const struct scan *c, unsigned i)
{
	unsigned n = scan_number(c, i, 0);

	return n < 255 ? n : 255;
}

/* What is set, of which kind, and the n arguments at i, in one sequence. */
static void
sgr_numbers(struct sgr *g, const struct scan *c, unsigned i, unsigned n, unsigned what,
    unsigned kind)
{
	char *to = sgr_room(g, n + 2);
	size_t len = scan_put_number(to, what);

	to[len++] = ';';
	len += scan_put_number(to + len, kind);
	for (unsigned k = 0; k < n; k++) {
		to[len++] = ';';
		len += scan_put_number(to + len, octet(c, i + k));
	}
	g->len += len;
}

/* 38, 48 or 58 and a colour behind it, joined by colons (then there may be a colour space
 * in it) or not.  Where the next one is. */
static unsigned
sgr_colour(struct sgr *g, const struct scan *c, unsigned i, unsigned end)
{
	bool joined = end > i + 1;
	unsigned what = scan_number(c, i, 0), kind = scan_number(c, i + 1, 0), at = i + 2;

	if (kind == 2 && joined && end - at > 3)
		at++;
	if (!joined)
		end = i + (kind == 5 ? 3 : kind == 2 ? 5 : 2);
	if (end > c->n_args || end > SCAN_ARGS)
		return SCAN_ARGS;
	/* (The colour of underlines is not for libvterm.) */
	if (what == 58 || (kind == 5 && end - at < 1) || (kind == 2 && end - at < 3))
		return end;
	if (kind == 5 || kind == 2)
		sgr_numbers(g, c, at, kind == 5 ? 1 : 3, what, kind);
	return end;
}

static void
sgr_underline(struct sgr *g, unsigned how)
{
	static const char *const known[] = { "24", "4", "21", "4:3" };

	sgr_add(g, how < sizeof(known) / sizeof(known[0]) ? known[how] : "4", 2);
}

static void
sgr_one(struct sgr *g, unsigned n)
{
	switch (n) {
	case 0:
		g->font = 0;
		sgr_number(g, 0);
		break;
	case 2:
		sgr_font(g, FONT_FAINT, true);
		break;
	case 6:
		sgr_number(g, 5);
		break;
	case 8:
	case 28:
		sgr_font(g, FONT_HIDDEN, n == 8);
		break;
	case 22:
		sgr_number(g, 22);
		sgr_font(g, FONT_FAINT, false);
		break;
	case 53:
	case 55:
		sgr_font(g, FONT_OVERLINE, n == 53);
		break;
	default:
		/* Not the fonts; and what libvterm does not know does nothing. */
		if (n < 10 || n > 19)
			sgr_number(g, n);
		break;
	}
}

void
sgr_act(struct screen *s)
{
	const struct scan *c = &s->scan;
	struct sgr g;
	VTermValue font = { 0 };
	unsigned n_args = c->n_args < SCAN_ARGS ? c->n_args : SCAN_ARGS;

	(void)vterm_state_get_penattr(s->state, VTERM_ATTR_FONT, &font);
	g.s = s;
	g.len = 0;
	g.n = 0;
	g.font = (unsigned)font.number;
	if (n_args == 0)
		sgr_one(&g, 0);
	for (unsigned i = 0, end; i < n_args; i = end) {
		unsigned what = scan_number(c, i, 0);

		for (end = i + 1; end < n_args && c->args[end].joined; end++)
			;
		if (what == 38 || what == 48 || what == 58)
			end = sgr_colour(&g, c, i, end);
		else if (what == 4 && end > i + 1)
			sgr_underline(&g, scan_number(c, i + 1, 1));
		else if (end == i + 1)
			sgr_one(&g, what);
	}
	sgr_flush(&g);
}
