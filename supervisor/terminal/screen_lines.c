/*
 * screen_lines: the text of a screen as lines, each once.
 *
 * While a program writes straight on, the rows above the cursor become lines as soon as
 * the cursor has left them.  One that moves the cursor up, or jumps, paints: then only
 * what scrolls off, or stands above the cursor's row when the screen has come to rest,
 * becomes a line; and of that only what was not on the screen at the last rest: a picture
 * that is drawn again and again says something once.
 */
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

void
textlines_set_size(struct screen *s, int rows)
{
	free(s->row);
	free(s->rest);
	s->row = xcalloc((size_t)rows, sizeof(*s->row));
	s->rest = xcalloc((size_t)rows, sizeof(*s->rest));
	s->n_rest = 0;
	/* What stands above the cursor was looked at before. */
	for (int i = 0; i < s->cursor.row && i < rows; i++)
		s->row[i].reported = true;
	s->paints = false;
	s->wrap_from = -1;
	s->glyph = (VTermPos){ -1, -1 };
	s->at_row = s->cursor.row;
	s->pushed = 0;
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

/* A row that is to be a line, unless it is but painted again. */
static void
report(struct screen *s, int row, const char *text, size_t len)
{
	struct row *r = &s->row[row];
	bool goes_on = row + 1 < s->rows && s->row[row + 1].continues;

	if (s->paints && !s->line_open &&
	    (len == 0 || was_at_rest(s, hash_of(text, len)))) {
		r->reported = true;
		r->changed = false;
		return;
	}
	r->reported = true;
	r->changed = false;
	add_piece(s, text, len, !goes_on);
}

static void
report_row(struct screen *s, int row)
{
	struct buf text = { 0 };

	screen_cells(s, row, &text);
	report(s, row, buf_str(&text), text.len);
	buf_free(&text);
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
textlines_on_damage(struct screen *s, VTermRect rect)
{
	bool glyph =
	    rect.end_row - rect.start_row == 1 && rect.end_col - rect.start_col <= 2;

	if (s->alternate)
		return;
	for (int row = rect.start_row; row < rect.end_row && row < s->rows; row++) {
		struct row *r = &s->row[row];

		r->changed = true;
		/* A glyph is drawn again when what combines with it comes later. */
		if (rect.start_col == 0 &&
		    !(glyph && s->glyph.row == row && s->glyph.col == 0))
			r->continues =
			    glyph && s->wrap_from >= 0 && s->wrap_from == row - 1;
	}
	/* The next glyph may be wrapped to the next row. */
	if (glyph) {
		s->wrap_from = rect.end_col == s->cols ? rect.start_row : -1;
		s->glyph = (VTermPos){ rect.start_row, rect.start_col };
		s->at_row = rect.start_row;
	}
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
	    src.end_row > s->rows || dest.end_row > s->rows) {
		textlines_on_damage(s, dest);
		return;
	}
	memmove(&s->row[dest.start_row], &s->row[src.start_row],
	    (size_t)n * sizeof(s->row[0]));
	if (s->wrap_from >= src.start_row && s->wrap_from < src.end_row)
		s->wrap_from += dest.start_row - src.start_row;
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
	struct buf text = { 0 };
	bool wide = false;
	size_t end = 0;

	if (row >= s->rows)
		return;
	if (stays(s, row)) {
		if (s->paints && s->n_rest > 0)
			account(s, row);
		return;
	}
	for (int col = 0; col < cols; col++) {
		if (screen_is_covered(&cells[col], &wide))
			continue;
		if (cells[col].chars[0] == 0 || cells[col].chars[0] == (uint32_t)-1) {
			buf_addc(&text, ' ');
			continue;
		}
		screen_put_cell(&cells[col], &text);
		if (cells[col].chars[0] != ' ')
			end = text.len;
	}
	buf_truncate(&text, end);
	report(s, row, buf_str(&text), text.len);
	buf_free(&text);
}

void
textlines_on_cursor(struct screen *s, VTermPos to)
{
	if (s->wrap_from != -1 && (to.row != s->wrap_from || to.col < s->cols - 1))
		s->wrap_from = -1;
	/* Long text goes down several rows at once, glyph by glyph. */
	if (!s->alternate && (to.row < s->at_row || to.row > s->at_row + 1))
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

	if (s->alternate)
		return;
	report_above(s, s->cursor.row);
	if (s->line_open)
		emit(s);
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

void
textlines_alternate(struct screen *s)
{
	struct buf text = { 0 };
	int last = last_row(s);

	if (s->line_open)
		emit(s);
	for (int row = 0; row < last; row++) {
		buf_clear(&text);
		screen_cells(s, row, &text);
		add_piece(s, buf_str(&text), text.len, true);
	}
	buf_free(&text);
}

void
textlines_end(struct screen *s)
{
	if (s->alternate) {
		textlines_alternate(s);
		return;
	}
	report_above(s, last_row(s));
	if (s->line_open)
		emit(s);
}
