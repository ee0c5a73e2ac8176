/* The addresses of Listen*= lines: what is taken, as what, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include <string.h>

#include "lib/buf.h"
#include "unit/socket_address.h"

struct row {
	enum listen_kind kind;
	const char *text;
	const char *shown; /* NULL: refused */
};

/* As systemd 252 shows and refuses them; it alone takes numbers in base 16. */
static const struct row rows[] = {
	{ LISTEN_STREAM, "/run/x.sock", "/run/x.sock" },
	{ LISTEN_STREAM, "/run//x", "/run//x" },
	{ LISTEN_STREAM, "/run/x/../y", NULL },
	{ LISTEN_STREAM, "/run/./y", NULL },
	{ LISTEN_STREAM, "/run/x/", NULL },
	{ LISTEN_STREAM, "/", NULL },
	{ LISTEN_STREAM, "/run/a b", "/run/a b" },
	{ LISTEN_STREAM, "@abs/x", "@abs/x" },
	{ LISTEN_STREAM, "@", NULL },
	{ LISTEN_STREAM, "", NULL },
	{ LISTEN_STREAM, "80", "[::]:80" },
	{ LISTEN_STREAM, "65535", "[::]:65535" },
	{ LISTEN_STREAM, "0", NULL },
	{ LISTEN_STREAM, "65536", NULL },
	{ LISTEN_STREAM, "99999999999999999999999", NULL },
	{ LISTEN_STREAM, "080", NULL },
	{ LISTEN_STREAM, "80x", NULL },
	{ LISTEN_STREAM, "-80", NULL },
	{ LISTEN_STREAM, "127.0.0.1:80", "127.0.0.1:80" },
	{ LISTEN_STREAM, "0.0.0.0:80", "0.0.0.0:80" },
	{ LISTEN_STREAM, "127.1:80", NULL },
	{ LISTEN_STREAM, "127.0.0.1:", NULL },
	{ LISTEN_STREAM, "127.0.0.1:0", NULL },
	{ LISTEN_STREAM, "127.0.0.1:80 127.0.0.1:81", NULL },
	{ LISTEN_STREAM, "*:80", NULL },
	{ LISTEN_STREAM, "localhost:80", NULL },
	{ LISTEN_STREAM, "[::]:80", "[::]:80" },
	{ LISTEN_STREAM, "[::1]:80", "[::1]:80" },
	{ LISTEN_STREAM, "[fe80::1]:80%lo", "[fe80::1]:80%lo" },
	{ LISTEN_STREAM, "[fe80::1]:80%", NULL },
	{ LISTEN_STREAM, "[fe80::1]:80%a-name-that-is-too-long", NULL },
	{ LISTEN_STREAM, "[fe80::1%lo]:80", NULL },
	{ LISTEN_STREAM, "[::1]", NULL },
	{ LISTEN_STREAM, "[::1", NULL },
	{ LISTEN_STREAM, "[", NULL },
	{ LISTEN_STREAM, "[]:80", NULL },
	{ LISTEN_STREAM, "[::1]:123456789", NULL },
	{ LISTEN_STREAM, "::1:80", NULL },
	{ LISTEN_STREAM, "vsock:2:1234", "vsock:2:1234" },
	{ LISTEN_STREAM, "vsock::1234", "vsock::1234" },
	{ LISTEN_STREAM, "vsock:abc:1234", NULL },
	{ LISTEN_STREAM, "vsock:1234", NULL },
	{ LISTEN_STREAM, "vsock:", NULL },
	{ LISTEN_STREAM, "run/x", NULL },
	{ LISTEN_DATAGRAM, "53", "[::]:53" },
	{ LISTEN_SEQPACKET, "/run/q", "/run/q" },
	{ LISTEN_SEQPACKET, "@q", "@q" },
	{ LISTEN_SEQPACKET, "80", NULL },
	{ LISTEN_FIFO, "/run/fifo", "/run/fifo" },
	{ LISTEN_FIFO, "run/fifo", NULL },
	{ LISTEN_FIFO, "/run/../fifo", NULL },
	{ LISTEN_SPECIAL, "/dev/null", "/dev/null" },
	{ LISTEN_NETLINK, "kobject-uevent 1", "kobject-uevent 1" },
	{ LISTEN_NETLINK, "route", "route 0" },
	{ LISTEN_NETLINK, "route 1361", "route 1361" },
	{ LISTEN_NETLINK, "route x", NULL },
	{ LISTEN_NETLINK, "bogus 1", NULL },
	{ LISTEN_NETLINK, "", NULL },
};

static void
test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct socket_address a;
		struct buf b = { 0 };
		const char *why = NULL;
		int r = socket_address_parse(rows[i].kind, rows[i].text, &a, &why);

		if ((r == 0) != (rows[i].shown != NULL))
			fail_msg("`%s': %s", rows[i].text, why == NULL ? "taken" : why);
		if (r == -1) {
			assert_non_null(why);
			continue;
		}
		socket_address_show(&a, rows[i].text, &b);
		assert_string_equal(buf_str(&b), rows[i].shown);
		buf_free(&b);
	}
}

static void
test_path_length(void **state)
{
	char text[128];
	struct socket_address a;
	const char *why;

	(void)state;
	for (size_t n = 100; n < 120; n++) {
		memset(text, 'a', n);
		text[0] = '/';
		text[n] = '\0';
		assert_int_equal(socket_address_parse(LISTEN_STREAM, text, &a, &why),
		    n <= 107 ? 0 : -1);
		text[0] = '@';
		assert_int_equal(socket_address_parse(LISTEN_STREAM, text, &a, &why),
		    n <= 107 ? 0 : -1);
	}
}

static void
test_bytes(void **state)
{
	struct socket_address a;
	const char *why;

	(void)state;
	assert_int_equal(socket_address_parse(LISTEN_DATAGRAM, "53", &a, &why), 0);
	assert_true(a.any);
	assert_int_equal(a.type, SOCK_DGRAM);
	assert_int_equal(ntohs(a.u.in6.sin6_port), 53);
	assert_int_equal(
	    socket_address_parse(LISTEN_STREAM, "[fe80::1]:80%lo", &a, &why), 0);
	assert_string_equal(a.scope, "lo");
	assert_false(a.any);
	assert_int_equal(socket_address_parse(LISTEN_STREAM, "@x", &a, &why), 0);
	assert_int_equal(a.len, offsetof(struct sockaddr_un, sun_path) + 2);
	assert_memory_equal(a.u.un.sun_path, "\0x", 2);
	assert_null(a.path);
	assert_int_equal(socket_address_parse(LISTEN_STREAM, "/run/x", &a, &why), 0);
	assert_string_equal(a.path, "/run/x");
	/* What is refused leaves it alone. */
	assert_int_equal(socket_address_parse(LISTEN_STREAM, "x", &a, &why), -1);
	assert_string_equal(a.path, "/run/x");
}

static void
shows(const char *want, const void *sa, socklen_t len)
{
	struct buf b = { 0 };

	socket_address_text(sa, len, &b);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
test_peers(void **state)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(7) };
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/x" };

	(void)state;
	inet_pton(AF_INET6, "::ffff:10.0.0.1", &in6.sin6_addr);
	shows("10.0.0.1:7", &in6, sizeof(in6));
	inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
	shows("[2001:db8::1]:7", &in6, sizeof(in6));
	shows("", &in6, 4); /* cut short */
	shows("/x", &un, sizeof(un));
	shows("", &un, sizeof(sa_family_t));
	memset(un.sun_path, 'a', sizeof(un.sun_path)); /* without a NUL */
	un.sun_path[0] = '\0';
	{
		char want[sizeof(un.sun_path) + 1];

		memset(want, 'a', sizeof(un.sun_path));
		want[0] = '@';
		want[sizeof(un.sun_path)] = '\0';
		shows(want, &un, sizeof(un));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_path_length),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
