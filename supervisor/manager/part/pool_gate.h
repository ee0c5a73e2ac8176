/*
 * pool_gate: whether this machine is too busy for a pool to admit somebody (MaxLoad=,
 * MaxPressure=, MinMemoryAvailable=).
 *
 * Asked only when somebody could be admitted: who waits for a slot costs no look.  The
 * kernel tells nobody when a load has fallen, so that as long as somebody is kept out by
 * it, and only then, it is looked at again each POOL_GATE_US.
 */
#ifndef SUPD_MANAGER_POOL_GATE_H
#define SUPD_MANAGER_POOL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"

struct buf;
struct pool_conf;

#define POOL_GATE_US (5 * USEC_PER_SEC)

/* How busy it is; what is not known holds nobody up. */
struct pool_gate_world {
	bool has_load, has_memory, has_pressure[3]; /* by enum pool_pressure_of */
	unsigned load_centi, processors;
	uint64_t memory_available, memory_total;
	unsigned pressure_permyriad[3];
};

/* False: it is, and why is told: "the load is 5.20 (MaxLoad=4)". */
bool pool_gate_is_open(
    const struct pool_conf *c, const struct pool_gate_world *w, struct buf *why);
/* The same of this machine now. */
bool pool_gate_look(const struct pool_conf *c, struct buf *why);

#endif
