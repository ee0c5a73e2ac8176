/*
 * revive: a table whose supd is dead, made true again.  Every process in it is looked up
 * by pid and start time and held by a pidfd, the log pipes are opened again by path and
 * checked by inode, the notify sockets are bound anew.  What ended meanwhile is an exit
 * of unknown status, and counts as a failure.
 */
#ifndef SUPD_BOOT_REVIVE_H
#define SUPD_BOOT_REVIVE_H

#include <stdbool.h>

struct table;

/* True when any slot is in use. */
bool revive_has_slots(struct table *t);
/* Descriptors are made for init: not CLOEXEC is left to the caller's sweep. */
void revive_slots(struct table *t, int run_fd, const char *run_path, int cgroup_fd);
/* Calls fn for each descriptor in the slots. */
void revive_each_fd(struct table *t, void (*fn)(int *fd));

#endif
