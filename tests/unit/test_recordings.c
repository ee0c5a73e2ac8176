/*
 * The lines that real programs leave in their log: tests/recordings/NAME.txt has what one
 * wrote, when it came to rest, and what a reader wants of it (made by recordings/record).
 * They are the same when the terminal role dies at each rest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "terminal/screen.h"

enum { FILE_MAX = 1024 * 1024 };

static void
on_line(void *arg, const char *text, size_t len)
{
	struct buf *out = arg;

	buf_append(out, text, len);
	buf_addc(out, '\n');
}

static struct screen *
new_screen(uint16_t rows, uint16_t cols, struct buf *lines)
{
	struct screen_ops ops = { .line = on_line, .arg = lines };

	return screen_new(rows, cols, &ops);
}

/* What the file has as \e, \n or \xHH. */
static void
unescape(const char *p, const char *end, struct buf *out)
{
	static const char names[] = "e\033r\rn\nt\tb\b\\\\";
	const char *name;
	char hex[3] = { 0 };

	for (; p < end; p++) {
		if (*p != '\\') {
			buf_addc(out, *p);
			continue;
		}
		p++;
		name = strchr(names, *p);
		if (*p == 'x') {
			memcpy(hex, p + 1, 2);
			buf_addc(out, (char)strtoul(hex, NULL, 16));
			p += 2;
		} else if (name != NULL) {
			buf_addc(out, name[1]);
		} else {
			fail_msg("\\%c is no escape", *p);
		}
	}
}

/* Saved, and loaded by another one. */
static struct screen *
die(struct screen *s, struct buf *lines)
{
	struct buf bytes = { 0 };
	struct screen_look look;
	struct screen *next;

	screen_look(s, &look);
	screen_save(s, &bytes);
	screen_free(s);
	next = new_screen(look.rows, look.cols, lines);
	screen_load(next, bytes.data, bytes.len);
	buf_free(&bytes);
	return next;
}

/* What is to be in the log: behind the line "lines". */
static const char *
play(const char *text, bool deaths, struct buf *lines)
{
	struct screen *s = NULL;
	struct buf bytes = { 0 };
	unsigned rows, cols;

	if (sscanf(text, "size %u %u\n", &rows, &cols) != 2)
		fail_msg("it begins with no size");
	s = new_screen((uint16_t)rows, (uint16_t)cols, lines);
	for (const char *p = strchr(text, '\n') + 1, *end; *p != '\0'; p = end + 1) {
		end = strchr(p, '\n');
		if (strncmp(p, "write \"", 7) == 0) {
			buf_clear(&bytes);
			unescape(p + 7, end - 1, &bytes);
			/* (The middle of it is anywhere.) */
			screen_feed(s, bytes.data, bytes.len / 2);
			if (deaths)
				s = die(s, lines);
			screen_feed(
			    s, bytes.data + bytes.len / 2, bytes.len - bytes.len / 2);
		} else if (strncmp(p, "rest\n", 5) == 0) {
			screen_settle(s);
			if (deaths)
				s = die(s, lines);
		} else if (strncmp(p, "end\n", 4) == 0) {
			screen_end(s);
		} else if (strncmp(p, "lines\n", 6) == 0) {
			screen_free(s);
			buf_free(&bytes);
			return end + 1;
		} else {
			fail_msg("what is \"%.20s\"?", p);
		}
	}
	fail_msg("there are no lines");
	return NULL;
}

static void
check(const char *path, const char *name)
{
	struct buf text = { 0 };

	if (file_read_at(AT_FDCWD, path, FILE_MAX, &text) == -1)
		fail_msg("%s cannot be read", path);
	for (int deaths = 0; deaths < 2; deaths++) {
		struct buf lines = { 0 };
		const char *want = play(buf_str(&text), deaths == 1, &lines);

		if (strcmp(buf_str(&lines), want) != 0)
			fail_msg("%s%s:\n%s", name, deaths == 1 ? ", with deaths" : "",
			    buf_str(&lines));
		buf_free(&lines);
	}
	buf_free(&text);
}

static void
test_recordings(void **state)
{
	const char *source = getenv("SUPD_SOURCE");
	char *folder = xasprintf("%s/tests/recordings", source != NULL ? source : ".");
	struct dirent *e;
	DIR *d = opendir(folder);
	int n = 0;

	(void)state;
	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char *path;

		if (strstr(e->d_name, ".txt") == NULL)
			continue;
		path = xasprintf("%s/%s", folder, e->d_name);
		check(path, e->d_name);
		free(path);
		n++;
	}
	closedir(d);
	free(folder);
	assert_true(n >= 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recordings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
