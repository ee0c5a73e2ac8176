/*
 * budget_files: the files in which agents count what they use.
 *
 * A file belongs to the agent: it may be anything, and anything may happen to it.  It is
 * read only if it is a regular file of bounded size whose file system answers, never
 * through a link as its last component, and what is no number in it is told once and
 * changes nothing.  While its unit runs it is looked at when it was closed after writing,
 * or replaced, at most some times a second; else when a run begins and ends.
 */
#include <sys/inotify.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/budget/budgets_int.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/session/usage.h"
#include "manager/units.h"
#include "manager/watch/reach.h"

enum {
	USAGE_FILE_MAX = 1024 * 1024,
	USAGE_NODES_MAX = 64 * 1024,
	WATCHES_MAX = 16384,
};

/* From a change to the look at it, and the least between two turns of inotify: whoever
 * writes without end costs so much and no more. */
#define LOOK_US (200 * USEC_PER_MSEC)
/* A file that is being written may be half there. */
#define AGAIN_US USEC_PER_SEC

#define MASK                                                                        \
	(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | \
	    IN_ONLYDIR)

struct watched {
	int wd;
	struct unit_budget *ub;
	char *name; /* in that folder: of the file, or of the folder on the way to it */
};

struct budget_files {
	struct manager *m;
	int fd; /* -1: there is no inotify */
	struct loop_io *io;
	struct loop_timer *rest;
	struct watched *v;
	size_t n;
};

void
budget_counter_name(
    const struct budget_source *s, enum budget_counted what, struct buf *name)
{
	if (s->kind == BUDGET_FROM_FILE)
		buf_addf(name, "file:%s#%s", s->arg, s->pointer[what]);
	else
		buf_addf(name, "rule:%s#%d", s->arg, s->capture[what]);
}

/* ---- reading ---- */

/* Why nothing could be counted. */
enum why {
	WHY_NOT, /* it could */
	WHY_FAR,
	WHY_LINK,
	WHY_KIND,
	WHY_LARGE,
	WHY_FILE,
	WHY_JSON,
	WHY_NOTHING,
	WHY_NUMBER,
};

/* One file, read once for all sources of a unit that are in it. */
struct look {
	const char *path;
	struct jv *v; /* NULL with WHY_NOT: it is not there */
	enum why why;
	char text[JSON_ERR_MAX + 32];
};

/* Each reason is told once of a source, until all could be read again: whatever is
 * written there meanwhile. */
static void
tell_source(struct unit_budget *ub, size_t i, const struct look *l)
{
	struct emitter *ev = ub->unit->manager->events;

	if ((ub->source_told[i] >> l->why & 1) != 0)
		return;
	ub->source_told[i] = (uint16_t)(ub->source_told[i] | 1U << l->why);
	event_begin(ev, EVENT_BUDGET_SOURCE, ub->unit->name, NULL);
	event_strf(ev, "source", "file:%s", l->path);
	event_str(ev, "error", l->text);
	event_end(ev);
}

/* What status shows: of the first that could not be read; l NULL: all could. */
static void
set_error(struct unit_budget *ub, const struct look *l)
{
	free(ub->source_error);
	ub->source_error = l == NULL ? NULL : xasprintf("%s: %s", l->path, l->text);
	if (l == NULL)
		memset(ub->source_told, 0, sizeof(ub->source_told));
	unit_render_drop(ub->unit);
}

static void
fail(struct look *l, enum why why, const char *text)
{
	l->why = why;
	snprintf(l->text, sizeof(l->text), "%s", text);
}

static void
fail_file(struct look *l, int err)
{
	if (err == ELOOP)
		fail(l, WHY_LINK, "it is a symbolic link");
	else if (err == EINVAL)
		fail(l, WHY_KIND, "it is no regular file");
	else
		fail(l, err == EFBIG ? WHY_LARGE : WHY_FILE, strerror(err));
}

static void
look_at(struct look *l, struct manager *m, const char *path)
{
	static const struct json_limits limits = { .max_bytes = USAGE_FILE_MAX,
		.max_nodes = USAGE_NODES_MAX,
		.max_depth = JSON_DEPTH_MAX };
	struct json_err err = { .text = "" };
	struct buf text = { 0 };

	*l = (struct look){ .path = path };
	if (!reach_may(m->reach, path, true)) {
		fail(l, WHY_FAR, "its file system does not answer");
		return;
	}
	if (file_read_at(AT_FDCWD, path, USAGE_FILE_MAX, &text) == -1) {
		if (errno != ENOENT && errno != ENOTDIR)
			fail_file(l, errno);
	} else {
		l->v = jv_parse_limits(buf_str(&text), text.len, &limits, &err);
		if (l->v == NULL)
			fail(l, WHY_JSON, err.text);
	}
	buf_free(&text);
}

/* What it shows when it is seen first was before.  False: l says what is wrong. */
static bool
count_value(struct unit_budget *ub, const struct budget_source *s,
    enum budget_counted what, struct look *l)
{
	const struct jv *v = jv_pointer(l->v, s->pointer[what]);
	struct buf name = { 0 };
	uint64_t n;

	if (v == NULL || usage_of_json(what, v, &n) == -1) {
		l->why = v == NULL ? WHY_NOTHING : WHY_NUMBER;
		snprintf(l->text, sizeof(l->text), "%s at %.200s",
		    v == NULL ? "nothing is" : "no number that can be counted is",
		    s->pointer[what]);
		return false;
	}
	budget_counter_name(s, what, &name);
	budget_counter(ub->account, buf_str(&name), budget_kind_of(what), n, false, true);
	buf_free(&name);
	return true;
}

/* It is not there: what will be in it is used from now on. */
static void
base_value(
    struct unit_budget *ub, const struct budget_source *s, enum budget_counted what)
{
	struct buf name = { 0 };

	budget_counter_name(s, what, &name);
	budget_counter_base(ub->account, buf_str(&name), budget_kind_of(what), 0);
	buf_free(&name);
}

/* Counts all that is wanted from there on.  False: l says what is wrong. */
static bool
count_source(
    struct unit_budget *ub, const struct budget_source *s, bool base, struct look *l)
{
	bool good = l->why == WHY_NOT;

	for (int what = 0; what < BUDGET_NCOUNTED && good; what++) {
		if (s->pointer[what] == NULL)
			continue;
		if (l->v != NULL)
			good = count_value(ub, s, (enum budget_counted)what, l);
		else if (base)
			base_value(ub, s, (enum budget_counted)what);
	}
	return good;
}

static void on_read_timer(struct loop_timer *t, void *arg);

static void
read_soon(struct unit_budget *ub, uint64_t in_us)
{
	if (ub->read_timer == NULL)
		ub->read_timer = loop_timer_new(
		    ub->unit->manager->loop, "budget-file", on_read_timer, ub);
	if (!loop_timer_is_armed(ub->read_timer))
		loop_timer_in(ub->read_timer, in_us);
}

static bool
read_all(struct unit_budget *ub, bool base, bool tell)
{
	struct look l = { 0 };
	bool good = true;

	for (size_t i = 0; i < ub->conf->n_sources; i++) {
		const struct budget_source *s = &ub->conf->sources[i];

		if (s->kind != BUDGET_FROM_FILE)
			continue;
		/* (A value that is wrong says nothing of those of the next source.) */
		if (l.path == NULL || strcmp(l.path, s->arg) != 0) {
			jv_free(l.v);
			look_at(&l, ub->unit->manager, s->arg);
		} else if (l.v != NULL) {
			l.why = WHY_NOT;
		}
		if (count_source(ub, s, base, &l))
			continue;
		if (tell) {
			tell_source(ub, i, &l);
			if (good)
				set_error(ub, &l);
		}
		good = false;
	}
	jv_free(l.v);
	return good;
}

static void
look_at_all(struct unit_budget *ub, bool base)
{
	/* What is half there now may be whole in a while. */
	bool again = !ub->retried && ub->watched;
	bool good = read_all(ub, base, !again);

	if (!good && again)
		read_soon(ub, AGAIN_US);
	ub->retried = !good && !ub->retried;
	if (good && ub->source_error != NULL)
		set_error(ub, NULL);
	budget_later(ub);
}

void
budget_files_read(struct unit_budget *ub)
{
	look_at_all(ub, false);
}

void
budget_files_base(struct unit_budget *ub)
{
	look_at_all(ub, true);
}

/* ---- watching ---- */

static bool
is_used(const struct budget_files *f, int wd)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].wd == wd)
			return true;
	return false;
}

static void
drop(struct budget_files *f, size_t i)
{
	int wd = f->v[i].wd;

	free(f->v[i].name);
	f->v[i] = f->v[--f->n];
	if (!is_used(f, wd))
		(void)inotify_rm_watch(f->fd, wd);
}

static void
drop_all(struct budget_files *f, const struct unit_budget *ub)
{
	for (size_t i = f->n; i-- > 0;)
		if (f->v[i].ub == ub)
			drop(f, i);
}

/* The folder of the file; where that is not there yet, the nearest above it that is. */
static void
add(struct budget_files *f, struct unit_budget *ub, const char *path)
{
	char *dir = xstrdup(path), *slash;
	int wd = -1;

	while (wd == -1 && (slash = strrchr(dir, '/')) != NULL && f->n < WATCHES_MAX) {
		*slash = '\0';
		/* (What is not local is looked at when a run begins and ends.) */
		if (!reach_is_local(f->m->reach, slash == dir ? "/" : dir, true))
			break;
		wd = inotify_add_watch(f->fd, slash == dir ? "/" : dir, MASK);
		if (wd == -1 && errno != ENOENT && errno != ENOTDIR) {
			log_warn("%s: changes of %s are not seen at once", ub->unit->name,
			    path);
			break;
		}
		if (wd == -1)
			continue;
		f->v = xreallocarray(f->v, f->n + 1, sizeof(f->v[0]));
		f->v[f->n++] = (struct watched){ .wd = wd,
			.ub = ub,
			.name = xstrndup(slash + 1, strcspn(slash + 1, "/")) };
	}
	free(dir);
}

static void on_inotify(struct loop_io *io, int events, void *arg);
static void on_rested(struct loop_timer *t, void *arg);

/* With the first file that is wanted. */
static void
open_inotify(struct budget_files *f)
{
	f->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->fd == -1) {
		log_warn("files with what is used are looked at when a run ends only");
		return;
	}
	f->io = loop_io_new(f->m->loop, "budget-files", f->fd, LOOP_READ, on_inotify, f);
	f->rest = loop_timer_new(f->m->loop, "budget-files", on_rested, f);
}

static bool
has_file(const struct budget_conf *c)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (c->sources[i].kind == BUDGET_FROM_FILE)
			return true;
	return false;
}

static void
watch_all(struct budget_files *f, struct unit_budget *ub)
{
	if (f->fd == -1 && has_file(ub->conf))
		open_inotify(f);
	for (size_t i = 0; f->fd != -1 && i < ub->conf->n_sources; i++)
		if (ub->conf->sources[i].kind == BUDGET_FROM_FILE)
			add(f, ub, ub->conf->sources[i].arg);
}

void
budget_files_watch(struct unit_budget *ub)
{
	struct budget_files *f = ub->unit->manager->budgets->files;

	drop_all(f, ub);
	watch_all(f, ub);
	ub->watched = true;
	/* Between the last look and the watch something may have been written. */
	for (size_t i = 0; i < ub->conf->n_sources; i++)
		if (ub->conf->sources[i].kind == BUDGET_FROM_FILE)
			read_soon(ub, LOOK_US);
}

void
budget_files_unwatch(struct unit_budget *ub)
{
	drop_all(ub->unit->manager->budgets->files, ub);
	ub->watched = ub->retried = false;
	loop_timer_free(ub->read_timer);
	ub->read_timer = NULL;
}

static void
on_read_timer(struct loop_timer *t, void *arg)
{
	struct unit_budget *ub = arg;
	struct budget_files *f = ub->unit->manager->budgets->files;

	(void)t;
	/* A folder on the way may have come meanwhile, or gone. */
	drop_all(f, ub);
	watch_all(f, ub);
	budget_files_read(ub);
}

static void
on_change(struct budget_files *f, const struct inotify_event *e)
{
	bool all =
	    (e->mask & (IN_Q_OVERFLOW | IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) != 0;

	for (size_t i = 0; i < f->n; i++) {
		if ((e->mask & IN_Q_OVERFLOW) == 0 && f->v[i].wd != e->wd)
			continue;
		if (all || (e->len > 0 && strcmp(e->name, f->v[i].name) == 0))
			read_soon(f->v[i].ub, LOOK_US);
	}
}

static void
on_inotify(struct loop_io *io, int events, void *arg)
{
	struct budget_files *f = arg;
	char buf[16 * 1024] __attribute__((aligned(8)));
	ssize_t n = read(f->fd, buf, sizeof(buf));

	(void)events;
	for (char *at = buf; n > 0 && at < buf + n;) {
		const struct inotify_event *e = (const void *)at;

		on_change(f, e);
		at += sizeof(*e) + e->len;
	}
	loop_io_set(io, 0);
	loop_timer_in(f->rest, LOOK_US);
}

static void
on_rested(struct loop_timer *t, void *arg)
{
	struct budget_files *f = arg;

	(void)t;
	loop_io_set(f->io, LOOP_READ);
}

void
budget_files_again(struct manager *m)
{
	struct budget_files *f = m->budgets->files;

	for (size_t i = 0; i < f->n; i++)
		read_soon(f->v[i].ub, LOOK_US);
}

struct budget_files *
budget_files_new(struct manager *m)
{
	struct budget_files *f = xcalloc(1, sizeof(*f));

	f->m = m;
	f->fd = -1;
	return f;
}
