/*
 * ops: the world of a service (svc_ops) as it really is: init behind the link, timers and
 * probes of the loop, /proc.  What a service is told of it comes back through adopt.c.
 */
#ifndef SUPD_MANAGER_OPS_H
#define SUPD_MANAGER_OPS_H

#include <sys/queue.h>

#include "lib/strv.h"
#include "manager/removal.h"
#include "manager/service/service.h"

struct helper;
struct loop_timer;
struct manager;
struct namewatch_name;
struct probe;
struct scan_watch;
struct slot_wait;
struct unit;

struct unit_timer {
	struct unit *unit;
	enum svc_timer which;
	struct loop_timer *timer; /* made when it is first needed */
};

struct unit_probe {
	TAILQ_ENTRY(unit_probe) next;
	struct unit *unit;
	enum probe_use use;
	uint64_t id;
	struct probe *probe;
};

/* A process that waits for its EnvironmentFile= lines to be read, and for its credentials
 * to be made. */
struct unit_spawn {
	TAILQ_ENTRY(unit_spawn) next;
	struct unit *unit;
	struct svc_spawn spawn;
	const struct unit_conf *conf; /* that its command is of */
	struct helper *helper;        /* NULL: it has answered */
	struct strv from_files;
	bool makes_credentials;
	bool failed;
	uint32_t phase; /* of the failure; 0: none that a child would have had */
	int err;
	char why[SVC_WHY_MAX];
};

/* What a unit has left is removed by a helper (removal.c). */
struct unit_removal {
	struct unit *unit; /* NULL: its service is gone, the removal goes on */
	removal_fn *fn;
	void *arg;
};

/* What hangs on a unit for its service; made on first use. */
struct unit_ops {
	struct unit_timer *timer[SVC_NTIMERS]; /* NULL: never armed */
	TAILQ_HEAD(, unit_probe) probes;
	TAILQ_HEAD(, unit_spawn) spawns; /* in the order in which they are wanted */
	struct namewatch_name *name;     /* BusName= that is watched; NULL */
	struct unit_removal *removal;    /* NULL: none; spawns wait for it */
	struct slot_wait *slot_wait;     /* adopt_slot.c; NULL: it waits for no slot */
	uint32_t empty_slot;     /* whose end is to be watched after them, or SLOT_NONE */
	struct scan_watch *scan; /* NULL: nothing is watched */
	uint32_t pattern_slot;   /* whose patterns the logger has, SLOT_NONE: none */
	uint8_t pattern_invocation[16]; /* which has that slot */
	uint8_t credentials_of[16];     /* the invocation that they were made for */
	const struct probe_list *patterns;
};

extern const struct svc_ops svc_ops_real;

struct unit_ops *unit_ops(struct unit *u);
/* The slot of the running invocation is gone, or was never opened: what was to be done in
 * it is not. */
void unit_ops_forget_slot(struct unit *u);
/* Ends all of it: the service is about to be freed. */
void unit_ops_clear(struct unit *u);
/* After the restart of the manager: credentials of units that do not run any more go. */
void ops_credentials_sweep(struct manager *m);
/* A new logger knows no patterns. */
void unit_ops_send_patterns(struct unit *u);

#endif
