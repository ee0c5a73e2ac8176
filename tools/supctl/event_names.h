/* event_names: the names of events that this supctl knows, from the table of supd. */
#ifndef SUPD_SUPCTL_EVENT_NAMES_H
#define SUPD_SUPCTL_EVENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* The name at a place, NULL behind the last one. */
const char *event_name_at(size_t i);
/* Whether a name, or a glob, stands for at least one event. */
bool event_name_matches(const char *glob);
/* The nearest name, NULL when none is near. */
const char *event_name_nearest(const char *name);

#endif
