/*
 * The oracle of sessions in a random world: rules, output, clocks that are set, a machine
 * that sleeps, a manager that dies, other confs.  A model beside it, which knows only
 * what it was told, holds what must always be:
 *
 *  - no threshold is acted on in an exempt state, within the grace, sooner than the
 *    threshold after a sign of life or after the machine woke;
 *  - no action of a rule twice within its cooldown, and none of a rule that does not
 * hold;
 *  - no state is older than its evidence;
 *  - no timer is in the past, and the same call again changes nothing;
 *  - without a timer nothing changes, however long one waits.
 *
 * sim_oracle [SEED [WALKS]], STEPS=
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../seed.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/oracle.h"
#include "random.h"

#define S USEC_PER_SEC
#define M USEC_PER_MINUTE

enum {
	N_RULES = 8,
	STEPS = 4000,
	WALKS = 60,
};

static struct world {
	uint64_t mono, asleep;
	int64_t wall_off;
	struct session_conf conf[2];
	struct rule_conf rule[2][N_RULES];
	struct rule_list rules[2];
	int now; /* which of the confs */
	struct oracle *o;
	uint64_t armed;

	/* the model */
	bool up, moving;
	bool holds[N_RULES]; /* by name */
	bool acted[N_RULES];
	uint64_t acted_us[N_RULES];
	uint64_t rose_us[N_RULES]; /* the first evidence for it */
	uint64_t start_us;
	uint64_t life_us;    /* nothing is stale sooner than a threshold after it */
	uint64_t restore_us; /* nor before */
	uint64_t echo_us, began_us;
	uint64_t level1_us;
	enum session_state state;
	unsigned acts, changes;
} w;

static uint64_t seed, step;

static void
fail(const char *what)
{
	printf("not ok - seed %" PRIu64 ", step %" PRIu64 ": %s\n", seed, step, what);
	exit(1);
}

static void
check(bool holds, const char *what)
{
	if (!holds)
		fail(what);
}

static uint64_t
clocks(enum clock_kind kind, void *arg)
{
	(void)arg;
	if (kind == CLOCK_KIND_BOOT)
		return w.mono + w.asleep;
	if (kind == CLOCK_KIND_WALL)
		return UINT64_C(1795962600000000) + w.mono + w.asleep +
		       (uint64_t)w.wall_off;
	return w.mono;
}

/* Rules are "0", "1", … whatever their place. */
static int
id_of(const struct rule_conf *c)
{
	return c->name[0] - '0';
}

static void
on_rule_act(const struct oracle_act *a)
{
	int id = id_of(a->conf);

	check(w.up, "an action while it does not run");
	check(w.holds[id], "an action of a rule that does not hold");
	check(a->conf->action != RULE_NONE, "an action of none");
	check(!a->conf->exit_status_set, "an action of a rule of exits");
	check(!w.acted[id] || w.mono - w.acted_us[id] >= a->conf->cooldown_us,
	    "an action twice within its cooldown");
	w.acted[id] = true;
	w.acted_us[id] = w.mono;
}

static void
on_stale_act(const struct oracle_act *a)
{
	const struct session_conf *c = &w.conf[w.now];
	uint64_t threshold = a->very ? c->very_stale_us : c->stale_us;

	check(w.up, "stale while it does not run");
	check((c->stale_exempt & SESSION_STATE_BIT(w.state)) == 0 ||
		  w.state == SESSION_STUCK,
	    "an exempt state is stale");
	check(w.mono - w.start_us >= c->stale_grace_us, "stale within the grace");
	check(w.mono >= w.life_us && w.mono - w.life_us >= threshold,
	    "stale though there was a sign of life");
	check(w.mono >= w.restore_us, "stale before the manager could know");
	if (a->very && c->stale_us < c->very_stale_us)
		check(w.level1_us != 0 &&
			  w.mono - w.level1_us >= c->very_stale_us - c->stale_us,
		    "the second threshold without the first's time");
	if (!a->very)
		w.level1_us = w.mono;
}

static void
on_act(void *arg, const struct oracle_act *a)
{
	(void)arg;
	w.acts++;
	if (a->conf != NULL)
		on_rule_act(a);
	else
		on_stale_act(a);
}

static void
on_changed(void *arg, const struct oracle_view *v)
{
	(void)arg;
	w.changes++;
	check(v->since_us == w.mono, "a new state with an older age");
	w.state = v->state;
	if (v->state == SESSION_UNKNOWN)
		check(!w.up, "unknown though it runs");
	check(v->evidence[0] != '\0', "a state without evidence");
}

static void
on_arm(void *arg, uint64_t mono_us)
{
	(void)arg;
	check(mono_us == 0 || mono_us >= w.mono, "a timer in the past");
	w.armed = mono_us;
}

static const struct zone *
no_zone(void *arg)
{
	(void)arg;
	return NULL;
}

static const struct oracle_ops ops = { on_act, on_changed, on_arm, no_zone, NULL };

/* ---- the world ---- */

static void
make_rule(struct rule_conf *c, int id)
{
	static char names[N_RULES][2];
	static const enum rule_action actions[] = { RULE_NONE, RULE_NOTIFY, RULE_KEY,
		RULE_HOLD };

	names[id][0] = (char)('0' + id);
	memset(c, 0, sizeof(*c));
	c->name = names[id];
	c->pattern = names[id];
	c->source = id < 5 ? RULE_SCREEN : id < 7 ? RULE_STDOUT : RULE_FILE;
	c->state = (enum session_state)below(SESSION_NSTATES);
	if (below(2) == 0)
		c->state = SESSION_LIMITED;
	c->action = actions[below(4)];
	c->cooldown_us = below(3) * 20 * S;
	c->count_as_failure = below(2);
	c->exit_status_set = below(8) == 0;
	c->exit_status.status[0] = rnd();
}

/* The second of the confs has the same rules in another order, some of them changed. */
static void
make_confs(void)
{
	static const uint64_t spans[] = { UNIT_INFINITY, 30 * S, 5 * M, 20 * M };

	for (int i = 0; i < 2; i++) {
		struct session_conf *c = &w.conf[i];

		memset(c, 0, sizeof(*c));
		c->idle_us = below(4) == 0 ? UNIT_INFINITY : below(4) * 10 * S;
		c->stale_us = spans[below(4)];
		c->stale_action = STALE_POKE;
		c->very_stale_us = spans[below(4)];
		c->very_stale_action = STALE_RESTART;
		c->stale_grace_us = below(3) * M;
		c->stale_exempt = (uint32_t)rnd() & ((1U << SESSION_STUCK) - 1);
		w.rules[i] = (struct rule_list){ w.rule[i], N_RULES };
	}
	/* The model of thresholds is that of one conf. */
	w.conf[1] = w.conf[0];
	for (int i = 0; i < N_RULES; i++) {
		make_rule(&w.rule[0][i], i);
		w.rule[1][(i + 3) % N_RULES] = w.rule[0][i];
	}
}

static void
life(void)
{
	w.life_us = w.mono;
	w.level1_us = 0;
}

/* It came to be seen, or is no more. */
static void
set_holds(int id, bool holds)
{
	if (holds && !w.holds[id])
		w.rose_us[id] = w.mono;
	w.holds[id] = holds;
}

static size_t
place_of(int id)
{
	for (size_t i = 0; i < N_RULES; i++)
		if (id_of(&w.rule[w.now][i]) == id)
			return i;
	abort();
}

static struct oracle_match
match(int id)
{
	static const char *const untils[] = { NULL, "3pm", "in 20s", "in 5 minutes",
		"later", "16:00", "tomorrow at 8am", "1795964400" };
	static const char *const texts[] = { "one", "two", "three" };

	return (struct oracle_match){ place_of(id), texts[below(3)], untils[below(8)] };
}

static void
do_screen(void)
{
	struct oracle_match m[5];
	size_t n = 0;

	for (int id = 0; id < 5; id++) {
		bool holds = below(3) == 0;

		if (w.up)
			set_holds(id, holds);
		if (holds)
			m[n++] = match(id);
	}
	oracle_screen(w.o, m, n);
}

static void
do_line(void)
{
	int id = 5 + (int)below(2);
	struct oracle_match m = match(id);
	const struct rule_conf *c = &w.rule[w.now][m.rule];

	/* One line after the other is the same evidence. */
	if (w.up) {
		if (c->state != SESSION_UNKNOWN && !c->exit_status_set)
			w.holds[id == 5 ? 6 : 5] = false;
		set_holds(id, true);
	}
	oracle_line(w.o, &m, 1);
}

static void
do_file(void)
{
	struct oracle_match m = match(7);

	if (below(2) == 0)
		m.text = NULL;
	set_holds(7, m.text != NULL);
	oracle_file(w.o, &m);
}

static void
do_start(void)
{
	if (w.up)
		return;
	w.up = true;
	w.moving = false;
	memset(w.holds, 0, 7 * sizeof(w.holds[0]));
	w.start_us = w.mono;
	w.restore_us = w.echo_us = 0;
	life();
	oracle_start(w.o);
}

static void
do_exit(void)
{
	struct oracle_exit e = { .status = (int)below(64) };
	struct oracle_verdict v;

	if (!w.up)
		return;
	w.up = w.moving = false;
	memset(w.holds, 0, 7 * sizeof(w.holds[0]));
	oracle_exit(w.o, &e, &v);
	check(v.rule == ORACLE_NO_RULE || v.rule < N_RULES, "a verdict by no rule");
	check(v.rule != ORACLE_NO_RULE || (v.action == RULE_NONE && v.counts),
	    "a verdict without a rule");
	check(v.wall_until_us == 0 || v.wall_until_us > clocks(CLOCK_KIND_WALL, NULL),
	    "a hold until what is over");
	check(w.state == SESSION_UNKNOWN || w.state == SESSION_LIMITED,
	    "a state of what does not run");
}

static void
do_output(void)
{
	if (!w.up)
		return;
	if (!w.moving)
		w.holds[5] = w.holds[6] = false;
	w.moving = !w.moving;
	if (w.mono >= w.echo_us)
		life();
	if (w.moving) {
		w.began_us = w.mono;
		oracle_output_began(w.o);
	} else {
		oracle_output_ended(w.o, w.mono);
	}
}

/* What is due while time passes is done, late now and then. */
static void
pass(uint64_t us)
{
	uint64_t end = w.mono + us;

	while (w.armed != 0 && w.armed <= end) {
		uint64_t late = below(4) == 0 ? below(3) * S : 0;

		w.mono = w.armed > w.mono ? w.armed : w.mono;
		w.mono = w.mono + late < end ? w.mono + late : end;
		w.armed = 0;
		oracle_tick(w.o);
	}
	w.mono = end;
}

static void
do_pass(void)
{
	static const uint64_t spans[] = { 1, S, 15 * S, M, 7 * M, 50 * M };
	uint64_t us = spans[below(6)];

	if (w.armed == 0 && below(2) == 0) {
		unsigned acts = w.acts, changes = w.changes;

		/* Nothing can change by itself: a call in between finds nothing. */
		w.mono += us;
		oracle_tick(w.o);
		check(acts == w.acts && changes == w.changes, "a change without a timer");
		return;
	}
	pass(us);
}

static void
do_sleep(void)
{
	w.asleep += (1 + below(600)) * M;
	life();
	oracle_tick(w.o);
}

static void
do_wall(void)
{
	w.wall_off += ((int64_t)below(2001) - 1000) * (int64_t)M;
	oracle_tick(w.o);
}

static void
do_die(void)
{
	struct jw *jw = jw_new(JW_COMPACT);
	struct buf b = { 0 };
	struct json_err err;
	struct jv *v;

	jw_obj(jw);
	oracle_save(w.o, jw);
	jw_end(jw);
	jw_take(jw, &b);
	jw_free(jw);
	oracle_free(w.o);
	w.armed = 0;
	w.mono += below(3) * M;
	w.o = oracle_new(&w.conf[w.now], &w.rules[w.now], &ops, NULL);
	v = jv_parse(b.data, b.len, &err);
	check(v != NULL && oracle_restore(w.o, v, &err) == 0, "its memory is refused");
	jv_free(v);
	buf_free(&b);
	/* Whether output moves is told anew. */
	w.moving = false;
	w.restore_us = w.mono + ORACLE_RESTORE_US;
	oracle_tick(w.o);
}

static void
do_reconf(void)
{
	w.now = !w.now;
	oracle_reconf(w.o, &w.conf[w.now], &w.rules[w.now]);
}

static void
do_ready(void)
{
	oracle_ready(w.o);
}

static void
do_human(void)
{
	life();
	oracle_human(w.o);
}

static void
do_input(void)
{
	w.echo_us = w.mono + ORACLE_ECHO_US;
	oracle_input(w.o);
}

static void
do_release(void)
{
	oracle_release(w.o);
	check(w.state != SESSION_LIMITED, "limited though it was released");
}

static void (*const deeds[])(void) = { do_screen, do_screen, do_screen, do_line, do_file,
	do_start, do_ready, do_exit, do_output, do_output, do_pass, do_pass, do_pass,
	do_pass, do_sleep, do_wall, do_die, do_reconf, do_human, do_input, do_release };

/* By itself, and not as the echo of what was typed. */
static bool
moves(void)
{
	return w.moving && (w.began_us >= w.echo_us || w.mono >= w.echo_us);
}

static void
check_view(void)
{
	struct oracle_view v;

	oracle_view(w.o, &v);
	check(v.state == w.state, "the state changed and nobody was told");
	check(v.since_us <= w.mono && v.seen_us <= w.mono, "a state of the future");
	check(w.armed == 0 || w.armed >= w.mono, "a timer that was missed");
	if (v.rule != NULL && w.holds[v.rule[0] - '0'])
		check(v.since_us >= w.rose_us[v.rule[0] - '0'] ||
			  v.state == SESSION_LIMITED,
		    "a state that is older than its evidence");
	/* Silence in an exempt state does not count. */
	if ((w.conf[0].stale_exempt & SESSION_STATE_BIT(v.state)) != 0 &&
	    v.state != SESSION_STUCK)
		life();
	if (moves())
		life();
}

static void
check_again(void)
{
	unsigned acts = w.acts, changes = w.changes;
	uint64_t armed = w.armed;

	/* What was due in this instant may be due now: a threshold after the other. */
	if (armed == w.mono)
		return;
	oracle_tick(w.o);
	check(acts == w.acts && changes == w.changes && armed == w.armed,
	    "the same call again is something else");
}

static void
walk(uint64_t s, uint64_t steps)
{
	memset(&w, 0, sizeof(w));
	seed = s;
	rng = s;
	w.mono = 5000 * S;
	make_confs();
	w.o = oracle_new(&w.conf[0], &w.rules[0], &ops, NULL);
	for (step = 0; step < steps; step++) {
		deeds[below(sizeof(deeds) / sizeof(deeds[0]))]();
		check_view();
		check_again();
	}
	oracle_free(w.o);
}

int
main(int argc, char **argv)
{
	uint64_t first = seed_of(argc > 1 ? argv[1] : NULL);
	uint64_t walks =
	    argc > 2 ? seed_number("WALKS", argv[2]) : seed_count("WALKS", WALKS);
	uint64_t steps = seed_count("STEPS", STEPS), acts = 0, changes = 0;

	clock_set_source(clocks, NULL);
	for (uint64_t i = 0; i < walks; i++) {
		walk(first + i, steps);
		acts += w.acts;
		changes += w.changes;
	}
	check(acts > walks && changes > walks, "nothing happened");
	printf("ok 1 - %" PRIu64 " walks from seed %" PRIu64 ": %" PRIu64
	       " actions, %" PRIu64 " changes of state\n1..1\n",
	    walks, first, acts, changes);
	return 0;
}
