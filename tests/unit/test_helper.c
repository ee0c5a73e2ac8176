/*
 * helper: answers come from the loop, what hangs is cut, what dies is no answer, and
 * hundreds at once are done by and by.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "manager/service/helper.h"

/* So many processes more can be made; then none, for this reason. */
static unsigned forks_left = UINT_MAX;
static int fork_error;

pid_t
fork(void)
{
	static pid_t (*real)(void);

	if (forks_left == 0) {
		errno = fork_error;
		return -1;
	}
	forks_left--;
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fork");
	return real();
}

struct result {
	unsigned answers, failures;
	int err;
	size_t len;
	char text[64];
};

static void
on_answer(void *arg, const struct buf *answer)
{
	struct result *r = arg;

	if (answer == NULL) {
		r->err = errno;
		r->failures++;
		return;
	}
	r->answers++;
	r->len = answer->len;
	strlcpy(r->text, buf_str((const struct buf *)answer), sizeof(r->text));
}

static void
work_echo(const void *question, struct buf *out)
{
	buf_addf(out, "you said %s", (const char *)question);
}

static void
work_hang(const void *question, struct buf *out)
{
	(void)question;
	(void)out;
	for (;;)
		pause();
}

static void
work_die(const void *question, struct buf *out)
{
	(void)question;
	(void)out;
	_exit(0);
}

static void
work_large(const void *question, struct buf *out)
{
	(void)question;
	for (int i = 0; i < 1000000; i++)
		buf_addc(out, 'x');
}

static void
work_endless(const void *question, struct buf *out)
{
	(void)question;
	for (int i = 0; i < 5 << 20; i++)
		buf_addc(out, 'x');
}

/* Descriptors of the manager that the helper still has: none but its answer. */
static void
work_count(const void *question, struct buf *out)
{
	int n = 0;

	(void)question;
	for (int fd = 3; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	buf_addf(out, "%d", n);
}

static void
run_until(struct loop *l, const struct result *r, unsigned n)
{
	uint64_t until = clock_add_us(clock_mono_us(), 30 * USEC_PER_SEC);

	while (r->answers + r->failures < n && clock_mono_us() < until)
		loop_run_once(l);
	assert_int_equal(r->answers + r->failures, n);
}

static void
test_answers(void **state)
{
	struct loop *l = loop_new();
	struct result r = { 0 };

	(void)state;
	helper_new(l, work_echo, "hello", 6, 20 * USEC_PER_SEC, on_answer, &r);
	assert_int_equal(r.answers, 0);
	run_until(l, &r, 1);
	assert_string_equal(r.text, "you said hello");
	helper_new(l, work_large, "", 1, 20 * USEC_PER_SEC, on_answer, &r);
	run_until(l, &r, 2);
	assert_int_equal(r.len, 1000000);
	helper_new(l, work_count, "", 1, 20 * USEC_PER_SEC, on_answer, &r);
	run_until(l, &r, 3);
	assert_string_equal(r.text, "1");
	assert_int_equal(r.failures, 0);
	loop_free(l);
}

static void
test_no_answer(void **state)
{
	struct loop *l = loop_new();
	struct result r = { 0 };
	struct helper *h;

	(void)state;
	helper_new(l, work_hang, "", 1, 50 * USEC_PER_MSEC, on_answer, &r);
	run_until(l, &r, 1);
	assert_int_equal(r.err, ETIMEDOUT);
	helper_new(l, work_die, "", 1, 20 * USEC_PER_SEC, on_answer, &r);
	run_until(l, &r, 2);
	assert_int_equal(r.err, EPIPE);
	helper_new(l, work_endless, "", 1, 20 * USEC_PER_SEC, on_answer, &r);
	run_until(l, &r, 3);
	assert_int_equal(r.err, EFBIG);
	h = helper_new(l, work_hang, "", 1, 20 * USEC_PER_SEC, on_answer, &r);
	helper_free(h);
	helper_new(l, work_echo, "", 1, 20 * USEC_PER_SEC, on_answer, &r);
	run_until(l, &r, 4);
	assert_int_equal(r.answers, 1);
	loop_free(l);
}

/* Without a process there is no answer, and the reason is not that it took too long. */
static void
test_no_process(void **state)
{
	static const int errors[] = { EAGAIN, ENOMEM };
	struct loop *l = loop_new();
	struct result r = { 0 };
	struct buf b = { 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		forks_left = 0;
		fork_error = errors[i];
		helper_new(l, work_echo, "x", 2, 20 * USEC_PER_SEC, on_answer, &r);
		assert_int_equal(r.failures, i);
		run_until(l, &r, i + 1);
		assert_int_equal(r.failures, i + 1);
		assert_int_equal(r.err, errors[i]);
		assert_int_equal(helper_ask(work_echo, "x", USEC_PER_SEC, &b), -1);
		assert_int_equal(errno, errors[i]);
	}
	forks_left = UINT_MAX;
	helper_new(l, work_echo, "x", 2, 20 * USEC_PER_SEC, on_answer, &r);
	run_until(l, &r, 3);
	assert_int_equal(r.answers, 1);
	loop_free(l);
}

static void
test_many(void **state)
{
	struct loop *l = loop_new();
	struct result r = { 0 }, hung = { 0 };
	struct helper *h[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		h[i] =
		    helper_new(l, work_hang, "", 1, 60 * USEC_PER_SEC, on_answer, &hung);
	for (int i = 0; i < 100; i++)
		helper_new(l, work_echo, "", 1, 60 * USEC_PER_SEC, on_answer, &r);
	/* The first hold all places; those behind them have their turn when they end. */
	for (int i = 0; i < 100; i++)
		helper_free(h[i]);
	run_until(l, &r, 100);
	assert_int_equal(r.answers, 100);
	assert_int_equal(hung.answers + hung.failures, 0);
	loop_free(l);
}

static void
test_asked_at_once(void **state)
{
	struct buf b = { 0 };
	uint64_t before = clock_mono_us();

	(void)state;
	assert_int_equal(helper_ask(work_echo, "it", 20 * USEC_PER_SEC, &b), 0);
	assert_string_equal(buf_str(&b), "you said it");
	buf_clear(&b);
	assert_int_equal(helper_ask(work_hang, "", 50 * USEC_PER_MSEC, &b), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_true(clock_mono_us() - before < 20 * USEC_PER_SEC);
	assert_int_equal(helper_ask(work_die, "", 20 * USEC_PER_SEC, &b), -1);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_asked_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
