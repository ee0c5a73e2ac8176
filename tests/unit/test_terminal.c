/*
 * terminal: the real role under a fake init and a fake manager, with a pty whose other
 * side is ours: what it says of each step of input, and what its viewers may do to it.
 * It can be killed and started again; what must outlive it is held here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "proto/chan.h"
#include "proto/table.h"
#include "terminal/attach.h"
#include "terminal/terminal.h"

enum {
	NSLOTS = 4,
	SLOT = 1,
	NO_SLOT = 3,
	DEADLINE_US = 20 * 1000 * 1000,
	NFDS = 9,
	LINE_MAX_BYTES = 4095, /* of the kernel, where lines are read */
};

struct rig {
	char dir[128];
	int root, table_fd, lines[2];
	struct table *t;
	struct chan init, manager;
	pid_t pid;
	int master, slave;
	int log; /* the logger's end */
};

/* ---- the role ---- */

static void
child(const struct rig *r, int init_end)
{
	int from[NFDS] = { init_end, r->root, r->root, r->root, r->table_fd, r->table_fd,
		r->table_fd, r->lines[0], r->lines[1] };

	for (int i = 0; i < NFDS; i++)
		from[i] = fcntl(from[i], F_DUPFD, 100);
	for (int i = 0; i < NFDS; i++)
		if (from[i] == -1 || dup2(from[i], ROLE_FD_CHAN + i) == -1)
			_exit(90);
	close_range(ROLE_FD_CHAN + NFDS, ~0U, 0);
	prctl(PR_SET_NAME, "fake-terminal");
	_exit(terminal_main());
}

static void
to_role(struct chan *c, struct msg *m)
{
	uint64_t until = clock_mono_us() + DEADLINE_US;

	while (chan_send(c, m) == 0) {
		struct pollfd p = { .fd = c->fd, .events = POLLOUT };

		assert_true(clock_mono_us() < until);
		poll(&p, 1, 10);
	}
}

static void
start(struct rig *r)
{
	int pair[2], peer[2];
	struct msg m;

	assert_int_equal(chan_pair(pair), 0);
	assert_int_equal(chan_pair(peer), 0);
	r->t->init_pid = getpid();
	r->pid = fork();
	assert_true(r->pid != -1);
	if (r->pid == 0)
		child(r, pair[1]);
	close(pair[1]);
	r->init = (struct chan){ pair[0], ROLE_INIT, ROLE_TERMINAL };
	r->manager = (struct chan){ peer[0], ROLE_MANAGER, ROLE_TERMINAL };
	msg_init(&m, MSG_TERM_HELLO);
	to_role(&r->init, &m);
	msg_init(&m, MSG_TERM_OPEN);
	m.u.TERM_OPEN.slot = SLOT;
	m.fds[0] = r->master;
	m.nfds = 1;
	to_role(&r->init, &m);
	msg_init(&m, MSG_TERM_PEER);
	m.fds[0] = peer[1];
	m.nfds = 1;
	to_role(&r->init, &m);
	close(peer[1]);
	msg_init(&m, MSG_TERM_REPLAY_END);
	to_role(&r->init, &m);
}

static void
kill_role(struct rig *r)
{
	int status;

	kill(r->pid, SIGKILL);
	assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(r->init.fd);
	close(r->manager.fd);
}

/* ---- the session ---- */

/* Bytes go through as they are; else lines are read, as a shell script reads them. */
static void
set_mode(const struct rig *r, bool lines, bool echo)
{
	struct termios tio;

	assert_int_equal(tcgetattr(r->slave, &tio), 0);
	cfmakeraw(&tio);
	if (lines)
		tio.c_lflag |= ICANON;
	if (echo)
		tio.c_lflag |= ECHO;
	assert_int_equal(tcsetattr(r->slave, TCSANOW, &tio), 0);
}

static int
set_up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	const char *tmp = getenv("TMPDIR");
	struct table_slot *s;
	struct stat st;
	char path[160];

	assert_non_null(r);
	snprintf(r->dir, sizeof(r->dir), "%.90s/supd-terminal.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	r->root = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdir_p_at(r->root, "fifo", 0700), 0);
	assert_int_equal(mkdir_p_at(r->root, "term", 0700), 0);
	snprintf(path, sizeof(path), "%s/fifo/%d.out", r->dir, SLOT);
	assert_int_equal(mkfifo(path, 0600), 0);
	r->log = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(fstat(r->log, &st), 0);
	assert_int_equal(pipe2(r->lines, O_CLOEXEC | O_NONBLOCK), 0);
	r->table_fd = memfd_create("table", MFD_CLOEXEC);
	assert_int_equal(ftruncate(r->table_fd, (off_t)table_bytes(NSLOTS)), 0);
	r->t = mmap(NULL, table_bytes(NSLOTS), PROT_READ | PROT_WRITE, MAP_SHARED,
	    r->table_fd, 0);
	assert_true(r->t != MAP_FAILED);
	table_init(r->t, NSLOTS);
	r->t->slots_high = NSLOTS;
	s = table_slot(r->t, SLOT);
	s->state = SLOT_OPEN;
	s->terminal = 24 << 16 | 80;
	s->fifo_ino[0] = st.st_ino;
	memset(s->invocation, 7, sizeof(s->invocation));
	strcpy(s->unit, "x.service");
	r->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (r->master == -1)
		skip();
	assert_int_equal(grantpt(r->master), 0);
	assert_int_equal(unlockpt(r->master), 0);
	r->slave = open(ptsname(r->master), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_true(r->slave != -1);
	set_mode(r, false, false);
	start(r);
	*state = r;
	return 0;
}

static int
tear_down(void **state)
{
	struct rig *r = *state;
	char cmd[200];

	kill_role(r);
	close(r->master);
	close(r->slave);
	close(r->log);
	close(r->lines[0]);
	close(r->lines[1]);
	munmap(r->t, table_bytes(NSLOTS));
	close(r->table_fd);
	close(r->root);
	snprintf(cmd, sizeof(cmd), "rm -rf --one-file-system '%s'", r->dir);
	assert_int_equal(system(cmd), 0);
	free(r);
	return 0;
}

/* ---- steps ---- */

static void
send_step(struct rig *r, uint32_t slot, uint64_t id, uint32_t step, uint32_t flags,
    const char *p, size_t n)
{
	struct msg m;

	msg_init(&m, MSG_TERM_INPUT);
	m.u.TERM_INPUT.slot = slot;
	m.u.TERM_INPUT.id = id;
	m.u.TERM_INPUT.step = step;
	m.u.TERM_INPUT.size = n;
	m.u.TERM_INPUT.flags = flags;
	m.fds[0] = memfd_create("step", MFD_CLOEXEC);
	m.nfds = 1;
	assert_int_equal(full_write(m.fds[0], p, n), 0);
	to_role(&r->manager, &m);
	close(m.fds[0]);
}

/* Waits for a message of the role to the manager; false: the deadline passed. */
static bool
hear(struct rig *r, enum msg_id id, struct msg *m)
{
	uint64_t until = clock_mono_us() + DEADLINE_US;

	while (clock_mono_us() < until) {
		struct pollfd p = { .fd = r->manager.fd, .events = POLLIN };
		int got = chan_recv(&r->manager, m);

		assert_int_not_equal(got, -1);
		if (got == 0) {
			poll(&p, 1, 100);
			continue;
		}
		msg_close_fds(m);
		if (m->head.id == id)
			return true;
	}
	return false;
}

static void
assert_taken(struct rig *r, uint64_t id, uint32_t step, uint32_t how, int err)
{
	struct msg m;

	assert_true(hear(r, MSG_TERM_TAKEN, &m));
	assert_int_equal(m.u.TERM_TAKEN.id, id);
	assert_int_equal(m.u.TERM_TAKEN.step, step);
	assert_int_equal(m.u.TERM_TAKEN.how, how);
	assert_int_equal(m.u.TERM_TAKEN.err, err);
}

/* What the program reads until n bytes came; or until the deadline. */
static size_t
read_slave(const struct rig *r, size_t n, char sum[1])
{
	uint64_t until = clock_mono_us() + DEADLINE_US;
	char bytes[4096];
	size_t got = 0;

	while (got < n && clock_mono_us() < until) {
		struct pollfd p = { .fd = r->slave, .events = POLLIN };
		ssize_t k = read(r->slave, bytes, sizeof(bytes));

		if (k <= 0) {
			poll(&p, 1, 10);
			continue;
		}
		for (ssize_t i = 0; i < k; i++)
			*sum = (char)(*sum ^ bytes[i]);
		got += (size_t)k;
	}
	return got;
}

static char *
pattern(size_t n, char sum[1])
{
	char *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		p[i] = (char)('!' + i * 31 % 90);
		*sum = (char)(*sum ^ p[i]);
	}
	return p;
}

static void
a_step_is_written_once(void **state)
{
	struct rig *r = *state;
	char sum = 0;

	send_step(r, SLOT, 5, 1, 0, "hello", 5);
	assert_taken(r, 5, 1, TERM_TAKEN_OK, 0);
	send_step(r, SLOT, 5, 1, 0, "hello", 5);
	assert_taken(r, 5, 1, TERM_TAKEN_OK, 0);
	kill_role(r);
	start(r);
	send_step(r, SLOT, 5, 1, 0, "hello", 5);
	assert_taken(r, 5, 1, TERM_TAKEN_OK, 0);
	send_step(r, SLOT, 5, 2, 0, "\r", 1);
	assert_taken(r, 5, 2, TERM_TAKEN_OK, 0);
	assert_int_equal(read_slave(r, 6, &sum), 6);
	assert_int_equal(read(r->slave, &sum, 1), -1);
}

/* Who asks hears something: else the manager would wait for ever. */
static void
a_step_of_no_session_is_refused(void **state)
{
	struct rig *r = *state;

	send_step(r, NO_SLOT, 5, 1, 0, "hello", 5);
	assert_taken(r, 0, 0, TERM_TAKEN_REFUSED, ENOENT);
	send_step(r, UINT32_MAX, 5, 1, 0, "hello", 5);
	assert_taken(r, 0, 0, TERM_TAKEN_REFUSED, ENOENT);
}

/* The manager hears of the password as well, so that it does not try each second. */
static void
a_password_is_not_typed(void **state)
{
	struct rig *r = *state;
	struct msg m;

	do
		assert_true(hear(r, MSG_TERM_STATE, &m));
	while ((m.u.TERM_STATE.flags & TERM_MOVES) != 0);
	set_mode(r, true, false);
	send_step(r, SLOT, 5, 1, TERM_INPUT_ECHO, "hello", 5);
	assert_taken(r, 0, 0, TERM_TAKEN_REFUSED, EPERM);
	assert_true(hear(r, MSG_TERM_STATE, &m));
	assert_true((m.u.TERM_STATE.flags & TERM_PASSWORD) != 0);
	send_step(r, SLOT, 5, 1, 0, "hello", 5);
	assert_taken(r, 5, 1, TERM_TAKEN_OK, 0);
}

/* Of a line that is too long the kernel drops the rest: it was not delivered. */
static void
a_line_that_cannot_be_read_is_refused(void **state)
{
	struct rig *r = *state;
	char sum = 0, got = 0, *p = pattern(LINE_MAX_BYTES + 1, &sum);

	set_mode(r, true, true);
	send_step(r, SLOT, 5, 1, 0, p, LINE_MAX_BYTES + 1);
	assert_taken(r, 0, 0, TERM_TAKEN_REFUSED, EMSGSIZE);
	sum = (char)(sum ^ p[LINE_MAX_BYTES] ^ '\n');
	p[LINE_MAX_BYTES] = '\n';
	send_step(r, SLOT, 5, 1, 0, p, LINE_MAX_BYTES + 1);
	assert_taken(r, 5, 1, TERM_TAKEN_OK, 0);
	assert_int_equal(read_slave(r, LINE_MAX_BYTES + 1, &got), LINE_MAX_BYTES + 1);
	assert_int_equal(got, sum);
	free(p);
}

/* The log's disk is full: the program waits with what it writes, not with what it reads.
 */
static void
a_full_log_does_not_hold_input(void **state)
{
	enum { TEXT = 300 * 1000 };
	struct rig *r = *state;
	char sum = 0, got = 0, *p = pattern(TEXT, &sum);
	unsigned quiet = 0;

	/* Lines, until nobody has taken any for a while. */
	while (quiet < 50) {
		struct pollfd w = { .fd = r->slave, .events = POLLOUT };

		quiet = write(r->slave, "some line of it\r\n", 17) > 0 ? 0 : quiet + 1;
		if (quiet > 0)
			poll(&w, 1, 20);
	}
	send_step(r, SLOT, 5, 1, 0, p, TEXT);
	assert_int_equal(read_slave(r, TEXT, &got), TEXT);
	assert_int_equal(got, sum);
	assert_taken(r, 5, 1, TERM_TAKEN_OK, 0);
	free(p);
}

/* ---- viewers ---- */

/* Its call is on the way to the role; our end of its connection. */
static int
call_attach(struct rig *r, const char *request)
{
	int pair[2];
	struct msg m;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	msg_init(&m, MSG_TERM_VIEWER);
	m.u.TERM_VIEWER.request_size = strlen(request);
	m.fds[0] = pair[1];
	m.fds[1] = memfd_create("request", MFD_CLOEXEC);
	m.nfds = 2;
	assert_int_equal(full_write(m.fds[1], request, strlen(request)), 0);
	to_role(&r->manager, &m);
	msg_close_fds(&m);
	return pair[0];
}

/* One that may type, after the reply to its call. */
static int
attach(struct rig *r)
{
	int fd = call_attach(r, "{\"slot\":1,\"who\":\"me\"}");
	char c = 1;

	while (c != '\0')
		assert_int_equal(read(fd, &c, 1), 1);
	return fd;
}

static void
assert_refused(int fd, const char *error)
{
	char text[512] = "";
	size_t n = 0;
	ssize_t got;

	while (
	    n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0)
		n += (size_t)got;
	assert_true(n > 0 && text[n - 1] == '\0');
	assert_non_null(strstr(text, error));
	close(fd);
}

/* Of a session that has just ended, or that init has not told of yet. */
static void
a_viewer_of_no_session_gets_an_answer(void **state)
{
	struct rig *r = *state;

	assert_refused(call_attach(r, "{\"slot\":3,\"who\":\"me\"}"),
	    "\"io.supd.Session.TerminalUnavailable\"");
}

static void
send_frame(int fd, char what, const char *p, size_t n)
{
	unsigned char head[5] = { (unsigned char)what, (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };

	assert_int_equal(full_write(fd, head, sizeof(head)), 0);
	assert_int_equal(full_write(fd, p, n), 0);
}

/* As it is pasted into a program that reads in its own time. */
static void
all_that_is_pasted_arrives(void **state)
{
	enum { TEXT = 400 * 1000, PIECE = 4096 };
	struct rig *r = *state;
	char sum = 0, got = 0, *p = pattern(TEXT, &sum);
	int fd = attach(r);

	for (size_t at = 0; at < TEXT; at += PIECE)
		send_frame(fd, FRAME_INPUT, p + at,
		    TEXT - at < PIECE ? TEXT - at : (size_t)PIECE);
	assert_int_equal(read_slave(r, TEXT, &got), TEXT);
	assert_int_equal(got, sum);
	close(fd);
	free(p);
}

static size_t
resident_bytes(pid_t pid)
{
	char path[64];
	unsigned long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*u %lu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* It said that it goes, does not read what it is owed, and goes on to send. */
static void
a_viewer_that_goes_is_not_stored(void **state)
{
	enum { DRAWN = 4 * 1024 * 1024, MANY = 64 * 1024 * 1024, PIECE = 16 * 1024 };
	struct rig *r = *state;
	char *p = malloc(PIECE), waste[4096];
	int fd = attach(r);
	size_t before, done = 0;

	/* More than its socket and what waits for it can take. */
	memset(p, 'a', PIECE);
	while (done < DRAWN) {
		struct pollfd w = { .fd = r->slave, .events = POLLOUT };
		ssize_t n = write(r->slave, p, PIECE);

		while (read(r->log, waste, sizeof(waste)) > 0)
			;
		if (n > 0)
			done += (size_t)n;
		else
			poll(&w, 1, 10);
	}
	send_frame(fd, FRAME_DETACH, "", 0);
	before = resident_bytes(r->pid);
	for (size_t sent = 0; sent < MANY; sent += PIECE)
		assert_int_equal(full_write(fd, p, PIECE), 0);
	assert_true(resident_bytes(r->pid) < before + MANY / 4);
	close(fd);
	free(p);
}

/* Its user has the FIFO, and may do with it what he likes; all others have the role. */
static void
a_session_without_its_log_pipe_is_one_all_the_same(void **state)
{
	enum { MANY = 200000 };
	struct rig *r = *state;
	char path[160], lines[4096], sum[1] = { 0 };

	send_step(r, SLOT, 4, 1, 0, "x", 1);
	assert_taken(r, 4, 1, TERM_TAKEN_OK, 0);
	assert_int_equal(read_slave(r, 1, sum), 1);
	kill_role(r);
	snprintf(path, sizeof(path), "%s/fifo/%d.out", r->dir, SLOT);
	assert_int_equal(unlink(path), 0);
	start(r);
	memset(lines, '\n', sizeof(lines));
	for (size_t sent = 0; sent < MANY;) {
		struct pollfd w = { .fd = r->slave, .events = POLLOUT };
		ssize_t n = write(r->slave, lines, sizeof(lines));

		if (n > 0)
			sent += (size_t)n;
		else
			assert_int_not_equal(poll(&w, 1, DEADLINE_US / 1000), 0);
	}
	send_step(r, SLOT, 5, 1, 0, "hello", 5);
	assert_taken(r, 5, 1, TERM_TAKEN_OK, 0);
	assert_int_equal(read_slave(r, 5, sum), 5);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_step_is_written_once),
		TEST(a_step_of_no_session_is_refused),
		TEST(a_password_is_not_typed),
		TEST(a_line_that_cannot_be_read_is_refused),
		TEST(a_full_log_does_not_hold_input),
		TEST(a_viewer_of_no_session_gets_an_answer),
		TEST(all_that_is_pasted_arrives),
		TEST(a_viewer_that_goes_is_not_stored),
		TEST(a_session_without_its_log_pipe_is_one_all_the_same),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
