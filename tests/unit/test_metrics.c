/*
 * metrics: what Prometheus reads must be as its format says; snapshots bring it back.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "manager/record/metrics.h"

/* One sample line: NAME[{LABEL="VALUE",…}] NUMBER */
static void
check_sample(const char *line)
{
	const char *p = line;
	char *end;

	assert_true(isalpha((unsigned char)*p) || *p == '_');
	while (isalnum((unsigned char)*p) || *p == '_' || *p == ':')
		p++;
	if (*p == '{') {
		do {
			p++;
			while (isalnum((unsigned char)*p) || *p == '_')
				p++;
			assert_int_equal(*p++, '=');
			assert_int_equal(*p++, '"');
			for (; *p != '"'; p++) {
				assert_int_not_equal(*p, '\0');
				if (*p == '\\') {
					p++;
					assert_non_null(strchr("\\\"n", *p));
				}
			}
			p++;
		} while (*p == ',');
		assert_int_equal(*p++, '}');
	}
	assert_int_equal(*p++, ' ');
	(void)strtod(p, &end);
	assert_true(end > p && *end == '\0');
}

static void
check_text(const char *text)
{
	char *copy = strdup(text), *save = NULL;

	assert_int_equal(text[strlen(text) - 1], '\n');
	for (char *l = strtok_r(copy, "\n", &save); l != NULL;
	     l = strtok_r(NULL, "\n", &save)) {
		if (strncmp(l, "# HELP ", 7) != 0 && strncmp(l, "# TYPE ", 7) != 0)
			check_sample(l);
	}
	free(copy);
}

static void
the_text_is_well_formed(void **state)
{
	struct metrics *m = metrics_new();
	struct buf out = { 0 };
	const char *labels[] = { "unit", "a\"b\\c\nd\xff", NULL };

	(void)state;
	metrics_count(m, EVENT_EXEC);
	metrics_count(m, EVENT_EXEC);
	metrics_sample(m, "start_us", 1);
	metrics_sample(m, "start_us", 700);
	metrics_sample(m, "start_us", UINT64_C(1) << 60);
	metrics_sample(m, "no_such_field", 1);
	metrics_sample_by(m, "pool_wait_us", "llm.pool", 700);
	metrics_sample_by(m, "pool_wait_us", "a\"b", 1);
	metrics_text_head(&out, "x_total", "counter", "a help\nwith \\ in it");
	metrics_text_sample(&out, "x_total", labels, 1.5);
	metrics_write_text(m, &out);
	check_text(buf_str(&out));
	assert_non_null(
	    strstr(buf_str(&out), "# HELP x_total a help\\nwith \\\\ in it\n"));
	assert_non_null(strstr(buf_str(&out), "unit=\"a\\\"b\\\\c\\nd"));
	assert_non_null(strstr(
	    buf_str(&out), "supd_events_total{event=\"exec\",level=\"info\"} 2\n"));
	assert_non_null(
	    strstr(buf_str(&out), "supd_start_seconds_bucket{le=\"0.0005\"} 1\n"));
	assert_non_null(
	    strstr(buf_str(&out), "supd_start_seconds_bucket{le=\"0.001\"} 2\n"));
	assert_non_null(
	    strstr(buf_str(&out), "supd_start_seconds_bucket{le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(buf_str(&out), "supd_start_seconds_count 3\n"));
	assert_non_null(strstr(buf_str(&out),
	    "supd_pool_wait_seconds_bucket{pool=\"llm.pool\",le=\"0.001\"} 1\n"));
	assert_non_null(
	    strstr(buf_str(&out), "supd_pool_wait_seconds_count{pool=\"llm.pool\"} 1\n"));
	buf_free(&out);
	metrics_free(m);
}

static void
a_snapshot_brings_back_every_number(void **state)
{
	struct metrics *a = metrics_new(), *b = metrics_new();
	struct buf text = { 0 }, text_a = { 0 }, text_b = { 0 };
	struct jw *w = jw_new(JW_COMPACT);
	struct jv *v;

	(void)state;
	for (int i = 0; i < 100; i++) {
		metrics_count(a, EVENT_EXIT);
		metrics_sample(a, "run_us", (uint64_t)i * 100000);
		metrics_sample_by(a, "pool_wait_us", i % 2 == 0 ? "x" : "y", 1000);
	}
	metrics_write_json(a, w);
	jw_take(w, &text);
	jw_free(w);
	v = jv_parse(buf_str(&text), text.len, NULL);
	metrics_read_json(b, v);
	metrics_write_text(a, &text_a);
	metrics_write_text(b, &text_b);
	assert_string_equal(buf_str(&text_a), buf_str(&text_b));
	jv_free(v);
	buf_free(&text);
	buf_free(&text_a);
	buf_free(&text_b);
	metrics_free(a);
	metrics_free(b);
}

static void
damaged_numbers_are_left_out(void **state)
{
	static const char *const bad[] = {
		"null",
		"{\"counters\":[1,2]}",
		"{\"counters\":{\"41\":-1,\"0\":5,\"9999\":1,\"x\":1,\"41 \":3}}",
		"{\"histograms\":{\"1\":{\"sum_us\":1,\"in\":[1]}}}",
		"{\"histograms\":{\"5\":{\"by\":{\"x\":7,\"y\":{\"in\":[]}}}}}",
		"{\"histograms\":{\"1\":7,\"-1\":{},\"99\":{}}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct metrics *m = metrics_new();
		struct jv *v = jv_parse(bad[i], strlen(bad[i]), NULL);

		metrics_read_json(m, v);
		assert_int_equal(metrics_counter(m, EVENT_EXEC), 0);
		assert_int_equal(metrics_samples(m, HISTOGRAM_START), 0);
		jv_free(v);
		metrics_free(m);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_is_well_formed),
		cmocka_unit_test(a_snapshot_brings_back_every_number),
		cmocka_unit_test(damaged_numbers_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
