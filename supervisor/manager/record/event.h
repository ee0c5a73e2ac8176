/*
 * event: what happens, said once.
 *
 * One emission is a line in the ring (from which the logger writes the event journal), a
 * reply to each subscriber, and one more on the counter of that name: one to one, because
 * there is no other way to count.  Events are API (event.def, supd.events(7)); log lines
 * are not.
 *
 * Promises: never waits, never fails; when the ring is full, the line is dropped and
 * counted, and the last part of the ring is kept free for wishes.  An event is in the
 * ring before the deed that it announces is asked for: emit first, then send.
 *
 *	event_begin(ev, EVENT_READY, unit, invocation);
 *	event_str(ev, "evidence", "READY=1");
 *	event_us(ev, "start_us", elapsed_us);
 *	event_end(ev);
 */
#ifndef SUPD_MANAGER_RECORD_EVENT_H
#define SUPD_MANAGER_RECORD_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emitter;
struct jw;
struct loop;
struct metrics;
struct ring;

enum event_level {
	EVENT_LEVEL_TRACE,
	EVENT_LEVEL_INFO,
	EVENT_LEVEL_WARNING,
	EVENT_LEVEL_ERROR,
};

enum event_id {
	EVENT_NONE = 0,
#define EVENT(id, NAME, name, level, fields, help) EVENT_##NAME = id,
#include "manager/record/event.def"
};

enum {
	EVENT_ID_MAX = 256, /* ids are below */
	EVENT_SINKS_MAX = 8,
	EVENT_TEXT_MAX =
	    1024, /* bytes of one text field; longer ones are cut on a character */
};

/* A row of event.def. */
struct event_def {
	enum event_id id;
	enum event_level level;
	const char *name;
	const char *fields;
	const char *help;
};

/* One event as a subscriber gets it; valid during the call only. */
struct event_view {
	uint64_t seq;
	enum event_id id;
	enum event_level level;
	const char *unit; /* NULL: none */
	const char *line; /* the JSON object, without newline */
	size_t len;
};

/* The run of the pipeline that an invocation of a unit is part of, NULL: of none.  Valid
 * until the unit is started again. */
typedef const char *event_run_of(
    void *arg, const char *unit, const uint8_t invocation[16]);
typedef void event_sink(void *arg, const struct event_view *v);

/* NULL for an id or name that does not exist. */
const struct event_def *event_def(enum event_id id);
const struct event_def *event_def_by_name(const char *name);
const char *event_level_name(enum event_level level);
/* -1: no such level. */
int event_level_parse(const char *name);

/*
 * ring may be NULL (tests): then nothing is journalled.  ring_fd is its file, -1 when it
 * lies in memory of our own.  wake_fd, an eventfd or -1, tells
 * the logger that the ring has lines; with a loop (may be NULL) once in a round of it.
 * Counters go to metrics.  The first event gets seq_written of the ring plus one; see
 * emitter_set_seq.
 */
struct emitter *emitter_new(struct loop *loop, struct ring *ring, int ring_fd,
    int wake_fd, struct metrics *metrics);
void emitter_free(struct emitter *ev);

/* Begins an event.  unit may be NULL, invocation may be NULL (or 16 bytes). */
void event_begin(
    struct emitter *ev, enum event_id id, const char *unit, const uint8_t *invocation);
/* Fields, in the order of calls.  NULL text writes null. */
void event_str(struct emitter *ev, const char *key, const char *value);
void event_strn(struct emitter *ev, const char *key, const char *value, size_t n);
void event_strf(struct emitter *ev, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void event_int(struct emitter *ev, const char *key, int64_t value);
void event_bool(struct emitter *ev, const char *key, bool value);
void event_null(struct emitter *ev, const char *key);
/* Microseconds; a sample of the histogram of that field name, if there is one. */
void event_us(struct emitter *ev, const char *key, uint64_t us);
/* The same of a histogram that is by another field of the event (metrics.h), with what
 * that is. */
void event_us_by(struct emitter *ev, const char *key, uint64_t us, const char *by);
/*
 * The writer of the event being made, to add an object or array; NULL while the event is
 * muted (a trace row without trace on).
 */
struct jw *event_jw(struct emitter *ev);
/* Ends it; returns its seq, 0 if it was muted. */
uint64_t event_end(struct emitter *ev);
/* The same for a person's wish: the logger makes it durable, emitter_wish_stored tells
 * when. */
uint64_t event_end_wish(struct emitter *ev);

/* From now on each event that has an invocation has its run as well. */
void emitter_set_run_of(struct emitter *ev, event_run_of *fn, void *arg);

/* Trace rows are emitted (not only counted) while on. */
void emitter_set_trace(struct emitter *ev, bool on);
bool emitter_trace(const struct emitter *ev);

/* The newest seq given out. */
uint64_t emitter_seq(const struct emitter *ev);
/* Restore: the next event will get at least seq + 1.  In a ring that nobody has written
 * yet all up to seq counts as stored: it was read from the disk. */
void emitter_set_seq(struct emitter *ev, uint64_t seq);
/* Lines that found no room in the ring since it was made. */
uint64_t emitter_dropped(const struct emitter *ev);
/* All up to here are in the journal file. */
uint64_t emitter_stored(const struct emitter *ev);
/* The logger says that more is in the journal. */
void emitter_on_ack(struct emitter *ev);
/* All wishes up to here are on the disk: in the journal, or in a snapshot. */
uint64_t emitter_wish_stored(const struct emitter *ev);
/* A wish found no room in the ring: only a snapshot makes it durable, and none has. */
bool emitter_has_lost_wish(const struct emitter *ev);
/* A snapshot that holds all up to seq is on the disk. */
void emitter_on_snapshot(struct emitter *ev, uint64_t seq);

/* A receiver of each event, after it is in the ring: the control socket, the store, the
 * messages on a terminal; at most EVENT_SINKS_MAX. */
void emitter_add_sink(struct emitter *ev, event_sink *fn, void *arg);
void emitter_remove_sink(struct emitter *ev, event_sink *fn, void *arg);

/*
 * The last events are kept in memory, so that a subscriber can resume.  emitter_oldest is
 * the seq of the oldest kept one (seq + 1 when there is none); emitter_replay gives all
 * kept ones after since, in order.
 */
uint64_t emitter_oldest(const struct emitter *ev);
void emitter_replay(const struct emitter *ev, uint64_t since, event_sink *fn, void *arg);
/* Restore: a line of an earlier manager, without newline; kept when its seq is newer
 * than the newest kept one. */
void emitter_keep(struct emitter *ev, const struct event_view *v);
/* Counters and histograms; never NULL. */
struct metrics *emitter_metrics(const struct emitter *ev);

/* For tests: aborts on a field that event.def does not name. */
void emitter_set_check(struct emitter *ev, bool on);

#endif
