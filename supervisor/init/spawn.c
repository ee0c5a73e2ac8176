#include "init/spawn.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "init/child.h"
#include "init/core.h"
#include "init/reap.h"
#include "init/role.h"
#include "init/slot.h"

enum { REFUSED_MAX = 64 };

/* A refused SPAWN is no process, so it has no entry in the table.  Only a manager that
 * asks for what is there already is refused; what finds no room here is lost, and the
 * manager's own timeout finds out. */
static struct msg_exit refused[REFUSED_MAX];
static uint32_t nrefused;

static void
refuse(const struct msg_spawn *q, int err)
{
	struct msg_exit *x;

	if (nrefused == REFUSED_MAX) {
		init_complain("too many refused starts", NULL, err);
		return;
	}
	x = &refused[nrefused++];
	memset(x, 0, sizeof(*x));
	x->slot = q->slot;
	x->kind = q->kind;
	x->seq = q->seq;
	x->how = EXIT_NOT_STARTED;
	x->err = err;
	x->mono_us = now_us();
	x->wall_us = wall_us();
}

void
spawn_refuse(const struct msg *m, int err)
{
	refuse(&m->u.SPAWN, err);
}

int
spawn_tell_refused(void)
{
	while (nrefused > 0) {
		struct msg m;

		msg_init(&m, MSG_EXIT);
		m.u.EXIT = refused[0];
		if (role_send(ROLE_MANAGER, &m) != 1)
			return 0;
		nrefused--;
		memmove(refused, refused + 1, nrefused * sizeof(refused[0]));
	}
	return 1;
}

void
spawn_forget_manager(void)
{
	nrefused = 0;
}

/* Why this request is not allowed, or 0. */
static int
check_spawn(const struct msg_spawn *q)
{
	struct table_slot *s;

	if (q->slot >= tab->nslots || q->kind >= PROC_N)
		return EINVAL;
	s = table_slot(tab, q->slot);
	if (s->state == SLOT_FREE && s->open_err != 0)
		return s->open_err;
	if (s->state != SLOT_OPEN ||
	    memcmp(s->invocation, q->invocation, sizeof(s->invocation)) != 0)
		return ENOENT;
	if (tab->halting)
		return ESHUTDOWN;
	return s->proc[q->kind].state == TPROC_NONE ? 0 : EEXIST;
}

static void
clear_proc(struct table_proc *p)
{
	memset(p, 0, sizeof(*p));
	p->pidfd = p->report_fd = -1;
}

static void
not_started(uint32_t slot, uint32_t kind, int err)
{
	struct table_proc *p = &table_slot(tab, slot)->proc[kind];

	p->err = err;
	reap_proc_ended(slot, kind, EXIT_NOT_STARTED, 0);
}

void
spawn_on_spawn(const struct msg *m)
{
	const struct msg_spawn *q = &m->u.SPAWN;
	int err = check_spawn(q), report[2];
	struct table_proc *p;
	pid_t pid;

	if (err != 0) {
		refuse(q, err);
		return;
	}
	p = &table_slot(tab, q->slot)->proc[q->kind];
	clear_proc(p);
	p->seq = q->seq;
	p->is_child = 1;
	p->started_us = now_us();
	/* The mark comes before the deed: whoever finds it asks the child. */
	__atomic_store_n(&p->state, TPROC_FORKING, __ATOMIC_SEQ_CST);
	if (pipe2(report, O_CLOEXEC | O_NONBLOCK) == -1) {
		not_started(q->slot, q->kind, errno);
		return;
	}
	pid = fork();
	if (pid == 0) {
		child_main(q->slot, q->kind, m->fds[0], q->spec_size, report[1]);
	}
	err = errno;
	close(report[1]);
	if (pid == -1) {
		close(report[0]);
		not_started(q->slot, q->kind, err);
		return;
	}
	__atomic_store_n(&p->pid, pid, __ATOMIC_SEQ_CST);
	keep_over_exec(report[0]);
	p->report_fd = report[0];
	p->state = TPROC_RUNNING;
	pid_set(pid, q->slot, q->kind);
	if (watch_add(p->report_fd, EPOLLIN, WATCH_REPORT, q->slot, q->kind) == -1)
		init_complain("cannot watch a start", NULL, errno);
	slot_changed(q->slot);
}

void
spawn_on_report(uint32_t slot, uint32_t kind)
{
	struct table_proc *p;
	struct child_report r;
	ssize_t n;

	if (slot >= tab->nslots || kind >= PROC_N)
		return;
	p = &table_slot(tab, slot)->proc[kind];
	if (p->report_fd == -1)
		return;
	n = read(p->report_fd, &r, sizeof(r));
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n == (ssize_t)sizeof(r)) {
		p->phase = r.phase;
		p->err = r.err;
	} else if (n == 0) {
		/* Closed by the exec.  (A kill between fork and exec looks the same: the
		 * exit that follows tells the signal.) */
		p->execed = 1;
	}
	watch_close(&p->report_fd);
	slot_changed(slot);
}

/* The process named by the manager, held so that its number cannot become another's. */
static int
hold_process(const struct msg_proc_set *q, uint64_t *ticks, int32_t *ppid)
{
	char text[16], *w = text;
	int pidfd;

	if (q->pid <= 1 || q->pid == getpid() || q->pid == role_pid(ROLE_MANAGER) ||
	    q->pid == role_pid(ROLE_LOGGER)) {
		errno = EINVAL;
		return -1;
	}
	if (pid_find(q->pid) != PID_UNKNOWN) {
		errno = EBUSY; /* of another slot, or something else of this one */
		return -1;
	}
	pidfd = (int)syscall(SYS_pidfd_open, q->pid, 0);
	if (pidfd == -1)
		return -1;
	put_number(&w, text + sizeof(text), (uint64_t)q->pid);
	*ppid = 0;
	*ticks = proc_start_ticks(text, ppid);
	if (q->start_ticks != 0 && *ticks != 0 && *ticks != q->start_ticks) {
		close(pidfd);
		errno = ESRCH;
		return -1;
	}
	return pidfd;
}

void
spawn_on_proc_set(const struct msg *m)
{
	const struct msg_proc_set *q = &m->u.PROC_SET;
	struct table_slot *s;
	struct table_proc *p;
	uint64_t ticks;
	int32_t ppid;
	int pidfd;

	if (q->slot >= tab->nslots || q->kind >= PROC_N)
		return;
	s = table_slot(tab, q->slot);
	p = &s->proc[q->kind];
	if (s->state != SLOT_OPEN)
		return;
	if (proc_is_alive(p) && p->pid == q->pid) {
		p->told_started = 0;
		slot_changed(q->slot);
		return;
	}
	pidfd = hold_process(q, &ticks, &ppid);
	if (pidfd == -1 && proc_is_alive(p))
		return; /* the one that runs stays: a bad MAINPID= changes nothing */
	if (proc_is_alive(p)) {
		/* The process of before is a child of the unit like any other now. */
		pid_forget(p->pid);
		watch_close(&p->report_fd);
		watch_close(&p->pidfd);
	}
	clear_proc(p);
	p->pid = q->pid;
	p->started_us = now_us();
	if (pidfd == -1) {
		p->err = errno;
		reap_proc_ended(q->slot, q->kind, EXIT_UNKNOWN, 0);
		return;
	}
	keep_over_exec(pidfd);
	p->pidfd = pidfd;
	p->start_ticks = ticks;
	p->execed = 1;
	(void)table_proc_claim(p);
	p->is_child = ppid == getpid();
	p->state = TPROC_RUNNING;
	pid_set(q->pid, q->slot, q->kind);
	if (watch_add(pidfd, EPOLLIN, WATCH_PIDFD, q->slot, q->kind) == -1)
		init_complain("cannot watch the process of", s->unit, errno);
	slot_changed(q->slot);
}

void
spawn_on_exit_ack(const struct msg *m)
{
	const struct msg_exit_ack *q = &m->u.EXIT_ACK;
	struct table_proc *p;

	if (q->slot >= tab->nslots || q->kind >= PROC_N)
		return;
	p = &table_slot(tab, q->slot)->proc[q->kind];
	if (p->state != TPROC_EXITED || p->pid != q->pid || p->seq != q->seq)
		return;
	clear_proc(p);
	slot_changed(q->slot);
}
