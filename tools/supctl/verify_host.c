/* verify_host: what a unit needs of the machine, and is not there now. */
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verify.h"

#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/table.h"

/* Without the table that the parser has: one for each list of commands. */
static const char *const exec_keys[EXEC_NKINDS] = {
	[EXEC_CONDITION] = "ExecCondition",
	[EXEC_START_PRE] = "ExecStartPre",
	[EXEC_START] = "ExecStart",
	[EXEC_RESUME] = "ResumeExec",
	[EXEC_START_POST] = "ExecStartPost",
	[EXEC_RELOAD] = "ExecReload",
	[EXEC_STOP] = "ExecStop",
	[EXEC_STOP_POST] = "ExecStopPost",
};

/* 0: it can be run, else why it cannot. */
static int
cannot_run(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	/* As anybody: whoever verifies is seldom who runs it. */
	return (st.st_mode & 0111) != 0 ? 0 : EACCES;
}

static int
cannot_find(const struct exec_conf *x, const char *name)
{
	struct strv dirs = { 0 };
	int err = ENOENT;

	if (x->search_path.n > 0)
		strv_add_all(&dirs, &x->search_path);
	else
		strv_split(&dirs, UNIT_EXEC_PATH, ":");
	for (size_t i = 0; err != 0 && i < dirs.n; i++) {
		char *path = xasprintf("%s/%s", dirs.v[i], name);

		if (cannot_run(path) == 0)
			err = 0;
		free(path);
	}
	strv_free(&dirs);
	return err;
}

static const struct verify_word *
place_of(const struct verify_unit *u, const char *key, uint32_t line)
{
	const struct verify_word *w = NULL;

	for (size_t i = 0; i < u->n_words && w == NULL; i++)
		if (u->words[i].line == line && strcmp(u->words[i].row->key, key) == 0)
			w = &u->words[i];
	return w != NULL ? w : verify_word_find(u, key, NULL);
}

static void
check_commands(struct verify_unit *u, int kind)
{
	const struct service_conf *s = u->conf->service;
	const struct exec_list *list = &s->exec[kind];

	for (size_t i = 0; i < list->n; i++) {
		const struct exec_cmd *cmd = &list->v[i];
		bool absolute = cmd->path[0] == '/';
		int err = absolute ? cannot_run(cmd->path)
				   : cannot_find(&s->context, cmd->path);

		/* With `-' it was thought of. */
		if (err == 0 || (cmd->flags & EXEC_IGNORE_FAILURE) != 0)
			continue;
		verify_warn(u, place_of(u, exec_keys[kind], cmd->line),
		    absolute ? NULL
			     : "write its path, or add its folder to ExecSearchPath=",
		    "%s=: the program %s cannot be run here: %s", exec_keys[kind],
		    cmd->path,
		    !absolute ? "it is in no folder of the search path" : strerror(err));
	}
}

static bool
is_number(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static void
check_user(struct verify_unit *u, const char *key, const char *name, bool group)
{
	bool there;

	if (name == NULL || is_number(name) || *name == '\0')
		return;
	errno = 0;
	there = group ? getgrnam(name) != NULL : getpwnam(name) != NULL;
	/* What could not be asked is not missing. */
	if (there || (errno != 0 && errno != ENOENT && errno != ESRCH))
		return;
	verify_warn(u, verify_word_find(u, key, NULL),
	    group ? "make it with groupadd(8); the start fails without it"
		  : "make it with useradd(8); the start fails without it",
	    "%s=: there is no %s %s here", key, group ? "group" : "user", name);
}

/* supd makes it, or the service does. */
static bool
is_made(const struct verify_unit *u, const char *dir)
{
	const struct exec_conf *x = &u->conf->service->context;

	for (int k = 0; k < DIR_NKINDS; k++) {
		const char *base = unit_paths_base(u->path->paths, (enum exec_dir_kind)k);

		for (size_t i = 0; i < x->dirs[k].names.n; i++) {
			char *made = xasprintf("%s/%s", base, x->dirs[k].names.v[i]);
			bool below = strncmp(dir, made, strlen(made)) == 0;

			free(made);
			if (below)
				return true;
		}
	}
	return false;
}

static void
check_files(struct verify_unit *u)
{
	const struct exec_conf *x = &u->conf->service->context;
	const char *dir = x->working_directory;
	struct stat st;

	for (size_t i = 0; i < x->n_environment_files; i++) {
		const struct env_file *f = &x->environment_files[i];

		if (f->optional || strpbrk(f->path, "*?[") != NULL ||
		    stat(f->path, &st) == 0)
			continue;
		verify_warn(u, verify_word_find(u, "EnvironmentFile", f->path),
		    "write - before the path if it may be missing",
		    "EnvironmentFile=: %s: %s", f->path, strerror(errno));
	}
	if (dir != NULL && *dir == '/' && !x->working_directory_optional &&
	    stat(dir, &st) == -1 && !is_made(u, dir))
		verify_warn(u, verify_word_find(u, "WorkingDirectory", NULL),
		    "write - before the path if it may be missing",
		    "WorkingDirectory=: %s: %s", dir, strerror(errno));
}

/* The last line of the key that the text begins with, as in "Symlinks= needs ...". */
static const struct verify_word *
meant_by(const struct verify_unit *u, const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

	if (n == 0 || text[n] != '=')
		return NULL;
	for (size_t i = u->n_words; i > 0; i--)
		if (strlen(u->words[i - 1].row->key) == n &&
		    strncmp(u->words[i - 1].row->key, text, n) == 0)
			return &u->words[i - 1];
	return NULL;
}

/* What a unit says as a whole is known without a place. */
void
verify_place(struct verify_unit *u)
{
	for (size_t i = 0; i < u->diags.n; i++) {
		struct diag *g = &u->diags.v[i];
		const struct verify_word *w = g->line == 0 ? meant_by(u, g->text) : NULL;

		if (w == NULL)
			continue;
		free(g->file);
		g->file = xstrdup(w->file);
		g->line = w->line;
		g->col = w->col;
	}
}

void
verify_host(struct verify_unit *u)
{
	const struct exec_conf *x;

	if (u->conf == NULL || u->conf->builtin ||
	    (u->conf->load_state != UNIT_LOADED &&
		u->conf->load_state != UNIT_BAD_SETTING))
		return;
	if (u->conf->type == UNIT_SOCKET) {
		check_user(u, "SocketUser", u->conf->trigger->socket.user, false);
		check_user(u, "SocketGroup", u->conf->trigger->socket.group, true);
	}
	if (u->conf->type != UNIT_SERVICE)
		return;
	x = &u->conf->service->context;
	for (int k = 0; k < EXEC_NKINDS; k++)
		check_commands(u, k);
	if (!x->dynamic_user)
		check_user(u, "User", x->user, false);
	check_user(u, "Group", x->group, true);
	for (size_t i = 0; i < x->supplementary_groups.n; i++)
		check_user(u, "SupplementaryGroups", x->supplementary_groups.v[i], true);
	check_files(u);
}
