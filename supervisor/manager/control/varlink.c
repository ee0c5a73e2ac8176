/*
 * varlink: connections, frames, dispatch and replies.
 */
#include "manager/control/varlink.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/idl.h"
#include "manager/control/varlink_text.h"

enum {
	READ_CHUNK = 16 * 1024,
	ACCEPT_BATCH = 32,    /* connections taken in one turn */
	RESERVED_CLIENTS = 8, /* of the allowed ones, for those who administer */
	MESSAGE_DEPTH_MAX = 32,
	MESSAGE_NODES_MAX = 65536,
	CALLS_A_TURN = 64,      /* of one client, then the others have theirs */
	OUT_SHRINK = 64 * 1024, /* a buffer that grew beyond is given back */
};

static const uint64_t accept_pause_us = USEC_PER_SEC;

struct call {
	struct client *client;
	const struct varlink_method *method;
	struct jv *message;
	const struct jv *params;
	bool more, oneway;
	struct jw *jw; /* NULL: no reply is begun */
	void *data;
	call_fn *gone;
};

struct client {
	TAILQ_ENTRY(client) link;
	struct varlink *v;
	int fd;
	struct loop_io *io;
	struct loop_timer *stall; /* NULL until it is needed */
	struct access_peer peer;
	struct buf in;
	size_t scanned; /* bytes of in that hold no NUL */
	struct buf out;
	size_t sent;       /* bytes of out that are gone */
	struct call *call; /* the one that is not answered yet */
	uint64_t used_us;  /* when it last said something */
	bool eof;          /* the peer sends nothing more */
	bool closing;      /* closed when out is sent */
	bool in_turn;      /* frames are being handled further down the stack */
	bool dead;         /* to be freed when the turn ends */
};

struct varlink {
	struct loop *loop;
	int listen_fd;
	struct loop_io *listen_io;
	struct loop_timer *pause;
	struct varlink_conf conf;
	struct varlink_ops ops;
	struct map methods; /* name to const struct varlink_method */
	struct map idls;    /* name to struct idl */
	TAILQ_HEAD(client_head, client) clients;
	size_t nclients;
};

static void client_free(struct client *cl);
static void client_handle(struct client *cl);
static void on_next_turn(void *arg);

/* ---- the end of a client ---- */

/* The call is over without an answer. */
static void
call_drop(struct call *c)
{
	struct client *cl = c->client;

	cl->call = NULL;
	if (c->gone != NULL)
		c->gone(c, cl->v->ops.arg);
	jw_free(c->jw);
	jv_free(c->message);
	free(c);
}

static void
client_free(struct client *cl)
{
	struct varlink *v = cl->v;

	if (cl->call != NULL)
		call_drop(cl->call);
	if (cl->in_turn) {
		cl->dead = true;
		return;
	}
	TAILQ_REMOVE(&v->clients, cl, link);
	v->nclients--;
	loop_post_cancel(v->loop, on_next_turn, cl);
	loop_timer_free(cl->stall);
	loop_io_free(cl->io);
	fd_close(&cl->fd);
	buf_free(&cl->in);
	buf_free(&cl->out);
	free(cl);
}

static void
client_cut(struct client *cl, const char *why)
{
	struct access_peer peer = cl->peer;
	struct varlink *v = cl->v;

	if (cl->dead)
		return;
	log_debug("client uid %s pid %d: %s", peer.user, (int)peer.pid, why);
	client_free(cl);
	if (v->ops.on_cut != NULL)
		v->ops.on_cut(v->ops.arg, &peer, why);
}

/* ---- sending ---- */

static size_t
client_pending(const struct client *cl)
{
	return cl->out.len - cl->sent;
}

static void
on_stall(struct loop_timer *t, void *arg)
{
	struct client *cl = arg;

	(void)t;
	client_cut(cl, client_pending(cl) > 0 ? "it does not take its replies"
					      : "it stopped in the middle of a message");
}

/* Armed from begun; kept running only by progress. */
static void
stall_restart(struct client *cl)
{
	if (cl->stall == NULL)
		cl->stall = loop_timer_new(cl->v->loop, "client", on_stall, cl);
	loop_timer_in(cl->stall, cl->v->conf.stall_us);
}

static void
stall_stop(struct client *cl)
{
	if (cl->stall != NULL)
		loop_timer_stop(cl->stall);
}

/* What we wait for on the socket now, and whether its silence is a fault. */
static void
client_watch(struct client *cl)
{
	int events = 0;

	if (cl->dead || cl->io == NULL)
		return;
	if (client_pending(cl) > 0)
		events |= LOOP_WRITE;
	/* While a call is open we read on only to see the end of the client, and no more
	 * than one message ahead. */
	if (!cl->eof && !cl->closing && cl->in.len <= cl->v->conf.message_max_bytes)
		events |= LOOP_READ;
	loop_io_set(cl->io, events);
}

/* Sends what goes.  -1: the client is gone. */
static int
client_send(struct client *cl)
{
	ssize_t n;

	while (client_pending(cl) > 0) {
		n = send(cl->fd, cl->out.data + cl->sent, client_pending(cl),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		if (n <= 0) {
			client_free(cl);
			return -1;
		}
		cl->sent += (size_t)n;
		stall_restart(cl);
	}
	if (client_pending(cl) == 0) {
		if (cl->out.cap > OUT_SHRINK)
			buf_free(&cl->out);
		buf_clear(&cl->out);
		cl->sent = 0;
		stall_stop(cl);
		if (cl->closing) {
			client_free(cl);
			return -1;
		}
	} else if (cl->sent > READ_CHUNK && cl->sent > cl->out.len / 2) {
		buf_consume(&cl->out, cl->sent);
		cl->sent = 0;
	}
	return 0;
}

/* The message in out is complete: its NUL, and off with it. */
static int
client_push(struct client *cl)
{
	buf_addc(&cl->out, '\0');
	if (client_pending(cl) > 0 &&
	    (cl->stall == NULL || !loop_timer_is_armed(cl->stall)))
		stall_restart(cl);
	if (client_send(cl) == -1)
		return -1;
	client_watch(cl);
	return 0;
}

/* ---- the methods' side ---- */

const struct jv *
call_params(const struct call *c)
{
	return c->params;
}

bool
call_wants_more(const struct call *c)
{
	return c->more;
}

const struct access_peer *
call_peer(const struct call *c)
{
	return &c->client->peer;
}

const char *
call_method(const struct call *c)
{
	return c->method->name;
}

bool
call_is_self(const struct call *c)
{
	return c->client->peer.class < c->method->class;
}

void
call_set_data(struct call *c, void *data, call_fn *gone)
{
	c->data = data;
	c->gone = gone;
}

void *
call_data(const struct call *c)
{
	return c->data;
}

size_t
call_pending(const struct call *c)
{
	return client_pending(c->client);
}

struct jw *
call_begin(struct call *c)
{
	if (c->jw == NULL) {
		c->jw = jw_new(JW_COMPACT);
		jw_obj(c->jw);
		jw_kv_obj(c->jw, "parameters");
	}
	return c->jw;
}

/* The call is answered; the client's next one has its turn. */
static void
call_finish(struct call *c)
{
	struct client *cl = c->client;

	cl->call = NULL;
	jw_free(c->jw);
	jv_free(c->message);
	free(c);
	if (!cl->in_turn)
		client_handle(cl);
}

/* Too much waits already: the reader of a stream is too slow for what happens. */
static bool
cut_when_behind(struct call *c)
{
	struct client *cl = c->client;

	if (client_pending(cl) <= cl->v->conf.pending_max_bytes)
		return false;
	client_cut(cl, "too much waits for it");
	return true;
}

static bool
send_reply(struct call *c, const char *error, bool continues)
{
	struct client *cl = c->client;
	struct jw *w = call_begin(c);

	jw_end(w);
	if (error != NULL)
		jw_kv_str(w, "error", error);
	if (continues)
		jw_kv_bool(w, "continues", true);
	jw_end(w);
	if (c->oneway) {
		struct buf nobody = { 0 };

		jw_take(w, &nobody);
		buf_free(&nobody);
	} else {
		jw_take(w, &cl->out);
	}
	jw_free(w);
	c->jw = NULL;
	/* A call that is over is not dropped again when the sending fails. */
	if (!continues)
		c->gone = NULL;
	return c->oneway || client_push(cl) == 0;
}

void
call_reply(struct call *c)
{
	if (send_reply(c, NULL, false))
		call_finish(c);
}

bool
call_reply_more(struct call *c)
{
	return !cut_when_behind(c) && send_reply(c, NULL, true);
}

void
call_error(struct call *c, const char *error)
{
	if (send_reply(c, error, false))
		call_finish(c);
}

void
call_fail(struct call *c, const char *error, const char *next, const char *fmt, ...)
{
	struct jw *w = call_begin(c);
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	jw_kv_str(w, "message", text);
	jw_kv_str(w, "next", next == NULL ? "" : next);
	free(text);
	call_error(c, error);
}

void
call_invalid(struct call *c, const char *parameter, const char *fmt, ...)
{
	struct jw *w = call_begin(c);
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	jw_kv_str(w, "parameter", parameter);
	jw_kv_strf(w, "message", "%s: %s", parameter, text);
	free(text);
	call_error(c, "org.varlink.service.InvalidParameter");
}

void
call_text_begin(struct buf *text)
{
	buf_clear(text);
	buf_adds(text, "{\"parameters\":");
}

bool
call_text_end(struct call *c, struct buf *text, bool continues)
{
	struct client *cl = c->client;

	if (continues && cut_when_behind(c))
		return false;
	if (!continues)
		c->gone = NULL;
	if (!c->oneway) {
		buf_adds(text, continues ? ",\"continues\":true}" : "}");
		if (cl->out.len == 0) {
			/* A long one is not copied. */
			struct buf empty = cl->out;

			cl->out = *text;
			*text = empty;
		} else {
			buf_append(&cl->out, text->data, text->len);
		}
		if (client_push(cl) == -1)
			return false;
	}
	if (!continues)
		call_finish(c);
	return true;
}

bool
call_reply_text(struct call *c, const char *parameters, size_t len, bool continues)
{
	struct buf text = { 0 };
	bool there;

	call_text_begin(&text);
	buf_append(&text, parameters, len);
	there = call_text_end(c, &text, continues);
	buf_free(&text);
	return there;
}

int
call_take_connection(struct call *c)
{
	struct client *cl = c->client;
	int fd;

	if (client_pending(cl) > 0 || cl->in.len > 0) {
		errno = EBUSY; /* pipelined calls would be lost */
		return -1;
	}
	fd = cl->fd;
	loop_io_free(cl->io);
	cl->io = NULL;
	cl->fd = -1;
	c->gone = NULL;
	client_free(cl);
	return fd;
}

/* ---- org.varlink.service ---- */

static void
method_get_info(struct call *c, void *arg)
{
	struct varlink *v = c->client->v;
	struct jw *w = call_begin(c);

	(void)arg;
	jw_kv_str(w, "vendor", v->conf.vendor);
	jw_kv_str(w, "product", v->conf.product);
	jw_kv_str(w, "version", v->conf.version);
	jw_kv_str(w, "url", v->conf.url);
	jw_kv_arr(w, "interfaces");
	for (size_t i = 0; i < varlink_ntexts; i++)
		jw_str(w, varlink_texts[i].name);
	jw_end(w);
	call_reply(c);
}

static void
method_get_interface(struct call *c, void *arg)
{
	const char *name = jv_str(jv_get(c->params, "interface"), "");
	struct jw *w = call_begin(c);

	(void)arg;
	for (size_t i = 0; i < varlink_ntexts; i++) {
		if (strcmp(varlink_texts[i].name, name) != 0)
			continue;
		jw_kv_str(w, "description", varlink_texts[i].text);
		call_reply(c);
		return;
	}
	jw_kv_str(w, "interface", name);
	call_error(c, "org.varlink.service.InterfaceNotFound");
}

static const struct varlink_method service_methods[] = {
	{ "org.varlink.service.GetInfo", method_get_info, ACCESS_READ, 0 },
	{ "org.varlink.service.GetInterfaceDescription", method_get_interface,
	    ACCESS_READ, 0 },
};

/* ---- dispatch ---- */

/* The interface of a method's name; *member points behind its last dot. */
static const struct idl *
interface_of(const struct varlink *v, const char *method, const char **member)
{
	const char *dot = strrchr(method, '.');
	const struct idl *d;
	char *name;

	if (dot == NULL)
		return NULL;
	name = xstrndup(method, (size_t)(dot - method));
	d = map_get(&v->idls, name);
	free(name);
	*member = dot + 1;
	return d;
}

static void
refuse_unknown(struct call *c, const char *method, const struct idl *d)
{
	struct jw *w = call_begin(c);
	const char *dot = strrchr(method, '.');

	if (d != NULL) {
		jw_kv_str(w, "method", method);
		call_error(c, "org.varlink.service.MethodNotFound");
		return;
	}
	jw_kv_strn(w, "interface", method,
	    dot == NULL ? strlen(method) : (size_t)(dot - method));
	call_error(c, "org.varlink.service.InterfaceNotFound");
}

static void
refuse_class(struct call *c)
{
	struct client *cl = c->client;
	struct jw *w = call_begin(c);

	/* Who may do nothing gets one answer. */
	if (cl->peer.class == ACCESS_NONE)
		cl->closing = true;
	if (cl->v->ops.on_denied != NULL)
		cl->v->ops.on_denied(cl->v->ops.arg, c->method, &cl->peer);
	jw_kv_strf(w, "message", "%s is not allowed: %s", c->method->name,
	    cl->peer.reason == NULL ? "the caller may not" : cl->peer.reason);
	jw_kv_str(w, "next",
	    cl->peer.supervised ? "call it from outside of supd's units"
				: "call it as root or as the owner of the instance");
	jw_kv_str(w, "class", access_class_name(cl->peer.class));
	call_error(c, "io.supd.Manager.PermissionDenied");
}

static bool
is_allowed(const struct call *c)
{
	const struct access_peer *peer = &c->client->peer;

	if (peer->class >= c->method->class)
		return true;
	return (c->method->flags & METHOD_SELF) != 0 && peer->supervised &&
	       peer->class >= ACCESS_READ && peer->unit[0] != '\0';
}

/* NULL, or the flag that makes the call impossible. */
static bool
refuse_flags(struct call *c)
{
	if (jv_bool(jv_get(c->message, "upgrade"), false)) {
		call_invalid(c, "upgrade", "no method of supd upgrades the connection");
		return true;
	}
	if ((c->method->flags & METHOD_MORE) != 0 && !c->more) {
		call_begin(c);
		call_error(c, "org.varlink.service.ExpectedMore");
		return true;
	}
	return false;
}

static void
dispatch(struct call *c, const char *method)
{
	struct varlink *v = c->client->v;
	struct buf path = { 0 }, why = { 0 };
	const struct idl_member *m;
	const char *member = "";
	const struct idl *d = interface_of(v, method, &member);

	c->method = map_get(&v->methods, method);
	if (c->method == NULL || d == NULL) {
		refuse_unknown(c, method, d);
		return;
	}
	if (!is_allowed(c)) {
		refuse_class(c);
		return;
	}
	if (refuse_flags(c))
		return;
	m = idl_find(d, IDL_METHOD, member);
	if (m == NULL || idl_check(d, m->type, c->params, &path, &why) == -1) {
		call_invalid(c, buf_str(&path), "%s", buf_str(&why));
	} else {
		if (v->ops.on_call != NULL)
			v->ops.on_call(v->ops.arg, method, &c->client->peer);
		c->method->fn(c, v->ops.arg);
	}
	buf_free(&path);
	buf_free(&why);
}

/* One message.  What is no call at all ends the connection, after an answer. */
static void
client_message(struct client *cl, const char *data, size_t len)
{
	static const struct json_limits base = {
		.max_nodes = MESSAGE_NODES_MAX,
		.max_depth = MESSAGE_DEPTH_MAX,
	};
	struct json_limits limits = base;
	struct json_err err = { .text = "" };
	struct call *c = xcalloc(1, sizeof(*c));
	const char *method = NULL;

	limits.max_bytes = cl->v->conf.message_max_bytes;
	c->client = cl;
	cl->call = c;
	c->message = jv_parse_limits(data, len, &limits, &err);
	if (c->message == NULL || jr_str(c->message, "method", &method, &err) == -1 ||
	    jr_opt_bool(c->message, "more", &c->more, &err) == -1 ||
	    jr_opt_bool(c->message, "oneway", &c->oneway, &err) == -1 ||
	    jr_opt_obj(c->message, "parameters", &c->params, &err) == -1) {
		cl->closing = true;
		c->oneway = false;
		call_invalid(c, "call", "%s", err.text);
		return;
	}
	dispatch(c, method);
}

/* The first message in cl->in, with its NUL, taken out; NULL: none is complete. */
static char *
take_message(struct client *cl, size_t *len)
{
	char *nul, *message;

	if (cl->in.len == cl->scanned)
		return NULL;
	nul = memchr(cl->in.data + cl->scanned, '\0', cl->in.len - cl->scanned);
	if (nul == NULL) {
		cl->scanned = cl->in.len;
		return NULL;
	}
	*len = (size_t)(nul - cl->in.data);
	message = xmemdup(cl->in.data, *len + 1);
	buf_consume(&cl->in, *len + 1);
	cl->scanned = 0;
	return message;
}

/* Replies that are not taken hold back the next call: nobody can make us store more than
 * one answer beyond the bound. */
static bool
may_handle(const struct client *cl)
{
	return !cl->dead && cl->call == NULL && !cl->closing &&
	       client_pending(cl) <= cl->v->conf.pending_max_bytes;
}

static void
on_next_turn(void *arg)
{
	client_handle(arg);
}

/* The time of a message that began counts from its begin: a byte now and then does not
 * move it. */
static void
limit_input(struct client *cl)
{
	if (cl->call != NULL || client_pending(cl) > 0 || cl->closing)
		return;
	if (cl->in.len == 0) {
		if (cl->peer.class != ACCESS_NONE)
			stall_stop(cl);
		if (cl->in.cap > OUT_SHRINK)
			buf_free(&cl->in);
	} else if (cl->in.len > cl->v->conf.message_max_bytes &&
		   cl->scanned == cl->in.len) {
		client_cut(cl, "its message is too long");
	} else if (cl->stall == NULL || !loop_timer_is_armed(cl->stall)) {
		stall_restart(cl);
	}
}

/* Handles the messages that are there, one call at a time. */
static void
client_handle(struct client *cl)
{
	unsigned n = 0;
	size_t len;
	char *message;

	if (cl->in_turn)
		return;
	cl->in_turn = true;
	while (may_handle(cl) && n < CALLS_A_TURN &&
	       (message = take_message(cl, &len)) != NULL) {
		if (client_pending(cl) == 0)
			stall_stop(cl);
		client_message(cl, message, len);
		free(message);
		n++;
	}
	/* Ended by the peer: what is complete was handled, the rest never comes. */
	if (!cl->dead && cl->eof && cl->call == NULL && n < CALLS_A_TURN &&
	    may_handle(cl)) {
		cl->closing = true;
		client_send(cl);
	}
	if (!cl->dead)
		limit_input(cl);
	cl->in_turn = false;
	if (cl->dead) {
		client_free(cl);
		return;
	}
	if (n == CALLS_A_TURN)
		loop_post(cl->v->loop, on_next_turn, cl);
	client_watch(cl);
}

/* The peer closed; did it only end its sending? */
static bool
is_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = 0 };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* -1: the client is gone. */
static int
client_read(struct client *cl)
{
	ssize_t n;

	n = recv(cl->fd, buf_reserve(&cl->in, READ_CHUNK), READ_CHUNK, MSG_DONTWAIT);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n == -1) {
		client_free(cl);
		return -1;
	}
	if (n == 0) {
		cl->eof = true;
		if (is_hung_up(cl->fd)) {
			client_free(cl);
			return -1;
		}
		return 0;
	}
	buf_grew(&cl->in, (size_t)n);
	cl->used_us = loop_now_us(cl->v->loop);
	return 0;
}

static void
on_client(struct loop_io *io, int events, void *arg)
{
	struct client *cl = arg;

	(void)io;
	if ((events & LOOP_WRITE) != 0 && client_pending(cl) > 0 && client_send(cl) == -1)
		return;
	if ((events & LOOP_READ) != 0 && client_read(cl) == -1)
		return;
	client_handle(cl);
}

/* ---- accepting ---- */

/* Who goes rather: who may less, else who was silent for longer. */
static bool
goes_before(const struct client *a, const struct client *b)
{
	if (a->peer.class != b->peer.class)
		return a->peer.class < b->peer.class;
	return a->used_us < b->used_us;
}

/* Room for one more of that class, from among those that wait for nothing and may not
 * more than it: strangers push out strangers only. */
static bool
make_room(struct varlink *v, enum access_class class)
{
	struct client *cl, *oldest = NULL;

	TAILQ_FOREACH (cl, &v->clients, link)
		if (cl->call == NULL && client_pending(cl) == 0 && !cl->in_turn &&
		    cl->peer.class <= class &&
		    (oldest == NULL || goes_before(cl, oldest)))
			oldest = cl;
	if (oldest == NULL)
		return false;
	client_cut(oldest, "others need the place");
	return true;
}

bool
varlink_add_take_fd(struct varlink *v, int fd)
{
	struct client *cl;
	struct access_peer peer;
	size_t max = v->conf.max_clients;

	v->ops.accept(v->ops.arg, fd, &peer);
	if (peer.class < ACCESS_ADMINISTER || peer.supervised)
		max = max > RESERVED_CLIENTS ? max - RESERVED_CLIENTS : 1;
	if (v->nclients >= max && !make_room(v, peer.class)) {
		fd_close(&fd);
		if (v->ops.on_cut != NULL)
			v->ops.on_cut(v->ops.arg, &peer, "there are too many clients");
		return false;
	}
	cl = xcalloc(1, sizeof(*cl));
	cl->v = v;
	cl->fd = fd;
	cl->peer = peer;
	cl->used_us = loop_now_us(v->loop);
	cl->io = loop_io_new(v->loop, "client", fd, LOOP_READ, on_client, cl);
	TAILQ_INSERT_TAIL(&v->clients, cl, link);
	v->nclients++;
	/* Who may do nothing gets one answer, and soon. */
	if (peer.class == ACCESS_NONE)
		stall_restart(cl);
	return true;
}

static void
on_pause_end(struct loop_timer *t, void *arg)
{
	struct varlink *v = arg;

	(void)t;
	loop_io_set(v->listen_io, LOOP_READ);
}

static void
on_listen(struct loop_io *io, int events, void *arg)
{
	struct varlink *v = arg;

	(void)io;
	(void)events;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int fd = accept4(v->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd != -1) {
			varlink_add_take_fd(v, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			   errno == ENOBUFS) {
			/* Asking again at once would be a busy loop. */
			log_warn("the control socket pauses");
			make_room(v, ACCESS_ADMINISTER);
			loop_io_set(v->listen_io, 0);
			loop_timer_in(v->pause, accept_pause_us);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

/* ---- the server ---- */

static void
load_interfaces(struct varlink *v)
{
	for (size_t i = 0; i < varlink_ntexts; i++) {
		struct buf err = { 0 };
		struct idl *d = idl_parse(varlink_texts[i].text, &err);

		if (d == NULL)
			fatalx("%s.varlink: %s", varlink_texts[i].name, buf_str(&err));
		buf_free(&err);
		map_set(&v->idls, d->name, d);
	}
}

static void
add_methods(struct varlink *v, const struct varlink_method *m, size_t n)
{
	for (size_t i = 0; i < n; i++)
		map_set(&v->methods, m[i].name, (void *)(uintptr_t)&m[i]);
}

struct varlink *
varlink_new(struct loop *loop, int listen_fd, const struct varlink_conf *conf,
    const struct varlink_method *methods, size_t n, const struct varlink_ops *ops)
{
	struct varlink *v = xcalloc(1, sizeof(*v));

	v->loop = loop;
	v->listen_fd = listen_fd;
	v->conf = *conf;
	v->ops = *ops;
	TAILQ_INIT(&v->clients);
	load_interfaces(v);
	add_methods(
	    v, service_methods, sizeof(service_methods) / sizeof(service_methods[0]));
	add_methods(v, methods, n);
	v->pause = loop_timer_new(loop, "accept", on_pause_end, v);
	if (listen_fd != -1)
		v->listen_io =
		    loop_io_new(loop, "control", listen_fd, LOOP_READ, on_listen, v);
	return v;
}

static void
free_idl(void *p)
{
	idl_free(p);
}

void
varlink_free(struct varlink *v)
{
	struct client *cl;

	if (v == NULL)
		return;
	while ((cl = TAILQ_FIRST(&v->clients)) != NULL)
		client_free(cl);
	loop_timer_free(v->pause);
	loop_io_free(v->listen_io);
	map_clear(&v->methods, NULL);
	map_clear(&v->idls, free_idl);
	free(v);
}

void
varlink_set_conf(struct varlink *v, const struct varlink_conf *conf)
{
	v->conf = *conf;
}

size_t
varlink_clients(const struct varlink *v)
{
	return v->nclients;
}

void
varlink_flush(struct varlink *v)
{
	struct client *cl, *next;

	TAILQ_FOREACH_SAFE (cl, &v->clients, link, next)
		client_send(cl);
}

const struct idl *
varlink_interface(const struct varlink *v, const char *name)
{
	return map_get(&v->idls, name);
}
