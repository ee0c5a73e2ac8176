/*
 * job_int: what the files of this folder share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_JOB_JOB_INT_H
#define SUPD_MANAGER_JOB_JOB_INT_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdint.h>

#include "lib/map.h"
#include "manager/job/job.h"

enum job_state {
	JOB_WAITING,
	JOB_RUNNING,
	JOB_ENDED, /* its result is known; settle removes it */
};

struct waiter {
	STAILQ_ENTRY(waiter) link;
	job_done_fn *done;
	void *arg;
};
STAILQ_HEAD(waiters, waiter);

/* `later' waits for `first'. */
struct wait {
	LIST_ENTRY(wait) of_first;
	LIST_ENTRY(wait) of_later;
	struct job *first, *later;
};
LIST_HEAD(waits, wait);

struct job {
	TAILQ_ENTRY(job) link;  /* of all */
	TAILQ_ENTRY(job) ready; /* in the queue of those that may run, or that ended */
	struct jobs *js;
	struct job_unit *unit;
	uint32_t id;
	enum job_type type; /* START, STOP, RESTART, RELOAD or VERIFY_ACTIVE */
	enum job_how how;   /* of the request that it is part of */
	enum job_state state;
	bool start_phase; /* of a restart: it is down, now it comes up */
	bool queued;      /* in one of the queues of ready */
	bool no_order;
	bool hard; /* what it requires was planned with it, or the plan was refused */
	bool irreversible;
	bool kept; /* ops->waits was told of it */
	unsigned mode;
	char *origin;
	char run[RUN_ID_SIZE];
	char *ref, *day, *log_name, *env;
	int32_t pid;
	uint64_t pid_ticks;
	uint64_t since_us, since_wall_us, began_us;
	uint64_t deadline_us; /* UINT64_MAX: none, else it is in the tree of those */
	RB_ENTRY(job) by_deadline;
	struct waiters waiters;
	struct waits before_me; /* I am `later' */
	struct waits after_me;  /* I am `first' */
	unsigned npending;
	enum job_result result; /* ENDED */
	char *message;
};
TAILQ_HEAD(job_list, job);
RB_HEAD(job_tree, job);

struct unit_vec {
	struct job_unit **v;
	uint32_t n, cap;
};

/* Dependencies of all kinds in one array: most units have none, or few. */
struct edge {
	struct job_unit *to;
	enum unit_dep kind;
};
struct edges {
	struct edge *v;
	uint32_t n, cap;
};

struct job_unit {
	struct jobs *js;
	char *name;
	void *data;
	struct job_unit *real; /* the one that this is another name of; NULL: itself */
	unsigned names;        /* others that have this one as real */
	uint8_t implies;       /* enum implied_class */
	struct edges deps;     /* what it says itself */
	struct edges inverse;  /* what others say of it */
	struct job *job;       /* the one that counts; NULL: none */
	struct job *next;      /* waits for the end of job, which runs */
	/* Of the plan that is being made; index of its first item plus one. */
	uint32_t planned;
	/* Of the search for cycles. */
	unsigned colour;
	struct job_unit *parent;
};

/* An answer that is due: of a request that needed no job. */
struct answer {
	STAILQ_ENTRY(answer) link;
	job_done_fn *done;
	void *arg;
	uint32_t id;
	enum job_result result;
	char *message;
};

/* The targets that units depend on without a word. */
enum stage {
	STAGE_SYSINIT,
	STAGE_BASIC,
	STAGE_TIMERS,
	STAGE_PATHS,
	STAGE_SOCKETS,
	STAGE_TIME_SET,
	STAGE_TIME_SYNC,
	STAGE_SHUTDOWN,
	NSTAGES,
};

struct jobs {
	const struct job_ops *ops;
	void *arg;
	struct map units;
	struct job_unit *stage[NSTAGES]; /* by these names; never given back */
	bool sysinit;                    /* something is in sysinit.target */
	struct job_list all;
	size_t n;
	struct job_list runnable;
	struct job_list ended;
	struct job_tree deadlines;
	uint64_t armed_us; /* the timer; UINT64_MAX: it is not */
	STAILQ_HEAD(, answer) answers;
	uint32_t last_id;
	uint32_t looked_id; /* those up to here were told to ops->waits, if they wait */
	bool settling;
	/* The end of the instance. */
	bool shutdown;
	uint64_t shutdown_deadline_us;
	job_done_fn *shutdown_done;
	void *shutdown_arg;
	char *shutdown_failed; /* names, NULL: none */
};

enum { PLAN_NONE = UINT32_MAX };

/* `to' is in the plan because of `from'; both are items. */
struct plan_edge {
	uint32_t from, to;
	uint32_t next_of_from, next_of_to;
	const char *kind; /* "Requires=", … */
	bool matters;     /* without `to' there is no `from' */
	bool conflicts;   /* `from' says Conflicts=, and `to' is the stop */
	bool gone;        /* one of them was left out */
};

/* One type of job for one unit.  A unit may have several until reduce.c merges them. */
struct plan_item {
	struct job_unit *unit;
	enum job_type type;
	uint32_t next_of_unit;
	uint32_t pulls, pulled_by; /* first edges */
	bool chain;                /* the anchor, or required by what is one */
	bool expanded;             /* what it pulls in was looked for */
	bool no_order;
	char *left_out; /* why; NULL: it is part of the plan */
};

/* A unit that somebody needs, and that cannot be: there is no item for it. */
struct plan_missing {
	uint32_t by;
	bool hard;
	struct job_unit *unit;
	const char *kind;
	char *why;
};

/* The first item is the anchor: what was asked for. */
struct plan {
	struct jobs *js;
	const struct job_request *r;
	struct plan_item *v;
	struct plan_edge *e;
	struct plan_missing *m;
	uint32_t n, cap, n_e, cap_e, n_m, cap_m;
	bool quiet; /* it is only looked at: nobody is told of cycles */
};

/* ---- graph.c ----------------------------------------------------------------- */
void job_unit_free(void *ju);
/* Itself, or what it is another name of. */
struct job_unit *job_unit_real(struct job_unit *u);
void unit_vec_push(struct unit_vec *v, struct job_unit *u);
/* The same, once. */
void unit_vec_add(struct unit_vec *v, struct job_unit *u);
bool edges_have(const struct edges *e, enum unit_dep kind, const struct job_unit *to);
/* Calls fn for each unit that is ordered before u (starts earlier). */
void graph_each_before(struct job_unit *u, job_unit_fn *fn, void *arg);
void graph_each_after(struct job_unit *u, job_unit_fn *fn, void *arg);
/* u starts after other. */
bool graph_is_after(const struct job_unit *u, const struct job_unit *other);
/*
 * Looks for a cycle of ordering among the jobs of the plan and those queued that go the
 * same way.  NULL: none; else the path "a.service after b.service after a.service"
 * (malloc'd), and the units on it that are in the plan in *on.
 */
char *graph_cycle(struct plan *p, struct unit_vec *on);

/* ---- implied.c --------------------------------------------------------------- */
/* What decides which dependencies follow without a word. */
enum implied_class {
	IMPLIES_NOTHING, /* DefaultDependencies=no, or not loaded */
	IMPLIES_OTHER,   /* yes, and it is none of these */
	IMPLIES_SERVICE,
	IMPLIES_TIMER,
	IMPLIES_CALENDAR, /* a timer that needs the time of day */
	IMPLIES_PATH,
	IMPLIES_SOCKET,
	IMPLIES_TARGET,
};
enum implied_class implied_class_of(const struct unit_conf *conf);
void implied_init(struct jobs *js);
/* Units may depend on it without a word. */
bool implied_is_target(const struct job_unit *u);
/* u has that dependency on other without a word. */
bool implied_has(
    const struct job_unit *u, enum unit_dep dep, const struct job_unit *other);
/* As job_unit_each_implied, and those that are said as well.  No unit may come or go
 * meanwhile. */
void implied_each(
    struct job_unit *u, enum unit_dep dep, bool inverse, job_unit_fn *fn, void *arg);

/* ---- types.c ----------------------------------------------------------------- */
/* Both cannot be for one unit. */
bool job_types_conflict(enum job_type a, enum job_type b);
/* The one that does what both do; they must not conflict. */
enum job_type job_types_merged(enum job_type a, enum job_type b, enum job_unit_state st);
/* A unit in that state needs no such job. */
bool job_type_is_redundant(enum job_type type, enum job_unit_state st);
/* Goes the way of a start, sooner or later. */
bool job_type_goes_up(enum job_type type);

/* ---- plan.c ------------------------------------------------------------------ */
/* The item of that unit and type, made when it is not there; from PLAN_NONE: nobody's. */
uint32_t plan_add(struct plan *p, struct job_unit *u, enum job_type type, uint32_t from,
    const char *kind, bool matters, bool conflicts);
void plan_add_missing(struct plan *p, struct job_unit *u, uint32_t from, const char *kind,
    bool hard, char *why);
/* Who pulled it in first, and is part of the plan; NULL: it was asked for. */
const struct plan_edge *plan_puller(const struct plan *p, uint32_t item);
/* Leaves it out, and with it (cascade) what cannot be without it. */
void plan_leave_out(struct plan *p, uint32_t item, bool cascade, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Leaves out what is in it only because of what was left out. */
void plan_collect(struct plan *p);
/* Which items the anchor cannot be without; free it. */
bool *plan_matters(const struct plan *p);
/* The first item of u that is not left out; PLAN_NONE: none. */
uint32_t plan_item_of(const struct plan *p, const struct job_unit *u);
uint32_t plan_next_of_unit(const struct plan *p, uint32_t item);
/* -1: refused, why says it. */
int plan_make(struct jobs *js, struct plan *p, struct job_unit *ju,
    const struct job_request *r, enum job_type type, struct buf *why);
/* The stop of all that runs or has a job. */
void plan_make_all(struct jobs *js, struct plan *p, const struct job_request *r);
void plan_clear(struct plan *p);

/* ---- gather.c ---------------------------------------------------------------- */
/* What the anchor, and all that it pulls in, pull in. */
void gather(struct plan *p);
/* For JOB_ISOLATE and JOB_TRIGGERING. */
void gather_isolated(struct plan *p);
void gather_triggers(struct plan *p);

/* ---- reduce.c ---------------------------------------------------------------- */
/* One job a unit, none that is not needed, no cycle; -1: it cannot be. */
int reduce(struct plan *p, struct buf *why);
/* The order of cycles is left out, instead of a job. */
void reduce_cycles_unordered(struct plan *p);

/* ---- preview.c --------------------------------------------------------------- */
/* fn for each item, in the order in which they would begin; then what is left out. */
void preview(struct plan *p, job_plan_fn *fn, void *arg);

/* ---- job.c ------------------------------------------------------------------- */
/* Goes the way of a start: of what it does now. */
bool job_is_startlike(const struct job *j);
/* Of that unit, in the list of all and in no queue.  anchor: it was asked for by name, so
 * that the log of the request is its. */
struct job *job_new(
    struct job_unit *u, enum job_type type, const struct job_request *r, bool anchor);
/* Takes it out of everything; its waiters are not called. */
void job_free(struct job *j);
/* Its result is known; the unit is free for the next one, and settle does the rest. */
void job_end(struct job *j, enum job_result r, const char *message);
/* done NULL: nobody waits. */
void job_add_waiter(struct job *j, job_done_fn *done, void *arg);
void job_call_waiters(struct job *j, enum job_result r, const char *message);
/* (Re)make what j waits for and what waits for it. */
void job_order(struct job *j);
/* Into the queue of what may run, if it waits for nothing. */
void job_make_runnable(struct job *j);
/* Out of the queue it is in, if any. */
void job_dequeue(struct job *j);
/* mine: of what I wait for; else of what waits for me. */
void job_waits_clear(struct waits *w, bool mine);
/* It waits: told once to ops->waits, if it is one that must be there again. */
void job_keep(struct job *j);
/* The same of all that are new, and are not the next one to begin (NULL: none is). */
void jobs_keep_new(struct jobs *js, const struct job *next);
/* The timer at the first of all deadlines. */
void jobs_arm(struct jobs *js);
/* Its time begins: of the waiting, or of what it does now. */
void job_begin_time(struct job *j, bool running);
/* Asks for jobs_settle, unless it is at work. */
void jobs_schedule(struct jobs *js);

int job_tree_cmp(struct job *a, struct job *b);
RB_PROTOTYPE(job_tree, job, by_deadline, job_tree_cmp)

#endif
