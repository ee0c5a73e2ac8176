/*
 * sockets_listen: the listeners of a socket unit: which there are, how they are opened,
 * given to init, found again, and closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/activate/listen.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/part/sockets_int.h"
#include "manager/service/service.h"
#include "manager/service/service_users.h"
#include "manager/units.h"
#include "manager/watch/reach.h"
#include "unit/conf.h"
#include "unit/socket_address.h"

const struct socket_conf *
socket_conf_of(const struct socket_part *sp)
{
	return &sp->head.conf->trigger->socket;
}

struct manager *
socket_manager(const struct socket_part *sp)
{
	return sp->head.unit->manager;
}

struct unit *
socket_service(const struct socket_part *sp)
{
	const char *name = socket_conf_of(sp)->service;

	return name == NULL ? NULL : unit_get(socket_manager(sp), name);
}

static void
listener_close(struct listener *l)
{
	if (l->io != NULL)
		loop_io_free(l->io);
	l->io = NULL;
	fd_close(&l->fd);
	l->id = 0;
}

static struct listener *
listener_add(struct socket_part *sp, enum listen_kind kind, const char *address)
{
	struct listener *l;

	/* Watchers have the address of a listener: none is there while lines are added.
	 */
	sp->v = xreallocarray(sp->v, sp->n + 1, sizeof(sp->v[0]));
	l = &sp->v[sp->n++];
	*l = (struct listener){ .of = sp, .fd = -1 };
	l->line.kind = kind;
	l->line.address = xstrdup(address);
	return l;
}

void
listeners_clear(struct socket_part *sp)
{
	for (size_t i = 0; i < sp->n; i++) {
		listener_close(&sp->v[i]);
		free(sp->v[i].line.address);
	}
	free(sp->v);
	sp->v = NULL;
	sp->n = 0;
	sp->ready = NULL;
}

/* What the file says now. */
void
listeners_make(struct socket_part *sp)
{
	const struct socket_conf *c = socket_conf_of(sp);

	listeners_clear(sp);
	for (size_t i = 0; i < c->listen.n; i++) {
		struct listener *l =
		    listener_add(sp, c->listen.v[i].kind, c->listen.v[i].address);

		snprintf(l->key, sizeof(l->key), "%zu %s %s", i,
		    listen_kind_name(l->line.kind), l->line.address);
	}
}

struct listener *
listener_find(struct socket_part *sp, const char *key)
{
	for (size_t i = 0; i < sp->n; i++)
		if (strcmp(sp->v[i].key, key) == 0)
			return &sp->v[i];
	return NULL;
}

/* The same of what an earlier manager had init keep, whatever the file says now. */
struct listener *
listener_recall(struct socket_part *sp, const char *key)
{
	char kind[24];
	int at = 0;

	if (sscanf(key, "%*u %23s %n", kind, &at) != 1 || at == 0)
		return NULL;
	for (int k = 0; k < LISTEN_NKINDS; k++) {
		struct listener *l;

		if (strcmp(listen_kind_name((enum listen_kind)k), kind) != 0)
			continue;
		l = listener_add(sp, (enum listen_kind)k, key + at);
		snprintf(l->key, sizeof(l->key), "%s", key);
		return l;
	}
	return NULL;
}

int
listener_by_place(const void *a, const void *b)
{
	const struct listener *x = a, *y = b;
	unsigned long i = strtoul(x->key, NULL, 10), j = strtoul(y->key, NULL, 10);

	return i < j ? -1 : i > j;
}

/* ---- opening ------------------------------------------------------------------- */

static int
find_owner(struct socket_part *sp, struct listen_owner *owner, char *why, size_t size)
{
	const struct socket_conf *c = socket_conf_of(sp);
	const struct exec_conf x = { .user = c->user, .group = c->group };
	struct svc_ids ids;
	int status;

	*owner = (struct listen_owner){ (uid_t)-1, (gid_t)-1 };
	if (c->user == NULL && c->group == NULL)
		return 0;
	if (svc_ids_find(socket_manager(sp)->world, &x, &ids, &status, why, size) == -1)
		return -1;
	free(ids.groups);
	if (c->user != NULL)
		owner->uid = ids.uid;
	owner->gid = ids.gid;
	return 0;
}

/* Only what answers is touched. */
static int
may_touch(struct socket_part *sp, const struct listener *l, char *why, size_t size)
{
	const char *path =
	    l->line.kind == LISTEN_SPECIAL ? l->line.address : listen_path(&l->line);

	if (path == NULL || reach_may(socket_manager(sp)->reach, path, false))
		return 0;
	snprintf(why, size, "%s lies on a file system that does not answer", path);
	errno = ETIMEDOUT;
	return -1;
}

static void
tell_notes(struct socket_part *sp, const struct listener *l, struct buf *notes)
{
	char *end, *line;

	buf_addc(notes, '\0');
	for (line = strtok_r(notes->data, "\n", &end); line != NULL;
	     line = strtok_r(NULL, "\n", &end))
		log_warnx("%s: %s: %s", sp->head.unit->name, l->line.address, line);
	buf_free(notes);
}

static int
give_to_init(struct socket_part *sp, struct listener *l, char *why, size_t size)
{
	int copy = fcntl(l->fd, F_DUPFD_CLOEXEC, 3);

	if (copy == -1) {
		snprintf(why, size, "no descriptor is left: %s", strerror(errno));
		fd_close(&l->fd);
		return -1;
	}
	l->taken = 0;
	link_fd_put_take_fd(
	    socket_manager(sp)->link, sp->head.unit->name, l->key, false, copy);
	return 0;
}

static int
open_one(struct socket_part *sp, struct listener *l, const struct listen_owner *owner,
    char *why, size_t size)
{
	const struct socket_conf *c = socket_conf_of(sp);
	struct buf notes = { 0 };

	if (may_touch(sp, l, why, size) == -1)
		return -1;
	l->fd = listen_open(c, &l->line, owner, &notes, why, size);
	if (l->fd != -1)
		listen_link(c, &l->line, c->directory_mode, &notes);
	tell_notes(sp, l, &notes);
	if (l->fd == -1)
		return -1;
	return give_to_init(sp, l, why, size);
}

/* All of supd had died, and the service has them still. */
void
listeners_recover(struct socket_part *sp)
{
	struct unit *u = socket_service(sp);
	int32_t pid = u == NULL || u->svc == NULL ? 0 : svc_memory(u->svc)->main_pid;
	char why[SVC_WHY_MAX];

	for (size_t i = 0; pid > 0 && i < sp->n; i++) {
		struct listener *l = &sp->v[i];

		if (l->fd != -1)
			continue;
		l->fd = listen_find_in(pid, &l->line);
		if (l->fd != -1 && give_to_init(sp, l, why, sizeof(why)) == -1)
			log_warnx(
			    "%s: %s: %s", sp->head.unit->name, l->line.address, why);
	}
}

bool
listeners_are_kept(const struct socket_part *sp)
{
	for (size_t i = 0; i < sp->n; i++)
		if (sp->v[i].id == 0)
			return false;
	return true;
}

void
sockets_close(void *arg)
{
	struct socket_part *sp = arg;
	const struct socket_conf *c = socket_conf_of(sp);

	for (size_t i = 0; i < sp->n; i++) {
		struct listener *l = &sp->v[i];

		if (l->fd != -1 && c->remove_on_stop) {
			listen_unlink_links(c, &l->line);
			listen_remove(&l->line);
		}
		listener_close(l);
	}
	/* All of the unit: listeners and connections without an instance. */
	link_fd_drop(socket_manager(sp)->link, 0, sp->head.unit->name, "");
	sockets_drop_pending(sp);
	sp->watched = false;
}

int
sockets_listen(void *arg, char *why, size_t size)
{
	struct socket_part *sp = arg;
	struct listen_owner owner;

	if (find_owner(sp, &owner, why, size) == -1)
		return -1;
	for (size_t i = 0; i < sp->n; i++) {
		if (sp->v[i].fd == -1 && open_one(sp, &sp->v[i], &owner, why, size) == -1)
			return -1;
	}
	return listeners_are_kept(sp) ? 1 : 0;
}

bool
sockets_listens(const struct unit *u)
{
	return u->part != NULL && u->part->kind == &part_socket && part_is_up(u->part);
}

const struct unit *
sockets_server(const struct unit *u)
{
	const struct socket_part *sp = (const struct socket_part *)u->part;
	const char *name = socket_conf_of(sp)->service;
	const struct unit *service;

	if (sp->s.accept || name == NULL)
		return NULL;
	service = unit_find(u->manager, name);
	return service != NULL && sp->s.state == SOCKET_RUNNING ? service : NULL;
}

static void
add_if_up(void *arg, struct job_unit *ju)
{
	const struct unit *u = job_unit_data(ju);

	if (u != NULL && sockets_listens(u))
		strv_add(arg, u->name);
}

void
sockets_waiting_for(const struct unit *service, struct strv *out)
{
	job_unit_each(service->job_unit, DEP_TRIGGERS, true, add_if_up, out);
}
