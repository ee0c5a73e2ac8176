#include "manager/watch/unitwatch.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/links.h"
#include "manager/manager.h"
#include "manager/units.h"
#include "manager/watch/reach.h"
#include "unit/load.h"
#include "unit/name.h"

enum {
	FOLDERS_MAX = 4096,
	READS_MAX = 64,  /* at a time */
	NAMES_MAX = 256, /* more changed names than this: look at everything */
	REST = 10,       /* so many times as long as such a look took, there is none */
};

#define REST_MAX_US (10 * USEC_PER_SEC)

/* A file is written in pieces; so long after the last one it is looked at. */
#define MASK                                                                    \
	(IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | \
	    IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* A folder of units that comes, or comes anew, is seen in the one above it. */
#define PARENT_MASK (IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD)

struct folder {
	int wd;
	char *path;
	char *unit; /* of NAME.d: the unit; NULL: a folder of units */
	bool above; /* only looked at for such a folder */
};

struct unitwatch {
	struct manager *m;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	struct folder *v;
	size_t n;
	struct strv names; /* changed since */
	bool all;
	uint64_t rest_until_us; /* whoever writes many files for long costs a tenth */
	bool told;              /* that the kernel has no room for another */
};

static void add_folder(struct unitwatch *w, const char *path, const char *unit);

/* "NAME.service.d" and NAME.service.wants belong to NAME.service; profiles/ to any unit:
 * it is called by its own name, which no unit has. */
static char *
unit_of_folder(const char *name)
{
	static const char *const suffixes[] = { ".d", ".wants", ".requires", ".upholds" };
	size_t n = strlen(name);

	if (strcmp(name, "profiles") == 0)
		return xstrdup(name);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t k = strlen(suffixes[i]);

		if (n > k && strcmp(name + n - k, suffixes[i]) == 0)
			return xstrndup(name, n - k);
	}
	return NULL;
}

static void
add_sub_folder(struct unitwatch *w, const char *dir, const char *name)
{
	char *unit = unit_of_folder(name), *path;
	struct stat st;

	if (unit == NULL)
		return;
	path = xasprintf("%s/%s", dir, name);
	if (reach_may(w->m->reach, path, true) && stat(path, &st) == 0 &&
	    S_ISDIR(st.st_mode))
		add_folder(w, path, unit);
	free(path);
	free(unit);
}

static void
add_sub_folders(struct unitwatch *w, const char *dir)
{
	DIR *d = reach_may(w->m->reach, dir, true) ? opendir(dir) : NULL;
	struct dirent *e;

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] != '.')
			add_sub_folder(w, dir, e->d_name);
	}
	closedir(d);
}

static void
add_watch(
    struct unitwatch *w, const char *path, const char *unit, uint32_t mask, bool above)
{
	int wd;

	if (w->n >= FOLDERS_MAX || !reach_may(w->m->reach, path, true))
		return;
	wd = inotify_add_watch(w->fd, path, mask);
	if (wd == -1) {
		if (!w->told && errno != ENOENT && errno != ENOTDIR) {
			w->told = true;
			log_warn("%s: changes in it are not seen at once", path);
		}
		return;
	}
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].wd != wd)
			continue;
		w->v[i].above = w->v[i].above && above;
		return;
	}
	w->v = xreallocarray(w->v, w->n + 1, sizeof(w->v[0]));
	w->v[w->n++] = (struct folder){ .wd = wd,
		.path = xstrdup(path),
		.unit = unit == NULL ? NULL : xstrdup(unit),
		.above = above };
	if (unit == NULL && !above)
		add_sub_folders(w, path);
}

static void
add_folder(struct unitwatch *w, const char *path, const char *unit)
{
	add_watch(w, path, unit, MASK | IN_MASK_ADD, false);
}

/* A folder of the search path, which need not be there. */
static void
add_search_folder(struct unitwatch *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *parent;

	add_folder(w, path, NULL);
	if (slash == NULL || slash == path)
		return;
	parent = xstrndup(path, (size_t)(slash - path));
	add_watch(w, parent, NULL, PARENT_MASK, true);
	free(parent);
}

/* One of the search path has come into the folder above it. */
static bool
is_search_folder(const struct unitwatch *w, const char *parent, const char *name)
{
	size_t n = strlen(parent);

	for (size_t i = 0; i < unit_paths_count(w->m->paths); i++) {
		const char *dir = unit_paths_dir(w->m->paths, i);

		if (strncmp(dir, parent, n) == 0 && dir[n] == '/' &&
		    strcmp(dir + n + 1, name) == 0)
			return true;
	}
	return false;
}

static void
note(struct unitwatch *w, const char *name)
{
	uint64_t at_us;

	if (name == NULL || w->names.n >= NAMES_MAX)
		w->all = true;
	else
		(void)strv_add_unique(&w->names, name);
	at_us = clock_add_us(clock_mono_us(), w->m->conf->unit_watch_delay_us);
	loop_timer_at(
	    w->timer, w->all && at_us < w->rest_until_us ? w->rest_until_us : at_us);
}

static struct folder *
folder_of(struct unitwatch *w, int wd)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].wd == wd)
			return &w->v[i];
	}
	return NULL;
}

static void
drop_folder(struct unitwatch *w, struct folder *f)
{
	free(f->path);
	free(f->unit);
	*f = w->v[--w->n];
}

static bool
is_preset(const char *name)
{
	size_t n = strlen(name);

	return n > 7 && strcmp(name + n - 7, ".preset") == 0;
}

static void
handle(struct unitwatch *w, const struct inotify_event *e)
{
	struct folder *f;
	char *unit, *dir;

	if (e->mask & IN_Q_OVERFLOW) {
		note(w, NULL);
		return;
	}
	f = folder_of(w, e->wd);
	if (f == NULL)
		return;
	if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
		note(w, f->unit);
		if (e->mask & IN_IGNORED)
			drop_folder(w, f);
		return;
	}
	if (e->len == 0 || e->name[0] == '.')
		return;
	if (is_search_folder(w, f->path, e->name))
		note(w, NULL);
	if (f->above)
		return;
	if (f->unit != NULL) {
		/* A drop-in of all units of a kind (service.d, foo-.service.d). */
		note(w, unit_name_is_valid(f->unit) ? f->unit : NULL);
		return;
	}
	unit = unit_of_folder(e->name);
	if (unit != NULL) {
		note(w, unit_name_is_valid(unit) ? unit : NULL);
		dir = xstrdup(f->path);
		add_sub_folder(w, dir, e->name);
		free(dir);
		free(unit);
		return;
	}
	if (unit_name_is_valid(e->name))
		note(w, e->name);
	else if (is_preset(e->name))
		links_changed(w->m);
}

static void
on_event(struct loop_io *io, int events, void *arg)
{
	_Alignas(struct inotify_event) char buf[16384];
	struct unitwatch *w = arg;
	ssize_t n;

	(void)io;
	(void)events;
	/* (Who writes without end does not keep it here.) */
	for (int i = 0; i < READS_MAX && (n = read(w->fd, buf, sizeof(buf))) > 0; i++) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buf + at);

			handle(w, e);
			at += (ssize_t)sizeof(*e) + e->len;
		}
	}
}

static void
on_settled(struct loop_timer *t, void *arg)
{
	struct unitwatch *w = arg;
	struct strv names = w->names;
	bool all = w->all;

	(void)t;
	w->names = (struct strv){ 0 };
	w->all = false;
	if (all) {
		uint64_t begin_us = clock_mono_us(), took_us;

		/* First, so that what comes while it is looked at is seen. */
		unitwatch_again(w);
		units_on_change(w->m, NULL);
		took_us = clock_mono_us() - begin_us;
		w->rest_until_us = clock_add_us(clock_mono_us(),
		    took_us > REST_MAX_US / REST ? REST_MAX_US : took_us * REST);
	}
	if (!all && names.n > 0)
		units_on_changes(w->m, &names);
	strv_free(&names);
}

struct unitwatch *
unitwatch_new(struct manager *m)
{
	struct unitwatch *w = xcalloc(1, sizeof(*w));

	w->m = m;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd == -1) {
		log_warn("inotify: new unit files are seen with the next command only");
		free(w);
		return NULL;
	}
	w->io = loop_io_new(m->loop, "inotify", w->fd, LOOP_READ, on_event, w);
	w->timer = loop_timer_new(m->loop, "watch", on_settled, w);
	for (size_t i = 0; i < unit_paths_count(m->paths); i++)
		add_search_folder(w, unit_paths_dir(m->paths, i));
	return w;
}

void
unitwatch_again(struct unitwatch *w)
{
	for (size_t i = 0; w != NULL && i < unit_paths_count(w->m->paths); i++) {
		add_search_folder(w, unit_paths_dir(w->m->paths, i));
		add_sub_folders(w, unit_paths_dir(w->m->paths, i));
	}
}

static bool
is_link(const struct unitwatch *w, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < unit_paths_count(w->m->paths) && !found; i++) {
		char *path = xasprintf("%s/%s", unit_paths_dir(w->m->paths, i), name);
		struct stat st;

		found = reach_may(w->m->reach, path, true) && lstat(path, &st) == 0 &&
			S_ISLNK(st.st_mode);
		free(path);
	}
	return found;
}

static void
take_link(struct unitwatch *w, const char *name)
{
	struct unit *u = unit_find(w->m, name);

	if (u != NULL) {
		/* It leads elsewhere, or nowhere; or it was a unit of its own. */
		if (strcmp(u->name, name) != 0 ? unit_name_is_stale(u, name)
					       : !unit_is_running(u) && is_link(w, name))
			units_on_change(w->m, name);
		return;
	}
	if (!is_link(w, name))
		return;
	u = unit_get(w->m, name);
	/* It leads nowhere, and nobody has asked for it. */
	if (u != NULL && u->conf->load_state == UNIT_NOT_FOUND)
		(void)unit_forget(u);
}

static void
add_other_names(struct unit *u, void *arg)
{
	strv_add_all(arg, &u->other_names);
}

void
unitwatch_take_links(struct unitwatch *w)
{
	struct strv all = { 0 };

	if (w == NULL)
		return;
	on_event(w->io, LOOP_READ, w);
	if (w->all) {
		/* So many that their names were not kept. */
		unit_paths_scan(w->m->paths);
		unit_list_dir(w->m->paths, &all);
		unit_paths_forget(w->m->paths);
		/* Those that are gone, too. */
		units_look(w->m, add_other_names, &all);
	}
	for (size_t i = 0; i < w->names.n; i++)
		take_link(w, w->names.v[i]);
	for (size_t i = 0; i < all.n; i++)
		take_link(w, all.v[i]);
	strv_free(&all);
}

void
unitwatch_free(struct unitwatch *w)
{
	if (w == NULL)
		return;
	loop_timer_free(w->timer);
	loop_io_free(w->io);
	close(w->fd);
	while (w->n > 0)
		drop_folder(w, &w->v[w->n - 1]);
	free(w->v);
	strv_free(&w->names);
	free(w);
}
