/*
 * unit_ends: what status shows of the runs of a unit: what it uses, its restarts and
 * retries, how the last run ended, and by which signal.
 */
#ifndef SUPD_SUPCTL_UNIT_ENDS_H
#define SUPD_SUPCTL_UNIT_ENDS_H

struct ctl;
struct jv;

/* u: the status of a unit. */
void unit_ends_put(struct ctl *ctl, const struct jv *u);

#endif
