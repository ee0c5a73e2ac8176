/*
 * sink: see the header.
 *
 * Another program may rename, replace or delete anything below journal/ at any time: the
 * open file is looked at before each batch (is it still linked?), its place and its
 * folder at most once a second.
 */
#include "logger/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "logger/channel.h"
#include "logger/links.h"
#include "logger/vacuum.h"

enum {
	CHECK_US = 1000000,
};

/* ---- folders ---- */

static void
dir_path(char *dst, size_t size, const char *day)
{
	if (day[0] == '\0')
		strlcpy(dst, "journal/health", size);
	else
		layout_day_dir(dst, size, day);
}

/* Whether the open folder is still what its path leads to.  Asked each time: folders are
 * needed to open files, not to write them. */
static bool
dir_is_current(struct logger *lg, const struct daydir *d)
{
	char path[LAYOUT_PATH_MAX];

	dir_path(path, sizeof(path), d->day);
	return path_is_at(lg->root_fd, path, d->dev, d->ino);
}

static int
dir_open(struct logger *lg, struct daydir *d, const char *day)
{
	char path[LAYOUT_PATH_MAX];
	struct stat st;
	int fd;

	fd_close(&d->fd);
	dir_path(path, sizeof(path), day);
	fd = mkdir_open_at(lg->root_fd, path, (mode_t)logger_dir_mode(lg));
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1) {
		fd_close(&fd);
		return -1;
	}
	d->fd = fd;
	d->dev = st.st_dev;
	d->ino = st.st_ino;
	strlcpy(d->day, day, sizeof(d->day));
	return fd;
}

int
sink_day_fd(struct logger *lg, const char *day)
{
	struct daydir *d = &lg->daydir[0];

	if (day[0] == '\0') {
		d = &lg->top;
	} else {
		/* The one of that day, else the one used longest ago. */
		for (int i = 0; i < DAYDIRS; i++) {
			struct daydir *c = &lg->daydir[i];

			if (c->fd != -1 && strcmp(c->day, day) == 0) {
				d = c;
				break;
			}
			if (c->fd == -1 || (d->fd != -1 && c->used_us < d->used_us))
				d = c;
		}
	}
	d->used_us = clock_mono_us();
	if (d->fd != -1 && strcmp(d->day, day) == 0 && dir_is_current(lg, d))
		return d->fd;
	return dir_open(lg, d, day);
}

void
sink_forget_dirs(struct logger *lg)
{
	for (int i = 0; i < DAYDIRS; i++)
		fd_close(&lg->daydir[i].fd);
	fd_close(&lg->top.fd);
}

/* ---- the file ---- */

bool
sink_take_back(struct sink *s, uint64_t before)
{
	struct stat st;
	int err;

	s->torn_at = s->torn_end = 0;
	if (fstat(s->fd, &st) == -1 || (uint64_t)st.st_size <= before ||
	    ftruncate(s->fd, (off_t)before) == 0)
		return true;
	err = errno;
	if (err == EPERM)
		return true; /* append-only: it stays for good */
	s->torn_at = before;
	s->torn_end = (uint64_t)st.st_size;
	errno = err;
	return false;
}

/* What could not be taken back before.  Other bytes behind it: it is not ours any more.
 */
static int
sink_mend(struct sink *s)
{
	struct stat st;

	if (s->torn_end == 0)
		return 0;
	if (fstat(s->fd, &st) == -1 || (uint64_t)st.st_size != s->torn_end) {
		s->torn_at = s->torn_end = 0;
		return 0;
	}
	return sink_take_back(s, s->torn_at) ? 0 : -1;
}

void
sink_close(struct sink *s)
{
	(void)sink_mend(s);
	s->torn_at = s->torn_end = 0;
	fd_close(&s->fd);
	s->day[0] = '\0';
	s->dirty = false;
}

bool
sink_is_refused(int err)
{
	return err == ELOOP || err == EISDIR || err == ENXIO || err == EEXIST ||
	       err == ENODEV || err == EMLINK;
}

static int
open_plain(struct logger *lg, int dir, const char *file, struct stat *st, int create)
{
	return open_sole_at(
	    dir, file, O_WRONLY | O_APPEND | create, (mode_t)logger_file_mode(lg), st);
}

static void
sink_take_fd(struct sink *s, int fd, const struct stat *st, const char *day, unsigned alt)
{
	fd_close(&s->fd);
	s->fd = fd;
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->checked_us = clock_mono_us();
	strlcpy(s->day, day, sizeof(s->day));
	s->alt = (uint8_t)alt;
}

const char *
sink_file(const struct logslot *ls, char *dst)
{
	return layout_log_file(dst, LAYOUT_FILE_MAX, ls->ref, ls->name, ls->sink.alt);
}

/* Opens or makes the file of the day, under another name if something is in the way.  One
 * that was there before (for an earlier logger, or before it was closed) and is not any
 * more is made again, and told. */
static int
sink_open(struct logger *lg, struct logslot *ls, const char *day, uint64_t *size)
{
	bool was_there = strcmp(ls->ts->log.day, day) == 0;
	int dir = sink_day_fd(lg, day), refused = 0;
	unsigned was = ls->sink.alt;
	char file[LAYOUT_FILE_MAX];
	struct stat st;

	if (dir == -1)
		return -1;
	for (unsigned alt = 0; alt <= LAYOUT_ALT_MAX; alt++) {
		int fd;

		layout_log_file(file, sizeof(file), ls->ref, ls->name, alt);
		fd = -1;
		if (was_there && (fd = open_plain(lg, dir, file, &st, 0)) == -1 &&
		    errno == ENOENT) {
			channel_report(lg, ls, 2, STREAM_DISTURBED, ENOENT);
			ls->ts->log.linked = 0;
			was_there = false;
		}
		if (fd == -1)
			fd = open_plain(lg, dir, file, &st, O_CREAT);
		if (fd != -1) {
			sink_take_fd(&ls->sink, fd, &st, day, alt);
			*size = (uint64_t)st.st_size;
			if (refused != 0)
				channel_report(lg, ls, 2, STREAM_DISTURBED, refused);
			/* For those who are shown its path.  Also back to the plain one.
			 */
			if (alt != was)
				channel_report(lg, ls, 2, STREAM_NAMED, 0);
			return 0;
		}
		if (!sink_is_refused(errno))
			return -1;
		refused = errno;
	}
	errno = refused;
	return -1;
}

int
sink_find(
    struct logger *lg, struct logslot *ls, const char *day, uint64_t dev, uint64_t ino)
{
	char file[LAYOUT_FILE_MAX];
	struct stat st;
	int dir, fd;

	if (!layout_day_is_valid(day)) {
		errno = EINVAL;
		return -1;
	}
	dir = sink_day_fd(lg, day);
	if (dir == -1)
		return -1;
	for (unsigned alt = 0; alt <= LAYOUT_ALT_MAX; alt++) {
		layout_log_file(file, sizeof(file), ls->ref, ls->name, alt);
		fd = open_plain(lg, dir, file, &st, 0);
		if (fd == -1)
			continue;
		if (st.st_dev == dev && st.st_ino == ino) {
			sink_take_fd(&ls->sink, fd, &st, day, alt);
			return 0;
		}
		fd_close(&fd);
	}
	errno = ENOENT;
	return -1;
}

/* ---- having the right one ---- */

static int
sink_link(struct logger *lg, struct logslot *ls)
{
	char file[LAYOUT_FILE_MAX];

	if (ls->ts->log.linked)
		return 0;
	if (links_set(lg, ls, false, ls->sink.day, sink_file(ls, file)) == -1)
		return -1;
	ls->ts->log.linked = 1;
	return 0;
}

static const char *
day_wanted(const struct logger *lg, const struct logslot *ls)
{
	if (ls->ts->conf.day[0] != '\0' && layout_day_is_valid(ls->ts->conf.day))
		return ls->ts->conf.day;
	return lg->clock.day;
}

/* Whether the open file is still the one at its place; size_out is set when it is. */
static bool
sink_is_current(struct logger *lg, struct logslot *ls, uint64_t *size)
{
	struct sink *s = &ls->sink;
	uint64_t now = clock_mono_us();
	char file[LAYOUT_FILE_MAX];
	struct stat st;
	int dir;

	if (fstat(s->fd, &st) == -1 || st.st_nlink == 0)
		return false;
	*size = (uint64_t)st.st_size;
	if (now - s->checked_us < CHECK_US)
		return true;
	s->checked_us = now;
	dir = sink_day_fd(lg, s->day);
	return dir != -1 && path_is_at(dir, sink_file(ls, file), st.st_dev, st.st_ino);
}

int
sink_ready(struct logger *lg, struct logslot *ls, uint64_t *size)
{
	struct table_log *log = &ls->ts->log;
	const char *day = day_wanted(lg, ls);
	bool rolled = log->day[0] != '\0' && strcmp(log->day, day) != 0;

	if (sink_mend(&ls->sink) == -1)
		return -1;
	if (ls->sink.fd != -1 && strcmp(ls->sink.day, day) == 0) {
		if (sink_is_current(lg, ls, size))
			return sink_link(lg, ls);
		channel_report(lg, ls, 2, STREAM_DISTURBED, ENOENT);
		log->linked = 0;
		log->day[0] = '\0';
		sink_close(&ls->sink);
	}
	if (ls->sink.fd != -1 && rolled)
		sink_sync(lg, ls);
	if (sink_open(lg, ls, day, size) == -1)
		return -1;
	vacuum_due(lg);
	if (strcmp(log->day, day) != 0) {
		strlcpy(log->day, day, sizeof(log->day));
		log->linked = 0;
	}
	if (rolled)
		channel_report(lg, ls, 2, STREAM_ROLLED, 0);
	return sink_link(lg, ls);
}

int
sink_make_due(struct logger *lg, struct logslot *ls)
{
	uint64_t size;

	logger_clock(lg, ls);
	return sink_ready(lg, ls, &size);
}

void
sink_sync(struct logger *lg, struct logslot *ls)
{
	char file[LAYOUT_FILE_MAX];

	(void)lg;
	if (ls->sink.fd == -1 || !ls->sink.dirty)
		return;
	ls->sink.dirty = false;
	if (fdatasync(ls->sink.fd) == -1)
		log_warn("%s: sync of %s", ls->ts->unit, sink_file(ls, file));
}
