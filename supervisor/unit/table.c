/*
 * table: search in the rows.
 */
#include "unit/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/supd_conf.h"

const struct kind kinds[KIND_NKINDS] = {
#define KIND(name, set, show, width, syntax) \
	[KIND_##name] = { #name, set, show, width, NULL, syntax },
#define KIND_ENUM(name, words, syntax) \
	[KIND_##name] = { #name, set_enum, show_enum, sizeof(int), words, syntax },
#include "unit/kinds.def"
#undef KIND
#undef KIND_ENUM
};

#define OFFSET_UNIT(field) offsetof(struct unit_parts, field)
#define OFFSET_SERVICE(field) offsetof(struct unit_parts, field)
#define OFFSET_INSTALL(field) offsetof(struct unit_parts, field)
#define OFFSET_SESSION(field) offsetof(struct unit_parts, session.field)
#define OFFSET_HEARTBEAT(field) OFFSET_SESSION(field)
#define OFFSET_BUDGET(field) OFFSET_SESSION(field)
#define OFFSET_INSTANCES(field) OFFSET_SESSION(field)
#define OFFSET_TIMER(field) offsetof(struct unit_parts, trigger.timer.field)
#define OFFSET_PATH(field) offsetof(struct unit_parts, trigger.path.field)
#define OFFSET_POOL(field) offsetof(struct unit_parts, trigger.pool.field)
#define OFFSET_SOCKET(field) offsetof(struct unit_parts, trigger.socket.field)
#define OFFSET_RULE(field) offsetof(struct unit_parts, rule.field)
#define OFFSET_MARKS(field) offsetof(struct supd_conf, mark.field)
#define OFFSET_PHASES(field) offsetof(struct supd_conf, phases.field)
#define OFFSET_ALERT(field) offsetof(struct supd_conf, field)
#define OFFSET_SUPD(field) offsetof(struct supd_conf, field)

static const struct directive rows[] = {
#define DIRECTIVE(section_, key_, kind_, field_, dflt_, status_, since_, help_) \
	{                                                                       \
		.form = FORM_DIRECTIVE,                                         \
		.section = SECTION_##section_,                                  \
		.key = #key_,                                                   \
		.kind = &kinds[KIND_##kind_],                                   \
		.offset = OFFSET_##section_(field_),                            \
		.dflt = dflt_,                                                  \
		.status = DIRECTIVE_##status_,                                  \
		.since = since_,                                                \
		.help = help_,                                                  \
	},
#define ANSWER(section_, key_, status_, since_, why_) \
	{                                             \
		.form = FORM_ANSWER,                  \
		.section = SECTION_##section_,        \
		.key = #key_,                         \
		.dflt = "",                           \
		.status = DIRECTIVE_##status_,        \
		.since = since_,                      \
		.help = why_,                         \
	},
#define ALIAS(section_, key_, to_section_, to_key_)     \
	{                                               \
		.form = FORM_ALIAS,                     \
		.section = SECTION_##section_,          \
		.key = #key_,                           \
		.dflt = "",                             \
		.since = 1,                             \
		.help = "",                             \
		.alias_section = SECTION_##to_section_, \
		.alias_key = #to_key_,                  \
	},
#include "unit/directives.def"
#undef DIRECTIVE
#undef ANSWER
#undef ALIAS
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };
static_assert(sizeof(rows) / sizeof(rows[0]) <= (size_t)UNIT_ROWS_MAX,
    "unit_conf.set has a bit for each row");

static const char *const section_names[SECTION_NKINDS] = {
	[SECTION_ALERT] = "Alert",
	[SECTION_BUDGET] = "Budget",
	[SECTION_HEARTBEAT] = "Heartbeat",
	[SECTION_INSTALL] = "Install",
	[SECTION_INSTANCES] = "Instances",
	[SECTION_MARKS] = "Marks",
	[SECTION_PATH] = "Path",
	[SECTION_PHASES] = "Phases",
	[SECTION_POOL] = "Pool",
	[SECTION_RULE] = "Rule",
	[SECTION_SERVICE] = "Service",
	[SECTION_SESSION] = "Session",
	[SECTION_SOCKET] = "Socket",
	[SECTION_SUPD] = "Supd",
	[SECTION_TIMER] = "Timer",
	[SECTION_UNIT] = "Unit",
};

size_t
directive_count(void)
{
	return N_ROWS;
}

const struct directive *
directive_at(size_t i)
{
	return i < N_ROWS ? &rows[i] : NULL;
}

size_t
directive_index(const struct directive *d)
{
	return (size_t)(d - rows);
}

size_t
directive_place(const struct directive *d)
{
	size_t n = 0;

	while (d - n > rows && d[-(ptrdiff_t)n - 1].section == d->section)
		n++;
	return n;
}

struct wanted {
	enum section section;
	const char *key;
};

static int
compare(const void *key, const void *row)
{
	const struct wanted *w = key;
	const struct directive *d = row;

	if (w->section != d->section)
		return w->section < d->section ? -1 : 1;
	return strcmp(w->key, d->key);
}

const struct directive *
directive_find(enum section section, const char *key)
{
	struct wanted w = { section, key };

	return bsearch(&w, rows, N_ROWS, sizeof(rows[0]), compare);
}

const struct directive *
directive_resolve(const struct directive *d)
{
	if (d == NULL || d->form != FORM_ALIAS)
		return d;
	return directive_find(d->alias_section, d->alias_key);
}

const struct directive *
directive_find_elsewhere(enum section section, const char *key)
{
	static const enum section order[] = { SECTION_SERVICE, SECTION_UNIT,
		SECTION_INSTALL, SECTION_SESSION, SECTION_HEARTBEAT, SECTION_RULE,
		SECTION_BUDGET, SECTION_INSTANCES, SECTION_TIMER, SECTION_PATH,
		SECTION_SOCKET, SECTION_POOL };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		const struct directive *d = directive_find(order[i], key);

		if (order[i] != section && !section_is_of_supd(section) && d != NULL)
			return d;
	}
	return NULL;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

size_t
edit_distance(const char *a, const char *b, size_t limit)
{
	enum { MAX = 255 };
	size_t row[MAX + 1];
	size_t la = strlen(a);
	size_t lb = strlen(b);

	if (la > MAX || lb > MAX || la > lb + limit || lb > la + limit)
		return limit + 1;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[lb] <= limit ? row[lb] : limit + 1;
}

const struct directive *
directive_nearest(enum section section, const char *key)
{
	const struct directive *nearest = NULL;
	size_t limit = strlen(key) < 6 ? 1 : strlen(key) < 12 ? 2 : 3;

	for (size_t i = 0; i < N_ROWS; i++) {
		size_t distance;

		if (section != SECTION_NONE && rows[i].section != section)
			continue;
		distance = edit_distance(key, rows[i].key, limit);
		if (distance <= limit) {
			nearest = &rows[i];
			if (distance == 0)
				break;
			limit = distance - 1;
		}
	}
	return nearest;
}

const char *
section_name(enum section s)
{
	return s >= 0 && s < SECTION_NKINDS ? section_names[s] : "?";
}

enum section
section_find(const char *name)
{
	for (int i = 0; i < SECTION_NKINDS; i++)
		if (strcmp(name, section_names[i]) == 0)
			return (enum section)i;
	return SECTION_NONE;
}

bool
section_is_of_supd(enum section s)
{
	return s == SECTION_SUPD || s == SECTION_MARKS || s == SECTION_PHASES ||
	       s == SECTION_ALERT;
}

bool
section_is_named(enum section s)
{
	return s == SECTION_RULE || s == SECTION_MARKS || s == SECTION_ALERT;
}

bool
section_is_of_type(enum section s, enum unit_type type)
{
	switch (s) {
	case SECTION_UNIT:
	case SECTION_INSTALL:
		return true;
	case SECTION_TIMER:
		return type == UNIT_TIMER;
	case SECTION_PATH:
		return type == UNIT_PATH;
	case SECTION_SOCKET:
		return type == UNIT_SOCKET;
	case SECTION_POOL:
		return type == UNIT_POOL;
	case SECTION_SERVICE:
		return type == UNIT_SERVICE || type == UNIT_SCOPE;
	case SECTION_MARKS:
	case SECTION_PHASES:
	case SECTION_ALERT:
	case SECTION_SUPD:
		return false;
	default:
		return type == UNIT_SERVICE;
	}
}

bool
directive_is_of_scope(const struct directive *d)
{
	static const char *const keys[] = { "FinalKillSignal", "KillMode", "KillSignal",
		"OOMPolicy", "RuntimeMaxSec", "RuntimeRandomizedExtraSec", "SendSIGHUP",
		"SendSIGKILL", "StopSequence", "TimeoutStopSec" };

	if (d->section != SECTION_SERVICE || d->form == FORM_ANSWER)
		return true;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(d->key, keys[i]) == 0)
			return true;
	return false;
}

bool
section_is_session(enum section s)
{
	switch (s) {
	case SECTION_SESSION:
	case SECTION_HEARTBEAT:
	case SECTION_RULE:
	case SECTION_BUDGET:
	case SECTION_INSTANCES:
		return true;
	default:
		return false;
	}
}

char *
directive_shown_name(const struct directive *d, const char *rule)
{
	if (!section_is_session(d->section) &&
	    (!section_is_of_supd(d->section) || d->section == SECTION_SUPD))
		return xstrdup(d->key);
	if (rule != NULL)
		return xasprintf("%s.%s.%s", section_name(d->section), rule, d->key);
	return xasprintf("%s.%s", section_name(d->section), d->key);
}

const struct directive *
directive_by_shown_name(enum unit_type type, const char *name)
{
	const char *dot = strchr(name, '.'), *key = strrchr(name, '.');

	for (int s = 0; s < SECTION_NKINDS; s++) {
		const char *section = section_name((enum section)s);
		const struct directive *d;

		if (!section_is_of_type((enum section)s, type) ||
		    section_is_session((enum section)s) != (dot != NULL))
			continue;
		if (dot != NULL && (strncmp(section, name, (size_t)(dot - name)) != 0 ||
				       section[dot - name] != '\0'))
			continue;
		d = directive_resolve(
		    directive_find((enum section)s, key != NULL ? key + 1 : name));
		if (d != NULL)
			return d;
	}
	return NULL;
}
