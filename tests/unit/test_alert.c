/*
 * alert: when it fires, and when it can again, by a clock that the test sets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/activate/alert.h"

#define S USEC_PER_SEC

static uint64_t now = UINT64_C(1800000000) * S;

static struct alert_conf
of_event(uint32_t count)
{
	static char event[] = "failed";

	return (struct alert_conf){
		.event = event, .count = count, .within_us = 60 * S, .expire_us = 3600 * S
	};
}

static struct alert_conf
of_value(bool above, uint64_t limit)
{
	struct alert_limit l = { .set = true, .centi = limit * 100 };
	struct alert_conf c = { .metric = ALERT_METRIC_LOAD,
		.count = 1,
		.for_us = 30 * S,
		.expire_us = 600 * S };

	if (above)
		c.above = l;
	else
		c.below = l;
	return c;
}

static bool
event(struct alert *a)
{
	return alert_on_event(a, now);
}

static void
as_many_within_the_time(void **state)
{
	struct alert_conf c = of_event(3);
	struct alert *a = alert_new(&c);

	(void)state;
	assert_false(event(a));
	now += 40 * S;
	assert_false(event(a));
	/* The first is too long ago by now: the last three count. */
	now += 21 * S;
	assert_false(event(a));
	now += 39 * S;
	assert_true(event(a));
	assert_int_equal(alert_span_us(a), 60 * S);
	alert_free(a);
}

static void
once_and_again_when_it_has_expired(void **state)
{
	struct alert_conf c = of_event(2);
	struct alert *a = alert_new(&c);

	(void)state;
	assert_false(event(a));
	assert_true(event(a));
	assert_int_equal(alert_next_us(a), 0);
	alert_fire(a, now, "seen");
	for (int i = 0; i < 1000; i++)
		assert_false(event(a));
	assert_int_equal(alert_next_us(a), now + 3600 * S);
	assert_null(alert_look(a, now + 3600 * S - 1));
	now += 3600 * S;
	assert_string_equal(alert_look(a, now), "expired");
	assert_null(alert_look(a, now));
	assert_int_equal(alert_next_us(a), 0);
	/* What came while it had fired is not counted. */
	assert_false(event(a));
	assert_true(event(a));
	assert_int_equal(a->fired_n, 1);
	alert_free(a);
}

static void
a_value_for_some_time(void **state)
{
	struct alert_conf c = of_value(true, 10);
	struct alert *a = alert_new(&c);

	(void)state;
	assert_false(alert_on_value(a, 10, now));
	assert_int_equal(alert_next_us(a), 0);
	assert_false(alert_on_value(a, 11, now));
	assert_int_equal(alert_next_us(a), now + 30 * S);
	now += 20 * S;
	/* Back for a moment: the time begins anew. */
	assert_false(alert_on_value(a, 9, now));
	assert_int_equal(alert_next_us(a), 0);
	assert_false(alert_on_value(a, 11, now));
	now += 30 * S - 1;
	assert_false(alert_on_value(a, 12, now));
	now += 1;
	assert_true(alert_is_due(a, now));
	assert_true(alert_on_value(a, 12, now));
	alert_fire(a, now, "seen");
	assert_false(alert_on_value(a, 13, now));
	/* Neither expired nor back, then expired, then both. */
	assert_int_equal(alert_next_us(a), 0);
	now += 601 * S;
	assert_null(alert_look(a, now));
	assert_false(alert_on_value(a, 10, now));
	assert_string_equal(alert_look(a, now), "back");
	assert_false(alert_on_value(a, 11, now));
	now += 30 * S;
	assert_true(alert_on_value(a, 11, now));
	alert_free(a);
}

/* One that goes up and down does not fire more often than it may. */
static void
a_value_that_flaps(void **state)
{
	struct alert_conf c = of_value(false, 5);
	struct alert *a = alert_new(&c);
	size_t n = 0;

	(void)state;
	c.for_us = 0;
	for (int i = 0; i < 3600; i++, now += S) {
		(void)alert_on_value(a, i % 2 == 0 ? 4 : 6, now);
		(void)alert_look(a, now);
		if (!alert_is_due(a, now))
			continue;
		alert_fire(a, now, "seen");
		n++;
	}
	assert_in_range(n, 5, 6);
	alert_on_no_value(a);
	assert_false(alert_is_due(a, now));
	alert_free(a);
}

static void
the_rate_of_runs(void **state)
{
	struct alert_conf c = {
		.metric = ALERT_METRIC_FAILURE_RATE, .count = 4, .within_us = 60 * S
	};
	struct alert *a = alert_new(&c);
	double percent = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		alert_on_run(a, now, true);
	assert_false(alert_rate(a, now, &percent));
	alert_on_run(a, now + 30 * S, false);
	assert_true(alert_rate(a, now + 60 * S, &percent));
	assert_true(percent > 74.9 && percent < 75.1);
	/* The first three are too long ago. */
	assert_false(alert_rate(a, now + 61 * S, &percent));
	for (int i = 0; i < 10000; i++)
		alert_on_run(a, now + 61 * S, i % 4 == 0);
	assert_true(alert_rate(a, now + 61 * S, &percent));
	assert_true(percent > 24.9 && percent < 25.1);
	alert_free(a);
}

static void
a_clock_that_is_set(void **state)
{
	struct alert_conf c = of_event(2);
	struct alert *a = alert_new(&c);

	(void)state;
	assert_false(event(a));
	/* Back by a year, with one counted: two far apart are not near. */
	now -= UINT64_C(365) * 86400 * S;
	alert_on_clock_set(a, now);
	assert_false(event(a));
	assert_true(event(a));
	alert_fire(a, now, "seen");
	now -= UINT64_C(365) * 86400 * S;
	alert_on_clock_set(a, now);
	assert_int_equal(alert_next_us(a), now + 3600 * S);
	assert_non_null(alert_look(a, now + 3600 * S));
	alert_free(a);
}

static void
a_clock_that_is_set_and_values(void **state)
{
	struct alert_conf c = of_value(true, 10), rate = {
		.metric = ALERT_METRIC_FAILURE_RATE, .count = 1, .within_us = 60 * S
	};
	struct alert *a = alert_new(&c), *r = alert_new(&rate);
	double percent;

	(void)state;
	assert_false(alert_on_value(a, 11, now));
	alert_on_run(r, now, true);
	/* Forward: nothing has been beyond for that long. */
	now += 86400 * S;
	alert_on_clock_set(a, now);
	assert_false(alert_on_value(a, 11, now));
	assert_false(alert_on_value(a, 11, now + 29 * S));
	assert_true(alert_on_value(a, 11, now + 30 * S));
	/* Back: runs are forgotten as if they were of now, not in a day. */
	alert_on_run(r, now, true);
	now -= 86400 * S;
	alert_on_clock_set(r, now);
	assert_true(alert_rate(r, now + 60 * S, &percent));
	assert_false(alert_rate(r, now + 61 * S, &percent));
	alert_free(a);
	alert_free(r);
}

static struct jv *
parse(const char *text)
{
	struct jv *v = jv_parse(text, strlen(text), NULL);

	assert_non_null(v);
	return v;
}

static void
what_it_matches(void **state)
{
	static char glob[] = "w@*";
	struct alert_conf c = of_event(1);
	struct jv *v = parse("{\"unit\":\"w@1.service\",\"exit_code\":7,\"safe\":true,"
			     "\"why\":\"it died\",\"memory\":{}}");

	(void)state;
	assert_true(alert_wants(&c, "failed"));
	assert_false(alert_wants(&c, "failedx"));
	assert_true(alert_matches(&c, v));
	c.unit = glob;
	assert_true(alert_matches(&c, v));
	assert_true(alert_is_of_unit(&c, "w@.service"));
	assert_false(alert_is_of_unit(&c, "v@1.service"));
	assert_false(alert_is_of_unit(&c, NULL));
	strv_add(&c.match, "exit_code=7");
	strv_add(&c.match, "safe=true");
	strv_add(&c.match, "why=it *");
	assert_true(alert_matches(&c, v));
	strv_add(&c.match, "memory=*");
	assert_false(alert_matches(&c, v));
	strv_free(&c.match);
	jv_free(v);
}

static void
a_snapshot_brings_it_back(void **state)
{
	static const char *const damaged[] = { "7", "{\"pending\":true}",
		"{\"times\":[1,\"x\",-3,{}]}",
		"{\"until\":\"x\",\"evidence\":7,\"runs\":[[],1]}", "{\"n\":-1}" };
	struct alert_conf c = of_event(3);
	struct alert *a = alert_new(&c), *b = alert_new(&c);
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };
	struct jv *v;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_false(event(a));
	alert_write_json(a, w);
	jw_take(w, &text);
	v = parse(buf_str(&text));
	alert_read_json(b, v);
	jv_free(v);
	assert_true(event(b));
	alert_fire(b, now, "seen");
	b->pending = true;
	alert_write_json(b, w);
	buf_clear(&text);
	jw_take(w, &text);
	v = parse(buf_str(&text));
	alert_read_json(a, v);
	jv_free(v);
	assert_int_equal(a->until_us, b->until_us);
	assert_int_equal(a->fired_n, 1);
	assert_true(a->pending);
	assert_string_equal(a->evidence, "seen");
	assert_false(event(a));
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
		v = parse(damaged[i]);
		alert_read_json(a, v);
		assert_false(a->pending && a->evidence == NULL);
		jv_free(v);
	}
	jw_free(w);
	buf_free(&text);
	alert_free(a);
	alert_free(b);
}

static void
it_says_what_was_seen(void **state)
{
	struct alert_conf c = of_event(3), d = of_value(false, 5);
	struct alert *a = alert_new(&c), *b = alert_new(&d);
	struct buf text = { 0 };

	(void)state;
	alert_tell_events(a, "failed", 40 * S, "x.service", &text);
	assert_string_equal(
	    buf_str(&text), "3 events of failed within 40.0s, the last of x.service");
	buf_clear(&text);
	d.below.percent = true;
	(void)alert_on_value(b, 4.26, now);
	alert_tell_value(b, NULL, &text);
	assert_string_equal(buf_str(&text), "load is 4.3%, less than 5.0%");
	buf_free(&text);
	alert_free(a);
	alert_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_many_within_the_time),
		cmocka_unit_test(once_and_again_when_it_has_expired),
		cmocka_unit_test(a_value_for_some_time),
		cmocka_unit_test(a_value_that_flaps),
		cmocka_unit_test(the_rate_of_runs),
		cmocka_unit_test(a_clock_that_is_set),
		cmocka_unit_test(a_clock_that_is_set_and_values),
		cmocka_unit_test(what_it_matches),
		cmocka_unit_test(a_snapshot_brings_it_back),
		cmocka_unit_test(it_says_what_was_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
