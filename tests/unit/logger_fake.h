/*
 * logger_fake: a real logger role under a fake init: a socket pair, a table, a ring and
 * FIFOs, in a folder of their own.  The logger may be killed and started again at will;
 * what must outlive it is held here, as init does.
 */
#ifndef SUPD_TESTS_LOGGER_FAKE_H
#define SUPD_TESTS_LOGGER_FAKE_H

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "logger/logger.h"
#include "logger/state.h"
#include "proto/chan.h"
#include "proto/ring.h"
#include "proto/table.h"

#ifndef FAKE_NSLOTS
#define FAKE_NSLOTS 64
#endif

enum {
	FAKE_SLOTS = FAKE_NSLOTS,
	FAKE_RING = 1 << 20,
	FAKE_DEADLINE_MS = 60000,
};

struct fake {
	char dir[128];
	int root_fd, table_fd, ring_fd, wake_fd;
	int pipes[4]; /* scratch r, w, staging r, w */
	struct table *t;
	struct ring *ring;
	struct chan logger;  /* as init */
	struct chan manager; /* as the manager */
	pid_t pid;           /* 0: none runs */
	uint64_t seq;
	struct {
		bool open, closing, done;
		int r[2], w[2]; /* w: -1 when closed */
	} slot[FAKE_SLOTS];
	/* What came from the logger. */
	uint64_t acked, wish_acked;
	struct msg last[128]; /* the newest of each kind */
	unsigned count[128];
	unsigned reports[STREAM_WHATS];
	unsigned matches;
};

/* The step of the protocol at which the child kills itself, and how often it passes. */
static int fake_kill_step = -1;
static int fake_kill_passes;

static int64_t fake_clock_offset_us;
static int64_t *fake_clock_shared;      /* set: read by the child, too */
static uint64_t fake_clock_stolen_us;   /* by others, between two looks at the time */
static uint64_t fake_clock_cpu_step_us; /* taken between two looks at the cpu time */
static bool fake_clock_stands;          /* the monotonic one */

/* In VARIANT=cov a logger that is going to be killed says first what it ran. */
#ifdef SUPD_COV
enum { FAKE_KILL = SIGVTALRM };

void __gcov_dump(void);

static void
fake_die(int sig)
{
	(void)sig;
	signal(FAKE_KILL, SIG_IGN);
	__gcov_dump();
	kill(getpid(), SIGKILL);
}
#else
enum { FAKE_KILL = SIGKILL };

static void
fake_die(int sig)
{
	(void)sig;
	kill(getpid(), SIGKILL);
}
#endif

void
logger_step_hook(int step)
{
	if (step == fake_kill_step && --fake_kill_passes <= 0)
		fake_die(0);
}

#define FAKE_CHECK(cond)                                                              \
	do {                                                                          \
		if (!(cond)) {                                                        \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #cond, \
			    strerror(errno));                                         \
			abort();                                                      \
		}                                                                     \
	} while (0)

static uint64_t
fake_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t
fake_clock(enum clock_kind kind, void *arg)
{
	static uint64_t stolen_us, cpu_us;
	struct timespec ts;
	uint64_t us;

	(void)arg;
	if (kind == CLOCK_KIND_MONO && fake_clock_stands)
		return 1000000;
	clock_gettime(kind == CLOCK_KIND_WALL  ? CLOCK_REALTIME
		      : kind == CLOCK_KIND_CPU ? CLOCK_THREAD_CPUTIME_ID
					       : CLOCK_MONOTONIC,
	    &ts);
	us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	if (kind == CLOCK_KIND_WALL)
		us += (uint64_t)(fake_clock_shared != NULL ? *fake_clock_shared
							   : fake_clock_offset_us);
	if (kind == CLOCK_KIND_MONO)
		us += stolen_us += fake_clock_stolen_us;
	if (kind == CLOCK_KIND_CPU)
		us += cpu_us += fake_clock_cpu_step_us;
	return us;
}

static int
fake_memfd(const char *name, uint64_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	FAKE_CHECK(fd != -1 && ftruncate(fd, (off_t)size) == 0);
	return fd;
}

/* dir: an existing folder, or NULL for a new one. */
static struct fake *
fake_new(const char *dir)
{
	struct fake *f = calloc(1, sizeof(*f));
	const char *tmp = getenv("TMPDIR");

	FAKE_CHECK(f != NULL);
	if (dir != NULL) {
		snprintf(f->dir, sizeof(f->dir), "%s", dir);
	} else {
		snprintf(f->dir, sizeof(f->dir), "%.90s/supd-logger.XXXXXX",
		    tmp != NULL ? tmp : "/tmp");
		FAKE_CHECK(mkdtemp(f->dir) != NULL);
	}
	f->root_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FAKE_CHECK(f->root_fd != -1);
	FAKE_CHECK(mkdir_p_at(f->root_fd, "run/fifo", 0700) == 0);
	f->table_fd = fake_memfd("table", table_bytes(FAKE_SLOTS));
	f->ring_fd = fake_memfd("ring", FAKE_RING);
	f->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	FAKE_CHECK(f->wake_fd != -1);
	FAKE_CHECK(pipe2(f->pipes, O_CLOEXEC | O_NONBLOCK) == 0);
	FAKE_CHECK(pipe2(f->pipes + 2, O_CLOEXEC | O_NONBLOCK) == 0);
	f->t = mmap(NULL, table_bytes(FAKE_SLOTS), PROT_READ | PROT_WRITE, MAP_SHARED,
	    f->table_fd, 0);
	f->ring =
	    mmap(NULL, FAKE_RING, PROT_READ | PROT_WRITE, MAP_SHARED, f->ring_fd, 0);
	FAKE_CHECK(f->t != MAP_FAILED && f->ring != MAP_FAILED);
	table_init(f->t, FAKE_SLOTS);
	f->t->slots_high = FAKE_SLOTS;
	f->t->log_settings.retry_us = 50000;
	ring_init(f->ring, FAKE_RING);
	f->logger = (struct chan){ -1, ROLE_INIT, ROLE_LOGGER };
	f->manager = (struct chan){ -1, ROLE_MANAGER, ROLE_LOGGER };
	return f;
}

static void
fake_child(struct fake *f, int init_end)
{
	int run = openat(f->root_fd, "run", O_RDONLY | O_DIRECTORY);
	int from[11] = { init_end, f->root_fd, f->root_fd, run, f->table_fd, f->ring_fd,
		f->wake_fd, f->pipes[0], f->pipes[1], f->pipes[2], f->pipes[3] };

	/* Out of the way first, then to the fixed numbers. */
	for (int i = 0; i < 11; i++) {
		from[i] = fcntl(from[i], F_DUPFD, 1000);
		FAKE_CHECK(from[i] != -1);
	}
	for (int i = 0; i < 11; i++)
		FAKE_CHECK(dup2(from[i], ROLE_FD_CHAN + i) != -1);
	close_range(ROLE_FD_CHAN + 11, ~0U, 0);
	clock_set_source(fake_clock, NULL);
	prctl(PR_SET_NAME, "fake-logger");
	if (FAKE_KILL != SIGKILL)
		signal(FAKE_KILL, fake_die);
	_exit(logger_main());
}

static void
fake_send(struct chan *c, const struct msg *m)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	for (;;) {
		struct pollfd p = { .fd = c->fd, .events = POLLOUT };
		int r = chan_send(c, m);

		/* A logger that dies meanwhile is told again by the replay. */
		if (r != 0)
			return;
		FAKE_CHECK(fake_now_ms() < until);
		poll(&p, 1, 10);
	}
}

static void
fake_tell_open(struct fake *f, uint32_t n)
{
	struct msg m;

	msg_init(&m, MSG_LOG_OPEN);
	m.u.LOG_OPEN.slot = n;
	m.nfds = 2;
	m.fds[0] = f->slot[n].r[0];
	m.fds[1] = f->slot[n].r[1];
	fake_send(&f->logger, &m);
}

static void
fake_tell(struct chan *c, enum msg_id id, uint32_t slot)
{
	struct msg m;

	msg_init(&m, id);
	m.u.LOG_CLOSE.slot = slot;
	fake_send(c, &m);
}

/* Starts a logger as init would, but for the end of the replay. */
static void
fake_greet(struct fake *f)
{
	int pair[2], peer[2];
	struct msg m;

	FAKE_CHECK(f->pid == 0 && chan_pair(pair) == 0 && chan_pair(peer) == 0);
	f->t->init_pid = getpid();
	f->pid = fork();
	FAKE_CHECK(f->pid != -1);
	if (f->pid == 0)
		fake_child(f, pair[1]);
	close(pair[1]);
	f->logger.fd = pair[0];
	msg_init(&m, MSG_LOG_HELLO);
	m.u.LOG_HELLO.nslots = FAKE_SLOTS;
	fake_send(&f->logger, &m);
	for (uint32_t i = 0; i < FAKE_SLOTS; i++) {
		if (!f->slot[i].open)
			continue;
		fake_tell_open(f, i);
		if (f->slot[i].closing)
			fake_tell(&f->logger, MSG_LOG_CLOSE, i);
	}
	msg_init(&m, MSG_LOG_PEER);
	m.nfds = 1;
	m.fds[0] = peer[1];
	fake_send(&f->logger, &m);
	close(peer[1]);
	f->manager.fd = peer[0];
}

static void
fake_start(struct fake *f)
{
	fake_greet(f);
	fake_tell(&f->logger, MSG_LOG_REPLAY_END, 0);
}

static void
fake_note(struct fake *f, const struct msg *m)
{
	f->last[m->head.id] = *m;
	f->count[m->head.id]++;
	switch (m->head.id) {
	case MSG_LOG_DONE:
		f->slot[m->u.LOG_DONE.slot].done = true;
		f->slot[m->u.LOG_DONE.slot].open = false;
		break;
	case MSG_EVENT_ACK:
		f->acked = m->u.EVENT_ACK.seq;
		f->wish_acked = m->u.EVENT_ACK.wish_seq;
		break;
	case MSG_STREAM_STATE:
		f->reports[m->u.STREAM_STATE.what]++;
		break;
	case MSG_MATCH:
		f->matches += m->u.MATCH.count;
		break;
	default:
		break;
	}
}

static bool
fake_receive(struct fake *f, struct chan *c)
{
	struct msg m;
	int r;

	while (c->fd != -1 && (r = chan_recv(c, &m)) != 0) {
		if (r == -1)
			return false;
		fake_note(f, &m);
		msg_close_fds(&m);
	}
	return true;
}

static void
fake_reap(struct fake *f, int *status)
{
	FAKE_CHECK(waitpid(f->pid, status, 0) == f->pid);
	f->pid = 0;
	/* What it said before it died counts. */
	fake_receive(f, &f->logger);
	fake_receive(f, &f->manager);
	fd_close(&f->logger.fd);
	fd_close(&f->manager.fd);
}

static inline void
fake_kill(struct fake *f)
{
	int status;

	if (f->pid == 0)
		return;
	kill(f->pid, FAKE_KILL);
	fake_reap(f, &status);
}

/* Handles messages for up to ms; false when the logger is dead (and reaped). */
static bool
fake_poll(struct fake *f, int ms)
{
	struct pollfd p[2] = { { .fd = f->logger.fd, .events = POLLIN },
		{ .fd = f->manager.fd, .events = POLLIN } };
	int status;

	if (poll(p, 2, ms) == -1)
		FAKE_CHECK(errno == EINTR);
	fake_receive(f, &f->manager);
	if (fake_receive(f, &f->logger))
		return true;
	fake_reap(f, &status);
	/* Only kill -9 may end it. */
	FAKE_CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return false;
}

/* Opens a slot with its FIFOs; w ends stay here for the test's writers. */
static struct table_slot *
fake_open(struct fake *f, uint32_t n, const char *name, const char *ref)
{
	struct table_slot *s = table_slot(f->t, n);

	memset(&s->log, 0, sizeof(s->log));
	memset(&s->conf, 0, sizeof(s->conf));
	s->state = SLOT_OPEN;
	snprintf(s->unit, sizeof(s->unit), "%.200s.service", name);
	table_set_log_name(f->t, n, name);
	snprintf(s->conf.ref, sizeof(s->conf.ref), "%s", ref);
	s->conf.stream_mask = 3;
	s->conf.order = ++f->seq;
	for (int i = 0; i < 2; i++) {
		char path[200];

		snprintf(path, sizeof(path), "%s/run/fifo/%u.%s", f->dir, n,
		    i == 0 ? "out" : "err");
		unlink(path);
		FAKE_CHECK(mkfifo(path, 0600) == 0);
		f->slot[n].r[i] = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		f->slot[n].w[i] = open(path, O_WRONLY | O_CLOEXEC);
		FAKE_CHECK(f->slot[n].r[i] != -1 && f->slot[n].w[i] != -1);
	}
	f->slot[n].open = true;
	f->slot[n].closing = f->slot[n].done = false;
	return s;
}

static inline struct table_slot *
fake_open_told(struct fake *f, uint32_t n, const char *name, const char *ref)
{
	struct table_slot *s = fake_open(f, n, name, ref);

	fake_tell_open(f, n);
	return s;
}

static void
fake_close_writers(struct fake *f, uint32_t n)
{
	fd_close(&f->slot[n].w[0]);
	fd_close(&f->slot[n].w[1]);
}

/* LOG_CLOSE, until LOG_DONE. */
static inline void
fake_close(struct fake *f, uint32_t n)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	fake_close_writers(f, n);
	f->slot[n].closing = true;
	fake_tell(&f->logger, MSG_LOG_CLOSE, n);
	while (!f->slot[n].done) {
		FAKE_CHECK(fake_now_ms() < until);
		if (!fake_poll(f, 50))
			fake_start(f);
	}
	fd_close(&f->slot[n].r[0]);
	fd_close(&f->slot[n].r[1]);
}

/* Until the logger said a message of that kind (again). */
static inline const struct msg *
fake_wait(struct fake *f, enum msg_id id, unsigned more_than)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	while (f->count[id] <= more_than) {
		FAKE_CHECK(fake_now_ms() < until);
		FAKE_CHECK(fake_poll(f, 50));
	}
	return &f->last[id];
}

static inline uint64_t
fake_ask_barrier(struct fake *f, uint32_t n)
{
	struct msg m;

	msg_init(&m, MSG_BARRIER);
	m.u.BARRIER.slot = n;
	m.u.BARRIER.id = ++f->seq;
	fake_send(&f->manager, &m);
	return m.u.BARRIER.id;
}

/* Everything written so far into the slot's pipes is in its log when this returns. */
static inline const struct msg_barrier_done *
fake_barrier(struct fake *f, uint32_t n)
{
	unsigned before = f->count[MSG_BARRIER_DONE];

	fake_ask_barrier(f, n);
	return &fake_wait(f, MSG_BARRIER_DONE, before)->u.BARRIER_DONE;
}

static inline void
fake_event(struct fake *f, uint64_t seq, uint32_t flags)
{
	char line[200];
	uint64_t one = 1;
	int n = snprintf(line, sizeof(line),
	    "{\"seq\":%llu,\"ts\":\"2026-11-21T10:30:45.000000Z\",\"event\":\"test\","
	    "\"unit\":\"a.service\"}\n",
	    (unsigned long long)seq);

	FAKE_CHECK(ring_put(f->ring, seq, flags, line, (uint32_t)n) == 0);
	FAKE_CHECK(write(f->wake_fd, &one, sizeof(one)) == sizeof(one));
}

/* A file below the folder, whole; NULL data when it is not there. */
static inline struct buf
fake_read(struct fake *f, const char *path)
{
	struct buf b = { 0 };

	file_read_follow_at(f->root_fd, path, 1 << 30, &b);
	return b;
}

/* Where a link below the folder leads to, "": there is none.  Valid until the next. */
static inline char *
fake_link(struct fake *f, const char *path)
{
	static char target[512];
	ssize_t n = readlinkat(f->root_fd, path, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = '\0';
	return target;
}

/* Until it said that of a stream so often, and once more. */
static inline void
fake_wait_report(struct fake *f, unsigned what, unsigned more_than)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	while (f->reports[what] <= more_than) {
		FAKE_CHECK(fake_now_ms() < until);
		FAKE_CHECK(fake_poll(f, 20));
	}
}

static void
fake_free(struct fake *f)
{
	char *base = strrchr(f->dir, '/');
	int parent;

	fake_kill(f);
	for (int i = 0; i < FAKE_SLOTS; i++) {
		if (!f->slot[i].open)
			continue;
		fd_close(&f->slot[i].r[0]);
		fd_close(&f->slot[i].r[1]);
		fake_close_writers(f, (uint32_t)i);
	}
	munmap(f->t, table_bytes(FAKE_SLOTS));
	munmap(f->ring, FAKE_RING);
	for (int i = 0; i < 4; i++)
		close(f->pipes[i]);
	close(f->wake_fd);
	close(f->table_fd);
	close(f->ring_fd);
	close(f->root_fd);
	if (base != NULL && strncmp(base, "/supd-logger.", 13) == 0) {
		*base = '\0';
		parent = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rm_rf_at(parent, base + 1, 100000);
		close(parent);
	}
	free(f);
}

#endif
