/*
 * unit_part: what status shows of a timer, a socket, a pool or a path; of other units
 * nothing.
 */
#ifndef SUPD_SUPCTL_UNIT_PART_H
#define SUPD_SUPCTL_UNIT_PART_H

struct ctl;
struct jv;

/* u: its status.  What it listens to, and how many of a pool are taken. */
void unit_part_put_state(struct ctl *ctl, const struct jv *u);
/* When a timer fires, what it triggers, and what triggers the unit. */
void unit_part_put_when(struct ctl *ctl, const struct jv *u);

#endif
