/*
 * Tests of manager/watch/namewatch: beside a bus of our own that hands names on, goes
 * away, comes back, says nothing, and lies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/un.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/loop.h"
#include "manager/watch/namewatch.h"

#define PATIENCE_US (30 * USEC_PER_SEC)
#define BUS "org.freedesktop.DBus"
#define NAME "org.example.Supd"

static const struct namewatch_times quick = {
	.first_us = 10 * USEC_PER_MSEC,
	.most_us = 40 * USEC_PER_MSEC,
	.answer_us = 20 * USEC_PER_SEC,
	.grace_us = 300 * USEC_PER_MSEC,
	.settle_us = 20 * USEC_PER_MSEC,
};

/* ---- the bus ----------------------------------------------------------------- */

struct rig {
	char dir[64], path[96];
	struct loop *loop;
	struct namewatch *w;
	struct namewatch_name *n;
	int listen_fd, fd;
	struct buf in; /* what the watch has sent */
	bool greeted;
	bool owned; /* what is answered to NameHasOwner */
	bool deaf;  /* nothing is answered */
	unsigned hellos, matches, asks, unmatches;
	int told, losses; /* how often; of those, losses */
	bool remove;      /* when a loss is told */
};

static void
add_text(struct buf *b, const char *s)
{
	uint32_t n = (uint32_t)strlen(s);

	while (b->len % 4 != 0)
		buf_addc(b, '\0');
	buf_append(b, &n, sizeof(n));
	buf_append(b, s, n + 1);
}

static void
add_field(struct buf *f, int code, char type, const char *s)
{
	char head[4] = { (char)code, 1, type, 0 };

	while (f->len % 8 != 0)
		buf_addc(f, '\0');
	buf_append(f, head, sizeof(head));
	if (type == 'g') {
		buf_addc(f, (char)strlen(s));
		buf_append(f, s, strlen(s) + 1);
	} else {
		add_text(f, s);
	}
}

static void
say(struct rig *r, int type, struct buf *f, const struct buf *body)
{
	uint32_t head[3] = { (uint32_t)body->len, 99, (uint32_t)f->len };
	struct buf b = { 0 };

	buf_addc(&b, 'l');
	buf_addc(&b, (char)type);
	buf_append(&b, "\1\1", 2);
	buf_append(&b, head, sizeof(head));
	while (f->len % 8 != 0)
		buf_addc(f, '\0');
	buf_append(&b, f->data, f->len);
	buf_append(&b, body->data, body->len);
	assert_int_equal(send(r->fd, b.data, b.len, MSG_NOSIGNAL), b.len);
	buf_free(&b);
}

static void
say_changed(struct rig *r, const char *sender, const char *name, const char *owner)
{
	struct buf f = { 0 }, body = { 0 };

	add_field(&f, 2, 's', BUS);
	add_field(&f, 3, 's', "NameOwnerChanged");
	add_field(&f, 7, 's', sender);
	add_field(&f, 8, 'g', "sss");
	add_text(&body, name);
	add_text(&body, ":1.1");
	add_text(&body, owner);
	say(r, 4, &f, &body);
	buf_free(&f);
	buf_free(&body);
}

static void
answer(struct rig *r, uint32_t serial, bool is_bool)
{
	struct buf f = { 0 }, body = { 0 };
	uint32_t v = r->owned;

	buf_append(&f, "\5\1u\0", 4);
	buf_append(&f, &serial, sizeof(serial));
	add_field(&f, 7, 's', BUS);
	if (is_bool) {
		add_field(&f, 8, 'g', "b");
		buf_append(&body, &v, sizeof(v));
	}
	say(r, 2, &f, &body);
	buf_free(&f);
	buf_free(&body);
}

/* What is in a message of the watch, which puts no text into two. */
static bool
has(const char *p, size_t n, const char *text)
{
	return memmem(p, n, text, strlen(text)) != NULL;
}

static void
hear_call(struct rig *r, const char *p, size_t n)
{
	uint32_t serial;

	memcpy(&serial, p + 8, sizeof(serial));
	r->hellos += has(p, n, "Hello");
	r->asks += has(p, n, "NameHasOwner");
	r->matches += has(p, n, "AddMatch");
	r->unmatches += has(p, n, "RemoveMatch");
	if (has(p, n, "AddMatch"))
		assert_true(has(p, n, "arg0='" NAME "'"));
	answer(r, serial, has(p, n, "NameHasOwner"));
}

static void
hear(struct rig *r)
{
	static const char begin[] = "\r\nBEGIN\r\n";
	uint32_t body, fields;
	size_t size;
	char *at;

	if (!r->greeted) {
		at = memmem(r->in.data, r->in.len, begin, sizeof(begin) - 1);
		if (at == NULL)
			return;
		buf_consume(&r->in, (size_t)(at - r->in.data) + sizeof(begin) - 1);
		r->greeted = true;
		assert_int_equal(send(r->fd, "OK 12\r\n", 7, MSG_NOSIGNAL), 7);
	}
	while (r->in.len >= 16) {
		memcpy(&body, r->in.data + 4, sizeof(body));
		memcpy(&fields, r->in.data + 12, sizeof(fields));
		size = (16 + fields + 7) / 8 * 8 + body;
		if (r->in.len < size)
			return;
		hear_call(r, r->in.data, size);
		buf_consume(&r->in, size);
	}
}

static void
bus_hang_up(struct rig *r)
{
	if (r->fd != -1)
		close(r->fd);
	r->fd = -1;
	r->greeted = false;
	buf_clear(&r->in);
}

static void
bus_begin(struct rig *r)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", r->path);
	r->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->listen_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(r->listen_fd, 4), 0);
}

static void
bus_end(struct rig *r)
{
	bus_hang_up(r);
	close(r->listen_fd);
	unlink(r->path);
}

/* A moment of both. */
static void
turn(struct rig *r)
{
	struct pollfd p = { .fd = r->fd, .events = POLLIN };
	char buf[4096];
	ssize_t n;

	loop_run_once(r->loop);
	if (r->fd == -1) {
		r->fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
		p.fd = r->fd;
	}
	if (r->fd == -1 || r->deaf || poll(&p, 1, 1) != 1)
		return;
	n = read(r->fd, buf, sizeof(buf));
	if (n <= 0) {
		bus_hang_up(r);
		return;
	}
	buf_append(&r->in, buf, (size_t)n);
	hear(r);
}

#define turn_until(r, what)                                      \
	do {                                                     \
		uint64_t end_us = clock_mono_us() + PATIENCE_US; \
		while (!(what)) {                                \
			assert_true(clock_mono_us() < end_us);   \
			turn(r);                                 \
		}                                                \
	} while (0)

static void
turn_for(struct rig *r, uint64_t us)
{
	uint64_t end_us = clock_mono_us() + us;

	while (clock_mono_us() < end_us)
		turn(r);
}

static void
on_name(void *arg, bool owned)
{
	struct rig *r = arg;

	r->told++;
	r->losses += !owned;
	if (!owned && r->remove) {
		namewatch_remove(r->n);
		r->n = NULL;
	}
}

static void
rig_begin(struct rig *r, const struct namewatch_times *times)
{
	char address[128];

	memset(r, 0, sizeof(*r));
	snprintf(r->dir, sizeof(r->dir), "/tmp/test_namewatch.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/bus", r->dir);
	snprintf(address, sizeof(address), "unix:path=%s", r->path);
	setenv(geteuid() == 0 ? "DBUS_SYSTEM_BUS_ADDRESS" : "DBUS_SESSION_BUS_ADDRESS",
	    address, 1);
	r->fd = -1;
	r->owned = true;
	r->loop = loop_new();
	r->w = namewatch_new(r->loop, times);
	bus_begin(r);
}

static void
rig_watch(struct rig *r)
{
	r->n = namewatch_add(r->w, NAME, "test", on_name, r);
	assert_int_equal(r->told, 0); /* never from within */
	turn_until(r, r->told == 1);
	assert_int_equal(r->losses, 0);
}

static void
rig_end(struct rig *r)
{
	namewatch_remove(r->n);
	namewatch_free(r->w);
	loop_free(r->loop);
	bus_end(r);
	buf_free(&r->in);
	rmdir(r->dir);
}

/* ---- tests ------------------------------------------------------------------- */

static void
losses_are_told(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, &quick);
	turn_for(&r, 50 * USEC_PER_MSEC);
	assert_int_equal(r.hellos, 0); /* no name, no connection */
	rig_watch(&r);
	assert_int_equal(r.matches, 1);
	say_changed(&r, BUS, "org.example.Other", "");
	say_changed(&r, BUS, NAME, ":1.2"); /* handed on */
	turn_for(&r, 100 * USEC_PER_MSEC);
	assert_int_equal(r.told, 1);
	/* As another who is on the bus would like it. */
	say_changed(&r, ":1.66", NAME, "");
	turn_for(&r, 100 * USEC_PER_MSEC);
	assert_int_equal(r.told, 1);
	say_changed(&r, BUS, NAME, "");
	turn_until(&r, r.losses == 1);
	say_changed(&r, BUS, NAME, ":1.3");
	turn_until(&r, r.told == 3);
	assert_int_equal(r.hellos, 1);
	rig_end(&r);
}

static void
last_name_closes(void **state)
{
	struct namewatch_name *other;
	struct rig r;

	(void)state;
	rig_begin(&r, &quick);
	rig_watch(&r);
	other = namewatch_add(r.w, NAME, "other", on_name, &r);
	turn_until(&r, r.told == 2);
	assert_int_equal(r.hellos, 1);
	namewatch_remove(other);
	turn_until(&r, r.unmatches == 1);
	r.remove = true;
	say_changed(&r, BUS, NAME, "");
	turn_until(&r, r.losses == 1 && r.fd == -1);
	turn_for(&r, 100 * USEC_PER_MSEC);
	assert_int_equal(r.hellos, 1);
	rig_end(&r);
}

/* The first answer of a bus that was always there counts. */
static void
name_that_is_not_there(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, &quick);
	r.owned = false;
	r.n = namewatch_add(r.w, NAME, "test", on_name, &r);
	turn_until(&r, r.losses == 1);
	assert_int_equal(r.told, 1);
	rig_end(&r);
}

static void
bus_comes_back(void **state)
{
	struct namewatch_times t = quick;
	struct rig r;

	(void)state;
	t.settle_us = 5 * USEC_PER_SEC; /* however slow we are */
	rig_begin(&r, &t);
	rig_watch(&r);
	/* It tells of each name as it goes. */
	say_changed(&r, BUS, NAME, "");
	bus_end(&r);
	turn_for(&r, 200 * USEC_PER_MSEC);
	assert_int_equal(r.told, 1);
	r.owned = false;
	bus_begin(&r);
	turn_until(&r, r.asks == 2);
	assert_int_equal(r.told, 1);
	say_changed(&r, BUS, NAME, ":1.9"); /* in time */
	turn_for(&r, 500 * USEC_PER_MSEC);
	assert_int_equal(r.told, 1);
	/* And the same without. */
	bus_hang_up(&r);
	turn_until(&r, r.asks == 3);
	turn_until(&r, r.losses == 1);
	rig_end(&r);
}

static void
lies_close_the_connection(void **state)
{
	char junk[64];
	struct rig r;

	(void)state;
	rig_begin(&r, &quick);
	rig_watch(&r);
	memset(junk, 0xff, sizeof(junk));
	assert_int_equal(send(r.fd, junk, sizeof(junk), MSG_NOSIGNAL), sizeof(junk));
	turn_until(&r, r.hellos == 2);
	turn_for(&r, 100 * USEC_PER_MSEC);
	assert_int_equal(r.told, 1);
	assert_int_equal(r.losses, 0);
	rig_end(&r);
}

/* What another sends, as large as the bus lets it be, is left out. */
static void
large_messages_are_skipped(void **state)
{
	struct buf f = { 0 }, body = { 0 };
	struct rig r;

	(void)state;
	rig_begin(&r, &quick);
	rig_watch(&r);
	add_field(&f, 7, 's', ":1.66");
	for (int i = 0; i < 100000; i++)
		buf_addc(&body, 'x');
	say(&r, 4, &f, &body);
	say_changed(&r, BUS, NAME, "");
	turn_until(&r, r.losses == 1);
	assert_int_equal(r.hellos, 1);
	buf_free(&f);
	buf_free(&body);
	rig_end(&r);
}

static void
silence_is_given_up(void **state)
{
	struct namewatch_times t = quick;
	struct rig r;

	(void)state;
	t.answer_us = 50 * USEC_PER_MSEC;
	rig_begin(&r, &t);
	r.deaf = true;
	r.n = namewatch_add(r.w, NAME, "test", on_name, &r);
	turn_for(&r, 100 * USEC_PER_MSEC);
	bus_hang_up(&r);
	r.deaf = false;
	turn_until(&r, r.told == 1);
	assert_int_equal(r.losses, 0);
	rig_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(losses_are_told),
		cmocka_unit_test(last_name_closes),
		cmocka_unit_test(name_that_is_not_there),
		cmocka_unit_test(bus_comes_back),
		cmocka_unit_test(lies_close_the_connection),
		cmocka_unit_test(large_messages_are_skipped),
		cmocka_unit_test(silence_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
