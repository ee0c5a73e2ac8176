/*
 * link_terminal: the manager's channel to the terminal.  What comes from it is handed to
 * sessions.c; what was asked of one that died is answered with that.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/link/link.h"
#include "manager/link/link_int.h"
#include "manager/manager.h"
#include "manager/sessions/sessions.h"

enum {
	TURN_MAX = 256,
	SCREEN_MAX = 64 * 1024 * 1024, /* of an answer */
};

struct term_question {
	TAILQ_ENTRY(term_question) next;
	struct link *link;
	uint64_t id;
	link_screen_fn *fn;
	void *arg;
	struct loop_timer *timer;
};

static void
question_end(struct term_question *q, int err, const char *text, size_t len)
{
	TAILQ_REMOVE(&q->link->questions, q, next);
	loop_timer_free(q->timer);
	q->fn(q->arg, err, text, len);
	free(q);
}

static void
on_question_time(struct loop_timer *t, void *arg)
{
	(void)t;
	question_end(arg, ETIMEDOUT, NULL, 0);
}

static void
terminal_lost(struct link *l)
{
	struct term_question *q;

	if (l->terminal.chan.fd == -1)
		return;
	side_close(&l->terminal);
	while ((q = TAILQ_FIRST(&l->questions)) != NULL)
		question_end(q, ENOTCONN, NULL, 0);
	sessions_on_terminal_gone(l->m);
}

static void
on_answer(struct link *l, const struct msg *msg)
{
	const struct msg_term_answer *a = &msg->u.TERM_ANSWER;
	struct term_question *q;
	struct stat st;
	void *p = MAP_FAILED;

	TAILQ_FOREACH (q, &l->questions, next)
		if (q->id == a->id)
			break;
	if (q == NULL)
		return;
	if (a->err != 0) {
		question_end(q, a->err, NULL, 0);
		return;
	}
	/* What another role says is not believed: the size is looked at. */
	if (a->size > 0 && a->size <= SCREEN_MAX && fstat(msg->fds[0], &st) == 0 &&
	    (uint64_t)st.st_size >= a->size)
		p = mmap(NULL, a->size, PROT_READ, MAP_PRIVATE, msg->fds[0], 0);
	if (p == MAP_FAILED) {
		question_end(q, EBADMSG, NULL, 0);
		return;
	}
	question_end(q, 0, p, a->size);
	munmap(p, a->size);
}

static void
dispatch(struct link *l, const struct msg *msg)
{
	switch ((enum msg_id)msg->head.id) {
	case MSG_TERM_STATE:
		sessions_on_state(l->m, &msg->u.TERM_STATE);
		break;
	case MSG_TERM_TAKEN:
		sessions_on_taken(l->m, &msg->u.TERM_TAKEN);
		break;
	case MSG_TERM_MATCH:
		sessions_on_match(l->m, &msg->u.TERM_MATCH);
		break;
	case MSG_TERM_ANSWER:
		on_answer(l, msg);
		break;
	default:
		log_warnx(
		    "message %s of the terminal is not handled", msg_name(msg->head.id));
		break;
	}
}

static void
on_terminal(struct loop_io *io, int events, void *arg)
{
	struct link *l = arg;
	struct msg msg;
	int r;

	if ((events & LOOP_WRITE) && side_send_queue(&l->terminal) == -1) {
		terminal_lost(l);
		return;
	}
	for (int i = 0; (events & LOOP_READ) && i < TURN_MAX; i++) {
		/* A handler may have found it gone, or a new one there. */
		if (l->terminal.io != io)
			return;
		r = chan_recv(&l->terminal.chan, &msg);
		if (r == 0)
			return;
		if (r == -1) {
			terminal_lost(l);
			return;
		}
		dispatch(l, &msg);
		msg_close_fds(&msg);
	}
}

void
link_terminal_set_up(struct link *l)
{
	TAILQ_INIT(&l->questions);
	l->terminal.link = l;
	l->terminal.lost = terminal_lost;
	l->terminal.chan.fd = -1;
}

void
link_terminal_free(struct link *l)
{
	terminal_lost(l);
}

void
link_take_terminal_fd(struct link *l, int fd)
{
	terminal_lost(l);
	l->terminal.chan =
	    (struct chan){ .fd = fd, .self = ROLE_MANAGER, .peer = ROLE_TERMINAL };
	l->terminal.io =
	    loop_io_new(l->m->loop, "terminal", fd, LOOP_READ, on_terminal, l);
	sessions_on_terminal(l->m);
}

/* ---- what is said -------------------------------------------------------------------
 */

bool
link_has_terminal(const struct link *l)
{
	return l->terminal.chan.fd != -1;
}

int
link_attach_take_fds(struct link *l, int client_fd, int request_fd, uint64_t size)
{
	struct msg msg;

	msg_init(&msg, MSG_TERM_VIEWER);
	msg.u.TERM_VIEWER.request_size = size;
	msg.nfds = 2;
	msg.fds[0] = client_fd;
	msg.fds[1] = request_fd;
	return side_send(&l->terminal, &msg);
}

int
link_input_take_fd(struct link *l, const struct msg_term_input *q, int fd)
{
	struct msg msg;

	msg_init(&msg, MSG_TERM_INPUT);
	msg.u.TERM_INPUT = *q;
	msg.nfds = 1;
	msg.fds[0] = fd;
	return side_send(&l->terminal, &msg);
}

int
link_ask_taken(struct link *l, uint32_t slot)
{
	struct msg msg;

	msg_init(&msg, MSG_TERM_ASK);
	msg.u.TERM_ASK.slot = slot;
	msg.u.TERM_ASK.what = TERM_ASK_TAKEN;
	return side_send(&l->terminal, &msg);
}

int
link_rules_take_fd(struct link *l, uint32_t slot, int fd, uint64_t size)
{
	struct msg msg;

	msg_init(&msg, MSG_TERM_RULES);
	msg.u.TERM_RULES.slot = slot;
	msg.u.TERM_RULES.size = size;
	msg.nfds = 1;
	msg.fds[0] = fd;
	return side_send(&l->terminal, &msg);
}

void
link_ask_screen(struct link *l, uint32_t slot, enum term_ask what, uint64_t timeout_us,
    link_screen_fn *fn, void *arg)
{
	struct term_question *q = xcalloc(1, sizeof(*q));
	struct msg msg;

	q->link = l;
	q->id = ++l->next_id;
	q->fn = fn;
	q->arg = arg;
	q->timer = loop_timer_new(l->m->loop, "screen", on_question_time, q);
	TAILQ_INSERT_TAIL(&l->questions, q, next);
	msg_init(&msg, MSG_TERM_ASK);
	msg.u.TERM_ASK.slot = slot;
	msg.u.TERM_ASK.what = what;
	msg.u.TERM_ASK.id = q->id;
	/* Without a terminal the answer is "no answer", and it comes at once. */
	loop_timer_in(q->timer, side_send(&l->terminal, &msg) == 0 ? timeout_us : 0);
}

void
link_ask_cancel(struct link *l, void *arg)
{
	struct term_question *q, *tmp;

	TAILQ_FOREACH_SAFE (q, &l->questions, next, tmp) {
		if (q->arg != arg)
			continue;
		TAILQ_REMOVE(&l->questions, q, next);
		loop_timer_free(q->timer);
		free(q);
	}
}
