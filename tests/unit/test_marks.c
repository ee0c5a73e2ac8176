/*
 * Tests of manager/activate/marks: sets, rules, what is consumed, and what is read from a
 * file that anybody could have written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "manager/activate/marks.h"

#define T0 (UINT64_C(1795000000) * USEC_PER_SEC)
#define HOUR USEC_PER_HOUR

static void
add_key(void *arg, const char *key, uint64_t at_us)
{
	(void)at_us;
	strv_add(arg, key);
}

/* The keys of a set, the oldest first. */
static void
check_keys(const struct marks *ms, const char *set, const char *want)
{
	struct strv keys = { 0 };
	char *got;

	marks_each(ms, set, add_key, &keys);
	got = strv_join(&keys, " ");
	assert_string_equal(got, want);
	free(got);
	strv_free(&keys);
}

static void
declare(struct marks *ms, uint32_t max, uint64_t expire_us, uint64_t expire_event_us)
{
	struct marks_rules r = { max, expire_us, expire_event_us };

	marks_declare(ms, "s", &r);
}

static void
the_newest_stay(void **state)
{
	struct marks *ms = marks_new();

	(void)state;
	declare(ms, 2, USEC_INFINITY, USEC_INFINITY);
	marks_add(ms, "s", "a", T0);
	marks_add(ms, "s", "b", T0 + 1);
	marks_add(ms, "s", "c", T0 + 2);
	check_keys(ms, "s", "a b c");
	assert_int_equal(marks_prune(ms, "s", T0 + 2), 1);
	assert_int_equal(marks_prune(ms, "s", T0 + 2), 0);
	check_keys(ms, "s", "b c");
	/* Its time anew: it is the newest. */
	marks_add(ms, "s", "b", T0 + 3);
	marks_add(ms, "s", "d", T0 + 4);
	marks_prune(ms, "s", T0 + 4);
	check_keys(ms, "s", "b d");
	assert_int_equal(marks_oldest_us(ms, "s"), T0 + 3);
	marks_free(ms);
}

static void
strictly_older_goes(void **state)
{
	struct marks *ms = marks_new();

	(void)state;
	declare(ms, 10, 24 * HOUR, USEC_INFINITY);
	marks_add(ms, "s", "a", T0);
	marks_add(ms, "s", "b", T0 + 1);
	marks_add(ms, "s", "future", T0 + 900 * HOUR);
	assert_int_equal(marks_prune(ms, "s", T0 + 24 * HOUR), 0);
	assert_int_equal(marks_prune(ms, "s", T0 + 24 * HOUR + 1), 1);
	check_keys(ms, "s", "b future");
	/* The clock is set back: nothing is too old, and nothing overflows. */
	assert_int_equal(marks_prune(ms, "s", 1), 0);
	marks_free(ms);
}

static void
two_rules(void **state)
{
	struct marks *ms = marks_new();
	struct marks_due due;
	uint64_t next;

	(void)state;
	declare(ms, 10, 24 * HOUR, HOUR);
	assert_false(marks_next_due(ms, T0, &due, &next));
	assert_true(next == USEC_INFINITY);
	marks_add(ms, "s", "a", T0);
	marks_add(ms, "s", "b", T0 + 5);
	assert_false(marks_next_due(ms, T0 + HOUR, &due, &next));
	assert_true(next == T0 + HOUR + 1);
	assert_true(marks_next_due(ms, next, &due, &next));
	assert_string_equal(due.set, "s");
	assert_string_equal(due.key, "a");
	assert_true(due.at_us == T0);
	marks_remove(ms, "s", "a");
	assert_false(marks_next_due(ms, T0 + HOUR + 1, &due, &next));
	assert_true(next == T0 + 5 + HOUR + 1);
	/* The silent one does not take what the other is to tell of. */
	assert_int_equal(marks_prune(ms, "s", T0 + 2 * HOUR), 0);
	marks_free(ms);
}

static void
a_set_is_there_while_it_is_used(void **state)
{
	struct marks *ms = marks_new();
	struct strv names = { 0 };

	(void)state;
	marks_add(ms, "x", "k", T0);
	declare(ms, 10, USEC_INFINITY, USEC_INFINITY);
	assert_true(marks_is_declared(ms, "s"));
	assert_false(marks_is_declared(ms, "x"));
	assert_int_equal(marks_rules_of(ms, "x")->max, MARKS_MAX_DFLT);
	marks_add(ms, "s", "k", T0);
	marks_undeclare_all(ms);
	assert_false(marks_is_declared(ms, "s"));
	assert_true(marks_has(ms, "s", "k", NULL));
	assert_true(marks_remove(ms, "s", "k"));
	assert_false(marks_remove(ms, "s", "k"));
	assert_int_equal(marks_clear(ms, "x"), 1);
	marks_names(ms, &names);
	assert_int_equal(names.n, 0);
	strv_free(&names);
	for (int i = 0; i < MARKS_SETS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		assert_true(marks_add(ms, name, "k", T0));
	}
	assert_false(marks_add(ms, "more", "k", T0));
	assert_true(marks_add(ms, "n7", "k2", T0));
	marks_free(ms);
}

static void
who_asks_again_hears_the_same(void **state)
{
	struct marks *ms = marks_new();
	char token[16];

	(void)state;
	marks_spend(ms, "s", "k", "t");
	assert_true(marks_is_spent(ms, "s", "k", "t"));
	assert_false(marks_is_spent(ms, "s", "k", "u"));
	assert_false(marks_is_spent(ms, "s", "other", "t"));
	assert_false(marks_is_spent(ms, "other", "k", "t"));
	for (int i = 0; i < MARKS_SPENT_MAX; i++) {
		snprintf(token, sizeof(token), "t%d", i);
		marks_spend(ms, "s", "k", token);
	}
	assert_false(marks_is_spent(ms, "s", "k", "t"));
	assert_true(marks_is_spent(ms, "s", "k", "t0"));
	marks_free(ms);
}

static size_t
read_text(struct marks *ms, const char *text)
{
	struct jv *v = jv_parse(text, strlen(text), NULL);
	size_t bad = marks_read(ms, v);

	jv_free(v);
	return bad;
}

static void
what_is_no_key_with_a_time_is_dropped(void **state)
{
	struct marks *ms = marks_new();
	char text[400], longer[300];
	uint64_t at;

	(void)state;
	memset(longer, 'k', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(read_text(ms, "[]"), 0);
	assert_int_equal(read_text(ms, "{\"sets\":7,\"spent\":{}}"), 0);
	assert_int_equal(read_text(ms, "{\"sets\":{\"s\":{\"a\":true,\"b\":null,\"c\":5,"
				       "\"d\":[],\"e\":\"\",\"f\":\"now\",\"g\":\"2026\","
				       "\"h\":\"2026-02-30T00:00:00Z\"}}}"),
	    8);
	assert_int_equal(
	    read_text(ms, "{\"sets\":{\"a b\":{\"k\":\"2026-01-01T00:00:00Z\"},"
			  "\"l\":[],\"\":{}}}"),
	    3);
	snprintf(text, sizeof(text),
	    "{\"sets\":{\"s\":{\"%s\":\"2026-01-01T00:00:00Z\","
	    "\"a\\nb\":\"2026-01-01T00:00:00Z\","
	    "\"\":\"2026-01-01T00:00:00Z\"}}}",
	    longer);
	assert_int_equal(read_text(ms, text), 3);
	assert_int_equal(read_text(ms, "{\"sets\":{},\"spent\":[1,{\"set\":\"s\"},"
				       "{\"set\":\"s\",\"key\":\"k\",\"token\":\"t\"}]}"),
	    2);
	assert_true(marks_is_spent(ms, "s", "k", "t"));
	check_keys(ms, "s", "");
	assert_int_equal(
	    read_text(ms, "{\"sets\":{\"s\":{\"z\":\"2026-01-01T02:00:00+02:00\","
			  "\"naive\":\"2026-01-01T00:00:00.5\"}}}"),
	    0);
	assert_true(marks_has(ms, "s", "z", &at));
	assert_true(at == UINT64_C(1767225600) * USEC_PER_SEC);
	assert_true(marks_has(ms, "s", "naive", &at));
	assert_true(at == UINT64_C(1767225600) * USEC_PER_SEC + 500000);
	marks_free(ms);
}

static void
written_and_read_back(void **state)
{
	struct marks *a = marks_new(), *b = marks_new();
	struct jw *w = jw_new(JW_PRETTY);
	struct buf x = { 0 };
	uint64_t at;

	(void)state;
	marks_add(a, "s", "a \"key\" with spaces", T0 + 123456);
	marks_add(a, "s", "b", T0);
	marks_spend(a, "s", "c", "t");
	jw_obj(w);
	marks_write(a, w);
	jw_end(w);
	jw_take(w, &x);
	assert_int_equal(read_text(b, buf_str(&x)), 0);
	check_keys(b, "s", "b a \"key\" with spaces");
	assert_true(marks_has(b, "s", "a \"key\" with spaces", &at));
	assert_true(at == T0 + 123456);
	assert_true(marks_is_spent(b, "s", "c", "t"));
	jw_free(w);
	buf_free(&x);
	marks_free(a);
	marks_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_newest_stay),
		cmocka_unit_test(strictly_older_goes),
		cmocka_unit_test(two_rules),
		cmocka_unit_test(a_set_is_there_while_it_is_used),
		cmocka_unit_test(who_asks_again_hears_the_same),
		cmocka_unit_test(what_is_no_key_with_a_time_is_dropped),
		cmocka_unit_test(written_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
