/*
 * reduce: from all that is pulled in to one job a unit, in an order that can be.  What
 * the anchor cannot be without is never left out.
 */
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

static enum job_unit_state
state_of(const struct plan *p, uint32_t i)
{
	return p->js->ops->state(p->js->arg, p->v[i].unit);
}

static void
note(const struct plan *p, const char *text)
{
	if (p->r->notes != NULL)
		strv_add(p->r->notes, text);
}

/* JOB_FAIL: nothing that runs is stopped, and no queued job replaced, for what only
 * happens to come along. */
static void
spare_others(struct plan *p, const bool *matters)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct plan_item *it = &p->v[i];
		const struct job *j = it->unit->job;
		enum job_unit_state st;

		if (it->left_out != NULL || matters[i])
			continue;
		st = state_of(p, i);
		if (it->type == JOB_STOP &&
		    (st == JOB_UNIT_UP || st == JOB_UNIT_STARTING ||
			st == JOB_UNIT_WAITING))
			plan_leave_out(p, i, true, "it runs (mode fail)");
		else if (j != NULL && job_types_conflict(it->type, j->type))
			plan_leave_out(p, i, true, "a %s is queued (mode fail)",
			    job_type_name(j->type));
	}
}

/* All that is asked of the unit is so already. */
static bool
is_redundant(const struct plan *p, uint32_t head)
{
	const struct job *j = p->v[head].unit->job;

	for (uint32_t i = head; i != PLAN_NONE; i = plan_next_of_unit(p, i)) {
		if (i == 0 || !job_type_is_redundant(p->v[i].type, state_of(p, i)))
			return false;
		if (j != NULL && job_types_conflict(p->v[i].type, j->type))
			return false;
	}
	return true;
}

static void
drop_redundant(struct plan *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		if (plan_item_of(p, p->v[i].unit) != i || !is_redundant(p, i))
			continue;
		for (uint32_t k = i, next; k != PLAN_NONE; k = next) {
			next = plan_next_of_unit(p, k);
			/* What is down, and is to be down, is nothing to tell. */
			plan_leave_out(p, k, false, "%s",
			    p->v[k].type == JOB_STOP ? "" : "it is up already");
		}
	}
}

/* ---- cycles ------------------------------------------------------------------ */

static bool
unit_matters(const struct plan *p, const struct job_unit *u, const bool *matters)
{
	for (uint32_t i = plan_item_of(p, u); i != PLAN_NONE; i = plan_next_of_unit(p, i))
		if (matters[i])
			return true;
	return false;
}

/* The one of the cycle that can go: what was pulled in last. */
static struct job_unit *
least_of(const struct plan *p, const struct unit_vec *on, const bool *matters)
{
	struct job_unit *least = NULL;

	for (uint32_t i = 0; i < on->n; i++)
		if (!unit_matters(p, on->v[i], matters) &&
		    (least == NULL || on->v[i]->planned > least->planned))
			least = on->v[i];
	return least;
}

/* Stops must be possible: these go without order.  false: there is none. */
static bool
unorder(struct plan *p, const struct unit_vec *on)
{
	bool any = false;

	for (uint32_t k = 0; k < on->n; k++) {
		for (uint32_t i = plan_item_of(p, on->v[k]); i != PLAN_NONE;
		     i = plan_next_of_unit(p, i)) {
			if (p->v[i].type != JOB_STOP || p->v[i].no_order)
				continue;
			p->v[i].no_order = true;
			any = true;
		}
	}
	return any;
}

static void
leave_out_unit(struct plan *p, struct job_unit *u, const char *path)
{
	char *text =
	    xasprintf("the order has a cycle: %s; %s is left out", path, u->name);

	note(p, text);
	free(text);
	for (uint32_t i = plan_item_of(p, u); i != PLAN_NONE; i = plan_item_of(p, u))
		plan_leave_out(p, i, true, "to break a cycle of the order: %s", path);
}

static int
break_cycles(struct plan *p, const bool *matters, struct buf *why)
{
	const struct job_ops *ops = p->js->ops;
	struct unit_vec on = { 0 };
	int rc = 0;
	char *path;

	while (rc == 0 && (path = graph_cycle(p, &on)) != NULL) {
		struct job_unit *least = least_of(p, &on, matters);

		if (ops->cycle != NULL && !p->quiet)
			ops->cycle(p->js->arg, p->v[0].unit, path,
			    least != NULL ? least->name : NULL);
		if (least != NULL) {
			leave_out_unit(p, least, path);
			if (p->r->how != JOB_ISOLATE)
				plan_collect(p);
		} else if (!unorder(p, &on)) {
			buf_addf(why,
			    "the order has a cycle, and all of it is needed: %s", path);
			rc = -1;
		}
		free(path);
	}
	free(on.v);
	return rc;
}

void
reduce_cycles_unordered(struct plan *p)
{
	struct unit_vec on = { 0 };
	bool go_on = true;
	char *path;

	while (go_on && (path = graph_cycle(p, &on)) != NULL) {
		go_on = unorder(p, &on);
		free(path);
	}
	free(on.v);
}

/* ---- contradictions ---------------------------------------------------------- */

static bool
is_conflicted(const struct plan *p, uint32_t i)
{
	for (uint32_t k = p->v[i].pulled_by; k != PLAN_NONE; k = p->e[k].next_of_to)
		if (!p->e[k].gone && p->e[k].conflicts)
			return true;
	return false;
}

static void
describe(const struct plan *p, uint32_t i, struct buf *out)
{
	const struct plan_edge *e = plan_puller(p, i);

	buf_addf(out, "the %s of %s", job_type_name(p->v[i].type), p->v[i].unit->name);
	if (e != NULL)
		buf_addf(out, " (%s of %s)", e->kind, p->v[e->from].unit->name);
}

/* Which of two that contradict each other goes; PLAN_NONE: both are needed.  When neither
 * is, rather a stop than a start, unless somebody who starts says Conflicts=. */
static uint32_t
lesser_of(const struct plan *p, uint32_t a, uint32_t b, const bool *matters)
{
	uint32_t stop = p->v[a].type == JOB_STOP ? a : b;
	uint32_t other = stop == a ? b : a;

	if (matters[a] && matters[b])
		return PLAN_NONE;
	if (matters[a] != matters[b])
		return matters[a] ? b : a;
	return is_conflicted(p, stop) ? other : stop;
}

/* 1: there was one, and it is solved; 0: there is none in this unit. */
static int
solve_contradiction(struct plan *p, uint32_t head, const bool *matters, struct buf *why)
{
	struct buf text = { 0 };
	uint32_t b = plan_next_of_unit(p, head), d;

	while (b != PLAN_NONE && !job_types_conflict(p->v[head].type, p->v[b].type))
		b = plan_next_of_unit(p, b);
	if (b == PLAN_NONE)
		return 0;
	d = lesser_of(p, head, b, matters);
	if (d == PLAN_NONE) {
		describe(p, head, why);
		buf_adds(why, " and ");
		describe(p, b, why);
		buf_adds(why, " are both needed");
		return -1;
	}
	describe(p, d, &text);
	buf_adds(&text, " is left out for ");
	describe(p, d == head ? b : head, &text);
	note(p, buf_str(&text));
	plan_leave_out(p, d, true, "%s", buf_str(&text));
	buf_free(&text);
	return 1;
}

/* 1: there were some. */
static int
solve_contradictions(struct plan *p, const bool *matters, struct buf *why)
{
	int any = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		int rc;

		while (plan_item_of(p, p->v[i].unit) == i &&
		       (rc = solve_contradiction(p, i, matters, why)) != 0) {
			if (rc == -1)
				return -1;
			any = 1;
			if (p->r->how != JOB_ISOLATE)
				plan_collect(p);
		}
	}
	return any;
}

static void
merge_items(struct plan *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		uint32_t k, next;

		if (p->v[i].left_out != NULL)
			continue;
		for (k = plan_next_of_unit(p, i); k != PLAN_NONE; k = next) {
			next = plan_next_of_unit(p, k);
			p->v[i].type =
			    job_types_merged(p->v[i].type, p->v[k].type, state_of(p, i));
			p->v[i].no_order = p->v[i].no_order || p->v[k].no_order;
			p->v[i].chain = p->v[i].chain || p->v[k].chain;
			/* It goes on as part of the other: nothing to tell. */
			p->v[k].left_out = xstrdup("");
		}
	}
}

int
reduce(struct plan *p, struct buf *why)
{
	bool *matters = plan_matters(p);
	int rc;

	if (p->r->how == JOB_FAIL)
		spare_others(p, matters);
	drop_redundant(p);
	if (p->r->how != JOB_ISOLATE)
		plan_collect(p);
	rc = break_cycles(p, matters, why);
	if (rc == 0)
		rc = solve_contradictions(p, matters, why);
	/* A queued job that was to be replaced may stay now, and with it its order. */
	if (rc == 1)
		rc = break_cycles(p, matters, why);
	if (rc == 0) {
		merge_items(p);
		drop_redundant(p);
	}
	free(matters);
	return rc;
}
