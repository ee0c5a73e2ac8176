/*
 * The end: the only way out of init.  The manager has stopped the units in order before
 * it asks; here is what is left: whatever still runs is told to end, then killed, the
 * logger writes what there is, and init exits, reboots or powers off.  When there is no
 * manager, a second SIGTERM or SIGINT leads here as well.
 */
#ifndef SUPD_INIT_HALT_H
#define SUPD_INIT_HALT_H

#include <stdbool.h>
#include <stdint.h>

/* how: enum halt_how; status: of supd.  A second call changes nothing. */
void halt_begin(uint32_t how, int32_t status);
/* The end had begun before this init was executed: go on with it. */
void halt_recover(void);
/* A signal for supd: true when it was for halt (a second one hurries). */
bool halt_on_signal(int signo);
/* Go on when the time or a death allows it. */
void halt_step(void);
uint64_t halt_next_us(void);

#endif
