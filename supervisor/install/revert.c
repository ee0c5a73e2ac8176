/*
 * revert: what the vendor has holds again.  The only place that removes files of persons:
 * a unit's own drop-ins, and its own file where the vendor has one.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/install_int.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/name.h"
#include "unit/paths.h"

static bool
is_ours(enum unit_path_kind kind)
{
	return kind == UNIT_PATH_ADMIN || kind == UNIT_PATH_RUNTIME;
}

/* A file of that name, no link, in a folder that is not the administrator's. */
static bool
vendor_has(struct unit_paths *paths, const char *name)
{
	bool has = false;

	for (size_t i = 0; i < paths->n && !has; i++) {
		char *path = xasprintf("%s/%s", paths->v[i].dir, name);
		struct stat st;

		has = (paths->v[i].kind == UNIT_PATH_VENDOR ||
			  paths->v[i].kind == UNIT_PATH_GENERATED) &&
		      paths_stat(paths, path, &st) == 0;
		free(path);
	}
	return has;
}

/* Only what makes drop-ins: anything else in such a folder stays, and so does the folder.
 */
static int
remove_drop_ins(struct install *in, const char *dir)
{
	DIR *d = paths_opendir(in->paths, dir);
	struct strv names = { 0 };
	struct dirent *e;
	int r = 0;

	if (d == NULL)
		return 0;
	while ((errno = 0, e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name);

		if (n > 5 && strcmp(e->d_name + n - 5, ".conf") == 0)
			strv_add(&names, e->d_name);
	}
	if (errno != 0)
		r = links_fail(in, dir, "the folder cannot be read");
	closedir(d);
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		char *path = xasprintf("%s/%s", dir, names.v[i]);

		if (links_remove(in, path) == -1)
			r = -1;
		free(path);
	}
	strv_free(&names);
	if (rmdir(dir) == 0)
		links_note_removed(in, dir);
	return r;
}

/* Behind the folder of an instance is no vendor: what persons wrote there is all. */
static void
tell_kept(struct install *in, const char *dir)
{
	struct stat st;

	if (paths_stat(in->paths, dir, &st) == 0 && S_ISDIR(st.st_mode))
		diag_add(in->diags, DIAG_WARNING, dir, 0, 0,
		    "remove it if it is not wanted; supctl set --unset takes back what "
		    "set wrote",
		    "left as it is: the folder of an instance has no vendor");
}

static int
revert_one(struct install *in, const char *name)
{
	bool vendor = vendor_has(in->paths, name);
	int r = 0;

	for (size_t i = 0; i < in->paths->n; i++) {
		char *path = xasprintf("%s/%s", in->paths->v[i].dir, name);
		char *drop_ins = xasprintf("%s.d", path);
		enum unit_path_kind kind = in->paths->v[i].kind;
		struct stat st;

		/* (Those of set and edit --runtime in an instance folder are transient.)
		 */
		if ((is_ours(kind) || kind == UNIT_PATH_TRANSIENT) &&
		    remove_drop_ins(in, drop_ins) == -1)
			r = -1;
		/* (A link to a file elsewhere is undone by disable.) */
		if (is_ours(kind) && vendor && paths_lstat(in->paths, path, &st) == 0 &&
		    links_remove(in, path) == -1)
			r = -1;
		if (kind == UNIT_PATH_FOLDER || kind == UNIT_PATH_OWN)
			tell_kept(in, drop_ins);
		free(path);
		free(drop_ins);
	}
	return r;
}

int
install_revert(struct install *in, const struct strv *names)
{
	int r = 0;

	for (size_t i = 0; i < names->n; i++) {
		if (!unit_name_is_valid(names->v[i])) {
			diag_add(in->diags, DIAG_ERROR, names->v[i], 0, 0, NULL,
			    "not the name of a unit");
			r = -1;
		} else if (revert_one(in, names->v[i]) == -1) {
			r = -1;
		}
	}
	return r;
}
