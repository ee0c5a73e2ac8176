/*
 * varlink: the server against clients that are slow, torn, greedy, deep or gone.  The
 * methods are stand-ins under real names, so that parameters are checked as in life.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/varlink.h"

enum { MESSAGE_MAX = 64 * 1024, PENDING_MAX = 128 * 1024 };

/* One server and what happened in it. */
struct fixture {
	struct loop *loop;
	struct varlink *v;
	struct varlink_conf conf;
	struct access_peer peer; /* of the next client */
	struct call *held;       /* the call that is answered later */
	unsigned gone, cut, denied, called;
	char why[128];
};

static void
on_accept(void *arg, int fd, struct access_peer *peer)
{
	struct fixture *f = arg;

	(void)fd;
	*peer = f->peer;
}

static void
on_call(void *arg, const char *method, const struct access_peer *peer)
{
	struct fixture *f = arg;

	(void)method;
	(void)peer;
	f->called++;
}

static void
on_denied(void *arg, const struct varlink_method *m, const struct access_peer *peer)
{
	struct fixture *f = arg;

	(void)m;
	(void)peer;
	f->denied++;
}

static void
on_cut(void *arg, const struct access_peer *peer, const char *why)
{
	struct fixture *f = arg;

	(void)peer;
	f->cut++;
	strlcpy(f->why, why, sizeof(f->why));
}

/* ---- the stand-ins ---- */

static void
do_version(struct call *c, void *arg)
{
	struct jw *w = call_begin(c);

	(void)arg;
	jw_kv_str(w, "version", "1");
	jw_kv_i64(w, "protocol", 1);
	jw_kv_i64(w, "state_version", 1);
	call_reply(c);
}

static void
on_gone(struct call *c, void *arg)
{
	struct fixture *f = arg;

	assert_ptr_equal(call_data(c), f);
	f->gone++;
	f->held = NULL;
}

static void
do_hold(struct call *c, void *arg)
{
	struct fixture *f = arg;

	assert_null(f->held);
	f->held = c;
	call_set_data(c, f, on_gone);
}

/* A reply of as many bytes as asked for. */
static void
do_big(struct call *c, void *arg)
{
	size_t n = (size_t)jv_i64(jv_get(call_params(c), "max_bytes"), 0);
	char *text = xmalloc(n + 1);

	(void)arg;
	memset(text, 'x', n);
	text[n] = '\0';
	jw_kv_str(call_begin(c), "text", text);
	free(text);
	call_reply(c);
}

static void
do_take(struct call *c, void *arg)
{
	int fd = call_take_connection(c);

	(void)arg;
	if (fd == -1) {
		call_fail(c, "io.supd.Manager.Failed", NULL, "not now");
		return;
	}
	assert_int_equal(full_write(fd, "taken", 6), 0);
	close(fd);
}

static const struct varlink_method methods[] = {
	{ "io.supd.Manager.Version", do_version, ACCESS_READ, 0 },
	{ "io.supd.Unit.Start", do_hold, ACCESS_OPERATE, 0 },
	{ "io.supd.Unit.Stop", do_hold, ACCESS_OPERATE, METHOD_SELF },
	{ "io.supd.Log.Vacuum", do_big, ACCESS_ADMINISTER, 0 },
	{ "io.supd.Log.Follow", do_take, ACCESS_READ, METHOD_MORE },
	{ "io.supd.Event.Subscribe", do_hold, ACCESS_READ, METHOD_MORE },
};

static int
open_fixture(void **state)
{
	struct varlink_conf conf = {
		.max_clients = 12,
		.message_max_bytes = MESSAGE_MAX,
		.pending_max_bytes = PENDING_MAX,
		.stall_us = 60 * USEC_PER_SEC,
		.vendor = "v",
		.product = "p",
		.version = "1",
		.url = "u",
	};
	struct fixture *f = xcalloc(1, sizeof(*f));
	const struct varlink_ops ops = {
		.accept = on_accept,
		.on_call = on_call,
		.on_denied = on_denied,
		.on_cut = on_cut,
		.arg = f,
	};

	f->conf = conf;
	f->loop = loop_new();
	f->peer = (struct access_peer){
		.pid = 1,
		.class = ACCESS_ADMINISTER,
		.user = "root",
	};
	f->v = varlink_new(
	    f->loop, -1, &conf, methods, sizeof(methods) / sizeof(methods[0]), &ops);
	*state = f;
	return 0;
}

static int
close_fixture(void **state)
{
	struct fixture *f = *state;

	varlink_free(f->v);
	loop_free(f->loop);
	free(f);
	return 0;
}

/* ---- a client ---- */

static int
client(struct fixture *f)
{
	int fds[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	(void)varlink_add_take_fd(f->v, fds[0]);
	return fds[1];
}

static void
turn(struct fixture *f)
{
	for (int i = 0; i < 20; i++)
		loop_run_once(f->loop);
}

static void
put(struct fixture *f, int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t w = send(fd, data, n, MSG_NOSIGNAL);

		if (w == -1 && errno == EAGAIN) {
			turn(f);
			continue;
		}
		assert_true(w > 0);
		data += w;
		n -= (size_t)w;
	}
	turn(f);
}

/* A message with its NUL. */
static void
say(struct fixture *f, int fd, const char *text)
{
	put(f, fd, text, strlen(text) + 1);
}

/* The next reply, parsed; NULL: the connection ended, or nothing came. */
static struct jv *
hear(struct fixture *f, int fd)
{
	struct buf b = { 0 };
	struct jv *v = NULL;
	char c;

	turn(f);
	for (int idle = 0; idle < 3;) {
		ssize_t n = recv(fd, &c, 1, 0);

		if (n == -1 && errno == EAGAIN) {
			turn(f);
			idle++;
			continue;
		}
		if (n <= 0)
			break;
		idle = 0;
		if (c == '\0') {
			v = jv_parse(b.data, b.len, NULL);
			assert_non_null(v);
			break;
		}
		buf_addc(&b, c);
	}
	buf_free(&b);
	return v;
}

static void
hear_error(struct fixture *f, int fd, const char *error, const char *parameter)
{
	struct jv *v = hear(f, fd);

	assert_non_null(v);
	assert_string_equal(jv_str(jv_get(v, "error"), ""), error);
	if (parameter != NULL)
		assert_string_equal(
		    jv_str(jv_get(jv_get(v, "parameters"), "parameter"), ""), parameter);
	jv_free(v);
}

static void
hear_version(struct fixture *f, int fd)
{
	struct jv *v = hear(f, fd);

	assert_non_null(v);
	assert_null(jv_get(v, "error"));
	assert_string_equal(jv_str(jv_get(jv_get(v, "parameters"), "version"), ""), "1");
	jv_free(v);
}

static bool
is_closed(struct fixture *f, int fd)
{
	char c;

	turn(f);
	return recv(fd, &c, 1, MSG_PEEK) == 0;
}

static const char version[] = "{\"method\":\"io.supd.Manager.Version\"}";

/* ---- the tests ---- */

static void
a_call_is_answered(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	struct jv *v;

	say(f, fd, version);
	hear_version(f, fd);
	say(f, fd, "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{}}");
	v = hear(f, fd);
	assert_int_equal(jv_count(jv_get(jv_get(v, "parameters"), "interfaces")), 13);
	jv_free(v);
	say(f, fd,
	    "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	    "\"parameters\":{\"interface\":\"io.supd.Unit\"}}");
	v = hear(f, fd);
	assert_non_null(strstr(jv_str(jv_get(jv_get(v, "parameters"), "description"), ""),
	    "interface io.supd.Unit\n"));
	jv_free(v);
	close(fd);
	turn(f);
	assert_int_equal(varlink_clients(f->v), 0);
}

static void
standard_errors(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	say(f, fd, "{\"method\":\"io.supd.Nothing.At\"}");
	hear_error(f, fd, "org.varlink.service.InterfaceNotFound", NULL);
	say(f, fd, "{\"method\":\"io.supd.Unit.Fly\"}");
	hear_error(f, fd, "org.varlink.service.MethodNotFound", NULL);
	say(f, fd, "{\"method\":\"nodots\"}");
	hear_error(f, fd, "org.varlink.service.InterfaceNotFound", NULL);
	say(f, fd, "{\"method\":\"io.supd.Unit.Start\",\"parameters\":{\"units\":[1]}}");
	hear_error(f, fd, "org.varlink.service.InvalidParameter", "units[0]");
	say(f, fd, "{\"method\":\"io.supd.Unit.Start\"}");
	hear_error(f, fd, "org.varlink.service.InvalidParameter", "units");
	say(f, fd, "{\"method\":\"io.supd.Event.Subscribe\"}");
	hear_error(f, fd, "org.varlink.service.ExpectedMore", NULL);
	say(f, fd, "{\"method\":\"io.supd.Manager.Version\",\"upgrade\":true}");
	hear_error(f, fd, "org.varlink.service.InvalidParameter", "upgrade");
	say(f, fd,
	    "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	    "\"parameters\":{\"interface\":\"x\"}}");
	hear_error(f, fd, "org.varlink.service.InterfaceNotFound", NULL);
	/* The connection still works. */
	say(f, fd, version);
	hear_version(f, fd);
	close(fd);
}

static void
what_is_no_call_is_answered_and_ends_the_connection(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "7", "{\"method\":7}", "{}",
		"{\"method\":\"a\",\"method\":\"b\"}", "{\"method\":\"a.b\",\"more\":1}",
		"{\"method\":\"io.supd.Manager.Version\",\"parameters\":[]}",
		"{\"method\":\"a.b\"} {}", "\xff\xfe" };
	struct fixture *f = *state;
	struct buf deep = { 0 };
	int fd;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = client(f);
		say(f, fd, bad[i]);
		hear_error(f, fd, "org.varlink.service.InvalidParameter", "call");
		assert_true(is_closed(f, fd));
		close(fd);
	}
	buf_adds(&deep, "{\"method\":\"io.supd.Manager.Version\",\"parameters\":{\"a\":");
	for (int i = 0; i < 1000; i++)
		buf_addc(&deep, '[');
	fd = client(f);
	say(f, fd, buf_str(&deep));
	hear_error(f, fd, "org.varlink.service.InvalidParameter", "call");
	close(fd);
	buf_free(&deep);
	turn(f);
	assert_int_equal(varlink_clients(f->v), 0);
}

static void
frames_may_come_in_any_pieces(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	struct buf many = { 0 };

	for (size_t i = 0; i < sizeof(version); i++)
		put(f, fd, version + i, 1);
	hear_version(f, fd);
	for (int i = 0; i < 300; i++)
		buf_append(&many, version, sizeof(version));
	put(f, fd, many.data, many.len);
	for (int i = 0; i < 300; i++)
		hear_version(f, fd);
	buf_free(&many);
	close(fd);
}

static void
oneway_is_not_answered(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	say(f, fd, "{\"method\":\"io.supd.Manager.Version\",\"oneway\":true}");
	say(f, fd, "{\"method\":\"io.supd.Unit.Fly\",\"oneway\":true}");
	assert_int_equal(f->called, 1);
	assert_null(hear(f, fd));
	say(f, fd, version);
	hear_version(f, fd);
	close(fd);
}

static void
calls_of_a_client_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	struct jv *v;

	say(f, fd,
	    "{\"method\":\"io.supd.Unit.Start\",\"parameters\":{\"units\":[\"a\"]},"
	    "\"more\":true}");
	say(f, fd, version);
	assert_non_null(f->held);
	assert_null(hear(f, fd));
	call_begin(f->held);
	assert_true(call_reply_more(f->held));
	v = hear(f, fd);
	assert_true(jv_bool(jv_get(v, "continues"), false));
	jv_free(v);
	call_begin(f->held);
	call_reply(f->held);
	v = hear(f, fd);
	assert_false(jv_bool(jv_get(v, "continues"), false));
	jv_free(v);
	hear_version(f, fd);
	assert_int_equal(f->gone, 0);
	close(fd);
}

static void
a_client_that_goes_takes_its_call_along(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);

	say(f, fd, "{\"method\":\"io.supd.Unit.Start\",\"parameters\":{\"units\":[]}}");
	assert_non_null(f->held);
	close(fd);
	turn(f);
	assert_int_equal(f->gone, 1);
	assert_int_equal(varlink_clients(f->v), 0);
}

static void
a_client_that_only_ends_its_sending_is_still_answered(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	struct jv *v;

	say(f, fd, "{\"method\":\"io.supd.Unit.Start\",\"parameters\":{\"units\":[]}}");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn(f);
	assert_int_equal(f->gone, 0);
	call_begin(f->held);
	call_reply(f->held);
	v = hear(f, fd);
	assert_non_null(v);
	jv_free(v);
	assert_true(is_closed(f, fd));
	close(fd);
}

static void
a_message_without_end_is_cut(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	char *big = xmalloc(2 * MESSAGE_MAX);

	memset(big, ' ', 2 * MESSAGE_MAX);
	for (size_t at = 0; at < 2 * MESSAGE_MAX;) {
		ssize_t n = send(fd, big + at, 2 * MESSAGE_MAX - at, MSG_NOSIGNAL);

		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN)
			break;
		turn(f);
	}
	turn(f);
	assert_int_equal(varlink_clients(f->v), 0);
	assert_non_null(strstr(f->why, "too long"));
	free(big);
	close(fd);
}

/* Runs until the server has no client, doing something to it now and then. */
static void
wait_until_cut(struct fixture *f, int fd, const char *trickle)
{
	uint64_t deadline_us = clock_mono_us() + 20 * USEC_PER_SEC;

	while (varlink_clients(f->v) > 0) {
		assert_true(clock_mono_us() < deadline_us);
		if (trickle != NULL)
			(void)send(fd, trickle, 1, MSG_NOSIGNAL);
		poll(NULL, 0, 5);
		loop_run_once(f->loop);
	}
}

static void
a_slow_message_is_cut_whatever_trickles_in(void **state)
{
	struct fixture *f = *state;
	int idle, fd;

	f->conf.stall_us = 100 * USEC_PER_MSEC;
	varlink_set_conf(f->v, &f->conf);
	fd = client(f);
	put(f, fd, "{", 1);
	wait_until_cut(f, fd, " ");
	assert_non_null(strstr(f->why, "middle of a message"));
	close(fd);
	/* One that says nothing at all costs nothing and stays. */
	idle = client(f);
	fd = client(f);
	put(f, fd, "{", 1);
	while (varlink_clients(f->v) > 1) {
		poll(NULL, 0, 5);
		loop_run_once(f->loop);
	}
	say(f, idle, version);
	hear_version(f, idle);
	close(idle);
	close(fd);
}

static void
who_does_not_take_replies_is_held_back_then_cut(void **state)
{
	static const char big[] = "{\"method\":\"io.supd.Log.Vacuum\",\"parameters\":{"
				  "\"max_bytes\":100000}}";
	struct fixture *f = *state;
	int fd;

	f->conf.stall_us = 300 * USEC_PER_MSEC;
	varlink_set_conf(f->v, &f->conf);
	fd = client(f);
	for (int i = 0; i < 50; i++)
		say(f, fd, big);
	wait_until_cut(f, fd, NULL);
	/* Only so many were made as the bound and the socket hold. */
	assert_true(f->called < 10);
	assert_non_null(strstr(f->why, "does not take"));
	close(fd);
}

static void
a_slow_subscriber_is_cut_at_the_bound(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	char text[1024];
	unsigned n = 0;

	memset(text, 'x', sizeof(text));
	text[0] = '"';
	text[sizeof(text) - 1] = '"';
	say(f, fd, "{\"method\":\"io.supd.Event.Subscribe\",\"more\":true}");
	while (f->held != NULL && call_reply_text(f->held, text, sizeof(text), true))
		assert_true(++n < 10000);
	assert_int_equal(f->gone, 1);
	assert_int_equal(varlink_clients(f->v), 0);
	assert_true(n > PENDING_MAX / sizeof(text) / 2);
	close(fd);
}

static void
too_many_clients_push_out_the_idle_ones(void **state)
{
	struct fixture *f = *state;
	int fds[40];

	for (int i = 0; i < 40; i++) {
		fds[i] = client(f);
	}
	turn(f);
	assert_int_equal(varlink_clients(f->v), 12);
	say(f, fds[39], version);
	hear_version(f, fds[39]);
	assert_true(is_closed(f, fds[0]));
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	turn(f);
	/* Those who wait for an answer stay; the next one is refused. */
	f->peer.class = ACCESS_READ;
	for (int i = 0; i < 4; i++) {
		fds[i] = client(f);
		put(f, fds[i], "", 0);
		say(f, fds[i], "{\"method\":\"io.supd.Event.Subscribe\",\"more\":true}");
		f->held = NULL;
	}
	fds[4] = client(f);
	assert_true(is_closed(f, fds[4]));
	/* There is a place left for who administers. */
	f->peer.class = ACCESS_ADMINISTER;
	fds[5] = client(f);
	say(f, fds[5], version);
	hear_version(f, fds[5]);
	for (int i = 0; i < 6; i++)
		close(fds[i]);
}

/* Takes descriptors until there is none; how many. */
static size_t
take_all(int fds[64])
{
	size_t n = 0;

	while (n < 64 && (fds[n] = dup(0)) != -1)
		n++;
	assert_true(n < 64 && errno == EMFILE);
	return n;
}

static void
the_last_descriptor_serves_a_client(void **state)
{
	struct fixture *f = *state;
	const struct varlink_ops ops = {
		.accept = on_accept, .on_cut = on_cut, .arg = f
	};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_storage at = { .ss_family = AF_UNIX };
	socklen_t len = sizeof(at);
	struct rlimit was, few;
	int taken[64], fds[3];
	struct varlink *v;
	size_t n;

	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	v = varlink_new(f->loop, listener, &f->conf, methods,
	    sizeof(methods) / sizeof(methods[0]), &ops);
	for (int i = 0; i < 3; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&at, len), 0);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 48;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	n = take_all(taken);
	close(taken[--n]);
	/* There is one for the first of them, who does not speak at once. */
	turn(f);
	assert_int_equal(varlink_clients(v), 1);
	say(f, fds[0], version);
	hear_version(f, fds[0]);
	assert_int_equal(f->cut, 0);
	/* The others wait until there are more. */
	close(fds[0]);
	while (n > 0)
		close(taken[--n]);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	for (int i = 1; i < 3; i++) {
		uint64_t until_us = clock_mono_us() + 20 * USEC_PER_SEC;
		struct pollfd p = { .fd = fds[i], .events = POLLIN };

		say(f, fds[i], version);
		while (poll(&p, 1, 5) == 0) {
			assert_true(clock_mono_us() < until_us);
			loop_run_once(f->loop);
		}
		hear_version(f, fds[i]);
		close(fds[i]);
	}
	turn(f);
	varlink_free(v);
	close(listener);
}

static void
classes_decide(void **state)
{
	struct fixture *f = *state;
	int fd;

	f->peer.class = ACCESS_READ;
	fd = client(f);
	say(f, fd, version);
	hear_version(f, fd);
	say(f, fd, "{\"method\":\"io.supd.Unit.Stop\",\"parameters\":{\"units\":[]}}");
	hear_error(f, fd, "io.supd.Manager.PermissionDenied", NULL);
	assert_int_equal(f->denied, 1);
	close(fd);
	/* A supervised one may ask for the methods that concern itself. */
	f->peer.supervised = true;
	strlcpy(f->peer.unit, "a.service", sizeof(f->peer.unit));
	fd = client(f);
	say(f, fd, "{\"method\":\"io.supd.Unit.Start\",\"parameters\":{\"units\":[]}}");
	hear_error(f, fd, "io.supd.Manager.PermissionDenied", NULL);
	say(f, fd, "{\"method\":\"io.supd.Unit.Stop\",\"parameters\":{\"units\":[]}}");
	assert_non_null(f->held);
	assert_true(call_is_self(f->held));
	call_begin(f->held);
	call_reply(f->held);
	close(fd);
	/* Who may do nothing gets one answer. */
	f->peer = (struct access_peer){ .class = ACCESS_NONE };
	fd = client(f);
	say(f, fd, version);
	hear_error(f, fd, "io.supd.Manager.PermissionDenied", NULL);
	assert_true(is_closed(f, fd));
	close(fd);
}

static void
a_connection_can_be_handed_over(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	char got[16];

	say(f, fd, "{\"method\":\"io.supd.Log.Follow\",\"more\":true}");
	turn(f);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 6);
	assert_string_equal(got, "taken");
	assert_true(is_closed(f, fd));
	assert_int_equal(varlink_clients(f->v), 0);
	close(fd);
	/* Not with a call behind it, which would be lost. */
	fd = client(f);
	char two[] = "{\"method\":\"io.supd.Log.Follow\",\"more\":true}\0{\"method\":"
		     "\"io.supd.Manager.Version\"}";
	put(f, fd, two, sizeof(two));
	hear_error(f, fd, "io.supd.Manager.Failed", NULL);
	hear_version(f, fd);
	close(fd);
}

static void
random_bytes_do_no_harm(void **state)
{
	static const char *const pieces[] = { "{", "}", "\"method\":", "\"io.supd.",
		"Manager.Version\"", "\"more\":true", ",", "[", "]", ":", "null",
		"\\u0000", "\xff", "1e999", "\"oneway\":true", "\"parameters\":{}" };
	struct fixture *f = *state;
	uint32_t seed = 12345;

	for (int round = 0; round < 300; round++) {
		int fd = client(f);

		for (int i = 0; i < 20; i++) {
			const char *p;

			seed = seed * 1664525 + 1013904223;
			p = pieces[seed >> 16 & 15];
			if (send(fd, p, strlen(p) + (seed >> 28 == 0), MSG_NOSIGNAL) ==
			    -1)
				break;
		}
		turn(f);
		close(fd);
		turn(f);
	}
	assert_int_equal(varlink_clients(f->v), 0);
}

static void
no_log(enum log_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
		TEST(a_call_is_answered),
		TEST(standard_errors),
		TEST(what_is_no_call_is_answered_and_ends_the_connection),
		TEST(frames_may_come_in_any_pieces),
		TEST(oneway_is_not_answered),
		TEST(calls_of_a_client_are_answered_in_order),
		TEST(a_client_that_goes_takes_its_call_along),
		TEST(a_client_that_only_ends_its_sending_is_still_answered),
		TEST(a_message_without_end_is_cut),
		TEST(a_slow_message_is_cut_whatever_trickles_in),
		TEST(who_does_not_take_replies_is_held_back_then_cut),
		TEST(a_slow_subscriber_is_cut_at_the_bound),
		TEST(too_many_clients_push_out_the_idle_ones),
		TEST(the_last_descriptor_serves_a_client),
		TEST(classes_decide),
		TEST(a_connection_can_be_handed_over),
		TEST(random_bytes_do_no_harm),
#undef TEST
	};

	log_set_sink(no_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
