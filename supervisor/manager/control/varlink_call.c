/*
 * varlink_call: one call: who may make it, the method that answers it, and its answers.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/control/idl.h"
#include "manager/control/varlink_int.h"

/* ---- what a call is ---- */

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

/* ---- answers ---- */

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

void
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
	       peer->class >= ACCESS_SELF && peer->unit[0] != '\0';
}

/* NULL, or the flag that makes the call impossible. */
static bool
refuse_flags(struct call *c)
{
	bool upgrade = jv_bool(jv_get(c->message, "upgrade"), false);

	if (upgrade != ((c->method->flags & METHOD_UPGRADE) != 0)) {
		call_invalid(c, "upgrade",
		    upgrade ? "this method does not upgrade the connection"
			    : "this method is called with upgrade only");
		return true;
	}
	if ((c->method->flags & METHOD_MORE) != 0 && !c->more) {
		call_begin(c);
		call_error(c, "org.varlink.service.ExpectedMore");
		return true;
	}
	return false;
}

void
call_dispatch(struct call *c, const char *method)
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
