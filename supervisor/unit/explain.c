/*
 * explain: rows of the table as text for people.
 */
#include "unit/explain.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/table.h"

static const char *const status_texts[] = {
	[DIRECTIVE_OK] = "honoured",
	[DIRECTIVE_LATER] = "kept and shown, not acted on yet",
	[DIRECTIVE_IGNORED] = "accepted, without effect",
	[DIRECTIVE_ISOLATES] =
	    "accepted with a warning; refuses the unit under Isolation=require",
	[DIRECTIVE_REFUSED] = "refuses the unit",
	[DIRECTIVE_SILENT] = "accepted, nothing to do",
};

/* [Section] Key= first, then what there is to say. */
static void
explain_row(const struct directive *row, struct buf *b)
{
	const struct directive *d = directive_resolve(row);

	buf_addf(b, "%s=  in [%s%s]%s\n", row->key, section_name(row->section),
	    row->section == SECTION_RULE ? " NAME" : "",
	    row->section == SECTION_SUPD ? " of supd.conf" : "");
	if (row != d) {
		buf_addf(b, "  An old form of %s= in [%s].\n", row->alias_key,
		    section_name(row->alias_section));
		explain_row(d, b);
		return;
	}
	buf_addf(b, "  %s%s\n", d->help, d->help[strlen(d->help) - 1] == '.' ? "" : ".");
	if (d->kind != NULL)
		buf_addf(b, "  Takes:   %s\n", d->kind->syntax);
	if (d->dflt[0] != '\0')
		buf_addf(b, "  Default: %s\n", d->dflt);
	buf_addf(b, "  Status:  %s\n", status_texts[d->status]);
}

char *
unit_explain(const char *directive)
{
	struct buf b = { 0 };
	char *key = xstrdup(directive);
	size_t n = strlen(key);
	const char *dot;

	if (n > 0 && key[n - 1] == '=')
		key[n - 1] = '\0';
	dot = strchr(key, '.');
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		const char *section = section_name(d->section);

		if (strcasecmp(d->key, dot != NULL ? dot + 1 : key) == 0 &&
		    (dot == NULL ||
			(strncasecmp(section, key, (size_t)(dot - key)) == 0 &&
			    section[dot - key] == '\0')))
			explain_row(d, &b);
	}
	free(key);
	return b.len > 0 ? buf_take(&b) : NULL;
}

const char *
unit_explain_nearest(const char *directive)
{
	const struct directive *d = directive_nearest(SECTION_NONE, directive);

	return d != NULL ? d->key : NULL;
}

char *
unit_explain_name(size_t i)
{
	const struct directive *d = directive_at(i);

	return d != NULL ? xasprintf("%s.%s", section_name(d->section), d->key) : NULL;
}
