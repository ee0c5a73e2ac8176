#include "init/reexec.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init/child.h"
#include "init/core.h"
#include "init/greet.h"
#include "init/init.h"

enum {
	STACK_BYTES = 65536,
	ANSWER_US = 10 * SECOND_US,
	CALM_CRASHES = 3, /* after so many, a pause before each start */
};

extern char **environ;

static char handler_stack[STACK_BYTES];
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
	char link[48], path[TABLE_PATH_MAX], *p = link;
	size_t n = strlen(tab->exe), cut = sizeof(deleted) - 1;

	if (n > 0)
		return open(tab->exe, O_RDONLY | O_CLOEXEC);
	put_text(&p, link + sizeof(link), "/proc/self/fd/");
	put_number(&p, link + sizeof(link), (uint64_t)tab->fd[FD_EXE]);
	ssize_t got = readlink(link, path, sizeof(path) - 1);
	if (got <= 0)
		return -1;
	n = (size_t)got;
	path[n] = '\0';
	if (n > cut && strcmp(path + n - cut, deleted) == 0)
		path[n - cut] = '\0';
	return open(path, O_RDONLY | O_CLOEXEC);
}

void
reexec_on_request(void)
{
	pid_t pid;

	if (asked_pid != 0)
		return; /* under way */
	asked_fd = open_binary();
	if (asked_fd == -1) {
		refuse(errno);
		return;
	}
	pid = fork();
	if (pid == -1) {
		refuse(errno);
		return;
	}
	if (pid == 0) {
		child_detach();
		/* These must come along: the question is about them. */
		keep_over_exec(tab->fd[FD_TABLE]);
		keep_over_exec(tab->fd[FD_RING]);
		exec_fd(asked_fd, "check");
		_exit(errno == ENOENT || errno == EACCES ? 126 : 127);
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
	else if (how == EXIT_EXITED && (status == 126 || status == 127))
		refuse(ENOEXEC);
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
