/*
 * job: what was asked for and is not done yet.
 *
 * THE MODEL
 *
 * A request (job_request) names one unit and one type.  plan.c makes of it the jobs of
 * all units that it pulls in: a start pulls what is required and wanted, a stop and a
 * restart pull what requires it.  A unit has at most one job; a new one merges with the
 * waiting one (start + start = one; restart takes start and reload in; stop replaces
 * what would start, which ends as canceled) or, when that runs already, is queued behind
 * it or replaces its intent.
 *
 * After=/Before= order jobs: both ways for a start (B After A: A's start first), reversed
 * for a stop, and between a stop and a start the stop goes first.  Each job counts the
 * jobs that it waits for; at zero it is ready.  What is not ordered runs at once, in
 * parallel.  A cycle of ordering among the jobs of a request and those that are queued
 * refuses the request, with the full path named; nothing of it is queued then.  (The
 * start of the instance, JOB_BREAK_CYCLES, leaves out a wanted unit of the cycle where
 * there is one; a stop is never refused: the jobs of the cycle are not ordered.)
 *
 * A job runs until the unit says done (jobs_unit_done).  Then it is removed, its waiters
 * are called, and those that waited for it are counted down; a start that failed fails
 * the starts that require it, when they are ordered after it ("dependency").
 *
 * SETTLING: nothing here recurses.  Every call only marks; jobs_settle, posted by
 * ops->schedule, does: wishes (cancel, merge, finish), then deeds (start, stop, reload).
 *
 * JOBS is a service of names: a unit is known here by its job_unit, which may be there
 * before the unit was loaded (somebody is ordered after it).
 */
#ifndef SUPD_MANAGER_JOB_JOB_H
#define SUPD_MANAGER_JOB_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct buf;
struct job;
struct job_unit;
struct jobs;

enum job_type {
	JOB_START,
	JOB_STOP,
	JOB_RESTART,
	JOB_TRY_RESTART,       /* restart when it runs, else nothing */
	JOB_RELOAD,            /* ExecReload=; refused when it does not run */
	JOB_RELOAD_OR_RESTART, /* reload when it can, restart when not, start when down */
	JOB_NTYPES,
};

enum job_result {
	JOB_DONE,
	JOB_CANCELED,
	JOB_TIMEOUT,
	JOB_FAILED,
	JOB_DEPENDENCY,
	JOB_SKIPPED,
	JOB_INVALID, /* refused: not loaded, masked, held, a cycle, … */
	JOB_NRESULTS,
};

enum job_mode {
	JOB_BREAK_CYCLES = 1 << 0, /* the start of the instance */
	JOB_NO_DEPS = 1 << 1,      /* this unit alone */
	JOB_AUTOMATIC = 1 << 2,    /* not a person: no counters are cleared */
	JOB_FORCE = 1 << 3,        /* of a stop: KILL now, no order */
};

/* What the job layer must know of a unit's state. */
enum job_unit_state {
	JOB_UNIT_DOWN,    /* inactive or failed */
	JOB_UNIT_WAITING, /* down, and to be started again by itself */
	JOB_UNIT_STARTING,
	JOB_UNIT_UP, /* active or reloading */
	JOB_UNIT_STOPPING,
};

/* One request as its asker sees it.  The strings are copied. */
struct job_request {
	enum job_type type;
	unsigned mode;      /* enum job_mode */
	const char *origin; /* "uid 1000 (supctl)", "boot", "dependency of a.service" */
	/* Passed to ops->start of the unit named, not to those pulled in. */
	const char *ref, *day, *log_name;
};

/* Called exactly once, from jobs_settle; NULL: nobody wants to know. */
typedef void job_done_fn(
    void *arg, uint32_t id, enum job_result result, const char *message);

struct job_ops {
	/* The unit of a job_unit; load it when it is not.  NULL: it can be started (or is
	 * a target, which needs nothing); else why not (malloc'd), for a start. */
	char *(*startable)(void *arg, struct job_unit *ju);
	enum job_unit_state (*state)(void *arg, struct job_unit *ju);
	/* A person stopped it: nothing but a person's request starts it, for itself or
	 * for what needs it.  NULL: there are no persons. */
	bool (*is_stopped_by_person)(void *arg, struct job_unit *ju);
	/* A start of it waits until jobs_unit_changed; what only wants it does not. NULL:
	 * nothing is ever held. */
	bool (*is_held)(void *arg, struct job_unit *ju);
	/* A start of it waits until jobs_unit_changed, and so does whatever comes after
	 * it. NULL: nothing is ever delayed. */
	bool (*is_delayed)(void *arg, struct job_unit *ju);
	/* It stands still: a restart of it waits until jobs_unit_changed, before its
	 * stop. NULL: nothing is ever frozen. */
	bool (*is_frozen)(void *arg, struct job_unit *ju);
	/* NULL: it can be reloaded; else why not (malloc'd). */
	char *(*reloadable)(void *arg, struct job_unit *ju);
	/* Deeds; answered by jobs_unit_done (also from within). */
	void (*start)(void *arg, struct job_unit *ju, const struct job_request *r);
	void (*stop)(
	    void *arg, struct job_unit *ju, bool restart, bool force, const char *origin);
	void (*reload)(void *arg, struct job_unit *ju, const char *origin);
	/* Call jobs_settle soon, once, not from within. */
	void (*schedule)(void *arg);
	/* Call jobs_on_timer at this monotonic time, the end of a shutdown's time;
	 * UINT64_MAX: not at all. */
	void (*timer)(void *arg, uint64_t deadline_us);
	/* A job was queued, began or ended: for events and metrics. */
	void (*queued)(void *arg, const struct job *j);
	void (*began)(void *arg, const struct job *j);
	void (*ended)(
	    void *arg, const struct job *j, enum job_result r, const char *message);
};

struct jobs *jobs_new(const struct job_ops *ops, void *arg);
/* Waiters of open jobs are called with canceled. */
void jobs_free(struct jobs *js);

/* ---- units ------------------------------------------------------------------- */
/* Made on first use; there until jobs_free, or until it is given back. */
struct job_unit *jobs_unit(struct jobs *js, const char *name);
/* Forgets it when it has no data, no job and no edge. */
void jobs_unit_release(struct jobs *js, const char *name);
/* name is another name of that unit: what others say of it, also before it was known, is
 * about the one.  of NULL: it is not any more. */
void jobs_unit_alias(struct jobs *js, const char *name, struct job_unit *of);
/* NULL when there is none. */
struct job_unit *jobs_unit_find(struct jobs *js, const char *name);
const char *job_unit_name(const struct job_unit *ju);
/* What the manager hangs on it (its struct unit). */
void *job_unit_data(const struct job_unit *ju);
void job_unit_set_data(struct job_unit *ju, void *data);
/* Its dependencies as loaded now; NULL: it was forgotten, only others' remain. */
void job_unit_set_deps(struct job_unit *ju, const struct unit_conf *conf);
/* Names of a dependency kind as known here, the inverse ones of others included:
 * Requires, Wants, After, Before; fn for each. */
typedef void job_unit_fn(void *arg, struct job_unit *ju);
void job_unit_each(
    struct job_unit *ju, enum unit_dep dep, bool inverse, job_unit_fn *fn, void *arg);

/* The unit ended a start, stop or reload (of a job or not). */
void jobs_unit_done(
    struct job_unit *ju, enum job_type type, enum job_result result, const char *why);
/* Its state changed; a start that nobody asked for, an exit, … */
void jobs_unit_changed(struct job_unit *ju);

/* ---- requests ---------------------------------------------------------------- */
/*
 * Returns the id of the job of that unit, 0 when the request was refused; done is called
 * in both cases, later.  out (may be NULL) gets the reason of a refusal at once.
 */
uint32_t job_request(struct jobs *js, struct job_unit *ju, const struct job_request *r,
    job_done_fn *done, void *arg, struct buf *out);
/* Nobody waits any more: no done of this arg is called. */
void job_forget_waiters(struct jobs *js, void *arg);
/* false: no such job, or it runs already (then its waiters are told canceled, it goes
 * on). */
bool job_cancel(struct jobs *js, uint32_t id);

/*
 * Stops all that runs, in reverse order.  done is called when nothing is left or at the
 * deadline (result timeout, message names who is left).  While it lasts, starts are
 * refused.  order false: all at once.
 */
void jobs_shutdown(struct jobs *js, uint64_t deadline_us, bool order, const char *origin,
    job_done_fn *done, void *arg);
bool jobs_is_shutdown(const struct jobs *js);

/* What was marked is done: see above. */
void jobs_settle(struct jobs *js);
void jobs_on_timer(struct jobs *js);

/* ---- questions --------------------------------------------------------------- */
size_t jobs_count(const struct jobs *js);
struct job *jobs_find(struct jobs *js, uint32_t id);
/* The job of a unit, or NULL. */
struct job *job_unit_job(struct job_unit *ju);
typedef void job_fn(void *arg, const struct job *j);
void jobs_each(struct jobs *js, job_fn *fn, void *arg);

uint32_t job_id(const struct job *j);
struct job_unit *job_of(const struct job *j);
enum job_type job_type(const struct job *j);
bool job_is_running(const struct job *j);
/* JOB_AUTOMATIC: no person asked for it by name. */
bool job_is_automatic(const struct job *j);
const char *job_origin(const struct job *j);
uint64_t job_since_us(const struct job *j); /* monotonic, queued */
uint64_t job_since_wall_us(const struct job *j);
uint64_t job_began_us(const struct job *j); /* monotonic, 0: it waits */
/* Another job waits for the end of this one. */
bool job_is_waited_for(const struct job *j);
void job_waits_for(const struct job *j, job_unit_fn *fn, void *arg);
const char *job_type_name(enum job_type type);
const char *job_result_name(enum job_result result);

#endif
