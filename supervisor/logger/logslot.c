/*
 * The slots whose pipes we drain, from LOG_OPEN to LOG_CLOSE, and what is kept for them
 * on the way: patterns that came before the slot, and files that are still to be made.
 */
#include "logger/logslot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "logger/alarm.h"
#include "logger/cast.h"
#include "logger/channel.h"
#include "logger/flood.h"
#include "logger/match.h"
#include "logger/sink.h"
#include "logger/state.h"
#include "logger/stream.h"

enum {
	DUE_US = 1000 * 1000, /* a silent program's file is made then */
	DUE_TURN = 16,        /* of them at a time */
};

/* The manager is quicker than init now and then: the slot may be closed yet, or still be
 * that of an earlier invocation.  What the table says of it then says nothing. */
struct early_patterns {
	TAILQ_ENTRY(early_patterns) link;
	uint32_t slot;
	bool any; /* of whoever gets the slot */
	uint8_t invocation[16];
	int fd; /* owned */
};

struct logslot *
logslot_get(struct logger *lg, uint32_t n)
{
	return n < lg->t->nslots ? lg->slots[n] : NULL;
}

void
logslot_free(struct logger *lg, struct logslot *ls)
{
	for (int i = 0; i < 2; i++) {
		struct stream *s = &ls->stream[i];

		if (s->ready)
			TAILQ_REMOVE(&lg->ready, s, link);
		stream_unwatch(lg, s);
		flood_forget(lg, s);
		fd_close(&s->fd);
	}
	if (ls->parked)
		TAILQ_REMOVE(&lg->parked, ls, parked_link);
	if (ls->due)
		TAILQ_REMOVE(&lg->due, ls, due_link);
	if (ls->on_reports)
		TAILQ_REMOVE(&lg->reports, ls, report_link);
	match_free(ls);
	cast_free(lg, ls);
	sink_sync(lg, ls);
	sink_close(&ls->sink);
	lg->slots[ls->n] = NULL;
	free(ls->name);
	free(ls->ref);
	free(ls);
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

/* LOG_OPEN of an invocation that they are not of leaves them alone. */
static void
patterns_take(struct logger *lg, struct logslot *ls)
{
	struct early_patterns *e = patterns_find(lg, ls->n);

	if (e == NULL || (!e->any && memcmp(e->invocation, ls->invocation,
					 sizeof(e->invocation)) != 0))
		return;
	match_set(lg, ls, e->fd);
	patterns_drop(lg, e);
}

void
logslot_patterns(struct logger *lg, uint32_t n, const uint8_t *invocation, int *fd)
{
	struct logslot *ls = logslot_get(lg, n);
	struct early_patterns *e;

	if (n >= lg->t->nslots)
		return;
	e = patterns_find(lg, n);
	if (e != NULL)
		patterns_drop(lg, e);
	if (ls != NULL && (invocation == NULL || memcmp(invocation, ls->invocation,
						     sizeof(ls->invocation)) == 0)) {
		match_set(lg, ls, *fd);
		return;
	}
	e = xcalloc(1, sizeof(*e));
	e->slot = n;
	e->any = invocation == NULL;
	if (invocation != NULL)
		memcpy(e->invocation, invocation, sizeof(e->invocation));
	e->fd = *fd;
	*fd = -1;
	TAILQ_INSERT_TAIL(&lg->early, e, link);
}

void
logslot_open(struct logger *lg, struct msg *m)
{
	uint32_t n = m->u.LOG_OPEN.slot;
	struct logslot *ls;

	if (n >= lg->t->nslots) {
		log_warnx("a log of slot %u, which does not exist", n);
		return;
	}
	if (lg->slots[n] != NULL)
		logslot_free(lg, lg->slots[n]);
	ls = xcalloc(1, sizeof(*ls));
	ls->n = n;
	ls->ts = table_slot(lg->t, n);
	memcpy(ls->invocation, ls->ts->invocation, sizeof(ls->invocation));
	alarm_open(lg, ls);
	ls->tail = table_rare(lg->t, n)->tail;
	ls->sink.fd = -1;
	lg->slots[n] = ls;
	take_names(lg, ls);
	for (unsigned i = 0; i < 2; i++) {
		ls->stream[i] =
		    (struct stream){ .slot = ls, .which = i, .fd = m->fds[i] };
		m->fds[i] = -1;
		if (fd_set_nonblock(ls->stream[i].fd, true) == -1)
			/* (What waits is told not to, each time.) */
			log_warn("%s: its output", ls->ts->unit);
		stream_watch(lg, &ls->stream[i]);
	}
	patterns_take(lg, ls);
	cast_open(lg, ls);
	/* Nothing goes to the log of a unit whose output goes elsewhere; what comes all
	 * the same is logged, and makes the file. */
	if ((ls->ts->log.day[0] != '\0' && ls->ts->log.linked) ||
	    (ls->ts->conf.stream_mask & SLOT_LOG_STREAMS) == 0)
		return;
	ls->due = true;
	ls->due_us = clock_mono_us() + DUE_US;
	TAILQ_INSERT_TAIL(&lg->due, ls, due_link);
	if (!loop_timer_is_armed(lg->due_timer))
		loop_timer_at(lg->due_timer, ls->due_us);
}

bool
logslot_close(struct logger *lg, uint32_t n)
{
	struct logslot *ls = logslot_get(lg, n);

	if (ls == NULL)
		return false;
	if (ls->closing)
		return true;
	ls->closing = true;
	for (int i = 0; i < 2; i++) {
		struct stream *s = &ls->stream[i];

		ls->close_left[i] = stream_waiting(s) + TURN_BYTES;
		s->empty = false;
		logger_ready(lg, s);
	}
	return true;
}

void
logslot_make_due(struct logger *lg, struct logslot *ls)
{
	if (!ls->due)
		return;
	TAILQ_REMOVE(&lg->due, ls, due_link);
	ls->due = false;
	if (!ls->ts->log.linked && !ls->parked && sink_make_due(lg, ls) == -1)
		stream_park(lg, ls, errno);
}

void
logslot_on_due(struct loop_timer *t, void *arg)
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
		logslot_make_due(lg, ls);
	}
	channel_flush(lg);
}
