/*
 * digest_int: what digest.c and digest_text.c share.
 */
#ifndef SUPD_MANAGER_RECORD_DIGEST_INT_H
#define SUPD_MANAGER_RECORD_DIGEST_INT_H

#include <sys/queue.h>

#include "lib/map.h"
#include "manager/record/digest.h"

enum { DIGEST_WHY_MAX = 160 };

enum digest_count {
	DIGEST_RUNS,
	DIGEST_FAILURES,
	DIGEST_RESTARTS,
	DIGEST_RETRIES,
	DIGEST_HOLDS,
	DIGEST_LIMITS,
	DIGEST_START_LIMITS,
	DIGEST_BUDGETS,
	DIGEST_NCOUNTS,
};

/* Of one unit. */
struct digest_unit {
	uint64_t n[DIGEST_NCOUNTS];
	char *why; /* of its last failure or restart; NULL: none */
};

struct digest_alert {
	uint64_t n;
	uint64_t wall_us; /* of the last time */
	char *text;
};

struct digest_entry {
	TAILQ_ENTRY(digest_entry) link;
	uint64_t wall_us;
	char *who, *text;
};

/* From one time that it was handed out to the next. */
struct digest_period {
	uint64_t since_us; /* wall clock; 0: nothing has happened yet */
	uint64_t until_us; /* 0: it goes on */
	struct map units;  /* name to struct digest_unit */
	struct map folds;  /* template to the number of its instances, as a pointer */
	struct map alerts; /* name to struct digest_alert */
	TAILQ_HEAD(digest_entries, digest_entry) entries; /* the oldest first */
	size_t n_entries;
	uint64_t left_out; /* entries that were older */
	uint64_t role_deaths, emergencies;
};

struct digest {
	struct digest_period now, last;
	uint64_t shown_us;
	uint64_t taken_seq;           /* of the event that did it; not in the snapshot */
	char key[DIGEST_KEY_MAX + 1]; /* of who has the last one; empty: nobody's */
};

const struct digest_period *digest_period(
    const struct digest *d, enum digest_which which);
/* The name of all units that have no line of their own. */
#define DIGEST_OTHERS "*"

#endif
