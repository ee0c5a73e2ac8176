/*
 * watch: see the header.
 */
#include "journal/watch.h"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/xalloc.h"

struct watch {
	int epoll, inotify;
	int timer; /* -1: everything is watched */
};

static int
add(struct watch *w, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev);
}

struct watch *
watch_new(void)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->timer = -1;
	w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll != -1 && (w->inotify == -1 || add(w, w->inotify) == 0))
		return w;
	watch_free(w);
	return NULL;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	fd_close(&w->timer);
	fd_close(&w->inotify);
	fd_close(&w->epoll);
	free(w);
}

static void
poll_instead(struct watch *w)
{
	struct itimerspec half = { { 0, 500000000 }, { 0, 500000000 } };

	if (w->timer != -1)
		return;
	w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (w->timer == -1)
		return;
	if (timerfd_settime(w->timer, 0, &half, NULL) == -1 || add(w, w->timer) == -1)
		fd_close(&w->timer);
}

static void
watch_open(struct watch *w, int fd, uint32_t mask)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (w->inotify == -1 || inotify_add_watch(w->inotify, path, mask) == -1)
		poll_instead(w);
}

bool
watch_dir(struct watch *w, int root_fd, const char *path)
{
	int fd = open_dir_at(root_fd, path);

	if (fd == -1)
		return false;
	watch_open(
	    w, fd, IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
	fd_close(&fd);
	return true;
}

void
watch_file(struct watch *w, int fd)
{
	watch_open(w, fd, IN_MODIFY);
}

bool
watch_drain(struct watch *w)
{
	char waste[4096] __attribute__((aligned(8)));
	bool any = false;
	uint64_t ticks;

	while (w->inotify != -1 && read(w->inotify, waste, sizeof(waste)) > 0)
		any = true;
	if (w->timer != -1 && read(w->timer, &ticks, sizeof(ticks)) > 0)
		any = true;
	return any;
}

int
watch_fd(const struct watch *w)
{
	return w->epoll;
}
