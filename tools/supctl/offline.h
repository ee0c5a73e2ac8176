/*
 * offline: what can be said and done when supd does not run, from the files that it left:
 * run/status.json (the last status) and the logs.
 *
 * Promises: says how old the knowledge is, and what still runs (survivors.h).
 */
#ifndef SUPD_SUPCTL_OFFLINE_H
#define SUPD_SUPCTL_OFFLINE_H

#include <stddef.h>

struct ctl;

/* Each returns an exit status after showing or telling. */
int offline_status(struct ctl *ctl, int n, char **names, size_t lines);
int offline_overview(struct ctl *ctl);
int offline_list(struct ctl *ctl, int n, char **patterns);

#endif
