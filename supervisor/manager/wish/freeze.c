#include "manager/wish/freeze.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "manager/budget/budgets.h"
#include "manager/job/job.h"
#include "manager/link/adopt.h"
#include "manager/manager.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/emergency.h"
#include "unit/conf.h"

bool
freeze_is_wanted(const struct unit *u)
{
	return u->flag[WISH_FLAG_FROZEN] || emergency_freezes(u) || phases_freezes(u);
}

bool
freeze_is_on(const struct unit *u)
{
	return u->svc != NULL && svc_is_frozen(u->svc);
}

static const char *
how_of(const struct unit *u)
{
	return u->svc != NULL &&
		       adopt_slot_is_contained(u->manager, svc_memory(u->svc)->slot)
		   ? "cgroup"
		   : "best-effort";
}

static void
tell(struct unit *u, enum event_id id, const char *reason, const struct wish_who *who)
{
	struct emitter *ev = u->manager->events;

	event_begin(
	    ev, id, u->name, u->svc == NULL ? NULL : svc_memory(u->svc)->invocation);
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	if (reason != NULL)
		event_str(ev, "reason", reason);
	event_str(ev, "how", how_of(u));
	event_end(ev);
}

void
freeze_apply(struct unit *u)
{
	if (u->svc == NULL)
		return;
	svc_set_frozen(u->svc, freeze_is_wanted(u));
	budgets_on_freeze(u);
	/* A restart that waited for it. */
	if (!freeze_is_wanted(u))
		jobs_unit_changed(u->job_unit);
}

uint64_t
freeze_unit(struct unit *u, const char *reason, const struct wish_who *who)
{
	uint64_t seq = unit_set_terms(u, WISH_FLAG_FROZEN, reason, 0, who);

	tell(u, EVENT_FREEZE, reason, who);
	freeze_apply(u);
	return seq;
}

uint64_t
freeze_forget(struct unit *u, const struct wish_who *who)
{
	uint64_t seq;

	if (!u->flag[WISH_FLAG_FROZEN])
		return 0;
	seq = unit_set_flag(u, WISH_FLAG_FROZEN, false, who);
	tell(u, EVENT_THAW, NULL, who);
	return seq;
}

uint64_t
freeze_thaw(struct unit *u, const struct wish_who *who)
{
	uint64_t seq = freeze_forget(u, who);

	if (seq != 0)
		freeze_apply(u);
	return seq;
}

static void
restore_one(struct unit *u, void *arg)
{
	(void)arg;
	freeze_apply(u);
}

void
freezes_restore(struct manager *m)
{
	units_look(m, restore_one, NULL);
}

static void
render_by_phase(const struct unit *u, struct jw *w)
{
	jw_kv_obj(w, "frozen");
	jw_kv_bool(w, "now", freeze_is_on(u));
	jw_kv_str(w, "how", how_of(u));
	jw_kv_str(w, "who", "supd (PhaseYield=)");
	jw_kv_null(w, "since");
	jw_kv_strf(w, "undo", "supctl stop %s", u->name);
	jw_kv_strf(w, "reason", "the phase is %s", phases_word(u->manager));
	jw_end(w);
}

void
freeze_render(const struct unit *u, struct jw *w)
{
	bool by_person = u->flag[WISH_FLAG_FROZEN];
	const struct wish_who *who =
	    by_person ? u->flag_who[WISH_FLAG_FROZEN] : emergency_who(u);
	char text[CLOCK_TEXT_MAX];

	if (!freeze_is_wanted(u)) {
		jw_kv_null(w, "frozen");
		return;
	}
	if (!by_person && !emergency_freezes(u)) {
		render_by_phase(u, w);
		return;
	}
	jw_kv_obj(w, "frozen");
	jw_kv_bool(w, "now", freeze_is_on(u));
	jw_kv_str(w, "how", how_of(u));
	jw_kv_strf(w, "who", "%s (%s)", who->name, who->command);
	jw_kv_str(w, "since", clock_format_utc(text, sizeof(text), who->wall_us));
	if (by_person)
		jw_kv_strf(w, "undo", "supctl thaw %s", u->name);
	else
		jw_kv_str(w, "undo", emergency_undo(u));
	jw_kv_str(w, "reason",
	    by_person ? u->terms[WISH_FLAG_FROZEN].reason : emergency_why(u));
	jw_end(w);
}
