#include "manager/job/bond.h"

#include "manager/job/job_int.h"

static enum job_unit_state
state_of(struct job_unit *ju)
{
	return ju->js->ops->state(ju->js->arg, ju);
}

static bool
is_settled(const struct job_unit *ju)
{
	return ju->job == NULL && ju->next == NULL;
}

static void
note_down(void *arg, struct job_unit *ju)
{
	struct job_unit **found = arg;

	if (*found == NULL && is_settled(ju) && state_of(ju) == JOB_UNIT_DOWN)
		*found = ju;
}

struct job_unit *
bond_broken_by(struct job_unit *ju)
{
	struct job_unit *found = NULL;

	if (is_settled(ju) && state_of(ju) == JOB_UNIT_UP)
		job_unit_each(ju, DEP_BINDS_TO, false, note_down, &found);
	return found;
}

static void
note_up(void *arg, struct job_unit *ju)
{
	struct job_unit **found = arg;

	if (*found == NULL && is_settled(ju) && state_of(ju) == JOB_UNIT_UP)
		*found = ju;
}

struct job_unit *
bond_upheld_by(struct job_unit *ju)
{
	struct job_unit *found = NULL;

	if (is_settled(ju) && state_of(ju) == JOB_UNIT_DOWN)
		job_unit_each(ju, DEP_UPHOLDS, true, note_up, &found);
	return found;
}

static void
note_needing(void *arg, struct job_unit *ju)
{
	bool *needed = arg;

	*needed = *needed || !is_settled(ju) || state_of(ju) != JOB_UNIT_DOWN;
}

struct concern {
	enum job_unit_state but; /* what is in this state does not matter */
	bool any;
};

static void
note_concern(void *arg, struct job_unit *ju)
{
	struct concern *c = arg;

	c->any = c->any || state_of(ju) != c->but;
}

bool
bond_restart_concerns(struct job_unit *ju)
{
	static const enum unit_dep needs[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_REQUISITE,
		DEP_WANTS, DEP_UPHOLDS };
	static const enum unit_dep needing[] = { DEP_REQUIRES, DEP_BINDS_TO,
		DEP_REQUISITE, DEP_PART_OF };
	struct concern c = { .but = JOB_UNIT_UP };

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		job_unit_each(ju, needs[i], false, note_concern, &c);
	c.but = JOB_UNIT_DOWN;
	job_unit_each(ju, DEP_CONFLICTS, false, note_concern, &c);
	job_unit_each(ju, DEP_CONFLICTS, true, note_concern, &c);
	for (size_t i = 0; i < sizeof(needing) / sizeof(needing[0]); i++)
		job_unit_each(ju, needing[i], true, note_concern, &c);
	return c.any;
}

bool
bond_is_unneeded(struct job_unit *ju)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_REQUISITE, DEP_WANTS,
		DEP_BINDS_TO, DEP_UPHOLDS };
	bool needed = false;

	if (!is_settled(ju) || state_of(ju) != JOB_UNIT_UP)
		return false;
	for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]) && !needed; i++)
		job_unit_each(ju, deps[i], true, note_needing, &needed);
	return !needed;
}
