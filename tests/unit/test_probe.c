/*
 * Tests of manager/service/probe: servers that answer, refuse, lie and say nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/loop.h"
#include "manager/service/probe.h"

/* How long an answer may take that is sure to come. */
#define PATIENCE_US (30 * USEC_PER_SEC)

struct ask {
	struct loop *loop;
	int listen_fd, peer_fd;
	struct loop_io *accept_io;
	const char *say; /* NULL: nothing, for ever */
	int calls;
	bool ok;
	char text[256];
};

static void
on_accept(struct loop_io *io, int events, void *arg)
{
	struct ask *a = arg;
	char req[512];

	(void)io;
	(void)events;
	a->peer_fd = accept4(a->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(a->peer_fd != -1);
	loop_io_set(a->accept_io, 0);
	if (a->say == NULL)
		return;
	assert_true(read(a->peer_fd, req, sizeof(req)) >= 0);
	assert_true(write(a->peer_fd, a->say, strlen(a->say)) >= 0);
	shutdown(a->peer_fd, SHUT_WR);
}

static void
on_answer(void *arg, bool ok, const char *text)
{
	struct ask *a = arg;

	a->calls++;
	a->ok = ok;
	snprintf(a->text, sizeof(a->text), "%s", text);
	loop_stop(a->loop);
}

static void
on_deadline(struct loop_timer *t, void *arg)
{
	(void)t;
	(void)arg;
	fail_msg("no answer");
}

/* Asks a server on a port of its own that says this. */
static void
ask(struct ask *a, enum probe_kind kind, const char *say, bool listening,
    uint64_t timeout_us)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	struct probe_conf conf = { .kind = kind };
	struct loop_timer *t;

	memset(a, 0, sizeof(*a));
	a->say = say;
	a->peer_fd = -1;
	a->loop = loop_new();
	a->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(a->listen_fd, (struct sockaddr *)&in, sizeof(in)), 0);
	if (listening)
		assert_int_equal(listen(a->listen_fd, 4), 0);
	assert_int_equal(getsockname(a->listen_fd, (struct sockaddr *)&in, &len), 0);
	conf.port = ntohs(in.sin_port);
	conf.host = (char[]){ "127.0.0.1" };
	conf.path = (char[]){ "/health" };
	if (kind == PROBE_HTTP)
		a->accept_io =
		    loop_io_new(a->loop, "accept", a->listen_fd, LOOP_READ, on_accept, a);
	t = loop_timer_new(a->loop, "deadline", on_deadline, NULL);
	loop_timer_in(t, 2 * PATIENCE_US);
	assert_non_null(probe_new(a->loop, &conf, 0, timeout_us, on_answer, a));
	assert_int_equal(a->calls, 0); /* never from within */
	loop_run(a->loop);
	assert_int_equal(a->calls, 1);
	loop_timer_free(t);
	if (a->accept_io != NULL)
		loop_io_free(a->accept_io);
	if (a->peer_fd != -1)
		close(a->peer_fd);
	close(a->listen_fd);
	loop_free(a->loop);
}

static void
test_tcp(void **state)
{
	struct ask a;

	(void)state;
	ask(&a, PROBE_TCP, NULL, true, PATIENCE_US);
	assert_true(a.ok);
	ask(&a, PROBE_TCP, NULL, false, PATIENCE_US);
	assert_false(a.ok);
	assert_non_null(strstr(a.text, "refused"));
}

static void
test_http(void **state)
{
	static const struct {
		const char *say;
		bool ok;
	} t[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", true },
		{ "HTTP/1.0 302 Found\r\n", true },
		{ "HTTP/1.1 503 Service Unavailable\r\n\r\n", false },
		{ "HTTP/1.1 404\r\n\r\n", false },
		{ "HTTP/1.1 099 Odd\r\n\r\n", false },
		{ "HTTP/1.1 2000 OK\r\n\r\n", false },
		{ "HTTP/2 200 OK\r\n\r\n", false },
		{ "SSH-2.0-OpenSSH\r\n", false },
		{ "HTTP/1.1 2", false },
		{ "", false },
	};
	struct ask a;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		ask(&a, PROBE_HTTP, t[i].say, true, PATIENCE_US);
		if (a.ok != t[i].ok)
			fail_msg("%s: %s", t[i].say, a.text);
	}
}

static void
test_silence_ends(void **state)
{
	struct ask a;

	(void)state;
	ask(&a, PROBE_HTTP, NULL, true, USEC_PER_SEC / 20);
	assert_false(a.ok);
	assert_non_null(strstr(a.text, "no answer in time"));
}

static void
test_file(void **state)
{
	char path[] = "/tmp/test_probe.XXXXXX";
	struct probe_conf conf = { .kind = PROBE_FILE };
	struct ask a = { .loop = loop_new() };
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd != -1);
	close(fd);
	conf.text = path;
	/* The answers differ by what they say: the time is only there to end the test. */
	probe_new(
	    a.loop, &conf, clock_wall_us() - USEC_PER_SEC, PATIENCE_US, on_answer, &a);
	loop_run(a.loop);
	assert_true(a.ok);
	probe_new(a.loop, &conf, clock_wall_us() + 10 * USEC_PER_SEC, PATIENCE_US,
	    on_answer, &a);
	loop_run(a.loop);
	assert_false(a.ok);
	assert_non_null(strstr(a.text, "was there before the start"));
	unlink(path);
	probe_new(a.loop, &conf, 0, PATIENCE_US, on_answer, &a);
	loop_run(a.loop);
	assert_false(a.ok);
	assert_non_null(strstr(a.text, "No such file"));
	loop_free(a.loop);
}

static void
test_free_without_answer(void **state)
{
	struct probe_conf conf = { .kind = PROBE_TCP, .port = 1 };
	struct ask a = { .loop = loop_new() };

	(void)state;
	probe_free(probe_new(a.loop, &conf, 0, USEC_PER_SEC, on_answer, &a));
	probe_free(NULL);
	loop_run_once(a.loop);
	assert_int_equal(a.calls, 0);
	loop_free(a.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_silence_ends),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_free_without_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
