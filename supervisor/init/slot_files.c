/*
 * Log pipes and the notify socket lie in run/ under the number of the slot; the cgroup
 * has a name of its own for each invocation.
 */
#include "init/slot_files.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init/cgroup.h"
#include "init/complain.h"
#include "init/core.h"
#include "init/pty.h"
#include "init/pulse.h"
#include "init/slot.h"

enum { CGROUP_TRIES = 10 };

static void
slot_path(char *buf, size_t size, const char *before, uint32_t slot, const char *after)
{
	char *p = buf;

	put_text(&p, buf + size, before);
	put_number(&p, buf + size, slot);
	put_text(&p, buf + size, after);
}

static bool
is_other_user(const struct table_slot *s)
{
	return s->uid >= 0 && (uid_t)s->uid != geteuid();
}

/* The read end of a log pipe; errno on -1. */
static int
make_fifo(struct table_slot *s, uint32_t slot, int stream)
{
	char path[64];
	struct stat st;
	int fd;

	slot_path(path, sizeof(path), "fifo/", slot, stream == 0 ? ".out" : ".err");
	/* One that is left over belongs to nobody: the slot was free. */
	if (mkfifoat(tab->fd[FD_RUN], path, 0600) == -1 &&
	    (errno != EEXIST || unlinkat(tab->fd[FD_RUN], path, 0) == -1 ||
		mkfifoat(tab->fd[FD_RUN], path, 0600) == -1))
		return -1;
	if (is_other_user(s) && fchownat(tab->fd[FD_RUN], path, (uid_t)s->uid,
				    (gid_t)s->gid, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	fd =
	    openat(tab->fd[FD_RUN], path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 || fstat(fd, &st) == -1)
		return fd == -1 ? -1 : (close(fd), -1);
	keep_over_exec(fd);
	s->fifo_dev = st.st_dev;
	s->fifo_ino[stream] = st.st_ino;
	return fd;
}

static int
make_notify(uint32_t slot)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	char *p = sa.sun_path;
	const char *end = sa.sun_path + sizeof(sa.sun_path);
	char path[64];
	int fd, on = 1, saved;

	slot_path(path, sizeof(path), "n/", slot, "");
	if (strlen(tab->run) + 1 + strlen(path) >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	put_text(&p, end, tab->run);
	put_text(&p, end, "/");
	put_text(&p, end, path);
	(void)unlinkat(tab->fd[FD_RUN], path, 0);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	/* Writable by all: a service may have changed its user before it is ready.  Who
	 * is heard is decided by the credentials that come with each message. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	    fchmodat(tab->fd[FD_RUN], path, 0666, 0) == 0) {
		keep_over_exec(fd);
		return fd;
	}
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Those that only the sets of pulse.c know, or none. */
static void
close_fd(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static void
open_cgroup(struct table_slot *s, uint32_t slot)
{
	char name[NAME_MAX + 1];

	table_cgroup_name(s, slot, name);
	s->fd_cgroup = openat(
	    tab->fd[FD_CGROUP], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd_cgroup == -1)
		s->has_cgroup = CGROUP_NONE;
	else if (s->has_cgroup == CGROUP_NONE)
		s->has_cgroup = CGROUP_FRESH;
	keep_over_exec(s->fd_cgroup);
}

/* A folder of its own for each invocation.  Where that fails the slot goes on without:
 * SLOT says so, and containment is best effort. */
static void
make_cgroup(struct table_slot *s, uint32_t slot)
{
	char name[NAME_MAX + 1];
	int dir = tab->fd[FD_CGROUP];

	if (dir == -1)
		return;
	for (s->cgroup_gen = 0; s->cgroup_gen < CGROUP_TRIES; s->cgroup_gen++) {
		table_cgroup_name(s, slot, name);
		if (mkdirat(dir, name, 0755) == 0)
			break;
		/* Left behind by one that could not be ended; gone by now, perhaps. */
		if (errno == EEXIST && cgroup_remove(dir, name) == 0 &&
		    mkdirat(dir, name, 0755) == 0)
			break;
		if (errno != EEXIST && errno != EBUSY) {
			init_complain("cannot make a cgroup for", s->unit, errno);
			return;
		}
	}
	if (s->cgroup_gen < CGROUP_TRIES)
		open_cgroup(s, slot);
}

void
slot_give_up_cgroup(struct table_slot *s, uint32_t slot)
{
	char name[NAME_MAX + 1];

	s->has_cgroup = CGROUP_NONE;
	s->told &= ~(uint32_t)(TOLD_SLOT | TOLD_CGROUP); /* say again what it has */
	watch_close(&s->fd_events);
	close_fd(&s->fd_cgroup);
	table_cgroup_name(s, slot, name);
	(void)cgroup_remove(tab->fd[FD_CGROUP], name);
}

static void
watch(struct table_slot *s)
{
	pulse_watch(ROLE_LOGGER, s->fd_out);
	pulse_watch(ROLE_LOGGER, s->fd_err);
	pulse_watch(ROLE_MANAGER, s->fd_notify);
}

int
slot_make_files(struct table_slot *s, uint32_t slot)
{
	s->fd_out = make_fifo(s, slot, 0);
	if (s->fd_out == -1)
		return -1;
	s->fd_err = make_fifo(s, slot, 1);
	if (s->fd_err == -1)
		return -1;
	if (s->want_notify) {
		s->fd_notify = make_notify(slot);
		if (s->fd_notify == -1)
			return -1;
	}
	if (s->terminal != 0 && pty_make(s) == -1)
		return -1;
	if (s->want_cgroup)
		make_cgroup(s, slot);
	watch(s);
	return 0;
}

void
slot_unmake_files(struct table_slot *s, uint32_t slot)
{
	char path[64], name[NAME_MAX + 1];

	pulse_unwatch(ROLE_LOGGER, s->fd_out);
	pulse_unwatch(ROLE_LOGGER, s->fd_err);
	pulse_unwatch(ROLE_MANAGER, s->fd_notify);
	close_fd(&s->fd_out);
	close_fd(&s->fd_err);
	close_fd(&s->fd_notify);
	pty_unmake(s);
	watch_close(&s->fd_events);
	slot_path(path, sizeof(path), "fifo/", slot, ".out");
	(void)unlinkat(tab->fd[FD_RUN], path, 0);
	slot_path(path, sizeof(path), "fifo/", slot, ".err");
	(void)unlinkat(tab->fd[FD_RUN], path, 0);
	if (s->want_notify) {
		slot_path(path, sizeof(path), "fifo/", slot, ".rdy");
		(void)unlinkat(tab->fd[FD_RUN], path, 0);
		slot_path(path, sizeof(path), "n/", slot, "");
		(void)unlinkat(tab->fd[FD_RUN], path, 0);
	}
	/* The terminal removes it when it is done, but may have died before that. */
	if (s->terminal != 0) {
		slot_path(path, sizeof(path), "term/", slot, "");
		(void)unlinkat(tab->fd[FD_RUN], path, 0);
		slot_path(path, sizeof(path), "term/", slot, ".cast");
		(void)unlinkat(tab->fd[FD_RUN], path, 0);
	}
	/* Also one that was made and not yet noted when init died. */
	if (s->want_cgroup && tab->fd[FD_CGROUP] != -1) {
		close_fd(&s->fd_cgroup);
		table_cgroup_name(s, slot, name);
		/* Busy when something survived KILL: the next one takes another name. */
		(void)cgroup_remove(tab->fd[FD_CGROUP], name);
	}
	for (int k = 0; k < PROC_N; k++) {
		watch_close(&s->proc[k].pidfd);
		watch_close(&s->proc[k].report_fd);
	}
}

/* The pipe that the processes of the slot have, and no other. */
static bool
is_fifo_of(const struct table_slot *s, int stream, int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_dev == s->fifo_dev &&
	       st.st_ino == s->fifo_ino[stream];
}

/* The log pipe, again by its path, when its descriptor did not come along. */
static void
recover_fifo(struct table_slot *s, uint32_t slot, int stream)
{
	int *fd = stream == 0 ? &s->fd_out : &s->fd_err;
	char path[64];

	if (fd_is_open(*fd) && is_fifo_of(s, stream, *fd))
		return;
	slot_path(path, sizeof(path), "fifo/", slot, stream == 0 ? ".out" : ".err");
	*fd =
	    openat(tab->fd[FD_RUN], path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (*fd != -1 && !is_fifo_of(s, stream, *fd))
		close_fd(fd);
	if (*fd == -1)
		*fd = make_fifo(s, slot, stream);
	if (*fd == -1)
		init_complain("a log pipe is lost of", s->unit, errno);
	keep_over_exec(*fd); /* (a second time does no harm) */
}

void
slot_recover_files(struct table_slot *s, uint32_t slot)
{
	recover_fifo(s, slot, 0);
	recover_fifo(s, slot, 1);
	if (!fd_is_open(s->fd_notify))
		s->fd_notify = s->want_notify ? make_notify(slot) : -1;
	if (s->has_cgroup && !fd_is_open(s->fd_cgroup))
		open_cgroup(s, slot);
	watch(s);
}
