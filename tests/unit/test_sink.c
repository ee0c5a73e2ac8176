/*
 * Tests of the logger without kills: files, links, days, what is in the way, a full disk,
 * bounds, patterns, viewers, the event journal and the snapshots, through the real role.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/syscall.h>

#include "lib/loop.h"
#include "lib/map.h"
#include "lib/rmtree.h"
#include "logger/sink.h"
#include "logger_fake.h"

/* A file system without links, for the logger, too. */
static bool no_links;

int
symlinkat(const char *target, int dir, const char *path)
{
	if (no_links) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_symlinkat, target, dir, path);
}

static void
day_now(char day[CLOCK_DAY_MAX])
{
	clock_set_source(fake_clock, NULL);
	clock_day(day, CLOCK_DAY_MAX, clock_wall_us());
}

static void
put(struct fake *f, uint32_t n, int stream, const char *text)
{
	assert_int_equal(full_write(f->slot[n].w[stream], text, strlen(text)), 0);
}

/* The text of each line, time stamps cut off. */
static char *
texts(struct fake *f, const char *path)
{
	struct buf b = fake_read(f, path), out = { 0 };
	const char *s = buf_str(&b), *end;

	for (; (end = strchr(s, '\n')) != NULL; s = end + 1)
		if (end - s > 20)
			buf_append(&out, s + 20, (size_t)(end - s) - 19);
	buf_free(&b);
	if (out.data == NULL)
		return strdup("");
	return buf_take(&out);
}

static void
assert_log(struct fake *f, const char *path, const char *want)
{
	char *got = texts(f, path);

	assert_string_equal(got, want);
	free(got);
}

static void
test_lines_and_links(void **state)
{
	struct fake *f = fake_new(NULL);
	char day[CLOCK_DAY_MAX], want[300];

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "deacon", "1000");
	day_now(day);
	put(f, 0, 0, "one\ntwo\n");
	fake_barrier(f, 0);
	put(f, 0, 1, "bad\nunfinished");
	fake_close(f, 0);
	assert_log(f, "journal/health/deacon.log",
	    "[deacon:stdout] one\n[deacon:stdout] two\n[deacon:stderr] bad\n"
	    "[deacon:stderr~] unfinished\n");
	snprintf(want, sizeof(want), "../%s/health/1000_deacon.log", day);
	assert_string_equal(fake_link(f, "journal/health/deacon.log"), want);
	snprintf(want, sizeof(want), "journal/%s/health/deacon.log", day);
	assert_string_equal(fake_link(f, want), "1000_deacon.log");
	fake_free(f);
}

static void
test_silent_program_has_its_file(void **state)
{
	struct fake *f = fake_new(NULL);
	uint64_t until = fake_now_ms() + 20000;
	struct stat st;

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "quiet", "1");
	while (fstatat(f->root_fd, "journal/health/quiet.log", &st, 0) == -1) {
		assert_true(fake_now_ms() < until);
		fake_poll(f, 20);
	}
	assert_int_equal(st.st_size, 0);
	fake_free(f);
}

static void
test_links_follow_the_order_of_invocations(void **state)
{
	struct fake *f = fake_new(NULL);
	char day[CLOCK_DAY_MAX], want[300];

	(void)state;
	day_now(day);
	fake_start(f);
	fake_open_told(f, 0, "x", "zzz");
	fake_open_told(f, 1, "x", "aaa");
	put(f, 1, 0, "second\n");
	fake_barrier(f, 1);
	put(f, 0, 0, "first, later\n");
	fake_barrier(f, 0);
	snprintf(want, sizeof(want), "../%s/health/aaa_x.log", day);
	assert_string_equal(fake_link(f, "journal/health/x.log"), want);
	/* A logger that knows nothing decides the same. */
	fake_kill(f);
	table_slot(f->t, 0)->log.linked = 0;
	fake_start(f);
	put(f, 0, 0, "again\n");
	fake_barrier(f, 0);
	assert_string_equal(fake_link(f, "journal/health/x.log"), want);
	fake_free(f);
}

/* What the logger says goes to a file of the folder. */
static unsigned
count_said(struct fake *f, const char *text)
{
	struct buf b = fake_read(f, "said");
	unsigned n = 0;

	for (const char *s = buf_str(&b); (s = strstr(s, text)) != NULL; s++)
		n++;
	buf_free(&b);
	return n;
}

static void
test_no_links(void **state)
{
	struct fake *f = fake_new(NULL);
	int saved = dup(2), said;
	char day[CLOCK_DAY_MAX], path[300];

	(void)state;
	no_links = true;
	said = openat(f->root_fd, "said", O_WRONLY | O_CREAT | O_APPEND, 0600);
	dup2(said, 2);
	close(said);
	fake_start(f);
	dup2(saved, 2);
	close(saved);
	day_now(day);
	fake_open_told(f, 0, "a", "1");
	fake_open_told(f, 1, "b", "2");
	put(f, 0, 0, "one\n");
	put(f, 1, 0, "two\n");
	fake_event(f, 1, 0);
	fake_barrier(f, 0);
	fake_barrier(f, 1);
	assert_int_equal(f->reports[STREAM_PARKED], 0);
	put(f, 0, 0, "three\n");
	fake_close(f, 0);
	fake_close(f, 1);
	no_links = false;
	snprintf(path, sizeof(path), "journal/%s/health/1_a.log", day);
	assert_log(f, path, "[a:stdout] one\n[a:stdout] three\n");
	snprintf(path, sizeof(path), "journal/%s/health/2_b.log", day);
	assert_log(f, path, "[b:stdout] two\n");
	assert_int_equal(f->reports[STREAM_PARKED], 0);
	while (f->acked < 1)
		assert_true(fake_poll(f, 20));
	assert_int_equal(count_said(f, "symbolic links"), 1);
	assert_int_equal(count_said(f, "\n"), 1);
	fake_free(f);
}

static void
test_midnight_and_pinned_day(void **state)
{
	struct fake *f = fake_new(NULL);
	char day[CLOCK_DAY_MAX], next[CLOCK_DAY_MAX], path[300];

	(void)state;
	fake_clock_shared = mmap(NULL, sizeof(*fake_clock_shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*fake_clock_shared = 0;
	day_now(day);
	fake_start(f);
	fake_open_told(f, 0, "roll", "5");
	snprintf(fake_open(f, 1, "pin", "6")->conf.day, PROTO_DAY_MAX, "20200229");
	fake_tell_open(f, 1);
	put(f, 0, 0, "today\nover mid");
	put(f, 1, 0, "one\n");
	fake_barrier(f, 0);
	fake_barrier(f, 1);
	*fake_clock_shared = INT64_C(86400) * 1000000;
	day_now(next);
	assert_string_not_equal(day, next);
	put(f, 0, 0, "night\n");
	put(f, 1, 0, "two\n");
	fake_barrier(f, 0);
	fake_barrier(f, 1);
	snprintf(path, sizeof(path), "journal/%s/health/5_roll.log", day);
	assert_log(f, path, "[roll:stdout] today\n");
	snprintf(path, sizeof(path), "journal/%s/health/roll.log", next);
	assert_log(f, path, "[roll:stdout] over midnight\n");
	assert_log(f, "journal/health/roll.log", "[roll:stdout] over midnight\n");
	assert_log(f, "journal/20200229/health/6_pin.log",
	    "[pin:stdout] one\n[pin:stdout] two\n");
	assert_string_equal(
	    fake_link(f, "journal/health/pin.log"), "../20200229/health/6_pin.log");
	assert_true(f->reports[STREAM_ROLLED] == 1);
	fake_free(f);
	fake_clock_shared = NULL;
}

/* Another day for the logger, whose clock is ours. */
static void
set_clock(int64_t wall_s)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*fake_clock_shared = (wall_s - ts.tv_sec) * 1000000;
}

/* Years ahead, before the first second of all, the last day of February. */
static void
test_clock_of_other_years(void **state)
{
	static const struct {
		int64_t wall_s;
		const char *day;
	} rows[] = {
		{ 1795257045, "20261121" },
		{ 2110876245, "20361121" },
		{ 3, "19700101" },
		{ 1835445600, "20280229" },
		{ 1795257045 + 60, "20261121" },
		{ 253402214400, "99991231" },
		{ 1795257045 + 120, "20261121" },
	};
	struct fake *f = fake_new(NULL);

	(void)state;
	fake_clock_shared = mmap(NULL, sizeof(*fake_clock_shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	set_clock(rows[0].wall_s);
	fake_start(f);
	fake_open_told(f, 0, "a", "7");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[32], path[100], *got;

		set_clock(rows[i].wall_s);
		snprintf(line, sizeof(line), "line %zu\n", i);
		put(f, 0, 0, line);
		fake_event(f, i + 1, 0);
		while (f->acked < i + 1)
			assert_true(fake_poll(f, 20));
		fake_barrier(f, 0);
		snprintf(path, sizeof(path), "journal/%s/health/7_a.log", rows[i].day);
		got = texts(f, path);
		assert_non_null(strstr(got, line));
		free(got);
		/* Whatever the clock says: the newest line is behind the link. */
		got = texts(f, "journal/health/a.log");
		assert_non_null(strstr(got, line));
		free(got);
	}
	assert_log(f, "journal/20261121/health/7_a.log",
	    "[a:stdout] line 0\n[a:stdout] line 4\n[a:stdout] line 6\n");
	fake_free(f);
	fake_clock_shared = NULL;
}

/* Looks at a link until fd ends, and says how often; exits with 1 when nothing is there.
 */
static void
watch_link(struct fake *f, const char *path, int end, int out)
{
	unsigned n = 0;
	char c;

	while (read(end, &c, 1) == -1) {
		int fd = openat(f->root_fd, path, O_RDONLY | O_CLOEXEC);

		if (fd == -1)
			_exit(1);
		close(fd);
		n++;
	}
	(void)!write(out, &n, sizeof(n));
	_exit(0);
}

static void
test_links_never_dangle(void **state)
{
	static const char *const links[] = { "journal/health/a.log",
		"journal/events.jsonl" };
	struct fake *f = fake_new(NULL);
	int end[2][2], out[2][2];
	pid_t pid[2];
	uint64_t seq = 0;

	(void)state;
	fake_clock_shared = mmap(NULL, sizeof(*fake_clock_shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*fake_clock_shared = 0;
	fake_start(f);
	fake_open_told(f, 0, "a", "1000");
	put(f, 0, 0, "first\n");
	fake_event(f, ++seq, 0);
	while (f->acked < seq)
		assert_true(fake_poll(f, 20));
	fake_barrier(f, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(end[i], O_CLOEXEC | O_NONBLOCK), 0);
		assert_int_equal(pipe2(out[i], O_CLOEXEC), 0);
		pid[i] = fork();
		assert_true(pid[i] != -1);
		if (pid[i] == 0) {
			close(end[i][1]);
			if (i == 1)
				close(end[0][1]);
			watch_link(f, links[i], end[i][0], out[i][1]);
		}
	}
	for (int i = 1; i < 120; i++) {
		char ref[16];

		*fake_clock_shared += INT64_C(86400) * 1000000;
		if (i % 10 == 0) {
			fake_kill(f);
			fake_start(f);
		}
		if (i % 3 == 0) {
			fake_close(f, 0);
			snprintf(ref, sizeof(ref), "%d", 1000 + i);
			fake_open_told(f, 0, "a", ref);
		}
		put(f, 0, 0, "another day\n");
		fake_event(f, ++seq, 0);
		while (f->acked < seq)
			assert_true(fake_poll(f, 20));
		fake_barrier(f, 0);
	}
	for (int i = 0; i < 2; i++) {
		unsigned n = 0;
		int status;

		close(end[i][1]);
		close(out[i][1]);
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
		assert_int_equal(status, 0);
		assert_int_equal(read(out[i][0], &n, sizeof(n)), sizeof(n));
		assert_true(n > 200);
		close(end[i][0]);
		close(out[i][0]);
	}
	fake_free(f);
	fake_clock_shared = NULL;
}

static void
test_what_is_in_the_way(void **state)
{
	struct fake *f = fake_new(NULL);
	char day[CLOCK_DAY_MAX], path[100], file[300];
	struct stat st;

	(void)state;
	day_now(day);
	snprintf(path, sizeof(path), "journal/%s/health", day);
	assert_int_equal(mkdir_p_at(f->root_fd, path, 0750), 0);
	assert_int_equal(mkdir_p_at(f->root_fd, "journal/health", 0750), 0);
	/* A link to a file elsewhere, a FIFO, a folder, a second name of a file. */
	snprintf(file, sizeof(file), "%s/1_a.log", path);
	assert_int_equal(symlinkat("../../../precious", f->root_fd, file), 0);
	snprintf(file, sizeof(file), "%s/1.1_a.log", path);
	assert_int_equal(mkfifoat(f->root_fd, file, 0600), 0);
	snprintf(file, sizeof(file), "%s/1.2_a.log", path);
	assert_int_equal(mkdirat(f->root_fd, file, 0700), 0);
	assert_int_equal(
	    file_write_atomic(f->root_fd, "precious", "keep", 4, 0600, false), 0);
	snprintf(file, sizeof(file), "%s/1.3_a.log", path);
	assert_int_equal(linkat(f->root_fd, "precious", f->root_fd, file, 0), 0);
	/* And a file where the link should be. */
	assert_int_equal(
	    file_write_atomic(f->root_fd, "journal/health/a.log", "mine", 4, 0600, false),
	    0);
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	put(f, 0, 0, "hello\n");
	fake_barrier(f, 0);
	snprintf(file, sizeof(file), "%s/1.4_a.log", path);
	assert_log(f, file, "[a:stdout] hello\n");
	assert_int_equal(fstatat(f->root_fd, "precious", &st, 0), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(fstatat(f->root_fd, "journal/health/a.log", &st, 0), 0);
	assert_int_equal(st.st_size, 4);
	assert_true(f->reports[STREAM_DISTURBED] > 0);
	fake_free(f);
}

static void
test_deleted_is_made_again(void **state)
{
	struct fake *f = fake_new(NULL);

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	put(f, 0, 0, "one\n");
	fake_barrier(f, 0);
	assert_int_equal(rm_rf_at(f->root_fd, "journal", 1000), 0);
	put(f, 0, 0, "two\n");
	fake_barrier(f, 0);
	assert_log(f, "journal/health/a.log", "[a:stdout] two\n");
	fake_free(f);
}

static void
test_long_and_binary_lines(void **state)
{
	struct fake *f = fake_new(NULL);
	size_t big = 1000, n = 1024 * 1024;
	char *text = malloc(n + 1);
	struct buf got;
	pid_t pid;

	(void)state;
	f->t->log_settings.line_max = (uint32_t)big;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	/* One write of 1 MiB without a newline, and of 200 KB, into one pipe. */
	memset(text, 'x', n);
	pid = fork();
	if (pid == 0)
		_exit(full_write(f->slot[0].w[0], text, n) == 0 &&
			      full_write(f->slot[0].w[0], text, 200000) == 0 &&
			      full_write(f->slot[0].w[0], "\na\0b\xff\n", 6) == 0
			  ? 0
			  : 1);
	assert_true(pid > 0);
	for (int status = -1; waitpid(pid, &status, WNOHANG) == 0;)
		assert_true(fake_poll(f, 5));
	fake_close(f, 0);
	got = fake_read(f, "journal/health/a.log");
	n = 0;
	for (size_t i = 0; i < got.len; i++)
		n += got.data[i] == 'x';
	assert_int_equal(n, 1024 * 1024 + 200000);
	assert_non_null(memmem(got.data, got.len, "[a:stdout] a\0b\xff\n", 16));
	assert_non_null(memmem(got.data, got.len, "[a:stdout+] xxx", 15));
	buf_free(&got);
	free(text);
	fake_free(f);
}

/* Ten megabytes without a newline, of all bytes but that one. */
static void
test_ten_megabytes_in_a_line(void **state)
{
	struct fake *f = fake_new(NULL);
	size_t n = 10 * 1024 * 1024, at = 0, pieces = 0;
	char *text = malloc(n), *p, *end;
	struct buf got;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		text[i] = (char)(i * 7 + i / 251);
		if (text[i] == '\n')
			text[i] = 'n';
	}
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	pid = fork();
	if (pid == 0)
		_exit(full_write(f->slot[0].w[0], text, n) == 0 ? 0 : 1);
	assert_true(pid > 0);
	for (int status = -1; waitpid(pid, &status, WNOHANG) == 0;)
		assert_true(fake_poll(f, 5));
	fake_close(f, 0);
	got = fake_read(f, "journal/health/a.log");
	for (p = got.data; p < got.data + got.len; p = end + 1) {
		size_t len;

		end = memchr(p, '\n', (size_t)(got.data + got.len - p));
		assert_non_null(end);
		p = memmem(p, (size_t)(end - p), "] ", 2);
		assert_non_null(p);
		len = (size_t)(end - p) - 2;
		assert_true(at + len <= n);
		assert_memory_equal(p + 2, text + at, len);
		at += len;
		pieces++;
	}
	assert_int_equal(at, n);
	assert_true(pieces > 1);
	buf_free(&got);
	free(text);
	fake_free(f);
}

static void
test_bytewise_and_packets(void **state)
{
	struct fake *f = fake_new(NULL);
	char day[CLOCK_DAY_MAX], *got;
	struct buf want = { 0 };
	int packets[2];

	(void)state;
	day_now(day);
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	for (int i = 0; i < 300; i++) {
		char c = (char)(i % 7 == 6 ? '\n' : 'a' + i % 26);

		assert_int_equal(write(f->slot[0].w[0], &c, 1), 1);
		if (i % 50 == 0)
			fake_barrier(f, 0);
	}
	fake_barrier(f, 0);
	/* A pipe in packet mode: pieces come one by one. */
	assert_int_equal(pipe2(packets, O_DIRECT | O_CLOEXEC), 0);
	fake_open(f, 1, "b", "2");
	dup2(packets[0], f->slot[1].r[0]);
	fake_tell_open(f, 1);
	for (int i = 0; i < 100; i++) {
		char line[32];
		int n = snprintf(line, sizeof(line), "packet %d\n", i);

		buf_addf(&want, "[b:stdout] packet %d\n", i);
		/* A full pipe waits for the logger. */
		assert_int_equal(write(packets[1], line, (size_t)n), n);
	}
	close(packets[1]);
	fake_close(f, 1);
	got = texts(f, "journal/health/b.log");
	assert_string_equal(got, buf_str(&want));
	free(got);
	got = texts(f, "journal/health/a.log");
	assert_memory_equal(got, "[a:stdout] abcdef\n[a:stdout] hijklm\n", 36);
	free(got);
	buf_free(&want);
	close(packets[0]);
	fake_free(f);
}

static void
test_limit(void **state)
{
	struct fake *f = fake_new(NULL);
	char *got;

	(void)state;
	fake_start(f);
	fake_open(f, 0, "a", "1")->conf.max_bytes = 200;
	fake_tell_open(f, 0);
	for (int i = 0; i < 50; i++) {
		put(f, 0, 0, "a line of some length\n");
		fake_barrier(f, 0);
	}
	got = texts(f, "journal/health/a.log");
	assert_non_null(strstr(got, "[a:supd] the log of this invocation is full"));
	assert_true(strlen(got) < 600);
	assert_true(f->reports[STREAM_LIMIT] == 1);
	assert_true(f->reports[STREAM_DROPPED] > 0);
	free(got);
	fake_free(f);
}

static void
test_stderr_tail(void **state)
{
	struct fake *f = fake_new(NULL);
	const struct msg_barrier_done *d;

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	for (int i = 0; i < 200; i++)
		put(f, 0, 1, "f\xc3\xa4hre\n");
	put(f, 0, 1, "end");
	d = fake_barrier(f, 0);
	assert_true(d->tail_len <= 500 && d->tail_len > 490);
	assert_memory_equal(d->tail + d->tail_len - 3, "end", 3);
	assert_int_not_equal(d->tail[0] & 0xc0, 0x80);
	assert_int_equal(d->lines, 200);
	fake_free(f);
}

static void
test_events_and_wishes(void **state)
{
	struct fake *f = fake_new(NULL);
	struct buf b;
	size_t n = 0;

	(void)state;
	fake_start(f);
	for (uint64_t seq = 1; seq <= 500; seq++)
		fake_event(f, seq, seq % 100 == 0 ? RING_WISH : 0);
	while (f->acked < 500)
		assert_true(fake_poll(f, 50));
	assert_int_equal(f->wish_acked, 500);
	b = fake_read(f, "journal/events.jsonl");
	for (size_t i = 0; i < b.len; i++)
		n += b.data[i] == '\n';
	assert_int_equal(n, 500);
	buf_free(&b);
	b = fake_read(f, "state/wishes");
	n = 0;
	for (size_t i = 0; i < b.len; i++)
		n += b.data[i] == '\n';
	assert_int_equal(n, 5);
	buf_free(&b);
	fake_free(f);
}

static void
send_snapshot(struct fake *f, const char *text, uint64_t announced)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct msg m;

	assert_int_equal(full_write(fd, text, strlen(text)), 0);
	msg_init(&m, MSG_SNAPSHOT);
	m.u.SNAPSHOT.id = ++f->seq;
	m.u.SNAPSHOT.size = announced;
	m.u.SNAPSHOT.kind = SNAPSHOT_STATE;
	m.nfds = 1;
	m.fds[0] = fd;
	fake_send(&f->manager, &m);
	close(fd);
}

static void
test_snapshot(void **state)
{
	struct fake *f = fake_new(NULL);
	const struct msg *m;
	struct buf b;

	(void)state;
	fake_start(f);
	send_snapshot(f, "{\"seq\":7}\n", 10);
	m = fake_wait(f, MSG_SNAPSHOT_DONE, 0);
	assert_int_equal(m->u.SNAPSHOT_DONE.err, 0);
	/* Empty, cut or no JSON: the good one stays. */
	send_snapshot(f, "", 0);
	send_snapshot(f, "{\"seq\":8", 8);
	send_snapshot(f, "{\"seq\":8}\n", 20);
	m = fake_wait(f, MSG_SNAPSHOT_DONE, 3);
	assert_int_not_equal(m->u.SNAPSHOT_DONE.err, 0);
	b = fake_read(f, "state/snapshot.json");
	assert_string_equal(buf_str(&b), "{\"seq\":7}\n");
	buf_free(&b);
	fake_free(f);
}

/* A large state/wishes is written anew without what the snapshot has: by its lines alone,
 * whatever a power loss left between them, and however large the snapshot is. */
static void
test_snapshot_trims_wishes(void **state)
{
	struct fake *f = fake_new(NULL);
	struct buf wishes = { 0 }, snapshot = { 0 }, b;

	(void)state;
	for (int i = 1; i <= 4000; i++)
		buf_addf(
		    &wishes, "{\"seq\":%d,\"event\":\"wish\",\"pad\":\"%050d\"}\n", i, i);
	buf_append(&wishes, "\0\0\0\0\n", 5);
	for (int i = 4001; i <= 4003; i++)
		buf_addf(&wishes, "{\"seq\":%d,\"event\":\"wish\"}\n", i);
	assert_true(wishes.len > 256 * 1024);
	assert_int_equal(mkdir_p_at(f->root_fd, "state", 0700), 0);
	assert_int_equal(file_write_atomic(f->root_fd, "state/wishes", wishes.data,
			     wishes.len, 0600, false),
	    0);
	buf_adds(&snapshot, "{\"version\":1,\"readable_by\":1,\"seq\":4001,\"units\":[");
	for (int i = 0; i < 400000; i++)
		buf_adds(&snapshot, i == 0 ? "0" : ",0");
	buf_adds(&snapshot, "]}\n");
	fake_start(f);
	send_snapshot(f, buf_str(&snapshot), snapshot.len);
	(void)fake_wait(f, MSG_SNAPSHOT_DONE, 0);
	b = fake_read(f, "state/wishes");
	assert_string_equal(buf_str(&b), "{\"seq\":4002,\"event\":\"wish\"}\n"
					 "{\"seq\":4003,\"event\":\"wish\"}\n");
	buf_free(&b);
	buf_free(&wishes);
	buf_free(&snapshot);
	fake_free(f);
}

static void
test_settings_format_and_rotation(void **state)
{
	struct fake *f = fake_new(NULL);
	char day[CLOCK_DAY_MAX], from[100], to[100];
	struct line_parser p = { 0 };
	struct line l;
	struct msg m;
	struct buf b;

	(void)state;
	day_now(day);
	fake_start(f);
	msg_init(&m, MSG_LOG_SETTINGS);
	m.u.LOG_SETTINGS.precision = 6;
	m.u.LOG_SETTINGS.utc = 1;
	m.u.LOG_SETTINGS.file_mode = 0600;
	fake_send(&f->manager, &m);
	fake_open(f, 0, "j", "1")->conf.format = LINE_JSON;
	table_slot(f->t, 0)->conf.sync = 2;
	fake_tell_open(f, 0);
	fake_open(f, 1, "r", "2")->conf.format = LINE_RAW;
	fake_tell_open(f, 1);
	put(f, 0, 1, "a \"quoted\" \xff line\n");
	put(f, 1, 0, "as it is\nand unfinished");
	fake_barrier(f, 0);
	fake_barrier(f, 1);
	b = fake_read(f, "journal/health/j.log");
	assert_true(b.len > 1);
	line_parse(&p, b.data, b.len - 1, &l);
	assert_true(l.wall_us != 0);
	assert_int_equal(l.stream, LINE_STDERR);
	assert_int_equal(l.text_len, strlen("a \"quoted\" \xff line"));
	assert_memory_equal(l.text, "a \"quoted\" \xff line", l.text_len);
	buf_free(&b);
	line_parser_clear(&p);
	/* Somebody renames the file and says so: the next line makes a new one. */
	snprintf(from, sizeof(from), "journal/%s/health/1_j.log", day);
	snprintf(to, sizeof(to), "journal/%s/health/saved", day);
	assert_int_equal(renameat(f->root_fd, from, f->root_fd, to), 0);
	fake_tell(&f->manager, MSG_ROTATE, SLOT_NONE);
	put(f, 0, 0, "after\n");
	fake_barrier(f, 0);
	b = fake_read(f, "journal/health/j.log");
	assert_non_null(strstr(buf_str(&b), "\"line\":\"after\""));
	assert_null(strstr(buf_str(&b), "quoted"));
	buf_free(&b);
	fake_close(f, 1);
	b = fake_read(f, "journal/health/r.log");
	assert_string_equal(buf_str(&b), "as it is\nand unfinished");
	buf_free(&b);
	fake_free(f);
}

/* The names of logs come and go for years: what is known of their links is bounded, but
 * for those of the slots that are open. */
static void
test_names_are_forgotten(void **state)
{
	enum { NAMES = 3000 };
	struct fake *f = fake_new(NULL);
	struct logslot held = { .sink.fd = -1 }, one = { .sink.fd = -1 };
	struct logslot *slots[FAKE_SLOTS] = { &held, &one };
	struct logger lg = { .t = f->t, .root_fd = f->root_fd, .slots = slots };
	char ref[16], name[32];

	(void)state;
	lg.top.fd = -1;
	for (int i = 0; i < DAYDIRS; i++)
		lg.daydir[i].fd = -1;
	TAILQ_INIT(&lg.reports);
	lg.loop = loop_new();
	assert_non_null(lg.loop);
	held.ts = table_slot(f->t, 0);
	held.name = (char[]){ "held" };
	held.ref = (char[]){ "2000000000000" };
	held.ts->conf.order = 1;
	assert_int_equal(sink_make_due(&lg, &held), 0);
	for (unsigned i = 0; i < NAMES; i++) {
		one.ts = table_slot(f->t, 1);
		memset(&one.ts->log, 0, sizeof(one.ts->log));
		one.ts->conf.order = i + 2;
		snprintf(ref, sizeof(ref), "%u", i + 1);
		snprintf(name, sizeof(name), "name%u", i);
		one.ref = ref;
		one.name = name;
		assert_int_equal(sink_make_due(&lg, &one), 0);
		assert_true(lg.links.n < NAMES / 2);
		sink_close(&one.sink);
	}
	assert_true(map_has(&lg.links, "held"));
	assert_true(map_has(&lg.links, name));
	sink_close(&held.sink);
	sink_forget_dirs(&lg);
	map_clear(&lg.links, free);
	loop_free(lg.loop);
	fake_free(f);
}

/* A log under another name is that invocation's, too, when a new logger looks who has the
 * links. */
static void
test_other_name_has_the_links(void **state)
{
	struct fake *f = fake_new(NULL);
	char day[CLOCK_DAY_MAX], path[300];

	(void)state;
	fake_clock_shared = mmap(NULL, sizeof(*fake_clock_shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*fake_clock_shared = 0;
	day_now(day);
	snprintf(path, sizeof(path), "journal/%s/health/5_other.log", day);
	assert_int_equal(mkdir_p_at(f->root_fd, path, 0750), 0);
	fake_start(f);
	fake_open_told(f, 0, "other", "5");
	put(f, 0, 0, "today\n");
	fake_barrier(f, 0);
	snprintf(path, sizeof(path), "../%s/health/5.1_other.log", day);
	assert_string_equal(fake_link(f, "journal/health/other.log"), path);
	fake_kill(f);
	*fake_clock_shared = INT64_C(86400) * 1000000;
	day_now(day);
	fake_start(f);
	put(f, 0, 0, "tomorrow\n");
	fake_barrier(f, 0);
	snprintf(path, sizeof(path), "../%s/health/5_other.log", day);
	assert_string_equal(fake_link(f, "journal/health/other.log"), path);
	fake_free(f);
	fake_clock_shared = NULL;
}

static void
test_slot_is_used_again(void **state)
{
	struct fake *f = fake_new(NULL);

	(void)state;
	fake_start(f);
	for (int i = 0; i < 20; i++) {
		char ref[16], line[32], want[64];

		snprintf(ref, sizeof(ref), "%d", 100 + i);
		snprintf(line, sizeof(line), "run %d", i);
		fake_open_told(f, 3, "again", ref);
		put(f, 3, 0, line);
		fake_close(f, 3);
		snprintf(want, sizeof(want), "[again:stdout~] run %d\n", i);
		assert_log(f, "journal/health/again.log", want);
	}
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_and_links),
		cmocka_unit_test(test_silent_program_has_its_file),
		cmocka_unit_test(test_links_follow_the_order_of_invocations),
		cmocka_unit_test(test_no_links),
		cmocka_unit_test(test_midnight_and_pinned_day),
		cmocka_unit_test(test_clock_of_other_years),
		cmocka_unit_test(test_links_never_dangle),
		cmocka_unit_test(test_ten_megabytes_in_a_line),
		cmocka_unit_test(test_what_is_in_the_way),
		cmocka_unit_test(test_deleted_is_made_again),
		cmocka_unit_test(test_long_and_binary_lines),
		cmocka_unit_test(test_bytewise_and_packets),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_stderr_tail),
		cmocka_unit_test(test_events_and_wishes),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_snapshot_trims_wishes),
		cmocka_unit_test(test_settings_format_and_rotation),
		cmocka_unit_test(test_other_name_has_the_links),
		cmocka_unit_test(test_slot_is_used_again),
		cmocka_unit_test(test_names_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
