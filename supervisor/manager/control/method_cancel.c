/* method_cancel: io.supd.Job.Cancel: of jobs, and of whole runs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/runid.h"
#include "lib/strv.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"
#include "manager/runs.h"
#include "unit/name.h"

static void
reply(struct call *call, const struct strv *stopped)
{
	struct jw *w = call_begin(call);

	jw_end(w);
	jw_kv_arr(w, "stopped");
	for (size_t i = 0; i < stopped->n; i++)
		jw_str(w, stopped->v[i]);
	jw_end(w);
	call_reply(call);
}

static void
cancel_run(struct control *c, struct call *call, const char *asked)
{
	struct strv stopped = { 0 };
	char origin[160], run[RUN_ID_SIZE];
	struct jw *ids = jw_new(JW_COMPACT);
	struct buf text = { 0 };
	struct wish_who who;
	unsigned n;

	/* (That of a unit is its memory's, and may change meanwhile.) */
	strlcpy(run, asked, sizeof(run));
	control_who(call, &who);
	jw_arr(ids);
	n = runs_cancel(
	    c->m, run, &who, control_origin(call, origin, sizeof(origin)), ids, &stopped);
	jw_end(ids);
	jw_take(ids, &text);
	jw_free(ids);
	if (n == 0) {
		jw_kv_str(call_begin(call), "run", run);
		call_fail(call, "io.supd.Job.NoSuchRun",
		    "supctl jobs shows what is on its way",
		    "nothing of the run %s is on its way", run);
	} else {
		struct jv *v = jv_parse(buf_str(&text), text.len, NULL);

		jw_kv_arr(call_begin(call), "canceled");
		for (size_t i = 0; i < jv_count(v); i++)
			jw_i64(call_begin(call), jv_i64(jv_at(v, i), 0));
		jv_free(v);
		reply(call, &stopped);
	}
	buf_free(&text);
	strv_free(&stopped);
}

static void
cancel_job(struct control *c, struct call *call, const struct job *j, int64_t id,
    const char *what)
{
	struct strv none = { 0 };

	if (j == NULL) {
		jw_kv_i64(call_begin(call), "id", id);
		call_fail(call, "io.supd.Job.NoSuchJob",
		    "supctl jobs shows what there is", "%s", what);
		return;
	}
	id = job_id(j);
	(void)job_cancel(c->m->jobs, (uint32_t)id);
	jw_kv_arr(call_begin(call), "canceled");
	jw_i64(call_begin(call), id);
	reply(call, &none);
}

/* The run that a unit is part of: of its job, if there is one. */
static void
cancel_run_of(struct control *c, struct call *call, struct unit *u)
{
	const struct job *j = job_unit_job(u->job_unit);
	const char *run = j != NULL ? job_run(j) : unit_run(u);

	if (run != NULL) {
		cancel_run(c, call, run);
		return;
	}
	jw_kv_str(call_begin(call), "run", "");
	call_fail(call, "io.supd.Job.NoSuchRun", "supctl jobs shows what is on its way",
	    "%s is part of no run", u->name);
}

void
method_job_cancel(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *run = jv_str(jv_get(p, "run"), NULL);
	int64_t id = jv_i64(jv_get(p, "id"), 0);
	struct job *j = NULL;
	char what[UNIT_NAME_MAX + 32];

	if (run != NULL && !run_id_is(run)) {
		call_invalid(call, "run", "expected the id of a run");
		return;
	}
	if (run != NULL) {
		cancel_run(c, call, run);
		return;
	}
	snprintf(what, sizeof(what), "there is no job %" PRId64, id);
	if (jv_type(jv_get(p, "unit")) == JV_STRING) {
		struct unit *u = select_unit(c, call, "unit", SELECT_LOADED);
		struct job_unit *ju;

		if (u == NULL)
			return;
		if (jv_bool(jv_get(p, "whole_run"), false)) {
			cancel_run_of(c, call, u);
			return;
		}
		snprintf(what, sizeof(what), "%s has no job", u->name);
		ju = jobs_unit_find(c->m->jobs, u->name);
		j = ju == NULL ? NULL : job_unit_job(ju);
	} else if (id > 0 && id <= UINT32_MAX) {
		j = jobs_find(c->m->jobs, (uint32_t)id);
	}
	cancel_job(c, call, j, id, what);
}
