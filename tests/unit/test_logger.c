/*
 * Tests of what the logger does beside writing: a full disk by both policies, viewers,
 * the copy on stdout; through the real role.
 */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <sched.h>

#include "journal/events.h"
#include "lib/json.h"
#include "logger/staging.h"
#include "logger/viewer.h"
#include "logger_fake.h"

static void
put(struct fake *f, uint32_t n, int stream, const char *text)
{
	assert_int_equal(full_write(f->slot[n].w[stream], text, strlen(text)), 0);
}

/* ---- how pipes are watched ---- */

static size_t
count_lines(struct fake *f, const char *path, const char *label, unsigned *next)
{
	struct buf b = fake_read(f, path);
	const char *s = buf_str(&b), *end, *text;
	size_t n = 0;

	for (; (end = strchr(s, '\n')) != NULL; s = end + 1) {
		text = memmem(s, (size_t)(end - s), label, strlen(label));
		if (text == NULL)
			continue;
		n++;
		if (next != NULL)
			assert_int_equal(
			    strtoul(text + strlen(label), NULL, 10), (*next)++);
	}
	buf_free(&b);
	return n;
}

static void
wait_lines(struct fake *f, const char *path, unsigned n)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;
	unsigned next = 0;

	while (count_lines(f, path, "] n", &next) < n) {
		assert_true(fake_now_ms() < until);
		assert_true(fake_poll(f, 1));
		next = 0;
	}
	assert_int_equal(next, n);
}

/*
 * A program in a hurry is read without being watched.  Whenever it stops, all that it
 * wrote comes to its log, and so does the next line after any pause: nothing asks the
 * logger to look.
 */
static void
test_no_edge_is_lost(void **state)
{
	struct fake *f = fake_new(NULL);
	unsigned n = 0;

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	for (unsigned round = 0; round < 200; round++) {
		/* Bursts of a line, of several wake-ups, and of more than a pipe. */
		for (unsigned k = round % 10 == 9 ? 3000 : round % 5 * 40 + 1; k > 0; k--)
			assert_true(dprintf(f->slot[0].w[0], "n%u\n", n++) > 0);
		wait_lines(f, "journal/health/a.log", n);
	}
	fake_free(f);
}

/* ---- a full disk ---- */

static bool
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd != -1 && full_write(fd, text, strlen(text)) == 0;

	if (fd != -1)
		close(fd);
	return ok;
}

/* A small file system of our own, gone with this process; false: not allowed here. */
static bool
mount_small(char dir[128], const char *options)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWNS) == -1) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1)
			return false;
		snprintf(map, sizeof(map), "0 %u 1", uid);
		if (!write_file("/proc/self/setgroups", "deny") ||
		    !write_file("/proc/self/uid_map", map))
			return false;
		snprintf(map, sizeof(map), "0 %u 1", gid);
		if (!write_file("/proc/self/gid_map", map))
			return false;
	}
	snprintf(dir, 128, "/tmp/supd-small.XXXXXX");
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mkdtemp(dir) != NULL && mount("tmpfs", dir, "tmpfs", 0, options) == 0;
}

static void
fill_disk(struct fake *f)
{
	static char zeros[65536];
	int fd = openat(f->root_fd, "filler", O_WRONLY | O_CREAT | O_APPEND, 0600);
	size_t n = sizeof(zeros);

	assert_true(fd != -1);
	while (n > 0)
		if (write(fd, zeros, n) <= 0)
			n /= 2;
	close(fd);
}

enum { DISK_LINES = 20000 };

static pid_t
flood(struct fake *f, uint32_t slot)
{
	pid_t pid = fork();

	assert_true(pid != -1);
	if (pid != 0)
		return pid;
	for (unsigned i = 0; i < DISK_LINES; i++)
		if (dprintf(f->slot[slot].w[0], "%u %060u\n", i, i) < 0)
			_exit(1);
	_exit(0);
}

static void
wait_end(struct fake *f, pid_t pid)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		assert_true(fake_now_ms() < until);
		fake_poll(f, 10);
	}
	assert_int_equal(status, 0);
}

static void
test_full_disk(void **state)
{
	char dir[128];
	unsigned next = 0, long_sum = 0;
	size_t kept;
	struct fake *f;
	struct buf b;
	pid_t block, drop;
	char *note;

	(void)state;
	if (!mount_small(dir, "size=8m")) {
		print_message("SKIPPED: a full disk: no right to mount a tmpfs here\n");
		skip();
	}
	f = fake_new(dir);
	fake_start(f);
	fake_open_told(f, 0, "block", "1");
	fake_open(f, 1, "drop", "2")->conf.drop = 1;
	fake_tell_open(f, 1);
	put(f, 0, 1, "before\n");
	put(f, 1, 1, "before\n");
	fake_barrier(f, 0);
	fake_barrier(f, 1);
	fill_disk(f);
	block = flood(f, 0);
	drop = flood(f, 1);
	/* The one that may lose lines is not held up; the other waits. */
	fake_wait_report(f, STREAM_PARKED, 1);
	wait_end(f, drop);
	fake_wait_report(f, STREAM_DROPPED, 0);
	assert_int_equal(waitpid(block, NULL, WNOHANG), 0);
	/* A logger that was killed meanwhile goes on the same way. */
	fake_kill(f);
	fake_start(f);
	fake_wait_report(f, STREAM_PARKED, 2);
	assert_int_equal(unlinkat(f->root_fd, "filler", 0), 0);
	wait_end(f, block);
	put(f, 1, 0, "20000 after\n");
	fake_close(f, 0);
	fake_close(f, 1);
	assert_true(f->reports[STREAM_RESUMED] > 0);
	assert_int_equal(
	    count_lines(f, "journal/health/block.log", "[block:stdout] ", &next),
	    DISK_LINES);
	kept = count_lines(f, "journal/health/drop.log", "[drop:stdout] ", NULL);
	/* What was dropped was counted, and the log says so. */
	b = fake_read(f, "journal/health/drop.log");
	for (const char *s = buf_str(&b); (note = strstr(s, "[drop:supd] ")) != NULL;
	     s = note + 1)
		long_sum += (unsigned)strtoul(note + 12, NULL, 10);
	assert_int_equal(kept + long_sum, DISK_LINES + 1);
	assert_true(long_sum > 0);
	buf_free(&b);
	fake_free(f);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

static void
test_read_only_disk(void **state)
{
	struct fake *f;
	char dir[128];

	(void)state;
	if (!mount_small(dir, "size=8m")) {
		print_message(
		    "SKIPPED: a read-only disk: no right to mount a tmpfs here\n");
		skip();
	}
	f = fake_new(dir);
	fake_open(f, 0, "a", "1");
	assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	fake_start(f);
	put(f, 0, 0, "0 line\n");
	fake_event(f, 1, RING_WISH);
	fake_wait_report(f, STREAM_PARKED, 0);
	/* It answers all the same. */
	assert_int_equal(fake_barrier(f, 0)->lines, 0);
	assert_int_equal(mount(NULL, dir, NULL, MS_REMOUNT, NULL), 0);
	fake_wait_report(f, STREAM_RESUMED, 0);
	while (f->wish_acked < 1)
		assert_true(fake_poll(f, 50));
	fake_close(f, 0);
	assert_int_equal(count_lines(f, "journal/health/a.log", "[a:stdout] ", NULL), 1);
	fake_free(f);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

static const struct msg_snapshot_done *
snapshot(struct fake *f, const char *text)
{
	unsigned before = f->count[MSG_SNAPSHOT_DONE];
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	struct msg m;

	assert_int_equal(full_write(fd, text, strlen(text)), 0);
	msg_init(&m, MSG_SNAPSHOT);
	m.u.SNAPSHOT.id = ++f->seq;
	m.u.SNAPSHOT.size = strlen(text);
	m.u.SNAPSHOT.kind = SNAPSHOT_STATE;
	m.nfds = 1;
	m.fds[0] = fd;
	fake_send(&f->manager, &m);
	close(fd);
	return &fake_wait(f, MSG_SNAPSHOT_DONE, before)->u.SNAPSHOT_DONE;
}

static unsigned
files_in(struct fake *f, const char *path)
{
	int fd = open_dir_at(f->root_fd, path);
	DIR *dir = fdopendir(fd);
	unsigned n = 0;
	struct dirent *de;

	assert_non_null(dir);
	while ((de = readdir(dir)) != NULL)
		n += de->d_name[0] != '.' || de->d_name[1] != '\0';
	closedir(dir);
	return n;
}

static void
assert_file(struct fake *f, const char *path, const char *want)
{
	struct buf b = fake_read(f, path);

	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
test_state_on_a_full_disk(void **state)
{
	static char large[200000];
	struct fake *f;
	char dir[128];
	unsigned n;

	(void)state;
	if (!mount_small(dir, "size=2m")) {
		print_message("SKIPPED: state on a full disk: no right to mount here\n");
		skip();
	}
	memset(large, ' ', sizeof(large) - 1);
	large[0] = '{';
	large[sizeof(large) - 2] = '}';
	f = fake_new(dir);
	fake_start(f);
	assert_int_equal(snapshot(f, "{\"seq\":7}\n")->err, 0);
	n = files_in(f, "state");
	fill_disk(f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(snapshot(f, large)->err, ENOSPC);
		assert_file(f, "state/snapshot.json", "{\"seq\":7}\n");
		/* Nor is half of the new one left. */
		assert_int_equal(files_in(f, "state"), n);
	}
	/* A wish waits for the disk, and is told to be stored only then. */
	fake_event(f, 1, RING_WISH);
	assert_int_equal(snapshot(f, large)->err, ENOSPC);
	assert_int_equal(f->wish_acked, 0);
	assert_int_equal(unlinkat(f->root_fd, "filler", 0), 0);
	while (f->wish_acked < 1)
		assert_true(fake_poll(f, 50));
	assert_int_equal(snapshot(f, large)->err, 0);
	assert_file(f, "state/snapshot.json", large);
	fake_free(f);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

/* ---- viewers ---- */

static int
send_viewer(struct fake *f, const char *request)
{
	int pair[2], fd = memfd_create("request", MFD_CLOEXEC);
	struct msg m;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(full_write(fd, request, strlen(request)), 0);
	msg_init(&m, MSG_VIEWER);
	m.u.VIEWER.request_size = strlen(request);
	m.nfds = 2;
	m.fds[0] = pair[1];
	m.fds[1] = fd;
	fake_send(&f->manager, &m);
	close(pair[1]);
	close(fd);
	return pair[0];
}

/* The next reply, without its NUL; NULL: the end. */
static char *
next_reply(int fd)
{
	static char text[8192];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = 0;

	while (n < sizeof(text)) {
		assert_int_equal(poll(&p, 1, 30000), 1);
		if (read(fd, text + n, 1) != 1)
			return NULL;
		if (text[n++] == '\0')
			return text;
	}
	return NULL;
}

static void
assert_reply(int fd, const char *stream, const char *line)
{
	const char *text = next_reply(fd);
	struct jv *v;
	const struct jv *p;

	assert_non_null(text);
	v = jv_parse(text, strlen(text), NULL);
	assert_non_null(v);
	p = jv_get(v, "parameters");
	assert_true(jv_bool(jv_get(v, "continues"), false));
	assert_string_equal(jv_str(jv_get(p, "line"), "?"), line);
	assert_string_equal(jv_str(jv_get(p, "stream"), "?"), stream);
	assert_string_equal(jv_str(jv_get(p, "name"), "?"), "a");
	assert_string_equal(jv_str(jv_get(p, "ref"), "?"), "1");
	jv_free(v);
}

static void
test_viewers(void **state)
{
	struct fake *f = fake_new(NULL);
	int all, one, bad;

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	fake_open_told(f, 1, "b", "2");
	put(f, 0, 0, "old one\nold two\n");
	fake_barrier(f, 0);
	/* What is in a file already is read there, whatever is asked for. */
	all = send_viewer(f, "{\"units\":[\"a.service\"],\"lines\":10}");
	one = send_viewer(f, "{\"units\":[\"a\"],\"streams\":[\"stderr\"]}");
	bad = send_viewer(f, "{\"units\":7}");
	fake_barrier(f, 0);
	put(f, 1, 0, "other\n");
	put(f, 0, 0, "new\n");
	fake_barrier(f, 0);
	put(f, 0, 1, "error\n");
	assert_reply(all, "stdout", "new");
	assert_reply(all, "stderr", "error");
	assert_reply(one, "stderr", "error");
	assert_null(next_reply(bad));
	close(all);
	close(one);
	close(bad);
	/* One that never reads is cut, and nobody waits for it. */
	all = send_viewer(f, "{\"units\":[\"a\"]}");
	fake_barrier(f, 0);
	wait_end(f, flood(f, 0));
	wait_end(f, flood(f, 0));
	fake_barrier(f, 0);
	while (next_reply(all) != NULL)
		;
	close(all);
	fake_free(f);
}

/* ---- the copy on stdout ---- */

/* A logger whose stdout is a pipe, and with a slot; p: both its ends. */
static void
start_mirrored(struct fake *f, int p[2])
{
	int saved = dup(1);

	f->t->log_settings.mirror = 1;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	fflush(stdout);
	dup2(p[1], 1);
	fake_start(f);
	dup2(saved, 1);
	close(saved);
	fake_open_told(f, 0, "a", "1");
}

/* All that is in the pipe until its last writer is gone. */
static struct buf
read_all(int fd)
{
	struct buf got = { 0 };
	ssize_t n;

	while ((n = read(fd, buf_reserve(&got, 65536), 65536)) > 0)
		buf_grew(&got, (size_t)n);
	return got;
}

static void
test_mirror(void **state)
{
	struct fake *f = fake_new(NULL);
	struct buf got;
	int p[2];

	(void)state;
	start_mirrored(f, p);
	put(f, 0, 0, "seen\n");
	fake_barrier(f, 0);
	/* Nobody reads the pipe, and nothing waits for that. */
	wait_end(f, flood(f, 0));
	fake_barrier(f, 0);
	fake_kill(f);
	close(p[1]);
	got = read_all(p[0]);
	assert_non_null(strstr(buf_str(&got), "[a:stdout] seen\n"));
	buf_free(&got);
	close(p[0]);
	fake_free(f);
}

enum { MIRROR_LINES = 150 };

/* A logger whose stdout is the pipe that is returned, with more waiting for its reader
 * than the pipe holds; then init is gone. */
static int
end_with_full_mirror(struct fake *f)
{
	char line[1100];
	int p[2];

	start_mirrored(f, p);
	close(p[1]);
	for (unsigned i = 0; i < MIRROR_LINES; i++) {
		snprintf(line, sizeof(line), "%u %01000u\n", i, 0);
		put(f, 0, 0, line);
	}
	fake_barrier(f, 0);
	fd_close(&f->logger.fd);
	return p[0];
}

static void
assert_ended(struct fake *f)
{
	int status = 0;

	for (uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;
	     waitpid(f->pid, &status, WNOHANG) == 0; poll(NULL, 0, 10))
		assert_true(fake_now_ms() < until);
	assert_int_equal(status, 0);
	f->pid = 0;
}

static void
test_mirror_at_the_end(void **state)
{
	struct fake *f = fake_new(NULL);
	int fd = end_with_full_mirror(f);
	struct buf got = read_all(fd);
	unsigned lines = 0;

	(void)state;
	for (const char *s = buf_str(&got); (s = strstr(s, "[a:stdout] ")) != NULL;) {
		s += strlen("[a:stdout] ");
		assert_int_equal(strtoul(s, NULL, 10), lines++);
	}
	assert_int_equal(lines, MIRROR_LINES);
	assert_int_equal(got.data[got.len - 1], '\n');
	buf_free(&got);
	close(fd);
	assert_ended(f);
	fake_free(f);
}

static void
test_mirror_at_the_end_unread(void **state)
{
	struct fake *f = fake_new(NULL);
	int fd = end_with_full_mirror(f);

	(void)state;
	assert_ended(f);
	close(fd);
	fake_free(f);
}

/* ---- a service that reads its own pipe ---- */

static void
test_thief(void **state)
{
	struct fake *f = fake_new(NULL);
	char path[200], waste[65536];
	int thief, queued;

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	snprintf(path, sizeof(path), "%s/run/fifo/0.out", f->dir);
	thief = open(path, O_RDONLY | O_NONBLOCK);
	for (int i = 0; i < 300; i++) {
		put(f, 0, 0, "some words that may be stolen\n");
		if (read(thief, waste, (size_t)(i % 100)) == -1)
			assert_int_equal(errno, EAGAIN);
	}
	/*
	 * A line written while the logger holds what the thief took would go with it: the
	 * pipe does not tell one byte from another.  What is promised is the time after.
	 */
	do {
		fake_barrier(f, 0);
		assert_int_equal(ioctl(thief, FIONREAD, &queued), 0);
	} while (queued > 0);
	fake_barrier(f, 0);
	close(thief);
	put(f, 0, 0, "\nlast\n");
	fake_close(f, 0);
	assert_int_equal(
	    count_lines(f, "journal/health/a.log", "[a:stdout] last", NULL), 1);
	fake_free(f);
}

/* ---- what the manager asks comes by another channel than what init tells ---- */

/* While the logger sleeps, both channels fill, and are found full at once. */
static void
sleep_logger(struct fake *f)
{
	int status;

	/* Not before it has taken what it was told so far. */
	fake_barrier(f, FAKE_SLOTS - 1);
	kill(f->pid, SIGSTOP);
	assert_int_equal(waitpid(f->pid, &status, WUNTRACED), f->pid);
	assert_true(WIFSTOPPED(status));
}

static void
assert_tail(struct fake *f, uint64_t id, unsigned before, const char *tail)
{
	const struct msg_barrier_done *d =
	    &fake_wait(f, MSG_BARRIER_DONE, before)->u.BARRIER_DONE;

	assert_int_equal(d->id, id);
	assert_int_equal(d->tail_len, strlen(tail));
	assert_memory_equal(d->tail, tail, strlen(tail));
}

static void
test_asked_before_open(void **state)
{
	struct fake *f = fake_new(NULL);
	unsigned before;
	uint64_t id;

	(void)state;
	fake_start(f);
	for (uint32_t n = 0; n < 8; n++) {
		sleep_logger(f);
		before = f->count[MSG_BARRIER_DONE];
		fake_open_told(f, n, "a", "1");
		put(f, n, 1, "died\n");
		id = fake_ask_barrier(f, n);
		kill(f->pid, SIGCONT);
		assert_tail(f, id, before, "died\n");
	}
	/* Init could not send it yet: its channel was full. */
	fake_open(f, 8, "a", "2");
	put(f, 8, 1, "died late\n");
	before = f->count[MSG_BARRIER_DONE];
	id = fake_ask_barrier(f, 8);
	assert_int_not_equal(fake_barrier(f, 9)->id, id);
	assert_int_equal(f->count[MSG_BARRIER_DONE], before + 1);
	fake_tell_open(f, 8);
	assert_tail(f, id, before + 1, "died late\n");
	/* A slot that is free, and one that does not exist, keep nobody waiting. */
	assert_int_equal(fake_barrier(f, 10)->tail_len, 0);
	assert_int_equal(fake_barrier(f, FAKE_SLOTS + 10)->tail_len, 0);
	fake_free(f);
}

static void
test_asked_before_close(void **state)
{
	struct fake *f = fake_new(NULL);
	unsigned before;
	uint64_t id = 0;

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	sleep_logger(f);
	before = f->count[MSG_BARRIER_DONE];
	put(f, 0, 1, "died\n");
	/* More questions than it takes in one turn; the close comes after all of them. */
	for (int i = 0; i < 150; i++)
		id = fake_ask_barrier(f, 0);
	fake_close_writers(f, 0);
	fake_tell(&f->logger, MSG_LOG_CLOSE, 0);
	kill(f->pid, SIGCONT);
	assert_tail(f, id, before + 149, "died\n");
	fake_wait(f, MSG_LOG_DONE, 0);
	fake_free(f);
}

static void
test_asked_before_replay_end(void **state)
{
	struct fake *f = fake_new(NULL);
	uint64_t id;

	(void)state;
	fake_open(f, 0, "a", "1");
	put(f, 0, 1, "died\n");
	fake_greet(f);
	id = fake_ask_barrier(f, 0);
	/* The first answer tells that it knows the channel with the question, the second
	 * that it has waited on both, the third that it has looked at what was there. */
	for (unsigned i = 0; i < 3; i++) {
		fake_tell(&f->logger, MSG_LOG_PING, 0);
		fake_wait(f, MSG_LOG_PONG, i);
	}
	assert_int_equal(f->count[MSG_BARRIER_DONE], 0);
	fake_tell(&f->logger, MSG_LOG_REPLAY_END, 0);
	assert_tail(f, id, 0, "died\n");
	fake_free(f);
}

/* ---- the event journal under a clock that is set back ---- */

static void
one_event(struct fake *f, uint64_t seq, int days)
{
	uint64_t until = fake_now_ms() + 30000;

	*fake_clock_shared = (int64_t)USEC_PER_DAY * days;
	fake_event(f, seq, 0);
	while (f->acked < seq) {
		assert_true(fake_now_ms() < until);
		assert_true(fake_poll(f, 10));
	}
}

static void
assert_day_holds(struct fake *f, int days, const char *seqs)
{
	char day[CLOCK_DAY_MAX], path[200], got[64] = "";
	struct buf b;

	/* (the clock is set for the logger alone) */
	clock_day(day, sizeof(day),
	    (uint64_t)((int64_t)clock_wall_us() + (int64_t)USEC_PER_DAY * days));
	snprintf(path, sizeof(path), "journal/%s/events.jsonl", day);
	b = fake_read(f, path);
	for (const char *s = b.len > 0 ? buf_str(&b) : "";
	     (s = strstr(s, "\"seq\":")) != NULL; s++)
		snprintf(
		    got + strlen(got), sizeof(got) - strlen(got), "%d ", atoi(s + 6));
	assert_string_equal(got, seqs);
	buf_free(&b);
}

static void
test_clock_set_back(void **state)
{
	struct fake *f;

	(void)state;
	fake_clock_shared = mmap(NULL, sizeof(*fake_clock_shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(fake_clock_shared, MAP_FAILED);
	f = fake_new(NULL);
	fake_start(f);
	one_event(f, 1, 0);
	one_event(f, 2, -1);
	/* Again the first day, whose file was left, for this logger and for another. */
	one_event(f, 3, 0);
	fake_kill(f);
	fake_start(f);
	one_event(f, 4, 0);
	one_event(f, 5, 1);
	one_event(f, 6, 0);
	assert_day_holds(f, 0, "1 ");
	assert_day_holds(f, -1, "2 3 4 ");
	assert_day_holds(f, 1, "5 6 ");
	assert_int_equal(events_last_seq(f->root_fd), 6);
	*fake_clock_shared = 0;
	fake_clock_shared = NULL;
	fake_free(f);
}

/* ---- half a line, as a power loss leaves it ---- */

static void
append_to(struct fake *f, const char *path, const char *text, size_t n)
{
	int fd =
	    openat(f->root_fd, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd != -1);
	assert_int_equal(full_write(fd, text, n), 0);
	close(fd);
}

/* The last line, without its newline. */
static void
assert_last_line(struct fake *f, const char *path, const char *start)
{
	struct buf b = fake_read(f, path);
	const char *s;

	assert_true(b.len > 1 && b.data[b.len - 1] == '\n');
	b.data[b.len - 1] = '\0';
	s = memrchr(b.data, '\n', b.len - 1);
	s = s == NULL ? b.data : s + 1;
	assert_int_equal(strncmp(s, start, strlen(start)), 0);
	buf_free(&b);
}

static void
test_half_a_line(void **state)
{
	/* Cut, and as long as it was but never written. */
	static const struct {
		const char *text;
		size_t n;
	} torn[] = { { "{\"seq\":9999,\"ts\":\"20", 20 }, { "\0\0\0\0\0\0\0\0", 8 } };
	struct fake *f = fake_new(NULL);
	uint64_t seq = 0;

	(void)state;
	fake_start(f);
	fake_event(f, ++seq, RING_WISH);
	for (size_t i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
		while (f->acked < seq)
			assert_true(fake_poll(f, 50));
		fake_kill(f);
		append_to(f, "journal/events.jsonl", torn[i].text, torn[i].n);
		append_to(f, "state/wishes", torn[i].text, torn[i].n);
		fake_start(f);
		fake_event(f, ++seq, RING_WISH);
		while (f->acked < seq)
			assert_true(fake_poll(f, 50));
		assert_last_line(
		    f, "state/wishes", i == 0 ? "{\"seq\":2," : "{\"seq\":3,");
		assert_last_line(
		    f, "journal/events.jsonl", i == 0 ? "{\"seq\":2," : "{\"seq\":3,");
	}
	assert_int_equal(events_last_seq(f->root_fd), 3);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_viewers),
		cmocka_unit_test(test_mirror),
		cmocka_unit_test(test_mirror_at_the_end),
		cmocka_unit_test(test_mirror_at_the_end_unread),
		cmocka_unit_test(test_thief),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_half_a_line),
		cmocka_unit_test(test_asked_before_open),
		cmocka_unit_test(test_asked_before_close),
		cmocka_unit_test(test_asked_before_replay_end),
		cmocka_unit_test(test_no_edge_is_lost),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_read_only_disk),
		cmocka_unit_test(test_state_on_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
