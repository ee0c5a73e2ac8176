/* What units owe each other, from their states and jobs alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/job/bond.h"
#include "manager/job/job.h"

struct world {
	struct jobs *js;
	struct map states; /* enum job_unit_state + 1 by name */
};

static char *
startable(void *arg, struct job_unit *ju)
{
	(void)arg;
	(void)ju;
	return NULL;
}

static enum job_unit_state
state(void *arg, struct job_unit *ju)
{
	struct world *w = arg;
	uintptr_t st = (uintptr_t)map_get(&w->states, job_unit_name(ju));

	return st == 0 ? JOB_UNIT_DOWN : (enum job_unit_state)(st - 1);
}

static char *
reloadable(void *arg, struct job_unit *ju)
{
	(void)arg;
	(void)ju;
	return NULL;
}

static void
start(void *arg, struct job_unit *ju, const struct job_request *r)
{
	(void)arg;
	(void)ju;
	(void)r;
}

static void
stop(void *arg, struct job_unit *ju, bool restart, bool force, const char *origin)
{
	(void)arg;
	(void)ju;
	(void)restart;
	(void)force;
	(void)origin;
}

static void
reload(void *arg, struct job_unit *ju, const char *origin)
{
	(void)arg;
	(void)ju;
	(void)origin;
}

static void
schedule(void *arg)
{
	(void)arg;
}

static void
timer(void *arg, uint64_t deadline_us)
{
	(void)arg;
	(void)deadline_us;
}

static void
told(void *arg, const struct job *j)
{
	(void)arg;
	(void)j;
}

static void
ended(void *arg, const struct job *j, enum job_result r, const char *message)
{
	(void)arg;
	(void)j;
	(void)r;
	(void)message;
}

static const struct job_ops ops = {
	.startable = startable,
	.state = state,
	.reloadable = reloadable,
	.start = start,
	.stop = stop,
	.reload = reload,
	.schedule = schedule,
	.timer = timer,
	.queued = told,
	.began = told,
	.ended = ended,
};

static int
begin(void **arg)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->js = jobs_new(&ops, w);
	*arg = w;
	return 0;
}

static int
finish(void **arg)
{
	struct world *w = *arg;

	jobs_free(w->js);
	map_clear(&w->states, NULL);
	free(w);
	return 0;
}

static void
be(struct world *w, const char *unit, enum job_unit_state st)
{
	map_set(&w->states, unit, (void *)((uintptr_t)st + 1));
}

/* a has one dependency. */
static struct job_unit *
says(struct world *w, const char *a, enum unit_dep dep, const char *b)
{
	struct unit_rules rules;
	struct unit_conf conf;
	struct job_unit *ju = jobs_unit(w->js, a);

	memset(&rules, 0, sizeof(rules));
	memset(&conf, 0, sizeof(conf));
	conf.rules = &rules;
	strv_add(&rules.deps[dep], b);
	job_unit_set_data(ju, w);
	job_unit_set_deps(ju, &conf);
	strv_free(&rules.deps[dep]);
	return ju;
}

static void
ask(struct world *w, const char *unit, enum job_type type)
{
	struct job_request r = { .type = type, .origin = "test" };

	assert_int_not_equal(
	    job_request(w->js, jobs_unit(w->js, unit), &r, NULL, NULL, NULL), 0);
}

static void
what_is_bound_does_not_outlive_the_other(void **arg)
{
	struct world *w = *arg;
	struct job_unit *a = says(w, "a", DEP_BINDS_TO, "b");

	be(w, "a", JOB_UNIT_UP);
	be(w, "b", JOB_UNIT_UP);
	assert_null(bond_broken_by(a));
	be(w, "b", JOB_UNIT_STOPPING);
	assert_null(bond_broken_by(a));
	be(w, "b", JOB_UNIT_WAITING);
	assert_null(bond_broken_by(a));
	be(w, "b", JOB_UNIT_DOWN);
	assert_string_equal(job_unit_name(bond_broken_by(a)), "b");
	be(w, "a", JOB_UNIT_STARTING);
	assert_null(bond_broken_by(a));
	be(w, "a", JOB_UNIT_UP);
	ask(w, "b", JOB_START);
	assert_null(bond_broken_by(a)); /* it is on its way */
}

static void
who_only_requires_stays(void **arg)
{
	struct world *w = *arg;
	struct job_unit *a = says(w, "a", DEP_REQUIRES, "b");

	be(w, "a", JOB_UNIT_UP);
	assert_null(bond_broken_by(a));
}

static void
what_is_upheld_is_started(void **arg)
{
	struct world *w = *arg;
	struct job_unit *b;

	(void)says(w, "a", DEP_UPHOLDS, "b");
	b = jobs_unit(w->js, "b");
	assert_null(bond_upheld_by(b));
	be(w, "a", JOB_UNIT_STARTING);
	assert_null(bond_upheld_by(b));
	be(w, "a", JOB_UNIT_UP);
	assert_string_equal(job_unit_name(bond_upheld_by(b)), "a");
	be(w, "b", JOB_UNIT_WAITING); /* it comes by itself */
	assert_null(bond_upheld_by(b));
	be(w, "b", JOB_UNIT_UP);
	assert_null(bond_upheld_by(b));
	be(w, "b", JOB_UNIT_DOWN);
	ask(w, "a", JOB_STOP);
	assert_null(bond_upheld_by(b));
}

static void
unneeded_is_what_nobody_needs(void **arg)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_REQUISITE, DEP_WANTS,
		DEP_BINDS_TO, DEP_UPHOLDS };
	struct world *w = *arg;
	struct job_unit *b = jobs_unit(w->js, "b");

	be(w, "b", JOB_UNIT_UP);
	assert_true(bond_is_unneeded(b));
	for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++) {
		(void)says(w, "a", deps[i], "b");
		be(w, "a", JOB_UNIT_DOWN);
		assert_true(bond_is_unneeded(b));
		for (int st = JOB_UNIT_WAITING; st <= JOB_UNIT_STOPPING; st++) {
			be(w, "a", (enum job_unit_state)st);
			assert_false(bond_is_unneeded(b));
		}
	}
	(void)says(w, "a", DEP_AFTER, "b");
	assert_true(bond_is_unneeded(b));
	be(w, "b", JOB_UNIT_DOWN);
	assert_false(bond_is_unneeded(b));
}

static void
a_restart_concerns_who_is_not_as_it_should(void **arg)
{
	struct world *w = *arg;
	struct job_unit *a = says(w, "a", DEP_REQUIRES, "b");
	struct job_unit *b = jobs_unit(w->js, "b");

	be(w, "a", JOB_UNIT_WAITING);
	be(w, "b", JOB_UNIT_UP);
	assert_false(bond_restart_concerns(a));
	be(w, "b", JOB_UNIT_DOWN);
	assert_true(bond_restart_concerns(a));
	be(w, "a", JOB_UNIT_DOWN);
	assert_false(bond_restart_concerns(b));
	be(w, "a", JOB_UNIT_UP);
	assert_true(bond_restart_concerns(b));
	a = says(w, "a", DEP_CONFLICTS, "b");
	be(w, "b", JOB_UNIT_DOWN);
	assert_false(bond_restart_concerns(a));
	be(w, "b", JOB_UNIT_UP);
	assert_true(bond_restart_concerns(a));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_is_bound_does_not_outlive_the_other, begin, finish),
		cmocka_unit_test_setup_teardown(who_only_requires_stays, begin, finish),
		cmocka_unit_test_setup_teardown(what_is_upheld_is_started, begin, finish),
		cmocka_unit_test_setup_teardown(
		    unneeded_is_what_nobody_needs, begin, finish),
		cmocka_unit_test_setup_teardown(
		    a_restart_concerns_who_is_not_as_it_should, begin, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
