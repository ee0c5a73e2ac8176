/*
 * Tests of unit/span: times, sizes, truth, modes, numbers, both ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "unit/signame.h"
#include "unit/span.h"

#include <signal.h>

static void
times(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{ "0", 0 },
		{ "5", 5000000 },
		{ " 5 ", 5000000 },
		{ "1.5", 1500000 },
		{ "0.0000015", 1 },
		{ ".5s", 500000 },
		{ "25.4896563 minutes", UINT64_C(1529379378) },
		{ "0.123456789012345678w", UINT64_C(74666665986) },
		{ "+5", 5000000 },
		{ "+1s+1ms 2", UINT64_C(3001000) },
		{ "100ms", 100000 },
		{ "1min 30s", 90000000 },
		{ "1min30s", 90000000 },
		{ "1m", 60000000 },
		{ "1M", UINT64_C(2629800000000) },
		{ "1y", UINT64_C(31557600000000) },
		{ "2h 1 minute 3sec", UINT64_C(7263000000) },
		{ "1w", UINT64_C(604800000000) },
		{ "7\xc2\xb5s", 7 },
		{ "7us", 7 },
		{ "infinity", UINT64_MAX },
	};
	static const char *const bad[] = { "", " ", "s", "5x", "5 s x", "-5", "5..5", "+",
		"+.5", "++5", "+-5", "+ 5", "5.", "1.2.3", "1.2.3 hr", "infinity s",
		"infinit", "1e3", "0x10", "99999999999999999999", "999999999y" };
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (span_parse(good[i].text, 1000000, &us) != 0 || us != good[i].us)
			fail_msg("\"%s\"", good[i].text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		us = 77;
		if (span_parse(bad[i], 1000000, &us) == 0 || us != 77)
			fail_msg("\"%s\" is no time", bad[i]);
	}
}

static void
times_come_back(void **state)
{
	static const uint64_t values[] = { 0, 1, 999, 1000, 1500000, 90000000,
		UINT64_C(86400000000), UINT64_C(604800000001), UINT64_C(1) << 62,
		UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct buf b = { 0 };
		uint64_t us;

		span_format(&b, values[i]);
		assert_int_equal(span_parse(buf_str(&b), 1000000, &us), 0);
		assert_true(us == values[i]);
		buf_free(&b);
	}
}

static void
sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "17", 17 },
		{ "17B", 17 },
		{ "64K", 65536 },
		{ "1.5K", 1536 },
		{ "1G 500M", UINT64_C(1598029824) },
		{ "15E", UINT64_C(15) << 60 },
		{ "infinity", UINT64_MAX },
	};
	static const char *const bad[] = { "", "K", "5Ki", "5MB", "5k", "-1", "500M 1G",
		"1M 1M", "16E", "1 2", "5%" };
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct buf b = { 0 };
		uint64_t again;

		if (size_parse(good[i].text, &n) != 0 || n != good[i].bytes)
			fail_msg("\"%s\"", good[i].text);
		size_format(&b, n);
		assert_int_equal(size_parse(buf_str(&b), &again), 0);
		assert_true(again == n);
		buf_free(&b);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (size_parse(bad[i], &n) == 0)
			fail_msg("\"%s\" is no size", bad[i]);
}

static void
truth_and_modes(void **state)
{
	mode_t mode;
	bool b;

	(void)state;
	assert_int_equal(bool_parse("YES", &b), 0);
	assert_true(b);
	assert_int_equal(bool_parse("off", &b), 0);
	assert_false(b);
	assert_int_equal(bool_parse("", &b), -1);
	assert_int_equal(bool_parse("maybe", &b), -1);
	assert_int_equal(bool_parse("2", &b), -1);
	assert_int_equal(mode_parse("0755", &mode), 0);
	assert_int_equal(mode, 0755);
	assert_int_equal(mode_parse("2755", &mode), 0);
	assert_int_equal(mode, 02755);
	assert_int_equal(mode_parse("0o755", &mode), -1);
	assert_int_equal(mode_parse("888", &mode), -1);
	assert_int_equal(mode_parse("10000", &mode), -1);
	assert_int_equal(mode_parse("", &mode), -1);
}

static void
numbers(void **state)
{
	uint64_t n;
	int64_t i;

	(void)state;
	assert_int_equal(number_parse("0x1F", 100, &n), 0);
	assert_int_equal(n, 31);
	assert_int_equal(number_parse("0b11", 100, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(number_parse("18446744073709551615", UINT64_MAX, &n), 0);
	assert_int_equal(number_parse("18446744073709551616", UINT64_MAX, &n), -1);
	assert_int_equal(number_parse("101", 100, &n), -1);
	assert_int_equal(number_parse("", 100, &n), -1);
	assert_int_equal(number_parse(" 1", 100, &n), -1);
	assert_int_equal(number_parse("0x", 100, &n), -1);
	assert_int_equal(integer_parse("-20", -20, 19, &i), 0);
	assert_int_equal(i, -20);
	assert_int_equal(integer_parse("+5", -20, 19, &i), 0);
	assert_int_equal(integer_parse("--5", -20, 19, &i), -1);
	assert_int_equal(integer_parse("20", -20, 19, &i), -1);
	assert_int_equal(integer_parse("-", -20, 19, &i), -1);
}

static void
names_of_signals_and_statuses(void **state)
{
	(void)state;
	for (int s = 1; s <= 64; s++)
		assert_int_equal(signal_from_name(signal_name(s)), s);
	assert_int_equal(signal_from_name("TERM"), SIGTERM);
	assert_int_equal(signal_from_name("SIGRTMAX-1"), SIGRTMAX - 1);
	assert_int_equal(signal_from_name("RTMIN+99"), -1);
	assert_int_equal(signal_from_name("RTMIN-1"), -1);
	assert_int_equal(signal_from_name("SIG"), -1);
	assert_int_equal(signal_from_name("term"), -1);
	assert_int_equal(signal_from_name("0"), -1);
	assert_int_equal(signal_from_name("65"), -1);
	assert_int_equal(exit_status_from_name("EXEC"), 203);
	assert_int_equal(exit_status_from_name("USAGE"), 64);
	assert_int_equal(exit_status_from_name("NOPE"), -1);
	assert_string_equal(exit_status_name(217), "USER");
	assert_null(exit_status_name(100));
	for (int c = 0; c <= CAPABILITY_LAST; c++)
		assert_int_equal(capability_from_name(capability_name(c)), c);
	assert_int_equal(capability_from_name("cap_kill"), 5);
	assert_int_equal(capability_from_name("KILL"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times),
		cmocka_unit_test(times_come_back),
		cmocka_unit_test(sizes),
		cmocka_unit_test(truth_and_modes),
		cmocka_unit_test(numbers),
		cmocka_unit_test(names_of_signals_and_statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
