/*
 * Transactions over random graphs of all kinds of dependencies, with masks, failures,
 * limits and modes (by script: sim_graph).
 *
 *	sim_graphs [SEED [GRAPHS]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net.h"
#include "random.h"
#include "walks.h"

enum { DEFAULT_GRAPHS = 6000, STEPS = 60, REQUESTS_MAX = STEPS + 1 };

/* Who waits for a request: told once, and only once. */
struct waiter {
	unsigned told;
	bool gone;
};

struct walk {
	struct net *n;
	struct waiter w[REQUESTS_MAX];
	unsigned asked;
	bool plain;   /* only the mode replace */
	bool excused; /* a stop was left out: it would have stopped what was asked for */
};

static void
on_answer(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct waiter *w = arg;

	(void)id;
	(void)result;
	(void)message;
	w->told++;
	assert_false(w->gone);
}

/* What was shown ahead is what is queued then. */
struct ahead {
	struct job_unit *v[MAX_UNITS];
	size_t n;
};

static void
note_ahead(void *arg, const struct job_planned *p)
{
	struct ahead *a = arg;

	if (p->left_out == NULL && a->n < MAX_UNITS)
		a->v[a->n++] = p->unit;
}

static void
request(struct walk *w, struct unit *u, enum job_type type, enum job_how how)
{
	struct strv notes = { 0 };
	struct job_request r = {
		.type = type, .how = how, .origin = "walk", .notes = &notes
	};
	unsigned queued = w->n->queued, ended = w->n->ended;
	struct ahead a = { .n = 0 };
	struct buf why = { 0 };
	uint32_t id;
	int rc;

	TELL("%s %s, mode %s\n", job_type_name(type), u->name, job_how_name(how));
	rc = job_plan(w->n->js, u->ju, &r, note_ahead, &a, &why);
	buf_clear(&why);
	strv_free(&notes);
	assert_int_equal(w->n->queued, queued);
	id = job_request(w->n->js, u->ju, &r, on_answer, &w->w[w->asked++], &why);
	if ((id == 0) != (rc == -1))
		fail_msg("planned %d, asked %u: %s (seed %llu)", rc, id, buf_str(&why),
		    (unsigned long long)w->n->seed);
	w->excused = w->excused || notes.n > 0;
	strv_free(&notes);
	/* Nothing of what is refused. */
	if (id == 0 && (w->n->queued != queued || w->n->ended != ended))
		fail_msg("a refusal changed something (seed %llu)",
		    (unsigned long long)w->n->seed);
	for (size_t i = 0; id != 0 && i < a.n; i++)
		if (job_unit_job(a.v[i]) == NULL)
			fail_msg("%s has no job (seed %llu)", job_unit_name(a.v[i]),
			    (unsigned long long)w->n->seed);
	buf_free(&why);
}

static void
make_graph(struct net *n, unsigned units, unsigned edges, bool acyclic, bool implied)
{
	static const enum unit_type types[] = { UNIT_SERVICE, UNIT_SERVICE, UNIT_TIMER,
		UNIT_TARGET };
	char name[32];

	for (unsigned i = 0; i < units; i++) {
		bool stage = implied && (i < 2 || i == units - 1);
		struct unit *u;

		/* First what all come after, last what all are before. */
		snprintf(name, sizeof(name), "u%u", i);
		if (stage)
			snprintf(name, sizeof(name), "%s",
			    i == 0   ? "sysinit.target"
			    : i == 1 ? "basic.target"
				     : "shutdown.target");
		u = implied && !stage && !one_in(4)
			? add_default(n, name, types[below(4)])
			: add(n, name);
		u->start = one_in(6) ? FAILS : one_in(12) ? HANGS : WORKS;
		u->stop = one_in(15) ? FAILS : WORKS;
		u->missing = one_in(12);
		u->at_once = one_in(3);
		u->spared = one_in(8);
		u->no_isolate = one_in(4);
		if (u->start == HANGS)
			u->running_us = SEC;
		if (one_in(8))
			u->queued_us = 3 * SEC;
		u->state = one_in(3) ? JOB_UNIT_UP : JOB_UNIT_DOWN;
	}
	for (unsigned i = 0; i < edges; i++) {
		struct unit *a = &n->u[below(units)], *b = &n->u[below(units)];
		enum unit_dep kind =
		    one_in(3) ? DEP_AFTER : (enum unit_dep)below(DEP_NKINDS);

		if (acyclic && (a < b) != (kind == DEP_BEFORE)) {
			struct unit *t = a;

			a = b;
			b = t;
		}
		dep(a, kind, b->name);
	}
}

static void
step(struct walk *w)
{
	struct net *n = w->n;
	struct unit *u = &n->u[below((unsigned)n->n)];
	enum job_how how = w->plain ? JOB_REPLACE : (enum job_how)below(JOB_NHOW);
	enum job_type type = (enum job_type)below(JOB_NTYPES);

	switch (below(9)) {
	case 0:
	case 1:
	case 2:
		request(w, u, one_in(2) ? JOB_START : type, how);
		break;
	case 3:
		request(w, u, JOB_STOP, how);
		break;
	case 4:
		if (u->state == JOB_UNIT_UP && !u->busy) {
			/* It ends by itself. */
			u->state = one_in(2) ? JOB_UNIT_DOWN : JOB_UNIT_WAITING;
			jobs_unit_changed(u->ju);
		}
		break;
	case 5:
		answer(u);
		break;
	case 6:
		if (one_in(4) && job_unit_job(u->ju) != NULL)
			job_cancel(n->js, job_id(job_unit_job(u->ju)));
		else if (one_in(4))
			advance(n, SEC / 2);
		break;
	default:
		if (n->scheduled) {
			n->scheduled = false;
			jobs_settle(n->js);
		}
		break;
	}
}

/* Of what conflicts, only one runs: unless a stop failed, or something else was asked of
 * the unit before it was done, or a mode let it be. */
static void
check_conflicts(const struct net *n)
{
	for (size_t i = 0; i < n->n; i++) {
		const struct unit *u = &n->u[i];
		const struct strv *c = &u->rules.deps[DEP_CONFLICTS];

		for (size_t k = 0; k < c->n; k++) {
			const struct unit *o = of(jobs_unit_find(n->js, c->v[k]));

			if (o != u && u->starts > 0 && o->starts > 0 &&
			    u->state == JOB_UNIT_UP && o->state == JOB_UNIT_UP)
				fail_msg("%s and %s run (seed %llu)", u->name, o->name,
				    (unsigned long long)n->seed);
		}
	}
}

static void
finish(struct walk *w)
{
	struct net *n = w->n;

	run(n);
	/* What hangs has limits. */
	for (int i = 0; i < 100 && jobs_count(n->js) > 0; i++)
		advance(n, SEC);
	/* A reload waits for a start that has none. */
	for (size_t i = 0; i < n->n; i++)
		n->u[i].start = n->u[i].start == HANGS ? WORKS : n->u[i].start;
	run(n);
	show_left(n);
	if (jobs_count(n->js) != 0)
		fail_msg("%zu jobs never end (seed %llu)", jobs_count(n->js),
		    (unsigned long long)n->seed);
	if (n->queued != n->ended)
		fail_msg("%u jobs, %u ends (seed %llu)", n->queued, n->ended,
		    (unsigned long long)n->seed);
	for (unsigned i = 0; i < w->asked; i++)
		if (w->w[i].told != 1)
			fail_msg("request %u was answered %u times (seed %llu)", i,
			    w->w[i].told, (unsigned long long)n->seed);
}

static void
random_graph(uint64_t seed)
{
	static struct walk w;
	struct net *n = net_new();
	unsigned units;
	bool acyclic, implied;

	rng = seed;
	n->seed = seed;
	w = (struct walk){ .n = n, .plain = seed % 2 == 0 };
	acyclic = seed % 4 < 2;
	units = 3 + below(12);
	implied = one_in(2);
	make_graph(n, units, below(4 * units), acyclic, implied);
	jobs_set_sysinit(n->js, one_in(2));
	n->check_order = acyclic && w.plain;
	for (size_t i = 0; w.plain && i < n->n; i++)
		n->u[i].stop = WORKS;
	for (int i = 0; i < STEPS; i++)
		step(&w);
	for (size_t i = 0; i < n->n; i++)
		if (n->u[i].start == HANGS && one_in(2))
			n->u[i].start = WORKS;
	finish(&w);
	if (w.plain && !w.excused && n->stops_given_up == 0)
		check_conflicts(n);
	net_free(n);
}

static void
test_random_graphs(void **state)
{
	(void)state;
	print_message("%u graphs from seed %llu\n", walks, (unsigned long long)base_seed);
	for (unsigned i = 0; i < walks; i++)
		random_graph(base_seed + i);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_graphs) };

	walks_args(argc, argv, DEFAULT_GRAPHS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
