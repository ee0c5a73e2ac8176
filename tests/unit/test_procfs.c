/*
 * Tests of manager/service/procfs: processes as they are, pid files as they should not
 * be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "manager/service/procfs.h"

static char dir[64];

static pid_t
child(const char *name)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
test_stat(void **state)
{
	struct procfs_stat st;
	struct buf b = { 0 };
	pid_t pid = child("a) R (b");

	(void)state;
	assert_int_equal(procfs_stat(pid, &st), 0);
	assert_int_equal(st.ppid, getpid());
	assert_string_equal(st.comm, "a) R (b");
	assert_true(st.start_ticks > 0);
	procfs_describe(pid, &b);
	assert_non_null(strstr(buf_str(&b), "(a) R (b) state"));
	buf_free(&b);
	end(pid);
	assert_int_equal(procfs_stat(pid, &st), -1);
	assert_int_equal(procfs_stat(0, &st), -1);
	assert_int_equal(procfs_stat(-5, &st), -1);
}

static void
test_owner(void **state)
{
	pid_t pid = child("owned");
	int32_t roots[1] = { pid };
	uint64_t ticks = 0;

	(void)state;
	assert_int_equal(procfs_owner(pid, -1, 99, roots, 1, &ticks), SVC_PID_OURS);
	assert_true(ticks > 0);
	roots[0] = 999999;
	assert_int_equal(procfs_owner(pid, -1, 99, roots, 1, &ticks), SVC_PID_FOREIGN);
	assert_int_equal(procfs_owner(1, -1, 99, roots, 1, &ticks), SVC_PID_SUPD);
	assert_int_equal(procfs_owner(getpid(), -1, 99, roots, 1, &ticks), SVC_PID_SUPD);
	kill(pid, SIGKILL);
	/* A zombie is gone already. */
	siginfo_t si;
	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	assert_int_equal(procfs_owner(pid, -1, 99, roots, 1, &ticks), SVC_PID_GONE);
	waitpid(pid, NULL, 0);
}

static enum svc_pidfile
ask(const char *name, const char *text, int32_t *pid, bool *trusted)
{
	char path[128], why[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (text != NULL) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		assert_true(fd != -1);
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
		close(fd);
	}
	return procfs_pidfile(path, pid, trusted, why, sizeof(why));
}

static void
test_pidfile(void **state)
{
	char path[128], to[128];
	bool trusted;
	int32_t pid;

	(void)state;
	assert_int_equal(ask("none", NULL, &pid, &trusted), SVC_PIDFILE_MISSING);
	assert_int_equal(ask("a", "", &pid, &trusted), SVC_PIDFILE_MISSING);
	assert_int_equal(ask("a", "4711\n", &pid, &trusted), SVC_PIDFILE_OK);
	assert_int_equal(pid, 4711);
	assert_int_equal(trusted, geteuid() == 0);
	assert_int_equal(ask("a", " 12 \r\n", &pid, &trusted), SVC_PIDFILE_OK);
	assert_int_equal(ask("a", "0\n", &pid, &trusted), SVC_PIDFILE_BAD);
	assert_int_equal(ask("a", "-1\n", &pid, &trusted), SVC_PIDFILE_BAD);
	assert_int_equal(ask("a", "12x\n", &pid, &trusted), SVC_PIDFILE_BAD);
	assert_int_equal(
	    ask("a", "99999999999999999999", &pid, &trusted), SVC_PIDFILE_BAD);
	/* Who may write it may name anybody: only root's own word counts. */
	assert_int_equal(ask("a", "4711\n", &pid, &trusted), SVC_PIDFILE_OK);
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(ask("a", NULL, &pid, &trusted), SVC_PIDFILE_OK);
	assert_false(trusted);
	/* A link: read, but not trusted. */
	snprintf(to, sizeof(to), "%s/link", dir);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(symlink(path, to), 0);
	assert_int_equal(ask("link", NULL, &pid, &trusted), SVC_PIDFILE_OK);
	assert_false(trusted);
	if (geteuid() == 0) {
		/* One that somebody else made is not followed at all. */
		assert_int_equal(lchown(to, 12345, 12345), 0);
		assert_int_equal(ask("link", NULL, &pid, &trusted), SVC_PIDFILE_BAD);
	}
	/* A FIFO is not waited for. */
	snprintf(to, sizeof(to), "%s/fifo", dir);
	assert_int_equal(mkfifo(to, 0600), 0);
	assert_int_equal(ask("fifo", NULL, &pid, &trusted), SVC_PIDFILE_BAD);
}

/* A folder of processes of the kernel's own; -1: there is none that we may make. */
static int
make_cgroup(char *path, size_t size)
{
	static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char procs[128];

	for (size_t i = 0; i < 2; i++) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", roots[i]);
		snprintf(path, size, "%s/test_procfs.%d", roots[i], (int)getpid());
		if (access(procs, F_OK) == 0 && mkdir(path, 0755) == 0)
			return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return -1;
}

/* Whoever ends leaves his cgroup before he is seen to be dead: he is gone then, and no
 * stranger. */
static void
test_owner_that_ends(void **state)
{
	enum { ROUNDS = 2000 };
	char path[96];
	int fd = make_cgroup(path, sizeof(path)), strangers = 0, ours = 0, at[2];
	enum svc_pid r;
	uint64_t ticks;
	pid_t pid;
	char c = 0;

	(void)state;
	if (fd == -1) {
		print_message("no cgroup v2 can be made here: skipped\n");
		skip();
	}
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(pipe(at), 0);
		pid = fork();
		if (pid == 0) {
			int procs = openat(fd, "cgroup.procs", O_WRONLY);

			if (procs == -1 || write(procs, "0", 1) != 1 ||
			    write(at[1], &c, 1) != 1)
				_exit(1);
			_exit(0);
		}
		assert_true(pid > 0);
		assert_int_equal(read(at[0], &c, 1), 1);
		do {
			r = procfs_owner(pid, fd, 1, NULL, 0, &ticks);
			strangers += r == SVC_PID_FOREIGN;
			ours += r == SVC_PID_OURS;
		} while (r == SVC_PID_OURS);
		waitpid(pid, NULL, 0);
		close(at[0]);
		close(at[1]);
	}
	close(fd);
	rmdir(path);
	assert_int_equal(strangers, 0);
	assert_true(ours > 0);
}

static int
setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_procfs.XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	static const char *const names[] = { "a", "link", "fifo" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_owner_that_ends),
		cmocka_unit_test(test_pidfile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
