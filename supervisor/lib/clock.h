/*
 * clock: what time it is, and how to write it.
 *
 * Times are uint64_t microseconds.  mono does not run while the machine sleeps, boot
 * does, wall is since the epoch.  Tests replace the source; nothing else in supd may call
 * clock_gettime for a decision.
 */
#ifndef SUPD_LIB_CLOCK_H
#define SUPD_LIB_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define USEC_INFINITY UINT64_MAX

enum clock_kind {
	CLOCK_KIND_MONO,
	CLOCK_KIND_BOOT,
	CLOCK_KIND_WALL,
	CLOCK_KIND_CPU,
};

enum {
	CLOCK_TEXT_MAX = 40, /* enough for every clock_format_* */
	CLOCK_DAY_MAX = 16,  /* enough for clock_day */
};

/* Microseconds: of the clock that stands still while the machine sleeps, of the one that
 * does not, and since 1970 as somebody has set it. */
uint64_t clock_mono_us(void);
uint64_t clock_boot_us(void);
uint64_t clock_wall_us(void);
/* What this thread has computed: what work costs, whoever else has the processor.  A
 * system call, unlike the others. */
uint64_t clock_cpu_us(void);
/* Nanoseconds since 1970 by the clock that the kernel stamps files with, which goes by
 * steps: a file of that time or a later one can still be changed without another one.
 * Never from the test hook. */
int64_t clock_file_ns(void);
/* a + b, USEC_INFINITY when that would overflow. */
uint64_t clock_add_us(uint64_t a_us, uint64_t b_us);

typedef uint64_t clock_source(enum clock_kind kind, void *arg);
/* Test hook; NULL goes back to the kernel. */
void clock_set_source(clock_source *fn, void *arg);

/* Each writes into dst (CLOCK_TEXT_MAX is enough) and returns dst. */
/* "2026-11-21T10:30:45", local time. */
char *clock_format_local(char *dst, size_t size, uint64_t wall_us);
/* "2026-11-21T10:30:45.123", "….123456", local time; digits is 0 to 6. */
char *clock_format_local_frac(char *dst, size_t size, uint64_t wall_us, int digits);
/* "2026-11-21T10:30:45.123456Z" */
char *clock_format_utc(char *dst, size_t size, uint64_t wall_us);
/* "850ms", "12.3s", "4m12s", "3h05m"; USEC_INFINITY is "infinity". */
char *clock_format_duration(char *dst, size_t size, uint64_t us);

/*
 * Reads what clock_format_* write, with 'T' or a space, with or without a fraction, "Z"
 * or
 * "+hh:mm"; without seconds; a bare date (its local midnight); "@SECONDS[.fraction]".
 * -1 (EINVAL, ERANGE) on anything else, days that do not exist included.
 */
int clock_parse(const char *s, uint64_t *wall_us);

/* "20261121", the local day of that instant.  Follows a machine that gets another zone;
 * the times that are written from then on are in it, too. */
char *clock_day(char *dst, size_t size, uint64_t wall_us);
/* The first instant of a local day "YYYYMMDD"; -1 when there is no such day. */
int clock_parse_day(const char *day, uint64_t *wall_us);
/* The first instant after wall_us whose local day is a later one. */
uint64_t clock_next_midnight_us(uint64_t wall_us);

#endif
