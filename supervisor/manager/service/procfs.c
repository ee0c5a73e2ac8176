#include "manager/service/procfs.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/utf8.h"

enum {
	STAT_MAX = 4096,
	ANCESTORS_MAX = 64, /* levels of parents that are followed */
	PIDFILE_MAX = 64,   /* bytes of it that are read */
	PATH_PARTS_MAX = 64,
	CGROUP_DEPTH_MAX = 16,
	KERNEL_THREAD = 0x200000, /* PF_KTHREAD of the kernel's flags */
	EXITING = 0x4,            /* PF_EXITING: it has left its cgroup, or is about to */
};

static bool
parse_u64(const char **p, uint64_t *v)
{
	char *end;

	while (**p == ' ')
		(*p)++;
	if ((**p < '0' || **p > '9') && **p != '-')
		return false;
	errno = 0;
	*v = strtoull(*p, &end, 10);
	*p = end;
	return errno == 0;
}

int
procfs_stat(int32_t pid, struct procfs_stat *st)
{
	struct buf b = { 0 };
	char path[64];
	const char *open, *close, *p;
	uint64_t v = 0;
	int rc = -1;

	snprintf(path, sizeof(path), "/proc/%" PRId32 "/stat", pid);
	if (pid <= 0 || file_read_at(AT_FDCWD, path, STAT_MAX, &b) == -1) {
		if (errno == ENOENT || pid <= 0)
			errno = ESRCH;
		buf_free(&b);
		return -1;
	}
	/* The name may hold anything, also ") R 1": it ends with the last bracket. */
	open = strchr(buf_str(&b), '(');
	close = strrchr(buf_str(&b), ')');
	if (open == NULL || close == NULL || close < open || close[1] != ' ')
		goto out;
	memset(st, 0, sizeof(*st));
	utf8_escape(st->comm, sizeof(st->comm), open + 1, (size_t)(close - open - 1));
	p = close + 2;
	st->state = *p++;
	for (int field = 4; field <= 22; field++) {
		if (!parse_u64(&p, &v))
			goto out;
		if (field == 4)
			st->ppid = (int32_t)v;
		else if (field == 5)
			st->pgrp = (int32_t)v;
		else if (field == 6)
			st->session = (int32_t)v;
		else if (field == 9) {
			st->kernel = (v & KERNEL_THREAD) != 0;
			st->exiting = (v & EXITING) != 0;
		} else if (field == 22)
			st->start_ticks = v;
	}
	rc = 0;
out:
	if (rc == -1)
		errno = ESRCH;
	buf_free(&b);
	return rc;
}

/* ---- cgroups ----------------------------------------------------------------- */

static size_t
read_pids(int fd, int32_t *pids, size_t n, size_t max)
{
	struct buf b = { 0 };
	const char *p;
	uint64_t v;

	if (file_read_at(fd, "cgroup.procs", 1 << 20, &b) == 0) {
		for (p = buf_str(&b); *p != '\0'; p++) {
			if (!parse_u64(&p, &v))
				break;
			/* 0: in a pid namespace that we do not see. */
			if (v > 0 && v <= INT32_MAX) {
				if (n < max)
					pids[n] = (int32_t)v;
				n++;
			}
			if (*p != '\n')
				break;
		}
	}
	buf_free(&b);
	return n;
}

static size_t
walk_cgroup(int fd, int32_t *pids, size_t n, size_t max, unsigned depth)
{
	struct dirent *de;
	DIR *dir;
	int sub;

	n = read_pids(fd, pids, n, max);
	if (depth == 0 || (sub = open_dir_at(fd, ".")) == -1)
		return n;
	dir = fdopendir(sub);
	if (dir == NULL) {
		close(sub);
		return n;
	}
	while ((de = readdir(dir)) != NULL) {
		if (de->d_type != DT_DIR || de->d_name[0] == '.')
			continue;
		sub = open_dir_at(fd, de->d_name);
		if (sub == -1)
			continue;
		n = walk_cgroup(sub, pids, n, max, depth - 1);
		close(sub);
	}
	closedir(dir);
	return n;
}

size_t
procfs_cgroup_pids(int cgroup_fd, int32_t *pids, size_t max)
{
	return walk_cgroup(cgroup_fd, pids, 0, max, CGROUP_DEPTH_MAX);
}

static bool
in_cgroup(int32_t pid, int cgroup_fd)
{
	enum { MAX = 4096 };
	int32_t *pids = calloc(MAX, sizeof(*pids));
	size_t n;
	bool yes = false;

	if (pids == NULL)
		abort();
	n = procfs_cgroup_pids(cgroup_fd, pids, MAX);
	for (size_t i = 0; i < n && i < MAX && !yes; i++)
		yes = pids[i] == pid;
	free(pids);
	return yes;
}

static bool
is_ending(const struct procfs_stat *st)
{
	return st->exiting || st->state == 'Z' || st->state == 'X';
}

/* Whoever ends leaves his cgroup before he is dead: not being listed says something of
 * those only who are alive behind that, too. */
static enum svc_pid
owner_by_cgroup(int32_t pid, int cgroup_fd, uint64_t start_ticks)
{
	struct procfs_stat st;

	if (in_cgroup(pid, cgroup_fd))
		return SVC_PID_OURS;
	if (procfs_stat(pid, &st) == -1 || is_ending(&st) ||
	    st.start_ticks != start_ticks)
		return SVC_PID_GONE;
	return SVC_PID_FOREIGN;
}

enum svc_pid
procfs_owner(int32_t pid, int cgroup_fd, int32_t init_pid, const int32_t *roots,
    size_t nroots, uint64_t *start_ticks)
{
	struct procfs_stat st;
	int32_t at = pid;

	if (pid == 1 || pid == init_pid || pid == getpid())
		return SVC_PID_SUPD;
	if (procfs_stat(pid, &st) == -1 || is_ending(&st))
		return SVC_PID_GONE;
	/* No signal ends it: who has it as main process never stops. */
	if (st.kernel)
		return SVC_PID_SUPD;
	*start_ticks = st.start_ticks;
	if (cgroup_fd != -1)
		return owner_by_cgroup(pid, cgroup_fd, st.start_ticks);
	/* Best effort: below one of the processes that we know of, in its session, or
	 * handed to init as an orphan of that session. */
	for (size_t i = 0; i < nroots; i++)
		if (roots[i] > 0 && st.session == roots[i])
			return SVC_PID_OURS;
	for (unsigned level = 0; level < ANCESTORS_MAX && at > 1; level++) {
		for (size_t i = 0; i < nroots; i++)
			if (roots[i] > 0 && at == roots[i])
				return SVC_PID_OURS;
		if (procfs_stat(at, &st) == -1)
			break;
		at = st.ppid;
	}
	return SVC_PID_FOREIGN;
}

/* ---- PIDFile= ---------------------------------------------------------------- */

static bool
is_ours(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/*
 * Walks the path by hand: a folder in which others may replace names, or a link that
 * somebody else made, makes the answer untrusted.
 */
static int
open_walk(const char *path, bool *trusted)
{
	char *copy = strdup(path), *save = NULL, *part, *next;
	int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	struct stat st;

	*trusted = true;
	if (copy == NULL)
		abort();
	part = strtok_r(copy, "/", &save);
	while (part != NULL && dir != -1) {
		next = strtok_r(NULL, "/", &save);
		if (fstat(dir, &st) == -1)
			break;
		if (!is_ours(st.st_uid) ||
		    ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0))
			*trusted = false;
		if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) == -1)
			break;
		if (S_ISLNK(st.st_mode) && !is_ours(st.st_uid)) {
			errno = ELOOP;
			break;
		}
		if (S_ISLNK(st.st_mode))
			*trusted = false; /* what it leads to was not walked */
		if (next == NULL) {
			fd = openat(
			    dir, part, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
			break;
		}
		fd = openat(dir, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd == -1)
			break;
		close(dir);
		dir = fd;
		fd = -1;
		part = next;
	}
	if (dir != -1) {
		int err = errno;

		close(dir);
		errno = err;
	}
	free(copy);
	return fd;
}

enum svc_pidfile
procfs_pidfile(const char *path, int32_t *pid, bool *trusted, char *why, size_t size)
{
	char text[PIDFILE_MAX + 1];
	struct stat st;
	uint64_t v;
	const char *p;
	ssize_t n;
	int fd;

	fd = open_walk(path, trusted);
	if (fd == -1) {
		if (errno == ENOENT)
			return SVC_PIDFILE_MISSING;
		snprintf(why, size, "%s",
		    errno == ELOOP ? "a link that another user made is in its path"
				   : strerror(errno));
		return SVC_PIDFILE_BAD;
	}
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		snprintf(why, size, "it is not a file");
		return SVC_PIDFILE_BAD;
	}
	if (st.st_uid != 0 || (st.st_mode & 022) != 0)
		*trusted = false;
	n = full_read(fd, text, PIDFILE_MAX);
	close(fd);
	if (n == -1) {
		snprintf(why, size, "%s", strerror(errno));
		return SVC_PIDFILE_BAD;
	}
	text[n] = '\0';
	p = text + strspn(text, " \t\n");
	if (*p == '\0')
		return SVC_PIDFILE_MISSING;
	if (*p < '0' || *p > '9' || !parse_u64(&p, &v) || v == 0 || v > INT32_MAX ||
	    p[strspn(p, " \t\r\n")] != '\0') {
		snprintf(why, size, "there is no process number in it");
		return SVC_PIDFILE_BAD;
	}
	*pid = (int32_t)v;
	return SVC_PIDFILE_OK;
}

void
procfs_describe(int32_t pid, struct buf *out)
{
	struct procfs_stat st;
	struct buf b = { 0 };
	char path[64], wchan[64] = "";

	if (procfs_stat(pid, &st) == -1)
		return;
	snprintf(path, sizeof(path), "/proc/%" PRId32 "/wchan", pid);
	if (file_read_at(AT_FDCWD, path, sizeof(wchan), &b) == 0 && b.len > 0)
		utf8_escape(wchan, sizeof(wchan), b.data, b.len);
	buf_free(&b);
	buf_addf(out, "%" PRId32 " (%s) state %c", pid, st.comm, st.state);
	if (wchan[0] != '\0' && strcmp(wchan, "0") != 0)
		buf_addf(out, " wchan=%s", wchan);
}
