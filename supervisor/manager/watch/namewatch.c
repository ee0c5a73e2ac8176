#include "manager/watch/namewatch.h"

#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/service/busname.h"

enum {
	SERIAL_HELLO = 1,
	MESSAGE_MAX = 8192, /* what concerns us is much shorter */
};

const struct namewatch_times namewatch_usual = {
	.first_us = USEC_PER_SEC,
	.most_us = 60 * USEC_PER_SEC,
	.answer_us = 25 * USEC_PER_SEC,
	.grace_us = 30 * USEC_PER_SEC,
	.settle_us = 500 * USEC_PER_MSEC,
};

enum owner {
	OWNER_UNKNOWN,
	OWNER_IS,
	OWNER_NONE,
};

struct namewatch_name {
	TAILQ_ENTRY(namewatch_name) next;
	struct namewatch *w;
	char *name, *who;
	namewatch_fn *fn;
	void *arg;
	uint32_t match_serial, ask_serial; /* of calls that wait; 0: none */
	enum owner owner, told;
	bool was_away;      /* the bus was, since the owner was known */
	uint64_t counts_us; /* OWNER_NONE: it is told then, monotonic */
};

struct namewatch {
	struct loop *loop;
	const struct namewatch_times *times;
	TAILQ_HEAD(, namewatch_name) names;
	int fd; /* -1: not connected */
	struct loop_io *io;
	struct loop_timer *retry, *answer, *lost;
	uint64_t delay_us; /* until the next try */
	uint64_t since_us; /* it answers, monotonic; 0: it does not */
	bool greeted;
	bool told_away; /* in the log */
	uint32_t serial;
	unsigned waiting; /* calls without an answer yet */
	struct buf out;
	uint64_t skip; /* bytes that are still to come of a message that is too long */
	size_t got;
	char in[MESSAGE_MAX];
	char where[128];
};

static void try_connect(struct namewatch *w);

/* ---- the connection ---------------------------------------------------------- */

static void
disconnect(struct namewatch *w)
{
	struct namewatch_name *n;

	if (w->io != NULL)
		loop_io_free(w->io);
	w->io = NULL;
	fd_close(&w->fd);
	loop_timer_stop(w->answer);
	loop_timer_stop(w->lost);
	w->greeted = false;
	w->since_us = 0;
	w->waiting = 0;
	w->skip = 0;
	w->got = 0;
	buf_clear(&w->out);
	TAILQ_FOREACH (n, &w->names, next)
		n->match_serial = n->ask_serial = 0;
}

/* It is tried again later. */
static void
lose_bus(struct namewatch *w, const char *why)
{
	struct namewatch_name *n;

	if (w->since_us != 0 &&
	    clock_mono_us() >= clock_add_us(w->since_us, w->times->most_us))
		w->delay_us = w->times->first_us;
	disconnect(w);
	/* A bus that ends may still say of each name that it is gone. */
	TAILQ_FOREACH (n, &w->names, next) {
		n->was_away = true;
		n->owner = n->told;
	}
	if (!w->told_away)
		log_warnx("the message bus at %s: %s; names on it are not watched "
			  "until it is back",
		    w->where, why);
	w->told_away = true;
	loop_timer_in(w->retry, w->delay_us);
	w->delay_us =
	    w->delay_us < w->times->most_us / 2 ? 2 * w->delay_us : w->times->most_us;
}

static uint32_t
call(struct namewatch *w, const char *member, const char *arg)
{
	if (++w->serial <= SERIAL_HELLO)
		w->serial = SERIAL_HELLO + 1;
	busname_call(&w->out, w->serial, member, arg);
	if (w->waiting++ == 0)
		loop_timer_in(w->answer, w->times->answer_us);
	loop_io_set(w->io, LOOP_READ | LOOP_WRITE);
	return w->serial;
}

static void
call_match(struct namewatch_name *n, bool add)
{
	struct buf rule = { 0 };
	uint32_t serial;

	busname_match(&rule, n->name);
	serial = call(n->w, add ? "AddMatch" : "RemoveMatch", buf_str(&rule));
	n->match_serial = add ? serial : 0;
	buf_free(&rule);
}

/* In this order: what changes after the answer is told. */
static void
subscribe(struct namewatch_name *n)
{
	call_match(n, true);
	n->ask_serial = call(n->w, "NameHasOwner", n->name);
}

/* ---- what the bus says ------------------------------------------------------- */

static bool
is_untold_loss(const struct namewatch_name *n)
{
	return n->owner == OWNER_NONE && n->told != OWNER_NONE;
}

static void
arm_lost(struct namewatch *w)
{
	struct namewatch_name *n;
	uint64_t at = USEC_INFINITY;

	TAILQ_FOREACH (n, &w->names, next)
		if (is_untold_loss(n) && n->counts_us < at)
			at = n->counts_us;
	loop_timer_at(w->lost, at);
}

/* wait_us: for how long it may have none. */
static void
name_is(struct namewatch_name *n, bool owned, uint64_t wait_us)
{
	n->owner = owned ? OWNER_IS : OWNER_NONE;
	n->counts_us = clock_add_us(clock_mono_us(), wait_us);
	n->was_away = false;
	arm_lost(n->w);
}

static void
on_answered(struct namewatch *w, const struct busname_message *m)
{
	struct namewatch_name *n;

	if (m->serial == SERIAL_HELLO) {
		w->since_us = clock_mono_us();
		if (w->told_away)
			log_info("the message bus at %s is there", w->where);
		w->told_away = false;
		return;
	}
	TAILQ_FOREACH (n, &w->names, next) {
		if (m->serial == n->match_serial) {
			n->match_serial = 0;
			if (m->what == BUSNAME_ERROR)
				log_warnx("%s: the message bus does not let %s be "
					  "watched",
				    n->who, n->name);
			return;
		}
		if (m->serial == n->ask_serial) {
			n->ask_serial = 0;
			if (m->is_bool)
				name_is(n, m->owned,
				    n->was_away ? w->times->grace_us
						: w->times->settle_us);
			return;
		}
	}
}

static void
on_message(struct namewatch *w, const struct busname_message *m)
{
	struct namewatch_name *n;

	switch (m->what) {
	case BUSNAME_RETURN:
	case BUSNAME_ERROR:
		if (m->serial == 0 || w->waiting == 0)
			return;
		if (--w->waiting > 0)
			loop_timer_in(w->answer, w->times->answer_us);
		else
			loop_timer_stop(w->answer);
		on_answered(w, m);
		break;
	case BUSNAME_SIGNAL:
		TAILQ_FOREACH (n, &w->names, next)
			if (strcmp(n->name, m->name) == 0)
				name_is(n, m->owned, w->times->settle_us);
		break;
	case BUSNAME_OTHER:
		break;
	}
}

/* How many of the n bytes were used; -1: they are no messages. */
static ssize_t
take_bytes(struct namewatch *w, const char *p, size_t n)
{
	struct busname_message m;
	uint64_t size;
	ssize_t line;

	if (!w->greeted) {
		line = busname_greeting(p, n);
		w->greeted = line > 0;
		return line;
	}
	if (w->skip > 0) {
		size = w->skip < n ? w->skip : n;
		w->skip -= size;
		return (ssize_t)size;
	}
	if (n < BUSNAME_HEAD)
		return 0;
	size = busname_size(p);
	if (size == 0)
		return -1;
	if (size > MESSAGE_MAX) {
		/* Others may send that; it is not for us to mind. */
		w->skip = size;
		return 0;
	}
	if (size > n)
		return 0;
	if (busname_message(p, (size_t)size, &m) == -1)
		return -1;
	on_message(w, &m);
	return (ssize_t)size;
}

/* False: it says what is none. */
static bool
take_all(struct namewatch *w)
{
	size_t at = 0;
	ssize_t n;
	uint64_t skip;

	do {
		skip = w->skip;
		n = take_bytes(w, w->in + at, w->got - at);
		if (n == -1)
			return false;
		at += (size_t)n;
	} while (n > 0 || skip != w->skip);
	memmove(w->in, w->in + at, w->got - at);
	w->got -= at;
	return true;
}

/* The last that is done in an event: what is told may remove names, and add some. */
static void
tell(struct namewatch *w)
{
	struct namewatch_name *n;

	uint64_t now = clock_mono_us();

again:
	TAILQ_FOREACH (n, &w->names, next) {
		if (n->owner == n->told || (is_untold_loss(n) && now < n->counts_us))
			continue;
		n->told = n->owner;
		n->fn(n->arg, n->owner == OWNER_IS);
		goto again;
	}
}

/* ---- the loop ---------------------------------------------------------------- */

/* NULL, or why it is given up. */
static const char *
send_out(struct namewatch *w)
{
	ssize_t n;

	while (w->out.len > 0) {
		n = send(w->fd, w->out.data, w->out.len, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return NULL;
		if (n == -1)
			return strerror(errno);
		buf_consume(&w->out, (size_t)n);
	}
	loop_io_set(w->io, LOOP_READ);
	return NULL;
}

/* One read an event: whoever sends without end waits for the others. */
static const char *
read_in(struct namewatch *w)
{
	ssize_t n = read(w->fd, w->in + w->got, sizeof(w->in) - w->got);

	if (n == -1 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return NULL;
	if (n == -1)
		return strerror(errno);
	if (n == 0)
		return "the connection was closed";
	w->got += (size_t)n;
	return take_all(w) ? NULL : "it says what is no message";
}

static void
on_io(struct loop_io *io, int events, void *arg)
{
	struct namewatch *w = arg;
	const char *why = NULL;

	(void)io;
	if (events & LOOP_FAILED)
		why = "no memory to wait for it";
	if (why == NULL && (events & LOOP_WRITE))
		why = send_out(w);
	if (why == NULL && (events & LOOP_READ))
		why = read_in(w);
	if (why != NULL)
		lose_bus(w, why);
	tell(w);
}

static void
on_answer_due(struct loop_timer *t, void *arg)
{
	(void)t;
	lose_bus(arg, "it does not answer");
}

static void
on_lost(struct loop_timer *t, void *arg)
{
	struct namewatch *w = arg;

	(void)t;
	tell(w);
	arm_lost(w);
}

static void
on_retry(struct loop_timer *t, void *arg)
{
	(void)t;
	try_connect(arg);
}

/* To whoever listens there.  NULL, or why there is none. */
static const char *
open_socket(struct namewatch *w)
{
	struct sockaddr_un sa;
	socklen_t len;

	if (busname_address(&sa, &len, w->where, sizeof(w->where)) == -1)
		return "this is no address of one";
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd == -1 || connect(w->fd, (struct sockaddr *)&sa, len) == -1)
		return strerror(errno);
	return NULL;
}

static void
try_connect(struct namewatch *w)
{
	struct namewatch_name *n;
	const char *why = open_socket(w);

	if (why != NULL) {
		lose_bus(w, why);
		return;
	}
	w->io = loop_io_new(w->loop, "names", w->fd, LOOP_READ | LOOP_WRITE, on_io, w);
	loop_io_may_fail(w->io);
	busname_hello(&w->out, SERIAL_HELLO);
	w->serial = SERIAL_HELLO;
	w->waiting = 1;
	loop_timer_in(w->answer, w->times->answer_us);
	TAILQ_FOREACH (n, &w->names, next)
		subscribe(n);
}

/* ---- names ------------------------------------------------------------------- */

struct namewatch *
namewatch_new(struct loop *l, const struct namewatch_times *times)
{
	struct namewatch *w = xcalloc(1, sizeof(*w));

	w->loop = l;
	w->times = times;
	w->delay_us = times->first_us;
	w->fd = -1;
	TAILQ_INIT(&w->names);
	w->retry = loop_timer_new(l, "names", on_retry, w);
	w->answer = loop_timer_new(l, "names", on_answer_due, w);
	w->lost = loop_timer_new(l, "names", on_lost, w);
	return w;
}

void
namewatch_free(struct namewatch *w)
{
	if (w == NULL)
		return;
	disconnect(w);
	loop_timer_free(w->retry);
	loop_timer_free(w->answer);
	loop_timer_free(w->lost);
	buf_free(&w->out);
	free(w);
}

struct namewatch_name *
namewatch_add(
    struct namewatch *w, const char *name, const char *who, namewatch_fn *fn, void *arg)
{
	struct namewatch_name *n = xcalloc(1, sizeof(*n));

	n->w = w;
	n->name = xstrdup(name);
	n->who = xstrdup(who);
	n->fn = fn;
	n->arg = arg;
	TAILQ_INSERT_TAIL(&w->names, n, next);
	if (w->fd != -1) {
		subscribe(n);
		return n;
	}
	/* Who is added has just been on the bus: a try is worth it now. */
	loop_timer_stop(w->retry);
	try_connect(w);
	return n;
}

void
namewatch_remove(struct namewatch_name *n)
{
	struct namewatch *w;

	if (n == NULL)
		return;
	w = n->w;
	TAILQ_REMOVE(&w->names, n, next);
	if (TAILQ_EMPTY(&w->names)) {
		disconnect(w);
		loop_timer_stop(w->retry);
		w->delay_us = w->times->first_us;
		w->told_away = false;
	} else if (w->fd != -1) {
		call_match(n, false);
	}
	free(n->name);
	free(n->who);
	free(n);
}
