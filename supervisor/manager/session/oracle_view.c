/*
 * oracle_view: the state in words.
 */
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "manager/session/oracle_int.h"

static const char *const state_names[SESSION_NSTATES] = {
	[SESSION_UNKNOWN] = "unknown",
	[SESSION_STARTING] = "starting",
	[SESSION_WORKING] = "working",
	[SESSION_IDLE] = "idle",
	[SESSION_WAITING] = "waiting",
	[SESSION_LIMITED] = "limited",
	[SESSION_STUCK] = "stuck",
};

const char *
oracle_state_name(enum session_state state)
{
	return (unsigned)state < SESSION_NSTATES ? state_names[state] : "?";
}

int
oracle_state_parse(const char *name, enum session_state *state)
{
	for (int i = 0; i < SESSION_NSTATES; i++) {
		if (strcmp(state_names[i], name) == 0) {
			*state = (enum session_state)i;
			return 0;
		}
	}
	return -1;
}

static void
describe(const struct oracle *o, char *dst, size_t size)
{
	uint64_t now_us = clock_mono_us();
	char t[CLOCK_TEXT_MAX];

	switch (o->basis) {
	case BASIS_RULE:
		snprintf(dst, size, "rule %s: %s", o->rules->v[o->rule].name,
		    o->r[o->rule].text != NULL ? o->r[o->rule].text : "");
		break;
	case BASIS_DOWN:
		snprintf(dst, size, "not running");
		break;
	case BASIS_STARTING:
		snprintf(dst, size, "not ready, started %s ago",
		    clock_format_duration(t, sizeof(t), now_us - o->start_us));
		break;
	case BASIS_OUTPUT:
		if (o->blind)
			snprintf(dst, size, "output, when it was seen last");
		else if (o->moving)
			snprintf(dst, size, "output moves");
		else
			snprintf(dst, size, "output %s ago",
			    clock_format_duration(
				t, sizeof(t), now_us - oracle_quiet_since(o)));
		break;
	case BASIS_QUIET:
		snprintf(dst, size, "no output for %s",
		    clock_format_duration(t, sizeof(t), now_us - oracle_quiet_since(o)));
		break;
	case BASIS_STALE:
		snprintf(dst, size, "%s for %s while %s",
		    o->conf->stale_files.n > 0 ? "file not changed" : "no output",
		    clock_format_duration(t, sizeof(t), now_us - stale_silent_since(o)),
		    oracle_state_name(o->under));
		break;
	}
}

static uint64_t
seen_us(const struct oracle *o)
{
	if (o->basis == BASIS_RULE)
		return o->r[o->rule].seen_us;
	return o->basis == BASIS_OUTPUT && !o->moving ? oracle_quiet_since(o)
						      : clock_mono_us();
}

void
oracle_view(const struct oracle *o, struct oracle_view *view)
{
	*view = (struct oracle_view){
		.state = o->state,
		.since_us = o->since_us,
		.wall_since_us = o->wall_since_us,
		.seen_us = seen_us(o),
	};
	if (o->basis == BASIS_RULE) {
		view->rule = o->rules->v[o->rule].name;
		if (o->state == SESSION_LIMITED)
			view->wall_until_us = o->r[o->rule].wall_until_us;
	}
	describe(o, view->evidence, sizeof(view->evidence));
}
