#include "manager/service/probe.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/service/busname.h"
#include "manager/service/helper.h"

enum {
	STATUS_LINE_MAX = 1024, /* bytes of an HTTP answer that are read */
	TEXT_MAX = 240,
};

struct probe {
	struct loop *loop;
	const struct probe_conf *conf;
	probe_fn *fn;
	void *arg;
	struct loop_io *io;
	struct loop_timer *timer;
	struct helper *helper; /* looks at a file */
	int fd;
	uint64_t since_wall_us;
	bool connected;
	bool ok; /* the answer, told from a timer of 0 */
	bool decided;
	char where[128];
	char text[TEXT_MAX];
	struct buf out;
	size_t sent;
	char in[BUSNAME_ANSWER_MAX];
	size_t got;
};

static void
close_io(struct probe *p)
{
	loop_io_free(p->io);
	p->io = NULL;
	fd_close(&p->fd);
}

void
probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	if (p->io != NULL)
		loop_io_free(p->io);
	fd_close(&p->fd);
	helper_free(p->helper);
	loop_timer_free(p->timer);
	buf_free(&p->out);
	free(p);
}

/* The answer is told from the loop, never from within the caller of probe_new. */
static void decide(struct probe *p, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void
decide(struct probe *p, bool ok, const char *fmt, ...)
{
	va_list ap;

	if (p->decided)
		return;
	p->decided = true;
	p->ok = ok;
	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	if (p->io != NULL)
		close_io(p);
	loop_timer_in(p->timer, 0);
}

static void on_io(struct loop_io *io, int events, void *arg);

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct probe *p = arg;
	probe_fn *fn = p->fn;
	void *fn_arg = p->arg;
	char text[TEXT_MAX];
	bool ok = p->decided && p->ok;

	(void)t;
	if (p->decided)
		memcpy(text, p->text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s: no answer in time", p->where);
	probe_free(p);
	fn(fn_arg, ok, text);
}

/* ---- the message bus ---------------------------------------------------------- */

/* False: there is more to come. */
static bool
bus_answered(struct probe *p)
{
	switch (busname_read(p->in, p->got)) {
	case BUSNAME_MORE:
		return false;
	case BUSNAME_OWNED:
		decide(p, true, "%.180s has an owner", p->conf->text);
		break;
	case BUSNAME_FREE:
		decide(p, false, "%.180s has no owner", p->conf->text);
		break;
	case BUSNAME_REFUSED:
		decide(p, false, "%.150s: the message bus does not answer", p->where);
		break;
	}
	return true;
}

/* Where no bus is there is nothing to wait for: the service counts as Type=exec. */
static void
start_bus(struct probe *p)
{
	struct sockaddr_un sa;
	socklen_t len;

	if (busname_address(&sa, &len, p->where, sizeof(p->where)) == -1) {
		decide(
		    p, true, PROBE_NO_BUS ": \"%.120s\" is no address of one", p->where);
		return;
	}
	p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd == -1) {
		decide(p, false, "%s: %s", p->where, strerror(errno));
		return;
	}
	if (connect(p->fd, (struct sockaddr *)&sa, len) == -1 && errno != EINTR) {
		bool none = errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR;

		decide(p, none, "%s%.120s: %s", none ? PROBE_NO_BUS " at " : "", p->where,
		    strerror(errno));
		return;
	}
	busname_ask(&p->out, p->conf->text);
	p->io = loop_io_new(p->loop, "probe", p->fd, LOOP_WRITE, on_io, p);
}

/* ---- HTTP -------------------------------------------------------------------- */

/* "HTTP/1.x NNN": the status, 0 when more is needed, -1 when it is not that. */
static int
parse_status(const char *s, size_t n)
{
	static const char want[] = "HTTP/1.";

	for (size_t i = 0; i < n && i < 7; i++)
		if (s[i] != want[i])
			return -1;
	if (n < 13)
		return 0;
	if ((s[7] != '0' && s[7] != '1') || s[8] != ' ')
		return -1;
	for (int i = 9; i < 12; i++)
		if (s[i] < '0' || s[i] > '9')
			return -1;
	if (s[12] != ' ' && s[12] != '\r' && s[12] != '\n')
		return -1;
	return (s[9] - '0') * 100 + (s[10] - '0') * 10 + (s[11] - '0');
}

/* False: there is more to come. */
static bool
http_answered(struct probe *p, bool at_end)
{
	int status = parse_status(p->in, p->got);

	if (status > 0)
		decide(p, status >= 200 && status < 400, "%s: HTTP status %d", p->where,
		    status);
	else if (status == -1 || at_end || p->got == STATUS_LINE_MAX)
		decide(p, false, "%s: not an HTTP answer", p->where);
	return p->decided;
}

static void
read_answer(struct probe *p)
{
	bool bus = p->conf->kind == PROBE_BUS;
	size_t max = bus ? sizeof(p->in) : STATUS_LINE_MAX;
	ssize_t n;

	for (;;) {
		n = read(p->fd, p->in + p->got, max - p->got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n == -1) {
			decide(p, false, "%s: %s", p->where, strerror(errno));
			return;
		}
		p->got += (size_t)n;
		if (bus ? bus_answered(p) : http_answered(p, n == 0))
			return;
		if (n == 0) {
			decide(p, false, "%s: the connection was closed", p->where);
			return;
		}
	}
}

static void
send_request(struct probe *p)
{
	ssize_t n;

	while (p->sent < p->out.len) {
		n = send(
		    p->fd, p->out.data + p->sent, p->out.len - p->sent, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n == -1) {
			decide(p, false, "%s: %s", p->where, strerror(errno));
			return;
		}
		p->sent += (size_t)n;
	}
	loop_io_set(p->io, LOOP_READ);
}

static void
on_connected(struct probe *p)
{
	p->connected = true;
	if (p->conf->kind == PROBE_TCP) {
		decide(p, true, "connected to %s", p->where);
		return;
	}
	send_request(p);
}

static void
on_io(struct loop_io *io, int events, void *arg)
{
	struct probe *p = arg;
	socklen_t len = sizeof(int);
	int err = 0;

	(void)io;
	if (p->decided)
		return;
	if (!p->connected) {
		if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
			err = errno;
		if (err != 0) {
			decide(p, false, "%s: %s", p->where, strerror(err));
			return;
		}
		on_connected(p);
		return;
	}
	if (events & LOOP_READ)
		read_answer(p);
	else
		send_request(p);
}

/* Only what needs no look-up: the manager never waits for a name server. */
static int
address(const struct probe_conf *c, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;
	const char *host = c->host;

	memset(sa, 0, sizeof(*sa));
	if (host == NULL || host[0] == '\0' || strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(c->port);
		*len = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(c->port);
		*len = sizeof(*in6);
		return 0;
	}
	return -1;
}

static void
start_socket(struct probe *p)
{
	const struct probe_conf *c = p->conf;
	struct sockaddr_storage sa;
	socklen_t len;
	bool v6;

	v6 = c->host != NULL && strchr(c->host, ':') != NULL;
	snprintf(p->where, sizeof(p->where), "%s%s%s:%u", v6 ? "[" : "",
	    c->host != NULL ? c->host : "127.0.0.1", v6 ? "]" : "", c->port);
	if (address(c, &sa, &len) == -1) {
		decide(p, false, "%s: only numeric addresses and localhost are asked",
		    p->where);
		return;
	}
	if (c->kind == PROBE_HTTP)
		buf_addf(&p->out,
		    "GET %s HTTP/1.0\r\nHost: %s\r\nUser-Agent: supd\r\n"
		    "Connection: close\r\n\r\n",
		    c->path != NULL ? c->path : "/", p->where);
	p->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd == -1) {
		decide(p, false, "%s: %s", p->where, strerror(errno));
		return;
	}
	if (connect(p->fd, (struct sockaddr *)&sa, len) == -1 && errno != EINPROGRESS &&
	    errno != EINTR) {
		decide(p, false, "%s: %s", p->where, strerror(errno));
		return;
	}
	p->io = loop_io_new(p->loop, "probe", p->fd, LOOP_WRITE, on_io, p);
}

static const char *
file_of(const struct probe *p)
{
	return p->conf->path != NULL ? p->conf->path : p->conf->text;
}

/* In the helper: when the file was changed, or the errno. */
static void
work_file(const void *question, struct buf *out)
{
	struct stat st;

	if (stat(question, &st) == -1)
		buf_addf(out, "E%d", errno);
	else
		buf_addf(out, "C%" PRIu64,
		    (uint64_t)st.st_ctim.tv_sec * 1000000 +
			(uint64_t)st.st_ctim.tv_nsec / 1000);
}

static void
on_file(void *arg, const struct buf *answer)
{
	struct probe *p = arg;
	const char *path = file_of(p), *text;
	uint64_t changed;

	p->helper = NULL;
	if (answer == NULL) {
		decide(p, false, "%.150s: %s", path, strerror(errno));
		return;
	}
	text = buf_str(answer);
	if (*text != 'C') {
		decide(p, false, "%.150s: %s", path, strerror(atoi(text + 1)));
		return;
	}
	changed = strtoull(text + 1, NULL, 10);
	/* The kernel stamps files with a clock that ticks only every few milliseconds. */
	if (changed + 10000 < p->since_wall_us)
		decide(p, false, "%.150s: was there before the start", path);
	else
		decide(p, true, "%.150s is there", path);
}

/* A path on a dead mount must not stop the manager. */
static void
look_at_file(struct probe *p, uint64_t timeout_us)
{
	const char *path = file_of(p);

	snprintf(p->where, sizeof(p->where), "%s", path);
	p->helper = helper_new(
	    p->loop, work_file, path, strlen(path) + 1, timeout_us, on_file, p);
}

struct probe *
probe_new(struct loop *l, const struct probe_conf *conf, uint64_t since_wall_us,
    uint64_t timeout_us, probe_fn *fn, void *arg)
{
	struct probe *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->conf = conf;
	p->fn = fn;
	p->arg = arg;
	p->fd = -1;
	p->since_wall_us = since_wall_us;
	p->timer = loop_timer_new(l, "probe", on_timer, p);
	loop_timer_in(p->timer, timeout_us);
	switch (conf->kind) {
	case PROBE_TCP:
	case PROBE_HTTP:
		start_socket(p);
		break;
	case PROBE_BUS:
		start_bus(p);
		break;
	case PROBE_FILE:
		look_at_file(p, timeout_us);
		break;
	default:
		decide(p, false, "this is not asked over the network");
		break;
	}
	return p;
}
