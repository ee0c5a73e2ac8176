/*
 * Unit.Enable, Disable, Mask, Unmask, IsEnabled, Install.  In an instance folder enabled
 * is the state of having an [Install] section; what a person says otherwise is a wish,
 * and no file is changed.  Of what links decide they are made and removed
 * (enable_links.h).
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/durable.h"
#include "manager/control/enable_links.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/links.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

/* What was asked for, and what came of it. */
struct enablement {
	struct control *c;
	struct call *call; /* only while it is carried out */
	uint64_t seq;      /* of the newest wish */
	struct enable_links links;
	size_t n;
	struct {
		char *unit; /* as it was written, of what links decide */
		bool changed;
		bool links;
	} * v;
};

static void
enablement_free(void *arg)
{
	struct enablement *e = arg;

	enable_links_clear(&e->links);
	for (size_t i = 0; i < e->n; i++)
		free(e->v[i].unit);
	free(e->v);
	free(e);
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
write_units(struct jw *w, void *arg, bool durable)
{
	const struct enablement *e = arg;
	const char *why;

	jw_kv_arr(w, "units");
	for (size_t i = 0; i < e->n; i++) {
		const struct unit *u = unit_find(e->c->m, e->v[i].unit);

		jw_obj(w);
		jw_kv_str(w, "unit", e->v[i].unit);
		jw_kv_str(w, "enabled",
		    e->v[i].links ? links_state_of(e->c->m, e->v[i].unit)
		    : u == NULL   ? "not-found"
				  : render_enabled(u));
		jw_kv_bool(w, "links", e->v[i].links);
		/* (The section may be that of its template.) */
		jw_kv_bool(w, "install",
		    u != NULL && (asks_for_itself(u) || u->conf->rules->has_install));
		write_load_state(w, e->c->m, u, e->v[i].unit);
		why = NULL;
		jw_kv_bool(w, "starts", u != NULL && unit_is_wanted(u, &why));
		jw_kv_str(w, "starts_why", why);
		jw_kv_bool(w, "changed", e->v[i].changed);
		jw_kv_bool(w, "durable", durable);
		jw_end(w);
	}
	jw_end(w);
	enable_links_write(&e->links, w);
}

/* Nothing is done. */
enum { VERB_ASK = INSTALL_NVERBS };

/* What a person said is taken back: files and presets decide again. */
static uint64_t
take_back(struct unit *u, const struct wish_who *who)
{
	uint64_t seq = 0;

	if (u->flag[WISH_FLAG_DISABLED])
		seq = unit_set_flag(u, WISH_FLAG_DISABLED, false, who);
	if (u->flag[WISH_FLAG_ENABLED])
		seq = unit_set_flag(u, WISH_FLAG_ENABLED, false, who);
	return seq;
}

/* The seq of the wish; 0: it is so already. */
static uint64_t
set_flag(struct unit *u, enum install_verb verb, const struct wish_who *who)
{
	bool by_file =
	    asks_for_itself(u) && (unit_is_by_links(u) || !unit_has_install(u) ||
				      unit_install_denied(u) == NULL);
	bool enabled =
	    u->flag[WISH_FLAG_ENABLED] ||
	    ((unit_has_install(u) || member_is_named(u) || instances_is_on(u)) &&
		!u->flag[WISH_FLAG_DISABLED]);

	switch (verb) {
	case INSTALL_ENABLE:
	case INSTALL_REENABLE:
		if (enabled && by_file)
			return 0;
		if (by_file)
			return unit_set_flag(u, WISH_FLAG_DISABLED, false, who);
		return u->flag[WISH_FLAG_ENABLED]
			   ? 0
			   : unit_set_flag(u, WISH_FLAG_ENABLED, true, who);
	case INSTALL_PRESET:
		return take_back(u, who);
	case INSTALL_DISABLE:
		return u->flag[WISH_FLAG_DISABLED]
			   ? 0
			   : unit_set_flag(u, WISH_FLAG_DISABLED, true, who);
	case INSTALL_MASK:
		return u->flag[WISH_FLAG_MASKED]
			   ? 0
			   : unit_set_flag(u, WISH_FLAG_MASKED, true, who);
	case INSTALL_UNMASK:
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
set_wish(struct unit *u, enum install_verb verb, bool now, const struct wish_who *who)
{
	if (unit_name_is_template(u->name))
		return 0;
	if (verb == INSTALL_ENABLE && now)
		return control_wish_start(u, who);
	if ((verb == INSTALL_DISABLE || (verb == INSTALL_MASK && now)) &&
	    u->wish == WISH_STARTED)
		return unit_set_wish(u, WISH_NONE, who);
	return 0;
}

struct now {
	struct control *c;
	struct call *call;
	enum install_verb verb;
	bool of_template; /* the template was named, not the unit */
};

static void act_now(struct unit *u, void *arg);

/* The instance that its links are for. */
static void
act_on_default(struct unit *u, void *arg)
{
	const char *instance = u->conf->rules->default_instance;
	char *name =
	    instance == NULL ? NULL : unit_name_replace_instance(u->name, instance);
	struct unit *one = name == NULL ? NULL : unit_get(u->manager, name);

	if (one != NULL)
		act_now(one, arg);
	free(name);
}

/* --now: the job is not waited for. */
static void
act_now(struct unit *u, void *arg)
{
	const struct now *now = arg;
	char origin[160];
	struct job_request q = {
		.type = now->verb == INSTALL_ENABLE ? JOB_START : JOB_STOP,
		.origin = control_origin(now->call, origin, sizeof(origin)),
	};

	if (unit_name_is_template(u->name)) {
		if (unit_is_by_links(u) || unit_has_install(u))
			act_on_default(u, arg);
		if (!unit_is_by_links(u))
			instances_each(u, act_now, arg);
	}
	/* Of what a template names, those that are stopped or held stay so. */
	else if (!now->of_template || now->verb != INSTALL_ENABLE ||
		 unit_is_wanted(u, NULL))
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

/* Wishes of an earlier time that say otherwise than the links from now on. */
static uint64_t
clear_flags(struct unit *u, enum install_verb verb, const struct wish_who *who)
{
	switch (verb) {
	case INSTALL_ENABLE:
	case INSTALL_DISABLE:
	case INSTALL_REENABLE:
	case INSTALL_PRESET:
		return take_back(u, who);
	case INSTALL_UNMASK:
		return u->flag[WISH_FLAG_MASKED]
			   ? unit_set_flag(u, WISH_FLAG_MASKED, false, who)
			   : 0;
	default:
		return 0;
	}
}

static void
note_seq(struct enablement *e, uint64_t seq)
{
	if (seq > e->seq)
		e->seq = seq;
}

static void
do_wishes(struct enablement *e, const struct selection *s, enum install_verb verb,
    bool now, const struct wish_who *who)
{
	for (size_t i = 0; i < s->n; i++) {
		uint64_t wish = set_wish(s->v[i], verb, now, who);
		uint64_t seq = set_flag(s->v[i], verb, who);

		e->v[e->n].unit = xstrdup(s->v[i]->name);
		e->v[e->n++].changed = seq != 0;
		note_seq(e, seq);
		note_seq(e, wish);
		render_forget(s->v[i]);
	}
}

static bool
any_change(const struct enable_links *l, const char *name)
{
	for (size_t i = 0; i < l->in.n; i++)
		if (strcmp(strrchr(l->in.v[i].path, '/') + 1, name) == 0)
			return true;
	return false;
}

static void
do_links(
    struct enablement *e, enum install_verb verb, bool now, const struct wish_who *who)
{
	struct manager *m = e->c->m;

	if (e->links.wanted && verb != (enum install_verb)VERB_ASK)
		enable_carry_out(m, e->call, verb, &e->links);
	for (size_t i = 0; i < e->links.names.n; i++) {
		const char *name = e->links.names.v[i];
		struct unit *u;

		if (name[0] == '/')
			name = strrchr(name, '/') + 1;
		u = unit_find(m, name);
		if (u != NULL && !e->links.failed) {
			note_seq(e, set_wish(u, verb, now, who));
			note_seq(e, clear_flags(u, verb, who));
			render_forget(u);
		}
		e->v[e->n].unit = xstrdup(name);
		e->v[e->n].links = true;
		e->v[e->n++].changed = any_change(&e->links, name);
	}
}

/* All units of the folder that a person decided about. */
static void
take_back_one(struct unit *u, void *arg)
{
	struct enablement *e = arg;
	struct wish_who who;

	control_who(e->call, &who);
	note_seq(e, take_back(u, &who));
}

static void
run(struct control *c, struct call *call, enum install_verb verb)
{
	bool now = jv_bool(jv_get(call_params(call), "now"), false);
	struct enable_links links;
	struct selection s;
	struct enablement *e;
	struct wish_who who;
	size_t i;

	if (enable_choose(c, call, verb, &s, &links) == -1) {
		selection_clear(&s);
		enable_links_clear(&links);
		return;
	}
	if (verb == INSTALL_UNMASK && (i = masked_by_file(&s)) < s.n) {
		select_fail_masked(call, s.v[i]);
		selection_clear(&s);
		enable_links_clear(&links);
		return;
	}
	control_who(call, &who);
	e = xcalloc(1, sizeof(*e));
	e->c = c;
	e->call = call;
	e->links = links;
	e->v = xcalloc(s.n + links.names.n + 1, sizeof(*e->v));
	do_wishes(e, &s, verb, now, &who);
	selection_clear(&s);
	if (verb == INSTALL_PRESET_ALL)
		units_foreach(c->m, take_back_one, e);
	do_links(e, verb, now, &who);
	for (i = 0; now && !e->links.failed && i < e->n; i++) {
		struct unit *u = unit_find(c->m, e->v[i].unit);

		if (u != NULL)
			act_now(u, &(struct now){
				       c, call, verb, unit_name_is_template(u->name) });
	}
	durable_reply(c, call, e->seq, write_units, e, enablement_free);
}

void
method_unit_enable(struct call *call, void *arg)
{
	run(arg, call, INSTALL_ENABLE);
}

void
method_unit_disable(struct call *call, void *arg)
{
	run(arg, call, INSTALL_DISABLE);
}

void
method_unit_mask(struct call *call, void *arg)
{
	run(arg, call, INSTALL_MASK);
}

void
method_unit_unmask(struct call *call, void *arg)
{
	run(arg, call, INSTALL_UNMASK);
}

void
method_unit_is_enabled(struct call *call, void *arg)
{
	run(arg, call, (enum install_verb)VERB_ASK);
}

void
method_unit_install(struct call *call, void *arg)
{
	const struct jv *p = call_params(call);
	const char *word = jv_str(jv_get(p, "verb"), "");
	enum install_verb verb = install_verb_find(word);

	if (verb == INSTALL_NVERBS)
		call_invalid(call, "verb", "`%s' is not understood", word);
	else if (preset_mode_find(jv_str(jv_get(p, "mode"), "full")) == -1)
		call_invalid(call, "mode", "expected full, enable-only or disable-only");
	else if ((verb == INSTALL_ADD_WANTS || verb == INSTALL_ADD_REQUIRES) &&
		 jv_str(jv_get(p, "target"), NULL) == NULL)
		call_invalid(call, "target", "%s needs one", word);
	else
		run(arg, call, verb);
}
