#include "manager/wish/hold.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/pools.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/start.h"
#include "manager/wish/emergency.h"

/* What keeps a unit from starting, the one that is told first. */
static const struct {
	enum wish_flag flag;
	const char *undo;
} holding[] = {
	{ WISH_FLAG_FROZEN, "thaw" }, /* a start does not call off the drain of that */
	{ WISH_FLAG_DRAINING, "start" },
	{ WISH_FLAG_HELD, "release" },
};
enum { NHOLDING = sizeof(holding) / sizeof(holding[0]) };

bool
hold_is_by_flag(enum wish_flag flag)
{
	for (int i = 0; i < NHOLDING; i++)
		if (holding[i].flag == flag)
			return true;
	return false;
}

/* The first of them that is set; NHOLDING: none.  drain: not counting that. */
static int
first_of(const struct unit *u, bool drain)
{
	for (int i = 0; i < NHOLDING; i++)
		if (u->flag[holding[i].flag] &&
		    !(drain && holding[i].flag == WISH_FLAG_DRAINING))
			return i;
	return NHOLDING;
}

const char *
hold_why_beside(const struct unit *u, bool drain)
{
	const char *why = emergency_why(u);
	int i = first_of(u, drain);

	return why != NULL || i == NHOLDING ? why : u->terms[holding[i].flag].text;
}

const char *
hold_why(const struct unit *u)
{
	return hold_why_beside(u, false);
}

char *
hold_undo_beside(const struct unit *u, bool drain)
{
	const char *undo = emergency_undo(u);
	int i = first_of(u, drain);

	if (undo != NULL)
		return xstrdup(undo);
	return i == NHOLDING ? NULL : xasprintf("supctl %s %s", holding[i].undo, u->name);
}

bool
hold_keeps_down(const struct unit *u)
{
	if (hold_why(u) == NULL)
		return false;
	if (u->svc == NULL)
		return true;
	switch (svc_state(u->svc)) {
	case SVC_DEAD:
	case SVC_FAILED:
	case SVC_QUEUED:
		return true;
	case SVC_AUTO_RESTART:
	case SVC_LIMIT_WAIT:
		/* Until its delay is over it says when. */
		return svc_next_restart_us(u->svc) == 0;
	default:
		return false;
	}
}

static void
run_posted(void *arg)
{
	hold_run(arg);
}

uint64_t
hold_unit(struct unit *u, const char *reason, uint64_t until_wall_us,
    const struct wish_who *who)
{
	char until[CLOCK_TEXT_MAX];
	struct emitter *ev = u->manager->events;
	uint64_t seq;

	seq = unit_set_terms(u, WISH_FLAG_HELD, reason, until_wall_us, who);
	event_begin(ev, EVENT_HOLD, u->name, NULL);
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	if (reason != NULL)
		event_str(ev, "reason", reason);
	if (until_wall_us != 0)
		event_str(
		    ev, "until", clock_format_utc(until, sizeof(until), until_wall_us));
	event_end(ev);
	/* Once for all that are held together: it looks at each unit. */
	loop_post(u->manager->loop, run_posted, u->manager);
	return seq;
}

static void
say_what_waits(struct unit *u)
{
	if (u->svc != NULL)
		svc_on_still_waiting(u->svc, "supd is in safe mode");
	unit_render_drop(u);
}

/* What was due meanwhile, each kind by the way that it would have gone. */
static void
start_what_waited(struct unit *u)
{
	struct manager *m = u->manager;
	bool asked = u->flag[WISH_FLAG_AWAITED];
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .origin = "release"
	};

	/* Then hold_run looks at it again. */
	if (m->phase != MANAGER_RUNNING || m->safe_mode) {
		u->released = true;
		if (m->safe_mode)
			say_what_waits(u);
		return;
	}
	unit_set_awaited(u, false);
	pools_on_released(u);
	if (job_unit_job(u->job_unit) != NULL) {
		jobs_unit_changed(u->job_unit);
		/* One that runs has begun, and goes on from between two runs. */
		if (u->svc != NULL && job_is_running(job_unit_job(u->job_unit)))
			svc_on_released(u->svc);
		return;
	}
	if (u->svc == NULL)
		return;
	svc_on_released(u->svc);
	if (unit_is_running(u))
		return;
	start_unit(u);
	/* Nobody's word is older than that of who stopped it since. */
	if (asked && u->wish != WISH_STOPPED && job_unit_job(u->job_unit) == NULL)
		job_request(m->jobs, u->job_unit, &r, NULL, NULL, NULL);
}

static void
note_released(struct unit *u, void *arg)
{
	if (u->released)
		strv_add(arg, u->name);
	u->released = false;
}

static void
settle_released(void *arg)
{
	struct manager *m = arg;
	struct strv names = { 0 };

	units_look(m, note_released, &names);
	/* By name: a start loads units and may forget some. */
	for (size_t i = 0; i < names.n; i++) {
		struct unit *u = unit_find(m, names.v[i]);

		if (u == NULL)
			continue;
		if (!u->flag[WISH_FLAG_HELD])
			sessions_on_released(u);
		if (hold_why(u) == NULL)
			start_what_waited(u);
	}
	strv_clear(&names);
}

void
hold_on_released(struct unit *u)
{
	u->released = true;
	loop_post(u->manager->loop, settle_released, u->manager);
}

uint64_t
hold_release(struct unit *u, const struct wish_who *who)
{
	struct emitter *ev = u->manager->events;
	uint64_t seq;

	if (!u->flag[WISH_FLAG_HELD])
		return 0;
	seq = unit_set_flag(u, WISH_FLAG_HELD, false, who);
	event_begin(ev, EVENT_RELEASE, u->name, NULL);
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	event_end(ev);
	return seq;
}

/* ---- the time of holds ---- */

struct due {
	uint64_t now_us;
	uint64_t next_us; /* of those that are not due */
	struct strv names;
};

static void
look(struct unit *u, void *arg)
{
	struct due *d = arg;

	uint64_t until_us = u->terms[WISH_FLAG_HELD].until_wall_us;

	/* A manager died between the release and the start, or it was in safe mode. */
	if ((u->flag[WISH_FLAG_AWAITED] || u->released) && hold_why(u) == NULL)
		hold_on_released(u);
	else if (u->released)
		say_what_waits(u); /* it is held again */
	if (!u->flag[WISH_FLAG_HELD] || until_us == 0)
		return;
	if (until_us <= d->now_us)
		strv_add(&d->names, u->name);
	else if (until_us < d->next_us)
		d->next_us = until_us;
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	hold_run(arg);
}

void
hold_run(struct manager *m)
{
	struct due d = { .now_us = clock_wall_us(), .next_us = UINT64_MAX };
	struct wish_who who = { .uid = m->owner, .name = "supd", .command = "--until" };
	struct unit *u;

	units_look(m, look, &d);
	who.wall_us = d.now_us;
	for (size_t i = 0; i < d.names.n; i++) {
		u = unit_find(m, d.names.v[i]);
		if (u != NULL)
			(void)hold_release(u, &who);
	}
	strv_clear(&d.names);
	if (m->hold_timer == NULL && d.next_us != UINT64_MAX)
		m->hold_timer = loop_timer_new(m->loop, "hold", on_timer, m);
	if (d.next_us != UINT64_MAX)
		loop_timer_in(m->hold_timer, d.next_us - d.now_us);
	else if (m->hold_timer != NULL)
		loop_timer_stop(m->hold_timer);
}
