/*
 * Unit.Hold, Release: the reply comes as soon as the wishes are on the disk, or late and
 * says so.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/hold.h"
#include "manager/record/event.h"
#include "unit/conf.h"

struct holding {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	struct loop_timer *timer;
	uint64_t seq; /* of the newest wish */
	size_t n;
	struct {
		char *unit;
		bool changed;
	} * v;
};

static void
holding_free(struct holding *h)
{
	control_wait_end(h->c, &h->wait);
	loop_timer_free(h->timer);
	for (size_t i = 0; i < h->n; i++)
		free(h->v[i].unit);
	free(h->v);
	free(h);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	holding_free(call_data(call));
}

static void
reply(struct holding *h)
{
	struct call *call = h->call;
	struct jw *w = call_begin(call);
	bool durable = h->seq <= emitter_wish_stored(h->c->m->events);

	jw_kv_arr(w, "units");
	for (size_t i = 0; i < h->n; i++) {
		const struct unit *u = unit_find(h->c->m, h->v[i].unit);
		bool held = u != NULL && u->flag[WISH_FLAG_HELD];

		jw_obj(w);
		jw_kv_str(w, "unit", h->v[i].unit);
		jw_kv_bool(w, "held", held);
		jw_kv_bool(w, "changed", h->v[i].changed);
		jw_kv_str(w, "substate", u == NULL ? "dead" : render_sub(u));
		jw_kv_str(w, "reason", held ? u->hold_reason : NULL);
		render_time(w, "until", held ? u->hold_until_us : 0);
		jw_kv_bool(w, "durable", durable);
		jw_end(w);
	}
	jw_end(w);
	call_set_data(call, NULL, NULL);
	holding_free(h);
	call_reply(call);
}

static void
check(struct wait *w)
{
	struct holding *h = (struct holding *)w;

	if (h->seq <= emitter_wish_stored(h->c->m->events))
		reply(h);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	reply(arg);
}

/* What is asked for; 0, or -1 when the call was answered. */
static int
read_terms(struct call *call, const char **reason, uint64_t *until_us)
{
	const struct jv *p = call_params(call);
	const char *until = jv_str(jv_get(p, "until"), NULL);

	*reason = jv_str(jv_get(p, "reason"), NULL);
	*until_us = 0;
	if (*reason != NULL &&
	    (strlen(*reason) > HOLD_REASON_MAX || strpbrk(*reason, "\r\n") != NULL)) {
		call_invalid(call, "reason", "expected one line of at most %d bytes",
		    HOLD_REASON_MAX);
		return -1;
	}
	if (until != NULL && clock_parse(until, until_us) == -1) {
		call_invalid(call, "until",
		    "expected a time such as "
		    "2026-11-21T10:30:45Z");
		return -1;
	}
	if (until != NULL && *until_us <= clock_wall_us()) {
		call_invalid(call, "until", "%s is over already", until);
		return -1;
	}
	return 0;
}

static void
run(struct control *c, struct call *call, bool hold)
{
	const char *reason = NULL;
	uint64_t until_us = 0;
	struct selection s;
	struct holding *h;
	struct wish_who who;

	if (hold && read_terms(call, &reason, &until_us) == -1)
		return;
	if (select_units(c, call, SELECT_LOADED, &s) == -1) {
		selection_clear(&s);
		return;
	}
	control_who(call, &who);
	h = xcalloc(1, sizeof(*h));
	h->c = c;
	h->call = call;
	h->v = xcalloc(s.n + 1, sizeof(*h->v));
	h->n = s.n;
	for (size_t i = 0; i < s.n; i++)
		h->v[i].unit = xstrdup(s.v[i]->name);
	selection_clear(&s);
	for (size_t i = 0; i < h->n; i++) {
		/* By name: what the one before lets start may have changed the set. */
		struct unit *u = unit_find(c->m, h->v[i].unit);
		uint64_t seq;

		if (u == NULL)
			continue;
		seq = hold ? hold_unit(u, reason, until_us, &who) : hold_release(u, &who);
		h->v[i].changed = seq != 0;
		if (seq > h->seq)
			h->seq = seq;
	}
	call_set_data(call, h, on_gone);
	control_wait(c, &h->wait, check);
	h->timer = loop_timer_new(c->m->loop, "hold", on_timer, h);
	loop_timer_in(h->timer, c->m->conf->wish_sync_us);
	check(&h->wait);
}

void
method_unit_hold(struct call *call, void *arg)
{
	run(arg, call, true);
}

void
method_unit_release(struct call *call, void *arg)
{
	run(arg, call, false);
}
