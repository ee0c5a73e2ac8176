/*
 * run_scope: `run --scope'.  supctl has itself made a unit, and becomes the program: so
 * that keeps its terminal, its place in a pipeline and its parent, which sees how it
 * ends.
 */
#include <sys/resource.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "run.h"

#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum {
	EXIT_NOT_EXECUTED = 126, /* as a shell has it */
	EXIT_NOT_FOUND = 127,
};

/* What we do ourselves, as the program is ours. */
struct identity {
	char *user, *group, *nice;
	const struct passwd *pw;
	uid_t uid;
	gid_t gid;
};

static void
identity_clear(struct identity *id)
{
	free(id->user);
	free(id->group);
	free(id->nice);
}

/* KEY=VALUE leaves the list; the last one counts. */
static char *
take_property(struct strv *list, const char *key)
{
	size_t n = strlen(key);
	char *value = NULL;

	for (size_t i = list->n; i > 0; i--) {
		const char *text = list->v[i - 1];

		if (strncmp(text, key, n) != 0 || text[n] != '=')
			continue;
		if (value == NULL)
			value = xstrdup(text + n + 1);
		strv_remove_at(list, i - 1);
	}
	return value;
}

static int
find_number(struct ctl *ctl, const char *what, const char *text, uint32_t *out)
{
	uint64_t n;

	if (ctl_parse_number(ctl, what, text, UINT32_MAX - 1, &n) != 0)
		return CTL_USAGE;
	*out = (uint32_t)n;
	return 0;
}

/* Names of users and groups, before anything is changed. */
static int
identity_find(struct ctl *ctl, struct identity *id)
{
	const struct group *gr;
	int code = 0;

	id->uid = getuid();
	id->gid = getgid();
	if (id->user != NULL) {
		id->pw = getpwnam(id->user);
		if (id->pw == NULL)
			code = find_number(ctl, "--uid", id->user, &id->uid);
		if (id->pw == NULL && code == 0)
			id->pw = getpwuid(id->uid);
		if (id->pw != NULL) {
			id->uid = id->pw->pw_uid;
			id->gid = id->pw->pw_gid;
		}
	}
	if (code == 0 && id->group != NULL) {
		gr = getgrnam(id->group);
		if (gr != NULL)
			id->gid = gr->gr_gid;
		else
			code = find_number(ctl, "--gid", id->group, &id->gid);
	}
	return code;
}

static int
cannot(struct ctl *ctl, const char *what)
{
	return ctl_fail(
	    ctl, CTL_FAILED, "scope", NULL, "run --scope: %s: %s", what, strerror(errno));
}

static int
set_nice(struct ctl *ctl, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < -20 || n > 19)
		return ctl_usage(ctl, "--nice: %s is not a number from -20 to 19", text);
	if (setpriority(PRIO_PROCESS, 0, (int)n) == -1)
		return cannot(ctl, "--nice");
	return 0;
}

static int
set_ids(struct ctl *ctl, const struct identity *id)
{
	if (id->user == NULL && id->group == NULL)
		return 0;
	if (id->pw != NULL && initgroups(id->pw->pw_name, id->gid) == -1)
		return cannot(ctl, "its groups");
	if (id->user != NULL && id->pw == NULL && setgroups(0, NULL) == -1)
		return cannot(ctl, "its groups");
	if (setresgid(id->gid, id->gid, id->gid) == -1)
		return cannot(ctl, "--gid");
	if (setresuid(id->uid, id->uid, id->uid) == -1)
		return cannot(ctl, "--uid");
	return 0;
}

/* What a log-in would set, then what was asked for. */
static void
set_environment(const struct run *q, const struct identity *id, const char *invocation)
{
	if (id->pw != NULL) {
		setenv("HOME", id->pw->pw_dir, 1);
		setenv("SHELL", id->pw->pw_shell, 1);
		setenv("USER", id->pw->pw_name, 1);
		setenv("LOGNAME", id->pw->pw_name, 1);
	}
	for (size_t i = 0; i < q->env.n; i++)
		putenv(q->env.v[i]);
	setenv("INVOCATION_ID", invocation, 1);
}

static void
tell(struct ctl *ctl, const struct reply *r)
{
	const char *unit = jv_str(jv_get(r->params, "unit"), "?");
	const struct jv *warnings = jv_get(r->params, "warnings");

	for (size_t i = 0; i < jv_count(warnings); i++)
		ctl_warn(ctl, "%s: %s", unit, jv_str(jv_at(warnings, i), "?"));
	if (ctl->quiet)
		return;
	ctl_note(ctl, "running as ", unit);
	if (!jv_bool(jv_get(r->params, "contained"), true))
		ctl_note(ctl, "",
		    "without a control group: what hides from supd outlives its stop");
}

/* The reply with our unit: 0, or an exit status after telling. */
static int
call(struct ctl *ctl, const struct run *q, const char *program, struct reply *r)
{
	struct jw *w = ctl_params();

	jw_kv_str(w, "program", program);
	if (q->name != NULL)
		jw_kv_str(w, "name", q->name);
	if (q->description != NULL)
		jw_kv_str(w, "description", q->description);
	if (q->properties.n > 0)
		jw_kv_strv(w, "properties", &q->properties);
	return ctl_call(ctl, "io.supd.Job.Scope", w, r);
}

/* Becomes the program; comes back only when that cannot be. */
static int
become(struct ctl *ctl, char **argv)
{
	ctl_flush(ctl);
	ctl_disconnect(ctl);
	execvp(argv[0], argv);
	return ctl_fail(ctl, errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTED, "exec",
	    NULL, "%s: %s", argv[0], strerror(errno));
}

int
run_scope(struct ctl *ctl, struct run *q, char **argv)
{
	struct identity id = { .user = take_property(&q->properties, "User"),
		.group = take_property(&q->properties, "Group"),
		.nice = take_property(&q->properties, "Nice") };
	struct reply r = { 0 };
	int code = identity_find(ctl, &id);

	if (code == 0)
		code = call(ctl, q, argv[0], &r);
	if (code == 0) {
		tell(ctl, &r);
		if (id.nice != NULL)
			code = set_nice(ctl, id.nice);
	}
	if (code == 0)
		code = set_ids(ctl, &id);
	if (code == 0 && q->cwd != NULL && chdir(q->cwd) == -1)
		code = cannot(ctl, q->cwd);
	if (code == 0) {
		set_environment(q, &id, jv_str(jv_get(r.params, "invocation"), ""));
		code = become(ctl, argv);
	}
	reply_clear(&r);
	identity_clear(&id);
	return code;
}
