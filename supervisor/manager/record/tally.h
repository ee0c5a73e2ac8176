/*
 * tally: what runs came to, by unit and by pool, as counters that only grow.
 *
 * A run ends when its unit is down, failed or about to be restarted: only then it is
 * known whether it was a success.  Until then what is known of it is remembered by the
 * name of the unit; then it counts for the label of that unit, of which there are not too
 * many: instances count for their template, what was run once for "transient", and units
 * beyond TALLY_LABELS for "other".
 *
 * Fed by whoever emits the events exit, admitted and unit-state, and by these events when
 * an earlier manager is caught up with; in the snapshot as a part of the store.
 */
#ifndef SUPD_MANAGER_RECORD_TALLY_H
#define SUPD_MANAGER_RECORD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "manager/record/event.h"

struct buf;
struct jv;
struct jw;
struct tally;

enum { TALLY_LABELS = 1000, TALLY_PENDING = 100000 };

struct tally *tally_new(void);
void tally_free(struct tally *t);

/* It has so many slots of that pool from now on, until its run has ended. */
void tally_admitted(struct tally *t, const char *unit, const char *pool, uint32_t weight,
    uint64_t wall_us);
/* A process of it has ended, which ran so long (0: one that is not the main process). */
void tally_exit(struct tally *t, const char *unit, uint64_t run_us);
/* The unit is where a run ends, with that result, a word of service units.  True: one has
 * ended.  (What a condition kept from running was none.) */
bool tally_result(
    struct tally *t, const char *unit, const char *result, uint64_t wall_us);

/* Restore: one of the events that are wanted, of an earlier manager. */
bool tally_wants(enum event_id id);
void tally_event(struct tally *t, enum event_id id, const struct jv *event);

/* Whole families. */
void tally_write_text(const struct tally *t, uint64_t wall_us, struct buf *out);

void tally_write_json(const struct tally *t, struct jw *w);
void tally_read_json(struct tally *t, const struct jv *v);

#endif
