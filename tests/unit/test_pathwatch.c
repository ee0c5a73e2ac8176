/*
 * pathwatch: a mask that is left over is trimmed once, also behind links; events that
 * concern nobody cost no call then.
 */
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/watch/pathwatch.h"
#include "manager/watch/reach.h"

/* Of the kernel's watches, since they were counted last. */
static unsigned adds, removes;

int
inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	adds++;
	return (int)syscall(SYS_inotify_add_watch, fd, path, mask);
}

int
inotify_rm_watch(int fd, int wd)
{
	removes++;
	return (int)syscall(SYS_inotify_rm_watch, fd, wd);
}

struct fixture {
	struct manager m;
	char dir[64];
	struct watcher one, two;
	unsigned told_one, told_two;
};

static void
tell_one(void *arg)
{
	((struct fixture *)arg)->told_one++;
}

static void
tell_two(void *arg)
{
	((struct fixture *)arg)->told_two++;
}

static struct fixture *kept[16];
static size_t n_kept;

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/pathwatch.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->m.loop = loop_new();
	f->m.reach = reach_new(&f->m);
	/* What a manager has for its life has no end. */
	assert_true(n_kept < sizeof(kept) / sizeof(kept[0]));
	kept[n_kept++] = f;
	f->one = (struct watcher){ .hit = -1, .fn = tell_one, .arg = f };
	f->two = (struct watcher){ .hit = -1, .fn = tell_two, .arg = f };
	*state = f;
	return 0;
}

static char *
at(const struct fixture *f, const char *name)
{
	static char path[2][128];
	static unsigned i;

	i = !i;
	snprintf(path[i], sizeof(path[i]), "%s/%s", f->dir, name);
	return path[i];
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	watcher_end(&f->m, &f->one);
	watcher_end(&f->m, &f->two);
	(void)unlink(at(f, "link"));
	(void)unlink(at(f, "folder/x"));
	(void)unlink(at(f, "folder/wanted"));
	(void)rmdir(at(f, "folder"));
	(void)rmdir(at(f, "other"));
	assert_int_equal(rmdir(f->dir), 0);
	return 0;
}

/* Written, closed, and taken away: events for whoever has asked for them. */
static void
touch(struct fixture *f, const char *name)
{
	int fd = open(at(f, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(unlink(at(f, name)), 0);
}

/* Until the one that waits for "wanted" was told of it: all before was, too. */
static void
run(struct fixture *f)
{
	uint64_t until = clock_add_us(clock_mono_us(), 20 * USEC_PER_SEC);
	unsigned before = f->told_one;

	touch(f, "folder/wanted");
	while (f->told_one == before && clock_mono_us() < until)
		loop_run_once(f->m.loop);
	assert_true(f->told_one > before);
}

#define COMES (IN_CREATE | IN_ONLYDIR)

static void
watch_both(struct fixture *f, const char *path)
{
	assert_int_equal(watcher_begin(&f->m, &f->one), 0);
	assert_int_equal(
	    watcher_add(&f->m, &f->one, path, COMES, WAY_NAME, "wanted", 0), 0);
	assert_int_equal(watcher_begin(&f->m, &f->two), 0);
	assert_int_equal(
	    watcher_add(&f->m, &f->two, path,
		COMES | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE, WAY_WILD, "*", 0),
	    0);
}

/* What the second asked for is left over when he goes: one call takes it back. */
static void
is_trimmed_once(struct fixture *f, const char *path)
{
	watch_both(f, path);
	run(f);
	assert_true(f->told_two > 0);
	watcher_end(&f->m, &f->two);
	adds = removes = 0;
	for (int i = 0; i < 20; i++) {
		touch(f, "folder/x");
		run(f);
	}
	assert_int_equal(adds, 1);
	assert_int_equal(removes, 0);
}

static void
test_trim(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(at(f, "folder"), 0700), 0);
	is_trimmed_once(f, at(f, "folder"));
	/* Nobody has gone: there is nothing to take back, whatever happens. */
	watch_both(f, at(f, "folder"));
	adds = 0;
	for (int i = 0; i < 20; i++) {
		touch(f, "folder/x");
		run(f);
	}
	assert_int_equal(adds, 0);
}

static void
test_behind_link(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(at(f, "folder"), 0700), 0);
	assert_int_equal(symlink("folder", at(f, "link")), 0);
	is_trimmed_once(f, at(f, "link"));
}

/* The link leads elsewhere by now: the folder cannot be named, and that is tried once. */
static void
test_link_leads_elsewhere(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(at(f, "folder"), 0700), 0);
	assert_int_equal(mkdir(at(f, "other"), 0700), 0);
	assert_int_equal(symlink("folder", at(f, "link")), 0);
	watch_both(f, at(f, "link"));
	watcher_end(&f->m, &f->two);
	assert_int_equal(unlink(at(f, "link")), 0);
	assert_int_equal(symlink("other", at(f, "link")), 0);
	adds = removes = 0;
	for (int i = 0; i < 20; i++) {
		touch(f, "folder/x");
		run(f);
	}
	assert_int_equal(adds, 1);
	assert_int_equal(removes, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_behind_link, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_link_leads_elsewhere, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
