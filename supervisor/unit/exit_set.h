/*
 * exit_set: ends of a process, as SuccessExitStatus= and its like name them.
 */
#ifndef SUPD_UNIT_EXIT_SET_H
#define SUPD_UNIT_EXIT_SET_H

#include <stdint.h>

/* A set of ends of a process: exit statuses 0-255 and signals 1-64. */
struct exit_set {
	uint64_t status[4];
	uint64_t signals; /* bit n-1 for signal n */
};

#endif
