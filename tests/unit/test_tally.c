/*
 * tally: runs by unit and by pool, bounded, and the same again after a snapshot.
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
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/record/tally.h"

#define S USEC_PER_SEC

static char *
text_of(const struct tally *t, uint64_t now_us)
{
	struct buf b = { 0 };

	tally_write_text(t, now_us, &b);
	return buf_take(&b);
}

static void
has(const struct tally *t, uint64_t now_us, const char *line)
{
	char *text = text_of(t, now_us);

	if (strstr(text, line) == NULL)
		fail_msg("no \"%s\" in\n%s", line, text);
	free(text);
}

static void
runs_and_what_is_none(void **state)
{
	struct tally *t = tally_new();

	(void)state;
	/* A state without a process that ended is the end of no run. */
	assert_false(tally_result(t, "a.service", "exit-code", S));
	tally_exit(t, "a.service", 3 * S);
	assert_true(tally_result(t, "a.service", "success", 2 * S));
	assert_false(tally_result(t, "a.service", "exit-code", 2 * S));
	tally_exit(t, "a.service", 0);
	assert_false(tally_result(t, "a.service", "exec-condition", S));
	/* Of several processes it is one run. */
	tally_exit(t, "a.service", S);
	tally_exit(t, "a.service", S);
	tally_exit(t, "a.service", 0);
	assert_true(tally_result(t, "a.service", "exit-code", 3 * S));
	tally_exit(t, "t@1.service", S);
	assert_true(tally_result(t, "t@1.service", "success", S));
	tally_exit(t, "t@2.service", S);
	assert_true(tally_result(t, "t@2.service", "success", S));
	tally_exit(t, "make-1800000000000.service", S);
	assert_true(tally_result(t, "make-1800000000000.service", "success", S));
	has(t, S, "supd_unit_runs_total{unit=\"a.service\",result=\"success\"} 1\n");
	has(t, S, "supd_unit_runs_total{unit=\"a.service\",result=\"failure\"} 1\n");
	has(t, S, "supd_unit_runs_total{unit=\"t@.service\",result=\"success\"} 2\n");
	has(t, S, "supd_unit_runs_total{unit=\"transient\",result=\"success\"} 1\n");
	has(t, S, "supd_unit_run_seconds_sum{unit=\"a.service\"} 5.000000\n");
	tally_free(t);
}

static void
slots_times_seconds(void **state)
{
	struct tally *t = tally_new();

	(void)state;
	tally_admitted(t, "a.service", "llm.pool", 3, 10 * S);
	has(t, 12 * S, "supd_pool_slot_seconds_total{pool=\"llm.pool\"} 6\n");
	/* A clock that was set back takes nothing away. */
	has(t, 5 * S, "supd_pool_slot_seconds_total{pool=\"llm.pool\"} 0\n");
	tally_exit(t, "a.service", S);
	assert_true(tally_result(t, "a.service", "exit-code", 20 * S));
	has(t, 100 * S, "supd_pool_slot_seconds_total{pool=\"llm.pool\"} 30\n");
	has(t, S, "supd_pool_runs_total{pool=\"llm.pool\",result=\"failure\"} 1\n");
	/* One that never ran had its slot all the same. */
	tally_admitted(t, "a.service", "llm.pool", 0, 100 * S);
	assert_false(tally_result(t, "a.service", "exit-code", 101 * S));
	has(t, S, "supd_pool_slot_seconds_total{pool=\"llm.pool\"} 31\n");
	tally_free(t);
}

static void
events_of_an_earlier_manager(void **state)
{
	static const struct {
		enum event_id id;
		const char *text;
	} events[] = {
		{ EVENT_POOL_ADMITTED, "\"pool\":\"p.pool\",\"weight\":2" },
		{ EVENT_UNIT_STATE, "\"substate\":\"start\",\"result\":\"success\"" },
		{ EVENT_EXIT, "\"kind\":\"health\",\"run_us\":5" },
		{ EVENT_EXIT, "\"kind\":\"main\",\"run_us\":2000000" },
		{ EVENT_UNIT_STATE, "\"substate\":\"failed\",\"result\":\"exit-code\"" },
		{ EVENT_UNIT_STATE, "\"substate\":\"dead\",\"result\":\"success\"" },
	};
	struct tally *t = tally_new();

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		char text[256];
		struct jv *v;

		snprintf(text, sizeof(text),
		    "{\"ts\":\"2026-11-30T10:00:0%zuZ\",\"unit\":\"a.service\",%s}", i,
		    events[i].text);
		v = jv_parse(text, strlen(text), NULL);
		assert_non_null(v);
		assert_true(tally_wants(events[i].id));
		tally_event(t, events[i].id, v);
		jv_free(v);
	}
	has(t, S, "supd_unit_runs_total{unit=\"a.service\",result=\"success\"} 0\n");
	has(t, S, "supd_unit_runs_total{unit=\"a.service\",result=\"failure\"} 1\n");
	has(t, S, "supd_unit_run_seconds_sum{unit=\"a.service\"} 2.000000\n");
	has(t, S, "supd_pool_slot_seconds_total{pool=\"p.pool\"} 8\n");
	tally_free(t);
}

static char *
json_of(const struct tally *t)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf b = { 0 };

	tally_write_json(t, w);
	jw_take(w, &b);
	jw_free(w);
	return buf_take(&b);
}

static struct tally *
from_json(const char *text)
{
	struct tally *t = tally_new();
	struct jv *v = jv_parse(text, strlen(text), NULL);

	assert_non_null(v);
	tally_read_json(t, v);
	jv_free(v);
	return t;
}

static void
a_snapshot_and_bounds(void **state)
{
	static const char *const damaged[] = { "7", "{\"units\":7,\"pending\":[1]}",
		"{\"units\":{\"a\":7,\"b\":{\"ok\":-1,\"in\":[1]}},\"pools\":{\"p\":[]}}",
		"{\"pending\":{\"a\":7,\"b\":[],\"c\":[true,-1,7,[],{}]}}" };
	struct tally *t = tally_new(), *u;
	char name[32], *json, *a, *b;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "u%d.service", i);
		tally_exit(t, name, (uint64_t)i);
		assert_true(tally_result(t, name, "success", S));
	}
	tally_admitted(t, "x.service", "p.pool", 2, S);
	tally_exit(t, "x.service", 5);
	has(t, S, "supd_unit_runs_total{unit=\"other\",result=\"success\"} 2000\n");
	json = json_of(t);
	u = from_json(json);
	free(json);
	a = text_of(t, 9 * S);
	b = text_of(u, 9 * S);
	assert_string_equal(a, b);
	free(a);
	free(b);
	assert_true(tally_result(u, "x.service", "success", 2 * S));
	tally_free(t);
	tally_free(u);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		t = from_json(damaged[i]);
		free(text_of(t, S));
		tally_free(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_and_what_is_none),
		cmocka_unit_test(slots_times_seconds),
		cmocka_unit_test(events_of_an_earlier_manager),
		cmocka_unit_test(a_snapshot_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
