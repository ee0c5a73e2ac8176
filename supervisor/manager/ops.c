#include "manager/ops.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/pattern.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/adopt.h"
#include "manager/end.h"
#include "manager/job/job.h"
#include "manager/link.h"
#include "manager/manager.h"
#include "manager/reach.h"
#include "manager/record/event.h"
#include "manager/scan.h"
#include "manager/service/helper.h"
#include "manager/service/probe.h"
#include "manager/service/procfs.h"
#include "manager/service/service_exec.h"
#include "manager/tell.h"
#include "manager/units.h"
#include "unit/load.h"

enum {
	PIDS_MAX = 1024,
	REMOVALS_MAX = 1000000,
	REMOVALS_NOW = 64, /* are done at once; more are a helper's */
	REMOVAL_SEC = 30,
	ENV_FILES_SEC = 30, /* that reading EnvironmentFile= may take */
};

struct unit_ops *
unit_ops(struct unit *u)
{
	if (u->ops != NULL)
		return u->ops;
	u->ops = xcalloc(1, sizeof(*u->ops));
	u->ops->pattern_slot = SLOT_NONE;
	TAILQ_INIT(&u->ops->probes);
	TAILQ_INIT(&u->ops->spawns);
	u->ops->empty_slot = SLOT_NONE;
	return u->ops;
}

static void
probe_drop(struct unit_probe *p)
{
	TAILQ_REMOVE(&p->unit->ops->probes, p, next);
	free(p);
}

static void
spawn_drop(struct unit_spawn *w)
{
	TAILQ_REMOVE(&w->unit->ops->spawns, w, next);
	helper_free(w->helper);
	strv_free(&w->from_files);
	free(w);
}

void
unit_ops_clear(struct unit *u)
{
	struct unit_probe *p;
	struct unit_spawn *w;

	if (u->ops == NULL)
		return;
	scan_unwatch(u);
	adopt_wait_end(u);
	for (int i = 0; i < SVC_NTIMERS; i++) {
		if (u->ops->timer[i] == NULL)
			continue;
		loop_timer_free(u->ops->timer[i]->timer);
		free(u->ops->timer[i]);
	}
	while ((p = TAILQ_FIRST(&u->ops->probes)) != NULL) {
		probe_free(p->probe);
		probe_drop(p);
	}
	while ((w = TAILQ_FIRST(&u->ops->spawns)) != NULL)
		spawn_drop(w);
	if (u->ops->removal != NULL)
		u->ops->removal->unit = NULL;
	free(u->ops);
	u->ops = NULL;
}

/* ---- slots and processes ------------------------------------------------------------
 */

static int
ops_slot_fill(void *arg, const struct unit_conf *conf, struct msg_slot_open *open,
    int *status, char *why, size_t size)
{
	struct unit *u = arg;

	return svc_exec_open(u->manager->world, conf, open, status, why, size);
}

/* Which of the two bounds it is, and with what number. */
static void
say_no_slot(const struct manager *m, char *why, size_t size)
{
	struct rlimit r;

	if (m->nslots >= m->conf->max_slots || getrlimit(RLIMIT_NOFILE, &r) == -1)
		snprintf(why, size,
		    "all %u slots are in use: MaxSlots= of supd.conf allows no more",
		    m->nslots);
	else
		snprintf(why, size,
		    "all %u slots are in use: supd's limit of %llu descriptors allows no "
		    "more; raise it (ulimit -n, LimitNOFILE=) and start supd again",
		    m->nslots, (unsigned long long)r.rlim_cur);
}

static uint32_t
ops_slot_take(void *arg, char *why, size_t size)
{
	struct unit *u = arg;
	uint32_t slot = adopt_take_slot(u->manager, u);

	if (slot != SLOT_NONE)
		return slot;
	if (adopt_wait_slot(u->manager, u))
		return SVC_SLOT_SOON;
	say_no_slot(u->manager, why, size);
	return SLOT_NONE;
}

static int
ops_slot_open(void *arg, const struct msg_slot_open *open)
{
	struct unit *u = arg;

	link_slot_open(u->manager->link, open);
	return 0;
}

/* All of them, or those of a configuration that goes. */
static void
spawns_forget(struct unit *u, const struct unit_conf *conf)
{
	struct unit_spawn *w, *tmp;

	if (u->ops == NULL)
		return;
	TAILQ_FOREACH_SAFE (w, &u->ops->spawns, next, tmp) {
		if (conf == NULL || w->conf == conf)
			spawn_drop(w);
	}
}

void
unit_ops_forget_slot(struct unit *u)
{
	unit_ops(u)->pattern_slot = SLOT_NONE;
	unit_ops(u)->patterns = NULL;
	spawns_forget(u, NULL);
	unit_ops(u)->empty_slot = SLOT_NONE;
}

static void
ops_slot_close(void *arg, uint32_t slot)
{
	struct unit *u = arg;

	unit_ops_forget_slot(u);
	adopt_close_slot(u->manager, slot);
}

/* Nobody waits for its exec, and it gets no stored descriptors. */
static bool
spawn_is_quick(const struct service *s, const struct svc_spawn *sp)
{
	const struct service_conf *c = svc_conf(s)->service;

	return svc_stored(s, NULL, NULL) == 0 &&
	       (sp->kind != PROC_MAIN || (c->type != SERVICE_EXEC && c->notify_fd < 0));
}

static int
spawn_now(struct unit *u, const struct svc_spawn *sp, const struct strv *from_files,
    char *why, size_t size)
{
	struct msg_spawn q = { .slot = sp->slot, .kind = sp->kind, .seq = sp->seq };
	int fd;

	fd = svc_exec_spec(
	    u->manager->world, u->svc, sp, from_files, &q.spec_size, why, size);
	if (fd == -1)
		return -1;
	memcpy(q.invocation, sp->invocation, sizeof(q.invocation));
	link_spawn_take_fd(u->manager->link, &q, spawn_is_quick(u->svc, sp), fd);
	return 0;
}

/* The end of a slot is asked for behind the processes that will be started in it. */
static void
watch_after_spawns(struct unit *u)
{
	struct unit_ops *o = unit_ops(u);
	uint32_t slot = o->empty_slot;

	if (slot == SLOT_NONE || !TAILQ_EMPTY(&o->spawns))
		return;
	o->empty_slot = SLOT_NONE;
	link_watch_empty(u->manager->link, slot);
}

/* Those whose files are read, up to the first that has to wait. */
static void
spawns_flush(struct unit *u)
{
	struct unit_spawn *w;
	struct svc_spawn sp;
	char why[SVC_WHY_MAX];
	bool failed;
	int err;

	while (u->ops != NULL && u->ops->removal == NULL &&
	       (w = TAILQ_FIRST(&u->ops->spawns)) != NULL && w->helper == NULL) {
		sp = w->spawn;
		failed = w->failed;
		err = w->err;
		memcpy(why, w->why, sizeof(why));
		errno = 0;
		if (!failed &&
		    spawn_now(u, &sp, &w->from_files, why, sizeof(why)) == -1) {
			failed = true;
			err = errno != 0 ? errno : EIO;
		}
		spawn_drop(w);
		if (failed)
			svc_on_not_started(u->svc, &sp, EXIT_NOT_STARTED, 0, err, why);
	}
	if (u->ops != NULL)
		watch_after_spawns(u);
}

static void
on_files(void *arg, const struct buf *answer)
{
	struct unit_spawn *w = arg;
	struct strv skipped = { 0 };
	int err = errno;

	w->helper = NULL;
	if (svc_files_read(answer, &w->from_files, &skipped, w->why, sizeof(w->why)) ==
	    -1) {
		w->failed = true;
		w->err = answer == NULL ? err : ENOENT;
	}
	/* Each command reads them; told is it once a start by hand. */
	if (w->spawn.kind == PROC_MAIN && svc_memory(w->unit->svc)->restarts == 0)
		for (size_t i = 0; i < skipped.n; i++)
			log_warnx("%s: %s", w->unit->conf->stem, skipped.v[i]);
	strv_clear(&skipped);
	spawns_flush(w->unit);
}

static int
ops_spawn(void *arg, const struct svc_spawn *sp, char *why, size_t size)
{
	struct unit *u = arg;
	const struct exec_conf *x = &svc_conf(u->svc)->service->context;
	struct unit_ops *o = unit_ops(u);
	struct unit_spawn *w;

	if (x->n_environment_files == 0 && TAILQ_EMPTY(&o->spawns) && o->removal == NULL)
		return spawn_now(u, sp, NULL, why, size);
	w = xcalloc(1, sizeof(*w));
	w->unit = u;
	w->spawn = *sp;
	w->conf = svc_conf(u->svc);
	TAILQ_INSERT_TAIL(&o->spawns, w, next);
	if (x->n_environment_files > 0)
		w->helper = svc_files_begin(
		    u->manager->loop, x, ENV_FILES_SEC * USEC_PER_SEC, on_files, w);
	return 0;
}

/* A signal for what has not begun: it does not begin, unless the signal is harmless. */
static void
spawns_signal(struct unit *u, uint32_t slot, enum proc_kind kind, enum signal_scope scope,
    int signo)
{
	bool all = scope != SIGNAL_PROC && scope != SIGNAL_PROC_GROUP;
	struct unit_spawn *w, *tmp;
	struct svc_spawn sp;

	if (u->ops == NULL || TAILQ_EMPTY(&u->ops->spawns) || signo == SIGCONT ||
	    (signo != SIGKILL && svc_active(u->svc) != SVC_ACTIVE_DEACTIVATING))
		return;
	TAILQ_FOREACH_SAFE (w, &u->ops->spawns, next, tmp) {
		if (w->spawn.slot != slot || (!all && w->spawn.kind != kind))
			continue;
		sp = w->spawn;
		spawn_drop(w);
		/* The service is within a decision: this is dealt with after it. */
		svc_on_not_started(u->svc, &sp, EXIT_KILLED, signo, 0, "");
	}
	watch_after_spawns(u);
}

static void
ops_proc_set(
    void *arg, uint32_t slot, enum proc_kind kind, int32_t pid, uint64_t start_ticks)
{
	struct unit *u = arg;

	link_proc_set(u->manager->link, slot, kind, pid, start_ticks);
}

static void
ops_signal(void *arg, uint32_t slot, enum proc_kind kind, enum signal_scope scope,
    int signo, uint32_t step)
{
	struct unit *u = arg;
	struct manager *m = u->manager;

	if (scope == SIGNAL_SLOT_WAKE && !adopt_slot_is_contained(m, slot)) {
		/* Those beside its procs are met by scans of ours, one a signal. */
		ops_signal(arg, slot, kind, SIGNAL_SLOT, signo, step);
		ops_signal(arg, slot, kind, SIGNAL_SLOT, SIGCONT, 0);
		return;
	}
	spawns_signal(u, slot, kind, scope, signo);
	if ((scope == SIGNAL_SLOT || scope == SIGNAL_SLOT_KILL) &&
	    !adopt_slot_is_contained(m, slot) &&
	    scan_signal(m, slot, scope == SIGNAL_SLOT_KILL ? SIGKILL : signo) &&
	    scope == SIGNAL_SLOT)
		scope =
		    SIGNAL_SLOT_PROCS; /* the rest of their groups is met by the scan */
	link_signal(m->link, slot, kind, scope, signo, step);
}

static void
ops_watch_empty(void *arg, uint32_t slot)
{
	struct unit *u = arg;

	unit_ops(u)->empty_slot = slot;
	watch_after_spawns(u);
}

static void
ops_exit_ack(void *arg, const struct msg_exit *x)
{
	struct unit *u = arg;

	link_exit_ack(u->manager->link, x);
}

/* ---- time and probes ----------------------------------------------------------------
 */

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct unit_timer *ut = arg;

	(void)t;
	svc_on_timer(ut->unit->svc, ut->which);
}

static void
ops_timer_set(void *arg, enum svc_timer which, uint64_t deadline_us)
{
	struct unit *u = arg;
	struct unit_timer *ut = unit_ops(u)->timer[which];

	if (ut == NULL) {
		if (deadline_us == UINT64_MAX)
			return;
		ut = unit_ops(u)->timer[which] = xcalloc(1, sizeof(*ut));
		ut->unit = u;
		ut->which = which;
		ut->timer = loop_timer_new(u->manager->loop, "service", on_timer, ut);
	}
	loop_timer_at(ut->timer, deadline_us);
}

static void
on_probe(void *arg, bool ok, const char *text)
{
	struct unit_probe *p = arg;
	struct unit *u = p->unit;
	enum probe_use use = p->use;
	uint64_t id = p->id;

	probe_drop(p);
	svc_on_probe(u->svc, use, id, ok, text);
}

static void
ops_probe_start(void *arg, enum probe_use use, uint64_t id, const struct probe_conf *conf,
    uint64_t since_wall_us, uint64_t timeout_us)
{
	struct unit *u = arg;
	struct unit_probe *p = xcalloc(1, sizeof(*p));

	p->unit = u;
	p->use = use;
	p->id = id;
	TAILQ_INSERT_TAIL(&unit_ops(u)->probes, p, next);
	p->probe =
	    probe_new(u->manager->loop, conf, since_wall_us, timeout_us, on_probe, p);
}

static void
ops_probe_stop(void *arg, enum probe_use use)
{
	struct unit *u = arg;
	struct unit_probe *p, *tmp;

	TAILQ_FOREACH_SAFE (p, &unit_ops(u)->probes, next, tmp) {
		if (p->use != use)
			continue;
		probe_free(p->probe);
		probe_drop(p);
	}
}

void
unit_ops_send_patterns(struct unit *u)
{
	struct unit_ops *o = u->ops;
	struct buf list = { 0 };
	int fd;

	if (o == NULL || o->pattern_slot == SLOT_NONE || o->patterns == NULL)
		return;
	for (size_t i = 0; i < o->patterns->n; i++) {
		const struct probe_conf *c = &o->patterns->v[i];
		struct pattern p = { .rule = (uint32_t)i,
			.streams = 3,
			.text = c->text,
			.text_len = c->text == NULL ? 0 : strlen(c->text) };

		if (c->kind == PROBE_PATTERN && pattern_put(&list, &p) == -1)
			log_warn("%s: ReadyPattern=%s", u->name, c->text);
	}
	fd = memfd_create("supd-patterns", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || full_write(fd, buf_str(&list), list.len) == -1) {
		log_warn("%s: its patterns", u->name);
		fd_close(&fd);
	} else if (link_patterns_take_fd(u->manager->link, o->pattern_slot, fd) == -1) {
		/* They are sent again to the next logger. */
		log_debug("%s: no logger for its patterns", u->name);
	}
	buf_free(&list);
}

static void
ops_patterns(void *arg, uint32_t slot, const struct probe_list *list)
{
	struct unit *u = arg;

	unit_ops(u)->pattern_slot = slot;
	unit_ops(u)->patterns = list;
	unit_ops_send_patterns(u);
}

static void
ops_fd_store(void *arg, const char *name, int fd, bool poll_it)
{
	struct unit *u = arg;

	link_fd_put_take_fd(u->manager->link, u->name, name, poll_it, fd);
}

static void
ops_fd_drop(void *arg, const char *name)
{
	struct unit *u = arg;

	link_fd_drop(u->manager->link, 0, u->name, name == NULL ? "" : name);
}

/* ---- questions ----------------------------------------------------------------------
 */

static size_t
roots_of(struct manager *m, uint32_t slot, int32_t roots[PROC_N])
{
	const struct table_slot *s = table_slot(m->table, slot);
	size_t n = 0;

	for (int i = 0; i < PROC_N; i++) {
		if (s->proc[i].pid > 0)
			roots[n++] = s->proc[i].pid;
	}
	return n;
}

static bool
is_role(const struct manager *m, int32_t pid)
{
	if (pid == 1 || pid == m->table->init_pid)
		return true;
	for (int i = 0; i < ROLE_N; i++) {
		if (pid > 0 && m->table->role[i].pid == pid)
			return true;
	}
	return false;
}

/* init has one place for each process: it would refuse a second. */
static bool
is_of_another_slot(const struct manager *m, uint32_t slot, int32_t pid)
{
	for (uint32_t i = 0; i < table_used(m->table); i++) {
		const struct table_slot *s = table_slot(m->table, i);

		if (i == slot || s->state == SLOT_FREE)
			continue;
		for (int k = 0; k < PROC_N; k++) {
			if (s->proc[k].state == TPROC_RUNNING && s->proc[k].pid == pid)
				return true;
		}
	}
	return false;
}

static size_t
pids_of(struct manager *m, uint32_t slot, int32_t *pids, size_t max)
{
	int fd = adopt_slot_cgroup(m, slot);

	return fd != -1 ? procfs_cgroup_pids(fd, pids, max)
			: scan_find(m, slot, pids, max);
}

static uint64_t
ops_life(void *arg)
{
	const struct unit *u = arg;

	return u->manager->boot_wall_us;
}

static enum svc_pid
ops_pid_check(void *arg, uint32_t slot, int32_t pid, uint64_t *start_ticks)
{
	struct unit *u = arg;
	struct manager *m = u->manager;
	int32_t roots[PROC_N], pids[PIDS_MAX];
	enum svc_pid r;
	size_t n;

	if (is_role(m, pid))
		return SVC_PID_SUPD;
	n = roots_of(m, slot, roots);
	r = procfs_owner(
	    pid, adopt_slot_cgroup(m, slot), m->table->init_pid, roots, n, start_ticks);
	if (r == SVC_PID_FOREIGN && is_of_another_slot(m, slot, pid))
		return SVC_PID_TAKEN;
	if (r != SVC_PID_FOREIGN || adopt_slot_cgroup(m, slot) != -1)
		return r;
	/* A daemon has lost its ancestors; its tag it has not. */
	n = scan_find(m, slot, pids, PIDS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return SVC_PID_OURS;
	}
	return r;
}

static uid_t
ops_slot_uid(void *arg, uint32_t slot)
{
	struct unit *u = arg;
	const struct manager *m = u->manager;
	int32_t uid = slot < table_used(m->table) ? table_slot(m->table, slot)->uid : -1;

	return uid >= 0 ? (uid_t)uid : geteuid();
}

/* The answer of a helper, a fork of us. */
struct pidfile {
	enum svc_pidfile r;
	int32_t pid;
	bool trusted;
	char why[SVC_WHY_MAX];
};

static void
work_pidfile(const void *question, struct buf *out)
{
	struct pidfile p;

	memset(&p, 0, sizeof(p));
	p.r = procfs_pidfile(question, &p.pid, &p.trusted, p.why, sizeof(p.why));
	buf_append(out, &p, sizeof(p));
}

static enum svc_pidfile
ops_pidfile_read(
    void *arg, const char *path, int32_t *pid, bool *trusted, char *why, size_t size)
{
	struct reach *reach = ((struct unit *)arg)->manager->reach;
	struct pidfile p = { .r = SVC_PIDFILE_MISSING };
	struct buf b = { 0 };

	if (reach_is_local(reach, path, true))
		return procfs_pidfile(path, pid, trusted, why, size);
	/* What does not answer is as good as not there yet; a start has its time limit.
	 */
	if (reach_ask(reach, path, work_pidfile, path, &b) == 0 && b.len == sizeof(p))
		memcpy(&p, buf_str(&b), sizeof(p));
	buf_free(&b);
	*pid = p.pid;
	*trusted = p.trusted;
	if (p.r == SVC_PIDFILE_BAD)
		snprintf(why, size, "%s", p.why);
	return p.r;
}

static int32_t
ops_guess_main(void *arg, uint32_t slot)
{
	struct unit *u = arg;
	int32_t pids[2];

	return pids_of(u->manager, slot, pids, 2) == 1 ? pids[0] : 0;
}

static void
ops_survivors(void *arg, uint32_t slot, struct buf *out)
{
	struct unit *u = arg;
	int32_t pids[PIDS_MAX];
	size_t n = pids_of(u->manager, slot, pids, PIDS_MAX);

	for (size_t i = 0; i < n && i < 32; i++) {
		if (out->len > 0)
			buf_adds(out, ", ");
		procfs_describe(pids[i], out);
	}
	if (n > 32)
		buf_addf(out, " and %zu more", n - 32);
}

/* ---- consequences -------------------------------------------------------------------
 */

/*
 * What to remove is a list of texts, each ended by NUL: the PIDFile= (may be ""), the
 * folder of the folders, and their names.  -1 with errno: why says what is left.
 */
static int
remove_listed(const char *list, size_t len, size_t max, struct buf *why)
{
	const char *pid_file = list, *base = pid_file + strlen(pid_file) + 1;
	const char *name = base + strlen(base) + 1;
	int dir = -1, err = 0;

	if (*pid_file != '\0' && unlink(pid_file) == -1 && errno != ENOENT) {
		err = errno;
		buf_addf(why, "%s: %s", pid_file, strerror(err));
	}
	if (name < list + len)
		dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (; dir != -1 && name < list + len; name += strlen(name) + 1) {
		if (rm_rf_at(dir, name, max) == 0)
			continue;
		if (err != E2BIG)
			err = errno;
		buf_addf(why, "%s%s/%s: %s", why->len > 0 ? ", " : "", base, name,
		    strerror(err));
	}
	fd_close(&dir);
	errno = err;
	return err == 0 ? 0 : -1;
}

struct removal_question {
	size_t len;
	char list[];
};

static void
work_remove(const void *question, struct buf *out)
{
	const struct removal_question *q = question;
	struct buf why = { 0 };

	buf_addc(out, 'K');
	if (remove_listed(q->list, q->len, REMOVALS_MAX, &why) == -1)
		buf_adds(out, buf_str(&why));
}

static void
tell_not_removed(struct manager *m, const char *unit, const char *why)
{
	log_warnx("%s: cannot be removed: %s", unit, why);
	event_begin(m->events, EVENT_CLEANUP_FAILED, unit, NULL);
	event_str(m->events, "why", why);
	event_end(m->events);
}

static void
on_removed(void *arg, const struct buf *answer)
{
	struct unit_removal *r = arg;
	struct unit *u = r->unit;

	if (answer == NULL)
		tell_not_removed(r->manager, r->name, strerror(errno));
	else if (answer->len > 1)
		tell_not_removed(r->manager, r->name, buf_str(answer) + 1);
	free(r->name);
	free(r);
	if (u == NULL)
		return;
	u->ops->removal = NULL;
	spawns_flush(u);
}

/* The next start of the unit makes the folders anew: it waits for this. */
static void
remove_by_helper(struct unit *u, const struct buf *list)
{
	struct unit_removal *r = xcalloc(1, sizeof(*r));
	struct removal_question *q = xcalloc(1, sizeof(*q) + list->len);

	q->len = list->len;
	memcpy(q->list, list->data, list->len);
	r->manager = u->manager;
	r->unit = u;
	r->name = xstrdup(u->name);
	/* Two of one unit: the first is on its own then. */
	if (unit_ops(u)->removal != NULL)
		unit_ops(u)->removal->unit = NULL;
	u->ops->removal = r;
	r->helper = helper_new(u->manager->loop, work_remove, q, sizeof(*q) + list->len,
	    REMOVAL_SEC * USEC_PER_SEC, on_removed, r);
	free(q);
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

static void
ops_cleanup(void *arg, const struct unit_conf *conf, bool restarts)
{
	static const struct strv none;
	struct unit *u = arg;
	const struct exec_conf *x = &conf->service->context;
	enum dir_preserve keep = x->runtime_directory_preserve;
	const char *base = unit_paths_base(u->manager->paths, DIR_RUNTIME);
	bool removes = base != NULL &&
		       (keep == PRESERVE_NO || (keep == PRESERVE_RESTART && !restarts));
	const struct strv *names = removes ? &x->dirs[DIR_RUNTIME].names : &none;
	const char *pid_file = conf->service->pid_file;
	struct buf list = { 0 }, why = { 0 };

	if (names->n == 0 && pid_file == NULL)
		return;
	buf_append(&list, pid_file != NULL ? pid_file : "",
	    pid_file != NULL ? strlen(pid_file) + 1 : 1);
	buf_append(&list, base != NULL ? base : "/", base != NULL ? strlen(base) + 1 : 2);
	for (size_t i = 0; i < names->n; i++)
		buf_append(&list, names->v[i], strlen(names->v[i]) + 1);
	if (!is_local(u->manager, pid_file, base, names))
		remove_by_helper(u, &list);
	else if (remove_listed(list.data, list.len, REMOVALS_NOW, &why) == -1) {
		if (errno == E2BIG)
			remove_by_helper(u, &list);
		else
			tell_not_removed(u->manager, u->name, buf_str(&why));
	}
	buf_free(&list);
	buf_free(&why);
}

static void
ops_emit(void *arg, const struct svc_note *note, const struct svc_memory *mem)
{
	tell_note(arg, note, mem);
}

static void
ops_done(void *arg, enum svc_done what, enum svc_done_result r, const char *why)
{
	static const enum job_type types[] = {
		[SVC_DONE_START] = JOB_START,
		[SVC_DONE_STOP] = JOB_STOP,
		[SVC_DONE_RELOAD] = JOB_RELOAD,
	};
	static const enum job_result results[] = {
		[SVC_DONE_OK] = JOB_DONE,
		[SVC_DONE_FAILED] = JOB_FAILED,
		[SVC_DONE_TIMEOUT] = JOB_TIMEOUT,
		[SVC_DONE_SKIPPED] = JOB_SKIPPED,
		[SVC_DONE_CANCELED] = JOB_CANCELED,
	};
	struct unit *u = arg;

	jobs_unit_done(u->job_unit, types[what], results[r], why);
}

static void
ops_action(void *arg, enum unit_action action, int status, const char *why)
{
	struct unit *u = arg;

	end_by_unit(u, action, status, why);
}

static void
ops_conf_release(void *arg, const struct unit_conf *conf)
{
	struct unit *u = arg;

	spawns_forget(u, conf);
	/* The newest one stays ours; what is older was kept for the service alone. */
	unit_release_conf(u, conf);
}

const struct svc_ops svc_ops_real = {
	.slot_fill = ops_slot_fill,
	.slot_take = ops_slot_take,
	.slot_open = ops_slot_open,
	.slot_close = ops_slot_close,
	.spawn = ops_spawn,
	.proc_set = ops_proc_set,
	.signal = ops_signal,
	.watch_empty = ops_watch_empty,
	.exit_ack = ops_exit_ack,
	.timer_set = ops_timer_set,
	.probe_start = ops_probe_start,
	.probe_stop = ops_probe_stop,
	.patterns = ops_patterns,
	.fd_store = ops_fd_store,
	.fd_drop = ops_fd_drop,
	.life = ops_life,
	.pid_check = ops_pid_check,
	.slot_uid = ops_slot_uid,
	.pidfile_read = ops_pidfile_read,
	.guess_main = ops_guess_main,
	.survivors = ops_survivors,
	.cleanup = ops_cleanup,
	.emit = ops_emit,
	.done = ops_done,
	.action = ops_action,
	.conf_release = ops_conf_release,
};
