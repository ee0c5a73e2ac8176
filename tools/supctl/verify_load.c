/* verify_load: the units and other files that the words of `supctl verify' mean. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "event_names.h"
#include "unit_files.h"
#include "verify.h"

#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/builtin.h"
#include "unit/lex.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/supd_conf.h"
#include "unit/table.h"

/* ---- lines ---- */

struct noting {
	struct verify *v;
	struct verify_unit *u;
};

static void
note_word(struct verify_unit *u, const struct unit_line *l, const char *at, size_t len)
{
	struct verify_word *w;

	u->words = xreallocarray(u->words, u->n_words + 1, sizeof(u->words[0]));
	w = &u->words[u->n_words++];
	*w = (struct verify_word){
		.row = l->row, .file = xstrdup(l->file), .word = xstrndup(at, len)
	};
	lex_where(l->lex, at, &w->line, &w->col);
}

static void
note_words(struct verify_unit *u, const struct unit_line *l)
{
	const char *kind = l->row->kind != NULL ? l->row->kind->name : "";
	const char *p = l->value;

	if (strcmp(kind, "UNITS") != 0) {
		note_word(u, l, p, strlen(p));
		return;
	}
	for (p += strspn(p, " \t"); *p != '\0'; p += strspn(p, " \t")) {
		size_t n = strcspn(p, " \t");

		note_word(u, l, p, n);
		p += n;
	}
}

static void
on_line(void *arg, const struct unit_line *l)
{
	struct noting *n = arg;
	struct verify_unit *u = n->u;
	char *place = xasprintf("%s\n%u", l->file, l->line);

	if (l->row != NULL && l->row->form == FORM_DIRECTIVE)
		note_words(u, l);
	if (u->named && !map_has(&n->v->counted, place)) {
		map_set(&n->v->counted, place, n);
		n->v->uses[l->answer]++;
		if (n->v->keep_lines) {
			u->lines =
			    xreallocarray(u->lines, u->n_lines + 1, sizeof(u->lines[0]));
			u->lines[u->n_lines++] = (struct verify_line){ xstrdup(l->file),
				xstrdup(l->key), l->line, l->col, l->answer };
		}
	}
	free(place);
}

const struct verify_word *
verify_word_find(const struct verify_unit *u, const char *key, const char *word)
{
	const struct verify_word *first = NULL;

	for (size_t i = 0; i < u->n_words; i++) {
		const struct verify_word *w = &u->words[i];

		if (strcmp(w->row->key, key) != 0)
			continue;
		if (word != NULL && strcmp(w->word, word) == 0)
			return w;
		/* One with specifiers is written in another way. */
		if (first == NULL ||
		    (strchr(first->word, '%') == NULL && strchr(w->word, '%') != NULL))
			first = w;
	}
	return first;
}

void
verify_warn(struct verify_unit *u, const struct verify_word *at, const char *hint,
    const char *fmt, ...)
{
	const char *file =
	    u->conf != NULL && u->conf->fragment != NULL ? u->conf->fragment : u->name;
	char *text;
	va_list ap;

	if (u->made_up && at != NULL && strchr(at->word, '%') != NULL)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	diag_add(&u->diags, DIAG_WARNING, at != NULL ? at->file : file,
	    at != NULL ? at->line : 0, at != NULL ? at->col : 0, hint, "%s", text);
	free(text);
}

/* ---- search paths ---- */

static struct verify_path *
path_add(struct verify *v, const char *dir, struct unit_paths *paths)
{
	struct verify_path *p = xcalloc(1, sizeof(*p));

	p->dir = xstrdup_opt(dir);
	p->paths = paths;
	v->paths = xreallocarray(v->paths, v->n_paths + 1, sizeof(v->paths[0]));
	v->paths[v->n_paths++] = p;
	return p;
}

/* units/ of an instance is read as its supd.conf says. */
static void
take_conf(struct verify_path *p)
{
	const char *slash = strrchr(p->dir, '/');
	struct diags d;
	char *conf;

	if (slash == NULL || strcmp(slash, "/units") != 0)
		return;
	conf = xasprintf("%.*s/supd.conf", (int)(slash - p->dir), p->dir);
	diags_init(&d);
	if (access(conf, F_OK) == 0)
		p->conf = supd_conf_load(conf, &d);
	diags_clear(&d);
	free(conf);
}

/* The folder of a file before those of the others, so that its drop-ins, and what it
 * names, are seen. */
static struct verify_path *
path_of_dir(struct verify *v, const char *dir)
{
	struct verify_path *p;

	for (size_t i = 0; i < v->n_paths; i++)
		if (v->paths[i]->dir != NULL && strcmp(v->paths[i]->dir, dir) == 0)
			return v->paths[i];
	p = path_add(v, dir, unit_paths_new());
	unit_paths_add(p->paths, dir, UNIT_PATH_FOLDER);
	for (size_t i = 0; i < v->dirs.n; i++)
		if (strcmp(v->dirs.v[i], dir) != 0)
			unit_paths_add(p->paths, v->dirs.v[i], UNIT_PATH_FOLDER);
	unit_paths_add_shipped(p->paths);
	take_conf(p);
	return p;
}

/* The search path of an instance, as the manager has it. */
static struct verify_path *
path_of_instance(struct verify *v, struct diags *d)
{
	struct verify_path *p = path_add(v, NULL, unit_files_paths(v->ctl));
	char *conf = instance_conf(v->ctl->in.root);

	p->conf = supd_conf_load(conf, d);
	free(conf);
	return p;
}

/* ---- units ---- */

static struct verify_unit *
unit_add(struct verify *v, const char *name, struct verify_path *path)
{
	struct verify_unit *u = xcalloc(1, sizeof(*u));

	u->name = xstrdup(name);
	u->path = path;
	diags_init(&u->diags);
	v->v = xreallocarray(v->v, v->n + 1, sizeof(v->v[0]));
	u->index = v->n;
	v->v[v->n++] = u;
	return u;
}

static char *
map_name(const struct verify_path *p, const char *name)
{
	return xasprintf("%s\n%s", p->dir != NULL ? p->dir : "", name);
}

static void
load_unit(struct verify *v, struct verify_unit *u, const char *name)
{
	struct noting n = { v, u };
	char *key;

	unit_paths_on_line(u->path->paths, on_line, &n);
	u->conf = unit_load(u->path->paths, u->path->conf, name, &u->diags);
	unit_paths_on_line(u->path->paths, NULL, NULL);
	key = map_name(u->path, name);
	if (!map_has(&v->by_name, key))
		map_set(&v->by_name, key, u);
	free(key);
	key = map_name(u->path, u->conf->id);
	if (!map_has(&v->by_name, key))
		map_set(&v->by_name, key, u);
	free(key);
}

struct verify_unit *
verify_other(struct verify *v, const struct verify_unit *of, const char *name)
{
	char *key = map_name(of->path, name);
	struct verify_unit *u = map_get(&v->by_name, key);

	free(key);
	if (u != NULL)
		return u;
	u = unit_add(v, name, of->path);
	load_unit(v, u, name);
	return u;
}

char *
verify_nearest(const struct verify_unit *of, const char *name)
{
	/* The first one that is too far.  Short names are near to each other by chance.
	 */
	size_t len = strcspn(name, ".@"), best = len < 4 ? 1 : len < 5 ? 2 : 3;
	const char *near = NULL;
	struct strv all = { 0 };
	char *result;

	unit_list_dir(of->path->paths, &all);
	for (unsigned i = 0; builtin_name(i) != NULL; i++)
		strv_add(&all, builtin_name(i));
	for (size_t i = 0; i < all.n; i++) {
		size_t dist = edit_distance(name, all.v[i], best - 1);

		if (dist > 0 && dist < best) {
			best = dist;
			near = all.v[i];
		}
	}
	result = xstrdup_opt(near);
	strv_free(&all);
	return result;
}

/* What only an instance says: a template is looked at by one that is made up. */
static void
load_template(struct verify *v, struct verify_unit *u, const char *name)
{
	const char *given = NULL;
	struct unit_conf *conf;
	char *instance;
	struct diags d;

	diags_init(&d);
	conf = unit_load(u->path->paths, u->path->conf, name, &d);
	given = conf->rules->default_instance;
	instance = unit_name_replace_instance(name, given != NULL ? given : "instance");
	u->made_up = given == NULL && instance != NULL;
	load_unit(v, u, instance != NULL ? instance : name);
	/* What is said of the template only ([Instances]). */
	for (size_t i = 0; unit_conf_has_instances(conf) && i < d.n; i++) {
		bool same = false;

		for (size_t k = 0; k < u->diags.n && !same; k++)
			same = u->diags.v[k].line == d.v[i].line &&
			       strcmp(u->diags.v[k].text, d.v[i].text) == 0;
		if (!same)
			diag_add(&u->diags, d.v[i].level, d.v[i].file, d.v[i].line,
			    d.v[i].col, d.v[i].hint, "%s", d.v[i].text);
	}
	diags_clear(&d);
	unit_conf_free(conf);
	free(instance);
}

static void
load_named(
    struct verify *v, const char *shown, struct verify_path *path, const char *name)
{
	struct verify_unit *u;
	char *key = map_name(path, name);
	bool again = map_has(&v->by_name, key);

	free(key);
	if (again)
		return;
	u = unit_add(v, shown, path);
	u->named = true;
	v->files++;
	if (unit_name_is_template(name))
		load_template(v, u, name);
	else
		load_unit(v, u, name);
}

/* ---- files ---- */

/* The name behind DIR/NAME.d/, malloc'd; NULL: the folder is none of drop-ins. */
static char *
unit_of_drop_ins(const char *dir)
{
	const char *folder = strrchr(dir, '/');
	size_t n;
	char *name;

	folder = folder != NULL ? folder + 1 : dir;
	n = strlen(folder);
	if (n < 3 || strcmp(folder + n - 2, ".d") != 0)
		return NULL;
	name = xstrndup(folder, n - 2);
	if (unit_name_is_valid(name))
		return name;
	free(name);
	return NULL;
}

/* A drop-in with the unit that it is for, or alone when that is somewhere else. */
static void
load_drop_in(struct verify *v, const char *shown, const char *dir, const char *name)
{
	char *above = xstrndup(dir, (size_t)(strrchr(dir, '/') - dir));
	struct verify_path *p = path_of_dir(v, *above != '\0' ? above : "/");
	struct verify_unit *u;
	struct noting n;

	load_named(v, shown, p, name);
	u = v->v[v->n - 1];
	if (u->conf != NULL && u->conf->load_state == UNIT_NOT_FOUND) {
		n = (struct noting){ v, u };
		unit_paths_on_line(p->paths, on_line, &n);
		unit_drop_in_verify(p->paths, shown, name, &u->diags);
		unit_paths_on_line(p->paths, NULL, NULL);
		unit_conf_free(u->conf);
		u->conf = NULL;
	}
	free(above);
}

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static bool
is_supd_conf(const char *base)
{
	return strcmp(base, "supd.conf") == 0;
}

static void
load_supd_conf(const char *path, struct verify_unit *u, struct noting *n)
{
	struct supd_conf *sc =
	    supd_conf_load_lines(path, &u->diags, &(struct line_hook){ on_line, n });

	/* (What reads files knows nothing of events.) */
	for (size_t i = 0; i < sc->alerts.n; i++) {
		const struct alert_conf *a = &sc->alerts.v[i];

		if (a->event != NULL && !event_name_matches(a->event))
			diag_add(&u->diags, DIAG_WARNING, path, a->line, a->col,
			    "see supd.events(7)",
			    "[Alert %s] never fires: no event is called %s", a->name,
			    a->event);
	}
	supd_conf_free(sc);
}

static void
load_file(struct verify *v, const char *path, const char *dir, const char *base)
{
	const char *folder = strrchr(dir, '/');
	bool conf = ends_with(base, ".conf");
	char *of = conf ? unit_of_drop_ins(dir) : NULL;
	struct verify_unit *u;
	struct noting n;

	if (of != NULL) {
		load_drop_in(v, path, dir, of);
		free(of);
		return;
	}
	if (!is_supd_conf(base) && unit_name_is_valid(base)) {
		load_named(v, path, path_of_dir(v, dir), base);
		return;
	}
	u = unit_add(v, path, path_of_dir(v, dir));
	u->named = true;
	v->files++;
	n = (struct noting){ v, u };
	unit_paths_on_line(u->path->paths, on_line, &n);
	if (is_supd_conf(base))
		load_supd_conf(path, u, &n);
	else if (conf && folder != NULL && strcmp(folder, "/profiles") == 0)
		unit_profile_verify(u->path->paths, path, "profile.service", &u->diags);
	else
		diag_add(&u->diags, DIAG_ERROR, path, 0, 0,
		    "a unit is called NAME.service, or NAME@.service for a template",
		    "the name is none of a unit");
	unit_paths_on_line(u->path->paths, NULL, NULL);
}

/* Files of a folder that verify understands, in order; drop-ins come with their unit. */
static void
list_folder(const char *path, const char *only, struct strv *files)
{
	DIR *dir = opendir(path);
	struct strv names = { 0 };
	struct dirent *de;

	while (dir != NULL && (de = readdir(dir)) != NULL) {
		bool unit = !is_supd_conf(de->d_name) && unit_name_is_valid(de->d_name);

		if (only != NULL ? ends_with(de->d_name, only) && !unit : unit)
			strv_add(&names, de->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		strv_addf(files, "%s/%s", path, names.v[i]);
	strv_free(&names);
}

/* An instance is its units/ and its supd.conf; any other folder is one of units, and of
 * profiles or drop-ins if it is called so. */
static void
list_dir(const char *word, struct strv *files)
{
	size_t n = strlen(word);
	char *path, *units, *profiles;

	while (n > 1 && word[n - 1] == '/')
		n--;
	path = xstrndup(word, n);
	list_folder(path, NULL, files);
	units = xasprintf("%s/units", path);
	if (files->n == 0 && access(units, F_OK) == 0) {
		list_folder(units, NULL, files);
	} else {
		free(units);
		units = xstrdup(path);
	}
	profiles = xasprintf("%s/profiles", units);
	list_folder(profiles, ".conf", files);
	list_folder(path,
	    ends_with(path, "/profiles") || ends_with(path, ".d") ? ".conf" : "supd.conf",
	    files);
	free(profiles);
	free(units);
	free(path);
}

/* ---- words ---- */

/* As an error among the others, so that --json stays one document. */
static void
add_bad_word(struct verify *v, const char *word, const char *text, const char *hint)
{
	struct verify_unit *u = unit_add(v, word, NULL);

	u->named = true;
	diag_add(&u->diags, DIAG_ERROR, word, 0, 0, hint, "%s", text);
}

/* "units/a@b.service" of a template that lies there. */
static bool
is_instance_file(const char *word)
{
	char *base_copy = xstrdup(word);
	char *template = unit_name_template(basename(base_copy));
	char *dir_copy = xstrdup(word);
	char *path = NULL;
	bool is = false;

	if (template != NULL) {
		path = xasprintf("%s/%s", dirname(dir_copy), template);
		is = access(path, R_OK) == 0;
	}
	free(path);
	free(dir_copy);
	free(template);
	free(base_copy);
	return is;
}

/* Absolute, because %Y and messages are made of it. */
static char *
dir_of(const char *path)
{
	char *copy = xstrdup(path);
	char *dir = realpath(dirname(copy), NULL);

	free(copy);
	return dir != NULL ? dir : xstrdup(".");
}

static void
sort_words(
    struct verify *v, int argc, char **argv, struct strv *files, struct strv *names)
{
	struct stat st;

	for (int i = optind; i < argc; i++) {
		const char *word = argv[i];
		bool there = stat(word, &st) == 0;
		struct strv found = { 0 };
		char *name;

		if (there && S_ISDIR(st.st_mode)) {
			list_dir(word, &found);
			strv_add_all(files, &found);
			if (found.n == 0)
				add_bad_word(v, word, "has no unit files",
				    "name a folder of units, or of an instance");
		} else if (there || strchr(word, '/') != NULL) {
			if (access(word, R_OK) == 0 || is_instance_file(word))
				strv_add(files, word);
			else
				add_bad_word(v, word, strerror(errno), NULL);
		} else if ((name = unit_name_add_suffix(word)) != NULL) {
			strv_take(names, name);
		} else {
			add_bad_word(v, word, "is neither a file nor the name of a unit",
			    "a unit is called NAME.service");
		}
		strv_free(&found);
	}
	for (size_t i = 0; i < files->n; i++) {
		char *dir = dir_of(files->v[i]);

		(void)strv_add_unique(&v->dirs, dir);
		free(dir);
	}
}

/* Names that are mistyped are near to those that lie there. */
static void
tell_missing(struct verify_unit *u)
{
	char *near = verify_nearest(u, u->name);
	char *hint = near != NULL ? xasprintf("did you mean %s?", near) : NULL;

	u->missing = true;
	diag_add(
	    &u->diags, DIAG_ERROR, u->name, 0, 0, hint, "there is no file of this unit");
	free(hint);
	free(near);
}

static int
load_names(struct verify *v, const struct strv *names)
{
	struct verify_unit *conf;
	struct verify_path *p;
	struct strv all = { 0 };
	int code = ctl_instance(v->ctl);

	if (code != 0)
		return code;
	conf = unit_add(v, "supd.conf", NULL);
	conf->named = true;
	p = path_of_instance(v, &conf->diags);
	unit_paths_scan(p->paths);
	if (names->n == 0) {
		unit_list_dir(p->paths, &all);
		names = &all;
	}
	for (size_t i = 0; i < names->n; i++) {
		size_t before = v->n;

		load_named(v, names->v[i], p, names->v[i]);
		if (v->n > before && v->v[v->n - 1]->conf->load_state == UNIT_NOT_FOUND)
			tell_missing(v->v[v->n - 1]);
	}
	strv_free(&all);
	return 0;
}

int
verify_load(struct verify *v, int argc, char **argv)
{
	struct strv files = { 0 }, names = { 0 };
	int code = 0;

	sort_words(v, argc, argv, &files, &names);
	for (size_t i = 0; i < files.n; i++) {
		char *dir = dir_of(files.v[i]);
		char *copy = xstrdup(files.v[i]);

		load_file(v, files.v[i], dir, basename(copy));
		free(copy);
		free(dir);
	}
	if (names.n > 0 || optind == argc)
		code = load_names(v, &names);
	strv_free(&files);
	strv_free(&names);
	return code;
}

static void
unit_free(struct verify_unit *u)
{
	for (size_t i = 0; i < u->n_words; i++) {
		free(u->words[i].file);
		free(u->words[i].word);
	}
	for (size_t i = 0; i < u->n_lines; i++) {
		free(u->lines[i].file);
		free(u->lines[i].key);
	}
	free(u->words);
	free(u->lines);
	unit_conf_free(u->conf);
	diags_clear(&u->diags);
	free(u->name);
	free(u);
}

void
verify_clear(struct verify *v)
{
	for (size_t i = 0; i < v->n; i++)
		unit_free(v->v[i]);
	free(v->v);
	for (size_t i = 0; i < v->n_paths; i++) {
		unit_paths_free(v->paths[i]->paths);
		supd_conf_free(v->paths[i]->conf);
		free(v->paths[i]->dir);
		free(v->paths[i]);
	}
	free(v->paths);
	strv_free(&v->dirs);
	map_clear(&v->by_name, NULL);
	map_clear(&v->counted, NULL);
}
