/*
 * links: the deeds: a link is made, replaced or removed, and each is written down.
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

enum { FOLDER_MODE = 0755 };

const char *const install_suffixes[BY_KINDS] = {
	[BY_WANTS] = ".wants",
	[BY_REQUIRES] = ".requires",
	[BY_UPHOLDS] = ".upholds",
};

bool
install_is_link_folder(const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < BY_KINDS; i++) {
		size_t k = strlen(install_suffixes[i]);

		if (n > k && strcmp(name + n - k, install_suffixes[i]) == 0)
			return true;
	}
	return false;
}

void
install_begin(struct install *in, struct unit_paths *paths, struct diags *d)
{
	memset(in, 0, sizeof(*in));
	in->paths = paths;
	in->diags = d;
}

void
install_clear(struct install *in)
{
	for (size_t i = 0; i < in->n; i++) {
		free(in->v[i].path);
		free(in->v[i].target);
	}
	free(in->v);
	in->v = NULL;
	in->n = 0;
}

static void
note(struct install *in, const char *path, const char *target)
{
	in->v = xreallocarray(in->v, in->n + 1, sizeof(*in->v));
	in->v[in->n++] = (struct install_change){ .removed = target == NULL,
		.path = xstrdup(path),
		.target = target != NULL ? xstrdup(target) : NULL };
}

void
links_note_removed(struct install *in, const char *path)
{
	note(in, path, NULL);
}

/* What may help against an error of the system. */
static const char *
next_step(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "ask who owns that folder, or root, to do it";
	case EROFS:
		return "--runtime makes it below /run, until the next boot";
	case ENOSPC:
	case EDQUOT:
		return "make room there, then ask again";
	case ENOTDIR:
		return "something that is no folder is in its place";
	case ETIMEDOUT:
		return "its file system does not answer; ask again when it does";
	default:
		return NULL;
	}
}

int
links_fail(struct install *in, const char *path, const char *what)
{
	int error = errno;

	diag_add(in->diags, DIAG_ERROR, path, 0, 0, next_step(error), "%s: %s", what,
	    strerror(error));
	return -1;
}

const char *
links_config(struct install *in)
{
	const char *dir = unit_paths_config(in->paths, in->runtime);

	if (dir == NULL)
		diag_add(in->diags, DIAG_ERROR, "the search path", 0, 0,
		    in->runtime ? "add one below /run to UnitPath="
				: "add one, as /etc/systemd/system, to UnitPath=",
		    "it has no folder for links %s",
		    in->runtime ? "that are gone with the next boot"
				: "of the administrator");
	return dir;
}

static int
make_parent(struct install *in, const char *path)
{
	char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int r = 0;

	/* (As root: what it makes is for all to read.) */
	if (paths_touch(in->paths, parent, true) == -1 ||
	    mkdir_p_at(AT_FDCWD, parent, FOLDER_MODE) == -1)
		r = links_fail(in, parent, "the folder cannot be made");
	free(parent);
	return r;
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* 1: PATH is a link to TARGET already, 0: it is another link, told if it may not be
 * replaced: -1. */
static int
look_at_old(struct install *in, const char *path, const char *target, enum link_over over)
{
	char old[4096];
	ssize_t n = readlink(path, old, sizeof(old) - 1);

	if (n == -1 && errno == EINVAL) {
		diag_add(in->diags, DIAG_ERROR, path, 0, 0,
		    "move the file away if the link is to be made",
		    "there is a file of that name: it is not written over");
		return -1;
	}
	if (n == -1)
		return links_fail(in, path, "what is there cannot be read");
	old[n] = '\0';
	if (strcmp(old, target) == 0)
		return 1;
	if (in->force ||
	    (over == LINK_OVER_SAME && strcmp(base_of(old), base_of(target)) == 0))
		return 0;
	diag_add(in->diags, DIAG_ERROR, path, 0, 0, "--force replaces it",
	    "there is a link to %s, which is something else", old);
	return -1;
}

int
links_make(struct install *in, const char *target, const char *path, enum link_over over)
{
	int r;

	if (make_parent(in, path) == -1)
		return -1;
	/* Never over anything: what comes at the same time is seen here. */
	if (symlink(target, path) == 0) {
		note(in, path, target);
		return 0;
	}
	if (errno != EEXIST)
		return links_fail(in, path, "the link cannot be made");
	r = look_at_old(in, path, target, over);
	if (r != 0)
		return r == 1 ? 0 : -1;
	if (symlink_atomic(AT_FDCWD, target, path) == -1)
		return links_fail(in, path, "the link cannot be replaced");
	note(in, path, NULL);
	note(in, path, target);
	return 0;
}

int
links_remove(struct install *in, const char *path)
{
	char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	int r = 0;

	if (paths_touch(in->paths, path, false) == -1 ||
	    (unlink(path) == -1 && errno != ENOENT)) {
		r = links_fail(in, path, "the link cannot be removed");
	} else {
		note(in, path, NULL);
		if (install_is_link_folder(parent))
			(void)rmdir(parent);
	}
	free(parent);
	return r;
}

/* The link PATH, called NAME, is for something that is marked: 1, it is not: 0; -1: where
 * it leads cannot be read, told. */
static int
is_marked(
    struct install *in, const char *path, const char *name, const struct map *marked)
{
	char target[4096], *template;
	bool yes;
	ssize_t n;

	if (!unit_name_is_valid(name))
		return 0;
	if (map_has(marked, name))
		return 1;
	n = readlink(path, target, sizeof(target) - 1);
	if (n == -1 && errno != ENOENT)
		return links_fail(in, path, "where the link leads cannot be read");
	if (n > 0) {
		target[n] = '\0';
		if (map_has(marked, base_of(target)))
			return 1;
	}
	template = unit_name_template(name);
	yes = template != NULL && map_has(marked, template);
	free(template);
	return yes;
}

/* The names in DIR: links, and below (NULL: not wanted) folders of links. */
static int
list_folder(struct install *in, const char *dir, struct strv *links, struct strv *below)
{
	DIR *d = paths_opendir(in->paths, dir);
	struct dirent *e;
	int r = 0;

	if (d == NULL) {
		if (errno == ENOENT)
			return 0;
		return links_fail(in, dir, "the folder cannot be read");
	}
	while ((errno = 0, e = readdir(d)) != NULL) {
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
			if (errno == ENOENT)
				continue;
			break;
		}
		if (S_ISLNK(st.st_mode))
			strv_add(links, e->d_name);
		else if (S_ISDIR(st.st_mode) && below != NULL &&
			 install_is_link_folder(e->d_name))
			strv_add(below, e->d_name);
	}
	if (errno != 0)
		r = links_fail(in, dir, "the folder cannot be read");
	closedir(d);
	strv_sort(links);
	if (below != NULL)
		strv_sort(below);
	return r;
}

/* True when a name was marked that was not before. */
static bool
remove_in(struct install *in, const char *dir, const struct strv *links,
    struct map *marked, int *r)
{
	bool more = false;

	for (size_t i = 0; i < links->n; i++) {
		char *path = xasprintf("%s/%s", dir, links->v[i]);
		int is = is_marked(in, path, links->v[i], marked);

		if (is == -1 || (is == 1 && links_remove(in, path) == -1))
			*r = -1;
		else if (is == 1 && map_set(marked, links->v[i], marked) == NULL)
			more = true;
		free(path);
	}
	return more;
}

int
links_remove_marked(struct install *in, struct map *marked)
{
	const char *config = links_config(in);
	bool more = true;
	int r = 0;

	if (config == NULL)
		return -1;
	/* A link that goes is a name that others may lead to. */
	while (more && r == 0) {
		struct strv links = { 0 }, below = { 0 };

		more = false;
		r = list_folder(in, config, &links, &below);
		for (size_t i = 0; r == 0 && i < below.n; i++) {
			char *dir = xasprintf("%s/%s", config, below.v[i]);
			struct strv inside = { 0 };

			r = list_folder(in, dir, &inside, NULL);
			more = remove_in(in, dir, &inside, marked, &r) || more;
			strv_free(&inside);
			free(dir);
		}
		more = remove_in(in, config, &links, marked, &r) || more;
		strv_free(&links);
		strv_free(&below);
	}
	return r;
}
