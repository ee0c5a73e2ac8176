/*
 * Tests of lib/buf.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

static void
test_empty_is_text(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_string_equal(buf_str(&b), "");
	buf_append(&b, NULL, 0);
	buf_consume(&b, 0);
	buf_clear(&b);
	assert_null(b.data);
	buf_free(&b);
}

static void
test_append_keeps_the_end(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_adds(&b, "one");
	buf_addc(&b, ' ');
	buf_addf(&b, "%d%s", 2, "nd");
	assert_string_equal(buf_str(&b), "one 2nd");
	assert_int_equal(b.len, 7);
	buf_append(&b, "\0x", 2);
	assert_int_equal(b.len, 9);
	assert_int_equal(b.data[9], '\0');
	buf_free(&b);
	assert_null(b.data);
}

static void
test_addf_of_any_length(void **state)
{
	char text[3000];

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n += 61) {
		struct buf b = { 0 };

		memset(text, 'x', n);
		text[n] = '\0';
		buf_addf(&b, "<%s>", text);
		assert_int_equal(b.len, n + 2);
		assert_int_equal(b.data[n + 1], '>');
		assert_int_equal(b.data[n + 2], '\0');
		buf_free(&b);
	}
}

static void
test_consume_and_truncate(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_adds(&b, "abcdef");
	buf_consume(&b, 2);
	assert_string_equal(buf_str(&b), "cdef");
	buf_truncate(&b, 9);
	assert_string_equal(buf_str(&b), "cdef");
	buf_truncate(&b, 1);
	assert_string_equal(buf_str(&b), "c");
	buf_consume(&b, 1);
	assert_string_equal(buf_str(&b), "");
	buf_free(&b);
}

static void
test_reserve_then_grew(void **state)
{
	struct buf b = { 0 };

	(void)state;
	memcpy(buf_reserve(&b, 100), "hello", 5);
	buf_grew(&b, 5);
	assert_string_equal(buf_str(&b), "hello");
	buf_reserve(&b, 100000);
	assert_string_equal(buf_str(&b), "hello");
	buf_free(&b);
}

static void
test_take_gives_it_away(void **state)
{
	struct buf b = { 0 };
	char *s;

	(void)state;
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	buf_adds(&b, "mine");
	s = buf_take(&b);
	assert_string_equal(s, "mine");
	assert_int_equal(b.len, 0);
	assert_null(b.data);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_is_text),
		cmocka_unit_test(test_append_keeps_the_end),
		cmocka_unit_test(test_addf_of_any_length),
		cmocka_unit_test(test_consume_and_truncate),
		cmocka_unit_test(test_reserve_then_grew),
		cmocka_unit_test(test_take_gives_it_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
