/*
 * table: the rows of directives.def and kinds.def, and how to find one.
 */
#ifndef SUPD_UNIT_TABLE_H
#define SUPD_UNIT_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"
#include "unit/conf.h"

struct parse;
struct directive;

enum section {
	SECTION_ALERT, /* in the order of the rows */
	SECTION_BUDGET,
	SECTION_HEARTBEAT,
	SECTION_INSTALL,
	SECTION_INSTANCES,
	SECTION_MARKS, /* of supd.conf */
	SECTION_PATH,
	SECTION_PHASES, /* of supd.conf */
	SECTION_POOL,
	SECTION_RULE,
	SECTION_SERVICE,
	SECTION_SESSION,
	SECTION_SOCKET,
	SECTION_SUPD,
	SECTION_TIMER,
	SECTION_UNIT,
	SECTION_NKINDS,
	SECTION_NONE = -1,
};

enum directive_status {
	DIRECTIVE_OK,
	DIRECTIVE_LATER,
	DIRECTIVE_IGNORED,
	DIRECTIVE_ISOLATES,
	DIRECTIVE_REFUSED,
	DIRECTIVE_SILENT,
};

enum directive_form {
	FORM_DIRECTIVE,
	FORM_ANSWER,
	FORM_ALIAS,
};

/*
 * A kind of value.  set reads VALUE into FIELD: 0, or -1 when it has told parse_error.
 * show appends it as one would write it, nothing for what is not set.
 */
typedef int kind_set(
    struct parse *, const struct directive *, void *field, const char *value);
typedef void kind_show(const struct directive *, const void *field, struct buf *);

struct kind {
	const char *name;
	kind_set *set;
	kind_show *show;
	size_t width;             /* of a scalar, reset by copying the default; else 0 */
	const char *const *words; /* of an enum, by value, ends with NULL */
	const char *syntax;       /* for people */
};

struct directive {
	enum directive_form form;
	enum section section;
	const char *key;
	const struct kind *kind; /* NULL for an answer or alias */
	size_t offset;
	const char *dflt; /* "" if none */
	enum directive_status status;
	int since;
	const char *help;
	enum section alias_section; /* of the row that an alias stands for */
	const char *alias_key;
};

size_t directive_count(void);
const struct directive *directive_at(size_t i);
size_t directive_index(const struct directive *);
/* The row, aliases not followed; NULL if there is none. */
const struct directive *directive_find(enum section, const char *key);
/* The row that stands behind an alias, else the row itself. */
const struct directive *directive_resolve(const struct directive *);
/* How many rows of its section stand before it. */
size_t directive_place(const struct directive *);
/* The row in another section than SECTION that a unit file may have, or NULL. */
const struct directive *directive_find_elsewhere(enum section, const char *key);
/* The nearest key in the section by edit distance, NULL if nothing is near. */
const struct directive *directive_nearest(enum section, const char *key);

/*
 * What a row is called where settings are shown: its key; in the sections of sessions,
 * whose keys are no words of systemd, "Session.Terminal", and of a rule
 * "Rule.limit.Until".  malloc'd.  So are those of supd.conf outside of [Supd].
 */
char *directive_shown_name(const struct directive *, const char *rule);
/* The row of that name for a unit of the type, aliases followed; NULL: there is none. */
const struct directive *directive_by_shown_name(enum unit_type, const char *name);

/* It can be said of processes that supd has not started: how they end, and what is only
 * answered anyhow, as the limits of resources are. */
bool directive_is_of_scope(const struct directive *);

/* "Service"; and back, SECTION_NONE if unknown. */
const char *section_name(enum section);
enum section section_find(const char *name);
/* It stands in supd.conf, not in unit files. */
bool section_is_of_supd(enum section);
/* It has a name behind its own, and may be there several times. */
bool section_is_named(enum section);
/* One of those that make a service a session. */
bool section_is_session(enum section);
/* A unit of that type reads it. */
bool section_is_of_type(enum section, enum unit_type);

/* How many edits lead from A to B, case not counted; at most LIMIT + 1. */
size_t edit_distance(const char *a, const char *b, size_t limit);

#endif
