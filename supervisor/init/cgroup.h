/*
 * The cgroup folder of a slot, by its descriptor: who is in it, and ending them.
 */
#ifndef SUPD_INIT_CGROUP_H
#define SUPD_INIT_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* True when a process is in it or below it; false also when nobody can tell. */
bool cgroup_is_populated(int dirfd);
/* Signal every process in it and below it, with CONT behind it if THEN_CONT is or-ed to
 * the number.  False when some could not be reached for want of descriptors or memory. */
enum { THEN_CONT = 0x100 };
bool cgroup_signal(int dirfd, int signo);
/* One process, or a group (pid < -1), or one by its pidfd: the same, but not a folder. */
void signal_pid(int32_t pid, int signo);
void signal_pidfd(int pidfd, int signo);
/* Is that process in it?  (Not: below it.) */
bool cgroup_has(int dirfd, int32_t pid);
/* Moves it there; -1 with errno.  The number may become another's at any time: who holds
 * a pidfd of it asks that behind this. */
int cgroup_take(int dirfd, int32_t pid);
/* The end of all in it and below it, at once (cgroup.kill, else freeze and kill). */
void cgroup_kill(int dirfd);

/* All in it and below it stands still, or goes on.  False: the kernel cannot do that. */
bool cgroup_freeze(int dirfd, bool on);

/* Remove the folder and what a service made below it; -1 while a process is in it. */
int cgroup_remove(int parentfd, const char *name);

#endif
