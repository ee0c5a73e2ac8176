/*
 * The FIFOs of `supctl run --pipe' in a run folder whose owner puts something else in the
 * place of the folder as soon as it is made.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../tools/supctl/run_fifos.h"
#include "lib/rmtree.h"

enum { ANOTHER_UID = 12345 };

enum attack {
	NONE,
	A_LINK,  /* to a folder outside */
	ANOTHER, /* a folder that others may write to */
	SOMEBODY_ELSES,
};

static enum attack attack;
static char base[] = "/tmp/test-fifos.XXXXXX", run[64], outside[64];

/* In the place of the one in libc: who owns the run folder is as quick as can be. */
int
mkdirat(int dirfd, const char *path, mode_t mode)
{
	if (syscall(SYS_mkdirat, dirfd, path, mode) == -1)
		return -1;
	if (attack == NONE)
		return 0;
	assert_int_equal(renameat(dirfd, path, dirfd, "away"), 0);
	switch (attack) {
	case A_LINK:
		return symlinkat(outside, dirfd, path);
	case ANOTHER:
		assert_int_equal(syscall(SYS_mkdirat, dirfd, path, 0700), 0);
		return fchmodat(dirfd, path, 0770, 0);
	default:
		assert_int_equal(syscall(SYS_mkdirat, dirfd, path, 0700), 0);
		return fchownat(dirfd, path, ANOTHER_UID, (gid_t)-1, AT_SYMLINK_NOFOLLOW);
	}
}

static int
set_up(void **state)
{
	(void)state;
	attack = NONE;
	snprintf(base, sizeof(base), "/tmp/test-fifos.XXXXXX");
	assert_non_null(mkdtemp(base));
	snprintf(run, sizeof(run), "%s/run", base);
	snprintf(outside, sizeof(outside), "%s/outside", base);
	assert_int_equal(mkdir(run, 0700), 0);
	assert_int_equal(mkdir(outside, 0700), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(run, ANOTHER_UID, (gid_t)-1), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	attack = NONE;
	assert_int_equal(rm_rf_at(AT_FDCWD, base, 100), 0);
	return 0;
}

static void
refused(enum attack how, int err)
{
	struct fifos f;
	struct stat st;

	attack = how;
	errno = 0;
	assert_int_equal(fifos_make(&f, run), -1);
	assert_int_equal(errno, err);
	assert_int_equal(stat(outside, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_nlink, 2);
	/* No FIFO is in it. */
	assert_int_equal(rmdir(outside), 0);
	assert_int_equal(mkdir(outside, 0700), 0);
}

static void
test_link(void **state)
{
	(void)state;
	refused(A_LINK, ENOTDIR);
}

static void
test_open_to_others(void **state)
{
	(void)state;
	refused(ANOTHER, EPERM);
}

static void
test_somebody_elses(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	refused(SOMEBODY_ELSES, EPERM);
}

/* All of it is the owner's, who has the instance; removed, nothing is left. */
static void
test_given_away(void **state)
{
	uid_t owner = geteuid() == 0 ? ANOTHER_UID : geteuid();
	struct fifos f;
	struct stat st;
	char c = 0;

	(void)state;
	assert_int_equal(fifos_make(&f, run), 0);
	assert_int_equal(fstatat(f.run_fd, f.name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_uid, owner);
	assert_int_equal(st.st_mode & 0777, 0700);
	for (int i = 0; i < N_STREAMS; i++) {
		assert_int_equal(
		    fstatat(f.dir_fd, fifos_names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_true(S_ISFIFO(st.st_mode));
		assert_int_equal(st.st_uid, owner);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_int_equal(write(f.wr[i], "x", 1), 1);
		assert_int_equal(read(f.rd[i], &c, 1), 1);
	}
	fifos_retire(&f, 1);
	assert_int_equal(fstatat(f.dir_fd, "out", &st, 0), 0);
	assert_true(S_ISCHR(st.st_mode));
	fifos_remove(&f);
	fifos_close(&f);
	assert_int_equal(rmdir(run), 0);
	assert_int_equal(mkdir(run, 0700), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_given_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_open_to_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_somebody_elses, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
