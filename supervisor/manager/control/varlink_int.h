/*
 * varlink_int: what the server, its connections and their calls share.  Nobody else
 * includes it.
 *
 * The server owns its clients, and a client the one call that is not answered yet.
 */
#ifndef SUPD_MANAGER_CONTROL_VARLINK_INT_H
#define SUPD_MANAGER_CONTROL_VARLINK_INT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/map.h"
#include "manager/control/varlink.h"

struct loop_io;
struct loop_timer;

struct call {
	struct client *client;
	const struct varlink_method *method;
	struct jv *message;
	const struct jv *params;
	bool more, oneway;
	struct jw *jw; /* NULL: no reply is begun */
	void *data;
	call_fn *gone;
};

struct client {
	TAILQ_ENTRY(client) link;
	struct varlink *v;
	int fd;
	struct loop_io *io;
	struct loop_io *end_io;   /* see client_watch_end; NULL: io sees the end */
	struct loop_timer *stall; /* NULL until it is needed */
	struct access_peer peer;
	struct buf in;
	size_t scanned; /* bytes of in that hold no NUL */
	struct buf out;
	size_t sent;       /* bytes of out that are gone */
	struct call *call; /* the one that is not answered yet */
	uint64_t used_us;  /* when it last said something */
	bool eof;          /* the peer sends nothing more */
	bool closing;      /* closed when out is sent */
	bool in_turn;      /* frames are being handled further down the stack */
	bool dead;         /* to be freed when the turn ends */
};

struct varlink {
	struct loop *loop;
	int listen_fd;
	struct loop_io *listen_io;
	struct loop_timer *pause;
	struct varlink_conf conf;
	struct varlink_ops ops;
	struct map methods; /* name to const struct varlink_method */
	struct map idls;    /* name to struct idl */
	TAILQ_HEAD(client_head, client) clients;
	size_t nclients;
};

/* ---- varlink_client.c ---- */
/* A connection of that peer, in the server's list. */
void client_new_take_fd(struct varlink *v, int fd, const struct access_peer *peer);
/* At once, or when the frames that are being handled are done; an open call is dropped.
 */
void client_free(struct client *cl);
/* The same, and says why. */
void client_cut(struct client *cl, const char *why);
/* Bytes that wait to be sent. */
size_t client_pending(const struct client *cl);
/* Sends what goes.  -1: the client is gone. */
int client_send(struct client *cl);
/* The message in out is complete: its NUL, and off with it.  -1: the client is gone. */
int client_push(struct client *cl);
/* Handles the messages that are there, one call at a time. */
void client_handle(struct client *cl);

/* ---- varlink_call.c ---- */
/* Checks the call of that method and makes it, or refuses it; c may be gone then. */
void call_dispatch(struct call *c, const char *method);
/* The call is over without an answer. */
void call_drop(struct call *c);

#endif
