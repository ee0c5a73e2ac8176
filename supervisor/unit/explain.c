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
#include "unit/effect.h"
#include "unit/kinds.h"
#include "unit/signame.h"
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
	    section_is_named(row->section) ? " NAME" : "",
	    section_is_of_supd(row->section) ? " of supd.conf" : "");
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
	if (d->form == FORM_DIRECTIVE)
		buf_addf(b, "  Changed: it holds %s\n", effect_text(directive_effect(d)));
}

/* Whether the row is meant by a key, or by Section.Key. */
static bool
is_meant(const struct directive *d, const char *key)
{
	const char *dot = strchr(key, '.');
	const char *section = section_name(d->section);

	return strcasecmp(d->key, dot != NULL ? dot + 1 : key) == 0 &&
	       (dot == NULL || (strncasecmp(section, key, (size_t)(dot - key)) == 0 &&
				   section[dot - key] == '\0'));
}

/* "RestartSec" of "RestartSec=". */
static char *
key_of(const char *word)
{
	size_t n = strlen(word);

	return xstrndup(word, n > 0 && word[n - 1] == '=' ? n - 1 : n);
}

char *
unit_explain(const char *directive)
{
	struct buf b = { 0 };
	char *key = key_of(directive);

	for (size_t i = 0; i < directive_count(); i++)
		if (is_meant(directive_at(i), key))
			explain_row(directive_at(i), &b);
	free(key);
	return b.len > 0 ? buf_take(&b) : NULL;
}

void
unit_explain_rows(const char *directive, unit_explain_fn *fn, void *arg)
{
	char *key = key_of(directive);

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *row = directive_at(i);
		const struct directive *d = directive_resolve(row);
		struct unit_explanation e = {
			.section = section_name(row->section),
			.key = row->key,
			.alias_section = row == d ? NULL : section_name(d->section),
			.alias_key = row == d ? NULL : d->key,
			.help = d->help,
			.syntax = d->kind != NULL ? d->kind->syntax : NULL,
			.dflt = d->dflt[0] != '\0' ? d->dflt : NULL,
			.status = status_texts[d->status],
			.changed = d->form == FORM_DIRECTIVE
				       ? effect_name(directive_effect(d))
				       : NULL,
			.since = d->since,
		};

		if (is_meant(row, key))
			fn(arg, &e);
	}
	free(key);
}

/* ---- other words ---- */

/* "[Service]" or "Service": what may stand in it. */
static void
explain_section(enum section s, struct buf *b)
{
	buf_addf(b, "[%s%s]%s\n", section_name(s), section_is_named(s) ? " NAME" : "",
	    section_is_of_supd(s) ? " of supd.conf" : "");
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (d->section != s || d->form == FORM_ALIAS)
			continue;
		buf_addf(b, "  %s=", d->key);
		if (d->status != DIRECTIVE_OK)
			buf_addf(b, "  (%s)", status_texts[d->status]);
		buf_addc(b, '\n');
	}
}

static enum section
section_of(const char *word)
{
	size_t n = strlen(word);
	char *name = *word == '[' && n > 2 && word[n - 1] == ']'
			 ? xstrndup(word + 1, n - 2)
			 : xstrdup(word);
	enum section found = SECTION_NONE;

	for (int s = 0; s < SECTION_NKINDS; s++)
		if (strcasecmp(section_name((enum section)s), name) == 0)
			found = (enum section)s;
	free(name);
	return found;
}

/* "203", "EXEC" or "203/EXEC", -1: it is none. */
static int
status_of(const char *word)
{
	char *name = xstrndup(word, strcspn(word, "/"));
	const char *errstr;
	int status = (int)strtonum(name, 0, 255, &errstr);

	if (errstr != NULL)
		status = exit_status_from_name(name);
	free(name);
	return status;
}

static void
explain_status(int status, struct buf *b)
{
	enum { OF_SUPD_FIRST = 200, OF_SUPD_LAST = 245, SIGNALS = 128 };
	const char *name = exit_status_name(status);

	buf_addf(b, "exit status %d%s%s\n", status, name != NULL ? "/" : "",
	    name != NULL ? name : "");
	if (status == 0)
		buf_adds(b, "  The process ended well.\n");
	else if (status >= OF_SUPD_FIRST && status <= OF_SUPD_LAST && name != NULL)
		buf_addf(b,
		    "  The program was not run: the step %s before it failed. The log "
		    "and "
		    "`supctl status' have the reason.\n",
		    name);
	else if (status > SIGNALS && status <= SIGNALS + 64)
		buf_addf(b, "  As a shell has it for a process that was ended by %s.\n",
		    signal_name(status - SIGNALS));
	else
		buf_adds(b, "  The program's own: its manual says what it means. "
			    "SuccessExitStatus= makes it a success.\n");
}

/* A value that some directives have a word for. */
static void
explain_value(const char *word, struct buf *b)
{
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (d->form != FORM_DIRECTIVE || d->kind->words == NULL)
			continue;
		for (size_t k = 0; d->kind->words[k] != NULL; k++)
			if (strcasecmp(d->kind->words[k], word) == 0)
				buf_addf(b, "%s%s=%s in [%s]: %s\n",
				    b->len > 0 ? "  " : "", d->key, d->kind->words[k],
				    section_name(d->section), d->help);
	}
}

char *
unit_explain_word(const char *word)
{
	enum section s = section_of(word);
	int status = status_of(word);
	struct buf b = { 0 };

	if (s != SECTION_NONE)
		explain_section(s, &b);
	else if (status >= 0)
		explain_status(status, &b);
	else
		explain_value(word, &b);
	return b.len > 0 ? buf_take(&b) : NULL;
}

void
unit_explain_near(const char *word, size_t max, struct strv *out)
{
	const char *near = unit_explain_nearest(word);
	char *key = key_of(word);

	if (near != NULL && max > 0)
		strv_add(out, near);
	for (size_t i = 0; strlen(key) > 2 && i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (out->n < max && strcasestr(d->key, key) != NULL)
			(void)strv_add_unique(out, d->key);
	}
	free(key);
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
