#include "manager/session/period.h"

#include "lib/clock.h"
#include "lib/zone.h"

#define HOUR_S INT64_C(3600)

/* The first instant of a day of the calendar.  Where clocks are set forward over midnight
 * that is the end of the gap; where they show it twice, the first. */
static int64_t
day_begin(const struct zone *zone, int64_t days)
{
	struct civil c;
	int64_t t[2];

	civil_from_days(days, &c);
	(void)zone_instants(zone, &c, t);
	return t[0];
}

static int64_t
past_hour(const struct zone *zone, int64_t t)
{
	return ((t + zone_offset_s(zone, t)) % HOUR_S + HOUR_S) % HOUR_S;
}

/* Clocks may be set by half an hour within one: it ends when they show the next. */
static void
hour_of(const struct zone *zone, int64_t t, int64_t *begin, int64_t *end)
{
	int64_t past;

	*begin = t - past_hour(zone, t);
	*end = *begin + HOUR_S;
	past = past_hour(zone, *end);
	if (past != 0)
		*end += HOUR_S - past;
}

/* The days of the calendar from which to which the period of that day is. */
static void
days_of(enum budget_calendar calendar, const struct civil *c, int64_t *from, int64_t *to)
{
	int64_t day = civil_days(c->year, c->month, c->day);

	switch (calendar) {
	case BUDGET_WEEK:
		*from = day - (civil_weekday(day) + 6) % 7;
		*to = *from + 7;
		break;
	case BUDGET_MONTH:
		*from = day - (c->day - 1);
		*to = *from + civil_month_days(c->year, c->month);
		break;
	default:
		*from = day;
		*to = day + 1;
		break;
	}
}

void
period_of(const struct budget_period *period, const struct zone *zone, uint64_t wall_us,
    uint64_t *begin_us, uint64_t *end_us)
{
	int64_t t = (int64_t)(wall_us / USEC_PER_SEC), from, to, begin, end;
	struct civil c;

	if (period->calendar == BUDGET_SPAN) {
		*begin_us = wall_us;
		*end_us = clock_add_us(wall_us, period->us);
		/* (What is remembered goes so far.) */
		if (*end_us > INT64_MAX)
			*end_us = UNIT_INFINITY;
		return;
	}
	if (period->calendar == BUDGET_HOUR) {
		hour_of(zone, t, &begin, &end);
	} else {
		zone_civil(zone, t, &c);
		days_of(period->calendar, &c, &from, &to);
		begin = day_begin(zone, from);
		end = day_begin(zone, to);
	}
	/* Whatever a zone may say: it holds the instant, and it ends. */
	if (begin > t)
		begin = t;
	if (end <= t)
		end = t + 1;
	*begin_us = begin < 0 ? 0 : (uint64_t)begin * USEC_PER_SEC;
	*end_us = (uint64_t)end * USEC_PER_SEC;
}
