/*
 * units_names: by which names a unit is known, which unit a name leads to, and what
 * becomes of one whose name leads to another by now.
 */
#include <stdlib.h>
#include <string.h>

#include "install/install.h"
#include "lib/clock.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/units.h"
#include "manager/units_int.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

void
unit_add_name(struct unit *u, const char *name)
{
	struct manager *m = u->manager;

	if (map_has(&m->units, name))
		return;
	map_set(&m->units, name, u);
	if (strcmp(name, u->name) == 0) {
		units_forget_order(m);
		return;
	}
	strv_add(&u->other_names, name);
	jobs_unit_alias(m->jobs, name, u->job_unit);
}

/* What others said of that name they say of another unit now. */
static void
forget_name(struct manager *m, const char *name)
{
	map_del(&m->units, name);
	jobs_unit_alias(m->jobs, name, NULL);
	m->edges_stale = true;
}

void
unit_register_names(struct unit *u)
{
	unit_add_name(u, u->name);
	for (size_t i = 0; i < u->conf->aliases.n; i++)
		unit_add_name(u, u->conf->aliases.v[i]);
}

void
unit_unregister_names(struct unit *u)
{
	struct manager *m = u->manager;

	units_forget_order(m);
	if (map_get(&m->units, u->name) == u)
		map_del(&m->units, u->name);
	for (size_t i = 0; i < u->other_names.n; i++)
		forget_name(m, u->other_names.v[i]);
	strv_free(&u->other_names);
}

bool
unit_is_moved(const struct unit *u)
{
	return strcmp(u->conf->id, u->name) != 0;
}

/* By what is on the disk, NAME is not the unit of that id. */
static bool
leads_elsewhere(struct manager *m, const char *name, const char *id)
{
	char *now = unit_real_name(m->paths, name);
	bool elsewhere = strcmp(now, id) != 0 && !unit_paths_unanswered(m->paths);

	free(now);
	return elsewhere;
}

bool
unit_is_lost(const struct unit *u)
{
	return unit_is_moved(u) ||
	       (u->changed && leads_elsewhere(u->manager, u->name, u->name));
}

struct unit *
unit_find(struct manager *m, const char *name)
{
	struct unit *u = map_get(&m->units, name);
	char *full;

	if (u != NULL)
		return u;
	full = unit_name_add_suffix(name);
	if (full == NULL)
		return NULL;
	u = map_get(&m->units, full);
	free(full);
	return u;
}

struct unit *
unit_get(struct manager *m, const char *name)
{
	struct unit *u = unit_find(m, name);
	struct unit_conf *conf;
	struct diags d;
	bool unanswered;
	char *full;

	if (u != NULL && !(unit_is_moved(u) && unit_forget(u)))
		return u;
	full = unit_name_add_suffix(name);
	if (full == NULL)
		return NULL;
	diags_init(&d);
	conf = unit_load(m->paths, m->conf, full, &d);
	unanswered = unit_paths_unanswered(m->paths);
	u = map_get(&m->units, conf->id);
	if (u != NULL) {
		/* Another name of one that we have. */
		unit_add_name(u, full);
		unit_conf_free(conf);
		diags_clear(&d);
	} else {
		u = unit_new(m, conf->id, conf, &d);
		u->unanswered = unanswered;
		unit_add_name(u, full);
		/* Whoever asks for many names must not fill the memory. */
		if (unit_is_of_template(u))
			unit_ended(u);
	}
	free(full);
	return u;
}

/* Two units must not run what is one: this one is refused until it can be forgotten, and
 * its name is that of the other from then on. */
static struct unit_conf *
load_own(struct manager *m, const struct supd_conf *sc, const char *name, bool runs,
    struct diags *d)
{
	struct unit_conf *conf = unit_load(m->paths, sc, name, d);
	char *link, *hint = NULL;

	if (strcmp(conf->id, name) == 0)
		return conf;
	conf->load_state = UNIT_LOAD_ERROR;
	link = unit_name_link(m->paths, name);
	if (runs)
		hint = xasprintf("stop what runs by the old name: supctl stop %s", name);
	diag_add(d, DIAG_ERROR, link != NULL ? link : name, 0, 0, hint,
	    "%s is another name of %s now%s", name, conf->id,
	    runs ? ", and what was started by the old name runs" : "");
	free(hint);
	free(link);
	return conf;
}

struct unit_conf *
unit_load_again(const struct unit *u, const struct supd_conf *sc, struct diags *d)
{
	return load_own(u->manager, sc, u->name, unit_is_running(u), d);
}

struct unit *
unit_get_own(struct manager *m, const char *name)
{
	struct unit *other = unit_get(m, name), *u;
	struct unit_conf *conf;
	struct diags d;
	bool unanswered;

	if (other == NULL || strcmp(other->name, name) == 0)
		return other;
	forget_name(m, name);
	(void)strv_remove(&other->other_names, name);
	diags_init(&d);
	conf = load_own(m, m->conf, name, true, &d);
	unanswered = unit_paths_unanswered(m->paths);
	u = unit_new(m, name, conf, &d);
	u->unanswered = unanswered;
	wish_restore_own(u);
	wish_restore_own(other);
	return u;
}

bool
unit_files_changed(const struct unit *u)
{
	struct manager *m = u->manager;

	return unit_conf_changed(m->paths, u->conf) ||
	       (unit_is_moved(u) && leads_elsewhere(m, u->name, u->conf->id));
}

/* ---- Alias= ----------------------------------------------------------------------- */

/* NAME is one that its Alias= makes. */
static bool
asks_for_name(const struct unit *u, const char *name)
{
	const struct strv *list = &u->conf->rules->alias;
	bool asks = false;

	for (size_t i = 0; i < list->n && !asks; i++) {
		char *made = install_alias_name(u->name, list->v[i]);

		asks = made != NULL && strcmp(made, name) == 0;
		free(made);
	}
	return asks;
}

/* What is on the disk goes before: a file or a link of that name. */
static bool
is_there(struct manager *m, const char *name)
{
	return unit_name_is_there(m->paths, name) && !unit_paths_unanswered(m->paths);
}

static bool
is_by_alias(const struct unit *u, const char *name)
{
	return asks_for_name(u, name) && unit_is_enabled_here(u) &&
	       !is_there(u->manager, name);
}

/* Of what has no file, and is down, that a person stopped it says nothing. */
static void
forget_stop(struct unit *u)
{
	struct wish_who who = { .uid = u->manager->owner,
		.name = "supd",
		.command = "its file is gone",
		.wall_us = clock_wall_us() };

	if (u->wish == WISH_STOPPED && u->conf->load_state == UNIT_NOT_FOUND &&
	    !unit_is_running(u))
		(void)unit_set_wish(u, WISH_NONE, &who);
}

/* NULL: it has the name. */
static char *
take_alias(struct unit *u, const char *name)
{
	struct manager *m = u->manager;
	struct unit *other = map_get(&m->units, name);

	if (other == u)
		return NULL;
	if (is_there(m, name))
		return xstrdup("there is a unit file of that name, or a link");
	if (other != NULL && strcmp(other->name, name) != 0)
		return xasprintf("it is another name of %s already", other->name);
	if (other != NULL)
		forget_stop(other);
	if (other != NULL && !unit_forget(other))
		return xstrdup("it is the name of a unit that is not forgotten yet");
	unit_add_name(u, name);
	return NULL;
}

static void
take_aliases(struct unit *u)
{
	const struct strv *list = &u->conf->rules->alias;

	for (size_t i = 0; i < list->n; i++) {
		char *name = install_alias_name(u->name, list->v[i]), *why;

		why = name == NULL ? NULL : take_alias(u, name);
		if (why != NULL) {
			diag_add(&u->diags, DIAG_WARNING, u->conf->fragment, 0, 0, NULL,
			    "Alias=%s is no other name of it: %s", name, why);
			unit_render_drop(u);
		}
		free(why);
		free(name);
	}
}

static void
give_up_aliases(struct unit *u)
{
	for (size_t i = u->other_names.n; i-- > 0;) {
		const char *name = u->other_names.v[i];

		if (strv_contains(&u->conf->aliases, name) ||
		    !unit_name_is_stale(u, name))
			continue;
		forget_name(u->manager, name);
		strv_remove_at(&u->other_names, i);
	}
	if (diags_drop(&u->diags, "Alias="))
		unit_render_drop(u);
}

void
unit_look_at_aliases(struct unit *u)
{
	give_up_aliases(u);
	if (u->conf->rules->alias.n > 0 && unit_is_enabled_here(u))
		take_aliases(u);
}

static void
give_up_of(struct unit *u, void *arg)
{
	(void)arg;
	give_up_aliases(u);
}

static void
take_of(struct unit *u, void *arg)
{
	(void)arg;
	if (u->conf->rules->alias.n > 0 && unit_is_enabled_here(u))
		take_aliases(u);
}

void
units_look_at_aliases(struct manager *m)
{
	if (m->scope != UNIT_SCOPE_NONE)
		return;
	units_look(m, give_up_of, NULL);
	units_foreach(m, take_of, NULL);
	units_set_edges(m);
}

/* ---- what leads elsewhere by now --------------------------------------------------- */

bool
unit_name_is_stale(struct unit *u, const char *name)
{
	return strcmp(name, u->name) != 0 && leads_elsewhere(u->manager, name, u->name) &&
	       !is_by_alias(u, name);
}

void
unit_check_names(struct unit *u)
{
	struct manager *m = u->manager;
	bool dropped = false;

	for (size_t i = u->other_names.n; i-- > 0;) {
		const char *name = u->other_names.v[i];

		if (!unit_name_is_stale(u, name))
			continue;
		forget_name(m, name);
		strv_remove_at(&u->other_names, i);
		dropped = true;
	}
	if (!dropped)
		return;
	/* Drop-ins of that name are not its own any more; an edit of what runs still
	 * waits for a start. */
	if (unit_is_running(u) && (u->changed || unit_files_changed(u)))
		u->changed = true;
	else
		unit_reload(u);
}
