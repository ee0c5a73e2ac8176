/*
 * Tests of manager/service/busname: what is asked, and answers whole, in pieces, from the
 * other byte order, and of liars.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/un.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../seed.h"
#include "lib/buf.h"
#include "manager/service/busname.h"

static void
add_u32(struct buf *b, bool big, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		buf_addc(b, (char)(v >> 8 * (big ? 3 - i : i)));
}

/* A message with a reply serial, a sender and a body that is a number. */
static void
add_reply(struct buf *b, bool big, int type, uint32_t serial, uint32_t body)
{
	static const char sender[] = "org.freedesktop.DBus";
	struct buf f = { 0 };

	buf_append(&f, "\5\1u\0", 4);
	add_u32(&f, big, serial);
	buf_append(&f, "\10\1g\0\1b\0", 7);
	while (f.len % 8 != 0)
		buf_addc(&f, '\0');
	buf_append(&f, "\7\1s\0", 4);
	add_u32(&f, big, sizeof(sender) - 1);
	buf_append(&f, sender, sizeof(sender));
	buf_addc(b, big ? 'B' : 'l');
	buf_addc(b, (char)type);
	buf_append(b, "\1\1", 2);
	add_u32(b, big, 4);
	add_u32(b, big, 7);
	add_u32(b, big, (uint32_t)f.len);
	while (f.len % 8 != 0)
		buf_addc(&f, '\0');
	buf_append(b, f.data, f.len);
	add_u32(b, big, body);
	buf_free(&f);
}

static void
answer(struct buf *b, bool big, int type, uint32_t body)
{
	buf_clear(b);
	buf_adds(b, "OK 1234deadbeef\r\n");
	add_reply(b, big, 2, 1, 0); /* of Hello */
	add_reply(b, big, 4, 0, 0); /* a signal */
	add_reply(b, big, type, 2, body);
}

static void
answers_are_read(void **state)
{
	struct buf b = { 0 };

	(void)state;
	for (int big = 0; big < 2; big++) {
		answer(&b, big, 2, 1);
		assert_int_equal(busname_read(b.data, b.len), BUSNAME_OWNED);
		/* However it comes in pieces, nothing is said too early. */
		for (size_t n = 0; n < b.len; n++)
			assert_int_equal(busname_read(b.data, n), BUSNAME_MORE);
		answer(&b, big, 2, 0);
		assert_int_equal(busname_read(b.data, b.len), BUSNAME_FREE);
		answer(&b, big, 3, 1);
		assert_int_equal(busname_read(b.data, b.len), BUSNAME_REFUSED);
	}
	buf_free(&b);
}

static void
liars_are_refused(void **state)
{
	struct buf b = { 0 };
	uint32_t seed = (uint32_t)seed_of(NULL);

	(void)state;
	assert_int_equal(busname_read("REJECTED EXTERNAL\r\n", 19), BUSNAME_REFUSED);
	assert_int_equal(busname_read("O", 1), BUSNAME_MORE);
	assert_int_equal(busname_read("E", 1), BUSNAME_REFUSED);
	buf_adds(&b, "OK ");
	while (b.len < BUSNAME_ANSWER_MAX)
		buf_addc(&b, 'x');
	assert_int_equal(busname_read(b.data, b.len), BUSNAME_REFUSED);
	/* Any byte changed: never more than what is there is read. */
	for (int round = 0; round < 20000; round++) {
		char *copy;

		answer(&b, false, 2, 1);
		copy = malloc(b.len);
		memcpy(copy, b.data, b.len);
		for (int i = 0; i < 3; i++) {
			seed = seed * 1664525 + 1013904223;
			copy[(seed >> 8) % b.len] = (char)(seed >> 24);
		}
		(void)busname_read(copy, b.len);
		free(copy);
	}
	buf_free(&b);
}

static void
addresses_are_paths_or_abstract(void **state)
{
	const char *variable =
	    geteuid() == 0 ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS";
	struct sockaddr_un sa;
	socklen_t len;
	char where[64];

	(void)state;
	setenv(variable, "unix:path=/tmp/x,guid=1234", 1);
	assert_int_equal(busname_address(&sa, &len, where, sizeof(where)), 0);
	assert_string_equal(sa.sun_path, "/tmp/x");
	setenv(variable, "unix:abstract=y", 1);
	assert_int_equal(busname_address(&sa, &len, where, sizeof(where)), 0);
	assert_memory_equal(sa.sun_path, "\0y", 2);
	assert_int_equal(len, offsetof(struct sockaddr_un, sun_path) + 2);
	setenv(variable, "tcp:host=localhost", 1);
	assert_int_equal(busname_address(&sa, &len, where, sizeof(where)), -1);
	setenv(variable, "unix:path=relative", 1);
	assert_int_equal(busname_address(&sa, &len, where, sizeof(where)), -1);
	unsetenv(variable);
	setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
	assert_int_equal(busname_address(&sa, &len, where, sizeof(where)), 0);
	assert_string_equal(
	    sa.sun_path, geteuid() == 0 ? "/run/dbus/system_bus_socket" : "/nowhere/bus");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(liars_are_refused),
		cmocka_unit_test(addresses_are_paths_or_abstract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
