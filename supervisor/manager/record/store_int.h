/*
 * store_int: what store.c and restore.c share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_RECORD_STORE_INT_H
#define SUPD_MANAGER_RECORD_STORE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/map.h"
#include "manager/record/event.h"
#include "manager/record/store.h"

#define SNAPSHOT_FILE "state/snapshot.json"

enum { BOOT_ID_MAX = 40 };

struct jv;

struct memory {
	uint64_t seq;
	bool same_boot;
	bool boot_known;
	char *text; /* the JSON object */
};

struct wish {
	uint64_t seq;
	char *line;
	size_t len;
};

struct store {
	struct loop *loop;
	struct emitter *ev;
	struct history *history;
	struct store_ops ops;
	struct store_part parts[STORE_PARTS_MAX];
	size_t n_parts;
	char boot_id[BOOT_ID_MAX];
	struct map memories;  /* unit to struct memory; only until adopted */
	struct map wishes;    /* "UNIT WHAT" to struct wish */
	struct map jobs;      /* number to struct wish: what waits in the queue */
	uint32_t last_job;    /* the greatest number of a job that was told */
	struct map requests;  /* unit to struct wish: the newest event about one */
	struct map kept;      /* events that others want again: see store_is_kept */
	uint64_t activity_us; /* store_set_activity */
	char *ending;         /* the event that began the end of the instance, or NULL */
	bool past_same_boot;  /* the events being read are of this boot */
	bool first_of_boot;   /* the newest supd is the first of its boot, not of all */
	bool past_boot_known; /* something has said of which they are */
	bool restoring;
	uint64_t read_seq; /* the newest event read; older ones are known */
	struct store_report report;
	struct loop_timer *timer;
	int err;            /* why the last one was not written, 0: it was */
	uint64_t gather_us; /* changes are gathered for so long, for one snapshot */
	size_t unread;      /* bytes of events that are newer than the last snapshot */
	size_t size;        /* of that */
	bool hurried;       /* they are many: the next one comes sooner */
	bool enabled;
	uint64_t id;     /* of the newest snapshot sent */
	uint64_t id_seq; /* it holds all events up to here */
	bool writing;
	bool failed; /* the last one could not be sent or written */
	bool lost; /* the journal lacks events that were told to parts by state/wishes */
	bool overdue; /* events that no snapshot holds are lost: one more, at once */
	uint64_t journal_dev,
	    journal_ino; /* where the newest events went; 0: not known */
};

void store_free_wish(void *wish);
/* One line of an event as JSON, NULL when it is none; the caller frees it. */
struct jv *store_parse_line(const char *line, size_t len);
/* A wish of a person; an older one than is known changes nothing. */
void store_take_wish(struct store *st, const char *unit, const char *what, uint64_t seq,
    const char *line, size_t len);
/* The start or stop that was wished of the unit is taken back, and nothing newer was:
 * none of it need be remembered. */
void store_settle_wish(struct store *st, const char *unit);
/* The event to each part that it is of interest for. */
void store_tell_parts(
    struct store *st, enum event_id id, const struct jv *event, bool past);
/* An event that says something of a request. */
bool store_is_request(enum event_id id);
/* An event supd-started, before what it says of the boot counts. */
void store_take_started(struct store *st, const struct jv *v);
/* An event that store_each_kept gives back, and such a one. */
bool store_is_kept(enum event_id id);
void store_take_kept(
    struct store *st, enum event_id id, uint64_t seq, const char *line, size_t len);
/* The newest event about a request of the unit. */
void store_take_request(
    struct store *st, const char *unit, uint64_t seq, const char *line, size_t len);
/* An event job-waits, or job-done: v is it, line its text. */
void store_take_job(struct store *st, enum event_id id, const struct jv *v, uint64_t seq,
    const char *line, size_t len);
/* An end of the instance that was begun goes on until another supd is there: v is the
 * event id, line its text. */
void store_take_ending(
    struct store *st, enum event_id id, const struct jv *v, const char *line, size_t len);

#endif
