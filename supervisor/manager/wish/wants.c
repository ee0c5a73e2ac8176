#include "manager/wish/wants.h"

#include "lib/log.h"
#include "lib/loop.h"
#include "manager/bonds.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/units.h"
#include "manager/wish/request_files.h"
#include "unit/conf.h"

static bool
run(void *arg, const char *name, enum due_step step)
{
	struct manager *m = arg;
	struct unit *u = unit_find(m, name);

	if (u == NULL || u->svc == NULL)
		return true;
	event_begin(m->events, EVENT_SESSION_STEP, name, NULL);
	event_str(m->events, "step", due_step_name(step));
	event_end(m->events);
	switch (step) {
	case DUE_ENSURE:
		if (!bonds_restart(u))
			svc_on_timer(u->svc, SVC_TIMER_PHASE);
		return true;
	case DUE_REQUESTS:
		request_files_take_of(u);
		return true;
	default:
		return sessions_do(u, step);
	}
}

static const struct strv *
after(void *arg, const char *name)
{
	const struct unit *u = unit_find(arg, name);

	return u != NULL && u->conf->rules != NULL ? &u->conf->rules->deps[DEP_AFTER]
						   : NULL;
}

static void
run_all(void *arg)
{
	struct manager *m = arg;
	size_t failed = due_run(m->due);

	if (failed > 0)
		log_debug("%zu of what was due failed", failed);
	/* What they have added waits for what they have raised. */
	if (due_any(m->due))
		loop_post(m->loop, run_all, m);
}

/* What else was posted at this wake-up may want something, too. */
static void
gather(void *arg)
{
	struct manager *m = arg;

	loop_post(m->loop, run_all, m);
}

void
wants(struct unit *u, enum due_step step)
{
	const struct due_ops ops = { .run = run, .after = after, .arg = u->manager };
	struct manager *m = u->manager;

	if (m->due == NULL)
		m->due = due_new(&ops);
	due_add(m->due, u->name, step);
	loop_post(m->loop, gather, m);
}

void
wants_forget(struct unit *u)
{
	if (u->manager->due != NULL)
		due_forget(u->manager->due, u->name);
}
