#include "manager/part/sockets.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/activate/listen.h"
#include "manager/job/job.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/part/sockets_int.h"
#include "manager/service/service.h"
#include "manager/service/service_fds.h"
#include "manager/service/service_users.h"
#include "manager/units.h"
#include "manager/watch/reach.h"
#include "unit/conf.h"
#include "unit/name.h"
#include "unit/socket_address.h"

enum { FLUSH_MAX = 65536, FLUSH_BYTES = 65536 };

struct socket_part *
socket_part_find(struct manager *m, const char *name)
{
	struct unit *u = unit_get(m, name);

	return u != NULL && u->part != NULL && u->part->kind == &part_socket
		   ? socket_part_of(u->part)
		   : NULL;
}

/* ---- the world of the machine -------------------------------------------------- */

static void
on_readable(struct loop_io *io, int events, void *arg)
{
	struct listener *l = arg;

	(void)io;
	(void)events;
	l->of->ready = l;
	socket_on_readable(&l->of->s);
}

static void
ops_watch(void *arg, bool on)
{
	struct socket_part *sp = arg;

	sp->watched = on;
	for (size_t i = 0; i < sp->n; i++) {
		struct listener *l = &sp->v[i];

		if (l->fd == -1)
			continue;
		if (l->io == NULL && on)
			l->io = loop_io_new(socket_manager(sp)->loop, "socket", l->fd,
			    LOOP_READ, on_readable, l);
		else if (l->io != NULL)
			loop_io_set(l->io, on ? LOOP_READ : 0);
	}
}

static enum socket_service
service_state(const struct unit *u)
{
	if (u == NULL || u->svc == NULL)
		return SOCKET_SERVICE_DOWN;
	switch (svc_state(u->svc)) {
	case SVC_FAILED:
		return svc_memory(u->svc)->result == SVC_RESULT_START_LIMIT
			   ? SOCKET_SERVICE_LIMIT
			   : SOCKET_SERVICE_DOWN;
	case SVC_DEAD:
	case SVC_AUTO_RESTART: /* what comes is not to wait for RestartSec= */
		return SOCKET_SERVICE_DOWN;
	default:
		return SOCKET_SERVICE_UP;
	}
}

/* A start that came to nothing may have changed no state: a limit that was hit by what
 * had failed already, a condition that does not hold. */
static void
on_start_done(struct unit *u, enum job_result result, const char *message)
{
	struct socket_part *sp;
	enum socket_service what;

	(void)result;
	(void)message;
	if (u->part == NULL || u->part->kind != &part_socket)
		return;
	sp = socket_part_of(u->part);
	what = service_state(socket_service(sp));
	if (what != SOCKET_SERVICE_UP)
		socket_on_service(&sp->s, what);
}

static int
ops_trigger(void *arg, char *why, size_t size)
{
	struct socket_part *sp = arg;
	struct unit *u = socket_service(sp);

	if (u != NULL) {
		int rc = sockets_start(u, sp->head.unit->name, sp->head.unit, NULL,
		    on_start_done, why, size);

		if (rc == -1)
			part_add_next(&sp->head, why, size);
		return rc;
	}
	snprintf(why, size, "its service cannot be started: there is none");
	return -1;
}

static enum socket_service
ops_service(void *arg)
{
	enum socket_service what = service_state(socket_service(arg));

	/* A limit that was hit before this socket was started is no news. */
	return what == SOCKET_SERVICE_UP ? what : SOCKET_SERVICE_DOWN;
}

static void
flush_listener(int fd, enum listen_kind kind)
{
	char bytes[FLUSH_BYTES];
	int n = sizeof(int), is_listening = 0;
	socklen_t len = sizeof(is_listening);

	(void)fd_set_nonblock(fd, true);
	if (kind <= LISTEN_SEQPACKET &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) == -1)
		is_listening = 0;
	for (n = 0; n < FLUSH_MAX; n++) {
		int c;

		if (!is_listening) {
			if (read(fd, bytes, sizeof(bytes)) == -1)
				return;
			continue;
		}
		c = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (c == -1)
			return;
		close(c);
	}
}

static void
ops_flush(void *arg)
{
	struct socket_part *sp = arg;

	for (size_t i = 0; i < sp->n; i++)
		if (sp->v[i].fd != -1 && sp->v[i].line.kind != LISTEN_SPECIAL)
			flush_listener(sp->v[i].fd, sp->v[i].line.kind);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct socket_part *sp = arg;

	(void)t;
	socket_on_timer(&sp->s);
}

static void
ops_timer(void *arg, uint64_t deadline_us)
{
	struct socket_part *sp = arg;

	if (sp->timer == NULL && deadline_us == UINT64_MAX)
		return;
	if (sp->timer == NULL)
		sp->timer =
		    loop_timer_new(socket_manager(sp)->loop, "socket", on_timer, sp);
	loop_timer_at(sp->timer, deadline_us);
}

static void
ops_state(void *arg, enum socket_state from, const char *why)
{
	struct socket_part *sp = arg;
	struct part *p = &sp->head;

	switch (sp->s.state) {
	case SOCKET_START_PRE:
		part_begin(p, why);
		break;
	case SOCKET_LISTENING:
	case SOCKET_RUNNING:
		if (from == SOCKET_START_PRE) {
			part_up(p, why);
			break;
		}
		snprintf(p->why, sizeof(p->why), "%s", why);
		part_changed(p);
		break;
	case SOCKET_FAILED:
		part_fail(p, socket_result_name(sp->s.result), why);
		break;
	case SOCKET_DEAD:
		part_down(p, why);
		break;
	}
}

static void
ops_changed(void *arg)
{
	struct socket_part *sp = arg;

	part_changed(&sp->head);
}

const struct socket_ops socket_ops_real = {
	.listen = sockets_listen,
	.close = sockets_close,
	.watch = ops_watch,
	.trigger = ops_trigger,
	.service = ops_service,
	.flush = ops_flush,
	.take = sockets_take,
	.spawn = sockets_spawn,
	.refuse = sockets_refuse,
	.count_source = sockets_count_source,
	.timer = ops_timer,
	.state = ops_state,
	.changed = ops_changed,
};

/* ---- the part ------------------------------------------------------------------ */

static struct part *
part_make(void)
{
	struct socket_part *sp = xcalloc(1, sizeof(*sp));

	socket_init(&sp->s, &socket_ops_real, sp, NULL);
	return &sp->head;
}

static void
part_end(struct part *p)
{
	struct socket_part *sp = socket_part_of(p);

	sockets_drop_pending(sp);
	listeners_clear(sp);
	strv_clear(&sp->sources);
	if (sp->timer != NULL)
		loop_timer_free(sp->timer);
	free(sp);
}

static void
part_conf(struct part *p, const struct unit_conf *old)
{
	struct socket_part *sp = socket_part_of(p);
	bool is_open = false;

	(void)old;
	socket_set_conf(&sp->s, socket_conf_of(sp));
	for (size_t i = 0; i < sp->n; i++)
		is_open |= sp->v[i].fd != -1;
	if (!is_open)
		listeners_clear(sp);
}

/* There is nothing to listen for; or it runs, and would never get the sockets. */
static bool
is_in_vain(const struct socket_part *sp, char *why, size_t size)
{
	struct unit *u = socket_service(sp);

	if (socket_conf_of(sp)->accept)
		return false;
	if (u != NULL &&
	    (u->flag[WISH_FLAG_MASKED] || u->conf->load_state == UNIT_MASKED)) {
		char *text = unit_refusal(u);

		snprintf(why, size, "%s", text);
		free(text);
		part_add_next(&sp->head, why, size);
		return true;
	}
	if (u == NULL || u->svc == NULL) {
		snprintf(why, size, "%s, which it is for, is not there or cannot be used",
		    socket_conf_of(sp)->service);
		return true;
	}
	if (service_state(u) != SOCKET_SERVICE_UP)
		return false;
	snprintf(why, size,
	    "%s runs already, without the socket: stop it, then start the socket",
	    u->name);
	return true;
}

static void
part_begin_start(struct part *p, const struct job_request *r)
{
	struct socket_part *sp = socket_part_of(p);
	char why[SVC_WHY_MAX];

	(void)r;
	if (is_in_vain(sp, why, sizeof(why))) {
		jobs_unit_done(p->unit->job_unit, JOB_START, JOB_FAILED, why);
		return;
	}
	listeners_make(sp);
	socket_start(&sp->s);
}

static void
part_begin_stop(struct part *p, const char *origin)
{
	struct socket_part *sp = socket_part_of(p);

	socket_stop(&sp->s, origin);
}

static const char *
part_sub(const struct part *p)
{
	const struct socket_part *sp = (const struct socket_part *)p;

	/* (reset-failed is the part's own.) */
	if (p->active == SVC_ACTIVE_INACTIVE)
		return socket_state_name(SOCKET_DEAD);
	return socket_state_name(sp->s.state);
}

static void
part_remember(const struct part *p, struct jw *w)
{
	const struct socket_part *sp = (const struct socket_part *)p;

	jw_kv_bool(w, "running", sp->s.state == SOCKET_RUNNING);
	jw_kv_bool(w, "accept", sp->s.accept);
	jw_kv_u64(w, "accepted", sp->s.accepted);
	jw_kv_u64(w, "refused", sp->s.refused);
	jw_kv_u64(w, "trigger_begin_us", sp->s.trigger.begin_us);
	jw_kv_u64(w, "trigger_count", sp->s.trigger.n);
}

static void
part_recall(struct part *p, const struct jv *v, bool same_boot)
{
	struct socket_part *sp = socket_part_of(p);

	sp->s.accepted = jv_u64(jv_get(v, "accepted"));
	sp->s.refused = jv_u64(jv_get(v, "refused"));
	sp->s.accept = jv_bool(jv_get(v, "accept"), false);
	if (same_boot) {
		sp->s.trigger.begin_us = jv_u64(jv_get(v, "trigger_begin_us"));
		sp->s.trigger.n = (uint32_t)jv_u64(jv_get(v, "trigger_count"));
	}
	if (part_is_up(p))
		sp->s.state = jv_bool(jv_get(v, "running"), false) ? SOCKET_RUNNING
								   : SOCKET_LISTENING;
	else if (p->active == SVC_ACTIVE_FAILED)
		sp->s.state = SOCKET_FAILED;
}

static void
part_carry_on(struct part *p)
{
	struct socket_part *sp = socket_part_of(p);

	/* An older manager left it, or all of supd died: made anew. */
	if (sp->n == 0)
		listeners_make(sp);
	else
		qsort(sp->v, sp->n, sizeof(sp->v[0]), listener_by_place);
	sockets_count_instances(sp);
	if (sp->s.state == SOCKET_RUNNING)
		listeners_recover(sp);
	socket_resume(&sp->s);
	sockets_deal_with_pending(sp);
}

static void
part_on_triggered(
    struct part *p, struct unit *u, enum svc_active from, enum svc_active to)
{
	struct socket_part *sp = socket_part_of(p);

	(void)from;
	(void)to;
	if (u == socket_service(sp))
		socket_on_service(&sp->s, service_state(u));
}

static void
write_listeners(const struct socket_part *sp, struct jw *w)
{
	struct socket_address a;
	const char *bad;

	jw_kv_arr(w, "listen");
	for (size_t i = 0; i < sp->n; i++) {
		const struct listen_conf *l = &sp->v[i].line;
		struct buf text = { 0 };

		if (socket_address_parse(l->kind, l->address, &a, &bad) == 0)
			socket_address_show(&a, l->address, &text);
		jw_obj(w);
		jw_kv_str(w, "type", listen_kind_name(l->kind));
		jw_kv_str(w, "address", text.len > 0 ? buf_str(&text) : l->address);
		jw_end(w);
		buf_free(&text);
	}
	jw_end(w);
}

static void
part_render(const struct part *p, struct jw *w)
{
	struct socket_part *sp = (struct socket_part *)(uintptr_t)p;
	const struct socket_conf *c = socket_conf_of(sp);

	if (sp->n == 0)
		listeners_make(sp);
	write_listeners(sp, w);
	jw_kv_bool(w, "accept", c->accept);
	jw_kv_str(w, "triggers", c->service);
	if (c->accept) {
		jw_kv_u64(w, "accepted", sp->s.accepted);
		jw_kv_u64(w, "connections", sp->s.connections);
	}
	if (c->accept || sp->s.refused > 0)
		jw_kv_u64(w, "refused", sp->s.refused);
}

const struct part_kind part_socket = {
	.make = part_make,
	.free = part_end,
	.conf = part_conf,
	.start = part_begin_start,
	.stop = part_begin_stop,
	.sub = part_sub,
	.write = part_remember,
	.restore = part_recall,
	.resume = part_carry_on,
	.on_triggered = part_on_triggered,
	.section = "socket",
	.render = part_render,
};

/* ---- what init says ------------------------------------------------------------ */

/* The first time: init keeps it.  Later: it has taken connections from it. */
static void
on_listener(struct socket_part *sp, const struct msg_stored *msg, int fd)
{
	bool restoring = socket_manager(sp)->phase == MANAGER_RESTORING;
	struct listener *l = listener_find(sp, msg->fdname);

	if (l == NULL && restoring)
		l = listener_recall(sp, msg->fdname);
	if (l == NULL || (l->fd == -1 && !restoring)) {
		/* Of a start that was given up meanwhile. */
		close(fd);
		link_fd_drop(socket_manager(sp)->link, msg->id, msg->unit, msg->fdname);
		return;
	}
	if (l->fd == -1) {
		l->fd = fd;
		l->id = msg->id;
		l->taken = msg->poll;
		return;
	}
	close(fd);
	if (l->id == 0) {
		l->id = msg->id;
		l->taken = msg->poll;
		if (listeners_are_kept(sp))
			socket_on_listening(&sp->s, NULL);
		return;
	}
	sockets_on_turn(sp, l, msg->poll);
}

/* Its file is gone, or bad, since it was started. */
static bool
take_kept(struct manager *m, const char *name)
{
	struct unit *u = unit_find(m, name);

	return u != NULL && !unit_can_start(u) && u->conf->load_state != UNIT_MASKED &&
	       unit_take_kept(u);
}

bool
sockets_on_stored(struct manager *m, const struct msg_stored *msg, int fd)
{
	struct socket_part *sp;

	if (unit_name_type(msg->unit) != UNIT_SOCKET)
		return false;
	sp = socket_part_find(m, msg->unit);
	if (sp == NULL && m->phase == MANAGER_RESTORING && take_kept(m, msg->unit))
		sp = socket_part_find(m, msg->unit);
	if (sp == NULL) {
		close(fd);
		link_fd_drop(m->link, msg->id, msg->unit, msg->fdname);
	} else if (strcmp(msg->fdname, CONNECTION_KEY) == 0) {
		sockets_on_pending(sp, msg->id, fd);
	} else {
		on_listener(sp, msg, fd);
	}
	return true;
}

void
sockets_on_unstored(struct manager *m, const struct msg_stored *msg)
{
	struct unit *u = unit_find(m, msg->unit);

	if (msg->id == 0 && u != NULL && u->part != NULL && u->part->kind == &part_socket)
		socket_on_listening(&socket_part_of(u->part)->s,
		    "supd keeps as many descriptors as it can already");
}

static void
settle_one(struct unit *u, void *arg)
{
	struct socket_part *sp;

	(void)arg;
	if (u->part == NULL || u->part->kind != &part_socket || part_is_up(u->part))
		return;
	sp = socket_part_of(u->part);
	for (size_t i = 0; i < sp->n; i++) {
		if (sp->v[i].fd == -1)
			continue;
		sockets_close(sp);
		break;
	}
	listeners_clear(sp);
	sockets_drop_pending(sp);
}

void
sockets_settle(struct manager *m)
{
	units_look(m, settle_one, NULL);
}

/* ---- what services get --------------------------------------------------------- */

static void
collect_one(void *arg, struct job_unit *ju)
{
	const struct unit *t = job_unit_data(ju);

	if (t != NULL && t->part != NULL && t->part->kind == &part_socket)
		strv_add_unique(arg, t->name);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
add_listeners(const struct socket_part *sp, struct svc_fds *out)
{
	const char *name = socket_conf_of(sp)->fd_name;

	if (!socket_is_up(&sp->s) || sp->s.accept)
		return;
	for (size_t i = 0; i < sp->n; i++)
		if (sp->v[i].id != 0)
			svc_fds_add(
			    out, sp->v[i].id, name != NULL ? name : sp->head.unit->name);
}

static void
add_connection(const struct unit *u, struct svc_fds *out)
{
	char *name;
	const struct unit *of;
	const char *fd_name = NULL;

	if (u->connection == NULL || u->connection->id == 0)
		return;
	name = xasprintf("%s.socket", u->conf->prefix);
	of = unit_find(u->manager, name);
	if (of != NULL && of->conf->trigger != NULL)
		fd_name = of->conf->trigger->socket.fd_name;
	svc_fds_add(out, u->connection->id, fd_name != NULL ? fd_name : "connection");
	free(name);
}

void
sockets_fds(struct unit *u, struct svc_fds *out)
{
	const struct strv *more = &svc_conf(u->svc)->service->sockets;
	struct strv names = { 0 };

	add_connection(u, out);
	job_unit_each(u->job_unit, DEP_TRIGGERS, true, collect_one, &names);
	for (size_t i = 0; i < more->n; i++)
		strv_add_unique(&names, more->v[i]);
	if (names.n > 0)
		qsort(names.v, names.n, sizeof(names.v[0]), by_name);
	for (size_t i = 0; i < names.n; i++) {
		const struct socket_part *sp = socket_part_find(u->manager, names.v[i]);

		if (sp != NULL)
			add_listeners(sp, out);
	}
	strv_clear(&names);
}
