/*
 * Tests of lib/decimal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/decimal.h"

static void
texts_are_read_and_written_without_loss(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} rows[] = {
		{ "0", 0 },
		{ "1", 1000000 },
		{ "12.5", 12500000 },
		{ "0.1", 100000 },
		{ "0.000001", 1 },
		{ "1234567.891011", UINT64_C(1234567891011) },
		{ "18446744073709.551615", UINT64_MAX },
	};
	char text[DECIMAL_TEXT_MAX];
	uint64_t v;
	bool exact;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    decimal_parse(rows[i].text, strlen(rows[i].text), &v, &exact), 0);
		assert_true(v == rows[i].value);
		assert_true(exact);
		assert_string_equal(decimal_format(text, sizeof(text), v), rows[i].text);
	}
	assert_int_equal(decimal_parse("1.500000000", 11, &v, &exact), 0);
	assert_true(v == 1500000 && exact);
}

static void
what_is_finer_is_rounded_up(void **state)
{
	uint64_t v;
	bool exact;

	(void)state;
	assert_int_equal(decimal_parse("0.0000001", 9, &v, &exact), 0);
	assert_true(v == 1 && !exact);
	assert_int_equal(decimal_parse("1.9999999", 9, &v, &exact), 0);
	assert_true(v == 2000000 && !exact);
}

static void
all_else_is_refused(void **state)
{
	static const char *const bad[] = { "", ".", "1.", ".5", "-1", "+1", "1e3", " 1",
		"1 ", "1.2.3", "1,5", "0x1", "nan" };
	static const char *const large[] = { "18446744073710", "18446744073709.551616",
		"18446744073709.5516159", "99999999999999999999999999" };
	uint64_t v = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(decimal_parse(bad[i], strlen(bad[i]), &v, NULL), -1);
		assert_int_equal(errno, EINVAL);
	}
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		assert_int_equal(decimal_parse(large[i], strlen(large[i]), &v, NULL), -1);
		assert_int_equal(errno, ERANGE);
	}
	assert_true(v == 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_and_written_without_loss),
		cmocka_unit_test(what_is_finer_is_rounded_up),
		cmocka_unit_test(all_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
