/*
 * net: units under a virtual clock, for the tests of jobs.  What units do is said by
 * their behaviour; the log has the order in which they began it.
 */
#ifndef SUPD_TESTS_SIM_NET_H
#define SUPD_TESTS_SIM_NET_H

/* Included after cmocka.h and random.h. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"

#define SEC USEC_PER_SEC

enum { MAX_UNITS = 32 };

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
	bool held;                      /* its start waits */
	bool missing;                   /* cannot be started at all */
	bool no_isolate;                /* AllowIsolate= is not set */
	bool spared;                    /* IgnoreOnIsolate= */
	uint64_t queued_us, running_us; /* limits of its jobs; 0: none */
	bool at_once;                   /* answers from within */
	unsigned starts;                /* begun */
	unsigned stops;
	char ref[16];
};

struct net {
	struct jobs *js;
	struct unit *u;
	size_t n;
	uint64_t now_us, timer_us;
	bool scheduled;
	char log[1 << 15];
	size_t len;
	unsigned done;
	uint32_t last_id;
	enum job_result last;
	char message[512];
	unsigned queued, ended, timed_out, cycles;
	unsigned stops_given_up;
	char cycle[512], dropped[32];
	bool check_order;
	uint64_t seed;
};

static inline uint64_t
now(enum clock_kind kind, void *arg)
{
	struct net *n = arg;

	(void)kind;
	return n->now_us;
}

static inline struct unit *
of(struct job_unit *ju)
{
	return job_unit_data(ju);
}

static inline void
say(struct net *n, const char *what, const char *name)
{
	if (n->len + 64 < sizeof(n->log))
		n->len += (size_t)snprintf(
		    n->log + n->len, sizeof(n->log) - n->len, "%s%s ", what, name);
}

/* ---- the ops ----------------------------------------------------------------- */

static inline char *
op_startable(void *arg, struct job_unit *ju)
{
	(void)arg;
	if (of(ju) == NULL)
		return xasprintf("there is no unit %s", job_unit_name(ju));
	return of(ju)->missing ? xstrdup("it is masked") : NULL;
}

static inline enum job_unit_state
op_state(void *arg, struct job_unit *ju)
{
	(void)arg;
	return of(ju) != NULL ? of(ju)->state : JOB_UNIT_DOWN;
}

static inline char *
op_reloadable(void *arg, struct job_unit *ju)
{
	(void)arg;
	return of(ju)->state == JOB_UNIT_UP ? NULL : xstrdup("it is not running");
}

static inline bool
says(const struct unit *a, enum unit_dep kind, const struct unit *b)
{
	for (size_t i = 0; i < a->rules.deps[kind].n; i++)
		if (strcmp(a->rules.deps[kind].v[i], b->name) == 0)
			return true;
	return false;
}

/* By DefaultDependencies= alone, as systemd.service(5) and the others say it. */
static inline bool
implied_after(const struct unit *a, const struct unit *b)
{
	bool runs = a->conf.type == UNIT_SERVICE || a->conf.type == UNIT_TIMER;

	if (b->rules.default_dependencies && strcmp(a->name, "shutdown.target") == 0)
		return true;
	if (!a->rules.default_dependencies)
		return false;
	if (a->conf.type == UNIT_TARGET)
		return b->rules.default_dependencies &&
		       (says(a, DEP_REQUIRES, b) || says(a, DEP_WANTS, b) ||
			   says(a, DEP_REQUISITE, b) || says(a, DEP_BINDS_TO, b) ||
			   says(a, DEP_UPHOLDS, b));
	return (runs && strcmp(b->name, "sysinit.target") == 0) ||
	       (a->conf.type == UNIT_SERVICE && strcmp(b->name, "basic.target") == 0);
}

static inline bool
ordered_after(const struct unit *a, const struct unit *b)
{
	return implied_after(a, b) || says(a, DEP_AFTER, b) || says(b, DEP_BEFORE, a);
}

/* Nothing that must be over first is on its way or waits. */
static inline void
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

static inline void
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

static inline void
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

static inline void
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

static inline void
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

static inline void
op_reload(void *arg, struct job_unit *ju, const char *origin)
{
	(void)origin;
	say(arg, "~", of(ju)->name);
	begin(of(ju), JOB_RELOAD, JOB_UNIT_UP);
}

static inline void
op_schedule(void *arg)
{
	((struct net *)arg)->scheduled = true;
}

static inline void
op_timer(void *arg, uint64_t deadline_us)
{
	((struct net *)arg)->timer_us = deadline_us;
}

static inline void
op_queued(void *arg, const struct job *j)
{
	(void)j;
	((struct net *)arg)->queued++;
}

static inline void
op_began(void *arg, const struct job *j)
{
	(void)arg;
	(void)j;
}

static inline void
op_ended(void *arg, const struct job *j, enum job_result r, const char *message)
{
	struct net *n = arg;

	(void)message;
	n->ended++;
	n->stops_given_up += job_type(j) == JOB_STOP && r != JOB_DONE;
}

static inline bool
op_is_held(void *arg, struct job_unit *ju)
{
	(void)arg;
	return ((struct unit *)job_unit_data(ju))->held;
}

static inline bool
op_may_isolate(void *arg, struct job_unit *ju)
{
	(void)arg;
	return !of(ju)->no_isolate;
}

static inline bool
op_is_spared(void *arg, struct job_unit *ju)
{
	(void)arg;
	return of(ju)->spared;
}

static inline void
op_timeouts(void *arg, struct job_unit *ju, uint64_t *queued_us, uint64_t *running_us)
{
	const struct unit *u = of(ju);

	(void)arg;
	if (u != NULL && u->queued_us != 0)
		*queued_us = u->queued_us;
	if (u != NULL && u->running_us != 0)
		*running_us = u->running_us;
}

static inline void
op_timed_out(void *arg, const struct job *j)
{
	(void)j;
	((struct net *)arg)->timed_out++;
}

static inline void
op_cycle(void *arg, struct job_unit *anchor, const char *path, const char *dropped)
{
	struct net *n = arg;

	(void)anchor;
	n->cycles++;
	snprintf(n->cycle, sizeof(n->cycle), "%s", path);
	snprintf(n->dropped, sizeof(n->dropped), "%s", dropped != NULL ? dropped : "");
}

static const struct job_ops ops = {
	.may_isolate = op_may_isolate,
	.is_spared = op_is_spared,
	.timeouts = op_timeouts,
	.timed_out = op_timed_out,
	.cycle = op_cycle,
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

static inline void
on_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct net *n = arg;

	n->done++;
	n->last_id = id;
	n->last = result;
	snprintf(n->message, sizeof(n->message), "%s", message != NULL ? message : "");
}

/* ---- nets -------------------------------------------------------------------- */

static inline struct net *
net_of(size_t units)
{
	struct net *n = xcalloc(1, sizeof(*n));

	n->u = xcalloc(units, sizeof(*n->u));
	n->now_us = 1000 * SEC;
	n->timer_us = UINT64_MAX;
	n->js = jobs_new(&ops, n);
	n->check_order = true;
	clock_set_source(now, n);
	return n;
}

static inline struct net *
net_new(void)
{
	return net_of(MAX_UNITS);
}

static inline struct unit *
add(struct net *n, const char *name)
{
	struct unit *u = &n->u[n->n++];

	u->net = n;
	snprintf(u->name, sizeof(u->name), "%s", name);
	u->ju = jobs_unit(n->js, u->name);
	job_unit_set_data(u->ju, u);
	return u;
}

/* A unit of that type with DefaultDependencies=yes. */
static inline struct unit *
add_default(struct net *n, const char *name, enum unit_type type)
{
	struct unit *u = add(n, name);

	u->conf.type = type;
	u->conf.rules = &u->rules;
	u->rules.default_dependencies = true;
	job_unit_set_deps(u->ju, &u->conf);
	return u;
}

static inline void
dep(struct unit *a, enum unit_dep kind, const char *b)
{
	strv_add(&a->rules.deps[kind], b);
	a->conf.rules = &a->rules;
	job_unit_set_deps(a->ju, &a->conf);
}

static inline void
net_free(struct net *n)
{
	jobs_free(n->js);
	for (size_t i = 0; i < n->n; i++)
		for (int k = 0; k < DEP_NKINDS; k++)
			strv_clear(&n->u[i].rules.deps[k]);
	free(n->u);
	free(n);
	clock_set_source(NULL, NULL);
}

static inline uint32_t
ask_mode(struct net *n, struct unit *u, enum job_type type, unsigned mode)
{
	struct job_request r = { .type = type, .mode = mode, .origin = "a person" };

	return job_request(n->js, u->ju, &r, on_done, n, NULL);
}

static inline uint32_t
ask(struct net *n, struct unit *u, enum job_type type)
{
	return ask_mode(n, u, type, 0);
}

static inline void
settle(struct net *n)
{
	for (int i = 0; n->scheduled && i < 10000; i++) {
		n->scheduled = false;
		jobs_settle(n->js);
	}
	assert_false(n->scheduled);
}

/* Everything that can be answered is, one unit after the other. */
static inline void
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

/* The jobs that are left, and what they wait for. */
static inline void
show_wait(void *arg, struct job_unit *ju)
{
	(void)arg;
	print_message(" %s", job_unit_name(ju));
}

static inline void
show_left(const struct net *n)
{
	for (size_t i = 0; i < n->n; i++) {
		const struct job *j = job_unit_job(n->u[i].ju);

		if (j == NULL)
			continue;
		print_message("%s: %s %s; waits for", n->u[i].name,
		    job_type_name(job_type(j)), job_is_running(j) ? "runs" : "waits");
		job_waits_for(j, show_wait, NULL);
		print_message("\n");
	}
}

static inline void
advance(struct net *n, uint64_t us)
{
	n->now_us += us;
	if (n->timer_us <= n->now_us) {
		n->timer_us = UINT64_MAX;
		jobs_on_timer(n->js);
	}
	run(n);
}

#endif
