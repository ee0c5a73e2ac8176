/*
 * Transactions: what requests take along, stop, leave out and refuse; by script (over
 * random graphs: sim_graphs).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "net.h"
static uint32_t
ask_how(struct net *n, struct unit *u, enum job_type type, enum job_how how)
{
	struct job_request r = { .type = type, .how = how, .origin = "a person" };

	return job_request(n->js, u->ju, &r, on_done, n, NULL);
}

static void
expect(struct net *n, const char *log, enum job_result last)
{
	run(n);
	assert_string_equal(n->log, log);
	assert_int_equal(n->last, last);
	n->len = 0;
	n->log[0] = '\0';
}

static void
test_conflicts(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(a, DEP_CONFLICTS, "b");
	ask(n, b, JOB_START);
	expect(n, "+b ", JOB_DONE);
	ask(n, a, JOB_START);
	run(n);
	assert_int_equal(b->state, JOB_UNIT_DOWN);
	ask(n, b, JOB_START);
	run(n);
	assert_int_equal(a->state, JOB_UNIT_DOWN);
	assert_int_equal(b->state, JOB_UNIT_UP);
	net_free(n);
}

static void
test_contradictions(void **state)
{
	struct net *n = net_new();
	struct unit *both = add(n, "both"), *one = add(n, "one"), *none = add(n, "none");
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(a, DEP_CONFLICTS, "b");
	/* Both are required. */
	dep(both, DEP_REQUIRES, "a");
	dep(both, DEP_REQUIRES, "b");
	ask(n, both, JOB_START);
	expect(n, "", JOB_INVALID);
	assert_non_null(strstr(n->message, "are both needed"));
	/* One is: the other one is left out. */
	dep(one, DEP_WANTS, "a");
	dep(one, DEP_REQUIRES, "b");
	ask(n, one, JOB_START);
	run(n);
	assert_int_equal(a->starts, 0);
	assert_int_equal(b->state, JOB_UNIT_UP);
	ask(n, b, JOB_STOP);
	run(n);
	/* None is: what says Conflicts= is started. */
	dep(none, DEP_WANTS, "b");
	dep(none, DEP_WANTS, "a");
	ask(n, none, JOB_START);
	run(n);
	assert_int_equal(a->state, JOB_UNIT_UP);
	assert_int_equal(b->state, JOB_UNIT_DOWN);
	net_free(n);
}

static void
test_stop_goes_first(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(a, DEP_CONFLICTS, "b");
	dep(b, DEP_AFTER, "a");
	b->state = JOB_UNIT_UP;
	ask(n, a, JOB_START);
	settle(n);
	assert_string_equal(n->log, "-b ");
	expect(n, "-b +a ", JOB_DONE);
	/* A stop that fails fails the start. */
	ask(n, b, JOB_START);
	run(n);
	b->stop = FAILS;
	n->len = 0;
	ask(n, a, JOB_START);
	expect(n, "-b ", JOB_DEPENDENCY);
	net_free(n);
}

static void
test_requisite(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(a, DEP_REQUISITE, "b");
	dep(a, DEP_AFTER, "b");
	ask(n, a, JOB_START);
	expect(n, "", JOB_DEPENDENCY);
	ask(n, b, JOB_START);
	settle(n);
	/* One that is coming is waited for. */
	ask(n, a, JOB_START);
	expect(n, "+b +a ", JOB_DONE);
	/* And its stop is passed on. */
	ask(n, b, JOB_STOP);
	expect(n, "-a -b ", JOB_DONE);
	net_free(n);
}

static void
test_bound(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c");

	(void)state;
	dep(a, DEP_BINDS_TO, "b");
	dep(a, DEP_AFTER, "b");
	dep(a, DEP_AFTER, "c");
	c->start = HANGS;
	ask(n, c, JOB_START);
	ask(n, a, JOB_START);
	run(n);
	assert_int_equal(b->state, JOB_UNIT_UP);
	/* It ends by itself while the other still waits for something else. */
	b->state = JOB_UNIT_DOWN;
	jobs_unit_changed(b->ju);
	c->start = WORKS;
	run(n);
	assert_int_equal(a->starts, 0);
	assert_int_equal(n->queued, n->ended);
	net_free(n);
}

static void
test_passed_on(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *part = add(n, "part"), *to = add(n, "to"),
		    *from = add(n, "from");

	(void)state;
	dep(part, DEP_PART_OF, "a");
	dep(part, DEP_AFTER, "a");
	dep(a, DEP_PROPAGATES_STOP_TO, "to");
	dep(from, DEP_STOP_PROPAGATED_FROM, "a");
	dep(a, DEP_PROPAGATES_RELOAD_TO, "to");
	dep(from, DEP_RELOAD_PROPAGATED_FROM, "a");
	a->state = part->state = to->state = from->state = JOB_UNIT_UP;
	ask(n, a, JOB_RESTART);
	expect(n, "-part -a +a +part ", JOB_DONE);
	ask(n, a, JOB_RELOAD);
	run(n);
	assert_non_null(strstr(n->log, "~a "));
	assert_non_null(strstr(n->log, "~to "));
	assert_non_null(strstr(n->log, "~from "));
	ask(n, a, JOB_STOP);
	run(n);
	assert_int_equal(part->state, JOB_UNIT_DOWN);
	assert_int_equal(to->state, JOB_UNIT_DOWN);
	assert_int_equal(from->state, JOB_UNIT_DOWN);
	/* What is down is not restarted with it. */
	n->len = 0;
	ask(n, a, JOB_RESTART);
	expect(n, "+a ", JOB_DONE);
	net_free(n);
}

static void
test_dependency_without_order(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(a, DEP_REQUIRES, "b");
	a->start = HANGS;
	b->start = FAILS;
	ask(n, a, JOB_START);
	/* Both were begun at once: the job fails, the unit goes on. */
	run(n);
	assert_int_equal(n->last, JOB_DEPENDENCY);
	assert_int_equal(a->state, JOB_UNIT_STARTING);
	a->start = WORKS;
	run(n);
	assert_int_equal(a->state, JOB_UNIT_UP);
	net_free(n);
}

static void
test_isolate(void **state)
{
	struct net *n = net_new();
	struct unit *t = add(n, "t"), *kept = add(n, "kept"), *deep = add(n, "deep");
	struct unit *other = add(n, "other"), *spared = add(n, "spared");
	struct unit *timer = add(n, "timer"), *timed = add(n, "timed");

	(void)state;
	dep(t, DEP_WANTS, "kept");
	dep(t, DEP_WANTS, "timer");
	dep(kept, DEP_REQUIRES, "deep");
	dep(timer, DEP_TRIGGERS, "timed");
	spared->spared = true;
	kept->state = deep->state = other->state = spared->state = timed->state =
	    JOB_UNIT_UP;
	t->no_isolate = true;
	ask_how(n, t, JOB_START, JOB_ISOLATE);
	expect(n, "", JOB_INVALID);
	t->no_isolate = false;
	ask_how(n, t, JOB_START, JOB_ISOLATE);
	run(n);
	assert_int_equal(t->state, JOB_UNIT_UP);
	assert_int_equal(kept->state, JOB_UNIT_UP);
	assert_int_equal(deep->state, JOB_UNIT_UP);
	assert_int_equal(spared->state, JOB_UNIT_UP);
	/* What something that stays can start, stays. */
	assert_int_equal(timed->state, JOB_UNIT_UP);
	assert_int_equal(other->state, JOB_UNIT_DOWN);
	/* triggering: a stop of it stops that, too. */
	ask_how(n, timed, JOB_STOP, JOB_TRIGGERING);
	run(n);
	assert_int_equal(timer->state, JOB_UNIT_DOWN);
	net_free(n);
}

static void
test_modes(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c");

	(void)state;
	/* fail: nothing queued is replaced. */
	a->stop = HANGS;
	a->state = JOB_UNIT_UP;
	ask(n, a, JOB_STOP);
	run(n);
	ask_how(n, a, JOB_START, JOB_FAIL);
	expect(n, "-a ", JOB_INVALID);
	assert_non_null(strstr(n->message, "a stop of a is queued"));
	a->stop = WORKS;
	run(n);
	/* irreversibly */
	b->start = HANGS;
	ask_how(n, b, JOB_START, JOB_REPLACE_IRREVERSIBLY);
	run(n);
	ask(n, b, JOB_STOP);
	run(n);
	assert_int_equal(n->last, JOB_INVALID);
	/* flush */
	dep(c, DEP_AFTER, "b");
	ask(n, c, JOB_START);
	ask_how(n, a, JOB_START, JOB_FLUSH);
	run(n);
	assert_int_equal(c->starts, 0);
	assert_int_equal(jobs_count(n->js), 0);
	assert_int_equal(a->state, JOB_UNIT_UP);
	b->start = WORKS;
	run(n);
	/* ignore-requirements keeps the order, ignore-dependencies does not. */
	dep(c, DEP_REQUIRES, "b");
	ask(n, b, JOB_STOP);
	run(n);
	n->len = 0;
	ask_how(n, c, JOB_START, JOB_IGNORE_REQUIREMENTS);
	expect(n, "+c ", JOB_DONE);
	/* restart-dependencies: what needs it, and runs, is restarted. */
	ask_how(n, b, JOB_START, JOB_RESTART_DEPENDENCIES);
	expect(n, "-c +b +c ", JOB_DONE);
	ask_how(n, b, JOB_STOP, JOB_RESTART_DEPENDENCIES);
	expect(n, "", JOB_INVALID);
	net_free(n);
}

static void
test_fail_spares(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	dep(b, DEP_CONFLICTS, "a");
	b->state = JOB_UNIT_UP;
	/* That b conflicts with it is no need of a. */
	ask_how(n, a, JOB_START, JOB_FAIL);
	expect(n, "+a ", JOB_DONE);
	assert_int_equal(b->state, JOB_UNIT_UP);
	net_free(n);
}

static void
test_cycle_is_broken(void **state)
{
	struct net *n = net_new();
	struct unit *t = add(n, "t"), *a = add(n, "a"), *b = add(n, "b");
	struct strv notes = { 0 };
	struct job_request r = { .type = JOB_START, .notes = &notes };

	(void)state;
	dep(t, DEP_REQUIRES, "a");
	dep(t, DEP_WANTS, "b");
	dep(a, DEP_AFTER, "b");
	dep(b, DEP_AFTER, "a");
	job_request(n->js, t->ju, &r, on_done, n, NULL);
	expect(n, "+t +a ", JOB_DONE);
	assert_int_equal(n->cycles, 1);
	assert_string_equal(n->dropped, "b");
	assert_int_equal(notes.n, 1);
	assert_non_null(strstr(notes.v[0], "after"));
	strv_clear(&notes);
	net_free(n);
}

static void
test_job_limits(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	a->start = HANGS;
	a->running_us = 5 * SEC;
	dep(b, DEP_REQUIRES, "a");
	dep(b, DEP_AFTER, "a");
	b->queued_us = 100 * SEC;
	ask(n, b, JOB_START);
	run(n);
	advance(n, 4 * SEC);
	assert_int_equal(n->done, 0);
	advance(n, 2 * SEC);
	/* What waits for it cannot be. */
	assert_int_equal(n->timed_out, 1);
	assert_int_equal(n->last, JOB_DEPENDENCY);
	assert_int_equal(a->state, JOB_UNIT_STARTING);
	/* In the queue. */
	ask(n, a, JOB_START);
	a->running_us = 0;
	b->queued_us = 1 * SEC;
	ask(n, b, JOB_START);
	run(n);
	advance(n, 2 * SEC);
	assert_int_equal(n->timed_out, 2);
	assert_int_equal(n->last, JOB_TIMEOUT);
	a->start = WORKS;
	run(n);
	assert_int_equal(jobs_count(n->js), 0);
	net_free(n);
}

static void
test_target_is_last(void **state)
{
	struct net *n = net_new();
	struct unit *t = add(n, "t.target"), *a = add(n, "a"), *b = add(n, "b");

	(void)state;
	t->conf.type = UNIT_TARGET;
	t->rules.default_dependencies = a->rules.default_dependencies = true;
	dep(a, DEP_PART_OF, "t.target");
	dep(t, DEP_WANTS, "a");
	dep(t, DEP_WANTS, "b");
	ask(n, t, JOB_START);
	settle(n);
	/* What is wanted, and has no default dependencies, is not waited for. */
	assert_true(a->busy && b->busy);
	assert_false(t->busy);
	answer(a);
	settle(n);
	assert_true(t->busy);
	run(n);
	n->len = 0;
	ask(n, t, JOB_STOP);
	expect(n, "-t.target -a ", JOB_DONE);
	/* Said to be the other way round. */
	dep(a, DEP_AFTER, "t.target");
	ask(n, b, JOB_STOP);
	run(n);
	n->len = 0;
	n->log[0] = '\0';
	ask(n, t, JOB_START);
	run(n);
	assert_non_null(strstr(n->log, "+t.target"));
	assert_true(strstr(n->log, "+t.target") < strstr(n->log, "+a"));
	assert_int_equal(n->cycles, 0);
	net_free(n);
}

static void
test_default_order(void **state)
{
	struct net *n = net_new();
	struct unit *s = add_default(n, "s", UNIT_SERVICE);
	struct unit *k = add_default(n, "k", UNIT_SOCKET);
	struct unit *basic = add(n, "basic.target"), *early = add(n, "sysinit.target");
	struct unit *bare = add(n, "bare");

	(void)state;
	/* Whatever of them is on its way comes first; nothing is pulled in. */
	ask(n, s, JOB_START);
	ask(n, basic, JOB_START);
	ask(n, k, JOB_START);
	ask(n, bare, JOB_START);
	settle(n);
	assert_true(basic->busy && k->busy && bare->busy && !s->busy);
	answer(basic);
	settle(n);
	assert_true(s->busy);
	assert_int_equal(early->starts, 0);
	run(n);
	n->len = 0;
	ask(n, early, JOB_START);
	run(n);
	n->len = 0;
	/* On the way down it is the other way round. */
	ask(n, early, JOB_STOP);
	ask(n, s, JOB_STOP);
	ask(n, k, JOB_STOP);
	expect(n, "-s -k -sysinit.target ", JOB_DONE);
	net_free(n);
}

static void
test_sysinit_is_required(void **state)
{
	struct net *n = net_new();
	struct unit *s = add_default(n, "s", UNIT_SERVICE);
	struct unit *t = add_default(n, "t.target", UNIT_TARGET);
	struct unit *early = add(n, "sysinit.target");

	(void)state;
	jobs_set_sysinit(n->js, true);
	ask(n, t, JOB_START);
	expect(n, "+t.target ", JOB_DONE);
	ask(n, s, JOB_START);
	expect(n, "+sysinit.target +s ", JOB_DONE);
	/* It is up: no job. */
	s->state = JOB_UNIT_DOWN;
	n->queued = n->ended = 0;
	ask(n, s, JOB_START);
	expect(n, "+s ", JOB_DONE);
	assert_int_equal(n->queued, 1);
	ask(n, early, JOB_STOP);
	expect(n, "-s -sysinit.target ", JOB_DONE);
	early->start = FAILS;
	ask(n, s, JOB_START);
	expect(n, "+sysinit.target ", JOB_DEPENDENCY);
	net_free(n);
}

static void
test_shutdown_target(void **state)
{
	struct net *n = net_new();
	struct unit *s = add_default(n, "s", UNIT_SERVICE);
	struct unit *t = add_default(n, "t.target", UNIT_TARGET);
	struct unit *bare = add(n, "bare"), *end = add(n, "shutdown.target");

	(void)state;
	s->state = t->state = bare->state = JOB_UNIT_UP;
	ask(n, end, JOB_START);
	run(n);
	assert_int_equal(n->last, JOB_DONE);
	assert_int_equal(s->stops, 1);
	assert_int_equal(t->stops, 1);
	assert_int_equal(bare->stops, 0);
	n->len = 0;
	ask(n, s, JOB_START);
	expect(n, "-shutdown.target +s ", JOB_DONE);
	net_free(n);
}

/* What wants to be before sysinit.target has to say that it has no default dependencies;
 * what is wanted by it, and has them, comes behind. */
static void
test_default_cycle(void **state)
{
	struct net *n = net_new();
	struct unit *early = add_default(n, "sysinit.target", UNIT_TARGET);
	struct unit *s = add_default(n, "s", UNIT_SERVICE);
	struct unit *before = add_default(n, "before", UNIT_SERVICE);

	(void)state;
	jobs_set_sysinit(n->js, true);
	dep(early, DEP_WANTS, "s");
	ask(n, early, JOB_START);
	expect(n, "+sysinit.target +s ", JOB_DONE);
	assert_int_equal(n->cycles, 0);
	early->state = s->state = JOB_UNIT_DOWN;
	dep(before, DEP_BEFORE, "sysinit.target");
	ask(n, before, JOB_START);
	expect(n, "", JOB_INVALID);
	assert_int_equal(n->cycles, 1);
	assert_string_equal(n->cycle, "before after sysinit.target after before");
	net_free(n);
}

struct seen {
	char text[512];
};

static void
see(void *arg, const struct job_planned *p)
{
	struct seen *s = arg;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%s%s %s%s%s; ",
	    p->left_out != NULL ? "not " : "", job_type_name(p->type),
	    job_unit_name(p->unit), p->by != NULL ? " " : "",
	    p->by != NULL ? p->because : "");
}

static void
test_look_ahead(void **state)
{
	struct net *n = net_new();
	struct unit *a = add(n, "a"), *b = add(n, "b"), *c = add(n, "c");
	struct job_request r = { .type = JOB_START };
	struct seen s = { "" };
	struct buf why = { 0 };

	(void)state;
	dep(a, DEP_REQUIRES, "b");
	dep(a, DEP_AFTER, "b");
	dep(a, DEP_CONFLICTS, "c");
	dep(a, DEP_WANTS, "ghost");
	c->state = JOB_UNIT_UP;
	assert_int_equal(job_plan(n->js, a->ju, &r, see, &s, &why), 0);
	assert_string_equal(s.text,
	    "stop c Conflicts=; start b Requires=; start a; not start ghost Wants=; ");
	assert_int_equal(jobs_count(n->js), 0);
	b->missing = true;
	assert_int_equal(job_plan(n->js, a->ju, &r, see, &s, &why), -1);
	assert_non_null(strstr(buf_str(&why), "a requires b"));
	buf_free(&why);
	run(n);
	assert_int_equal(n->done, 0);
	assert_int_equal(n->queued, 0);
	net_free(n);
}

/* A chain, and one on whom all wait: what is asked for of thousands takes no square of
 * it. */
static void
test_thousands(void **state)
{
	enum { N = 10000 };
	struct net *n = net_of(N + 1);
	struct unit *last = add(n, "last");
	uint64_t begin_us;
	struct timespec t;
	char name[32], before[32];

	(void)state;
	n->check_order = false;
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		add(n, name);
		strv_addf(&last->rules.deps[DEP_WANTS], "%s", name);
		strv_addf(&last->rules.deps[DEP_AFTER], "%s", name);
		n->u[i + 1].at_once = true;
		if (i == 0)
			continue;
		snprintf(before, sizeof(before), "u%d", i - 1);
		dep(&n->u[i + 1], DEP_REQUIRES, before);
		dep(&n->u[i + 1], DEP_AFTER, before);
	}
	last->conf.rules = &last->rules;
	clock_set_source(NULL, NULL);
	job_unit_set_deps(last->ju, &last->conf);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	begin_us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
	ask(n, last, JOB_START);
	/* Each of them by itself, as the start of the instance does. */
	for (int i = N; i > 0; i--)
		ask(n, &n->u[i], JOB_START);
	run(n);
	assert_int_equal(n->done, N + 1);
	ask(n, &n->u[1], JOB_STOP);
	run(n);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	print_message("%d units: %llu ms\n", N,
	    (unsigned long long)((uint64_t)t.tv_sec * 1000000 +
				 (uint64_t)t.tv_nsec / 1000 - begin_us) /
		1000);
	net_free(n);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conflicts),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_stop_goes_first),
		cmocka_unit_test(test_requisite),
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_passed_on),
		cmocka_unit_test(test_dependency_without_order),
		cmocka_unit_test(test_isolate),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_fail_spares),
		cmocka_unit_test(test_cycle_is_broken),
		cmocka_unit_test(test_job_limits),
		cmocka_unit_test(test_target_is_last),
		cmocka_unit_test(test_default_order),
		cmocka_unit_test(test_sysinit_is_required),
		cmocka_unit_test(test_shutdown_target),
		cmocka_unit_test(test_default_cycle),
		cmocka_unit_test(test_look_ahead),
		cmocka_unit_test(test_thousands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
