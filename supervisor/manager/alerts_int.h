/*
 * alerts_int: what the files of alerts share.
 */
#ifndef SUPD_MANAGER_ALERTS_INT_H
#define SUPD_MANAGER_ALERTS_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/map.h"
#include "manager/activate/alert.h"
#include "manager/alerts.h"
#include "manager/record/event.h"

struct loop_timer;

struct watched {
	struct alert *a;
	char *name;
	char *starts;        /* a unit; NULL: nothing */
	char *due;           /* it is to fire, with this evidence; NULL: it is not */
	uint64_t look_at_us; /* monotonic: its value, of the machine; 0: not that */
};

struct alerts {
	struct manager *m;
	struct watched *v;
	size_t n;
	uint64_t wants[EVENT_ID_MAX / 64]; /* ids that some alert counts */
	bool begun;
	bool counts_failed, looks_at_pools; /* some alert does */
	struct map moved;                   /* units whose state may be another one */
	struct map failed; /* units that are, without what alerts start */
	struct map pools;
	struct loop_timer *timer; /* the next look */
};

bool alert_is_of_machine(const struct alert_conf *c);
/* Is unit (NULL: none) started by one of them?  Such a one is none of what is counted. */
bool alerts_start(const struct alerts *as, const char *unit);

/* ---- alerts_value.c ---- */
/* What was moved by events is known again. */
void alerts_take_moved(struct alerts *as);
/* Of all units: pools, and what is failed. */
void alerts_gather(struct alerts *as);
/* Its value now, if it is one of a metric and due for a look; of gets what it is of. */
void alerts_measure(struct alerts *as, struct watched *w, uint64_t wall_us,
    uint64_t mono_us, char *of, size_t of_size);

/* ---- alerts_act.c ---- */
/* What it starts is started; it has fired, which was told. */
void alerts_act(struct alerts *as, struct watched *w);
/* The same of what an earlier manager may have started. */
void alerts_act_again(struct alerts *as, struct watched *w);

#endif
