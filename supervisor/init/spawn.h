/*
 * Spawning: mark the slot, fork, remember.  init never waits for the child and never
 * looks into its execution context.
 */
#ifndef SUPD_INIT_SPAWN_H
#define SUPD_INIT_SPAWN_H

#include "proto/chan.h"

void spawn_on_spawn(const struct msg *m);
/* The same, but its context could not be received. */
void spawn_refuse(const struct msg *m, int err);
void spawn_on_proc_set(const struct msg *m);
void spawn_on_proc_join(const struct msg *m);
void spawn_on_exit_ack(const struct msg *m);
/* The report pipe of a child is closed: it has executed its program, or has ended. */
void spawn_on_report(uint32_t slot, uint32_t kind);
/* Refusals, which have no place in the table. */
int spawn_tell_refused(void);
void spawn_forget_manager(void);

#endif
