/*
 * verify_refs: what units say of each other: names of nothing, masked ones, and an order
 * that has no beginning.
 */
#include <stdlib.h>
#include <string.h>

#include "verify.h"

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

enum { CYCLES_MAX = 16 };

/* What it means that the other unit is not there. */
enum need {
	NEED_NONE,  /* said only when the name looks mistyped */
	NEED_DEED,  /* what was asked for is not done */
	NEED_START, /* this unit does not start */
};

static const enum need needs[DEP_NKINDS] = {
	[DEP_REQUIRES] = NEED_START,
	[DEP_REQUISITE] = NEED_START,
	[DEP_BINDS_TO] = NEED_START,
	[DEP_ON_FAILURE] = NEED_DEED,
	[DEP_ON_SUCCESS] = NEED_DEED,
	[DEP_UPHOLDS] = NEED_DEED,
	[DEP_TRIGGERS] = NEED_DEED,
};

/* The directive behind an edge. */
static const char *
key_of(const struct verify_unit *u, enum unit_dep dep, const char *name)
{
	const char *pool = u->conf->service->pool;

	if (dep == DEP_REQUIRES && pool != NULL && strcmp(pool, name) == 0)
		return "Pool";
	if (dep == DEP_TRIGGERS)
		return u->conf->type == UNIT_SOCKET ? "Service" : "Unit";
	return unit_dep_name(dep);
}

/* What is started by a trigger is named in other edges, too, which nobody wrote. */
static bool
is_implied(const struct verify_unit *u, enum unit_dep dep, const char *name)
{
	const char *pool = u->conf->service->pool;

	if (dep == DEP_AFTER && pool != NULL && strcmp(pool, name) == 0)
		return true;
	return dep != DEP_TRIGGERS &&
	       strv_contains(&u->conf->rules->deps[DEP_TRIGGERS], name);
}

/* Units that are somebody else's business: never loaded, never missing. */
static bool
is_foreign(const char *name)
{
	switch (unit_name_type(name)) {
	case UNIT_MOUNT:
	case UNIT_AUTOMOUNT:
	case UNIT_SWAP:
	case UNIT_DEVICE:
	case UNIT_SCOPE:
	case UNIT_SLICE:
		return true;
	default:
		return unit_name_is_builtin(name);
	}
}

static void
tell_missing(struct verify_unit *u, enum unit_dep dep, const char *name)
{
	const char *key = key_of(u, dep, name);
	char *near = verify_nearest(u, name);
	char *hint = NULL;

	if (near != NULL)
		hint = xasprintf("did you mean %s?", near);
	else if (unit_name_type(name) == UNIT_POOL)
		hint = xasprintf("add its file, with Slots= in [Pool]; without it %s "
				 "does not start",
		    u->conf->id);
	else if (needs[dep] == NEED_START)
		hint = xasprintf(
		    "without it %s does not start; Wants= would do without", u->conf->id);
	else if (dep == DEP_TRIGGERS)
		hint = xstrdup("add its file: there is nothing to start");
	if (near != NULL || needs[dep] != NEED_NONE)
		verify_warn(u, verify_word_find(u, key, name), hint,
		    "%s=: there is no unit %s", key, name);
	free(hint);
	free(near);
}

static bool
can_say(const struct verify_unit *u)
{
	return u->conf != NULL && (u->conf->load_state == UNIT_LOADED ||
				      u->conf->load_state == UNIT_BAD_SETTING);
}

/* Its file is in the folder of an instance, where Alias= needs no link. */
static bool
is_in_folder(const struct verify_unit *u)
{
	const struct unit_paths *paths = u->path->paths;
	const char *file = u->conf->fragment;

	for (size_t i = 0; file != NULL && i < unit_paths_count(paths); i++) {
		const char *dir = unit_paths_dir(paths, i);

		if (unit_paths_kind(paths, i) == UNIT_PATH_FOLDER &&
		    strncmp(file, dir, strlen(dir)) == 0 && file[strlen(dir)] == '/')
			return true;
	}
	return false;
}

static bool
is_alias_of_any(const struct verify *v, const struct verify_unit *of, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i]->path == of->path && can_say(v->v[i]) &&
		    strv_contains(&v->v[i]->conf->rules->alias, name) &&
		    is_in_folder(v->v[i]))
			return true;
	return false;
}

static void
check_name(struct verify *v, struct verify_unit *u, enum unit_dep dep, const char *name)
{
	const struct verify_unit *other;

	if (is_foreign(name) || !unit_name_is_valid(name) || is_implied(u, dep, name))
		return;
	other = verify_other(v, u, name);
	if (other->conf->load_state == UNIT_NOT_FOUND) {
		if (!is_alias_of_any(v, u, name))
			tell_missing(u, dep, name);
	} else if (other->conf->load_state == UNIT_MASKED && needs[dep] != NEED_NONE)
		verify_warn(u, verify_word_find(u, key_of(u, dep, name), name),
		    needs[dep] == NEED_START ? "unmask it, or take the line out" : NULL,
		    "%s=: %s is masked", key_of(u, dep, name), name);
	else if (other != u && unit_name_is_template(name))
		verify_warn(u, verify_word_find(u, key_of(u, dep, name), name),
		    "name an instance, as NAME@INSTANCE.service",
		    "%s=: %s is a template, which is never started", unit_dep_name(dep),
		    name);
}

/* Instances are made of it, so that no dependency names it. */
static void
check_template(struct verify *v, struct verify_unit *u)
{
	char *name;

	if (u->conf->type != UNIT_SOCKET || !u->conf->trigger->socket.accept ||
	    u->conf->instance != NULL)
		return;
	name = xasprintf("%s@.service", u->conf->prefix);
	if (verify_other(v, u, name)->conf->load_state == UNIT_NOT_FOUND)
		verify_warn(u, verify_word_find(u, "Accept", NULL),
		    "add its file: each connection is an instance of it",
		    "Accept=: there is no unit %s", name);
	free(name);
}

/* A file goes before what Alias= of another one says. */
static void
check_alias(struct verify *v, struct verify_unit *u, const char *name)
{
	const struct unit_conf *other;

	if (unit_name_type(name) != u->conf->type) {
		verify_warn(u, verify_word_find(u, "Alias", name),
		    "an alias keeps the type", "Alias=: %s cannot be another name of %s",
		    name, u->conf->id);
		return;
	}
	if (strcmp(name, u->conf->id) == 0)
		return;
	other = verify_other(v, u, name)->conf;
	if (other->fragment != NULL && strcmp(other->id, name) == 0)
		verify_warn(u, verify_word_find(u, "Alias", name),
		    "take the name out, or remove that file",
		    "Alias=: %s has a unit file of its own, which goes before", name);
}

static void
check_aliases(struct verify *v, struct verify_unit *u)
{
	for (size_t i = 0; i < u->conf->rules->alias.n; i++)
		check_alias(v, u, u->conf->rules->alias.v[i]);
}

/* ---- the order ---- */

/* A walk along "is started after". */
struct walk {
	struct verify *v;
	enum { NEW, ON_PATH, DONE } * state; /* by the index of a unit */
	size_t *next;                        /* the edge to go on with */
	size_t *path;
	size_t depth, n_cycles;
	struct strv *after; /* by unit: the names it comes after */
};

static size_t
index_of(const struct verify *v, const struct verify_unit *of, const char *name)
{
	char *key = xasprintf("%s\n%s", of->path->dir != NULL ? of->path->dir : "", name);
	const struct verify_unit *u = map_get(&v->by_name, key);

	free(key);
	return u != NULL ? u->index : SIZE_MAX;
}

static void
add_edges(struct walk *w, size_t i)
{
	const struct verify_unit *u = w->v->v[i];
	const struct strv *deps = u->conf->rules->deps;

	for (size_t k = 0; k < deps[DEP_AFTER].n; k++)
		strv_add(&w->after[i], deps[DEP_AFTER].v[k]);
	for (size_t k = 0; k < deps[DEP_BEFORE].n; k++) {
		size_t other = index_of(w->v, u, deps[DEP_BEFORE].v[k]);

		if (other != SIZE_MAX)
			strv_add(&w->after[other], u->conf->id);
	}
}

/* "a is after b, b after c, c after a" */
static void
tell_cycle(struct walk *w, size_t first)
{
	struct verify_unit *u = NULL;
	struct buf text = { 0 };
	const char *other;
	size_t at = w->depth;

	while (at > 0 && w->path[at - 1] != first)
		at--;
	for (size_t i = at - 1; i < w->depth; i++) {
		struct verify_unit *x = w->v->v[w->path[i]];
		const struct verify_unit *y =
		    w->v->v[w->path[i + 1 < w->depth ? i + 1 : at - 1]];

		buf_addf(&text, "%s%s %s %s", i + 1 > at ? ", " : "", x->conf->id,
		    i + 1 > at ? "after" : "is after", y->conf->id);
		if (u == NULL && x->named)
			u = x;
	}
	if (u != NULL && w->n_cycles++ < CYCLES_MAX) {
		other = w->v->v[w->path[at < w->depth ? at : at - 1]]->conf->id;
		verify_warn(u, verify_word_find(u, "After", other),
		    "take one of these After= or Before= out: else one of them is not "
		    "started with the others",
		    "their order has no beginning: %s", buf_str(&text));
	}
	buf_free(&text);
}

static void
walk_from(struct walk *w, size_t root)
{
	w->depth = 0;
	w->path[w->depth++] = root;
	w->state[root] = ON_PATH;
	while (w->depth > 0) {
		size_t i = w->path[w->depth - 1], to;

		if (w->next[i] == w->after[i].n) {
			w->state[i] = DONE;
			w->depth--;
			continue;
		}
		to = index_of(w->v, w->v->v[i], w->after[i].v[w->next[i]++]);
		if (to == SIZE_MAX || w->state[to] == DONE)
			continue;
		if (w->state[to] == ON_PATH) {
			tell_cycle(w, to);
			continue;
		}
		w->state[to] = ON_PATH;
		w->path[w->depth++] = to;
	}
}

static void
check_order(struct verify *v)
{
	struct walk w = { .v = v };

	if (v->n == 0)
		return;
	w.state = xcalloc(v->n, sizeof(*w.state));
	w.next = xcalloc(v->n, sizeof(*w.next));
	w.path = xcalloc(v->n, sizeof(*w.path));
	w.after = xcalloc(v->n, sizeof(*w.after));
	for (size_t i = 0; i < v->n; i++)
		if (can_say(v->v[i]))
			add_edges(&w, i);
	for (size_t i = 0; i < v->n; i++)
		if (w.state[i] == NEW && can_say(v->v[i]))
			walk_from(&w, i);
	for (size_t i = 0; i < v->n; i++)
		strv_free(&w.after[i]);
	free(w.after);
	free(w.path);
	free(w.next);
	free(w.state);
}

void
verify_refs(struct verify *v)
{
	/* Those that are found on the way stand behind the others; what they need of
	 * others is looked at for the order only. */
	for (size_t i = 0; i < v->n; i++) {
		struct verify_unit *u = v->v[i];

		if (!can_say(u))
			continue;
		if (u->named) {
			check_template(v, u);
			check_aliases(v, u);
		}
		for (int k = 0; k < DEP_NKINDS; k++) {
			const struct strv *names = &u->conf->rules->deps[k];

			for (size_t j = 0; j < names->n; j++) {
				if (u->named)
					check_name(v, u, (enum unit_dep)k, names->v[j]);
				else if ((needs[k] == NEED_START || k == DEP_WANTS) &&
					 !is_foreign(names->v[j]))
					(void)verify_other(v, u, names->v[j]);
			}
		}
	}
	check_order(v);
}
