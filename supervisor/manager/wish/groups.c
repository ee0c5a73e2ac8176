#include "manager/wish/groups.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

#include "manager/manager.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/supd_conf.h"

static const char *
of_conf(const struct unit_conf *conf)
{
	const char *group =
	    conf == NULL || conf->service == NULL ? NULL : conf->service->status_group;

	return group == NULL || *group == '\0' ? NULL : group;
}

/* What it was started with. */
static const char *
of_run(const struct unit *u)
{
	return u->svc == NULL ? NULL : of_conf(svc_conf(u->svc));
}

const char *
unit_group(const struct unit *u)
{
	const char *group = of_conf(u->conf);

	return group != NULL ? group : of_run(u);
}

unsigned
unit_group_place(const struct unit *u)
{
	const struct strv *order = &u->manager->conf->status_groups;
	const char *group = unit_group(u);

	for (size_t i = 0; group != NULL && i < order->n; i++)
		if (fnmatch(order->v[i], group, 0) == 0)
			return (unsigned)i + 1;
	return 0;
}

bool
unit_is_summarised(const struct unit *u)
{
	return unit_group(u) != NULL && u->conf->service != NULL &&
	       u->conf->service->status_summary;
}

bool
unit_is_of_group(const struct unit *u, const char *group)
{
	const char *file = of_conf(u->conf), *run = of_run(u);

	return (file != NULL && strcmp(file, group) == 0) ||
	       (run != NULL && strcmp(run, group) == 0);
}

bool
unit_matches_group(const struct unit *u, const char *pattern)
{
	const char *file = of_conf(u->conf), *run = of_run(u);

	return (file != NULL && fnmatch(pattern, file, 0) == 0) ||
	       (run != NULL && fnmatch(pattern, run, 0) == 0);
}

struct asking {
	const char *group;
	bool found;
};

static void
ask(struct unit *u, void *arg)
{
	struct asking *a = arg;

	a->found |= unit_is_of_group(u, a->group);
}

bool
units_have_group(struct manager *m, const char *group)
{
	struct asking a = { .group = group };

	units_look(m, ask, &a);
	return a.found;
}
