/*
 * mirror: see the header.
 *
 * stdout is shared with whoever started supd, so it must not be made non-blocking: it is
 * opened again, unless it is a plain file.  Where that cannot be (a socket, no /proc, a
 * pipe of another user), it is sent to with MSG_DONTWAIT or written to in pieces for
 * which there is room.
 */
#include "logger/mirror.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "logger/state.h"

enum {
	PENDING_MAX = 256 * 1024,
	/* At the end; together less than what init grants the logger. */
	STALL_MS = 2000, /* without a byte that goes out */
	FINISH_MS = 4000,
};

struct mirror {
	struct logger *lg;
	int fd; /* owned; -1: stdout itself */
	bool is_socket;
	bool broken;    /* nobody reads any more */
	struct buf out; /* from a line's start, except after a partial write */
	unsigned long long dropped;
	struct loop_io *io; /* NULL: a plain file, always writable */
};

static ssize_t
put(struct mirror *m, const char *p, size_t n)
{
	struct pollfd pfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (m->fd != -1)
		return write(m->fd, p, n);
	if (m->is_socket)
		return send(STDOUT_FILENO, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* A pipe or terminal that is writable takes so much without waiting, unless
	 * somebody else writes to it in the same instant. */
	if (poll(&pfd, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	return write(STDOUT_FILENO, p, n < PIPE_BUF ? n : PIPE_BUF);
}

static void
drain(struct mirror *m)
{
	while (m->out.len > 0 && !m->broken) {
		ssize_t r = put(m, m->out.data, m->out.len);

		if (r > 0) {
			buf_consume(&m->out, (size_t)r);
			if (m->out.len == 0 && m->dropped > 0) {
				buf_addf(&m->out, "supd: %llu lines not shown here\n",
				    m->dropped);
				m->dropped = 0;
			}
		} else if (r == -1 && errno == EINTR) {
			continue;
		} else if (r == -1 && errno == EAGAIN) {
			break;
		} else {
			m->broken = true;
		}
	}
	if (m->io != NULL)
		loop_io_set(m->io, m->out.len > 0 && !m->broken ? LOOP_WRITE : 0);
}

static void
on_writable(struct loop_io *io, int events, void *arg)
{
	(void)io;
	(void)events;
	drain(arg);
}

static unsigned long long
count_lines(const char *p, size_t n)
{
	unsigned long long lines = 0;
	const char *end;

	for (; (end = memchr(p, '\n', n)) != NULL;
	     n -= (size_t)(end + 1 - p), p = end + 1)
		lines++;
	return lines;
}

void
mirror_add(struct logger *lg, const char *p, size_t n)
{
	struct mirror *m = lg->mirror;

	if (m == NULL || m->broken)
		return;
	if (m->out.len + n > PENDING_MAX && m->out.len > 0)
		drain(m);
	if (m->out.len > PENDING_MAX) {
		m->dropped += count_lines(p, n);
		return;
	}
	buf_append(&m->out, p, n);
	drain(m);
}

void
mirror_finish(struct logger *lg)
{
	struct mirror *m = lg->mirror;
	struct pollfd pfd = { .events = POLLOUT };
	uint64_t now, end;

	if (m == NULL)
		return;
	pfd.fd = m->fd == -1 ? STDOUT_FILENO : m->fd;
	now = clock_mono_us();
	end = now + FINISH_MS * USEC_PER_MSEC;
	drain(m);
	while (m->out.len > 0 && !m->broken && now < end) {
		int r = poll(&pfd, 1, STALL_MS);

		if (r == 0 || (r == -1 && errno != EINTR))
			break;
		drain(m);
		now = clock_mono_us();
	}
}

void
mirror_set(struct logger *lg)
{
	struct mirror *m;
	struct stat st;

	if (lg->t->log_settings.mirror == 0) {
		mirror_free(lg);
		return;
	}
	if (lg->mirror != NULL)
		return;
	m = xcalloc(1, sizeof(*m));
	m->lg = lg;
	memset(&st, 0, sizeof(st));
	(void)fstat(STDOUT_FILENO, &st);
	/* A file never lets wait, and its place in it is shared with supd's own messages:
	 * opened again, each would write over the other. */
	m->fd = S_ISREG(st.st_mode)
		    ? -1
		    : open("/proc/self/fd/1",
			  O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	m->is_socket = S_ISSOCK(st.st_mode);
	m->io = loop_io_new(
	    lg->loop, "mirror", m->fd == -1 ? STDOUT_FILENO : m->fd, 0, on_writable, m);
	lg->mirror = m;
}

void
mirror_free(struct logger *lg)
{
	struct mirror *m = lg->mirror;

	if (m == NULL)
		return;
	loop_io_free(m->io);
	fd_close(&m->fd);
	buf_free(&m->out);
	free(m);
	lg->mirror = NULL;
}
