/*
 * oracle_stale: how long a session may be silent.
 */
#include "lib/clock.h"
#include "manager/session/oracle_int.h"

static uint64_t
later(uint64_t a_us, uint64_t b_us)
{
	return a_us > b_us ? a_us : b_us;
}

uint64_t
stale_silent_since(const struct oracle *o)
{
	uint64_t life = o->conf->stale_files.n > 0 ? o->file_us : o->life_us;

	return later(later(o->start_us, life), o->human_us);
}

uint64_t
stale_base(const struct oracle *o)
{
	return later(stale_silent_since(o), o->fresh_us);
}

/* It moves, and that is no echo of what was typed into it. */
static bool
is_alive(const struct oracle *o, const struct oracle_now *now)
{
	if (!o->moving || o->conf->stale_files.n > 0)
		return false;
	return o->began_us >= o->echo_us || now->mono_us >= o->echo_us;
}

static bool
is_watched(const struct oracle *o, const struct oracle_now *now)
{
	return o->up && !o->exempt && !is_alive(o, now);
}

/* When the next threshold is passed; UNIT_INFINITY: none is.  Where the second is not
 * later than the first, it is the only one. */
static uint64_t
next_us(const struct oracle *o)
{
	const struct session_conf *c = o->conf;
	bool two = c->stale_us < c->very_stale_us;
	uint64_t threshold = o->level == 0 && two ? c->stale_us : c->very_stale_us;
	uint64_t due;

	if (o->level == 2 || threshold == UNIT_INFINITY)
		return UNIT_INFINITY;
	due = clock_add_us(stale_base(o), threshold);
	if (o->level == 1 && two)
		due =
		    later(due, clock_add_us(o->level_us, c->very_stale_us - c->stale_us));
	due = later(due, clock_add_us(o->start_us, c->stale_grace_us));
	return later(due, o->not_before_us);
}

static void
pass(struct oracle *o, const struct oracle_now *now)
{
	const struct session_conf *c = o->conf;
	bool very = o->level == 1 || c->very_stale_us <= c->stale_us;
	uint64_t since = stale_silent_since(o);
	char text[CLOCK_TEXT_MAX];
	struct oracle_act act = {
		.rule = ORACLE_NO_RULE,
		.stale = very ? c->very_stale_action : c->stale_action,
		.very = very,
		.text = text,
	};

	clock_format_duration(text, sizeof(text), now->mono_us - since);
	o->level = very ? 2 : 1;
	o->level_us = now->mono_us;
	if (act.stale != STALE_NONE)
		o->ops->act(o->arg, &act);
}

void
stale_settle(struct oracle *o, enum session_state under, const struct oracle_now *now)
{
	bool exempt = (o->conf->stale_exempt & SESSION_STATE_BIT(under)) != 0;

	/* Silence in an exempt state is none. */
	if (o->exempt && !exempt)
		o->fresh_us = later(o->fresh_us, now->mono_us);
	o->exempt = exempt;
	if (o->level > 0 && (!is_watched(o, now) || stale_base(o) != o->base_us))
		o->level = 0;
	if (!is_watched(o, now))
		return;
	o->base_us = stale_base(o);
	/* One threshold at a time, however late the call: what the first asks for is to
	 * have its time. */
	if (next_us(o) <= now->mono_us)
		pass(o, now);
}

void
stale_due(const struct oracle *o, const struct oracle_now *now, uint64_t *due_us)
{
	if (is_watched(o, now) && next_us(o) != UNIT_INFINITY)
		oracle_sooner(due_us, next_us(o));
	/* What moves is an echo until then, and a sign of life afterwards. */
	if (o->up && o->moving && !o->exempt && o->conf->stale_files.n == 0 &&
	    !is_alive(o, now))
		oracle_sooner(due_us, o->echo_us);
}

void
stale_wake(struct oracle *o, const struct oracle_now *now)
{
	const struct session_conf *c = o->conf;
	uint64_t shorter =
	    c->stale_us < c->very_stale_us ? c->stale_us : c->very_stale_us;
	uint64_t spread = 0;

	/* All sessions of the machine wake in this instant: up to an eighth later, each
	 * by another part. */
	if (shorter != UNIT_INFINITY)
		spread = o->start_us % (shorter / 8 + 1);
	o->fresh_us = clock_add_us(now->mono_us, spread);
	o->level = 0;
}
