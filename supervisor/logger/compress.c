/*
 * compress: see the header.  The steps of one file: a temporary one, whole and on the
 * disk; renamed; the link of the day; the plain one goes.
 */
#include "logger/compress.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "journal/layout.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "logger/state.h"

/* The child that is at it. */
struct compress {
	pid_t child; /* 0: none */
	int fd;      /* its pidfd, owned */
	struct loop_io *io;
};

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What is there stays on the disk until what replaces it is there, too. */
static int
gzip_file(int dir, const struct compress_file *f, const char *temp)
{
	char *data = xmalloc(256 * 1024);
	int in = -1, out = -1, copy = -1, r = -1;
	gzFile gz = NULL;
	struct stat st, now;
	ssize_t n;

	in = open_at(dir, f->file, O_RDONLY | O_NONBLOCK, 0);
	if (in == -1 || fstat(in, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_ino != f->ino || st.st_dev != f->dev)
		goto out;
	unlinkat(dir, temp, 0);
	out = open_at(dir, temp, O_WRONLY | O_CREAT | O_EXCL, st.st_mode & 0666);
	copy = out == -1 ? -1 : fcntl(out, F_DUPFD_CLOEXEC, 0);
	gz = copy == -1 ? NULL : gzdopen(out, "wb");
	if (gz == NULL)
		goto out;
	out = -1;
	while ((n = full_read(in, data, 256 * 1024)) > 0)
		if (gzwrite(gz, data, (unsigned)n) != n)
			goto out;
	if (n == 0)
		r = 0;
out:
	if (gz != NULL && gzclose(gz) != Z_OK)
		r = -1;
	if (r == 0 && (fsync(copy) == -1 || fstat(in, &now) == -1 || !is_same(&st, &now)))
		r = -1;
	/* The age of a log is that of its last line. */
	if (r == 0) {
		struct timespec times[2] = { st.st_atim, st.st_mtim };

		r = utimensat(dir, temp, times, AT_SYMLINK_NOFOLLOW);
	}
	fd_close(&in);
	fd_close(&out);
	fd_close(&copy);
	free(data);
	return r;
}

/* Something has the name.  When it is what a compression left that was cut off before its
 * last step, it may be replaced: it has the age of the plain file. */
static bool
is_taken(int dir, const char *gz, const struct compress_file *f)
{
	struct stat st, plain;

	if (fstatat(dir, gz, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno != ENOENT;
	return !S_ISREG(st.st_mode) ||
	       fstatat(dir, f->file, &plain, AT_SYMLINK_NOFOLLOW) == -1 ||
	       st.st_mtim.tv_sec != plain.st_mtim.tv_sec ||
	       st.st_mtim.tv_nsec != plain.st_mtim.tv_nsec;
}

/* In the child.  The plain file goes when the other is whole and in its place. */
static void
compress_one(int root, const struct compress_file *f)
{
	char path[LAYOUT_PATH_MAX], temp[LAYOUT_FILE_MAX], gz[LAYOUT_FILE_MAX];
	char link[LAYOUT_FILE_MAX], target[LAYOUT_FILE_MAX];
	int dir = open_dir_at(root, layout_day_dir(path, sizeof(path), f->day));
	ssize_t n;

	if (dir == -1 || strlen(f->file) + 4 > sizeof(gz))
		return;
	snprintf(gz, sizeof(gz), "%.250s.gz", f->file);
	strlcpy(temp, ".compress.tmp", sizeof(temp));
	if (is_taken(dir, gz, f) || gzip_file(dir, f, temp) == -1 ||
	    renameat(dir, temp, dir, gz) == -1 || fsync(dir) == -1) {
		unlinkat(dir, temp, 0);
		close(dir);
		return;
	}
	layout_link_file(link, sizeof(link), f->name);
	n = readlinkat(dir, link, target, sizeof(target) - 1);
	if (n > 0) {
		target[n] = '\0';
		if (strcmp(target, f->file) == 0)
			(void)symlink_atomic(dir, gz, link);
	}
	unlinkat(dir, f->file, 0);
	close(dir);
}

static void
on_child(struct loop_io *io, int events, void *arg)
{
	struct compress *c = arg;
	int status;

	(void)io;
	(void)events;
	loop_io_free(c->io);
	c->io = NULL;
	fd_close(&c->fd);
	while (waitpid(c->child, &status, 0) == -1 && errno == EINTR)
		;
	c->child = 0;
}

static _Noreturn void
be_child(struct logger *lg, pid_t parent, const struct compress_file *files, size_t n)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setpriority(PRIO_PROCESS, 0, 19);
	/* Nobody shall wait for our copies to see that the logger died. */
	close(lg->init.fd);
	if (lg->manager.fd != -1)
		close(lg->manager.fd);
	for (size_t i = 0; i < n; i++)
		compress_one(lg->root_fd, &files[i]);
	_exit(0);
}

bool
compress_runs(const struct logger *lg)
{
	return lg->compress != NULL && lg->compress->child != 0;
}

void
compress_start(struct logger *lg, const struct compress_file *files, size_t n)
{
	struct compress *c = lg->compress;
	pid_t self = getpid();

	if (c == NULL)
		c = lg->compress = xcalloc(1, sizeof(*c));
	c->child = fork();
	if (c->child == -1) {
		log_warn("cannot compress old logs");
		c->child = 0;
		return;
	}
	if (c->child == 0)
		be_child(lg, self, files, n);
	c->fd = pidfd_open_(c->child);
	if (c->fd == -1) {
		/* It is reaped when we end; it does no harm until then. */
		log_warn("pidfd_open");
		return;
	}
	c->io = loop_io_new(lg->loop, "compress", c->fd, LOOP_READ, on_child, c);
}
