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
#include "logger/vacuum.h"

enum {
	CHECK_US = 1000000,
	LINKS_SPARE = 1024, /* names that are remembered without a slot */
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

/* Not ours to write: a link, a FIFO, a folder, a file with a second name. */
static bool
is_refused(int err)
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
		if (!is_refused(errno))
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

/* ---- links ---- */

/* All but those of the slots we hold.  Of one that comes back, the links themselves are
 * looked at again. */
static void
linkrecs_forget(struct logger *lg)
{
	struct map old = lg->links;

	lg->links = (struct map){ 0 };
	for (uint32_t i = 0; i < table_used(lg->t); i++) {
		struct logslot *ls = lg->slots[i];
		struct linkrec *r = ls != NULL ? map_del(&old, ls->name) : NULL;

		if (r != NULL)
			map_set(&lg->links, ls->name, r);
	}
	map_clear(&old, free);
}

static struct linkrec *
linkrec_get(struct logger *lg, const char *name)
{
	struct linkrec *r = map_get(&lg->links, name);

	if (r == NULL) {
		if (lg->links.n >= LINKS_SPARE + 2 * (size_t)table_used(lg->t))
			linkrecs_forget(lg);
		r = xcalloc(1, sizeof(*r));
		map_set(&lg->links, name, r);
	}
	return r;
}

/* The rank of the invocation that a link of an earlier logger points to: that of a slot
 * we hold, else told by the refs. */
static uint64_t
order_of_link(struct logger *lg, const struct logslot *ls, const char *file)
{
	uint64_t mine = ls->ts->conf.order;
	struct layout_file lf;

	if (!layout_file_is_of(file, ls->name, &lf))
		return 0;
	for (uint32_t i = 0; i < table_used(lg->t); i++) {
		const struct logslot *o = lg->slots[i];

		if (o != NULL && strcmp(o->ref, lf.ref) == 0 &&
		    strcmp(o->name, ls->name) == 0)
			return o->ts->conf.order;
	}
	if (lf.ref[0] >= '0' && lf.ref[0] <= '9' && ls->ref[0] >= '0' &&
	    ls->ref[0] <= '9' && layout_ref_cmp(lf.ref, ls->ref) > 0)
		return mine + 1;
	return 0;
}

static uint64_t
order_on_disk(struct logger *lg, const struct logslot *ls, int dir, bool top)
{
	char link[LAYOUT_FILE_MAX], target[PATH_MAX], day[LAYOUT_DAY_LEN + 1];
	char file[LAYOUT_FILE_MAX];
	ssize_t n;

	layout_link_file(link, sizeof(link), ls->name);
	n = readlinkat(dir, link, target, sizeof(target) - 1);
	if (n <= 0)
		return 0;
	target[n] = '\0';
	if (!top)
		return order_of_link(lg, ls, target);
	return layout_parse_target(target, day, file) ? order_of_link(lg, ls, file) : 0;
}

bool
sink_has_no_links(struct logger *lg, int err)
{
	/* (A folder that we may not write is EACCES.) */
	if (err != EPERM && err != EOPNOTSUPP && err != ENOSYS)
		return false;
	if (!lg->no_links)
		log_warnx(
		    "the file system of the journal has no symbolic links: %s; logs "
		    "go on without",
		    strerror(err));
	lg->no_links = true;
	return true;
}

static int
make_link(struct logger *lg, struct logslot *ls, int dir, const char *target)
{
	char link[LAYOUT_FILE_MAX];

	layout_link_file(link, sizeof(link), ls->name);
	if (symlink_atomic(dir, target, link) == 0)
		return 0;
	if (errno == EEXIST) {
		/* Something that is no link has that name.  It is not ours. */
		channel_report(lg, ls, 2, STREAM_DISTURBED, EEXIST);
		return 0;
	}
	return sink_has_no_links(lg, errno) ? 0 : -1;
}

/* Both links, unless a later invocation has them. */
static int
sink_link(struct logger *lg, struct logslot *ls)
{
	struct linkrec *r = linkrec_get(lg, ls->name);
	uint64_t mine = ls->ts->conf.order;
	int day = sink_day_fd(lg, ls->sink.day), top = sink_day_fd(lg, "");
	char target[LAYOUT_PATH_MAX], file[LAYOUT_FILE_MAX];

	if (day == -1 || top == -1)
		return -1;
	sink_file(ls, file);
	if (strcmp(r->day, ls->sink.day) != 0) {
		r->day_order = order_on_disk(lg, ls, day, false);
		strlcpy(r->day, ls->sink.day, sizeof(r->day));
	}
	if (r->top_order == 0)
		r->top_order = order_on_disk(lg, ls, top, true);
	if (mine >= r->day_order) {
		if (make_link(lg, ls, day, file) == -1)
			return -1;
		r->day_order = mine;
	}
	if (mine >= r->top_order) {
		layout_link_target(target, sizeof(target), ls->sink.day, file);
		if (make_link(lg, ls, top, target) == -1)
			return -1;
		r->top_order = mine;
	}
	ls->ts->log.linked = 1;
	return 0;
}

/* ---- having the right one ---- */

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
			return log->linked ? 0 : sink_link(lg, ls);
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
	return log->linked ? 0 : sink_link(lg, ls);
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
