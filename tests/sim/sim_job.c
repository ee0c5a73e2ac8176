/*
 * Jobs and their order: by script, and over random graphs.
 *
 *	sim_job [SEED [GRAPHS]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "net.h"
#include "random.h"
#include "walks.h"

enum { DEFAULT_GRAPHS = 3000 };

/* ---- scripts ----------------------------------------------------------------- */

static void
test_start_order(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c");

	(void)state;
	dep(c, DEP_REQUIRES, "b");
	dep(c, DEP_AFTER, "b");
	dep(b, DEP_WANTS, "a");
	dep(a, DEP_BEFORE, "b");
	ask(n, c, JOB_START);
	settle(n);
	assert_string_equal(n->log, "+a ");
	assert_int_equal(jobs_count(n->js), 3);
	run(n);
	assert_string_equal(n->log, "+a +b +c ");
	assert_int_equal(n->done, 1);
	assert_int_equal(n->last, JOB_DONE);
	/* Stop: the other way round, and only what requires it. */
	n->len = 0;
	ask(n, b, JOB_STOP);
	run(n);
	assert_string_equal(n->log, "-c -b ");
	assert_int_equal(a->state, JOB_UNIT_UP);
	assert_int_equal(n->queued, n->ended);
	net_free(n);
}

static void
test_held(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c");

	(void)state;
	dep(b, DEP_REQUIRES, "a");
	dep(b, DEP_AFTER, "a");
	dep(b, DEP_WANTS, "c");
	dep(b, DEP_AFTER, "c");
	a->held = c->held = true;
	ask(n, b, JOB_START);
	run(n);
	assert_string_equal(n->log, "");
	assert_int_equal(n->done, 0);
	/* Not by anything else that happens to it. */
	jobs_unit_changed(a->ju);
	run(n);
	assert_string_equal(n->log, "");
	a->held = false;
	jobs_unit_changed(a->ju);
	run(n);
	/* What is only wanted kept nobody waiting. */
	assert_string_equal(n->log, "+a +b ");
	assert_int_equal(n->last, JOB_DONE);
	assert_int_equal(c->starts, 0);
	/* A stop of what waits ends the waiting. */
	ask(n, c, JOB_START);
	run(n);
	assert_int_equal(n->done, 1);
	ask(n, c, JOB_STOP);
	run(n);
	assert_int_equal(c->starts, 0);
	assert_int_equal(jobs_count(n->js), 0);
	net_free(n);
}

static void
test_parallel(void **state)
{
	struct net *n = net_new();
	struct unit *t = add(n, "t");

	(void)state;
	for (int i = 0; i < 5; i++) {
		char name[16];

		snprintf(name, sizeof(name), "u%d", i);
		add(n, name);
		dep(t, DEP_WANTS, name);
		dep(t, DEP_AFTER, name);
	}
	ask(n, t, JOB_START);
	settle(n);
	for (size_t i = 1; i <= 5; i++)
		assert_true(n->u[i].busy);
	assert_false(t->busy);
	run(n);
	assert_int_equal(t->state, JOB_UNIT_UP);
	net_free(n);
}

/* What waited for the same one begins in the order in which it was asked for. */
static void
test_who_waits_longest_begins(void **state)
{
	struct net *n = net_new();
	char expect[64] = "", name[16];

	(void)state;
	add(n, "pool");
	for (int i = 0; i < 5; i++) {
		struct unit *u;

		snprintf(name, sizeof(name), "u%d", i);
		u = add(n, name);
		dep(u, DEP_REQUIRES, "pool");
		dep(u, DEP_AFTER, "pool");
		ask(n, u, JOB_START);
		snprintf(expect + strlen(expect), sizeof(expect) - strlen(expect),
		    "%s+%s", i > 0 ? " " : "", name);
	}
	run(n);
	assert_non_null(strstr(n->log, expect));
	net_free(n);
}

static void
test_dependency_fails(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c");

	(void)state;
	dep(b, DEP_REQUIRES, "a");
	dep(b, DEP_AFTER, "a");
	dep(c, DEP_WANTS, "a");
	dep(c, DEP_AFTER, "a");
	a->start = FAILS;
	ask(n, b, JOB_START);
	run(n);
	assert_int_equal(n->last, JOB_DEPENDENCY);
	assert_non_null(strstr(n->message, "a, which it requires, did not start"));
	assert_int_equal(b->starts, 0);
	ask(n, c, JOB_START);
	run(n);
	assert_int_equal(n->last, JOB_DONE);
	net_free(n);
}

static void
test_missing(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");
	struct buf why = { 0 };
	struct job_request r = { .type = JOB_START };

	(void)state;
	dep(a, DEP_REQUIRES, "ghost");
	assert_int_equal(job_request(n->js, a->ju, &r, on_done, n, &why), 0);
	assert_non_null(
	    strstr(buf_str(&why), "a requires ghost: there is no unit ghost"));
	buf_free(&why);
	assert_int_equal(n->done, 0); /* later, never from within */
	run(n);
	assert_int_equal(n->done, 1);
	assert_int_equal(n->last, JOB_INVALID);
	assert_int_equal(jobs_count(n->js), 0);
	dep(b, DEP_WANTS, "ghost");
	ask(n, b, JOB_START);
	run(n);
	assert_int_equal(n->last, JOB_DONE);
	net_free(n);
}

static void
test_cycle_is_named_and_refused(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c");

	(void)state;
	dep(a, DEP_REQUIRES, "b");
	dep(b, DEP_REQUIRES, "c");
	dep(a, DEP_AFTER, "b");
	dep(b, DEP_AFTER, "c");
	dep(c, DEP_AFTER, "a");
	ask(n, a, JOB_START);
	run(n);
	assert_int_equal(n->last, JOB_INVALID);
	assert_non_null(strstr(n->message, "a after b after c after a"));
	assert_int_equal(jobs_count(n->js), 0);
	assert_int_equal(a->starts + b->starts + c->starts, 0);
	/* What runs in a cycle can always be stopped. */
	n->check_order = false;
	a->state = b->state = c->state = JOB_UNIT_UP;
	ask(n, c, JOB_STOP);
	run(n);
	assert_int_equal(n->last, JOB_DONE);
	assert_int_equal(a->state, JOB_UNIT_DOWN);
	net_free(n);
}

static void
test_boot_breaks_cycles(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(a, DEP_WANTS, "b");
	dep(a, DEP_AFTER, "b");
	dep(b, DEP_AFTER, "a");
	ask_mode(n, a, JOB_START, 0);
	run(n);
	assert_int_equal(n->last, JOB_DONE);
	assert_int_equal(a->state, JOB_UNIT_UP);
	assert_int_equal(b->state, JOB_UNIT_DOWN);
	net_free(n);
}

static void
test_merging(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a");
	uint32_t id;

	(void)state;
	/* Twenty starts are one. */
	id = ask(n, a, JOB_START);
	for (int i = 0; i < 19; i++)
		assert_int_equal(ask(n, a, JOB_START), id);
	run(n);
	assert_int_equal(a->starts, 1);
	assert_int_equal(n->done, 20);
	/* A stop takes the place of a start that runs. */
	ask(n, a, JOB_STOP);
	run(n);
	n->done = 0;
	a->start = HANGS;
	ask(n, a, JOB_START);
	settle(n);
	ask(n, a, JOB_STOP);
	settle(n);
	assert_int_equal(n->last, JOB_CANCELED);
	run(n);
	assert_int_equal(n->done, 2);
	assert_int_equal(n->last, JOB_DONE);
	assert_int_equal(a->state, JOB_UNIT_DOWN);
	/* A start behind a stop that runs waits for its end. */
	a->start = WORKS;
	a->state = JOB_UNIT_UP;
	a->stop = HANGS;
	ask(n, a, JOB_STOP);
	settle(n);
	ask(n, a, JOB_START);
	settle(n);
	assert_int_equal(a->state, JOB_UNIT_STOPPING);
	a->stop = WORKS;
	run(n);
	assert_int_equal(a->state, JOB_UNIT_UP);
	/* A stop again, with the start behind it: the start is canceled. */
	a->stop = HANGS;
	ask(n, a, JOB_STOP);
	settle(n);
	ask(n, a, JOB_START);
	ask(n, a, JOB_STOP);
	a->stop = WORKS;
	run(n);
	assert_int_equal(a->state, JOB_UNIT_DOWN);
	assert_int_equal(jobs_count(n->js), 0);
	net_free(n);
}

static void
test_restart(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(b, DEP_REQUIRES, "a");
	dep(b, DEP_AFTER, "a");
	a->state = b->state = JOB_UNIT_UP;
	ask(n, a, JOB_RESTART);
	run(n);
	assert_string_equal(n->log, "-b -a +a +b ");
	assert_int_equal(n->last, JOB_DONE);
	n->len = 0;
	ask(n, a, JOB_STOP);
	run(n);
	n->len = 0;
	n->log[0] = '\0';
	ask(n, a, JOB_TRY_RESTART);
	run(n);
	assert_string_equal(n->log, "");
	assert_int_equal(n->last, JOB_DONE);
	ask(n, a, JOB_RESTART); /* of what is down: a start */
	run(n);
	assert_string_equal(n->log, "+a ");
	net_free(n);
}

static void
test_reload(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a");

	(void)state;
	ask(n, a, JOB_RELOAD);
	run(n);
	assert_int_equal(n->last, JOB_INVALID);
	ask(n, a, JOB_RELOAD_OR_RESTART);
	run(n);
	assert_string_equal(n->log, "+a ");
	ask(n, a, JOB_RELOAD_OR_RESTART);
	settle(n);
	/* One more while it reloads: read again, later. */
	ask(n, a, JOB_RELOAD);
	ask(n, a, JOB_RELOAD);
	run(n);
	assert_string_equal(n->log, "+a ~a ~a ");
	assert_int_equal(jobs_count(n->js), 0);
	net_free(n);
}

static void
test_waits_for_what_stops_by_itself(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a");

	(void)state;
	a->state = JOB_UNIT_STOPPING;
	ask(n, a, JOB_START);
	run(n);
	assert_int_equal(a->starts, 0);
	a->state = JOB_UNIT_DOWN;
	jobs_unit_changed(a->ju);
	run(n);
	assert_int_equal(a->starts, 1);
	net_free(n);
}

static void
test_cancel(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");
	uint32_t id;

	(void)state;
	dep(b, DEP_AFTER, "a");
	a->start = HANGS;
	ask(n, a, JOB_START);
	settle(n);
	id = ask(n, b, JOB_START);
	settle(n);
	assert_true(job_cancel(n->js, id));
	settle(n);
	assert_int_equal(n->last, JOB_CANCELED);
	assert_int_equal(b->starts, 0);
	assert_int_equal(jobs_count(n->js), 1);
	/* Of one that runs nobody is told from within the call. */
	n->done = 0;
	assert_false(job_cancel(n->js, job_id(job_unit_job(a->ju))));
	assert_int_equal(n->done, 0);
	settle(n);
	assert_int_equal(n->done, 1);
	assert_int_equal(n->last, JOB_CANCELED);
	job_forget_waiters(n->js, n);
	n->done = 0;
	jobs_unit_done(a->ju, JOB_START, JOB_DONE, NULL);
	settle(n);
	assert_int_equal(jobs_count(n->js), 0);
	assert_int_equal(n->done, 0);
	net_free(n);
}

static void
test_shutdown(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c"),
		    *w = add(n, "w");

	(void)state;
	dep(b, DEP_AFTER, "a");
	dep(c, DEP_AFTER, "b");
	a->state = b->state = c->state = JOB_UNIT_UP;
	w->state = JOB_UNIT_WAITING; /* for its restart */
	jobs_shutdown(n->js, n->now_us + 10 * SEC, true, "signal TERM", on_done, n);
	ask(n, a, JOB_START);
	run(n);
	assert_string_equal(n->log, "-c -b -a ");
	assert_int_equal(w->state, JOB_UNIT_DOWN);
	assert_int_equal(n->done, 2);
	assert_int_equal(n->last, JOB_DONE);
	net_free(n);

	n = net_new();
	a = add(n, "a");
	b = add(n, "b");
	a->state = b->state = JOB_UNIT_UP;
	a->stop = HANGS;
	jobs_shutdown(n->js, n->now_us + 10 * SEC, true, "signal TERM", on_done, n);
	run(n);
	assert_int_equal(n->done, 0);
	advance(n, 11 * SEC);
	assert_int_equal(n->last, JOB_TIMEOUT);
	assert_string_equal(n->message, "a");
	net_free(n);
}

static void
test_force(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(b, DEP_AFTER, "a");
	a->state = b->state = JOB_UNIT_UP;
	b->stop = HANGS;
	jobs_shutdown(n->js, UINT64_MAX, true, "signal TERM", on_done, n);
	settle(n);
	assert_string_equal(n->log, "-b ");
	/* A second signal: at once, without order. */
	jobs_shutdown(n->js, UINT64_MAX, false, "signal TERM again", on_done, n);
	settle(n);
	assert_non_null(strstr(n->log, "!a"));
	b->stop = WORKS;
	run(n);
	assert_int_equal(n->last, JOB_DONE);
	net_free(n);
}

/* ---- random graphs ----------------------------------------------------------- */

static bool
has_order_cycle(struct net *n)
{
	bool gone[MAX_UNITS] = { false }, any = true;
	size_t left = n->n;

	while (any) {
		any = false;
		for (size_t i = 0; i < n->n; i++) {
			bool first = !gone[i];

			for (size_t k = 0; k < n->n && first; k++)
				if (!gone[k] && k != i &&
				    ordered_after(&n->u[i], &n->u[k]))
					first = false;
			if (first) {
				gone[i] = any = true;
				left--;
			}
		}
	}
	return left > 0;
}

static void
random_graph(uint64_t seed)
{
	static const enum unit_dep kinds[] = { DEP_REQUIRES, DEP_WANTS, DEP_AFTER,
		DEP_BEFORE, DEP_AFTER, DEP_BINDS_TO, DEP_PART_OF };
	struct net *n = net_new();
	unsigned edges, asked = 0;
	bool acyclic;
	char name[16];

	rng = seed;
	n->seed = seed;
	edges = below(40);
	for (unsigned i = 0, m = 2 + below(10); i < m; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		add(n, name);
		n->u[i].start = below(6) == 0 ? FAILS : WORKS;
		n->u[i].missing = below(12) == 0;
		n->u[i].at_once = below(3) == 0;
	}
	for (unsigned i = 0; i < edges; i++) {
		struct unit *a = &n->u[below((unsigned)n->n)];
		struct unit *b = &n->u[below((unsigned)n->n)];

		/* Most graphs have an order that works, some do not. */
		if (seed % 4 != 0 && a < b) {
			struct unit *t = a;

			a = b;
			b = t;
		}
		dep(a, seed % 4 != 0 && below(2) ? DEP_AFTER : kinds[below(7)], b->name);
	}
	acyclic = !has_order_cycle(n);
	n->check_order = acyclic;
	for (int i = 0; i < 40; i++) {
		struct unit *u = &n->u[below((unsigned)n->n)];

		switch (below(8)) {
		case 0:
		case 1:
		case 2:
			ask(n, u, (enum job_type)below(JOB_NTYPES));
			asked++;
			break;
		case 3:
			ask(n, u, JOB_STOP);
			asked++;
			break;
		case 4:
			if (u->state == JOB_UNIT_UP && !u->busy) {
				/* It ends by itself. */
				u->state = below(2) ? JOB_UNIT_DOWN : JOB_UNIT_WAITING;
				jobs_unit_changed(u->ju);
			}
			break;
		case 5:
			answer(u);
			break;
		default:
			if (n->scheduled) {
				n->scheduled = false;
				jobs_settle(n->js);
			}
			break;
		}
	}
	run(n);
	if (jobs_count(n->js) != 0) {
		show_left(n);
		fail_msg("%zu jobs never end (seed %llu)", jobs_count(n->js),
		    (unsigned long long)seed);
	}
	if (n->done != asked || n->queued != n->ended)
		fail_msg("%u of %u answered (seed %llu)", n->done, asked,
		    (unsigned long long)seed);
	jobs_shutdown(n->js, UINT64_MAX, true, "the end", on_done, n);
	run(n);
	assert_int_equal(n->done, asked + 1);
	for (size_t i = 0; i < n->n; i++)
		assert_int_equal(n->u[i].state, JOB_UNIT_DOWN);
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
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_order),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_parallel),
		cmocka_unit_test(test_who_waits_longest_begins),
		cmocka_unit_test(test_dependency_fails),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_cycle_is_named_and_refused),
		cmocka_unit_test(test_boot_breaks_cycles),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_waits_for_what_stops_by_itself),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_force),
		cmocka_unit_test(test_random_graphs),
	};

	walks_args(argc, argv, DEFAULT_GRAPHS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
