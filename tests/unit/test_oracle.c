/*
 * Tests of session/oracle: each promise of its header, on a virtual clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/oracle.h"

#define S USEC_PER_SEC
#define M USEC_PER_MINUTE
#define WALL0 UINT64_C(1795962600000000) /* 2026-11-29T14:30:00Z */

enum {
	R_WAITING,
	R_WORKING,
	R_LIMIT,
	R_PROMPT,
	R_LINE,
	R_UNKNOWN_COMMAND,
	R_TEMPFAIL,
	R_FILE,
	R_NOTICE,
	N_RULES,
};

static uint64_t mono, asleep, wall_set;
static struct rule_conf table[N_RULES];
static struct rule_list rules = { table, N_RULES };
static struct session_conf conf;
static struct oracle *o;
static uint64_t armed;
static unsigned arms;
static struct buf acts;    /* "NAME:action " each */
static struct buf changes; /* "state " each */
static uint64_t act_until;

static uint64_t
clocks(enum clock_kind kind, void *arg)
{
	(void)arg;
	switch (kind) {
	case CLOCK_KIND_BOOT:
		return mono + asleep;
	case CLOCK_KIND_WALL:
		return WALL0 + mono - 1000 * S + asleep + wall_set;
	case CLOCK_KIND_MONO:
	case CLOCK_KIND_CPU:
		break;
	}
	return mono;
}

static void
on_act(void *arg, const struct oracle_act *a)
{
	static const char *const stale[] = { "none", "notify", "poke", "restart",
		"stop" };

	(void)arg;
	if (a->conf != NULL)
		buf_addf(&acts, "%s ", a->conf->name);
	else
		buf_addf(&acts, "%s%s ", a->very ? "very-" : "", stale[a->stale]);
	act_until = a->wall_until_us;
	assert_non_null(a->text);
}

static void
on_changed(void *arg, const struct oracle_view *v)
{
	(void)arg;
	buf_addf(&changes, "%s ", oracle_state_name(v->state));
}

static void
on_arm(void *arg, uint64_t mono_us)
{
	(void)arg;
	assert_true(mono_us == 0 || mono_us >= mono);
	armed = mono_us;
	arms++;
}

static const struct zone *
no_zone(void *arg)
{
	(void)arg;
	return NULL;
}

static uint64_t slack;

static uint64_t
on_slack(void *arg, uint64_t wall_us)
{
	(void)arg;
	(void)wall_us;
	return slack;
}

static const struct oracle_ops ops = { on_act, on_changed, on_arm, no_zone, on_slack };

static char *
word(const char *s)
{
	static char kept[64][16];
	static unsigned n;

	n %= 64;
	snprintf(kept[n], sizeof(kept[n]), "%s", s);
	return kept[n++];
}

static void
rule(int i, const char *name, enum rule_source source, enum session_state state,
    enum rule_action action)
{
	table[i] = (struct rule_conf){
		.source = source,
		.state = state,
		.action = action,
		.count_as_failure = true,
		.cooldown_us = 30 * S,
	};
	table[i].name = word(name);
	table[i].pattern = table[R_WAITING].name;
}

static void
exit_on(int i, int status)
{
	table[i].exit_status_set = true;
	table[i].exit_status.status[status / 64] |= UINT64_C(1) << (status % 64);
}

static int
setup(void **state)
{
	(void)state;
	mono = 1000 * S;
	asleep = wall_set = armed = act_until = slack = 0;
	conf = (struct session_conf){
		.idle_us = 10 * S,
		.stale_us = UNIT_INFINITY,
		.very_stale_us = UNIT_INFINITY,
		.stale_exempt = SESSION_STATE_BIT(SESSION_IDLE) |
				SESSION_STATE_BIT(SESSION_WAITING) |
				SESSION_STATE_BIT(SESSION_LIMITED),
	};
	rule(R_WAITING, "ask", RULE_SCREEN, SESSION_WAITING, RULE_NOTIFY);
	rule(R_WORKING, "spinner", RULE_SCREEN, SESSION_WORKING, RULE_NONE);
	rule(R_LIMIT, "limit", RULE_SCREEN, SESSION_LIMITED, RULE_HOLD);
	table[R_LIMIT].count_as_failure = false;
	rule(R_PROMPT, "prompt", RULE_SCREEN, SESSION_IDLE, RULE_NONE);
	rule(R_LINE, "line", RULE_STDOUT, SESSION_WAITING, RULE_NOTIFY);
	rule(R_UNKNOWN_COMMAND, "badcmd", RULE_STDERR, SESSION_UNKNOWN, RULE_FATAL);
	exit_on(R_UNKNOWN_COMMAND, 1);
	rule(R_TEMPFAIL, "tempfail", RULE_EXIT, SESSION_LIMITED, RULE_RETRY);
	table[R_TEMPFAIL].pattern = NULL;
	table[R_TEMPFAIL].count_as_failure = false;
	exit_on(R_TEMPFAIL, 75);
	rule(R_FILE, "file", RULE_FILE, SESSION_WORKING, RULE_NONE);
	rule(R_NOTICE, "notice", RULE_SCREEN, SESSION_UNKNOWN, RULE_KEY);
	clock_set_source(clocks, NULL);
	o = oracle_new(&conf, &rules, &ops, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	oracle_free(o);
	buf_free(&acts);
	buf_free(&changes);
	clock_set_source(NULL, NULL);
	return 0;
}

/* Time passes, and what is due is done. */
static void
run_for(uint64_t us)
{
	uint64_t end = mono + us;

	while (armed != 0 && armed <= end) {
		mono = armed;
		armed = 0;
		oracle_tick(o);
	}
	mono = end;
}

static void
screen(int i, const char *text, const char *until)
{
	struct oracle_match m = { (size_t)i, text, until };

	oracle_screen(o, &m, 1);
}

static void
blank(void)
{
	oracle_screen(o, NULL, 0);
}

static void
line(int i)
{
	struct oracle_match m = { (size_t)i, "a line", NULL };

	oracle_line(o, &m, 1);
}

static void
output(void)
{
	oracle_output_began(o);
	oracle_output_ended(o, mono);
}

static void
up(void)
{
	oracle_start(o);
	oracle_ready(o);
}

static void
assert_state(enum session_state state)
{
	struct oracle_view v;

	oracle_view(o, &v);
	assert_string_equal(oracle_state_name(v.state), oracle_state_name(state));
	assert_true(v.since_us <= mono);
}

static void
assert_evidence(const char *text)
{
	struct oracle_view v;

	oracle_view(o, &v);
	assert_string_equal(v.evidence, text);
}

static void
assert_acts(const char *text)
{
	assert_string_equal(buf_str(&acts), text);
	buf_clear(&acts);
}

static void
test_without_rules(void **state)
{
	(void)state;
	assert_state(SESSION_UNKNOWN);
	assert_evidence("not running");
	oracle_start(o);
	assert_state(SESSION_STARTING);
	run_for(3 * S);
	assert_evidence("not ready, started 3.0s ago");
	assert_int_equal(armed, 0); /* nothing can change by itself */
	oracle_ready(o);
	assert_state(SESSION_WORKING);
	run_for(9 * S);
	oracle_output_began(o);
	assert_evidence("output moves");
	assert_int_equal(armed, 0);
	run_for(M);
	oracle_output_ended(o, mono - S);
	assert_state(SESSION_WORKING);
	assert_int_equal(armed, mono + 9 * S);
	run_for(9 * S - 1);
	assert_state(SESSION_WORKING);
	run_for(1);
	assert_state(SESSION_IDLE);
	run_for(2 * S);
	assert_evidence("no output for 12.0s");
	assert_int_equal(armed, 0);
	output();
	assert_state(SESSION_WORKING);
	assert_string_equal(buf_str(&changes), "starting working idle working ");
}

static void
test_the_first_rule_wins(void **state)
{
	struct oracle_match both[] = { { R_PROMPT, "> ", NULL },
		{ R_WAITING, "Proceed?", NULL } };

	(void)state;
	oracle_start(o);
	oracle_screen(o, both, 2);
	assert_state(SESSION_WAITING); /* also before it is ready */
	assert_evidence("rule ask: Proceed?");
	oracle_ready(o);
	screen(R_PROMPT, "> ", NULL);
	assert_state(SESSION_IDLE);
	screen(R_WORKING, "esc to interrupt", NULL);
	assert_state(SESSION_WORKING);
	run_for(20 * S);
	assert_state(SESSION_WORKING); /* though quiet for long */
	blank();
	assert_state(SESSION_IDLE);
	/* One that names no state says nothing of it. */
	screen(R_NOTICE, "update?", NULL);
	assert_state(SESSION_IDLE);
}

static void
test_other_evidence_is_a_younger_state(void **state)
{
	struct oracle_view v;

	(void)state;
	up();
	run_for(5 * S);
	screen(R_WORKING, "esc", NULL);
	oracle_view(o, &v);
	assert_int_equal(v.since_us, mono);
	run_for(5 * S);
	screen(R_WORKING, "esc 2", NULL);
	oracle_view(o, &v);
	assert_int_equal(v.since_us, mono - 5 * S);
	assert_int_equal(v.seen_us, mono);
}

static void
test_lines_hold_until_output_begins_anew(void **state)
{
	(void)state;
	up();
	oracle_output_began(o);
	line(R_LINE);
	assert_state(SESSION_WAITING);
	oracle_output_ended(o, mono);
	run_for(M);
	assert_state(SESSION_WAITING);
	output();
	assert_state(SESSION_WORKING);
	assert_acts("line ");
}

static void
test_files_hold_until_they_change(void **state)
{
	struct oracle_match yes = { R_FILE, "busy", NULL }, no = { R_FILE, NULL, NULL };

	(void)state;
	oracle_file(o, &yes);
	assert_state(SESSION_UNKNOWN); /* it does not run */
	up();
	run_for(M);
	assert_state(SESSION_WORKING);
	oracle_file(o, &no);
	assert_state(SESSION_IDLE);
}

static void
test_actions_once_and_after_their_cooldown(void **state)
{
	(void)state;
	up();
	screen(R_NOTICE, "y/n", NULL);
	screen(R_NOTICE, "y/n", NULL);
	screen(R_NOTICE, "other words", NULL);
	assert_acts("notice ");
	blank();
	run_for(5 * S);
	screen(R_NOTICE, "y/n", NULL); /* in the cooldown */
	assert_acts("");
	run_for(25 * S - 1);
	assert_acts("");
	run_for(1);
	assert_acts("notice ");
	blank();
	screen(R_NOTICE, "y/n", NULL);
	blank(); /* gone before the cooldown ends */
	run_for(M);
	assert_acts("");
	assert_int_equal(armed, 0);
}

static void
test_a_limit_lasts_until_its_time(void **state)
{
	struct oracle_view v;

	(void)state;
	up();
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	assert_state(SESSION_LIMITED);
	oracle_view(o, &v);
	assert_int_equal(v.wall_until_us, WALL0 + 30 * M);
	assert_acts("limit ");
	assert_int_equal(act_until, WALL0 + 30 * M);
	screen(R_PROMPT, "> ", NULL); /* an idle prompt does not lift it */
	assert_state(SESSION_LIMITED);
	screen(R_WORKING, "esc", NULL); /* the rule before it does */
	assert_state(SESSION_WORKING);
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	run_for(30 * M - 1);
	assert_state(SESSION_LIMITED);
	run_for(1);
	assert_state(SESSION_IDLE); /* the words are still there */
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	assert_state(SESSION_IDLE);
	blank();
	run_for(5 * M);
	screen(R_LIMIT, "limit, resets 3pm", "3pm"); /* repainted */
	assert_state(SESSION_IDLE);
	screen(R_LIMIT, "limit, resets 8pm", "8pm"); /* another one */
	assert_state(SESSION_LIMITED);
	oracle_view(o, &v);
	assert_int_equal(v.wall_until_us, WALL0 + 330 * M);
	assert_true(armed > mono);
	oracle_release(o);
	assert_state(SESSION_IDLE);
	screen(R_LIMIT, "limit, resets 8pm", "8pm");
	assert_state(SESSION_IDLE);
}

static void
test_the_same_duration_is_another_limit(void **state)
{
	(void)state;
	up();
	screen(R_LIMIT, "again in 20s", "in 20s");
	run_for(20 * S);
	assert_state(SESSION_IDLE);
	screen(R_LIMIT, "again in 20s", "in 20s"); /* was never away */
	assert_state(SESSION_IDLE);
	blank();
	screen(R_LIMIT, "again in 20s", "in 20s");
	assert_state(SESSION_LIMITED);
}

static void
test_a_limit_without_an_end(void **state)
{
	(void)state;
	up();
	screen(R_LIMIT, "limit reached", "later");
	assert_state(SESSION_LIMITED);
	assert_acts("limit ");
	assert_int_equal(act_until, 0);
	run_for(60 * M);
	assert_state(SESSION_LIMITED);
	/* It is asked again when the words change; a hold gets its end then. */
	screen(R_LIMIT, "limit, 5 min", "in 5 minutes");
	assert_acts("limit ");
	assert_int_equal(act_until, WALL0 + 65 * M);
	/* Words that say less undo nothing. */
	screen(R_LIMIT, "limit reached", "later");
	run_for(5 * M - 1);
	assert_state(SESSION_LIMITED);
	run_for(1);
	assert_state(SESSION_IDLE);
	screen(R_LIMIT, "limit reached", "sometime");
	assert_state(SESSION_LIMITED);
	blank();
	assert_state(SESSION_IDLE);
}

static void
test_the_wall_clock_is_set(void **state)
{
	(void)state;
	up();
	screen(R_LIMIT, "limit", "3pm");
	wall_set = 31 * M;
	oracle_tick(o);
	assert_state(SESSION_WORKING);
	screen(R_LIMIT, "limit", "4pm");
	assert_state(SESSION_LIMITED);
	wall_set = 0;
	oracle_tick(o);
	assert_state(SESSION_LIMITED);
	assert_int_equal(armed, mono + 30 * S); /* the hold of another limit is owed */
	run_for(30 * S);
	assert_int_equal(armed, mono + 90 * M - 30 * S);
	wall_set = 0 - 400 * USEC_PER_DAY; /* nobody is held for a year */
	oracle_tick(o);
	assert_state(SESSION_IDLE);
}

static void
stale(uint64_t first_us, enum stale_action first, uint64_t second_us,
    enum stale_action second)
{
	conf.stale_us = first_us;
	conf.stale_action = first;
	conf.very_stale_us = second_us;
	conf.very_stale_action = second;
}

static void
test_stale_and_very_stale(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	screen(R_WORKING, "esc", NULL);
	run_for(5 * M - 1);
	assert_state(SESSION_WORKING);
	run_for(1);
	assert_state(SESSION_STUCK);
	assert_evidence("no output for 5m00s while working");
	assert_acts("poke ");
	run_for(15 * M - 1);
	assert_acts("");
	run_for(1);
	assert_acts("very-restart ");
	run_for(100 * M);
	assert_acts(""); /* once */
	assert_int_equal(armed, 0);
	output();
	assert_state(SESSION_WORKING);
	run_for(5 * M);
	assert_acts("poke ");
}

static void
test_exempt_states_are_never_stale(void **state)
{
	static const int exempt[] = { R_WAITING, R_LIMIT, R_PROMPT };

	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	for (size_t i = 0; i < 3; i++) {
		screen(exempt[i], "text", NULL);
		buf_clear(&acts);
		run_for(500 * M);
		assert_acts("");
		/* Silence in it does not count afterwards. */
		screen(R_WORKING, "esc", NULL);
		assert_acts("");
		run_for(5 * M - 1);
		assert_acts("");
		run_for(1);
		assert_acts("poke ");
		run_for(M);
	}
	/* A stale session that shows a question is no more. */
	screen(R_WAITING, "Proceed?", NULL);
	assert_state(SESSION_WAITING);
	buf_clear(&acts);
	run_for(500 * M);
	assert_acts("");
}

static void
test_a_limit_that_ends_begins_no_kill(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	conf.idle_us = UNIT_INFINITY;
	up();
	screen(R_LIMIT, "limit", "in 8 hours");
	buf_clear(&acts);
	run_for(480 * M);
	assert_state(SESSION_WORKING);
	assert_acts("");
	run_for(5 * M - 1);
	assert_acts("");
	run_for(1);
	assert_acts("poke ");
}

static void
test_grace_after_the_start(void **state)
{
	(void)state;
	stale(S, STALE_NONE, 2 * S, STALE_RESTART);
	conf.stale_grace_us = 5 * M;
	oracle_start(o);
	run_for(5 * M - 1);
	assert_state(SESSION_STARTING);
	run_for(1);
	assert_state(SESSION_STUCK);
	assert_acts("");
	run_for(S); /* the first threshold has its time, also here */
	assert_acts("very-restart ");
}

static void
test_a_late_call_kills_nobody(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	screen(R_WORKING, "esc", NULL);
	mono += 600 * M; /* the manager was stopped */
	oracle_tick(o);
	assert_acts("poke ");
	run_for(15 * M - 1);
	assert_acts("");
	run_for(1);
	assert_acts("very-restart ");
}

static void
test_sleep_of_the_machine(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	screen(R_WORKING, "esc", NULL);
	run_for(6 * M);
	assert_acts("poke ");
	run_for(13 * M);
	asleep += 600 * M;
	oracle_tick(o);
	assert_acts("");
	assert_state(SESSION_WORKING);
	run_for(5 * M - 1);
	assert_acts(""); /* each threshold is anew */
	run_for(5 * M / 8 + 1);
	assert_acts("poke ");
	run_for(14 * M);
	assert_acts("");
	run_for(2 * M);
	assert_acts("very-restart ");
}

static void
test_wake_ups_are_spread(void **state)
{
	uint64_t first;

	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	screen(R_WORKING, "esc", NULL);
	asleep += 600 * M;
	oracle_tick(o);
	first = armed - mono;
	mono += 7 * S;
	up();
	screen(R_WORKING, "esc", NULL);
	asleep += 600 * M;
	oracle_tick(o);
	assert_true(armed - mono != first);
}

static void
test_an_echo_is_no_sign_of_life(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	screen(R_WORKING, "esc", NULL);
	run_for(5 * M);
	assert_acts("poke ");
	oracle_input(o);
	output();
	assert_state(SESSION_STUCK);
	run_for(15 * M);
	assert_acts("very-restart ");
	/* What still moves after it is alive. */
	up();
	screen(R_WORKING, "esc", NULL);
	run_for(5 * M);
	assert_acts("poke ");
	oracle_input(o);
	oracle_output_began(o);
	assert_state(SESSION_STUCK);
	run_for(ORACLE_ECHO_US);
	assert_state(SESSION_WORKING);
	assert_int_equal(armed, 0);
	/* It moved until the next input, so that this one finds no silence. */
	run_for(60 * M);
	oracle_input(o);
	assert_acts("");
	assert_state(SESSION_WORKING);
}

static void
test_a_person_who_types_is_not_cut_off(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	screen(R_WORKING, "esc", NULL);
	run_for(19 * M);
	assert_acts("poke ");
	oracle_human(o);
	run_for(4 * M);
	assert_acts("");
}

static void
test_the_age_of_a_file_instead(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	strv_add(&conf.stale_files, "/f");
	up();
	screen(R_WORKING, "esc", NULL);
	oracle_output_began(o); /* a spinner moves for ever */
	run_for(3 * M);
	oracle_stale_file(o, mono - M);
	run_for(4 * M - 1);
	assert_acts("");
	run_for(1);
	assert_acts("poke ");
	assert_evidence("file not changed for 5m00s while working");
	oracle_stale_file(o, mono);
	assert_state(SESSION_WORKING);
	strv_free(&conf.stale_files);
}

static struct oracle_verdict
end(int status, int signal)
{
	struct oracle_exit e = { .status = status, .signal = signal };
	struct oracle_verdict v;

	oracle_exit(o, &e, &v);
	return v;
}

static void
test_verdicts(void **state)
{
	struct oracle_match tail = { R_UNKNOWN_COMMAND, "Unknown command", NULL };
	struct oracle_exit e = { .status = 1, .tail = &tail, .n_tail = 1 };
	struct oracle_verdict v;

	(void)state;
	up();
	v = end(1, 0);
	assert_true(v.rule == ORACLE_NO_RULE && v.action == RULE_NONE && v.counts);
	assert_state(SESSION_UNKNOWN);
	up();
	line(R_UNKNOWN_COMMAND);
	assert_state(SESSION_WORKING);
	assert_acts(""); /* of exits only */
	v = end(1, 0);
	assert_true(v.rule == R_UNKNOWN_COMMAND && v.action == RULE_FATAL && v.counts);
	assert_string_equal(v.text, "a line");
	/* Both must hold. */
	up();
	line(R_UNKNOWN_COMMAND);
	assert_true(end(2, 0).rule == ORACLE_NO_RULE);
	up();
	line(R_UNKNOWN_COMMAND);
	assert_true(end(0, 1).rule == ORACLE_NO_RULE); /* a signal is no status */
	up();
	assert_true(end(1, 0).rule == ORACLE_NO_RULE); /* that line was another's */
	up();
	line(R_UNKNOWN_COMMAND);
	run_for(ORACLE_EXIT_WINDOW_US + 1);
	assert_true(end(1, 0).rule == ORACLE_NO_RULE); /* nor is it why */
	up();
	oracle_exit(o, &e, &v);
	assert_true(v.rule == R_UNKNOWN_COMMAND && v.action == RULE_FATAL);
	assert_string_equal(v.text, "Unknown command");
	up();
	v = end(75, 0);
	assert_true(v.rule == R_TEMPFAIL && v.action == RULE_RETRY && !v.counts);
}

static void
test_a_limit_is_no_crash(void **state)
{
	struct oracle_verdict v;

	(void)state;
	up();
	screen(R_LIMIT, "limit", "in 1 hour");
	v = end(1, 0);
	assert_true(v.rule == R_LIMIT && v.action == RULE_HOLD && !v.counts);
	assert_int_equal(v.wall_until_us, WALL0 + 60 * M);
	assert_state(SESSION_LIMITED); /* it lasts, also without the process */
	oracle_start(o);
	assert_state(SESSION_LIMITED);
	run_for(60 * M);
	assert_state(SESSION_STARTING);
	/* Without a known end it ends with the process. */
	oracle_ready(o);
	screen(R_LIMIT, "limit", "later");
	v = end(1, 0);
	assert_true(v.rule == R_LIMIT && v.action == RULE_HOLD && !v.counts);
	assert_int_equal(v.wall_until_us, 0);
	assert_state(SESSION_UNKNOWN);
}

static void
test_an_exit_that_says_until_when(void **state)
{
	struct oracle_match tail = { R_TEMPFAIL, "retry in 5m", "in 5m" };
	struct oracle_exit e = { .status = 75, .tail = &tail, .n_tail = 1 };
	struct oracle_verdict v;

	(void)state;
	up();
	oracle_exit(o, &e, &v);
	assert_int_equal(v.wall_until_us, WALL0 + 5 * M);
	assert_state(SESSION_LIMITED);
	assert_evidence("rule tempfail: retry in 5m");
	run_for(5 * M);
	assert_state(SESSION_UNKNOWN);
	assert_int_equal(armed, 0);
}

/* While the slack of its end lasts, the time of day that was named is over. */
static void
test_a_limit_that_is_said_again_is_the_same(void **state)
{
	struct oracle_match tail = { R_TEMPFAIL, "resets 3pm", "3pm" };
	struct oracle_exit e = { .status = 75, .tail = &tail, .n_tail = 1 };
	struct oracle_verdict v;
	uint64_t until = WALL0 + 30 * M + 7 * S;

	(void)state;
	slack = 7 * S;
	up();
	run_for(29 * M);
	oracle_exit(o, &e, &v);
	assert_int_equal(v.wall_until_us, until);
	oracle_start(o);
	run_for(M + 3 * S);
	oracle_exit(o, &e, &v);
	assert_int_equal(v.wall_until_us, until);
	assert_state(SESSION_LIMITED);
	run_for(4 * S);
	assert_state(SESSION_UNKNOWN);
	/* On a screen, with words in between that name no time. */
	teardown(state);
	setup(state);
	slack = 7 * S;
	up();
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	until = act_until;
	assert_int_equal(until, WALL0 + 30 * M + 7 * S);
	screen(R_LIMIT, "limit", NULL);
	run_for(30 * M + 3 * S);
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	assert_state(SESSION_LIMITED);
	run_for(4 * S);
	assert_state(SESSION_IDLE);
}

static void
test_other_confs(void **state)
{
	static struct rule_conf moved[3], changed[3];
	static const struct rule_list other = { moved, 3 }, less = { changed, 3 };
	static const struct rule_list none = { NULL, 0 };
	struct oracle_view v;
	uint64_t since;

	(void)state;
	up();
	screen(R_WAITING, "Proceed?", NULL);
	assert_acts("ask ");
	since = mono;
	run_for(5 * S);
	moved[0] = table[R_PROMPT];
	moved[1] = table[R_LIMIT];
	moved[2] = table[R_WAITING];
	oracle_reconf(o, &conf, &other);
	assert_state(SESSION_WAITING);
	oracle_view(o, &v);
	assert_int_equal(v.since_us, since);
	screen(2, "Proceed?", NULL);
	assert_acts(""); /* it held before */
	/* One that looks for something else does not hold before it is seen. */
	memcpy(changed, moved, sizeof(changed));
	changed[2].pattern = changed[2].name + 1;
	oracle_reconf(o, &conf, &less);
	assert_state(SESSION_WORKING);
	oracle_reconf(o, &conf, &other);
	screen(1, "limit", "in 1 hour");
	assert_state(SESSION_LIMITED);
	assert_acts("limit ");
	/* A rule that is gone takes its limit with it. */
	moved[1] = table[R_WORKING];
	oracle_reconf(o, &conf, &other);
	assert_state(SESSION_WORKING);
	oracle_reconf(o, &conf, &none);
	assert_state(SESSION_WORKING);
	oracle_reconf(o, &conf, &rules);
	assert_state(SESSION_WORKING);
}

static void
test_a_limit_that_is_over_at_the_exit(void **state)
{
	(void)state;
	up();
	screen(R_LIMIT, "limit", "in 1 hour");
	blank();
	mono += 61 * M; /* its timer is late */
	assert_true(end(1, 0).rule == ORACLE_NO_RULE);
	assert_state(SESSION_UNKNOWN);
}

static void
test_a_timer_is_armed_once(void **state)
{
	(void)state;
	up();
	assert_int_equal(armed, mono + 10 * S);
	arms = 0;
	run_for(5 * S);
	oracle_tick(o);
	screen(R_NOTICE, "y/n", NULL);
	assert_int_equal(arms, 0);
	conf.idle_us = 5 * M;
	oracle_reconf(o, &conf, &rules);
	assert_int_equal(arms, 1);
	assert_int_equal(armed, mono + 5 * M - 5 * S);
}

/* The manager dies, and comes back after some time. */
static void
die_for(uint64_t us)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf b = { 0 };
	struct json_err err;
	struct jv *v;

	jw_obj(w);
	oracle_save(o, w);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	oracle_free(o);
	armed = 0;
	mono += us;
	o = oracle_new(&conf, &rules, &ops, NULL);
	v = jv_parse(b.data, b.len, &err);
	if (v == NULL || oracle_restore(o, v, &err) == -1)
		fail_msg("%s", err.text);
	jv_free(v);
	buf_free(&b);
	oracle_tick(o);
}

static void
test_a_limit_ends_a_little_later(void **state)
{
	struct oracle_exit e = { .status = 1 };
	struct oracle_verdict v;
	struct oracle_view view;

	(void)state;
	slack = 7 * S;
	up();
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	assert_acts("limit ");
	assert_int_equal(act_until, WALL0 + 30 * M + 7 * S);
	oracle_view(o, &view);
	assert_int_equal(view.wall_until_us, act_until);
	run_for(30 * M + 3 * S); /* its time has come: the words that stay are the same */
	screen(R_LIMIT, "limit, resets 3pm ", "3pm");
	assert_state(SESSION_LIMITED);
	die_for(0); /* nor does another manager add anything */
	run_for(4 * S - 1);
	assert_state(SESSION_LIMITED);
	run_for(1);
	assert_state(SESSION_IDLE);
	blank();
	screen(R_LIMIT, "limit, resets 3pm", "3pm"); /* repainted */
	assert_state(SESSION_IDLE);
	/* As far ahead as there may be one: not over at once. */
	screen(R_LIMIT, "limit, back in 35 days", "in 35 days");
	assert_state(SESSION_LIMITED);
	oracle_exit(o, &e, &v);
	assert_true(v.wall_until_us > WALL0 + 34 * 24 * 60 * M);
}

static void
test_a_limit_survives_the_manager(void **state)
{
	struct oracle_view v;

	(void)state;
	up();
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	buf_clear(&acts);
	buf_clear(&changes);
	die_for(10 * M);
	assert_state(SESSION_LIMITED);
	assert_evidence("rule limit: limit, resets 3pm");
	assert_string_equal(buf_str(&changes), "");
	screen(R_LIMIT, "limit, resets 3pm", "3pm");
	assert_acts(""); /* it was asked for, before */
	run_for(20 * M);
	assert_state(SESSION_IDLE);
	/* A state is as old as it was, though the clock was set meanwhile. */
	run_for(M);
	wall_set = 0 - 500 * M;
	die_for(S);
	oracle_view(o, &v);
	assert_int_equal(v.since_us, mono - M - S);
	wall_set = 0;
	/* Also the one that ended meanwhile, and those words. */
	screen(R_LIMIT, "limit, resets 8pm", "8pm");
	die_for(310 * M);
	assert_state(SESSION_IDLE);
	screen(R_LIMIT, "limit, resets 8pm", "8pm");
	assert_state(SESSION_IDLE);
	die_for(M);
	screen(R_LIMIT, "limit, resets 8pm", "8pm");
	assert_state(SESSION_IDLE);
}

static void
test_cooldowns_and_thresholds_survive_the_manager(void **state)
{
	(void)state;
	stale(5 * M, STALE_POKE, 20 * M, STALE_RESTART);
	up();
	screen(R_NOTICE, "y/n", NULL);
	assert_acts("notice ");
	blank();
	die_for(10 * S);
	screen(R_NOTICE, "y/n", NULL);
	assert_acts("");
	run_for(20 * S);
	assert_acts("notice ");
	screen(R_WORKING, "esc", NULL);
	run_for(5 * M);
	assert_acts("poke ");
	die_for(S);
	assert_state(SESSION_STUCK);
	assert_acts(""); /* not once more */
	die_for(60 * M);
	assert_acts(""); /* not at once: output may have been missed */
	run_for(ORACLE_RESTORE_US);
	assert_acts("very-restart ");
}

static void
test_memory_that_is_none(void **state)
{
	static const char *const bad[] = { "{}", "[]", "{\"state\":1}",
		"{\"state\":\"idle\",\"since\":-1,\"basis\":0}",
		"{\"state\":\"idle\",\"since\":1,\"basis\":0,\"rules\":3}",
		"{\"state\":\"idle\",\"since\":1,\"basis\":0,\"rules\":[{}]}",
		"{\"state\":\"idle\",\"since\":1,\"basis\":0,\"rules\":[{\"name\":"
		"\"limit\","
		"\"text\":5}]}" };
	static const char *const odd[] = {
		"{\"state\":\"dreaming\",\"since\":1,\"basis\":0}",
		"{\"state\":\"idle\",\"since\":1,\"basis\":99,\"level\":77,\"up\":true}",
		"{\"state\":\"idle\",\"since\":1,\"basis\":0,\"rule\":\"gone\"}",
		"{\"state\":\"idle\",\"since\":9223372036854775807,\"basis\":4,\"up\":"
		"true,"
		"\"output\":9223372036854775807,\"rules\":[{\"name\":\"gone\"},"
		"{\"name\":\"limit\",\"latched\":true,\"until\":9223372036854775807}]}",
	};
	struct json_err err;

	(void)state;
	up();
	screen(R_WAITING, "Proceed?", NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct jv *v = jv_parse(bad[i], strlen(bad[i]), &err);

		assert_int_equal(oracle_restore(o, v, &err), -1);
		jv_free(v);
		assert_state(SESSION_WAITING);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct jv *v = jv_parse(odd[i], strlen(odd[i]), &err);

		assert_int_equal(oracle_restore(o, v, &err), 0);
		jv_free(v);
		oracle_tick(o);
		run_for(M);
	}
}

static void
test_names(void **state)
{
	enum session_state s;

	(void)state;
	for (int i = 0; i < SESSION_NSTATES; i++) {
		assert_int_equal(
		    oracle_state_parse(oracle_state_name((enum session_state)i), &s), 0);
		assert_int_equal(s, i);
	}
	assert_int_equal(oracle_state_parse("asleep", &s), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_without_rules),
		TEST(test_the_first_rule_wins),
		TEST(test_other_evidence_is_a_younger_state),
		TEST(test_lines_hold_until_output_begins_anew),
		TEST(test_files_hold_until_they_change),
		TEST(test_actions_once_and_after_their_cooldown),
		TEST(test_a_limit_lasts_until_its_time),
		TEST(test_the_same_duration_is_another_limit),
		TEST(test_a_limit_without_an_end),
		TEST(test_the_wall_clock_is_set),
		TEST(test_stale_and_very_stale),
		TEST(test_exempt_states_are_never_stale),
		TEST(test_a_limit_that_ends_begins_no_kill),
		TEST(test_grace_after_the_start),
		TEST(test_a_late_call_kills_nobody),
		TEST(test_sleep_of_the_machine),
		TEST(test_wake_ups_are_spread),
		TEST(test_an_echo_is_no_sign_of_life),
		TEST(test_a_person_who_types_is_not_cut_off),
		TEST(test_the_age_of_a_file_instead),
		TEST(test_verdicts),
		TEST(test_a_limit_is_no_crash),
		TEST(test_an_exit_that_says_until_when),
		TEST(test_a_limit_that_is_said_again_is_the_same),
		TEST(test_other_confs),
		TEST(test_a_limit_that_is_over_at_the_exit),
		TEST(test_a_timer_is_armed_once),
		TEST(test_a_limit_ends_a_little_later),
		TEST(test_a_limit_survives_the_manager),
		TEST(test_cooldowns_and_thresholds_survive_the_manager),
		TEST(test_memory_that_is_none),
		TEST(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
