/*
 * Manager.EmergencyStop, Resume: the deed at once, the reply when it is durable, or late.
 */
#include <stdlib.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/durable.h"
#include "manager/control/wished.h"
#include "manager/wish/emergency.h"
#include "manager/wish/groups.h"

struct answer {
	struct control *c;
	struct emergency_count n;
};

static void
write_answer(struct jw *w, void *arg, bool durable)
{
	const struct answer *a = arg;

	jw_kv_u64(w, "units", a->n.units);
	jw_kv_u64(w, "frozen", a->n.frozen);
	jw_kv_u64(w, "best_effort", a->n.best_effort);
	jw_kv_u64(w, "stopping", a->n.stopping);
	jw_kv_u64(w, "started", a->n.started);
	jw_kv_bool(w, "durable", durable);
	emergency_render(a->c->m, w);
}

static void
answer(struct control *c, struct call *call, const struct emergency_count *n)
{
	struct answer a = { .c = c, .n = *n };

	durable_reply(c, call, n->seq, write_answer, xmemdup(&a, sizeof(a)), free);
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
