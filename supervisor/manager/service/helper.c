#include "manager/service/helper.h"

#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/loop.h"
#include "lib/xalloc.h"

enum {
	HELPERS_MAX = 48,            /* processes at once; the rest waits */
	ANSWER_MAX = 4 << 20,        /* more is no answer */
	ANSWER_FD = 3,               /* in the helper */
	STUCK_MAX = HELPERS_MAX / 2, /* that do not even end by KILL */
};

struct helper {
	TAILQ_ENTRY(helper) next; /* in the queue, while it waits for a place */
	struct loop *loop;
	helper_work *work;
	void *question;
	helper_fn *fn;
	void *arg;
	struct loop_timer *timer;
	struct loop_io *io; /* NULL: it waits for a place */
	int fd;
	int err; /* of the process that could not be made; 0: it could, or waits */
	pid_t pid;
	struct buf answer;
};

/* A process that was killed and has not ended yet. */
struct corpse {
	LIST_ENTRY(corpse) next;
	struct loop_io *io;
	int pidfd;
	pid_t pid;
};

/* One manager, one process: these are its counts. */
static TAILQ_HEAD(, helper) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static LIST_HEAD(, corpse) corpses = LIST_HEAD_INITIALIZER(corpses);
static unsigned running, stuck;
/* Killed by helper_ask while they hung: reaped by the way. */
static pid_t left[HELPERS_MAX];
static unsigned nleft;

static void
reap_left(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < nleft; i++)
		if (waitpid(left[i], NULL, WNOHANG) == 0)
			left[kept++] = left[i];
	nleft = kept;
}

static _Noreturn void
work_in_child(helper_work *work, const void *question, int fd, pid_t parent)
{
	struct buf out = { 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	/* It may hang for ever: nobody may miss the end of a channel because of it. */
	if (fd != ANSWER_FD && dup2(fd, ANSWER_FD) == -1)
		_exit(1);
	if (syscall(SYS_close_range, ANSWER_FD + 1U, ~0U, 0U) == -1) {
		long max = sysconf(_SC_OPEN_MAX);

		for (int i = ANSWER_FD + 1; i < max; i++)
			close(i);
	}
	work(question, &out);
	_exit(full_write(ANSWER_FD, buf_str(&out), out.len) == 0 ? 0 : 1);
}

/* The read end of its answer, not blocking; -1 with errno. */
static int
fork_helper(helper_work *work, const void *question, pid_t *pid)
{
	pid_t self = getpid();
	int p[2], err;

	reap_left();
	if (pipe2(p, O_CLOEXEC) == -1)
		return -1;
	*pid = fork();
	if (*pid == 0)
		work_in_child(work, question, p[1], self);
	err = errno;
	close(p[1]);
	if (*pid == -1 || fcntl(p[0], F_SETFL, O_NONBLOCK) == -1) {
		close(p[0]);
		errno = err;
		return -1;
	}
	return p[0];
}

static void start_waiting(void);

static void
on_corpse(struct loop_io *io, int events, void *arg)
{
	struct corpse *c = arg;

	(void)events;
	if (waitpid(c->pid, NULL, WNOHANG) == 0)
		return;
	LIST_REMOVE(c, next);
	loop_io_free(io);
	close(c->pidfd);
	free(c);
	running--;
	stuck--;
	start_waiting();
}

/* It has answered or was killed: forgotten as soon as the kernel lets it go. */
static void
bury(struct loop *l, pid_t pid)
{
	struct corpse *c;
	int fd;

	if (waitpid(pid, NULL, WNOHANG) != 0) {
		running--;
		return;
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0U);
	if (fd == -1) {
		running--;
		if (nleft < HELPERS_MAX)
			left[nleft++] = pid;
		return;
	}
	c = xcalloc(1, sizeof(*c));
	c->pid = pid;
	c->pidfd = fd;
	c->io = loop_io_new(l, "helper", fd, LOOP_READ, on_corpse, c);
	LIST_INSERT_HEAD(&corpses, c, next);
	stuck++;
}

static void
end(struct helper *h)
{
	if (h->io == NULL) {
		TAILQ_REMOVE(&waiting, h, next);
	} else {
		loop_io_free(h->io);
		close(h->fd);
		kill(h->pid, SIGKILL);
		bury(h->loop, h->pid);
	}
	loop_timer_free(h->timer);
	free(h->question);
	buf_free(&h->answer);
	free(h);
}

void
helper_free(struct helper *h)
{
	if (h == NULL)
		return;
	end(h);
	start_waiting();
}

static void
answer(struct helper *h, bool ok, int err)
{
	struct buf got = h->answer;
	helper_fn *fn = h->fn;
	void *arg = h->arg;

	memset(&h->answer, 0, sizeof(h->answer));
	helper_free(h);
	errno = err;
	fn(arg, ok ? &got : NULL);
	buf_free(&got);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct helper *h = arg;

	(void)t;
	answer(h, false, h->err != 0 ? h->err : ETIMEDOUT);
}

/* 1: that was all; 0: more may come; -1: errno. */
static int
take(int fd, struct buf *b)
{
	char part[16384];
	ssize_t n;

	for (;;) {
		n = read(fd, part, sizeof(part));
		if (n == 0)
			return 1;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
		if (b->len + (size_t)n > ANSWER_MAX) {
			errno = EFBIG;
			return -1;
		}
		buf_append(b, part, (size_t)n);
	}
}

static void
on_answer(struct loop_io *io, int events, void *arg)
{
	struct helper *h = arg;
	int r = take(h->fd, &h->answer);

	(void)io;
	(void)events;
	if (r == -1)
		answer(h, false, errno);
	else if (r == 1 && h->answer.len == 0)
		answer(h, false, EPIPE); /* it died */
	else if (r == 1)
		answer(h, true, 0);
}

static void
start(struct helper *h)
{
	h->fd = fork_helper(h->work, h->question, &h->pid);
	if (h->fd == -1) {
		/* Told from the loop, as everything; no process now is no answer. */
		h->err = errno;
		TAILQ_INSERT_TAIL(&waiting, h, next);
		loop_timer_in(h->timer, 0);
		return;
	}
	running++;
	h->io = loop_io_new(h->loop, "helper", h->fd, LOOP_READ, on_answer, h);
}

static void
start_waiting(void)
{
	struct helper *h;

	while (running < HELPERS_MAX && (h = TAILQ_FIRST(&waiting)) != NULL) {
		if (loop_timer_deadline_us(h->timer) <= clock_mono_us())
			return;
		TAILQ_REMOVE(&waiting, h, next);
		start(h);
		if (h->io == NULL)
			return;
	}
}

struct helper *
helper_new(struct loop *l, helper_work *work, const void *question, size_t question_size,
    uint64_t timeout_us, helper_fn *fn, void *arg)
{
	struct helper *h = xcalloc(1, sizeof(*h));

	h->loop = l;
	h->work = work;
	h->question = xcalloc(1, question_size + 1);
	memcpy(h->question, question, question_size);
	h->fn = fn;
	h->arg = arg;
	h->fd = -1;
	h->timer = loop_timer_new(l, "helper", on_timer, h);
	loop_timer_in(h->timer, timeout_us);
	if (running < HELPERS_MAX && TAILQ_EMPTY(&waiting))
		start(h);
	else
		TAILQ_INSERT_TAIL(&waiting, h, next);
	return h;
}

int
helper_ask(helper_work *work, const void *question, uint64_t timeout_us, struct buf *out)
{
	uint64_t now = clock_mono_us(), until = clock_add_us(now, timeout_us);
	struct pollfd pfd = { .events = POLLIN };
	size_t before = out->len;
	int r = 0, err = 0;
	pid_t pid;

	reap_left();
	if (stuck >= STUCK_MAX || nleft == HELPERS_MAX) {
		errno = ETIMEDOUT;
		return -1;
	}
	pfd.fd = fork_helper(work, question, &pid);
	if (pfd.fd == -1)
		return -1;
	running++;
	while (r == 0) {
		now = clock_mono_us();
		if (now >= until) {
			err = ETIMEDOUT;
			r = -1;
			break;
		}
		if (poll(&pfd, 1, (int)((until - now) / 1000) + 1) == -1 &&
		    errno != EINTR) {
			err = errno;
			r = -1;
			break;
		}
		r = take(pfd.fd, out);
		if (r == -1)
			err = errno;
	}
	close(pfd.fd);
	if (r == 1 && out->len == before) {
		err = EPIPE;
		r = -1;
	}
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, WNOHANG) == 0)
		left[nleft++] = pid;
	running--;
	errno = err;
	return r == 1 ? 0 : -1;
}
