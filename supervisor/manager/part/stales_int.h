/*
 * stales_int: what stales.c and stales_run.c share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_STALES_INT_H
#define SUPD_MANAGER_STALES_INT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/map.h"
#include "manager/activate/ledger.h"
#include "manager/part/part.h"
#include "manager/part/stale_scan.h"

struct helper;
struct loop_timer;
struct manager;
struct pathlook;

/* Of all watchers of a manager. */
struct stales {
	struct map flights; /* by unit -> struct flight */
	LIST_HEAD(, stale_part) all;
	size_t n_blind;
};

/* A run that has begun and is not settled. */
struct flight {
	struct stale_part *of;
	char *unit; /* its name */
	struct ledger_entry *entry;
};

struct stale_part {
	struct part part;
	LIST_ENTRY(stale_part) next;
	bool blind; /* is up, and not yet all that its ledger has begun was looked up */
	const char *origin; /* of the start that goes on */
	struct pathlook *look;
	bool relook; /* the folders may be others */
	struct loop_timer *timer;
	struct helper *scan; /* NULL: none goes on */
	struct helper *sync;
	bool sync_again;
	struct stale_question question;
	uint64_t began_us;      /* the last scan; monotonic */
	uint64_t not_sooner_us; /* the next one; monotonic */
	uint64_t due_wall_us;   /* something was told since the last scan began */
	struct map flights;     /* by instance -> struct flight */
	/* Instances that others have started: before the scan that goes on began, and
	 * since then; by instance -> name of the unit, which is pinned. */
	struct map asked, noticed;

	/* What is shown. */
	uint64_t scanned_wall_us; /* of the last one that ended; 0: none */
	uint64_t took_us;
	struct stale_counts counts;
	uint64_t gone;
	uint64_t started; /* by the last scan */
	uint64_t triggers;
	uint64_t last_wall_us; /* of the last start; 0: none */
	char *problem;         /* of the last scan; NULL: it saw all */
	char *refused;         /* why it did not start what it could; NULL: it did */
	bool unwritten;        /* the ledger takes nothing */
};

struct manager *stale_manager(const struct stale_part *sp);
const struct path_conf *stale_conf(const struct stale_part *sp);
/* A scan, no later than that (and no sooner than the last one allows). */
void stale_scan_due(struct stale_part *sp, uint64_t wall_us);

/* ---- stales_run.c ---- */

/* Starts what the scan chose.  -1: the ledger cannot be written, nothing more is. */
int stale_start(struct stale_part *sp, const struct stale_file *f);
/* Takes up a run of an earlier manager. */
void stale_resume(struct stale_part *sp, const struct ledger_entry *e);
/* Looks which runs are over. */
void stale_flights_settle(struct stale_part *sp);
void stale_flights_settle_later(struct stale_part *sp);
void stale_flights_free(struct stale_part *sp);
/* What the scan that begins is to ask after; and that it has, or never will. */
void stale_hand_ask(struct stale_part *sp);
void stale_hand_clear(struct stale_part *sp, struct map *names);
int stale_write(struct stale_part *sp, const struct ledger_entry *e);

#endif
