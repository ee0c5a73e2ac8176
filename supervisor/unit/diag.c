/*
 * diag: collects and prints diagnostics.  Text from files is hostile: it is escaped when
 * it is formatted, so that no terminal ever sees its control characters.
 */
#include "unit/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

void
diags_init(struct diags *d)
{
	memset(d, 0, sizeof(*d));
}

void
diags_clear(struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->v[i].file);
		free(d->v[i].text);
		free(d->v[i].hint);
	}
	free(d->v);
	diags_init(d);
}

void
diag_add(struct diags *d, enum diag_level level, const char *file, uint32_t line,
    uint32_t col, const char *hint, const char *fmt, ...)
{
	struct diag *g;
	va_list ap;

	if (d == NULL)
		return;
	if (level == DIAG_ERROR)
		d->n_errors++;
	if (d->n >= DIAGS_MAX) {
		d->n_dropped++;
		return;
	}
	if (d->n == d->cap) {
		d->cap = d->cap == 0 ? 4 : d->cap * 2;
		d->v = xreallocarray(d->v, d->cap, sizeof(*d->v));
	}
	g = &d->v[d->n++];
	g->level = level;
	g->file = xstrdup(file);
	g->line = line;
	g->col = col;
	va_start(ap, fmt);
	g->text = xvasprintf(fmt, ap);
	va_end(ap);
	g->hint = hint == NULL ? NULL : xstrdup(hint);
}

bool
diags_drop(struct diags *d, const char *start)
{
	size_t kept = 0, n = d->n;

	for (size_t i = 0; i < n; i++) {
		struct diag *g = &d->v[i];

		if (g->level != DIAG_WARNING ||
		    strncmp(g->text, start, strlen(start)) != 0) {
			d->v[kept++] = *g;
			continue;
		}
		free(g->file);
		free(g->text);
		free(g->hint);
	}
	d->n = kept;
	return kept < n;
}

char *
diag_format(const struct diag *g)
{
	struct buf b = { 0 };

	utf8_escape_buf(&b, g->file, strlen(g->file));
	if (g->line > 0)
		buf_addf(&b, ":%u", g->line);
	if (g->line > 0 && g->col > 0)
		buf_addf(&b, ":%u", g->col);
	buf_adds(&b, g->level == DIAG_ERROR ? ": error: " : ": warning: ");
	utf8_escape_buf(&b, g->text, strlen(g->text));
	if (g->hint != NULL) {
		buf_adds(&b, "; ");
		utf8_escape_buf(&b, g->hint, strlen(g->hint));
	}
	return buf_take(&b);
}

void
diags_print(const struct diags *d, FILE *f)
{
	for (size_t i = 0; i < d->n; i++) {
		char *line = diag_format(&d->v[i]);

		fprintf(f, "%s\n", line);
		free(line);
	}
	if (d->n_dropped > 0)
		fprintf(f, "(%zu more)\n", d->n_dropped);
}
