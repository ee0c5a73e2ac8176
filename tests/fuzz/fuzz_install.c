/*
 * Any bytes as a file of presets and, behind a line "---", as the file of a unit that is
 * enabled and disabled again in a root of its own.  Whatever comes of it are links in the
 * administrator's folder to the unit's own file, called as units can be; nothing is left
 * when it was disabled, and what presets say has its line.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/install.h"
#include "install/preset.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/load.h"
#include "unit/name.h"

#include "fuzz.h"

#define ETC "etc/systemd/system"
#define LIB "usr/lib/systemd/system"

static char root[] = "/tmp/supd-fuzz-install-XXXXXX";
static int root_fd = -1;

static void
remove_root(void)
{
	(void)rm_rf_at(AT_FDCWD, root, 10000);
}

static void
make_root(void)
{
	check(mkdtemp(root) != NULL);
	root_fd = open_dir_at(AT_FDCWD, root);
	check(root_fd != -1 && mkdir_p_at(root_fd, LIB, 0755) == 0 &&
	      mkdir_p_at(root_fd, ETC, 0755) == 0 &&
	      mkdir_p_at(root_fd, ETC "-preset", 0755) == 0);
	atexit(remove_root);
}

static void
put(const char *path, const uint8_t *data, size_t size)
{
	check(
	    file_write_atomic(root_fd, path, (const char *)data, size, 0644, false) == 0);
}

/* How many links there are below PATH; each leads to the unit's file. */
static unsigned
count_links(const char *path, const char *file)
{
	int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;
	unsigned n = 0;

	check(d != NULL);
	while ((e = readdir(d)) != NULL) {
		char *below = xasprintf("%s/%s", path, e->d_name), target[4096];
		ssize_t len = readlinkat(root_fd, below, target, sizeof(target) - 1);

		if (len >= 0) {
			target[len] = '\0';
			check(strcmp(target, file) == 0 && unit_name_is_valid(e->d_name));
			n++;
		} else if (e->d_name[0] != '.') {
			n += count_links(below, file);
		}
		free(below);
	}
	closedir(d);
	return n;
}

static struct unit_paths *
make_paths(void)
{
	struct unit_paths *paths = unit_paths_new();

	unit_paths_set_root(paths, root);
	unit_paths_add(paths, "/" ETC, UNIT_PATH_ADMIN);
	unit_paths_add(paths, "/" LIB, UNIT_PATH_VENDOR);
	return paths;
}

/* A request, and how many links there are behind it. */
static unsigned
ask(struct unit_paths *paths, enum install_verb verb, const char *unit)
{
	char *file = xasprintf("/" LIB "/%s", unit);
	struct strv names = { 0 };
	struct install in;
	struct diags d;
	unsigned n;
	int r;

	strv_add(&names, unit);
	diags_init(&d);
	install_begin(&in, paths, &d);
	r = install_run(&in, verb, NULL, PRESET_FULL, &names);
	check(r == 0 || d.n_errors > 0);
	n = count_links(ETC, file);
	install_clear(&in);
	diags_clear(&d);
	strv_free(&names);
	free(file);
	return n;
}

static void
try_unit(const char *unit, const uint8_t *data, size_t size)
{
	char *path = xasprintf(LIB "/%s", unit), *why;
	struct unit_paths *paths = make_paths();
	struct install_index *x;
	struct strv instances = { 0 };
	struct presets *p;

	put(path, data, size);
	p = presets_load(paths, NULL);
	(void)presets_ask(p, unit, &instances, &why);
	check(why == NULL || strstr(why, "/1.preset:") != NULL);
	free(why);
	check(presets_are_whole(p));
	presets_free(p);

	(void)ask(paths, INSTALL_ENABLE, unit);
	x = install_index_new(paths);
	check(install_state(x, unit, NULL) < INSTALL_NSTATES);
	install_index_free(x);
	check(ask(paths, INSTALL_DISABLE, unit) == 0);
	(void)ask(paths, INSTALL_PRESET, unit);
	check(ask(paths, INSTALL_DISABLE, unit) == 0);
	strv_free(&instances);
	unit_paths_free(paths);
	check(unlinkat(root_fd, path, 0) == 0);
	free(path);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char mark[] = "\n---\n";
	const uint8_t *end =
	    size == 0 ? NULL : memmem(data, size, mark, sizeof(mark) - 1);
	size_t n = end != NULL ? (size_t)(end - data) : size;

	if (root_fd == -1)
		make_root();
	put(ETC "-preset/1.preset", data, n);
	if (end != NULL) {
		data = end + sizeof(mark) - 1;
		size -= n + sizeof(mark) - 1;
	}
	try_unit("fuzz-me.service", data, size);
	try_unit("fuzz-me@.service", data, size);
	return 0;
}
