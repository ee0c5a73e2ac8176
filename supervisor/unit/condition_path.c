/*
 * condition_path: what is at a path.  Nothing is touched that the guard does not let be
 * touched.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/condition_int.h"
#include "unit/hidden.h"
#include "unit/pathglob.h"
#include "unit/span.h"

enum {
	DEVICES_DEEP_MAX = 10, /* of disks that are made of disks */
};

/* true when it may hang, and answered so. */
static bool
is_kept(const struct condition_world *w, const char *path, bool follow, struct buf *found)
{
	if (w->guard == NULL || w->guard(w->guard_arg, path, follow))
		return false;
	buf_adds(found, "the file system does not answer");
	return true;
}

/* stat(2): CONDITION_YES when *st is filled. */
static enum condition_answer
look(const struct condition_world *w, const char *path, bool follow, struct stat *st,
    struct buf *found)
{
	if (is_kept(w, path, follow, found))
		return CONDITION_UNKNOWN;
	if ((follow ? stat(path, st) : lstat(path, st)) == 0)
		return CONDITION_YES;
	buf_adds(found, strerror(errno));
	return CONDITION_NO;
}

static const char *
type_word(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a file";
	case S_IFDIR:
		return "a folder";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFSOCK:
		return "a socket";
	case S_IFIFO:
		return "a FIFO";
	case S_IFBLK:
	case S_IFCHR:
		return "a device";
	default:
		return "of no known type";
	}
}

static enum condition_answer
is_of_type(const struct condition_world *w, const char *path, bool follow, mode_t type,
    struct buf *found)
{
	struct stat st;
	enum condition_answer a = look(w, path, follow, &st, found);

	if (a != CONDITION_YES)
		return a;
	buf_addf(found, "it is %s", type_word(st.st_mode));
	return (st.st_mode & S_IFMT) == type ? CONDITION_YES : CONDITION_NO;
}

enum condition_answer
test_PathExists(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct stat st;
	enum condition_answer a = look(w, arg, true, &st, found);

	if (a == CONDITION_YES)
		buf_adds(found, "it exists");
	return a;
}

enum condition_answer
test_PathIsDirectory(const struct condition_world *w, const char *arg, struct buf *found)
{
	return is_of_type(w, arg, true, S_IFDIR, found);
}

enum condition_answer
test_PathIsSymbolicLink(
    const struct condition_world *w, const char *arg, struct buf *found)
{
	return is_of_type(w, arg, false, S_IFLNK, found);
}

enum condition_answer
test_PathIsSocket(const struct condition_world *w, const char *arg, struct buf *found)
{
	return is_of_type(w, arg, true, S_IFSOCK, found);
}

enum condition_answer
test_FileNotEmpty(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct stat st;
	enum condition_answer a = look(w, arg, true, &st, found);

	if (a != CONDITION_YES)
		return a;
	if (S_ISREG(st.st_mode))
		buf_addf(found, "it has %lld bytes", (long long)st.st_size);
	else
		buf_addf(found, "it is %s", type_word(st.st_mode));
	return S_ISREG(st.st_mode) && st.st_size > 0 ? CONDITION_YES : CONDITION_NO;
}

enum condition_answer
test_FileIsExecutable(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct stat st;
	enum condition_answer a = look(w, arg, true, &st, found);

	if (a != CONDITION_YES)
		return a;
	if (S_ISREG(st.st_mode))
		buf_addf(found, "its mode is %04o", (unsigned)st.st_mode & 07777U);
	else
		buf_addf(found, "it is %s", type_word(st.st_mode));
	return S_ISREG(st.st_mode) && (st.st_mode & 0111) != 0 ? CONDITION_YES
							       : CONDITION_NO;
}

enum condition_answer
test_DirectoryNotEmpty(
    const struct condition_world *w, const char *arg, struct buf *found)
{
	DIR *d;
	struct dirent *e;
	int err;

	if (is_kept(w, arg, true, found))
		return CONDITION_UNKNOWN;
	d = opendir(arg);
	if (d == NULL) {
		err = errno;
		buf_adds(found, strerror(err));
		/* One that may not be read is there, and is taken as one with something
		 * in it. */
		return err == ENOENT || err == ENOTDIR ? CONDITION_NO : CONDITION_YES;
	}
	while ((errno = 0, e = readdir(d)) != NULL && hidden_name(e->d_name))
		;
	err = errno;
	if (e != NULL)
		buf_addf(found, "it has \"%s\" in it", e->d_name);
	else
		buf_adds(found, err != 0 ? strerror(err) : "it is empty");
	closedir(d);
	return e != NULL || err != 0 ? CONDITION_YES : CONDITION_NO;
}

enum condition_answer
test_PathExistsGlob(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct buf match = { 0 };
	int r = pathglob_any(arg, w->guard, w->guard_arg, &match);

	if (r == 1)
		buf_addf(found, "%s exists", buf_str(&match));
	else
		buf_adds(found,
		    r == 0 ? "nothing is of that name" : "a file system does not answer");
	buf_free(&match);
	return r == 1 ? CONDITION_YES : r == 0 ? CONDITION_NO : CONDITION_UNKNOWN;
}

/* ---- mounts and disks ------------------------------------------------------------- */

enum condition_answer
test_PathIsMountPoint(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct stat st, up;
	struct statx x;
	char *parent;
	bool is;

	if (is_kept(w, arg, true, found))
		return CONDITION_UNKNOWN;
	if (statx(AT_FDCWD, arg, 0, STATX_INO, &x) == -1) {
		buf_adds(found, strerror(errno));
		return CONDITION_NO;
	}
	if ((x.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
		is = (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
	} else {
		/* A kernel that does not say: another device than that of its folder. */
		parent = xasprintf("%s/..", arg);
		is = stat(arg, &st) == 0 && stat(parent, &up) == 0 &&
		     (st.st_dev != up.st_dev || st.st_ino == up.st_ino);
		free(parent);
	}
	buf_adds(found, is ? "something is mounted there" : "nothing is mounted there");
	return is ? CONDITION_YES : CONDITION_NO;
}

/* 1, 0, or -1 with errno. */
static int
is_read_only(const char *path)
{
	struct statvfs fs;

	if (statvfs(path, &fs) == -1)
		return -1;
	/* A mount can be read-only where its file system is not. */
	return (fs.f_flag & ST_RDONLY) != 0 ||
	       (access(path, W_OK) == -1 && errno == EROFS);
}

enum condition_answer
test_PathIsReadWrite(const struct condition_world *w, const char *arg, struct buf *found)
{
	int only;

	if (is_kept(w, arg, true, found))
		return CONDITION_UNKNOWN;
	only = is_read_only(arg);
	if (only == -1) {
		buf_adds(found, strerror(errno));
		return errno == ENOENT ? CONDITION_NO : CONDITION_YES;
	}
	buf_adds(found, only ? "it is read-only" : "it can be written");
	return only ? CONDITION_NO : CONDITION_YES;
}

/* The disk below a folder of btrfs, which has no device number of its own. */
static dev_t
btrfs_disk(const char *path)
{
	struct btrfs_ioctl_fs_info_args fs = { 0 };
	struct btrfs_ioctl_dev_info_args dev = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_DIRECTORY);
	dev_t disk = 0;
	struct stat st;

	if (fd == -1)
		return 0;
	if (ioctl(fd, BTRFS_IOC_FS_INFO, &fs) == 0 && fs.num_devices == 1)
		for (dev.devid = 1; dev.devid <= fs.max_id && disk == 0; dev.devid++)
			if (ioctl(fd, BTRFS_IOC_DEV_INFO, &dev) == 0 &&
			    stat((const char *)dev.path, &st) == 0 && S_ISBLK(st.st_mode))
				disk = st.st_rdev;
	close(fd);
	return disk;
}

/* All of the disks that it is made of are encrypted, or it is so itself. */
static bool
is_encrypted(const struct condition_world *w, const char *sys, unsigned deep)
{
	char *uuid = xasprintf("%s/dm/uuid", sys), *below, *full;
	struct buf b = { 0 };
	unsigned n = 0, good = 0;
	struct dirent *e;
	bool crypt;
	DIR *d;

	crypt =
	    world_read_line(w, uuid, &b) == 0 && strncmp(buf_str(&b), "CRYPT-", 6) == 0;
	buf_free(&b);
	free(uuid);
	if (crypt || deep == 0)
		return crypt;
	full = xasprintf("%s%s/slaves", w->root, sys);
	d = opendir(full);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		n++;
		below = xasprintf("%s/slaves/%s", sys, e->d_name);
		good += is_encrypted(w, below, deep - 1);
		free(below);
	}
	if (d != NULL)
		closedir(d);
	free(full);
	return n > 0 && good == n;
}

enum condition_answer
test_PathIsEncrypted(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct stat st;
	enum condition_answer a = look(w, arg, true, &st, found);
	char *sys;
	dev_t disk;
	bool is;

	if (a != CONDITION_YES)
		return a;
	disk = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	if (major(disk) == 0)
		disk = btrfs_disk(arg);
	if (major(disk) == 0) {
		buf_adds(found, "it is not on a disk");
		return CONDITION_NO;
	}
	sys = xasprintf("/sys/dev/block/%u:%u", major(disk), minor(disk));
	is = is_encrypted(w, sys, DEVICES_DEEP_MAX);
	free(sys);
	buf_adds(found, is ? "its disk is encrypted" : "its disk is not encrypted");
	return is ? CONDITION_YES : CONDITION_NO;
}

/* ---- what an update of the system leaves to be done ------------------------------- */

/* Kernels and copies lose the parts of a second: the file says them itself. */
static uint64_t
stamp_ns(const char *path, const struct stat *st)
{
	uint64_t ns =
	    (uint64_t)st->st_mtim.tv_sec * 1000000000U + (uint64_t)st->st_mtim.tv_nsec;
	FILE *f = st->st_mtim.tv_nsec == 0 ? fopen(path, "re") : NULL;
	char line[256];
	uint64_t v;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "TIMESTAMP_NSEC=", 15) == 0 &&
		    number_parse(line + 15, UINT64_MAX, &v) == 0)
			ns = v;
	}
	if (f != NULL)
		fclose(f);
	return ns;
}

enum condition_answer
test_NeedsUpdate(const struct condition_world *w, const char *arg, struct buf *found)
{
	char *said = world_boot_option(w, "systemd.condition-needs-update"), *path;
	struct stat usr, mark;
	bool set, b, needed;

	set = said != NULL && bool_parse(said, &b) == 0;
	free(said);
	if (set) {
		buf_adds(found, "the kernel's command line says so");
		return b ? CONDITION_YES : CONDITION_NO;
	}
	if (is_kept(w, arg, true, found))
		return CONDITION_UNKNOWN;
	if (is_read_only(arg) == 1) {
		buf_adds(found, "it is read-only");
		return CONDITION_NO;
	}
	path = xasprintf("%s/.updated", arg);
	if (lstat(path, &mark) == -1) {
		buf_addf(found, "there is no %s", path);
		free(path);
		return CONDITION_YES;
	}
	if (lstat("/usr/", &usr) == -1) {
		free(path);
		buf_adds(found, "there is no /usr");
		return CONDITION_YES;
	}
	needed = usr.st_mtim.tv_sec != mark.st_mtim.tv_sec
		     ? usr.st_mtim.tv_sec > mark.st_mtim.tv_sec
		     : (uint64_t)usr.st_mtim.tv_sec * 1000000000U +
			       (uint64_t)usr.st_mtim.tv_nsec >
			   stamp_ns(path, &mark);
	free(path);
	buf_adds(found, needed ? "/usr is newer" : "/usr is not newer");
	return needed ? CONDITION_YES : CONDITION_NO;
}
