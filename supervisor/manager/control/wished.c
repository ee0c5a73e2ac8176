#include "manager/control/wished.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/durable.h"

struct wishing {
	struct control *c;
	wished_write_fn *write;
	size_t n;
	struct wished *v;
};

static void
wishing_free(void *arg)
{
	struct wishing *h = arg;

	for (size_t i = 0; i < h->n; i++)
		free(h->v[i].unit);
	free(h->v);
	free(h);
}

static void
write_units(struct jw *w, void *arg, bool durable)
{
	const struct wishing *h = arg;

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
	uint64_t newest = 0;

	if (select_units(c, call, select_flags, &s) == -1) {
		selection_clear(&s);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->c = c;
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
		if (seq > newest)
			newest = seq;
	}
	durable_reply(c, call, newest, write_units, h, wishing_free);
}
