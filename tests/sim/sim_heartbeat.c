/*
 * The heartbeats of one session under random events: states, invocations, somebody's
 * doing, files that are new, suspended machines, a queue that refuses, and the death of
 * the manager at each of its deeds.
 *
 *	sim_heartbeat [SEED [WALKS]]
 *
 * What must hold: none outside of When=, none when nothing is new, no two of them nearer
 * to each other than the shortest interval (of one invocation, and unless it was asked
 * for), nothing armed where nothing can come of it; and one comes when it may.
 */
#include "random.h"
#include "walks.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"

#define MINUTE USEC_PER_MINUTE

enum { DEFAULT_WALKS = 20000, STEPS = 80 };

struct desk {
	struct heartbeat *h;
	struct heartbeat_conf conf;
	uint64_t mono_us, wall_us, due_us;
	uint64_t activity_wall_us, newest_us;
	const char *watched;
	char *recorded;
	bool running, poking, refuses, dead;
	enum session_state state;
	unsigned invocation;
	unsigned dies_in; /* deeds; 0: it does not */
	/* of the last one that was sent */
	unsigned sent, sent_invocation;
	uint64_t sent_wall_us, sent_newest_us;
};

static uint64_t
desk_clock(enum clock_kind kind, void *arg)
{
	const struct desk *d = arg;

	return kind == CLOCK_KIND_WALL ? d->wall_us : d->mono_us;
}

/* A deed of the manager: false when it is dead, or dies before it. */
static bool
lives(struct desk *d)
{
	if (d->dead)
		return false;
	if (d->dies_in > 0 && --d->dies_in == 0) {
		d->dead = true;
		TELL("the manager dies\n");
		return below(2) == 0; /* right after it */
	}
	return true;
}

static int
on_read(void *arg, const char *path, size_t max, struct buf *out, uint64_t *mtime)
{
	struct desk *d = arg;

	(void)path;
	(void)max;
	(void)out;
	if (d->activity_wall_us == 0)
		return -1;
	*mtime = d->activity_wall_us;
	return 0;
}

static uint64_t
on_newest(void *arg, const char *glob)
{
	(void)glob;
	return ((struct desk *)arg)->newest_us;
}

static void
on_watch(void *arg, const char *path)
{
	struct desk *d = arg;

	if (!d->dead)
		d->watched = path;
}

static void
on_record(void *arg)
{
	struct desk *d = arg;
	struct buf b = { 0 };
	struct jw *w;

	if (!lives(d))
		return;
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	heartbeat_write(d->h, w);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	free(d->recorded);
	d->recorded = buf_take(&b);
	TELL("  record %s\n", d->recorded);
}

static bool
on_send(void *arg, const struct input_request *r)
{
	struct desk *d = arg;

	if (d->refuses || !lives(d))
		return false;
	TELL("  sent at %llu\n", (unsigned long long)(d->wall_us / MINUTE));
	assert_true(d->running && r->len > 0);
	if (!d->poking) {
		assert_true((d->conf.when & SESSION_STATE_BIT(d->state)) != 0);
		assert_true(
		    d->conf.only_if_new == NULL || d->newest_us > d->sent_newest_us);
		if (d->sent > 0 && d->sent_invocation == d->invocation)
			assert_true(d->wall_us - d->sent_wall_us >= 5 * MINUTE);
	}
	d->sent++;
	d->sent_invocation = d->invocation;
	d->sent_wall_us = d->wall_us;
	d->sent_newest_us = d->newest_us;
	return true;
}

static void
on_arm(void *arg, uint64_t due_us)
{
	struct desk *d = arg;

	if (!d->dead)
		d->due_us = due_us;
}

static uint32_t
on_random(void *arg, uint32_t n)
{
	(void)arg;
	return (uint32_t)below(n);
}

static void
begin(struct desk *d)
{
	struct heartbeat_ops ops = { on_read, on_newest, on_watch, on_record, on_send,
		on_arm, on_random, d };

	d->due_us = UNIT_INFINITY;
	d->watched = NULL;
	d->h = heartbeat_new(&d->conf, &ops);
}

static void
say_ready(struct desk *d)
{
	char name[16];

	snprintf(name, sizeof(name), "i%u", d->invocation);
	heartbeat_ready(d->h, name);
	heartbeat_state(d->h, d->state);
}

static void
another_manager(struct desk *d)
{
	struct json_err err;

	heartbeat_free(d->h);
	d->dead = false;
	d->dies_in = 0;
	begin(d);
	if (d->recorded != NULL) {
		struct jv *v = jv_parse(d->recorded, strlen(d->recorded), &err);

		assert_non_null(v);
		assert_int_equal(heartbeat_restore(d->h, v, &err), 0);
		jv_free(v);
	}
	if (d->running)
		say_ready(d);
}

static void
pass(struct desk *d, uint64_t us)
{
	uint64_t end = d->mono_us + us;

	while (d->due_us <= end) {
		uint64_t step = d->due_us > d->mono_us ? d->due_us - d->mono_us : 0;

		d->mono_us += step;
		d->wall_us += step;
		d->due_us = UNIT_INFINITY;
		heartbeat_tick(d->h);
		if (d->dead)
			another_manager(d);
		else
			assert_true(d->due_us > d->mono_us); /* it does not spin */
	}
	d->wall_us += end - d->mono_us;
	d->mono_us = end;
}

static void
move(struct desk *d)
{
	uint64_t due_us = d->due_us;

	switch (below(14)) {
	case 0:
	case 1:
	case 2:
		pass(d, below(40) * MINUTE / 2);
		break;
	case 3:
		TELL("the machine sleeps\n");
		d->wall_us += below(300) * MINUTE;
		break;
	case 4:
	case 5:
		d->state = d->running ? (enum session_state)below(SESSION_NSTATES)
				      : SESSION_UNKNOWN;
		TELL("state %d\n", (int)d->state);
		heartbeat_state(d->h, d->state);
		break;
	case 6:
		if (d->running && below(3) > 0)
			break;
		d->running = !d->running;
		TELL("session %s\n", d->running ? "ready" : "ends");
		d->state = d->running ? SESSION_IDLE : SESSION_UNKNOWN;
		if (d->running) {
			d->invocation++;
			say_ready(d);
		} else {
			heartbeat_ended(d->h);
		}
		break;
	case 7:
		TELL("somebody does something\n");
		d->activity_wall_us = below(5) == 0 ? 0 : d->wall_us;
		heartbeat_active(d->h);
		if (d->watched != NULL)
			heartbeat_file_changed(d->h);
		assert_true(d->due_us <= due_us); /* sooner, never later */
		break;
	case 8:
	case 9:
		d->newest_us = d->wall_us;
		break;
	case 10:
		d->dies_in = 1 + below(3);
		break;
	case 11:
		heartbeat_tick(d->h); /* mostly too early */
		break;
	case 12:
		d->refuses = below(3) == 0;
		break;
	default:
		TELL("poked\n");
		d->poking = true;
		(void)heartbeat_poke(d->h);
		d->poking = false;
		break;
	}
	if (d->dead)
		another_manager(d);
	if (!d->running || (d->conf.when & SESSION_STATE_BIT(d->state)) == 0) {
		assert_true(d->due_us == UNIT_INFINITY);
		assert_null(d->watched);
	} else {
		assert_true(d->due_us != UNIT_INFINITY);
	}
}

/* All is well, and there is something new: one comes. */
static void
settle(struct desk *d)
{
	unsigned before = d->sent;

	d->dies_in = 0;
	d->refuses = false;
	d->running = true;
	d->state = SESSION_IDLE;
	say_ready(d);
	d->newest_us = d->wall_us + 1;
	pass(d, 61 * MINUTE);
	assert_true(d->sent > before);
}

static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	static struct idle_tier tiers[] = { { 0, 5 * MINUTE },
		{ 5 * MINUTE, 10 * MINUTE }, { 45 * MINUTE, 60 * MINUTE } };
	static char file[] = "/activity", glob[] = "/new/*";
	struct desk d = { .mono_us = MINUTE, .wall_us = 1000 * USEC_PER_DAY };

	rng = seed;
	d.conf.when =
	    SESSION_STATE_BIT(SESSION_IDLE) | SESSION_STATE_BIT(SESSION_WORKING);
	d.conf.interval_us = 5 * MINUTE;
	if (below(3) > 0) {
		d.conf.tiers = tiers;
		d.conf.n_tiers = 3;
		d.conf.activity_file = below(2) == 0 ? file : NULL;
	}
	if (below(2) == 0)
		d.conf.only_if_new = glob;
	clock_set_source(desk_clock, &d);
	begin(&d);
	for (size_t i = 0; i < n; i++) {
		rng = seed + (steps[i] + 1) * UINT64_C(0x100000001b3);
		move(&d);
	}
	settle(&d);
	clock_set_source(NULL, NULL);
	heartbeat_free(d.h);
	free(d.recorded);
	return true;
}

int
main(int argc, char **argv)
{
	return walks_main(argc, argv, DEFAULT_WALKS, walk, STEPS);
}
