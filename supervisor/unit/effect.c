/*
 * effect: by section and key.  A service that runs keeps the configuration that it was
 * started with (service.h), so that most of [Service] waits for a restart; what is not of
 * the service, and what the manager asks anew each time, holds at once.
 */
#include "unit/effect.h"

#include <stddef.h>
#include <string.h>

#include "unit/defaults.h"
#include "unit/kinds.h"
#include "unit/table.h"

/* Of [Service]: read on the way up and never again. */
static const char *const of_starts[] = {
	"ExecCondition",
	"ExecStartPost",
	"ExecStartPre",
	"Pool",
	"PoolWeight",
	"Priority",
	"ReadyExec",
	"ReadyFile",
	"ReadyHTTP",
	"ReadyIntervalSec",
	"ReadyPattern",
	"ReadyTCP",
	"ReadyWhen",
	"ResumeExec",
	"ResumeGraceSec",
	"ResumeTries",
	"StartJitterSec",
	"TimeoutStartFailureMode",
	"TimeoutStartSec",
};

/* Of [Unit]: what the service does at its end, by what it was started with. */
static const char *const of_ends[] = {
	"FailureAction",
	"FailureActionExitStatus",
	"StartLimitAction",
	"SuccessAction",
	"SuccessActionExitStatus",
};

/* Of [Socket]: what is asked with each connection or at the end, and not when it begins
 * to listen. */
static const char *const of_connections[] = {
	"FileDescriptorName",
	"FlushPending",
	"MaxConnections",
	"MaxConnectionsPerSource",
	"PollLimitBurst",
	"PollLimitIntervalSec",
	"RemoveOnStop",
	"TriggerLimitBurst",
	"TriggerLimitIntervalSec",
};

/* Of supd.conf: sizes of what is made once. */
static const char *const of_supd[] = { "EventRingBytes", "MaxSlots" };

static const struct {
	const char *name, *text;
} words[EFFECT_N] = {
	[EFFECT_NOW] = { "now", "at once" },
	[EFFECT_NEXT_START] = { "next-start", "from the next start on" },
	[EFFECT_RESTART] = { "restart", "from the next start on: restart what runs" },
	[EFFECT_SUPD] = { "supd-start", "when supd is started again" },
};

const char *
effect_name(enum effect e)
{
	return e < EFFECT_N ? words[e].name : "?";
}

const char *
effect_text(enum effect e)
{
	return e < EFFECT_N ? words[e].text : "?";
}

#define IS_IN(key, list) is_in(key, list, sizeof(list) / sizeof((list)[0]))

static bool
is_in(const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(key, list[i]) == 0)
			return true;
	return false;
}

enum effect
directive_effect(const struct directive *row)
{
	const struct directive *d = directive_resolve(row);

	switch (d->section) {
	case SECTION_UNIT:
		if (d->kind == &kinds[KIND_CONDITION])
			return EFFECT_NEXT_START;
		return IS_IN(d->key, of_ends) ? EFFECT_RESTART : EFFECT_NOW;
	case SECTION_SERVICE:
		return IS_IN(d->key, of_starts) ? EFFECT_NEXT_START : EFFECT_RESTART;
	case SECTION_SUPD:
		if (IS_IN(d->key, of_supd))
			return EFFECT_SUPD;
		return defaults_is_supd_key(d->key) ? EFFECT_NEXT_START : EFFECT_NOW;
	case SECTION_BUDGET:
	case SECTION_HEARTBEAT:
	case SECTION_RULE:
	case SECTION_SESSION:
		return EFFECT_RESTART;
	case SECTION_SOCKET:
		return IS_IN(d->key, of_connections) ? EFFECT_NOW : EFFECT_RESTART;
	default:
		return EFFECT_NOW;
	}
}
