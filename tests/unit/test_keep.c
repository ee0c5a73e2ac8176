/*
 * The file that keeps a session's screen: what a killed role finds in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "terminal/keep.h"

static const uint8_t one[16] = { 1 }, two[16] = { 2 };

struct fixture {
	char dir[64];
	int fd;
};

static int
set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	/* On a tmpfs, as it is there: holes are punched. */
	snprintf(f->dir, sizeof(f->dir), "%s/keep.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->dir));
	f->fd = open(f->dir, O_RDONLY | O_DIRECTORY);
	assert_int_not_equal(f->fd, -1);
	assert_int_equal(mkdirat(f->fd, "term", 0700), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	keep_remove(f->fd, 3);
	(void)unlinkat(f->fd, "term", AT_REMOVEDIR);
	close(f->fd);
	(void)rmdir(f->dir);
	free(f);
	return 0;
}

static struct keep *
reopen(struct fixture *f, const uint8_t invocation[16], bool *found)
{
	struct keep *k = keep_open(f->fd, 3, invocation, 24, 80, found);

	assert_non_null(k);
	return k;
}

static void
write_raw(struct keep *k, const char *text, bool counted)
{
	size_t n;
	char *p = keep_room(k, &n);

	assert_non_null(p);
	assert_true(n >= strlen(text));
	memcpy(p, text, strlen(text));
	if (counted)
		keep_added(k, strlen(text));
}

static void
what_was_taken_is_found(void **state)
{
	struct fixture *f = *state;
	bool found;
	struct keep *k = reopen(f, one, &found);

	assert_false(found);
	write_raw(k, "counted ", true);
	/* Killed between the read and the count. */
	write_raw(k, "and taken", false);
	keep_close(k);
	k = reopen(f, one, &found);
	assert_true(found);
	assert_int_equal(keep_half(k)->raw_len, 17);
	assert_memory_equal(keep_raw(k), "counted and taken", 17);
	keep_close(k);
}

static void
another_invocation_begins_anew(void **state)
{
	struct fixture *f = *state;
	bool found;
	struct keep *k = reopen(f, one, &found);

	write_raw(k, "of the first", true);
	keep_head(k)->input.id = 7;
	keep_close(k);
	k = reopen(f, two, &found);
	assert_false(found);
	assert_int_equal(keep_half(k)->raw_len, 0);
	assert_int_equal(keep_head(k)->input.id, 0);
	/* And nothing of the first is taken for the second's. */
	write_raw(k, "x", true);
	keep_close(k);
	k = reopen(f, two, &found);
	assert_true(found);
	assert_int_equal(keep_half(k)->raw_len, 1);
	keep_close(k);
}

static void
a_new_half_counts_from_one_store(void **state)
{
	struct fixture *f = *state;
	bool found;
	struct keep *k = reopen(f, one, &found);
	uint32_t which = keep_head(k)->which;

	write_raw(k, "the old half", true);
	keep_half(k)->done = keep_done(12, 0);
	assert_int_equal(keep_begin(k, "picture", 7, 24, 80), 0);
	assert_int_not_equal(keep_head(k)->which, which);
	assert_int_equal(keep_half(k)->raw_len, 0);
	assert_int_equal(keep_logged(keep_half(k)), 0);
	assert_memory_equal(keep_draw(k), "picture", 7);
	write_raw(k, "behind it", true);
	keep_close(k);
	k = reopen(f, one, &found);
	assert_true(found);
	assert_int_equal(keep_half(k)->draw_len, 7);
	assert_memory_equal(keep_draw(k), "picture", 7);
	assert_memory_equal(keep_raw(k), "behind it", 9);
	keep_close(k);
}

static void
a_full_half_asks_for_another(void **state)
{
	struct fixture *f = *state;
	bool found;
	struct keep *k = reopen(f, one, &found);
	size_t n, all = 0;
	char *p;

	while ((p = keep_room(k, &n)) != NULL) {
		memset(p, 'x', n);
		keep_added(k, n);
		all += n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(all, KEEP_RAW_MAX);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(keep_begin(k, "p", 1, 24, 80), 0);
		p = keep_room(k, &n);
		assert_non_null(p);
		memset(p, 'y', n);
		keep_added(k, n);
	}
	keep_close(k);
	k = reopen(f, one, &found);
	assert_true(found);
	assert_int_equal(keep_raw(k)[0], 'y');
	keep_close(k);
}

static void
what_is_not_used_has_no_memory(void **state)
{
	struct fixture *f = *state;
	bool found;
	struct keep *k = reopen(f, one, &found);
	struct stat before, after;

	assert_int_equal(keep_begin(k, "picture", 7, 24, 80), 0);
	write_raw(k, "and more", true);
	assert_int_equal(fstatat(f->fd, "term/3", &before, 0), 0);
	keep_trim(k);
	assert_int_equal(fstatat(f->fd, "term/3", &after, 0), 0);
	assert_true(after.st_blocks < before.st_blocks);
	keep_trim(k);
	assert_memory_equal(keep_draw(k), "picture", 7);
	assert_memory_equal(keep_raw(k), "and more", 8);
	/* It goes on, over the end of its last page, too. */
	for (size_t n, all = 8; all < 3 * KEEP_STEP; all += n) {
		char *p = keep_room(k, &n);

		assert_non_null(p);
		memset(p, 'x', n);
		keep_added(k, n);
	}
	keep_close(k);
	k = reopen(f, one, &found);
	assert_true(found);
	assert_memory_equal(keep_raw(k), "and morexxx", 11);
	assert_true(keep_half(k)->raw_len >= 3 * KEEP_STEP);
	keep_close(k);
}

static void
a_damaged_head_is_none(void **state)
{
	struct fixture *f = *state;
	bool found;
	struct keep *k = reopen(f, one, &found);

	write_raw(k, "text", true);
	keep_half(k)->raw_len = KEEP_RAW_MAX + 1;
	keep_close(k);
	k = reopen(f, one, &found);
	assert_false(found);
	keep_half(k)->draw_len = UINT32_MAX;
	keep_close(k);
	k = reopen(f, one, &found);
	assert_false(found);
	keep_head(k)->which = 2;
	keep_close(k);
	k = reopen(f, one, &found);
	assert_false(found);
	write_raw(k, "done", true);
	keep_half(k)->done = keep_done(5, 0);
	keep_close(k);
	k = reopen(f, one, &found);
	assert_false(found);
	keep_close(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_taken_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    another_invocation_begins_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_new_half_counts_from_one_store, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_full_half_asks_for_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    what_is_not_used_has_no_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    a_damaged_head_is_none, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
