/* tree: what a unit needs, or what needs it; or the order, or any kind of dependency. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "graph.h"

#include "lib/json.h"
#include "lib/xalloc.h"

enum {
	OPT_ALL = 'a',
	OPT_AFTER = OPT_LONG,
	OPT_BEFORE,
	LEVELS_MAX = 2000, /* deeper than that no terminal is wide */
};

static const struct opt opts[] = {
	{ "reverse", GRAPH_OPT_REVERSE, NULL, "what needs the unit, instead" },
	{ "all", OPT_ALL, NULL, "every kind of dependency, but the order" },
	{ "kind", GRAPH_OPT_KIND, "KIND,…",
	    "only these: Requires, PartOf, OnFailure, …" },
	{ "after", OPT_AFTER, NULL, "what it is ordered after" },
	{ "before", OPT_BEFORE, NULL, "what it is ordered before" },
	{ "depth", GRAPH_OPT_DEPTH, "NUMBER", "at most so many levels below the unit" },
	{ NULL, 0, NULL, NULL },
};

struct tree {
	struct ctl *ctl;
	const struct graph *g;
	struct jw *json; /* NULL: text */
	unsigned kinds;
	bool reverse;
	int64_t depth;
	bool *seen;            /* by node: it was shown, with all below it */
	bool *open;            /* it is above the one that is shown now */
	bool more[LEVELS_MAX]; /* another follows on that level */
};

static void
put_branch(const struct tree *t, size_t depth)
{
	struct ctl *ctl = t->ctl;

	for (size_t level = 1; level < depth; level++)
		ctl_printf(ctl, "%s", !t->more[level] ? "  " : ctl->utf8 ? "│ " : "| ");
	if (depth == 0)
		return;
	if (ctl->utf8)
		ctl_printf(ctl, "%s", t->more[depth] ? "├─" : "└─");
	else
		ctl_printf(ctl, "%s", t->more[depth] ? "|-" : "`-");
}

static void
put_text(const struct tree *t, size_t at, const struct graph_edge *by, size_t depth)
{
	const struct graph_node *n = &t->g->v[at];
	struct ctl *ctl = t->ctl;
	char text[128];

	put_branch(t, depth);
	graph_put_unit(ctl, n);
	if (depth > 0) {
		ctl_printf(ctl, " ");
		ctl_style(ctl, STYLE_DIM,
		    t->reverse ? graph_kinds[by->kind].inverse
			       : graph_kinds[by->kind].name);
		if (by->implied)
			ctl_style(ctl, STYLE_DIM, " (implied)");
	}
	if (strcmp(n->state, "active") != 0) {
		ctl_printf(ctl, "  ");
		ctl_style(
		    ctl, ctl_state_style(n->state), graph_state(n, text, sizeof(text)));
	}
	if (t->open[at])
		ctl_style(ctl, STYLE_YELLOW, " (a loop: see above)");
	else if (t->seen[at])
		ctl_printf(ctl, " (see above)");
	ctl_printf(ctl, "\n");
}

static void
put_json(const struct tree *t, size_t at, const struct graph_edge *by, size_t depth)
{
	const struct graph_node *n = &t->g->v[at];

	jw_obj(t->json);
	jw_kv_str(t->json, "unit", n->unit);
	jw_kv_str(t->json, "state", n->state);
	jw_kv_str(t->json, "substate", n->substate);
	jw_kv_str(t->json, "load", n->load);
	jw_kv_i64(t->json, "depth", (int64_t)depth);
	jw_kv_str(t->json, "kind", depth == 0 ? "" : graph_kinds[by->kind].name);
	jw_kv_bool(t->json, "implied", depth > 0 && by->implied);
	jw_kv_bool(t->json, "seen", t->seen[at] || t->open[at]);
	jw_kv_bool(t->json, "loop", t->open[at]);
	jw_end(t->json);
}

/* The next edge at or behind i that is shown; n: none.  Of several kinds between two
 * units the first says it. */
static size_t
next_edge(const struct tree *t, const struct graph_edge *e, size_t n, size_t i)
{
	for (; i < n; i++) {
		bool told = (t->kinds >> e[i].kind & 1) == 0;

		for (size_t k = 0; k < i && !told; k++)
			told = e[k].to == e[i].to && (t->kinds >> e[k].kind & 1) != 0;
		if (!told)
			break;
	}
	return i;
}

/* by NULL: it was asked for. */
static void
put_node(struct tree *t, size_t at, const struct graph_edge *by, size_t depth)
{
	const struct graph_node *n = &t->g->v[at];
	const struct graph_edge *e = t->reverse ? n->back : n->edges;
	size_t count = t->reverse ? n->nback : n->n, next;

	if (t->json != NULL)
		put_json(t, at, by, depth);
	else
		put_text(t, at, by, depth);
	if (t->seen[at] || t->open[at] || depth + 1 >= LEVELS_MAX ||
	    (t->depth >= 0 && (int64_t)depth >= t->depth))
		return;
	t->open[at] = true;
	for (size_t i = next_edge(t, e, count, 0); i < count; i = next) {
		next = next_edge(t, e, count, i + 1);
		t->more[depth + 1] = next < count;
		put_node(t, e[i].to, &e[i], depth + 1);
	}
	t->open[at] = false;
	t->seen[at] = true;
}

static void
show(struct ctl *ctl, const struct graph *g, const struct graph_ask *ask, unsigned kinds)
{
	struct tree *t = xcalloc(1, sizeof(*t));

	*t = (struct tree){ .ctl = ctl,
		.g = g,
		.kinds = kinds,
		.reverse = ask->reverse,
		.depth = ask->depth,
		.seen = xcalloc(g->n + 1, sizeof(bool)),
		.open = xcalloc(g->n + 1, sizeof(bool)) };
	if (ctl->json) {
		t->json = ctl_json_new(ctl);
		jw_arr(t->json);
	}
	for (size_t i = 0; i < g->nroots; i++)
		put_node(t, g->roots[i], NULL, 0);
	if (ctl->json) {
		jw_end(t->json);
		ctl_json_take(ctl, t->json);
	}
	free(t->seen);
	free(t->open);
	free(t);
}

static unsigned
usual_kinds(void)
{
	unsigned kinds = 0;

	for (size_t k = 0; k < GRAPH_NKINDS; k++)
		kinds |= (unsigned)graph_kinds[k].need << k;
	return kinds;
}

static int
run_tree(struct ctl *ctl, int argc, char **argv)
{
	struct graph_ask ask = { .depth = -1 };
	bool after = false, before = false;
	struct graph g;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		code = 0;
		if (id == OPT_ALL)
			ask.kinds |= (1U << GRAPH_AFTER) - 1;
		else if (id == OPT_AFTER)
			after = true;
		else if (id == OPT_BEFORE)
			before = true;
		else
			code = graph_option(ctl, &ask, id);
		if (code != 0)
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if ((after || before) && (ask.kinds != 0 || ask.reverse || (after && before)))
		return ctl_usage(ctl, "--after and --before go with --depth only");
	if (after || before) {
		ask.kinds = 1U << GRAPH_AFTER;
		ask.reverse = before;
	} else if (ask.kinds == 0) {
		ask.kinds = usual_kinds();
	}
	code = graph_ask(ctl, argc, argv, &ask, ask.kinds, &g);
	if (code == 0)
		show(ctl, &g, &ask, ask.kinds);
	graph_clear(&g);
	return code;
}

const struct command cmd_tree = {
	.name = "tree",
	.alias = "list-dependencies",
	.words_usage = "[UNIT…]",
	.summary = "Show what units need, as a tree",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_tree,
};
