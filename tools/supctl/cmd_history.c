/* history: the last runs of a unit, newest first. */
#include <getopt.h>
#include <stdbool.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/runid.h"

static const struct opt opts[] = {
	{ "lines", 'n', "NUMBER", "how many runs, 20 when not given" },
	{ NULL, 0, NULL, NULL },
};

/* "1.2 s, 34 MiB", or nothing. */
static void
add_used(struct columns *t, const struct jv *run)
{
	int64_t cpu_us = jv_i64(jv_get(run, "cpu_us"), -1);
	int64_t kib = jv_i64(jv_get(run, "maxrss_kib"), 0);
	char text[CLOCK_TEXT_MAX];

	if (cpu_us < 0 || kib <= 0)
		columns_cell(t, STYLE_NONE, "");
	else
		columns_cellf(t, STYLE_NONE, "%s, %lld MiB",
		    clock_format_duration(text, sizeof(text), (uint64_t)cpu_us),
		    (long long)(kib + 1023) / 1024);
}

/* Below a run; all that is known of them is shown with the id of the run. */
enum { STAGES_SHOWN = 12 };

/* A stage stands below the run of the unit that was asked for. */
static void
add_row(struct columns *t, const struct jv *run, bool stage)
{
	const char *result = jv_str(jv_get(run, "result"), NULL);
	const char *end = jv_str(jv_get(run, "end"), NULL);
	const struct jv *ms = jv_get(run, "duration_ms");
	char text[CLOCK_TEXT_MAX];
	uint64_t us;

	columns_row(t);
	columns_cell(t, STYLE_NONE, stage ? "" : jv_str(jv_get(run, "run"), ""));
	columns_cellf(
	    t, STYLE_NONE, "%s%s", stage ? "  " : "", jv_str(jv_get(run, "unit"), "?"));
	columns_cell(t, STYLE_NONE,
	    ctl_time(text, sizeof(text), jv_str(jv_get(run, "start"), NULL)));
	if (jv_type(ms) == JV_INT && jv_i64(ms, 0) >= 0)
		us = (uint64_t)jv_i64(ms, 0) * USEC_PER_MSEC;
	else
		us = ctl_age_us(jv_str(jv_get(run, "start"), NULL));
	columns_cell(t, STYLE_NONE, clock_format_duration(text, sizeof(text), us));
	columns_cellf(t, STYLE_NONE, "%lld", (long long)jv_i64(jv_get(run, "pid"), 0));
	if (end == NULL)
		columns_cell(t, STYLE_GREEN, "running");
	else
		columns_cell(t,
		    result == NULL || strcmp(result, "success") == 0 ? STYLE_NONE
								     : STYLE_RED,
		    result);
	columns_cell(t, STYLE_NONE, jv_str(jv_get(jv_get(run, "exit"), "text"), NULL));
	add_used(t, run);
	columns_cell(t, STYLE_NONE, jv_str(jv_get(run, "log"), NULL));
}

/* One of the first n of these is of the same, by what key says. */
static bool
is_among(const struct jv *runs, size_t n, const struct jv *run, const char *key)
{
	const char *value = jv_str(jv_get(run, key), "");

	for (size_t i = 0; i < n; i++)
		if (strcmp(jv_str(jv_get(jv_at(runs, i), key), ""), value) == 0)
			return true;
	return false;
}

/* The stages below the run at place i: what has a row of its own, as each try of a unit
 * with Retries= has, is not told again, and a run of several tries has its stages once.
 */
static void
add_stages(struct columns *t, const struct jv *runs, size_t i)
{
	const struct jv *stages = jv_get(jv_at(runs, i), "stages");
	size_t k, shown = 0;

	if (is_among(runs, i, jv_at(runs, i), "run"))
		return;
	for (k = 0; k < jv_count(stages); k++) {
		if (is_among(runs, jv_count(runs), jv_at(stages, k), "invocation"))
			continue;
		if (shown++ == STAGES_SHOWN) {
			columns_row(t);
			columns_cell(t, STYLE_NONE, "");
			columns_cell(t, STYLE_NONE, "  and more");
			return;
		}
		add_row(t, jv_at(stages, k), true);
	}
}

static void
show(struct ctl *ctl, const struct jv *runs)
{
	struct columns *t = columns_new();
	size_t i;

	columns_add(t, "RUN", 0);
	columns_add(t, "UNIT", 0);
	columns_add(t, "START", 0);
	columns_add(t, "RAN", COL_RIGHT);
	columns_add(t, "PID", COL_RIGHT);
	columns_add(t, "RESULT", 0);
	columns_add(t, "EXIT", COL_SHRINK);
	columns_add(t, "USED", 0);
	columns_add(t, "LOG", 0);
	for (i = 0; i < jv_count(runs); i++) {
		add_row(t, jv_at(runs, i), false);
		add_stages(t, runs, i);
	}
	if (jv_count(runs) == 0)
		ctl_say(ctl, "no runs are remembered");
	else
		ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}

static int
run_history(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct jw *w;
	uint64_t max = 20;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1)
		if (id != 'n' || ctl_parse_number(ctl, "-n", optarg, 1000000, &max) == -1)
			return CTL_USAGE;
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	jw_kv_str(w, run_id_is(argv[optind]) ? "run" : "unit", argv[optind]);
	jw_kv_u64(w, "max", max);
	code = ctl_call(ctl, "io.supd.Unit.History", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, jv_get(r.params, "runs"));
	else if (code == 0)
		show(ctl, jv_get(r.params, "runs"));
	reply_clear(&r);
	return code;
}

const struct command cmd_history = {
	.name = "history",
	.words_usage = "UNIT|RUN",
	.summary =
	    "Show the last runs of a unit or pipeline: when, how long, how they ended",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run_history,
};
