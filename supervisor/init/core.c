/*
 * Clocks, the epoll set, and text.
 */
#include "init/core.h"

#include <sys/epoll.h>
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init/loop.h"

struct table *tab;

static uint64_t
read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) == -1)
		return 0;
	return (uint64_t)ts.tv_sec * SECOND_US + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t
now_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t
wall_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

static int
watch_set(int op, int fd, uint32_t events, enum watch w, uint32_t a, uint32_t b)
{
	struct epoll_event ev = { .events = events };

	ev.data.u64 = watch_pack(w, a, b);
	return epoll_ctl(loop_epoll_fd(), op, fd, &ev);
}

int
watch_add(int fd, uint32_t events, enum watch w, uint32_t a, uint32_t b)
{
	return watch_set(EPOLL_CTL_ADD, fd, events, w, a, b);
}

int
watch_change(int fd, uint32_t events, enum watch w, uint32_t a, uint32_t b)
{
	return watch_set(EPOLL_CTL_MOD, fd, events, w, a, b);
}

void
watch_close(int *fd)
{
	if (*fd == -1)
		return;
	/* By hand: a forked child may still hold it, and then close alone leaves it in
	 * the set. */
	(void)epoll_ctl(loop_epoll_fd(), EPOLL_CTL_DEL, *fd, NULL);
	close(*fd);
	*fd = -1;
}

bool
fd_is_open(int fd)
{
	return fd > 2 && fcntl(fd, F_GETFD) != -1;
}

void
keep_over_exec(int fd)
{
	if (fd != -1)
		(void)fcntl(fd, F_SETFD, 0);
}

void
put_text(char **p, const char *end, const char *text)
{
	size_t room = (size_t)(end - *p), n = strlen(text);

	if (room == 0)
		return;
	if (n > room - 1)
		n = room - 1;
	memcpy(*p, text, n);
	*p += n;
	**p = '\0';
}

void
put_number(char **p, const char *end, uint64_t n)
{
	char text[24], *q = text + sizeof(text) - 1;

	*q = '\0';
	do {
		*--q = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	put_text(p, end, q);
}

/* The number at *p, which is moved behind it. */
static uint64_t
take_number(const char **p)
{
	uint64_t n = 0;

	while (**p >= '0' && **p <= '9')
		n = n * 10 + (uint64_t)(*(*p)++ - '0');
	return n;
}

bool
proc_is_ours(void)
{
	char text[24];
	const char *p = text;
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return take_number(&p) == (uint64_t)getpid() && *p == '\0';
}

uint64_t
proc_start_ticks(const char *pid, int32_t *ppid)
{
	char path[48], text[1024], *w = path;
	const char *p;
	ssize_t n;
	int fd;

	if (strcmp(pid, "self") != 0 && !proc_is_ours())
		return 0;
	put_text(&w, path + sizeof(path), "/proc/");
	put_text(&w, path + sizeof(path), pid);
	put_text(&w, path + sizeof(path), "/stat");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name in field 2 may hold anything: count from the last parenthesis. */
	p = strrchr(text, ')');
	for (int field = 2; p != NULL && field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (field == 3 && p != NULL && ppid != NULL) {
			const char *q = p + 1;

			*ppid = (int32_t)take_number(&q);
		}
	}
	if (p == NULL)
		return 0;
	p++;
	return take_number(&p);
}

bool
table_make_room(const void *at, size_t n)
{
	off_t from = (const char *)at - (const char *)tab;

	return fallocate(tab->fd[FD_TABLE], 0, from, (off_t)n) == 0 ||
	       errno == EOPNOTSUPP || errno == ENOSYS;
}

void *
storage(size_t bytes)
{
	void *p =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	/* No child has use for it: nothing to copy in a fork. */
	(void)madvise(p, bytes, MADV_DONTFORK);
	return p;
}
