/*
 * zone_rule: the line at the end of a compiled zone ("CET-1CEST,M3.5.0,M10.5.0/3"), which
 * says how its summer time goes on after the last change that is listed.
 */
#ifndef SUPD_LIB_ZONE_RULE_H
#define SUPD_LIB_ZONE_RULE_H

#include <stdbool.h>
#include <stdint.h>

/* A day of each year, and the local time on it at which clocks change. */
struct zone_change {
	char kind;    /* 'M': month, week, weekday; 'J': 1 to 365 without 29 February;
		       * '0': 0 to 365 */
	int month;    /* 'M' */
	int week;     /* 'M': 5 is the last */
	int day;      /* weekday, 0 is Sunday, or the number of the day */
	int32_t at_s; /* may be negative or more than a day */
};

enum { ZONE_SHORT_MAX = 16 };

struct zone_rule {
	char name[2][ZONE_SHORT_MAX]; /* "CET", "CEST"; a longer one is cut, none is "" */
	int32_t standard_s;           /* east of UTC */
	bool has_summer;
	int32_t summer_s;
	struct zone_change start, end; /* of summer time */
};

/* -1 when it is none, or one that leaves the days to the reader; *rule is then as it was.
 */
int zone_rule_parse(const char *text, struct zone_rule *rule);
/* Seconds east of UTC at that instant. */
int32_t zone_rule_offset_s(const struct zone_rule *rule, int64_t t);

#endif
