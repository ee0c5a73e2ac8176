/*
 * procfs: what /proc says of a process, for the ops of services: is it ours, is it alive,
 * what is it.  Everything may vanish between two reads; answers are for decisions that
 * init checks again by pidfd and start time.
 */
#ifndef SUPD_MANAGER_SERVICE_PROCFS_H
#define SUPD_MANAGER_SERVICE_PROCFS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/service/service.h"

struct buf;

struct procfs_stat {
	char state;   /* R S D Z … */
	bool kernel;  /* a thread of the kernel */
	bool exiting; /* it may have left its cgroup already */
	int32_t ppid, pgrp, session;
	uint64_t start_ticks;
	char comm[64];
};

/* -1 with errno: ESRCH when there is no such process. */
int procfs_stat(int32_t pid, struct procfs_stat *st);

/*
 * Whose pid is: cgroup_fd is the cgroup folder of the slot (-1: none, then ancestors are
 * followed up to init_pid: a descendant of one of roots).
 */
enum svc_pid procfs_owner(int32_t pid, int cgroup_fd, int32_t init_pid,
    const int32_t *roots, size_t nroots, uint64_t *start_ticks);

/* Pids of the cgroup and those below it, at most max; how many there are. */
size_t procfs_cgroup_pids(int cgroup_fd, int32_t *pids, size_t max);

/*
 * PIDFile=: opened without following a link that somebody other than root (or ourselves)
 * made.
 */
enum svc_pidfile procfs_pidfile(
    const char *path, int32_t *pid, bool *trusted, char *why, size_t size);

/* "123 (mysqld) wchan=io_schedule" appended, nothing when it is gone. */
void procfs_describe(int32_t pid, struct buf *out);

#endif
