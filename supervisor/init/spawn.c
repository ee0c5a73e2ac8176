#include "init/spawn.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "init/cgroup.h"
#include "init/child.h"
#include "init/complain.h"
#include "init/core.h"
#include "init/pids.h"
#include "init/reap.h"
#include "init/role.h"
#include "init/slot.h"
#include "init/slot_files.h"
#include "proto/tag.h"

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
	if (q->slot >= table_used(tab))
		return ENOENT; /* never opened, or slot_on_open found no room for it */
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

/*
 * A fork straight into the cgroup of the slot, -1 where that cannot be.  A child that
 * moves there by itself waits for a lock that waits for all processors (20 ms were seen),
 * and so does init with its next fork meanwhile.  Since Linux 6.14 what is forked into a
 * cgroup that was once killed as a whole is killed, too: it has to move there.
 */
static pid_t
fork_inside(struct child_start *start)
{
	const struct table_slot *s = table_slot(tab, start->slot);
	struct clone_args a = { .exit_signal = SIGCHLD };

	if (s->has_cgroup && (s->has_cgroup != CGROUP_FRESH || !tab->fork_inside))
		return -1;
	if (s->has_cgroup) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint32_t)s->fd_cgroup;
		start->is_in_cgroup = true;
	}
	if (start->shares_files)
		a.flags |= CLONE_FILES;
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

/* The child's side of report is open until it becomes its program; a quick one has none.
 */
static pid_t
fork_child(struct child_start *start, int report[2])
{
	pid_t pid = fork_inside(start);

	if (pid == -1) {
		/* (Also at the limit of that cgroup, which what moves there may pass.) */
		start->shares_files = start->is_in_cgroup = false;
		if (report[1] == -1 && pipe2(report, O_CLOEXEC | O_NONBLOCK) == -1)
			return -1;
		pid = fork();
	}
	if (pid == 0)
		child_main(start);
	return pid;
}

static void
watch_start(struct table_proc *p, const struct child_start *start, int report)
{
	p->execed = report == -1;
	if (report == -1)
		return;
	keep_over_exec(report);
	p->report_fd = report;
	if (watch_add(report, EPOLLIN, WATCH_REPORT, start->slot, start->kind) == -1)
		init_complain("cannot watch a start", NULL, errno);
}

static void
spawn(struct table_proc *p, struct child_start *start)
{
	int report[2] = { -1, -1 }, err;
	pid_t pid = -1;

	/* The mark comes before the deed: whoever finds it asks the child. */
	__atomic_store_n(&p->state, TPROC_FORKING, __ATOMIC_SEQ_CST);
	if (start->shares_files || pipe2(report, O_CLOEXEC | O_NONBLOCK) == 0)
		pid = fork_child(start, report);
	err = errno;
	if (report[1] != -1)
		close(report[1]);
	if (pid == -1) {
		if (report[0] != -1)
			close(report[0]);
		not_started(start->slot, start->kind, err);
		return;
	}
	__atomic_store_n(&p->pid, pid, __ATOMIC_SEQ_CST);
	watch_start(p, start, report[0]);
	p->state = TPROC_RUNNING;
	pid_set(pid, start->slot, start->kind);
	slot_changed(start->slot);
}

/* The entry that the request is to fill; NULL: it is refused. */
static struct table_proc *
take_entry(const struct msg_spawn *q)
{
	int err = check_spawn(q);
	struct table_proc *p;

	if (err != 0) {
		refuse(q, err);
		return NULL;
	}
	p = &table_slot(tab, q->slot)->proc[q->kind];
	clear_proc(p);
	p->seq = q->seq;
	p->is_child = 1;
	p->started_us = now_us();
	return p;
}

void
spawn_refuse(const struct msg *m, int err)
{
	if (take_entry(&m->u.SPAWN) != NULL)
		not_started(m->u.SPAWN.slot, m->u.SPAWN.kind, err);
}

void
spawn_on_spawn(const struct msg *m)
{
	const struct msg_spawn *q = &m->u.SPAWN;
	struct child_start start = { .slot = q->slot, .kind = q->kind };
	struct table_proc *p = take_entry(q);

	if (p == NULL)
		return;
	start.shares_files = m->head.id == MSG_SPAWN_QUICK;
	if (spec_map(m->fds[0], q->spec_size, &start.spec) == -1) {
		p->phase = PHASE_MEMORY;
		not_started(q->slot, q->kind, errno);
		return;
	}
	spawn(p, &start);
	spec_unmap(&start.spec);
}

void
spawn_on_report(uint32_t slot, uint32_t kind)
{
	struct table_proc *p;
	char byte;

	if (slot >= table_used(tab) || kind >= PROC_N)
		return;
	p = &table_slot(tab, slot)->proc[kind];
	if (p->report_fd == -1)
		return;
	if (read(p->report_fd, &byte, 1) == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	/* Closed by the exec.  (A kill between fork and exec looks the same: the exit
	 * that follows tells the signal.) */
	p->execed = p->phase == 0;
	watch_close(&p->report_fd);
	slot_changed(slot);
}

/* The process named by the manager, held: that tells later whether its number is still
 * its own. */
static int
hold_process(const struct msg_proc_set *q, uint64_t *ticks, int32_t *ppid)
{
	char text[16], *w = text;
	int pidfd;

	if (q->pid <= 1 || q->pid == getpid() || role_is_pid(q->pid)) {
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

/* It is of the slot from now on, and its pidfd, which must be open, tells of its end. */
static void
watch_held(const struct msg_proc_set *q, int pidfd, uint64_t ticks, int32_t ppid)
{
	struct table_slot *s = table_slot(tab, q->slot);
	struct table_proc *p = &s->proc[q->kind];

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
spawn_on_proc_set(const struct msg *m)
{
	const struct msg_proc_set *q = &m->u.PROC_SET;
	struct table_slot *s;
	struct table_proc *p;
	uint64_t ticks;
	int32_t ppid;
	int pidfd;

	if (q->slot >= table_used(tab) || q->kind >= PROC_N)
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
	if (pidfd == -1 && p->state != TPROC_NONE) {
		/* The one that runs stays, and the manager hears which that is; and so
		 * does an exit that it may not have heard of. */
		if (proc_is_alive(p))
			p->told_started = 0;
		slot_changed(q->slot);
		return;
	}
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
	watch_held(q, pidfd, ticks, ppid);
}

static bool
lives(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	return poll(&pfd, 1, 0) == 0;
}

/* Out of the slot again, with which it must not end: to where supd itself is. */
static void
give_back(const struct table_slot *s, int32_t pid)
{
	int home = openat(tab->fd[FD_CGROUP], "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (home == -1 || cgroup_take(home, pid) == -1)
		init_complain("another process is in the cgroup of", s->unit, errno);
	if (home != -1)
		close(home);
}

/* Into the slot as far as that goes: into its cgroup, and the mark by which it and its
 * children are found elsewhere.  (That is in vain where it has a lower limit, or is of a
 * user that is not ours to mark; its environment says it, too.)  An ordinary user may
 * move his process only within a folder that is his: then the slot has no cgroup. */
static int
move_into(uint32_t slot, int32_t pid, int pidfd)
{
	struct table_slot *s = table_slot(tab, slot);
	uint64_t tag = svc_tag(s->invocation);
	struct rlimit mark = { .rlim_cur = tag, .rlim_max = tag };

	if (s->has_cgroup && cgroup_take(s->fd_cgroup, pid) == -1) {
		if (errno == ESRCH)
			return -1;
		slot_give_up_cgroup(s, slot);
	}
	/* What lives still was never another's number.  The mark cannot be undone. */
	if (lives(pidfd)) {
		(void)prlimit(pid, RLIMIT_RTTIME, &mark, NULL);
		if (lives(pidfd))
			return 0;
	}
	if (s->has_cgroup && cgroup_has(s->fd_cgroup, pid))
		give_back(s, pid);
	errno = ESRCH;
	return -1;
}

/* The entry that the request is to fill; NULL: it is not for a slot that is open, or was
 * done by an earlier manager, which is told again. */
static struct table_proc *
take_joined(const struct msg_proc_set *q)
{
	struct table_proc *p;

	if (q->slot >= table_used(tab) || q->kind != PROC_MAIN ||
	    table_slot(tab, q->slot)->state != SLOT_OPEN)
		return NULL;
	p = &table_slot(tab, q->slot)->proc[q->kind];
	if (p->state != TPROC_NONE) {
		p->told_started = 0;
		slot_changed(q->slot);
		return NULL;
	}
	clear_proc(p);
	p->pid = q->pid;
	p->started_us = now_us();
	return p;
}

void
spawn_on_proc_join(const struct msg *m)
{
	const struct msg_proc_set *q = &m->u.PROC_JOIN;
	struct table_proc *p = take_joined(q);
	uint64_t ticks;
	int32_t ppid;
	int pidfd;

	if (p == NULL)
		return;
	pidfd = hold_process(q, &ticks, &ppid);
	if (pidfd != -1 && ticks == q->start_ticks &&
	    move_into(q->slot, q->pid, pidfd) == 0) {
		watch_held(q, pidfd, ticks, ppid);
		return;
	}
	p->err = pidfd != -1 && ticks != q->start_ticks ? ESRCH : errno;
	p->phase = PHASE_CGROUP;
	if (pidfd != -1)
		close(pidfd);
	reap_proc_ended(q->slot, q->kind, EXIT_NOT_STARTED, 0);
}

void
spawn_on_exit_ack(const struct msg *m)
{
	const struct msg_exit_ack *q = &m->u.EXIT_ACK;
	struct table_proc *p;

	if (q->slot >= table_used(tab) || q->kind >= PROC_N)
		return;
	p = &table_slot(tab, q->slot)->proc[q->kind];
	if (p->state != TPROC_EXITED || p->pid != q->pid || p->seq != q->seq)
		return;
	clear_proc(p);
	slot_changed(q->slot);
}
