/*
 * timer_plan: when a timer elapses next, and how many occurrences there were.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/zone.h"
#include "manager/activate/timer_int.h"
#include "unit/calendar.h"

enum {
	/* So many are counted one by one, whatever expressions coincide. */
	COUNT_EXACT_MAX = 5000,
};

void
timer_look(struct timer_now *now)
{
	now->mono_us = clock_mono_us();
	now->boot_us = clock_boot_us();
	now->wall_us = clock_wall_us();
}

uint64_t
timer_point_clock(const struct timer *t, const struct timer_now *now)
{
	return t->conf.wake_system ? now->boot_us : now->mono_us;
}

/* ---- delays ---- */

/* splitmix64's last steps. */
static uint64_t
mix(uint64_t z)
{
	z += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A number below range that what decides: the same whenever it is asked for. */
static uint64_t
decided(const struct timer *t, uint64_t what, uint64_t range_us)
{
	uint64_t h = mix(t->ops.seed ^ what);

	if (range_us == 0)
		return 0;
	for (const char *s = t->name; *s != '\0'; s++)
		h = mix(h ^ (unsigned char)*s);
	return range_us == USEC_INFINITY ? h : h % range_us;
}

static uint64_t
delayed(const struct timer *t, uint64_t at_us)
{
	uint64_t what = t->conf.fixed_random ? 0 : at_us;

	return clock_add_us(at_us, decided(t, what, t->conf.random_delay_us));
}

/* ---- calendars ---- */

/* The first occurrence of any expression later than that, lived or not. */
static uint64_t
next_of_any(const struct timer *t, uint64_t after_us)
{
	const struct zone *zone = t->ops.zone(t->ops.arg);
	uint64_t least = USEC_INFINITY, at;

	for (size_t i = 0; i < t->conf.when.calendars.n; i++)
		if (t->calendars[i] != NULL &&
		    calendar_next(t->calendars[i], zone, after_us, &at) == 0 &&
		    at < least)
			least = at;
	return least;
}

/* The same, of those that were not lived beside the time that goes on. */
static uint64_t
next_unlived(const struct timer *t, uint64_t after_us)
{
	for (;;) {
		uint64_t at = next_of_any(t, after_us);
		size_t i = 0;

		while (
		    i < t->n_past && (at < t->past[i].from_us || at > t->past[i].to_us))
			i++;
		if (i == t->n_past || at == USEC_INFINITY)
			return at;
		after_us = t->past[i].to_us;
	}
}

uint64_t
timer_next(const struct timer *t)
{
	return next_unlived(t, t->lived.to_us);
}

bool
timer_names(const struct timer *t, uint64_t wall_us)
{
	return wall_us > 0 && next_of_any(t, wall_us - 1) == wall_us;
}

/* What is too much to be counted one by one: each expression for itself. */
static uint64_t
count_many(const struct timer *t, uint64_t after_us, uint64_t until_us)
{
	const struct zone *zone = t->ops.zone(t->ops.arg);
	uint64_t n = 0;

	for (size_t i = 0; i < t->conf.when.calendars.n; i++)
		if (t->calendars[i] != NULL)
			n += calendar_count(t->calendars[i], zone, after_us, until_us);
	return n;
}

/* The last occurrence that is no later than until, knowing that there is one after from:
 * by halves, as there is no way back in an expression. */
static uint64_t
last_until(const struct timer *t, uint64_t from_us, uint64_t until_us)
{
	uint64_t low = from_us, high = until_us, at;

	while (high - low > USEC_PER_SEC) {
		uint64_t mid = low + (high - low) / 2;

		if (next_unlived(t, mid) <= until_us)
			low = mid;
		else
			high = mid;
	}
	for (size_t i = 0; i < COUNT_EXACT_MAX; i++) {
		at = next_unlived(t, low);
		if (at > until_us)
			break;
		low = at;
	}
	return low;
}

uint64_t
timer_count(
    const struct timer *t, uint64_t until_us, uint64_t *first_us, uint64_t *last_us)
{
	uint64_t at = t->lived.to_us, n = 0;

	*first_us = *last_us = t->kept_us;
	if (t->kept_us != 0 && t->kept_us <= until_us)
		n = 1;
	for (; n < COUNT_EXACT_MAX; n++) {
		uint64_t next = next_unlived(t, at);

		if (next > until_us)
			return n;
		if (*first_us == 0)
			*first_us = next;
		*last_us = at = next;
	}
	n += count_many(t, at, until_us);
	*last_us = last_until(t, at, until_us);
	return n;
}

/* ---- what was lived ---- */

void
timer_live_until(struct timer *t, uint64_t wall_us)
{
	if (wall_us > t->lived.to_us)
		t->lived.to_us = wall_us;
}

static void
remember(struct timer *t)
{
	if (t->n_past == TIMER_LIVED_MAX) {
		memmove(t->past, t->past + 1, (TIMER_LIVED_MAX - 1) * sizeof(t->past[0]));
		t->n_past--;
	}
	t->past[t->n_past++] = t->lived;
}

void
timer_live_anew(struct timer *t, uint64_t from_us, uint64_t to_us)
{
	if (next_unlived(t, t->lived.to_us) < from_us)
		remember(t);
	else
		from_us = t->lived.from_us;
	t->lived = (struct timer_lived){ from_us, to_us };
}

void
timer_live_again(struct timer *t, uint64_t wall_us)
{
	if (wall_us >= t->lived.from_us)
		return;
	remember(t);
	t->lived = (struct timer_lived){ wall_us, wall_us };
	for (size_t i = 0; i < t->n_past; i++) {
		if (wall_us < t->past[i].from_us || wall_us > t->past[i].to_us)
			continue;
		t->lived = t->past[i];
		memmove(t->past + i, t->past + i + 1,
		    (t->n_past - i - 1) * sizeof(t->past[0]));
		t->n_past--;
		return;
	}
}

/* ---- points ---- */

/* Of a key that counts from one moment: that, by the clock of points. */
static uint64_t
base_once(const struct timer *t, enum timer_base base, const struct timer_now *now)
{
	uint64_t slept = timer_point_clock(t, now) - now->mono_us;

	switch (base) {
	case TIMER_ON_ACTIVE:
		return t->conf.wake_system ? t->active.boot_us : t->active.mono_us;
	case TIMER_ON_BOOT:
		return t->ops.boot_us;
	default:
		return t->ops.begin_us + slept;
	}
}

static uint64_t
max_us(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Of a key that counts from the unit: the point, by the clock of points; INFINITY: the
 * unit never did that. */
static uint64_t
point_of_unit(
    const struct timer *t, const struct timer_span *s, const struct timer_now *now)
{
	bool active = s->base == TIMER_ON_UNIT_ACTIVE;
	uint64_t base = max_us(active ? t->exit_us : t->enter_us, t->floor_us);
	uint64_t clock = timer_point_clock(t, now), past, due;

	if (!t->other_boot)
		base = max_us(base, t->last_mono_us);
	if (base > 0) {
		due = clock_add_us(base, s->us);
		/* Of a unit that need not end in between. */
		if (timer_elapses_while_running(t) && t->last_mono_us != 0)
			due = max_us(due, t->last_mono_us + TIMER_AGAIN_US);
		return clock_add_us(due, clock - now->mono_us);
	}
	past = t->past_base_wall_us[active ? 0 : 1];
	if (t->other_boot)
		past = max_us(past, t->last_wall_us);
	if (!t->conf.persistent || past == 0)
		return USEC_INFINITY;
	due = clock_add_us(past, s->us);
	return due <= now->wall_us ? clock : clock_add_us(clock, due - now->wall_us);
}

static bool
is_once(const struct timer_span *s)
{
	return s->base != TIMER_ON_UNIT_ACTIVE && s->base != TIMER_ON_UNIT_INACTIVE;
}

uint64_t
timer_count_points(const struct timer *t, const struct timer_now *now, uint64_t *last_us)
{
	uint64_t clock = timer_point_clock(t, now), n = 0;

	*last_us = 0;
	for (size_t i = 0; i < t->conf.when.n_spans; i++) {
		const struct timer_span *s = &t->conf.when.spans[i];
		uint64_t at = clock_add_us(base_once(t, s->base, now), s->us);

		if (!is_once(s) || at <= t->points_us || at > clock)
			continue;
		*last_us = max_us(*last_us, at);
		n++;
	}
	return n;
}

bool
timer_unit_point_came(const struct timer *t, const struct timer_now *now)
{
	uint64_t clock = timer_point_clock(t, now);

	for (size_t i = 0; i < t->conf.when.n_spans; i++) {
		const struct timer_span *s = &t->conf.when.spans[i];

		if (!is_once(s) && point_of_unit(t, s, now) <= clock)
			return true;
	}
	return false;
}

static void
plan_points(const struct timer *t, const struct timer_now *now, struct timer_plan *p)
{
	for (size_t i = 0; i < t->conf.when.n_spans; i++) {
		const struct timer_span *s = &t->conf.when.spans[i];
		bool once = is_once(s);
		uint64_t at = once ? clock_add_us(base_once(t, s->base, now), s->us)
				   : point_of_unit(t, s, now);

		p->of_unit |= !once;
		if ((once && at <= t->points_us) || at >= p->point_us)
			continue;
		p->point_us = at;
		p->point_once = once;
	}
	if (p->point_us != USEC_INFINITY)
		p->point_due_us = delayed(t, p->point_us);
}

static uint64_t
from_now(uint64_t due_us, uint64_t clock_us, uint64_t mono_us)
{
	if (due_us == USEC_INFINITY)
		return USEC_INFINITY;
	return due_us <= clock_us ? mono_us : clock_add_us(mono_us, due_us - clock_us);
}

void
timer_plan(const struct timer *t, const struct timer_now *now, struct timer_plan *p)
{
	uint64_t calendar, point;

	*p = (struct timer_plan){ .wall_us = USEC_INFINITY,
		.wall_due_us = USEC_INFINITY,
		.point_us = USEC_INFINITY,
		.point_due_us = USEC_INFINITY };
	p->wall_us = t->kept_us != 0 ? t->kept_us : timer_next(t);
	if (p->wall_us != USEC_INFINITY) {
		uint64_t offset = decided(t, 1, t->conf.random_offset_us);

		p->wall_due_us = t->kept_us != 0
				     ? t->kept_due_us
				     : delayed(t, clock_add_us(p->wall_us, offset));
	}
	plan_points(t, now, p);
	calendar = from_now(p->wall_due_us, now->wall_us, now->mono_us);
	point = from_now(p->point_due_us, timer_point_clock(t, now), now->mono_us);
	if (t->missed_why[0] != '\0') {
		if (p->wall_us <= now->wall_us)
			calendar = max_us(t->missed_due_us, now->mono_us);
		if (!p->point_once && point <= now->mono_us)
			point = max_us(t->missed_due_us, now->mono_us);
	}
	p->calendar = calendar <= point && calendar != USEC_INFINITY;
	p->from_us = p->calendar ? calendar : point;
}
