/*
 * request_files: from a file to request_submit, or to the event that says why not.
 */
#include "manager/wish/request_files.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/service/service_users.h"
#include "manager/units.h"
#include "manager/wish/request_text.h"
#include "manager/wish/requests.h"
#include "manager/wish/wants.h"
#include "unit/conf.h"
#include "unit/load.h"

#define FOLDER "requests"

enum {
	ALL_MODE = 0711, /* the units' folders are found by name only */
	UNIT_MODE = 0700,
	/* At one time, while everybody else waits.  Of each folder: who fills his own, be
	 * it with what is no request, is in nobody's way. */
	ALL_TAKEN_MAX = 512,
	UNIT_TAKEN_MAX = 32,
	LOOKED_MAX = 4096,
};

/* One file as it lies there. */
struct found {
	int dir;
	const char *name;
	const char *folder; /* the unit whose folder it is in; NULL: in the one of all */
	uid_t folder_uid;
	char path[400]; /* below run/requests */
	struct stat st;
};

static void
tell_refused(struct manager *m, const struct found *f, const char *unit, const char *why,
    bool keep)
{
	char kept[REQUEST_FILE_NAME_MAX + 8];

	snprintf(kept, sizeof(kept), "%s.bad", f->name);
	if (!keep || renameat(f->dir, f->name, f->dir, kept) == -1) {
		keep = false;
		if (unlinkat(f->dir, f->name, 0) == -1 && errno == ENOENT)
			return;
	}
	event_begin(m->events, EVENT_REQUEST_REFUSED, unit, NULL);
	event_str(m->events, "file", f->path);
	event_str(m->events, "why", why);
	if (keep)
		event_str(m->events, "kept_as", kept);
	event_end(m->events);
}

/* NULL: whoever wrote it may speak for the unit. */
static const char *
owner_refusal(const struct manager *m, const struct found *f)
{
	uid_t uid = f->st.st_uid;

	if (uid == 0 || uid == m->owner || uid == geteuid() ||
	    (f->folder != NULL && uid == f->folder_uid))
		return NULL;
	return "it is of a user who may not speak for the unit";
}

static bool
is_too_old(const struct manager *m, uint64_t written_us)
{
	uint64_t now = clock_wall_us();

	return m->conf->request_max_age_us != USEC_INFINITY && now > written_us &&
	       now - written_us > m->conf->request_max_age_us;
}

static void
submit(struct manager *m, const struct found *f, const struct jv *v)
{
	struct wish_who who = { .uid = f->st.st_uid, .wall_us = clock_wall_us() };
	struct request_ask ask = { .via = "file", .file = f->path, .who = &who };
	uint64_t written_us = (uint64_t)f->st.st_mtim.tv_sec * USEC_PER_SEC;
	struct request_text text = { .unit = NULL };
	const char *why = request_text_read(v, &text), *name;
	struct unit *u;
	char *refused;

	name = text.unit != NULL ? text.unit : f->folder;
	if (why == NULL && name == NULL)
		why = "it names no unit";
	u = why != NULL ? NULL : unit_find(m, name);
	/* A copy of an old one is old. */
	if (text.wall_us < written_us)
		written_us = text.wall_us;
	ask.action = text.action;
	ask.reason = text.reason;
	ask.message = text.message;
	if (why == NULL && f->folder != NULL &&
	    (u == NULL || strcmp(u->name, f->folder) != 0))
		why = "it names another unit than the one whose folder it is in";
	if (why != NULL) {
		tell_refused(m, f, f->folder, why, true);
		return;
	}
	if (u == NULL || is_too_old(m, written_us)) {
		tell_refused(m, f, u == NULL ? NULL : u->name,
		    u == NULL ? "there is no unit of that name"
			      : "it is older than RequestMaxAgeSec=",
		    false);
		return;
	}
	if (who.uid == 0)
		strlcpy(who.name, "root", sizeof(who.name));
	else
		snprintf(who.name, sizeof(who.name), "%u", (unsigned)who.uid);
	strlcpy(who.command, "request file", sizeof(who.command));
	if (request_submit(u, &ask, NULL, NULL, &refused) == 0)
		tell_refused(m, f, u->name, refused, false);
	free(refused);
}

static void
take_one(struct manager *m, struct found *f)
{
	struct buf text = { 0 };
	const char *why = "it is no file that can be read";
	struct jv *v = NULL;
	int fd = open_sole_at(f->dir, f->name, O_RDONLY, 0, &f->st);
	ssize_t n;

	if (fd == -1 && errno == ENOENT)
		return;
	if (fd != -1)
		why = owner_refusal(m, f);
	if (why == NULL) {
		n = full_read(
		    fd, buf_reserve(&text, REQUEST_FILE_MAX + 1), REQUEST_FILE_MAX + 1);
		if (n == -1 || n > REQUEST_FILE_MAX)
			why = "it cannot be read, or is too long";
		else
			buf_grew(&text, (size_t)n);
	}
	fd_close(&fd);
	if (why == NULL) {
		v = jv_parse(buf_str(&text), text.len, NULL);
		submit(m, f, v);
	} else {
		tell_refused(m, f, f->folder, why, true);
	}
	jv_free(v);
	buf_free(&text);
}

static void
take_folder(struct manager *m, DIR *dir, const char *unit)
{
	unsigned left = unit != NULL ? UNIT_TAKEN_MAX : ALL_TAKEN_MAX;
	struct found f = { .dir = dirfd(dir), .folder = unit };
	struct stat st;
	struct dirent *e;

	if (fstat(f.dir, &st) == -1)
		return;
	f.folder_uid = st.st_uid;
	for (unsigned n = 0; left > 0 && n < LOOKED_MAX && (e = readdir(dir)) != NULL;
	     n++) {
		if (!request_text_is_name(e->d_name) ||
		    (unit == NULL && e->d_type == DT_DIR))
			continue;
		left--;
		f.name = e->d_name;
		snprintf(f.path, sizeof(f.path), "%s%s%s", unit == NULL ? "" : unit,
		    unit == NULL ? "" : "/", f.name);
		take_one(m, &f);
	}
}

/* A unit's own have their place among what else it has to do. */
static void
want_units(struct manager *m, DIR *all)
{
	struct dirent *e;
	struct unit *u;

	while ((e = readdir(all)) != NULL) {
		u = e->d_name[0] == '.' ? NULL : unit_find(m, e->d_name);
		if (u != NULL)
			wants(u, DUE_REQUESTS);
	}
}

void
request_files_take_of(struct unit *u)
{
	struct manager *m = u->manager;
	char path[300];
	DIR *dir;

	if (m->phase != MANAGER_RUNNING || m->safe_mode)
		return;
	snprintf(path, sizeof(path), FOLDER "/%s", u->name);
	dir = dir_open_at(m->run_fd, path);
	if (dir == NULL)
		return;
	take_folder(m, dir, u->name);
	closedir(dir);
}

void
request_files_take(struct manager *m)
{
	DIR *all;

	if (m->phase != MANAGER_RUNNING || m->safe_mode)
		return;
	all = dir_open_at(m->run_fd, FOLDER);
	if (all == NULL)
		return;
	take_folder(m, all, NULL);
	rewinddir(all);
	want_units(m, all);
	closedir(all);
}

/* ---- the folders -------------------------------------------------------------------
 */

void
request_files_prepare(struct unit *u)
{
	const struct exec_conf *x = &svc_conf(u->svc)->service->context;
	struct manager *m = u->manager;
	struct svc_ids ids = { .groups = NULL };
	char path[300], why[SVC_WHY_MAX];
	struct stat st;
	int status;

	/* A user who cannot be told fails the start itself, which says it. */
	if (svc_ids_find(m->world, x, &ids, &status, why, sizeof(why)) == -1)
		return;
	free(ids.groups);
	if (!ids.set_uid)
		ids.uid = geteuid();
	snprintf(path, sizeof(path), FOLDER "/%s", u->name);
	if (fstatat(m->run_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode) && st.st_uid == ids.uid)
		return;
	if ((mkdirat(m->run_fd, FOLDER, ALL_MODE) == -1 && errno != EEXIST) ||
	    fchmodat(m->run_fd, FOLDER, ALL_MODE, 0) == -1 ||
	    (mkdirat(m->run_fd, path, UNIT_MODE) == -1 && errno != EEXIST) ||
	    fchownat(m->run_fd, path, ids.uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == -1)
		log_warn("%s: run/%s", u->name, path);
}

void
request_files_forget(const struct unit *u)
{
	char path[300];

	snprintf(path, sizeof(path), FOLDER "/%s", u->name);
	(void)unlinkat(u->manager->run_fd, path, AT_REMOVEDIR);
}
