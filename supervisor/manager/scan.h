/*
 * scan: containment where a slot has no cgroup: the processes of an invocation are found
 * in /proc, by the tag that they inherited, else by the session of the slot's processes,
 * else by INVOCATION_ID in their environment.  Best effort: who changes all three is not
 * found, and `status' says that containment is.
 *
 * Nothing here polls: what is left is watched by pidfds.  One pass over /proc serves all
 * slots that ask in the same turn of the loop.
 */
#ifndef SUPD_MANAGER_SCAN_H
#define SUPD_MANAGER_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct manager;
struct unit;

/* Pids of the slot's processes, at most max; how many were found. */
size_t scan_find(struct manager *m, uint32_t slot, int32_t *pids, size_t max);
/*
 * Signal all of them before this turn of the loop ends, again and again until two scans
 * agree; init sends by pidfds that were checked after they were opened.  Each gets it
 * once: the procs of the slot are left to init, but for SIGKILL.  False, and nothing is
 * done, where there is no /proc to look in.
 */
bool scan_signal(struct manager *m, uint32_t slot, int signo);
/* Tell the unit's service (svc_on_empty) when none is left; at once if so already. */
void scan_watch(struct unit *u, uint32_t slot);
void scan_unwatch(struct unit *u);
/* The scope without a cgroup whose marks pid has, NULL: none.  No proof of anything: who
 * knows the marks can put them on himself. */
const char *scan_scope_of(struct manager *m, int32_t pid);

#endif
