/*
 * timers: units of type timer, and the world: the clocks, the one wake-up of all of them
 * (activate/timer_queue.h), the zone of the machine, jobs, events.  What a timer does is
 * decided in activate/timer.h.
 */
#ifndef SUPD_MANAGER_TIMERS_H
#define SUPD_MANAGER_TIMERS_H

#include "manager/part/part.h"

extern const struct part_kind part_timer;

/* The wall clock was set, or the machine woke up. */
void timers_on_clock_set(struct manager *m);

#endif
