#include "manager/activate/phase.h"

#include <string.h>

#include "lib/clock.h"

static const char *const names[PHASE_N] = {
	[PHASE_WAKE] = "wake",
	[PHASE_TRANSITIONING] = "transitioning",
	[PHASE_SLEEP] = "sleep",
	[PHASE_DREAMING] = "dreaming",
};

const char *
phase_name(enum phase p)
{
	return p < PHASE_N ? names[p] : "?";
}

int
phase_by_name(const char *name)
{
	for (int i = 0; i < PHASE_N; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

static uint64_t
event_age_us(const struct phase_evidence *e, const struct phase_now *now)
{
	if (!e->has_event)
		return USEC_INFINITY;
	if (e->event_boot_us >= 0)
		return now->boot_us > (uint64_t)e->event_boot_us
			   ? now->boot_us - (uint64_t)e->event_boot_us
			   : 0;
	return clock_add_us(now->boot_us, (uint64_t)0 - (uint64_t)e->event_boot_us);
}

static uint64_t
file_age_us(const struct phase_evidence *e, const struct phase_now *now)
{
	if (!e->has_file)
		return USEC_INFINITY;
	return now->wall_us > e->file_wall_us ? now->wall_us - e->file_wall_us : 0;
}

uint64_t
phase_idle_us(const struct phase_evidence *e, const struct phase_now *now)
{
	uint64_t event_us = event_age_us(e, now), file_us = file_age_us(e, now);
	uint64_t idle_us = event_us < file_us ? event_us : file_us;

	return idle_us == USEC_INFINITY ? 0 : idle_us;
}

bool
phase_is_by_file(const struct phase_evidence *e, const struct phase_now *now)
{
	return file_age_us(e, now) < event_age_us(e, now);
}

int64_t
phase_event_at(uint64_t wall_us, const struct phase_now *now)
{
	uint64_t age_us = now->wall_us > wall_us ? now->wall_us - wall_us : 0;

	/* (No clock counts so far that this could be wrong.) */
	if (age_us > INT64_MAX / 2)
		age_us = INT64_MAX / 2;
	return (int64_t)now->boot_us - (int64_t)age_us;
}

enum phase
phase_at(const struct phase_limits *l, uint64_t idle_us, bool dreams)
{
	if (l->sleep_us != USEC_INFINITY && idle_us >= l->sleep_us)
		return dreams ? PHASE_DREAMING : PHASE_SLEEP;
	if (l->transition_us != USEC_INFINITY && idle_us >= l->transition_us)
		return PHASE_TRANSITIONING;
	return PHASE_WAKE;
}

uint64_t
phase_next_us(const struct phase_limits *l, uint64_t idle_us)
{
	uint64_t next_us = USEC_INFINITY;

	if (l->sleep_us != USEC_INFINITY && idle_us >= l->sleep_us)
		return USEC_INFINITY;
	if (l->sleep_us != USEC_INFINITY)
		next_us = l->sleep_us - idle_us;
	if (l->transition_us != USEC_INFINITY && idle_us < l->transition_us &&
	    l->transition_us - idle_us < next_us)
		next_us = l->transition_us - idle_us;
	return next_us;
}

bool
phase_includes(enum phase outer, enum phase p)
{
	return outer == p || (outer == PHASE_SLEEP && p == PHASE_DREAMING);
}
