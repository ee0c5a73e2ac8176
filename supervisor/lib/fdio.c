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
	RM_DEPTH_MAX = 64,
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

/*
 * Opens the folder of path and gives the last component, which must be a name.  The
 * folder may be reached through links: run/ is one.
 */
static int
open_parent(int dirfd, const char *path, const char **name)
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

	folder = open_parent(dirfd, path, &name);
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

	folder = open_parent(dirfd, linkpath, &name);
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
	int folder = open_parent(dirfd, path, &name), r;

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

/* ---- removing ---- */

struct removal {
	size_t left;
	struct statx root; /* what is on another mount is not ours */
	int top;           /* the folder that is removed; -1: it is none */
	unsigned moved;    /* what lay too deep is in it, under so many new names */
};

static int
get_mount(int fd, struct statx *stx)
{
	return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_MNT_ID, stx);
}

/* A bind mount has the device of its source: only the mount id tells (since 5.8). */
static bool
is_same_mount(const struct statx *a, const struct statx *b)
{
	if (a->stx_dev_major != b->stx_dev_major || a->stx_dev_minor != b->stx_dev_minor)
		return false;
	if ((a->stx_mask & b->stx_mask & STATX_MNT_ID) == 0)
		return true;
	return a->stx_mnt_id == b->stx_mnt_id;
}

/* All names of a folder; at most max of them. */
static int
list_names(int folder, size_t max, struct strv *names)
{
	int copy = open_dir_at(folder, ".");
	struct dirent *e;
	DIR *d;

	if (copy == -1)
		return -1;
	d = fdopendir(copy);
	if (d == NULL) {
		fd_close(&copy);
		return -1;
	}
	for (;;) {
		errno = 0;
		e = readdir(d);
		if (e == NULL)
			break;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (names->n >= max) {
			errno = E2BIG;
			break;
		}
		strv_add(names, e->d_name);
	}
	if (errno != 0) {
		int saved = errno;

		closedir(d);
		errno = saved;
		return -1;
	}
	closedir(d);
	return 0;
}

/* A folder that lies too deep, to the top: whoever made it can make it as deep as he
 * likes, and has neither our descriptors nor our stack. */
static int
move_up(struct removal *rm, int folder, const char *name)
{
	char up[32];

	for (;;) {
		snprintf(up, sizeof(up), ".deep-%u", rm->moved++);
		if (renameat2(folder, name, rm->top, up, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
}

static int remove_entry(struct removal *rm, int folder, const char *name, int depth);

static int
remove_below(struct removal *rm, int folder, const char *name, int depth)
{
	struct strv names = { 0 };
	struct statx stx;
	int fd, r = -1;

	fd = open_dir_at(folder, name);
	if (fd == -1)
		return -1;
	if (get_mount(fd, &stx) == -1)
		goto out;
	if (!is_same_mount(&stx, &rm->root)) {
		errno = EXDEV;
		goto out;
	}
	if (depth == 0) {
		fd_close(&rm->top);
		rm->top = open_dir_at(fd, ".");
	}
	if (list_names(fd, rm->left, &names) == -1)
		goto out;
	for (size_t i = 0; i < names.n; i++) {
		if (remove_entry(rm, fd, names.v[i], depth + 1) == -1)
			goto out;
	}
	r = 0;
out:
	strv_free(&names);
	fd_close(&fd);
	return r;
}

static int
remove_entry(struct removal *rm, int folder, const char *name, int depth)
{
	struct stat st;
	bool is_dir;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if (rm->left == 0) {
		errno = E2BIG;
		return -1;
	}
	rm->left--;
	is_dir = S_ISDIR(st.st_mode);
	if (is_dir && depth > RM_DEPTH_MAX)
		return move_up(rm, folder, name);
	if (is_dir && remove_below(rm, folder, name, depth) == -1)
		return -1;
	if (unlinkat(folder, name, is_dir ? AT_REMOVEDIR : 0) == -1 && errno != ENOENT)
		return -1;
	return 0;
}

/* As open_parent of what is below dirfd, step by step: who owns a folder on the way may
 * have put a link there. */
static int
open_parent_below(int dirfd, const char *path, const char **name)
{
	int fd;

	if (path[0] == '/')
		return open_parent(dirfd, path, name);
	fd = open_dir_at(dirfd, ".");
	while (fd != -1 && (*name = strchr(path, '/')) != NULL) {
		char *step = xstrndup(path, (size_t)(*name - path));
		int next = strcmp(step, "..") == 0 ? -1 : open_dir_at(fd, step);

		if (strcmp(step, "..") == 0)
			errno = EINVAL;
		free(step);
		fd_close(&fd);
		fd = next;
		path = *name + strspn(*name, "/");
	}
	if (fd == -1)
		return -1;
	*name = path;
	if (*path != '\0' && strcmp(path, ".") != 0 && strcmp(path, "..") != 0)
		return fd;
	fd_close(&fd);
	errno = EINVAL;
	return -1;
}

int
rm_rf_at(int dirfd, const char *path, size_t max_entries)
{
	struct removal rm = { .left = max_entries, .top = -1 };
	unsigned moved;
	const char *name;
	int folder, r = -1;

	folder = open_parent_below(dirfd, path, &name);
	if (folder == -1)
		return errno == ENOENT ? 0 : -1;
	if (get_mount(folder, &rm.root) == 0) {
		/* Once more for what came to the top meanwhile. */
		do {
			moved = rm.moved;
			r = remove_entry(&rm, folder, name, 0);
		} while (r == -1 && rm.moved != moved &&
			 (errno == ENOTEMPTY || errno == EEXIST));
	}
	fd_close(&rm.top);
	fd_close(&folder);
	return r;
}
