/*
 * wished: calls by which persons decide something about units, one after the other.  The
 * reply, a list "units" with an object for each, comes as soon as all that was decided is
 * on the disk, or after WishSyncSec=, and says which of the two.
 */
#ifndef SUPD_MANAGER_CONTROL_WISHED_H
#define SUPD_MANAGER_CONTROL_WISHED_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct control;
struct jw;
struct unit;

/*
 * Decides.  Returns the number of the newest wish; 0: nothing was to be done, or it is
 * refused, and *why (static text) says the reason.
 */
typedef uint64_t wished_fn(struct unit *u, void *arg, const char **why);

/* What came of one unit. */
struct wished {
	char *unit;
	bool changed;
	const char *refused; /* NULL: it was not */
};
/* Members of the object that is open; u NULL: it is gone.  "unit", "changed", "durable"
 * and "refused" are written by others. */
typedef void wished_write_fn(struct jw *w, const struct unit *u, const struct wished *x);

/* The whole call, for its units; answers in any case.  arg is used during the call only.
 */
void wished_run(struct control *c, struct call *call, unsigned select_flags,
    wished_fn *fn, void *arg, wished_write_fn *write);

/* A parameter that is a reason: one line of at most WISH_REASON_MAX bytes, NULL when
 * there is none.  -1: the call was answered. */
int wished_reason(struct call *call, const char **reason);

#endif
