/*
 * Pool.List: pools, who has their slots, and who waits.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/part/pools.h"
#include "unit/conf.h"

enum { WAITING_SHOWN = 20 };

struct listing {
	struct jw *w;
	const struct jv *patterns;
	bool *met; /* by pattern */
	uint64_t limit;
};

/* Whether it is meant by one of the patterns, or there are none. */
static bool
is_meant(struct listing *l, const struct unit *u)
{
	bool meant = l->met == NULL;

	for (size_t i = 0; l->met != NULL && i < jv_count(l->patterns); i++) {
		const char *p = jv_str(jv_at(l->patterns, i), "");

		if (fnmatch(p, u->name, 0) != 0 && fnmatch(p, u->conf->stem, 0) != 0)
			continue;
		l->met[i] = true;
		meant = true;
	}
	return meant;
}

static void
put_rate(struct jw *w, const struct pool_rate *r)
{
	if (r->n == 0) {
		jw_kv_null(w, "rate");
		return;
	}
	jw_kv_obj(w, "rate");
	jw_kv_u64(w, "starts", r->n);
	jw_kv_u64(w, "within_us", r->us);
	jw_end(w);
}

static void
put_pool(struct unit *u, void *arg)
{
	struct listing *l = arg;
	struct pools_view v;

	if (!pools_view(u, &v) || !is_meant(l, u))
		return;
	jw_obj(l->w);
	jw_kv_str(l->w, "pool", u->name);
	jw_kv_str(l->w, "description", u->conf->description);
	jw_kv_str(l->w, "state", render_active(u));
	jw_kv_str(l->w, "substate", render_sub(u));
	jw_kv_u64(l->w, "slots", v.conf->slots);
	jw_kv_u64(l->w, "start_spacing_us", v.conf->start_spacing_us);
	put_rate(l->w, &v.conf->rate);
	jw_kv_u64(l->w, "taken", v.taken);
	jw_kv_u64(l->w, "queued", v.queued);
	pools_render(u, l->limit, l->w);
	jw_end(l->w);
}

static bool
is_glob(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

/* The call is answered, with the first name that nothing has; false: all are met. */
static bool
fail_unmet(struct call *call, const struct listing *l)
{
	for (size_t i = 0; l->met != NULL && i < jv_count(l->patterns); i++) {
		const char *p = jv_str(jv_at(l->patterns, i), "");

		if (l->met[i] || is_glob(p))
			continue;
		jw_kv_str(call_begin(call), "pool", p);
		call_fail(call, "io.supd.Pool.NoSuchPool",
		    "supctl pools shows those that there are", "there is no pool %s", p);
		return true;
	}
	return false;
}

static void
look_for(struct unit *u, void *arg)
{
	struct pools_view v;

	if (pools_view(u, &v))
		(void)is_meant(arg, u);
}

void
method_pool_list(struct call *call, void *arg)
{
	const struct jv *params = call_params(call),
			*patterns = jv_get(params, "patterns");
	struct control *c = arg;
	struct listing l = { .patterns = patterns };
	const struct jv *limit = jv_get(params, "limit");

	l.limit = jv_type(limit) == JV_INT ? jv_u64(limit) : WAITING_SHOWN;
	if (jv_type(patterns) == JV_ARRAY && jv_count(patterns) > 0)
		l.met = xcalloc(jv_count(patterns), sizeof(*l.met));
	units_look(c->m, look_for, &l);
	if (!fail_unmet(call, &l)) {
		l.w = call_begin(call);
		jw_kv_arr(l.w, "pools");
		units_look(c->m, put_pool, &l);
		jw_end(l.w);
		call_reply(call);
	}
	free(l.met);
}
