/*
 * Tests of manager/session/period: hours, days, weeks and months, also when clocks are
 * set by an hour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/zone.h"
#include "manager/session/period.h"

static uint64_t
at(const char *text)
{
	uint64_t us;

	if (clock_parse(text, &us) == -1)
		fail_msg("%s", text);
	return us;
}

static void
check(enum budget_calendar calendar, const struct zone *z, const char *now,
    const char *begin, const char *end)
{
	struct budget_period p = { .calendar = calendar };
	uint64_t from, to;
	char got[2][CLOCK_TEXT_MAX], text[2 * CLOCK_TEXT_MAX], want[2 * CLOCK_TEXT_MAX];

	period_of(&p, z, at(now), &from, &to);
	snprintf(text, sizeof(text), "%s %s",
	    clock_format_utc(got[0], sizeof(got[0]), from),
	    clock_format_utc(got[1], sizeof(got[1]), to));
	snprintf(want, sizeof(want), "%s.000000Z %s.000000Z", begin, end);
	assert_string_equal(text, want);
}

static void
in_utc(void **state)
{
	(void)state;
	check(BUDGET_HOUR, NULL, "2026-11-21T10:59:59.9Z", "2026-11-21T10:00:00",
	    "2026-11-21T11:00:00");
	check(BUDGET_HOUR, NULL, "2026-11-21T11:00:00Z", "2026-11-21T11:00:00",
	    "2026-11-21T12:00:00");
	check(BUDGET_DAY, NULL, "2026-12-31T23:59:59Z", "2026-12-31T00:00:00",
	    "2027-01-01T00:00:00");
	/* A Sunday, and the Monday after it. */
	check(BUDGET_WEEK, NULL, "2026-11-22T12:00:00Z", "2026-11-16T00:00:00",
	    "2026-11-23T00:00:00");
	check(BUDGET_WEEK, NULL, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00",
	    "2026-11-30T00:00:00");
	check(BUDGET_MONTH, NULL, "2026-01-31T12:00:00Z", "2026-01-01T00:00:00",
	    "2026-02-01T00:00:00");
	check(BUDGET_MONTH, NULL, "2028-02-29T23:00:00Z", "2028-02-01T00:00:00",
	    "2028-03-01T00:00:00");
	check(BUDGET_MONTH, NULL, "2026-12-01T00:00:00Z", "2026-12-01T00:00:00",
	    "2027-01-01T00:00:00");
}

static void
when_clocks_are_set(void **state)
{
	struct zone *z = zone_load("Europe/Berlin");

	(void)state;
	if (z == NULL)
		skip();
	/* A day of 23 hours, one of 25, and the weeks and months that they are in. */
	check(BUDGET_DAY, z, "2026-03-29T10:00:00Z", "2026-03-28T23:00:00",
	    "2026-03-29T22:00:00");
	check(BUDGET_DAY, z, "2026-10-25T10:00:00Z", "2026-10-24T22:00:00",
	    "2026-10-25T23:00:00");
	check(BUDGET_WEEK, z, "2026-10-25T10:00:00Z", "2026-10-18T22:00:00",
	    "2026-10-25T23:00:00");
	check(BUDGET_MONTH, z, "2026-10-05T10:00:00Z", "2026-09-30T22:00:00",
	    "2026-10-31T23:00:00");
	/* 2:30 comes twice: each is an hour of its own. */
	check(BUDGET_HOUR, z, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00",
	    "2026-10-25T01:00:00");
	check(BUDGET_HOUR, z, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00",
	    "2026-10-25T02:00:00");
	zone_free(z);
}

static void
where_clocks_are_set_otherwise(void **state)
{
	struct zone *half = zone_load("Australia/Lord_Howe"),
		    *midnight = zone_load("America/Sao_Paulo"),
		    *kathmandu = zone_load("Asia/Kathmandu");

	(void)state;
	if (half == NULL || midnight == NULL || kathmandu == NULL)
		skip();
	/* By half an hour, at 2:00 (15:00 UTC): the hour from 1:30 on comes twice. */
	check(BUDGET_HOUR, half, "2026-04-04T14:30:00Z", "2026-04-04T14:00:00",
	    "2026-04-04T15:30:00");
	/* A day without a midnight begins at one. */
	check(BUDGET_DAY, midnight, "2018-11-04T12:00:00Z", "2018-11-04T03:00:00",
	    "2018-11-05T02:00:00");
	check(BUDGET_HOUR, kathmandu, "2026-04-04T14:30:00Z", "2026-04-04T14:15:00",
	    "2026-04-04T15:15:00");
	zone_free(half);
	zone_free(midnight);
	zone_free(kathmandu);
}

static void
spans(void **state)
{
	struct budget_period p = { .calendar = BUDGET_SPAN, .us = 5 * USEC_PER_HOUR };
	uint64_t from, to;

	(void)state;
	period_of(&p, NULL, 12345, &from, &to);
	assert_true(from == 12345 && to == 12345 + 5 * USEC_PER_HOUR);
	p.us = UNIT_INFINITY;
	period_of(&p, NULL, 12345, &from, &to);
	assert_true(from == 12345 && to == UNIT_INFINITY);
}

/* Whatever the instant: it lies in its period, and the next begins where this ends. */
static void
one_follows_the_other(void **state)
{
	static const char *const names[] = { "Europe/Berlin", "Australia/Lord_Howe",
		"Pacific/Apia", "America/Sao_Paulo" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *z = zone_load(names[i]);

		if (z == NULL)
			skip();
		for (int k = BUDGET_HOUR; k <= BUDGET_MONTH; k++) {
			struct budget_period p = { .calendar = (enum budget_calendar)k };
			uint64_t t = at("2009-12-30T00:00:00Z"), from, to, next;
			int steps = k == BUDGET_HOUR ? 30000 : 1500;

			period_of(&p, z, t, &from, &to);
			for (int n = 0; n < steps; n++) {
				assert_true(from < to);
				period_of(&p, z, to - 1, &from, &next);
				assert_true(next == to);
				period_of(&p, z, to, &from, &next);
				assert_true(from == to);
				to = next;
			}
		}
		zone_free(z);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_utc),
		cmocka_unit_test(when_clocks_are_set),
		cmocka_unit_test(where_clocks_are_set_otherwise),
		cmocka_unit_test(spans),
		cmocka_unit_test(one_follows_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
