/*
 * pathlook: what a path leads to, wildcards included, and word when that may have
 * changed.
 *
 * All of the way is watched by inotify (pathwatch.h): folders that move or go, links that
 * lead elsewhere, what is missing and may come, the file itself when it was written and
 * closed.  What is watched is no more than these things, so that a busy folder on the way
 * wakes nobody.  On a file system whose server does not answer nothing is touched
 * (reach.h).
 */
#ifndef SUPD_MANAGER_PATHLOOK_H
#define SUPD_MANAGER_PATHLOOK_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct manager;
struct pathlook;

/* Something on the way changed; called from the loop, maybe often. */
typedef void pathlook_changed_fn(void *arg);
/* One that is there; captured is what the wildcards stood for, joined by `/', NULL when
 * there were none.  False ends the walk. */
typedef bool pathlook_found_fn(void *arg, const char *path, const char *captured);

struct pathlook *pathlook_new(struct manager *m, pathlook_changed_fn *fn, void *arg);
void pathlook_free(struct pathlook *l);

/* Forgets what was watched: walks follow, or none. */
void pathlook_begin(struct pathlook *l);
void pathlook_stop(struct pathlook *l);
/*
 * Goes to all that the absolute PATH leads to, in the order of names, and watches the
 * way. wild: it may have wildcards.  NULL, or (malloc'd) what kept it from being seen
 * whole: something in front of the wildcards is missing, cannot be read, does not answer.
 */
char *pathlook_walk(
    struct pathlook *l, const char *path, bool wild, pathlook_found_fn *found, void *arg);
/* Of the things at the end of the walks that follow, what happens to them (inotify's
 * mask) is told as well, 0: no more than of the way; number is whose they are. */
void pathlook_set_end(struct pathlook *l, uint32_t mask, size_t number);
/* The number of the first of these to which it happened; -1: to none. */
ssize_t pathlook_hit(const struct pathlook *l);
/* Too much happened to be told. */
bool pathlook_was_lost(const struct pathlook *l);
/* Why some of it could not be watched, an errno; 0: there is too much of it. */
int pathlook_error(const struct pathlook *l);
/* The device of the folder that the first wildcards were looked up in; 0: there is none.
 */
dev_t pathlook_device(const struct pathlook *l);
/* Some of it could not be watched: only a look says whether it changed. */
bool pathlook_is_blind(const struct pathlook *l);

#endif
