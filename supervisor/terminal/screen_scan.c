/*
 * screen_scan: takes apart what a program writes, in pieces of any size: text, control
 * characters, sequences, strings.  libvterm gets each whole (see screen_int.h).
 */
#include <string.h>

#include "terminal/screen_int.h"

enum { ESC = 0x1b, CAN = 0x18, SUB = 0x1a, BEL = 0x07, SO = 0x0e, SI = 0x0f, DEL = 0x7f };

/* ---- control characters ---- */

static void
control(struct screen *s, char c)
{
	switch (c) {
	case '\n':
	case '\v':
	case '\f':
		screen_write(s, "\n", 1);
		s->fresh = false;
		csi_not_full(s);
		textlines_step(s);
		break;
	case SO:
	case SI:
		s->charsets.used = c == SO;
		break;
	case DEL:
		break;
	default:
		screen_write(s, &c, 1);
		break;
	}
}

/* ---- strings ---- */

/* DCS $ q: what is set.  libvterm answers to these, and for what it does not know prints
 * a number as if it were a string. */
static void
answer(struct screen *s, const struct buf *question)
{
	static const char *const known[] = { "$qm", "$qr", "$q q" };
	static const char unknown[] = "\033P0$r\033\\";
	struct buf seq = { 0 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(buf_str(question), known[i]) != 0)
			continue;
		buf_addf(&seq, "\033P%s\033\\", known[i]);
		screen_write(s, seq.data, seq.len);
		buf_free(&seq);
		return;
	}
	screen_answer(unknown, sizeof(unknown) - 1, s);
}

/* The whole of a string is there.  libvterm loses one that comes in pieces, keeps any
 * length of it, and acts on control characters in it: it gets none. */
static void
on_string(struct screen *s)
{
	struct buf *b = &s->scan.string;
	const char *p = buf_str(b);

	if (s->scan.kind == 'P' && strncmp(p, "$q", 2) == 0)
		answer(s, b);
	else if (s->scan.kind == ']' && (p[0] == '0' || p[0] == '2') && p[1] == ';')
		screen_set_title(s, p + 2, b->len - 2);
	else if (s->scan.kind == '_' && s->loading)
		textlines_load(s, p, b->len);
	buf_free(b);
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

/* ---- sequences ---- */

static void
begin(struct screen *s, enum scan_state state)
{
	struct scan *sc = &s->scan;

	sc->state = state;
	sc->leader = sc->between = '\0';
	sc->odd = false;
	sc->n_args = 0;
	sc->raw[0] = ESC;
	sc->raw[1] = '[';
	sc->n_raw = state == SCAN_CSI ? 2 : 1;
}

/* The byte c goes on with the sequence.  False: that is too long for any. */
static void
note(struct scan *sc, char c)
{
	if (sc->n_raw < SCAN_SEQUENCE_BYTES)
		sc->raw[sc->n_raw++] = c;
	else
		sc->odd = true;
}

static void
in_between(struct scan *sc, char c)
{
	sc->odd = sc->odd || sc->between != '\0';
	sc->between = c;
}

static void
designate(struct screen *s, char set, char what)
{
	if (what == '0' || what == 'A' || what == 'B')
		s->charsets.set[set - '('] = what;
}

/* Rows of double width or height, and the screen full of E. */
static void
hash(struct screen *s, char what)
{
	char seq[3] = { '\033', '#', what };
	bool twice = screen_row_cols(s, s->cursor.row) < s->cols;

	if (what != '3' && what != '4' && what != '5' && what != '6' && what != '8')
		return;
	s->uneven = true;
	screen_write(s, seq, sizeof(seq));
	s->fresh = false;
	csi_not_full(s);
	/* Half of it cannot be seen, or could not. */
	if (twice || screen_row_cols(s, s->cursor.row) < s->cols)
		screen_set_width(s, s->cursor.row);
}

/* ESC and one byte more. */
static void
escape(struct screen *s, char c)
{
	char seq[2] = { '\033', c };

	switch (c) {
	case '7':
		csi_save_cursor(s);
		return;
	case '8':
		csi_restore_cursor(s);
		return;
	case 'c':
		csi_reset(s);
		return;
	case '=':
		s->modes |= MODE_APP_KEYPAD;
		break;
	case '>':
		s->modes &= ~(unsigned)MODE_APP_KEYPAD;
		break;
	case 'n':
	case 'o':
		s->charsets.used = c == 'n' ? 2 : 3;
		return;
	case 'H':
		csi_set_tab(s, s->cursor.col, true);
		break;
	case 'D':
	case 'E':
	case 'M':
		break;
	default:
		return;
	}
	screen_write(s, seq, sizeof(seq));
	if (c != 'D' && c != 'E' && c != 'M')
		return;
	s->fresh = false;
	csi_not_full(s);
}

static void
in_esc(struct screen *s, char c)
{
	struct scan *sc = &s->scan;

	if (c >= ' ' && c <= '/') {
		note(sc, c);
		in_between(sc, c);
		return;
	}
	sc->state = SCAN_TEXT;
	if (sc->odd)
		return;
	if (sc->between >= '(' && sc->between <= '+') {
		designate(s, sc->between, c);
	} else if (sc->between == '#') {
		hash(s, c);
	} else if (sc->between != '\0') {
		return;
	} else if (c == '[') {
		begin(s, SCAN_CSI);
	} else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
		sc->state = SCAN_STRING;
		sc->kind = c;
		buf_clear(&sc->string);
	} else {
		escape(s, c);
	}
}

/* The argument that is being read; NULL: there are more than are taken. */
static struct scan_arg *
argument(struct scan *sc)
{
	if (sc->n_args == 0) {
		sc->args[0] = (struct scan_arg){ .value = -1 };
		sc->n_args = 1;
	}
	return sc->n_args <= SCAN_ARGS ? &sc->args[sc->n_args - 1] : NULL;
}

static void
in_csi(struct screen *s, char c)
{
	struct scan *sc = &s->scan;
	struct scan_arg *arg;

	if (c >= '@') {
		sc->state = SCAN_TEXT;
		csi_act(s, c);
		return;
	}
	note(sc, c);
	if (c < '0') {
		in_between(sc, c);
	} else if (sc->between != '\0') {
		sc->odd = true;
	} else if (c >= '0' && c <= '9') {
		arg = argument(sc);
		if (arg == NULL)
			return;
		arg->value = (arg->value < 0 ? 0 : arg->value) * 10 + (c - '0');
		if (arg->value > SCAN_ARG_MAX)
			arg->value = SCAN_ARG_MAX;
	} else if (c == ';' || c == ':') {
		(void)argument(sc);
		if (sc->n_args < SCAN_ARGS)
			sc->args[sc->n_args] =
			    (struct scan_arg){ .value = -1, .joined = c == ':' };
		if (sc->n_args <= SCAN_ARGS)
			sc->n_args++;
	} else {
		sc->odd = sc->odd || sc->leader != '\0' || sc->n_args > 0;
		sc->leader = c;
	}
}

/* ---- bytes ---- */

/* One byte that is not plain text.  False: it is, after all. */
static bool
step(struct screen *s, char c)
{
	struct scan *sc = &s->scan;

	if (c == CAN || c == SUB) {
		text_cut(s);
		sc->state = SCAN_TEXT;
		return true;
	}
	if (c == ESC) {
		text_cut(s);
		if (sc->state == SCAN_STRING)
			sc->state = SCAN_STRING_ESC;
		else if (sc->state != SCAN_STRING_ESC)
			begin(s, SCAN_ESC);
		return true;
	}
	switch (sc->state) {
	case SCAN_STRING:
		in_string(s, c);
		return true;
	case SCAN_STRING_ESC:
		/* Any sequence ends a string; a backslash is but that. */
		on_string(s);
		if (c == '\\') {
			sc->state = SCAN_TEXT;
			return true;
		}
		begin(s, SCAN_ESC);
		return step(s, c);
	default:
		break;
	}
	if ((unsigned char)c < ' ' || c == DEL) {
		/* It acts at once, also in the middle of a sequence. */
		text_cut(s);
		control(s, c);
		return true;
	}
	if (sc->state == SCAN_TEXT)
		return false;
	if ((unsigned char)c > DEL) {
		sc->state = SCAN_TEXT;
		return false;
	}
	if (sc->state == SCAN_ESC)
		in_esc(s, c);
	else
		in_csi(s, c);
	return true;
}

/* Text, for libvterm as it is: what moves the cursor within a row, too. */
static bool
is_text(char c)
{
	return (unsigned char)c >= ' ' || c == '\r' || c == '\b' || c == '\t' || c == BEL;
}

/* Lines are looked for at each line feed and nowhere else, so that they do not depend on
 * how the bytes were cut. */
void
scan_feed(struct screen *s, const char *bytes, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		/* Most bytes are text. */
		if (s->scan.state == SCAN_TEXT && is_text(bytes[i]))
			continue;
		text_feed(s, bytes + from, i - from);
		from = step(s, bytes[i]) ? i + 1 : i;
	}
	text_feed(s, bytes + from, len - from);
}
