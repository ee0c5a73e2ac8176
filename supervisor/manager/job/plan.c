/*
 * plan: the jobs that a request takes, while it is decided whether it can be.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

void
plan_clear(struct plan *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		p->v[i].unit->planned = 0;
		free(p->v[i].left_out);
	}
	for (uint32_t i = 0; i < p->n_m; i++)
		free(p->m[i].why);
	free(p->v);
	free(p->e);
	free(p->m);
	*p = (struct plan){ 0 };
}

static uint32_t
find(const struct plan *p, const struct job_unit *u, enum job_type type)
{
	uint32_t i = u->planned == 0 ? PLAN_NONE : u->planned - 1;

	while (i != PLAN_NONE && p->v[i].type != type)
		i = p->v[i].next_of_unit;
	return i;
}

static uint32_t
new_item(struct plan *p, struct job_unit *u, enum job_type type)
{
	uint32_t i = p->n++;

	if (i == p->cap) {
		p->cap = p->cap == 0 ? 8 : 2 * p->cap;
		p->v = xreallocarray(p->v, p->cap, sizeof(p->v[0]));
	}
	p->v[i] = (struct plan_item){ .unit = u,
		.type = type,
		.next_of_unit = PLAN_NONE,
		.pulls = PLAN_NONE,
		.pulled_by = PLAN_NONE };
	/* Behind the first one, which stays the head. */
	if (u->planned == 0) {
		u->planned = i + 1;
	} else {
		p->v[i].next_of_unit = p->v[u->planned - 1].next_of_unit;
		p->v[u->planned - 1].next_of_unit = i;
	}
	return i;
}

uint32_t
plan_add(struct plan *p, struct job_unit *u, enum job_type type, uint32_t from,
    const char *kind, bool matters, bool conflicts)
{
	uint32_t i = find(p, u, type);
	struct plan_edge *e;

	if (i == PLAN_NONE)
		i = new_item(p, u, type);
	if (from == PLAN_NONE)
		return i;
	if (p->n_e == p->cap_e) {
		p->cap_e = p->cap_e == 0 ? 8 : 2 * p->cap_e;
		p->e = xreallocarray(p->e, p->cap_e, sizeof(p->e[0]));
	}
	e = &p->e[p->n_e];
	*e = (struct plan_edge){ .from = from,
		.to = i,
		.next_of_from = p->v[from].pulls,
		.next_of_to = p->v[i].pulled_by,
		.kind = kind,
		.matters = matters,
		.conflicts = conflicts };
	p->v[from].pulls = p->v[i].pulled_by = p->n_e++;
	return i;
}

void
plan_add_missing(struct plan *p, struct job_unit *u, uint32_t from, const char *kind,
    bool hard, char *why)
{
	if (p->n_m == p->cap_m) {
		p->cap_m = p->cap_m == 0 ? 4 : 2 * p->cap_m;
		p->m = xreallocarray(p->m, p->cap_m, sizeof(p->m[0]));
	}
	p->m[p->n_m++] = (struct plan_missing){
		.by = from, .hard = hard, .unit = u, .kind = kind, .why = why
	};
}

uint32_t
plan_next_of_unit(const struct plan *p, uint32_t item)
{
	do
		item = p->v[item].next_of_unit;
	while (item != PLAN_NONE && p->v[item].left_out != NULL);
	return item;
}

uint32_t
plan_item_of(const struct plan *p, const struct job_unit *u)
{
	uint32_t i = u->planned == 0 ? PLAN_NONE : u->planned - 1;

	return i != PLAN_NONE && p->v[i].left_out != NULL ? plan_next_of_unit(p, i) : i;
}

const struct plan_edge *
plan_puller(const struct plan *p, uint32_t item)
{
	const struct plan_edge *e = NULL;

	for (uint32_t k = p->v[item].pulled_by; k != PLAN_NONE; k = p->e[k].next_of_to)
		if (!p->e[k].gone || p->v[item].left_out != NULL)
			e = &p->e[k];
	return e;
}

/* ---- less of it -------------------------------------------------------------- */

struct stack {
	uint32_t *v;
	uint32_t n, cap;
};

static void
push(struct stack *s, uint32_t i)
{
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 16 : 2 * s->cap;
		s->v = xreallocarray(s->v, s->cap, sizeof(s->v[0]));
	}
	s->v[s->n++] = i;
}

/* Takes its edges away; needy: what cannot be without it. */
static void
cut(struct plan *p, uint32_t i, struct stack *needy)
{
	for (uint32_t k = p->v[i].pulls; k != PLAN_NONE; k = p->e[k].next_of_from)
		p->e[k].gone = true;
	for (uint32_t k = p->v[i].pulled_by; k != PLAN_NONE; k = p->e[k].next_of_to) {
		struct plan_edge *e = &p->e[k];

		if (e->gone)
			continue;
		e->gone = true;
		if (e->matters && needy != NULL)
			push(needy, e->from);
	}
}

void
plan_leave_out(struct plan *p, uint32_t item, bool cascade, const char *fmt, ...)
{
	struct stack needy = { 0 };
	va_list ap;

	if (p->v[item].left_out != NULL)
		return;
	va_start(ap, fmt);
	p->v[item].left_out = xvasprintf(fmt, ap);
	va_end(ap);
	cut(p, item, cascade ? &needy : NULL);
	while (needy.n > 0) {
		uint32_t i = needy.v[--needy.n];

		if (p->v[i].left_out != NULL)
			continue;
		p->v[i].left_out = xasprintf("it cannot be without the %s of %s",
		    job_type_name(p->v[item].type), p->v[item].unit->name);
		cut(p, i, &needy);
	}
	free(needy.v);
}

/* Which items are pulled in by the anchor, or by what it pulls in; only those that it
 * cannot be without (matter), or all. */
static bool *
reached(const struct plan *p, bool matter)
{
	bool *marked = xcalloc(p->n, sizeof(bool));
	struct stack todo = { 0 };

	marked[0] = true;
	push(&todo, 0);
	while (todo.n > 0) {
		uint32_t i = todo.v[--todo.n];

		for (uint32_t k = p->v[i].pulls; k != PLAN_NONE;
		     k = p->e[k].next_of_from) {
			const struct plan_edge *e = &p->e[k];

			if (e->gone || (matter && !e->matters) || marked[e->to])
				continue;
			marked[e->to] = true;
			push(&todo, e->to);
		}
	}
	free(todo.v);
	return marked;
}

void
plan_collect(struct plan *p)
{
	bool *marked = reached(p, false);

	/* Two that pull in each other are no reason for each other. */
	for (uint32_t i = 1; i < p->n; i++) {
		if (marked[i] || p->v[i].left_out != NULL)
			continue;
		p->v[i].left_out = xstrdup(
		    p->v[i].type == JOB_STOP ? "" : "nothing that needs it is left");
		cut(p, i, NULL);
	}
	free(marked);
}

bool *
plan_matters(const struct plan *p)
{
	return reached(p, true);
}

/* ---- the whole --------------------------------------------------------------- */

/* What the anchor needs and cannot have. */
static int
check_missing(struct plan *p, struct buf *why)
{
	bool *matters = plan_matters(p);
	int rc = 0;

	for (uint32_t i = 0; i < p->n_m && rc == 0; i++) {
		const struct plan_missing *m = &p->m[i];

		if (!m->hard || !matters[m->by])
			continue;
		buf_addf(why, "%s requires %s: %s", p->v[m->by].unit->name, m->unit->name,
		    m->why);
		rc = -1;
	}
	free(matters);
	return rc;
}

/* Queued jobs that must not be replaced. */
static int
check_destructive(const struct plan *p, struct buf *why)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct plan_item *it = &p->v[i];
		const struct job *j = it->unit->job;

		if (it->left_out != NULL || j == NULL ||
		    !job_types_conflict(it->type, j->type) ||
		    (p->r->how != JOB_FAIL && !j->irreversible))
			continue;
		buf_addf(why,
		    "a %s of %s is queued%s (job %u), and its %s would replace it",
		    job_type_name(j->type), it->unit->name,
		    j->irreversible ? ", irreversibly" : "", j->id,
		    job_type_name(it->type));
		return -1;
	}
	return 0;
}

int
plan_make(struct jobs *js, struct plan *p, struct job_unit *ju,
    const struct job_request *r, enum job_type type, struct buf *why)
{
	p->js = js;
	p->r = r;
	if (type == JOB_START || type == JOB_RESTART) {
		char *no = js->ops->startable(js->arg, ju);

		if (no != NULL) {
			buf_adds(why, no);
			free(no);
			return -1;
		}
	}
	plan_add(p, job_unit_real(ju), type, PLAN_NONE, NULL, true, false);
	p->v[0].chain = true;
	if ((r->mode & JOB_NO_DEPS) == 0 && r->how != JOB_IGNORE_DEPENDENCIES &&
	    r->how != JOB_IGNORE_REQUIREMENTS)
		gather(p);
	if (check_missing(p, why) == -1)
		return -1;
	if (r->how == JOB_ISOLATE)
		gather_isolated(p);
	else if (r->how == JOB_TRIGGERING)
		gather_triggers(p);
	if (r->how == JOB_IGNORE_DEPENDENCIES)
		p->v[0].no_order = true;
	if (reduce(p, why) == -1)
		return -1;
	return check_destructive(p, why);
}

void
plan_make_all(struct jobs *js, struct plan *p, const struct job_request *r)
{
	struct strv names = { 0 };

	p->js = js;
	p->r = r;
	/* By name: the same end each time. */
	map_keys(&js->units, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct job_unit *u = map_get(&js->units, names.v[i]);

		if (u->data != NULL &&
		    (u->job != NULL || js->ops->state(js->arg, u) != JOB_UNIT_DOWN))
			plan_add(p, u, JOB_STOP, PLAN_NONE, NULL, true, false);
	}
	strv_clear(&names);
	reduce_cycles_unordered(p);
}
