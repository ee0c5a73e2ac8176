/* is-enabled: whether a unit is started with the instance, in a word. */
#include <getopt.h>
#include <stdlib.h>

#include "commands.h"
#include "ctl.h"
#include "deed.h"

#include "install/install.h"
#include "lib/json.h"
#include "unit/diag.h"

static const struct opt opts[] = { DEED_PLACE_OPTS, { NULL, 0, NULL, NULL } };

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
	if (install_state_is_on(install_state_find(enabled)))
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

/* On the disk: what the links and files say, and no wish. */
static int
look(struct ctl *ctl, struct deed *d, struct answers *a)
{
	struct install_index *x;
	struct unit_paths *paths;
	struct diags diags;
	int code;

	paths = deed_paths(ctl, d, &code);
	if (paths == NULL)
		return code;
	deed_expand(paths, &d->names);
	diags_init(&diags);
	x = install_index_new(paths);
	(void)install_index_check(x, &diags);
	for (size_t i = 0; i < d->names.n; i++) {
		enum install_state state = install_state(x, d->names.v[i], &diags);

		a->found = a->found || state != INSTALL_NOT_FOUND;
		a->enabled = a->enabled || install_state_is_on(state);
		if (a->json != NULL) {
			jw_obj(a->json);
			jw_kv_str(a->json, "unit", d->names.v[i]);
			jw_kv_str(a->json, "enabled", install_state_name(state));
			jw_end(a->json);
		} else if (!ctl->quiet) {
			ctl_printf(ctl, "%s\n", install_state_name(state));
		}
	}
	for (size_t i = 0; i < diags.n && !ctl->quiet; i++) {
		ctl_warn(ctl, "%s: %s", diags.v[i].file, diags.v[i].text);
		if (diags.v[i].hint != NULL)
			ctl_note(ctl, "  next: ", diags.v[i].hint);
	}
	install_index_free(x);
	diags_clear(&diags);
	unit_paths_free(paths);
	return CTL_OK;
}

/* One call a unit: one that is not there leaves the others their answer. */
static int
run_is_enabled(struct ctl *ctl, int argc, char **argv)
{
	struct answers a = { 0 };
	struct deed d = { 0 };
	int code = deed_take_opts(ctl, &d, argc, argv), first = optind;

	if (code != 0)
		return code;
	if (!deed_is_offline(&d))
		code = ctl_instance(ctl);
	if (code == 0 && ctl->json) {
		a.json = ctl_json_new(ctl);
		jw_arr(a.json);
	}
	if (code == 0 && deed_is_offline(&d)) {
		deed_take_words(&d, argc, argv);
		code = look(ctl, &d, &a);
	} else {
		for (int i = first; code == 0 && i < argc; i++)
			code = ask_one(ctl, i, argv, &a);
	}
	deed_clear(&d);
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

const struct command cmd_is_enabled = {
	.name = "is-enabled",
	.words_usage = "UNIT...",
	.summary = "Succeed when one of the units is enabled; prints how they stand",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_is_enabled,
};
