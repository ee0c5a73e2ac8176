/*
 * calendar: a calendar expression is six lists of numbers, a set of weekdays and a zone.
 * The next time is found as one turns an odometer: the first field, from the year down,
 * that does not fit moves on to what does and sets those behind it to their start; one
 * that has nothing left carries into the one before it.
 */
#include "unit/calendar.h"

#include <sys/types.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "lib/zone.h"

enum {
	ITEMS_MAX = 240,   /* of one field, as systemd has it */
	FROM_END_MAX = 28, /* no month has fewer days */
	NUMBER_DIGITS_MAX = 9,
};

enum field {
	YEAR,
	MONTH,
	DAY,
	HOUR,
	MINUTE,
	MICROSECOND, /* of the minute */
	NFIELDS,
};

static const struct range {
	int32_t from, to;
	int width; /* digits when written */
	const char *why;
} ranges[NFIELDS] = {
	[YEAR] = { 1970, 2199, 4, "years are 1970 to 2199" },
	[MONTH] = { 1, 12, 2, "months are 1 to 12" },
	[DAY] = { 1, 31, 2, "days are 1 to 31" },
	[HOUR] = { 0, 23, 2, "hours are 0 to 23" },
	[MINUTE] = { 0, 59, 2, "minutes are 0 to 59" },
	[MICROSECOND] = { 0, 60 * 1000000 - 1, 2, "seconds are 0 to 59.999999" },
};

/* start, start + step, ... as far as stop; a step of 0 is start alone. */
struct item {
	int32_t start;
	int32_t stop; /* -1: the end of the field */
	int32_t step;
};

/* No items: any value. */
struct list {
	struct item *items;
	size_t n;
};

struct calendar {
	unsigned weekdays; /* bit 0 is Monday; 0: any */
	struct list field[NFIELDS];
	bool from_end;     /* days count back from the end of the month, 1 the last */
	char *zone_name;   /* as it is to be written; NULL: the local one */
	struct zone *zone; /* NULL where zone_name is "UTC" */
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

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
read_number(struct reader *r, enum field f, int32_t *value)
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
	if (f == MICROSECOND) {
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
			return refuse(r, from, ranges[f].why);
	}
	*value = (int32_t)n;
	return 0;
}

/* START[..STOP][/STEP] */
static int
read_item(struct reader *r, enum field f, struct item *item)
{
	const char *at;

	*item = (struct item){ .stop = -1 };
	if (read_number(r, f, &item->start) == -1)
		return -1;
	if (peek(r, 0) == '.' && peek(r, 1) == '.') {
		r->p += 2;
		if (read_number(r, f, &item->stop) == -1)
			return -1;
		item->step = f == MICROSECOND ? 1000000 : 1;
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
read_list(struct reader *r, enum field f, struct list *list)
{
	if (peek(r, 0) == '*') {
		r->p++;
		if (f == MICROSECOND) {
			list->items = xcalloc(1, sizeof(*list->items));
			list->items[0] = (struct item){ 0, -1, 1000000 };
			list->n = 1;
		}
		return 0;
	}
	do {
		struct item item;
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
	for (size_t i = 0; i < COUNT(weekday_names); i++) {
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
	int32_t value[NFIELDS];

	if (!is_digit(peek(r, 0)))
		return refuse(r, r->p, "seconds since 1970 are expected behind '@'");
	for (; is_digit(peek(r, 0)); r->p++) {
		seconds = seconds * 10 + (uint64_t)(*r->p - '0');
		if (seconds > UINT64_C(100000000000))
			return refuse(r, at, ranges[YEAR].why);
	}
	zone_civil(NULL, (int64_t)seconds, &t);
	value[YEAR] = (int32_t)t.year;
	value[MONTH] = t.month;
	value[DAY] = t.day;
	value[HOUR] = t.hour;
	value[MINUTE] = t.minute;
	value[MICROSECOND] = t.second * 1000000;
	for (int f = 0; f < NFIELDS; f++) {
		c->field[f].items = xcalloc(1, sizeof(*c->field[f].items));
		c->field[f].items[0] = (struct item){ value[f], -1, 0 };
		c->field[f].n = 1;
	}
	free(c->zone_name);
	zone_free(c->zone);
	c->zone = NULL;
	c->zone_name = xstrdup("UTC");
	return 0;
}

static void
list_clear(struct list *list)
{
	free(list->items);
	*list = (struct list){ 0 };
}

/*
 * [YEAR-]MONTH-DAY, with '~' for the '-' before the day where that counts from the end.
 * 1: it was no date but the hour of a time, and nothing is read.
 */
static int
read_date(struct reader *r, struct calendar *c)
{
	const char *from = r->p;
	struct list part[3] = { { 0 } };
	int n = 0, rc = -1;

	for (;;) {
		/* Which field it is shows only at the end; the first may be an hour. */
		if (read_list(r, n == 0 ? YEAR : n == 1 ? MONTH : DAY, &part[n]) == -1)
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
		c->field[DAY - (n - 1) + i] = part[i];
		part[i] = (struct list){ 0 };
	}
	rc = 0;
out:
	for (int i = 0; i < 3; i++)
		list_clear(&part[i]);
	return rc;
}

static void
set_zero(struct list *list)
{
	list->items = xcalloc(1, sizeof(*list->items));
	list->items[0] = (struct item){ 0, -1, 0 };
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
		set_zero(&c->field[HOUR]);
		set_zero(&c->field[MINUTE]);
		set_zero(&c->field[MICROSECOND]);
		return 0;
	}
	if (read_list(r, HOUR, &c->field[HOUR]) == -1)
		return -1;
	if (peek(r, 0) != ':')
		return no_time(r);
	r->p++;
	if (read_list(r, MINUTE, &c->field[MINUTE]) == -1)
		return -1;
	if (peek(r, 0) == '\0') {
		set_zero(&c->field[MICROSECOND]);
		return 0;
	}
	if (peek(r, 0) != ':')
		return no_time(r);
	r->p++;
	return read_list(r, MICROSECOND, &c->field[MICROSECOND]);
}

/* Takes " UTC" or " Europe/Berlin" off the end, where that is a zone. */
static void
read_zone(struct reader *r, struct calendar *c)
{
	const char *blank = memrchr(r->text, ' ', (size_t)(r->end - r->text));
	char *name;

	if (blank == NULL)
		return;
	name = xstrndup(blank + 1, (size_t)(r->end - blank - 1));
	if (strcasecmp(name, "UTC") == 0) {
		c->zone_name = xstrdup("UTC");
	} else if ((c->zone = zone_load(name)) != NULL) {
		c->zone_name = xstrdup(name);
	}
	free(name);
	if (c->zone_name != NULL)
		r->end = blank;
}

static int
compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if (x->stop != y->stop)
		return x->stop < y->stop ? -1 : 1;
	return x->step == y->step ? 0 : x->step < y->step ? -1 : 1;
}

/* In order, each once, ranges ending on a value that they have. */
static void
normalize(struct list *list)
{
	size_t n = 0;

	if (list->n == 0)
		return;
	for (size_t i = 0; i < list->n; i++) {
		struct item *item = &list->items[i];

		if (item->stop > item->start && item->step > 0)
			item->stop -= (item->stop - item->start) % item->step;
		if (item->stop == item->start)
			*item = (struct item){ item->start, -1, 0 };
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
list_is_valid(const struct list *list, const struct range *range, bool from_end)
{
	/* Counted from the end, days that not every month has would come at random. */
	int32_t to = from_end ? FROM_END_MAX : range->to;

	for (size_t i = 0; i < list->n; i++) {
		const struct item *item = &list->items[i];

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
	for (size_t i = 0; i < c->field[YEAR].n; i++) {
		struct item *item = &c->field[YEAR].items[i];

		item->start = whole_year(item->start);
		item->stop = whole_year(item->stop);
	}
	if (c->weekdays == (1U << 7) - 1)
		c->weekdays = 0;
	for (int f = 0; f < NFIELDS; f++) {
		normalize(&c->field[f]);
		if (!list_is_valid(&c->field[f], &ranges[f], f == DAY && c->from_end))
			return refuse(r, r->text,
			    f == DAY && c->from_end
				? "days from the end of a month are 1 to 28"
				: ranges[f].why);
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
	for (size_t i = 0; i < COUNT(words); i++) {
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
		calendar_free(c);
		return NULL;
	}
	return c;
}

void
calendar_free(struct calendar *c)
{
	if (c == NULL)
		return;
	for (int f = 0; f < NFIELDS; f++)
		list_clear(&c->field[f]);
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
format_value(struct buf *b, enum field f, int32_t value, int width)
{
	int32_t unit = f == MICROSECOND ? 1000000 : 1;

	buf_addf(b, "%0*d", width, (int)(value / unit));
	if (value % unit != 0)
		buf_addf(b, ".%06d", (int)(value % unit));
}

static void
format_list(struct buf *b, const struct calendar *c, enum field f)
{
	const struct list *list = &c->field[f];
	int32_t unit = f == MICROSECOND ? 1000000 : 1;

	if (list->n == 0 ||
	    (f == MICROSECOND && list->n == 1 && list->items[0].start == 0 &&
		list->items[0].stop == -1 && list->items[0].step == unit)) {
		buf_addc(b, '*');
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct item *item = &list->items[i];

		if (i > 0)
			buf_addc(b, ',');
		format_value(b, f, item->start, ranges[f].width);
		if (item->stop != -1) {
			buf_adds(b, "..");
			format_value(b, f, item->stop, ranges[f].width);
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
	format_list(b, c, YEAR);
	buf_addc(b, '-');
	format_list(b, c, MONTH);
	buf_addc(b, c->from_end && c->field[DAY].n > 0 ? '~' : '-');
	format_list(b, c, DAY);
	buf_addc(b, ' ');
	format_list(b, c, HOUR);
	buf_addc(b, ':');
	format_list(b, c, MINUTE);
	buf_addc(b, ':');
	format_list(b, c, MICROSECOND);
	if (c->zone_name != NULL)
		buf_addf(b, " %s", c->zone_name);
}

/* What the odometer shows. */
struct when {
	int32_t v[NFIELDS];
};

/* The least value of item that is value or more, as far as end; -1 for none. */
static int32_t
item_at_least(const struct item *item, int32_t value, int32_t end)
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
	return civil_month_days(w->v[YEAR], (int)w->v[MONTH]);
}

/* A day counted from the end of its month: greatest first is least first. */
static int32_t
item_from_end(const struct item *item, int32_t value, int32_t days)
{
	/* n from the end is days + 1 - n; a step goes towards the end of the month. */
	int32_t first = days + 1 - item->start;
	int32_t last = item->step == 0    ? first
		       : item->stop == -1 ? days
					  : days + 1 - item->start;
	struct item turned = { first, last, item->step };

	if (item->stop != -1) {
		turned.start = days + 1 - item->stop;
		turned.stop = first;
	}
	return item_at_least(&turned, value, days);
}

/* The least value of a field that is w's or more; -1 for none. */
static int32_t
at_least(const struct calendar *c, enum field f, const struct when *w)
{
	const struct list *list = &c->field[f];
	int32_t end = f == DAY ? month_end(w) : ranges[f].to;
	int32_t least = -1;

	if (list->n == 0)
		return w->v[f] <= end ? w->v[f] : -1;
	for (size_t i = 0; i < list->n; i++) {
		int32_t found = f == DAY && c->from_end
				    ? item_from_end(&list->items[i], w->v[f], end)
				    : item_at_least(&list->items[i], w->v[f], end);

		if (found != -1 && (least == -1 || found < least))
			least = found;
	}
	return least;
}

static bool
weekday_fits(const struct calendar *c, const struct when *w)
{
	int sunday_0 =
	    civil_weekday(civil_days(w->v[YEAR], (int)w->v[MONTH], (int)w->v[DAY]));

	return c->weekdays == 0 || (c->weekdays & 1U << ((sunday_0 + 6) % 7)) != 0;
}

/* The fields behind f go to their start. */
static void
restart_behind(struct when *w, int f)
{
	while (++f < NFIELDS)
		w->v[f] = ranges[f].from;
}

/*
 * Turns w to the first time at or after it that fits, whatever clocks do; false when
 * there is none.  Each turn of the loop settles a field or moves an earlier one on, and
 * days bound it: 230 years.
 */
static bool
turn(const struct calendar *c, struct when *w)
{
	int f = YEAR;

	while (f < NFIELDS) {
		int32_t found = at_least(c, (enum field)f, w);

		if (found == -1) {
			if (f == YEAR)
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
		if (f == DAY && !weekday_fits(c, w)) {
			w->v[DAY]++;
			restart_behind(w, DAY);
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
	*t = (struct civil){ w->v[YEAR], (int)w->v[MONTH], (int)w->v[DAY],
		(int)w->v[HOUR], (int)w->v[MINUTE], (int)(w->v[MICROSECOND] / 1000000) };
}

int
calendar_next(const struct calendar *c, const struct zone *local, uint64_t after_us,
    uint64_t *next_us)
{
	const struct zone *zone = c->zone_name == NULL ? local : c->zone;
	uint64_t from_us = after_us + 1;
	struct civil t, again;
	struct when w;

	/* Nothing is later than the last of years; what is behind it need not be a date.
	 */
	if (from_us == 0 || from_us / USEC_PER_SEC > UINT64_C(7258204800))
		return -1;
	zone_civil(zone, (int64_t)(from_us / USEC_PER_SEC), &t);
	when_set(&w, &t, (int32_t)(from_us % USEC_PER_SEC));
	if (w.v[YEAR] < ranges[YEAR].from)
		when_set(&w, &(struct civil){ ranges[YEAR].from, 1, 1, 0, 0, 0 }, 0);
	while (turn(c, &w)) {
		int64_t at[2];
		int32_t us = w.v[MICROSECOND] % 1000000;
		uint64_t found;

		when_civil(&w, &t);
		(void)zone_instants(zone, &t, at);
		zone_civil(zone, at[0], &again);
		if (memcmp(&again, &t, sizeof(t)) != 0) {
			/* Left out: on with what the clocks show behind the gap. */
			when_set(&w, &again, us);
			continue;
		}
		found = (uint64_t)at[0] * USEC_PER_SEC + (uint64_t)us;
		if (at[0] >= 0 && found > after_us) {
			*next_us = found;
			return 0;
		}
		/* It was there before clocks were set back, and so was its whole minute.
		 */
		w.v[MINUTE]++;
		restart_behind(&w, MINUTE);
	}
	return -1;
}
