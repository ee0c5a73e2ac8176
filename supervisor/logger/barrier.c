/*
 * BARRIER: answered from what is in the pipes at that moment, and when the log has its
 * file: what is told of its name goes before the answer.  A question about a slot that
 * init is about to open waits here, and so does one that comes before the replay.
 */
#include "logger/barrier.h"

#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "logger/channel.h"
#include "logger/logslot.h"
#include "logger/state.h"
#include "logger/stream.h"

enum { WAITING_MAX = 1024 }; /* a manager that asks and asks */

struct early_barrier {
	TAILQ_ENTRY(early_barrier) link;
	struct msg_barrier req;
	bool coming; /* LOG_OPEN of its slot was still to be sent */
};

static void
drop(struct logger *lg, struct early_barrier *e)
{
	TAILQ_REMOVE(&lg->barriers, e, link);
	lg->nbarriers--;
	free(e);
}

void
barrier_drop_all(struct logger *lg)
{
	while (!TAILQ_EMPTY(&lg->barriers))
		drop(lg, TAILQ_FIRST(&lg->barriers));
}

static void
answer(struct logger *lg, const struct msg_barrier *req)
{
	struct logslot *ls = logslot_get(lg, req->slot);
	struct msg_barrier_done *d;
	struct msg m;
	size_t from;

	msg_init(&m, MSG_BARRIER_DONE);
	d = &m.u.BARRIER_DONE;
	d->slot = req->slot;
	d->id = req->id;
	for (unsigned i = 0; ls != NULL && i < 2; i++) {
		/* As much as is there now; what a flood adds meanwhile is later. */
		const uint64_t *taken = &ls->ts->log.stream[i].bytes;
		uint64_t until = *taken + stream_waiting(&ls->stream[i]);

		while (stream_read(lg, &ls->stream[i]) == STREAM_AGAIN && *taken < until)
			;
		logger_ready(lg, &ls->stream[i]);
	}
	if (ls != NULL)
		logslot_make_due(lg, ls);
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
	channel_answer(lg, &m);
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
waits(struct logger *lg, const struct early_barrier *e)
{
	return !lg->replayed || (e->coming && lg->slots[e->req.slot] == NULL);
}

void
barrier_answer_due(struct logger *lg)
{
	struct early_barrier *e, *next;

	TAILQ_FOREACH_SAFE (e, &lg->barriers, link, next) {
		if (waits(lg, e))
			continue;
		answer(lg, &e->req);
		drop(lg, e);
	}
}

/*
 * The manager hears of a slot from init, and may ask for it before we have looked at what
 * init told us.  Init's channel is read first, therefore; and what it does not hold yet
 * is waited for.
 */
void
barrier_on_request(struct logger *lg, const struct msg_barrier *req)
{
	struct early_barrier early = { .req = *req, .coming = is_coming(lg, req->slot) };
	int asker = lg->manager.fd;
	struct early_barrier *e;

	channel_take_init(lg);
	/* Init may have given us another manager, which knows nothing of this. */
	if (lg->manager.fd != asker)
		return;
	if (!waits(lg, &early)) {
		answer(lg, req);
		return;
	}
	if (lg->nbarriers >= WAITING_MAX)
		return;
	e = xmalloc(sizeof(*e));
	*e = early;
	TAILQ_INSERT_TAIL(&lg->barriers, e, link);
	lg->nbarriers++;
}
