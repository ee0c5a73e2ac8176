/*
 * pids: which process of which slot a pid is.  Only living ones are in it.
 */
#ifndef SUPD_INIT_PIDS_H
#define SUPD_INIT_PIDS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/table.h"

#define PID_UNKNOWN UINT32_MAX

/* Storage for all slots; once, before the loop.  -1 with errno. */
int pids_setup(void);
void pid_set(int32_t pid, uint32_t slot, uint32_t kind);
/* slot * PROC_N + kind, or PID_UNKNOWN. */
uint32_t pid_find(int32_t pid);
/* A process of a slot that init itself has to reap. */
bool pid_is_child(int32_t pid);
void pid_forget(int32_t pid);

#endif
