/*
 * pool: the order of those that wait, and the limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "manager/activate/pool.h"

enum { MANY = 10000 };

/* Lets in whoever can be; their names in dst. */
static const char *
admit(struct pool *p, uint64_t now_us, char *dst)
{
	struct pool_member *x;
	char *end = dst;

	while ((x = pool_next(p, now_us)) != NULL) {
		pool_admit(x, now_us);
		end = stpcpy(end, x->data);
	}
	*end = '\0';
	return dst;
}

static void
wait_all(struct pool *p, struct pool_member *v, const char *names)
{
	for (size_t i = 0; names[i] != '\0'; i++) {
		static char name[16][2];

		name[i][0] = names[i];
		v[i].data = name[i];
		pool_wait(p, &v[i], 0, i + 1);
	}
}

static void
who_came_first_is_first(void **st)
{
	struct pool *p = pool_new(2, 0);
	struct pool_member v[5] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abcde");
	assert_int_equal(pool_place(&v[0]), 1);
	assert_int_equal(pool_place(&v[4]), 5);
	assert_string_equal(admit(p, 1, got), "ab");
	assert_int_equal(pool_place(&v[0]), 0);
	assert_int_equal(pool_place(&v[2]), 1);
	assert_int_equal(pool_held(p), 2);
	assert_int_equal(pool_waiting(p), 3);
	pool_leave(&v[3]);
	assert_int_equal(pool_place(&v[4]), 2);
	pool_leave(&v[0]);
	assert_string_equal(admit(p, 1, got), "c");
	pool_leave(&v[1]);
	pool_leave(&v[2]);
	assert_string_equal(admit(p, 1, got), "e");
	pool_leave(&v[4]);
	pool_leave(&v[4]);
	assert_int_equal(pool_held(p) + pool_waiting(p), 0);
	pool_free(p);
}

static void
the_higher_priority_is_before(void **st)
{
	struct pool *p = pool_new(1, 0);
	struct pool_member v[5] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abcde");
	pool_wait(p, &v[3], 7, 4);
	pool_wait(p, &v[1], -1, 2);
	assert_int_equal(pool_place(&v[3]), 1);
	assert_int_equal(pool_place(&v[1]), 5);
	pool_set_limits(p, 5, 0);
	assert_string_equal(admit(p, 1, got), "daceb");
	for (int i = 0; i < 5; i++)
		pool_leave(&v[i]);
	pool_free(p);
}

static void
a_lower_limit_ends_nobody(void **st)
{
	struct pool *p = pool_new(3, 0);
	struct pool_member v[5] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abcde");
	assert_string_equal(admit(p, 1, got), "abc");
	pool_set_limits(p, 1, 0);
	assert_int_equal(pool_held(p), 3);
	pool_leave(&v[0]);
	pool_leave(&v[1]);
	assert_string_equal(admit(p, 1, got), "");
	pool_leave(&v[2]);
	assert_string_equal(admit(p, 1, got), "d");
	pool_set_limits(p, 0, 0);
	pool_leave(&v[3]);
	assert_string_equal(admit(p, 1, got), "");
	assert_int_equal(pool_due_us(p), UINT64_MAX);
	/* What was met while it ran is in, whatever the limit. */
	pool_hold(p, &v[0]);
	assert_int_equal(pool_held(p), 1);
	pool_leave(&v[0]);
	pool_leave(&v[4]);
	pool_free(p);
}

static void
starts_are_spaced(void **st)
{
	struct pool *p = pool_new(8, 10 * USEC_PER_SEC);
	struct pool_member v[3] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abc");
	assert_string_equal(admit(p, 100 * USEC_PER_SEC, got), "a");
	assert_int_equal(pool_due_us(p), 110 * USEC_PER_SEC);
	assert_string_equal(admit(p, 110 * USEC_PER_SEC - 1, got), "");
	assert_string_equal(admit(p, 110 * USEC_PER_SEC, got), "b");
	/* The next one is due by time alone only while there is room. */
	pool_set_limits(p, 2, 10 * USEC_PER_SEC);
	assert_int_equal(pool_due_us(p), UINT64_MAX);
	pool_set_limits(p, 3, 0);
	assert_string_equal(admit(p, 110 * USEC_PER_SEC, got), "c");
	for (int i = 0; i < 3; i++)
		pool_leave(&v[i]);
	/* What is remembered of an earlier manager counts. */
	pool_set_limits(p, 3, 10 * USEC_PER_SEC);
	pool_set_last_us(p, 200 * USEC_PER_SEC);
	wait_all(p, v, "a");
	assert_string_equal(admit(p, 201 * USEC_PER_SEC, got), "");
	assert_string_equal(admit(p, 210 * USEC_PER_SEC, got), "a");
	pool_leave(&v[0]);
	pool_free(p);
}

static void
one_that_is_aside_is_passed_over(void **st)
{
	struct pool *p = pool_new(1, 0);
	struct pool_member v[3] = { 0 };
	const struct pool_member *x;
	char got[16];

	(void)st;
	wait_all(p, v, "abc");
	pool_set_aside(&v[0]);
	assert_int_equal(pool_waiting(p), 3);
	assert_int_equal(pool_place(&v[0]), 0);
	assert_int_equal(pool_place(&v[1]), 1);
	x = pool_each_waiting(p, NULL);
	assert_ptr_equal(x, &v[1]);
	x = pool_each_waiting(p, &v[1]);
	assert_ptr_equal(x, &v[2]);
	x = pool_each_waiting(p, &v[2]);
	assert_ptr_equal(x, &v[0]);
	assert_null(pool_each_waiting(p, &v[0]));
	assert_string_equal(admit(p, 1, got), "b");
	assert_ptr_equal(pool_each_held(p, NULL), &v[1]);
	assert_null(pool_each_held(p, &v[1]));
	/* It has its old place again. */
	pool_wait(p, &v[0], v[0].priority, v[0].number);
	assert_int_equal(pool_place(&v[0]), 1);
	for (int i = 0; i < 3; i++)
		pool_leave(&v[i]);
	pool_free(p);
}

/* Ten thousand of them, put in and taken out in any order. */
static void
places_of_many_are_right(void **st)
{
	struct pool *p = pool_new(8, 0);
	struct pool_member *v = calloc(MANY, sizeof(*v));
	uint64_t left = 0;

	(void)st;
	assert_non_null(v);
	for (size_t i = 0; i < MANY; i++) {
		size_t k = i * 7919 % MANY;

		pool_wait(p, &v[k], 0, k + 1);
	}
	for (size_t i = 0; i < MANY; i += 97)
		assert_int_equal(pool_place(&v[i]), i + 1);
	for (size_t i = 0; i < MANY; i++)
		if (i * 31 % 3 == 0)
			pool_leave(&v[i]);
	for (size_t i = 0; i < MANY; i++) {
		if (v[i].state == POOL_OUT)
			continue;
		left++;
		assert_int_equal(pool_place(&v[i]), left);
	}
	assert_int_equal(pool_waiting(p), left);
	for (size_t i = 0; i < MANY; i++)
		pool_leave(&v[i]);
	pool_free(p);
	free(v);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_came_first_is_first),
		cmocka_unit_test(the_higher_priority_is_before),
		cmocka_unit_test(a_lower_limit_ends_nobody),
		cmocka_unit_test(starts_are_spaced),
		cmocka_unit_test(one_that_is_aside_is_passed_over),
		cmocka_unit_test(places_of_many_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
