/* sockets: what is listened to, and for whom. */
#include <stdint.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "trigger_list.h"

#include "lib/json.h"

static bool
is_shown(const struct jv *u, bool all)
{
	const char *state = jv_str(jv_get(u, "state"), "");

	return jv_count(jv_get(jv_get(u, "socket"), "listen")) > 0 &&
	       (all || strcmp(state, "active") == 0 || strcmp(state, "activating") == 0);
}

static void
add_rows(struct columns *t, const struct jv *u)
{
	const struct jv *s = jv_get(u, "socket"), *listen = jv_get(s, "listen");
	const char *state = jv_str(jv_get(u, "substate"), "?");
	size_t i;

	for (i = 0; i < jv_count(listen); i++) {
		columns_row(t);
		columns_cell(
		    t, STYLE_NONE, jv_str(jv_get(jv_at(listen, i), "address"), "?"));
		columns_cell(
		    t, STYLE_NONE, jv_str(jv_get(jv_at(listen, i), "type"), "?"));
		columns_cell(t, ctl_state_style(jv_str(jv_get(u, "state"), "")), state);
		columns_cell(t, STYLE_NONE, jv_str(jv_get(u, "unit"), "?"));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(s, "triggers"), "-"));
	}
}

static void
write_rows(struct jw *w, const struct jv *u)
{
	const struct jv *s = jv_get(u, "socket"), *listen = jv_get(s, "listen");
	size_t i;

	for (i = 0; i < jv_count(listen); i++) {
		jw_obj(w);
		jw_kv_str(w, "listen", jv_str(jv_get(jv_at(listen, i), "address"), NULL));
		jw_kv_str(w, "type", jv_str(jv_get(jv_at(listen, i), "type"), NULL));
		jw_kv_str(w, "state", jv_str(jv_get(u, "state"), NULL));
		jw_kv_str(w, "substate", jv_str(jv_get(u, "substate"), NULL));
		jw_kv_str(w, "unit", jv_str(jv_get(u, "unit"), NULL));
		jw_kv_str(w, "activates", jv_str(jv_get(s, "triggers"), NULL));
		jw_end(w);
	}
}

static const struct opt opts[] = {
	{ "all", 'a', NULL, "also sockets that are down" },
	{ NULL, 0, NULL, NULL },
};

static int
run_sockets(struct ctl *ctl, int argc, char **argv)
{
	static const struct trigger_column columns[] = {
		{ "LISTEN", COL_SHRINK },
		{ "TYPE", 0 },
		{ "STATE", 0 },
		{ "UNIT", COL_SHRINK },
		{ "ACTIVATES", COL_SHRINK },
		{ NULL, 0 },
	};
	static const struct trigger_list list = {
		.pattern = "*.socket",
		.columns = columns,
		.none = "nothing is listened to",
		.none_active = "nothing is listened to",
		.is_shown = is_shown,
		.add = add_rows,
		.write = write_rows,
	};

	return trigger_list_run(ctl, argc, argv, &list);
}

const struct command cmd_sockets = {
	.name = "sockets",
	.alias = "list-sockets",
	.words_usage = "[PATTERN...]",
	.summary = "List what sockets listen to, and what they start",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_sockets,
};
