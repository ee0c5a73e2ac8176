#include "manager/activate/socket.h"

#include <stdio.h>
#include <string.h>

#include "lib/clock.h"

enum { NAMES_TRIED = 16 };

static const char *const state_names[] = {
	[SOCKET_DEAD] = "dead",
	[SOCKET_START_PRE] = "start-pre",
	[SOCKET_LISTENING] = "listening",
	[SOCKET_RUNNING] = "running",
	[SOCKET_FAILED] = "failed",
};

static const char *const result_names[] = {
	[SOCKET_SUCCESS] = "success",
	[SOCKET_RESOURCES] = "resources",
	[SOCKET_TIMEOUT] = "timeout",
	[SOCKET_TRIGGER_LIMIT] = "trigger-limit-hit",
	[SOCKET_SERVICE_START_LIMIT] = "service-start-limit-hit",
};

const char *
socket_state_name(enum socket_state st)
{
	return state_names[st];
}

const char *
socket_result_name(enum socket_result r)
{
	return result_names[r];
}

bool
socket_is_up(const struct socket *s)
{
	return s->state == SOCKET_LISTENING || s->state == SOCKET_RUNNING;
}

void
socket_init(struct socket *s, const struct socket_ops *ops, void *arg,
    const struct socket_conf *conf)
{
	memset(s, 0, sizeof(*s));
	s->ops = ops;
	s->arg = arg;
	s->conf = conf;
}

void
socket_set_conf(struct socket *s, const struct socket_conf *conf)
{
	s->conf = conf;
}

/* ---- limits -------------------------------------------------------------------- */

/* One more; false: that is more than the limit. */
static bool
limit_take(struct socket_limit *l, uint64_t interval_us, uint32_t burst)
{
	uint64_t now = clock_mono_us();

	if (interval_us == 0 || burst == 0)
		return true;
	if (l->n == 0 || now - l->begin_us >= interval_us) {
		l->begin_us = now;
		l->n = 0;
	}
	if (l->n >= burst)
		return false;
	l->n++;
	return true;
}

static bool
has_poll_limit(const struct socket *s)
{
	return s->conf->poll_limit_us > 0 && s->conf->poll_limit_burst > 0;
}

/* How many looks are left until the rest. */
static uint32_t
polls_left(const struct socket *s)
{
	if (!has_poll_limit(s) || s->poll.n == 0 ||
	    clock_mono_us() - s->poll.begin_us >= s->conf->poll_limit_us)
		return has_poll_limit(s) ? s->conf->poll_limit_burst : UINT32_MAX;
	return s->poll.n >= s->conf->poll_limit_burst
		   ? 0
		   : s->conf->poll_limit_burst - s->poll.n;
}

static void
rest(struct socket *s, uint64_t until_us)
{
	s->rest_until_us = until_us;
	s->ops->watch(s->arg, false);
	s->ops->timer(s->arg, until_us);
}

/* ---- states -------------------------------------------------------------------- */

static void
set_state(
    struct socket *s, enum socket_state to, enum socket_result result, const char *why)
{
	enum socket_state from = s->state;

	s->state = to;
	s->result = result;
	s->ops->state(s->arg, from, why);
}

static void
come_down(
    struct socket *s, enum socket_state to, enum socket_result result, const char *why)
{
	s->rest_until_us = 0;
	s->taking = false;
	s->ops->timer(s->arg, UINT64_MAX);
	s->ops->watch(s->arg, false);
	s->ops->close(s->arg);
	set_state(s, to, result, why);
}

static void
fail(struct socket *s, enum socket_result result, const char *why)
{
	come_down(s, SOCKET_FAILED, result, why);
}

/* Watched, unless it rests. */
static void
watch(struct socket *s)
{
	if (s->state != SOCKET_LISTENING || s->taking)
		return;
	if (s->rest_until_us == 0 && polls_left(s) == 0)
		s->rest_until_us = s->poll.begin_us + s->conf->poll_limit_us;
	if (s->rest_until_us > clock_mono_us())
		rest(s, s->rest_until_us);
	else
		s->ops->watch(s->arg, true);
}

static void
enter_listening(struct socket *s, const char *why)
{
	char bad[240];
	int r = s->ops->listen(s->arg, bad, sizeof(bad));

	if (r == -1) {
		fail(s, SOCKET_RESOURCES, bad);
		return;
	}
	if (s->conf->flush_pending)
		s->ops->flush(s->arg);
	set_state(s, SOCKET_LISTENING, SOCKET_SUCCESS, why);
	watch(s);
}

/* The service runs already: it was started by hand, or when the last manager was here. */
static void
enter_fitting(struct socket *s, const char *why)
{
	if (!s->accept && s->ops->service(s->arg) == SOCKET_SERVICE_UP)
		set_state(s, SOCKET_RUNNING, SOCKET_SUCCESS, why);
	else
		enter_listening(s, why);
}

void
socket_start(struct socket *s)
{
	char why[240];
	int r;

	s->accept = s->conf->accept;
	s->trigger.n = s->poll.n = 0;
	s->rest_until_us = 0;
	set_state(s, SOCKET_START_PRE, SOCKET_SUCCESS, "it begins to listen");
	r = s->ops->listen(s->arg, why, sizeof(why));
	if (r == -1) {
		fail(s, SOCKET_RESOURCES, why);
		return;
	}
	if (s->conf->timeout_us != UINT64_MAX)
		s->ops->timer(s->arg, clock_mono_us() + s->conf->timeout_us);
	if (r == 1)
		socket_on_listening(s, NULL);
}

void
socket_on_listening(struct socket *s, const char *why)
{
	if (s->state != SOCKET_START_PRE)
		return;
	if (why != NULL) {
		fail(s, SOCKET_RESOURCES, why);
		return;
	}
	s->ops->timer(s->arg, UINT64_MAX);
	enter_fitting(s, "it listens");
}

void
socket_stop(struct socket *s, const char *why)
{
	come_down(s, SOCKET_DEAD, SOCKET_SUCCESS, why);
}

void
socket_resume(struct socket *s)
{
	/* Up before the deeds: what follows is from state to state as ever. */
	if (s->state == SOCKET_RUNNING && !s->accept &&
	    s->ops->service(s->arg) == SOCKET_SERVICE_UP)
		return;
	enter_listening(s, "it listens");
}

/* ---- what happened ------------------------------------------------------------- */

static void
start_service(struct socket *s)
{
	char why[240];

	if (!limit_take(
		&s->trigger, s->conf->trigger_limit_us, s->conf->trigger_limit_burst)) {
		snprintf(why, sizeof(why),
		    "it was to start its service more than %u times within "
		    "TriggerLimitIntervalSec=",
		    s->conf->trigger_limit_burst);
		s->refused++;
		fail(s, SOCKET_TRIGGER_LIMIT, why);
		return;
	}
	s->ops->watch(s->arg, false);
	if (s->ops->service(s->arg) != SOCKET_SERVICE_UP &&
	    s->ops->trigger(s->arg, why, sizeof(why)) == -1) {
		fail(s, SOCKET_RESOURCES, why);
		return;
	}
	set_state(s, SOCKET_RUNNING, SOCKET_SUCCESS, "something came");
}

static void
take_connections(struct socket *s)
{
	uint32_t n = polls_left(s);

	s->ops->watch(s->arg, false);
	s->taking = true;
	s->ops->take(s->arg, n < SOCKET_TURN ? n : SOCKET_TURN);
}

void
socket_on_readable(struct socket *s)
{
	if (s->state != SOCKET_LISTENING || s->taking) {
		s->ops->watch(s->arg, false);
		return;
	}
	if (polls_left(s) == 0) {
		watch(s);
		return;
	}
	if (s->accept) {
		take_connections(s);
		return;
	}
	(void)limit_take(&s->poll, s->conf->poll_limit_us, s->conf->poll_limit_burst);
	start_service(s);
}

void
socket_on_service(struct socket *s, enum socket_service what)
{
	if (!socket_is_up(s) || s->accept)
		return;
	switch (what) {
	case SOCKET_SERVICE_LIMIT:
		fail(s, SOCKET_SERVICE_START_LIMIT,
		    "its service was started too often (StartLimitBurst=)");
		return;
	case SOCKET_SERVICE_DOWN:
		if (s->state == SOCKET_RUNNING)
			enter_listening(s, "its service is down");
		return;
	case SOCKET_SERVICE_UP:
		if (s->state != SOCKET_LISTENING)
			return;
		s->ops->watch(s->arg, false);
		set_state(s, SOCKET_RUNNING, SOCKET_SUCCESS, "its service runs");
		return;
	}
}

static void
refuse(struct socket *s, void *connection, const char *why)
{
	s->refused++;
	s->ops->refuse(s->arg, connection, why);
	s->ops->changed(s->arg);
}

/* Each number is used up before something is called by it: a manager that dies in between
 * leaves the next one another number. */
static enum socket_spawn
spawn(struct socket *s, void *connection, char *why, size_t size)
{
	enum socket_spawn r = SOCKET_NAME_TAKEN;

	for (int i = 0; r == SOCKET_NAME_TAKEN && i < NAMES_TRIED; i++) {
		uint64_t number = s->accepted++;

		s->ops->changed(s->arg);
		r = s->ops->spawn(s->arg, connection, number, why, size);
	}
	/* Nothing is called by it. */
	if (r == SOCKET_GONE || r == SOCKET_NO_SPAWN)
		s->accepted--;
	return r;
}

void
socket_on_connection(struct socket *s, void *connection)
{
	const struct socket_conf *c = s->conf;
	enum socket_spawn r;
	char why[240];

	if (s->state != SOCKET_LISTENING) {
		s->ops->refuse(s->arg, connection, "the socket is down");
		return;
	}
	(void)limit_take(&s->poll, c->poll_limit_us, c->poll_limit_burst);
	if (!limit_take(&s->trigger, c->trigger_limit_us, c->trigger_limit_burst)) {
		snprintf(why, sizeof(why),
		    "more than %u connections came within TriggerLimitIntervalSec=",
		    c->trigger_limit_burst);
		s->refused++;
		s->ops->refuse(s->arg, connection, why);
		fail(s, SOCKET_TRIGGER_LIMIT, why);
		return;
	}
	if (s->connections >= c->max_connections) {
		refuse(s, connection, "MaxConnections= are there already");
		return;
	}
	if (c->max_connections_per_source > 0 &&
	    s->ops->count_source(s->arg, connection) >= c->max_connections_per_source) {
		refuse(s, connection, "MaxConnectionsPerSource= are there already");
		return;
	}
	r = spawn(s, connection, why, sizeof(why));
	if (r == SOCKET_SPAWNED)
		s->connections++;
	if (r == SOCKET_GONE || r == SOCKET_SPAWNED)
		return;
	s->refused++;
	s->ops->refuse(s->arg, connection, why);
	fail(s, SOCKET_RESOURCES, why);
}

void
socket_on_taken(struct socket *s, unsigned n)
{
	if (!s->taking)
		return;
	s->taking = false;
	if (n == 0)
		s->rest_until_us = clock_mono_us() + SOCKET_PAUSE_MS * USEC_PER_MSEC;
	watch(s);
}

void
socket_on_ended(struct socket *s)
{
	if (s->connections > 0)
		s->connections--;
	s->ops->changed(s->arg);
}

void
socket_on_timer(struct socket *s)
{
	if (s->state == SOCKET_START_PRE) {
		fail(s, SOCKET_TIMEOUT, "it could not listen within TimeoutSec=");
		return;
	}
	s->rest_until_us = 0;
	watch(s);
}
