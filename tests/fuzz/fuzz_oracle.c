/*
 * Any bytes as what an oracle remembered.  What is accepted goes on: no timer lies in the
 * past, time passes and ends what it has to end, and what is remembered then is accepted
 * again and is the same state.
 */
#include <stdint.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/oracle.h"

#include "fuzz.h"

static uint64_t mono, armed;
static unsigned acts;

static uint64_t
clocks(enum clock_kind kind, void *arg)
{
	(void)arg;
	return kind == CLOCK_KIND_WALL ? UINT64_C(1795962600000000) + mono : mono;
}

static void
on_act(void *arg, const struct oracle_act *a)
{
	(void)arg;
	check(a->text != NULL || a->conf != NULL);
	acts++;
}

static void
on_changed(void *arg, const struct oracle_view *v)
{
	(void)arg;
	check((unsigned)v->state < SESSION_NSTATES && v->evidence[0] != '\0');
	check(v->since_us == mono);
}

static void
on_arm(void *arg, uint64_t mono_us)
{
	(void)arg;
	check(mono_us == 0 || mono_us >= mono);
	armed = mono_us;
}

static const struct zone *
no_zone(void *arg)
{
	(void)arg;
	return NULL;
}

static const struct oracle_ops ops = { on_act, on_changed, on_arm, no_zone, NULL };
static char names[][8] = { "limit", "ask", "exit", "file" };
static struct rule_conf table[] = {
	{ .name = names[0],
	    .source = RULE_SCREEN,
	    .state = SESSION_LIMITED,
	    .action = RULE_HOLD,
	    .cooldown_us = 30000000 },
	{ .name = names[1],
	    .source = RULE_STDOUT,
	    .state = SESSION_WAITING,
	    .action = RULE_NOTIFY },
	{ .name = names[2], .source = RULE_EXIT, .state = SESSION_LIMITED },
	{ .name = names[3], .source = RULE_FILE, .state = SESSION_WORKING },
};
static const struct rule_list rules = { table, sizeof(table) / sizeof(table[0]) };
static const struct session_conf conf = {
	.idle_us = 10000000,
	.stale_us = 300000000,
	.stale_action = STALE_POKE,
	.very_stale_us = 1200000000,
	.very_stale_action = STALE_RESTART,
	.stale_exempt = SESSION_STATE_BIT(SESSION_IDLE),
};

/* Everything that is due, for a while: the thresholds and limits of four rules are few.
 */
static void
pass(struct oracle *o)
{
	oracle_tick(o);
	for (int i = 0; i < 40 && armed != 0; i++) {
		mono = armed;
		armed = 0;
		oracle_tick(o);
	}
	check(armed == 0);
}

static void
remember(struct oracle *o)
{
	struct oracle *again = oracle_new(&conf, &rules, &ops, NULL);
	struct jw *w = jw_new(JW_COMPACT);
	struct oracle_view one, two;
	struct buf b = { 0 };
	struct json_err err;
	struct jv *v;

	jw_obj(w);
	oracle_save(o, w);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	v = jv_parse(b.data, b.len, &err);
	check(v != NULL && oracle_restore(again, v, &err) == 0);
	oracle_view(o, &one);
	oracle_view(again, &two);
	check(one.state == two.state && one.since_us == two.since_us);
	jv_free(v);
	buf_free(&b);
	oracle_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct oracle_match m = { 0, "limit", "in 5 minutes" };
	struct json_err err;
	struct jv *v = jv_parse((const char *)data, size, &err);
	struct oracle *o;

	if (v == NULL)
		return 0;
	clock_set_source(clocks, NULL);
	mono = UINT64_C(5000000000);
	armed = acts = 0;
	o = oracle_new(&conf, &rules, &ops, NULL);
	if (oracle_restore(o, v, &err) == 0) {
		pass(o);
		remember(o);
		oracle_screen(o, &m, 1);
		oracle_start(o);
		oracle_screen(o, &m, 1);
		remember(o);
		pass(o);
	} else {
		check(strlen(err.text) > 0);
	}
	oracle_free(o);
	jv_free(v);
	return 0;
}
