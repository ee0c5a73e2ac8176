/*
 * tell: what the roles have to hear of the slots.  The table is the queue:
 * nothing is stored for a peer but what the slot says anyway; here are only the numbers
 * of the slots that have something to tell.
 */
#ifndef SUPD_INIT_TELL_H
#define SUPD_INIT_TELL_H

#include <stdint.h>

#include "proto/msg.h"

/* Storage for all slots; once, before the loop.  -1 with errno. */
int tell_setup(void);

/* Something of the slot is new for that role. */
void tell_of(enum role r, uint32_t slot);
/* The slot is not opened (an errno), and this cannot be noted in the table. */
void tell_unopened(uint32_t slot, int err);

/* Tell it what is to be told, until the channel is full: 1 all told, 0 full. */
int tell_role(enum role r);
/* A new one knows nothing: everything is to be told (again). */
void tell_forget(enum role r);

#endif
