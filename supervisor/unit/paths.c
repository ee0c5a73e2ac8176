/*
 * paths: look-ups on the search path.  Only names and stat(2): which files make up a unit
 * is said by resolve, and their contents are read by load.
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

	paths->root = xstrdup("");
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
	free(paths->root);
	strv_free(&paths->shipped);
	pack_pool_end(paths->pool);
	specifier_host_clear(&paths->host);
	free(paths);
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

int
paths_stat(struct unit_paths *paths, const char *path, struct stat *st)
{
	return paths_touch(paths, path, true) == 0 ? stat(path, st) : -1;
}

int
paths_lstat(struct unit_paths *paths, const char *path, struct stat *st)
{
	return paths_touch(paths, path, false) == 0 ? lstat(path, st) : -1;
}

DIR *
paths_opendir(struct unit_paths *paths, const char *path)
{
	return paths_touch(paths, path, true) == 0 ? opendir(path) : NULL;
}

bool
paths_has_dir(struct unit_paths *paths, const char *dir)
{
	struct stat a, b;

	for (size_t i = 0; i < paths->n; i++)
		if (strcmp(paths->v[i].dir, dir) == 0)
			return true;
	if (paths_stat(paths, dir, &a) == -1)
		return false;
	for (size_t i = 0; i < paths->n; i++)
		if (paths_stat(paths, paths->v[i].dir, &b) == 0 && a.st_dev == b.st_dev &&
		    a.st_ino == b.st_ino)
			return true;
	return false;
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

/* NAME.d and the folders of links; what else is called so costs a look, no more. */
static bool
is_below(const char *name)
{
	static const char *const suffixes[] = { ".d", ".wants", ".requires", ".upholds" };
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot != NULL && i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (strcmp(dot, suffixes[i]) == 0)
			return true;
	return false;
}

static void
scan_dir(struct unit_paths *paths, size_t i)
{
	DIR *dir = paths_opendir(paths, paths->v[i].dir);
	struct dirent *de;

	if (dir == NULL) {
		if (errno != ENOENT)
			paths->unscanned |= UINT64_C(1) << i;
		return;
	}
	while ((errno = 0, de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		entry_of(paths, de->d_name)->dirs |= UINT64_C(1) << i;
		paths->has_below = paths->has_below || is_below(de->d_name);
		if (de->d_type == DT_LNK && unit_name_is_valid(de->d_name))
			scan_link(paths, dirfd(dir), de->d_name);
	}
	if (errno != 0)
		paths->unscanned |= UINT64_C(1) << i;
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
	/* 0 is no scan's. */
	if (++paths->scan == 0)
		paths->scan = 1;
}

unsigned
unit_paths_scan_number(const struct unit_paths *paths)
{
	return paths->scanned ? paths->scan : 0;
}

void
unit_paths_forget(struct unit_paths *paths)
{
	map_clear(&paths->entries, free_entry);
	paths->scanned = false;
	paths->has_below = false;
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
	strv_move_all(names, &found);
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

char *
unit_name_link(struct unit_paths *paths, const char *name)
{
	for (size_t i = 0; i < paths->n; i++) {
		struct stat st;
		char *path;

		if (!paths_may_have(paths, i, name))
			continue;
		path = xasprintf("%s/%s", paths->v[i].dir, name);
		if (paths_lstat(paths, path, &st) == 0) {
			if (S_ISLNK(st.st_mode))
				return path;
			free(path);
			return NULL;
		}
		free(path);
	}
	return NULL;
}

bool
paths_may_have_below(const struct unit_paths *paths)
{
	return !paths->scanned || paths->unscanned != 0 || paths->has_below;
}
