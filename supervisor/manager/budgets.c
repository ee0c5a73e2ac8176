#include "manager/budgets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "manager/adopt.h"
#include "manager/budgets_int.h"
#include "manager/hold.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/load.h"

/* ---- what the account says ---- */

static void settle(void *arg);

void
budget_later(struct unit_budget *ub)
{
	loop_post(ub->unit->manager->loop, settle, ub);
}

static void
ops_crossed(void *arg, enum budget_kind kind, bool up)
{
	struct unit_budget *ub = arg;

	if (up)
		ub->up |= 1U << kind;
	else
		ub->low |= 1U << kind;
	budget_later(ub);
}

static void
ops_changed(void *arg)
{
	struct unit_budget *ub = arg;

	ub->dirty = true;
	budget_later(ub);
}

static void
ops_arm(void *arg, uint64_t mono_us)
{
	struct unit_budget *ub = arg;

	ub->run_due_us = mono_us;
	budget_later(ub);
}

static const struct zone *
ops_zone(void *arg)
{
	(void)arg;
	return zone_here();
}

static const struct budget_ops account_ops = {
	.crossed = ops_crossed, .changed = ops_changed, .arm = ops_arm, .zone = ops_zone
};

/* ---- life ---- */

/* NULL: the unit has no limit. */
static const struct budget_conf *
conf_of(const struct unit *u)
{
	const struct unit_session *s = u->svc == NULL ? NULL : svc_conf(u->svc)->session;

	for (int k = 0; s != NULL && k < BUDGET_NKINDS; k++)
		if (s->budget.limit[k] != UNIT_INFINITY)
			return &s->budget;
	return NULL;
}

static void on_timer(struct loop_timer *t, void *arg);
static bool is_held_by_us(const struct unit_budget *ub);

struct unit_budget *
budget_get(struct unit *u)
{
	const struct budget_conf *c;
	struct unit_budget *ub = u->budget;

	if (ub != NULL || (c = conf_of(u)) == NULL || u->manager->budgets == NULL)
		return ub;
	ub = xcalloc(1, sizeof(*ub));
	ub->unit = u;
	ub->conf = c;
	ub->slot = SLOT_NONE;
	ub->run_due_us = USEC_INFINITY;
	ub->timer = loop_timer_new(u->manager->loop, "budget", on_timer, ub);
	ub->account = budget_new(c, &account_ops, ub);
	u->budget = ub;
	(void)budget_store_take(ub);
	return ub;
}

void
budgets_forget(struct unit *u)
{
	struct unit_budget *ub = u->budget;

	if (ub == NULL)
		return;
	loop_post_cancel(u->manager->loop, settle, ub);
	job_forget_waiters(u->manager->jobs, ub);
	budget_store_give(ub);
	budget_files_unwatch(ub);
	budget_text_forget(ub);
	loop_timer_free(ub->timer);
	budget_free(ub->account);
	free(ub->source_error);
	free(ub);
	u->budget = NULL;
}

void
budgets_on_conf(struct unit *u)
{
	const struct budget_conf *c = conf_of(u);
	struct unit_budget *ub = u->budget;

	if (ub == NULL)
		return;
	if (c == NULL) {
		/* Nothing is limited any more; a hold of ours has lost its reason. */
		struct wish_who who = { .uid = u->manager->owner,
			.name = "supd",
			.command = "[Budget] is gone",
			.wall_us = clock_wall_us() };
		bool held = is_held_by_us(ub);

		budgets_forget(u);
		if (held)
			(void)hold_release(u, &who);
		return;
	}
	budget_text_forget(ub);
	budget_files_unwatch(ub);
	ub->conf = c;
	budget_set_conf(ub->account, c);
	if (ub->slot != SLOT_NONE)
		budget_files_watch(ub);
	budget_later(ub);
}

/* ---- time ---- */

static void
arm_timer(struct unit_budget *ub)
{
	uint64_t due = ub->run_due_us, now = clock_wall_us();
	uint64_t end = budget_end_us(ub->account);

	/* What the log had until the end of a period is of it.  (Before one has begun the
	 * logger tells of the first byte.) */
	if (ub->slot != SLOT_NONE && end != 0 && end != UNIT_INFINITY &&
	    ub->conf->limit[BUDGET_LOG_BYTES] != UNIT_INFINITY) {
		end = clock_add_us(clock_mono_us(), end > now ? end - now : 0);
		if (end < due)
			due = end;
	}
	loop_timer_at(ub->timer, due);
}

static void
tick(struct unit_budget *ub)
{
	budget_log_look(ub);
	budget_tick(ub->account);
	budget_later(ub);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	tick(arg);
}

static void
tick_unit(struct unit *u, void *arg)
{
	(void)arg;
	if (u->budget != NULL)
		tick(u->budget);
}

void
budgets_on_clock_set(struct manager *m)
{
	units_look(m, tick_unit, NULL);
}

static void
alarm_again(struct unit *u, void *arg)
{
	(void)arg;
	if (u->budget == NULL)
		return;
	u->budget->alarm = 0;
	budget_log_look(u->budget);
	budget_later(u->budget);
}

void
budgets_on_logger(struct manager *m)
{
	if (m->budgets == NULL)
		return;
	m->budgets->writing = false;
	if (m->budgets->dirty)
		budgets_write_now(m);
	units_look(m, alarm_again, NULL);
}

/* ---- what is told ---- */

static void
put_use(struct unit_budget *ub, const struct budget_view *v, enum budget_kind k)
{
	struct emitter *ev = ub->unit->manager->events;
	char text[CLOCK_TEXT_MAX];

	event_str(ev, "limit", budget_kind_name(k));
	event_str(ev, "used", budget_format(text, sizeof(text), k, v->use[k].used));
	event_str(ev, "allowed", budget_format(text, sizeof(text), k, v->use[k].allowed));
}

static void
put_until(struct unit_budget *ub, const struct budget_view *v)
{
	char text[CLOCK_TEXT_MAX];

	if (v->end_us != UNIT_INFINITY && v->end_us != 0)
		event_str(ub->unit->manager->events, "until",
		    clock_format_utc(text, sizeof(text), v->end_us));
}

static void
tell(struct unit_budget *ub, const struct budget_view *v, enum budget_kind k, bool up)
{
	struct unit *u = ub->unit;
	struct emitter *ev = u->manager->events;
	char used[CLOCK_TEXT_MAX], most[CLOCK_TEXT_MAX];

	event_begin(ev, up ? EVENT_BUDGET_EXCEEDED : EVENT_BUDGET_WARNING, u->name,
	    svc_memory(u->svc)->invocation);
	put_use(ub, v, k);
	if (up)
		event_str(ev, "action", budget_action_name(ub->conf->on_exceed));
	put_until(ub, v);
	event_end(ev);
	manager_say(u->manager, up ? MARK_FAIL : MARK_NOTE, "%s: %s %s of %s %s",
	    u->conf->stem, budget_kind_name(k),
	    budget_format(used, sizeof(used), k, v->use[k].used),
	    budget_format(most, sizeof(most), k, v->use[k].allowed),
	    up ? "are used up" : "are used");
}

static void
tell_crossed(struct unit_budget *ub)
{
	uint32_t low = ub->low, up = ub->up;
	struct budget_view v;

	if (low == 0 && up == 0)
		return;
	/* The number that the first of them gets is noted before: who comes after us sees
	 * which of them were told. */
	ub->telling = emitter_seq(ub->unit->manager->events) + 1;
	budget_store_save(ub);
	budget_view(ub->account, &v);
	for (int k = 0; k < BUDGET_NKINDS; k++) {
		if ((up >> k & 1) != 0)
			tell(ub, &v, (enum budget_kind)k, true);
		else if ((low >> k & 1) != 0)
			tell(ub, &v, (enum budget_kind)k, false);
	}
	ub->low = ub->up = 0;
	ub->telling = 0;
	ub->dirty = true;
}

/* ---- what is done ---- */

static void
supd_who(const struct unit_budget *ub, const char *command, struct wish_who *who)
{
	*who = (struct wish_who){ .uid = ub->unit->manager->owner,
		.wall_us = clock_wall_us(),
		.name = "budget" };
	snprintf(who->command, sizeof(who->command), "%s", command);
}

/* Whose hold it is says the hold itself: so it is known also when a person has held on
 * meanwhile, and to the next manager. */
static bool
is_held_by_us(const struct unit_budget *ub)
{
	const struct unit *u = ub->unit;
	const struct wish_who *who = u->flag_who[WISH_FLAG_HELD];

	return u->flag[WISH_FLAG_HELD] && who != NULL && who->pid == 0 &&
	       strcmp(who->name, "budget") == 0;
}

/* "budget: Cost 12.6 of 12.5, Tokens …" */
static char *
reason_text(const struct budget_view *v)
{
	char used[CLOCK_TEXT_MAX], most[CLOCK_TEXT_MAX];
	struct buf b = { 0 };

	for (int k = 0; k < BUDGET_NKINDS; k++) {
		if (!v->use[k].up)
			continue;
		buf_addf(&b, "%s%s %s of %s", b.len == 0 ? "budget: " : ", ",
		    budget_kind_name((enum budget_kind)k),
		    budget_format(
			used, sizeof(used), (enum budget_kind)k, v->use[k].used),
		    budget_format(
			most, sizeof(most), (enum budget_kind)k, v->use[k].allowed));
	}
	return buf_take(&b);
}

static void
set_hold(struct unit_budget *ub, const struct budget_view *v)
{
	struct unit *u = ub->unit;
	uint64_t until = v->end_us == UNIT_INFINITY ? 0 : v->end_us;
	struct wish_who who;
	char *reason;

	/* One of a person stays; one of ours follows the period. */
	if (u->flag[WISH_FLAG_HELD] &&
	    (!is_held_by_us(ub) || u->terms[WISH_FLAG_HELD].until_wall_us == until))
		return;
	reason = reason_text(v);
	supd_who(ub, "supd", &who);
	ub->held = true;
	(void)hold_unit(u, reason, until, &who);
	free(reason);
}

static void
end_hold(struct unit_budget *ub)
{
	struct wish_who who;

	if (!is_held_by_us(ub))
		return;
	supd_who(ub, "there is some again", &who);
	(void)hold_release(ub->unit, &who);
}

/* Somebody's start, or who cancels it, has pushed it out before it began. */
static void
on_stop_done(void *arg, uint32_t id, enum job_result r, const char *message)
{
	struct unit_budget *ub = arg;

	(void)id;
	(void)message;
	if (r != JOB_CANCELED)
		return;
	ub->stopping = false;
	budget_later(ub);
}

static void
ask_stop(struct unit_budget *ub, const struct budget_view *v)
{
	struct unit *u = ub->unit;
	struct buf why = { 0 };
	char origin[SVC_WHO_MAX];
	struct job_request r = {
		.type = JOB_STOP, .mode = JOB_AUTOMATIC, .origin = origin
	};
	int k = 0;

	while (k < BUDGET_NKINDS - 1 && !v->use[k].up)
		k++;
	snprintf(
	    origin, sizeof(origin), "budget %s=", budget_kind_name((enum budget_kind)k));
	ub->stopping = true;
	ub->dirty = true;
	if (job_request(u->manager->jobs, u->job_unit, &r, on_stop_done, ub, &why) == 0)
		log_warnx("%s: %s: %s", u->name, origin, buf_str(&why));
	buf_free(&why);
}

/* A restart that waits needs no stop to go on waiting. */
static bool
must_stop(const struct unit_budget *ub)
{
	const struct unit *u = ub->unit;

	if (ub->stopping || !unit_is_running(u) ||
	    svc_active(u->svc) == SVC_ACTIVE_DEACTIVATING)
		return false;
	return ub->conf->on_exceed == BUDGET_STOP ||
	       (svc_state(u->svc) != SVC_AUTO_RESTART &&
		   svc_state(u->svc) != SVC_LIMIT_WAIT);
}

/* What is so follows from what is used, whoever began it. */
static void
reconcile(struct unit_budget *ub)
{
	struct budget_view v;

	if (!ub->unit->manager->budgets->restored)
		return;
	budget_view(ub->account, &v);
	if (!v.up || ub->conf->on_exceed != BUDGET_HOLD)
		end_hold(ub);
	if (!v.up || ub->conf->on_exceed == BUDGET_NOTIFY)
		return;
	if (ub->conf->on_exceed == BUDGET_HOLD)
		set_hold(ub, &v);
	if (!must_stop(ub))
		return;
	/* What ran is to run again. */
	if (ub->conf->on_exceed == BUDGET_HOLD)
		unit_set_awaited(ub->unit, true);
	ask_stop(ub, &v);
}

static void
settle(void *arg)
{
	struct unit_budget *ub = arg;
	bool up = ub->up != 0;

	if (ub->unit->svc == NULL)
		return;
	tell_crossed(ub);
	reconcile(ub);
	budget_log_arm(ub);
	arm_timer(ub);
	unit_render_drop(ub->unit);
	if (ub->dirty)
		budget_store_save(ub);
	/* That is worth more than the time it takes to write it. */
	if (up && ub->unit->manager->budgets->restored)
		budgets_write_now(ub->unit->manager);
}

bool
budgets_keep_down(const struct unit *u)
{
	const struct unit_budget *ub = u->budget;

	return ub != NULL && ub->up != 0 && ub->conf->on_exceed != BUDGET_NOTIFY;
}

/* As much again, from now on. */
static void
extend(struct unit_budget *ub)
{
	struct emitter *ev = ub->unit->manager->events;
	struct budget_view before, after;

	budget_log_look(ub);
	budget_tick(ub->account);
	budget_view(ub->account, &before);
	if (!budget_release(ub->account))
		return;
	ub->up = 0;
	budget_view(ub->account, &after);
	for (int k = 0; k < BUDGET_NKINDS; k++) {
		if (!before.use[k].up)
			continue;
		event_begin(ev, EVENT_BUDGET_EXTENDED, ub->unit->name, NULL);
		put_use(ub, &after, (enum budget_kind)k);
		put_until(ub, &after);
		event_end(ev);
	}
}

void
budgets_on_released(struct unit *u, const struct wish_who *who)
{
	struct unit_budget *ub = u->budget;

	if (ub == NULL || !u->manager->budgets->restored)
		return;
	if (ub->conf->on_exceed == BUDGET_HOLD && who->pid != 0)
		extend(ub);
	ub->held = false;
	budget_store_save(ub);
	budget_later(ub);
}

bool
budgets_reset(struct unit *u, const struct wish_who *who)
{
	struct unit_budget *ub = budget_get(u);
	struct emitter *ev = u->manager->events;
	struct budget_view v;
	struct buf used = { 0 };
	char text[CLOCK_TEXT_MAX];

	if (ub == NULL)
		return false;
	budget_log_look(ub);
	budget_view(ub->account, &v);
	for (int k = 0; k < BUDGET_NKINDS; k++)
		if (v.use[k].limit != UNIT_INFINITY)
			buf_addf(&used, "%s%s %s", used.len == 0 ? "" : ", ",
			    budget_kind_name((enum budget_kind)k),
			    budget_format(
				text, sizeof(text), (enum budget_kind)k, v.use[k].used));
	event_begin(ev, EVENT_BUDGET_RESET, u->name, NULL);
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	event_str(ev, "user", who->name);
	event_int(ev, "uid", (int64_t)who->uid);
	event_int(ev, "by_pid", who->pid);
	event_str(ev, "used", buf_str(&used));
	event_end(ev);
	buf_free(&used);
	budget_reset(ub->account);
	ub->low = ub->up = 0;
	budget_store_save(ub);
	if (is_held_by_us(ub))
		(void)hold_release(u, who);
	budgets_write_now(u->manager);
	budget_later(ub);
	return true;
}

bool
budget_of_unit(struct unit *u, struct budget_view *v)
{
	struct unit_budget *ub = budget_get(u);

	if (ub == NULL)
		return false;
	budget_log_look(ub);
	budget_view(ub->account, v);
	return true;
}

/* ---- what happens to the service ---- */

/* Before anything of it runs. */
static void
begins(struct unit_budget *ub, enum svc_state state, const struct svc_memory *mem)
{
	budget_files_base(ub);
	/* A person who starts what was stopped wants it to go on.  (A restart that waits
	 * begins here, too, and nobody has counted it yet.) */
	if (state != SVC_AUTO_RESTART && ub->conf->on_exceed == BUDGET_STOP &&
	    mem->fresh_start && mem->restarts == 0)
		extend(ub);
	ub->stopping = false;
}

static void
began(struct unit_budget *ub, const struct svc_memory *mem)
{
	char hex[HEX_ID_SIZE];

	hex_encode(hex, mem->invocation, sizeof(mem->invocation));
	ub->slot = mem->slot;
	memcpy(ub->invocation, mem->invocation, sizeof(ub->invocation));
	ub->alarm = 0;
	budget_run_began(ub->account, hex, clock_mono_us());
	ub->stopping = false;
	budget_files_watch(ub);
	budget_later(ub);
}

void
budgets_on_freeze(struct unit *u)
{
	struct unit_budget *ub = u->budget;
	const struct svc_memory *mem;
	char hex[HEX_ID_SIZE];

	if (ub == NULL)
		return;
	mem = svc_memory(u->svc);
	if (svc_is_frozen(u->svc)) {
		budget_run_ended(ub->account, clock_mono_us());
	} else if (mem->main_running && mem->slot != SLOT_NONE) {
		hex_encode(hex, mem->invocation, sizeof(mem->invocation));
		budget_run_began(ub->account, hex, clock_mono_us());
	}
}

static void
ended(struct unit_budget *ub, uint64_t wall_us)
{
	uint64_t now = clock_wall_us(), mono = clock_mono_us();
	uint64_t ago = wall_us != 0 && wall_us < now ? now - wall_us : 0;

	budget_log_look(ub);
	budget_run_ended(ub->account, ago < mono ? mono - ago : 0);
	budget_files_read(ub);
	budget_later(ub);
}

static void
take_usage(struct unit_budget *ub, const struct svc_usage *usage)
{
	bool more = false;

	for (size_t i = 0; i < ub->conf->n_sources; i++)
		more = more || ub->conf->sources[i].kind == BUDGET_FROM_NOTIFY;
	if (!more && ub->conf->n_sources > 0)
		return;
	more = false;
	for (int what = 0; what < BUDGET_NCOUNTED; what++) {
		enum budget_kind k = budget_kind_of((enum budget_counted)what);

		if (!usage->has[what])
			continue;
		more = more || usage->more[what];
		if (usage->more[what])
			budget_add(ub->account, k, usage->n[what]);
		else
			budget_counter(
			    ub->account, "notify", k, usage->n[what], true, false);
	}
	/* What was said once is not said again: it is recorded before the message leaves
	 * the socket. */
	if (more)
		budget_store_save(ub);
}

void
budgets_on_note(struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct unit_budget *ub = budget_get(u);

	if (ub == NULL)
		return;
	switch (note->what) {
	case SVC_EMIT_STATE:
		if (svc_state_active(note->old) != SVC_ACTIVE_ACTIVATING &&
		    svc_state_active(note->state) == SVC_ACTIVE_ACTIVATING)
			begins(ub, note->state, mem);
		if (note->state == SVC_DEAD || note->state == SVC_FAILED) {
			ub->stopping = false;
			budget_files_unwatch(ub);
			ended(ub, 0);
		}
		break;
	case SVC_EMIT_EXEC:
		if (note->kind == PROC_MAIN)
			began(ub, mem);
		break;
	case SVC_EMIT_EXIT:
		if (note->kind == PROC_MAIN)
			ended(ub, note->exit.wall_us);
		break;
	case SVC_EMIT_RESTART:
		budgets_on_restart(u);
		break;
	case SVC_EMIT_USAGE:
		take_usage(ub, &note->usage);
		break;
	default:
		break;
	}
}

void
budgets_on_restart(struct unit *u)
{
	struct unit_budget *ub = budget_get(u);

	if (ub != NULL)
		budget_add(ub->account, BUDGET_RESTARTS, 1);
}

/* ---- a new manager ---- */

struct budgets *
budgets_new(struct manager *m)
{
	struct budgets *bs = xcalloc(1, sizeof(*bs));

	bs->m = m;
	bs->files = budget_files_new(m);
	budget_store_open(bs);
	return bs;
}

static void
restore_one(struct unit *u, void *arg)
{
	struct unit_budget *ub = budget_get(u);
	const struct svc_memory *mem;

	(void)arg;
	if (ub == NULL)
		return;
	mem = svc_memory(u->svc);
	if (mem->main_running && mem->slot != SLOT_NONE) {
		/* (A stop that was asked for is asked for again: its job has gone.) */
		began(ub, mem);
		budget_files_read(ub);
		budgets_on_freeze(u);
	} else {
		budget_run_ended(ub->account, clock_mono_us());
		ub->stopping = false;
	}
	ub->held = is_held_by_us(ub);
	budget_later(ub);
}

void
budgets_restore(struct manager *m)
{
	units_look(m, restore_one, NULL);
	/* Logs that were complete while nobody was there to hear it. */
	for (uint32_t i = 0; i < table_used(m->table); i++)
		if (table_slot(m->table, i)->state == SLOT_FREE)
			budgets_on_slot_done(m, i);
	m->budgets->restored = true;
	if (m->budgets->dirty && !m->budgets->writing)
		loop_timer_in(m->budgets->timer, m->conf->snapshot_interval_us);
	units_look(m, tick_unit, NULL);
}
