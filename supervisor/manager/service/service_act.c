/*
 * service_act: what the actions of the table (service_table.c) share.  The actions
 * themselves are in service_begin.c, service_start.c, service_forking.c, service_run.c,
 * service_reload.c, service_stop.c and service_end.c, by the part of a service's life
 * that they belong to.  They change the struct and queue deeds; none of them touches the
 * world except by asking a question of svc_ops.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "manager/service/service_int.h"
#include "proto/spec.h"

void
svc_ignore(struct service *s)
{
	(void)s;
}

/* ---- small things ------------------------------------------------------------ */

bool
svc_is_notify(const struct service_conf *c)
{
	return c->type == SERVICE_NOTIFY || c->type == SERVICE_NOTIFY_RELOAD;
}

bool
svc_is_scope(const struct service *s)
{
	return svc_conf(s)->type == UNIT_SCOPE;
}

void
svc_phase_timer(struct service *s, uint64_t timeout_us)
{
	uint64_t deadline = timeout_us == UNIT_INFINITY
				? UINT64_MAX
				: clock_add_us(clock_mono_us(), timeout_us);

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

bool
svc_waits_for_group(const struct service *s)
{
	enum kill_mode mode = svc_sc(s)->kill.mode;

	return mode == KILL_CONTROL_GROUP || mode == KILL_MIXED;
}

bool
svc_is_up(const struct service *s)
{
	switch (s->m.state) {
	case SVC_START_POST:
	case SVC_RUNNING:
	case SVC_RELOAD:
	case SVC_RELOAD_NOTIFY:
	case SVC_RELOAD_SIGNAL:
		return true;
	default:
		return false;
	}
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
		return svc_waits_for_group(s);
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
	enum service_exec kind = is_main ? svc_main_list(s) : (enum service_exec)s->m.cmd;
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
	/* How it ended is known to who started it, and is that one's affair. */
	if (svc_is_scope(s))
		return SVC_RESULT_SUCCESS;
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

/* The folders of one key, as its line has them. */
static const char *
dirs_subject(const struct exec_dir *d, char *dst, size_t size)
{
	dst[0] = '\0';
	for (size_t i = 0; i < d->names.n; i++) {
		if (i > 0)
			strlcat(dst, " ", size);
		strlcat(dst, d->names.v[i], size);
	}
	return dst;
}

/* What a step of the child that failed was about, where the unit file names it; dst is
 * for what has to be put together. */
static const char *
step_subject(
    const struct service *s, uint32_t phase, bool is_main, char *dst, size_t size)
{
	const struct exec_conf *c = &svc_sc(s)->context;
	const struct exec_cmd *cmd = command_of(s, is_main);

	switch (phase) {
	case PHASE_EXEC:
		return cmd != NULL && is_main ? cmd->path : NULL;
	case PHASE_CHDIR:
		if (c->working_directory == NULL ||
		    strcmp(c->working_directory, "~") != 0)
			return c->working_directory;
		snprintf(dst, size, "the home of %s", c->user != NULL ? c->user : "root");
		return dst;
	case PHASE_RUNTIME_DIRECTORY:
		return dirs_subject(&c->dirs[DIR_RUNTIME], dst, size);
	case PHASE_STATE_DIRECTORY:
		return dirs_subject(&c->dirs[DIR_STATE], dst, size);
	case PHASE_CACHE_DIRECTORY:
		return dirs_subject(&c->dirs[DIR_CACHE], dst, size);
	case PHASE_LOGS_DIRECTORY:
		return dirs_subject(&c->dirs[DIR_LOGS], dst, size);
	case PHASE_CONFIGURATION_DIRECTORY:
		return dirs_subject(&c->dirs[DIR_CONFIGURATION], dst, size);
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
void
svc_exit_line(const struct service *s, const struct msg_exit *x, const char *name,
    char *dst, size_t size)
{
	struct svc_exit e = {
		.how = x->how, .status = x->status, .phase = x->phase, .err = x->err
	};
	const struct exec_cmd *cmd = name == NULL ? NULL : command_of(s, false);
	char how[160], about[64];
	const char *subject =
	    step_subject(s, x->phase, name == NULL, about, sizeof(about));
	const char *step = spec_phase_name(x->phase);

	if (x->how == EXIT_EXITED && x->phase != 0 && subject != NULL)
		snprintf(how, sizeof(how), "failed at step %s: %s%s%.60s (status=%d)",
		    step != NULL ? step : "?", x->err != 0 ? strerror(x->err) : "",
		    x->err != 0 ? ": " : "", subject, x->status);
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
	svc_exit_line(s, x, NULL, text, sizeof(text));
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
	/* From here on it may be cut. */
	m->interrupted = true;
	deed_spawn(s, PROC_MAIN, m->main_seq, svc_main_list(s), command_of(s, true));
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
	    is_main ? svc_main_list(s) : (enum service_exec)s->m.cmd,
	    command_of(s, is_main));
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

void
svc_join_main(struct service *s, int32_t pid, uint64_t ticks)
{
	struct svc_memory *m = &s->m;
	struct deed *d;

	m->main_running = true;
	m->main_alien = true;
	m->main_pid = pid;
	m->main_ticks = ticks;
	m->main_started_wall_us = clock_wall_us();
	d = svc_deed(s, DEED_PROC_JOIN);
	d->u.proc.slot = m->slot;
	d->u.proc.pid = pid;
	d->u.proc.ticks = ticks;
}

/* Next command of a list that runs; false: that was the last one. */
bool
svc_next_control(struct service *s, enum service_exec kind, unsigned index)
{
	if (index >= svc_sc(s)->exec[kind].n)
		return false;
	svc_spawn_control(s, kind, index);
	return true;
}

void
svc_kill_aux(struct service *s)
{
	svc_ready_end(s);
	svc_health_end(s);
}
