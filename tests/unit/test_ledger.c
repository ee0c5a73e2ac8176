/*
 * ledger: lines of which the last counts, whatever else is between them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "manager/activate/ledger.h"

static void
put(struct buf *b, const char *instance, enum ledger_result r, uint32_t tries)
{
	char *copy = strdup(instance);
	struct ledger_entry e = { .instance = copy,
		.dev = 7,
		.inode = UINT64_MAX - 4,
		.size = 12,
		.mtime_ns = INT64_C(1791000000123456789),
		.result = r,
		.run = "r01kbb0mqvz7hk2",
		.tries = tries,
		.at_wall_us = 5,
		.next_wall_us = r == LEDGER_FAILED ? 99 : 0 };

	ledger_put_line(&e, "/srv/a \"b\".jsonl", b);
	free(copy);
}

static void
read_all(struct ledger *l, const struct buf *b)
{
	ledger_read(l, buf_str(b), b->len);
}

static void
test_same(void **state)
{
	const struct ledger_entry *e;
	struct ledger l = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (int r = 0; r < LEDGER_FORGOTTEN; r++) {
		buf_clear(&b);
		put(&b, "srv-a", (enum ledger_result)r, 3);
		read_all(&l, &b);
		e = ledger_find(&l, "srv-a");
		assert_non_null(e);
		assert_int_equal(e->result, r);
		assert_int_equal(e->dev, 7);
		assert_int_equal(e->inode, UINT64_MAX - 4);
		assert_int_equal(e->size, 12);
		assert_int_equal(e->mtime_ns, INT64_C(1791000000123456789));
		assert_int_equal(e->tries, 3);
		assert_string_equal(e->run, "r01kbb0mqvz7hk2");
		assert_int_equal(e->at_wall_us, 5);
		assert_int_equal(e->next_wall_us, r == LEDGER_FAILED ? 99 : 0);
	}
	assert_int_equal(l.bad, 0);
	ledger_clear(&l);
	buf_free(&b);
}

static void
test_last_counts(void **state)
{
	struct ledger l = { 0 };
	struct buf b = { 0 };

	(void)state;
	put(&b, "a", LEDGER_STARTED, 1);
	put(&b, "b", LEDGER_STARTED, 1);
	put(&b, "a", LEDGER_FAILED, 1);
	put(&b, "b", LEDGER_DONE, 1);
	put(&b, "c", LEDGER_QUARANTINED, 5);
	put(&b, "c", LEDGER_FORGOTTEN, 0);
	read_all(&l, &b);
	assert_int_equal(ledger_find(&l, "a")->result, LEDGER_FAILED);
	assert_int_equal(ledger_find(&l, "b")->result, LEDGER_DONE);
	assert_null(ledger_find(&l, "c"));
	assert_int_equal(l.lines, 6);
	/* Read twice it says the same: a merge that was cut may do so. */
	read_all(&l, &b);
	assert_int_equal(ledger_find(&l, "a")->result, LEDGER_FAILED);
	assert_int_equal(l.entries.n, 2);
	ledger_clear(&l);
	buf_free(&b);
}

/* Cut anywhere, it says what the whole lines say. */
static void
test_torn(void **state)
{
	struct buf b = { 0 };
	size_t one;

	(void)state;
	put(&b, "a", LEDGER_DONE, 1);
	one = b.len;
	put(&b, "a", LEDGER_FAILED, 2);
	for (size_t n = 0; n <= b.len; n++) {
		struct ledger l = { 0 };
		/* (Of its own size, so that reading behind it is seen.) */
		char *text = malloc(n + 1);

		memcpy(text, buf_str(&b), n);
		text = realloc(text, n > 0 ? n : 1);
		ledger_read(&l, text, n);
		if (n < one - 1)
			assert_null(ledger_find(&l, "a"));
		else
			assert_int_equal(ledger_find(&l, "a")->result,
			    n >= b.len - 1 ? LEDGER_FAILED : LEDGER_DONE);
		ledger_clear(&l);
		free(text);
	}
	buf_free(&b);
}

static void
test_hostile(void **state)
{
	static const char text[] =
	    "{}\nnull\n[]\n{\"instance\":\"\",\"result\":\"done\"}\n"
	    "{\"instance\":\"a\"}\n{\"instance\":\"a\",\"result\":\"well\"}\n"
	    "{\"instance\":\"a\",\"result\":\"done\",\"tries\":99999999999}\n"
	    "{\"instance\":\"a\\u0000b\",\"result\":\"done\"}\n"
	    "\n\n{\"instance\":\"a\",\"result\":\"done\",\"size\":-1,\"more\":[1]}\n"
	    "{\"instance\":\"deep\",\"result\":\"done\",\"x\":[[[[[1]]]]]}\n";
	struct ledger l = { 0 };

	(void)state;
	ledger_read(&l, text, sizeof(text) - 1);
	assert_int_equal(l.lines, 10);
	assert_int_equal(l.bad, 9);
	assert_int_equal(ledger_find(&l, "a")->size, 0);
	ledger_clear(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_last_counts),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
