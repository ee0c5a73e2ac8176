/*
 * service_env: the environment of a process, in the order that service_exec.h gives.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/service/credentials.h"
#include "manager/service/helper.h"
#include "manager/service/service_exec.h"
#include "manager/service/service_fds.h"
#include "manager/service/service_users.h"
#include "proto/spec.h"
#include "unit/env.h"
#include "unit/load.h"

enum {
	ENV_SKIPPED_TOLD = 10,
};

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
		"LISTEN_FDNAMES", "SUPD_ROOT", "SUPD_UNIT", "SUPD_PREVIOUS_INVOCATION",
		"SUPD_SESSION_ID", "SUPD_TABLE_FD", "MAINPID", "SYSTEMD_EXEC_PID",
		"JOURNAL_STREAM", "MANAGERPID", "CREDENTIALS_DIRECTORY" };

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

/* Whether it tells of the session in which supd itself was started. */
static bool
is_nested(const char *name, size_t n)
{
	static const char *const rows[] = {
#define NESTED(text) text,
#include "manager/service/nested.def"
#undef NESTED
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i]);
		bool begins = rows[i][len - 1] == '*';

		len -= begins;
		if ((begins ? n >= len : n == len) && memcmp(rows[i], name, len) == 0)
			return true;
	}
	return false;
}

/* removed: for a session; gets the names of what is not for it.  What a file names is
 * wanted. */
static void
pass_environment(
    struct strv *env, const struct strv *names, bool other_user, struct strv *removed)
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
			if (removed != NULL && is_nested(*e, n))
				strv_addf(removed, "%.*s", (int)n, *e);
			else
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
	char hex[HEX_ID_SIZE];

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
	if (exec_has_credentials(&c->context) && w->paths != NULL)
		put_f(env, "CREDENTIALS_DIRECTORY=%s/%s",
		    unit_paths_credentials(w->paths), conf->id);
	if (c->pid_file != NULL)
		put(env, "PIDFILE", c->pid_file);
	if (s == NULL || sp == NULL)
		return;
	hex_encode(hex, sp->invocation, sizeof(sp->invocation));
	put(env, "INVOCATION_ID", hex);
	if (svc_memory(s)->run[0] != '\0')
		put(env, "SUPD_RUN_ID", svc_memory(s)->run);
	if (sp->kind > PROC_CONTROL)
		return;
	if (svc_wants_notify(c) && hears(c, s, sp->kind)) {
		put_f(env, "NOTIFY_SOCKET=%s/n/%" PRIu32, w->run, sp->slot);
		if (c->fd_store_max > 0)
			put_f(env, "FDSTORE=%" PRIu32, c->fd_store_max);
	}
	if (sp->kind == PROC_MAIN && svc_memory(s)->previous[0] != '\0')
		put(env, "SUPD_PREVIOUS_INVOCATION", svc_memory(s)->previous);
	if (sp->exec == EXEC_RESUME && svc_memory(s)->session_id[0] != '\0')
		put(env, "SUPD_SESSION_ID", svc_memory(s)->session_id);
	if (sp->kind == PROC_MAIN && c->watchdog_us > 0 &&
	    c->watchdog_us != UNIT_INFINITY)
		put_f(env, "WATCHDOG_USEC=%" PRIu64, c->watchdog_us);
}

/* ---- EnvironmentFile=, LoadCredential= --------------------------------------- */

struct files_question {
	const struct exec_conf *x;
	bool makes;
	struct credentials credentials;
};

/* In the helper: each assignment, ended by NUL, behind a K, and after an empty one what
 * was skipped; or E and why not; or C and why there are no credentials. */
static void
work_files(const void *question, struct buf *out)
{
	const struct files_question *q = question;
	const struct exec_conf *x = q->x;
	struct strv env = { 0 };
	struct buf why = { 0 }, missing = { 0 };
	struct diags diags;

	if (q->makes && credentials_make(&q->credentials, &missing, &why) == -1) {
		buf_addf(out, "C%s", buf_str(&why));
		return;
	}
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
	if (missing.len > 0) {
		buf_addf(out,
		    "LoadCredential=: supd was not given %s, nor has /etc/credstore: it "
		    "starts without",
		    buf_str(&missing));
		buf_addc(out, '\0');
	}
	for (size_t i = 0; i < diags.n && i < ENV_SKIPPED_TOLD; i++) {
		char *text = diag_format(&diags.v[i]);

		buf_append(out, text, strlen(text) + 1);
		free(text);
	}
}

struct helper *
svc_files_begin(struct loop *l, const struct exec_conf *x,
    const struct credentials *credentials, uint64_t timeout_us,
    void (*fn)(void *arg, const struct buf *answer), void *arg)
{
	/* Pointers are enough: the helper has all memory as it is when it begins, and it
	 * is forgotten before the configuration is. */
	struct files_question q = { .x = x, .makes = credentials != NULL };

	if (credentials != NULL)
		q.credentials = *credentials;
	return helper_new(l, work_files, &q, sizeof(q), timeout_us, fn, arg);
}

int
svc_files_read(const struct buf *answer, struct strv *from_files, struct strv *skipped,
    uint32_t *phase, char *why, size_t size)
{
	const char *p, *end;

	*phase = 0;
	if (answer == NULL) {
		snprintf(why, size,
		    "EnvironmentFile= or LoadCredential= cannot be read: %s",
		    strerror(errno));
		return -1;
	}
	p = buf_str(answer);
	end = p + answer->len;
	if (*p == 'C')
		*phase = PHASE_CREDENTIALS;
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
	struct files_question q = { .x = x };
	struct buf b = { 0 };
	uint32_t phase;
	int r;

	if (x->n_environment_files == 0)
		return 0;
	r = helper_ask(work_files, &q, timeout_us, &b);
	r = svc_files_read(r == 0 ? &b : NULL, from_files, NULL, &phase, why, size);
	buf_free(&b);
	return r;
}

/* ---- a terminal of its own ---------------------------------------------------- */

/* What the terminal is.  Its size is asked of it: variables would not follow it. */
static void
put_terminal(struct strv *env)
{
	env_unset(env, "COLUMNS");
	env_unset(env, "LINES");
	put(env, "TERM", "xterm-256color");
	put(env, "COLORTERM", "truecolor");
	/* It shows UTF-8, and many programs only draw it where a locale says so. */
	if (strv_env_get(env, "LANG") == NULL && strv_env_get(env, "LC_ALL") == NULL &&
	    strv_env_get(env, "LC_CTYPE") == NULL)
		put(env, "LANG", "C.UTF-8");
}

/* What a trigger says of itself; the unit file may say something else. */
static void
put_trigger(struct strv *env, const char *lines)
{
	struct strv list = { 0 };

	strv_split(&list, lines, "\n");
	for (size_t i = 0; i < list.n; i++)
		strv_env_set(env, list.v[i]);
	strv_free(&list);
}

/* What a terminal of the machine is: a virtual console, else as supd's own. */
static void
put_tty_term(const char *path, struct strv *env)
{
	bool console =
	    strncmp(path, "/dev/tty", 8) == 0 && path[8] >= '0' && path[8] <= '9';
	const char *own = getenv("TERM");

	put(env, "TERM", console ? "linux" : own != NULL && *own != '\0' ? own : "vt220");
}

/* ---- all of it --------------------------------------------------------------- */

int
svc_exec_environment(struct svc_world *w, const struct unit_conf *conf,
    const struct service *s, const struct svc_spawn *sp, const struct strv *from_files,
    struct strv *env, struct strv *removed, char *why, size_t size)
{
	const struct exec_conf *x = &conf->service->context;
	const struct svc_user *u = svc_user_find(w, x, why, size);
	struct strv nested = { 0 };

	if (u == NULL)
		return -1;
	for (size_t i = 0; i < w->conf->default_environment.n; i++)
		strv_env_set(env, w->conf->default_environment.v[i]);
	put_base(w, conf, s, sp, u, env);
	pass_environment(env, &w->conf->pass_environment, u->uid != geteuid(),
	    conf->session != NULL ? &nested : NULL);
	pass_environment(env, &x->pass_environment, u->uid != geteuid(), NULL);
	if (removed != NULL)
		strv_add_all(removed, &nested);
	strv_clear(&nested);
	if (s != NULL && sp != NULL)
		put_trigger(env, svc_memory(s)->start_env);
	if (unit_conf_terminal(conf) != 0 && (sp == NULL || sp->kind == PROC_MAIN))
		put_terminal(env);
	else if (stdio_is_tty(x->in.kind) || x->out.kind == STDIO_TTY)
		put_tty_term(svc_tty_path(x), env);
	for (size_t i = 0; i < x->environment.n; i++)
		strv_env_set(env, x->environment.v[i]);
	for (size_t i = 0; from_files != NULL && i < from_files->n; i++)
		strv_env_set(env, from_files->v[i]);
	if (s != NULL && sp != NULL) {
		const struct svc_memory *m = svc_memory(s);

		if (sp->kind != PROC_MAIN && m->main_pid > 0)
			put_f(env, "MAINPID=%" PRId32, m->main_pid);
		if (sp->kind == PROC_CONTROL &&
		    (sp->exec == EXEC_STOP || sp->exec == EXEC_STOP_POST))
			put_result(m, env);
		svc_fds_environment(s, sp, env);
	}
	for (size_t i = 0; i < x->unset_environment.n; i++)
		env_unset(env, x->unset_environment.v[i]);
	return 0;
}
