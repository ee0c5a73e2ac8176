/*
 * Tests of lib/mounts: a real tree of folders and links, and lists of mounts that say
 * what would be mounted where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/mounts.h"
#include "lib/rmtree.h"
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

/* What is remote of a path, both below top; "" for nothing. */
struct question {
	const char *path;
	bool follow;
	const char *want;
};

static void
ask(struct mounts *ms, const struct question *q)
{
	char *path = at(q->path), *want = at(q->want);
	const char *got = mounts_remote(ms, path, q->follow);

	if (q->want[0] == '\0' ? got != NULL : got == NULL || strcmp(got, want) != 0)
		fail_msg("%s: remote is %s, not %s", q->path,
		    got != NULL ? got : "nothing", q->want[0] != '\0' ? want : "nothing");
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

/* @ in fmt is top; the questions in this order, up to one without a path. */
static void
ask_all(const char *fmt, const struct question *q)
{
	struct mounts *ms = list(fmt);

	for (; q->path != NULL; q++)
		ask(ms, q);
	mounts_free(ms);
}

static void
test_all_local(void **state)
{
	static const struct question asked[] = {
		{ "far/x.service", true, "" },
		{ "units/linked.service", true, "" },
		{ NULL, false, NULL },
	};

	(void)state;
	ask_all("1 0 8:1 / / rw - ext4 /dev/a rw\n"
		"2 1 0:2 / @/far rw,x shared:1 master:2 - tmpfs t rw\n",
	    asked);
}

static void
test_remote(void **state)
{
	static const struct question asked[] = {
		{ "far", true, "far" },
		{ "far/x.service", true, "far" },
		{ "far/x.service", false, "far" },
		/* Local, but the way to it is not. */
		{ "far/near/x", true, "far" },
		{ "with blank/x", true, "with blank" },
		{ "farther", true, "" },
		{ "units/x", true, "" },
		{ "units/../far/x", true, "far" },
		{ "far/../units", true, "far" },
		{ "./units/./x", true, "" },
		{ NULL, false, NULL },
	};

	(void)state;
	ask_all("1 0 8:1 / / rw - ext4 /dev/a rw\n"
		"2 1 0:2 / @/far rw shared:1 - fuse.sshfs host: rw\n"
		"3 1 0:3 / @/with\\040blank rw - nfs4 host:/ rw\n"
		"4 2 8:1 / @/far/near rw - ext4 /dev/b rw\n",
	    asked);
}

/* chroot: the mount that our root is a folder of is not in the list. */
static void
test_root_is_a_folder(void **state)
{
	static const struct question asked[] = {
		{ "units/x", true, "" },
		{ "far/x", true, "far" },
		{ "far/../units", true, "far" },
		{ NULL, false, NULL },
	};

	(void)state;
	ask_all("66 43 0:40 / /proc rw - proc proc rw\n"
		"67 43 0:6 / /dev rw - devtmpfs devtmpfs rw\n"
		"68 67 0:23 / /dev/shm rw - tmpfs tmpfs rw\n"
		"75 43 0:43 / @/far rw - fuse dead rw\n",
	    asked);
}

static void
test_links(void **state)
{
	static const struct question asked[] = {
		{ "units/linked.service", true, "far" },
		{ "units/linked.service", false, "" },
		{ "units/relative.service", true, "far" },
		{ "units/twice.service", true, "far" },
		{ "folder", true, "far" },
		{ "folder", false, "" },
		{ "folder/x", false, "far" },
		/* The folder asked for last is remembered, as what it is. */
		{ "folder/y", false, "far" },
		{ "units/y", false, "" },
		{ "units/linked.service", true, "far" },
		/* These lead nowhere: the file system can say so. */
		{ "loop", true, "" },
		{ "loop/x", true, "" },
		{ "dangling", true, "" },
		{ "missing/x/y", true, "" },
		{ NULL, false, NULL },
	};

	(void)state;
	ask_all("1 0 8:1 / / rw - xfs /dev/a rw\n"
		"2 1 0:2 / @/far rw - fuse host: rw\n",
	    asked);
}

/* What is mounted over another hides it and all below it. */
static void
test_stacked(void **state)
{
	static const struct question asked[] = {
		{ "far/x", true, "" },
		{ "units/x", true, "units" },
		{ NULL, false, NULL },
	};
	struct mounts *ms;

	(void)state;
	ask_all("1 0 8:1 / / rw - ext4 /dev/a rw\n"
		"2 1 0:2 / @/far rw - nfs host: rw\n"
		"3 2 0:3 / @/far rw - tmpfs t rw\n"
		"4 1 0:4 / @/units rw - ext4 /dev/b rw\n"
		"5 4 0:5 / @/units rw - cifs //host rw\n",
	    asked);
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

/* A mount that never answers; *fuse is its server's end (owned).  -1: none can be made.
 */
static int
mount_dead(const char *dir, int *fuse)
{
	char options[80];

	*fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (*fuse == -1)
		return -1;
	snprintf(
	    options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", *fuse);
	return mount("dead", dir, "fuse", 0, options);
}

/* One that came a moment ago is seen: nobody touches it. */
static void
test_new_mount(void **state)
{
	char *dir = at("soon"), *file = at("soon/file");
	struct mounts *ms;
	int fuse = -1;

	(void)state;
	make_dir("soon");
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		skip();
	/* (Who touches it waits until he is killed.) */
	alarm(30);
	ms = mounts_new();
	for (int i = 0; i < 20; i++) {
		const char *point;
		bool seen;

		assert_null(mounts_remote(ms, file, true));
		if (mount_dead(dir, &fuse) == -1)
			skip();
		point = mounts_remote(ms, file, true);
		seen = point != NULL && strcmp(point, dir) == 0;
		assert_int_equal(umount2(dir, MNT_DETACH), 0);
		close(fuse);
		assert_true(seen);
	}
	alarm(0);
	mounts_free(ms);
	free(file);
	free(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_local),
		cmocka_unit_test(test_remote),
		cmocka_unit_test(test_root_is_a_folder),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_stacked),
		cmocka_unit_test(test_other),
		cmocka_unit_test(test_new_mount),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
