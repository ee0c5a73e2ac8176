/*
 * Unit.Drain: begins it.  Unit.WaitDrain: how far it is, until it is over; a question of
 * its own, so that it can be asked again after the death of a manager.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/wished.h"
#include "manager/session/input.h"
#include "manager/sessions/sessions.h"
#include "manager/wish/drain.h"
#include "unit/load.h"

/* ---- begin ---- */

/* Null after the end of the drain that is over, or when there is none. */
static void
write_drain(struct jw *w, const struct unit *u)
{
	const struct drain_view *v = u == NULL ? NULL : drain_view(u);
	bool on = u != NULL && drain_is_on(u) && v != NULL;
	bool session = u != NULL && unit_is_session(u);

	jw_kv_str(
	    w, "phase", on ? drain_phase_name(v->phase) : drain_phase_name(DRAIN_DONE));
	jw_kv_str(w, "result", v == NULL ? NULL : v->result);
	jw_kv_time(w, "until", on ? v->until_wall_us : 0);
	jw_kv_str(w, "state", u == NULL ? "inactive" : render_active(u));
	jw_kv_str(w, "substate", u == NULL ? "dead" : render_sub(u));
	jw_kv_str(w, "session", session ? session_state_name(session_state(u)) : NULL);
}

static void
write_begun(struct jw *w, const struct unit *u, const struct wished *x)
{
	(void)x;
	write_drain(w, u);
}

static uint64_t
drain_one(struct unit *u, void *arg, const char **why)
{
	return drain_unit(u, arg, why);
}

void
method_unit_drain(struct call *call, void *arg)
{
	const struct jv *p = call_params(call);
	int64_t window_ms = jv_i64(jv_get(p, "window_ms"), 0);
	struct wish_who who;
	struct drain_ask ask = { .message = jv_str(jv_get(p, "message"), NULL),
		.who = &who };

	if (wished_reason(call, &ask.reason) == -1)
		return;
	if (window_ms < 0 || (uint64_t)window_ms > USEC_INFINITY / USEC_PER_MSEC / 2) {
		call_invalid(call, "window_ms", "expected a number of milliseconds");
		return;
	}
	if (ask.message != NULL && strlen(ask.message) > INPUT_ENTRY_MAX) {
		call_invalid(call, "message", "longer than %d bytes", INPUT_ENTRY_MAX);
		return;
	}
	ask.window_us = (uint64_t)window_ms * USEC_PER_MSEC;
	control_who(call, &who);
	/* A person of another pid namespace is one all the same. */
	if (who.pid == 0)
		who.pid = -1;
	wished_run(arg, call, SELECT_LOADED, drain_one, &ask, write_begun);
}

/* ---- wait ---- */

struct waiting {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	size_t n;
	struct {
		char *unit;
		int told; /* the phase that was told last; -1: none */
	} * v;
};

static void
waiting_free(struct waiting *h)
{
	control_wait_end(h->c, &h->wait);
	for (size_t i = 0; i < h->n; i++)
		free(h->v[i].unit);
	free(h->v);
	free(h);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	waiting_free(call_data(call));
}

static int
phase_of(const struct unit *u)
{
	return u != NULL && drain_is_on(u) && drain_view(u) != NULL
		   ? (int)drain_view(u)->phase
		   : DRAIN_DONE;
}

static void
check(struct wait *wait)
{
	struct waiting *h = (struct waiting *)wait;
	struct call *call = h->call;
	bool more = call_wants_more(call);
	size_t news = 0, left = 0;
	struct jw *w;

	for (size_t i = 0; i < h->n; i++) {
		int phase = phase_of(unit_find(h->c->m, h->v[i].unit));

		news += phase != h->v[i].told;
		left += phase != DRAIN_DONE;
	}
	if (left > 0 && (!more || news == 0))
		return;
	w = call_begin(call);
	jw_kv_arr(w, "units");
	for (size_t i = 0; i < h->n; i++) {
		const struct unit *u = unit_find(h->c->m, h->v[i].unit);

		if (phase_of(u) == h->v[i].told)
			continue;
		h->v[i].told = phase_of(u);
		jw_obj(w);
		jw_kv_str(w, "unit", h->v[i].unit);
		write_drain(w, u);
		jw_end(w);
	}
	jw_end(w);
	if (left > 0) {
		call_reply_more(call); /* on failure on_gone freed h */
		return;
	}
	call_set_data(call, NULL, NULL);
	waiting_free(h);
	call_reply(call);
}

void
method_unit_wait_drain(struct call *call, void *arg)
{
	struct control *c = arg;
	struct selection s;
	struct waiting *h;

	if (select_units(c, call, SELECT_LOADED, &s) == -1) {
		selection_clear(&s);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->c = c;
	h->call = call;
	h->n = s.n;
	h->v = xcalloc(s.n + 1, sizeof(*h->v));
	for (size_t i = 0; i < s.n; i++) {
		h->v[i].unit = xstrdup(s.v[i]->name);
		h->v[i].told = -1;
	}
	selection_clear(&s);
	call_set_data(call, h, on_gone);
	control_wait(c, &h->wait, check);
	check(&h->wait);
}
