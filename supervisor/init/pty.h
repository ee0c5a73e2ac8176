/*
 * The terminal of a slot: a pty whose master init holds, so that it outlives the role
 * that reads it.  The main process has it open as well: when init dies, too, the next
 * supd takes it from there, and until then nobody was hung up.
 */
#ifndef SUPD_INIT_PTY_H
#define SUPD_INIT_PTY_H

#include <stdbool.h>

#include "proto/table.h"

/* Makes it, of the size that the slot names.  -1 with errno. */
int pty_make(struct table_slot *s);
void pty_unmake(struct table_slot *s);
/* In a child: its slave, CLOEXEC; not yet the controlling terminal.  -1 with errno. */
int pty_open_slave(const struct table_slot *s);
/* After a start from a table: is the descriptor still the one; else it is taken from the
 * main process, or given up, and that is said. */
void pty_recover(struct table_slot *s);
/* Some slot has one: the role that reads them is needed. */
bool pty_is_any(void);

#endif
