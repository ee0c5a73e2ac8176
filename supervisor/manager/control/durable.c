#include "manager/control/durable.h"

#include <stdlib.h>

#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/record/event.h"
#include "unit/supd_conf.h"

struct answer {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	struct loop_timer *timer; /* WishSyncSec= */
	uint64_t seq;
	durable_write_fn *write;
	void *arg;
	durable_free_fn *end;
};

static void
answer_free(struct answer *a)
{
	control_wait_end(a->c, &a->wait);
	loop_timer_free(a->timer);
	if (a->end != NULL)
		a->end(a->arg);
	free(a);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	answer_free(call_data(call));
}

bool
durable_is(const struct control *c, uint64_t seq)
{
	return seq <= emitter_wish_stored(c->m->events);
}

static void
reply(struct answer *a)
{
	struct call *call = a->call;
	struct jw *w = call_begin(call);
	bool durable = durable_is(a->c, a->seq);

	if (a->write != NULL)
		a->write(w, a->arg, durable);
	else
		jw_kv_bool(w, "durable", durable);
	call_set_data(call, NULL, NULL);
	answer_free(a);
	call_reply(call);
}

static void
check(struct wait *w)
{
	struct answer *a = (struct answer *)w;

	if (durable_is(a->c, a->seq))
		reply(a);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	reply(arg);
}

void
durable_reply(struct control *c, struct call *call, uint64_t seq, durable_write_fn *write,
    void *arg, durable_free_fn *end)
{
	struct answer *a = xcalloc(1, sizeof(*a));

	a->c = c;
	a->call = call;
	a->seq = seq;
	a->write = write;
	a->arg = arg;
	a->end = end;
	call_set_data(call, a, on_gone);
	control_wait(c, &a->wait, check);
	a->timer = loop_timer_new(c->m->loop, "durable", on_timer, a);
	loop_timer_in(a->timer, c->m->conf->wish_sync_us);
	check(&a->wait);
}
