#include "manager/sysinit.h"

#include "lib/strv.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/units.h"
#include "unit/conf.h"
#include "unit/load.h"

#define SYSINIT_TARGET "sysinit.target"

/* What its start starts as well, behind the names that are there. */
static void
add_pulled(const struct unit_conf *conf, struct strv *names)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_WANTS, DEP_BINDS_TO,
		DEP_UPHOLDS };

	for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++)
		for (size_t k = 0; k < conf->rules->deps[deps[i]].n; k++)
			(void)strv_add_unique(names, conf->rules->deps[deps[i]].v[k]);
}

/* A unit with a file that is no target.  (A mount, a device is not started by supd.) */
static bool
is_something(const struct unit_conf *conf)
{
	return conf->load_state != UNIT_NOT_FOUND && conf->load_state != UNIT_MASKED &&
	       unit_type_is_known(conf->type) && conf->type != UNIT_TARGET &&
	       conf->type != UNIT_SLICE && conf->type != UNIT_POOL;
}

/* By its file, or by a person. */
static bool
is_masked(struct manager *m, const struct unit_conf *conf)
{
	const struct unit *u = unit_find(m, SYSINIT_TARGET);

	return conf->load_state == UNIT_MASKED ||
	       (u != NULL && u->flag[WISH_FLAG_MASKED]);
}

static void
tell_masked(struct manager *m, bool masked)
{
	if (masked == m->sysinit_masked)
		return;
	m->sysinit_masked = masked;
	if (masked)
		manager_say(m, MARK_FAIL,
		    SYSINIT_TARGET " is masked: until it is not, only units with "
				   "DefaultDependencies=no can be started");
	else
		manager_say(m, MARK_NOTE, SYSINIT_TARGET " is not masked any more");
}

void
sysinit_look(struct manager *m)
{
	struct strv names = { 0 };
	bool found = false, unknown = false, masked = false;

	strv_add(&names, SYSINIT_TARGET);
	/* It grows while it is walked.  Nothing of it is kept: who only looks must not
	 * make units known that nobody has asked for. */
	for (size_t i = 0; i < names.n && !found && !unknown; i++) {
		struct unit_conf *conf = unit_load(m->paths, m->conf, names.v[i], NULL);

		masked = masked || (i == 0 && is_masked(m, conf));
		found = masked || is_something(conf);
		unknown = unit_paths_unanswered(m->paths);
		if (conf->load_state == UNIT_LOADED && conf->type == UNIT_TARGET)
			add_pulled(conf, &names);
		unit_conf_free(conf);
	}
	strv_free(&names);
	/* Of a disk that does not answer what is known is better. */
	if (unknown)
		return;
	jobs_set_sysinit(m->jobs, found);
	tell_masked(m, masked);
}

void
sysinit_on_mask(const struct unit *u)
{
	/* What is in the target is known by its file alone. */
	if (unit_find(u->manager, SYSINIT_TARGET) == u)
		sysinit_look(u->manager);
}
