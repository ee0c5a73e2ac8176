/*
 * sockets: socket units (a struct part_kind): the machine of socket.h with real
 * listeners, which init keeps.
 *
 * init knows a listener by the name of the socket unit and a text that says which line of
 * it that is ("0 /run/x.sock").  A new manager is told of them and carries on with what
 * is there.
 *
 * A connection of Accept=yes is taken and kept by init as well, as ":connection" of the
 * socket unit, until it has an instance; then of that, until the instance was executed or
 * ended.
 */
#ifndef SUPD_MANAGER_SOCKETS_H
#define SUPD_MANAGER_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strv.h"
#include "manager/part/part.h"

struct connection;
struct msg_stored;
struct svc_fds;

extern const struct part_kind part_socket;

/* STORED of a socket unit, or of a connection; false: it is of neither, fd is still the
 * caller's. */
bool sockets_on_stored(struct manager *m, const struct msg_stored *msg, int fd);
/* init could not keep one (id 0), or has dropped one. */
void sockets_on_unstored(struct manager *m, const struct msg_stored *msg);
/* All is known of all units: what nobody needs any more goes. */
void sockets_settle(struct manager *m);

/* u is a socket unit that is up: what it listens to is as its file was then. */
bool sockets_listens(const struct unit *u);
/* The service that runs with the sockets of such a unit, which therefore cannot be
 * restarted without it.  NULL: none, or each connection has one of its own. */
const struct unit *sockets_server(const struct unit *u);

/* The names of the socket units that are up for a service; appended. */
void sockets_waiting_for(const struct unit *service, struct strv *out);

/* What the main process of a service gets of its sockets; svc_fds_clear. */
void sockets_fds(struct unit *u, struct svc_fds *out);
/* An instance that init keeps a connection for: fd is taken.  false: it is none. */
bool sockets_on_instance(struct unit *u, uint32_t id, int fd);
/* A new manager: the start that was still to come, or the end of it. */
void sockets_settle_instance(struct unit *u);
/* The main process was executed: it has its connection. */
void sockets_on_executed(struct unit *u);
/* The active state of a service is another one. */
void sockets_on_active(struct unit *u, enum svc_active to);
void connection_free(struct connection *c);

#endif
