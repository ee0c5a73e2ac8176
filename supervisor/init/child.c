/*
 * After the fork only.  The order of the steps is that of systemd where it shows: what
 * needs rights comes before they are given up, what must be checked with the rights of
 * the user comes after.  Nothing is kept open on purpose: child_detach made everything
 * CLOEXEC, and only what child_fds.c placed by number survives the exec.
 */
#include "init/child.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "init/child_dirs.h"
#include "init/child_fds.h"
#include "init/child_int.h"
#include "init/child_sched.h"
#include "init/core.h"
#include "proto/spec.h"

enum {
	CAPS_MAX = 63,
	PID_TEXT = 96, /* NAME=pid */
	GROUPS_SEEN = 64,
};

_Noreturn void
child_fail(const struct child *c, enum spec_phase phase, int err)
{
	struct table_proc *p = &c->slot->proc[c->kind];

	/* The entry is its own until it is reaped. */
	p->err = err;
	p->phase = (uint32_t)phase;
	_exit((int)phase);
}

void
child_detach(void)
{
	static const int handled[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
	struct sigaction sa = { .sa_handler = SIG_DFL };
	struct rlimit rl;
	sigset_t none;

	for (size_t i = 0; i < sizeof(handled) / sizeof(handled[0]); i++)
		sigaction(handled[i], &sa, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	/* Before Linux 5.11.  Descriptors above the limit exist only if it was lowered,
	 * and init never lowers it. */
	if (getrlimit(RLIMIT_NOFILE, &rl) == -1 || rl.rlim_cur > 1 << 20)
		rl.rlim_cur = 1 << 20;
	for (int fd = 3; fd < (int)rl.rlim_cur; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void
child_let_go(void)
{
	close(tab->fd[FD_LOCK]);
	close(tab->fd[FD_CONTROL]);
}

/* ---- the process itself -------------------------------------------------------------
 */

static void
join_cgroup(struct child *c)
{
	int fd;

	if (!c->slot->has_cgroup)
		return;
	fd = openat(c->slot->fd_cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	if (fd == -1 || write(fd, "0", 1) != 1)
		child_fail(c, PHASE_CGROUP, errno);
	close(fd);
}

static void
set_oom(struct child *c)
{
	int32_t value = tab->oom_adjust_orig;
	char text[16], *p = text;
	int fd;

	if (spec_has(&c->spec, SPEC_OOM_ADJUST))
		value = (int32_t)spec_u32(&c->spec, SPEC_OOM_ADJUST, 0);
	if (value < 0)
		put_text(&p, text + sizeof(text), "-");
	put_number(
	    &p, text + sizeof(text), value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return; /* no /proc, or not ours to change */
	if (write(fd, text, (size_t)(p - text)) == -1 && errno != EACCES &&
	    errno != EPERM && spec_has(&c->spec, SPEC_OOM_ADJUST))
		child_fail(c, PHASE_OOM_ADJUST, errno);
	close(fd);
}

static void
set_limit(struct child *c, uint32_t resource, rlim_t soft, rlim_t hard)
{
	struct rlimit want = { soft, hard }, have;

	if (setrlimit(resource, &want) == 0)
		return;
	if (errno != EPERM || getrlimit(resource, &have) == -1)
		child_fail(c, PHASE_LIMITS, errno);
	/* Not ours to raise: as near as it goes, as systemd does. */
	if (want.rlim_max > have.rlim_max)
		want.rlim_max = have.rlim_max;
	if (want.rlim_cur > want.rlim_max)
		want.rlim_cur = want.rlim_max;
	if (setrlimit(resource, &want) == -1)
		child_fail(c, PHASE_LIMITS, errno);
}

static void
set_limits(struct child *c)
{
	bool nofile = false;
	struct spec_item it;
	size_t at = 0;

	while (spec_next_of(&c->spec, SPEC_RLIMIT, &at, &it)) {
		const struct spec_limit *l = it.data;

		set_limit(c, l->resource, l->soft, l->hard);
		nofile = nofile || l->resource == RLIMIT_NOFILE;
	}
	/* supd raised its own; services get what supd was given. */
	if (!nofile && tab->nofile_soft_orig > 0)
		set_limit(c, RLIMIT_NOFILE, tab->nofile_soft_orig, tab->nofile_hard_orig);
	if (spec_has(&c->spec, SPEC_TAG)) {
		uint64_t tag = spec_u64(&c->spec, SPEC_TAG, 0);

		set_limit(c, RLIMIT_RTTIME, tag, tag);
	}
}

/* ---- rights -------------------------------------------------------------------------
 */

/* Exactly these, and looked at: some sandboxes say yes to what they do not do.  (Of very
 * many only how many there are.) */
static void
take_groups(struct child *c, const gid_t *want, int n)
{
	gid_t have[GROUPS_SEEN];

	if (setgroups((size_t)n, want) == -1)
		child_fail(c, PHASE_GROUP, errno);
	if (getgroups(0, NULL) != n)
		child_fail(c, PHASE_GROUP, EPERM);
	if (n > GROUPS_SEEN)
		return;
	if (getgroups(GROUPS_SEEN, have) != n)
		child_fail(c, PHASE_GROUP, EPERM);
	for (int i = 0; i < n; i++) {
		int k = 0;

		while (k < n && want[k] != have[i])
			k++;
		if (k == n)
			child_fail(c, PHASE_GROUP, EPERM);
	}
}

static void
set_groups(struct child *c)
{
	gid_t egid = getegid();
	struct spec_item it;
	size_t at = 0;

	if (spec_next_of(&c->spec, SPEC_GROUPS, &at, &it))
		take_groups(c, it.data, (int)(it.len / sizeof(gid_t)));
	else if (c->changes_id)
		take_groups(c, &c->gid, 1);
	if (c->gid != egid || c->changes_id) {
		gid_t r, e, s;

		if (setresgid(c->gid, c->gid, c->gid) == -1 ||
		    getresgid(&r, &e, &s) == -1)
			child_fail(c, PHASE_GROUP, errno);
		if (r != c->gid || e != c->gid || s != c->gid)
			child_fail(c, PHASE_GROUP, EPERM);
	}
}

static void
drop_bounding(struct child *c)
{
	uint64_t keep;

	if (!spec_has(&c->spec, SPEC_CAP_BOUNDING))
		return;
	keep = spec_u64(&c->spec, SPEC_CAP_BOUNDING, 0);
	for (unsigned long cap = 0; cap < CAPS_MAX; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (has == -1)
			break; /* the first number that this kernel does not know */
		if (has == 0 || (keep & (1ULL << cap)) != 0)
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			child_fail(c, PHASE_CAPABILITIES, errno);
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			child_fail(c, PHASE_CAPABILITIES, EPERM);
	}
}

/* Exactly these capabilities from now on. */
static int
set_caps(uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].permitted = data[i].effective = (uint32_t)(permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return (int)syscall(SYS_capset, &head, data);
}

static int
get_permitted(uint64_t *permitted)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) == -1)
		return -1;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return 0;
}

static void
set_user(struct child *c)
{
	uint64_t ambient = spec_u64(&c->spec, SPEC_CAP_AMBIENT, 0);
	uid_t r, e, s;

	/* Secure bits, too, need rights that the user does not have. */
	if ((ambient != 0 || spec_has(&c->spec, SPEC_SECURE_BITS)) && c->changes_id &&
	    prctl(PR_SET_KEEPCAPS, 1UL, 0, 0, 0) == -1)
		child_fail(c, PHASE_CAPABILITIES, errno);
	if (c->changes_id && setresuid(c->uid, c->uid, c->uid) == -1)
		child_fail(c, PHASE_USER, errno);
	if (getresuid(&r, &e, &s) == -1 || r != c->uid || e != c->uid || s != c->uid)
		child_fail(c, PHASE_USER, EPERM);
}

/* As the user, so that it is his.  Where none can be had, that of supd is left. */
static void
set_keyring(struct child *c)
{
	if (!spec_has(&c->spec, SPEC_KEYRING))
		return;
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0) == -1) {
		if (errno != ENOSYS && errno != EPERM && errno != EACCES &&
		    errno != EDQUOT)
			child_fail(c, PHASE_KEYRING, errno);
		return;
	}
	if (spec_has(&c->spec, SPEC_KEYRING_SHARED) &&
	    syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING,
		KEY_SPEC_SESSION_KEYRING, 0, 0) == -1)
		child_fail(c, PHASE_KEYRING, errno);
}

static void
raise_ambient(struct child *c, uint64_t ambient)
{
	for (unsigned long cap = 0; cap < CAPS_MAX; cap++) {
		if ((ambient & (1ULL << cap)) != 0 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == -1)
			child_fail(c, PHASE_CAPABILITIES, errno);
	}
}

static void
set_secure_bits(struct child *c)
{
	uint32_t bits = spec_u32(&c->spec, SPEC_SECURE_BITS, 0);

	if (prctl(PR_SET_SECUREBITS, (unsigned long)bits, 0, 0, 0) == -1)
		child_fail(c, PHASE_SECUREBITS, errno);
	if ((uint32_t)prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) != bits)
		child_fail(c, PHASE_SECUREBITS, EPERM);
}

/* After the change of user: what is left is the ambient set, and nothing leads back. */
static void
set_rights(struct child *c)
{
	uint64_t ambient = spec_u64(&c->spec, SPEC_CAP_AMBIENT, 0), permitted;
	bool bits = spec_has(&c->spec, SPEC_SECURE_BITS);

	if (ambient != 0 || bits) {
		bool all = bits || c->uid == 0;

		if (get_permitted(&permitted) == -1 ||
		    set_caps(all ? permitted : ambient, ambient) == -1)
			child_fail(c, PHASE_CAPABILITIES, errno);
		raise_ambient(c, ambient);
		if (bits)
			set_secure_bits(c);
		if (bits && c->changes_id && c->uid != 0 &&
		    set_caps(ambient, ambient) == -1)
			child_fail(c, PHASE_CAPABILITIES, errno);
	}
	if (!c->changes_id || c->uid == 0)
		return;
	/* A supd that is not root but may change users keeps its capabilities over
	 * setresuid: the service must not. */
	if (ambient == 0 &&
	    (set_caps(0, 0) == -1 || get_permitted(&permitted) == -1 || permitted != 0))
		child_fail(c, PHASE_CAPABILITIES, errno == 0 ? EPERM : errno);
	if ((ambient & (1ULL << CAP_SETUID)) == 0 && setresuid(0, 0, 0) != -1)
		child_fail(c, PHASE_USER, EPERM);
}

static void
set_no_new_privs(struct child *c)
{
	if (!spec_has(&c->spec, SPEC_NO_NEW_PRIVS))
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0, 0, 0) == -1)
		child_fail(c, PHASE_NO_NEW_PRIVILEGES, errno);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		child_fail(c, PHASE_NO_NEW_PRIVILEGES, EPERM);
}

/* ---- exec ---------------------------------------------------------------------------
 */

/* argv and envp point into the mapped context; only NAME=pid is made here. */
static void
build_vectors(struct child *c)
{
	size_t nargs = spec_count(&c->spec, SPEC_ARG),
	       nenv = spec_count(&c->spec, SPEC_ENV);
	size_t npid = spec_count(&c->spec, SPEC_ENV_PID), at = 0, n = 0;
	size_t bytes = (nargs + nenv + npid + 2) * sizeof(char *) + npid * PID_TEXT;
	struct spec_item it;
	char *text;

	c->argv =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->argv == MAP_FAILED)
		child_fail(c, PHASE_MEMORY, errno);
	while (spec_next_of(&c->spec, SPEC_ARG, &at, &it))
		c->argv[n++] = (char *)(uintptr_t)it.data;
	c->envp = c->argv + nargs + 1;
	text = (char *)(c->envp + nenv + npid + 1);
	at = n = 0;
	while (spec_next_of(&c->spec, SPEC_ENV, &at, &it))
		c->envp[n++] = (char *)(uintptr_t)it.data;
	at = 0;
	while (spec_next_of(&c->spec, SPEC_ENV_PID, &at, &it)) {
		char *p = text;

		c->envp[n++] = text;
		put_text(&p, text + PID_TEXT, it.data);
		put_text(&p, text + PID_TEXT, "=");
		put_number(&p, text + PID_TEXT, (uint64_t)getpid());
		text += PID_TEXT;
	}
}

static void
change_folder(struct child *c)
{
	const char *cwd = spec_str(&c->spec, SPEC_CWD, NULL);

	if (cwd != NULL) {
		if (chdir(cwd) == 0)
			return;
		if (!spec_has(&c->spec, SPEC_CWD_OPTIONAL))
			child_fail(c, PHASE_CHDIR, errno);
	} else if (spec_has(&c->spec, SPEC_CWD_INSTANCE)) {
		if (fchdir(c->root_fd) == -1)
			child_fail(c, PHASE_CHDIR, errno);
		return;
	}
	if (chdir("/") == -1)
		child_fail(c, PHASE_CHDIR, errno);
}

static _Noreturn void
exec_first(struct child *c)
{
	struct spec_item it;
	int err = ENOENT;
	size_t at = 0;

	while (spec_next_of(&c->spec, SPEC_PATH, &at, &it)) {
		execve(it.data, c->argv, c->envp);
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			child_fail(c, PHASE_EXEC, errno);
		/* "There, but not for you" tells more than "not there". */
		if (errno == EACCES || err != EACCES)
			err = errno;
	}
	child_fail(c, PHASE_EXEC, err);
}

/*
 * Descriptors of its own: those of init that it needs, which are as old as init and have
 * low numbers, and none of the thousands that belong to slots.  What was shared until
 * here costs nothing to leave, while each copy would have to be closed by the exec.
 */
static void
leave_files(struct child *c)
{
	int last =
	    tab->fd[FD_ROOT] > tab->fd[FD_RUN] ? tab->fd[FD_ROOT] : tab->fd[FD_RUN];

	if (syscall(SYS_close_range, last < 2 ? 3U : (unsigned)last + 1, ~0U,
		CLOSE_RANGE_UNSHARE) == -1 &&
	    unshare(CLONE_FILES) == -1)
		child_fail(c, PHASE_FDS, errno);
}

static void
claim_slot(struct child *c)
{
	struct table_proc *p = &c->slot->proc[c->kind];

	p->start_ticks = proc_start_ticks("self", NULL);
	p->pid = getpid();
	if (!table_proc_claim(p))
		_exit(PHASE_EXCEPTION); /* given up by a later init: must not run */
}

void
child_main(const struct child_start *start)
{
	struct child c = { .slot = table_slot(tab, start->slot),
		.slot_number = start->slot,
		.kind = start->kind,
		.root_fd = -1 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	if (start->shares_files)
		leave_files(&c);
	child_detach();
	child_let_go();
	claim_slot(&c);
	if (spec_check(start->spec.base, start->spec.size, &c.spec) == -1)
		child_fail(&c, PHASE_MEMORY, errno);
	c.uid = spec_u32(&c.spec, SPEC_UID, geteuid());
	c.gid = spec_u32(&c.spec, SPEC_GID, getegid());
	c.changes_id = c.uid != geteuid() || c.gid != getegid();
	if (setsid() == -1)
		child_fail(&c, PHASE_SETSID, errno);
	/* Before child_set_up_fds: it overwrites low numbers, the cgroup's may be one. */
	if (!start->is_in_cgroup)
		join_cgroup(&c);
	child_set_up_fds(&c);
	set_oom(&c);
	child_set_sched(&c);
	umask(0);
	child_make_dirs(&c);
	umask((mode_t)spec_u32(&c.spec, SPEC_UMASK, 0022));
	build_vectors(&c);
	set_limits(&c);
	set_groups(&c);
	drop_bounding(&c);
	set_user(&c);
	set_keyring(&c);
	set_rights(&c);
	set_no_new_privs(&c);
	change_folder(&c);
	if (spec_has(&c.spec, SPEC_IGNORE_SIGPIPE) &&
	    sigaction(SIGPIPE, &ignore, NULL) == -1)
		child_fail(&c, PHASE_SIGNAL_MASK, errno);
	exec_first(&c);
}
