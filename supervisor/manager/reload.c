#include "manager/reload.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/bonds.h"
#include "manager/instances.h"
#include "manager/links.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/units.h"
#include "manager/watch/reach.h"
#include "unit/conf.h"
#include "unit/defaults.h"
#include "unit/instance.h"
#include "unit/load.h"

enum { CHANGES_MAX = 64 };

/* A unit whose files are other ones. */
struct other {
	char *name; /* what is taken first may be the end of it */
	struct unit_conf *now;
	struct diags diags;
};

struct reload {
	struct manager *m;
	struct supd_conf *conf;
	struct diags conf_diags;
	struct other *v;
	size_t n, cap;
	bool all; /* other defaults: every unit may be another one */
};

/* ---- the look ---------------------------------------------------------------------- */

static void
look_at_conf(struct reload *r)
{
	char *path = instance_conf(r->m->root_path);

	diags_init(&r->conf_diags);
	if (reach_may(r->m->reach, path, true))
		r->conf = supd_conf_load(path, &r->conf_diags);
	free(path);
}

static const struct supd_conf *
defaults_of(const struct reload *r)
{
	return r->conf != NULL ? r->conf : r->m->conf;
}

static void
look_at(struct unit *u, void *arg)
{
	struct reload *r = arg;
	struct manager *m = r->m;
	struct other *o;

	if (!r->all && !unit_files_changed(u)) {
		if (!u->unanswered && !unit_paths_unanswered(m->paths))
			u->looked = unit_paths_scan_number(m->paths);
		return;
	}
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 16 : 2 * r->cap;
		r->v = xreallocarray(r->v, r->cap, sizeof(*r->v));
	}
	o = &r->v[r->n];
	diags_init(&o->diags);
	o->now = unit_load_again(u, defaults_of(r), &o->diags);
	/* What is known of it is better; whoever loads all comes by here again. */
	if (unit_paths_unanswered(m->paths)) {
		unit_conf_free(o->now);
		diags_clear(&o->diags);
		return;
	}
	o->name = xstrdup(u->name);
	r->n++;
}

static void
look_at_units(struct reload *r)
{
	/* What is not there is asked once, not for each unit. */
	unit_paths_scan(r->m->paths);
	units_look(r->m, look_at, r);
}

static void
drop_units(struct reload *r)
{
	while (r->n > 0) {
		struct other *o = &r->v[--r->n];

		free(o->name);
		unit_conf_free(o->now);
		diags_clear(&o->diags);
	}
	free(r->v);
	r->v = NULL;
	r->cap = 0;
}

struct reload *
reload_look(struct manager *m)
{
	struct reload *r = xcalloc(1, sizeof(*r));

	r->m = m;
	look_at_conf(r);
	r->all = defaults_differ(m->conf, defaults_of(r));
	look_at_units(r);
	return r;
}

void
reload_free(struct reload *r)
{
	if (r == NULL)
		return;
	unit_paths_forget(r->m->paths);
	drop_units(r);
	supd_conf_free(r->conf);
	diags_clear(&r->conf_diags);
	free(r);
}

const struct supd_conf *
reload_conf(const struct reload *r)
{
	return r->conf;
}

const struct diags *
reload_conf_diags(const struct reload *r)
{
	return &r->conf_diags;
}

void
reload_each(const struct reload *r, reload_unit_fn *fn, void *arg)
{
	for (size_t i = 0; i < r->n; i++) {
		struct other *o = &r->v[i];
		struct unit *u = unit_find(r->m, o->name);

		if (u != NULL && !u->transient && strcmp(u->name, o->name) == 0)
			fn(arg, u, o->now, &o->diags);
	}
}

/* ---- whether it is refused ----------------------------------------------------------
 */

bool
reload_refuses(const struct unit *u, const struct unit_conf *now)
{
	/* What runs would be left without a file by somebody who means another unit. */
	if (strcmp(now->id, u->name) != 0)
		return unit_is_running(u) && strcmp(u->conf->id, u->name) == 0;
	return u->conf->load_state == UNIT_LOADED &&
	       (now->load_state == UNIT_BAD_SETTING ||
		   now->load_state == UNIT_LOAD_ERROR);
}

void
reload_say_refused(struct manager *m, const char *unit, const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *line;

		if (d->v[i].level != DIAG_ERROR)
			continue;
		line = diag_format(&d->v[i]);
		manager_say(m, MARK_FAIL,
		    "%s cannot be used: %s; the reload is refused, and all is as it was",
		    unit, line);
		free(line);
		return;
	}
}

static void
note_refusal(
    void *arg, struct unit *u, const struct unit_conf *now, const struct diags *d)
{
	bool *refused = arg;

	if (!reload_refuses(u, now))
		return;
	*refused = true;
	reload_say_refused(u->manager, u->name, d);
}

bool
reload_is_refused(const struct reload *r)
{
	bool refused = false;

	/* There, nothing is loaded that could be lost, and the reload ends it. */
	if (r->m->safe_mode)
		return false;
	if (r->conf_diags.n_errors > 0) {
		refused = true;
		reload_say_refused(r->m, "supd.conf", &r->conf_diags);
	}
	reload_each(r, note_refusal, &refused);
	return refused;
}

/* ---- taking it ----------------------------------------------------------------------
 */

struct taking {
	struct map before; /* names with a file; thousands are looked up in it */
	struct strv added, removed, changed;
	const char *unit;
	int errors;
};

static void
note_loaded(struct unit *u, void *arg)
{
	struct taking *t = arg;

	if (u->conf->load_state != UNIT_NOT_FOUND)
		map_set(&t->before, u->name, u);
}

static void
note_difference(void *arg, const char *name, const char *old_value, const char *new_value)
{
	struct taking *t = arg;

	(void)old_value;
	(void)new_value;
	if (t->changed.n < CHANGES_MAX)
		strv_addf(&t->changed, "%s %s", t->unit, name);
}

static void
take_one(struct taking *t, struct unit *u, struct other *o)
{
	t->unit = u->name;
	if (t->changed.n < CHANGES_MAX && strcmp(o->now->id, u->conf->id) != 0)
		strv_addf(&t->changed, "%s Id", u->name);
	else if (t->changed.n < CHANGES_MAX && o->now->load_state == UNIT_LOADED &&
		 u->conf->load_state == UNIT_LOADED)
		unit_conf_diff(u->conf, o->now, note_difference, t);
	unit_take_conf(u, o->now, &o->diags, false);
	o->now = NULL;
}

static void
note_result(struct unit *u, void *arg)
{
	struct taking *t = arg;
	bool was = map_has(&t->before, u->name);
	bool is = u->conf->load_state != UNIT_NOT_FOUND;

	if (is && !was)
		strv_add(&t->added, u->name);
	if (!is && was)
		strv_add(&t->removed, u->name);
	if (u->conf->load_state == UNIT_BAD_SETTING ||
	    u->conf->load_state == UNIT_LOAD_ERROR)
		t->errors++;
}

static void
put_list(struct jw *w, const char *key, const struct strv *v)
{
	jw_kv_arr(w, key);
	for (size_t i = 0; i < v->n && i < CHANGES_MAX; i++)
		jw_str(w, v->v[i]);
	jw_end(w);
}

static void
tell(struct manager *m, const struct taking *t, const char *who)
{
	struct jw *w;

	event_begin(m->events, EVENT_RELOADED, NULL, NULL);
	event_str(m->events, "who", who);
	w = event_jw(m->events);
	if (w != NULL) {
		put_list(w, "added", &t->added);
		put_list(w, "removed", &t->removed);
		put_list(w, "changed", &t->changed);
	}
	event_int(m->events, "errors", t->errors);
	event_end(m->events);
}

void
reload_take_units(struct reload *r, const char *who, bool all)
{
	struct manager *m = r->m;
	struct taking t = { 0 };

	if (all) {
		drop_units(r);
		/* What it says by now is the manager's. */
		supd_conf_free(r->conf);
		r->conf = NULL;
		r->all = true;
		look_at_units(r);
	}
	units_look(m, note_loaded, &t);
	for (size_t i = 0; i < r->n; i++) {
		struct unit *u = unit_find(m, r->v[i].name);

		/* (Another unit may have taken the name.) */
		if (u != NULL && strcmp(u->name, r->v[i].name) == 0)
			take_one(&t, u, &r->v[i]);
	}
	units_load_scanned(m);
	unit_paths_forget(m->paths);
	links_changed(m);
	units_look_at_aliases(m);
	links_mark(m);
	instances_look_all(m);
	units_look(m, note_result, &t);
	tell(m, &t, who);
	bonds_look_all(m);
	manager_say(m, MARK_NOTE, "files read again: %u new, %u gone, %u changes",
	    t.added.n, t.removed.n, t.changed.n);
	map_clear(&t.before, NULL);
	strv_free(&t.added);
	strv_free(&t.removed);
	strv_free(&t.changed);
}
