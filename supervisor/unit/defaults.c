/*
 * defaults: rows of units and the rows of supd.conf that they have their value from.
 */
#include "unit/defaults.h"

#include <stddef.h>
#include <string.h>

#include "unit/conf.h"
#include "unit/kinds.h"
#include "unit/table.h"

static const struct {
	enum section section;
	const char *key, *supd_key;
} inherited[] = {
	{ SECTION_UNIT, "StartLimitIntervalSec", "DefaultStartLimitIntervalSec" },
	{ SECTION_UNIT, "StartLimitBurst", "DefaultStartLimitBurst" },
	{ SECTION_SERVICE, "RestartSec", "DefaultRestartSec" },
	{ SECTION_SERVICE, "TimeoutStartSec", "DefaultTimeoutStartSec" },
	{ SECTION_SERVICE, "TimeoutStopSec", "DefaultTimeoutStopSec" },
	{ SECTION_SERVICE, "LogOverflow", "LogOverflow" },
	{ SECTION_SERVICE, "LogFormat", "LogFormat" },
	{ SECTION_SERVICE, "LogSync", "LogSync" },
	{ SECTION_SERVICE, "LogMaxBytes", "LogMaxBytes" },
};

/* What a unit may have beside values: its files are read by these. */
static const char *const readers[] = { "Isolation", "UnknownKeys" };

enum { N_INHERITED = sizeof(inherited) / sizeof(inherited[0]) };

static const void *
supd_field(const struct supd_conf *sc, const char *key)
{
	return (const char *)sc + directive_find(SECTION_SUPD, key)->offset;
}

void
defaults_inherit(struct unit_parts *parts, const struct supd_conf *sc)
{
	for (size_t i = 0; i < N_INHERITED; i++) {
		const struct directive *d =
		    directive_find(inherited[i].section, inherited[i].key);

		memcpy((char *)parts + d->offset, supd_field(sc, inherited[i].supd_key),
		    d->kind->width);
	}
}

const char *
defaults_supd_key(const struct directive *d)
{
	for (size_t i = 0; i < N_INHERITED; i++)
		if (inherited[i].section == d->section &&
		    strcmp(inherited[i].key, d->key) == 0)
			return inherited[i].supd_key;
	return NULL;
}

bool
defaults_is_supd_key(const char *key)
{
	for (size_t i = 0; i < N_INHERITED; i++)
		if (strcmp(inherited[i].supd_key, key) == 0)
			return true;
	return false;
}

static bool
key_differs(const struct supd_conf *a, const struct supd_conf *b, const char *key)
{
	return memcmp(supd_field(a, key), supd_field(b, key),
		   directive_find(SECTION_SUPD, key)->kind->width) != 0;
}

bool
defaults_differ(const struct supd_conf *a, const struct supd_conf *b)
{
	for (size_t i = 0; i < N_INHERITED; i++)
		if (key_differs(a, b, inherited[i].supd_key))
			return true;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
		if (key_differs(a, b, readers[i]))
			return true;
	return false;
}
