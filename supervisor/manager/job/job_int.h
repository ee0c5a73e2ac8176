/*
 * job_int: what the files of this folder share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_JOB_JOB_INT_H
#define SUPD_MANAGER_JOB_JOB_INT_H

#include <sys/queue.h>

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
	enum job_type type; /* START, STOP, RESTART or RELOAD */
	enum job_state state;
	bool start_phase; /* of a restart: it is down, now it comes up */
	bool queued;      /* in one of the queues of ready */
	bool no_order;
	bool hard; /* what it requires was planned with it, or the plan was refused */
	unsigned mode;
	char *origin;
	char *ref, *day, *log_name;
	uint64_t since_us, since_wall_us, began_us;
	struct waiters waiters;
	struct waits before_me; /* I am `later' */
	struct waits after_me;  /* I am `first' */
	unsigned npending;
	enum job_result result; /* ENDED */
	char *message;
};
TAILQ_HEAD(job_list, job);

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
	struct edges deps;     /* what it says itself */
	struct edges inverse;  /* what others say of it */
	struct job *job;       /* the one that counts; NULL: none */
	struct job *next;      /* waits for the end of job, which runs */
	/* Of the plan that is being made; index of its item plus one. */
	size_t planned;
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

struct jobs {
	const struct job_ops *ops;
	void *arg;
	struct map units;
	struct job_list all;
	size_t n;
	struct job_list runnable;
	struct job_list ended;
	STAILQ_HEAD(, answer) answers;
	uint32_t last_id;
	bool settling;
	/* The end of the instance. */
	bool shutdown;
	uint64_t shutdown_deadline_us;
	job_done_fn *shutdown_done;
	void *shutdown_arg;
	char *shutdown_failed; /* names, NULL: none */
};

struct plan_item {
	struct job_unit *unit;
	enum job_type type;
	bool hard; /* the anchor, or required */
	bool dropped;
	bool no_order;
};

struct plan {
	struct plan_item *v;
	size_t n, cap;
};

/* ---- graph.c ----------------------------------------------------------------- */
void job_unit_free(void *ju);
/* Itself, or what it is another name of. */
struct job_unit *job_unit_real(struct job_unit *u);
void unit_vec_add(struct unit_vec *v, struct job_unit *u);
/* Calls fn for each unit that is ordered before u (starts earlier). */
void graph_each_before(struct job_unit *u, job_unit_fn *fn, void *arg);
void graph_each_after(struct job_unit *u, job_unit_fn *fn, void *arg);
/*
 * Looks for a cycle of ordering among the jobs of the plan and those queued that go the
 * same way.  NULL: none; else the path "a.service after b.service after a.service"
 * (malloc'd), and the items of the plan on it in *on (NULL-terminated, malloc'd).
 */
char *graph_cycle(struct plan *p, struct plan_item ***on);

/* ---- plan.c ------------------------------------------------------------------ */
/* -1: refused, why says it. */
int plan_make(struct jobs *js, struct plan *p, struct job_unit *ju, enum job_type type,
    unsigned mode, struct buf *why);
/* The stop of all that runs or has a job. */
int plan_make_all(struct jobs *js, struct plan *p, struct buf *why);
void plan_clear(struct plan *p);

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
/* Asks for jobs_settle, unless it is at work. */
void jobs_schedule(struct jobs *js);

#endif
