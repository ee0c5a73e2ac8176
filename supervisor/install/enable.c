/*
 * enable: from names to the links that [Install] asks for, and back.  All that is asked
 * for is looked at before the first link is made.
 */
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/install_int.h"
#include "install/set.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/name.h"
#include "unit/paths.h"

/* What a link that leads to the unit's file says: without the root of an image. */
static const char *
file_below_root(const struct install *in, const struct info *info)
{
	return info->r.file + strlen(unit_paths_root(in->paths));
}

/* ---- the links of one unit ---- */

static int
make_aliases(struct install *in, const char *config, const struct info *info)
{
	int r = 0;

	for (size_t i = 0; i < info->alias.n; i++) {
		size_t errors = in->diags->n_errors;
		char *alias = info_alias(in->paths, info, info->alias.v[i], in->diags);
		char *path = alias != NULL ? xasprintf("%s/%s", config, alias) : NULL;

		if (in->diags->n_errors > errors)
			r = -1;
		if (path != NULL &&
		    links_make(in, file_below_root(in, info), path, LINK_OVER_SAME) == -1)
			r = -1;
		free(path);
		free(alias);
	}
	return r;
}

/* The unit that wants NAME; NULL: it cannot be, told. */
static char *
target_name(struct install *in, const struct info *info, const char *name,
    const char *text, enum install_by by)
{
	static const char *const keys[] = { "WantedBy", "RequiredBy", "UpheldBy" };
	char *target = info_expand(in->paths, info, text, keys[by], in->diags);

	if (target == NULL)
		return NULL;
	if (!unit_name_is_valid(target))
		diag_add(in->diags, DIAG_ERROR, info->r.fragment, 0, 0, NULL,
		    "%s=%s is not the name of a unit", keys[by], target);
	else if (unit_name_is_template(name) && !unit_name_is_template(target))
		diag_add(in->diags, DIAG_ERROR, name, 0, 0,
		    "name an instance of it, or set DefaultInstance=",
		    "a template cannot be started with %s, which is none", target);
	else
		return target;
	free(target);
	return NULL;
}

static int
make_dependencies(
    struct install *in, const char *config, const struct info *info, enum install_by by)
{
	char *name = info_instance_name(info);
	int r = 0;

	for (size_t i = 0; i < info->by[by].n; i++) {
		char *target = target_name(in, info, name, info->by[by].v[i], by);
		char *path = target == NULL ? NULL
					    : xasprintf("%s/%s%s/%s", config, target,
						  install_suffixes[by], name);

		if (path == NULL ||
		    links_make(in, file_below_root(in, info), path, LINK_OVER_SAME) == -1)
			r = -1;
		free(path);
		free(target);
	}
	free(name);
	return r;
}

/* A file that no folder of the search path has must be found. */
static int
make_link(struct install *in, const char *config, const struct info *info)
{
	char *path;
	int r;

	if (!info->outside)
		return 0;
	path = xasprintf("%s/%s", config, strrchr(info->r.file, '/') + 1);
	r = links_make(in, file_below_root(in, info), path, LINK_OVER_NOTHING);
	free(path);
	return r;
}

static int
make_links(struct install *in, const char *config, const struct info *info)
{
	int r = make_aliases(in, config, info);

	for (int by = 0; by < BY_KINDS; by++)
		if (make_dependencies(in, config, info, (enum install_by)by) == -1)
			r = -1;
	if (make_link(in, config, info) == -1)
		r = -1;
	return r;
}

int
install_apply(struct install *in, const struct install_set *set)
{
	const char *config = links_config(in);
	int r = 0;

	if (config == NULL)
		return -1;
	for (size_t i = 0; i < set->n; i++) {
		const struct info *info = &set->v[i];

		if (!info->also) {
			in->n_units++;
			if (!info_has_rules(info) && info->also_names.n == 0)
				in->n_silent++;
		}
		/* One that is built in has nothing to be linked. */
		if (!info->r.builtin && make_links(in, config, info) == -1)
			r = -1;
	}
	return r;
}

/* ---- requests ---- */

int
install_enable(struct install *in, const struct strv *names)
{
	struct install_set set = { 0 };
	int r = install_set_gather(in, &set, names, SET_ENABLE);

	if (r == 0)
		r = install_apply(in, &set);
	install_set_clear(&set);
	return r;
}

/* In one go: what cannot be found anew is not taken away before. */
int
install_reenable(struct install *in, const struct strv *names)
{
	struct install_set set = { 0 };
	struct map marked = { 0 };
	int r = install_set_gather(in, &set, names, SET_ENABLE);

	if (r == 0) {
		install_set_mark(&set, &marked);
		r = links_remove_marked(in, &marked);
		if (install_apply(in, &set) == -1)
			r = -1;
	}
	map_clear(&marked, NULL);
	install_set_clear(&set);
	return r;
}

int
install_disable(struct install *in, const struct strv *names)
{
	struct install_set set = { 0 };
	struct map marked = { 0 };
	int r = install_set_gather(in, &set, names, SET_DISABLE);

	install_set_mark(&set, &marked);
	for (size_t i = 0; i < set.n; i++) {
		if (set.v[i].also)
			continue;
		in->n_units++;
		if (!info_has_rules(&set.v[i]) && set.v[i].also_names.n == 0)
			in->n_silent++;
	}
	if (links_remove_marked(in, &marked) == -1)
		r = -1;
	map_clear(&marked, NULL);
	install_set_clear(&set);
	return r;
}

static int
check_name(struct install *in, const char *name)
{
	if (unit_name_is_valid(name))
		return 0;
	diag_add(in->diags, DIAG_ERROR, name, 0, 0,
	    "NAME.service or NAME@INSTANCE.service, of letters, digits and :-_.\\",
	    "not the name of a unit");
	return -1;
}

int
install_add(
    struct install *in, const char *target, const char *kind, const struct strv *names)
{
	const char *config = links_config(in);
	struct install_set set = { 0 }, to = { 0 };
	struct strv one = { 0 };
	int by = 0, r = config == NULL ? -1 : 0;

	while (by < BY_KINDS && strcmp(install_suffixes[by] + 1, kind) != 0)
		by++;
	if (by == BY_KINDS)
		return -1;
	strv_add(&one, target);
	if (r == 0)
		r = install_set_gather(in, &to, &one, SET_ALONE);
	if (r == 0)
		r = install_set_gather(in, &set, names, SET_ALONE);
	for (size_t i = 0; r != -1 && i < set.n; i++) {
		struct info *info = &set.v[i];

		/* Nothing of its own [Install]: only what was asked for. */
		free(info->default_instance);
		info->default_instance = NULL;
		strv_clear(&info->by[by]);
		strv_add(&info->by[by], to.v[0].name);
		if (info->r.builtin) {
			diag_add(in->diags, DIAG_ERROR, info->name, 0, 0,
			    "name it in a drop-in of the other: Wants= or Requires=",
			    "it has no file that a link could lead to");
			r = 1;
		} else if (make_dependencies(in, config, info, (enum install_by)by) ==
			       -1 ||
			   make_link(in, config, info) == -1) {
			r = 1;
		}
	}
	strv_free(&one);
	install_set_clear(&to);
	install_set_clear(&set);
	return r == 0 ? 0 : -1;
}

/* ---- masks and links ---- */

int
install_mask(struct install *in, const struct strv *names)
{
	const char *config = links_config(in);
	int r = 0;

	if (config == NULL)
		return -1;
	for (size_t i = 0; i < names->n; i++)
		if (check_name(in, names->v[i]) == -1)
			r = -1;
	for (size_t i = 0; r != -1 && i < names->n; i++) {
		char *path = xasprintf("%s/%s", config, names->v[i]);

		if (links_make(in, "/dev/null", path, LINK_OVER_NOTHING) == -1)
			r = 1;
		free(path);
	}
	return r == 0 ? 0 : -1;
}

/* PATH is a link to /dev/null, or an empty file: 1, it is not, or not there: 0; -1: it
 * cannot be read, told. */
static int
is_mask(struct install *in, const char *path)
{
	char target[16];
	struct stat st;
	ssize_t n;

	if (paths_lstat(in->paths, path, &st) == -1)
		return errno == ENOENT ? 0 : links_fail(in, path, "cannot be read");
	if (S_ISREG(st.st_mode))
		return st.st_size == 0;
	if (!S_ISLNK(st.st_mode))
		return 0;
	n = readlink(path, target, sizeof(target));
	if (n == -1)
		return links_fail(in, path, "where the link leads cannot be read");
	return n == 9 && memcmp(target, "/dev/null", 9) == 0;
}

int
install_unmask(struct install *in, const struct strv *names)
{
	const char *config = links_config(in);
	int r = 0;

	if (config == NULL)
		return -1;
	for (size_t i = 0; i < names->n; i++) {
		char *path = xasprintf("%s/%s", config, names->v[i]);
		int is = check_name(in, names->v[i]) == -1 ? -1 : is_mask(in, path);

		if (is == -1 || (is == 1 && links_remove(in, path) == -1))
			r = -1;
		free(path);
	}
	return r;
}

/* The file can be a unit's: what was asked for at once is done whole or not at all. */
static int
check_file(struct install *in, const char *file)
{
	char *path = xasprintf("%s%s", unit_paths_root(in->paths), file);
	struct stat st;
	int r = -1;

	if (file[0] != '/')
		diag_add(in->diags, DIAG_ERROR, file, 0, 0, NULL,
		    "an absolute path is needed");
	else if (check_name(in, strrchr(file, '/') + 1) == -1)
		;
	else if (paths_stat(in->paths, path, &st) == -1)
		diag_add(in->diags, DIAG_ERROR, file, 0, 0, NULL, "cannot be linked: %s",
		    strerror(errno));
	else if (!S_ISREG(st.st_mode))
		diag_add(in->diags, DIAG_ERROR, file, 0, 0, NULL,
		    "cannot be linked: it is not a regular file");
	else
		r = 0;
	free(path);
	return r;
}

int
install_link(struct install *in, const struct strv *files)
{
	const char *config = links_config(in);
	int r = 0;

	if (config == NULL)
		return -1;
	for (size_t i = 0; i < files->n; i++)
		if (check_file(in, files->v[i]) == -1)
			r = -1;
	for (size_t i = 0; r != -1 && i < files->n; i++) {
		char *dir = xasprintf("%s%.*s", unit_paths_root(in->paths),
		    (int)(strrchr(files->v[i], '/') - files->v[i]), files->v[i]);
		char *path = xasprintf("%s/%s", config, strrchr(files->v[i], '/') + 1);

		/* What lies on the search path is found without. */
		if (!paths_has_dir(in->paths, dir) &&
		    links_make(in, files->v[i], path, LINK_OVER_NOTHING) == -1)
			r = 1;
		free(path);
		free(dir);
	}
	return r == 0 ? 0 : -1;
}
