/*
 * Tests of session/until.  The tables are in the words of real programs; the time that is
 * meant is written as it would be shown in UTC.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/zone.h"
#include "manager/session/until.h"

/* A Sunday; 15:30 in Berlin, 09:30 in New York, 06:30 in Los Angeles. */
#define NOW "2026-11-29T14:30:00Z"

struct row {
	const char *text;
	const char *meant;   /* UTC, NULL when refused */
	const char *refused; /* a part of why */
};

static uint64_t
at(const char *s)
{
	uint64_t us = 0;

	if (clock_parse(s, &us) == -1)
		fail_msg("cannot parse %s", s);
	return us;
}

static void
check_row(const struct row *row, const char *now, const struct zone *zone)
{
	struct until_time out = { .wall_us = 1 };
	const char *why = "nothing";
	char t[CLOCK_TEXT_MAX];
	int r = until_parse(row->text, at(now), zone, &out, &why);

	if (row->meant == NULL) {
		if (r == 0)
			fail_msg("`%s' is %s, but should be refused: %s", row->text,
			    clock_format_utc(t, sizeof(t), out.wall_us), row->refused);
		if (strstr(why, row->refused) == NULL)
			fail_msg(
			    "`%s' is refused: %s, not: %s", row->text, why, row->refused);
		assert_int_equal(out.wall_us, 1);
	} else if (r == -1) {
		fail_msg("`%s' is refused: %s", row->text, why);
	} else if (out.wall_us != at(row->meant)) {
		fail_msg("`%s' is %s, not %s", row->text,
		    clock_format_utc(t, sizeof(t), out.wall_us), row->meant);
	}
}

/* In the zone of Berlin, at NOW. */
static void
check_table(const struct row *rows, size_t n)
{
	struct zone *zone = zone_load("Europe/Berlin");

	assert_non_null(zone);
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i], NOW, zone);
	zone_free(zone);
}

#define CHECK_TABLE(rows) check_table(rows, sizeof(rows) / sizeof((rows)[0]))

static void
test_times_of_day(void **state)
{
	static const struct row rows[] = {
		{ "3pm", "2026-11-30T14:00:00Z", NULL },
		{ "4pm", "2026-11-29T15:00:00Z", NULL },
		{ "4 PM", "2026-11-29T15:00:00Z", NULL },
		{ "4 p.m.", "2026-11-29T15:00:00Z", NULL },
		{ "3:30 PM", "2026-11-30T14:30:00Z", NULL }, /* now is not to come */
		{ "3:31 PM", "2026-11-29T14:31:00Z", NULL },
		{ "3:30:01 pm", "2026-11-29T14:30:01Z", NULL },
		{ "12am", "2026-11-29T23:00:00Z", NULL },
		{ "12pm", "2026-11-30T11:00:00Z", NULL },
		{ "12:30am", "2026-11-29T23:30:00Z", NULL },
		{ "12:05 PM", "2026-11-30T11:05:00Z", NULL },
		{ "noon", "2026-11-30T11:00:00Z", NULL },
		{ "midnight", "2026-11-29T23:00:00Z", NULL },
		{ "15:00", "2026-11-30T14:00:00Z", NULL },
		{ "16:00", "2026-11-29T15:00:00Z", NULL },
		{ "00:00", "2026-11-29T23:00:00Z", NULL },
		{ "9:05", "2026-11-30T08:05:00Z", NULL },
		{ "23:59:59.5", "2026-11-29T22:59:59.5Z", NULL },
		{ "resets at 3pm (Europe/Berlin)", "2026-11-30T14:00:00Z", NULL },
		{ "resets 8pm (America/Los_Angeles)", "2026-11-30T04:00:00Z", NULL },
		{ "resets 15:00 UTC", "2026-11-29T15:00:00Z", NULL },
		{ "resets 14:30 UTC", "2026-11-30T14:30:00Z", NULL },
		{ "resets 10am ET", "2026-11-29T15:00:00Z", NULL },
		{ "resets 10am EST", "2026-11-29T15:00:00Z", NULL },
		{ "resets 7am PT.", "2026-11-29T15:00:00Z", NULL },
		{ "resets 6pm GMT+2", "2026-11-29T16:00:00Z", NULL },
		{ "resets 6pm UTC-03:30", "2026-11-29T21:30:00Z", NULL },
		{ "resets 18:00 +0200", "2026-11-29T16:00:00Z", NULL },
		{ "resets 18:00+02:00", "2026-11-29T16:00:00Z", NULL },
		{ "resets 16:00Z", "2026-11-29T16:00:00Z", NULL },
		{ "resets 6pm your time", "2026-11-29T17:00:00Z", NULL },
		{ "resets 6pm local time", "2026-11-29T17:00:00Z", NULL },
		{ "resets 4pm America/New_York", "2026-11-29T21:00:00Z", NULL },
		{ "resets at 1am (America/Argentina/Buenos_Aires)",
		    "2026-11-30T04:00:00Z", NULL },
		{ "resets at 1am (America/Port-au-Prince).", "2026-11-30T06:00:00Z",
		    NULL },
		{ "resets 9am (Asia/Kathmandu)", "2026-11-30T03:15:00Z", NULL },
		{ "resets 3pm (Japan)", "2026-11-30T06:00:00Z", NULL },
		{ "resets 9pm (in 5 hours or so)", "2026-11-29T20:00:00Z", NULL },
		{ "resets 9pm - upgrade now", "2026-11-29T20:00:00Z", NULL },
		{ "13pm", NULL, "no such hour" },
		{ "0am", NULL, "no such hour" },
		{ "resets 24:00", NULL, "no such time" },
		{ "resets 12:60", NULL, "no such time" },
		{ "resets 3pm (Mars/Olympus)", NULL, "unknown time zone" },
		{ "resets 3pm Mars/Olympus", NULL, "unknown time zone" },
		{ "resets 3pm (Berlin)", NULL, "unknown time zone" },
		{ "resets 3pm IST", NULL, "unknown time zone" },
		{ "resets 3pm CST", NULL, "unknown time zone" },
	};

	(void)state;
	CHECK_TABLE(rows);
}

static void
test_days(void **state)
{
	static const struct row rows[] = {
		{ "tomorrow at 8am", "2026-11-30T07:00:00Z", NULL },
		{ "8am tomorrow", "2026-11-30T07:00:00Z", NULL },
		{ "tomorrow", "2026-11-29T23:00:00Z", NULL },
		{ "tomorrow at 8am (Asia/Tokyo)", "2026-11-29T23:00:00Z", NULL },
		{ "today at 5pm", "2026-11-29T16:00:00Z", NULL },
		{ "5pm today (UTC)", "2026-11-29T17:00:00Z", NULL },
		{ "5pm (today)", "2026-11-29T16:00:00Z", NULL },
		{ "today at 9am", NULL, "over" },
		{ "Tuesday 9am", "2026-12-01T08:00:00Z", NULL },
		{ "Tue 9am", "2026-12-01T08:00:00Z", NULL },
		{ "resets Tuesday at 9:00 AM.", "2026-12-01T08:00:00Z", NULL },
		{ "resets on Tuesday", "2026-11-30T23:00:00Z", NULL },
		{ "9am on Thursday", "2026-12-03T08:00:00Z", NULL },
		{ "Sunday 9am", "2026-12-06T08:00:00Z", NULL }, /* today's is over */
		{ "Sunday 4pm", "2026-11-29T15:00:00Z", NULL },
		{ "next Sunday 9am", "2026-12-06T08:00:00Z", NULL },
		{ "Sat, 10:00", "2026-12-05T09:00:00Z", NULL },
		{ "Mon 12am (America/New_York)", "2026-11-30T05:00:00Z", NULL },
		{ "Nov 30 at 9:00", "2026-11-30T08:00:00Z", NULL },
		{ "Nov 30, 9am", "2026-11-30T08:00:00Z", NULL },
		{ "Nov. 30, 9am (Asia/Tokyo)", "2026-11-30T00:00:00Z", NULL },
		{ "30 Nov 9:00", "2026-11-30T08:00:00Z", NULL },
		{ "the 30th of November at 9am", "2026-11-30T08:00:00Z", NULL },
		{ "Monday, Nov 30th, 2026 9:00 AM.", "2026-11-30T08:00:00Z", NULL },
		{ "November 30, 2026 at 9:00 AM UTC", "2026-11-30T09:00:00Z", NULL },
		{ "9:00 on Nov 30", "2026-11-30T08:00:00Z", NULL },
		{ "resets Dec 1", "2026-11-30T23:00:00Z", NULL },
		{ "resets Dec 1 (Asia/Tokyo)", "2026-11-30T15:00:00Z", NULL },
		{ "Jan 1 at 9am", "2027-01-01T08:00:00Z", NULL },
		{ "Jan 5 at 9am", NULL, "35 days" }, { "Nov 28 at 9am", NULL, "35 days" },
		{ "Nov 28, 2026 at 9am", NULL, "over" },
		{ "Nov 31 at 9am", NULL, "no such day" },
		{ "Feb 29 at 9am", NULL, "no such day" },
		{ "Tuesday, Nov 30 at 9am", NULL,
		    "35 days" }, /* this year it is a Monday */
	};

	(void)state;
	CHECK_TABLE(rows);
}

static void
test_durations(void **state)
{
	static const struct row rows[] = {
		{ "in 42 minutes", "2026-11-29T15:12:00Z", NULL },
		{ "in 2h 5m", "2026-11-29T16:35:00Z", NULL },
		{ "in 2h5m", "2026-11-29T16:35:00Z", NULL },
		{ "resets in 5h12m33s", "2026-11-29T19:42:33Z", NULL },
		{ "try again in 63.5s", "2026-11-29T14:31:03.5Z", NULL },
		{ "Please try again in 6m0s.", "2026-11-29T14:36:00Z", NULL },
		{ "Please try again in 1m23.456s", "2026-11-29T14:31:23.456Z", NULL },
		{ "in 500ms", "2026-11-29T14:30:00.5Z", NULL },
		{ "in 1.5 hours", "2026-11-29T16:00:00Z", NULL },
		{ "in 3 days 5 hours 12 minutes", "2026-12-02T19:42:00Z", NULL },
		{ "in 2 hours and 5 minutes", "2026-11-29T16:35:00Z", NULL },
		{ "in 2 hours, 5 minutes, and 3 seconds", "2026-11-29T16:35:03Z", NULL },
		{ "in about 5 minutes", "2026-11-29T14:35:00Z", NULL },
		{ "in ~5 min", "2026-11-29T14:35:00Z", NULL },
		{ "in an hour", "2026-11-29T15:30:00Z", NULL },
		{ "in a minute", "2026-11-29T14:31:00Z", NULL },
		{ "in 1 week", "2026-12-06T14:30:00Z", NULL },
		{ "in 35 days", "2027-01-03T14:30:00Z", NULL },
		{ "42 minutes", "2026-11-29T15:12:00Z", NULL },
		{ "2h 5m left", "2026-11-29T16:35:00Z", NULL },
		{ "wait 90 seconds", "2026-11-29T14:31:30Z", NULL },
		{ "Retry after 30s", "2026-11-29T14:30:30Z", NULL },
		{ "retry-after: 60", "2026-11-29T14:31:00Z", NULL },
		{ "\"retry_after\": 1.5}", "2026-11-29T14:30:01.5Z", NULL },
		{ "in 1:30:00", "2026-11-29T16:00:00Z", NULL },
		{ "in 0m", "2026-11-29T14:31:00Z", NULL },
		{ "in 0h 0m 0s", "2026-11-29T14:30:01Z", NULL },
		{ "in 0.0s", "2026-11-29T14:30:01Z", NULL },
		{ "in 36 days", NULL, "35 days" },
		{ "in 99999999999999999999 s", NULL, "35 days" },
		{ "in 18446744073709551615 weeks", NULL, "35 days" },
		{ "in 4:30", NULL, "hours and minutes" },
		{ "in 42", NULL, "without a unit" },
		{ "in a while", NULL, "no time" },
		{ "in 5 lightyears", NULL, "without a unit" },
		{ "5 hour limit reached", NULL, "no time" },
	};

	(void)state;
	CHECK_TABLE(rows);
}

static void
test_instants(void **state)
{
	static const struct row rows[] = {
		{ "1795964400", "2026-11-29T15:00:00Z", NULL },
		{ "1795964400.25", "2026-11-29T15:00:00.25Z", NULL },
		{ "1795964400123", "2026-11-29T15:00:00.123Z", NULL },
		{ "1795964400123456", "2026-11-29T15:00:00.123456Z", NULL },
		{ "1795964400123456789", "2026-11-29T15:00:00.123456Z", NULL },
		{ "usage limit reached|1795964400", "2026-11-29T15:00:00Z", NULL },
		{ "{\"resetsAt\":1795964400}", "2026-11-29T15:00:00Z", NULL },
		{ "reset=1795964400", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29T15:00:00Z", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29t15:00:00z", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29T15:00:00.123Z", "2026-11-29T15:00:00.123Z", NULL },
		{ "2026-11-29T17:00:00+02:00", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29T07:00:00-08:00", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29T07:00:00-0800", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29T20:45:00+05:45", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29 16:00:00", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29 16:00", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-29 15:00 UTC", "2026-11-29T15:00:00Z", NULL },
		{ "2026-11-30", "2026-11-29T23:00:00Z", NULL },
		{ "until 2026-12-31T23:59:60Z", "2026-12-31T23:59:59Z", NULL },
		{ "\"reset_at\": \"2026-11-29T15:00:00Z\"", "2026-11-29T15:00:00Z",
		    NULL },
		{ "1795959000", NULL, "over" }, /* now */
		{ "1700000000", NULL, "over" },
		{ "1999999999", NULL, "35 days" },
		{ "2026-11-29T14:30:00Z", NULL, "over" },
		{ "2025-11-30T09:00:00Z", NULL, "over" },
		{ "2026-13-01T09:00:00Z", NULL, "no such day" },
		{ "2026-11-31T09:00:00Z", NULL, "no such day" },
		{ "2026-12-01T25:00:00Z", NULL, "no such time" },
		{ "9999-12-31T00:00:00Z", NULL, "35 days" },
		{ "2027-02-01T00:00:00Z", NULL, "35 days" },
	};

	(void)state;
	CHECK_TABLE(rows);
}

static void
test_sentences(void **state)
{
	static const struct row rows[] = {
		{ "5-hour limit reached \xe2\x88\x99 resets 8pm", "2026-11-29T19:00:00Z",
		    NULL },
		{ "You've hit your limit \xc2\xb7 resets 8pm (Europe/Berlin)",
		    "2026-11-29T19:00:00Z", NULL },
		{ "Claude usage limit reached. Your limit will reset at 4pm "
		  "(America/Santiago).",
		    "2026-11-29T19:00:00Z", NULL },
		{ "You've used 90% of your 5 hour limit, it resets at 6pm",
		    "2026-11-29T17:00:00Z", NULL },
		{ "You've hit your usage limit. Upgrade to Pro or try again in 3 days 2 "
		  "hours 1 minute.",
		    "2026-12-02T16:31:00Z", NULL },
		{ "You've hit your usage limit. Try again at Nov 30th, 2026 9:00 AM.",
		    "2026-11-30T08:00:00Z", NULL },
		{ "Rate limit reached for gpt-4 in organization x on tokens per min "
		  "(TPM): Limit 10000, Used 9000. Please try again in 6.21s.",
		    "2026-11-29T14:30:06.21Z", NULL },
		{ "429 Too Many Requests: quota will reset after 5h12m33s.",
		    "2026-11-29T19:42:33Z", NULL },
		{ "quotaResetDelay: 1h2m3.5s", "2026-11-29T15:32:03.5Z", NULL },
		{ "Try again later; the limit resets in 2h", "2026-11-29T16:30:00Z",
		    NULL },
		{ "12:04:33 limit reached, resets in 2h", "2026-11-29T16:30:00Z", NULL },
		{ "resets\xc2\xa0"
		  "8pm",
		    "2026-11-29T19:00:00Z", NULL },
		{ "resets 8\xe2\x80\xaf"
		  "PM",
		    "2026-11-29T19:00:00Z", NULL },
		{ "5-hour limit reached \xe2\x88\x99 resets 3pm", "2026-11-30T14:00:00Z",
		    NULL },
		{ "Claude AI usage limit reached|1795964400", "2026-11-29T15:00:00Z",
		    NULL },
		{ "Opus weekly limit reached \xe2\x88\x99 resets Dec 3, 5pm",
		    "2026-12-03T16:00:00Z", NULL },
		{ "Session limit reached \xe2\x88\x99 resets 3:45pm (America/New_York)",
		    "2026-11-29T20:45:00Z", NULL },
		{ "You've hit your usage limit. Visit https://chatgpt.com/ to upgrade, "
		  "or try again in 1 day 2 hours 3 minutes.",
		    "2026-11-30T16:33:00Z", NULL },
		{ "or try again at 9:41 PM.", "2026-11-29T20:41:00Z", NULL },
		{ "Please retry in 33.864s.", "2026-11-29T14:30:33.864Z", NULL },
		{ "Access resets at 4:00 PM PST.", "2026-11-30T00:00:00Z", NULL },
		{ "HTTP 429, retry-after: 30", "2026-11-29T14:30:30Z", NULL },
		{ "RESETS AT 8PM", "2026-11-29T19:00:00Z", NULL },
		{ "Please try again later.", NULL, "no time" },
		{ "", NULL, "no time" },
		{ "   ", NULL, "no time" },
		{ "error 429", NULL, "no time" },
		{ "read 15 files", NULL, "no time" },
		{ "may 5 be with you", NULL, "35 days" },
		{ "I sat down", NULL, "no time" },
		{ "\xff\xfe\x80", NULL, "no time" },
		{ "\xc2", NULL, "no time" }, /* half a blank is none */
		{ "resets 8pm \xe2\x80", "2026-11-29T19:00:00Z", NULL },
	};

	(void)state;
	CHECK_TABLE(rows);
}

static void
test_clocks_set_back_and_forward(void **state)
{
	/* Berlin: forward on 29 March 2026 at 01:00 UTC, back on 25 October. */
	static const struct {
		const char *now;
		struct row row;
	} rows[] = {
		/* The day has 23 hours: it is the time of day that counts. */
		{ "2026-03-28T14:30:00Z", { "3pm", "2026-03-29T13:00:00Z", NULL } },
		{ "2026-10-24T13:30:00Z", { "3pm", "2026-10-25T14:00:00Z", NULL } },
		/* What is skipped is as far after the gap. */
		{ "2026-03-29T00:30:00Z", { "2:30", "2026-03-29T01:30:00Z", NULL } },
		{ "2026-03-28T14:30:00Z",
		    { "tomorrow at 2:30am", "2026-03-29T01:30:00Z", NULL } },
		/* What comes twice is the next of the two. */
		{ "2026-10-24T23:00:00Z", { "2:30", "2026-10-25T00:30:00Z", NULL } },
		{ "2026-10-25T00:45:00Z", { "2:30", "2026-10-25T01:30:00Z", NULL } },
		{ "2026-10-25T01:45:00Z", { "2:30", "2026-10-26T01:30:00Z", NULL } },
		/* An hour is an hour. */
		{ "2026-10-25T00:45:00Z", { "in 2h", "2026-10-25T02:45:00Z", NULL } },
		/* Elsewhere it is still, or already, another day. */
		{ "2026-11-30T06:00:00Z",
		    { "11pm (America/Los_Angeles)", "2026-11-30T07:00:00Z", NULL } },
		{ "2026-11-30T06:00:00Z", { "tomorrow at 8am (America/Los_Angeles)",
					      "2026-11-30T16:00:00Z", NULL } },
		{ "2026-11-29T16:00:00Z",
		    { "Tuesday 1am (Pacific/Auckland)", "2026-11-30T12:00:00Z", NULL } },
		{ "2026-12-31T23:30:00Z",
		    { "Jan 1, 6pm", "2027-01-01T17:00:00Z", NULL } },
		{ "2028-02-28T12:00:00Z",
		    { "Feb 29, 6pm", "2028-02-29T17:00:00Z", NULL } },
	};
	struct zone *zone = zone_load("Europe/Berlin");

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i].row, rows[i].now, zone);
	zone_free(zone);
}

static void
test_without_a_zone_it_is_utc(void **state)
{
	const struct row row = { "3pm", "2026-11-29T15:00:00Z", NULL };

	(void)state;
	check_row(&row, NOW, NULL);
}

static void
test_whether_the_words_stay_true(void **state)
{
	struct until_time out;
	const char *why;

	(void)state;
	assert_int_equal(until_parse("in 5 minutes", at(NOW), NULL, &out, &why), 0);
	assert_true(out.relative);
	assert_int_equal(until_parse("retry-after: 60", at(NOW), NULL, &out, &why), 0);
	assert_true(out.relative);
	assert_int_equal(until_parse("resets 3pm", at(NOW), NULL, &out, &why), 0);
	assert_false(out.relative);
	assert_int_equal(until_parse("1795964400", at(NOW), NULL, &out, &why), 0);
	assert_false(out.relative);
}

static void
test_long_texts(void **state)
{
	char text[UNTIL_TEXT_MAX + 2];
	struct until_time out;
	const char *why = "";

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "3pm", 3);
	text[UNTIL_TEXT_MAX] = '\0';
	assert_int_equal(until_parse(text, at(NOW), NULL, &out, &why), 0);
	text[UNTIL_TEXT_MAX] = ' ';
	text[UNTIL_TEXT_MAX + 1] = '\0';
	assert_int_equal(until_parse(text, at(NOW), NULL, &out, &why), -1);
	assert_non_null(strstr(why, "too long"));
	memset(text, '1', UNTIL_TEXT_MAX);
	text[UNTIL_TEXT_MAX] = '\0';
	assert_int_equal(until_parse(text, at(NOW), NULL, &out, &why), -1);
}

static void
test_expand(void **state)
{
	static const struct {
		const char *template, *result;
	} rows[] = {
		{ "\\1", "3pm" },
		{ "at \\1 (\\2)", "at 3pm (UTC)" },
		{ "\\0", "resets 3pm UTC" },
		{ "\\3\\9", "" },
		{ "\\\\1", "\\1" },
		{ "\\x\\", "\\x\\" },
		{ "in 5 minutes", "in 5 minutes" },
	};
	const char *subject = "it resets 3pm UTC, says the screen";
	regmatch_t m[4];
	struct buf b = { 0 };
	regex_t re;

	(void)state;
	assert_int_equal(regcomp(&re, "resets ([^ ]*) ([A-Z]+)(x)?", REG_EXTENDED), 0);
	assert_int_equal(regexec(&re, subject, 4, m, 0), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_clear(&b);
		until_expand(&b, rows[i].template, subject, m, 4);
		assert_string_equal(buf_str(&b), rows[i].result);
	}
	buf_free(&b);
	regfree(&re);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_of_day),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_instants),
		cmocka_unit_test(test_sentences),
		cmocka_unit_test(test_clocks_set_back_and_forward),
		cmocka_unit_test(test_without_a_zone_it_is_utc),
		cmocka_unit_test(test_whether_the_words_stay_true),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_expand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
