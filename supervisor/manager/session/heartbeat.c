/*
 * heartbeat: when the next one is due, and the sending of it.
 */
#include "manager/session/heartbeat.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/session/activity.h"
#include "manager/session/input.h"
#include "manager/session/messages.h"

/* Those that are late after a manager's start are spread over so much. */
#define SPREAD_MAX_US (60 * USEC_PER_SEC)

struct heartbeat {
	const struct heartbeat_conf *conf;
	struct heartbeat_ops ops;
	struct heartbeat_memory m;
	char *invocation; /* NULL: it does not run */
	enum session_state state;
	uint64_t since_us;    /* the interval runs from here on ... */
	uint64_t interval_us; /* ... and is so long */
	uint64_t active_us;   /* heartbeat_active; monotonic */
	uint64_t armed_us;
	const char *watched;     /* a file of conf; NULL: none */
	uint64_t seen_before_us; /* seen_wall_us before the last one */
};

struct heartbeat *
heartbeat_new(const struct heartbeat_conf *conf, const struct heartbeat_ops *ops)
{
	struct heartbeat *h = xcalloc(1, sizeof(*h));

	h->conf = conf;
	h->ops = *ops;
	h->m.last = UINT32_MAX;
	h->armed_us = UNIT_INFINITY;
	h->interval_us = UNIT_INFINITY;
	h->active_us = clock_mono_us();
	return h;
}

void
heartbeat_free(struct heartbeat *h)
{
	if (h == NULL)
		return;
	free(h->invocation);
	free(h->m.invocation);
	free(h);
}

/* ---- when ---- */

/* INFINITY: nothing is known. */
static uint64_t
idle_age_us(struct heartbeat *h)
{
	uint64_t mtime = 0, then, now = clock_wall_us(), mono = clock_mono_us();
	struct buf b = { 0 };

	if (h->conf->activity_file == NULL)
		return mono > h->active_us ? mono - h->active_us : 0;
	if (h->ops.read(h->ops.arg, h->conf->activity_file, ACTIVITY_BYTES_MAX, &b,
		&mtime) == -1) {
		buf_free(&b);
		return UNIT_INFINITY;
	}
	then = activity_wall_us(buf_str(&b), b.len, mtime);
	buf_free(&b);
	return now > then ? now - then : 0;
}

static uint64_t
interval_now_us(struct heartbeat *h)
{
	return activity_interval_us(
	    h->conf, h->conf->n_tiers > 0 ? idle_age_us(h) : UNIT_INFINITY);
}

static uint64_t
due_us(const struct heartbeat *h)
{
	return clock_add_us(h->since_us, h->interval_us);
}

static bool
may_beat(const struct heartbeat *h)
{
	return h->invocation != NULL && h->interval_us != UNIT_INFINITY &&
	       (h->conf->when & SESSION_STATE_BIT(h->state)) != 0;
}

/* Could somebody's doing shorten it? */
static bool
is_long(const struct heartbeat *h)
{
	return h->conf->n_tiers > 0 && due_us(h) > clock_add_us(clock_mono_us(),
						       activity_interval_us(h->conf, 0));
}

static void
rearm(struct heartbeat *h)
{
	bool beats = may_beat(h);
	uint64_t due = beats ? due_us(h) : UNIT_INFINITY;
	const char *watch = beats && h->conf->activity_file != NULL && is_long(h)
				? h->conf->activity_file
				: NULL;

	if (due != h->armed_us) {
		h->armed_us = due;
		h->ops.arm(h->ops.arg, due);
	}
	if (watch != h->watched) {
		h->watched = watch;
		h->ops.watch(h->ops.arg, watch);
		/* What happened before the watch was there is seen now. */
		if (watch != NULL)
			heartbeat_file_changed(h);
	}
}

/* It had its first heartbeat, or a reason to have none. */
static bool
had_first(const struct heartbeat *h)
{
	return h->m.invocation != NULL && strcmp(h->m.invocation, h->invocation) == 0;
}

static void
begin_interval(struct heartbeat *h, uint64_t since_us)
{
	h->since_us = since_us;
	h->interval_us = interval_now_us(h);
	if (h->interval_us != UNIT_INFINITY && !had_first(h))
		h->interval_us = 0;
	rearm(h);
}

/* From now on at most the interval of now; what is sooner stays. */
static void
shorten(struct heartbeat *h)
{
	uint64_t now = clock_mono_us(), interval;

	if (h->invocation == NULL || h->conf->n_tiers == 0)
		return;
	interval = interval_now_us(h);
	if (clock_add_us(now, interval) < due_us(h)) {
		h->since_us = now;
		h->interval_us = interval;
	}
	rearm(h);
}

/* So that a new manager knows it: the tiers do not begin anew because supd does. */
static void
remember_active(struct heartbeat *h)
{
	uint64_t wall = clock_wall_us(), known = h->m.active_wall_us;

	if (h->conf->n_tiers == 0 || (wall >= known && wall - known < USEC_PER_SEC))
		return;
	h->m.active_wall_us = wall;
	h->ops.record(h->ops.arg);
}

void
heartbeat_active(struct heartbeat *h)
{
	h->active_us = clock_mono_us();
	if (h->conf->activity_file != NULL)
		return;
	remember_active(h);
	shorten(h);
}

void
heartbeat_file_changed(struct heartbeat *h)
{
	shorten(h);
}

/* ---- what happens to the session ---- */

/* After a manager's start: the rest of the interval, by the wall clock. */
static void
go_on(struct heartbeat *h)
{
	uint64_t now = clock_mono_us(), wall = clock_wall_us();
	uint64_t gone = wall > h->m.last_wall_us ? wall - h->m.last_wall_us : 0;
	uint64_t spread, left;

	h->since_us = now;
	h->interval_us = interval_now_us(h);
	if (h->interval_us == UNIT_INFINITY) {
		rearm(h);
		return;
	}
	spread =
	    h->interval_us / 10 < SPREAD_MAX_US ? h->interval_us / 10 : SPREAD_MAX_US;
	if (gone < h->interval_us)
		left = h->interval_us - gone;
	else
		left = h->ops.random(h->ops.arg, (uint32_t)spread + 1);
	h->interval_us = left;
	rearm(h);
}

static void
idle_goes_on(struct heartbeat *h)
{
	uint64_t mono = clock_mono_us(), wall = clock_wall_us();
	uint64_t then = h->m.active_wall_us;

	if (then != 0 && wall > then)
		h->active_us = wall - then < mono ? mono - (wall - then) : 0;
}

void
heartbeat_ready(struct heartbeat *h, const char *invocation)
{
	if (h->invocation != NULL && strcmp(h->invocation, invocation) == 0)
		return;
	free(h->invocation);
	h->invocation = xstrdup(invocation);
	h->active_us = clock_mono_us();
	if (had_first(h)) {
		idle_goes_on(h);
		go_on(h);
	} else {
		h->m.active_wall_us = clock_wall_us(); /* recorded with the first */
		begin_interval(h, clock_mono_us());
	}
}

void
heartbeat_ended(struct heartbeat *h)
{
	free(h->invocation);
	h->invocation = NULL;
	h->state = SESSION_UNKNOWN;
	rearm(h);
}

void
heartbeat_set_conf(struct heartbeat *h, const struct heartbeat_conf *conf)
{
	h->conf = conf;
	if (h->watched != NULL) {
		h->watched = NULL; /* it was the old one's */
		h->ops.watch(h->ops.arg, NULL);
	}
	if (h->invocation != NULL)
		begin_interval(h, h->since_us);
}

void
heartbeat_state(struct heartbeat *h, enum session_state state)
{
	h->state = state;
	rearm(h);
}

/* ---- the message ---- */

/* A heap string of the caller; *which is remembered. */
static char *
choose(struct heartbeat *h, uint32_t *which)
{
	struct strv all = { 0 };
	struct buf b = { 0 };
	uint64_t mtime;
	char *text;

	strv_add_all(&all, &h->conf->messages);
	if (h->conf->message_file != NULL &&
	    h->ops.read(
		h->ops.arg, h->conf->message_file, MESSAGES_BYTES_MAX, &b, &mtime) == 0)
		messages_add_lines(&all, buf_str(&b), b.len);
	buf_free(&b);
	if (all.n > 0) {
		*which = messages_pick(
		    h->conf->pick, all.n, h->m.last, h->ops.random, h->ops.arg);
		text = xstrdup(all.v[*which]);
	} else {
		text = xstrdup(messages_fallback);
	}
	strv_free(&all);
	return text;
}

static void
has_first(struct heartbeat *h)
{
	if (had_first(h))
		return;
	free(h->m.invocation);
	h->m.invocation = xstrdup(h->invocation);
}

/* Recorded first: a manager that dies in between has lost one heartbeat, and has not sent
 * one twice. */
static bool
beat(struct heartbeat *h, session_states when, uint64_t seen_wall_us)
{
	struct heartbeat_memory before = h->m;
	uint64_t now = clock_mono_us(), wall = clock_wall_us(), interval;
	char *text = choose(h, &h->m.last);
	struct input_request r = {
		.data = text,
		.len = strlen(text),
		.flags = INPUT_ENTER | INPUT_CONFIRM |
			 (h->conf->replace ? (uint32_t)INPUT_REPLACE : 0),
		.slot = h->conf->coalesce,
		.sender = "heartbeat",
		.when = when,
	};
	bool sent;

	interval = interval_now_us(h);
	/* Sooner than the next one is due: what was new then is known to be new still. */
	if (interval != UNIT_INFINITY)
		r.expire_wall_us = clock_add_us(wall, interval - interval / 100);
	h->m.last_wall_us = wall;
	h->m.seen_wall_us = seen_wall_us;
	h->m.count++;
	h->ops.record(h->ops.arg);
	sent = h->ops.send(h->ops.arg, &r);
	free(text);
	if (sent) {
		h->seen_before_us = before.seen_wall_us;
	} else {
		h->m = before;
		h->ops.record(h->ops.arg);
	}
	h->since_us = now;
	h->interval_us = interval;
	rearm(h);
	return sent;
}

static bool
is_something_new(const struct heartbeat *h, uint64_t newest_us)
{
	return h->conf->only_if_new == NULL || newest_us > h->m.seen_wall_us;
}

static uint64_t
newest_us(struct heartbeat *h)
{
	return h->conf->only_if_new != NULL
		   ? h->ops.newest(h->ops.arg, h->conf->only_if_new)
		   : h->m.seen_wall_us;
}

void
heartbeat_tick(struct heartbeat *h)
{
	uint64_t newest;

	h->armed_us = UNIT_INFINITY; /* the caller's timer is spent */
	if (!may_beat(h) || clock_mono_us() < due_us(h)) {
		rearm(h);
		return;
	}
	has_first(h);
	newest = newest_us(h);
	if (is_something_new(h, newest)) {
		beat(h, h->conf->when, newest);
	} else {
		h->m.skipped++;
		begin_interval(h, clock_mono_us());
	}
}

bool
heartbeat_poke(struct heartbeat *h)
{
	if (h->invocation == NULL)
		return false;
	has_first(h);
	return beat(h, h->conf->when | SESSION_STATE_BIT(SESSION_STUCK), newest_us(h));
}

void
heartbeat_lost(struct heartbeat *h)
{
	if (h->m.seen_wall_us == h->seen_before_us)
		return;
	h->m.seen_wall_us = h->seen_before_us;
	h->ops.record(h->ops.arg);
}

/* ---- for status, snapshot and journal ---- */

uint64_t
heartbeat_due_us(const struct heartbeat *h)
{
	return h->armed_us;
}

const struct heartbeat_memory *
heartbeat_memory(const struct heartbeat *h)
{
	return &h->m;
}

void
heartbeat_write(const struct heartbeat *h, struct jw *w)
{
	jw_kv_u64(w, "last_wall_us", h->m.last_wall_us);
	jw_kv_u64(w, "count", h->m.count);
	jw_kv_u64(w, "skipped", h->m.skipped);
	if (h->m.last != UINT32_MAX)
		jw_kv_u64(w, "last", h->m.last);
	jw_kv_u64(w, "seen_wall_us", h->m.seen_wall_us);
	jw_kv_u64(w, "active_wall_us", h->m.active_wall_us);
	jw_kv_str(w, "invocation", h->m.invocation);
}

int
heartbeat_restore(struct heartbeat *h, const struct jv *obj, struct json_err *err)
{
	struct heartbeat_memory m = { 0 };
	uint64_t last = UINT32_MAX;
	const char *invocation = NULL;

	if (jr_opt_u64(obj, "last_wall_us", &m.last_wall_us, err) == -1 ||
	    jr_opt_u64(obj, "count", &m.count, err) == -1 ||
	    jr_opt_u64(obj, "skipped", &m.skipped, err) == -1 ||
	    jr_opt_u64(obj, "last", &last, err) == -1 ||
	    jr_opt_u64(obj, "seen_wall_us", &m.seen_wall_us, err) == -1 ||
	    jr_opt_u64(obj, "active_wall_us", &m.active_wall_us, err) == -1 ||
	    jr_opt_str(obj, "invocation", &invocation, err) == -1)
		return -1;
	m.last = last < UINT32_MAX ? (uint32_t)last : UINT32_MAX;
	m.invocation = xstrdup_opt(invocation);
	free(h->m.invocation);
	h->m = m;
	h->seen_before_us = m.seen_wall_us;
	return 0;
}
