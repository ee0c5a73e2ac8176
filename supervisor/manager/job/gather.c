/*
 * gather: what the jobs of a plan pull in, by systemd's rules.  The list of items grows
 * while it is walked; nothing recurses.
 */
#include <stdlib.h>

#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

/* What a job does about the other unit of a dependency. */
struct rule {
	const char *kind; /* NULL: nothing */
	enum job_type type;
	bool matters;
	bool conflicts;
};

static const struct rule start_says[DEP_NKINDS] = {
	[DEP_REQUIRES] = { "Requires=", JOB_START, .matters = true },
	[DEP_BINDS_TO] = { "BindsTo=", JOB_START, .matters = true },
	[DEP_WANTS] = { "Wants=", JOB_START, .matters = false },
	[DEP_UPHOLDS] = { "Upholds=", JOB_START, .matters = false },
	[DEP_REQUISITE] = { "Requisite=", JOB_VERIFY_ACTIVE, .matters = true },
	[DEP_CONFLICTS] = { "Conflicts=", JOB_STOP, .matters = true, .conflicts = true },
};
/* Of what others say of the unit; the names are those of systemd's properties. */
static const struct rule start_is_said[DEP_NKINDS] = {
	[DEP_CONFLICTS] = { "ConflictedBy=", JOB_STOP, .matters = false },
};
static const struct rule stop_says[DEP_NKINDS] = {
	[DEP_PROPAGATES_STOP_TO] = { "PropagatesStopTo=", JOB_STOP, .matters = true },
};
static const struct rule stop_is_said[DEP_NKINDS] = {
	[DEP_REQUIRES] = { "RequiredBy=", JOB_STOP, .matters = true },
	[DEP_BINDS_TO] = { "BoundBy=", JOB_STOP, .matters = true },
	[DEP_REQUISITE] = { "RequisiteOf=", JOB_STOP, .matters = true },
	[DEP_PART_OF] = { "ConsistsOf=", JOB_STOP, .matters = true },
	[DEP_STOP_PROPAGATED_FROM] = { "PropagatesStopTo=", JOB_STOP, .matters = true },
};
static const struct rule restart_is_said[DEP_NKINDS] = {
	[DEP_REQUIRES] = { "RequiredBy=", JOB_TRY_RESTART, .matters = true },
	[DEP_BINDS_TO] = { "BoundBy=", JOB_TRY_RESTART, .matters = true },
	[DEP_REQUISITE] = { "RequisiteOf=", JOB_TRY_RESTART, .matters = true },
	[DEP_PART_OF] = { "ConsistsOf=", JOB_TRY_RESTART, .matters = true },
};
static const struct rule reload_says[DEP_NKINDS] = {
	[DEP_PROPAGATES_RELOAD_TO] = { "PropagatesReloadTo=", JOB_RELOAD,
	    .matters = false },
};
static const struct rule reload_is_said[DEP_NKINDS] = {
	[DEP_RELOAD_PROPAGATED_FROM] = { "PropagatesReloadTo=", JOB_RELOAD,
	    .matters = false },
};

struct gathering {
	struct plan *p;
	struct job_list_of_items {
		uint32_t *v;
		uint32_t n, cap;
	} todo;
	bool all; /* also what is up already is looked into */
};

static enum job_unit_state
state_of(const struct plan *p, struct job_unit *u)
{
	return p->js->ops->state(p->js->arg, u);
}

/* Will be there without our doing. */
static bool
is_up(const struct plan *p, struct job_unit *u)
{
	return state_of(p, u) == JOB_UNIT_UP &&
	       (u->job == NULL ||
		   (u->job->type != JOB_STOP && u->job->type != JOB_RESTART));
}

/* Its start is on the way, and with it all that it needs: a plan for each unit of a long
 * chain must not be one of the whole chain.  Whether it may start is asked again then. */
static bool
is_coming(const struct job_unit *u, bool chain)
{
	return u->job != NULL && u->job->type == JOB_START && (u->job->hard || !chain);
}

static void
later(struct gathering *g, uint32_t i)
{
	if (g->todo.n == g->todo.cap) {
		g->todo.cap = g->todo.cap == 0 ? 16 : 2 * g->todo.cap;
		g->todo.v = xreallocarray(g->todo.v, g->todo.cap, sizeof(g->todo.v[0]));
	}
	g->todo.v[g->todo.n++] = i;
}

/* Why u is not started for that; NULL: it is. */
static char *
start_refusal(const struct plan *p, struct job_unit *u, bool hard)
{
	const struct job_ops *ops = p->js->ops;
	void *arg = p->js->arg;
	char *no = ops->startable(arg, u);

	if (no != NULL)
		return no;
	if (is_up(p, u))
		return NULL;
	if ((p->r->mode & JOB_AUTOMATIC) != 0 && ops->is_stopped_by_person != NULL &&
	    ops->is_stopped_by_person(arg, u))
		return xasprintf("a person stopped %s", u->name);
	/* What is only wanted must not keep others waiting. */
	if (!hard && ops->is_held != NULL && ops->is_held(arg, u))
		return xasprintf("%s is held", u->name);
	return NULL;
}

/* A start with the instance that another manager goes on with: what has ended since then
 * was its part of it. */
static enum job_been
has_been(const struct plan *p, struct job_unit *u)
{
	const struct job_ops *ops = p->js->ops;

	if ((p->r->mode & JOB_BOOT) == 0 || ops->has_been == NULL || u->job != NULL ||
	    state_of(p, u) != JOB_UNIT_DOWN)
		return JOB_BEEN_NOT;
	return ops->has_been(p->js->arg, u);
}

static void
pull_start(struct gathering *g, uint32_t from, struct job_unit *u, const struct rule *r)
{
	struct plan *p = g->p;
	bool chain = r->matters && p->v[from].chain;
	bool coming = !g->all && is_coming(u, chain);
	uint32_t n = p->n, i;
	enum job_been been;
	char *no;

	been = coming ? JOB_BEEN_NOT : has_been(p, u);
	if (been == JOB_BEEN_WELL)
		return;
	no = been == JOB_BEEN_FAILED ? xstrdup("it has failed already")
	     : coming                ? NULL
				     : start_refusal(p, u, r->matters);
	if (no != NULL) {
		plan_add_missing(p, u, from, r->kind, r->matters, no);
		return;
	}
	i = plan_add(p, u, JOB_START, from, r->kind, r->matters, false);
	p->v[i].chain = p->v[i].chain || chain;
	if (i < n && (p->v[i].expanded || coming))
		return;
	if (!coming && (g->all || !is_up(p, u)) && !p->v[i].expanded) {
		p->v[i].expanded = true;
		later(g, i);
	}
}

static void
pull(struct gathering *g, uint32_t from, struct job_unit *other, const struct rule *r)
{
	struct plan *p = g->p;
	enum job_type type = r->type;
	enum job_unit_state st;
	struct job_unit *u;
	uint32_t n, i;
	char *no;

	if (r->kind == NULL)
		return;
	/* Known by its own name from here on: to ask for its state loads it. */
	st = state_of(p, other);
	u = job_unit_real(other);
	if (type == JOB_START) {
		pull_start(g, from, u, r);
		return;
	}
	if (type == JOB_TRY_RESTART) {
		if (st != JOB_UNIT_UP && st != JOB_UNIT_STARTING)
			return;
		type = JOB_RESTART;
	} else if (type == JOB_RELOAD) {
		no = st == JOB_UNIT_UP ? p->js->ops->reloadable(p->js->arg, u)
				       : xstrdup("it is not running");
		if (no != NULL) {
			plan_add_missing(p, u, from, r->kind, false, no);
			return;
		}
	}
	n = p->n;
	i = plan_add(p, u, type, from, r->kind, r->matters, r->conflicts);
	if (i == n) {
		p->v[i].chain = r->matters && p->v[from].chain;
		p->v[i].expanded = true;
		later(g, i);
	}
}

struct implied {
	const struct gathering *g;
	const struct rule *r;
	struct unit_vec found;
};

/* What is as it is to be anyway is nothing to plan for, nor to load. */
static void
note_implied(void *arg, struct job_unit *u)
{
	struct implied *im = arg;

	if (im->r->conflicts && u->job == NULL &&
	    (u->data == NULL || state_of(im->g->p, u) == JOB_UNIT_DOWN))
		return;
	if (im->r->type == JOB_START && !im->g->all && u->data != NULL &&
	    is_up(im->g->p, u))
		return;
	unit_vec_push(&im->found, u);
}

static void
pull_implied(struct gathering *g, uint32_t from, enum unit_dep dep, bool inverse,
    const struct rule *by)
{
	struct rule r = by[dep];
	struct implied im = { .g = g, .r = &r };

	if (r.kind == NULL)
		return;
	r.kind = "DefaultDependencies=";
	implied_each(g->p->v[from].unit, dep, inverse, note_implied, &im);
	for (uint32_t i = 0; i < im.found.n; i++)
		pull(g, from, im.found.v[i], &r);
	free(im.found.v);
}

static void
follow_implied(struct gathering *g, uint32_t from, const struct rule *says,
    const struct rule *is_said)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_CONFLICTS };

	for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++) {
		if (says != NULL)
			pull_implied(g, from, deps[i], false, says);
		if (is_said != NULL)
			pull_implied(g, from, deps[i], true, is_said);
	}
}

/* By index: what is loaded meanwhile may add to the lists. */
static void
follow(struct gathering *g, uint32_t from, const struct rule *says,
    const struct rule *is_said)
{
	struct job_unit *u = g->p->v[from].unit;

	for (uint32_t i = 0; says != NULL && i < u->deps.n; i++)
		if (u->deps.v[i].kind < DEP_NKINDS)
			pull(g, from, u->deps.v[i].to, &says[u->deps.v[i].kind]);
	for (uint32_t i = 0; is_said != NULL && i < u->inverse.n; i++)
		if (u->inverse.v[i].kind < DEP_NKINDS)
			pull(g, from, u->inverse.v[i].to, &is_said[u->inverse.v[i].kind]);
	follow_implied(g, from, says, is_said);
}

static void
expand(struct gathering *g, uint32_t i)
{
	switch (g->p->v[i].type) {
	case JOB_START:
		follow(g, i, start_says, start_is_said);
		if (i == 0 && g->p->r->how == JOB_RESTART_DEPENDENCIES)
			follow(g, i, NULL, restart_is_said);
		break;
	case JOB_RESTART:
		/* It may be down, and what it needs, too. */
		follow(g, i, NULL, restart_is_said);
		follow(g, i, start_says, start_is_said);
		break;
	case JOB_STOP:
		follow(g, i, stop_says, stop_is_said);
		break;
	case JOB_RELOAD:
		follow(g, i, reload_says, reload_is_said);
		break;
	default:
		break;
	}
}

static void
walk(struct gathering *g)
{
	for (uint32_t k = 0; k < g->todo.n; k++)
		expand(g, g->todo.v[k]);
	free(g->todo.v);
	g->todo.v = NULL;
	g->todo.n = g->todo.cap = 0;
}

void
gather(struct plan *p)
{
	struct gathering g = { .p = p, .all = p->r->how == JOB_ISOLATE };

	p->v[0].expanded = true;
	later(&g, 0);
	walk(&g);
}

/* ---- by the mode ------------------------------------------------------------- */

struct keeping {
	const struct plan *p;
	bool keep;
};

static void
keep_if_planned(void *arg, struct job_unit *trigger)
{
	struct keeping *k = arg;
	uint32_t i = plan_item_of(k->p, job_unit_real(trigger));

	if (i != PLAN_NONE && k->p->v[i].type != JOB_STOP)
		k->keep = true;
}

static bool
stops_on_isolate(const struct plan *p, struct job_unit *u)
{
	const struct job_ops *ops = p->js->ops;
	struct keeping k = { .p = p };

	if (u->data == NULL || u->real != NULL || u->planned != 0)
		return false;
	if (u->job == NULL && state_of(p, u) == JOB_UNIT_DOWN)
		return false;
	if (ops->is_spared != NULL && ops->is_spared(p->js->arg, u))
		return false;
	/* What is there for something that stays. */
	job_unit_each(u, DEP_TRIGGERS, true, keep_if_planned, &k);
	return !k.keep;
}

void
gather_isolated(struct plan *p)
{
	static const struct rule rule = { "isolate", JOB_STOP, .matters = true };
	struct gathering g = { .p = p, .all = true };
	struct strv names = { 0 };

	/* By name: the same each time. */
	map_keys(&p->js->units, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct job_unit *u = map_get(&p->js->units, names.v[i]);

		if (u != NULL && stops_on_isolate(p, u))
			pull(&g, 0, u, &rule);
	}
	strv_clear(&names);
	walk(&g);
}

static void
pull_trigger(void *arg, struct job_unit *u)
{
	static const struct rule rule = { "TriggeredBy=", JOB_STOP, .matters = true };
	struct gathering *g = arg;

	u = job_unit_real(u);
	if (u->planned == 0 && (u->job != NULL || state_of(g->p, u) != JOB_UNIT_DOWN))
		pull(g, 0, u, &rule);
}

void
gather_triggers(struct plan *p)
{
	struct gathering g = { .p = p };

	job_unit_each(p->v[0].unit, DEP_TRIGGERS, true, pull_trigger, &g);
	walk(&g);
}
