/*
 * oracle_exit: what the end of an invocation means.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/utf8.h"
#include "manager/session/oracle_int.h"
#include "manager/session/until.h"

static bool
set_has(const struct exit_set *s, const struct oracle_exit *e)
{
	if (e->signal > 0)
		return e->signal <= 64 && (s->signals >> (e->signal - 1) & 1) != 0;
	return e->status >= 0 && e->status <= 255 &&
	       (s->status[e->status / 64] >> (e->status % 64) & 1) != 0;
}

static const struct oracle_match *
tail_match(const struct oracle_exit *e, size_t rule)
{
	for (size_t i = 0; i < e->n_tail; i++)
		if (e->tail[i].rule == rule)
			return &e->tail[i];
	return NULL;
}

/* Its pattern holds at the exit; *m is what matched. */
static bool
pattern_holds(const struct oracle *o, size_t i, const struct oracle_exit *e,
    const struct oracle_now *now, struct oracle_match *m)
{
	const struct oracle_match *tail = tail_match(e, i);
	const struct rule_conf *c = &o->rules->v[i];
	const struct oracle_rule *r = &o->r[i];

	*m = (struct oracle_match){ .rule = i, .text = "" };
	if (tail != NULL) {
		*m = *tail;
		return true;
	}
	if (c->pattern == NULL && c->source != RULE_FILE)
		return true;
	/* What was said long before is not why it ended. */
	if (c->source == RULE_SCREEN || c->source == RULE_FILE
		? !r->holds
		: !r->hit || now->mono_us - r->hit_us > ORACLE_EXIT_WINDOW_US)
		return false;
	m->text = r->text;
	m->until = r->until_text;
	return true;
}

/* What is left of its cooldown; it begins anew. */
static uint64_t
cool_down(struct oracle *o, size_t i, const struct oracle_now *now)
{
	struct oracle_rule *r = &o->r[i];
	uint64_t end =
	    r->acted ? clock_add_us(r->acted_us, o->rules->v[i].cooldown_us) : 0;
	uint64_t left = end > now->mono_us ? end - now->mono_us : 0;

	r->acted = true;
	r->acted_us = clock_add_us(now->mono_us, left);
	return left;
}

static void
set_text(struct oracle_verdict *v, const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	n = utf8_head(text != NULL ? text : "", n, ORACLE_TEXT_MAX);
	if (n > 0)
		memcpy(v->text, text, n);
	v->text[n] = '\0';
}

/* By a rule of exits. */
static bool
judge_exit(struct oracle *o, const struct oracle_exit *e, const struct oracle_now *now,
    struct oracle_verdict *v)
{
	for (size_t i = 0; i < o->rules->n; i++) {
		const struct rule_conf *c = &o->rules->v[i];
		struct oracle_match m;

		if (!rule_is_of_exit(c) ||
		    (c->exit_status_set && !set_has(&c->exit_status, e)) ||
		    !pattern_holds(o, i, e, now, &m))
			continue;
		v->rule = i;
		v->action = c->action;
		v->counts = c->count_as_failure;
		if (c->action == RULE_RETRY || c->action == RULE_RESTART)
			v->cooldown_us = cool_down(o, i, now);
		set_text(v, m.text);
		oracle_set_text(&o->r[i].text, m.text, ORACLE_TEXT_MAX);
		o->r[i].seen_us = now->mono_us;
		if (m.until != NULL) {
			char *until = NULL;

			oracle_set_text(&until, m.until, UNTIL_TEXT_MAX);
			rule_read_until(o, i, until, now);
			v->wall_until_us = o->r[i].wall_until_us;
			oracle_set_text(&o->r[i].until_text, until, UNTIL_TEXT_MAX);
			oracle_set_text(&until, NULL, 0);
		}
		return true;
	}
	return false;
}

/* By what the session was in. */
static void
judge_state(const struct oracle *o, struct oracle_verdict *v)
{
	size_t i = rule_winner(o);
	const struct rule_conf *c;

	if (i == ORACLE_NO_RULE)
		return;
	c = &o->rules->v[i];
	v->rule = i;
	v->counts = c->count_as_failure;
	set_text(v, o->r[i].text);
	if (c->state != SESSION_LIMITED)
		return;
	v->wall_until_us = o->r[i].wall_until_us;
	if (c->action == RULE_HOLD || c->action == RULE_HOLD_POOL)
		v->action = c->action;
}

void
oracle_exit(struct oracle *o, const struct oracle_exit *e, struct oracle_verdict *verdict)
{
	struct oracle_now now = oracle_clocks();
	struct oracle_verdict v = {
		.rule = ORACLE_NO_RULE,
		.action = RULE_NONE,
		.counts = true,
	};

	rules_end_limits(o, &now);
	if (!judge_exit(o, e, &now, &v))
		judge_state(o, &v);
	o->up = o->ready = o->moving = false;
	rules_reset(o);
	oracle_settle(o);
	*verdict = v;
}
