/* when: points in time as people type them for --since and --until. */
#ifndef SUPD_SUPCTL_WHEN_H
#define SUPD_SUPCTL_WHEN_H

#include <stdint.h>

/*
 * "2026-11-21 10:30", "20261121", "10:30" (of today), "@1795257045", "now", "today",
 * "yesterday", "-1h", "90min ago"; all that clock_parse reads, also with " UTC" behind
 * it.  now_us is the wall clock.  -1 when it is none of them.
 */
int when_parse(const char *text, uint64_t now_us, uint64_t *wall_us);

/* The same for what is to come: "+90min" is from now, "10:30" the next one. */
int when_parse_ahead(const char *text, uint64_t now_us, uint64_t *wall_us);

#endif
