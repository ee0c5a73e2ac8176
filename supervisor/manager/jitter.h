/*
 * jitter: starts that are spread after a boot of the machine, so that two hundred agents
 * do not log in at once.
 *
 * Of the first start of supd after a boot, when it ran before that: each unit that is
 * started with the instance waits for a part of its StartJitterSec=, which its name and
 * the boot decide, so that the death of a manager changes nothing.  The start is queued
 * all the while: what is ordered after it waits, what needs it, too.  A person's start
 * does not wait.
 */
#ifndef SUPD_MANAGER_JITTER_H
#define SUPD_MANAGER_JITTER_H

#include <stdbool.h>
#include <stddef.h>

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

#endif
