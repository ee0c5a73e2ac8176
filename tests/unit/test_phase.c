/*
 * Tests of manager/activate/phase: which phase it is by what evidence, over sleep of the
 * machine, clocks that are set and boots.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/clock.h"
#include "manager/activate/phase.h"

#define MIN USEC_PER_MINUTE
#define WALL (UINT64_C(1795000000) * USEC_PER_SEC)

static const struct phase_limits limits = { 15 * MIN, 30 * MIN };

static void
by_time(void **state)
{
	static const struct {
		uint64_t idle_us;
		enum phase phase;
		uint64_t next_us;
	} cases[] = {
		{ 0, PHASE_WAKE, 15 * MIN },
		{ 15 * MIN - 1, PHASE_WAKE, 1 },
		{ 15 * MIN, PHASE_TRANSITIONING, 15 * MIN },
		{ 30 * MIN - 1, PHASE_TRANSITIONING, 1 },
		{ 30 * MIN, PHASE_SLEEP, USEC_INFINITY },
		{ USEC_INFINITY - 1, PHASE_SLEEP, USEC_INFINITY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
		    phase_at(&limits, cases[i].idle_us, false), cases[i].phase);
		assert_true(phase_next_us(&limits, cases[i].idle_us) == cases[i].next_us);
	}
	/* Only a sleep can be a dream. */
	assert_int_equal(phase_at(&limits, 20 * MIN, true), PHASE_TRANSITIONING);
	assert_int_equal(phase_at(&limits, 40 * MIN, true), PHASE_DREAMING);
}

static void
limits_that_are_none(void **state)
{
	struct phase_limits never = { USEC_INFINITY, USEC_INFINITY };
	struct phase_limits no_sleep = { MIN, USEC_INFINITY };
	struct phase_limits at_once = { 30 * MIN, 10 * MIN };

	(void)state;
	assert_int_equal(phase_at(&never, 900 * MIN, false), PHASE_WAKE);
	assert_true(phase_next_us(&never, 900 * MIN) == USEC_INFINITY);
	assert_int_equal(phase_at(&no_sleep, 900 * MIN, true), PHASE_TRANSITIONING);
	assert_true(phase_next_us(&no_sleep, 900 * MIN) == USEC_INFINITY);
	assert_int_equal(phase_at(&at_once, 9 * MIN, false), PHASE_WAKE);
	assert_true(phase_next_us(&at_once, 9 * MIN) == MIN);
	assert_int_equal(phase_at(&at_once, 10 * MIN, false), PHASE_SLEEP);
	assert_true(phase_next_us(&at_once, 10 * MIN) == USEC_INFINITY);
}

static void
the_youngest_evidence_counts(void **state)
{
	struct phase_now now = { 100 * MIN, WALL };
	struct phase_evidence e = { .has_event = false };

	(void)state;
	assert_true(phase_idle_us(&e, &now) == 0);
	e.has_file = true;
	e.file_wall_us = WALL - 7 * MIN;
	assert_true(phase_idle_us(&e, &now) == 7 * MIN);
	assert_true(phase_is_by_file(&e, &now));
	e.has_event = true;
	e.event_boot_us = 95 * MIN;
	assert_true(phase_idle_us(&e, &now) == 5 * MIN);
	assert_false(phase_is_by_file(&e, &now));
	/* A file of the future is as new as can be. */
	e.file_wall_us = WALL + 1000 * MIN;
	assert_true(phase_idle_us(&e, &now) == 0);
	assert_true(phase_is_by_file(&e, &now));
	e.has_file = false;
	e.event_boot_us = 101 * MIN;
	assert_true(phase_idle_us(&e, &now) == 0);
}

static void
clocks_and_boots(void **state)
{
	struct phase_now now = { 100 * MIN, WALL }, later;
	struct phase_evidence e = { .has_event = true, .event_boot_us = 100 * MIN };

	(void)state;
	/* The clock is set by a year, forth and back: no time has passed. */
	later = (struct phase_now){ 101 * MIN, WALL + 525600 * MIN };
	assert_true(phase_idle_us(&e, &later) == MIN);
	later.wall_us = WALL - 525600 * MIN;
	assert_true(phase_idle_us(&e, &later) == MIN);
	/* The machine slept for eight hours: the clock that counts them says so. */
	later = (struct phase_now){ 581 * MIN, WALL + 481 * MIN };
	assert_int_equal(
	    phase_at(&limits, phase_idle_us(&e, &later), false), PHASE_SLEEP);
	/* Another boot, a minute ago: what was before has an age by the wall. */
	now = (struct phase_now){ MIN, WALL };
	e.event_boot_us = phase_event_at(WALL - 20 * MIN, &now);
	assert_true(e.event_boot_us == -(int64_t)(19 * MIN));
	assert_true(phase_idle_us(&e, &now) == 20 * MIN);
	/* From the future, or from the beginning of all. */
	assert_true(phase_event_at(WALL + MIN, &now) == (int64_t)MIN);
	e.event_boot_us = phase_event_at(0, &now);
	assert_true(phase_idle_us(&e, &now) == WALL);
	e.event_boot_us = INT64_MIN;
	assert_true(phase_idle_us(&e, &now) >= (uint64_t)INT64_MAX);
}

static void
names(void **state)
{
	(void)state;
	for (int i = 0; i < PHASE_N; i++)
		assert_int_equal(phase_by_name(phase_name((enum phase)i)), i);
	assert_int_equal(phase_by_name("nap"), -1);
	assert_int_equal(phase_by_name(""), -1);
	assert_true(phase_includes(PHASE_SLEEP, PHASE_DREAMING));
	assert_false(phase_includes(PHASE_DREAMING, PHASE_SLEEP));
	assert_true(phase_includes(PHASE_WAKE, PHASE_WAKE));
	assert_false(phase_includes(PHASE_WAKE, PHASE_SLEEP));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_time),
		cmocka_unit_test(limits_that_are_none),
		cmocka_unit_test(the_youngest_evidence_counts),
		cmocka_unit_test(clocks_and_boots),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
