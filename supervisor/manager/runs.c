#include "manager/runs.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/conf.h"

struct canceling {
	struct manager *m;
	const char *run;
	struct jw *w;
	struct job **waiting;
	size_t n, cap;
	struct strv *stopped;
};

static bool
is_of(const struct canceling *c, const char *run)
{
	return run != NULL && strcmp(run, c->run) == 0;
}

static void
note_job(void *arg, const struct job *j)
{
	struct canceling *c = arg;
	struct job *own;

	if (!is_of(c, job_run(j)) || job_type(j) == JOB_STOP)
		return;
	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 8 : 2 * c->cap;
		c->waiting = xreallocarray(c->waiting, c->cap, sizeof(struct job *));
	}
	own = job_unit_job(job_of(j));
	c->waiting[c->n++] = own != NULL && job_id(own) == job_id(j)
				 ? own
				 : jobs_find(c->m->jobs, job_id(j));
}

static void
note_unit(struct unit *u, void *arg)
{
	struct canceling *c = arg;

	if (u->svc == NULL || !is_of(c, unit_run(u)))
		return;
	switch (svc_active(u->svc)) {
	case SVC_ACTIVE_ACTIVATING:
		break;
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_RELOADING:
		if (svc_conf(u->svc)->rules->deps[DEP_ON_SUCCESS].n > 0)
			break;
		return;
	default:
		return;
	}
	strv_add(c->stopped, u->name);
}

static void
tell(const struct canceling *c, const char *origin)
{
	struct emitter *ev = c->m->events;
	struct jw *w;

	event_begin(ev, EVENT_RUN_CANCELED, NULL, NULL);
	event_str(ev, "run", c->run);
	event_str(ev, "who", origin);
	event_int(ev, "jobs", (int64_t)c->n);
	w = event_jw(ev);
	if (w != NULL) {
		jw_kv_arr(w, "stopped");
		/* (A line has a bound; each has a signal-sent of its own.) */
		for (size_t i = 0; i < c->stopped->n && i < 16; i++)
			jw_str(w, c->stopped->v[i]);
		jw_end(w);
	}
	event_end(ev);
}

void
runs_forget_wish(struct unit *u, const struct wish_who *who)
{
	if (u != NULL && u->wish == WISH_STARTED && u->svc != NULL &&
	    svc_conf(u->svc)->service->type == SERVICE_ONESHOT)
		(void)unit_set_wish(u, WISH_NONE, who);
}

void
runs_stop(struct unit *u, const char *origin)
{
	struct job_request r = { .type = JOB_STOP,
		.mode = JOB_NO_DEPS | JOB_AUTOMATIC,
		.origin = origin,
		.run = unit_run(u) };

	svc_cancel(u->svc);
	(void)job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, NULL);
}

unsigned
runs_cancel(struct manager *m, const char *run, const struct wish_who *who,
    const char *origin, struct jw *w, struct strv *stopped)
{
	struct canceling c = { .m = m, .run = run, .w = w, .stopped = stopped };
	char *text = xasprintf("%s, by canceling its run", origin);
	struct unit *u;

	jobs_each(m->jobs, note_job, &c);
	units_look(m, note_unit, &c);
	if (c.n > 0 || stopped->n > 0)
		tell(&c, origin);
	for (size_t i = 0; i < c.n; i++) {
		jw_u64(w, job_id(c.waiting[i]));
		runs_forget_wish(job_unit_data(job_of(c.waiting[i])), who);
		job_give_up(c.waiting[i], JOB_CANCELED, text);
	}
	for (size_t i = 0; i < stopped->n; i++)
		if ((u = unit_find(m, stopped->v[i])) != NULL)
			runs_stop(u, text);
	free(text);
	free(c.waiting);
	return (unsigned)(c.n + stopped->n);
}
