/*
 * input_file: a real queue and its file, over managers that die, full disks and files in
 * which anything may stand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "manager/session/input.h"
#include "manager/session/input_file.h"

static const char path[] = "q.in";

struct desk {
	char name[128];
	int dir;
	struct session_conf conf;
	struct input *q;
	struct input_file file;
	struct buf complaints;
	uint64_t ids, id;
	uint32_t step;
	unsigned refused; /* by the file */
};

static uint64_t
on_id(void *arg)
{
	return ++((struct desk *)arg)->ids;
}

static bool
on_journal(void *arg, const struct input_entry *e, enum input_record record)
{
	struct desk *d = arg;
	bool done = input_file_add(&d->file, d->q, e, record);

	d->refused += !done;
	return done;
}

static bool
on_write(void *arg, uint64_t id, uint32_t step, enum input_write what, const char *data,
    size_t len)
{
	struct desk *d = arg;

	(void)what;
	(void)data;
	(void)len;
	d->id = id;
	d->step = step;
	return true;
}

static void
on_ask(void *arg)
{
	(void)arg;
}

static void
on_result(void *arg, const struct input_entry *e)
{
	(void)arg;
	(void)e;
}

static void
on_arm(void *arg, uint64_t due_us)
{
	(void)arg;
	(void)due_us;
}

/* A manager comes. */
static int
begin(struct desk *d)
{
	const struct input_ops ops = { on_id, on_journal, on_write, on_ask, on_result,
		on_arm, d };

	d->q = input_new(&d->conf, &ops);
	input_file_init(&d->file, d->dir, path);
	buf_clear(&d->complaints);
	return input_file_read(&d->file, d->q, &d->complaints);
}

static void
another(struct desk *d)
{
	input_free(d->q);
	assert_int_equal(begin(d), 0);
}

static int
set_up(void **state)
{
	static char clear[] = "C-u";
	struct desk *d = calloc(1, sizeof(*d));
	const char *tmp = getenv("TMPDIR");

	assert_non_null(d);
	snprintf(d->name, sizeof(d->name), "%.90s/supd-input.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(d->name));
	d->dir = open_dir_at(AT_FDCWD, d->name);
	assert_true(d->dir != -1);
	d->conf = (struct session_conf){ .input_clear = clear,
		.input_when = SESSION_STATE_BIT(SESSION_IDLE),
		.input_expire_us = USEC_PER_HOUR };
	assert_int_equal(begin(d), 0);
	*state = d;
	return 0;
}

static int
tear_down(void **state)
{
	struct desk *d = *state;

	input_free(d->q);
	buf_free(&d->complaints);
	(void)unlinkat(d->dir, path, 0);
	close(d->dir);
	assert_int_equal(rmdir(d->name), 0); /* nothing else was left in it */
	free(d);
	return 0;
}

static const char *
send(struct desk *d, const char *text, const char *slot, const char *token)
{
	struct input_request r = { .data = text,
		.len = strlen(text),
		.flags = INPUT_ENTER,
		.slot = slot,
		.token = token };
	const char *why = NULL;

	(void)input_enqueue(d->q, &r, &why);
	return why;
}

/* The texts that wait, with a blank behind each. */
static const char *
waiting(const struct desk *d)
{
	static struct buf b;

	buf_clear(&b);
	for (const struct input_entry *e = input_first(d->q); e != NULL;
	     e = input_next(e)) {
		buf_append(&b, e->data, e->len);
		buf_addc(&b, ' ');
	}
	return buf_str(&b);
}

static void
append_raw(const struct desk *d, const char *p, size_t n)
{
	int fd = open_at(d->dir, path, O_WRONLY | O_APPEND | O_CREAT, 0600);

	assert_int_equal(full_write(fd, p, n), 0);
	close(fd);
}

static off_t
size_of(const struct desk *d)
{
	struct stat st;

	return fstatat(d->dir, path, &st, 0) == 0 ? st.st_size : -1;
}

static void
idle(struct desk *d)
{
	input_started(d->q);
	input_state(d->q, SESSION_IDLE);
	input_writer_up(d->q);
}

static void
finish_steps(struct desk *d)
{
	for (int i = 0; i < 10; i++)
		input_taken(d->q, d->id, d->step);
}

static void
what_waits_is_read_again(void **state)
{
	struct desk *d = *state;

	assert_null(send(d, "one", NULL, NULL));
	assert_null(send(d, "two", NULL, NULL));
	another(d);
	assert_string_equal(waiting(d), "one two ");
	assert_int_equal(input_newest_id(d->q), 2);
	idle(d);
	input_answered(d->q, INPUT_ANSWER_LAST, 0, 0);
	finish_steps(d);
	finish_steps(d);
	assert_string_equal(waiting(d), "");
	assert_int_equal(size_of(d), -1); /* nothing is to be remembered */
}

/* What one that was killed had not finished does not spoil what the next one writes. */
static void
half_a_line_spoils_nothing(void **state)
{
	static const char half[] = "{\"id\":9,\"phase\":\"que";
	struct desk *d = *state;

	assert_null(send(d, "one", NULL, NULL));
	append_raw(d, half, sizeof(half) - 1);
	another(d);
	assert_string_equal(waiting(d), "one ");
	assert_null(send(d, "two", NULL, NULL));
	another(d);
	assert_string_equal(waiting(d), "one two ");
	assert_int_equal(d->complaints.len, 0);
	/* The step that is announced is the one that counts. */
	append_raw(d, half, sizeof(half) - 1);
	another(d);
	idle(d);
	input_answered(d->q, INPUT_ANSWER_LAST, 0, 0);
	another(d);
	assert_int_equal(input_first(d->q)->phase, INPUT_TYPING);
}

static void
no_room_spoils_nothing(void **state)
{
	struct rlimit old, few;
	struct desk *d = *state;

	assert_null(send(d, "one", NULL, NULL));
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	few = old;
	few.rlim_cur = (rlim_t)size_of(d) + 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
	assert_non_null(send(d, "two", NULL, NULL));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(d->refused, 1);
	assert_null(send(d, "three", NULL, NULL));
	another(d);
	assert_int_equal(d->complaints.len, 0);
	assert_string_equal(waiting(d), "one three ");
}

/* What is renewed for weeks and never taken. */
static void
it_is_as_long_as_what_waits(void **state)
{
	enum { MANY = 20000, LONG = 1000 };
	struct desk *d = *state;
	char text[LONG + 1];
	off_t most = 0;

	memset(text, 'x', LONG);
	text[LONG] = '\0';
	assert_null(send(d, "first", NULL, NULL));
	for (int i = 0; i < MANY; i++) {
		snprintf(text, 8, "%d", i % 10);
		text[1] = ' ';
		assert_null(send(d, text, "renewed", NULL));
		most = size_of(d) > most ? size_of(d) : most;
	}
	assert_in_range(most, INPUT_FILE_GROWS, 2 * INPUT_FILE_GROWS);
	another(d);
	assert_int_equal(d->complaints.len, 0);
	assert_int_equal(input_count(d->q), 2);
	assert_memory_equal(input_next(input_first(d->q))->data, text, LONG);
}

static void
results_are_known_by_token(void **state)
{
	struct input_known known;
	struct desk *d = *state;
	char token[32];

	assert_false(input_find_token(d->q, "t1", &known));
	assert_null(send(d, "one", NULL, "t1"));
	assert_true(input_find_token(d->q, "t1", &known));
	assert_int_equal(known.result, INPUT_NONE);
	another(d);
	assert_true(input_find_token(d->q, "t1", &known));
	assert_int_equal(known.result, INPUT_NONE);
	idle(d);
	input_answered(d->q, INPUT_ANSWER_LAST, 0, 0);
	finish_steps(d);
	assert_string_equal(waiting(d), "");
	another(d);
	assert_true(input_find_token(d->q, "t1", &known));
	assert_int_equal(known.result, INPUT_DELIVERED);
	assert_int_equal(known.id, 1);
	assert_int_equal(input_newest_id(d->q), 1);
	/* The last ones; also in a file that was written anew. */
	idle(d);
	for (int i = 0; i < INPUT_PAST_MAX; i++) {
		snprintf(token, sizeof(token), "n%d", i);
		assert_null(send(d, "x", NULL, token));
		finish_steps(d);
	}
	assert_false(input_find_token(d->q, "t1", &known));
	d->file.most = 0;
	assert_null(send(d, "x", NULL, "last"));
	finish_steps(d);
	another(d);
	assert_int_equal(d->complaints.len, 0);
	assert_false(input_find_token(d->q, "n0", &known));
	assert_true(input_find_token(d->q, "n1", &known));
	assert_true(input_find_token(d->q, "last", &known));
	assert_int_equal(known.result, INPUT_DELIVERED);
}

/* Cut at each byte, and each byte another: whatever is read, what comes then is kept. */
static void
damage_spoils_nothing_else(void **state)
{
	struct desk *d = *state;
	struct buf whole = { 0 };

	assert_null(send(d, "one", NULL, "t1"));
	idle(d);
	finish_steps(d);
	assert_null(send(d, "two", "s", NULL));
	d->file.most = 0;
	assert_null(send(d, "three", NULL, "t3"));
	assert_int_equal(file_read_at(d->dir, path, 1 << 20, &whole), 0);
	for (size_t i = 0; i < 3 * whole.len; i++) {
		size_t at = i / 3, n = i % 3 == 0 ? at : whole.len;
		static const char other[] = { '"', '\0', '\n' };
		char *copy = malloc(whole.len + 1);

		memcpy(copy, whole.data, whole.len);
		if (i % 3 != 0)
			copy[at] = i % 3 == 1 ? (char)(copy[at] ^ 0x11) : other[at % 3];
		(void)unlinkat(d->dir, path, 0);
		append_raw(d, copy, n);
		free(copy);
		input_free(d->q);
		assert_int_equal(begin(d), 0);
		d->ids = input_newest_id(d->q);
		assert_null(send(d, "new", NULL, NULL));
		another(d);
		assert_non_null(strstr(waiting(d), "new "));
	}
	buf_free(&whole);
}

/* Somebody put something else in its place. */
static void
what_is_no_file_is_not_followed(void **state)
{
	struct desk *d = *state;

	assert_int_equal(symlinkat("elsewhere", d->dir, path), 0);
	input_free(d->q);
	assert_int_equal(begin(d), -1);
	assert_non_null(send(d, "one", NULL, NULL));
	assert_int_equal(faccessat(d->dir, "elsewhere", F_OK, 0), -1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_waits_is_read_again),
		TEST(half_a_line_spoils_nothing),
		TEST(no_room_spoils_nothing),
		TEST(it_is_as_long_as_what_waits),
		TEST(results_are_known_by_token),
		TEST(damage_spoils_nothing_else),
		TEST(what_is_no_file_is_not_followed),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
