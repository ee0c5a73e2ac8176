/*
 * What a slot has outside of the table: the read ends of its log pipes, its notify
 * socket, its cgroup.  The roles' pulses watch what may be read there.
 */
#ifndef SUPD_INIT_SLOT_FILES_H
#define SUPD_INIT_SLOT_FILES_H

#include <stdint.h>

#include "proto/table.h"

/* Make what the slot wants, and note it there.  -1 with errno: something of it is
 * missing, the rest is to be unmade.  A cgroup that cannot be made is none: has_cgroup
 * says it. */
int slot_make_files(struct table_slot *s, uint32_t slot);
/* Take back all of it, and the descriptors of its processes.  Each step may be done
 * twice. */
void slot_unmake_files(struct table_slot *s, uint32_t slot);
/* A process cannot be moved into its cgroup: it has none, and the manager hears so. */
void slot_give_up_cgroup(struct table_slot *s, uint32_t slot);
/* After a start from a table: what did not come along is opened again, or made again. */
void slot_recover_files(struct table_slot *s, uint32_t slot);

#endif
