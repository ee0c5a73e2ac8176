/*
 * world_init: what a world (world.h) holds, and its fake init: slots, their processes,
 * and what it says of them.
 */
#ifndef SUPD_TESTS_SIM_WORLD_INIT_H
#define SUPD_TESTS_SIM_WORLD_INIT_H

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

#endif
