/*
 * due: the order of what is due, by the edges between those that want something.
 */
#include "manager/session/due.h"

#include <stdlib.h>
#include <string.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

/* A unit in one run.  Others that come after it are a list of edges. */
struct turn {
	const char *unit;
	unsigned steps;    /* bit n for step n; due_forget clears them */
	size_t waits;      /* for so many others */
	size_t first_edge; /* 1 more than its index, 0: none */
	bool taken;
};

struct edge {
	size_t to;
	size_t next; /* as first_edge */
};

struct run {
	struct turn *turns;
	size_t n;
	struct edge *edges;
	size_t n_edges, cap_edges;
	struct map index; /* unit to its turn */
	size_t *order;
	size_t n_order;
};

struct due {
	struct due_ops ops;
	struct strv units; /* those below, as they came */
	struct map steps;  /* unit to its steps, as a number that is not 0 */
	struct run *now;   /* the run that goes on; NULL: none */
};

static const char *const step_names[DUE_NSTEPS] = {
	[DUE_ENSURE] = "ensure",
	[DUE_POKE] = "poke",
	[DUE_PENDING] = "pending",
	[DUE_REQUESTS] = "requests",
	[DUE_STALE] = "stale",
};

const char *
due_step_name(enum due_step step)
{
	return (unsigned)step < DUE_NSTEPS ? step_names[step] : "?";
}

struct due *
due_new(const struct due_ops *ops)
{
	struct due *d = xcalloc(1, sizeof(*d));

	d->ops = *ops;
	return d;
}

void
due_free(struct due *d)
{
	if (d == NULL)
		return;
	strv_free(&d->units);
	map_clear(&d->steps, NULL);
	free(d);
}

void
due_add(struct due *d, const char *unit, enum due_step step)
{
	uintptr_t steps = (uintptr_t)map_get(&d->steps, unit);

	if (steps == 0)
		strv_add(&d->units, unit);
	map_set(&d->steps, unit, (void *)(steps | (uintptr_t)1 << step));
}

void
due_forget(struct due *d, const char *unit)
{
	struct turn *t = d->now != NULL ? map_get(&d->now->index, unit) : NULL;

	if (t != NULL)
		t->steps = 0;
	if (map_del(&d->steps, unit) != NULL)
		strv_remove(&d->units, unit);
}

bool
due_any(const struct due *d)
{
	return d->units.n > 0;
}

/* ---- whose turn is after whose ---- */

static void
add_edge(struct run *r, size_t from, size_t to)
{
	if (r->n_edges == r->cap_edges) {
		r->cap_edges = r->cap_edges > 0 ? 2 * r->cap_edges : 64;
		r->edges = xreallocarray(r->edges, r->cap_edges, sizeof(*r->edges));
	}
	r->edges[r->n_edges++] = (struct edge){ to, r->turns[from].first_edge };
	r->turns[from].first_edge = r->n_edges;
	r->turns[to].waits++;
}

static void
find_edges(struct due *d, struct run *r)
{
	/* The last first: edges are put before those that are there. */
	for (size_t i = r->n; i-- > 0;) {
		const struct strv *after = d->ops.after(d->ops.arg, r->turns[i].unit);

		for (uint32_t k = 0; after != NULL && k < after->n; k++) {
			const struct turn *t = map_get(&r->index, after->v[k]);

			if (t != NULL && t != &r->turns[i])
				add_edge(r, (size_t)(t - r->turns), i);
		}
	}
}

static void
take(struct run *r, size_t i)
{
	r->turns[i].taken = true;
	r->order[r->n_order++] = i;
}

static void
release(struct run *r, const struct turn *t)
{
	for (size_t e = t->first_edge; e != 0; e = r->edges[e - 1].next) {
		size_t to = r->edges[e - 1].to;

		if (--r->turns[to].waits == 0 && !r->turns[to].taken)
			take(r, to);
	}
}

/* Those that wait for none by name, then the others as they may.  In a cycle the first by
 * name goes first. */
static void
put_in_order(struct run *r)
{
	size_t next = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->turns[i].waits == 0)
			take(r, i);
	for (size_t done = 0; done < r->n; done++) {
		if (done == r->n_order) {
			while (r->turns[next].taken)
				next++;
			take(r, next);
		}
		release(r, &r->turns[r->order[done]]);
	}
}

/* ---- a run ---- */

static void
begin_run(struct due *d, struct run *r)
{
	strv_sort(&d->units);
	r->n = d->units.n;
	r->turns = xcalloc(r->n + 1, sizeof(*r->turns));
	r->order = xcalloc(r->n + 1, sizeof(*r->order));
	for (size_t i = 0; i < r->n; i++) {
		r->turns[i].unit = d->units.v[i];
		r->turns[i].steps =
		    (unsigned)(uintptr_t)map_get(&d->steps, d->units.v[i]);
		map_set(&r->index, d->units.v[i], &r->turns[i]);
	}
	find_edges(d, r);
	put_in_order(r);
}

static size_t
run_turn(struct due *d, struct turn *t)
{
	size_t failed = 0;

	for (int step = 0; step < DUE_NSTEPS; step++)
		if ((t->steps >> step & 1) != 0 &&
		    !d->ops.run(d->ops.arg, t->unit, (enum due_step)step))
			failed++;
	return failed;
}

size_t
due_run(struct due *d)
{
	struct run r = { 0 };
	struct strv units;
	size_t failed = 0;

	begin_run(d, &r);
	units = d->units; /* the names that the turns point to */
	d->units = (struct strv){ 0 };
	map_clear(&d->steps, NULL);
	d->now = &r;
	for (size_t i = 0; i < r.n; i++)
		failed += run_turn(d, &r.turns[r.order[i]]);
	d->now = NULL;
	map_clear(&r.index, NULL);
	strv_free(&units);
	free(r.turns);
	free(r.edges);
	free(r.order);
	return failed;
}
