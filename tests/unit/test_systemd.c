/*
 * Comparison with the systemd that is installed: it reads the same files in its test mode
 * and dumps what it understood.  Skipped where there is none, or where it cannot run.
 */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/load.h"
#include "unit/signame.h"
#include "unit/span.h"
#include "unit/table.h"

#define SYSTEMD "/lib/systemd/systemd"
enum { N_UNITS = 400 };

/* What COMMAND prints; false: it does not run here, which was told, and out is free. */
static bool
may_run(const char *command, struct buf *out)
{
	FILE *f = popen(command, "r");
	char chunk[4096];
	size_t n;

	if (f == NULL)
		return false;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_append(out, chunk, n);
	if (pclose(f) != 0 || out->len == 0) {
		print_message("SKIP: \"%s\" does not run here\n", command);
		buf_free(out);
		return false;
	}
	return true;
}

/* The same; skips the test if it cannot be run. */
static void
output_of(const char *command, struct buf *out)
{
	if (!may_run(command, out))
		skip();
}

static void
need(const char *program)
{
	if (access(program, X_OK) != 0) {
		print_message("SKIP: %s is not installed\n", program);
		skip();
	}
}

/* What is about processes is answered for sockets without rows of its own. */
static bool
has_answer(enum section section, const char *key)
{
	return directive_find(section, key) != NULL ||
	       (section == SECTION_SOCKET &&
		   directive_find(SECTION_SERVICE, key) != NULL);
}

static void
every_key_has_an_answer(void **state)
{
	struct buf out = { 0 };
	enum section section = SECTION_NONE;
	size_t keys = 0;
	size_t missing = 0;

	(void)state;
	need(SYSTEMD);
	output_of(SYSTEMD " --dump-configuration-items 2>/dev/null", &out);
	for (char *line = strtok(out.data, "\n"); line != NULL;
	     line = strtok(NULL, "\n")) {
		char *end = strchr(line, '=');

		if (line[0] == '[') {
			line[strcspn(line, "]")] = '\0';
			section = section_find(line + 1);
		} else if (end != NULL && section != SECTION_NONE) {
			*end = '\0';
			keys++;
			if (!has_answer(section, line)) {
				print_error("no answer for %s=\n", line);
				missing++;
			}
		}
	}
	buf_free(&out);
	assert_true(keys > 300);
	assert_int_equal(missing, 0);
}

/* Those that its parser takes and does not list: what it has taken back. */
static void
every_old_key_has_an_answer(void **state)
{
	struct buf out = { 0 };
	size_t keys = 0;
	size_t missing = 0;

	(void)state;
	need(SYSTEMD);
	output_of("cat " SYSTEMD " /usr/lib/*/systemd/libsystemd-core-*.so "
		  "/usr/lib/systemd/libsystemd-core-*.so 2>/dev/null | tr '\\0' '\\n' | "
		  "grep -axE '(Unit|Service|Socket|Timer|Path|Slice|Scope|Install)\\."
		  "[A-Z][A-Za-z0-9]+'",
	    &out);
	for (char *line = strtok(out.data, "\n"); line != NULL;
	     line = strtok(NULL, "\n")) {
		char *key = strchr(line, '.');
		enum section section;

		*key++ = '\0';
		section = section_find(line);
		if (section == SECTION_NONE)
			continue;
		keys++;
		if (!has_answer(section, key)) {
			print_error("no answer for %s= in [%s]\n", key, line);
			missing++;
		}
	}
	buf_free(&out);
	assert_true(keys > 300);
	assert_int_equal(missing, 0);
}

static void
time_spans_are_the_same(void **state)
{
	static const char *const texts[] = { "5", "1.5", "1min 30s", "1min30s", "1h",
		"2d", "1w", "1M", "1y", "100ms", "7us", "3 seconds", "1 hr 2 minutes",
		"0", "0.25h", "1.0000015s", "2months", "1day 1hour" };
	struct buf command = { 0 };
	struct buf out = { 0 };
	const char *p;

	(void)state;
	need("/usr/bin/systemd-analyze");
	buf_adds(&command, "systemd-analyze timespan");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		buf_addf(&command, " '%s'", texts[i]);
	buf_adds(&command, " 2>/dev/null");
	output_of(buf_str(&command), &out);
	p = buf_str(&out);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint64_t us = 0;

		p = strstr(p, "s: ");
		assert_non_null(p);
		p += 3;
		assert_int_equal(span_parse(texts[i], 1000000, &us), 0);
		if (us != strtoull(p, NULL, 10))
			fail_msg("\"%s\" is %.20s, not %llu", texts[i], p,
			    (unsigned long long)us);
		p = strstr(p, "Human");
		assert_non_null(p);
	}
	buf_free(&command);
	buf_free(&out);
}

static void
exit_statuses_are_the_same(void **state)
{
	struct buf out = { 0 };
	size_t n = 0;

	(void)state;
	need("/usr/bin/systemd-analyze");
	output_of("systemd-analyze exit-status 2>/dev/null", &out);
	for (char *line = strtok(out.data, "\n"); line != NULL;
	     line = strtok(NULL, "\n")) {
		char name[64];
		int status;

		if (sscanf(line, "%63s %d", name, &status) != 2)
			continue;
		n++;
		if (exit_status_from_name(name) != status)
			fail_msg("%s is %d", name, status);
	}
	buf_free(&out);
	assert_true(n > 50);
}

/* ---- command lines ---- */

/* A small generator of its own, so that a seed means the same everywhere. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void
random_line(uint32_t *seed, struct buf *line)
{
	static const char *const pieces[] = { "a", "bc", " ", " ", "  ", "\"", "\"", "'",
		"\\", ";", " ; ", " \\; ", "$A", "${B}", "$$", "%%", "%n", "%i", "% ",
		"\\x41", "\\\\", "\\\"", "\\s", "\\101", "=", "--x", "#", "-", "@",
		"/bin/x", "\xc3\xa9", "\\q", "/", "!" };
	static const char *const starts[] = { "/bin/echo ", "-/bin/echo ", "@/bin/echo ",
		"echo ", ":/bin/echo ", "+/bin/x", "/bin/a;", "\"/bin/with blank\" " };
	size_t n = next_random(seed) % 12;

	buf_adds(line, starts[next_random(seed) % (sizeof(starts) / sizeof(starts[0]))]);
	while (n-- > 0)
		buf_adds(line,
		    pieces[next_random(seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
}

static void
write_file(int dirfd, const char *name, const char *text)
{
	assert_int_equal(
	    file_write_atomic(dirfd, name, text, strlen(text), 0644, false), 0);
	assert_int_equal(fchmodat(dirfd, name, 0644, 0), 0);
}

/* The dump has control characters as letters. */
static char
unescaped(char c)
{
	static const char letters[] = "abfnrtv";
	const char *l = strchr(letters, c);

	return l != NULL ? "\a\b\f\n\r\t\v"[l - letters] : c;
}

/* "Command Line: ..." of the dump as words joined by `|'. */
static void
dumped_words(const char *p, size_t len, struct buf *out)
{
	const char *end = p + len;
	bool quoted = false;

	for (; p < end; p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (*p == '\\' && quoted && p + 1 < end)
			buf_addc(out, unescaped(*++p));
		else if (*p == ' ' && !quoted)
			buf_addc(out, '|');
		else
			buf_addc(out, *p);
	}
	buf_addc(out, '\n');
}

/* The command lines of unit x<I> in the dump, one a line; "bad" if it refused the unit.
 */
static void
dumped_unit(const char *dump, int i, struct buf *out)
{
	char *head = xasprintf("-> Unit x%d.service:", i);
	const char *p = strstr(dump, head);
	const char *end;

	free(head);
	if (p == NULL) {
		buf_adds(out, "absent\n");
		return;
	}
	end = strstr(p + 1, "-> Unit ");
	if (end == NULL)
		end = p + strlen(p);
	head = strstr(p, "Unit Load State: ");
	if (head != NULL && head < end && strncmp(head + 17, "loaded", 6) != 0) {
		buf_adds(out, "bad\n");
		return;
	}
	while ((p = strstr(p, "Command Line: ")) != NULL && p < end) {
		p += strlen("Command Line: ");
		dumped_words(p, strcspn(p, "\n"), out);
	}
}

static void
our_unit(struct unit_paths *paths, int i, struct buf *out, struct diags *d)
{
	char *name = xasprintf("x%d.service", i);
	struct unit_conf *conf = unit_load(paths, NULL, name, d);
	const struct exec_list *list = &conf->service->exec[EXEC_START];

	if (conf->load_state != UNIT_LOADED)
		buf_adds(out, "bad\n");
	for (size_t k = 0; conf->load_state == UNIT_LOADED && k < list->n; k++) {
		char *joined = strv_join(&list->v[k].argv, "|");

		buf_addf(out, "%s\n", joined);
		free(joined);
	}
	unit_conf_free(conf);
	free(name);
}

/*
 * Where we differ on purpose: a quote that is never closed in the first word of a further
 * command is an error, where systemd drops the rest of the line; so is a prefix that
 * stands twice, where it becomes part of the name; and what stands behind an empty
 * command is not lost.
 */
static bool
may_differ(const struct diags *d, const char *text)
{
	for (size_t i = 0; i < d->n; i++)
		if (strstr(d->v[i].text, "never closed") != NULL ||
		    strstr(d->v[i].text, "does not go with") != NULL)
			return true;
	for (const char *p = strchr(text, ';'); p != NULL; p = strchr(p + 1, ';'))
		if (p[1 + strspn(p + 1, " ")] == ';')
			return true;
	return false;
}

/* False: it does not run here. */
static bool
run_systemd(const char *dir, struct buf *dump)
{
	const char *drop =
	    geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups" : "";
	bool may;
	char *command = xasprintf(
	    "cd %s && SYSTEMD_UNIT_PATH=%s XDG_RUNTIME_DIR=%s/run HOME=%s "
	    "timeout 60 %s " SYSTEMD " --test --user --unit=all.target 2>/dev/null",
	    dir, dir, dir, dir, drop);

	may = may_run(command, dump);
	free(command);
	return may;
}

static bool
compare_unit(struct unit_paths *paths, int dirfd, const char *dump, int i, size_t *loaded)
{
	char *name = xasprintf("x%d.service", i);
	struct buf text = { 0 };
	struct buf ours = { 0 };
	struct buf theirs = { 0 };
	struct diags d;
	bool same;

	diags_init(&d);
	assert_int_equal(file_read_at(dirfd, name, 4096, &text), 0);
	our_unit(paths, i, &ours, &d);
	dumped_unit(dump, i, &theirs);
	/* What it refuses it does not always dump. */
	if (strcmp(buf_str(&theirs), "absent\n") == 0) {
		buf_clear(&theirs);
		buf_adds(&theirs, "bad\n");
	}
	*loaded += strcmp(buf_str(&theirs), "bad\n") != 0;
	same = strcmp(buf_str(&ours), buf_str(&theirs)) == 0 ||
	       may_differ(&d, buf_str(&text));
	if (!same)
		print_error("%s systemd: %s ours: %s\n", buf_str(&text), buf_str(&theirs),
		    buf_str(&ours));
	diags_clear(&d);
	buf_free(&text);
	buf_free(&ours);
	buf_free(&theirs);
	free(name);
	return same;
}

static void
command_lines_are_split_the_same(void **state)
{
	char dir[] = "/tmp/supd-systemd-XXXXXX";
	static const char *const targets[] = { "basic", "shutdown", "default", "paths",
		"sockets", "timers" };
	struct unit_paths *paths = unit_paths_new();
	struct buf all = { 0 };
	struct buf dump = { 0 };
	uint32_t seed = 20261121;
	size_t differ = 0;
	size_t loaded = 0;
	bool may;
	int fd;

	(void)state;
	need(SYSTEMD);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	fd = open_dir_at(AT_FDCWD, dir);
	assert_int_equal(mkdirat(fd, "run", 0700), 0);
	assert_int_equal(
	    fchownat(fd, "run", geteuid() == 0 ? 65534 : geteuid(), (gid_t)-1, 0), 0);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char *name = xasprintf("%s.target", targets[i]);

		write_file(fd, name, "[Unit]\n");
		free(name);
	}
	buf_adds(&all, "[Unit]\n");
	for (int i = 0; i < N_UNITS; i++) {
		struct buf text = { 0 };
		char *name = xasprintf("x%d.service", i);

		buf_adds(&text, "[Service]\nType=oneshot\nExecStart=");
		random_line(&seed, &text);
		buf_addc(&text, '\n');
		write_file(fd, name, buf_str(&text));
		buf_addf(&all, "Wants=%s\n", name);
		buf_free(&text);
		free(name);
	}
	write_file(fd, "all.target", buf_str(&all));
	may = run_systemd(dir, &dump);
	unit_paths_add(paths, dir, UNIT_PATH_FOLDER);
	for (int i = 0; may && i < N_UNITS; i++)
		differ += !compare_unit(paths, fd, buf_str(&dump), i, &loaded);
	close(fd);
	assert_int_equal(rm_rf_at(AT_FDCWD, dir, 10000), 0);
	unit_paths_free(paths);
	buf_free(&all);
	buf_free(&dump);
	if (!may)
		skip();
	assert_true(loaded > N_UNITS / 10);
	assert_int_equal(differ, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_has_an_answer),
		cmocka_unit_test(every_old_key_has_an_answer),
		cmocka_unit_test(time_spans_are_the_same),
		cmocka_unit_test(exit_statuses_are_the_same),
		cmocka_unit_test(command_lines_are_split_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
