/*
 * fdio: see the header.
 */
#include "lib/fdio.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	READ_PIECE = 16 * 1024,
	TEMP_TRIES = 128,
};

int
full_write(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t r = write(fd, at, n);

		if (r == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (r == 0) {
			/* No kernel object does this for n > 0; do not spin on one that
			 * does. */
			errno = EIO;
			return -1;
		}
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

ssize_t
full_read(int fd, void *p, size_t n)
{
	char *at = p;
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, at + got, n - got);

		if (r == -1) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

static int
open_retry(int dirfd, const char *path, int flags, mode_t mode)
{
	int fd;

	do
		fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
	while (fd == -1 && errno == EINTR);
	return fd;
}

int
open_at(int dirfd, const char *path, int flags, mode_t mode)
{
	return open_retry(dirfd, path, flags | O_NOFOLLOW, mode);
}

int
open_dir_at(int dirfd, const char *path)
{
	return open_at(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
}

DIR *
dir_open_at(int dirfd, const char *path)
{
	int fd = open_dir_at(dirfd, path), err;
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);

	if (dir == NULL) {
		err = errno;
		fd_close(&fd);
		errno = err;
	}
	return dir;
}

int
open_sole_at(int dirfd, const char *path, int flags, mode_t mode, struct stat *st)
{
	int fd = open_at(dirfd, path, flags | O_NONBLOCK | O_NOCTTY, mode);

	if (fd == -1)
		return -1;
	if (fstat(fd, st) == -1)
		goto bad;
	if (S_ISREG(st->st_mode) && st->st_nlink == 1)
		return fd;
	errno = S_ISREG(st->st_mode) ? EMLINK : EEXIST;
bad:
	fd_close(&fd);
	return -1;
}

const char *
open_error(int err)
{
	switch (err) {
	case ELOOP:
		return "a symbolic link is in the way";
	case EMLINK:
		return "the file has a second name (a hard link)";
	default:
		return strerror(err);
	}
}

bool
path_is_at(int dirfd, const char *path, uint64_t dev, uint64_t ino)
{
	struct stat st;

	return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == dev &&
	       st.st_ino == ino;
}

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd != -1)
		close(*fd); /* Linux closes even when it reports EINTR. */
	*fd = -1;
	errno = saved;
}

static int
close_and_exit(void *fd)
{
	/* Of the table that we share: it is free when the wait begins. */
	close(*(int *)fd);
	_exit(0);
}

void
fd_close_elsewhere(int fd)
{
	static _Alignas(16) char stack[16384]; /* the child has a copy of it */

	if (clone(close_and_exit, stack + sizeof(stack),
		CLONE_FILES | CLONE_PARENT | SIGCHLD, &fd) == -1)
		close(fd);
}

bool
fd_is_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

int
file_allocate(int fd, uint64_t at, uint64_t len)
{
	int r;

	do
		r = fallocate(fd, 0, (off_t)at, (off_t)len);
	while (r == -1 && errno == EINTR);
	return r == -1 && (errno == EOPNOTSUPP || errno == ENOSYS) ? 0 : r;
}

int
fd_set_cloexec(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFD);

	if (flags == -1)
		return -1;
	return fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC);
}

int
fd_set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1)
		return -1;
	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int
pidfd_open_(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int
pidfd_send_signal_(int pidfd, int signo)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0);
}

/* ---- reading files ---- */

static int
read_all(int fd, size_t max, struct buf *out)
{
	size_t got = 0;

	for (;;) {
		size_t piece = READ_PIECE;
		ssize_t r;

		/* One byte more than allowed tells a file that is too large. */
		if (piece > max - got)
			piece = max - got + 1;
		r = full_read(fd, buf_reserve(out, piece), piece);
		if (r == -1)
			return -1;
		if ((size_t)r > max - got) {
			errno = EFBIG;
			return -1;
		}
		buf_grew(out, (size_t)r);
		got += (size_t)r;
		if ((size_t)r < piece)
			return 0;
	}
}

static int
file_read_flags(int dirfd, const char *path, int flags, size_t max, struct buf *out)
{
	size_t before = out->len;
	struct stat st;
	int fd, r = -1;

	/* NONBLOCK: a FIFO in the way must not hang us before we see what it is. */
	fd = open_retry(dirfd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags, 0);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1)
		goto out;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		goto out;
	}
	r = read_all(fd, max, out);
out:
	if (r == -1)
		buf_truncate(out, before);
	fd_close(&fd);
	return r;
}

int
file_read_at(int dirfd, const char *path, size_t max, struct buf *out)
{
	return file_read_flags(dirfd, path, O_NOFOLLOW, max, out);
}

int
file_read_follow_at(int dirfd, const char *path, size_t max, struct buf *out)
{
	return file_read_flags(dirfd, path, 0, max, out);
}

/* ---- replacing ---- */

int
open_parent_at(int dirfd, const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *folder;
	int fd;

	*name = slash != NULL ? slash + 1 : path;
	if (**name == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) {
		errno = EINVAL;
		return -1;
	}
	if (slash == NULL)
		folder = xstrdup(".");
	else if (slash == path)
		folder = xstrdup("/");
	else
		folder = xstrndup(path, (size_t)(slash - path));
	fd = open_retry(dirfd, folder, O_RDONLY | O_DIRECTORY, 0);
	free(folder);
	return fd;
}

/*
 * A name beside the file.  It carries our pid, so that two processes that replace the
 * same file do not share a temporary one; try tells apart what a killed process left.
 */
static char *
temp_name(const char *name, int try)
{
	return xasprintf(".%.200s.%ld-%d.tmp", name, (long)getpid(), try);
}

bool
file_is_temp(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && name[0] == '.' && strcmp(name + len - 4, ".tmp") == 0;
}

static int
create_temp(int folder, const char *name, char **temp)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		char *t = temp_name(name, i);
		int fd = open_at(folder, t, O_WRONLY | O_CREAT | O_EXCL, 0600);

		if (fd != -1) {
			*temp = t;
			return fd;
		}
		free(t);
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static void
unlink_keep_errno(int folder, const char *name)
{
	int saved = errno;

	/* If this fails too, a file that file_is_temp knows stays behind. */
	unlinkat(folder, name, 0);
	errno = saved;
}

static int
fill_temp(int *fd, const void *data, size_t len, mode_t mode, bool sync)
{
	int copy;

	if (fchmod(*fd, mode) == -1 || full_write(*fd, data, len) == -1)
		return -1;
	if (sync && fsync(*fd) == -1)
		return -1;
	/* Network file systems report a full disk only here. */
	copy = *fd;
	*fd = -1;
	return close(copy) == -1 && errno != EINTR ? -1 : 0;
}

int
file_write_atomic(
    int dirfd, const char *path, const void *data, size_t len, mode_t mode, bool sync)
{
	const char *name;
	char *temp = NULL;
	int folder, fd = -1, r = -1;

	folder = open_parent_at(dirfd, path, &name);
	if (folder == -1)
		return -1;
	fd = create_temp(folder, name, &temp);
	if (fd == -1)
		goto out;
	if (fill_temp(&fd, data, len, mode, sync) == -1 ||
	    renameat(folder, temp, folder, name) == -1) {
		unlink_keep_errno(folder, temp);
		goto out;
	}
	/* The new file is in place; what can fail now is only its durability. */
	if (sync && fsync(folder) == -1)
		goto out;
	r = 0;
out:
	fd_close(&fd);
	fd_close(&folder);
	free(temp);
	return r;
}

/* 1: is that link already; 0: may be replaced; -1: something else is in the way. */
static int
check_link(int folder, const char *name, const char *target)
{
	char now[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISLNK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	n = readlinkat(folder, name, now, sizeof(now));
	return n >= 0 && (size_t)n == strlen(target) &&
	       memcmp(now, target, (size_t)n) == 0;
}

int
symlink_atomic(int dirfd, const char *target, const char *linkpath)
{
	const char *name;
	int folder, r;

	folder = open_parent_at(dirfd, linkpath, &name);
	if (folder == -1)
		return -1;
	/* Mostly there is none: nothing to put aside. */
	if (symlinkat(target, folder, name) == 0) {
		fd_close(&folder);
		return 0;
	}
	r = errno == EEXIST ? check_link(folder, name, target) : -1;
	if (r != 0) {
		fd_close(&folder);
		return r == 1 ? 0 : -1;
	}
	r = -1;
	for (int i = 0; i < TEMP_TRIES && r == -1; i++) {
		char *temp = temp_name(name, i);

		r = symlinkat(target, folder, temp);
		if (r == 0) {
			r = renameat(folder, temp, folder, name);
			if (r == -1)
				unlink_keep_errno(folder, temp);
			free(temp);
			break;
		}
		free(temp);
		if (errno != EEXIST)
			break;
	}
	fd_close(&folder);
	return r;
}

int
sync_parent_at(int dirfd, const char *path)
{
	const char *name;
	int folder = open_parent_at(dirfd, path, &name), r;

	if (folder == -1)
		return -1;
	r = fsync(folder);
	fd_close(&folder);
	return r;
}

/* ---- folders ---- */

/* ENOTDIR is also what a link gives; say which it was. */
static void
explain_notdir(int folder, const char *name)
{
	struct stat st;

	if (errno != ENOTDIR)
		return;
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		errno = ELOOP;
	else
		errno = ENOTDIR;
}

/* Enters name below folder, making it first when it is missing. */
static int
enter(int folder, const char *name, mode_t mode)
{
	/* O_PATH: a folder on the way need not be readable. */
	int fd = open_at(folder, name, O_PATH | O_DIRECTORY, 0);

	if (fd == -1 && errno == ENOENT) {
		if (mkdirat(folder, name, mode) == -1 && errno != EEXIST)
			return -1;
		fd = open_at(folder, name, O_PATH | O_DIRECTORY, 0);
	}
	if (fd == -1)
		explain_notdir(folder, name);
	return fd;
}

/* Returns an O_PATH descriptor of the last folder. */
static int
walk(int dirfd, const char *path, mode_t mode)
{
	struct strv parts = { 0 };
	int fd;

	if (*path == '\0') {
		errno = ENOENT;
		return -1;
	}
	fd = open_at(dirfd, *path == '/' ? "/" : ".", O_PATH | O_DIRECTORY, 0);
	strv_split(&parts, path, "/");
	for (size_t i = 0; i < parts.n && fd != -1; i++) {
		int next = -1;

		if (strcmp(parts.v[i], ".") == 0)
			continue;
		if (strcmp(parts.v[i], "..") == 0)
			errno = EINVAL;
		else
			next = enter(fd, parts.v[i], mode);
		fd_close(&fd);
		fd = next;
	}
	strv_free(&parts);
	return fd;
}

int
mkdir_open_at(int dirfd, const char *path, mode_t mode)
{
	int folder = walk(dirfd, path, mode), fd;

	if (folder == -1)
		return -1;
	fd = open_dir_at(folder, ".");
	fd_close(&folder);
	return fd;
}

int
mkdir_p_at(int dirfd, const char *path, mode_t mode)
{
	int fd = walk(dirfd, path, mode);

	if (fd == -1)
		return -1;
	fd_close(&fd);
	return 0;
}
