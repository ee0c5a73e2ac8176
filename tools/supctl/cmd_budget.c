/* budget: what units have used of their [Budget], and a new beginning. */
#include <getopt.h>
#include <string.h>

#include "budget.h"
#include "commands.h"
#include "ctl.h"

#include "lib/buf.h"
#include "lib/json.h"

enum { OPT_RESET = OPT_LONG };

static const struct opt opts[] = {
	{ "reset", OPT_RESET, NULL, "begin the count of these units anew" },
	{ NULL, 0, NULL, NULL },
};

static enum style
style_of(const char *state)
{
	if (strcmp(state, "exceeded") == 0)
		return STYLE_RED;
	return strcmp(state, "low") == 0 ? STYLE_YELLOW : STYLE_NONE;
}

static void
add_rows(struct columns *t, const struct jv *unit)
{
	const struct jv *budget = jv_get(unit, "budget");
	const struct jv *limits = jv_get(budget, "limits");
	struct buf end = { 0 };

	budget_end_words(budget, &end);
	for (size_t i = 0; i < jv_count(limits); i++) {
		const struct jv *l = jv_at(limits, i);
		const char *state = jv_str(jv_get(l, "state"), "?");

		columns_row(t);
		columns_cell(t, STYLE_NONE, jv_str(jv_get(unit, "unit"), "?"));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(l, "limit"), "?"));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(l, "used_text"), "?"));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(l, "allowed_text"), "?"));
		columns_cellf(t, style_of(state), "%lld%%",
		    (long long)jv_i64(jv_get(l, "percent"), 0));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(budget, "period"), "?"));
		columns_cell(t, STYLE_NONE, buf_str(&end));
		columns_cell(t, style_of(state),
		    jv_bool(jv_get(budget, "held"), false) &&
			    strcmp(state, "exceeded") == 0
			? "held"
			: state);
	}
	buf_free(&end);
}

static void
show(struct ctl *ctl, const struct jv *units, bool named)
{
	struct columns *t = columns_new();
	size_t rows = 0;

	columns_add(t, "UNIT", COL_SHRINK);
	columns_add(t, "LIMIT", 0);
	columns_add(t, "USED", COL_RIGHT);
	columns_add(t, "OF", COL_RIGHT);
	columns_add(t, "", COL_RIGHT);
	columns_add(t, "PERIOD", 0);
	columns_add(t, "ENDS", 0);
	columns_add(t, "STATE", 0);
	for (size_t i = 0; i < jv_count(units); i++) {
		const struct jv *u = jv_at(units, i);

		if (jv_type(jv_get(u, "budget")) == JV_OBJECT) {
			add_rows(t, u);
			rows++;
		} else if (named) {
			ctl_warn(ctl, "%s has no budget", jv_str(jv_get(u, "unit"), "?"));
		}
	}
	if (rows > 0)
		ctl_columns(ctl, t, !ctl->quiet);
	else if (!named)
		ctl_say(ctl, "no unit has a budget");
	columns_free(t);
}

static int
run_reset(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct jw *w;
	int code;

	if (optind == argc)
		return ctl_usage(ctl, "--reset needs the name of a unit");
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	code = ctl_call(ctl, "io.supd.Unit.ResetBudget", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, jv_get(r.params, "reset"));
	for (size_t i = 0; code == 0 && i < jv_count(jv_get(r.params, "reset")); i++)
		ctl_say(ctl, "%s has used nothing",
		    jv_str(jv_at(jv_get(r.params, "reset"), i), "?"));
	if (code == 0 && jv_count(jv_get(r.params, "reset")) == 0)
		code = ctl_fail(ctl, CTL_FAILED, NULL, NULL, "none of them has a budget");
	reply_clear(&r);
	return code;
}

static int
run_budget(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct jw *w = NULL;
	bool reset = false, named;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_RESET)
			return CTL_USAGE;
		reset = true;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (reset)
		return run_reset(ctl, argc, argv);
	named = optind < argc;
	if (named) {
		w = ctl_params();
		ctl_param_units(w, argc, argv);
	}
	code = ctl_call(ctl, "io.supd.Unit.Budget", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, jv_get(r.params, "units"));
	else if (code == 0)
		show(ctl, jv_get(r.params, "units"), named);
	reply_clear(&r);
	return code;
}

const struct command cmd_budget = {
	.name = "budget",
	.words_usage = "[UNIT...]",
	.summary = "Show what units have used of their budgets, or begin anew",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_budget,
};
