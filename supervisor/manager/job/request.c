/*
 * request: from what is asked for to jobs in the queue.  A request becomes a plan
 * (plan.c), and each part of the plan merges with the job that its unit has already.
 */
#include <assert.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

/* ---- merging ----------------------------------------------------------------- */

static struct job *
install(struct job_unit *u, enum job_type type, const struct job_request *r, bool anchor,
    bool no_order)
{
	struct job *j = job_new(u, type, r, anchor);

	assert(u->job == NULL);
	j->no_order = no_order || (r->mode & JOB_FORCE) != 0;
	u->job = j;
	u->js->ops->queued(u->js->arg, j);
	job_order(j);
	return j;
}

static void
change_type(struct job *j, enum job_type type)
{
	if (j->type == type)
		return;
	j->type = type;
	job_order(j);
}

/* A person asked for what somebody pulled in already. */
static struct job *
join(struct job *j, const struct job_request *r, bool anchor)
{
	if (anchor && j->state == JOB_WAITING) {
		if ((r->mode & JOB_AUTOMATIC) == 0)
			j->mode &= ~(unsigned)JOB_AUTOMATIC;
		if (j->ref == NULL)
			j->ref = xstrdup_opt(r->ref);
		if (j->day == NULL)
			j->day = xstrdup_opt(r->day);
		if (j->log_name == NULL)
			j->log_name = xstrdup_opt(r->log_name);
	}
	return j;
}

static bool
is_down(struct jobs *js, struct job_unit *u)
{
	enum job_unit_state st = js->ops->state(js->arg, u);

	return st == JOB_UNIT_DOWN || st == JOB_UNIT_WAITING;
}

static void
cancel(struct job *j)
{
	job_end(j, JOB_CANCELED, "something else was asked for");
}

/*
 * One job into the queue.  Returns the job that stands for it.
 */
static struct job *
merge_one(struct job_unit *u, enum job_type type, const struct job_request *r,
    bool anchor, bool no_order)
{
	struct jobs *js = u->js;
	struct job *j = u->job;
	bool runs, up_phase;

	if (j == NULL)
		return install(u, type, r, anchor, no_order);
	runs = j->state == JOB_RUNNING;
	up_phase = job_is_startlike(j);
	switch (type) {
	case JOB_START:
		if (j->type != JOB_STOP)
			/* A reload means that it runs, a restart that it will. */
			return join(j, r, anchor);
		/* What may not start now is stopped all the same, and waits then. */
		if (!runs &&
		    (js->ops->is_held == NULL || !js->ops->is_held(js->arg, u))) {
			cancel(j);
			return install(u, type, r, anchor, no_order);
		}
		break;
	case JOB_STOP:
		if (u->next != NULL)
			cancel(u->next);
		if (j->type == JOB_STOP) {
			if ((r->mode & JOB_FORCE) != 0 && (j->mode & JOB_FORCE) == 0) {
				j->mode |= JOB_FORCE;
				j->no_order = true;
				if (runs)
					js->ops->stop(js->arg, u, false, true, j->origin);
				else
					job_order(j);
			}
			return join(j, r, anchor);
		}
		cancel(j);
		return install(u, type, r, anchor, no_order);
	case JOB_RESTART:
		if (j->type == JOB_RESTART && !(runs && up_phase))
			return join(j, r, anchor);
		if (j->type == JOB_STOP && runs) {
			type = JOB_START; /* the stop is on its way already */
			break;
		}
		if (j->type == JOB_START && !runs && is_down(js, u))
			return join(j, r, anchor);
		if (!runs && j->type == JOB_START) {
			change_type(j, JOB_RESTART);
			return join(j, r, anchor);
		}
		if (!runs && j->type == JOB_RELOAD) {
			change_type(j, JOB_RESTART);
			return join(j, r, anchor);
		}
		if (u->next != NULL)
			cancel(u->next);
		cancel(j);
		return install(u, type, r, anchor, no_order);
	case JOB_RELOAD:
		if (j->type != JOB_RELOAD || !runs)
			return join(j, r, anchor);
		break; /* what changed since it began must be read, too */
	default:
		assert(0);
	}
	/* Behind the one that runs. */
	if (u->next != NULL)
		return join(u->next, r, anchor);
	u->next = job_new(u, type, r, anchor);
	u->next->no_order = no_order;
	js->ops->queued(js->arg, u->next);
	return u->next;
}

static struct job *
merge(struct job_unit *u, enum job_type type, const struct job_request *r, bool anchor,
    bool no_order)
{
	struct job *j = merge_one(u, type, r, anchor, no_order);

	if (no_order && !j->no_order) {
		/* It was there before, and is on the cycle that the plan closes. */
		j->no_order = true;
		if (j->state == JOB_WAITING && u->job == j)
			job_order(j);
	}
	return j;
}

/* ---- requests ---------------------------------------------------------------- */

static uint32_t
answer_later(struct jobs *js, job_done_fn *done, void *arg, uint32_t id,
    enum job_result r, const char *message)
{
	struct answer *a;

	if (done == NULL)
		return id;
	a = xcalloc(1, sizeof(*a));
	a->done = done;
	a->arg = arg;
	a->id = id;
	a->result = r;
	a->message = xstrdup_opt(message);
	STAILQ_INSERT_TAIL(&js->answers, a, link);
	jobs_schedule(js);
	return id;
}

uint32_t
job_request(struct jobs *js, struct job_unit *ju, const struct job_request *r,
    job_done_fn *done, void *arg, struct buf *out)
{
	enum job_type type = r->type;
	enum job_unit_state st = js->ops->state(js->arg, ju);
	bool up = st == JOB_UNIT_UP || st == JOB_UNIT_STARTING;
	struct plan p = { 0 };
	struct buf why = { 0 };
	struct job *j, *mine = NULL;
	uint32_t id = 0;
	char *no;

	if (js->shutdown && type != JOB_STOP) {
		buf_adds(&why, "supd is shutting down");
		goto refused;
	}
	if (type == JOB_TRY_RESTART) {
		if (!up && st != JOB_UNIT_WAITING &&
		    (ju->job == NULL || ju->job->type == JOB_STOP))
			return answer_later(
			    js, done, arg, ++js->last_id, JOB_DONE, "it does not run");
		type = JOB_RESTART;
	} else if (type == JOB_RELOAD_OR_RESTART) {
		no = st == JOB_UNIT_UP ? js->ops->reloadable(js->arg, ju) : NULL;
		type = !up                               ? JOB_START
		       : st == JOB_UNIT_UP && no == NULL ? JOB_RELOAD
							 : JOB_RESTART;
		free(no);
	}
	if (type == JOB_RELOAD && ju->job == NULL) {
		no = js->ops->reloadable(js->arg, ju);
		if (no != NULL) {
			buf_adds(&why, no);
			free(no);
			goto refused;
		}
	}
	if (plan_make(js, &p, ju, type, r->mode, &why) == -1)
		goto refused;
	for (size_t i = 0; i < p.n; i++) {
		if (p.v[i].dropped)
			continue;
		j = merge(p.v[i].unit, p.v[i].type, r, i == 0, p.v[i].no_order);
		j->hard = j->hard || p.v[i].hard;
		if (i == 0)
			mine = j;
	}
	plan_clear(&p);
	buf_free(&why);
	if (mine == NULL)
		return answer_later(js, done, arg, 0, JOB_INVALID, "it was left out");
	job_add_waiter(mine, done, arg);
	jobs_schedule(js);
	return mine->id;

refused:
	plan_clear(&p);
	if (out != NULL)
		buf_adds(out, buf_str(&why));
	id = answer_later(js, done, arg, 0, JOB_INVALID, buf_str(&why));
	buf_free(&why);
	return id;
}

void
job_forget_waiters(struct jobs *js, void *arg)
{
	struct answer *a, *anext;
	struct waiter *w, *wnext;
	struct job *j;

	TAILQ_FOREACH (j, &js->all, link) {
		STAILQ_FOREACH_SAFE(w, &j->waiters, link, wnext)
		{
			if (w->arg != arg)
				continue;
			STAILQ_REMOVE(&j->waiters, w, waiter, link);
			free(w);
		}
	}
	STAILQ_FOREACH_SAFE(a, &js->answers, link, anext)
	{
		if (a->arg != arg)
			continue;
		STAILQ_REMOVE(&js->answers, a, answer, link);
		free(a->message);
		free(a);
	}
}

bool
job_cancel(struct jobs *js, uint32_t id)
{
	struct job *j = jobs_find(js, id);
	struct waiter *w;

	if (j == NULL || j->state == JOB_ENDED)
		return false;
	if (j->state == JOB_WAITING) {
		job_end(j, JOB_CANCELED, "canceled");
		return true;
	}
	/* Not from within: who cancels may be in the middle of his own answer. */
	while ((w = STAILQ_FIRST(&j->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&j->waiters, link);
		(void)answer_later(
		    js, w->done, w->arg, j->id, JOB_CANCELED, "canceled; it goes on");
		free(w);
	}
	return false;
}

/* ---- the end of the instance ------------------------------------------------- */

void
jobs_shutdown(struct jobs *js, uint64_t deadline_us, bool order, const char *origin,
    job_done_fn *done, void *arg)
{
	struct job_request r = { .type = JOB_STOP,
		.origin = origin,
		.mode =
		    JOB_NO_DEPS | JOB_AUTOMATIC | (order ? 0U : (unsigned)JOB_FORCE) };
	struct plan p = { 0 };
	struct buf why = { 0 };
	size_t it = 0;
	void *v;

	js->shutdown = true;
	/* Hurried on: who asked first is told with the second, unless it is the same. */
	if (js->shutdown_done != NULL &&
	    (js->shutdown_done != done || js->shutdown_arg != arg))
		answer_later(js, js->shutdown_done, js->shutdown_arg, 0, JOB_CANCELED,
		    "another end was asked for");
	js->shutdown_deadline_us = deadline_us;
	js->shutdown_done = done;
	js->shutdown_arg = arg;
	if (plan_make_all(js, &p, &why) == 0)
		for (size_t i = 0; i < p.n; i++)
			merge(p.v[i].unit, JOB_STOP, &r, true, p.v[i].no_order);
	plan_clear(&p);
	buf_free(&why);
	/* What waits to start, of units that are down, must not. */
	while (map_next(&js->units, &it, NULL, &v)) {
		struct job_unit *u = v;

		if (u->next != NULL)
			cancel(u->next);
		if (u->job != NULL && u->job->type != JOB_STOP)
			cancel(u->job);
	}
	js->ops->timer(js->arg, deadline_us);
	jobs_schedule(js);
}

bool
jobs_is_shutdown(const struct jobs *js)
{
	return js->shutdown;
}
