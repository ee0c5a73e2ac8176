/* columns: widths, cutting, alignment, styles, and that no cell can move the cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/supctl/columns.h"
#include "lib/buf.h"

static size_t
width(const char *s)
{
	return text_width(s, strlen(s));
}

static void
test_widths(void **state)
{
	(void)state;
	assert_int_equal(width(""), 0);
	assert_int_equal(width("deacon"), 6);
	assert_int_equal(width("Grüße"), 5);
	assert_int_equal(width("●×…"), 3);
	assert_int_equal(width("日本"), 4);
	assert_int_equal(width("한글"), 4);
	assert_int_equal(width("e\xcc\x81"), 1); /* a combining accent */
	assert_int_equal(width("\xf0\x9f\x98\x80"), 2);
	/* As they are shown: escaped. */
	assert_int_equal(width("\033"), 2);
	assert_int_equal(width("\001"), 4);
	assert_int_equal(width("\xff"), 4);
}

static void
test_fit_cuts_between_characters(void **state)
{
	(void)state;
	assert_int_equal(text_fit("abcdef", 6, 3), 3);
	assert_int_equal(text_fit("日本語", 9, 5), 6);
	assert_int_equal(text_fit("日本語", 9, 1), 0);
	assert_int_equal(text_fit("ü", 2, 1), 2);
	assert_int_equal(text_fit("", 0, 4), 0);
}

static struct columns *
sample(void)
{
	struct columns *t = columns_new();

	columns_add(t, "UNIT", COL_SHRINK);
	columns_add(t, "PID", COL_RIGHT);
	columns_add(t, "WHAT", COL_SHRINK);
	columns_row(t);
	columns_cell(t, STYLE_NONE, "a.service");
	columns_cellf(t, STYLE_NONE, "%d", 7);
	columns_cell(t, STYLE_RED, "first");
	columns_row(t);
	columns_cell(t, STYLE_NONE, "ü.service");
	columns_cellf(t, STYLE_NONE, "%d", 12345);
	return t;
}

static void
test_table_is_aligned(void **state)
{
	struct columns *t = sample();
	struct buf out = { 0 };

	(void)state;
	columns_write(t, &out, 0, false, true);
	assert_string_equal(buf_str(&out), "UNIT         PID  WHAT\n"
					   "a.service      7  first\n"
					   "ü.service  12345\n");
	buf_free(&out);
	columns_free(t);
}

static void
test_colour_only_when_asked(void **state)
{
	struct columns *t = sample();
	struct buf out = { 0 };

	(void)state;
	columns_write(t, &out, 0, false, true);
	assert_null(strchr(buf_str(&out), '\033'));
	buf_clear(&out);
	columns_write(t, &out, 0, true, false);
	assert_non_null(strstr(buf_str(&out), "\033[1;31mfirst\033[0m"));
	buf_free(&out);
	columns_free(t);
}

static void
test_narrow_terminal_cuts_the_widest(void **state)
{
	struct columns *t = columns_new();
	struct buf out = { 0 };
	char *line, *next;

	(void)state;
	columns_add(t, "UNIT", COL_SHRINK);
	columns_add(t, "WHAT", COL_SHRINK);
	columns_row(t);
	columns_cell(t, STYLE_NONE, "a-short-one");
	columns_cell(
	    t, STYLE_NONE, "a very long description that does not fit in any way");
	columns_write(t, &out, 40, false, true);
	for (line = out.data; *line != '\0'; line = next + 1) {
		next = strchr(line, '\n');
		assert_non_null(next);
		assert_true(text_width(line, (size_t)(next - line)) <= 40);
	}
	assert_non_null(strstr(buf_str(&out), "a-short-one"));
	assert_non_null(strstr(buf_str(&out), "…\n"));
	buf_free(&out);
	columns_free(t);
}

static void
test_control_characters_are_shown(void **state)
{
	struct columns *t = columns_new();
	struct buf out = { 0 };

	(void)state;
	columns_add(t, "", 0);
	columns_row(t);
	columns_cell(t, STYLE_NONE, "x\033[2J\ny\x9b");
	columns_write(t, &out, 0, true, false);
	assert_string_equal(buf_str(&out), "x\\e[2J\\ny\\x9b\n");
	buf_clear(&out);
	text_styled(&out, true, STYLE_GREEN, "a\033b");
	assert_string_equal(buf_str(&out), "\033[32ma\\eb\033[0m");
	buf_free(&out);
	columns_free(t);
}

static void
test_a_title_has_no_width(void **state)
{
	struct columns *t = columns_new();
	struct buf out = { 0 };

	(void)state;
	columns_add(t, "A", 0);
	columns_add(t, "B", COL_RIGHT);
	columns_title(t);
	columns_cell(t, STYLE_NONE, "a group with a long name\n");
	columns_cellf(t, STYLE_RED, " (%d)", 2);
	columns_row(t);
	columns_cell(t, STYLE_NONE, "x");
	columns_cell(t, STYLE_NONE, "1");
	columns_write(t, &out, 10, false, true);
	assert_string_equal(
	    buf_str(&out), "A  B\na group with a long name\\n (2)\nx  1\n");
	buf_free(&out);
	columns_free(t);
}

static void
test_empty_table(void **state)
{
	struct columns *t = columns_new();
	struct buf out = { 0 };

	(void)state;
	columns_add(t, "UNIT", 0);
	columns_write(t, &out, 80, false, true);
	assert_string_equal(buf_str(&out), "UNIT\n");
	buf_free(&out);
	columns_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_fit_cuts_between_characters),
		cmocka_unit_test(test_table_is_aligned),
		cmocka_unit_test(test_colour_only_when_asked),
		cmocka_unit_test(test_narrow_terminal_cuts_the_widest),
		cmocka_unit_test(test_control_characters_are_shown),
		cmocka_unit_test(test_a_title_has_no_width),
		cmocka_unit_test(test_empty_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
