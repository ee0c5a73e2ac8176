/*
 * verify: the rules of systemd for services, and a few of ours.
 */
#include "unit/verify.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/verify_session.h"
#include "unit/verify_socket.h"

enum { USER_NAME_MAX = 32 };

/* The bus is there before it, and its name there is what the start waits for. */
static void
complete_bus_name(struct unit_parts *parts)
{
	struct service_conf *s = &parts->service;

	s->ready.v = xreallocarray(s->ready.v, s->ready.n + 1, sizeof(s->ready.v[0]));
	s->ready.v[s->ready.n++] =
	    (struct probe_conf){ .kind = PROBE_BUS, .text = xstrdup(s->bus_name) };
	strv_add_unique(&parts->rules.deps[DEP_AFTER], "dbus.socket");
}

/* The user that is made has the name of User=, else of the unit where that can be one. */
static void
complete_dynamic_user(struct unit_parts *parts)
{
	const struct unit_conf *conf = &parts->unit;
	struct exec_conf *x = &parts->service.context;
	const char *name = conf->prefix;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	x->no_new_privileges = true;
	if (x->user != NULL)
		return;
	if (user_name_is_valid(name) && strlen(name) < USER_NAME_MAX &&
	    (*name < '0' || *name > '9')) {
		x->user = xstrdup(name);
		return;
	}
	for (const char *c = name; *c != '\0'; c++)
		sum = (sum ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
	x->user = xasprintf("_du%016llx", (unsigned long long)sum);
}

/* What its processes write is theirs, the last of them ends it, and who made it is the
 * only one that can start it. */
static void
complete_scope(struct unit_parts *parts)
{
	struct service_conf *s = &parts->service;

	s->type = SERVICE_SIMPLE;
	s->exit_type = SERVICE_EXIT_CGROUP;
	s->context.in.kind = s->context.out.kind = s->context.err.kind = STDIO_NULL;
	parts->rules.refuse_manual_start = true;
	parts->rules.collect = COLLECT_INACTIVE_OR_FAILED;
}

static void
complete_service(struct unit_parts *parts)
{
	const struct unit_conf *conf = &parts->unit;
	struct service_conf *s = &parts->service;

	if (!unit_conf_is_set(conf, "Type") && s->type != SERVICE_EXEC)
		s->type = s->exec[EXEC_START].n == 0 ? SERVICE_ONESHOT
			  : s->bus_name != NULL      ? SERVICE_DBUS
						     : SERVICE_SIMPLE;
	if (s->type == SERVICE_DBUS && s->bus_name != NULL)
		complete_bus_name(parts);
	if (s->type == SERVICE_ONESHOT && !unit_conf_is_set(conf, "TimeoutStartSec"))
		s->timeout_start_us = UNIT_INFINITY;
	if (s->context.stdin_data_len > 0 && s->context.in.kind == STDIO_NULL)
		s->context.in.kind = STDIO_DATA;
	/* What is read from a socket, or typed, is answered there. */
	if ((s->context.in.kind == STDIO_SOCKET || s->context.in.kind == STDIO_FD ||
		stdio_is_tty(s->context.in.kind)) &&
	    !unit_conf_is_set(conf, "StandardOutput"))
		s->context.out.kind = STDIO_INHERIT;
	for (size_t i = 0; i < s->sockets.n; i++) {
		strv_add_unique(&parts->rules.deps[DEP_WANTS], s->sockets.v[i]);
		strv_add_unique(&parts->rules.deps[DEP_AFTER], s->sockets.v[i]);
	}
	/* As with a slice: the pool is there before, and what is in it is not without. */
	if (s->pool != NULL) {
		strv_add_unique(&parts->rules.deps[DEP_REQUIRES], s->pool);
		strv_add_unique(&parts->rules.deps[DEP_AFTER], s->pool);
	}
	if (!unit_conf_is_set(conf, "TimeoutAbortSec"))
		s->timeout_abort_us = s->timeout_stop_us;
	if (s->notify_access == NOTIFY_ACCESS_NONE &&
	    (s->type == SERVICE_NOTIFY || s->type == SERVICE_NOTIFY_RELOAD ||
		s->watchdog_us > 0 || s->fd_store_max > 0 ||
		session_wants_notify(&parts->session)))
		s->notify_access = NOTIFY_ACCESS_MAIN;
	/* Who divides its group further minds what happens in it. */
	if (!unit_conf_is_set(conf, "OOMPolicy") && unit_conf_is_set(conf, "Delegate"))
		s->oom_policy = OOM_CONTINUE;
	if (s->context.dynamic_user)
		complete_dynamic_user(parts);
	for (int k = 0; k < EXEC_NKINDS; k++) {
		struct exec_list *list = &s->exec[k];
		const uint32_t privileges =
		    EXEC_FULL_PRIVILEGES | EXEC_NO_SETUID | EXEC_AMBIENT_MAGIC;

		for (size_t i = 0; s->permissions_start_only && i < list->n; i++)
			if (k != EXEC_START && (list->v[i].flags & privileges) == 0)
				list->v[i].flags |= EXEC_FULL_PRIVILEGES;
	}
}

/* NAME@1 to NAME@N. */
static void
triggers_instances(struct unit_parts *parts, const char *template, uint32_t n)
{
	const char *at = strchr(template, '@');

	for (uint32_t i = 1; i <= n; i++) {
		char *name =
		    xasprintf("%.*s@%u%s", (int)(at - template), template, i, at + 1);

		strv_add_unique(&parts->rules.deps[DEP_TRIGGERS], name);
		strv_add_unique(&parts->rules.deps[DEP_BEFORE], name);
		free(name);
	}
}

/* The edges to what a trigger starts: it is up before that. */
static void
complete_trigger(struct unit_parts *parts)
{
	const struct unit_conf *conf = &parts->unit;
	struct unit_trigger *t = &parts->trigger;
	char **unit = conf->type == UNIT_TIMER  ? &t->timer.unit
		      : conf->type == UNIT_PATH ? &t->path.unit
						: &t->socket.service;

	/* A connection makes the unit that it is for. */
	if (conf->type == UNIT_SOCKET && t->socket.accept)
		return;
	if (*unit == NULL)
		*unit = xasprintf(conf->type == UNIT_PATH && path_is_watcher(&t->path)
				      ? "%s@.service"
				      : "%s.service",
		    conf->stem);
	/* A file makes the unit that it is for. */
	if (conf->type == UNIT_PATH && unit_name_is_template(*unit))
		return;
	if (conf->type == UNIT_TIMER && t->timer.policy.overlap == OVERLAP_ALLOW &&
	    unit_name_is_template(*unit)) {
		triggers_instances(parts, *unit, t->timer.policy.allow);
		return;
	}
	strv_add_unique(&parts->rules.deps[DEP_TRIGGERS], *unit);
	strv_add_unique(&parts->rules.deps[DEP_BEFORE], *unit);
}

void
conf_complete(struct unit_parts *parts)
{
	struct unit_conf *conf = &parts->unit;

	if (conf->description == NULL)
		conf->description = xstrdup(conf->id);
	if (!unit_conf_is_set(conf, "JobRunningTimeoutSec"))
		parts->rules.job_running_timeout_us = parts->rules.job_timeout_us;
	if (conf->type == UNIT_SERVICE) {
		session_complete(parts);
		complete_service(parts);
	}
	if (conf->type == UNIT_SCOPE)
		complete_scope(parts);
	if (conf->type == UNIT_SOCKET)
		socket_complete(parts);
	if (unit_type_triggers(conf->type))
		complete_trigger(parts);
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
verify_timer(const struct unit_conf *conf, struct diags *d)
{
	const struct timer_conf *t = &conf->trigger->timer;
	bool template = unit_name_is_template(t->unit);
	bool allow = t->policy.overlap == OVERLAP_ALLOW;

	if (t->when.calendars.n == 0 && t->when.n_spans == 0 && !t->on_clock_change &&
	    !t->on_timezone_change)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "add OnCalendar=, or one of the other On...Sec=, to [Timer]",
		    "the timer has no time");
	if (template && !allow)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "name an instance, or set Overlap=allow:N",
		    "Unit=%s is a template, of which nothing runs", t->unit);
	if (allow && !template)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "name a template by Unit=NAME@.service, or set Overlap=queue",
		    "Overlap=allow:N needs a template: one unit runs once at a time");
	if (t->wake_system)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0,
		    "what was missed runs when it wakes up",
		    "WakeSystem=yes does not wake the machine");
}

static void
verify_path(const struct unit_conf *conf, struct diags *d)
{
	static const char *const of_watcher[] = { "MaxNewPerScan", "MaxTries",
		"RequireClosed", "RequireNotDone", "RetryMaxSec", "RetrySec",
		"ScanIntervalSec", "StaleSec" };
	const struct path_conf *p = &conf->trigger->path;
	bool template = unit_name_is_template(p->unit), watcher = path_is_watcher(p);
	bool mixed = false;

	if (p->watch.n == 0)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "add PathExists=, PathChanged= or one of the others to [Path]",
		    "the path unit has no path");
	for (size_t i = 0; i < p->watch.n; i++)
		mixed |= (p->watch.v[i].kind == PATH_STALE) != watcher;
	if (mixed)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0, "make two path units of it",
		    "StaleGlob= starts an instance for each file, and the other paths "
		    "start one unit");
	else if (watcher && !template)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "name a template by Unit=NAME@.service",
		    "StaleGlob= starts an instance for each file, and %s has none",
		    p->unit);
	else if (watcher && unit_name_type(p->unit) != UNIT_SERVICE)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0, "Unit= is NAME@.service",
		    "StaleGlob= starts services, and %s is none", p->unit);
	else if (!watcher && template)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "name an instance, or the files by StaleGlob=",
		    "Unit=%s is a template, of which nothing runs", p->unit);
	if (watcher && p->retry_max_us < p->retry_us)
		diag_add(d, DIAG_WARNING, place(conf), 0, 0, NULL,
		    "RetryMaxSec= is less than RetrySec=");
	for (size_t i = 0; !watcher && i < sizeof(of_watcher) / sizeof(of_watcher[0]);
	     i++)
		if (unit_conf_is_set(conf, of_watcher[i]))
			diag_add(d, DIAG_WARNING, place(conf), 0, 0, "add StaleGlob=",
			    "%s= has no effect without StaleGlob=", of_watcher[i]);
}

/* A trigger of itself, or a socket of what is no service. */
static void
verify_trigger(const struct unit_conf *conf, struct diags *d)
{
	const struct strv *units = &conf->rules->deps[DEP_TRIGGERS];

	if (conf->type == UNIT_TIMER)
		verify_timer(conf, d);
	if (conf->type == UNIT_PATH)
		verify_path(conf, d);
	for (size_t i = 0; i < units->n; i++) {
		if (strcmp(units->v[i], conf->id) == 0)
			diag_add(d, DIAG_ERROR, place(conf), 0, 0, "name another unit",
			    "it would start itself");
		else if (conf->type == UNIT_SOCKET &&
			 unit_name_type(units->v[i]) != UNIT_SERVICE)
			diag_add(d, DIAG_ERROR, place(conf), 0, 0,
			    "Service= is NAME.service",
			    "a socket is for a service, and %s is none", units->v[i]);
	}
}

static void
verify_rest(const struct unit_conf *conf, struct diags *d)
{
	const struct service_conf *s = conf->service;

	if (s->type == SERVICE_DBUS && s->bus_name == NULL)
		diag_add(d, DIAG_ERROR, place(conf), 0, 0,
		    "add BusName=, or set Type=exec",
		    "Type=dbus needs the name on the bus that it waits for");
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
	if (unit_type_triggers(conf->type))
		verify_trigger(conf, d);
	if (conf->type == UNIT_SOCKET)
		socket_verify(conf, d);
	if (conf->type != UNIT_SERVICE)
		return;
	if (!bad_lines || !unit_conf_is_set(conf, "ExecStart"))
		verify_commands(conf, d);
	verify_restart(conf, d);
	verify_rest(conf, d);
}
