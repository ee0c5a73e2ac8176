/*
 * Tests of unit/calendar: what is understood and how it is written, what is refused and
 * where, and when it comes, also where clocks are set.  tests/e2e/calendar holds it
 * against systemd's in bulk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/zone.h"
#include "unit/calendar.h"

static struct calendar *
parse(const char *text)
{
	struct calendar_error error;
	struct calendar *c = calendar_parse(text, &error);

	if (c == NULL)
		fail_msg("\"%s\": %zu: %s", text, error.at, error.why);
	return c;
}

static void
is_written(const char *text, const char *want)
{
	struct calendar *c = parse(text);
	struct buf b = { 0 };

	calendar_format(&b, c);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
	calendar_free(c);
}

static void
one_way_to_write_it(void **state)
{
	static const char *const same[][2] = {
		{ "minutely", "*-*-* *:*:00" },
		{ "hourly", "*-*-* *:00:00" },
		{ "daily", "*-*-* 00:00:00" },
		{ "DAILY UTC", "*-*-* 00:00:00 UTC" },
		{ "weekly", "Mon *-*-* 00:00:00" },
		{ "monthly Europe/Berlin", "*-*-01 00:00:00 Europe/Berlin" },
		{ "quarterly", "*-01,04,07,10-01 00:00:00" },
		{ "semi-annually", "*-01,07-01 00:00:00" },
		{ "yearly", "*-01-01 00:00:00" },
		{ "Sat,Thu,Mon..Wed,Sat..Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00" },
		{ "mon-fri", "Mon..Fri *-*-* 00:00:00" },
		{ "Mon..Sun 2:00", "*-*-* 02:00:00" },
		{ "Mon,", "Mon *-*-* 00:00:00" },
		{ "Wed, 17:48", "Wed *-*-* 17:48:00" },
		{ "Mon, 5-1", "Mon *-05-01 00:00:00" },
		{ "26-1-2 3:4", "2026-01-02 03:04:00" },
		{ "70-1-2", "1970-01-02 00:00:00" },
		{ "2026..2030/3-*-1", "2026..2029/3-*-01 00:00:00" },
		{ "*-*~1", "*-*~01 00:00:00" },
		{ "*-*~*", "*-*-* 00:00:00" },
		{ "*-2~3..7", "*-02~03..07 00:00:00" },
		{ "*:0/15", "*-*-* *:00/15:00" },
		{ "*:*:*", "*-*-* *:*:*" },
		{ "*:*:0/7.5", "*-*-* *:*:00/7.500000" },
		{ "12:0:7.1234567", "*-*-* 12:00:07.123457" },
		{ "5,3,5..5,1..9/20:00", "*-*-* 01,03,05:00:00" },
		{ "@0", "1970-01-01 00:00:00 UTC" },
		{ "@1774702800", "2026-03-28 13:00:00 UTC" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		is_written(same[i][0], same[i][1]);
		is_written(same[i][1], same[i][1]);
	}
}

static void
what_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *why;
	} bad[] = {
		{ "", 0, "expected" },
		{ " ", 0, "number" },
		{ "*/4:00", 1, "HOUR:MINUTE" },
		{ "*:*/4", 3, "HOUR:MINUTE" },
		{ "*:0/60", 0, "minutes" },
		{ "*:0/0", 4, "nowhere" },
		{ "24:00", 0, "hours" },
		{ "1:60", 0, "minutes" },
		{ "1:2:60", 0, "seconds" },
		{ "1:2:3.", 6, "digits" },
		{ "13-1", 0, "months" },
		{ "1-32", 0, "days" },
		{ "*-*~29", 0, "1 to 28" },
		{ "2200-1-1", 0, "1970 to 2199" },
		{ "1969-1-1", 0, "1970 to 2199" },
		{ "Fri..Mon", 5, "Fri..Sun,Mon" },
		{ "Mon..", 3, "without an end" },
		{ "Mon.Tue", 3, "Mon..Fri" },
		{ "Montag", 0, "weekday" },
		{ "Mon,Freitag", 4, "weekday" },
		{ "5..3:00", 0, "hours" },
		{ "2:00 Mars/Olympus", 5, "no time zone" },
		{ "daily Mars/Olympus", 6, "no time zone" },
		{ "Mon Utopia", 4, "no time zone" },
		{ "Mon Tue 2:00", 4, "number" },
		{ "2026-01-01-01", 10, "blank" },
		{ "99999999999:00", 0, "too large" },
		{ "@99999999999999999999", 0, "1970 to 2199" },
		{ "@", 1, "seconds" },
		{ "1,,2:00", 2, "number" },
	};
	struct calendar_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct calendar *c = calendar_parse(bad[i].text, &error);

		if (c != NULL || error.at != bad[i].at ||
		    strstr(error.why, bad[i].why) == NULL)
			fail_msg("\"%s\": %zu: %s", bad[i].text, c ? 0 : error.at,
			    c ? "accepted" : error.why);
	}
}

static void
too_many_values(void **state)
{
	struct calendar_error error;
	struct buf b = { 0 };

	(void)state;
	for (int i = 0; i < 240; i++)
		buf_adds(&b, "1,");
	buf_adds(&b, "2:00");
	assert_null(calendar_parse(buf_str(&b), &error));
	assert_non_null(strstr(error.why, "too many"));
	buf_free(&b);
}

/* times end with NULL; "never" as the last says that nothing follows. */
static void
comes(const char *text, const char *after, const char *const *times)
{
	struct calendar *c = parse(text);
	char got[CLOCK_TEXT_MAX], want[2 * CLOCK_TEXT_MAX];
	uint64_t at;

	assert_int_equal(clock_parse(after, &at), 0);
	for (; *times != NULL; times++) {
		int r = calendar_next(c, NULL, at, &at);

		if (strcmp(*times, "never") == 0) {
			assert_int_equal(r, -1);
			break;
		}
		assert_int_equal(r, 0);
		snprintf(want, sizeof(want), strchr(*times, '.') ? "%sZ" : "%s.000000Z",
		    *times);
		assert_string_equal(clock_format_utc(got, sizeof(got), at), want);
	}
	calendar_free(c);
}

#define COMES(text, after, ...) \
	comes(text, after, (const char *const[]){ __VA_ARGS__, NULL })

static void
when_it_comes(void **state)
{
	(void)state;
	/* Later, never now. */
	COMES("*-*-* 12:00", "2026-11-21T12:00:00Z", "2026-11-22T12:00:00");
	COMES("*-*-* 12:00", "2026-11-21T11:59:59.999999Z", "2026-11-21T12:00:00");
	COMES("Mon..Fri 2:0", "2026-11-20T03:00:00Z", "2026-11-23T02:00:00",
	    "2026-11-24T02:00:00");
	COMES("*-02-29", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00",
	    "2032-02-29T00:00:00");
	COMES("Mon *-02-29", "2026-01-01T00:00:00Z", "2044-02-29T00:00:00");
	COMES("*-*~1", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00",
	    "2026-03-31T00:00:00");
	COMES("*-02~03/2", "2028-01-01T00:00:00Z", "2028-02-27T00:00:00",
	    "2028-02-29T00:00:00", "2029-02-26T00:00:00");
	COMES("*:*:0/7.5", "2026-01-01T00:00:50Z", "2026-01-01T00:00:52.500000",
	    "2026-01-01T00:01:00");
	COMES("*-*-31 23:59:59", "2026-12-31T23:59:59Z", "2027-01-31T23:59:59");
	COMES("2026-1-1", "2026-01-01T00:00:00Z", "never");
	COMES("*-02-30", "2026-01-01T00:00:00Z", "never");
	COMES("2199-12-31 23:59:59", "2026-01-01T00:00:00Z", "2199-12-31T23:59:59",
	    "never");
	COMES("@1774702800", "1970-01-01T00:00:00Z", "2026-03-28T13:00:00", "never");
}

static void
clocks_that_are_set(void **state)
{
	(void)state;
	/* 29 March 02:00 to 03:00 is left out in Berlin, 25 October 02:00 to 03:00 comes
	 * twice. */
	COMES("02:30 Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00");
	COMES("*:30 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T00:30:00",
	    "2026-03-29T01:30:00");
	COMES("02:30 Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00",
	    "2026-10-26T01:30:00");
	COMES("*:0/30 Europe/Berlin", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00",
	    "2026-10-25T02:00:00");
	/* From within the second time. */
	COMES("*:*:* Europe/Berlin", "2026-10-25T01:30:15Z", "2026-10-25T02:00:00");
	/* A day that was not. */
	COMES("2011-12-30 12:00 Pacific/Apia", "2011-01-01T00:00:00Z", "never");
	/* Half an hour. */
	COMES("*:0/15 Australia/Lord_Howe", "2026-04-04T14:30:00Z", "2026-04-04T14:45:00",
	    "2026-04-04T15:30:00");
	/* 4 October 02:00 to 02:30 is left out; what is behind that half hour is not. */
	COMES("2026-10-04 02:20,40 Australia/Lord_Howe", "2026-10-03T00:00:00Z",
	    "2026-10-03T15:40:00", "never");
}

/* As many as one counts one by one. */
static void
how_many(const char *text, const char *from, uint64_t span_us)
{
	struct calendar *c = parse(text);
	uint64_t after, at, n = 0;

	assert_int_equal(clock_parse(from, &after), 0);
	for (at = after; calendar_next(c, NULL, at, &at) == 0 && at <= after + span_us;)
		n++;
	if (calendar_count(c, NULL, after, after + span_us) != n)
		fail_msg("%s: not %llu", text, (unsigned long long)n);
	calendar_free(c);
}

static void
how_often_it_comes(void **state)
{
	static const char *const texts[] = { "*:*", "*:0/7", "hourly", "02:30", "daily",
		"*:*:0/20", "Mon..Fri *:15,15/30,45", "*-*-01 00:00", "*-02-30",
		"*:0/15 Europe/Berlin", "02:30 Europe/Berlin", "*:*:* Europe/Berlin",
		"*:0/10 Australia/Lord_Howe", "Sat,Sun 1..3:0/2:5,5.5" };
	static const uint64_t spans[] = { 1, USEC_PER_SEC, 90 * USEC_PER_MINUTE,
		USEC_PER_DAY, 3 * USEC_PER_DAY + 12345678, 40 * USEC_PER_DAY };
	struct calendar *c;
	uint64_t after = 1700000000 * USEC_PER_SEC;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		for (size_t s = 0; s < sizeof(spans) / sizeof(spans[0]); s++) {
			how_many(texts[i], "2026-03-28T05:17:03Z", spans[s]);
			how_many(texts[i], "2026-10-24T22:00:00Z", spans[s]);
		}
	/* A year of minutes costs next to nothing. */
	c = parse("*:* Europe/Berlin");
	assert_int_equal(
	    calendar_count(c, NULL, after, after + 365 * USEC_PER_DAY), 365 * 1440 - 60);
	calendar_free(c);
	c = parse("*:*:0/0.000001");
	assert_true(calendar_count(c, NULL, after, after + 365 * USEC_PER_DAY) >
		    UINT64_C(31000000000000));
	calendar_free(c);
}

static void
in_the_zone_of_the_machine(void **state)
{
	struct zone *z = zone_fixed(-5 * 3600);
	struct calendar *c = parse("12:00");
	struct calendar *utc = parse("12:00 UTC");
	uint64_t at;

	(void)state;
	assert_int_equal(calendar_next(c, z, 0, &at), 0);
	assert_int_equal(at, 17 * USEC_PER_HOUR);
	assert_int_equal(calendar_next(utc, z, 0, &at), 0);
	assert_int_equal(at, 12 * USEC_PER_HOUR);
	/* 1969 there. */
	assert_int_equal(calendar_next(c, z, 17 * USEC_PER_HOUR - 1, &at), 0);
	assert_int_equal(at, 17 * USEC_PER_HOUR);
	assert_int_equal(calendar_next(c, NULL, UINT64_MAX, &at), -1);
	assert_int_equal(calendar_next(c, NULL, UINT64_MAX - 1, &at), -1);
	calendar_free(c);
	calendar_free(utc);
	calendar_free(NULL);
	zone_free(z);
}

#define T(name) cmocka_unit_test(name)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_way_to_write_it),
		T(what_is_refused),
		T(too_many_values),
		T(when_it_comes),
		T(clocks_that_are_set),
		T(how_often_it_comes),
		T(in_the_zone_of_the_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
