/*
 * activity: how long nobody did anything, and what follows for the heartbeat.
 */
#ifndef SUPD_MANAGER_SESSION_ACTIVITY_H
#define SUPD_MANAGER_SESSION_ACTIVITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

/* More of an activity file is not read. */
enum { ACTIVITY_BYTES_MAX = 64 * 1024 };

/*
 * When it was, by an activity file: the member `timestamp' of the JSON object in it (RFC
 * 3339), else the time of its last change.
 */
uint64_t activity_wall_us(const char *data, size_t len, uint64_t mtime_wall_us);

/* The time between two heartbeats at this idle age, INFINITY as the age: nothing is
 * known, which counts as just now.  INFINITY: there are to be none. */
uint64_t activity_interval_us(const struct heartbeat_conf *c, uint64_t age_us);

#endif
