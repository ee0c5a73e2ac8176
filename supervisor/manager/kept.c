/*
 * kept: the first line of the file says what the main file was called; the rest is the
 * text (unit/whole.h), with a comment in front that says by which files it was made.
 */
#include "manager/kept.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/watch/reach.h"
#include "unit/diag.h"
#include "unit/load.h"
#include "unit/whole.h"

#define FOLDER "kept"
#define HEAD "# "
/* Behind a rush of starts. */
#define DELAY_US (USEC_PER_SEC / 2)

enum {
	TURN = 16, /* units at a time: others are heard in between */
	FILE_MAX_BYTES = 64 << 20,
};

struct kept {
	struct manager *m;
	struct strv due; /* names, the oldest first */
	size_t done;     /* of due */
	unsigned fresh;  /* written at their start, since the timer was set */
	struct loop_timer *timer;
};

static void on_timer(struct loop_timer *t, void *arg);

struct kept *
kept_new(struct manager *m)
{
	struct kept *k = xcalloc(1, sizeof(*k));

	k->m = m;
	k->timer = loop_timer_new(m->loop, "kept", on_timer, k);
	return k;
}

static char *
path_of(const char *name)
{
	return xasprintf(FOLDER "/%s", name);
}

static bool
is_local(struct manager *m, const struct unit_conf *conf)
{
	for (size_t i = 0; i < conf->n_sources; i++)
		if (!reach_is_local(m->reach, conf->sources[i].path, true))
			return false;
	return true;
}

/* A failure is no harm now; it is told, once, because it is a sign of others. */
static void
say_failed(const char *name)
{
	static bool said;

	if (!said)
		log_warn("run/" FOLDER "/%s is not written", name);
	said = true;
}

static bool
can_be_kept(const struct unit *u, const struct unit_conf *conf)
{
	return conf->fragment != NULL && conf->n_sources > 0 &&
	       strchr(conf->fragment, '\n') == NULL && is_local(u->manager, conf);
}

/* Of other files are other lines.  By the sum of the text, too: one that was written in
 * place, within a tick or with its time set back, has the rest of the older one.  (The
 * time of the inode is no sign: it is noted late: unit/load.c.) */
static void
add_head(const struct unit_conf *conf, struct buf *out)
{
	const struct unit_source *profile = unit_conf_profile(conf);

	buf_addf(out, HEAD "%s\n" HEAD "of", conf->fragment);
	for (size_t i = 0; i < conf->n_sources; i++) {
		const struct unit_source *s = &conf->sources[i];

		if (s != profile)
			buf_addf(out, " %ju:%ju:%jd:%jd:%" PRIx64, (uintmax_t)s->dev,
			    (uintmax_t)s->ino, (intmax_t)s->size,
			    (intmax_t)s->wall_mtime_ns, s->sum);
	}
	buf_adds(out, "\n");
}

static void
remove_text(struct unit *u, const char *path)
{
	if (unlinkat(u->manager->run_fd, path, 0) == -1 && errno != ENOENT &&
	    errno != ENOTDIR)
		log_warn("run/%s", path);
}

/* What is there was kept of the files that the head is of. */
static bool
is_of(const struct manager *m, const char *path, const struct buf *head)
{
	struct buf text = { 0 };
	bool same =
	    head->len > 0 && file_read_at(m->run_fd, path, FILE_MAX_BYTES, &text) == 0 &&
	    text.len >= head->len && memcmp(text.data, head->data, head->len) == 0;

	buf_free(&text);
	return same;
}

/* What its invocation was started with, whatever was read since. */
static const struct unit_conf *
conf_of(const struct unit *u)
{
	return u->svc != NULL ? svc_conf(u->svc) : u->svc_conf;
}

static bool
is_kept(const struct unit *u)
{
	return u->kept != NULL && u->kept == conf_of(u);
}

static bool
is_kept_of(const struct unit *u, const struct unit_conf *conf, const char *path)
{
	struct buf head = { 0 };
	bool same;

	if (conf->fragment != NULL)
		add_head(conf, &head);
	same = is_of(u->manager, path, &head);
	buf_free(&head);
	return same;
}

static void
keep(struct unit *u)
{
	const struct unit_conf *conf = conf_of(u);
	struct buf text = { 0 }, head = { 0 };
	char *path;

	if (conf == NULL || is_kept(u) || u->stand_in || u->transient ||
	    !unit_is_running(u))
		return;
	path = path_of(u->name);
	if (can_be_kept(u, conf)) {
		add_head(conf, &head);
		buf_append(&text, head.data, head.len);
	}
	if (head.len > 0 && unit_conf_whole(conf, &text) == 0) {
		u->kept = conf;
		if (mkdir_p_at(u->manager->run_fd, FOLDER, 0700) == -1 ||
		    file_write_atomic(u->manager->run_fd, path, text.data, text.len, 0600,
			false) == -1) {
			say_failed(u->name);
			remove_text(u, path);
		}
	} else if (is_of(u->manager, path, &head)) {
		u->kept = conf;
	} else {
		/* A file was changed meanwhile, and what was kept is of older ones: that
		 * is not what runs. */
		remove_text(u, path);
	}
	free(path);
	buf_free(&head);
	buf_free(&text);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct kept *k = arg;

	for (int n = 0; n < TURN && k->done < k->due.n; n++) {
		struct unit *u = unit_find(k->m, k->due.v[k->done++]);

		if (u != NULL) {
			u->kept_due = false;
			keep(u);
		}
	}
	if (k->done < k->due.n) {
		loop_timer_in(t, 0);
		return;
	}
	strv_free(&k->due);
	k->done = k->fresh = 0;
}

void
kept_started(struct unit *u)
{
	struct kept *k = u->manager->kept;

	if (is_kept(u) || u->kept_due || u->transient)
		return;
	if (!loop_timer_is_armed(k->timer))
		loop_timer_in(k->timer, DELAY_US);
	/* A manager that dies next leaves it to the one that follows. */
	if (k->fresh < TURN) {
		k->fresh++;
		keep(u);
		return;
	}
	u->kept_due = true;
	strv_add(&k->due, u->name);
}

void
kept_begins(struct unit *u)
{
	const struct unit_conf *conf = conf_of(u);
	char *path;

	if (is_kept(u))
		return;
	path = path_of(u->name);
	if (is_kept_of(u, conf, path))
		u->kept = conf;
	else
		remove_text(u, path);
	free(path);
}

void
kept_remove(struct unit *u)
{
	char *path = path_of(u->name);

	remove_text(u, path);
	free(path);
	u->kept = NULL;
}

bool
kept_is_newest(struct unit *u)
{
	char *path = path_of(u->name);
	bool same = is_kept_of(u, u->svc_conf, path);

	free(path);
	return same;
}

struct unit_conf *
kept_load(struct unit *u, struct diags *diags)
{
	struct manager *m = u->manager;
	struct unit_conf *conf = NULL;
	struct buf text = { 0 };
	char *path = path_of(u->name), *end, *file;
	size_t head = strlen(HEAD);

	if (file_read_at(m->run_fd, path, FILE_MAX_BYTES, &text) == -1) {
		if (errno != ENOENT)
			log_warn("run/%s", path);
		goto out;
	}
	end = memchr(buf_str(&text), '\n', text.len);
	if (end == NULL || strncmp(buf_str(&text), HEAD, head) != 0)
		goto out;
	file = xstrndup(text.data + head, (size_t)(end - text.data) - head);
	conf = unit_load_text(m->paths, m->conf, u->name, file, end,
	    text.len - (size_t)(end - text.data), diags);
	free(file);
	if (conf->load_state != UNIT_LOADED) {
		unit_conf_free(conf);
		conf = NULL;
	}
out:
	buf_free(&text);
	free(path);
	return conf;
}

static void
sweep(struct manager *m)
{
	DIR *dir = dir_open_at(m->run_fd, FOLDER);
	struct dirent *e;
	const struct unit *u;

	if (dir == NULL) {
		if (errno != ENOENT)
			log_warn("run/" FOLDER);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		u = unit_find(m, e->d_name);
		if ((u == NULL || !unit_is_running(u)) &&
		    unlinkat(dirfd(dir), e->d_name, 0) == -1)
			log_warn("run/" FOLDER "/%s", e->d_name);
	}
	closedir(dir);
}

/* It was started a moment before its manager died, or by one that kept nothing. */
static void
keep_missing(struct unit *u, void *arg)
{
	char *path = path_of(u->name);

	(void)arg;
	if (unit_is_running(u) &&
	    faccessat(u->manager->run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == -1)
		kept_started(u);
	free(path);
}

void
kept_adopted(struct manager *m)
{
	sweep(m);
	units_look(m, keep_missing, NULL);
}
