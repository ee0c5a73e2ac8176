/*
 * oracle_rule: which rules hold, what their words say of an end, and their actions.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/session/oracle_int.h"
#include "manager/session/until.h"

/* "resets 3pm", read at five past three, is of the limit that just ended: programs leave
 * the words on the screen. */
#define ENDED_US USEC_PER_HOUR

bool
rule_is_of_exit(const struct rule_conf *c)
{
	return c->source == RULE_EXIT || c->exit_status_set;
}

bool
rule_counts(const struct oracle *o, size_t i)
{
	const struct oracle_rule *r = &o->r[i];

	if (o->rules->v[i].state == SESSION_UNKNOWN)
		return false;
	if (r->latched)
		return true;
	/* A file may match without a session. */
	return o->up && r->holds && !r->spent && !rule_is_of_exit(&o->rules->v[i]);
}

size_t
rule_winner(const struct oracle *o)
{
	for (size_t i = 0; i < o->rules->n; i++)
		if (rule_counts(o, i))
			return i;
	return ORACLE_NO_RULE;
}

static bool
is_hold(const struct rule_conf *c)
{
	return c->action == RULE_HOLD || c->action == RULE_HOLD_POOL;
}

/* These words are of a limit that is over, and not of the next one. */
static bool
is_over(const struct oracle_rule *r, const char *until, const struct oracle_now *now)
{
	return r->ended_text != NULL && strcmp(r->ended_text, until) == 0 &&
	       now->wall_us >= r->wall_ended_us &&
	       now->wall_us - r->wall_ended_us < ENDED_US;
}

/* Whoever set the limit ends it a moment later than they said, by a clock of their own.
 */
static uint64_t
with_slack(const struct oracle *o, uint64_t wall_us, const struct oracle_now *now)
{
	uint64_t most = clock_add_us(now->wall_us, UNTIL_AHEAD_MAX_US);
	uint64_t us = wall_us;

	if (o->ops->slack != NULL)
		us = clock_add_us(us, o->ops->slack(o->arg, wall_us));
	return us < most ? us : most;
}

void
rule_read_until(
    struct oracle *o, size_t i, const char *until, const struct oracle_now *now)
{
	const struct rule_conf *c = &o->rules->v[i];
	struct oracle_rule *r = &o->r[i];
	struct until_time t;
	const char *why;

	if (is_over(r, until, now)) {
		if (!r->latched) {
			r->spent = true;
			r->wall_until_us = 0;
		}
		return;
	}
	r->spent = false;
	/* What these words mean is known.  After the time that they name, while the slack
	 * of its end lasts, they would mean that of the next day. */
	if (r->latched && !r->relative && r->until_text != NULL &&
	    strcmp(r->until_text, until) == 0)
		return;
	if (until_parse(until, now->wall_us, o->ops->zone(o->arg), &t, &why) == -1) {
		/* An end that is known stays one: words that say less do not undo it. */
		if (!r->latched)
			r->wall_until_us = 0;
		return;
	}
	if (r->wall_until_us == 0 && r->acted && r->holds && is_hold(c))
		r->owed = true;
	r->wall_until_us = with_slack(o, t.wall_us, now);
	r->relative = t.relative;
	r->latched = c->state == SESSION_LIMITED;
}

void
rule_match(struct oracle *o, size_t i, const struct oracle_match *m,
    const struct oracle_now *now)
{
	const struct rule_conf *c = &o->rules->v[i];
	struct oracle_rule *r = &o->r[i];
	bool rose = !r->holds;

	r->holds = true;
	r->seen_us = now->mono_us;
	oracle_set_text(&r->text, m->text, ORACLE_TEXT_MAX);
	if (m->until == NULL && !r->latched)
		r->wall_until_us = 0;
	/* The same words are read once: minutes later they would mean another time. */
	if (m->until != NULL && !rule_is_of_exit(c) &&
	    ((rose && !r->latched) || r->until_text == NULL ||
		strncmp(r->until_text, m->until, UNTIL_TEXT_MAX) != 0))
		rule_read_until(o, i, m->until, now);
	if (m->until != NULL || !r->latched)
		oracle_set_text(&r->until_text, m->until, UNTIL_TEXT_MAX);
	if (rose && c->action != RULE_NONE && !rule_is_of_exit(c) && !r->spent)
		r->owed = true;
}

void
rule_hit(struct oracle *o, const struct oracle_match *m, const struct oracle_now *now)
{
	struct oracle_rule *r = &o->r[m->rule];

	r->hit = true;
	r->hit_us = now->mono_us;
	if (o->rules->v[m->rule].source != RULE_EXIT)
		return; /* rule_match does the rest */
	oracle_set_text(&r->text, m->text, ORACLE_TEXT_MAX);
	oracle_set_text(&r->until_text, m->until, UNTIL_TEXT_MAX);
}

void
rule_unmatch(struct oracle *o, size_t i)
{
	o->r[i].holds = false;
	o->r[i].owed = false;
	o->r[i].spent = false;
}

void
rules_end_limits(struct oracle *o, const struct oracle_now *now)
{
	for (size_t i = 0; i < o->rules->n; i++) {
		struct oracle_rule *r = &o->r[i];

		/* A clock that was set back years does not hold a session for years. */
		if (!r->latched ||
		    (r->wall_until_us > now->wall_us &&
			r->wall_until_us - now->wall_us <= UNTIL_AHEAD_MAX_US))
			continue;
		r->latched = false;
		r->spent = r->holds;
		r->owed = false;
		/* "in 5 minutes", said again, is of another limit. */
		oracle_set_text(
		    &r->ended_text, r->relative ? NULL : r->until_text, UNTIL_TEXT_MAX);
		r->wall_ended_us = r->wall_until_us;
		r->wall_until_us = 0;
	}
}

static uint64_t
cooldown_end(const struct oracle *o, size_t i)
{
	const struct oracle_rule *r = &o->r[i];

	return r->acted ? clock_add_us(r->acted_us, o->rules->v[i].cooldown_us) : 0;
}

void
rules_act(struct oracle *o, const struct oracle_now *now)
{
	for (size_t i = 0; i < o->rules->n; i++) {
		struct oracle_rule *r = &o->r[i];
		struct oracle_act act = {
			.rule = i,
			.conf = &o->rules->v[i],
			.text = r->text,
			.wall_until_us = r->wall_until_us,
		};

		if (!r->owed || cooldown_end(o, i) > now->mono_us)
			continue;
		/* A file may have matched before the session runs; what is to be done
		 * to it waits for it. */
		if (!o->up)
			continue;
		r->owed = false;
		r->acted = true;
		r->acted_us = now->mono_us;
		o->ops->act(o->arg, &act);
	}
}

void
rules_due(const struct oracle *o, const struct oracle_now *now, uint64_t *due_us)
{
	for (size_t i = 0; i < o->rules->n; i++) {
		const struct oracle_rule *r = &o->r[i];

		if (r->owed && o->up)
			oracle_sooner(due_us, cooldown_end(o, i));
		if (r->latched)
			oracle_sooner(
			    due_us, now->mono_us + (r->wall_until_us - now->wall_us));
	}
}

void
rules_reset(struct oracle *o)
{
	for (size_t i = 0; i < o->rules->n; i++) {
		o->r[i].hit = false;
		/* A file is there whether the session runs or not. */
		if (o->rules->v[i].source != RULE_FILE)
			rule_unmatch(o, i);
	}
}

void
rule_clear(struct oracle_rule *r)
{
	free(r->text);
	free(r->until_text);
	free(r->ended_text);
	memset(r, 0, sizeof(*r));
}
