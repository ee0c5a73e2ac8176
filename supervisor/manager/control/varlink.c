/*
 * varlink: the server: its interfaces and methods, and who is let in.  varlink_client.c
 * is one connection, varlink_call.c one call of it.
 */
#include "manager/control/varlink.h"

#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/control/idl.h"
#include "manager/control/varlink_int.h"
#include "manager/control/varlink_text.h"

enum {
	ACCEPT_BATCH = 32,    /* connections taken in one turn */
	RESERVED_CLIENTS = 8, /* of the allowed ones, for those who administer */
};

static const uint64_t accept_pause_us = USEC_PER_SEC;

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

/* ---- accepting ---- */

/* Who goes rather: who may less, else who was silent for longer. */
static bool
goes_before(const struct client *a, const struct client *b)
{
	if (a->peer.class != b->peer.class)
		return a->peer.class < b->peer.class;
	return a->used_us < b->used_us;
}

/* Room for one more of that class, from among those that wait for nothing, were silent
 * for at least that long, and may not more than it: strangers push out strangers only. */
static bool
make_room(struct varlink *v, enum access_class class, uint64_t silent_us)
{
	uint64_t since_us = loop_now_us(v->loop) - silent_us;
	struct client *cl, *oldest = NULL;

	TAILQ_FOREACH (cl, &v->clients, link)
		if (cl->call == NULL && client_pending(cl) == 0 && !cl->in_turn &&
		    cl->peer.class <= class && cl->used_us <= since_us &&
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
	struct access_peer peer;
	size_t max = v->conf.max_clients;

	v->ops.accept(v->ops.arg, fd, &peer);
	if (peer.class < ACCESS_ADMINISTER || peer.supervised)
		max = max > RESERVED_CLIENTS ? max - RESERVED_CLIENTS : 1;
	if (v->nclients >= max && !make_room(v, peer.class, 0)) {
		fd_close(&fd);
		if (v->ops.on_cut != NULL)
			v->ops.on_cut(v->ops.arg, &peer, "there are too many clients");
		return false;
	}
	client_new_take_fd(v, fd, &peer);
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
			/* The last descriptor went to somebody who is served first. */
			if (i > 0)
				return;
			/* Asking again at once would be a busy loop.  Who has just come
			 * is about to say something. */
			log_warn("the control socket pauses");
			make_room(v, ACCESS_ADMINISTER, accept_pause_us);
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
