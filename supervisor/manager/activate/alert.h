/*
 * alert: when an [Alert] of supd.conf fires, and when it can fire again.
 *
 * An alert is armed or it has fired.  Armed, it counts events: as soon as the last Count=
 * of them lie within WithinSec= it fires.  Or it looks at a value: as soon as that has
 * been beyond the limit for ForSec= it fires.  Fired, it counts nothing until ExpireSec=
 * is over, and (a value) until it is back within the limit; then it is armed, with
 * nothing counted.  So whatever happens, it fires at most once each ExpireSec=, and each
 * second.
 *
 * Pure: who tells it of events, looks at values and carries out what follows is
 * manager/alerts.h.  Times are those of the wall clock, of the events themselves, so that
 * a new manager comes to the same from the same events.  Of events the times of the last
 * Count= are remembered, and of runs the last ALERT_RUNS.
 */
#ifndef SUPD_MANAGER_ALERT_H
#define SUPD_MANAGER_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/alert_conf.h"

struct buf;
struct jv;
struct jw;

enum { ALERT_RUNS = 256 };

struct alert_run {
	uint64_t wall_us;
	bool failed;
};

struct alert {
	const struct alert_conf *conf; /* the caller's */
	uint64_t *times;               /* of the last events, a ring of conf->count */
	size_t n, at;
	struct alert_run *runs; /* of failure-rate: a ring of ALERT_RUNS */
	size_t n_runs, runs_at;

	bool known, beyond; /* the value, and where it is */
	double value;
	uint64_t beyond_us; /* since then */

	uint64_t fired_us; /* last; 0: never */
	uint64_t until_us; /* 0: armed */
	uint64_t fired_n;
	char *evidence; /* of the last time; NULL */
	bool pending;   /* what it starts is not done */
};

struct alert *alert_new(const struct alert_conf *conf);
void alert_free(struct alert *a);
/* Another text of the same alert: what was counted is not, and it is armed. */
void alert_set_conf(struct alert *a, const struct alert_conf *conf);

/* The name of an event, which is matched by the glob of Event=. */
bool alert_wants(const struct alert_conf *conf, const char *event);
/* One of these matches: Unit= and Match=. */
bool alert_matches(const struct alert_conf *conf, const struct jv *event);
bool alert_is_of_unit(const struct alert_conf *conf, const char *unit);

/* One that matches.  True: it is to fire. */
bool alert_on_event(struct alert *a, uint64_t wall_us);
/* A run has ended; then the rate is the value.  False: fewer than Count= of WithinSec=
 * say nothing. */
void alert_on_run(struct alert *a, uint64_t wall_us, bool failed);
bool alert_rate(const struct alert *a, uint64_t now_us, double *percent);
/* A value, in what the limit is in.  True: it is to fire. */
bool alert_on_value(struct alert *a, double value, uint64_t now_us);
/* Nothing is known of it now. */
void alert_on_no_value(struct alert *a);

/* It fires: evidence is kept. */
void alert_fire(struct alert *a, uint64_t now_us, const char *evidence);
/* NULL, or why it is armed again now, having fired: "expired" or "back". */
const char *alert_look(struct alert *a, uint64_t now_us);
void alert_rearm(struct alert *a);
/* When to look at it next, although nothing happens: to fire (ForSec=) or to be armed; 0:
 * never. */
uint64_t alert_next_us(const struct alert *a);
/* The time for ForSec= is over, and the value is beyond still. */
bool alert_is_due(const struct alert *a, uint64_t now_us);
/* The clock was set: no time is in the future. */
void alert_on_clock_set(struct alert *a, uint64_t now_us);

/* "12 events of failed within 40s", "the load is 9.50, more than 8" */
void alert_tell_events(const struct alert *a, const char *event, uint64_t span_us,
    const char *unit, struct buf *out);
void alert_tell_value(const struct alert *a, const char *of, struct buf *out);
/* The last Count= events lie within the time, and it has not fired for them. */
bool alert_is_reached(const struct alert *a);
/* The time that the last Count= events took, before alert_fire. */
uint64_t alert_span_us(const struct alert *a);

void alert_write_json(const struct alert *a, struct jw *w);
/* Nothing of what cannot be. */
void alert_read_json(struct alert *a, const struct jv *v);

#endif
