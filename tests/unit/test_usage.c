/*
 * Tests of manager/session/usage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/json.h"
#include "manager/session/usage.h"

#define TOKENS BUDGET_COUNTED_TOKENS
#define COST BUDGET_COUNTED_COST

static void
numbers_as_agents_write_them(void **state)
{
	static const struct {
		enum budget_counted what;
		const char *text;
		uint64_t n;
	} rows[] = {
		{ TOKENS, "0", 0 },
		{ TOKENS, "1234", 1234 },
		{ TOKENS, " 1,234,567 ", 1234567 },
		{ TOKENS, "1_000", 1000 },
		{ TOKENS, "12.3k", 12300 },
		{ TOKENS, "1.5M", 1500000 },
		{ TOKENS, "2g", 2000000000 },
		{ TOKENS, "1.2", 2 },
		{ COST, "1.23", 1230000 },
		{ COST, "1,234.5", 1234500000 },
		{ COST, "0.0000001", 1 },
		{ COST, "2k", 2000000000 },
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (usage_parse(rows[i].what, rows[i].text, strlen(rows[i].text), &n) ==
		    -1)
			fail_msg("%s", rows[i].text);
		assert_true(n == rows[i].n);
	}
}

static void
what_is_no_number(void **state)
{
	static const char *const bad[] = { "", " ", "k", "-1", "+1", "1-", "1,2", ",123",
		"1,2345x", "1.5.5", "1e3", "$1", "1.234,567", "12,34", "NaN",
		"99999999999999999999", "9999999999999g",
		"1111111111111111111111111111111111111111111111111111111111111111111" };
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (usage_parse(TOKENS, bad[i], strlen(bad[i]), &n) != -1)
			fail_msg("%s", bad[i]);
		assert_true(n == 7);
	}
}

static void
numbers_in_json(void **state)
{
	static const struct {
		enum budget_counted what;
		const char *text;
		int64_t n; /* -1: refused */
	} rows[] = {
		{ TOKENS, "12", 12 },
		{ TOKENS, "1e6", 1000000 },
		{ TOKENS, "\"12.3k\"", 12300 },
		{ TOKENS, "-1", -1 },
		{ TOKENS, "null", -1 },
		{ TOKENS, "true", -1 },
		{ TOKENS, "[1]", -1 },
		{ TOKENS, "\"1\\u0000\"", -1 },
		{ TOKENS, "9223372036854775807", INT64_MAX },
		{ COST, "0.1", 100000 },
		{ COST, "1234567.891011", INT64_C(1234567891011) },
		{ COST, "12", 12000000 },
		{ COST, "1e300", -1 },
		{ COST, "-0.5", -1 },
		{ COST, "9223372036854775807", -1 },
	};
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct jv *v = jv_parse(rows[i].text, strlen(rows[i].text), NULL);
		int r;

		assert_non_null(v);
		r = usage_of_json(rows[i].what, v, &n);
		if ((r == -1) != (rows[i].n == -1) ||
		    (r == 0 && n != (uint64_t)rows[i].n))
			fail_msg("%s", rows[i].text);
		jv_free(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_as_agents_write_them),
		cmocka_unit_test(what_is_no_number),
		cmocka_unit_test(numbers_in_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
