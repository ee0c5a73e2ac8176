#include "init/child_tty.h"

#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "init/child_int.h"
#include "proto/spec.h"

enum { TTY_MODE = 0620 };

/* A terminal that is no line to anybody must not make the open wait. */
static int
open_tty(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return -1;
	if (fcntl(fd, F_SETFL, 0) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The modes of a terminal that nobody has changed. */
static int
reset_modes(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) == -1)
		return -1;
	t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | ISTRIP | INLCR | IGNCR | IUCLC);
	t.c_iflag |= ICRNL | IMAXBEL | IUTF8;
	t.c_oflag |= ONLCR | OPOST;
	t.c_cflag |= CREAD;
	t.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
	t.c_cc[VINTR] = 3;
	t.c_cc[VQUIT] = 28;
	t.c_cc[VERASE] = 127;
	t.c_cc[VKILL] = 21;
	t.c_cc[VEOF] = 4;
	t.c_cc[VSTART] = 17;
	t.c_cc[VSTOP] = 19;
	t.c_cc[VSUSP] = 26;
	t.c_cc[VLNEXT] = 22;
	t.c_cc[VWERASE] = 23;
	t.c_cc[VREPRINT] = 18;
	t.c_cc[VEOL] = t.c_cc[VEOL2] = 0;
	t.c_cc[VTIME] = 0;
	t.c_cc[VMIN] = 1;
	return tcsetattr(fd, TCSANOW, &t);
}

static int
set_size(int fd, uint32_t size)
{
	struct winsize w;

	if (size == 0)
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &w) == -1)
		return -1;
	if (size >> 16 != 0)
		w.ws_row = (unsigned short)(size >> 16);
	if ((size & 0xffff) != 0)
		w.ws_col = (unsigned short)size;
	return ioctl(fd, TIOCSWINSZ, &w);
}

/* As it is to be when the process gets it. */
static int
prepare(struct child *c, const char *path)
{
	uint32_t flags = spec_u32(&c->spec, SPEC_TTY_FLAGS, 0);
	int fd = open_tty(path), r = 0, saved;

	if (fd == -1)
		return -1;
	if ((flags & SPEC_TTY_HANGUP) != 0) {
		/* This descriptor is cut off as well. */
		if (ioctl(fd, TIOCVHANGUP) == -1)
			r = -1;
		saved = errno;
		close(fd);
		errno = saved;
		fd = r == 0 ? open_tty(path) : -1;
		if (fd == -1)
			return -1;
	}
	if ((flags & SPEC_TTY_RESET) != 0)
		r = reset_modes(fd);
	if (r == 0)
		r = set_size(fd, spec_u32(&c->spec, SPEC_TTY_SIZE, 0));
	if (r == 0 && c->changes_id &&
	    (fchown(fd, c->uid, (gid_t)-1) == -1 || fchmod(fd, TTY_MODE) == -1))
		r = -1;
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

/* Until somebody closes it: then it may be free. */
static int
wait_for_close(const char *path, int *watch)
{
	char events[512];

	if (*watch == -1) {
		*watch = (int)syscall(SYS_inotify_init1, IN_CLOEXEC);
		if (*watch == -1 ||
		    syscall(SYS_inotify_add_watch, *watch, path, IN_CLOSE) == -1)
			return -1;
		return 0; /* It may have been closed before: look again. */
	}
	return read(*watch, events, sizeof(events)) > 0 || errno == EINTR ? 0 : -1;
}

int
child_tty_open(struct child *c, const char *path, uint32_t wait)
{
	int fd, watch = -1, saved;

	if (prepare(c, path) == -1)
		return -1;
	for (;;) {
		fd = open_tty(path);
		if (fd == -1)
			break;
		if (ioctl(fd, TIOCSCTTY, wait == SPEC_TTY_FORCE ? 1 : 0) == 0)
			break;
		saved = errno;
		close(fd);
		fd = -1;
		/* EPERM: another session has it. */
		errno = saved == EPERM ? EBUSY : saved;
		if (saved != EPERM || wait != SPEC_TTY_WAIT ||
		    wait_for_close(path, &watch) == -1)
			break;
	}
	saved = errno;
	if (watch != -1)
		close(watch);
	errno = saved;
	return fd;
}
