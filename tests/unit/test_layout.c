/*
 * Tests of journal/layout and journal/pattern.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "journal/layout.h"
#include "journal/pattern.h"
#include "lib/buf.h"

static void
test_refs(void **state)
{
	char longest[70];

	(void)state;
	assert_true(layout_ref_is_valid("1795257045123"));
	assert_true(layout_ref_is_valid("job_7.a-B"));
	assert_false(layout_ref_is_valid(""));
	assert_false(layout_ref_is_valid("."));
	assert_false(layout_ref_is_valid(".."));
	assert_false(layout_ref_is_valid("a/b"));
	assert_false(layout_ref_is_valid("a b"));
	memset(longest, 'r', 65);
	longest[65] = '\0';
	assert_false(layout_ref_is_valid(longest));
	longest[64] = '\0';
	assert_true(layout_ref_is_valid(longest));
	assert_true(layout_ref_cmp("9", "10") < 0);
	assert_true(layout_ref_cmp("10", "10.1") < 0);
	assert_true(layout_ref_cmp("10", "abc") < 0);
	assert_int_equal(layout_ref_cmp("abc", "abc"), 0);
}

static void
test_names(void **state)
{
	char name[LAYOUT_NAME_MAX + 1], other[LAYOUT_NAME_MAX + 1], text[600];

	(void)state;
	assert_string_equal(
	    layout_name(name, sizeof(name), "witness@gastown"), "witness@gastown");
	assert_string_equal(layout_name(name, sizeof(name), "a/b c"), "a\\x2fb\\x20c");
	assert_string_equal(layout_name(name, sizeof(name), ".."), "\\x2e.");
	assert_string_equal(layout_name(name, sizeof(name), ""), "-");
	assert_string_equal(
	    layout_name_of_unit(name, sizeof(name), "w@a.b.service"), "w@a.b");
	assert_string_equal(layout_name_of_unit(name, sizeof(name), "plain"), "plain");
	memset(text, 'x', 500);
	strcpy(text + 500, "1.service");
	layout_name_of_unit(name, sizeof(name), text);
	assert_int_equal(strlen(name), LAYOUT_NAME_MAX);
	assert_true(layout_name_is_valid(name));
	text[500] = '2';
	layout_name_of_unit(other, sizeof(other), text);
	assert_string_not_equal(name, other);
	assert_false(layout_name_is_valid("a\nb"));
	assert_false(layout_name_is_valid("a]b"));
	assert_false(layout_name_is_valid(".hidden"));
}

static void
test_files_and_targets(void **state)
{
	char path[LAYOUT_PATH_MAX], day[LAYOUT_DAY_LEN + 1], file[LAYOUT_FILE_MAX];
	struct layout_file lf;

	(void)state;
	assert_string_equal(
	    layout_log_path(path, sizeof(path), "20261121", "17", "a_b", 0),
	    "journal/20261121/health/17_a_b.log");
	assert_true(layout_parse_file("17_a_b.log", &lf));
	assert_string_equal(lf.ref, "17");
	assert_string_equal(lf.name, "a_b");
	assert_true(layout_parse_file("17.2_x.log.gz", &lf));
	assert_true(lf.compressed);
	assert_string_equal(lf.ref, "17.2");
	assert_true(layout_file_is_of("my_ref_x.log", "x", &lf));
	assert_string_equal(lf.ref, "my_ref");
	assert_false(layout_file_is_of("17_ax.log", "x", &lf));
	assert_false(layout_parse_file("deacon.log", &lf));
	assert_false(layout_parse_file("_x.log", &lf));
	assert_false(layout_parse_file("17_.log", &lf));
	assert_false(layout_parse_file("17_x.txt", &lf));
	assert_false(lf.cast);
	assert_string_equal(
	    layout_cast_path(path, sizeof(path), "20261121", "17", "a_b", 3),
	    "journal/20261121/health/17.3_a_b.cast");
	assert_false(layout_parse_file("17_a.cast", &lf));
	assert_false(layout_parse_cast("17_a.log", &lf));
	assert_true(layout_parse_cast("17.3_a_b.cast", &lf));
	assert_true(lf.cast && !lf.compressed);
	assert_string_equal(lf.ref, "17.3");
	assert_string_equal(lf.name, "a_b");
	assert_true(layout_cast_is_of("my_ref_x.cast", "x", &lf));
	assert_false(layout_cast_is_of("my_ref_x.log", "x", &lf));
	assert_false(layout_file_is_of("my_ref_x.cast", "x", &lf));
	assert_true(layout_parse_cast_target("../20261121/health/17_x.cast", day, file));
	assert_false(layout_parse_cast_target("../20261121/health/17_x.log", day, file));
	assert_false(layout_parse_target("../20261121/health/17_x.cast", day, file));
	layout_link_target(path, sizeof(path), "20261121", "17_x.log");
	assert_true(layout_parse_target(path, day, file));
	assert_string_equal(day, "20261121");
	assert_string_equal(file, "17_x.log");
	assert_false(
	    layout_parse_target("../20261121/health/../../etc/17_x.log", day, file));
	assert_false(layout_parse_target("/etc/passwd", day, file));
	assert_false(layout_parse_target("../20261321/health/17_x.log", day, file));
	assert_false(layout_day_is_valid("2026112"));
	assert_false(layout_day_is_valid("202611211"));
}

static void
test_patterns(void **state)
{
	struct buf list = { 0 };
	struct pattern p = { .rule = 7, .streams = 3, .text = "^ready", .text_len = 6 },
		       got;
	size_t at = 0;

	(void)state;
	assert_null(pattern_refused("listening on port [0-9]{1,5}", 0));
	assert_non_null(pattern_refused("", 0));
	assert_non_null(pattern_refused("(", 0));
	assert_non_null(pattern_refused("(a)\\1", 0));
	assert_non_null(pattern_refused("((a{99}){99}){99}", 0));
	assert_non_null(pattern_refused("a{9999}", 0));
	assert_int_equal(pattern_put(&list, &p), 0);
	p.rule = 8;
	p.text = "x";
	p.text_len = 1;
	assert_int_equal(pattern_put(&list, &p), 0);
	assert_int_equal(pattern_next(list.data, list.len, &at, &got), 1);
	assert_int_equal(got.rule, 7);
	assert_string_equal(got.text, "^ready");
	assert_int_equal(pattern_next(list.data, list.len, &at, &got), 1);
	assert_int_equal(pattern_next(list.data, list.len, &at, &got), 0);
	for (size_t cut = 1; cut < list.len; cut++) {
		int r;

		at = 0;
		while ((r = pattern_next(list.data, cut, &at, &got)) == 1)
			;
		assert_true(r == -1 || at == cut);
	}
	buf_free(&list);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refs),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_files_and_targets),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
