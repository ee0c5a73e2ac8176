/*
 * levels: the folders of the search path and their order: those of an instance, of the
 * system, of a user, or those that a list names.  Which unit lies where is not asked
 * here.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/credential.h"
#include "unit/load.h"
#include "unit/paths.h"

static const char *const kind_names[] = {
	[UNIT_PATH_FOLDER] = "instance",
	[UNIT_PATH_OWN] = "own",
	[UNIT_PATH_TRANSIENT] = "transient",
	[UNIT_PATH_GENERATED] = "generated",
	[UNIT_PATH_ADMIN] = "admin",
	[UNIT_PATH_RUNTIME] = "runtime",
	[UNIT_PATH_VENDOR] = "vendor",
};

const char *
unit_path_kind_name(enum unit_path_kind kind)
{
	return kind_names[kind];
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

void
unit_paths_set_root(struct unit_paths *paths, const char *root)
{
	size_t n = strlen(root);

	while (n > 0 && root[n - 1] == '/')
		n--;
	free(paths->root);
	paths->root = xstrndup(root, n);
}

const char *
unit_paths_root(const struct unit_paths *paths)
{
	return paths->root;
}

const char *
unit_paths_config(const struct unit_paths *paths, bool runtime)
{
	enum unit_path_kind kind = runtime ? UNIT_PATH_RUNTIME : UNIT_PATH_ADMIN;

	for (size_t i = 0; i < paths->n; i++)
		if (paths->v[i].kind == kind)
			return paths->v[i].dir;
	/* An instance in a folder of its own has them there. */
	for (size_t i = 0; !runtime && i < paths->n; i++)
		if (paths->v[i].kind == UNIT_PATH_FOLDER)
			return paths->v[i].dir;
	return NULL;
}

void
unit_paths_add(struct unit_paths *paths, const char *dir, enum unit_path_kind kind)
{
	size_t n = strlen(dir);
	char *made;

	while (n > 1 && dir[n - 1] == '/')
		n--;
	made = xasprintf("%s%.*s", paths->root, (int)n, dir);
	/* Named twice, as a list and the default may: the first counts. */
	for (size_t i = 0; i < paths->n; i++) {
		if (strcmp(paths->v[i].dir, made) == 0) {
			free(made);
			return;
		}
	}
	if (paths->n == PATHS_MAX) {
		free(made);
		return;
	}
	unit_paths_forget(paths);
	paths->v = xreallocarray(paths->v, paths->n + 1, sizeof(*paths->v));
	paths->v[paths->n++] = (struct path_dir){ made, kind };
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
	unit_paths_add(paths, "/run/supd/generator.early", UNIT_PATH_GENERATED);
	unit_paths_add(paths, "/etc/supd/units", UNIT_PATH_ADMIN);
	unit_paths_add(paths, "/run/supd/units", UNIT_PATH_RUNTIME);
	unit_paths_add(paths, "/run/supd/generator", UNIT_PATH_GENERATED);
	unit_paths_add(paths, "/usr/local/lib/supd/units", UNIT_PATH_VENDOR);
	unit_paths_add(paths, "/usr/lib/supd/units", UNIT_PATH_VENDOR);
	unit_paths_add(paths, "/run/supd/generator.late", UNIT_PATH_GENERATED);
}

/* Of a list in the environment, or its default. */
static void
add_each(struct unit_paths *paths, const char *variable, const char *instead,
    const char *below, enum unit_path_kind kind)
{
	const char *value = getenv(variable);
	struct strv dirs = { 0 };

	strv_split(&dirs, value != NULL && *value != '\0' ? value : instead, ":");
	for (size_t i = 0; i < dirs.n; i++)
		if (dirs.v[i][0] == '/')
			add_below(paths, dirs.v[i], below, kind);
	strv_free(&dirs);
}

void
unit_paths_add_user(struct unit_paths *paths)
{
	const char *run = paths->host.value['t'];

	add_below(paths, run, "supd/generator.early", UNIT_PATH_GENERATED);
	add_below(paths, paths->host.value['E'], "supd/units", UNIT_PATH_ADMIN);
	add_each(paths, "XDG_CONFIG_DIRS", "/etc/xdg", "supd/user", UNIT_PATH_ADMIN);
	unit_paths_add(paths, "/etc/supd/user", UNIT_PATH_ADMIN);
	add_below(paths, run, "supd/units", UNIT_PATH_RUNTIME);
	unit_paths_add(paths, "/run/supd/user", UNIT_PATH_RUNTIME);
	add_below(paths, run, "supd/generator", UNIT_PATH_GENERATED);
	add_below(paths, paths->host.value['D'], "supd/units", UNIT_PATH_VENDOR);
	add_each(paths, "XDG_DATA_DIRS", "/usr/local/share:/usr/share", "supd/user",
	    UNIT_PATH_VENDOR);
	unit_paths_add(paths, "/usr/local/lib/supd/user", UNIT_PATH_VENDOR);
	unit_paths_add(paths, "/usr/lib/supd/user", UNIT_PATH_VENDOR);
	add_below(paths, run, "supd/generator.late", UNIT_PATH_GENERATED);
}

enum unit_path_scope
unit_scope_of_instance(enum instance_kind kind)
{
	switch (kind) {
	case INSTANCE_SYSTEM:
		return UNIT_SCOPE_SYSTEM;
	case INSTANCE_USER:
		return UNIT_SCOPE_USER;
	default:
		return UNIT_SCOPE_NONE;
	}
}

void
unit_paths_add_scope(struct unit_paths *paths, enum unit_path_scope scope)
{
	if (scope == UNIT_SCOPE_SYSTEM)
		unit_paths_add_system(paths);
	else if (scope == UNIT_SCOPE_USER)
		unit_paths_add_user(paths);
}

static bool
is_below(const char *dir, const char *base)
{
	size_t n = base != NULL ? strlen(base) : 0;

	return n > 1 && strncmp(dir, base, n) == 0 && (dir[n] == '/' || dir[n] == '\0');
}

/* What a folder that somebody named is, by where it lies. */
static enum unit_path_kind
kind_of(const struct unit_paths *paths, const char *dir)
{
	static const char *const vendors[] = { "/usr", "/lib", "/nix", "/opt" };
	const char *base = strrchr(dir, '/') + 1;

	if (is_below(dir, "/run") || is_below(dir, paths->host.value['t'])) {
		if (strncmp(base, "generator", 9) == 0)
			return UNIT_PATH_GENERATED;
		return strcmp(base, "transient") == 0 ? UNIT_PATH_TRANSIENT
						      : UNIT_PATH_RUNTIME;
	}
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
		if (is_below(dir, vendors[i]))
			return UNIT_PATH_VENDOR;
	return UNIT_PATH_ADMIN;
}

int
unit_paths_add_list(
    struct unit_paths *paths, const char *list, enum unit_path_scope scope, char **bad)
{
	size_t len = strlen(list);
	struct strv dirs = { 0 };
	int r = 0;

	strv_split(&dirs, list, ":");
	for (size_t i = 0; r == 0 && i < dirs.n; i++) {
		if (dirs.v[i][0] == '/')
			continue;
		*bad = xstrdup(dirs.v[i]);
		r = -1;
	}
	for (size_t i = 0; r == 0 && i < dirs.n; i++)
		unit_paths_add(paths, dirs.v[i], kind_of(paths, dirs.v[i]));
	if (r == 0 && (len == 0 || list[len - 1] == ':'))
		unit_paths_add_scope(paths, scope);
	strv_free(&dirs);
	return r;
}

struct unit_paths *
unit_paths_of_instance(const char *root, const char *run, enum unit_path_scope scope,
    const char *list, struct diags *d)
{
	struct unit_paths *paths = unit_paths_new();
	char *units = xasprintf("%s/units", root);
	char *transient = xasprintf("%s/units", run);
	char *credentials = xasprintf("%s/" CREDENTIALS_FOLDER, run);
	char *bad = NULL;

	unit_paths_add(
	    paths, units, scope == UNIT_SCOPE_NONE ? UNIT_PATH_FOLDER : UNIT_PATH_OWN);
	unit_paths_add(paths, transient, UNIT_PATH_TRANSIENT);
	if (list == NULL || *list == '\0' ||
	    unit_paths_add_list(paths, list, scope, &bad) == -1)
		unit_paths_add_scope(paths, scope);
	if (bad != NULL)
		diag_add(d, DIAG_ERROR, "UnitPath=", 0, 0,
		    "DIR[:DIR...], and a colon at the end for the usual ones after them",
		    "%s is not an absolute path; the usual folders are searched", bad);
	unit_paths_add_shipped(paths);
	unit_paths_set_credentials(paths, credentials);
	free(bad);
	free(units);
	free(transient);
	free(credentials);
	return paths;
}
