/*
 * loop: named watchers over libev.  The only file that includes <ev.h>.
 */
#include "lib/loop.h"

#include <sys/queue.h>
#include <sys/signalfd.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <ev.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/xalloc.h"

enum { WATCH_TRIES = 16 };

struct loop_io {
	ev_io w;
	struct loop *loop;
	const char *name;
	loop_io_fn *fn;
	void *arg;
	unsigned failed; /* times in a row that it could not be watched */
	bool may_fail;
};

struct loop_timer {
	ev_timer w;
	struct loop *loop;
	const char *name;
	uint64_t deadline_us; /* USEC_INFINITY: disarmed */
	loop_timer_fn *fn;
	void *arg;
};

struct loop_signal {
	TAILQ_ENTRY(loop_signal) link;
	struct loop *loop;
	int signo;
	loop_signal_fn *fn;
	void *arg;
};

struct post {
	TAILQ_ENTRY(post) link;
	loop_post_fn *fn;
	void *arg;
};

TAILQ_HEAD(post_list, post);
TAILQ_HEAD(signal_list, loop_signal);

struct loop {
	struct ev_loop *ev;
	ev_prepare prepare; /* runs the posted calls */
	ev_idle idle;       /* started while more of them wait, so that nothing blocks */
	ev_periodic never;  /* see loop_new */
	struct post_list posts;
	struct post_list running; /* the batch being run */
	struct signal_list signals;
	sigset_t signal_mask;
	int signal_fd; /* -1 while no signal is watched */
	ev_io signal_io;
	loop_post_fn *clock_set_fn;
	void *clock_set_arg;
	bool never_armed; /* the first reckoning is not a clock that was set */
};

/* ---- posted calls ---- */

static struct post *
find_post(struct post_list *list, loop_post_fn *fn, void *arg)
{
	struct post *p;

	TAILQ_FOREACH (p, list, link) {
		if (p->fn == fn && p->arg == arg)
			return p;
	}
	return NULL;
}

void
loop_post(struct loop *l, loop_post_fn *fn, void *arg)
{
	struct post *p;

	if (find_post(&l->posts, fn, arg) != NULL ||
	    find_post(&l->running, fn, arg) != NULL)
		return;
	p = xcalloc(1, sizeof(*p));
	p->fn = fn;
	p->arg = arg;
	TAILQ_INSERT_TAIL(&l->posts, p, link);
	/* Posted while the batch runs: the loop is about to wait and must not. */
	if (!ev_is_active(&l->idle))
		ev_idle_start(l->ev, &l->idle);
}

void
loop_post_cancel(struct loop *l, loop_post_fn *fn, void *arg)
{
	struct post_list *lists[] = { &l->posts, &l->running };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct post *p = find_post(lists[i], fn, arg);

		if (p != NULL) {
			TAILQ_REMOVE(lists[i], p, link);
			free(p);
		}
	}
}

static void
on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *l = w->data;
	struct post *p;

	(void)revents;
	ev_idle_stop(ev, &l->idle);
	TAILQ_CONCAT(&l->running, &l->posts, link);
	/* Each is taken out before it runs, so that it may post itself or cancel others.
	 */
	while ((p = TAILQ_FIRST(&l->running)) != NULL) {
		struct post now = *p;

		TAILQ_REMOVE(&l->running, p, link);
		free(p);
		now.fn(now.arg);
	}
}

static void
on_idle(struct ev_loop *ev, ev_idle *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
}

/* ---- the wall clock ---- */

/*
 * libev asks for the next time when the watcher starts and whenever it sees that the wall
 * clock was set; the answer is always "in a thousand years".
 */
static ev_tstamp
on_never(ev_periodic *w, ev_tstamp now)
{
	struct loop *l = w->data;

	/* No watcher may be touched from here, but a post touches the idle watcher only.
	 */
	if (l->never_armed && l->clock_set_fn != NULL)
		loop_post(l, l->clock_set_fn, l->clock_set_arg);
	return now + 1000 * 365.25 * 86400;
}

static void
on_never_fired(struct ev_loop *ev, ev_periodic *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
}

void
loop_on_clock_set(struct loop *l, loop_post_fn *fn, void *arg)
{
	if (l->clock_set_fn != NULL)
		loop_post_cancel(l, l->clock_set_fn, l->clock_set_arg);
	l->clock_set_fn = fn;
	l->clock_set_arg = arg;
}

/* ---- the loop ---- */

static void
on_syserr(const char *msg)
{
	fatal("event loop: %s", msg);
}

static void on_signal_fd(struct ev_loop *ev, ev_io *w, int revents);

struct loop *
loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));

	ev_set_syserr_cb(on_syserr);
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
	if (l->ev == NULL)
		fatal("cannot make an event loop");
	TAILQ_INIT(&l->posts);
	TAILQ_INIT(&l->running);
	TAILQ_INIT(&l->signals);
	sigemptyset(&l->signal_mask);
	l->signal_fd = -1;
	ev_init(&l->signal_io, on_signal_fd);
	l->signal_io.data = l;
	ev_idle_init(&l->idle, on_idle);
	ev_prepare_init(&l->prepare, on_prepare);
	l->prepare.data = l;
	ev_prepare_start(l->ev, &l->prepare);
	/*
	 * Without a periodic watcher libev wakes up each minute to see whether the clock
	 * was set; with one it has a timerfd that tells.  So this one, which never fires,
	 * is what makes an idle loop sleep.
	 */
	ev_periodic_init(&l->never, on_never_fired, 0., 0., on_never);
	l->never.data = l;
	ev_periodic_start(l->ev, &l->never);
	l->never_armed = true;
	return l;
}

void
loop_free(struct loop *l)
{
	struct post *p;

	if (l == NULL)
		return;
	assert(TAILQ_EMPTY(&l->signals));
	while ((p = TAILQ_FIRST(&l->posts)) != NULL) {
		TAILQ_REMOVE(&l->posts, p, link);
		free(p);
	}
	ev_loop_destroy(l->ev);
	fd_close(&l->signal_fd);
	free(l);
}

void
loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void
loop_run_once(struct loop *l)
{
	ev_run(l->ev, EVRUN_NOWAIT);
}

void
loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

uint64_t
loop_now_us(struct loop *l)
{
	(void)l;
	return clock_mono_us();
}

/* ---- descriptors ---- */

static int
to_ev(int events)
{
	return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

/*
 * libev has stopped a watcher: its descriptor was closed behind its back, which is our
 * bug, or the kernel had no memory to watch it, which may be over already.
 */
static void
watch_again(struct ev_loop *ev, struct loop_io *io)
{
	if (fcntl(io->w.fd, F_GETFD) == -1)
		fatalx("event loop: descriptor %d of %s is not open", io->w.fd, io->name);
	if (++io->failed > WATCH_TRIES && io->may_fail) {
		io->fn(io, LOOP_FAILED, io->arg);
		return;
	}
	if (io->failed > WATCH_TRIES)
		fatalx("event loop: descriptor %d of %s cannot be watched", io->w.fd,
		    io->name);
	/* Without this libev takes it for a descriptor that the kernel knows. */
	ev_io_set(&io->w, io->w.fd, io->w.events & (EV_READ | EV_WRITE));
	ev_io_start(ev, &io->w);
}

static void
on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	struct loop_io *io = w->data;
	int events = 0;

	if (revents & EV_ERROR) {
		watch_again(ev, io);
		return;
	}
	io->failed = 0;
	if (revents & EV_READ)
		events |= LOOP_READ;
	if (revents & EV_WRITE)
		events |= LOOP_WRITE;
	io->fn(io, events, io->arg);
	/* io may be gone. */
}

struct loop_io *
loop_io_new(
    struct loop *l, const char *name, int fd, int events, loop_io_fn *fn, void *arg)
{
	struct loop_io *io = xcalloc(1, sizeof(*io));

	assert(fd >= 0);
	io->loop = l;
	io->name = name;
	io->fn = fn;
	io->arg = arg;
	ev_io_init(&io->w, on_io, fd, to_ev(events));
	io->w.data = io;
	if (events != 0)
		ev_io_start(l->ev, &io->w);
	return io;
}

void
loop_io_set(struct loop_io *io, int events)
{
	bool active = ev_is_active(&io->w);

	if (active && (io->w.events & (EV_READ | EV_WRITE)) == to_ev(events))
		return;
	if (active)
		ev_io_stop(io->loop->ev, &io->w);
	if (events == 0)
		return;
	ev_io_set(&io->w, io->w.fd, to_ev(events));
	ev_io_start(io->loop->ev, &io->w);
}

void
loop_io_may_fail(struct loop_io *io)
{
	io->may_fail = true;
}

int
loop_io_fd(const struct loop_io *io)
{
	return io->w.fd;
}

void
loop_io_free(struct loop_io *io)
{
	if (io == NULL)
		return;
	ev_io_stop(io->loop->ev, &io->w);
	free(io);
}

/* ---- timers ---- */

static void
start_timer(struct loop_timer *t)
{
	uint64_t now_us = clock_mono_us();
	double after = 0;

	if (t->deadline_us > now_us)
		after = (double)(t->deadline_us - now_us) / 1e6;
	/* libev counts from the time it last looked, which may be long ago. */
	ev_now_update(t->loop->ev);
	ev_timer_set(&t->w, after, 0.);
	ev_timer_start(t->loop->ev, &t->w);
}

static void
on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop_timer *t = w->data;

	(void)ev;
	(void)revents;
	/* Rounding may wake us a little early; nobody is told before the time. */
	if (clock_mono_us() < t->deadline_us) {
		start_timer(t);
		return;
	}
	t->deadline_us = USEC_INFINITY;
	t->fn(t, t->arg);
	/* t may be gone. */
}

struct loop_timer *
loop_timer_new(struct loop *l, const char *name, loop_timer_fn *fn, void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof(*t));

	t->loop = l;
	t->name = name;
	t->deadline_us = USEC_INFINITY;
	t->fn = fn;
	t->arg = arg;
	ev_timer_init(&t->w, on_timer, 0., 0.);
	t->w.data = t;
	return t;
}

void
loop_timer_at(struct loop_timer *t, uint64_t deadline_us)
{
	if (deadline_us == t->deadline_us)
		return;
	loop_timer_stop(t);
	t->deadline_us = deadline_us;
	if (deadline_us == USEC_INFINITY)
		return;
	log_debug("timer %s: armed", t->name);
	start_timer(t);
}

void
loop_timer_in(struct loop_timer *t, uint64_t delay_us)
{
	loop_timer_at(t, clock_add_us(clock_mono_us(), delay_us));
}

void
loop_timer_stop(struct loop_timer *t)
{
	ev_timer_stop(t->loop->ev, &t->w);
	t->deadline_us = USEC_INFINITY;
}

bool
loop_timer_is_armed(const struct loop_timer *t)
{
	return t->deadline_us != USEC_INFINITY;
}

uint64_t
loop_timer_deadline_us(const struct loop_timer *t)
{
	return t->deadline_us;
}

void
loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	ev_timer_stop(t->loop->ev, &t->w);
	free(t);
}

/* ---- signals ---- */

static struct loop_signal *
find_signal(struct loop *l, int signo)
{
	struct loop_signal *s;

	TAILQ_FOREACH (s, &l->signals, link) {
		if (s->signo == signo)
			return s;
	}
	return NULL;
}

static void
on_signal_fd(struct ev_loop *ev, ev_io *w, int revents)
{
	struct loop *l = w->data;
	struct signalfd_siginfo si;
	struct loop_signal *s;
	ssize_t n;

	(void)ev;
	(void)revents;
	/* One a turn: the callback may free watchers, and the level brings us back. */
	n = read(l->signal_fd, &si, sizeof(si));
	if (n != (ssize_t)sizeof(si)) {
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return;
		fatal("event loop: signalfd");
	}
	s = find_signal(l, (int)si.ssi_signo);
	if (s != NULL)
		s->fn(&si, s->arg);
}

struct loop_signal *
loop_signal_new(struct loop *l, int signo, loop_signal_fn *fn, void *arg)
{
	struct loop_signal *s;
	sigset_t mask = l->signal_mask;
	int fd;

	assert(find_signal(l, signo) == NULL);
	if (sigaddset(&mask, signo) == -1)
		return NULL;
	fd = signalfd(l->signal_fd, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd == -1)
		return NULL;
	l->signal_mask = mask;
	if (l->signal_fd == -1) {
		l->signal_fd = fd;
		ev_io_set(&l->signal_io, fd, EV_READ);
		ev_io_start(l->ev, &l->signal_io);
	}
	s = xcalloc(1, sizeof(*s));
	s->loop = l;
	s->signo = signo;
	s->fn = fn;
	s->arg = arg;
	TAILQ_INSERT_TAIL(&l->signals, s, link);
	return s;
}

void
loop_signal_free(struct loop_signal *s)
{
	struct loop *l;

	if (s == NULL)
		return;
	l = s->loop;
	TAILQ_REMOVE(&l->signals, s, link);
	sigdelset(&l->signal_mask, s->signo);
	/* A smaller mask on our own descriptor cannot fail. */
	if (signalfd(l->signal_fd, &l->signal_mask, SFD_CLOEXEC | SFD_NONBLOCK) == -1)
		fatal("event loop: signalfd");
	if (TAILQ_EMPTY(&l->signals)) {
		ev_io_stop(l->ev, &l->signal_io);
		fd_close(&l->signal_fd);
	}
	free(s);
}
