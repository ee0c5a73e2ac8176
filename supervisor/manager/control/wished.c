#include "manager/control/wished.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/record/event.h"
#include "unit/conf.h"

struct wishing {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	struct loop_timer *timer;
	wished_write_fn *write;
	uint64_t seq; /* of the newest wish */
	size_t n;
	struct wished *v;
};

static void
wishing_free(struct wishing *h)
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
	wishing_free(call_data(call));
}

static void
reply(struct wishing *h)
{
	struct call *call = h->call;
	struct jw *w = call_begin(call);
	bool durable = h->seq <= emitter_wish_stored(h->c->m->events);

	jw_kv_arr(w, "units");
	for (size_t i = 0; i < h->n; i++) {
		jw_obj(w);
		jw_kv_str(w, "unit", h->v[i].unit);
		jw_kv_bool(w, "changed", h->v[i].changed);
		h->write(w, unit_find(h->c->m, h->v[i].unit), &h->v[i]);
		if (h->v[i].refused != NULL)
			jw_kv_str(w, "refused", h->v[i].refused);
		jw_kv_bool(w, "durable", durable);
		jw_end(w);
	}
	jw_end(w);
	call_set_data(call, NULL, NULL);
	wishing_free(h);
	call_reply(call);
}

static void
check(struct wait *w)
{
	struct wishing *h = (struct wishing *)w;

	if (h->seq <= emitter_wish_stored(h->c->m->events))
		reply(h);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	reply(arg);
}

int
wished_reason(struct call *call, const char **reason)
{
	*reason = jv_str(jv_get(call_params(call), "reason"), NULL);
	if (*reason == NULL ||
	    (strlen(*reason) <= WISH_REASON_MAX && strpbrk(*reason, "\r\n") == NULL))
		return 0;
	call_invalid(
	    call, "reason", "expected one line of at most %d bytes", WISH_REASON_MAX);
	return -1;
}

void
wished_run(struct control *c, struct call *call, unsigned select_flags, wished_fn *fn,
    void *arg, wished_write_fn *write)
{
	struct selection s;
	struct wishing *h;

	if (select_units(c, call, select_flags, &s) == -1) {
		selection_clear(&s);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->c = c;
	h->call = call;
	h->write = write;
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
		seq = fn(u, arg, &h->v[i].refused);
		h->v[i].changed = seq != 0;
		if (seq > h->seq)
			h->seq = seq;
	}
	call_set_data(call, h, on_gone);
	control_wait(c, &h->wait, check);
	h->timer = loop_timer_new(c->m->loop, "wished", on_timer, h);
	loop_timer_in(h->timer, c->m->conf->wish_sync_us);
	check(&h->wait);
}
