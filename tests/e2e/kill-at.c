/*
 * kill-at: kill a process with SIGKILL at its Nth system call of the kinds by which a
 * manager or logger touches the world, before (`enter') or after (`leave') the call is
 *done.
 *
 *	kill-at PID N enter|leave
 *
 * Exit status: 0 killed there; 1 the process ended, maybe before we came, or made fewer
 * calls until SIGTERM came for us (it goes on untouched); 77 tracing is not allowed here.
 * Prints `attached' first.
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t leave_it;

static void
on_term(int signo)
{
	(void)signo;
	leave_it = 1;
}

static int
is_deed(uint64_t nr)
{
	switch (nr) {
	case SYS_sendmsg:
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
	case SYS_splice:
	case SYS_tee:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_symlinkat:
	case SYS_ftruncate:
	case SYS_openat:
	case SYS_close:
		return 1;
	default:
		return 0;
	}
}

/* Whether pid has ended.  Of a zombie ptrace says EPERM, as where it is forbidden. */
static int
is_gone(pid_t pid)
{
	char path[64], text[512] = { 0 };
	const char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return errno == ENOENT;
	p = fgets(text, sizeof(text), f) != NULL ? strrchr(text, ')') : NULL;
	fclose(f);
	return p == NULL || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X';
}

/* Ends with the status for a process that cannot be traced. */
static void
refused(pid_t pid)
{
	int error = errno;

	if (error == ESRCH || is_gone(pid))
		errx(1, "process %d has ended", (int)pid);
	errx(77, "ptrace: %s", strerror(error));
}

int
main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };
	struct __ptrace_syscall_info info;
	long seen = 0, n;
	int status, enter;
	pid_t pid;

	if (argc != 4)
		errx(2, "usage: kill-at PID N enter|leave");
	pid = atoi(argv[1]);
	n = atol(argv[2]);
	enter = strcmp(argv[3], "enter") == 0;
	sigaction(SIGTERM, &sa, NULL);
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD) == -1)
		refused(pid);
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) == -1)
		refused(pid);
	puts("attached");
	fflush(stdout);
	for (;;) {
		int signo = 0;

		if (waitpid(pid, &status, 0) == -1) {
			if (errno == EINTR && leave_it)
				return 1;
			continue;
		}
		if (!WIFSTOPPED(status))
			return 1;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info),
				&info) > 0) {
				static int in_deed;

				if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
					in_deed = is_deed(info.entry.nr);
				if (in_deed &&
				    info.op == (enter ? PTRACE_SYSCALL_INFO_ENTRY
						      : PTRACE_SYSCALL_INFO_EXIT) &&
				    ++seen == n) {
					kill(pid, SIGKILL);
					return 0;
				}
			}
		} else if (status >> 16 == 0) {
			signo = WSTOPSIG(status);
		}
		if (leave_it)
			return 1;
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signo) == -1 &&
		    errno == ESRCH)
			return 1;
	}
}
