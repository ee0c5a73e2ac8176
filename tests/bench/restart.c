/*
 * restart: from the kill of a process to main of the next one.  Each program says itself
 * when it runs, so that nobody has to look for it and keep a processor busy with that.
 *
 * restart stamp FIFO: the program; writes its pid and the time, and waits.
 * restart talk: another program; a line a second.
 * restart bare N FIFO: the limit, a loop of kill, wait and spawn.
 * restart roles N FIFO DIR [CGROUP]: the least that two roles can do (see below).
 * restart kill N FIFO PID: PID and its successors, whoever starts them.
 *
 * The last three print microseconds: the median and the 99th of a hundred.
 */
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/chan.h"

enum { CONTEXT = 480, PAUSE_US = 3000 };

struct stamp {
	uint64_t pid, mono_ns;
};

extern char **environ;

static char *fifo_path;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int
stamp(void)
{
	struct stamp s = { .mono_ns = now_ns(), .pid = (uint64_t)getpid() };
	int fd = open(fifo_path, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, &s, sizeof(s)) != sizeof(s))
		err(1, "%s", fifo_path);
	close(fd);
	for (;;)
		pause();
}

static int
talk(void)
{
	struct timespec second = { .tv_sec = 1 };

	for (;;) {
		if (write(STDOUT_FILENO, "a line\n", 7) == -1)
			err(1, "write");
		nanosleep(&second, NULL);
	}
}

/* ---- measuring ---- */

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct stamp
next_stamp(int fd)
{
	struct stamp s;

	if (read(fd, &s, sizeof(s)) != sizeof(s))
		err(1, "%s", fifo_path);
	return s;
}

/* again: what starts the next one, NULL: somebody else does. */
static void
measure(int n, int fd, pid_t pid, void (*again)(pid_t))
{
	double *us = calloc((size_t)n, sizeof(*us));
	struct stamp s;
	uint64_t t0;

	if (us == NULL)
		err(1, NULL);
	for (int i = 0; i < n; i++) {
		usleep(PAUSE_US);
		t0 = now_ns();
		kill(pid, SIGKILL);
		if (again != NULL)
			again(pid);
		s = next_stamp(fd);
		pid = (pid_t)s.pid;
		us[i] = (double)(s.mono_ns - t0) / 1000;
	}
	qsort(us, (size_t)n, sizeof(*us), compare);
	printf("%.1f %.1f\n", us[n / 2], us[n * 99 / 100]);
	fflush(stdout);
	free(us);
	if (again != NULL)
		kill(pid, SIGKILL);
}

/* ---- the limit ---- */

static char self[] = "/proc/self/exe", word_stamp[] = "stamp";

static void
spawn_bare(pid_t before)
{
	char *argv[] = { self, word_stamp, fifo_path, NULL };
	pid_t pid;

	if (before > 0)
		waitpid(before, NULL, 0);
	errno = posix_spawn(&pid, self, NULL, NULL, argv, environ);
	if (errno != 0)
		err(1, "spawn");
}

/*
 * ---- the least of two roles ----
 *
 * No policy, no table, no events: one reaps and tells the other, which answers with a
 * context; the first makes two FIFOs in DIR and a folder in CGROUP, forks into that, and
 * the child opens them.
 */

static int dir_fd, cgroup_fd = -1;
static unsigned generation;
static int slot_cgroup = -1, ends[2] = { -1, -1 };

static void
slot_name(char *name, size_t size, int stream)
{
	snprintf(name, size, "%u.%d", generation % 2, stream);
}

static void
slot_open(void)
{
	char name[32];
	struct stat st;

	for (int i = 0; i < 2; i++) {
		slot_name(name, sizeof(name), i);
		(void)unlinkat(dir_fd, name, 0);
		if (mkfifoat(dir_fd, name, 0600) == -1)
			err(1, "%s", name);
		ends[i] = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		(void)fstat(ends[i], &st);
	}
	if (cgroup_fd == -1)
		return;
	slot_name(name, sizeof(name), 2);
	(void)unlinkat(cgroup_fd, name, AT_REMOVEDIR);
	if (mkdirat(cgroup_fd, name, 0755) == -1)
		err(1, "%s", name);
	slot_cgroup = openat(cgroup_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
write_proc(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	(void)!write(fd, text, strlen(text));
	close(fd);
}

static _Noreturn void
child(void)
{
	char *argv[] = { self, word_stamp, fifo_path, NULL };
	char name[32], text[1024];
	sigset_t none;
	int fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)syscall(
	    SYS_close_range, 3U, ~0U, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC);
	fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	(void)!read(fd, text, sizeof(text));
	close(fd);
	setsid();
	for (int i = 0; i < 2; i++) {
		slot_name(name, sizeof(name), i);
		fd = openat(dir_fd, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		dup2(fd, 512 + i);
		fd = openat(dir_fd, name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		fcntl(fd, F_SETFL, 0);
		dup2(fd, 1 + i);
	}
	write_proc("/proc/self/oom_score_adj", "0");
	execve(self, argv, environ);
	_exit(1);
}

static pid_t
fork_inside(void)
{
	struct clone_args a = { .exit_signal = SIGCHLD, .flags = CLONE_FILES };
	pid_t pid;

	if (slot_cgroup != -1) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint32_t)slot_cgroup;
	}
	pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));
	if (pid == 0)
		child();
	if (pid == -1)
		err(1, "clone3");
	return pid;
}

/* Hears of an exit, and says what is to be started. */
static _Noreturn void
policy(const struct chan *c)
{
	static const char context[CONTEXT];
	struct msg m;

	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };

		(void)poll(&p, 1, -1);
		if (chan_recv(c, &m) != 1)
			_exit(0);
		msg_init(&m, MSG_SLOT_OPEN);
		(void)chan_send(c, &m);
		msg_init(&m, MSG_SPAWN);
		m.fds[0] = memfd_create("context", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		m.nfds = 1;
		(void)!write(m.fds[0], context, sizeof(context));
		(void)fcntl(m.fds[0], F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK);
		(void)chan_send(c, &m);
		msg_close_fds(&m);
	}
}

static pid_t
handle(const struct chan *c, pid_t service)
{
	int was[3] = { ends[0], ends[1], slot_cgroup };
	struct msg m;
	void *p;

	while (chan_recv(c, &m) == 1) {
		if (m.head.id == MSG_SLOT_OPEN) {
			was[0] = ends[0], was[1] = ends[1], was[2] = slot_cgroup;
			generation++;
			slot_open();
			continue;
		}
		p = mmap(NULL, CONTEXT, PROT_READ, MAP_PRIVATE, m.fds[0], 0);
		service = fork_inside();
		munmap(p, CONTEXT);
		msg_close_fds(&m);
		for (int i = 0; i < 3; i++)
			close(was[i]);
	}
	return service;
}

/* Until the one that measures ends. */
static void
mechanism(const struct chan *c, int sfd, pid_t measurer)
{
	struct pollfd p[2] = { { .fd = sfd, .events = POLLIN },
		{ .fd = c->fd, .events = POLLIN } };
	struct signalfd_siginfo si;
	pid_t service = fork_inside(), pid;
	struct msg m;

	for (;;) {
		(void)poll(p, 2, -1);
		if (p[0].revents != 0)
			(void)!read(sfd, &si, sizeof(si));
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
			if (pid == measurer) {
				kill(service, SIGKILL);
				waitpid(service, NULL, 0);
				return;
			}
			if (pid != service)
				continue;
			msg_init(&m, MSG_EXIT);
			(void)chan_send(c, &m);
		}
		if (p[1].revents != 0)
			service = handle(c, service);
	}
}

static void
roles(int n, int fd)
{
	sigset_t all;
	int pair[2], sfd;
	pid_t manager, measurer;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sfd == -1 || chan_pair(pair) == -1)
		err(1, "channel");
	measurer = fork();
	if (measurer == 0) {
		measure(n, fd, (pid_t)next_stamp(fd).pid, NULL);
		_exit(0);
	}
	manager = fork();
	if (manager == 0) {
		close(pair[0]);
		policy(&(struct chan){ pair[1], ROLE_MANAGER, ROLE_INIT });
	}
	close(pair[1]);
	slot_open();
	mechanism(&(struct chan){ pair[0], ROLE_INIT, ROLE_MANAGER }, sfd, measurer);
	kill(manager, SIGKILL);
	waitpid(manager, NULL, 0);
	for (unsigned i = 0; i < 2 && cgroup_fd != -1; i++) {
		char name[32];

		generation = i;
		slot_name(name, sizeof(name), 2);
		(void)unlinkat(cgroup_fd, name, AT_REMOVEDIR);
	}
}

static int
open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		err(1, "%s", path);
	return fd;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? atoi(argv[2]) : 0, fd;

	if (strcmp(what, "talk") == 0)
		return talk();
	if (argc < 3)
		errx(2, "usage: restart stamp|talk|bare|roles|kill ...");
	fifo_path = strcmp(what, "stamp") == 0 ? argv[2] : argv[3];
	if (strcmp(what, "stamp") == 0)
		return stamp();
	if (argc < 4 || n < 1)
		errx(2, "usage: restart %s N FIFO ...", what);
	fd = open(fifo_path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		err(1, "%s", fifo_path);
	if (strcmp(what, "bare") == 0) {
		spawn_bare(0);
		measure(n, fd, (pid_t)next_stamp(fd).pid, spawn_bare);
	} else if (strcmp(what, "roles") == 0 && argc > 4) {
		dir_fd = open_folder(argv[4]);
		if (argc > 5)
			cgroup_fd = open_folder(argv[5]);
		roles(n, fd);
	} else if (strcmp(what, "kill") == 0 && argc > 4) {
		measure(n, fd, atoi(argv[4]), NULL);
	} else {
		errx(2, "%s: not known, or an argument is missing", what);
	}
	return 0;
}
