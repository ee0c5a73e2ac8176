#include "manager/wish/emergency.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/link/adopt.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/freeze.h"
#include "manager/wish/groups.h"
#include "manager/wish/hold.h"
#include "unit/conf.h"

struct emergency {
	TAILQ_ENTRY(emergency) link;
	char *group; /* NULL: the fleet */
	enum emergency_how how;
	char *reason; /* NULL: none was given */
	struct wish_who who;
	char *why, *undo;
};

static const char *const hows[EMERGENCY_NHOWS] = {
	[EMERGENCY_FREEZE] = "freeze",
	[EMERGENCY_STOP] = "stop",
	[EMERGENCY_KILL] = "kill",
};

const char *
emergency_how_name(enum emergency_how how)
{
	return hows[how];
}

enum emergency_how
emergency_how_find(const char *word)
{
	for (int i = 0; i < EMERGENCY_NHOWS; i++)
		if (strcmp(word, hows[i]) == 0)
			return (enum emergency_how)i;
	return EMERGENCY_NHOWS;
}

/* ---- which there are ----------------------------------------------------------------
 */

static bool
same_group(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct emergency *
find(const struct manager *m, const char *group)
{
	struct emergency *e;

	TAILQ_FOREACH (e, &m->emergencies, link)
		if (same_group(e->group, group))
			return e;
	return NULL;
}

static bool
covers(const struct emergency *e, const struct unit *u)
{
	return e->group == NULL || unit_is_of_group(u, e->group);
}

/* That of the fleet is told before that of a group. */
static const struct emergency *
of_unit(const struct unit *u)
{
	const struct emergency *e, *found = NULL;

	TAILQ_FOREACH (e, &u->manager->emergencies, link)
		if (covers(e, u) && (found == NULL || e->group == NULL))
			found = e;
	return found;
}

const char *
emergency_why(const struct unit *u)
{
	const struct emergency *e = of_unit(u);

	return e == NULL ? NULL : e->why;
}

const char *
emergency_undo(const struct unit *u)
{
	const struct emergency *e = of_unit(u);

	return e == NULL ? NULL : e->undo;
}

const char *
emergency_why_all(const struct manager *m)
{
	const struct emergency *e = find(m, NULL);

	return e == NULL ? NULL : e->why;
}

const struct wish_who *
emergency_who(const struct unit *u)
{
	const struct emergency *e = of_unit(u);

	return e == NULL ? NULL : &e->who;
}

bool
emergency_freezes(const struct unit *u)
{
	const struct emergency *e;

	TAILQ_FOREACH (e, &u->manager->emergencies, link)
		if (e->how == EMERGENCY_FREEZE && covers(e, u))
			return true;
	return false;
}

static void
emergency_free(struct manager *m, struct emergency *e)
{
	TAILQ_REMOVE(&m->emergencies, e, link);
	free(e->group);
	free(e->reason);
	free(e->why);
	free(e->undo);
	free(e);
}

static void
drop_render(struct unit *u, void *arg)
{
	(void)arg;
	unit_render_drop(u);
}

/* In the place of one of the same group. */
static struct emergency *
put(struct manager *m, const char *group, enum emergency_how how, const char *reason,
    const struct wish_who *who)
{
	struct emergency *e = find(m, group);

	if (e != NULL)
		emergency_free(m, e);
	e = xcalloc(1, sizeof(*e));
	e->group = group == NULL ? NULL : xstrdup(group);
	e->how = how;
	e->reason =
	    reason == NULL || *reason == '\0'
		? NULL
		: xstrndup(reason, utf8_head(reason, strlen(reason), WISH_REASON_MAX));
	e->who = *who;
	e->why = xasprintf("halted by the emergency stop of %s (%s)%s%s", who->name,
	    who->command, e->reason == NULL ? "" : ": ",
	    e->reason == NULL ? "" : e->reason);
	e->undo = group == NULL ? xstrdup("supctl resume")
				: xasprintf("supctl resume --group %s", group);
	TAILQ_INSERT_TAIL(&m->emergencies, e, link);
	return e;
}

void
emergencies_free(struct manager *m)
{
	struct emergency *e;

	while ((e = TAILQ_FIRST(&m->emergencies)) != NULL)
		emergency_free(m, e);
}

/* ---- as a wish ----------------------------------------------------------------------
 */

static const char what_stop[] = "emergency-stop", what_resume[] = "resumed";

/* What stands for the unit in such a wish: no unit can have that name. */
static char *
name_of(const char *group)
{
	return group == NULL ? xstrdup("*") : xasprintf("@%s", group);
}

static uint64_t
wish(struct manager *m, const struct emergency *e, const char *what, const char *undo,
    const struct wish_who *who)
{
	struct emitter *ev = m->events;
	char *name = name_of(e->group);

	event_begin(ev, EVENT_WISH, name, NULL);
	event_str(ev, "what", what);
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	event_str(ev, "undo", undo);
	event_str(ev, "user", who->name);
	event_int(ev, "uid", (int64_t)who->uid);
	event_int(ev, "by_pid", who->pid);
	event_str(ev, "command", who->command);
	event_str(ev, "how", emergency_how_name(e->how));
	if (e->reason != NULL)
		event_str(ev, "reason", e->reason);
	free(name);
	return event_end_wish(ev);
}

bool
emergency_restore(struct manager *m, const char *what, const char *unit,
    const struct jv *v, const struct wish_who *who)
{
	const char *group = strcmp(unit, "*") == 0 ? NULL : unit + 1;
	enum emergency_how how = emergency_how_find(jv_str(jv_get(v, "how"), ""));
	struct emergency *e;

	if (unit[0] != '*' && unit[0] != '@')
		return false;
	if (strcmp(what, what_resume) == 0 && (e = find(m, group)) != NULL)
		emergency_free(m, e);
	/* A way that a newer supd knows: what loses nothing. */
	if (strcmp(what, what_stop) == 0)
		(void)put(m, group, how == EMERGENCY_NHOWS ? EMERGENCY_FREEZE : how,
		    jv_str(jv_get(v, "reason"), NULL), who);
	return true;
}

/* ---- the deed -----------------------------------------------------------------------
 */

struct deed {
	const struct emergency *e;
	struct emergency_count *n;
	struct strv names; /* of what is to be ended, or started again */
	/* Whose dependents are still to be marked. */
	struct unit **todo;
	size_t ntodo, cap;
};

static void
freeze_one(struct unit *u, void *arg)
{
	struct deed *d = arg;

	if (!covers(d->e, u) || u->svc == NULL)
		return;
	d->n->units++;
	freeze_apply(u);
	if (!freeze_is_on(u))
		return;
	d->n->frozen++;
	if (!adopt_slot_is_contained(u->manager, svc_memory(u->svc)->slot))
		d->n->best_effort++;
}

static bool
is_going(const struct unit *u)
{
	return svc_active(u->svc) == SVC_ACTIVE_DEACTIVATING;
}

/* Its stop goes on, or is about to begin. */
static bool
goes_down(const struct unit *u)
{
	const struct job *j = job_unit_job(u->job_unit);

	return is_going(u) || (j != NULL && job_type(j) == JOB_STOP);
}

static void
note_running(struct unit *u, void *arg)
{
	struct deed *d = arg;

	if (!covers(d->e, u) || u->svc == NULL)
		return;
	d->n->units++;
	/* A kill hurries on what is being stopped. */
	if ((svc_has_slot(u->svc) || svc_waits_for_slot(u->svc)) &&
	    (d->e->how == EMERGENCY_KILL || !is_going(u)))
		strv_add(&d->names, u->name);
}

/* Marked before it is ended: whoever resumes knows that it ran. */
static void
mark(struct unit *u, struct deed *d)
{
	/* What `supctl run' started has told whoever did that it was ended. */
	if (!u->flag[WISH_FLAG_HALTED] && !u->transient)
		d->n->seq =
		    unit_set_terms(u, WISH_FLAG_HALTED, d->e->reason, 0, &d->e->who);
}

static void
mark_later(struct unit *u, struct deed *d)
{
	if (d->ntodo == d->cap) {
		d->cap = d->cap == 0 ? 8 : 2 * d->cap;
		d->todo = xreallocarray(d->todo, d->cap, sizeof(*d->todo));
	}
	d->todo[d->ntodo++] = u;
}

static void
mark_other(void *arg, struct job_unit *ju)
{
	struct unit *u = job_unit_data(ju);

	if (u == NULL || u->svc == NULL || u->flag[WISH_FLAG_HALTED] || u->transient ||
	    !svc_has_slot(u->svc) || is_going(u))
		return;
	mark(u, arg);
	mark_later(u, arg);
}

/* It, and what is stopped with it, be it of another group.  A chain of units may be
 * long: no call for each link. */
static void
mark_all(struct unit *u, struct deed *d)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_REQUISITE,
		DEP_PART_OF };

	mark(u, d);
	for (; u != NULL; u = d->ntodo > 0 ? d->todo[--d->ntodo] : NULL)
		for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++)
			job_unit_each(u->job_unit, deps[i], true, mark_other, d);
}

static bool
stop(struct unit *u, const struct emergency *e, unsigned mode)
{
	char origin[200];
	struct job_request r = {
		.type = JOB_STOP, .mode = JOB_AUTOMATIC | mode, .origin = origin
	};
	struct buf why = { 0 };
	bool ok;

	snprintf(origin, sizeof(origin), "emergency stop of %s (%s)", e->who.name,
	    e->who.command);
	ok = job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, &why) != 0;
	if (!ok)
		log_warnx("%s: emergency stop: %s", u->name, buf_str(&why));
	buf_free(&why);
	return ok;
}

static void
end_one(struct unit *u, struct deed *d)
{
	bool going = goes_down(u), ok = true;

	if (!is_going(u))
		mark_all(u, d);
	/* What needs it is stopped in order; what goes has taken that along already. */
	if (!going)
		ok = stop(u, d->e, 0);
	/* Only what is covered is killed. */
	if (d->e->how == EMERGENCY_KILL)
		ok = stop(u, d->e, JOB_NO_DEPS | JOB_FORCE) && ok;
	d->n->stopping += ok;
}

static void
tell(struct manager *m, enum event_id id, const struct emergency *e,
    const struct wish_who *who, const struct emergency_count *n)
{
	struct emitter *ev = m->events;

	event_begin(ev, id, NULL, NULL);
	if (e->group != NULL)
		event_str(ev, "group", e->group);
	event_str(ev, "how", emergency_how_name(e->how));
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	if (e->reason != NULL)
		event_str(ev, "reason", e->reason);
	event_int(ev, "units", (int64_t)n->units);
	event_end(ev);
}

void
emergency_stop(struct manager *m, const char *group, enum emergency_how how,
    const char *reason, const struct wish_who *who, struct emergency_count *n)
{
	struct deed d = { .n = n };

	*n = (struct emergency_count){ 0 };
	d.e = put(m, group, how, reason, who);
	/* In the journal before the deed. */
	n->seq = wish(m, d.e, what_stop, d.e->undo, who);
	units_look(m, drop_render, NULL);
	if (how == EMERGENCY_FREEZE) {
		units_look(m, freeze_one, &d);
	} else {
		units_look(m, note_running, &d);
		/* By name: a stop may forget some. */
		for (size_t i = 0; i < d.names.n; i++) {
			struct unit *u = unit_find(m, d.names.v[i]);

			if (u != NULL)
				end_one(u, &d);
		}
		strv_clear(&d.names);
	}
	free(d.todo);
	tell(m, EVENT_EMERGENCY_STOP, d.e, who, n);
	manager_say(m, MARK_NOTE, "emergency stop (%s) of %s%s by %s%s%s; %s ends it",
	    emergency_how_name(how), group == NULL ? "all" : "group ",
	    group == NULL ? "" : group, who->name, d.e->reason == NULL ? "" : ": ",
	    d.e->reason == NULL ? "" : d.e->reason, d.e->undo);
}

static void
release_one(struct unit *u, void *arg)
{
	struct deed *d = arg;
	bool frozen = freeze_is_on(u);

	unit_render_drop(u);
	if (of_unit(u) != NULL)
		return;
	/* Whatever became of it since: its file or its group may be another. */
	if (u->flag[WISH_FLAG_HALTED])
		strv_add(&d->names, u->name);
	if (!covers(d->e, u) || u->svc == NULL)
		return;
	d->n->units++;
	freeze_apply(u);
	d->n->started += frozen && !freeze_is_on(u);
	hold_on_released(u);
}

/* It ran when it was halted. */
static void
start_again(struct unit *u, const struct wish_who *who, struct deed *d)
{
	char origin[200];
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .origin = origin
	};

	unit_set_awaited(u, false);
	d->n->seq = unit_set_flag(u, WISH_FLAG_HALTED, false, who);
	if (u->wish == WISH_STOPPED || (unit_is_running(u) && !goes_down(u)))
		return;
	snprintf(origin, sizeof(origin), "resume of %s (%s)", who->name, who->command);
	d->n->started++;
	(void)job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, NULL);
}

bool
emergency_resume(struct manager *m, const char *group, const struct wish_who *who,
    struct emergency_count *n)
{
	struct emergency *e = find(m, group);
	struct deed d = { .e = e, .n = n };

	*n = (struct emergency_count){ 0 };
	if (e == NULL)
		return false;
	n->seq = wish(m, e, what_resume, "supctl emergency-stop", who);
	/* Out of the list, and still there to be asked what it covered. */
	TAILQ_REMOVE(&m->emergencies, e, link);
	units_look(m, release_one, &d);
	for (size_t i = 0; i < d.names.n; i++) {
		struct unit *u = unit_find(m, d.names.v[i]);

		if (u != NULL)
			start_again(u, who, &d);
	}
	strv_clear(&d.names);
	tell(m, EVENT_RESUME, e, who, n);
	TAILQ_INSERT_TAIL(&m->emergencies, e, link);
	emergency_free(m, e);
	return true;
}

static void
note_halted(struct unit *u, void *arg)
{
	/* (What went down with one of a group waits for the end of that.) */
	if (u->flag[WISH_FLAG_HALTED] && TAILQ_EMPTY(&u->manager->emergencies))
		strv_add(arg, u->name);
}

void
emergencies_restore(struct manager *m)
{
	struct emergency_count n = { 0 };
	struct deed d = { .n = &n };
	struct strv again = { 0 };
	struct unit *u;

	TAILQ_FOREACH (d.e, &m->emergencies, link) {
		if (d.e->how == EMERGENCY_FREEZE)
			continue;
		units_look(m, note_running, &d);
		for (size_t i = 0; i < d.names.n; i++)
			if ((u = unit_find(m, d.names.v[i])) != NULL)
				end_one(u, &d);
		strv_clear(&d.names);
	}
	free(d.todo);
	if (m->safe_mode)
		return;
	units_look(m, note_halted, &again);
	for (size_t i = 0; i < again.n; i++)
		if ((u = unit_find(m, again.v[i])) != NULL)
			start_again(u, u->flag_who[WISH_FLAG_HALTED], &d);
	strv_clear(&again);
}

/* ---- shown --------------------------------------------------------------------------
 */

void
emergency_render(const struct manager *m, struct jw *w)
{
	const struct emergency *e;
	char text[CLOCK_TEXT_MAX];

	jw_kv_arr(w, "emergencies");
	TAILQ_FOREACH (e, &m->emergencies, link) {
		jw_obj(w);
		jw_kv_str(w, "group", e->group);
		jw_kv_str(w, "how", emergency_how_name(e->how));
		jw_kv_strf(w, "who", "%s (%s)", e->who.name, e->who.command);
		jw_kv_str(
		    w, "since", clock_format_utc(text, sizeof(text), e->who.wall_us));
		jw_kv_str(w, "reason", e->reason);
		jw_kv_str(w, "undo", e->undo);
		jw_end(w);
	}
	jw_end(w);
}
