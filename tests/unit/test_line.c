/*
 * Tests of journal/line and logger/stamp: what is written is what is read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../seed.h"
#include "journal/line.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "logger/stamp.h"

static const char *const texts[] = { "", "plain", "with ] and [x:stdout] in it",
	"{\"json\":1}", "caf\xc3\xa9 \xf0\x9f\x98\x80", "bad \xff\xfe bytes",
	"\tcontrol\x1b[31m\r" };

static void
check_one(const struct line_style *style, const char *text, size_t n, enum line_stream s,
    enum line_mark mark)
{
	uint64_t wall = UINT64_C(1795257045123456);
	uint64_t unit = style->precision == 6   ? 1
			: style->precision == 3 ? 1000
						: 1000000;
	struct line l = { .wall_us = wall,
		.stream = s,
		.mark = mark,
		.name = "w@a:b",
		.name_len = 5,
		.text = text,
		.text_len = n };
	struct line_parser p = { 0 };
	struct buf out = { 0 };
	struct line got;

	line_format(&out, style, &l);
	assert_true(out.len > 0 && out.data[out.len - 1] == '\n');
	for (int twice = 0; twice < 2; twice++) {
		line_parse(&p, out.data, out.len - 1, &got);
		assert_true(got.wall_us == wall / unit * unit);
		assert_int_equal(got.stream, s);
		assert_int_equal(got.mark, mark);
		assert_int_equal(got.name_len, 5);
		assert_memory_equal(got.name, "w@a:b", 5);
		assert_int_equal(got.text_len, n);
		assert_memory_equal(got.text, text, n);
	}
	line_parser_clear(&p);
	buf_free(&out);
}

static void
test_round_trip(void **state)
{
	static const int precisions[] = { 0, 3, 6 };

	(void)state;
	for (int form = LINE_TEXT; form <= LINE_JSON; form++)
		for (int p = 0; p < 3; p++)
			for (int utc = 0; utc < 2; utc++)
				for (int s = 0; s < LINE_NSTREAMS; s++)
					for (int m = LINE_WHOLE; m <= LINE_UNFINISHED;
					     m++) {
						struct line_style st = {
							(enum line_format)form,
							precisions[p], utc == 1
						};

						for (size_t t = 0; t < 7; t++)
							check_one(&st, texts[t],
							    strlen(texts[t]),
							    (enum line_stream)s,
							    (enum line_mark)m);
						check_one(&st, "a\0b", 3,
						    (enum line_stream)s,
						    (enum line_mark)m);
					}
}

static void
test_form(void **state)
{
	struct line_style style = { LINE_TEXT, 0, true };
	struct line l = { .wall_us = UINT64_C(1795257045123456),
		.name = "deacon",
		.name_len = 6,
		.text = "text",
		.text_len = 4 };
	struct buf out = { 0 };

	(void)state;
	line_format(&out, &style, &l);
	assert_string_equal(buf_str(&out), "2026-11-21T10:30:45Z [deacon:stdout] text\n");
	buf_free(&out);
}

static void
test_raw_lines(void **state)
{
	static const char *const raw[] = { "", "hello", "2026-11-21T10:30:45",
		"2026-11-21T10:30:45 [x", "2026-11-21T10:30:45 [x:stdoot] y",
		"2026-11-31T10:30:45 [x:stdout] y", "2026-11-21T10:30:45 [:stdout] y",
		"{\"ts\":\"2026\",\"x\":1}", "{\"ts\":\"" };
	struct line_parser p = { 0 };
	struct line l;

	(void)state;
	for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
		line_parse(&p, raw[i], strlen(raw[i]), &l);
		assert_true(l.wall_us == 0);
		assert_int_equal(l.text_len, strlen(raw[i]));
	}
	line_parser_clear(&p);
}

/* Any bytes in any pieces: what comes out is what went in. */
static void
test_stamping(void **state)
{
	struct stamp_clock clock = { 0 };
	struct line_style style = { LINE_TEXT, 3, false };
	struct stamp st = {
		.clock = &clock, .name = "n", .line_max = 64, .out_max = 1 << 20
	};
	struct line_parser p = { 0 };

	(void)state;
	srand((unsigned)seed_of(NULL));
	stamp_clock_set(&clock, &style, UINT64_C(1795257045123456));
	for (int round = 0; round < 200; round++) {
		struct buf in = { 0 }, out = { 0 }, back = { 0 };
		size_t n = (size_t)(rand() % 2000), used;
		uint64_t lines = 0;
		bool full;

		for (size_t i = 0; i < n; i++)
			buf_addc(&in, rand() % 40 == 0 ? '\n' : (char)(rand() & 0xff));
		st.final = round % 2 == 0;
		used = stamp_lines(&out, &st, buf_str(&in), in.len, &lines, &full);
		assert_false(full);
		assert_true(used <= in.len && in.len - used <= st.line_max);
		assert_true(!st.final || used == in.len);
		for (size_t at = 0; at < out.len;) {
			char *end = memchr(out.data + at, '\n', out.len - at);
			struct line l;

			line_parse(&p, out.data + at, (size_t)(end - out.data) - at, &l);
			assert_true(l.wall_us != 0);
			assert_true(l.text_len <= st.line_max);
			buf_append(&back, l.text, l.text_len);
			if (l.mark == LINE_WHOLE)
				buf_addc(&back, '\n');
			at = (size_t)(end - out.data) + 1;
			lines--;
		}
		assert_int_equal(lines, 0);
		assert_int_equal(back.len, used);
		assert_memory_equal(buf_str(&back), buf_str(&in), used);
		buf_free(&in);
		buf_free(&out);
		buf_free(&back);
	}
	line_parser_clear(&p);
}

static void
test_split_between_characters(void **state)
{
	struct stamp_piece p;
	char text[200];

	(void)state;
	for (size_t i = 0; i < 200; i += 2)
		memcpy(text + i, "\xc3\xa4", 2);
	assert_true(stamp_next(text, 200, 0, 65, &p));
	assert_int_equal(p.len, 64);
	assert_int_equal(p.mark, LINE_SPLIT);
	memset(text, 0xff, sizeof(text));
	assert_true(stamp_next(text, 200, 0, 65, &p));
	assert_int_equal(p.len, 65);
	/* Exactly as long as it may be is whole. */
	text[65] = '\n';
	assert_true(stamp_next(text, 200, 0, 65, &p));
	assert_int_equal(p.mark, LINE_WHOLE);
}

static void
test_clock_cache(void **state)
{
	struct line_style style = { LINE_TEXT, 6, false };
	struct stamp_clock c = { 0 };
	char want[LINE_TS_MAX], day[CLOCK_DAY_MAX];

	(void)state;
	for (uint64_t us = UINT64_C(1795257045000000); us < UINT64_C(1795257049000000);
	     us += 123457) {
		style.precision = (int)(us / 1000 % 3) * 3;
		style.utc = us % 5 == 0;
		stamp_clock_set(&c, &style, us);
		line_format_ts(want, &style, us);
		assert_string_equal(c.text, want);
		assert_string_equal(c.day, clock_day(day, sizeof(day), us));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_raw_lines),
		cmocka_unit_test(test_stamping),
		cmocka_unit_test(test_split_between_characters),
		cmocka_unit_test(test_clock_cache),
	};

	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
