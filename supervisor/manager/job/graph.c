/*
 * graph: units and what they say of each other; order and its cycles.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

void
unit_vec_push(struct unit_vec *v, struct job_unit *u)
{
	if (v->n == v->cap) {
		v->cap = v->cap == 0 ? 4 : 2 * v->cap;
		v->v = xreallocarray(v->v, v->cap, sizeof(struct job_unit *));
	}
	v->v[v->n++] = u;
}

void
unit_vec_add(struct unit_vec *v, struct job_unit *u)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->v[i] == u)
			return;
	unit_vec_push(v, u);
}

bool
edges_have(const struct edges *e, enum unit_dep kind, const struct job_unit *to)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->v[i].to == to && e->v[i].kind == kind)
			return true;
	return false;
}

static void
edges_push(struct edges *e, enum unit_dep kind, struct job_unit *to)
{
	if (e->n == e->cap) {
		e->cap = e->cap == 0 ? 2 : 2 * e->cap;
		e->v = xreallocarray(e->v, e->cap, sizeof(e->v[0]));
	}
	e->v[e->n++] = (struct edge){ .to = to, .kind = kind };
}

static void
edges_del(struct edges *e, enum unit_dep kind, const struct job_unit *to)
{
	for (uint32_t i = 0; i < e->n; i++) {
		if (e->v[i].to != to || e->v[i].kind != kind)
			continue;
		memmove(&e->v[i], &e->v[i + 1], (e->n - i - 1) * sizeof(e->v[0]));
		e->n--;
		return;
	}
}

struct job_unit *
job_unit_real(struct job_unit *u)
{
	return u != NULL && u->real != NULL ? u->real : u;
}

struct job_unit *
jobs_unit_find(struct jobs *js, const char *name)
{
	return job_unit_real(map_get(&js->units, name));
}

/* The one of exactly that name. */
static struct job_unit *
unit_of_name(struct jobs *js, const char *name)
{
	struct job_unit *u = map_get(&js->units, name);

	if (u != NULL)
		return u;
	u = xcalloc(1, sizeof(*u));
	u->js = js;
	u->name = xstrdup(name);
	map_set(&js->units, name, u);
	return u;
}

struct job_unit *
jobs_unit(struct jobs *js, const char *name)
{
	return job_unit_real(unit_of_name(js, name));
}

/* Who named the one names the other.  In place: somebody may be looking at the edges. */
static void
edges_move(struct job_unit *from, struct job_unit *to)
{
	for (uint32_t i = 0; i < from->inverse.n; i++) {
		struct edge in = from->inverse.v[i];

		for (uint32_t k = 0; k < in.to->deps.n; k++) {
			struct edge *e = &in.to->deps.v[k];

			if (e->to != from || e->kind != in.kind)
				continue;
			e->to = to;
			/* Nothing can wait for itself. */
			if (in.to == to)
				e->kind = DEP_NKINDS;
			else
				edges_push(&to->inverse, in.kind, in.to);
			break;
		}
	}
	from->inverse.n = 0;
}

void
jobs_unit_alias(struct jobs *js, const char *name, struct job_unit *of)
{
	struct job_unit *u =
	    of == NULL ? map_get(&js->units, name) : unit_of_name(js, name);

	if (u == NULL || u == of || u->real == of || u->data != NULL || u->job != NULL)
		return;
	if (u->real != NULL)
		u->real->names--;
	u->real = of;
	if (of == NULL)
		return;
	of->names++;
	edges_move(u, of);
}

void
jobs_unit_release(struct jobs *js, const char *name)
{
	struct job_unit *u = map_get(&js->units, name);
	const struct job *j;

	if (u == NULL || u->data != NULL || u->job != NULL || u->next != NULL ||
	    u->real != NULL || u->names > 0)
		return;
	if (u->deps.n > 0 || u->inverse.n > 0 || implied_is_target(u))
		return;
	/* One that ended and was not told yet. */
	TAILQ_FOREACH (j, &js->all, link)
		if (j->unit == u)
			return;
	map_del(&js->units, name);
	job_unit_free(u);
}

const char *
job_unit_name(const struct job_unit *ju)
{
	return ju->name;
}

void *
job_unit_data(const struct job_unit *ju)
{
	return ju->data;
}

void
job_unit_set_data(struct job_unit *ju, void *data)
{
	ju->data = data;
}

void
job_unit_set_deps(struct job_unit *ju, const struct unit_conf *conf)
{
	ju->implies = (uint8_t)implied_class_of(conf);
	for (uint32_t i = 0; i < ju->deps.n; i++)
		edges_del(&ju->deps.v[i].to->inverse, ju->deps.v[i].kind, ju);
	ju->deps.n = 0;
	for (enum unit_dep k = 0; conf != NULL && k < DEP_NKINDS; k++) {
		for (size_t i = 0; i < conf->rules->deps[k].n; i++) {
			struct job_unit *o = jobs_unit(ju->js, conf->rules->deps[k].v[i]);

			/* Nothing can wait for itself.  The other side has the edge when
			 * we have it, and may have very many. */
			if (o == ju || edges_have(&ju->deps, k, o))
				continue;
			edges_push(&ju->deps, k, o);
			edges_push(&o->inverse, k, ju);
		}
	}
}

void
job_unit_each(
    struct job_unit *ju, enum unit_dep dep, bool inverse, job_unit_fn *fn, void *arg)
{
	const struct edges *e = inverse ? &ju->inverse : &ju->deps;

	for (uint32_t i = 0; i < e->n; i++)
		if (e->v[i].kind == dep)
			fn(arg, e->v[i].to);
}

bool
graph_is_after(const struct job_unit *u, const struct job_unit *other)
{
	return edges_have(&u->deps, DEP_AFTER, other) ||
	       edges_have(&u->inverse, DEP_BEFORE, other) ||
	       implied_has(u, DEP_AFTER, other) || implied_has(other, DEP_BEFORE, u);
}

void
graph_each_before(struct job_unit *u, job_unit_fn *fn, void *arg)
{
	job_unit_each(u, DEP_AFTER, false, fn, arg);
	job_unit_each(u, DEP_BEFORE, true, fn, arg);
	implied_each(u, DEP_AFTER, false, fn, arg);
	implied_each(u, DEP_BEFORE, true, fn, arg);
}

void
graph_each_after(struct job_unit *u, job_unit_fn *fn, void *arg)
{
	job_unit_each(u, DEP_BEFORE, false, fn, arg);
	job_unit_each(u, DEP_AFTER, true, fn, arg);
	implied_each(u, DEP_BEFORE, false, fn, arg);
	implied_each(u, DEP_AFTER, true, fn, arg);
}

/* ---- cycles ------------------------------------------------------------------ */

enum { WHITE, GREY, BLACK };

struct search {
	struct plan *p;
	bool start;
	struct unit_vec stack;
	struct unit_vec touched;
	struct job_unit *at;
	struct job_unit *from, *to; /* the edge that closes the cycle */
	bool has_later;
};

/* Goes that way, sooner or later: a restart goes both. */
static bool
goes(enum job_type type, bool start_phase, bool start)
{
	switch (type) {
	case JOB_STOP:
		return !start;
	case JOB_RESTART:
		return start || !start_phase;
	default:
		return start;
	}
}

static bool
job_goes(const struct job *j, bool start)
{
	return j != NULL && !j->no_order && goes(j->type, j->start_phase, start);
}

/* Has a job, now or by the plan, that takes part in the order.  What waits, and
 * contradicts the plan, is canceled for it. */
static bool
takes_part(const struct search *s, const struct job_unit *u)
{
	uint32_t first = plan_item_of(s->p, u);

	for (uint32_t i = first; i != PLAN_NONE; i = plan_next_of_unit(s->p, i))
		if (goes(s->p->v[i].type, false, s->start))
			return !s->p->v[i].no_order;
	if (first != PLAN_NONE && u->job != NULL && u->job->state != JOB_RUNNING &&
	    job_types_conflict(s->p->v[first].type, u->job->type))
		return false;
	return job_goes(u->job, s->start) || job_goes(u->next, s->start);
}

static void
visit(void *arg, struct job_unit *u)
{
	struct search *s = arg;

	if (s->to != NULL || !takes_part(s, u))
		return;
	if (u->colour == GREY) {
		s->from = s->at;
		s->to = u;
		return;
	}
	if (u->colour == BLACK)
		return;
	u->parent = s->at;
	unit_vec_push(&s->stack, u);
}

static void
paint(struct search *s, struct job_unit *u, unsigned colour)
{
	if (u->colour == WHITE)
		unit_vec_push(&s->touched, u);
	u->colour = colour;
}

/* Depth first, without recursion: a unit is on the stack until all below it is done. */
static void
search_from(struct search *s, struct job_unit *root)
{
	root->parent = NULL;
	s->stack.n = 0;
	unit_vec_push(&s->stack, root);
	while (s->stack.n > 0 && s->to == NULL) {
		struct job_unit *u = s->stack.v[s->stack.n - 1];

		if (u->colour != WHITE) {
			if (u->colour == GREY)
				u->colour = BLACK;
			s->stack.n--;
			continue;
		}
		paint(s, u, GREY);
		s->at = u;
		graph_each_before(u, visit, s);
	}
}

/* The path of the cycle that was found, and the units of the plan on it. */
static char *
describe(const struct search *s, struct unit_vec *on)
{
	struct unit_vec cycle = { 0 };
	struct buf path = { 0 };
	struct job_unit *u;

	/* From the end of the edge back along the parents to its beginning. */
	for (u = s->from; u != NULL; u = u->parent) {
		unit_vec_push(&cycle, u);
		if (u == s->to)
			break;
	}
	on->n = 0;
	for (size_t i = cycle.n; i-- > 0;) {
		u = cycle.v[i];
		buf_addf(&path, "%s after ", u->name);
		if (plan_item_of(s->p, u) != PLAN_NONE)
			unit_vec_push(on, u);
	}
	buf_adds(&path, s->to->name);
	free(cycle.v);
	return buf_take(&path);
}

static void
note_later(void *arg, struct job_unit *u)
{
	struct search *s = arg;

	s->has_later = s->has_later || takes_part(s, u);
}

/* A cycle that is new goes through a unit that is: what is queued already has none.  And
 * through what comes later: for most, nothing of that is there yet. */
static bool
can_close(struct search *s, struct job_unit *u)
{
	if (u->colour != WHITE || !takes_part(s, u) || job_goes(u->job, s->start) ||
	    job_goes(u->next, s->start))
		return false;
	s->has_later = false;
	graph_each_after(u, note_later, s);
	return s->has_later;
}

static char *
cycle_of(struct plan *p, bool start, struct unit_vec *on)
{
	struct search s = { .p = p, .start = start };
	char *path = NULL;

	for (uint32_t i = 0; i < p->n && s.to == NULL; i++)
		if (p->v[i].left_out == NULL && can_close(&s, p->v[i].unit))
			search_from(&s, p->v[i].unit);
	if (s.to != NULL)
		path = describe(&s, on);
	for (size_t i = 0; i < s.touched.n; i++) {
		s.touched.v[i]->colour = WHITE;
		s.touched.v[i]->parent = NULL;
	}
	free(s.touched.v);
	free(s.stack.v);
	return path;
}

char *
graph_cycle(struct plan *p, struct unit_vec *on)
{
	char *path;

	path = cycle_of(p, true, on);
	return path != NULL ? path : cycle_of(p, false, on);
}
