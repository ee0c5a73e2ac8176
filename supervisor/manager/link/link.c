#include "manager/link/link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/link/adopt.h"
#include "manager/link/link_int.h"
#include "manager/manager.h"
#include "proto/chan.h"

enum {
	PEER_QUEUE_MAX = 4096, /* messages for a role that does not read */
	TURN_MAX = 256,        /* messages handled before others have their turn */
	QUEUE_SLACK = 65536,   /* bytes of sent messages before those behind move up */
};

/* A message that waits, with its payload behind it: as long as it is, not as long as the
 * longest. */
struct waiting {
	struct msg_head head;
	int nfds;
	int fds[PROTO_FDS_MAX];
};

struct barrier {
	TAILQ_ENTRY(barrier) next;
	struct link *link;
	uint64_t id;
	uint32_t slot;
	link_barrier_fn *fn;
	void *arg;
	struct loop_timer *timer;
};

struct vacuum {
	TAILQ_ENTRY(vacuum) next;
	uint64_t id;
	link_vacuum_fn *fn;
	void *arg;
};

static void on_init(struct loop_io *io, int events, void *arg);
static void on_logger(struct loop_io *io, int events, void *arg);

/* ---- sending ------------------------------------------------------------------------
 */

/* The first one that waits, which stays; false: none. */
static bool
queue_first(const struct side *s, struct msg *msg)
{
	struct waiting w;

	if (s->n == 0)
		return false;
	memcpy(&w, s->queue.data + s->at, sizeof(w));
	msg_init(msg, (enum msg_id)w.head.id);
	msg->nfds = w.nfds;
	memcpy(msg->fds, w.fds, sizeof(msg->fds));
	memcpy(&msg->u, s->queue.data + s->at + sizeof(w), w.head.size);
	return true;
}

/* It is sent, or given up; its descriptors are ours no longer. */
static void
queue_drop(struct side *s, struct msg *msg)
{
	s->at += sizeof(struct waiting) + msg->head.size;
	msg_close_fds(msg);
	if (--s->n == 0) {
		buf_free(&s->queue);
		s->at = 0;
	} else if (s->at > QUEUE_SLACK && s->at > s->queue.len / 2) {
		buf_consume(&s->queue, s->at);
		s->at = 0;
	}
}

static void
queue_clear(struct side *s)
{
	struct msg msg;

	while (queue_first(s, &msg))
		queue_drop(s, &msg);
}

static void
enqueue(struct side *s, const struct msg *msg)
{
	struct waiting w = { .head = msg->head, .nfds = msg->nfds };

	memcpy(w.fds, msg->fds, sizeof(w.fds));
	buf_append(&s->queue, &w, sizeof(w));
	buf_append(&s->queue, &msg->u, msg->head.size);
	s->n++;
	loop_io_set(s->io, LOOP_READ | LOOP_WRITE);
}

/* 1: the queue is empty, 0: the channel is full, -1: the peer is gone. */
int
side_send_queue(struct side *s)
{
	struct msg msg;
	int r;

	while (queue_first(s, &msg)) {
		r = chan_send(&s->chan, &msg);
		if (r <= 0)
			return r;
		queue_drop(s, &msg);
	}
	loop_io_set(s->io, LOOP_READ);
	return 1;
}

static void
init_is_gone(void)
{
	/* Without init there is nothing that we could do; the next one starts us again.
	 */
	fatal("the channel to init");
}

/* Takes the descriptors in msg. */
void
link_send_init(struct link *l, struct msg *msg)
{
	int r = 0;

	if (l->init.n == 0)
		r = chan_send(&l->init.chan, msg);
	if (r == -1)
		init_is_gone();
	if (r == 0)
		enqueue(&l->init, msg);
	else
		msg_close_fds(msg);
}

static void
logger_lost(struct link *l)
{
	struct vacuum *v;

	if (l->logger.chan.fd == -1)
		return;
	side_close(&l->logger);
	/* Barriers are asked again of the next logger, or end by their time. */
	while ((v = TAILQ_FIRST(&l->vacuums)) != NULL) {
		TAILQ_REMOVE(&l->vacuums, v, next);
		v->fn(v->arg, NULL);
		free(v);
	}
}

/* Takes the descriptors in msg, also on failure. */
int
side_send(struct side *s, struct msg *msg)
{
	int r = 0;

	if (s->chan.fd == -1) {
		msg_close_fds(msg);
		errno = ENOTCONN;
		return -1;
	}
	if (s->n == 0)
		r = chan_send(&s->chan, msg);
	if (r == 0 && s->n < PEER_QUEUE_MAX) {
		enqueue(s, msg);
		return 0;
	}
	msg_close_fds(msg);
	if (r == 1)
		return 0;
	if (r == 0)
		errno = ENOBUFS;
	else
		s->lost(s->link);
	return -1;
}

static int
send_logger(struct link *l, struct msg *msg)
{
	return side_send(&l->logger, msg);
}

void
side_close(struct side *s)
{
	loop_io_free(s->io);
	s->io = NULL;
	fd_close(&s->chan.fd);
	queue_clear(s);
}

/* ---- receiving ----------------------------------------------------------------------
 */

static struct barrier *
barrier_find(struct link *l, uint64_t id)
{
	struct barrier *b;

	TAILQ_FOREACH (b, &l->barriers, next) {
		if (b->id == id)
			return b;
	}
	return NULL;
}

static void
barrier_end(struct barrier *b, const struct msg_barrier_done *done)
{
	TAILQ_REMOVE(&b->link->barriers, b, next);
	loop_timer_free(b->timer);
	b->fn(b->arg, done);
	free(b);
}

static void
on_barrier_time(struct loop_timer *t, void *arg)
{
	(void)t;
	barrier_end(arg, NULL);
}

static void
vacuum_end(struct link *l, const struct msg_vacuum_done *done)
{
	struct vacuum *v;

	TAILQ_FOREACH (v, &l->vacuums, next) {
		if (v->id != done->id)
			continue;
		TAILQ_REMOVE(&l->vacuums, v, next);
		v->fn(v->arg, done);
		free(v);
		return;
	}
}

static int
barrier_send(struct link *l, const struct barrier *b)
{
	struct msg msg;

	msg_init(&msg, MSG_BARRIER);
	msg.u.BARRIER.slot = b->slot;
	msg.u.BARRIER.id = b->id;
	return send_logger(l, &msg);
}

static void
take_logger_fd(struct link *l, int fd)
{
	uint64_t last = l->next_id;
	struct barrier *b;

	logger_lost(l);
	l->logger.chan =
	    (struct chan){ .fd = fd, .self = ROLE_MANAGER, .peer = ROLE_LOGGER };
	l->logger.io = loop_io_new(l->m->loop, "logger", fd, LOOP_READ, on_logger, l);
	manager_on_logger(l->m);
	/* Behind the patterns: what waits for the last words of a program is to have what
	 * they match. */
	TAILQ_FOREACH (b, &l->barriers, next)
		if (b->id <= last)
			(void)barrier_send(l, b);
}

static int
take_fd(struct msg *msg, int i)
{
	int fd = msg->fds[i];

	msg->fds[i] = -1;
	return fd;
}

static void take_logger(struct link *l, int max);

/* What init says of slots; false: something else. */
static bool
dispatch_slot(struct manager *m, struct msg *msg)
{
	switch ((enum msg_id)msg->head.id) {
	case MSG_SLOT:
		adopt_on_slot(m, &msg->u.SLOT);
		return true;
	case MSG_SLOT_NOTIFY:
		adopt_on_notify_take_fd(m, msg->u.SLOT_NOTIFY.slot, take_fd(msg, 0));
		return true;
	case MSG_SLOT_CGROUP:
		adopt_on_cgroup_take_fd(m, msg->u.SLOT_CGROUP.slot, take_fd(msg, 0));
		return true;
	case MSG_STORED:
		adopt_on_stored_take_fd(m, &msg->u.STORED, take_fd(msg, 0));
		return true;
	case MSG_UNSTORED:
		adopt_on_unstored(m, &msg->u.UNSTORED);
		return true;
	case MSG_STARTED:
		adopt_on_started(m, &msg->u.STARTED);
		return true;
	case MSG_EXIT:
		adopt_on_exit(m, &msg->u.EXIT);
		return true;
	case MSG_EMPTY:
		adopt_on_empty(m, msg->u.EMPTY.slot);
		return true;
	case MSG_SLOT_DONE:
		/* What the logger said of it lies in its channel: before it forgot it. */
		take_logger(m->link, TURN_MAX);
		adopt_on_slot_done(m, msg->u.SLOT_DONE.slot);
		return true;
	default:
		return false;
	}
}

static void
dispatch_init(struct link *l, struct msg *msg)
{
	struct manager *m = l->m;
	struct msg pong;

	if (dispatch_slot(m, msg))
		return;
	switch ((enum msg_id)msg->head.id) {
	case MSG_HELLO:
		manager_on_hello(m, &msg->u.HELLO);
		break;
	case MSG_REPLAY_END:
		manager_on_replay_end(m);
		break;
	case MSG_ORPHAN:
		manager_on_orphan(m);
		break;
	case MSG_GOT_SIGNAL:
		manager_on_signal(m, &msg->u.GOT_SIGNAL);
		break;
	case MSG_PING:
		msg_init(&pong, MSG_PONG);
		pong.u.PONG.seq = msg->u.PING.seq;
		link_send_init(l, &pong);
		break;
	case MSG_PEER:
		take_logger_fd(l, take_fd(msg, 0));
		break;
	case MSG_PEER_TERMINAL:
		link_take_terminal_fd(l, take_fd(msg, 0));
		break;
	case MSG_REEXEC_FAILED:
		manager_on_reexec_failed(m, msg->u.REEXEC_FAILED.err);
		break;
	case MSG_ROLE:
		manager_on_role(m, &msg->u.ROLE);
		break;
	default:
		log_warnx("message %s of init is not handled", msg_name(msg->head.id));
		break;
	}
}

static void
on_init(struct loop_io *io, int events, void *arg)
{
	struct link *l = arg;
	struct msg msg;
	int r;

	(void)io;
	if ((events & LOOP_WRITE) && side_send_queue(&l->init) == -1)
		init_is_gone();
	for (int i = 0; (events & LOOP_READ) && i < TURN_MAX; i++) {
		r = chan_recv(&l->init.chan, &msg);
		if (r == 0)
			return;
		if (r == -1)
			init_is_gone();
		dispatch_init(l, &msg);
		msg_close_fds(&msg);
	}
}

static void
dispatch_logger(struct link *l, struct msg *msg)
{
	struct manager *m = l->m;
	struct barrier *b;

	switch ((enum msg_id)msg->head.id) {
	case MSG_EVENT_ACK:
		manager_on_event_ack(m, &msg->u.EVENT_ACK);
		break;
	case MSG_BARRIER_DONE:
		b = barrier_find(l, msg->u.BARRIER_DONE.id);
		if (b != NULL)
			barrier_end(b, &msg->u.BARRIER_DONE);
		break;
	case MSG_STREAM_STATE:
		adopt_on_stream_state(m, &msg->u.STREAM_STATE);
		break;
	case MSG_SNAPSHOT_DONE:
		manager_on_snapshot_done(m, &msg->u.SNAPSHOT_DONE);
		break;
	case MSG_VACUUM_DONE:
		vacuum_end(l, &msg->u.VACUUM_DONE);
		break;
	case MSG_MATCH:
		adopt_on_match(m, &msg->u.MATCH);
		break;
	default:
		log_warnx(
		    "message %s of the logger is not handled", msg_name(msg->head.id));
		break;
	}
}

static void
take_logger(struct link *l, int max)
{
	const struct loop_io *io = l->logger.io;
	struct msg msg;
	int r;

	for (int i = 0; io != NULL && i < max; i++) {
		/* A handler may have found the logger gone, or a new one there. */
		if (l->logger.io != io)
			return;
		r = chan_recv(&l->logger.chan, &msg);
		if (r == 0)
			return;
		if (r == -1) {
			logger_lost(l);
			return;
		}
		dispatch_logger(l, &msg);
		msg_close_fds(&msg);
	}
}

static void
on_logger(struct loop_io *io, int events, void *arg)
{
	struct link *l = arg;

	(void)io;
	if ((events & LOOP_WRITE) && side_send_queue(&l->logger) == -1) {
		logger_lost(l);
		return;
	}
	if (events & LOOP_READ)
		take_logger(l, TURN_MAX);
}

/* ---- life ---------------------------------------------------------------------------
 */

struct link *
link_new(struct manager *m, int init_fd)
{
	struct link *l = xcalloc(1, sizeof(*l));

	l->m = m;
	TAILQ_INIT(&l->barriers);
	TAILQ_INIT(&l->vacuums);
	l->init.chan =
	    (struct chan){ .fd = init_fd, .self = ROLE_MANAGER, .peer = ROLE_INIT };
	l->logger.chan.fd = -1;
	l->logger.lost = logger_lost;
	l->init.link = l->logger.link = l;
	link_terminal_set_up(l);
	l->init.io = loop_io_new(m->loop, "init", init_fd, LOOP_READ, on_init, l);
	return l;
}

void
link_free(struct link *l)
{
	struct barrier *b;

	if (l == NULL)
		return;
	logger_lost(l);
	link_terminal_free(l);
	while ((b = TAILQ_FIRST(&l->barriers)) != NULL) {
		TAILQ_REMOVE(&l->barriers, b, next);
		loop_timer_free(b->timer);
		free(b);
	}
	queue_clear(&l->init);
	loop_io_free(l->init.io);
	free(l);
}

bool
link_has_logger(const struct link *l)
{
	return l->logger.chan.fd != -1;
}

size_t
link_pending(const struct link *l)
{
	return l->init.n + l->logger.n + l->terminal.n;
}

void
link_flush(struct link *l, uint64_t timeout_us)
{
	uint64_t end = clock_add_us(clock_mono_us(), timeout_us), now;

	for (;;) {
		struct pollfd p = { .fd = l->init.chan.fd, .events = POLLOUT };
		int r = side_send_queue(&l->init);

		if (r == -1)
			init_is_gone();
		now = clock_mono_us();
		if (r == 1 || now >= end)
			break;
		if (poll(&p, 1, (int)((end - now) / USEC_PER_MSEC) + 1) == -1 &&
		    errno != EINTR)
			break;
	}
	if (l->logger.chan.fd != -1)
		(void)side_send_queue(&l->logger);
	if (l->terminal.chan.fd != -1)
		(void)side_send_queue(&l->terminal);
}

/* ---- to the logger ------------------------------------------------------------------
 */

int
link_viewer_take_fds(struct link *l, int client_fd, int request_fd, uint64_t size)
{
	struct msg msg;

	msg_init(&msg, MSG_VIEWER);
	msg.u.VIEWER.request_size = size;
	msg.nfds = 2;
	msg.fds[0] = client_fd;
	msg.fds[1] = request_fd;
	return send_logger(l, &msg);
}

int
link_patterns_take_fd(struct link *l, uint32_t slot, const uint8_t invocation[16], int fd)
{
	struct msg msg;

	msg_init(&msg, MSG_SLOT_PATTERNS);
	msg.u.SLOT_PATTERNS.slot = slot;
	memcpy(msg.u.SLOT_PATTERNS.invocation, invocation,
	    sizeof(msg.u.SLOT_PATTERNS.invocation));
	msg.nfds = 1;
	msg.fds[0] = fd;
	return send_logger(l, &msg);
}

int
link_log_alarm(
    struct link *l, uint32_t slot, const uint8_t invocation[16], uint64_t bytes)
{
	struct msg msg;

	msg_init(&msg, MSG_LOG_ALARM);
	msg.u.LOG_ALARM.bytes = bytes;
	msg.u.LOG_ALARM.slot = slot;
	memcpy(
	    msg.u.LOG_ALARM.invocation, invocation, sizeof(msg.u.LOG_ALARM.invocation));
	return send_logger(l, &msg);
}

int
link_rotate(struct link *l, uint32_t slot)
{
	struct msg msg;

	msg_init(&msg, MSG_ROTATE);
	msg.u.ROTATE.slot = slot;
	return send_logger(l, &msg);
}

int
link_snapshot_take_fd(
    struct link *l, uint64_t id, enum snapshot_kind kind, int fd, uint64_t size)
{
	struct msg msg;

	msg_init(&msg, MSG_SNAPSHOT);
	msg.u.SNAPSHOT.id = id;
	msg.u.SNAPSHOT.kind = kind;
	msg.u.SNAPSHOT.size = size;
	msg.nfds = 1;
	msg.fds[0] = fd;
	return send_logger(l, &msg);
}

void
link_log_settings(struct link *l, const struct msg_log_settings *s)
{
	struct msg msg;

	msg_init(&msg, MSG_LOG_SETTINGS);
	msg.u.LOG_SETTINGS = *s;
	(void)send_logger(l, &msg);
}

void
link_barrier(
    struct link *l, uint32_t slot, uint64_t timeout_us, link_barrier_fn *fn, void *arg)
{
	struct barrier *b = xcalloc(1, sizeof(*b));

	b->link = l;
	b->id = ++l->next_id;
	b->slot = slot;
	b->fn = fn;
	b->arg = arg;
	b->timer = loop_timer_new(l->m->loop, "barrier", on_barrier_time, b);
	TAILQ_INSERT_TAIL(&l->barriers, b, next);
	/* Without a logger the answer is "no answer", and it comes at once. */
	loop_timer_in(b->timer, barrier_send(l, b) == 0 ? timeout_us : 0);
}

void
link_barrier_cancel(struct link *l, void *arg)
{
	struct barrier *b, *tmp;

	TAILQ_FOREACH_SAFE (b, &l->barriers, next, tmp) {
		if (b->arg != arg)
			continue;
		TAILQ_REMOVE(&l->barriers, b, next);
		loop_timer_free(b->timer);
		free(b);
	}
}

void
link_vacuum(struct link *l, uint64_t max_bytes, uint64_t max_age_us, link_vacuum_fn *fn,
    void *arg)
{
	struct vacuum *v = xcalloc(1, sizeof(*v));
	struct msg msg;

	v->id = ++l->next_id;
	v->fn = fn;
	v->arg = arg;
	msg_init(&msg, MSG_VACUUM);
	msg.u.VACUUM.id = v->id;
	msg.u.VACUUM.max_bytes = max_bytes;
	msg.u.VACUUM.max_age_us = max_age_us;
	if (send_logger(l, &msg) == -1) {
		fn(arg, NULL);
		free(v);
		return;
	}
	TAILQ_INSERT_TAIL(&l->vacuums, v, next);
}

void
link_vacuum_cancel(struct link *l, void *arg)
{
	struct vacuum *v, *tmp;

	TAILQ_FOREACH_SAFE (v, &l->vacuums, next, tmp) {
		if (v->arg != arg)
			continue;
		TAILQ_REMOVE(&l->vacuums, v, next);
		free(v);
	}
}
