/*
 * link_int: what link.c, link_init.c and link_terminal.c share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_LINK_INT_H
#define SUPD_MANAGER_LINK_INT_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "proto/chan.h"

struct barrier;
struct link;
struct loop_io;
struct manager;
struct term_question;
struct vacuum;

/* Those that wait lie behind one another in one buffer, which goes when it is empty: a
 * block for each would leave the heap full of holes after a start of many. */
struct side {
	struct link *link;
	void (*lost)(struct link *l); /* its peer is gone; NULL: init is never */
	struct chan chan;
	struct loop_io *io;
	struct buf queue;
	size_t at; /* of the first that was not sent yet */
	size_t n;
};

struct link {
	struct manager *m;
	struct side init;
	struct side logger;   /* chan.fd -1: none is there */
	struct side terminal; /* likewise */
	uint64_t next_id;
	TAILQ_HEAD(, barrier) barriers;
	TAILQ_HEAD(, vacuum) vacuums;
	TAILQ_HEAD(, term_question) questions;
};

/* To init, now or when it reads again, in order; the descriptors in msg are taken. */
void link_send_init(struct link *l, struct msg *msg);

/* To another role: -1 (ENOTCONN, ENOBUFS) when it is not there or too far behind. The
 * descriptors in msg are taken in any case. */
int side_send(struct side *s, struct msg *msg);
/* 1: the queue is empty, 0: the channel is full, -1: the peer is gone. */
int side_send_queue(struct side *s);
void side_close(struct side *s);

/* ---- link_terminal.c ---- */
void link_terminal_set_up(struct link *l);
void link_terminal_free(struct link *l);
void link_take_terminal_fd(struct link *l, int fd);

#endif
