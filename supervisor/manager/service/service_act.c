/*
 * service_act: the actions of the table in service.c, and the steps they share.  They
 * change the struct and queue deeds; nothing here touches the world except by asking a
 * question of svc_ops.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"
#include "proto/spec.h"

enum {
	PIDFILE_POLL_MS = 50,
};

void
svc_ignore(struct service *s)
{
	(void)s;
}

/* ---- small things ------------------------------------------------------------ */

static uint64_t
now_us(void)
{
	return clock_mono_us();
}

bool
svc_is_notify(const struct service_conf *c)
{
	return c->type == SERVICE_NOTIFY || c->type == SERVICE_NOTIFY_RELOAD;
}

void
svc_phase_timer(struct service *s, uint64_t timeout_us)
{
	uint64_t deadline =
	    timeout_us == UNIT_INFINITY ? UINT64_MAX : clock_add_us(now_us(), timeout_us);

	s->m.hard_us = deadline;
	svc_timer(s, SVC_TIMER_PHASE, deadline);
}

void
svc_fail(struct service *s, enum svc_result r, const char *fmt, ...)
{
	char text[SVC_WHY_MAX];
	va_list ap;

	if (r == SVC_RESULT_SUCCESS || s->m.result != SVC_RESULT_SUCCESS)
		return;
	s->m.result = r;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	svc_set_why(s, "%s", text);
}

static bool
waits_for_group(const struct service *s)
{
	enum kill_mode mode = svc_sc(s)->kill.mode;

	return mode == KILL_CONTROL_GROUP || mode == KILL_MIXED;
}

bool
svc_waits_for_empty(const struct service *s)
{
	switch (s->m.state) {
	case SVC_STOP_WATCHDOG:
	case SVC_STOP_SIGTERM:
	case SVC_STOP_SIGKILL:
	case SVC_FINAL_SIGTERM:
	case SVC_FINAL_SIGKILL:
		return waits_for_group(s);
	case SVC_FAILED:
		return s->m.slot != SLOT_NONE;
	case SVC_RUNNING:
	case SVC_RELOAD_NOTIFY:
	case SVC_RELOAD_SIGNAL:
	case SVC_START:
		return !s->m.main_running;
	default:
		return false;
	}
}

static const struct exec_cmd *
command_of(const struct service *s, bool is_main)
{
	enum service_exec kind = is_main ? EXEC_START : (enum service_exec)s->m.cmd;
	uint32_t i = is_main ? s->m.main_index : s->m.cmd_index;
	const struct exec_list *l;

	if ((unsigned)kind >= EXEC_NKINDS)
		return NULL;
	l = &svc_sc(s)->exec[kind];
	return i < l->n ? &l->v[i] : NULL;
}

static bool
in_set(const struct exit_set *set, uint32_t how, int32_t status)
{
	if (how == EXIT_EXITED)
		return status >= 0 && status <= 255 &&
		       (set->status[status / 64] >> (status % 64) & 1);
	if (how == EXIT_KILLED || how == EXIT_DUMPED)
		return status >= 1 && status <= 64 && (set->signals >> (status - 1) & 1);
	return false;
}

enum svc_result
svc_exit_result(const struct service *s, const struct msg_exit *x, bool is_main)
{
	const struct service_conf *c = svc_sc(s);
	const struct exec_cmd *cmd = command_of(s, is_main);
	bool daemon = is_main ? c->type != SERVICE_ONESHOT
			      : s->m.cmd == EXEC_START; /* the starter of forking */

	if (x->how == EXIT_NOT_STARTED)
		return SVC_RESULT_RESOURCES;
	/* A process of an adopted service that ends by the stop that was asked for: how,
	 * no parent saw, but it is what was wanted. */
	if (x->how == EXIT_UNKNOWN)
		return s->m.forbid_restart && s->m.state == SVC_STOP_SIGTERM
			   ? SVC_RESULT_SUCCESS
			   : SVC_RESULT_UNKNOWN;
	if (cmd != NULL && (cmd->flags & EXEC_IGNORE_FAILURE))
		return SVC_RESULT_SUCCESS;
	switch (x->how) {
	case EXIT_EXITED:
		if (x->phase == 0 &&
		    (x->status == 0 || in_set(&c->exit_success, x->how, x->status)))
			return SVC_RESULT_SUCCESS;
		return SVC_RESULT_EXIT_CODE;
	case EXIT_KILLED:
		if (in_set(&c->exit_success, x->how, x->status))
			return SVC_RESULT_SUCCESS;
		if (daemon && (x->status == SIGHUP || x->status == SIGINT ||
				  x->status == SIGTERM || x->status == SIGPIPE))
			return SVC_RESULT_SUCCESS;
		/* StopSequence= names the signals that are a proper end. */
		if (s->m.state == SVC_STOP_SIGTERM)
			for (size_t i = 0; i <= s->m.stop_step && i < c->kill.n_sequence;
			     i++)
				if (c->kill.sequence[i].signal == x->status)
					return SVC_RESULT_SUCCESS;
		return SVC_RESULT_SIGNAL;
	case EXIT_DUMPED:
		return SVC_RESULT_CORE_DUMP;
	default:
		return SVC_RESULT_UNKNOWN;
	}
}

/* What a step of the child that failed was about, where the unit file names it. */
static const char *
step_subject(const struct service *s, uint32_t phase, bool is_main)
{
	const struct exec_conf *c = &svc_sc(s)->context;
	const struct exec_cmd *cmd = command_of(s, is_main);

	switch (phase) {
	case PHASE_EXEC:
		return cmd != NULL && is_main ? cmd->path : NULL;
	case PHASE_CHDIR:
		return c->working_directory;
	case PHASE_STDIN:
		return c->in.arg;
	case PHASE_STDOUT:
		return c->out.arg;
	case PHASE_STDERR:
		return c->err.arg;
	default:
		return NULL;
	}
}

/* How the process whose end is being handled ended, after its name: "main process exited,
 * status=3", "ExecStartPre=/bin/false exited, status=1". */
static void
exit_text(const struct service *s, const struct msg_exit *x, const char *name, char *dst,
    size_t size)
{
	struct svc_exit e = {
		.how = x->how, .status = x->status, .phase = x->phase, .err = x->err
	};
	const struct exec_cmd *cmd = name == NULL ? NULL : command_of(s, false);
	const char *subject = step_subject(s, x->phase, name == NULL);
	const char *step = spec_phase_name(x->phase);
	char how[160];

	if (x->how == EXIT_EXITED && x->phase != 0 && subject != NULL)
		snprintf(how, sizeof(how), "failed at step %s: %s: %.60s (status=%d)",
		    step != NULL ? step : "?", strerror(x->err), subject, x->status);
	else
		svc_exit_text(&e, how, sizeof(how));
	snprintf(dst, size, "%.16s%.60s %s", name == NULL ? "main process" : name,
	    cmd == NULL ? "" : cmd->path, how);
}

void
svc_note_exit(struct service *s, const struct svc_event_in *in, bool is_main)
{
	const struct msg_exit *x = &in->exit;
	struct svc_note note = { .what = SVC_EMIT_EXIT,
		.kind = is_main ? PROC_MAIN : PROC_CONTROL,
		.pid = x->pid,
		.cmd = command_of(s, is_main),
		.exit = { .how = x->how,
		    .status = x->status,
		    .phase = x->phase,
		    .err = x->err,
		    .wall_us = x->wall_us },
		.cpu_us = x->cpu_us,
		.maxrss_kib = x->maxrss_kib,
		.ok = in->result == SVC_RESULT_SUCCESS };
	char text[SVC_WHY_MAX];

	if (is_main && s->m.main_started_wall_us != 0 &&
	    x->wall_us > s->m.main_started_wall_us)
		note.duration_us = x->wall_us - s->m.main_started_wall_us;
	svc_note(s, &note, NULL);
	if (!is_main || s->m.state == SVC_FAILED)
		return;
	exit_text(s, x, NULL, text, sizeof(text));
	if (in->result != SVC_RESULT_SUCCESS)
		svc_fail(s, in->result, "%s", text);
	else if (s->m.state == SVC_RUNNING && s->m.result == SVC_RESULT_SUCCESS)
		svc_set_why(s, "%s", text);
}

/* ---- processes --------------------------------------------------------------- */

static void
deed_spawn(struct service *s, enum proc_kind kind, uint64_t seq, enum service_exec exec,
    const struct exec_cmd *cmd)
{
	struct svc_spawn *sp = &svc_deed(s, DEED_SPAWN)->u.spawn;

	sp->slot = s->m.slot;
	sp->kind = kind;
	sp->seq = seq;
	memcpy(sp->invocation, s->m.invocation, sizeof(sp->invocation));
	sp->exec = exec;
	sp->cmd = cmd;
	s->empty = false;
	s->stop_signalled = false;
	if (s->watching)
		s->watch_stale = true;
}

void
svc_spawn_main(struct service *s, unsigned index)
{
	struct svc_memory *m = &s->m;

	if (m->main_running)
		svc_bug(s, "main is wanted twice");
	m->main_index = index;
	m->main_seq = ++m->seq;
	m->main_running = true;
	m->main_alien = m->main_execed = false;
	m->main_pid = 0;
	m->main_ticks = 0;
	m->main_started_wall_us = clock_wall_us();
	memset(&m->main_exit, 0, sizeof(m->main_exit));
	deed_spawn(s, PROC_MAIN, m->main_seq, EXEC_START, command_of(s, true));
}

void
svc_spawn_control(struct service *s, enum service_exec kind, unsigned index)
{
	struct svc_memory *m = &s->m;

	if (m->control_running)
		svc_bug(s, "a control process is wanted twice");
	m->cmd = kind;
	m->cmd_index = index;
	m->control_seq = ++m->seq;
	m->control_running = true;
	m->control_pid = 0;
	memset(&m->control_exit, 0, sizeof(m->control_exit));
	deed_spawn(s, PROC_CONTROL, m->control_seq, kind, command_of(s, false));
}

void
svc_respawn(struct service *s, enum proc_kind kind)
{
	bool is_main = kind == PROC_MAIN;

	deed_spawn(s, kind, is_main ? s->m.main_seq : s->m.control_seq,
	    is_main ? EXEC_START : (enum service_exec)s->m.cmd, command_of(s, is_main));
}

void
svc_take_main(struct service *s, int32_t pid, uint64_t ticks, const char *from)
{
	struct svc_memory *m = &s->m;
	struct deed *d;
	struct svc_note note = { .what = SVC_EMIT_EXEC, .kind = PROC_MAIN, .pid = pid };

	if (m->main_running && m->main_pid == pid)
		return;
	m->main_running = true;
	m->main_alien = true;
	m->main_execed = true;
	m->main_pid = pid;
	m->main_ticks = ticks;
	if (m->main_started_wall_us == 0)
		m->main_started_wall_us = clock_wall_us();
	memset(&m->main_exit, 0, sizeof(m->main_exit));
	d = svc_deed(s, DEED_PROC_SET);
	d->u.proc.slot = m->slot;
	d->u.proc.pid = pid;
	d->u.proc.ticks = ticks;
	svc_note(s, &note, from);
}

/* Next command of a list that runs; false: that was the last one. */
static bool
next_control(struct service *s, enum service_exec kind, unsigned index)
{
	if (index >= svc_sc(s)->exec[kind].n)
		return false;
	svc_spawn_control(s, kind, index);
	return true;
}

static void
kill_aux(struct service *s)
{
	svc_ready_end(s);
	svc_health_end(s);
}

/* ---- start ------------------------------------------------------------------- */

static void enter_running(struct service *s);
static void enter_stop(struct service *s);

static void
enter_start_post(struct service *s, unsigned index)
{
	if (index == 0) {
		svc_ready_end(s);
		svc_watchdog_arm(s);
	}
	if (svc_sc(s)->exec[EXEC_START_POST].n > index) {
		svc_set_state(s, SVC_START_POST);
		svc_spawn_control(s, EXEC_START_POST, index);
		return;
	}
	enter_running(s);
}

/* What is a start only when its process is known: files that are read before it may be
 * missing or never end, and the other commands are told MAINPID. */
static bool
needs_main_pid(const struct service_conf *c)
{
	return c->context.n_environment_files > 0 || c->exec[EXEC_START_POST].n > 0 ||
	       c->exec[EXEC_RELOAD].n > 0 || c->exec[EXEC_STOP].n > 0;
}

void
svc_check_ready(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct svc_memory *m = &s->m;

	if (m->state != SVC_START)
		return;
	switch (c->type) {
	case SERVICE_ONESHOT:
		return; /* its end is what start waits for */
	case SERVICE_NOTIFY:
	case SERVICE_NOTIFY_RELOAD:
	case SERVICE_FORKING:
		if (!m->ready)
			return;
		break;
	case SERVICE_EXEC:
		if (!m->main_execed || (c->notify_fd >= 0 && !m->ready))
			return;
		break;
	case SERVICE_SIMPLE:
	case SERVICE_IDLE:
		if (m->main_pid == 0 && needs_main_pid(c))
			return;
		if (c->notify_fd >= 0 && !m->ready)
			return;
		break;
	}
	if (svc_ready_probes_hold(s))
		enter_start_post(s, 0);
}

static void
enter_start(struct service *s)
{
	const struct service_conf *c = svc_sc(s);

	svc_set_state(s, SVC_START);
	svc_set_why(s, "starting");
	switch (c->type) {
	case SERVICE_FORKING:
		svc_spawn_control(s, EXEC_START, 0);
		break;
	case SERVICE_ONESHOT:
		if (c->exec[EXEC_START].n == 0)
			enter_start_post(s, 0);
		else
			svc_spawn_main(s, 0);
		break;
	default:
		svc_spawn_main(s, 0);
		svc_ready_begin(s);
		svc_check_ready(s);
		break;
	}
}

static void
enter_start_pre(struct service *s, unsigned index)
{
	if (svc_sc(s)->exec[EXEC_START_PRE].n > index) {
		svc_set_state(s, SVC_START_PRE);
		svc_spawn_control(s, EXEC_START_PRE, index);
		return;
	}
	enter_start(s);
}

static void
enter_condition(struct service *s, unsigned index)
{
	if (svc_sc(s)->exec[EXEC_CONDITION].n > index) {
		svc_set_state(s, SVC_CONDITION);
		svc_spawn_control(s, EXEC_CONDITION, index);
		return;
	}
	enter_start_pre(s, 0);
}

void
svc_open_slot(struct service *s)
{
	struct svc_memory *m = &s->m;
	struct msg_slot_open *o = xcalloc(1, sizeof(*o));
	char why[SVC_WHY_MAX] = "";
	int status = 0;
	uint32_t slot;

	/* A wrong User= is the unit's failure, before anything is made. */
	if (s->ops->slot_fill(s->arg, svc_conf(s), o, &status, why, sizeof(why)) == -1) {
		free(o);
		if (status != 0) {
			/* As if a child had been made and had found out. */
			m->result = SVC_RESULT_EXIT_CODE;
			m->main_exit = (struct svc_exit){ .how = EXIT_EXITED,
				.status = status,
				.phase = (uint32_t)status };
			svc_set_why(s, "%s (status=%d)", why, status);
		} else {
			svc_set_why(s, "%s", why);
		}
		svc_raise(s, SVC_EV_SLOT_FAILED);
		return;
	}
	slot = s->ops->slot_take(s->arg, why, sizeof(why));
	if (slot == SLOT_NONE) {
		free(o);
		svc_set_why(s, "%s", why);
		svc_raise(s, SVC_EV_SLOT_FAILED);
		return;
	}
	m->slot = slot;
	o->slot = slot;
	memcpy(o->invocation, m->invocation, sizeof(o->invocation));
	snprintf(o->unit, sizeof(o->unit), "%s", s->unit);
	snprintf(o->log.ref, sizeof(o->log.ref), "%s", m->ref);
	if (m->log_name[0] != '\0')
		snprintf(o->log.name, sizeof(o->log.name), "%s", m->log_name);
	if (m->day[0] != '\0')
		snprintf(o->log.day, sizeof(o->log.day), "%s", m->day);
	o->log.order = m->order;
	svc_deed(s, DEED_SLOT_OPEN)->u.open = o;
	svc_deed_patterns(s);
}

static void
limit_hit(struct service *s)
{
	const struct unit_conf *u = s->conf;
	char text[SVC_WHY_MAX], dur[CLOCK_TEXT_MAX], retry[CLOCK_TEXT_MAX];
	uint64_t retry_us = u->service->start_limit_retry_us;
	struct deed *d;

	snprintf(text, sizeof(text), "started more than %" PRIu32 " times in %s",
	    u->rules->start_limit_burst,
	    clock_format_duration(dur, sizeof(dur), u->rules->start_limit_interval_us));
	s->m.result = SVC_RESULT_START_LIMIT;
	if (retry_us != UNIT_INFINITY) {
		svc_set_state(s, SVC_LIMIT_WAIT);
		svc_phase_timer(s, retry_us);
		svc_set_why(s, "%s; tried again in %s", text,
		    clock_format_duration(retry, sizeof(retry), retry_us));
	} else {
		svc_set_state(s, SVC_FAILED);
		svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
		svc_set_why(
		    s, "%s; supctl reset-failed %s allows another start", text, s->unit);
	}
	s->m.then_start = false;
	svc_done(s, SVC_DONE_START, SVC_DONE_FAILED, s->m.why);
	if (u->rules->start_limit_action != ACTION_NONE) {
		d = svc_deed(s, DEED_ACTION);
		d->u.action.action = u->rules->start_limit_action;
		d->u.action.status = -1;
		d->u.action.why = xstrdup(s->m.why);
	}
}

void
svc_begin_start(struct service *s, bool automatic)
{
	struct svc_memory *m = &s->m;
	uint64_t now_ms = clock_wall_us() / 1000;
	char ref[PROTO_REF_MAX];

	if (m->slot != SLOT_NONE || m->main_running || m->control_running) {
		svc_done(s, SVC_DONE_START, SVC_DONE_FAILED,
		    "processes of the last run are still there");
		return;
	}
	if (!automatic) {
		/* Only a restart by Restart= goes on counting. */
		m->restarts = 0;
		m->backoff = 0;
		m->fresh_start = !s->start.automatic;
	}
	if (!svc_limit_allows(s)) {
		limit_hit(s);
		return;
	}
	s->run_conf = s->conf;
	m->result = SVC_RESULT_SUCCESS;
	m->reload_result = SVC_RESULT_SUCCESS;
	m->forbid_restart = m->then_start = m->restart_deferred = false;
	m->ready = m->stopping = m->reloading = m->stop_after = false;
	m->notify_errno = 0;
	m->watchdog_us = UINT64_MAX;
	m->access = 0;
	m->ready_mask = 0;
	m->stop_step = 0;
	m->leftover = 0;
	m->log_alt = 0;
	m->active_us = 0;
	m->runtime_us = UINT64_MAX;
	m->main_pid = m->control_pid = 0;
	m->main_seq = m->control_seq = 0;
	m->main_ticks = 0;
	m->main_index = m->cmd = m->cmd_index = 0;
	m->main_alien = m->main_execed = false;
	m->main_started_wall_us = 0;
	memset(&m->main_exit, 0, sizeof(m->main_exit));
	memset(&m->control_exit, 0, sizeof(m->control_exit));
	svc_memory_text(&m->status, SVC_STATUS_MAX, NULL);
	m->started_wall_us = clock_wall_us();
	s->refused = 0;
	s->fds_on_the_way = 0; /* what init refused is not counted for ever */
	s->empty = s->watching = s->watch_stale = s->stop_signalled = false;
	svc_probes_reset(s);

	arc4random_buf(m->invocation, sizeof(m->invocation));
	m->order = now_ms > m->order ? now_ms : m->order + 1;
	snprintf(ref, sizeof(ref), "%" PRIu64, m->order);
	svc_memory_text(&m->ref, PROTO_REF_MAX,
	    !automatic && s->start.ref != NULL ? s->start.ref : ref);
	if (!automatic) {
		svc_memory_text(&m->day, PROTO_DAY_MAX, s->start.day);
		svc_memory_text(&m->log_name, PROTO_NAME_MAX, s->start.log_name);
		svc_memory_text(&m->who, SVC_WHO_MAX, s->start.who);
	}
	svc_set_why(s, "starting");
	svc_phase_timer(s, svc_sc(s)->timeout_start_us);
	svc_open_slot(s);
	if (m->slot == SLOT_NONE) {
		/* SLOT_FAILED is queued; it ends what this begins. */
		svc_set_state(s, SVC_START_PRE);
		return;
	}
	enter_condition(s, 0);
}

void
act_start(struct service *s)
{
	svc_begin_start(s, false);
}

/* In auto-restart: a person does not wait, a dependency does. */
void
act_start_waiting(struct service *s)
{
	if (!s->start.automatic)
		svc_begin_start(s, false);
}

void
act_restart_now(struct service *s)
{
	struct svc_memory *m = &s->m;

	if (m->state == SVC_LIMIT_WAIT) {
		/* The slow retry is a fresh budget. */
		m->limit_begin_us = 0;
		m->limit_count = 0;
	}
	m->restarts++;
	svc_begin_start(s, true);
}

void
act_join_start(struct service *s)
{
	(void)s; /* the request is answered with the one that runs */
}

void
act_already_up(struct service *s)
{
	svc_done(s, SVC_DONE_START, SVC_DONE_OK, "it runs already");
}

void
act_up_refused(struct service *s)
{
	svc_done(s, SVC_DONE_START, SVC_DONE_FAILED, "it is being stopped");
}

void
act_execed(struct service *s)
{
	svc_check_ready(s);
}

void
act_ready(struct service *s)
{
	svc_check_ready(s);
}

void
act_slot_failed(struct service *s)
{
	struct svc_memory *m = &s->m;

	/* Nothing can have been started in it, or all of it is gone. */
	m->main_running = m->control_running = false;
	m->main_pid = m->control_pid = 0;
	m->slot = SLOT_NONE;
	m->leftover = 0;
	if (m->result == SVC_RESULT_SUCCESS)
		m->result = SVC_RESULT_RESOURCES;
	if (m->state == SVC_FAILED) {
		if (m->restart_deferred)
			svc_enter_auto_restart(s);
		return;
	}
	svc_enter_dead(s, SVC_RESULT_RESOURCES, true);
}

void
act_condition_exit(struct service *s)
{
	const struct msg_exit *x = &s->in->exit;
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS) {
		enter_condition(s, s->m.cmd_index + 1);
		return;
	}
	exit_text(s, x, "ExecCondition=", text, sizeof(text));
	if (s->in->result == SVC_RESULT_EXIT_CODE && x->phase == 0 && x->status < 255)
		svc_fail(s, SVC_RESULT_EXEC_CONDITION, "skipped: %s", text);
	else
		svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_pre_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS) {
		enter_start_pre(s, s->m.cmd_index + 1);
		return;
	}
	exit_text(s, &s->in->exit, "ExecStartPre=", text, sizeof(text));
	svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

/* The pid file: 1 main is known, 0 not there yet, -1 it will never be. */
static int
load_pidfile(struct service *s, char *why, size_t size)
{
	const struct service_conf *c = svc_sc(s);
	bool trusted = false;
	uint64_t ticks = 0;
	int32_t pid = 0;

	switch (s->ops->pidfile_read(s->arg, c->pid_file, &pid, &trusted, why, size)) {
	case SVC_PIDFILE_OK:
		break;
	case SVC_PIDFILE_MISSING:
		return 0;
	case SVC_PIDFILE_BAD:
		svc_note_refused(s, 0, "PIDFile=%s: %s", c->pid_file, why);
		return -1;
	}
	switch (s->ops->pid_check(s->arg, s->m.slot, pid, &ticks)) {
	case SVC_PID_OURS:
		break;
	case SVC_PID_FOREIGN:
		if (trusted)
			break;
		snprintf(why, size,
		    "process %" PRId32
		    " is not of this unit; only a file of root may name it",
		    pid);
		svc_note_refused(s, 1, "PIDFile=%s: %s", c->pid_file, why);
		return -1;
	case SVC_PID_SUPD:
		snprintf(why, size, "process %" PRId32 " is supd or init", pid);
		svc_note_refused(s, 1, "PIDFile=%s: %s", c->pid_file, why);
		return -1;
	case SVC_PID_GONE:
		/* Perhaps a stale file that is about to be replaced. */
		return 0;
	}
	if (pid == s->m.control_pid)
		return 0;
	svc_take_main(s, pid, ticks, "PIDFile=");
	return 1;
}

static void
forked_ready(struct service *s)
{
	s->m.ready = true;
	svc_timer(s, SVC_TIMER_READY, UINT64_MAX);
	svc_ready_begin(s);
	svc_check_ready(s);
}

/* The starter of Type=forking is done. */
void
act_forked(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	char text[SVC_WHY_MAX];
	uint64_t ticks = 0;
	int32_t pid;

	if (c->type != SERVICE_FORKING) {
		svc_bug(s, "a control process in start");
		return;
	}
	if (s->in->result != SVC_RESULT_SUCCESS) {
		exit_text(s, &s->in->exit, "ExecStart=", text, sizeof(text));
		svc_fail(s, s->in->result, "%s", text);
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (c->pid_file != NULL) {
		switch (load_pidfile(s, text, sizeof(text))) {
		case 1:
			break;
		case 0:
			if (c->exec[EXEC_START_POST].n > 0)
				break; /* that may write it */
			svc_set_why(s, "waiting for PIDFile=%s", c->pid_file);
			svc_timer(s, SVC_TIMER_READY,
			    clock_add_us(now_us(), PIDFILE_POLL_MS * USEC_PER_MSEC));
			svc_deed_watch_empty(s);
			return;
		default:
			svc_fail(
			    s, SVC_RESULT_PROTOCOL, "PIDFile=%s: %s", c->pid_file, text);
			svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
			return;
		}
	} else if (c->guess_main_pid) {
		pid = s->ops->guess_main(s->arg, s->m.slot);
		if (pid > 0 &&
		    s->ops->pid_check(s->arg, s->m.slot, pid, &ticks) == SVC_PID_OURS)
			svc_take_main(s, pid, ticks, "guess");
	}
	forked_ready(s);
}

static void
poll_pidfile(struct service *s)
{
	char text[SVC_WHY_MAX];

	switch (load_pidfile(s, text, sizeof(text))) {
	case 1:
		forked_ready(s);
		break;
	case 0:
		svc_timer(s, SVC_TIMER_READY,
		    clock_add_us(now_us(), PIDFILE_POLL_MS * USEC_PER_MSEC));
		break;
	default:
		svc_fail(
		    s, SVC_RESULT_PROTOCOL, "PIDFile=%s: %s", svc_sc(s)->pid_file, text);
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		break;
	}
}

void
svc_on_ready_timer(struct service *s)
{
	const struct service_conf *c = svc_sc(s);

	if (s->m.state == SVC_START && c->type == SERVICE_FORKING && !s->m.ready) {
		if (!s->m.control_running && c->pid_file != NULL)
			poll_pidfile(s);
		return;
	}
	svc_ready_try(s);
}

void
act_empty_start(struct service *s)
{
	const struct service_conf *c = svc_sc(s);

	if (s->m.main_running || s->m.control_running)
		return;
	if (c->type == SERVICE_FORKING && c->pid_file != NULL)
		svc_fail(s, SVC_RESULT_PROTOCOL,
		    "all processes ended and PIDFile=%s was not written", c->pid_file);
	else
		svc_fail(
		    s, SVC_RESULT_PROTOCOL, "all processes ended before it was ready");
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_main_exit_start(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct msg_exit *x = &s->in->exit;
	struct svc_memory *m = &s->m;
	char text[SVC_WHY_MAX];

	if (c->type == SERVICE_ONESHOT) {
		if (s->in->result != SVC_RESULT_SUCCESS)
			svc_enter_signal(s, SVC_STOP_SIGTERM, s->in->result);
		else if (m->main_index + 1 < c->exec[EXEC_START].n)
			svc_spawn_main(s, m->main_index + 1);
		else
			enter_start_post(s, 0);
		return;
	}
	exit_text(s, x, NULL, text, sizeof(text));
	if (s->in->result != SVC_RESULT_SUCCESS) {
		svc_enter_signal(s, SVC_STOP_SIGTERM, s->in->result);
		return;
	}
	if ((c->type == SERVICE_EXEC || c->type == SERVICE_SIMPLE ||
		c->type == SERVICE_IDLE) &&
	    c->ready.n == 0 && c->notify_fd < 0 && x->phase == 0) {
		enter_start_post(s, 0);
		return;
	}
	if (svc_is_notify(c) && c->remain_after_exit &&
	    c->notify_access != NOTIFY_ACCESS_MAIN) {
		/* Somebody else of the unit may still say it. */
		svc_deed_watch_empty(s);
		return;
	}
	svc_fail(s, SVC_RESULT_PROTOCOL, "%s before it was ready", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

/* ---- running ----------------------------------------------------------------- */

static void
became_active(struct service *s)
{
	struct svc_memory *m = &s->m;
	const struct service_conf *c = svc_sc(s);
	struct svc_note note = { .what = SVC_EMIT_READY };
	uint64_t max;

	if (m->active_us != 0)
		return;
	m->active_us = now_us();
	m->active_wall_us = clock_wall_us();
	if (m->active_wall_us > m->started_wall_us)
		note.duration_us = m->active_wall_us - m->started_wall_us;
	svc_note(s, &note,
	    svc_is_notify(c) || c->notify_fd >= 0 ? "the service said so"
	    : c->ready.n > 0                      ? "its Ready...= lines hold"
						  : "it was started");
	if (c->runtime_max_us != UNIT_INFINITY) {
		max = clock_add_us(m->active_us, c->runtime_max_us);
		if (c->runtime_randomized_extra_us > 0 &&
		    c->runtime_randomized_extra_us != UNIT_INFINITY)
			max = clock_add_us(
			    max, (uint64_t)((double)c->runtime_randomized_extra_us *
					    (arc4random() / 4294967296.0)));
		m->runtime_us = max;
		svc_timer(s, SVC_TIMER_RUNTIME, max);
	}
}

/* Nobody knows which process is the main one, or it does not matter: the last to end
 * ends it. */
static bool
main_is_unknown(const struct service *s)
{
	if (s->m.main_running || s->empty)
		return false;
	return (svc_sc(s)->type == SERVICE_FORKING && s->m.main_exit.how == 0) ||
	       svc_sc(s)->exit_type == SERVICE_EXIT_CGROUP;
}

static void
enter_running(struct service *s)
{
	struct svc_memory *m = &s->m;
	char text[SVC_WHY_MAX];
	const struct service_conf *c = svc_sc(s);
	bool unknown;

	svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
	if (m->result != SVC_RESULT_SUCCESS) {
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (c->type == SERVICE_FORKING && c->pid_file != NULL && !m->main_running &&
	    m->main_exit.how == 0)
		load_pidfile(s, text, sizeof(text));
	unknown = main_is_unknown(s);
	if (m->main_running || unknown) {
		became_active(s);
		if (unknown)
			svc_deed_watch_empty(s);
		if (m->stopping) {
			svc_set_state(s, SVC_RUNNING);
			svc_raise(s, SVC_EV_STOPPING);
		} else if (m->reloading) {
			svc_set_state(s, SVC_RELOAD_NOTIFY);
			svc_phase_timer(s, c->timeout_start_us);
			svc_set_why(s, "reloads itself");
		} else {
			svc_set_state(s, SVC_RUNNING);
			svc_set_why(s, "running%s%s",
			    m->who[0] != '\0' ? ", started by " : "", m->who);
		}
		svc_health_begin(s);
		svc_done(s, SVC_DONE_START, SVC_DONE_OK, "started");
	} else if (c->remain_after_exit) {
		became_active(s);
		svc_set_state(s, SVC_EXITED);
		svc_set_why(s, "done, and stays active (RemainAfterExit=)");
		svc_done(s, SVC_DONE_START, SVC_DONE_OK, "done");
	} else {
		/* The start is complete when the commands after it are: see the end. */
		became_active(s);
		enter_stop(s);
	}
}

void
act_post_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result != SVC_RESULT_SUCCESS) {
		exit_text(s, &s->in->exit, "ExecStartPost=", text, sizeof(text));
		svc_fail(s, s->in->result, "%s", text);
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	enter_start_post(s, s->m.cmd_index + 1);
}

/* Main ended while a control process runs: that one ends first. */
void
act_main_exit_wait(struct service *s)
{
	if (s->m.control_running)
		return;
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, s->m.why);
	if (s->m.result != SVC_RESULT_SUCCESS)
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
	else
		enter_stop(s);
}

void
act_main_exit_running(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	char text[SVC_WHY_MAX];

	/* A forking service may go on as another process that its pid file names. */
	if (c->type == SERVICE_FORKING && c->pid_file != NULL &&
	    s->in->exit.how != EXIT_NOT_STARTED &&
	    load_pidfile(s, text, sizeof(text)) == 1) {
		s->m.result = SVC_RESULT_SUCCESS;
		svc_set_why(s, "running, with a new main process");
		return;
	}
	/* With ExitType=cgroup a failure counts, too, but not before the others have
	 * ended.
	 */
	if ((s->m.result == SVC_RESULT_SUCCESS || c->exit_type == SERVICE_EXIT_CGROUP) &&
	    main_is_unknown(s)) {
		svc_set_why(s, "running, its main process ended (ExitType=cgroup)");
		svc_deed_watch_empty(s);
		return;
	}
	if (s->m.result == SVC_RESULT_SUCCESS && c->remain_after_exit) {
		svc_health_end(s);
		svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
		svc_set_state(s, SVC_EXITED);
		svc_set_why(s, "done, and stays active (RemainAfterExit=)");
		return;
	}
	if (s->m.result != SVC_RESULT_SUCCESS)
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
	else
		enter_stop(s);
}

void
act_empty_running(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->m.main_running)
		return;
	if (s->m.result == SVC_RESULT_SUCCESS)
		svc_set_why(s, "all processes ended");
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, s->m.why);
	if (s->m.result != SVC_RESULT_SUCCESS) {
		svc_set_why(s, "main process %s",
		    svc_exit_text(&s->m.main_exit, text, sizeof(text)));
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (svc_sc(s)->remain_after_exit) {
		svc_health_end(s);
		svc_set_state(s, SVC_EXITED);
		return;
	}
	enter_stop(s);
}

void
act_runtime_max(struct service *s)
{
	char dur[CLOCK_TEXT_MAX];

	svc_fail(s, SVC_RESULT_TIMEOUT, "ran longer than RuntimeMaxSec=%s",
	    clock_format_duration(dur, sizeof(dur), svc_sc(s)->runtime_max_us));
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, s->m.why);
	if (s->m.control_running) {
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	enter_stop(s);
}

void
act_watchdog(struct service *s)
{
	char dur[CLOCK_TEXT_MAX];

	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, "the watchdog was lost");
	if (s->in->from_health) {
		svc_fail(s, SVC_RESULT_WATCHDOG, "unhealthy: %s",
		    s->probes != NULL ? s->probes->text : "?");
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	if (s->in->triggered)
		svc_fail(s, SVC_RESULT_WATCHDOG, "it said WATCHDOG=trigger");
	else
		svc_fail(s, SVC_RESULT_WATCHDOG, "no WATCHDOG=1 within %s",
		    clock_format_duration(dur, sizeof(dur), svc_watchdog_period_us(s)));
	svc_enter_signal(s, SVC_STOP_WATCHDOG, SVC_RESULT_SUCCESS);
}

/* ---- reload ------------------------------------------------------------------ */

void
act_reload(struct service *s)
{
	const struct service_conf *c = svc_sc(s);

	bool by_signal = c->type == SERVICE_NOTIFY_RELOAD && s->m.main_running;

	if (c->exec[EXEC_RELOAD].n == 0 && !by_signal) {
		svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, "it has no ExecReload=");
		return;
	}
	if (s->m.control_running) {
		svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED,
		    "the last control process is still there");
		return;
	}
	s->m.reload_result = SVC_RESULT_SUCCESS;
	if (by_signal) {
		/* What it says of an earlier reload does not count. */
		s->m.reload_us = now_us();
		svc_deed_signal(s, PROC_MAIN, SIGNAL_PROC, c->reload_signal);
	}
	svc_set_state(s, c->exec[EXEC_RELOAD].n > 0 ? SVC_RELOAD : SVC_RELOAD_SIGNAL);
	svc_set_why(
	    s, "reloading%s%s", s->m.who[0] != '\0' ? ", asked by " : "", s->m.who);
	svc_phase_timer(s, c->timeout_start_us);
	if (c->exec[EXEC_RELOAD].n > 0)
		svc_spawn_control(s, EXEC_RELOAD, 0);
}

void
act_join_reload(struct service *s)
{
	(void)s;
}

void
act_reload_refused(struct service *s)
{
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, "it is not running");
}

static void
reload_over(struct service *s)
{
	if (s->m.reload_result == SVC_RESULT_SUCCESS)
		svc_done(s, SVC_DONE_RELOAD, SVC_DONE_OK, "reloaded");
	else
		svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, s->m.why);
}

void
act_reload_exit(struct service *s)
{
	struct svc_memory *m = &s->m;
	char text[SVC_WHY_MAX];

	if (m->stop_after) {
		svc_done(s, SVC_DONE_RELOAD, SVC_DONE_CANCELED, "it is being stopped");
		m->stop_after = false;
		enter_stop(s);
		return;
	}
	if (s->in->result != SVC_RESULT_SUCCESS &&
	    m->reload_result == SVC_RESULT_SUCCESS) {
		m->reload_result = s->in->result;
		exit_text(s, &s->in->exit, "ExecReload=", text, sizeof(text));
		svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, text);
	} else if (m->reload_result == SVC_RESULT_SUCCESS &&
		   next_control(s, EXEC_RELOAD, m->cmd_index + 1)) {
		return;
	}
	if (!m->reloading)
		reload_over(s);
	enter_running(s);
}

void
act_reload_notify(struct service *s)
{
	s->m.reload_result = SVC_RESULT_SUCCESS;
	svc_set_state(s, SVC_RELOAD_NOTIFY);
	svc_set_why(s, "reloads itself");
	svc_phase_timer(s, svc_sc(s)->timeout_start_us);
}

void
act_reload_ready(struct service *s)
{
	s->m.reloading = false;
	reload_over(s);
	enter_running(s);
}

void
act_timeout_reload(struct service *s)
{
	struct svc_memory *m = &s->m;

	if (m->reload_result == SVC_RESULT_SUCCESS)
		m->reload_result = SVC_RESULT_TIMEOUT;
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_TIMEOUT, "the reload took too long");
	m->reloading = false;
	if (!m->control_running) {
		enter_running(s);
		return;
	}
	if (m->stop_after) {
		/* It does not even end by KILL. */
		m->stop_after = false;
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	svc_deed_signal(s, PROC_CONTROL, SIGNAL_PROC_GROUP, SIGKILL);
}

/* ---- stop -------------------------------------------------------------------- */

static void
note_stop_wanted(struct service *s)
{
	struct svc_memory *m = &s->m;

	m->forbid_restart = true;
	m->restart_deferred = false;
	m->then_start = s->down == SVC_DOWN_RESTART;
	svc_done(s, SVC_DONE_START, SVC_DONE_CANCELED, "a stop was asked for");
	if (m->result == SVC_RESULT_SUCCESS)
		svc_set_why(s, "%s%s%s", m->then_start ? "restarting" : "stopping",
		    m->who[0] != '\0' ? ", asked by " : "", m->who);
}

static void
enter_stop(struct service *s)
{
	kill_aux(s);
	svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
	svc_timer(s, SVC_TIMER_RUNTIME, UINT64_MAX);
	if (svc_sc(s)->exec[EXEC_STOP].n > 0 && !s->m.control_running) {
		svc_set_state(s, SVC_STOP);
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		svc_spawn_control(s, EXEC_STOP, 0);
		return;
	}
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_stop(struct service *s)
{
	note_stop_wanted(s);
	enter_stop(s);
}

void
act_stop_starting(struct service *s)
{
	note_stop_wanted(s);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_stop_reloading(struct service *s)
{
	note_stop_wanted(s);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_CANCELED, "a stop was asked for");
	if (!s->m.control_running) {
		s->m.reloading = false;
		enter_stop(s);
		return;
	}
	/* ExecStop= takes the place of ExecReload=, which must be gone first. */
	s->m.stop_after = true;
	svc_deed_signal(s, PROC_CONTROL, SIGNAL_PROC_GROUP, SIGKILL);
	svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
}

void
act_join_stop(struct service *s)
{
	note_stop_wanted(s);
}

void
act_already_down(struct service *s)
{
	struct svc_memory *m = &s->m;

	m->forbid_restart = true;
	m->restart_deferred = false;
	m->then_start = s->down == SVC_DOWN_RESTART;
	if (m->slot == SLOT_NONE) {
		svc_done(s, SVC_DONE_STOP, SVC_DONE_OK, "it does not run");
		return;
	}
	/* What outlived the signals gets them again. */
	m->leftover = 0;
	svc_enter_signal(s,
	    svc_sc(s)->kill.send_sigkill ? SVC_FINAL_SIGKILL : SVC_FINAL_SIGTERM,
	    SVC_RESULT_SUCCESS);
}

void
act_cancel_restart(struct service *s)
{
	struct svc_memory *m = &s->m;

	m->forbid_restart = true;
	m->then_start = s->down == SVC_DOWN_RESTART;
	svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
	svc_set_state(s, SVC_DEAD);
	svc_set_why(s, "stopped while it waited for a restart%s%s",
	    m->who[0] != '\0' ? ", by " : "", m->who);
	svc_done(s, SVC_DONE_START, SVC_DONE_CANCELED, "a stop was asked for");
	svc_done(s, SVC_DONE_STOP, SVC_DONE_OK, "stopped");
	if (!m->then_start)
		svc_deed(s, DEED_FD_DROP)->u.name = NULL;
}

void
act_force_down(struct service *s)
{
	note_stop_wanted(s);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_CANCELED, "a stop was asked for");
	s->m.stop_after = false;
	svc_enter_signal(s, SVC_FINAL_SIGKILL, SVC_RESULT_SUCCESS);
}

/* STOPPING=1: as if it had been told to. */
void
act_stopping_notify(struct service *s)
{
	kill_aux(s);
	svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
	svc_timer(s, SVC_TIMER_RUNTIME, UINT64_MAX);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, "it stops itself");
	svc_set_state(s, SVC_STOP_SIGTERM);
	svc_set_why(s, "stops itself");
	svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
	if (waits_for_group(s))
		svc_deed_watch_empty(s);
}

static void
signal_all(struct service *s, int signo, bool to_group)
{
	struct svc_memory *m = &s->m;

	if (to_group) {
		svc_deed_signal(s, PROC_MAIN,
		    signo == SIGKILL ? SIGNAL_SLOT_KILL : SIGNAL_SLOT, signo);
		return;
	}
	if (m->main_running)
		svc_deed_signal(s, PROC_MAIN, SIGNAL_PROC, signo);
	if (m->control_running)
		svc_deed_signal(s, PROC_CONTROL, SIGNAL_PROC, signo);
}

static int
term_signal(const struct service *s)
{
	const struct kill_conf *k = &svc_sc(s)->kill;

	if (k->n_sequence > 0 && s->m.stop_step < k->n_sequence)
		return k->sequence[s->m.stop_step].signal;
	if (s->m.then_start && k->restart_signal != 0)
		return k->restart_signal;
	return k->signal;
}

void
svc_send_stop_signals(struct service *s)
{
	const struct kill_conf *k = &svc_sc(s)->kill;
	bool group = k->mode == KILL_CONTROL_GROUP;
	int signo;

	if (k->mode == KILL_NONE)
		return;
	switch (s->m.state) {
	case SVC_STOP_WATCHDOG:
		signo = k->watchdog_signal;
		break;
	case SVC_STOP_SIGTERM:
	case SVC_FINAL_SIGTERM:
		signo = term_signal(s);
		break;
	case SVC_STOP_SIGKILL:
	case SVC_FINAL_SIGKILL:
		signal_all(s, k->final_signal, waits_for_group(s));
		if (k->final_signal != SIGKILL && k->final_signal != SIGCONT)
			signal_all(s, SIGCONT, waits_for_group(s));
		return;
	default:
		return;
	}
	signal_all(s, signo, group);
	if (signo != SIGKILL) {
		if (k->send_sighup && signo != SIGHUP)
			signal_all(s, SIGHUP, group);
		/* What is stopped could not act on it. */
		if (signo != SIGCONT)
			signal_all(s, SIGCONT, group);
	}
	if (group)
		s->stop_signalled = true;
}

static void
stop_timer(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	uint64_t us = c->timeout_stop_us;

	if (s->m.state == SVC_STOP_WATCHDOG)
		us = c->timeout_abort_us;
	else if (s->m.state == SVC_STOP_SIGTERM && s->m.stop_step < c->kill.n_sequence &&
		 c->kill.sequence[s->m.stop_step].wait_us != UNIT_INFINITY)
		us = c->kill.sequence[s->m.stop_step].wait_us;
	svc_phase_timer(s, us);
}

static void
enter_stop_post(struct service *s, enum svc_result f)
{
	svc_fail(s, f, "the stop took too long");
	if (svc_sc(s)->exec[EXEC_STOP_POST].n > 0 && !s->m.control_running) {
		svc_set_state(s, SVC_STOP_POST);
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		svc_spawn_control(s, EXEC_STOP_POST, 0);
		return;
	}
	svc_enter_signal(s, SVC_FINAL_SIGTERM, SVC_RESULT_SUCCESS);
}

void
svc_enter_signal(struct service *s, enum svc_state st, enum svc_result f)
{
	const struct kill_conf *k = &svc_sc(s)->kill;
	struct svc_memory *m = &s->m;
	bool procs, group;

	svc_fail(s, f, "%s", f == SVC_RESULT_TIMEOUT ? "the stop took too long" : m->why);
	kill_aux(s);
	svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
	svc_timer(s, SVC_TIMER_RUNTIME, UINT64_MAX);

	procs = m->main_running || m->control_running;
	group = waits_for_group(s) && !s->empty;
	/* Mixed: with main gone the rest gets the final signal at once. */
	if (st == SVC_FINAL_SIGTERM && k->mode == KILL_MIXED && !procs && group &&
	    k->send_sigkill)
		st = SVC_FINAL_SIGKILL;
	if (st == SVC_STOP_SIGTERM) {
		m->stop_step = 0;
		if (k->n_sequence > 0 && k->sequence[0].signal == SIGKILL)
			st = SVC_STOP_SIGKILL;
	}
	if (k->mode == KILL_NONE ||
	    (!procs && (!group || (st == SVC_STOP_SIGTERM && k->mode == KILL_MIXED)))) {
		/* Nothing to wait for. */
		switch (st) {
		case SVC_FINAL_SIGTERM:
		case SVC_FINAL_SIGKILL:
			svc_enter_dead(s, SVC_RESULT_SUCCESS, true);
			break;
		default:
			enter_stop_post(s, SVC_RESULT_SUCCESS);
			break;
		}
		return;
	}
	svc_set_state(s, st);
	stop_timer(s);
	if (!(st == SVC_FINAL_SIGTERM && s->stop_signalled && !procs))
		svc_send_stop_signals(s);
	if (waits_for_group(s))
		svc_deed_watch_empty(s);
}

void
act_stop_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS &&
	    next_control(s, EXEC_STOP, s->m.cmd_index + 1)) {
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		return;
	}
	exit_text(s, &s->in->exit, "ExecStop=", text, sizeof(text));
	svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

/* Main or control ended in stop-*: when both are gone, go on; what is left of the group
 * is dealt with after ExecStopPost=. */
void
act_main_exit_stopping(struct service *s)
{
	if (!s->m.main_running && !s->m.control_running)
		enter_stop_post(s, SVC_RESULT_SUCCESS);
}

void
act_empty_stopping(struct service *s)
{
	act_main_exit_stopping(s);
}

void
act_stop_post_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS &&
	    next_control(s, EXEC_STOP_POST, s->m.cmd_index + 1)) {
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		return;
	}
	exit_text(s, &s->in->exit, "ExecStopPost=", text, sizeof(text));
	svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_FINAL_SIGTERM, SVC_RESULT_SUCCESS);
}

static void
check_final(struct service *s)
{
	const struct kill_conf *k = &svc_sc(s)->kill;

	if (s->m.main_running || s->m.control_running)
		return;
	if (!waits_for_group(s) || s->empty) {
		svc_enter_dead(s, SVC_RESULT_SUCCESS, true);
		return;
	}
	if (s->m.state == SVC_FINAL_SIGTERM && k->mode == KILL_MIXED && k->send_sigkill) {
		svc_enter_signal(s, SVC_FINAL_SIGKILL, SVC_RESULT_SUCCESS);
		return;
	}
	svc_deed_watch_empty(s);
}

void
act_exit_final(struct service *s)
{
	check_final(s);
}

void
act_empty_final(struct service *s)
{
	check_final(s);
}

/* ---- time limits ------------------------------------------------------------- */

static void give_up(struct service *s);

static enum svc_state
state_of_mode(enum timeout_mode mode)
{
	switch (mode) {
	case TIMEOUT_ABORT:
		return SVC_STOP_WATCHDOG;
	case TIMEOUT_KILL:
		return SVC_STOP_SIGKILL;
	case TIMEOUT_TERMINATE:
		break;
	}
	return SVC_STOP_SIGTERM;
}

void
act_timeout_start(struct service *s)
{
	char dur[CLOCK_TEXT_MAX];

	svc_fail(s, SVC_RESULT_TIMEOUT, "not started within TimeoutStartSec=%s (in %s)",
	    clock_format_duration(dur, sizeof(dur), svc_sc(s)->timeout_start_us),
	    svc_state_name(s->m.state));
	svc_enter_signal(
	    s, state_of_mode(svc_sc(s)->timeout_start_mode), SVC_RESULT_SUCCESS);
}

void
act_timeout_stop(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "ExecStop= took too long");
	svc_enter_signal(
	    s, state_of_mode(svc_sc(s)->timeout_stop_mode), SVC_RESULT_SUCCESS);
}

static void
escalate(struct service *s)
{
	if (svc_sc(s)->kill.send_sigkill)
		svc_enter_signal(s, SVC_STOP_SIGKILL, SVC_RESULT_SUCCESS);
	else
		enter_stop_post(s, SVC_RESULT_SUCCESS);
}

void
act_timeout_watchdog(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "did not end by the abort signal in time");
	escalate(s);
}

void
act_timeout_sigterm(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct kill_conf *k = &c->kill;
	struct svc_memory *m = &s->m;

	if (m->stop_step + 1 < k->n_sequence &&
	    k->sequence[m->stop_step + 1].signal != SIGKILL) {
		m->stop_step++;
		stop_timer(s);
		svc_send_stop_signals(s);
		return;
	}
	svc_fail(s, SVC_RESULT_TIMEOUT, "did not end by the stop signal in time");
	if (c->timeout_stop_mode == TIMEOUT_ABORT && k->n_sequence == 0)
		svc_enter_signal(s, SVC_STOP_WATCHDOG, SVC_RESULT_SUCCESS);
	else
		escalate(s);
}

void
act_timeout_sigkill(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "processes outlived the final signal");
	/* Nothing will be run that could change it: asking once more is in vain. */
	if (svc_sc(s)->exec[EXEC_STOP_POST].n == 0 || s->m.control_running)
		give_up(s);
	else
		enter_stop_post(s, SVC_RESULT_SUCCESS);
}

void
act_timeout_stop_post(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "ExecStopPost= took too long");
	svc_enter_signal(s, SVC_FINAL_SIGTERM, SVC_RESULT_SUCCESS);
}

static void
give_up(struct service *s)
{
	struct buf b = { 0 };

	s->ops->survivors(s->arg, s->m.slot, &b);
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_LEFTOVER }, buf_str(&b));
	s->m.leftover = 1;
	if (s->m.result == SVC_RESULT_SUCCESS)
		s->m.result = SVC_RESULT_TIMEOUT;
	svc_set_why(s, "processes outlived the stop: %s",
	    b.len > 0 ? buf_str(&b) : "they cannot be listed");
	buf_free(&b);
	svc_enter_dead(s, SVC_RESULT_TIMEOUT, true);
}

void
act_timeout_final_term(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "processes outlived the stop signal");
	if (svc_sc(s)->kill.send_sigkill)
		svc_enter_signal(s, SVC_FINAL_SIGKILL, SVC_RESULT_SUCCESS);
	else
		give_up(s);
}

void
act_timeout_final_kill(struct service *s)
{
	give_up(s);
}

/* ---- the end ----------------------------------------------------------------- */

static void
release_conf(struct service *s)
{
	if (s->run_conf != NULL && s->run_conf != s->conf)
		svc_deed(s, DEED_RELEASE)->u.conf = s->run_conf;
	s->run_conf = NULL;
}

static void
close_slot(struct service *s)
{
	if (s->m.slot == SLOT_NONE)
		return;
	svc_deed(s, DEED_SLOT_CLOSE)->u.slot = s->m.slot;
	s->m.slot = SLOT_NONE;
	s->empty = s->watching = s->watch_stale = s->stop_signalled = false;
}

void
svc_enter_auto_restart(struct service *s)
{
	struct svc_memory *m = &s->m;
	const struct unit_conf *u = svc_conf(s);
	char cause[SVC_WHY_MAX], dur[CLOCK_TEXT_MAX];
	uint64_t delay = svc_restart_delay_us(s);
	struct svc_note note = { .what = SVC_EMIT_RESTART, .delay_us = delay };

	m->restart_deferred = false;
	strlcpy(cause, m->why, sizeof(cause));
	clock_format_duration(dur, sizeof(dur), delay);
	/* The part about the restart must fit whatever the cause is. */
	if (u->rules->start_limit_interval_us > 0 && u->rules->start_limit_burst > 0)
		svc_set_why(s, "%.160s; restart in %s (%" PRIu32 "/%" PRIu32 ")", cause,
		    dur, m->limit_count, u->rules->start_limit_burst);
	else
		svc_set_why(s, "%.160s; restart in %s", cause, dur);
	svc_set_state(s, SVC_AUTO_RESTART);
	svc_phase_timer(s, delay);
	svc_note(s, &note, m->why);
}

static void
deed_action(struct service *s, enum unit_action action, int status)
{
	struct deed *d;

	if (action == ACTION_NONE)
		return;
	if (status == -1 && s->m.main_exit.how == EXIT_EXITED)
		status = s->m.main_exit.status;
	else if (status == -1 &&
		 (s->m.main_exit.how == EXIT_KILLED || s->m.main_exit.how == EXIT_DUMPED))
		status = 128 + s->m.main_exit.status;
	d = svc_deed(s, DEED_ACTION);
	d->u.action.action = action;
	d->u.action.status = status;
	d->u.action.why = xstrdup(s->m.why);
}

void
svc_enter_dead(struct service *s, enum svc_result f, bool allow_restart)
{
	struct svc_memory *m = &s->m;
	const struct unit_conf *u = svc_conf(s);
	bool restart, failed;
	const char *reason = "";
	struct deed *d;

	svc_fail(s, f, "%s", m->why);
	kill_aux(s);
	for (int i = 0; i < SVC_NTIMERS; i++)
		svc_timer(s, (enum svc_timer)i, UINT64_MAX);
	m->hard_us = m->runtime_us = UINT64_MAX;
	failed =
	    m->result != SVC_RESULT_SUCCESS && m->result != SVC_RESULT_EXEC_CONDITION;
	restart = allow_restart && svc_shall_restart(s, &reason);
	m->ended_wall_us = clock_wall_us();
	m->active_us = 0;
	m->ready = m->reloading = m->stopping = m->stop_after = false;

	d = svc_deed(s, DEED_CLEANUP);
	d->u.cleanup.conf = u;
	d->u.cleanup.restarts = restart || m->then_start;
	if (m->leftover == 0) {
		/* KillMode=process and none leave processes that we know of. */
		m->main_running = m->control_running = false;
		m->main_pid = m->control_pid = 0;
		close_slot(s);
	}
	if (!restart && !m->then_start)
		svc_deed(s, DEED_FD_DROP)->u.name = NULL;

	if (!failed && m->forbid_restart && m->result == SVC_RESULT_SUCCESS)
		svc_set_why(s, "stopped%s%s", m->who[0] != '\0' ? " by " : "", m->who);
	else if (m->result == SVC_RESULT_SUCCESS && svc_sc(s)->type == SERVICE_ONESHOT)
		svc_set_why(s, "done");
	if (m->result == SVC_RESULT_EXEC_CONDITION)
		svc_done(s, SVC_DONE_START, SVC_DONE_SKIPPED, m->why);
	else if (m->result == SVC_RESULT_TIMEOUT)
		svc_done(s, SVC_DONE_START, SVC_DONE_TIMEOUT, m->why);
	else if (m->result == SVC_RESULT_SUCCESS)
		svc_done(s, SVC_DONE_START, SVC_DONE_OK, "done");
	else
		svc_done(s, SVC_DONE_START, SVC_DONE_FAILED, m->why);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, m->why);

	if (restart && m->leftover == 0) {
		svc_enter_auto_restart(s);
	} else {
		m->restart_deferred = restart;
		svc_set_state(s, failed || m->leftover > 0 ? SVC_FAILED : SVC_DEAD);
		if (failed)
			deed_action(
			    s, u->rules->failure_action, u->rules->failure_action_status);
		else if (m->result == SVC_RESULT_SUCCESS)
			deed_action(
			    s, u->rules->success_action, u->rules->success_action_status);
	}
	svc_done(
	    s, SVC_DONE_STOP, m->leftover > 0 ? SVC_DONE_FAILED : SVC_DONE_OK, m->why);
	if (m->leftover == 0)
		release_conf(s);
	else
		svc_deed_watch_empty(s);
	/* The job that would start it now died with the manager that began the restart.
	 */
	if (m->then_start && s->restart_is_ours && m->leftover == 0)
		svc_raise(s, SVC_EV_WANT_UP);
	s->restart_is_ours = false;
}

/* Failed, with a slot: what outlived the stop ended at last. */
static void
leftover_gone(struct service *s)
{
	struct svc_memory *m = &s->m;

	if (m->slot == SLOT_NONE || m->main_running || m->control_running)
		return;
	if (waits_for_group(s) && !s->empty) {
		svc_deed_watch_empty(s);
		return;
	}
	m->leftover = 0;
	svc_set_why(s, "processes outlived the stop, and are gone now");
	close_slot(s);
	if (m->restart_deferred)
		svc_enter_auto_restart(s);
	release_conf(s);
}

void
act_exit_failed(struct service *s)
{
	leftover_gone(s);
}

void
act_empty_failed(struct service *s)
{
	leftover_gone(s);
}

void
act_reset(struct service *s)
{
	s->m.restarts = 0;
	s->m.backoff = 0;
	s->m.limit_begin_us = 0;
	s->m.limit_count = 0;
}

void
act_reset_failed(struct service *s)
{
	act_reset(s);
	if (s->m.slot != SLOT_NONE) {
		/* Not over yet; only the counters. */
		return;
	}
	svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
	s->m.result = SVC_RESULT_SUCCESS;
	svc_set_state(s, SVC_DEAD);
	svc_set_why(s, "reset by a person");
}
