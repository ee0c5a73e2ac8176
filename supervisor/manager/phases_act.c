/*
 * phases_act: what follows from a phase: targets and what they want, services that yield,
 * and which ones make a sleep a dream.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/phases_int.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/freeze.h"
#include "manager/wish/hold.h"
#include "unit/condition.h"
#include "unit/conf.h"

static const char *const targets[PHASE_N] = {
	[PHASE_WAKE] = "phase-wake.target",
	[PHASE_TRANSITIONING] = "phase-transitioning.target",
	[PHASE_SLEEP] = "phase-sleep.target",
	[PHASE_DREAMING] = "phase-dreaming.target",
};

static void
request(struct unit *u, enum job_type type, const char *origin)
{
	struct job_request r = { .type = type, .mode = JOB_AUTOMATIC, .origin = origin };
	struct buf why = { 0 };

	if (job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, &why) == 0)
		log_warnx("%s: %s: %s", u->name, origin, buf_str(&why));
	buf_free(&why);
}

/* ---- conditions ----------------------------------------------------------------------
 */

bool
phases_asks(const struct unit_conf *conf)
{
	return conf->type == UNIT_SERVICE && conf->service->phase_yield != PHASE_YIELD_NO;
}

static bool
is_of_phase(const struct unit_condition *c)
{
	return !c->is_assert && strcmp(c->name, "Phase") == 0;
}

static bool
has_phases(const struct unit_conf *conf)
{
	const struct unit_rules *r = conf->rules;

	for (size_t i = 0; i < r->n_conditions; i++)
		if (is_of_phase(&r->conditions[i]))
			return true;
	return false;
}

/* All ConditionPhase= of it, by themselves.  text (may be NULL) gets the one that does
 * not hold. */
static bool
hold_in(const struct unit_conf *conf, const char *phase, struct buf *text)
{
	const struct unit_rules *r = conf->rules;
	struct unit_condition *v = xcalloc(r->n_conditions + 1, sizeof(*v));
	struct condition_unmet unmet;
	struct condition_world w;
	struct buf found = { 0 };
	size_t n = 0;
	bool held;

	condition_world_init(&w);
	w.phase = phase;
	/* (Copies of what the unit owns.) */
	for (size_t i = 0; i < r->n_conditions; i++)
		if (is_of_phase(&r->conditions[i]))
			v[n++] = r->conditions[i];
	held = conditions_hold(&w, v, n, false, &unmet, &found);
	if (!held && text != NULL) {
		condition_show(unmet.c, text);
		buf_addf(text, ": %s", buf_str(&found));
	}
	buf_free(&found);
	free(v);
	return held;
}

bool
phases_wait(const struct unit *u, const struct unit_conf *conf, char *why, size_t size)
{
	struct buf text = { 0 };
	bool waits;

	if (!phases_asks(conf) || !has_phases(conf))
		return false;
	waits = !hold_in(conf, phases_word(u->manager), &text);
	if (waits)
		snprintf(why, size, "waits for its phase: %s", buf_str(&text));
	buf_free(&text);
	return waits;
}

/* ---- dreams --------------------------------------------------------------------------
 */

/* It runs, and is for sleep only. */
static bool
is_dreamer(const struct unit *u)
{
	const struct unit_conf *conf = u->svc == NULL ? u->conf : svc_conf(u->svc);

	if (u->svc == NULL || conf->rules->n_conditions == 0 || svc_is_queued(u->svc) ||
	    !has_phases(conf))
		return false;
	switch (svc_active(u->svc)) {
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_ACTIVATING:
	case SVC_ACTIVE_RELOADING:
		break;
	default:
		return false;
	}
	return svc_state(u->svc) != SVC_AUTO_RESTART && hold_in(conf, "dreaming", NULL) &&
	       !hold_in(conf, "wake", NULL) && !hold_in(conf, "transitioning", NULL);
}

static bool
note_dreamer(struct unit *u)
{
	struct phases *ph = u->manager->phases;
	bool was = map_has(&ph->dreamers, u->name), is = is_dreamer(u);

	if (is == was)
		return false;
	if (is)
		map_set(&ph->dreamers, u->name, ph);
	else
		map_del(&ph->dreamers, u->name);
	return true;
}

void
phases_on_unit(struct unit *u)
{
	struct phases *ph = u->manager->phases;

	if (!ph->on || !ph->begun)
		return;
	/* The first and the last of them make the difference; one that came up in between
	 * may have to yield. */
	if (note_dreamer(u) ||
	    (u->svc != NULL && svc_may_yield(u->svc) && phases_asks(svc_conf(u->svc)) &&
		!hold_in(svc_conf(u->svc), phases_word(u->manager), NULL)))
		phases_look_later(ph);
}

void
phases_forget(struct unit *u)
{
	if (u->manager->phases != NULL)
		map_del(&u->manager->phases->dreamers, u->name);
}

static void
gather_one(struct unit *u, void *arg)
{
	(void)arg;
	(void)note_dreamer(u);
}

void
phases_gather(struct phases *ph)
{
	map_clear(&ph->dreamers, NULL);
	units_look(ph->m, gather_one, NULL);
}

/* ---- targets -------------------------------------------------------------------------
 */

/* All that it is wanted by are phases. */
bool
phases_start(const struct unit *u)
{
	const struct strv *by[] = { &u->conf->rules->wanted_by,
		&u->conf->rules->required_by, &u->conf->rules->upheld_by };
	size_t n = 0, of_phases = 0;

	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		for (size_t k = 0; k < by[i]->n; k++, n++)
			for (int p = 0; p < PHASE_N; p++)
				of_phases += strcmp(by[i]->v[k], targets[p]) == 0;
	return n > 0 && n == of_phases;
}

struct wanting {
	const char *target;
	struct strv names;
};

static void
note_wanted(struct unit *u, void *arg)
{
	struct wanting *w = arg;
	const struct unit_rules *r = u->conf->rules;

	if (u->conf->load_state == UNIT_LOADED && u->wish != WISH_STOPPED &&
	    unit_can_start(u) && unit_is_enabled_here(u) &&
	    (strv_contains(&r->wanted_by, w->target) ||
		strv_contains(&r->required_by, w->target) ||
		strv_contains(&r->upheld_by, w->target)))
		strv_add(&w->names, u->name);
}

/* Before the target itself is up: a manager that dies in between does it again. */
static void
start_wanted(struct phases *ph, const char *target)
{
	struct wanting w = { .target = target };

	units_look(ph->m, note_wanted, &w);
	for (size_t i = 0; i < w.names.n; i++) {
		struct unit *u = unit_find(ph->m, w.names.v[i]);

		if (u != NULL)
			request(u, JOB_START, target);
	}
	strv_free(&w.names);
}

static void
set_target(struct phases *ph, enum phase p, bool up)
{
	struct unit *u = up ? unit_get(ph->m, targets[p]) : unit_find(ph->m, targets[p]);

	/* A person who stopped it does not want what it starts. */
	if (u == NULL || u->part == NULL || u->wish == WISH_STOPPED ||
	    part_is_up(u->part) == up || job_unit_job(u->job_unit) != NULL)
		return;
	if (up)
		start_wanted(ph, targets[p]);
	request(
	    u, up ? JOB_START : JOB_STOP, up ? "its phase began" : "its phase is over");
}

/* ---- who yields ----------------------------------------------------------------------
 */

bool
phases_freezes(const struct unit *u)
{
	const struct phases *ph = u->manager->phases;

	return ph != NULL && ph->on && ph->known && u->svc != NULL &&
	       svc_conf(u->svc)->type == UNIT_SERVICE &&
	       svc_conf(u->svc)->service->phase_yield == PHASE_YIELD_FREEZE &&
	       svc_memory(u->svc)->slot != SLOT_NONE && has_phases(svc_conf(u->svc)) &&
	       !hold_in(svc_conf(u->svc), phase_name(ph->phase), NULL);
}

static void
tell(struct unit *u, const char *action, const char *condition)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_PHASE_YIELD, u->name, svc_memory(u->svc)->invocation);
	event_str(ev, "action", action);
	event_str(ev, "phase", phases_word(u->manager));
	event_str(ev, "condition", condition);
	event_end(ev);
}

static void
yield(struct unit *u, const struct unit_conf *conf)
{
	struct buf text = { 0 };
	bool freezes = conf->service->phase_yield == PHASE_YIELD_FREEZE;
	bool was = freeze_is_on(u);
	bool holds =
	    !u->manager->phases->on || hold_in(conf, phases_word(u->manager), &text);

	if (freezes) {
		freeze_apply(u);
		if (freeze_is_on(u) != was)
			tell(u, was ? "thaw" : "freeze", buf_str(&text));
	} else if (!holds && svc_may_yield(u->svc)) {
		tell(u, "stop", buf_str(&text));
		manager_say(u->manager, MARK_STOP, "%s yields: %s", u->conf->stem,
		    buf_str(&text));
		svc_yield(u->svc);
	}
	buf_free(&text);
}

static void
note_yielding(struct unit *u, void *arg)
{
	if (u->svc != NULL && phases_asks(svc_conf(u->svc)) &&
	    has_phases(svc_conf(u->svc)))
		strv_add(arg, u->name);
}

static void
yield_one(struct unit *u)
{
	switch (svc_active(u->svc)) {
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_ACTIVATING:
	case SVC_ACTIVE_RELOADING:
		break;
	default:
		return;
	}
	if (svc_is_queued(u->svc))
		svc_on_phase(u->svc);
	else if (svc_state(u->svc) != SVC_AUTO_RESTART)
		yield(u, svc_conf(u->svc));
}

void
phases_apply(struct phases *ph)
{
	struct strv names = { 0 };

	for (int p = 0; p < PHASE_N; p++)
		if (!ph->on || !phase_includes((enum phase)p, ph->phase))
			set_target(ph, (enum phase)p, false);
	for (int p = 0; p < PHASE_N; p++)
		if (ph->on && phase_includes((enum phase)p, ph->phase))
			set_target(ph, (enum phase)p, true);
	units_look(ph->m, note_yielding, &names);
	/* By name: one that starts or stops may make others go. */
	for (size_t i = 0; i < names.n; i++) {
		struct unit *u = unit_find(ph->m, names.v[i]);

		if (u != NULL && u->svc != NULL)
			yield_one(u);
	}
	strv_free(&names);
}
