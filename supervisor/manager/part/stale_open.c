#include "manager/part/stale_open.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "manager/activate/stale.h"
#include "unit/name.h"

struct asked {
	struct stale_file **v; /* by device and inode */
	size_t n;
	bool blind; /* not all processes could be seen */
};

static int
compare(const struct stale_file *x, uint64_t dev, uint64_t inode)
{
	if (x->dev != dev)
		return x->dev < dev ? -1 : 1;
	return x->inode != inode ? (x->inode < inode ? -1 : 1) : 0;
}

static int
by_inode(const void *a, const void *b)
{
	const struct stale_file *const *x = a, *const *y = b;

	return compare(*x, (*y)->dev, (*y)->inode);
}

/* All names of the file: there may be several. */
static void
mark_open(struct asked *q, uint64_t dev, uint64_t inode)
{
	size_t low = 0, high = q->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare(q->v[mid], dev, inode) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < q->n && compare(q->v[low], dev, inode) == 0; low++)
		q->v[low]->open = STALE_OPEN;
}

static bool
is_number(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		;
	return *s == '\0';
}

/* It ended while it was looked at. */
static bool
is_over(int err)
{
	return err == ENOENT || err == ESRCH;
}

static void
ask_process(struct asked *q, int proc, const char *pid)
{
	char name[32];
	struct dirent *e;
	struct statx st;
	DIR *d = NULL;
	int fd;

	if (snprintf(name, sizeof(name), "%s/fd", pid) >= (int)sizeof(name))
		return;
	fd = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd != -1 && (d = fdopendir(fd)) == NULL)
		close(fd);
	if (d == NULL) {
		q->blind |= !is_over(errno);
		return;
	}
	while ((errno = 0, e = readdir(d)) != NULL) {
		if (!is_number(e->d_name))
			continue;
		/* What it has open may be on a server that does not answer. */
		if (statx(dirfd(d), e->d_name, AT_STATX_DONT_SYNC, STATX_INO, &st) == 0)
			mark_open(
			    q, makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino);
		else
			q->blind |= !is_over(errno);
	}
	q->blind |= errno != 0 && !is_over(errno);
	closedir(d);
}

static void
ask_all(struct asked *q)
{
	DIR *proc = opendir("/proc");
	unsigned seen = 0;
	struct dirent *e;
	char self[16];

	snprintf(self, sizeof(self), "%d", (int)getpid());
	while (proc != NULL && (errno = 0, e = readdir(proc)) != NULL) {
		if (!is_number(e->d_name))
			continue;
		seen++;
		if (strcmp(e->d_name, self) != 0)
			ask_process(q, dirfd(proc), e->d_name);
	}
	/* (One that is not mounted has none; this process is there at least.) */
	q->blind |= proc == NULL || errno != 0 || seen == 0;
	if (proc != NULL)
		closedir(proc);
}

static enum stale_open
ask_lease(const struct stale_file *f)
{
	char *path = unit_name_path_unescape(f->instance);
	enum stale_open r = STALE_UNKNOWN;
	struct stat st;
	int fd = -1;

	if (path != NULL)
		fd =
		    open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_dev == f->dev && st.st_ino == f->inode) {
		if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
			r = STALE_CLOSED;
		else if (errno == EAGAIN)
			r = STALE_OPEN;
	}
	if (fd != -1)
		close(fd); /* and the lease with it */
	free(path);
	return r;
}

void
stale_open_ask(struct stale_file *v, size_t n)
{
	struct asked q = { .n = n };

	if (n == 0)
		return;
	q.v = xcalloc(n, sizeof(struct stale_file *));
	for (size_t i = 0; i < n; i++) {
		v[i].open = STALE_CLOSED;
		q.v[i] = &v[i];
	}
	qsort(q.v, n, sizeof(q.v[0]), by_inode);
	ask_all(&q);
	/* Who opens a file while its lease is ours sends it. */
	signal(SIGIO, SIG_IGN);
	for (size_t i = 0; q.blind && i < n; i++)
		if (v[i].open == STALE_CLOSED)
			v[i].open = ask_lease(&v[i]);
	free(q.v);
}
