/*
 * enable, disable, mask, unmask and their like: whether a unit is started with the
 * instance.  Of units in an instance folder these are wishes that supd keeps; of others
 * they are links on the disk.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "deed.h"

#include "lib/json.h"
#include "lib/xalloc.h"

#define MODE_OPT                                        \
	{                                               \
		"preset-mode", DEED_OPT_MODE, "MODE",   \
		    "full, enable-only or disable-only" \
	}
#define END                         \
	{                           \
		NULL, 0, NULL, NULL \
	}

static const struct opt opts_enable[] = {
	{ "now", DEED_OPT_NOW, NULL, "start it as well" },
	DEED_LINK_OPTS,
	DEED_PLACE_OPTS,
	END,
};
static const struct opt opts_disable[] = {
	{ "now", DEED_OPT_NOW, NULL, "stop it as well" },
	DEED_LINK_OPTS,
	DEED_PLACE_OPTS,
	END,
};
static const struct opt opts_links[] = { DEED_LINK_OPTS, DEED_PLACE_OPTS, END };
static const struct opt opts_preset[] = { MODE_OPT, DEED_LINK_OPTS, DEED_PLACE_OPTS,
	END };
static const struct opt opts_revert[] = { DEED_PLACE_OPTS, END };

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
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].verb, verb) == 0)
			return table[i].method;
	return "io.supd.Unit.Install";
}

/* It was done as it was asked for, and may still not be what is wanted. */
static void
tell_doubts(struct ctl *ctl, const struct jv *u, const char *unit, const char *enabled)
{
	const struct jv *near = jv_get(u, "nearest");
	char *hint;

	if (ctl->cmd == &cmd_enable && strcmp(enabled, "masked") == 0) {
		ctl_warn(
		    ctl, "%s is masked: nothing starts it until it is unmasked", unit);
	} else if (ctl->cmd == &cmd_enable && strcmp(enabled, "bad") == 0) {
		ctl_warn(
		    ctl, "the file of %s is refused: it is not started as it is", unit);
		hint = xasprintf("supctl verify %s", unit);
		ctl_note(ctl, "  next: ", hint);
		free(hint);
	} else if (ctl->cmd == &cmd_enable && !jv_bool(jv_get(u, "starts"), true) &&
		   strstr(unit, "@.") == NULL) {
		ctl_warn(ctl, "%s is enabled, and is not started all the same: %s", unit,
		    jv_str(jv_get(u, "starts_why"), "not wanted"));
		hint = xasprintf("supctl status %s tells what undoes that", unit);
		ctl_note(ctl, "  next: ", hint);
		free(hint);
	} else if (ctl->cmd == &cmd_enable && !jv_bool(jv_get(u, "install"), true)) {
		ctl_warn(ctl,
		    "%s has no [Install] section, so that its file does not ask for it; "
		    "supd starts it with the instance because you do",
		    unit);
	} else if (ctl->cmd == &cmd_mask &&
		   strcmp(jv_str(jv_get(u, "load_state"), ""), "not-found") == 0) {
		ctl_warn(ctl, "there is no unit %s; it is masked all the same", unit);
		if (jv_count(near) > 0) {
			hint = xasprintf("did you mean %s?", jv_str(jv_at(near, 0), ""));
			ctl_note(ctl, "  next: ", hint);
			free(hint);
		}
	}
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
	if (!ctl->quiet && !ctl->json)
		tell_doubts(ctl, u, unit, enabled);
	ctl_warn_late(ctl, u);
}

static struct jw *
params_of(const struct deed *d, const char *method)
{
	struct jw *w = ctl_params();

	if (strcmp(method, "io.supd.Unit.Install") == 0)
		jw_kv_str(w, "verb", d->verb);
	jw_kv_strv(w, "units", &d->names);
	if (d->target != NULL)
		jw_kv_str(w, "target", d->target);
	if (d->mode != NULL)
		jw_kv_str(w, "mode", d->mode);
	if (d->now)
		jw_kv_bool(w, "now", true);
	if (d->runtime)
		jw_kv_bool(w, "runtime", true);
	if (d->force)
		jw_kv_bool(w, "force", true);
	return w;
}

/* By supd. */
static int
ask(struct ctl *ctl, const struct deed *d)
{
	const char *method = method_of(ctl->cmd->name);
	struct reply r = { 0 };
	const struct jv *units, *u;
	int code;

	code =
	    (d->now ? ctl_call_waiting : ctl_call)(ctl, method, params_of(d, method), &r);
	if (code == CTL_DOWN && !d->now && !ctl->json)
		ctl_note(
		    ctl, "  or: ", "--offline does it on the disk, where links decide");
	if (code != 0)
		return code;
	units = jv_get(r.params, "units");
	if (ctl->json)
		ctl_json(ctl, r.params);
	for (size_t i = 0; i < jv_count(units); i++) {
		u = jv_at(units, i);
		if (!jv_bool(jv_get(u, "links"), false))
			tell(ctl, u);
		else if (!ctl->quiet && !ctl->json)
			tell_doubts(ctl, u, jv_str(jv_get(u, "unit"), "?"),
			    jv_str(jv_get(u, "enabled"), "?"));
	}
	deed_tell_links(ctl, d, r.params);
	if (jv_bool(jv_get(r.params, "failed"), false))
		code = CTL_FAILED;
	reply_clear(&r);
	return code;
}

static int
run_enable(struct ctl *ctl, int argc, char **argv)
{
	struct deed d = { 0 };
	int code = deed_take_opts(ctl, &d, argc, argv);

	if (code != CTL_OK)
		return code;
	if (strncmp(d.verb, "add-", 4) == 0)
		d.target = argv[optind++];
	deed_take_words(&d, argc, argv);
	code = deed_is_offline(&d) ? deed_do_offline(ctl, &d) : ask(ctl, &d);
	deed_clear(&d);
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
	.opts = opts_links,
	.run = run_enable,
};

const struct command cmd_reenable = {
	.name = "reenable",
	.words_usage = "UNIT...",
	.summary = "Enable units anew, by what their files say now",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_enable,
	.run = run_enable,
};

const struct command cmd_preset = {
	.name = "preset",
	.words_usage = "UNIT...",
	.summary = "Enable or disable units as preset files say",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_preset,
	.run = run_enable,
};

const struct command cmd_preset_all = {
	.name = "preset-all",
	.words_usage = "",
	.summary = "Enable or disable all units as preset files say",
	.opts = opts_preset,
	.run = run_enable,
};

const struct command cmd_link = {
	.name = "link",
	.words_usage = "FILE...",
	.summary = "Make unit files that lie elsewhere known by links to them",
	.words = WORDS_FILES,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_links,
	.run = run_enable,
};

const struct command cmd_revert = {
	.name = "revert",
	.words_usage = "UNIT...",
	.summary = "Remove drop-ins, masks and files that change what the vendor has",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_revert,
	.run = run_enable,
};

const struct command cmd_add_wants = {
	.name = "add-wants",
	.words_usage = "TARGET UNIT...",
	.summary = "Let a target want units",
	.words = WORDS_UNITS,
	.min = 2,
	.max = SIZE_MAX,
	.opts = opts_links,
	.run = run_enable,
};

const struct command cmd_add_requires = {
	.name = "add-requires",
	.words_usage = "TARGET UNIT...",
	.summary = "Let a target require units",
	.words = WORDS_UNITS,
	.min = 2,
	.max = SIZE_MAX,
	.opts = opts_links,
	.run = run_enable,
};
