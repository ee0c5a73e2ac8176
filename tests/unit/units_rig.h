/*
 * units_rig: unit files in a temporary folder, for the tests of what is made of them.
 */
#ifndef SUPD_TESTS_UNITS_RIG_H
#define SUPD_TESTS_UNITS_RIG_H

#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "lib/xalloc.h"
#include "unit/load.h"

/* A temporary folder with two search folders, `high' before `low'. */
struct fixture {
	char *dir;
	int fd;
	struct unit_paths *paths;
	struct diags d;
};

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char *high, *low;

	f->dir = xstrdup("/tmp/supd-units-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	f->fd = open_dir_at(AT_FDCWD, f->dir);
	f->paths = unit_paths_new();
	high = xasprintf("%s/high", f->dir);
	low = xasprintf("%s/low", f->dir);
	unit_paths_add(f->paths, high, UNIT_PATH_ADMIN);
	unit_paths_add(f->paths, low, UNIT_PATH_VENDOR);
	free(high);
	free(low);
	diags_init(&f->d);
	*state = f;
	return mkdirat(f->fd, "high", 0700) | mkdirat(f->fd, "low", 0700);
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	int r = rm_rf_at(AT_FDCWD, f->dir, 10000);

	close(f->fd);
	unit_paths_free(f->paths);
	diags_clear(&f->d);
	free(f->dir);
	free(f);
	return r;
}

/* A file, in a folder that is made when it has to be. */
static void
put(struct fixture *f, const char *path, const char *text)
{
	char *folder = xstrdup(path);

	*strrchr(folder, '/') = '\0';
	assert_int_equal(mkdir_p_at(f->fd, folder, 0700), 0);
	assert_int_equal(
	    file_write_atomic(f->fd, path, text, strlen(text), 0600, false), 0);
	free(folder);
}

#endif
