/*
 * Tests of lib/loop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/loop.h"

struct ctx {
	struct loop *loop;
	struct loop_io *io;
	struct loop_timer *timer, *other;
	uint64_t started_us;
	int calls, later;
	int events;
	char order[16];
};

static void
on_deadline(struct loop_timer *t, void *arg)
{
	(void)t;
	(void)arg;
	fail_msg("the loop did not end by itself");
}

/* Each test gives up after this long, and only then. */
static void
run(struct ctx *c)
{
	struct loop_timer *t = loop_timer_new(c->loop, "deadline", on_deadline, NULL);

	loop_timer_in(t, 20 * USEC_PER_SEC);
	loop_run(c->loop);
	loop_timer_free(t);
}

static void
on_timer_stop(struct loop_timer *t, void *arg)
{
	struct ctx *c = arg;

	c->calls++;
	assert_false(loop_timer_is_armed(t));
	loop_stop(c->loop);
}

static void
on_timer_never(struct loop_timer *t, void *arg)
{
	(void)t;
	(void)arg;
	fail_msg("this timer must not fire");
}

static void
test_timer_is_not_early(void **state)
{
	struct ctx c = { .loop = loop_new() };
	struct loop_timer *t = loop_timer_new(c.loop, "t", on_timer_stop, &c);

	(void)state;
	assert_false(loop_timer_is_armed(t));
	assert_true(loop_timer_deadline_us(t) == USEC_INFINITY);
	for (uint64_t delay_us = 0; delay_us < 5000; delay_us += 333) {
		uint64_t due = clock_mono_us() + delay_us;

		loop_timer_at(t, due);
		assert_true(loop_timer_is_armed(t));
		assert_true(loop_timer_deadline_us(t) == due);
		run(&c);
		assert_true(loop_now_us(c.loop) >= due);
	}
	/* A deadline in the past fires at once. */
	loop_timer_at(t, 1);
	run(&c);
	assert_int_equal(c.calls, 17);
	loop_timer_free(t);
	loop_timer_free(NULL);
	loop_free(c.loop);
	loop_free(NULL);
}

static void
test_timer_can_be_moved_and_stopped(void **state)
{
	struct ctx c = { .loop = loop_new() };
	struct loop_timer *t = loop_timer_new(c.loop, "t", on_timer_stop, &c);
	struct loop_timer *never = loop_timer_new(c.loop, "never", on_timer_never, &c);

	(void)state;
	loop_timer_in(t, 10 * USEC_PER_HOUR);
	loop_timer_in(t, 1000);
	loop_timer_in(never, 1);
	loop_timer_at(never, USEC_INFINITY);
	assert_false(loop_timer_is_armed(never));
	loop_timer_in(never, 1);
	loop_timer_stop(never);
	loop_timer_in(never, USEC_INFINITY);
	run(&c);
	assert_int_equal(c.calls, 1);
	loop_timer_free(t);
	loop_timer_free(never);
	loop_free(c.loop);
}

/* Both are due: whichever runs first frees both. */
static void
on_timer_free_both(struct loop_timer *t, void *arg)
{
	struct ctx *c = arg;

	(void)t;
	c->calls++;
	loop_timer_free(c->timer);
	loop_timer_free(c->other);
	c->timer = c->other = NULL;
	loop_stop(c->loop);
}

static void
test_timer_may_be_freed_in_a_callback(void **state)
{
	struct ctx c = { .loop = loop_new() };

	(void)state;
	c.timer = loop_timer_new(c.loop, "one", on_timer_free_both, &c);
	c.other = loop_timer_new(c.loop, "two", on_timer_free_both, &c);
	loop_timer_at(c.timer, 1);
	loop_timer_at(c.other, 1);
	run(&c);
	loop_run_once(c.loop);
	assert_int_equal(c.calls, 1);
	loop_free(c.loop);
}

static void
on_io_record(struct loop_io *io, int events, void *arg)
{
	struct ctx *c = arg;
	char b;

	c->calls++;
	c->events = events;
	if (events & LOOP_READ)
		assert_true(read(loop_io_fd(io), &b, 1) >= 0);
	if (events & LOOP_WRITE)
		loop_io_set(io, LOOP_READ);
	loop_stop(c->loop);
}

static void
test_io(void **state)
{
	struct ctx c = { .loop = loop_new() };
	struct loop_io *io;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	io = loop_io_new(c.loop, "socket", s[0], 0, on_io_record, &c);
	assert_int_equal(full_write(s[1], "x", 1), 0);
	loop_run_once(c.loop);
	assert_int_equal(c.calls, 0);
	loop_io_set(io, LOOP_READ);
	run(&c);
	assert_int_equal(c.events, LOOP_READ);
	loop_io_set(io, LOOP_READ | LOOP_WRITE);
	run(&c);
	assert_int_equal(c.events, LOOP_WRITE);
	loop_run_once(c.loop);
	assert_int_equal(c.calls, 2);
	fd_close(&s[1]);
	run(&c); /* end of file is readable */
	assert_int_equal(c.events, LOOP_READ);
	loop_io_set(io, 0);
	loop_run_once(c.loop);
	assert_int_equal(c.calls, 3);
	loop_io_free(io);
	loop_io_free(NULL);
	fd_close(&s[0]);
	loop_free(c.loop);
}

static void
on_io_free_itself(struct loop_io *io, int events, void *arg)
{
	struct ctx *c = arg;
	int fd = loop_io_fd(io);

	(void)events;
	c->calls++;
	loop_io_free(io);
	fd_close(&fd);
	loop_stop(c->loop);
}

static void
test_io_may_free_itself(void **state)
{
	struct ctx c = { .loop = loop_new() };
	int p[2];

	(void)state;
	/* The second round gets the same descriptor number again. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(p, O_CLOEXEC), 0);
		loop_io_new(c.loop, "pipe", p[0], LOOP_READ, on_io_free_itself, &c);
		assert_int_equal(full_write(p[1], "x", 1), 0);
		run(&c);
		fd_close(&p[1]);
	}
	assert_int_equal(c.calls, 2);
	loop_free(c.loop);
}

static void
note(struct ctx *c, char what)
{
	size_t n = strlen(c->order);

	if (n + 1 < sizeof(c->order))
		c->order[n] = what;
}

static void
post_b(void *arg)
{
	note(arg, 'b');
}

static void
post_c(void *arg)
{
	struct ctx *c = arg;

	note(c, 'c');
	loop_stop(c->loop);
}

static void
post_a(void *arg)
{
	struct ctx *c = arg;

	note(c, 'a');
	loop_post(c->loop, post_c, c); /* runs in the next round, with no wait before */
}

static void
post_cancelled(void *arg)
{
	(void)arg;
	fail_msg("a cancelled call ran");
}

static void
post_cancels(void *arg)
{
	struct ctx *c = arg;

	loop_post_cancel(c->loop, post_cancelled, c);
}

static void
test_posts(void **state)
{
	struct ctx c = { .loop = loop_new() };

	(void)state;
	loop_post(c.loop, post_cancelled, NULL);
	loop_post_cancel(c.loop, post_cancelled, NULL);
	loop_post_cancel(c.loop, post_cancelled, NULL);
	loop_post(c.loop, post_cancels, &c);
	loop_post(c.loop, post_cancelled, &c);
	loop_post(c.loop, post_a, &c);
	loop_post(c.loop, post_b, &c);
	loop_post(c.loop, post_a, &c);
	run(&c);
	assert_string_equal(c.order, "abc");
	/* What was posted and never run goes with the loop. */
	loop_post(c.loop, post_b, &c);
	loop_free(c.loop);
	assert_string_equal(c.order, "abc");
}

/* A call that posts itself for ever must not keep descriptors and timers from their turn.
 */
static void
post_again(void *arg)
{
	struct ctx *c = arg;

	c->later++;
	loop_post(c->loop, post_again, c);
}

static void
test_a_post_does_not_starve_the_loop(void **state)
{
	struct ctx c = { .loop = loop_new() };
	struct loop_timer *t = loop_timer_new(c.loop, "t", on_timer_stop, &c);

	(void)state;
	loop_post(c.loop, post_again, &c);
	loop_timer_in(t, 2000);
	run(&c);
	assert_int_equal(c.calls, 1);
	assert_true(c.later > 0);
	loop_timer_free(t);
	loop_free(c.loop);
}

static void
on_signal(const struct signalfd_siginfo *si, void *arg)
{
	struct ctx *c = arg;

	note(c, si->ssi_signo == SIGUSR1 ? '1' : '2');
	assert_int_equal(si->ssi_pid, getpid());
	if (strlen(c->order) == 2)
		loop_stop(c->loop);
}

static void
test_signals(void **state)
{
	struct ctx c = { .loop = loop_new() };
	struct loop_signal *one, *two;
	sigset_t set, old;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
	assert_null(loop_signal_new(c.loop, 1000, on_signal, &c));
	one = loop_signal_new(c.loop, SIGUSR1, on_signal, &c);
	two = loop_signal_new(c.loop, SIGUSR2, on_signal, &c);
	assert_non_null(one);
	assert_non_null(two);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_int_equal(kill(getpid(), SIGUSR2), 0);
	run(&c);
	assert_string_equal(c.order, "12");
	loop_signal_free(one);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_int_equal(kill(getpid(), SIGUSR2), 0);
	loop_run_once(c.loop);
	loop_run_once(c.loop);
	assert_string_equal(c.order, "122");
	loop_signal_free(two);
	loop_signal_free(NULL);
	/* The one nobody watches any more is still pending: take it before it is
	 * unblocked. */
	assert_int_equal(sigwaitinfo(&set, NULL), SIGUSR1);
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	loop_free(c.loop);
}

/*
 * With a timer far away the loop blocks once: it neither spins nor looks at the clock now
 * and then.  Voluntary context switches tell.
 */
static void
test_idle_loop_sleeps(void **state)
{
	struct ctx c = { .loop = loop_new() };
	struct loop_timer *t = loop_timer_new(c.loop, "far", on_timer_never, &c);
	struct loop_timer *end = loop_timer_new(c.loop, "end", on_timer_stop, &c);
	struct rusage before, after;

	(void)state;
	loop_timer_in(t, 10 * USEC_PER_HOUR);
	loop_timer_in(end, 300 * USEC_PER_MSEC);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	loop_run(c.loop);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	/* One to wait for the timer, a second when rounding woke it early. */
	assert_true(after.ru_nvcsw - before.ru_nvcsw <= 4);
	loop_timer_free(t);
	loop_timer_free(end);
	loop_free(c.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer_is_not_early),
		cmocka_unit_test(test_timer_can_be_moved_and_stopped),
		cmocka_unit_test(test_timer_may_be_freed_in_a_callback),
		cmocka_unit_test(test_io),
		cmocka_unit_test(test_io_may_free_itself),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_a_post_does_not_starve_the_loop),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_idle_loop_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
