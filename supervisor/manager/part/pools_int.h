/*
 * pools_int: what pools.c and pools_shown.c share.
 */
#ifndef SUPD_MANAGER_POOLS_INT_H
#define SUPD_MANAGER_POOLS_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/clock.h"

struct loop_timer;
struct manager;
struct pool;
struct unit;

/* A pool by the name of its unit, as long as that has a part or somebody is in it. */
struct unit_pool {
	struct manager *m;
	char *name;
	struct pool *pool;
	struct loop_timer *timer; /* of what time alone ends; NULL: there never was one */
	char *shut;               /* the machine is too busy, why; NULL: it is not */
	bool due;                 /* somebody may be admitted */
	bool has_part;
};

/* What pools have for a clock: the monotonic one, which also has numbers for so long
 * before it began, because starts of an earlier boot count. */
#define POOLS_BEFORE_BOOT_US (UINT64_C(3650) * 24 * USEC_PER_HOUR)
static inline uint64_t
pools_now_us(void)
{
	return clock_mono_us() + POOLS_BEFORE_BOOT_US;
}

/* Of a unit of type pool; NULL: there is none. */
struct unit_pool *pools_of_unit(const struct unit *u);

#endif
