/*
 * enable, disable, mask, unmask, is-enabled: whether a unit is started with the instance.
 * These are wishes that supd keeps; no file is changed.
 */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

enum { OPT_NOW = OPT_LONG };

static const struct opt opts_enable[] = {
	{ "now", OPT_NOW, NULL, "start it as well" },
	{ NULL, 0, NULL, NULL },
};
static const struct opt opts_disable[] = {
	{ "now", OPT_NOW, NULL, "stop it as well" },
	{ NULL, 0, NULL, NULL },
};

static const char *
method_of(const char *verb)
{
	static const struct {
		const char *verb, *method;
	} table[] = {
		{ "enable", "io.supd.Unit.Enable" },
		{ "disable", "io.supd.Unit.Disable" },
		{ "mask", "io.supd.Unit.Mask" },
		{ "unmask", "io.supd.Unit.Unmask" },
		{ "is-enabled", "io.supd.Unit.IsEnabled" },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].verb, verb) == 0)
			return table[i].method;
	return NULL;
}

static void
tell(struct ctl *ctl, const struct jv *u)
{
	const char *unit = jv_str(jv_get(u, "unit"), "?");
	const char *enabled = jv_str(jv_get(u, "enabled"), "?");

	if (jv_bool(jv_get(u, "changed"), false))
		ctl_say(ctl, "%s is %s now", unit, enabled);
	else
		ctl_say(ctl, "%s was %s already", unit, enabled);
	if (!jv_bool(jv_get(u, "durable"), true))
		ctl_warn(ctl,
		    "%s: the disk did not take this wish in time; it holds while supd "
		    "lives",
		    unit);
}

static bool
counts_as_enabled(const char *enabled)
{
	return strcmp(enabled, "enabled") == 0 || strcmp(enabled, "static") == 0 ||
	       strcmp(enabled, "alias") == 0 || strcmp(enabled, "indirect") == 0 ||
	       strcmp(enabled, "transient") == 0 || strcmp(enabled, "generated") == 0;
}

static int
judge(struct ctl *ctl, const struct jv *units)
{
	const char *enabled;
	int code = CTL_FAILED;
	size_t i;

	for (i = 0; i < jv_count(units); i++) {
		enabled = jv_str(jv_get(jv_at(units, i), "enabled"), "unknown");
		if (counts_as_enabled(enabled))
			code = CTL_OK;
		if (ctl->json || ctl->quiet)
			continue;
		ctl_put(ctl, enabled);
		ctl_printf(ctl, "\n");
	}
	return code;
}

static int
run_enable(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	const struct jv *units;
	struct jw *w;
	bool now = false;
	size_t i;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_NOW)
			return CTL_USAGE;
		now = true;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	if (now)
		jw_kv_bool(w, "now", true);
	code = (now ? ctl_call_waiting : ctl_call)(ctl, method_of(ctl->cmd->name), w, &r);
	units = jv_get(r.params, "units");
	if (code == 0 && ctl->json)
		ctl_json(ctl, units);
	if (code == 0 && ctl->cmd == &cmd_is_enabled)
		code = judge(ctl, units);
	else if (code == 0)
		for (i = 0; i < jv_count(units); i++)
			tell(ctl, jv_at(units, i));
	reply_clear(&r);
	return code;
}

const struct command cmd_enable = {
	.name = "enable",
	.words_usage = "UNIT...",
	.summary = "Start units with the instance from now on",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_enable,
	.run = run_enable,
};

const struct command cmd_disable = {
	.name = "disable",
	.words_usage = "UNIT...",
	.summary = "Do not start units with the instance any more",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_disable,
	.run = run_enable,
};

const struct command cmd_mask = {
	.name = "mask",
	.words_usage = "UNIT...",
	.summary = "Let nothing start the units, not even a dependency",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_disable,
	.run = run_enable,
};

const struct command cmd_unmask = {
	.name = "unmask",
	.words_usage = "UNIT...",
	.summary = "Undo mask",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_enable,
};

const struct command cmd_is_enabled = {
	.name = "is-enabled",
	.words_usage = "UNIT...",
	.summary = "Succeed when one of the units is enabled; prints how they stand",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_enable,
};
