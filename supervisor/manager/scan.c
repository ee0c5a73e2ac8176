#include "manager/scan.h"

#include <sys/resource.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/adopt.h"
#include "manager/link.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/service/procfs.h"
#include "manager/service/service.h"
#include "manager/service/tag.h"
#include "manager/units.h"

enum {
	ENVIRON_MAX = 256 * 1024,
	ROUNDS_MAX = 16, /* a fork bomb must not keep the manager for ever */
	COOKIE_LEN = 14 + 32,
};

/* What a process of the slot is known by. */
struct mark {
	uint64_t tag;
	int32_t session[PROC_N];
	char cookie[COOKIE_LEN + 1]; /* "INVOCATION_ID=hex" */
};

static void
mark_of(struct manager *m, uint32_t slot, struct mark *k)
{
	const struct table_slot *s = table_slot(m->table, slot);
	char *p = k->cookie;

	memset(k, 0, sizeof(*k));
	k->tag = svc_tag(s->invocation);
	for (int i = 0; i < PROC_N; i++)
		k->session[i] = s->proc[i].pid;
	p += snprintf(p, sizeof(k->cookie), "INVOCATION_ID=");
	for (size_t i = 0; i < sizeof(s->invocation); i++)
		p += snprintf(p, 3, "%02x", s->invocation[i]);
}

static bool
has_cookie(int32_t pid, const char *cookie)
{
	struct buf b = { 0 };
	char path[64];
	bool yes = false;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	if (file_read_at(AT_FDCWD, path, ENVIRON_MAX, &b) == 0) {
		for (size_t at = 0; !yes && at < b.len; at += strlen(b.data + at) + 1)
			yes = strcmp(b.data + at, cookie) == 0;
	}
	buf_free(&b);
	return yes;
}

static bool
has_session(const struct mark *k, const struct procfs_stat *st)
{
	for (int i = 0; i < PROC_N; i++) {
		if (k->session[i] > 1 && st->session == k->session[i])
			return true;
	}
	return false;
}

static bool
is_marked(int32_t pid, const struct mark *k)
{
	struct procfs_stat st;
	struct rlimit r;

	if (procfs_stat(pid, &st) == -1 || st.state == 'Z' || st.state == 'X')
		return false;
	if (prlimit(pid, RLIMIT_RTTIME, NULL, &r) == 0 && r.rlim_max == k->tag)
		return true;
	return has_session(k, &st) || has_cookie(pid, k->cookie);
}

static bool
is_ours(const struct manager *m, int32_t pid)
{
	if (pid <= 1 || pid == m->table->init_pid)
		return true;
	for (int i = 0; i < ROLE_N; i++) {
		if (m->table->role[i].pid == pid)
			return true;
	}
	return false;
}

size_t
scan_find(struct manager *m, uint32_t slot, int32_t *pids, size_t max)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	struct mark k;
	size_t n = 0;

	if (d == NULL) {
		log_warn("/proc cannot be scanned");
		return 0;
	}
	mark_of(m, slot, &k);
	while (n < max && (e = readdir(d)) != NULL) {
		char *end;
		long pid = strtol(e->d_name, &end, 10);

		if (pid <= 0 || *end != '\0' || is_ours(m, (int32_t)pid))
			continue;
		if (is_marked((int32_t)pid, &k))
			pids[n++] = (int32_t)pid;
	}
	closedir(d);
	return n;
}

static bool
contains(const int32_t *pids, size_t n, int32_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

void
scan_signal(struct manager *m, uint32_t slot, int signo)
{
	int32_t *done = xcalloc(SCAN_MAX, sizeof(*done));
	int32_t *found = xcalloc(SCAN_MAX, sizeof(*found));
	size_t ndone = 0, n, fresh;
	struct mark k;
	int quiet = 0;

	mark_of(m, slot, &k);
	for (int round = 0; quiet < 2 && round < ROUNDS_MAX; round++) {
		n = scan_find(m, slot, found, SCAN_MAX);
		fresh = 0;
		for (size_t i = 0; i < n; i++) {
			int fd;

			if (contains(done, ndone, found[i]))
				continue;
			fd = pidfd_open_(found[i]);
			/* Looked at again while it is held: it may be another one. */
			if (fd == -1 || !is_marked(found[i], &k)) {
				fd_close(&fd);
				continue;
			}
			link_signal_take_pidfd(m->link, fd, signo);
			fresh++;
			if (ndone < SCAN_MAX)
				done[ndone++] = found[i];
		}
		quiet = fresh == 0 ? quiet + 1 : 0;
	}
	free(done);
	free(found);
}

/* ---- waiting for the last one -------------------------------------------------------
 */

struct scan_watch {
	struct unit *unit;
	uint32_t slot;
	int pidfd; /* of one that is left */
	struct loop_io *io;
};

static void watch_next(void *arg);

static void
watch_stop(struct scan_watch *w)
{
	if (w->io != NULL)
		loop_io_free(w->io);
	w->io = NULL;
	fd_close(&w->pidfd);
}

static void
on_gone(struct loop_io *io, int events, void *arg)
{
	struct scan_watch *w = arg;

	(void)io;
	(void)events;
	watch_stop(w);
	loop_post(w->unit->manager->loop, watch_next, w);
}

/* Watches any of those that are left; when it ends the next one, until none is. */
static void
watch_next(void *arg)
{
	struct scan_watch *w = arg;
	struct unit *u = w->unit;
	struct manager *m = u->manager;
	uint32_t slot = w->slot;
	int32_t pid;

	for (int quiet = 0; quiet < 2;) {
		if (scan_find(m, slot, &pid, 1) == 0) {
			quiet++;
			continue;
		}
		quiet = 0;
		w->pidfd = pidfd_open_(pid);
		if (w->pidfd == -1)
			continue;
		w->io = loop_io_new(m->loop, "left", w->pidfd, LOOP_READ, on_gone, w);
		return;
	}
	scan_unwatch(u);
	if (u->svc != NULL)
		svc_on_empty(u->svc, slot);
}

void
scan_watch(struct unit *u, uint32_t slot)
{
	struct unit_ops *o = unit_ops(u);

	if (o->scan == NULL) {
		o->scan = xcalloc(1, sizeof(*o->scan));
		o->scan->unit = u;
		o->scan->pidfd = -1;
	}
	watch_stop(o->scan);
	o->scan->slot = slot;
	loop_post(u->manager->loop, watch_next, o->scan);
}

void
scan_unwatch(struct unit *u)
{
	struct unit_ops *o = unit_ops(u);

	if (o->scan == NULL)
		return;
	loop_post_cancel(u->manager->loop, watch_next, o->scan);
	watch_stop(o->scan);
	free(o->scan);
	o->scan = NULL;
}
