/*
 * marks: sets of keys, each with the time at which it was set.  What a program has begun,
 * seen or shown once is a key here, for whoever asks next.
 *
 * Promises: a key that is consumed is true for one caller; a set is never larger than its
 * rules allow, and it is the newest that stay; of what is read only keys with a time
 * count, whatever else stands there is dropped and never taken for new; a time in the
 * future is age 0.  Only what is strictly older than a span goes.
 *
 * There are two rules of age: one is silent, and looked at whenever the set is used; the
 * other is looked at when its moment comes, and says which keys went.
 *
 * Pure: the caller says what time it is (wall clock, microseconds), keeps the file, and
 * tells the events.
 */
#ifndef SUPD_MANAGER_ACTIVATE_MARKS_H
#define SUPD_MANAGER_ACTIVATE_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jv;
struct jw;
struct marks;
struct strv;

enum {
	MARKS_SETS_MAX = 1024,
	MARKS_NAME_MAX = 64,   /* bytes of the name of a set */
	MARKS_KEY_MAX = 256,   /* bytes of a key */
	MARKS_TOKEN_MAX = 64,  /* bytes of a token */
	MARKS_MAX_DFLT = 1000, /* keys of a set that nobody declared */
	MARKS_SPENT_MAX = 64,  /* consumptions whose token is remembered */
};

struct marks_rules {
	uint32_t max;
	uint64_t expire_us; /* INFINITY: never, both */
	uint64_t expire_event_us;
};

struct marks *marks_new(void);
void marks_free(struct marks *ms);

/* What the next two refuse; NULL: nothing is wrong with it. */
const char *marks_name_refusal(const char *set);
const char *marks_key_refusal(const char *key, size_t len);

/* ---- what is declared ---- */

/* From here on no set is declared; then declare each.  What is in a set stays. */
void marks_undeclare_all(struct marks *ms);
void marks_declare(struct marks *ms, const char *set, const struct marks_rules *rules);

/* ---- use; now_us is the wall clock ---- */

/* Sets the key, or its time anew.  false: there are MARKS_SETS_MAX sets already. */
bool marks_add(struct marks *ms, const char *set, const char *key, uint64_t at_us);
/* Whether it is there; *at_us (may be NULL) gets its time. */
bool marks_has(const struct marks *ms, const char *set, const char *key, uint64_t *at_us);
/* It is gone; false: it was not there. */
bool marks_remove(struct marks *ms, const char *set, const char *key);
/* How many went. */
size_t marks_clear(struct marks *ms, const char *set);

/*
 * A consumption by somebody who may ask again, because the answer was lost: its token
 * (not empty) is remembered for a while.  marks_is_spent: this very one was the one that
 * was true.
 */
void marks_spend(struct marks *ms, const char *set, const char *key, const char *token);
bool marks_is_spent(
    const struct marks *ms, const char *set, const char *key, const char *token);

/* The silent rules of a set: what is too old, and then the oldest of what is too many.
 * How many went. */
size_t marks_prune(struct marks *ms, const char *set, uint64_t now_us);

/* One key that the visible rule of its set drops. */
struct marks_due {
	const char *set;
	const char *key;
	uint64_t at_us;
};
/* The next one that is due now; false: there is none, and *next_us is when there will be
 * one (INFINITY: none as things are).  The caller tells of it, then removes it. */
bool marks_next_due(
    const struct marks *ms, uint64_t now_us, struct marks_due *out, uint64_t *next_us);

/* ---- what there is ---- */

bool marks_is_declared(const struct marks *ms, const char *set);
/* NULL: there is no such set. */
const struct marks_rules *marks_rules_of(const struct marks *ms, const char *set);
/* Names of all sets that are declared or have keys, sorted. */
void marks_names(const struct marks *ms, struct strv *out);
size_t marks_count(const struct marks *ms, const char *set);
/* The oldest; 0: the set is empty. */
uint64_t marks_oldest_us(const struct marks *ms, const char *set);
/* Each key of a set, the oldest first. */
typedef void marks_fn(void *arg, const char *key, uint64_t at_us);
void marks_each(const struct marks *ms, const char *set, marks_fn *fn, void *arg);

/* ---- the file ---- */

/* Members "sets" and "spent" of the object that is open. */
void marks_write(const struct marks *ms, struct jw *w);
/* The same back, from anywhere.  How many entries were dropped because they are no keys
 * with times, or are too many. */
size_t marks_read(struct marks *ms, const struct jv *file);
/* "2026-11-21T10:30:45Z", or without a zone, which is UTC then.  -1: it is no time. */
int marks_parse_time(const char *text, uint64_t *wall_us);

#endif
