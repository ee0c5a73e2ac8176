/*
 * oracle_memory: what an oracle knows, as JSON and back.
 *
 * Times are written by the wall clock, which goes on while nobody is there; in the future
 * they are taken as now.  Rules are known by their names, for the next manager may read
 * other files.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/oracle_int.h"
#include "manager/session/until.h"

/* Ages as points of the wall clock. */
static uint64_t
to_wall(const struct oracle_now *now, uint64_t mono_us)
{
	uint64_t age = now->mono_us > mono_us ? now->mono_us - mono_us : 0;

	return now->wall_us > age ? now->wall_us - age : 0;
}

static uint64_t
to_mono(const struct oracle_now *now, uint64_t wall_us)
{
	uint64_t age = now->wall_us > wall_us ? now->wall_us - wall_us : 0;

	return now->mono_us > age ? now->mono_us - age : 0;
}

static void
save_opt(struct jw *w, const char *key, const char *text)
{
	if (text != NULL)
		jw_kv_str(w, key, text);
}

static void
save_rule(const struct oracle *o, size_t i, const struct oracle_now *now, struct jw *w)
{
	const struct oracle_rule *r = &o->r[i];

	if (!r->holds && !r->latched && !r->acted && !r->hit && r->ended_text == NULL)
		return;
	jw_obj(w);
	jw_kv_str(w, "name", o->rules->v[i].name);
	jw_kv_bool(w, "holds", r->holds);
	jw_kv_bool(w, "owed", r->owed);
	jw_kv_bool(w, "latched", r->latched);
	jw_kv_bool(w, "spent", r->spent);
	jw_kv_bool(w, "relative", r->relative);
	jw_kv_u64(w, "until", r->wall_until_us);
	jw_kv_u64(w, "seen", to_wall(now, r->seen_us));
	if (r->acted)
		jw_kv_u64(w, "acted", to_wall(now, r->acted_us));
	if (r->hit)
		jw_kv_u64(w, "hit", to_wall(now, r->hit_us));
	save_opt(w, "text", r->text);
	save_opt(w, "until_text", r->until_text);
	if (r->ended_text != NULL) {
		jw_kv_str(w, "ended_text", r->ended_text);
		jw_kv_u64(w, "ended", r->wall_ended_us);
	}
	jw_end(w);
}

void
oracle_save(const struct oracle *o, struct jw *w)
{
	struct oracle_now now = oracle_clocks();
	uint64_t asleep = oracle_asleep_us(&now);

	/* A sleep that was not seen yet: all that is noted happened before it. */
	if (asleep > o->asleep_us && asleep - o->asleep_us < now.wall_us)
		now.wall_us -= asleep - o->asleep_us;
	jw_kv_str(w, "state", oracle_state_name(o->state));
	jw_kv_u64(w, "since", o->wall_since_us);
	/* The wall clock may have been set since then; an age is one by today's. */
	jw_kv_u64(w, "entered", to_wall(&now, o->since_us));
	jw_kv_i64(w, "basis", o->basis);
	save_opt(w, "rule", o->rule != ORACLE_NO_RULE ? o->rules->v[o->rule].name : NULL);
	/* As far as it was seen: what was slept since then, the next one has to see. */
	jw_kv_u64(w, "asleep", o->asleep_us);
	jw_kv_bool(w, "up", o->up);
	if (o->up) {
		jw_kv_bool(w, "ready", o->ready);
		jw_kv_u64(w, "started", to_wall(&now, o->start_us));
		jw_kv_u64(w, "readied", to_wall(&now, o->ready_us));
		/* What moves now may have stopped when this is read. */
		jw_kv_u64(
		    w, "output", to_wall(&now, o->moving ? now.mono_us : o->output_us));
		jw_kv_u64(w, "life", to_wall(&now, o->moving ? now.mono_us : o->life_us));
		jw_kv_u64(w, "human", o->human_us != 0 ? to_wall(&now, o->human_us) : 0);
		jw_kv_u64(w, "file", to_wall(&now, o->file_us));
		jw_kv_u64(w, "fresh", to_wall(&now, o->fresh_us));
		jw_kv_bool(w, "exempt", o->exempt);
		jw_kv_i64(w, "level", o->level);
		jw_kv_u64(w, "levelled", to_wall(&now, o->level_us));
	}
	jw_kv_arr(w, "rules");
	for (size_t i = 0; i < o->rules->n; i++)
		save_rule(o, i, &now, w);
	jw_end(w);
}

/* ---- and back ---- */

static int
get_text(
    const struct jv *v, const char *key, size_t max, char **out, struct json_err *err)
{
	const char *s = NULL;

	if (jr_opt_str(v, key, &s, err) == -1)
		return -1;
	oracle_set_text(out, s, max);
	return 0;
}

static int
get_time(const struct jv *v, const char *key, const struct oracle_now *now,
    uint64_t *mono_us, struct json_err *err)
{
	uint64_t wall_us = 0;

	if (jr_opt_u64(v, key, &wall_us, err) == -1)
		return -1;
	*mono_us = wall_us != 0 ? to_mono(now, wall_us) : 0;
	return 0;
}

static int
read_rule(const struct jv *v, const struct oracle_now *now, struct oracle_rule *r,
    struct json_err *err)
{
	if (jr_opt_bool(v, "holds", &r->holds, err) == -1 ||
	    jr_opt_bool(v, "owed", &r->owed, err) == -1 ||
	    jr_opt_bool(v, "latched", &r->latched, err) == -1 ||
	    jr_opt_bool(v, "spent", &r->spent, err) == -1 ||
	    jr_opt_bool(v, "relative", &r->relative, err) == -1 ||
	    jr_opt_u64(v, "until", &r->wall_until_us, err) == -1 ||
	    jr_opt_u64(v, "ended", &r->wall_ended_us, err) == -1 ||
	    get_time(v, "seen", now, &r->seen_us, err) == -1 ||
	    get_time(v, "acted", now, &r->acted_us, err) == -1 ||
	    get_time(v, "hit", now, &r->hit_us, err) == -1 ||
	    get_text(v, "text", ORACLE_TEXT_MAX, &r->text, err) == -1 ||
	    get_text(v, "until_text", UNTIL_TEXT_MAX, &r->until_text, err) == -1 ||
	    get_text(v, "ended_text", UNTIL_TEXT_MAX, &r->ended_text, err) == -1)
		return -1;
	r->acted = jv_get(v, "acted") != NULL;
	r->hit = jv_get(v, "hit") != NULL;
	return 0;
}

/* A rule that the files have no more is forgotten, and so is what it can no longer be. */
static int
read_rules(struct oracle *o, const struct jv *list, const struct oracle_now *now,
    struct json_err *err)
{
	for (size_t k = 0; k < jv_count(list); k++) {
		const struct jv *v = jv_at(list, k);
		struct oracle_rule r = { 0 };
		const char *name;
		int rc = jr_str(v, "name", &name, err);

		if (rc == 0)
			rc = read_rule(v, now, &r, err);
		for (size_t i = 0; rc == 0 && i < o->rules->n; i++) {
			const struct rule_conf *c = &o->rules->v[i];

			if (strcmp(c->name, name) != 0)
				continue;
			r.latched = r.latched && c->state == SESSION_LIMITED;
			r.owed = r.owed && r.holds && c->action != RULE_NONE &&
				 !rule_is_of_exit(c);
			rule_clear(&o->r[i]);
			o->r[i] = r;
			r = (struct oracle_rule){ 0 };
			break;
		}
		rule_clear(&r);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int
read_ages(struct oracle *o, const struct jv *v, const struct oracle_now *now,
    struct json_err *err)
{
	int64_t level = 0;

	if (jr_opt_bool(v, "up", &o->up, err) == -1 ||
	    jr_opt_bool(v, "ready", &o->ready, err) == -1 ||
	    jr_opt_bool(v, "exempt", &o->exempt, err) == -1 ||
	    jr_opt_i64(v, "level", &level, err) == -1 ||
	    get_time(v, "started", now, &o->start_us, err) == -1 ||
	    get_time(v, "readied", now, &o->ready_us, err) == -1 ||
	    get_time(v, "output", now, &o->output_us, err) == -1 ||
	    get_time(v, "life", now, &o->life_us, err) == -1 ||
	    get_time(v, "human", now, &o->human_us, err) == -1 ||
	    get_time(v, "file", now, &o->file_us, err) == -1 ||
	    get_time(v, "fresh", now, &o->fresh_us, err) == -1 ||
	    get_time(v, "levelled", now, &o->level_us, err) == -1)
		return -1;
	o->level = o->up && level > 0 ? (level > 1 ? 2 : 1) : 0;
	o->ready = o->ready && o->up;
	return 0;
}

/* What the state was, so that it is as old as it was if it still is that. */
static int
read_state(struct oracle *o, const struct jv *v, const struct oracle_now *now,
    struct json_err *err)
{
	const char *name, *rule = NULL;
	enum session_state state;
	int64_t basis;
	uint64_t since, entered = 0;

	if (jr_str(v, "state", &name, err) == -1 ||
	    jr_u64(v, "since", &since, err) == -1 ||
	    jr_opt_u64(v, "entered", &entered, err) == -1 ||
	    jr_i64(v, "basis", &basis, err) == -1 ||
	    jr_opt_str(v, "rule", &rule, err) == -1)
		return -1;
	if (oracle_state_parse(name, &state) == -1 || basis < BASIS_RULE ||
	    basis > BASIS_STALE)
		return 0;
	for (size_t i = 0; rule != NULL && i < o->rules->n; i++)
		if (strcmp(o->rules->v[i].name, rule) == 0)
			o->rule = i;
	if ((basis == BASIS_RULE) != (o->rule != ORACLE_NO_RULE)) {
		o->rule = ORACLE_NO_RULE;
		return 0;
	}
	o->state = o->under = state;
	o->basis = (enum oracle_basis)basis;
	o->since_us = to_mono(now, entered != 0 ? entered : since);
	o->wall_since_us = since < now->wall_us ? since : now->wall_us;
	return 0;
}

int
oracle_restore(struct oracle *o, const struct jv *v, struct json_err *err)
{
	struct oracle_now now = oracle_clocks(), then = now;
	struct oracle *n = oracle_new(o->conf, o->rules, o->ops, o->arg);
	uint64_t asleep = n->asleep_us, slept;
	const struct jv *rules = NULL;
	struct oracle was;

	if (jr_opt_u64(v, "asleep", &asleep, err) == -1) {
		oracle_free(n);
		return -1;
	}
	/* (More than now is of another boot.)  The machine slept after all that is noted:
	 * for so long nothing has aged. */
	slept = n->asleep_us > asleep ? n->asleep_us - asleep : 0;
	then.wall_us -= slept < then.wall_us ? slept : then.wall_us;
	if (read_state(n, v, &then, err) == -1 || read_ages(n, v, &then, err) == -1 ||
	    jr_opt_arr(v, "rules", &rules, err) == -1 ||
	    read_rules(n, rules, &then, err) == -1) {
		oracle_free(n);
		return -1;
	}
	if (slept > SLEPT_MIN_US)
		stale_wake(n, &now);
	n->not_before_us = now.mono_us + ORACLE_RESTORE_US;
	was = *o;
	*o = *n;
	*n = was;
	/* If there was no sign of life meanwhile, no threshold is passed twice. */
	o->base_us = stale_base(o);
	oracle_free(n);
	return 0;
}
