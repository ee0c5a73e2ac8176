/*
 * calendar: a calendar expression is six lists of numbers, a set of weekdays and a zone.
 * The next time is found as one turns an odometer: the first field, from the year down,
 * that does not fit moves on to what does and sets those behind it to their start; one
 * that has nothing left carries into the one before it.
 */
#include "unit/calendar.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/zone.h"
#include "unit/calendar_int.h"

const struct cal_range cal_ranges[CAL_NFIELDS] = {
	[CAL_YEAR] = { 1970, 2199, 4, "years are 1970 to 2199" },
	[CAL_MONTH] = { 1, 12, 2, "months are 1 to 12" },
	[CAL_DAY] = { 1, 31, 2, "days are 1 to 31" },
	[CAL_HOUR] = { 0, 23, 2, "hours are 0 to 23" },
	[CAL_MINUTE] = { 0, 59, 2, "minutes are 0 to 59" },
	[CAL_MICROSECOND] = { 0, 60 * 1000000 - 1, 2, "seconds are 0 to 59.999999" },
};

void
cal_list_clear(struct cal_list *list)
{
	free(list->items);
	*list = (struct cal_list){ 0 };
}

void
calendar_free(struct calendar *c)
{
	if (c == NULL)
		return;
	for (int f = 0; f < CAL_NFIELDS; f++)
		cal_list_clear(&c->field[f]);
	free(c->zone_name);
	zone_free(c->zone);
	free(c);
}

/* "Mon..Wed,Fri,Sat": two in a row are named, more are a range. */
static void
format_weekdays(struct buf *b, unsigned days)
{
	static const char *const names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
		"Sun" };
	const char *between = "";

	for (int day = 0, last; day < 7; day = last + 1) {
		last = day;
		if ((days & 1U << day) == 0)
			continue;
		while (last < 6 && (days & 1U << (last + 1)) != 0)
			last++;
		buf_addf(b, "%s%s", between, names[day]);
		if (last > day)
			buf_addf(b, "%s%s", last > day + 1 ? ".." : ",", names[last]);
		between = ",";
	}
	buf_addc(b, ' ');
}

static void
format_value(struct buf *b, enum cal_field f, int32_t value, int width)
{
	int32_t unit = f == CAL_MICROSECOND ? 1000000 : 1;

	buf_addf(b, "%0*d", width, (int)(value / unit));
	if (value % unit != 0)
		buf_addf(b, ".%06d", (int)(value % unit));
}

static void
format_list(struct buf *b, const struct calendar *c, enum cal_field f)
{
	const struct cal_list *list = &c->field[f];
	int32_t unit = f == CAL_MICROSECOND ? 1000000 : 1;

	if (list->n == 0 ||
	    (f == CAL_MICROSECOND && list->n == 1 && list->items[0].start == 0 &&
		list->items[0].stop == -1 && list->items[0].step == unit)) {
		buf_addc(b, '*');
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct cal_item *item = &list->items[i];

		if (i > 0)
			buf_addc(b, ',');
		format_value(b, f, item->start, cal_ranges[f].width);
		if (item->stop != -1) {
			buf_adds(b, "..");
			format_value(b, f, item->stop, cal_ranges[f].width);
		}
		if (item->step != 0 && !(item->stop != -1 && item->step == unit)) {
			buf_addc(b, '/');
			format_value(b, f, item->step, 1);
		}
	}
}

void
calendar_format(struct buf *b, const struct calendar *c)
{
	if (c->weekdays != 0)
		format_weekdays(b, c->weekdays);
	format_list(b, c, CAL_YEAR);
	buf_addc(b, '-');
	format_list(b, c, CAL_MONTH);
	buf_addc(b, c->from_end && c->field[CAL_DAY].n > 0 ? '~' : '-');
	format_list(b, c, CAL_DAY);
	buf_addc(b, ' ');
	format_list(b, c, CAL_HOUR);
	buf_addc(b, ':');
	format_list(b, c, CAL_MINUTE);
	buf_addc(b, ':');
	format_list(b, c, CAL_MICROSECOND);
	if (c->zone_name != NULL)
		buf_addf(b, " %s", c->zone_name);
}

/* What the odometer shows. */
struct when {
	int32_t v[CAL_NFIELDS];
};

int32_t
cal_item_at_least(const struct cal_item *item, int32_t value, int32_t end)
{
	int32_t stop = item->step == 0    ? item->start
		       : item->stop == -1 ? end
					  : item->stop;
	int32_t found = item->start;

	if (value > found && item->step > 0) {
		/* The sum is beyond the field by less than a step: no overflow. */
		found += (value - found + item->step - 1) / item->step * item->step;
	}
	return found >= value && found <= stop && found <= end ? found : -1;
}

static int32_t
month_end(const struct when *w)
{
	return civil_month_days(w->v[CAL_YEAR], (int)w->v[CAL_MONTH]);
}

/* A day counted from the end of its month: greatest first is least first. */
static int32_t
item_from_end(const struct cal_item *item, int32_t value, int32_t days)
{
	/* n from the end is days + 1 - n; a step goes towards the end of the month. */
	int32_t first = days + 1 - item->start;
	int32_t last = item->step == 0    ? first
		       : item->stop == -1 ? days
					  : days + 1 - item->start;
	struct cal_item turned = { first, last, item->step };

	if (item->stop != -1) {
		turned.start = days + 1 - item->stop;
		turned.stop = first;
	}
	return cal_item_at_least(&turned, value, days);
}

/* The least value of a field that is w's or more; -1 for none. */
static int32_t
at_least(const struct calendar *c, enum cal_field f, const struct when *w)
{
	const struct cal_list *list = &c->field[f];
	int32_t end = f == CAL_DAY ? month_end(w) : cal_ranges[f].to;
	int32_t least = -1;

	if (list->n == 0)
		return w->v[f] <= end ? w->v[f] : -1;
	for (size_t i = 0; i < list->n; i++) {
		int32_t found = f == CAL_DAY && c->from_end
				    ? item_from_end(&list->items[i], w->v[f], end)
				    : cal_item_at_least(&list->items[i], w->v[f], end);

		if (found != -1 && (least == -1 || found < least))
			least = found;
	}
	return least;
}

static bool
weekday_fits(const struct calendar *c, const struct when *w)
{
	int sunday_0 = civil_weekday(
	    civil_days(w->v[CAL_YEAR], (int)w->v[CAL_MONTH], (int)w->v[CAL_DAY]));

	return c->weekdays == 0 || (c->weekdays & 1U << ((sunday_0 + 6) % 7)) != 0;
}

/* The fields behind f go to their start. */
static void
restart_behind(struct when *w, int f)
{
	while (++f < CAL_NFIELDS)
		w->v[f] = cal_ranges[f].from;
}

/*
 * Turns w to the first time at or after it that fits, whatever clocks do; false when
 * there is none.  Each turn of the loop settles a field or moves an earlier one on, and
 * days bound it: 230 years.
 */
static bool
turn(const struct calendar *c, struct when *w)
{
	int f = CAL_YEAR;

	while (f < CAL_NFIELDS) {
		int32_t found = at_least(c, (enum cal_field)f, w);

		if (found == -1) {
			if (f == CAL_YEAR)
				return false;
			f--;
			w->v[f]++;
			restart_behind(w, f);
			continue;
		}
		if (found != w->v[f]) {
			w->v[f] = found;
			restart_behind(w, f);
		}
		if (f == CAL_DAY && !weekday_fits(c, w)) {
			w->v[CAL_DAY]++;
			restart_behind(w, CAL_DAY);
			continue;
		}
		f++;
	}
	return true;
}

static void
when_set(struct when *w, const struct civil *t, int32_t us)
{
	*w = (struct when){ { (int32_t)t->year, t->month, t->day, t->hour, t->minute,
	    t->second * 1000000 + us } };
}

static void
when_civil(const struct when *w, struct civil *t)
{
	*t = (struct civil){ w->v[CAL_YEAR], (int)w->v[CAL_MONTH], (int)w->v[CAL_DAY],
		(int)w->v[CAL_HOUR], (int)w->v[CAL_MINUTE],
		(int)(w->v[CAL_MICROSECOND] / 1000000) };
}

const struct zone *
cal_zone(const struct calendar *c, const struct zone *local)
{
	return c->zone_name == NULL || c->is_short ? local : c->zone;
}

/* Not while the zone is called otherwise: on to the next day that is not all so. */
static bool
skip_other_name(
    const struct calendar *c, const struct zone *zone, int64_t t, struct when *w)
{
	if (!c->is_short || zone_offset_s(zone, t) == c->short_s)
		return false;
	if (zone_offset_s(zone, t + 86400) == c->short_s) {
		w->v[CAL_MINUTE]++;
		restart_behind(w, CAL_MINUTE);
	} else {
		w->v[CAL_DAY]++;
		restart_behind(w, CAL_DAY);
	}
	return true;
}

int
calendar_next(const struct calendar *c, const struct zone *local, uint64_t after_us,
    uint64_t *next_us)
{
	const struct zone *zone = cal_zone(c, local);
	uint64_t from_us = after_us + 1;
	struct civil t;
	struct when w, shown;

	/* Nothing is later than the last of years; what is behind it need not be a date.
	 */
	if (from_us == 0 || from_us / USEC_PER_SEC > UINT64_C(7258204800))
		return -1;
	zone_civil(zone, (int64_t)(from_us / USEC_PER_SEC), &t);
	when_set(&w, &t, (int32_t)(from_us % USEC_PER_SEC));
	if (w.v[CAL_YEAR] < cal_ranges[CAL_YEAR].from)
		when_set(
		    &w, &(struct civil){ cal_ranges[CAL_YEAR].from, 1, 1, 0, 0, 0 }, 0);
	while (turn(c, &w)) {
		int64_t at[2];
		int32_t us = w.v[CAL_MICROSECOND] % 1000000;
		uint64_t found;

		when_civil(&w, &t);
		(void)zone_instants(zone, &t, at);
		zone_civil(zone, at[0], &t);
		when_set(&shown, &t, us);
		found = (uint64_t)at[0] * USEC_PER_SEC + (uint64_t)us;
		if (skip_other_name(c, zone, at[0], &w))
			continue;
		if (memcmp(&shown, &w, sizeof(w)) == 0 && at[0] >= 0 &&
		    found > after_us) {
			*next_us = found;
			return 0;
		}
		/* It is left out, or was there before clocks were set back, and so is its
		 * whole minute. */
		w.v[CAL_MINUTE]++;
		restart_behind(&w, CAL_MINUTE);
	}
	return -1;
}
