/*
 * chan: what msg.def does not allow does not get through, and leaves nothing open.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/chan.h"

static const struct {
	enum msg_id id;
	const char *name;
	uint32_t size;
	enum role from, to;
	int nfds;
} table[] = {
#define MSG(id, name, from, to, payload, nfds) \
	{ MSG_##name, #name, sizeof(struct msg_##payload), ROLE_##from, ROLE_##to, nfds },
#include "proto/msg.def"
#undef MSG
};
enum { ROWS = sizeof(table) / sizeof(table[0]) };

struct pair {
	struct chan a, b;
};

static void
pair_open(struct pair *p, enum role from, enum role to)
{
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	p->a = (struct chan){ fds[0], from, to };
	p->b = (struct chan){ fds[1], to, from };
}

static void
pair_close(struct pair *p)
{
	close(p->a.fd);
	close(p->b.fd);
}

/* How many descriptors are open. */
static int
open_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

/* Bytes and descriptors that no chan_send would send. */
static void
send_raw(int to, const void *data, size_t len, int nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} ctl;
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;
	int fds[8];

	if (nfds > 0) {
		memset(&ctl, 0, sizeof(ctl));
		h.msg_control = ctl.bytes;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		for (int i = 0; i < nfds; i++)
			fds[i] = to;
		memcpy(CMSG_DATA(cm), fds, sizeof(int) * (size_t)nfds);
	}
	assert_int_equal(sendmsg(to, &h, 0), (ssize_t)len);
}

static void
test_every_row_goes_through(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		struct pair p;
		struct msg m, got;

		pair_open(&p, table[i].from, table[i].to);
		msg_init(&m, table[i].id);
		assert_int_equal(m.head.size, table[i].size);
		memset(&m.u, 0x40 + i, table[i].size);
		for (int k = 0; k < table[i].nfds; k++)
			m.fds[k] = p.a.fd;
		m.nfds = table[i].nfds;
		assert_int_equal(chan_send(&p.a, &m), 1);
		assert_int_equal(chan_recv(&p.b, &got), 1);
		assert_int_equal(got.head.id, table[i].id);
		assert_memory_equal(&got.u, &m.u, table[i].size);
		assert_int_equal(got.nfds, table[i].nfds);
		for (int k = 0; k < got.nfds; k++)
			assert_int_equal(fcntl(got.fds[k], F_GETFD), FD_CLOEXEC);
		msg_close_fds(&got);
		assert_int_equal(chan_recv(&p.b, &got), 0);
		assert_string_equal(msg_name(table[i].id), table[i].name);
		pair_close(&p);
	}
	assert_string_equal(msg_name(0), "?");
	assert_string_equal(msg_name(4711), "?");
}

static void
test_ids_are_unique(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		for (int k = 0; k < i; k++)
			assert_int_not_equal(table[i].id, table[k].id);
	}
}

static void
test_sender_may_only_send_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		struct pair p;
		struct msg m;

		msg_init(&m, table[i].id);
		/* The other way round. */
		pair_open(&p, table[i].to, table[i].from);
		m.nfds = table[i].nfds;
		assert_int_equal(chan_send(&p.a, &m), -1);
		assert_int_equal(errno, EINVAL);
		pair_close(&p);
		/* Another number of descriptors. */
		pair_open(&p, table[i].from, table[i].to);
		m.nfds = table[i].nfds == 0 ? 1 : 0;
		m.fds[0] = p.a.fd;
		assert_int_equal(chan_send(&p.a, &m), -1);
		pair_close(&p);
	}
}

/* What was sent must be refused, with all of its descriptors closed. */
static void
expect_refused(struct pair *p, int before)
{
	struct msg m;

	assert_int_equal(chan_recv(&p->b, &m), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(m.nfds, 0);
	assert_int_equal(open_fds(), before);
}

static void
test_receiver_refuses_what_is_not_allowed(void **state)
{
	(void)state;
	for (int i = 0; i < ROWS; i++) {
		struct pair p;
		struct msg m;
		size_t whole = sizeof(m.head) + table[i].size;
		int before;
		char big[sizeof(struct msg) + 64] = { 0 };

		pair_open(&p, table[i].from, table[i].to);
		before = open_fds();
		msg_init(&m, table[i].id);
		memcpy(big, &m.head, sizeof(m.head));
		/* Too short, too long, a head alone, less than a head. */
		send_raw(p.a.fd, big, whole - 1, table[i].nfds);
		expect_refused(&p, before);
		send_raw(p.a.fd, big, whole + 1, table[i].nfds);
		expect_refused(&p, before);
		send_raw(p.a.fd, big, sizeof(big), table[i].nfds);
		expect_refused(&p, before);
		send_raw(p.a.fd, big, sizeof(m.head) - 1, 0);
		expect_refused(&p, before);
		/* Too many descriptors: one, and more than the control data takes. */
		for (int n = table[i].nfds + 1; n <= 8; n++) {
			send_raw(p.a.fd, big, whole, n);
			expect_refused(&p, before);
		}
		if (table[i].nfds > 0) {
			send_raw(p.a.fd, big, whole, table[i].nfds - 1);
			expect_refused(&p, before);
		}
		/* A size in the head that is another's. */
		m.head.size += 4;
		memcpy(big, &m.head, sizeof(m.head));
		send_raw(p.a.fd, big, whole, table[i].nfds);
		expect_refused(&p, before);
		pair_close(&p);
		/* From one who may not. */
		pair_open(&p, table[i].to, table[i].from);
		before = open_fds();
		msg_init(&m, table[i].id);
		memcpy(big, &m.head, sizeof(m.head));
		send_raw(p.a.fd, big, whole, table[i].nfds);
		expect_refused(&p, before);
		pair_close(&p);
	}
}

static void
test_unknown_ids_are_refused(void **state)
{
	struct msg_head head = { 0, PROTO_VERSION, 4 };
	char data[sizeof(head) + 4] = { 0 };
	struct pair p;
	int before;

	(void)state;
	pair_open(&p, ROLE_MANAGER, ROLE_INIT);
	before = open_fds();
	for (unsigned id = 0; id < 400; id++) {
		bool known = false;

		for (int i = 0; i < ROWS; i++)
			known = known || (unsigned)table[i].id == id;
		if (known)
			continue;
		head.id = (uint16_t)id;
		memcpy(data, &head, sizeof(head));
		send_raw(p.a.fd, data, sizeof(data), 2);
		expect_refused(&p, before);
	}
	pair_close(&p);
}

static void
test_full_and_closed_channels(void **state)
{
	struct pair p;
	struct msg m;
	int n = 0, r;

	(void)state;
	pair_open(&p, ROLE_INIT, ROLE_MANAGER);
	msg_init(&m, MSG_PING);
	while ((r = chan_send(&p.a, &m)) == 1)
		n++;
	assert_int_equal(r, 0);
	assert_true(n > 10);
	for (int i = 0; i < n; i++)
		assert_int_equal(chan_recv(&p.b, &m), 1);
	assert_int_equal(chan_recv(&p.b, &m), 0);
	close(p.a.fd);
	assert_int_equal(chan_recv(&p.b, &m), -1);
	assert_int_equal(errno, ECONNRESET);
	p.b.self = ROLE_INIT; /* (any direction: the other end is gone) */
	p.b.peer = ROLE_MANAGER;
	msg_init(&m, MSG_PING);
	assert_int_equal(chan_send(&p.b, &m), -1);
	assert_int_equal(errno, EPIPE);
	close(p.b.fd);
	p.b.fd = -1;
	assert_int_equal(chan_send(&p.b, &m), -1);
	assert_int_equal(chan_recv(&p.b, &m), -1);
}

static void
test_what_the_dead_said_is_heard(void **state)
{
	struct pair p;
	struct msg m;

	(void)state;
	pair_open(&p, ROLE_MANAGER, ROLE_INIT);
	msg_init(&m, MSG_HELLO); /* never read */
	assert_int_equal(chan_send(&p.b, &m), 1);
	msg_init(&m, MSG_REEXEC);
	assert_int_equal(chan_send(&p.a, &m), 1);
	assert_int_equal(chan_send(&p.a, &m), 1);
	close(p.a.fd);
	assert_int_equal(chan_recv(&p.b, &m), 1);
	assert_int_equal(chan_recv(&p.b, &m), 1);
	assert_int_equal(chan_recv(&p.b, &m), -1);
	assert_int_equal(errno, ECONNRESET);
	close(p.b.fd);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_row_goes_through),
		cmocka_unit_test(test_ids_are_unique),
		cmocka_unit_test(test_sender_may_only_send_its_own),
		cmocka_unit_test(test_receiver_refuses_what_is_not_allowed),
		cmocka_unit_test(test_unknown_ids_are_refused),
		cmocka_unit_test(test_full_and_closed_channels),
		cmocka_unit_test(test_what_the_dead_said_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
