/*
 * Roles: starting them, and starting them again when one has ended or hangs; the channel
 * of each.  A role's channel is read to its end before its successor is greeted.
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
/* It runs; it runs and was greeted. */
bool role_is_up(enum role r);
bool role_is_live(enum role r);
int32_t role_pid(enum role r);
/* "manager" */
const char *role_name(enum role r);
/* True when pid is that of a role. */
bool role_is_pid(int32_t pid);

/* Events. */
void role_on_channel(enum role r, uint32_t events);
/* True when pid was a role: it is being started again. */
bool role_on_exit(int32_t pid, uint32_t how, int32_t status);

/* Tell both roles what is to be told; start what is due; find who is hung. */
void role_flush(void);
/* Tell the manager which roles were started again, or hang: 1 told, 0 later. */
int role_tell_restarts(void);
/* When role_flush has to be called at the latest; NEVER: not by time. */
uint64_t role_next_us(void);

/* For the end: no role is started any more; kill one; close the logger's channel for
 * writing, so that it ends once everything is written. */
void role_stop_respawn(void);
void role_kill(enum role r);
void role_let_logger_end(void);

#endif
