#include "manager/service/service_exec.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/service/helper.h"
#include "manager/service/tag.h"
#include "proto/spec.h"
#include "unit/env.h"
#include "unit/load.h"

enum {
	USERS_FRESH_US = 2000,
	NAME_BUF_MAX = 1 << 20, /* of getpwnam_r: large groups, not endless ones */
	GROUPS_MAX = 65536,
	NSSWITCH_MAX = 65536,
	ASK_MS = 1000, /* that a name service may make everybody wait */
	HUNG_SEC = 30, /* so long it is not asked again then */
	ENV_SKIPPED_TOLD = 10,
};

/* ---- users ------------------------------------------------------------------- */

struct svc_user {
	uint32_t uid, gid;
	char *name, *home, *shell;
	uint32_t *groups; /* those of the name, gid included */
	size_t ngroups;
};

struct svc_users {
	struct map by_name; /* "" is who supd is */
	struct timespec passwd_mtime, group_mtime;
	uint64_t checked_us;    /* when they were looked at last */
	bool remote;            /* nsswitch.conf names more than local files */
	uint64_t hung_until_us; /* monotonic */
};

static void
user_free(void *p)
{
	struct svc_user *u = p;

	if (u == NULL)
		return;
	free(u->name);
	free(u->home);
	free(u->shell);
	free(u->groups);
	free(u);
}

void
svc_world_clear(struct svc_world *w)
{
	if (w->users == NULL)
		return;
	map_clear(&w->users->by_name, user_free);
	free(w->users);
	w->users = NULL;
}

static struct timespec
mtime_of(const char *path)
{
	struct timespec none = { 0 };
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : none;
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
is_number(const char *s, uint32_t *v)
{
	unsigned long long n;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (*end != '\0' || errno != 0 || n >= UINT32_MAX)
		return false;
	*v = (uint32_t)n;
	return true;
}

/* 0 found, -1 not found (errno 0) or could not be asked (errno). */
static int
ask_passwd(const char *name, uint32_t uid, struct svc_user *u)
{
	struct passwd pw, *r = NULL;
	size_t size = 4096;
	char *b = NULL;
	int err;

	do {
		b = xreallocarray(b, 1, size);
		err = name != NULL ? getpwnam_r(name, &pw, b, size, &r)
				   : getpwuid_r(uid, &pw, b, size, &r);
		size *= 2;
	} while (err == ERANGE && size <= NAME_BUF_MAX);
	if (err == 0 && r != NULL) {
		u->uid = pw.pw_uid;
		u->gid = pw.pw_gid;
		u->name = xstrdup(pw.pw_name);
		u->home = xstrdup(pw.pw_dir);
		u->shell = xstrdup(pw.pw_shell[0] != '\0' ? pw.pw_shell : "/bin/sh");
		free(b);
		return 0;
	}
	free(b);
	/* Some systems say so when there is no such name. */
	errno = err == ENOENT || err == ESRCH || err == EPERM || err == EBADF ? 0 : err;
	return -1;
}

static int
ask_group(const char *name, uint32_t *gid)
{
	struct group gr, *r = NULL;
	size_t size = 4096;
	char *b = NULL;
	int err;

	if (is_number(name, gid))
		return 0;
	do {
		b = xreallocarray(b, 1, size);
		err = getgrnam_r(name, &gr, b, size, &r);
		size *= 2;
	} while (err == ERANGE && size <= NAME_BUF_MAX);
	if (err == 0 && r != NULL) {
		*gid = gr.gr_gid;
		free(b);
		return 0;
	}
	free(b);
	errno = err == ENOENT || err == ESRCH || err == EPERM || err == EBADF ? 0 : err;
	return -1;
}

static void
ask_groups(struct svc_user *u)
{
	gid_t *g = NULL;
	int n = 64, got;

	for (;;) {
		g = xreallocarray(g, (size_t)n, sizeof(*g));
		got = n;
		if (getgrouplist(u->name, u->gid, g, &got) != -1)
			break;
		if (n >= GROUPS_MAX) {
			got = n;
			break;
		}
		n *= 4;
	}
	u->groups = xcalloc((size_t)got, sizeof(*u->groups));
	for (int i = 0; i < got; i++)
		u->groups[i] = g[i];
	u->ngroups = (size_t)got;
	free(g);
}

/* Whether a look-up may ask somebody beyond this machine's files. */
static bool
names_are_remote(void)
{
	static const char *const local[] = { "files", "compat", "systemd", "db",
		"altfiles", "extrausers" };
	struct buf b = { 0 };
	char *line, *word, *rest, *lines;
	bool remote = false;

	if (file_read_follow_at(AT_FDCWD, "/etc/nsswitch.conf", NSSWITCH_MAX, &b) == -1) {
		buf_free(&b);
		return false;
	}
	rest = lines = buf_take(&b);
	while (!remote && (line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "#")] = '\0';
		word = strsep(&line, ":");
		word += strspn(word, " \t");
		if (line == NULL ||
		    (strcmp(word, "passwd") != 0 && strcmp(word, "group") != 0 &&
			strcmp(word, "initgroups") != 0))
			continue;
		while (!remote && (word = strsep(&line, " \t")) != NULL) {
			/* What to do with an answer: `[NOTFOUND=return]'. */
			bool known = *word == '\0' || *word == '[' ||
				     word[strlen(word) - 1] == ']';

			for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
				known |= strcmp(word, local[i]) == 0;
			remote = !known;
		}
	}
	free(lines);
	return remote;
}

/* The question is u and a name, n and a number, g and the name of a group. */
static void
work_name(const void *question, struct buf *out)
{
	const char *q = question;
	struct svc_user u = { 0 };
	uint32_t gid;
	int r;

	if (*q == 'g') {
		if (ask_group(q + 1, &gid) == -1)
			buf_addf(out, "E%d", errno);
		else
			buf_addf(out, "G%" PRIu32, gid);
		return;
	}
	r = *q == 'u' ? ask_passwd(q + 1, 0, &u)
		      : ask_passwd(NULL, (uint32_t)strtoul(q + 1, NULL, 10), &u);
	if (r == -1) {
		buf_addf(out, "E%d", errno);
		return;
	}
	ask_groups(&u);
	buf_addf(out, "U%" PRIu32 " %" PRIu32, u.uid, u.gid);
	for (size_t i = 0; i < u.ngroups; i++)
		buf_addf(out, " %" PRIu32, u.groups[i]);
	buf_addf(out, "\n%s\n%s\n%s", u.name, u.home, u.shell);
}

/* The answer of a helper to such a question; -1 with errno, 0 for "there is none". */
static char *
ask_helper(struct svc_users *users, char kind, const char *name)
{
	struct buf b = { 0 };
	char *q, *text;
	int r, err;

	if (clock_mono_us() < users->hung_until_us) {
		errno = ETIMEDOUT;
		return NULL;
	}
	q = xasprintf("%c%s", kind, name);
	r = helper_ask(work_name, q, ASK_MS * USEC_PER_MSEC, &b);
	err = errno;
	free(q);
	if (r == -1) {
		buf_free(&b);
		if (err == ETIMEDOUT)
			users->hung_until_us =
			    clock_add_us(clock_mono_us(), HUNG_SEC * USEC_PER_SEC);
		errno = err;
		return NULL;
	}
	text = buf_take(&b);
	if (*text == 'E') {
		err = atoi(text + 1);
		free(text);
		errno = err;
		return NULL;
	}
	return text;
}

static int
find_passwd(struct svc_users *users, const char *name, uint32_t uid, struct svc_user *u)
{
	char number[16], *text, *line, *rest, *end;
	size_t max = 0;

	if (!users->remote) {
		if (ask_passwd(name, uid, u) == -1)
			return -1;
		ask_groups(u);
		return 0;
	}
	snprintf(number, sizeof(number), "%" PRIu32, uid);
	text = ask_helper(users, name != NULL ? 'u' : 'n', name != NULL ? name : number);
	if (text == NULL)
		return -1;
	rest = text + 1;
	line = strsep(&rest, "\n");
	u->uid = (uint32_t)strtoul(line, &end, 10);
	u->gid = (uint32_t)strtoul(end, &end, 10);
	for (const char *c = end; *c != '\0'; c++)
		max += *c == ' ';
	u->groups = xcalloc(max + 1, sizeof(*u->groups));
	while (*end == ' ' && u->ngroups < max)
		u->groups[u->ngroups++] = (uint32_t)strtoul(end, &end, 10);
	line = strsep(&rest, "\n");
	u->name = xstrdup(line != NULL ? line : number);
	line = strsep(&rest, "\n");
	u->home = xstrdup(line != NULL ? line : "/");
	u->shell = xstrdup(rest != NULL ? rest : "/bin/sh");
	free(text);
	return 0;
}

static int
find_group(struct svc_users *users, const char *name, uint32_t *gid)
{
	char *text;

	if (is_number(name, gid))
		return 0;
	if (users == NULL || !users->remote)
		return ask_group(name, gid);
	text = ask_helper(users, 'g', name);
	if (text == NULL)
		return -1;
	*gid = (uint32_t)strtoul(text + 1, NULL, 10);
	free(text);
	return 0;
}

/* Forgets all when a file has changed.  One start asks for several names, and many may be
 * started at once: it is looked at once for those. */
static void
refresh_users(struct svc_world *w)
{
	uint64_t now = clock_mono_us();
	struct timespec p, g;

	if (w->users != NULL && now - w->users->checked_us < USERS_FRESH_US)
		return;
	p = mtime_of("/etc/passwd");
	g = mtime_of("/etc/group");
	if (w->users != NULL && (!same_time(p, w->users->passwd_mtime) ||
				    !same_time(g, w->users->group_mtime)))
		svc_world_clear(w);
	if (w->users == NULL) {
		w->users = xcalloc(1, sizeof(*w->users));
		w->users->passwd_mtime = p;
		w->users->group_mtime = g;
		w->users->remote = names_are_remote();
	}
	w->users->checked_us = now;
}

/* name NULL: who supd is.  NULL: why says it. */
static const struct svc_user *
find_user(struct svc_world *w, const char *name, char *why, size_t size)
{
	const char *key = name != NULL ? name : "";
	struct svc_user *u;
	uint32_t uid;

	refresh_users(w);
	if ((u = map_get(&w->users->by_name, key)) != NULL)
		return u;
	u = xcalloc(1, sizeof(*u));
	if (name == NULL || is_number(name, &uid)) {
		if (name == NULL)
			uid = geteuid();
		if (find_passwd(w->users, NULL, uid, u) == -1) {
			if (errno == ETIMEDOUT && name != NULL) {
				snprintf(why, size,
				    "cannot look up user %s: no answer in time", name);
				user_free(u);
				return NULL;
			}
			/* A number needs no name: as in containers. */
			u->uid = uid;
			u->gid = name == NULL ? getegid() : uid;
			u->name = xasprintf("%" PRIu32, uid);
			u->home = xstrdup("/");
			u->shell = xstrdup("/bin/sh");
			if (!w->users->remote)
				ask_groups(u);
		}
	} else if (find_passwd(w->users, name, 0, u) == -1) {
		if (errno == 0)
			snprintf(why, size, "no such user: %s", name);
		else
			snprintf(why, size, "cannot look up user %s: %s", name,
			    strerror(errno));
		user_free(u);
		return NULL;
	}
	map_set(&w->users->by_name, key, u);
	return u;
}

struct ids {
	const struct svc_user *user;
	uint32_t uid, gid;
	bool set_uid, set_gid, set_groups;
	uint32_t *groups; /* owned */
	size_t ngroups;
};

/* Who is not root cannot change its groups: those that are asked for must be there. */
static int
check_groups_held(
    const struct svc_world *w, const struct exec_conf *x, char *why, size_t size)
{
	gid_t *held = xcalloc(GROUPS_MAX, sizeof(*held));
	int n = getgroups(GROUPS_MAX, held), r = 0;
	uint32_t gid;

	for (size_t i = 0; r == 0 && i < x->supplementary_groups.n; i++) {
		const char *name = x->supplementary_groups.v[i];
		bool has = false;

		if (find_group(w->users, name, &gid) == -1) {
			snprintf(why, size, "no such group: %s", name);
			r = -1;
			continue;
		}
		has = gid == getegid();
		for (int k = 0; k < n && !has; k++)
			has = held[k] == gid;
		if (!has) {
			snprintf(why, size, "supd is not of group %s and cannot join it",
			    name);
			r = -1;
		}
	}
	free(held);
	return r;
}

static int
find_ids(struct svc_world *w, const struct exec_conf *x, struct ids *ids, int *status,
    char *why, size_t size)
{
	uint32_t gid;

	memset(ids, 0, sizeof(*ids));
	*status = PHASE_USER;
	ids->user = find_user(w, x->user, why, size);
	if (ids->user == NULL)
		return -1;
	ids->uid = ids->user->uid;
	ids->gid = x->user != NULL ? ids->user->gid : getegid();
	*status = PHASE_GROUP;
	if (x->group != NULL && find_group(w->users, x->group, &ids->gid) == -1) {
		snprintf(why, size, "no such group: %s%s%s", x->group,
		    errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
		return -1;
	}
	ids->set_uid = ids->uid != geteuid();
	ids->set_gid = ids->gid != getegid() || (x->user != NULL && w->is_root);
	if (!w->is_root) {
		if (ids->set_uid) {
			*status = PHASE_USER;
			snprintf(why, size,
			    "supd runs as uid %u and cannot become user %s", geteuid(),
			    x->user);
			return -1;
		}
		if (ids->set_gid) {
			snprintf(why, size,
			    "supd runs with gid %u and cannot become group %s", getegid(),
			    x->group != NULL ? x->group : x->user);
			return -1;
		}
	}
	if (!w->is_root && x->supplementary_groups.n == 0)
		return 0;
	if (!w->is_root)
		return check_groups_held(w, x, why, size);
	if (x->user == NULL && x->supplementary_groups.n == 0)
		return 0;
	ids->set_groups = true;
	ids->groups = xcalloc(
	    ids->user->ngroups + x->supplementary_groups.n + 1, sizeof(*ids->groups));
	if (x->user != NULL)
		for (size_t i = 0; i < ids->user->ngroups; i++)
			ids->groups[ids->ngroups++] = ids->user->groups[i];
	for (size_t i = 0; i < x->supplementary_groups.n; i++) {
		if (find_group(w->users, x->supplementary_groups.v[i], &gid) == -1) {
			snprintf(
			    why, size, "no such group: %s", x->supplementary_groups.v[i]);
			free(ids->groups);
			ids->groups = NULL;
			return -1;
		}
		ids->groups[ids->ngroups++] = gid;
	}
	return 0;
}

/* ---- the slot ---------------------------------------------------------------- */

static bool
out_is_log(const struct exec_conf *x)
{
	return x->out.kind == STDIO_LOG || x->out.kind == STDIO_TTY ||
	       x->out.kind == STDIO_SOCKET ||
	       (x->out.kind == STDIO_INHERIT && x->in.kind != STDIO_FILE);
}

static bool
err_is_log(const struct exec_conf *x)
{
	return x->err.kind == STDIO_LOG || x->err.kind == STDIO_TTY ||
	       x->err.kind == STDIO_SOCKET ||
	       (x->err.kind == STDIO_INHERIT && out_is_log(x));
}

static bool
wants_notify(const struct service_conf *c)
{
	return svc_is_notify(c) || c->notify_access != NOTIFY_ACCESS_NONE ||
	       c->notify_fd >= 0 || c->fd_store_max > 0 || c->watchdog_us > 0;
}

int
svc_exec_open(struct svc_world *w, const struct unit_conf *conf,
    struct msg_slot_open *open, int *status, char *why, size_t size)
{
	const struct exec_conf *x = &conf->service->context;
	struct ids ids;

	if (find_ids(w, x, &ids, status, why, size) == -1)
		return -1;
	free(ids.groups);
	open->want_notify = wants_notify(conf->service);
	open->want_cgroup = w->want_cgroup;
	open->uid = (int32_t)ids.uid;
	open->gid = (int32_t)ids.gid;
	snprintf(open->log.name, sizeof(open->log.name), "%s", conf->stem);
	if (x->log_day != NULL)
		snprintf(open->log.day, sizeof(open->log.day), "%s", x->log_day);
	open->log.drop = x->log_overflow == LOG_OVERFLOW_DROP;
	open->log.format = (uint32_t)x->log_format;
	open->log.sync = (uint32_t)x->log_sync;
	open->log.stream_mask = (out_is_log(x) ? 1U : 0U) | (err_is_log(x) ? 2U : 0U);
	open->log.max_bytes = x->log_max_bytes;
	*status = 0;
	return 0;
}

/* ---- the environment --------------------------------------------------------- */

static void
put(struct strv *env, const char *name, const char *value)
{
	char *a = xasprintf("%s=%s", name, value);

	strv_env_set(env, a);
	free(a);
}

static void put_f(struct strv *env, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void
put_f(struct strv *env, const char *fmt, ...)
{
	va_list ap;
	char *a;

	va_start(ap, fmt);
	a = xvasprintf(fmt, ap);
	va_end(ap);
	strv_env_set(env, a);
	free(a);
}

/* What describes supd itself or another unit never goes on. */
static bool
is_private(const char *name, size_t n)
{
	static const char *const names[] = { "NOTIFY_SOCKET", "INVOCATION_ID",
		"WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS",
		"LISTEN_FDNAMES", "SUPD_ROOT", "SUPD_UNIT", "SUPD_TABLE_FD", "MAINPID",
		"SYSTEMD_EXEC_PID", "JOURNAL_STREAM", "MANAGERPID" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return true;
	return false;
}

static bool
is_login(const char *name, size_t n)
{
	static const char *const names[] = { "HOME", "USER", "LOGNAME", "SHELL" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return true;
	return false;
}

static void
pass_environment(struct strv *env, const struct strv *names, bool other_user)
{
	const char *v;

	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->v[i], "*") != 0) {
			if (!is_private(names->v[i], strlen(names->v[i])) &&
			    (v = getenv(names->v[i])) != NULL)
				put(env, names->v[i], v);
			continue;
		}
		for (char **e = environ; e != NULL && *e != NULL; e++) {
			size_t n = strcspn(*e, "=");

			if ((*e)[n] != '=' || is_private(*e, n) ||
			    (other_user && is_login(*e, n)))
				continue;
			strv_env_set(env, *e);
		}
	}
}

static void
put_directories(struct svc_world *w, const struct exec_conf *x, struct strv *env)
{
	static const char *const vars[DIR_NKINDS] = { [DIR_RUNTIME] = "RUNTIME_DIRECTORY",
		[DIR_STATE] = "STATE_DIRECTORY",
		[DIR_CACHE] = "CACHE_DIRECTORY",
		[DIR_LOGS] = "LOGS_DIRECTORY",
		[DIR_CONFIGURATION] = "CONFIGURATION_DIRECTORY" };
	struct buf b = { 0 };

	if (w->paths == NULL)
		return;
	for (int k = 0; k < DIR_NKINDS; k++) {
		const char *base = unit_paths_base(w->paths, (enum exec_dir_kind)k);

		buf_clear(&b);
		for (size_t i = 0; i < x->dirs[k].names.n; i++)
			buf_addf(
			    &b, "%s%s/%s", i > 0 ? ":" : "", base, x->dirs[k].names.v[i]);
		if (b.len > 0)
			put(env, vars[k], buf_str(&b));
	}
	buf_free(&b);
}

static void
put_result(const struct svc_memory *m, struct strv *env)
{
	char sig[24];

	put(env, "SERVICE_RESULT", svc_result_name(m->result));
	switch (m->main_exit.how) {
	case EXIT_EXITED:
		put(env, "EXIT_CODE", "exited");
		put_f(env, "EXIT_STATUS=%" PRId32, m->main_exit.status);
		break;
	case EXIT_KILLED:
	case EXIT_DUMPED:
		put(env, "EXIT_CODE", svc_how_name(m->main_exit.how));
		put_f(env, "EXIT_STATUS=%s",
		    svc_signal_name(m->main_exit.status, sig, sizeof(sig)));
		break;
	default:
		break;
	}
}

static bool
hears(const struct service_conf *c, const struct service *s, enum proc_kind kind)
{
	enum notify_access a = c->notify_access;

	if (s != NULL && svc_memory(s)->access != 0)
		a = (enum notify_access)(svc_memory(s)->access - 1);
	return kind == PROC_MAIN ? a != NOTIFY_ACCESS_NONE
				 : a == NOTIFY_ACCESS_EXEC || a == NOTIFY_ACCESS_ALL;
}

static void
put_base(struct svc_world *w, const struct unit_conf *conf, const struct service *s,
    const struct svc_spawn *sp, const struct svc_user *u, struct strv *env)
{
	const struct service_conf *c = conf->service;
	const char *v;
	char hex[33];

	put(env, "PATH", UNIT_EXEC_PATH);
	if ((v = getenv("LANG")) != NULL)
		put(env, "LANG", v);
	if ((v = getenv("TZ")) != NULL)
		put(env, "TZ", v);
	put(env, "HOME", u->home);
	put(env, "USER", u->name);
	put(env, "LOGNAME", u->name);
	put(env, "SHELL", u->shell);
	if (!w->is_root && (v = getenv("XDG_RUNTIME_DIR")) != NULL)
		put(env, "XDG_RUNTIME_DIR", v);
	put(env, "SUPD_ROOT", w->root);
	put(env, "SUPD_UNIT", conf->id);
	put_directories(w, &c->context, env);
	if (c->pid_file != NULL)
		put(env, "PIDFILE", c->pid_file);
	if (s == NULL || sp == NULL)
		return;
	for (int i = 0; i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", sp->invocation[i]);
	put(env, "INVOCATION_ID", hex);
	if (sp->kind > PROC_CONTROL)
		return;
	if (wants_notify(c) && hears(c, s, sp->kind)) {
		put_f(env, "NOTIFY_SOCKET=%s/n/%" PRIu32, w->run, sp->slot);
		if (c->fd_store_max > 0)
			put_f(env, "FDSTORE=%" PRIu32, c->fd_store_max);
	}
	if (sp->kind == PROC_MAIN && c->watchdog_us > 0 &&
	    c->watchdog_us != UNIT_INFINITY)
		put_f(env, "WATCHDOG_USEC=%" PRIu64, c->watchdog_us);
}

/* In the helper: each assignment, ended by NUL, behind a K, and after an empty one what
 * was skipped; or E and why not. */
static void
work_files(const void *question, struct buf *out)
{
	const struct exec_conf *x = question;
	struct strv env = { 0 };
	struct diags diags;

	diags_init(&diags);
	buf_addc(out, 'K');
	for (size_t i = 0; i < x->n_environment_files; i++) {
		if (env_file_load(&x->environment_files[i], &env, &diags) == 0)
			continue;
		buf_clear(out);
		buf_addf(out, "EEnvironmentFile=%s: %s", x->environment_files[i].path,
		    strerror(errno));
		return;
	}
	for (size_t i = 0; i < env.n; i++)
		buf_append(out, env.v[i], strlen(env.v[i]) + 1);
	buf_addc(out, '\0');
	for (size_t i = 0; i < diags.n && i < ENV_SKIPPED_TOLD; i++) {
		char *text = diag_format(&diags.v[i]);

		buf_append(out, text, strlen(text) + 1);
		free(text);
	}
}

struct helper *
svc_files_begin(struct loop *l, const struct exec_conf *x, uint64_t timeout_us,
    void (*fn)(void *arg, const struct buf *answer), void *arg)
{
	/* A copy of the struct is enough: the helper has all memory as it is now. */
	return helper_new(l, work_files, x, sizeof(*x), timeout_us, fn, arg);
}

int
svc_files_read(const struct buf *answer, struct strv *from_files, struct strv *skipped,
    char *why, size_t size)
{
	const char *p, *end;

	if (answer == NULL) {
		snprintf(
		    why, size, "EnvironmentFile= cannot be read: %s", strerror(errno));
		return -1;
	}
	p = buf_str(answer);
	end = p + answer->len;
	if (*p != 'K') {
		snprintf(why, size, "%s", p + 1);
		return -1;
	}
	for (p++; p < end && *p != '\0'; p += strlen(p) + 1)
		strv_add(from_files, p);
	for (p++; skipped != NULL && p < end; p += strlen(p) + 1)
		strv_add(skipped, p);
	return 0;
}

int
svc_files_wait(const struct exec_conf *x, uint64_t timeout_us, struct strv *from_files,
    char *why, size_t size)
{
	struct buf b = { 0 };
	int r;

	if (x->n_environment_files == 0)
		return 0;
	r = helper_ask(work_files, x, timeout_us, &b);
	r = svc_files_read(r == 0 ? &b : NULL, from_files, NULL, why, size);
	buf_free(&b);
	return r;
}

int
svc_exec_environment(struct svc_world *w, const struct unit_conf *conf,
    const struct service *s, const struct svc_spawn *sp, const struct strv *from_files,
    struct strv *env, char *why, size_t size)
{
	const struct exec_conf *x = &conf->service->context;
	const struct svc_user *u = find_user(w, x->user, why, size);
	char *names;

	if (u == NULL)
		return -1;
	for (size_t i = 0; i < w->conf->default_environment.n; i++)
		strv_env_set(env, w->conf->default_environment.v[i]);
	put_base(w, conf, s, sp, u, env);
	pass_environment(env, &w->conf->pass_environment, u->uid != geteuid());
	pass_environment(env, &x->pass_environment, u->uid != geteuid());
	for (size_t i = 0; i < x->environment.n; i++)
		strv_env_set(env, x->environment.v[i]);
	for (size_t i = 0; from_files != NULL && i < from_files->n; i++)
		strv_env_set(env, from_files->v[i]);
	if (s != NULL && sp != NULL) {
		const struct svc_memory *m = svc_memory(s);
		const uint32_t *ids;
		char *const *fdnames;
		size_t n = svc_stored(s, &ids, &fdnames);

		if (sp->kind != PROC_MAIN && m->main_pid > 0)
			put_f(env, "MAINPID=%" PRId32, m->main_pid);
		if (sp->kind == PROC_CONTROL &&
		    (sp->exec == EXEC_STOP || sp->exec == EXEC_STOP_POST))
			put_result(m, env);
		if (sp->kind == PROC_MAIN && n > 0) {
			struct strv list = { 0 };

			for (size_t i = 0; i < n; i++)
				strv_add(&list, fdnames[i]);
			names = strv_join(&list, ":");
			put_f(env, "LISTEN_FDS=%zu",
			    n > SPEC_FDS_MAX ? (size_t)SPEC_FDS_MAX : n);
			put(env, "LISTEN_FDNAMES", names);
			free(names);
			strv_clear(&list);
		}
	}
	for (size_t i = 0; i < x->unset_environment.n; i++)
		env_unset(env, x->unset_environment.v[i]);
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

/* The kept descriptor of that name; 0, init's numbers begin at 1, when there is none. */
static int
stored_id(const struct service *s, const char *name, uint32_t *id)
{
	const uint32_t *ids;
	char *const *names;
	size_t n = svc_stored(s, &ids, &names);

	for (size_t i = 0; i < n; i++) {
		if (name == NULL || strcmp(names[i], name) != 0)
			continue;
		*id = ids[i];
		return 0;
	}
	return -1;
}

static void
put_output(struct spec_buf *b, const struct service *s, enum spec_tag tag,
    const struct stdio_conf *io, bool is_log)
{
	uint32_t id;

	if (is_log)
		return; /* absent is the log */
	if (io->kind == STDIO_INHERIT)
		spec_put_stdio(b, tag, SPEC_IO_SAME, NULL);
	else if (io->kind == STDIO_FD && stored_id(s, io->arg, &id) == 0)
		spec_put_stdio_stored(b, tag, id);
	else
		put_stdio_path(b, tag, io);
}

static void
put_stdio(struct spec_buf *b, const struct service *s, const struct exec_conf *x,
    enum proc_kind kind)
{
	uint32_t id;

	if (kind > PROC_CONTROL) {
		/* A probe: what it has to say to people is on stderr. */
		spec_put_stdio(b, SPEC_STDOUT, SPEC_IO_NULL, NULL);
		return;
	}
	if (kind == PROC_MAIN) {
		switch (x->in.kind) {
		case STDIO_FILE:
			spec_put_stdio(b, SPEC_STDIN, SPEC_IO_FILE, x->in.arg);
			break;
		case STDIO_DATA:
			spec_put_stdin_data(b, x->stdin_data, x->stdin_data_len);
			break;
		case STDIO_FD:
			if (stored_id(s, x->in.arg, &id) == 0)
				spec_put_stdio_stored(b, SPEC_STDIN, id);
			break;
		default:
			break;
		}
	}
	if (kind == PROC_CONTROL && x->out.kind == STDIO_INHERIT && !out_is_log(x)) {
		/* It has no stdin of its own to share. */
		spec_put_stdio(b, SPEC_STDOUT, SPEC_IO_FILE, x->in.arg);
	} else {
		put_output(b, s, SPEC_STDOUT, &x->out, out_is_log(x));
	}
	put_output(b, s, SPEC_STDERR, &x->err, err_is_log(x));
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

static void
put_dirs(struct spec_buf *b, struct svc_world *w, const struct exec_conf *x,
    const struct ids *ids)
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
	for (int k = 0; k < DIR_NKINDS; k++) {
		/* Configuration stays its owner's. */
		bool chown = k != DIR_CONFIGURATION && ids->set_uid;

		for (size_t i = 0; i < x->dirs[k].names.n; i++)
			spec_put_dir(b, kinds[k],
			    unit_paths_base(w->paths, (enum exec_dir_kind)k),
			    x->dirs[k].names.v[i], (uint32_t)x->dirs[k].mode,
			    chown ? ids->uid : UINT32_MAX, chown ? ids->gid : UINT32_MAX);
	}
}

static void
put_rights(
    struct spec_buf *b, const struct exec_conf *x, const struct ids *ids, uint32_t flags)
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
	if (x->no_new_privileges)
		spec_put_flag(b, SPEC_NO_NEW_PRIVS);
	if (x->bounding_set_set)
		spec_put_u64(b, SPEC_CAP_BOUNDING, x->bounding_set);
	if (x->ambient_set != 0)
		spec_put_u64(b, SPEC_CAP_AMBIENT, x->ambient_set);
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
	struct ids ids;
	const uint32_t *stored;
	size_t nstored = svc_stored(s, &stored, NULL);
	int status, fd = -1;

	if (sp->cmd == NULL) {
		snprintf(why, size, "there is no command");
		errno = EINVAL;
		return -1;
	}
	if (find_ids(w, x, &ids, &status, why, size) == -1) {
		errno = EINVAL;
		return -1;
	}
	spec_buf_init(&b);
	if (svc_exec_environment(w, conf, s, sp, from_files, &env, why, size) == -1)
		goto out;
	put_command(&b, x, sp->cmd, &env, &unset);
	tell_unset(s, &unset);
	for (size_t i = 0; i < env.n; i++)
		spec_put_str(&b, SPEC_ENV, env.v[i]);
	spec_put_str(&b, SPEC_ENV_PID, "SYSTEMD_EXEC_PID");
	if (strv_env_get(&env, "WATCHDOG_USEC") != NULL && sp->kind == PROC_MAIN)
		spec_put_str(&b, SPEC_ENV_PID, "WATCHDOG_PID");
	if (sp->kind == PROC_MAIN && nstored > 0) {
		spec_put_str(&b, SPEC_ENV_PID, "LISTEN_PID");
		for (size_t i = 0; i < nstored && i < SPEC_FDS_MAX; i++)
			spec_put_u32(&b, SPEC_FD, stored[i]);
	}
	if (sp->kind == PROC_MAIN && c->notify_fd >= 0)
		spec_put_u32(&b, SPEC_NOTIFY_FD, (uint32_t)c->notify_fd);
	put_rights(&b, x, &ids, sp->cmd->flags);
	spec_put_u32(&b, SPEC_UMASK, (uint32_t)x->umask);
	put_folder(&b, x, ids.user);
	put_dirs(&b, w, x, &ids);
	for (size_t i = 0; i < x->n_limits; i++)
		spec_put_limit(
		    &b, x->limits[i].resource, x->limits[i].soft, x->limits[i].hard);
	if (x->nice_set)
		spec_put_i32(&b, SPEC_NICE, x->nice);
	if (x->oom_score_adjust_set)
		spec_put_i32(&b, SPEC_OOM_ADJUST, x->oom_score_adjust);
	spec_put_u64(&b, SPEC_TAG, svc_tag(sp->invocation));
	put_stdio(&b, s, x, sp->kind);
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
