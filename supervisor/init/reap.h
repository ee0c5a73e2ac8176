/*
 * Reaping: everything that ends, also what nobody here started.
 */
#ifndef SUPD_INIT_REAP_H
#define SUPD_INIT_REAP_H

#include <stdbool.h>
#include <stdint.h>

/* Reap what has ended, at most a bounded number; true when there may be more. */
bool reap_children(void);
/* A watched process that may not be our child has ended. */
void reap_on_pidfd(uint32_t slot, uint32_t kind);
/* The process of a slot is over: the table keeps it until the manager knows. */
void reap_proc_ended(uint32_t slot, uint32_t kind, uint32_t how, int32_t status);

#endif
