/*
 * The roles as processes, and the channel of each.  What comes out of a channel is
 * handed on here; greet.c knows what is to go into it.
 */
#include "init/role.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "init/child.h"
#include "init/complain.h"
#include "init/core.h"
#include "init/fdstore.h"
#include "init/greet.h"
#include "init/halt.h"
#include "init/init.h"
#include "init/pty.h"
#include "init/pulse.h"
#include "init/reexec.h"
#include "init/slot.h"
#include "init/spawn.h"

enum {
	TURN = 128,                /* messages of one role before the other's */
	QUICK_US = 30 * SECOND_US, /* a role that lives longer is well */
	FIRST_DELAY_US = SECOND_US / 10,
	RETRY_US = SECOND_US / 50,    /* descriptors in flight: no event tells the end */
	ROLE_FDS = 8 + ROLE_FD_EXTRA, /* room for a role's descriptors */
	LIFT = 64,
};

struct link {
	struct chan chan;
	bool up;     /* it runs: greet.c knows how far its greeting is */
	bool writes; /* EPOLLOUT is watched: the channel was full */
	uint64_t retry_at;
	uint64_t born_at;
	uint64_t start_at; /* NEVER: it runs, or is not to be started */

	bool was_killed, was_hung;
	bool role_owed; /* the manager has to hear how it was started again */
	uint32_t last_how;
	int32_t last_status;
};

extern char **environ;

static struct link links[ROLE_N];
static bool no_respawn;

static const enum role all_roles[] = { ROLE_LOGGER, ROLE_TERMINAL, ROLE_MANAGER };
#define FOR_EACH_ROLE(r)                                                     \
	for (size_t n_ = 0; n_ < sizeof(all_roles) / sizeof(all_roles[0]) && \
			    ((r) = all_roles[n_], true);                     \
	     n_++)

const char *
role_name(enum role r)
{
	static const char *const names[ROLE_N] = { "nobody", "init", "manager", "logger",
		"terminal" };

	return names[r];
}

bool
role_is_up(enum role r)
{
	return links[r].up;
}

bool
role_is_live(enum role r)
{
	return links[r].up && greet_is_done(r);
}

int32_t
role_pid(enum role r)
{
	return tab->role[r].pid;
}

bool
role_is_pid(int32_t pid)
{
	enum role r;

	FOR_EACH_ROLE(r)
	{
		if (pid == tab->role[r].pid)
			return true;
	}
	return false;
}

/* ---- starting -----------------------------------------------------------------------
 */

/* Descriptors of a role in the order of enum role_fd; how many. */
static int
role_fds(enum role r, int chan_fd, int *fds)
{
	static const enum table_fd common[] = { FD_LOCK, FD_ROOT, FD_RUN, FD_TABLE,
		FD_RING, FD_WAKE };
	static const struct {
		size_t n;
		enum table_fd fd[4];
	} extra[ROLE_N] = {
		[ROLE_MANAGER] = { 2, { FD_CONTROL, FD_CGROUP } },
		[ROLE_LOGGER] = { 4,
		    { FD_SCRATCH_R, FD_SCRATCH_W, FD_STAGING_R, FD_STAGING_W } },
		[ROLE_TERMINAL] = { 2, { FD_LINES_R, FD_LINES_W } },
	};
	int n = 0;

	static_assert(
	    ROLE_FD_CHAN == 3 && ROLE_FD_LOCK == 4 && ROLE_FD_WAKE == 9, "order");
	fds[n++] = chan_fd;
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++)
		fds[n++] = tab->fd[common[i]];
	for (size_t i = 0; i < extra[r].n; i++)
		fds[n++] = tab->fd[extra[r].fd[i]];
	return n;
}

/* What a terminal or a person sends to the whole group is for init to decide. */
static void
ignore_signals(void)
{
	static const int list[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
		SIGPWR, SIGTTOU, SIGPIPE };

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		(void)signal(list[i], SIG_IGN);
}

static _Noreturn void
become_role(enum role r, int chan_fd, pid_t parent)
{
	static char title[TABLE_PATH_MAX + 32];
	char *argv[2] = { title, NULL }, *p = title;
	const char *end = title + sizeof(title);
	int fds[ROLE_FDS], n, exe, null;

	child_detach();
	ignore_signals();
	/* A role without init would only be in the way of the next supd. */
	if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0, 0, 0) == -1 ||
	    getppid() != parent)
		_exit(INIT_ROLE_FAILURE);
	n = role_fds(r, chan_fd, fds);
	exe = fcntl(tab->fd[FD_EXE], F_DUPFD_CLOEXEC, LIFT);
	for (int i = 0; i < n; i++) {
		if (fds[i] != -1)
			fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, LIFT);
	}
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (exe == -1 || (null != -1 && dup2(null, STDIN_FILENO) == -1))
		_exit(INIT_ROLE_FAILURE);
	for (int i = 0; i < n; i++) {
		if (fds[i] != -1 && dup2(fds[i], 3 + i) == -1)
			_exit(INIT_ROLE_FAILURE);
	}
	put_text(&p, end, "supd: ");
	put_text(&p, end, role_name(r));
	put_text(&p, end, " ");
	put_text(&p, end, tab->root);
	(void)syscall(SYS_execveat, exe, "", argv, environ, AT_EMPTY_PATH);
	_exit(INIT_ROLE_FAILURE);
}

static uint64_t
backoff_us(uint32_t quick_deaths)
{
	uint64_t max = tab->settings.backoff_max_us, d = FIRST_DELAY_US;

	if (max == 0)
		max = 5 * SECOND_US;
	if (quick_deaths <= 1)
		return 0;
	for (uint32_t i = 2; i < quick_deaths && d < max; i++)
		d *= 2;
	return d < max ? d : max;
}

static void
start_failed(enum role r, int err)
{
	init_complain("cannot start the role", role_name(r), err);
	links[r].start_at = now_us() + SECOND_US;
}

static void
start_role(enum role r)
{
	struct link *l = &links[r];
	pid_t parent = getpid(), pid;
	int fds[2];

	l->start_at = NEVER;
	if (chan_pair(fds) == -1) {
		start_failed(r, errno);
		return;
	}
	pid = fork();
	if (pid == 0)
		become_role(r, fds[1], parent);
	close(fds[1]);
	if (pid == -1 || watch_add(fds[0], EPOLLIN, WATCH_ROLE, (uint32_t)r, 0) == -1) {
		start_failed(r, errno);
		close(fds[0]);
		if (pid > 0)
			(void)kill(pid, SIGKILL); /* reaped as one of nobody */
		return;
	}
	keep_over_exec(fds[0]);
	tab->role[r].pid = pid;
	tab->role[r].chan_fd = fds[0];
	l->chan = (struct chan){ fds[0], ROLE_INIT, r };
	l->up = true;
	l->writes = l->was_killed = false;
	l->retry_at = NEVER;
	l->born_at = now_us();
	greet_begin(r);
	pulse_begin(r);
}

/* ---- sending ------------------------------------------------------------------------
 */

int
role_send(enum role r, const struct msg *m)
{
	struct link *l = &links[r];
	int n;

	if (!l->up || l->was_killed)
		return 0;
	n = chan_send(&l->chan, m);
	if (n == 1) {
		if (m->head.id != MSG_PING && m->head.id != MSG_LOG_PING &&
		    m->head.id != MSG_TERM_PING)
			pulse_note(r);
		return 1;
	}
	if (n == 0 && errno == EAGAIN) {
		pulse_note(r);
		if (!l->writes && watch_change(l->chan.fd, EPOLLIN | EPOLLOUT, WATCH_ROLE,
				      (uint32_t)r, 0) == 0)
			l->writes = true;
	} else if (n == 0) {
		/* Too many descriptors in flight: the socket looks writable meanwhile. */
		l->retry_at = now_us() + RETRY_US;
	} else if (errno != EPIPE && errno != ECONNRESET) {
		/* Its end closed is told by the channel itself; else it is our fault. */
		init_complain("cannot send", msg_name(m->head.id), errno);
		l->retry_at = now_us() + SECOND_US;
	}
	return 0;
}

static void
check_alive(enum role r, uint64_t now)
{
	struct link *l = &links[r];

	if (!l->up || l->was_killed || !pulse_is_lost(r, now))
		return;
	init_complain("does not answer and is killed", role_name(r), 0);
	l->was_hung = l->role_owed = true;
	l->last_how = 0; /* it has not ended yet */
	role_kill(r);
	/* In a system call that cannot be interrupted it stays for now: its successor is
	 * started once it is gone. */
}

static void
flush_role(enum role r)
{
	struct link *l = &links[r];

	if (!l->up || l->writes || l->was_killed || l->retry_at != NEVER)
		return;
	if (greet_go_on(r))
		greet_tell_news(r);
	else if (!l->writes)
		(void)pulse_send_ping(r);
}

static bool
may_start(enum role r)
{
	if (no_respawn)
		return false;
	/* At the end the others still have work; the manager has none. */
	return r == ROLE_MANAGER ? tab->halting == 0 : r == ROLE_LOGGER || pty_is_any();
}

void
role_flush(void)
{
	uint64_t now = now_us();
	enum role r;

	FOR_EACH_ROLE(r)
	{
		struct link *l = &links[r];

		if (now >= l->start_at && may_start(r))
			start_role(r);
		if (now >= l->retry_at)
			l->retry_at = NEVER;
		check_alive(r, now);
		flush_role(r);
	}
}

uint64_t
role_next_us(void)
{
	uint64_t next = NEVER;
	enum role r;

	FOR_EACH_ROLE(r)
	{
		const struct link *l = &links[r];
		uint64_t times[3] = { may_start(r) ? l->start_at : NEVER, l->retry_at,
			l->was_killed ? NEVER : pulse_next_us(r) };

		for (int i = 0; i < 3; i++)
			next = times[i] < next ? times[i] : next;
	}
	return next;
}

/* ---- receiving ----------------------------------------------------------------------
 */

static void
on_signal_pidfd(const struct msg *m)
{
	int signo = m->u.SIGNAL_PIDFD.signo;

	(void)syscall(SYS_pidfd_send_signal, m->fds[0], signo, NULL, 0);
}

static void
handle_manager(struct msg *m)
{
	switch (m->head.id) {
	case MSG_SLOT_OPEN:
		slot_on_open(m);
		break;
	case MSG_SPAWN:
	case MSG_SPAWN_QUICK:
		spawn_on_spawn(m);
		break;
	case MSG_PROC_SET:
		spawn_on_proc_set(m);
		break;
	case MSG_PROC_JOIN:
		spawn_on_proc_join(m);
		break;
	case MSG_SIGNAL:
		slot_on_signal(m);
		break;
	case MSG_SIGNAL_STEP:
		slot_on_signal_step(m);
		break;
	case MSG_SIGNAL_PIDFD:
		on_signal_pidfd(m);
		break;
	case MSG_EXIT_ACK:
		spawn_on_exit_ack(m);
		break;
	case MSG_WATCH_EMPTY:
		slot_on_watch_empty(m);
		break;
	case MSG_SLOT_CLOSE:
		slot_on_close(m);
		break;
	case MSG_FD_PUT:
		fdstore_on_put(m);
		break;
	case MSG_FD_DROP:
		fdstore_on_drop(m);
		break;
	case MSG_FD_ACCEPT:
		fdstore_on_accept(m);
		break;
	case MSG_FD_RENAME:
		fdstore_on_rename(m);
		break;
	case MSG_HALT:
		halt_begin(m->u.HALT.how, m->u.HALT.status);
		break;
	case MSG_REEXEC:
		reexec_on_request();
		break;
	case MSG_SETTINGS:
		tab->settings = m->u.SETTINGS;
		break;
	default:
		break;
	}
}

static void
handle(enum role r, struct msg *m)
{
	switch (m->head.id) {
	case MSG_PONG:
	case MSG_LOG_PONG:
	case MSG_TERM_PONG:
		pulse_on_pong(r, m);
		break;
	default:
		/* What the others do makes work for the logger: both must live. */
		pulse_note(r);
		pulse_note(ROLE_LOGGER);
		if (r == ROLE_MANAGER)
			handle_manager(m);
		else if (m->head.id == MSG_LOG_DONE)
			slot_on_log_done(m);
		else if (m->head.id == MSG_TERM_DONE)
			slot_on_term_done(m);
		break;
	}
	msg_close_fds(m);
}

/* The descriptor limit is reached: this request fails, nobody else suffers. */
static void
without_fds(const struct msg *m)
{
	if (m->head.id == MSG_SPAWN || m->head.id == MSG_SPAWN_QUICK)
		spawn_refuse(m, EMFILE);
	else
		init_complain(
		    "no room for the descriptors of", msg_name(m->head.id), EMFILE);
}

/* Handle what is in the channel: 1 there may be more, 0 empty, -1 the end of it. */
static int
receive(enum role r, int limit)
{
	struct msg m;

	for (int i = 0; i < limit; i++) {
		int n = chan_recv(&links[r].chan, &m);

		if (n == 1) {
			handle(r, &m);
			continue;
		}
		if (n == -1 && errno == EMFILE) {
			without_fds(&m);
			continue;
		}
		if (n == -1 && errno == EPROTO)
			init_complain("breaks the protocol", role_name(r), 0);
		return n;
	}
	return 1;
}

void
role_on_channel(enum role r, uint32_t events)
{
	struct link *l = &links[r];

	if (!l->up)
		return;
	if ((events & EPOLLOUT) != 0 && l->writes) {
		l->writes = false;
		(void)watch_change(l->chan.fd, EPOLLIN, WATCH_ROLE, (uint32_t)r, 0);
	}
	if ((events & ~(uint32_t)EPOLLOUT) == 0 || receive(r, TURN) != -1)
		return;
	/* No role without its channel.  What it sent before was handled; the rest of
	 * its life is over. */
	watch_close(&l->chan.fd);
	tab->role[r].chan_fd = -1;
	role_kill(r);
}

/* ---- its end ------------------------------------------------------------------------
 */

/* Read what it said before it died, then forget what it knew. */
static void
close_channel(enum role r)
{
	struct link *l = &links[r];

	while (l->chan.fd != -1 && receive(r, TURN) == 1)
		;
	watch_close(&l->chan.fd);
	tab->role[r].chan_fd = -1;
	tab->role[r].pid = 0;
	l->up = false;
	l->retry_at = NEVER;
	pulse_end(r);
	greet_forget(r);
}

static int
tell_restart(enum role about)
{
	struct link *l = &links[about];
	struct msg m;

	if (!l->role_owed || !l->up)
		return 1;
	msg_init(&m, MSG_ROLE);
	m.u.ROLE.role = (uint32_t)about;
	m.u.ROLE.pid = tab->role[about].pid;
	m.u.ROLE.restarts = tab->role[about].restarts;
	m.u.ROLE.how = l->last_how;
	m.u.ROLE.status = l->last_status;
	m.u.ROLE.hung = l->was_hung;
	if (role_send(ROLE_MANAGER, &m) != 1)
		return 0;
	l->role_owed = false;
	if (l->last_how != 0)
		l->was_hung = false;
	return 1;
}

int
role_tell_restarts(void)
{
	return tell_restart(ROLE_LOGGER) && tell_restart(ROLE_TERMINAL) &&
	       tell_restart(ROLE_MANAGER);
}

/* The terminal ends by itself when there was nothing for it to do for a while. */
static bool
is_rest(enum role r, uint32_t how, int32_t status)
{
	return r == ROLE_TERMINAL && how == EXIT_EXITED && status == 0 &&
	       !links[r].was_killed;
}

static void
on_exit_of(enum role r, uint32_t how, int32_t status)
{
	struct table_role *t = &tab->role[r];
	struct link *l = &links[r];

	close_channel(r);
	if (is_rest(r, how, status)) {
		l->start_at = 0;
		return;
	}
	if (now_us() - l->born_at >= QUICK_US)
		t->quick_deaths = 0;
	t->quick_deaths++;
	t->restarts++;
	l->last_how = how;
	l->last_status = status;
	l->role_owed = true;
	l->start_at = now_us() + backoff_us(t->quick_deaths);
}

bool
role_on_exit(int32_t pid, uint32_t how, int32_t status)
{
	enum role r;

	FOR_EACH_ROLE(r)
	{
		if (pid != tab->role[r].pid)
			continue;
		on_exit_of(r, how, status);
		return true;
	}
	return false;
}

void
role_kill(enum role r)
{
	if (tab->role[r].pid > 0)
		(void)kill(tab->role[r].pid, SIGKILL);
	links[r].was_killed = true;
}

void
role_stop_respawn(void)
{
	no_respawn = true;
}

void
role_let_logger_end(void)
{
	if (links[ROLE_LOGGER].up)
		(void)shutdown(links[ROLE_LOGGER].chan.fd, SHUT_WR);
}

/* ---- recovery -----------------------------------------------------------------------
 */

static void
recover_role(enum role r)
{
	struct table_role *t = &tab->role[r];
	struct link *l = &links[r];
	siginfo_t si;

	memset(l, 0, sizeof(*l));
	l->chan = (struct chan){ -1, ROLE_INIT, r };
	l->start_at = l->retry_at = NEVER;
	pulse_set_up(r);
	if (fd_is_open(t->chan_fd))
		l->chan.fd = t->chan_fd;
	t->chan_fd = l->chan.fd;
	if (t->pid > 0 &&
	    waitid(P_PID, (id_t)t->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0) {
		/* Of this init before its re-exec: it ends, and is followed as any other
		 * dead role, its channel read to the end. */
		l->born_at = now_us() - QUICK_US;
		l->up = true;
		role_kill(r);
		return;
	}
	if (l->chan.fd != -1)
		close(l->chan.fd);
	l->chan.fd = t->chan_fd = -1;
	t->pid = 0;
	l->start_at = 0;
}

void
role_recover(void)
{
	enum role r;

	FOR_EACH_ROLE(r)
	{
		recover_role(r);
	}
	pulse_watch(ROLE_MANAGER, tab->fd[FD_CONTROL]);
}
