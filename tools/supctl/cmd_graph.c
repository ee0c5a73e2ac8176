/* graph: units and all that they say of each other, for people or for Graphviz. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "graph.h"
#include "graph_live.h"

#include "lib/json.h"

enum { OPT_DOT = OPT_LONG, OPT_LIVE };

static const struct opt opts[] = {
	{ "dot", OPT_DOT, NULL, "for Graphviz: supctl graph --dot | dot -Tsvg" },
	{ "live", OPT_LIVE, NULL,
	    "how far what is on its way is; on a terminal, anew whenever that changes" },
	{ "kind", GRAPH_OPT_KIND, "KIND,…", "only these: Requires, After, OnFailure, …" },
	{ "reverse", GRAPH_OPT_REVERSE, NULL,
	    "what has the unit, instead of what it has" },
	{ "depth", GRAPH_OPT_DEPTH, "NUMBER", "at most so many steps from the units" },
	{ NULL, 0, NULL, NULL },
};

/* ---- text ---- */

static void
put_unit(struct ctl *ctl, const struct graph *g, const struct graph_node *n,
    unsigned kinds, const struct map *notes)
{
	const char *note = map_get(notes, n->unit);
	char text[128];
	const struct graph_edge *last = NULL;

	graph_put_unit(ctl, n);
	ctl_printf(ctl, "  ");
	ctl_style(ctl, ctl_state_style(n->state), graph_state(n, text, sizeof(text)));
	if (note != NULL)
		ctl_printf(ctl, ": %s", note);
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
put_dot(struct ctl *ctl, const struct graph *g, unsigned kinds, const struct map *notes)
{
	char text[128], state[480];

	ctl_printf(ctl, "digraph supd {\n\trankdir=LR\n\tnode [shape=box, style=filled, "
			"fontname=\"sans-serif\", fontsize=10]\n\tedge "
			"[fontname=\"sans-serif\", fontsize=8]\n");
	for (size_t i = 0; i < g->n; i++) {
		const struct graph_node *n = &g->v[i];
		const char *note;

		ctl_printf(ctl, "\t");
		put_quoted(ctl, n->unit, "");
		ctl_printf(ctl, " [fillcolor=%s, label=", colour_of(n));
		note = map_get(notes, n->unit);
		snprintf(state, sizeof(state), "\\n%s%s%s",
		    graph_state(n, text, sizeof(text)), note != NULL ? "\\n" : "",
		    note != NULL ? note : "");
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

struct show {
	struct graph_ask ask;
	bool dot, live;
};

/* Once, as things are now. */
static int
show(struct ctl *ctl, int argc, char **argv, const struct show *how)
{
	const struct graph_ask *ask = &how->ask;
	unsigned all = (1U << GRAPH_NKINDS) - 1;
	unsigned kinds = ask->kinds != 0 ? ask->kinds : all;
	struct map notes = { 0 };
	struct graph g;
	/* By the order alone one would get to everything. */
	int code = graph_ask(ctl, argc, argv, ask,
	    ask->kinds != 0 ? ask->kinds : (1U << GRAPH_AFTER) - 1, &g);

	if (code == 0 && how->live)
		code = graph_live_ask(ctl, &notes);
	if (code == 0 && ctl->json)
		put_json(ctl, &g, kinds);
	else if (code == 0 && how->dot)
		put_dot(ctl, &g, kinds, &notes);
	for (size_t i = 0; code == 0 && !ctl->json && !how->dot && i < g.n; i++)
		put_unit(ctl, &g, &g.v[i], kinds, &notes);
	graph_live_clear(&notes);
	graph_clear(&g);
	return code;
}

/* Until supd goes, or whoever looks. */
static int
show_live(struct ctl *ctl, int argc, char **argv, const struct show *how)
{
	struct client *events = NULL;
	int code = ctl_instance(ctl);

	/* Before the first look, so that nothing is missed between two. */
	if (code == 0)
		events = graph_live_begin(ctl, &code);
	while (events != NULL && code == 0) {
		/* Home, and what was there is gone. */
		ctl_printf(ctl, "\033[H\033[2J");
		code = show(ctl, argc, argv, how);
		if (code != 0 || !ctl_flush(ctl) || !graph_live_wait(events))
			break;
	}
	client_free(events);
	return code;
}

static int
run_graph(struct ctl *ctl, int argc, char **argv)
{
	struct show how = { .ask = { .depth = -1 } };
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_DOT)
			how.dot = true;
		else if (id == OPT_LIVE)
			how.live = true;
		else if (graph_option(ctl, &how.ask, id) != 0)
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (how.dot && ctl->json)
		return ctl_usage(ctl, "either --dot or --json");
	if (how.live && ctl->json)
		return ctl_usage(ctl, "--json has no --live: supctl jobs --json");
	how.ask.whole = optind >= argc;
	if (how.live && !how.dot && ctl->out_tty)
		return show_live(ctl, argc, argv, &how);
	return show(ctl, argc, argv, &how);
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
