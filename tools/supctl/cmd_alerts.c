/* alerts: the thresholds of supd.conf, and what became of them. */
#include <getopt.h>
#include <stdint.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "trigger_list.h"

#include "lib/json.h"

enum { OPT_RESET = OPT_LONG };

static const struct opt opts[] = {
	{ "reset", OPT_RESET, NULL, "these, or all, can fire again at once" },
	{ NULL, 0, NULL, NULL },
};

static enum style
style_of(const char *state)
{
	if (strcmp(state, "armed") == 0)
		return STYLE_NONE;
	return strcmp(state, "fired") == 0 ? STYLE_YELLOW : STYLE_RED;
}

static void
show_table(struct ctl *ctl, const struct jv *alerts)
{
	struct columns *t = columns_new();

	columns_add(t, "ALERT", 0);
	columns_add(t, "STATE", 0);
	columns_add(t, "FIRED", COL_RIGHT);
	columns_add(t, "LAST", 0);
	columns_add(t, "UNTIL", 0);
	columns_add(t, "STARTS", COL_SHRINK);
	columns_add(t, "WHEN", COL_SHRINK);
	columns_add(t, "EVIDENCE", COL_SHRINK);
	for (size_t i = 0; i < jv_count(alerts); i++) {
		const struct jv *a = jv_at(alerts, i);
		const char *state = jv_str(jv_get(a, "state"), "?");

		columns_row(t);
		columns_cell(t, STYLE_BOLD, jv_str(jv_get(a, "alert"), "?"));
		columns_cell(t, style_of(state), state);
		columns_cellf(
		    t, STYLE_NONE, "%lld", (long long)jv_i64(jv_get(a, "fired"), 0));
		trigger_put_time(t, jv_str(jv_get(a, "at"), NULL));
		trigger_put_time(t, jv_str(jv_get(a, "until"), NULL));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(a, "starts"), "-"));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(a, "condition"), ""));
		columns_cell(t, STYLE_NONE, jv_str(jv_get(a, "evidence"), "-"));
	}
	ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}

static int
list(struct ctl *ctl)
{
	struct reply r = { 0 };
	int code = ctl_call(ctl, "io.supd.Alert.List", NULL, &r);
	const struct jv *alerts;

	if (code != 0)
		return code;
	alerts = jv_get(r.params, "alerts");
	if (ctl->json)
		ctl_json(ctl, alerts);
	else if (jv_count(alerts) == 0)
		ctl_say(ctl, "supd.conf has no alert");
	else
		show_table(ctl, alerts);
	reply_clear(&r);
	return 0;
}

static int
reset(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	int code;

	if (optind < argc) {
		jw_kv_arr(w, "alerts");
		for (int i = optind; i < argc; i++)
			jw_str(w, argv[i]);
		jw_end(w);
	}
	code = ctl_call(ctl, "io.supd.Alert.Reset", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, jv_get(r.params, "reset"));
	for (size_t i = 0; code == 0 && i < jv_count(jv_get(r.params, "reset")); i++)
		ctl_say(ctl, "%s can fire again",
		    jv_str(jv_at(jv_get(r.params, "reset"), i), "?"));
	reply_clear(&r);
	return code;
}

static int
run_alerts(struct ctl *ctl, int argc, char **argv)
{
	bool resets = false;
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_RESET)
			return CTL_USAGE;
		resets = true;
	}
	if (!resets && optind < argc)
		return ctl_usage(ctl, "names go with --reset");
	return resets ? reset(ctl, argc, argv) : list(ctl);
}

const struct command cmd_alerts = {
	.name = "alerts",
	.words_usage = "[--reset [ALERT...]]",
	.summary = "The alerts of supd.conf, what they saw, and their reset",
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_alerts,
};
