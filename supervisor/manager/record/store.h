/*
 * store: what the manager remembers, to the disk and back.
 *
 * Out: a snapshot (a memfd that the logger writes to state/snapshot.json) holds the seq
 * up to which it is true, the memory of every unit, wishes, counters and histories.  In:
 * the snapshot, then every event after its seq, from the journal and from the ring; the
 * last word on a unit wins.
 *
 * The memory of a unit is an opaque JSON object here: the service layer writes it into
 * each unit-state event and reads it back.
 *
 * Every reader takes the files for hostile: a damaged one is reported, set aside, and
 * never a reason not to start.  A snapshot of a newer version is refused and left alone.
 */
#ifndef SUPD_MANAGER_RECORD_STORE_H
#define SUPD_MANAGER_RECORD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/map.h"

struct emitter;
struct history;
struct jv;
struct jw;
struct metrics;
struct ring;

enum {
	STORE_VERSION =
	    1, /* of snapshot.json; goes up when an old build cannot read it */
};

/* What is remembered of one unit. */
struct store_unit {
	struct jv *memory; /* NULL: none */
	uint64_t memory_seq;
	struct jv *wish; /* the last wish event's object; NULL: none */
	uint64_t wish_seq;
	/* Enabled state wishes do not replace start and stop wishes. */
	struct jv *enable; /* enabled, disabled, masked, unmasked; NULL: none */
	uint64_t enable_seq;
};

/* All that was restored; owned by the caller, store_memory_clear when adopted. */
struct store_memory {
	struct map units;      /* name to struct store_unit */
	struct map last_ref;   /* log name to heap string: the newest ref given out */
	uint64_t seq;          /* newest seq seen anywhere */
	uint64_t snapshot_seq; /* 0: no snapshot */
	uint64_t n_events;     /* applied after the snapshot */
	bool newer;            /* the snapshot is of a newer version: do not replace it */
	char damaged[320];     /* what is wrong with the snapshot; empty: nothing */
	char set_aside[64];    /* the damaged file's new name; empty: none */
};

/* ---- out ---- */

/* Writes one member per unit: key the unit's name, value its memory object. */
typedef void store_collect(void *arg, struct jw *w);

/*
 * A sealed memfd of the snapshot as of emitter_seq; -1 with errno.  memories and wishes
 * write members into an open object: units and their memories, units and their last
 * wishes (objects as in the wish event: what, who, undo, ts, and enable apart with the
 * key "UNIT#enable").
 */
int store_snapshot(const struct emitter *ev, const struct metrics *metrics,
    const struct history *history, store_collect *memories, store_collect *wishes,
    void *arg, size_t *size);

/* ---- in ---- */

void store_memory_init(struct store_memory *mem);
void store_memory_clear(struct store_memory *mem);
const struct store_unit *store_unit(const struct store_memory *mem, const char *unit);

/*
 * Restores all of it: state/snapshot.json below state_dir, the journal's events after it,
 * the ring (may be NULL), state/wishes.  Counters and history are filled, kept events are
 * given to ev, its seq is set.  root_fd is the instance folder.  Never fails.
 */
void store_restore(struct store_memory *mem, int root_fd, const struct ring *ring,
    struct emitter *ev, struct metrics *metrics, struct history *history);

/* The steps of it, each on bytes from anywhere; for tests and the fuzzer. */
int store_read_snapshot(struct store_memory *mem, struct metrics *metrics,
    struct history *history, const char *data, size_t len, char *err, size_t err_size);
/* One line of the journal, the ring or the wishes file; 0, or -1: not an event. */
int store_read_event(struct store_memory *mem, struct emitter *ev,
    struct metrics *metrics, struct history *history, const char *line, size_t len);

#endif
