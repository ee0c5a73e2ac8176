/*
 * Tests of lib/fdio.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"

static char *dir_path;
static int dir = -1;

static int
set_up(void **state)
{
	const char *base = getenv("TMPDIR");

	(void)state;
	if (asprintf(&dir_path, "%s/test_fdio.XXXXXX", base != NULL ? base : "/tmp") < 0)
		return -1;
	if (mkdtemp(dir_path) == NULL)
		return -1;
	dir = open_dir_at(AT_FDCWD, dir_path);
	return dir == -1 ? -1 : 0;
}

static int
tear_down(void **state)
{
	int r;

	(void)state;
	fd_close(&dir);
	r = rm_rf_at(AT_FDCWD, dir_path, 1000);
	free(dir_path);
	return r;
}

static void
put(const char *path, const char *text)
{
	assert_int_equal(
	    file_write_atomic(dir, path, text, strlen(text), 0640, false), 0);
}

static void
assert_content(const char *path, const char *text)
{
	struct buf b = { 0 };

	assert_int_equal(file_read_at(dir, path, 100000, &b), 0);
	assert_string_equal(buf_str(&b), text);
	buf_free(&b);
}

/* Nothing but these many entries: no temporary file was left. */
static void
assert_entries(const char *path, int want)
{
	char command[512];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "ls -A '%s/%s' | wc -l", dir_path, path);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	pclose(f);
	assert_int_equal(n, want);
}

static void
test_write_and_read(void **state)
{
	struct stat st;
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(mkdirat(dir, "a", 0755), 0);
	put("a/file", "one");
	put("a/file", "two");
	assert_content("a/file", "two");
	assert_int_equal(fstatat(dir, "a/file", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_write_atomic(dir, "a/file", "", 0, 0600, true), 0);
	assert_content("a/file", "");
	assert_entries("a", 1);

	/* Appended to what is there, and that is untouched on failure. */
	put("a/file", "12345");
	buf_adds(&b, "x");
	assert_int_equal(file_read_at(dir, "a/file", 5, &b), 0);
	assert_string_equal(buf_str(&b), "x12345");
	assert_int_equal(file_read_at(dir, "a/file", 4, &b), -1);
	assert_int_equal(errno, EFBIG);
	assert_string_equal(buf_str(&b), "x12345");
	assert_int_equal(file_read_at(dir, "a/none", 4, &b), -1);
	assert_int_equal(errno, ENOENT);
	buf_free(&b);
}

static void
test_read_large_and_proc(void **state)
{
	size_t n = 200000;
	char *text = calloc(n + 1, 1);
	struct buf b = { 0 };

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n);
	put("large", text);
	assert_int_equal(file_read_at(dir, "large", n, &b), 0);
	assert_int_equal(b.len, n);
	buf_clear(&b);
	assert_int_equal(file_read_at(dir, "large", n - 1, &b), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(
	    file_read_follow_at(AT_FDCWD, "/proc/self/status", 100000, &b), 0);
	assert_non_null(strstr(buf_str(&b), "Pid:"));
	buf_free(&b);
	free(text);
}

static void
test_read_never_waits_or_follows(void **state)
{
	struct buf b = { 0 };

	(void)state;
	put("plain", "text");
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(file_read_at(dir, "fifo", 10, &b), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(file_read_at(dir, ".", 10, &b), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(file_read_follow_at(AT_FDCWD, "/dev/zero", 10, &b), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(symlinkat("plain", dir, "link"), 0);
	assert_int_equal(file_read_at(dir, "link", 10, &b), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(file_read_follow_at(dir, "link", 10, &b), 0);
	assert_string_equal(buf_str(&b), "text");
	buf_free(&b);
}

/* A link in the place of the file is replaced, and what it points at is not touched. */
static void
test_write_does_not_follow_a_link(void **state)
{
	struct stat st;

	(void)state;
	put("victim", "precious");
	assert_int_equal(symlinkat("victim", dir, "trap"), 0);
	put("trap", "new");
	assert_content("victim", "precious");
	assert_int_equal(fstatat(dir, "trap", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	/* The folder may be a link: run/ is one. */
	assert_int_equal(mkdirat(dir, "real", 0755), 0);
	assert_int_equal(symlinkat("real", dir, "run"), 0);
	put("run/status", "up");
	assert_content("real/status", "up");
}

static void
test_write_failure_keeps_the_old_file(void **state)
{
	struct rlimit old, tight = { .rlim_cur = 1000, .rlim_max = 1000 };
	char *text = calloc(1, 5000);
	int r, e;

	(void)state;
	assert_non_null(text);
	assert_int_equal(mkdirat(dir, "full", 0755), 0);
	put("full/state", "old");
	/* A limit on the size of files fails in the middle of the write, as a full disk.
	 */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	r = file_write_atomic(dir, "full/state", text, 5000, 0600, true);
	e = errno;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(r, -1);
	assert_int_equal(e, EFBIG);
	assert_content("full/state", "old");
	assert_entries("full", 1);
	free(text);

	/* A folder in the way: the rename fails. */
	assert_int_equal(mkdirat(dir, "full/dir", 0755), 0);
	assert_int_equal(file_write_atomic(dir, "full/dir", "x", 1, 0600, false), -1);
	assert_int_equal(errno, EISDIR);
	assert_entries("full", 2);
	assert_int_equal(file_write_atomic(dir, "none/x", "x", 1, 0600, false), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(file_write_atomic(dir, "full/", "x", 1, 0600, false), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(file_write_atomic(dir, "full/..", "x", 1, 0600, false), -1);
	assert_int_equal(errno, EINVAL);
}

static void
test_write_beside_leftovers_and_long_names(void **state)
{
	char path[300], name[256];

	(void)state;
	assert_int_equal(mkdirat(dir, "left", 0755), 0);
	/* What a killed process of the same pid left behind is not in the way. */
	snprintf(path, sizeof(path), "left/.state.%ld-0.tmp", (long)getpid());
	assert_true(file_is_temp(path + 5));
	put("left/other", "precious");
	assert_int_equal(symlinkat("other", dir, path), 0);
	put("left/state", "new");
	assert_content("left/state", "new");
	assert_content("left/other", "precious");
	assert_int_equal(symlink_atomic(dir, "state", "left/link"), 0);
	assert_false(file_is_temp("state"));
	assert_false(file_is_temp(".tmp"));
	assert_false(file_is_temp("x.tmp"));

	memset(name, 'n', 255);
	name[255] = '\0';
	put(name, "long");
	assert_content(name, "long");
	assert_int_equal(unlinkat(dir, name, 0), 0);
}

static void
test_symlink(void **state)
{
	char target[64] = { 0 };

	(void)state;
	assert_int_equal(mkdirat(dir, "links", 0755), 0);
	assert_int_equal(symlink_atomic(dir, "one", "links/l"), 0);
	assert_int_equal(symlink_atomic(dir, "two", "links/l"), 0);
	assert_int_equal(symlink_atomic(dir, "two", "links/l"), 0);
	assert_int_equal(readlinkat(dir, "links/l", target, sizeof(target)), 3);
	assert_memory_equal(target, "two", 3);
	put("links/file", "mine");
	assert_int_equal(symlink_atomic(dir, "one", "links/file"), -1);
	assert_int_equal(errno, EEXIST);
	assert_content("links/file", "mine");
	assert_int_equal(mkdirat(dir, "links/dir", 0755), 0);
	assert_int_equal(symlink_atomic(dir, "one", "links/dir"), -1);
	assert_int_equal(errno, EEXIST);
	assert_entries("links", 3);
	assert_int_equal(sync_parent_at(dir, "links/l"), 0);
}

static void
test_mkdir(void **state)
{
	char path[600];
	struct stat st;
	int fd;

	(void)state;
	umask(022);
	assert_int_equal(mkdir_p_at(dir, "m/20261121/health", 0750), 0);
	assert_int_equal(mkdir_p_at(dir, "m//20261121/./health/", 0750), 0);
	assert_int_equal(fstatat(dir, "m/20261121", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	put("m/file", "x");
	assert_int_equal(mkdir_p_at(dir, "m/file/x", 0750), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(symlinkat("20261121", dir, "m/link"), 0);
	assert_int_equal(mkdir_p_at(dir, "m/link/x", 0750), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(mkdir_p_at(dir, "m/link", 0750), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(mkdir_p_at(dir, "m/../x", 0750), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mkdir_p_at(dir, "", 0750), -1);
	assert_int_equal(errno, ENOENT);
	snprintf(path, sizeof(path), "%s/m/abs", dir_path);
	fd = mkdir_open_at(-1, path, 0755);
	assert_true(fd >= 0);
	assert_int_equal(mkdirat(fd, "below", 0755), 0);
	fd_close(&fd);
	assert_int_equal(fd, -1);
	assert_int_equal(fstatat(dir, "m/abs/below", &st, 0), 0);
}

static void
test_rm_rf(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(mkdir_p_at(dir, "keep", 0755), 0);
	put("keep/file", "precious");
	assert_int_equal(mkdir_p_at(dir, "rm/a/b/c", 0755), 0);
	put("rm/a/file", "x");
	put("rm/a/b/file", "x");
	assert_int_equal(symlinkat("../../keep", dir, "rm/a/link"), 0);
	assert_int_equal(rm_rf_at(dir, "rm", 3), -1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(rm_rf_at(dir, "rm", 100), 0);
	assert_int_equal(fstatat(dir, "rm", &st, 0), -1);
	assert_content("keep/file", "precious");
	assert_int_equal(rm_rf_at(dir, "rm", 100), 0);
	assert_int_equal(rm_rf_at(dir, "none/rm", 100), 0);
	/* A link itself, not what it names. */
	assert_int_equal(symlinkat("keep", dir, "rm"), 0);
	assert_int_equal(rm_rf_at(dir, "rm", 1), 0);
	assert_content("keep/file", "precious");
	assert_int_equal(rm_rf_at(dir, "keep/..", 100), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(rm_rf_at(dir, "../keep", 100), -1);
	assert_int_equal(errno, EINVAL);
	/* A link on the way: whose folder it is in may have put it there. */
	assert_int_equal(symlinkat("keep", dir, "way"), 0);
	assert_int_equal(rm_rf_at(dir, "way/file", 100), -1);
	assert_int_equal(errno, ENOTDIR);
	assert_content("keep/file", "precious");
	assert_int_equal(rm_rf_at(dir, "keep//file", 100), 0);
	assert_int_equal(fstatat(dir, "keep/file", &st, 0), -1);
}

/* Deeper than a path can say, and twice beside each other. */
static void
test_rm_rf_of_what_is_deep(void **state)
{
	enum { DEEP = 3000 };
	struct stat st;

	(void)state;
	assert_int_equal(mkdir_p_at(dir, "deep/a", 0755), 0);
	assert_int_equal(mkdir_p_at(dir, "deep/.deep-0/b", 0755), 0);
	for (int i = 0; i < 2; i++) {
		int fd = mkdir_open_at(dir, i == 0 ? "deep/a" : "deep/.deep-0/b", 0755);

		for (int k = 0; k < DEEP; k++) {
			int below;

			assert_int_equal(mkdirat(fd, "d", 0755), 0);
			below = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			assert_true(below != -1);
			fd_close(&fd);
			fd = below;
		}
		fd_close(&fd);
	}
	assert_int_equal(rm_rf_at(dir, "deep", DEEP), -1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(rm_rf_at(dir, "deep", 10 * DEEP), 0);
	assert_int_equal(fstatat(dir, "deep", &st, 0), -1);
}

static void
test_full_io_over_a_pipe(void **state)
{
	enum { N = 1000000 };
	char *text = malloc(N), *back = malloc(N + 1);
	int p[2], status;
	pid_t pid;

	(void)state;
	assert_non_null(text);
	assert_non_null(back);
	for (int i = 0; i < N; i++)
		text[i] = (char)(i * 7);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(p[0]);
		_exit(full_write(p[1], text, N) == 0 ? 0 : 1);
	}
	fd_close(&p[1]);
	assert_int_equal(full_read(p[0], back, N + 1), N);
	assert_memory_equal(text, back, N);
	fd_close(&p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	free(text);
	free(back);
}

static void
test_flags(void **state)
{
	int p[2], pidfd;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fd_set_nonblock(p[0], true), 0);
	assert_true(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_nonblock(p[0], false), 0);
	assert_false(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_cloexec(p[0], false), 0);
	assert_false(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fd_set_cloexec(p[0], true), 0);
	assert_true(fcntl(p[0], F_GETFD) & FD_CLOEXEC);
	fd_close(&p[0]);
	fd_close(&p[1]);
	assert_int_equal(fd_set_cloexec(-1, true), -1);
	pidfd = pidfd_open_(getpid());
	if (pidfd == -1 && errno == ENOSYS)
		return;
	assert_true(pidfd >= 0);
	assert_true(fcntl(pidfd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(pidfd_send_signal_(pidfd, 0), 0);
	fd_close(&pidfd);
}

static void
test_sole(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	put("sole", "text");
	fd = open_sole_at(dir, "sole", O_RDONLY, 0, &st);
	assert_true(fd >= 0);
	assert_int_equal(st.st_size, 4);
	fd_close(&fd);
	assert_true(path_is_at(dir, "sole", st.st_dev, st.st_ino));
	assert_false(path_is_at(dir, "sole", st.st_dev, st.st_ino + 1));
	assert_int_equal(symlinkat("sole", dir, "sole.link"), 0);
	assert_false(path_is_at(dir, "sole.link", st.st_dev, st.st_ino));
	assert_int_equal(open_sole_at(dir, "sole.link", O_RDONLY, 0, &st), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(linkat(dir, "sole", dir, "second", 0), 0);
	assert_int_equal(open_sole_at(dir, "second", O_RDONLY, 0, &st), -1);
	assert_int_equal(errno, EMLINK);
	assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
	assert_int_equal(open_sole_at(dir, "pipe", O_RDONLY, 0, &st), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(open_sole_at(dir, "none", O_RDONLY, 0, &st), -1);
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_and_read),
		cmocka_unit_test(test_read_large_and_proc),
		cmocka_unit_test(test_read_never_waits_or_follows),
		cmocka_unit_test(test_write_does_not_follow_a_link),
		cmocka_unit_test(test_write_failure_keeps_the_old_file),
		cmocka_unit_test(test_write_beside_leftovers_and_long_names),
		cmocka_unit_test(test_symlink),
		cmocka_unit_test(test_mkdir),
		cmocka_unit_test(test_rm_rf),
		cmocka_unit_test(test_rm_rf_of_what_is_deep),
		cmocka_unit_test(test_full_io_over_a_pipe),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_sole),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
