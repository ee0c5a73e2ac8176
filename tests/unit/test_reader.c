/*
 * Tests of journal/reader, journal/lines and journal/events on files made here.
 */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "journal/events.h"
#include "journal/lines.h"
#include "journal/reader.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"

static char dir[128];
static int root = -1;

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(
	    dir, sizeof(dir), "%.90s/supd-reader.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		return -1;
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	char *base = strrchr(dir, '/');
	int parent;

	(void)state;
	fd_close(&root);
	*base = '\0';
	parent = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rm_rf_at(parent, base + 1, 10000);
	close(parent);
	return 0;
}

static void
add(const char *path, const char *text)
{
	char folder[300];
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(mkdir_p_at(root, folder, 0750), 0);
	fd = openat(root, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd != -1);
	assert_int_equal(full_write(fd, text, strlen(text)), 0);
	close(fd);
}

static void
add_gzip(const char *path, const char *text)
{
	char full[400];
	gzFile gz;

	add(path, "");
	snprintf(full, sizeof(full), "%s/%s", dir, path);
	gz = gzopen(full, "wb");
	assert_non_null(gz);
	assert_int_equal(gzputs(gz, text), strlen(text));
	gzclose(gz);
}

static void
make_journal(void)
{
	add_gzip("journal/20261119/health/1_a.log.gz",
	    "2026-11-19T10:00:00 [a:stdout] old one\n2026-11-19T10:00:01 [a:stderr] old "
	    "two\n");
	add("journal/20261120/health/2_a.log", "2026-11-20T10:00:00 [a:stdout] a1\n");
	add("journal/20261120/health/10_a.log",
	    "2026-11-20T12:00:00 [a:stdout] a2\n2026-11-20T12:00:05 [a:stderr] a3\n");
	add("journal/20261120/health/3_b.log", "2026-11-20T11:00:00 [b:stdout] b1\n");
	/* Looks like a log of `a', is one of `x_a'. */
	add("journal/20261120/health/7_x_a.log",
	    "2026-11-20T11:30:00 [x_a:stdout] not a\n");
	/* Nobody follows links out of the journal. */
	add("secret/file", "2026-11-20T11:00:00 [a:stdout] secret\n");
	assert_int_equal(
	    symlinkat("../../../secret/file", root, "journal/20261120/health/9_a.log"),
	    0);
	add("journal/20261121/health/11_a.log",
	    "2026-11-21T09:00:00 [a:stdout] a4\nraw text\n");
}

/* The texts of all that a query gives, with `|' between. */
static const char *
ask(const struct reader_query *q)
{
	char err[READER_ERR_MAX];
	struct reader *r = reader_open(root, q, err);
	static struct buf out;
	struct reader_entry e;

	buf_clear(&out);
	if (r == NULL)
		return err[0] != '\0' ? "error" : "?";
	while (reader_next(r, &e) == 1) {
		buf_append(&out, e.text, e.text_len);
		buf_addc(&out, '|');
	}
	reader_free(r);
	buf_addc(&out, '\0');
	return out.data;
}

static uint64_t
at(const char *s)
{
	uint64_t us = 0;

	assert_int_equal(clock_parse(s, &us), 0);
	return us;
}

static void
test_queries(void **state)
{
	static const char *const a[] = { "a", NULL }, *const b[] = { "b", NULL };
	static const char *const glob[] = { "?", NULL }, *const none[] = { "zz", NULL };
	struct reader_query q = { .names = a, .n = -1 };

	(void)state;
	make_journal();
	assert_string_equal(ask(&q), "old one|old two|a1|a2|a3|a4|raw text|");
	q.n = 3;
	assert_string_equal(ask(&q), "a3|a4|raw text|");
	q.n = 6;
	assert_string_equal(ask(&q), "old two|a1|a2|a3|a4|raw text|");
	q.n = 0;
	assert_string_equal(ask(&q), "");
	q.n = -1;
	q.streams = 1 << LINE_STDERR;
	assert_string_equal(ask(&q), "old two|a3|");
	q.n = 1;
	assert_string_equal(ask(&q), "a3|");
	q.n = -1;
	q.streams = 0;
	q.grep = "^a[23]$";
	assert_string_equal(ask(&q), "a2|a3|");
	q.grep = "A[23]";
	q.grep_icase = true;
	assert_string_equal(ask(&q), "a2|a3|");
	q.grep = "(";
	assert_string_equal(ask(&q), "error");
	q.grep = NULL;
	q.ref = "10";
	assert_string_equal(ask(&q), "a2|a3|");
	q.ref = NULL;
	q.day = "20261121";
	assert_string_equal(ask(&q), "a4|raw text|");
	q.day = NULL;
	q.since_us = at("2026-11-20T12:00:00");
	q.until_us = at("2026-11-20T12:00:04");
	assert_string_equal(ask(&q), "a2|");
	q = (struct reader_query){ .names = b, .n = -1 };
	assert_string_equal(ask(&q), "b1|");
	q.names = glob;
	q.since_us = at("2026-11-20T00:00:00");
	q.until_us = at("2026-11-20T23:00:00");
	assert_string_equal(ask(&q), "a1|b1|a2|a3|");
	q.names = NULL;
	assert_string_equal(ask(&q), "a1|b1|not a|a2|a3|");
	q.n = 2;
	assert_string_equal(ask(&q), "a2|a3|");
	q.names = none;
	assert_string_equal(ask(&q), "");
}

enum { LOGS = 7, MIXED_LINES = 400 };

/* A number that is the same in each run. */
static unsigned
next_random(void)
{
	static unsigned seed = 1;

	seed = seed * 1103515245 + 12345;
	return seed >> 16 & 0x7fff;
}

/* Many logs, each over several days and invocations, some compressed; no two lines of one
 * time.  Log 0 has lines without a time between the others. */
static void
make_mixed(void)
{
	struct buf text[LOGS] = { 0 };
	char path[100];

	for (unsigned day = 1; day <= 3; day++) {
		for (unsigned i = 0; i < MIXED_LINES; i++) {
			/* One speaks for a while, or all of them in turn. */
			unsigned k =
			    (i / 100) % 2 == 0 ? day % LOGS : next_random() % LOGS;

			buf_addf(&text[k],
			    "2026-11-%02uT%02u:%02u:%02u [log%u:stdout] %u.%u\n",
			    10 + day, i / 60 / 60, i / 60 % 60, i % 60, k, day, i);
			if (k == 0 && next_random() % 2 == 0)
				buf_addf(&text[k], "raw %u.%u\n", day, i);
			if (next_random() % 60 != 0 && i + 1 < MIXED_LINES)
				continue;
			for (k = 0; k < LOGS; k++) {
				if (text[k].len == 0)
					continue;
				snprintf(path, sizeof(path),
				    "journal/202611%02u/health/%u_log%u.log", 10 + day,
				    1000 + i, k);
				if (day == 1 && k % 2 == 0)
					add_gzip(strcat(path, ".gz"), buf_str(&text[k]));
				else
					add(path, buf_str(&text[k]));
				buf_clear(&text[k]);
			}
		}
	}
	for (unsigned k = 0; k < LOGS; k++)
		buf_free(&text[k]);
}

/* The last n lines are the end of all lines. */
static void
test_last_of_many(void **state)
{
	static const int64_t ns[] = { 0, 1, 2, 3, 10, 63, 64, 65, 130, 399, 700, 100000 };
	static const char *const one[] = { "log3", NULL }, *const raw[] = { "log0",
		NULL };
	static const char *const *const names[] = { NULL, one, raw };

	(void)state;
	make_mixed();
	for (size_t w = 0; w < sizeof(names) / sizeof(names[0]); w++) {
		struct reader_query q = { .names = names[w], .n = -1 };
		char *all = strdup(ask(&q));

		assert_true(strlen(all) > 100);
		for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
			const char *end = all + strlen(all);

			for (int64_t n = 0; n < ns[i] && end > all; n++)
				for (end--; end > all && end[-1] != '|'; end--)
					;
			q.n = ns[i];
			assert_string_equal(ask(&q), end);
		}
		free(all);
	}
}

static bool
wait_entry(struct reader *r, struct reader_entry *e)
{
	for (int i = 0; i < 300; i++) {
		struct pollfd p = { .fd = reader_fd(r), .events = POLLIN };

		if (reader_next(r, e) == 1)
			return true;
		poll(&p, 1, 100);
	}
	return false;
}

static void
assert_next(struct reader *r, const char *text)
{
	struct reader_entry e;

	assert_true(wait_entry(r, &e));
	assert_int_equal(e.text_len, strlen(text));
	assert_memory_equal(e.text, text, e.text_len);
}

static void
test_follow(void **state)
{
	static const char *const a[] = { "a", NULL };
	struct reader_query q = { .names = a, .n = 1, .follow = true };
	char err[READER_ERR_MAX];
	struct reader *r;
	struct reader_entry e;

	(void)state;
	/* From before there is anything. */
	r = reader_open(root, &q, err);
	assert_non_null(r);
	assert_int_equal(reader_next(r, &e), 0);
	add("journal/20261120/health/2_a.log", "2026-11-20T10:00:00 [a:stdout] first\n");
	add("journal/health/.keep", "");
	assert_next(r, "first");
	reader_free(r);
	r = reader_open(root, &q, err);
	assert_next(r, "first");
	assert_int_equal(reader_next(r, &e), 0);
	add("journal/20261120/health/2_a.log",
	    "2026-11-20T10:00:01 [a:stdout] second\n2026-");
	assert_next(r, "second");
	assert_int_equal(reader_next(r, &e), 0);
	add("journal/20261120/health/2_a.log", "11-20T10:00:01 [a:stdout] third\n");
	assert_next(r, "third");
	/* The next day, and the next invocation. */
	add("journal/20261121/health/2_a.log", "2026-11-21T00:00:01 [a:stdout] day\n");
	assert_next(r, "day");
	add("journal/20261121/health/3_a.log", "2026-11-21T00:00:02 [a:stdout] again\n");
	assert_int_equal(
	    symlinkat("../20261121/health/3_a.log", root, "journal/health/a.log"), 0);
	assert_next(r, "again");
	add("journal/20261121/health/2_a.log", "2026-11-21T00:00:03 [a:stdout] late\n");
	assert_next(r, "late");
	/* A closed day is compressed meanwhile: its lines were shown. */
	add_gzip("journal/20261120/health/2_a.log.gz",
	    "2026-11-20T10:00:00 [a:stdout] first\n");
	assert_int_equal(unlinkat(root, "journal/20261120/health/2_a.log", 0), 0);
	add("journal/20261122/health/4_a.log", "2026-11-22T00:00:02 [a:stdout] new\n");
	assert_next(r, "new");
	assert_int_equal(reader_next(r, &e), 0);
	reader_free(r);
}

/* What somebody takes away or empties is made again by the logger, and goes on. */
static void
test_follow_made_again(void **state)
{
	static const char *const a[] = { "a", NULL };
	static const char file[] = "journal/20261120/health/2_a.log";
	struct reader_query q = { .names = a, .n = 1, .follow = true };
	char err[READER_ERR_MAX];
	struct reader_entry e;
	struct reader *r;
	int fd, day;

	(void)state;
	add(file, "2026-11-20T10:00:00 [a:stdout] first\n");
	add("journal/health/.keep", "");
	r = reader_open(root, &q, err);
	assert_non_null(r);
	assert_next(r, "first");
	assert_int_equal(reader_next(r, &e), 0);
	/* The file; what its end got meanwhile comes first. */
	fd = openat(root, file, O_WRONLY | O_APPEND);
	assert_true(fd != -1);
	assert_int_equal(unlinkat(root, file, 0), 0);
	assert_int_equal(reader_next(r, &e), 0);
	dprintf(fd, "2026-11-20T10:00:01 [a:stdout] to the old\n");
	close(fd);
	add(file, "2026-11-20T10:00:02 [a:stdout] to the new\n");
	assert_next(r, "to the old");
	assert_next(r, "to the new");
	assert_int_equal(reader_next(r, &e), 0);
	/* Emptied, and longer than nothing before the reader looks. */
	fd = openat(root, file, O_WRONLY | O_TRUNC);
	assert_true(fd != -1);
	dprintf(fd, "2026-11-20T10:00:03 [a:stdout] short\n");
	close(fd);
	assert_next(r, "short");
	assert_int_equal(reader_next(r, &e), 0);
	/* The end of it, which was no whole line: what is behind it is not said again. */
	add(file, "2026-11-20T10:00:03 [a:stdout] long\nhalf");
	assert_next(r, "long");
	assert_int_equal(reader_next(r, &e), 0);
	fd = openat(root, file, O_WRONLY | O_APPEND);
	assert_int_equal(ftruncate(fd, lseek(fd, 0, SEEK_END) - 4), 0);
	close(fd);
	assert_int_equal(reader_next(r, &e), 0);
	add(file, "2026-11-20T10:00:03 [a:stdout] whole\n");
	assert_next(r, "whole");
	/* The folder of the day; the reader sees each step by itself. */
	day = open_dir_at(root, "journal");
	assert_int_equal(rm_rf_at(day, "20261120", 1000), 0);
	assert_int_equal(reader_next(r, &e), 0);
	assert_int_equal(mkdirat(day, "20261120", 0755), 0);
	assert_int_equal(reader_next(r, &e), 0);
	assert_int_equal(mkdirat(day, "20261120/health", 0755), 0);
	assert_int_equal(reader_next(r, &e), 0);
	add(file, "2026-11-20T10:00:04 [a:stdout] day\n");
	assert_next(r, "day");
	close(day);
	/* And everything. */
	assert_int_equal(rm_rf_at(root, "journal", 1000), 0);
	assert_int_equal(reader_next(r, &e), 0);
	add(file, "2026-11-20T10:00:05 [a:stdout] all\n");
	assert_next(r, "all");
	assert_int_equal(reader_next(r, &e), 0);
	reader_free(r);
}

/* The end of a long compressed file. */
static void
test_end_of_gzip(void **state)
{
	static const char *const a[] = { "a", NULL };
	struct reader_query q = { .names = a, .n = 3 };
	char err[READER_ERR_MAX], want[20];
	struct buf text = { 0 };
	struct reader_entry e;
	struct reader *r;

	(void)state;
	for (int i = 0; i < 10000; i++)
		buf_addf(&text, "2026-11-19T10:00:00 [a:stdout] line %d\n", i);
	add_gzip("journal/20261119/health/1_a.log.gz", buf_str(&text));
	buf_free(&text);
	r = reader_open(root, &q, err);
	assert_non_null(r);
	for (int i = 9997; i < 10000; i++) {
		snprintf(want, sizeof(want), "line %d", i);
		assert_next(r, want);
	}
	assert_int_equal(reader_next(r, &e), 0);
	reader_free(r);
}

static void
test_lines_backwards(void **state)
{
	struct buf text = { 0 };
	struct lines *f;
	const char *s;
	size_t n;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_addf(
		    &text, "line %d%s\n", i, i % 1000 == 0 ? " and a longer one" : "");
	buf_adds(&text, "unfinished");
	add("x/file", buf_str(&text));
	f = lines_new_take_fd(openat(root, "x/file", O_RDONLY), false);
	for (int i = 19999; i >= 0; i--) {
		assert_int_equal(lines_prev(f, &s, &n), 1);
		assert_int_equal(strtol(s + 5, NULL, 10), i);
	}
	assert_int_equal(lines_prev(f, &s, &n), 0);
	assert_int_equal(lines_to_end(f), 0);
	assert_int_equal(lines_next(f, false, &s, &n), 0);
	add("x/file", " no more\n");
	assert_int_equal(lines_next(f, false, &s, &n), 1);
	assert_int_equal(n, strlen("unfinished no more"));
	lines_free(f);
	add("x/empty", "\n\nx\n");
	f = lines_new_take_fd(openat(root, "x/empty", O_RDONLY), false);
	assert_int_equal(lines_prev(f, &s, &n), 1);
	assert_int_equal(n, 1);
	assert_int_equal(lines_prev(f, &s, &n), 1);
	assert_int_equal(n, 0);
	assert_int_equal(lines_prev(f, &s, &n), 1);
	assert_int_equal(n, 0);
	assert_int_equal(lines_prev(f, &s, &n), 0);
	lines_free(f);
	buf_free(&text);
}

static void
add_events(const char *day, int from, int to)
{
	struct buf b = { 0 };
	char path[100];

	for (int i = from; i <= to; i++)
		buf_addf(&b,
		    "{\"seq\":%d,\"ts\":\"2026-11-21T10:30:45.000000Z\",\"event\":\"%s\","
		    "\"unit\":\"u%d.service\"}\n",
		    i, i % 2 == 0 ? "start" : "exit", i % 10);
	snprintf(path, sizeof(path), "journal/%s/events.jsonl", day);
	add(path, buf_str(&b));
	buf_free(&b);
}

static void
assert_events(const struct events_query *q, uint64_t first, size_t count)
{
	struct events *e = events_open(root, q);
	struct events_entry ev;
	size_t n = 0;

	assert_non_null(e);
	while (events_next(e, &ev) == 1)
		if (n++ == 0)
			assert_true(ev.seq == first);
	assert_int_equal(n, count);
	events_free(e);
}

static void
test_events(void **state)
{
	static const char *const units[] = { "u3.service", NULL }, *const kinds[] = {
		"sta*", NULL
	};
	struct events_query q = { .n = -1 };
	struct events_entry ev;
	struct events *e;

	(void)state;
	assert_events(&q, 0, 0);
	assert_true(events_last_seq(root) == 0);
	add_events("20261119", 1, 5000);
	add_events("20261120", 5001, 6000);
	add("journal/20261120/events.jsonl", "garbage\n{\"seq\":9}\n");
	add_events("20261121", 6001, 6100);
	assert_events(&q, 1, 6100);
	q.after_seq = 4321;
	assert_events(&q, 4322, 1779);
	q.after_seq = 6100;
	assert_events(&q, 0, 0);
	q.after_seq = 0;
	q.n = 150;
	assert_events(&q, 5951, 150);
	q.units = units;
	q.n = 10;
	assert_events(&q, 6003, 10);
	q.n = -1;
	q.kinds = kinds;
	assert_events(&q, 0, 0);
	assert_true(events_last_seq(root) == 6100);
	/* The clock was set back, for long enough to make a file of an earlier day. */
	add_events("20261115", 6101, 6200);
	q = (struct events_query){ .n = -1 };
	assert_events(&q, 1, 6200);
	q.after_seq = 6050;
	assert_events(&q, 6051, 150);
	q = (struct events_query){ .n = 120 };
	assert_events(&q, 6081, 120);
	assert_true(events_last_seq(root) == 6200);
	assert_int_equal(unlinkat(root, "journal/20261115/events.jsonl", 0), 0);
	q = (struct events_query){ .n = 0, .follow = true };
	e = events_open(root, &q);
	assert_int_equal(events_next(e, &ev), 0);
	add_events("20261121", 6101, 6101);
	add_events("20261122", 6102, 6102);
	for (uint64_t want = 6101; want <= 6102;) {
		struct pollfd p = { .fd = events_fd(e), .events = POLLIN };
		int r = events_next(e, &ev);

		assert_int_not_equal(r, -1);
		if (r == 1)
			assert_true(ev.seq == want++);
		else
			assert_int_equal(poll(&p, 1, 30000), 1);
	}
	events_free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_queries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_of_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_follow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_follow_made_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_end_of_gzip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_backwards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_events, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
