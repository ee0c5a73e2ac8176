/*
 * set: directives of a unit, each in a drop-in of its own.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "unit_files.h"

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/table.h"

enum { OPT_RUNTIME = OPT_LONG, OPT_UNSET };

static const struct opt opts[] = {
	{ "runtime", OPT_RUNTIME, NULL, "in a folder that is gone after a reboot" },
	{ "unset", OPT_UNSET, NULL, "take back what set said; words are keys" },
	{ NULL, 0, NULL, NULL },
};

static char *
file_of(const struct unit_change *c, const char *key)
{
	return xasprintf("%s.d/50-%s.conf", c->unit, key);
}

/* The row behind KEY, of KEY=VALUE or as it is; NULL after telling. */
static const struct directive *
row_of(struct ctl *ctl, const struct unit_change *c, const char *key)
{
	const struct directive *d = directive_by_shown_name(c->before->type, key);
	const struct directive *near;

	if (d != NULL && d->section == SECTION_RULE)
		d = NULL; /* of which rule? */
	if (d != NULL)
		return d;
	near = directive_nearest(SECTION_NONE, key);
	ctl_fail(ctl, CTL_FAILED, "no-directive", NULL,
	    near != NULL ? "a unit %s has no directive %s; did you mean %s?"
			 : "a unit %s has no directive %s",
	    c->unit, key, near != NULL ? near->key : "");
	return NULL;
}

/* Lists of commands are meant to take the place of what there is; others add to it. */
static bool
takes_place(const struct directive *d)
{
	return d->kind != NULL && strcmp(d->kind->name, "EXEC") == 0;
}

/* All words with the key of the I-th one, as one file. */
static int
put_key(struct ctl *ctl, struct unit_change *c, int argc, char **argv, int i)
{
	size_t n = strcspn(argv[i], "=");
	char *key = xstrndup(argv[i], n);
	const struct directive *d = row_of(ctl, c, key);
	struct buf text = { 0 };
	char *name;

	free(key);
	if (d == NULL)
		return CTL_FAILED;
	name = file_of(c, d->key);
	if (!strv_contains(&c->names, name)) {
		buf_addf(&text, "# By supctl set.\n[%s]\n", section_name(d->section));
		if (takes_place(d))
			buf_addf(&text, "%s=\n", d->key);
		for (int k = i; k < argc; k++)
			if (strncmp(argv[k], argv[i], n + 1) == 0)
				buf_addf(&text, "%s=%s\n", d->key, argv[k] + n + 1);
		unit_change_put(c, name, buf_str(&text));
		buf_free(&text);
	}
	free(name);
	return 0;
}

static int
remove_key(struct ctl *ctl, struct unit_change *c, const char *key)
{
	const struct directive *d = row_of(ctl, c, key);
	char *name, *path;
	int code = 0;

	if (d == NULL)
		return CTL_FAILED;
	name = file_of(c, d->key);
	path = unit_change_path(c, name);
	if (access(path, F_OK) == 0)
		unit_change_remove(c, name);
	else
		code = ctl_fail(ctl, CTL_FAILED, "not-set", NULL,
		    "%s: %s was not set by supctl set", c->unit, d->key);
	free(path);
	free(name);
	return code;
}

static int
check_words(struct ctl *ctl, int argc, char **argv, bool unset)
{
	for (int i = optind + 1; i < argc; i++) {
		if ((strchr(argv[i], '=') != NULL) == unset || *argv[i] == '=')
			return ctl_usage(ctl,
			    unset ? "--unset takes keys, not %s" : "%s is not KEY=VALUE",
			    argv[i]);
		if (strpbrk(argv[i], "\n\r") != NULL ||
		    argv[i][strlen(argv[i]) - 1] == '\\')
			return ctl_usage(ctl, "a value is one line");
	}
	return 0;
}

static int
set_unit(struct ctl *ctl, struct unit_change *c, int argc, char **argv, bool unset)
{
	int code = 0;

	if (c->before->load_state == UNIT_NOT_FOUND)
		return ctl_fail(ctl, CTL_NO_UNIT, "no-unit", "supctl list --all",
		    "there is no unit %s", c->unit);
	for (int i = optind + 1; code == 0 && i < argc; i++)
		code =
		    unset ? remove_key(ctl, c, argv[i]) : put_key(ctl, c, argc, argv, i);
	if (code != 0)
		return code;
	if (!unit_change_check(c))
		return ctl_fail(ctl, CTL_BAD_UNIT, "refused", NULL,
		    "nothing was changed: %s would be refused", c->unit);
	code = unit_change_write(c);
	if (code == 0)
		unit_change_tell(c);
	return code;
}

static int
run_set(struct ctl *ctl, int argc, char **argv)
{
	bool runtime = false, unset = false;
	struct unit_change c = { 0 };
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_RUNTIME)
			runtime = true;
		else if (id == OPT_UNSET)
			unset = true;
		else
			return CTL_USAGE;
	}
	code = ctl_words(ctl, argc);
	if (code == 0)
		code = check_words(ctl, argc, argv, unset);
	if (code == 0)
		code = unit_change_begin(ctl, &c, argv[optind], runtime);
	if (code == 0)
		code = set_unit(ctl, &c, argc, argv, unset);
	unit_change_clear(&c);
	return code;
}

const struct command cmd_set = {
	.name = "set",
	.alias = "set-property",
	.words_usage = "UNIT KEY=VALUE...",
	.summary = "Set directives of a unit in a drop-in; checked before it is written",
	.words = WORDS_UNITS,
	.min = 2,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_set,
};
