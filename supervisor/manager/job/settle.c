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
fail_start(void *arg, struct job_unit *u)
{
	const char *text = arg;
	struct job *o = u->job;

	/* A unit that is starting already goes on, without a job. */
	if (o != NULL && job_is_startlike(o) && o->type != JOB_RELOAD)
		job_end(o, JOB_DEPENDENCY, text);
}

static void
fail_starts(struct job_unit *u, const enum unit_dep *deps, size_t n, char *text)
{
	for (size_t k = 0; k < n; k++) {
		job_unit_each(u, deps[k], true, fail_start, text);
		implied_each(u, deps[k], true, fail_start, text);
	}
	free(text);
}

/* What cannot be, now that this job ended so. */
static void
fail_dependents(struct job *j)
{
	static const enum unit_dep needs[] = { DEP_REQUIRES, DEP_BINDS_TO,
		DEP_REQUISITE };
	static const enum unit_dep requisite[] = { DEP_REQUISITE };
	static const enum unit_dep conflicts[] = { DEP_CONFLICTS };
	struct job_unit *u = j->unit;
	const char *why = j->message != NULL ? j->message : job_result_name(j->result);

	if (j->type == JOB_STOP) {
		if (j->result != JOB_DONE && j->result != JOB_CANCELED)
			fail_starts(u, conflicts, 1,
			    xasprintf("%s, which it conflicts with, did not stop: %s",
				u->name, why));
		return;
	}
	if (!job_is_startlike(j) || j->type == JOB_RELOAD)
		return;
	if (j->type == JOB_VERIFY_ACTIVE && j->result != JOB_DONE)
		fail_starts(u, needs, 3,
		    xasprintf(
			"%s, which must run already (Requisite=), does not", u->name));
	else if (j->result != JOB_DONE && j->result != JOB_SKIPPED)
		fail_starts(u, needs, 3,
		    xasprintf("%s, which it requires, did not start: %s", u->name, why));
	/* It was a look at it that became part of a start. */
	else if (j->js->ops->state(j->js->arg, u) == JOB_UNIT_DOWN)
		fail_starts(u, requisite, 1,
		    xasprintf("%s, which must run (Requisite=), ended at once", u->name));
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
		/* The newest is first in the list, and who waits longest is to begin. */
		for (size_t i = freed.n; i-- > 0;)
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

struct bond {
	struct job_unit *u;
	struct job_unit *missing;
};

static void
look_at_bond(void *arg, struct job_unit *other)
{
	struct bond *b = arg;
	const struct jobs *js = b->u->js;

	/* Only what is ordered before it must be there when it starts. */
	if (b->missing == NULL && graph_is_after(b->u, other) &&
	    js->ops->state(js->arg, other) != JOB_UNIT_UP)
		b->missing = other;
}

/* What it is bound to was up, and is not any more. */
static bool
is_unbound(struct job *j)
{
	struct bond b = { .u = j->unit };
	char *text;

	job_unit_each(j->unit, DEP_BINDS_TO, false, look_at_bond, &b);
	if (b.missing == NULL || j->no_order || (j->mode & JOB_NO_DEPS) != 0)
		return false;
	text = xasprintf("%s, which it is bound to, is not up", b.missing->name);
	job_end(j, JOB_DEPENDENCY, text);
	free(text);
	return true;
}

static void
run_start(struct job *j, const struct job_request *r)
{
	struct jobs *js = j->js;
	/* Files and wishes may have changed while it waited. */
	char *no = js->ops->startable(js->arg, j->unit);

	if (no != NULL)
		job_end(j, JOB_INVALID, no);
	else if (js->ops->state(js->arg, j->unit) == JOB_UNIT_UP || !is_unbound(j))
		js->ops->start(js->arg, j->unit, r);
	free(no);
}

static void
run_reload(struct job *j)
{
	struct jobs *js = j->js;
	char *no = js->ops->reloadable(js->arg, j->unit);

	if (no != NULL)
		job_end(j, JOB_INVALID, no);
	else
		js->ops->reload(js->arg, j->unit, j->origin);
	free(no);
}

/* Something else than its turn must come first: jobs_unit_changed looks again. */
static bool
must_wait(const struct job *j, bool start, enum job_unit_state st)
{
	const struct jobs *js = j->js;
	struct job_unit *u = j->unit;

	/* It stops by itself. */
	if (start && st == JOB_UNIT_STOPPING)
		return true;
	if (start && st != JOB_UNIT_UP && js->ops->is_held != NULL &&
	    js->ops->is_held(js->arg, u))
		return true;
	if (start && st != JOB_UNIT_UP && js->ops->is_delayed != NULL &&
	    js->ops->is_delayed(js->arg, u))
		return true;
	if (j->type == JOB_VERIFY_ACTIVE)
		return st == JOB_UNIT_STARTING;
	if (!start && j->type != JOB_STOP && js->ops->is_frozen != NULL &&
	    js->ops->is_frozen(js->arg, u))
		return true;
	return j->type == JOB_RELOAD &&
	       (st == JOB_UNIT_STARTING || st == JOB_UNIT_STOPPING);
}

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
		.log_name = j->log_name,
		.env = j->env,
		.run = j->run,
		.job = j->id,
		.pid = j->pid,
		.pid_ticks = j->pid_ticks };
	bool start = j->type == JOB_START || (j->type == JOB_RESTART && j->start_phase);
	enum job_unit_state st = js->ops->state(js->arg, u);

	if (must_wait(j, start, st))
		return;
	j->state = JOB_RUNNING;
	if (j->began_us == 0) {
		j->began_us = clock_mono_us();
		js->ops->began(js->arg, j);
		job_begin_time(j, true);
	}
	if (start)
		run_start(j, &r);
	else if (j->type == JOB_VERIFY_ACTIVE)
		job_end(j, st == JOB_UNIT_UP ? JOB_DONE : JOB_SKIPPED,
		    st == JOB_UNIT_UP ? NULL : "it is not up");
	else if (j->type == JOB_RELOAD)
		run_reload(j);
	else
		js->ops->stop(js->arg, u, j->type == JOB_RESTART,
		    (j->mode & JOB_FORCE) != 0, j->origin);
}

static void
end_shutdown(struct jobs *js, enum job_result r, const char *message)
{
	job_done_fn *done = js->shutdown_done;

	js->shutdown_done = NULL;
	js->shutdown_deadline_us = UINT64_MAX;
	jobs_arm(js);
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
			/* What waits for this deed is known before it is done. */
			jobs_keep_new(js, j);
			job_dequeue(j);
			run(j);
			/* It has its turn, and something else must come first. */
			if (j->state == JOB_WAITING)
				job_keep(j);
		} else if (js->shutdown && js->n == 0 && js->shutdown_done != NULL) {
			end_shutdown(js,
			    js->shutdown_failed != NULL ? JOB_FAILED : JOB_DONE,
			    js->shutdown_failed);
		} else {
			break;
		}
	}
	jobs_keep_new(js, NULL);
	js->settling = false;
}

void
jobs_arm(struct jobs *js)
{
	const struct job *first = RB_MIN(job_tree, &js->deadlines);
	uint64_t at_us = js->shutdown_deadline_us;

	if (first != NULL && first->deadline_us < at_us)
		at_us = first->deadline_us;
	if (at_us == js->armed_us)
		return;
	js->armed_us = at_us;
	js->ops->timer(js->arg, at_us);
}

/* JobTimeoutSec=, JobRunningTimeoutSec=: the unit goes on with what it does. */
static void
end_late_jobs(struct jobs *js)
{
	uint64_t now_us = clock_mono_us();
	struct job *j;

	while (
	    (j = RB_MIN(job_tree, &js->deadlines)) != NULL && j->deadline_us <= now_us) {
		job_end(j, JOB_TIMEOUT, "the time of the job is over");
		if (js->ops->timed_out != NULL)
			js->ops->timed_out(js->arg, j);
	}
}

static void
end_late_shutdown(struct jobs *js)
{
	struct buf left = { 0 };
	struct job *j;

	/* The units go on with what they do. */
	TAILQ_FOREACH (j, &js->all, link)
		if (j->state != JOB_ENDED)
			buf_addf(&left, "%s%s", left.len > 0 ? ", " : "", j->unit->name);
	end_shutdown(js, JOB_TIMEOUT, buf_str(&left));
	buf_free(&left);
}

void
jobs_on_timer(struct jobs *js)
{
	js->armed_us = UINT64_MAX;
	end_late_jobs(js);
	if (js->shutdown_done != NULL && clock_mono_us() >= js->shutdown_deadline_us)
		end_late_shutdown(js);
	jobs_arm(js);
}
