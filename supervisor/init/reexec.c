#include "init/reexec.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init/child.h"
#include "init/complain.h"
#include "init/core.h"
#include "init/greet.h"
#include "init/init.h"

enum {
	STACK_BYTES = 65536,
	ANSWER_US = 10 * SECOND_US,
	CALM_CRASHES = 3, /* after so many, a pause before each start */
	NOT_OPENED = 128, /* and errno: exit status of who asks */
};

extern char **environ;

static _Alignas(16) char handler_stack[STACK_BYTES];
static char title[TABLE_PATH_MAX + 32];

/* The new binary and the process that asks it. */
static int asked_fd = -1;
static int32_t asked_pid;
static uint64_t asked_until = NEVER;

static void
exec_fd(int fd, const char *what)
{
	char *argv[2] = { title, NULL }, *p = title;
	const char *end = title + sizeof(title);

	put_text(&p, end, "supd: ");
	put_text(&p, end, what);
	put_text(&p, end, " ");
	put_text(&p, end, tab->root);
	(void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
}

/* ---- crashes ------------------------------------------------------------------------
 */

/*
 * The binary cannot be executed, for want of memory or for good.  As PID 1 the end of
 * init is the end of everything: it stays and tries again; meanwhile it reaps, and
 * whoever comes of that knows the end of those processes as `unknown'.
 */
static _Noreturn void
try_for_ever(void)
{
	struct timespec ts = { .tv_sec = 1 };

	init_complain("cannot start again; only reaping until that works", NULL, errno);
	for (;;) {
		while (wait4(-1, NULL, WNOHANG | __WALL, NULL) > 0)
			;
		nanosleep(&ts, NULL);
		exec_fd(tab->fd[FD_EXE], "init");
	}
}

static void
on_crash(int signo)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };

	/* A child between fork and exec has this handler for some instructions. */
	if (tab != NULL && getpid() == tab->init_pid) {
		tab->crashes++;
		if (tab->crashes > CALM_CRASHES) {
			struct timespec ts = { .tv_sec = 1 };

			nanosleep(&ts, NULL);
		}
		init_complain("crashed; starting again from the table", NULL, 0);
		exec_fd(tab->fd[FD_EXE], "init");
		if (tab->is_pid1)
			try_for_ever();
	}
	sigaction(signo, &sa, NULL);
	raise(signo);
}

void
reexec_setup(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	stack_t st = { .ss_sp = handler_stack, .ss_size = sizeof(handler_stack) };
	struct sigaction sa = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };

	sigfillset(&sa.sa_mask);
	if (sigaltstack(&st, NULL) == -1)
		init_complain("no stack for the crash handler", NULL, errno);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		sigaction(crashes[i], &sa, NULL);
}

/* ---- on request ---------------------------------------------------------------------
 */

static void
refuse(int err)
{
	if (asked_fd != -1)
		close(asked_fd);
	asked_fd = -1;
	asked_pid = 0;
	asked_until = NEVER;
	greet_reexec_failed(err);
}

/* The binary by its path, which a package may have given to another file meanwhile. */
static int
open_binary(void)
{
	static const char deleted[] = " (deleted)";
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	char link[48], path[TABLE_PATH_MAX], *p = link;
	size_t n = strlen(tab->exe), cut = sizeof(deleted) - 1;

	if (n > 0)
		return open(tab->exe, flags);
	put_text(&p, link + sizeof(link), "/proc/self/fd/");
	put_number(&p, link + sizeof(link), (uint64_t)tab->fd[FD_EXE]);
	ssize_t got = readlink(link, path, sizeof(path) - 1);
	if (got <= 0)
		return -1;
	n = (size_t)got;
	path[n] = '\0';
	if (n > cut && strcmp(path + n - cut, deleted) == 0)
		path[n - cut] = '\0';
	return open(path, flags);
}

/* The child that asks.  To open a file may take for ever, on a mount that is dead: so it
 * does that, too, and puts the file where init looks for it, in the table of descriptors
 * that they share until then. */
static int
ask(void *unused)
{
	int fd = open_binary();

	(void)unused;
	if (fd == -1 || dup3(fd, asked_fd, O_CLOEXEC) == -1)
		_exit(NOT_OPENED + errno);
	close(fd);
	if (unshare(CLONE_FILES) == -1)
		_exit(NOT_OPENED + errno);
	child_detach();
	child_let_go();
	/* These must come along: the question is about them. */
	keep_over_exec(tab->fd[FD_TABLE]);
	keep_over_exec(tab->fd[FD_RING]);
	exec_fd(asked_fd, "check");
	_exit(NOT_OPENED + ENOEXEC);
}

void
reexec_on_request(void)
{
	pid_t pid;

	if (asked_pid != 0)
		return; /* under way */
	if (tab->halting) {
		refuse(ESHUTDOWN);
		return;
	}
	/* Any file, for the place. */
	asked_fd = fcntl(tab->fd[FD_EXE], F_DUPFD_CLOEXEC, 3);
	if (asked_fd == -1) {
		refuse(errno);
		return;
	}
	/* It has a copy of the memory, so that any stack will do. */
	pid = clone(
	    ask, handler_stack + sizeof(handler_stack), CLONE_FILES | SIGCHLD, NULL);
	if (pid == -1) {
		refuse(errno);
		return;
	}
	asked_pid = pid;
	asked_until = now_us() + ANSWER_US;
}

/* From here on the old build is gone, or nothing has happened. */
static void
take_over(void)
{
	int old = tab->fd[FD_EXE], err;

	keep_over_exec(asked_fd);
	if (old != -1)
		(void)fcntl(old, F_SETFD, FD_CLOEXEC);
	tab->fd[FD_EXE] = asked_fd;
	tab->reexecs++;
	exec_fd(asked_fd, "init");
	err = errno;
	tab->reexecs--;
	tab->fd[FD_EXE] = old;
	keep_over_exec(old);
	refuse(err);
}

bool
reexec_on_exit(int32_t pid, uint32_t how, int32_t status)
{
	if (pid != asked_pid || pid == 0)
		return false;
	asked_pid = 0;
	asked_until = NEVER;
	if (how == EXIT_EXITED && status == INIT_CHECK_YES)
		take_over();
	else if (how == EXIT_KILLED && status == SIGKILL)
		refuse(ETIMEDOUT);
	else if (how == EXIT_EXITED && status > NOT_OPENED)
		refuse(status - NOT_OPENED);
	else
		refuse(EPROTONOSUPPORT);
	return true;
}

void
reexec_check_time(void)
{
	if (asked_pid == 0 || now_us() < asked_until)
		return;
	asked_until = NEVER;
	(void)kill(asked_pid, SIGKILL);
}

uint64_t
reexec_next_us(void)
{
	return asked_until;
}
