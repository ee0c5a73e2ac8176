/*
 * The cgroup folder of a slot, by its descriptor: who is in it, and ending them.
 */
#ifndef SUPD_INIT_CGROUP_H
#define SUPD_INIT_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* True when a process is in it or below it; false also when nobody can tell. */
bool cgroup_is_populated(int dirfd);
/* Signal every process in it and below it.  False when some could not be reached for want
 * of descriptors or memory. */
bool cgroup_signal(int dirfd, int signo);
/* Is that process in it?  (Not: below it.) */
bool cgroup_has(int dirfd, int32_t pid);
/* The end of all in it and below it, at once (cgroup.kill, else freeze and kill). */
void cgroup_kill(int dirfd);

/* Remove the folder and what a service made below it; -1 while a process is in it. */
int cgroup_remove(int parentfd, const char *name);

#endif
