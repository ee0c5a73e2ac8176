/*
 * The child: everything between fork and exec.  It runs with init's rights until it gives
 * them up, decodes the execution context, becomes that process and execs.  A step that
 * fails stands in the table with its errno, and is the exit status.
 */
#ifndef SUPD_INIT_CHILD_H
#define SUPD_INIT_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/spec.h"

/* How it was forked. */
struct child_start {
	uint32_t slot, kind;
	struct spec spec;  /* mapped, and not checked yet */
	bool shares_files; /* init's descriptors are init's still: none may be touched */
	bool is_in_cgroup; /* it began in that of the slot */
};

_Noreturn void child_main(const struct child_start *start);

/* First thing in any child of init: no handlers of init's, no blocked signals, and every
 * descriptor above 2 CLOEXEC. */
void child_detach(void);
/* Before anything that may hang: a child that waits for a dead mount must neither hold
 * the lock nor listen when all of supd is gone. */
void child_let_go(void);

#endif
