/*
 * The queue over the death of its manager: random pipelines, and a death after every
 *single deed and every single answer of each.  What was told to wait, and what units
 *remember, is all that the next one has: then no job is lost, none begins before what it
 *comes after, and no stage begins twice.
 *
 *	sim_kept [SEED [GRAPHS]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/runid.h"
#include "manager/job/job.h"
#include "net.h"
#include "random.h"
#include "walks.h"

enum { DEFAULT_GRAPHS = 400, STAGES = 9 };

/* What would be in the journal of one unit. */
struct paper {
	uint32_t waits; /* its job that was told to wait and is not done; 0: none */
	uint32_t began; /* the job that its start is of */
	char run[RUN_ID_SIZE];
	enum job_unit_state state;
	bool busy;
	unsigned starts;
};

static struct paper now_on_paper[STAGES], died_with[STAGES];
static unsigned step, dies_at;
static uint32_t last_id, died_last_id;
static struct job_ops mine;

/* Something was done that cannot be taken back. */
static void
on_deed(const struct net *n)
{
	for (size_t i = 0; i < n->n; i++) {
		now_on_paper[i].state = n->u[i].state;
		now_on_paper[i].busy = n->u[i].busy;
		now_on_paper[i].starts = n->u[i].starts;
	}
	if (++step != dies_at)
		return;
	memcpy(died_with, now_on_paper, sizeof(died_with));
	died_last_id = last_id;
}

static size_t
index_of(const struct job_unit *ju)
{
	const struct unit *u = job_unit_data(ju);

	return (size_t)(u - u->net->u);
}

static void
op_waits(void *arg, const struct job *j)
{
	struct paper *p = &now_on_paper[index_of(job_of(j))];

	(void)arg;
	assert_int_equal(p->waits, 0);
	p->waits = job_id(j);
	snprintf(p->run, sizeof(p->run), "%s", job_run(j));
}

static void
op_note(void *arg, const struct job *j)
{
	op_queued(arg, j);
	if (job_id(j) > last_id)
		last_id = job_id(j);
}

static void
op_ended_kept(void *arg, const struct job *j, enum job_result r, const char *message)
{
	struct paper *p = &now_on_paper[index_of(job_of(j))];

	op_ended(arg, j, r, message);
	if (p->waits == job_id(j))
		p->waits = 0;
}

static void
op_start_kept(void *arg, struct job_unit *ju, const struct job_request *r)
{
	struct paper *p = &now_on_paper[index_of(ju)];

	op_start(arg, ju, r);
	p->began = r->job;
	snprintf(p->run, sizeof(p->run), "%s", r->run);
	on_deed(arg);
}

/* Stages with an order that comes from the seed; who dies makes no difference to it. */
static struct net *
pipeline(uint64_t seed)
{
	struct net *n = net_of(STAGES);
	char name[8];

	rng = seed;
	jobs_free(n->js);
	n->js = jobs_new(&mine, n);
	for (size_t i = 0; i < STAGES; i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		add(n, name);
		for (size_t k = 0; k < i; k++) {
			if (below(3) != 0)
				continue;
			dep(&n->u[i], below(3) == 0 ? DEP_WANTS : DEP_REQUIRES,
			    n->u[k].name);
			if (below(8) != 0)
				dep(&n->u[i], DEP_AFTER, n->u[k].name);
		}
	}
	return n;
}

static void
answer_one(struct net *n)
{
	size_t first = below(STAGES);

	for (size_t k = 0; k < STAGES; k++) {
		struct unit *u = &n->u[(first + k) % STAGES];

		if (!u->busy)
			continue;
		answer(u);
		on_deed(n); /* before anything follows from it */
		settle(n);
		return;
	}
}

static bool
any_busy(const struct net *n)
{
	for (size_t i = 0; i < n->n; i++)
		if (n->u[i].busy)
			return true;
	return false;
}

static void
restore(struct net *n)
{
	struct job_kept kept[STAGES];
	struct job_unit *units[STAGES];
	size_t nkept = 0;

	for (size_t i = 0; i < STAGES; i++) {
		const struct paper *p = &died_with[i];
		struct unit *u = &n->u[i];
		bool runs = p->busy;

		u->state = p->state;
		u->busy = p->busy;
		u->doing = JOB_START;
		u->starts = p->starts;
		if (!runs && (p->waits == 0 || p->waits == p->began))
			continue;
		kept[nkept] = (struct job_kept){ .id = runs ? p->began : p->waits,
			.r = { .type = JOB_START, .origin = "a person", .run = p->run },
			.runs = runs };
		units[nkept++] = u->ju;
	}
	memcpy(now_on_paper, died_with, sizeof(now_on_paper));
	jobs_restore(n->js, kept, units, nkept, died_last_id);
	assert_int_equal(jobs_count(n->js), nkept);
	for (size_t i = 0; i < nkept; i++)
		assert_non_null(jobs_find(n->js, kept[i].id));
}

/* One run to its end; returns the number of deeds and answers.  wanted: what ran. */
static unsigned
walk(uint64_t seed, bool *ran)
{
	struct net *n = pipeline(seed);

	memset(now_on_paper, 0, sizeof(now_on_paper));
	step = 0;
	last_id = 0;
	ask_mode(n, &n->u[STAGES - 1], JOB_START, JOB_AUTOMATIC);
	settle(n);
	while (any_busy(n))
		answer_one(n);
	for (size_t i = 0; i < STAGES; i++)
		ran[i] = n->u[i].starts == 1;
	assert_int_equal(jobs_count(n->js), 0);
	for (size_t i = 0; i < STAGES; i++)
		assert_int_equal(now_on_paper[i].waits, 0);
	net_free(n);
	return step;
}

static void
dies_everywhere(uint64_t seed)
{
	bool ran[STAGES], again[STAGES];
	unsigned steps;

	dies_at = 0;
	steps = walk(seed, ran);
	for (unsigned at = 1; at <= steps; at++) {
		struct net *n;

		dies_at = at;
		(void)walk(seed, again);
		dies_at = 0;
		n = pipeline(seed);
		restore(n);
		/* New ones are told from those that are there. */
		settle(n);
		while (any_busy(n))
			answer_one(n);
		for (size_t i = 0; i < STAGES; i++)
			if (n->u[i].starts != (ran[i] ? 1U : 0U))
				fail_msg("%s began %u times, wanted %d: seed %llu, death "
					 "after step %u of %u",
				    n->u[i].name, n->u[i].starts, ran[i],
				    (unsigned long long)seed, at, steps);
		assert_int_equal(jobs_count(n->js), 0);
		net_free(n);
	}
}

static void
test_no_stage_is_lost_or_twice(void **state)
{
	(void)state;
	print_message("%u graphs from seed %llu\n", walks, (unsigned long long)base_seed);
	for (unsigned i = 0; i < walks; i++)
		dies_everywhere(base_seed + i);
}

/* A stop that joins, and numbers that go on. */
static void
test_new_requests_after_it(void **state)
{
	struct net *n = net_of(STAGES);
	struct unit *a, *b;
	struct job_kept kept[2];
	struct job_unit *units[2];

	(void)state;
	jobs_free(n->js);
	n->js = jobs_new(&mine, n);
	a = add(n, "a");
	b = add(n, "b");
	dep(b, DEP_REQUIRES, "a");
	dep(b, DEP_AFTER, "a");
	a->state = JOB_UNIT_STARTING;
	a->busy = true;
	a->doing = JOB_START;
	for (size_t i = 0; i < 2; i++) {
		kept[i] = (struct job_kept){ .id = 40 + (uint32_t)i,
			.r = { .type = JOB_START,
			    .origin = "a timer",
			    .run = "r01kbb0mqvz7hk2" },
			.runs = i == 0 };
		units[i] = i == 0 ? a->ju : b->ju;
	}
	jobs_restore(n->js, kept, units, 2, 50);
	settle(n);
	assert_string_equal(n->log, "");
	assert_string_equal(job_run(job_unit_job(b->ju)), "r01kbb0mqvz7hk2");
	assert_int_equal(ask(n, b, JOB_START), 41);
	assert_int_equal(ask(n, b, JOB_STOP), 51);
	run(n);
	assert_string_equal(n->log, "");
	assert_int_equal(a->state, JOB_UNIT_UP);
	assert_int_equal(b->starts, 0);
	net_free(n);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_stage_is_lost_or_twice),
		cmocka_unit_test(test_new_requests_after_it),
	};

	walks_args(argc, argv, DEFAULT_GRAPHS);
	mine = ops;
	mine.waits = op_waits;
	mine.queued = op_note;
	mine.ended = op_ended_kept;
	mine.start = op_start_kept;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
