/*
 * calendar_int: what calendar.c and calendar_parse.c share.
 */
#ifndef SUPD_UNIT_CALENDAR_INT_H
#define SUPD_UNIT_CALENDAR_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;

enum cal_field {
	CAL_YEAR,
	CAL_MONTH,
	CAL_DAY,
	CAL_HOUR,
	CAL_MINUTE,
	CAL_MICROSECOND, /* of the minute */
	CAL_NFIELDS,
};

struct cal_range {
	int32_t from, to;
	int width; /* digits when written */
	const char *why;
};

extern const struct cal_range cal_ranges[CAL_NFIELDS];

/* start, start + step, ... as far as stop; a step of 0 is start alone. */
struct cal_item {
	int32_t start;
	int32_t stop; /* -1: the end of the field */
	int32_t step;
};

/* No items: any value. */
struct cal_list {
	struct cal_item *items;
	size_t n;
};

struct calendar {
	unsigned weekdays; /* bit 0 is Monday; 0: any */
	struct cal_list field[CAL_NFIELDS];
	bool from_end;     /* days count back from the end of the month, 1 the last */
	char *zone_name;   /* as it is to be written; NULL: the local one */
	struct zone *zone; /* NULL where zone_name is "UTC" */
	/* zone_name is that of the local zone at one time of the year, as "CEST": it
	 * holds while that is so. */
	bool is_short;
	int32_t short_s; /* east of UTC */
};

#define CAL_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The least value of item that is value or more, as far as end; -1 for none. */
int32_t cal_item_at_least(const struct cal_item *item, int32_t value, int32_t end);
/* In which it is to be read. */
const struct zone *cal_zone(const struct calendar *c, const struct zone *local);
/* Empty, memory returned. */
void cal_list_clear(struct cal_list *list);

#endif
