/*
 * calendar_count: how often an expression comes within a time, without turning through
 * each of them: a day, or an hour, in which no clock is set has as many as any other that
 * it names.
 */
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/zone.h"
#include "unit/calendar.h"
#include "unit/calendar_int.h"

enum {
	/* Of a part of an hour; expressions of microseconds have more. */
	ONE_BY_ONE_MAX = 20000,
};

/* Values of one list, from and to included; those that two items name count once, unless
 * there are too many to look at. */
static uint64_t
count_list(const struct cal_list *list, int32_t to)
{
	uint64_t sum = 0, n = 0;

	if (list->n == 0)
		return (uint64_t)to + 1;
	for (size_t i = 0; i < list->n; i++) {
		const struct cal_item *item = &list->items[i];
		int32_t stop = item->step == 0    ? item->start
			       : item->stop == -1 ? to
						  : item->stop;

		if (stop > to)
			stop = to;
		if (stop >= item->start)
			sum += item->step == 0
				   ? 1
				   : (uint64_t)((stop - item->start) / item->step) + 1;
	}
	if (list->n == 1 || sum > ONE_BY_ONE_MAX)
		return sum;
	for (int32_t v = 0; v <= to; n++) {
		int32_t least = -1;

		for (size_t i = 0; i < list->n; i++) {
			int32_t found = cal_item_at_least(&list->items[i], v, to);

			if (found != -1 && (least == -1 || found < least))
				least = found;
		}
		if (least == -1)
			break;
		v = least + 1;
	}
	return n;
}

struct counting {
	const struct calendar *c;
	const struct zone *zone;
	uint64_t per_hour, per_day;
};

static uint64_t
one_by_one(const struct counting *k, uint64_t after_us, uint64_t until_us)
{
	uint64_t n = 0;

	while (n < ONE_BY_ONE_MAX &&
	       calendar_next(k->c, k->zone, after_us, &after_us) == 0 &&
	       after_us <= until_us)
		n++;
	return n;
}

static uint64_t
count(const struct counting *k, uint64_t unit_us, uint64_t after_us, uint64_t until_us)
{
	bool days = unit_us == USEC_PER_DAY;
	uint64_t n = 0, at;

	while (after_us < until_us && calendar_next(k->c, k->zone, after_us, &at) == 0 &&
	       at <= until_us) {
		int64_t s = (int64_t)(at / USEC_PER_SEC);
		int32_t offset_s = zone_offset_s(k->zone, s);
		int64_t unit_s = (int64_t)(unit_us / USEC_PER_SEC);
		int64_t within = ((s + offset_s) % unit_s + unit_s) % unit_s;
		int64_t begin_s = s - within, end_s = begin_s + unit_s;
		uint64_t last_us = (uint64_t)end_s * USEC_PER_SEC - 1;
		bool whole =
		    begin_s >= 0 && (uint64_t)begin_s * USEC_PER_SEC > after_us &&
		    last_us <= until_us && zone_offset_s(k->zone, begin_s) == offset_s &&
		    zone_offset_s(k->zone, end_s) == offset_s;

		if (last_us > until_us)
			last_us = until_us;
		if (whole)
			n += days ? k->per_day : k->per_hour;
		else if (days)
			n += count(k, USEC_PER_HOUR, after_us, last_us);
		else
			n += one_by_one(k, after_us, last_us);
		after_us = last_us;
	}
	return n;
}

uint64_t
calendar_count(const struct calendar *c, const struct zone *local, uint64_t after_us,
    uint64_t until_us)
{
	struct counting k = { .c = c, .zone = cal_zone(c, local) };

	k.per_hour =
	    count_list(&c->field[CAL_MINUTE], 59) *
	    count_list(&c->field[CAL_MICROSECOND], cal_ranges[CAL_MICROSECOND].to);
	k.per_day = k.per_hour * count_list(&c->field[CAL_HOUR], 23);
	return count(&k, USEC_PER_DAY, after_us, until_us);
}
