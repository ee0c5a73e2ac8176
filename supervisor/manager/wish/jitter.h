/*
 * jitter: starts that are spread after a boot of the machine, so that two hundred agents
 * do not log in at once.
 *
 * Of the first start of supd after a boot, when it ran before that: each unit that is
 * started with the instance waits for a part of its StartJitterSec=, which its name and
 * the boot decide, so that the death of a manager changes nothing.  The start is queued
 * all the while: what is ordered after it waits, what needs it, too.  A person's start
 * does not wait.
 *
 * And the ends of limits, for all who have one account have the same.
 */
#ifndef SUPD_MANAGER_JITTER_H
#define SUPD_MANAGER_JITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manager;
struct unit;

/* It is about to be queued for its start with the instance: from now on it may have to
 * wait. */
void jitter_begin(struct unit *u);
/* It waits: no start of it begins before jobs_unit_changed. */
bool jitter_waits(const struct unit *u);
/* Somebody wants it now. */
void jitter_skip(struct unit *u);
/* "starts in 12 s (jitter after boot)" into dst, or (not relative, for what is kept) at
 * what time; dst is returned. */
const char *jitter_why(const struct unit *u, bool relative, char *dst, size_t size);

/* How long after the time that its words say a limit of this unit is taken to be over: 2
 * to 12 seconds, decided by its name and the day.  So no two managers, nor two looks at
 * the same words, differ, and nobody is the last each day. */
uint64_t jitter_slack(const struct unit *u, uint64_t wall_us);

#endif
