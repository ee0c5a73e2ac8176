/*
 * Orphans for whoever reaps: processes whose parents end before them.
 *
 *	storm N WORKERS HELD	N that end at once, made by so many, and HELD that
 *				end all together when those are made
 *	storm watch FILE	one every few milliseconds: how long is it a zombie?
 *				Until FILE is there.
 *	storm bomb FILE N	forks and ends, in sessions of its own and deaf to TERM,
 *				about N at a time, as long as FILE is there
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLES_MAX = 1 << 16, PAUSE_US = 3000 };

static double
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static pid_t
must_fork(void)
{
	pid_t pid;

	while ((pid = fork()) == -1) {
		if (errno != EAGAIN && errno != ENOMEM)
			exit(1);
		usleep(1000);
	}
	return pid;
}

/* An orphan that runs until what is read from fd ends; -1: not at all. */
static void
orphan(int fd)
{
	pid_t pid = must_fork();
	char c;

	if (pid == 0) {
		if (must_fork() > 0)
			_exit(0);
		while (fd != -1 && read(fd, &c, 1) == -1 && errno == EINTR)
			;
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
}

static int
compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return d < 0 ? -1 : d > 0;
}

static int
watch(const char *until)
{
	static double ms[SAMPLES_MAX];
	size_t n = 0;

	while (n < SAMPLES_MAX && access(until, F_OK) == -1) {
		int told[2];
		pid_t pid, child = 0;
		double dead;

		if (pipe(told) == -1)
			return 1;
		pid = must_fork();
		if (pid == 0) {
			pid_t parent = getpid();

			child = must_fork();
			if (child > 0)
				_exit(0);
			child = getpid();
			while (getppid() == parent)
				usleep(100);
			if (write(told[1], &child, sizeof(child)) == -1)
				_exit(1);
			_exit(0);
		}
		close(told[1]);
		waitpid(pid, NULL, 0);
		if (read(told[0], &child, sizeof(child)) != (ssize_t)sizeof(child))
			return 1;
		/* The other end is closed by its death. */
		while (read(told[0], &pid, sizeof(pid)) > 0)
			;
		dead = now_ms();
		close(told[0]);
		while (kill(child, 0) == 0)
			usleep(50);
		ms[n++] = now_ms() - dead;
		usleep(PAUSE_US);
	}
	if (n == 0)
		return 1;
	qsort(ms, n, sizeof(ms[0]), compare);
	printf("zombies for p50 %.2f ms, p99 %.2f ms, max %.2f ms, of %zu\n", ms[n / 2],
	    ms[n * 99 / 100], ms[n - 1], n);
	fflush(stdout);
	return 0;
}

/* Who lives forks, then mostly ends; the number of them all is shared. */
static int
bomb(const char *file, int most)
{
	int *alive = mmap(NULL, sizeof(*alive), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned turn = 0;

	if (alive == MAP_FAILED)
		return 1;
	signal(SIGTERM, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	*alive = 1;
	printf("armed\n");
	fflush(stdout);
	while (access(file, F_OK) == 0) {
		if (__atomic_load_n(alive, __ATOMIC_SEQ_CST) < most) {
			__atomic_add_fetch(alive, 1, __ATOMIC_SEQ_CST);
			if (fork() == 0) {
				turn = 0;
				(void)setsid();
			} else if (++turn > 1) {
				break;
			}
		} else {
			usleep(500);
		}
	}
	__atomic_sub_fetch(alive, 1, __ATOMIC_SEQ_CST);
	return 0;
}

int
main(int argc, char **argv)
{
	long n, workers, held;
	int hold[2];

	if (argc == 3 && strcmp(argv[1], "watch") == 0)
		return watch(argv[2]);
	if (argc == 4 && strcmp(argv[1], "bomb") == 0)
		return bomb(argv[2], (int)strtol(argv[3], NULL, 10));
	if (argc != 4 || pipe(hold) == -1)
		return 2;
	n = strtol(argv[1], NULL, 10);
	workers = strtol(argv[2], NULL, 10);
	held = strtol(argv[3], NULL, 10);
	for (long w = 0; w < workers; w++) {
		if (must_fork() > 0)
			continue;
		close(hold[1]);
		for (long i = w; i < held; i += workers)
			orphan(hold[0]);
		for (long i = w; i < n; i += workers)
			orphan(-1);
		_exit(0);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
	close(hold[1]);
	printf("made\n");
	fflush(stdout);
	for (;;)
		pause();
}
