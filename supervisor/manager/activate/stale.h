/*
 * stale: which files a watcher (a path unit with StaleGlob=) starts an instance for.
 *
 * Pure: what is on the disk, what the ledger says, what runs, and what time it is come
 * from the caller.  Nothing is tracked between two scans: each takes what is there, less
 * what is too young, less what runs, less what the ledger says of the file as it is now.
 * A file whose size or time of change is another one is a new file, whatever became of
 * it before.
 */
#ifndef SUPD_MANAGER_ACTIVATE_STALE_H
#define SUPD_MANAGER_ACTIVATE_STALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/activate/ledger.h"
#include "unit/conf.h"

enum stale_open {
	STALE_CLOSED,
	STALE_OPEN,
	STALE_UNKNOWN, /* it cannot be said: it is not started */
};

struct stale_file {
	char *instance;
	uint64_t dev, inode, size, folder_dev;
	int64_t mtime_ns;
	uint32_t tries; /* that the file as it is has had; of stale_gate */
	/* The ledger's last word about the file as it is, when that is that it is tried
	 * again; 0 and empty: there is none.  Of stale_gate. */
	uint64_t tried_wall_us;
	char tried_run[RUN_ID_SIZE];
	enum stale_open open;
};

/* What the cheap questions say of a file, in their order. */
enum stale_gate {
	STALE_YOUNG,
	STALE_IN_FLIGHT,
	STALE_UNSETTLED, /* the ledger has a run of which nobody knows the end */
	STALE_DONE,
	STALE_WAITS, /* until it is tried again */
	STALE_QUARANTINED,
	STALE_CANDIDATE, /* it is started, if nobody has it open */
	STALE_NGATES,
};

/* Whether its instance runs. */
enum stale_runs {
	STALE_RUNS_NOT,
	STALE_RUNS_FOR_IT,  /* it is in flight */
	STALE_RUNS_BY_HAND, /* somebody else has started it, since the last scan */
};

/*
 * e is what the ledger says of its instance, NULL: nothing.  *due_wall_us is made less
 * when the answer will be another one sooner; f->tries and f->tried_* are set.  One that
 * somebody has started is a candidate before it is tried again.
 */
enum stale_gate stale_gate(const struct path_conf *c, struct stale_file *f,
    const struct ledger_entry *e, enum stale_runs runs, uint64_t now_wall_us,
    uint64_t *due_wall_us);

/*
 * Sorts the candidates, the oldest first, those that are to be started at the front, and
 * says how many these are: no more than max (0: no limit).
 */
size_t stale_choose(
    const struct path_conf *c, struct stale_file *v, size_t n, size_t max);

enum stale_end {
	STALE_ENDED_WELL,
	STALE_ENDED_BADLY,
	STALE_NOT_RUN, /* it was refused, canceled, or stopped by a person */
};

/* A run is about to begin for f.  run: its id. */
void stale_begin(const struct stale_file *f, const char *run, uint64_t now_wall_us,
    struct ledger_entry *out);
/* What the ledger is to say of it when it has ended. */
void stale_end(const struct path_conf *c, struct ledger_entry *e, enum stale_end how,
    uint64_t now_wall_us);

#endif
