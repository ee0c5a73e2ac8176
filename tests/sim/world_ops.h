/*
 * world_ops: what a service asks of a world (world.h), and what is checked each time.
 */
#ifndef SUPD_TESTS_SIM_WORLD_OPS_H
#define SUPD_TESTS_SIM_WORLD_OPS_H

#include "world_init.h"

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

#endif
