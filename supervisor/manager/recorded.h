/*
 * recorded: what of record/ is a part of the store beside metrics and history: the
 * digest, and the tally of runs.
 */
#ifndef SUPD_MANAGER_RECORDED_H
#define SUPD_MANAGER_RECORDED_H

struct manager;

/* Before the store is restored. */
void recorded_new(struct manager *m);

#endif
