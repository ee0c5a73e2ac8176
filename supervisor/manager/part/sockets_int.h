/*
 * sockets_int: what sockets.c, sockets_listen.c and sockets_accept.c share.
 */
#ifndef SUPD_MANAGER_SOCKETS_INT_H
#define SUPD_MANAGER_SOCKETS_INT_H

#include "manager/activate/socket.h"
#include "manager/job/job.h"
#include "manager/part/sockets.h"
#include "proto/msg.h"

struct loop_io;
struct loop_timer;

#define CONNECTION_KEY ":connection"

struct listener {
	struct socket_part *of;
	struct listen_conf line;
	char key[PROTO_FDNAME_MAX]; /* init's name of it */
	int fd;                     /* our copy, -1: it is not open */
	uint32_t id;                /* init's number, 0: it has not said yet */
	uint32_t taken;             /* connections, as init counts them */
	struct loop_io *io;
};

/* A connection without an instance: init keeps it. */
struct pending {
	uint32_t id;
	int fd;
};

struct socket_part {
	struct part head;
	struct socket s;
	struct listener *v;
	size_t n;
	struct listener *ready; /* the one that was readable last */
	struct loop_timer *timer;
	bool watched;
	/* Accept=yes. */
	struct strv sources;     /* one for each instance that is not down */
	struct pending *pending; /* told by init before the unit was known */
	size_t n_pending;
	unsigned taken, awaited; /* of the turn that goes on */
	bool told;               /* init is done with it */
};

/* What an instance is for. */
struct connection {
	uint32_t id;  /* init's number; 0: the process has it */
	char *remote; /* for its environment; NULL: nothing */
};

static inline struct socket_part *
socket_part_of(struct part *p)
{
	return (struct socket_part *)p;
}

extern const struct socket_ops socket_ops_real;

/* NULL: the unit is no socket that was loaded. */
struct socket_part *socket_part_find(struct manager *m, const char *name);
const struct socket_conf *socket_conf_of(const struct socket_part *sp);
struct manager *socket_manager(const struct socket_part *sp);
/* What it is for, loaded if need be; NULL: nothing can be called so. */
struct unit *socket_service(const struct socket_part *sp);

/* ---- sockets_start.c ---- */
/* What became of a start; u is the unit that it was about, never NULL. */
typedef void socket_started_fn(
    struct unit *u, enum job_result result, const char *message);
/*
 * A start of u, because of a connection to that socket; env: lines for its environment,
 * NULL: none.  fn is called when it is done, also when it is refused at once, unless the
 * unit about is gone by then.  -1: it is refused, why says the reason.
 */
int sockets_start(struct unit *u, const char *socket, const struct unit *about,
    const char *env, socket_started_fn *fn, char *why, size_t size);

/* ---- sockets_listen.c ---- */
/* The listeners are what the file says now, none of them open. */
void listeners_make(struct socket_part *sp);
void listeners_clear(struct socket_part *sp);
/* By init's name of it; NULL: there is none. */
struct listener *listener_find(struct socket_part *sp, const char *key);
/* The same of what an earlier manager had init keep, whatever the file says now. */
struct listener *listener_recall(struct socket_part *sp, const char *key);
/* For qsort: in the order of the file. */
int listener_by_place(const void *a, const void *b);
/* All of supd had died: those that the service has still are taken from it. */
void listeners_recover(struct socket_part *sp);
/* init has each of them. */
bool listeners_are_kept(const struct socket_part *sp);
/* The ops listen and close of the machine (socket.h). */
int sockets_listen(void *arg, char *why, size_t size);
void sockets_close(void *arg);

/* ---- sockets_accept.c ---- */
void sockets_take(void *arg, unsigned max);
enum socket_spawn sockets_spawn(
    void *arg, void *connection, uint64_t number, char *why, size_t size);
void sockets_refuse(void *arg, void *connection, const char *why);
size_t sockets_count_source(void *arg, void *connection);
/* A connection that init tells of; fd is ours. */
void sockets_on_pending(struct socket_part *sp, uint32_t id, int fd);
/* The listener was told again: the turn is over. */
void sockets_on_turn(struct socket_part *sp, struct listener *l, uint32_t taken);
/* A new manager: what was told meanwhile, and which instances there are. */
void sockets_count_instances(struct socket_part *sp);
void sockets_deal_with_pending(struct socket_part *sp);
void sockets_drop_pending(struct socket_part *sp);

#endif
