#include "manager/bonds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/bonds_int.h"
#include "manager/budget/budgets.h"
#include "manager/job/bond.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/hold.h"
#include "unit/conf.h"

enum {
	TRIES_MAX = 16, /* stops and starts of a unit, as systemd has it */
	TRIES_US = 10 * USEC_PER_SEC,
};

static void run(void *arg);

static struct bonds *
bonds_of(struct manager *m)
{
	if (m->bonds == NULL) {
		m->bonds = xcalloc(1, sizeof(*m->bonds));
		m->bonds->m = m;
		TAILQ_INIT(&m->bonds->marked);
		TAILQ_INIT(&m->bonds->late);
	}
	return m->bonds;
}

struct bond *
bond_of(struct unit *u)
{
	if (u->bond == NULL) {
		u->bond = xcalloc(1, sizeof(*u->bond));
		u->bond->unit = u;
	}
	return u->bond;
}

static void
unlist(struct bond *b)
{
	struct bonds *bs = bonds_of(b->unit->manager);

	if (b->marked) {
		TAILQ_REMOVE(&bs->marked, b, next);
		bs->n_marked--;
	}
	if (b->late)
		TAILQ_REMOVE(&bs->late, b, next);
	b->marked = b->late = false;
}

static void
mark(struct unit *u, bool left)
{
	struct bond *b = bond_of(u);

	b->left = b->left || left;
	if (b->marked)
		return;
	unlist(b);
	b->marked = true;
	TAILQ_INSERT_TAIL(&bonds_of(u->manager)->marked, b, next);
	u->manager->bonds->n_marked++;
	loop_post(u->manager->loop, run, u->manager);
}

/* ---- the deeds -----------------------------------------------------------------------
 */

void
bond_refused(struct unit *u, enum job_type type, const char *directive, const char *other,
    const char *why)
{
	struct emitter *ev = u->manager->events;

	event_begin(ev, EVENT_NOT_FOLLOWED, u->name, NULL);
	event_str(ev, "action", job_type_name(type));
	event_strf(ev, "because", "%s= of %s", directive, other);
	event_str(ev, "why", why);
	event_end(ev);
	manager_say(u->manager, MARK_FAIL, "%s: no %s by %s= of %s: %s", u->name,
	    job_type_name(type), directive, other, why);
}

bool
bond_request(struct unit *u, const struct job_request *ask, const char *directive,
    const char *other, job_done_fn *done, void *arg)
{
	struct emitter *ev = u->manager->events;
	struct job_request r = *ask;
	char *origin = xasprintf("%s= of %s", directive, other);
	struct buf why = { 0 };
	bool ok;

	r.mode |= JOB_AUTOMATIC;
	r.origin = origin;
	/* It goes on in the run of the one that it follows from. */
	r.run = unit_run(unit_find(u->manager, other));
	event_begin(ev, EVENT_FOLLOWED, u->name, NULL);
	if (r.run != NULL)
		event_str(ev, "run", r.run);
	event_str(ev, "action", job_type_name(r.type));
	event_str(ev, "because", origin);
	event_end(ev);
	ok = job_request(u->manager->jobs, u->job_unit, &r, done, arg, &why) != 0;
	if (!ok)
		bond_refused(u, r.type, directive, other, buf_str(&why));
	buf_free(&why);
	free(origin);
	return ok;
}

enum job_how
bond_how(enum unit_job_mode mode)
{
	static const enum job_how hows[] = {
		[UNIT_JOB_REPLACE] = JOB_REPLACE,
		[UNIT_JOB_FAIL] = JOB_FAIL,
		[UNIT_JOB_REPLACE_IRREVERSIBLY] = JOB_REPLACE_IRREVERSIBLY,
		[UNIT_JOB_ISOLATE] = JOB_ISOLATE,
		[UNIT_JOB_FLUSH] = JOB_FLUSH,
		[UNIT_JOB_IGNORE_DEPENDENCIES] = JOB_IGNORE_DEPENDENCIES,
		[UNIT_JOB_IGNORE_REQUIREMENTS] = JOB_IGNORE_REQUIREMENTS,
	};

	return hows[mode];
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct bonds *bs = arg;
	struct bond *b;

	(void)t;
	while ((b = TAILQ_FIRST(&bs->late)) != NULL) {
		b->tries = 0;
		mark(b->unit, false);
	}
}

static void
look_later(struct unit *u)
{
	struct bonds *bs = bonds_of(u->manager);
	struct bond *b = bond_of(u);

	if (b->late || b->marked)
		return;
	if (bs->timer == NULL)
		bs->timer = loop_timer_new(bs->m->loop, "bonds", on_timer, bs);
	if (TAILQ_EMPTY(&bs->late))
		loop_timer_in(bs->timer, TRIES_US);
	b->late = true;
	TAILQ_INSERT_TAIL(&bs->late, b, next);
}

/* What is started and stopped again and again is left alone for a while. */
static bool
may_try(struct unit *u)
{
	struct bond *b = bond_of(u);
	uint64_t now_us = clock_mono_us();

	if (b->tries == 0 || now_us >= clock_add_us(b->since_us, TRIES_US)) {
		b->since_us = now_us;
		b->tries = 0;
	}
	if (b->tries < TRIES_MAX) {
		b->tries++;
		return true;
	}
	look_later(u);
	return false;
}

static void
follow(struct unit *u, enum job_type type, enum job_how how, const char *directive,
    const struct job_unit *other)
{
	struct job_request r = { .type = type, .how = how };

	(void)bond_request(u, &r, directive, job_unit_name(other), NULL, NULL);
}

/* ---- the looks -----------------------------------------------------------------------
 */

static void
look_bound(struct unit *u)
{
	const struct job_unit *other = bond_broken_by(u->job_unit);

	if (other != NULL && may_try(u))
		follow(u, JOB_STOP, JOB_REPLACE, "BindsTo", other);
}

static void
look_unneeded(struct unit *u)
{
	if (u->svc_conf == NULL || !u->svc_conf->rules->stop_when_unneeded ||
	    !bond_is_unneeded(u->job_unit) || !may_try(u))
		return;
	follow(u, JOB_STOP, JOB_FAIL, "StopWhenUnneeded", u->job_unit);
}

/* Nothing but a person starts it, or something keeps it from starting now. */
static bool
is_to_stay_down(const struct unit *u)
{
	char *no;
	bool yes = u->wish == WISH_STOPPED || hold_why(u) != NULL ||
		   budgets_keep_down(u) || !unit_can_start(u);

	if (yes)
		return true;
	no = unit_refusal(u);
	yes = no != NULL;
	free(no);
	return yes;
}

static void
look_upheld(struct unit *u)
{
	const struct job_unit *other = bond_upheld_by(u->job_unit);

	if (other == NULL || is_to_stay_down(u))
		return;
	/* More of its own limit is refused as well; its time goes by. */
	if (u->svc != NULL && svc_memory(u->svc)->result == SVC_RESULT_START_LIMIT &&
	    bond_of(u)->tries > 0) {
		look_later(u);
		return;
	}
	if (may_try(u))
		follow(u, JOB_START, JOB_FAIL, "Upholds", other);
}

/* It was stopped because the other had gone, and the other is back by itself. */
static void
look_back(void *arg, struct job_unit *ju)
{
	const struct unit *other = arg;
	struct unit *u = job_unit_data(ju);
	const struct svc_memory *mem;
	char who[SVC_WHO_MAX];
	char *text;

	if (u == NULL || u->svc == NULL || job_unit_job(ju) != NULL ||
	    unit_is_running(u) || is_to_stay_down(u))
		return;
	mem = svc_memory(u->svc);
	text = xasprintf("BindsTo= of %s", other->name);
	strlcpy(who, text, sizeof(who));
	free(text);
	if (mem->forbid_restart && mem->result == SVC_RESULT_SUCCESS &&
	    strcmp(mem->who, who) == 0 && unit_started_here(u->manager, mem) &&
	    may_try(u))
		follow(u, JOB_START, JOB_REPLACE, "BindsTo", other->job_unit);
}

static void
on_bound(void *arg, struct job_unit *ju)
{
	(void)arg;
	if (job_unit_data(ju) != NULL)
		look_bound(job_unit_data(ju));
}

static void
on_upheld(void *arg, struct job_unit *ju)
{
	struct unit *u = job_unit_data(ju);

	/* Nobody has asked for it yet. */
	if (u == NULL)
		u = unit_get(arg, job_unit_name(ju));
	if (u != NULL)
		look_upheld(u);
}

static void
on_needed(void *arg, struct job_unit *ju)
{
	(void)arg;
	if (job_unit_data(ju) != NULL)
		look_unneeded(job_unit_data(ju));
}

static void
look_others(struct unit *u)
{
	static const enum unit_dep needs[] = { DEP_REQUIRES, DEP_REQUISITE, DEP_WANTS,
		DEP_BINDS_TO, DEP_UPHOLDS };
	enum svc_active a = unit_active(u);

	switch (a) {
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_RELOADING:
		job_unit_each(u->job_unit, DEP_UPHOLDS, false, on_upheld, u->manager);
		if (u->svc != NULL && svc_memory(u->svc)->restarts > 0)
			job_unit_each(u->job_unit, DEP_BINDS_TO, true, look_back, u);
		break;
	case SVC_ACTIVE_INACTIVE:
	case SVC_ACTIVE_FAILED:
		job_unit_each(u->job_unit, DEP_BINDS_TO, true, on_bound, NULL);
		for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
			job_unit_each(u->job_unit, needs[i], false, on_needed, NULL);
		break;
	default:
		break;
	}
}

/* ---- leaving the active state --------------------------------------------------------
 */

struct leaving {
	const struct unit *of;
	const char *directive;
};

static void
pull_down(void *arg, struct job_unit *ju)
{
	const struct leaving *l = arg;
	struct unit *u = job_unit_data(ju);

	if (u == NULL)
		return;
	switch (unit_active(u)) {
	case SVC_ACTIVE_INACTIVE:
	case SVC_ACTIVE_FAILED:
	case SVC_ACTIVE_DEACTIVATING:
		return;
	default:
		follow(u, JOB_STOP, JOB_REPLACE, l->directive, l->of->job_unit);
	}
}

/* Only its end for good is to be told. */
static bool
is_told_of_its_end_only(const struct unit *u)
{
	const struct service_conf *c = u->svc == NULL ? NULL : svc_conf(u->svc)->service;

	return c != NULL && c->restart_mode == RESTART_DIRECT && c->restart != RESTART_NO;
}

static void
look_left(struct unit *u)
{
	struct leaving l = { .of = u, .directive = "BindsTo" };

	if (is_told_of_its_end_only(u))
		return;
	job_unit_each(u->job_unit, DEP_BINDS_TO, true, pull_down, &l);
	l.directive = "PropagatesStopTo";
	job_unit_each(u->job_unit, DEP_PROPAGATES_STOP_TO, false, pull_down, &l);
	l.directive = "StopPropagatedFrom";
	job_unit_each(u->job_unit, DEP_STOP_PROPAGATED_FROM, true, pull_down, &l);
}

/* ---- what is marked ------------------------------------------------------------------
 */

static bool
is_on(const struct manager *m)
{
	return m->phase == MANAGER_RUNNING && !m->safe_mode && m->shutdown == NULL;
}

static void
look(struct unit *u)
{
	struct bond *b = bond_of(u);
	bool left = b->left;

	b->left = false;
	bond_ends_look(u);
	if (left)
		look_left(u);
	look_bound(u);
	look_upheld(u);
	look_unneeded(u);
	look_others(u);
}

/* With nothing of a unit on the stack. */
static void
run(void *arg)
{
	struct manager *m = arg;
	struct bonds *bs = bonds_of(m);

	/* What is restored may still come; and nothing follows in safe mode, until it
	 * ends. */
	if (m->phase == MANAGER_RESTORING || m->safe_mode)
		return;
	/* Those that these mark come with the next turn. */
	for (size_t n = bs->n_marked; n > 0 && bs->n_marked > 0; n--) {
		struct bond *b = TAILQ_FIRST(&bs->marked);

		unlist(b);
		if (is_on(m))
			look(b->unit);
	}
}

static bool
was_up(enum svc_active a)
{
	return a == SVC_ACTIVE_ACTIVE || a == SVC_ACTIVE_RELOADING;
}

/* It goes, or went, without a job that meant it to. */
static bool
has_left(struct unit *u, enum svc_active from, enum svc_active to)
{
	const struct job *j = job_unit_job(u->job_unit);
	bool gone = to == SVC_ACTIVE_DEACTIVATING || to == SVC_ACTIVE_INACTIVE ||
		    to == SVC_ACTIVE_FAILED;

	if (was_up(from) && !was_up(to))
		return j == NULL ||
		       (job_type(j) != JOB_STOP && job_type(j) != JOB_RESTART);
	return from == SVC_ACTIVE_ACTIVATING && gone && j == NULL;
}

void
bonds_on_active(struct unit *u, enum svc_active from, enum svc_active to)
{
	mark(u, has_left(u, from, to));
}

void
bonds_look(struct unit *u)
{
	mark(u, false);
}

void
bonds_on_unstarted(struct unit *u)
{
	if (u->svc != NULL)
		svc_not_started(u->svc);
	else if (u->part != NULL)
		part_not_started(u->part);
	mark(u, false);
}

/* A manager died after it had noted the end of a unit that Restart= has brought, or will
 * bring, back, and before it had stopped what was bound to that. */
static void
note_missed(void *arg, struct job_unit *ju)
{
	struct unit *other = arg;
	const struct svc_memory *mem = svc_memory(other->svc);
	const struct unit *u = job_unit_data(ju);
	uint64_t up_us;

	if (u == NULL || !was_up(unit_active(u)))
		return;
	up_us =
	    u->svc != NULL ? svc_memory(u->svc)->active_wall_us : u->part->active_wall_us;
	if (up_us < mem->ended_wall_us)
		bond_of(other)->left = true;
}

static void
mark_one(struct unit *u, void *arg)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);

	(void)arg;
	if (mem != NULL && unit_started_here(u->manager, mem) &&
	    mem->ended_wall_us != 0 &&
	    (svc_state(u->svc) == SVC_AUTO_RESTART || mem->restarts > 0))
		job_unit_each(u->job_unit, DEP_BINDS_TO, true, note_missed, u);
	mark(u, false);
}

void
bonds_look_all(struct manager *m)
{
	units_foreach(m, mark_one, NULL);
	loop_post(m->loop, run, m);
}

/* ---- Restart= ------------------------------------------------------------------------
 */

bool
bonds_restart(struct unit *u)
{
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .origin = "Restart="
	};

	if (!is_on(u->manager) || svc_state(u->svc) != SVC_AUTO_RESTART ||
	    hold_why(u) != NULL || budgets_keep_down(u) ||
	    !bond_restart_concerns(u->job_unit))
		return false;
	/* One that runs is between two runs of Retries=: the next one is its own. */
	if (job_unit_job(u->job_unit) != NULL)
		return bond_of(u)->restarts && !job_is_running(job_unit_job(u->job_unit));
	r.run = unit_run(u);
	if (svc_conf(u->svc)->service->restart_mode == RESTART_NORMAL)
		r.how = JOB_RESTART_DEPENDENCIES;
	bond_of(u)->restarts = true;
	if (job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, NULL) != 0)
		return true;
	/* What it needs is not to be had: it goes on as it would alone. */
	bond_of(u)->restarts = false;
	return false;
}

bool
bonds_begin_restart(struct unit *u)
{
	return u->bond != NULL && u->bond->restarts &&
	       svc_state(u->svc) == SVC_AUTO_RESTART;
}

void
bonds_restart_ended(struct unit *u, enum job_result result, const char *message)
{
	if (u->bond == NULL || !u->bond->restarts)
		return;
	u->bond->restarts = false;
	if (result != JOB_DONE && job_unit_job(u->job_unit) == NULL &&
	    svc_state(u->svc) == SVC_AUTO_RESTART)
		svc_restart_again(
		    u->svc, message == NULL ? job_result_name(result) : message);
}

void
bonds_forget(struct unit *u)
{
	if (u->bond == NULL)
		return;
	unlist(u->bond);
	free(u->bond);
	u->bond = NULL;
}
