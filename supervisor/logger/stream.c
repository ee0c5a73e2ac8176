/*
 * stream: see the header.
 *
 * A pipe is always read to its end: an edge is lost for good when data stays in it whose
 * writer blocks.  Therefore the unfinished last line goes into the carry, never back.
 */
#include "logger/stream.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "logger/alarm.h"
#include "logger/channel.h"
#include "logger/flood.h"
#include "logger/match.h"
#include "logger/mirror.h"
#include "logger/sink.h"
#include "logger/staging.h"
#include "logger/state.h"
#include "logger/viewer.h"

enum {
	DROPPED_REPORT_US = 10 * 1000 * 1000,
};

void
stream_unwatch(struct logger *lg, struct stream *s)
{
	if (!s->watched)
		return;
	/* Closing would take it out of the set only if nobody else had it open. */
	epoll_ctl(lg->pipes_fd, EPOLL_CTL_DEL, s->fd, NULL);
	s->watched = false;
}

uint64_t
stream_waiting(const struct stream *s)
{
	int n = 0;

	if (s->fd == -1 || ioctl(s->fd, FIONREAD, &n) == -1 || n < 0)
		return 0;
	return (uint64_t)n;
}

/* ---- parked slots ---- */

/* Not for each batch: a flood of lines must not become a flood of events. */
static void
report_dropped(struct logger *lg, struct logslot *ls, bool now)
{
	uint64_t mono = clock_mono_us();

	if (!now && ls->told_dropped_us != 0 &&
	    mono - ls->told_dropped_us < DROPPED_REPORT_US)
		return;
	for (unsigned i = 0; i < 2; i++)
		if (ls->unreported_bytes[i] > 0 || ls->unreported_lines[i] > 0) {
			ls->told_dropped_us = mono;
			channel_report(lg, ls, i, STREAM_DROPPED, ls->parked_err);
		}
}

void
stream_park(struct logger *lg, struct logslot *ls, int err)
{
	if (!ls->parked) {
		ls->parked = true;
		TAILQ_INSERT_TAIL(&lg->parked, ls, parked_link);
		log_warnx("%s: cannot write its log: %s", ls->ts->unit, open_error(err));
	}
	if (ls->parked_err != err)
		channel_report(lg, ls, 2, STREAM_PARKED, err);
	ls->parked_err = err;
	if (!loop_timer_is_armed(lg->retry_timer))
		loop_timer_in(lg->retry_timer, logger_retry_us(lg));
}

/* What is parked only because nothing tells of it can be written all the same. */
static bool
is_unwatchable(const struct logslot *ls)
{
	return ls->stream[0].unwatchable || ls->stream[1].unwatchable;
}

void
stream_unpark(struct logger *lg, struct logslot *ls)
{
	if (!ls->parked)
		return;
	if (is_unwatchable(ls))
		return;
	report_dropped(lg, ls, true);
	ls->parked = false;
	ls->parked_err = 0;
	ls->try_again = false;
	TAILQ_REMOVE(&lg->parked, ls, parked_link);
	log_info("%s: its log can be written again", ls->ts->unit);
	channel_report(lg, ls, 2, STREAM_RESUMED, 0);
}

void
stream_watch(struct logger *lg, struct stream *s)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	if (s->watched || s->fd == -1)
		return;
	ev.data.u64 = (uint64_t)s->slot->n << 1 | s->which;
	s->watched = epoll_ctl(lg->pipes_fd, EPOLL_CTL_ADD, s->fd, &ev) == 0;
	s->unwatchable = !s->watched;
	if (s->unwatchable)
		stream_park(lg, s->slot, errno);
}

bool
stream_retry(struct logger *lg)
{
	struct logslot *ls, *next;
	uint64_t size;

	TAILQ_FOREACH_SAFE (ls, &lg->parked, parked_link, next) {
		ls->try_again = true;
		for (unsigned i = 0; i < 2; i++)
			if (ls->stream[i].unwatchable)
				stream_watch(lg, &ls->stream[i]);
		if (stream_waiting(&ls->stream[0]) + stream_waiting(&ls->stream[1]) ==
		    0) {
			/* No line to try with: having the file has to do. */
			logger_clock(lg, ls);
			if (sink_ready(lg, ls, &size) == 0)
				stream_unpark(lg, ls);
		}
		for (int i = 0; i < 2; i++)
			if (ls->stream[i].fd != -1)
				logger_ready(lg, &ls->stream[i]);
	}
	return !TAILQ_EMPTY(&lg->parked);
}

/* ---- one batch ---- */

static bool
over_limit(const struct logslot *ls)
{
	uint64_t max = ls->ts->conf.max_bytes;

	return max != 0 && ls->ts->log.bytes >= max;
}

static struct stamp
stamp_of(struct logger *lg, const struct stream *s, bool final)
{
	return (struct stamp){ .clock = &lg->clock,
		.name = s->slot->name,
		.stream = s->which == 0 ? LINE_STDOUT : LINE_STDERR,
		.line_max = logger_line_max(lg),
		.out_max = OUT_BYTES,
		.final = final };
}

/* Counts what the batch would have written. */
static void
drop_batch(struct batch *b, const struct stream_log *sl, uint64_t lines)
{
	b->out_len = 0;
	b->lines = 0;
	b->dropped_lines = sl->dropped_lines + lines;
	b->dropped_bytes = sl->dropped_bytes + b->n;
}

/* Says in the log what was dropped before. */
static void
note_dropped(struct logger *lg, const struct stream *s, const struct stamp *st)
{
	const struct stream_log *sl = &s->slot->ts->log.stream[s->which];

	if (sl->dropped_lines == 0 && sl->dropped_bytes == 0)
		return;
	stamp_note(&lg->out, st, "%llu lines (%llu bytes) of %s were dropped",
	    (unsigned long long)sl->dropped_lines, (unsigned long long)sl->dropped_bytes,
	    line_stream_name(st->stream));
}

/* A container with a read-only root has its log on stdout, and nothing to wait for. */
static bool
has_only_mirror(const struct logger *lg, const struct logslot *ls)
{
	return lg->mirror != NULL && ls->parked_err == EROFS;
}

/* Stamps data[0, len) into lg->out and b.  False: the log of this invocation is full. */
static bool
build(struct logger *lg, struct stream *s, size_t carry, size_t len, bool final,
    struct batch *b)
{
	struct logslot *ls = s->slot;
	struct stamp st = stamp_of(lg, s, final);
	uint64_t max = ls->ts->conf.max_bytes;
	bool limited = over_limit(ls), full;
	size_t used, before;

	buf_clear(&lg->out);
	if (!limited && !has_only_mirror(lg, ls))
		note_dropped(lg, s, &st);
	before = lg->out.len;
	st.least = carry;
	/* The bound is kept to the line. */
	if (!limited && max != 0 && max - ls->ts->log.bytes < st.out_max)
		st.out_max = (size_t)(max - ls->ts->log.bytes);
	memset(b, 0, sizeof(*b));
	used = stamp_lines(&lg->out, &st, lg->in, len, &b->lines, &full);
	if (lg->out.len == before)
		buf_clear(&lg->out); /* no line, no note */
	b->data = lg->in;
	b->carry = carry;
	b->n = (full ? used : len) - carry;
	b->tail = lg->in + used;
	b->tail_len = full ? 0 : len - used;
	if (!limited && max != 0 && ls->ts->log.bytes + lg->out.len >= max) {
		stamp_note(&lg->out, &st,
		    "the log of this invocation is full (LogMaxBytes=%llu): what "
		    "follows is dropped",
		    (unsigned long long)max);
		channel_report(lg, ls, 2, STREAM_LIMIT, 0);
	}
	b->out = buf_str(&lg->out);
	b->out_len = lg->out.len;
	return !limited;
}

/* After the commit: who else wants to see these lines. */
static void
show(struct logger *lg, struct stream *s, const struct batch *b)
{
	size_t len = (size_t)(b->tail - b->data), max = logger_line_max(lg), at = 0;
	bool views = viewer_wants(lg, s->slot), matches = match_wants(s->slot, s->which);
	struct stamp_piece p;
	uint64_t seq = s->slot->ts->log.lines - b->lines;

	mirror_add(lg, b->out, b->out_len);
	while ((views || matches) && at < len) {
		if (!stamp_next(b->data, len, at, max, &p)) {
			p = (struct stamp_piece){ at, len - at, len, LINE_UNFINISHED };
		}
		seq++;
		if (views)
			viewer_line(lg, s, b->data + p.at, p.len);
		if (matches)
			match_line(lg, s->slot, s->which, seq, b->data + p.at, p.len);
		at = p.next;
	}
}

static void
sync_batch(struct logger *lg, struct logslot *ls)
{
	/* Values of LogSync=: never, interval, each. */
	if (ls->ts->conf.sync == 0)
		return;
	ls->sink.dirty = true;
	if (ls->ts->conf.sync == 2)
		sink_sync(lg, ls);
	else if (!loop_timer_is_armed(lg->sync_timer))
		loop_timer_in(lg->sync_timer, lg->t->log_settings.sync_interval_us != 0
						  ? lg->t->log_settings.sync_interval_us
						  : 5 * USEC_PER_SEC);
}

/* Takes the batch without writing it: LogOverflow=drop, or the log is full. */
static int
commit_dropped(struct logger *lg, struct stream *s, struct batch *b)
{
	uint64_t lines = b->lines;

	drop_batch(b, &s->slot->ts->log.stream[s->which], lines);
	/* Nothing is written, so that the place of the file does not matter. */
	b->size = 0;
	if (staging_commit(lg, s, b) == -1) {
		/* No memory for the unfinished line: it is dropped, too. */
		b->tail_len = 0;
		if (staging_commit(lg, s, b) == -1)
			return -1;
	}
	s->slot->unreported_lines[s->which] += lines;
	s->slot->unreported_bytes[s->which] += b->n;
	report_dropped(lg, s->slot, false);
	return 0;
}

static bool
drops(const struct logger *lg, const struct logslot *ls)
{
	return ls->ts->conf.drop != 0 || has_only_mirror(lg, ls);
}

static void
show_only(struct logger *lg, const struct stream *s, const struct batch *b)
{
	if (has_only_mirror(lg, s->slot))
		mirror_add(lg, b->out, b->out_len);
}

/* Writes a batch, or drops it by the unit's policy.  -1: parked. */
static int
commit(struct logger *lg, struct stream *s, struct batch *b, bool limited)
{
	struct logslot *ls = s->slot;
	bool drop = drops(lg, ls);
	int err;

	if (limited)
		return commit_dropped(lg, s, b);
	if (ls->parked && drop && !ls->try_again && !is_unwatchable(ls)) {
		show_only(lg, s, b);
		return commit_dropped(lg, s, b);
	}
	ls->try_again = false;
	if (b->out_len == 0 || sink_ready(lg, ls, &b->size) == 0) {
		const struct stream_log *sl = &ls->ts->log.stream[s->which];

		if (b->out_len == 0) {
			b->dropped_lines = sl->dropped_lines;
			b->dropped_bytes = sl->dropped_bytes;
		}
		if (staging_commit(lg, s, b) == 0) {
			if (b->out_len > 0) {
				stream_unpark(lg, ls);
				sync_batch(lg, ls);
				show(lg, s, b);
				alarm_look(lg, ls);
			}
			return 0;
		}
	}
	err = errno;
	stream_park(lg, ls, err);
	if (drops(lg, ls)) {
		show_only(lg, s, b);
		return commit_dropped(lg, s, b);
	}
	errno = err;
	return -1;
}

static size_t
carry_load(struct logger *lg, struct stream *s)
{
	struct stream_log *sl = &s->slot->ts->log.stream[s->which];
	unsigned which = sl->carry_which & 1;
	size_t len = sl->carry_len[which] <= CARRY_BYTES ? sl->carry_len[which] : 0;

	memcpy(lg->in, table_carry(lg->t, s->slot->n, s->which, which), len);
	return len;
}

enum stream_turn
stream_read(struct logger *lg, struct stream *s)
{
	struct logslot *ls = s->slot;
	struct batch b;
	size_t carry;
	ssize_t n;
	bool wrote;

	if (s->fd == -1)
		return STREAM_EMPTY;
	if (ls->ts->proc[PROC_MAIN].pid > 0)
		ls->pid = ls->ts->proc[PROC_MAIN].pid;
	if (ls->parked && !drops(lg, ls) && !ls->try_again && !is_unwatchable(ls))
		return STREAM_STUCK;
	carry = carry_load(lg, s);
	n = staging_peek(lg, s->fd, lg->in + carry, TURN_BYTES);
	if (n == -1) {
		/* What is in the pipe makes no edge again: it is looked at later. */
		stream_park(lg, ls, errno);
		return STREAM_STUCK;
	}
	if (n == 0)
		return STREAM_EMPTY;
	lg->ran_bytes += (uint64_t)n;
	flood_note(lg, s, (size_t)n);
	logger_clock(lg, ls);
	wrote = build(lg, s, carry, carry + (size_t)n, false, &b);
	if (commit(lg, s, &b, !wrote) == -1)
		return STREAM_STUCK;
	if (ls->closing)
		ls->close_left[s->which] -=
		    ls->close_left[s->which] < b.n ? ls->close_left[s->which] : b.n;
	return STREAM_AGAIN;
}

int
stream_finish(struct logger *lg, struct stream *s)
{
	struct batch b;
	size_t carry = carry_load(lg, s);
	bool wrote;

	report_dropped(lg, s->slot, true);
	if (carry == 0)
		return 0;
	if (s->slot->parked && !drops(lg, s->slot) && !s->slot->try_again)
		return -1;
	logger_clock(lg, s->slot);
	wrote = build(lg, s, carry, carry, true, &b);
	return commit(lg, s, &b, !wrote);
}
