/*
 * world: a fake init under a virtual clock, for the simulations of one service.
 *
 * Messages of the manager take effect at once; those of init wait in a queue until the
 * test delivers them, so every interleaving can be made.  world_crash_at makes the
 * manager die at the n-th call of an op: that call and all later ones do nothing; then
 * world_revive makes a new service from what was emitted and what this init holds.
 *
 * It checks all the time: one instance at most, nothing started twice, the memory in
 * which a deed is decided is emitted before the deed.
 */
#ifndef SUPD_TESTS_SIM_WORLD_H
#define SUPD_TESTS_SIM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/service/service.h"
#include "unit/load.h"

#define SEC USEC_PER_SEC
#define UNUSED __attribute__((unused))

enum { W_SLOTS = 64, W_LOG = 1 << 16, W_PID0 = 1000, W_FOREIGN_PID = 77 };

struct w_proc {
	bool running;
	bool has_exit; /* not acknowledged */
	int32_t pid;
	uint64_t seq;
	bool execed;
	struct msg_exit exit;
	char cmd[64];
};

struct w_slot {
	bool used, closing;
	uint8_t invocation[16];
	char ref[PROTO_REF_MAX];
	struct w_proc proc[PROC_N];
	unsigned extra; /* other processes of the group */
	bool watch;
	uint32_t step; /* newest SIGNAL_STEP */
	bool frozen;
};

enum w_kind { W_STARTED, W_EXIT, W_EMPTY, W_SLOT };

struct w_msg {
	enum w_kind kind;
	struct msg_started started;
	struct msg_exit exit;
	struct msg_slot slot;
	uint32_t empty;
};

struct world {
	uint64_t now_us;
	bool held; /* a restart that is due waits */
	struct svc_conditions conditions;
	struct svc_judgement judgement; /* of each end */
	bool idle;                      /* it has nothing to do */
	struct unit_paths *paths;
	struct unit_conf *conf;
	struct unit_conf *run_conf; /* what w_revive finds to be run by an older one */
	struct service *s;
	struct w_slot slot[W_SLOTS];
	uint32_t last_slot;
	int32_t last_pid;

	struct w_msg *queue;
	size_t nqueue, queue_cap;

	/* Of the manager. */
	uint64_t timer_us[SVC_NTIMERS];
	struct svc_memory mem; /* newest emitted */
	bool has_mem;
	uint64_t ops;      /* calls that did something */
	uint64_t crash_at; /* 0: never */
	bool dead;

	/* What the programs are like. */
	bool exec_fails;
	int exec_errno;         /* so; 0: ENOENT */
	bool deaf;              /* nobody ends by TERM */
	bool immortal;          /* not even by KILL */
	bool auto_exit_control; /* control processes end well by themselves */
	bool tells_empty;       /* with an exit, as init does of a slot with a cgroup */
	unsigned forks;         /* extra processes that main leaves in the group */
	bool full;              /* no slot, but one is being closed */
	bool away;              /* it is not its phase: starts wait for w_phase */
	bool pool_full;         /* Pool= is; who waits is admitted by w_admit */
	int fail_slots;         /* SLOT_OPEN fails so often */
	int fail_fill;
	int fail_spawn;
	bool named_is_gone; /* when init looks at what was named as main */
	int32_t pidfile;    /* 0: missing, -1 bad */
	bool pidfile_trusted;
	int32_t guess;

	/* What it has of its pool. */
	enum { W_POOL_OUT, W_POOL_WAITS, W_POOL_HOLDS } pool;
	uint64_t pool_number;

	/* What came of it. */
	char log[W_LOG]; /* deeds as words */
	size_t loglen;
	unsigned spawns[PROC_N];
	unsigned done_count[3];
	enum svc_done_result done_last[3];
	char done_why[3][256];
	unsigned asked[3];
	unsigned states[SVC_NSTATES]; /* times entered */
	uint64_t restart_delay_us;
	uint32_t retries_told; /* of the newest restart */
	unsigned restarts_told, ready_told, refused_told, health_told, leftover_told;
	unsigned memories_told;
	bool health_ok;
	char refused[256];
	unsigned actions;
	enum unit_action action;
	uint64_t probe_id[64];
	unsigned nprobes;
	bool name_watched;
	unsigned fds_stored;
	bool spoilt; /* the memory lies: init refuses what cannot be */
	bool quiet;  /* no log of deeds: walks */
	uint64_t seed;
};

static struct world *w_current;

static uint64_t
w_clock(enum clock_kind kind, void *arg)
{
	struct world *w = arg;

	return kind == CLOCK_KIND_WALL ? UINT64_C(1700000000000000) + w->now_us
				       : w->now_us;
}

static void w_log(struct world *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
w_log(struct world *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (w->quiet || w->loglen + 256 > W_LOG)
		return;
	va_start(ap, fmt);
	n = vsnprintf(w->log + w->loglen, W_LOG - w->loglen, fmt, ap);
	va_end(ap);
	w->loglen += (size_t)n;
}

/* ---- init -------------------------------------------------------------------- */

static struct w_msg *
w_post(struct world *w, enum w_kind kind)
{
	if (w->nqueue == w->queue_cap) {
		w->queue_cap = w->queue_cap == 0 ? 16 : 2 * w->queue_cap;
		w->queue = xreallocarray(w->queue, w->queue_cap, sizeof(*w->queue));
	}
	memset(&w->queue[w->nqueue], 0, sizeof(*w->queue));
	w->queue[w->nqueue].kind = kind;
	return &w->queue[w->nqueue++];
}

static bool
w_slot_lives(const struct w_slot *sl)
{
	for (int k = 0; k < PROC_N; k++)
		if (sl->proc[k].running)
			return true;
	return sl->extra > 0;
}

static void
w_check_empty(struct world *w, uint32_t i)
{
	struct w_slot *sl = &w->slot[i];

	if (!sl->used || !sl->watch || w_slot_lives(sl))
		return;
	sl->watch = false;
	w_post(w, W_EMPTY)->empty = i;
}

static void
w_proc_ends(struct world *w, uint32_t i, int kind, enum exit_how how, int status)
{
	struct w_slot *sl = &w->slot[i];
	struct w_proc *p = &sl->proc[kind];

	assert_true(p->running);
	p->running = false;
	p->has_exit = true;
	p->exit = (struct msg_exit){ .slot = i,
		.kind = (uint32_t)kind,
		.pid = p->pid,
		.how = how,
		.status = status,
		.empty = w->tells_empty && !w_slot_lives(sl),
		.seq = p->seq,
		.mono_us = w->now_us,
		.wall_us = clock_wall_us() };
	w_post(w, W_EXIT)->exit = p->exit;
	w_check_empty(w, i);
}

static void
w_signal_proc(struct world *w, uint32_t i, int kind, int signo)
{
	struct w_proc *p = &w->slot[i].proc[kind];

	if (!p->running || signo == SIGCONT || signo == SIGHUP)
		return;
	if (signo == SIGKILL ? w->immortal : w->deaf || w->slot[i].frozen)
		return;
	w_proc_ends(w, i, kind,
	    signo == SIGABRT || signo == SIGQUIT ? EXIT_DUMPED : EXIT_KILLED, signo);
}

static void
w_signal_group(struct world *w, uint32_t i, int signo)
{
	for (int k = 0; k < PROC_N; k++)
		w_signal_proc(w, i, k, signo);
	if (signo == SIGCONT || signo == SIGHUP ||
	    (signo == SIGKILL ? w->immortal : w->deaf || w->slot[i].frozen))
		return;
	w->slot[i].extra = 0;
	w_check_empty(w, i);
}

/* ---- the ops ----------------------------------------------------------------- */

/* false: the manager is dead, nothing happens any more. */
static bool
w_op(struct world *w)
{
	if (w->dead)
		return false;
	w->ops++;
	if (w->crash_at != 0 && w->ops >= w->crash_at) {
		w->dead = true;
		return false;
	}
	return true;
}

static int
op_slot_fill(void *arg, const struct unit_conf *conf, struct msg_slot_open *open,
    int *status, char *why, size_t size)
{
	struct world *w = arg;

	(void)conf;
	(void)open;
	if (w->fail_fill > 0) {
		w->fail_fill--;
		*status = 217;
		snprintf(why, size, "no such user: nobody-here");
		return -1;
	}
	return 0;
}

static uint32_t
op_slot_take(void *arg, char *why, size_t size)
{
	struct world *w = arg;

	if (w->full)
		return SVC_SLOT_SOON;
	for (uint32_t n = 0; n < W_SLOTS; n++) {
		w->last_slot = (w->last_slot + 1) % W_SLOTS;
		if (!w->slot[w->last_slot].used)
			return w->last_slot;
	}
	snprintf(why, size, "all %d slots are in use", W_SLOTS);
	return SLOT_NONE;
}

static enum svc_pool
op_pool_enter(
    void *arg, const struct unit_conf *conf, uint64_t *number, char *why, size_t size)
{
	struct world *w = arg;

	if (w->away) {
		w->pool = W_POOL_OUT;
		strlcpy(why, "waits for its phase", size);
		return SVC_POOL_PHASE;
	}
	if (conf->service->pool == NULL) {
		w->pool = W_POOL_OUT;
		return SVC_POOL_NONE;
	}
	strlcpy(why, conf->service->pool, size);
	assert_true(w->pool != W_POOL_HOLDS);
	if (*number == 0)
		*number = ++w->pool_number;
	w->pool = w->pool_full ? W_POOL_WAITS : W_POOL_HOLDS;
	return w->pool_full ? SVC_POOL_QUEUED : SVC_POOL_ADMITTED;
}

static void
op_pool_leave(void *arg)
{
	struct world *w = arg;

	if (!w_op(w))
		return;
	assert_true(w->pool != W_POOL_OUT);
	/* Others may have it from here on. */
	assert_true(w->mem.pool[0] == '\0');
	w->pool = W_POOL_OUT;
	w_log(w, "leave ");
}

static int
op_slot_open(void *arg, const struct msg_slot_open *open)
{
	struct world *w = arg;
	struct w_slot *sl = &w->slot[open->slot];

	if (!w_op(w))
		return 0;
	assert_true(w->has_mem && w->mem.slot == open->slot);
	if (w->spoilt && sl->used) {
		w_post(w, W_SLOT)->slot.slot = open->slot;
		w->queue[w->nqueue - 1].slot.err = EEXIST;
		return 0;
	}
	assert_false(sl->used);
	if (w->fail_slots > 0) {
		struct msg_slot *m = &w_post(w, W_SLOT)->slot;

		w->fail_slots--;
		m->slot = open->slot;
		m->err = EMFILE;
		return 0;
	}
	memset(sl, 0, sizeof(*sl));
	sl->used = true;
	memcpy(sl->invocation, open->invocation, sizeof(sl->invocation));
	snprintf(sl->ref, sizeof(sl->ref), "%s", open->log.ref);
	w_log(w, "open ");
	return 0;
}

static void
op_slot_close(void *arg, uint32_t slot)
{
	struct world *w = arg;

	if (!w_op(w))
		return;
	if (w->spoilt && !w->slot[slot].used)
		return;
	assert_true(w->slot[slot].used);
	for (int k = 0; k < PROC_N; k++)
		if (w->slot[slot].proc[k].running)
			assert_true(w->spoilt ||
				    w->conf->service->kill.mode == KILL_NONE ||
				    w->conf->service->kill.mode == KILL_PROCESS ||
				    !w->conf->service->kill.send_sigkill);
	memset(&w->slot[slot], 0, sizeof(w->slot[slot]));
	w_log(w, "close ");
}

static int
op_spawn(void *arg, const struct svc_spawn *sp, char *why, size_t size)
{
	struct world *w = arg;
	struct w_slot *sl = &w->slot[sp->slot];
	struct w_proc *p = &sl->proc[sp->kind];
	struct msg_started *st;
	unsigned alive = 0;

	if (!w_op(w))
		return 0;
	if (w->conf->service->pool != NULL)
		assert_true(w->spoilt || w->pool == W_POOL_HOLDS);
	if (w->fail_spawn > 0) {
		w->fail_spawn--;
		snprintf(why, size, "no memory for it");
		errno = ENOMEM;
		return -1;
	}
	if (!sl->used) {
		/* The slot could not be opened: init refuses what comes behind it. */
		struct msg_exit *x = &w_post(w, W_EXIT)->exit;

		*x = (struct msg_exit){ .slot = sp->slot,
			.kind = sp->kind,
			.how = EXIT_NOT_STARTED,
			.err = ENOENT,
			.seq = sp->seq };
		return 0;
	}
	assert_memory_equal(sl->invocation, sp->invocation, 16);
	/* Intent before deed. */
	if (sp->kind == PROC_MAIN) {
		assert_true(w->mem.main_running && w->mem.main_seq == sp->seq);
		for (uint32_t i = 0; i < W_SLOTS; i++)
			alive += w->slot[i].used && w->slot[i].proc[PROC_MAIN].running;
		if (!w->spoilt)
			assert_int_equal(alive, 0);
	} else if (sp->kind == PROC_CONTROL) {
		assert_true(w->mem.control_running && w->mem.control_seq == sp->seq);
	}
	if ((p->running || p->has_exit) && w->spoilt) {
		struct msg_exit *x = &w_post(w, W_EXIT)->exit;

		*x = (struct msg_exit){ .slot = sp->slot,
			.kind = sp->kind,
			.how = EXIT_NOT_STARTED,
			.err = EEXIST,
			.seq = sp->seq };
		return 0;
	}
	if (p->running || p->has_exit) {
		/* Started twice: init refuses, and the test fails. */
		fail_msg("kind %d started twice (seed %llu)", sp->kind,
		    (unsigned long long)w->seed);
	}
	w->spawns[sp->kind]++;
	memset(p, 0, sizeof(*p));
	p->running = true;
	p->pid = ++w->last_pid;
	p->seq = sp->seq;
	snprintf(p->cmd, sizeof(p->cmd), "%s",
	    sp->cmd != NULL && sp->cmd->path != NULL ? sp->cmd->path : "");
	w_log(w, "%s%s ",
	    sp->kind == PROC_MAIN      ? "main:"
	    : sp->kind == PROC_CONTROL ? "ctl:"
	    : sp->kind == PROC_READY   ? "ready:"
				       : "health:",
	    strrchr(p->cmd, '/') != NULL ? strrchr(p->cmd, '/') + 1 : p->cmd);
	st = &w_post(w, W_STARTED)->started;
	*st = (struct msg_started){ .slot = sp->slot,
		.kind = sp->kind,
		.pid = p->pid,
		.seq = sp->seq,
		.start_ticks = (uint64_t)p->pid };
	if (w->exec_fails) {
		p->exit.phase = 203;
		w_proc_ends(w, sp->slot, (int)sp->kind, EXIT_EXITED, 203);
		p->exit.phase = 203;
		p->exit.err = w->exec_errno != 0 ? w->exec_errno : ENOENT;
		w->queue[w->nqueue - 1].exit = p->exit;
		return 0;
	}
	p->execed = true;
	st = &w_post(w, W_STARTED)->started;
	*st = (struct msg_started){ .slot = sp->slot,
		.kind = sp->kind,
		.pid = p->pid,
		.seq = sp->seq,
		.execed = 1,
		.start_ticks = (uint64_t)p->pid };
	if (sp->kind == PROC_MAIN)
		sl->extra += w->forks;
	if (sp->kind == PROC_CONTROL && w->auto_exit_control)
		w_proc_ends(w, sp->slot, PROC_CONTROL, EXIT_EXITED, 0);
	return 0;
}

static void
op_proc_set(void *arg, uint32_t slot, enum proc_kind kind, int32_t pid, uint64_t ticks)
{
	struct world *w = arg;
	struct w_proc *p = &w->slot[slot].proc[kind];
	struct msg_started *st;

	(void)ticks;
	if (!w_op(w))
		return;
	assert_true(w->spoilt || (w->mem.main_pid == pid && w->mem.main_alien));
	if (w->spoilt && pid < W_PID0) {
		/* No such process. */
		struct msg_exit *x = &w_post(w, W_EXIT)->exit;

		*x = (struct msg_exit){
			.slot = slot, .kind = kind, .pid = pid, .how = EXIT_UNKNOWN
		};
		return;
	}
	if (p->running && w->named_is_gone) {
		st = &w_post(w, W_STARTED)->started;
		*st = (struct msg_started){ .slot = slot,
			.kind = kind,
			.pid = p->pid,
			.seq = p->seq,
			.execed = 1 };
		return;
	}
	if (p->running && p->pid != pid)
		w->slot[slot].extra++; /* the old one is nobody's now */
	if (w->slot[slot].extra > 0)
		w->slot[slot].extra--;
	p->running = true;
	p->has_exit = false;
	p->pid = pid;
	p->seq = 0;
	w_log(w, "mainpid ");
	st = &w_post(w, W_STARTED)->started;
	*st = (struct msg_started){ .slot = slot, .kind = kind, .pid = pid, .execed = 1 };
}

/* As init does it: what was taken in already is only told again. */
static void
op_proc_join(void *arg, uint32_t slot, int32_t pid, uint64_t ticks)
{
	struct world *w = arg;
	struct w_proc *p = &w->slot[slot].proc[PROC_MAIN];
	struct msg_started *st;

	if (!w_op(w))
		return;
	assert_true(w->mem.main_pid == pid && w->mem.main_ticks == ticks);
	if (!p->running) {
		w_log(w, "join ");
		p->running = p->execed = true;
		p->has_exit = false;
		p->pid = pid;
		p->seq = 0;
	}
	st = &w_post(w, W_STARTED)->started;
	*st = (struct msg_started){
		.slot = slot, .kind = PROC_MAIN, .pid = pid, .execed = 1
	};
}

static void
op_signal(void *arg, uint32_t slot, enum proc_kind kind, enum signal_scope scope,
    int signo, uint32_t step)
{
	struct world *w = arg;
	char name[24];

	if (!w_op(w))
		return;
	if (scope == SIGNAL_SLOT_FREEZE || scope == SIGNAL_SLOT_THAW) {
		w->slot[slot].frozen = scope == SIGNAL_SLOT_FREEZE;
		w_log(w, w->slot[slot].frozen ? "FREEZE " : "THAW ");
		return;
	}
	w_log(w, "%s%s ", svc_signal_name(signo, name, sizeof(name)),
	    scope == SIGNAL_PROC || scope == SIGNAL_PROC_GROUP
		? kind == PROC_MAIN ? ":main" : ":proc"
		: "");
	if (scope == SIGNAL_SLOT_WAKE)
		w_log(w, "CONT ");
	if (!w->slot[slot].used)
		return;
	if (step != 0) {
		/* Whoever died in between: a step is taken once. */
		assert_true(w->spoilt || step > w->slot[slot].step);
		w->slot[slot].step = step;
	}
	if (scope == SIGNAL_PROC || scope == SIGNAL_PROC_GROUP)
		w_signal_proc(w, slot, (int)kind, signo);
	else
		w_signal_group(w, slot, scope == SIGNAL_SLOT_KILL ? SIGKILL : signo);
}

static void
op_watch_empty(void *arg, uint32_t slot)
{
	struct world *w = arg;

	if (!w_op(w))
		return;
	w->slot[slot].watch = true;
	w_check_empty(w, slot);
}

static void
op_exit_ack(void *arg, const struct msg_exit *x)
{
	struct world *w = arg;
	struct w_proc *p = &w->slot[x->slot].proc[x->kind];

	if (!w_op(w))
		return;
	if (w->slot[x->slot].used && p->has_exit && p->seq == x->seq)
		p->has_exit = false;
}

static void
op_timer_set(void *arg, enum svc_timer which, uint64_t deadline_us)
{
	struct world *w = arg;

	if (w->dead)
		return;
	w->timer_us[which] = deadline_us;
}

static void
op_probe_start(void *arg, enum probe_use use, uint64_t id, const struct probe_conf *conf,
    uint64_t since, uint64_t timeout)
{
	struct world *w = arg;

	(void)use;
	(void)conf;
	(void)since;
	(void)timeout;
	if (!w_op(w))
		return;
	if (w->nprobes < 64)
		w->probe_id[w->nprobes++] = id;
	w_log(w, "probe ");
}

static void
op_probe_stop(void *arg, enum probe_use use)
{
	struct world *w = arg;

	(void)use;
	w->nprobes = 0;
}

static void
op_name_watch(void *arg, const char *name)
{
	struct world *w = arg;

	if (w->dead)
		return;
	/* Never two of them, never the end of none. */
	assert_true((name != NULL) != w->name_watched);
	w->name_watched = name != NULL;
	w_log(w, name != NULL ? "name " : "noname ");
}

static void
op_patterns(
    void *arg, uint32_t slot, const uint8_t invocation[16], const struct probe_list *list)
{
	struct world *w = arg;
	const struct w_slot *sl = &w->slot[slot];

	(void)list;
	if (!w_op(w))
		return;
	/* (A slot that could not be opened is nobody's.) */
	if (sl->used)
		assert_memory_equal(sl->invocation, invocation, 16);
	w_log(w, "patterns ");
}

static void
op_fd_store(void *arg, const char *name, int fd, bool poll)
{
	struct world *w = arg;

	(void)poll;
	close(fd);
	if (!w_op(w))
		return;
	w->fds_stored++;
	w_log(w, "fdstore:%s ", name);
}

static uint64_t
op_life(void *arg)
{
	(void)arg;
	return 1;
}

static void
op_fd_drop(void *arg, const char *name)
{
	struct world *w = arg;

	if (w_op(w) && name != NULL)
		w_log(w, "fddrop:%s ", name);
}

static enum svc_pid
op_pid_check(void *arg, uint32_t slot, int32_t pid, uint64_t *ticks)
{
	struct world *w = arg;

	(void)slot;
	*ticks = (uint64_t)pid;
	if (pid == 1)
		return SVC_PID_SUPD;
	if (pid == W_FOREIGN_PID)
		return SVC_PID_FOREIGN;
	return pid >= W_PID0 && pid <= w->last_pid + 100 ? SVC_PID_OURS : SVC_PID_GONE;
}

static uid_t
op_slot_uid(void *arg, uint32_t slot)
{
	(void)arg;
	(void)slot;
	return 1000;
}

static enum svc_pidfile
op_pidfile_read(
    void *arg, const char *path, int32_t *pid, bool *trusted, char *why, size_t size)
{
	struct world *w = arg;

	(void)path;
	if (w->pidfile == 0)
		return SVC_PIDFILE_MISSING;
	if (w->pidfile < 0) {
		snprintf(why, size, "there is no process number in it");
		return SVC_PIDFILE_BAD;
	}
	*pid = w->pidfile;
	*trusted = w->pidfile_trusted;
	return SVC_PIDFILE_OK;
}

static int32_t
op_guess_main(void *arg, uint32_t slot)
{
	struct world *w = arg;

	(void)slot;
	return w->guess;
}

static void
op_survivors(void *arg, uint32_t slot, struct buf *out)
{
	(void)arg;
	(void)slot;
	buf_adds(out, "4711 (dd) state D wchan=io_schedule");
}

static void
op_cleanup(void *arg, const struct unit_conf *conf, bool restarts)
{
	(void)arg;
	(void)conf;
	(void)restarts;
}

static void
op_emit(void *arg, const struct svc_note *note, const struct svc_memory *m)
{
	struct world *w = arg;

	if (!w_op(w))
		return;
	assert_non_null(m);
	w->memories_told += note->what == SVC_EMIT_MEMORY;
	if (note->keep) {
		svc_memory_copy(&w->mem, m);
		w->has_mem = true;
	}
	switch (note->what) {
	case SVC_EMIT_STATE:
		assert_true(note->old != note->state);
		w->states[note->state]++;
		w_log(w, "[%s] ", svc_state_name(note->state));
		break;
	case SVC_EMIT_RESTART:
		w->restarts_told++;
		w->retries_told = note->retries;
		w->restart_delay_us = note->delay_us;
		break;
	case SVC_EMIT_READY:
		w->ready_told++;
		break;
	case SVC_EMIT_REFUSED:
		w->refused_told++;
		snprintf(w->refused, sizeof(w->refused), "%s", note->text);
		break;
	case SVC_EMIT_HEALTH:
		w->health_told++;
		w->health_ok = note->ok;
		break;
	case SVC_EMIT_LEFTOVER:
		w->leftover_told++;
		break;
	case SVC_EMIT_BUG:
		if (w->spoilt)
			break;
		fail_msg("bug: %s (seed %llu)", note->text, (unsigned long long)w->seed);
		break;
	default:
		break;
	}
}

static void
op_done(void *arg, enum svc_done what, enum svc_done_result r, const char *why)
{
	struct world *w = arg;

	if (!w_op(w))
		return;
	w->done_count[what]++;
	w->done_last[what] = r;
	snprintf(w->done_why[what], sizeof(w->done_why[what]), "%s", why);
}

static void
op_action(void *arg, enum unit_action action, int status, const char *why)
{
	struct world *w = arg;

	(void)status;
	(void)why;
	if (!w_op(w))
		return;
	w->actions++;
	w->action = action;
}

static void
op_conf_release(void *arg, const struct unit_conf *conf)
{
	struct world *w = arg;

	assert_true(conf != w->conf);
	unit_conf_free((struct unit_conf *)(uintptr_t)conf);
}

static void
op_judge(void *arg, const struct msg_exit *x, struct svc_judgement *out)
{
	const struct world *w = arg;

	(void)x;
	*out = w->judgement;
}

static bool
op_is_idle(void *arg)
{
	return ((struct world *)arg)->idle;
}

static bool
op_held(void *arg)
{
	const struct world *w = arg;

	return w->held;
}

static void
op_conditions(void *arg, const struct unit_conf *conf, struct svc_conditions *out)
{
	const struct world *w = arg;

	(void)conf;
	*out = w->conditions;
}

static const struct svc_ops w_ops = {
	.slot_fill = op_slot_fill,
	.slot_take = op_slot_take,
	.pool_enter = op_pool_enter,
	.pool_leave = op_pool_leave,
	.slot_open = op_slot_open,
	.slot_close = op_slot_close,
	.spawn = op_spawn,
	.proc_set = op_proc_set,
	.proc_join = op_proc_join,
	.signal = op_signal,
	.watch_empty = op_watch_empty,
	.exit_ack = op_exit_ack,
	.timer_set = op_timer_set,
	.probe_start = op_probe_start,
	.probe_stop = op_probe_stop,
	.name_watch = op_name_watch,
	.patterns = op_patterns,
	.fd_store = op_fd_store,
	.fd_drop = op_fd_drop,
	.life = op_life,
	.pid_check = op_pid_check,
	.slot_uid = op_slot_uid,
	.pidfile_read = op_pidfile_read,
	.guess_main = op_guess_main,
	.survivors = op_survivors,
	.judge = op_judge,
	.is_idle = op_is_idle,
	.held = op_held,
	.conditions = op_conditions,
	.cleanup = op_cleanup,
	.emit = op_emit,
	.done = op_done,
	.action = op_action,
	.conf_release = op_conf_release,
};

/* No other world shares what it is made of. */
static UNUSED void
w_no_start_limit(struct world *w)
{
	struct unit_rules *r = (struct unit_rules *)(uintptr_t)w->conf->rules;

	r->start_limit_interval_us = 0;
}

/* ---- making one -------------------------------------------------------------- */

static struct unit_conf *
w_conf(struct unit_paths *paths, const char *text)
{
	struct unit_conf *c;
	struct diags d;

	diags_init(&d);
	c = unit_load_text(paths, NULL, "a.service", "a.service", text, strlen(text), &d);
	if (d.n_errors > 0)
		diags_print(&d, stderr);
	assert_int_equal(d.n_errors, 0);
	assert_int_equal(c->load_state, UNIT_LOADED);
	diags_clear(&d);
	return c;
}

/* The lines of [Service] that every test has, before its own. */
static struct world *
w_new(const char *text)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->now_us = 1000 * SEC;
	w->last_pid = W_PID0;
	svc_memory_init(&w->mem);
	w->auto_exit_control = true;
	w->conditions.held = true;
	for (int i = 0; i < SVC_NTIMERS; i++)
		w->timer_us[i] = UINT64_MAX;
	w_current = w;
	clock_set_source(w_clock, w);
	w->paths = unit_paths_new();
	w->conf = w_conf(w->paths, text);
	w->s = svc_new(&w_ops, w, "a.service", w->conf);
	return w;
}

static void
w_free(struct world *w)
{
	w->dead = true;
	svc_free(w->s);
	unit_conf_free(w->conf);
	unit_paths_free(w->paths);
	free(w->queue);
	svc_memory_clear(&w->mem);
	free(w);
	clock_set_source(NULL, NULL);
}

/* ---- time and messages ------------------------------------------------------- */

UNUSED static void
w_drop_message(struct world *w)
{
	memmove(w->queue, w->queue + 1, (w->nqueue - 1) * sizeof(*w->queue));
	w->nqueue--;
}

/* The oldest message of init; false: none waits. */
static bool
w_deliver(struct world *w)
{
	struct w_msg m;

	if (w->nqueue == 0 || w->dead)
		return false;
	m = w->queue[0];
	w_drop_message(w);
	switch (m.kind) {
	case W_STARTED:
		svc_on_started(w->s, &m.started);
		break;
	case W_EXIT:
		svc_on_exit(w->s, &m.exit);
		break;
	case W_EMPTY:
		svc_on_empty(w->s, m.empty);
		break;
	case W_SLOT:
		svc_on_slot(w->s, &m.slot);
		break;
	}
	return true;
}

UNUSED static void
w_run(struct world *w)
{
	for (unsigned i = 0; w_deliver(w); i++)
		assert_true(i < 100000);
}

/* The next timer that is due until then; SVC_NTIMERS: none. */
static int
w_next_timer(struct world *w, uint64_t until_us)
{
	int best = SVC_NTIMERS;

	for (int i = 0; i < SVC_NTIMERS; i++)
		if (w->timer_us[i] != UINT64_MAX && w->timer_us[i] <= until_us &&
		    (best == SVC_NTIMERS || w->timer_us[i] < w->timer_us[best]))
			best = i;
	return best;
}

static void
w_fire(struct world *w, int timer)
{
	if (w->timer_us[timer] > w->now_us)
		w->now_us = w->timer_us[timer];
	w->timer_us[timer] = UINT64_MAX;
	svc_on_timer(w->s, (enum svc_timer)timer);
}

UNUSED static void
w_advance(struct world *w, uint64_t us)
{
	uint64_t until = w->now_us + us;
	int t;

	w_run(w);
	while (!w->dead && (t = w_next_timer(w, until)) != SVC_NTIMERS) {
		w_fire(w, t);
		w_run(w);
	}
	w->now_us = until;
}

/* ---- short forms ------------------------------------------------------------- */

UNUSED static void
w_up(struct world *w)
{
	w->asked[SVC_DONE_START]++;
	svc_want_up(w->s, &(struct svc_start){ .who = "a person" });
}

/* There is a slot of its pool, if it waits for one. */
UNUSED static void
w_admit(struct world *w)
{
	if (w->pool != W_POOL_WAITS || w->dead)
		return;
	w->pool = W_POOL_HOLDS;
	svc_on_admitted(w->s);
}

/* The phase is another one. */
UNUSED static void
w_phase(struct world *w, bool away)
{
	w->away = away;
	if (w->dead)
		return;
	if (svc_is_queued(w->s))
		svc_on_phase(w->s);
	else if (away && svc_may_yield(w->s))
		svc_yield(w->s);
}

UNUSED static void
w_down(struct world *w)
{
	w->asked[SVC_DONE_STOP]++;
	svc_want_down(w->s, SVC_DOWN_STOP, "a person");
}

UNUSED static uint32_t
w_slot(const struct world *w)
{
	return svc_memory(w->s)->slot;
}

/* The processes of the group beside main and control end. */
UNUSED static void
w_others_end(struct world *w)
{
	w->slot[w_slot(w)].extra = 0;
	w_check_empty(w, w_slot(w));
	w_run(w);
}

UNUSED static bool
w_lives(const struct world *w, int kind)
{
	uint32_t i = w_slot(w);

	return i != SLOT_NONE && w->slot[i].used && w->slot[i].proc[kind].running;
}

UNUSED static void
w_exit(struct world *w, int kind, enum exit_how how, int status)
{
	assert_true(w_lives(w, kind));
	w_proc_ends(w, w_slot(w), kind, how, status);
}

/* Ends main, and lets all of init's words arrive. */
UNUSED static void
w_main_ends(struct world *w, enum exit_how how, int status)
{
	w_exit(w, PROC_MAIN, how, status);
	w_run(w);
}

UNUSED static void
w_notify_as(struct world *w, int32_t pid, uid_t uid, const char *text)
{
	struct svc_notify nt = {
		.text = text, .len = strlen(text), .pid = pid, .uid = uid
	};

	svc_on_notify_take_fds(w->s, w_slot(w), &nt);
}

UNUSED static void
w_notify(struct world *w, const char *text)
{
	w_notify_as(w, svc_memory(w->s)->main_pid, 1000, text);
}

#define assert_state(w, st) \
	assert_string_equal(svc_state_name(svc_state((w)->s)), svc_state_name(st))
#define assert_result(w, r)  \
	assert_string_equal( \
	    svc_result_name(svc_memory((w)->s)->result), svc_result_name(r))

/* ---- the death of the manager ------------------------------------------------ */

/* The memory as it goes through the event journal. */
static void
w_through_json(const struct svc_memory *in, struct svc_memory *out)
{
	struct jw *jw = jw_new(JW_COMPACT);
	struct buf b = { 0 };
	struct json_err err;
	struct jv *v;

	jw_obj(jw);
	svc_memory_write(in, jw);
	jw_end(jw);
	jw_take(jw, &b);
	jw_free(jw);
	assert_true(b.len < SVC_MEMORY_JSON_MAX);
	v = jv_parse(b.data, b.len, &err);
	assert_non_null(v);
	assert_int_equal(svc_memory_read(v, out, &err), 0);
	jv_free(v);
	buf_free(&b);
}

/* A new manager knows of the pool what the service remembers. */
static void
w_sync_pool(struct world *w)
{
	const struct svc_memory *m = svc_memory(w->s);

	w->pool = m->pool[0] == '\0'       ? W_POOL_OUT
		  : m->state == SVC_QUEUED ? W_POOL_WAITS
					   : W_POOL_HOLDS;
}

/* A new manager, from what was emitted and what init holds. */
UNUSED static void
w_revive(struct world *w)
{
	struct svc_memory m;

	w->dead = true;
	svc_free(w->s);
	w->nqueue = 0;
	w->nprobes = 0;
	w->name_watched = false;
	for (int i = 0; i < SVC_NTIMERS; i++)
		w->timer_us[i] = UINT64_MAX;
	w->dead = false;
	w->crash_at = 0;
	for (int i = 0; i < 3; i++)
		w->asked[i] = w->done_count[i]; /* who asked is gone, too */
	w->s = svc_new(&w_ops, w, "a.service", w->conf);
	svc_restore_begin(w->s);
	if (w->run_conf != NULL)
		svc_restore_conf(w->s, w->run_conf);
	if (w->has_mem) {
		w_through_json(&w->mem, &m);
		svc_restore(w->s, &m, true);
		svc_memory_clear(&m);
	}
	for (uint32_t i = 0; i < W_SLOTS; i++) {
		struct w_slot *sl = &w->slot[i];
		struct msg_slot ms = { .slot = i };

		if (!sl->used)
			continue;
		sl->watch = false;
		ms.step = sl->step;
		memcpy(ms.invocation, sl->invocation, sizeof(ms.invocation));
		snprintf(ms.ref, sizeof(ms.ref), "%s", sl->ref);
		svc_on_slot(w->s, &ms);
		for (int k = 0; k < PROC_N; k++) {
			struct w_proc *p = &sl->proc[k];
			struct msg_started st = { .slot = i,
				.kind = (uint32_t)k,
				.pid = p->pid,
				.seq = p->seq,
				.execed = p->execed };

			if (p->running)
				svc_on_started(w->s, &st);
			p->exit.empty = w->tells_empty && !w_slot_lives(sl);
			if (p->has_exit)
				svc_on_exit(w->s, &p->exit);
		}
	}
	w_sync_pool(w);
	svc_adopt(w->s);
	w_sync_pool(w);
}

/* Die at the n-th op from now. */
UNUSED static void
w_crash_at(struct world *w, uint64_t n)
{
	w->crash_at = w->ops + n;
}

#endif
