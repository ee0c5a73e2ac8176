/*
 * profile: look-ups in the folders profiles/.
 */
#include "unit/profile.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/lex.h"
#include "unit/paths.h"
#include "unit/resolve.h"

static const char folder[] = "profiles";
static const char suffix[] = ".conf";

void
profile_scan(const char *text, size_t len, const struct specifier *spec, char **name)
{
	bool in_session = false;
	enum lex_kind kind;
	struct lex lx;

	/* Most units have none: no second reading for them. */
	if (memmem(text, len, "Profile", 7) == NULL)
		return;
	lex_init(&lx, "", text, len, NULL);
	while ((kind = lex_next(&lx)) == LEX_SECTION || kind == LEX_KEY) {
		const char *bad, *why;
		struct buf value = { 0 };

		if (kind == LEX_SECTION)
			in_session = strcmp(lx.name, section_name(SECTION_SESSION)) == 0;
		if (kind == LEX_SECTION || !in_session || strcmp(lx.name, "Profile") != 0)
			continue;
		if (specifier_expand(spec, lx.value, &value, &bad, &why) == 0 &&
		    (value.len == 0 || session_name_is_valid(buf_str(&value)))) {
			free(*name);
			*name = value.len > 0 ? buf_take(&value) : NULL;
		}
		buf_free(&value);
	}
	lex_clear(&lx);
}

/* The folders that profiles are in: of the unit folders, then what is shipped.  malloc'd;
 * NULL for one that is known not to be there. */
static char *
folder_at(struct unit_paths *paths, size_t i)
{
	if (i >= paths->n)
		return xstrdup(paths->shipped.v[i - paths->n]);
	return paths_may_have(paths, i, folder)
		   ? xasprintf("%s/%s", paths->v[i].dir, folder)
		   : NULL;
}

static size_t
folder_count(const struct unit_paths *paths)
{
	return paths->n + paths->shipped.n;
}

/* What lies beside the binary is taken from who could have put the binary there. */
static bool
is_trusted(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) &&
	       (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool
profile_find(struct unit_paths *paths, const char *name, struct unit_source *source)
{
	char *first = NULL;

	memset(source, 0, sizeof(*source));
	for (size_t i = 0; i < folder_count(paths); i++) {
		char *dir = folder_at(paths, i), *path;
		struct stat st;

		if (dir == NULL)
			continue;
		path = xasprintf("%s/%s%s", dir, name, suffix);
		free(dir);
		if (paths_touch(paths, path, true) == 0 && stat(path, &st) == 0 &&
		    (i < paths->n || is_trusted(&st))) {
			source_from_stat(source, path, &st);
			free(path);
			free(first);
			return true;
		}
		if (first == NULL && i < paths->n)
			first = path;
		else
			free(path);
	}
	source->path = first != NULL ? first : xasprintf("%s/%s%s", folder, name, suffix);
	return false;
}

char *
profile_nearest(struct unit_paths *paths, const char *name)
{
	size_t limit = strlen(name) < 4 ? 1 : 2;
	char *nearest = NULL;

	for (size_t i = 0; i < folder_count(paths); i++) {
		char *path = folder_at(paths, i);
		DIR *dir = path != NULL && paths_touch(paths, path, true) == 0
			       ? opendir(path)
			       : NULL;
		struct dirent *de;

		free(path);
		while (dir != NULL && (de = readdir(dir)) != NULL) {
			size_t n = strlen(de->d_name);
			char *stem;

			if (n < sizeof(suffix) ||
			    strcmp(de->d_name + n - (sizeof(suffix) - 1), suffix) != 0)
				continue;
			stem = xstrndup(de->d_name, n - (sizeof(suffix) - 1));
			/* The same answer whatever the order of the folder. */
			if (edit_distance(stem, name, limit) <= limit &&
			    (nearest == NULL || strcmp(stem, nearest) < 0)) {
				free(nearest);
				nearest = stem;
				stem = NULL;
			}
			free(stem);
		}
		if (dir != NULL)
			closedir(dir);
	}
	return nearest;
}
