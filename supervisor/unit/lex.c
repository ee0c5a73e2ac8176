/*
 * lex: lines, comments and continuation.  The input is hostile: any bytes, any length.
 */
#include "unit/lex.h"

#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/conf.h"

static const char blanks[] = " \t\r";

void
lex_init(
    struct lex *lx, const char *file, const char *text, size_t len, struct diags *diags)
{
	memset(lx, 0, sizeof(*lx));
	lx->file = file;
	lx->text = text;
	lx->len = len;
	lx->line = 1;
	lx->diags = diags;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		lx->pos = 3;
}

void
lex_clear(struct lex *lx)
{
	buf_free(&lx->joined);
	free(lx->pieces);
	lx->pieces = NULL;
	lx->n_pieces = lx->cap_pieces = 0;
}

void
lex_where(const struct lex *lx, const char *at, uint32_t *line, uint32_t *col)
{
	const struct lex_piece *piece;
	size_t offset, low = 0, high = lx->n_pieces;

	*line = *col = 0;
	if (lx->n_pieces == 0)
		return;
	offset = at >= lx->joined.data && at <= lx->joined.data + lx->joined.len
		     ? (size_t)(at - lx->joined.data)
		     : 0;
	/* The last one that begins there or before; the first begins at 0.  A line may
	 * have as many pieces as words, and something to be said about each. */
	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		*(lx->pieces[mid].offset <= offset ? &low : &high) = mid;
	}
	piece = &lx->pieces[low];
	*line = piece->line;
	*col = piece->col + (uint32_t)(offset - piece->offset);
}

static void
add_piece(struct lex *lx, const char *p, size_t n)
{
	if (lx->n_pieces == lx->cap_pieces) {
		lx->cap_pieces = lx->cap_pieces == 0 ? 4 : lx->cap_pieces * 2;
		lx->pieces =
		    xreallocarray(lx->pieces, lx->cap_pieces, sizeof(*lx->pieces));
	}
	lx->pieces[lx->n_pieces++] = (struct lex_piece){
		.offset = lx->joined.len,
		.line = lx->line,
		.col = 1,
	};
	buf_append(&lx->joined, p, n);
}

/* Takes the next physical line, without its end.  False at the end of the text. */
static bool
next_physical(struct lex *lx, const char **line, size_t *n)
{
	const char *end;

	if (lx->pos >= lx->len)
		return false;
	*line = lx->text + lx->pos;
	end = memchr(*line, '\n', lx->len - lx->pos);
	*n = end != NULL ? (size_t)(end - *line) : lx->len - lx->pos;
	lx->pos += *n + (end != NULL);
	if (*n > 0 && (*line)[*n - 1] == '\r')
		(*n)--;
	return true;
}

static bool
is_comment(const char *line, size_t n)
{
	size_t i = 0;

	while (i < n && strchr(blanks, line[i]) != NULL && line[i] != '\0')
		i++;
	return i < n && (line[i] == '#' || line[i] == ';');
}

static bool
is_continued(const char *line, size_t n)
{
	size_t slashes = 0;

	while (slashes < n && line[n - 1 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 1;
}

/* Joins physical lines to one logical one.  1, 0 at the end, -1 when it is too long. */
static int
next_logical(struct lex *lx)
{
	const char *line;
	bool any = false;
	size_t n;

	buf_clear(&lx->joined);
	lx->n_pieces = 0;
	while (next_physical(lx, &line, &n)) {
		bool more;

		if (n > UNIT_LINE_MAX || lx->joined.len + n > UNIT_LINE_MAX) {
			diag_add(lx->diags, DIAG_ERROR, lx->file, lx->line, 0, NULL,
			    "line longer than 1 MiB");
			return -1;
		}
		if (is_comment(line, n)) {
			lx->line++;
			continue;
		}
		add_piece(lx, line, n);
		any = true;
		more = is_continued(line, n);
		if (more)
			lx->joined.data[lx->joined.len - 1] = ' ';
		lx->line++;
		if (!more)
			return 1;
	}
	return any ? 1 : 0;
}

static void
complain(struct lex *lx, enum diag_level level, const char *at, const char *hint,
    const char *text)
{
	uint32_t line, col;

	lex_where(lx, at, &line, &col);
	diag_add(lx->diags, level, lx->file, line, col, hint, "%s", text);
}

/* Whether the logical line is text; warns if not. */
static bool
check_text(struct lex *lx)
{
	const char *p = lx->joined.data;
	size_t left = lx->joined.len;

	if (p == NULL || left == 0)
		return true;
	while (left > 0) {
		size_t n = utf8_seq(p, left);

		if (n == 0 || *p == '\0')
			break;
		p += n;
		left -= n;
	}
	if (left == 0)
		return true;
	complain(lx, DIAG_WARNING, p, NULL,
	    *p == '\0' ? "NUL byte, line ignored" : "not valid UTF-8, line ignored");
	return false;
}

static char *
strip(char *from, char *to)
{
	while (to > from && strchr(blanks, to[-1]) != NULL)
		to--;
	*to = '\0';
	return from + strspn(from, blanks);
}

static enum lex_kind
take_section(struct lex *lx, char *p)
{
	char *end = p + strlen(p);

	if (end[-1] != ']') {
		complain(
		    lx, DIAG_ERROR, p, NULL, "section header without closing bracket");
		return LEX_REJECT;
	}
	end[-1] = '\0';
	lx->name = p + 1;
	for (const char *c = lx->name; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f ||
		    strchr("[]\"'\\", *c) != NULL) {
			complain(lx, DIAG_ERROR, c, NULL,
			    "character that cannot be part of a section name");
			return LEX_REJECT;
		}
	}
	lx->value = NULL;
	return LEX_SECTION;
}

/* LEX_END: the line was skipped. */
static enum lex_kind
take_key(struct lex *lx, char *p)
{
	char *eq = strchr(p, '=');

	if (eq == NULL && lx->skipped)
		return LEX_END;
	if (eq == NULL) {
		complain(lx, DIAG_WARNING, p,
		    "write Key=Value, or # in front of a comment",
		    "no `=', line ignored");
		return LEX_END;
	}
	lx->value = strip(eq + 1, p + strlen(p));
	lx->name = strip(p, eq);
	if (*lx->name == '\0') {
		if (!lx->skipped)
			complain(
			    lx, DIAG_WARNING, p, NULL, "no key before `=', line ignored");
		return LEX_END;
	}
	return LEX_KEY;
}

enum lex_kind
lex_next(struct lex *lx)
{
	for (;;) {
		int r = next_logical(lx);
		enum lex_kind kind;
		char *p;

		if (r == -1)
			return LEX_REJECT;
		if (r == 0)
			return LEX_END;
		if (lx->joined.len == 0 || !check_text(lx))
			continue;
		p = strip(lx->joined.data, lx->joined.data + lx->joined.len);
		if (*p == '\0')
			continue;
		kind = *p == '[' ? take_section(lx, p) : take_key(lx, p);
		if (kind != LEX_END)
			return kind;
	}
}
