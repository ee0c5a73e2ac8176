#include "manager/activate/stale.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

static bool
is_same(const struct stale_file *f, const struct ledger_entry *e)
{
	return e != NULL && e->size == f->size && e->mtime_ns == f->mtime_ns;
}

/* The time at which it is stale; one from before 1970 always was. */
static uint64_t
stale_from(const struct path_conf *c, const struct stale_file *f)
{
	if (f->mtime_ns <= 0)
		return 0;
	/* (Rounded up: never too soon.) */
	return clock_add_us(((uint64_t)f->mtime_ns + 999) / 1000, c->stale_us);
}

static void
note_due(uint64_t *due, uint64_t at)
{
	if (at < *due)
		*due = at;
}

static enum stale_gate
gate_by_ledger(const struct path_conf *c, const struct stale_file *f,
    const struct ledger_entry *e, bool by_hand, uint64_t now, uint64_t *due)
{
	if (!is_same(f, e))
		return STALE_CANDIDATE;
	switch (e->result) {
	case LEDGER_DONE:
		return c->require_not_done ? STALE_DONE : STALE_CANDIDATE;
	case LEDGER_QUARANTINED:
		return by_hand ? STALE_CANDIDATE : STALE_QUARANTINED;
	case LEDGER_FAILED:
	case LEDGER_WAITING:
		/* A clock that was set back keeps nothing longer than it was to wait. */
		if (by_hand || e->next_wall_us <= now || e->at_wall_us > now)
			return STALE_CANDIDATE;
		note_due(due, e->next_wall_us);
		return STALE_WAITS;
	default:
		return STALE_CANDIDATE;
	}
}

enum stale_gate
stale_gate(const struct path_conf *c, struct stale_file *f, const struct ledger_entry *e,
    enum stale_runs runs, uint64_t now, uint64_t *due)
{
	uint64_t from = stale_from(c, f);
	bool tried = is_same(f, e) && e->result != LEDGER_DONE;

	f->tries = tried ? e->tries : 0;
	f->tried_wall_us = tried && e->result != LEDGER_STARTED ? e->at_wall_us : 0;
	strlcpy(f->tried_run, f->tried_wall_us != 0 ? e->run : "", sizeof(f->tried_run));
	if (runs == STALE_RUNS_FOR_IT)
		return STALE_IN_FLIGHT;
	if (e != NULL && e->result == LEDGER_STARTED)
		return STALE_UNSETTLED;
	if (from > now) {
		note_due(due, from);
		return STALE_YOUNG;
	}
	return gate_by_ledger(c, f, e, runs == STALE_RUNS_BY_HAND, now, due);
}

static bool
may_start(const struct path_conf *c, const struct stale_file *f)
{
	return !c->require_closed || f->open == STALE_CLOSED;
}

static int
by_age(const void *a, const void *b)
{
	const struct stale_file *x = a, *y = b;

	if (x->mtime_ns != y->mtime_ns)
		return x->mtime_ns < y->mtime_ns ? -1 : 1;
	return strcmp(x->instance, y->instance);
}

size_t
stale_choose(const struct path_conf *c, struct stale_file *v, size_t n, size_t max)
{
	size_t chosen = 0;

	if (n == 0)
		return 0;
	qsort(v, n, sizeof(*v), by_age);
	for (size_t i = 0; i < n && (max == 0 || chosen < max); i++) {
		struct stale_file f = v[i];

		if (!may_start(c, &f))
			continue;
		v[i] = v[chosen];
		v[chosen++] = f;
	}
	return chosen;
}

void
stale_begin(
    const struct stale_file *f, const char *run, uint64_t now, struct ledger_entry *out)
{
	*out = (struct ledger_entry){
		.instance = f->instance,
		.dev = f->dev,
		.inode = f->inode,
		.size = f->size,
		.folder_dev = f->folder_dev,
		.mtime_ns = f->mtime_ns,
		.result = LEDGER_STARTED,
		.tries = f->tries + 1,
		.at_wall_us = now,
	};
	strlcpy(out->run, run, sizeof(out->run));
}

/* After so many failures: doubled for each but the first. */
static uint64_t
retry_after(const struct path_conf *c, uint32_t failures)
{
	uint64_t us = c->retry_us;

	while (failures-- > 1 && us < c->retry_max_us)
		us = clock_add_us(us, us);
	return us < c->retry_max_us ? us : c->retry_max_us;
}

void
stale_end(
    const struct path_conf *c, struct ledger_entry *e, enum stale_end how, uint64_t now)
{
	e->at_wall_us = now;
	e->next_wall_us = 0;
	switch (how) {
	case STALE_ENDED_WELL:
		e->result = LEDGER_DONE;
		return;
	case STALE_NOT_RUN:
		/* The file is not to blame. */
		e->result = LEDGER_WAITING;
		if (e->tries > 0)
			e->tries--;
		e->next_wall_us = clock_add_us(now, retry_after(c, 1));
		return;
	default:
		break;
	}
	if (c->max_tries > 0 && e->tries >= c->max_tries) {
		e->result = LEDGER_QUARANTINED;
		return;
	}
	e->result = LEDGER_FAILED;
	e->next_wall_us = clock_add_us(now, retry_after(c, e->tries));
}
