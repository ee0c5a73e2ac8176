/*
 * budget_log: what a unit writes to its log.  The logger counts the bytes in the table,
 * and says when there are as many as are left.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/hex.h"
#include "manager/budget/budgets_int.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/session/budget.h"
#include "manager/units.h"
#include "proto/table.h"
#include "unit/conf.h"

/* Longer than any text of an invocation. */
enum { LOG_NAME_MAX = HEX_ID_SIZE + 8 };

static const char *
log_counter(char name[LOG_NAME_MAX], const uint8_t invocation[16])
{
	char hex[HEX_ID_SIZE];

	hex_encode(hex, invocation, 16);
	snprintf(name, LOG_NAME_MAX, "log:%s", hex);
	return name;
}

/* The bytes that this invocation has written; 0: the slot is not its any more. */
static uint64_t
log_bytes(const struct unit_budget *ub)
{
	struct manager *m = ub->unit->manager;
	const struct table_slot *ts;

	if (ub->slot >= table_used(m->table))
		return 0;
	ts = table_slot(m->table, ub->slot);
	return memcmp(ts->invocation, ub->invocation, sizeof(ub->invocation)) == 0
		   ? ts->log.bytes
		   : 0;
}

static void
count_log(struct unit_budget *ub, const uint8_t invocation[16], uint64_t bytes)
{
	char name[LOG_NAME_MAX];

	if (ub->conf->limit[BUDGET_LOG_BYTES] == UNIT_INFINITY)
		return;
	log_counter(name, invocation);
	/* Nobody has looked since the period ended: what came until now was its. */
	if (budget_is_over(ub->account)) {
		budget_counter_base(ub->account, name, BUDGET_LOG_BYTES, bytes);
		budget_counter_rebase(ub->account, name, BUDGET_LOG_BYTES, bytes);
	} else if (bytes > 0)
		budget_counter(ub->account, name, BUDGET_LOG_BYTES, bytes, false, false);
}

void
budget_log_look(struct unit_budget *ub)
{
	if (ub->slot != SLOT_NONE)
		count_log(ub, ub->invocation, log_bytes(ub));
}

/* The logger says when there is something to tell or to record, so that nobody has to
 * ask. */
void
budget_log_arm(struct unit_budget *ub)
{
	uint64_t left = budget_left(ub->account, BUDGET_LOG_BYTES), at, counted;
	char name[LOG_NAME_MAX];

	if (ub->slot == SLOT_NONE)
		return;
	/* From what is counted already: what came since then is in left. */
	log_counter(name, ub->invocation);
	counted = budget_counter_last(ub->account, name, BUDGET_LOG_BYTES);
	if (left != UNIT_INFINITY && left > budget_step(ub->account, BUDGET_LOG_BYTES))
		left = budget_step(ub->account, BUDGET_LOG_BYTES);
	at = left == UNIT_INFINITY ? UNIT_INFINITY : clock_add_us(counted, left);
	if (at == ub->alarm || (at == UNIT_INFINITY && ub->alarm == 0))
		return;
	ub->alarm =
	    link_log_alarm(ub->unit->manager->link, ub->slot, ub->invocation, at) == 0
		? at
		: 0;
}

void
budgets_on_log(struct unit *u)
{
	if (u == NULL || u->budget == NULL)
		return;
	u->budget->alarm = 0;
	budget_log_look(u->budget);
	budget_later(u->budget);
}

void
budgets_on_slot_done(struct manager *m, uint32_t slot)
{
	const struct table_slot *ts;
	char name[LOG_NAME_MAX];
	struct unit *u;

	if (slot >= table_used(m->table))
		return;
	ts = table_slot(m->table, slot);
	u = memchr(ts->unit, '\0', sizeof(ts->unit)) != NULL ? unit_find(m, ts->unit)
							     : NULL;
	if (u == NULL || u->budget == NULL)
		return;
	log_counter(name, ts->invocation);
	/* (What a manager finds at its start and does not know of was counted.) */
	if (!budget_counter_is_known(u->budget->account, name, BUDGET_LOG_BYTES) &&
	    (ts->log.bytes == 0 || !m->budgets->restored))
		return;
	count_log(u->budget, ts->invocation, ts->log.bytes);
	budget_counter_forget(u->budget->account, name);
	if (u->budget->slot == slot)
		u->budget->slot = SLOT_NONE;
}
