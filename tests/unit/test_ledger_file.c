/*
 * ledger_file: no line is lost and none is half there, whatever dies between two steps.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/rmtree.h"
#include "manager/activate/ledger.h"
#include "manager/part/ledger_file.h"

#define UNIT "w.path"
#define FOLDER "state/ledger/" UNIT "/"

static int root;
static char path[] = "/tmp/ledger.XXXXXX";

static int
set_up(void **state)
{
	(void)state;
	strcpy(path, "/tmp/ledger.XXXXXX");
	assert_non_null(mkdtemp(path));
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(root);
	return rm_rf_at(AT_FDCWD, path, 1000);
}

static int
add(const char *instance, enum ledger_result r)
{
	char *copy = strdup(instance);
	struct ledger_entry e = { .instance = copy, .result = r };
	struct buf b = { 0 };
	int rc;

	ledger_put_line(&e, NULL, &b);
	rc = ledger_file_append(root, UNIT, &b);
	buf_free(&b);
	free(copy);
	return rc;
}

static void
assert_is(const char *instance, int result, size_t n)
{
	struct ledger l = { 0 };
	const struct ledger_entry *e;

	assert_int_equal(ledger_file_load(root, UNIT, &l), 0);
	e = ledger_find(&l, instance);
	assert_int_equal(e != NULL ? (int)e->result : -1, result);
	assert_int_equal(l.entries.n, n);
	ledger_clear(&l);
}

static void
merge(void)
{
	struct ledger l = { 0 };

	assert_int_equal(ledger_file_load(root, UNIT, &l), 0);
	assert_int_equal(ledger_file_merge(root, UNIT, &l), 0);
	ledger_clear(&l);
}

static void
test_steps(void **state)
{
	(void)state;
	assert_is("a", -1, 0);
	assert_false(ledger_file_rotate(root, UNIT, true));
	assert_int_equal(add("a", LEDGER_STARTED), 0);
	assert_int_equal(add("b", LEDGER_DONE), 0);
	assert_int_equal(ledger_file_sync(root, UNIT), 0);
	/* A short one is not worth it, unless it is wanted. */
	assert_false(ledger_file_rotate(root, UNIT, false));
	assert_true(ledger_file_rotate(root, UNIT, true));
	assert_is("a", LEDGER_STARTED, 2);
	assert_int_equal(add("a", LEDGER_DONE), 0);
	assert_is("a", LEDGER_DONE, 2);
	/* Died before the merge: it is still to be done. */
	assert_true(ledger_file_rotate(root, UNIT, false));
	merge();
	assert_int_equal(faccessat(root, FOLDER "old", F_OK, 0), -1);
	assert_is("a", LEDGER_DONE, 2);
	assert_false(ledger_file_rotate(root, UNIT, false));

	/* Died after the new base, before the old lines went. */
	assert_true(ledger_file_rotate(root, UNIT, true));
	assert_int_equal(add("b", LEDGER_FORGOTTEN), 0);
	assert_int_equal(linkat(root, FOLDER "old", root, FOLDER "kept", 0), 0);
	merge();
	assert_int_equal(renameat(root, FOLDER "kept", root, FOLDER "old"), 0);
	assert_is("b", -1, 1);
	assert_is("a", LEDGER_DONE, 1);
}

static void
test_long(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		assert_int_equal(add(name, LEDGER_DONE), 0);
	}
	assert_true(ledger_file_rotate(root, UNIT, false));
	merge();
	assert_is("f999", LEDGER_DONE, 1000);
	assert_int_equal(add("f0", LEDGER_FAILED), 0);
	assert_false(ledger_file_rotate(root, UNIT, false));
	assert_is("f0", LEDGER_FAILED, 1000);
}

static void
test_torn(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(add("a", LEDGER_DONE), 0);
	assert_int_equal(add("b", LEDGER_DONE), 0);
	fd = openat(root, FOLDER "log", O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(ftruncate(fd, st.st_size - 9), 0);
	close(fd);
	assert_is("a", LEDGER_DONE, 1);
	/* The next line is one of its own. */
	assert_int_equal(add("c", LEDGER_DONE), 0);
	assert_is("c", LEDGER_DONE, 2);
}

static void
test_no_room(void **state)
{
	struct rlimit was, small;
	struct stat st;

	(void)state;
	assert_int_equal(add("a", LEDGER_DONE), 0);
	assert_int_equal(fstatat(root, FOLDER "log", &st, 0), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small = was;
	small.rlim_cur = (rlim_t)st.st_size + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(add("b", LEDGER_DONE), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_is("a", LEDGER_DONE, 1);
	assert_int_equal(add("b", LEDGER_DONE), 0);
	assert_is("b", LEDGER_DONE, 2);
}

/* What stands in its place is not followed, and is no empty ledger. */
static void
test_hostile(void **state)
{
	struct ledger l = { 0 };

	(void)state;
	assert_int_equal(add("a", LEDGER_DONE), 0);
	assert_int_equal(unlinkat(root, FOLDER "log", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", root, FOLDER "log"), 0);
	assert_int_equal(add("a", LEDGER_DONE), -1);
	assert_int_equal(ledger_file_load(root, UNIT, &l), -1);
	ledger_clear(&l);
	assert_int_equal(unlinkat(root, FOLDER "log", 0), 0);
	assert_int_equal(mkfifoat(root, FOLDER "log", 0600), 0);
	assert_int_equal(ledger_file_load(root, UNIT, &l), -1);
	ledger_clear(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_steps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_long, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_torn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
