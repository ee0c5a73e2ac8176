/*
 * limit: what the machine can do at best, for the rows of the bench.  No supervisor can
 * be faster than a bare loop of vfork and exec.
 *
 * limit start N [pipes]: start N sleepers, with two pipes each if asked; then end all.
 * limit respawn N: N times, kill a sleeper, reap it, start the next.
 * limit killed N: kill N sleepers at once, and start another for each that is reaped.
 * limit empty N: N times, start a program that does nothing, and reap it.
 * limit paint N: for ever, draws a spinner and two rows of numbers N times a second, as
 * often whoever reads it.
 * limit scan FOLDER: ask for the age of every file in the folders of a folder.
 * limit fanout N: write N lines of 256 bytes to each of 100 sockets, one write a line,
 * while one process reads them all.
 *
 * Prints one line: microseconds to start (or per round; killed: in all), microseconds to
 * end; of scan, how many files there were; of fanout, the nanoseconds that the writer has
 * computed for each line.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Those that run, for one that ends before its time: they sleep for a day. */
static pid_t *running;
static int n_running;

static void
end_all(void)
{
	for (int i = 0; i < n_running; i++)
		if (running[i] > 0)
			kill(running[i], SIGKILL);
}

static pid_t *
new_pids(int n)
{
	running = calloc((size_t)n, sizeof(*running));
	if (running == NULL)
		err(1, NULL);
	n_running = n;
	if (atexit(end_all) != 0)
		err(1, "atexit");
	return running;
}

static void
free_pids(void)
{
	n_running = 0;
	free(running);
}

static pid_t
start(const char *path, char **argv, int out, int errfd)
{
	posix_spawn_file_actions_t fa;
	pid_t pid;
	int e;

	posix_spawn_file_actions_init(&fa);
	if (out != -1) {
		posix_spawn_file_actions_adddup2(&fa, out, 1);
		posix_spawn_file_actions_adddup2(&fa, errfd, 2);
	}
	e = posix_spawn(&pid, path, &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (e != 0) {
		errno = e;
		err(1, "%s", path);
	}
	return pid;
}

static void
run_start(int n, int with_pipes)
{
	char sleep_path[] = "/bin/sleep", word[] = "sleep", forever[] = "100000";
	char *argv[] = { word, forever, NULL };
	pid_t *pids = new_pids(n);
	uint64_t t0, t1, t2;

	t0 = now_us();
	for (int i = 0; i < n; i++) {
		int out[2] = { -1, -1 }, er[2] = { -1, -1 };

		if (with_pipes &&
		    (pipe2(out, O_CLOEXEC) == -1 || pipe2(er, O_CLOEXEC) == -1))
			err(1, "pipe");
		pids[i] = start(sleep_path, argv, out[1], er[1]);
		if (with_pipes) {
			close(out[1]);
			close(er[1]);
		}
	}
	t1 = now_us();
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGTERM);
	for (int i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	t2 = now_us();
	printf(
	    "%llu %llu\n", (unsigned long long)(t1 - t0), (unsigned long long)(t2 - t1));
	free_pids();
}

static void
run_respawn(int n)
{
	char sleep_path[] = "/bin/sleep", word[] = "sleep", forever[] = "100000";
	char *argv[] = { word, forever, NULL };
	pid_t pid = start(sleep_path, argv, -1, -1);
	uint64_t t0 = now_us();

	for (int i = 0; i < n; i++) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		pid = start(sleep_path, argv, -1, -1);
	}
	printf("%.1f 0\n", (double)(now_us() - t0) / n);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
run_killed(int n)
{
	char sleep_path[] = "/bin/sleep", word[] = "sleep", forever[] = "100000";
	char *argv[] = { word, forever, NULL };
	pid_t *pids = new_pids(n);
	uint64_t t0;

	for (int i = 0; i < n; i++)
		pids[i] = start(sleep_path, argv, -1, -1);
	t0 = now_us();
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < n; i++) {
		waitpid(-1, NULL, 0);
		pids[i] = start(sleep_path, argv, -1, -1);
	}
	printf("%llu 0\n", (unsigned long long)(now_us() - t0));
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	free_pids();
}

static void
run_empty(int n)
{
	char path[] = "/bin/true";
	char *argv[] = { path, NULL };
	uint64_t t0 = now_us();

	for (int i = 0; i < n; i++)
		waitpid(start(path, argv, -1, -1), NULL, 0);
	printf("%.1f 0\n", (double)(now_us() - t0) / n);
}

static void
run_paint(int n)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	for (unsigned i = 0;; i++) {
		printf("\033[H* working %u\033[K\r\nrow %u\033[K\r\n> ", i, i);
		fflush(stdout);
		at.tv_nsec += 1000000000L / n;
		if (at.tv_nsec >= 1000000000L) {
			at.tv_sec++;
			at.tv_nsec -= 1000000000L;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	}
}

static long
scan_folder(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	struct stat st;
	long n = 0;

	if (dir == NULL)
		err(1, "%s", name);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && e->d_type == DT_REG &&
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			n++;
	closedir(dir);
	return n;
}

static void
run_scan(const char *path)
{
	uint64_t t0 = now_us();
	DIR *dir = opendir(path);
	struct dirent *e;
	long n = 0;

	if (dir == NULL)
		err(1, "%s", path);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && e->d_type == DT_DIR)
			n += scan_folder(dirfd(dir), e->d_name);
	closedir(dir);
	printf("%llu %ld\n", (unsigned long long)(now_us() - t0), n);
}

enum { READERS = 100, LINE = 256 };

/* Until all have ended. */
static void
read_all(const int *fds)
{
	static char data[1 << 16];
	struct epoll_event ev[READERS];
	int ep = epoll_create1(EPOLL_CLOEXEC), left = READERS;

	for (int i = 0; i < READERS; i++) {
		struct epoll_event one = { .events = EPOLLIN, .data.fd = fds[i] };

		if (epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &one) == -1)
			err(1, "epoll_ctl");
	}
	while (left > 0) {
		int n = epoll_wait(ep, ev, READERS, -1);

		for (int i = 0; i < n; i++)
			if (read(ev[i].data.fd, data, sizeof(data)) <= 0) {
				close(ev[i].data.fd);
				left--;
			}
	}
	_exit(0);
}

static void
run_fanout(int n)
{
	static char line[LINE];
	int to[READERS], from[READERS];
	struct timespec cpu;
	uint64_t t0;
	pid_t reader;

	for (int i = 0; i < READERS; i++) {
		int p[2];

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p) == -1)
			err(1, "socketpair");
		to[i] = p[0];
		from[i] = p[1];
	}
	reader = fork();
	if (reader == -1)
		err(1, "fork");
	for (int i = 0; i < READERS; i++)
		close(reader == 0 ? to[i] : from[i]);
	if (reader == 0)
		read_all(from);
	memset(line, 'x', sizeof(line));
	t0 = now_us();
	for (int k = 0; k < n; k++)
		for (int i = 0; i < READERS; i++)
			if (write(to[i], line, sizeof(line)) != LINE)
				err(1, "write");
	for (int i = 0; i < READERS; i++)
		close(to[i]);
	waitpid(reader, NULL, 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	printf("%llu %.1f\n", (unsigned long long)(now_us() - t0),
	    ((double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec) / n / READERS);
}

int
main(int argc, char **argv)
{
	int n = argc > 2 ? atoi(argv[2]) : 0;

	if (argc == 3 && strcmp(argv[1], "scan") == 0) {
		run_scan(argv[2]);
		return 0;
	}
	if (n < 1)
		errx(2, "usage: limit start|respawn|killed|empty|paint|fanout N [pipes]\n"
			"       limit scan FOLDER");
	if (strcmp(argv[1], "start") == 0)
		run_start(n, argc > 3);
	else if (strcmp(argv[1], "respawn") == 0)
		run_respawn(n);
	else if (strcmp(argv[1], "killed") == 0)
		run_killed(n);
	else if (strcmp(argv[1], "empty") == 0)
		run_empty(n);
	else if (strcmp(argv[1], "paint") == 0)
		run_paint(n);
	else if (strcmp(argv[1], "fanout") == 0)
		run_fanout(n);
	else
		errx(2, "%s: not a row", argv[1]);
	return 0;
}
