/* freeze, thaw: units that stand still, and the end of that. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

enum { OPT_REASON = OPT_LONG };

static const struct opt opts_freeze[] = {
	{ "reason", OPT_REASON, "TEXT", "why, shown to whoever looks" },
	{ NULL, 0, NULL, NULL },
};

static void
tell(struct ctl *ctl, const struct jv *u)
{
	const char *unit = jv_str(jv_get(u, "unit"), "?");
	const struct jv *frozen = jv_get(u, "frozen");
	bool best = strcmp(jv_str(jv_get(frozen, "how"), ""), "best-effort") == 0;

	if (jv_type(frozen) != JV_OBJECT)
		ctl_say(ctl, "%s %s", unit,
		    jv_bool(jv_get(u, "changed"), false) ? "goes on" : "was not frozen");
	else if (!jv_bool(jv_get(frozen, "now"), false))
		ctl_say(ctl, "%s is %s; it is not started until it is thawed", unit,
		    jv_str(jv_get(u, "state"), "inactive"));
	else
		ctl_say(ctl, "%s is frozen%s", unit,
		    best ? " (best-effort: it has no cgroup; what was found of it is "
			   "stopped)"
			 : "");
}

static int
run_freeze(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL;
	struct jw *w;
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_REASON)
			return CTL_USAGE;
		reason = optarg;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	if (reason != NULL)
		jw_kv_str(w, "reason", reason);
	return ctl_call_units(ctl, "io.supd.Unit.Freeze", w, tell);
}

static int
run_thaw(struct ctl *ctl, int argc, char **argv)
{
	struct jw *w;

	if (ctl_no_opts(ctl, argc, argv) != 0)
		return CTL_USAGE;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	return ctl_call_units(ctl, "io.supd.Unit.Thaw", w, tell);
}

const struct command cmd_freeze = {
	.name = "freeze",
	.words_usage = "UNIT...",
	.summary = "Let units stand still: they keep all they have, and do nothing",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_freeze,
	.run = run_freeze,
};

const struct command cmd_thaw = {
	.name = "thaw",
	.words_usage = "UNIT...",
	.summary = "Undo freeze: they go on where they were",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_thaw,
};
