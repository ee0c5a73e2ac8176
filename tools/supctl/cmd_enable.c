/*
 * enable, disable, mask, unmask, is-enabled: whether a unit is started with the instance.
 * These are wishes that supd keeps; no file is changed.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "lib/xalloc.h"

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
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].verb, verb) == 0)
			return table[i].method;
	return NULL;
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
		ctl_warn(ctl, "%s is enabled, and is not started all the same: it is %s",
		    unit, jv_str(jv_get(u, "starts_why"), "not wanted"));
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

static bool
counts_as_enabled(const char *enabled)
{
	return strcmp(enabled, "enabled") == 0 || strcmp(enabled, "static") == 0 ||
	       strcmp(enabled, "alias") == 0 || strcmp(enabled, "indirect") == 0 ||
	       strcmp(enabled, "transient") == 0 || strcmp(enabled, "generated") == 0;
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
	for (i = 0; code == 0 && i < jv_count(units); i++)
		tell(ctl, jv_at(units, i));
	reply_clear(&r);
	return code;
}

/* ---- is-enabled ---- */

/* What was found so far. */
struct answers {
	struct jw *json; /* NULL: not asked for */
	bool enabled;    /* one of them is */
	bool found;      /* one of them is there */
};

static void
put_answer(struct ctl *ctl, struct answers *a, const struct jv *u)
{
	const char *enabled = jv_str(jv_get(u, "enabled"), "unknown");

	a->found = true;
	if (counts_as_enabled(enabled))
		a->enabled = true;
	if (a->json != NULL) {
		jv_write(u, a->json);
	} else if (!ctl->quiet) {
		ctl_put(ctl, enabled);
		ctl_printf(ctl, "\n");
	}
}

/* A word for it all the same, so that a script has one for each. */
static void
put_not_found(struct ctl *ctl, struct answers *a, const struct reply *r)
{
	if (a->json != NULL) {
		jw_obj(a->json);
		jw_kv_str(a->json, "unit", jv_str(jv_get(r->params, "unit"), NULL));
		jw_kv_str(a->json, "enabled", "not-found");
		jw_end(a->json);
	} else if (!ctl->quiet) {
		ctl_printf(ctl, "not-found\n");
	}
	ctl_warn(ctl, "%s", jv_str(jv_get(r->params, "message"), "there is no unit"));
	ctl_note(ctl, "  next: ", jv_str(jv_get(r->params, "next"), ""));
}

/* CTL_OK: it is answered, also when the unit is not there; else it was told why not. */
static int
ask_one(struct ctl *ctl, int i, char **argv, struct answers *a)
{
	struct buf params = { 0 }, why = { 0 };
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	const struct jv *units;
	enum client_result res;
	int code = CTL_OK;

	optind = i;
	ctl_param_units(w, i + 1, argv);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	res = ctl_call_quietly(ctl, "io.supd.Unit.IsEnabled", buf_str(&params), false,
	    ctl_deadline(ctl, false), &r, &why);
	units = jv_get(r.params, "units");
	if (res != CLIENT_OK) {
		code = ctl_client_failed(ctl, res, buf_str(&why));
	} else if (r.error == NULL) {
		for (size_t k = 0; k < jv_count(units); k++)
			put_answer(ctl, a, jv_at(units, k));
	} else if (ctl_error_status(r.error) == CTL_NO_UNIT) {
		put_not_found(ctl, a, &r);
	} else {
		code = ctl_error_reply(ctl, &r);
	}
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	return code;
}

/* One call a unit: one that is not there leaves the others their answer. */
static int
run_is_enabled(struct ctl *ctl, int argc, char **argv)
{
	struct answers a = { 0 };
	int code = ctl_no_opts(ctl, argc, argv), first = optind;

	if (code == 0)
		code = ctl_instance(ctl);
	if (code == 0 && ctl->json) {
		a.json = ctl_json_new(ctl);
		jw_arr(a.json);
	}
	for (int i = first; code == 0 && i < argc; i++)
		code = ask_one(ctl, i, argv, &a);
	if (a.json != NULL && code == 0) {
		jw_end(a.json);
		ctl_json_take(ctl, a.json);
	} else {
		jw_free(a.json);
	}
	if (code != 0)
		return code;
	return a.enabled ? CTL_OK : a.found ? CTL_FAILED : CTL_NO_UNIT;
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
	.run = run_is_enabled,
};
