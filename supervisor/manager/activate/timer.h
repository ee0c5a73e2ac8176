/*
 * timer: when one timer elapses, and what becomes of each occurrence.
 *
 * What it promises:
 *
 *  1. Every occurrence (a time of OnCalendar=, a point of the other keys) either is the
 *     reason of a run, or is told as skipped, with why: overlap, coalesced, off, stopped,
 *     asleep, clock-set, edited, held, masked, …; also after it was told as elapsed, when
 *     its start came to nothing: start-limit-hit, condition, dependency, ….  Many that
 * are skipped for one reason are one note with their number.
 *  2. None has two runs: what was accounted for is recorded before the start is asked
 *     for, a start that a manager did not live to see is asked for again only when the
 *     unit has not begun another run, and times of the wall clock that were lived once
 *     are not lived again when it is set back.
 *  3. What was missed (while supd was off, the machine slept, or the clock was set
 *     forward) runs once, and waits for ops.spread, so that many timers are no burst.
 *  4. Another configuration, or another zone, elapses nothing by itself: a point between
 *     the last run and now is left out.
 *  5. Delays are decided by the name, the occurrence and ops.seed, so that neither the
 *     death of a manager nor a look at it changes them.
 *  6. It wants at most one wake-up, and none while nothing can come of it.
 *
 * Times: calendars are of the wall clock, all else is monotonic, which stands still while
 * the machine sleeps; with WakeSystem= it does not.  Pure: clocks are those of lib/clock,
 * ops must not call back.
 */
#ifndef SUPD_MANAGER_ACTIVATE_TIMER_H
#define SUPD_MANAGER_ACTIVATE_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct json_err;
struct jv;
struct jw;
struct timer;
struct zone;

enum timer_state {
	TIMER_DEAD,
	TIMER_WAITING,
	TIMER_RUNNING, /* what it started runs: waits for its end */
	TIMER_ELAPSED, /* there is nothing more to wait for */
	TIMER_NSTATES,
};

enum timer_what {
	TIMER_NOTE_STATE,
	TIMER_NOTE_ELAPSED, /* a start is about to be asked for */
	TIMER_NOTE_SKIPPED,
	TIMER_NOTE_MEMORY, /* what timer_write writes has changed */
};

/* Whatever it says, timer_write is to be recorded with it. */
struct timer_note {
	enum timer_what what;
	enum timer_state old; /* STATE */
	const char *unit;     /* ELAPSED: what is started */
	const char *why; /* ELAPSED: calendar, monotonic, clock-change, timezone-change;
			    SKIPPED: the reason */
	uint64_t count;  /* SKIPPED: how many */
	uint64_t first_wall_us; /* of calendar times: the first and the last of them,
				   ELAPSED: (last) the one it is for; 0: of none */
	uint64_t last_wall_us;
	bool missed; /* ELAPSED: it is late, made up for */
};

/* What a unit that it starts does. */
struct timer_run {
	bool busy;              /* neither inactive nor failed, or about to be neither */
	uint64_t exit_wall_us;  /* left inactive so then last; 0: never */
	uint64_t enter_wall_us; /* became inactive or failed then; 0: never */
	char id[33];            /* of its newest run; "": none */
	const char *refusal;    /* a static word: it is not to be started; NULL: it is */
};

struct timer_ops {
	void (*look)(void *arg, const char *unit, struct timer_run *run);
	/* Answered by timer_done, later.  replace: it is restarted. */
	void (*start)(void *arg, const char *unit, bool replace);
	/* timer_tick is wanted between these monotonic times, the first not before;
	 * INFINITY: not at all. */
	void (*arm)(void *arg, uint64_t from_us, uint64_t until_us);
	/* Before the deeds that follow from it. */
	void (*tell)(void *arg, const struct timer_note *note);
	/* Of expressions that name none; NULL: UTC. */
	const struct zone *(*zone)(void *arg);
	/* How long what was missed waits. */
	uint64_t (*spread)(void *arg);
	void *arg;
	uint64_t seed;     /* of the machine and instance */
	uint64_t begin_us; /* when supd began, monotonic */
	uint64_t boot_us;  /* what OnBootSec= counts from, monotonic */
};

/* name must outlive it; conf until the next timer_set_conf has returned. */
struct timer *timer_new(
    const char *name, const struct timer_conf *conf, const struct timer_ops *ops);
void timer_free(struct timer *t);
/* One that means the same changes nothing. */
void timer_set_conf(struct timer *t, const struct timer_conf *conf);
/* NULL, or the expression that cannot be read any more (its zone is gone). */
const char *timer_unreadable(const struct timer *t);

/* ---- requests ---- */
void timer_start(struct timer *t);
enum timer_stop {
	TIMER_STOP_END,    /* with supd: what is missed is missed because it was off */
	TIMER_STOP_UNIT,   /* because of another unit */
	TIMER_STOP_PERSON, /* and forgets which times of the wall clock were lived */
};
void timer_stop(struct timer *t, enum timer_stop why);

/* ---- what happens ---- */
void timer_tick(struct timer *t);
/* The wall clock was set, or the machine has slept. */
void timer_on_clock(struct timer *t);
/* ops.zone is about to answer another one; and does now. */
void timer_leave_zone(struct timer *t);
void timer_on_zone(struct timer *t);
/* A unit of timer_unit is busy, or not any more; by_person: he stopped it. */
void timer_on_unit(struct timer *t, const char *unit, bool busy, bool by_person);
/* What came of ops.start: a run, or (why, a static word) one that failed, or none: told
 * as skipped then. */
void timer_done(struct timer *t, const char *unit, const char *why);

/* ---- what it is ---- */
struct timer_view {
	enum timer_state state;
	uint64_t next_wall_us; /* of a calendar; INFINITY: none */
	uint64_t next_mono_us; /* of the other keys; INFINITY: none */
	uint64_t due_wall_us;  /* the earlier of both, as the wall clock has it */
	uint64_t last_wall_us; /* when it elapsed last; 0: never */
	uint64_t last_mono_us;
	uint64_t count;   /* of runs asked for */
	uint64_t skipped; /* of occurrences */
	uint64_t skipped_wall_us;
	const char *skipped_why; /* NULL: none ever was */
	bool waits;              /* an occurrence waits for the end of what runs */
};
void timer_view(const struct timer *t, struct timer_view *v);
enum timer_state timer_state(const struct timer *t);
const char *timer_state_name(enum timer_state s);
/* Unit i of those that it starts, into dst; false: there are no more. */
bool timer_unit(const struct timer *t, size_t i, char *dst, size_t size);

/* ---- over a restart of the manager ---- */
/* Members of an object that is open in w. */
void timer_write(const struct timer *t, struct jw *w);
/* Into a new one, before anything else; -1 with err and as it was.  same_boot: monotonic
 * times still mean something; up: it is active as it was. */
int timer_restore(
    struct timer *t, const struct jv *v, bool same_boot, bool up, struct json_err *err);
/* It was active, and supd has not ended since: goes on, when ops.look knows all units. */
void timer_resume(struct timer *t);

#endif
