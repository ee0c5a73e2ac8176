/*
 * outq: what a peer does not take waits, goes in order, and is told of when it stays.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/fdio.h"
#include "lib/outq.h"

/* A busy machine may be late by more than what is a stall here. */
enum { FULL = 64 * 1024, STALL_US = 20 * 1000, NO_STALL_US = 600 * 1000 * 1000 };

struct rig {
	struct loop *loop;
	struct loop_io *io;
	struct outq q;
	int fd[2]; /* ours, the peer's */
	unsigned stalls, writable;
};

static void
on_io(struct loop_io *io, int events, void *arg)
{
	struct rig *r = arg;

	(void)io;
	if ((events & LOOP_WRITE) != 0) {
		r->writable++;
		(void)outq_send(&r->q);
	}
}

static void
on_stall(struct loop_timer *t, void *arg)
{
	struct rig *r = arg;

	(void)t;
	r->stalls++;
	loop_stop(r->loop);
}

static int
setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, r->fd), 0);
	assert_int_equal(fd_set_nonblock(r->fd[1], true), 0);
	r->loop = loop_new();
	r->io = loop_io_new(r->loop, "test", r->fd[0], LOOP_READ, on_io, r);
	outq_init(&r->q, r->loop, r->io, FULL, NO_STALL_US, on_stall, r);
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	outq_clear(&r->q);
	loop_io_free(r->io);
	loop_free(r->loop);
	fd_close(&r->fd[0]);
	fd_close(&r->fd[1]);
	free(r);
	return 0;
}

/* Until it does not take any more; how much that was. */
static size_t
fill(struct rig *r)
{
	size_t n = 0;
	char bytes[4096];

	while (outq_pending(&r->q) == 0) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)((n + i) % 251);
		buf_append(&r->q.buf, bytes, sizeof(bytes));
		n += sizeof(bytes);
		assert_true(outq_send(&r->q) >= 0);
	}
	return n;
}

/* What the peer finds; *at is where in the row it is. */
static void
take(struct rig *r, size_t *at, size_t most)
{
	char bytes[4096];

	while (most > 0) {
		ssize_t n = recv(r->fd[1], bytes,
		    most < sizeof(bytes) ? most : sizeof(bytes), MSG_DONTWAIT);

		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], (char)((*at)++ % 251));
		most -= (size_t)n;
	}
}

static void
test_goes_at_once(void **state)
{
	struct rig *r = *state;
	char got[8];

	assert_int_equal(outq_send(&r->q), 1);
	buf_adds(&r->q.buf, "hello");
	assert_int_equal(outq_send(&r->q), 1);
	assert_int_equal(outq_pending(&r->q), 0);
	assert_int_equal(read(r->fd[1], got, sizeof(got)), 5);
	assert_memory_equal(got, "hello", 5);
	loop_run_once(r->loop);
	assert_int_equal(r->writable, 0);
}

/* In order and nothing twice, and not more kept than waits. */
static void
test_waits_and_goes_on(void **state)
{
	struct rig *r = *state;
	size_t sent = fill(r), at = 0;

	assert_int_equal(outq_send(&r->q), 0);
	assert_false(outq_is_full(&r->q));
	while (!outq_is_full(&r->q)) {
		char c = (char)(sent++ % 251);

		buf_append(&r->q.buf, &c, 1);
	}
	while (at < sent) {
		take(r, &at, 10000);
		loop_run_once(r->loop);
		assert_true(r->q.sent <= sent);
	}
	assert_int_equal(outq_pending(&r->q), 0);
	assert_int_equal(r->q.buf.len, 0);
	assert_true(r->writable > 0);
	assert_int_equal(r->stalls, 0);
}

static void
test_stall_is_told_of(void **state)
{
	struct rig *r = *state;

	outq_clear(&r->q);
	outq_init(&r->q, r->loop, r->io, FULL, STALL_US, on_stall, r);
	(void)fill(r);
	loop_run(r->loop);
	assert_int_equal(r->stalls, 1);
}

static void
test_peer_is_gone(void **state)
{
	struct rig *r = *state;

	fd_close(&r->fd[1]);
	buf_adds(&r->q.buf, "hello");
	assert_int_equal(outq_send(&r->q), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_goes_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_and_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stall_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peer_is_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
