/*
 * Tests of a write that stops in the middle and cannot be taken back: what is in the file
 * already is not written a second time, however long that lasts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/syscall.h>

#include "logger_fake.h"

enum { HALF = 20 }; /* bytes that the disk takes before it takes no more */

/* What fails, for the logger, too. */
static struct {
	int cut;      /* writes to files stop after HALF bytes, then fail: ENOSPC */
	int truncate; /* errno of ftruncate; 0: it works */
	unsigned cuts, truncates;
	bool is_half;
} * faults;

ssize_t
write(int fd, const void *p, size_t n)
{
	struct stat st;

	/* (What is on stderr goes there.) */
	if (faults == NULL || !faults->cut || n == 0 ||
	    (fcntl(fd, F_GETFL) & O_APPEND) == 0 || fstat(fd, &st) == -1 ||
	    !S_ISREG(st.st_mode))
		return syscall(SYS_write, fd, p, n);
	if (faults->is_half) {
		faults->is_half = false;
		faults->cuts++;
		errno = ENOSPC;
		return -1;
	}
	faults->is_half = true;
	return syscall(SYS_write, fd, p, n < HALF ? n : HALF);
}

int
ftruncate(int fd, off_t size)
{
	if (faults == NULL || faults->truncate == 0)
		return (int)syscall(SYS_ftruncate, fd, size);
	faults->truncates++;
	errno = faults->truncate;
	return -1;
}

static int
set_up(void **state)
{
	(void)state;
	faults = mmap(NULL, sizeof(*faults), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return faults == MAP_FAILED ? -1 : 0;
}

static void
fail_with(int cut, int truncate)
{
	faults->cut = cut;
	faults->truncate = truncate;
	faults->is_half = false;
	faults->cuts = faults->truncates = 0;
}

/* Until *count has grown by n, with nothing more stored meanwhile than was. */
static void
wait_count(struct fake *f, const unsigned *count, unsigned n)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;
	unsigned from = *(const volatile unsigned *)count;

	while (*(const volatile unsigned *)count - from < n) {
		assert_true(fake_now_ms() < until);
		assert_true(fake_poll(f, 10));
		assert_true(f->acked < 2);
		assert_int_equal(f->reports[STREAM_RESUMED], 0);
	}
}

static void
wait_acked(struct fake *f, uint64_t seq)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	while (f->acked < seq) {
		assert_true(fake_now_ms() < until);
		assert_true(fake_poll(f, 10));
	}
}

/* The events of this file, by their numbers, each whole and on a line of its own. */
static void
assert_events(struct fake *f, const char *path, unsigned n)
{
	struct buf b = fake_read(f, path);
	const char *s = buf_str(&b), *end;
	unsigned seq = 0;

	for (; (end = strchr(s, '\n')) != NULL; s = end + 1) {
		char want[32];

		snprintf(want, sizeof(want), "{\"seq\":%u,", ++seq);
		assert_true(strncmp(s, want, strlen(want)) == 0);
		assert_int_equal(end[-1], '}');
		assert_null(memmem(s + 1, (size_t)(end - s) - 1, "{\"seq", 5));
	}
	assert_int_equal(seq, n);
	buf_free(&b);
}

/* The last line is the second event, whole and alone. */
static void
assert_last_is_whole(struct fake *f, const char *path)
{
	struct buf b = fake_read(f, path);
	const char *last;

	assert_memory_equal(buf_str(&b), "{\"seq\":1,", 9);
	assert_int_equal(b.data[b.len - 1], '\n');
	last = memrchr(b.data, '\n', b.len - 1);
	assert_memory_equal(last + 1, "{\"seq\":2,", 9);
	assert_null(strstr(last + 2, "{\"seq\""));
	buf_free(&b);
}

/* A logger that has stored one event, and half of the second one. */
static struct fake *
with_half_an_event(uint32_t flags)
{
	struct fake *f;

	fail_with(0, 0);
	f = fake_new(NULL);
	fake_start(f);
	fake_event(f, 1, flags);
	wait_acked(f, 1);
	fail_with(1, EIO);
	fake_event(f, 2, flags);
	wait_count(f, &faults->truncates, 1);
	return f;
}

static void
test_events(void **state)
{
	struct fake *f = with_half_an_event(0);

	(void)state;
	/* The disk takes bytes again, but not these ones back. */
	faults->cut = 0;
	wait_count(f, &faults->truncates, 2);
	fake_event(f, 3, 0);
	faults->truncate = 0;
	wait_acked(f, 3);
	assert_events(f, "journal/events.jsonl", 3);
	fake_free(f);
}

static void
test_events_and_a_kill(void **state)
{
	struct fake *f = with_half_an_event(0);

	(void)state;
	fake_kill(f);
	/* The next one cannot take them back at first, either. */
	faults->cut = 0;
	fake_start(f);
	wait_count(f, &faults->truncates, 2);
	faults->truncate = 0;
	wait_acked(f, 2);
	assert_events(f, "journal/events.jsonl", 2);
	fake_free(f);
}

static void
test_wishes(void **state)
{
	struct fake *f = with_half_an_event(RING_WISH);

	(void)state;
	faults->cut = 0;
	wait_acked(f, 2);
	faults->truncate = 0;
	/* Half a wish may stay, but on a line of its own. */
	assert_last_is_whole(f, "state/wishes");
	assert_events(f, "journal/events.jsonl", 2);
	fake_free(f);
}

/* A file that takes nothing back for good is not waited for. */
static void
test_events_append_only(void **state)
{
	struct fake *f;

	(void)state;
	fail_with(0, 0);
	f = fake_new(NULL);
	fake_start(f);
	fake_event(f, 1, 0);
	wait_acked(f, 1);
	fail_with(1, EPERM);
	fake_event(f, 2, 0);
	wait_count(f, &faults->truncates, 1);
	faults->cut = 0;
	wait_acked(f, 2);
	assert_last_is_whole(f, "journal/events.jsonl");
	fake_free(f);
}

/* ---- the same for a log ---- */

static struct fake *
with_half_a_line(int error)
{
	struct fake *f;

	fail_with(0, 0);
	f = fake_new(NULL);
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	assert_int_equal(full_write(f->slot[0].w[0], "one\n", 4), 0);
	fake_barrier(f, 0);
	fail_with(1, error);
	assert_int_equal(full_write(f->slot[0].w[0], "two\n", 4), 0);
	wait_count(f, &faults->truncates, 1);
	return f;
}

static void
wait_resumed(struct fake *f)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	while (f->reports[STREAM_RESUMED] == 0) {
		assert_true(fake_now_ms() < until);
		assert_true(fake_poll(f, 10));
	}
}

static void
test_log(void **state)
{
	struct fake *f = with_half_a_line(EIO);
	struct buf b;

	(void)state;
	faults->cut = 0;
	wait_count(f, &faults->truncates, 2);
	faults->truncate = 0;
	wait_resumed(f);
	fake_close(f, 0);
	b = fake_read(f, "journal/health/a.log");
	/* Two lines, of which the second one is whole. */
	assert_int_equal(strcspn(buf_str(&b), "\n") * 2 + 2, b.len);
	assert_non_null(strstr(buf_str(&b), "] one\n"));
	assert_non_null(strstr(buf_str(&b), "] two\n"));
	buf_free(&b);
	fake_free(f);
}

static void
test_log_append_only(void **state)
{
	struct fake *f = with_half_a_line(EPERM);

	(void)state;
	faults->cut = 0;
	wait_resumed(f);
	fake_free(f);
}

/* Somebody wrote behind the half batch: that is not ours to take back. */
static void
test_log_of_two_writers(void **state)
{
	struct fake *f = with_half_a_line(EIO);
	struct buf b;
	int fd;

	(void)state;
	fd = openat(f->root_fd, "journal/health/a.log", O_WRONLY | O_APPEND);
	assert_true(fd != -1);
	assert_int_equal(syscall(SYS_write, fd, "guest\n", 6), 6);
	close(fd);
	faults->cut = 0;
	faults->truncate = 0;
	wait_resumed(f);
	fake_close(f, 0);
	b = fake_read(f, "journal/health/a.log");
	assert_non_null(strstr(buf_str(&b), "guest\n"));
	assert_non_null(strstr(buf_str(&b), "] two\n"));
	buf_free(&b);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_events_and_a_kill),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_events_append_only),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_log_append_only),
		cmocka_unit_test(test_log_of_two_writers),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
