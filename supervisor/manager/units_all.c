/*
 * units_all: all units of the manager (see units.h): each once and in order, loaded from
 * the folders, and those that a word of a person means.
 */
#include <assert.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/links.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/sysinit.h"
#include "manager/units.h"
#include "manager/units_int.h"
#include "manager/wish/groups.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/table.h"

enum {
	NEAR_MAX_DISTANCE = 3,
};

void
units_forget_order(struct manager *m)
{
	free(m->by_name);
	m->by_name = NULL;
	m->n_by_name = 0;
}

static int
compare_names(const void *a, const void *b)
{
	const struct unit *x = *(struct unit *const *)a, *y = *(struct unit *const *)b;

	return strcmp(x->name, y->name);
}

static void
make_order(struct manager *m)
{
	const char *name;
	size_t it = 0;
	void *u;

	m->by_name = xreallocarray(NULL, m->units.n + 1, sizeof(struct unit *));
	m->n_by_name = 0;
	while (map_next(&m->units, &it, &name, &u)) {
		if (strcmp(((struct unit *)u)->name, name) == 0)
			m->by_name[m->n_by_name++] = u;
	}
	qsort(m->by_name, m->n_by_name, sizeof(struct unit *), compare_names);
}

void
units_foreach(struct manager *m, unit_fn *fn, void *arg)
{
	struct strv names = { 0 };

	if (m->by_name == NULL)
		make_order(m);
	for (size_t i = 0; i < m->n_by_name; i++)
		strv_add(&names, m->by_name[i]->name);
	for (size_t i = 0; i < names.n; i++) {
		struct unit *u = map_get(&m->units, names.v[i]);

		if (u != NULL && strcmp(u->name, names.v[i]) == 0)
			fn(u, arg);
	}
	strv_free(&names);
}

void
units_look(struct manager *m, unit_fn *fn, void *arg)
{
	struct unit **v;

	if (m->by_name == NULL)
		make_order(m);
	v = m->by_name;
	for (size_t i = 0; i < m->n_by_name; i++) {
		fn(v[i], arg);
		assert(m->by_name == v);
	}
}

static void
count_one(struct unit *u, void *arg)
{
	size_t *n = arg;

	if (!unit_name_is_template(u->name) &&
	    (u->conf->load_state != UNIT_NOT_FOUND || unit_is_running(u)))
		(*n)++;
}

size_t
units_count(struct manager *m)
{
	size_t n = 0;

	units_foreach(m, count_one, &n);
	return n;
}

static void
refresh_one(struct unit *u, void *arg)
{
	(void)arg;
	(void)unit_refresh(u);
	(void)unit_forget(u);
}

/* The instance that is started with supd is a unit as one with a file is.  Elsewhere
 * links say which. */
static void
load_default(struct manager *m, const struct unit_conf *template)
{
	const char *instance = template->rules->default_instance;
	char *name;

	if (template->load_state != UNIT_LOADED || instance == NULL ||
	    !template->rules->has_install || m->scope != UNIT_SCOPE_NONE ||
	    !units_path_is_in_folder(m, template->fragment))
		return;
	name = unit_name_replace_instance(template->id, instance);
	if (name != NULL)
		(void)unit_get(m, name);
	free(name);
}

/* A template is a unit only where it says itself which instances there are. */
static void
look_at_template(struct manager *m, const char *name)
{
	struct unit *u = unit_find(m, name);
	struct unit_conf *conf;
	struct diags d;

	if (u != NULL) {
		(void)unit_refresh(u);
		load_default(m, u->conf);
		return;
	}
	diags_init(&d);
	conf = unit_load(m->paths, m->conf, name, &d);
	if (unit_conf_has_instances(conf))
		(void)unit_get(m, name);
	load_default(m, conf);
	unit_conf_free(conf);
	diags_clear(&d);
}

/* All that the scan knows of and that has no unit yet. */
static void
load_new(struct manager *m)
{
	struct strv names = { 0 };

	unit_list_dir(m->paths, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (!unit_type_is_known(unit_name_type(names.v[i])))
			continue;
		if (unit_name_is_template(names.v[i]))
			look_at_template(m, names.v[i]);
		else
			(void)unit_get(m, names.v[i]);
	}
	strv_free(&names);
}

static void
check_names_of(struct unit *u, void *arg)
{
	(void)arg;
	unit_check_names(u);
}

static void
set_edges_of(struct unit *u, void *arg)
{
	(void)arg;
	unit_set_edges(u);
}

void
units_set_edges(struct manager *m)
{
	if (!m->edges_stale)
		return;
	m->edges_stale = false;
	units_look(m, set_edges_of, NULL);
}

void
units_load_scanned(struct manager *m)
{
	units_foreach(m, check_names_of, NULL);
	load_new(m);
	units_foreach(m, refresh_one, NULL);
	units_set_edges(m);
	sysinit_look(m);
}

size_t
units_load_all(struct manager *m)
{
	unit_paths_scan(m->paths);
	units_load_scanned(m);
	unit_paths_forget(m->paths);
	return units_count(m);
}

static void
tell_changed(struct unit *u, const char *what)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_UNIT_CHANGED, u->name, NULL);
	event_str(ev, "path", u->conf->fragment);
	event_str(ev, "what", what);
	event_end(ev);
}

static void
change_one(struct unit *u, void *arg)
{
	enum unit_load_state before = u->conf->load_state;

	(void)arg;
	if (!unit_refresh(u))
		return;
	if (u->conf->load_state == UNIT_NOT_FOUND)
		tell_changed(u, "gone");
	else
		tell_changed(u, before == UNIT_NOT_FOUND ? "new" : "changed");
	(void)unit_forget(u);
}

/* TEMPLATES, whose instances may be called otherwise; NULL: anything.  One look at all,
 * however many. */
static void
change_many(struct manager *m, const struct strv *templates)
{
	unit_paths_scan(m->paths);
	units_foreach(m, check_names_of, NULL);
	units_foreach(m, change_one, NULL);
	if (templates == NULL)
		units_load_scanned(m);
	for (size_t i = 0; templates != NULL && i < templates->n; i++)
		look_at_template(m, templates->v[i]);
	unit_paths_forget(m->paths);
}

static void
change_named(struct manager *m, const char *name)
{
	struct unit *u = unit_find(m, name);

	if (u != NULL) {
		bool is_other = strcmp(u->name, name) != 0;

		if (is_other)
			unit_check_names(u);
		change_one(u, NULL);
		/* (The name may be that of another unit since then.) */
		if (!is_other || unit_find(m, name) != NULL)
			return;
	}
	u = unit_get(m, name);
	if (u == NULL)
		return;
	if (u->conf->load_state == UNIT_NOT_FOUND)
		(void)unit_forget(u);
	else
		tell_changed(u, "new");
}

static void
look_at_rest(struct manager *m)
{
	units_set_edges(m);
	sysinit_look(m);
	links_changed(m);
	units_look_at_aliases(m);
	links_mark(m);
}

void
units_on_changes(struct manager *m, const struct strv *names)
{
	struct strv templates = { 0 };

	for (size_t i = 0; i < names->n; i++)
		if (unit_name_is_template(names->v[i]))
			strv_add(&templates, names->v[i]);
	if (templates.n > 0)
		change_many(m, &templates);
	strv_free(&templates);
	for (size_t i = 0; i < names->n; i++)
		if (!unit_name_is_template(names->v[i]))
			change_named(m, names->v[i]);
	look_at_rest(m);
}

void
units_on_change(struct manager *m, const char *name)
{
	if (name == NULL) {
		change_many(m, NULL);
		look_at_rest(m);
	} else {
		struct strv names = { 0 };

		strv_add(&names, name);
		units_on_changes(m, &names);
		strv_free(&names);
	}
}

struct matching {
	const char *pattern;
	struct strv *names;
};

static void
match_one(struct unit *u, void *arg)
{
	struct matching *x = arg;

	if (u->conf->load_state == UNIT_NOT_FOUND && !unit_is_running(u))
		return;
	if (x->pattern[0] == '@') {
		if (unit_matches_group(u, x->pattern + 1))
			strv_add(x->names, u->name);
		return;
	}
	if (fnmatch(x->pattern, u->name, FNM_NOESCAPE) == 0 ||
	    fnmatch(x->pattern, u->conf->stem, FNM_NOESCAPE) == 0)
		strv_add(x->names, u->name);
}

int
units_match(struct manager *m, const char *pattern, struct strv *names)
{
	struct matching x = { .pattern = pattern, .names = names };
	struct unit *u;

	if (strpbrk(pattern, "*?[") != NULL || pattern[0] == '@') {
		units_foreach(m, match_one, &x);
		return 0;
	}
	u = unit_get(m, pattern);
	if (u == NULL)
		return -1;
	strv_add(names, u->name);
	return 0;
}

struct nearest {
	char *stem;
	size_t limit;
	struct strv found[NEAR_MAX_DISTANCE + 1];
};

static void
near_one(struct unit *u, void *arg)
{
	struct nearest *x = arg;
	size_t d;

	if (u->conf->load_state == UNIT_NOT_FOUND && !unit_is_running(u))
		return;
	d = edit_distance(x->stem, u->conf->stem, x->limit);
	if (d > x->limit && strstr(u->conf->stem, x->stem) != NULL)
		d = x->limit;
	if (d <= x->limit)
		strv_add(&x->found[d], u->name);
}

void
units_nearest(struct manager *m, const char *name, size_t max, struct strv *names)
{
	char *full = unit_name_add_suffix(name);
	struct nearest x = { .stem =
				 full == NULL ? xstrdup(name) : unit_name_stem(full) };
	size_t len = strlen(x.stem);

	x.limit = len < 3 ? 1 : len < 6 ? 2 : NEAR_MAX_DISTANCE;
	units_foreach(m, near_one, &x);
	for (size_t d = 0; d <= NEAR_MAX_DISTANCE; d++) {
		for (size_t i = 0; i < x.found[d].n && names->n < max; i++)
			(void)strv_add_unique(names, x.found[d].v[i]);
		strv_free(&x.found[d]);
	}
	free(x.stem);
	free(full);
}
