/*
 * pools: units of type pool, and the services that run in them (Pool=).
 *
 * A pool is a part like a target: a service with Pool= requires it and comes after it.
 * Who has a slot and who is next is in activate/pool.h; here are the units, the clock and
 * the loop.  A service comes by svc_ops.pool_enter before anything of its start is run,
 * and goes by svc_ops.pool_leave when nothing of it is left.
 *
 * Nothing polls: somebody is admitted when a slot is given back, when a limit is another
 * one, when a time is over, or when what was held is released, the pool as well as the
 * service, and always from the loop, so that nobody is started within the decision of
 * somebody else.  (How busy the machine is tells nobody: pool_gate.h.)
 *
 * What is in a pool is what the services remember (svc_memory.pool): a new manager makes
 * the pools again while it adopts them, and admits nobody before it has adopted all.
 */
#ifndef SUPD_MANAGER_POOLS_H
#define SUPD_MANAGER_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/part/part.h"
#include "manager/service/service.h"

struct buf;
struct jw;
struct manager;
struct pool_conf;
struct unit;

extern const struct part_kind part_pool;

/* Whether anybody is admitted at all now. */
bool pools_admit(const struct manager *m);
/* svc_ops.pool_enter and pool_leave. */
enum svc_pool pools_enter(struct unit *u, const struct unit_conf *conf, uint64_t *number,
    char *why, size_t size);
void pools_leave(struct unit *u);
/* The unit is where its service, which was restored, remembers to be. */
void pools_sync(struct unit *u);
/* It is held, frozen or drained from now on: it keeps nobody out who is behind it. */
void pools_on_held(struct unit *u);
/* It is not held any more: it has its old place again. */
void pools_on_released(struct unit *u);
/* Whoever can be is admitted: a new manager has adopted all, safe mode is over. */
void pools_begin(struct manager *m);

/* Of one that is queued: "queued in llm: 3rd, 1 of 1 slots are taken by a.service". */
void pools_why(const struct unit *u, struct buf *out);
/* The reason of that alone: "1 of 1 slots are taken by a.service". */
void pools_wait_why(const struct unit *u, struct buf *out);
/* What a unit of type pool is like now; false: it is none, or has no usable file. */
struct pools_view {
	const struct pool_conf *conf; /* of the unit */
	uint64_t taken;               /* slots */
	size_t running, queued;       /* services */
};
bool pools_view(const struct unit *u, struct pools_view *v);
/* Of such a unit: members "why", "running" and "waiting" (as in io.supd.Pool), of those
 * that wait the first so many; limit 0: all. */
void pools_render(const struct unit *u, uint64_t limit, struct jw *w);

/* The place of a unit that waits in its pool, and how many do; false: it does not wait in
 * one that is there. */
bool pools_place(const struct unit *u, size_t *place, size_t *queued);

#endif
