/*
 * until_moment: see the header.
 *
 * A moment is gathered piece by piece in any order ("9am tomorrow", "Tuesday at 9:00"),
 * each piece once; what is missing is then found from now on by the smallest step.
 */
#include "manager/session/until_moment.h"

#include <string.h>

#include "manager/session/until_zone.h"

enum {
	DAY_S = 86400,
	STEPS_MAX = 9, /* days looked at for a weekday and a time: today's may be over,
			* and a day of a week later is enough */
};

/* Each read_* takes its piece at token *i and moves behind it, or leaves all as it was.
 */

static bool
read_word_time(const struct tokens *t, size_t *i, struct moment *m)
{
	bool noon = token_is(&t->v[*i], "noon");

	if (!noon && !token_is(&t->v[*i], "midnight"))
		return false;
	m->c.hour = noon ? 12 : 0;
	m->has_time = true;
	(*i)++;
	return true;
}

/* "am", "PM", "p.m.": 0 for none, else 'a' or 'p'. */
static char
read_half(const struct tokens *t, size_t *i)
{
	const struct token *k = &t->v[*i];
	char half = 0;

	if (token_is(k, "am") || token_is(k, "pm")) {
		half = (char)(*k->s | 0x20);
		*i += 1;
	} else if ((token_is(k, "a") || token_is(k, "p")) && token_is_sign(&k[1], '.') &&
		   k[1].glued && token_is(&k[2], "m") && k[2].glued) {
		half = (char)(*k->s | 0x20);
		*i += token_is_sign(&k[3], '.') ? 4 : 3;
	}
	return half;
}

/* ":30" */
static bool
read_colon_number(const struct tokens *t, size_t *i, int *out)
{
	const struct token *k = &t->v[*i];

	if (!token_is_sign(k, ':') || !k->glued || k[1].kind != TOKEN_NUMBER ||
	    !k[1].glued || k[1].n != 2)
		return false;
	*out = (int)k[1].value;
	*i += 2;
	return true;
}

/* A leap second is the one before it. */
static void
set_time(struct moment *m, int hour, int minute, int second, char half)
{
	if (half != 0) {
		if (hour < 1 || hour > 12)
			m->refused = "no such hour";
		hour = hour % 12 + (half == 'p' ? 12 : 0);
	}
	if (hour > 23 || minute > 59 || second > 60)
		m->refused = "no such time of day";
	m->c.hour = hour;
	m->c.minute = minute;
	m->c.second = second == 60 ? 59 : second;
	m->has_time = true;
}

static bool
read_time(const struct tokens *t, size_t *i, struct moment *m)
{
	const struct token *k = &t->v[*i];
	int minute = 0, second = 0;
	size_t at = *i + 1;
	bool colon;
	char half;

	if (read_word_time(t, i, m))
		return true;
	if (k->kind != TOKEN_NUMBER || k->n > 2)
		return false;
	colon = read_colon_number(t, &at, &minute);
	if (colon && read_colon_number(t, &at, &second))
		m->frac_us = (uint32_t)tokens_fraction(t, &at);
	half = read_half(t, &at);
	if (!colon && half == 0)
		return false;
	set_time(m, (int)k->value, minute, second, half);
	*i = at;
	return true;
}

static int
find_month(const struct token *k)
{
	static const char *const words[] = { "jan", "feb", "mar", "apr", "may", "jun",
		"jul", "aug", "sep", "oct", "nov", "dec", "january", "february", "march",
		"april", "may", "june", "july", "august", "september", "october",
		"november", "december", NULL };
	int i = token_find(k, words);

	if (token_is(k, "sept"))
		return 9;
	return i == -1 ? -1 : i % 12 + 1;
}

/* "30", "30th" */
static bool
read_day(const struct tokens *t, size_t *i, int *day)
{
	static const char *const ordinals[] = { "st", "nd", "rd", "th", NULL };
	const struct token *k = &t->v[*i];

	if (k->kind != TOKEN_NUMBER || k->n > 2)
		return false;
	*day = (int)k->value;
	*i += k[1].glued && token_find(&k[1], ordinals) != -1 ? 2 : 1;
	return true;
}

/* ", 2026" or " 2026" */
static void
read_year(const struct tokens *t, size_t *i, struct moment *m)
{
	size_t at = *i + token_is_sign(&t->v[*i], ',');
	const struct token *k = &t->v[at];

	if (k->kind != TOKEN_NUMBER || k->n != 4 || token_is_sign(&k[1], ':'))
		return;
	m->c.year = (int64_t)k->value;
	m->has_year = true;
	*i = at + 1;
}

/* "Nov 30", "Nov. 30th, 2026", "30 November 2026" */
static bool
read_month_date(const struct tokens *t, size_t *i, struct moment *m)
{
	size_t at = *i;
	int month = find_month(&t->v[at]), day;

	if (month != -1) {
		at += 1 + token_is_sign(&t->v[at + 1], '.');
		if (!read_day(t, &at, &day) || token_is_sign(&t->v[at], ':'))
			return false;
	} else {
		if (!read_day(t, &at, &day))
			return false;
		at += token_is(&t->v[at], "of");
		month = find_month(&t->v[at]);
		if (month == -1)
			return false;
		at += 1 + token_is_sign(&t->v[at + 1], '.');
	}
	m->c.month = month;
	m->c.day = day;
	m->has_date = true;
	read_year(t, &at, m);
	*i = at;
	return true;
}

/* "2026-11-30", and the T before a time. */
static bool
read_iso_date(const struct tokens *t, size_t *i, struct moment *m)
{
	const struct token *k = &t->v[*i];

	if (k->kind != TOKEN_NUMBER || k->n != 4 || !token_is_sign(&k[1], '-') ||
	    k[2].kind != TOKEN_NUMBER || k[2].n != 2 || !token_is_sign(&k[3], '-') ||
	    k[4].kind != TOKEN_NUMBER || k[4].n != 2)
		return false;
	m->c.year = (int64_t)k->value;
	m->c.month = (int)k[2].value;
	m->c.day = (int)k[4].value;
	m->has_date = m->has_year = true;
	*i += 5;
	if (token_is(&k[5], "t") && k[5].glued)
		(*i)++;
	return true;
}

static bool
read_day_word(const struct tokens *t, size_t *i, struct moment *m)
{
	const struct token *k = &t->v[*i];
	int weekday = token_weekday(k);

	if (weekday != -1 && m->weekday == -1) {
		m->weekday = weekday;
		*i += k->n < 5 && token_is_sign(&k[1], '.') ? 2 : 1;
		return true;
	}
	if ((token_is(k, "today") || token_is(k, "tomorrow")) && m->days_ahead == -1) {
		m->days_ahead = token_is(k, "tomorrow");
		(*i)++;
		return true;
	}
	return false;
}

static bool
read_zone(const struct tokens *t, size_t *i, struct moment *m)
{
	bool anything =
	    m->has_time || m->has_date || m->weekday != -1 || m->days_ahead != -1;

	if (!anything || m->has_zone)
		return false;
	switch (until_zone(t, i, &m->zone)) {
	case ZONE_FOUND:
		m->has_zone = true;
		return true;
	case ZONE_UNKNOWN:
		m->refused = "unknown time zone";
		return false;
	case ZONE_NONE:
		break;
	}
	return false;
}

static bool
read_piece(const struct tokens *t, size_t *i, struct moment *m)
{
	return read_zone(t, i, m) || read_day_word(t, i, m) ||
	       (!m->has_date && (read_iso_date(t, i, m) || read_month_date(t, i, m))) ||
	       (!m->has_time && read_time(t, i, m));
}

/* What may stand between two pieces. */
static bool
is_joint(const struct token *k)
{
	static const char *const words[] = { "at", "on", "the", "next", NULL };

	return token_find(k, words) != -1 || token_is_sign(k, ',') ||
	       token_is_sign(k, '(') || token_is_sign(k, ')') || token_is_sign(k, '@');
}

size_t
moment_read(const struct tokens *t, size_t i, struct moment *m)
{
	size_t start = i, end = i;

	*m = (struct moment){ .weekday = -1, .days_ahead = -1 };
	while (i < t->n && m->refused == NULL) {
		if (read_piece(t, &i, m))
			end = i;
		else if (end > start && is_joint(&t->v[i]))
			i++;
		else
			break;
	}
	return end - start;
}

void
moment_clear(struct moment *m)
{
	zone_free(m->zone);
	m->zone = NULL;
}

/* ---- from now on ---- */

/* The first instant of that civil time after now; -1 when it has passed. */
static int
instant_after(const struct moment *m, const struct zone *zone, const struct civil *c,
    uint64_t wall_now_us, uint64_t *wall_us)
{
	int64_t t[2];
	size_t n = zone_instants(zone, c, t);

	for (size_t i = 0; i < n; i++) {
		uint64_t us;

		if (t[i] < 0)
			continue;
		us = (uint64_t)t[i] * USEC_PER_SEC + m->frac_us;
		if (us > wall_now_us) {
			*wall_us = us;
			return 0;
		}
	}
	return -1;
}

static int
next_date(const struct moment *m, const struct zone *zone, const struct civil *today,
    uint64_t wall_now_us, uint64_t *wall_us, const char **why)
{
	struct civil c = m->c;
	bool exists = false;

	/* One that has no year is this year's or the next one's; a day of leap years is
	 * in neither, mostly. */
	if (!m->has_year)
		c.year = today->year;
	for (int i = 0; i <= !m->has_year; i++, c.year++) {
		if (!civil_is_valid(&c))
			continue;
		exists = true;
		if (m->weekday != -1 &&
		    civil_weekday(civil_days(c.year, c.month, c.day)) != m->weekday)
			continue;
		if (instant_after(m, zone, &c, wall_now_us, wall_us) == 0)
			return 0;
	}
	*why = exists ? "that time is over" : "no such day";
	return -1;
}

/* A time of day, on the weekday or the day that was said, or on any. */
static int
next_day(const struct moment *m, const struct zone *zone, const struct civil *today,
    uint64_t wall_now_us, uint64_t *wall_us, const char **why)
{
	int64_t first = civil_days(today->year, today->month, today->day);
	int64_t steps = STEPS_MAX;

	if (m->days_ahead != -1) {
		first += m->days_ahead;
		steps = 1;
	}
	for (int64_t day = first; day < first + steps; day++) {
		struct civil c;

		if (m->days_ahead == -1 && m->weekday != -1 &&
		    civil_weekday(day) != m->weekday)
			continue;
		civil_from_days(day, &c);
		c.hour = m->c.hour;
		c.minute = m->c.minute;
		c.second = m->c.second;
		if (instant_after(m, zone, &c, wall_now_us, wall_us) == 0)
			return 0;
	}
	*why = "that time is over";
	return -1;
}

int
moment_next(const struct moment *m, const struct zone *zone, uint64_t wall_now_us,
    uint64_t *wall_us, const char **why)
{
	const struct zone *z = m->zone != NULL ? m->zone : zone;
	struct civil today;

	if (m->refused != NULL) {
		*why = m->refused;
		return -1;
	}
	zone_civil(z, (int64_t)(wall_now_us / USEC_PER_SEC), &today);
	return (m->has_date ? next_date : next_day)(
	    m, z, &today, wall_now_us, wall_us, why);
}
