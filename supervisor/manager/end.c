#include "manager/end.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instance/settings.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/budget/budgets.h"
#include "manager/job/job.h"
#include "manager/link/adopt.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/marking.h"
#include "manager/notify_up.h"
#include "manager/ops.h"
#include "manager/part/part.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/status.h"
#include "manager/units.h"
#include "unit/load.h"
#include "unit/name.h"

#define NO_BOUND_US UINT64_MAX
/* What a bounded end keeps back for the last KILL and for the logger. */
#define RESERVE_US (500 * USEC_PER_MSEC)

struct shutdown {
	struct manager *m;
	uint32_t how;
	int status;
	bool leave;
	uint64_t deadline_us; /* when the last KILL is due */
	char reason[160];
};

static const char *
how_name(uint32_t how)
{
	static const char *const names[] = {
		[HALT_EXIT] = "exit",
		[HALT_REBOOT] = "reboot",
		[HALT_POWEROFF] = "poweroff",
		[HALT_KEXEC] = "kexec",
		[HALT_HALT] = "halt",
		[HALT_LEAVE] = "leave",
	};

	return how < sizeof(names) / sizeof(names[0]) ? names[how] : "?";
}

static void
halt(struct shutdown *sd)
{
	struct manager *m = sd->m;
	size_t left = adopt_slots_used(m);

	event_begin(m->events, EVENT_SUPD_STOPPED, NULL, NULL);
	event_int(m->events, "left", sd->leave ? (int64_t)left : 0);
	event_end(m->events);
	(void)store_snapshot_now(m->store);
	budgets_write_now(m);
	marking_write_now(m);
	m->ended = sd->leave ? "left" : "stopped";
	if (!sd->leave)
		units_remove_transient(m);
	if (m->status != NULL)
		status_now(m->status);
	if (sd->leave)
		manager_say(m, MARK_NOTE, "supd ends; the services go on");
	else
		manager_say(m, MARK_NOTE, "everything is stopped");
	/* Init kills us next. */
	xalloc_check_leaks();
	link_halt(m->link, sd->leave ? HALT_LEAVE : (enum halt_how)sd->how, sd->status);
}

static void
on_stopped(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct shutdown *sd = arg;

	(void)id;
	if (message != NULL && result != JOB_DONE && result != JOB_CANCELED)
		manager_say(sd->m, MARK_FAIL, "%s: %s",
		    result == JOB_TIMEOUT ? "not ended within ShutdownTimeoutSec="
					  : "not ended as it should",
		    message);
	halt(sd);
}

static void
hurry_one(struct unit *u, void *arg)
{
	const struct shutdown *sd = arg;

	if (u->svc != NULL && unit_is_running(u))
		svc_force_down(u->svc, sd->reason);
}

static void
hurry(struct manager *m)
{
	if (m->shutdown->leave)
		return;
	manager_say(m, MARK_NOTE, "killing what is left");
	units_foreach(m, hurry_one, m->shutdown);
}

void
manager_end(struct manager *m, const struct manager_end *why)
{
	struct shutdown *sd = m->shutdown;
	uint64_t bound_us = settings_shutdown_us(m->conf, m->is_pid1);
	uint64_t reserve_us = RESERVE_US, end_us = NO_BOUND_US;

	if (sd != NULL) {
		if (why->force)
			hurry(m);
		return;
	}
	sd = m->shutdown = xcalloc(1, sizeof(*sd));
	sd->m = m;
	sd->how = why->how;
	sd->status = why->status;
	sd->leave = why->leave;
	strlcpy(sd->reason, why->reason, sizeof(sd->reason));
	sd->deadline_us = NO_BOUND_US;
	if (bound_us > 0) {
		if (bound_us <= 2 * RESERVE_US)
			reserve_us = bound_us / 2;
		bound_us -= reserve_us;
		bound_us -= why->spent_us < bound_us ? why->spent_us : bound_us;
		sd->deadline_us = clock_add_us(clock_mono_us(), bound_us);
		/* What KILL ends is seen to end: it is not unknown to the next supd. */
		end_us = clock_add_us(sd->deadline_us, reserve_us / 2);
	}
	m->phase = MANAGER_STOPPING;
	if (!why->resumed) {
		event_begin(m->events, EVENT_SUPD_STOPPING, NULL, NULL);
		event_str(m->events, "who", sd->reason);
		event_str(m->events, "how", sd->leave ? "leave" : how_name(sd->how));
		event_int(m->events, "status", sd->status);
		event_int(m->events, "life", (int64_t)m->boot_wall_us);
		event_end(m->events);
	}
	notify_up(m, "STOPPING=1\nSTATUS=Stopping: %s", sd->reason);
	manager_say(m, MARK_NOTE, "stopping: %s", sd->reason);
	if (sd->leave) {
		halt(sd);
		return;
	}
	jobs_shutdown(m->jobs, end_us, !why->force, sd->reason, on_stopped, sd);
	if (why->force)
		hurry(m);
}

/* ---- an end that the last manager had begun ------------------------------------------
 */

static uint32_t
how_of(const char *name)
{
	for (uint32_t i = HALT_EXIT; i <= HALT_LEAVE; i++) {
		if (strcmp(name, how_name(i)) == 0)
			return i;
	}
	return HALT_EXIT;
}

bool
end_resume(struct manager *m)
{
	struct jv *begun = store_ending(m->store);
	uint32_t how = how_of(jv_str(jv_get(begun, "how"), ""));
	uint64_t then_us, now_us = clock_wall_us();
	struct manager_end e = {
		.reason = jv_str(jv_get(begun, "who"), "?"),
		.how = how == HALT_LEAVE ? (uint32_t)HALT_EXIT : how,
		.status = (int)jv_i64(jv_get(begun, "status"), 0),
		.leave = how == HALT_LEAVE,
		.resumed = true,
	};
	/* Not that of a supd before this one, whose first manager came to say nothing. */
	bool yes = begun != NULL && m->generation > 0 &&
		   jv_i64(jv_get(begun, "life"), 0) == (int64_t)m->boot_wall_us;

	if (yes && clock_parse(jv_str(jv_get(begun, "ts"), ""), &then_us) == 0 &&
	    then_us < now_us)
		e.spent_us = now_us - then_us;
	if (yes)
		manager_end(m, &e);
	jv_free(begun);
	return yes;
}

/* ---- by units -----------------------------------------------------------------------
 */

static bool
is_exit_unit(const struct manager *m, const char *unit)
{
	char *full;
	bool yes;

	if (m->conf->exit_unit == NULL)
		return false;
	full = unit_name_add_suffix(m->conf->exit_unit);
	yes = strcmp(full == NULL ? m->conf->exit_unit : full, unit) == 0;
	free(full);
	return yes;
}

/* What the container's exit status says of its main program. */
static int
status_of(const struct svc_memory *mem)
{
	const struct svc_exit *x = &mem->main_exit;

	if (x->how == EXIT_KILLED || x->how == EXIT_DUMPED)
		return 128 + x->status;
	if (x->how == EXIT_EXITED &&
	    (x->status != 0 || mem->result == SVC_RESULT_SUCCESS))
		return x->status;
	return mem->result == SVC_RESULT_SUCCESS ? 0 : 1;
}

void
end_on_unit_down(struct unit *u, const struct svc_memory *mem)
{
	struct manager *m = u->manager;
	struct manager_end e = { .how = HALT_EXIT, .status = status_of(mem) };
	char reason[160];

	if (!is_exit_unit(m, u->name))
		return;
	if (m->shutdown != NULL) {
		/* It was stopped with the rest; how it ended is how the container did. */
		if (m->shutdown->status == 0)
			m->shutdown->status = status_of(mem);
		return;
	}
	/* Not of this supd's life, or end_start_exit_unit sees to it. */
	if (m->phase == MANAGER_RESTORING || !unit_started_here(m, mem))
		return;
	snprintf(reason, sizeof(reason), "ExitUnit=%s ended", m->conf->exit_unit);
	e.reason = reason;
	manager_end(m, &e);
}

void
end_on_start_failed(struct manager *m, const char *unit, const char *message)
{
	struct manager_end e = { .how = HALT_EXIT, .status = 1 };
	char reason[160];

	if (m->shutdown != NULL || !is_exit_unit(m, unit))
		return;
	snprintf(reason, sizeof(reason), "ExitUnit=%s could not be started",
	    m->conf->exit_unit);
	/* The last that anybody sees: the events may lie in a container that is gone. */
	manager_say(m, MARK_FAIL, "%s%s%s", reason, message == NULL ? "" : ": ",
	    message == NULL ? "" : message);
	e.reason = reason;
	manager_end(m, &e);
}

void
end_start_exit_unit(struct manager *m)
{
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .origin = "ExitUnit="
	};
	struct buf why = { 0 };
	struct unit *u;

	if (m->conf->exit_unit == NULL || m->shutdown != NULL)
		return;
	u = unit_get(m, m->conf->exit_unit);
	if (u == NULL) {
		end_on_start_failed(m, m->conf->exit_unit, "not a name of a unit");
		return;
	}
	if (unit_is_running(u) || job_unit_job(u->job_unit) != NULL ||
	    (u->svc != NULL && svc_next_restart_us(u->svc) != 0))
		return;
	/* It ended while no manager was there, or one that came to say no more of it. */
	if (u->svc != NULL && unit_started_here(m, svc_memory(u->svc))) {
		end_on_unit_down(u, svc_memory(u->svc));
		return;
	}
	if (u->wish == WISH_STOPPED)
		return;
	if (job_request(m->jobs, u->job_unit, &r, NULL, NULL, &why) == 0)
		end_on_start_failed(m, u->name, buf_str(&why));
	buf_free(&why);
}

void
end_by_unit(struct unit *u, enum unit_action action, int status, const char *why)
{
	struct manager_end e = { .how = HALT_EXIT };
	char reason[160];

	snprintf(reason, sizeof(reason), "%s: %.100s", u->name, why == NULL ? "" : why);
	e.reason = reason;
	switch (action) {
	case ACTION_NONE:
		return;
	case ACTION_EXIT_FORCE:
		e.force = true;
		break;
	case ACTION_REBOOT:
		e.how = HALT_REBOOT;
		break;
	case ACTION_REBOOT_FORCE:
	case ACTION_REBOOT_IMMEDIATE:
		e.how = HALT_REBOOT;
		e.force = true;
		break;
	case ACTION_POWEROFF:
		e.how = HALT_POWEROFF;
		break;
	case ACTION_POWEROFF_FORCE:
	case ACTION_POWEROFF_IMMEDIATE:
		e.how = HALT_POWEROFF;
		e.force = true;
		break;
	case ACTION_EXIT:
		break;
	}
	e.status = status >= 0      ? status
		   : u->svc != NULL ? status_of(svc_memory(u->svc))
				    : unit_active(u) == SVC_ACTIVE_FAILED;
	manager_end(u->manager, &e);
}

/* ---- shares of a bounded end --------------------------------------------------------
 */

static void
on_share(struct loop_timer *t, void *arg)
{
	struct unit *u = arg;

	(void)t;
	if (u->svc != NULL && unit_is_running(u))
		svc_force_down(u->svc, "its share of ShutdownTimeoutSec= is over");
}

void
end_on_stop_begun(struct unit *u)
{
	struct manager *m = u->manager;
	const struct job *j = job_unit_job(u->job_unit);
	uint64_t now_us = clock_mono_us(), left_us;

	if (m->shutdown == NULL || m->shutdown->deadline_us == NO_BOUND_US)
		return;
	left_us =
	    m->shutdown->deadline_us > now_us ? m->shutdown->deadline_us - now_us : 0;
	/* Those that others wait for must leave them some: half of what there is. */
	if (j != NULL && job_is_waited_for(j))
		left_us /= 2;
	if (u->share == NULL)
		u->share = loop_timer_new(m->loop, "share", on_share, u);
	loop_timer_in(u->share, left_us);
}
