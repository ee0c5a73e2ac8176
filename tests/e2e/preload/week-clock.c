/*
 * week-clock: a clock for supd that jumps over the time in which nothing happens
 * (LD_PRELOAD).
 *
 * All clocks of the processes of supd are those of the machine, plus what is in the file
 * of WEEK_CLOCK.  When the manager has nothing to do before its next timer, and none of
 * its helpers and no process of a service is there, that file is moved on to the timer;
 * while anything runs, time goes on as it does.  So time limits mean what they say, and a
 * week of little work is a minute.  It stops where the file says, so that a test can do
 * something at a time of its choice.  /proc/sys/kernel/random/boot_id is the file of
 * WEEK_BOOT_ID, so that a test can boot the machine.
 *
 * Only processes that are called supd are concerned; supctl and what services run live in
 * the time of the machine.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NSEC INT64_C(1000000000)

enum {
	LOOK_MS = 2, /* how long nothing must happen before the clock jumps … */
	LOOKS = 3,   /* … so many times in a row */
};

/* tests/e2e/week reads and writes it; nanoseconds. */
struct shared {
	_Atomic int64_t ahead;  /* of the clocks of the machine */
	_Atomic int64_t stop;   /* time since 1970 that is not jumped over */
	_Atomic int64_t up;     /* added to clocks that count from the boot, too */
	_Atomic int64_t loaded; /* it works here */
	_Atomic int64_t jumps;
};

static struct shared *shared;
static pid_t jumper; /* the manager, in itself; not in what it has forked */
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_timerfd_settime)(
    int, int, const struct itimerspec *, struct itimerspec *);

static void *
next(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (p == NULL)
		abort();
	return p;
}

__attribute__((constructor)) static void
start(int argc, char **argv)
{
	const char *path = getenv("WEEK_CLOCK");
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	int fd;

	real_clock_gettime = (int (*)(clockid_t, struct timespec *))next("clock_gettime");
	real_epoll_wait =
	    (int (*)(int, struct epoll_event *, int, int))next("epoll_wait");
	real_timerfd_settime = (int (*)(int, int, const struct itimerspec *,
	    struct itimerspec *))next("timerfd_settime");
	if (argc == 0 || path == NULL)
		return;
	if (strncmp(argv[0], "supd: ", 6) != 0 &&
	    strcmp(name != NULL ? name + 1 : argv[0], "supd") != 0)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared == MAP_FAILED) {
		shared = NULL;
		return;
	}
	shared->loaded = 1;
	if (strncmp(argv[0], "supd: manager", 13) == 0)
		jumper = getpid();
}

/* ---- clocks ---- */

static int64_t
ahead_of(clockid_t id)
{
	if (shared == NULL)
		return 0;
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
		return shared->ahead;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		return shared->ahead + shared->up;
	default:
		return 0; /* the time of a processor */
	}
}

static struct timespec
plus(struct timespec t, int64_t ns)
{
	int64_t sum = (int64_t)t.tv_sec * NSEC + t.tv_nsec + ns;

	if (sum < 0)
		sum = 0;
	return (struct timespec){ .tv_sec = (time_t)(sum / NSEC),
		.tv_nsec = (long)(sum % NSEC) };
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int r = real_clock_gettime(id, t);

	if (r == 0)
		*t = plus(*t, ahead_of(id));
	return r;
}

int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &t) == -1)
		return -1;
	tv->tv_sec = t.tv_sec;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) == -1)
		return -1;
	if (out != NULL)
		*out = t.tv_sec;
	return t.tv_sec;
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *was)
{
	struct itimerspec its = *when;

	/* Times since the boot; those since 1970 are of a timer that only tells of a
	 * clock that is set. */
	if ((flags & TFD_TIMER_ABSTIME) != 0 && its.it_value.tv_sec < 1000000000 &&
	    (its.it_value.tv_sec != 0 || its.it_value.tv_nsec != 0)) {
		its.it_value = plus(its.it_value, -ahead_of(CLOCK_MONOTONIC));
		if (its.it_value.tv_sec == 0 && its.it_value.tv_nsec == 0)
			its.it_value.tv_nsec = 1;
	}
	return real_timerfd_settime(fd, flags, &its, was);
}

/* ---- jumps ---- */

static size_t
read_proc(const char *path, char *dst, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, dst, size - 1);

	if (fd != -1)
		close(fd);
	dst[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void
children(pid_t pid, char *dst, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	(void)read_proc(path, dst, size);
}

static int
is_role(long pid)
{
	static const char *const roles[] = { "supd: manager", "supd: logger",
		"supd: terminal" };
	char path[64], line[64];

	snprintf(path, sizeof(path), "/proc/%ld/cmdline", pid);
	(void)read_proc(path, line, sizeof(line));
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (strncmp(line, roles[i], strlen(roles[i])) == 0)
			return 1;
	return 0;
}

/* Init waits, too, and there is nobody but the roles. */
static int
is_quiet(void)
{
	pid_t init = getppid();
	char text[4096], path[64], *at = text;
	long pid;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)init);
	(void)read_proc(path, text, sizeof(text));
	at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ' || at[2] != 'S')
		return 0;
	children(jumper, text, sizeof(text));
	if (*text != '\0')
		return 0;
	children(init, text, sizeof(text));
	at = text;
	while ((pid = strtol(at, &at, 10)) > 0)
		if (!is_role(pid))
			return 0;
	return 1;
}

static int64_t
now_ns(clockid_t id)
{
	struct timespec t = { 0 };

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NSEC + t.tv_nsec;
}

static void
jump(int64_t until)
{
	int64_t by = until - now_ns(CLOCK_MONOTONIC), stop = shared->stop;
	int64_t room = stop - now_ns(CLOCK_REALTIME);

	if (room < by)
		by = room;
	if (by <= 0)
		return;
	shared->ahead += by;
	shared->jumps++;
}

int
epoll_wait(int fd, struct epoll_event *ev, int max, int timeout)
{
	int64_t until;
	int quiet = 0;

	if (shared == NULL || jumper != getpid() || timeout == 0)
		return real_epoll_wait(fd, ev, max, timeout);
	until = timeout < 0 ? INT64_MAX
			    : now_ns(CLOCK_MONOTONIC) + (int64_t)timeout * 1000000;
	for (;;) {
		int64_t left = (until - now_ns(CLOCK_MONOTONIC)) / 1000000;
		int r;

		if (left <= 0)
			return real_epoll_wait(fd, ev, max, 0);
		r = real_epoll_wait(fd, ev, max, left < LOOK_MS ? (int)left : LOOK_MS);
		if (r != 0)
			return r;
		quiet = is_quiet() ? quiet + 1 : 0;
		if (quiet >= LOOKS)
			jump(until);
	}
}

/* ---- the boot ---- */

static int
open_as(int dir, const char *path, int flags, mode_t mode)
{
	const char *other = shared == NULL ? NULL : getenv("WEEK_BOOT_ID");

	if (other != NULL && strcmp(path, "/proc/sys/kernel/random/boot_id") == 0)
		path = other;
	return (int)syscall(SYS_openat, dir, path, flags, mode);
}

int
openat(int dir, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if ((flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return open_as(dir, path, flags, mode);
}

int __openat_2(int dir, const char *path, int flags);
int
__openat_2(int dir, const char *path, int flags)
{
	return open_as(dir, path, flags, 0);
}
