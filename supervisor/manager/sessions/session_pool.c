/*
 * session_pool: the hold of a pool that the rule of a session asks for (hold-pool), for
 * all that share an account.
 *
 * What a limit has asked for is remembered with the session: its end ends that, also when
 * the session has left the pool meanwhile, and not what the limit of another one asked
 * for.  A release by a person, or by time, ends it for all.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "manager/wish/hold.h"

/* As long as its limit lasts. */
struct session_pool_hold {
	char *pool, *rule, *reason;
	uint64_t until_wall_us; /* 0: until a release */
};

/* "a.service: ", with which the reason begins of a pool that it holds. */
static bool
is_ours(const struct session *s, const struct unit *pool)
{
	const char *reason = pool->terms[WISH_FLAG_HELD].reason;
	size_t n = strlen(s->unit->name);

	return session_holds_by_rule(pool) && reason != NULL &&
	       strncmp(reason, s->unit->name, n) == 0 &&
	       strncmp(reason + n, ": ", 2) == 0;
}

static bool
lasts_longer(uint64_t until_wall_us, uint64_t than_us)
{
	return than_us != 0 && (until_wall_us == 0 || until_wall_us > than_us);
}

static void
remember(struct session *s, const char *pool, const char *rule, const char *reason,
    uint64_t wall_until_us)
{
	session_pool_forget(s);
	s->pool_hold = xcalloc(1, sizeof(*s->pool_hold));
	s->pool_hold->pool = xstrdup(pool);
	s->pool_hold->rule = xstrdup(rule);
	s->pool_hold->reason = xstrdup(reason);
	s->pool_hold->until_wall_us = wall_until_us;
}

void
session_pool_hold(struct session *s, bool by_limit, const char *rule, const char *text,
    uint64_t wall_until_us)
{
	struct unit *pool = unit_find(s->unit->manager, svc_memory(s->unit->svc)->pool);
	char *reason;

	if (pool == NULL || (pool->flag[WISH_FLAG_HELD] && !session_holds_by_rule(pool)))
		return;
	reason = xasprintf("%s: %s", s->unit->name, text);
	if (by_limit)
		remember(s, pool->name, rule, reason, wall_until_us);
	/* Of several the one that lasts longest. */
	if (!pool->flag[WISH_FLAG_HELD] || is_ours(s, pool) ||
	    lasts_longer(wall_until_us, pool->terms[WISH_FLAG_HELD].until_wall_us))
		session_hold_unit(pool, rule, reason, wall_until_us);
	free(reason);
}

/* Of the other sessions the one whose hold of the pool lasts longest. */
struct other {
	const struct session *ended;
	const struct session_pool_hold *longest;
};

static void
look_for_other(struct unit *u, void *arg)
{
	struct other *o = arg;
	const struct session_pool_hold *h;

	if (u->session == NULL || u->session == o->ended)
		return;
	h = u->session->pool_hold;
	if (h == NULL || strcmp(h->pool, o->ended->pool_hold->pool) != 0)
		return;
	if (o->longest == NULL ||
	    lasts_longer(h->until_wall_us, o->longest->until_wall_us))
		o->longest = h;
}

void
session_pool_end(struct session *s, const struct wish_who *who)
{
	struct other o = { .ended = s };
	struct unit *pool;

	if (s->pool_hold == NULL)
		return;
	pool = unit_find(s->unit->manager, s->pool_hold->pool);
	if (pool != NULL && is_ours(s, pool)) {
		units_look(s->unit->manager, look_for_other, &o);
		if (o.longest != NULL)
			session_hold_unit(pool, o.longest->rule, o.longest->reason,
			    o.longest->until_wall_us);
		/* (It may have come too late: its time is over.) */
		if (is_ours(s, pool))
			(void)hold_release(pool, who);
	}
	session_pool_forget(s);
}

void
session_pool_forget(struct session *s)
{
	struct session_pool_hold *h = s->pool_hold;

	if (h == NULL)
		return;
	free(h->pool);
	free(h->rule);
	free(h->reason);
	free(h);
	s->pool_hold = NULL;
}

void
session_pool_save(const struct session *s, struct jw *w)
{
	const struct session_pool_hold *h = s->pool_hold;

	if (h == NULL)
		return;
	jw_kv_obj(w, "pool_hold");
	jw_kv_str(w, "pool", h->pool);
	jw_kv_str(w, "rule", h->rule);
	jw_kv_str(w, "reason", h->reason);
	jw_kv_u64(w, "until_wall_us", h->until_wall_us);
	jw_end(w);
}

void
session_pool_restore(struct session *s, const struct jv *v)
{
	const struct jv *h = jv_get(v, "pool_hold");
	const char *pool = jv_str(jv_get(h, "pool"), "");

	if (*pool != '\0')
		remember(s, pool, jv_str(jv_get(h, "rule"), ""),
		    jv_str(jv_get(h, "reason"), ""), jv_u64(jv_get(h, "until_wall_us")));
}

/* Somebody, or its time, has released the pool: that was for all. */
static void
forget_for(struct unit *u, void *arg)
{
	const char *pool = arg;

	if (u->session == NULL || u->session->pool_hold == NULL ||
	    strcmp(u->session->pool_hold->pool, pool) != 0)
		return;
	session_pool_forget(u->session);
	session_policy_save(u->session);
}

void
session_pool_released(struct unit *pool)
{
	units_look(pool->manager, forget_for, pool->name);
}
