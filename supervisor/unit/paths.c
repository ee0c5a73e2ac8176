/*
 * paths: look-ups on the search path.  Only names and stat(2): contents are read by load.
 *
 * A scan lists each folder once and answers "is it there?" from memory, so that loading
 * 10,000 units costs no failed system calls.
 */
#include "unit/paths.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/pack.h"
#include "unit/parse.h"

struct unit_paths *
unit_paths_new(void)
{
	struct unit_paths *paths = xcalloc(1, sizeof(*paths));
	struct parse p = {
		.file = "defaults",
		.target = &paths->defaults,
		.base = &paths->defaults,
		.set = paths->defaults.rules.set,
		.parts = &paths->defaults,
	};

	paths->pool = pack_pool_new();
	specifier_host_init(&paths->host);
	parse_defaults(&p, false);
	paths->defaults.rules.failure_action_status = -1;
	paths->defaults.rules.success_action_status = -1;
	paths->defaults.service.notify_fd = -1;
	return paths;
}

void
unit_paths_free(struct unit_paths *paths)
{
	if (paths == NULL)
		return;
	unit_paths_forget(paths);
	for (size_t i = 0; i < paths->n; i++)
		free(paths->v[i].dir);
	free(paths->v);
	strv_free(&paths->shipped);
	pack_pool_end(paths->pool);
	specifier_host_clear(&paths->host);
	free(paths);
}

void
unit_paths_add(struct unit_paths *paths, const char *dir, enum unit_path_kind kind)
{
	size_t n = strlen(dir);

	if (paths->n == PATHS_MAX)
		return;
	while (n > 1 && dir[n - 1] == '/')
		n--;
	unit_paths_forget(paths);
	paths->v = xreallocarray(paths->v, paths->n + 1, sizeof(*paths->v));
	paths->v[paths->n++] = (struct path_dir){ xstrndup(dir, n), kind };
}

static void
add_below(struct unit_paths *paths, const char *base, const char *below,
    enum unit_path_kind kind)
{
	char *dir = xasprintf("%s/%s", base, below);

	unit_paths_add(paths, dir, kind);
	free(dir);
}

void
unit_paths_add_system(struct unit_paths *paths)
{
	unit_paths_add(paths, "/etc/supd/units", UNIT_PATH_ADMIN);
	unit_paths_add(paths, "/run/supd/units", UNIT_PATH_RUNTIME);
	unit_paths_add(paths, "/usr/local/lib/supd/units", UNIT_PATH_VENDOR);
	unit_paths_add(paths, "/usr/lib/supd/units", UNIT_PATH_VENDOR);
}

void
unit_paths_add_user(struct unit_paths *paths)
{
	add_below(paths, paths->host.value['E'], "supd/units", UNIT_PATH_ADMIN);
	add_below(paths, paths->host.value['t'], "supd/units", UNIT_PATH_RUNTIME);
	unit_paths_add(paths, "/etc/supd/user", UNIT_PATH_ADMIN);
	add_below(paths, paths->host.value['D'], "supd/units", UNIT_PATH_VENDOR);
	unit_paths_add(paths, "/usr/lib/supd/user", UNIT_PATH_VENDOR);
}

/* BINDIR/../share/supd as `make install' has it, BUILDDIR/../units of a source tree. */
void
unit_paths_add_shipped(struct unit_paths *paths)
{
	static const char *const below[] = { "share/supd/profiles", "units/profiles" };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	for (int up = 0; n > 0 && up < 2; up++)
		while (n > 0 && exe[--n] != '/')
			;
	for (size_t i = 0; n > 0 && i < sizeof(below) / sizeof(below[0]); i++)
		strv_addf(&paths->shipped, "%.*s/%s", (int)n, exe, below[i]);
	/* Where a binary that lies alone, or no /proc, does not say it. */
	strv_add_unique(&paths->shipped, "/usr/local/share/supd/profiles");
	strv_add_unique(&paths->shipped, "/usr/share/supd/profiles");
}

size_t
unit_paths_count(const struct unit_paths *paths)
{
	return paths->n;
}

const char *
unit_paths_dir(const struct unit_paths *paths, size_t i)
{
	return i < paths->n ? paths->v[i].dir : NULL;
}

enum unit_path_kind
unit_paths_kind(const struct unit_paths *paths, size_t i)
{
	return paths->v[i].kind;
}

const char *
unit_paths_base(const struct unit_paths *paths, enum exec_dir_kind kind)
{
	return paths->host.base[kind];
}

void
unit_paths_set_credentials(struct unit_paths *paths, const char *dir)
{
	free(paths->host.credentials);
	paths->host.credentials = xstrdup_opt(dir);
}

const char *
unit_paths_credentials(const struct unit_paths *paths)
{
	return paths->host.credentials;
}

/* ---- the guard ---- */

void
unit_paths_set_guard(struct unit_paths *paths, unit_guard *guard, void *arg)
{
	paths->guard = guard;
	paths->guard_arg = arg;
}

bool
unit_paths_unanswered(const struct unit_paths *paths)
{
	return paths->unanswered;
}

int
paths_touch(struct unit_paths *paths, const char *path, bool follow)
{
	if (paths->guard == NULL || paths->guard(paths->guard_arg, path, follow))
		return 0;
	paths->unanswered = true;
	errno = ETIMEDOUT;
	return -1;
}

static int
guarded_stat(struct unit_paths *paths, const char *path, struct stat *st)
{
	return paths_touch(paths, path, true) == 0 ? stat(path, st) : -1;
}

static int
guarded_lstat(struct unit_paths *paths, const char *path, struct stat *st)
{
	return paths_touch(paths, path, false) == 0 ? lstat(path, st) : -1;
}

static DIR *
guarded_opendir(struct unit_paths *paths, const char *path)
{
	return paths_touch(paths, path, true) == 0 ? opendir(path) : NULL;
}

/* ---- the scan ---- */

static struct path_entry *
entry_of(struct unit_paths *paths, const char *name)
{
	struct path_entry *e = map_get(&paths->entries, name);

	if (e == NULL) {
		e = xcalloc(1, sizeof(*e));
		map_set(&paths->entries, name, e);
	}
	return e;
}

static void
free_entry(void *value)
{
	struct path_entry *e = value;

	strv_free(&e->aliases);
	free(e);
}

/* Notes where a link leads, so that a unit knows its other names. */
static void
scan_link(struct unit_paths *paths, int dirfd, const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(dirfd, name, target, sizeof(target) - 1);
	const char *base;

	if (n < 0)
		return;
	target[n] = '\0';
	base = strrchr(target, '/');
	base = base != NULL ? base + 1 : target;
	if (strcmp(base, name) == 0 || !unit_name_is_valid(base))
		return;
	/* One more says that there are too many. */
	if (entry_of(paths, base)->aliases.n <= PATHS_ALIASES_MAX)
		strv_add_unique(&entry_of(paths, base)->aliases, name);
}

static void
scan_dir(struct unit_paths *paths, size_t i)
{
	DIR *dir = guarded_opendir(paths, paths->v[i].dir);
	struct dirent *de;

	if (dir == NULL) {
		if (errno == ETIMEDOUT)
			paths->unscanned |= UINT64_C(1) << i;
		return;
	}
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		entry_of(paths, de->d_name)->dirs |= UINT64_C(1) << i;
		if (de->d_type == DT_LNK && unit_name_is_valid(de->d_name))
			scan_link(paths, dirfd(dir), de->d_name);
	}
	closedir(dir);
}

void
unit_paths_scan(struct unit_paths *paths)
{
	unit_paths_forget(paths);
	paths->unanswered = false;
	for (size_t i = 0; i < paths->n; i++)
		scan_dir(paths, i);
	paths->scanned = true;
}

void
unit_paths_forget(struct unit_paths *paths)
{
	map_clear(&paths->entries, free_entry);
	paths->scanned = false;
	paths->unscanned = 0;
}

void
unit_list_dir(struct unit_paths *paths, struct strv *names)
{
	bool mine = !paths->scanned;
	const char *name;
	void *value;
	size_t it = 0;
	struct strv found = { 0 };

	if (mine)
		unit_paths_scan(paths);
	while (map_next(&paths->entries, &it, &name, &value)) {
		const struct path_entry *e = value;

		if (e->dirs != 0 && unit_name_is_valid(name) &&
		    unit_name_type(name) < UNIT_MOUNT)
			strv_add(&found, name);
	}
	strv_sort(&found);
	strv_add_all(names, &found);
	strv_free(&found);
	if (mine)
		unit_paths_forget(paths);
}

bool
paths_may_have(const struct unit_paths *paths, size_t i, const char *name)
{
	const struct path_entry *e;

	if (!paths->scanned || (paths->unscanned >> i & 1) != 0)
		return true;
	e = map_get(&paths->entries, name);
	return e != NULL && (e->dirs & UINT64_C(1) << i) != 0;
}

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
	strv_free(&r->aliases);
	strv_free(&r->drop_ins);
	strv_free(&r->wants);
	strv_free(&r->requires);
	strv_free(&r->upholds);
	sources_free(r->sources, r->n_sources);
	memset(r, 0, sizeof(*r));
}

/* ---- the main file ---- */

static bool
is_on_path(struct unit_paths *paths, const char *dir)
{
	struct stat a, b;

	for (size_t i = 0; i < paths->n; i++)
		if (strcmp(paths->v[i].dir, dir) == 0)
			return true;
	if (guarded_stat(paths, dir, &a) == -1)
		return false;
	for (size_t i = 0; i < paths->n; i++)
		if (guarded_stat(paths, paths->v[i].dir, &b) == 0 &&
		    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return true;
	return false;
}

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
 * path; -1 if it leads nowhere sensible, told to D.
 */
static int
follow_link(struct unit_paths *paths, const char *dir, const char *path, const char *name,
    char **alias, bool *masked, struct diags *d)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	const char *base;
	char *full;
	int r = 0;

	*alias = NULL;
	*masked = false;
	if (n < 0)
		return -1;
	target[n] = '\0';
	if (strcmp(target, "/dev/null") == 0) {
		*masked = true;
		return 0;
	}
	full = target[0] == '/' ? xstrdup(target) : xasprintf("%s/%s", dir, target);
	*strrchr(full, '/') = '\0';
	base = strrchr(target, '/');
	base = base != NULL ? base + 1 : target;
	if (is_on_path(paths, *full != '\0' ? full : "/")) {
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
		char *path;

		if (!paths_may_have(paths, i, file_name))
			continue;
		path = xasprintf("%s/%s", paths->v[i].dir, file_name);
		if (guarded_lstat(paths, path, &st) == -1) {
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
				&masked, d) == -1) {
				add_source(r, path, &st);
				free(path);
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
				return FIND_ALIAS;
			}
			if (!masked && guarded_stat(paths, path, &st) == -1) {
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
				return FIND_BAD;
			}
			masked = masked || S_ISCHR(st.st_mode);
		}
		masked = masked || (S_ISREG(st.st_mode) && st.st_size == 0);
		add_source(r, path, &st);
		r->state = masked ? UNIT_MASKED : UNIT_LOADED;
		r->fragment = path;
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
	DIR *d = guarded_opendir(paths, dir);
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
		if (guarded_stat(paths, dir, &st) == 0 && S_ISDIR(st.st_mode))
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
		if (guarded_stat(paths, path, &st) == -1)
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
		if (strcmp(e->aliases.v[i], r->id) != 0)
			strv_add_unique(&r->aliases, e->aliases.v[i]);
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

		if (guarded_lstat(paths, path, &st) == 0)
			add_source(r, path, &st);
		free(path);
	}
}

void
paths_resolve(struct unit_paths *paths, const char *name, const struct strv *known,
    struct resolved *r, struct diags *d)
{
	enum find f = FIND_NOTHING;
	char *alias = NULL;

	memset(r, 0, sizeof(*r));
	r->id = xstrdup(name);
	r->state = UNIT_NOT_FOUND;
	for (int links = 0; links <= PATHS_LINKS_MAX; links++) {
		f = find_fragment(paths, r, &alias, d);
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
	if (f == FIND_ALIAS || f == FIND_BAD)
		r->state = UNIT_LOAD_ERROR;
	if (r->state == UNIT_MASKED || r->state == UNIT_LOAD_ERROR)
		return;
	r->builtin = f == FIND_NOTHING && unit_name_is_builtin(r->id);
	if (r->builtin)
		r->state = UNIT_LOADED;
	add_scanned_aliases(paths, r, d);
	for (size_t i = 0; known != NULL && i < known->n; i++)
		strv_add_unique(&r->aliases, known->v[i]);
	strv_sort(&r->aliases);
	/* Folders beside it count even if the file itself is missing. */
	find_drop_ins(paths, r);
	find_link_folders(paths, r);
}
