/*
 * install_rig: a root of another system in a temporary folder, with unit files on its
 * levels, for the tests of what enable and its like do to it.
 */
#ifndef SUPD_TESTS_INSTALL_RIG_H
#define SUPD_TESTS_INSTALL_RIG_H

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/install.h"
#include "install/preset.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/load.h"

#define ETC "etc/systemd/system"
#define RUN "run/systemd/system"
#define LOCAL "usr/local/lib/systemd/system"
#define LIB "usr/lib/systemd/system"

struct rig {
	char *root;
	int fd;
	struct unit_paths *paths;
	struct diags d;
	struct install in; /* the last request */
	struct buf links;
};

static int
set_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	r->root = xstrdup("/tmp/supd-install-XXXXXX");
	if (mkdtemp(r->root) == NULL)
		return -1;
	r->fd = open_dir_at(AT_FDCWD, r->root);
	r->paths = unit_paths_new();
	unit_paths_set_root(r->paths, r->root);
	unit_paths_add(r->paths, "/" ETC, UNIT_PATH_ADMIN);
	unit_paths_add(r->paths, "/" RUN, UNIT_PATH_RUNTIME);
	unit_paths_add(r->paths, "/" LOCAL, UNIT_PATH_VENDOR);
	unit_paths_add(r->paths, "/" LIB, UNIT_PATH_VENDOR);
	diags_init(&r->d);
	*state = r;
	return mkdir_p_at(r->fd, ETC, 0755) | mkdir_p_at(r->fd, RUN, 0755) |
	       mkdir_p_at(r->fd, LIB, 0755);
}

static int
tear_down(void **state)
{
	struct rig *r = *state;
	int rc = rm_rf_at(AT_FDCWD, r->root, 10000);

	close(r->fd);
	install_clear(&r->in);
	unit_paths_free(r->paths);
	diags_clear(&r->d);
	buf_free(&r->links);
	free(r->root);
	free(r);
	return rc;
}

/* A file, in a folder that is made when it has to be. */
static inline void
put(struct rig *r, const char *path, const char *text)
{
	char *folder = xstrdup(path);

	*strrchr(folder, '/') = '\0';
	assert_int_equal(mkdir_p_at(r->fd, folder, 0755), 0);
	assert_int_equal(
	    file_write_atomic(r->fd, path, text, strlen(text), 0644, false), 0);
	free(folder);
}

static inline void
put_link(struct rig *r, const char *path, const char *target)
{
	char *folder = xstrdup(path);

	*strrchr(folder, '/') = '\0';
	assert_int_equal(mkdir_p_at(r->fd, folder, 0755), 0);
	assert_int_equal(symlinkat(target, r->fd, path), 0);
	free(folder);
}

/* A service with that [Install]. */
static inline void
service(struct rig *r, const char *path, const char *install)
{
	char *text = xasprintf("[Service]\nExecStart=/bin/true\n[Install]\n%s", install);

	put(r, path, text);
	free(text);
}

/* Names apart by blanks. */
static inline int
run(struct rig *r, enum install_verb verb, const char *names)
{
	struct strv v = { 0 };
	bool runtime = r->in.runtime, force = r->in.force;
	int rc;

	install_clear(&r->in);
	diags_clear(&r->d);
	diags_init(&r->d);
	install_begin(&r->in, r->paths, &r->d);
	r->in.runtime = runtime;
	r->in.force = force;
	strv_split(&v, names, " ");
	rc = install_run(&r->in, verb, "multi-user.target", PRESET_FULL, &v);
	strv_free(&v);
	/* What was not done is told, and nothing else is an error.  (Links to what is
	 * broken can be removed all the same.) */
	if (rc == -1 && r->d.n_errors == 0)
		fail_msg("%s %s fails without a word", install_verb_name(verb), names);
	assert_true(rc == -1 || r->d.n_errors == 0 || verb == INSTALL_DISABLE);
	return rc;
}

static inline void
list_links(struct rig *r, const char *path, struct strv *out)
{
	int fd = openat(r->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		char *below = xasprintf("%s/%s", path, e->d_name), target[4096];
		ssize_t n = readlinkat(r->fd, below, target, sizeof(target) - 1);

		if (n >= 0)
			strv_addf(out, "%s -> %.*s\n", below, (int)n, target);
		else if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			list_links(r, below, out);
		free(below);
	}
	if (d != NULL)
		closedir(d);
}

/* All links of the administrator and below run, sorted, one a line. */
static inline const char *
links(struct rig *r)
{
	struct strv v = { 0 };
	char *text;

	list_links(r, "etc", &v);
	list_links(r, "run", &v);
	strv_sort(&v);
	text = strv_join(&v, "");
	buf_clear(&r->links);
	buf_adds(&r->links, text);
	free(text);
	strv_free(&v);
	return buf_str(&r->links);
}

static inline const char *
state_of(struct rig *r, const char *name)
{
	struct install_index *x = install_index_new(r->paths);
	enum install_state s = install_state(x, name, NULL);

	install_index_free(x);
	return install_state_name(s);
}

/* One of the diagnostics has both. */
static inline bool
told(struct rig *r, const char *file, const char *text)
{
	for (size_t i = 0; i < r->d.n; i++)
		if (strstr(r->d.v[i].file, file) != NULL &&
		    strstr(r->d.v[i].text, text) != NULL)
			return true;
	for (size_t i = 0; i < r->d.n; i++)
		print_message("told: %s: %s\n", r->d.v[i].file, r->d.v[i].text);
	return false;
}

#endif
