#include "manager/joblink.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/bonds.h"
#include "manager/end.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/part/pools.h"
#include "manager/queue.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/drain.h"
#include "manager/wish/freeze.h"
#include "manager/wish/hold.h"
#include "manager/wish/jitter.h"
#include "unit/conf.h"
#include "unit/load.h"

/* The unit of a job unit, loaded when nobody has asked for it before. */
static struct unit *
unit_of(struct manager *m, struct job_unit *ju)
{
	struct unit *u = job_unit_data(ju);

	return u != NULL ? u : unit_get(m, job_unit_name(ju));
}

static char *
ops_startable(void *arg, struct job_unit *ju)
{
	struct manager *m = arg;
	struct unit *u = unit_of(m, ju);
	char *no;

	if (u == NULL)
		return xasprintf("%s is not a name of a unit", job_unit_name(ju));
	/* A person's edit counts from the next start on, which this is. */
	if (unit_files_changed(u))
		unit_reload(u);
	no = unit_refusal(u);
	if (no == NULL && !unit_can_start(u))
		no = xasprintf("%s is not of a type that can be started", u->name);
	return no;
}

static enum job_been
ops_has_been(void *arg, struct job_unit *ju)
{
	const struct unit *u = unit_of(arg, ju);

	if (u == NULL || (u->part != NULL && !part_was_started(u->part)) ||
	    (u->part == NULL &&
		(u->svc == NULL || !unit_started_here(arg, svc_memory(u->svc)))))
		return JOB_BEEN_NOT;
	return unit_active(u) == SVC_ACTIVE_FAILED ? JOB_BEEN_FAILED : JOB_BEEN_WELL;
}

static bool
ops_is_stopped_by_person(void *arg, struct job_unit *ju)
{
	const struct unit *u = unit_of(arg, ju);

	return u != NULL && u->wish == WISH_STOPPED;
}

static bool
ops_is_held(void *arg, struct job_unit *ju)
{
	struct unit *u = unit_of(arg, ju);

	if (u == NULL || hold_why(u) == NULL)
		return false;
	/* A pool is up, and nobody is admitted: its services say why they wait. */
	if (u->part != NULL && u->part->kind == &part_pool)
		return false;
	/* A start is due: it is made up for when the unit is released. */
	unit_set_awaited(u, true);
	return true;
}

static bool
ops_is_delayed(void *arg, struct job_unit *ju)
{
	const struct unit *u = unit_of(arg, ju);

	return u != NULL && jitter_waits(u);
}

static bool
ops_is_frozen(void *arg, struct job_unit *ju)
{
	const struct unit *u = unit_of(arg, ju);

	return u != NULL && freeze_is_on(u);
}

static bool
ops_may_isolate(void *arg, struct job_unit *ju)
{
	const struct unit *u = unit_of(arg, ju);

	return u != NULL && u->conf->rules->allow_isolate;
}

static bool
ops_is_spared(void *arg, struct job_unit *ju)
{
	const struct unit *u = unit_of(arg, ju);

	/* A slice, a pool is where others are; it stops nothing by being there. */
	return u == NULL || u->conf->type == UNIT_SLICE || u->conf->type == UNIT_POOL ||
	       u->conf->rules->ignore_on_isolate;
}

static void
ops_timeouts(void *arg, struct job_unit *ju, uint64_t *queued_us, uint64_t *running_us)
{
	const struct unit *u = unit_of(arg, ju);

	if (u == NULL)
		return;
	*queued_us = u->conf->rules->job_timeout_us;
	*running_us = u->conf->rules->job_running_timeout_us;
}

static void
ops_timed_out(void *arg, const struct job *j)
{
	struct unit *u = unit_of(arg, job_of(j));

	if (u != NULL)
		end_by_unit(u, u->conf->rules->job_timeout_action, 1, "a job timed out");
}

static void
ops_cycle(void *arg, struct job_unit *anchor, const char *path, const char *dropped)
{
	struct manager *m = arg;

	event_begin(m->events, EVENT_ORDER_CYCLE, job_unit_name(anchor), NULL);
	event_str(m->events, "path", path);
	if (dropped != NULL)
		event_str(m->events, "left_out", dropped);
	event_end(m->events);
	if (dropped != NULL)
		manager_say(m, MARK_FAIL, "%s: the order has a cycle: %s; %s is left out",
		    job_unit_name(anchor), path, dropped);
	else
		manager_say(m, MARK_FAIL, "%s: the order has a cycle: %s",
		    job_unit_name(anchor), path);
}

static enum job_unit_state
ops_state(void *arg, struct job_unit *ju)
{
	struct unit *u = unit_of(arg, ju);

	if (u == NULL)
		return JOB_UNIT_DOWN;
	if (u->svc != NULL &&
	    (svc_next_restart_us(u->svc) != 0 || svc_state(u->svc) == SVC_AUTO_RESTART))
		return JOB_UNIT_WAITING;
	switch (unit_active(u)) {
	case SVC_ACTIVE_ACTIVATING:
		return JOB_UNIT_STARTING;
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_RELOADING:
		return JOB_UNIT_UP;
	case SVC_ACTIVE_DEACTIVATING:
		return JOB_UNIT_STOPPING;
	default:
		return JOB_UNIT_DOWN;
	}
}

static void
note_other(void *arg, struct job_unit *other)
{
	(void)other;
	*(bool *)arg = true;
}

static char *
ops_reloadable(void *arg, struct job_unit *ju)
{
	struct unit *u = unit_of(arg, ju);
	const char *no;
	bool passed_on = false;

	/* A target, or a timer, has nothing to reload itself; others may be reloaded
	 * with it. */
	if (u != NULL && u->part != NULL) {
		job_unit_each(
		    ju, DEP_PROPAGATES_RELOAD_TO, false, note_other, &passed_on);
		job_unit_each(
		    ju, DEP_RELOAD_PROPAGATED_FROM, true, note_other, &passed_on);
		if (passed_on && part_is_up(u->part))
			return NULL;
		return xstrdup(passed_on ? "it is not running"
					 : "only services have something to reload; with "
					   "PropagatesReloadTo= others are reloaded");
	}
	if (u == NULL || u->svc == NULL)
		return xstrdup("it is not running");
	no = svc_reload_refusal(u->svc);
	return no == NULL ? NULL : xstrdup(no);
}

static void
ops_start(void *arg, struct job_unit *ju, const struct job_request *r)
{
	struct unit *u = unit_of(arg, ju);
	struct svc_start start = { .who = r->origin,
		.automatic = (r->mode & JOB_AUTOMATIC) != 0,
		.ref = r->ref,
		.day = r->day,
		.log_name = r->log_name,
		.env = r->env,
		.run = r->run,
		/* What starts with the instance is asked for again by each supd. */
		.job = (r->mode & JOB_BOOT) != 0 ? 0 : r->job,
		.pid = r->pid,
		.pid_ticks = r->pid_ticks };

	if (u != NULL && u->part != NULL) {
		part_start(u->part, r);
		return;
	}
	if (u == NULL || u->svc == NULL) {
		jobs_unit_done(ju, JOB_START, JOB_INVALID, NULL);
		return;
	}
	svc_want_up(u->svc, &start);
	if (bonds_begin_restart(u))
		svc_on_timer(u->svc, SVC_TIMER_PHASE);
}

static void
ops_stop(void *arg, struct job_unit *ju, bool restart, bool force, const char *origin)
{
	struct unit *u = unit_of(arg, ju);
	const struct job *j = job_unit_job(ju);

	if (u != NULL && u->part != NULL) {
		part_stop(u->part, origin);
		return;
	}
	if (u == NULL || u->svc == NULL) {
		jobs_unit_done(ju, JOB_STOP, JOB_DONE, NULL);
		return;
	}
	if (force)
		svc_force_down(u->svc, origin);
	else
		svc_want_down(u->svc,
		    (restart ? SVC_DOWN_RESTART : 0U) |
			(j != NULL && job_is_automatic(j) ? SVC_DOWN_AUTOMATIC : 0U),
		    origin);
	if (!force)
		end_on_stop_begun(u);
}

static void
ops_reload(void *arg, struct job_unit *ju, const char *origin)
{
	struct unit *u = unit_of(arg, ju);

	/* Of a part only others are reloaded, by jobs of their own. */
	if (u != NULL && u->part != NULL)
		jobs_unit_done(ju, JOB_RELOAD, JOB_DONE, NULL);
	else if (u == NULL || u->svc == NULL)
		jobs_unit_done(ju, JOB_RELOAD, JOB_INVALID, "nothing to reload");
	else
		svc_want_reload(u->svc, origin);
}

static void
settle(void *arg)
{
	struct manager *m = arg;

	jobs_settle(m->jobs);
}

static void
ops_schedule(void *arg)
{
	struct manager *m = arg;

	loop_post(m->loop, settle, m);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct manager *m = arg;

	(void)t;
	jobs_on_timer(m->jobs);
}

static void
ops_timer(void *arg, uint64_t deadline_us)
{
	struct manager *m = arg;

	loop_timer_at(m->jobs_timer, deadline_us);
}

static void
ops_waits(void *arg, const struct job *j)
{
	queue_tell(arg, j);
}

static void
ops_merged(void *arg, const struct job *j, const struct job_request *r)
{
	struct manager *m = arg;

	event_begin(m->events, EVENT_RUN_JOINED, job_unit_name(job_of(j)), NULL);
	event_str(m->events, "run", job_run(j));
	event_int(m->events, "job", job_id(j));
	event_str(m->events, "joined", r->run);
	event_str(m->events, "origin", r->origin != NULL ? r->origin : "");
	event_end(m->events);
}

static void
ops_queued(void *arg, const struct job *j)
{
	struct manager *m = arg;

	store_note_job(m->store, job_id(j));
	event_begin(m->events, EVENT_JOB_QUEUED, job_unit_name(job_of(j)), NULL);
	event_str(m->events, "run", job_run(j));
	event_int(m->events, "job", job_id(j));
	event_str(m->events, "type", job_type_name(job_type(j)));
	event_str(m->events, "origin", job_origin(j));
	event_end(m->events);
}

static void
ops_began(void *arg, const struct job *j)
{
	struct manager *m = arg;

	event_begin(m->events, EVENT_JOB_STARTED, job_unit_name(job_of(j)), NULL);
	event_str(m->events, "run", job_run(j));
	event_int(m->events, "job", job_id(j));
	event_str(m->events, "type", job_type_name(job_type(j)));
	event_us(m->events, "queue_us", job_began_us(j) - job_since_us(j));
	event_end(m->events);
}

/* A start, maybe that of a restart, comes no more: nobody shall make up for it later. */
static void
given_up(struct manager *m, const struct job *j, const char *why)
{
	struct unit *u = unit_of(m, job_of(j));

	if (job_type(j) != JOB_START && job_type(j) != JOB_RESTART)
		return;
	/* Another job is there in its place, or everything ends and the next supd starts
	 * what was to run. */
	if (job_unit_job(job_of(j)) != NULL || m->shutdown != NULL)
		return;
	if (u != NULL && u->svc != NULL)
		svc_start_given_up(u->svc, why);
	if (u != NULL && u->part != NULL && !part_is_up(u->part))
		part_given_up(u->part, why);
}

/* Its start came to nothing, and not by what it did itself. */
static bool
is_unstarted(const struct unit *u, const struct job *j, enum job_result r)
{
	if (job_type(j) != JOB_START && job_type(j) != JOB_RESTART)
		return false;
	return r == JOB_DEPENDENCY ||
	       (r == JOB_TIMEOUT &&
		   (u->svc == NULL || svc_memory(u->svc)->result != SVC_RESULT_TIMEOUT));
}

static void
ops_ended(void *arg, const struct job *j, enum job_result r, const char *message)
{
	struct manager *m = arg;
	const char *name = job_unit_name(job_of(j));
	bool outlives = queue_outlives(m, j, r);
	struct unit *u;

	event_begin(m->events, EVENT_JOB_DONE, name, NULL);
	event_str(m->events, "run", job_run(j));
	event_int(m->events, "job", job_id(j));
	event_str(m->events, "type", job_type_name(job_type(j)));
	event_str(m->events, "result", job_result_name(r));
	if (message != NULL)
		event_str(m->events, "message", message);
	if (job_began_us(j) != 0)
		event_us_by(m->events, "job_us", clock_mono_us() - job_began_us(j),
		    job_type_name(job_type(j)));
	if (outlives)
		event_bool(m->events, "kept", true);
	event_end(m->events);
	if (r != JOB_DONE && r != JOB_SKIPPED)
		given_up(m, j, r == JOB_DEPENDENCY || r == JOB_INVALID ? message : NULL);
	if (r != JOB_DONE && job_type(j) == JOB_START)
		end_on_start_failed(m, name, message);
	u = job_unit_data(job_of(j));
	if (u == NULL)
		return;
	if (is_unstarted(u, j, r))
		bonds_on_unstarted(u);
	bonds_restart_ended(u, r, message);
	bonds_look(u);
	unit_collect(u);
	drain_look(u);
	member_on_rest(u);
	/* A stop that was given up leaves nobody frozen whom nobody wants so. */
	if (freeze_is_on(u) && !freeze_is_wanted(u))
		freeze_apply(u);
}

static const struct job_ops real = {
	.startable = ops_startable,
	.has_been = ops_has_been,
	.is_stopped_by_person = ops_is_stopped_by_person,
	.is_held = ops_is_held,
	.is_delayed = ops_is_delayed,
	.is_frozen = ops_is_frozen,
	.may_isolate = ops_may_isolate,
	.is_spared = ops_is_spared,
	.timeouts = ops_timeouts,
	.timed_out = ops_timed_out,
	.cycle = ops_cycle,
	.state = ops_state,
	.reloadable = ops_reloadable,
	.start = ops_start,
	.stop = ops_stop,
	.reload = ops_reload,
	.schedule = ops_schedule,
	.timer = ops_timer,
	.waits = ops_waits,
	.merged = ops_merged,
	.queued = ops_queued,
	.began = ops_began,
	.ended = ops_ended,
};

void
joblink_new(struct manager *m)
{
	m->jobs_timer = loop_timer_new(m->loop, "jobs", on_timer, m);
	m->jobs = jobs_new(&real, m);
}

void
joblink_free(struct manager *m)
{
	loop_post_cancel(m->loop, settle, m);
	jobs_free(m->jobs);
	loop_timer_free(m->jobs_timer);
}
