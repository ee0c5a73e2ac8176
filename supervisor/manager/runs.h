/*
 * runs: runs of pipelines as a whole (lib/runid.h says what a run is).
 *
 * To cancel one is to see to it that nothing of it goes on: jobs of it that wait are
 * called off, stages of it that are on their way (also in the queue of a pool, and
 * between two runs of Retries=) are stopped as by `supctl stop', and nothing follows from
 * their ends.  What is up already has done what it was started for, and stays up, unless
 * something follows from its end (OnSuccess=): then it is a stage, and is stopped, too.
 */
#ifndef SUPD_MANAGER_RUNS_H
#define SUPD_MANAGER_RUNS_H

#include <stdint.h>

struct jw;
struct manager;
struct unit;
struct wish_who;

/*
 * origin is told as who did it.  The numbers of the jobs that are called off are written
 * into the array that is open in w, the names of what is stopped into stopped.  Returns
 * how many there are of both: 0, nothing of that run is on its way.
 */
struct strv;
unsigned runs_cancel(struct manager *m, const char *run, const struct wish_who *who,
    const char *origin, struct jw *w, struct strv *stopped);

/* Ends what a service does or waits for, as canceled, which is no failure; origin says
 * who wants it so. */
void runs_stop(struct unit *u, const char *origin);

/* The start of a job, which a person wished for and somebody has canceled, is not made up
 * for by the next manager or boot.  u may be NULL. */
void runs_forget_wish(struct unit *u, const struct wish_who *who);

#endif
