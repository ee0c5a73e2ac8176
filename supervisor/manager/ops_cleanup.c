/*
 * ops_cleanup: what is left in the file system of a service that ended is removed: at
 * once when it is little and local, else by a helper process.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/ops_int.h"
#include "manager/record/event.h"
#include "manager/removal.h"
#include "manager/service/credentials.h"
#include "manager/units.h"
#include "manager/watch/reach.h"
#include "unit/load.h"

enum {
	REMOVALS_NOW = 64,      /* are done at once; more are a helper's */
	CREDENTIALS_NOW = 8192, /* likewise: they are in memory */
	REMOVALS_MAX = 1000000,
	REMOVAL_SEC = 30,
};

static void
tell_not_removed(struct manager *m, const char *unit, const char *why)
{
	log_warnx("%s: cannot be removed: %s", unit, why);
	event_begin(m->events, EVENT_CLEANUP_FAILED, unit, NULL);
	event_str(m->events, "why", why);
	event_end(m->events);
}

struct cleanup {
	struct manager *manager;
	char *name;
};

static void
on_removed(void *arg, const char *why)
{
	struct cleanup *c = arg;

	if (why != NULL)
		tell_not_removed(c->manager, c->name, why);
	free(c->name);
	free(c);
}

static void
remove_by_helper(
    struct manager *m, struct unit *u, const char *what, const struct buf *list)
{
	struct cleanup *c = xcalloc(1, sizeof(*c));

	c->manager = m;
	c->name = xstrdup(what);
	removal_begin(
	    m, u, list, REMOVALS_MAX, REMOVAL_SEC * USEC_PER_SEC, on_removed, c);
}

/* False: to touch one of the paths may take for ever. */
static bool
is_local(
    struct manager *m, const char *pid_file, const char *base, const struct strv *names)
{
	bool local = pid_file == NULL || reach_is_local(m->reach, pid_file, false);

	for (size_t i = 0; local && i < names->n; i++) {
		char *path = xasprintf("%s/%s", base, names->v[i]);

		local = reach_is_local(m->reach, path, false);
		free(path);
	}
	return local;
}

/*
 * In memory, and few; but its user may have filled the folder.  Then it is renamed, so
 * that what a helper removes is never what the next start has made.
 */
static void
remove_credentials_folder(struct manager *m, const char *name)
{
	const char *base = unit_paths_credentials(m->paths);
	int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buf list = { 0 };
	char gone[64];

	if (dir == -1 && errno == ENOENT)
		return;
	if (dir == -1 || credentials_remove_at(dir, name, CREDENTIALS_NOW) == -1) {
		snprintf(gone, sizeof(gone), ".gone-%" PRIx64, clock_mono_us());
		if (dir != -1 && errno == E2BIG && renameat(dir, name, dir, gone) == 0) {
			removal_add(&list, REMOVE_CREDENTIALS, base, gone);
			remove_by_helper(m, NULL, name, &list);
			buf_free(&list);
		} else {
			tell_not_removed(m, name, strerror(errno));
		}
	}
	fd_close(&dir);
}

/* Those of a unit, and what a helper that was killed has of them. */
static void
remove_credentials(struct manager *m, const char *unit)
{
	char *hidden = xasprintf(".%s", unit);

	remove_credentials_folder(m, unit);
	remove_credentials_folder(m, hidden);
	free(hidden);
}

void
ops_cleanup(void *arg, const struct unit_conf *conf, bool restarts)
{
	static const struct strv none;
	struct unit *u = arg;
	struct manager *m = u->manager;
	const struct exec_conf *x = &conf->service->context;
	enum dir_preserve keep = x->runtime_directory_preserve;
	const char *base = unit_paths_base(m->paths, DIR_RUNTIME);
	bool removes = base != NULL &&
		       (keep == PRESERVE_NO || (keep == PRESERVE_RESTART && !restarts));
	const struct strv *names = removes ? &x->dirs[DIR_RUNTIME].names : &none;
	const char *pid_file = conf->service->pid_file;
	struct buf list = { 0 }, why = { 0 };

	if (pid_file != NULL)
		removal_add(&list, REMOVE_FILE, "", pid_file);
	if (removes)
		removal_add_dirs(&list, base, &x->dirs[DIR_RUNTIME],
		    exec_dir_is_private(x, DIR_RUNTIME));
	/* Whatever the unit file says by now. */
	if (m->has_credentials)
		remove_credentials(m, conf->id);
	if (list.len == 0)
		return;
	if (!is_local(m, pid_file, base, names))
		remove_by_helper(m, u, u->name, &list);
	else if (removal_do(&list, REMOVALS_NOW, &why) == -1) {
		if (errno == E2BIG)
			remove_by_helper(m, u, u->name, &list);
		else
			tell_not_removed(m, u->name, buf_str(&why));
	}
	buf_free(&list);
	buf_free(&why);
}

/* Of a unit that has a slot, as init says: what is remembered of it may not have been
 * read yet.  What begins with a dot was never finished. */
static bool
is_of_running(struct manager *m, const char *name)
{
	struct unit *u = name[0] == '.' ? NULL : unit_find(m, name);

	if (name[0] == '.' || (u != NULL && u->svc != NULL))
		return u != NULL && svc_has_slot(u->svc);
	for (uint32_t i = 0; i < table_used(m->table); i++) {
		const struct table_slot *s = table_slot(m->table, i);

		if (s->state == SLOT_OPEN && strncmp(s->unit, name, sizeof(s->unit)) == 0)
			return true;
	}
	return false;
}

void
ops_credentials_sweep(struct manager *m)
{
	const char *base = unit_paths_credentials(m->paths);
	struct strv names = { 0 };
	struct dirent *de;
	DIR *dir = opendir(base);

	if (dir == NULL) {
		if (errno != ENOENT)
			log_warn("%s", base);
		return;
	}
	m->has_credentials = true;
	while ((de = readdir(dir)) != NULL)
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0 &&
		    !is_of_running(m, de->d_name))
			strv_add(&names, de->d_name);
	closedir(dir);
	for (size_t i = 0; i < names.n; i++)
		remove_credentials_folder(m, names.v[i]);
	strv_free(&names);
}
