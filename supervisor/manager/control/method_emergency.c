/*
 * Manager.EmergencyStop, Resume: the deed at once, the reply when it is durable, or late.
 */
#include <stdlib.h>

#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/wished.h"
#include "manager/record/event.h"
#include "manager/wish/emergency.h"
#include "manager/wish/groups.h"
#include "unit/conf.h"

struct answer {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	struct loop_timer *timer;
	struct emergency_count n;
};

static void
answer_free(struct answer *a)
{
	control_wait_end(a->c, &a->wait);
	loop_timer_free(a->timer);
	free(a);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	answer_free(call_data(call));
}

static void
reply(struct answer *a)
{
	struct call *call = a->call;
	struct jw *w = call_begin(call);

	jw_kv_u64(w, "units", a->n.units);
	jw_kv_u64(w, "frozen", a->n.frozen);
	jw_kv_u64(w, "best_effort", a->n.best_effort);
	jw_kv_u64(w, "stopping", a->n.stopping);
	jw_kv_u64(w, "started", a->n.started);
	jw_kv_bool(w, "durable", a->n.seq <= emitter_wish_stored(a->c->m->events));
	emergency_render(a->c->m, w);
	call_set_data(call, NULL, NULL);
	answer_free(a);
	call_reply(call);
}

static void
check(struct wait *w)
{
	struct answer *a = (struct answer *)w;

	if (a->n.seq <= emitter_wish_stored(a->c->m->events))
		reply(a);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	reply(arg);
}

static void
answer(struct control *c, struct call *call, const struct emergency_count *n)
{
	struct answer *a = xcalloc(1, sizeof(*a));

	a->c = c;
	a->call = call;
	a->n = *n;
	call_set_data(call, a, on_gone);
	control_wait(c, &a->wait, check);
	a->timer = loop_timer_new(c->m->loop, "emergency", on_timer, a);
	loop_timer_in(a->timer, c->m->conf->wish_sync_us);
	check(&a->wait);
}

/* NULL in *group: the fleet.  -1: the call was answered. */
static int
read_group(struct control *c, struct call *call, const char **group)
{
	*group = jv_str(jv_get(call_params(call), "group"), NULL);
	if (*group == NULL || units_have_group(c->m, *group))
		return 0;
	call_invalid(call, "group",
	    "no unit is of the group \"%s\" (StatusGroup=); without a group all is meant",
	    *group);
	return -1;
}

void
method_manager_emergency_stop(struct call *call, void *arg)
{
	struct control *c = arg;
	const char *word = jv_str(jv_get(call_params(call), "how"), "freeze");
	enum emergency_how how = emergency_how_find(word);
	struct emergency_count n;
	struct wish_who who;
	const char *group, *reason;

	if (how == EMERGENCY_NHOWS) {
		call_invalid(call, "how", "expected freeze, stop or kill");
		return;
	}
	if (wished_reason(call, &reason) == -1 || read_group(c, call, &group) == -1)
		return;
	control_who(call, &who);
	emergency_stop(c->m, group, how, reason, &who, &n);
	answer(c, call, &n);
}

void
method_manager_resume(struct call *call, void *arg)
{
	struct control *c = arg;
	const char *group = jv_str(jv_get(call_params(call), "group"), NULL);
	struct emergency_count n;
	struct wish_who who;

	control_who(call, &who);
	if (emergency_resume(c->m, group, &who, &n)) {
		answer(c, call, &n);
		return;
	}
	call_fail(call, "io.supd.Manager.NoEmergency", "supctl status shows what is on",
	    "no emergency stop of %s%s is on", group == NULL ? "all" : "the group ",
	    group == NULL ? "" : group);
}
