#include "graph.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

const struct graph_kind graph_kinds[GRAPH_NKINDS] = {
	{ "Requires", "RequiredBy", true, "color=black" },
	{ "Requisite", "RequisiteOf", true, "color=black, arrowhead=vee" },
	{ "BindsTo", "BoundBy", true, "color=black, style=bold" },
	{ "Wants", "WantedBy", true, "color=gray60" },
	{ "Upholds", "UpheldBy", true, "color=darkgreen" },
	{ "PartOf", "ConsistsOf", false, "color=blue, arrowhead=odiamond" },
	{ "Conflicts", "ConflictedBy", false, "color=red, arrowhead=tee" },
	{ "OnFailure", "OnFailureOf", false, "color=red, style=dashed" },
	{ "OnSuccess", "OnSuccessOf", false, "color=darkgreen, style=dashed" },
	{ "PropagatesStopTo", "StopPropagatedFrom", false, "color=blue, style=dashed" },
	{ "PropagatesReloadTo", "ReloadPropagatedFrom", false,
	    "color=purple, style=dashed" },
	{ "JoinsNamespaceOf", "NamespaceJoinedBy", false, "color=gray60, style=dashed" },
	{ "Triggers", "TriggeredBy", true, "color=orange" },
	{ "After", "Before", false, "color=gray60, style=dotted, arrowhead=open" },
};

/* ---- the question --------------------------------------------------------------------
 */

static int
add_kinds(struct ctl *ctl, struct graph_ask *ask, const char *text)
{
	struct strv names = { 0 };
	int code = 0;

	strv_split(&names, text, ",");
	for (size_t i = 0; i < names.n && code == 0; i++) {
		size_t k = 0;

		if (strcasecmp(names.v[i], "all") == 0) {
			ask->kinds |= (1U << GRAPH_NKINDS) - 1;
			continue;
		}
		while (
		    k < GRAPH_NKINDS && strcasecmp(names.v[i], graph_kinds[k].name) != 0)
			k++;
		if (k == GRAPH_NKINDS)
			code = ctl_usage(ctl,
			    "no kind of dependency: %s; there are all, Requires, "
			    "BindsTo, "
			    "Wants, After, …: see supctl(1)",
			    names.v[i]);
		else
			ask->kinds |= 1U << k;
	}
	strv_free(&names);
	return code;
}

int
graph_option(struct ctl *ctl, struct graph_ask *ask, int id)
{
	uint64_t depth;

	switch (id) {
	case GRAPH_OPT_KIND:
		return add_kinds(ctl, ask, optarg);
	case GRAPH_OPT_REVERSE:
		ask->reverse = true;
		return 0;
	case GRAPH_OPT_DEPTH:
		if (ctl_parse_number(ctl, "--depth", optarg, INT32_MAX, &depth) == -1)
			return CTL_USAGE;
		ask->depth = (int64_t)depth;
		return 0;
	default:
		return CTL_USAGE;
	}
}

static struct jw *
question(int argc, char **argv, const struct graph_ask *ask, unsigned walk)
{
	struct jw *w = ctl_params();

	if (optind < argc) {
		jw_kv_arr(w, "units");
		for (int i = optind; i < argc; i++)
			jw_str(w, argv[i]);
		jw_end(w);
	}
	jw_kv_bool(w, "whole", ask->whole);
	jw_kv_arr(w, "kinds");
	for (size_t k = 0; k < GRAPH_NKINDS; k++)
		if ((walk >> k & 1) != 0)
			jw_str(w, graph_kinds[k].name);
	jw_end(w);
	jw_kv_bool(w, "reverse", ask->reverse);
	if (ask->depth >= 0)
		jw_kv_i64(w, "depth", ask->depth);
	return w;
}

/* ---- the answer ----------------------------------------------------------------------
 */

static bool
is_behind(const struct graph_edge *a, const struct graph_edge *b)
{
	return a->kind != b->kind ? a->kind > b->kind : a->implied && !b->implied;
}

static void
push(struct graph_edge **v, size_t *n, size_t *cap, struct graph_edge e)
{
	size_t at = *n;

	if (*n == *cap) {
		*cap = *cap == 0 ? 4 : 2 * *cap;
		*v = xreallocarray(*v, *cap, sizeof(**v));
	}
	/* They come unit by unit: by kind they are to be shown, what is said first. */
	for (; at > 0 && is_behind(&(*v)[at - 1], &e); at--)
		(*v)[at] = (*v)[at - 1];
	(*v)[at] = e;
	++*n;
}

static void
add_edge(struct graph *g, const struct map *index, const struct jv *e)
{
	/* (As index + 1: NULL is none.) */
	size_t from = (size_t)(uintptr_t)map_get(index, jv_str(jv_get(e, "from"), ""));
	size_t to = (size_t)(uintptr_t)map_get(index, jv_str(jv_get(e, "to"), ""));
	const char *kind = jv_str(jv_get(e, "kind"), "");
	bool implied = jv_bool(jv_get(e, "implied"), false);

	if (from == 0 || to == 0)
		return;
	for (size_t k = 0; k < GRAPH_NKINDS; k++) {
		struct graph_node *a = &g->v[from - 1], *b = &g->v[to - 1];

		if (strcmp(graph_kinds[k].name, kind) != 0)
			continue;
		push(
		    &a->edges, &a->n, &a->cap, (struct graph_edge){ to - 1, k, implied });
		push(&b->back, &b->nback, &b->back_cap,
		    (struct graph_edge){ from - 1, k, implied });
	}
}

static const char *
text_of(const struct jv *n, const char *key, const char *none)
{
	const char *text = jv_str(jv_get(n, key), NULL);

	return text == NULL ? none : text;
}

static void
take(struct graph *g, const struct jv *params)
{
	const struct jv *nodes = jv_get(params, "nodes"),
			*edges = jv_get(params, "edges");
	const struct jv *roots = jv_get(params, "roots");
	struct map index = { 0 };

	g->v = xcalloc(jv_count(nodes) + 1, sizeof(*g->v));
	g->roots = xcalloc(jv_count(roots) + 1, sizeof(*g->roots));
	for (size_t i = 0; i < jv_count(nodes); i++) {
		const struct jv *n = jv_at(nodes, i);
		struct graph_node *node = &g->v[g->n];

		/* What was answered is freed with the reply. */
		node->unit = xstrdup(text_of(n, "unit", "?"));
		node->state = xstrdup(text_of(n, "state", "?"));
		node->substate = xstrdup(text_of(n, "substate", "?"));
		node->load = xstrdup(text_of(n, "load", "loaded"));
		node->job = xstrdup_opt(text_of(n, "job", NULL));
		map_set(&index, node->unit, (void *)(uintptr_t)++g->n);
	}
	for (size_t i = 0; i < jv_count(edges); i++)
		add_edge(g, &index, jv_at(edges, i));
	for (size_t i = 0; i < jv_count(roots); i++) {
		size_t at =
		    (size_t)(uintptr_t)map_get(&index, jv_str(jv_at(roots, i), ""));

		if (at > 0)
			g->roots[g->nroots++] = at - 1;
	}
	map_clear(&index, NULL);
}

int
graph_ask(struct ctl *ctl, int argc, char **argv, const struct graph_ask *ask,
    unsigned walk, struct graph *g)
{
	struct reply r = { 0 };
	int code;

	*g = (struct graph){ 0 };
	code = ctl_call(ctl, "io.supd.Unit.Graph", question(argc, argv, ask, walk), &r);
	if (code == 0)
		take(g, r.params);
	if (code == 0 && jv_bool(jv_get(r.params, "cut"), false))
		ctl_warn(ctl, "there are more than %zu units: some are left out", g->n);
	reply_clear(&r);
	return code;
}

void
graph_clear(struct graph *g)
{
	for (size_t i = 0; i < g->n; i++) {
		free(g->v[i].unit);
		free(g->v[i].state);
		free(g->v[i].substate);
		free(g->v[i].load);
		free(g->v[i].job);
		free(g->v[i].edges);
		free(g->v[i].back);
	}
	free(g->v);
	free(g->roots);
	*g = (struct graph){ 0 };
}

/* ---- what both show ------------------------------------------------------------------
 */

void
graph_put_unit(struct ctl *ctl, const struct graph_node *n)
{
	ctl_style(ctl, ctl_state_style(n->state), ctl_state_dot(ctl, n->state));
	ctl_printf(ctl, " ");
	ctl_put(ctl, n->unit);
}

const char *
graph_state(const struct graph_node *n, char *dst, size_t size)
{
	bool up = strcmp(n->state, "inactive") != 0;

	if (!up && strcmp(n->load, "loaded") != 0)
		snprintf(dst, size, "%s", n->load);
	else
		snprintf(dst, size, "%s (%s)%s%s", n->state, n->substate,
		    n->job == NULL ? "" : ", job ", n->job == NULL ? "" : n->job);
	return dst;
}
