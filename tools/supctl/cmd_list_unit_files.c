/*
 * list-unit-files and unit-paths: what lies on the search path, read by supctl itself.
 */
#include <sys/stat.h>

#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "deed.h"

#include "install/install.h"
#include "install/preset.h"
#include "lib/json.h"
#include "unit/name.h"

static const struct opt opts[] = {
	{ "state", 's', "STATE", "only those that stand so (may be repeated)" },
	DEED_PLACE_OPTS,
	{ NULL, 0, NULL, NULL },
};
static const struct opt opts_paths[] = { DEED_PLACE_OPTS, { NULL, 0, NULL, NULL } };

struct listing {
	struct jw *json; /* NULL: a table */
	struct columns *table;
	struct presets *presets;
	bool silent; /* supd is not asked, or does not answer */
	size_t n;
};

/* Nobody is asked about what has no choice. */
static bool
has_preset(enum install_state s)
{
	return s != INSTALL_ALIAS && s != INSTALL_STATIC && s != INSTALL_GENERATED &&
	       s != INSTALL_TRANSIENT;
}

static const char *
preset_of(const struct listing *l, const char *name, enum install_state state)
{
	if (!has_preset(state))
		return NULL;
	switch (presets_ask(l->presets, name, NULL, NULL)) {
	case PRESET_ENABLE:
		return "enabled";
	case PRESET_DISABLE:
		return "disabled";
	default:
		return "ignored";
	}
}

/* Of units in an instance folder supd knows what persons decided. */
static void
ask_supd(struct ctl *ctl, struct listing *l, const char *name, enum install_state *state)
{
	struct buf params = { 0 }, why = { 0 };
	struct reply r = { 0 };
	struct jw *w;
	enum install_state said;

	if (l->silent)
		return;
	w = ctl_params();
	jw_kv_arr(w, "units");
	jw_str(w, name);
	jw_end(w);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	if (ctl_call_quietly(ctl, "io.supd.Unit.IsEnabled", buf_str(&params), false,
		ctl_deadline(ctl, false), &r, &why) != CLIENT_OK) {
		l->silent = true;
	} else if (r.error == NULL) {
		said = install_state_find(
		    jv_str(jv_get(jv_at(jv_get(r.params, "units"), 0), "enabled"), ""));
		if (said != INSTALL_NSTATES)
			*state = said;
	}
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
}

static void
put_file(struct listing *l, const char *name, enum install_state state)
{
	const char *preset = preset_of(l, name, state);

	l->n++;
	if (l->json != NULL) {
		jw_obj(l->json);
		jw_kv_str(l->json, "unit", name);
		jw_kv_str(l->json, "state", install_state_name(state));
		jw_kv_str(l->json, "preset", preset);
		jw_end(l->json);
		return;
	}
	columns_row(l->table);
	columns_cell(l->table, STYLE_NONE, name);
	columns_cell(l->table,
	    state == INSTALL_BAD       ? STYLE_RED
	    : state == INSTALL_ENABLED ? STYLE_GREEN
				       : STYLE_NONE,
	    install_state_name(state));
	columns_cell(l->table, STYLE_NONE, preset != NULL ? preset : "-");
}

/* Words are patterns, or names as they are typed elsewhere. */
static bool
is_asked_for(const char *name, int argc, char **argv)
{
	bool yes = optind >= argc;

	for (int i = optind; i < argc && !yes; i++) {
		char *full = strpbrk(argv[i], "*?[") == NULL
				 ? unit_name_add_suffix(argv[i])
				 : NULL;

		yes = fnmatch(full != NULL ? full : argv[i], name, FNM_NOESCAPE) == 0;
		free(full);
	}
	return yes;
}

static int
take_opts(struct ctl *ctl, struct deed *d, struct strv *states, int argc, char **argv)
{
	int id;

	d->verb = ctl->cmd->name;
	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == 's')
			strv_split(states, optarg, ",");
		else if (!deed_place_opt(d, id))
			return CTL_USAGE;
	}
	for (size_t i = 0; i < states->n; i++)
		if (install_state_find(states->v[i]) == INSTALL_NSTATES)
			return ctl_usage(
			    ctl, "--state=%s: no unit file stands so", states->v[i]);
	return ctl_words(ctl, argc);
}

static int
run_list_unit_files(struct ctl *ctl, int argc, char **argv)
{
	struct strv states = { 0 }, names = { 0 };
	struct install_index *x;
	struct unit_paths *paths;
	struct listing l = { 0 };
	enum unit_path_kind kind;
	struct deed d = { 0 };
	int code = take_opts(ctl, &d, &states, argc, argv);

	paths = code == CTL_OK ? deed_paths(ctl, &d, &code) : NULL;
	if (paths == NULL)
		goto out;
	l.silent = deed_is_offline(&d);
	l.presets = presets_load(paths, NULL);
	l.json = ctl->json ? ctl_json_new(ctl) : NULL;
	if (l.json != NULL)
		jw_arr(l.json);
	l.table = columns_new();
	columns_add(l.table, "UNIT FILE", COL_SHRINK);
	columns_add(l.table, "STATE", 0);
	columns_add(l.table, "PRESET", 0);
	unit_paths_scan(paths);
	x = install_index_new(paths);
	install_list(x, &names);
	for (size_t i = 0; i < names.n; i++) {
		enum install_state state;

		if (!is_asked_for(names.v[i], argc, argv))
			continue;
		state = install_state(x, names.v[i], NULL);
		if (install_folder(x, names.v[i], &kind) != NULL &&
		    kind == UNIT_PATH_FOLDER)
			ask_supd(ctl, &l, names.v[i], &state);
		if (states.n == 0 || strv_contains(&states, install_state_name(state)))
			put_file(&l, names.v[i], state);
	}
	if (l.json != NULL) {
		jw_end(l.json);
		ctl_json_take(ctl, l.json);
	} else if (!ctl->quiet) {
		ctl_columns(ctl, l.table, true);
		ctl_printf(ctl, "\n%zu unit files\n", l.n);
	}
	install_index_free(x);
	columns_free(l.table);
	presets_free(l.presets);
	unit_paths_free(paths);
out:
	strv_free(&states);
	strv_free(&names);
	return code;
}

static int
run_unit_paths(struct ctl *ctl, int argc, char **argv)
{
	struct strv none = { 0 };
	struct unit_paths *paths;
	struct deed d = { 0 };
	struct jw *w = NULL;
	struct stat st;
	int code = take_opts(ctl, &d, &none, argc, argv);

	paths = code == CTL_OK ? deed_paths(ctl, &d, &code) : NULL;
	if (paths == NULL)
		return code;
	if (ctl->json) {
		w = ctl_json_new(ctl);
		jw_arr(w);
	}
	for (size_t i = 0; i < unit_paths_count(paths); i++) {
		const char *dir = unit_paths_dir(paths, i);
		const char *kind = unit_path_kind_name(unit_paths_kind(paths, i));
		bool there = stat(dir, &st) == 0 && S_ISDIR(st.st_mode);

		if (w != NULL) {
			jw_obj(w);
			jw_kv_str(w, "path", dir);
			jw_kv_str(w, "level", kind);
			jw_kv_bool(w, "exists", there);
			jw_end(w);
		} else if (!ctl->quiet) {
			ctl_style(ctl, there ? STYLE_NONE : STYLE_DIM, dir);
			ctl_printf(ctl, "\n");
		}
	}
	if (w != NULL) {
		jw_end(w);
		ctl_json_take(ctl, w);
	}
	unit_paths_free(paths);
	return CTL_OK;
}

const struct command cmd_list_unit_files = {
	.name = "list-unit-files",
	.words_usage = "[PATTERN...]",
	.summary = "List unit files with how they stand",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_list_unit_files,
};

const struct command cmd_unit_paths = {
	.name = "unit-paths",
	.words_usage = "",
	.summary = "List the folders in which unit files are looked for",
	.opts = opts_paths,
	.run = run_unit_paths,
};
