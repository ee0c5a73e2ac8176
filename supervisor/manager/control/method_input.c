/*
 * Session.Send, Keys: into the queue of a session, and what became of it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/session/input.h"
#include "manager/sessions/sessions.h"
#include "unit/keys.h"
#include "unit/load.h"

/* A caller that waits for the result. */
struct sending {
	struct control *c;
	struct call *call;
	char *unit; /* its name: units come and go */
};

static void
sending_free(struct sending *s)
{
	free(s->unit);
	free(s);
}

static void
on_gone(struct call *call, void *arg)
{
	struct sending *s = call_data(call);
	struct unit *u = unit_find(s->c->m, s->unit);

	(void)arg;
	if (u != NULL)
		session_wait_cancel(u, s);
	sending_free(s);
}

static void
put_result(struct call *call, uint64_t id, enum input_result result, const char *reason)
{
	struct jw *w = call_begin(call);

	jw_kv_i64(w, "input", (int64_t)id);
	jw_kv_str(w, "result", input_result_name(result));
	if (reason != NULL)
		jw_kv_str(w, "reason", reason);
	call_reply(call);
}

static void
on_result(void *arg, const struct input_entry *e)
{
	struct sending *s = arg;
	struct call *call = s->call;

	call_set_data(call, NULL, NULL);
	sending_free(s);
	put_result(call, e->id, e->result, e->reason);
}

/* The states that `when' names; 0: as the unit says.  -1: the call was answered. */
static int
read_when(struct call *call, session_states *when)
{
	const struct jv *v = jv_get(call_params(call), "when");

	*when = 0;
	for (size_t i = 0; i < jv_count(v); i++) {
		const char *word = jv_str(jv_at(v, i), "");
		int st = SESSION_STARTING;

		while (st < SESSION_NSTATES &&
		       strcmp(word, session_state_name((enum session_state)st)) != 0)
			st++;
		if (st == SESSION_NSTATES) {
			call_invalid(call, "when",
			    "\"%s\" is no state: expected starting, working, idle, "
			    "waiting, limited or stuck",
			    word);
			return -1;
		}
		*when |= SESSION_STATE_BIT(st);
	}
	return 0;
}

static struct unit *
session_unit(struct control *c, struct call *call)
{
	struct unit *u = select_unit(c, call, "unit", SELECT_LOADED);

	if (u == NULL || unit_is_session(u))
		return u;
	select_fail_no_terminal(call, u);
	return NULL;
}

static struct sending *
sending_new(struct control *c, struct call *call, const struct unit *u)
{
	struct sending *s = xcalloc(1, sizeof(*s));

	s->c = c;
	s->call = call;
	s->unit = xstrdup(u->name);
	call_set_data(call, s, on_gone);
	return s;
}

/* A caller who does not know whether an earlier call arrived: nothing is typed twice. */
static void
asked_again(struct control *c, struct call *call, struct unit *u,
    const struct input_known *known, bool wait)
{
	if (known->result == INPUT_NONE && wait)
		session_wait(u, known->id, on_result, sending_new(c, call, u));
	else
		put_result(call, known->id, known->result, known->reason);
}

static void
enqueue(struct control *c, struct call *call, struct input_request *r)
{
	bool wait = jv_bool(jv_get(call_params(call), "wait"), true);
	struct unit *u = session_unit(c, call);
	struct input_known known;
	const char *why = "";
	struct sending *s = NULL;
	char who[160];
	uint64_t id;

	if (u == NULL)
		return;
	r->token = jv_str(jv_get(call_params(call), "token"), NULL);
	if (r->token != NULL && session_known(u, r->token, &known)) {
		asked_again(c, call, u, &known, wait);
		return;
	}
	r->sender = control_origin(call, who, sizeof(who));
	if (wait)
		s = sending_new(c, call, u);
	id = session_send(u, r, wait ? on_result : NULL, s, &why);
	if (id == 0) {
		call_set_data(call, NULL, NULL);
		if (s != NULL)
			sending_free(s);
		put_result(call, 0, INPUT_REFUSED, why);
	} else if (!wait) {
		put_result(call, id, INPUT_NONE, NULL);
	}
}

static void
flag(
    struct input_request *r, const struct jv *p, const char *key, bool dflt, uint32_t bit)
{
	if (jv_bool(jv_get(p, key), dflt))
		r->flags |= bit;
}

void
method_session_send(struct call *call, void *arg)
{
	const struct jv *p = call_params(call);
	static const int64_t longest = INT64_MAX / (int64_t)USEC_PER_MSEC;
	int64_t expire = jv_i64(jv_get(p, "expire_ms"), 0);
	struct input_request r = { 0 };

	r.data = jv_strn(jv_get(p, "text"), &r.len);
	r.slot = jv_str(jv_get(p, "slot"), NULL);
	if (expire < 0) {
		call_invalid(call, "expire_ms", "expected a number that is not negative");
		return;
	}
	if (expire > longest)
		r.expire_wall_us = USEC_INFINITY;
	else if (expire > 0)
		r.expire_wall_us =
		    clock_add_us(clock_wall_us(), (uint64_t)expire * USEC_PER_MSEC);
	if (read_when(call, &r.when) == -1)
		return;
	flag(&r, p, "enter", true, INPUT_ENTER);
	flag(&r, p, "replace", false, INPUT_REPLACE);
	flag(&r, p, "now", false, INPUT_NOW);
	flag(&r, p, "force", false, INPUT_FORCE);
	flag(&r, p, "confirm", true, INPUT_CONFIRM);
	enqueue(arg, call, &r);
}

void
method_session_keys(struct call *call, void *arg)
{
	const struct jv *names = jv_get(call_params(call), "keys");
	struct input_request r = { .flags = INPUT_KEYS | INPUT_FORCE };
	struct buf bytes = { 0 };

	for (size_t i = 0; i < jv_count(names); i++) {
		const char *name = jv_str(jv_at(names, i), "");
		const char *near = key_nearest(name);

		if (key_bytes(name, false, &bytes) == KEY_NAMED)
			continue;
		if (near != NULL)
			call_invalid(
			    call, "keys", "\"%s\" is no key; is it %s?", name, near);
		else
			call_invalid(
			    call, "keys", "\"%s\" is no key; text is sent by Send", name);
		buf_free(&bytes);
		return;
	}
	if (read_when(call, &r.when) == 0) {
		if (r.when == 0)
			r.flags |= INPUT_NOW;
		r.data = buf_str(&bytes);
		r.len = bytes.len;
		enqueue(arg, call, &r);
	}
	buf_free(&bytes);
}
