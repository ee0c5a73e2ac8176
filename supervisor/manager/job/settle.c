/*
 * settle: the queue at work: wishes first (what ended, what is answered), then deeds
 * (what may run).  Nothing recurses: what a unit says from within only marks.
 */
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

/* ---- what units say ---------------------------------------------------------- */

void
jobs_unit_done(
    struct job_unit *ju, enum job_type type, enum job_result result, const char *why)
{
	struct job *j = ju->job;

	if (j == NULL || j->state != JOB_RUNNING)
		return;
	switch (j->type) {
	case JOB_RESTART:
		if (type == JOB_STOP && !j->start_phase) {
			if (result != JOB_DONE) {
				job_end(j, result, why);
				return;
			}
			j->start_phase = true;
			j->state = JOB_WAITING;
			job_order(j);
			return;
		}
		if (type == JOB_START && j->start_phase)
			job_end(j, result, why);
		return;
	default:
		if (j->type == type)
			job_end(j, result, why);
		return;
	}
}

void
jobs_unit_changed(struct job_unit *ju)
{
	if (ju->job != NULL && ju->job->state == JOB_WAITING)
		job_make_runnable(ju->job);
}

/* ---- what has ended ---------------------------------------------------------- */

static void
fail_dependent(void *arg, struct job_unit *u)
{
	const char *text = arg;
	struct job *o = u->job;

	if (o != NULL && o->state == JOB_WAITING && job_is_startlike(o) &&
	    o->type != JOB_RELOAD)
		job_end(o, JOB_DEPENDENCY, text);
}

static void
fail_dependents(struct job *j)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_REQUISITE };
	char *text;

	switch (j->result) {
	case JOB_DONE:
	case JOB_SKIPPED:
		return;
	default:
		break;
	}
	if (!job_is_startlike(j) || j->type == JOB_RELOAD)
		return;
	text = xasprintf("%s, which it requires, did not start: %s", j->unit->name,
	    j->message != NULL ? j->message : job_result_name(j->result));
	for (size_t k = 0; k < sizeof(deps) / sizeof(deps[0]); k++)
		job_unit_each(j->unit, deps[k], true, fail_dependent, text);
	free(text);
}

static void
settle_ended(struct jobs *js)
{
	struct job *j;
	struct wait *w;

	while ((j = TAILQ_FIRST(&js->ended)) != NULL) {
		struct unit_vec freed = { 0 };
		struct job_unit *unit;

		job_dequeue(j);
		/* The unit may have a new job already: what required this one fails only
		 * if no start of it comes. */
		if (j->unit->job == NULL || j->unit->job->type == JOB_STOP)
			fail_dependents(j);
		if (js->shutdown && j->type == JOB_STOP && j->result != JOB_DONE &&
		    j->result != JOB_CANCELED) {
			char *old = js->shutdown_failed;

			js->shutdown_failed = xasprintf("%s%s%s", old != NULL ? old : "",
			    old != NULL ? ", " : "", j->unit->name);
			free(old);
		}
		LIST_FOREACH (w, &j->after_me, of_first)
			unit_vec_add(&freed, w->later->unit);
		job_waits_clear(&j->after_me, false);
		for (size_t i = 0; i < freed.n; i++)
			if (freed.v[i]->job != NULL)
				job_make_runnable(freed.v[i]->job);
		free(freed.v);
		js->ops->ended(js->arg, j, j->result, j->message);
		job_call_waiters(j, j->result, j->message);
		unit = j->unit;
		job_free(j);
		if (unit->data == NULL)
			jobs_unit_release(js, unit->name);
	}
}

/* ---- deeds ------------------------------------------------------------------- */

static void
run(struct job *j)
{
	struct jobs *js = j->js;
	struct job_unit *u = j->unit;
	struct job_request r = { .type = j->type,
		.mode = j->mode,
		.origin = j->origin,
		.ref = j->ref,
		.day = j->day,
		.log_name = j->log_name };
	bool start = j->type == JOB_START || (j->type == JOB_RESTART && j->start_phase);
	enum job_unit_state st;
	char *no;

	/* It stops by itself: jobs_unit_changed comes when it is down. */
	st = js->ops->state(js->arg, u);
	if (start && st == JOB_UNIT_STOPPING)
		return;
	if (start && st != JOB_UNIT_UP && js->ops->is_held != NULL &&
	    js->ops->is_held(js->arg, u))
		return;
	if (start && st != JOB_UNIT_UP && js->ops->is_delayed != NULL &&
	    js->ops->is_delayed(js->arg, u))
		return;
	if (!start && j->type != JOB_STOP && js->ops->is_frozen != NULL &&
	    js->ops->is_frozen(js->arg, u))
		return;
	if (j->type == JOB_RELOAD && (st == JOB_UNIT_STARTING || st == JOB_UNIT_STOPPING))
		return;
	j->state = JOB_RUNNING;
	if (j->began_us == 0) {
		j->began_us = clock_mono_us();
		js->ops->began(js->arg, j);
	}
	if (start) {
		/* Files and wishes may have changed while it waited. */
		no = js->ops->startable(js->arg, u);
		if (no != NULL) {
			job_end(j, JOB_INVALID, no);
			free(no);
			return;
		}
		js->ops->start(js->arg, u, &r);
	} else if (j->type == JOB_RELOAD) {
		no = js->ops->reloadable(js->arg, u);
		if (no != NULL) {
			job_end(j, JOB_INVALID, no);
			free(no);
			return;
		}
		js->ops->reload(js->arg, u, j->origin);
	} else {
		js->ops->stop(js->arg, u, j->type == JOB_RESTART,
		    (j->mode & JOB_FORCE) != 0, j->origin);
	}
}

static void
end_shutdown(struct jobs *js, enum job_result r, const char *message)
{
	job_done_fn *done = js->shutdown_done;

	js->shutdown_done = NULL;
	js->shutdown_deadline_us = UINT64_MAX;
	js->ops->timer(js->arg, UINT64_MAX);
	if (done != NULL)
		done(js->shutdown_arg, 0, r, message);
}

void
jobs_settle(struct jobs *js)
{
	struct answer *a;
	struct job *j;

	if (js->settling)
		return;
	js->settling = true;
	for (;;) {
		/* Wishes first: what ended, what was refused; then deeds. */
		if (!TAILQ_EMPTY(&js->ended)) {
			settle_ended(js);
		} else if ((a = STAILQ_FIRST(&js->answers)) != NULL) {
			STAILQ_REMOVE_HEAD(&js->answers, link);
			a->done(a->arg, a->id, a->result, a->message);
			free(a->message);
			free(a);
		} else if ((j = TAILQ_FIRST(&js->runnable)) != NULL) {
			job_dequeue(j);
			run(j);
		} else if (js->shutdown && js->n == 0 && js->shutdown_done != NULL) {
			end_shutdown(js,
			    js->shutdown_failed != NULL ? JOB_FAILED : JOB_DONE,
			    js->shutdown_failed);
		} else {
			break;
		}
	}
	js->settling = false;
}

void
jobs_on_timer(struct jobs *js)
{
	struct buf left = { 0 };
	struct job *j;

	if (js->shutdown_done == NULL)
		return;
	if (clock_mono_us() < js->shutdown_deadline_us) {
		js->ops->timer(js->arg, js->shutdown_deadline_us);
		return;
	}
	/* The units go on with what they do. */
	TAILQ_FOREACH (j, &js->all, link)
		if (j->state != JOB_ENDED)
			buf_addf(&left, "%s%s", left.len > 0 ? ", " : "", j->unit->name);
	end_shutdown(js, JOB_TIMEOUT, buf_str(&left));
	buf_free(&left);
}
