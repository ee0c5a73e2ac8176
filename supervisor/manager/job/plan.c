/*
 * plan: a request to the set of jobs that it takes.
 */
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

struct making {
	struct jobs *js;
	struct plan *p;
	struct buf *why;
	struct job_unit *at;
	bool hard;      /* what is added now is required */
	bool chain;     /* by units that are all required */
	bool automatic; /* no person asks */
	bool failed;
};

void
plan_clear(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->v[i].unit->planned = 0;
	free(p->v);
	p->v = NULL;
	p->n = p->cap = 0;
}

static void
add(struct plan *p, struct job_unit *u, enum job_type type, bool hard)
{
	if (u->planned != 0) {
		if (hard)
			p->v[u->planned - 1].hard = true;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 8 : 2 * p->cap;
		p->v = xreallocarray(p->v, p->cap, sizeof(*p->v));
	}
	p->v[p->n] = (struct plan_item){ .unit = u, .type = type, .hard = hard };
	u->planned = ++p->n;
}

static enum job_unit_state
state_of(struct jobs *js, struct job_unit *u)
{
	return js->ops->state(js->arg, u);
}

/* Known by its own name from here on: to ask for its state loads it. */
static struct job_unit *
loaded(struct jobs *js, struct job_unit *u)
{
	(void)state_of(js, u);
	return job_unit_real(u);
}

/* Will be there without our doing. */
static bool
is_up(struct jobs *js, struct job_unit *u)
{
	return state_of(js, u) == JOB_UNIT_UP &&
	       (u->job == NULL ||
		   (u->job->type != JOB_STOP && u->job->type != JOB_RESTART));
}

/* Its start is on the way, and with it all that it needs: a plan for each unit of a long
 * chain must not be one of the whole chain.  Whether it may start is asked again then. */
static bool
is_coming(const struct making *mk, const struct job_unit *u)
{
	return u->job != NULL && u->job->type == JOB_START && u->planned == 0 &&
	       (u->job->hard || !mk->hard || !mk->chain);
}

static void
pull_start(void *arg, struct job_unit *u)
{
	struct making *mk = arg;
	char *no;

	u = loaded(mk->js, u);
	if (mk->failed || (u->planned != 0 && !mk->hard) || is_coming(mk, u))
		return;
	no = mk->js->ops->startable(mk->js->arg, u);
	if (no == NULL && mk->automatic && !is_up(mk->js, u) &&
	    mk->js->ops->is_stopped_by_person != NULL &&
	    mk->js->ops->is_stopped_by_person(mk->js->arg, u))
		no = xasprintf("a person stopped %s", u->name);
	if (no != NULL) {
		/* Wanted only: left out.  Required by what is only wanted: likewise, its
		 * start then fails by itself. */
		if (mk->hard && mk->chain) {
			buf_addf(
			    mk->why, "%s requires %s: %s", mk->at->name, u->name, no);
			mk->failed = true;
		}
		free(no);
		return;
	}
	if (is_up(mk->js, u))
		return;
	/* What is only wanted must not keep others waiting. */
	if (!mk->hard && mk->js->ops->is_held != NULL &&
	    mk->js->ops->is_held(mk->js->arg, u))
		return;
	add(mk->p, u, JOB_START, mk->hard && mk->chain);
}

static void
need_up(void *arg, struct job_unit *u)
{
	struct making *mk = arg;

	u = loaded(mk->js, u);
	if (mk->failed || is_up(mk->js, u) || !mk->chain)
		return;
	buf_addf(
	    mk->why, "%s needs %s to run already (Requisite=)", mk->at->name, u->name);
	mk->failed = true;
}

static void
plan_start(struct making *mk)
{
	/* The list grows while it is walked. */
	for (size_t i = 0; i < mk->p->n && !mk->failed; i++) {
		mk->at = mk->p->v[i].unit;
		mk->chain = mk->p->v[i].hard;
		job_unit_each(mk->at, DEP_REQUISITE, false, need_up, mk);
		mk->hard = true;
		job_unit_each(mk->at, DEP_REQUIRES, false, pull_start, mk);
		job_unit_each(mk->at, DEP_BINDS_TO, false, pull_start, mk);
		mk->hard = false;
		job_unit_each(mk->at, DEP_WANTS, false, pull_start, mk);
		job_unit_each(mk->at, DEP_UPHOLDS, false, pull_start, mk);
	}
}

static void
pull_stop(void *arg, struct job_unit *u)
{
	struct making *mk = arg;
	enum job_unit_state st = state_of(mk->js, u);

	if (st == JOB_UNIT_DOWN && u->job == NULL)
		return;
	add(mk->p, u, JOB_STOP, true);
}

static void
pull_restart(void *arg, struct job_unit *u)
{
	struct making *mk = arg;
	enum job_unit_state st = state_of(mk->js, u);

	if (st == JOB_UNIT_UP || st == JOB_UNIT_STARTING)
		add(mk->p, u, JOB_RESTART, false);
}

static void
plan_down(struct making *mk, job_unit_fn *pull)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_REQUISITE,
		DEP_PART_OF };

	for (size_t i = 0; i < mk->p->n; i++)
		for (size_t k = 0; k < sizeof(deps) / sizeof(deps[0]); k++)
			job_unit_each(mk->p->v[i].unit, deps[k], true, pull, mk);
}

/* A wanted unit on the cycle that can be left out. */
static bool
drop_wanted(struct plan_item **on)
{
	for (size_t i = 0; on[i] != NULL; i++) {
		if (!on[i]->hard) {
			on[i]->dropped = true;
			return true;
		}
	}
	return false;
}

static int
check_cycles(struct making *mk, enum job_type type, unsigned mode)
{
	struct plan_item **on;
	char *path;

	while ((path = graph_cycle(mk->p, &on)) != NULL) {
		bool go_on = true;

		if (type == JOB_STOP || type == JOB_RESTART) {
			/* It must be possible: these go without order. */
			for (size_t i = 0; on[i] != NULL; i++)
				on[i]->no_order = true;
			go_on = on[0] != NULL;
		} else if ((mode & JOB_BREAK_CYCLES) == 0 || !drop_wanted(on)) {
			buf_addf(mk->why, "the order has a cycle: %s", path);
			mk->failed = true;
			go_on = false;
		}
		free(path);
		free(on);
		if (!go_on)
			break;
	}
	return mk->failed ? -1 : 0;
}

int
plan_make(struct jobs *js, struct plan *p, struct job_unit *ju, enum job_type type,
    unsigned mode, struct buf *why)
{
	struct making mk = {
		.js = js, .p = p, .why = why, .automatic = (mode & JOB_AUTOMATIC) != 0
	};
	char *no;

	if (type == JOB_START || type == JOB_RESTART) {
		no = js->ops->startable(js->arg, ju);
		if (no != NULL) {
			buf_adds(why, no);
			free(no);
			return -1;
		}
	}
	add(p, ju, type, true);
	if ((mode & JOB_NO_DEPS) == 0) {
		switch (type) {
		case JOB_START:
			plan_start(&mk);
			break;
		case JOB_STOP:
			plan_down(&mk, pull_stop);
			break;
		case JOB_RESTART:
			plan_down(&mk, pull_restart);
			plan_start(&mk); /* it may be down, and what it needs, too */
			break;
		default:
			break;
		}
	}
	if (mk.failed)
		return -1;
	return check_cycles(&mk, type, mode);
}

int
plan_make_all(struct jobs *js, struct plan *p, struct buf *why)
{
	struct making mk = { .js = js, .p = p, .why = why };
	struct strv names = { 0 };

	/* By name: the same end each time. */
	map_keys(&js->units, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct job_unit *u = map_get(&js->units, names.v[i]);

		if (u->data != NULL &&
		    (u->job != NULL || state_of(js, u) != JOB_UNIT_DOWN))
			add(p, u, JOB_STOP, true);
	}
	strv_clear(&names);
	return check_cycles(&mk, JOB_STOP, 0);
}
