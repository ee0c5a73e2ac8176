/*
 * job: what was asked for and is not done yet.
 *
 * THE MODEL
 *
 * A request (job_request) names one unit and one type.  gather.c makes of it a plan, the
 * jobs of all units that it pulls in, by systemd's rules: a start pulls the starts of
 * what is required and wanted, the stop of what it conflicts with and the look whether
 * its requisites are there (verify-active); a stop and a restart pull what requires, is
 * bound to, or is part of the unit; a reload what it is passed on to.  reduce.c takes out
 * what is done already, what nobody pulls in any more, one job of each cycle of the
 * order, and one of two that contradict each other; what the unit that was named cannot
 * be without is never taken out, the request is refused then, and nothing of it is
 * queued.
 *
 * What units depend on without a word (DefaultDependencies=) is computed from their type,
 * never kept (implied.c).
 *
 * A unit has at most one job; a new one merges with the waiting one (start + start = one;
 * restart takes start and reload in; stop replaces what would start, which ends as
 * canceled) or, when that runs already, is queued behind it or replaces its intent.
 *
 * After=/Before= order jobs: both ways for a start (B After A: A's start first), reversed
 * for a stop, and between a stop and a start the stop goes first.  Each job counts the
 * jobs that it waits for; at zero it is ready.  What is not ordered runs at once, in
 * parallel.  A cycle of ordering among the jobs of a request and those that are queued is
 * told with its full path, and broken: a job that is not needed is left out; when all are
 * needed, the request is refused.  (A stop is never refused: then the jobs of the cycle
 * are not ordered.)
 *
 * A job runs until the unit says done (jobs_unit_done).  Then it is removed, its waiters
 * are called, and those that waited for it are counted down; a start that failed fails
 * the jobs of those that require it and are not up yet ("dependency"): what was ordered
 * after it never starts, what was not goes on as a unit without a job.
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

#include "lib/runid.h"
#include "unit/conf.h"

struct buf;
struct strv;
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
	JOB_TRY_RELOAD_OR_RESTART, /* the same, nothing when down */
	JOB_VERIFY_ACTIVE,         /* nothing is done; skipped unless it is up */
	JOB_NTYPES,
};

enum job_result {
	JOB_DONE,
	JOB_CANCELED,
	JOB_TIMEOUT,
	JOB_FAILED,
	JOB_DEPENDENCY,
	JOB_SKIPPED, /* a condition does not hold */
	JOB_INVALID, /* refused: not loaded, masked, held, a cycle, … */
	JOB_ASSERT,  /* an Assert…= of the unit does not hold */
	JOB_NRESULTS,
};

/* What is done about others, by the names of --job-mode=. */
enum job_how {
	JOB_REPLACE,              /* what is queued and contradicts it is canceled */
	JOB_FAIL,                 /* it is refused instead; nothing that runs is stopped
				     that need not be */
	JOB_REPLACE_IRREVERSIBLY, /* and it cannot be replaced itself */
	JOB_ISOLATE,              /* of a start: what it does not need is stopped */
	JOB_FLUSH,                /* all that is queued and not part of it is canceled */
	JOB_IGNORE_DEPENDENCIES,  /* this unit alone, and not ordered */
	JOB_IGNORE_REQUIREMENTS,  /* this unit alone */
	JOB_TRIGGERING,           /* of a stop: what triggers it is stopped too */
	JOB_RESTART_DEPENDENCIES, /* of a start: what needs it and is up is restarted */
	JOB_NHOW,
};

enum job_mode {
	JOB_NO_DEPS = 1 << 1,   /* this unit alone; as JOB_IGNORE_REQUIREMENTS */
	JOB_AUTOMATIC = 1 << 2, /* not a person: no counters are cleared */
	JOB_FORCE = 1 << 3,     /* of a stop: KILL now, no order */
	JOB_BOOT = 1 << 4,      /* a start with the instance: what it needs and was
				   started since then, and has ended, is not again */
};

/* What the job layer must know of a unit's state. */
enum job_unit_state {
	JOB_UNIT_DOWN,    /* inactive or failed */
	JOB_UNIT_WAITING, /* down, and to be started again by itself */
	JOB_UNIT_STARTING,
	JOB_UNIT_UP, /* active or reloading */
	JOB_UNIT_STOPPING,
};

enum job_been {
	JOB_BEEN_NOT,
	JOB_BEEN_WELL,
	JOB_BEEN_FAILED,
};

/* One request as its asker sees it.  The strings are copied. */
struct job_request {
	enum job_type type;
	enum job_how how;
	unsigned mode;      /* enum job_mode */
	const char *origin; /* "uid 1000 (supctl)", "boot", "dependency of a.service" */
	/* Passed to ops->start of the unit named, not to those pulled in. */
	const char *ref, *day, *log_name;
	/* Lines NAME=VALUE for the environment of that start: what triggered it, as
	 * TRIGGER_UNIT=x.timer.  NULL: nothing.  At most SVC_START_ENV_MAX bytes. */
	const char *env;
	/* Passed to ops->start: the number of the job. */
	uint32_t job;
	/* Of a scope, likewise: the process that it is for, as svc_start has it. */
	int32_t pid;
	uint64_t pid_ticks;
	/* The run that it is part of (lib/runid.h); NULL or no id: it begins one. */
	const char *run;
	/* What was left out of it and why is added here; NULL: nobody wants to know. */
	struct strv *notes;
};

/* A part of a plan, for people.  Valid during the call. */
struct job_planned {
	struct job_unit *unit;
	enum job_type type;
	struct job_unit *by;  /* that pulls it in; NULL: it was asked for */
	const char *because;  /* "Requires=", "asked for", … */
	const char *left_out; /* why; NULL: it will be done */
};
typedef void job_plan_fn(void *arg, const struct job_planned *p);

/* Called exactly once, from jobs_settle; NULL: nobody wants to know. */
typedef void job_done_fn(
    void *arg, uint32_t id, enum job_result result, const char *message);

struct job_ops {
	/* The unit of a job_unit; load it when it is not.  NULL: it can be started (or is
	 * a target, which needs nothing); else why not (malloc'd), for a start. */
	char *(*startable)(void *arg, struct job_unit *ju);
	enum job_unit_state (*state)(void *arg, struct job_unit *ju);
	/* It was started since the instance was, for JOB_BOOT.  NULL: nothing was. */
	enum job_been (*has_been)(void *arg, struct job_unit *ju);
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
	/* AllowIsolate=.  NULL: everything may be isolated. */
	bool (*may_isolate)(void *arg, struct job_unit *ju);
	/* IgnoreOnIsolate=.  NULL: nothing is spared. */
	bool (*is_spared)(void *arg, struct job_unit *ju);
	/* JobTimeoutSec= and JobRunningTimeoutSec=; UINT64_MAX: none.  NULL: none. */
	void (*timeouts)(
	    void *arg, struct job_unit *ju, uint64_t *queued_us, uint64_t *running_us);
	/* It ended as timeout by one of these: JobTimeoutAction=. */
	void (*timed_out)(void *arg, const struct job *j);
	/* Deeds; answered by jobs_unit_done (also from within). */
	void (*start)(void *arg, struct job_unit *ju, const struct job_request *r);
	void (*stop)(
	    void *arg, struct job_unit *ju, bool restart, bool force, const char *origin);
	void (*reload)(void *arg, struct job_unit *ju, const char *origin);
	/* Call jobs_settle soon, once, not from within. */
	void (*schedule)(void *arg);
	/* Call jobs_on_timer at this monotonic time, the end of a shutdown's or of a
	 * job's time; UINT64_MAX: not at all. */
	void (*timer)(void *arg, uint64_t deadline_us);
	/* The order that the plan of anchor took has a cycle; dropped: whose job was left
	 * out for it, NULL: nobody's.  NULL: nobody wants to know. */
	void (*cycle)(
	    void *arg, struct job_unit *anchor, const char *path, const char *dropped);
	/* A start that does not begin at once: it is to be there after the
	 * death of this manager (jobs_restore), until ended is called.  Called before any
	 * deed of what it waits for.  NULL: nothing outlives anything. */
	void (*waits)(void *arg, const struct job *j);
	/* A request of that run found the job there already: it stays in its own, older
	 * one.  NULL: nobody wants to know. */
	void (*merged)(void *arg, const struct job *j, const struct job_request *r);
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

/* The same of those that follow from its type and DefaultDependencies= and are not said.
 * No unit may come or go meanwhile. */
void job_unit_each_implied(
    struct job_unit *ju, enum unit_dep dep, bool inverse, job_unit_fn *fn, void *arg);
/* Something other than targets is in sysinit.target, or it is masked: units that have
 * default dependencies require it.  At first nothing is. */
void jobs_set_sysinit(struct jobs *js, bool holds_something);

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
/*
 * What the same request would do, in the order in which it would begin, then what is left
 * out of it: also that of a unit that is as it is to be.  Nothing is queued.  -1: it
 * would be refused, out says why.
 */
int job_plan(struct jobs *js, struct job_unit *ju, const struct job_request *r,
    job_plan_fn *fn, void *arg, struct buf *out);
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

/* ---- after the death of a manager -------------------------------------------- */
/* A job of an earlier manager, as it was told to waits, or (runs) as its unit says that
 * it has begun: done follows for it by jobs_unit_done.  The request has its run. */
struct job_kept {
	uint32_t id;
	struct job_request r; /* type, how, mode, origin, …; the strings are copied */
	bool runs;
	bool hard;     /* as job_is_hard */
	bool no_order; /* as job_is_unordered */
	uint64_t since_wall_us;
};
/* Puts them into the queue, in the order of their numbers, ordered as units are by now;
 * nothing begins before the next jobs_settle.  A unit that has a job already keeps that
 * one.  New jobs get numbers above all of these and above last_id. */
void jobs_restore(struct jobs *js, const struct job_kept *v,
    struct job_unit *const units[], size_t n, uint32_t last_id);
/* It cannot be any more: ends it with that result, as if what it waits for had ended so.
 */
void job_give_up(struct job *j, enum job_result result, const char *why);

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
/* What it requires was planned with it, or the plan was refused. */
bool job_is_hard(const struct job *j);
bool job_is_unordered(const struct job *j);
unsigned job_mode(const struct job *j); /* enum job_mode */
/* As the request had them; NULL: none. */
const char *job_ref(const struct job *j);
const char *job_day(const struct job *j);
const char *job_log_name(const struct job *j);
const char *job_env(const struct job *j);
/* It is one that must be there again when a manager or supd is (restore.c says which). */
bool job_is_kept_kind(const struct job *j);
/* JOB_AUTOMATIC: no person asked for it by name. */
bool job_is_automatic(const struct job *j);
const char *job_origin(const struct job *j);
/* The run that it is part of; never empty. */
const char *job_run(const struct job *j);
uint64_t job_since_us(const struct job *j); /* monotonic, queued */
uint64_t job_since_wall_us(const struct job *j);
uint64_t job_began_us(const struct job *j); /* monotonic, 0: it waits */
/* Another job waits for the end of this one. */
bool job_is_waited_for(const struct job *j);
void job_waits_for(const struct job *j, job_unit_fn *fn, void *arg);
enum job_how job_how(const struct job *j);
/* The job that stands for its unit cannot be replaced. */
bool job_is_irreversible(const struct job *j);
const char *job_type_name(enum job_type type);
/* -1: there is no such type or mode. */
int job_type_parse(const char *name, enum job_type *type);
const char *job_how_name(enum job_how how);
int job_how_parse(const char *name, enum job_how *how);
const char *job_result_name(enum job_result result);

#endif
