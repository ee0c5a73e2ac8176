/*
 * service_freeze: a service that stands still.  Its state stays what it was, and no time
 * of it runs: its limits count on from where they were when it goes on.
 *
 * It is kept in the memory that it is frozen, so that a new manager freezes it again
 * (which does no harm twice), and that it was, so that one which died before the thaw is
 * made up for likewise.
 */
#include "lib/clock.h"
#include "manager/service/service_int.h"

bool
svc_is_frozen(const struct service *s)
{
	return s->m.frozen_us != 0;
}

static void
deed(struct service *s, bool on)
{
	if (s->m.slot != SLOT_NONE)
		svc_deed_signal(
		    s, PROC_MAIN, on ? SIGNAL_SLOT_FREEZE : SIGNAL_SLOT_THAW, 0);
}

static void
shift(uint64_t *us, uint64_t by_us)
{
	if (*us != UINT64_MAX && *us != 0)
		*us = clock_add_us(*us, by_us);
}

void
svc_thaw(struct service *s)
{
	struct svc_memory *m = &s->m;
	uint64_t now_us = clock_mono_us(), by_us;

	if (m->frozen_us == 0)
		return;
	by_us = now_us > m->frozen_us ? now_us - m->frozen_us : 0;
	m->frozen_us = 0;
	for (int i = 0; i < SVC_NTIMERS; i++)
		shift(&m->deadline_us[i], by_us);
	shift(&m->hard_us, by_us);
	shift(&m->runtime_us, by_us);
	/* It has not run for a moment yet: it has its whole time. */
	if (m->deadline_us[SVC_TIMER_WATCHDOG] != UINT64_MAX)
		svc_watchdog_arm(s);
	deed(s, false);
}

void
svc_set_frozen(struct service *s, bool on)
{
	struct svc_memory *m = &s->m;

	if (s->restoring || on == svc_is_frozen(s))
		return;
	/* What waits for a slot stands still in it from the beginning. */
	if (on && ((m->slot == SLOT_NONE && !svc_waits_for_slot(s)) ||
		      (svc_state_active(m->state) != SVC_ACTIVE_ACTIVE &&
			  svc_state_active(m->state) != SVC_ACTIVE_ACTIVATING &&
			  svc_state_active(m->state) != SVC_ACTIVE_RELOADING)))
		return;
	if (on) {
		/* A probe that is under way would blame it for what we do. */
		svc_health_end(s);
		m->frozen_us = clock_mono_us();
		m->was_frozen = true;
		deed(s, true);
	} else {
		svc_thaw(s);
		svc_health_begin(s);
	}
	svc_settle(s);
}

void
svc_resume_freeze(struct service *s, bool again)
{
	if (s->m.frozen_us != 0)
		deed(s, true);
	else if (again && s->m.was_frozen)
		deed(s, false);
}
