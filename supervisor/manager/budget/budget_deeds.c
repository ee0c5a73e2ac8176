/*
 * budget_deeds: what follows from what is used: it is recorded, told, and the unit is
 * held or stopped, in this order.
 *
 * All units that have something due in a turn of the loop are seen to together.  What
 * crossed a limit is first noted with the numbers that its events will have, for all of
 * them; then the ledger is written, once; then they are told.  So who comes after a
 * manager that dies at any point knows which of them were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "manager/budget/budgets_int.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/hold.h"
#include "unit/load.h"

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

/* What is not so any more, because a period ended or a limit was raised meanwhile, is not
 * told. */
static void
drop_untrue(struct unit_budget *ub)
{
	struct budget_view v;

	budget_view(ub->account, &v);
	for (int k = 0; k < BUDGET_NKINDS; k++) {
		if (!v.use[k].up)
			ub->up &= ~(1U << k);
		if (!v.use[k].warned || v.use[k].up)
			ub->low &= ~(1U << k);
	}
}

static void
tell_crossed(struct unit_budget *ub)
{
	uint64_t next = emitter_seq(ub->unit->manager->events) + 1;
	struct budget_view v;

	if (ub->low == 0 && ub->up == 0)
		return;
	/* (Who listens may have been told of something else between.) */
	if (ub->telling != next) {
		ub->telling = next;
		budget_store_save(ub);
	}
	budget_view(ub->account, &v);
	for (int k = 0; k < BUDGET_NKINDS; k++)
		if (((ub->up | ub->low) >> k & 1) != 0)
			tell(ub, &v, (enum budget_kind)k, (ub->up >> k & 1) != 0);
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

bool
budget_holds(const struct unit *u)
{
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
	    (!budget_holds(u) || u->terms[WISH_FLAG_HELD].until_wall_us == until))
		return;
	reason = reason_text(v);
	supd_who(ub, "supd", &who);
	(void)hold_unit(u, reason, until, &who);
	free(reason);
}

static void
end_hold(struct unit_budget *ub)
{
	struct wish_who who;

	if (!budget_holds(ub->unit))
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
	if (job_request(u->manager->jobs, u->job_unit, &r, on_stop_done, ub, &why) == 0) {
		ub->stopping = false;
		log_warnx("%s: %s: %s", u->name, origin, buf_str(&why));
	}
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

/* ---- all that is due ---- */

/* What is to be told of it gets its numbers, from seq on.  Returns the next one. */
static uint64_t
number(struct unit_budget *ub, uint64_t seq)
{
	drop_untrue(ub);
	if (ub->low == 0 && ub->up == 0)
		return seq;
	ub->telling = seq;
	budget_store_save(ub);
	return seq + (uint64_t)__builtin_popcount(ub->low | ub->up);
}

/* Everybody's crossings, noted before the first of them is told. */
static void
record(struct budgets *bs)
{
	uint64_t seq = emitter_seq(bs->m->events) + 1;
	struct unit_budget *ub;
	bool up = false;

	TAILQ_FOREACH (ub, &bs->due, due) {
		seq = number(ub, seq);
		up = up || ub->up != 0;
	}
	/* That is worth more than the time it takes to write it. */
	if (up)
		budgets_write_now(bs->m);
	TAILQ_FOREACH (ub, &bs->due, due)
		tell_crossed(ub);
}

static void
settle_one(struct unit_budget *ub)
{
	reconcile(ub);
	budget_log_arm(ub);
	budget_arm(ub);
	unit_render_drop(ub->unit);
	if (ub->dirty)
		budget_store_save(ub);
}

static void
settle(void *arg)
{
	struct budgets *bs = arg;
	uint64_t round = bs->round++;
	struct unit_budget *ub;

	/* Before all is known nothing is told or done; but what was said once to a
	 * manager that dies now is not said again. */
	if (!bs->restored) {
		TAILQ_FOREACH (ub, &bs->due, due)
			if (ub->dirty)
				budget_store_save(ub);
		return;
	}
	record(bs);
	/* What these deeds make due is seen to in the next round. */
	while ((ub = TAILQ_FIRST(&bs->due)) != NULL && ub->due_round <= round) {
		budget_not_due(ub);
		settle_one(ub);
	}
}

void
budget_later(struct unit_budget *ub)
{
	struct budgets *bs = ub->unit->manager->budgets;

	if (!ub->is_due) {
		ub->is_due = true;
		ub->due_round = bs->round;
		TAILQ_INSERT_TAIL(&bs->due, ub, due);
	}
	loop_post(bs->m->loop, settle, bs);
}

void
budget_not_due(struct unit_budget *ub)
{
	if (ub->is_due)
		TAILQ_REMOVE(&ub->unit->manager->budgets->due, ub, due);
	ub->is_due = false;
}

/* ---- what others decide ---- */

bool
budgets_keep_down(const struct unit *u)
{
	const struct unit_budget *ub = u->budget;

	return ub != NULL && ub->up != 0 && ub->conf->on_exceed != BUDGET_NOTIFY;
}

void
budget_extend(struct unit_budget *ub)
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
		budget_extend(ub);
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
	if (budget_holds(ub->unit))
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
