/*
 * stale: which files are started, and what is written of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "manager/activate/stale.h"

#define NOW (UINT64_C(1791000000) * USEC_PER_SEC)
#define MIN USEC_PER_MINUTE

static const struct path_conf conf = {
	.stale_us = 10 * MIN,
	.retry_us = 5 * MIN,
	.retry_max_us = 30 * MIN,
	.max_tries = 5,
	.max_new = 10,
	.require_not_done = true,
};

static struct stale_file
file_of(uint64_t age_us)
{
	static char name[] = "a";

	return (struct stale_file){
		.instance = name, .size = 100, .mtime_ns = (int64_t)(NOW - age_us) * 1000
	};
}

static enum stale_gate
gate(struct stale_file f, const struct ledger_entry *e, bool flies, uint64_t *due)
{
	uint64_t ignored = UINT64_MAX;

	return stale_gate(&conf, &f, e, flies ? STALE_RUNS_FOR_IT : STALE_RUNS_NOT, NOW,
	    due != NULL ? due : &ignored);
}

static void
test_age(void **state)
{
	struct stale_file future = file_of(0);
	uint64_t due = UINT64_MAX;

	(void)state;
	assert_int_equal(gate(file_of(10 * MIN), NULL, false, &due), STALE_CANDIDATE);
	assert_int_equal(due, UINT64_MAX);
	assert_int_equal(gate(file_of(10 * MIN - 1), NULL, false, &due), STALE_YOUNG);
	assert_int_equal(due, NOW + 1);
	/* The least of them is kept. */
	assert_int_equal(gate(file_of(0), NULL, false, &due), STALE_YOUNG);
	assert_int_equal(due, NOW + 1);
	future.mtime_ns = INT64_MAX;
	assert_int_equal(gate(future, NULL, false, NULL), STALE_YOUNG);
	future.mtime_ns = INT64_MIN;
	assert_int_equal(gate(future, NULL, false, NULL), STALE_CANDIDATE);
}

/* tried_us: what is remembered of the try before. */
static enum stale_gate
by_hand(struct stale_file f, struct ledger_entry *e, uint64_t tried_us)
{
	uint64_t ignored = UINT64_MAX;
	enum stale_gate g;

	e->at_wall_us = NOW - 7;
	strcpy(e->run, "r01kbb0mqvz7hk2");
	g = stale_gate(&conf, &f, e, STALE_RUNS_BY_HAND, NOW, &ignored);
	assert_int_equal(f.tried_wall_us, tried_us);
	assert_string_equal(f.tried_run, tried_us != 0 ? e->run : "");
	return g;
}

static void
test_ledger(void **state)
{
	struct stale_file f = file_of(20 * MIN), other = f;
	struct ledger_entry e = { .size = f.size, .mtime_ns = f.mtime_ns, .tries = 2 };
	struct path_conf again = conf;
	uint64_t due = UINT64_MAX;

	(void)state;
	other.size++;
	e.result = LEDGER_DONE;
	assert_int_equal(gate(f, &e, false, NULL), STALE_DONE);
	assert_int_equal(gate(other, &e, false, NULL), STALE_CANDIDATE);
	again.require_not_done = false;
	assert_int_equal(
	    stale_gate(&again, &f, &e, STALE_RUNS_NOT, NOW, &due), STALE_CANDIDATE);
	assert_int_equal(f.tries, 0);

	e.result = LEDGER_FAILED;
	e.at_wall_us = NOW - MIN;
	e.next_wall_us = NOW + 4 * MIN;
	assert_int_equal(gate(f, &e, false, &due), STALE_WAITS);
	assert_int_equal(due, NOW + 4 * MIN);
	assert_int_equal(gate(other, &e, false, NULL), STALE_CANDIDATE);
	e.next_wall_us = NOW;
	assert_int_equal(
	    stale_gate(&conf, &f, &e, STALE_RUNS_NOT, NOW, &due), STALE_CANDIDATE);
	assert_int_equal(f.tries, 2);
	assert_int_equal(
	    stale_gate(&conf, &other, &e, STALE_RUNS_NOT, NOW, &due), STALE_CANDIDATE);
	assert_int_equal(other.tries, 0);
	/* It failed in a future that was taken back. */
	e.at_wall_us = NOW + 1;
	e.next_wall_us = NOW + 100 * MIN;
	assert_int_equal(gate(f, &e, false, NULL), STALE_CANDIDATE);

	e.result = LEDGER_QUARANTINED;
	assert_int_equal(gate(f, &e, false, NULL), STALE_QUARANTINED);
	assert_int_equal(gate(other, &e, false, NULL), STALE_CANDIDATE);

	/* What somebody else has started is a run for it, unless it is done, or young. */
	assert_int_equal(by_hand(f, &e, NOW - 7), STALE_CANDIDATE);
	e.result = LEDGER_WAITING;
	e.next_wall_us = NOW + MIN;
	assert_int_equal(by_hand(f, &e, NOW - 7), STALE_CANDIDATE);
	assert_int_equal(by_hand(other, &e, 0), STALE_CANDIDATE);
	e.result = LEDGER_DONE;
	assert_int_equal(by_hand(f, &e, 0), STALE_DONE);
	assert_int_equal(by_hand(file_of(0), &e, 0), STALE_YOUNG);

	/* Of what runs nothing else counts. */
	e.result = LEDGER_STARTED;
	assert_int_equal(gate(f, &e, true, NULL), STALE_IN_FLIGHT);
	assert_int_equal(gate(f, &e, false, NULL), STALE_UNSETTLED);
	assert_int_equal(gate(other, &e, false, NULL), STALE_UNSETTLED);
	assert_int_equal(gate(file_of(0), &e, false, NULL), STALE_UNSETTLED);
	assert_int_equal(gate(f, NULL, true, NULL), STALE_IN_FLIGHT);
}

static void
test_choose(void **state)
{
	struct path_conf closed = conf;
	struct stale_file v[6];
	size_t n;

	(void)state;
	closed.require_closed = true;
	for (size_t i = 0; i < 6; i++) {
		v[i] = file_of((i + 11) * MIN);
		v[i].inode = i;
	}
	v[5].open = STALE_OPEN;
	v[4].open = STALE_UNKNOWN;
	n = stale_choose(&closed, v, 6, 3);
	assert_int_equal(n, 3);
	assert_int_equal(v[0].inode, 3);
	assert_int_equal(v[1].inode, 2);
	assert_int_equal(v[2].inode, 1);
	assert_int_equal(stale_choose(&closed, v, 6, 0), 4);
	assert_int_equal(stale_choose(&conf, v, 6, 0), 6);
	assert_int_equal(v[0].inode, 5);
	assert_int_equal(stale_choose(&conf, v, 0, 3), 0);
}

static void
test_ends(void **state)
{
	static const uint64_t waits[] = { 5, 10, 20, 30 };
	struct stale_file f = file_of(20 * MIN);
	struct path_conf no_limit = conf;
	struct ledger_entry e;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		f.tries = i;
		stale_begin(&f, "", NOW, &e);
		assert_int_equal(e.result, LEDGER_STARTED);
		assert_int_equal(e.tries, i + 1);
		assert_int_equal(e.mtime_ns, f.mtime_ns);
		stale_end(&conf, &e, STALE_ENDED_BADLY, NOW);
		assert_int_equal(e.result, LEDGER_FAILED);
		assert_int_equal(e.next_wall_us, NOW + waits[i] * MIN);
	}
	f.tries = 4;
	stale_begin(&f, "", NOW, &e);
	stale_end(&conf, &e, STALE_ENDED_BADLY, NOW);
	assert_int_equal(e.result, LEDGER_QUARANTINED);
	assert_int_equal(e.next_wall_us, 0);

	no_limit.max_tries = 0;
	f.tries = 1000000;
	stale_begin(&f, "", NOW, &e);
	stale_end(&no_limit, &e, STALE_ENDED_BADLY, NOW);
	assert_int_equal(e.result, LEDGER_FAILED);
	assert_int_equal(e.next_wall_us, NOW + 30 * MIN);

	/* What did not run is no failure of the file. */
	f.tries = 4;
	stale_begin(&f, "", NOW, &e);
	stale_end(&conf, &e, STALE_NOT_RUN, NOW);
	assert_int_equal(e.result, LEDGER_WAITING);
	assert_int_equal(e.tries, 4);
	assert_int_equal(e.next_wall_us, NOW + 5 * MIN);

	stale_begin(&f, "", NOW, &e);
	stale_end(&conf, &e, STALE_ENDED_WELL, NOW + 7);
	assert_int_equal(e.result, LEDGER_DONE);
	assert_int_equal(e.at_wall_us, NOW + 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
