/*
 * zone: a time zone by its name, without the C library's one zone of the process.
 *
 * Reads the compiled files of tzdata (RFC 8536), among them the rule at their end that
 * says how it goes on for ever.  A zone is read once and does not change; whoever needs
 * it seldom reads it anew each time.  Leap seconds are not counted, as nowhere in supd.
 *
 * Seconds are since the epoch, as int64_t, because local ones may lie before it.
 */
#ifndef SUPD_LIB_ZONE_H
#define SUPD_LIB_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;

/* What a clock on the wall and a calendar beside it show; no check of its fields but that
 * of civil_is_valid. */
struct civil {
	int64_t year;
	int month; /* 1 to 12 */
	int day;   /* 1 to 31 */
	int hour;
	int minute;
	int second;
};

/*
 * "Europe/Berlin", by the file of that name.  NULL with errno: EINVAL for what is no name
 * of a zone (".." and a leading "/" included), EBADMSG for a file that is no zone, else
 * what reading it says.
 */
struct zone *zone_load(const char *name);
/* That of the machine, or of TZ where it names one; UTC when neither says more. */
struct zone *zone_local(void);
/* The same, read once and kept for the life of the process: not to be freed. */
const struct zone *zone_here(void);
/* Always the same distance east of UTC. */
struct zone *zone_fixed(int32_t offset_s);
/* The bytes of such a file; NULL with EBADMSG. */
struct zone *zone_parse(const void *data, size_t size);
void zone_free(struct zone *z);
/*
 * "CEST", in any case, is what its clocks are called now, at one time of the year: the
 * same as it is written (of z), and how far east that is.  NULL: it has no such name.
 */
const char *zone_short_name(const struct zone *z, const char *name, int32_t *offset_s);

/* Seconds east of UTC at that instant.  A NULL zone is UTC, here and below. */
int32_t zone_offset_s(const struct zone *z, int64_t t);
void zone_civil(const struct zone *z, int64_t t, struct civil *c);
/*
 * The instants at which that zone shows this time, in order: one, or two where clocks are
 * set back.  A time that is skipped where they are set forward is as far after the gap as
 * it would be after its start.  Returns how many.
 */
size_t zone_instants(const struct zone *z, const struct civil *c, int64_t t[2]);

/* Days since 1970-01-01 in the Gregorian calendar; months and days beyond their range
 * are not looked for. */
int64_t civil_days(int64_t year, int month, int day);
/* The date of that day; the time is 00:00:00. */
void civil_from_days(int64_t days, struct civil *c);
/* 0 is Sunday. */
int civil_weekday(int64_t days);
int civil_month_days(int64_t year, int month);
/* The day exists, and the time is one of a day of 24 hours. */
bool civil_is_valid(const struct civil *c);

#endif
