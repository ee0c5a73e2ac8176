/*
 * revive: a table whose supd is dead, made fit for a new init.  What died with it is
 * forgotten here: descriptors, roles, signals, an end that had begun.  What may live is
 * looked for by init itself, which takes over every table in the same way (slot_recover):
 * processes by pid and start time, log pipes by path and inode, sockets and cgroups by
 * name.  What ended meanwhile is an exit of unknown status, and counts as a failure.
 */
#ifndef SUPD_BOOT_REVIVE_H
#define SUPD_BOOT_REVIVE_H

#include <stdbool.h>

struct table;

/* True when any slot is in use. */
bool revive_has_slots(struct table *t);
void revive_table(struct table *t);

#endif
