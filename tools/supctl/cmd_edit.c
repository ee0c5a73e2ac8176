/*
 * edit: a unit's drop-in, or its file, in an editor.  What would be refused is not
 * written: it is told, and one goes on editing.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "unit_files.h"

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/load.h"

enum {
	OPT_FULL = OPT_LONG,
	OPT_DROP_IN,
	OPT_STDIN,
	OPT_RUNTIME,
	OPT_FORCE,
	TEXT_MAX = 1024 * 1024,
};

static const struct opt opts[] = {
	{ "full", OPT_FULL, NULL,
	    "edit the unit's file, copied from where it comes with" },
	{ "force", OPT_FORCE, NULL, "with --full: also a unit that is not there yet" },
	{ "drop-in", OPT_DROP_IN, "NAME", "edit NAME.conf instead of override.conf" },
	{ "stdin", OPT_STDIN, NULL, "take the text from standard input" },
	{ "runtime", OPT_RUNTIME, NULL, "in a folder that is gone after a reboot" },
	{ NULL, 0, NULL, NULL },
};

static const char mark[] = "### What is below this line is not kept.";

struct edit {
	bool full, force, from_stdin, runtime;
	const char *drop_in;
	struct unit_change c;
	char *name;      /* of the file, below c.dir */
	struct buf text; /* as it is, then as it will be */
	bool there;      /* the file is */
};

static void
edit_clear(struct edit *e)
{
	unit_change_clear(&e->c);
	free(e->name);
	buf_free(&e->text);
}

/* ---- what is edited ---- */

static int
read_file(struct ctl *ctl, const char *path, struct buf *out)
{
	if (file_read_follow_at(AT_FDCWD, path, TEXT_MAX, out) == 0)
		return 0;
	return ctl_fail(ctl, errno == EACCES ? CTL_DENIED : CTL_FAILED, "read", NULL,
	    "%s cannot be read: %s", path, strerror(errno));
}

static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* The unit's own file: in its place, or a copy that goes over it. */
static int
begin_full(struct ctl *ctl, struct edit *e)
{
	const char *fragment = e->c.before->fragment;
	struct stat st;

	e->name = xstrdup(e->c.unit);
	if (fragment == NULL) {
		if (e->force)
			return 0;
		return ctl_fail(ctl, CTL_NO_UNIT, "no-unit", "--force makes a new one",
		    "there is no file of %s", e->c.unit);
	}
	if (is_below(fragment, e->c.dir)) {
		free(e->name);
		e->name = xstrdup(fragment + strlen(e->c.dir) + 1);
		if (lstat(fragment, &st) == 0 && S_ISLNK(st.st_mode))
			return ctl_fail(ctl, CTL_FAILED, "link",
			    "edit the file that it leads to, or a drop-in",
			    "%s is a link", fragment);
		e->there = true;
	}
	return read_file(ctl, fragment, &e->text);
}

static int
begin_drop_in(struct ctl *ctl, struct edit *e)
{
	char *path;
	int code = 0;

	if (e->c.before->load_state == UNIT_NOT_FOUND)
		return ctl_fail(ctl, CTL_NO_UNIT, "no-unit",
		    "supctl edit --full --force makes a new one", "there is no unit %s",
		    e->c.unit);
	e->name = xasprintf(
	    "%s.d/%s.conf", e->c.unit, e->drop_in != NULL ? e->drop_in : "override");
	path = unit_change_path(&e->c, e->name);
	if (access(path, F_OK) == 0) {
		e->there = true;
		code = read_file(ctl, path, &e->text);
	}
	free(path);
	return code;
}

/* For the editor: the files of the unit as comments below a mark. */
static void
add_files(struct edit *e, struct buf *out)
{
	const struct unit_conf *conf = e->c.before;
	char *own = unit_change_path(&e->c, e->name);

	if (e->full) {
		free(own);
		return;
	}
	buf_addf(out, "\n%s\n", mark);
	for (size_t i = 0; i < conf->n_sources; i++) {
		struct buf text = { 0 };
		const char *p;

		if (strcmp(conf->sources[i].path, own) == 0 ||
		    file_read_follow_at(
			AT_FDCWD, conf->sources[i].path, TEXT_MAX, &text) == -1)
			continue;
		buf_addf(out, "\n### %s\n", conf->sources[i].path);
		for (p = buf_str(&text); *p != '\0';) {
			size_t n = strcspn(p, "\n");

			buf_addf(out, "# %.*s\n", (int)n, p);
			p += n + (p[n] == '\n');
		}
		buf_free(&text);
	}
	free(own);
}

/* ---- the editor ---- */

static const char *
editor(void)
{
	static const char *const variables[] = { "SUPD_EDITOR", "VISUAL", "EDITOR" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *value = getenv(variables[i]);

		if (value != NULL && *value != '\0')
			return value;
	}
	return "editor 2>/dev/null || nano 2>/dev/null || vim 2>/dev/null || vi";
}

/* Words of the variable are the shell's business, as everywhere. */
static int
run_editor(struct ctl *ctl, const char *path)
{
	const char *name = editor();
	char *script = strstr(name, "||") != NULL
			   ? xstrdup("for e in editor nano vim vi; do command -v $e "
				     ">/dev/null && exec $e \"$1\"; done; exit 127")
			   : xasprintf("exec %s \"$1\"", name);
	int status = -1;
	pid_t pid;

	(void)ctl_flush(ctl);
	pid = fork();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", script, "sh", path, (char *)NULL);
		_exit(127);
	}
	free(script);
	while (pid != -1 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	if (pid == -1)
		return ctl_fail(ctl, CTL_FAILED, "editor", NULL,
		    "the editor cannot be started: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return ctl_fail(ctl, CTL_FAILED, "editor", "set $EDITOR, or use --stdin",
		    "there is no editor");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return ctl_fail(ctl, CTL_FAILED, "editor", NULL,
		    "the editor failed: nothing was changed");
	return 0;
}

/* What stands above the mark, without blank lines at its end. */
static void
take_text(struct buf *text)
{
	char *end = strstr(text->len > 0 ? text->data : "", mark);

	if (end != NULL)
		buf_truncate(text, (size_t)(end - text->data));
	while (text->len > 1 && text->data[text->len - 1] == '\n' &&
	       text->data[text->len - 2] == '\n')
		buf_truncate(text, text->len - 1);
	if (text->len == 1 && text->data[0] == '\n')
		buf_clear(text);
}

static bool
ask_again(struct ctl *ctl)
{
	char answer[16] = "";

	(void)ctl_flush(ctl);
	fprintf(stderr, "Edit it again? [Y/n] ");
	fflush(stderr);
	if (fgets(answer, sizeof(answer), stdin) == NULL)
		return false;
	return *answer != 'n' && *answer != 'N';
}

static void
set_text(struct edit *e)
{
	strv_clear(&e->c.names);
	strv_clear(&e->c.texts);
	unit_change_put(&e->c, e->name, buf_str(&e->text));
}

static int
refuse(struct ctl *ctl, const char *kept)
{
	return ctl_fail(ctl, CTL_BAD_UNIT, "refused", NULL,
	    "nothing was changed: the unit would be refused%s%s",
	    kept != NULL ? "; your text is kept in " : "", kept != NULL ? kept : "");
}

/* Until it is well, or given up.  The text lies in a file of its own meanwhile. */
static int
edit_file(struct ctl *ctl, struct edit *e, const char *path)
{
	int code;

	for (;;) {
		code = run_editor(ctl, path);
		if (code != 0)
			break;
		buf_clear(&e->text);
		code = read_file(ctl, path, &e->text);
		if (code != 0)
			break;
		take_text(&e->text);
		set_text(e);
		if (e->text.len == 0 || unit_change_check(&e->c))
			break;
		if (!isatty(STDIN_FILENO) || !ask_again(ctl))
			return refuse(ctl, path);
	}
	(void)unlink(path);
	return code;
}

static int
edit_in_editor(struct ctl *ctl, struct edit *e)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf(
	    "%s/supctl-edit-XXXXXX.conf", tmp != NULL && *tmp == '/' ? tmp : "/tmp");
	struct buf shown = { 0 };
	int fd = mkostemps(path, 5, O_CLOEXEC);
	int code;

	buf_append(&shown, buf_str(&e->text), e->text.len);
	add_files(e, &shown);
	if (fd == -1 || full_write(fd, shown.data, shown.len) == -1)
		code = ctl_fail(ctl, CTL_FAILED, "write", NULL,
		    "%s cannot be written: %s", path, strerror(errno));
	else
		code = edit_file(ctl, e, path);
	fd_close(&fd);
	buf_free(&shown);
	free(path);
	return code;
}

static int
edit_from_stdin(struct ctl *ctl, struct edit *e)
{
	char block[4096];
	ssize_t n;

	buf_clear(&e->text);
	while (
	    (n = read(STDIN_FILENO, block, sizeof(block))) > 0 && e->text.len <= TEXT_MAX)
		buf_append(&e->text, block, (size_t)n);
	if (n == -1 || e->text.len > TEXT_MAX)
		return ctl_fail(ctl, CTL_FAILED, "read", NULL, "standard input: %s",
		    n == -1 ? strerror(errno) : "more than 1 MiB");
	if (memchr(buf_str(&e->text), '\0', e->text.len) != NULL)
		return ctl_fail(
		    ctl, CTL_FAILED, "read", NULL, "standard input: it is no text");
	set_text(e);
	return e->text.len == 0 || unit_change_check(&e->c) ? 0 : refuse(ctl, NULL);
}

static int
edit_unit(struct ctl *ctl, struct edit *e, const char *word)
{
	struct buf before = { 0 };
	int code = unit_change_begin(ctl, &e->c, word, e->runtime);

	if (code == 0)
		code = e->full ? begin_full(ctl, e) : begin_drop_in(ctl, e);
	if (code != 0)
		return code;
	buf_append(&before, buf_str(&e->text), e->text.len);
	code = e->from_stdin ? edit_from_stdin(ctl, e) : edit_in_editor(ctl, e);
	if (code == 0 && e->text.len == 0) {
		ctl_warn(ctl, "%s: no text: nothing was changed", e->c.unit);
	} else if (code == 0 && e->there &&
		   strcmp(buf_str(&before), buf_str(&e->text)) == 0) {
		ctl_say(ctl, "%s: nothing was changed", e->c.unit);
	} else if (code == 0) {
		code = unit_change_write(&e->c);
		if (code == 0)
			unit_change_tell(&e->c);
	}
	buf_free(&before);
	return code;
}

static int
parse_opts(struct ctl *ctl, int argc, char **argv, struct edit *e)
{
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		switch (id) {
		case OPT_FULL:
			e->full = true;
			break;
		case OPT_FORCE:
			e->force = true;
			break;
		case OPT_STDIN:
			e->from_stdin = true;
			break;
		case OPT_RUNTIME:
			e->runtime = true;
			break;
		case OPT_DROP_IN:
			if (strchr(optarg, '/') != NULL || *optarg == '.' ||
			    *optarg == '\0')
				return ctl_usage(ctl,
				    "--drop-in: %s is not the name of a file", optarg);
			e->drop_in = optarg;
			break;
		default:
			return CTL_USAGE;
		}
	}
	/* An editor without a terminal would wait for ever; $SUPD_EDITOR may be a script.
	 */
	if (!e->from_stdin && getenv("SUPD_EDITOR") == NULL &&
	    (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return ctl_usage(ctl,
		    "an editor needs a terminal; --stdin takes the text "
		    "from standard input");
	if (e->full && e->drop_in != NULL)
		return ctl_usage(ctl, "--full and --drop-in exclude each other");
	return ctl_words(ctl, argc);
}

static int
run_edit(struct ctl *ctl, int argc, char **argv)
{
	struct edit e = { 0 };
	int code = parse_opts(ctl, argc, argv, &e);

	if (code == 0)
		code = edit_unit(ctl, &e, argv[optind]);
	edit_clear(&e);
	return code;
}

const struct command cmd_edit = {
	.name = "edit",
	.words_usage = "UNIT",
	.summary = "Edit a drop-in of a unit, or its file; checked before it is written",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run_edit,
};
