/*
 * Tests of lib/strv.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/strv.h"
#include "lib/xalloc.h"

static void
test_empty(void **state)
{
	struct strv sv = { 0 };
	char *s;

	(void)state;
	assert_non_null(strv_argv(&sv));
	assert_null(strv_argv(&sv)[0]);
	s = strv_join(&sv, ",");
	assert_string_equal(s, "");
	free(s);
	assert_false(strv_contains(&sv, ""));
	assert_int_equal(strv_remove(&sv, "x"), 0);
	strv_sort(&sv);
	strv_free(&sv);
}

static void
test_add_and_end(void **state)
{
	struct strv sv = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++) {
		strv_addf(&sv, "%d", i);
		assert_int_equal(sv.n, i + 1);
		assert_null(sv.v[sv.n]);
	}
	assert_string_equal(sv.v[99], "99");
	strv_addn(&sv, "abcdef", 3);
	assert_string_equal(sv.v[100], "abc");
	strv_take(&sv, xstrdup("mine"));
	assert_true(strv_contains(&sv, "mine"));
	assert_false(strv_add_unique(&sv, "mine"));
	assert_true(strv_add_unique(&sv, "yours"));
	strv_free(&sv);
}

static void
test_remove(void **state)
{
	struct strv sv = { 0 };
	char *s;

	(void)state;
	strv_split(&sv, " a b a c a ", " ");
	assert_int_equal(sv.n, 5);
	/* The argument may be one of the strings that go. */
	assert_int_equal(strv_remove(&sv, sv.v[0]), 3);
	s = strv_join(&sv, "+");
	assert_string_equal(s, "b+c");
	free(s);
	assert_null(sv.v[2]);
	strv_remove_at(&sv, 0);
	assert_string_equal(sv.v[0], "c");
	assert_null(sv.v[1]);
	strv_free(&sv);
}

static void
test_copy_equal_sort(void **state)
{
	struct strv a = { 0 }, b = { 0 };

	(void)state;
	strv_split(&a, "c:a:b", ":");
	strv_add(&b, "old");
	strv_copy(&b, &a);
	assert_true(strv_equal(&a, &b));
	strv_copy(&b, &b);
	assert_true(strv_equal(&a, &b));
	strv_sort(&b);
	assert_false(strv_equal(&a, &b));
	assert_string_equal(b.v[0], "a");
	strv_add_all(&b, &b);
	assert_int_equal(b.n, 6);
	strv_move_all(&b, &a);
	assert_int_equal(b.n, 9);
	assert_int_equal(a.n, 0);
	strv_move_all(&a, &b);
	assert_int_equal(a.n, 9);
	assert_null(a.v[9]);
	assert_null(b.v);
	strv_move_all(&a, &b);
	assert_int_equal(a.n, 9);
	strv_free(&a);
	strv_free(&b);
}

static void
test_environment(void **state)
{
	struct strv env = { 0 };

	(void)state;
	strv_env_set(&env, "PATH=/bin");
	strv_env_set(&env, "PATHS=x");
	strv_env_set(&env, "PATH=/usr/bin=y");
	assert_int_equal(env.n, 2);
	assert_string_equal(strv_env_get(&env, "PATH"), "/usr/bin=y");
	assert_null(strv_env_get(&env, "PAT"));
	strv_env_set(&env, "PATHS=");
	assert_string_equal(strv_env_get(&env, "PATHS"), "");
	strv_env_unset(&env, "PATH");
	assert_null(strv_env_get(&env, "PATH"));
	assert_int_equal(env.n, 1);
	strv_free(&env);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_add_and_end),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_copy_equal_sort),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
