/*
 * Roles: starting them, greeting them, noticing that one is dead or hung, and starting it
 * again.  A role's channel is read to its end before its successor is greeted.
 *
 * Idle costs nothing, so a role is pinged only after something that it must answer: a
 * message to it or from it, a client at the control socket or a datagram at a notify
 * socket (manager), bytes in a log pipe (logger).  The last ones are noticed through an
 * epoll set a role, armed for one event and armed again with the answer to the ping: a
 * busy role costs one wake-up a ping interval, an idle one none, and a hung one is found
 * as soon as somebody waits for it.
 */
#ifndef SUPD_INIT_ROLE_H
#define SUPD_INIT_ROLE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/chan.h"

/* After a start from a table: what is left of the roles of before is ended, and the first
 * ones are started as soon as those are gone. */
void role_recover(void);

/* Send to a role.  1 sent, 0 later (full, down), as chan_send. */
int role_send(enum role r, const struct msg *m);
bool role_is_live(enum role r);
int32_t role_pid(enum role r);
/* Add fd to what a role must look after. */
void role_watch_busy(enum role r, int fd);
void role_unwatch_busy(enum role r, int fd);
void role_on_busy(enum role r);

/* Events. */
void role_on_channel(enum role r, uint32_t events);
/* True when pid was a role: it is being started again. */
bool role_on_exit(int32_t pid, uint32_t how, int32_t status);
void role_on_pong(enum role r, const struct msg *m);

/* Tell both roles what is to be told; start what is due; find who is hung. */
void role_flush(void);
/* When role_flush has to be called at the latest; NEVER: not by time. */
uint64_t role_next_us(void);

/* For the end: no role is started any more; kill one; close the logger's channel for
 * writing, so that it ends once everything is written. */
void role_stop_respawn(void);
void role_kill(enum role r);
void role_let_logger_end(void);

/* MSG_REEXEC failed. */
void role_reexec_failed(int err);
/* GOT_SIGNAL, ORPHAN and the like have something to tell. */
void role_changed(void);

#endif
