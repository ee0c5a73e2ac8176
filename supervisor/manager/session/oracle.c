/*
 * oracle: see the header.  Each call notes what happened; then oracle_settle alone
 * decides what that means, so that no order of calls can leave a state without its
 * reason.
 */
#include "manager/session/oracle.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/session/oracle_int.h"

void
oracle_sooner(uint64_t *due_us, uint64_t us)
{
	if (*due_us == 0 || us < *due_us)
		*due_us = us;
}

/* NULL forgets it. */
void
oracle_set_text(char **kept, const char *text, size_t max)
{
	size_t n;

	if (text == NULL) {
		free(*kept);
		*kept = NULL;
		return;
	}
	n = utf8_head(text, strlen(text), max);
	if (*kept != NULL && strlen(*kept) == n && memcmp(*kept, text, n) == 0)
		return;
	free(*kept);
	*kept = xstrndup(text, n);
}

struct oracle_now
oracle_clocks(void)
{
	return (struct oracle_now){
		.mono_us = clock_mono_us(),
		.wall_us = clock_wall_us(),
	};
}

uint64_t
oracle_asleep_us(const struct oracle_now *now)
{
	uint64_t boot_us = clock_boot_us();

	return boot_us > now->mono_us ? boot_us - now->mono_us : 0;
}

struct oracle *
oracle_new(const struct session_conf *conf, const struct rule_list *rules,
    const struct oracle_ops *ops, void *arg)
{
	struct oracle *o = xcalloc(1, sizeof(*o));
	struct oracle_now now = oracle_clocks();

	o->conf = conf;
	o->rules = rules;
	o->ops = ops;
	o->arg = arg;
	o->r = xcalloc(rules->n + 1, sizeof(*o->r));
	o->basis = BASIS_DOWN;
	o->rule = ORACLE_NO_RULE;
	o->since_us = now.mono_us;
	o->wall_since_us = now.wall_us;
	o->asleep_us = oracle_asleep_us(&now);
	return o;
}

static void
free_rules(struct oracle *o)
{
	for (size_t i = 0; i < o->rules->n; i++)
		rule_clear(&o->r[i]);
	free(o->r);
}

void
oracle_free(struct oracle *o)
{
	if (o == NULL)
		return;
	free_rules(o);
	free(o);
}

/* ---- what the state is ---- */

uint64_t
oracle_quiet_since(const struct oracle *o)
{
	return o->output_us > o->ready_us ? o->output_us : o->ready_us;
}

/* Without thresholds. */
static enum session_state
look(const struct oracle *o, const struct oracle_now *now, enum oracle_basis *basis,
    size_t *rule)
{
	*rule = rule_winner(o);
	*basis = BASIS_RULE;
	if (*rule != ORACLE_NO_RULE)
		return o->rules->v[*rule].state;
	*rule = ORACLE_NO_RULE;
	*basis = BASIS_DOWN;
	if (!o->up)
		return SESSION_UNKNOWN;
	*basis = BASIS_STARTING;
	if (!o->ready)
		return SESSION_STARTING;
	*basis = BASIS_OUTPUT;
	if (o->moving ||
	    clock_add_us(oracle_quiet_since(o), o->conf->idle_us) > now->mono_us)
		return SESSION_WORKING;
	*basis = BASIS_QUIET;
	return SESSION_IDLE;
}

static void
set_state(struct oracle *o, enum session_state state, enum oracle_basis basis,
    size_t rule, const struct oracle_now *now)
{
	struct oracle_view view;

	if (o->state == state && o->basis == basis && o->rule == rule)
		return;
	o->state = state;
	o->basis = basis;
	o->rule = rule;
	o->since_us = now->mono_us;
	o->wall_since_us = now->wall_us;
	oracle_view(o, &view);
	o->ops->changed(o->arg, &view);
}

static void
arm(struct oracle *o, enum oracle_basis under, const struct oracle_now *now)
{
	uint64_t due = 0;

	rules_due(o, now, &due);
	stale_due(o, now, &due);
	if (under == BASIS_OUTPUT && !o->moving && o->conf->idle_us != UNIT_INFINITY)
		oracle_sooner(
		    &due, clock_add_us(oracle_quiet_since(o), o->conf->idle_us));
	/* Two thresholds that are due at once are taken one after the other. */
	if (due != 0 && due < now->mono_us)
		due = now->mono_us;
	if (due == o->armed_us)
		return;
	o->armed_us = due;
	o->ops->arm(o->arg, due);
}

void
oracle_settle(struct oracle *o)
{
	struct oracle_now now = oracle_clocks();
	uint64_t asleep = oracle_asleep_us(&now);
	enum session_state state;
	enum oracle_basis basis, under;
	size_t rule;

	assert(!o->settling);
	if (o->paused_us != 0 || o->blind)
		return;
	o->settling = true;
	if (asleep > o->asleep_us + SLEPT_MIN_US)
		stale_wake(o, &now);
	o->asleep_us = asleep;
	rules_end_limits(o, &now);
	rules_act(o, &now);
	state = look(o, &now, &basis, &rule);
	o->under = state;
	under = basis;
	stale_settle(o, state, &now);
	if (o->level > 0) {
		state = SESSION_STUCK;
		basis = BASIS_STALE;
		rule = ORACLE_NO_RULE;
	}
	set_state(o, state, basis, rule, &now);
	arm(o, under, &now);
	o->settling = false;
}

/* ---- what happens ---- */

void
oracle_start(struct oracle *o)
{
	struct oracle_now now = oracle_clocks();

	o->up = true;
	o->ready = o->moving = o->blind = false;
	o->start_us = o->ready_us = o->output_us = o->life_us = now.mono_us;
	o->file_us = now.mono_us;
	o->began_us = o->human_us = o->echo_us = 0;
	o->level = 0;
	o->not_before_us = 0;
	rules_reset(o);
	oracle_settle(o);
}

void
oracle_ready(struct oracle *o)
{
	if (o->up && !o->ready) {
		o->ready = true;
		o->ready_us = clock_mono_us();
	}
	oracle_settle(o);
}

static const struct oracle_match *
find(const struct oracle_match *m, size_t n, size_t rule)
{
	for (size_t i = 0; i < n; i++)
		if (m[i].rule == rule)
			return &m[i];
	return NULL;
}

void
oracle_screen(struct oracle *o, const struct oracle_match *m, size_t n)
{
	struct oracle_now now = oracle_clocks();

	for (size_t i = 0; o->up && i < o->rules->n; i++) {
		const struct oracle_match *match;

		if (o->rules->v[i].source != RULE_SCREEN)
			continue;
		match = find(m, n, i);
		if (match != NULL)
			rule_match(o, i, match, &now);
		else
			rule_unmatch(o, i);
	}
	oracle_settle(o);
}

static bool
is_of_lines(const struct rule_conf *c)
{
	return c->source == RULE_STDOUT || c->source == RULE_STDERR;
}

/* A line that names a state takes the place of the one before. */
static void
forget_lines(struct oracle *o)
{
	for (size_t i = 0; i < o->rules->n; i++)
		if (is_of_lines(&o->rules->v[i]))
			rule_unmatch(o, i);
}

void
oracle_line(struct oracle *o, const struct oracle_match *m, size_t n)
{
	struct oracle_now now = oracle_clocks();
	bool names = false;

	for (size_t k = 0; o->up && k < n; k++) {
		const struct rule_conf *c;

		if (m[k].rule >= o->rules->n)
			continue;
		c = &o->rules->v[m[k].rule];
		if (!is_of_lines(c) && c->source != RULE_EXIT)
			continue;
		names = names || (c->state != SESSION_UNKNOWN && !rule_is_of_exit(c));
		rule_hit(o, &m[k], &now);
	}
	if (names)
		forget_lines(o);
	for (size_t k = 0; o->up && k < n; k++) {
		if (m[k].rule >= o->rules->n || !is_of_lines(&o->rules->v[m[k].rule]))
			continue;
		/* Each line is one more time that it comes to hold. */
		rule_unmatch(o, m[k].rule);
		rule_match(o, m[k].rule, &m[k], &now);
	}
	oracle_settle(o);
}

void
oracle_file(struct oracle *o, const struct oracle_match *m)
{
	struct oracle_now now = oracle_clocks();

	if (m->rule < o->rules->n && o->rules->v[m->rule].source == RULE_FILE) {
		const struct rule_conf *c = &o->rules->v[m->rule];
		struct oracle_rule *r = &o->r[m->rule];

		/* One without a pattern is about the change itself. */
		if (c->pattern == NULL && r->holds && m->text != NULL &&
		    r->text != NULL && strcmp(r->text, m->text) != 0 &&
		    c->action != RULE_NONE && !rule_is_of_exit(c))
			r->owed = true;
		if (m->text != NULL)
			rule_match(o, m->rule, m, &now);
		else
			rule_unmatch(o, m->rule);
	}
	oracle_settle(o);
}

void
oracle_output_began(struct oracle *o)
{
	if (o->up && !o->moving) {
		o->moving = true;
		o->began_us = clock_mono_us();
		forget_lines(o);
	}
	oracle_settle(o);
}

void
oracle_output_ended(struct oracle *o, uint64_t last_us)
{
	uint64_t now_us = clock_mono_us();

	if (last_us > now_us)
		last_us = now_us;
	if (o->up) {
		o->moving = false;
		if (last_us > o->output_us)
			o->output_us = last_us;
		if (last_us > o->life_us && last_us >= o->echo_us)
			o->life_us = last_us;
	}
	oracle_settle(o);
}

void
oracle_human(struct oracle *o)
{
	o->human_us = clock_mono_us();
	oracle_settle(o);
}

void
oracle_input(struct oracle *o)
{
	uint64_t now_us = clock_mono_us();

	/* What moved until now did so by itself. */
	if (o->moving && (o->began_us >= o->echo_us || now_us >= o->echo_us))
		o->life_us = now_us;
	o->echo_us = clock_add_us(now_us, ORACLE_ECHO_US);
	oracle_settle(o);
}

void
oracle_stale_file(struct oracle *o, uint64_t changed_us)
{
	uint64_t now_us = clock_mono_us();

	if (changed_us > now_us)
		changed_us = now_us;
	if (changed_us > o->file_us)
		o->file_us = changed_us;
	oracle_settle(o);
}

void
oracle_release(struct oracle *o)
{
	for (size_t i = 0; i < o->rules->n; i++) {
		struct oracle_rule *r = &o->r[i];

		if (o->rules->v[i].state != SESSION_LIMITED)
			continue;
		r->latched = false;
		r->spent = r->holds;
		r->owed = false;
		r->wall_until_us = 0;
	}
	oracle_settle(o);
}

void
oracle_pause(struct oracle *o, bool on)
{
	struct oracle_now now = oracle_clocks();
	uint64_t by_us;

	if (on == (o->paused_us != 0))
		return;
	if (on) {
		o->paused_us = now.mono_us;
		o->armed_us = 0;
		o->ops->arm(o->arg, 0);
		return;
	}
	/* It was quiet because it could not be anything else. */
	by_us = now.mono_us - o->paused_us;
	o->paused_us = 0;
	if (o->output_us != 0)
		o->output_us = clock_add_us(o->output_us, by_us);
	if (o->ready_us != 0)
		o->ready_us = clock_add_us(o->ready_us, by_us);
	stale_wake(o, &now);
	oracle_settle(o);
}

void
oracle_blind(struct oracle *o, bool on)
{
	o->blind = on;
	oracle_settle(o);
}

void
oracle_tick(struct oracle *o)
{
	/* That timer has fired. */
	if (o->armed_us != 0 && o->armed_us <= clock_mono_us())
		o->armed_us = 0;
	oracle_settle(o);
}

/* ---- other confs ---- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* It looks for the same at the same place. */
static bool
is_same_look(const struct rule_conf *a, const struct rule_conf *b)
{
	return a->source == b->source && a->lines == b->lines &&
	       same_text(a->pattern, b->pattern) && same_text(a->file, b->file) &&
	       same_text(a->pointer, b->pointer) && same_text(a->until, b->until);
}

void
oracle_reconf(
    struct oracle *o, const struct session_conf *conf, const struct rule_list *rules)
{
	struct oracle_rule *r = xcalloc(rules->n + 1, sizeof(*r));
	const char *rule = o->rule != ORACLE_NO_RULE ? o->rules->v[o->rule].name : NULL;

	/* It is the same rule at another place, and the state as old as before. */
	o->rule = ORACLE_NO_RULE;
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule_conf *c = &rules->v[i];

		if (rule != NULL && strcmp(c->name, rule) == 0)
			o->rule = i;
		for (size_t k = 0; k < o->rules->n; k++) {
			const struct rule_conf *old = &o->rules->v[k];

			if (strcmp(old->name, c->name) != 0)
				continue;
			r[i] = o->r[k];
			memset(&o->r[k], 0, sizeof(o->r[k]));
			if (!is_same_look(old, c))
				r[i].holds = r[i].owed = r[i].hit = r[i].spent = false;
			if (c->action == RULE_NONE || rule_is_of_exit(c))
				r[i].owed = false;
			if (c->state != SESSION_LIMITED)
				r[i].latched = false;
			break;
		}
	}
	free_rules(o);
	o->conf = conf;
	o->rules = rules;
	o->r = r;
	oracle_settle(o);
}
