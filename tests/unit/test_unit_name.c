/*
 * Tests of unit/name: what is a name, templates, instances, escaping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/builtin.h"
#include "unit/name.h"

static void
valid_names(void **state)
{
	static const char *const good[] = { "a.service", "a-b_c:d.e.service",
		"foo@.service", "foo@bar.service", "foo@a\\x20b.service",
		"mail@me@host.service", "x.target", "-.slice", "0.timer", "a.b.socket" };
	static const char *const bad[] = { "", "a", ".service", ".x.service", "@.service",
		"@x.service", "a b.service", "a/b.service", "../a.service", "a.serviced",
		"a.service/", "\xc3\xa9.service", "a\n.service", "a.conf", "a.service.d",
		"a%.service" };
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!unit_name_is_valid(good[i]))
			fail_msg("%s is a name", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (unit_name_is_valid(bad[i]))
			fail_msg("%s is not a name", bad[i]);
	memset(name, 'a', sizeof(name));
	strcpy(name + UNIT_NAME_MAX - 8, ".service");
	assert_true(unit_name_is_valid(name));
	strcpy(name + UNIT_NAME_MAX - 7, ".service");
	assert_false(unit_name_is_valid(name));
}

static void
check(char *got, const char *want)
{
	if (want == NULL) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void
parts_of_names(void **state)
{
	(void)state;
	check(unit_name_prefix("foo@bar.service"), "foo");
	check(unit_name_prefix("foo.bar.service"), "foo.bar");
	check(unit_name_instance("foo@bar.service"), "bar");
	check(unit_name_instance("foo@.service"), "");
	check(unit_name_instance("foo.service"), NULL);
	check(unit_name_instance("foo@a.b@c.service"), "a.b@c");
	check(unit_name_stem("witness@gastown.service"), "witness@gastown");
	check(unit_name_stem("no-type"), "no-type");
	check(unit_name_template("foo@bar.service"), "foo@.service");
	check(unit_name_template("foo@.service"), NULL);
	check(unit_name_template("foo.service"), NULL);
	check(unit_name_add_suffix("foo"), "foo.service");
	check(unit_name_add_suffix("foo.timer"), "foo.timer");
	check(unit_name_add_suffix("foo.txt"), "foo.txt.service");
	check(unit_name_add_suffix("foo bar"), NULL);
	check(unit_name_replace_instance("foo@.service", "x"), "foo@x.service");
	check(unit_name_replace_instance("foo@.service", "a/b"), NULL);
	check(unit_name_replace_instance("foo.service", "x"), NULL);
	assert_true(unit_name_is_template("foo@.service"));
	assert_false(unit_name_is_template("foo@x.service"));
	assert_true(unit_name_is_instance("foo@x.service"));
	assert_int_equal(unit_name_type("a.slice"), UNIT_SLICE);
	assert_int_equal(unit_name_type("a.conf"), UNIT_TYPE_NONE);
}

static void
escaping(void **state)
{
	(void)state;
	check(unit_name_escape("a/b c"), "a-b\\x20c");
	check(unit_name_escape("-"), "\\x2d");
	check(unit_name_escape(".x.y"), "\\x2ex.y");
	check(unit_name_escape("\xc3\xa9"), "\\xc3\\xa9");
	check(unit_name_unescape("a-b\\x20c"), "a/b c");
	check(unit_name_unescape("a\\x2"), NULL);
	check(unit_name_unescape("a\\n"), NULL);
	check(unit_name_unescape("\\x00"), NULL);
	check(unit_name_path_escape("/"), "-");
	check(unit_name_path_escape("//a///b/./c/"), "a-b-c");
	check(unit_name_path_escape("/a/../b"), NULL);
	check(unit_name_path_escape("/.hidden"), "\\x2ehidden");
	check(unit_name_path_unescape("-"), "/");
	check(unit_name_path_unescape("a-b\\x2dc"), "/a/b-c");
}

static void
every_byte_survives_escaping(void **state)
{
	char text[256];
	char *escaped;

	(void)state;
	for (int i = 1; i < 256; i++)
		text[i - 1] = (char)i;
	text[255] = '\0';
	escaped = unit_name_escape(text);
	check(unit_name_unescape(escaped), text);
	free(escaped);
}

static void
standard_targets_are_known(void **state)
{
	(void)state;
	assert_true(unit_name_is_builtin("basic.target"));
	assert_true(unit_name_is_builtin("multi-user.target"));
	assert_true(unit_name_is_builtin("network.target"));
	assert_true(unit_name_is_builtin("network-online.target"));
	assert_true(unit_name_is_builtin("nss-lookup.target"));
	assert_true(unit_name_is_builtin("sysinit.target"));
	assert_true(unit_name_is_builtin("veritysetup.target"));
	assert_true(unit_name_is_builtin("reboot.target"));
	assert_true(unit_name_is_builtin("default.target"));
	assert_true(unit_name_is_builtin("runlevel3.target"));
	assert_true(unit_name_is_builtin("-.slice"));
	assert_true(unit_name_is_builtin("user-1000.slice"));
	assert_true(unit_name_is_builtin("var-lib.mount"));
	assert_true(unit_name_is_builtin("dev-sda1.device"));
	assert_false(unit_name_is_builtin("mine@.slice"));
	assert_false(unit_name_is_builtin("mine.socket"));
	assert_false(unit_name_is_builtin("mine.target"));
	assert_false(unit_name_is_builtin("network.service"));
}

/* Looked up by halves; other names lead to what is there. */
static void
builtin_names_are_in_order(void **state)
{
	const char *last = "";

	(void)state;
	for (unsigned i = 0; builtin_name(i) != NULL; i++) {
		const char *name = builtin_name(i), *target = builtin_alias(name);
		struct buf text = { 0 };

		assert_true(strcmp(last, name) < 0);
		assert_true(unit_name_is_valid(name));
		assert_true(unit_name_is_builtin(name));
		last = name;
		if (target != NULL) {
			assert_true(unit_name_is_builtin(target));
			assert_null(builtin_alias(target));
			assert_int_equal(unit_name_type(target), unit_name_type(name));
			continue;
		}
		builtin_text(name, &text);
		assert_non_null(strstr(buf_str(&text), "Description="));
		buf_free(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_names),
		cmocka_unit_test(parts_of_names),
		cmocka_unit_test(escaping),
		cmocka_unit_test(every_byte_survives_escaping),
		cmocka_unit_test(standard_targets_are_known),
		cmocka_unit_test(builtin_names_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
