#include "dry_run.h"

#include <stdio.h>
#include <string.h>

#include "ctl.h"

#include "lib/json.h"

/* Both columns as wide as the widest. */
static void
measure(const struct jv *list, int *unit, int *type)
{
	for (size_t i = 0; i < jv_count(list); i++) {
		const struct jv *p = jv_at(list, i);
		int u = (int)strlen(jv_str(jv_get(p, "unit"), ""));
		int t = (int)strlen(jv_str(jv_get(p, "type"), ""));

		*unit = u > *unit ? u : *unit;
		*type = t > *type ? t : *type;
	}
}

static void
put_parts(struct ctl *ctl, const struct jv *list, int unit, int type)
{
	for (size_t i = 0; i < jv_count(list); i++) {
		const struct jv *p = jv_at(list, i);
		const char *by = jv_str(jv_get(p, "by"), NULL);
		const char *why = jv_str(jv_get(p, "why"), NULL);
		const char *because = jv_str(jv_get(p, "because"), "asked for");

		ctl_printf(ctl, "  %-*s  %-*s  %s%s%s%s\n", type,
		    jv_str(jv_get(p, "type"), "?"), unit, jv_str(jv_get(p, "unit"), "?"),
		    because, by != NULL ? " of " : "", by != NULL ? by : "",
		    why != NULL ? ":" : "");
		if (why != NULL)
			ctl_printf(ctl, "  %-*s  %s\n", type, "", why);
	}
}

static int
put_plan(struct ctl *ctl, const struct jv *p, const char *type, bool many)
{
	const char *unit = jv_str(jv_get(p, "unit"), "?");
	const char *refused = jv_str(jv_get(p, "refused"), NULL);
	const struct jv *jobs = jv_get(p, "jobs"), *left_out = jv_get(p, "left_out");
	int unit_width = 0, type_width = 0;

	if (refused != NULL) {
		ctl_warn(ctl, "%s: %s: nothing would be done: %s", unit, type, refused);
		return CTL_FAILED;
	}
	measure(jobs, &unit_width, &type_width);
	measure(left_out, &unit_width, &type_width);
	if (many)
		ctl_printf(ctl, "%s of %s:\n", type, unit);
	put_parts(ctl, jobs, unit_width, type_width);
	if (jv_count(left_out) > 0) {
		ctl_printf(ctl, "left out:\n");
		put_parts(ctl, left_out, unit_width, type_width);
	}
	return 0;
}

int
dry_run_show(struct ctl *ctl, int argc, char **argv, const char *type, const char *mode)
{
	struct jw *w = ctl_params();
	struct reply r = { 0 };
	const struct jv *plans;
	int code;

	ctl_param_units(w, argc, argv);
	jw_kv_str(w, "type", type);
	if (mode != NULL)
		jw_kv_str(w, "job_mode", mode);
	code = ctl_call(ctl, "io.supd.Unit.Plan", w, &r);
	plans = jv_get(r.params, "plans");
	if (code == 0 && ctl->json) {
		struct jw *json = ctl_json_new(ctl);

		jv_write(plans, json);
		ctl_json_take(ctl, json);
	}
	for (size_t i = 0; r.params != NULL && i < jv_count(plans); i++) {
		const struct jv *p = jv_at(plans, i);
		int refused = jv_str(jv_get(p, "refused"), NULL) != NULL ? CTL_FAILED : 0;

		if (!ctl->json)
			refused = put_plan(ctl, p, type, jv_count(plans) > 1);
		code = code == 0 ? refused : code;
	}
	reply_clear(&r);
	return code;
}
