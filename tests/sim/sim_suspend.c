/*
 * A machine that sleeps for hours with a fleet of sessions: BOOTTIME and the wall clock
 * jump, MONOTONIC does not.  Nobody is blamed for what he could not do meanwhile, nobody
 * is ended as the machine wakes, whether it is told that it slept or a manager comes
 * anew; and what ends by the wall clock has ended.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/oracle.h"

#define S USEC_PER_SEC
#define M USEC_PER_MINUTE
#define H USEC_PER_HOUR

enum { FLEET = 200, LIMITED = 50 };

struct one {
	struct oracle *o;
	uint64_t armed;
	unsigned pokes, ends;
	uint64_t poked_us;
};

static struct one fleet[FLEET];
static struct rule_conf rule = {
	.name = (char *)(uintptr_t) "limit",
	.source = RULE_SCREEN,
	.pattern = (char *)(uintptr_t) "x",
	.until = (char *)(uintptr_t) "\\0",
	.state = SESSION_LIMITED,
	.count_as_failure = true,
};
static struct rule_list rules = { &rule, 1 };
static struct session_conf conf = {
	.terminal = true,
	.idle_us = UNIT_INFINITY,
	.stale_us = 5 * M,
	.stale_action = STALE_POKE,
	.very_stale_us = 20 * M,
	.very_stale_action = STALE_RESTART,
	.stale_exempt = SESSION_STATE_BIT(SESSION_LIMITED),
};
static uint64_t mono, asleep;
static unsigned tests, failed;

static uint64_t
clocks(enum clock_kind kind, void *arg)
{
	(void)arg;
	switch (kind) {
	case CLOCK_KIND_BOOT:
		return mono + asleep;
	case CLOCK_KIND_WALL:
		return UINT64_C(1795962600000000) + mono + asleep;
	case CLOCK_KIND_MONO:
	case CLOCK_KIND_CPU:
		break;
	}
	return mono;
}

static void
check(bool ok, const char *what)
{
	printf("%sok %u - %s\n", ok ? "" : "not ", ++tests, what);
	failed += !ok;
}

static void
on_act(void *arg, const struct oracle_act *act)
{
	struct one *x = arg;

	if (act->stale == STALE_POKE) {
		x->pokes++;
		x->poked_us = mono;
	}
	if (act->stale == STALE_RESTART)
		x->ends++;
}

static void
on_changed(void *arg, const struct oracle_view *view)
{
	(void)arg;
	(void)view;
}

static void
on_arm(void *arg, uint64_t due_us)
{
	struct one *x = arg;

	x->armed = due_us;
}

static const struct zone *
on_zone(void *arg)
{
	(void)arg;
	return NULL;
}

static const struct oracle_ops ops = { on_act, on_changed, on_arm, on_zone, NULL };

/* Time while the machine is awake, with the timers that are due in it. */
static void
run_for(uint64_t us)
{
	uint64_t end = mono + us;

	for (;;) {
		struct one *next = NULL;

		for (size_t i = 0; i < FLEET; i++)
			if (fleet[i].armed != 0 && fleet[i].armed <= end &&
			    (next == NULL || fleet[i].armed < next->armed))
				next = &fleet[i];
		if (next == NULL)
			break;
		if (next->armed > mono)
			mono = next->armed;
		next->armed = 0;
		oracle_tick(next->o);
	}
	mono = end;
}

static unsigned
count(bool ends)
{
	unsigned n = 0;

	for (size_t i = 0; i < FLEET; i++)
		n += ends ? fleet[i].ends : fleet[i].pokes;
	return n;
}

static unsigned
limited(void)
{
	struct oracle_view v;
	unsigned n = 0;

	for (size_t i = 0; i < FLEET; i++) {
		oracle_view(fleet[i].o, &v);
		n += v.state == SESSION_LIMITED;
	}
	return n;
}

static void
begin(void)
{
	const struct oracle_match m = { 0, "limit", "in 1 hour" };

	mono = 7 * H;
	asleep = 3 * H; /* it did before */
	for (size_t i = 0; i < FLEET; i++) {
		struct one *x = &fleet[i];

		oracle_free(x->o);
		memset(x, 0, sizeof(*x));
		x->o = oracle_new(&conf, &rules, &ops, x);
		mono += 50 * USEC_PER_MSEC;
		oracle_start(x->o);
		oracle_ready(x->o);
		oracle_output_began(x->o);
		oracle_output_ended(x->o, mono);
		if (i < LIMITED)
			oracle_screen(x->o, &m, 1);
	}
	run_for(4 * M);
}

/* The manager dies, and the next one reads what this one has written. */
static void
save(struct buf *text)
{
	for (size_t i = 0; i < FLEET; i++) {
		struct jw *w = jw_new(JW_COMPACT);

		jw_obj(w);
		oracle_save(fleet[i].o, w);
		jw_end(w);
		jw_take(w, &text[i]);
		jw_free(w);
	}
}

static bool
restore(struct buf *text)
{
	bool ok = true;

	for (size_t i = 0; i < FLEET; i++) {
		struct one *x = &fleet[i];
		struct json_err err;
		struct jv *v = jv_parse(text[i].data, text[i].len, &err);

		oracle_free(x->o);
		x->armed = 0;
		x->o = oracle_new(&conf, &rules, &ops, x);
		ok = ok && v != NULL && oracle_restore(x->o, v, &err) == 0;
		oracle_tick(x->o);
		jv_free(v);
		buf_free(&text[i]);
	}
	return ok;
}

/* What must hold from the moment that it woke. */
static void
look(const char *how)
{
	char what[160];
	uint64_t first = UINT64_MAX, last = 0;

	snprintf(what, sizeof(what), "%s: nothing is asked for as it wakes", how);
	check(count(false) == 0 && count(true) == 0, what);
	run_for(4 * M + 50 * S);
	snprintf(what, sizeof(what), "%s: nor before StaleSec= has passed anew", how);
	check(count(false) == 0 && count(true) == 0, what);
	run_for(2 * M);
	for (size_t i = 0; i < FLEET; i++) {
		if (fleet[i].pokes == 0)
			continue;
		first = fleet[i].poked_us < first ? fleet[i].poked_us : first;
		last = fleet[i].poked_us > last ? fleet[i].poked_us : last;
	}
	snprintf(what, sizeof(what), "%s: then each is poked once", how);
	check(count(false) == FLEET && count(true) == 0, what);
	snprintf(what, sizeof(what), "%s: not all in one instant", how);
	check(last > first + 5 * S, what);
	run_for(12 * M);
	snprintf(what, sizeof(what), "%s: and none is ended before VeryStaleSec=", how);
	check(count(true) == 0, what);
	run_for(6 * M);
	snprintf(what, sizeof(what), "%s: who goes on being silent is", how);
	check(count(true) == FLEET, what);
}

int
main(void)
{
	static struct buf text[FLEET];

	clock_set_source(clocks, NULL);
	begin();
	check(count(false) == 0 && limited() == LIMITED, "a fleet, some of it limited");
	asleep += 9 * H;
	for (size_t i = 0; i < FLEET; i++)
		oracle_tick(fleet[i].o); /* the clock was set */
	check(limited() == 0, "limits have ended by the wall clock");
	look("told that it slept");

	begin();
	asleep += 9 * H;
	/* Only the timers tell.  Limited sessions count from when that is seen. */
	for (size_t i = 0; i < LIMITED; i++)
		oracle_tick(fleet[i].o);
	look("not told");

	begin();
	save(text);
	asleep += 9 * H;
	check(restore(text), "a manager that comes after the sleep");
	look("by the next manager");

	begin();
	asleep += 9 * H;
	save(text);
	check(restore(text), "a manager that dies after the sleep");
	look("by the one after");
	printf("1..%u\n", tests);
	for (size_t i = 0; i < FLEET; i++)
		oracle_free(fleet[i].o);
	return failed != 0;
}
