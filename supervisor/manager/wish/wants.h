/*
 * wants: what sessions have to do at this wake-up, done in the order of session/due.h.
 *
 * Timers and signals only say here that something is due; it is done when all that came
 * with them has been heard, so that their order does not matter.
 */
#ifndef SUPD_MANAGER_WANTS_H
#define SUPD_MANAGER_WANTS_H

#include "manager/session/due.h"

struct manager;
struct unit;

/* Once, soon, however often it is said until then.  The unit may be gone by then. */
void wants(struct unit *u, enum due_step step);
/* Nothing of the unit is done any more. */
void wants_forget(struct unit *u);

#endif
