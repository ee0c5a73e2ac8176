/*
 * socket: the state machine of one socket unit, without the sockets.
 *
 * THE MODEL
 *
 *	dead -> start-pre -> listening <-> running -> dead | failed
 *
 * start-pre	the listeners are being made, and init keeps them when it has said so
 * listening	they are watched: what comes starts the service
 * running	Accept=no: the service has them, nobody here looks at them
 *
 * With Accept=yes it is never running: each connection is taken, given to an instance of
 * the template, and the listeners are watched again.
 *
 * RULES
 *
 *  1. The listeners are init's from start-pre on.  Nothing but a stop or a failure closes
 *     them: not the end of the service, nor that of the manager.
 *  2. They are watched in listening alone.  So idle is no wake-up, and a service that
 *     does not accept is no loop: it is started again when it has ended.
 *  3. Two limits.  The poll limit makes the socket rest until its interval is over; what
 *     comes waits in the backlog.  The trigger limit fails the unit.
 *  4. Connections are taken by init, a few at a time: it keeps each until the instance
 *     has it, so that none is lost with a manager.  What came over a limit is closed.
 *
 * The world is reached through struct socket_ops and clock_mono_us() alone.
 */
#ifndef SUPD_MANAGER_ACTIVATE_SOCKET_H
#define SUPD_MANAGER_ACTIVATE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/socket_conf.h"

enum socket_state {
	SOCKET_DEAD,
	SOCKET_START_PRE,
	SOCKET_LISTENING,
	SOCKET_RUNNING,
	SOCKET_FAILED,
};

/* Why it failed; the words are systemd's. */
enum socket_result {
	SOCKET_SUCCESS,
	SOCKET_RESOURCES,
	SOCKET_TIMEOUT,
	SOCKET_TRIGGER_LIMIT,
	SOCKET_SERVICE_START_LIMIT,
};

/* What the triggered service does. */
enum socket_service {
	SOCKET_SERVICE_DOWN,  /* nothing runs: what comes may start it */
	SOCKET_SERVICE_UP,    /* it runs, starts, ends, or will start by itself */
	SOCKET_SERVICE_LIMIT, /* down: it was started too often */
};

enum socket_spawn {
	SOCKET_SPAWNED,
	SOCKET_GONE,       /* who connected is gone again, and so is the connection */
	SOCKET_NAME_TAKEN, /* another instance is called so: with the next number */
	SOCKET_NO_SPAWN,   /* there can be none, why says it */
};

enum {
	SOCKET_TURN = 16, /* connections that are asked for at once */
	SOCKET_PAUSE_MS =
	    100, /* after none could be had although there seemed to be one */
};

/* Deeds; none of them may call socket_* of the same socket, but for spawn. */
struct socket_ops {
	/* Makes those listeners that are not there.  1: all are, and init has them; 0:
	 * socket_on_listening follows; -1: none are left, why says it. */
	int (*listen)(void *arg, char *why, size_t size);
	void (*close)(void *arg);
	void (*watch)(void *arg, bool on);
	/* A job that starts the service.  -1: it was refused. */
	int (*trigger)(void *arg, char *why, size_t size);
	enum socket_service (*service)(void *arg);
	/* What waits is thrown away. */
	void (*flush)(void *arg);
	/* Have at most so many connections taken; socket_on_connection for each, and
	 * then socket_on_taken. */
	void (*take)(void *arg, unsigned max);
	/* An instance for a connection, with that number. */
	enum socket_spawn (*spawn)(
	    void *arg, void *connection, uint64_t number, char *why, size_t size);
	void (*refuse)(void *arg, void *connection, const char *why);
	/* How many connections of this one's source have instances. */
	size_t (*count_source)(void *arg, void *connection);
	/* Monotonic; UINT64_MAX: none. */
	void (*timer)(void *arg, uint64_t deadline_us);
	/* The state is another one. */
	void (*state)(void *arg, enum socket_state from, const char *why);
	/* A counter changed. */
	void (*changed)(void *arg);
};

struct socket_limit {
	uint64_t begin_us;
	uint32_t n;
};

struct socket {
	const struct socket_ops *ops;
	void *arg;
	const struct socket_conf *conf;
	enum socket_state state;
	enum socket_result result;
	bool accept; /* Accept= of the start */
	/* Over all starts.  (A number that a manager died over counts as accepted.) */
	uint64_t accepted, refused;
	size_t connections; /* instances that are not down */
	struct socket_limit trigger, poll;
	uint64_t rest_until_us; /* not watched before; 0: no rest */
	bool taking;            /* init was asked for connections */
};

void socket_init(struct socket *s, const struct socket_ops *ops, void *arg,
    const struct socket_conf *conf);
void socket_set_conf(struct socket *s, const struct socket_conf *conf);

/* Of jobs.  A start is of a socket that is down. */
void socket_start(struct socket *s);
void socket_stop(struct socket *s, const char *why);
/* A new manager: it was up, and what init keeps is known. */
void socket_resume(struct socket *s);

/* ---- what happened ---- */
/* init keeps all of them; or it cannot: why. */
void socket_on_listening(struct socket *s, const char *why);
void socket_on_readable(struct socket *s);
void socket_on_service(struct socket *s, enum socket_service what);
void socket_on_connection(struct socket *s, void *connection);
/* All that were asked for have come: n of them. */
void socket_on_taken(struct socket *s, unsigned n);
/* An instance is down. */
void socket_on_ended(struct socket *s);
void socket_on_timer(struct socket *s);

/* ---- questions ---- */
bool socket_is_up(const struct socket *s);
const char *socket_state_name(enum socket_state st);
const char *socket_result_name(enum socket_result r);

#endif
