/*
 * A channel: one end of a SOCK_SEQPACKET pair between two roles.  It never blocks, never
 * queues and never allocates: a full channel is the sender's business (init tries again
 * from its table, the manager keeps a queue).  libc only: init includes this.
 */
#ifndef SUPD_PROTO_CHAN_H
#define SUPD_PROTO_CHAN_H

#include "proto/msg.h"

struct chan {
	int fd; /* -1: closed */
	enum role self;
	enum role peer;
};

/* Make a pair of non-blocking CLOEXEC ends.  0, or -1 with errno. */
int chan_pair(int fds[2]);

/* Prepare *m for sending: zeroes it, sets the head for id, no descriptors. */
void msg_init(struct msg *m, enum msg_id id);

/* Send m.  1: sent; 0: the channel is full (EAGAIN, ETOOMANYREFS, ENOBUFS), try again
 * when writable; -1: errno, the peer is gone or m is not one that self may send to peer.
 */
int chan_send(const struct chan *c, const struct msg *m);

/* Receive one.  1: *m is valid and its fds belong to the caller; 0: nothing there;
 * -1 with errno: ECONNRESET for end of file, EPROTO for a message that msg.def does not
 * allow here (all its descriptors are closed): the caller closes the channel.  EMFILE:
 * this process has no room for the descriptors; *m is the message without them, and the
 * channel is as good as before. */
int chan_recv(const struct chan *c, struct msg *m);

/* Name for logs, "?" if unknown. */
const char *msg_name(unsigned id);

/* Close the descriptors that m still holds. */
void msg_close_fds(struct msg *m);

#endif
