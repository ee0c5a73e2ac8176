#include "manager/ops.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/pattern.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/bonds.h"
#include "manager/budget/budgets.h"
#include "manager/conditions.h"
#include "manager/end.h"
#include "manager/job/job.h"
#include "manager/kept.h"
#include "manager/link/adopt.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/ops_int.h"
#include "manager/part/part.h"
#include "manager/part/pools.h"
#include "manager/phases.h"
#include "manager/scan.h"
#include "manager/service/probe.h"
#include "manager/service/service_exec.h"
#include "manager/sessions/sessions.h"
#include "manager/tell.h"
#include "manager/units.h"
#include "manager/watch/namewatch.h"
#include "manager/wish/drain.h"
#include "manager/wish/hold.h"
#include "manager/wish/wants.h"

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

void
unit_ops_clear(struct unit *u)
{
	struct unit_probe *p;

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
	namewatch_remove(u->ops->name);
	ops_spawns_forget(u, NULL);
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

	kept_begins(u);
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

static enum svc_pool
ops_pool_enter(
    void *arg, const struct unit_conf *conf, uint64_t *number, char *why, size_t size)
{
	if (phases_wait(arg, conf, why, size)) {
		pools_leave(arg);
		return SVC_POOL_PHASE;
	}
	return pools_enter(arg, conf, number, why, size);
}

static void
ops_pool_leave(void *arg)
{
	pools_leave(arg);
}

static int
ops_slot_open(void *arg, const struct msg_slot_open *open)
{
	struct unit *u = arg;

	link_slot_open(u->manager->link, open);
	return 0;
}

void
unit_ops_forget_slot(struct unit *u)
{
	unit_ops(u)->pattern_slot = SLOT_NONE;
	unit_ops(u)->patterns = NULL;
	ops_spawns_forget(u, NULL);
	unit_ops(u)->empty_slot = SLOT_NONE;
}

static void
ops_slot_close(void *arg, uint32_t slot)
{
	struct unit *u = arg;

	unit_ops_forget_slot(u);
	adopt_close_slot(u->manager, slot);
}

static void
ops_proc_set(
    void *arg, uint32_t slot, enum proc_kind kind, int32_t pid, uint64_t start_ticks)
{
	struct unit *u = arg;

	link_proc_set(u->manager->link, slot, kind, pid, start_ticks);
}

static void
ops_proc_join(void *arg, uint32_t slot, int32_t pid, uint64_t start_ticks)
{
	struct unit *u = arg;

	link_proc_join(u->manager->link, slot, pid, start_ticks);
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
	ops_spawns_signal(u, slot, kind, scope, signo);
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
	if (ut->which == SVC_TIMER_PHASE && bonds_restart(ut->unit))
		return;
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

static void
on_name(void *arg, bool owned)
{
	struct unit *u = arg;

	svc_on_name(u->svc, owned);
}

static void
ops_name_watch(void *arg, const char *name)
{
	struct unit *u = arg;
	struct unit_ops *o = unit_ops(u);
	struct manager *m = u->manager;

	namewatch_remove(o->name);
	o->name = NULL;
	if (name == NULL)
		return;
	if (m->namewatch == NULL)
		m->namewatch = namewatch_new(m->loop, &namewatch_usual);
	o->name = namewatch_add(m->namewatch, name, u->name, on_name, u);
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
	if (note->what == SVC_EMIT_STATE) {
		unit_note_active(arg);
		phases_on_unit(arg);
	}
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

static void
ops_conditions(void *arg, const struct unit_conf *conf, struct svc_conditions *out)
{
	struct unit *u = arg;

	conditions_ask(u->manager, conf, out);
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
		[SVC_DONE_ASSERT] = JOB_ASSERT,
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

	ops_spawns_forget(u, conf);
	sessions_on_conf(u);
	budgets_on_conf(u);
	/* The newest one stays ours; what is older was kept for the service alone. */
	unit_release_conf(u, conf);
}

const struct svc_ops svc_ops_real = {
	.slot_fill = ops_slot_fill,
	.slot_take = ops_slot_take,
	.pool_enter = ops_pool_enter,
	.pool_leave = ops_pool_leave,
	.slot_open = ops_slot_open,
	.slot_close = ops_slot_close,
	.spawn = ops_spawn,
	.proc_set = ops_proc_set,
	.proc_join = ops_proc_join,
	.signal = ops_signal,
	.watch_empty = ops_watch_empty,
	.exit_ack = ops_exit_ack,
	.timer_set = ops_timer_set,
	.probe_start = ops_probe_start,
	.probe_stop = ops_probe_stop,
	.name_watch = ops_name_watch,
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
	.conditions = ops_conditions,
	.cleanup = ops_cleanup,
	.emit = ops_emit,
	.done = ops_done,
	.action = ops_action,
	.conf_release = ops_conf_release,
};
