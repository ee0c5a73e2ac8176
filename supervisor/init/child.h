/*
 * The child: everything between fork and exec.  It runs with init's rights until it gives
 * them up, decodes the execution context, becomes that process and execs.  A step that
 * fails is reported through the report pipe and is the exit status.
 */
#ifndef SUPD_INIT_CHILD_H
#define SUPD_INIT_CHILD_H

#include <stdint.h>

/* What a failed child writes into its report pipe. */
struct child_report {
	uint32_t phase; /* enum spec_phase */
	int32_t err;
};

/* spec_fd, spec_size: the sealed context; report_fd: CLOEXEC write end. */
_Noreturn void child_main(
    uint32_t slot, uint32_t kind, int spec_fd, uint64_t spec_size, int report_fd);

/* First thing in any child of init: no handlers of init's, no blocked signals, and every
 * descriptor above 2 CLOEXEC. */
void child_detach(void);

#endif
