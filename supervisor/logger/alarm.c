#include "logger/alarm.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "logger/channel.h"
#include "logger/logslot.h"
#include "logger/state.h"

/* The manager hears of a slot before we do: at most one for each. */
struct early_alarm {
	TAILQ_ENTRY(early_alarm) link;
	struct msg_log_alarm a;
};

static void
drop(struct logger *lg, struct early_alarm *e)
{
	TAILQ_REMOVE(&lg->alarms, e, link);
	free(e);
}

static struct early_alarm *
find(struct logger *lg, uint32_t slot)
{
	struct early_alarm *e;

	TAILQ_FOREACH (e, &lg->alarms, link)
		if (e->a.slot == slot)
			return e;
	return NULL;
}

static bool
is_of(const struct logslot *ls, const struct msg_log_alarm *a)
{
	return memcmp(ls->invocation, a->invocation, sizeof(ls->invocation)) == 0;
}

void
alarm_look(struct logger *lg, struct logslot *ls)
{
	if (ls->ts->log.bytes < ls->alarm_bytes)
		return;
	ls->alarm_bytes = UINT64_MAX;
	channel_report(lg, ls, STREAM_OF_FILE, STREAM_ALARM, 0);
}

void
alarm_set(struct logger *lg, const struct msg_log_alarm *a)
{
	struct logslot *ls = logslot_get(lg, a->slot);
	struct early_alarm *e;

	if (a->slot >= lg->t->nslots)
		return;
	e = find(lg, a->slot);
	if (ls != NULL && is_of(ls, a)) {
		ls->alarm_bytes = a->bytes;
		alarm_look(lg, ls);
		return;
	}
	if (e == NULL) {
		e = xcalloc(1, sizeof(*e));
		TAILQ_INSERT_TAIL(&lg->alarms, e, link);
	}
	e->a = *a;
}

void
alarm_open(struct logger *lg, struct logslot *ls)
{
	struct early_alarm *e = find(lg, ls->n);

	ls->alarm_bytes = UINT64_MAX;
	/* That of an invocation which comes later waits for it. */
	if (e == NULL || !is_of(ls, &e->a))
		return;
	ls->alarm_bytes = e->a.bytes;
	drop(lg, e);
}

void
alarm_drop_all(struct logger *lg)
{
	while (!TAILQ_EMPTY(&lg->alarms))
		drop(lg, TAILQ_FIRST(&lg->alarms));
	for (uint32_t i = 0; i < table_used(lg->t); i++)
		if (lg->slots[i] != NULL)
			lg->slots[i]->alarm_bytes = UINT64_MAX;
}
