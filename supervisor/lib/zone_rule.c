/*
 * zone_rule: see the header.  The form is that of TZ in POSIX, with the hours beyond a
 * day that RFC 8536 adds.
 */
#include "lib/zone_rule.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/zone.h"

enum {
	DAY_S = 86400,
	CHANGE_HOURS_MAX = 167, /* a week */
};

/* A number from low to high, of at most three digits. */
static int
read_number(const char **s, int low, int high, int *out)
{
	int v = 0, digits = 0;

	for (; isdigit((unsigned char)**s) && digits < 3; digits++)
		v = v * 10 + (*(*s)++ - '0');
	if (digits == 0 || v < low || v > high)
		return -1;
	*out = v;
	return 0;
}

/* "CET" or "<-03>". */
static int
read_name(const char **s, char name[ZONE_SHORT_MAX])
{
	const char *at = *s, *from = *s;

	if (*at == '<') {
		from++;
		at += strcspn(at, ">");
		if (*at != '>')
			return -1;
		*s = at + 1;
	} else {
		while (isalpha((unsigned char)*at))
			at++;
		if (at - *s < 3)
			return -1;
		*s = at;
	}
	snprintf(name, ZONE_SHORT_MAX, "%.*s", (int)(at - from), from);
	return 0;
}

/* "[+-]hh[:mm[:ss]]" */
static int
read_time(const char **s, int hours_max, int32_t *out)
{
	int hour, minute = 0, second = 0, sign = 1;

	if (**s == '+' || **s == '-')
		sign = *(*s)++ == '-' ? -1 : 1;
	if (read_number(s, 0, hours_max, &hour) == -1)
		return -1;
	if (**s == ':') {
		(*s)++;
		if (read_number(s, 0, 59, &minute) == -1)
			return -1;
		if (**s == ':') {
			(*s)++;
			if (read_number(s, 0, 59, &second) == -1)
				return -1;
		}
	}
	*out = sign * (hour * 3600 + minute * 60 + second);
	return 0;
}

static int
read_day(const char **s, struct zone_change *c)
{
	if (**s != 'M') {
		c->kind = '0';
		if (**s == 'J') {
			c->kind = 'J';
			(*s)++;
		}
		return read_number(s, c->kind == 'J', 365, &c->day);
	}
	c->kind = 'M';
	(*s)++;
	if (read_number(s, 1, 12, &c->month) == -1 || *(*s)++ != '.')
		return -1;
	if (read_number(s, 1, 5, &c->week) == -1 || *(*s)++ != '.')
		return -1;
	return read_number(s, 0, 6, &c->day);
}

static int
read_change(const char **s, struct zone_change *c)
{
	if (**s != ',')
		return -1;
	(*s)++;
	if (read_day(s, c) == -1)
		return -1;
	c->at_s = 2 * 3600;
	if (**s != '/')
		return 0;
	(*s)++;
	return read_time(s, CHANGE_HOURS_MAX, &c->at_s);
}

int
zone_rule_parse(const char *text, struct zone_rule *rule)
{
	struct zone_rule r = { 0 };

	if (read_name(&text, r.name[0]) == -1 ||
	    read_time(&text, 24, &r.standard_s) == -1)
		return -1;
	r.standard_s = -r.standard_s; /* POSIX counts to the west */
	if (*text != '\0') {
		if (read_name(&text, r.name[1]) == -1)
			return -1;
		r.has_summer = true;
		r.summer_s = r.standard_s + 3600;
		if (*text != ',') {
			if (read_time(&text, 24, &r.summer_s) == -1)
				return -1;
			r.summer_s = -r.summer_s;
		}
		if (read_change(&text, &r.start) == -1 ||
		    read_change(&text, &r.end) == -1 || *text != '\0')
			return -1;
	}
	*rule = r;
	return 0;
}

/* Local seconds of the change in that year. */
static int64_t
change_local(const struct zone_change *c, int64_t year)
{
	int64_t first = civil_days(year, 1, 1), day;

	switch (c->kind) {
	case 'M':
		first = civil_days(year, c->month, 1);
		day = first + (c->day - civil_weekday(first) + 7) % 7 + (c->week - 1) * 7;
		if (day >= first + civil_month_days(year, c->month))
			day -= 7;
		break;
	case 'J':
		day = first + c->day - 1;
		if (c->day >= 60 && civil_month_days(year, 2) == 29)
			day++;
		break;
	default:
		day = first + c->day;
		break;
	}
	return day * DAY_S + c->at_s;
}

int32_t
zone_rule_offset_s(const struct zone_rule *rule, int64_t t)
{
	struct civil c;
	int64_t start, end;
	bool summer;

	if (!rule->has_summer)
		return rule->standard_s;
	zone_civil(NULL, t + rule->standard_s, &c);
	start = change_local(&rule->start, c.year) - rule->standard_s;
	end = change_local(&rule->end, c.year) - rule->summer_s;
	/* In the south summer goes over the end of the year. */
	summer = start < end ? t >= start && t < end : t >= start || t < end;
	return summer ? rule->summer_s : rule->standard_s;
}
