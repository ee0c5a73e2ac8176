/*
 * job: one job: its life, its place in the order of the others, and what it answers.
 * request.c makes jobs of what is asked for, settle.c carries them out.
 */
#include "manager/job/job.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

int
job_tree_cmp(struct job *a, struct job *b)
{
	if (a->deadline_us != b->deadline_us)
		return a->deadline_us < b->deadline_us ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

RB_GENERATE(job_tree, job, by_deadline, job_tree_cmp)

bool
job_is_startlike(const struct job *j)
{
	return j->type == JOB_START || j->type == JOB_RELOAD ||
	       j->type == JOB_VERIFY_ACTIVE || (j->type == JOB_RESTART && j->start_phase);
}

/* ---- life -------------------------------------------------------------------- */

struct jobs *
jobs_new(const struct job_ops *ops, void *arg)
{
	struct jobs *js = xcalloc(1, sizeof(*js));

	js->ops = ops;
	js->arg = arg;
	js->shutdown_deadline_us = js->armed_us = UINT64_MAX;
	TAILQ_INIT(&js->all);
	TAILQ_INIT(&js->runnable);
	TAILQ_INIT(&js->ended);
	RB_INIT(&js->deadlines);
	STAILQ_INIT(&js->answers);
	implied_init(js);
	return js;
}

struct job *
job_new(struct job_unit *u, enum job_type type, const struct job_request *r, bool anchor)
{
	struct jobs *js = u->js;
	struct job *j = xcalloc(1, sizeof(*j));

	j->js = js;
	j->unit = u;
	j->id = ++js->last_id != 0 ? js->last_id : ++js->last_id;
	j->type = type;
	j->mode = r->mode;
	j->how = r->how;
	j->irreversible = r->how == JOB_REPLACE_IRREVERSIBLY;
	j->deadline_us = UINT64_MAX;
	j->origin = xstrdup_opt(r->origin);
	if (run_id_is(r->run))
		strlcpy(j->run, r->run, sizeof(j->run));
	else
		run_id_make(j->run);
	if (anchor) {
		j->ref = xstrdup_opt(r->ref);
		j->day = xstrdup_opt(r->day);
		j->log_name = xstrdup_opt(r->log_name);
		j->env = xstrdup_opt(r->env);
		j->pid = r->pid;
		j->pid_ticks = r->pid_ticks;
	} else {
		/* Pulled in: nobody asked for this one by name. */
		j->mode |= JOB_AUTOMATIC;
	}
	j->since_us = clock_mono_us();
	j->since_wall_us = clock_wall_us();
	STAILQ_INIT(&j->waiters);
	LIST_INIT(&j->before_me);
	LIST_INIT(&j->after_me);
	TAILQ_INSERT_TAIL(&js->all, j, link);
	js->n++;
	return j;
}

void
job_add_waiter(struct job *j, job_done_fn *done, void *arg)
{
	struct waiter *w;

	if (done == NULL)
		return;
	w = xcalloc(1, sizeof(*w));
	w->done = done;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&j->waiters, w, link);
}

/* ---- time -------------------------------------------------------------------- */

static void
set_deadline(struct job *j, uint64_t deadline_us)
{
	if (j->deadline_us == deadline_us)
		return;
	if (j->deadline_us != UINT64_MAX)
		RB_REMOVE(job_tree, &j->js->deadlines, j);
	j->deadline_us = deadline_us;
	if (deadline_us != UINT64_MAX)
		RB_INSERT(job_tree, &j->js->deadlines, j);
	jobs_arm(j->js);
}

void
job_begin_time(struct job *j, bool running)
{
	uint64_t queued_us = UINT64_MAX, running_us = UINT64_MAX, end_us;
	const struct job_ops *ops = j->js->ops;

	if (ops->timeouts == NULL)
		return;
	ops->timeouts(j->js->arg, j->unit, &queued_us, &running_us);
	end_us = clock_add_us(clock_mono_us(), running ? running_us : queued_us);
	/* The time of the waiting goes on while it runs. */
	if (end_us < j->deadline_us)
		set_deadline(j, end_us);
}

/* ---- its end ----------------------------------------------------------------- */

void
job_free(struct job *j)
{
	struct waiter *w;

	set_deadline(j, UINT64_MAX);
	job_dequeue(j);
	job_waits_clear(&j->before_me, true);
	job_waits_clear(&j->after_me, false);
	if (j->unit->job == j)
		j->unit->job = NULL;
	if (j->unit->next == j)
		j->unit->next = NULL;
	TAILQ_REMOVE(&j->js->all, j, link);
	j->js->n--;
	while ((w = STAILQ_FIRST(&j->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&j->waiters, link);
		free(w);
	}
	free(j->origin);
	free(j->ref);
	free(j->day);
	free(j->log_name);
	free(j->env);
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

void
job_call_waiters(struct job *j, enum job_result r, const char *message)
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
		job_call_waiters(j, JOB_CANCELED, "supd ends");
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

void
jobs_schedule(struct jobs *js)
{
	if (!js->settling)
		js->ops->schedule(js->arg);
}

void
job_end(struct job *j, enum job_result r, const char *message)
{
	if (j->state == JOB_ENDED)
		return;
	job_dequeue(j);
	set_deadline(j, UINT64_MAX);
	j->state = JOB_ENDED;
	j->result = r;
	free(j->message);
	j->message = xstrdup_opt(message != NULL && message[0] != '\0' ? message : NULL);
	TAILQ_INSERT_TAIL(&j->js->ended, j, ready);
	j->queued = true;
	/* From here on the unit is free for another one. */
	if (j->unit->job == j) {
		j->unit->job = j->unit->next;
		j->unit->next = NULL;
		if (j->unit->job != NULL)
			job_order(j->unit->job);
	} else if (j->unit->next == j) {
		j->unit->next = NULL;
	}
	jobs_schedule(j->js);
}

/* ---- order ------------------------------------------------------------------- */

void
job_dequeue(struct job *j)
{
	if (!j->queued)
		return;
	if (j->state == JOB_ENDED)
		TAILQ_REMOVE(&j->js->ended, j, ready);
	else
		TAILQ_REMOVE(&j->js->runnable, j, ready);
	j->queued = false;
}

void
job_waits_clear(struct waits *w, bool mine)
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

struct order {
	struct job *j;
	bool other_first; /* the other unit is ordered before ours */
};

static void
add_wait(struct job *first, struct job *later)
{
	const struct wait *a = LIST_FIRST(&later->before_me);
	const struct wait *b = LIST_FIRST(&first->after_me);
	struct wait *w;

	/* By the shorter list: the other may be that of thousands. */
	for (; a != NULL && b != NULL;
	     a = LIST_NEXT(a, of_later), b = LIST_NEXT(b, of_first))
		if (a->first == first || b->later == later)
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

void
job_make_runnable(struct job *j)
{
	if (j->queued || j->state != JOB_WAITING || j->npending > 0 || j->unit->job != j)
		return;
	/* What fails at once is to fail before anything is begun for it. */
	if (j->type == JOB_VERIFY_ACTIVE)
		TAILQ_INSERT_HEAD(&j->js->runnable, j, ready);
	else
		TAILQ_INSERT_TAIL(&j->js->runnable, j, ready);
	j->queued = true;
	jobs_schedule(j->js);
}

void
job_order(struct job *j)
{
	struct order o = { .j = j, .other_first = true };
	struct wait *w, *next;

	job_dequeue(j);
	job_waits_clear(&j->before_me, true);
	for (w = LIST_FIRST(&j->after_me); w != NULL; w = next) {
		struct job *later = w->later;

		next = LIST_NEXT(w, of_first);
		LIST_REMOVE(w, of_first);
		LIST_REMOVE(w, of_later);
		later->npending--;
		free(w);
		job_make_runnable(later);
	}
	graph_each_before(j->unit, order_unit, &o);
	o.other_first = false;
	graph_each_after(j->unit, order_unit, &o);
	/* What was runnable may have to wait again. */
	LIST_FOREACH (w, &j->after_me, of_first)
		job_dequeue(w->later);
	job_make_runnable(j);
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

enum job_how
job_how(const struct job *j)
{
	return j->how;
}

bool
job_is_hard(const struct job *j)
{
	return j->hard;
}

bool
job_is_unordered(const struct job *j)
{
	return j->no_order;
}

unsigned
job_mode(const struct job *j)
{
	return j->mode;
}

const char *
job_ref(const struct job *j)
{
	return j->ref;
}

const char *
job_day(const struct job *j)
{
	return j->day;
}

const char *
job_log_name(const struct job *j)
{
	return j->log_name;
}

const char *
job_env(const struct job *j)
{
	return j->env;
}

bool
job_is_irreversible(const struct job *j)
{
	return j->irreversible;
}

bool
job_is_automatic(const struct job *j)
{
	return (j->mode & JOB_AUTOMATIC) != 0;
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

const char *
job_run(const struct job *j)
{
	return j->run;
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

bool
job_is_waited_for(const struct job *j)
{
	return !LIST_EMPTY(&j->after_me);
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
