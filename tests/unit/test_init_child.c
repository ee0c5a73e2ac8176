/*
 * What init forks: each step between fork and exec that fails is told by its number and
 * its errno, no service runs with more than it was given, and no process is taken for
 * another one with the same number.
 *
 * Steps that no context makes fail are made to by a filter over init's system calls; it
 * can also claim that a call was done and do nothing, as some sandboxes do.
 */
#include "init_rig.h"

#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>

#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include <grp.h>
#include <sched.h>

enum { NOBODY = 65534, A_GROUP = 4242 };

/* ---- a system call that fails -------------------------------------------------------
 */

struct fault {
	long nr; /* 0: none */
	int arg; /* -1: always, else only when this argument is value */
	uint32_t value;
	int err; /* 0: it says that it was done */
};

static const struct fault *fault;

static void
install_fault(void)
{
	uint32_t at =
	    (uint32_t)(offsetof(struct seccomp_data, args) +
		       sizeof(uint64_t) * (size_t)(fault->arg < 0 ? 0 : fault->arg));
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)fault->nr,
		    fault->arg < 0 ? 2 : 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, fault->value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)fault->err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (geteuid() != 0)
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) == -1)
		_exit(98);
}

static void
rig_start_with(struct rig *g, const struct fault *f)
{
	rig_prepare(g);
	fault = f;
	rig_before_exec = f->nr != 0 ? install_fault : NULL;
	rig_exec(g);
	rig_before_exec = NULL;
	want_fds_closed(g, MSG_REPLAY_END);
}

/* ---- steps that fail ----------------------------------------------------------------
 */

/* The arguments of a row. */
#define NONE               \
	{                  \
		0, 0, 0, 0 \
	}
#define ALWAYS(nr, err)        \
	{                      \
		nr, -1, 0, err \
	}
#define WHEN(nr, arg, value, err)   \
	{                           \
		nr, arg, value, err \
	}

struct step {
	enum spec_phase phase;
	int err;
	bool root; /* only root comes that far */
	struct fault fault;
	void (*fill)(struct rig *g, struct spec_buf *b);
};

static void
fill_nothing(struct rig *g, struct spec_buf *b)
{
	(void)g;
	(void)b;
}

static void
fill_cwd(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_str(b, SPEC_CWD, "/nowhere");
}

static void
fill_nice(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_i32(b, SPEC_NICE, 1);
}

static void
fill_policy(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_u32(b, SPEC_CPU_POLICY, 77);
}

static void
fill_cpus(struct rig *g, struct spec_buf *b)
{
	unsigned long none = 0;

	(void)g;
	spec_put(b, SPEC_CPUS, &none, sizeof(none));
}

static void
fill_ioprio(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_u32(b, SPEC_IOPRIO, 7 << 13);
}

static void
fill_slack(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_u64(b, SPEC_TIMER_SLACK, 1);
}

static void
fill_personality(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_u32(b, SPEC_PERSONALITY, 0);
}

static void
fill_keyring(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_flag(b, SPEC_KEYRING);
	spec_put_flag(b, SPEC_KEYRING_SHARED);
}

static void
fill_secure_bits(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_u32(b, SPEC_SECURE_BITS, 1);
}

static void
fill_fd(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_u32(b, SPEC_FD, 7); /* not kept */
}

static void
fill_limit(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_limit(b, RLIMIT_MSGQUEUE, 0, 0);
}

static void
fill_oom(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_i32(b, SPEC_OOM_ADJUST, 2000);
}

static void
fill_sigpipe(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_flag(b, SPEC_IGNORE_SIGPIPE);
}

static void
fill_stdin(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_stdio(b, SPEC_STDIN, SPEC_IO_FILE, "/nowhere/in");
}

static void
fill_stdout(struct rig *g, struct spec_buf *b)
{
	spec_put_stdio(b, SPEC_STDOUT, SPEC_IO_APPEND, g->dir);
}

static void
fill_stderr(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_stdio(b, SPEC_STDERR, SPEC_IO_TRUNCATE, "/nowhere/err");
}

static void
fill_nobody(struct rig *g, struct spec_buf *b)
{
	uint32_t groups[] = { NOBODY, A_GROUP };

	(void)g;
	spec_put_u32(b, SPEC_UID, NOBODY);
	spec_put_u32(b, SPEC_GID, NOBODY);
	spec_put_ids(b, SPEC_GROUPS, groups, 2);
}

static void
fill_bounding(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_u64(b, SPEC_CAP_BOUNDING, 1);
}

static void
fill_ambient(struct rig *g, struct spec_buf *b)
{
	fill_nobody(g, b);
	spec_put_u64(b, SPEC_CAP_AMBIENT, 1ULL << 10); /* low ports */
}

static void
fill_no_new_privs(struct rig *g, struct spec_buf *b)
{
	(void)g;
	spec_put_flag(b, SPEC_NO_NEW_PRIVS);
}

/* A file is where the folder should be. */
static void
fill_dir(struct rig *g, struct spec_buf *b, enum spec_dir_kind kind)
{
	char base[128];
	int fd;

	snprintf(base, sizeof(base), "%s", g->dir);
	fd = openat(g->run_fd, "file", O_WRONLY | O_CREAT, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
	spec_put_dir(b, kind, base, "file", 0755, UINT32_MAX, UINT32_MAX);
}

static void
fill_runtime(struct rig *g, struct spec_buf *b)
{
	fill_dir(g, b, SPEC_DIR_RUNTIME);
}

static void
fill_state(struct rig *g, struct spec_buf *b)
{
	fill_dir(g, b, SPEC_DIR_STATE);
}

/* A folder that only root may enter holds one of the user. */
static void
fill_private(struct rig *g, struct spec_buf *b)
{
	fill_nobody(g, b);
	spec_put_dir(
	    b, SPEC_DIR_PRIVATE, g->dir, "private", 0700, UINT32_MAX, UINT32_MAX);
	spec_put_dir(b, SPEC_DIR_STATE, g->dir, "private/x", 0755, NOBODY, NOBODY);
}

static void
fill_link(struct rig *g, struct spec_buf *b)
{
	fill_dir(g, b, SPEC_DIR_STATE);
	spec_buf_clear(b);
	sh(b, "true");
	spec_put_link(b, SPEC_DIR_CACHE, g->dir, "file", "elsewhere");
}

static void
fill_cache(struct rig *g, struct spec_buf *b)
{
	fill_dir(g, b, SPEC_DIR_CACHE);
}

static void
fill_logs(struct rig *g, struct spec_buf *b)
{
	fill_dir(g, b, SPEC_DIR_LOGS);
}

static void
fill_configuration(struct rig *g, struct spec_buf *b)
{
	fill_dir(g, b, SPEC_DIR_CONFIGURATION);
}

static const struct step steps[] = {
	{ PHASE_CHDIR, ENOENT, false, NONE, fill_cwd },
	{ PHASE_NICE, EACCES, false, ALWAYS(SYS_setpriority, EACCES), fill_nice },
	{ PHASE_SETSCHEDULER, EINVAL, false, NONE, fill_policy },
	{ PHASE_CPUAFFINITY, EINVAL, false, NONE, fill_cpus },
	{ PHASE_IOPRIO, EINVAL, false, NONE, fill_ioprio },
	{ PHASE_TIMERSLACK, EINVAL, false, WHEN(SYS_prctl, 0, PR_SET_TIMERSLACK, EINVAL),
	    fill_slack },
	{ PHASE_PERSONALITY, EINVAL, false, ALWAYS(SYS_personality, EINVAL),
	    fill_personality },
	{ PHASE_KEYRING, ENOMEM, false,
	    WHEN(SYS_keyctl, 0, KEYCTL_JOIN_SESSION_KEYRING, ENOMEM), fill_keyring },
	{ PHASE_KEYRING, EDQUOT, false, WHEN(SYS_keyctl, 0, KEYCTL_LINK, EDQUOT),
	    fill_keyring },
	{ PHASE_SECUREBITS, EPERM, false, WHEN(SYS_prctl, 0, PR_SET_SECUREBITS, EPERM),
	    fill_secure_bits },
	/* Said to be done, and not done: found out. */
	{ PHASE_SECUREBITS, EPERM, false, WHEN(SYS_prctl, 0, PR_SET_SECUREBITS, 0),
	    fill_secure_bits },
	{ PHASE_FDS, ENOENT, false, NONE, fill_fd },
	{ PHASE_EXEC, ENOEXEC, false, NONE, NULL },
	{ PHASE_LIMITS, EINVAL, false, WHEN(SYS_prlimit64, 1, RLIMIT_MSGQUEUE, EINVAL),
	    fill_limit },
	{ PHASE_OOM_ADJUST, EINVAL, false, NONE, fill_oom },
	{ PHASE_SIGNAL_MASK, EINVAL, false, WHEN(SYS_rt_sigaction, 0, SIGPIPE, EINVAL),
	    fill_sigpipe },
	{ PHASE_STDIN, ENOENT, false, NONE, fill_stdin },
	{ PHASE_STDOUT, EISDIR, false, NONE, fill_stdout },
	{ PHASE_STDERR, ENOENT, false, NONE, fill_stderr },
	{ PHASE_SETSID, EPERM, false, ALWAYS(SYS_setsid, EPERM), fill_nothing },
	{ PHASE_RUNTIME_DIRECTORY, ENOTDIR, false, NONE, fill_runtime },
	{ PHASE_STATE_DIRECTORY, ENOTDIR, false, NONE, fill_state },
	{ PHASE_CACHE_DIRECTORY, ENOTDIR, false, NONE, fill_cache },
	{ PHASE_CACHE_DIRECTORY, EEXIST, false, NONE, fill_link },
	{ PHASE_NAMESPACE, EPERM, true, WHEN(SYS_unshare, 0, CLONE_NEWNS, EPERM),
	    fill_private },
	{ PHASE_LOGS_DIRECTORY, ENOTDIR, false, NONE, fill_logs },
	{ PHASE_CONFIGURATION_DIRECTORY, ENOTDIR, false, NONE, fill_configuration },
	{ PHASE_NO_NEW_PRIVILEGES, EINVAL, false,
	    WHEN(SYS_prctl, 0, PR_SET_NO_NEW_PRIVS, EINVAL), fill_no_new_privs },
	/* Said to be done, and not done: found out. */
	{ PHASE_NO_NEW_PRIVILEGES, EPERM, true,
	    WHEN(SYS_prctl, 0, PR_SET_NO_NEW_PRIVS, 0), fill_no_new_privs },
	{ PHASE_GROUP, EPERM, true, ALWAYS(SYS_setgroups, EPERM), fill_nobody },
	{ PHASE_GROUP, EPERM, true, ALWAYS(SYS_setgroups, 0), fill_nobody },
	{ PHASE_GROUP, EINVAL, true, ALWAYS(SYS_setresgid, EINVAL), fill_nobody },
	{ PHASE_GROUP, EPERM, true, ALWAYS(SYS_setresgid, 0), fill_nobody },
	{ PHASE_USER, EAGAIN, true, ALWAYS(SYS_setresuid, EAGAIN), fill_nobody },
	{ PHASE_USER, EPERM, true, ALWAYS(SYS_setresuid, 0), fill_nobody },
	{ PHASE_CAPABILITIES, EPERM, true, WHEN(SYS_prctl, 0, PR_CAPBSET_DROP, EPERM),
	    fill_bounding },
	{ PHASE_CAPABILITIES, EPERM, true, WHEN(SYS_prctl, 0, PR_CAPBSET_DROP, 0),
	    fill_bounding },
	{ PHASE_CAPABILITIES, EPERM, true, WHEN(SYS_prctl, 0, PR_CAP_AMBIENT, EPERM),
	    fill_ambient },
	{ PHASE_CAPABILITIES, EPERM, true, ALWAYS(SYS_capset, EPERM), fill_ambient },
};

/* The end of a process that never became its program: nothing of it ran. */
static void
want_failed(struct rig *g, uint32_t slot, const struct step *s)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct msg m;

	for (;;) {
		if (!step(g, &m, until))
			continue;
		/* (A quick start is told as done before it is.) */
		if (m.head.id == MSG_STARTED && m.u.STARTED.slot == slot &&
		    m.u.STARTED.execed && spawn_id == MSG_SPAWN)
			fail_msg("step %s with errno %d: its program was executed",
			    spec_phase_name((uint32_t)s->phase), s->err);
		if (m.head.id == MSG_EXIT)
			break;
		msg_close_fds(&m);
	}
	if (m.u.EXIT.phase != (uint32_t)s->phase || m.u.EXIT.err != s->err)
		fail_msg("step %s with errno %d: told as %u with errno %d",
		    spec_phase_name((uint32_t)s->phase), s->err, m.u.EXIT.phase,
		    m.u.EXIT.err);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(m.u.EXIT.status, s->phase);
	ack(g, &m);
}

static void
fail_step(const struct step *s)
{
	char path[128], mark[160];
	struct spec_buf b;
	struct rig g;
	int fd;

	rig_start_with(&g, &s->fault);
	slot_open(&g, 0, false, false);
	snprintf(mark, sizeof(mark), "echo >%s/ran", g.dir);
	if (s->fill == NULL) {
		snprintf(path, sizeof(path), "%s/no-program", g.dir);
		fd = open(path, O_WRONLY | O_CREAT, 0755);
		assert_int_equal(write(fd, "\001\002\003", 3), 3);
		close(fd);
		spec_buf_init(&b);
		spec_put_str(&b, SPEC_PATH, path);
		spec_put_str(&b, SPEC_ARG, "x");
	} else {
		sh(&b, mark);
		s->fill(&g, &b);
	}
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want_failed(&g, 0, s);
	assert_int_equal(faccessat(g.run_fd, "ran", F_OK, 0), -1);
	rig_stop(&g);
}

static void
test_each_step_names_phase_and_errno(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].root && geteuid() != 0)
			continue;
		fail_step(&steps[i]);
	}
	spawn_id = MSG_SPAWN_QUICK;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (!steps[i].root || geteuid() == 0)
			fail_step(&steps[i]);
	}
	spawn_id = MSG_SPAWN;
}

/* Killed as soon as it made a folder: it would stay so, for what is there is not changed.
 */
static void
test_configuration_is_made_with_its_mode(void **state)
{
	static const struct fault no_chmod = ALWAYS(SYS_fchmod, EPERM);
	char base[SMALL];
	struct spec_buf b;
	struct stat st;
	struct rig g;
	struct msg m;

	(void)state;
	rig_start_with(&g, &no_chmod);
	slot_open(&g, 0, false, false);
	sh(&b, "exit 0");
	snprintf(base, sizeof(base), "%s", g.dir);
	spec_put_dir(
	    &b, SPEC_DIR_CONFIGURATION, base, "over/made", 0770, UINT32_MAX, UINT32_MAX);
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(fstatat(g.run_fd, "over", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(g.run_fd, "over/made", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0770);
	ack(&g, &m);
	rig_stop(&g);
}

/* The folder that it should go to is gone. */
static void
test_lost_cgroup_is_step_cgroup(void **state)
{
	struct step s = { .phase = PHASE_CGROUP, .err = ENOENT };
	char path[SMALL * 3], sub[SMALL * 4];
	struct rig g;
	struct msg m;

	(void)state;
	rig_prepare_in_cgroup(&g, path, sizeof(path));
	rig_exec(&g);
	want_fds_closed(&g, MSG_REPLAY_END);
	slot_open(&g, 0, false, true);
	want(&g, MSG_SLOT_CGROUP, &m);
	msg_close_fds(&m);
	snprintf(sub, sizeof(sub), "%s/unit0.service.0", path);
	assert_int_equal(rmdir(sub), 0);
	spawn_sh(&g, 0, PROC_MAIN, "exit 0");
	want_failed(&g, 0, &s);
	rig_stop(&g);
	assert_int_equal(rmdir(path), 0);
}

/* The context is sealed, and no context. */
static void
test_damaged_context_is_step_memory(void **state)
{
	struct step s = { .phase = PHASE_MEMORY, .err = EBADMSG };
	struct rig g;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_zeroes(&g, 0, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
	want_failed(&g, 0, &s);
	rig_stop(&g);
}

/* ---- rights -------------------------------------------------------------------------
 */

/* As the service: says what it can still do, a word each. */
static int
rights_main(const char *secret)
{
	gid_t groups[64], none = 0;
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	int n = getgroups(64, groups);

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "CapInh", 6) == 0 || strncmp(line, "CapPrm", 6) == 0 ||
		    strncmp(line, "CapEff", 6) == 0 || strncmp(line, "CapAmb", 6) == 0)
			printf("%.6s=%llx ", line, strtoull(line + 7, NULL, 16));
	}
	if (f != NULL)
		fclose(f);
	for (int i = 0; i < n; i++)
		printf("group=%u ", groups[i]);
	printf("%s", setresuid(0, 0, 0) == 0 ? "root " : "");
	printf("%s", setuid(0) == 0 ? "uid0 " : "");
	printf("%s", setresgid(0, 0, 0) == 0 ? "gid0 " : "");
	printf("%s", setgroups(1, &none) == 0 ? "groups0 " : "");
	printf("%s", access(secret, R_OK) == 0 ? "secret " : "");
	printf("%s", chroot("/") == 0 ? "chroot " : "");
	printf("%s", kill(getppid(), 0) == 0 ? "kill " : "");
	printf("%s", mount("none", "/proc", "proc", 0, NULL) == 0 ? "mount " : "");
	printf("%u:%u\n", geteuid(), getegid());
	fflush(stdout);
	return 0;
}

static void
run_rights(uint64_t ambient, const char *want_text)
{
	char secret[SMALL], exe[SMALL], cmd[SMALL * 4 + TABLE_PATH_MAX];
	struct spec_buf b;
	struct rig g;
	struct msg m;
	int fd;

	rig_start(&g);
	snprintf(secret, sizeof(secret), "%s/secret", g.dir);
	fd = open(secret, O_WRONLY | O_CREAT, 0640); /* of root, and of root's group */
	assert_int_not_equal(fd, -1);
	close(fd);
	/* The build may lie where nobody cannot look. */
	snprintf(exe, sizeof(exe), "%s/rights", g.dir);
	snprintf(
	    cmd, sizeof(cmd), "cp '%s' '%s' && chmod 755 '%s'", g.table->exe, exe, exe);
	assert_int_equal(system(cmd), 0);
	slot_open(&g, 0, false, false);
	spec_buf_init(&b);
	spec_put_str(&b, SPEC_PATH, exe);
	spec_put_str(&b, SPEC_ARG, "rights");
	spec_put_str(&b, SPEC_ARG, secret);
	fill_nobody(&g, &b);
	if (ambient != 0)
		spec_put_u64(&b, SPEC_CAP_AMBIENT, ambient);
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want_line(&g, 0, 0, want_text);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.status, 0);
	rig_stop(&g);
}

/* root becomes nobody, and nothing leads back. */
static void
test_rights_are_gone(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	run_rights(0, "CapInh=0 CapPrm=0 CapEff=0 CapAmb=0 group=4242 group=65534 "
		      "65534:65534\n");
	/* One that is meant to stay is the only one. */
	run_rights(1ULL << 10, "CapInh=400 CapPrm=400 CapEff=400 CapAmb=400 group=4242 "
			       "group=65534 65534:65534\n");
}

static void
keep_capabilities(void)
{
	/* An ordinary user that has capabilities all the same: they outlive setresuid. */
	if (prctl(PR_SET_KEEPCAPS, 1UL, 0, 0, 0) == -1 ||
	    setresgid(1234, 1234, 1234) == -1 || setresuid(1234, 1234, 1234) == -1)
		_exit(98);
	struct {
		uint32_t version;
		int pid;
	} head = { 0x20080522, 0 };
	uint32_t data[6] = { 0 };          /* effective, permitted, inheritable, twice */
	uint32_t caps = 1U << 6 | 1U << 7; /* setgid, setuid */

	data[0] = data[1] = data[2] = caps;
	if (syscall(SYS_capset, &head, data) == -1 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 6UL, 0, 0) == -1 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 7UL, 0, 0) == -1)
		_exit(98);
}

static void
test_rights_of_a_user_with_capabilities_are_gone(void **state)
{
	char exe[SMALL], cmd[SMALL * 4 + TABLE_PATH_MAX];
	struct spec_buf b;
	struct rig g;

	(void)state;
	if (geteuid() != 0)
		skip();
	rig_prepare(&g);
	snprintf(exe, sizeof(exe), "%s/rights", g.dir);
	snprintf(cmd, sizeof(cmd), "cp '%s' '%s' && chmod 755 '%s' && chown -R 1234 '%s'",
	    g.table->exe, exe, exe, g.dir);
	assert_int_equal(system(cmd), 0);
	assert_int_equal(chmod(getenv(SOCK_ENV), 0777), 0);
	rig_before_exec = keep_capabilities;
	rig_exec(&g);
	rig_before_exec = NULL;
	want_fds_closed(&g, MSG_REPLAY_END);
	slot_open(&g, 0, false, false);
	spec_buf_init(&b);
	spec_put_str(&b, SPEC_PATH, exe);
	spec_put_str(&b, SPEC_ARG, "rights");
	spec_put_str(&b, SPEC_ARG, "/nowhere");
	fill_nobody(&g, &b);
	spawn_spec(&g, 0, PROC_MAIN, &b);
	want_line(&g, 0, 0,
	    "CapInh=0 CapPrm=0 CapEff=0 CapAmb=0 group=4242 group=65534 65534:65534\n");
	rig_stop(&g);
}

/* ---- processes and their numbers ----------------------------------------------------
 */

static char
state_of(pid_t pid)
{
	char path[64], text[SMALL] = { 0 };
	const char *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL)
		return '-';
	p = fgets(text, sizeof(text), f) != NULL ? strrchr(text, ')') : NULL;
	fclose(f);
	return p != NULL ? p[2] : '-';
}

static void
wait_for_state(pid_t pid, char want_state)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct pollfd none = { -1, 0, 0 };

	while (state_of(pid) != want_state) {
		assert_true(now_ms() < until);
		poll(&none, 1, 2);
	}
}

/* While init looks elsewhere all of them end; SIGCHLD counts to one. */
static void
test_children_that_end_between_two_turns(void **state)
{
	int32_t pid[NSLOTS];
	bool seen[NSLOTS] = { false };
	struct rig g;
	struct msg m;
	int32_t manager;
	unsigned n = 0;

	(void)state;
	rig_start(&g);
	for (uint32_t i = 0; i < NSLOTS; i++) {
		slot_open(&g, i, false, false);
		spawn_sh(&g, i, PROC_MAIN,
		    i == 0 ? "sleep 1000 & exec sleep 1000" : "exec sleep 1000");
		pid[i] = want_execed(&g, i);
	}
	manager = g.manager.pid;
	assert_int_equal(kill(g.init, SIGSTOP), 0);
	wait_for_state(g.init, 'T');
	for (int i = 0; i < NSLOTS; i++)
		assert_int_equal(kill(pid[i], i % 2 == 0 ? SIGKILL : SIGUSR1), 0);
	assert_int_equal(kill(manager, SIGKILL), 0);
	close_peer(&g.manager);
	for (int i = 0; i < NSLOTS; i++)
		wait_for_state(pid[i], 'Z');
	wait_for_state(manager, 'Z');
	assert_int_equal(kill(g.init, SIGCONT), 0);
	while (n < NSLOTS) {
		want(&g, MSG_EXIT, &m);
		assert_true(m.u.EXIT.slot < NSLOTS && !seen[m.u.EXIT.slot]);
		assert_int_equal(m.u.EXIT.pid, pid[m.u.EXIT.slot]);
		assert_int_equal(m.u.EXIT.how, EXIT_KILLED);
		assert_int_equal(
		    m.u.EXIT.status, m.u.EXIT.slot % 2 == 0 ? SIGKILL : SIGUSR1);
		seen[m.u.EXIT.slot] = true;
		n++;
	}
	assert_int_not_equal(g.manager.pid, manager);
	rig_stop(&g);
}

/* A child of ours with just this number, that pauses; -1 where that cannot be had. */
static pid_t
child_numbered(pid_t number)
{
	pid_t set[1] = { number };
	struct clone_args a = { .exit_signal = SIGCHLD,
		.set_tid = (uint64_t)(uintptr_t)set,
		.set_tid_size = 1 };
	pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof(a));

	if (pid == 0) {
		for (;;)
			pause();
	}
	return pid;
}

static pid_t
child_that_pauses(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (;;)
			pause();
	}
	assert_int_not_equal(pid, -1);
	return pid;
}

static void
end_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A main process that is no child of init ends, and its number is given to another before
 * init hears of it: no signal reaches that one. */
static void
test_signal_does_not_reach_the_next_with_that_number(void **state)
{
	static const enum signal_scope scopes[] = { SIGNAL_PROC, SIGNAL_PROC_GROUP,
		SIGNAL_SLOT, SIGNAL_SLOT_KILL };
	struct rig g;
	struct msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
		pid_t first = child_that_pauses(), other;

		rig_start(&g);
		slot_open(&g, 0, false, false);
		msg_init(&m, MSG_PROC_SET);
		m.u.PROC_SET.pid = first;
		send_to(&g.manager, &m);
		want(&g, MSG_STARTED, &m);
		assert_int_equal(m.u.STARTED.pid, first);
		assert_int_equal(kill(g.init, SIGSTOP), 0);
		wait_for_state(g.init, 'T');
		end_child(first);
		other = child_numbered(first);
		if (other == -1) {
			rig_stop(&g);
			print_message("# SKIP a number cannot be chosen here\n");
			skip();
		}
		assert_int_equal(setpgid(other, other), 0);
		send_signal(&g, 0, scopes[i], SIGTERM);
		send_signal(&g, 0, scopes[i], SIGKILL);
		assert_int_equal(kill(g.init, SIGCONT), 0);
		want(&g, MSG_EXIT, &m);
		assert_int_equal(m.u.EXIT.how, EXIT_UNKNOWN);
		ack(&g, &m);
		/* And not afterwards. */
		send_signal(&g, 0, scopes[i], SIGKILL);
		send_slot(&g, MSG_SLOT_CLOSE, 0);
		want(&g, MSG_SLOT_DONE, &m);
		assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
		end_child(other);
		rig_stop(&g);
	}
}

static uint64_t
ticks_of(pid_t pid)
{
	char path[64], text[SMALL * 2] = { 0 }, *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	p = fgets(text, sizeof(text), f) != NULL ? strrchr(text, ')') : NULL;
	fclose(f);
	for (int field = 2; p != NULL && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p != NULL ? strtoull(p + 1, NULL, 10) : 0;
}

/* The next init finds another process under the number of a service that ended while
 * nobody was there. */
static void
test_next_init_knows_a_reused_number(void **state)
{
	uint64_t until = now_ms() + DEADLINE_MS, ticks;
	struct rig g;
	struct msg m;
	pid_t pid, other;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exec sleep 1000");
	pid = want_execed(&g, 0);
	ticks = ticks_of(pid);
	msg_init(&m, MSG_HALT);
	m.u.HALT.how = HALT_LEAVE;
	send_to(&g.manager, &m);
	assert_int_equal(wait_for_init(&g), 0);
	close_peer(&g.manager);
	close_peer(&g.logger);
	g.table->halting = 0;
	end_child(pid); /* ours by now */
	/* The kernel counts starts by hundredths of a second. */
	for (other = pid; other != -1;) {
		other = child_numbered(pid);
		if (other == -1 || ticks_of(other) != ticks)
			break;
		end_child(other);
		assert_true(now_ms() < until);
	}
	if (other == -1) {
		rig_stop(&g);
		print_message("# SKIP a number cannot be chosen here\n");
		skip();
	}
	assert_int_equal(setpgid(other, other), 0);
	rig_exec(&g);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_UNKNOWN);
	assert_int_equal(m.u.EXIT.pid, pid);
	want_fds_closed(&g, MSG_REPLAY_END);
	send_signal(&g, 0, SIGNAL_PROC, SIGKILL);
	send_signal(&g, 0, SIGNAL_SLOT, SIGTERM);
	send_signal(&g, 0, SIGNAL_SLOT_KILL, SIGKILL);
	ack(&g, &m);
	send_slot(&g, MSG_SLOT_CLOSE, 0);
	want(&g, MSG_SLOT_DONE, &m);
	assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
	end_child(other);
	rig_stop(&g);
}

/* ---- the last resort ----------------------------------------------------------------
 */

/* What its children are, killed or only counted. */
static int
children_of(pid_t parent, bool end)
{
	char path[64], text[4096] = { 0 }, *p = text;
	int n = 0;
	FILE *f;

	snprintf(
	    path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	f = fopen(path, "r");
	assert_non_null(f);
	if (fgets(text, sizeof(text), f) == NULL)
		text[0] = '\0';
	fclose(f);
	for (; *p >= '0' && *p <= '9'; p += strspn(p, " ")) {
		pid_t pid = (pid_t)strtol(p, &p, 10);

		if (end)
			(void)kill(pid, SIGKILL);
		n++;
	}
	return n;
}

/* Not a signal that somebody sent: the next instruction of init is none. */
static bool
make_fault(pid_t pid)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	assert_int_equal(ptrace(PTRACE_ATTACH, pid, 0, 0), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(ptrace(PTRACE_GETREGS, pid, 0, &regs), 0);
	regs.rip = 16;
	regs.orig_rax = (unsigned long long)-1; /* no call is begun again */
	assert_int_equal(ptrace(PTRACE_SETREGS, pid, 0, &regs), 0);
	assert_int_equal(ptrace(PTRACE_DETACH, pid, 0, 0), 0);
	return true;
#else
	(void)pid;
	return false;
#endif
}

static void
crash_and_wait(struct rig *g)
{
	uint64_t until = now_ms() + DEADLINE_MS, before = g->table->crashes;
	struct pollfd none = { -1, 0, 0 };

	if (!make_fault(g->init)) {
		rig_stop(g);
		skip();
	}
	while (g->table->crashes == before) {
		assert_true(now_ms() < until);
		poll(&none, 1, 5);
	}
}

static void
own_mounts(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		_exit(98);
}

/* In a chroot, whose root is no mount, what is mounted would be seen outside. */
static bool
can_own_mounts(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) == -1)
			_exit(98);
		own_mounts();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* A defect of init itself: it goes on from the table, with all children. */
static void
test_fault_starts_again_from_the_table(void **state)
{
	struct rig g;
	struct msg m;
	int32_t pid;

	(void)state;
	rig_start(&g);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "exec sleep 1000");
	pid = want_execed(&g, 0);
	crash_and_wait(&g);
	want(&g, MSG_SLOT, &m);
	assert_int_equal(m.u.SLOT.proc[PROC_MAIN].pid, pid);
	assert_int_equal(m.u.SLOT.proc[PROC_MAIN].is_child, 1);
	want_fds_closed(&g, MSG_REPLAY_END);
	assert_int_equal(kill(pid, SIGTERM), 0);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_KILLED);
	rig_stop(&g);
}

/*
 * The same, and the binary that it would start again from cannot be executed.  As PID 1
 * its end would be the end of everything: it stays, reaps, and starts again when it can.
 */
static void
test_pid1_that_cannot_start_again_stays(void **state)
{
	uint64_t until = now_ms() + DEADLINE_MS;
	struct pollfd none = { -1, 0, 0 };
	struct rig g;
	struct msg m;
	int32_t exe;

	(void)state;
	if (geteuid() != 0 || !can_own_mounts()) {
		print_message("# SKIP needs root and mounts of its own\n");
		skip();
	}
	rig_prepare(&g);
	rig_namespaces = CLONE_NEWPID | CLONE_NEWNS;
	rig_before_exec = own_mounts;
	rig_exec(&g);
	rig_namespaces = 0;
	rig_before_exec = NULL;
	want_fds_closed(&g, MSG_REPLAY_END);
	slot_open(&g, 0, false, false);
	spawn_sh(&g, 0, PROC_MAIN, "sleep 1000 & echo up; wait");
	want_line(&g, 0, 0, "up\n");
	exe = g.table->fd[FD_EXE];
	g.table->fd[FD_EXE] = g.table->fd[FD_LOCK]; /* no program */
	crash_and_wait(&g);
	/* All end, also those that become its children by that. */
	while (children_of(g.init, true) > 0) {
		assert_true(now_ms() < until);
		poll(&none, 1, 20);
	}
	assert_int_equal(waitpid(g.init, NULL, WNOHANG), 0);
	g.table->fd[FD_EXE] = exe;
	want(&g, MSG_HELLO, &m);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_UNKNOWN);
	rig_stop(&g);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_step_names_phase_and_errno),
		cmocka_unit_test(test_configuration_is_made_with_its_mode),
		cmocka_unit_test(test_lost_cgroup_is_step_cgroup),
		cmocka_unit_test(test_damaged_context_is_step_memory),
		cmocka_unit_test(test_rights_are_gone),
		cmocka_unit_test(test_rights_of_a_user_with_capabilities_are_gone),
		cmocka_unit_test(test_children_that_end_between_two_turns),
		cmocka_unit_test(test_signal_does_not_reach_the_next_with_that_number),
		cmocka_unit_test(test_next_init_knows_a_reused_number),
		cmocka_unit_test(test_fault_starts_again_from_the_table),
		cmocka_unit_test(test_pid1_that_cannot_start_again_stays),
	};
	int rc;

	if (strcmp(argv[0], "rights") == 0 && argc > 1)
		return rights_main(argv[1]);
	if (rig_part(argc, argv, &rc))
		return rc;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
