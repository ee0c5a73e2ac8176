/*
 * init executes itself: on request, from the binary on disk; after a crash, from the one
 * that was opened at start.  The pid stays, and with it the children; the table and the
 * kept descriptors stay; nothing else does.
 */
#ifndef SUPD_INIT_REEXEC_H
#define SUPD_INIT_REEXEC_H

#include <stdbool.h>
#include <stdint.h>

/* Stack and handlers for SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL. */
void reexec_setup(void);
/* MSG_REEXEC: asks the binary on disk whether it can take over, and then lets it. */
void reexec_on_request(void);
/* True when pid was the one that was asked. */
bool reexec_on_exit(int32_t pid, uint32_t how, int32_t status);
/* An answer that does not come is a no. */
void reexec_check_time(void);
uint64_t reexec_next_us(void);

#endif
