/*
 * Manager.Reload: all files once more, told key by key with when each difference holds.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/mask.h"
#include "manager/part/sockets.h"
#include "manager/reload.h"
#include "manager/service/service.h"
#include "manager/watch/reach.h"
#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/effect.h"
#include "unit/load.h"
#include "unit/table.h"

struct telling {
	struct manager *m;
	struct jw *w;
	struct reload *look;
	struct strv before, added, removed;
	struct jw *diags; /* of what is read */
	struct map told;  /* units whose new files are told of in it */
	bool dry, force, refused;
	/* Of the differences that are written. */
	const char *unit;
	const struct unit_conf
	    *waits;         /* it runs, and has another one; NULL: it does not */
	const char *with;   /* what cannot be restarted without it, or NULL */
	enum effect effect; /* of a key of supd.conf */
};

static enum effect effect_of(const struct telling *r, const char *key);

static void
write_difference(void *arg, const char *key, const char *old, const char *new)
{
	struct telling *r = arg;
	enum effect effect = effect_of(r, key);
	struct buf text = { 0 };

	jw_obj(r->w);
	jw_kv_str(r->w, "unit", r->unit);
	jw_kv_str(r->w, "key", key);
	mask_setting(&text, key, old);
	jw_kv_str(r->w, "old", buf_str(&text));
	buf_clear(&text);
	mask_setting(&text, key, new);
	jw_kv_str(r->w, "new", buf_str(&text));
	jw_kv_str(r->w, "class", effect_name(effect));
	if (effect == EFFECT_RESTART && r->with != NULL)
		jw_kv_str(r->w, "with", r->with);
	jw_end(r->w);
	buf_free(&text);
}

static void
write_diags(struct jw *w, const char *unit, const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *text = diag_format(&d->v[i]);

		jw_obj(w);
		jw_kv_str(w, "unit", unit);
		jw_kv_str(w, "level", d->v[i].level == DIAG_ERROR ? "error" : "warning");
		jw_kv_str(w, "text", text);
		jw_end(w);
		free(text);
	}
}

/* What waits for its restart takes the newest file at once, and what runs with a
 * stand-in, for want of a usable one, the first that is. */
static bool
waits_for_start(const struct unit *u, const struct unit_conf *now)
{
	return sockets_listens(u) ? now->load_state == UNIT_LOADED
				  : u->svc != NULL && svc_has_run_conf(u->svc) &&
					!(u->stand_in && now->load_state == UNIT_LOADED);
}

/* LoadState and the like are no rows. */
static enum effect
effect_of(const struct telling *r, const char *key)
{
	const struct directive *d;

	if (strcmp(r->unit, "supd.conf") == 0)
		return r->effect;
	if (r->waits == NULL)
		return EFFECT_NOW;
	d = directive_by_shown_name(r->waits->type, key);
	if (d == NULL && strncmp(key, "Rule", 4) == 0)
		return EFFECT_RESTART;
	return d != NULL ? directive_effect(d) : EFFECT_NEXT_START;
}

static void
compare_unit(
    void *arg, struct unit *u, const struct unit_conf *now, const struct diags *d)
{
	struct telling *r = arg;
	const struct unit *server;

	r->unit = u->name;
	r->waits = waits_for_start(u, now) ? now : NULL;
	if (sockets_listens(u) && (server = sockets_server(u)) != NULL)
		r->with = server->name;
	if (reload_refuses(u, now) && !r->m->safe_mode) {
		r->refused = true;
		/* What is taken all the same tells them itself, with what holds then. */
		if (r->dry || !r->force) {
			write_diags(r->diags, u->name, d);
			map_set(&r->told, u->name, r);
		}
		if (!r->dry && !r->force)
			reload_say_refused(r->m, u->name, d);
	}
	/* Of two units nobody asks for the difference. */
	if (strcmp(now->id, u->conf->id) != 0)
		write_difference(r, "Id", u->conf->id, now->id);
	else if (now->load_state == UNIT_LOADED && u->conf->load_state == UNIT_LOADED)
		unit_conf_diff(u->conf, now, write_difference, r);
	else if (now->load_state != u->conf->load_state)
		write_difference(r, "LoadState",
		    unit_load_state_name(u->conf->load_state),
		    unit_load_state_name(now->load_state));
	r->waits = NULL;
	r->with = NULL;
}

static void
keep_setting(void *arg, const char *name, const char *value)
{
	free(map_set(arg, name, xstrdup(value)));
}

struct conf_diff {
	struct telling *r;
	struct map old;
};

/* When a setting takes effect, by the name it is shown under; what is no key of [Supd],
 * as Marks.NAME.Max, at once. */
static enum effect
of_supd(const char *name)
{
	const struct directive *d = directive_find(SECTION_SUPD, name);

	return d == NULL ? EFFECT_NOW : directive_effect(d);
}

static void
compare_setting(void *arg, const char *name, const char *value)
{
	struct conf_diff *d = arg;
	const char *old = map_get(&d->old, name);

	d->r->effect = of_supd(name);
	if (old == NULL || strcmp(old, value) != 0)
		write_difference(d->r, name, old == NULL ? "" : old, value);
	free(map_del(&d->old, name));
}

/* Of a section that is not there any more. */
static void
compare_gone(struct conf_diff *d)
{
	struct strv names = { 0 };

	map_keys(&d->old, &names);
	for (size_t i = 0; i < names.n; i++) {
		d->r->effect = of_supd(names.v[i]);
		write_difference(d->r, names.v[i], map_get(&d->old, names.v[i]), "");
	}
	strv_free(&names);
}

static void
compare_conf(struct telling *r)
{
	const struct supd_conf *now = reload_conf(r->look);
	const struct diags *diags = reload_conf_diags(r->look);
	struct conf_diff d = { .r = r };

	write_diags(r->diags, "supd.conf", diags);
	if (diags->n_errors > 0) {
		r->refused = true;
		if (!r->dry && !r->force)
			reload_say_refused(r->m, "supd.conf", diags);
	}
	if (now == NULL)
		return;
	supd_conf_show(r->m->conf, keep_setting, &d.old);
	r->unit = "supd.conf";
	supd_conf_show(now, compare_setting, &d);
	compare_gone(&d);
	r->unit = NULL;
	map_clear(&d.old, free);
}

static void
note_present(struct unit *u, void *arg)
{
	if (!u->transient && u->conf->load_state != UNIT_NOT_FOUND)
		strv_add(arg, u->name);
}

/* Names on the search path against those that were loaded. */
static void
compare_names(struct telling *r)
{
	struct strv there = { 0 };
	struct map now = { 0 };

	unit_list_dir(r->m->paths, &there);
	for (size_t i = 0; i < there.n; i++) {
		map_set(&now, there.v[i], r);
		if (unit_find(r->m, there.v[i]) == NULL)
			strv_add(&r->added, there.v[i]);
	}
	for (size_t i = 0; i < r->before.n; i++) {
		const struct unit *u = unit_find(r->m, r->before.v[i]);

		if (u != NULL && u->conf->fragment != NULL &&
		    !map_has(&now, r->before.v[i]) &&
		    reach_may(r->m->reach, u->conf->fragment, true) &&
		    access(u->conf->fragment, F_OK) == -1)
			strv_add(&r->removed, r->before.v[i]);
	}
	map_clear(&now, NULL);
	strv_free(&there);
}

static void
write_diagnostics(struct unit *u, void *arg)
{
	struct telling *r = arg;

	if (!map_has(&r->told, u->name))
		write_diags(r->diags, u->name, &u->diags);
}

/* What was noted while the differences were written. */
static void
write_noted(struct telling *r)
{
	struct buf text = { 0 };
	struct json_err err;
	struct jv *v;

	jw_end(r->diags);
	jw_take(r->diags, &text);
	v = jv_parse(buf_str(&text), text.len, &err);
	jw_key(r->w, "diagnostics");
	jv_write(v, r->w);
	jv_free(v);
	buf_free(&text);
}

void
method_manager_reload(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	struct telling r = {
		.m = c->m,
		.w = call_begin(call),
		.diags = jw_new(JW_COMPACT),
		.dry = jv_bool(jv_get(p, "dry_run"), false),
		.force = jv_bool(jv_get(p, "force"), false),
	};
	char who[160];

	jw_arr(r.diags);
	r.look = reload_look(c->m);
	units_look(c->m, note_present, &r.before);
	compare_names(&r);
	jw_kv_strv(r.w, "added", &r.added);
	jw_kv_strv(r.w, "removed", &r.removed);
	jw_kv_arr(r.w, "changed");
	compare_conf(&r);
	reload_each(r.look, compare_unit, &r);
	jw_end(r.w);
	jw_kv_bool(r.w, "refused", r.refused && !r.force);
	if (!r.dry && (!r.refused || r.force))
		manager_take_reload(c->m, r.look, control_origin(call, who, sizeof(who)));
	units_look(c->m, write_diagnostics, &r);
	write_noted(&r);
	jw_free(r.diags);
	map_clear(&r.told, NULL);
	reload_free(r.look);
	strv_free(&r.before);
	strv_free(&r.added);
	strv_free(&r.removed);
	call_reply(call);
}
