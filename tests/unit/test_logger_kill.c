/*
 * Exactly once: the real logger role, killed with -9 hundreds of times under 20 writers,
 * at random moments and at each step of the protocol, in the middle of days that change.
 * Every line is in the log once, whole and in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../seed.h"
#include "logger_fake.h"

enum {
	WRITERS = 20,
	LINES = 4000,
	KILLS = 300,
};

static const int steps[] = { 5, 10, 20, 30, 40, 50, 55, 60, 65, 70, 80, 100, 110, 120,
	130 };

static unsigned long
rnd(unsigned long *s)
{
	*s = *s * 6364136223846793005UL + 1442695040888963407UL;
	return *s >> 33;
}

/* The text of line n of a writer: of a length that changes, and that it proves. */
static size_t
text_of(char *dst, unsigned writer, unsigned stream, unsigned n)
{
	unsigned len = (n * 7919 + writer * 104729 + stream * 31) % 150;
	int at = sprintf(dst, "w%u s%u n%u len%u ", writer, stream, n, len);

	for (unsigned i = 0; i < len; i++)
		dst[at++] = (char)('a' + (n + i) % 26);
	if (n % 500 == 499) {
		/* Some are longer than a pipe's page. */
		memset(dst + at, 'z', 6000);
		at += 6000;
	}
	dst[at++] = '\n';
	return (size_t)at;
}

/* Writes in pieces that know nothing of lines. */
static void
writer(struct fake *f, unsigned w, unsigned long seed)
{
	static char text[512 * 1024];
	unsigned next[2] = { 0, 0 };
	char tail[2][16384];
	size_t left[2] = { 0, 0 };

	while (next[0] < LINES || next[1] < LINES || left[0] > 0 || left[1] > 0) {
		unsigned s = (unsigned)rnd(&seed) % 2;
		size_t n = left[s], out;

		memcpy(text, tail[s], left[s]);
		for (unsigned k = (unsigned)(rnd(&seed) % 60); k > 0 && next[s] < LINES;
		     k--)
			n += text_of(text + n, w, s, next[s]++);
		if (n == 0)
			continue;
		out = next[s] == LINES ? n : rnd(&seed) % n;
		left[s] = n - out;
		if (left[s] > sizeof(tail[s])) {
			out += left[s] - sizeof(tail[s]);
			left[s] = sizeof(tail[s]);
		}
		memcpy(tail[s], text + out, left[s]);
		if (full_write(f->slot[w].w[s], text, out) == -1)
			_exit(1);
		/* Spread over many lives of the logger, now and then without a pause. */
		if (rnd(&seed) % 4 != 0)
			poll(NULL, 0, (int)(rnd(&seed) % 40));
	}
	_exit(0);
}

struct check {
	unsigned next[2];
	unsigned others;
};

static void
check_line(struct check *c, unsigned w, const char *s, size_t n)
{
	static char want[16384];
	const char *text = memchr(s, ']', n);
	unsigned stream;
	size_t len;

	if (text == NULL || memmem(s, n, ":supd]", 6) != NULL) {
		c->others++;
		return;
	}
	text += 2;
	stream = memmem(s, (size_t)(text - s), ":stdout]", 8) != NULL ? 0 : 1;
	len = text_of(want, w, stream, c->next[stream]) - 1;
	if ((size_t)(s + n - text) != len || memcmp(text, want, len) != 0)
		fail_msg("writer %u stream %u: line %u expected, got \"%.*s\"", w, stream,
		    c->next[stream], (int)(s + n - text > 80 ? 80 : s + n - text), text);
	c->next[stream]++;
}

/* All days of a writer, in order. */
static void
check_writer(struct fake *f, unsigned w, int64_t first_us, int days)
{
	struct check c = { { 0, 0 }, 0 };

	for (int d = 0; d < days; d++) {
		char day[CLOCK_DAY_MAX], path[200];
		struct buf b;
		const char *s, *end;

		clock_day(
		    day, sizeof(day), (uint64_t)first_us + (uint64_t)d * USEC_PER_DAY);
		snprintf(
		    path, sizeof(path), "journal/%s/health/%u_w%u.log", day, 100 + w, w);
		b = fake_read(f, path);
		for (s = b.data; s != NULL; s = end + 1) {
			end = memchr(s, '\n', (size_t)(b.data + b.len - s));
			if (end == NULL)
				break;
			check_line(&c, w, s, (size_t)(end - s));
		}
		buf_free(&b);
	}
	assert_int_equal(c.next[0], LINES);
	assert_int_equal(c.next[1], LINES);
	assert_int_equal(c.others, 0);
}

static void
check_events(struct fake *f, uint64_t last, int64_t first_us, int days)
{
	uint64_t next = 1;

	for (int d = 0; d < days; d++) {
		char day[CLOCK_DAY_MAX], path[200];
		const char *s, *end;
		struct buf b;

		clock_day(
		    day, sizeof(day), (uint64_t)first_us + (uint64_t)d * USEC_PER_DAY);
		snprintf(path, sizeof(path), "journal/%s/events.jsonl", day);
		b = fake_read(f, path);
		for (s = buf_str(&b); (end = strchr(s, '\n')) != NULL; s = end + 1) {
			unsigned long long seq = 0;

			assert_int_equal(sscanf(s, "{\"seq\":%llu,", &seq), 1);
			assert_int_equal(seq, next);
			assert_int_equal(end[-1], '}');
			next++;
		}
		assert_int_equal(*s, '\0');
		buf_free(&b);
	}
	assert_int_equal(next, last + 1);
}

static pid_t pids[WRITERS];

static bool
writers_run(void)
{
	bool any = false;

	for (unsigned w = 0; w < WRITERS; w++) {
		int status;

		if (pids[w] == 0)
			continue;
		if (waitpid(pids[w], &status, WNOHANG) == 0) {
			any = true;
			continue;
		}
		assert_int_equal(status, 0);
		pids[w] = 0;
	}
	return any;
}

/* One life of a logger: until it kills itself at a step, or we do, after up to 30 ms and
 * more_ms. */
static void
one_life(struct fake *f, unsigned long *seed, uint64_t *events, unsigned more_ms)
{
	uint64_t until;

	fake_kill_step = -1;
	if (rnd(seed) % 3 != 0) {
		fake_kill_step = steps[rnd(seed) % (sizeof(steps) / sizeof(steps[0]))];
		fake_kill_passes = 1 + (int)(rnd(seed) % 40);
	}
	fake_start(f);
	until = fake_now_ms() + 1 + rnd(seed) % 30 + more_ms;
	while (fake_now_ms() < until) {
		if (rnd(seed) % 2 == 0)
			fake_event(f, ++*events, rnd(seed) % 10 == 0 ? RING_WISH : 0);
		if (!fake_poll(f, 1))
			return;
	}
	fake_kill(f);
}

static void
test_every_line_once(void **state)
{
	struct fake *f = fake_new(NULL);
	unsigned long seed = seed_of(NULL);
	uint64_t events = 0;
	int64_t first_us;
	int kills, busy = 0, days = 1;

	(void)state;
	fake_clock_shared = mmap(NULL, sizeof(*fake_clock_shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*fake_clock_shared = 0;
	clock_set_source(fake_clock, NULL);
	first_us = (int64_t)clock_wall_us();
	for (unsigned w = 0; w < WRITERS; w++) {
		char name[16], ref[16];

		snprintf(name, sizeof(name), "w%u", w);
		snprintf(ref, sizeof(ref), "%u", 100 + w);
		fake_open(f, w, name, ref);
	}
	for (unsigned w = 0; w < WRITERS; w++) {
		pids[w] = fork();
		assert_true(pids[w] >= 0);
		if (pids[w] == 0)
			writer(f, w, seed + w);
	}
	for (unsigned w = 0; w < WRITERS; w++)
		fake_close_writers(f, w);
	for (kills = 0; kills < KILLS || writers_run(); kills++) {
		assert_true(kills < 100000);
		/* On a busy machine none may live to read a thing: each a little longer.
		 */
		one_life(
		    f, &seed, &events, kills < KILLS ? 0 : (unsigned)(kills - KILLS));
		busy += writers_run();
		/* Now and then it is another day. */
		if (kills % 100 == 50 && days < 4) {
			*fake_clock_shared += INT64_C(86400) * 1000000;
			days++;
		}
	}
	fake_kill_step = -1;
	fake_start(f);
	for (unsigned w = 0; w < WRITERS; w++)
		fake_close(f, w);
	while (f->acked < events)
		assert_true(fake_poll(f, 50));
	for (unsigned w = 0; w < WRITERS; w++)
		check_writer(f, w, first_us, days + 1);
	check_events(f, events, first_us, days + 1);
	print_message("%d kills, %d of them under load, %d days, %d lines, %llu events\n",
	    kills, busy, days, WRITERS * 2 * LINES, (unsigned long long)events);
	fake_free(f);
	fake_clock_shared = NULL;
}

/* ---- a flood ---- */

enum {
	FLOODERS = 2,
	FLOOD_LINES = 200000,
	FLOOD_LINE = 109, /* no divisor of a pipe */
};

static void
flood_line(char *dst, unsigned w, unsigned n)
{
	int at = sprintf(dst, "w%u n%07u ", w, n);

	memset(dst + at, 'a' + (int)(n % 26), (size_t)(FLOOD_LINE - 1 - at));
	dst[FLOOD_LINE - 1] = '\n';
}

/* As fast as it can, cut anywhere. */
static void
flooder(struct fake *f, unsigned w)
{
	static char text[600 * FLOOD_LINE + 1];
	size_t have = 0;

	for (unsigned n = 0; n < FLOOD_LINES; n++) {
		flood_line(text + have, w, n);
		have += FLOOD_LINE;
		if (have + FLOOD_LINE < sizeof(text) && n + 1 < FLOOD_LINES)
			continue;
		size_t out = n + 1 < FLOOD_LINES ? have - n % 1000 : have;

		if (full_write(f->slot[w].w[0], text, out) == -1)
			_exit(1);
		have -= out;
		memmove(text, text + out, have);
	}
	_exit(0);
}

static void
check_flood(struct fake *f, unsigned w)
{
	char path[64], want[FLOOD_LINE + 1];
	const char *s, *end, *text;
	unsigned n = 0;
	struct buf b;

	snprintf(path, sizeof(path), "journal/health/w%u.log", w);
	b = fake_read(f, path);
	for (s = buf_str(&b); (end = strchr(s, '\n')) != NULL; s = end + 1, n++) {
		flood_line(want, w, n);
		text = end + 1 - FLOOD_LINE;
		if (text < s || memcmp(text, want, FLOOD_LINE) != 0)
			fail_msg("writer %u: line %u expected, got \"%.60s\"", w, n, s);
	}
	assert_int_equal(n, FLOOD_LINES);
	buf_free(&b);
}

/* Pipes that were made larger, turns of more than 64 KiB, and deaths at each step. */
static void
test_flood_once(void **state)
{
	struct fake *f = fake_new(NULL);
	unsigned long seed = seed_of(NULL);
	int kills = 0;

	(void)state;
	for (unsigned w = 0; w < FLOODERS; w++) {
		char name[16];

		snprintf(name, sizeof(name), "w%u", w);
		fake_open(f, w, name, "1");
	}
	for (unsigned w = 0; w < FLOODERS; w++) {
		pids[w] = fork();
		assert_true(pids[w] >= 0);
		if (pids[w] == 0)
			flooder(f, w);
	}
	for (unsigned w = 0; w < FLOODERS; w++)
		fake_close_writers(f, w);
	do {
		fake_kill_step = steps[rnd(&seed) % 10]; /* those of a batch */
		fake_kill_passes = 1 + (int)(rnd(&seed) % 12);
		fake_start(f);
		while (fake_poll(f, 20) && writers_run())
			;
		kills += f->pid == 0;
		fake_kill(f);
	} while (writers_run());
	fake_kill_step = -1;
	for (unsigned w = 0; w < FLOODERS; w++)
		assert_true(fcntl(f->slot[w].r[0], F_GETPIPE_SZ) > 64 * 1024);
	assert_true(fcntl(f->pipes[3], F_GETPIPE_SZ) > 64 * 1024);
	fake_start(f);
	for (unsigned w = 0; w < FLOODERS; w++)
		fake_close(f, w);
	for (unsigned w = 0; w < FLOODERS; w++)
		check_flood(f, w);
	print_message("%d kills in a flood\n", kills);
	assert_true(kills > 10);
	fake_free(f);
}

/* Killed at each step once, with a line of known length; then the same with a longer
 * file by a stranger, which is left alone. */
static void
test_each_step(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct fake *f = fake_new(NULL);
		struct buf b;
		size_t lines = 0;

		if (steps[i] >= 80) {
			fake_free(f);
			continue;
		}
		fake_open(f, 0, "a", "1");
		for (int k = 0; k < 10; k++)
			assert_int_equal(
			    full_write(f->slot[0].w[0], "line\npart ", 10), 0);
		fake_kill_step = steps[i];
		fake_kill_passes = 1;
		fake_start(f);
		while (fake_poll(f, 50))
			assert_true(fake_now_ms() < UINT64_MAX);
		/* The recovery dies, too. */
		fake_kill_step = 80;
		fake_kill_passes = 1;
		fake_start(f);
		fake_close_writers(f, 0);
		fake_kill_step = -1;
		fake_close(f, 0);
		b = fake_read(f, "journal/health/a.log");
		for (size_t k = 0; k < b.len; k++)
			lines += b.data[k] == '\n';
		assert_int_equal(lines, 11);
		buf_free(&b);
		fake_free(f);
	}
}

static void
test_disturbed_file_is_left_alone(void **state)
{
	struct fake *f = fake_new(NULL);
	struct buf b;
	int fd;

	(void)state;
	fake_open(f, 0, "a", "1");
	assert_int_equal(full_write(f->slot[0].w[0], "one\n", 4), 0);
	fake_kill_step = 20; /* the intent stands, nothing is written */
	fake_kill_passes = 1;
	fake_start(f);
	while (fake_poll(f, 50))
		;
	fake_kill_step = -1;
	fd = openat(f->root_fd, "journal/health/a.log", O_WRONLY | O_APPEND);
	assert_true(fd != -1);
	assert_int_equal(
	    full_write(fd, "somebody else's words, longer than the line\n", 44), 0);
	close(fd);
	fake_start(f);
	fake_barrier(f, 0);
	b = fake_read(f, "journal/health/a.log");
	assert_memory_equal(
	    buf_str(&b), "somebody else's words, longer than the line\n", 44);
	assert_non_null(strstr(buf_str(&b), "[a:stdout] one\n"));
	assert_true(f->reports[STREAM_DISTURBED] > 0);
	buf_free(&b);
	fake_free(f);
}

/* All of supd dies with a batch taken, and staging with it: what came after it stays. */
static void
test_staging_is_lost(void **state)
{
	struct fake *f = fake_new(NULL);
	struct buf b;

	(void)state;
	fake_open(f, 0, "a", "1");
	assert_int_equal(full_write(f->slot[0].w[0], "one\n", 4), 0);
	fake_kill_step = 40; /* written and taken, not yet noted */
	fake_kill_passes = 1;
	fake_start(f);
	while (fake_poll(f, 50))
		;
	fake_kill_step = -1;
	close(f->pipes[2]);
	close(f->pipes[3]);
	assert_int_equal(pipe2(f->pipes + 2, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(full_write(f->slot[0].w[0], "two\n", 4), 0);
	fake_start(f);
	fake_close(f, 0);
	b = fake_read(f, "journal/health/a.log");
	assert_int_equal(b.len, 2 * strlen("2026-11-21T10:30:45 [a:stdout] one\n"));
	assert_non_null(strstr(buf_str(&b), "] one\n"));
	assert_non_null(strstr(buf_str(&b), "] two\n"));
	buf_free(&b);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_step),
		cmocka_unit_test(test_staging_is_lost),
		cmocka_unit_test(test_disturbed_file_is_left_alone),
		cmocka_unit_test(test_every_line_once),
		cmocka_unit_test(test_flood_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
