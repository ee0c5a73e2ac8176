#include "event_names.h"

#include <fnmatch.h>

#include "unit/table.h"

enum { NEAR = 3 };

static const char *const names[] = {
#define EVENT(id, NAME, name, level, fields, help) name,
#include "manager/record/event.def"
	NULL,
};

const char *
event_name_at(size_t i)
{
	return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

bool
event_name_matches(const char *glob)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (fnmatch(glob, names[i], 0) == 0)
			return true;
	return false;
}

const char *
event_name_nearest(const char *name)
{
	const char *best = NULL;
	size_t best_distance = NEAR + 1;

	for (size_t i = 0; names[i] != NULL; i++) {
		size_t d = edit_distance(name, names[i], NEAR);

		if (d < best_distance) {
			best_distance = d;
			best = names[i];
		}
	}
	return best;
}
