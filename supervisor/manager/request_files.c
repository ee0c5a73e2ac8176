/*
 * request_files: from a file to request_submit, or to the event that says why not.
 */
#include "manager/request_files.h"

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
#include "manager/requests.h"
#include "manager/service/service.h"
#include "manager/service/service_users.h"
#include "manager/units.h"
#include "unit/conf.h"
#include "unit/load.h"

#define FOLDER "requests"
#define SUFFIX ".json"

enum {
	ALL_MODE = 0711, /* the units' folders are found by name only */
	UNIT_MODE = 0700,
	TAKEN_MAX = 512,  /* files at one time, while everybody else waits */
	NAME_BYTES = 100, /* longer names are none of ours */
	FILE_BYTES = 16384,
};

struct taker {
	struct manager *m;
	unsigned left;
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
	char kept[NAME_BYTES + 8];

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

/* The members of a file; NULL, or what is wrong with them. */
static const char *
read_members(const struct jv *v, const struct found *f, struct request_ask *ask,
    const char **unit, uint64_t *written_us)
{
	const char *time = jv_str(jv_get(v, "time"), NULL);
	uint64_t said_us;

	if (jv_type(v) != JV_OBJECT)
		return "it is no object of JSON";
	ask->action = request_action_find(jv_str(jv_get(v, "action"), ""));
	if (ask->action == REQUEST_NACTIONS)
		return "its action is neither cycle, restart nor shutdown";
	ask->reason = jv_str(jv_get(v, "reason"), NULL);
	ask->message = jv_str(jv_get(v, "message"), NULL);
	if ((ask->reason != NULL && strlen(ask->reason) > REQUEST_REASON_MAX) ||
	    (ask->message != NULL && strlen(ask->message) > REQUEST_MESSAGE_MAX))
		return "its reason or message is too long";
	*unit = jv_str(jv_get(v, "unit"), f->folder);
	if (*unit == NULL)
		return "it names no unit";
	*written_us = (uint64_t)f->st.st_mtim.tv_sec * USEC_PER_SEC;
	if (time == NULL)
		return NULL;
	if (clock_parse(time, &said_us) == -1)
		return "its time is none";
	/* A copy of an old one is old. */
	if (said_us < *written_us)
		*written_us = said_us;
	return NULL;
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
	const char *name = f->folder, *why;
	uint64_t written_us;
	struct unit *u;
	char *refused;

	why = read_members(v, f, &ask, &name, &written_us);
	u = why != NULL ? NULL : unit_find(m, name);
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
		n = full_read(fd, buf_reserve(&text, FILE_BYTES + 1), FILE_BYTES + 1);
		if (n == -1 || n > FILE_BYTES)
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

/* Names that nothing has to be escaped in; those with a dot first are being written. */
static bool
is_ours(const char *name)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(name), suffix = strlen(SUFFIX);

	return n > suffix && n <= NAME_BYTES && name[0] != '.' &&
	       strspn(name, chars) == n && strcmp(name + n - suffix, SUFFIX) == 0;
}

static void
take_folder(struct taker *t, DIR *dir, const char *unit)
{
	struct found f = { .dir = dirfd(dir), .folder = unit };
	struct stat st;
	struct dirent *e;

	if (fstat(f.dir, &st) == -1)
		return;
	f.folder_uid = st.st_uid;
	while (t->left > 0 && (e = readdir(dir)) != NULL) {
		if (!is_ours(e->d_name) || (unit == NULL && e->d_type == DT_DIR))
			continue;
		t->left--;
		f.name = e->d_name;
		snprintf(f.path, sizeof(f.path), "%s%s%s", unit == NULL ? "" : unit,
		    unit == NULL ? "" : "/", f.name);
		take_one(t->m, &f);
	}
}

static void
take_units(struct taker *t, DIR *all)
{
	struct dirent *e;
	DIR *dir;

	while ((e = readdir(all)) != NULL) {
		if (e->d_name[0] == '.' || unit_find(t->m, e->d_name) == NULL)
			continue;
		dir = dir_open_at(dirfd(all), e->d_name);
		if (dir == NULL)
			continue;
		take_folder(t, dir, e->d_name);
		closedir(dir);
	}
}

void
request_files_take(struct manager *m)
{
	struct taker t = { .m = m, .left = TAKEN_MAX };
	DIR *all;

	if (m->phase != MANAGER_RUNNING || m->safe_mode)
		return;
	all = dir_open_at(m->run_fd, FOLDER);
	if (all == NULL)
		return;
	take_folder(&t, all, NULL);
	rewinddir(all);
	take_units(&t, all);
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
