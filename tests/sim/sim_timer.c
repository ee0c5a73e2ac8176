/*
 * One timer under random events: time that passes in steps of seconds to months, clocks
 * that are set both ways, a machine that sleeps, runs that are short and long, holds,
 * stops, edits, and the death of the manager at each of its deeds.
 *
 *	sim_timer [SEED [WALKS]]
 *
 * What must hold: no time of the calendar has two runs; each of them has one or is told
 * as skipped, once (counted one by one beside it, where no clock was set back); what was
 * told as elapsed begins exactly one run, whoever dies; an edit elapses nothing, and
 *loses nothing that had come before it; nothing spins; and a timer that waits elapses
 *when its time comes.
 */
#include "random.h"
#include "walks.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "manager/activate/timer.h"
#include "unit/calendar.h"

enum { DEFAULT_WALKS = 600, STEPS = 60, JUMPS_MAX = 8, RUNS_MAX = 400000, UNITS = 3 };

#define MINUTE USEC_PER_MINUTE

struct unit_world {
	bool busy, asked; /* asked: a job, which dies with the manager */
	bool replace;
	unsigned id;
	uint64_t ends_us; /* monotonic */
	uint64_t exit_wall_us, enter_wall_us;
};

struct desk {
	struct timer *t;
	struct timer_conf conf;
	struct timer_span spans[2];
	struct zone *zone;
	struct calendar *calendar; /* of the first expression */
	uint64_t mono_us, slept_us, wall_us;
	uint64_t from_us, due_us; /* armed: for the first, and so long after it */
	char *recorded;
	bool dead, set_back, edited;
	bool moved; /* to another zone: nothing is counted one by one any more */
	bool
	    unseen; /* an edit that the manager died in: of what had come, one is known */
	unsigned dies_in, jumps;
	const char *refusal;
	bool limited; /* a start comes to nothing */
	struct unit_world unit[UNITS];
	uint64_t run_us; /* how long a run takes */
	/* What was told, and recorded. */
	uint64_t *ran; /* times of the calendar that had a run */
	size_t n_ran;
	uint64_t elapsed, skipped, begun;
	uint64_t reasons; /* of those that elapsed: for a time or a point, not an event */
	/* What came, counted beside it. */
	uint64_t came, points_came;
	uint64_t started_wall_us; /* times are counted from there */
	uint64_t active_us;       /* monotonic: started then */
};

static uint64_t
desk_clock(enum clock_kind kind, void *arg)
{
	const struct desk *d = arg;

	return kind == CLOCK_KIND_WALL   ? d->wall_us
	       : kind == CLOCK_KIND_BOOT ? d->mono_us + d->slept_us
					 : d->mono_us;
}

static bool
lives(struct desk *d)
{
	if (d->dead)
		return false;
	if (d->dies_in > 0 && --d->dies_in == 0) {
		d->dead = true;
		TELL("  the manager dies\n");
		return below(2) == 0; /* right after it */
	}
	return true;
}

static struct unit_world *
unit_of(struct desk *d, const char *name)
{
	const char *at = strchr(name, '@');

	return &d->unit[at != NULL ? atoi(at + 1) - 1 : 0];
}

static void
on_look(void *arg, const char *name, struct timer_run *run)
{
	struct desk *d = arg;
	const struct unit_world *u = unit_of(d, name);

	*run = (struct timer_run){ .busy = u->busy || u->asked,
		.exit_wall_us = u->exit_wall_us,
		.enter_wall_us = u->enter_wall_us,
		.refusal = d->refusal };
	snprintf(run->id, sizeof(run->id), "%u", u->id);
}

static void
on_start(void *arg, const char *name, bool replace)
{
	struct desk *d = arg;
	struct unit_world *u = unit_of(d, name);

	if (!lives(d))
		return;
	TELL("  start of %s\n", name);
	u->asked = true;
	u->replace = replace;
}

static void
on_arm(void *arg, uint64_t from_us, uint64_t until_us)
{
	struct desk *d = arg;

	if (d->dead)
		return;
	assert_true(from_us <= until_us);
	d->from_us = from_us;
	d->due_us =
	    from_us == USEC_INFINITY ? from_us : from_us + (until_us - from_us) / 2;
}

static void
count_run(struct desk *d, uint64_t wall_us)
{
	size_t i = (size_t)(wall_us / USEC_PER_SEC * UINT64_C(2654435761) % RUNS_MAX);

	/* A table with open addresses. */
	for (; d->ran[i] != 0; i = (i + 1) % RUNS_MAX)
		if (d->ran[i] == wall_us && d->jumps <= JUMPS_MAX)
			fail_msg("%llu runs twice", (unsigned long long)wall_us);
	assert_true(++d->n_ran < RUNS_MAX / 2);
	d->ran[i] = wall_us;
}

static void
on_tell(void *arg, const struct timer_note *n)
{
	struct desk *d = arg;
	struct buf b = { 0 };
	struct jw *w;

	if (!lives(d))
		return;
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	timer_write(d->t, w);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	free(d->recorded);
	d->recorded = buf_take(&b);
	assert_true(strlen(d->recorded) < 1800);
	switch (n->what) {
	case TIMER_NOTE_ELAPSED:
		TELL("  elapsed (%s) for %llu\n", n->why,
		    (unsigned long long)(n->last_wall_us / USEC_PER_SEC));
		assert_null(d->refusal);
		d->elapsed++;
		d->reasons += n->last_wall_us != 0 || strcmp(n->why, "monotonic") == 0;
		if (n->last_wall_us != 0)
			count_run(d, n->last_wall_us);
		break;
	case TIMER_NOTE_SKIPPED:
		TELL("  skipped %llu (%s)\n", (unsigned long long)n->count, n->why);
		assert_true(n->count > 0);
		d->skipped += n->count;
		/* It was said to elapse, and had no run. */
		if (strcmp(n->why, "start-limit-hit") == 0) {
			d->elapsed--;
			d->reasons--;
		}
		break;
	case TIMER_NOTE_STATE:
		TELL("  state %s\n", timer_state_name(timer_state(d->t)));
		break;
	default:
		break;
	}
}

static const struct zone *
on_zone(void *arg)
{
	return ((struct desk *)arg)->zone;
}

static uint64_t
on_spread(void *arg)
{
	(void)arg;
	return below(60) * USEC_PER_SEC;
}

static void
begin(struct desk *d)
{
	struct timer_ops ops = { on_look, on_start, on_arm, on_tell, on_zone, on_spread,
		.arg = d, .seed = 17, .begin_us = MINUTE };

	d->due_us = USEC_INFINITY;
	d->t = timer_new("x.timer", &d->conf, &ops);
}

static void
another_manager(struct desk *d)
{
	struct json_err err;

	timer_free(d->t);
	d->dead = false;
	d->dies_in = 0;
	for (int i = 0; i < UNITS; i++)
		d->unit[i].asked = false;
	begin(d);
	if (d->recorded != NULL) {
		struct jv *v = jv_parse(d->recorded, strlen(d->recorded), &err);

		assert_non_null(v);
		assert_int_equal(timer_restore(d->t, v, true, true, &err), 0);
		jv_free(v);
	}
	timer_resume(d->t);
}

static void
look_dead(struct desk *d)
{
	while (d->dead)
		another_manager(d);
}

static const char *
unit_name(struct desk *d, int i)
{
	static char name[UNIT_NAME_MAX + 1];

	if (!timer_unit(d->t, (size_t)i, name, sizeof(name)))
		return NULL;
	return name;
}

/* What was asked for begins; what has run its time ends. */
static void
units_go_on(struct desk *d)
{
	for (int i = 0; i < UNITS; i++) {
		struct unit_world *u = &d->unit[i];
		const char *name = unit_name(d, i);

		if (u->asked && d->limited && !u->busy) {
			u->asked = false;
			if (name != NULL)
				timer_done(d->t, name, "start-limit-hit");
			look_dead(d);
		}
		if (u->asked && (!u->busy || u->replace)) {
			bool was = u->busy;

			u->asked = false;
			u->busy = true;
			u->id++;
			d->begun++;
			u->exit_wall_us = d->wall_us;
			u->ends_us = d->mono_us + d->run_us;
			if (name != NULL && was)
				timer_done(d->t, name, NULL);
			else if (name != NULL)
				timer_on_unit(d->t, name, true, false);
			look_dead(d);
		}
		if (u->busy && u->ends_us <= d->mono_us) {
			u->busy = false;
			u->enter_wall_us = d->wall_us;
			if (name != NULL)
				timer_on_unit(d->t, name, false, false);
			if (name != NULL && !d->dead)
				timer_done(d->t, name, NULL);
			look_dead(d);
		}
	}
}

static uint64_t
next_end(struct desk *d)
{
	uint64_t least = USEC_INFINITY;

	for (int i = 0; i < UNITS; i++) {
		if (d->unit[i].asked)
			return d->mono_us;
		if (d->unit[i].busy && d->unit[i].ends_us < least)
			least = d->unit[i].ends_us;
	}
	return least;
}

static void
pass(struct desk *d, uint64_t us)
{
	uint64_t end = d->mono_us + us;
	unsigned spins = 0;

	for (;;) {
		uint64_t at = next_end(d), step;

		if (d->due_us < at)
			at = d->due_us;
		if (at > end)
			break;
		step = at > d->mono_us ? at - d->mono_us : 0;
		spins = step > 0 ? 0 : spins + 1;
		assert_true(spins < 30);
		d->mono_us += step;
		d->wall_us += step;
		if (d->due_us <= d->mono_us) {
			d->due_us = USEC_INFINITY;
			timer_tick(d->t);
			look_dead(d);
		}
		units_go_on(d);
	}
	d->wall_us += end - d->mono_us;
	d->mono_us = end;
}

static void
set_wall(struct desk *d, int64_t by_us)
{
	TELL("the clock is set by %lld s\n", (long long)(by_us / 1000000));
	if (by_us < 0)
		d->set_back = true;
	d->jumps++;
	d->wall_us += (uint64_t)by_us;
	timer_on_clock(d->t);
	look_dead(d);
}

static const char *const expressions[] = { "*:0/7", "hourly", "02:30", "*-*-* *:*:0/20",
	"Mon..Fri *:15", "*-*-01 00:00:00", "*:*" };

static void
say_when(struct desk *d, const char *expression)
{
	struct calendar_error error;

	calendar_free(d->calendar);
	d->calendar = calendar_parse(expression, &error);
	assert_non_null(d->calendar);
	d->conf.when.calendars.v[0] = (char *)(uintptr_t)expression;
}

/* Times of the calendar since the last count, one by one. */
static void
count_times(struct desk *d)
{
	uint64_t at = d->started_wall_us;

	while (calendar_next(d->calendar, d->zone, at, &at) == 0 && at <= d->wall_us)
		d->came++;
	if (d->wall_us > d->started_wall_us)
		d->started_wall_us = d->wall_us;
}

/* The key that has one point, of one activation or of all. */
static bool
point_came(const struct desk *d)
{
	const struct timer_span *s = &d->spans[0];

	if (d->conf.when.n_spans == 0)
		return false;
	switch (s->base) {
	case TIMER_ON_ACTIVE:
		return d->active_us + s->us <= d->mono_us;
	case TIMER_ON_BOOT:
		return s->us <= d->mono_us;
	case TIMER_ON_STARTUP:
		return MINUTE + s->us <= d->mono_us;
	default:
		return false;
	}
}

static bool
counts_points(const struct desk *d)
{
	return d->conf.when.n_spans == 0 || d->spans[0].base == TIMER_ON_ACTIVE ||
	       d->spans[0].base == TIMER_ON_BOOT || d->spans[0].base == TIMER_ON_STARTUP;
}

static void
edit(struct desk *d)
{
	uint64_t elapsed = d->elapsed;
	bool was_due = d->from_us <= d->mono_us;

	TELL("edited\n");
	d->edited = true;
	count_times(d);
	if (below(2) == 0)
		d->conf.random_delay_us = below(5) * MINUTE;
	else
		say_when(d, expressions[below(7)]);
	timer_set_conf(d->t, &d->conf);
	d->unseen |= d->dead;
	look_dead(d);
	assert_true(d->elapsed == elapsed);
	assert_true(was_due || d->from_us > d->mono_us || d->unit[0].busy ||
		    timer_state(d->t) == TIMER_RUNNING);
}

/* Another zone for what names none. */
static void
move_zone(struct desk *d)
{
	uint64_t elapsed = d->elapsed;
	bool was_due = d->from_us <= d->mono_us;

	TELL("another zone\n");
	d->edited = d->moved = true;
	timer_leave_zone(d->t);
	if (d->dead)
		return look_dead(d);
	zone_free(d->zone);
	d->zone = zone_fixed((int32_t)below(48) * 1800 - 12 * 3600);
	timer_on_zone(d->t);
	/* The next manager does not know of another zone. */
	if (d->dead)
		return look_dead(d);
	assert_true(d->elapsed == elapsed ||
		    (d->conf.on_timezone_change && d->elapsed == elapsed + 1));
	assert_true(was_due || d->due_us > d->mono_us || d->unit[0].busy ||
		    d->conf.random_delay_us > 0 || d->conf.on_timezone_change ||
		    d->set_back || timer_state(d->t) == TIMER_RUNNING);
}

static void
stop_and_start(struct desk *d)
{
	TELL("stopped\n");
	d->jumps++; /* it does not live what comes meanwhile, either */
	d->dies_in = 0;
	timer_stop(d->t, TIMER_STOP_UNIT);
	assert_true(d->due_us == USEC_INFINITY);
	if (d->conf.when.n_spans > 0 && d->spans[0].base == TIMER_ON_ACTIVE)
		d->points_came += point_came(d);
	pass(d, below(200) * MINUTE);
	TELL("started\n");
	d->active_us = d->mono_us;
	timer_start(d->t);
	/* A start that was not seen to happen was called off. */
	d->elapsed = d->begun;
	for (int i = 0; i < UNITS; i++)
		d->elapsed += d->unit[i].asked;
}

static void
move(struct desk *d)
{
	switch (below(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		pass(d, below(60) * MINUTE / 4);
		break;
	case 4:
		pass(d, below(30) * USEC_PER_HOUR / 12);
		break;
	case 5:
		TELL("the machine sleeps\n");
		d->slept_us += below(300) * MINUTE;
		set_wall(d, (int64_t)(below(300) * MINUTE));
		break;
	case 6:
		set_wall(d, (int64_t)(below(3000) * MINUTE));
		break;
	case 7:
		set_wall(d, -(int64_t)(below(2) == 0 ? below(3000) * MINUTE
						     : below(100) * USEC_PER_SEC));
		break;
	case 8:
		d->run_us =
		    below(3) == 0 ? below(100) * MINUTE : below(20) * USEC_PER_SEC;
		break;
	case 9:
		d->refusal = below(3) == 0 ? "held" : NULL;
		d->limited = below(3) == 0;
		break;
	case 10:
	case 11:
	case 12:
		d->dies_in = 1 + below(6);
		break;
	case 13:
		d->dead = true;
		look_dead(d);
		break;
	case 14:
		if (one_in(3))
			edit(d);
		else if (one_in(3))
			move_zone(d);
		break;
	default:
		if (one_in(3))
			stop_and_start(d);
		break;
	}
}

/* All that came ran or was told, but for what waits for its delay. */
static void
check_counts(struct desk *d)
{
	uint64_t waits =
	    1 + 2 * (d->conf.random_delay_us + d->conf.accuracy_us) / (20 * USEC_PER_SEC);
	uint64_t told = d->reasons + d->skipped, came;

	count_times(d);
	came = d->came + d->points_came + point_came(d);
	if (told > came || (!d->unseen && came - told > waits))
		fail_msg("%llu came, %llu ran, %llu were skipped",
		    (unsigned long long)came, (unsigned long long)d->reasons,
		    (unsigned long long)d->skipped);
}

static void
settle(struct desk *d)
{
	uint64_t elapsed, at;

	TELL("settles\n");
	d->dies_in = 0;
	d->refusal = NULL;
	d->limited = false;
	d->run_us = USEC_PER_SEC;
	pass(d, 200 * MINUTE);
	/* Each elapse began a run. */
	assert_int_equal(d->begun, d->elapsed);
	if (!d->set_back && !d->moved && counts_points(d))
		check_counts(d);
	elapsed = d->elapsed;
	if (d->set_back)
		return;
	if (timer_state(d->t) != TIMER_WAITING || d->edited ||
	    calendar_next(d->calendar, d->zone, d->wall_us, &at) == -1)
		return;
	pass(d, at - d->wall_us + 61 * MINUTE);
	assert_true(d->elapsed > elapsed);
}

static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	static const enum timer_overlap overlaps[] = { OVERLAP_DEFAULT, OVERLAP_SKIP,
		OVERLAP_QUEUE, OVERLAP_REPLACE, OVERLAP_ALLOW };
	static char template[] = "y@.service";
	struct desk d = { .mono_us = 10 * MINUTE, .run_us = USEC_PER_SEC };

	rng = seed;
	/* Before the clocks change in Berlin, one way or the other. */
	d.wall_us =
	    (below(2) == 0 ? UINT64_C(1774650000) : UINT64_C(1792790000)) * USEC_PER_SEC;
	d.zone = below(2) == 0 ? zone_load("Europe/Berlin") : NULL;
	strv_add(&d.conf.when.calendars, expressions[below(4)]);
	free(d.conf.when.calendars.v[0]);
	say_when(&d, expressions[below(4)]);
	d.conf.accuracy_us = below(2) == 0 ? 1 : MINUTE;
	d.conf.random_delay_us = below(3) == 0 ? below(20) * MINUTE : 0;
	d.conf.persistent = below(2) == 0;
	d.conf.remain_after_elapse = true;
	d.conf.on_timezone_change = below(6) == 0;
	d.conf.policy.overlap = overlaps[below(5)];
	if (d.conf.policy.overlap == OVERLAP_ALLOW) {
		d.conf.unit = template;
		d.conf.policy.allow = UNITS;
	}
	if (below(3) == 0) {
		d.spans[0] = (struct timer_span){ (enum timer_base)below(5),
			(1 + below(90)) * MINUTE };
		d.conf.when.spans = d.spans;
		d.conf.when.n_spans = 1;
	}
	d.ran = xcalloc(RUNS_MAX, sizeof(*d.ran));
	clock_set_source(desk_clock, &d);
	begin(&d);
	d.started_wall_us = d.wall_us;
	d.active_us = d.mono_us;
	timer_start(d.t);
	for (size_t i = 0; i < n; i++) {
		rng = seed + (steps[i] + 1) * UINT64_C(0x100000001b3);
		move(&d);
		look_dead(&d);
	}
	settle(&d);
	clock_set_source(NULL, NULL);
	timer_free(d.t);
	calendar_free(d.calendar);
	zone_free(d.zone);
	free(d.conf.when.calendars.v);
	free(d.recorded);
	free(d.ran);
	return true;
}

int
main(int argc, char **argv)
{
	return walks_main(argc, argv, DEFAULT_WALKS, walk, STEPS);
}
