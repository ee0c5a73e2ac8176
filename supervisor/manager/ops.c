#include "manager/ops.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
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
#include "manager/budgets.h"
#include "manager/drain.h"
#include "manager/end.h"
#include "manager/hold.h"
#include "manager/job/job.h"
#include "manager/link.h"
#include "manager/manager.h"
#include "manager/ops_int.h"
#include "manager/request_files.h"
#include "manager/scan.h"
#include "manager/service/credentials.h"
#include "manager/service/helper.h"
#include "manager/service/probe.h"
#include "manager/service/service_exec.h"
#include "manager/service/service_users.h"
#include "manager/sessions.h"
#include "manager/tell.h"
#include "manager/units.h"
#include "manager/wants.h"
#include "unit/load.h"

enum {
	FILES_SEC = 30, /* that EnvironmentFile= and LoadCredential= may take */
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

/* Nobody waits for its exec, and it gets no stored descriptors and no terminal. */
static bool
spawn_is_quick(const struct service *s, const struct svc_spawn *sp)
{
	const struct service_conf *c = svc_conf(s)->service;

	if (sp->kind == PROC_MAIN && unit_conf_terminal(svc_conf(s)) != 0)
		return false;
	return svc_stored(s, NULL, NULL) == 0 &&
	       (sp->kind != PROC_MAIN || (c->type != SERVICE_EXEC && c->notify_fd < 0));
}

static int
spawn_now(struct unit *u, const struct svc_spawn *sp, const struct strv *from_files,
    char *why, size_t size)
{
	struct msg_spawn q = { .slot = sp->slot, .kind = sp->kind, .seq = sp->seq };
	int fd;

	if (sp->kind == PROC_MAIN)
		request_files_prepare(u);
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
void
ops_spawns_flush(struct unit *u)
{
	struct unit_spawn *w;
	struct svc_spawn sp;
	char why[SVC_WHY_MAX];
	uint32_t phase;
	bool failed;
	int err;

	while (u->ops != NULL && u->ops->removal == NULL &&
	       (w = TAILQ_FIRST(&u->ops->spawns)) != NULL && w->helper == NULL) {
		sp = w->spawn;
		failed = w->failed;
		phase = w->phase;
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
			svc_on_not_started(u->svc, &sp,
			    phase != 0 ? EXIT_EXITED : EXIT_NOT_STARTED, (int)phase, err,
			    why);
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
	if (svc_files_read(answer, &w->from_files, &skipped, &w->phase, w->why,
		sizeof(w->why)) == -1) {
		w->failed = true;
		w->err = answer == NULL ? err : w->phase != 0 ? 0 : ENOENT;
	} else if (w->makes_credentials) {
		memcpy(unit_ops(w->unit)->credentials_of, w->spawn.invocation,
		    sizeof(w->spawn.invocation));
	}
	/* Each command reads them; told is it once a start by hand. */
	if (w->spawn.kind == PROC_MAIN && svc_memory(w->unit->svc)->restarts == 0)
		for (size_t i = 0; i < skipped.n; i++)
			log_warnx("%s: %s", w->unit->conf->stem, skipped.v[i]);
	strv_clear(&skipped);
	ops_spawns_flush(w->unit);
}

/* The first process of an invocation, as far as this manager knows, finds its credentials
 * made; a stop, a reload or a probe has what there is. */
static bool
makes_credentials(struct unit *u, const struct svc_spawn *sp)
{
	return exec_has_credentials(&svc_conf(u->svc)->service->context) &&
	       (sp->kind == PROC_MAIN ||
		   (sp->kind == PROC_CONTROL && sp->exec <= EXEC_START)) &&
	       memcmp(unit_ops(u)->credentials_of, sp->invocation,
		   sizeof(sp->invocation)) != 0;
}

static int
read_files(struct unit *u, struct unit_spawn *w, char *why, size_t size)
{
	struct svc_world *world = u->manager->world;
	const struct exec_conf *x = &w->conf->service->context;
	struct credentials c = { .x = x, .run = world->run, .unit = w->conf->id };
	struct svc_ids ids;
	int status;

	if (w->makes_credentials) {
		if (svc_ids_find(world, x, &ids, &status, why, size) == -1)
			return -1;
		c.uid = ids.uid;
		c.gid = ids.gid;
		free(ids.groups);
		u->manager->has_credentials = true;
	}
	w->helper = svc_files_begin(u->manager->loop, x, w->makes_credentials ? &c : NULL,
	    FILES_SEC * USEC_PER_SEC, on_files, w);
	return 0;
}

static int
ops_spawn(void *arg, const struct svc_spawn *sp, char *why, size_t size)
{
	struct unit *u = arg;
	const struct exec_conf *x = &svc_conf(u->svc)->service->context;
	bool makes = makes_credentials(u, sp);
	bool waits = x->n_environment_files > 0 || makes;
	struct unit_ops *o = unit_ops(u);
	struct unit_spawn *w;

	if (!waits && TAILQ_EMPTY(&o->spawns) && o->removal == NULL)
		return spawn_now(u, sp, NULL, why, size);
	w = xcalloc(1, sizeof(*w));
	w->unit = u;
	w->spawn = *sp;
	w->conf = svc_conf(u->svc);
	w->makes_credentials = makes;
	TAILQ_INSERT_TAIL(&o->spawns, w, next);
	if (waits && read_files(u, w, why, size) == -1) {
		spawn_drop(w);
		errno = EINVAL;
		return -1;
	}
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
send_signal(struct unit *u, uint32_t slot, enum proc_kind kind, enum signal_scope scope,
    int signo, uint32_t step)
{
	struct manager *m = u->manager;

	if (scope == SIGNAL_SLOT_WAKE && !adopt_slot_is_contained(m, slot)) {
		/* Those beside its procs are met by scans of ours, one a signal. */
		send_signal(u, slot, kind, SIGNAL_SLOT, signo, step);
		send_signal(u, slot, kind, SIGNAL_SLOT, SIGCONT, 0);
		return;
	}
	if (scope == SIGNAL_SLOT_FREEZE || scope == SIGNAL_SLOT_THAW) {
		if (adopt_slot_is_contained(m, slot))
			link_signal(m->link, slot, kind, scope, 0, 0);
		else
			send_signal(u, slot, kind, SIGNAL_SLOT,
			    scope == SIGNAL_SLOT_FREEZE ? SIGSTOP : SIGCONT, 0);
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

/* Who and why, in the journal before the deed. */
static void
ops_signal(void *arg, uint32_t slot, enum proc_kind kind, enum signal_scope scope,
    int signo, uint32_t step)
{
	bool one = scope == SIGNAL_PROC || scope == SIGNAL_PROC_GROUP;

	/* (Probes are ended all the time; CONT ends nothing.) */
	if (scope != SIGNAL_SLOT_FREEZE && scope != SIGNAL_SLOT_THAW &&
	    signo != SIGCONT && (!one || kind == PROC_MAIN || kind == PROC_CONTROL))
		tell_signal(arg,
		    !one                ? "all"
		    : kind == PROC_MAIN ? "main"
					: "control",
		    signo);
	send_signal(arg, slot, kind, scope, signo, step);
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
	/* The restart of a session has its place among what else is due. */
	if (ut->which == SVC_TIMER_PHASE && ut->unit->session != NULL &&
	    svc_next_restart_us(ut->unit->svc) != 0) {
		wants(ut->unit, DUE_ENSURE);
		return;
	}
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

/* Those of [Rule] sections, by numbers behind those of ReadyPattern=. */
static void
put_rules(const struct unit *u, struct buf *list)
{
	const struct unit_session *c = svc_conf(u->svc)->session;

	for (size_t i = 0; c != NULL && i < c->rules.n; i++) {
		const struct rule_conf *r = &c->rules.v[i];
		struct pattern p = { .rule = (uint32_t)(SESSIONS_RULE_AT + i),
			.streams = r->source == RULE_EXIT     ? 3
				   : r->source == RULE_STDERR ? 2
							      : 1,
			.text = r->pattern,
			.text_len = r->pattern == NULL ? 0 : strlen(r->pattern) };

		if (rule_reads_log(r, c->session.terminal) && pattern_put(list, &p) == -1)
			log_warn("%s: rule %s", u->name, r->name);
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
	put_rules(u, &list);
	fd = memfd_create("supd-patterns", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || full_write(fd, buf_str(&list), list.len) == -1) {
		log_warn("%s: its patterns", u->name);
		fd_close(&fd);
	} else if (link_patterns_take_fd(u->manager->link, o->pattern_slot,
		       o->pattern_invocation, fd) == -1) {
		/* They are sent again to the next logger. */
		log_debug("%s: no logger for its patterns", u->name);
	}
	buf_free(&list);
}

static void
ops_patterns(
    void *arg, uint32_t slot, const uint8_t invocation[16], const struct probe_list *list)
{
	struct unit *u = arg;
	struct unit_ops *o = unit_ops(u);

	o->pattern_slot = slot;
	memcpy(o->pattern_invocation, invocation, sizeof(o->pattern_invocation));
	o->patterns = list;
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

/* ---- consequences -------------------------------------------------------------------
 */

static void
ops_emit(void *arg, const struct svc_note *note, const struct svc_memory *mem)
{
	if (note->what != SVC_EMIT_USAGE) {
		tell_note(arg, note, mem);
		sessions_on_note(arg, note, mem);
	}
	budgets_on_note(arg, note, mem);
	if (note->what == SVC_EMIT_STATE || note->what == SVC_EMIT_MEMORY)
		drain_look(arg);
}

static void
ops_judge(void *arg, const struct msg_exit *x, struct svc_judgement *out)
{
	sessions_judge(arg, x, out);
}

static bool
ops_held(void *arg)
{
	struct unit *u = arg;

	if (hold_why(u) == NULL && !budgets_keep_down(u))
		return false;
	unit_render_drop(u);
	return true;
}

static bool
ops_is_idle(void *arg)
{
	return session_state(arg) == SESSION_IDLE;
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
	sessions_on_conf(u);
	budgets_on_conf(u);
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
	.judge = ops_judge,
	.is_idle = ops_is_idle,
	.held = ops_held,
	.cleanup = ops_cleanup,
	.emit = ops_emit,
	.done = ops_done,
	.action = ops_action,
	.conf_release = ops_conf_release,
};
