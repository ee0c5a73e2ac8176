/* Ids of runs: their form, their order, and that none comes twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/runid.h"

enum { MANY = 20000 };

static void
sorted_and_single(void **state)
{
	char before[RUN_ID_SIZE] = "", id[RUN_ID_SIZE];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		assert_ptr_equal(run_id_make(id), id);
		assert_true(run_id_is(id));
		assert_true(strcmp(before, id) < 0);
		memcpy(before, id, sizeof(id));
	}
}

static void
what_is_none(void **state)
{
	static const char *const none[] = { "", "r", "17", "deacon", "r01kbb0mqvz7hk",
		"r01kbb0mqvz7hk22", "x01kbb0mqvz7hk2", "r01kbb0mqvz7hkU",
		"r01kbb0mqvz7hki", "r01kbb0mqvz7h.s", "R01KBB0MQVZ7HK2" };

	(void)state;
	assert_true(run_id_is("r01kbb0mqvz7hk2"));
	assert_false(run_id_is(NULL));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(run_id_is(none[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorted_and_single),
		cmocka_unit_test(what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
