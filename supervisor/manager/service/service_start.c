/*
 * service_start: from the first command to the running service: the actions of the states
 * that come up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

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
	svc_enter_running(s);
}

/* What is a start only when its process is known: files that are read before it may be
 * missing or never end, and the other commands are told MAINPID. */
static bool
needs_main_pid(const struct service_conf *c)
{
	return c->context.n_environment_files > 0 || exec_has_credentials(&c->context) ||
	       c->exec[EXEC_START_POST].n > 0 || c->exec[EXEC_RELOAD].n > 0 ||
	       c->exec[EXEC_STOP].n > 0;
}

void
svc_check_ready(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct svc_memory *m = &s->m;

	if (m->state != SVC_START || (svc_is_scope(s) && !m->main_execed))
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
	case SERVICE_DBUS:
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

void
svc_waits_for(const struct service *s, struct buf *out)
{
	const struct service_conf *c = svc_sc(s);
	const struct svc_memory *m = &s->m;

	if (m->state != SVC_START || c->type == SERVICE_ONESHOT)
		return;
	if (!m->ready && c->type == SERVICE_FORKING)
		buf_addf(out, "%s%s",
		    m->control_running    ? "the end of its first process"
		    : c->pid_file != NULL ? "PIDFile="
					  : "its main process",
		    m->control_running || c->pid_file == NULL ? "" : c->pid_file);
	else if (!m->ready && svc_is_notify(c))
		buf_adds(out, "READY=1");
	else if (!m->ready && c->notify_fd >= 0)
		buf_addf(out, "a line on NotifyFD=%d", c->notify_fd);
	if (c->type != SERVICE_FORKING || m->ready)
		svc_ready_missing(s, out);
}

static void
enter_start(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct svc_memory *m = &s->m;
	char text[SVC_RETRY_MAX];

	svc_set_state(s, SVC_START);
	if (svc_is_scope(s)) {
		svc_join_main(s, s->start.pid, s->start.pid_ticks);
		return;
	}
	if (m->resumes)
		svc_set_why(s, "starting by ResumeExec=: the run before was interrupted");
	else
		svc_set_why(s, "starting%s", svc_retry_text(s, text, sizeof(text)));
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

void
svc_enter_condition(struct service *s, unsigned index)
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
	if (slot == SVC_SLOT_SOON) {
		free(o);
		svc_set_why(s, "starting: waits for a slot that is being closed");
		s->empty = true; /* what ends it now has nothing to wait for */
		return;
	}
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
	if (m->state == SVC_FAILED)
		svc_leave_pool(s);
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
		svc_enter_condition(s, s->m.cmd_index + 1);
		return;
	}
	svc_exit_line(s, x, "ExecCondition=", text, sizeof(text));
	if (s->in->result == SVC_RESULT_EXIT_CODE && x->phase == 0 && x->status < 255) {
		svc_fail(s, SVC_RESULT_EXEC_CONDITION, "skipped: %s", text);
	} else {
		svc_fail(s, s->in->result, "%s", text);
	}
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
	svc_exit_line(s, &s->in->exit, "ExecStartPre=", text, sizeof(text));
	svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
svc_on_ready_timer(struct service *s)
{
	const struct service_conf *c = svc_sc(s);

	if (s->m.state == SVC_START && c->type == SERVICE_FORKING && !s->m.ready) {
		if (!s->m.control_running && c->pid_file != NULL)
			svc_pidfile_poll(s);
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
	svc_exit_line(s, x, NULL, text, sizeof(text));
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

void
act_post_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result != SVC_RESULT_SUCCESS) {
		svc_exit_line(s, &s->in->exit, "ExecStartPost=", text, sizeof(text));
		svc_fail(s, s->in->result, "%s", text);
		svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
		return;
	}
	enter_start_post(s, s->m.cmd_index + 1);
}
