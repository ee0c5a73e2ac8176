/*
 * screen_lines: the text of a screen as lines, each once.
 *
 * While a program writes straight on, the rows above the cursor become lines as soon as
 * the cursor has left them.  One that moves the cursor up, or jumps, paints: then only
 * what scrolls off, or stands above the cursor's row when the screen has come to rest,
 * becomes a line; and of that only what was not on the screen at the last rest: a picture
 * that is drawn again and again says something once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "terminal/screen_int.h"

enum { LINE_BYTES_MAX = 1024 * 1024 }; /* of one that is wrapped for ever */

static uint64_t
hash_of(const char *text, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return h;
}

static void
make_rest_room(struct screen *s, size_t n)
{
	if (n <= s->rest_room)
		return;
	s->rest_room = n;
	s->rest = xreallocarray(s->rest, n, sizeof(*s->rest));
}

void
textlines_set_size(struct screen *s, int rows)
{
	s->row = xreallocarray(s->row, (size_t)rows, sizeof(*s->row));
	for (int i = s->n_row; i < rows; i++)
		s->row[i] = (struct row){ 0 };
	s->n_row = rows;
	make_rest_room(s, (size_t)rows);
	s->pushed = 0;
}

/* Where the line begins that the cursor is in: it is still being written, all of it. */
static int
open_row(const struct screen *s)
{
	int row = s->cursor.row;

	while (row > 0 && s->row[row].continues)
		row--;
	return row;
}

void
textlines_resized(struct screen *s)
{
	int upto = open_row(s);

	/* What stands above the cursor was looked at before. */
	for (int i = 0; i < s->n_row && !s->alternate; i++) {
		s->row[i].reported = s->row[i].reported || i < upto;
		s->row[i].changed = false;
	}
	if (!s->alternate) {
		s->paints = false;
		s->at_row = s->cursor.row;
	}
}

/* ---- reporting ---- */

static void
emit(struct screen *s)
{
	if (!s->quiet && s->ops.line != NULL)
		s->ops.line(s->ops.arg, buf_str(&s->line), s->line.len);
	buf_clear(&s->line);
	s->line_open = false;
}

/* A piece of a line: the last one, or the next row goes on with it. */
static void
add_piece(struct screen *s, const char *text, size_t len, bool last)
{
	buf_append(&s->line, text, len);
	s->line_open = true;
	if (last || s->line.len >= LINE_BYTES_MAX)
		emit(s);
}

/* It was on the screen at the last rest.  Once for each time that it was there: a text
 * that is there once more than before is new. */
static bool
was_at_rest(struct screen *s, uint64_t hash)
{
	for (size_t i = 0; i < s->n_rest; i++) {
		if (s->rest[i] != hash)
			continue;
		s->rest[i] = s->rest[--s->n_rest];
		return true;
	}
	return false;
}

/* Blanks that were written at the end of a row that the next one goes on with. */
static int
blanks_at_end(const VTermScreenCell *cells, int cols)
{
	int n = 0;

	if (cells[cols - 1].chars[0] != ' ')
		return 0;
	while (n < cols &&
	       (cells[cols - 1 - n].chars[0] == ' ' || cells[cols - 1 - n].chars[0] == 0))
		n++;
	return n;
}

/* A row that is to be a line, unless it is but painted again. */
static void
report(struct screen *s, int row, const VTermScreenCell *cells, int cols)
{
	struct row *r = &s->row[row];
	bool goes_on = row + 1 < s->n_row && s->row[row + 1].continues;
	struct buf text = { 0 };

	screen_put_cells(cells, cols, &text);
	if (s->line_open && !r->continues)
		emit(s);
	r->reported = true;
	r->changed = false;
	if (!s->paints || s->line_open ||
	    (text.len > 0 && !was_at_rest(s, hash_of(text.data, text.len)))) {
		for (int n = goes_on ? blanks_at_end(cells, cols) : 0; n > 0; n--)
			buf_addc(&text, ' ');
		add_piece(s, buf_str(&text), text.len, !goes_on);
	}
	buf_free(&text);
}

static void
report_row(struct screen *s, int row)
{
	VTermScreenCell cells[SCREEN_COLS_MAX];
	int cols = screen_get_cells(s, row, cells);

	report(s, row, cells, cols);
}

/* A row that stays as it was at the last rest accounts for one of its texts. */
static bool
stays(const struct screen *s, int row)
{
	return s->row[row].reported && !(s->paints && s->row[row].changed);
}

static void
account(struct screen *s, int row)
{
	struct buf text = { 0 };

	screen_cells(s, row, &text);
	(void)was_at_rest(s, hash_of(buf_str(&text), text.len));
	buf_free(&text);
}

static void
report_above(struct screen *s, int upto)
{
	for (int row = 0; s->paints && row < upto && row < s->rows; row++)
		if (stays(s, row))
			account(s, row);
	for (int row = 0; row < upto && row < s->rows; row++)
		if (!stays(s, row))
			report_row(s, row);
}

/* ---- what happens to rows ---- */

void
textlines_on_damage(struct screen *s, VTermRect rect, bool glyph)
{
	if (s->alternate)
		return;
	for (int row = rect.start_row; row < rect.end_row && row < s->n_row; row++) {
		struct row *r = &s->row[row];

		r->changed = true;
		/* A glyph is drawn again when what combines with it comes later. */
		if (rect.start_col == 0 &&
		    !(glyph && s->last.row == row && s->last.col == 0))
			r->continues = glyph && s->full && s->last.row == row - 1;
	}
	if (glyph)
		s->at_row = rect.start_row;
}

void
textlines_on_move(struct screen *s, VTermRect dest, VTermRect src)
{
	int n = src.end_row - src.start_row;
	bool whole = src.start_col == 0 && src.end_col == s->cols;

	s->pushed = 0;
	if (s->alternate)
		return;
	if (!whole || n <= 0 || src.start_row < 0 || dest.start_row < 0 ||
	    src.end_row > s->n_row || dest.end_row > s->n_row) {
		textlines_on_damage(s, dest, false);
		return;
	}
	memmove(&s->row[dest.start_row], &s->row[src.start_row],
	    (size_t)n * sizeof(s->row[0]));
	/* The rows that are uncovered are drawn anew. */
	for (int row = src.start_row; row < src.end_row; row++)
		if (row < dest.start_row || row >= dest.end_row)
			s->row[row] = (struct row){ 0 };
}

/* A row leaves the main screen at the top; several do before the rest moves up. */
void
textlines_on_push(struct screen *s, int cols, const VTermScreenCell *cells)
{
	int row = s->pushed++;

	if (row >= s->n_row)
		return;
	if (stays(s, row)) {
		if (s->paints && s->n_rest > 0)
			account(s, row);
		return;
	}
	report(s, row, cells, cols);
}

void
textlines_on_cursor(struct screen *s, VTermPos to)
{
	if (s->alternate)
		return;
	/* Long text goes down several rows at once, glyph by glyph. */
	if (to.row < s->at_row || to.row > s->at_row + 1)
		s->paints = true;
	s->at_row = to.row;
}

/* ---- when they are looked at ---- */

void
textlines_step(struct screen *s)
{
	if (!s->alternate && !s->paints)
		report_above(s, s->cursor.row);
}

void
textlines_rest(struct screen *s)
{
	struct buf text = { 0 };
	int upto = open_row(s);

	if (s->alternate)
		return;
	report_above(s, upto);
	if (s->line_open && !s->row[upto].continues)
		emit(s);
	/* What is there now will be a line when the cursor has left it. */
	for (int row = upto; row < s->rows; row++)
		if (s->row[row].changed)
			s->row[row].reported = s->row[row].changed = false;
	s->n_rest = 0;
	for (int row = 0; row < s->rows; row++) {
		buf_clear(&text);
		screen_cells(s, row, &text);
		if (text.len > 0)
			s->rest[s->n_rest++] = hash_of(text.data, text.len);
	}
	buf_free(&text);
	s->paints = false;
}

/* Rows that say something are above this one. */
static int
last_row(const struct screen *s)
{
	struct buf text = { 0 };
	int last = s->rows;

	while (last > 0) {
		buf_clear(&text);
		screen_cells(s, last - 1, &text);
		if (text.len > 0)
			break;
		last--;
	}
	buf_free(&text);
	return last;
}

/* The whole screen, a line for each row, each ended by a newline. */
static void
add_picture(const struct screen *s, struct buf *out)
{
	int last = last_row(s);

	for (int row = 0; row < last; row++) {
		screen_cells(s, row, out);
		buf_addc(out, '\n');
	}
}

static void
report_picture(struct screen *s, const struct buf *picture)
{
	const char *p = buf_str(picture), *end;

	if (s->line_open)
		emit(s);
	for (; (end = strchr(p, '\n')) != NULL; p = end + 1)
		add_piece(s, p, (size_t)(end - p), true);
}

void
textlines_alternate(struct screen *s)
{
	struct buf picture = { 0 };

	add_picture(s, &picture);
	report_picture(s, &picture);
	buf_free(&picture);
}

/* What the program has left on the main screen was there before it went to the other. */
void
textlines_end(struct screen *s)
{
	struct buf picture = { 0 };

	if (s->alternate)
		add_picture(s, &picture);
	csi_leave_alternate(s);
	report_above(s, last_row(s));
	if (s->line_open)
		emit(s);
	report_picture(s, &picture);
	buf_free(&picture);
}

/* ---- saved ---- */

/*
 * APC strings, which terminals leave out, each short enough for the scan:
 *
 *	supd:l FLAGS AT_ROW	first; flags: 1 paints, 2 a line is open
 *	supd:t TEXT			its text so far
 *	supd:r DIGITS			a row each: 1 reported, 2 changed, 4 continues
 *	supd:h HEX			what stood there at the last rest
 */
enum { SAVE_TEXT = 2048, SAVE_HASHES = 128, HASH_DIGITS = 16 };

void
textlines_save(const struct screen *s, struct buf *out)
{
	buf_addf(out, "\033_supd:l %d %d\033\\",
	    (s->paints ? 1 : 0) + (s->line_open ? 2 : 0), s->at_row);
	for (size_t at = 0, n; at < s->line.len; at += n) {
		n = s->line.len - at < SAVE_TEXT ? s->line.len - at : SAVE_TEXT;
		buf_adds(out, "\033_supd:t ");
		buf_append(out, s->line.data + at, n);
		buf_adds(out, "\033\\");
	}
	buf_adds(out, "\033_supd:r ");
	for (int i = 0; i < s->n_row; i++)
		buf_addc(out,
		    (char)('0' + (s->row[i].reported ? 1 : 0) +
			   (s->row[i].changed ? 2 : 0) + (s->row[i].continues ? 4 : 0)));
	for (size_t i = 0; i < s->n_rest; i++) {
		if (i % SAVE_HASHES == 0)
			buf_adds(out, "\033\\\033_supd:h ");
		buf_addf(out, "%016" PRIx64, s->rest[i]);
	}
	buf_adds(out, "\033\\");
}

static void
load_first(struct screen *s, const char *text)
{
	int flags, at_row;

	if (sscanf(text, "%d %d", &flags, &at_row) != 2)
		return;
	s->loaded = true;
	s->paints = (flags & 1) != 0;
	s->line_open = (flags & 2) != 0;
	s->at_row = at_row;
	s->n_rest = 0;
	buf_clear(&s->line);
	memset(s->row, 0, (size_t)s->n_row * sizeof(*s->row));
}

static void
load_hashes(struct screen *s, const char *text, size_t len)
{
	char digits[HASH_DIGITS + 1] = { 0 };

	/* (It may have been a larger screen at its last rest.) */
	make_rest_room(s, SCREEN_ROWS_MAX);
	for (size_t at = 0; at + HASH_DIGITS <= len && s->n_rest < s->rest_room;
	     at += HASH_DIGITS) {
		memcpy(digits, text + at, HASH_DIGITS);
		s->rest[s->n_rest++] = strtoull(digits, NULL, 16);
	}
}

void
textlines_load(struct screen *s, const char *text, size_t len)
{
	if (len < 7 || memcmp(text, "supd:", 5) != 0 || text[6] != ' ')
		return;
	switch (text[5]) {
	case 'l':
		load_first(s, text + 7);
		break;
	case 't':
		buf_append(&s->line, text + 7, len - 7);
		break;
	case 'r':
		for (int i = 0; i < s->n_row && (size_t)i < len - 7; i++) {
			s->row[i].reported = (text[7 + i] & 1) != 0;
			s->row[i].changed = (text[7 + i] & 2) != 0;
			s->row[i].continues = (text[7 + i] & 4) != 0;
		}
		break;
	case 'h':
		load_hashes(s, text + 7, len - 7);
		break;
	default:
		break;
	}
}
