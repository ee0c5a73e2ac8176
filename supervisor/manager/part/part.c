#include "manager/part/part.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/bonds.h"
#include "manager/conditions.h"
#include "manager/job/job.h"
#include "manager/kept.h"
#include "manager/manager.h"
#include "manager/part/paths.h"
#include "manager/part/pools.h"
#include "manager/part/sockets.h"
#include "manager/part/stales.h"
#include "manager/part/target.h"
#include "manager/part/timers.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/emergency.h"
#include "unit/conf.h"

const struct part_kind *
part_kind_of(const struct unit_conf *conf)
{
	switch (conf->type) {
	case UNIT_TARGET:
	case UNIT_SLICE:
		return &part_target;
	case UNIT_TIMER:
		return &part_timer;
	case UNIT_SOCKET:
		return &part_socket;
	case UNIT_PATH:
		return path_is_watcher(&conf->trigger->path) ? &part_stale : &part_path;
	case UNIT_POOL:
		return &part_pool;
	default:
		/* A mount, a device: up when somebody wants it, as far as supd knows. */
		return conf->builtin ? &part_target : NULL;
	}
}

struct part *
part_new(struct unit *u, const struct unit_conf *conf)
{
	const struct part_kind *kind = part_kind_of(conf);
	struct part *p;

	assert(kind != NULL);
	p = kind->make();
	p->kind = kind;
	p->unit = u;
	p->conf = conf;
	strlcpy(p->result, "success", sizeof(p->result));
	if (kind->conf != NULL)
		kind->conf(p, NULL);
	return p;
}

void
part_free(struct part *p)
{
	if (p == NULL)
		return;
	free(p->unmet);
	free(p->found);
	p->kind->free(p);
}

/* A path unit that became a watcher, or was one: as if it had been started as that. */
static void
become_other(struct part *p, const struct part_kind *kind)
{
	struct part *fresh = kind->make();

	*fresh = *p;
	fresh->kind = kind;
	p->unit->part = fresh;
	if (kind->conf != NULL)
		kind->conf(fresh, NULL);
	p->kind->free(p);
	if (fresh->unit->manager->phase != MANAGER_RESTORING)
		part_resume(fresh);
}

void
part_set_conf(struct part *p, const struct unit_conf *conf)
{
	const struct unit_conf *old = p->conf;
	const struct part_kind *kind = part_kind_of(conf);

	p->conf = conf;
	if (kind != NULL && kind != p->kind) {
		become_other(p, kind);
		return;
	}
	if (old != conf && p->kind->conf != NULL)
		p->kind->conf(p, old);
}

/* ---- memory --------------------------------------------------------------------------
 */

void
part_write(const struct part *p, struct jw *w)
{
	jw_kv_str(w, "part", svc_active_name(p->active));
	jw_kv_str(w, "result", p->result);
	jw_kv_str(w, "why", p->why);
	jw_kv_u64(w, "life", p->life);
	jw_kv_u64(w, "active_wall_us", p->active_wall_us);
	jw_kv_u64(w, "changed_wall_us", p->changed_wall_us);
	if (p->due != 0) {
		jw_kv_u64(w, "due", p->due);
		jw_kv_u64(w, "due_life", p->due_life);
		jw_kv_u64(w, "due_us", p->due_us);
	}
	if (p->run[0] != '\0')
		jw_kv_str(w, "run", p->run);
	if (p->checked_wall_us != 0)
		jw_kv_u64(w, "checked_wall_us", p->checked_wall_us);
	if (p->unmet != NULL) {
		jw_kv_str(w, "unmet", p->unmet);
		jw_kv_str(w, "found", p->found);
	}
	if (p->kind->write != NULL)
		p->kind->write(p, w);
}

bool
part_memory_is_up(const struct manager *m, const struct jv *v, bool same_boot)
{
	/* What was up with an earlier supd is so only if its services are. */
	return strcmp(jv_str(jv_get(v, "part"), ""),
		   svc_active_name(SVC_ACTIVE_ACTIVE)) == 0 &&
	       same_boot && (m->revived || jv_u64(jv_get(v, "life")) == m->boot_wall_us);
}

static void
set_unmet(struct part *p, const char *unmet, const char *found)
{
	free(p->unmet);
	free(p->found);
	p->unmet = xstrdup_opt(unmet);
	p->found = xstrdup_opt(found);
}

static void
take_state(struct part *p, const struct jv *v, bool same_boot)
{
	const struct manager *m = p->unit->manager;
	const char *state = jv_str(jv_get(v, "part"), "");

	p->life = jv_u64(jv_get(v, "life"));
	p->active_wall_us = jv_u64(jv_get(v, "active_wall_us"));
	p->changed_wall_us = jv_u64(jv_get(v, "changed_wall_us"));
	p->due = (unsigned)jv_u64(jv_get(v, "due"));
	p->due_life = jv_u64(jv_get(v, "due_life"));
	p->due_us = jv_u64(jv_get(v, "due_us"));
	strlcpy(p->why, jv_str(jv_get(v, "why"), ""), sizeof(p->why));
	if (run_id_is(jv_str(jv_get(v, "run"), NULL)))
		strlcpy(p->run, jv_str(jv_get(v, "run"), ""), sizeof(p->run));
	p->checked_wall_us = jv_u64(jv_get(v, "checked_wall_us"));
	if (jv_str(jv_get(v, "unmet"), NULL) != NULL)
		set_unmet(
		    p, jv_str(jv_get(v, "unmet"), ""), jv_str(jv_get(v, "found"), ""));
	if (part_memory_is_up(m, v, same_boot)) {
		p->active = SVC_ACTIVE_ACTIVE;
		p->life = m->boot_wall_us;
	} else if (strcmp(state, svc_active_name(SVC_ACTIVE_FAILED)) == 0) {
		p->active = SVC_ACTIVE_FAILED;
		strlcpy(p->result, jv_str(jv_get(v, "result"), "resources"),
		    sizeof(p->result));
	}
}

void
part_restore(struct unit *u)
{
	struct part *p = u->part;
	bool same_boot = false;
	struct jv *v;

	if (p->restored)
		return;
	p->restored = true;
	v = store_memory(u->manager->store, u->name, &same_boot);
	if (v == NULL)
		return;
	take_state(p, v, same_boot);
	if (p->kind->restore != NULL)
		p->kind->restore(p, v, same_boot);
	jv_free(v);
}

void
part_resume(struct part *p)
{
	if (part_is_up(p) && p->kind->resume != NULL)
		p->kind->resume(p);
}

bool
part_was_started(const struct part *p)
{
	return p->life == p->unit->manager->boot_wall_us;
}

/* ---- states --------------------------------------------------------------------------
 */

static void
emit(struct part *p, enum svc_active from)
{
	struct emitter *ev = p->unit->manager->events;
	struct jw *w;

	event_begin(ev, EVENT_UNIT_STATE, p->unit->name, NULL);
	if (p->run[0] != '\0')
		event_str(ev, "run", p->run);
	event_str(ev, "from", svc_active_name(from));
	event_str(ev, "state", svc_active_name(p->active));
	event_str(ev, "substate", p->kind->sub(p));
	event_str(ev, "result", p->result);
	event_str(ev, "why", p->why);
	w = event_jw(ev);
	if (w != NULL) {
		jw_kv_obj(w, "memory");
		part_write(p, w);
		jw_end(w);
	}
	event_end(ev);
}

void
part_memory_changed(struct part *p)
{
	struct emitter *ev = p->unit->manager->events;
	struct jw *w;

	event_begin(ev, EVENT_UNIT_MEMORY, p->unit->name, NULL);
	w = event_jw(ev);
	if (w != NULL) {
		jw_kv_obj(w, "memory");
		part_write(p, w);
		jw_end(w);
	}
	event_end(ev);
	unit_render_drop(p->unit);
}

/* What follows for others, when the file names any. */
static unsigned
due_in(const struct part *p, enum svc_active to)
{
	const struct unit_rules *r = p->conf->rules;

	if (to == SVC_ACTIVE_FAILED && p->active != SVC_ACTIVE_FAILED &&
	    (r->deps[DEP_ON_FAILURE].n > 0 || r->failure_action != ACTION_NONE))
		return SVC_DUE_FAILURE;
	if (to == SVC_ACTIVE_INACTIVE && part_is_up(p) &&
	    (r->deps[DEP_ON_SUCCESS].n > 0 || r->success_action != ACTION_NONE))
		return SVC_DUE_SUCCESS;
	return 0;
}

static void
set_due(struct part *p, unsigned due)
{
	uint64_t now_us = clock_wall_us();

	if (due == 0)
		return;
	p->due = due;
	p->due_us = now_us > p->due_us ? now_us : p->due_us + 1;
	p->due_life = p->unit->manager->boot_wall_us;
}

static void
set_active(struct part *p, enum svc_active to, const char *result, const char *why)
{
	enum svc_active from = p->active;

	set_due(p, due_in(p, to));
	p->active = to;
	strlcpy(p->result, result, sizeof(p->result));
	strlcpy(p->why, why != NULL ? why : "", sizeof(p->why));
	p->changed_wall_us = clock_wall_us();
	if (to == SVC_ACTIVE_ACTIVE) {
		p->active_wall_us = p->changed_wall_us;
		p->life = p->unit->manager->boot_wall_us;
	}
	emit(p, from);
	if (to == SVC_ACTIVE_ACTIVE && !p->conf->builtin)
		kept_started(p->unit);
	unit_note_active(p->unit);
}

void
part_begin(struct part *p, const char *why)
{
	set_active(p, SVC_ACTIVE_ACTIVATING, "success", why);
}

void
part_up(struct part *p, const char *why)
{
	set_active(p, SVC_ACTIVE_ACTIVE, "success", why);
	jobs_unit_done(p->unit->job_unit, JOB_START, JOB_DONE, NULL);
}

static void
end_jobs(struct part *p, enum job_result start, const char *why)
{
	jobs_unit_done(p->unit->job_unit, JOB_START, start, why);
	jobs_unit_done(p->unit->job_unit, JOB_STOP, JOB_DONE, NULL);
	jobs_unit_done(p->unit->job_unit, JOB_RELOAD, JOB_CANCELED, why);
	jobs_unit_changed(p->unit->job_unit);
}

void
part_down(struct part *p, const char *why)
{
	set_active(p, SVC_ACTIVE_INACTIVE, "success", why);
	end_jobs(p, JOB_CANCELED, why);
}

void
part_fail(struct part *p, const char *result, const char *why)
{
	/* A failed start was one all the same. */
	p->life = p->unit->manager->boot_wall_us;
	set_active(p, SVC_ACTIVE_FAILED, result, why);
	log_warnx("%s: %s", p->unit->name, p->why);
	end_jobs(p, JOB_FAILED, p->why);
}

void
part_add_next(const struct part *p, char *why, size_t size)
{
	char next[128];
	int n =
	    snprintf(next, sizeof(next), "; then `supctl start %.100s'", p->unit->name);
	size_t len = strlen(why);

	if (n < 0 || (size_t)n >= size)
		return;
	if (len > size - 1 - (size_t)n)
		len = size - 1 - (size_t)n;
	memcpy(why + len, next, (size_t)n + 1);
}

void
part_changed(struct part *p)
{
	emit(p, p->active);
	unit_render_drop(p->unit);
}

/* A start that comes to nothing: what was failed is so still. */
static void
skip_start(struct part *p, const struct svc_conditions *c)
{
	char why[SVC_WHY_MAX];

	svc_conditions_text(c, why, sizeof(why));
	conditions_tell(p->unit, c->unmet, c->found, why);
	part_given_up(p, why);
	jobs_unit_done(
	    p->unit->job_unit, JOB_START, c->asserted ? JOB_ASSERT : JOB_SKIPPED, p->why);
}

static bool
conditions_hold_now(struct part *p)
{
	struct svc_conditions c = { .held = true };

	p->checked_wall_us = 0;
	if (p->conf->rules->n_conditions > 0) {
		conditions_ask(p->unit->manager, p->conf, &c);
		p->checked_wall_us = clock_wall_us();
	}
	set_unmet(p, c.held ? NULL : c.unmet, c.held ? NULL : c.found);
	if (!c.held)
		skip_start(p, &c);
	return c.held;
}

void
part_start(struct part *p, const struct job_request *r)
{
	if (!part_is_up(p))
		strlcpy(p->run, r->run != NULL ? r->run : "", sizeof(p->run));
	if (part_is_up(p))
		jobs_unit_done(p->unit->job_unit, JOB_START, JOB_DONE, NULL);
	else if (conditions_hold_now(p))
		p->kind->start(p, r);
}

void
part_stop(struct part *p, const char *origin)
{
	if (!part_is_up(p))
		jobs_unit_done(p->unit->job_unit, JOB_STOP, JOB_DONE, NULL);
	else if (p->kind->stop != NULL)
		p->kind->stop(p, origin);
	else
		part_down(p, origin);
}

void
part_given_up(struct part *p, const char *why)
{
	p->life = p->unit->manager->boot_wall_us;
	p->changed_wall_us = clock_wall_us();
	if (why != NULL)
		strlcpy(p->why, why, sizeof(p->why));
	part_changed(p);
}

void
part_not_started(struct part *p)
{
	if (p->conf->rules->deps[DEP_ON_FAILURE].n == 0)
		return;
	set_due(p, SVC_DUE_NEEDS);
	part_changed(p);
}

void
part_due_done(struct part *p)
{
	if (p->due == 0)
		return;
	p->due = 0;
	part_changed(p);
}

bool
part_is_up(const struct part *p)
{
	switch (p->active) {
	case SVC_ACTIVE_INACTIVE:
	case SVC_ACTIVE_FAILED:
		return false;
	default:
		return true;
	}
}

void
part_reset_failed(struct part *p)
{
	if (p->active == SVC_ACTIVE_FAILED)
		set_active(p, SVC_ACTIVE_INACTIVE, "success", "reset-failed");
}

/* ---- units of any type ---------------------------------------------------------------
 */

enum svc_active
unit_active(const struct unit *u)
{
	if (u->svc != NULL)
		return svc_active(u->svc);
	return u->part != NULL ? u->part->active : SVC_ACTIVE_INACTIVE;
}

bool
unit_can_start(const struct unit *u)
{
	return u->svc != NULL || u->part != NULL;
}

const char *
unit_trigger_refusal(const struct unit *u)
{
	if (u->flag[WISH_FLAG_MASKED] || u->conf->load_state == UNIT_MASKED)
		return "masked";
	if (u->conf->load_state == UNIT_NOT_FOUND)
		return "not-found";
	if (!unit_can_start(u))
		return "bad-setting";
	if (emergency_why(u) != NULL)
		return "emergency";
	if (u->flag[WISH_FLAG_FROZEN])
		return "frozen";
	if (u->flag[WISH_FLAG_DRAINING])
		return "draining";
	if (u->flag[WISH_FLAG_HELD])
		return "held";
	/* It stays so until a person starts it. */
	return u->wish == WISH_STOPPED ? "stopped" : NULL;
}

struct change {
	struct unit *unit;
	enum svc_active from, to;
};

static void
tell_trigger(void *arg, struct job_unit *ju)
{
	const struct change *c = arg;
	const struct unit *t = job_unit_data(ju);

	if (t != NULL && t->part != NULL && t->part->kind->on_triggered != NULL)
		t->part->kind->on_triggered(t->part, c->unit, c->from, c->to);
}

void
unit_know_active(struct unit *u)
{
	u->told_active = unit_active(u);
	u->tells_active = true;
}

void
unit_note_active(struct unit *u)
{
	struct change c = {
		.unit = u,
		.from = u->told_active,
		.to = unit_active(u),
	};

	/* (What was made after the restoring was down, and nobody was told else.) */
	if (c.from == c.to ||
	    (!u->tells_active && u->manager->phase == MANAGER_RESTORING))
		return;
	u->told_active = c.to;
	unit_render_drop(u);
	jobs_unit_changed(u->job_unit);
	bonds_on_active(u, c.from, c.to);
	sockets_on_active(u, c.to);
	stales_on_active(u);
	job_unit_each(u->job_unit, DEP_TRIGGERS, true, tell_trigger, &c);
	if (c.to == SVC_ACTIVE_INACTIVE)
		unit_ended_lost(u);
}
