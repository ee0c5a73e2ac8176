/*
 * due: what units want at one wake-up, in an order that can be relied on.
 *
 * Within one unit: it is seen to that it runs (ensure), then it has its heartbeat (poke),
 * what waits for a start that succeeded, its requests, and the look for what is stale, so
 * that nothing is told to what does not run, nor called stale before it was poked. Across
 * units a unit's turn comes after those that it names in After=, as far as they want
 * something too; those that wait for none go by name.  A step that fails does not stop
 * the next.
 */
#ifndef SUPD_MANAGER_SESSION_DUE_H
#define SUPD_MANAGER_SESSION_DUE_H

#include <stdbool.h>
#include <stddef.h>

struct due;
struct strv;

enum due_step {
	DUE_ENSURE,
	DUE_POKE,
	DUE_PENDING,
	DUE_REQUESTS,
	DUE_STALE,
	DUE_NSTEPS,
};

struct due_ops {
	/* false: it failed, and was told where it failed.  May call due_add and
	 * due_forget, not due_run. */
	bool (*run)(void *arg, const char *unit, enum due_step step);
	/* The units after which this one comes; NULL: none.  Valid until the next call.
	 */
	const struct strv *(*after)(void *arg, const char *unit);
	void *arg;
};

struct due *due_new(const struct due_ops *ops);
void due_free(struct due *d);
/* Once, however often it is wanted before it runs. */
void due_add(struct due *d, const char *unit, enum due_step step);
/* The unit is gone: none of its steps runs any more. */
void due_forget(struct due *d, const char *unit);
/* Something was added: due_run is wanted at the end of this wake-up. */
bool due_any(const struct due *d);
/* Runs all that was added before; what is added meanwhile is for the next time.  How many
 * failed. */
size_t due_run(struct due *d);
/* "ensure", "poke", … */
const char *due_step_name(enum due_step step);

#endif
