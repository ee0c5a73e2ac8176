#include "manager/scan.h"

#include <sys/queue.h>
#include <sys/resource.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/link/adopt.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/service/procfs.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "proto/tag.h"
#include "unit/name.h"

enum {
	ENVIRON_MAX = 256 * 1024,
	ROUNDS_MAX = 16, /* a fork bomb must not keep the manager for ever */
	COOKIE_LEN = 32,
	COOKIES_MAX = 4, /* of one process: a nested supd's comes after ours */
};

/* What a process of the slot is known by. */
struct mark {
	uint64_t tag;
	int32_t session[PROC_N];
	char cookie[COOKIE_LEN + 1]; /* INVOCATION_ID */
};

/* A process as a pass meets it; its environment is read when that is asked for. */
struct met {
	int32_t pid, session;
	uint64_t tag;
	struct buf environ;
	bool environ_read;
	const char *cookies[COOKIES_MAX];
	size_t ncookies;
};

/* A signal for all processes of a slot. */
struct hunt {
	TAILQ_ENTRY(hunt) next;
	struct mark mark;
	uint32_t slot;
	int signo;
	int32_t *done; /* those that were signalled */
	size_t ndone;
};

/* Waiting for the last process of a slot. */
struct scan_watch {
	TAILQ_ENTRY(scan_watch) next; /* while it is due */
	struct unit *unit;
	struct mark mark;
	uint32_t slot;
	bool due;     /* in the list of those that a pass has to look for */
	bool empty;   /* still there, but the passes are over: nothing was found */
	int32_t left; /* one that the pass has found, 0: none */
	int pidfd;    /* of one that is left */
	struct loop_io *io;
};

/* What is asked in one turn of the loop is answered by the same passes over /proc: the
 * end of a thousand services costs as many as the end of one. */
struct scanner {
	struct manager *m;
	bool asked; /* on_asked is posted */
	TAILQ_HEAD(, hunt) hunts;
	TAILQ_HEAD(, scan_watch) due;
};

/* ---- one process --------------------------------------------------------------------
 */

static void
mark_of(struct manager *m, uint32_t slot, struct mark *k)
{
	const struct table_slot *s = table_slot(m->table, slot);

	memset(k, 0, sizeof(*k));
	k->tag = svc_tag(s->invocation);
	for (int i = 0; i < PROC_N; i++)
		k->session[i] = s->proc[i].pid;
	/* A session that the main process of a scope leads is older than the scope. */
	if (unit_name_type(s->unit) == UNIT_SCOPE)
		k->session[PROC_MAIN] = 0;
	hex_encode(k->cookie, s->invocation, sizeof(s->invocation));
}

/* False: it is none that could be found. */
static bool
meet(int32_t pid, struct met *p)
{
	struct procfs_stat st;
	struct rlimit r;

	if (procfs_stat(pid, &st) == -1 || st.state == 'Z' || st.state == 'X')
		return false;
	memset(p, 0, sizeof(*p));
	p->pid = pid;
	p->session = st.session;
	if (prlimit(pid, RLIMIT_RTTIME, NULL, &r) == 0)
		p->tag = r.rlim_max;
	return true;
}

static void
read_cookies(struct met *p)
{
	static const char name[] = "INVOCATION_ID=";
	const char *text;
	char path[64];

	p->environ_read = true;
	snprintf(path, sizeof(path), "/proc/%d/environ", p->pid);
	if (file_read_at(AT_FDCWD, path, ENVIRON_MAX, &p->environ) == -1)
		return;
	text = buf_str(&p->environ);
	for (size_t at = 0; at < p->environ.len && p->ncookies < COOKIES_MAX;
	     at += strlen(text + at) + 1) {
		if (strncmp(text + at, name, strlen(name)) == 0)
			p->cookies[p->ncookies++] = text + at + strlen(name);
	}
}

static bool
is_marked(struct met *p, const struct mark *k)
{
	if (p->tag == k->tag)
		return true;
	for (int i = 0; i < PROC_N; i++) {
		if (k->session[i] > 1 && p->session == k->session[i])
			return true;
	}
	if (!p->environ_read)
		read_cookies(p);
	for (size_t i = 0; i < p->ncookies; i++) {
		if (strcmp(p->cookies[i], k->cookie) == 0)
			return true;
	}
	return false;
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

/* ---- a pass over all ----------------------------------------------------------------
 */

/* False ends the pass. */
typedef bool met_fn(void *arg, struct met *p);

static void
for_each_process(const struct manager *m, met_fn *fn, void *arg)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	bool more = true;

	if (d == NULL) {
		log_warn("/proc cannot be scanned");
		return;
	}
	while (more && (e = readdir(d)) != NULL) {
		char *end;
		long pid = strtol(e->d_name, &end, 10);
		struct met p;

		if (pid <= 0 || *end != '\0' || is_ours(m, (int32_t)pid) ||
		    !meet((int32_t)pid, &p))
			continue;
		more = fn(arg, &p);
		buf_free(&p.environ);
	}
	closedir(d);
}

struct finding {
	struct mark mark;
	int32_t *pids;
	size_t n, max;
};

static bool
find_met(void *arg, struct met *p)
{
	struct finding *f = arg;

	if (is_marked(p, &f->mark))
		f->pids[f->n++] = p->pid;
	return f->n < f->max;
}

size_t
scan_find(struct manager *m, uint32_t slot, int32_t *pids, size_t max)
{
	struct finding f = { .pids = pids, .max = max };

	mark_of(m, slot, &f.mark);
	if (max > 0)
		for_each_process(m, find_met, &f);
	return f.n;
}

/* ---- signals for all of a slot ------------------------------------------------------
 */

static void on_asked(void *arg);

static struct scanner *
scanner_of(struct manager *m)
{
	struct scanner *sc = m->scanner;

	if (sc != NULL)
		return sc;
	sc = m->scanner = xcalloc(1, sizeof(*sc));
	sc->m = m;
	TAILQ_INIT(&sc->hunts);
	TAILQ_INIT(&sc->due);
	return sc;
}

static void
ask(struct scanner *sc)
{
	if (!sc->asked)
		loop_post(sc->m->loop, on_asked, sc);
	sc->asked = true;
}

static bool
was_signalled(const struct hunt *h, int32_t pid)
{
	for (size_t i = 0; i < h->ndone; i++) {
		if (h->done[i] == pid)
			return true;
	}
	return false;
}

/* Init has sent it to them, by the descriptors that it holds. */
static bool
is_proc_of_slot(const struct manager *m, const struct hunt *h, int32_t pid)
{
	const struct table_slot *s = table_slot(m->table, h->slot);

	if (h->signo == SIGKILL || svc_tag(s->invocation) != h->mark.tag)
		return false;
	for (int i = 0; i < PROC_N; i++) {
		if (s->proc[i].pid == pid)
			return true;
	}
	return false;
}

static void
hunt_signal(struct manager *m, struct hunt *h, int32_t pid)
{
	int fd = pidfd_open_(pid);
	struct met again;
	bool same;

	/* Looked at again while it is held: it may be another one. */
	if (fd == -1 || !meet(pid, &again))
		same = false;
	else {
		same = is_marked(&again, &h->mark);
		buf_free(&again.environ);
	}
	if (!same) {
		fd_close(&fd);
		return;
	}
	link_signal_take_pidfd(m->link, fd, h->signo);
	h->done = xreallocarray(h->done, h->ndone + 1, sizeof(*h->done));
	h->done[h->ndone++] = pid;
}

struct hunting {
	struct scanner *sc;
	size_t fresh;
};

static bool
hunt_met(void *arg, struct met *p)
{
	struct hunting *g = arg;
	struct hunt *h;

	TAILQ_FOREACH (h, &g->sc->hunts, next) {
		size_t before = h->ndone;

		if (!is_marked(p, &h->mark) || was_signalled(h, p->pid) ||
		    is_proc_of_slot(g->sc->m, h, p->pid))
			continue;
		hunt_signal(g->sc->m, h, p->pid);
		g->fresh += h->ndone - before;
	}
	return true;
}

static void
hunt_all(struct scanner *sc)
{
	struct hunt *h;

	for (int quiet = 0, round = 0;
	     !TAILQ_EMPTY(&sc->hunts) && quiet < 2 && round < ROUNDS_MAX; round++) {
		struct hunting g = { .sc = sc };

		for_each_process(sc->m, hunt_met, &g);
		quiet = g.fresh == 0 ? quiet + 1 : 0;
	}
	while ((h = TAILQ_FIRST(&sc->hunts)) != NULL) {
		TAILQ_REMOVE(&sc->hunts, h, next);
		free(h->done);
		free(h);
	}
}

bool
scan_signal(struct manager *m, uint32_t slot, int signo)
{
	struct scanner *sc = scanner_of(m);
	struct procfs_stat st;
	struct hunt *h;

	if (procfs_stat(getpid(), &st) == -1)
		return false;
	h = xcalloc(1, sizeof(*h));
	/* Now: the slot may be another's when the pass runs. */
	mark_of(m, slot, &h->mark);
	h->slot = slot;
	h->signo = signo;
	ask(sc);
	TAILQ_INSERT_TAIL(&sc->hunts, h, next);
	return true;
}

/* ---- waiting for the last one -------------------------------------------------------
 */

static void
watch_due(struct scan_watch *w)
{
	struct scanner *sc = scanner_of(w->unit->manager);

	if (w->due)
		return;
	ask(sc);
	w->due = true;
	TAILQ_INSERT_TAIL(&sc->due, w, next);
}

static void
watch_stop(struct scan_watch *w)
{
	if (w->due)
		TAILQ_REMOVE(&scanner_of(w->unit->manager)->due, w, next);
	w->due = w->empty = false;
	w->left = 0;
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
	watch_due(w);
}

static bool
watch_met(void *arg, struct met *p)
{
	struct scanner *sc = arg;
	struct scan_watch *w;

	TAILQ_FOREACH (w, &sc->due, next) {
		if (w->left == 0 && is_marked(p, &w->mark))
			w->left = p->pid;
	}
	return true;
}

/* Somebody to wait for: it is not due any more. */
static void
watch_left(struct scan_watch *w)
{
	struct manager *m = w->unit->manager;

	w->pidfd = pidfd_open_(w->left);
	w->left = 0;
	if (w->pidfd == -1)
		return; /* it ended meanwhile: the next pass knows more */
	TAILQ_REMOVE(&scanner_of(m)->due, w, next);
	w->due = false;
	w->io = loop_io_new(m->loop, "left", w->pidfd, LOOP_READ, on_gone, w);
}

/* False: too many come and go; the others have their turn first. */
static bool
watch_passes(struct scanner *sc)
{
	struct scan_watch *w, *tmp;
	int quiet = 0;

	/* Two in a row that find nothing, of any: one that forks away from the first is
	 * met by the second. */
	for (int round = 0; round < ROUNDS_MAX; round++) {
		bool found = false;

		if (TAILQ_EMPTY(&sc->due) || quiet == 2)
			return true;
		for_each_process(sc->m, watch_met, sc);
		TAILQ_FOREACH_SAFE (w, &sc->due, next, tmp) {
			if (w->left != 0) {
				found = true;
				watch_left(w);
			}
		}
		quiet = found ? 0 : quiet + 1;
	}
	return quiet == 2;
}

static void
watch_all(struct scanner *sc)
{
	struct scan_watch *w;

	if (!watch_passes(sc)) {
		ask(sc);
		return;
	}
	TAILQ_FOREACH (w, &sc->due, next)
		w->empty = true;
	/* What a service does about it may ask again, behind these. */
	while ((w = TAILQ_FIRST(&sc->due)) != NULL && w->empty) {
		struct unit *u = w->unit;
		uint32_t slot = w->slot;

		scan_unwatch(u);
		if (u->svc != NULL)
			svc_on_empty(u->svc, slot);
	}
}

static void
on_asked(void *arg)
{
	struct scanner *sc = arg;

	sc->asked = false;
	hunt_all(sc);
	watch_all(sc);
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
	mark_of(u->manager, slot, &o->scan->mark);
	watch_due(o->scan);
}

void
scan_unwatch(struct unit *u)
{
	struct unit_ops *o = unit_ops(u);

	if (o->scan == NULL)
		return;
	watch_stop(o->scan);
	free(o->scan);
	o->scan = NULL;
}

/* ---- whose one process is -----------------------------------------------------------
 */

struct owner {
	struct met met;
	const char *unit;
};

static void
compare_scope(struct unit *u, void *arg)
{
	struct owner *o = arg;
	struct manager *m = u->manager;
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	struct mark k;

	if (o->unit != NULL || mem == NULL || unit_name_type(u->name) != UNIT_SCOPE ||
	    mem->slot == SLOT_NONE || mem->slot >= table_used(m->table) ||
	    adopt_slot_is_contained(m, mem->slot))
		return;
	mark_of(m, mem->slot, &k);
	if (is_marked(&o->met, &k))
		o->unit = u->name;
}

const char *
scan_scope_of(struct manager *m, int32_t pid)
{
	struct owner o = { 0 };

	if (is_ours(m, pid) || !meet(pid, &o.met))
		return NULL;
	units_foreach(m, compare_scope, &o);
	buf_free(&o.met.environ);
	return o.unit;
}
