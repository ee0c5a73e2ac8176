/*
 * What a role is told: the greeting when it was started (who it is, all slots, what is
 * stored, its channel to the other role), and from then on the news.  What is told of the
 * slots is tell.c's; here is the order, and what belongs to no slot.
 */
#ifndef SUPD_INIT_GREET_H
#define SUPD_INIT_GREET_H

#include <stdbool.h>

#include "proto/chan.h"

/* The role was started (role_is_up): it is to be greeted. */
void greet_begin(enum role r);
/* Go on with the greeting.  True: it is done; false: the channel is full. */
bool greet_go_on(enum role r);
bool greet_is_done(enum role r);
/* Tell a role that was greeted what is to be told, until the channel is full. */
void greet_tell_news(enum role r);
/* The role is gone: its successor knows nothing. */
void greet_forget(enum role r);

/* Signals came, or the counters of the table changed. */
void greet_owe_news(void);
/* MSG_REEXEC failed. */
void greet_reexec_failed(int err);

#endif
