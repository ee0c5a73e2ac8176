/*
 * hold: a unit that is not to start.  It runs on if it runs; a start that is due, whoever
 * wants it, and a restart wait until somebody releases it, or until its time is over.
 *
 * The decision itself is the wish HELD (units.h), with a reason and a time as further
 * fields of its event.  One timer of the manager serves all holds, by the wall clock.
 *
 * Other decisions keep a unit from being started as well (it is frozen, being drained,
 * halted by an emergency stop).  Whatever
 * wants to start something asks hold_why, and nothing else.
 */
#ifndef SUPD_MANAGER_HOLD_H
#define SUPD_MANAGER_HOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "manager/units.h"

struct manager;

/*
 * Held from now on; reason may be NULL, until_wall_us 0: until it is released.  What held
 * it before is replaced.  Returns the sequence number after which it is durable.
 */
uint64_t hold_unit(struct unit *u, const char *reason, uint64_t until_wall_us,
    const struct wish_who *who);
/* Starts what waited for it.  The same number; 0: it was not held. */
uint64_t hold_release(struct unit *u, const struct wish_who *who);

/* NULL, or why no start of it may begin now: "held by root (supctl): REASON".  The text
 * is the unit's, until its next decision. */
const char *hold_why(const struct unit *u);
/* The same; drain: if it were not being drained. */
const char *hold_why_beside(const struct unit *u, bool drain);
/* What undoes that, "supctl release a.service" (malloc'd); NULL: nothing is to be. */
char *hold_undo_beside(const struct unit *u, bool drain);
/* A flag that keeps what it is set for from being started. */
bool hold_is_by_flag(enum wish_flag flag);

/* Of unit_set_flag: what waited starts, from the loop, because whoever releases may be
 * within a decision of its service. */
void hold_on_released(struct unit *u);

/* It is held, and does not run: nothing of it goes on until it is released. */
bool hold_keeps_down(const struct unit *u);
/* Releases what is due and waits for the next one: after a start, a set clock. */
void hold_run(struct manager *m);

#endif
