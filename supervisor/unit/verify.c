/*
 * verify: the rules of systemd for services, and a few of ours.
 */
#include "unit/verify.h"

#include <stdlib.h>

#include "lib/xalloc.h"
#include "unit/load.h"
#include "unit/verify_session.h"

static void
complete_service(struct unit_parts *parts)
{
	const struct unit_conf *conf = &parts->unit;
	struct service_conf *s = &parts->service;

	if (!unit_conf_is_set(conf, "Type") && s->type != SERVICE_EXEC)
		s->type = s->exec[EXEC_START].n > 0 ? SERVICE_SIMPLE : SERVICE_ONESHOT;
	if (s->type == SERVICE_ONESHOT && !unit_conf_is_set(conf, "TimeoutStartSec"))
		s->timeout_start_us = UNIT_INFINITY;
	if (!unit_conf_is_set(conf, "TimeoutAbortSec"))
		s->timeout_abort_us = s->timeout_stop_us;
	if (s->notify_access == NOTIFY_ACCESS_NONE &&
	    (s->type == SERVICE_NOTIFY || s->type == SERVICE_NOTIFY_RELOAD ||
		s->watchdog_us > 0 || s->fd_store_max > 0 ||
		session_wants_notify(&parts->session)))
		s->notify_access = NOTIFY_ACCESS_MAIN;
	for (int k = 0; k < EXEC_NKINDS; k++) {
		struct exec_list *list = &s->exec[k];
		const uint32_t privileges =
		    EXEC_FULL_PRIVILEGES | EXEC_NO_SETUID | EXEC_AMBIENT_MAGIC;

		for (size_t i = 0; s->permissions_start_only && i < list->n; i++)
			if (k != EXEC_START && (list->v[i].flags & privileges) == 0)
				list->v[i].flags |= EXEC_FULL_PRIVILEGES;
	}
}

void
conf_complete(struct unit_parts *parts)
{
	struct unit_conf *conf = &parts->unit;

	if (conf->description == NULL)
		conf->description = xstrdup(conf->id);
	if (conf->type == UNIT_SERVICE) {
		session_complete(parts);
		complete_service(parts);
	}
}

/* Where the whole unit is complained about. */
static const char *
place(const struct unit_conf *conf)
{
	return conf->fragment != NULL ? conf->fragment : conf->id;
}

static void
verify_commands(const struct unit_conf *conf, struct diags *d)
{
	const struct service_conf *s = conf->service;
	const struct exec_list *start = &s->exec[EXEC_START];
	bool success_action = conf->rules->success_action != ACTION_NONE;

	if (start->n == 0 && s->exec[EXEC_STOP].n == 0 && !success_action)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0, "add ExecStart= to [Service]",
		    "the service has no command");
	else if (start->n == 0 && s->type != SERVICE_ONESHOT)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "only Type=oneshot may be without", "the service has no ExecStart=");
	else if (start->n == 0 && !s->remain_after_exit && !success_action)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "add RemainAfterExit=yes to have only ExecStop=",
		    "a oneshot service without ExecStart= is over at once");
	if (s->exec[EXEC_RESUME].n > 1)
		diag_add(d, DIAG_ERROR, place(conf), s->exec[EXEC_RESUME].v[1].line, 0,
		    "an empty ResumeExec= above it takes the first back",
		    "a service has one ResumeExec=");
	if (s->exec[EXEC_RESUME].n > 0 &&
	    (s->type == SERVICE_ONESHOT || s->type == SERVICE_FORKING))
		diag_add(d, DIAG_WARNING, place(conf), s->exec[EXEC_RESUME].v[0].line, 0,
		    "it is always started by ExecStart=",
		    "ResumeExec= has no effect with this Type=");
	if (start->n > 1 && s->type != SERVICE_ONESHOT)
		diag_add(d, DIAG_ERROR, place(conf), start->v[1].line, 0,
		    "an empty ExecStart= above it takes the first back; or Type=oneshot",
		    "only Type=oneshot may have more than one ExecStart=");
}

static void
verify_restart(const struct unit_conf *conf, struct diags *d)
{
	const struct service_conf *s = conf->service;
	const struct exit_set *force = &s->exit_force;
	bool forces = force->signals != 0 || force->status[0] != 0 ||
		      force->status[1] != 0 || force->status[2] != 0 ||
		      force->status[3] != 0;

	if (s->type == SERVICE_ONESHOT &&
	    (s->restart == RESTART_ALWAYS || s->restart == RESTART_ON_SUCCESS))
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "use Restart=on-failure, or Type=exec",
		    "Type=oneshot cannot have Restart=always or on-success");
	if (s->type == SERVICE_ONESHOT && forces)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0, NULL,
		    "Type=oneshot cannot have RestartForceExitStatus=");
	if (s->type == SERVICE_ONESHOT && s->exit_type == SERVICE_EXIT_CGROUP)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0, NULL,
		    "Type=oneshot cannot have ExitType=cgroup");
	if (s->restart_steps > 0 && s->restart_max_us == UNIT_INFINITY)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0, "add RestartMaxDelaySec=",
		    "RestartSteps= has no effect without RestartMaxDelaySec=");
	if (s->restart_steps == 0 && s->restart_max_us != UNIT_INFINITY)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0, "add RestartSteps=",
		    "RestartMaxDelaySec= has no effect without RestartSteps=");
	if (s->restart_max_us < s->restart_us)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0, NULL,
		    "RestartMaxDelaySec= is less than RestartSec=");
}

static void
verify_rest(const struct unit_conf *conf, struct diags *d)
{
	const struct service_conf *s = conf->service;

	if (unit_conf_is_set(conf, "BusName") && !unit_conf_is_set(conf, "Type"))
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "set Type=simple, exec or notify",
		    "BusName= without Type= means Type=dbus, and there is no message "
		    "bus");
	if (s->type == SERVICE_ONESHOT && s->runtime_max_us != UNIT_INFINITY)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0, "use TimeoutStartSec=",
		    "RuntimeMaxSec= has no effect on Type=oneshot");
	if (s->type == SERVICE_ONESHOT && s->ready.n > 0)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0, NULL,
		    "Ready...= has no effect on Type=oneshot, which is ready when it "
		    "ends");
	if (s->kill.mode == KILL_NONE)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0,
		    "use KillMode=mixed or process",
		    "KillMode=none leaves processes behind after a stop");
	if (s->context.in.kind == STDIO_DATA && s->context.stdin_data_len == 0)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0,
		    "add StandardInputText= or StandardInputData=",
		    "StandardInput=data has no data");
}

void
conf_verify(const struct unit_conf *conf, bool bad_lines, struct diags *d)
{
	if (conf->type != UNIT_SERVICE)
		return;
	if (!bad_lines || !unit_conf_is_set(conf, "ExecStart"))
		verify_commands(conf, d);
	verify_restart(conf, d);
	verify_rest(conf, d);
}
