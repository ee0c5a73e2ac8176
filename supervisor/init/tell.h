/*
 * tell: what manager and logger have to hear of the slots.  The table is the queue:
 * nothing is stored for a peer but what the slot says anyway; here are only the numbers
 * of the slots that have something to tell.
 */
#ifndef SUPD_INIT_TELL_H
#define SUPD_INIT_TELL_H

#include <stdint.h>

/* Storage for all slots; once, before the loop.  -1 with errno. */
int tell_setup(void);

/* Something of the slot is new for the manager, or for the logger. */
void tell_manager_of(uint32_t slot);
void tell_logger_of(uint32_t slot);
/* The slot is not opened (an errno), and this cannot be noted in the table. */
void tell_unopened(uint32_t slot, int err);

/* Tell what is to be told, until the channel is full: 1 all told, 0 full. */
int tell_manager(void);
int tell_logger(void);
/* A new manager or logger knows nothing: everything is to be told (again). */
void tell_forget_manager(void);
void tell_forget_logger(void);

#endif
