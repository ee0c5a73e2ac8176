#include "manager/instances.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/instances_int.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/watch/pathlook.h"
#include "manager/wish/drain.h"
#include "unit/instance_set.h"
#include "unit/load.h"
#include "unit/name.h"

enum { SCAN_FROM = 16 }; /* new units; then reading the folders once is less work */

static void start_some(void *arg);

/* ---- members ---- */

/* What runs already, and goes on, is what the source asks for: its end is its own. */
static void
note_ref(struct member *mb)
{
	const struct unit *u = mb->unit;

	mb->ref[0] = '\0';
	if (u->svc != NULL &&
	    (!unit_is_running(u) || svc_active(u->svc) == SVC_ACTIVE_DEACTIVATING ||
		job_unit_job(u->job_unit) != NULL))
		strlcpy(mb->ref, svc_memory(u->svc)->ref, sizeof(mb->ref));
}

struct member *
member_new(struct instances *s, const char *name)
{
	struct unit *u = unit_get(s->m, name);
	struct member *mb;

	/* No name, or another name of one that is named already. */
	if (u == NULL || u->member != NULL)
		return NULL;
	mb = xcalloc(1, sizeof(*mb));
	mb->of = s;
	mb->name = xstrdup(name);
	mb->unit = u;
	note_ref(mb);
	u->member = mb;
	TAILQ_INSERT_TAIL(&s->members, mb, next);
	map_set(&s->by_name, mb->name, mb);
	s->n_named++;
	unit_render_drop(u);
	return mb;
}

void
member_free(struct member *mb)
{
	struct instances *s = mb->of;

	TAILQ_REMOVE(&s->members, mb, next);
	map_del(&s->by_name, mb->name);
	if (!mb->gone)
		s->n_named--;
	if (mb->unit != NULL) {
		mb->unit->member = NULL;
		unit_render_drop(mb->unit);
	}
	free(mb->name);
	free(mb);
}

void
member_forget(struct unit *u)
{
	if (u->member != NULL)
		member_free(u->member);
}

bool
member_is_named(const struct unit *u)
{
	return u->member != NULL && !u->member->gone &&
	       instances_is_on(u->member->of->unit);
}

const char *
member_source(const struct unit *u)
{
	return u->member != NULL && !u->member->gone ? u->member->of->source : NULL;
}

bool
member_is_due(const struct unit *u)
{
	const struct svc_memory *mem;

	if (!member_is_named(u) || !unit_is_wanted(u, NULL) ||
	    job_unit_job(u->job_unit) != NULL)
		return false;
	if (unit_is_running(u) && svc_active(u->svc) != SVC_ACTIVE_DEACTIVATING)
		return false;
	mem = svc_memory(u->svc);
	return strcmp(mem->ref, u->member->ref) == 0 ||
	       !unit_started_here(u->manager, mem);
}

/* ---- starting ---- */

static void
on_started(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct instances *s = arg;

	(void)id;
	(void)result; /* the unit says it */
	(void)message;
	--s->starting;
	if (s->waiting)
		loop_post(s->m->loop, start_some, s);
}

static void
start_member(struct member *mb)
{
	struct instances *s = mb->of;
	char *origin = xasprintf("[Instances] of %s", s->unit->name);
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .origin = origin
	};

	mb->tried = true;
	s->starting++;
	job_request(s->m->jobs, mb->unit->job_unit, &r, on_started, s, NULL);
	free(origin);
}

static void
start_some(void *arg)
{
	struct instances *s = arg;
	struct manager *m = s->m;
	struct member *mb;

	if (m->phase != MANAGER_RUNNING || m->safe_mode || m->shutdown != NULL)
		return;
	s->waiting = false;
	TAILQ_FOREACH (mb, &s->members, next) {
		if (mb->tried || !member_is_due(mb->unit))
			continue;
		if (s->conf.max_new != 0 && s->starting >= s->conf.max_new) {
			s->waiting = true;
			break;
		}
		start_member(mb);
	}
}

/* ---- what a look finds ---- */

static void
tell_added(const struct member *mb)
{
	struct emitter *ev = mb->of->m->events;

	event_begin(ev, EVENT_INSTANCE_ADDED, mb->unit->name, NULL);
	event_str(ev, "template", mb->of->unit->name);
	event_str(ev, "source", mb->of->source);
	event_end(ev);
}

static void
tell_removed(const struct member *mb, const char *action)
{
	struct emitter *ev = mb->of->m->events;

	event_begin(ev, EVENT_INSTANCE_REMOVED, mb->unit->name, NULL);
	event_str(ev, "template", mb->of->unit->name);
	event_str(ev, "source", mb->of->source);
	event_str(ev, "action", action);
	event_end(ev);
}

static struct wish_who
nobody(const struct manager *m, const char *why)
{
	struct wish_who who = { .uid = m->owner, .name = "supd" };

	who.wall_us = clock_wall_us();
	strlcpy(who.command, why, sizeof(who.command));
	return who;
}

static void
forget_wish(struct unit *u)
{
	struct wish_who who = nobody(u->manager, "instance removed");

	if (u->wish != WISH_NONE)
		(void)unit_set_wish(u, WISH_NONE, &who);
	/* Nor with the end of an emergency stop or of a hold. */
	unit_set_awaited(u, false);
	if (u->flag[WISH_FLAG_HALTED])
		(void)unit_set_flag(u, WISH_FLAG_HALTED, false, &who);
}

/* By a person: that is his to call off. */
static bool
is_drained_by_person(const struct unit *u)
{
	return drain_is_on(u) && u->flag_who[WISH_FLAG_DRAINING]->pid != 0;
}

static void
drain_member(struct member *mb, const char *reason)
{
	struct wish_who who = nobody(mb->of->m, "OnRemove=drain");
	struct drain_ask ask = { .reason = reason, .who = &who };
	const char *why = "";

	if (is_drained_by_person(mb->unit))
		return;
	/* Frozen by a person, for example: with the next look it is asked again. */
	if (drain_unit(mb->unit, &ask, &why) == 0)
		manager_say(mb->of->m, MARK_FAIL, "%s cannot be drained, and goes on: %s",
		    mb->name, why);
}

/* By OnRemove=, also what it was when a manager died over it. */
static void
end_member(struct member *mb)
{
	char *origin =
	    xasprintf("[Instances] of %s: its name is gone", mb->of->unit->name);
	struct job_request r = {
		.type = JOB_STOP, .mode = JOB_AUTOMATIC, .origin = origin
	};

	/* Somebody drains it: it comes to its end as he has asked for, and stays there.
	 */
	if (is_drained_by_person(mb->unit))
		;
	else if (mb->of->conf.on_remove == INSTANCES_DRAIN)
		drain_member(mb, origin);
	else
		job_request(mb->of->m->jobs, mb->unit->job_unit, &r, NULL, NULL, NULL);
	free(origin);
}

/* Nothing goes on about it. */
static bool
is_at_rest(const struct unit *u)
{
	return job_unit_job(u->job_unit) == NULL && !drain_is_on(u);
}

/* It is down, and nobody has anything to say of it any more. */
static void
let_go(struct member *mb)
{
	struct instances *s = mb->of;
	struct unit *u = mb->unit;
	/* Somebody has started it since, which is his word. */
	bool wanted = mb->gone && u->wish == WISH_STARTED;

	member_free(mb);
	instances_note(s);
	if (wanted)
		return;
	forget_wish(u);
	unit_forget_later(u);
}

static void
remove_member(struct member *mb)
{
	struct instances *s = mb->of;
	struct unit *u = mb->unit;

	instances_note(s);
	if (!unit_is_running(u) && is_at_rest(u)) {
		tell_removed(mb, "none");
		let_go(mb);
		return;
	}
	if (s->conf.on_remove == INSTANCES_LEAVE) {
		tell_removed(mb, "leave");
		member_free(mb);
		return;
	}
	tell_removed(mb, s->conf.on_remove == INSTANCES_DRAIN ? "drain" : "stop");
	mb->gone = true;
	s->n_named--;
	unit_render_drop(u);
	/* It is not to come back with the next start of supd. */
	forget_wish(u);
	end_member(mb);
}

static void
settle_gone(void *arg)
{
	struct instances *s = arg;
	struct member *mb, *tmp;

	TAILQ_FOREACH_SAFE (mb, &s->members, next, tmp)
		if (mb->gone && !unit_is_running(mb->unit) && is_at_rest(mb->unit))
			let_go(mb);
}

void
member_on_rest(struct unit *u)
{
	if (u->member == NULL)
		return;
	/* One that was named again while it was stopped is due now. */
	u->member->of->waiting = true;
	loop_post(
	    u->manager->loop, u->member->gone ? settle_gone : start_some, u->member->of);
}

static void
refuse_alias(struct instance_set *set, const char *name)
{
	const char *text = map_get(&set->seen, name);

	instance_set_refuse(set, text, strlen(text),
	    "its unit is one by another name, which is named as well");
}

/* Returns how many are new. */
static size_t
add_members(struct instances *s, struct instance_set *set)
{
	bool scan = set->units.n >= s->n_named + SCAN_FROM;
	size_t added = 0;

	if (scan)
		unit_paths_scan(s->m->paths);
	for (size_t i = 0; i < set->units.n; i++) {
		struct member *mb = map_get(&s->by_name, set->units.v[i]);

		if (mb == NULL) {
			mb = member_new(s, set->units.v[i]);
			if (mb == NULL) {
				refuse_alias(set, set->units.v[i]);
				continue;
			}
			tell_added(mb);
			added++;
		} else if (mb->gone) {
			/* Back before it was down: it goes on, or is started again. */
			struct wish_who who = nobody(s->m, "named again");

			if (!is_drained_by_person(mb->unit))
				(void)drain_cancel(mb->unit, &who);
			mb->gone = false;
			s->n_named++;
			note_ref(mb);
			unit_render_drop(mb->unit);
			tell_added(mb);
			added++;
		}
		mb->seen = true;
	}
	if (scan)
		unit_paths_forget(s->m->paths);
	return added;
}

/* Its end was begun by a manager that died, or could not be. */
static void
resume_end(struct member *mb)
{
	if (!is_at_rest(mb->unit))
		return;
	if (mb->unit->wish == WISH_STARTED || !unit_is_running(mb->unit))
		let_go(mb);
	else
		end_member(mb);
}

static size_t
remove_members(struct instances *s)
{
	struct member *mb, *tmp;
	size_t removed = 0;

	TAILQ_FOREACH_SAFE (mb, &s->members, next, tmp) {
		if (mb->gone)
			resume_end(mb);
		else if (!mb->seen) {
			removed++;
			remove_member(mb);
		}
	}
	return removed;
}

/* Takes problem, NULL: there is none.  Told once, and when it is over. */
static void
set_problem(struct instances *s, char *problem)
{
	struct emitter *ev = s->m->events;

	if (problem != NULL && (s->problem == NULL || strcmp(s->problem, problem) != 0)) {
		event_begin(ev, EVENT_INSTANCES_PROBLEM, s->unit->name, NULL);
		event_str(ev, "source", s->source);
		event_str(ev, "problem", problem);
		event_int(ev, "kept", (int64_t)s->n_named);
		event_end(ev);
		manager_say(
		    s->m, MARK_FAIL, "%s: %s; what runs goes on", s->unit->name, problem);
	}
	free(s->problem);
	s->problem = problem;
}

static void
tell_read(const struct instances *s, size_t added, size_t removed)
{
	struct emitter *ev = s->m->events;

	event_begin(ev, EVENT_INSTANCES_READ, s->unit->name, NULL);
	event_str(ev, "source", s->source);
	event_int(ev, "count", (int64_t)s->n_named);
	event_int(ev, "added", (int64_t)added);
	event_int(ev, "removed", (int64_t)removed);
	event_int(ev, "refused", (int64_t)s->n_refused);
	event_end(ev);
}

static void
apply(struct instances *s, struct instance_set *set, char *problem)
{
	bool whole = problem == NULL, was_ill = s->problem != NULL;
	bool refusals = whole && !strv_equal(&s->refused, &set->refused);
	size_t added = add_members(s, set), removed = whole ? remove_members(s) : 0;
	struct member *mb;

	TAILQ_FOREACH (mb, &s->members, next)
		mb->seen = mb->tried = false;
	set_problem(s, problem);
	if (whole) {
		strv_copy(&s->refused, &set->refused);
		s->n_refused = set->n_refused;
		s->read_wall_us = clock_wall_us();
	}
	if (added > 0 || removed > 0 || (whole && was_ill) || refusals)
		tell_read(s, added, removed);
	if (added > 0 || removed > 0)
		instances_note(s);
	/* Before the jobs of this round: what was begun is known to who comes after us.
	 */
	instances_note_flush(s);
	unit_render_drop(s->unit);
}

/* What an earlier manager noted, or we did before the template went. */
static void
recall(struct instances *s)
{
	struct member *mb, *tmp;

	if (s->recalled)
		return;
	s->recalled = true;
	unit_paths_scan(s->m->paths);
	instances_recall(s);
	unit_paths_forget(s->m->paths);
	TAILQ_FOREACH_SAFE (mb, &s->members, next, tmp)
		if (mb->gone)
			resume_end(mb);
}

static void
look(struct instances *s)
{
	struct instance_set set = { 0 };
	char *problem = NULL;

	loop_timer_stop(s->timer);
	if (!instances_is_on(s->unit)) {
		pathlook_stop(s->look);
		set_problem(s, NULL);
		return;
	}
	recall(s);
	(void)instances_read(s, &set, &problem);
	apply(s, &set, problem);
	instance_set_clear(&set);
	start_some(s);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct instances *s = arg;

	(void)t;
	if (s->m->phase == MANAGER_RUNNING && !s->m->safe_mode && s->m->shutdown == NULL)
		look(s);
}

/* What is written in pieces is looked at once.  (Not begun anew with each piece: a source
 * that never rests is looked at all the same.) */
static void
on_changed(void *arg)
{
	struct instances *s = arg;

	if (!loop_timer_is_armed(s->timer))
		loop_timer_in(s->timer, s->m->conf->unit_watch_delay_us);
}

/* ---- templates ---- */

bool
instances_is_on(const struct unit *u)
{
	return u->instances != NULL && u->conf->load_state == UNIT_LOADED &&
	       !u->flag[WISH_FLAG_MASKED] && !u->flag[WISH_FLAG_DISABLED] &&
	       (u->flag[WISH_FLAG_ENABLED] || unit_is_in_folder(u));
}

void
instances_each(struct unit *template, instances_fn *fn, void *arg)
{
	struct member *mb, *tmp;

	if (template->instances != NULL)
		TAILQ_FOREACH_SAFE (mb, &template->instances->members, next, tmp)
			if (!mb->gone)
				fn(mb->unit, arg);
}

static void
clear_conf(struct instances *s)
{
	free(s->conf.json_file);
	free(s->conf.json_pointer);
	free(s->conf.glob);
	free(s->source);
}

/* The unit's conf may be a bad one soon: this is kept. */
static void
take_conf(struct instances *s, const struct instances_conf *c)
{
	clear_conf(s);
	s->conf = *c;
	s->conf.json_file = xstrdup_opt(c->json_file);
	s->conf.json_pointer = xstrdup_opt(c->json_pointer);
	s->conf.glob = xstrdup_opt(c->glob);
	s->source = xasprintf("%s%s%s%s%s", c->json_file != NULL ? c->json_file : "",
	    c->json_file != NULL ? "#" : "", c->json_file != NULL ? c->json_pointer : "",
	    c->json_file != NULL && c->glob != NULL ? ", " : "",
	    c->glob != NULL ? c->glob : "");
}

static struct instances *
open_template(struct unit *u)
{
	struct instances *s = xcalloc(1, sizeof(*s));

	s->m = u->manager;
	s->unit = u;
	TAILQ_INIT(&s->members);
	s->look = pathlook_new(s->m, on_changed, s);
	s->timer = loop_timer_new(s->m->loop, "instances", on_timer, s);
	u->instances = s;
	return s;
}

static void
close_template(struct instances *s)
{
	struct member *mb;

	while ((mb = TAILQ_FIRST(&s->members)) != NULL)
		member_free(mb);
	job_forget_waiters(s->m->jobs, s);
	loop_post_cancel(s->m->loop, start_some, s);
	loop_post_cancel(s->m->loop, settle_gone, s);
	loop_timer_free(s->timer);
	pathlook_free(s->look);
	clear_conf(s);
	free(s->problem);
	strv_free(&s->refused);
	map_clear(&s->by_name, NULL);
	s->unit->instances = NULL;
	free(s);
}

/* Its file is there and names no source: what it had is left alone. */
static void
end_template(struct instances *s)
{
	struct member *mb;

	TAILQ_FOREACH (mb, &s->members, next)
		if (!mb->gone)
			tell_removed(mb, "leave");
	instances_note_remove(s);
	close_template(s);
}

void
instances_on_conf(struct unit *u)
{
	const struct unit_session *us = u->conf->session;
	bool from = unit_conf_has_instances(u->conf);

	if (u->conf->load_state == UNIT_LOADED && !from && u->instances != NULL)
		end_template(u->instances);
	if (u->conf->load_state == UNIT_LOADED && from) {
		if (u->instances == NULL)
			open_template(u);
		take_conf(u->instances, &us->instances);
	}
	if (u->instances != NULL && u->manager->phase == MANAGER_RUNNING)
		loop_timer_in(u->instances->timer, 0);
}

void
instances_forget(struct unit *u)
{
	if (u->instances == NULL)
		return;
	instances_note_flush(u->instances);
	close_template(u->instances);
}

/* ---- all ---- */

static void
look_one(struct unit *u, void *arg)
{
	(void)arg;
	if (u->instances != NULL)
		look(u->instances);
}

void
instances_look_all(struct manager *m)
{
	if (m->phase == MANAGER_RUNNING && !m->safe_mode && m->shutdown == NULL)
		units_foreach(m, look_one, NULL);
}

/* ---- showing ---- */

static void
render_template(const struct instances *s, struct jw *w)
{
	static const char *const actions[] = { [INSTANCES_LEAVE] = "leave",
		[INSTANCES_STOP] = "stop",
		[INSTANCES_DRAIN] = "drain" };
	char text[CLOCK_TEXT_MAX];
	const struct member *mb;
	size_t waiting = 0;

	TAILQ_FOREACH (mb, &s->members, next)
		waiting += !mb->tried && member_is_due(mb->unit);
	jw_kv_obj(w, "instances");
	jw_kv_str(w, "source", s->source);
	jw_kv_bool(w, "on", instances_is_on(s->unit));
	jw_kv_str(w, "read",
	    s->read_wall_us == 0 ? NULL
				 : clock_format_utc(text, sizeof(text), s->read_wall_us));
	jw_kv_u64(w, "count", s->n_named);
	jw_kv_u64(w, "starting", s->starting);
	jw_kv_u64(w, "waiting", waiting);
	jw_kv_str(w, "on_remove", actions[s->conf.on_remove]);
	jw_kv_str(w, "problem", s->problem);
	jw_kv_bool(w, "watched", !pathlook_is_blind(s->look));
	jw_kv_u64(w, "refused", s->n_refused);
	jw_kv_strv(w, "refusals", &s->refused);
	jw_end(w);
}

void
instances_render(const struct unit *u, struct jw *w)
{
	jw_kv_str(w, "source", member_source(u));
	if (u->instances == NULL)
		jw_kv_null(w, "instances");
	else
		render_template(u->instances, w);
}
