/*
 * bonds_int: what bonds.c and bond_ends.c share.
 */
#ifndef SUPD_MANAGER_BONDS_INT_H
#define SUPD_MANAGER_BONDS_INT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "manager/bonds.h"
#include "manager/job/job.h"
#include "unit/conf.h"

struct loop_timer;

/* Of one unit. */
struct bond {
	TAILQ_ENTRY(bond) next; /* of the marked, or of the late */
	struct unit *unit;
	bool marked;       /* is to be looked at soon */
	bool late;         /* is to be looked at when the timer comes; not both */
	bool left;         /* it was up, and is not, and nobody had asked for that */
	uint64_t since_us; /* the stops and starts that are counted began; monotonic */
	unsigned tries;
	bool restarts;     /* its start by Restart= is a job */
	uint64_t begun_us; /* due_us of the end whose handlers were started */
};
TAILQ_HEAD(bond_list, bond);

struct bonds {
	struct manager *m;
	struct bond_list marked, late;
	size_t n_marked;
	struct loop_timer *timer; /* for those; NULL: there never were any */
};

struct bond *bond_of(struct unit *u);
enum job_how bond_how(enum unit_job_mode mode);
/* Asks for a job of u, because of the other.  directive is a word of unit files. false:
 * it was refused, and that was told. */
bool bond_request(struct unit *u, const struct job_request *r, const char *directive,
    const char *other, job_done_fn *done, void *arg);
/* Told: it is not done, and why. */
void bond_refused(struct unit *u, enum job_type type, const char *directive,
    const char *other, const char *why);

/* ---- bond_ends.c ---- */
/* What is due after an end of u. */
void bond_ends_look(struct unit *u);

#endif
