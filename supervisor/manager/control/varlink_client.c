/*
 * varlink_client: one connection: its messages in, one call at a time, its replies out,
 * and the limits on both.
 */
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/control/varlink_int.h"

enum {
	READ_CHUNK = 16 * 1024,
	MESSAGE_DEPTH_MAX = 32,
	MESSAGE_NODES_MAX = 65536,
	CALLS_A_TURN = 64,      /* of one client, then the others have theirs */
	OUT_SHRINK = 64 * 1024, /* a buffer that grew beyond is given back */
};

static void on_next_turn(void *arg);

/* ---- the end of a client ---- */

static void
client_watch_end_stop(struct client *cl)
{
	int fd = cl->end_io == NULL ? -1 : loop_io_fd(cl->end_io);

	loop_io_free(cl->end_io);
	cl->end_io = NULL;
	fd_close(&fd);
}

void
client_free(struct client *cl)
{
	struct varlink *v = cl->v;

	if (cl->call != NULL)
		call_drop(cl->call);
	if (cl->in_turn) {
		cl->dead = true;
		return;
	}
	TAILQ_REMOVE(&v->clients, cl, link);
	v->nclients--;
	loop_post_cancel(v->loop, on_next_turn, cl);
	loop_timer_free(cl->stall);
	client_watch_end_stop(cl);
	loop_io_free(cl->io);
	fd_close(&cl->fd);
	buf_free(&cl->in);
	buf_free(&cl->out);
	free(cl);
}

void
client_cut(struct client *cl, const char *why)
{
	struct access_peer peer = cl->peer;
	struct varlink *v = cl->v;

	if (cl->dead)
		return;
	log_debug("client uid %s pid %d: %s", peer.user, (int)peer.pid, why);
	client_free(cl);
	if (v->ops.on_cut != NULL)
		v->ops.on_cut(v->ops.arg, &peer, why);
}

/* ---- sending ---- */

size_t
client_pending(const struct client *cl)
{
	return cl->out.len - cl->sent;
}

static void
on_stall(struct loop_timer *t, void *arg)
{
	struct client *cl = arg;

	(void)t;
	client_cut(cl, client_pending(cl) > 0 ? "it does not take its replies"
					      : "it stopped in the middle of a message");
}

/* Armed from begun; kept running only by progress. */
static void
stall_restart(struct client *cl)
{
	if (cl->stall == NULL)
		cl->stall = loop_timer_new(cl->v->loop, "client", on_stall, cl);
	loop_timer_in(cl->stall, cl->v->conf.stall_us);
}

static void
stall_stop(struct client *cl)
{
	if (cl->stall != NULL)
		loop_timer_stop(cl->stall);
}

static void
on_end(struct loop_io *io, int events, void *arg)
{
	(void)io;
	(void)events;
	client_free(arg);
}

/* A client that has ended its sending, or sends too much ahead, is not read any more, and
 * may wait for its answer for ever: that it is gone is seen by a set of its own, which
 * wakes for nothing else. */
static void
client_watch_end(struct client *cl)
{
	struct epoll_event nothing = { .events = 0 };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd == -1 || epoll_ctl(fd, EPOLL_CTL_ADD, cl->fd, &nothing) == -1) {
		log_debug("the end of a client is not watched: %s", strerror(errno));
		fd_close(&fd);
		return;
	}
	cl->end_io = loop_io_new(cl->v->loop, "client end", fd, LOOP_READ, on_end, cl);
}

/* What we wait for on the socket now, and whether its silence is a fault. */
static void
client_watch(struct client *cl)
{
	int events = 0;
	bool blind;

	if (cl->dead || cl->io == NULL)
		return;
	if (client_pending(cl) > 0)
		events |= LOOP_WRITE;
	/* While a call is open we read on only to see the end of the client, and no more
	 * than one message ahead. */
	if (!cl->eof && !cl->closing && cl->in.len <= cl->v->conf.message_max_bytes)
		events |= LOOP_READ;
	loop_io_set(cl->io, events);
	blind = (events & LOOP_READ) == 0 && cl->call != NULL;
	if (blind && cl->end_io == NULL)
		client_watch_end(cl);
	else if (!blind)
		client_watch_end_stop(cl);
}

int
client_send(struct client *cl)
{
	ssize_t n;

	while (client_pending(cl) > 0) {
		n = send(cl->fd, cl->out.data + cl->sent, client_pending(cl),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (n <= 0) {
			client_free(cl);
			return -1;
		}
		cl->sent += (size_t)n;
		stall_restart(cl);
	}
	if (client_pending(cl) == 0) {
		if (cl->out.cap > OUT_SHRINK)
			buf_free(&cl->out);
		buf_clear(&cl->out);
		cl->sent = 0;
		stall_stop(cl);
		if (cl->closing) {
			client_free(cl);
			return -1;
		}
	} else if (cl->sent > READ_CHUNK && cl->sent > cl->out.len / 2) {
		buf_consume(&cl->out, cl->sent);
		cl->sent = 0;
	}
	return 0;
}

int
client_push(struct client *cl)
{
	buf_addc(&cl->out, '\0');
	if (client_pending(cl) > 0 &&
	    (cl->stall == NULL || !loop_timer_is_armed(cl->stall)))
		stall_restart(cl);
	if (client_send(cl) == -1)
		return -1;
	client_watch(cl);
	return 0;
}

/* ---- messages ---- */

/* One message.  What is no call at all ends the connection, after an answer. */
static void
client_message(struct client *cl, const char *data, size_t len)
{
	static const struct json_limits base = {
		.max_nodes = MESSAGE_NODES_MAX,
		.max_depth = MESSAGE_DEPTH_MAX,
	};
	struct json_limits limits = base;
	struct json_err err = { .text = "" };
	struct call *c = xcalloc(1, sizeof(*c));
	const char *method = NULL;

	limits.max_bytes = cl->v->conf.message_max_bytes;
	c->client = cl;
	cl->call = c;
	c->message = jv_parse_limits(data, len, &limits, &err);
	if (c->message == NULL || jr_str(c->message, "method", &method, &err) == -1 ||
	    jr_opt_bool(c->message, "more", &c->more, &err) == -1 ||
	    jr_opt_bool(c->message, "oneway", &c->oneway, &err) == -1 ||
	    jr_opt_obj(c->message, "parameters", &c->params, &err) == -1) {
		cl->closing = true;
		c->oneway = false;
		call_invalid(c, "call", "%s", err.text);
		return;
	}
	call_dispatch(c, method);
}

/* The first message in cl->in, with its NUL, taken out; NULL: none is complete. */
static char *
take_message(struct client *cl, size_t *len)
{
	char *nul, *message;

	if (cl->in.len == cl->scanned)
		return NULL;
	nul = memchr(cl->in.data + cl->scanned, '\0', cl->in.len - cl->scanned);
	if (nul == NULL) {
		cl->scanned = cl->in.len;
		return NULL;
	}
	*len = (size_t)(nul - cl->in.data);
	message = xmemdup(cl->in.data, *len + 1);
	buf_consume(&cl->in, *len + 1);
	cl->scanned = 0;
	return message;
}

/* Replies that are not taken hold back the next call: nobody can make us store more than
 * one answer beyond the bound. */
static bool
may_handle(const struct client *cl)
{
	return !cl->dead && cl->call == NULL && !cl->closing &&
	       client_pending(cl) <= cl->v->conf.pending_max_bytes;
}

static void
on_next_turn(void *arg)
{
	client_handle(arg);
}

/* The time of a message that began counts from its begin: a byte now and then does not
 * move it. */
static void
limit_input(struct client *cl)
{
	if (cl->call != NULL || client_pending(cl) > 0 || cl->closing)
		return;
	if (cl->in.len == 0) {
		if (cl->peer.class != ACCESS_NONE)
			stall_stop(cl);
		if (cl->in.cap > OUT_SHRINK)
			buf_free(&cl->in);
	} else if (cl->in.len > cl->v->conf.message_max_bytes &&
		   cl->scanned == cl->in.len) {
		client_cut(cl, "its message is too long");
	} else if (cl->stall == NULL || !loop_timer_is_armed(cl->stall)) {
		stall_restart(cl);
	}
}

void
client_handle(struct client *cl)
{
	unsigned n = 0;
	size_t len;
	char *message;

	if (cl->in_turn)
		return;
	cl->in_turn = true;
	while (may_handle(cl) && n < CALLS_A_TURN &&
	       (message = take_message(cl, &len)) != NULL) {
		if (client_pending(cl) == 0)
			stall_stop(cl);
		client_message(cl, message, len);
		free(message);
		n++;
	}
	/* Ended by the peer: what is complete was handled, the rest never comes. */
	if (!cl->dead && cl->eof && cl->call == NULL && n < CALLS_A_TURN &&
	    may_handle(cl)) {
		cl->closing = true;
		client_send(cl);
	}
	if (!cl->dead)
		limit_input(cl);
	cl->in_turn = false;
	if (cl->dead) {
		client_free(cl);
		return;
	}
	if (n == CALLS_A_TURN)
		loop_post(cl->v->loop, on_next_turn, cl);
	client_watch(cl);
}

/* ---- reading ---- */

/* The peer closed; did it only end its sending? */
static bool
is_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = 0 };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* -1: the client is gone. */
static int
client_read(struct client *cl)
{
	ssize_t n;

	n = recv(cl->fd, buf_reserve(&cl->in, READ_CHUNK), READ_CHUNK, MSG_DONTWAIT);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n == -1) {
		client_free(cl);
		return -1;
	}
	if (n == 0) {
		cl->eof = true;
		if (is_hung_up(cl->fd)) {
			client_free(cl);
			return -1;
		}
		return 0;
	}
	buf_grew(&cl->in, (size_t)n);
	cl->used_us = loop_now_us(cl->v->loop);
	return 0;
}

static void
on_client(struct loop_io *io, int events, void *arg)
{
	struct client *cl = arg;

	(void)io;
	if ((events & LOOP_FAILED) != 0) {
		client_cut(cl, "the kernel has no memory to watch it");
		return;
	}
	if ((events & LOOP_WRITE) != 0 && client_pending(cl) > 0 && client_send(cl) == -1)
		return;
	if ((events & LOOP_READ) != 0 && client_read(cl) == -1)
		return;
	client_handle(cl);
}

void
client_new_take_fd(struct varlink *v, int fd, const struct access_peer *peer)
{
	struct client *cl = xcalloc(1, sizeof(*cl));

	cl->v = v;
	cl->fd = fd;
	cl->peer = *peer;
	cl->used_us = loop_now_us(v->loop);
	cl->io = loop_io_new(v->loop, "client", fd, LOOP_READ, on_client, cl);
	loop_io_may_fail(cl->io);
	TAILQ_INSERT_TAIL(&v->clients, cl, link);
	v->nclients++;
	/* Who may do nothing gets one answer, and soon. */
	if (peer->class == ACCESS_NONE)
		stall_restart(cl);
}
