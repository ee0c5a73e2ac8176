/*
 * until_zone: the zone behind a time of day (until.h).
 */
#ifndef SUPD_MANAGER_SESSION_UNTIL_ZONE_H
#define SUPD_MANAGER_SESSION_UNTIL_ZONE_H

#include <stddef.h>

#include "manager/session/until_lex.h"

struct zone;

enum zone_found {
	ZONE_NONE,    /* what is there is no zone */
	ZONE_FOUND,   /* *zone is the caller's; NULL: that of the reader */
	ZONE_UNKNOWN, /* it is meant as one, and is none */
};

/* "(Europe/Berlin)", "UTC", "PST", "Z", "+02:00", "GMT-3", "local time": at token *i,
 * which moves behind it when it is found. */
enum zone_found until_zone(const struct tokens *t, size_t *i, struct zone **zone);

#endif
