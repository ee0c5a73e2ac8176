/*
 * A terminal of the machine as stdin of a process.  Only in a child of init, which leads
 * a session without a terminal.
 */
#ifndef SUPD_INIT_CHILD_TTY_H
#define SUPD_INIT_CHILD_TTY_H

#include <stdint.h>

struct child;

/* The terminal at path, made ready as the context says, and the controlling one.  wait:
 * enum spec_tty_wait.  -1 with errno: EBUSY when another session has it. */
int child_tty_open(struct child *c, const char *path, uint32_t wait);

#endif
