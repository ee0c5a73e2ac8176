/*
 * Tests of lib/clock.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

static void
use_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static uint64_t
parse(const char *s)
{
	uint64_t us = 0;

	if (clock_parse(s, &us) == -1)
		fail_msg("cannot parse %s", s);
	return us;
}

static void
test_formats(void **state)
{
	const uint64_t us = UINT64_C(1795257045123456); /* 2026-11-21T10:30:45.123456Z */
	char t[CLOCK_TEXT_MAX];

	(void)state;
	use_zone("UTC0");
	assert_string_equal(clock_format_local(t, sizeof(t), us), "2026-11-21T10:30:45");
	assert_string_equal(
	    clock_format_local_frac(t, sizeof(t), us, 0), "2026-11-21T10:30:45");
	assert_string_equal(
	    clock_format_local_frac(t, sizeof(t), us, 3), "2026-11-21T10:30:45.123");
	assert_string_equal(
	    clock_format_local_frac(t, sizeof(t), us, 6), "2026-11-21T10:30:45.123456");
	assert_string_equal(
	    clock_format_utc(t, sizeof(t), us), "2026-11-21T10:30:45.123456Z");
	assert_string_equal(clock_day(t, sizeof(t), us), "20261121");
	use_zone("AAA-14");
	assert_string_equal(clock_format_local(t, sizeof(t), us), "2026-11-22T00:30:45");
	assert_string_equal(clock_day(t, sizeof(t), us), "20261122");
	assert_string_equal(
	    clock_format_utc(t, sizeof(t), us), "2026-11-21T10:30:45.123456Z");
}

static void
test_extreme_times_do_not_overflow(void **state)
{
	char t[CLOCK_TEXT_MAX];

	(void)state;
	use_zone("UTC0");
	clock_format_utc(t, sizeof(t), UINT64_MAX);
	clock_format_local_frac(t, sizeof(t), UINT64_MAX, 6);
	clock_day(t, CLOCK_DAY_MAX, UINT64_MAX);
	assert_int_equal(clock_next_midnight_us(UINT64_MAX), USEC_INFINITY);
	assert_string_equal(
	    clock_format_utc(t, sizeof(t), 0), "1970-01-01T00:00:00.000000Z");
}

static void
test_durations(void **state)
{
	static const struct {
		uint64_t us;
		const char *text;
	} rows[] = {
		{ 0, "0ms" },
		{ 850000, "850ms" },
		{ 999999, "999ms" },
		{ 1000000, "1.0s" },
		{ 12345678, "12.3s" },
		{ 59999999, "59.9s" },
		{ 60000000, "1m00s" },
		{ 252000000, "4m12s" },
		{ UINT64_C(3599999999), "59m59s" },
		{ UINT64_C(11100000000), "3h05m" },
		{ UINT64_C(360000000000), "100h00m" },
		{ USEC_INFINITY, "infinity" },
	};
	char t[CLOCK_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(
		    clock_format_duration(t, sizeof(t), rows[i].us), rows[i].text);
}

static void
test_parse(void **state)
{
	const uint64_t want = UINT64_C(1795257045) * USEC_PER_SEC;

	(void)state;
	use_zone("AAA-2");
	assert_int_equal(parse("2026-11-21T12:30:45"), want);
	assert_int_equal(parse("2026-11-21 12:30:45"), want);
	assert_int_equal(parse("2026-11-21T10:30:45Z"), want);
	assert_int_equal(parse("2026-11-21T05:30:45-05:00"), want);
	assert_int_equal(parse("2026-11-21T16:00:45+05:30"), want);
	assert_int_equal(parse("2026-11-21T10:30:45.5Z"), want + 500000);
	assert_int_equal(parse("2026-11-21T10:30:45.1234569Z"), want + 123456);
	assert_int_equal(parse("2026-11-21T12:30"), want - 45 * USEC_PER_SEC);
	assert_int_equal(
	    parse("2026-11-21"), want - (12 * 3600 + 30 * 60 + 45) * USEC_PER_SEC);
	assert_int_equal(parse("@1795257045"), want);
	assert_int_equal(parse("@1795257045.25"), want + 250000);
	assert_int_equal(parse("@0"), 0);
	assert_int_equal(parse("2028-02-29T00:00:00Z"), UINT64_C(1835395200000000));
}

static void
test_parse_refuses(void **state)
{
	static const char *const bad[] = { "", "now", "@", "@-1", "@1x", "@1.", "2026",
		"2026-11", "2026-13-01", "2026-00-01", "2026-11-00", "2026-02-30",
		"2027-02-29T00:00:00Z", "2026-11-21T", "2026-11-21T10",
		"2026-11-21T24:00:00", "2026-11-21T10:60", "2026-11-21T10:30:45.",
		"2026-11-21T10:30:45ZZ", "2026-11-21T10:30:45+2", "2026-11-21x",
		" 2026-11-21", "1960-01-01T00:00:00Z", "@99999999999999999999",
		"@18446744073710", "2026-1-2" };

	(void)state;
	use_zone("UTC0");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t us = 42;

		if (clock_parse(bad[i], &us) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(us, 42);
	}
}

/* Each midnight is the first second of a new day, in zones with every kind of trouble. */
static void
test_midnights(void **state)
{
	/* The rule strings need no zone files: summer time that skips or repeats
	 * midnight. */
	static const char *const zones[] = { "UTC0", "CET-1CEST,M3.5.0,M10.5.0/3",
		"BRT3BRST,M10.3.0/0,M2.3.0/0", "CUB5CDT,M3.2.0/0,M11.1.0/1",
		"LHT-10:30LHDT-11,M10.1.0,M4.1.0", "AAA12", "AAA-14" };

	(void)state;
	for (size_t z = 0; z < sizeof(zones) / sizeof(zones[0]); z++) {
		uint64_t us;

		use_zone(zones[z]);
		us = UINT64_C(1767225600) * USEC_PER_SEC + 4711;
		for (int i = 0; i < 400; i++) {
			char before[CLOCK_DAY_MAX], at[CLOCK_DAY_MAX],
			    from[CLOCK_DAY_MAX];
			uint64_t next = clock_next_midnight_us(us), start;

			clock_day(from, sizeof(from), us);
			clock_day(before, sizeof(before), next - 1);
			clock_day(at, sizeof(at), next);
			assert_true(next > us && next - us <= 26 * USEC_PER_HOUR);
			assert_int_equal(next % USEC_PER_SEC, 0);
			assert_string_equal(from, before);
			assert_true(strcmp(at, before) > 0);
			assert_int_equal(clock_parse_day(at, &start), 0);
			assert_int_equal(start, next);
			us = next + (uint64_t)i * 37 * USEC_PER_SEC;
		}
	}
	use_zone("UTC0");
}

/* ---- a machine that gets another zone ---- */

/* A zone file of one zone without rules; rule as in TZ=. */
static void
write_zone(const char *path, const char *rule, int32_t east)
{
	unsigned char head[44] = "TZif2", one[44 + 6 + 4];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	/* One type of time and four bytes of names; once for old readers, once for new.
	 */
	head[39] = 1;
	head[43] = 4;
	memcpy(one, head, sizeof(head));
	for (int i = 0; i < 4; i++)
		one[44 + i] = (unsigned char)((uint32_t)east >> (24 - 8 * i));
	one[48] = one[49] = 0;
	memcpy(one + 50, "ZZZ", 4);
	assert_true(fd != -1);
	assert_int_equal(write(fd, one, sizeof(one)), sizeof(one));
	assert_int_equal(write(fd, one, sizeof(one)), sizeof(one));
	assert_true(dprintf(fd, "\n%s\n", rule) > 0);
	/* Of another second than the one before: the C library looks no closer. */
	assert_int_equal(futimens(fd, (struct timespec[2]){ { east + 86400, 0 },
					  { east + 86400, 0 } }),
	    0);
	close(fd);
}

/* In a process of its own: 0, or the line that failed; 77: not allowed here. */
static int
in_another_zone(const char *path)
{
	const uint64_t us = UINT64_C(1795257045123456); /* 2026-11-21T10:30:45Z */
	char t[CLOCK_TEXT_MAX];

	unsetenv("TZ");
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return 77;
	write_zone(path, "ZZZ-3", 3 * 3600);
	if (mount(path, "/etc/localtime", NULL, MS_BIND, NULL) == -1)
		return 77;
	tzset();
	if (strcmp(clock_format_local(t, sizeof(t), us), "2026-11-21T13:30:45") != 0)
		return 1;
	/* In place, as an editor does; then another file, as timedatectl does. */
	write_zone(path, "ZZZ-14", 14 * 3600);
	for (int i = 0; strcmp(clock_day(t, sizeof(t), us), "20261122") != 0; i++) {
		if (i == 2000)
			return 2;
		poll(NULL, 0, 5);
	}
	if (strcmp(clock_format_local(t, sizeof(t), us), "2026-11-22T00:30:45") != 0)
		return 3;
	if (umount2("/etc/localtime", MNT_DETACH) == -1 || unlink(path) == -1)
		return 4;
	write_zone(path, "ZZZ12", -12 * 3600);
	if (mount(path, "/etc/localtime", NULL, MS_BIND, NULL) == -1)
		return 5;
	for (int i = 0; strcmp(clock_day(t, sizeof(t), us), "20261120") != 0; i++) {
		if (i == 2000)
			return 6;
		poll(NULL, 0, 5);
	}
	return 0;
}

static void
test_another_zone(void **state)
{
	char dir[] = "/tmp/supd-zone.XXXXXX", path[64];
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/zone", dir);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0)
		_exit(in_another_zone(path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	rmdir(dir);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("SKIPPED: another zone: no right to mount here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void
test_parse_day_refuses(void **state)
{
	static const char *const bad[] = { "", "2026", "20261", "202611211", "20261131",
		"20261301", "2026112x", "20260229", "19600101", "-0261121" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t us = 42;

		if (clock_parse_day(bad[i], &us) != -1)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(us, 42);
	}
}

static uint64_t
fake(enum clock_kind kind, void *arg)
{
	uint64_t *base = arg;

	return *base + kind;
}

static void
test_source_can_be_replaced(void **state)
{
	uint64_t base = 1000;

	(void)state;
	clock_set_source(fake, &base);
	assert_int_equal(clock_mono_us(), 1000 + CLOCK_KIND_MONO);
	assert_int_equal(clock_boot_us(), 1000 + CLOCK_KIND_BOOT);
	assert_int_equal(clock_wall_us(), 1000 + CLOCK_KIND_WALL);
	clock_set_source(NULL, NULL);
	assert_true(clock_mono_us() != 1000);
	assert_int_equal(clock_add_us(1, 2), 3);
	assert_int_equal(clock_add_us(USEC_INFINITY, 2), USEC_INFINITY);
	assert_int_equal(clock_add_us(USEC_INFINITY - 1, 2), USEC_INFINITY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_extreme_times_do_not_overflow),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_midnights),
		cmocka_unit_test(test_another_zone),
		cmocka_unit_test(test_parse_day_refuses),
		cmocka_unit_test(test_source_can_be_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
