/*
 * Tests of manager/service/notify: real datagrams, hostile ones too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "manager/service/notify.h"

static int pair[2];

static int
setup(void **state)
{
	int one = 1;

	(void)state;
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(
	    setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static void
put(const void *data, size_t len, const int *fds, size_t nfds)
{
	union {
		char buf[CMSG_SPACE(253 * sizeof(int))];
		struct cmsghdr align;
	} ctl;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memset(&ctl, 0, sizeof(ctl));
	if (nfds > 0) {
		mh.msg_control = ctl.buf;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(pair[1], &mh, 0), len);
}

static unsigned
open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void
test_recv(void **state)
{
	static struct notify_packet p;

	(void)state;
	assert_int_equal(notify_recv(pair[0], &p), 0);
	put("READY=1", 7, NULL, 0);
	assert_int_equal(notify_recv(pair[0], &p), 1);
	assert_int_equal(p.nt.len, 7);
	assert_string_equal(p.nt.text, "READY=1");
	assert_int_equal(p.nt.pid, getpid());
	assert_int_equal(p.nt.uid, getuid());
	assert_false(p.nt.truncated);
	/* An empty one is one, and not the end. */
	put("", 0, NULL, 0);
	put("X", 1, NULL, 0);
	assert_int_equal(notify_recv(pair[0], &p), 1);
	assert_int_equal(p.nt.len, 0);
	assert_int_equal(notify_recv(pair[0], &p), 1);
	assert_int_equal(p.nt.len, 1);
}

/* What is only looked at is there for the next one; dropped, its descriptors are closed.
 */
static void
test_peek_and_drop(void **state)
{
	static struct notify_packet p;
	unsigned before = open_fds();
	int barrier[2];
	char c;

	(void)state;
	assert_int_equal(pipe2(barrier, O_NONBLOCK), 0);
	put("BARRIER=1", 9, &barrier[1], 1);
	put("READY=1", 7, NULL, 0);
	close(barrier[1]);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(notify_peek(pair[0], &p), 1);
		assert_string_equal(p.nt.text, "BARRIER=1");
		assert_int_equal(p.nt.nfds, 1);
		close(p.nt.fds[0]);
		assert_int_equal(read(barrier[0], &c, 1), -1);
	}
	notify_drop(pair[0]);
	assert_int_equal(read(barrier[0], &c, 1), 0);
	close(barrier[0]);
	assert_int_equal(notify_peek(pair[0], &p), 1);
	assert_string_equal(p.nt.text, "READY=1");
	notify_drop(pair[0]);
	assert_int_equal(notify_peek(pair[0], &p), 0);
	notify_drop(pair[0]);
	assert_int_equal(open_fds(), before);
}

static void
test_too_long(void **state)
{
	static struct notify_packet p;
	static char big[65536];

	(void)state;
	memset(big, 'a', sizeof(big));
	put(big, sizeof(big), NULL, 0);
	assert_int_equal(notify_recv(pair[0], &p), 1);
	assert_true(p.nt.truncated);
	assert_int_equal(p.nt.len, NOTIFY_BYTES_MAX);
}

static void
test_descriptors(void **state)
{
	static struct notify_packet p;
	unsigned before = open_fds();
	int fds[253];

	(void)state;
	for (int i = 0; i < 253; i++)
		fds[i] = pair[1];
	put("FDSTORE=1", 9, fds, 253);
	assert_int_equal(notify_recv(pair[0], &p), 1);
	assert_int_equal(p.nt.nfds, 253);
	assert_true(fcntl(p.nt.fds[0], F_GETFD) & FD_CLOEXEC);
	for (size_t i = 0; i < p.nt.nfds; i++)
		close(p.nt.fds[i]);
	assert_int_equal(open_fds(), before);
}

static void
test_parse(void **state)
{
	struct notify_fields f;
	char text[600];

	(void)state;
	notify_parse("READY=1\nSTATUS=a=b\nMAINPID=42\nX=1\nERRNO=2\n", 42, &f);
	assert_true(f.ready && f.has_status && f.has_mainpid && f.has_errno);
	assert_string_equal(f.status, "a=b");
	assert_int_equal(f.mainpid, 42);
	assert_int_equal(f.unknown, 1);
	assert_int_equal(f.bad, 0);
	notify_parse("\n", 1, &f);
	assert_true(f.newline_ready);
	notify_parse("", 0, &f);
	assert_false(f.newline_ready || f.ready);
	notify_parse("FDSTORE=1\nFDNAME=a b\nFDPOLL=0", 29, &f);
	assert_true(f.fdstore && !f.has_fdname && !f.fdpoll);
	assert_int_equal(f.bad, 1);
	notify_parse("STATUS=a\0b", 10, &f);
	assert_string_equal(f.status, "a b");
	memset(text, 'n', sizeof(text));
	memcpy(text, "FDNAME=", 7);
	notify_parse(text, 7 + 255, &f);
	assert_true(f.has_fdname);
	notify_parse(text, 7 + 256, &f);
	assert_false(f.has_fdname);
	notify_parse("MAINPID=2147483648", 18, &f);
	assert_true(!f.has_mainpid && f.bad == 1);
	notify_parse("EXTEND_TIMEOUT_USEC=18446744073709551616", 40, &f);
	assert_true(!f.has_extend && f.bad == 1);
}

static void
what_is_used_is_a_number_in_all_or_more(void **state)
{
	static const char text[] = "X_SUPD_TOKENS=1200\nX_SUPD_COST=+0.25";
	static const char *const bad[] = { "X_SUPD_TOKENS=", "X_SUPD_TOKENS=-1",
		"X_SUPD_TOKENS=1.5", "X_SUPD_TOKENS=++1", "X_SUPD_TOKENS= 1",
		"X_SUPD_COST=", "X_SUPD_COST=+", "X_SUPD_COST=1e3", "X_SUPD_COST=-0.5",
		"X_SUPD_TOKENS=99999999999999999999" };
	struct notify_fields f;

	(void)state;
	notify_parse(text, strlen(text), &f);
	assert_true(
	    f.usage.has[BUDGET_COUNTED_TOKENS] && !f.usage.more[BUDGET_COUNTED_TOKENS]);
	assert_int_equal(f.usage.n[BUDGET_COUNTED_TOKENS], 1200);
	assert_true(
	    f.usage.has[BUDGET_COUNTED_COST] && f.usage.more[BUDGET_COUNTED_COST]);
	assert_int_equal(f.usage.n[BUDGET_COUNTED_COST], 250000);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		notify_parse(bad[i], strlen(bad[i]), &f);
		assert_false(f.usage.has[BUDGET_COUNTED_TOKENS] ||
			     f.usage.has[BUDGET_COUNTED_COST]);
		assert_int_equal(f.bad, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recv, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peek_and_drop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(what_is_used_is_a_number_in_all_or_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
