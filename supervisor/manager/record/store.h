/*
 * store: what the manager remembers, to the disk and back.
 *
 * Out: a snapshot (a memfd that the logger writes to state/snapshot.json) holds the seq
 * up to which it is true, the memory of every unit, the wishes of persons, an end of the
 * instance that was begun, counters and histories.  It is made some time after something
 * happened, never while nothing does.
 *
 * In: the snapshot, then every event after its seq, from the journal and then from the
 * ring; the last word on a unit wins.  The wishes also from state/wishes.
 *
 * The memory of a unit is an opaque JSON object here: the service layer writes it into
 * the events unit-state and unit-memory, and reads it back.
 *
 * Every reader takes its file for hostile: a damaged one is set aside, reported, and
 * never a reason not to start.  A snapshot of a newer version is neither read nor
 * replaced.
 */
#ifndef SUPD_MANAGER_RECORD_STORE_H
#define SUPD_MANAGER_RECORD_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/record/event.h"

struct emitter;
struct history;
struct jv;
struct jw;
struct loop;
struct ring;
struct store;

/*
 * Writes into an open object: one member a unit, its name and its memory (an object).
 * Called while a snapshot is made.
 */
typedef void store_collect(void *arg, struct jw *w);
/*
 * Sends a snapshot to the logger; fd belongs to the callee.  -1: not now, it will be
 * tried again.  The answer comes by store_on_done.
 */
typedef int store_send(void *arg, uint64_t id, int fd, uint64_t size);

struct store_ops {
	store_collect *collect;
	store_send *send;
	void *arg;
};

/*
 * Something else that is counted from events, and must outlive the manager: a member of
 * the snapshot, and the events that came after it.
 */
struct store_part {
	const char *name; /* of the member; static */
	/* Whether an event of that kind is of interest, live or of an earlier manager. */
	bool (*wants)(void *arg, enum event_id id, bool past);
	/* One that is, live or of an earlier manager (past); it must emit none itself. */
	void (*event)(void *arg, enum event_id id, const struct jv *event, bool past);
	void (*write)(void *arg, struct jw *w); /* one value */
	void (*read)(void *arg, const struct jv *v);
	void *arg;
};
enum { STORE_PARTS_MAX = 8 };

/* boot_id tells memories of this boot of the machine from older ones. */
struct store *store_new(struct loop *loop, struct emitter *ev, struct history *history,
    const char *boot_id, const struct store_ops *ops);
void store_free(struct store *st);
/* Before store_restore; at most STORE_PARTS_MAX. */
void store_add_part(struct store *st, const struct store_part *part);

/* ---- in ---- */

/* A file of state/ that cannot be used, or not all of it. */
struct store_damage {
	char why[320];    /* empty: nothing is wrong with it */
	char kept_as[64]; /* its new name; empty: it is where it was */
};

/* What restore found. */
struct store_report {
	uint64_t snapshot_seq; /* 0: there was none */
	uint64_t seq;          /* the newest seen anywhere */
	uint64_t n_events;     /* read after the snapshot */
	uint64_t n_damaged;    /* lines that were no events */
	size_t n_units;
	size_t n_wishes;
	bool newer; /* the snapshot is of a newer version: the files are left alone */
	struct store_damage snapshot, wishes;
};

/*
 * Restores all there is below root_fd (the instance folder) and in the ring (may be
 * NULL); counters and histories go where they belong, kept events and the seq to the
 * emitter.  Never fails; what was wrong is in the report and emitted as an event.
 */
void store_restore(struct store *st, int root_fd, const struct ring *ring);
const struct store_report *store_report(const struct store *st);

/*
 * The memory of a unit (the caller frees it with jv_free), NULL: none.  same_boot is
 * false when its monotonic times and pids are of an earlier boot.
 */
struct jv *store_memory(const struct store *st, const char *unit, bool *same_boot);
/* same_boot is false only because nothing that is left says of which boot it is: the
 * journal was deleted, and there is no snapshot. */
bool store_boot_is_unknown(const struct store *st, const char *unit);
/* supd was started for the first time since the machine was, and it ran before that; once
 * EVENT_SUPD_STARTED of this manager was told. */
bool store_is_first_of_boot(const struct store *st);
/* The name of each unit that has a memory. */
typedef void store_unit_fn(void *arg, const char *unit);
void store_each_memory(const struct store *st, store_unit_fn *fn, void *arg);
/* Each wish event that still counts, as a line, in the order in which they were made. */
typedef void store_wish_fn(void *arg, const char *line, size_t len);
void store_each_wish(const struct store *st, store_wish_fn *fn, void *arg);
/* The event supd-stopping of an end that was begun by this supd and is not over; NULL:
 * there is none.  The caller frees it with jv_free. */
struct jv *store_ending(const struct store *st);
/* The newest event request-claimed or request-done of each unit, as a line. */
void store_each_request(const struct store *st, store_wish_fn *fn, void *arg);
/* The event job-waits of each job that is not done, as a line, in the order in which they
 * were queued.  *last_id: the greatest number that any job had. */
void store_each_job(
    const struct store *st, store_wish_fn *fn, void *arg, uint32_t *last_id);
/* A job of that number was made: no later manager uses it again. */
void store_note_job(struct store *st, uint32_t id);
/* The unit is gone, and its request with it. */
void store_forget_request(struct store *st, const char *unit);
/* The events about marks that store_forget_marks was not told of, and the newest change
 * of the phase, in their order, as lines. */
void store_each_kept(const struct store *st, store_wish_fn *fn, void *arg);
/* When a person did something last (wall clock; 0: not known), for the next boot: it is
 * in each snapshot. */
void store_set_activity(struct store *st, uint64_t wall_us);
uint64_t store_activity(const struct store *st);
/* Marks are on the disk as they were after the event seq. */
void store_forget_marks(struct store *st, uint64_t seq);
/* The memories are with their units now: give the space back. */
void store_forget_memories(struct store *st);

/* ---- out ---- */

/*
 * SnapshotIntervalSec=, in microseconds: from a change to the snapshot that holds it and
 * what else changes until then.  What waits already keeps its time.
 */
void store_set_interval(struct store *st, uint64_t us);

/* From now on events lead to snapshots (not before everything is adopted). */
void store_enable(struct store *st);
/* A snapshot now: before a re-exec, at the end.  -1: could not be sent. */
int store_snapshot_now(struct store *st);
/* SNAPSHOT_DONE for the kind STATE; err 0: written, else it is tried again after the
 * interval, and told once for each reason. */
void store_on_done(struct store *st, uint64_t id, int err);
/*
 * The logger has stored more.  A new day, or somebody deleted the journal: in that case
 * what only its events said would be lost with this manager, so a snapshot is made at
 * once.
 */
void store_on_event_ack(struct store *st, const struct ring *ring);
/* Another logger is there: what was sent to the last one is not answered any more. */
void store_on_logger(struct store *st);
/* True while a snapshot that was sent is not answered. */
bool store_is_writing(const struct store *st);

/* ---- the steps, each on bytes from anywhere; for tests and the fuzzer ---- */

/* 0, or -1 with err (nothing of it was taken then). */
int store_read_snapshot(
    struct store *st, const char *data, size_t len, char *err, size_t err_size);
/* One line of the journal, the ring, or state/wishes.  -1: no event. */
int store_read_event(struct store *st, const char *line, size_t len);
/* The text of a snapshot as of now, appended. */
struct buf;
void store_write_snapshot(struct store *st, struct buf *out);

#endif
