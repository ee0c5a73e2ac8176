#include "manager/watch/pathwatch.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/tree.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/watch/reach.h"

/* A thing that is watched for one watcher. */
struct way {
	LIST_ENTRY(way) of_watcher;
	TAILQ_ENTRY(way) of_thing;
	struct watcher *watcher;
	struct thing *thing; /* NULL: the kernel watches it no more */
	enum way_kind kind;
	uint32_t mask;
	size_t number;
	char name[];
};

/* One watch of the kernel. */
struct thing {
	RB_ENTRY(thing) node;
	int wd;
	uint32_t mask;          /* the kernel's */
	bool follow;            /* path may be a link to it */
	bool left_over;         /* of mask, since one of the ways has gone */
	TAILQ_HEAD(, way) ways; /* the oldest first */
	char path[];            /* it was last seen as */
};
RB_HEAD(thing_tree, thing);

struct pathwatch {
	struct manager *m;
	int fd;
	struct loop_io *io;
	struct thing_tree things;
	LIST_HEAD(, watcher) watchers;
	TAILQ_HEAD(due_list, watcher) due;
};

static int
thing_compare(const struct thing *a, const struct thing *b)
{
	return a->wd == b->wd ? 0 : a->wd < b->wd ? -1 : 1;
}

RB_GENERATE_INTERNAL(
    thing_tree, thing, node, thing_compare, __attribute__((unused)) static)

static struct thing *
thing_find(struct pathwatch *p, int wd)
{
	struct thing key = { .wd = wd };

	return RB_FIND(thing_tree, &p->things, &key);
}

static void
thing_free(struct pathwatch *p, struct thing *t)
{
	struct way *y;

	while ((y = TAILQ_FIRST(&t->ways)) != NULL) {
		TAILQ_REMOVE(&t->ways, y, of_thing);
		y->thing = NULL;
	}
	RB_REMOVE(thing_tree, &p->things, t);
	free(t);
}

/* ---- what happens -------------------------------------------------------------------
 */

static void
is_due(struct pathwatch *p, struct watcher *w)
{
	if (w->is_due)
		return;
	w->is_due = true;
	TAILQ_INSERT_TAIL(&p->due, w, due);
}

static void
is_lost(struct pathwatch *p, struct watcher *w)
{
	w->lost = true;
	is_due(p, w);
}

static bool
concerns(const struct way *y, const struct inotify_event *e)
{
	/* That the kernel watches it no more comes unasked. */
	uint32_t unasked = IN_IGNORED | IN_UNMOUNT;

	switch (y->kind) {
	case WAY_THING:
		return e->len == 0 && (e->mask & (y->mask | unasked)) != 0;
	case WAY_END:
		return (e->mask & y->mask) != 0;
	case WAY_GONE:
		return e->len > 0 && (e->mask & (IN_MOVED_FROM | IN_DELETE)) != 0;
	case WAY_NAME:
		return e->len > 0 && (e->mask & y->mask) != 0 &&
		       strcmp(y->name, e->name) == 0;
	case WAY_WILD:
		return e->len > 0 && (e->mask & y->mask) != 0 &&
		       fnmatch(y->name, e->name, FNM_PERIOD | FNM_NOESCAPE) == 0;
	}
	return false;
}

/* What the kernel tells and nobody asks for any more is not told again. */
static void
trim(struct pathwatch *p, struct thing *t)
{
	struct thing *other;
	struct way *y;
	uint32_t mask = 0, how = t->follow ? 0 : IN_DONT_FOLLOW;
	int wd;

	if (!t->left_over || !reach_may(p->m->reach, t->path, t->follow))
		return;
	/* Once, also when the path leads elsewhere by now. */
	t->left_over = false;
	TAILQ_FOREACH (y, &t->ways, of_thing)
		mask |= y->mask;
	if (mask == t->mask)
		return;
	wd = inotify_add_watch(
	    p->fd, t->path, (mask & ~(uint32_t)(IN_ONLYDIR | IN_DONT_FOLLOW)) | how);
	if (wd == t->wd) {
		t->mask = mask;
		return;
	}
	if (wd == -1)
		return; /* that it has gone is told */
	other = thing_find(p, wd);
	if (other == NULL) {
		(void)inotify_rm_watch(p->fd, wd);
		return;
	}
	/* Another thing has that path now, and the wrong mask: they begin anew. */
	other->mask = mask;
	TAILQ_FOREACH (y, &other->ways, of_thing)
		is_lost(p, y->watcher);
}

static void
note(struct pathwatch *p, const struct inotify_event *e)
{
	struct watcher *w;
	struct thing *t;
	struct way *y;
	bool any = false;

	if (e->mask & IN_Q_OVERFLOW) {
		LIST_FOREACH (w, &p->watchers, next)
			is_lost(p, w);
		return;
	}
	t = thing_find(p, e->wd);
	if (t == NULL)
		return;
	TAILQ_FOREACH (y, &t->ways, of_thing) {
		/* All of them: the same thing may be on the way and at its end. */
		if (!concerns(y, e))
			continue;
		any = true;
		if (y->kind == WAY_END && y->watcher->hit == -1)
			y->watcher->hit = (ssize_t)y->number;
		is_due(p, y->watcher);
	}
	if (e->mask & IN_IGNORED)
		thing_free(p, t);
	else if (!any)
		trim(p, t);
}

/* All that the kernel has by now. */
static void
take_events(struct pathwatch *p)
{
	_Alignas(struct inotify_event) char buf[16384];
	int left = 0;

	if (ioctl(p->fd, FIONREAD, &left) == -1)
		left = 1;
	while (left > 0) {
		ssize_t n = read(p->fd, buf, sizeof(buf));

		if (n <= 0) {
			if (n == -1 && errno == EINTR)
				continue;
			return;
		}
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);

			note(p, e);
			at += (ssize_t)sizeof(*e) + e->len;
		}
		left -= (int)n;
	}
}

/* Those that are due now; what they do may make others so, who come later. */
static void
tell(void *arg)
{
	struct pathwatch *p = arg;
	struct watcher *w;
	size_t n = 0;

	TAILQ_FOREACH (w, &p->due, due)
		n++;
	while (n-- > 0 && (w = TAILQ_FIRST(&p->due)) != NULL) {
		TAILQ_REMOVE(&p->due, w, due);
		w->is_due = false;
		w->fn(w->arg);
	}
	if (!TAILQ_EMPTY(&p->due))
		loop_post(p->m->loop, tell, p);
}

static void
on_event(struct loop_io *io, int events, void *arg)
{
	(void)io;
	(void)events;
	take_events(arg);
	tell(arg);
}

/* ---- what is watched ----------------------------------------------------------------
 */

/* NULL: there is none to be had, now. */
static struct pathwatch *
pathwatch_of(struct manager *m)
{
	struct pathwatch *p = m->pathwatch;
	int fd;

	if (p != NULL)
		return p;
	fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd == -1)
		return NULL;
	p = m->pathwatch = xcalloc(1, sizeof(*p));
	p->m = m;
	p->fd = fd;
	p->io = loop_io_new(m->loop, "paths", fd, LOOP_READ, on_event, p);
	RB_INIT(&p->things);
	LIST_INIT(&p->watchers);
	TAILQ_INIT(&p->due);
	return p;
}

int
watcher_begin(struct manager *m, struct watcher *w)
{
	struct pathwatch *p = pathwatch_of(m);

	watcher_end(m, w);
	if (p == NULL)
		return -1;
	/* What comes now is of before, and for others. */
	take_events(p);
	if (!TAILQ_EMPTY(&p->due))
		loop_post(m->loop, tell, p);
	w->begun = true;
	LIST_INSERT_HEAD(&p->watchers, w, next);
	return 0;
}

static struct thing *
thing_of(struct pathwatch *p, int wd, const char *path, uint32_t mask)
{
	struct thing *t = thing_find(p, wd);
	size_t n = strlen(path) + 1;

	if (t == NULL) {
		t = xcalloc(1, sizeof(*t) + n);
		t->wd = wd;
		t->follow = (mask & IN_DONT_FOLLOW) == 0;
		TAILQ_INIT(&t->ways);
		memcpy(t->path, path, n);
		RB_INSERT(thing_tree, &p->things, t);
	}
	t->mask |= mask;
	return t;
}

int
watcher_add(struct manager *m, struct watcher *w, const char *path, uint32_t mask,
    enum way_kind kind, const char *name, size_t number)
{
	struct pathwatch *p = m->pathwatch;
	size_t n = name != NULL ? strlen(name) + 1 : 1;
	struct way *y;
	int wd;

	if (p == NULL || !w->begun) {
		errno = EMFILE;
		return -1;
	}
	wd = inotify_add_watch(p->fd, path, mask | IN_MASK_ADD);
	if (wd == -1)
		return -1;
	y = xcalloc(1, sizeof(*y) + n);
	y->watcher = w;
	y->thing = thing_of(p, wd, path, mask);
	y->kind = kind;
	y->mask = mask;
	y->number = number;
	if (name != NULL)
		memcpy(y->name, name, n);
	LIST_INSERT_HEAD(&w->ways, y, of_watcher);
	TAILQ_INSERT_TAIL(&y->thing->ways, y, of_thing);
	w->n++;
	return 0;
}

static void
way_free(struct pathwatch *p, struct way *y)
{
	struct thing *t = y->thing;

	LIST_REMOVE(y, of_watcher);
	if (t != NULL) {
		TAILQ_REMOVE(&t->ways, y, of_thing);
		t->left_over = true;
		if (TAILQ_EMPTY(&t->ways)) {
			(void)inotify_rm_watch(p->fd, t->wd);
			thing_free(p, t);
		}
	}
	free(y);
}

void
watcher_end(struct manager *m, struct watcher *w)
{
	struct pathwatch *p = m->pathwatch;
	struct way *y;

	w->hit = -1;
	w->lost = false;
	if (!w->begun)
		return;
	while ((y = LIST_FIRST(&w->ways)) != NULL)
		way_free(p, y);
	w->n = 0;
	if (w->is_due)
		TAILQ_REMOVE(&p->due, w, due);
	w->is_due = w->begun = false;
	LIST_REMOVE(w, next);
}
