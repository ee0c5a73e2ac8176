/*
 * Tests of the bounds of the journal: what goes, and above all what stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <zlib.h>

#include "logger_fake.h"

static void
make(struct fake *f, const char *path, size_t size, unsigned days_old)
{
	char folder[300], *data = calloc(1, size + 1);
	struct timespec times[2];
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(mkdir_p_at(f->root_fd, folder, 0750), 0);
	memset(data, 'x', size);
	fd = openat(f->root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd != -1 && full_write(fd, data, size) == 0);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= (time_t)days_old * 86400;
	times[1] = times[0];
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
	free(data);
}

static bool
exists(struct fake *f, const char *path)
{
	struct stat st;

	return fstatat(f->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static const struct msg_vacuum_done *
run(struct fake *f, uint64_t bytes, uint64_t age_days)
{
	unsigned before = f->count[MSG_VACUUM_DONE];
	struct msg m;

	msg_init(&m, MSG_VACUUM);
	m.u.VACUUM.id = ++f->seq;
	m.u.VACUUM.max_bytes = bytes;
	m.u.VACUUM.max_age_us = age_days * USEC_PER_DAY;
	fake_send(&f->manager, &m);
	return &fake_wait(f, MSG_VACUUM_DONE, before)->u.VACUUM_DONE;
}

/* What a child does beside the logger. */
static void
wait_gone(struct fake *f, const char *path)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	while (exists(f, path)) {
		assert_true(fake_now_ms() < until);
		fake_poll(f, 20);
	}
}

static void
test_age_and_strangers(void **state)
{
	struct fake *f = fake_new(NULL);
	const struct msg_vacuum_done *d;

	(void)state;
	make(f, "journal/20200101/health/1_a.log", 100, 400);
	make(f, "journal/20200101/health/notes.txt", 100, 400);
	make(f, "journal/20200101/health/a.log.old", 100, 400);
	make(f, "journal/20200101/events.jsonl", 100, 400);
	make(f, "journal/20200102/health/2_a.log", 100, 400);
	make(f, "journal/20200103/health/3_a.log", 100, 400);
	make(f, "journal/20200103/health/4_only.log", 100, 400);
	make(f, "journal/20200102/deeper/health/5_a.log", 100, 400);
	make(f, "keep/precious", 100, 400);
	assert_int_equal(
	    symlinkat("2_a.log", f->root_fd, "journal/20200102/health/a.log"), 0);
	assert_int_equal(linkat(f->root_fd, "keep/precious", f->root_fd,
			     "journal/20200102/health/9_hard.log", 0),
	    0);
	fake_start(f);
	d = run(f, 0, 30);
	assert_int_equal(d->err, 0);
	assert_int_equal(d->files, 3);
	assert_int_equal(d->freed_bytes, 300);
	assert_false(exists(f, "journal/20200101/health/1_a.log"));
	assert_false(exists(f, "journal/20200101/events.jsonl"));
	assert_false(exists(f, "journal/20200102/health/2_a.log"));
	assert_false(exists(f, "journal/20200102/health/a.log"));
	/* The newest of each unit, and everything that is not ours. */
	assert_true(exists(f, "journal/20200103/health/3_a.log"));
	assert_true(exists(f, "journal/20200103/health/4_only.log"));
	assert_true(exists(f, "journal/20200101/health/notes.txt"));
	assert_true(exists(f, "journal/20200101/health/a.log.old"));
	assert_true(exists(f, "journal/20200102/deeper/health/5_a.log"));
	assert_true(exists(f, "journal/20200102/health/9_hard.log"));
	assert_true(exists(f, "keep/precious"));
	fake_free(f);
}

static void
test_nothing_there(void **state)
{
	struct fake *f = fake_new(NULL);
	const struct msg_vacuum_done *d;

	(void)state;
	fake_start(f);
	d = run(f, 1, 1);
	assert_int_equal(d->err, 0);
	assert_int_equal(d->files, 0);
	fake_free(f);
}

static void
test_total_and_unit_bytes(void **state)
{
	struct fake *f = fake_new(NULL);
	const struct msg_vacuum_done *d;
	char path[100];

	(void)state;
	for (int i = 1; i <= 20; i++) {
		snprintf(path, sizeof(path), "journal/202001%02d/health/%d_a.log", i, i);
		make(f, path, 1000, 10);
	}
	make(f, "journal/20200120/health/1_b.log", 1000, 10);
	fake_start(f);
	/* A file in use is never deleted, however old its day. */
	snprintf(fake_open(f, 0, "a", "1")->conf.day, PROTO_DAY_MAX, "20200101");
	fake_tell_open(f, 0);
	assert_int_equal(full_write(f->slot[0].w[0], "x\n", 2), 0);
	fake_barrier(f, 0);
	d = run(f, 10000, 0);
	assert_true(d->freed_bytes >= 11000 && d->freed_bytes < 13000);
	assert_true(exists(f, "journal/20200101/health/1_a.log"));
	assert_false(exists(f, "journal/20200102"));
	assert_true(exists(f, "journal/20200120/health/20_a.log"));
	assert_true(exists(f, "journal/20200120/health/1_b.log"));
	/* The configured bound of a unit. */
	f->t->log_settings.unit_max_bytes = 3000;
	d = run(f, 0, 0);
	assert_true(d->files > 0);
	assert_true(exists(f, "journal/20200120/health/20_a.log"));
	assert_true(exists(f, "journal/20200119/health/19_a.log"));
	assert_false(exists(f, "journal/20200116/health/16_a.log"));
	assert_true(exists(f, "journal/20200101/health/1_a.log"));
	fake_free(f);
}

/* Recordings go as logs do, count for their unit, and the newest stays. */
static void
test_recordings(void **state)
{
	static const struct {
		const char *path;
		bool stays;
	} files[] = {
		{ "journal/20200101/health/1_a.cast", false },
		{ "journal/20200102/health/2_a.cast", true },
		{ "journal/20200103/health/3_a.log", true },
		{ "journal/20200101/health/4_b.cast.gz", true }, /* none of ours */
		{ "journal/20200101/health/a.cast.old", true },
		{ "journal/20200101/health/job_5_c_d.cast", false },
		{ "journal/20200102/health/job_6_c_d.cast", true },
	};
	struct fake *f = fake_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		make(f, files[i].path, 0, 400);
	for (int i = 5; i < 7; i++) {
		struct timespec old[2] = { { .tv_sec = 1577880000 },
			{ .tv_sec = 1577880000 } };
		int fd = openat(f->root_fd, files[i].path, O_WRONLY | O_CLOEXEC);

		assert_true(
		    dprintf(fd, "{\"version\":2,\"title\":\"c_d.service\"}\n") > 0);
		assert_int_equal(futimens(fd, old), 0);
		close(fd);
	}
	assert_int_equal(
	    symlinkat("1_a.cast", f->root_fd, "journal/20200101/health/a.cast"), 0);
	fake_start(f);
	assert_int_equal(run(f, 0, 30)->files, 2);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(exists(f, files[i].path), files[i].stays);
	assert_false(exists(f, "journal/20200101/health/a.cast"));
	fake_free(f);
}

/* A file with one line of that log; its time is that of make. */
static void
make_line(struct fake *f, const char *path, const char *name)
{
	struct timespec times[2];
	struct stat st;
	gzFile gz;
	int fd;

	make(f, path, 0, 400);
	assert_int_equal(fstatat(f->root_fd, path, &st, 0), 0);
	fd = openat(f->root_fd, path, O_WRONLY | O_CLOEXEC);
	assert_true(fd != -1);
	if (strstr(path, ".gz") != NULL) {
		gz = gzdopen(fd, "wb");
		assert_true(
		    gzprintf(gz, "2020-01-01T10:00:00 [%s:stdout] x\n", name) > 0);
		gzclose(gz);
	} else {
		dprintf(fd, "2020-01-01T10:00:00 [%s:stdout] x\n", name);
		close(fd);
	}
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(f->root_fd, path, times, 0), 0);
}

/* The name of a file does not say where a caller's ref ends: the lines do. */
static void
test_refs_with_underscores(void **state)
{
	static const struct {
		const char *path, *name;
		bool stays;
	} files[] = {
		{ "journal/20200101/health/job_1_unit.log", "unit", false },
		{ "journal/20200101/health/20200102_2_unit.log.gz", "unit", false },
		{ "journal/20200102/health/job_3_unit.log", "unit", true },
		{ "journal/20200101/health/5_my_unit.log", "my_unit", false },
		{ "journal/20200102/health/6_my_unit.log", "my_unit", true },
		{ "journal/20200101/health/1577880000000_my_unit.log", "my_unit", false },
		/* The only one of its unit. */
		{ "journal/20200101/health/job_7_other_unit.log", "other_unit", true },
	};
	struct fake *f = fake_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		make_line(f, files[i].path, files[i].name);
	fake_start(f);
	assert_int_equal(run(f, 0, 1)->files, 4);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (exists(f, files[i].path) != files[i].stays)
			fail_msg(
			    "%s %s", files[i].path, files[i].stays ? "is gone" : "stays");
	fake_free(f);
}

static void
test_compression(void **state)
{
	struct fake *f = fake_new(NULL);
	char full[300], data[2000];
	gzFile gz;

	(void)state;
	make(f, "journal/20200101/health/1_a.log", 1000, 400);
	make(f, "journal/20200102/health/2_a.log", 1000, 399);
	assert_int_equal(
	    symlinkat("1_a.log", f->root_fd, "journal/20200101/health/a.log"), 0);
	f->t->log_settings.compress_after_us = USEC_PER_DAY;
	fake_start(f);
	run(f, 0, 0);
	wait_gone(f, "journal/20200101/health/1_a.log");
	assert_true(exists(f, "journal/20200102/health/2_a.log"));
	snprintf(full, sizeof(full), "%s/journal/20200101/health/a.log", f->dir);
	gz = gzopen(full, "rb");
	assert_non_null(gz);
	assert_int_equal(gzread(gz, data, sizeof(data)), 1000);
	gzclose(gz);
	fake_free(f);
}

static void
test_what_is_not_ours_to_replace(void **state)
{
	struct fake *f = fake_new(NULL);
	struct stat st;

	(void)state;
	make(f, "journal/20200101/health/1_a.log", 1000, 400);
	make(f, "journal/20200101/health/1_a.log.gz", 77, 300);
	make(f, "journal/20200101/health/2_a.log", 1000, 400);
	make(f, "journal/20200105/health/3_a.log", 1000, 400);
	/* The days of another, behind a link. */
	make(f, "other/20200102/health/1_b.log", 100, 400);
	make(f, "other/20200102/health/2_b.log", 100, 400);
	make(f, "other/20200102/events.jsonl", 100, 400);
	assert_int_equal(
	    symlinkat("../other/20200102", f->root_fd, "journal/20200102"), 0);
	f->t->log_settings.compress_after_us = USEC_PER_DAY;
	fake_start(f);
	run(f, 0, 0);
	wait_gone(f, "journal/20200101/health/2_a.log");
	/* Lines of another run of the same name are in it: neither is lost. */
	assert_true(exists(f, "journal/20200101/health/1_a.log"));
	assert_int_equal(
	    fstatat(f->root_fd, "journal/20200101/health/1_a.log.gz", &st, 0), 0);
	assert_int_equal(st.st_size, 77);
	run(f, 0, 30);
	assert_true(exists(f, "other/20200102/health/1_b.log"));
	assert_true(exists(f, "other/20200102/health/2_b.log"));
	assert_true(exists(f, "other/20200102/events.jsonl"));
	assert_false(exists(f, "journal/20200101"));
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_age_and_strangers),
		cmocka_unit_test(test_total_and_unit_bytes),
		cmocka_unit_test(test_recordings),
		cmocka_unit_test(test_refs_with_underscores),
		cmocka_unit_test(test_compression),
		cmocka_unit_test(test_what_is_not_ours_to_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
