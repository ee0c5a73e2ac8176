/*
 * Unit.Hold, Release.
 */
#include <stddef.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "manager/control/control_int.h"
#include "manager/control/wished.h"
#include "manager/wish/drain.h"
#include "manager/wish/hold.h"

struct terms {
	const char *reason;
	uint64_t until_us;
	struct wish_who who;
};

static void
write_held(struct jw *w, const struct unit *u, const struct wished *x)
{
	bool held = u != NULL && u->flag[WISH_FLAG_HELD];

	(void)x;
	jw_kv_bool(w, "held", held);
	jw_kv_str(w, "substate", u == NULL ? "dead" : render_sub(u));
	jw_kv_str(w, "reason", held ? u->terms[WISH_FLAG_HELD].reason : NULL);
	jw_kv_time(w, "until", held ? u->terms[WISH_FLAG_HELD].until_wall_us : 0);
}

/* What is asked for; 0, or -1 when the call was answered. */
static int
read_terms(struct call *call, struct terms *t)
{
	const char *until = jv_str(jv_get(call_params(call), "until"), NULL);

	if (wished_reason(call, &t->reason) == -1)
		return -1;
	if (until != NULL && clock_parse(until, &t->until_us) == -1) {
		call_invalid(call, "until",
		    "expected a time such as "
		    "2026-11-21T10:30:45Z");
		return -1;
	}
	if (until != NULL && t->until_us <= clock_wall_us()) {
		call_invalid(call, "until", "%s is over already", until);
		return -1;
	}
	return 0;
}

static uint64_t
hold_one(struct unit *u, void *arg, const char **why)
{
	const struct terms *t = arg;

	(void)why;
	return hold_unit(u, t->reason, t->until_us, &t->who);
}

static uint64_t
release_one(struct unit *u, void *arg, const char **why)
{
	const struct terms *t = arg;
	uint64_t drain = drain_cancel(u, &t->who), hold = hold_release(u, &t->who);

	(void)why;
	return hold != 0 ? hold : drain;
}

void
method_unit_hold(struct call *call, void *arg)
{
	struct terms t = { .reason = NULL };

	if (read_terms(call, &t) == -1)
		return;
	control_who(call, &t.who);
	wished_run(arg, call, SELECT_LOADED, hold_one, &t, write_held);
}

void
method_unit_release(struct call *call, void *arg)
{
	struct terms t = { .reason = NULL };

	control_who(call, &t.who);
	wished_run(arg, call, SELECT_LOADED, release_one, &t, write_held);
}
