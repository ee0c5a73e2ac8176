/* jobs, cancel: what is on its way, and calling it off. */
#include <getopt.h>
#include <stdlib.h>

#include "commands.h"
#include "ctl.h"
#include "job_text.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/runid.h"
#include "lib/strv.h"
#include "unit/span.h"

static void
add_row(struct columns *t, const struct jv *job)
{
	const struct jv *waits = jv_get(job, "waits_for");
	int64_t ms = jv_i64(jv_get(job, "age_ms"), 0);
	struct strv names = { 0 };
	char age[CLOCK_TEXT_MAX], state[192];
	char *joined;
	size_t i;

	for (i = 0; i < jv_count(waits); i++)
		strv_add(&names, jv_str(jv_at(waits, i), "?"));
	if (jv_type(jv_get(job, "pool")) == JV_OBJECT)
		strv_add(&names, jv_str(jv_get(jv_get(job, "pool"), "why"), ""));
	joined = strv_join(&names, " ");
	columns_row(t);
	columns_cellf(t, STYLE_NONE, "%lld", (long long)jv_i64(jv_get(job, "id"), 0));
	columns_cell(t, STYLE_NONE, jv_str(jv_get(job, "unit"), "?"));
	columns_cell(t, STYLE_NONE, jv_str(jv_get(job, "type"), "?"));
	columns_cell(t, STYLE_NONE, job_text(job, state, sizeof(state)));
	columns_cell(t, STYLE_NONE,
	    clock_format_duration(
		age, sizeof(age), ms < 0 ? 0 : (uint64_t)ms * USEC_PER_MSEC));
	columns_cell(t, STYLE_NONE, jv_str(jv_get(job, "run"), ""));
	columns_cell(t, STYLE_NONE, jv_str(jv_get(job, "origin"), ""));
	columns_cell(t, STYLE_NONE, joined);
	free(joined);
	strv_free(&names);
}

static int
run_jobs(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	const struct jv *jobs;
	struct columns *t;
	size_t i;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code == 0)
		code = ctl_call(ctl, "io.supd.Job.List", NULL, &r);
	if (code != 0)
		return code;
	jobs = jv_get(r.params, "jobs");
	if (ctl->json) {
		ctl_json(ctl, jobs);
	} else if (jv_count(jobs) == 0) {
		ctl_say(ctl, "nothing is on its way");
	} else {
		t = columns_new();
		columns_add(t, "JOB", COL_RIGHT);
		columns_add(t, "UNIT", COL_SHRINK);
		columns_add(t, "TYPE", 0);
		columns_add(t, "STATE", 0);
		columns_add(t, "AGE", COL_RIGHT);
		columns_add(t, "RUN", 0);
		columns_add(t, "FROM", 0);
		columns_add(t, "WAITS FOR", COL_SHRINK);
		for (i = 0; i < jv_count(jobs); i++)
			add_row(t, jv_at(jobs, i));
		ctl_columns(ctl, t, !ctl->quiet);
		columns_free(t);
	}
	reply_clear(&r);
	return code;
}

static const struct opt cancel_opts[] = {
	{ "run", 'r', NULL,
	    "the whole run that the unit is part of, and what runs of it" },
	{ NULL, 0, NULL, NULL },
};

static void
say_canceled(struct ctl *ctl, const struct jv *params)
{
	const struct jv *stopped = jv_get(params, "stopped");
	struct strv names = { 0 };
	char *text;

	for (size_t i = 0; i < jv_count(stopped); i++)
		strv_add(&names, jv_str(jv_at(stopped, i), "?"));
	text = strv_join(&names, " ");
	ctl_say(ctl, "canceled %zu%s%s", jv_count(jv_get(params, "canceled")),
	    names.n > 0 ? "; stops " : "", text);
	free(text);
	strv_free(&names);
}

static int
run_cancel(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	bool whole = false;
	struct jw *w;
	uint64_t number;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != 'r')
			return CTL_USAGE;
		whole = true;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	if (number_parse(argv[optind], INT64_MAX, &number) == 0)
		jw_kv_u64(w, "id", number);
	else if (run_id_is(argv[optind]))
		jw_kv_str(w, "run", argv[optind]);
	else
		jw_kv_str(w, "unit", argv[optind]);
	if (whole)
		jw_kv_bool(w, "whole_run", true);
	code = ctl_call(ctl, "io.supd.Job.Cancel", w, &r);
	if (code == 0 && ctl->json && (whole || run_id_is(argv[optind])))
		ctl_json(ctl, r.params);
	else if (code == 0 && ctl->json)
		ctl_json(ctl, jv_get(r.params, "canceled"));
	else if (code == 0)
		say_canceled(ctl, r.params);
	reply_clear(&r);
	return code;
}

const struct command cmd_jobs = {
	.name = "jobs",
	.alias = "list-jobs",
	.words_usage = "",
	.summary = "List what is on its way and what it waits for",
	.max = 0,
	.run = run_jobs,
};

const struct command cmd_cancel = {
	.name = "cancel",
	.words_usage = "JOB|UNIT|RUN",
	.summary = "Call off a job, all jobs of a unit, or a run with what runs of it",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = cancel_opts,
	.run = run_cancel,
};
