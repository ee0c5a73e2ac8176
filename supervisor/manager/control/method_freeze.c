/*
 * Unit.Freeze, Thaw.
 */
#include <stddef.h>

#include "lib/json.h"
#include "manager/control/control_int.h"
#include "manager/control/wished.h"
#include "manager/wish/freeze.h"

struct terms {
	const char *reason;
	struct wish_who who;
};

static void
write_frozen(struct jw *w, const struct unit *u, const struct wished *x)
{
	(void)x;
	jw_kv_str(w, "state", u == NULL ? "inactive" : render_active(u));
	jw_kv_str(w, "substate", u == NULL ? "dead" : render_sub(u));
	if (u == NULL)
		jw_kv_null(w, "frozen");
	else
		freeze_render(u, w);
}

static uint64_t
freeze_one(struct unit *u, void *arg, const char **why)
{
	const struct terms *t = arg;

	(void)why;
	return freeze_unit(u, t->reason, &t->who);
}

static uint64_t
thaw_one(struct unit *u, void *arg, const char **why)
{
	const struct terms *t = arg;

	(void)why;
	return freeze_thaw(u, &t->who);
}

void
method_unit_freeze(struct call *call, void *arg)
{
	struct terms t = { .reason = NULL };

	if (wished_reason(call, &t.reason) == -1)
		return;
	control_who(call, &t.who);
	wished_run(arg, call, SELECT_LOADED, freeze_one, &t, write_frozen);
}

void
method_unit_thaw(struct call *call, void *arg)
{
	struct terms t = { .reason = NULL };

	control_who(call, &t.who);
	wished_run(arg, call, SELECT_LOADED, thaw_one, &t, write_frozen);
}
