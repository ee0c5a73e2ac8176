#include "manager/start.h"

#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "manager/bonds.h"
#include "manager/budget/budgets.h"
#include "manager/end.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/links.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/part/part.h"
#include "manager/part/paths.h"
#include "manager/queue.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/watch/filewatch.h"
#include "manager/watch/reach.h"
#include "manager/watch/unitwatch.h"
#include "manager/wish/jitter.h"
#include "unit/conf.h"
#include "unit/load.h"

static void
request_with(struct unit *u, enum job_type type, unsigned mode, const char *origin,
    const char *run)
{
	struct job_request r = {
		.type = type, .mode = mode, .origin = origin, .run = run
	};
	struct buf why = { 0 };

	if (job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, &why) == 0) {
		log_debug("%s: the request was refused", u->name);
		if (type == JOB_START && u->svc != NULL)
			svc_start_given_up(u->svc, buf_str(&why));
	}
	buf_free(&why);
}

static void
request(struct unit *u, enum job_type type, const char *origin)
{
	request_with(
	    u, type, type == JOB_STOP ? 0U : (unsigned)JOB_AUTOMATIC, origin, NULL);
}

/* It starts with the instance. */
static void
request_boot(struct unit *u, const char *why)
{
	request_with(u, JOB_START, JOB_AUTOMATIC | JOB_BOOT, why, NULL);
}

/* A link that came when all that start with the instance were started: the next time. */
static bool
is_late_link(const struct unit *u)
{
	return u->wish != WISH_STARTED && !u->flag[WISH_FLAG_ENABLED] &&
	       unit_is_by_links(u) && links_are_done(u->manager);
}

/* A target, a timer and their like: once in the life of this supd. */
static void
start_part(struct unit *u)
{
	const char *why;

	if (u->wish == WISH_STOPPED && unit_is_running(u) &&
	    u->wish_who.wall_us > u->part->active_wall_us)
		request(u, JOB_STOP, "the wish of a person");
	else if (!unit_is_running(u) && unit_is_wanted(u, &why) && !is_late_link(u) &&
		 (!part_was_started(u->part) ||
		     (u->wish == WISH_STARTED &&
			 u->wish_who.wall_us > u->part->changed_wall_us)))
		request_boot(u, why);
}

/* A oneshot that stays up by nothing is wanted by the word of a person alone: that is
 * kept when it has run, and no boot does it again. */
static bool
is_done_once(const struct unit *u)
{
	const struct service_conf *c = svc_conf(u->svc)->service;
	struct unit without = *u;

	if (u->wish != WISH_STARTED || c->type != SERVICE_ONESHOT ||
	    c->remain_after_exit || svc_memory(u->svc)->run[0] == '\0')
		return false;
	without.wish = WISH_NONE;
	return !unit_is_wanted(&without, NULL);
}

/* jitter: it is one of all that start with the instance. */
static void
start_if_wanted(struct unit *u, bool jitter)
{
	struct manager *m = u->manager;
	const struct svc_memory *mem;
	const struct job *job;
	uint64_t tried_us;
	const char *why;

	if (u->part != NULL)
		start_part(u);
	if (u->svc == NULL)
		return;
	mem = svc_memory(u->svc);
	/* Asked for by a person, and a manager died before it was done. */
	if (u->wish == WISH_STOPPED && unit_is_running(u) &&
	    u->wish_who.wall_us > mem->started_wall_us) {
		request(u, JOB_STOP, "the wish of a person");
		return;
	}
	/* The second half of a restart: a job asks for the order, for what is needed, and
	 * whether it may start at all, as the one did that died with its manager. */
	if (mem->then_start && svc_next_restart_us(u->svc) == 0 &&
	    (!unit_is_running(u) || svc_active(u->svc) == SVC_ACTIVE_DEACTIVATING)) {
		request_with(
		    u, JOB_START, JOB_AUTOMATIC, "a restart that was begun", unit_run(u));
		return;
	}
	if (!unit_is_wanted(u, &why) || is_late_link(u))
		return;
	/* As many at a time as its template says. */
	if (member_is_named(u) && u->wish != WISH_STARTED)
		return;
	/* What has ended while no supd was there is on its way down now, and comes up
	 * again from there. */
	if (unit_is_running(u) && svc_active(u->svc) != SVC_ACTIVE_DEACTIVATING)
		return;
	/* (What was stopped since then, with a unit that it needs, has come up for
	 * nothing that was asked before; a start behind that stop is in the queue.) */
	tried_us = mem->changed_wall_us;
	if (mem->checked_wall_us > tried_us)
		tried_us = mem->checked_wall_us;
	if (mem->started_wall_us > tried_us)
		tried_us = mem->started_wall_us;
	if (unit_started_here(m, mem) &&
	    !(u->wish == WISH_STARTED && u->wish_who.wall_us > tried_us))
		return;
	/* It is in the queue since an earlier manager; or somebody wanted it done once,
	 * and it was. */
	job = job_unit_job(u->job_unit);
	if ((job != NULL && (job_mode(job) & JOB_BOOT) == 0) ||
	    (u->wish_who.wall_us <= tried_us && is_done_once(u)))
		return;
	if (jitter)
		jitter_begin(u);
	request_boot(u, why);
}

static void
start_one(struct unit *u, void *arg)
{
	(void)arg;
	start_if_wanted(u, true);
}

void
start_unit(struct unit *u)
{
	if (member_is_due(u))
		request(u, JOB_START, member_source(u));
	else
		start_if_wanted(u, false);
}

static void
note_unanswered(struct unit *u, void *arg)
{
	bool *any = arg;

	*any = *any || u->unanswered;
}

/* Units, or folders that may hold some. */
static bool
any_unanswered(struct manager *m)
{
	bool any = false;

	unit_paths_scan(m->paths);
	any = unit_paths_unanswered(m->paths);
	unit_paths_forget(m->paths);
	units_foreach(m, note_unanswered, &any);
	return any;
}

void
start_units(struct manager *m)
{
	units_load_all(m);
	units_look_at_aliases(m);
	links_mark(m);
	units_count_ended(m);
	instances_look_all(m);
	m->boot_unanswered = any_unanswered(m);
	queue_restore(m);
	units_foreach(m, start_one, m);
	end_start_exit_unit(m);
	bonds_look_all(m);
}

/* Whether a folder of unit files is another one than at the last look. */
static bool
unit_folders_moved(struct manager *m)
{
	static uint64_t before;
	uint64_t sum = 0;

	for (size_t i = 0; i < unit_paths_count(m->paths); i++) {
		const char *dir = unit_paths_dir(m->paths, i);
		struct stat st = { 0 };

		if (reach_may(m->reach, dir, true) && stat(dir, &st) == -1)
			st = (struct stat){ 0 };
		sum = (sum ^ st.st_dev) * UINT64_C(1099511628211);
		sum = (sum ^ st.st_ino) * UINT64_C(1099511628211);
	}
	if (sum == before)
		return false;
	before = sum;
	return true;
}

void
start_look_again(struct manager *m)
{
	if (m->phase != MANAGER_RUNNING || m->safe_mode || m->shutdown != NULL)
		return;
	/* Watched first, so that what comes while it is looked at is seen. */
	if (unit_folders_moved(m)) {
		unitwatch_again(m->watch);
		units_on_change(m, NULL);
	}
	filewatch_again(m);
	paths_look_all(m);
	budget_files_again(m);
	instances_look_all(m);
}

/* What could not be read at the start is done now, in the same order. */
void
start_answered(struct manager *m)
{
	if (m->phase != MANAGER_RUNNING || m->safe_mode)
		return;
	if (m->conf_unanswered)
		manager_reload(m, "supd.conf can be read");
	else
		units_on_change(m, NULL);
	unitwatch_again(m->watch);
	filewatch_answered(m);
	paths_look_all(m);
	instances_look_all(m);
	if (!m->boot_unanswered || any_unanswered(m))
		return;
	m->boot_unanswered = false;
	units_foreach(m, start_one, m);
	end_start_exit_unit(m);
}

/* ---- the rest -----------------------------------------------------------------------
 */

static void
resend_one(struct unit *u, void *arg)
{
	(void)arg;
	unit_ops_send_patterns(u);
}

void
start_resend_patterns(struct manager *m)
{
	units_foreach(m, resend_one, NULL);
}

static void
log_one(struct unit *u, void *arg)
{
	(void)arg;
	if (u->part != NULL)
		log_info("%s: %s (%s): %s", u->name, svc_active_name(unit_active(u)),
		    u->part->kind->sub(u->part), u->part->why);
	if (u->svc != NULL)
		log_info("%s: %s (%s): %s", u->name, svc_active_name(svc_active(u->svc)),
		    svc_state_name(svc_state(u->svc)), svc_why(u->svc));
}

void
start_log_state(struct manager *m)
{
	units_foreach(m, log_one, NULL);
}
