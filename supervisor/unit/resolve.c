/*
 * resolve: from the name of a unit to its files: aliases, templates, drop-ins and folders
 * of links, in the order in which they count.
 */
#include "unit/resolve.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/builtin.h"
#include "unit/diag.h"
#include "unit/name.h"
#include "unit/paths.h"

enum {
	LINKS_MAX = 16, /* aliases of aliases */
};

/* ---- sources ---- */

void
source_from_stat(struct unit_source *s, const char *path, const struct stat *st)
{
	s->path = xstrdup(path);
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->size = st->st_size;
	s->wall_mtime_ns =
	    (int64_t)st->st_mtim.tv_sec * 1000000000 + (int64_t)st->st_mtim.tv_nsec;
	/* What is in a folder has its other time changed. */
	s->wall_ctime_ns =
	    S_ISREG(st->st_mode)
		? (int64_t)st->st_ctim.tv_sec * 1000000000 + (int64_t)st->st_ctim.tv_nsec
		: 0;
	s->sum = 0;
}

uint64_t
source_sum(const char *text, size_t len)
{
	uint64_t sum = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
	return sum;
}

bool
source_equal(const struct unit_source *a, const struct unit_source *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->wall_mtime_ns == b->wall_mtime_ns && strcmp(a->path, b->path) == 0;
}

void
sources_free(struct unit_source *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(v[i].path);
	free(v);
}

static void
add_source(struct resolved *r, const char *path, const struct stat *st)
{
	r->sources = xreallocarray(r->sources, r->n_sources + 1, sizeof(*r->sources));
	source_from_stat(&r->sources[r->n_sources++], path, st);
}

void
resolved_clear(struct resolved *r)
{
	free(r->id);
	free(r->fragment);
	free(r->file);
	strv_free(&r->aliases);
	strv_free(&r->drop_ins);
	strv_free(&r->wants);
	strv_free(&r->requires);
	strv_free(&r->upholds);
	sources_free(r->sources, r->n_sources);
	memset(r, 0, sizeof(*r));
}

/* ---- the main file ---- */

/* The name that the alias NAME stands for when its link leads to BASE; NULL if it cannot.
 */
static char *
alias_target(const char *name, const char *base)
{
	char *instance;
	char *target = NULL;

	if (!unit_name_is_valid(base) || unit_name_type(base) != unit_name_type(name))
		return NULL;
	if (!unit_name_is_template(base)) {
		/* A template is not another name of one unit. */
		return unit_name_is_template(name) ? NULL : xstrdup(base);
	}
	if (strchr(name, '@') == NULL)
		return NULL;
	instance = unit_name_instance(name);
	target = unit_name_replace_instance(base, instance);
	free(instance);
	return target;
}

/*
 * Reads the link at PATH in dir.  Sets *ALIAS if it is another name of a unit on the
 * path, else *FILE to what it leads to (malloc'd); -1 if it leads nowhere sensible, told
 * to D.
 */
static int
follow_link(struct unit_paths *paths, const char *dir, const char *path, const char *name,
    char **alias, bool *masked, char **file, struct diags *d)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *base;
	char *full;
	int r = 0;

	*alias = NULL;
	*masked = false;
	if (n < 0) {
		diag_add(d, DIAG_ERROR, path, 0, 0, NULL,
		    "where the link leads cannot be read: %s", strerror(errno));
		return -1;
	}
	target[n] = '\0';
	if (strcmp(target, "/dev/null") == 0) {
		*masked = true;
		return 0;
	}
	full = target[0] == '/' ? xasprintf("%s%s", paths->root, target)
				: xasprintf("%s/%s", dir, target);
	*file = xstrdup(full);
	*strrchr(full, '/') = '\0';
	base = strrchr(target, '/');
	base = base != NULL ? base + 1 : target;
	if (paths_has_dir(paths, *full != '\0' ? full : "/")) {
		char *own = xstrdup(strrchr(path, '/') + 1);

		/* The template's own link, seen from an instance of it, is no alias. */
		if (strcmp(base, own) != 0)
			*alias = alias_target(name, base);
		if (strcmp(base, own) != 0 && *alias == NULL) {
			diag_add(d, DIAG_ERROR, path, 0, 0,
			    "an alias keeps the type, and templates lead to templates",
			    "%s cannot be another name of %s", own, base);
			r = -1;
		}
		free(own);
	}
	free(full);
	return r;
}

enum find {
	FIND_NOTHING,
	FIND_FILE,
	FIND_ALIAS,
	FIND_BAD,
};

/* Looks for the file FILE_NAME of the unit NAME in all folders. */
static enum find
find_file(struct unit_paths *paths, const char *file_name, const char *name,
    struct resolved *r, char **alias, struct diags *d)
{
	for (size_t i = 0; i < paths->n; i++) {
		struct stat st;
		bool masked = false;
		char *path, *file = NULL;

		if (!paths_may_have(paths, i, file_name))
			continue;
		path = xasprintf("%s/%s", paths->v[i].dir, file_name);
		if (paths_lstat(paths, path, &st) == -1) {
			bool gone = errno == ENOENT || errno == ENOTDIR;

			if (!gone)
				diag_add(d, DIAG_ERROR, path, 0, 0, NULL,
				    "cannot be read: %s", strerror(errno));
			free(path);
			if (gone)
				continue;
			return FIND_BAD;
		}
		if (S_ISLNK(st.st_mode)) {
			if (follow_link(paths, paths->v[i].dir, path, name, alias,
				&masked, &file, d) == -1) {
				add_source(r, path, &st);
				free(path);
				free(file);
				return FIND_BAD;
			}
			/* An instance that leads to its template is no other name, but
			 * the file. */
			if (*alias != NULL && strcmp(*alias, name) == 0) {
				free(*alias);
				*alias = NULL;
			}
			if (*alias != NULL) {
				free(path);
				free(file);
				return FIND_ALIAS;
			}
			if (!masked && paths_stat(paths, file, &st) == -1) {
				add_source(r, path, &st);
				if (errno == ETIMEDOUT)
					diag_add(d, DIAG_ERROR, path, 0, 0, NULL,
					    "cannot be read: %s", strerror(errno));
				else
					diag_add(d, DIAG_ERROR, path, 0, 0,
					    "remove the link, or put back what it leads "
					    "to",
					    "the link leads to nothing: %s",
					    strerror(errno));
				free(path);
				free(file);
				return FIND_BAD;
			}
			masked = masked || S_ISCHR(st.st_mode);
		}
		masked = masked || (S_ISREG(st.st_mode) && st.st_size == 0);
		add_source(r, path, &st);
		r->state = masked ? UNIT_MASKED : UNIT_LOADED;
		r->fragment = path;
		r->file = file != NULL ? file : xstrdup(path);
		r->dir = i;
		return FIND_FILE;
	}
	return FIND_NOTHING;
}

/* The file of r->id, or of its template. */
static enum find
find_fragment(struct unit_paths *paths, struct resolved *r, char **alias, struct diags *d)
{
	enum find f = find_file(paths, r->id, r->id, r, alias, d);
	char *template;

	if (f != FIND_NOTHING)
		return f;
	template = unit_name_template(r->id);
	if (template != NULL)
		f = find_file(paths, template, r->id, r, alias, d);
	free(template);
	return f;
}

/* ---- folders beside it ---- */

/* The name cut after its last dash but one: "foo-bar-baz.service" gives
 * "foo-bar-.service".
 */
static char *
chop(const char *name)
{
	char *prefix = unit_name_prefix(name);
	const char *rest = strchr(name, '@');
	size_t n = strlen(prefix);
	char *made = NULL;

	if (rest == NULL)
		rest = strrchr(name, '.');
	if (n > 0 && prefix[n - 1] == '-')
		n--;
	while (n > 0 && prefix[n - 1] != '-')
		n--;
	if (n > 1)
		made = xasprintf("%.*s%s", (int)n, prefix, rest);
	free(prefix);
	return made;
}

static void
add_name(struct strv *names, struct map *known, const char *name)
{
	if (map_set(known, name, known) == NULL)
		strv_add(names, name);
}

/* NAME and all less specific names whose folders count, the most specific first. */
static void
add_names(struct strv *names, struct map *known, const char *name)
{
	char *template = unit_name_template(name);
	char *shorter;

	add_name(names, known, name);
	if (template != NULL)
		add_name(names, known, template);
	free(template);
	shorter = chop(name);
	if (shorter != NULL)
		add_names(names, known, shorter);
	free(shorter);
}

/* The drop-ins of one folder, those already in SEEN left out. */
static void
list_drop_ins(struct unit_paths *paths, const char *dir, struct map *seen)
{
	DIR *d = paths_opendir(paths, dir);
	struct dirent *de;

	if (d == NULL)
		return;
	while ((de = readdir(d)) != NULL) {
		size_t n = strlen(de->d_name);

		if (n > 5 && de->d_name[0] != '.' &&
		    strcmp(de->d_name + n - 5, ".conf") == 0 &&
		    !map_has(seen, de->d_name))
			map_set(seen, de->d_name, xasprintf("%s/%s", dir, de->d_name));
	}
	closedir(d);
}

static void
each_folder(struct unit_paths *paths, const char *name, const char *suffix,
    void (*fn)(const char *dir, const struct stat *, void *), void *arg)
{
	char *below = xasprintf("%s%s", name, suffix);

	for (size_t i = 0; i < paths->n; i++) {
		struct stat st;
		char *dir;

		if (!paths_may_have(paths, i, below))
			continue;
		dir = xasprintf("%s/%s", paths->v[i].dir, below);
		if (paths_stat(paths, dir, &st) == 0 && S_ISDIR(st.st_mode))
			fn(dir, &st, arg);
		free(dir);
	}
	free(below);
}

static void
find_drop_ins(struct unit_paths *paths, struct resolved *r)
{
	struct strv names = { 0 };
	struct strv files = { 0 };
	struct map seen = { 0 };
	struct map known = { 0 };

	add_names(&names, &known, r->id);
	for (size_t i = 0; i < r->aliases.n; i++)
		add_names(&names, &known, r->aliases.v[i]);
	map_clear(&known, NULL);
	/* Folder by folder, and in each the most specific name first: the first wins. */
	for (size_t i = 0; i < paths->n; i++) {
		for (size_t j = 0; j < names.n; j++) {
			char *below = xasprintf("%s.d", names.v[j]);
			char *dir = xasprintf("%s/%s", paths->v[i].dir, below);

			if (paths_may_have(paths, i, below))
				list_drop_ins(paths, dir, &seen);
			free(below);
			free(dir);
		}
	}
	for (size_t i = 0; i < paths->n; i++) {
		char *below = xasprintf("%s.d", unit_type_name(unit_name_type(r->id)));
		char *dir = xasprintf("%s/%s", paths->v[i].dir, below);

		if (paths_may_have(paths, i, below))
			list_drop_ins(paths, dir, &seen);
		free(below);
		free(dir);
	}
	map_keys(&seen, &files);
	for (size_t i = 0; i < files.n; i++) {
		const char *path = map_get(&seen, files.v[i]);
		struct stat st;

		/* One that is empty or leads to /dev/null only hides those below it. */
		if (paths_stat(paths, path, &st) == -1)
			memset(&st, 0, sizeof(st));
		else if (S_ISCHR(st.st_mode))
			continue;
		add_source(r, path, &st);
		strv_add(&r->drop_ins, path);
	}
	map_clear(&seen, free);
	strv_free(&files);
	strv_free(&names);
}

struct link_folder {
	struct resolved *r;
	struct strv *list;
};

static void
add_link_folder(const char *dir, const struct stat *st, void *arg)
{
	struct link_folder *f = arg;

	add_source(f->r, dir, st);
	strv_add(f->list, dir);
}

static void
find_link_folders(struct unit_paths *paths, struct resolved *r)
{
	struct link_folder kinds_of[] = {
		{ r, &r->wants },
		{ r, &r->requires },
		{ r, &r->upholds },
	};
	static const char *const suffixes[] = { ".wants", ".requires", ".upholds" };
	struct strv names = { 0 };
	char *template = unit_name_template(r->id);

	strv_add(&names, r->id);
	if (template != NULL)
		strv_add(&names, template);
	strv_add_all(&names, &r->aliases);
	for (size_t i = 0; i < names.n; i++)
		for (size_t k = 0; k < 3; k++)
			each_folder(paths, names.v[i], suffixes[k], add_link_folder,
			    &kinds_of[k]);
	strv_free(&names);
	free(template);
}

/* The link may be hidden by a file that goes before it, or lead out of the folders. */
static bool
is_link_to(struct unit_paths *paths, const char *name, const char *id)
{
	struct resolved r = { 0 };
	char *alias = NULL;
	bool is = find_file(paths, name, name, &r, &alias, NULL) == FIND_ALIAS &&
		  strcmp(alias, id) == 0;

	free(alias);
	resolved_clear(&r);
	return is;
}

/* Other names that a scan saw. */
static void
add_scanned_aliases(struct unit_paths *paths, struct resolved *r, struct diags *d)
{
	const struct path_entry *e;

	if (!paths->scanned || (e = map_get(&paths->entries, r->id)) == NULL)
		return;
	if (e->aliases.n > PATHS_ALIASES_MAX)
		diag_add(d, DIAG_WARNING, r->id, 0, 0, NULL,
		    "more than %d links lead to it; those beyond are other names only "
		    "when they are asked for",
		    PATHS_ALIASES_MAX);
	for (size_t i = 0; i < e->aliases.n; i++)
		if (is_link_to(paths, e->aliases.v[i], r->id))
			strv_add_unique(&r->aliases, e->aliases.v[i]);
}

static bool
is_anywhere(struct unit_paths *paths, const char *name)
{
	bool there = false;

	for (size_t i = 0; i < paths->n && !there; i++) {
		char *path = xasprintf("%s/%s", paths->v[i].dir, name);
		struct stat st;

		there =
		    paths_may_have(paths, i, name) && paths_lstat(paths, path, &st) == 0;
		free(path);
	}
	return there;
}

/* Other names that it has without a link, unless there is one that leads elsewhere. */
static void
add_builtin_aliases(struct unit_paths *paths, struct resolved *r)
{
	const char *name, *target;

	if (unit_name_type(r->id) != UNIT_TARGET)
		return;
	for (unsigned i = 0; (name = builtin_name(i)) != NULL; i++) {
		target = builtin_alias(name);
		if (target != NULL && strcmp(target, r->id) == 0 &&
		    !is_anywhere(paths, name))
			(void)strv_add_unique(&r->aliases, name);
	}
}

/* The unit is what was asked for, and its link what may change. */
static void
forget_circle(struct unit_paths *paths, const char *name, struct resolved *r)
{
	free(r->id);
	r->id = xstrdup(name);
	strv_free(&r->aliases);
	for (size_t i = 0; i < paths->n; i++) {
		char *path = xasprintf("%s/%s", paths->v[i].dir, name);
		struct stat st;

		if (paths_lstat(paths, path, &st) == 0)
			add_source(r, path, &st);
		free(path);
	}
}

/* From NAME to the unit's own, with its file. */
static enum find
follow_names(
    struct unit_paths *paths, const char *name, struct resolved *r, struct diags *d)
{
	enum find f = FIND_NOTHING;
	char *alias = NULL;

	memset(r, 0, sizeof(*r));
	r->id = xstrdup(name);
	r->state = UNIT_NOT_FOUND;
	for (int links = 0; links <= LINKS_MAX; links++) {
		f = find_fragment(paths, r, &alias, d);
		if (f == FIND_NOTHING && builtin_alias(r->id) != NULL) {
			alias = xstrdup(builtin_alias(r->id));
			f = FIND_ALIAS;
		}
		if (f != FIND_ALIAS)
			break;
		strv_add_unique(&r->aliases, r->id);
		free(r->id);
		r->id = alias;
		alias = NULL;
	}
	if (f == FIND_ALIAS) {
		diag_add(d, DIAG_ERROR, name, 0, 0, NULL, "its links go in a circle");
		forget_circle(paths, name, r);
	}
	return f;
}

char *
resolve_name(struct unit_paths *paths, const char *name)
{
	struct resolved r;
	char *id;

	(void)follow_names(paths, name, &r, NULL);
	id = xstrdup(r.id);
	resolved_clear(&r);
	return id;
}

bool
resolve_is_there(struct unit_paths *paths, const char *name)
{
	struct resolved r;
	bool there = follow_names(paths, name, &r, NULL) != FIND_NOTHING ||
		     unit_name_is_builtin(r.id);

	resolved_clear(&r);
	return there;
}

void
resolve_unit(struct unit_paths *paths, const char *name, const struct strv *known,
    struct resolved *r, struct diags *d)
{
	enum find f = follow_names(paths, name, r, d);

	if (f == FIND_ALIAS || f == FIND_BAD)
		r->state = UNIT_LOAD_ERROR;
	if (r->state == UNIT_MASKED || r->state == UNIT_LOAD_ERROR)
		return;
	r->builtin = f == FIND_NOTHING && unit_name_is_builtin(r->id);
	if (r->builtin)
		r->state = UNIT_LOADED;
	add_scanned_aliases(paths, r, d);
	add_builtin_aliases(paths, r);
	for (size_t i = 0; known != NULL && i < known->n; i++)
		strv_add_unique(&r->aliases, known->v[i]);
	strv_sort(&r->aliases);
	/* Folders beside it count even if the file itself is missing. */
	if (!paths_may_have_below(paths))
		return;
	find_drop_ins(paths, r);
	find_link_folders(paths, r);
}
