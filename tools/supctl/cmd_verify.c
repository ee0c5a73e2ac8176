/* verify: read unit files as supd would, and say what is wrong with them.  Needs no supd.
 */
#include <sys/stat.h>

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/table.h"

enum { OPT_STRICT = OPT_LONG };

static const struct opt opts[] = {
	{ "strict", OPT_STRICT, NULL, "warnings count as errors" },
	{ NULL, 0, NULL, NULL },
};

struct tally {
	struct jw *json;
	size_t errors, warnings, files;
	size_t missing; /* names of nothing; no error of a file */
};

static void
put_diags(struct ctl *ctl, const struct diags *d, struct tally *t)
{
	const struct diag *g;
	char *text;
	size_t i;

	for (i = 0; i < d->n; i++) {
		g = &d->v[i];
		if (g->level == DIAG_ERROR)
			t->errors++;
		else
			t->warnings++;
		if (t->json != NULL) {
			jw_obj(t->json);
			jw_kv_str(t->json, "level",
			    g->level == DIAG_ERROR ? "error" : "warning");
			jw_kv_str(t->json, "file", g->file);
			jw_kv_u64(t->json, "line", g->line);
			jw_kv_u64(t->json, "column", g->col);
			jw_kv_str(t->json, "text", g->text);
			jw_kv_str(t->json, "hint", g->hint);
			jw_end(t->json);
		} else {
			text = diag_format(g);
			ctl_note(ctl, "", text);
			free(text);
		}
	}
}

/* Whether it lies in a folder profiles/: then it is no unit by itself. */
static bool
is_profile(const char *dir, const char *base)
{
	const char *folder = dir == NULL ? NULL : strrchr(dir, '/');
	size_t n = strlen(base);

	return folder != NULL && strcmp(folder, "/profiles") == 0 && n > 5 &&
	       strcmp(base + n - 5, ".conf") == 0;
}

/* The folder of a file as the search path, so that its drop-ins are seen as well. */
static void
verify_file(struct ctl *ctl, const char *path, struct tally *t)
{
	struct unit_paths *paths = unit_paths_new();
	struct diags d;
	struct supd_conf *sc;
	char *base_copy = xstrdup(path);
	char *dir_copy = xstrdup(path);
	/* Absolute, because %Y and messages are made of it. */
	char *dir = realpath(dirname(dir_copy), NULL);
	const char *base = basename(base_copy);

	diags_init(&d);
	t->files++;
	if (strcmp(base, "supd.conf") == 0) {
		sc = supd_conf_load(path, &d);
		supd_conf_free(sc);
	} else if (is_profile(dir, base)) {
		unit_profile_verify(paths, path, "profile.service", &d);
	} else if (!unit_name_is_valid(base)) {
		diag_add(&d, DIAG_ERROR, path, 0, 0,
		    "a unit is called NAME.service, or NAME@.service for a template",
		    "the name is none of a unit");
	} else {
		unit_paths_add(paths, dir == NULL ? dir_copy : dir, UNIT_PATH_FOLDER);
		unit_paths_add_shipped(paths);
		unit_conf_free(unit_load(paths, NULL, base, &d));
	}
	put_diags(ctl, &d, t);
	diags_clear(&d);
	unit_paths_free(paths);
	free(dir);
	free(dir_copy);
	free(base_copy);
}

/* The search path of an instance, as the manager has it. */
static struct unit_paths *
instance_paths(struct ctl *ctl)
{
	struct unit_paths *paths = unit_paths_new();
	char *units = ctl_path(ctl, "units");

	unit_paths_add(paths, units, UNIT_PATH_FOLDER);
	if (ctl->in.kind == INSTANCE_SYSTEM)
		unit_paths_add_system(paths);
	else if (ctl->in.kind == INSTANCE_USER)
		unit_paths_add_user(paths);
	unit_paths_add_shipped(paths);
	free(units);
	return paths;
}

/* Names that are mistyped are near to those that lie there. */
static void
note_missing(struct unit_paths *paths, const char *name, struct diags *d)
{
	enum { NEAR = 3 };
	struct strv all = { 0 };
	const char *near = NULL;
	char *hint = NULL;
	size_t best = NEAR + 1, dist;

	unit_list_dir(paths, &all);
	for (size_t i = 0; i < all.n; i++) {
		dist = edit_distance(name, all.v[i], NEAR);
		if (dist < best) {
			best = dist;
			near = all.v[i];
		}
	}
	if (near != NULL)
		hint = xasprintf("did you mean %s?", near);
	diag_add(d, DIAG_ERROR, name, 0, 0, hint, "there is no file of this unit");
	free(hint);
	strv_free(&all);
}

static int
verify_names(struct ctl *ctl, const struct strv *names, struct tally *t)
{
	struct unit_paths *paths;
	struct supd_conf *sc;
	struct strv all = { 0 };
	struct diags d, gone;
	struct tally missing = { .json = t->json };
	char *conf;
	size_t i;
	int code = ctl_instance(ctl);

	if (code != 0)
		return code;
	paths = instance_paths(ctl);
	conf = ctl_path(ctl, "supd.conf");
	diags_init(&d);
	diags_init(&gone);
	sc = supd_conf_load(conf, &d);
	if (names->n == 0) {
		unit_list_dir(paths, &all);
		names = &all;
	}
	for (i = 0; i < names->n; i++) {
		struct unit_conf *uc = unit_load(paths, sc, names->v[i], &d);

		if (uc->load_state == UNIT_NOT_FOUND)
			note_missing(paths, names->v[i], &gone);
		unit_conf_free(uc);
		t->files++;
	}
	put_diags(ctl, &d, t);
	put_diags(ctl, &gone, &missing);
	t->missing += missing.errors;
	diags_clear(&gone);
	diags_clear(&d);
	supd_conf_free(sc);
	unit_paths_free(paths);
	strv_free(&all);
	free(conf);
	return 0;
}

/* As an error among the others, so that --json stays one array. */
static void
put_bad_word(struct ctl *ctl, const char *word, const char *text, const char *hint,
    struct tally *t)
{
	struct diags d;

	diags_init(&d);
	diag_add(&d, DIAG_ERROR, word, 0, 0, hint, "%s", text);
	put_diags(ctl, &d, t);
	diags_clear(&d);
}

static int
verify_words(struct ctl *ctl, int argc, char **argv, struct tally *t)
{
	struct strv names = { 0 };
	struct stat st;
	char *name;
	int code = 0;
	int i;

	for (i = optind; i < argc; i++) {
		if (strchr(argv[i], '/') != NULL || stat(argv[i], &st) == 0) {
			if (access(argv[i], R_OK) == -1)
				put_bad_word(ctl, argv[i], strerror(errno), NULL, t);
			else
				verify_file(ctl, argv[i], t);
			continue;
		}
		name = unit_name_add_suffix(argv[i]);
		if (name == NULL)
			put_bad_word(ctl, argv[i],
			    "is neither a file nor the name of a unit",
			    "a unit is called NAME.service", t);
		else
			strv_take(&names, name);
	}
	if (names.n > 0 || optind == argc) {
		i = verify_names(ctl, &names, t);
		if (i != 0)
			code = i;
	}
	strv_free(&names);
	return code;
}

static int
run_verify(struct ctl *ctl, int argc, char **argv)
{
	struct tally t = { 0 };
	bool strict = false;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_STRICT)
			return CTL_USAGE;
		strict = true;
	}
	if (ctl->json) {
		t.json = ctl_json_new(ctl);
		jw_arr(t.json);
	}
	code = verify_words(ctl, argc, argv, &t);
	if (t.json != NULL) {
		jw_end(t.json);
		ctl_json_take(ctl, t.json);
	}
	if (t.errors > 0 || (strict && t.warnings > 0))
		code = CTL_FAILED;
	else if (t.missing > 0)
		code = CTL_NO_UNIT;
	if (code == CTL_OK)
		ctl_say(ctl, "%zu files, no errors, %zu warnings", t.files, t.warnings);
	return code;
}

const struct command cmd_verify = {
	.name = "verify",
	.words_usage = "[FILE|UNIT...]",
	.summary = "Check unit files, all of the instance without a word",
	.words = WORDS_FILES,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_verify,
};
