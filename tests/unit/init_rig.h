/*
 * The rig of the tests of init as a real process.  The table's descriptor of the binary
 * is the test program itself, so that init executes it as its roles: a role here hands
 * its end of the channel to the test, which then speaks as manager and logger.
 *
 * main() of such a program begins with rig_part().
 */
#ifndef SUPD_TESTS_INIT_RIG_H
#define SUPD_TESTS_INIT_RIG_H

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/init.h"
#include "proto/chan.h"
#include "proto/spec.h"
#include "proto/table.h"

#define UNUSED __attribute__((unused))

enum {
	NSLOTS = 8,
	DEADLINE_MS = 30000,
	ORPHANS = 4096,
	SMALL = 512,
};
#define SOCK_ENV "SUPD_TEST_SOCK"

struct peer {
	struct chan chan;
	int32_t pid;
};

struct rig {
	char dir[64];
	int listen_fd, table_fd, run_fd;
	struct table *table;
	uint64_t bytes;
	pid_t init;
	struct peer manager, logger;
	int log_fd[NSLOTS][2]; /* read ends as the logger got them */
	bool silent;           /* answer no pings */
	bool keep_logs;        /* do not say LOG_DONE */
	uint64_t seq;
};

/* ---- the parts that init executes ---------------------------------------------------
 */

static UNUSED int
send_end(int to, int32_t role)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ctl;
	int32_t who[2] = { role, getpid() };
	struct iovec iov = { who, sizeof(who) };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.bytes,
		.msg_controllen = sizeof(ctl.bytes) };
	struct cmsghdr *cm;
	int fd = ROLE_FD_CHAN;

	memset(&ctl, 0, sizeof(ctl));
	cm = CMSG_FIRSTHDR(&h);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cm), &fd, sizeof(fd));
	return sendmsg(to, &h, 0) == -1 ? -1 : 0;
}

static UNUSED int
role_main(int32_t role)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct pollfd pfd = { ROLE_FD_CHAN, POLLRDHUP, 0 };
	int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", getenv(SOCK_ENV));
	if (s == -1 || connect(s, (struct sockaddr *)&sa, sizeof(sa)) == -1 ||
	    send_end(s, role) == -1)
		return 1;
	/* A logger ends when init says that there is nothing more. */
	while (role != ROLE_LOGGER || poll(&pfd, 1, -1) != 1)
		if (role != ROLE_LOGGER)
			pause();
	return 0;
}

/* n orphans: children of a child that ends before them. */
static UNUSED int
orphans_main(int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (fork() == -1)
				_exit(1);
			_exit(0);
		}
		if (pid == -1 || waitpid(pid, NULL, 0) == -1)
			i--;
	}
	return 0;
}

/* ---- the rig ------------------------------------------------------------------------
 */

static UNUSED uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static UNUSED void
pipe_fds(struct table *t, enum table_fd r, enum table_fd w)
{
	int p[2];

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	t->fd[r] = p[0];
	t->fd[w] = p[1];
}

static UNUSED void
rig_prepare(struct rig *g)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct table *t;

	memset(g, 0, sizeof(*g));
	memset(g->log_fd, -1, sizeof(g->log_fd));
	g->manager.chan.fd = g->logger.chan.fd = -1;
	snprintf(g->dir, sizeof(g->dir), "/tmp/supd-init.XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	assert_int_equal(chmod(g->dir, 0755), 0);
	g->run_fd = open(g->dir, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(g->run_fd, "fifo", 0711), 0);
	assert_int_equal(mkdirat(g->run_fd, "n", 0711), 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/ctl", g->dir);
	setenv(SOCK_ENV, sa.sun_path, 1);
	g->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(g->listen_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(g->listen_fd, 64), 0);

	g->bytes = table_bytes(NSLOTS);
	g->table_fd = memfd_create("table", 0);
	assert_int_equal(ftruncate(g->table_fd, (off_t)g->bytes), 0);
	t = mmap(NULL, g->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g->table_fd, 0);
	assert_ptr_not_equal(t, MAP_FAILED);
	table_init(t, NSLOTS);
	snprintf(t->root, sizeof(t->root), "%s", g->dir);
	snprintf(t->run, sizeof(t->run), "%s", g->dir);
	assert_true(readlink("/proc/self/exe", t->exe, sizeof(t->exe) - 1) > 0);
	t->fd[FD_TABLE] = g->table_fd;
	t->fd[FD_RUN] = g->run_fd;
	t->fd[FD_ROOT] = open(g->dir, O_RDONLY | O_DIRECTORY);
	t->fd[FD_EXE] = open("/proc/self/exe", O_RDONLY);
	t->fd[FD_LOCK] = open("/dev/null", O_RDONLY);
	t->fd[FD_RING] = open("/dev/null", O_RDWR);
	t->fd[FD_WAKE] = open("/dev/null", O_RDWR);
	t->fd[FD_CONTROL] = open("/dev/null", O_RDWR);
	pipe_fds(t, FD_SCRATCH_R, FD_SCRATCH_W);
	pipe_fds(t, FD_STAGING_R, FD_STAGING_W);
	t->settings.shutdown_us = 20 * 1000000;
	g->table = t;
}

/* What the process does just before it becomes init; NULL: nothing. */
static void (*rig_before_exec)(void);
static uint64_t rig_namespaces; /* that it is PID 1 of: CLONE_NEW* */

static UNUSED pid_t
rig_fork(void)
{
	struct clone_args a = { .flags = rig_namespaces, .exit_signal = SIGCHLD };

	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

static UNUSED void
rig_exec(struct rig *g)
{
	char number[16], title[128];
	char *argv[] = { title, NULL };

	snprintf(number, sizeof(number), "%d", g->table_fd);
	setenv(INIT_TABLE_ENV, number, 1);
	snprintf(title, sizeof(title), "supd: init %s", g->dir);
	fflush(NULL);
	g->init = rig_fork();
	assert_int_not_equal(g->init, -1);
	if (g->init == 0) {
		if (rig_before_exec != NULL)
			rig_before_exec();
		execv("/proc/self/exe", argv);
		_exit(99);
	}
}

static UNUSED void
take_end(struct rig *g)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ctl;
	int32_t who[2];
	struct iovec iov = { who, sizeof(who) };
	struct msghdr h = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = ctl.bytes,
		.msg_controllen = sizeof(ctl.bytes) };
	int s = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC), fd = -1;
	struct cmsghdr *cm;
	struct peer *p;

	assert_int_not_equal(s, -1);
	if (recvmsg(s, &h, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(who)) {
		close(s); /* killed before it spoke */
		return;
	}
	cm = CMSG_FIRSTHDR(&h);
	if (cm == NULL)
		fail_msg("a role without its channel");
	else
		memcpy(&fd, CMSG_DATA(cm), sizeof(fd));
	close(s);
	p = who[0] == ROLE_MANAGER ? &g->manager : &g->logger;
	if (p->chan.fd != -1)
		close(p->chan.fd);
	p->chan = (struct chan){ fd, (enum role)who[0], ROLE_INIT };
	p->pid = who[1];
}

static UNUSED void
send_to(struct peer *p, const struct msg *m)
{
	assert_int_equal(chan_send(&p->chan, m), 1);
}

/* What a logger does by itself. */
static UNUSED void
logger_answer(struct rig *g, struct msg *m)
{
	struct msg a;
	uint32_t slot = m->u.LOG_OPEN.slot;

	if (m->head.id == MSG_LOG_OPEN && slot < NSLOTS) {
		for (int i = 0; i < 2; i++) {
			if (g->log_fd[slot][i] != -1)
				close(g->log_fd[slot][i]);
			g->log_fd[slot][i] = m->fds[i];
			m->fds[i] = -1;
		}
	} else if (m->head.id == MSG_LOG_CLOSE && !g->keep_logs) {
		msg_init(&a, MSG_LOG_DONE);
		a.u.LOG_DONE.slot = slot;
		send_to(&g->logger, &a);
	} else if (m->head.id == MSG_LOG_PING && !g->silent) {
		msg_init(&a, MSG_LOG_PONG);
		a.u.LOG_PONG.seq = m->u.LOG_PING.seq;
		send_to(&g->logger, &a);
	}
	msg_close_fds(m);
}

static UNUSED void
close_peer(struct peer *p)
{
	if (p->chan.fd != -1)
		close(p->chan.fd);
	p->chan.fd = -1;
	p->pid = 0;
}

/* One message for the manager into *m (true), or something else happened (false). */
static UNUSED bool
step(struct rig *g, struct msg *m, uint64_t until)
{
	struct pollfd pfd[3] = { { g->listen_fd, POLLIN, 0 },
		{ g->manager.chan.fd, POLLIN, 0 }, { g->logger.chan.fd, POLLIN, 0 } };
	struct msg a;
	int n, ms = until > now_ms() ? (int)(until - now_ms()) : 0;

	n = poll(pfd, 3, ms);
	if (n == 0)
		fail_msg("nothing came in time");
	if (pfd[2].revents != 0) {
		n = chan_recv(&g->logger.chan, &a);
		if (n == 1)
			logger_answer(g, &a);
		else if (n == -1)
			close_peer(&g->logger);
	}
	if (pfd[1].revents != 0) {
		n = chan_recv(&g->manager.chan, m);
		if (n == -1)
			close_peer(&g->manager);
		if (n == 1 && m->head.id == MSG_PING && !g->silent) {
			msg_init(&a, MSG_PONG);
			a.u.PONG.seq = m->u.PING.seq;
			send_to(&g->manager, &a);
		} else if (n == 1) {
			return true;
		}
	}
	if (pfd[0].revents != 0)
		take_end(g);
	return false;
}

/* Read until a message of this id; what comes before it is dropped. */
static UNUSED void
want(struct rig *g, enum msg_id id, struct msg *m)
{
	uint64_t until = now_ms() + DEADLINE_MS;

	for (;;) {
		if (!step(g, m, until))
			continue;
		if (m->head.id == id)
			return;
		msg_close_fds(m);
	}
}

static UNUSED void
want_fds_closed(struct rig *g, enum msg_id id)
{
	struct msg m;

	want(g, id, &m);
	msg_close_fds(&m);
}

static UNUSED void
rig_start(struct rig *g)
{
	rig_prepare(g);
	rig_exec(g);
	want_fds_closed(g, MSG_REPLAY_END);
}

/* End whatever became ours. */
static UNUSED void
rig_stop(struct rig *g)
{
	if (g->init > 0)
		kill(g->init, SIGKILL);
	for (int round = 0; round < 1000; round++) {
		char path[64], text[4096] = { 0 };
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
		f = fopen(path, "r");
		assert_non_null(f);
		if (fgets(text, sizeof(text), f) == NULL)
			text[0] = '\0';
		fclose(f);
		if (text[0] == '\0')
			break;
		for (char *p = text; *p >= '0' && *p <= '9'; p += strspn(p, " "))
			kill((pid_t)strtol(p, &p, 10), SIGKILL);
		waitpid(-1, NULL, 0);
	}
	close_peer(&g->manager);
	close_peer(&g->logger);
	for (int i = 0; i < NSLOTS; i++) {
		for (int k = 0; k < 2; k++)
			if (g->log_fd[i][k] != -1)
				close(g->log_fd[i][k]);
	}
	for (int i = 0; i < FD_N; i++) {
		if (g->table->fd[i] > 2 && i != FD_TABLE && i != FD_EXE)
			close(g->table->fd[i]);
	}
	close(g->listen_fd);
	close(g->table_fd);
	munmap(g->table, g->bytes);
	char cmd[128];
	snprintf(cmd, sizeof(cmd), "rm -rf --one-file-system '%s'", g->dir);
	assert_int_equal(system(cmd), 0);
}

/* ---- requests -----------------------------------------------------------------------
 */

static UNUSED void
slot_open(struct rig *g, uint32_t slot, bool notify, bool cgroup)
{
	struct msg m;

	msg_init(&m, MSG_SLOT_OPEN);
	m.u.SLOT_OPEN.slot = slot;
	m.u.SLOT_OPEN.want_notify = notify;
	m.u.SLOT_OPEN.want_cgroup = cgroup;
	m.u.SLOT_OPEN.uid = m.u.SLOT_OPEN.gid = -1;
	memset(m.u.SLOT_OPEN.invocation, (int)slot + 1, 16);
	snprintf(m.u.SLOT_OPEN.unit, PROTO_UNIT_MAX, "unit%u.service", slot);
	snprintf(m.u.SLOT_OPEN.log.name, PROTO_NAME_MAX, "unit%u", slot);
	snprintf(m.u.SLOT_OPEN.log.ref, PROTO_REF_MAX, "1700000000000");
	send_to(&g->manager, &m);
}

/* How the processes of a test are asked for. */
static enum msg_id spawn_id = MSG_SPAWN;

static UNUSED uint64_t
spawn_spec(struct rig *g, uint32_t slot, uint32_t kind, struct spec_buf *b)
{
	struct msg m;

	msg_init(&m, spawn_id);
	m.u.SPAWN.slot = slot;
	m.u.SPAWN.kind = kind;
	memset(m.u.SPAWN.invocation, (int)slot + 1, 16);
	m.u.SPAWN.seq = ++g->seq;
	m.fds[0] = spec_seal(b, &m.u.SPAWN.spec_size);
	assert_int_not_equal(m.fds[0], -1);
	m.nfds = 1;
	send_to(&g->manager, &m);
	close(m.fds[0]);
	spec_buf_clear(b);
	return g->seq;
}

static UNUSED void
sh(struct spec_buf *b, const char *script)
{
	spec_buf_init(b);
	spec_put_str(b, SPEC_PATH, "/bin/sh");
	spec_put_str(b, SPEC_ARG, "sh");
	spec_put_str(b, SPEC_ARG, "-c");
	spec_put_str(b, SPEC_ARG, script);
	spec_put_str(b, SPEC_ENV, "PATH=/usr/bin:/bin");
}

static UNUSED uint64_t
spawn_sh(struct rig *g, uint32_t slot, uint32_t kind, const char *script)
{
	struct spec_buf b;

	sh(&b, script);
	return spawn_spec(g, slot, kind, &b);
}

/* A context that is none, with these seals (0: without one). */
static UNUSED void
spawn_zeroes(struct rig *g, uint32_t slot, int seals)
{
	struct msg m;

	msg_init(&m, MSG_SPAWN);
	m.u.SPAWN.slot = slot;
	memset(m.u.SPAWN.invocation, (int)slot + 1, 16);
	m.u.SPAWN.seq = 9;
	m.u.SPAWN.spec_size = 4096;
	m.fds[0] = memfd_create("x", MFD_CLOEXEC | (seals == 0 ? 0U : MFD_ALLOW_SEALING));
	assert_int_equal(ftruncate(m.fds[0], 4096), 0);
	if (seals != 0)
		assert_int_equal(fcntl(m.fds[0], F_ADD_SEALS, seals), 0);
	m.nfds = 1;
	send_to(&g->manager, &m);
	msg_close_fds(&m);
}

static UNUSED void
halt(struct rig *g, enum halt_how how, int32_t status)
{
	struct msg m;

	msg_init(&m, MSG_HALT);
	m.u.HALT.how = how;
	m.u.HALT.status = status;
	send_to(&g->manager, &m);
}

static UNUSED void
send_signal(struct rig *g, uint32_t slot, enum signal_scope scope, int signo)
{
	struct msg m;

	msg_init(&m, MSG_SIGNAL);
	m.u.SIGNAL.slot = slot;
	m.u.SIGNAL.scope = scope;
	m.u.SIGNAL.signo = signo;
	send_to(&g->manager, &m);
}

static UNUSED void
ack(struct rig *g, const struct msg *exit)
{
	struct msg m;

	msg_init(&m, MSG_EXIT_ACK);
	m.u.EXIT_ACK.slot = exit->u.EXIT.slot;
	m.u.EXIT_ACK.kind = exit->u.EXIT.kind;
	m.u.EXIT_ACK.pid = exit->u.EXIT.pid;
	m.u.EXIT_ACK.seq = exit->u.EXIT.seq;
	send_to(&g->manager, &m);
}

static UNUSED void
send_slot(struct rig *g, enum msg_id id, uint32_t slot)
{
	struct msg m;

	msg_init(&m, id);
	m.u.WATCH_EMPTY.slot = slot;
	send_to(&g->manager, &m);
}

static UNUSED int32_t
want_execed(struct rig *g, uint32_t slot)
{
	struct msg m;

	do {
		want(g, MSG_STARTED, &m);
	} while (!m.u.STARTED.execed || m.u.STARTED.slot != slot);
	return m.u.STARTED.pid;
}

/* The first bytes that come out of the log pipe of a slot, up to a newline. */
static UNUSED void
want_line(struct rig *g, uint32_t slot, int stream, const char *text)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	char buf[SMALL] = { 0 };
	size_t n = 0;
	struct msg m;

	while (g->log_fd[slot][stream] == -1) {
		if (step(g, &m, until))
			msg_close_fds(&m);
	}
	while (n < sizeof(buf) - 1 && (n == 0 || buf[n - 1] != '\n')) {
		struct pollfd pfd = { g->log_fd[slot][stream], POLLIN, 0 };

		assert_int_equal(poll(&pfd, 1, DEADLINE_MS), 1);
		ssize_t r = read(pfd.fd, buf + n, 1);
		if (r == 1)
			n++;
		else if (now_ms() > until)
			fail_msg("no line came in time");
	}
	assert_string_equal(buf, text);
}

/* Kill a role, once it is there. */
static UNUSED void
kill_role(struct rig *g, struct peer *p)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct msg m;

	while (p->pid == 0) {
		if (step(g, &m, until))
			msg_close_fds(&m);
	}
	assert_int_equal(kill(p->pid, SIGKILL), 0);
	close_peer(p);
}

static UNUSED int
wait_for_init(struct rig *g)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	int st = 0;

	for (;;) {
		struct pollfd pfd[2] = { { g->logger.chan.fd, POLLIN, 0 },
			{ g->listen_fd, POLLIN, 0 } };
		struct msg m;

		if (waitpid(g->init, &st, WNOHANG) == g->init)
			break;
		assert_true(now_ms() < until);
		if (poll(pfd, 2, 20) > 0 && step(g, &m, until))
			msg_close_fds(&m);
	}
	g->init = 0;
	assert_true(WIFEXITED(st));
	return WEXITSTATUS(st);
}

/* A folder of the second hierarchy of our own into path, opened; -1: none can be made. */
static UNUSED int
open_test_cgroup(char *path, size_t size)
{
	const char *base = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0
			       ? "/sys/fs/cgroup"
			       : "/sys/fs/cgroup/unified";
	char own[SMALL] = "/", line[SMALL];
	FILE *f = fopen("/proc/self/cgroup", "r");
	int n;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "0::", 3) == 0)
			snprintf(own, sizeof(own), "%.*s", (int)strcspn(line + 3, "\n"),
			    line + 3);
	}
	if (f != NULL)
		fclose(f);
	n = snprintf(path, size, "%s%s/supd-test-init.%d", base, own, getpid());
	if (n < 0 || (size_t)n >= size || mkdir(path, 0755) == -1)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY);
}

/* The same as rig_prepare, with that folder for its cgroups; where none can be made, the
 * test is skipped. */
static UNUSED void
rig_prepare_in_cgroup(struct rig *g, char *path, size_t size)
{
	int fd = open_test_cgroup(path, size);

	if (fd == -1) {
		print_message("# SKIP no cgroup version 2 folder can be made here\n");
		skip();
	}
	rig_prepare(g);
	g->table->fd[FD_CGROUP] = fd;
}

/* A pipe whose read end init keeps as number 1; the write end. */
static UNUSED int
store_pipe(struct rig *g)
{
	struct msg m;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	msg_init(&m, MSG_FD_PUT);
	snprintf(m.u.FD_PUT.unit, PROTO_UNIT_MAX, "unit2.service");
	snprintf(m.u.FD_PUT.fdname, PROTO_FDNAME_MAX, "in");
	m.fds[0] = p[0];
	m.nfds = 1;
	send_to(&g->manager, &m);
	close(p[0]);
	want(g, MSG_STORED, &m);
	assert_int_equal(m.u.STORED.id, 1);
	msg_close_fds(&m);
	return p[1];
}

/*
 * Is this one of the programs that init executes?  Then *rc is its exit status.  Else
 * this is the test: a pattern as argument picks tests by name.
 */
static bool
rig_part(int argc, char **argv, int *rc)
{
	if (strncmp(argv[0], "supd: init", 10) == 0)
		*rc = init_main();
	else if (strncmp(argv[0], "supd: check", 11) == 0)
		*rc = init_check();
	else if (strncmp(argv[0], "supd: manager", 13) == 0)
		*rc = role_main(ROLE_MANAGER);
	else if (strncmp(argv[0], "supd: logger", 12) == 0)
		*rc = role_main(ROLE_LOGGER);
	else if (strcmp(argv[0], "orphans") == 0)
		*rc = orphans_main(ORPHANS);
	else {
		if (argc > 1)
			cmocka_set_test_filter(argv[1]);
		prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0, 0, 0);
		signal(SIGPIPE, SIG_IGN);
		return false;
	}
	return true;
}

#endif
