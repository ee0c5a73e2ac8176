/*
 * Unit.Budget, ResetBudget: what units have used, and the end of that.
 */
#include <stdlib.h>

#include "lib/json.h"
#include "lib/strv.h"
#include "manager/budget/budgets.h"
#include "manager/control/control_int.h"
#include "unit/conf.h"

static void
put_unit(struct unit *u, struct jw *w)
{
	struct budget_view v;
	bool has = budget_of_unit(u, &v);

	jw_obj(w);
	jw_kv_str(w, "unit", u->name);
	jw_kv_str(w, "state", render_active(u));
	jw_kv_str(w, "substate", render_sub(u));
	if (has)
		budget_render_status(u, w);
	else
		jw_kv_null(w, "budget");
	jw_end(w);
}

static void
list_one(struct unit *u, void *arg)
{
	struct budget_view v;

	if (budget_of_unit(u, &v))
		put_unit(u, arg);
}

void
method_unit_budget(struct call *call, void *arg)
{
	struct control *c = arg;
	struct selection s;
	struct jw *w;

	if (jv_type(jv_get(call_params(call), "units")) != JV_ARRAY) {
		w = call_begin(call);
		jw_kv_arr(w, "units");
		units_foreach(c->m, list_one, w);
		jw_end(w);
		call_reply(call);
		return;
	}
	if (select_units(c, call, SELECT_LOADED, &s) == 0) {
		w = call_begin(call);
		jw_kv_arr(w, "units");
		for (size_t i = 0; i < s.n; i++)
			put_unit(s.v[i], w);
		jw_end(w);
		call_reply(call);
	}
	selection_clear(&s);
}

void
method_unit_reset_budget(struct call *call, void *arg)
{
	struct control *c = arg;
	struct strv names = { 0 };
	struct selection s;
	struct wish_who who;
	struct jw *w;

	if (select_units(c, call, SELECT_LOADED, &s) == -1) {
		selection_clear(&s);
		return;
	}
	control_who(call, &who);
	for (size_t i = 0; i < s.n; i++)
		strv_add(&names, s.v[i]->name);
	selection_clear(&s);
	w = call_begin(call);
	jw_kv_arr(w, "reset");
	for (size_t i = 0; i < names.n; i++) {
		/* By name: what the one before lets go may have changed the set. */
		struct unit *u = unit_find(c->m, names.v[i]);

		if (u != NULL && budgets_reset(u, &who))
			jw_str(w, names.v[i]);
	}
	jw_end(w);
	strv_clear(&names);
	call_reply(call);
}
