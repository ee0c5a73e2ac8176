/*
 * digest: what has happened since somebody was told last, by unit, and what people and
 * programs have added to that.
 *
 * Counted from events as they happen, in memory; it is in the snapshot, and the events
 * after that are counted again by whoever restores.  To be handed out is an event as
 * well (digest-taken): what was counted up to then becomes the last digest, which is kept
 * until the next one is taken, and the counting begins anew.  So each thing that happened
 * is in one digest, whichever manager counts.
 *
 * Bounded: of a template so many instances have a line of their own, the others share
 * one; so many units in all; so many entries, of which the oldest go.
 */
#ifndef SUPD_MANAGER_RECORD_DIGEST_H
#define SUPD_MANAGER_RECORD_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/record/event.h"

struct buf;
struct digest;
struct jv;
struct jw;

enum {
	DIGEST_UNITS = 512,     /* with a line of their own */
	DIGEST_INSTANCES = 8,   /* of each template */
	DIGEST_ENTRIES = 64,    /* the newest */
	DIGEST_ENTRY_MAX = 500, /* bytes of one */
	DIGEST_ALERTS = 64,
	DIGEST_KEY_MAX = 64,
};

enum digest_which {
	DIGEST_NOW,  /* what nobody was told yet */
	DIGEST_LAST, /* what was handed out last */
};

struct digest *digest_new(void);
void digest_free(struct digest *d);

/* Whether an event of that kind is of interest; then it is to be given to digest_event,
 * once each, in order, as JSON. */
bool digest_wants(enum event_id id);
void digest_event(struct digest *d, enum event_id id, const struct jv *event);

/* Nothing was counted, nothing added. */
bool digest_is_empty(const struct digest *d, enum digest_which which);
/* When it was handed out last, wall clock; 0: never, or it is not known. */
uint64_t digest_shown_us(const struct digest *d);
/*
 * When the next one may be handed out, by the wall clock; 0: now.  A time of the last one
 * that is further in the future than the interval is not believed: as if there had been
 * none.
 */
uint64_t digest_due_us(const struct digest *d, uint64_t interval_us, uint64_t now_us);
/* The last one was handed out to who calls with this key (NULL: none). */
bool digest_is_of(const struct digest *d, const char *key);
/* The number of the event that handed it out: what repeats the answer is no more durable
 * than that is.  0: there was none, or a snapshot has it, and so has the disk. */
uint64_t digest_taken_seq(const struct digest *d);

/* Members of the object that is open: since, until, units, alerts, entries, … */
void digest_render(const struct digest *d, enum digest_which which, struct jw *w);
/* For people and prompts: some dozens of lines, what matters most first. */
void digest_text(const struct digest *d, enum digest_which which, struct buf *out);

/* To and from the snapshot: one value.  Damaged parts are left out. */
void digest_write_json(const struct digest *d, struct jw *w);
void digest_read_json(struct digest *d, const struct jv *v);

#endif
