/*
 * Sending and receiving one message.  msg.def decides what is allowed: everything that
 * it does not allow is refused here, with its descriptors closed, so that nobody behind
 * this file meets a wrong size, sender or count.
 */
#include "proto/chan.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
	MSG_ID_MAX = 192, /* all ids are below */
	/* One more than allowed, so that too many are seen (and closed), not cut off. */
	RECV_FDS = PROTO_FDS_MAX + 1,
};

struct row {
	const char *name;
	uint32_t size;
	uint8_t from, to, nfds;
};

static const struct row rows[MSG_ID_MAX] = {
#define MSG(id, name, from, to, payload, nfds) \
	[id] = { #name, sizeof(struct msg_##payload), ROLE_##from, ROLE_##to, nfds },
#include "proto/msg.def"
#undef MSG
};
#define MSG(id, name, from, to, payload, nfds) \
	static_assert(id > 0 && id < MSG_ID_MAX && nfds <= PROTO_FDS_MAX, #name);
#include "proto/msg.def"
#undef MSG

static const struct row *
row_of(unsigned id)
{
	return id < MSG_ID_MAX && rows[id].name != NULL ? &rows[id] : NULL;
}

const char *
msg_name(unsigned id)
{
	const struct row *r = row_of(id);

	return r == NULL ? "?" : r->name;
}

int
chan_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds);
}

void
msg_init(struct msg *m, enum msg_id id)
{
	const struct row *r = row_of(id);

	memset(m, 0, sizeof(*m));
	m->head.id = (uint16_t)id;
	m->head.version = PROTO_VERSION;
	m->head.size = r == NULL ? 0 : r->size;
	for (int i = 0; i < PROTO_FDS_MAX; i++)
		m->fds[i] = -1;
}

void
msg_close_fds(struct msg *m)
{
	for (int i = 0; i < PROTO_FDS_MAX; i++) {
		if (m->fds[i] != -1)
			close(m->fds[i]);
		m->fds[i] = -1;
	}
	m->nfds = 0;
}

int
chan_send(const struct chan *c, const struct msg *m)
{
	const struct row *r = row_of(m->head.id);
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * PROTO_FDS_MAX)];
	} ctl;
	struct iovec iov[2];
	struct msghdr h = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *cm;
	ssize_t n;

	if (c->fd == -1) {
		errno = EPIPE;
		return -1;
	}
	if (r == NULL || r->from != c->self || r->to != c->peer ||
	    m->head.size != r->size || m->nfds != r->nfds) {
		errno = EINVAL;
		return -1;
	}
	iov[0] = (struct iovec){ (void *)(uintptr_t)&m->head, sizeof(m->head) };
	iov[1] = (struct iovec){ (void *)(uintptr_t)&m->u, r->size };
	if (m->nfds > 0) {
		size_t bytes = sizeof(int) * (size_t)m->nfds;

		memset(&ctl, 0, sizeof(ctl));
		h.msg_control = ctl.bytes;
		h.msg_controllen = CMSG_SPACE(bytes);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(cm), m->fds, bytes);
	}
	do {
		n = sendmsg(c->fd, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n != -1)
		return 1;
	if (errno == EAGAIN || errno == ETOOMANYREFS || errno == ENOBUFS ||
	    errno == ENOMEM)
		return 0;
	return -1;
}

/* Take all descriptors out of the control data.  How many there were; those beyond
 * PROTO_FDS_MAX are closed. */
static int
take_fds(struct msghdr *h, struct msg *m)
{
	int n = 0;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm != NULL; cm = CMSG_NXTHDR(h, cm)) {
		size_t bytes;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		bytes = cm->cmsg_len - CMSG_LEN(0);
		for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + at, sizeof(fd));
			if (n < PROTO_FDS_MAX)
				m->fds[n] = fd;
			else
				close(fd);
			n++;
		}
	}
	m->nfds = n < PROTO_FDS_MAX ? n : PROTO_FDS_MAX;
	return n;
}

/* 0 or the errno of chan_recv. */
static int
check(const struct chan *c, const struct msg *m, size_t bytes, int nfds, int flags)
{
	const struct row *r;

	if (bytes < sizeof(m->head) || (flags & MSG_TRUNC) != 0)
		return EPROTO;
	r = row_of(m->head.id);
	if (r == NULL || r->from != c->peer || r->to != c->self ||
	    m->head.size != r->size || bytes != sizeof(m->head) + r->size)
		return EPROTO;
	/* There was room for more than are allowed: cut off with fewer, they did not fit
	 * into our own table of descriptors. */
	if ((flags & MSG_CTRUNC) != 0)
		return nfds < r->nfds ? EMFILE : EPROTO;
	return nfds == r->nfds ? 0 : EPROTO;
}

int
chan_recv(const struct chan *c, struct msg *m)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * RECV_FDS)];
	} ctl;
	struct iovec iov[2];
	struct msghdr h = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;
	int nfds, err;

	if (c->fd == -1) {
		errno = ECONNRESET;
		return -1;
	}
	memset(m, 0, sizeof(*m));
	m->fds[0] = m->fds[1] = -1;
	static_assert(PROTO_FDS_MAX == 2, "the line above");
	memset(&ctl, 0, sizeof(ctl));
	h.msg_control = ctl.bytes;
	h.msg_controllen = sizeof(ctl.bytes);
	iov[0] = (struct iovec){ &m->head, sizeof(m->head) };
	iov[1] = (struct iovec){ &m->u, sizeof(m->u) };
	/* A peer that closed before it had read everything leaves one ECONNRESET behind,
	 * which the kernel reports before the messages that it sent: those come first. */
	for (int resets = 0;;) {
		n = recvmsg(c->fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n != -1 || (errno != EINTR && (errno != ECONNRESET || resets++ > 0)))
			break;
	}
	if (n == -1)
		return errno == EAGAIN ? 0 : -1;
	nfds = take_fds(&h, m);
	/* A packet without bytes is the end too: none of ours is empty. */
	if (n == 0) {
		msg_close_fds(m);
		errno = ECONNRESET;
		return -1;
	}
	err = check(c, m, (size_t)n, nfds, h.msg_flags);
	if (err != 0) {
		msg_close_fds(m);
		errno = err;
		return -1;
	}
	return 1;
}
