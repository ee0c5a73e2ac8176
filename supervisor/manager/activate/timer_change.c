/*
 * timer_change: another schedule, or another zone, for a timer that is active: what had
 * come by the old one is kept or told, and nothing elapses because of the change.
 */
#include <string.h>

#include "lib/clock.h"
#include "manager/activate/timer_int.h"

/* What came by the schedule so far, and has no run yet. */
struct came {
	uint64_t n, first_us, last_us; /* of the calendar */
	uint64_t due_us;               /* the last of them, with its delays */
	uint64_t points;
};

static void
look_came(const struct timer *t, const struct timer_now *now, struct came *c)
{
	struct timer_plan p;
	uint64_t point;

	timer_plan(t, now, &p);
	c->n = timer_count(t, now->wall_us, &c->first_us, &c->last_us);
	c->due_us = p.wall_due_us;
	c->points = timer_count_points(t, now, &point) + timer_unit_point_came(t, now);
}

/* The same of a schedule that nobody has any more: only what came first is known. */
static void
recall_came(const struct timer *t, const struct timer_now *now, struct came *c)
{
	uint64_t at = t->kept_us != 0 ? t->kept_us : t->planned_us;

	*c = (struct came){ .first_us = at,
		.last_us = at,
		.due_us = t->kept_us != 0 ? t->kept_due_us : t->planned_due_us };
	c->n = at <= now->wall_us && (t->kept_us != 0 || at > t->lived.to_us);
	c->points = t->planned_point_us <= timer_point_clock(t, now);
}

/* Points that came by either schedule are none of the new one's. */
static void
leave_points(struct timer *t, const struct timer_now *now, uint64_t came)
{
	t->points_us = timer_point_clock(t, now);
	t->planned_point_us = USEC_INFINITY;
	if (timer_unit_point_came(t, now))
		t->floor_us = now->mono_us;
	timer_skipped(t, "edited", came, 0, 0);
}

/* Of the times that came the last is kept, unless the new schedule does not have it. */
static void
keep_last(struct timer *t, const struct timer_now *now, const struct came *c)
{
	char why[sizeof(t->missed_why)];

	strlcpy(why, t->missed_why, sizeof(why));
	timer_account_times(t, now);
	t->sum = t->conf_sum;
	if (c->n == 0)
		return;
	if (!timer_names(t, c->last_us) || timer_overlap(t) == OVERLAP_SKIP) {
		timer_skipped(t, "edited", c->n, c->first_us, c->last_us);
		return;
	}
	t->kept_us = c->last_us;
	t->kept_due_us = c->due_us;
	strlcpy(t->missed_why, why, sizeof(t->missed_why));
	timer_skipped(
	    t, why[0] != '\0' ? why : "coalesced", c->n - 1, c->first_us, c->last_us);
}

/* conf has another schedule than the one that counted.  The points go first, so that a
 * manager that dies in between leaves the calendar to be done, and nothing that is due.
 */
static void
change_schedule(struct timer *t, const struct timer_now *now, const struct came *c)
{
	leave_points(t, now, c->points);
	keep_last(t, now, c);
}

void
timer_edited_meanwhile(struct timer *t, const struct timer_now *now)
{
	struct came c;

	if (t->lived.to_us == 0)
		t->sum = t->conf_sum;
	if (t->sum == t->conf_sum)
		return;
	recall_came(t, now, &c);
	change_schedule(t, now, &c);
	/* Or the next manager sees the same edit again, later. */
	timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_MEMORY });
}

void
timer_set_conf(struct timer *t, const struct timer_conf *conf)
{
	struct timer_now now;
	struct came c;

	if (timer_conf_same(t, conf))
		return;
	timer_look(&now);
	look_came(t, &now, &c);
	timer_remember_plan(t);
	timer_conf_drop(t);
	timer_conf_take(t, conf);
	/* Other units, maybe: what they do is looked at. */
	t->exit_us = t->enter_us = 0;
	timer_units_look(t, &now);
	if (!timer_is_active(t))
		return;
	if (t->sum != t->conf_sum)
		change_schedule(t, &now, &c);
	timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_MEMORY });
	if (t->state == TIMER_ELAPSED)
		timer_set_state(t, TIMER_WAITING);
	timer_settle(t);
}

void
timer_leave_zone(struct timer *t)
{
	struct timer_now now;
	struct timer_plan was;
	uint64_t n, first, last;
	char why[sizeof(t->missed_why)];
	bool overlapped = t->overlapped;

	if (!timer_is_active(t))
		return;
	timer_look(&now);
	timer_plan(t, &now, &was);
	n = timer_count(t, now.wall_us, &first, &last);
	if (n == 0)
		return timer_live_until(t, now.wall_us);
	strlcpy(why, t->missed_why, sizeof(why));
	timer_account_times(t, &now);
	t->kept_us = last;
	t->kept_due_us = was.wall_due_us;
	t->overlapped = overlapped;
	strlcpy(t->missed_why, why, sizeof(t->missed_why));
	timer_skipped(t,
	    overlapped       ? "overlap"
	    : why[0] != '\0' ? why
			     : "coalesced",
	    n - 1, first, last);
	timer_tell(t, (struct timer_note){ .what = TIMER_NOTE_MEMORY });
}
