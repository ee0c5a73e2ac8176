/*
 * client: see the header.  The socket is never blocking; every wait is a poll with what
 * is left until the deadline.
 */
#include "client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "unit/instance.h"

enum {
	REPLY_BYTES_MAX = 32 * 1024 * 1024,
	CHUNK = 64 * 1024,
	RETRY_MS = 10, /* the listen queue is full: there is nothing to poll for */
};

struct client {
	int fd;
	struct buf in;
	size_t at;   /* where the next message begins in it */
	size_t seen; /* up to here it holds no NUL behind at */
};

static enum client_result
failed(struct buf *why, const char *what)
{
	buf_addf(why, "%s: %s", what, strerror(errno));
	return CLIENT_FAILED;
}

/* Milliseconds until the deadline for poll, rounded up; -1: no deadline. */
static int
left_ms(uint64_t deadline_us)
{
	uint64_t now = clock_mono_us();
	uint64_t ms;

	if (deadline_us == USEC_INFINITY)
		return -1;
	if (deadline_us <= now)
		return 0;
	ms = (deadline_us - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
	return ms > 3600 * 1000 ? 3600 * 1000 : (int)ms;
}

static enum client_result
wait_for(struct client *c, short events, uint64_t deadline_us, struct buf *why)
{
	struct pollfd p = { .fd = c->fd, .events = events };
	int ms, n;

	for (;;) {
		ms = left_ms(deadline_us);
		n = poll(&p, 1, ms);
		if (n > 0)
			return CLIENT_OK;
		if (n == -1 && errno != EINTR)
			return failed(why, "waiting for supd");
		if (n == 0 && left_ms(deadline_us) == 0) {
			buf_adds(why, "supd did not answer in time");
			return CLIENT_TIMEOUT;
		}
	}
}

/*
 * An address holds 108 bytes and an instance may lie deeper: then the socket is named
 * through a descriptor of its folder.  *dir is that descriptor, -1 when not needed.
 */
static int
make_address(struct sockaddr_un *sun, const char *run, int *dir)
{
	struct buf path = { 0 };
	int r = -1;

	*dir = -1;
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	buf_addf(&path, "%s/supd.sock", run);
	if (path.len >= sizeof(sun->sun_path)) {
		*dir = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (*dir == -1)
			goto out;
		buf_clear(&path);
		buf_addf(&path, "/proc/self/fd/%d/supd.sock", *dir);
	}
	memcpy(sun->sun_path, buf_str(&path), path.len + 1);
	r = 0;
out:
	buf_free(&path);
	return r;
}

/* Where there is no /proc: the same from inside the folder, and back. */
static int
connect_inside(int fd, int dir)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "supd.sock" };
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = -1;
	int err;

	if (here == -1)
		return -1;
	if (fchdir(dir) == 0) {
		r = connect(fd, (const struct sockaddr *)&sun, sizeof(sun));
		err = errno;
		if (fchdir(here) == -1) {
			r = -1;
			err = errno;
		}
		errno = err;
	}
	fd_close(&here);
	return r;
}

static int
connect_until(int fd, const struct sockaddr_un *sun, int dir, uint64_t deadline_us)
{
	int r;

	for (;;) {
		r = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
		if (r == -1 && errno == ENOENT && dir != -1)
			r = connect_inside(fd, dir);
		if (r == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -1;
		if (left_ms(deadline_us) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		poll(NULL, 0, RETRY_MS);
	}
}

static enum client_result
connect_failed(const struct instance *in, struct buf *why)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		buf_addf(why, "supd is not running on %s", in->root);
		return CLIENT_DOWN;
	case ECONNREFUSED:
		buf_addf(why,
		    "supd is not running on %s any more (nobody listens on its "
		    "control socket)",
		    in->root);
		return CLIENT_DOWN;
	case EACCES:
	case EPERM:
		buf_addf(why, "the control socket of %s may not be used: %s", in->root,
		    strerror(errno));
		return CLIENT_DENIED;
	case ETIMEDOUT:
		buf_addf(why, "supd on %s takes no connection in time", in->root);
		return CLIENT_TIMEOUT;
	default:
		buf_addf(why, "cannot connect to the control socket of %s: %s", in->root,
		    strerror(errno));
		return CLIENT_FAILED;
	}
}

bool
client_may_trust(const struct instance *in, uid_t peer, uid_t me)
{
	if (peer == 0)
		return true;
	if (me == 0 && in->implicit)
		return false;
	return peer == in->owner || (me != 0 && peer == me);
}

static enum client_result
check_peer(int fd, const struct instance *in, struct buf *why)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return failed(why, "asking who listens on the control socket");
	if (client_may_trust(in, cred.uid, geteuid()))
		return CLIENT_OK;
	buf_addf(why,
	    "the control socket of %s belongs to uid %lu, neither to root nor to the "
	    "owner of the folder (uid %lu): nothing was sent",
	    in->root, (unsigned long)cred.uid, (unsigned long)in->owner);
	return CLIENT_FOREIGN;
}

enum client_result
client_connect(
    struct client **out, const struct instance *in, uint64_t deadline_us, struct buf *why)
{
	struct sockaddr_un sun;
	enum client_result r;
	int dir = -1;
	int fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return failed(why, "making a socket");
	if (make_address(&sun, in->run, &dir) == -1 ||
	    connect_until(fd, &sun, dir, deadline_us) == -1)
		r = connect_failed(in, why);
	else
		r = check_peer(fd, in, why);
	fd_close(&dir);
	if (r != CLIENT_OK) {
		fd_close(&fd);
		return r;
	}
	*out = xcalloc(1, sizeof(**out));
	(*out)->fd = fd;
	return CLIENT_OK;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	fd_close(&c->fd);
	buf_free(&c->in);
	free(c);
}

int
client_fd(const struct client *c)
{
	return c->fd;
}

/* flag: "more", "upgrade", or NULL. */
static enum client_result
send_call(struct client *c, const char *method, const char *params, const char *flag,
    uint64_t deadline_us, struct buf *why)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf msg = { 0 };
	enum client_result r = CLIENT_OK;
	size_t at = 0;
	ssize_t n;

	jw_obj(w);
	jw_kv_str(w, "method", method);
	if (flag != NULL)
		jw_kv_bool(w, flag, true);
	jw_end(w);
	jw_take(w, &msg);
	jw_free(w);
	if (params != NULL) {
		buf_truncate(&msg, msg.len - 1);
		buf_addf(&msg, ",\"parameters\":%s}", params);
	}
	while (at < msg.len + 1 && r == CLIENT_OK) {
		n = send(c->fd, msg.data + at, msg.len + 1 - at, MSG_NOSIGNAL);
		if (n >= 0)
			at += (size_t)n;
		else if (errno == EAGAIN)
			r = wait_for(c, POLLOUT, deadline_us, why);
		else if (errno == EPIPE || errno == ECONNRESET) {
			buf_adds(why, "supd closed the connection");
			r = CLIENT_CLOSED;
		} else if (errno != EINTR)
			r = failed(why, "writing to supd");
	}
	buf_free(&msg);
	return r;
}

enum client_result
client_send(struct client *c, const char *method, const char *params, bool more,
    uint64_t deadline_us, struct buf *why)
{
	return send_call(c, method, params, more ? "more" : NULL, deadline_us, why);
}

enum client_result
client_send_upgrade(struct client *c, const char *method, const char *params,
    uint64_t deadline_us, struct buf *why)
{
	return send_call(c, method, params, "upgrade", deadline_us, why);
}

void
client_take_rest(struct client *c, struct buf *out)
{
	buf_append(out, c->in.data + c->at, c->in.len - c->at);
	buf_clear(&c->in);
	c->at = c->seen = 0;
}

/* One complete message in the buffer?  *len is its length without NUL. */
static bool
have_message(struct client *c, size_t *len)
{
	const char *nul;

	if (c->in.len == c->seen)
		return false;
	nul = memchr(c->in.data + c->seen, '\0', c->in.len - c->seen);
	if (nul == NULL) {
		c->seen = c->in.len;
		return false;
	}
	*len = (size_t)(nul - c->in.data) - c->at;
	return true;
}

bool
client_has_reply(struct client *c)
{
	size_t len;

	return have_message(c, &len);
}

static enum client_result
parse_reply(const char *data, size_t len, struct reply *out, struct buf *why)
{
	struct reply r = { 0 };
	struct json_err err;
	const struct json_limits limits = {
		.max_bytes = REPLY_BYTES_MAX,
		.max_nodes = 4 * 1024 * 1024,
		.max_depth = JSON_DEPTH_MAX,
	};

	r.root = jv_parse_limits(data, len, &limits, &err);
	if (r.root == NULL) {
		buf_addf(why, "supd sent a reply that cannot be read: %s", err.text);
		return CLIENT_PROTOCOL;
	}
	if (jv_type(r.root) != JV_OBJECT ||
	    jr_opt_str(r.root, "error", &r.error, &err) == -1 ||
	    jr_opt_obj(r.root, "parameters", &r.params, &err) == -1 ||
	    jr_opt_bool(r.root, "continues", &r.continues, &err) == -1) {
		buf_adds(why, "supd sent a reply that is not Varlink");
		jv_free(r.root);
		return CLIENT_PROTOCOL;
	}
	*out = r;
	return CLIENT_OK;
}

static enum client_result
read_more(struct client *c, uint64_t deadline_us, struct buf *why)
{
	char *p;
	ssize_t n;

	buf_consume(&c->in, c->at);
	c->seen -= c->at;
	c->at = 0;
	if (c->in.len > REPLY_BYTES_MAX) {
		buf_adds(why, "supd sent a reply without an end");
		return CLIENT_PROTOCOL;
	}
	p = buf_reserve(&c->in, CHUNK);
	n = recv(c->fd, p, CHUNK, 0);
	if (n > 0) {
		buf_grew(&c->in, (size_t)n);
		return CLIENT_OK;
	}
	if (n == -1 && errno == EAGAIN)
		return wait_for(c, POLLIN, deadline_us, why);
	if (n == -1 && errno == EINTR)
		return CLIENT_OK;
	if (n == -1 && errno != ECONNRESET)
		return failed(why, "reading from supd");
	buf_adds(why, c->in.len == 0 ? "supd closed the connection without an answer"
				     : "supd closed the connection inside an answer");
	return CLIENT_CLOSED;
}

enum client_result
client_receive(struct client *c, struct reply *out, uint64_t deadline_us, struct buf *why)
{
	enum client_result r;
	bool first = true;
	size_t len;

	while (!have_message(c, &len)) {
		/* A peer that sends for ever must not keep us beyond the deadline. */
		if (!first && left_ms(deadline_us) == 0) {
			buf_adds(why, "supd did not finish its answer in time");
			return CLIENT_TIMEOUT;
		}
		first = false;
		r = read_more(c, deadline_us, why);
		if (r != CLIENT_OK)
			return r;
	}
	r = parse_reply(c->in.data + c->at, len, out, why);
	c->at += len + 1;
	c->seen = c->at;
	return r;
}

void
reply_clear(struct reply *r)
{
	jv_free(r->root);
	memset(r, 0, sizeof(*r));
}
