/*
 * Unit.Request: what a process asks for its own unit, or an operator for any.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/wish/requests.h"

/* A call that waits for the result; it names the unit because units come and go. */
struct waiter {
	struct control *c;
	struct call *call;
	char *unit;
	const char *action;
};

static void
waiter_free(struct waiter *w)
{
	free(w->unit);
	free(w);
}

static void
on_gone(struct call *call, void *arg)
{
	struct waiter *w = call_data(call);
	struct unit *u = unit_find(w->c->m, w->unit);

	(void)arg;
	if (u != NULL)
		request_wait_cancel(u, w);
	waiter_free(w);
}

static void
answer(struct call *call, const char *unit, const char *action, uint64_t id,
    const char *result, const char *text)
{
	struct jw *w = call_begin(call);

	jw_kv_str(w, "unit", unit);
	jw_kv_u64(w, "request", id);
	jw_kv_str(w, "action", action);
	jw_kv_str(w, "result", result);
	jw_kv_str(w, "text", text);
	call_reply(call);
}

static void
on_done(void *arg, const struct unit_request *r)
{
	struct waiter *w = arg;

	call_set_data(w->call, NULL, NULL);
	answer(w->call, w->unit, w->action, request_id(r), request_result(r),
	    request_text(r));
	waiter_free(w);
}

/* False: the call was answered. */
static bool
fits(struct call *call, const char *parameter, size_t max)
{
	const char *text = jv_str(jv_get(call_params(call), parameter), "");

	if (strlen(text) <= max)
		return true;
	call_invalid(call, parameter, "longer than %zu bytes", max);
	return false;
}

/* The unit that is named, else the caller's own; NULL: the call was answered. */
static struct unit *
unit_of_call(struct control *c, struct call *call)
{
	const struct access_peer *peer = call_peer(call);
	const char *name = jv_str(jv_get(call_params(call), "unit"), NULL);

	if (name == NULL && peer->supervised && peer->unit[0] != '\0')
		name = peer->unit;
	if (name != NULL)
		return select_named(c, call, name, SELECT_LOADED);
	call_invalid(
	    call, "unit", "names no unit, and the caller is not a process of one");
	return NULL;
}

void
method_unit_request(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	struct wish_who who;
	struct request_ask ask = {
		.action = request_action_find(jv_str(jv_get(p, "action"), "")),
		.via = "call",
		.reason = jv_str(jv_get(p, "reason"), NULL),
		.message = jv_str(jv_get(p, "message"), NULL),
		.who = &who,
	};
	bool no_block = jv_bool(jv_get(p, "no_block"), false);
	struct unit *u = unit_of_call(c, call);
	struct waiter *w;
	uint64_t id;
	char *why;

	if (u == NULL)
		return;
	if (ask.action == REQUEST_NACTIONS) {
		call_invalid(call, "action", "neither cycle, restart nor shutdown");
		return;
	}
	if (!fits(call, "reason", REQUEST_REASON_MAX) ||
	    !fits(call, "message", REQUEST_MESSAGE_MAX))
		return;
	control_who(call, &who);
	w = xcalloc(1, sizeof(*w));
	*w =
	    (struct waiter){ c, call, xstrdup(u->name), request_action_name(ask.action) };
	id =
	    request_submit(u, &ask, no_block ? NULL : on_done, no_block ? NULL : w, &why);
	if (id != 0 && !no_block) {
		call_set_data(call, w, on_gone);
		return;
	}
	if (id != 0) {
		answer(call, w->unit, w->action, id, "queued", NULL);
	} else {
		jw_kv_str(call_begin(call), "unit", w->unit);
		call_fail(call, "io.supd.Unit.RequestRefused", "supctl status shows it",
		    "%s", why);
	}
	free(why);
	waiter_free(w);
}
