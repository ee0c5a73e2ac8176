/*
 * due: the order of what is wanted at one wake-up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "manager/session/due.h"

struct desk {
	struct due *d;
	struct buf did;
	struct map after; /* unit to struct strv */
	struct strv lists[8];
	const char *fails;   /* "unit:step" */
	const char *adds;    /* a unit that is added by each step */
	const char *forgets; /* a unit that the first step forgets */
};

static bool
on_run(void *arg, const char *unit, enum due_step step)
{
	struct desk *k = arg;
	char what[64];

	snprintf(what, sizeof(what), "%s:%s", unit, due_step_name(step));
	if (k->did.len > 0)
		buf_addc(&k->did, ' ');
	buf_adds(&k->did, what);
	if (k->adds != NULL)
		due_add(k->d, k->adds, DUE_STALE);
	if (k->forgets != NULL)
		due_forget(k->d, k->forgets);
	return k->fails == NULL || strcmp(what, k->fails) != 0;
}

static const struct strv *
on_after(void *arg, const char *unit)
{
	return map_get(&((struct desk *)arg)->after, unit);
}

/* after: "b:a c:b", one list a unit. */
static void
begin(struct desk *k, const char *after)
{
	struct due_ops ops = { on_run, on_after, k };
	struct strv words = { 0 };

	memset(k, 0, sizeof(*k));
	k->d = due_new(&ops);
	strv_split(&words, after, " ");
	for (uint32_t i = 0; i < words.n; i++) {
		char *colon = strchr(words.v[i], ':');

		*colon = '\0';
		strv_split(&k->lists[i], colon + 1, ",");
		map_set(&k->after, words.v[i], &k->lists[i]);
	}
	strv_free(&words);
}

static void
add(struct desk *k, const char *what)
{
	struct strv words = { 0 };

	strv_split(&words, what, " ");
	for (uint32_t i = 0; i < words.n; i++) {
		char *colon = strchr(words.v[i], ':');

		*colon = '\0';
		for (int s = 0; s < DUE_NSTEPS; s++)
			if (strcmp(due_step_name((enum due_step)s), colon + 1) == 0)
				due_add(k->d, words.v[i], (enum due_step)s);
	}
	strv_free(&words);
}

static void
finish(struct desk *k)
{
	due_free(k->d);
	buf_free(&k->did);
	map_clear(&k->after, NULL);
	for (size_t i = 0; i < 8; i++)
		strv_free(&k->lists[i]);
}

static void
orders(void **st)
{
	static const struct {
		const char *after, *add, *does;
	} t[] = {
		/* B10, within one unit, in whatever order they came. */
		{ "", "a:stale a:requests a:poke a:pending a:ensure",
		    "a:ensure a:poke a:pending a:requests a:stale" },
		/* B10: the deacon, then its witnesses. */
		{ "a-witness:deacon b-witness:deacon",
		    "b-witness:poke a-witness:poke deacon:poke deacon:ensure",
		    "deacon:ensure deacon:poke a-witness:poke b-witness:poke" },
		{ "", "c:poke a:poke b:poke", "a:poke b:poke c:poke" },
		{ "a:b b:c", "a:poke b:poke c:poke", "c:poke b:poke a:poke" },
		{ "a:b,c", "a:poke b:poke c:poke", "b:poke c:poke a:poke" },
		/* Who wants nothing is not waited for, nor oneself, nor twice. */
		{ "a:z,a,b,b", "a:poke b:poke", "b:poke a:poke" },
		/* A cycle, and what comes after it. */
		{ "b:a,c c:b d:c", "a:poke b:poke c:poke d:poke",
		    "a:poke b:poke c:poke d:poke" },
		{ "a:b b:a", "b:poke a:poke", "a:poke b:poke" },
		{ "", "a:poke a:poke", "a:poke" },
		{ "", "", "" },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct desk k;

		begin(&k, t[i].after);
		add(&k, t[i].add);
		assert_int_equal(due_run(k.d), 0);
		assert_string_equal(buf_str(&k.did), t[i].does);
		assert_false(due_any(k.d));
		finish(&k);
	}
}

static void
a_failure_stops_nothing(void **st)
{
	struct desk k;

	(void)st;
	begin(&k, "b:a");
	add(&k, "a:ensure a:poke a:stale b:poke");
	k.fails = "a:ensure";
	assert_int_equal(due_run(k.d), 1);
	assert_string_equal(buf_str(&k.did), "a:ensure a:poke a:stale b:poke");
	finish(&k);
}

static void
what_is_added_meanwhile_is_for_the_next_time(void **st)
{
	struct desk k;

	(void)st;
	begin(&k, "");
	add(&k, "a:poke b:poke");
	k.adds = "a";
	assert_int_equal(due_run(k.d), 0);
	assert_string_equal(buf_str(&k.did), "a:poke b:poke");
	assert_true(due_any(k.d));
	k.adds = NULL;
	assert_int_equal(due_run(k.d), 0);
	assert_string_equal(buf_str(&k.did), "a:poke b:poke a:stale");
	finish(&k);
}

static void
a_unit_that_is_gone_has_no_turn(void **st)
{
	struct desk k;

	(void)st;
	begin(&k, "");
	add(&k, "a:poke b:poke c:poke");
	due_forget(k.d, "c");
	k.forgets = "b";
	assert_int_equal(due_run(k.d), 0);
	assert_string_equal(buf_str(&k.did), "a:poke");
	finish(&k);
	/* Itself, in the middle. */
	begin(&k, "");
	add(&k, "a:ensure a:poke a:stale");
	k.forgets = "a";
	assert_int_equal(due_run(k.d), 0);
	assert_string_equal(buf_str(&k.did), "a:ensure");
	finish(&k);
}

/* A chain of thousands is no recursion, and no square of it. */
static void
many(void **st)
{
	enum { N = 20000 };
	struct desk k;
	static struct strv lists[N];
	char name[16], before[16];

	(void)st;
	begin(&k, "");
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "u%05d", N - i);
		snprintf(before, sizeof(before), "u%05d", N - i + 1);
		strv_add(&lists[i], before);
		map_set(&k.after, name, &lists[i]);
		due_add(k.d, name, DUE_POKE);
	}
	assert_int_equal(due_run(k.d), 0);
	assert_memory_equal(k.did.data, "u20000:poke u19999:poke ", 24);
	for (int i = 0; i < N; i++)
		strv_free(&lists[i]);
	finish(&k);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(a_failure_stops_nothing),
		cmocka_unit_test(what_is_added_meanwhile_is_for_the_next_time),
		cmocka_unit_test(a_unit_that_is_gone_has_no_turn),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
