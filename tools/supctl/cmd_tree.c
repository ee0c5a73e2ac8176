/* tree: what a unit needs, or what needs it. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

enum { DEPTH_MAX = 64 };

static const struct opt opts[] = {
	{ "reverse", 'r', NULL, "what needs the unit, instead" },
	{ NULL, 0, NULL, NULL },
};

/* Whether another node of that depth follows before the branch ends. */
static bool
has_sibling(const struct jv *nodes, size_t i, int64_t depth)
{
	int64_t d;

	for (i++; i < jv_count(nodes); i++) {
		d = jv_i64(jv_get(jv_at(nodes, i), "depth"), 0);
		if (d < depth)
			return false;
		if (d == depth)
			return true;
	}
	return false;
}

static void
put_branch(struct ctl *ctl, const struct jv *nodes, size_t i, int64_t depth)
{
	int64_t level;
	bool more;

	for (level = 1; level < depth && level < DEPTH_MAX; level++) {
		more = has_sibling(nodes, i, level);
		ctl_printf(ctl, "%s", !more ? "  " : ctl->utf8 ? "│ " : "| ");
	}
	if (depth > 0) {
		more = has_sibling(nodes, i, depth);
		if (ctl->utf8)
			ctl_printf(ctl, "%s", more ? "├─" : "└─");
		else
			ctl_printf(ctl, "%s", more ? "|-" : "`-");
	}
}

static void
put_node(struct ctl *ctl, const struct jv *nodes, size_t i)
{
	const struct jv *n = jv_at(nodes, i);
	const char *state = jv_str(jv_get(n, "state"), "");
	const char *kind = jv_str(jv_get(n, "kind"), "");
	int64_t depth = jv_i64(jv_get(n, "depth"), 0);

	put_branch(ctl, nodes, i, depth);
	ctl_style(ctl, ctl_state_style(state), ctl_state_dot(ctl, state));
	ctl_printf(ctl, " ");
	ctl_put(ctl, jv_str(jv_get(n, "unit"), "?"));
	if (*kind != '\0' && depth > 0) {
		ctl_printf(ctl, " ");
		ctl_style(ctl, STYLE_DIM, kind);
	}
	if (jv_bool(jv_get(n, "seen"), false))
		ctl_printf(ctl, " (see above)");
	ctl_printf(ctl, "\n");
}

static int
run_tree(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	const struct jv *nodes;
	struct jw *w;
	bool reverse = false;
	size_t i;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != 'r')
			return CTL_USAGE;
		reverse = true;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	if (optind < argc)
		jw_kv_str(w, "unit", argv[optind]);
	if (reverse)
		jw_kv_bool(w, "reverse", true);
	code = ctl_call(ctl, "io.supd.Unit.Tree", w, &r);
	nodes = jv_get(r.params, "nodes");
	if (code == 0 && ctl->json)
		ctl_json(ctl, nodes);
	for (i = 0; code == 0 && !ctl->json && i < jv_count(nodes); i++)
		put_node(ctl, nodes, i);
	reply_clear(&r);
	return code;
}

const struct command cmd_tree = {
	.name = "tree",
	.alias = "list-dependencies",
	.words_usage = "[UNIT]",
	.summary = "Show what a unit needs, as a tree",
	.words = WORDS_UNITS,
	.max = 1,
	.opts = opts,
	.run = run_tree,
};
