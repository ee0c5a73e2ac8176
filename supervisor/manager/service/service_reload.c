/*
 * service_reload: the actions of a service that reads its configuration again.
 */
#include <signal.h>

#include "lib/clock.h"
#include "manager/service/service_int.h"

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
		s->m.reload_us = clock_mono_us();
		svc_deed_step(s, PROC_MAIN, SIGNAL_PROC, c->reload_signal, ++s->m.steps);
	}
	svc_set_state(s, c->exec[EXEC_RELOAD].n > 0 ? SVC_RELOAD : SVC_RELOAD_SIGNAL);
	svc_set_why(s, "reloading%s%s", s->reload_who == NULL ? "" : ", asked by ",
	    s->reload_who == NULL ? "" : s->reload_who);
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
		svc_enter_stop(s);
		return;
	}
	if (s->in->result != SVC_RESULT_SUCCESS &&
	    m->reload_result == SVC_RESULT_SUCCESS) {
		m->reload_result = s->in->result;
		svc_exit_line(s, &s->in->exit, "ExecReload=", text, sizeof(text));
		svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, text);
	} else if (m->reload_result == SVC_RESULT_SUCCESS &&
		   svc_next_control(s, EXEC_RELOAD, m->cmd_index + 1)) {
		return;
	}
	if (!m->reloading)
		reload_over(s);
	svc_enter_running(s);
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
	svc_enter_running(s);
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
		svc_enter_running(s);
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
