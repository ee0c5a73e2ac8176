/*
 * Tests of lib/mounts: a real tree of folders and links, and lists of mounts that say
 * what would be mounted where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/mounts.h"
#include "lib/xalloc.h"

static char *top;

static char *
at(const char *below)
{
	return xasprintf("%s/%s", top, below);
}

static void
make_dir(const char *below)
{
	char *path = at(below);

	assert_int_equal(mkdir(path, 0700), 0);
	free(path);
}

static void
make_link(const char *target, const char *below)
{
	char *path = at(below);

	assert_int_equal(symlink(target, path), 0);
	free(path);
}

static int
set_up(void **state)
{
	char name[] = "/tmp/test_mounts.XXXXXX";
	char *made, *far;

	(void)state;
	assert_non_null(mkdtemp(name));
	made = realpath(name, NULL);
	assert_non_null(made);
	top = made;
	make_dir("units");
	make_dir("far");
	make_dir("far/near");
	make_dir("with blank");
	far = at("far/x.service");
	make_link(far, "units/linked.service");
	make_link("../far/x.service", "units/relative.service");
	make_link("linked.service", "units/twice.service");
	make_link("far", "folder");
	make_link("loop", "loop");
	make_link("/nowhere/at/all", "dangling");
	free(far);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	assert_int_equal(rm_rf_at(AT_FDCWD, top, 100), 0);
	free(top);
	return 0;
}

/* What is remote of the path, below top; "" for none. */
static void
expect(struct mounts *ms, const char *below, bool follow, const char *wanted)
{
	char *path = at(below), *want = at(wanted);
	const char *got = mounts_remote(ms, path, follow);

	if (wanted[0] == '\0')
		assert_null(got);
	else if (got == NULL)
		fail_msg("%s: nothing is remote", below);
	else
		assert_string_equal(got, want);
	free(path);
	free(want);
}

static struct mounts *
list(const char *fmt)
{
	struct buf b = { 0 };
	struct mounts *ms;

	for (; *fmt != '\0'; fmt++) {
		if (*fmt == '@')
			buf_adds(&b, top);
		else
			buf_addc(&b, *fmt);
	}
	ms = mounts_new_text(buf_str(&b));
	buf_free(&b);
	return ms;
}

static void
test_all_local(void **state)
{
	struct mounts *ms = list("1 0 8:1 / / rw - ext4 /dev/a rw\n"
				 "2 1 0:2 / @/far rw,x shared:1 master:2 - tmpfs t rw\n");

	(void)state;
	expect(ms, "far/x.service", true, "");
	expect(ms, "units/linked.service", true, "");
	mounts_free(ms);
}

static void
test_remote(void **state)
{
	struct mounts *ms = list("1 0 8:1 / / rw - ext4 /dev/a rw\n"
				 "2 1 0:2 / @/far rw shared:1 - fuse.sshfs host: rw\n"
				 "3 1 0:3 / @/with\\040blank rw - nfs4 host:/ rw\n"
				 "4 2 8:1 / @/far/near rw - ext4 /dev/b rw\n");

	(void)state;
	expect(ms, "far", true, "far");
	expect(ms, "far/x.service", true, "far");
	expect(ms, "far/x.service", false, "far");
	/* Local, but the way to it is not. */
	expect(ms, "far/near/x", true, "far");
	expect(ms, "with blank/x", true, "with blank");
	expect(ms, "farther", true, "");
	expect(ms, "units/x", true, "");
	expect(ms, "units/../far/x", true, "far");
	expect(ms, "far/../units", true, "far");
	expect(ms, "./units/./x", true, "");
	mounts_free(ms);
}

static void
test_links(void **state)
{
	struct mounts *ms = list("1 0 8:1 / / rw - xfs /dev/a rw\n"
				 "2 1 0:2 / @/far rw - fuse host: rw\n");

	(void)state;
	expect(ms, "units/linked.service", true, "far");
	expect(ms, "units/linked.service", false, "");
	expect(ms, "units/relative.service", true, "far");
	expect(ms, "units/twice.service", true, "far");
	expect(ms, "folder", true, "far");
	expect(ms, "folder", false, "");
	expect(ms, "folder/x", false, "far");
	/* The folder asked for last is remembered, as what it is. */
	expect(ms, "folder/y", false, "far");
	expect(ms, "units/y", false, "");
	expect(ms, "units/linked.service", true, "far");
	/* These lead nowhere: the file system can say so. */
	expect(ms, "loop", true, "");
	expect(ms, "loop/x", true, "");
	expect(ms, "dangling", true, "");
	expect(ms, "missing/x/y", true, "");
	mounts_free(ms);
}

/* What is mounted over another hides it and all below it. */
static void
test_stacked(void **state)
{
	struct mounts *ms = list("1 0 8:1 / / rw - ext4 /dev/a rw\n"
				 "2 1 0:2 / @/far rw - nfs host: rw\n"
				 "3 2 0:3 / @/far rw - tmpfs t rw\n"
				 "4 1 0:4 / @/units rw - ext4 /dev/b rw\n"
				 "5 4 0:5 / @/units rw - cifs //host rw\n");

	(void)state;
	expect(ms, "far/x", true, "");
	expect(ms, "units/x", true, "units");
	mounts_free(ms);
	ms = list("9 8 0:1 / / rw - 9p root rw\n10 9 0:2 / @/units rw - tmpfs t rw\n");
	assert_string_equal(mounts_remote(ms, "/", true), "/");
	assert_string_equal(mounts_remote(ms, top, true), "/");
	mounts_free(ms);
}

/* Whatever is no list of mounts says nothing; and the kernel's own can be read. */
static void
test_other(void **state)
{
	static const char *const bad[] = { "", "\n\n", "1 0 8:1 / /\n",
		"1 0 8:1 / / rw -\n", "1 0 8:1 / / rw shared:1",
		"1 1 8:1 / /x rw - nfs h rw\n",
		"1 1 8:1 / / rw - xfs h rw\n2 1 8:1 / /tmp rw - xfs h rw\n"
		"2 2 8:1 / /tmp rw - xfs h rw\n3 2 8:1 / /tmp rw - xfs h rw\n"
		"2 3 8:1 / /tmp rw - nfs h rw\n" };
	struct mounts *ms;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ms = mounts_new_text(bad[i]);
		/* The last one goes in a circle. */
		(void)mounts_remote(ms, "/tmp/x", true);
		mounts_free(ms);
	}
	ms = mounts_new();
	assert_null(mounts_remote(ms, "relative", true));
	(void)mounts_remote(ms, "/proc/self/status", true);
	mounts_free(ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_local),
		cmocka_unit_test(test_remote),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_stacked),
		cmocka_unit_test(test_other),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
