/*
 * restore: what outlives a manager of the queue.  What has begun is in the memory of its
 * unit; what waits is told to ops->waits before anything that it waits for is begun, and
 * comes back with its number, its run and its place in the order.
 *
 * What begins in the turn in which it was asked for is not told, but for what others have
 * pulled in beside it: nobody was told that it was accepted, and a thousand events for
 * nothing would be the price of a thousand starts.
 */
#include <assert.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/job/job_int.h"

bool
job_is_kept_kind(const struct job *j)
{
	/* A stop and a restart are the wish of a person, follow from one, or are asked
	 * for by a unit, now or never; what starts with the instance is asked for again
	 * by each manager; the process of a scope lives on or not whoever remembers it.
	 */
	return j->type == JOB_START && (j->mode & JOB_BOOT) == 0 && j->pid == 0;
}

void
job_keep(struct job *j)
{
	const struct job_ops *ops = j->js->ops;

	if (j->kept || ops->waits == NULL || j->state != JOB_WAITING || j->start_phase ||
	    !job_is_kept_kind(j))
		return;
	j->kept = true;
	ops->waits(j->js->arg, j);
}

void
jobs_keep_new(struct jobs *js, const struct job *next)
{
	struct job *j;

	TAILQ_FOREACH_REVERSE(j, &js->all, job_list, link)
	{
		if (j->id <= js->looked_id)
			break;
		/* What begins now is in the memory of its unit in a moment; so will be
		 * what begins after it in the same turn, unless that ends here: who asked
		 * for it by name is a person, whose wish is on record. */
		if (j != next && (!j->queued || (j->mode & JOB_AUTOMATIC) != 0))
			job_keep(j);
	}
	js->looked_id = js->last_id;
}

static struct job *
restore_one(struct job_unit *u, const struct job_kept *k)
{
	struct job *j;

	/* A unit has one that counts, and one behind it. */
	if (u->job != NULL && (u->next != NULL || u->job->state != JOB_RUNNING))
		return NULL;
	j = job_new(u, k->r.type, &k->r, true);
	j->id = k->id;
	j->hard = k->hard;
	j->no_order = k->no_order;
	j->kept = !k->runs;
	j->since_wall_us = k->since_wall_us;
	if (u->job != NULL) {
		u->next = j;
		return j;
	}
	u->job = j;
	if (k->runs) {
		j->state = JOB_RUNNING;
		j->began_us = j->since_us;
	}
	return j;
}

void
jobs_restore(struct jobs *js, const struct job_kept *v, struct job_unit *const units[],
    size_t n, uint32_t last_id)
{
	struct job **made = xcalloc(n + 1, sizeof(*made));

	for (size_t i = 0; i < n; i++) {
		assert(units[i]->js == js);
		made[i] = restore_one(units[i], &v[i]);
		if (v[i].id > last_id)
			last_id = v[i].id;
	}
	if (last_id > js->last_id)
		js->last_id = last_id;
	js->looked_id = js->last_id;
	/* All are there by now: those that wait find those that they wait for. */
	for (size_t i = 0; i < n; i++) {
		if (made[i] == NULL)
			continue;
		job_begin_time(made[i], made[i]->state == JOB_RUNNING);
		if (made[i]->state == JOB_WAITING && made[i]->unit->job == made[i])
			job_order(made[i]);
	}
	free(made);
}

void
job_give_up(struct job *j, enum job_result result, const char *why)
{
	job_end(j, result, why);
}
