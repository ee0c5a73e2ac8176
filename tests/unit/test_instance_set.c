/*
 * instance_set: from what a source says to the names of units.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/instance_set.h"

#define TEMPLATE "w@.service"

/* All parts of the names that a text has at a pointer, or "!" and what is wrong. */
static void
expect_json(const char *pointer, const char *text, const char *wanted)
{
	struct instance_set set = { 0 };
	struct buf got = { 0 };
	char *why = NULL;

	if (instance_set_add_json(&set, TEMPLATE, pointer, text, strlen(text), &why) ==
	    -1) {
		buf_addf(&got, "!%s", why);
		assert_int_equal(set.units.n, 0);
	}
	for (size_t i = 0; i < set.units.n; i++) {
		const char *name = set.units.v[i];

		assert_memory_equal(name, "w@", 2);
		buf_addf(&got, "%s%.*s", i == 0 ? "" : " ",
		    (int)(strlen(name) - strlen(TEMPLATE)), name + 2);
	}
	assert_string_equal(buf_str(&got), wanted);
	free(why);
	buf_free(&got);
	instance_set_clear(&set);
}

static void
keys_of_an_object_in_their_order(void **state)
{
	(void)state;
	expect_json("", "{\"b\":1,\"a\":null,\"c\":{\"x\":[]}}", "b a c");
	expect_json("/rigs", "{\"rigs\":{\"one\":{}},\"other\":{\"two\":{}}}", "one");
	expect_json("/a~1b/~0/1", "{\"a/b\":{\"~\":[{},{\"deep\":1}]}}", "deep");
	expect_json("/rigs", "{\"rigs\":{}}", "");
}

static void
texts_and_objects_of_an_array(void **state)
{
	(void)state;
	expect_json("", "[\"b\",\"a\",\"b\"]", "b a");
	expect_json("/r", "{\"r\":[{\"name\":\"one\",\"x\":1},\"two\"]}", "one two");
	/* What is none of these is refused, and the others are not harmed. */
	expect_json("", "[1,\"a\",null,[\"b\"],{\"id\":\"c\"},{\"name\":7}]", "a");
}

static void
what_is_no_source_is_told(void **state)
{
	(void)state;
	expect_json("/rigs", "{}", "!nothing is at /rigs");
	expect_json("/rigs/x", "{\"rigs\":[]}", "!nothing is at /rigs/x");
	expect_json("/rigs", "{\"rigs\":7}",
	    "!/rigs is a number, neither an object nor an array");
	expect_json("", "\"x\"", "!it is a string, neither an object nor an array");
	expect_json("", "null", "!it is null, neither an object nor an array");
}

static void
no_json(void **state)
{
	static const char *const texts[] = { "", "{", "{\"a\":1,}", "{\"a\":1} x",
		"{\"a\":1,\"a\":2}", "\xff", "[" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct instance_set set = { 0 };
		char *why = NULL;

		assert_int_equal(instance_set_add_json(&set, TEMPLATE, "", texts[i],
				     strlen(texts[i]), &why),
		    -1);
		assert_non_null(strstr(why, "no valid JSON: "));
		free(why);
	}
}

/* What a text becomes; "" when it is refused. */
static void
expect_name(const char *text, size_t len, const char *wanted)
{
	struct instance_set set = { 0 };

	assert_int_equal(instance_set_add(&set, TEMPLATE, text, len), 0);
	if (*wanted == '\0') {
		assert_int_equal(set.units.n, 0);
		assert_int_equal(set.n_refused, 1);
		assert_int_equal(set.refused.n, 1);
	} else {
		assert_int_equal(set.units.n, 1);
		assert_string_equal(set.units.v[0], wanted);
		assert_int_equal(set.n_refused, 0);
	}
	instance_set_clear(&set);
}

static void
names(void **state)
{
	char text[300];

	(void)state;
	expect_name("gas-town_2.0:x", 14, "w@gas-town_2.0:x.service");
	expect_name("-", 1, "w@-.service");
	/* As systemd-escape has it: nothing leaves the folder that it is used in. */
	expect_name("two words", 9, "w@two\\x20words.service");
	expect_name("a/b", 3, "w@a-b.service");
	expect_name("a-b/c", 5, "w@a\\x2db-c.service");
	expect_name("..", 2, "w@\\x2e..service");
	expect_name(".hidden", 7, "w@\\x2ehidden.service");
	expect_name("../../etc", 9, "w@\\x2e.-..-etc.service");
	expect_name("\\x41", 4, "w@\\x5cx41.service");
	expect_name("a@b", 3, "w@a\\x40b.service");
	expect_name("%i$(x)\n", 7, "w@\\x25i\\x24\\x28x\\x29\\x0a.service");
	expect_name("\xc3\xa9", 2, "w@\\xc3\\xa9.service");
	expect_name("", 0, "");
	expect_name("a\0b", 3, "");
	memset(text, 'x', sizeof(text));
	expect_name(text, sizeof(text), "");
	expect_name(text, 255 - strlen("w@.service") + 1, "");
	memset(text, ' ', sizeof(text));
	expect_name(text, 100, "");
}

static void
two_that_are_one_unit(void **state)
{
	struct instance_set set = { 0 };

	(void)state;
	assert_int_equal(instance_set_add(&set, TEMPLATE, "a-b", 3), 0);
	assert_int_equal(instance_set_add(&set, TEMPLATE, "a/b", 3), 0);
	assert_int_equal(set.units.n, 1);
	assert_string_equal(
	    set.refused.v[0], "a/b: another name is that of the same unit");
	instance_set_clear(&set);
}

static void
bounds(void **state)
{
	struct instance_set set = { 0 };
	char name[16];
	size_t n = 0;

	(void)state;
	for (; n < INSTANCE_SET_MAX; n++) {
		snprintf(name, sizeof(name), "n%zu", n);
		assert_int_equal(instance_set_add(&set, TEMPLATE, name, strlen(name)), 0);
	}
	/* The same again is not one more. */
	assert_int_equal(instance_set_add(&set, TEMPLATE, "n7", 2), 0);
	assert_int_equal(instance_set_add(&set, TEMPLATE, "more", 4), -1);
	for (n = 0; n < 100; n++)
		assert_int_equal(instance_set_add(&set, TEMPLATE, "", 0), 0);
	assert_int_equal(set.n_refused, 100);
	assert_int_equal(set.refused.n, INSTANCE_REFUSED_SHOWN);
	instance_set_clear(&set);
}

static void
expect_capture(const char *component, const char *name, const char *wanted)
{
	char *got = instance_capture(component, name);

	if (wanted == NULL)
		assert_null(got);
	else
		assert_string_equal(got, wanted);
	free(got);
}

static void
captures(void **state)
{
	(void)state;
	expect_capture("*", "a", "a");
	expect_capture("*", ".a", NULL);
	expect_capture("*.json", "a.json", "a");
	expect_capture("*.json", "a.jsonl", NULL);
	expect_capture("rig-*.json", "rig-a.b.json", "a.b");
	expect_capture("rig-*.json", "rig-.json", "");
	expect_capture("a*b*c", "aXbYc", "XbY");
	expect_capture("x?", "xy", "y");
	expect_capture("x[ab]-*z", "xa-bz", "a-b");
	expect_capture("aba*aba", "aba", NULL);
	expect_capture("a[b", "a[b", "a[b");
	assert_true(instance_is_wild("a*", 2));
	assert_false(instance_is_wild("ab*", 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_of_an_object_in_their_order),
		cmocka_unit_test(texts_and_objects_of_an_array),
		cmocka_unit_test(what_is_no_source_is_told),
		cmocka_unit_test(no_json),
		cmocka_unit_test(names),
		cmocka_unit_test(two_that_are_one_unit),
		cmocka_unit_test(bounds),
		cmocka_unit_test(captures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
