#include "init/reap.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "init/complain.h"
#include "init/core.h"
#include "init/greet.h"
#include "init/pids.h"
#include "init/reexec.h"
#include "init/role.h"
#include "init/slot.h"
#include "init/spawn.h"

/* So many a turn of the loop: a storm of orphans must not keep init from its roles. */
enum { REAP_TURN = 1024 };

void
reap_proc_ended(uint32_t slot, uint32_t kind, uint32_t how, int32_t status)
{
	struct table_slot *s = table_slot(tab, slot);
	struct table_proc *p = &s->proc[kind];

	if (how == EXIT_KILLED && status == SIGKILL && s->has_cgroup)
		s->has_cgroup = CGROUP_KILLED; /* perhaps through its cgroup */
	if (p->report_fd != -1)
		spawn_on_report(slot, kind);
	watch_close(&p->report_fd);
	watch_close(&p->pidfd);
	/* (What was refused may be another's.) */
	if (p->pid > 0 && pid_find(p->pid) == slot * PROC_N + kind)
		pid_forget(p->pid);
	p->how = how;
	p->status = status;
	p->exit_mono_us = now_us();
	p->exit_wall_us = wall_us();
	p->told_exit = 0;
	if (p->phase != 0)
		p->execed = 0;
	/* Last: who finds the mark finds all of the above. */
	__atomic_store_n(&p->state, TPROC_EXITED, __ATOMIC_SEQ_CST);
	slot_changed(slot);
}

static uint64_t
cpu_us(const struct rusage *ru)
{
	return (uint64_t)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * SECOND_US +
	       (uint64_t)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec);
}

static void
handle_end(pid_t pid, int st, const struct rusage *ru)
{
	uint32_t id = pid_find(pid), how;
	struct table_proc *p;
	int32_t status;

	if (WIFEXITED(st)) {
		how = EXIT_EXITED;
		status = WEXITSTATUS(st);
	} else {
		how = WCOREDUMP(st) ? EXIT_DUMPED : EXIT_KILLED;
		status = WTERMSIG(st);
	}
	if (id != PID_UNKNOWN) {
		p = &table_slot(tab, id / PROC_N)->proc[id % PROC_N];
		p->cpu_us = cpu_us(ru);
		p->maxrss_kib = (uint64_t)ru->ru_maxrss;
		reap_proc_ended(id / PROC_N, id % PROC_N, how, status);
		return;
	}
	if (role_on_exit(pid, how, status) || reexec_on_exit(pid, how, status) ||
	    complain_on_exit(pid))
		return;
	tab->orphans++;
	greet_owe_news();
}

bool
reap_children(void)
{
	for (int i = 0; i < REAP_TURN; i++) {
		struct rusage ru;
		int st;
		pid_t pid;

		memset(&ru, 0, sizeof(ru));
		pid = wait4(-1, &st, WNOHANG | __WALL, &ru);
		if (pid <= 0)
			return pid == -1 && errno == EINTR;
		handle_end(pid, st, &ru);
	}
	return true;
}

void
reap_on_pidfd(uint32_t slot, uint32_t kind)
{
	struct pollfd pfd = { .events = POLLIN };
	struct table_proc *p;
	struct rusage ru;
	int st;
	pid_t pid;

	if (slot >= table_used(tab) || kind >= PROC_N)
		return;
	p = &table_slot(tab, slot)->proc[kind];
	if (p->pidfd == -1 || !proc_is_alive(p))
		return;
	/* It may have been told of the one before, and this turn of the loop has put
	 * another process there. */
	pfd.fd = p->pidfd;
	if (poll(&pfd, 1, 0) != 1)
		return;
	memset(&ru, 0, sizeof(ru));
	/* Its parent may have ended before it, then it is ours and has a status. */
	pid = wait4(p->pid, &st, WNOHANG | __WALL, &ru);
	if (pid == p->pid)
		handle_end(pid, st, &ru);
	else
		reap_proc_ended(slot, kind, EXIT_UNKNOWN, 0);
}
