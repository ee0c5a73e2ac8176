/*
 * calendar_parse: reads an expression from left to right, with systemd's eyes: weekdays,
 * a date, a time; the zone is taken off the end first.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "unit/calendar.h"
#include "unit/calendar_int.h"

enum {
	ITEMS_MAX = 240,   /* of one field, as systemd has it */
	FROM_END_MAX = 28, /* no month has fewer days */
	NUMBER_DIGITS_MAX = 9,
};

struct reader {
	const char *text;
	const char *end;
	const char *p;
	struct calendar_error *error;
};

static const struct {
	const char *name;
	int day; /* 0 is Monday */
} weekday_names[] = {
	{ "Monday", 0 },
	{ "Mon", 0 },
	{ "Tuesday", 1 },
	{ "Tue", 1 },
	{ "Wednesday", 2 },
	{ "Wed", 2 },
	{ "Thursday", 3 },
	{ "Thu", 3 },
	{ "Friday", 4 },
	{ "Fri", 4 },
	{ "Saturday", 5 },
	{ "Sat", 5 },
	{ "Sunday", 6 },
	{ "Sun", 6 },
};

static const struct {
	const char *word;
	const char *means;
} words[] = {
	{ "minutely", "*-*-* *:*:00" },
	{ "hourly", "*-*-* *:00:00" },
	{ "daily", "*-*-* 00:00:00" },
	{ "weekly", "Mon *-*-* 00:00:00" },
	{ "monthly", "*-*-01 00:00:00" },
	{ "quarterly", "*-01,04,07,10-01 00:00:00" },
	{ "semiannually", "*-01,07-01 00:00:00" },
	{ "semi-annually", "*-01,07-01 00:00:00" },
	{ "biannually", "*-01,07-01 00:00:00" },
	{ "bi-annually", "*-01,07-01 00:00:00" },
	{ "yearly", "*-01-01 00:00:00" },
	{ "annually", "*-01-01 00:00:00" },
	{ "anually", "*-01-01 00:00:00" },
};

static int
refuse(const struct reader *r, const char *at, const char *why)
{
	r->error->at = (size_t)(at - r->text);
	r->error->why = why;
	return -1;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The byte at p, NUL at the end of what is read. */
static char
peek(const struct reader *r, size_t ahead)
{
	return r->p + ahead < r->end ? r->p[ahead] : '\0';
}

static void
skip_blanks(struct reader *r)
{
	while (peek(r, 0) == ' ')
		r->p++;
}

/* A number without sign; seconds in millionths, rounded where there are more digits. */
static int
read_number(struct reader *r, enum cal_field f, int32_t *value)
{
	const char *from = r->p;
	int64_t n = 0;

	if (!is_digit(peek(r, 0)))
		return refuse(r, r->p,
		    peek(r, 0) == '*' ? "'*' stands alone: for every "
					"fourth write 0/4"
				      : "a number is expected here");
	for (; is_digit(peek(r, 0)); r->p++) {
		if (r->p - from >= NUMBER_DIGITS_MAX)
			return refuse(r, from, "the number is too large");
		n = n * 10 + (*r->p - '0');
	}
	if (f == CAL_MICROSECOND) {
		n *= 1000000;
		if (peek(r, 0) == '.' && peek(r, 1) != '.') {
			int32_t scale = 100000;

			r->p++;
			if (!is_digit(peek(r, 0)))
				return refuse(
				    r, r->p, "digits are expected behind the '.'");
			for (; is_digit(peek(r, 0)) && scale > 0; r->p++, scale /= 10)
				n += (*r->p - '0') * scale;
			n += peek(r, 0) >= '5' && peek(r, 0) <= '9';
			while (is_digit(peek(r, 0)))
				r->p++;
		}
		if (n > INT32_MAX)
			return refuse(r, from, cal_ranges[f].why);
	}
	*value = (int32_t)n;
	return 0;
}

/* START[..STOP][/STEP] */
static int
read_item(struct reader *r, enum cal_field f, struct cal_item *item)
{
	const char *at;

	*item = (struct cal_item){ .stop = -1 };
	if (read_number(r, f, &item->start) == -1)
		return -1;
	if (peek(r, 0) == '.' && peek(r, 1) == '.') {
		r->p += 2;
		if (read_number(r, f, &item->stop) == -1)
			return -1;
		item->step = f == CAL_MICROSECOND ? 1000000 : 1;
	}
	if (peek(r, 0) == '/') {
		at = ++r->p;
		if (read_number(r, f, &item->step) == -1)
			return -1;
		if (item->step == 0)
			return refuse(r, at, "a step of 0 goes nowhere");
	}
	return 0;
}

/* "*", or items with a ',' between them. */
static int
read_list(struct reader *r, enum cal_field f, struct cal_list *list)
{
	if (peek(r, 0) == '*') {
		r->p++;
		if (f == CAL_MICROSECOND) {
			list->items = xcalloc(1, sizeof(*list->items));
			list->items[0] = (struct cal_item){ 0, -1, 1000000 };
			list->n = 1;
		}
		return 0;
	}
	do {
		struct cal_item item;
		const char *at = r->p;

		if (list->n == ITEMS_MAX)
			return refuse(r, at, "too many values");
		if (read_item(r, f, &item) == -1)
			return -1;
		list->items =
		    xreallocarray(list->items, list->n + 1, sizeof(*list->items));
		list->items[list->n++] = item;
	} while (peek(r, 0) == ',' && r->p++);
	return 0;
}

/* The weekday whose name stands here, or -1; *n the length of the name. */
static int
weekday_here(const struct reader *r, size_t *n)
{
	for (size_t i = 0; i < CAL_COUNT(weekday_names); i++) {
		*n = strlen(weekday_names[i].name);
		if ((size_t)(r->end - r->p) >= *n &&
		    strncasecmp(r->p, weekday_names[i].name, *n) == 0)
			return weekday_names[i].day;
	}
	return -1;
}

/* Nothing, or "Mon", "Mon,Wed..Fri" and the blanks behind; a ',' at the end is let pass.
 */
static int
read_weekdays(struct reader *r, struct calendar *c)
{
	int from = -1; /* of a range that is open */

	for (bool first = true;; first = false) {
		size_t n;
		int day;
		const char *at;

		if (!first)
			skip_blanks(r);
		at = r->p;
		if ((day = weekday_here(r, &n)) == -1)
			return first ? 0 : refuse(r, at, "a weekday is expected here");
		r->p += n;
		if (peek(r, 0) != '\0' && strchr("-., ", peek(r, 0)) == NULL)
			return refuse(r, at, "no such weekday");
		if (from > day)
			return refuse(r, at,
			    "a range of weekdays ends on Sunday: write Fri..Sun,Mon");
		for (int i = from == -1 ? day : from; i <= day; i++)
			c->weekdays |= 1U << i;

		if (peek(r, 0) == '\0' || peek(r, 0) == ' ') {
			skip_blanks(r);
			return 0;
		}
		at = r->p;
		if (peek(r, 0) == ',') {
			from = -1;
			r->p++;
		} else {
			if (from != -1 || (peek(r, 0) == '.' && peek(r, 1) != '.'))
				return refuse(r, at, "a range is written Mon..Fri");
			from = day;
			r->p += peek(r, 0) == '.' ? 2 : 1;
		}
		if (peek(r, 0) == '\0' || peek(r, 0) == ' ') {
			skip_blanks(r);
			return from == -1 ? 0 : refuse(r, at, "a range without an end");
		}
	}
}

/* "@SECONDS": that one instant, in UTC. */
static int
read_instant(struct reader *r, struct calendar *c)
{
	const char *at = r->p++;
	uint64_t seconds = 0;
	struct civil t;
	int32_t value[CAL_NFIELDS];

	if (!is_digit(peek(r, 0)))
		return refuse(r, r->p, "seconds since 1970 are expected behind '@'");
	for (; is_digit(peek(r, 0)); r->p++) {
		seconds = seconds * 10 + (uint64_t)(*r->p - '0');
		if (seconds > UINT64_C(100000000000))
			return refuse(r, at, cal_ranges[CAL_YEAR].why);
	}
	zone_civil(NULL, (int64_t)seconds, &t);
	value[CAL_YEAR] = (int32_t)t.year;
	value[CAL_MONTH] = t.month;
	value[CAL_DAY] = t.day;
	value[CAL_HOUR] = t.hour;
	value[CAL_MINUTE] = t.minute;
	value[CAL_MICROSECOND] = t.second * 1000000;
	for (int f = 0; f < CAL_NFIELDS; f++) {
		c->field[f].items = xcalloc(1, sizeof(*c->field[f].items));
		c->field[f].items[0] = (struct cal_item){ value[f], -1, 0 };
		c->field[f].n = 1;
	}
	free(c->zone_name);
	zone_free(c->zone);
	c->zone = NULL;
	c->zone_name = xstrdup("UTC");
	return 0;
}

/*
 * [YEAR-]MONTH-DAY, with '~' for the '-' before the day where that counts from the end.
 * 1: it was no date but the hour of a time, and nothing is read.
 */
static int
read_date(struct reader *r, struct calendar *c)
{
	const char *from = r->p;
	struct cal_list part[3] = { { 0 } };
	int n = 0, rc = -1;

	for (;;) {
		/* Which field it is shows only at the end; the first may be an hour. */
		if (read_list(r,
			n == 0   ? CAL_YEAR
			: n == 1 ? CAL_MONTH
				 : CAL_DAY,
			&part[n]) == -1)
			goto out;
		n++;
		if (n == 1 && (peek(r, 0) == '\0' || peek(r, 0) == ':')) {
			r->p = from;
			rc = 1;
			goto out;
		}
		if (n > 1 && (peek(r, 0) == '\0' || peek(r, 0) == ' '))
			break;
		if (n == 3 || c->from_end || (peek(r, 0) != '-' && peek(r, 0) != '~')) {
			refuse(r, r->p,
			    n == 1
				? "a date is written YEAR-MONTH-DAY or MONTH-DAY, "
				  "a time HOUR:MINUTE"
				: "a date is followed by a blank and a time, or nothing");
			goto out;
		}
		c->from_end = peek(r, 0) == '~';
		r->p++;
	}
	skip_blanks(r);
	for (int i = 0; i < n; i++) {
		c->field[CAL_DAY - (n - 1) + i] = part[i];
		part[i] = (struct cal_list){ 0 };
	}
	rc = 0;
out:
	for (int i = 0; i < 3; i++)
		cal_list_clear(&part[i]);
	return rc;
}

static void
set_zero(struct cal_list *list)
{
	list->items = xcalloc(1, sizeof(*list->items));
	list->items[0] = (struct cal_item){ 0, -1, 0 };
	list->n = 1;
}

static int
no_time(const struct reader *r)
{
	return refuse(r, r->p,
	    peek(r, 0) == ' ' ? "nothing is expected here but a zone that exists"
			      : "a time is written HOUR:MINUTE or HOUR:MINUTE:SECOND");
}

/* HOUR:MINUTE[:SECOND]; nothing is midnight. */
static int
read_time(struct reader *r, struct calendar *c)
{
	if (peek(r, 0) == '\0') {
		set_zero(&c->field[CAL_HOUR]);
		set_zero(&c->field[CAL_MINUTE]);
		set_zero(&c->field[CAL_MICROSECOND]);
		return 0;
	}
	if (read_list(r, CAL_HOUR, &c->field[CAL_HOUR]) == -1)
		return -1;
	if (peek(r, 0) != ':')
		return no_time(r);
	r->p++;
	if (read_list(r, CAL_MINUTE, &c->field[CAL_MINUTE]) == -1)
		return -1;
	if (peek(r, 0) == '\0') {
		set_zero(&c->field[CAL_MICROSECOND]);
		return 0;
	}
	if (peek(r, 0) != ':')
		return no_time(r);
	r->p++;
	return read_list(r, CAL_MICROSECOND, &c->field[CAL_MICROSECOND]);
}

/* Takes " UTC" or " Europe/Berlin" off the end, where that is a zone. */
static void
read_zone(struct reader *r, struct calendar *c)
{
	const char *blank = memrchr(r->text, ' ', (size_t)(r->end - r->text));
	const char *local;
	char *name;

	if (blank == NULL)
		return;
	name = xstrndup(blank + 1, (size_t)(r->end - blank - 1));
	if (strcasecmp(name, "UTC") == 0) {
		c->zone_name = xstrdup("UTC");
	} else if ((local = zone_short_name(zone_here(), name, &c->short_s)) != NULL) {
		/* Before files of that name, as CET, which may be another zone. */
		c->zone_name = xstrdup(local);
		c->is_short = true;
	} else if ((c->zone = zone_load(name)) != NULL) {
		c->zone_name = xstrdup(name);
	}
	free(name);
	if (c->zone_name != NULL)
		r->end = blank;
}

/* The last of several words, where nothing else than a zone can be meant; else NULL. */
static const char *
zone_that_is_none(const char *text)
{
	const char *blank = strrchr(text, ' ');

	if (blank == NULL || !isalpha((unsigned char)blank[1]))
		return NULL;
	for (size_t i = 0; i < CAL_COUNT(weekday_names); i++)
		if (strncasecmp(blank + 1, weekday_names[i].name,
			strlen(weekday_names[i].name)) == 0)
			return NULL;
	return blank + 1;
}

static int
compare_items(const void *a, const void *b)
{
	const struct cal_item *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->stop != y->stop)
		return x->stop < y->stop ? -1 : 1;
	return x->step == y->step ? 0 : x->step < y->step ? -1 : 1;
}

/* In order, each once, ranges ending on a value that they have. */
static void
normalize(struct cal_list *list)
{
	size_t n = 0;

	if (list->n == 0)
		return;
	for (size_t i = 0; i < list->n; i++) {
		struct cal_item *item = &list->items[i];

		if (item->stop > item->start && item->step > 0)
			item->stop -= (item->stop - item->start) % item->step;
		if (item->stop == item->start)
			*item = (struct cal_item){ item->start, -1, 0 };
	}
	qsort(list->items, list->n, sizeof(*list->items), compare_items);
	for (size_t i = 0; i < list->n; i++)
		if (n == 0 || compare_items(&list->items[n - 1], &list->items[i]) != 0)
			list->items[n++] = list->items[i];
	list->n = n;
}

static int32_t
whole_year(int32_t year)
{
	if (year < 0 || year >= 100)
		return year;
	return year < 70 ? year + 2000 : year + 1900;
}

static bool
list_is_valid(const struct cal_list *list, const struct cal_range *range, bool from_end)
{
	/* Counted from the end, days that not every month has would come at random. */
	int32_t to = from_end ? FROM_END_MAX : range->to;

	for (size_t i = 0; i < list->n; i++) {
		const struct cal_item *item = &list->items[i];

		if (item->start < range->from || item->start > to)
			return false;
		if (item->step > to - range->from)
			return false;
		if (item->stop != -1 && (item->stop < item->start || item->stop > to))
			return false;
		if (item->step == 0 || item->stop != -1)
			continue;
		/* One more must fit. */
		if (from_end ? item->start - item->step < range->from
			     : item->start + item->step > to)
			return false;
	}
	return true;
}

/* Years are made whole, lists put in order, and all is within bounds. */
static int
check(const struct reader *r, struct calendar *c)
{
	for (size_t i = 0; i < c->field[CAL_YEAR].n; i++) {
		struct cal_item *item = &c->field[CAL_YEAR].items[i];

		item->start = whole_year(item->start);
		item->stop = whole_year(item->stop);
	}
	if (c->weekdays == (1U << 7) - 1)
		c->weekdays = 0;
	for (int f = 0; f < CAL_NFIELDS; f++) {
		normalize(&c->field[f]);
		if (!list_is_valid(
			&c->field[f], &cal_ranges[f], f == CAL_DAY && c->from_end))
			return refuse(r, r->text,
			    f == CAL_DAY && c->from_end
				? "days from the end of a month are 1 to 28"
				: cal_ranges[f].why);
	}
	return 0;
}

static int
read_all(struct reader *r, struct calendar *c)
{
	int rc;

	if (r->p == r->end)
		return refuse(r, r->p,
		    "an expression as 'daily' or '*-*-* 02:00' is "
		    "expected here");
	for (size_t i = 0; i < CAL_COUNT(words); i++) {
		if (strlen(words[i].word) != (size_t)(r->end - r->p) ||
		    strncasecmp(words[i].word, r->p, strlen(words[i].word)) != 0)
			continue;
		r->text = r->p = words[i].means;
		r->end = r->p + strlen(r->p);
	}
	if (read_weekdays(r, c) == -1)
		return -1;
	if (peek(r, 0) == '@') {
		if (read_instant(r, c) == -1)
			return -1;
	} else {
		rc = peek(r, 0) == '\0' ? 0 : read_date(r, c);
		if (rc == -1 || read_time(r, c) == -1)
			return -1;
	}
	if (r->p != r->end)
		return refuse(r, r->p, "nothing is expected here but a zone that exists");
	return check(r, c);
}

struct calendar *
calendar_parse(const char *text, struct calendar_error *error)
{
	struct calendar *c = xcalloc(1, sizeof(*c));
	struct reader r = { text, text + strlen(text), text, error };

	read_zone(&r, c);
	if (read_all(&r, c) == -1) {
		const char *zone = c->zone_name == NULL ? zone_that_is_none(text) : NULL;

		/* Whatever was stumbled over before it. */
		if (zone != NULL)
			*error = (struct calendar_error){ .at = (size_t)(zone - text),
				.why = "there is no time zone of that name" };
		calendar_free(c);
		return NULL;
	}
	return c;
}
