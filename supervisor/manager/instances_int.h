/*
 * instances_int: what instances.c, instances_look.c and instances_memory.c share.  Nobody
 * else includes it.
 */
#ifndef SUPD_MANAGER_INSTANCES_INT_H
#define SUPD_MANAGER_INSTANCES_INT_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "proto/table.h"
#include "unit/conf.h"

struct instance_set;
struct loop_timer;
struct manager;
struct pathlook;
struct unit;

/* One that the source names, or did. */
struct member {
	TAILQ_ENTRY(member) next; /* in the order in which they came */
	struct instances *of;
	char *name; /* of the unit */
	struct unit *unit;
	char ref[PROTO_REF_MAX]; /* of its last run when it came: the next one is ours */
	bool gone;  /* the source does not name it any more; until it is down */
	bool tried; /* its start was asked for since the last look */
	bool seen;  /* by the look that goes on */
};

struct instances {
	struct manager *m;
	struct unit *unit;          /* the template */
	struct instances_conf conf; /* of the newest usable one; the texts are ours */
	char *source;               /* "FILE#/POINTER, GLOB" */
	TAILQ_HEAD(, member) members;
	struct map by_name;
	size_t n_named;
	struct pathlook *look;
	struct loop_timer *timer; /* until what changed is looked at */
	char *problem;            /* NULL: the last look saw all */
	struct strv refused;
	size_t n_refused;
	uint64_t read_wall_us; /* of the last look without a problem; 0: none */
	dev_t device;          /* of the folder of a glob, then */
	unsigned starting;     /* jobs that the next ones wait for */
	bool waiting;          /* there are next ones */
	bool recalled;         /* what was noted before is here */
	bool noting;           /* run/instances is about to be written */
};

struct member *member_new(struct instances *s, const char *name);
void member_free(struct member *mb);

/* What the source names now; -1 when it could not be seen whole: *problem (malloc'd) says
 * why, and the set has what was seen. */
int instances_read(struct instances *s, struct instance_set *set, char **problem);

/* Writes it, soon; what waits for that, now. */
void instances_note(struct instances *s);
void instances_note_flush(struct instances *s);
/* Reads it into s, which has no members. */
void instances_recall(struct instances *s);
/* The template has no source any more. */
void instances_note_remove(struct instances *s);

#endif
