#include "manager/watch/filewatch.h"

#include <sys/inotify.h>
#include <sys/queue.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/watch/reach.h"
#include "unit/conf.h"

/* The folder tells of names that come and go, the file (through a link, too) of its
 * bytes. */
#define FOLDER_MASK                                                             \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | \
	    IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD)
#define FILE_MASK                                                                 \
	(IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | \
	    IN_MASK_ADD)

struct filewatch_file {
	LIST_ENTRY(filewatch_file) next;
	struct filewatch *w;
	char *path;
	const char *name; /* the last part of path */
	int folder_wd;    /* of the nearest folder above it that is there; -1: none */
	bool above;       /* that is not its own folder */
	int file_wd;      /* -1: it is not there */
	bool changed;
	filewatch_fn *fn;
	void *arg;
};

struct filewatch {
	struct manager *m;
	int fd;
	struct loop_io *io;
	struct loop_timer *rest;
	bool told; /* that something cannot be watched */
	LIST_HEAD(, filewatch_file) files;
};

/* ---- what is watched ---- */

/* Others may look at the same folder or file. */
static void
drop_wd(struct filewatch *w, int *wd)
{
	const struct filewatch_file *f;
	int old = *wd;

	*wd = -1;
	if (old == -1)
		return;
	LIST_FOREACH (f, &w->files, next)
		if (f->folder_wd == old || f->file_wd == old)
			return;
	(void)inotify_rm_watch(w->fd, old);
}

static int
add_wd(struct filewatch *w, const char *path, uint32_t mask)
{
	int wd;

	if (!reach_may(w->m->reach, path, true)) {
		errno = ETIMEDOUT;
		return -1;
	}
	wd = inotify_add_watch(w->fd, path, mask);
	/* Told once: it may come with each change. */
	if (wd == -1 && !w->told && errno != ENOENT && errno != ENOTDIR &&
	    errno != EACCES) {
		w->told = true;
		log_warn(
		    "%s: changes of it, and maybe of others, are not seen at once", path);
	}
	return wd;
}

static void
watch_folder(struct filewatch *w, struct filewatch_file *f)
{
	char *path = xstrdup(f->path), *slash;
	int wd = -1;

	f->above = false;
	while (wd == -1 && (slash = strrchr(path, '/')) != NULL) {
		slash[slash == path ? 1 : 0] = '\0';
		wd = add_wd(w, path, FOLDER_MASK);
		if (wd != -1 || slash == path || (errno != ENOENT && errno != ENOTDIR))
			break;
		f->above = true;
	}
	free(path);
	if (wd != f->folder_wd) {
		drop_wd(w, &f->folder_wd);
		f->folder_wd = wd;
	}
}

/* The folder first: what happens to the file meanwhile is told by it. */
static void
watch(struct filewatch *w, struct filewatch_file *f)
{
	int wd;

	watch_folder(w, f);
	wd = f->above || f->folder_wd == -1 ? -1 : add_wd(w, f->path, FILE_MASK);
	if (wd != f->file_wd) {
		drop_wd(w, &f->file_wd);
		f->file_wd = wd;
	}
}

/* ---- what happens ---- */

static void
note(struct filewatch *w, const struct inotify_event *e)
{
	struct filewatch_file *f;
	bool lost = (e->mask & IN_Q_OVERFLOW) != 0;

	LIST_FOREACH (f, &w->files, next) {
		if (f->folder_wd == e->wd && !lost && e->len > 0 && !f->above &&
		    strcmp(e->name, f->name) != 0)
			continue; /* of a neighbour */
		if (!lost && f->folder_wd != e->wd && f->file_wd != e->wd)
			continue;
		f->changed = true;
		if ((e->mask & IN_IGNORED) == 0)
			continue;
		if (f->folder_wd == e->wd)
			f->folder_wd = -1;
		if (f->file_wd == e->wd)
			f->file_wd = -1;
	}
}

/* fn may remove any of them: from the first again after each. */
static void
tell(struct filewatch *w)
{
	struct filewatch_file *f;

	do {
		LIST_FOREACH (f, &w->files, next)
			if (f->changed)
				break;
		if (f == NULL)
			break;
		f->changed = false;
		watch(w, f);
		f->fn(f->arg);
	} while (true);
}

static void
on_event(struct loop_io *io, int events, void *arg)
{
	_Alignas(struct inotify_event) char buf[16384];
	struct filewatch *w = arg;
	ssize_t n = read(w->fd, buf, sizeof(buf));

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buf + at);

		note(w, e);
		at += (ssize_t)sizeof(*e) + e->len;
	}
	/* The kernel keeps what comes meanwhile, or says that it was too much. */
	loop_io_set(io, 0);
	loop_timer_in(w->rest, w->m->conf->file_watch_delay_us);
	tell(w);
}

static void
on_rest(struct loop_timer *t, void *arg)
{
	struct filewatch *w = arg;

	(void)t;
	loop_io_set(w->io, LOOP_READ);
}

/* ---- life ---- */

static struct filewatch *
filewatch_of(struct manager *m)
{
	struct filewatch *w = m->filewatch;

	if (w != NULL)
		return w;
	w = m->filewatch = xcalloc(1, sizeof(*w));
	w->m = m;
	LIST_INIT(&w->files);
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd == -1) {
		log_warn("inotify: files of sessions are looked at only when they start, "
			 "end, or would be stale");
		return w;
	}
	w->io = loop_io_new(m->loop, "files", w->fd, LOOP_READ, on_event, w);
	w->rest = loop_timer_new(m->loop, "files", on_rest, w);
	return w;
}

struct filewatch_file *
filewatch_add(struct manager *m, const char *path, filewatch_fn *fn, void *arg)
{
	struct filewatch *w = filewatch_of(m);
	struct filewatch_file *f = xcalloc(1, sizeof(*f));
	const char *slash;

	f->w = w;
	f->path = xstrdup(path);
	slash = strrchr(f->path, '/');
	f->name = slash != NULL ? slash + 1 : f->path;
	f->folder_wd = f->file_wd = -1;
	f->fn = fn;
	f->arg = arg;
	LIST_INSERT_HEAD(&w->files, f, next);
	if (w->fd != -1)
		watch(w, f);
	return f;
}

void
filewatch_remove(struct filewatch_file *f)
{
	if (f == NULL)
		return;
	LIST_REMOVE(f, next);
	if (f->w->fd != -1) {
		drop_wd(f->w, &f->folder_wd);
		drop_wd(f->w, &f->file_wd);
	}
	free(f->path);
	free(f);
}

void
filewatch_answered(struct manager *m)
{
	struct filewatch_file *f;

	if (m->filewatch == NULL || m->filewatch->fd == -1)
		return;
	LIST_FOREACH (f, &m->filewatch->files, next)
		f->changed = f->changed || f->folder_wd == -1;
	tell(m->filewatch);
}

void
filewatch_again(struct manager *m)
{
	struct filewatch_file *f;

	if (m->filewatch == NULL || m->filewatch->fd == -1)
		return;
	LIST_FOREACH (f, &m->filewatch->files, next) {
		int folder_wd = f->folder_wd, file_wd = f->file_wd;

		/* The same number: inotify has the very same folder under that path. */
		watch(m->filewatch, f);
		f->changed =
		    f->changed || f->folder_wd != folder_wd || f->file_wd != file_wd;
	}
	tell(m->filewatch);
}
