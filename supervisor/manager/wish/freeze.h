/*
 * freeze: a unit that stands still.  What runs of it keeps its memory and its open files,
 * and does nothing; what does not run is not started, as if it were held.  None of its
 * time limits runs, nothing is typed into it, and no silence counts.
 *
 * It is the wish FROZEN (units.h) of a person, or of an emergency stop (emergency.h) that
 * covers the unit; while one of them wants it so, it is.  Where the unit has a cgroup the
 * kernel does it to all of it at once; elsewhere its processes are looked for and stopped
 * by STOP, which is best effort, and which a program can see.
 *
 * A stop thaws what it stops.  That of a person, for good; after any other (the end of
 * supd, a dependency) the unit stays down until it is thawed.
 */
#ifndef SUPD_MANAGER_FREEZE_H
#define SUPD_MANAGER_FREEZE_H

#include <stdbool.h>
#include <stdint.h>

struct jw;
struct manager;
struct unit;
struct wish_who;

/* reason may be NULL.  Returns the sequence number after which it is durable. */
uint64_t freeze_unit(struct unit *u, const char *reason, const struct wish_who *who);
/* The same number; 0: no person has frozen it. */
uint64_t freeze_thaw(struct unit *u, const struct wish_who *who);

/* The same of one that a person stops: it stands still until that stop comes to it, or is
 * given up. */
uint64_t freeze_forget(struct unit *u, const struct wish_who *who);

/* Some decision or state changed: it stands still or goes on as it is to be.  Not from
 * within a call of its service. */
void freeze_apply(struct unit *u);
/* The same for all, at the start of a manager. */
void freezes_restore(struct manager *m);

/* Processes of it stand still now. */
bool freeze_is_on(const struct unit *u);
/* It is to stand still. */
bool freeze_is_wanted(const struct unit *u);
/* The member "frozen" of a status, null when it is not. */
void freeze_render(const struct unit *u, struct jw *w);

#endif
