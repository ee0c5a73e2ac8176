/*
 * sockets_accept: Accept=yes.  A connection is taken by init, named by this manager and
 * renamed there, and then its instance is started: whichever of these steps a manager
 * dies at, the next one does those that follow.
 */
#include <sys/socket.h>

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
#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/activate/listen.h"
#include "manager/job/job.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/part/sockets_int.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/conf.h"
#include "unit/name.h"
#include "unit/socket_address.h"

/* ---- who it is ----------------------------------------------------------------- */

/* "10.0.0.1:80", of IPv6 without brackets, as it stands in a unit's name. */
static int
add_end(struct buf *b, int fd, bool peer)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct buf text = { 0 };
	int r = peer ? getpeername(fd, (struct sockaddr *)&ss, &len)
		     : getsockname(fd, (struct sockaddr *)&ss, &len);

	if (r == -1)
		return -1;
	socket_address_text((const struct sockaddr *)&ss, len, &text);
	for (const char *c = buf_str(&text); *c != '\0'; c++)
		if (*c != '[' && *c != ']')
			buf_addc(b, *c);
	buf_free(&text);
	return 0;
}

/* The instance for it, as systemd calls it.  -1: it is gone again. */
static int
name_instance(int fd, uint64_t number, struct buf *b)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(int);
	int family = AF_UNSPEC;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == -1)
		return -1;
	buf_addf(b, "%" PRIu64 "-", number);
	if (family != AF_UNIX) {
		if (add_end(b, fd, false) == -1)
			return -1;
		buf_addc(b, '-');
		return add_end(b, fd, true);
	}
	len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid > 0)
		buf_addf(b, "%d-%u", (int)cred.pid, (unsigned)cred.uid);
	else
		buf_adds(b, "unknown");
	return 0;
}

/* What MaxConnectionsPerSource= counts: the address, or the user.  Of an instance name,
 * so that nothing has to be remembered for it. */
static char *
source_of(const char *instance)
{
	const char *last = strrchr(instance, '-'), *port;

	if (last == NULL)
		return xstrdup("");
	port = strrchr(last, ':');
	return port == NULL ? xstrdup(last + 1)
			    : xstrndup(last + 1, (size_t)(port - last - 1));
}

/* A number, then two ends. */
static bool
is_of_connection(const char *instance)
{
	size_t n = strspn(instance, "0123456789");

	return n > 0 && instance[n] == '-' && instance[n + 1] != '\0';
}

/* REMOTE_ADDR and REMOTE_PORT, for the environment; NULL: a Unix socket. */
static char *
remote_of(int fd)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct buf text = { 0 };
	char *colon, *env = NULL;

	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    (ss.ss_family != AF_INET && ss.ss_family != AF_INET6))
		return NULL;
	socket_address_text((const struct sockaddr *)&ss, len, &text);
	colon = text.len == 0 ? NULL : strrchr(text.data, ':');
	if (colon != NULL) {
		int brackets = text.data[0] == '[';

		env = xasprintf("REMOTE_ADDR=%.*s\nREMOTE_PORT=%s",
		    (int)(colon - text.data) - 2 * brackets, text.data + brackets,
		    colon + 1);
	}
	buf_free(&text);
	return env;
}

static struct connection *
connection_new(uint32_t id, int fd)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	c->id = id;
	c->remote = remote_of(fd);
	return c;
}

void
connection_free(struct connection *c)
{
	if (c == NULL)
		return;
	free(c->remote);
	free(c);
}

/* ---- the world of the machine -------------------------------------------------- */

void
sockets_take(void *arg, unsigned max)
{
	struct socket_part *sp = arg;

	sp->taken = sp->awaited = 0;
	sp->told = false;
	link_fd_accept(socket_manager(sp)->link, sp->ready->id, max, sp->head.unit->name,
	    CONNECTION_KEY);
}

void
sockets_refuse(void *arg, void *connection, const char *why)
{
	struct socket_part *sp = arg;
	struct pending *p = connection;

	log_warnx("%s: a connection was closed: %s", sp->head.unit->name, why);
	link_fd_drop(
	    socket_manager(sp)->link, p->id, sp->head.unit->name, CONNECTION_KEY);
}

size_t
sockets_count_source(void *arg, void *connection)
{
	struct socket_part *sp = arg;
	struct pending *p = connection;
	struct buf instance = { 0 };
	size_t n = 0;
	char *source;

	if (name_instance(p->fd, 0, &instance) == -1) {
		buf_free(&instance);
		return 0;
	}
	source = source_of(buf_str(&instance));
	for (size_t i = 0; i < sp->sources.n; i++)
		n += strcmp(sp->sources.v[i], source) == 0;
	free(source);
	buf_free(&instance);
	return n;
}

static void
drop_connection(struct unit *u)
{
	if (u->connection == NULL || u->connection->id == 0)
		return;
	link_fd_drop(u->manager->link, u->connection->id, u->name, CONNECTION_KEY);
	u->connection->id = 0;
}

/* What an instance was for is over. */
static void
instance_ended(struct unit *u)
{
	char *name = xasprintf("%s.socket", u->conf->prefix);
	struct unit *of = unit_find(u->manager, name);
	char *source = source_of(u->conf->instance);

	drop_connection(u);
	connection_free(u->connection);
	u->connection = NULL;
	if (of != NULL && of->part != NULL && of->part->kind == &part_socket) {
		struct socket_part *sp = socket_part_of(of->part);

		(void)strv_remove(&sp->sources, source);
		socket_on_ended(&sp->s);
	}
	/* Nobody will ask for one that ended well. */
	if (u->svc != NULL && svc_active(u->svc) == SVC_ACTIVE_INACTIVE)
		unit_forget_later(u);
	free(source);
	free(name);
}

/* Its start came to nothing, without a state that says so. */
static void
on_start_done(struct unit *u, enum job_result result, const char *message)
{
	if (result == JOB_DONE || u->connection == NULL || unit_is_running(u))
		return;
	log_warnx("%s: a connection was closed: %s", u->name,
	    message == NULL ? job_result_name(result) : message);
	instance_ended(u);
}

static int
start_instance(struct unit *u, const char *of, char *why, size_t size)
{
	return sockets_start(u, of, u, u->connection->remote, on_start_done, why, size);
}

/* Those of the listener do not all go over to it. */
static void
set_options(struct socket_part *sp, int fd)
{
	int family = AF_UNSPEC, type = 0;
	socklen_t len = sizeof(int);

	(void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	(void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	listen_set_options(&sp->head.conf->trigger->socket, fd, family, type, NULL);
}

/* The unit that it is to be.  NULL: *r says what there is instead. */
static struct unit *
find_instance(struct socket_part *sp, const char *instance, enum socket_spawn *r,
    char *why, size_t size)
{
	char *name = xasprintf("%s@%s.service", sp->head.conf->stem, instance);
	struct unit *u = unit_get(socket_manager(sp), name);

	if (u == NULL || u->svc == NULL) {
		snprintf(why, size, "%s cannot be: its template is missing or bad", name);
		*r = SOCKET_NO_SPAWN;
		u = NULL;
	} else if (unit_is_running(u) || u->connection != NULL) {
		snprintf(why, size, "%s runs already", name);
		*r = SOCKET_NAME_TAKEN;
		u = NULL;
	}
	free(name);
	return u;
}

enum socket_spawn
sockets_spawn(void *arg, void *connection, uint64_t number, char *why, size_t size)
{
	struct socket_part *sp = arg;
	struct manager *m = socket_manager(sp);
	enum socket_spawn r = SOCKET_SPAWNED;
	struct pending *p = connection;
	struct buf instance = { 0 };
	struct unit *u;
	char *source;

	if (name_instance(p->fd, number, &instance) == -1) {
		link_fd_drop(m->link, p->id, sp->head.unit->name, CONNECTION_KEY);
		buf_free(&instance);
		return SOCKET_GONE;
	}
	u = find_instance(sp, buf_str(&instance), &r, why, size);
	if (u != NULL) {
		set_options(sp, p->fd);
		u->connection = connection_new(p->id, p->fd);
		source = source_of(buf_str(&instance));
		strv_add(&sp->sources, source);
		free(source);
		link_fd_rename(m->link, p->id, u->name, CONNECTION_KEY);
		if (start_instance(u, sp->head.unit->name, why, size) == -1)
			log_warnx("%s", why);
	}
	buf_free(&instance);
	return r;
}

/* ---- what init says ------------------------------------------------------------ */

static void
turn_ends(struct socket_part *sp)
{
	if (sp->told && sp->awaited == 0)
		socket_on_taken(&sp->s, sp->taken);
}

void
sockets_on_pending(struct socket_part *sp, uint32_t id, int fd)
{
	struct pending p = { .id = id, .fd = fd };

	if (socket_manager(sp)->phase == MANAGER_RESTORING) {
		sp->pending =
		    xreallocarray(sp->pending, sp->n_pending + 1, sizeof(sp->pending[0]));
		sp->pending[sp->n_pending++] = p;
		return;
	}
	/* Of a turn that was: they come before or behind the word of its end. */
	sp->awaited--;
	socket_on_connection(&sp->s, &p);
	close(fd);
	turn_ends(sp);
}

void
sockets_on_turn(struct socket_part *sp, struct listener *l, uint32_t taken)
{
	uint32_t n = taken - l->taken;

	l->taken = taken;
	sp->taken = n;
	sp->awaited += n;
	sp->told = true;
	turn_ends(sp);
}

void
sockets_drop_pending(struct socket_part *sp)
{
	for (size_t i = 0; i < sp->n_pending; i++)
		close(sp->pending[i].fd);
	free(sp->pending);
	sp->pending = NULL;
	sp->n_pending = 0;
}

void
sockets_deal_with_pending(struct socket_part *sp)
{
	for (size_t i = 0; i < sp->n_pending; i++)
		socket_on_connection(&sp->s, &sp->pending[i]);
	sockets_drop_pending(sp);
}

/* ---- instances ----------------------------------------------------------------- */

static bool
is_instance(const struct unit *u)
{
	return u->svc != NULL && u->conf->instance != NULL &&
	       is_of_connection(u->conf->instance);
}

static void
count_one(struct unit *u, void *arg)
{
	struct socket_part *sp = arg;
	char *source;

	if (!is_instance(u) || strcmp(u->conf->prefix, sp->head.conf->stem) != 0 ||
	    (u->connection == NULL && !unit_is_running(u)))
		return;
	if (u->connection == NULL)
		u->connection = xcalloc(1, sizeof(*u->connection));
	source = source_of(u->conf->instance);
	strv_add(&sp->sources, source);
	free(source);
	sp->s.connections++;
}

void
sockets_count_instances(struct socket_part *sp)
{
	if (sp->s.accept)
		units_look(socket_manager(sp), count_one, sp);
}

bool
sockets_on_instance(struct unit *u, uint32_t id, int fd)
{
	if (!is_instance(u))
		return false;
	connection_free(u->connection);
	u->connection = connection_new(id, fd);
	close(fd);
	return true;
}

void
sockets_settle_instance(struct unit *u)
{
	char why[SVC_WHY_MAX];

	if (u->connection == NULL || u->connection->id == 0 || u->svc == NULL)
		return;
	if (unit_is_running(u)) {
		if (svc_memory(u->svc)->main_execed)
			drop_connection(u);
		return;
	}
	/* Its start was still to come; what was started has ended since. */
	if (svc_memory(u->svc)->started_wall_us == 0) {
		if (start_instance(u, u->conf->prefix, why, sizeof(why)) == -1)
			log_warnx("%s", why);
		return;
	}
	instance_ended(u);
}

void
sockets_on_executed(struct unit *u)
{
	drop_connection(u);
}

void
sockets_on_active(struct unit *u, enum svc_active to)
{
	if (u->connection != NULL &&
	    (to == SVC_ACTIVE_INACTIVE || to == SVC_ACTIVE_FAILED))
		instance_ended(u);
}
