/*
 * history: the last runs of each unit, a few each, in memory.
 *
 * Owns what `supctl history' shows.  What is older is in the event journal.  Fed by
 * whoever emits the events exec and exit of main processes; restored from the snapshot
 * and from those events.
 */
#ifndef SUPD_MANAGER_RECORD_HISTORY_H
#define SUPD_MANAGER_RECORD_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/runid.h"

struct history;
struct jv;
struct jw;

enum {
	HISTORY_RUNS = 8,    /* kept for each unit */
	HISTORY_STAGES = 64, /* shown of a run of a pipeline */
	HISTORY_REF_MAX = 68,
	HISTORY_WORD_MAX = 16,
};

struct history_run {
	char ref[HISTORY_REF_MAX];
	uint8_t invocation[16];
	int32_t pid;
	uint64_t wall_start_us;
	uint64_t wall_end_us; /* 0: it runs still, as far as known */
	uint64_t duration_us;
	int32_t how;    /* enum exit_how, 0 while it runs */
	int32_t status; /* exit status or signal */
	char result[HISTORY_WORD_MAX];
	char run[RUN_ID_SIZE]; /* of the pipeline that it was part of, or empty */
	uint64_t cpu_us;       /* of its main process; 0: not known */
	uint64_t maxrss_kib;   /* likewise */
};

struct history *history_new(void);
void history_free(struct history *h);

/* A run begins.  Told twice (after a replay), it is the same run. */
void history_started(struct history *h, const char *unit, const char *ref,
    const uint8_t *invocation, int32_t pid, uint64_t wall_us);
/* Completes the newest run of that pid, or adds one that was not seen to start. */
void history_ended(struct history *h, const char *unit, const char *ref,
    const uint8_t *invocation, int32_t pid, int32_t how, int32_t status, uint64_t wall_us,
    uint64_t duration_us);
/* The newest run of the unit is part of that run of a pipeline; NULL: of none. */
void history_part_of(struct history *h, const char *unit, const char *run);
/* What the newest run of the unit has used, if its main process was that one. */
void history_used(struct history *h, const char *unit, int32_t pid, uint64_t cpu_us,
    uint64_t maxrss_kib);
/* The result of the unit's newest run, when it is known; what the unit comes to later
 * without a run (a start that was refused, reset-failed) does not change it. */
void history_result(struct history *h, const char *unit, const char *result);
void history_forget(struct history *h, const char *unit);

/* i = 0 is the newest; NULL beyond. */
const struct history_run *history_run(
    const struct history *h, const char *unit, size_t i);
/* All that is remembered of a run of a pipeline, in the order in which its stages began;
 * the unit and the run are valid during the call.  Looks at all units. */
typedef void history_fn(void *arg, const char *unit, const struct history_run *run);
void history_each_of(const struct history *h, const char *run, history_fn *fn, void *arg);
/* "exited", "killed", "dumped", "unknown", "not-started". */
const char *history_how_name(int32_t how);

void history_write_json(const struct history *h, struct jw *w);
void history_read_json(struct history *h, const struct jv *v);
/* Restore: an exec, exit or unit-state event of an earlier manager (others are ignored).
 */
void history_event(struct history *h, const struct jv *event);

#endif
