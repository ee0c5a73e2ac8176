/*
 * joblink: the job layer's view of units (struct job_ops), and the manager's of jobs.
 */
#ifndef SUPD_MANAGER_JOBLINK_H
#define SUPD_MANAGER_JOBLINK_H

struct manager;

/* Makes m->jobs. */
void joblink_new(struct manager *m);
void joblink_free(struct manager *m);

#endif
