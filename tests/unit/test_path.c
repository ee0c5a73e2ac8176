/*
 * Tests of manager/activate/path: when a path unit starts its unit, over a world that is
 * made up; and that over any order of events, with managers that die anywhere, no trigger
 * is lost and none comes from nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "../seed.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/activate/path.h"

enum { SPECS = 3, MANY = 45, STEPS = 20000 };

#define SEC UINT64_C(1000000)

struct fake {
	struct path *p;
	struct path_conf conf;
	struct path_spec specs[MANY];
	bool level;          /* PathExists= holds */
	uint64_t sign[MANY]; /* of the edges */
	bool watching, blind, up, limited, missing;
	const char *refusal;
	uint64_t tried_us, now_us;
	unsigned starts, tells;
	enum path_kind by;
};

static bool
holds(void *arg, const struct path_spec *s)
{
	(void)s;
	return ((struct fake *)arg)->level;
}

static uint64_t
sign(void *arg, const struct path_spec *s)
{
	struct fake *f = arg;

	return f->sign[s - f->specs];
}

static int
watch(void *arg, bool on)
{
	struct fake *f = arg;

	f->watching = on && !f->blind;
	return on && f->blind ? -1 : 0;
}

static bool
is_up(void *arg)
{
	return ((struct fake *)arg)->up;
}

static bool
is_limited(void *arg)
{
	return ((struct fake *)arg)->limited;
}

static const char *
refusal(void *arg)
{
	return ((struct fake *)arg)->refusal;
}

static bool
was_tried(void *arg, uint64_t since)
{
	return ((struct fake *)arg)->tried_us >= since;
}

static int
start(void *arg, const struct path_spec *s)
{
	struct fake *f = arg;

	if (f->missing)
		return -1;
	f->starts++;
	f->by = s->kind;
	return 0;
}

static void
tell(void *arg, enum path_state old)
{
	(void)old;
	((struct fake *)arg)->tells++;
}

static uint64_t
fake_clock(enum clock_kind kind, void *arg)
{
	(void)kind;
	return ((struct fake *)arg)->now_us;
}

static const struct path_ops fake_ops = { holds, sign, watch, is_up, is_limited, refusal,
	was_tried, start, tell, NULL };

static void
fake_new(struct fake *f)
{
	static char names[SPECS][8] = { "/level", "/edge", "/mod" };
	struct path_ops ops = fake_ops;

	memset(f, 0, sizeof(*f));
	f->now_us = 1000 * SEC;
	f->specs[0] = (struct path_spec){ PATH_EXISTS, names[0] };
	f->specs[1] = (struct path_spec){ PATH_CHANGED, names[1] };
	f->specs[2] = (struct path_spec){ PATH_MODIFIED, names[2] };
	f->conf = (struct path_conf){ .watch = { f->specs, SPECS },
		.limit_interval_us = 2 * SEC,
		.limit_burst = 3 };
	clock_set_source(fake_clock, f);
	ops.arg = f;
	f->p = path_new(&f->conf, &ops);
}

static void
fake_end(struct fake *f)
{
	path_free(f->p);
	clock_set_source(NULL, NULL);
}

/* The unit comes up and goes down, as its job says. */
static void
run_unit(struct fake *f)
{
	f->tried_us = f->now_us;
	f->up = true;
	path_on_unit(f->p);
	path_on_started(f->p);
	f->up = false;
	path_on_unit(f->p);
}

/* Another manager, from what was remembered. */
static void
kill9(struct fake *f)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct path_ops ops = fake_ops;
	struct buf b = { 0 };
	struct json_err err;
	struct jv *v;
	bool up = path_state(f->p) == PATH_WAITING || path_state(f->p) == PATH_RUNNING;

	jw_obj(w);
	path_write(f->p, w);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	assert_true(b.len < 2000);
	v = jv_parse(b.data, b.len, &err);
	assert_non_null(v);
	path_free(f->p);
	f->watching = false;
	ops.arg = f;
	f->p = path_new(&f->conf, &ops);
	path_restore(f->p, v, up);
	jv_free(v);
	buf_free(&b);
}

static void
levels(void **state)
{
	struct fake f;

	(void)state;
	fake_new(&f);
	path_start(f.p);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	assert_true(f.watching);
	assert_int_equal(f.starts, 0);
	f.level = true;
	path_on_watch(f.p, -1, false);
	assert_int_equal(path_state(f.p), PATH_RUNNING);
	assert_int_equal(f.starts, 1);
	assert_false(f.watching);
	/* As long as it holds. */
	run_unit(&f);
	assert_int_equal(f.starts, 2);
	f.level = false;
	run_unit(&f);
	assert_int_equal(f.starts, 2);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	/* Somebody else starts it: there is nothing to do meanwhile. */
	f.up = true;
	path_on_unit(f.p);
	assert_int_equal(path_state(f.p), PATH_RUNNING);
	f.level = true;
	path_on_watch(f.p, -1, false);
	assert_int_equal(f.starts, 2);
	path_stop(f.p);
	f.up = false;
	path_on_unit(f.p);
	assert_int_equal(path_state(f.p), PATH_DEAD);
	assert_int_equal(f.starts, 2);
	fake_end(&f);
}

static void
edges(void **state)
{
	struct fake f;

	(void)state;
	fake_new(&f);
	f.sign[1] = 7;
	path_start(f.p);
	assert_int_equal(f.starts, 0);
	path_on_watch(f.p, 1, false);
	assert_int_equal(f.starts, 1);
	assert_int_equal(f.by, PATH_CHANGED);
	run_unit(&f);
	assert_int_equal(f.starts, 1);
	/* What is only on the way is none, unless it comes or goes. */
	f.sign[1] = 8;
	path_on_watch(f.p, -1, false);
	assert_int_equal(f.starts, 1);
	f.sign[1] = 0;
	path_on_watch(f.p, -1, false);
	assert_int_equal(f.starts, 2);
	run_unit(&f);
	/* The kernel does not say what it was. */
	f.now_us += 10 * SEC;
	f.sign[2] = 1;
	path_on_watch(f.p, -1, true);
	assert_int_equal(f.starts, 3);
	assert_int_equal(f.by, PATH_MODIFIED);
	/* While it runs, changes are nobody's. */
	f.sign[2] = 2;
	run_unit(&f);
	assert_int_equal(f.starts, 3);
	fake_end(&f);
}

static void
deaths(void **state)
{
	struct fake f;

	(void)state;
	fake_new(&f);
	f.sign[1] = 7;
	path_start(f.p);
	kill9(&f);
	path_resume(f.p);
	assert_int_equal(f.starts, 0);
	assert_true(f.watching);
	/* A change while nobody was there. */
	kill9(&f);
	f.sign[1] = 8;
	path_resume(f.p);
	assert_int_equal(f.starts, 1);
	/* Killed before the job was there: it is asked for again, once. */
	kill9(&f);
	path_resume(f.p);
	assert_int_equal(f.starts, 2);
	f.up = true;
	f.tried_us = f.now_us;
	kill9(&f);
	path_resume(f.p);
	assert_int_equal(f.starts, 2);
	assert_int_equal(path_state(f.p), PATH_RUNNING);
	/* It ran and ended meanwhile. */
	f.up = false;
	kill9(&f);
	path_resume(f.p);
	assert_int_equal(f.starts, 2);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	fake_end(&f);
}

static void
failures(void **state)
{
	struct fake f;

	(void)state;
	fake_new(&f);
	f.level = true;
	path_start(f.p);
	for (int i = 0; i < 10 && path_state(f.p) == PATH_RUNNING; i++)
		run_unit(&f);
	assert_int_equal(f.starts, 3);
	assert_int_equal(path_result(f.p), PATH_TRIGGER_LIMIT);
	assert_int_equal(path_state(f.p), PATH_FAILED);
	kill9(&f);
	assert_int_equal(path_state(f.p), PATH_FAILED);
	path_reset_failed(f.p);
	path_start(f.p);
	assert_int_equal(f.starts, 4);
	f.limited = true;
	path_on_started(f.p);
	assert_int_equal(path_result(f.p), PATH_UNIT_START_LIMIT);
	fake_end(&f);

	fake_new(&f);
	f.blind = true;
	path_start(f.p);
	assert_int_equal(path_result(f.p), PATH_RESOURCES);
	path_recover(f.p);
	assert_int_equal(path_state(f.p), PATH_FAILED);
	assert_int_equal(f.tells, 1);
	f.blind = false;
	path_recover(f.p);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	assert_int_equal(path_result(f.p), PATH_OK);
	path_recover(f.p);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	f.blind = true;
	path_stop(f.p);
	path_start(f.p);
	assert_int_equal(path_state(f.p), PATH_FAILED);
	/* What changes while nothing can be watched is not missed. */
	f.sign[1]++;
	f.blind = false;
	path_recover(f.p);
	assert_int_equal(path_state(f.p), PATH_RUNNING);
	assert_int_equal(f.starts, 1);
	fake_end(&f);

	fake_new(&f);
	f.level = f.missing = true;
	path_reset_failed(f.p);
	path_start(f.p);
	assert_int_equal(path_result(f.p), PATH_RESOURCES);
	assert_int_equal(f.starts, 0);
	fake_end(&f);

	/* What may not be started is waited for, and said. */
	fake_new(&f);
	f.refusal = "stopped";
	f.level = true;
	path_start(f.p);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	assert_true(f.watching);
	f.refusal = NULL;
	path_look(f.p);
	assert_int_equal(f.starts, 1);
	fake_end(&f);
}

/* Any order of events: it never waits unwatched, never starts what is up, and what holds
 * while it waits is not left lying. */
static void
walk(void **state)
{
	struct fake f;

	(void)state;
	srandom((unsigned)seed_of(NULL));
	fake_new(&f);
	f.conf.limit_interval_us = 0;
	path_start(f.p);
	for (int i = 0; i < STEPS; i++) {
		unsigned starts = f.starts;
		long edge = random() % SPECS;
		bool was_up = f.up;

		switch (random() % 8) {
		case 0:
			f.level = !f.level;
			path_on_watch(f.p, -1, false);
			break;
		case 1:
			f.sign[edge] = (uint64_t)random() % 3;
			path_on_watch(f.p, edge, false);
			break;
		case 2:
			f.up = !f.up;
			f.tried_us = f.up ? f.now_us : f.tried_us;
			path_on_unit(f.p);
			break;
		case 3:
			f.tried_us = f.now_us;
			path_on_started(f.p);
			break;
		case 4:
			kill9(&f);
			path_resume(f.p);
			break;
		case 5:
			path_on_watch(f.p, -1, true);
			break;
		case 6:
			path_set_conf(f.p, &f.conf);
			break;
		default:
			f.now_us += SEC;
			break;
		}
		assert_true(f.starts - starts <= 1);
		if (f.starts != starts)
			assert_false(was_up && f.up);
		assert_int_equal(path_state(f.p) == PATH_WAITING, f.watching);
		if (path_state(f.p) == PATH_WAITING)
			assert_false(f.level || f.up);
	}
	fake_end(&f);
}

/* More than are remembered. */
static void
many(void **state)
{
	static char name[MANY][8];
	struct fake f;

	(void)state;
	fake_new(&f);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof(name[i]), "/m%zu", i);
		f.specs[i] = (struct path_spec){ PATH_CHANGED, name[i] };
		f.sign[i] = 7 + i;
	}
	f.conf.watch.n = MANY;
	path_set_conf(f.p, &f.conf);
	path_start(f.p);
	kill9(&f);
	path_resume(f.p);
	assert_int_equal(f.starts, 0);
	f.sign[1]++;
	kill9(&f);
	path_resume(f.p);
	assert_int_equal(f.starts, 1);
	fake_end(&f);
}

/* No watch while it is refused; another file while it failed. */
static void
starved(void **state)
{
	struct fake f;

	(void)state;
	fake_new(&f);
	f.level = true;
	f.refusal = "masked";
	path_start(f.p);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	f.blind = true;
	path_on_watch(f.p, -1, false);
	assert_int_equal(path_state(f.p), PATH_FAILED);
	f.level = false;
	f.blind = false;
	f.sign[1] = 3;
	path_set_conf(f.p, &f.conf);
	path_recover(f.p);
	assert_int_equal(path_state(f.p), PATH_WAITING);
	assert_int_equal(f.starts, 0);
	fake_end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels),
		cmocka_unit_test(edges),
		cmocka_unit_test(deaths),
		cmocka_unit_test(failures),
		cmocka_unit_test(many),
		cmocka_unit_test(starved),
		cmocka_unit_test(walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
