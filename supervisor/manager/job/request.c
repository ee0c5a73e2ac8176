/*
 * request: from what is asked for to jobs in the queue.  A request becomes a plan
 * (plan.c), and each part of the plan merges with the job that its unit has already.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
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
	job_begin_time(j, false);
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
	const struct job_ops *ops = j->js->ops;

	j->irreversible = j->irreversible || r->how == JOB_REPLACE_IRREVERSIBLY;
	if (anchor && ops->merged != NULL && r->run != NULL &&
	    strcmp(j->run, r->run) != 0)
		ops->merged(j->js->arg, j, r);
	if (anchor && j->state == JOB_WAITING) {
		if ((r->mode & JOB_AUTOMATIC) == 0)
			j->mode &= ~(unsigned)JOB_AUTOMATIC;
		if (j->ref == NULL)
			j->ref = xstrdup_opt(r->ref);
		if (j->day == NULL)
			j->day = xstrdup_opt(r->day);
		if (j->log_name == NULL)
			j->log_name = xstrdup_opt(r->log_name);
		/* Of several that wanted it nobody knows which one it was. */
		if (j->env == NULL) {
			j->env = xstrdup_opt(r->env);
		} else if (r->env != NULL && strcmp(j->env, r->env) != 0) {
			free(j->env);
			j->env = xstrdup("");
		}
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
		if (j->type == JOB_VERIFY_ACTIVE)
			change_type(j, JOB_START);
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
		if (j->type == JOB_VERIFY_ACTIVE) {
			change_type(j, JOB_RESTART);
			return join(j, r, anchor);
		}
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
		if (j->type == JOB_VERIFY_ACTIVE)
			change_type(j, JOB_RELOAD);
		if (j->type != JOB_RELOAD || !runs)
			return join(j, r, anchor);
		break; /* what changed since it began must be read, too */
	case JOB_VERIFY_ACTIVE:
		if (j->type != JOB_STOP)
			return join(j, r, anchor);
		if (!runs) {
			cancel(j);
			return install(u, type, r, anchor, no_order);
		}
		break; /* what stops just now is not there */
	default:
		assert(0);
	}
	/* Behind the one that runs. */
	if (u->next != NULL)
		return join(u->next, r, anchor);
	u->next = job_new(u, type, r, anchor);
	u->next->no_order = no_order;
	js->ops->queued(js->arg, u->next);
	job_begin_time(u->next, false);
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

/* What is asked for, by what the unit does now.  0: a plan is to be made for *type;
 * 1: nothing is to be done, why says it; -1: refused, why says it. */
static int
settle_type(struct jobs *js, struct job_unit *ju, enum job_type *type, struct buf *why)
{
	enum job_unit_state st = js->ops->state(js->arg, ju);
	bool up = st == JOB_UNIT_UP || st == JOB_UNIT_STARTING;
	bool reload_only = *type == JOB_RELOAD;
	char *no;

	if (*type == JOB_TRY_RESTART || *type == JOB_TRY_RELOAD_OR_RESTART) {
		if (!up && st != JOB_UNIT_WAITING &&
		    (ju->job == NULL || ju->job->type == JOB_STOP)) {
			buf_adds(why, "it does not run");
			return 1;
		}
		*type = *type == JOB_TRY_RESTART ? JOB_RESTART : JOB_RELOAD_OR_RESTART;
	}
	if (*type == JOB_RELOAD_OR_RESTART) {
		no = st == JOB_UNIT_UP ? js->ops->reloadable(js->arg, ju) : NULL;
		*type = !up                               ? JOB_START
			: st == JOB_UNIT_UP && no == NULL ? JOB_RELOAD
							  : JOB_RESTART;
		free(no);
	}
	if (reload_only && ju->job == NULL) {
		no = js->ops->reloadable(js->arg, ju);
		if (no != NULL) {
			buf_adds(why, no);
			free(no);
			return -1;
		}
	}
	return 0;
}

/* A mode that is not for that type. */
static bool
how_fits(struct job_unit *ju, const struct job_request *r, struct buf *why)
{
	const struct jobs *js = ju->js;
	bool start = r->type == JOB_START;

	if ((r->how == JOB_ISOLATE || r->how == JOB_RESTART_DEPENDENCIES) && !start)
		buf_addf(why, "the mode %s is only for a start", job_how_name(r->how));
	else if (r->how == JOB_TRIGGERING && r->type != JOB_STOP)
		buf_addf(why, "the mode %s is only for a stop", job_how_name(r->how));
	else if (r->how == JOB_ISOLATE && js->ops->may_isolate != NULL &&
		 !js->ops->may_isolate(js->arg, ju))
		buf_addf(
		    why, "%s is not to be isolated (AllowIsolate= is not set)", ju->name);
	else
		return true;
	return false;
}

/* What is queued and not part of the plan. */
static void
flush_others(struct jobs *js, const struct plan *p)
{
	struct job *j, *next;

	TAILQ_FOREACH_SAFE (j, &js->all, link, next) {
		if (j->state == JOB_ENDED || plan_item_of(p, j->unit) != PLAN_NONE)
			continue;
		if (p->r->how == JOB_ISOLATE && js->ops->is_spared != NULL &&
		    js->ops->is_spared(js->arg, j->unit))
			continue;
		cancel(j);
	}
}

/* The jobs of the plan into the queue; returns that of its anchor. */
static struct job *
carry_out(struct jobs *js, const struct plan *p)
{
	const struct job_request *r = p->r;
	const struct plan_item *it = &p->v[0];
	struct job *mine, *j;

	if (r->how == JOB_ISOLATE || r->how == JOB_FLUSH)
		flush_others(js, p);
	assert(it->left_out == NULL);
	mine = merge(it->unit, it->type, r, true, it->no_order);
	mine->hard = mine->hard || it->chain;
	for (uint32_t i = 1; i < p->n; i++) {
		it = &p->v[i];
		if (it->left_out != NULL)
			continue;
		j = merge(it->unit, it->type, r, false, it->no_order);
		j->hard = j->hard || it->chain;
	}
	return mine;
}

/* The plan of a request; returns as settle_type. */
static int
make_plan(struct jobs *js, struct plan *p, struct job_unit *ju,
    const struct job_request *r, struct buf *why)
{
	enum job_type type = r->type;
	int rc;

	if (js->shutdown && type != JOB_STOP) {
		buf_adds(why, "supd is shutting down");
		return -1;
	}
	if (!how_fits(ju, r, why))
		return -1;
	rc = settle_type(js, ju, &type, why);
	return rc != 0 ? rc : plan_make(js, p, ju, r, type, why);
}

uint32_t
job_request(struct jobs *js, struct job_unit *ju, const struct job_request *r,
    job_done_fn *done, void *arg, struct buf *out)
{
	struct plan p = { 0 };
	struct buf why = { 0 };
	struct job_request mine_of_run = *r;
	char run[RUN_ID_SIZE];
	uint32_t id = 0;
	struct job *mine;
	int rc;

	/* All that it pulls in is of the one run. */
	if (!run_id_is(r->run))
		mine_of_run.run = run_id_make(run);
	rc = make_plan(js, &p, ju, &mine_of_run, &why);

	if (rc == 0) {
		mine = carry_out(js, &p);
		id = mine->id;
		job_add_waiter(mine, done, arg);
		jobs_schedule(js);
	} else if (rc == 1) {
		id = answer_later(js, done, arg, ++js->last_id, JOB_DONE, buf_str(&why));
	} else {
		if (out != NULL)
			buf_adds(out, buf_str(&why));
		(void)answer_later(js, done, arg, 0, JOB_INVALID, buf_str(&why));
	}
	plan_clear(&p);
	buf_free(&why);
	return id;
}

int
job_plan(struct jobs *js, struct job_unit *ju, const struct job_request *r,
    job_plan_fn *fn, void *arg, struct buf *out)
{
	struct plan p = { .quiet = true };
	struct job_planned own = { .unit = ju, .type = r->type, .because = "asked for" };
	struct buf why = { 0 };
	int rc = make_plan(js, &p, ju, r, &why);

	if (rc == 0) {
		preview(&p, fn, arg);
	} else if (rc == 1) {
		own.left_out = buf_str(&why);
		fn(arg, &own);
	} else {
		buf_adds(out, buf_str(&why));
	}
	plan_clear(&p);
	buf_free(&why);
	return rc == -1 ? -1 : 0;
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
	plan_make_all(js, &p, &r);
	for (uint32_t i = 0; i < p.n; i++)
		merge(p.v[i].unit, JOB_STOP, &r, true, p.v[i].no_order);
	plan_clear(&p);
	/* What waits to start, of units that are down, must not. */
	while (map_next(&js->units, &it, NULL, &v)) {
		struct job_unit *u = v;

		if (u->next != NULL)
			cancel(u->next);
		if (u->job != NULL && u->job->type != JOB_STOP)
			cancel(u->job);
	}
	jobs_arm(js);
	jobs_schedule(js);
}

bool
jobs_is_shutdown(const struct jobs *js)
{
	return js->shutdown;
}
