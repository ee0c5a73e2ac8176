/* graph: units and all that they say of each other, for people or for Graphviz. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "graph.h"

#include "lib/json.h"

enum { OPT_DOT = OPT_LONG };

static const struct opt opts[] = {
	{ "dot", OPT_DOT, NULL, "for Graphviz: supctl graph --dot | dot -Tsvg" },
	{ "kind", GRAPH_OPT_KIND, "KIND,…", "only these: Requires, After, OnFailure, …" },
	{ "reverse", GRAPH_OPT_REVERSE, NULL,
	    "what has the unit, instead of what it has" },
	{ "depth", GRAPH_OPT_DEPTH, "NUMBER", "at most so many steps from the units" },
	{ NULL, 0, NULL, NULL },
};

/* ---- text ---- */

static void
put_unit(
    struct ctl *ctl, const struct graph *g, const struct graph_node *n, unsigned kinds)
{
	char text[128];
	const struct graph_edge *last = NULL;

	graph_put_unit(ctl, n);
	ctl_printf(ctl, "  ");
	ctl_style(ctl, ctl_state_style(n->state), graph_state(n, text, sizeof(text)));
	for (size_t i = 0; i < n->n; i++) {
		const struct graph_edge *e = &n->edges[i];

		if ((kinds >> e->kind & 1) == 0)
			continue;
		if (last == NULL || e->kind != last->kind ||
		    e->implied != last->implied) {
			ctl_printf(ctl, "\n    ");
			ctl_style(ctl, STYLE_DIM, graph_kinds[e->kind].name);
			ctl_style(ctl, STYLE_DIM, e->implied ? " (implied)=" : "=");
		} else {
			ctl_printf(ctl, " ");
		}
		ctl_put(ctl, g->v[e->to].unit);
		last = e;
	}
	ctl_printf(ctl, "\n");
}

/* ---- Graphviz ---- */

/* In quotes, where a backslash is one only when it is doubled. */
static void
put_quoted(struct ctl *ctl, const char *text, const char *more)
{
	ctl_printf(ctl, "\"");
	for (; *text != '\0'; text++) {
		char c[2] = { *text, '\0' };

		if (*text == '"' || *text == '\\')
			ctl_printf(ctl, "\\");
		ctl_put(ctl, c);
	}
	ctl_printf(ctl, "%s\"", more);
}

static const char *
colour_of(const struct graph_node *n)
{
	static const struct {
		const char *state, *colour;
	} rows[] = {
		{ "active", "palegreen" },
		{ "reloading", "palegreen" },
		{ "activating", "khaki" },
		{ "deactivating", "khaki" },
		{ "failed", "lightcoral" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].state, n->state) == 0)
			return rows[i].colour;
	return strcmp(n->load, "loaded") == 0 ? "gray92" : "white";
}

static void
put_dot(struct ctl *ctl, const struct graph *g, unsigned kinds)
{
	char text[128], state[160];

	ctl_printf(ctl, "digraph supd {\n\trankdir=LR\n\tnode [shape=box, style=filled, "
			"fontname=\"sans-serif\", fontsize=10]\n\tedge "
			"[fontname=\"sans-serif\", fontsize=8]\n");
	for (size_t i = 0; i < g->n; i++) {
		const struct graph_node *n = &g->v[i];

		ctl_printf(ctl, "\t");
		put_quoted(ctl, n->unit, "");
		ctl_printf(ctl, " [fillcolor=%s, label=", colour_of(n));
		snprintf(
		    state, sizeof(state), "\\n%s", graph_state(n, text, sizeof(text)));
		put_quoted(ctl, n->unit, state);
		ctl_printf(ctl, "]\n");
	}
	for (size_t i = 0; i < g->n; i++) {
		const struct graph_node *n = &g->v[i];

		for (size_t k = 0; k < n->n; k++) {
			const struct graph_edge *e = &n->edges[k];
			const struct graph_kind *kind = &graph_kinds[e->kind];

			if ((kinds >> e->kind & 1) == 0)
				continue;
			ctl_printf(ctl, "\t");
			put_quoted(ctl, n->unit, "");
			ctl_printf(ctl, " -> ");
			put_quoted(ctl, g->v[e->to].unit, "");
			/* (Weak lines: the others are what somebody wrote.) */
			ctl_printf(ctl, " [label=\"%s%s\", %s%s]\n", kind->name,
			    e->implied ? " (implied)" : "", kind->dot,
			    e->implied ? ", penwidth=0.5" : "");
		}
	}
	ctl_printf(ctl, "}\n");
}

/* ---- JSON ---- */

static void
put_json(struct ctl *ctl, const struct graph *g, unsigned kinds)
{
	struct jw *w = ctl_json_new(ctl);

	jw_obj(w);
	jw_kv_arr(w, "nodes");
	for (size_t i = 0; i < g->n; i++) {
		jw_obj(w);
		jw_kv_str(w, "unit", g->v[i].unit);
		jw_kv_str(w, "state", g->v[i].state);
		jw_kv_str(w, "substate", g->v[i].substate);
		jw_kv_str(w, "load", g->v[i].load);
		if (g->v[i].job == NULL)
			jw_kv_null(w, "job");
		else
			jw_kv_str(w, "job", g->v[i].job);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_arr(w, "edges");
	for (size_t i = 0; i < g->n; i++) {
		for (size_t k = 0; k < g->v[i].n; k++) {
			const struct graph_edge *e = &g->v[i].edges[k];

			if ((kinds >> e->kind & 1) == 0)
				continue;
			jw_obj(w);
			jw_kv_str(w, "from", g->v[i].unit);
			jw_kv_str(w, "to", g->v[e->to].unit);
			jw_kv_str(w, "kind", graph_kinds[e->kind].name);
			jw_kv_bool(w, "implied", e->implied);
			jw_end(w);
		}
	}
	jw_end(w);
	jw_end(w);
	ctl_json_take(ctl, w);
}

static int
run_graph(struct ctl *ctl, int argc, char **argv)
{
	struct graph_ask ask = { .depth = -1 };
	bool dot = false;
	struct graph g;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_DOT)
			dot = true;
		else if (graph_option(ctl, &ask, id) != 0)
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (dot && ctl->json)
		return ctl_usage(ctl, "either --dot or --json");
	ask.whole = optind >= argc;
	/* By the order alone one would get to everything. */
	code = graph_ask(ctl, argc, argv, &ask,
	    ask.kinds != 0 ? ask.kinds : (1U << GRAPH_AFTER) - 1, &g);
	if (ask.kinds == 0)
		ask.kinds = (1U << GRAPH_NKINDS) - 1;
	if (code == 0 && ctl->json)
		put_json(ctl, &g, ask.kinds);
	else if (code == 0 && dot)
		put_dot(ctl, &g, ask.kinds);
	for (size_t i = 0; code == 0 && !ctl->json && !dot && i < g.n; i++)
		put_unit(ctl, &g, &g.v[i], ask.kinds);
	graph_clear(&g);
	return code;
}

const struct command cmd_graph = {
	.name = "graph",
	.words_usage = "[UNIT…]",
	.summary = "Show units and all their dependencies, also for Graphviz",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_graph,
};
