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
#include "random.h"
#include "walks.h"

#define SEC USEC_PER_SEC

enum { MAX_UNITS = 32, DEFAULT_GRAPHS = 3000 };

enum behaviour { WORKS, FAILS, HANGS };

struct unit {
	struct net *net;
	struct job_unit *ju;
	struct unit_conf conf;
	struct unit_rules rules; /* its own */
	char name[32];
	enum job_unit_state state;
	bool busy; /* a start, stop or reload was begun and not answered */
	enum job_type doing;
	enum behaviour start, stop;
	bool held;       /* its start waits */
	bool missing;    /* cannot be started at all */
	bool at_once;    /* answers from within */
	unsigned starts; /* begun */
	unsigned stops;
	char ref[16];
};

struct net {
	struct jobs *js;
	struct unit u[MAX_UNITS];
	size_t n;
	uint64_t now_us, timer_us;
	bool scheduled;
	char log[1 << 15];
	size_t len;
	unsigned done;
	uint32_t last_id;
	enum job_result last;
	char message[512];
	unsigned queued, ended;
	bool check_order;
	uint64_t seed;
};

static uint64_t
now(enum clock_kind kind, void *arg)
{
	struct net *n = arg;

	(void)kind;
	return n->now_us;
}

static struct unit *
of(struct job_unit *ju)
{
	return job_unit_data(ju);
}

static void
say(struct net *n, const char *what, const char *name)
{
	if (n->len + 64 < sizeof(n->log))
		n->len += (size_t)snprintf(
		    n->log + n->len, sizeof(n->log) - n->len, "%s%s ", what, name);
}

/* ---- the ops ----------------------------------------------------------------- */

static char *
op_startable(void *arg, struct job_unit *ju)
{
	(void)arg;
	if (of(ju) == NULL)
		return xasprintf("there is no unit %s", job_unit_name(ju));
	return of(ju)->missing ? xstrdup("it is masked") : NULL;
}

static enum job_unit_state
op_state(void *arg, struct job_unit *ju)
{
	(void)arg;
	return of(ju) != NULL ? of(ju)->state : JOB_UNIT_DOWN;
}

static char *
op_reloadable(void *arg, struct job_unit *ju)
{
	(void)arg;
	return of(ju)->state == JOB_UNIT_UP ? NULL : xstrdup("it is not running");
}

static bool
ordered_after(const struct unit *a, const struct unit *b)
{
	for (size_t i = 0; i < a->rules.deps[DEP_AFTER].n; i++)
		if (strcmp(a->rules.deps[DEP_AFTER].v[i], b->name) == 0)
			return true;
	for (size_t i = 0; i < b->rules.deps[DEP_BEFORE].n; i++)
		if (strcmp(b->rules.deps[DEP_BEFORE].v[i], a->name) == 0)
			return true;
	return false;
}

/* Nothing that must be over first is on its way or waits. */
static void
check_order(struct net *n, struct unit *u, bool up)
{
	for (size_t i = 0; n->check_order && i < n->n; i++) {
		struct unit *o = &n->u[i];
		struct job *j = job_unit_job(o->ju);
		bool after = ordered_after(u, o), before = ordered_after(o, u), stops;

		if (o == u || j == NULL || (!after && !before) || (after && before))
			continue;
		stops = job_type(j) == JOB_STOP;
		if (job_type(j) == JOB_RESTART || job_type(j) == JOB_RELOAD)
			continue;
		if ((up && !stops && after) || (!up && stops && before) || (up && stops))
			fail_msg("%s of %s before %s of %s (seed %llu)",
			    up ? "start" : "stop", u->name, stops ? "stop" : "start",
			    o->name, (unsigned long long)n->seed);
	}
}

static void
answer(struct unit *u)
{
	enum behaviour b = u->doing == JOB_STOP ? u->stop : u->start;
	enum job_type was = u->doing;

	if (!u->busy || b == HANGS)
		return;
	u->busy = false;
	if (was == JOB_START)
		u->state = b == WORKS ? JOB_UNIT_UP : JOB_UNIT_DOWN;
	else if (was == JOB_STOP)
		u->state = JOB_UNIT_DOWN;
	jobs_unit_done(u->ju, was, b == WORKS ? JOB_DONE : JOB_FAILED,
	    b == WORKS ? NULL : "it does not work");
	jobs_unit_changed(u->ju);
}

static void
begin(struct unit *u, enum job_type what, enum job_unit_state state)
{
	if (u->busy && u->doing == JOB_START && what == JOB_STOP) {
		/* As a service does: the start is answered by the stop. */
		u->busy = false;
		jobs_unit_done(u->ju, JOB_START, JOB_CANCELED, "a stop was asked for");
	}
	u->busy = true;
	u->doing = what;
	u->state = state;
	if (u->at_once)
		answer(u);
}

static void
op_start(void *arg, struct job_unit *ju, const struct job_request *r)
{
	struct net *n = arg;
	struct unit *u = of(ju);

	assert_true(u->state != JOB_UNIT_STOPPING);
	if (u->state == JOB_UNIT_UP) {
		jobs_unit_done(ju, JOB_START, JOB_DONE, NULL);
		return;
	}
	if (u->busy && u->doing == JOB_START)
		return; /* joined */
	say(n, "+", u->name);
	check_order(n, u, true);
	u->starts++;
	snprintf(u->ref, sizeof(u->ref), "%s", r->ref != NULL ? r->ref : "");
	begin(u, JOB_START, JOB_UNIT_STARTING);
}

static void
op_stop(void *arg, struct job_unit *ju, bool restart, bool force, const char *origin)
{
	struct net *n = arg;
	struct unit *u = of(ju);

	(void)restart;
	(void)origin;
	if (u->state == JOB_UNIT_DOWN || u->state == JOB_UNIT_WAITING) {
		u->state = JOB_UNIT_DOWN;
		jobs_unit_done(ju, JOB_STOP, JOB_DONE, NULL);
		return;
	}
	if (u->state == JOB_UNIT_STOPPING && u->busy && u->doing == JOB_STOP)
		return;
	say(n, force ? "!" : "-", u->name);
	if (!force)
		check_order(n, u, false);
	u->stops++;
	begin(u, JOB_STOP, JOB_UNIT_STOPPING);
}

static void
op_reload(void *arg, struct job_unit *ju, const char *origin)
{
	(void)origin;
	say(arg, "~", of(ju)->name);
	begin(of(ju), JOB_RELOAD, JOB_UNIT_UP);
}

static void
op_schedule(void *arg)
{
	((struct net *)arg)->scheduled = true;
}

static void
op_timer(void *arg, uint64_t deadline_us)
{
	((struct net *)arg)->timer_us = deadline_us;
}

static void
op_queued(void *arg, const struct job *j)
{
	(void)j;
	((struct net *)arg)->queued++;
}

static void
op_began(void *arg, const struct job *j)
{
	(void)arg;
	(void)j;
}

static void
op_ended(void *arg, const struct job *j, enum job_result r, const char *message)
{
	(void)j;
	(void)r;
	(void)message;
	((struct net *)arg)->ended++;
}

static bool
op_is_held(void *arg, struct job_unit *ju)
{
	(void)arg;
	return ((struct unit *)job_unit_data(ju))->held;
}

static const struct job_ops ops = {
	.startable = op_startable,
	.is_held = op_is_held,
	.state = op_state,
	.reloadable = op_reloadable,
	.start = op_start,
	.stop = op_stop,
	.reload = op_reload,
	.schedule = op_schedule,
	.timer = op_timer,
	.queued = op_queued,
	.began = op_began,
	.ended = op_ended,
};

static void
on_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct net *n = arg;

	n->done++;
	n->last_id = id;
	n->last = result;
	snprintf(n->message, sizeof(n->message), "%s", message != NULL ? message : "");
}

/* ---- nets -------------------------------------------------------------------- */

static struct net *
net_new(void)
{
	struct net *n = xcalloc(1, sizeof(*n));

	n->now_us = 1000 * SEC;
	n->timer_us = UINT64_MAX;
	n->js = jobs_new(&ops, n);
	n->check_order = true;
	clock_set_source(now, n);
	return n;
}

static struct unit *
add(struct net *n, const char *name)
{
	struct unit *u = &n->u[n->n++];

	u->net = n;
	snprintf(u->name, sizeof(u->name), "%s", name);
	u->ju = jobs_unit(n->js, u->name);
	job_unit_set_data(u->ju, u);
	return u;
}

static void
dep(struct unit *a, enum unit_dep kind, const char *b)
{
	strv_add(&a->rules.deps[kind], b);
	a->conf.rules = &a->rules;
	job_unit_set_deps(a->ju, &a->conf);
}

static void
net_free(struct net *n)
{
	jobs_free(n->js);
	for (size_t i = 0; i < n->n; i++)
		for (int k = 0; k < DEP_NKINDS; k++)
			strv_clear(&n->u[i].rules.deps[k]);
	free(n);
	clock_set_source(NULL, NULL);
}

static uint32_t
ask_mode(struct net *n, struct unit *u, enum job_type type, unsigned mode)
{
	struct job_request r = { .type = type, .mode = mode, .origin = "a person" };

	return job_request(n->js, u->ju, &r, on_done, n, NULL);
}

static uint32_t
ask(struct net *n, struct unit *u, enum job_type type)
{
	return ask_mode(n, u, type, 0);
}

static void
settle(struct net *n)
{
	for (int i = 0; n->scheduled && i < 10000; i++) {
		n->scheduled = false;
		jobs_settle(n->js);
	}
	assert_false(n->scheduled);
}

/* Everything that can be answered is, one unit after the other. */
static void
run(struct net *n)
{
	bool any = true;

	settle(n);
	for (int i = 0; any && i < 10000; i++) {
		any = false;
		for (size_t k = 0; k < n->n; k++) {
			struct unit *u = &n->u[k];

			if (!u->busy ||
			    (u->doing == JOB_STOP ? u->stop : u->start) == HANGS)
				continue;
			answer(u);
			settle(n);
			any = true;
		}
	}
}

static void
advance(struct net *n, uint64_t us)
{
	n->now_us += us;
	if (n->timer_us <= n->now_us) {
		n->timer_us = UINT64_MAX;
		jobs_on_timer(n->js);
	}
	run(n);
}

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
	ask_mode(n, a, JOB_START, JOB_BREAK_CYCLES);
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
		for (size_t i = 0; i < n->n; i++)
			if (job_unit_job(n->u[i].ju) != NULL)
				print_message("%s: %s %s\n", n->u[i].name,
				    job_type_name(job_type(job_unit_job(n->u[i].ju))),
				    job_is_running(job_unit_job(n->u[i].ju)) ? "runs"
									     : "waits");
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
