#include "boot/revive.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "proto/table.h"

enum { PATH_SMALL = 64 };

bool
revive_has_slots(struct table *t)
{
	for (uint32_t i = 0; i < t->nslots; i++) {
		if (table_slot(t, i)->state != SLOT_FREE)
			return true;
	}
	return false;
}

/* Field 22 of /proc/PID/stat: the second one may hold anything, so count from the last
 * parenthesis. */
static uint64_t
start_ticks_of(pid_t pid)
{
	char path[PATH_SMALL];
	struct buf b = { 0 };
	uint64_t ticks = 0;
	const char *p;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read_at(AT_FDCWD, path, 4096, &b) == 0) {
		p = strrchr(buf_str(&b), ')');
		for (int field = 2; p != NULL && field < 22; field++)
			p = strchr(p + 1, ' ');
		if (p != NULL)
			ticks = strtoull(p + 1, NULL, 10);
	}
	buf_free(&b);
	return ticks;
}

/* A pidfd of exactly that process, or -1. */
static int
find_process(const struct table_proc *p)
{
	int fd;

	if (p->pid <= 0)
		return -1;
	fd = pidfd_open_(p->pid);
	/* Compared after the pidfd is held: from here on it cannot be another one. */
	if (fd != -1 && start_ticks_of(p->pid) != p->start_ticks)
		fd_close(&fd);
	return fd;
}

static void
revive_proc(struct table_proc *p)
{
	p->pidfd = p->report_fd = -1;
	p->told_started = p->told_exit = 0;
	p->is_child = 0;
	if (p->state == TPROC_NONE || p->state == TPROC_EXITED)
		return;
	/* Forked and not claimed: if the child is still on its way, it ends there. */
	if (table_proc_give_up(p))
		p->pid = 0;
	p->pidfd = find_process(p);
	if (p->pidfd != -1) {
		/* Its report pipe is gone; what did not exec has ended long since. */
		p->state = TPROC_RUNNING;
		p->execed = 1;
		return;
	}
	p->state = TPROC_EXITED;
	p->how = EXIT_UNKNOWN;
	p->status = 0;
	p->phase = 0;
	p->err = 0;
	p->exit_mono_us = clock_mono_us();
	p->exit_wall_us = clock_wall_us();
	p->cpu_us = p->maxrss_kib = 0;
}

/* The log pipe of before, or a new one in its place when somebody removed it. */
static int
open_fifo(int run_fd, struct table_slot *s, uint32_t slot, int stream)
{
	static const char *const ext[] = { "out", "err" };
	char path[PATH_SMALL];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "fifo/%u.%s", slot, ext[stream]);
	fd = open_at(run_fd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd != -1 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	    st.st_ino == s->fifo_ino[stream] && st.st_dev == s->fifo_dev)
		return fd;
	fd_close(&fd);
	log_warnx("%s: the pipe of its %s is gone: what it writes there is lost", s->unit,
	    stream == 0 ? "stdout" : "stderr");
	(void)unlinkat(run_fd, path, 0);
	if (mkfifoat(run_fd, path, 0600) == -1)
		return -1;
	fd = open_at(run_fd, path, O_RDONLY | O_NONBLOCK, 0);
	if (fd != -1 && fstat(fd, &st) == 0) {
		s->fifo_dev = st.st_dev;
		s->fifo_ino[stream] = st.st_ino;
	}
	return fd;
}

static int
bind_notify(int run_fd, const char *run_path, const struct table_slot *s, uint32_t slot)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char path[PATH_SMALL];
	int fd, on = 1, n;

	snprintf(path, sizeof(path), "n/%u", slot);
	n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", run_path, path);
	if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
		return -1;
	(void)unlinkat(run_fd, path, 0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		close(fd);
		return -1;
	}
	/* As init makes it: who is heard is decided by credentials. */
	if (fchmodat(run_fd, path, 0666, 0) == -1)
		log_warn("%s: the rights of its notify socket", s->unit);
	return fd;
}

static void
revive_slot(struct table *t, uint32_t i, int run_fd, const char *run_path)
{
	struct table_slot *s = table_slot(t, i);

	s->unit[sizeof(s->unit) - 1] = '\0';
	s->told = s->told_logger = s->told_empty = 0;
	s->fd_out = s->fd_err = s->fd_notify = s->fd_cgroup = s->fd_events = -1;
	for (int k = 0; k < PROC_N; k++)
		revive_proc(&s->proc[k]);
	s->fd_out = open_fifo(run_fd, s, i, 0);
	s->fd_err = open_fifo(run_fd, s, i, 1);
	if (s->want_notify) {
		s->fd_notify = bind_notify(run_fd, run_path, s, i);
		if (s->fd_notify == -1)
			log_warn("%s: its notify socket", s->unit);
	}
}

void
revive_slots(struct table *t, int run_fd, const char *run_path, int cgroup_fd)
{
	(void)cgroup_fd;
	for (uint32_t i = 0; i < t->nslots; i++) {
		struct table_slot *s = table_slot(t, i);

		if (s->state == SLOT_OPENING) {
			/* Marked and not made: no process can be in it. */
			s->state = SLOT_FREE;
		}
		if (s->state != SLOT_FREE)
			revive_slot(t, i, run_fd, run_path);
	}
	/* Descriptors that were kept for services died with who kept them. */
	for (int i = 0; i < STORED_MAX; i++) {
		t->stored[i].used = 0;
		t->stored[i].fd = -1;
	}
	for (int i = 0; i < ROLE_N; i++) {
		memset(&t->role[i], 0, sizeof(t->role[i]));
		t->role[i].chan_fd = -1;
	}
	/* The end that the dead one had begun is not ours. */
	t->halting = 0;
	memset(t->signal, 0, sizeof(t->signal));
	for (int i = 0; i < FD_N; i++)
		t->fd[i] = -1;
	t->revived = 1;
}

void
revive_each_fd(struct table *t, void (*fn)(int *fd))
{
	for (uint32_t i = 0; i < t->nslots; i++) {
		struct table_slot *s = table_slot(t, i);

		if (s->state == SLOT_FREE)
			continue;
		fn(&s->fd_out);
		fn(&s->fd_err);
		fn(&s->fd_notify);
		fn(&s->fd_cgroup);
		fn(&s->fd_events);
		for (int k = 0; k < PROC_N; k++)
			fn(&s->proc[k].pidfd);
	}
}
