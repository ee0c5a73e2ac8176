#include "manager/part/target.h"

#include <stdlib.h>

#include "lib/xalloc.h"
#include "manager/job/job.h"

static struct part *
target_make(void)
{
	return xcalloc(1, sizeof(struct part));
}

static void
target_free(struct part *p)
{
	free(p);
}

static void
target_start(struct part *p, const struct job_request *r)
{
	part_up(p, r->origin);
}

static const char *
target_sub(const struct part *p)
{
	switch (p->active) {
	case SVC_ACTIVE_ACTIVE:
		return "active";
	case SVC_ACTIVE_FAILED:
		return "failed";
	default:
		return "dead";
	}
}

const struct part_kind part_target = {
	.make = target_make,
	.free = target_free,
	.start = target_start,
	.sub = target_sub,
};
