/*
 * preview: a plan as people read it, in the order in which its jobs would begin.
 */
#include <stdlib.h>

#include "lib/xalloc.h"
#include "manager/job/job_int.h"

struct preview {
	struct plan *p;
	job_plan_fn *fn;
	void *arg;
	bool up;         /* the starts, else the stops */
	uint32_t *waits; /* of each item: how many of the plan go first */
	uint32_t *ready;
	uint32_t n_ready;
	uint32_t at;
};

static void
tell(const struct preview *v, uint32_t i)
{
	const struct plan_item *it = &v->p->v[i];
	const struct plan_edge *e = plan_puller(v->p, i);
	struct job_planned t = { .unit = it->unit,
		.type = it->type,
		.by = e != NULL ? v->p->v[e->from].unit : NULL,
		.because = e != NULL ? e->kind : "asked for",
		.left_out = it->left_out };

	v->fn(v->arg, &t);
}

/* The item of u that goes the same way and is ordered; PLAN_NONE: there is none. */
static uint32_t
same_way(const struct preview *v, const struct job_unit *u)
{
	uint32_t i = plan_item_of(v->p, u);

	if (i == PLAN_NONE || v->p->v[i].no_order ||
	    (v->p->v[i].type != JOB_STOP) != v->up)
		return PLAN_NONE;
	return i;
}

static void
count_wait(void *arg, struct job_unit *u)
{
	const struct preview *v = arg;

	if (same_way(v, u) != PLAN_NONE)
		v->waits[v->at]++;
}

static void
count_down(void *arg, struct job_unit *u)
{
	struct preview *v = arg;
	uint32_t i = same_way(v, u);

	if (i != PLAN_NONE && v->waits[i] > 0 && --v->waits[i] == 0)
		v->ready[v->n_ready++] = i;
}

/* Each after what is ordered before it, else as they were pulled in.  The starts of
 * restarts count: their stops go the other way round. */
static void
tell_way(struct preview *v, bool up)
{
	struct plan *p = v->p;

	v->up = up;
	v->n_ready = 0;
	for (uint32_t i = p->n; i-- > 0;)
		v->waits[i] = 0;
	for (v->at = 0; v->at < p->n; v->at++) {
		const struct plan_item *it = &p->v[v->at];

		if (it->left_out != NULL || (it->type != JOB_STOP) != up)
			continue;
		if (!it->no_order)
			(up ? graph_each_before : graph_each_after)(
			    it->unit, count_wait, v);
		if (v->waits[v->at] == 0)
			v->ready[v->n_ready++] = v->at;
	}
	for (uint32_t k = 0; k < v->n_ready; k++) {
		struct job_unit *u = p->v[v->ready[k]].unit;

		tell(v, v->ready[k]);
		if (!p->v[v->ready[k]].no_order)
			(up ? graph_each_after : graph_each_before)(u, count_down, v);
	}
}

static void
tell_missing(const struct preview *v, const struct plan_missing *m)
{
	struct job_planned t = { .unit = m->unit,
		.type = JOB_START,
		.by = v->p->v[m->by].unit,
		.because = m->kind,
		.left_out = m->why };

	v->fn(v->arg, &t);
}

void
preview(struct plan *p, job_plan_fn *fn, void *arg)
{
	struct preview v = { .p = p, .fn = fn, .arg = arg };

	v.waits = xcalloc(p->n, sizeof(uint32_t));
	v.ready = xcalloc(p->n, sizeof(uint32_t));
	tell_way(&v, false);
	tell_way(&v, true);
	for (uint32_t i = 0; i < p->n; i++)
		if (p->v[i].left_out != NULL && p->v[i].left_out[0] != '\0')
			tell(&v, i);
	for (uint32_t i = 0; i < p->n_m; i++)
		tell_missing(&v, &p->m[i]);
	free(v.waits);
	free(v.ready);
}
