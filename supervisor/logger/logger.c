/*
 * logger: main, the channels, and whose turn it is.
 *
 * One loop watches the channels, the ring's eventfd, and one edge-triggered epoll set
 * with all log pipes.  Streams with something to read wait in a queue and get a turn of
 * 64 KiB each; after a few turns the loop looks at the channels again.  Nothing here ever
 * waits for a peer: what a channel does not take is folded and sent when it does.
 */
#include "logger/logger.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "logger/journal.h"
#include "logger/match.h"
#include "logger/mirror.h"
#include "logger/sink.h"
#include "logger/snapshot.h"
#include "logger/staging.h"
#include "logger/state.h"
#include "logger/stream.h"
#include "logger/vacuum.h"
#include "logger/viewer.h"

enum {
	TURNS = 32,    /* between two looks at the channels */
	MESSAGES = 64, /* of one channel in a row */
	EDGES = 256,
	GATHER_US = 100,
	GATHER_AFTER = 2,
	GATHER_BYTES = 16 * 1024,
	CHANNEL_MAX = 512,    /* more than a channel holds */
	ANSWERS_MAX = 1024,   /* a manager that asks and never reads */
	DUE_US = 1000 * 1000, /* a silent program's file is made then */
	DUE_TURN = 16,        /* of them at a time */
	RETRY_US = 1000 * 1000,
	LINE_MAX_DEFAULT = 16 * 1024,
	LINE_MAX_LEAST = 256,
	FILE_MODE = 0640,
	DIR_MODE = 0750,
};

/* ---- settings ---- */

uint64_t
logger_retry_us(const struct logger *lg)
{
	uint64_t us = lg->t->log_settings.retry_us;

	return us != 0 ? us : RETRY_US;
}

size_t
logger_line_max(const struct logger *lg)
{
	uint32_t n = lg->t->log_settings.line_max;

	if (n == 0)
		return LINE_MAX_DEFAULT;
	if (n < LINE_MAX_LEAST)
		return LINE_MAX_LEAST;
	return n < CARRY_BYTES ? n : CARRY_BYTES;
}

uint32_t
logger_file_mode(const struct logger *lg)
{
	uint32_t mode = lg->t->log_settings.file_mode & 0666;

	return mode != 0 ? mode : FILE_MODE;
}

uint32_t
logger_dir_mode(const struct logger *lg)
{
	uint32_t mode = lg->t->log_settings.dir_mode & 0777;

	return mode != 0 ? mode : DIR_MODE;
}

void
logger_clock(struct logger *lg, const struct logslot *ls)
{
	const struct msg_log_settings *set = &lg->t->log_settings;
	struct line_style style = { .format = (enum line_format)ls->ts->conf.format,
		.precision = set->precision >= 6   ? 6
			     : set->precision >= 3 ? 3
						   : 0,
		.utc = set->utc != 0 };

	stamp_clock_set(&lg->clock, &style, clock_wall_us());
}

/* ---- slots ---- */

static struct logslot *
slot_get(struct logger *lg, uint32_t n)
{
	return n < lg->t->nslots ? lg->slots[n] : NULL;
}

static void
slot_free(struct logger *lg, struct logslot *ls)
{
	for (int i = 0; i < 2; i++) {
		struct stream *s = &ls->stream[i];

		if (s->ready)
			TAILQ_REMOVE(&lg->ready, s, link);
		/* Closing takes it out of the epoll set only if nobody else has it. */
		if (s->fd != -1)
			epoll_ctl(lg->pipes_fd, EPOLL_CTL_DEL, s->fd, NULL);
		fd_close(&s->fd);
	}
	if (ls->parked)
		TAILQ_REMOVE(&lg->parked, ls, parked_link);
	if (ls->due)
		TAILQ_REMOVE(&lg->due, ls, due_link);
	if (ls->on_reports)
		TAILQ_REMOVE(&lg->reports, ls, report_link);
	match_free(ls);
	sink_sync(lg, ls);
	sink_close(&ls->sink);
	lg->slots[ls->n] = NULL;
	free(ls->name);
	free(ls->ref);
	free(ls);
}

static void
watch_pipe(struct logger *lg, struct stream *s)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	ev.data.u64 = (uint64_t)s->slot->n << 1 | s->which;
	if (fd_set_nonblock(s->fd, true) == -1 ||
	    epoll_ctl(lg->pipes_fd, EPOLL_CTL_ADD, s->fd, &ev) == -1)
		fatal("%s: cannot watch its output", s->slot->ts->unit);
}

/* Names come from shared memory, and become parts of paths. */
static void
take_names(struct logger *lg, struct logslot *ls)
{
	char name[PROTO_NAME_MAX], ref[PROTO_REF_MAX], valid[LAYOUT_NAME_MAX + 1];

	ls->ts->unit[sizeof(ls->ts->unit) - 1] = '\0';
	table_log_name(lg->t, ls->n, name);
	memcpy(ref, ls->ts->conf.ref, sizeof(ref));
	ref[sizeof(ref) - 1] = '\0';
	ls->name = xstrdup(layout_name(valid, sizeof(valid), name));
	if (layout_ref_is_valid(ref))
		ls->ref = xstrdup(ref);
	else
		ls->ref = xasprintf(
		    "%llu", (unsigned long long)(clock_wall_us() / USEC_PER_MSEC));
	ls->ts->conf.day[sizeof(ls->ts->conf.day) - 1] = '\0';
	ls->ts->log.day[sizeof(ls->ts->log.day) - 1] = '\0';
}

/* At most one list for each slot. */
static void
patterns_drop(struct logger *lg, struct early_patterns *e)
{
	TAILQ_REMOVE(&lg->early, e, link);
	fd_close(&e->fd);
	free(e);
}

static struct early_patterns *
patterns_find(struct logger *lg, uint32_t slot)
{
	struct early_patterns *e;

	TAILQ_FOREACH (e, &lg->early, link)
		if (e->slot == slot)
			return e;
	return NULL;
}

static void
patterns_keep(struct logger *lg, struct msg *m)
{
	struct early_patterns *e = patterns_find(lg, m->u.PATTERNS.slot);

	if (m->u.PATTERNS.slot >= lg->t->nslots)
		return;
	if (e != NULL)
		patterns_drop(lg, e);
	e = xcalloc(1, sizeof(*e));
	e->slot = m->u.PATTERNS.slot;
	e->fd = m->fds[0];
	m->fds[0] = -1;
	TAILQ_INSERT_TAIL(&lg->early, e, link);
}

static void barriers_answer(struct logger *lg);

static void
slot_open(struct logger *lg, struct msg *m)
{
	uint32_t n = m->u.LOG_OPEN.slot;
	struct early_patterns *early;
	struct logslot *ls;

	if (n >= lg->t->nslots) {
		log_warnx("a log of slot %u, which does not exist", n);
		return;
	}
	if (lg->slots[n] != NULL)
		slot_free(lg, lg->slots[n]);
	ls = xcalloc(1, sizeof(*ls));
	ls->n = n;
	ls->ts = table_slot(lg->t, n);
	ls->tail = table_rare(lg->t, n)->tail;
	ls->sink.fd = -1;
	lg->slots[n] = ls;
	take_names(lg, ls);
	for (unsigned i = 0; i < 2; i++) {
		ls->stream[i] =
		    (struct stream){ .slot = ls, .which = i, .fd = m->fds[i] };
		m->fds[i] = -1;
		watch_pipe(lg, &ls->stream[i]);
	}
	if ((early = patterns_find(lg, n)) != NULL) {
		match_set(lg, ls, early->fd);
		patterns_drop(lg, early);
	}
	barriers_answer(lg);
	/* Nothing goes to the log of a unit whose output goes elsewhere; what comes all
	 * the same is logged, and makes the file. */
	if ((ls->ts->log.day[0] != '\0' && ls->ts->log.linked) ||
	    ls->ts->conf.stream_mask == 0)
		return;
	ls->due = true;
	ls->due_us = clock_mono_us() + DUE_US;
	TAILQ_INSERT_TAIL(&lg->due, ls, due_link);
	if (!loop_timer_is_armed(lg->due_timer))
		loop_timer_at(lg->due_timer, ls->due_us);
}

static void
on_due(struct loop_timer *t, void *arg)
{
	struct logger *lg = arg;
	uint64_t now = clock_mono_us();
	struct logslot *ls;

	/* A few at a time: what a person wished must not wait for a thousand files. */
	for (int i = 0; (ls = TAILQ_FIRST(&lg->due)) != NULL; i++) {
		if (ls->due_us > now || i == DUE_TURN) {
			loop_timer_at(t, ls->due_us);
			break;
		}
		TAILQ_REMOVE(&lg->due, ls, due_link);
		ls->due = false;
		if (!ls->ts->log.linked && !ls->parked && sink_make_due(lg, ls) == -1)
			stream_park(lg, ls, errno);
	}
	logger_flush(lg);
}

/* ---- turns ---- */

static void run_turns(void *arg);
static void on_pipes(struct loop_io *io, int events, void *arg);

void
logger_ready(struct logger *lg, struct stream *s)
{
	if (s->ready || s->fd == -1)
		return;
	s->ready = true;
	TAILQ_INSERT_TAIL(&lg->ready, s, link);
	if (lg->replayed)
		loop_post(lg->loop, run_turns, lg);
}

/* A closing slot is done when its pipes are read to their end, or as far as they went
 * when it was closed: what still writes into them must not keep it for ever. */
static bool
is_drained(const struct logslot *ls)
{
	for (int i = 0; i < 2; i++)
		if (ls->stream[i].fd != -1 && !ls->stream[i].empty &&
		    ls->close_left[i] > 0)
			return false;
	return true;
}

static void
close_if_drained(struct logger *lg, struct logslot *ls)
{
	if (!ls->closing || ls->done || !is_drained(ls))
		return;
	for (int i = 0; i < 2; i++)
		if (stream_finish(lg, &ls->stream[i]) == -1)
			return;
	/* A program that said nothing and ended at once has its file, too. */
	if (!ls->ts->log.linked && !ls->parked && ls->ts->conf.stream_mask != 0 &&
	    sink_make_due(lg, ls) == -1)
		log_warn("%s: cannot make its log", ls->ts->unit);
	ls->done = true;
	lg->done_waits = true;
}

static void
turn(struct logger *lg, struct stream *s)
{
	struct logslot *ls = s->slot;
	enum stream_turn r = stream_read(lg, s);

	s->empty = r == STREAM_EMPTY;
	if (r == STREAM_AGAIN && !(ls->closing && ls->close_left[s->which] == 0))
		logger_ready(lg, s);
	if (r != STREAM_STUCK)
		close_if_drained(lg, ls);
}

/*
 * Programs that write line by line wake us for each of them, which costs them and us more
 * than the line.  When several turns in a row found little, a moment's wait finds more.
 */
static void
gather(struct logger *lg)
{
	static const struct timespec moment = { 0, GATHER_US * 1000 };

	if (lg->hot < GATHER_AFTER || clock_mono_us() - lg->ran_us > 2 * GATHER_US)
		return;
	nanosleep(&moment, NULL);
	on_pipes(NULL, LOOP_READ, lg);
}

static void
note_heat(struct logger *lg)
{
	uint64_t now = clock_mono_us();

	if (lg->ran_bytes == 0 || now - lg->ran_us > 2 * GATHER_US)
		lg->hot = 0;
	else if (lg->ran_bytes < GATHER_BYTES)
		lg->hot++;
	lg->ran_us = now;
}

static void
run_turns(void *arg)
{
	struct logger *lg = arg;
	struct stream *s, *last;

	gather(lg);
	lg->ran_bytes = 0;
	/* One turn for each, so that what comes meanwhile can gather. */
	last = TAILQ_LAST(&lg->ready, streamq);
	for (int i = 0; i < TURNS && (s = TAILQ_FIRST(&lg->ready)) != NULL; i++) {
		TAILQ_REMOVE(&lg->ready, s, link);
		s->ready = false;
		turn(lg, s);
		if (s == last)
			break;
	}
	note_heat(lg);
	if (!TAILQ_EMPTY(&lg->ready))
		loop_post(lg->loop, run_turns, lg);
	logger_flush(lg);
}

static void
on_pipes(struct loop_io *io, int events, void *arg)
{
	struct epoll_event ev[EDGES];
	struct logger *lg = arg;
	int n;

	(void)io;
	(void)events;
	do {
		n = epoll_wait(lg->pipes_fd, ev, EDGES, 0);
		for (int i = 0; i < n; i++) {
			struct logslot *ls =
			    slot_get(lg, (uint32_t)(ev[i].data.u64 >> 1));

			if (ls != NULL)
				logger_ready(lg, &ls->stream[ev[i].data.u64 & 1]);
		}
	} while (n == EDGES);
}

static void
on_retry(struct loop_timer *t, void *arg)
{
	struct logger *lg = arg;

	if (stream_retry(lg))
		loop_timer_in(t, logger_retry_us(lg));
	logger_flush(lg);
}

static void
on_sync(struct loop_timer *t, void *arg)
{
	struct logger *lg = arg;

	(void)t;
	for (uint32_t i = 0; i < table_used(lg->t); i++)
		if (lg->slots[i] != NULL)
			sink_sync(lg, lg->slots[i]);
}

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
logger_report(struct logger *lg, struct logslot *ls, unsigned stream,
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
logger_match_found(struct logger *lg, struct logslot *ls)
{
	report_queue(lg, ls);
}

void
logger_answer(struct logger *lg, const struct msg *m)
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
	if (what == STREAM_DROPPED && stream < 2) {
		m.u.STREAM_STATE.lines = ls->unreported_lines[stream];
		m.u.STREAM_STATE.bytes = ls->unreported_bytes[stream];
	}
	if (what == STREAM_NAMED) {
		m.u.STREAM_STATE.err = 0;
		m.u.STREAM_STATE.lines = ls->sink.alt;
	}
	if (chan_send(&lg->manager, &m) != 1)
		return false;
	if (what == STREAM_DROPPED && stream < 2)
		ls->unreported_lines[stream] = ls->unreported_bytes[stream] = 0;
	return true;
}

static bool
send_reports(struct logger *lg, struct logslot *ls)
{
	for (unsigned s = 0; s < 3; s++)
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
		slot_free(lg, ls);
	}
	lg->done_waits = lg->reports_hold = waits;
	return true;
}

void
logger_flush(struct logger *lg)
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
barrier_drop(struct logger *lg, struct early_barrier *e)
{
	TAILQ_REMOVE(&lg->barriers, e, link);
	lg->nbarriers--;
	free(e);
}

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
	while (!TAILQ_EMPTY(&lg->barriers))
		barrier_drop(lg, TAILQ_FIRST(&lg->barriers));
}

static bool take_init(struct logger *lg, int max);

static void
barrier_answer(struct logger *lg, const struct msg_barrier *req)
{
	struct logslot *ls = slot_get(lg, req->slot);
	struct msg_barrier_done *d;
	struct msg m;
	size_t from;

	msg_init(&m, MSG_BARRIER_DONE);
	d = &m.u.BARRIER_DONE;
	d->slot = req->slot;
	d->id = req->id;
	for (unsigned i = 0; ls != NULL && i < 2; i++) {
		/* As much as is there now; what a flood adds meanwhile is later. */
		uint64_t turns = stream_waiting(&ls->stream[i]) / TURN_BYTES + 4;

		while (turns-- > 0 && stream_read(lg, &ls->stream[i]) == STREAM_AGAIN)
			;
		logger_ready(lg, &ls->stream[i]);
	}
	if (ls != NULL && ls->ts->log.tail_len <= PROTO_TAIL_MAX) {
		const struct table_log *log = &ls->ts->log;

		d->lines = log->lines;
		d->bytes = log->bytes;
		from = utf8_tail(ls->tail, log->tail_len, PROTO_TAIL_MAX);
		/* A cut at the front may have left the rest of a character. */
		while (
		    from < log->tail_len && (ls->tail[from] & 0xc0) == 0x80 && from < 4)
			from++;
		d->tail_len = (uint32_t)(log->tail_len - from);
		memcpy(d->tail, ls->tail + from, d->tail_len);
	}
	logger_answer(lg, &m);
}

/* Is the slot open for init, which has not sent us LOG_OPEN yet?  (It marks that after
 * the message is in the channel.)  Then it is going to. */
static bool
is_coming(struct logger *lg, uint32_t n)
{
	const struct table_slot *ts;

	if (n >= table_used(lg->t) || lg->slots[n] != NULL)
		return false;
	ts = table_slot(lg->t, n);
	return (ts->state == SLOT_OPEN || ts->state == SLOT_CLOSING) &&
	       ts->told_logger == 0;
}

static bool
barrier_waits(struct logger *lg, const struct early_barrier *e)
{
	return !lg->replayed || (e->coming && lg->slots[e->req.slot] == NULL);
}

/* Those that nothing keeps waiting any more. */
static void
barriers_answer(struct logger *lg)
{
	struct early_barrier *e, *next;

	TAILQ_FOREACH_SAFE (e, &lg->barriers, link, next) {
		if (barrier_waits(lg, e))
			continue;
		barrier_answer(lg, &e->req);
		barrier_drop(lg, e);
	}
}

/*
 * The manager hears of a slot from init, and may ask for it before we have looked at what
 * init told us.  Init's channel is read first, therefore; and what it does not hold yet
 * is waited for.
 */
static void
barrier(struct logger *lg, const struct msg_barrier *req)
{
	struct early_barrier early = { .req = *req, .coming = is_coming(lg, req->slot) };
	int asker = lg->manager.fd;
	struct early_barrier *e;

	(void)take_init(lg, CHANNEL_MAX);
	/* Init may have given us another manager, which knows nothing of this. */
	if (lg->manager.fd != asker)
		return;
	if (!barrier_waits(lg, &early)) {
		barrier_answer(lg, req);
		return;
	}
	if (lg->nbarriers >= ANSWERS_MAX)
		return;
	e = xmalloc(sizeof(*e));
	*e = early;
	TAILQ_INSERT_TAIL(&lg->barriers, e, link);
	lg->nbarriers++;
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
}

static void
on_manager_message(struct logger *lg, struct msg *m)
{
	struct logslot *ls;

	switch (m->head.id) {
	case MSG_VIEWER:
		viewer_add_take_fd(lg, m->fds[0], m->fds[1]);
		m->fds[0] = -1;
		break;
	case MSG_PATTERNS:
		ls = slot_get(lg, m->u.PATTERNS.slot);
		if (ls != NULL)
			match_set(lg, ls, m->fds[0]);
		else
			patterns_keep(lg, m);
		break;
	case MSG_BARRIER:
		barrier(lg, &m->u.BARRIER);
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
	logger_flush(lg);
}

/* ---- messages of init ---- */

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
			logger_report(
			    lg, lg->slots[i], 2, STREAM_PARKED, lg->slots[i]->parked_err);
}

static void
slot_close(struct logger *lg, uint32_t n)
{
	struct logslot *ls = slot_get(lg, n);
	struct msg m;

	if (ls == NULL) {
		/* Nothing to drain: the answer is all that init waits for. */
		msg_init(&m, MSG_LOG_DONE);
		m.u.LOG_DONE.slot = n;
		if (chan_send(&lg->init, &m) != 1)
			log_warnx("slot %u: cannot say that it is done", n);
		return;
	}
	if (ls->closing)
		return;
	ls->closing = true;
	for (int i = 0; i < 2; i++) {
		struct stream *s = &ls->stream[i];

		ls->close_left[i] = stream_waiting(s) + TURN_BYTES;
		s->empty = false;
		logger_ready(lg, s);
	}
}

static void
replay_end(struct logger *lg)
{
	staging_recover(lg);
	journal_recover(lg);
	lg->replayed = true;
	barriers_answer(lg);
	if (!TAILQ_EMPTY(&lg->ready))
		loop_post(lg->loop, run_turns, lg);
	journal_run(lg);
	vacuum_due(lg);
}

static void
on_init_message(struct logger *lg, struct msg *m)
{
	switch (m->head.id) {
	case MSG_LOG_OPEN:
		slot_open(lg, m);
		break;
	case MSG_LOG_CLOSE:
		slot_close(lg, m->u.LOG_CLOSE.slot);
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
		replay_end(lg);
		break;
	default: /* LOG_HELLO: the table says it all */
		break;
	}
}

/* The end of supd: what is only in our memory goes to the disk. */
static void
finish_up(struct logger *lg)
{
	if (lg->replayed)
		journal_run(lg);
	on_sync(lg->sync_timer, lg);
	mirror_finish(lg);
	mirror_free(lg);
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
		finish_up(lg);
		xalloc_check_leaks();
		loop_stop(lg->loop);
		return;
	}
	logger_flush(lg);
}

static void
on_wake(struct loop_io *io, int events, void *arg)
{
	struct logger *lg = arg;
	uint64_t n;

	(void)io;
	(void)events;
	if (read(lg->wake_fd, &n, sizeof(n)) == -1 && errno != EAGAIN && errno != EINTR)
		fatal("the event ring's eventfd");
	if (lg->replayed)
		journal_run(lg);
	logger_flush(lg);
}

static void
on_events_retry(struct loop_timer *t, void *arg)
{
	struct logger *lg = arg;

	(void)t;
	journal_run(lg);
	logger_flush(lg);
}

/* ---- start ---- */

static void *
map_shared(int fd, uint64_t *size, const char *what)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		fatal("%s", what);
	if (st.st_size <= 0)
		fatalx("%s is empty", what);
	*size = (uint64_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fatal("cannot map %s", what);
	return p;
}

static void
map_tables(struct logger *lg)
{
	const char *why;
	uint64_t size;

	lg->t = map_shared(ROLE_FD_TABLE, &size, "the table");
	why = table_invalid(lg->t, size);
	if (why != NULL)
		fatalx("the table is %s", why);
	lg->ring = map_shared(ROLE_FD_RING, &size, "the event ring");
	if (!ring_valid(lg->ring, size))
		fatalx("the event ring cannot be used");
}

/* Ctrl-C and the like are init's business, which tells us by closing the channel. */
static void
set_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1,
		SIGUSR2, SIGTSTP, SIGTTOU, SIGXFSZ };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

static void
set_descriptors(struct logger *lg)
{
	lg->root_fd = ROLE_FD_ROOT;
	lg->run_fd = ROLE_FD_RUN;
	lg->wake_fd = ROLE_FD_WAKE;
	lg->scratch_r = ROLE_FD_EXTRA;
	lg->scratch_w = ROLE_FD_EXTRA + 1;
	lg->staging_r = ROLE_FD_EXTRA + 2;
	lg->staging_w = ROLE_FD_EXTRA + 3;
	lg->init = (struct chan){ ROLE_FD_CHAN, ROLE_LOGGER, ROLE_INIT };
	lg->manager = (struct chan){ -1, ROLE_LOGGER, ROLE_MANAGER };
	lg->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	lg->events_fd = -1;
	lg->top.fd = -1;
	for (int i = 0; i < DAYDIRS; i++)
		lg->daydir[i].fd = -1;
	for (int fd = ROLE_FD_CHAN; fd < ROLE_FD_EXTRA + 4; fd++)
		if (fd_set_cloexec(fd, true) == -1)
			fatal("descriptor %d", fd);
	if (fd_set_nonblock(lg->init.fd, true) == -1 ||
	    fd_set_nonblock(lg->wake_fd, true) == -1 ||
	    fd_set_nonblock(lg->scratch_r, true) == -1 ||
	    fd_set_nonblock(lg->staging_r, true) == -1)
		fatal("cannot make the descriptors non-blocking");
}

static void
start_loop(struct logger *lg)
{
	lg->pipes_fd = epoll_create1(EPOLL_CLOEXEC);
	if (lg->pipes_fd == -1)
		fatal("epoll");
	lg->loop = loop_new();
	if (lg->loop == NULL)
		fatal("cannot make an event loop");
	lg->init_io = loop_io_new(lg->loop, "init", lg->init.fd, LOOP_READ, on_init, lg);
	lg->wake_io = loop_io_new(lg->loop, "wake", lg->wake_fd, LOOP_READ, on_wake, lg);
	lg->pipes_io =
	    loop_io_new(lg->loop, "pipes", lg->pipes_fd, LOOP_READ, on_pipes, lg);
	lg->retry_timer = loop_timer_new(lg->loop, "retry", on_retry, lg);
	lg->due_timer = loop_timer_new(lg->loop, "due", on_due, lg);
	lg->sync_timer = loop_timer_new(lg->loop, "sync", on_sync, lg);
	lg->events_timer = loop_timer_new(lg->loop, "events", on_events_retry, lg);
}

int
logger_main(void)
{
	struct logger *lg = xcalloc(1, sizeof(*lg));

	log_init("logger", LOG_LEVEL_INFO);
	xalloc_init();
	set_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fatal("prctl");
	TAILQ_INIT(&lg->early);
	TAILQ_INIT(&lg->ready);
	TAILQ_INIT(&lg->parked);
	TAILQ_INIT(&lg->due);
	TAILQ_INIT(&lg->reports);
	TAILQ_INIT(&lg->answers);
	TAILQ_INIT(&lg->barriers);
	TAILQ_INIT(&lg->viewers);
	set_descriptors(lg);
	map_tables(lg);
	if (lg->t->init_pid != 0 && getppid() != lg->t->init_pid)
		return 1;               /* it died before it could take us along */
	umask(0);                       /* modes are explicit */
	prctl(PR_SET_TIMERSLACK, 1000); /* for gather */
	lg->slots = xcalloc(lg->t->nslots, sizeof(struct logslot *));
	lg->in = xmalloc(CARRY_BYTES + TURN_BYTES);
	start_loop(lg);
	mirror_set(lg);
	loop_run(lg->loop);
	/* What was used is left as it is: looked through at the end, it would be a leak.
	 */
	_exit(0);
}
