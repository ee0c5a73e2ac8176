/*
 * rmtree: see the header.
 */
#include "lib/rmtree.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	RM_DEPTH_MAX = 64,
};

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

/* As open_parent_at of what is below dirfd, step by step: who owns a folder on the way
 * may have put a link there. */
static int
open_parent_below(int dirfd, const char *path, const char **name)
{
	int fd;

	if (path[0] == '/')
		return open_parent_at(dirfd, path, name);
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
