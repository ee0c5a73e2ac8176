/*
 * Tests of lib/utf8 and log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/utf8.h"

static void
test_valid_and_not(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} rows[] = {
		{ "a", 1 }, { "\xc3\xa9", 2 }, { "\xe2\x82\xac", 3 },
		{ "\xf0\x9f\x98\x80", 4 }, { "\xf4\x8f\xbf\xbf", 4 },
		{ "\xc0\x80", 0 },                               /* overlong */
		{ "\xe0\x80\x80", 0 },                           /* overlong */
		{ "\xf0\x80\x80\x80", 0 },                       /* overlong */
		{ "\xed\xa0\x80", 0 },                           /* surrogate */
		{ "\xf4\x90\x80\x80", 0 },                       /* beyond the last */
		{ "\xff", 0 }, { "\x80", 0 }, { "\xe2\x82", 0 }, /* cut */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(utf8_seq(rows[i].s, strlen(rows[i].s)), rows[i].len);
	assert_int_equal(utf8_seq("", 0), 0);
	assert_true(utf8_is_valid("", 0));
	assert_true(utf8_is_valid("a\0b", 3));
	assert_false(utf8_is_valid("a\xe2\x82", 3));
}

static void
test_clean(void **state)
{
	struct buf b = { 0 };

	(void)state;
	utf8_clean(&b, "a\xff\xfe\xc3\xa9\xe2", 6);
	assert_string_equal(buf_str(&b), "a\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd");
	buf_free(&b);
}

static void
test_cut_between_characters(void **state)
{
	const char s[] = "a\xe2\x82\xac"
			 "b";

	(void)state;
	assert_int_equal(utf8_head(s, 5, 9), 5);
	assert_int_equal(utf8_head(s, 5, 4), 4);
	assert_int_equal(utf8_head(s, 5, 3), 1);
	assert_int_equal(utf8_head(s, 5, 2), 1);
	assert_int_equal(utf8_head(s, 5, 0), 0);
	assert_int_equal(utf8_tail(s, 5, 9), 0);
	assert_int_equal(utf8_tail(s, 5, 4), 1);
	assert_int_equal(utf8_tail(s, 5, 3), 4);
	assert_int_equal(utf8_tail(s, 5, 2), 4);
	assert_int_equal(utf8_tail(s, 5, 0), 5);
	/* What is no text is cut anywhere. */
	assert_int_equal(utf8_tail("\x80\x80\x80\x80\x80\x80", 6, 3), 3);
	assert_int_equal(utf8_head("\x80\x80\x80\x80\x80\x80", 6, 3), 3);
}

static void
test_escape(void **state)
{
	char out[64], small[6];
	struct buf b = { 0 };
	const char s[] = "a\n\t\x1b[31m\x7f\xc2\x9b\xff\xc3\xa9";

	(void)state;
	utf8_escape(out, sizeof(out), s, sizeof(s) - 1);
	assert_string_equal(out, "a\\n\\t\\e[31m\\x7f\\x9b\\xff\xc3\xa9");
	utf8_escape_buf(&b, s, sizeof(s) - 1);
	assert_string_equal(buf_str(&b), out);
	buf_free(&b);
	assert_int_equal(utf8_escape(small, sizeof(small), "abc\x01", 4), 3);
	assert_string_equal(small, "abc");
	assert_int_equal(utf8_escape(small, 1, "abc", 3), 0);
	assert_string_equal(small, "");
}

static void
test_escape_of_what_turns_text_about(void **state)
{
	const char s[] =
	    "\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\x8f\xe2\x80\xa8|\xe2\x80\xa6";
	char out[64];

	(void)state;
	utf8_escape(out, sizeof(out), s, sizeof(s) - 1);
	assert_string_equal(out, "\\u202e\\u2066\\u061c\\u200f\\u2028|\xe2\x80\xa6");
}

struct sunk {
	int lines;
	enum log_level level;
	char text[8192];
};

static void
sink(enum log_level level, const char *text, void *arg)
{
	struct sunk *s = arg;

	s->lines++;
	s->level = level;
	snprintf(s->text, sizeof(s->text), "%s", text);
}

static void
test_log(void **state)
{
	static struct sunk s;
	static char big[20000];

	(void)state;
	log_init("test", LOG_LEVEL_INFO);
	log_set_sink(sink, &s);
	errno = ENOENT;
	log_warn("unit %s", "a\nsupd[init]: forged");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(
	    s.text, "unit a\\nsupd[init]: forged: No such file or directory");
	assert_int_equal(s.level, LOG_LEVEL_WARN);
	log_warnx("no errno");
	assert_string_equal(s.text, "no errno");
	log_debug("not wanted");
	assert_int_equal(s.lines, 2);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("wanted");
	assert_int_equal(s.lines, 3);
	memset(big, '\x01', sizeof(big) - 1);
	log_info("%s", big);
	assert_true(strlen(s.text) < 4096);
	memset(big, 'x', sizeof(big) - 1);
	log_info("%s", big);
	assert_string_equal(s.text + strlen(s.text) - 4, "x...");
	log_set_sink(NULL, NULL);
}

static void
test_log_line(void **state)
{
	char line[256] = { 0 };
	int p[2], saved;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert_true(saved >= 0);
	log_init("manager", LOG_LEVEL_INFO);
	assert_int_equal(dup2(p[1], STDERR_FILENO), STDERR_FILENO);
	errno = EACCES;
	log_warn("deacon.service: cannot open %s", "x\ny");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	assert_true(read(p[0], line, sizeof(line) - 1) > 0);
	assert_string_equal(line,
	    "supd[manager]: deacon.service: cannot open x\\ny: Permission denied\n");
	fd_close(&saved);
	fd_close(&p[0]);
	fd_close(&p[1]);
}

static void
test_cut_says_so(void **state)
{
	char out[8];

	(void)state;
	assert_int_equal(utf8_cut(out, 8, "12345678", 8), 8);
	assert_memory_equal(out, "12345678", 8);
	assert_int_equal(utf8_cut(out, 8, "123456789", 9), 8);
	assert_memory_equal(out, "12345\xe2\x80\xa6", 8);
	assert_int_equal(utf8_cut(out, 8,
			     "1234\xc3\xa4"
			     "789",
			     9),
	    7);
	assert_memory_equal(out, "1234\xe2\x80\xa6", 7);
	assert_int_equal(utf8_cut(out, 8, "", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid_and_not),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_cut_between_characters),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_of_what_turns_text_about),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_line),
		cmocka_unit_test(test_cut_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
