/*
 * Unit.Graph: units and what they say of each other.  Each dependency is told once, from
 * the unit that has it; what can be said from both sides (Before=, StopPropagatedFrom=,
 * ReloadPropagatedFrom=) as the row that it is the other side of.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"
#include "unit/conf.h"
#include "unit/load.h"

enum { GRAPH_NODES_MAX = 20000 };

/* In the order in which the units below one are shown. */
static const struct {
	const char *kind;
	enum unit_dep dep;
	enum unit_dep mirror; /* says the same from the other side; dep: there is none */
} kinds[] = {
	{ "Requires", DEP_REQUIRES, DEP_REQUIRES },
	{ "Requisite", DEP_REQUISITE, DEP_REQUISITE },
	{ "BindsTo", DEP_BINDS_TO, DEP_BINDS_TO },
	{ "Wants", DEP_WANTS, DEP_WANTS },
	{ "Upholds", DEP_UPHOLDS, DEP_UPHOLDS },
	{ "PartOf", DEP_PART_OF, DEP_PART_OF },
	{ "Conflicts", DEP_CONFLICTS, DEP_CONFLICTS },
	{ "OnFailure", DEP_ON_FAILURE, DEP_ON_FAILURE },
	{ "OnSuccess", DEP_ON_SUCCESS, DEP_ON_SUCCESS },
	{ "PropagatesStopTo", DEP_PROPAGATES_STOP_TO, DEP_STOP_PROPAGATED_FROM },
	{ "PropagatesReloadTo", DEP_PROPAGATES_RELOAD_TO, DEP_RELOAD_PROPAGATED_FROM },
	{ "JoinsNamespaceOf", DEP_JOINS_NAMESPACE_OF, DEP_JOINS_NAMESPACE_OF },
	{ "Triggers", DEP_TRIGGERS, DEP_TRIGGERS },
	{ "After", DEP_AFTER, DEP_BEFORE },
};
enum { NKINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct walk {
	struct control *c;
	struct strv names; /* of the nodes, the nearest first */
	struct map known;  /* the same */
	unsigned follow;   /* bits: of kinds */
	bool reverse;
	bool cut; /* there was more than GRAPH_NODES_MAX */
};

static void
add_node(struct walk *w, const char *name)
{
	if (map_has(&w->known, name))
		return;
	if (w->names.n >= GRAPH_NODES_MAX) {
		w->cut = true;
		return;
	}
	map_set(&w->known, name, w);
	strv_add(&w->names, name);
}

static void
on_neighbour(void *arg, struct job_unit *ju)
{
	add_node(arg, job_unit_name(ju));
}

/* fn for each unit at the other end of a kind, towards it or (back) from it. */
static void
each_end(struct job_unit *ju, size_t kind, bool back, job_unit_fn *fn, void *arg)
{
	job_unit_each(ju, kinds[kind].dep, back, fn, arg);
	if (kinds[kind].mirror != kinds[kind].dep)
		job_unit_each(ju, kinds[kind].mirror, !back, fn, arg);
}

/* The same of what is not said. */
static void
each_implied_end(struct job_unit *ju, size_t kind, bool back, job_unit_fn *fn, void *arg)
{
	job_unit_each_implied(ju, kinds[kind].dep, back, fn, arg);
	if (kinds[kind].mirror != kinds[kind].dep)
		job_unit_each_implied(ju, kinds[kind].mirror, !back, fn, arg);
}

static void
on_implied_neighbour(void *arg, struct job_unit *ju)
{
	/* Almost all units are ordered by targets that nobody has heard of. */
	if (job_unit_data(ju) != NULL)
		add_node(arg, job_unit_name(ju));
}

static void
visit(struct walk *w, const char *name)
{
	/* Loaded: what it says is not known before. */
	const struct unit *u = unit_get(w->c->m, name);

	if (u == NULL)
		return;
	for (size_t k = 0; k < NKINDS; k++) {
		if ((w->follow >> k & 1) == 0)
			continue;
		each_end(u->job_unit, k, w->reverse, on_neighbour, w);
		/* (By the end of all one would get to everything.) */
		if (kinds[k].dep != DEP_CONFLICTS)
			each_implied_end(u->job_unit, k, w->reverse,
			    kinds[k].dep == DEP_AFTER ? on_implied_neighbour
						      : on_neighbour,
			    w);
	}
}

/* The nodes at most depth steps from those that are there. */
static void
walk(struct walk *w, uint64_t depth)
{
	size_t from = 0, to;

	for (uint64_t d = 0; d < depth && from < w->names.n; d++)
		for (to = w->names.n; from < to; from++)
			visit(w, w->names.v[from]);
}

struct edges {
	const struct walk *walk;
	struct jw *w;
	struct job_unit *from;
	enum unit_dep dep;
	const char *kind;
	bool implied;
};

struct meeting {
	const struct job_unit *with;
	bool met;
};

static void
meet(void *arg, struct job_unit *ju)
{
	struct meeting *m = arg;

	m->met = m->met || ju == m->with;
}

/* That it is up before what it triggers is in no file. */
static bool
is_trigger_order(const struct edges *e, struct job_unit *to)
{
	struct meeting m = { .with = to };

	if (e->dep == DEP_AFTER)
		job_unit_each(e->from, DEP_TRIGGERS, true, meet, &m);
	return m.met;
}

static void
put_edge(void *arg, struct job_unit *ju)
{
	const struct edges *e = arg;

	if (!map_has(&e->walk->known, job_unit_name(ju)))
		return;
	jw_obj(e->w);
	jw_kv_str(e->w, "from", job_unit_name(e->from));
	jw_kv_str(e->w, "to", job_unit_name(ju));
	jw_kv_str(e->w, "kind", e->kind);
	jw_kv_bool(e->w, "implied", e->implied || is_trigger_order(e, ju));
	jw_end(e->w);
}

static void
put_nodes(const struct walk *w, struct jw *out)
{
	jw_kv_arr(out, "nodes");
	for (size_t i = 0; i < w->names.n; i++) {
		struct unit *u = unit_find(w->c->m, w->names.v[i]);
		const struct job *j = u == NULL ? NULL : job_unit_job(u->job_unit);

		jw_obj(out);
		jw_kv_str(out, "unit", w->names.v[i]);
		jw_kv_str(out, "state", u == NULL ? "inactive" : render_active(u));
		jw_kv_str(out, "substate", u == NULL ? "dead" : render_sub(u));
		jw_kv_str(out, "load",
		    unit_load_state_name(
			u == NULL ? UNIT_NOT_FOUND : u->conf->load_state));
		if (j != NULL)
			jw_kv_str(out, "job", job_type_name(job_type(j)));
		else
			jw_kv_null(out, "job");
		jw_end(out);
	}
	jw_end(out);
}

static void
put_edges(const struct walk *w, struct jw *out)
{
	struct edges e = { .walk = w, .w = out };

	jw_kv_arr(out, "edges");
	for (size_t i = 0; i < w->names.n; i++) {
		struct job_unit *ju = jobs_unit_find(w->c->m->jobs, w->names.v[i]);

		for (size_t k = 0; ju != NULL && k < NKINDS; k++) {
			e.from = ju;
			e.dep = kinds[k].dep;
			e.kind = kinds[k].kind;
			e.implied = false;
			each_end(ju, k, false, put_edge, &e);
			e.implied = true;
			each_implied_end(ju, k, false, put_edge, &e);
		}
	}
	jw_end(out);
}

/* 0, or -1 when the call was answered. */
static int
read_kinds(struct call *call, unsigned *follow)
{
	const struct jv *list = jv_get(call_params(call), "kinds");

	*follow = jv_count(list) == 0 ? (1U << NKINDS) - 1 : 0;
	for (size_t i = 0; i < jv_count(list); i++) {
		const char *name = jv_str(jv_at(list, i), "");
		size_t k = 0;

		while (k < NKINDS && strcmp(kinds[k].kind, name) != 0)
			k++;
		if (k == NKINDS) {
			call_invalid(call, "kinds", "no kind of dependency: %s", name);
			return -1;
		}
		*follow |= 1U << k;
	}
	return 0;
}

static void
add_wanted(struct unit *u, void *arg)
{
	if (u->conf->load_state == UNIT_LOADED && unit_is_wanted(u, NULL))
		strv_add(arg, u->name);
}

static void
add_known(struct unit *u, void *arg)
{
	if (u->conf->load_state == UNIT_LOADED)
		strv_add(arg, u->name);
}

/* 0, or -1 when the call was answered. */
static int
read_roots(struct control *c, struct call *call, struct strv *roots)
{
	const struct jv *p = call_params(call);
	struct selection sel;

	if (jv_count(jv_get(p, "units")) == 0) {
		units_look(c->m,
		    jv_bool(jv_get(p, "whole"), false) ? add_known : add_wanted, roots);
		strv_sort(roots);
		return 0;
	}
	if (select_units(c, call, SELECT_LOADED | SELECT_UNITS, &sel) == -1) {
		selection_clear(&sel);
		return -1;
	}
	for (size_t i = 0; i < sel.n; i++)
		strv_add(roots, sel.v[i]->name);
	selection_clear(&sel);
	return 0;
}

void
method_unit_graph(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	struct walk w = { .c = c, .reverse = jv_bool(jv_get(p, "reverse"), false) };
	int64_t depth = jv_i64(jv_get(p, "depth"), INT64_MAX);
	struct strv roots = { 0 };
	struct jw *out;

	if (depth < 0) {
		call_invalid(call, "depth", "less than nothing");
		return;
	}
	if (read_kinds(call, &w.follow) == -1 || read_roots(c, call, &roots) == -1) {
		strv_free(&roots);
		return;
	}
	for (size_t i = 0; i < roots.n; i++)
		add_node(&w, roots.v[i]);
	walk(&w, (uint64_t)depth);
	out = call_begin(call);
	jw_kv_strv(out, "roots", &roots);
	put_nodes(&w, out);
	put_edges(&w, out);
	jw_kv_bool(out, "cut", w.cut);
	strv_free(&roots);
	strv_free(&w.names);
	map_clear(&w.known, NULL);
	call_reply(call);
}
