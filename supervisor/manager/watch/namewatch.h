/*
 * namewatch: names on the message bus that services have, and may lose.
 *
 * One connection for all of them, made with the first name and closed with the last:
 * where no name is watched there is nothing.  It never waits, reads bounded messages, and
 * gives a bus that does not answer up, as one that says what is no message.
 *
 * A name is lost when it has no owner for half a second: one who hands it on is not
 * judged by the moment between, nor by the last words of a bus that ends.
 *
 * A bus that goes away takes no name with it: those who were on it are about to come back
 * to the next one, as the watch is (after 1 s, doubled up to 60 s).  When it is there
 * again each name is asked for, and has 30 s to get an owner.  The first answer of all
 * has no such grace: a name that was there when the service was started, or for the
 * manager before this one, and is not now, was given up.
 */
#ifndef SUPD_MANAGER_NAMEWATCH_H
#define SUPD_MANAGER_NAMEWATCH_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct namewatch;
struct namewatch_name;

struct namewatch_times {
	uint64_t first_us, most_us; /* from one try to connect to the next */
	uint64_t answer_us;         /* an answer that is due */
	uint64_t grace_us;          /* to come back to a bus that was away */
	uint64_t settle_us;         /* without an owner, before it counts */
};
extern const struct namewatch_times namewatch_usual;

/* Whether the name has an owner now; told when that is first known, and when it changes;
 * never from within another function of this header.  The name may be removed. */
typedef void namewatch_fn(void *arg, bool owned);

/* times must outlive it. */
struct namewatch *namewatch_new(struct loop *l, const struct namewatch_times *times);
/* All names were removed.  NULL is fine. */
void namewatch_free(struct namewatch *w);
/* name is copied, and is one; who is for the log.  Ends by namewatch_remove. */
struct namewatch_name *namewatch_add(
    struct namewatch *w, const char *name, const char *who, namewatch_fn *fn, void *arg);
/* NULL is fine. */
void namewatch_remove(struct namewatch_name *n);

#endif
