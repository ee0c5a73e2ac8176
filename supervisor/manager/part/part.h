/*
 * part: what a unit is that is no service: a target, a slice, a timer, a path, a socket,
 * a pool.
 *
 * A unit has either a service (u->svc) or a part (u->part), by its type.  What all parts
 * have in common is here: the active state with its age and reason, the event of each
 * change, what survives the manager (in the event unit-state, and in the snapshot), and
 * the hook by which a trigger hears of what it starts.  What each type does is in a
 * struct part_kind: target.c (targets and slices), timers.c, and so on.
 *
 * A part is started and stopped by jobs alone.  Its kind answers by part_up, part_down
 * or part_fail, at once or later, and asks for what it wants of other units by jobs:
 * nothing here calls another unit directly, so nothing recurses.
 */
#ifndef SUPD_MANAGER_PART_H
#define SUPD_MANAGER_PART_H

#include <stdbool.h>
#include <stdint.h>

#include "manager/service/memory.h"

struct job_request;
struct jv;
struct jw;
struct manager;
struct part;
struct unit;
struct unit_conf;

struct part_kind {
	/* A part of this kind, zeroed but for its conf and unit: malloc'd. */
	struct part *(*make)(void);
	/* Frees all that make, conf and the others gave it, and the part. */
	void (*free)(struct part *p);
	/* p->conf is another one; old is freed after the call.  NULL: nothing to do. */
	void (*conf)(struct part *p, const struct unit_conf *old);
	/* Of a job, when the part is down; leads to part_up, part_skip or part_fail. */
	void (*start)(struct part *p, const struct job_request *r);
	/* Of a job, when it is up; leads to part_down.  NULL: it is down at once. */
	void (*stop)(struct part *p, const char *origin);
	/* systemd's word for the sub-state, as "waiting". */
	const char *(*sub)(const struct part *p);
	/*
	 * Its own members in the memory of the unit, which is an open object.  NULL: it
	 * has none.  At most PART_MEMORY_MAX bytes.
	 */
	void (*write)(const struct part *p, struct jw *w);
	/*
	 * The same read back, when a manager comes; what it says is hostile.  p has its
	 * state already: up means that it was up and is so now.  same_boot is false when
	 * monotonic times in it are of an earlier boot of the machine.  NULL: nothing.
	 */
	void (*restore)(struct part *p, const struct jv *v, bool same_boot);
	/*
	 * All units are restored, and what was missed is caught up with.  Only of a part
	 * that is up, also when there was nothing to restore.  NULL: nothing.
	 */
	void (*resume)(struct part *p);
	/*
	 * The active state of a unit that it triggers (DEP_TRIGGERS) is another one. Must
	 * not start anything but by a job.  NULL: it does not matter.
	 */
	void (*on_triggered)(
	    struct part *p, struct unit *u, enum svc_active from, enum svc_active to);
	/* Its own members in status and lists, as an object of that name.  NULL: none. */
	const char *section;
	void (*render)(const struct part *p, struct jw *w);
};

enum { PART_RESULT_MAX = 32, PART_MEMORY_MAX = 2000 };

/* The head of each kind's own struct. */
struct part {
	const struct part_kind *kind;
	struct unit *unit;
	const struct unit_conf *conf; /* the newest that could be used */
	enum svc_active active;       /* only part_* change it */
	char result[PART_RESULT_MAX]; /* "success", or a word of systemd's */
	char why[SVC_WHY_MAX];
	uint64_t life; /* of the supd that started it last (boot_wall_us); 0: none */
	uint64_t active_wall_us, changed_wall_us; /* 0: never */
	unsigned due; /* enum svc_due: what must still follow (bonds.h) */
	uint64_t due_life, due_us;
	char run[RUN_ID_SIZE]; /* of its newest start, or empty */
	bool restored;
	/* Condition*= and Assert*=, asked when a start begins. */
	uint64_t checked_wall_us; /* 0: never */
	char *unmet, *found;      /* of the one that did not hold; NULL: all did */
};

/* The kind for a type of unit, NULL: units of it are no parts. */
const struct part_kind *part_kind_of(const struct unit_conf *conf);
/* conf is of a kind. */
struct part *part_new(struct unit *u, const struct unit_conf *conf);
void part_free(struct part *p);
/* p may be another one then, in its unit. */
void part_set_conf(struct part *p, const struct unit_conf *conf);

/* ---- what kinds say ------------------------------------------------------------------
 */

/* It is on its way up: one of part_up, part_down and part_fail follows. */
void part_begin(struct part *p, const char *why);
/* It is up: the job of its start is done. */
void part_up(struct part *p, const char *why);
/* It is down: the job of its stop is done, of a start that came to nothing canceled. */
void part_down(struct part *p, const char *why);
/* It is down, and failed by that result; a start fails. */
void part_fail(struct part *p, const char *result, const char *why);
/* Appends to a why of size bytes what a person does when its cause is gone: nothing else
 * starts again what has failed.  What is too long loses the end of its cause. */
void part_add_next(const struct part *p, char *why, size_t size);
/* Something else of it changed that must be remembered, or is shown. */
void part_changed(struct part *p);
/* The same of what is remembered alone, and nothing else of it. */
void part_memory_changed(struct part *p);

/* ---- what others ask and say ---------------------------------------------------------
 */

void part_start(struct part *p, const struct job_request *r);
void part_stop(struct part *p, const char *origin);
/* A start of it comes no more; why may be NULL.  A later manager does not make up for it.
 */
void part_given_up(struct part *p, const char *why);
bool part_is_up(const struct part *p);
/* As svc_not_started and svc_due_done. */
void part_not_started(struct part *p);
void part_due_done(struct part *p);
/* No longer failed. */
void part_reset_failed(struct part *p);
/* Its memory, into an open object; and back, when a manager comes (before resume). */
void part_write(const struct part *p, struct jw *w);
void part_restore(struct unit *u);
void part_resume(struct part *p);
/* By its memory it was up, and is so with this manager. */
bool part_memory_is_up(const struct manager *m, const struct jv *v, bool same_boot);
/* It was started by this supd, whichever its manager was then. */
bool part_was_started(const struct part *p);

/* The active state of a unit of any type. */
enum svc_active unit_active(const struct unit *u);
/* It has something that can be started: a service, or a part. */
bool unit_can_start(const struct unit *u);
/* Why what triggers it does not start it, in a word; NULL: it does. */
const char *unit_trigger_refusal(const struct unit *u);
/*
 * Looks whether the active state of a unit is another one than at the last look, and
 * tells it to all that depend on that.  Called after every change.
 */
void unit_note_active(struct unit *u);
/* From here on it is told (before, a manager is still reading what was). */
void unit_know_active(struct unit *u);

#endif
