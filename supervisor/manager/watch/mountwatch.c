#include "manager/watch/mountwatch.h"

#include <sys/epoll.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/start.h"

/* From the end of one look to the next. */
#define REST_US (2 * USEC_PER_SEC)
/* From a change to the look: longer than an older list of mounts, or an answer of what
 * was mounted there before, counts (lib/mounts.h, reach.h).  Else a mount that does not
 * answer is touched before it is known to be there. */
#define DELAY_US (1500 * USEC_PER_MSEC)

struct mountwatch {
	struct manager *m;
	int list_fd;
	int fd;       /* of epoll, on that list; always in the loop */
	int check_fd; /* the list once more, until the loop waits; else -1 */
	struct loop_io *io;
	struct loop_timer *timer;
	uint64_t rested_us; /* not before this */
};

static void
look_soon(struct mountwatch *w)
{
	uint64_t at = clock_add_us(clock_mono_us(), DELAY_US);

	if (!loop_timer_is_armed(w->timer))
		loop_timer_at(w->timer, at > w->rested_us ? at : w->rested_us);
}

static void
on_event(struct loop_io *io, int events, void *arg)
{
	struct mountwatch *w = arg;
	struct epoll_event e;

	(void)io;
	(void)events;
	(void)epoll_wait(w->fd, &e, 1, 0);
	look_soon(w);
}

/* The kernel tells each descriptor once of a change, and whoever asks is the one who is
 * told: when the loop begins to watch ours it asks for nobody.  (So it never pauses.) */
static void
check_begin(struct mountwatch *w)
{
	struct pollfd p = { .fd = w->check_fd, .events = POLLPRI };

	if (poll(&p, 1, 0) == 1)
		look_soon(w);
	fd_close(&w->check_fd);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct mountwatch *w = arg;

	(void)t;
	if (w->check_fd != -1) {
		check_begin(w);
		return;
	}
	start_look_again(w->m);
	w->rested_us = clock_add_us(clock_mono_us(), REST_US);
}

/* The list can always be read, so the loop cannot wait for it; epoll can, for what is
 * urgent about it, and be waited for in turn. */
static int
open_all(struct mountwatch *w)
{
	struct epoll_event e = { .events = EPOLLPRI };

	w->list_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	w->check_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	w->fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->list_fd == -1 || w->check_fd == -1 || w->fd == -1)
		return -1;
	return epoll_ctl(w->fd, EPOLL_CTL_ADD, w->list_fd, &e);
}

void
mountwatch_begin(struct manager *m)
{
	struct mountwatch *w = xcalloc(1, sizeof(*w));

	w->m = m;
	w->list_fd = w->check_fd = w->fd = -1;
	if (open_all(w) == -1) {
		log_warn("the list of mounts: what is mounted over watched files is seen "
			 "with the next command only");
		fd_close(&w->list_fd);
		fd_close(&w->check_fd);
		fd_close(&w->fd);
		free(w);
		return;
	}
	w->io = loop_io_new(m->loop, "mounts", w->fd, LOOP_READ, on_event, w);
	w->timer = loop_timer_new(m->loop, "mounts", on_timer, w);
	/* Behind the wait that makes it watched. */
	loop_timer_in(w->timer, 0);
}
