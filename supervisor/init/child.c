/*
 * After the fork only.  The order of the steps is that of systemd where it shows: what
 * needs rights comes before they are given up, what must be checked with the rights of
 * the user comes after.  Nothing is kept open on purpose: child_detach made everything
 * CLOEXEC, and only what is placed by number survives the exec.
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
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "init/core.h"
#include "proto/spec.h"

enum {
	READ_END_AT = 512, /* the inherited read ends of the log pipes: not in the way of
			    * programs that count up from 3 or use select(2) */
	ROOM_ABOVE = 24,   /* descriptors that are lifted above them on the way */
	CAPS_MAX = 63,
	PID_TEXT = 96, /* NAME=pid */
};

struct child {
	struct spec spec;
	struct table_slot *slot;
	uint32_t slot_number, kind;
	int root_fd;
	int floor; /* descriptors from here on are not in the way of any target */
	uint32_t uid, gid;
	bool changes_id;
	char **argv, **envp;
};

static _Noreturn void
fail(const struct child *c, enum spec_phase phase, int err)
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

/* ---- descriptors --------------------------------------------------------------------
 */

/* Move fd out of the way of all targets.  The old number stays open, CLOEXEC. */
static int
lift(struct child *c, int fd, enum spec_phase phase)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, c->floor);

	if (high == -1)
		fail(c, phase, errno);
	return high;
}

static void
place(struct child *c, int fd, int target, enum spec_phase phase)
{
	if (dup2(fd, target) == -1)
		fail(c, phase, errno);
}

static int
stored_fd(struct child *c, uint32_t id, enum spec_phase phase)
{
	if (id == 0 || id > STORED_MAX || !tab->stored[id - 1].used)
		fail(c, phase, ENOENT);
	return tab->stored[id - 1].fd;
}

static int
open_fifo(struct child *c, int stream, int flags)
{
	char path[64], *p = path;
	const char *end = path + sizeof(path);
	struct stat st;
	int fd;

	put_text(&p, end, "fifo/");
	put_number(&p, end, c->slot_number);
	put_text(&p, end, stream == 0 ? ".out" : ".err");
	fd = openat(tab->fd[FD_RUN], path,
	    flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !S_ISFIFO(st.st_mode) ||
	    st.st_ino != c->slot->fifo_ino[stream]) {
		close(fd);
		errno = ESTALE;
		return -1;
	}
	/* Opened without waiting, used with waiting: programs expect that of stdout. */
	if (flags == O_WRONLY && fcntl(fd, F_SETFL, 0) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Bytes of StandardInputData=: as a file that holds just them. */
static int
open_data(const char *data, size_t len)
{
	int fd = memfd_create("stdin", MFD_CLOEXEC);

	while (fd != -1 && len > 0) {
		ssize_t n = write(fd, data, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			close(fd);
			return -1;
		}
		data += n;
		len -= (size_t)n;
	}
	if (fd != -1)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

static int
open_stdio(struct child *c, int target, const struct spec_stdio *io, size_t text_len,
    enum spec_phase phase)
{
	int flags = (target == 0 ? O_RDONLY : O_WRONLY | O_CREAT) | O_NOCTTY | O_CLOEXEC;

	switch ((enum spec_io)io->kind) {
	case SPEC_IO_LOG:
		return open_fifo(c, target - 1, O_WRONLY);
	case SPEC_IO_FILE:
		return open(io->text, flags, 0644);
	case SPEC_IO_APPEND:
		return open(io->text, flags | O_APPEND, 0644);
	case SPEC_IO_TRUNCATE:
		return open(io->text, flags | O_TRUNC, 0644);
	case SPEC_IO_DATA:
		return open_data(io->text, text_len);
	case SPEC_IO_STORED:
		return stored_fd(c, io->arg, phase);
	default:
		return open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
}

/* The item of a standard descriptor, or what its absence means. */
static const struct spec_stdio *
stdio_item(struct child *c, uint32_t tag, size_t *text_len)
{
	static const struct spec_stdio null = { SPEC_IO_NULL, 0 };
	static const struct spec_stdio log = { SPEC_IO_LOG, 0 };
	struct spec_item it;
	size_t at = 0;

	*text_len = 0;
	if (!spec_next_of(&c->spec, tag, &at, &it))
		return tag == SPEC_STDIN ? &null : &log;
	*text_len = it.len - sizeof(struct spec_stdio);
	return it.data;
}

/* The same file for stdout and stderr is opened once, or each would overwrite the other.
 */
static bool
is_same_file(const struct spec_stdio *a, size_t an, const struct spec_stdio *b, size_t bn)
{
	return a->kind == b->kind && an > 0 && an == bn &&
	       memcmp(a->text, b->text, an) == 0;
}

static void
place_stdio(struct child *c)
{
	static const uint32_t tags[3] = { SPEC_STDIN, SPEC_STDOUT, SPEC_STDERR };
	static const enum spec_phase phases[3] = { PHASE_STDIN, PHASE_STDOUT,
		PHASE_STDERR };
	const struct spec_stdio *io[3];
	size_t len[3];

	for (int i = 0; i < 3; i++) {
		int fd, high;

		io[i] = stdio_item(c, tags[i], &len[i]);
		if (io[i]->kind == SPEC_IO_SUPD)
			continue;
		if (io[i]->kind == SPEC_IO_SAME ||
		    (i == 2 && is_same_file(io[1], len[1], io[2], len[2]))) {
			place(c, i - 1, i, phases[i]);
			continue;
		}
		fd = open_stdio(c, i, io[i], len[i], phases[i]);
		if (fd == -1)
			fail(c, phases[i], errno);
		high = lift(c, fd, phases[i]);
		place(c, high, i, phases[i]);
	}
}

/*
 * A FIFO for NotifyFD=, so that its end is known when it is closed without a line.  The
 * process keeps a read end: what it says while no manager is there is not lost.
 */
static void
open_notify(struct child *c, int *read_end, int *write_end)
{
	char path[64], *p = path;
	const char *end = path + sizeof(path);
	int run = tab->fd[FD_RUN];

	put_text(&p, end, "fifo/");
	put_number(&p, end, c->slot_number);
	put_text(&p, end, ".rdy");
	(void)unlinkat(run, path, 0);
	if (mkfifoat(run, path, 0600) == -1)
		fail(c, PHASE_FDS, errno);
	*read_end = openat(run, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (*read_end == -1)
		fail(c, PHASE_FDS, errno);
	*write_end = openat(run, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*write_end == -1)
		fail(c, PHASE_FDS, errno);
	*read_end = lift(c, *read_end, PHASE_FDS);
	*write_end = lift(c, *write_end, PHASE_FDS);
}

/* 3, 4, …, then the notify descriptor, then the read ends of the own log pipes. */
static void
place_fds(struct child *c, int read_end_at)
{
	int high[SPEC_FDS_MAX], n = 0, notify = -1, ends[3], nends = 2;
	struct spec_item it;
	size_t at = 0;

	ends[0] = open_fifo(c, 0, O_RDONLY);
	ends[1] = open_fifo(c, 1, O_RDONLY);
	for (int i = 0; i < 2; i++) {
		if (ends[i] == -1)
			fail(c, i == 0 ? PHASE_STDOUT : PHASE_STDERR, errno);
		ends[i] = lift(c, ends[i], PHASE_FDS);
	}
	/* The write ends open behind the read ends: they never wait. */
	place_stdio(c);
	while (spec_next_of(&c->spec, SPEC_FD, &at, &it)) {
		uint32_t id;

		memcpy(&id, it.data, sizeof(id));
		high[n++] = lift(c, stored_fd(c, id, PHASE_FDS), PHASE_FDS);
	}
	if (spec_has(&c->spec, SPEC_NOTIFY_FD))
		open_notify(c, &ends[nends++], &notify);
	/* From here on numbers below the floor are overwritten; c->spec is mapped and
	 * everything still needed is lifted. */
	for (int i = 0; i < n; i++)
		place(c, high[i], 3 + i, PHASE_FDS);
	if (notify != -1)
		place(c, notify, (int)spec_u32(&c->spec, SPEC_NOTIFY_FD, 0), PHASE_FDS);
	for (int i = 0; i < nends; i++)
		place(c, ends[i], read_end_at + i, PHASE_FDS);
}

/* The soft descriptor limit that the process will have. */
static uint64_t
own_nofile(const struct child *c)
{
	uint64_t soft = tab->nofile_soft_orig > 0 ? tab->nofile_soft_orig : 1024;
	struct spec_item it;
	size_t at = 0;

	while (spec_next_of(&c->spec, SPEC_RLIMIT, &at, &it)) {
		const struct spec_limit *l = it.data;

		if (l->resource == RLIMIT_NOFILE)
			soft = l->soft;
	}
	return soft;
}

static void
set_up_fds(struct child *c)
{
	uint64_t soft = own_nofile(c);
	struct rlimit now;
	int last = 2 + (int)spec_count(&c->spec, SPEC_FD), at = READ_END_AT, n = 2;

	if (spec_has(&c->spec, SPEC_NOTIFY_FD)) {
		last = (int)spec_u32(&c->spec, SPEC_NOTIFY_FD, 0);
		n = 3;
	}
	/* Below a small limit, so that a program that closes all it may have still
	 * finds them; above everything passed on. */
	if (soft < READ_END_AT + (unsigned)n)
		at = soft > (unsigned)n ? (int)soft - n : 3;
	/* Where supd itself may have few: room for what is lifted above them. */
	if (getrlimit(RLIMIT_NOFILE, &now) == 0 &&
	    (uint64_t)at + ROOM_ABOVE + (uint64_t)last > now.rlim_cur)
		at = (int)now.rlim_cur - ROOM_ABOVE - last;
	if (at <= last)
		at = last + 1;
	c->floor = at + n;
	c->root_fd = lift(c, tab->fd[FD_ROOT], PHASE_FDS);
	place_fds(c, at);
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
		fail(c, PHASE_CGROUP, errno);
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
		fail(c, PHASE_OOM_ADJUST, errno);
	close(fd);
}

static void
set_limit(struct child *c, uint32_t resource, rlim_t soft, rlim_t hard)
{
	struct rlimit want = { soft, hard }, have;

	if (setrlimit(resource, &want) == 0)
		return;
	if (errno != EPERM || getrlimit(resource, &have) == -1)
		fail(c, PHASE_LIMITS, errno);
	/* Not ours to raise: as near as it goes, as systemd does. */
	if (want.rlim_max > have.rlim_max)
		want.rlim_max = have.rlim_max;
	if (want.rlim_cur > want.rlim_max)
		want.rlim_cur = want.rlim_max;
	if (setrlimit(resource, &want) == -1)
		fail(c, PHASE_LIMITS, errno);
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

/* ---- directories --------------------------------------------------------------------
 */

/* One folder below dfd, made if missing, and opened without following a link. */
static int
enter(int dfd, const char *name, mode_t mode)
{
	if (mkdirat(dfd, name, mode) == -1 && errno != EEXIST)
		return -1;
	return openat(dfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Walk path below *dfd, component by component, replacing *dfd. */
static int
enter_all(int *dfd, const char *path, bool follow)
{
	char name[NAME_MAX + 1];

	for (path += strspn(path, "/"); *path != '\0'; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");
		int next;

		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, n);
		name[n] = '\0';
		next =
		    follow ? openat(*dfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		if (next == -1 && (!follow || errno == ENOENT))
			next = enter(*dfd, name, 0755);
		if (next == -1)
			return -1;
		close(*dfd);
		*dfd = next;
		path += n;
	}
	return 0;
}

static int
make_dir(const struct spec_dir *d)
{
	const char *base = d->text, *name = d->text + d->base_len;
	struct stat st;
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = -1, saved;
	uid_t uid = d->uid;
	gid_t gid = d->gid;

	if (fd == -1)
		return -1;
	if (enter_all(&fd, base, true) == -1 || enter_all(&fd, name, false) == -1 ||
	    fstat(fd, &st) == -1)
		goto out;
	if ((st.st_mode & 07777) != d->mode && fchmod(fd, d->mode) == -1)
		goto out;
	if (uid == st.st_uid)
		uid = (uid_t)-1;
	if (gid == st.st_gid)
		gid = (gid_t)-1;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) == -1)
		goto out;
	r = 0;
out:
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static void
make_dirs(struct child *c)
{
	struct spec_item it;
	size_t at = 0;

	while (spec_next_of(&c->spec, SPEC_DIR, &at, &it)) {
		const struct spec_dir *d = it.data;

		if (make_dir(d) == -1)
			fail(c, spec_dir_phase(d->kind), errno);
	}
}

/* ---- rights -------------------------------------------------------------------------
 */

static void
set_groups(struct child *c)
{
	gid_t egid = getegid();
	struct spec_item it;
	size_t at = 0;

	if (spec_next_of(&c->spec, SPEC_GROUPS, &at, &it)) {
		if (setgroups(it.len / sizeof(gid_t), it.data) == -1)
			fail(c, PHASE_GROUP, errno);
	} else if (c->changes_id && setgroups(1, &c->gid) == -1) {
		fail(c, PHASE_GROUP, errno);
	}
	if (c->gid != egid || c->changes_id) {
		gid_t r, e, s;

		if (setresgid(c->gid, c->gid, c->gid) == -1 ||
		    getresgid(&r, &e, &s) == -1)
			fail(c, PHASE_GROUP, errno);
		if (r != c->gid || e != c->gid || s != c->gid)
			fail(c, PHASE_GROUP, EPERM);
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
		if (has == 1 && (keep & (1ULL << cap)) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1)
			fail(c, PHASE_CAPABILITIES, errno);
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

	if (ambient != 0 && c->changes_id && prctl(PR_SET_KEEPCAPS, 1UL, 0, 0, 0) == -1)
		fail(c, PHASE_CAPABILITIES, errno);
	if (c->changes_id && setresuid(c->uid, c->uid, c->uid) == -1)
		fail(c, PHASE_USER, errno);
	if (getresuid(&r, &e, &s) == -1 || r != c->uid || e != c->uid || s != c->uid)
		fail(c, PHASE_USER, EPERM);
}

/* After the change of user: what is left is the ambient set, and nothing leads back. */
static void
set_rights(struct child *c)
{
	uint64_t ambient = spec_u64(&c->spec, SPEC_CAP_AMBIENT, 0), permitted;

	if (ambient != 0) {
		if (get_permitted(&permitted) == -1 ||
		    set_caps(c->uid == 0 ? permitted : ambient, ambient) == -1)
			fail(c, PHASE_CAPABILITIES, errno);
		for (unsigned long cap = 0; cap < CAPS_MAX; cap++) {
			if ((ambient & (1ULL << cap)) != 0 &&
			    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == -1)
				fail(c, PHASE_CAPABILITIES, errno);
		}
	}
	if (!c->changes_id || c->uid == 0)
		return;
	/* A supd that is not root but may change users keeps its capabilities over
	 * setresuid: the service must not. */
	if (ambient == 0 &&
	    (set_caps(0, 0) == -1 || get_permitted(&permitted) == -1 || permitted != 0))
		fail(c, PHASE_CAPABILITIES, errno == 0 ? EPERM : errno);
	if ((ambient & (1ULL << CAP_SETUID)) == 0 && setresuid(0, 0, 0) != -1)
		fail(c, PHASE_USER, EPERM);
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
		fail(c, PHASE_MEMORY, errno);
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
			fail(c, PHASE_CHDIR, errno);
	} else if (spec_has(&c->spec, SPEC_CWD_INSTANCE)) {
		if (fchdir(c->root_fd) == -1)
			fail(c, PHASE_CHDIR, errno);
		return;
	}
	if (chdir("/") == -1)
		fail(c, PHASE_CHDIR, errno);
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
			fail(c, PHASE_EXEC, errno);
		/* "There, but not for you" tells more than "not there". */
		if (errno == EACCES || err != EACCES)
			err = errno;
	}
	fail(c, PHASE_EXEC, err);
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
		fail(c, PHASE_FDS, errno);
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
	claim_slot(&c);
	if (spec_check(start->spec.base, start->spec.size, &c.spec) == -1)
		fail(&c, PHASE_MEMORY, errno);
	c.uid = spec_u32(&c.spec, SPEC_UID, geteuid());
	c.gid = spec_u32(&c.spec, SPEC_GID, getegid());
	c.changes_id = c.uid != geteuid() || c.gid != getegid();
	if (setsid() == -1)
		fail(&c, PHASE_SETSID, errno);
	/* Before set_up_fds: it overwrites low numbers, the cgroup's may be one. */
	if (!start->is_in_cgroup)
		join_cgroup(&c);
	set_up_fds(&c);
	set_oom(&c);
	if (spec_has(&c.spec, SPEC_NICE) &&
	    setpriority(PRIO_PROCESS, 0, (int)spec_u32(&c.spec, SPEC_NICE, 0)) == -1)
		fail(&c, PHASE_NICE, errno);
	umask(0);
	make_dirs(&c);
	umask((mode_t)spec_u32(&c.spec, SPEC_UMASK, 0022));
	build_vectors(&c);
	set_limits(&c);
	set_groups(&c);
	drop_bounding(&c);
	set_user(&c);
	set_rights(&c);
	if (spec_has(&c.spec, SPEC_NO_NEW_PRIVS) &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0, 0, 0) == -1)
		fail(&c, PHASE_NO_NEW_PRIVILEGES, errno);
	change_folder(&c);
	if (spec_has(&c.spec, SPEC_IGNORE_SIGPIPE) &&
	    sigaction(SIGPIPE, &ignore, NULL) == -1)
		fail(&c, PHASE_SIGNAL_MASK, errno);
	exec_first(&c);
}
