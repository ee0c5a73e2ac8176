/*
 * A slot from SLOT_OPEN to its end, in the order of its states; then signals, emptiness,
 * and what is found in a table that was in use.
 */
#include "init/slot.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "init/cgroup.h"
#include "init/complain.h"
#include "init/core.h"
#include "init/pids.h"
#include "init/pty.h"
#include "init/reap.h"
#include "init/slot_files.h"
#include "init/tell.h"

/* ---- opening ------------------------------------------------------------------------
 */

static void
clear_slot(struct table_slot *s)
{
	memset(s, 0, sizeof(*s));
	s->fd_out = s->fd_err = s->fd_notify = s->fd_cgroup = s->fd_events = -1;
	s->fd_master = -1;
	for (int k = 0; k < PROC_N; k++)
		s->proc[k].pidfd = s->proc[k].report_fd = -1;
}

static bool
is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool
open_is_valid(const struct msg_slot_open *q)
{
	return is_terminated(q->unit, sizeof(q->unit)) &&
	       is_terminated(q->log.name, sizeof(q->log.name)) &&
	       is_terminated(q->log.ref, sizeof(q->log.ref)) &&
	       is_terminated(q->log.day, sizeof(q->log.day)) && q->unit[0] != '\0' &&
	       q->unit[0] != '.' && strchr(q->unit, '/') == NULL;
}

/* A slot gets its memory before it is used, and so do those below it.  False: errno. */
static bool
make_room(const struct msg_slot_open *q)
{
	uint32_t high = tab->slots_high;

	if (q->slot >= high && !table_make_room(table_slot(tab, high),
				   (q->slot - high + 1) * sizeof(struct table_slot)))
		return false;
	return table_stem_len(q->unit, q->log.name) > 0 ||
	       table_make_room(table_rare(tab, q->slot), sizeof(struct table_rare));
}

void
slot_on_open(const struct msg *m)
{
	const struct msg_slot_open *q = &m->u.SLOT_OPEN;
	struct table_slot *s;
	uint32_t owed;
	int err;

	if (q->slot >= tab->nslots)
		return;
	/* Its answer, too: who asked waits for one. */
	err = tab->halting ? ESHUTDOWN : !open_is_valid(q) ? EINVAL : 0;
	if (err == 0 && !make_room(q))
		err = errno;
	if (err != 0) {
		tell_unopened(q->slot, err);
		return;
	}
	if (q->slot >= tab->slots_high)
		tab->slots_high = q->slot + 1;
	s = table_slot(tab, q->slot);
	if (s->state != SLOT_FREE) {
		if (memcmp(s->invocation, q->invocation, sizeof(s->invocation)) != 0)
			init_complain("a slot is taken already by", s->unit, EBUSY);
		s->told &= ~(uint32_t)TOLD_SLOT; /* say again whose it is */
		slot_changed(q->slot);
		return;
	}
	owed = s->owed_done;
	clear_slot(s);
	s->owed_done = owed;
	memcpy(s->invocation, q->invocation, sizeof(s->invocation));
	memcpy(s->unit, q->unit, sizeof(s->unit));
	memcpy(s->conf.ref, q->log.ref, sizeof(s->conf.ref));
	memcpy(s->conf.day, q->log.day, sizeof(s->conf.day));
	s->conf.drop = q->log.drop;
	s->conf.format = q->log.format;
	s->conf.sync = q->log.sync;
	s->conf.stream_mask = q->log.stream_mask;
	s->conf.max_bytes = q->log.max_bytes;
	s->conf.order = q->log.order;
	table_set_log_name(tab, q->slot, q->log.name);
	s->want_notify = q->want_notify;
	s->want_cgroup = q->want_cgroup;
	s->terminal = q->terminal;
	s->uid = q->uid;
	s->gid = q->gid;
	s->opened_wall_us = wall_us();
	s->state = SLOT_OPENING;
	if (slot_make_files(s, q->slot) == 0) {
		s->state = SLOT_OPEN;
		tell_of(ROLE_LOGGER, q->slot);
		if (s->fd_master != -1)
			tell_of(ROLE_TERMINAL, q->slot);
	} else {
		err = errno;
		slot_unmake_files(s, q->slot);
		s->has_cgroup = CGROUP_NONE;
		s->open_err = err == 0 ? EIO : err;
		s->state = SLOT_FREE;
	}
	slot_changed(q->slot);
}

/* ---- closing ------------------------------------------------------------------------
 */

bool
proc_is_alive(const struct table_proc *p)
{
	return p->state == TPROC_RUNNING || p->state == TPROC_FORKING;
}

bool
slot_is_alive(const struct table_slot *s)
{
	for (int k = 0; k < PROC_N; k++) {
		if (proc_is_alive(&s->proc[k]))
			return true;
	}
	return s->has_cgroup && cgroup_is_populated(s->fd_cgroup);
}

static bool
is_over(const struct table_slot *s)
{
	if (s->state != SLOT_CLOSING || !s->log_done)
		return false;
	for (int k = 0; k < PROC_N; k++) {
		const struct table_proc *p = &s->proc[k];

		if (proc_is_alive(p) || (p->state == TPROC_EXITED && !p->told_exit))
			return false;
	}
	return true;
}

/* Whose it was, and how much that had written, is there until it is opened again. */
static void
end_slot(struct table_slot *s)
{
	uint8_t invocation[sizeof(s->invocation)];
	char unit[sizeof(s->unit)];
	uint64_t bytes = s->log.bytes;

	memcpy(invocation, s->invocation, sizeof(invocation));
	memcpy(unit, s->unit, sizeof(unit));
	clear_slot(s);
	memcpy(s->invocation, invocation, sizeof(invocation));
	memcpy(s->unit, unit, sizeof(unit));
	s->log.bytes = bytes;
}

void
slot_end_if_over(uint32_t slot)
{
	struct table_slot *s = table_slot(tab, slot);

	if (slot >= table_used(tab) || !is_over(s))
		return;
	slot_unmake_files(s, slot);
	end_slot(s);
	s->owed_done = 1;
	tell_of(ROLE_MANAGER, slot);
}

void
slot_changed(uint32_t slot)
{
	tell_of(ROLE_MANAGER, slot);
	slot_end_if_over(slot);
}

void
slot_close(uint32_t slot)
{
	struct table_slot *s = table_slot(tab, slot);

	if (s->state != SLOT_OPEN)
		return;
	s->state = SLOT_CLOSING;
	tell_of(ROLE_LOGGER, slot);
	if (s->fd_master != -1)
		tell_of(ROLE_TERMINAL, slot);
}

void
slot_on_close(const struct msg *m)
{
	if (m->u.SLOT_CLOSE.slot < table_used(tab))
		slot_close(m->u.SLOT_CLOSE.slot);
}

void
slot_on_log_done(const struct msg *m)
{
	uint32_t slot = m->u.LOG_DONE.slot;
	struct table_slot *s;

	if (slot >= table_used(tab))
		return;
	s = table_slot(tab, slot);
	/* Only the answer to our LOG_CLOSE counts. */
	if (s->state != SLOT_CLOSING || (s->told_logger & TOLD_CLOSE) == 0)
		return;
	s->log_done = 1;
	slot_end_if_over(slot);
}

void
slot_on_term_done(const struct msg *m)
{
	uint32_t slot = m->u.TERM_DONE.slot;
	struct table_slot *s;

	if (slot >= table_used(tab))
		return;
	s = table_slot(tab, slot);
	if (s->state != SLOT_CLOSING || (s->told_terminal & TOLD_CLOSE) == 0)
		return;
	s->term_done = 1;
	tell_of(ROLE_LOGGER, slot);
}

/* ---- signals ------------------------------------------------------------------------
 */

/* A slot that the manager may speak of: open, or not closed yet.  NULL: there is none. */
static struct table_slot *
slot_in_use(uint32_t slot)
{
	struct table_slot *s = table_slot(tab, slot);

	if (slot >= table_used(tab) ||
	    (s->state != SLOT_OPEN && s->state != SLOT_CLOSING))
		return NULL;
	return s;
}

static void
signal_proc(const struct table_proc *p, int signo)
{
	if (!proc_is_alive(p))
		return;
	if (p->pidfd != -1)
		signal_pidfd(p->pidfd, signo);
	else if (p->is_child && p->pid > 0)
		signal_pid(p->pid, signo); /* not reaped: the number is still its own */
}

/* Its process was there before it: the group is that of whoever started it, a shell's
 * pipeline above all. */
static bool
is_scope(const struct table_slot *s)
{
	const char *dot = strrchr(s->unit, '.');

	return dot != NULL && strcmp(dot, ".scope") == 0;
}

static void
signal_group(const struct table_slot *s, const struct table_proc *p, int signo)
{
	if (!proc_is_alive(p) || p->pid <= 1)
		return;
	/* The child leads its session, but one that was adopted need not, and one that
	 * did not come to setsid yet is still in our own group. */
	if (!is_scope(s) && getpgid(p->pid) == p->pid &&
	    (p->pidfd == -1 || syscall(SYS_pidfd_send_signal, p->pidfd, 0, NULL, 0) == 0))
		signal_pid(-p->pid, signo);
	else
		signal_proc(p, signo);
}

void
slot_signal_all(uint32_t slot, int signo, enum signal_scope scope)
{
	struct table_slot *s = table_slot(tab, slot);
	bool reached = s->has_cgroup, kill_all = scope == SIGNAL_SLOT_KILL;

	if (scope == SIGNAL_SLOT_WAKE)
		signo |= THEN_CONT;
	if (s->has_cgroup && kill_all) {
		s->has_cgroup = CGROUP_KILLED;
		cgroup_kill(s->fd_cgroup);
	} else if (s->has_cgroup)
		reached = cgroup_signal(s->fd_cgroup, signo);
	/* A child may be on its way into the cgroup; one without a cgroup is all there
	 * is.  With one, a second TERM of the same kind would be seen twice; twice is
	 * still better than not at all, when the cgroup could not be walked for want of
	 * descriptors. */
	for (int k = 0; k < PROC_N; k++) {
		const struct table_proc *p = &s->proc[k];

		if (!reached || kill_all || !p->execed)
			signal_group(s, p, kill_all ? SIGKILL : signo);
		else if (p->pidfd != -1 && !cgroup_has(s->fd_cgroup, p->pid))
			signal_proc(p, signo); /* named by root, from elsewhere */
	}
}

/* A child that is on its way into the cgroup stands still as soon as it is there. */
static void
slot_freeze(uint32_t slot, bool on)
{
	struct table_slot *s = table_slot(tab, slot);
	bool done = s->has_cgroup && cgroup_freeze(s->fd_cgroup, on);

	if (s->has_cgroup && !done)
		init_complain(on ? "frozen by signals, not by its cgroup"
				 : "cannot thaw the cgroup of",
		    s->unit, errno);
	if (on && !done)
		s->stopped = 1;
	/* It may have been stopped by signals while its cgroup could not be opened. */
	if (on ? !done : !done || s->stopped)
		slot_signal_all(slot, on ? SIGSTOP : SIGCONT, SIGNAL_SLOT);
	if (!on && done)
		s->stopped = 0;
}

void
slot_thaw(uint32_t slot)
{
	const struct table_slot *s = table_slot(tab, slot);

	if (s->has_cgroup)
		(void)cgroup_freeze(s->fd_cgroup, false);
}

static void
slot_signal(const struct msg_signal *q, uint32_t step)
{
	struct table_slot *s = slot_in_use(q->slot);

	if (s == NULL || q->kind >= PROC_N || q->signo < 0 || q->signo > SIGRTMAX)
		return;
	if (step > s->step)
		s->step = step;
	switch (q->scope) {
	case SIGNAL_PROC:
		signal_proc(&s->proc[q->kind], q->signo);
		break;
	case SIGNAL_PROC_GROUP:
		signal_group(s, &s->proc[q->kind], q->signo);
		break;
	case SIGNAL_SLOT:
	case SIGNAL_SLOT_KILL:
	case SIGNAL_SLOT_WAKE:
		slot_signal_all(q->slot, q->signo, (enum signal_scope)q->scope);
		break;
	case SIGNAL_SLOT_FREEZE:
	case SIGNAL_SLOT_THAW:
		slot_freeze(q->slot, q->scope == SIGNAL_SLOT_FREEZE);
		break;
	case SIGNAL_SLOT_PROCS:
		for (int k = 0; k < PROC_N; k++)
			signal_proc(&s->proc[k], q->signo);
		break;
	default:
		break;
	}
}

void
slot_on_signal(const struct msg *m)
{
	slot_signal(&m->u.SIGNAL, 0);
}

void
slot_on_signal_step(const struct msg *m)
{
	slot_signal(&m->u.SIGNAL_STEP.signal, m->u.SIGNAL_STEP.step);
}

/* ---- emptiness ----------------------------------------------------------------------
 */

static void
watch_events(struct table_slot *s, uint32_t slot)
{
	if (!s->has_cgroup || s->fd_events != -1)
		return;
	s->fd_events = openat(s->fd_cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (s->fd_events == -1 ||
	    watch_add(s->fd_events, EPOLLPRI, WATCH_EVENTS, slot, 0) == -1)
		init_complain("cannot watch the cgroup of", s->unit, errno);
}

void
slot_on_watch_empty(const struct msg *m)
{
	uint32_t slot = m->u.WATCH_EMPTY.slot;
	struct table_slot *s = slot_in_use(slot);

	if (s == NULL)
		return;
	s->watch_empty = 1;
	watch_events(s, slot);
	slot_changed(slot);
}

void
slot_on_cgroup_event(uint32_t slot)
{
	struct table_slot *s;
	char text[256];

	if (slot >= table_used(tab))
		return;
	s = table_slot(tab, slot);
	if (s->fd_events == -1)
		return;
	/* Reading takes the event away. */
	(void)!pread(s->fd_events, text, sizeof(text), 0);
	if (s->watch_empty)
		slot_changed(slot);
	else
		watch_close(&s->fd_events);
}

/* ---- recovery -----------------------------------------------------------------------
 */

/* Is the running process of the table still the one it was?  Held by a pidfd when it is
 * not our child. */
static bool
recover_running(struct table_proc *p)
{
	char text[16], *w = text;
	struct pollfd pfd = { .events = POLLIN };
	siginfo_t si;

	if (p->pid <= 0)
		return false;
	if (!fd_is_open(p->pidfd))
		p->pidfd = -1;
	p->is_child = p->pid > 0 &&
		      waitid(P_PID, (id_t)p->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
	if (p->is_child || p->pidfd != -1)
		return true;
	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	if (p->pidfd == -1)
		return false;
	/* It has ended, and its parent has not looked yet, which some never do. */
	pfd.fd = p->pidfd;
	if (poll(&pfd, 1, 0) == 1)
		return false;
	put_number(&w, text + sizeof(text), (uint64_t)p->pid);
	return p->start_ticks != 0 && proc_start_ticks(text, NULL) == p->start_ticks;
}

static void
recover_proc(uint32_t slot, uint32_t kind)
{
	struct table_proc *p = &table_slot(tab, slot)->proc[kind];

	if (!fd_is_open(p->report_fd))
		p->report_fd = -1;
	/* A child that init knows by its pid is followed whatever it does; of one that it
	 * does not know, only a claim tells. */
	if (p->state == TPROC_FORKING && table_proc_give_up(p)) {
		p->pid = 0;
		p->err = EINTR;
		reap_proc_ended(slot, kind, EXIT_NOT_STARTED, 0);
		return;
	}
	if (!proc_is_alive(p))
		return;
	if (!recover_running(p)) {
		reap_proc_ended(slot, kind, EXIT_UNKNOWN, 0);
		return;
	}
	p->state = TPROC_RUNNING;
	pid_set(p->pid, slot, kind);
	if (p->report_fd != -1)
		(void)watch_add(p->report_fd, EPOLLIN, WATCH_REPORT, slot, kind);
	else
		p->execed = 1; /* nobody will tell any more, and it lives */
	if (p->pidfd != -1) {
		keep_over_exec(p->pidfd);
		(void)watch_add(p->pidfd, EPOLLIN, WATCH_PIDFD, slot, kind);
	}
}

static void
recover_slot(struct table_slot *s, uint32_t slot)
{
	slot_recover_files(s, slot);
	s->fd_events = -1;
	if (s->watch_empty)
		watch_events(s, slot);
	for (uint32_t k = 0; k < PROC_N; k++)
		recover_proc(slot, k);
	/* After its processes: one of them may still have it. */
	pty_recover(s);
}

void
slot_recover(void)
{
	for (uint32_t i = 0; i < table_used(tab); i++) {
		struct table_slot *s = table_slot(tab, i);

		if (s->state == SLOT_FREE)
			continue;
		s->unit[sizeof(s->unit) - 1] = '\0';
		if (s->state == SLOT_OPENING || s->state > SLOT_CLOSING) {
			/* Marked, but the manager never heard of it: it asks again.  Its
			 * descriptors may not have been kept: the numbers mean nothing.
			 */
			s->fd_out = s->fd_err = s->fd_notify = -1;
			s->fd_cgroup = s->fd_events = s->fd_master = -1;
			for (int k = 0; k < PROC_N; k++)
				s->proc[k].pidfd = s->proc[k].report_fd = -1;
			slot_unmake_files(s, i);
			clear_slot(s);
			continue;
		}
		recover_slot(s, i);
	}
	tell_forget(ROLE_MANAGER);
	tell_forget(ROLE_LOGGER);
	tell_forget(ROLE_TERMINAL);
}
