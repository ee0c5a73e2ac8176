/*
 * until: when something ends, from the words a program printed.
 *
 * The text is what a rule captured (Until= of a [Rule]), so it may have words before and
 * behind: "resets at 3pm (Europe/Berlin)", "Try again in 2h 5m.", "Tuesday 9am",
 * "Nov 30 at 9:00", "tomorrow at 8am", seconds or milliseconds since the epoch, RFC 3339.
 * A time that follows "resets", "try again", "until" and their like is preferred, else
 * the first one is meant.
 *
 * What could be read in two ways that lie hours apart is refused: an unknown zone, "in
 * 4:30", a number without unit (but for "retry-after: 60").  Pure, but that a named zone
 * is read from its file.
 */
#ifndef SUPD_MANAGER_SESSION_UNTIL_H
#define SUPD_MANAGER_SESSION_UNTIL_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/clock.h"

struct buf;
struct zone;

#define UNTIL_AHEAD_MAX_US (35 * USEC_PER_DAY)

enum {
	UNTIL_TEXT_MAX = 512, /* bytes of the text */
};

struct until_time {
	uint64_t wall_us; /* later than now, by UNTIL_AHEAD_MAX_US at most */
	bool relative;    /* "in 42 minutes": the same words mean another time later */
};

/*
 * zone is that of times that name none; NULL is UTC.  A time of day that has passed is
 * that of the next day, a weekday that of the next week, a date without a year that of
 * the next year; where clocks are set back and a time comes twice, it is the first that
 * is to come.  A date without a time is its start.  A duration of nothing is one of its
 * last unit, for "in 0m" is said until the minute is over.
 *
 * -1, *out untouched and *why a text to show (static), when there is no time in it, or
 * none that is to come within the limit.
 */
int until_parse(const char *text, uint64_t wall_now_us, const struct zone *zone,
    struct until_time *out, const char **why);

/*
 * The text to parse: template with "\0" to "\9" replaced by what matched in subject (m of
 * n, nothing for those that did not), "\\" by one backslash; appended.
 */
void until_expand(struct buf *out, const char *template, const char *subject,
    const regmatch_t *m, size_t n);

#endif
