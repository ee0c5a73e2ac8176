/*
 * The pulse of a role: whether one that something waits for still answers.
 *
 * Idle costs nothing, so a role is pinged only after something that it must answer: a
 * message to it or from it, a client at the control socket or a datagram at a notify
 * socket (manager), bytes in a log pipe (logger).  The last ones are noticed through an
 * epoll set a role, armed for one event and armed again with the answer to the ping: a
 * busy role costs one wake-up a ping interval, an idle one none, and a hung one is found
 * as soon as somebody waits for it.
 */
#ifndef SUPD_INIT_PULSE_H
#define SUPD_INIT_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/chan.h"

/* Once a role, before anything else here. */
void pulse_set_up(enum role r);
/* The role was started; it is gone. */
void pulse_begin(enum role r);
void pulse_end(enum role r);

/* Something waits for this role: it must show within the interval that it lives. */
void pulse_note(enum role r);
/* The same whenever fd is readable; -1 is fine. */
void pulse_watch(enum role r, int fd);
void pulse_unwatch(enum role r, int fd);
void pulse_on_busy(enum role r);

/* Send the ping that is owed: 1 sent, or none is owed; 0 later. */
int pulse_send_ping(enum role r);
void pulse_on_pong(enum role r, const struct msg *m);
/* Owes it a ping when it is time; true: it did not answer the last one in time. */
bool pulse_is_lost(enum role r, uint64_t now);
/* When pulse_is_lost has to be asked at the latest; NEVER: not by time. */
uint64_t pulse_next_us(enum role r);

#endif
