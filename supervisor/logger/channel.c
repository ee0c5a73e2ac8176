/*
 * Both channels: what comes is dispatched, what goes and finds no room waits: as a bit
 * where it can be folded, in a queue where it cannot.
 */
#include "logger/channel.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "logger/alarm.h"
#include "logger/barrier.h"
#include "logger/cast.h"
#include "logger/journal.h"
#include "logger/logger.h"
#include "logger/logslot.h"
#include "logger/match.h"
#include "logger/mirror.h"
#include "logger/sink.h"
#include "logger/snapshot.h"
#include "logger/state.h"
#include "logger/vacuum.h"
#include "logger/viewer.h"

enum {
	MESSAGES = 64,      /* of one channel in a row */
	CHANNEL_MAX = 512,  /* more than a channel holds */
	ANSWERS_MAX = 1024, /* a manager that asks and never reads */
};

struct answer {
	struct msg m;
	TAILQ_ENTRY(answer) link;
};

/* ---- what waits for a channel ---- */

static void
report_queue(struct logger *lg, struct logslot *ls)
{
	if (ls->on_reports)
		return;
	ls->on_reports = true;
	TAILQ_INSERT_TAIL(&lg->reports, ls, report_link);
}

void
channel_report(struct logger *lg, struct logslot *ls, unsigned stream,
    enum stream_what what, int err)
{
	/* Parked and resumed cancel each other: only the last is true. */
	if (what == STREAM_RESUMED)
		ls->report[stream] &= ~(1U << STREAM_PARKED);
	if (what == STREAM_PARKED)
		ls->report[stream] &= ~(1U << STREAM_RESUMED);
	ls->report[stream] |= 1U << what;
	if (what != STREAM_NAMED)
		ls->report_err[stream] = err;
	report_queue(lg, ls);
}

void
channel_match_found(struct logger *lg, struct logslot *ls)
{
	report_queue(lg, ls);
}

void
channel_answer(struct logger *lg, const struct msg *m)
{
	struct answer *a;

	if (lg->manager.fd == -1)
		return;
	if (lg->nanswers >= ANSWERS_MAX) {
		log_warnx("the manager does not take its answers");
		return;
	}
	a = xcalloc(1, sizeof(*a));
	a->m = *m;
	TAILQ_INSERT_TAIL(&lg->answers, a, link);
	lg->nanswers++;
}

static bool
send_report(struct logger *lg, struct logslot *ls, unsigned stream, unsigned what)
{
	struct msg m;

	msg_init(&m, MSG_STREAM_STATE);
	m.u.STREAM_STATE.slot = ls->n;
	m.u.STREAM_STATE.stream = stream;
	m.u.STREAM_STATE.what = what;
	m.u.STREAM_STATE.err = ls->report_err[stream];
	m.u.STREAM_STATE.lines = ls->ts->log.lines;
	m.u.STREAM_STATE.bytes = ls->ts->log.bytes;
	if (stream == STREAM_OF_CAST) {
		m.u.STREAM_STATE.lines = 0;
		m.u.STREAM_STATE.bytes = cast_bytes(ls);
	}
	if (what == STREAM_DROPPED) {
		m.u.STREAM_STATE.lines = ls->unreported_lines[stream];
		m.u.STREAM_STATE.bytes = ls->unreported_bytes[stream];
	}
	if (what == STREAM_NAMED) {
		m.u.STREAM_STATE.err = 0;
		m.u.STREAM_STATE.lines =
		    stream == STREAM_OF_CAST ? cast_alt(ls) : ls->sink.alt;
		m.u.STREAM_STATE.bytes = stream == STREAM_OF_CAST ? cast_day(ls) : 0;
	}
	if (chan_send(&lg->manager, &m) != 1)
		return false;
	if (what == STREAM_DROPPED)
		ls->unreported_lines[stream] = ls->unreported_bytes[stream] = 0;
	return true;
}

static bool
send_reports(struct logger *lg, struct logslot *ls)
{
	for (unsigned s = 0; s < STREAM_OF_N; s++)
		for (unsigned what = 1; what < STREAM_WHATS; what++) {
			if ((ls->report[s] & 1U << what) == 0)
				continue;
			if (!send_report(lg, ls, s, what))
				return false;
			ls->report[s] &= ~(1U << what);
		}
	return match_flush(lg, ls);
}

/* True: nothing waits any more. */
static bool
flush_manager(struct logger *lg)
{
	struct logslot *ls;
	struct answer *a;
	struct msg m;

	while ((ls = TAILQ_FIRST(&lg->reports)) != NULL) {
		if (!send_reports(lg, ls))
			return false;
		TAILQ_REMOVE(&lg->reports, ls, report_link);
		ls->on_reports = false;
	}
	while ((a = TAILQ_FIRST(&lg->answers)) != NULL) {
		if (chan_send(&lg->manager, &a->m) != 1)
			return false;
		TAILQ_REMOVE(&lg->answers, a, link);
		lg->nanswers--;
		free(a);
	}
	if (lg->ack_waits) {
		msg_init(&m, MSG_EVENT_ACK);
		m.u.EVENT_ACK.seq = atomic_load(&lg->ring->seq_stored);
		m.u.EVENT_ACK.wish_seq = atomic_load(&lg->ring->wish_stored);
		if (chan_send(&lg->manager, &m) != 1)
			return false;
		lg->ack_waits = false;
	}
	return true;
}

static void take_manager(struct logger *lg, int max);

static bool
flush_init(struct logger *lg)
{
	bool waits = false;
	struct msg m;

	if (lg->pong_waits) {
		msg_init(&m, MSG_LOG_PONG);
		m.u.LOG_PONG.seq = lg->pong_seq;
		if (chan_send(&lg->init, &m) != 1)
			return false;
		lg->pong_waits = false;
	}
	lg->reports_hold = false;
	if (!lg->done_waits)
		return true;
	/* What the manager asked before it closed a slot lies in its channel by now. */
	take_manager(lg, CHANNEL_MAX);
	for (uint32_t i = 0; i < table_used(lg->t); i++) {
		struct logslot *ls = lg->slots[i];

		if (ls == NULL || !ls->done)
			continue;
		/* Its last reports go first.  A manager that never takes them is killed
		 * by init, which closes the channel. */
		if (lg->manager.fd != -1 && !send_reports(lg, ls)) {
			waits = true;
			continue;
		}
		msg_init(&m, MSG_LOG_DONE);
		m.u.LOG_DONE.slot = i;
		if (chan_send(&lg->init, &m) != 1)
			return false;
		logslot_free(lg, ls);
	}
	lg->done_waits = lg->reports_hold = waits;
	return true;
}

void
channel_flush(struct logger *lg)
{
	bool idle = flush_init(lg);

	loop_io_set(lg->init_io, idle ? LOOP_READ : LOOP_READ | LOOP_WRITE);
	if (lg->manager.fd == -1)
		return;
	idle = flush_manager(lg) && !lg->reports_hold;
	loop_io_set(lg->manager_io, idle ? LOOP_READ : LOOP_READ | LOOP_WRITE);
}

/* ---- messages of the manager ---- */

static void
manager_close(struct logger *lg)
{
	struct answer *a;

	loop_io_free(lg->manager_io);
	lg->manager_io = NULL;
	fd_close(&lg->manager.fd);
	while ((a = TAILQ_FIRST(&lg->answers)) != NULL) {
		TAILQ_REMOVE(&lg->answers, a, link);
		free(a);
	}
	lg->nanswers = 0;
	barrier_drop_all(lg);
	alarm_drop_all(lg);
}

static void
rotate(struct logger *lg, uint32_t slot)
{
	sink_forget_dirs(lg);
	journal_close(lg);
	for (uint32_t i = 0; i < table_used(lg->t); i++)
		if (lg->slots[i] != NULL && (slot == SLOT_NONE || slot == i)) {
			sink_sync(lg, lg->slots[i]);
			sink_close(&lg->slots[i]->sink);
		}
	cast_rotate(lg, slot);
}

static void
on_manager_message(struct logger *lg, struct msg *m)
{
	switch (m->head.id) {
	case MSG_VIEWER:
		viewer_add_take_fd(lg, m->fds[0], m->fds[1]);
		m->fds[0] = -1;
		break;
	case MSG_PATTERNS:
		logslot_patterns(lg, m->u.PATTERNS.slot, NULL, &m->fds[0]);
		break;
	case MSG_SLOT_PATTERNS:
		logslot_patterns(lg, m->u.SLOT_PATTERNS.slot,
		    m->u.SLOT_PATTERNS.invocation, &m->fds[0]);
		break;
	case MSG_LOG_ALARM:
		alarm_set(lg, &m->u.LOG_ALARM);
		break;
	case MSG_BARRIER:
		barrier_on_request(lg, &m->u.BARRIER);
		break;
	case MSG_ROTATE:
		rotate(lg, m->u.ROTATE.slot);
		break;
	case MSG_SNAPSHOT:
		snapshot_write(lg, &m->u.SNAPSHOT, m->fds[0]);
		break;
	case MSG_VACUUM:
		vacuum_run(lg, &m->u.VACUUM);
		break;
	case MSG_LOG_SETTINGS:
		lg->t->log_settings = m->u.LOG_SETTINGS;
		mirror_set(lg);
		vacuum_due(lg);
		break;
	default:
		break;
	}
}

/* Handles up to max messages of the manager. */
static void
take_manager(struct logger *lg, int max)
{
	struct msg m;

	for (int i = 0; lg->manager.fd != -1 && i < max; i++) {
		int r = chan_recv(&lg->manager, &m);

		if (r == 0)
			break;
		if (r == -1) {
			if (errno != ECONNRESET)
				log_warn("the manager's channel");
			/* init will send the channel to the next one. */
			manager_close(lg);
			break;
		}
		on_manager_message(lg, &m);
		msg_close_fds(&m);
	}
}

static void
on_manager(struct loop_io *io, int events, void *arg)
{
	struct logger *lg = arg;

	(void)io;
	if ((events & LOOP_READ) != 0)
		take_manager(lg, MESSAGES);
	channel_flush(lg);
}

/* ---- messages of init ---- */

/* Nothing to drain: the answer is all that init waits for. */
static void
say_done(struct logger *lg, uint32_t n)
{
	struct msg m;

	msg_init(&m, MSG_LOG_DONE);
	m.u.LOG_DONE.slot = n;
	if (chan_send(&lg->init, &m) != 1)
		log_warnx("slot %u: cannot say that it is done", n);
}

static void
manager_open(struct logger *lg, int fd)
{
	if (lg->manager.fd != -1)
		manager_close(lg);
	fd_set_nonblock(fd, true);
	lg->manager.fd = fd;
	lg->manager_io = loop_io_new(lg->loop, "manager", fd, LOOP_READ, on_manager, lg);
	/* A new manager learns what is stored, and what cannot be written. */
	lg->ack_waits = true;
	for (uint32_t i = 0; i < table_used(lg->t); i++)
		if (lg->slots[i] != NULL && lg->slots[i]->parked)
			channel_report(
			    lg, lg->slots[i], 2, STREAM_PARKED, lg->slots[i]->parked_err);
	cast_tell(lg);
}

static void
on_init_message(struct logger *lg, struct msg *m)
{
	switch (m->head.id) {
	case MSG_LOG_OPEN:
		logslot_open(lg, m);
		barrier_answer_due(lg);
		break;
	case MSG_LOG_CLOSE:
		if (!logslot_close(lg, m->u.LOG_CLOSE.slot))
			say_done(lg, m->u.LOG_CLOSE.slot);
		break;
	case MSG_LOG_PEER:
		manager_open(lg, m->fds[0]);
		m->fds[0] = -1;
		break;
	case MSG_LOG_PING:
		lg->pong_waits = true;
		lg->pong_seq = m->u.LOG_PING.seq;
		break;
	case MSG_LOG_REPLAY_END:
		logger_replay_end(lg);
		break;
	default: /* LOG_HELLO: the table says it all */
		break;
	}
}

/* Handles up to max messages of init; false: it is gone, and says so again when asked. */
static bool
take_init(struct logger *lg, int max)
{
	struct msg m;

	for (int i = 0; i < max; i++) {
		int r = chan_recv(&lg->init, &m);

		if (r == 0)
			break;
		if (r == -1) {
			if (errno != ECONNRESET)
				fatal("init's channel");
			return false;
		}
		on_init_message(lg, &m);
		msg_close_fds(&m);
	}
	return true;
}

static void
on_init(struct loop_io *io, int events, void *arg)
{
	struct logger *lg = arg;

	(void)io;
	if ((events & LOOP_READ) != 0 && !take_init(lg, MESSAGES)) {
		/* The end of supd, or a new init: it starts us again. */
		logger_finish(lg);
		return;
	}
	channel_flush(lg);
}

void
channel_take_init(struct logger *lg)
{
	(void)take_init(lg, CHANNEL_MAX);
}

void
channel_start(struct logger *lg)
{
	lg->init_io = loop_io_new(lg->loop, "init", lg->init.fd, LOOP_READ, on_init, lg);
}
