/*
 * stale_scan: one look of a watcher at its files, in a helper.
 *
 * It reads folders, the ledger and /proc, however many there are and however long that
 * takes, and answers with what is to be done, which is bounded: what to start, and whose
 * run the ledger has begun and nobody knows the end of.
 */
#ifndef SUPD_MANAGER_STALE_SCAN_H
#define SUPD_MANAGER_STALE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/activate/stale.h"

struct buf;
struct map;

enum { STALE_STARTS_MAX = 1000 }; /* of one scan, also of MaxNewPerScan=0 */

/* All of it is of who asks, and is there until the answer is. */
struct stale_question {
	const char *root; /* the folder of the instance */
	const char *unit;
	const struct path_conf *conf;
	const struct map *in_flight; /* by instance, as the next one */
	const struct map *by_hand;   /* instances that others have started */
	uint64_t now_wall_us;
	bool merge; /* the ledger; see ledger_file_rotate */
};

/* A helper_work, of a struct stale_question. */
void stale_scan_work(const void *question, struct buf *out);

struct stale_counts {
	uint64_t found, stale, open, unknown, done, waits, quarantined;
};

struct stale_answer {
	struct stale_counts counts;
	struct stale_file *start;
	size_t n_start;
	struct ledger_entry **unsettled;
	size_t n_unsettled;
	bool more_unsettled;
	uint64_t gone;        /* that the ledger still has, and a merge would drop */
	uint64_t due_wall_us; /* the next scan sees something else then; UINT64_MAX */
	char *problem;        /* what could not be seen; NULL: nothing */
	bool failed;          /* and nothing can be said, therefore */
};

/* 0, or -1: it is none.  stale_answer_clear in any case. */
int stale_answer_read(const struct buf *text, struct stale_answer *out);
void stale_answer_clear(struct stale_answer *a);

/* A helper_work, of the name of the folder of the instance and that of a unit, both with
 * their NULs: what is in its ledger is on the disk. */
void stale_sync_work(const void *question, struct buf *out);

#endif
