/*
 * explain: the table of directives, for people: `supctl explain', completion, the manual.
 */
#ifndef SUPD_UNIT_EXPLAIN_H
#define SUPD_UNIT_EXPLAIN_H

#include <stddef.h>

/*
 * What the directive means, its section, syntax, default and status, as some lines of
 * text; case does not matter, a trailing `=' neither.  NULL if there is none of that
 * name.  The result is malloc'd.
 */
char *unit_explain(const char *directive);

/* The nearest directive of any section, or NULL if nothing is near. */
const char *unit_explain_nearest(const char *directive);

/* The i-th name in the table, "Section.Key", malloc'd; NULL behind the last.  For
 * completion. */
char *unit_explain_name(size_t i);

#endif
