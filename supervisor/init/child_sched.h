/*
 * How the kernel treats the process: policy, processors, disk, timers, core dumps,
 * personality.  Only in a child of init, before it gives up rights.
 */
#ifndef SUPD_INIT_CHILD_SCHED_H
#define SUPD_INIT_CHILD_SCHED_H

struct child;

void child_set_sched(struct child *c);

#endif
