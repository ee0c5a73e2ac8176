#include "manager/job/job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

static const char *const type_names[JOB_NTYPES] = {
	[JOB_START] = "start",
	[JOB_STOP] = "stop",
	[JOB_RESTART] = "restart",
	[JOB_TRY_RESTART] = "try-restart",
	[JOB_RELOAD] = "reload",
	[JOB_RELOAD_OR_RESTART] = "reload-or-restart",
};
static const char *const result_names[JOB_NRESULTS] = {
	[JOB_DONE] = "done",
	[JOB_CANCELED] = "canceled",
	[JOB_TIMEOUT] = "timeout",
	[JOB_FAILED] = "failed",
	[JOB_DEPENDENCY] = "dependency",
	[JOB_SKIPPED] = "skipped",
	[JOB_INVALID] = "invalid",
};

const char *
job_type_name(enum job_type type)
{
	return (unsigned)type < JOB_NTYPES ? type_names[type] : "?";
}

const char *
job_result_name(enum job_result result)
{
	return (unsigned)result < JOB_NRESULTS ? result_names[result] : "?";
}

bool
job_is_startlike(const struct job *j)
{
	return j->type == JOB_START || j->type == JOB_RELOAD ||
	       (j->type == JOB_RESTART && j->start_phase);
}

/* ---- life -------------------------------------------------------------------- */

struct jobs *
jobs_new(const struct job_ops *ops, void *arg)
{
	struct jobs *js = xcalloc(1, sizeof(*js));

	js->ops = ops;
	js->arg = arg;
	js->armed_us = UINT64_MAX;
	js->shutdown_deadline_us = UINT64_MAX;
	TAILQ_INIT(&js->all);
	TAILQ_INIT(&js->runnable);
	TAILQ_INIT(&js->ended);
	STAILQ_INIT(&js->answers);
	return js;
}

static void
waits_clear(struct waits *w, bool mine)
{
	struct wait *x;

	while ((x = LIST_FIRST(w)) != NULL) {
		assert(mine || x->later->npending > 0);
		x->later->npending--;
		LIST_REMOVE(x, of_first);
		LIST_REMOVE(x, of_later);
		free(x);
	}
}

static void
dequeue(struct job *j)
{
	if (!j->queued)
		return;
	if (j->state == JOB_ENDED)
		TAILQ_REMOVE(&j->js->ended, j, ready);
	else
		TAILQ_REMOVE(&j->js->runnable, j, ready);
	j->queued = false;
}

static void
job_free(struct job *j)
{
	struct waiter *w;

	dequeue(j);
	waits_clear(&j->before_me, true);
	waits_clear(&j->after_me, false);
	if (j->unit->job == j)
		j->unit->job = NULL;
	if (j->unit->next == j)
		j->unit->next = NULL;
	TAILQ_REMOVE(&j->js->all, j, link);
	j->js->n--;
	if (j->deadline_us != UINT64_MAX)
		j->js->ndeadlines--;
	while ((w = STAILQ_FIRST(&j->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&j->waiters, link);
		free(w);
	}
	free(j->origin);
	free(j->ref);
	free(j->day);
	free(j->log_name);
	free(j->message);
	free(j);
}

void
job_unit_free(void *p)
{
	struct job_unit *u = p;

	free(u->deps.v);
	free(u->inverse.v);
	free(u->name);
	free(u);
}

static void
call_waiters(struct job *j, enum job_result r, const char *message)
{
	struct waiters mine;
	struct waiter *w;

	/* Taken first: a waiter may ask for something new. */
	STAILQ_INIT(&mine);
	STAILQ_CONCAT(&mine, &j->waiters);
	while ((w = STAILQ_FIRST(&mine)) != NULL) {
		STAILQ_REMOVE_HEAD(&mine, link);
		w->done(w->arg, j->id, r, message);
		free(w);
	}
}

void
jobs_free(struct jobs *js)
{
	struct answer *a;
	struct job *j;

	if (js == NULL)
		return;
	js->settling = true;
	while ((j = TAILQ_FIRST(&js->all)) != NULL) {
		call_waiters(j, JOB_CANCELED, "supd ends");
		job_free(j);
	}
	while ((a = STAILQ_FIRST(&js->answers)) != NULL) {
		STAILQ_REMOVE_HEAD(&js->answers, link);
		a->done(a->arg, a->id, a->result, a->message);
		free(a->message);
		free(a);
	}
	map_clear(&js->units, job_unit_free);
	free(js->shutdown_failed);
	free(js);
}

static void
schedule(struct jobs *js)
{
	if (!js->settling)
		js->ops->schedule(js->arg);
}

/* ---- order ------------------------------------------------------------------- */

struct order {
	struct job *j;
	bool other_first; /* the other unit is ordered before ours */
};

static void
add_wait(struct job *first, struct job *later)
{
	struct wait *w;

	LIST_FOREACH (w, &later->before_me, of_later)
		if (w->first == first)
			return;
	w = xcalloc(1, sizeof(*w));
	w->first = first;
	w->later = later;
	LIST_INSERT_HEAD(&first->after_me, w, of_first);
	LIST_INSERT_HEAD(&later->before_me, w, of_later);
	later->npending++;
}

static void
order_with(struct job *a, struct job *b, bool b_first)
{
	bool sa, sb;

	if (a == b || a->state == JOB_ENDED || b->state == JOB_ENDED || a->no_order ||
	    b->no_order)
		return;
	sa = job_is_startlike(a);
	sb = job_is_startlike(b);
	if (sa != sb) {
		/* What stops goes first. */
		if (sa && a->state == JOB_WAITING)
			add_wait(b, a);
		else if (sb && b->state == JOB_WAITING)
			add_wait(a, b);
	} else if (sa == b_first) {
		if (a->state == JOB_WAITING)
			add_wait(b, a);
	} else if (b->state == JOB_WAITING) {
		add_wait(a, b);
	}
}

static void
order_unit(void *arg, struct job_unit *u)
{
	struct order *o = arg;

	if (u->job != NULL)
		order_with(o->j, u->job, o->other_first);
}

static void
make_runnable(struct job *j)
{
	if (j->queued || j->state != JOB_WAITING || j->npending > 0 || j->unit->job != j)
		return;
	TAILQ_INSERT_TAIL(&j->js->runnable, j, ready);
	j->queued = true;
	schedule(j->js);
}

/* (Re)make what j waits for and what waits for it. */
static void
order_job(struct job *j)
{
	struct order o = { .j = j, .other_first = true };
	struct wait *w, *next;

	dequeue(j);
	waits_clear(&j->before_me, true);
	for (w = LIST_FIRST(&j->after_me); w != NULL; w = next) {
		struct job *later = w->later;

		next = LIST_NEXT(w, of_first);
		LIST_REMOVE(w, of_first);
		LIST_REMOVE(w, of_later);
		later->npending--;
		free(w);
		make_runnable(later);
	}
	graph_each_before(j->unit, order_unit, &o);
	o.other_first = false;
	graph_each_after(j->unit, order_unit, &o);
	/* What was runnable may have to wait again. */
	LIST_FOREACH (w, &j->after_me, of_first)
		dequeue(w->later);
	make_runnable(j);
}

/* ---- making and ending jobs -------------------------------------------------- */

static char *
dup_or_null(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

static struct job *
job_new(struct job_unit *u, enum job_type type, const struct job_request *r, bool anchor)
{
	struct jobs *js = u->js;
	struct job *j = xcalloc(1, sizeof(*j));

	j->js = js;
	j->unit = u;
	j->id = ++js->last_id != 0 ? js->last_id : ++js->last_id;
	j->type = type;
	j->mode = r->mode;
	j->origin = dup_or_null(r->origin);
	if (anchor) {
		j->ref = dup_or_null(r->ref);
		j->day = dup_or_null(r->day);
		j->log_name = dup_or_null(r->log_name);
	} else {
		/* Pulled in: nobody asked for this one by name. */
		j->mode |= JOB_AUTOMATIC;
	}
	j->since_us = clock_mono_us();
	j->since_wall_us = clock_wall_us();
	j->deadline_us = UINT64_MAX;
	STAILQ_INIT(&j->waiters);
	LIST_INIT(&j->before_me);
	LIST_INIT(&j->after_me);
	TAILQ_INSERT_TAIL(&js->all, j, link);
	js->n++;
	return j;
}

static void
job_end(struct job *j, enum job_result r, const char *message)
{
	if (j->state == JOB_ENDED)
		return;
	dequeue(j);
	j->state = JOB_ENDED;
	j->result = r;
	free(j->message);
	j->message = dup_or_null(message != NULL && message[0] != '\0' ? message : NULL);
	TAILQ_INSERT_TAIL(&j->js->ended, j, ready);
	j->queued = true;
	/* From here on the unit is free for another one. */
	if (j->unit->job == j) {
		j->unit->job = j->unit->next;
		j->unit->next = NULL;
		if (j->unit->job != NULL)
			order_job(j->unit->job);
	} else if (j->unit->next == j) {
		j->unit->next = NULL;
	}
	schedule(j->js);
}

static void
add_waiter(struct job *j, job_done_fn *done, void *arg)
{
	struct waiter *w;

	if (done == NULL)
		return;
	w = xcalloc(1, sizeof(*w));
	w->done = done;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&j->waiters, w, link);
}

static struct job *
install(struct job_unit *u, enum job_type type, const struct job_request *r, bool anchor,
    bool no_order)
{
	struct job *j = job_new(u, type, r, anchor);

	assert(u->job == NULL);
	j->no_order = no_order || (r->mode & JOB_FORCE) != 0;
	u->job = j;
	u->js->ops->queued(u->js->arg, j);
	order_job(j);
	return j;
}

static void
change_type(struct job *j, enum job_type type)
{
	if (j->type == type)
		return;
	j->type = type;
	order_job(j);
}

/* A person asked for what somebody pulled in already. */
static struct job *
join(struct job *j, const struct job_request *r, bool anchor)
{
	if (anchor && j->state == JOB_WAITING) {
		if ((r->mode & JOB_AUTOMATIC) == 0)
			j->mode &= ~(unsigned)JOB_AUTOMATIC;
		if (j->ref == NULL)
			j->ref = dup_or_null(r->ref);
		if (j->day == NULL)
			j->day = dup_or_null(r->day);
		if (j->log_name == NULL)
			j->log_name = dup_or_null(r->log_name);
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
		if (!runs) {
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
					order_job(j);
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
			order_job(j);
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
	a->message = dup_or_null(message);
	STAILQ_INSERT_TAIL(&js->answers, a, link);
	schedule(js);
	return id;
}

static void
rearm(struct jobs *js)
{
	uint64_t first = js->shutdown_deadline_us;
	struct job *j;

	if (js->ndeadlines > 0)
		TAILQ_FOREACH (j, &js->all, link)
			if (j->deadline_us < first && j->state != JOB_ENDED)
				first = j->deadline_us;
	if (first == js->armed_us)
		return;
	js->armed_us = first;
	js->ops->timer(js->arg, first);
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
		if (i == 0)
			mine = j;
	}
	plan_clear(&p);
	buf_free(&why);
	if (mine == NULL)
		return answer_later(js, done, arg, 0, JOB_INVALID, "it was left out");
	add_waiter(mine, done, arg);
	if (r->timeout_us != 0) {
		uint64_t d = clock_add_us(clock_mono_us(), r->timeout_us);

		if (mine->deadline_us == UINT64_MAX)
			js->ndeadlines++;
		if (d < mine->deadline_us)
			mine->deadline_us = d;
	}
	rearm(js);
	schedule(js);
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

	if (j == NULL || j->state == JOB_ENDED)
		return false;
	if (j->state == JOB_WAITING) {
		job_end(j, JOB_CANCELED, "canceled");
		return true;
	}
	call_waiters(j, JOB_CANCELED, "canceled; it goes on");
	return false;
}

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
			order_job(j);
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
		make_runnable(ju->job);
}

/* ---- settling ---------------------------------------------------------------- */

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

		dequeue(j);
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
		waits_clear(&j->after_me, false);
		for (size_t i = 0; i < freed.n; i++)
			if (freed.v[i]->job != NULL)
				make_runnable(freed.v[i]->job);
		free(freed.v);
		js->ops->ended(js->arg, j, j->result, j->message);
		call_waiters(j, j->result, j->message);
		unit = j->unit;
		job_free(j);
		if (unit->data == NULL)
			jobs_unit_release(js, unit->name);
	}
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
		.log_name = j->log_name };
	bool start = j->type == JOB_START || (j->type == JOB_RESTART && j->start_phase);
	enum job_unit_state st;
	char *no;

	/* It stops by itself: jobs_unit_changed comes when it is down. */
	st = js->ops->state(js->arg, u);
	if (start && st == JOB_UNIT_STOPPING)
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
	rearm(js);
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
			dequeue(j);
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
	rearm(js);
}

void
jobs_on_timer(struct jobs *js)
{
	uint64_t now = clock_mono_us();
	struct buf left = { 0 };
	struct job *j;

	js->armed_us = UINT64_MAX;
	TAILQ_FOREACH (j, &js->all, link) {
		if (j->state == JOB_ENDED || j->deadline_us > now)
			continue;
		/* The unit goes on with what it does. */
		job_end(j, JOB_TIMEOUT,
		    j->state == JOB_RUNNING ? "it took too long; it goes on"
					    : "it waited too long for other jobs");
	}
	if (js->shutdown_done != NULL && now >= js->shutdown_deadline_us) {
		TAILQ_FOREACH (j, &js->all, link)
			if (j->state != JOB_ENDED)
				buf_addf(&left, "%s%s", left.len > 0 ? ", " : "",
				    j->unit->name);
		end_shutdown(js, JOB_TIMEOUT, buf_str(&left));
		buf_free(&left);
	}
	jobs_settle(js);
	rearm(js);
}

/* ---- the end of the instance ------------------------------------------------- */

void
jobs_shutdown(struct jobs *js, uint64_t deadline_us, bool order, const char *origin,
    job_done_fn *done, void *arg)
{
	struct job_request r = { .type = JOB_STOP,
		.origin = origin,
		.mode = JOB_NO_DEPS | (order ? 0U : (unsigned)JOB_FORCE) };
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
	rearm(js);
	schedule(js);
}

bool
jobs_is_shutdown(const struct jobs *js)
{
	return js->shutdown;
}

/* ---- questions --------------------------------------------------------------- */

size_t
jobs_count(const struct jobs *js)
{
	return js->n;
}

struct job *
jobs_find(struct jobs *js, uint32_t id)
{
	struct job *j;

	TAILQ_FOREACH (j, &js->all, link)
		if (j->id == id)
			return j;
	return NULL;
}

struct job *
job_unit_job(struct job_unit *ju)
{
	return ju->job;
}

void
jobs_each(struct jobs *js, job_fn *fn, void *arg)
{
	struct job *j;

	TAILQ_FOREACH (j, &js->all, link)
		if (j->state != JOB_ENDED)
			fn(arg, j);
}

uint32_t
job_id(const struct job *j)
{
	return j->id;
}

struct job_unit *
job_of(const struct job *j)
{
	return j->unit;
}

enum job_type
job_type(const struct job *j)
{
	return j->type;
}

bool
job_is_running(const struct job *j)
{
	return j->state == JOB_RUNNING;
}

const char *
job_origin(const struct job *j)
{
	return j->origin != NULL ? j->origin : "";
}

uint64_t
job_since_us(const struct job *j)
{
	return j->since_us;
}

uint64_t
job_since_wall_us(const struct job *j)
{
	return j->since_wall_us;
}

uint64_t
job_began_us(const struct job *j)
{
	return j->began_us;
}

void
job_waits_for(const struct job *j, job_unit_fn *fn, void *arg)
{
	struct wait *w;

	LIST_FOREACH (w, &j->before_me, of_later)
		fn(arg, w->first->unit);
	if (j->unit->job != NULL && j->unit->job != j)
		fn(arg, j->unit);
}
