/*
 * What the steps of a child share: what it is to become, and the one way to fail.
 */
#ifndef SUPD_INIT_CHILD_INT_H
#define SUPD_INIT_CHILD_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/spec.h"
#include "proto/table.h"

struct child {
	struct spec spec;
	struct table_slot *slot;
	uint32_t slot_number, kind;
	int root_fd;
	int floor; /* descriptors from here on are not in the way of any target */
	uint32_t uid, gid;
	bool changes_id;
	char **argv, **envp;
};

/* The end of a child that does not become its program: phase and err stand in the table,
 * and phase is the exit status. */
_Noreturn void child_fail(const struct child *c, enum spec_phase phase, int err);

#endif
