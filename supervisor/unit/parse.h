/*
 * parse: the text of one file into a conf, row by row of the table.
 */
#ifndef SUPD_UNIT_PARSE_H
#define SUPD_UNIT_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/lex.h"
#include "unit/line.h"
#include "unit/specifier.h"
#include "unit/table.h"

/* Where a key of a session was last given a value, for what is said of the whole unit. */
struct place {
	const struct directive *d;
	const char *rule; /* the name that its struct rule_conf holds; NULL: of no rule */
	const char *file;
	uint32_t line, col;
};

struct places {
	struct place *v;
	size_t n;
};

struct parse {
	struct diags *diags;
	const char *file;
	/* What is filled: struct unit_parts, or struct supd_conf for supd.conf. */
	void *target;
	const void
	    *base; /* the same type, scalars only: what an empty assignment restores */
	uint64_t *set;                    /* in the target */
	struct unit_parts *parts;         /* the target, NULL for supd.conf */
	struct supd_conf *supd;           /* the target of supd.conf, else NULL */
	const struct specifier *spec;     /* NULL: `%' is an ordinary character */
	const struct supd_conf *defaults; /* for Isolation=, UnknownKeys=; may be NULL */
	struct places *places;            /* NULL: they are not kept */
	bool profile;                     /* the file is one, and not of the unit */
	struct line_hook on_line;
	struct rule_conf *rule;   /* the section is [Rule] of this one */
	struct marks_conf *marks; /* the section is [Marks] of this one */
	struct alert_conf *alert; /* the section is [Alert] of this one */
	/* Of the current line. */
	struct lex *lex; /* NULL while defaults are set */
	const char *value;
	bool lenient; /* errors of this command are warnings: it has the prefix `-' */
	size_t n_errors;
	size_t *room;  /* of UNIT_BYTES_MAX, over all files of a unit; NULL: no bound */
	bool rejected; /* a file as a whole */
};

/* Reads TEXT into the target.  Errors are counted and told; nothing stops but a file that
 * is rejected as a whole. */
void parse_text(struct parse *, const char *text, size_t len);

/* Fills a zeroed target with the defaults of the rows of these sections. */
void parse_defaults(struct parse *, bool supd);

/*
 * The same for texts of [Session] and its like that no file set.  These are not in the
 * defaults that all units share, for a conf owns its texts.
 */
void parse_session_defaults(struct parse *);

/* The place of a key, NULL if it was not set; RULE is NULL outside of rules. */
const struct place *place_find(
    const struct places *, const struct directive *, const struct rule_conf *rule);

/* About the byte AT of the current value, NULL for its start. */
void parse_error(struct parse *, const char *at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void parse_warn(struct parse *, const char *at, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether a list of N members may get one more; else tells parse_error. */
bool parse_has_room(struct parse *, const char *at, size_t n);

/*
 * TEXT with its specifiers replaced into OUT (cleared first).  AT is where it stands in
 * the current value.  -1 after telling parse_error.
 */
int parse_expand(struct parse *, const char *text, const char *at, struct buf *out);

#endif
