/*
 * The greeting, step by step, and the news: each step is one that may find the channel
 * full, and is taken up again there.
 */
#include "init/greet.h"

#include <errno.h>
#include <unistd.h>

#include "init/complain.h"
#include "init/core.h"
#include "init/fdstore.h"
#include "init/pulse.h"
#include "init/role.h"
#include "init/spawn.h"
#include "init/tell.h"

/* How far the greeting of a role is. */
enum stage { HELLO, SLOTS, STORED, PEER, END, LIVE };

struct greeting {
	enum stage stage;
	int peer_fd[ROLE_N]; /* its end of the channel to that one, 0: none to be sent */
};

/* What the same thing is called, by who is told. */
static const struct words {
	enum msg_id hello, end;
	enum msg_id peer[ROLE_N];
} words[ROLE_N] = {
	[ROLE_MANAGER] = { MSG_HELLO, MSG_REPLAY_END,
	    { [ROLE_LOGGER] = MSG_PEER, [ROLE_TERMINAL] = MSG_PEER_TERMINAL } },
	[ROLE_LOGGER] = { MSG_LOG_HELLO, MSG_LOG_REPLAY_END,
	    { [ROLE_MANAGER] = MSG_LOG_PEER } },
	[ROLE_TERMINAL] = { MSG_TERM_HELLO, MSG_TERM_REPLAY_END,
	    { [ROLE_MANAGER] = MSG_TERM_PEER } },
};

/* A role of the init before, until it has ended, was greeted by that one. */
static struct greeting greetings[ROLE_N] = {
	[ROLE_MANAGER] = { .stage = LIVE },
	[ROLE_LOGGER] = { .stage = LIVE },
	[ROLE_TERMINAL] = { .stage = LIVE },
};
static bool signals_owed = true;
static uint64_t orphans_told;
static int reexec_err;

static int
send_hello(enum role r)
{
	struct msg m;
	struct msg_hello *h = &m.u.HELLO;

	msg_init(&m, words[r].hello);
	h->version = PROTO_VERSION;
	h->nslots = tab->nslots;
	h->safe_mode =
	    r == ROLE_MANAGER &&
	    tab->role[r].quick_deaths >=
		(tab->settings.safe_mode_after != 0 ? tab->settings.safe_mode_after : 4);
	h->generation = tab->role[r].restarts;
	h->init_pid = getpid();
	h->is_pid1 = tab->is_pid1;
	h->revived = tab->revived;
	h->boot_us = tab->start_wall_us;
	return role_send(r, &m);
}

static int
send_none(enum role r, enum msg_id id)
{
	struct msg m;

	msg_init(&m, id);
	return role_send(r, &m);
}

static void
drop_peer_fd(struct greeting *g, enum role peer)
{
	if (g->peer_fd[peer] > 0)
		close(g->peer_fd[peer]);
	g->peer_fd[peer] = 0;
}

/* A fresh channel between the manager and another, as soon as both are there. */
static void
pair_peers(enum role other)
{
	struct greeting *m = &greetings[ROLE_MANAGER], *g = &greetings[other];
	int fds[2];

	if (!role_is_up(ROLE_MANAGER) || !role_is_up(other))
		return;
	if (chan_pair(fds) == -1) {
		/* The manager's side of it is only missing; tried with the next role. */
		init_complain("no channel between manager and", role_name(other), errno);
		return;
	}
	drop_peer_fd(m, other);
	drop_peer_fd(g, ROLE_MANAGER);
	m->peer_fd[other] = fds[0];
	g->peer_fd[ROLE_MANAGER] = fds[1];
}

static int
send_peers(enum role r)
{
	struct greeting *g = &greetings[r];
	struct msg m;

	for (int peer = 0; peer < ROLE_N; peer++) {
		if (g->peer_fd[peer] <= 0)
			continue;
		msg_init(&m, words[r].peer[peer]);
		m.fds[0] = g->peer_fd[peer];
		m.nfds = 1;
		if (role_send(r, &m) != 1)
			return 0;
		drop_peer_fd(g, (enum role)peer);
	}
	return 1;
}

/* ---- the greeting -------------------------------------------------------------------
 */

void
greet_begin(enum role r)
{
	greetings[r].stage = HELLO;
	if (r == ROLE_MANAGER) {
		pair_peers(ROLE_LOGGER);
		pair_peers(ROLE_TERMINAL);
	} else {
		pair_peers(r);
	}
}

/* One step of the greeting: 1 done, 0 the channel is full. */
static int
greet_step(enum role r)
{
	switch (greetings[r].stage) {
	case HELLO:
		return send_hello(r);
	case SLOTS:
		return tell_role(r);
	case STORED:
		return r == ROLE_MANAGER ? fdstore_tell() : 1;
	case PEER:
		return send_peers(r);
	case END:
		return send_none(r, words[r].end);
	default:
		return 0;
	}
}

bool
greet_is_done(enum role r)
{
	return greetings[r].stage == LIVE;
}

bool
greet_go_on(enum role r)
{
	while (greetings[r].stage < LIVE) {
		if (greet_step(r) != 1)
			return false;
		greetings[r].stage++;
	}
	return true;
}

/* ---- the news -----------------------------------------------------------------------
 */

void
greet_owe_news(void)
{
	signals_owed = true;
}

void
greet_reexec_failed(int err)
{
	init_complain("the new binary cannot take over", NULL, err);
	reexec_err = err == 0 ? EIO : err;
}

static int
send_signals(void)
{
	for (int s = 1; signals_owed && s < TABLE_SIGNALS; s++) {
		struct table_signal *got = &tab->signal[s];
		struct msg m;

		if (got->count == 0)
			continue;
		msg_init(&m, MSG_GOT_SIGNAL);
		m.u.GOT_SIGNAL.signo = s;
		m.u.GOT_SIGNAL.pid = got->pid;
		m.u.GOT_SIGNAL.uid = got->uid;
		m.u.GOT_SIGNAL.count = got->count;
		if (role_send(ROLE_MANAGER, &m) != 1)
			return 0;
		got->count = 0;
	}
	signals_owed = false;
	return 1;
}

static int
send_counters(void)
{
	struct msg m;

	if (tab->orphans != orphans_told) {
		msg_init(&m, MSG_ORPHAN);
		m.u.ORPHAN.reaped = tab->orphans;
		if (role_send(ROLE_MANAGER, &m) != 1)
			return 0;
		orphans_told = tab->orphans;
	}
	if (reexec_err != 0) {
		msg_init(&m, MSG_REEXEC_FAILED);
		m.u.REEXEC_FAILED.err = reexec_err;
		if (role_send(ROLE_MANAGER, &m) != 1)
			return 0;
		reexec_err = 0;
	}
	return 1;
}

/* In this order, until the channel is full. */
void
greet_tell_news(enum role r)
{
	if (r != ROLE_MANAGER)
		(void)(tell_role(r) && send_peers(r) && pulse_send_ping(r));
	else
		(void)(send_peers(r) && tell_role(r) && fdstore_tell() &&
		       spawn_tell_refused() && send_signals() && role_tell_restarts() &&
		       send_counters() && pulse_send_ping(r));
}

void
greet_forget(enum role r)
{
	for (int peer = 0; peer < ROLE_N; peer++)
		drop_peer_fd(&greetings[r], (enum role)peer);
	tell_forget(r);
	if (r != ROLE_MANAGER)
		return;
	fdstore_forget_manager();
	spawn_forget_manager();
	orphans_told = 0;
	signals_owed = true;
}
