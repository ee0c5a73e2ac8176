/*
 * calendar: when the clock on the wall shows what an expression says, as OnCalendar= of
 * systemd.time(7) means it: "Mon..Fri *-*-* 02:00 Europe/Berlin", "*:0/15", "monthly".
 *
 * A time that clocks set forward leave out does not come that day; one that comes twice
 * when they are set back counts once, the first time.  Years are 1970 to 2199.  Nothing
 * here reads a clock; a named zone is read from its file when the expression is parsed. A
 * short name of the zone of the machine, as "CEST", is that zone while it is called so.
 *
 * Times are microseconds since the epoch.
 */
#ifndef SUPD_UNIT_CALENDAR_H
#define SUPD_UNIT_CALENDAR_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct calendar;
struct zone;

struct calendar_error {
	size_t at;       /* the byte of the text that was not understood */
	const char *why; /* static, to be put behind "file:line:column: " */
};

/*
 * Reads the whole of text.  NULL: *error says why; nothing is left behind.  The result
 * is the caller's, for calendar_free.
 */
struct calendar *calendar_parse(const char *text, struct calendar_error *error);
void calendar_free(struct calendar *);

/* Appends the one way to write what it means: "Mon..Fri *-*-* 02:00:00 Europe/Berlin". */
void calendar_format(struct buf *, const struct calendar *);

/*
 * The first time later than after_us at which it holds: 0, or -1 when it never does
 * again (30 February, a year gone by).  local is the zone of an expression that names
 * none; NULL is UTC.
 */
int calendar_next(const struct calendar *, const struct zone *local, uint64_t after_us,
    uint64_t *next_us);

/*
 * How often it holds later than after_us, and no later than until_us.  Exact, unless
 * there are tens of thousands within an hour.
 */
uint64_t calendar_count(const struct calendar *, const struct zone *local,
    uint64_t after_us, uint64_t until_us);

#endif
