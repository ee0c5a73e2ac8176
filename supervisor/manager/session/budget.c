#include "manager/session/budget.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/decimal.h"
#include "lib/xalloc.h"
#include "manager/session/budget_int.h"
#include "manager/session/period.h"

/* What is used is recorded in so many steps of the limit; run time in steps that are not
 * longer, nor shorter, than these. */
enum { STEPS = 20 };
#define STEP_MAX_US (5 * USEC_PER_MINUTE)
#define STEP_MIN_US USEC_PER_SEC

/* 80 percent of n, rounded up: the last fifth is left. */
static uint64_t
most_of(uint64_t n)
{
	return n - n / 5;
}

static uint64_t
sum(uint64_t a, uint64_t b)
{
	return a > BUDGET_COUNT_MAX - b || b > BUDGET_COUNT_MAX ? BUDGET_COUNT_MAX
								: a + b;
}

static bool
has_limit(const struct budget *b, enum budget_kind kind)
{
	return b->conf->limit[kind] != UNIT_INFINITY;
}

static uint64_t
allowed(const struct budget *b, enum budget_kind kind)
{
	return has_limit(b, kind) ? sum(b->base[kind], b->conf->limit[kind])
				  : UNIT_INFINITY;
}

/* A limit of restarts is how many there may be; of the others there is nothing left once
 * it is reached. */
static bool
is_up(const struct budget *b, enum budget_kind kind, uint64_t used)
{
	uint64_t max = allowed(b, kind);

	if (max == UNIT_INFINITY || used == 0)
		return false;
	return kind == BUDGET_RESTARTS ? used > max : used >= max;
}

static bool
is_low(const struct budget *b, enum budget_kind kind, uint64_t used)
{
	return has_limit(b, kind) && used > b->base[kind] &&
	       used - b->base[kind] >= most_of(b->conf->limit[kind]);
}

/* ---- periods ---- */

static bool
is_same_period(const struct budget_period *x, const struct budget_period *y)
{
	return x->calendar == y->calendar &&
	       (x->calendar != BUDGET_SPAN || x->us == y->us);
}

static void
begin_period(struct budget *b, uint64_t wall_us)
{
	b->period = b->conf->period;
	period_of(&b->period, b->ops->zone(b->arg), wall_us, &b->begin_us, &b->end_us);
}

/* The monotonic time of an instant of the past or future. */
static uint64_t
mono_of(uint64_t wall_us)
{
	uint64_t now = clock_wall_us(), mono = clock_mono_us();

	if (wall_us >= now)
		return clock_add_us(mono, wall_us - now);
	return now - wall_us < mono ? mono - (now - wall_us) : 0;
}

uint64_t
budget_step(const struct budget *b, enum budget_kind kind)
{
	uint64_t step = b->conf->limit[kind] / STEPS;

	if (kind != BUDGET_RUN_TIME)
		return step > 0 ? step : 1;
	return step < STEP_MIN_US ? STEP_MIN_US : step > STEP_MAX_US ? STEP_MAX_US : step;
}

static void
count_run(struct budget *b, uint64_t mono_us)
{
	uint64_t from = b->counted_us, step;

	if (!b->running || mono_us <= from)
		return;
	b->counted_us = mono_us;
	if (!has_limit(b, BUDGET_RUN_TIME))
		return;
	b->used[BUDGET_RUN_TIME] = sum(b->used[BUDGET_RUN_TIME], mono_us - from);
	step = budget_step(b, BUDGET_RUN_TIME);
	if (from / step != mono_us / step)
		b->ops->changed(b->arg);
}

static void
clear_use(struct budget *b)
{
	memset(b->used, 0, sizeof(b->used));
	memset(b->base, 0, sizeof(b->base));
	b->warned = b->up = 0;
}

/* Another period begins now, or what is left of it; over: the last one is, with all it
 * had. */
static void
next_period(struct budget *b, uint64_t now, bool over)
{
	bool began = b->end_us != 0;
	uint64_t end = b->end_us;

	if (over) {
		count_run(b, mono_of(end));
		clear_use(b);
	}
	b->period = b->conf->period;
	b->begin_us = b->end_us = 0;
	if (!over && began)
		begin_period(b, now);
	else if (over && b->running && has_limit(b, BUDGET_RUN_TIME))
		/* Who runs on uses it at once: one span follows the other. */
		begin_period(b,
		    b->period.calendar == BUDGET_SPAN && now - end < b->period.us ? end
										  : now);
}

/* Into the period of now. */
static void
roll(struct budget *b)
{
	uint64_t now = clock_wall_us();
	bool over = b->end_us != 0 && now >= b->end_us;
	bool set_back = b->end_us != 0 && now < b->begin_us;

	if (!over && !set_back && is_same_period(&b->period, &b->conf->period))
		return;
	next_period(b, now, over);
	b->ops->changed(b->arg);
}

static void
use_begins(struct budget *b)
{
	roll(b);
	if (b->end_us == 0)
		begin_period(b, clock_wall_us());
}

/* ---- limits ---- */

static void
check_kind(struct budget *b, enum budget_kind kind)
{
	uint32_t bit = 1U << kind;
	bool up = is_up(b, kind, b->used[kind]);
	bool low = up || is_low(b, kind, b->used[kind]);
	bool was_up = (b->up & bit) != 0, was_low = (b->warned & bit) != 0;

	/* A limit that was raised is not reached any more. */
	b->up = up ? b->up | bit : b->up & ~bit;
	b->warned = low ? b->warned | bit : b->warned & ~bit;
	if (up != was_up || low != was_low)
		b->ops->changed(b->arg);
	if (up && !was_up)
		b->ops->crossed(b->arg, kind, true);
	else if (low && !was_low && !up)
		b->ops->crossed(b->arg, kind, false);
}

/* How much may be used, from none on, until the next thing is to be told; INFINITY: there
 * is nothing more to tell. */
static uint64_t
next_mark(const struct budget *b, bool warned, bool up, uint64_t base)
{
	uint64_t limit = b->conf->limit[BUDGET_RUN_TIME];

	if (up)
		return UNIT_INFINITY;
	return sum(base, warned ? limit : most_of(limit));
}

/* When run time comes to something that is to be told: in this period, else in the next
 * one, which is looked at when it begins if it may be too short. */
static uint64_t
mark_due(const struct budget *b, uint64_t mono, uint64_t wall)
{
	uint64_t used = b->used[BUDGET_RUN_TIME], mark, begin, end;

	mark = next_mark(b, (b->warned >> BUDGET_RUN_TIME & 1) != 0,
	    (b->up >> BUDGET_RUN_TIME & 1) != 0, b->base[BUDGET_RUN_TIME]);
	if (mark != UNIT_INFINITY) {
		uint64_t left = mark > used ? mark - used : 0;

		if (clock_add_us(wall, left) < b->end_us)
			return clock_add_us(mono, left);
	}
	if (b->end_us == UNIT_INFINITY)
		return USEC_INFINITY;
	period_of(&b->period, b->ops->zone(b->arg), b->end_us, &begin, &end);
	mark = next_mark(b, false, false, 0);
	return mono_of(clock_add_us(b->end_us, mark <= end - begin ? mark : 0));
}

/* Steps end at the same moments for all who have the same: they wake up together. */
static void
arm(struct budget *b)
{
	uint64_t mono = clock_mono_us(), due = USEC_INFINITY, step;

	if (b->running && has_limit(b, BUDGET_RUN_TIME)) {
		due = mark_due(b, mono, clock_wall_us());
		step = budget_step(b, BUDGET_RUN_TIME);
		if ((b->up >> BUDGET_RUN_TIME & 1) == 0 && (mono / step + 1) * step < due)
			due = (mono / step + 1) * step;
	}
	b->ops->arm(b->arg, due);
}

static void
settle(struct budget *b)
{
	for (int k = 0; k < BUDGET_NKINDS; k++)
		check_kind(b, (enum budget_kind)k);
	arm(b);
}

void
budget_tick(struct budget *b)
{
	if (b->running && has_limit(b, BUDGET_RUN_TIME))
		use_begins(b);
	else
		roll(b);
	count_run(b, clock_mono_us());
	settle(b);
}

void
budget_add(struct budget *b, enum budget_kind kind, uint64_t n)
{
	if (n == 0 || !has_limit(b, kind))
		return;
	use_begins(b);
	count_run(b, clock_mono_us());
	b->used[kind] = sum(b->used[kind], n);
	b->ops->changed(b->arg);
	settle(b);
}

/* ---- counters ---- */

static struct budget_counter *
counter_find(const struct budget *b, const char *name, enum budget_kind kind)
{
	for (size_t i = 0; i < b->n_counters; i++) {
		struct budget_counter *c = &b->counters[i];

		if (c->kind == kind && strcmp(c->name, name) == 0)
			return c;
	}
	return NULL;
}

static void
counter_drop(struct budget *b, size_t i)
{
	free(b->counters[i].name);
	b->counters[i] = b->counters[--b->n_counters];
}

static struct budget_counter *
counter_new(struct budget *b, const char *name, enum budget_kind kind)
{
	struct budget_counter *c;
	size_t oldest = 0;

	if (b->n_counters == BUDGET_COUNTERS_MAX) {
		for (size_t i = 1; i < b->n_counters; i++)
			if (b->counters[i].order < b->counters[oldest].order)
				oldest = i;
		counter_drop(b, oldest);
	}
	b->counters =
	    xreallocarray(b->counters, b->n_counters + 1, sizeof(b->counters[0]));
	c = &b->counters[b->n_counters++];
	*c = (struct budget_counter){ .name = xstrdup(name), .kind = kind };
	return c;
}

void
budget_counter(struct budget *b, const char *name, enum budget_kind kind, uint64_t value,
    bool of_run, bool base)
{
	struct budget_counter *c = counter_find(b, name, kind);
	uint64_t more;

	if (value > BUDGET_COUNT_MAX)
		value = BUDGET_COUNT_MAX;
	if (c == NULL) {
		c = counter_new(b, name, kind);
		c->last = base ? value : 0;
		b->ops->changed(b->arg);
	}
	c->of_run = of_run;
	c->order = ++b->order;
	if (value == c->last)
		return;
	more = value > c->last ? value - c->last : value;
	c->last = value;
	b->ops->changed(b->arg);
	budget_add(b, kind, more);
}

void
budget_counter_base(
    struct budget *b, const char *name, enum budget_kind kind, uint64_t value)
{
	struct budget_counter *c = counter_find(b, name, kind);

	if (c != NULL)
		return;
	c = counter_new(b, name, kind);
	c->last = value < BUDGET_COUNT_MAX ? value : BUDGET_COUNT_MAX;
	c->order = ++b->order;
	b->ops->changed(b->arg);
}

void
budget_counter_rebase(
    struct budget *b, const char *name, enum budget_kind kind, uint64_t value)
{
	struct budget_counter *c = counter_find(b, name, kind);

	if (c == NULL || c->last == value)
		return;
	c->last = value < BUDGET_COUNT_MAX ? value : BUDGET_COUNT_MAX;
	b->ops->changed(b->arg);
}

bool
budget_counter_is_known(const struct budget *b, const char *name, enum budget_kind kind)
{
	return counter_find(b, name, kind) != NULL;
}

uint64_t
budget_counter_last(const struct budget *b, const char *name, enum budget_kind kind)
{
	const struct budget_counter *c = counter_find(b, name, kind);

	return c == NULL ? 0 : c->last;
}

void
budget_counter_forget(struct budget *b, const char *name)
{
	for (size_t i = b->n_counters; i-- > 0;) {
		if (strcmp(b->counters[i].name, name) != 0)
			continue;
		counter_drop(b, i);
		b->ops->changed(b->arg);
	}
}

uint64_t
budget_left(const struct budget *b, enum budget_kind kind)
{
	uint64_t mark, used = b->used[kind];

	if (!has_limit(b, kind))
		return UNIT_INFINITY;
	if (b->end_us == 0 || budget_is_over(b))
		return 1;
	if ((b->up >> kind & 1) != 0)
		return UNIT_INFINITY;
	mark = (b->warned >> kind & 1) != 0
		   ? allowed(b, kind)
		   : sum(b->base[kind], most_of(b->conf->limit[kind]));
	return mark > used ? mark - used : 1;
}

uint64_t
budget_end_us(const struct budget *b)
{
	return b->end_us;
}

bool
budget_is_over(const struct budget *b)
{
	return b->end_us != 0 && clock_wall_us() >= b->end_us;
}

/* ---- runs ---- */

void
budget_run_began(struct budget *b, const char *invocation, uint64_t mono_us)
{
	if (strcmp(b->invocation, invocation) != 0) {
		budget_run_ended(b, mono_us);
		free(b->invocation);
		b->invocation = xstrdup(invocation);
		for (size_t i = b->n_counters; i-- > 0;)
			if (b->counters[i].of_run)
				counter_drop(b, i);
		b->ops->changed(b->arg);
	}
	if (!b->running) {
		b->running = true;
		b->counted_us = mono_us;
		b->ops->changed(b->arg);
	}
	budget_tick(b);
}

void
budget_run_ended(struct budget *b, uint64_t mono_us)
{
	if (!b->running)
		return;
	roll(b);
	count_run(b, mono_us);
	b->running = false;
	b->ops->changed(b->arg);
	settle(b);
}

/* ---- what persons decide ---- */

bool
budget_release(struct budget *b)
{
	bool any = false;

	budget_tick(b);
	for (int k = 0; k < BUDGET_NKINDS; k++) {
		if ((b->up >> k & 1) == 0)
			continue;
		/* A restart that waits is the first of those that are allowed. */
		b->base[k] = k == BUDGET_RESTARTS ? b->used[k] - 1 : b->used[k];
		any = true;
	}
	if (any)
		settle(b);
	return any;
}

void
budget_reset(struct budget *b)
{
	roll(b);
	count_run(b, clock_mono_us());
	clear_use(b);
	b->ops->changed(b->arg);
	settle(b);
}

/* ---- life ---- */

struct budget *
budget_new(const struct budget_conf *conf, const struct budget_ops *ops, void *arg)
{
	struct budget *b = xcalloc(1, sizeof(*b));

	b->conf = conf;
	b->ops = ops;
	b->arg = arg;
	b->period = conf->period;
	b->invocation = xstrdup("");
	return b;
}

void
budget_free(struct budget *b)
{
	if (b == NULL)
		return;
	while (b->n_counters > 0)
		counter_drop(b, b->n_counters - 1);
	free(b->counters);
	free(b->invocation);
	free(b);
}

void
budget_set_conf(struct budget *b, const struct budget_conf *conf)
{
	b->conf = conf;
	budget_tick(b);
}

/* ---- what it is ---- */

static void
view_kind(const struct budget *b, enum budget_kind kind, uint64_t used, bool over,
    struct budget_use *use)
{
	use->limit = b->conf->limit[kind];
	use->used = used;
	use->allowed = over ? use->limit : allowed(b, kind);
	use->warned = !over && (b->warned >> kind & 1) != 0;
	use->up = !over && (b->up >> kind & 1) != 0;
}

void
budget_view(const struct budget *b, struct budget_view *v)
{
	uint64_t now = clock_wall_us(), mono = clock_mono_us(), from = b->counted_us;
	bool over = b->end_us != 0 && now >= b->end_us;

	*v = (struct budget_view){ .begin_us = b->begin_us, .end_us = b->end_us };
	if (over)
		v->begin_us = v->end_us = 0;
	/* Those of the calendar are there, also while nothing is used. */
	if (v->end_us == 0 && b->conf->period.calendar != BUDGET_SPAN)
		period_of(&b->conf->period, b->ops->zone(b->arg), now, &v->begin_us,
		    &v->end_us);
	if (over && from < mono_of(b->end_us))
		from = mono_of(b->end_us);
	for (int k = 0; k < BUDGET_NKINDS; k++) {
		uint64_t used = over ? 0 : b->used[k];

		if (k == BUDGET_RUN_TIME && b->running && mono > from &&
		    has_limit(b, BUDGET_RUN_TIME))
			used = sum(used, mono - from);
		view_kind(b, (enum budget_kind)k, used, over, &v->use[k]);
		v->any = v->any || v->use[k].limit != UNIT_INFINITY;
		v->up = v->up || v->use[k].up;
	}
}

char *
budget_format(char *dst, size_t size, enum budget_kind kind, uint64_t n)
{
	if (kind == BUDGET_COST)
		return decimal_format(dst, size, n);
	if (kind == BUDGET_RUN_TIME)
		return clock_format_duration(dst, size, n);
	snprintf(dst, size, "%llu", (unsigned long long)n);
	return dst;
}
