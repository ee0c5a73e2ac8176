/* phases_int: what phases.c (which phase it is) and phases_act.c (what follows) share.
 * Nobody else includes it. */
#ifndef SUPD_MANAGER_PHASES_INT_H
#define SUPD_MANAGER_PHASES_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/map.h"
#include "manager/activate/phase.h"
#include "manager/phases.h"

struct loop_timer;
struct pathlook;

enum { PHASES_TEXT_MAX = 256 };

struct phases {
	struct manager *m;
	bool on;    /* supd.conf has [Phases] */
	bool begun; /* units may be started and stopped */
	bool known; /* phase was told */
	enum phase phase;
	uint64_t since_wall_us;
	struct phase_evidence e;
	char what[PHASES_TEXT_MAX]; /* the newest event */
	char file[PHASES_TEXT_MAX]; /* the newest file */
	uint64_t saved_boot_us;     /* of run/activity; 0: never */
	struct loop_timer *timer;   /* of the next phase */
	struct loop_timer *soon;    /* a look at files that changed */
	struct pathlook *look;      /* NULL: there are no files */
	struct map dreamers;        /* units that run in sleep only, by name */
};

void phases_on_files(void *arg);
void phases_look_later(struct phases *ph);
/* The targets, and whoever yields, as the phase has it.  Not from within a call of a
 * service or job. */
void phases_apply(struct phases *ph);
/* Who dreams, of all units. */
void phases_gather(struct phases *ph);

#endif
