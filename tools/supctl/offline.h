/*
 * offline: what can be said and done when supd does not run, or its manager does not
 * answer, from the files that it left: run/status.json (the last status) and the logs.
 *
 * Promises: says how old the knowledge is, and what still runs (survivors.h).
 */
#ifndef SUPD_SUPCTL_OFFLINE_H
#define SUPD_SUPCTL_OFFLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "client.h"
#include "lib/clock.h"
#include "lib/strv.h"

struct ctl;

/*
 * How long a question waits that the files can answer as well: longer than a manager is
 * busy, and soon enough for a person.
 */
#define OFFLINE_AFTER_US (3 * USEC_PER_SEC)

/* Whether the files are asked after a call that ended so. */
bool offline_helps(enum client_result r);
/*
 * Each returns an exit status after showing or telling; r says why supd was not asked:
 * CLIENT_DOWN, CLIENT_TIMEOUT or CLIENT_CLOSED.
 */
int offline_status(
    struct ctl *ctl, enum client_result r, int n, char **names, size_t lines);
int offline_overview(struct ctl *ctl, enum client_result r);
/* states: those of list --state; none: all. */
int offline_list(struct ctl *ctl, enum client_result r, int n, char **patterns,
    const struct strv *states);

#endif
