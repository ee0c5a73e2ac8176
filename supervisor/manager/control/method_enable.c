/*
 * Unit.Enable, Disable, Mask, Unmask, IsEnabled.  In an instance folder enabled is the
 * state of having an [Install] section; what a person says otherwise is a wish, and no
 * file is changed.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/record/event.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

/* The reply, as soon as the wishes are on the disk, or late. */
struct enablement {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	struct loop_timer *timer; /* armed from the begin; NULL: it is over */
	uint64_t seq;
	size_t n;
	struct {
		char *unit;
		bool changed;
	} * v;
};

static void
enablement_free(struct enablement *e)
{
	control_wait_end(e->c, &e->wait);
	loop_timer_free(e->timer);
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i].unit);
	free(e->v);
	free(e);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	enablement_free(call_data(call));
}

/* Its file, or that of what names it, starts it with the instance: nothing more is
 * needed.
 */
static bool
asks_for_itself(const struct unit *u)
{
	return unit_has_install(u) || member_source(u) != NULL ||
	       (u->instances != NULL && unit_is_in_folder(u));
}

static void
write_load_state(struct jw *w, struct manager *m, const struct unit *u, const char *name)
{
	enum unit_load_state state = u == NULL ? UNIT_NOT_FOUND : u->conf->load_state;
	struct strv near = { 0 };

	jw_kv_str(w, "load_state", unit_load_state_name(state));
	if (state == UNIT_NOT_FOUND && (u == NULL || !u->conf->builtin)) {
		units_nearest(m, name, NEAREST_MAX, &near);
		(void)strv_remove(&near, name);
		jw_kv_strv(w, "nearest", &near);
		strv_free(&near);
	} else {
		jw_kv_null(w, "nearest");
	}
}

static void
reply(struct enablement *e)
{
	struct call *call = e->call;
	struct jw *w = call_begin(call);
	bool durable = e->seq <= emitter_wish_stored(e->c->m->events);
	const char *why;

	jw_kv_arr(w, "units");
	for (size_t i = 0; i < e->n; i++) {
		const struct unit *u = unit_find(e->c->m, e->v[i].unit);

		jw_obj(w);
		jw_kv_str(w, "unit", e->v[i].unit);
		jw_kv_str(w, "enabled", u == NULL ? "not-found" : render_enabled(u));
		jw_kv_bool(w, "install", u != NULL && asks_for_itself(u));
		write_load_state(w, e->c->m, u, e->v[i].unit);
		why = NULL;
		jw_kv_bool(w, "starts", u != NULL && unit_is_wanted(u, &why));
		jw_kv_str(w, "starts_why", why);
		jw_kv_bool(w, "changed", e->v[i].changed);
		jw_kv_bool(w, "durable", durable);
		jw_end(w);
	}
	jw_end(w);
	call_set_data(call, NULL, NULL);
	enablement_free(e);
	call_reply(call);
}

static void
check(struct wait *w)
{
	struct enablement *e = (struct enablement *)w;

	if (e->seq <= emitter_wish_stored(e->c->m->events))
		reply(e);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	reply(arg);
}

enum verb { VERB_ENABLE, VERB_DISABLE, VERB_MASK, VERB_UNMASK, VERB_ASK };

/* The seq of the wish; 0: it is so already. */
static uint64_t
set_flag(struct unit *u, enum verb verb, const struct wish_who *who)
{
	bool enabled =
	    u->flag[WISH_FLAG_ENABLED] ||
	    ((unit_has_install(u) || member_is_named(u) || instances_is_on(u)) &&
		!u->flag[WISH_FLAG_DISABLED]);

	switch (verb) {
	case VERB_ENABLE:
		if (enabled)
			return 0;
		if (asks_for_itself(u))
			return unit_set_flag(u, WISH_FLAG_DISABLED, false, who);
		return unit_set_flag(u, WISH_FLAG_ENABLED, true, who);
	case VERB_DISABLE:
		return u->flag[WISH_FLAG_DISABLED]
			   ? 0
			   : unit_set_flag(u, WISH_FLAG_DISABLED, true, who);
	case VERB_MASK:
		return u->flag[WISH_FLAG_MASKED]
			   ? 0
			   : unit_set_flag(u, WISH_FLAG_MASKED, true, who);
	case VERB_UNMASK:
		return u->flag[WISH_FLAG_MASKED]
			   ? unit_set_flag(u, WISH_FLAG_MASKED, false, who)
			   : 0;
	default:
		return 0;
	}
}

/* What was wanted before is over with this, for the next start of the instance, too: a
 * start by hand with disable, a stop with enable --now.  The seq of the wish, 0: none. */
static uint64_t
set_wish(struct unit *u, enum verb verb, bool now, const struct wish_who *who)
{
	if (unit_name_is_template(u->name))
		return 0;
	if (verb == VERB_ENABLE && now)
		return control_wish_start(u, who);
	if ((verb == VERB_DISABLE || (verb == VERB_MASK && now)) &&
	    u->wish == WISH_STARTED)
		return unit_set_wish(u, WISH_NONE, who);
	return 0;
}

struct now {
	struct control *c;
	struct call *call;
	enum verb verb;
	bool of_template; /* the template was named, not the unit */
};

/* --now: the job is not waited for. */
static void
act_now(struct unit *u, void *arg)
{
	const struct now *now = arg;
	char origin[160];
	struct job_request q = {
		.type = now->verb == VERB_ENABLE ? JOB_START : JOB_STOP,
		.origin = control_origin(now->call, origin, sizeof(origin)),
	};

	if (unit_name_is_template(u->name))
		instances_each(u, act_now, arg);
	/* Of what a template names, those that are stopped or held stay so. */
	else if (!now->of_template || now->verb != VERB_ENABLE || unit_is_wanted(u, NULL))
		job_request(now->c->m->jobs, u->job_unit, &q, NULL, NULL, NULL);
}

/* The first that no wish masks but its file, which is not ours to remove; s->n: none. */
static size_t
masked_by_file(const struct selection *s)
{
	size_t i = 0;

	while (i < s->n && (s->v[i]->flag[WISH_FLAG_MASKED] ||
			       s->v[i]->conf->load_state != UNIT_MASKED))
		i++;
	return i;
}

static void
run(struct control *c, struct call *call, enum verb verb)
{
	bool now = jv_bool(jv_get(call_params(call), "now"), false);
	struct selection s;
	struct enablement *e;
	struct wish_who who;
	size_t i;

	/* What is not there can be masked all the same. */
	if (select_units(c, call,
		SELECT_FILES |
		    (verb == VERB_MASK || verb == VERB_UNMASK ? 0 : SELECT_LOADED),
		&s) == -1) {
		selection_clear(&s);
		return;
	}
	if (verb == VERB_UNMASK && (i = masked_by_file(&s)) < s.n) {
		select_fail_masked(call, s.v[i]);
		selection_clear(&s);
		return;
	}
	control_who(call, &who);
	e = xcalloc(1, sizeof(*e));
	e->c = c;
	e->call = call;
	e->v = xcalloc(s.n + 1, sizeof(*e->v));
	e->n = s.n;
	for (i = 0; i < s.n; i++) {
		uint64_t wish = set_wish(s.v[i], verb, now, &who);
		uint64_t seq = set_flag(s.v[i], verb, &who);

		e->v[i].unit = xstrdup(s.v[i]->name);
		e->v[i].changed = seq != 0;
		if (seq > e->seq || wish > e->seq)
			e->seq = seq > wish ? seq : wish;
		render_forget(s.v[i]);
	}
	for (i = 0; now && i < e->n; i++) {
		struct unit *u = unit_find(c->m, e->v[i].unit);

		if (u != NULL)
			act_now(u, &(struct now){
				       c, call, verb, unit_name_is_template(u->name) });
	}
	selection_clear(&s);
	call_set_data(call, e, on_gone);
	control_wait(c, &e->wait, check);
	e->timer = loop_timer_new(c->m->loop, "enable", on_timer, e);
	loop_timer_in(e->timer, c->m->conf->wish_sync_us);
	check(&e->wait);
}

void
method_unit_enable(struct call *call, void *arg)
{
	run(arg, call, VERB_ENABLE);
}

void
method_unit_disable(struct call *call, void *arg)
{
	run(arg, call, VERB_DISABLE);
}

void
method_unit_mask(struct call *call, void *arg)
{
	run(arg, call, VERB_MASK);
}

void
method_unit_unmask(struct call *call, void *arg)
{
	run(arg, call, VERB_UNMASK);
}

void
method_unit_is_enabled(struct call *call, void *arg)
{
	run(arg, call, VERB_ASK);
}
