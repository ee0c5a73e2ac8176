/*
 * Recordings as the logger writes them, through the real role; this test is the terminal
 * that fills the ring.  Whole lines, each once, whatever instruction a logger died at,
 * and nothing in a file that somebody else has had his hands on.
 */
#include <sys/syscall.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "logger_fake.h"
#include "proto/cast.h"

/* A disk that is full, for recordings alone; some of a write may find room. */
static struct {
	bool full;
	unsigned part;
} * disk;

ssize_t
write(int fd, const void *p, size_t n)
{
	char link[64], path[512];
	ssize_t len;

	if (disk == NULL || !disk->full)
		return syscall(SYS_write, fd, p, n);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	if (len < 5 || strcmp(path + len - 5, ".cast") != 0)
		return syscall(SYS_write, fd, p, n);
	if (disk->part == 0 || n <= disk->part) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_write, fd, p, disk->part);
}

static const char day[] = "20261121";
static const char dir[] = "journal/20261121/health/";
static const uint8_t invocation[16] = "0123456789abcdef";

struct recording {
	uint32_t slot;
	void *map;
	uint64_t seq;
	struct buf all; /* what the newest file is to hold */
};

static void
make_ring(struct fake *f, struct recording *r, const uint8_t of[16])
{
	char path[32];
	struct cast *c;
	int fd, run = openat(f->root_fd, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdir_p_at(run, "term", 0700), 0);
	cast_path(path, r->slot);
	(void)unlinkat(run, path, 0);
	fd = openat(run, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, CAST_FILE_BYTES), 0);
	r->map = mmap(NULL, CAST_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(r->map != MAP_FAILED);
	ring_init(r->map, CAST_RING_BYTES);
	c = cast_tail(r->map);
	memcpy(c->invocation, of, sizeof(c->invocation));
	c->version = CAST_VERSION;
	c->magic = CAST_MAGIC;
	close(fd);
	close(run);
}

static void
open_recorded(
    struct fake *f, struct recording *r, uint32_t slot, const char *name, const char *ref)
{
	struct table_slot *s = fake_open(f, slot, name, ref);

	*r = (struct recording){ .slot = slot };
	memcpy(s->invocation, invocation, sizeof(s->invocation));
	s->conf.stream_mask |= SLOT_LOG_CAST;
	make_ring(f, r, invocation);
}

static void
recording_free(struct recording *r)
{
	munmap(r->map, CAST_FILE_BYTES);
	buf_free(&r->all);
}

static void
wake(struct fake *f)
{
	uint64_t one = 1;

	FAKE_CHECK(syscall(SYS_write, f->wake_fd, &one, sizeof(one)) == sizeof(one));
}

static void
put(struct fake *f, struct recording *r, const char *text, bool new_file)
{
	char line[RING_LINE_MAX];

	snprintf(line, sizeof(line), "%s%s\n", new_file ? day : "", text);
	r->seq += strlen(text);
	FAKE_CHECK(ring_put(cast_ring(r->map), r->seq, new_file ? CAST_NEW_FILE : 0, line,
		       (uint32_t)strlen(line)) == 0);
	if (new_file)
		buf_clear(&r->all);
	buf_adds(&r->all, text);
	buf_addc(&r->all, '\n');
	wake(f);
}

static bool
is_empty(const struct recording *r)
{
	const struct ring *ring = cast_ring(r->map);

	return atomic_load(&ring->tail) == atomic_load(&ring->head);
}

/* All of it is stored, and what a logger does after that is done. */
static void
wait_empty(struct fake *f, const struct recording *r)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	while (!is_empty(r)) {
		assert_true(fake_now_ms() < until);
		if (!fake_poll(f, 5))
			fake_start(f);
	}
	fake_barrier(f, r->slot);
}

static void
assert_file(struct fake *f, const char *file, const char *want)
{
	char path[300];
	struct buf b;

	snprintf(path, sizeof(path), "%s%s", dir, file);
	b = fake_read(f, path);
	assert_non_null(b.data);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static bool
is_there(struct fake *f, const char *path)
{
	struct stat st;

	return fstatat(f->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void
test_file_and_links(void **state)
{
	struct fake *f = fake_new(NULL);
	struct recording r, later;
	const struct msg *m;
	struct stat st;

	(void)state;
	fake_start(f);
	open_recorded(f, &r, 0, "s", "1");
	fake_tell_open(f, 0);
	put(f, &r, "{\"version\":2}", true);
	put(f, &r, "[0.1, \"o\", \"one\"]", false);
	wait_empty(f, &r);
	fake_wait_report(f, STREAM_NAMED, 0);
	m = &f->last[MSG_STREAM_STATE];
	assert_int_equal(m->u.STREAM_STATE.stream, STREAM_OF_CAST);
	assert_int_equal(m->u.STREAM_STATE.lines, 0);
	assert_int_equal(m->u.STREAM_STATE.bytes, 20261121);
	assert_file(f, "1_s.cast", buf_str(&r.all));
	assert_file(f, "s.cast", buf_str(&r.all));
	assert_string_equal(
	    fake_link(f, "journal/health/s.cast"), "../20261121/health/1_s.cast");
	assert_int_equal(
	    fstatat(f->root_fd, "journal/20261121/health/1_s.cast", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	/* A later invocation has the links, the earlier goes on. */
	open_recorded(f, &later, 1, "s", "2");
	fake_tell_open(f, 1);
	put(f, &later, "{\"version\":2}", true);
	wait_empty(f, &later);
	put(f, &r, "[0.2, \"o\", \"two\"]", false);
	wait_empty(f, &r);
	assert_file(f, "1_s.cast", buf_str(&r.all));
	assert_file(f, "s.cast", buf_str(&later.all));
	/* What is in the ring at the end is written; then it is gone. */
	put(f, &r, "[0.3, \"o\", \"end\"]", false);
	fake_close(f, 0);
	assert_file(f, "1_s.cast", buf_str(&r.all));
	assert_false(is_there(f, "run/term/0.cast"));
	assert_true(is_there(f, "run/term/1.cast"));
	recording_free(&r);
	recording_free(&later);
	fake_free(f);
}

/* The ring of another invocation, or what is none, is nobody's recording. */
static void
test_rings_of_others(void **state)
{
	struct fake *f = fake_new(NULL);
	static const uint8_t other[16] = "another one ....";
	struct recording r;

	(void)state;
	open_recorded(f, &r, 0, "s", "1");
	munmap(r.map, CAST_FILE_BYTES);
	make_ring(f, &r, other);
	fake_start(f);
	put(f, &r, "{}", true);
	fake_barrier(f, 0);
	assert_false(is_there(f, "journal/20261121/health/1_s.cast"));
	cast_tail(r.map)->magic = 0;
	memcpy(cast_tail(r.map)->invocation, invocation, sizeof(invocation));
	wake(f);
	fake_barrier(f, 0);
	assert_false(is_empty(&r));
	cast_tail(r.map)->magic = CAST_MAGIC;
	/* A ring that is damaged is skipped, and a new file is asked for. */
	*(uint32_t *)(void *)cast_ring(r.map)->data = 0xffffffff;
	wake(f);
	wait_empty(f, &r);
	assert_int_equal(cast_tail(r.map)->renew, 1);
	put(f, &r, "{\"version\":2}", true);
	wait_empty(f, &r);
	assert_file(f, "1_s.cast", buf_str(&r.all));
	recording_free(&r);
	fake_free(f);
}

static void
write_into(struct fake *f, const char *path, const char *text)
{
	int fd = openat(f->root_fd, path, O_WRONLY | O_CREAT | O_APPEND, 0640);

	assert_int_not_equal(fd, -1);
	assert_int_equal(full_write(fd, text, strlen(text)), 0);
	close(fd);
}

static void
test_files_in_others_hands(void **state)
{
	struct fake *f = fake_new(NULL);
	struct recording r;

	(void)state;
	/* The name is taken: by a file, by a link. */
	assert_int_equal(mkdir_p_at(f->root_fd, "journal/20261121/health", 0750), 0);
	write_into(f, "journal/20261121/health/1_s.cast", "not ours\n");
	assert_int_equal(
	    symlinkat("/etc/passwd", f->root_fd, "journal/20261121/health/1.1_s.cast"),
	    0);
	fake_start(f);
	open_recorded(f, &r, 0, "s", "1");
	fake_tell_open(f, 0);
	put(f, &r, "{\"version\":2}", true);
	wait_empty(f, &r);
	assert_file(f, "1_s.cast", "not ours\n");
	assert_file(f, "1.2_s.cast", "{\"version\":2}\n");
	/* Somebody appends: that file is left as it is, what comes waits for a new one.
	 */
	write_into(f, "journal/20261121/health/1.2_s.cast", "theirs\n");
	put(f, &r, "[0.1, \"o\", \"goes nowhere\"]", false);
	wait_empty(f, &r);
	assert_int_equal(cast_tail(r.map)->renew, 1);
	fake_wait_report(f, STREAM_DISTURBED, 0);
	assert_file(f, "1.2_s.cast", "{\"version\":2}\ntheirs\n");
	put(f, &r, "[0.2, \"o\", \"nor does this\"]", false);
	put(f, &r, "{\"version\":2,\"again\":1}", true);
	wait_empty(f, &r);
	assert_int_equal(cast_tail(r.map)->renew, 0);
	assert_file(f, "1.3_s.cast", buf_str(&r.all));
	assert_string_equal(
	    fake_link(f, "journal/health/s.cast"), "../20261121/health/1.3_s.cast");
	/* Deleted. */
	assert_int_equal(
	    unlinkat(f->root_fd, "journal/20261121/health/1.3_s.cast", 0), 0);
	put(f, &r, "[0.2, \"o\", \"lost\"]", false);
	wait_empty(f, &r);
	assert_int_equal(cast_tail(r.map)->renew, 1);
	put(f, &r, "{\"version\":2,\"third\":1}", true);
	put(f, &r, "[0.2, \"o\", \"on\"]", false);
	wait_empty(f, &r);
	assert_file(f, "1.3_s.cast", buf_str(&r.all));
	recording_free(&r);
	fake_free(f);
}

static void
test_full_disk(void **state)
{
	struct fake *f = fake_new(NULL);
	struct recording r;

	(void)state;
	fake_start(f);
	open_recorded(f, &r, 0, "s", "1");
	fake_tell_open(f, 0);
	put(f, &r, "{\"version\":2}", true);
	wait_empty(f, &r);
	disk->part = 7;
	disk->full = true;
	put(f, &r, "[0.1, \"o\", \"waits\"]", false);
	fake_wait_report(f, STREAM_PARKED, 0);
	assert_int_equal(f->last[MSG_STREAM_STATE].u.STREAM_STATE.err, ENOSPC);
	assert_file(f, "1_s.cast", "{\"version\":2}\n"); /* nothing is torn */
	assert_false(is_empty(&r));
	/* Also for the next logger, and its log does not wait for it. */
	fake_kill(f);
	fake_start(f);
	fake_wait_report(f, STREAM_PARKED, 1);
	assert_int_equal(full_write(f->slot[0].w[0], "a line\n", 7), 0);
	fake_barrier(f, 0);
	assert_true(is_there(f, "journal/health/s.log"));
	put(f, &r, "[0.2, \"o\", \"too\"]", false);
	disk->full = false;
	fake_wait_report(f, STREAM_RESUMED, 0);
	wait_empty(f, &r);
	assert_file(f, "1_s.cast", buf_str(&r.all));
	/* What the terminal had to leave out is told. */
	cast_tail(r.map)->dropped = 4711;
	put(f, &r, "[0.3, \"o\", \"on\"]", false);
	fake_wait_report(f, STREAM_DROPPED, 0);
	assert_int_equal(f->last[MSG_STREAM_STATE].u.STREAM_STATE.bytes, 4711);
	cast_tail(r.map)->full = 1;
	put(f, &r, "[0.3, \"m\", \"full\"]", false);
	fake_wait_report(f, STREAM_LIMIT, 0);
	/* The end does not wait for a disk. */
	disk->full = true;
	put(f, &r, "[0.4, \"o\", \"lost\"]", false);
	fake_close(f, 0);
	assert_true(f->reports[STREAM_DROPPED] >= 2);
	disk->full = false;
	recording_free(&r);
	fake_free(f);
}

/* Killed at each step of the protocol, in the middle of others, again and again. */
static void
test_killed(void **state)
{
	static const int steps[] = { 200, 210, 220, 230 };
	struct fake *f = fake_new(NULL);
	struct recording r[2];
	char text[64];

	(void)state;
	open_recorded(f, &r[0], 0, "s", "1");
	open_recorded(f, &r[1], 1, "t", "1");
	disk->part = 5;
	for (unsigned i = 0; i < 200; i++) {
		fake_kill_step = steps[i % 4];
		fake_kill_passes = 1 + (int)(i / 4 % 3);
		fake_start(f);
		for (unsigned k = 0; k < 6; k++) {
			struct recording *one = &r[k & 1];

			snprintf(text, sizeof(text), "[%u.%u, \"o\", \"x\"]", i, k);
			put(f, one, one->seq == 0 ? "{\"version\":2}" : text,
			    one->seq == 0 || (i % 50 == 25 && k < 2));
			/* Half a line on a full disk, and then it dies. */
			disk->full = i % 7 == 3 && k > 3;
			if (!fake_poll(f, k == 5 ? 5 : 0))
				break;
		}
		disk->full = false;
		fake_kill(f);
	}
	fake_kill_step = -1;
	fake_start(f);
	for (unsigned k = 0; k < 2; k++) {
		struct buf b;

		wait_empty(f, &r[k]);
		b = fake_read(
		    f, k == 0 ? "journal/health/s.cast" : "journal/health/t.cast");
		assert_string_equal(buf_str(&b), buf_str(&r[k].all));
		buf_free(&b);
		recording_free(&r[k]);
	}
	assert_int_equal(f->reports[STREAM_DISTURBED], 0);
	fake_free(f);
}

/* Half a line that a killed logger left: the next one takes it back. */
static void
test_torn_line(void **state)
{
	struct fake *f = fake_new(NULL);
	struct recording r;

	(void)state;
	fake_start(f);
	open_recorded(f, &r, 0, "s", "1");
	fake_tell_open(f, 0);
	put(f, &r, "{\"version\":2}", true);
	wait_empty(f, &r);
	fake_kill(f);
	fake_kill_step = 210; /* the intent stands, nothing is written */
	fake_kill_passes = 1;
	put(f, &r, "[0.1, \"o\", \"one\"]", false);
	fake_start(f);
	while (fake_poll(f, 20))
		;
	fake_kill_step = -1;
	write_into(f, "journal/20261121/health/1_s.cast", "[0.1, \"o");
	fake_start(f);
	wait_empty(f, &r);
	assert_file(f, "1_s.cast", buf_str(&r.all));
	assert_int_equal(f->reports[STREAM_DISTURBED], 0);
	recording_free(&r);
	fake_free(f);
}

/* Killed between the first line of a new file and the links to it: the next one sets
 * them, whether more comes or not. */
static void
test_links_after_death(void **state)
{
	struct fake *f = fake_new(NULL);
	struct recording r;
	struct buf b;

	(void)state;
	fake_start(f);
	open_recorded(f, &r, 0, "s", "1");
	fake_tell_open(f, 0);
	put(f, &r, "{\"version\":2}", true);
	wait_empty(f, &r);
	fake_kill(f);
	fake_kill_step = 230;
	fake_kill_passes = 1;
	put(f, &r, "{\"version\":2,\"again\":1}", true);
	fake_start(f);
	while (fake_poll(f, 20))
		;
	fake_kill_step = -1;
	assert_true(is_empty(&r));
	fake_start(f);
	wait_empty(f, &r);
	b = fake_read(f, "journal/health/s.cast");
	assert_string_equal(buf_str(&b), buf_str(&r.all));
	buf_free(&b);
	recording_free(&r);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_and_links),
		cmocka_unit_test(test_rings_of_others),
		cmocka_unit_test(test_files_in_others_hands),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_torn_line),
		cmocka_unit_test(test_links_after_death),
	};

	disk = mmap(NULL, sizeof(*disk), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	FAKE_CHECK(disk != MAP_FAILED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
