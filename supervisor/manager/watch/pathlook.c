#include "manager/watch/pathlook.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/watch/pathwatch.h"
#include "manager/watch/reach.h"
#include "unit/instance_set.h"

enum {
	WAYS_MAX = 8192,    /* watches of one look */
	VISITS_MAX = 65536, /* names that are looked at */
	LINKS_MAX = 40,     /* as the kernel has it */
	RACES_MAX = 8,      /* comes and goes while it is looked at */
};

/* A thing that is there; no mask of what happens inside of a folder is among these. */
#define SELF (IN_MOVE_SELF | IN_DELETE_SELF | IN_DONT_FOLLOW)
#define COMES (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
#define COMES_AND_GOES (COMES | IN_MOVED_FROM | IN_DELETE)

struct pathlook {
	struct manager *m;
	struct watcher watcher;
	bool blind;
	int err; /* why it is blind */
	dev_t device;
	uint32_t end_mask;
	size_t end_number;
	/* Of the walk that goes on. */
	pathlook_found_fn *found;
	void *found_arg;
	bool wild, stopped;
	unsigned links;
	size_t visits;
	char *problem;
};

static void walk(
    struct pathlook *l, const char *at, const char *rest, const char *captured);

/* ---- watching ---- */

/* False: it is not there.  (What cannot be watched for another reason is seen by a look
 * only.) */
static bool
watch(struct pathlook *l, const char *path, uint32_t mask, enum way_kind kind,
    const char *name)
{
	bool full = l->watcher.n >= WAYS_MAX;

	if (!full &&
	    watcher_add(l->m, &l->watcher, path, mask, kind, name, l->end_number) == 0)
		return true;
	if (!full && (errno == ENOENT || errno == ENOTDIR))
		return false;
	if (!l->blind)
		l->err = full ? 0 : errno;
	l->blind = true;
	return true;
}

/* ---- walking ---- */

static void
stop(struct pathlook *l, char *problem)
{
	l->stopped = true;
	if (l->problem == NULL)
		l->problem = problem;
	else
		free(problem);
}

static void
stop_at(struct pathlook *l, const char *path, const char *why)
{
	stop(l, xasprintf("%s: %s", *path == '\0' ? "/" : path, why));
}

static bool
may_touch(struct pathlook *l, const char *path, bool follow)
{
	if (l->visits++ >= VISITS_MAX)
		stop_at(l, path, "more names than can be looked at");
	else if (!reach_may(l->m->reach, path, follow))
		stop_at(l, path, "its file system does not answer");
	return !l->stopped;
}

/* One that is not there.  Behind a wildcard that is but no match. */
static void
absent(struct pathlook *l, const char *path, const char *captured)
{
	if (captured == NULL)
		stop_at(l, path, "it is not there");
}

/* What PATH, which is NAME in the folder AT, is, watched.  -1: it is not there, which is
 * watched as well, or the walk was stopped. */
static int
look_at(struct pathlook *l, const char *at, const char *name, const char *path,
    struct stat *st)
{
	for (int i = 0; i < RACES_MAX; i++) {
		/* Before it is asked for, so that no change falls in between. */
		bool there = watch(l, path, SELF, WAY_THING, NULL);

		if (there && lstat(path, st) == 0) {
			if (!S_ISDIR(st->st_mode))
				(void)watch(l, path,
				    IN_ATTRIB | IN_DONT_FOLLOW |
					(S_ISREG(st->st_mode) ? IN_CLOSE_WRITE : 0),
				    WAY_THING, NULL);
			return 0;
		}
		if (there && errno != ENOENT && errno != ENOTDIR) {
			stop_at(l, path, strerror(errno));
			return -1;
		}
		(void)watch(l, *at == '\0' ? "/" : at, COMES, WAY_NAME, name);
		if (lstat(path, st) == -1)
			return -1;
	}
	stop_at(l, path, "it comes and goes");
	return -1;
}

/* Goes on behind the link at PATH, which lies in the folder AT. */
static void
follow(struct pathlook *l, const char *at, const char *path, const char *rest,
    const char *captured)
{
	char target[PATH_MAX], *next;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n == -1) {
		stop_at(l, path, strerror(errno));
		return;
	}
	if (l->links++ >= LINKS_MAX) {
		stop_at(l, path, "too many links");
		return;
	}
	target[n] = '\0';
	next = xasprintf("%s/%s", target, rest);
	walk(l, target[0] == '/' ? "" : at, next, captured);
	free(next);
}

static void
walk_name(struct pathlook *l, const char *at, const char *name, const char *rest,
    const char *captured)
{
	char *path = xasprintf("%s/%s", at, name);
	struct stat st;

	if (!may_touch(l, path, false))
		;
	else if (look_at(l, at, name, path, &st) == -1)
		absent(l, path, captured);
	else if (S_ISLNK(st.st_mode))
		follow(l, at, path, rest, captured);
	else
		walk(l, path, rest, captured);
	free(path);
}

/* The names of a folder, sorted; -1: the walk is stopped, or there is none. */
static int
read_names(struct pathlook *l, const char *dir, const char *captured, struct strv *names)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;

	if (d == NULL) {
		if (errno == ENOENT || errno == ENOTDIR)
			absent(l, dir, captured);
		else
			stop_at(l, dir, strerror(errno));
		return -1;
	}
	if (captured == NULL && fstat(dirfd(d), &st) == 0)
		l->device = st.st_dev;
	while ((errno = 0, e = readdir(d)) != NULL && names->n <= VISITS_MAX)
		strv_add(names, e->d_name);
	if (e != NULL) {
		/* Not all of it is no list of what is gone.  With each that goes,
		 * whatever its name, all of it may be. */
		(void)watch(l, dir, COMES_AND_GOES, WAY_GONE, NULL);
		stop_at(l, dir, "more names than can be looked at");
	} else if (errno != 0) {
		stop_at(l, dir, strerror(errno));
	}
	closedir(d);
	strv_sort(names);
	return l->stopped ? -1 : 0;
}

static void
walk_wild(struct pathlook *l, const char *at, const char *name, const char *rest,
    const char *captured)
{
	const char *dir = *at == '\0' ? "/" : at;
	unsigned links = l->links; /* of this way; each of those below has its own */
	struct strv names = { 0 };

	if (!may_touch(l, dir, true))
		return;
	(void)watch(l, dir, COMES_AND_GOES, WAY_WILD, name);
	if (read_names(l, dir, captured, &names) == 0)
		for (size_t i = 0; i < names.n && !l->stopped; i++) {
			char *got = instance_capture(name, names.v[i]), *all, *path;

			if (got == NULL)
				continue;
			all = captured == NULL ? xstrdup(got)
					       : xasprintf("%s/%s", captured, got);
			path = xasprintf("%s/%s", at, names.v[i]);
			l->links = links;
			if (rest[strspn(rest, "/")] == '\0')
				walk(l, path, "", all);
			else if (may_touch(l, path, true))
				walk(l, path, rest, all);
			free(path);
			free(all);
			free(got);
		}
	strv_free(&names);
}

/* At the folder AT ("" is the root), with REST to go. */
static void
walk(struct pathlook *l, const char *at, const char *rest, const char *captured)
{
	size_t n;
	char *name;

	rest += strspn(rest, "/");
	if (l->stopped)
		return;
	if (*rest == '\0') {
		if (l->end_mask != 0)
			(void)watch(
			    l, *at == '\0' ? "/" : at, l->end_mask, WAY_END, NULL);
		if (!l->found(l->found_arg, *at == '\0' ? "/" : at, captured))
			l->stopped = true;
		return;
	}
	if (strlen(at) + strlen(rest) >= PATH_MAX) {
		stop_at(l, at, strerror(ENAMETOOLONG));
		return;
	}
	n = strcspn(rest, "/");
	name = xstrndup(rest, n);
	if (strcmp(name, ".") == 0)
		walk(l, at, rest + n, captured);
	else if (l->wild && instance_is_wild(name, n))
		walk_wild(l, at, name, rest + n, captured);
	else
		walk_name(l, at, name, rest + n, captured);
	free(name);
}

char *
pathlook_walk(
    struct pathlook *l, const char *path, bool wild, pathlook_found_fn *found, void *arg)
{
	char *problem;

	l->found = found;
	l->found_arg = arg;
	l->wild = wild;
	l->stopped = false;
	l->links = 0;
	l->visits = 0;
	walk(l, "", path, NULL);
	problem = l->problem;
	l->problem = NULL;
	return problem;
}

void
pathlook_set_end(struct pathlook *l, uint32_t mask, size_t number)
{
	l->end_mask = mask;
	l->end_number = number;
}

ssize_t
pathlook_hit(const struct pathlook *l)
{
	return l->watcher.hit;
}

bool
pathlook_was_lost(const struct pathlook *l)
{
	return l->watcher.lost;
}

int
pathlook_error(const struct pathlook *l)
{
	return l->err;
}

dev_t
pathlook_device(const struct pathlook *l)
{
	return l->device;
}

bool
pathlook_is_blind(const struct pathlook *l)
{
	return l->blind;
}

/* ---- life ---- */

void
pathlook_stop(struct pathlook *l)
{
	watcher_end(l->m, &l->watcher);
	l->blind = false;
}

void
pathlook_begin(struct pathlook *l)
{
	l->device = 0;
	l->end_mask = 0;
	l->blind = watcher_begin(l->m, &l->watcher) == -1;
	l->err = errno;
}

struct pathlook *
pathlook_new(struct manager *m, pathlook_changed_fn *fn, void *arg)
{
	struct pathlook *l = xcalloc(1, sizeof(*l));

	l->m = m;
	l->watcher.fn = fn;
	l->watcher.arg = arg;
	l->watcher.hit = -1;
	return l;
}

void
pathlook_free(struct pathlook *l)
{
	if (l == NULL)
		return;
	pathlook_stop(l);
	free(l);
}
