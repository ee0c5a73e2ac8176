/*
 * unit_status: one unit in full, with the evidence and the last lines of its log.
 */
#ifndef SUPD_SUPCTL_UNIT_STATUS_H
#define SUPD_SUPCTL_UNIT_STATUS_H

#include <stddef.h>

struct ctl;
struct jv;

/* u is a unit of io.supd.Unit.Status; lines: how many of its log, at most. */
void unit_status_put(struct ctl *ctl, const struct jv *u, size_t lines);

#endif
