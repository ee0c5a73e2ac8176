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
	/* An answer of another who is on the bus is none. */
	answer(&b, false, 2, 1);
	for (char *at = b.data; (at = memmem(at, b.len - (size_t)(at - b.data),
				     "org.freedesktop.DBus", 20)) != NULL;
	     at++)
		*at = 'x';
	assert_int_equal(busname_read(b.data, b.len), BUSNAME_MORE);
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

/* ---- news -------------------------------------------------------------------- */

static void
add_text(struct buf *b, bool big, const char *s)
{
	while (b->len % 4 != 0)
		buf_addc(b, '\0');
	add_u32(b, big, (uint32_t)strlen(s));
	buf_append(b, s, strlen(s) + 1);
}

static void
add_field(struct buf *f, bool big, int code, char type, const char *s)
{
	char head[4] = { (char)code, 1, type, 0 };

	while (f->len % 8 != 0)
		buf_addc(f, '\0');
	buf_append(f, head, sizeof(head));
	if (type == 'g') {
		buf_addc(f, (char)strlen(s));
		buf_append(f, s, strlen(s) + 1);
	} else {
		add_text(f, big, s);
	}
}

/* A whole signal of the bus, with what may be wrong with it. */
static void
news(struct buf *b, bool big, const char *sender, const char *member, const char *name,
    const char *owner)
{
	struct buf f = { 0 }, body = { 0 };

	add_field(&f, big, 1, 'o', "/org/freedesktop/DBus");
	add_field(&f, big, 2, 's', "org.freedesktop.DBus");
	add_field(&f, big, 3, 's', member);
	add_field(&f, big, 8, 'g', "sss");
	add_field(&f, big, 7, 's', sender);
	add_text(&body, big, name);
	add_text(&body, big, ":1.7");
	add_text(&body, big, owner);
	buf_clear(b);
	buf_addc(b, big ? 'B' : 'l');
	buf_append(b, "\4\1\1", 3);
	add_u32(b, big, (uint32_t)body.len);
	add_u32(b, big, 7);
	add_u32(b, big, (uint32_t)f.len);
	while (f.len % 8 != 0)
		buf_addc(&f, '\0');
	buf_append(b, f.data, f.len);
	buf_append(b, body.data, body.len);
	buf_free(&f);
	buf_free(&body);
}

static void
news_of_owners_are_read(void **state)
{
	struct busname_message m;
	struct buf b = { 0 };

	(void)state;
	for (int big = 0; big < 2; big++) {
		news(&b, big, "org.freedesktop.DBus", "NameOwnerChanged", "org.a.B", "");
		assert_int_equal(busname_size(b.data), b.len);
		assert_int_equal(busname_message(b.data, b.len, &m), 0);
		assert_int_equal(m.what, BUSNAME_SIGNAL);
		assert_string_equal(m.name, "org.a.B");
		assert_false(m.owned);
		for (size_t n = 0; n < b.len; n++)
			assert_int_equal(busname_message(b.data, n, &m), -1);
		news(&b, big, "org.freedesktop.DBus", "NameOwnerChanged", "org.a.B",
		    ":1.8");
		assert_int_equal(busname_message(b.data, b.len, &m), 0);
		assert_true(m.owned);
	}
	/* Of another who is on the bus, who may send anything to anybody. */
	news(&b, false, ":1.66", "NameOwnerChanged", "org.a.B", "");
	assert_int_equal(busname_message(b.data, b.len, &m), 0);
	assert_int_equal(m.what, BUSNAME_OTHER);
	news(&b, false, "org.freedesktop.DBus", "NameLost", "org.a.B", "");
	assert_int_equal(busname_message(b.data, b.len, &m), 0);
	assert_int_equal(m.what, BUSNAME_OTHER);
	/* A NUL within the name. */
	news(&b, false, "org.freedesktop.DBus", "NameOwnerChanged", "org.a.B", "");
	*(char *)memmem(b.data, b.len, "org.a.B", 7) = '\0';
	assert_int_equal(busname_message(b.data, b.len, &m), -1);
	buf_free(&b);
}

static void
sizes_are_those_of_the_protocol(void **state)
{
	struct buf b = { 0 };

	(void)state;
	news(&b, false, ":1.66", "NameOwnerChanged", "org.a.B", "");
	memcpy(b.data + 4, "\0\0\0\1", 4); /* 16 MiB: others may send that */
	assert_true(busname_size(b.data) > 1 << 24);
	memcpy(b.data + 4, "\0\0\0\10", 4);
	assert_int_equal(busname_size(b.data), 0);
	memcpy(b.data + 4, "\xff\xff\xff\xff", 4);
	memcpy(b.data + 12, "\xff\xff\xff\xff", 4);
	assert_int_equal(busname_size(b.data), 0);
	buf_free(&b);
}

static void
greetings(void **state)
{
	char big[512];

	(void)state;
	assert_int_equal(busname_greeting("OK 12\r\nxx", 9), 7);
	assert_int_equal(busname_greeting("O", 1), 0);
	assert_int_equal(busname_greeting("", 0), 0);
	assert_int_equal(busname_greeting("REJECTED\r\n", 10), -1);
	memset(big, 'x', sizeof(big));
	memcpy(big, "OK ", 3);
	assert_int_equal(busname_greeting(big, sizeof(big)), -1);
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
		cmocka_unit_test(news_of_owners_are_read),
		cmocka_unit_test(sizes_are_those_of_the_protocol),
		cmocka_unit_test(greetings),
		cmocka_unit_test(addresses_are_paths_or_abstract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
