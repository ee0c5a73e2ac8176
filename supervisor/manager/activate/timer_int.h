/*
 * timer_int: what the files of the timer share.
 */
#ifndef SUPD_MANAGER_ACTIVATE_TIMER_INT_H
#define SUPD_MANAGER_ACTIVATE_TIMER_INT_H

#include "manager/activate/timer.h"

struct calendar;

enum {
	/* Stretches of wall time that were lived, beside the one that goes on. */
	TIMER_LIVED_MAX = 8,
	TIMER_FIRING_MAX = TIMER_ALLOW_MAX + 1,
	/* A unit's time comes no sooner after a start that was refused, or while the unit
	 * runs, so that one of 0 does not spin. */
	TIMER_AGAIN_US = 1000 * 1000,
};

struct timer_now {
	uint64_t mono_us, boot_us, wall_us;
};

/* Wall time whose occurrences are accounted for, both ends included. */
struct timer_lived {
	uint64_t from_us, to_us;
};

/* A start that was asked for and has not been seen to happen. */
struct timer_firing {
	uint32_t unit;   /* as timer_unit counts */
	char before[33]; /* timer_run.id then */
	uint64_t for_us; /* the time of the calendar that it is for; 0: none */
};

struct timer {
	const char *name;
	struct timer_conf conf; /* borrowed, but for its lists: see timer_conf_copy */
	struct calendar **calendars; /* NULL where it cannot be read */
	struct timer_ops ops;

	enum timer_state state;
	struct timer_now active; /* since then; all 0: never */
	struct timer_now seen;   /* the clocks when they were last found in step */
	uint64_t last_wall_us, last_mono_us;
	uint64_t count;
	uint64_t skipped, skipped_wall_us;
	char skipped_why[24];
	bool stopped;    /* it is dead because it was stopped */
	bool other_boot; /* last_mono_us and the like are of an earlier boot */

	/* Calendars: of the lived time that goes on, and of what was lived beside it. */
	struct timer_lived lived;
	struct timer_lived past[TIMER_LIVED_MAX];
	size_t n_past;
	/* An occurrence that is owed though the expression may not say so any more. */
	uint64_t kept_us; /* 0: none */
	uint64_t kept_due_us;
	/* What comes next by the schedule that has this sum: of the calendar, and of the
	 * other keys by the clock that they go by; INFINITY: none.  A manager that meets
	 * another schedule knows nothing else of that one. */
	uint64_t planned_us, planned_due_us, planned_point_us;
	uint64_t sum;      /* see timer_conf_sum; 0: not known */
	uint64_t conf_sum; /* of conf: another one until that is what counts */
	/* What is due was missed, for this reason, and waits so long. */
	char missed_why[24]; /* "": it was not */
	uint64_t missed_due_us;
	/* Those of the other keys up to there are accounted for; of the clock that they
	 * go by. */
	uint64_t points_us;
	/* Of the unit, monotonic; 0: not known.  In this boot. */
	uint64_t exit_us, enter_us;
	/* The same of an earlier boot, wall clock, for Persistent=. */
	uint64_t past_base_wall_us[2];
	uint64_t floor_us; /* what the unit's times count from at least */
	bool overlapped;   /* what is due came while the unit ran */

	struct timer_firing firing[TIMER_FIRING_MAX];
	size_t n_firing;
	uint32_t busy; /* bit i for unit i */
};

/* What comes next. */
struct timer_plan {
	uint64_t wall_us;     /* the calendar's next occurrence; INFINITY: none */
	uint64_t wall_due_us; /* with its delays */
	uint64_t point_us;    /* the next point, of the clock that it goes by; INFINITY */
	uint64_t point_due_us; /* with its delay */
	bool point_once;       /* of a key that has one point only */
	uint64_t from_us;      /* the first of both, monotonic, never before now */
	bool calendar;         /* it is the calendar's */
	bool of_unit;          /* there are keys that go by the unit's times */
};

/* ---- timer.c ---- */
bool timer_is_active(const struct timer *t);
enum timer_overlap timer_overlap(const struct timer *t);
bool timer_elapses_while_running(const struct timer *t);
/* Says note, with a plan that is new; nothing that it decides on may be left to do. */
void timer_tell(struct timer *t, struct timer_note note);
/* Told when it is another one. */
void timer_set_state(struct timer *t, enum timer_state state);
/* So many have no run, of calendar times the first and the last; of 0 nothing is told. */
void timer_skipped(struct timer *t, const char *why, uint64_t count, uint64_t first_us,
    uint64_t last_us);
/* What is remembered of the plan, while the schedule that counts is that of conf. */
void timer_remember_plan(struct timer *t);
/* All times of the calendar that came until now are answered. */
void timer_account_times(struct timer *t, const struct timer_now *now);
/* Plans, and arms for it; the last of all that is done. */
void timer_settle(struct timer *t);

/* ---- timer_units.c: unit i as timer_unit counts ---- */
/* Which of them that is; -1: none. */
int timer_unit_index(const struct timer *t, const char *unit);
/* What it does, and whether it can be started. */
void timer_unit_look(const struct timer *t, size_t i, struct timer_run *run);
/* It was asked for, and not yet seen to begin. */
bool timer_is_firing(const struct timer *t, uint32_t unit);
/* That is over, one way or the other; what it was. */
struct timer_firing timer_fired(struct timer *t, uint32_t unit);
bool timer_any_busy(const struct timer *t);
/* One that can be started now, of those that it may start at once; -1: none. */
int timer_idle_unit(const struct timer *t);
/* What they did before it looked, as far as that was since the machine began. */
void timer_units_look(struct timer *t, const struct timer_now *now);

/* ---- timer_change.c ---- */
/* Another file than the one that was remembered says when, and nobody saw the change. */
void timer_edited_meanwhile(struct timer *t, const struct timer_now *now);

/* ---- timer_plan.c ---- */
void timer_look(struct timer_now *now);
/* The clock that points go by. */
uint64_t timer_point_clock(const struct timer *t, const struct timer_now *now);
void timer_plan(const struct timer *t, const struct timer_now *now, struct timer_plan *p);
/* The first occurrence after the lived time that is not lived; INFINITY: none. */
uint64_t timer_next(const struct timer *t);
/* Occurrences that are not accounted for, as far as until; first and last of them. */
uint64_t timer_count(
    const struct timer *t, uint64_t until_us, uint64_t *first_us, uint64_t *last_us);
/* Points of keys that have one only, not accounted for, as far as now; the last. */
uint64_t timer_count_points(
    const struct timer *t, const struct timer_now *now, uint64_t *last_us);
/* A point of a key that goes by the unit's times has come. */
bool timer_unit_point_came(const struct timer *t, const struct timer_now *now);
bool timer_names(const struct timer *t, uint64_t wall_us);

/* Lived time goes on until then. */
void timer_live_until(struct timer *t, uint64_t wall_us);
/* It begins anew, after time that nobody lived. */
void timer_live_anew(struct timer *t, uint64_t from_us, uint64_t to_us);
/* The clock was set back to there. */
void timer_live_again(struct timer *t, uint64_t wall_us);

/* ---- timer_conf.c ---- */
/* The lists of conf are copied, and its expressions read. */
void timer_conf_take(struct timer *t, const struct timer_conf *conf);
void timer_conf_drop(struct timer *t);
/* A number that another schedule does not have. */
uint64_t timer_conf_sum(const struct timer *t);
bool timer_conf_same(const struct timer *t, const struct timer_conf *conf);

#endif
