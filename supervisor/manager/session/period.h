/*
 * period: from when to when the limits of a [Budget] are for.  Hours, days, weeks and
 * months are those of the local calendar, which may be an hour longer or shorter than
 * others.  Pure.
 */
#ifndef SUPD_MANAGER_SESSION_PERIOD_H
#define SUPD_MANAGER_SESSION_PERIOD_H

#include <stdint.h>

#include "unit/conf.h"

struct zone;

/*
 * The period that holds this instant: from *begin_us until before *end_us, wall clock.
 * One of BUDGET_SPAN begins with the instant; *end_us is INFINITY where it never ends.
 * A NULL zone is UTC.
 */
void period_of(const struct budget_period *period, const struct zone *zone,
    uint64_t wall_us, uint64_t *begin_us, uint64_t *end_us);

#endif
