/*
 * Tests of lib/hex: bytes as text and back, and nothing but that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/hex.h"

static void
there_and_back(void **state)
{
	uint8_t all[256], got[256];
	char text[2 * sizeof(all) + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	hex_encode(text, all, sizeof(all));
	assert_int_equal(strlen(text), 2 * sizeof(all));
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 2 * 0xfd, "fdfeff");
	assert_int_equal(hex_decode(got, sizeof(got), text), 0);
	assert_memory_equal(got, all, sizeof(all));
}

static void
anything_else_is_refused(void **state)
{
	static const char *const bad[] = { "", "0", "012", "01234", "012g", "0x12",
		"01 2", "01AB", "+123" };
	uint8_t got[2] = { 7, 7 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(hex_decode(got, sizeof(got), bad[i]), -1);
		assert_int_equal(got[0] + got[1], 14);
	}
}

static void
digits(void **state)
{
	(void)state;
	for (int i = 0; i < 16; i++) {
		assert_int_equal(hex_value("0123456789abcdef"[i]), i);
		assert_int_equal(hex_value("0123456789ABCDEF"[i]), i);
	}
	for (const char *c = "/:@G`g x\xff"; *c != '\0'; c++)
		assert_int_equal(hex_value(*c), -1);
	assert_int_equal(hex_value('\0'), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
