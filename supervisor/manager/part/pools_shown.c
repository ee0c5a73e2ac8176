/*
 * pools_shown: what is said of pools, and of those that wait in them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/activate/pool.h"
#include "manager/manager.h"
#include "manager/part/pools.h"
#include "manager/part/pools_int.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/hold.h"
#include "unit/conf.h"

enum { NAMES_SHOWN = 3 /* of those that have the slots */ };

/* ---- texts ---------------------------------------------------------------------------
 */

static const char *
ordinal(size_t n)
{
	if (n % 100 >= 11 && n % 100 <= 13)
		return "th";
	return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

static void
put_holders(const struct pool *p, struct buf *out)
{
	const struct pool_member *x = NULL;
	size_t n = pool_held(p), shown = 0;

	/* (All but one, and one more, is all.) */
	while ((x = pool_each_held(p, x)) != NULL &&
	       (shown < NAMES_SHOWN || n == NAMES_SHOWN + 1)) {
		const struct unit *u = x->data;

		buf_addf(out, "%s%s",
		    shown == 0       ? ""
		    : shown + 1 == n ? " and "
				     : ", ",
		    u->name);
		shown++;
	}
	if (shown < n)
		buf_addf(out, " and %zu others", n - shown);
}

/* Why nobody of the pool is admitted; false: somebody is, or nobody waits. */
static bool
put_bar(const struct unit_pool *up, struct buf *out)
{
	const struct unit *pu = unit_find(up->m, up->name);
	uint64_t until_us, now_us = pools_now_us();
	const struct pool_limits *l = pool_limits(up->pool);
	enum pool_bar bar = pool_bar(up->pool, now_us, &until_us);
	char text[CLOCK_TEXT_MAX];

	if (up->m->safe_mode) {
		buf_adds(out, "supd is in safe mode");
		return true;
	}
	if (l->slots == 0) {
		buf_adds(out, "Slots=0 admits nothing");
		return true;
	}
	if (pu != NULL && hold_why(pu) != NULL) {
		buf_addf(out, "the pool is %s", hold_why(pu));
		return true;
	}
	if (pu != NULL && pu->part != NULL && !part_is_up(pu->part)) {
		buf_adds(out, "the pool is not up");
		return true;
	}
	switch (bar) {
	case POOL_BAR_SLOTS:
		buf_addf(out, "%" PRIu64 " of %u slots are taken by ",
		    pool_taken(up->pool), l->slots);
		put_holders(up->pool, out);
		return true;
	case POOL_BAR_SPACING:
	case POOL_BAR_RATE:
		buf_addf(out, "the next start is in %s (%s)",
		    clock_format_duration(text, sizeof(text), until_us - now_us),
		    bar == POOL_BAR_RATE ? "RateLimit=" : "StartSpacingSec=");
		return true;
	case POOL_BAR_NONE:
		if (up->shut == NULL)
			return false;
		buf_adds(out, up->shut);
		return true;
	default:
		return false;
	}
}

void
pools_wait_why(const struct unit *u, struct buf *out)
{
	if (u->in_pool == NULL || u->in_pool->state == POOL_OUT)
		buf_adds(out, "supd is beginning");
	else if (hold_why(u) != NULL)
		buf_adds(out, hold_why(u));
	else if (!put_bar(pool_data(u->in_pool->pool), out))
		buf_adds(out, "there is a slot");
}

void
pools_why(const struct unit *u, struct buf *out)
{
	const char *name = svc_memory(u->svc)->pool;
	size_t place, n = strlen(name);

	buf_addf(out, "queued in %.*s: ", (int)(n > 5 ? n - 5 : n), name);
	place = u->in_pool == NULL || u->in_pool->state == POOL_OUT
		    ? 0
		    : pool_place(u->in_pool);
	if (place > 0)
		buf_addf(out, "%zu%s, ", place, ordinal(place));
	pools_wait_why(u, out);
}

/* ---- what is shown -------------------------------------------------------------------
 */

bool
pools_view(const struct unit *u, struct pools_view *v)
{
	const struct unit_pool *up;
	const struct pool_conf *c;

	if (u->part == NULL || u->part->kind != &part_pool)
		return false;
	up = pools_of_unit(u);
	c = &u->part->conf->trigger->pool;
	*v = (struct pools_view){
		.conf = c,
		.taken = pool_taken(up->pool),
		.running = pool_held(up->pool),
		.queued = pool_waiting(up->pool),
	};
	return true;
}

static void
render_waiting(struct pool_member *x, struct jw *w)
{
	char text[CLOCK_TEXT_MAX];
	const struct unit *u = x->data;

	jw_obj(w);
	jw_kv_str(w, "unit", u->name);
	if (x->state == POOL_ASIDE)
		jw_kv_null(w, "place");
	else
		jw_kv_u64(w, "place", pool_place(x));
	jw_kv_i64(w, "priority", x->priority);
	jw_kv_u64(w, "weight", x->weight);
	jw_kv_str(w, "since", clock_format_utc(text, sizeof(text), x->number));
	jw_kv_str(w, "why", hold_why(u));
	jw_end(w);
}

void
pools_render(const struct unit *u, uint64_t limit, struct jw *w)
{
	const struct unit_pool *up = pools_of_unit(u);
	struct pool *p = up->pool;
	struct pool_member *x = NULL;
	struct buf why = { 0 };

	if (put_bar(up, &why))
		jw_kv_str(w, "why", buf_str(&why));
	else
		jw_kv_null(w, "why");
	buf_free(&why);
	jw_kv_arr(w, "running");
	while ((x = pool_each_held(p, x)) != NULL)
		jw_str(w, ((const struct unit *)x->data)->name);
	jw_end(w);
	jw_kv_arr(w, "waiting");
	for (uint64_t n = 0; limit == 0 || n < limit; n++) {
		x = pool_each_waiting(p, x);
		if (x == NULL)
			break;
		render_waiting(x, w);
	}
	jw_end(w);
}

bool
pools_place(const struct unit *u, size_t *place, size_t *queued)
{
	if (u->svc == NULL || svc_memory(u->svc)->state != SVC_QUEUED ||
	    u->in_pool == NULL || u->in_pool->pool == NULL)
		return false;
	*place = pool_place(u->in_pool);
	*queued = pool_waiting(u->in_pool->pool);
	return true;
}
