#include "install/preset.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "install/install_int.h"
#include "install/set.h"
#include "lib/buf.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/file.h"
#include "unit/name.h"
#include "unit/paths.h"

enum { RULES_MAX = 65536 };

struct rule {
	enum preset_verdict verdict;
	char *pattern;
	struct strv instances;
	size_t file; /* among the paths */
	unsigned line;
};

struct presets {
	struct rule *v;
	size_t n;
	struct strv paths;
	bool unread; /* something that is there */
};

static const char *const verdicts[] = {
	[PRESET_ENABLE] = "enable",
	[PRESET_DISABLE] = "disable",
	[PRESET_IGNORE] = "ignore",
};

const char *
preset_verdict_name(enum preset_verdict v)
{
	return verdicts[v];
}

static const char *const modes[PRESET_NMODES] = {
	[PRESET_FULL] = "full",
	[PRESET_ENABLE_ONLY] = "enable-only",
	[PRESET_DISABLE_ONLY] = "disable-only",
};

int
preset_mode_find(const char *word)
{
	for (int i = 0; i < PRESET_NMODES; i++)
		if (strcmp(modes[i], word) == 0)
			return i;
	return -1;
}

/* ---- reading ---- */

static void
read_line(struct presets *p, const char *path, unsigned line, const char *text,
    size_t len, struct diags *d)
{
	char *copy = xstrndup(text, len);
	struct strv words = { 0 };
	struct rule *rule;
	size_t verdict = 0;

	strv_split(&words, copy, " \t\r\f\v");
	free(copy);
	if (words.n == 0 || words.v[0][0] == '#' || words.v[0][0] == ';')
		goto out;
	while (verdict <= PRESET_IGNORE && strcmp(words.v[0], verdicts[verdict]) != 0)
		verdict++;
	if (verdict > PRESET_IGNORE || words.n < 2) {
		diag_add(d, DIAG_WARNING, path, line, 1,
		    "enable PATTERN [INSTANCE...], disable PATTERN or ignore PATTERN",
		    verdict > PRESET_IGNORE ? "\"%s\" is not understood"
					    : "%s needs a name or a pattern",
		    words.v[0]);
		goto out;
	}
	if (words.n > 2 &&
	    (verdict != PRESET_ENABLE || !unit_name_is_template(words.v[1]))) {
		diag_add(d, DIAG_WARNING, path, line, 1, NULL,
		    "only enable of a template takes instances, line ignored");
		goto out;
	}
	if (p->n == RULES_MAX)
		goto out;
	p->v = xreallocarray(p->v, p->n + 1, sizeof(*p->v));
	rule = &p->v[p->n++];
	*rule = (struct rule){ .verdict = (enum preset_verdict)verdict,
		.pattern = xstrdup(words.v[1]),
		.file = p->paths.n - 1,
		.line = line };
	for (size_t i = 2; i < words.n; i++)
		strv_add(&rule->instances, words.v[i]);
out:
	strv_free(&words);
}

/* (A link that leads nowhere says nothing.) */
static void
cannot_read(struct presets *p, const char *path, struct diags *d)
{
	bool gone = errno == ENOENT;

	p->unread = p->unread || !gone;
	diag_add(d, gone ? DIAG_WARNING : DIAG_ERROR, path, 0, 0,
	    gone ? NULL
		 : "until it can be read, nothing is preset: remove it, or hide it by an "
		   "empty file of its name in a higher folder",
	    "cannot be read: %s", unit_file_strerror(errno));
}

static void
read_file(struct presets *p, struct unit_paths *paths, const char *path, struct diags *d)
{
	struct buf text = { 0 };
	struct stat st;
	unsigned line = 0;
	const char *at, *end;

	if (paths_stat(paths, path, &st) == 0 && S_ISCHR(st.st_mode))
		return; /* a link to /dev/null: it hides those below */
	if (paths_touch(paths, path, true) == -1 ||
	    unit_file_read(path, &text, &st) == -1) {
		cannot_read(p, path, d);
		buf_free(&text);
		return;
	}
	strv_add(&p->paths, path);
	for (at = buf_str(&text); *at != '\0'; at = *end == '\0' ? end : end + 1) {
		end = strchrnul(at, '\n');
		read_line(p, path, ++line, at, (size_t)(end - at), d);
	}
	buf_free(&text);
}

/* The files of one folder, but those that a higher one has. */
static void
list_files(struct presets *p, struct unit_paths *paths, const char *dir,
    struct map *files, struct diags *diags)
{
	DIR *d = paths_opendir(paths, dir);
	struct dirent *e;

	if (d == NULL && errno != ENOENT)
		cannot_read(p, dir, diags);
	while (d != NULL && (errno = 0, e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n > 7 && e->d_name[0] != '.' &&
		    strcmp(e->d_name + n - 7, ".preset") == 0 &&
		    !map_has(files, e->d_name))
			map_set(files, e->d_name, xasprintf("%s/%s", dir, e->d_name));
	}
	if (d != NULL && errno != 0)
		cannot_read(p, dir, diags);
	if (d != NULL)
		closedir(d);
}

struct presets *
presets_load(struct unit_paths *paths, struct diags *d)
{
	struct presets *p = xcalloc(1, sizeof(*p));
	struct map files = { 0 };
	struct strv names = { 0 };

	for (size_t i = 0; i < paths->n; i++) {
		char *dir = xasprintf("%s-preset", paths->v[i].dir);

		if (paths->v[i].kind == UNIT_PATH_FOLDER)
			list_files(p, paths, paths->v[i].dir, &files, d);
		list_files(p, paths, dir, &files, d);
		free(dir);
	}
	map_keys(&files, &names);
	for (size_t i = 0; i < names.n; i++)
		read_file(p, paths, map_get(&files, names.v[i]), d);
	strv_free(&names);
	map_clear(&files, free);
	return p;
}

void
presets_free(struct presets *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].pattern);
		strv_free(&p->v[i].instances);
	}
	free(p->v);
	strv_free(&p->paths);
	free(p);
}

bool
presets_are_whole(const struct presets *p)
{
	return !p->unread;
}

/* ---- the question ---- */

/* A line with instances is for these, and for the template itself. */
static bool
rule_matches(const struct rule *rule, const char *name)
{
	char *instance, *template;
	bool yes;

	if (rule->instances.n == 0)
		return fnmatch(rule->pattern, name, FNM_NOESCAPE) == 0;
	if (strcmp(rule->pattern, name) == 0)
		return true;
	template = unit_name_template(name);
	instance = unit_name_instance(name);
	yes = template != NULL && strcmp(template, rule->pattern) == 0 &&
	      strv_contains(&rule->instances, instance);
	free(template);
	free(instance);
	return yes;
}

enum preset_verdict
presets_ask(const struct presets *p, const char *name, struct strv *instances, char **why)
{
	if (why != NULL)
		*why = NULL;
	for (size_t i = 0; i < p->n; i++) {
		const struct rule *rule = &p->v[i];

		if (!rule_matches(rule, name))
			continue;
		if (instances != NULL && unit_name_is_template(name))
			strv_add_all(instances, &rule->instances);
		if (why != NULL)
			*why = xasprintf("%s:%u", p->paths.v[rule->file], rule->line);
		return rule->verdict;
	}
	return PRESET_ENABLE;
}

enum preset_verdict
presets_ask_default(const struct presets *p, const char *name, const char *template)
{
	for (size_t i = 0; i < p->n; i++)
		if (rule_matches(&p->v[i], name) ||
		    (template != NULL && rule_matches(&p->v[i], template)))
			return p->v[i].verdict;
	return PRESET_ENABLE;
}

/* ---- requests ---- */

/* What one name comes to, into one of the two lists. */
static void
sort_in(const struct presets *p, const char *name, struct strv *on, struct strv *off)
{
	struct strv instances = { 0 };
	enum preset_verdict verdict = presets_ask(p, name, &instances, NULL);

	if (verdict == PRESET_DISABLE)
		strv_add(off, name);
	else if (verdict == PRESET_ENABLE && instances.n == 0)
		strv_add(on, name);
	for (size_t i = 0; verdict == PRESET_ENABLE && i < instances.n; i++) {
		char *made = unit_name_replace_instance(name, instances.v[i]);

		if (made != NULL)
			strv_add(on, made);
		free(made);
	}
	strv_free(&instances);
}

static int
carry_out(struct install *in, const struct strv *on, const struct strv *off,
    enum preset_mode mode)
{
	struct install_set plus = { 0 }, minus = { 0 };
	struct map marked = { 0 };
	int r = 0;

	/* All of it is looked at before anything is removed. */
	if (mode != PRESET_DISABLE_ONLY &&
	    install_set_gather(in, &plus, on, SET_ENABLE) == -1)
		r = -1;
	if (mode != PRESET_ENABLE_ONLY) {
		if (install_set_gather(in, &minus, off, SET_ALONE) == -1)
			r = -1;
		install_set_mark(&minus, &marked);
		if (links_remove_marked(in, &marked) == -1)
			r = -1;
	}
	if (install_apply(in, &plus) == -1)
		r = -1;
	map_clear(&marked, NULL);
	install_set_clear(&plus);
	install_set_clear(&minus);
	return r;
}

/* Only the unit itself has a preset. */
static bool
is_other_name(struct unit_paths *paths, const char *name)
{
	struct info info;
	bool yes;

	(void)info_find(paths, name, &info, NULL);
	yes = strcmp(info.name, name) != 0;
	info_clear(&info);
	return yes;
}

int
install_preset(struct install *in, const struct strv *names, enum preset_mode mode)
{
	struct presets *p = presets_load(in->paths, in->diags);
	struct strv on = { 0 }, off = { 0 };
	int r;

	for (size_t i = 0; i < names->n; i++)
		if (!is_other_name(in->paths, names->v[i]))
			sort_in(p, names->v[i], &on, &off);
	r = presets_are_whole(p) ? carry_out(in, &on, &off, mode) : -1;
	presets_free(p);
	strv_free(&on);
	strv_free(&off);
	return r;
}

/* What is in question for all: not what is masked, generated, or another name. */
static bool
has_choice(enum install_state s)
{
	switch (s) {
	case INSTALL_MASKED:
	case INSTALL_MASKED_RUNTIME:
	case INSTALL_ALIAS:
	case INSTALL_GENERATED:
	case INSTALL_TRANSIENT:
	case INSTALL_BAD:
	case INSTALL_NOT_FOUND:
		return false;
	default:
		return true;
	}
}

int
install_preset_all(struct install *in, enum preset_mode mode)
{
	struct install_index *x = install_index_new(in->paths);
	struct presets *p = presets_load(in->paths, in->diags);
	struct strv names = { 0 }, on = { 0 }, off = { 0 };
	size_t errors = in->diags->n_errors;
	int r;

	(void)install_index_check(x, in->diags);
	install_list(x, &names);
	unit_paths_scan(in->paths);
	for (size_t i = 0; i < names.n; i++)
		if (has_choice(install_state(x, names.v[i], in->diags)) &&
		    !is_other_name(in->paths, names.v[i]))
			sort_in(p, names.v[i], &on, &off);
	unit_paths_forget(in->paths);
	install_index_free(x);
	r = presets_are_whole(p) ? carry_out(in, &on, &off, mode) : -1;
	/* What cannot be read is passed by; the other units are not kept waiting. */
	if (in->diags->n_errors > errors)
		r = -1;
	presets_free(p);
	strv_free(&names);
	strv_free(&on);
	strv_free(&off);
	return r;
}
