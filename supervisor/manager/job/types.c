/*
 * types: what jobs are called, and what becomes of two for the same unit.
 */
#include <assert.h>
#include <string.h>

#include "manager/job/job_int.h"

static const char *const type_names[JOB_NTYPES] = {
	[JOB_START] = "start",
	[JOB_STOP] = "stop",
	[JOB_RESTART] = "restart",
	[JOB_TRY_RESTART] = "try-restart",
	[JOB_RELOAD] = "reload",
	[JOB_RELOAD_OR_RESTART] = "reload-or-restart",
	[JOB_TRY_RELOAD_OR_RESTART] = "try-reload-or-restart",
	[JOB_VERIFY_ACTIVE] = "verify-active",
};
static const char *const result_names[JOB_NRESULTS] = {
	[JOB_DONE] = "done",
	[JOB_CANCELED] = "canceled",
	[JOB_TIMEOUT] = "timeout",
	[JOB_FAILED] = "failed",
	[JOB_DEPENDENCY] = "dependency",
	[JOB_SKIPPED] = "skipped",
	[JOB_INVALID] = "invalid",
	[JOB_ASSERT] = "assert",
};
static const char *const how_names[JOB_NHOW] = {
	[JOB_REPLACE] = "replace",
	[JOB_FAIL] = "fail",
	[JOB_REPLACE_IRREVERSIBLY] = "replace-irreversibly",
	[JOB_ISOLATE] = "isolate",
	[JOB_FLUSH] = "flush",
	[JOB_IGNORE_DEPENDENCIES] = "ignore-dependencies",
	[JOB_IGNORE_REQUIREMENTS] = "ignore-requirements",
	[JOB_TRIGGERING] = "triggering",
	[JOB_RESTART_DEPENDENCIES] = "restart-dependencies",
};

const char *
job_type_name(enum job_type type)
{
	return (unsigned)type < JOB_NTYPES ? type_names[type] : "?";
}

const char *
job_result_name(enum job_result result)
{
	return (unsigned)result < JOB_NRESULTS ? result_names[result] : "?";
}

const char *
job_how_name(enum job_how how)
{
	return (unsigned)how < JOB_NHOW ? how_names[how] : "?";
}

int
job_type_parse(const char *name, enum job_type *type)
{
	for (unsigned i = 0; i < JOB_NTYPES; i++) {
		if (strcmp(name, type_names[i]) == 0) {
			*type = (enum job_type)i;
			return 0;
		}
	}
	return -1;
}

int
job_how_parse(const char *name, enum job_how *how)
{
	for (unsigned i = 0; i < JOB_NHOW; i++) {
		if (strcmp(name, how_names[i]) == 0) {
			*how = (enum job_how)i;
			return 0;
		}
	}
	return -1;
}

bool
job_type_goes_up(enum job_type type)
{
	return type != JOB_STOP;
}

bool
job_types_conflict(enum job_type a, enum job_type b)
{
	return (a == JOB_STOP) != (b == JOB_STOP);
}

enum job_type
job_types_merged(enum job_type a, enum job_type b, enum job_unit_state st)
{
	assert(!job_types_conflict(a, b));
	if (a == b || b == JOB_VERIFY_ACTIVE)
		return a;
	if (a == JOB_VERIFY_ACTIVE)
		return b;
	if (a == JOB_RESTART || b == JOB_RESTART)
		return JOB_RESTART;
	/* A start and a reload: what is up is reloaded, what is not reads all anyway. */
	return st == JOB_UNIT_UP ? JOB_RELOAD : JOB_START;
}

bool
job_type_is_redundant(enum job_type type, enum job_unit_state st)
{
	switch (type) {
	case JOB_START:
	case JOB_VERIFY_ACTIVE:
		return st == JOB_UNIT_UP;
	case JOB_STOP:
		return st == JOB_UNIT_DOWN;
	default:
		return false;
	}
}
