/* paths: what path units watch, and what they start. */
#include <stdint.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "trigger_list.h"

#include "lib/json.h"

static const struct opt opts[] = {
	{ "all", 'a', NULL, "also those that are not active" },
	{ NULL, 0, NULL, NULL },
};

static bool
is_shown(const struct jv *unit, bool all)
{
	const char *state = jv_str(jv_get(unit, "state"), "");

	return jv_type(jv_get(unit, "path")) == JV_OBJECT &&
	       (all || strcmp(state, "active") == 0 || strcmp(state, "failed") == 0);
}

/* A line a path; what is of the whole unit stands in its first one. */
static void
add_rows(struct columns *t, const struct jv *unit)
{
	const struct jv *path = jv_get(unit, "path"), *list = jv_get(path, "watches");
	const char *sub = jv_str(jv_get(unit, "substate"), "?");
	const char *last = jv_str(jv_get(path, "last"), NULL);
	const char *why = jv_str(jv_get(path, "refused"), NULL);

	for (size_t i = 0; i < jv_count(list) || i == 0; i++) {
		const struct jv *w = jv_at(list, i);
		bool first = i == 0;

		columns_row(t);
		columns_cell(t, STYLE_NONE, jv_str(jv_get(w, "path"), "-"));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(w, "condition"), "-"));
		columns_cell(
		    t, STYLE_BOLD, first ? jv_str(jv_get(unit, "unit"), "?") : "");
		columns_cell(t, strcmp(sub, "failed") == 0 ? STYLE_RED : STYLE_NONE,
		    first ? sub : "");
		columns_cell(
		    t, STYLE_NONE, first ? jv_str(jv_get(path, "activates"), "?") : "");
		if (first)
			trigger_put_time(t, last);
		else
			columns_cell(t, STYLE_NONE, "");
		columns_cell(t, STYLE_YELLOW, first && why != NULL ? why : "");
	}
}

static void
write_object(struct jw *w, const struct jv *unit)
{
	static const char *const keys[] = { "unit", "state", "substate", "result" };

	trigger_write_object(
	    w, unit, keys, sizeof(keys) / sizeof(keys[0]), jv_get(unit, "path"));
	jw_end(w);
}

static int
run_paths(struct ctl *ctl, int argc, char **argv)
{
	static const struct trigger_column columns[] = {
		{ "PATH", COL_SHRINK },
		{ "CONDITION", 0 },
		{ "UNIT", COL_SHRINK },
		{ "STATE", 0 },
		{ "ACTIVATES", COL_SHRINK },
		{ "LAST", 0 },
		{ "REFUSED", 0 },
		{ NULL, 0 },
	};
	static const struct trigger_list list = {
		.pattern = "*.path",
		.columns = columns,
		.none = "there are no path units",
		.none_active = "no path unit is active; --all shows the others",
		.is_shown = is_shown,
		.add = add_rows,
		.write = write_object,
	};

	return trigger_list_run(ctl, argc, argv, &list);
}

const struct command cmd_paths = {
	.name = "paths",
	.alias = "list-paths",
	.words_usage = "[PATTERN...]",
	.summary = "List path units, what they watch and what they start",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_paths,
};
