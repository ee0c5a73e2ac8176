/*
 * Golden tests: each NAME.service, NAME.timer, NAME.conf in tests/golden is loaded, and
 * its exact diagnostics and the values it set are compared with NAME.expect beside it.
 *
 * GOLDEN_UPDATE=1 writes the .expect files instead; read the difference before you
 * commit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/load.h"

struct showing {
	struct buf *out;
	const struct unit_conf *conf;
};

static void
show_set(void *arg, const char *name, const char *value)
{
	struct showing *s = arg;

	if (s->conf == NULL || unit_conf_is_set(s->conf, name))
		buf_addf(s->out, "%s=%s\n", name, value);
}

static void
add_diags(struct buf *out, const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *line = diag_format(&d->v[i]);

		buf_addf(out, "%s\n", line);
		free(line);
	}
}

/* What the file gives: its diagnostics, the load state, the values. */
static void
render(const char *name, const struct buf *text, struct buf *out)
{
	struct unit_paths *paths = unit_paths_new();
	struct diags d;

	diags_init(&d);
	if (strstr(name, ".conf") != NULL) {
		struct supd_conf *sc =
		    supd_conf_load_text(name, buf_str(text), text->len, &d);
		struct showing s = { out, NULL };

		add_diags(out, &d);
		supd_conf_show(sc, show_set, &s);
		supd_conf_free(sc);
	} else {
		struct unit_conf *conf =
		    unit_load_text(paths, NULL, name, name, buf_str(text), text->len, &d);
		struct showing s = { out, conf };

		add_diags(out, &d);
		buf_addf(out, "-- %s\n", unit_load_state_name(conf->load_state));
		unit_conf_show(conf, show_set, &s);
		unit_conf_free(conf);
	}
	diags_clear(&d);
	unit_paths_free(paths);
}

static int
golden_dir(void)
{
	const char *source = getenv("SUPD_SOURCE");
	char *path = xasprintf("%s/tests/golden", source != NULL ? source : ".");
	int fd = open_dir_at(AT_FDCWD, path);

	if (fd == -1)
		fail_msg("%s cannot be opened", path);
	free(path);
	return fd;
}

static bool
check_one(int dirfd, const char *name)
{
	char *stem = xstrndup(name, strcspn(name, "."));
	char *expect_name = xasprintf("%s.expect", stem);
	struct buf text = { 0 };
	struct buf expect = { 0 };
	struct buf got = { 0 };
	bool same;

	assert_int_equal(file_read_at(dirfd, name, 1 << 20, &text), 0);
	render(name, &text, &got);
	if (getenv("GOLDEN_UPDATE") != NULL)
		assert_int_equal(
		    file_write_atomic(dirfd, expect_name, got.data, got.len, 0644, false),
		    0);
	if (file_read_at(dirfd, expect_name, 1 << 20, &expect) == -1)
		buf_adds(&expect, "(no .expect file)\n");
	same = strcmp(buf_str(&expect), buf_str(&got)) == 0;
	if (!same)
		print_error(
		    "%s: expected:\n%sgot:\n%s", name, buf_str(&expect), buf_str(&got));
	buf_free(&text);
	buf_free(&expect);
	buf_free(&got);
	free(expect_name);
	free(stem);
	return same;
}

static void
diagnostics_are_exactly_as_written(void **state)
{
	int fd = golden_dir();
	DIR *dir = fdopendir(fd);
	struct strv names = { 0 };
	struct dirent *de;
	size_t wrong = 0;

	(void)state;
	assert_non_null(dir);
	while ((de = readdir(dir)) != NULL)
		if (de->d_name[0] != '.' && strstr(de->d_name, ".expect") == NULL)
			strv_add(&names, de->d_name);
	strv_sort(&names);
	assert_true(names.n > 10);
	for (size_t i = 0; i < names.n; i++)
		wrong += !check_one(fd, names.v[i]);
	strv_free(&names);
	closedir(dir);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(diagnostics_are_exactly_as_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
