/*
 * Tests of lib/zone: held against the C library, which reads the same files in its own
 * way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/zone.h"
#include "lib/zone_rule.h"

static const char *const names[] = { "Europe/Berlin", "Europe/London", "Europe/Dublin",
	"America/New_York", "America/Los_Angeles", "America/Sao_Paulo",
	"America/St_Johns", "America/Argentina/Buenos_Aires", "America/Nuuk",
	"Africa/Casablanca", "Africa/Cairo", "Asia/Tokyo", "Asia/Kolkata",
	"Asia/Kathmandu", "Asia/Tehran", "Asia/Gaza", "Australia/Sydney",
	"Australia/Lord_Howe", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
	"Antarctica/Troll", "UTC", "Etc/GMT+12", "EST5EDT" };

enum {
	N_NAMES = sizeof(names) / sizeof(names[0]),
	DAY_S = 86400,
};

static struct zone *
load(const char *name)
{
	struct zone *z = zone_load(name);

	if (z == NULL)
		fail_msg("%s: %s", name, strerror(errno));
	return z;
}

static void
assert_as_libc(const char *name, const struct zone *z, int64_t t)
{
	time_t at = (time_t)t;
	struct tm tm;
	struct civil c;

	localtime_r(&at, &tm);
	zone_civil(z, t, &c);
	if (zone_offset_s(z, t) != tm.tm_gmtoff || c.year != tm.tm_year + 1900 ||
	    c.month != tm.tm_mon + 1 || c.day != tm.tm_mday || c.hour != tm.tm_hour ||
	    c.minute != tm.tm_min || c.second != tm.tm_sec)
		fail_msg("%s at %lld: offset %d, the C library says %ld", name,
		    (long long)t, zone_offset_s(z, t), tm.tm_gmtoff);
	assert_int_equal(
	    civil_weekday(
		(t + tm.tm_gmtoff - (t + tm.tm_gmtoff < 0 ? DAY_S - 1 : 0)) / DAY_S),
	    tm.tm_wday);
}

static void
test_offsets_are_those_of_the_c_library(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NAMES; i++) {
		struct zone *z = load(names[i]);

		setenv("TZ", names[i], 1);
		tzset();
		/* 1950 to 2110, so that the list and the rule behind it are used. */
		for (int64_t t = -631152000; t < INT64_C(4417977600); t += 5 * 3600 + 7)
			assert_as_libc(names[i], z, t);
		zone_free(z);
	}
}

/* Each second around each change of this century. */
static void
test_changes_are_exact(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NAMES; i++) {
		struct zone *z = load(names[i]);

		setenv("TZ", names[i], 1);
		tzset();
		for (int64_t t = 946684800; t < INT64_C(4102444800); t += DAY_S) {
			int64_t low = t, high = t + DAY_S;

			if (zone_offset_s(z, low) == zone_offset_s(z, high))
				continue;
			while (high - low > 1) {
				int64_t mid = low + (high - low) / 2;

				if (zone_offset_s(z, mid) == zone_offset_s(z, low))
					low = mid;
				else
					high = mid;
			}
			for (int64_t at = low - 1; at <= high + 1; at++)
				assert_as_libc(names[i], z, at);
		}
		zone_free(z);
	}
}

static void
test_instants_lead_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_NAMES; i++) {
		struct zone *z = load(names[i]);

		for (int64_t t = 1700000000; t < 1800000000; t += 1811) {
			struct civil c, again;
			int64_t found[2];
			size_t n;
			int hits = 0;

			zone_civil(z, t, &c);
			n = zone_instants(z, &c, found);
			for (size_t k = 0; k < n; k++) {
				zone_civil(z, found[k], &again);
				assert_memory_equal(&c, &again, sizeof(c));
				hits += found[k] == t;
			}
			assert_int_equal(hits, 1);
		}
		zone_free(z);
	}
}

static void
test_times_that_come_twice_and_never(void **state)
{
	/* Berlin 2026: 02:00 to 03:00 is skipped on 29 March and comes twice on 25
	 * October. */
	const struct civil twice = { 2026, 10, 25, 2, 30, 0 };
	const struct civil never = { 2026, 3, 29, 2, 30, 0 };
	struct zone *z = load("Europe/Berlin");
	int64_t t[2];

	(void)state;
	assert_int_equal(zone_instants(z, &twice, t), 2);
	assert_int_equal(t[0], 1792888200);
	assert_int_equal(t[1], 1792891800);
	assert_int_equal(zone_instants(z, &never, t), 1);
	assert_int_equal(t[0], 1774747800); /* 03:30 in summer time */
	zone_free(z);
}

static void
test_names_that_are_none(void **state)
{
	static const char *const bad[] = { "", "/etc/passwd", "../../../etc/passwd",
		"Europe/../Europe/Berlin", "Europe/", "Europe//Berlin", "Europe Berlin",
		"A\nB" };
	char longest[400];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(zone_load(bad[i]));
		assert_int_equal(errno, EINVAL);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(zone_load(longest));
	assert_int_equal(errno, EINVAL);
	assert_null(zone_load("Mars/Olympus"));
	assert_int_equal(errno, ENOENT);
	assert_null(zone_load("zone1970_tab"));
	assert_null(zone_load("Europe"));
	assert_int_equal(errno, EISDIR);
}

static void
test_rules(void **state)
{
	static const char *const bad[] = { "", "C", "CET", "CET-", "CET-25", "CET-1CEST",
		"CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
		"CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
		"CET-1CEST,M3.5.0,M10.5.0/", "CET-1CEST,J0,J5",
		"CET-1CEST,M3.5.0,M10.5.0/3x", "<CET-1", "CET-1:60",
		"CET-1,M3.5.0,M10.5.0" };
	static const char *const good[] = { "UTC0", "<-03>3", "<+0545>-5:45",
		"CET-1CEST,M3.5.0,M10.5.0/3", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
		"EST5EDT,M3.2.0,M11.1.0" };
	struct zone_rule r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (zone_rule_parse(bad[i], &r) == 0)
			fail_msg("taken: %s", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (zone_rule_parse(good[i], &r) == -1)
			fail_msg("refused: %s", good[i]);
		setenv("TZ", good[i], 1);
		tzset();
		for (int64_t t = 1500000000; t < 1900000000; t += 7213) {
			time_t at = (time_t)t;
			struct tm tm;

			localtime_r(&at, &tm);
			if (zone_rule_offset_s(&r, t) != tm.tm_gmtoff)
				fail_msg("%s at %lld", good[i], (long long)t);
		}
	}
}

/* The C library leaves this one for some hours at the turn of the year. */
static void
test_summer_that_never_ends(void **state)
{
	struct zone_rule r;

	(void)state;
	assert_int_equal(zone_rule_parse("XXX3EDT4,0/0,J365/23", &r), 0);
	for (int64_t t = 1500000000; t < 1900000000; t += 7213)
		assert_int_equal(zone_rule_offset_s(&r, t), -4 * 3600);
}

static void
test_days(void **state)
{
	struct civil c;

	(void)state;
	assert_int_equal(civil_days(1970, 1, 1), 0);
	assert_int_equal(civil_days(2000, 3, 1), 11017);
	for (int64_t d = -1000000; d < 1000000; d += 13) {
		civil_from_days(d, &c);
		assert_true(civil_is_valid(&c));
		assert_int_equal(civil_days(c.year, c.month, c.day), d);
	}
	c = (struct civil){ 2027, 2, 29, 0, 0, 0 };
	assert_false(civil_is_valid(&c));
	c = (struct civil){ 2028, 2, 29, 23, 59, 59 };
	assert_true(civil_is_valid(&c));
	c.hour = 24;
	assert_false(civil_is_valid(&c));
}

static void
test_zone_of_the_machine(void **state)
{
	struct zone *z;

	(void)state;
	setenv("TZ", "Asia/Tokyo", 1);
	z = zone_local();
	assert_int_equal(zone_offset_s(z, 1800000000), 9 * 3600);
	zone_free(z);
	setenv("TZ", ":/usr/share/zoneinfo/Asia/Kolkata", 1);
	z = zone_local();
	assert_int_equal(zone_offset_s(z, 1800000000), 19800);
	zone_free(z);
	setenv("TZ", "AAA-14", 1);
	z = zone_local();
	assert_int_equal(zone_offset_s(z, 1800000000), 14 * 3600);
	zone_free(z);
	setenv("TZ", "no such zone", 1);
	z = zone_local();
	assert_int_equal(zone_offset_s(z, 1800000000), 0);
	zone_free(z);
}

static void
test_files_that_are_none(void **state)
{
	static const char short_file[] = "TZif2";

	(void)state;
	assert_null(zone_parse("", 0));
	assert_int_equal(errno, EBADMSG);
	assert_null(zone_parse(short_file, sizeof(short_file)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets_are_those_of_the_c_library),
		cmocka_unit_test(test_changes_are_exact),
		cmocka_unit_test(test_instants_lead_back),
		cmocka_unit_test(test_times_that_come_twice_and_never),
		cmocka_unit_test(test_names_that_are_none),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_summer_that_never_ends),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_zone_of_the_machine),
		cmocka_unit_test(test_files_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
