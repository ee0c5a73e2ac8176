/*
 * service_exec: the slot of an invocation, and the context of each of its processes.  The
 * environment is in service_env.c, users and groups in service_users.c.
 */
#include "manager/service/service_exec.h"

#include <sys/resource.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/service/service_fds.h"
#include "manager/service/service_users.h"
#include "proto/spec.h"
#include "proto/tag.h"
#include "unit/env.h"
#include "unit/load.h"

enum {
	IO_CLASS_SHIFT = 13, /* <linux/ioprio.h>, which older systems lack */
	PRIVATE_MODE = 0711, /* where it has to be made: to be passed, not to be read */
};

/* ---- the slot ---------------------------------------------------------------- */

static bool
out_is_log(const struct exec_conf *x)
{
	return x->out.kind == STDIO_LOG || x->out.kind == STDIO_SOCKET ||
	       (x->out.kind == STDIO_INHERIT && x->in.kind != STDIO_FILE &&
		   !stdio_is_tty(x->in.kind));
}

static bool
err_is_log(const struct exec_conf *x)
{
	return x->err.kind == STDIO_LOG || x->err.kind == STDIO_SOCKET ||
	       (x->err.kind == STDIO_INHERIT && out_is_log(x));
}

const char *
svc_tty_path(const struct exec_conf *x)
{
	return x->tty_path != NULL ? x->tty_path : "/dev/console";
}

bool
svc_wants_notify(const struct service_conf *c)
{
	return svc_is_notify(c) || c->notify_access != NOTIFY_ACCESS_NONE ||
	       c->notify_fd >= 0 || c->fd_store_max > 0 || c->watchdog_us > 0;
}

/* What of a session is recorded: enum slot_log_stream. */
static uint32_t
recording(const struct unit_conf *conf)
{
	switch (conf->session->session.record) {
	case RECORD_YES:
		return SLOT_LOG_CAST;
	case RECORD_INPUT:
		return SLOT_LOG_CAST | SLOT_LOG_TYPED;
	default:
		return 0;
	}
}

int
svc_exec_open(struct svc_world *w, const struct unit_conf *conf,
    struct msg_slot_open *open, int *status, char *why, size_t size)
{
	const struct exec_conf *x = &conf->service->context;
	struct svc_ids ids;

	if (svc_ids_find(w, x, &ids, status, why, size) == -1)
		return -1;
	free(ids.groups);
	open->want_notify = svc_wants_notify(conf->service);
	open->want_cgroup = w->want_cgroup;
	open->uid = (int32_t)ids.uid;
	open->gid = (int32_t)ids.gid;
	snprintf(open->log.name, sizeof(open->log.name), "%s", conf->stem);
	if (x->log_day != NULL)
		snprintf(open->log.day, sizeof(open->log.day), "%s", x->log_day);
	open->log.drop = x->log_overflow == LOG_OVERFLOW_DROP;
	open->log.format = (uint32_t)x->log_format;
	open->log.sync = (uint32_t)x->log_sync;
	open->log.stream_mask = (out_is_log(x) ? SLOT_LOG_STDOUT : 0U) |
				(err_is_log(x) ? SLOT_LOG_STDERR : 0U);
	open->log.max_bytes = x->log_max_bytes;
	open->terminal = unit_conf_terminal(conf);
	if (open->terminal != 0)
		open->log.stream_mask |= SLOT_LOG_STDOUT | recording(conf);
	*status = 0;
	return 0;
}

/* ---- the context ------------------------------------------------------------- */

static void
put_stdio_path(struct spec_buf *b, enum spec_tag tag, const struct stdio_conf *io)
{
	switch (io->kind) {
	case STDIO_FILE:
		spec_put_stdio(b, tag, SPEC_IO_FILE, io->arg);
		break;
	case STDIO_APPEND:
		spec_put_stdio(b, tag, SPEC_IO_APPEND, io->arg);
		break;
	case STDIO_TRUNCATE:
		spec_put_stdio(b, tag, SPEC_IO_TRUNCATE, io->arg);
		break;
	default:
		spec_put_stdio(b, tag, SPEC_IO_NULL, NULL);
		break;
	}
}

static void
put_output(struct spec_buf *b, const struct service *s, const struct svc_spawn *sp,
    enum spec_tag tag, const struct stdio_conf *io, bool is_log)
{
	bool is_socket = io->kind == STDIO_SOCKET && sp->kind == PROC_MAIN;
	uint32_t id;

	if (is_log)
		return; /* absent is the log */
	if (io->kind == STDIO_INHERIT)
		spec_put_stdio(b, tag, SPEC_IO_SAME, NULL);
	else if (io->kind == STDIO_TTY)
		spec_put_stdio_tty(
		    b, tag, SPEC_TTY_WAIT, svc_tty_path(&svc_conf(s)->service->context));
	else if ((io->kind == STDIO_FD || is_socket) &&
		 svc_fds_find(s, sp, io->arg, &id) == 0)
		spec_put_stdio_stored(b, tag, id);
	else
		put_stdio_path(b, tag, io);
}

static void
put_tty(struct spec_buf *b, const struct exec_conf *x)
{
	uint32_t flags = (x->tty_reset ? SPEC_TTY_RESET : 0U) |
			 (x->tty_vhangup ? SPEC_TTY_HANGUP : 0U);
	uint32_t size = x->tty_rows << 16 | x->tty_columns;

	spec_put_stdio_tty(b, SPEC_STDIN,
	    x->in.kind == STDIO_TTY_FORCE  ? SPEC_TTY_FORCE
	    : x->in.kind == STDIO_TTY_FAIL ? SPEC_TTY_FAIL
					   : SPEC_TTY_WAIT,
	    svc_tty_path(x));
	if (flags != 0)
		spec_put_u32(b, SPEC_TTY_FLAGS, flags);
	if (size != 0)
		spec_put_u32(b, SPEC_TTY_SIZE, size);
}

/* Of the main process; others have no standard input. */
static void
put_input(struct spec_buf *b, const struct service *s, const struct svc_spawn *sp,
    const struct exec_conf *x)
{
	uint32_t id;

	switch (x->in.kind) {
	case STDIO_FILE:
		spec_put_stdio(b, SPEC_STDIN, SPEC_IO_FILE, x->in.arg);
		break;
	case STDIO_TTY:
	case STDIO_TTY_FORCE:
	case STDIO_TTY_FAIL:
		put_tty(b, x);
		break;
	case STDIO_DATA:
		spec_put_stdin_data(b, x->stdin_data, x->stdin_data_len);
		break;
	case STDIO_FD:
	case STDIO_SOCKET:
		if (svc_fds_find(s, sp, x->in.arg, &id) == 0)
			spec_put_stdio_stored(b, SPEC_STDIN, id);
		break;
	default:
		break;
	}
}

static void
put_stdio(struct spec_buf *b, const struct service *s, const struct svc_spawn *sp,
    const struct exec_conf *x)
{
	/* What would go to the socket goes to the log where there is none. */
	bool socket = sp->kind == PROC_MAIN && svc_stdio_is_socket(x);
	bool out = out_is_log(x), err = err_is_log(x);

	if (sp->kind > PROC_CONTROL) {
		/* A probe: what it has to say to people is on stderr. */
		spec_put_stdio(b, SPEC_STDOUT, SPEC_IO_NULL, NULL);
		return;
	}
	if (sp->kind == PROC_MAIN)
		put_input(b, s, sp, x);
	if (socket) {
		out = out && x->out.kind != STDIO_SOCKET &&
		      (x->out.kind != STDIO_INHERIT || x->in.kind != STDIO_SOCKET);
		err = err && x->err.kind != STDIO_SOCKET &&
		      (x->err.kind != STDIO_INHERIT || out);
	}
	if (sp->kind == PROC_MAIN && x->in.kind == STDIO_FD) {
		out = out && x->out.kind != STDIO_INHERIT;
		err = err && (x->err.kind != STDIO_INHERIT || out);
	}
	if (sp->kind == PROC_CONTROL && x->out.kind == STDIO_INHERIT && !out) {
		/* It has no stdin of its own to share. */
		if (stdio_is_tty(x->in.kind))
			spec_put_stdio_tty(
			    b, SPEC_STDOUT, SPEC_TTY_WAIT, svc_tty_path(x));
		else
			spec_put_stdio(b, SPEC_STDOUT, SPEC_IO_FILE, x->in.arg);
	} else {
		put_output(b, s, sp, SPEC_STDOUT, &x->out, out);
	}
	put_output(b, s, sp, SPEC_STDERR, &x->err, err);
}

static void
put_command(struct spec_buf *b, const struct exec_conf *x, const struct exec_cmd *cmd,
    const struct strv *env, struct strv *unset)
{
	struct strv argv = { 0 }, dirs = { 0 };

	if (cmd->path[0] == '/') {
		spec_put_str(b, SPEC_PATH, cmd->path);
	} else {
		if (x->search_path.n > 0)
			strv_add_all(&dirs, &x->search_path);
		else
			strv_split(&dirs, UNIT_EXEC_PATH, ":");
		for (size_t i = 0; i < dirs.n; i++) {
			char *p = xasprintf("%s/%s", dirs.v[i], cmd->path);

			spec_put_str(b, SPEC_PATH, p);
			free(p);
		}
	}
	exec_cmd_expand(cmd, env, &argv, unset);
	for (size_t i = 0; i < argv.n; i++)
		spec_put_str(b, SPEC_ARG, argv.v[i]);
	strv_clear(&argv);
	strv_clear(&dirs);
}

/* Once a start by hand: a service that is restarted all the time says it only once. */
static void
tell_unset(const struct service *s, const struct strv *unset)
{
	/* Ours come and go with what there is to say. */
	static const char *const ours[] = { "MAINPID", "SERVICE_RESULT", "EXIT_CODE",
		"EXIT_STATUS" };

	if (svc_memory(s)->restarts > 0)
		return;
	for (size_t i = 0; i < unset->n; i++) {
		bool is_ours = false;

		for (size_t k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
			is_ours |= strcmp(unset->v[i], ours[k]) == 0;
		if (!is_ours)
			log_warnx("%s: $%s is not set: nothing stands for it",
			    svc_conf(s)->stem, unset->v[i]);
	}
}

/* Whether this process could have that hard limit; what it has stays in *have. */
static bool
may_set_limit(const struct limit_conf *l, struct rlimit *have)
{
	struct rlimit more;

	if (getrlimit((uint32_t)l->resource, have) == -1 || l->hard <= have->rlim_max)
		return true;
	/* Rights, name spaces and fs.nr_open decide it: tried, and taken back. */
	more = (struct rlimit){ have->rlim_cur, l->hard };
	if (setrlimit((uint32_t)l->resource, &more) == -1)
		return errno != EPERM;
	(void)setrlimit((uint32_t)l->resource, have);
	return true;
}

/* What the child will lower, for it has the rights of this process.  Once a start by
 * hand, at its first command. */
static void
tell_lowered(const struct service *s, const struct svc_spawn *sp)
{
	const struct svc_memory *mem = svc_memory(s);
	const struct service_conf *c = svc_conf(s)->service;
	const struct exec_conf *x = &c->context;
	struct rlimit have;

	if (sp->kind != PROC_MAIN || mem->restarts > 0 || !mem->fresh_start ||
	    sp->cmd != c->exec[mem->resumes ? EXEC_RESUME : EXEC_START].v)
		return;
	for (size_t i = 0; i < x->n_limits; i++)
		if (!may_set_limit(&x->limits[i], &have))
			log_warnx(
			    "%s: Limit%s= is lowered to %llu: supd may not set more",
			    svc_conf(s)->stem, limit_conf_name(&x->limits[i]),
			    (unsigned long long)have.rlim_max);
}

static void
put_folder(struct spec_buf *b, const struct exec_conf *x, const struct svc_user *u)
{
	if (x->working_directory == NULL)
		spec_put_flag(b, SPEC_CWD_INSTANCE);
	else if (strcmp(x->working_directory, "~") == 0)
		spec_put_str(b, SPEC_CWD, u->home);
	else
		spec_put_str(b, SPEC_CWD, x->working_directory);
	if (x->working_directory != NULL && x->working_directory_optional)
		spec_put_flag(b, SPEC_CWD_OPTIONAL);
}

/* Both names are below base; "../" leads up for each folder that the link is in. */
static void
put_link(struct spec_buf *b, enum spec_dir_kind kind, const char *base, const char *name,
    const char *target)
{
	struct buf up = { 0 };

	for (const char *c = name; *c != '\0'; c++)
		if (*c == '/')
			buf_adds(&up, "../");
	buf_adds(&up, target);
	spec_put_link(b, kind, base, name, buf_str(&up));
	buf_free(&up);
}

/* Whether it lies in another one of them, to which there is a link. */
static bool
is_within(const struct strv *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		size_t n = strlen(names->v[i]);

		if (strncmp(name, names->v[i], n) == 0 && name[n] == '/')
			return true;
	}
	return false;
}

/* The folders of one kind, the links to them behind them. */
static void
put_dirs_of(struct spec_buf *b, const struct exec_conf *x, enum exec_dir_kind k,
    enum spec_dir_kind kind, const char *base, const struct svc_ids *ids)
{
	const struct exec_dir *d = &x->dirs[k];
	bool private = exec_dir_is_private(x, k);

	if (private && d->names.n > 0)
		spec_put_dir(b, SPEC_DIR_PRIVATE, base, "private", PRIVATE_MODE,
		    UINT32_MAX, UINT32_MAX);
	for (size_t i = 0; i < d->names.n; i++) {
		char *name = xasprintf("%s%s", private ? "private/" : "", d->names.v[i]);

		if (private && !is_within(&d->names, d->names.v[i]))
			put_link(b, kind, base, d->names.v[i], name);
		spec_put_dir(b, kind, base, name, (uint32_t)d->mode,
		    ids->set_uid ? ids->uid : UINT32_MAX,
		    ids->set_gid ? ids->gid : UINT32_MAX);
		free(name);
	}
	for (size_t i = 0; i < d->links.n; i++) {
		char *name = xstrdup(d->links.v[i]), *link = strchr(name, ':');

		*link++ = '\0';
		put_link(b, kind, base, link, name);
		free(name);
	}
}

static void
put_dirs(struct spec_buf *b, struct svc_world *w, const struct exec_conf *x,
    const struct svc_ids *ids)
{
	static const enum spec_dir_kind kinds[DIR_NKINDS] = {
		[DIR_RUNTIME] = SPEC_DIR_RUNTIME,
		[DIR_STATE] = SPEC_DIR_STATE,
		[DIR_CACHE] = SPEC_DIR_CACHE,
		[DIR_LOGS] = SPEC_DIR_LOGS,
		[DIR_CONFIGURATION] = SPEC_DIR_CONFIGURATION,
	};

	if (w->paths == NULL)
		return;
	for (int k = 0; k < DIR_NKINDS; k++)
		put_dirs_of(b, x, (enum exec_dir_kind)k, kinds[k],
		    unit_paths_base(w->paths, (enum exec_dir_kind)k), ids);
}

static void
put_rights(struct spec_buf *b, const struct exec_conf *x, const struct svc_ids *ids,
    uint32_t flags)
{
	bool full = (flags & EXEC_FULL_PRIVILEGES) != 0;
	bool keep_ids = full || (flags & (EXEC_NO_SETUID | EXEC_AMBIENT_MAGIC)) != 0;

	if (!keep_ids) {
		if (ids->set_uid)
			spec_put_u32(b, SPEC_UID, ids->uid);
		if (ids->set_gid)
			spec_put_u32(b, SPEC_GID, ids->gid);
		if (ids->set_groups)
			spec_put_ids(b, SPEC_GROUPS, ids->groups, ids->ngroups);
	}
	if (full)
		return;
	/* Who is in no list can do without. */
	if (x->no_new_privileges || x->dynamic_user)
		spec_put_flag(b, SPEC_NO_NEW_PRIVS);
	if (x->bounding_set_set)
		spec_put_u64(b, SPEC_CAP_BOUNDING, x->bounding_set);
	if (x->ambient_set != 0)
		spec_put_u64(b, SPEC_CAP_AMBIENT, x->ambient_set);
	if (x->secure_bits != 0)
		spec_put_u32(b, SPEC_SECURE_BITS, x->secure_bits);
}

static void
put_sched(struct spec_buf *b, const struct exec_conf *x)
{
	if (x->nice_set)
		spec_put_i32(b, SPEC_NICE, x->nice);
	if (x->oom_score_adjust_set)
		spec_put_i32(b, SPEC_OOM_ADJUST, x->oom_score_adjust);
	if (x->cpu_policy_set || x->cpu_priority > 0 || x->cpu_reset_on_fork) {
		spec_put_u32(b, SPEC_CPU_POLICY,
		    (uint32_t)(x->cpu_policy |
			       (x->cpu_reset_on_fork ? SCHED_RESET_ON_FORK : 0)));
		spec_put_u32(b, SPEC_CPU_PRIORITY, (uint32_t)exec_cpu_priority(x));
	}
	if (x->n_cpus > 0)
		spec_put(b, SPEC_CPUS, x->cpus, x->n_cpus * sizeof(x->cpus[0]));
	if (x->io_set)
		spec_put_u32(b, SPEC_IOPRIO,
		    (uint32_t)(x->io_class << IO_CLASS_SHIFT | x->io_priority));
	if (x->timer_slack_set)
		spec_put_u64(b, SPEC_TIMER_SLACK, x->timer_slack_ns);
	if (x->coredump_filter_set)
		spec_put_u32(b, SPEC_COREDUMP_FILTER, x->coredump_filter);
	if (x->personality_set)
		spec_put_u32(b, SPEC_PERSONALITY, x->personality);
}

/* An ordinary user's programs keep what his login has, unless their unit says so. */
static void
put_keyring(struct spec_buf *b, const struct unit_conf *conf)
{
	enum keyring_mode mode = conf->service->context.keyring;

	if (mode == KEYRING_INHERIT ||
	    (geteuid() != 0 && !unit_conf_is_set(conf, "KeyringMode")))
		return;
	spec_put_flag(b, SPEC_KEYRING);
	if (mode == KEYRING_SHARED)
		spec_put_flag(b, SPEC_KEYRING_SHARED);
}

int
svc_exec_spec(struct svc_world *w, const struct service *s, const struct svc_spawn *sp,
    const struct strv *from_files, uint64_t *spec_size, char *why, size_t size)
{
	const struct unit_conf *conf = svc_conf(s);
	const struct service_conf *c = conf->service;
	const struct exec_conf *x = &c->context;
	struct strv env = { 0 }, unset = { 0 };
	struct spec_buf b;
	struct svc_ids ids;
	int status, fd = -1;

	if (sp->cmd == NULL) {
		snprintf(why, size, "there is no command");
		errno = EINVAL;
		return -1;
	}
	if (svc_ids_find(w, x, &ids, &status, why, size) == -1) {
		errno = EINVAL;
		return -1;
	}
	spec_buf_init(&b);
	if (svc_exec_environment(w, conf, s, sp, from_files, &env, NULL, why, size) == -1)
		goto out;
	put_command(&b, x, sp->cmd, &env, &unset);
	tell_unset(s, &unset);
	for (size_t i = 0; i < env.n; i++)
		spec_put_str(&b, SPEC_ENV, env.v[i]);
	spec_put_str(&b, SPEC_ENV_PID, "SYSTEMD_EXEC_PID");
	if (strv_env_get(&env, "WATCHDOG_USEC") != NULL && sp->kind == PROC_MAIN)
		spec_put_str(&b, SPEC_ENV_PID, "WATCHDOG_PID");
	if (svc_fds_put(s, sp, &b, why, size) == -1)
		goto out;
	if (sp->kind == PROC_MAIN && c->notify_fd >= 0)
		spec_put_u32(&b, SPEC_NOTIFY_FD, (uint32_t)c->notify_fd);
	put_rights(&b, x, &ids, sp->cmd->flags);
	spec_put_u32(&b, SPEC_UMASK, (uint32_t)x->umask);
	put_folder(&b, x, ids.user);
	put_dirs(&b, w, x, &ids);
	tell_lowered(s, sp);
	for (size_t i = 0; i < x->n_limits; i++)
		spec_put_limit(
		    &b, x->limits[i].resource, x->limits[i].soft, x->limits[i].hard);
	put_sched(&b, x);
	put_keyring(&b, conf);
	spec_put_u64(&b, SPEC_TAG, svc_tag(sp->invocation));
	if (sp->kind == PROC_MAIN && unit_conf_terminal(conf) != 0)
		spec_put_flag(&b, SPEC_TERMINAL);
	else
		put_stdio(&b, s, sp, x);
	if (x->ignore_sigpipe)
		spec_put_flag(&b, SPEC_IGNORE_SIGPIPE);
	fd = spec_seal(&b, spec_size);
	if (fd == -1)
		snprintf(why, size, "the execution context cannot be made: %s",
		    strerror(errno));
out:
	if (fd == -1 && errno == 0)
		errno = EINVAL;
	status = errno;
	strv_clear(&env);
	strv_clear(&unset);
	spec_buf_clear(&b);
	free(ids.groups);
	errno = status;
	return fd;
}
