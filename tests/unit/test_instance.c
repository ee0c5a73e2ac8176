/* instance: which folder is meant, and what root does not take. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>

#include "lib/buf.h"
#include "lib/rmtree.h"
#include "unit/instance.h"

struct world {
	char *root; /* resolved */
	int here;   /* where we were */
};

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[256];

	snprintf(path, sizeof(path), "%.200s/instance.XXXXXX",
	    getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
	w->here = open(".", O_PATH | O_CLOEXEC);
	if (w->here == -1 || mkdtemp(path) == NULL || chmod(path, 0755) == -1 ||
	    chdir(path) == -1)
		return -1;
	w->root = realpath(".", NULL);
	unsetenv("SUPD_ROOT");
	unsetenv("XDG_STATE_HOME");
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;
	int r = fchdir(w->here);

	rm_rf_at(AT_FDCWD, w->root, 1000);
	close(w->here);
	free(w->root);
	free(w);
	return r;
}

static void
expect(const char *dir, bool env, const char *root, bool implicit)
{
	struct instance in = { 0 };
	struct buf why = { 0 };

	assert_int_equal(instance_find(&in, dir, env, &why), 0);
	assert_string_equal(in.root, root);
	assert_int_equal(in.implicit, implicit);
	assert_int_equal(in.owner, geteuid());
	instance_clear(&in);
	buf_free(&why);
}

static void
expect_refused(const char *dir, bool env, const char *part)
{
	struct instance in = { 0 };
	struct buf why = { 0 };

	assert_int_equal(instance_find(&in, dir, env, &why), -1);
	assert_non_null(strstr(buf_str(&why), part));
	assert_null(in.root);
	buf_free(&why);
}

static void
test_named(void **state)
{
	struct world *w = *state;

	expect(".", true, w->root, false);
	expect(w->root, false, w->root, false);
	assert_int_equal(symlink(w->root, "link"), 0);
	expect("link", false, w->root, false);
	expect_refused("nowhere", false, "nowhere");
	assert_int_equal(mknod("file", S_IFREG | 0600, 0), 0);
	expect_refused("file", false, "not a folder");
}

static void
test_environment_is_for_supctl_only(void **state)
{
	struct world *w = *state;
	char other[512];

	assert_int_equal(mkdir("units", 0755), 0);
	assert_int_equal(mkdir("other", 0755), 0);
	assert_int_equal(setenv("SUPD_ROOT", "other", 1), 0);
	expect(NULL, false, w->root, true);
	expect(".", true, w->root, false);
	snprintf(other, sizeof(other), "%s/other", w->root);
	expect(NULL, true, other, false);
	assert_int_equal(setenv("SUPD_ROOT", "/nowhere-at-all", 1), 0);
	expect_refused(NULL, true, "/nowhere-at-all");
	assert_int_equal(setenv("SUPD_ROOT", "", 1), 0);
	expect(NULL, true, w->root, true);
	unsetenv("SUPD_ROOT");
}

static void
test_current_folder_with_units(void **state)
{
	struct world *w = *state;

	assert_int_equal(mkdir("units", 0755), 0);
	expect(NULL, true, w->root, true);
}

static void
test_root_takes_only_its_own(void **state)
{
	struct world *w = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir("units", 0755), 0);
	assert_int_equal(chmod("units", 0775), 0);
	expect_refused(NULL, true, "-C .");
	assert_int_equal(chmod("units", 0755), 0);
	assert_int_equal(chmod(".", 01777), 0);
	expect_refused(NULL, true, "others than root");
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(chown("units", 65534, 65534), 0);
	expect_refused(NULL, true, "others than root");
	/* Named, it is meant. */
	expect(".", true, w->root, false);
	assert_int_equal(chown("units", 0, 0), 0);
	expect(NULL, true, w->root, true);
}

static void
test_user_runs_nothing_of_strangers(void **state)
{
	struct instance in = { 0 };
	struct buf why = { 0 };
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir("units", 0755), 0);
	assert_int_equal(chown("units", 65533, 65533), 0);
	pid = fork();
	if (pid == 0) {
		int bad = setuid(65534) == -1;

		/* To look at it is no harm. */
		bad |= 2 * (instance_find(&in, NULL, true, &why) == -1);
		bad |= 4 * (instance_find(&in, NULL, false, &why) == 0);
		bad |= 8 * (instance_find(&in, ".", false, &why) == -1);
		_exit(bad);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* Root's own is fine, and a folder that everybody can write is not. */
	assert_int_equal(chown("units", 0, 0), 0);
	for (int open = 0; open < 2; open++) {
		assert_int_equal(chmod("units", open ? 0777 : 0755), 0);
		pid = fork();
		if (pid == 0)
			_exit(setuid(65534) == -1 || (instance_find(&in, NULL, false,
							  &why) == 0) == (open != 0));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void
test_nothing_here(void **state)
{
	struct world *w = *state;
	struct instance in = { 0 };
	struct buf why = { 0 };
	char home[512];
	int status;
	pid_t pid;

	if (geteuid() == 0) {
		assert_int_equal(instance_find(&in, NULL, true, &why), 0);
		assert_int_equal(in.kind, INSTANCE_SYSTEM);
		assert_string_equal(in.root, INSTANCE_SYSTEM_ROOT);
		instance_clear(&in);
	}
	snprintf(home, sizeof(home), "%s/state", w->root);
	pid = fork();
	if (pid == 0) {
		/* An ordinary user: the folder below XDG_STATE_HOME, made later. */
		if (geteuid() == 0 && setuid(65534) == -1)
			_exit(1);
		setenv("XDG_STATE_HOME", home, 1);
		strlcat(home, "/supd", sizeof(home));
		_exit(instance_find(&in, NULL, true, &why) == 0 &&
			      in.kind == INSTANCE_USER && !in.exists && !in.implicit &&
			      strcmp(in.root, home) == 0
			  ? 0
			  : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	buf_free(&why);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_named),
		TEST(test_environment_is_for_supctl_only),
		TEST(test_current_folder_with_units),
		TEST(test_root_takes_only_its_own),
		TEST(test_user_runs_nothing_of_strangers),
		TEST(test_nothing_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
