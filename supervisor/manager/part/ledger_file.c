#include "manager/part/ledger_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/activate/ledger.h"
#include "unit/name.h"

enum {
	FILE_MAX_BYTES = 512 << 20,
	LOG_MIN_BYTES = 64 << 10, /* a shorter one is not worth a merge */
};

/* The folder; -1 with errno. */
static int
open_folder(int root, const char *unit, bool make)
{
	char *path = xasprintf("state/ledger/%s", unit);
	int dir = make ? mkdir_open_at(root, path, 0700) : open_dir_at(root, path),
	    err = errno;

	free(path);
	errno = err;
	return dir;
}

static off_t
size_of(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : -1;
}

/* The end of it is the end of a line; else one was torn when the power went. */
static bool
is_whole(int fd, off_t size)
{
	char last;

	return size == 0 || (pread(fd, &last, 1, size - 1) == 1 && last == '\n');
}

static int
append(int fd, const struct buf *lines)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) == -1)
		return -1;
	if (!is_whole(fd, st.st_size) && full_write(fd, "\n", 1) == -1)
		return -1;
	if (full_write(fd, buf_str(lines), lines->len) == 0)
		return 0;
	/* A part of it says nothing, or worse. */
	err = errno;
	(void)!ftruncate(fd, st.st_size);
	errno = err;
	return -1;
}

int
ledger_file_append(int root, const char *unit, const struct buf *lines)
{
	int dir = open_folder(root, unit, true), fd = -1, r = -1, err;

	if (dir != -1)
		fd = open_at(dir, "log", O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK, 0600);
	if (fd != -1)
		r = append(fd, lines);
	err = errno;
	fd_close(&fd);
	fd_close(&dir);
	errno = err;
	return r;
}

bool
ledger_file_rotate(int root, const char *unit, bool all)
{
	int dir = open_folder(root, unit, false);
	off_t log, base;
	bool merge = false;

	if (dir == -1)
		return false;
	log = size_of(dir, "log");
	base = size_of(dir, "base");
	if (size_of(dir, "old") >= 0)
		merge = true;
	else if (log > 0 && (all || (log >= LOG_MIN_BYTES && log >= base / 2)))
		merge = renameat(dir, "log", dir, "old") == 0;
	else
		merge = all && base > 0;
	fd_close(&dir);
	return merge;
}

/* ---- in a helper ----------------------------------------------------------------- */

int
ledger_file_load(int root, const char *unit, struct ledger *l)
{
	static const char *const names[] = { "base", "old", "log" };
	int dir = open_folder(root, unit, false), r = 0;

	if (dir == -1)
		return errno == ENOENT ? 0 : -1;
	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++) {
		struct buf text = { 0 };

		if (file_read_at(dir, names[i], FILE_MAX_BYTES, &text) == 0)
			ledger_read(l, buf_str(&text), text.len);
		else if (errno != ENOENT)
			r = -1;
		buf_free(&text);
	}
	fd_close(&dir);
	return r;
}

int
ledger_file_merge(int root, const char *unit, const struct ledger *l)
{
	int dir = open_folder(root, unit, false), r = -1;
	struct buf text = { 0 };
	struct strv keys = { 0 };

	if (dir == -1)
		return -1;
	map_keys(&l->entries, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		char *path = unit_name_path_unescape(keys.v[i]);

		ledger_put_line(ledger_find(l, keys.v[i]), path, &text);
		free(path);
	}
	if (file_write_atomic(dir, "base", buf_str(&text), text.len, 0600, true) == 0)
		r = unlinkat(dir, "old", 0) == 0 || errno == ENOENT ? 0 : -1;
	strv_free(&keys);
	buf_free(&text);
	fd_close(&dir);
	return r;
}

int
ledger_file_sync(int root, const char *unit)
{
	int dir = open_folder(root, unit, false), fd, r = -1;

	if (dir == -1)
		return -1;
	fd = open_at(dir, "log", O_RDONLY | O_NONBLOCK, 0);
	if (fd != -1)
		r = fsync(fd) == 0 && fsync(dir) == 0 ? 0 : -1;
	fd_close(&fd);
	fd_close(&dir);
	return r;
}
