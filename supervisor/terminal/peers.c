/*
 * peers: see the header.
 */
#include "terminal/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "terminal/ask.h"
#include "terminal/attach.h"
#include "terminal/input.h"
#include "terminal/rules.h"
#include "terminal/session.h"
#include "terminal/state.h"
#include "terminal/terminal.h"

enum {
	MESSAGES = 64,      /* of one channel in a row */
	ANSWERS_MAX = 4096, /* a manager that asks and never reads */
};

struct answer {
	struct msg m;
	TAILQ_ENTRY(answer) link;
};

/* ---- to the manager ---- */

void
peers_report(struct session *s)
{
	if (s->report_due)
		return;
	s->report_due = true;
	TAILQ_INSERT_TAIL(&s->t->reports, s, report_link);
}

void
peers_forget(struct session *s)
{
	if (s->report_due)
		TAILQ_REMOVE(&s->t->reports, s, report_link);
	s->report_due = false;
}

static void
answer_free(struct terminal *t, struct answer *a)
{
	TAILQ_REMOVE(&t->answers, a, link);
	t->n_answers--;
	msg_close_fds(&a->m);
	free(a);
}

void
peers_answer(struct terminal *t, const struct msg *m)
{
	struct answer *a = xcalloc(1, sizeof(*a));

	a->m = *m;
	TAILQ_INSERT_TAIL(&t->answers, a, link);
	t->n_answers++;
	if (t->manager.fd != -1 && t->n_answers <= ANSWERS_MAX)
		return;
	if (t->manager.fd != -1)
		log_warnx("the manager does not take its answers");
	answer_free(t, a);
}

void
peers_report_now(struct session *s)
{
	struct msg m;

	if (!s->report_due)
		return;
	peers_forget(s);
	msg_init(&m, MSG_TERM_STATE);
	m.u.TERM_STATE = s->told;
	peers_answer(s->t, &m);
}

/* True: nothing waits any more. */
static bool
flush_manager(struct terminal *t)
{
	struct session *s;
	struct answer *a;

	while ((a = TAILQ_FIRST(&t->answers)) != NULL) {
		if (chan_send(&t->manager, &a->m) != 1)
			return false;
		answer_free(t, a);
	}
	while ((s = TAILQ_FIRST(&t->reports)) != NULL) {
		struct msg m;

		msg_init(&m, MSG_TERM_STATE);
		m.u.TERM_STATE = s->told;
		if (chan_send(&t->manager, &m) != 1)
			return false;
		peers_forget(s);
	}
	return true;
}

/* ---- to init ---- */

static bool
flush_init(struct terminal *t)
{
	for (uint32_t i = 0; t->done_waits && i < table_used(t->table); i++) {
		struct session *s = t->sessions[i];
		struct msg m;

		if (s == NULL || !s->done)
			continue;
		msg_init(&m, MSG_TERM_DONE);
		m.u.TERM_DONE.slot = i;
		if (chan_send(&t->init, &m) != 1)
			return false;
		session_free(s);
	}
	t->done_waits = false;
	return true;
}

void
peers_flush(struct terminal *t)
{
	loop_io_set(t->init_io, LOOP_READ | (flush_init(t) ? 0 : LOOP_WRITE));
	if (t->manager_io != NULL)
		loop_io_set(
		    t->manager_io, LOOP_READ | (flush_manager(t) ? 0 : LOOP_WRITE));
}

/* ---- from the manager ---- */

static void
forget_manager(struct terminal *t)
{
	struct answer *a;

	if (t->manager_io != NULL)
		loop_io_free(t->manager_io);
	t->manager_io = NULL;
	fd_close(&t->manager.fd);
	while ((a = TAILQ_FIRST(&t->answers)) != NULL)
		answer_free(t, a);
}

static void
handle_manager(struct terminal *t, struct msg *m)
{
	struct session *s;

	switch (m->head.id) {
	case MSG_TERM_VIEWER:
		attach_add_take_fd(t, m->fds[0], m->fds[1]);
		m->fds[0] = -1;
		break;
	case MSG_TERM_INPUT:
		s = session_get(t, m->u.TERM_INPUT.slot);
		if (s != NULL)
			input_step(s, m);
		else
			input_no_session(t, m->u.TERM_INPUT.slot, TERM_TAKEN_REFUSED);
		break;
	case MSG_TERM_RULES:
		s = session_get(t, m->u.TERM_RULES.slot);
		if (s != NULL)
			rules_set(s, m);
		break;
	case MSG_TERM_ASK:
		ask_answer(t, &m->u.TERM_ASK);
		break;
	default:
		break;
	}
}

static void
on_manager(struct loop_io *io, int events, void *arg)
{
	struct terminal *t = arg;
	struct msg m;
	int r = 0;

	(void)io;
	for (int i = 0; (events & LOOP_READ) != 0 && i < MESSAGES; i++) {
		r = chan_recv(&t->manager, &m);
		if (r != 1)
			break;
		handle_manager(t, &m);
		msg_close_fds(&m);
	}
	if (r == -1 && errno != EMFILE) {
		if (errno == EPROTO)
			log_warnx("the manager breaks the protocol");
		forget_manager(t);
	}
	peers_flush(t);
}

static void
take_manager(struct terminal *t, struct msg *m)
{
	forget_manager(t);
	t->manager.fd = m->fds[0];
	m->fds[0] = -1;
	t->manager_io =
	    loop_io_new(t->loop, "manager", t->manager.fd, LOOP_READ, on_manager, t);
	/* It knows nothing yet, and by which numbers it knows the rules is its own. */
	for (uint32_t i = 0; i < table_used(t->table); i++) {
		if (t->sessions[i] == NULL)
			continue;
		t->sessions[i]->ruled = false;
		session_report(t->sessions[i]);
		peers_report(t->sessions[i]);
	}
}

/* ---- from init ---- */

static void
pong(struct terminal *t, const struct msg *ping)
{
	struct msg m;

	msg_init(&m, MSG_TERM_PONG);
	m.u.TERM_PONG.seq = ping->u.TERM_PING.seq;
	(void)chan_send(&t->init, &m); /* lost in a full channel: it asks again */
}

static void
handle_init(struct terminal *t, struct msg *m)
{
	struct session *s;

	switch (m->head.id) {
	case MSG_TERM_OPEN:
		session_open(t, m->u.TERM_OPEN.slot, m->fds[0]);
		m->fds[0] = -1;
		break;
	case MSG_TERM_CLOSE:
		s = session_get(t, m->u.TERM_CLOSE.slot);
		if (s != NULL)
			session_close(s);
		break;
	case MSG_TERM_PEER:
		take_manager(t, m);
		break;
	case MSG_TERM_PING:
		pong(t, m);
		break;
	case MSG_TERM_REPLAY_END:
		terminal_replay_end(t);
		break;
	default:
		break;
	}
}

static void
on_init(struct loop_io *io, int events, void *arg)
{
	struct terminal *t = arg;
	struct msg m;

	(void)io;
	for (int i = 0; (events & LOOP_READ) != 0 && i < MESSAGES; i++) {
		int r = chan_recv(&t->init, &m);

		if (r == 0)
			break;
		if (r == -1) {
			/* Without init, or out of descriptors: the next one is given all
			 * that we had. */
			if (errno != ECONNRESET)
				log_warn("the channel of init");
			_exit(errno == ECONNRESET ? 0 : 1);
		}
		handle_init(t, &m);
		msg_close_fds(&m);
	}
	peers_flush(t);
}

void
peers_start(struct terminal *t)
{
	t->init_io = loop_io_new(t->loop, "init", t->init.fd, LOOP_READ, on_init, t);
}
