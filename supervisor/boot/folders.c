#include "boot/folders.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/rmtree.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/instance.h"

enum {
	RUN_MODE = 0711,
	JOURNAL_MODE = 0750,
	STATE_MODE = 0700,
	PIPE_FILES_MAX = 16, /* more than a folder of FIFOs has */
};

int
folders_open_root(const char *root, bool create)
{
	int fd;

	if (create && mkdir_p_at(AT_FDCWD, root, 0755) == -1) {
		log_warn("%s: cannot make the instance folder", root);
		return -1;
	}
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		log_warn("%s: cannot open the instance folder", root);
	return fd;
}

static void
make_one(int root_fd, const char *root, const char *name, mode_t mode)
{
	struct stat st;

	if (mkdirat(root_fd, name, mode) == 0) {
		/* mkdir takes the umask away; these modes are promises. */
		if (fchmodat(root_fd, name, mode, 0) == -1)
			log_warn("%s/%s: chmod", root, name);
		return;
	}
	if (errno != EEXIST) {
		log_warn(
		    "%s/%s: cannot be made; the services run without it", root, name);
		return;
	}
	if (fstatat(root_fd, name, &st, 0) == -1 || !S_ISDIR(st.st_mode))
		log_warnx(
		    "%s/%s is not a folder; the services run without it", root, name);
}

void
folders_make(int root_fd, const char *root)
{
	make_one(root_fd, root, "journal", JOURNAL_MODE);
	make_one(root_fd, root, "state", STATE_MODE);
}

static bool
is_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* Ours, and writable by nobody else. */
static bool
is_private(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Whoever owns a folder can put another in the place of one in it; a sticky one is root's
 * and keeps everybody to his own. */
static bool
is_safe_parent(const char *dir)
{
	struct stat st;

	if (stat(dir, &st) == -1 || !S_ISDIR(st.st_mode))
		return false;
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return false;
	return (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (st.st_mode & S_ISVTX) != 0;
}

/* Opens dir, which must be private and on a tmpfs; made with mode when it is missing. */
static int
open_memory_folder(const char *dir, mode_t mode)
{
	int fd;

	if (mkdir(dir, mode) == 0)
		(void)chmod(dir, mode);
	else if (errno != EEXIST)
		return -1;
	fd = open_dir_at(AT_FDCWD, dir);
	if (fd == -1)
		return -1;
	if (!is_private(fd) || !is_memory(fd)) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/* The first place on a tmpfs that can be used. */
static int
make_memory_folder(const char *root, char **path)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	struct strv places = { 0 };
	int fd = -1;

	if (xdg != NULL && (*xdg != '/' || !is_safe_parent(xdg)))
		xdg = NULL;
	instance_run_places(root, geteuid(), xdg, &places);
	for (size_t i = 0; fd == -1 && i < places.n; i++) {
		char *parent = xstrdup(places.v[i]);
		int parent_fd;

		*strrchr(parent, '/') = '\0';
		parent_fd = open_memory_folder(parent, RUN_MODE);
		free(parent);
		if (parent_fd == -1)
			continue;
		close(parent_fd);
		fd = open_memory_folder(places.v[i], RUN_MODE);
		if (fd != -1)
			*path = xstrdup(places.v[i]);
	}
	strv_free(&places);
	return fd;
}

/* What run/ leads to already.  A link is taken only when its target can be trusted. */
static int
open_present(int root_fd, const char *root, char **path)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	if (fstatat(root_fd, "run", &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (!S_ISLNK(st.st_mode)) {
		fd = open_dir_at(root_fd, "run");
		if (fd != -1 && is_private(fd))
			*path = xasprintf("%s/run", root);
		else
			fd_close(&fd);
		return fd;
	}
	n = readlinkat(root_fd, "run", target, sizeof(target) - 1);
	if (n <= 0 || st.st_uid != geteuid())
		return -1;
	target[n] = '\0';
	fd = open_dir_at(root_fd, target);
	if (fd == -1)
		return -1;
	if (target[0] != '/' || !is_private(fd) || !is_memory(fd)) {
		close(fd);
		return -1;
	}
	*path = xstrdup(target);
	return fd;
}

/* A link of ours to a tmpfs that went with the container it was in. */
static void
forget_dangling(int root_fd)
{
	struct stat st;

	if (fstatat(root_fd, "run", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode) && st.st_uid == geteuid() &&
	    fstatat(root_fd, "run", &st, 0) == -1 && errno == ENOENT)
		(void)unlinkat(root_fd, "run", 0);
}

/* The last resort: a plain folder on whatever holds the instance. */
static int
make_plain(int root_fd, const char *root, char **path)
{
	int fd;

	forget_dangling(root_fd);
	if (mkdirat(root_fd, "run", RUN_MODE) == -1 && errno != EEXIST) {
		log_warn("%s/run: cannot be made; supd needs one place that it can "
			 "write, such as a tmpfs at /run",
		    root);
		return -1;
	}
	fd = open_dir_at(root_fd, "run");
	if (fd == -1 || !is_private(fd)) {
		log_warnx("%s/run is not a folder of uid %u alone; remove it and start "
			  "again",
		    root, (unsigned)geteuid());
		fd_close(&fd);
		return -1;
	}
	*path = xasprintf("%s/run", root);
	return fd;
}

static int
open_run_locked(int root_fd, const char *root, char **path)
{
	int fd = open_present(root_fd, root, path);

	if (fd != -1) {
		if (!is_memory(fd))
			log_warnx("%s is not on a tmpfs: supd may have to wait for its "
				  "disk",
			    *path);
		return fd;
	}
	fd = make_memory_folder(root, path);
	if (fd == -1) {
		log_warnx("no tmpfs of our own was found below /run, XDG_RUNTIME_DIR or "
			  "/dev/shm: run/ is a plain folder, and supd may have to wait "
			  "for its disk");
		return make_plain(root_fd, root, path);
	}
	if (symlink_atomic(root_fd, *path, "run") == -1) {
		log_warn("%s/run: cannot link to %s", root, *path);
	}
	return fd;
}

/* Nobody holds the lock of the folder: who made it for `supctl run --pipe' was killed
 * before it could remove it. */
static bool
is_left_behind(int run_fd, const char *name)
{
	int fd = open_dir_at(run_fd, name);
	bool yes = fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0;

	fd_close(&fd);
	return yes;
}

static void
clear_pipes(int run_fd)
{
	static const char prefix[] = "pipe.";
	DIR *d = dir_open_at(run_fd, ".");
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		if (strncmp(e->d_name, prefix, sizeof(prefix) - 1) == 0 &&
		    is_left_behind(run_fd, e->d_name) &&
		    rm_rf_at(run_fd, e->d_name, PIPE_FILES_MAX) == -1)
			log_warn("run/%s", e->d_name);
	if (d != NULL)
		closedir(d);
}

int
folders_open_run(int root_fd, const char *root, char **path)
{
	static const char *const sub[] = { "fifo", "n", "term" };
	int fd, lock;

	/* Two that start at the same time must agree on the folder before either holds
	 * the lock in it.  state/ is ours alone: a lock on the instance folder itself
	 * could be held by whoever can read it.  Where there is none, nothing can be
	 * linked either. */
	lock = openat(root_fd, "state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock != -1 && is_private(lock) && flock(lock, LOCK_EX) == -1)
		log_debug("%s/state: flock: %s", root, strerror(errno));
	fd = open_run_locked(root_fd, root, path);
	fd_close(&lock);
	if (fd == -1)
		return -1;
	if (fchmod(fd, RUN_MODE) == -1)
		log_warn("%s", *path);
	for (size_t i = 0; i < sizeof(sub) / sizeof(sub[0]); i++) {
		if (mkdirat(fd, sub[i], RUN_MODE) == -1 && errno != EEXIST) {
			log_warn("%s/%s", *path, sub[i]);
			fd_close(&fd);
			free(*path);
			*path = NULL;
			return -1;
		}
		if (fchmodat(fd, sub[i], RUN_MODE, 0) == -1)
			log_warn("%s/%s", *path, sub[i]);
	}
	clear_pipes(fd);
	return fd;
}
