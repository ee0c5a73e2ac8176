/*
 * The queue of wake-ups: order, moments that are shared, and what many cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "manager/activate/timer_queue.h"

static void
in_order_of_time(void **state)
{
	struct timer_entry e[4] = { { .queued = false } };
	struct timer_queue q;

	(void)state;
	timer_queue_init(&q, 0);
	assert_int_equal(timer_queue_next(&q), USEC_INFINITY);
	assert_null(timer_queue_take(&q, USEC_INFINITY));
	timer_queue_set(&q, &e[0], 30, 30);
	timer_queue_set(&q, &e[1], 10, 10);
	timer_queue_set(&q, &e[2], 20, 20);
	timer_queue_set(&q, &e[3], 10, 10);
	assert_int_equal(timer_queue_next(&q), 10);
	assert_null(timer_queue_take(&q, 9));
	assert_ptr_equal(timer_queue_take(&q, 25), &e[1]);
	assert_ptr_equal(timer_queue_take(&q, 25), &e[3]);
	timer_queue_set(&q, &e[2], USEC_INFINITY, USEC_INFINITY);
	timer_queue_set(&q, &e[2], USEC_INFINITY, USEC_INFINITY);
	assert_null(timer_queue_take(&q, 25));
	timer_queue_set(&q, &e[0], 5, 5);
	assert_int_equal(timer_queue_next(&q), 5);
}

static void
moments_are_shared(void **state)
{
	struct timer_queue q;
	uint64_t minute = USEC_PER_MINUTE, offset = 7 * USEC_PER_SEC + 123456;

	(void)state;
	timer_queue_init(&q, offset);
	/* Any window of a minute has the same moment of it. */
	for (uint64_t from = 10 * minute; from < 20 * minute; from += 1234567) {
		uint64_t at = timer_queue_moment(&q, from, from + minute);

		assert_true(at >= from && at <= from + minute);
		assert_int_equal(at % minute, offset);
	}
	for (uint64_t us = 1; us < 3 * minute; us = us * 3 + 1)
		for (uint64_t from = 0; from < 5 * minute; from += 777777) {
			uint64_t at = timer_queue_moment(&q, from, from + us);

			assert_true(at >= from && at <= from + us);
		}
	/* No window: at once. */
	assert_int_equal(timer_queue_moment(&q, 5, 5), 5);
}

static void
many_cost_little(void **state)
{
	enum { MANY = 20000 };
	struct timer_entry *e = calloc(MANY, sizeof(*e));
	struct timer_queue q;
	uint64_t last = 0;

	(void)state;
	timer_queue_init(&q, 0);
	for (uint64_t i = 0; i < MANY; i++) {
		uint64_t at = (i * 7919) % MANY;

		timer_queue_set(&q, &e[i], at, at);
	}
	for (int i = 0; i < MANY; i++) {
		const struct timer_entry *taken = timer_queue_take(&q, USEC_INFINITY - 1);

		assert_non_null(taken);
		assert_true(taken->wake_us >= last);
		last = taken->wake_us;
	}
	free(e);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order_of_time),
		cmocka_unit_test(moments_are_shared),
		cmocka_unit_test(many_cost_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
