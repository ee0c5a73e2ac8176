#include "boot/cgroup.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/instance.h"

enum { PROC_FILE_MAX = 4 << 20 };

/* Octal escapes of mountinfo: \040 is a space. */
static char *
unescape_mount(const char *s)
{
	char *out = xstrdup(s), *d = out;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*d++ =
			    (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*d++ = *s++;
		}
	}
	*d = '\0';
	return out;
}

/* Where the version 2 hierarchy is mounted, and which part of it (field 4). */
static int
find_mount(char **mount, char **part)
{
	struct strv lines = { 0 };
	struct buf b = { 0 };
	int r = -1;

	if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, &b) == -1)
		goto out;
	strv_split(&lines, buf_str(&b), "\n");
	for (size_t i = 0; r == -1 && i < lines.n; i++) {
		struct strv f = { 0 };
		size_t dash = 6;

		strv_split(&f, lines.v[i], " ");
		while (dash < f.n && strcmp(f.v[dash], "-") != 0)
			dash++;
		if (dash + 1 < f.n && strcmp(f.v[dash + 1], "cgroup2") == 0) {
			*part = unescape_mount(f.v[3]);
			*mount = unescape_mount(f.v[4]);
			r = 0;
		}
		strv_free(&f);
	}
	if (r == -1)
		errno = ENOENT;
out:
	buf_free(&b);
	strv_free(&lines);
	return r;
}

/* The path of our cgroup in the version 2 hierarchy: the line "0::PATH". */
static char *
find_own(void)
{
	struct strv lines = { 0 };
	struct buf b = { 0 };
	char *own = NULL;

	if (file_read_at(AT_FDCWD, "/proc/self/cgroup", PROC_FILE_MAX, &b) == 0)
		strv_split(&lines, buf_str(&b), "\n");
	for (size_t i = 0; own == NULL && i < lines.n; i++) {
		if (strncmp(lines.v[i], "0::/", 4) == 0)
			own = xstrdup(lines.v[i] + 3);
	}
	buf_free(&b);
	strv_free(&lines);
	return own;
}

static bool
is_populated(int fd)
{
	struct buf b = { 0 };
	bool yes = false;

	if (file_read_at(fd, "cgroup.events", 4096, &b) == 0)
		yes = strstr(buf_str(&b), "populated 1") != NULL;
	buf_free(&b);
	return yes;
}

static void
join_and_exit(int probe_fd)
{
	int fd = openat(probe_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, "0", 1) != 1)
		_exit(1);
	_exit(0);
}

/* Making a folder proves little: only a process that came into one of ours does. */
static int
probe(int fd, bool inside)
{
	struct clone_args a = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	int probe_fd, status = 1, err;
	pid_t pid;

	if (mkdirat(fd, "probe", 0755) == -1 && errno != EEXIST)
		return -1;
	probe_fd = open_dir_at(fd, "probe");
	if (probe_fd == -1)
		return -1;
	a.cgroup = (uint32_t)probe_fd;
	pid = inside ? (pid_t)syscall(SYS_clone3, &a, sizeof(a)) : fork();
	if (pid == 0 && inside)
		_exit(0);
	if (pid == 0)
		join_and_exit(probe_fd);
	err = errno;
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	close(probe_fd);
	(void)unlinkat(fd, "probe", AT_REMOVEDIR);
	if (pid == -1) {
		errno = err;
		return -1;
	}
	if (status != 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/* MOUNT + (own cgroup below what is mounted) + /supd-HASH */
static char *
own_folder(const char *root)
{
	char *mount = NULL, *part = NULL, *own = NULL, *path = NULL;
	const char *below;

	if (find_mount(&mount, &part) == -1)
		goto out;
	own = find_own();
	if (own == NULL) {
		errno = ENOENT;
		goto out;
	}
	below = own;
	if (strcmp(part, "/") != 0 && strncmp(own, part, strlen(part)) == 0)
		below = own + strlen(part);
	if (strcmp(below, "/") == 0)
		below = "";
	path = xasprintf(
	    "%s%s/supd-%016llx", mount, below, (unsigned long long)instance_hash(root));
out:
	free(mount);
	free(part);
	free(own);
	return path;
}

int
cgroup_open(
    const char *root, const char *known, char **path, bool *fork_inside, char **why)
{
	char *dir;
	int fd;

	if (known != NULL && *known != '\0') {
		fd = open_dir_at(AT_FDCWD, known);
		if (fd != -1 && is_populated(fd)) {
			*path = xstrdup(known);
			*fork_inside = probe(fd, true) == 0;
			return fd;
		}
		fd_close(&fd);
	}
	dir = own_folder(root);
	if (dir == NULL) {
		*why = xasprintf("no cgroup version 2 hierarchy (%s)", strerror(errno));
		return -1;
	}
	if (mkdir(dir, 0755) == -1 && errno != EEXIST) {
		*why = xasprintf("%s: %s", dir, strerror(errno));
		free(dir);
		return -1;
	}
	fd = open_dir_at(AT_FDCWD, dir);
	*fork_inside = fd != -1 && probe(fd, true) == 0;
	if (fd == -1 || (!*fork_inside && probe(fd, false) == -1)) {
		*why = xasprintf("%s: %s", dir, strerror(errno));
		fd_close(&fd);
		(void)rmdir(dir);
		free(dir);
		return -1;
	}
	*path = dir;
	return fd;
}
