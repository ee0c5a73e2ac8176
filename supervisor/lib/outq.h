/*
 * outq: what is on its way to a peer that may not take it.  A socket is written to
 * without waiting; what it does not take stays here and goes when it can be written
 * again.  A peer that takes nothing for so long is told of, once, and one that is behind
 * by so much can be asked for: what follows from either is the owner's.
 */
#ifndef SUPD_LIB_OUTQ_H
#define SUPD_LIB_OUTQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/loop.h"

struct outq {
	struct buf buf; /* to be appended to; outq_send then */
	size_t sent;    /* bytes of buf that are gone */
	size_t max_bytes;
	uint64_t stall_us;
	struct loop_io *io;       /* the owner's, of the socket */
	struct loop_timer *stall; /* ours */
};

/*
 * io watches the socket, which is not ours, and is asked for LOOP_READ from now on, and
 * for LOOP_WRITE while something waits: its callback calls outq_send then. on_stall(arg):
 * a peer has taken nothing for stall_us although something waits.
 */
void outq_init(struct outq *q, struct loop *l, struct loop_io *io, size_t max_bytes,
    uint64_t stall_us, loop_timer_fn *on_stall, void *arg);
/* io is not touched: it may be freed before or after. */
void outq_clear(struct outq *q);
/* Bytes that wait. */
size_t outq_pending(const struct outq *q);
/* The peer is behind by more than max_bytes. */
bool outq_is_full(const struct outq *q);
/* Sends what goes.  1: nothing waits any more; 0: something does; -1 with errno: the peer
 * is gone, and io is as it was. */
int outq_send(struct outq *q);

#endif
