/*
 * explain: the table of directives, for people: `supctl explain', completion, the manual.
 */
#ifndef SUPD_UNIT_EXPLAIN_H
#define SUPD_UNIT_EXPLAIN_H

#include <stddef.h>

struct strv;

/*
 * What the directive means, its section, syntax, default and status, as some lines of
 * text; case does not matter, a trailing `=' neither.  NULL if there is none of that
 * name.  The result is malloc'd.
 */
char *unit_explain(const char *directive);

/* The same row by row, for programs. */
struct unit_explanation {
	const char *section, *key;
	const char *alias_section, *alias_key; /* what it is an old form of, or NULL */
	const char *help;
	const char *syntax, *dflt; /* NULL: none */
	const char *status;
	const char *changed; /* when a changed value holds (effect.h); NULL: never */
	int since;
};
typedef void unit_explain_fn(void *arg, const struct unit_explanation *);
void unit_explain_rows(const char *directive, unit_explain_fn *, void *arg);

/*
 * What another word means: a section ("[Service]"), an exit status ("203", "EXEC"), a
 * value that directives have ("on-failure").  NULL if it is none of these; malloc'd.
 */
char *unit_explain_word(const char *word);

/* Directives that may be meant: the nearest, and those that have the word in them. */
void unit_explain_near(const char *word, size_t max, struct strv *out);

/* The nearest directive of any section, or NULL if nothing is near. */
const char *unit_explain_nearest(const char *directive);

/* The i-th name in the table, "Section.Key", malloc'd; NULL behind the last.  For
 * completion. */
char *unit_explain_name(size_t i);

#endif
