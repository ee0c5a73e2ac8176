#include "manager/links.h"

#include <stdlib.h>
#include <string.h>

#include "install/install.h"
#include "install/preset.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/units.h"
#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/load.h"
#include "unit/name.h"

#define DEFAULT_TARGET "default.target"

struct links {
	struct manager *m;
	bool decide;                 /* a folder has them */
	struct install_index *index; /* NULL: to be read */
	struct presets *presets;     /* likewise */
};

/* An instance folder without UnitPath= has its own folder, and the transient one. */
static bool
has_levels(const struct manager *m)
{
	if (m->scope != UNIT_SCOPE_NONE)
		return true;
	for (size_t i = 0; i < unit_paths_count(m->paths); i++)
		if (unit_paths_kind(m->paths, i) != UNIT_PATH_FOLDER &&
		    unit_paths_kind(m->paths, i) != UNIT_PATH_TRANSIENT)
			return true;
	return false;
}

struct links *
links_new(struct manager *m)
{
	struct links *l = xcalloc(1, sizeof(*l));

	l->m = m;
	l->decide = has_levels(m);
	return l;
}

static void
forget(struct links *l)
{
	install_index_free(l->index);
	presets_free(l->presets);
	l->index = NULL;
	l->presets = NULL;
}

void
links_free(struct links *l)
{
	if (l == NULL)
		return;
	forget(l);
	free(l);
}

bool
links_decide(const struct manager *m)
{
	return m->links->decide;
}

bool
unit_is_by_links(const struct unit *u)
{
	const struct manager *m = u->manager;

	return m->links->decide && !u->transient &&
	       !(m->scope == UNIT_SCOPE_NONE && unit_is_in_folder(u));
}

static struct install_index *
index_of(struct links *l)
{
	if (l->index == NULL)
		l->index = install_index_new(l->m->paths);
	return l->index;
}

const char *
links_state(const struct unit *u)
{
	return install_state_name(
	    install_state_of_conf(index_of(u->manager->links), u->conf));
}

const char *
links_state_of(struct manager *m, const char *name)
{
	return install_state_name(install_state(index_of(m->links), name, NULL));
}

static struct presets *
presets_of(struct links *l)
{
	struct diags d;

	if (l->presets != NULL)
		return l->presets;
	diags_init(&d);
	l->presets = presets_load(l->m->paths, &d);
	for (size_t i = 0; i < d.n; i++) {
		char *line = diag_format(&d.v[i]);

		log_warnx("%s", line);
		free(line);
	}
	diags_clear(&d);
	return l->presets;
}

bool
links_preset_disables(const struct unit *u)
{
	const char *instance = u->conf->rules->default_instance;
	char *name = NULL, *template = NULL;
	bool disables;

	if (unit_name_is_template(u->name) && instance != NULL)
		name = unit_name_replace_instance(u->name, instance);
	if (name != NULL)
		template = xstrdup(u->name);
	else if (unit_is_default(u))
		template = unit_name_template(u->name);
	disables = presets_ask_default(presets_of(u->manager->links),
		       name != NULL ? name : u->name, template) == PRESET_DISABLE;
	free(name);
	free(template);
	return disables;
}

static void
drop_render(struct unit *u, void *arg)
{
	(void)arg;
	unit_render_drop(u);
}

void
links_changed(struct manager *m)
{
	struct links *l = m->links;

	/* (What is shown of a unit depends on them.) */
	if (l->decide || l->presets != NULL)
		units_look(m, drop_render, NULL);
	forget(l);
}

/* ---- what starts ---- */

static void
unmark_one(struct unit *u, void *arg)
{
	(void)arg;
	free(u->wanted_by);
	u->wanted_by = NULL;
}

static void
mark(struct manager *m, const char *name, const char *by, struct strv *queue)
{
	struct unit *u = unit_get(m, name);

	if (u == NULL || u->wanted_by != NULL)
		return;
	if (u->conf->load_state == UNIT_NOT_FOUND) {
		(void)unit_forget(u);
		return;
	}
	u->wanted_by =
	    by != NULL ? xasprintf("wanted by %s", by) : xstrdup("the default target");
	/* What services want is started by their own jobs. */
	if (u->conf->type == UNIT_TARGET && u->conf->load_state == UNIT_LOADED)
		strv_add(queue, u->name);
}

void
links_mark(struct manager *m)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_WANTS, DEP_BINDS_TO,
		DEP_UPHOLDS };
	struct strv queue = { 0 };

	if (!m->links->decide)
		return;
	units_foreach(m, unmark_one, NULL);
	mark(m, DEFAULT_TARGET, NULL, &queue);
	/* It grows while it is walked; each unit comes once. */
	for (size_t i = 0; i < queue.n; i++) {
		for (size_t k = 0; k < sizeof(deps) / sizeof(deps[0]); k++) {
			struct unit *u = unit_find(m, queue.v[i]);
			struct strv names = { 0 };

			/* A copy: what is loaded meanwhile may load this one anew. */
			if (u != NULL)
				strv_copy(&names, &u->conf->rules->deps[deps[k]]);
			for (size_t j = 0; j < names.n; j++)
				mark(m, names.v[j], queue.v[i], &queue);
			strv_free(&names);
		}
	}
	strv_free(&queue);
}

bool
links_are_done(struct manager *m)
{
	const struct unit *u = unit_find(m, DEFAULT_TARGET);

	return u != NULL && u->part != NULL && part_is_up(u->part) &&
	       part_was_started(u->part);
}
