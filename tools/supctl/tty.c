/*
 * tty: see the header.
 */
#include "tty.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/fdio.h"

/* Leaves every mode that a program may have set: alternate screen, scroll region, origin,
 * inserting, wrapping, reverse, charsets, mouse, focus, bracketed paste, application
 * keys, colours, the look of the cursor. */
static const char give_back[] =
    "\033[?1049l\033[?6l\033[r\033[4l\033[20l\033[?7h\033[?5l\033(B\033)B\017"
    "\033[?1000l\033[?1002l\033[?1003l\033[?1004l\033[?1005l\033[?1006l\033[?2004l"
    "\033[?1l\033>\033[m\033[0 q\033[?25h\033[999;1H\r\n";

static struct termios before;
static bool is_raw;
static volatile sig_atomic_t resized, ended;

static void
on_signal(int signo)
{
	if (signo == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

bool
tty_is_one(void)
{
	return isatty(STDIN_FILENO) == 1;
}

void
tty_note_signals(void)
{
	static const int list[] = { SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal };
	sigset_t blocked;

	/* They come only while we wait. */
	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		sigaddset(&blocked, list[i]);
		sigaction(list[i], &sa, NULL);
	}
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int
tty_begin(void)
{
	struct termios raw;

	tty_note_signals();
	if (!tty_is_one())
		return 0;
	if (tcgetattr(STDIN_FILENO, &before) == -1)
		return -1;
	raw = before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) == -1)
		return -1;
	is_raw = true;
	return 0;
}

void
tty_end(void)
{
	if (!is_raw)
		return;
	if (isatty(STDOUT_FILENO) == 1)
		(void)full_write(STDOUT_FILENO, give_back, sizeof(give_back) - 1);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	is_raw = false;
}

bool
tty_size(uint16_t *rows, uint16_t *cols)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_row == 0 ||
	    size.ws_col == 0)
		return false;
	*rows = size.ws_row;
	*cols = size.ws_col;
	return true;
}

int
tty_wait(int peer_fd, int wanted, int timeout_ms)
{
	short peer = (short)(((wanted & TTY_PEER) != 0 ? POLLIN : 0) |
			     ((wanted & TTY_ROOM) != 0 ? POLLOUT : 0));
	struct pollfd p[2] = { { .fd = peer_fd, .events = peer },
		{ .fd = (wanted & TTY_STDIN) != 0 ? STDIN_FILENO : -1,
		    .events = POLLIN } };
	struct timespec limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	const struct timespec now = { 0 };
	sigset_t none;
	int what = 0, n;

	sigemptyset(&none);
	n = ppoll(p, 2, timeout_ms < 0 ? NULL : &limit, &none);
	/* It lets no signal in when there is something to read at once. */
	if (n > 0)
		(void)ppoll(NULL, 0, &now, &none);
	/* (Its end is seen where it is read.) */
	if (n > 0 && (p[0].revents & ~POLLOUT) != 0)
		what |= TTY_PEER;
	if (n > 0 && (p[0].revents & POLLOUT) != 0)
		what |= TTY_ROOM;
	if (n > 0 && p[1].revents != 0)
		what |= TTY_STDIN;
	if (resized)
		what |= TTY_RESIZED;
	if (ended)
		what |= TTY_ENDED;
	resized = 0;
	return what;
}
