/*
 * marking: the sets of marks of an instance (activate/marks.h), kept over everything.
 *
 * Each change is an event, which the logger makes durable as it does a wish: a change
 * that is answered as durable outlives whatever dies, one that is not outlives the
 * manager all the same unless the ring was full.  state/marks.json, written by the logger
 * some time after a change, says up to which event it is true; what is newer is done
 * again on the way back.  The file is taken for hostile.
 */
#ifndef SUPD_MANAGER_MARKING_H
#define SUPD_MANAGER_MARKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manager;
struct marking;
struct marks;
struct wish_who;

/* Restored; m->store, m->events and m->conf must be there. */
struct marking *marking_new(struct manager *m);
/* The keys that are due by ExpireEventSec= go, each with its event, and the timer is set
 * for the next: at the start, and when the clock was set. */
void marking_run(struct manager *m);
/* supd.conf was read again. */
void marking_on_conf(struct manager *m);
/* Another logger is there. */
void marking_on_logger(struct manager *m);
/* SNAPSHOT_DONE; false: it is not about marks. */
bool marking_on_done(struct manager *m, uint64_t id, int err);
/* state/marks.json now, if it would be another one. */
void marking_write_now(struct manager *m);

/* To look at; silent rules have been looked at for set (NULL: for all). */
const struct marks *marking_look(struct manager *m, const char *set);

/*
 * The deeds.  set and key have been checked.  Each returns the number of the newest
 * event, 0 when there was nothing to do.
 */
/* false: there are too many sets. */
bool marking_add(struct manager *m, const char *set, const char *key,
    const struct wish_who *who, uint64_t *seq);
/* *was is whether the key was there; also true for the token (NULL: none) that took it.
 */
uint64_t marking_consume(struct manager *m, const char *set, const char *key,
    const char *token, const struct wish_who *who, bool *was);
uint64_t marking_remove(
    struct manager *m, const char *set, const char *key, const struct wish_who *who);
/* *n is how many keys were in it. */
uint64_t marking_clear(
    struct manager *m, const char *set, const struct wish_who *who, size_t *n);
/* All rules of all sets, or of one.  How many keys went. */
size_t marking_prune(struct manager *m, const char *set);

#endif
