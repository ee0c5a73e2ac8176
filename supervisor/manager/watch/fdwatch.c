#include "manager/watch/fdwatch.h"

#include <sys/epoll.h>

#include <stdlib.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"

enum { EVENTS_MAX = 16 };

struct fdwatch {
	struct manager *m;
	int epoll;
	struct loop_io *io;
	struct msg_stored *v[STORED_MAX]; /* by init's number less one; NULL: none */
	int fd[STORED_MAX];
};

static void
hung_up(struct fdwatch *w, uint32_t i)
{
	const struct msg_stored *s = w->v[i];
	struct unit *u = unit_find(w->m, s->unit);
	struct emitter *ev = w->m->events;

	event_begin(ev, EVENT_FD_DROPPED, s->unit, NULL);
	event_str(ev, "name", s->fdname);
	event_str(ev, "why", "its other end hung up (FDPOLL=0 keeps such)");
	event_end(ev);
	link_fd_drop(w->m->link, s->id, s->unit, s->fdname);
	/* No start names it from now on. */
	if (u != NULL && u->svc != NULL)
		svc_on_unstored(u->svc, s->id);
	fdwatch_drop(w->m, i + 1);
}

static void
on_hang_up(struct loop_io *io, int events, void *arg)
{
	struct epoll_event got[EVENTS_MAX];
	struct fdwatch *w = arg;
	int n;

	(void)io;
	(void)events;
	n = epoll_wait(w->epoll, got, EVENTS_MAX, 0);
	for (int i = 0; i < n; i++)
		if (w->v[got[i].data.u32] != NULL)
			hung_up(w, got[i].data.u32);
}

static struct fdwatch *
fdwatch_of(struct manager *m)
{
	struct fdwatch *w = m->fdwatch;
	int fd;

	if (w != NULL)
		return w;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd == -1) {
		log_warn("kept descriptors are not watched");
		return NULL;
	}
	w = m->fdwatch = xcalloc(1, sizeof(*w));
	w->m = m;
	w->epoll = fd;
	w->io = loop_io_new(m->loop, "fdwatch", fd, LOOP_READ, on_hang_up, w);
	return w;
}

void
fdwatch_take_fd(struct manager *m, const struct msg_stored *msg, int fd)
{
	struct epoll_event want = { .events = 0, .data = { .u32 = msg->id - 1 } };
	struct fdwatch *w = NULL;

	if (msg->poll && fd != -1 && msg->id > 0 && msg->id <= STORED_MAX)
		w = fdwatch_of(m);
	if (w != NULL)
		fdwatch_drop(m, msg->id);
	/* A file of a disk cannot be watched, and never hangs up. */
	if (w == NULL || epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &want) == -1) {
		fd_close(&fd);
		return;
	}
	w->v[msg->id - 1] = xmemdup(msg, sizeof(*msg));
	w->fd[msg->id - 1] = fd;
}

void
fdwatch_drop(struct manager *m, uint32_t id)
{
	struct fdwatch *w = m->fdwatch;

	if (w == NULL || id == 0 || id > STORED_MAX || w->v[id - 1] == NULL)
		return;
	/* init has the same file open: closing our copy alone would leave it watched. */
	(void)epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->fd[id - 1], NULL);
	close(w->fd[id - 1]);
	free(w->v[id - 1]);
	w->v[id - 1] = NULL;
}
