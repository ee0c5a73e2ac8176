/*
 * The recording of a session as the terminal makes it: a real pty whose program is this
 * test, which also plays the logger and empties the ring.  Nothing lost or doubled when
 * the role is killed, the whole screen when something had to be left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "../seed.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/rmtree.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "proto/cast.h"
#include "terminal/input.h"
#include "terminal/record.h"
#include "terminal/session.h"
#include "terminal/state.h"

enum { DEADLINE_US = 60 * 1000 * 1000 };

struct rig {
	char dir[64];
	struct terminal t;
	struct session *s; /* of this process; NULL: of a child, or of none */
	struct table_slot *ts;
	int master, slave, fifo;
	void *map;       /* of the ring, as the logger has it */
	struct buf file; /* what the logger would have written */
	unsigned files;
};

static int
set_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct termios raw;
	char path[128];
	struct stat st;
	int lines[2], n = 0, unlock = 0;

	snprintf(r->dir, sizeof(r->dir), "%s/record.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	r->t.run_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(r->t.run_fd, "term", 0700), 0);
	assert_int_equal(mkdirat(r->t.run_fd, "fifo", 0700), 0);
	snprintf(path, sizeof(path), "%s/fifo/0.out", r->dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	r->fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(fstat(r->fifo, &st), 0);
	r->t.table = xcalloc(1, table_bytes(1));
	table_init(r->t.table, 1);
	r->t.table->slots_high = 1;
	r->ts = table_slot(r->t.table, 0);
	strlcpy(r->ts->unit, "s.service", sizeof(r->ts->unit));
	memcpy(r->ts->invocation, "0123456789abcdef", 16);
	r->ts->fifo_ino[0] = st.st_ino;
	r->ts->conf.stream_mask = SLOT_LOG_STDOUT | SLOT_LOG_CAST | SLOT_LOG_TYPED;
	strlcpy(r->ts->conf.day, "20261121", sizeof(r->ts->conf.day));
	assert_int_equal(pipe2(lines, O_CLOEXEC | O_NONBLOCK), 0);
	r->t.lines_r = lines[0];
	r->t.lines_w = lines[1];
	r->t.init.fd = r->t.manager.fd = -1;
	/* Where the role has it. */
	assert_int_equal(dup2(eventfd(0, EFD_NONBLOCK), ROLE_FD_WAKE), ROLE_FD_WAKE);
	r->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_int_not_equal(r->master, -1);
	assert_int_equal(ioctl(r->master, TIOCSPTLCK, &unlock), 0);
	assert_int_equal(ioctl(r->master, TIOCGPTN, &n), 0);
	assert_int_equal(ioctl(r->master, TIOCSWINSZ, &size), 0);
	snprintf(path, sizeof(path), "/dev/pts/%d", n);
	r->slave = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	assert_int_not_equal(r->slave, -1);
	assert_int_equal(tcgetattr(r->slave, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(r->slave, TCSANOW, &raw), 0);
	*state = r;
	return 0;
}

/* As a role that begins; in a child, too. */
static void
role_begin(struct rig *r)
{
	struct terminal *t = &r->t;

	t->sessions = xcalloc(1, sizeof(struct session *));
	t->n_sessions = 0;
	t->loop = loop_new();
	t->pty_fd = epoll_create1(EPOLL_CLOEXEC);
	TAILQ_INIT(&t->ready);
	TAILQ_INIT(&t->reports);
	TAILQ_INIT(&t->answers);
	record_start(t);
	session_open(t, 0, fcntl(r->master, F_DUPFD_CLOEXEC, 20));
	r->s = session_get(t, 0);
	assert_non_null(r->s);
	t->replayed = false; /* turns are the test's */
}

/* As one that is killed: the keep and the ring stay. */
static void
role_forget(struct rig *r)
{
	struct session *s = r->s;

	(void)epoll_ctl(r->t.pty_fd, EPOLL_CTL_DEL, s->master, NULL);
	loop_timer_free(s->rest);
	loop_timer_free(r->t.record_tell);
	loop_timer_free(r->t.record_owed);
	keep_close(s->keep);
	record_free(s);
	screen_free(s->screen);
	buf_free(&s->lines);
	buf_free(&s->in);
	fd_close(&s->master);
	fd_close(&s->pipe_w);
	loop_free(r->t.loop);
	fd_close(&r->t.pty_fd);
	free(r->t.sessions);
	free(s);
	r->s = NULL;
}

static void
turn(struct rig *r)
{
	char waste[65536];

	while (session_turn(r->s) != SESSION_EMPTY)
		while (read(r->fifo, waste, sizeof(waste)) > 0)
			;
	while (read(r->fifo, waste, sizeof(waste)) > 0)
		;
	loop_run_once(r->t.loop);
}

static int
tear_down(void **state)
{
	struct rig *r = *state;

	if (r->s != NULL)
		role_forget(r);
	if (r->map != NULL)
		munmap(r->map, CAST_FILE_BYTES);
	assert_int_equal(rm_rf_at(AT_FDCWD, r->dir, 1000), 0);
	close(r->t.run_fd);
	close(r->t.lines_r);
	close(r->t.lines_w);
	close(r->master);
	close(r->slave);
	close(r->fifo);
	free(r->t.table);
	buf_free(&r->file);
	free(r);
	return 0;
}

/* ---- as the logger ---- */

static struct cast *
tail_of(struct rig *r)
{
	int fd;

	if (r->map == NULL) {
		fd = openat(r->t.run_fd, "term/0.cast", O_RDWR);
		assert_int_not_equal(fd, -1);
		r->map = mmap(
		    NULL, CAST_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		assert_true(r->map != MAP_FAILED);
		close(fd);
	}
	return cast_tail(r->map);
}

/* At most so many records; the newest file is the one that is kept. */
static void
drain(struct rig *r, unsigned most)
{
	const struct ring_record *rec;
	struct ring *ring;
	uint64_t at;

	(void)tail_of(r);
	ring = cast_ring(r->map);
	at = atomic_load(&ring->tail);
	while (most-- > 0 && (rec = ring_next(ring, &at)) != NULL) {
		size_t skip = 0;

		if ((rec->flags & CAST_NEW_FILE) != 0) {
			buf_clear(&r->file);
			r->files++;
			skip = CAST_DAY_BYTES;
		}
		buf_append(&r->file, rec->text + skip, rec->len - skip);
		atomic_store(&ring->seq_stored, rec->seq);
		atomic_store(&ring->tail, at);
	}
}

/* Strictly: each line; the text of the events of that code together. */
static void
read_file(struct rig *r, char code, struct buf *out)
{
	const char *s = buf_str(&r->file), *end;
	double before = 0;

	for (bool header = true; (end = strchr(s, '\n')) != NULL;
	     s = end + 1, header = false) {
		struct jv *v = jv_parse(s, (size_t)(end - s), NULL);
		const char *text;
		size_t n;

		assert_non_null(v);
		if (header) {
			assert_int_equal(jv_i64(jv_get(v, "version"), 0), 2);
			assert_true(jv_i64(jv_get(v, "timestamp"), 0) > 0);
			assert_string_equal(jv_str(jv_get(v, "title"), ""), "s.service");
		} else {
			assert_int_equal(jv_count(v), 3);
			assert_true(jv_double(jv_at(v, 0), -1) >= before);
			before = jv_double(jv_at(v, 0), -1);
			text = jv_strn(jv_at(v, 2), &n);
			assert_non_null(text);
			if (jv_str(jv_at(v, 1), "")[0] == code)
				buf_append(out, text, n);
		}
		jv_free(v);
	}
	assert_int_equal(*s, '\0');
}

static void
assert_recorded(struct rig *r, char code, const char *want, size_t n)
{
	struct buf got = { 0 };

	read_file(r, code, &got);
	assert_int_equal(got.len, n);
	assert_memory_equal(got.data, want, n);
	buf_free(&got);
}

/* What a player shows in the end is what these bytes draw. */
static void
assert_plays_to(struct rig *r, const char *bytes, size_t n)
{
	struct screen_ops none = { 0 };
	struct screen *want = screen_new(24, 80, &none), *got = screen_new(24, 80, &none);
	struct buf text = { 0 }, a = { 0 }, b = { 0 };

	screen_set_quiet(want, true);
	screen_set_quiet(got, true);
	read_file(r, 'o', &text);
	screen_feed(want, bytes, n);
	screen_feed(got, text.data, text.len);
	screen_text(want, &a);
	screen_text(got, &b);
	assert_string_equal(buf_str(&b), buf_str(&a));
	assert_true(a.len > 0);
	buf_free(&text);
	buf_free(&a);
	buf_free(&b);
	screen_free(want);
	screen_free(got);
}

/* ---- as the program ---- */

/* All of it, with the role of this process, or of a child, reading. */
static void
say(struct rig *r, const char *p, size_t n)
{
	uint64_t end = clock_mono_us() + DEADLINE_US;

	while (n > 0) {
		ssize_t w = write(r->slave, p, n);
		char waste[65536];

		assert_true(w > 0 || errno == EAGAIN);
		assert_true(clock_mono_us() < end);
		if (w > 0) {
			p += w;
			n -= (size_t)w;
		}
		if (r->s != NULL)
			turn(r);
		while (r->s == NULL && read(r->fifo, waste, sizeof(waste)) > 0)
			;
	}
}

static void
say_text(struct rig *r, const char *text)
{
	say(r, text, strlen(text));
}

/* ---- the tests ---- */

static void
test_what_is_in_it(void **state)
{
	static const char said[] = "h\xc3\xa4llo \xe2\x82\xac \xef\xbf\xbd."
				   "\xef\xbf\xbd\xef\xbf\xbd";
	struct rig *r = *state;

	role_begin(r);
	turn(r);
	drain(r, 1000);
	assert_int_equal(r->files, 0); /* (A silent program has none.) */
	say_text(r, "h\xc3");
	say_text(r, "\xa4llo \xe2");
	say_text(r, "\x82");
	say_text(r, "\xac \xff.");
	session_resize(r->s, 30, 100);
	assert_true(input_typed(r->s, "typed \xc3", 7));
	assert_true(input_typed(r->s, "\xa4", 1));
	say_text(r, "\xe2\x82");
	record_end(r->s);
	record_end(r->s);
	drain(r, 1000);
	assert_int_equal(r->files, 1);
	assert_recorded(r, 'o', said, sizeof(said) - 1);
	assert_recorded(r, 'r', "100x30", 6);
	assert_recorded(r, 'i', "typed \xc3\xa4", 8);
	assert_non_null(strstr(buf_str(&r->file), "\"width\":80,\"height\":24"));
}

static void
test_secrets(void **state)
{
	struct rig *r = *state;
	struct termios tio, hidden;

	role_begin(r);
	say_text(r, "$ ");
	assert_int_equal(tcgetattr(r->slave, &tio), 0);
	hidden = tio;
	hidden.c_lflag |= ICANON;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	assert_int_equal(tcsetattr(r->slave, TCSANOW, &hidden), 0);
	assert_true(input_typed(r->s, "secret\n", 7));
	assert_int_equal(tcsetattr(r->slave, TCSANOW, &tio), 0);
	assert_true(input_typed(r->s, "ls", 2));
	r->ts->conf.stream_mask &= ~(uint32_t)SLOT_LOG_TYPED;
	assert_true(input_typed(r->s, "not asked for", 13));
	drain(r, 1000);
	assert_recorded(r, 'i', "ls", 2);
}

static void
test_new_files_begin_with_the_screen(void **state)
{
	struct rig *r = *state;
	static const char text[] = "one\r\ntwo \xe2\x82\xac\r\nthree\033[31m red";
	unsigned before;

	role_begin(r);
	say_text(r, "one\r\ntwo \xe2\x82");
	drain(r, 1000);
	strlcpy(r->ts->conf.day, "20261122", sizeof(r->ts->conf.day));
	say_text(r, "\xac\r\nthr");
	say_text(r, "ee");
	drain(r, 1000);
	assert_int_equal(r->files, 2);
	assert_plays_to(r, text, strlen("one\r\ntwo \xe2\x82\xac\r\nthree"));
	/* The logger has lost its file, in the middle of a sequence. */
	tail_of(r)->renew = 1;
	say_text(r, "\033[3");
	say_text(r, "1m red");
	drain(r, 1000);
	assert_int_equal(r->files, 3);
	assert_int_equal(tail_of(r)->renew, 0);
	assert_plays_to(r, text, sizeof(text) - 1);
	before = r->files;
	say_text(r, "more");
	drain(r, 1000);
	assert_int_equal(r->files, before);
}

static void
test_bound(void **state)
{
	struct rig *r = *state;
	char big[1000];

	memset(big, 'x', sizeof(big));
	r->ts->conf.max_bytes = 20000;
	role_begin(r);
	for (int i = 0; i < 100; i++) {
		say(r, big, sizeof(big));
		drain(r, 1000);
	}
	record_end(r->s);
	drain(r, 1000);
	assert_true(r->file.len <= 20000 + 200);
	assert_true(r->file.len > 18000);
	assert_non_null(strstr(buf_str(&r->file), "the recording is full"));
	assert_true(tail_of(r)->full);
	/* The next role knows. */
	role_forget(r);
	role_begin(r);
	say_text(r, "more");
	drain(r, 1000);
	assert_null(strstr(buf_str(&r->file), "more"));
}

/* A disk that takes nothing: the session goes on, and the screen is in the recording when
 * the disk is back. */
static void
test_full_ring(void **state)
{
	struct rig *r = *state;
	struct buf all = { 0 };

	role_begin(r);
	for (int i = 0; i < 40000; i++) {
		char line[100];
		int n = snprintf(line, sizeof(line),
		    "\033[3%dmline %d \xe2\x82\xac of a program that writes on\r\n",
		    i % 8, i);

		buf_append(&all, line, (size_t)n);
	}
	say(r, all.data, all.len);
	assert_true(tail_of(r)->missed);
	assert_true(tail_of(r)->dropped > 0);
	assert_true(tail_of(r)->dropped < all.len);
	drain(r, UINT32_MAX);
	say_text(r, "back");
	buf_adds(&all, "back");
	assert_false(tail_of(r)->missed);
	drain(r, UINT32_MAX);
	assert_int_equal(r->files, 1);
	assert_plays_to(r, all.data, all.len);
	/* And by itself, when the program says nothing more. */
	say(r, all.data, all.len);
	assert_true(tail_of(r)->missed);
	drain(r, UINT32_MAX);
	record_end(r->s);
	assert_false(tail_of(r)->missed);
	drain(r, UINT32_MAX);
	assert_plays_to(r, all.data, all.len);
	buf_free(&all);
}

/* No descriptor for a new role: what is in the ring stays, and the recording goes on when
 * there is one. */
static void
test_ring_that_cannot_be_opened(void **state)
{
	static const char text[] = "one two three";
	struct rig *r = *state;
	struct rlimit was, none;
	struct stat before, after;

	role_begin(r);
	say_text(r, "one ");
	assert_int_equal(fstatat(r->t.run_fd, "term/0.cast", &before, 0), 0);
	record_free(r->s);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	record_open(r->s, true);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_null(r->s->record);
	assert_int_equal(fstatat(r->t.run_fd, "term/0.cast", &after, 0), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	say_text(r, "two ");
	r->s->record_again_us = 1;
	say_text(r, "three");
	assert_non_null(r->s->record);
	assert_int_equal(fstatat(r->t.run_fd, "term/0.cast", &after, 0), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	record_end(r->s);
	drain(r, 1000);
	assert_int_equal(r->files, 1);
	assert_plays_to(r, text, sizeof(text) - 1);
}

static void
child_main(struct rig *r)
{
	struct pollfd p;

	role_begin(r);
	p = (struct pollfd){ .fd = r->s->master, .events = POLLIN };
	for (;;) {
		if (session_turn(r->s) == SESSION_EMPTY)
			(void)poll(&p, 1, 1);
		loop_run_once(r->t.loop);
	}
}

/* Killed at any instruction, again and again: what the program wrote is there once. */
static void
test_killed(void **state)
{
	static const char *const pieces[] = { "a line\r\n", "\xc3\xa4", "\xe2\x82\xac",
		"\xf0\x9f\x98\x80", "\033[31m", "\xff", "\033[H\033[2J", "0123456789" };
	struct rig *r = *state;
	struct buf all = { 0 }, want = { 0 };
	uint64_t left = seed_count("KILLS", 60);
	uint64_t end;

	srand((unsigned)seed_of(NULL));
	role_begin(r);
	say_text(r, "begin ");
	buf_adds(&all, "begin ");
	role_forget(r);
	while (left-- > 0) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			child_main(r);
		assert_int_not_equal(pid, -1);
		for (int i = 50 + rand() % 400; i > 0; i--) {
			struct buf some = { 0 };

			for (int k = rand() % 20; k >= 0; k--)
				buf_adds(
				    &some, pieces[(size_t)rand() %
						  (sizeof(pieces) / sizeof(pieces[0]))]);
			say(r, some.data, some.len);
			buf_append(&all, some.data, some.len);
			buf_free(&some);
			if (rand() % 8 == 0)
				drain(r, (unsigned)rand() % 50);
		}
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		drain(r, UINT32_MAX);
	}
	role_begin(r);
	end = clock_mono_us() + DEADLINE_US;
	for (int n = 1; n > 0;) {
		turn(r);
		assert_int_equal(ioctl(r->master, FIONREAD, &n), 0);
		assert_true(clock_mono_us() < end);
	}
	record_end(r->s);
	drain(r, UINT32_MAX);
	utf8_clean(&want, all.data, all.len);
	assert_int_equal(r->files, 1);
	assert_int_equal(tail_of(r)->dropped, 0);
	assert_recorded(r, 'o', want.data, want.len);
	buf_free(&want);
	buf_free(&all);
}

/* The keep is lost, or the ring: it goes on with the screen. */
static void
test_half_the_memory(void **state)
{
	struct rig *r = *state;

	role_begin(r);
	say_text(r, "one\r\n");
	drain(r, 1000);
	role_forget(r);
	assert_int_equal(unlinkat(r->t.run_fd, "term/0.cast", 0), 0);
	munmap(r->map, CAST_FILE_BYTES);
	r->map = NULL;
	role_begin(r);
	say_text(r, "two\r\n");
	drain(r, 1000);
	assert_int_equal(r->files, 2);
	assert_plays_to(r, "one\r\ntwo\r\n", 10);
	role_forget(r);
	assert_int_equal(unlinkat(r->t.run_fd, "term/0", 0), 0);
	role_begin(r);
	say_text(r, "\033[2J\033[Hthree\r\n");
	drain(r, 1000);
	assert_int_equal(r->files, 2);
	assert_plays_to(r, "three\r\n", 7);
	/* Of another invocation nothing is taken. */
	role_forget(r);
	memcpy(r->ts->invocation, "another one ....", 16);
	role_begin(r);
	munmap(r->map, CAST_FILE_BYTES);
	r->map = NULL;
	say_text(r, "four\r\n");
	drain(r, 1000);
	assert_int_equal(r->files, 3);
	assert_plays_to(r, "four\r\n", 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_is_in_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_secrets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_new_files_begin_with_the_screen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_ring, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_ring_that_cannot_be_opened, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_half_the_memory, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
