/*
 * Tests of manager/session/budget, by a virtual clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/budget.h"

#define SEC USEC_PER_SEC
#define HOUR USEC_PER_HOUR

static uint64_t mono, wall, armed;
static struct budget_conf conf;
static struct budget *b;
static struct buf told;
static unsigned changes;

static uint64_t
clocks(enum clock_kind kind, void *arg)
{
	(void)arg;
	return kind == CLOCK_KIND_WALL ? wall : mono;
}

static void
on_crossed(void *arg, enum budget_kind kind, bool up)
{
	(void)arg;
	if (told.len > 0)
		buf_addc(&told, ' ');
	buf_addf(&told, "%s%s", budget_kind_name(kind), up ? "!" : "?");
}

static void
on_changed(void *arg)
{
	(void)arg;
	changes++;
}

static void
on_arm(void *arg, uint64_t at)
{
	(void)arg;
	armed = at;
}

static const struct zone *
no_zone(void *arg)
{
	(void)arg;
	return NULL;
}

static const struct budget_ops ops = { on_crossed, on_changed, on_arm, no_zone };

static int
setup(void **state)
{
	(void)state;
	mono = 1000 * SEC;
	if (clock_parse("2026-11-21T10:00:00Z", &wall) == -1)
		return -1;
	armed = USEC_INFINITY;
	changes = 0;
	buf_clear(&told);
	conf = (struct budget_conf){ .period = { .calendar = BUDGET_DAY } };
	for (int k = 0; k < BUDGET_NKINDS; k++)
		conf.limit[k] = UNIT_INFINITY;
	/* Out of reach, and counted. */
	conf.limit[BUDGET_TOKENS] = conf.limit[BUDGET_COST] = UNIT_INFINITY - 1;
	clock_set_source(clocks, NULL);
	b = budget_new(&conf, &ops, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	budget_free(b);
	buf_free(&told);
	clock_set_source(NULL, NULL);
	return 0;
}

/* Time passes, and what is due is done.  Returns how often something was told. */
static unsigned
run_for(uint64_t us)
{
	uint64_t end = mono + us;
	unsigned n = 0, ticks = 0;
	size_t before;

	while (armed <= end) {
		uint64_t step = armed > mono ? armed - mono : 0;

		mono += step;
		wall += step;
		armed = USEC_INFINITY;
		before = told.len;
		budget_tick(b);
		n += told.len != before;
		assert_true(++ticks <= us / SEC + 10);
	}
	wall += end - mono;
	mono = end;
	return n;
}

static void
expect_told(const char *text)
{
	assert_string_equal(buf_str(&told), text);
	buf_clear(&told);
}

static uint64_t
used(enum budget_kind kind)
{
	struct budget_view v;

	budget_view(b, &v);
	return v.use[kind].used;
}

/* Into a new one, as the next manager does it. */
static void
reborn(bool same_boot)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };
	struct json_err err;
	struct jv *v;

	jw_obj(w);
	budget_save(b, w);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	budget_free(b);
	armed = USEC_INFINITY;
	v = jv_parse(buf_str(&text), text.len, &err);
	assert_non_null(v);
	b = budget_new(&conf, &ops, NULL);
	if (budget_restore(b, v, same_boot, &err) == -1)
		fail_msg("%s", err.text);
	jv_free(v);
	buf_free(&text);
}

/* ---- limits ---- */

static void
each_limit_is_told_once(void **state)
{
	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	budget_add(b, BUDGET_TOKENS, 79);
	expect_told("");
	budget_add(b, BUDGET_TOKENS, 1);
	expect_told("Tokens?");
	budget_add(b, BUDGET_TOKENS, 19);
	expect_told("");
	budget_add(b, BUDGET_TOKENS, 1);
	expect_told("Tokens!");
	budget_add(b, BUDGET_TOKENS, 1000);
	expect_told("");
	assert_int_equal(used(BUDGET_TOKENS), 1100);
}

static void
a_jump_over_both_is_told_as_the_end(void **state)
{
	(void)state;
	conf.limit[BUDGET_COST] = 12 * 1000000;
	budget_add(b, BUDGET_COST, 20 * 1000000);
	expect_told("Cost!");
	budget_add(b, BUDGET_TOKENS, 5);
	expect_told("");
	assert_int_equal(used(BUDGET_TOKENS), 5);
}

static void
restarts_are_how_many_there_may_be(void **state)
{
	(void)state;
	conf.limit[BUDGET_RESTARTS] = 2;
	budget_add(b, BUDGET_RESTARTS, 1);
	expect_told("");
	budget_add(b, BUDGET_RESTARTS, 1);
	expect_told("Restarts?");
	budget_add(b, BUDGET_RESTARTS, 1);
	expect_told("Restarts!");
	/* The one that waits is the first of two more. */
	assert_true(budget_release(b));
	budget_add(b, BUDGET_RESTARTS, 1);
	expect_told("Restarts?");
	budget_add(b, BUDGET_RESTARTS, 1);
	expect_told("Restarts!");
}

static void
nothing_is_too_much_of_a_limit_of_0(void **state)
{
	struct budget_view v;

	(void)state;
	conf.limit[BUDGET_TOKENS] = 0;
	budget_tick(b);
	budget_view(b, &v);
	assert_false(v.up);
	budget_add(b, BUDGET_TOKENS, 1);
	expect_told("Tokens!");
}

static void
sums_stay_at_the_most(void **state)
{
	(void)state;
	conf.limit[BUDGET_TOKENS] = UNIT_INFINITY - 1;
	budget_add(b, BUDGET_TOKENS, BUDGET_COUNT_MAX - 1);
	budget_add(b, BUDGET_TOKENS, 100);
	budget_add(b, BUDGET_TOKENS, UINT64_MAX);
	assert_true(used(BUDGET_TOKENS) == BUDGET_COUNT_MAX);
	budget_counter(b, "x", BUDGET_COST, UINT64_MAX, false, false);
	assert_true(used(BUDGET_COST) == BUDGET_COUNT_MAX);
	(void)budget_release(b);
	budget_add(b, BUDGET_TOKENS, 1);
	reborn(true);
	assert_true(used(BUDGET_TOKENS) == BUDGET_COUNT_MAX);
}

static void
a_release_allows_another_full_budget(void **state)
{
	struct budget_view v;

	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	conf.limit[BUDGET_COST] = 1000;
	budget_add(b, BUDGET_COST, 500);
	assert_false(budget_release(b));
	budget_add(b, BUDGET_TOKENS, 130);
	expect_told("Tokens!");
	assert_true(budget_release(b));
	budget_view(b, &v);
	assert_int_equal(v.use[BUDGET_TOKENS].allowed, 230);
	assert_int_equal(v.use[BUDGET_COST].allowed, 1000);
	assert_false(v.up);
	budget_add(b, BUDGET_TOKENS, 79);
	expect_told("");
	budget_add(b, BUDGET_TOKENS, 1);
	expect_told("Tokens?");
	budget_add(b, BUDGET_TOKENS, 20);
	expect_told("Tokens!");
	/* What it added ends with the period. */
	assert_true(budget_release(b));
	run_for(24 * HOUR);
	budget_add(b, BUDGET_TOKENS, 100);
	expect_told("Tokens!");
}

static void
a_raised_limit_is_not_reached_any_more(void **state)
{
	struct budget_conf more;
	struct budget_view v;

	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	budget_add(b, BUDGET_TOKENS, 110);
	expect_told("Tokens!");
	more = conf;
	more.limit[BUDGET_TOKENS] = 200;
	budget_set_conf(b, &more);
	budget_view(b, &v);
	assert_false(v.up || v.use[BUDGET_TOKENS].warned);
	budget_set_conf(b, &conf);
	expect_told("Tokens!");
}

static void
a_reset_begins_anew(void **state)
{
	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	budget_counter(b, "n", BUDGET_TOKENS, 500, true, false);
	expect_told("Tokens!");
	budget_reset(b);
	assert_int_equal(used(BUDGET_TOKENS), 0);
	/* The counter goes on from where it was. */
	budget_counter(b, "n", BUDGET_TOKENS, 510, true, false);
	assert_int_equal(used(BUDGET_TOKENS), 10);
	expect_told("");
}

/* ---- periods ---- */

static void
a_period_that_is_over_takes_its_use_with_it(void **state)
{
	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	budget_add(b, BUDGET_TOKENS, 100);
	expect_told("Tokens!");
	run_for(14 * HOUR - 1);
	assert_int_equal(used(BUDGET_TOKENS), 100);
	run_for(1);
	assert_int_equal(used(BUDGET_TOKENS), 0);
	budget_add(b, BUDGET_TOKENS, 80);
	expect_told("Tokens?");
	assert_int_equal(used(BUDGET_TOKENS), 80);
}

static void
a_span_begins_with_its_first_use(void **state)
{
	struct budget_view v;

	(void)state;
	conf.period = (struct budget_period){ BUDGET_SPAN, 5 * HOUR };
	conf.limit[BUDGET_TOKENS] = 100;
	budget_set_conf(b, &conf);
	budget_view(b, &v);
	assert_int_equal(v.end_us, 0);
	run_for(3 * HOUR);
	budget_add(b, BUDGET_TOKENS, 10);
	budget_view(b, &v);
	assert_true(v.begin_us == wall && v.end_us == wall + 5 * HOUR);
	run_for(5 * HOUR - 1);
	budget_add(b, BUDGET_TOKENS, 10);
	assert_int_equal(used(BUDGET_TOKENS), 20);
	run_for(HOUR);
	budget_view(b, &v);
	assert_int_equal(v.end_us, 0);
	budget_add(b, BUDGET_TOKENS, 10);
	assert_int_equal(used(BUDGET_TOKENS), 10);
}

static void
what_has_no_limit_begins_no_span(void **state)
{
	struct budget_view v;

	(void)state;
	conf.period = (struct budget_period){ BUDGET_SPAN, 5 * HOUR };
	budget_set_conf(b, &conf);
	budget_run_began(b, "a", mono);
	budget_add(b, BUDGET_RESTARTS, 1);
	budget_counter(b, "log:a", BUDGET_LOG_BYTES, 1000, false, false);
	run_for(HOUR);
	budget_view(b, &v);
	assert_int_equal(v.end_us, 0);
	assert_int_equal(v.use[BUDGET_LOG_BYTES].used, 0);
	budget_add(b, BUDGET_TOKENS, 1);
	budget_view(b, &v);
	assert_true(v.begin_us == wall);
}

static void
a_clock_that_is_set_back_gives_nothing_back(void **state)
{
	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	budget_add(b, BUDGET_TOKENS, 90);
	wall -= 48 * HOUR;
	budget_tick(b);
	assert_int_equal(used(BUDGET_TOKENS), 90);
	wall += 48 * HOUR;
	budget_tick(b);
	/* (That is a later day for it: the clock says so.) */
	assert_int_equal(used(BUDGET_TOKENS), 0);
	expect_told("Tokens?");
}

static void
another_kind_of_period_keeps_what_was_used(void **state)
{
	struct budget_conf month = conf;

	(void)state;
	conf.limit[BUDGET_TOKENS] = month.limit[BUDGET_TOKENS] = 100;
	month.period.calendar = BUDGET_MONTH;
	budget_add(b, BUDGET_TOKENS, 90);
	budget_set_conf(b, &month);
	assert_int_equal(used(BUDGET_TOKENS), 90);
	run_for(3 * 24 * HOUR);
	assert_int_equal(used(BUDGET_TOKENS), 90);
	budget_set_conf(b, &conf);
	conf.period.calendar = BUDGET_DAY;
	run_for(24 * HOUR);
	budget_tick(b);
	assert_int_equal(used(BUDGET_TOKENS), 0);
}

static void
for_ever_does_not_end(void **state)
{
	(void)state;
	conf.period = (struct budget_period){ BUDGET_SPAN, UNIT_INFINITY };
	conf.limit[BUDGET_TOKENS] = 100;
	conf.limit[BUDGET_RUN_TIME] = 10 * HOUR;
	budget_run_began(b, "a", mono);
	budget_add(b, BUDGET_TOKENS, 50);
	run_for(9 * HOUR);
	expect_told("RunTimeSec?");
	reborn(true);
	budget_run_began(b, "a", mono);
	run_for(1000 * HOUR);
	expect_told("RunTimeSec!");
	assert_true(armed == USEC_INFINITY);
	assert_int_equal(used(BUDGET_TOKENS), 50);
}

/* ---- run time ---- */

static void
run_time_is_told_when_it_is_reached(void **state)
{
	(void)state;
	conf.limit[BUDGET_RUN_TIME] = 5 * HOUR;
	budget_run_began(b, "a", mono);
	assert_int_equal(run_for(4 * HOUR - 1), 0);
	expect_told("");
	assert_int_equal(run_for(1), 1);
	expect_told("RunTimeSec?");
	assert_int_equal(run_for(HOUR - 1), 0);
	assert_int_equal(run_for(1), 1);
	expect_told("RunTimeSec!");
	assert_int_equal(used(BUDGET_RUN_TIME), 5 * HOUR);
	budget_run_ended(b, mono);
	assert_true(armed == USEC_INFINITY);
}

/* What may be lost is a step: a twentieth of the limit, at most five minutes. */
static void
run_time_is_recorded_in_steps(void **state)
{
	static const struct {
		uint64_t limit, step;
	} rows[] = { { 40 * SEC, 2 * SEC }, { HOUR, HOUR / 20 }, { 5 * HOUR, HOUR / 12 },
		{ 10 * SEC, SEC }, { UNIT_INFINITY - 1, HOUR / 12 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		conf.limit[BUDGET_RUN_TIME] = rows[i].limit;
		budget_run_began(b, "a", mono);
		for (int n = 0; n < 2; n++) {
			changes = 0;
			assert_true(armed > mono && armed <= mono + rows[i].step);
			wall += armed - mono;
			mono = armed;
			budget_tick(b);
			assert_true(changes > 0);
		}
		assert_int_equal(armed, mono + rows[i].step);
		reborn(false);
		assert_true(used(BUDGET_RUN_TIME) > rows[i].step);
		budget_reset(b);
	}
	/* What is used up is told; there is nothing more to lose. */
	conf.limit[BUDGET_RUN_TIME] = 40 * SEC;
	conf.period = (struct budget_period){ .us = UNIT_INFINITY };
	budget_run_began(b, "b", mono);
	run_for(40 * SEC);
	assert_true(armed == USEC_INFINITY);
}

static void
runs_are_added_up_and_pauses_are_not(void **state)
{
	(void)state;
	conf.limit[BUDGET_RUN_TIME] = 5 * HOUR;
	for (int i = 0; i < 3; i++) {
		budget_run_began(b, i == 0 ? "a" : i == 1 ? "b" : "c", mono);
		run_for(HOUR);
		budget_run_ended(b, mono);
		run_for(2 * HOUR);
	}
	assert_int_equal(used(BUDGET_RUN_TIME), 3 * HOUR);
	expect_told("");
}

static void
nothing_is_told_of_what_cannot_be_reached(void **state)
{
	(void)state;
	/* 10:00: four hours are left of this day, and 20 are 80 percent of the next. */
	conf.limit[BUDGET_RUN_TIME] = 25 * HOUR;
	budget_run_began(b, "a", mono);
	assert_int_equal(run_for(14 * HOUR + 20 * HOUR - 1), 0);
	assert_int_equal(used(BUDGET_RUN_TIME), 20 * HOUR - 1);
	assert_int_equal(run_for(1), 1);
	expect_told("RunTimeSec?");
}

static void
a_run_over_midnight_is_of_two_days(void **state)
{
	(void)state;
	conf.limit[BUDGET_RUN_TIME] = 16 * HOUR;
	budget_run_began(b, "a", mono);
	run_for(12 * HOUR);
	assert_int_equal(used(BUDGET_RUN_TIME), 12 * HOUR);
	run_for(2 * HOUR);
	expect_told("RunTimeSec?");
	assert_int_equal(used(BUDGET_RUN_TIME), 0);
	run_for(HOUR);
	assert_int_equal(used(BUDGET_RUN_TIME), HOUR);
	budget_run_ended(b, mono);
	assert_int_equal(used(BUDGET_RUN_TIME), HOUR);
	expect_told("");
}

static void
a_sleeping_machine_runs_nothing(void **state)
{
	(void)state;
	conf.limit[BUDGET_RUN_TIME] = 5 * HOUR;
	budget_run_began(b, "a", mono);
	run_for(HOUR);
	wall += 8 * HOUR;
	budget_tick(b);
	assert_int_equal(used(BUDGET_RUN_TIME), HOUR);
}

/* ---- counters ---- */

static void
a_counter_that_falls_has_begun_anew(void **state)
{
	(void)state;
	budget_counter(b, "f", BUDGET_TOKENS, 100, false, false);
	budget_counter(b, "f", BUDGET_TOKENS, 100, false, false);
	budget_counter(b, "f", BUDGET_TOKENS, 150, false, false);
	assert_int_equal(used(BUDGET_TOKENS), 150);
	budget_counter(b, "f", BUDGET_TOKENS, 20, false, false);
	assert_int_equal(used(BUDGET_TOKENS), 170);
	budget_counter(b, "f", BUDGET_TOKENS, 0, false, false);
	budget_counter(b, "f", BUDGET_TOKENS, 5, false, false);
	assert_int_equal(used(BUDGET_TOKENS), 175);
	/* Another one, of the same name but something else. */
	budget_counter(b, "f", BUDGET_COST, 7, false, false);
	assert_int_equal(used(BUDGET_COST), 7);
}

static void
what_was_before_is_not_counted(void **state)
{
	(void)state;
	budget_counter(b, "f", BUDGET_TOKENS, 1000, false, true);
	assert_int_equal(used(BUDGET_TOKENS), 0);
	budget_counter(b, "f", BUDGET_TOKENS, 1001, false, true);
	assert_int_equal(used(BUDGET_TOKENS), 1);
	/* A file that was not there has counted nothing. */
	budget_counter_base(b, "g", BUDGET_TOKENS, 0);
	budget_counter(b, "g", BUDGET_TOKENS, 10, false, true);
	assert_int_equal(used(BUDGET_TOKENS), 11);
	budget_counter_base(b, "g", BUDGET_TOKENS, 0);
	budget_counter(b, "g", BUDGET_TOKENS, 11, false, true);
	assert_int_equal(used(BUDGET_TOKENS), 12);
}

static void
counters_of_a_run_begin_with_it(void **state)
{
	(void)state;
	budget_run_began(b, "a", mono);
	budget_counter(b, "n", BUDGET_TOKENS, 100, true, false);
	budget_counter(b, "f", BUDGET_TOKENS, 100, false, false);
	budget_run_ended(b, mono);
	/* The same one goes on: a manager has died. */
	reborn(true);
	budget_run_began(b, "a", mono);
	budget_counter(b, "n", BUDGET_TOKENS, 110, true, false);
	assert_int_equal(used(BUDGET_TOKENS), 210);
	budget_run_began(b, "b", mono);
	budget_counter(b, "n", BUDGET_TOKENS, 120, true, false);
	budget_counter(b, "f", BUDGET_TOKENS, 101, false, false);
	assert_int_equal(used(BUDGET_TOKENS), 331);
}

static void
there_are_so_many_counters(void **state)
{
	struct buf name = { 0 };

	(void)state;
	for (int i = 0; i < 3 * BUDGET_COUNTERS_MAX; i++) {
		buf_clear(&name);
		buf_addf(&name, "%d", i);
		budget_counter(b, buf_str(&name), BUDGET_TOKENS, 10, false, false);
		budget_counter(b, "kept", BUDGET_TOKENS, 10, false, false);
	}
	assert_int_equal(used(BUDGET_TOKENS), 30 * BUDGET_COUNTERS_MAX + 10);
	budget_counter_forget(b, "kept");
	budget_counter(b, "kept", BUDGET_TOKENS, 10, false, false);
	assert_int_equal(used(BUDGET_TOKENS), 30 * BUDGET_COUNTERS_MAX + 20);
	buf_free(&name);
}

/* ---- over the death of everything ---- */

static void
all_of_it_comes_back(void **state)
{
	struct budget_view before, after;

	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	conf.limit[BUDGET_COST] = 50;
	conf.limit[BUDGET_RUN_TIME] = 5 * HOUR;
	budget_run_began(b, "a", mono);
	run_for(HOUR);
	budget_counter(b, "n", BUDGET_TOKENS, 150, true, false);
	budget_add(b, BUDGET_COST, 45);
	expect_told("Tokens! Cost?");
	assert_true(budget_release(b));
	budget_view(b, &before);
	reborn(true);
	budget_view(b, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	/* It ran on while nobody was there. */
	run_for(HOUR);
	budget_run_began(b, "a", mono);
	assert_int_equal(used(BUDGET_RUN_TIME), 2 * HOUR);
	assert_int_equal(run_for(2 * HOUR), 1);
	expect_told("RunTimeSec?");
	budget_counter(b, "n", BUDGET_TOKENS, 249, true, false);
	expect_told("Tokens?");
}

static void
another_boot_keeps_what_was_counted(void **state)
{
	(void)state;
	conf.limit[BUDGET_RUN_TIME] = 5 * HOUR;
	budget_run_began(b, "a", mono);
	run_for(HOUR);
	budget_tick(b);
	mono = 7 * SEC;
	wall += HOUR;
	reborn(false);
	assert_int_equal(used(BUDGET_RUN_TIME), HOUR);
	budget_run_began(b, "b", mono);
	run_for(HOUR);
	assert_int_equal(used(BUDGET_RUN_TIME), 2 * HOUR);
}

static void
a_period_that_ended_meanwhile_is_over(void **state)
{
	(void)state;
	conf.limit[BUDGET_TOKENS] = 100;
	budget_add(b, BUDGET_TOKENS, 100);
	expect_told("Tokens!");
	wall += 24 * HOUR;
	reborn(false);
	budget_tick(b);
	assert_int_equal(used(BUDGET_TOKENS), 0);
	assert_false(budget_release(b));
	/* Also under another rule than it was written with. */
	budget_add(b, BUDGET_TOKENS, 100);
	expect_told("Tokens!");
	wall += 24 * HOUR;
	conf.period.calendar = BUDGET_MONTH;
	reborn(false);
	budget_tick(b);
	assert_int_equal(used(BUDGET_TOKENS), 0);
}

/* JSON has no such number: one would cost all of the ledger. */
static void
a_period_of_ages_can_be_remembered(void **state)
{
	struct budget_view v;

	(void)state;
	conf.period = (struct budget_period){ .us = BUDGET_COUNT_MAX - 1 };
	budget_add(b, BUDGET_TOKENS, 10);
	reborn(true);
	budget_add(b, BUDGET_TOKENS, 10);
	budget_view(b, &v);
	assert_int_equal(v.use[BUDGET_TOKENS].used, 20);
	assert_true(v.end_us == UNIT_INFINITY);
}

static void
damaged_memory_changes_nothing(void **state)
{
	static const char *const bad[] = { "{}", "[]", "null",
		"{\"period\":\"day\",\"begin_us\":-1,\"used\":{},\"base\":{},\"warned\":["
		"],"
		"\"up\":[],\"counters\":[]}",
		"{\"period\":\"day\",\"begin_us\":1,\"used\":{\"Tokens\":-5},\"base\":{},"
		"\"warned\":[],\"up\":[],\"counters\":[]}",
		"{\"period\":\"day\",\"begin_us\":1,\"used\":{},\"base\":{},\"warned\":[]"
		","
		"\"up\":[],\"counters\":[{\"name\":\"x\"}]}" };
	struct json_err err;

	(void)state;
	budget_add(b, BUDGET_TOKENS, 5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct jv *v = jv_parse(bad[i], strlen(bad[i]), NULL);

		assert_int_equal(budget_restore(b, v, true, &err), -1);
		assert_true(err.text[0] != '\0');
		assert_int_equal(used(BUDGET_TOKENS), 5);
		jv_free(v);
	}
}

static void
numbers_are_written_as_people_read_them(void **state)
{
	char text[CLOCK_TEXT_MAX];

	(void)state;
	assert_string_equal(
	    budget_format(text, sizeof(text), BUDGET_COST, 12310000), "12.31");
	assert_string_equal(
	    budget_format(text, sizeof(text), BUDGET_TOKENS, 2500000), "2500000");
	assert_string_equal(
	    budget_format(text, sizeof(text), BUDGET_RUN_TIME, 4 * HOUR), "4h00m");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_limit_is_told_once),
		T(a_jump_over_both_is_told_as_the_end),
		T(restarts_are_how_many_there_may_be),
		T(nothing_is_too_much_of_a_limit_of_0),
		T(sums_stay_at_the_most),
		T(a_release_allows_another_full_budget),
		T(a_raised_limit_is_not_reached_any_more),
		T(a_reset_begins_anew),
		T(a_period_that_is_over_takes_its_use_with_it),
		T(a_span_begins_with_its_first_use),
		T(what_has_no_limit_begins_no_span),
		T(a_clock_that_is_set_back_gives_nothing_back),
		T(another_kind_of_period_keeps_what_was_used),
		T(for_ever_does_not_end),
		T(run_time_is_told_when_it_is_reached),
		T(run_time_is_recorded_in_steps),
		T(runs_are_added_up_and_pauses_are_not),
		T(nothing_is_told_of_what_cannot_be_reached),
		T(a_run_over_midnight_is_of_two_days),
		T(a_sleeping_machine_runs_nothing),
		T(a_counter_that_falls_has_begun_anew),
		T(what_was_before_is_not_counted),
		T(counters_of_a_run_begin_with_it),
		T(there_are_so_many_counters),
		T(all_of_it_comes_back),
		T(another_boot_keeps_what_was_counted),
		T(a_period_that_ended_meanwhile_is_over),
		T(a_period_of_ages_can_be_remembered),
		T(damaged_memory_changes_nothing),
		T(numbers_are_written_as_people_read_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
