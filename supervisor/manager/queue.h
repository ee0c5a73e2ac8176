/*
 * queue: the queue of jobs over the death of the manager, of supd and of the machine.
 *
 * Promises: a start that was accepted and is not done is there again, with its number,
 * its run, who asked for it and its place in the order; a stage that is done is not done
 * again; one that failed keeps down what requires it.  What was cut off by the end of the
 * machine in the middle has failed, as nobody knows how it ended: Retries=, Restart= and
 * what requires it go by that.  Nothing waits for a disk.
 *
 * A job that waits is in the event job-waits, and in the snapshot, until its job-done
 * (record/store.h).  A job that has begun, or waits in a pool, or between two runs of
 * Retries=, is in the memory of its unit (service/memory.h, job and run) and nowhere
 * else.  So each is remembered once, by what changes with it.
 *
 * An end of supd in good order is no wish about any unit: what waits then waits for the
 * next supd, and work that is cut off by it (a oneshot service) is begun anew by that.
 *
 * Not remembered: what starts with the instance (it is asked for again), stops and
 * restarts that wait (the wish of a person is; what a unit asks for is done now or never;
 * the second half of a restart is in the memory of the unit), and reloads.
 */
#ifndef SUPD_MANAGER_QUEUE_H
#define SUPD_MANAGER_QUEUE_H

#include <stdbool.h>

#include "manager/job/job.h"

struct manager;

/* For struct job_ops: the event job-waits. */
void queue_tell(struct manager *m, const struct job *j);
/* The job has ended so.  True: by the end of supd, and the next one has it again. */
bool queue_outlives(struct manager *m, const struct job *j, enum job_result r);
/* When all units are loaded and adopted, before anything is started: once. */
void queue_restore(struct manager *m);

#endif
