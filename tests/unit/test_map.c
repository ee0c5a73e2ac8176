/*
 * Tests of lib/map.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

static void
test_empty(void **state)
{
	struct map m = { 0 };
	size_t it = 0;

	(void)state;
	assert_null(map_get(&m, "x"));
	assert_null(map_del(&m, "x"));
	assert_false(map_has(&m, ""));
	assert_false(map_next(&m, &it, NULL, NULL));
	map_clear(&m, NULL);
}

static void
test_set_get_replace_remove(void **state)
{
	struct map m = { 0 };
	char a[] = "a", b[] = "b", key[] = "name";

	(void)state;
	assert_null(map_set(&m, key, a));
	key[0] = 'X'; /* the map has its own copy */
	assert_ptr_equal(map_get(&m, "name"), a);
	assert_ptr_equal(map_set(&m, "name", b), a);
	assert_int_equal(m.n, 1);
	assert_null(map_set(&m, "", a));
	assert_ptr_equal(map_get(&m, ""), a);
	assert_ptr_equal(map_del(&m, "name"), b);
	assert_null(map_del(&m, "name"));
	assert_false(map_has(&m, "name"));
	assert_int_equal(m.n, 1);
	map_clear(&m, NULL);
	assert_int_equal(m.n, 0);
}

static void
test_a_null_value_is_there(void **state)
{
	struct map m = { 0 };

	(void)state;
	map_set(&m, "x", NULL);
	assert_true(map_has(&m, "x"));
	assert_null(map_get(&m, "x"));
	map_clear(&m, NULL);
}

/* Against an array as the model, with more removals than the table has slots. */
static void
test_random_against_a_model(void **state)
{
	enum { KEYS = 500, STEPS = 50000 };
	static char values[KEYS];
	bool in[KEYS] = { false };
	struct map m = { 0 };
	size_t n = 0;
	uint32_t rnd = 12345;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		char key[32];
		size_t k;
		void *r;

		rnd = rnd * 1664525 + 1013904223;
		k = (rnd >> 8) % KEYS;
		snprintf(key, sizeof(key), "unit-%zu.service", k);
		assert_int_equal(map_has(&m, key), in[k]);
		if (rnd >> 31) {
			r = map_set(&m, key, &values[k]);
			n += in[k] ? 0 : 1;
			assert_ptr_equal(r, in[k] ? &values[k] : NULL);
			in[k] = true;
		} else {
			r = map_del(&m, key);
			n -= in[k] ? 1 : 0;
			assert_ptr_equal(r, in[k] ? &values[k] : NULL);
			in[k] = false;
		}
		assert_int_equal(m.n, n);
	}
	assert_true(m.cap <= 2048);
	map_clear(&m, NULL);
}

static void
test_iterate_and_remove(void **state)
{
	struct map m = { 0 };
	const char *key;
	void *value;
	size_t it = 0, seen = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		char *k = xasprintf("%d", i);

		map_set(&m, k, xstrdup(k));
		free(k);
	}
	while (map_next(&m, &it, &key, &value)) {
		assert_string_equal(key, value);
		seen++;
		if (seen % 2 == 0) {
			char *copy = xstrdup(key);

			free(map_del(&m, copy));
			free(copy);
		}
	}
	assert_int_equal(seen, 100);
	assert_int_equal(m.n, 50);
	map_clear(&m, free);
}

static void
count(const char *key, void *value, void *arg)
{
	size_t *n = arg;

	(void)key;
	(void)value;
	(*n)++;
}

static void
test_keys_are_sorted(void **state)
{
	struct map m = { 0 };
	struct strv keys = { 0 };
	size_t n = 0;

	(void)state;
	map_set(&m, "b", NULL);
	map_set(&m, "c", NULL);
	map_set(&m, "a", NULL);
	map_keys(&m, &keys);
	map_foreach(&m, count, &n);
	assert_int_equal(n, 3);
	assert_int_equal(keys.n, 3);
	assert_string_equal(keys.v[0], "a");
	assert_string_equal(keys.v[2], "c");
	strv_free(&keys);
	map_clear(&m, NULL);
}

static void
test_two_maps_differ_in_their_key(void **state)
{
	struct map a = { 0 }, b = { 0 };

	(void)state;
	map_set(&a, "x", NULL);
	map_set(&b, "x", NULL);
	assert_memory_not_equal(a.key, b.key, sizeof(a.key));
	map_clear(&a, NULL);
	map_clear(&b, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_set_get_replace_remove),
		cmocka_unit_test(test_a_null_value_is_there),
		cmocka_unit_test(test_random_against_a_model),
		cmocka_unit_test(test_iterate_and_remove),
		cmocka_unit_test(test_keys_are_sorted),
		cmocka_unit_test(test_two_maps_differ_in_their_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
