/*
 * timer: the machine of one timer.  Whatever happens ends in timer_settle(), which looks
 * at the clocks, plans, and arms; an elapse is decided in timer_tick alone.
 */
#include "manager/activate/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/activate/timer_int.h"

enum {
	/* Clocks that are read one after the other differ by less. */
	STEP_US = 1000,
};

bool
timer_is_active(const struct timer *t)
{
	return t->state != TIMER_DEAD;
}

enum timer_overlap
timer_overlap(const struct timer *t)
{
	if (t->conf.policy.overlap == OVERLAP_DEFAULT && t->conf.defer_reactivation)
		return OVERLAP_SKIP;
	return t->conf.policy.overlap;
}

bool
timer_elapses_while_running(const struct timer *t)
{
	enum timer_overlap o = timer_overlap(t);

	return o == OVERLAP_REPLACE || o == OVERLAP_ALLOW;
}

struct timer *
timer_new(const char *name, const struct timer_conf *conf, const struct timer_ops *ops)
{
	struct timer *t = xcalloc(1, sizeof(*t));

	t->name = name;
	t->ops = *ops;
	t->planned_us = t->planned_point_us = USEC_INFINITY;
	timer_conf_take(t, conf);
	t->sum = t->conf_sum;
	return t;
}

void
timer_free(struct timer *t)
{
	if (t == NULL)
		return;
	timer_conf_drop(t);
	free(t);
}

/* ---- telling ---- */

void
timer_remember_plan(struct timer *t)
{
	struct timer_now now;
	struct timer_plan p;

	if (t->sum != t->conf_sum || t->lived.to_us == 0)
		return;
	timer_look(&now);
	timer_plan(t, &now, &p);
	t->planned_us = p.wall_us;
	t->planned_due_us = p.wall_due_us;
	t->planned_point_us = p.point_us;
}

void
timer_tell(struct timer *t, struct timer_note note)
{
	timer_remember_plan(t);
	t->ops.tell(t->ops.arg, &note);
}

void
timer_set_state(struct timer *t, enum timer_state state)
{
	enum timer_state old = t->state;

	if (state == old)
		return;
	t->state = state;
	timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_STATE, .old = old });
}

void
timer_skipped(
    struct timer *t, const char *why, uint64_t count, uint64_t first_us, uint64_t last_us)
{
	char word[sizeof(t->skipped_why)];

	if (count == 0)
		return;
	strlcpy(word, why, sizeof(word));
	strlcpy(t->skipped_why, word, sizeof(t->skipped_why));
	t->skipped += count;
	t->skipped_wall_us = clock_wall_us();
	timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_SKIPPED,
			  .why = word,
			  .count = count,
			  .first_wall_us = first_us,
			  .last_wall_us = last_us });
}

/* ---- accounting ---- */

void
timer_account_times(struct timer *t, const struct timer_now *now)
{
	t->kept_us = 0;
	t->missed_why[0] = '\0';
	t->overlapped = false;
	timer_live_until(t, now->wall_us);
}

/* And all points. */
static void
account(struct timer *t, const struct timer_now *now)
{
	timer_account_times(t, now);
	t->points_us = timer_point_clock(t, now);
}

/* None of what came until now has a run; of_unit: a unit's time was among it. */
static void
skip_all(struct timer *t, const struct timer_now *now, const char *why, bool of_unit)
{
	uint64_t first, last, point, n = timer_count(t, now->wall_us, &first, &last);

	n += timer_count_points(t, now, &point) + of_unit;
	account(t, now);
	timer_skipped(t, why, n, first, last);
}

/* ---- the next elapse ---- */

static void
disarm(struct timer *t)
{
	t->ops.arm(t->ops.arg, USEC_INFINITY, USEC_INFINITY);
}

static void
settle_as(struct timer *t, bool running)
{
	struct timer_now now;
	struct timer_plan p;
	uint64_t until;

	if (running && !timer_elapses_while_running(t))
		return disarm(t);
	if (running && timer_idle_unit(t) == -1 && timer_overlap(t) == OVERLAP_ALLOW)
		return disarm(t);
	timer_look(&now);
	timer_plan(t, &now, &p);
	if (p.from_us == USEC_INFINITY && !t->conf.on_clock_change &&
	    !t->conf.on_timezone_change) {
		disarm(t);
		if (!running)
			timer_set_state(t, t->conf.remain_after_elapse || p.of_unit
					       ? TIMER_ELAPSED
					       : TIMER_DEAD);
		return;
	}
	if (!running)
		timer_set_state(t, TIMER_WAITING);
	until = clock_add_us(p.from_us, t->conf.accuracy_us);
	/* What is late is not made later by waiting for company. */
	if (p.from_us <= now.mono_us)
		until = p.from_us;
	t->ops.arm(t->ops.arg, p.from_us, until);
}

void
timer_settle(struct timer *t)
{
	settle_as(t, t->state == TIMER_RUNNING);
}

/* The start of a unit, for all that came until now. */
static void
elapse(struct timer *t, const struct timer_now *now, uint32_t unit, const char *why,
    bool replace)
{
	char name[UNIT_NAME_MAX + 1];
	uint64_t first, last, point, was_point = t->points_us;
	uint64_t n = timer_count(t, now->wall_us, &first, &last);
	uint64_t points = timer_count_points(t, now, &point);
	struct timer_run run;
	struct timer_note note = { .what = TIMER_NOTE_ELAPSED, .unit = name, .why = why };
	const char *missed = t->overlapped              ? "overlap"
			     : t->missed_why[0] != '\0' ? t->missed_why
							: "coalesced";

	(void)timer_unit(t, unit, name, sizeof(name));
	timer_unit_look(t, unit, &run);
	note.missed = t->missed_why[0] != '\0';
	note.last_wall_us = n > 0 ? last : 0;
	if (n + points > 1) {
		/* What is told as skipped is not yet what runs, and one is left for that:
		 * the calendar's, where there is one. */
		struct timer_lived was = t->lived;

		if (n > 0 && last != t->kept_us) {
			t->kept_us = 0;
			timer_live_until(t, last - 1);
		}
		if (points > 0)
			t->points_us = n > 0 ? point : point - 1;
		timer_skipped(t, missed, n + points - 1, first, n > 0 ? last : 0);
		t->lived = was;
		t->points_us = was_point;
	}
	/* Time that was jumped over was not lived, but for what runs now. */
	if (n > 0 && note.missed && !t->overlapped)
		timer_live_anew(t, last, now->wall_us);
	account(t, now);
	t->last_wall_us = now->wall_us;
	t->last_mono_us = now->mono_us;
	t->other_boot = false;
	t->count++;
	timer_fired(t, unit);
	t->firing[t->n_firing].unit = unit;
	t->firing[t->n_firing].for_us = note.last_wall_us;
	strlcpy(t->firing[t->n_firing].before, run.id, sizeof(t->firing[0].before));
	t->n_firing++;
	timer_tell(t, note);
	timer_set_state(t, TIMER_RUNNING);
	t->ops.start(t->ops.arg, name, replace);
	timer_settle(t);
}

/* A unit's time counts from now. */
static void
count_anew(struct timer *t, const struct timer_now *now)
{
	t->floor_us = now->mono_us;
}

/* Something is due: what becomes of it. */
static void
decide(struct timer *t, const struct timer_now *now, const char *why, bool of_unit)
{
	enum timer_overlap overlap = timer_overlap(t);
	int unit = timer_idle_unit(t);
	struct timer_run run;

	timer_unit_look(t, unit == -1 ? 0 : (size_t)unit, &run);
	if (run.refusal != NULL) {
		skip_all(t, now, run.refusal, of_unit);
		count_anew(t, now);
		t->floor_us += TIMER_AGAIN_US;
		return timer_settle(t);
	}
	if (unit != -1 && !run.busy)
		return elapse(t, now, (uint32_t)unit, why, false);
	if (unit != -1)
		t->busy |= 1U << unit;
	switch (overlap) {
	case OVERLAP_REPLACE:
		/* The run that was asked for has not begun: it is for this, too. */
		if (timer_is_firing(t, 0)) {
			skip_all(t, now, "coalesced", of_unit);
			count_anew(t, now);
			return timer_settle(t);
		}
		return elapse(t, now, 0, why, true);
	case OVERLAP_ALLOW:
		if (timer_idle_unit(t) != -1)
			return decide(t, now, why, of_unit);
		break;
	case OVERLAP_DEFAULT:
		skip_all(t, now, "overlap", of_unit);
		count_anew(t, now);
		break;
	default:
		break;
	}
	/* Whatever comes now is counted when it ends. */
	timer_set_state(t, TIMER_RUNNING);
	timer_settle(t);
}

void
timer_tick(struct timer *t)
{
	struct timer_now now;
	struct timer_plan p;

	if (t->state != TIMER_WAITING &&
	    (t->state != TIMER_RUNNING || !timer_elapses_while_running(t)))
		return;
	timer_look(&now);
	timer_plan(t, &now, &p);
	if (p.from_us > now.mono_us)
		return timer_settle(t);
	decide(
	    t, &now, p.calendar ? "calendar" : "monotonic", !p.calendar && !p.point_once);
}

/* What it started has ended. */
static void
finished(struct timer *t, bool by_person)
{
	struct timer_now now;
	enum timer_overlap overlap = timer_overlap(t);
	uint64_t point;

	timer_look(&now);
	if (by_person) {
		skip_all(t, &now, "stopped", false);
		count_anew(t, &now);
	} else if (overlap == OVERLAP_SKIP) {
		skip_all(t, &now, "overlap", false);
		count_anew(t, &now);
	} else {
		if (overlap == OVERLAP_DEFAULT) {
			uint64_t n = timer_count_points(t, &now, &point);

			if (n > 0)
				t->points_us = timer_point_clock(t, &now);
			timer_skipped(t, "overlap", n, 0, 0);
		}
		t->overlapped = true;
	}
	settle_as(t, false);
}

void
timer_on_unit(struct timer *t, const char *unit, bool busy, bool by_person)
{
	int i = timer_unit_index(t, unit);
	struct timer_now now;
	bool full = timer_idle_unit(t) == -1;

	if (i == -1)
		return;
	timer_look(&now);
	if (busy) {
		t->busy |= 1U << i;
		t->exit_us = now.mono_us;
		timer_fired(t, (uint32_t)i);
	} else {
		t->busy &= ~(1U << i);
		t->enter_us = now.mono_us;
	}
	if (!timer_is_active(t))
		return;
	if (t->state != TIMER_RUNNING)
		return timer_settle(t);
	if (timer_overlap(t) == OVERLAP_ALLOW) {
		/* While all ran, nothing was waited for. */
		if (full && !busy)
			skip_all(t, &now, by_person ? "stopped" : "overlap", false);
		return settle_as(t, timer_any_busy(t));
	}
	if (!timer_any_busy(t))
		return finished(t, by_person);
	timer_settle(t);
}

void
timer_done(struct timer *t, const char *unit, const char *why)
{
	int i = timer_unit_index(t, unit);
	struct timer_firing was;
	struct timer_now now;
	struct timer_run run;
	bool began;

	if (i == -1 || !timer_is_firing(t, (uint32_t)i))
		return;
	was = timer_fired(t, (uint32_t)i);
	timer_unit_look(t, (size_t)i, &run);
	began = strcmp(run.id, was.before) != 0;
	if (why != NULL) {
		timer_look(&now);
		count_anew(t, &now);
		t->floor_us += TIMER_AGAIN_US;
	}
	if (why != NULL && !began)
		timer_skipped(t, why, 1, was.for_us, was.for_us);
	else
		timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_MEMORY });
	if (t->state == TIMER_RUNNING && !timer_any_busy(t))
		finished(t, false);
}

/* ---- requests ---- */

static void
missed(struct timer *t, const struct timer_now *now, const char *why)
{
	strlcpy(t->missed_why, why, sizeof(t->missed_why));
	t->missed_due_us = now->mono_us + t->ops.spread(t->ops.arg);
}

/* Calendar times that came while it was not active. */
static void
catch_up(struct timer *t, const struct timer_now *now)
{
	const char *why = t->stopped ? "stopped" : "off";
	uint64_t first, last, n;
	struct timer_plan p;

	if (t->lived.to_us == 0) {
		t->lived = (struct timer_lived){ now->wall_us, now->wall_us };
		return;
	}
	timer_live_again(t, now->wall_us);
	n = timer_count(t, now->wall_us, &first, &last);
	if (t->conf.persistent) {
		timer_plan(t, now, &p);
		if (n > 0 || (p.from_us <= now->mono_us && !p.point_once))
			missed(t, now, why);
		return;
	}
	if (now->wall_us > t->lived.to_us)
		timer_live_anew(t, now->wall_us, now->wall_us);
	timer_skipped(t, why, n, first, last);
}

void
timer_start(struct timer *t)
{
	struct timer_now now;

	if (timer_is_active(t))
		return;
	timer_look(&now);
	t->active = t->seen = now;
	t->kept_us = 0;
	t->missed_why[0] = '\0';
	t->overlapped = false;
	t->n_firing = 0;
	t->floor_us = 0;
	timer_units_look(t, &now);
	if (t->other_boot)
		t->points_us = 0;
	t->planned_point_us = USEC_INFINITY;
	timer_edited_meanwhile(t, &now);
	catch_up(t, &now);
	t->stopped = false;
	timer_set_state(t, TIMER_WAITING);
	timer_settle(t);
}

void
timer_stop(struct timer *t, enum timer_stop why)
{
	struct timer_now now;

	if (!timer_is_active(t))
		return;
	disarm(t);
	timer_look(&now);
	if (why != TIMER_STOP_END) {
		/* One that waits for its delay does not come. */
		if (!t->conf.persistent)
			skip_all(t, &now, "stopped", false);
		t->stopped = true;
	}
	if (why == TIMER_STOP_PERSON) {
		t->n_past = 0;
		if (t->lived.to_us > now.wall_us || !t->conf.persistent)
			t->lived = (struct timer_lived){ now.wall_us, now.wall_us };
	}
	/* What was asked for goes on, and is answered. */
	t->kept_us = 0;
	t->missed_why[0] = '\0';
	timer_set_state(t, TIMER_DEAD);
}

void
timer_on_zone(struct timer *t)
{
	struct timer_now now;

	if (!timer_is_active(t))
		return;
	timer_look(&now);
	if (t->conf.on_timezone_change && t->state == TIMER_WAITING)
		return decide(t, &now, "timezone-change", false);
	timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_MEMORY });
	timer_settle(t);
}

void
timer_on_clock(struct timer *t)
{
	struct timer_now now;
	int64_t step, slept;
	bool was_due;

	timer_look(&now);
	step = (int64_t)(now.wall_us - t->seen.wall_us) -
	       (int64_t)(now.mono_us - t->seen.mono_us);
	slept = (int64_t)(now.boot_us - t->seen.boot_us) -
		(int64_t)(now.mono_us - t->seen.mono_us);
	was_due = timer_next(t) <= now.wall_us - (uint64_t)step;
	t->seen = now;
	if (!timer_is_active(t) || (step < STEP_US && step > -STEP_US))
		return;
	if (step < 0) {
		timer_live_again(t, now.wall_us);
		if (timer_next(t) > now.wall_us)
			t->missed_why[0] = '\0';
	} else if (!was_due && t->kept_us == 0 && t->missed_why[0] == '\0') {
		if (timer_next(t) <= now.wall_us)
			missed(t, &now, slept > step / 2 ? "asleep" : "clock-set");
	}
	timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_MEMORY });
	if (t->conf.on_clock_change && t->state == TIMER_WAITING)
		return decide(t, &now, "clock-change", false);
	timer_settle(t);
}

void
timer_resume(struct timer *t)
{
	struct timer_now now;
	struct timer_run run;
	char name[UNIT_NAME_MAX + 1];

	timer_look(&now);
	timer_units_look(t, &now);
	if (!timer_is_active(t))
		return;
	timer_edited_meanwhile(t, &now);
	timer_on_clock(t);
	for (size_t i = 0; i < t->n_firing;) {
		uint32_t unit = t->firing[i].unit;
		bool replace;

		timer_unit_look(t, unit, &run);
		/* What ran before it was asked for goes on, and is still to be ended. */
		replace = run.busy && timer_overlap(t) == OVERLAP_REPLACE;
		if ((run.busy && !replace) || strcmp(run.id, t->firing[i].before) != 0 ||
		    !timer_unit(t, unit, name, sizeof(name))) {
			timer_fired(t, unit);
			continue;
		}
		t->ops.start(t->ops.arg, name, replace);
		i++;
	}
	if (t->state == TIMER_RUNNING && !timer_any_busy(t))
		finished(t, false);
	else
		timer_settle(t);
}

/* ---- what it is ---- */

enum timer_state
timer_state(const struct timer *t)
{
	return t->state;
}

const char *
timer_state_name(enum timer_state s)
{
	static const char *const names[TIMER_NSTATES] = {
		[TIMER_DEAD] = "dead",
		[TIMER_WAITING] = "waiting",
		[TIMER_RUNNING] = "running",
		[TIMER_ELAPSED] = "elapsed",
	};

	return names[s];
}

void
timer_view(const struct timer *t, struct timer_view *v)
{
	struct timer_now now;
	struct timer_plan p;

	*v = (struct timer_view){ .state = t->state,
		.next_wall_us = USEC_INFINITY,
		.next_mono_us = USEC_INFINITY,
		.due_wall_us = USEC_INFINITY,
		.last_wall_us = t->last_wall_us,
		.last_mono_us = t->other_boot ? 0 : t->last_mono_us,
		.count = t->count,
		.skipped = t->skipped,
		.skipped_wall_us = t->skipped_wall_us,
		.skipped_why = t->skipped_why[0] != '\0' ? t->skipped_why : NULL };
	if (!timer_is_active(t) || t->state == TIMER_ELAPSED)
		return;
	timer_look(&now);
	timer_plan(t, &now, &p);
	v->next_wall_us = p.wall_due_us;
	if (p.point_us != USEC_INFINITY)
		v->next_mono_us = p.point_due_us;
	if (p.from_us != USEC_INFINITY)
		v->due_wall_us = now.wall_us + (p.from_us - now.mono_us);
	v->waits = t->state == TIMER_RUNNING && p.from_us <= now.mono_us &&
		   timer_overlap(t) != OVERLAP_SKIP && timer_overlap(t) != OVERLAP_ALLOW;
}
