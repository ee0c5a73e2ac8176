#include "manager/budget/budgets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "manager/budget/budgets_int.h"
#include "manager/job/job.h"
#include "manager/link/adopt.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/hold.h"
#include "unit/load.h"

/* ---- what the account says ---- */

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
	budget_not_due(ub);
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

/* Of what cannot be read now nobody knows whether it has a budget. */
static bool
is_hold_stale(const struct unit *u)
{
	return budget_holds(u) && u->conf->load_state == UNIT_LOADED && !u->unanswered &&
	       !u->stand_in && conf_of(u) == NULL;
}

/* Nothing is limited any more: a hold of its budget has lost its reason. */
static void
end_stale_hold(struct unit *u)
{
	struct wish_who who = { .uid = u->manager->owner,
		.name = "supd",
		.command = "[Budget] is gone",
		.wall_us = clock_wall_us() };

	if (is_hold_stale(u))
		(void)hold_release(u, &who);
}

void
budgets_on_load(struct unit *u)
{
	struct budgets *bs = u->manager->budgets;

	if (bs == NULL || !bs->restored || !budget_holds(u))
		return;
	if (budget_get(u) != NULL)
		budget_later(u->budget);
	else
		end_stale_hold(u);
}

void
budgets_on_conf(struct unit *u)
{
	const struct budget_conf *c = conf_of(u);
	struct unit_budget *ub = u->budget;

	if (ub == NULL)
		return;
	if (c == NULL) {
		budgets_forget(u);
		end_stale_hold(u);
		return;
	}
	budget_text_forget(ub);
	budget_files_unwatch(ub);
	memset(ub->source_told, 0, sizeof(ub->source_told));
	ub->conf = c;
	budget_set_conf(ub->account, c);
	if (ub->slot != SLOT_NONE)
		budget_files_watch(ub);
	budget_later(ub);
}

/* ---- time ---- */

void
budget_arm(struct unit_budget *ub)
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
	/* (What was on its way to the one before is not written by this one.) */
	m->budgets->dirty = m->budgets->dirty || m->budgets->writing;
	m->budgets->writing = false;
	if (m->budgets->dirty)
		budgets_write_now(m);
	units_look(m, alarm_again, NULL);
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
		budget_extend(ub);
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

/* x NULL: it is down, however that came. */
static void
ended(struct unit_budget *ub, const struct svc_exit *x)
{
	uint64_t now = clock_wall_us(), mono = clock_mono_us();
	uint64_t ago =
	    x != NULL && x->wall_us != 0 && x->wall_us < now ? now - x->wall_us : 0;

	/* Nobody saw how long that ran on which a new manager does not find. */
	if (!ub->unit->manager->budgets->restored &&
	    (x == NULL || x->how == EXIT_UNKNOWN))
		ago = mono;
	budget_log_look(ub);
	budget_run_ended(ub->account, ago < mono ? mono - ago : 0);
	budget_files_read(ub);
	budget_later(ub);
}

static void
take_usage(struct unit_budget *ub, const struct svc_usage *usage)
{
	bool heard = ub->conf->n_sources == 0;

	for (size_t i = 0; i < ub->conf->n_sources; i++)
		heard = heard || ub->conf->sources[i].kind == BUDGET_FROM_NOTIFY;
	if (!heard)
		return;
	for (int what = 0; what < BUDGET_NCOUNTED; what++) {
		enum budget_kind k = budget_kind_of((enum budget_counted)what);

		if (!usage->has[what])
			continue;
		if (usage->more[what])
			budget_add(ub->account, k, usage->n[what]);
		else
			budget_counter(
			    ub->account, "notify", k, usage->n[what], true, false);
	}
	/* What was said once may not be said again: it is recorded before the message
	 * leaves the socket. */
	if (ub->dirty)
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
			ended(ub, NULL);
		}
		break;
	case SVC_EMIT_EXEC:
		if (note->kind == PROC_MAIN)
			began(ub, mem);
		break;
	case SVC_EMIT_EXIT:
		if (note->kind == PROC_MAIN)
			ended(ub, &note->exit);
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
	TAILQ_INIT(&bs->due);
	bs->files = budget_files_new(m);
	budget_store_open(bs);
	return bs;
}

/* arg: the names of those whose budget was taken out of the file while nobody was there.
 */
static void
restore_one(struct unit *u, void *arg)
{
	struct unit_budget *ub = budget_get(u);
	const struct svc_memory *mem;

	if (ub == NULL) {
		if (is_hold_stale(u))
			strv_add(arg, u->name);
		return;
	}
	mem = svc_memory(u->svc);
	if (mem->main_running && mem->slot != SLOT_NONE) {
		/* (A stop that was asked for is asked for again: its job has gone.) */
		began(ub, mem);
		budget_files_read(ub);
		budgets_on_freeze(u);
	} else {
		budget_run_ended(ub->account, 0);
		ub->stopping = false;
	}
	budget_later(ub);
}

void
budgets_restore(struct manager *m)
{
	struct strv stale = { 0 };
	struct unit *u;

	units_look(m, restore_one, &stale);
	/* Logs that were complete while nobody was there to hear it. */
	for (uint32_t i = 0; i < table_used(m->table); i++)
		if (table_slot(m->table, i)->state == SLOT_FREE)
			budgets_on_slot_done(m, i);
	m->budgets->restored = true;
	if (m->budgets->dirty && !m->budgets->writing)
		loop_timer_in(m->budgets->timer, m->conf->snapshot_interval_us);
	units_look(m, tick_unit, NULL);
	for (size_t i = 0; i < stale.n; i++)
		if ((u = unit_find(m, stale.v[i])) != NULL)
			end_stale_hold(u);
	strv_clear(&stale);
}
