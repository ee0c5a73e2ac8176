/*
 * Which descriptors the process will have, and at which numbers.  Each is made or found
 * first and lifted above all targets, then placed: no order of the targets can overwrite
 * one that is still needed.
 */
#include "init/child_fds.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "init/child_int.h"
#include "init/child_tty.h"
#include "init/core.h"
#include "init/pty.h"
#include "proto/spec.h"

enum {
	READ_END_AT = 512, /* the inherited read ends of the log pipes: not in the way of
			    * programs that count up from 3 or use select(2) */
	ROOM_ABOVE = 24,   /* descriptors that are lifted above them on the way */
};

/* Move fd out of the way of all targets.  The old number stays open, CLOEXEC. */
static int
lift(struct child *c, int fd, enum spec_phase phase)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, c->floor);

	if (high == -1)
		child_fail(c, phase, errno);
	return high;
}

static void
place(struct child *c, int fd, int target, enum spec_phase phase)
{
	if (dup2(fd, target) == -1)
		child_fail(c, phase, errno);
}

static int
stored_fd(struct child *c, uint32_t id, enum spec_phase phase)
{
	if (id == 0 || id > STORED_MAX || !tab->stored[id - 1].used)
		child_fail(c, phase, ENOENT);
	return tab->stored[id - 1].fd;
}

static int
open_fifo(struct child *c, int stream, int flags)
{
	char path[64], *p = path;
	const char *end = path + sizeof(path);
	struct stat st;
	int fd;

	put_text(&p, end, "fifo/");
	put_number(&p, end, c->slot_number);
	put_text(&p, end, stream == 0 ? ".out" : ".err");
	fd = openat(tab->fd[FD_RUN], path,
	    flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !S_ISFIFO(st.st_mode) ||
	    st.st_ino != c->slot->fifo_ino[stream]) {
		close(fd);
		errno = ESTALE;
		return -1;
	}
	/* Opened without waiting, used with waiting: programs expect that of stdout. */
	if (flags == O_WRONLY && fcntl(fd, F_SETFL, 0) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Bytes of StandardInputData=: as a file that holds just them. */
static int
open_data(const char *data, size_t len)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	while (fd != -1 && len > 0) {
		ssize_t n = write(fd, data, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	if (fd != -1)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
open_stdio(struct child *c, int target, const struct spec_stdio *io, size_t text_len,
    enum spec_phase phase)
{
	int flags = (target == 0 ? O_RDONLY : O_WRONLY | O_CREAT) | O_NOCTTY | O_CLOEXEC;

	switch ((enum spec_io)io->kind) {
	case SPEC_IO_LOG:
		return open_fifo(c, target - 1, O_WRONLY);
	case SPEC_IO_FILE:
		return open(io->text, flags, 0644);
	case SPEC_IO_APPEND:
		return open(io->text, flags | O_APPEND, 0644);
	case SPEC_IO_TRUNCATE:
		return open(io->text, flags | O_TRUNC, 0644);
	case SPEC_IO_DATA:
		return open_data(io->text, text_len);
	case SPEC_IO_TTY:
		if (target == 0)
			return child_tty_open(c, io->text, io->arg);
		return open(io->text, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	case SPEC_IO_STORED:
		return stored_fd(c, io->arg, phase);
	default:
		return open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
}

/* The item of a standard descriptor, or what its absence means. */
static const struct spec_stdio *
stdio_item(struct child *c, uint32_t tag, size_t *text_len)
{
	static const struct spec_stdio null = { SPEC_IO_NULL, 0 };
	static const struct spec_stdio log = { SPEC_IO_LOG, 0 };
	struct spec_item it;
	size_t at = 0;

	*text_len = 0;
	if (!spec_next_of(&c->spec, tag, &at, &it))
		return tag == SPEC_STDIN ? &null : &log;
	*text_len = it.len - sizeof(struct spec_stdio);
	return it.data;
}

/* Who reads or writes a standard stream expects that it waits. */
static void
make_blocking(struct child *c, int fd, enum spec_phase phase)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 ||
	    ((flags & O_NONBLOCK) != 0 && fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1))
		child_fail(c, phase, errno);
}

/* The same file for stdout and stderr is opened once, or each would overwrite the other.
 */
static bool
is_same_file(const struct spec_stdio *a, size_t an, const struct spec_stdio *b, size_t bn)
{
	return a->kind == b->kind && an > 0 && an == bn &&
	       memcmp(a->text, b->text, an) == 0;
}

static void
place_stdio(struct child *c)
{
	static const uint32_t tags[3] = { SPEC_STDIN, SPEC_STDOUT, SPEC_STDERR };
	static const enum spec_phase phases[3] = { PHASE_STDIN, PHASE_STDOUT,
		PHASE_STDERR };
	const struct spec_stdio *io[3];
	size_t len[3];

	for (int i = 0; i < 3; i++) {
		int fd, high;

		io[i] = stdio_item(c, tags[i], &len[i]);
		if (io[i]->kind == SPEC_IO_SUPD)
			continue;
		if (io[i]->kind == SPEC_IO_SAME ||
		    (i == 2 && is_same_file(io[1], len[1], io[2], len[2]))) {
			place(c, i - 1, i, phases[i]);
			continue;
		}
		fd = open_stdio(c, i, io[i], len[i], phases[i]);
		if (fd == -1)
			child_fail(c, phases[i], errno);
		if (io[i]->kind == SPEC_IO_STORED)
			make_blocking(c, fd, phases[i]);
		high = lift(c, fd, phases[i]);
		place(c, high, i, phases[i]);
	}
}

/* The slave becomes the user's, so that programs that open /dev/tty may. */
static void
place_terminal(struct child *c)
{
	int fd = pty_open_slave(c->slot), high;

	if (fd == -1)
		child_fail(c, PHASE_STDIN, errno);
	if ((c->changes_id && fchown(fd, c->uid, (gid_t)-1) == -1) ||
	    fchmod(fd, 0600) == -1 || ioctl(fd, TIOCSCTTY, 0) == -1)
		child_fail(c, PHASE_STDIN, errno);
	high = lift(c, fd, PHASE_STDIN);
	for (int i = 0; i < 3; i++)
		place(c, high, i, PHASE_STDIN);
}

/*
 * A FIFO for NotifyFD=, so that its end is known when it is closed without a line.  The
 * process keeps a read end: what it says while no manager is there is not lost.
 */
static void
open_notify(struct child *c, int *read_end, int *write_end)
{
	char path[64], *p = path;
	const char *end = path + sizeof(path);
	int run = tab->fd[FD_RUN];

	put_text(&p, end, "fifo/");
	put_number(&p, end, c->slot_number);
	put_text(&p, end, ".rdy");
	(void)unlinkat(run, path, 0);
	if (mkfifoat(run, path, 0600) == -1)
		child_fail(c, PHASE_FDS, errno);
	*read_end = openat(run, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (*read_end == -1)
		child_fail(c, PHASE_FDS, errno);
	*write_end = openat(run, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*write_end == -1)
		child_fail(c, PHASE_FDS, errno);
	*read_end = lift(c, *read_end, PHASE_FDS);
	*write_end = lift(c, *write_end, PHASE_FDS);
}

/* What reads a socket may expect to wait for it, or not to: the file is shared, and the
 * last who had it may have wanted it otherwise. */
static void
set_blocking(struct child *c)
{
	uint32_t on = spec_u32(&c->spec, SPEC_FDS_NONBLOCK, 0);
	uint32_t off = spec_u32(&c->spec, SPEC_FDS_BLOCK, 0);

	for (int i = 0; i < (int)(on + off) && i < SPEC_FDS_MAX; i++) {
		int flags = fcntl(3 + i, F_GETFL), to;

		if (flags == -1)
			child_fail(c, PHASE_FDS, errno);
		to = i < (int)on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
		if (to != flags && fcntl(3 + i, F_SETFL, to) == -1)
			child_fail(c, PHASE_FDS, errno);
	}
}

/* 3, 4, …, then the notify descriptor, then the read ends of the own log pipes. */
static void
place_fds(struct child *c, int read_end_at)
{
	int high[SPEC_FDS_MAX], n = 0, notify = -1, ends[4], nends = 2;
	struct spec_item it;
	size_t at = 0;

	ends[0] = open_fifo(c, 0, O_RDONLY);
	ends[1] = open_fifo(c, 1, O_RDONLY);
	for (int i = 0; i < 2; i++) {
		if (ends[i] == -1)
			child_fail(c, i == 0 ? PHASE_STDOUT : PHASE_STDERR, errno);
		ends[i] = lift(c, ends[i], PHASE_FDS);
	}
	/* The write ends open behind the read ends: they never wait. */
	if (spec_has(&c->spec, SPEC_TERMINAL)) {
		ends[nends++] = lift(c, c->slot->fd_master, PHASE_STDIN);
		place_terminal(c);
	} else {
		place_stdio(c);
	}
	while (spec_next_of(&c->spec, SPEC_FD, &at, &it)) {
		uint32_t id;

		memcpy(&id, it.data, sizeof(id));
		high[n++] = lift(c, stored_fd(c, id, PHASE_FDS), PHASE_FDS);
	}
	if (spec_has(&c->spec, SPEC_NOTIFY_FD))
		open_notify(c, &ends[nends++], &notify);
	/* From here on numbers below the floor are overwritten; c->spec is mapped and
	 * everything still needed is lifted. */
	for (int i = 0; i < n; i++)
		place(c, high[i], 3 + i, PHASE_FDS);
	set_blocking(c);
	if (notify != -1)
		place(c, notify, (int)spec_u32(&c->spec, SPEC_NOTIFY_FD, 0), PHASE_FDS);
	for (int i = 0; i < nends; i++)
		place(c, ends[i], read_end_at + i, PHASE_FDS);
	if (spec_has(&c->spec, SPEC_TERMINAL))
		c->slot->master_at = read_end_at + 2;
}

/* The soft descriptor limit that the process will have. */
static uint64_t
own_nofile(const struct child *c)
{
	uint64_t soft = tab->nofile_soft_orig > 0 ? tab->nofile_soft_orig : 1024;
	struct spec_item it;
	size_t at = 0;

	while (spec_next_of(&c->spec, SPEC_RLIMIT, &at, &it)) {
		const struct spec_limit *l = it.data;

		if (l->resource == RLIMIT_NOFILE)
			soft = l->soft;
	}
	return soft;
}

void
child_set_up_fds(struct child *c)
{
	uint64_t soft = own_nofile(c);
	struct rlimit now;
	int last = 2 + (int)spec_count(&c->spec, SPEC_FD), at = READ_END_AT, n = 2;

	if (spec_has(&c->spec, SPEC_TERMINAL))
		n++;
	if (spec_has(&c->spec, SPEC_NOTIFY_FD)) {
		last = (int)spec_u32(&c->spec, SPEC_NOTIFY_FD, 0);
		n++;
	}
	/* Below a small limit, so that a program that closes all it may have still
	 * finds them; above everything passed on. */
	if (soft < READ_END_AT + (unsigned)n)
		at = soft > (unsigned)n ? (int)soft - n : 3;
	/* Where supd itself may have few: room for what is lifted above them. */
	if (getrlimit(RLIMIT_NOFILE, &now) == 0 &&
	    (uint64_t)at + ROOM_ABOVE + (uint64_t)last > now.rlim_cur)
		at = (int)now.rlim_cur - ROOM_ABOVE - last;
	if (at <= last)
		at = last + 1;
	c->floor = at + n;
	c->root_fd = lift(c, tab->fd[FD_ROOT], PHASE_FDS);
	place_fds(c, at);
}
