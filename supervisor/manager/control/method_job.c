/* method_job: io.supd.Job.List and Cancel: of jobs, and of whole runs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/runid.h"
#include "lib/strv.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"
#include "manager/part/pools.h"
#include "manager/runs.h"
#include "manager/service/service.h"
#include "unit/conf.h"
#include "unit/name.h"

/* ---- List ---- */

static void
add_name(void *arg, struct job_unit *ju)
{
	jw_str(arg, job_unit_name(ju));
}

/* Where its unit is on its way: in a pool, or between runs of Retries=. */
static void
write_unit(struct jw *w, const struct unit *u)
{
	const struct svc_memory *mem = svc_memory(u->svc);
	const struct service_conf *c = svc_conf(u->svc)->service;
	struct buf why = { 0 };
	size_t place, queued;

	jw_kv_str(w, "substate", svc_state_name(mem->state));
	if (pools_place(u, &place, &queued)) {
		jw_kv_obj(w, "pool");
		jw_kv_str(w, "name", mem->pool);
		jw_kv_u64(w, "place", place);
		jw_kv_u64(w, "queued", queued);
		pools_wait_why(u, &why);
		jw_kv_str(w, "why", buf_str(&why));
		buf_free(&why);
		jw_end(w);
	}
	if (c->retries > 0) {
		jw_kv_obj(w, "retry");
		jw_kv_i64(w, "used", mem->retry);
		jw_kv_i64(w, "of", c->retries);
		jw_end(w);
	}
}

static void
write_job(void *arg, const struct job *j)
{
	const struct unit *u = job_unit_data(job_of(j));
	struct jw *w = arg;
	uint64_t now_us = clock_wall_us();

	jw_obj(w);
	jw_kv_u64(w, "id", job_id(j));
	jw_kv_str(w, "unit", job_unit_name(job_of(j)));
	jw_kv_str(w, "type", job_type_name(job_type(j)));
	jw_kv_str(w, "state", job_is_running(j) ? "running" : "waiting");
	jw_kv_str(w, "run", job_run(j));
	jw_kv_str(w, "origin", job_origin(j));
	/* (By the wall clock: it may be older than this boot.) */
	jw_kv_time(w, "since", job_since_wall_us(j));
	jw_kv_u64(w, "age_ms",
	    now_us > job_since_wall_us(j)
		? (now_us - job_since_wall_us(j)) / USEC_PER_MSEC
		: 0);
	if (u != NULL && u->svc != NULL && job_is_running(j))
		write_unit(w, u);
	jw_kv_arr(w, "waits_for");
	job_waits_for(j, add_name, w);
	jw_end(w);
	jw_end(w);
}

void
method_job_list(struct call *call, void *arg)
{
	struct control *c = arg;
	struct jw *w = call_begin(call);

	jw_kv_arr(w, "jobs");
	jobs_each(c->m->jobs, write_job, w);
	jw_end(w);
	call_reply(call);
}

/* ---- Cancel ---- */

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
	struct wish_who who;
	char origin[160];
	struct unit *u;
	bool queued;

	if (j == NULL) {
		jw_kv_i64(call_begin(call), "id", id);
		call_fail(call, "io.supd.Job.NoSuchJob",
		    "supctl jobs shows what there is", "%s", what);
		return;
	}
	id = job_id(j);
	u = job_unit_data(job_of(j));
	/* Nothing of it runs yet, though its job does: it leaves its pool. */
	queued = job_type(j) == JOB_START && u != NULL && u->svc != NULL &&
		 svc_memory(u->svc)->state == SVC_QUEUED;
	if (queued || (job_type(j) == JOB_START && !job_is_running(j))) {
		control_who(call, &who);
		runs_forget_wish(u, &who);
	}
	if (queued)
		runs_stop(u, control_origin(call, origin, sizeof(origin)));
	else
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
