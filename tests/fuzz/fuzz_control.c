/*
 * Frames of the control socket: the input is what a client sends, cut where it has an
 * 0x01 byte, so that torn messages are tried, too.  Every answer must be a valid message.
 */
#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "manager/control/varlink.h"

#include "fuzz.h"

static void
no_log(enum log_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

static void
on_accept(void *arg, int fd, struct access_peer *peer)
{
	(void)arg;
	(void)fd;
	*peer = (struct access_peer){ .class = ACCESS_ADMINISTER, .user = "root" };
}

/* Answers with its parameters. */
static void
echo(struct call *c, void *arg)
{
	(void)arg;
	if (call_params(c) != NULL) {
		jw_key(call_begin(c), "got");
		jv_write(call_params(c), call_begin(c));
	} else {
		call_begin(c);
	}
	call_reply(c);
}

static const struct varlink_method methods[] = {
#define METHOD(nm, fnc, cls, flg) \
	{ .name = nm, .fn = echo, .class = ACCESS_##cls, .flags = flg },
#include "manager/control/method.def"
#undef METHOD
};

static void
check_replies(int fd)
{
	struct buf b = { 0 };
	char *p, *nul;
	ssize_t n;

	while ((n = recv(fd, buf_reserve(&b, 65536), 65536, MSG_DONTWAIT)) > 0)
		buf_grew(&b, (size_t)n);
	for (p = b.data; b.len > 0 && p < b.data + b.len; p = nul + 1) {
		struct jv *v;

		nul = memchr(p, '\0', b.len - (size_t)(p - b.data));
		if (nul == NULL)
			break; /* the rest was not sent yet */
		v = jv_parse(p, (size_t)(nul - p), NULL);
		if (v == NULL || jv_type(jv_get(v, "parameters")) != JV_OBJECT)
			abort();
		jv_free(v);
	}
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct varlink_conf conf = {
		.max_clients = 4,
		.message_max_bytes = 65536,
		.pending_max_bytes = 65536,
		.stall_us = 60 * USEC_PER_SEC,
		.vendor = "v",
		.product = "p",
		.version = "1",
		.url = "u",
	};
	const struct varlink_ops ops = { .accept = on_accept };
	struct loop *loop = loop_new();
	struct varlink *v = varlink_new(
	    loop, -1, &conf, methods, sizeof(methods) / sizeof(methods[0]), &ops);
	int fds[2];

	log_set_sink(no_log, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == -1)
		abort();
	(void)varlink_add_take_fd(v, fds[0]);
	while (size > 0) {
		const uint8_t *cut = memchr(data, 1, size);
		size_t n = cut == NULL ? size : (size_t)(cut - data);

		if (n > 0 && send(fds[1], data, n, MSG_NOSIGNAL) == -1)
			break;
		for (int i = 0; i < 4; i++)
			loop_run_once(loop);
		n += cut != NULL;
		data += n;
		size -= n;
	}
	check_replies(fds[1]);
	close(fds[1]);
	for (int i = 0; i < 4; i++)
		loop_run_once(loop);
	varlink_free(v);
	loop_free(loop);
	return 0;
}
