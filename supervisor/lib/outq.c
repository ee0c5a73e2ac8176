/*
 * outq: see the header.
 */
#include "lib/outq.h"

#include <sys/socket.h>

#include <errno.h>

void
outq_init(struct outq *q, struct loop *l, struct loop_io *io, size_t max_bytes,
    uint64_t stall_us, loop_timer_fn *on_stall, void *arg)
{
	*q = (struct outq){ .max_bytes = max_bytes, .stall_us = stall_us, .io = io };
	q->stall = loop_timer_new(l, "stall", on_stall, arg);
}

void
outq_clear(struct outq *q)
{
	loop_timer_free(q->stall);
	q->stall = NULL;
	buf_free(&q->buf);
	q->sent = 0;
}

size_t
outq_pending(const struct outq *q)
{
	return q->buf.len - q->sent;
}

bool
outq_is_full(const struct outq *q)
{
	return outq_pending(q) > q->max_bytes;
}

int
outq_send(struct outq *q)
{
	while (outq_pending(q) > 0) {
		ssize_t n = send(loop_io_fd(q->io), q->buf.data + q->sent,
		    outq_pending(q), MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			q->sent += (size_t)n;
			loop_timer_stop(q->stall);
			continue;
		}
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno != EAGAIN)
			return -1;
		/* One that is always a little late would have it grow for ever. */
		if (q->sent > q->max_bytes / 2) {
			buf_consume(&q->buf, q->sent);
			q->sent = 0;
		}
		loop_io_set(q->io, LOOP_READ | LOOP_WRITE);
		if (!loop_timer_is_armed(q->stall))
			loop_timer_in(q->stall, q->stall_us);
		return 0;
	}
	buf_clear(&q->buf);
	q->sent = 0;
	loop_io_set(q->io, LOOP_READ);
	return 1;
}
