/*
 * hostload: how busy this machine is, as its kernel tells.
 *
 * What a kernel does not tell is an error with ENOTSUP or that of the file, and never a
 * number.
 */
#ifndef SUPD_LIB_HOSTLOAD_H
#define SUPD_LIB_HOSTLOAD_H

#include <stdint.h>

/* The load average of one minute, in hundredths.  0, -1 (errno). */
int hostload_average(unsigned *centi);

/* Bytes that new programs can have without anything being swapped, and all that there
 * are; within a container, of what the container may have.  0, -1 (errno). */
int hostload_memory(uint64_t *available, uint64_t *total);

/* How much of the last window_s seconds (10, 60 or 300) something waited for what ("cpu",
 * "memory", "io"): hundredths of a percent.  0, -1 (errno). */
int hostload_pressure(const char *what, unsigned window_s, unsigned *permyriad);

/* The same of the texts of these files; those of the cgroup may be NULL. */
int hostload_average_of(const char *loadavg, unsigned *centi);
int hostload_memory_of(const char *meminfo, const char *cgroup_max,
    const char *cgroup_current, const char *cgroup_stat, uint64_t *available,
    uint64_t *total);
/* line: "some" or "full". */
int hostload_pressure_of(
    const char *text, const char *line, unsigned window_s, unsigned *permyriad);

#endif
