#include "manager/tell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/activate/pool.h"
#include "manager/alerts.h"
#include "manager/conditions.h"
#include "manager/end.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/tally.h"
#include "manager/service/memory.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "proto/spec.h"
#include "unit/conf.h"

enum { CMD_MAX = 512 };

static const char *
kind_name(enum proc_kind kind)
{
	static const char *const names[] = {
		[PROC_MAIN] = "main",
		[PROC_CONTROL] = "control",
		[PROC_READY] = "ready",
		[PROC_HEALTH] = "health",
	};

	return (unsigned)kind < PROC_N ? names[kind] : "?";
}

/* ---- what exec and exit have in common ----------------------------------------------
 */

static const char *
log_name(const struct unit *u, const struct svc_memory *mem, char *dst, size_t size)
{
	if (mem->log_name[0] != '\0')
		return layout_name(dst, size, mem->log_name);
	return layout_name_of_unit(dst, size, u->name);
}

static void
put_log(struct unit *u, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;
	char name[LAYOUT_NAME_MAX + 1], day[CLOCK_DAY_MAX], path[LAYOUT_PATH_MAX];

	log_name(u, mem, name, sizeof(name));
	strlcpy(day, mem->day, sizeof(day));
	if (day[0] == '\0')
		clock_day(day, sizeof(day), clock_wall_us());
	event_str(ev, "ref", mem->ref);
	event_str(ev, "name", name);
	if (layout_ref_is_valid(mem->ref))
		event_strf(ev, "log_path", "%s/%s", u->manager->root_path,
		    layout_log_path(
			path, sizeof(path), day, mem->ref, name, mem->log_alt));
	else
		event_null(ev, "log_path");
}

static void
put_cmd(struct emitter *ev, const struct exec_cmd *cmd)
{
	struct buf b = { 0 };

	if (cmd == NULL) {
		event_str(ev, "cmd", "");
		return;
	}
	buf_adds(&b, cmd->path);
	for (size_t i = 1; i < cmd->argv.n && b.len < CMD_MAX; i++)
		buf_addf(&b, " %s", cmd->argv.v[i]);
	event_strn(ev, "cmd", buf_str(&b), utf8_head(buf_str(&b), b.len, CMD_MAX));
	buf_free(&b);
}

/* What a path unit started it for; of one that was started otherwise nothing. */
static void
put_trigger_path(struct emitter *ev, const struct svc_memory *mem)
{
	static const char key[] = "TRIGGER_PATH=";
	const char *p = mem->start_env;
	char *path;

	while (*p != '\0' && strncmp(p, key, sizeof(key) - 1) != 0) {
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	if (*p == '\0')
		return;
	p += sizeof(key) - 1;
	path = xstrndup(p, strcspn(p, "\n"));
	event_str(ev, "path", path);
	free(path);
}

static void
tell_exec(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct manager *m = u->manager;
	const struct exec_list *lists = svc_conf(u->svc)->service->exec;
	const struct exec_list *start = &lists[mem->resumes ? EXEC_RESUME : EXEC_START];
	uint64_t now_us = clock_wall_us();

	event_begin(m->events, EVENT_EXEC, u->name, mem->invocation);
	put_log(u, mem);
	event_int(m->events, "pid", note->pid);
	put_cmd(m->events, note->cmd);
	event_str(m->events, "kind", kind_name(note->kind));
	put_trigger_path(m->events, mem);
	event_end(m->events);
	if (note->kind == PROC_MAIN)
		history_started(
		    m->history, u->name, mem->ref, mem->invocation, note->pid, now_us);
	if (note->kind == PROC_MAIN)
		history_part_of(m->history, u->name, unit_run(u));
	if (mem->restarts == 0 || note->cmd == NULL || note->cmd != start->v)
		return;
	/* Once for each run: not for a MAINPID=, nor for the next command of a oneshot.
	 */
	event_begin(m->events, EVENT_RESTARTED, u->name, mem->invocation);
	event_int(m->events, "restarts", mem->restarts);
	event_us(m->events, "restart_us",
	    now_us > mem->ended_wall_us && mem->ended_wall_us > 0
		? now_us - mem->ended_wall_us
		: 0);
	event_end(m->events);
}

static void
put_exit(struct emitter *ev, const struct svc_exit *x)
{
	char name[16];

	if (x->how == EXIT_EXITED) {
		event_int(ev, "exit_code", x->status);
		event_null(ev, "signal");
	} else if (x->how == EXIT_KILLED || x->how == EXIT_DUMPED) {
		event_null(ev, "exit_code");
		event_str(ev, "signal", svc_signal_name(x->status, name, sizeof(name)));
	} else {
		event_null(ev, "exit_code");
		event_null(ev, "signal");
	}
}

static void
tell_exit(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct manager *m = u->manager;
	const struct svc_exit *x = &note->exit;

	event_begin(m->events, EVENT_EXIT, u->name, mem->invocation);
	put_log(u, mem);
	event_int(m->events, "pid", note->pid);
	put_cmd(m->events, note->cmd);
	event_str(m->events, "kind", kind_name(note->kind));
	put_exit(m->events, x);
	event_str(m->events, "how", svc_how_name(x->how));
	event_int(m->events, "duration_ms", (int64_t)(note->duration_us / USEC_PER_MSEC));
	if (note->kind == PROC_MAIN)
		event_us(m->events, "run_us", note->duration_us);
	event_us(m->events, "cpu_us", note->cpu_us);
	event_int(m->events, "maxrss_kib", (int64_t)note->maxrss_kib);
	if (x->phase != 0) {
		event_str(m->events, "step", spec_phase_name(x->phase));
		event_str(m->events, "error", strerror(x->err));
	}
	event_end(m->events);
	if (note->kind == PROC_MAIN || note->kind == PROC_CONTROL)
		tally_exit(
		    m->tally, u->name, note->kind == PROC_MAIN ? note->duration_us : 0);
	if (note->kind == PROC_MAIN)
		history_ended(m->history, u->name, mem->ref, mem->invocation, note->pid,
		    (int32_t)x->how, x->status, x->wall_us, note->duration_us);
	if (note->kind == PROC_MAIN)
		history_used(
		    m->history, u->name, note->pid, note->cpu_us, note->maxrss_kib);
}

/* ---- states -------------------------------------------------------------------------
 */

/* What a failure says waits for the end of what the unit wrote. */
struct failure {
	struct manager *m;
	char *unit;
	uint8_t invocation[16];
	uint32_t slot;
	struct svc_exit exit;
	uint64_t run_us;
	char ref[PROTO_REF_MAX];
	const char *result;
	char why[SVC_WHY_MAX];
};

static void
on_tail(void *arg, const struct msg_barrier_done *done)
{
	struct failure *f = arg;
	struct emitter *ev = f->m->events;
	struct unit *u;
	const char *tail = "";
	size_t n = 0;

	if (done != NULL) {
		tail = done->tail;
		n = done->tail_len;
	}
	event_begin(ev, EVENT_FAILED, f->unit, f->invocation);
	event_str(ev, "ref", f->ref);
	event_str(ev, "result", f->result);
	event_str(ev, "why", f->why);
	put_exit(ev, &f->exit);
	if (f->run_us != 0)
		event_int(ev, "run_ms", (int64_t)(f->run_us / USEC_PER_MSEC));
	event_strn(ev, "stderr_tail", tail, n < PROTO_TAIL_MAX ? n : PROTO_TAIL_MAX);
	u = unit_find(f->m, f->unit);
	if (u != NULL && u->untold_failures > 0)
		u->untold_failures--;
	event_end(ev);
	free(f->unit);
	free(f);
}

static void
tell_failed(struct unit *u, const struct svc_memory *mem)
{
	struct failure *f = xcalloc(1, sizeof(*f));

	f->m = u->manager;
	f->unit = xstrdup(u->name);
	memcpy(f->invocation, mem->invocation, sizeof(f->invocation));
	f->exit = mem->main_exit;
	f->run_us = svc_took_us(mem);
	/* The failed one gave its slot up with this very step; it is closed only after we
	 * have told, so that the logger can still be asked for it. */
	f->slot = mem->slot != SLOT_NONE ? mem->slot : u->told_slot;
	strlcpy(f->ref, mem->ref, sizeof(f->ref));
	f->result = svc_result_name(mem->result);
	strlcpy(f->why, mem->why, sizeof(f->why));
	u->untold_failures++;
	if (f->slot == SLOT_NONE)
		on_tail(f, NULL);
	else
		link_barrier(u->manager->link, f->slot, u->manager->conf->failure_tail_us,
		    on_tail, f);
}

static bool
is_limit(enum svc_result r)
{
	return r == SVC_RESULT_TIMEOUT || r == SVC_RESULT_WATCHDOG ||
	       r == SVC_RESULT_START_LIMIT;
}

/* Results that have an event of their own. */
static void
tell_result(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;
	const struct service_conf *c = svc_conf(u->svc)->service;
	uint64_t now_us = clock_wall_us(), after_us = note->duration_us;

	if ((int)mem->result == u->told_result)
		return;
	u->told_result = (int)mem->result;
	if (!is_limit(mem->result))
		return;
	if (mem->result == SVC_RESULT_WATCHDOG) {
		event_begin(ev, EVENT_WATCHDOG, u->name, mem->invocation);
		event_us(ev, "after_us",
		    mem->watchdog_us != UINT64_MAX ? mem->watchdog_us : c->watchdog_us);
	} else if (mem->result == SVC_RESULT_START_LIMIT) {
		event_begin(ev, EVENT_START_LIMIT, u->name, mem->invocation);
		event_int(ev, "burst", svc_conf(u->svc)->rules->start_limit_burst);
		event_us(
		    ev, "interval_us", svc_conf(u->svc)->rules->start_limit_interval_us);
		if (c->start_limit_retry_us == UNIT_INFINITY)
			event_null(ev, "retry_ms");
		else
			event_int(ev, "retry_ms",
			    (int64_t)(c->start_limit_retry_us / USEC_PER_MSEC));
	} else {
		event_begin(ev, EVENT_TIMEOUT, u->name, mem->invocation);
		event_str(ev, "what", mem->why);
		/* The limit of a start is one for all of its states. */
		if (svc_state_active(note->old) == SVC_ACTIVE_ACTIVATING)
			after_us = now_us > mem->started_wall_us
				       ? now_us - mem->started_wall_us
				       : 0;
		event_us(ev, "after_us", after_us);
		event_str(ev, "action", svc_state_name(mem->state));
	}
	event_end(ev);
}

static void
say_state(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct manager *m = u->manager;
	enum svc_active a = svc_state_active(note->state);
	/* (That of the file may be another unit's by now.) */
	const char *stem = svc_conf(u->svc)->stem;

	if (a == SVC_ACTIVE_ACTIVE && svc_state_active(note->old) != SVC_ACTIVE_ACTIVE &&
	    svc_state_active(note->old) != SVC_ACTIVE_RELOADING)
		manager_say(m, MARK_START, "%s started", stem);
	else if (note->state == SVC_FAILED || note->state == SVC_LIMIT_WAIT)
		manager_say(m, MARK_FAIL, "%s failed: %s", stem, mem->why);
	else if (note->state == SVC_AUTO_RESTART)
		manager_say(m, MARK_RESTART, "%s: %s", stem, mem->why);
	else if (note->state == SVC_DEAD && mem->result == SVC_RESULT_EXEC_CONDITION)
		manager_say(m, MARK_STOP, "%s %s", stem, mem->why);
	else if (note->state == SVC_DEAD && note->old != SVC_DEAD)
		manager_say(m, MARK_STOP, "%s %s", stem,
		    mem->forbid_restart ? "stopped" : "finished");
}

static void
put_memory(struct emitter *ev, const struct svc_memory *mem)
{
	struct jw *w = event_jw(ev);

	if (w == NULL)
		return;
	jw_kv_obj(w, "memory");
	svc_memory_write(mem, w);
	jw_end(w);
}

/* Of a unit whose work is over, what it took. */
static void
put_end(struct emitter *ev, const struct svc_note *note, const struct svc_memory *mem)
{
	uint64_t took_us = svc_took_us(mem);

	if (took_us == 0 || note->state == note->old)
		return;
	event_int(ev, "run_ms", (int64_t)(took_us / USEC_PER_MSEC));
	event_bool(ev, "asked", mem->forbid_restart);
}

static void
tell_state(struct unit *u, const struct svc_note *note, const struct svc_memory *mem,
    bool carries)
{
	struct manager *m = u->manager;
	struct emitter *ev = m->events;
	bool down = note->state == SVC_FAILED || note->state == SVC_DEAD;

	event_begin(ev, EVENT_UNIT_STATE, u->name, mem->invocation);
	event_str(ev, "from", svc_state_name(note->old));
	event_str(ev, "state", svc_active_name(svc_state_active(note->state)));
	event_str(ev, "substate", svc_state_name(note->state));
	event_str(ev, "result", svc_result_name(mem->result));
	event_str(ev, "why", mem->why);
	put_end(ev, note, mem);
	if (carries && note->keep)
		put_memory(ev, mem);
	event_end(ev);
	tell_result(u, note, mem);
	if (note->state == SVC_FAILED)
		tell_failed(u, mem);
	if (down || note->state == SVC_AUTO_RESTART) {
		history_result(m->history, u->name, svc_result_name(mem->result));
		if (tally_result(
			m->tally, u->name, svc_result_name(mem->result), clock_wall_us()))
			alerts_on_run(m, u->name, mem->result != SVC_RESULT_SUCCESS);
		/* The next failure may come before it has a slot; this one is another
		 * unit's by then. */
		u->told_slot = SLOT_NONE;
	}
	say_state(u, note, mem);
	jobs_unit_changed(u->job_unit);
	if (down) {
		end_on_unit_down(u, mem);
		if (u->transient || unit_is_of_template(u))
			unit_ended(u);
		unit_collect(u);
		member_on_rest(u);
	}
}

/* ---- the rest -----------------------------------------------------------------------
 */

static void
tell_memory(struct unit *u, const struct svc_memory *mem)
{
	event_begin(u->manager->events, EVENT_UNIT_MEMORY, u->name, mem->invocation);
	put_memory(u->manager->events, mem);
	event_end(u->manager->events);
}

static void
tell_restart(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;

	if (note->retries > 0) {
		event_begin(ev, EVENT_RETRY, u->name, mem->invocation);
		event_int(ev, "retry", mem->retry);
		event_int(ev, "retries", note->retries);
		event_bool(ev, "counted", !mem->uncounted);
	} else {
		event_begin(ev, EVENT_RESTART_SCHEDULED, u->name, mem->invocation);
	}
	event_int(ev, "delay_ms", (int64_t)(note->delay_us / USEC_PER_MSEC));
	event_int(ev, "restarts", mem->restarts);
	event_str(ev, "why", mem->why);
	event_end(ev);
}

static void
tell_ready(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_READY, u->name, mem->invocation);
	event_str(ev, "evidence", note->text == NULL ? "" : note->text);
	event_us(ev, "start_us", note->duration_us);
	event_end(ev);
}

static void
tell_queued(struct unit *u, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_POOL_QUEUED, u->name, mem->invocation);
	event_str(ev, "pool", mem->pool);
	event_int(
	    ev, "place", (int64_t)(u->in_pool == NULL ? 0 : pool_place(u->in_pool)));
	event_int(ev, "queued",
	    (int64_t)(u->in_pool == NULL || u->in_pool->pool == NULL
			  ? 0
			  : pool_waiting(u->in_pool->pool)));
	put_trigger_path(ev, mem);
	event_end(ev);
}

static void
tell_admitted(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;
	uint32_t weight = u->in_pool == NULL ? 1 : u->in_pool->weight;

	event_begin(ev, EVENT_POOL_ADMITTED, u->name, mem->invocation);
	event_str(ev, "pool", mem->pool);
	event_int(ev, "weight", weight);
	event_us_by(ev, "pool_wait_us", note->duration_us, mem->pool);
	event_end(ev);
	tally_admitted(u->manager->tally, u->name, mem->pool, weight, clock_wall_us());
}

static void
tell_health(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_HEALTH, u->name, mem->invocation);
	event_str(ev, "from", note->first ? "unknown" : note->ok ? "bad" : "good");
	event_str(ev, "state", note->ok ? "good" : "bad");
	event_str(ev, "evidence", note->text == NULL ? "" : note->text);
	event_end(ev);
	if (!note->ok)
		manager_say(u->manager, MARK_FAIL, "%s is not healthy: %s", u->conf->stem,
		    note->text == NULL ? "?" : note->text);
}

static void
tell_text(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct emitter *ev = u->manager->events;
	const char *text = note->text == NULL ? "" : note->text;
	struct jw *w;

	switch (note->what) {
	case SVC_EMIT_NOTIFY:
		event_begin(ev, EVENT_STATUS_TEXT, u->name, mem->invocation);
		event_str(ev, "text", text);
		break;
	case SVC_EMIT_REFUSED:
		event_begin(ev, EVENT_NOTIFY_REFUSED, u->name, mem->invocation);
		event_int(ev, "pid", note->pid);
		event_str(ev, "text", "");
		event_str(ev, "why", text);
		break;
	case SVC_EMIT_LEFTOVER:
		event_begin(ev, EVENT_SURVIVORS, u->name, mem->invocation);
		w = event_jw(ev);
		if (w != NULL) {
			jw_kv_arr(w, "processes");
			jw_str(w, text);
			jw_end(w);
		}
		manager_say(u->manager, MARK_FAIL, "%s: processes outlived the stop: %s",
		    u->conf->stem, text);
		break;
	default:
		event_begin(ev, EVENT_BUG, u->name, mem->invocation);
		event_str(ev, "text", text);
		manager_say(u->manager, MARK_FAIL,
		    "%s: a case that supd does not "
		    "know: %s",
		    u->conf->stem, text);
		break;
	}
	event_end(ev);
}

void
tell_note(struct unit *u, const struct svc_note *note, const struct svc_memory *carried)
{
	const struct svc_memory *mem = svc_memory(u->svc);

	unit_render_drop(u);
	if (mem->slot != SLOT_NONE)
		u->last_slot = u->told_slot = mem->slot;
	switch (note->what) {
	case SVC_EMIT_STATE:
		tell_state(u, note, mem, carried != NULL);
		break;
	case SVC_EMIT_MEMORY:
		tell_memory(u, mem);
		break;
	case SVC_EMIT_EXEC:
		tell_exec(u, note, mem);
		break;
	case SVC_EMIT_EXIT:
		tell_exit(u, note, mem);
		break;
	case SVC_EMIT_RESTART:
		tell_restart(u, note, mem);
		break;
	case SVC_EMIT_READY:
		tell_ready(u, note, mem);
		break;
	case SVC_EMIT_QUEUED:
		tell_queued(u, mem);
		break;
	case SVC_EMIT_ADMITTED:
		tell_admitted(u, note, mem);
		break;
	case SVC_EMIT_HEALTH:
		tell_health(u, note, mem);
		break;
	case SVC_EMIT_SKIPPED:
		conditions_tell(u, mem->unmet, mem->found, note->text);
		break;
	default:
		tell_text(u, note, mem);
		break;
	}
}

void
tell_adopted(struct manager *m, struct unit *u)
{
	const struct svc_memory *mem = svc_memory(u->svc);

	event_begin(m->events, EVENT_ADOPTED, u->name, mem->invocation);
	event_int(m->events, "pid", mem->main_pid);
	event_str(m->events, "ref", mem->ref);
	event_int(m->events, "slot", mem->slot);
	event_str(m->events, "state", svc_state_name(mem->state));
	event_end(m->events);
}

void
tell_stored(struct unit *u, const char *fdname)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_FD_STORED, u->name, NULL);
	event_str(ev, "name", fdname);
	event_int(ev, "count", (int64_t)svc_stored(u->svc, NULL, NULL));
	event_end(ev);
}

void
tell_match(struct unit *u, const struct msg_match *x, const char *text)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_MATCH, u->name, svc_memory(u->svc)->invocation);
	event_int(ev, "rule", x->rule);
	event_int(ev, "count", x->count);
	event_str(ev, "text", text);
	event_int(ev, "line", (int64_t)x->seq);
	event_end(ev);
}

static const char *
disturbance(int err)
{
	switch (err) {
	case ENOENT:
		return "the file was renamed or deleted; a new one is written";
	case ESTALE:
	case ENODATA:
		return "the file or the pipe was changed while it was written";
	default:
		return "its name is taken by what is no log";
	}
}

static const char *
stream_text(uint32_t stream)
{
	static const char *const text[STREAM_OF_N] = { "stdout", "stderr", "file",
		"recording" };

	return stream < STREAM_OF_N ? text[stream] : "file";
}

void
tell_stream(struct manager *m, const char *unit, const uint8_t *invocation,
    const char *ref, const struct msg_stream_state *s)
{
	static const enum event_id ids[] = {
		[STREAM_PARKED] = EVENT_LOG_PARKED,
		[STREAM_RESUMED] = EVENT_LOG_RESUMED,
		[STREAM_DROPPED] = EVENT_LOG_DROPPED,
		[STREAM_DISTURBED] = EVENT_LOG_DISTURBED,
		[STREAM_LIMIT] = EVENT_LOG_LIMIT,
		[STREAM_ROLLED] = EVENT_LOG_ROLLED,
	};
	struct emitter *ev = m->events;

	if (s->what < STREAM_PARKED || s->what > STREAM_ROLLED)
		return; /* STREAM_NAMED: the path of the log, no event */
	/* A slot that was closed meanwhile has no name any more. */
	event_begin(ev, ids[s->what], *unit == '\0' ? NULL : unit,
	    *unit == '\0' ? NULL : invocation);
	event_str(ev, "ref", ref);
	if (s->what != STREAM_LIMIT || s->stream == STREAM_OF_CAST)
		event_str(ev, "stream", stream_text(s->stream));
	if (s->what == STREAM_PARKED)
		event_str(ev, "error", open_error(s->err));
	if (s->what == STREAM_DISTURBED)
		event_str(ev, "error", disturbance(s->err));
	if (s->what == STREAM_DROPPED)
		event_int(ev, "lines", (int64_t)s->lines);
	if (s->what == STREAM_DROPPED || s->what == STREAM_LIMIT)
		event_int(ev, "bytes", (int64_t)s->bytes);
	event_end(ev);
}
