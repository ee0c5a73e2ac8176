/*
 * ops_ask: what a service wants to know of its processes and of its pid file.  Nothing
 * here changes anything.
 */
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "manager/link/adopt.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/ops_int.h"
#include "manager/scan.h"
#include "manager/service/procfs.h"
#include "manager/units.h"
#include "manager/watch/reach.h"

enum { PIDS_MAX = 1024 };

static size_t
roots_of(struct manager *m, uint32_t slot, int32_t roots[PROC_N])
{
	const struct table_slot *s = table_slot(m->table, slot);
	size_t n = 0;

	for (int i = 0; i < PROC_N; i++) {
		if (s->proc[i].pid > 0)
			roots[n++] = s->proc[i].pid;
	}
	return n;
}

static bool
is_role(const struct manager *m, int32_t pid)
{
	if (pid == 1 || pid == m->table->init_pid)
		return true;
	for (int i = 0; i < ROLE_N; i++) {
		if (pid > 0 && m->table->role[i].pid == pid)
			return true;
	}
	return false;
}

/* init has one place for each process: it would refuse a second. */
static bool
is_of_another_slot(const struct manager *m, uint32_t slot, int32_t pid)
{
	for (uint32_t i = 0; i < table_used(m->table); i++) {
		const struct table_slot *s = table_slot(m->table, i);

		if (i == slot || s->state == SLOT_FREE)
			continue;
		for (int k = 0; k < PROC_N; k++) {
			if (s->proc[k].state == TPROC_RUNNING && s->proc[k].pid == pid)
				return true;
		}
	}
	return false;
}

static size_t
pids_of(struct manager *m, uint32_t slot, int32_t *pids, size_t max)
{
	int fd = adopt_slot_cgroup(m, slot);

	return fd != -1 ? procfs_cgroup_pids(fd, pids, max)
			: scan_find(m, slot, pids, max);
}

uint64_t
ops_life(void *arg)
{
	const struct unit *u = arg;

	return u->manager->boot_wall_us;
}

enum svc_pid
ops_pid_check(void *arg, uint32_t slot, int32_t pid, uint64_t *start_ticks)
{
	struct unit *u = arg;
	struct manager *m = u->manager;
	int32_t roots[PROC_N], pids[PIDS_MAX];
	enum svc_pid r;
	size_t n;

	if (is_role(m, pid))
		return SVC_PID_SUPD;
	n = roots_of(m, slot, roots);
	r = procfs_owner(
	    pid, adopt_slot_cgroup(m, slot), m->table->init_pid, roots, n, start_ticks);
	if (r == SVC_PID_FOREIGN && is_of_another_slot(m, slot, pid))
		return SVC_PID_TAKEN;
	if (r != SVC_PID_FOREIGN || adopt_slot_cgroup(m, slot) != -1)
		return r;
	/* A daemon has lost its ancestors; its tag it has not. */
	n = scan_find(m, slot, pids, PIDS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return SVC_PID_OURS;
	}
	return r;
}

uid_t
ops_slot_uid(void *arg, uint32_t slot)
{
	struct unit *u = arg;
	const struct manager *m = u->manager;
	int32_t uid = slot < table_used(m->table) ? table_slot(m->table, slot)->uid : -1;

	return uid >= 0 ? (uid_t)uid : geteuid();
}

/* The answer of a helper, a fork of us. */
struct pidfile {
	enum svc_pidfile r;
	int32_t pid;
	bool trusted;
	char why[SVC_WHY_MAX];
};

static void
work_pidfile(const void *question, struct buf *out)
{
	struct pidfile p;

	memset(&p, 0, sizeof(p));
	p.r = procfs_pidfile(question, &p.pid, &p.trusted, p.why, sizeof(p.why));
	buf_append(out, &p, sizeof(p));
}

enum svc_pidfile
ops_pidfile_read(
    void *arg, const char *path, int32_t *pid, bool *trusted, char *why, size_t size)
{
	struct reach *reach = ((struct unit *)arg)->manager->reach;
	struct pidfile p = { .r = SVC_PIDFILE_MISSING };
	struct buf b = { 0 };

	if (reach_is_local(reach, path, true))
		return procfs_pidfile(path, pid, trusted, why, size);
	/* What does not answer is as good as not there yet; a start has its time limit.
	 */
	if (reach_ask(reach, path, work_pidfile, path, &b) == 0 && b.len == sizeof(p))
		memcpy(&p, buf_str(&b), sizeof(p));
	buf_free(&b);
	*pid = p.pid;
	*trusted = p.trusted;
	if (p.r == SVC_PIDFILE_BAD)
		snprintf(why, size, "%s", p.why);
	return p.r;
}

int32_t
ops_guess_main(void *arg, uint32_t slot)
{
	struct unit *u = arg;
	int32_t pids[PIDS_MAX], main = 0;
	size_t n = pids_of(u->manager, slot, pids, PIDS_MAX);

	/* What was left to init by the one that ended; its own children are others'. */
	for (size_t i = 0; i < n && i < PIDS_MAX; i++) {
		struct procfs_stat st;

		if (procfs_stat(pids[i], &st) == -1 || st.state == 'Z' ||
		    st.ppid != u->manager->table->init_pid)
			continue;
		if (main != 0)
			return 0;
		main = pids[i];
	}
	return main;
}

void
ops_survivors(void *arg, uint32_t slot, struct buf *out)
{
	struct unit *u = arg;
	int32_t pids[PIDS_MAX];
	size_t n = pids_of(u->manager, slot, pids, PIDS_MAX);

	for (size_t i = 0; i < n && i < 32; i++) {
		if (out->len > 0)
			buf_adds(out, ", ");
		procfs_describe(pids[i], out);
	}
	if (n > 32)
		buf_addf(out, " and %zu more", n - 32);
}
