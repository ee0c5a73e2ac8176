#include "init/pty.h"

#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init/complain.h"
#include "init/core.h"
#include "init/pulse.h"

enum { ROWS_SHIFT = 16, COLS_MASK = 0xffff };

static uint32_t count;

static bool
is_pty_of(const struct table_slot *s, int fd)
{
	unsigned n;

	return ioctl(fd, TIOCGPTN, &n) == 0 && n == s->pts;
}

static int
open_master(void)
{
	static const int flags = O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
	int fd = open("/dev/ptmx", flags);

	/* A container may have only the second. */
	return fd == -1 && errno == ENOENT ? open("/dev/pts/ptmx", flags) : fd;
}

int
pty_make(struct table_slot *s)
{
	struct winsize size = { .ws_row = (unsigned short)(s->terminal >> ROWS_SHIFT),
		.ws_col = (unsigned short)(s->terminal & COLS_MASK) };
	int fd = open_master(), unlock = 0, saved;
	unsigned n;

	if (fd == -1)
		return -1;
	if (ioctl(fd, TIOCSPTLCK, &unlock) == -1 || ioctl(fd, TIOCGPTN, &n) == -1 ||
	    ioctl(fd, TIOCSWINSZ, &size) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	s->pts = n;
	s->fd_master = fd;
	keep_over_exec(fd);
	pulse_watch(ROLE_TERMINAL, fd);
	count++;
	return 0;
}

void
pty_unmake(struct table_slot *s)
{
	if (s->fd_master == -1)
		return;
	pulse_unwatch(ROLE_TERMINAL, s->fd_master);
	close(s->fd_master);
	s->fd_master = -1;
	count--;
}

int
pty_open_slave(const struct table_slot *s)
{
	static const int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
	char path[32], *p = path;
	int fd = ioctl(s->fd_master, TIOCGPTPEER, flags);

	if (fd != -1)
		return fd;
	put_text(&p, path + sizeof(path), "/dev/pts/");
	put_number(&p, path + sizeof(path), s->pts);
	return open(path, flags);
}

/* From the main process, which has it under a number that it noted.  -1 with errno. */
static int
take_from_main(const struct table_slot *s)
{
	int pid_fd = s->proc[PROC_MAIN].pidfd, opened = -1, fd;

	if (s->proc[PROC_MAIN].state != TPROC_RUNNING || s->master_at <= 2) {
		errno = ESRCH;
		return -1;
	}
	if (pid_fd == -1)
		pid_fd = opened = (int)syscall(SYS_pidfd_open, s->proc[PROC_MAIN].pid, 0);
	fd = (int)syscall(SYS_pidfd_getfd, pid_fd, s->master_at, 0);
	if (opened != -1)
		close(opened);
	if (fd != -1 && !is_pty_of(s, fd)) {
		/* The process closed it, and the number is another's now. */
		close(fd);
		fd = -1;
		errno = EBADF;
	}
	return fd;
}

void
pty_recover(struct table_slot *s)
{
	if (s->terminal == 0)
		return;
	if (!fd_is_open(s->fd_master) || !is_pty_of(s, s->fd_master))
		s->fd_master = take_from_main(s);
	if (s->fd_master == -1) {
		if (!s->term_done)
			init_complain("the terminal is lost of", s->unit, errno);
		return;
	}
	keep_over_exec(s->fd_master); /* (a second time does no harm) */
	pulse_watch(ROLE_TERMINAL, s->fd_master);
	count++;
}

bool
pty_is_any(void)
{
	return count > 0;
}
