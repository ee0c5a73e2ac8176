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
		pool_admit(x, now_us, 0);
		end = stpcpy(end, x->data);
	}
	*end = '\0';
	return dst;
}

static struct pool *
new_pool(uint32_t slots, uint64_t spacing_us)
{
	return pool_new(
	    &(struct pool_limits){ .slots = slots, .spacing_us = spacing_us });
}

static void
set_limits(struct pool *p, uint32_t slots, uint64_t spacing_us)
{
	pool_set_limits(
	    p, &(struct pool_limits){ .slots = slots, .spacing_us = spacing_us });
}

static void
wait_at(struct pool *p, struct pool_member *x, int32_t priority, uint64_t number)
{
	pool_wait(p, x, &(struct pool_claim){ .priority = priority, .number = number });
}

static uint64_t
due_us(struct pool *p, uint64_t now_us)
{
	uint64_t until_us;

	(void)pool_bar(p, now_us, &until_us);
	return until_us;
}

static void
wait_all(struct pool *p, struct pool_member *v, const char *names)
{
	for (size_t i = 0; names[i] != '\0'; i++) {
		static char name[16][2];

		name[i][0] = names[i];
		v[i].data = name[i];
		wait_at(p, &v[i], 0, i + 1);
	}
}

static void
who_came_first_is_first(void **st)
{
	struct pool *p = new_pool(2, 0);
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
	struct pool *p = new_pool(1, 0);
	struct pool_member v[5] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abcde");
	wait_at(p, &v[3], 7, 4);
	wait_at(p, &v[1], -1, 2);
	assert_int_equal(pool_place(&v[3]), 1);
	assert_int_equal(pool_place(&v[1]), 5);
	set_limits(p, 5, 0);
	assert_string_equal(admit(p, 1, got), "daceb");
	for (int i = 0; i < 5; i++)
		pool_leave(&v[i]);
	pool_free(p);
}

static void
a_lower_limit_ends_nobody(void **st)
{
	struct pool *p = new_pool(3, 0);
	struct pool_member v[5] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abcde");
	assert_string_equal(admit(p, 1, got), "abc");
	set_limits(p, 1, 0);
	assert_int_equal(pool_held(p), 3);
	pool_leave(&v[0]);
	pool_leave(&v[1]);
	assert_string_equal(admit(p, 1, got), "");
	pool_leave(&v[2]);
	assert_string_equal(admit(p, 1, got), "d");
	set_limits(p, 0, 0);
	pool_leave(&v[3]);
	assert_string_equal(admit(p, 1, got), "");
	assert_int_equal(due_us(p, 1), UINT64_MAX);
	/* What was met while it ran is in, whatever the limit. */
	pool_hold(p, &v[0], 1);
	assert_int_equal(pool_held(p), 1);
	pool_leave(&v[0]);
	pool_leave(&v[4]);
	pool_free(p);
}

static void
starts_are_spaced(void **st)
{
	struct pool *p = new_pool(8, 10 * USEC_PER_SEC);
	struct pool_member v[3] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abc");
	assert_string_equal(admit(p, 100 * USEC_PER_SEC, got), "a");
	assert_int_equal(due_us(p, 100 * USEC_PER_SEC), 110 * USEC_PER_SEC);
	assert_string_equal(admit(p, 110 * USEC_PER_SEC - 1, got), "");
	assert_string_equal(admit(p, 110 * USEC_PER_SEC, got), "b");
	/* The next one is due by time alone only while there is room. */
	set_limits(p, 2, 10 * USEC_PER_SEC);
	assert_int_equal(due_us(p, 1), UINT64_MAX);
	set_limits(p, 3, 0);
	assert_string_equal(admit(p, 110 * USEC_PER_SEC, got), "c");
	for (int i = 0; i < 3; i++)
		pool_leave(&v[i]);
	/* What is remembered of an earlier manager counts. */
	set_limits(p, 3, 10 * USEC_PER_SEC);
	pool_add_start(p, 200 * USEC_PER_SEC);
	wait_all(p, v, "a");
	assert_string_equal(admit(p, 201 * USEC_PER_SEC, got), "");
	assert_string_equal(admit(p, 210 * USEC_PER_SEC, got), "a");
	pool_leave(&v[0]);
	pool_free(p);
}

static void
one_that_is_aside_is_passed_over(void **st)
{
	struct pool *p = new_pool(1, 0);
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
	wait_at(p, &v[0], v[0].priority, v[0].number);
	assert_int_equal(pool_place(&v[0]), 1);
	for (int i = 0; i < 3; i++)
		pool_leave(&v[i]);
	pool_free(p);
}

static void
a_heavy_one_takes_more_slots(void **st)
{
	struct pool *p = new_pool(3, 0);
	struct pool_member v[4] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abcd");
	pool_wait(p, &v[1], &(struct pool_claim){ .weight = 2, .number = 2 });
	pool_wait(p, &v[2], &(struct pool_claim){ .weight = 9, .number = 3 });
	assert_string_equal(admit(p, 1, got), "ab");
	assert_int_equal(pool_taken(p), 3);
	/* What is too large for the pool has it for itself, and nobody passes it. */
	pool_leave(&v[0]);
	assert_string_equal(admit(p, 1, got), "");
	assert_int_equal(pool_bar(p, 1, &(uint64_t){ 0 }), POOL_BAR_SLOTS);
	pool_leave(&v[1]);
	assert_string_equal(admit(p, 1, got), "c");
	assert_int_equal(pool_taken(p), 9);
	pool_leave(&v[2]);
	assert_string_equal(admit(p, 1, got), "d");
	pool_leave(&v[3]);
	assert_int_equal(pool_taken(p), 0);
	pool_free(p);
}

static void
so_many_start_within_a_time(void **st)
{
	struct pool_limits l = { .slots = 9, .rate = 2, .rate_us = 10 * USEC_PER_SEC };
	struct pool *p = pool_new(&l);
	struct pool_member v[6] = { 0 };
	char got[16];

	(void)st;
	wait_all(p, v, "abcdef");
	assert_string_equal(admit(p, 100 * USEC_PER_SEC, got), "ab");
	assert_int_equal(due_us(p, 100 * USEC_PER_SEC), 110 * USEC_PER_SEC);
	assert_string_equal(admit(p, 110 * USEC_PER_SEC - 1, got), "");
	assert_string_equal(admit(p, 110 * USEC_PER_SEC, got), "cd");
	/* What is known of starts outlives another limit. */
	l.rate = 3;
	pool_set_limits(p, &l);
	assert_int_equal(pool_start_us(p, 0), 110 * USEC_PER_SEC);
	assert_int_equal(pool_start_us(p, 1), 110 * USEC_PER_SEC);
	assert_int_equal(pool_start_us(p, 2), 0);
	assert_string_equal(admit(p, 111 * USEC_PER_SEC, got), "e");
	l.rate = 1;
	pool_set_limits(p, &l);
	/* A limit that comes back counts what was meanwhile. */
	l.rate = 3;
	pool_set_limits(p, &l);
	assert_int_equal(due_us(p, 111 * USEC_PER_SEC), 120 * USEC_PER_SEC);
	l.rate = 1;
	pool_set_limits(p, &l);
	assert_int_equal(due_us(p, 111 * USEC_PER_SEC), 121 * USEC_PER_SEC);
	assert_string_equal(admit(p, 121 * USEC_PER_SEC - 1, got), "");
	assert_string_equal(admit(p, 121 * USEC_PER_SEC, got), "f");
	for (int i = 0; i < 6; i++)
		pool_leave(&v[i]);
	pool_free(p);
}

/* A template's instances wait for each other, and the others do not wait for them. */
static void
groups_take_turns(void **st)
{
	static const char *const groups[] = { "a@", "a@", "a@", "a@", "b@", "b@", NULL,
		NULL };
	struct pool *p = new_pool(1, 0);
	struct pool_member v[9] = { 0 };
	char got[16], all[16] = "";

	(void)st;
	wait_all(p, v, "abcdefghi");
	for (uint64_t i = 0; i < 8; i++)
		pool_wait(p, &v[i],
		    &(struct pool_claim){ .number = i + 1, .group = groups[i] });
	pool_leave(&v[8]);
	while (strlen(all) < 8) {
		(void)strcat(all, admit(p, 1, got));
		pool_leave(&v[got[0] - 'a']);
	}
	assert_string_equal(all, "aeghbfcd");
	/* They come in any order, as to a new manager. */
	for (uint64_t i = 8; i-- > 0;)
		pool_wait(p, &v[i],
		    &(struct pool_claim){ .number = i + 1, .group = groups[i] });
	all[0] = '\0';
	while (strlen(all) < 8) {
		(void)strcat(all, admit(p, 1, got));
		pool_leave(&v[got[0] - 'a']);
	}
	assert_string_equal(all, "aeghbfcd");
	pool_free(p);
}

/* Those that come all the while do not keep out whom a group still has. */
static void
a_group_is_not_starved(void **st)
{
	struct pool *p = new_pool(1, 0);
	struct pool_member v[3] = { 0 }, *x;
	uint64_t number = 3, rounds = 0;

	(void)st;
	for (uint64_t i = 0; i < 2; i++)
		pool_wait(
		    p, &v[i], &(struct pool_claim){ .number = i + 1, .group = "a@" });
	wait_at(p, &v[2], 0, number++);
	while (v[1].state == POOL_WAITS) {
		x = pool_next(p, 1);
		assert_non_null(x);
		pool_admit(x, 1, 0);
		pool_leave(x);
		if (x == &v[2])
			wait_at(p, x, 0, number++);
		assert_true(++rounds < 5);
	}
	pool_leave(&v[2]);
	pool_free(p);
}

/* Whoever comes again meanwhile with the place that he had: each group has its turn. */
static void
to_come_again_is_no_turn(void **st)
{
	struct pool *p = new_pool(1, 0);
	struct pool_member v[40] = { 0 }, other = { 0 }, *x;

	(void)st;
	for (uint64_t i = 0; i < 40; i++)
		pool_wait(
		    p, &v[i], &(struct pool_claim){ .number = i + 1, .group = "a@" });
	pool_wait(p, &other, &(struct pool_claim){ .number = 41, .group = "b@" });
	for (int i = 0; i < 2; i++) {
		x = pool_next(p, 1);
		assert_non_null(x);
		pool_admit(x, 1, 0);
		pool_leave(x);
		pool_set_aside(&v[20]);
		pool_wait(p, &v[20], &(struct pool_claim){ .number = 21, .group = "a@" });
	}
	assert_int_equal(other.state, POOL_OUT);
	assert_int_equal(pool_place(&v[20]), 20);
	for (int i = 0; i < 40; i++)
		pool_leave(&v[i]);
	pool_free(p);
}

/* As after a new file of their template: the order is made once, if at all. */
static void
to_ask_again_costs_nothing(void **st)
{
	struct pool *p = new_pool(0, 0);
	struct pool_member *v = calloc(MANY, sizeof(*v));

	(void)st;
	assert_non_null(v);
	for (int32_t round = 0; round < 4; round++) {
		for (uint64_t i = 0; i < MANY; i++) {
			pool_wait(p, &v[i],
			    &(struct pool_claim){
				.number = i + 1, .group = "a@", .priority = round / 2 });
			if (round % 2 == 1)
				assert_ptr_equal(pool_first(p), &v[0]);
		}
		assert_int_equal(pool_place(&v[MANY - 1]), MANY);
	}
	/* As many priorities. */
	for (uint64_t i = 0; i < MANY; i++) {
		wait_at(p, &v[i], (int32_t)i + 2, i + 1);
		assert_ptr_equal(pool_first(p), &v[i]);
	}
	for (int i = 0; i < MANY; i++)
		pool_leave(&v[i]);
	pool_free(p);
	free(v);
}

/* Of many that are called off, those behind them have the turns. */
static void
turns_of_nobody_are_not_waited_for(void **st)
{
	struct pool *p = new_pool(1, 0);
	struct pool_member *v = calloc(MANY, sizeof(*v)), other[8] = { 0 };

	(void)st;
	assert_non_null(v);
	for (uint64_t i = 0; i < MANY; i++)
		pool_wait(
		    p, &v[i], &(struct pool_claim){ .number = i + 1, .group = "a@" });
	for (size_t i = 0; i + 1 < MANY; i++)
		pool_leave(&v[i]);
	for (uint64_t i = 0; i < 8; i++)
		pool_wait(p, &other[i],
		    &(struct pool_claim){ .number = MANY + i, .group = "b@" });
	assert_true(pool_place(&v[MANY - 1]) <= 2);
	for (int i = 0; i < 8; i++)
		pool_leave(&other[i]);
	pool_leave(&v[MANY - 1]);
	pool_free(p);
	free(v);
}

/* Ten thousand of them, put in and taken out in any order. */
static void
places_of_many_are_right(void **st)
{
	struct pool *p = new_pool(8, 0);
	struct pool_member *v = calloc(MANY, sizeof(*v));
	uint64_t left = 0;

	(void)st;
	assert_non_null(v);
	for (size_t i = 0; i < MANY; i++) {
		size_t k = i * 7919 % MANY;

		wait_at(p, &v[k], 0, k + 1);
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
		cmocka_unit_test(a_heavy_one_takes_more_slots),
		cmocka_unit_test(so_many_start_within_a_time),
		cmocka_unit_test(groups_take_turns),
		cmocka_unit_test(a_group_is_not_starved),
		cmocka_unit_test(to_come_again_is_no_turn),
		cmocka_unit_test(to_ask_again_costs_nothing),
		cmocka_unit_test(turns_of_nobody_are_not_waited_for),
		cmocka_unit_test(places_of_many_are_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
