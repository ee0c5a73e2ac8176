#include "manager/part/pools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/activate/pool.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/units.h"
#include "manager/wish/hold.h"
#include "unit/conf.h"
#include "unit/name.h"

enum {
	TURN = 64,      /* so many are admitted before others are heard */
	NAMES_SHOWN = 3 /* of those that have the slots */
};

/* A pool by the name of its unit, as long as that has a part or somebody is in it. */
struct unit_pool {
	struct manager *m;
	char *name;
	struct pool *pool;
	struct loop_timer *timer; /* of the spacing; NULL: there never was one */
	bool due;                 /* somebody may be admitted */
	bool has_part;
};

struct pools {
	struct map by_name;
	uint64_t number; /* the newest that was given */
};

static void run_posted(void *arg);

/* ---- pools by name -------------------------------------------------------------------
 */

static struct pools *
pools_get(struct manager *m)
{
	if (m->pools == NULL)
		m->pools = xcalloc(1, sizeof(*m->pools));
	return m->pools;
}

static struct unit_pool *
find(struct manager *m, const char *name)
{
	return m->pools == NULL ? NULL : map_get(&m->pools->by_name, name);
}

/* Of a pool whose limits nobody knows any more: one at a time is never too many. */
static struct unit_pool *
find_or_make(struct manager *m, const char *name)
{
	struct unit_pool *up = find(m, name);

	if (up != NULL)
		return up;
	up = xcalloc(1, sizeof(*up));
	up->m = m;
	up->name = xstrdup(name);
	up->pool = pool_new(1, 0);
	pool_set_data(up->pool, up);
	map_set(&pools_get(m)->by_name, name, up);
	return up;
}

static void
unit_pool_free(struct unit_pool *up)
{
	if (up->timer != NULL)
		loop_timer_free(up->timer);
	pool_free(up->pool);
	free(up->name);
	free(up);
}

static bool
is_empty(const struct unit_pool *up)
{
	return pool_held(up->pool) == 0 && pool_waiting(up->pool) == 0;
}

/* Nobody knows of it any more. */
static void
drop_unused(struct unit_pool *up)
{
	if (up->has_part || !is_empty(up))
		return;
	map_del(&up->m->pools->by_name, up->name);
	unit_pool_free(up);
}

static struct unit *
unit_of(const struct unit_pool *up)
{
	return unit_find(up->m, up->name);
}

/* What is shown of it is another thing now. */
static void
changed(struct unit_pool *up)
{
	struct unit *pu = unit_of(up);

	if (pu != NULL)
		unit_render_drop(pu);
}

static void
make_due(struct unit_pool *up)
{
	up->due = true;
	loop_post(up->m->loop, run_posted, up->m);
}

static struct pool *
pool_of(const struct unit *u)
{
	const struct unit_pool *up = find(u->manager, u->name);

	return up == NULL ? NULL : up->pool;
}

/* ---- who is admitted -----------------------------------------------------------------
 */

/* The time of the newest start is kept with the unit where it matters. */
static void
note_start(struct unit_pool *up)
{
	const struct unit *pu = unit_of(up);

	if (pool_spacing_us(up->pool) > 0 && pu != NULL && pu->part != NULL)
		part_changed(pu->part);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	make_due(arg);
}

static void
wait_for_spacing(struct unit_pool *up)
{
	uint64_t due_us = pool_due_us(up->pool);

	if (up->timer == NULL && due_us != UINT64_MAX)
		up->timer = loop_timer_new(up->m->loop, "pool", on_timer, up);
	if (up->timer != NULL)
		loop_timer_at(up->timer, due_us);
}

/* Its file is gone, and with the last one that was in it the pool goes, too. */
static void
end_unused(struct unit_pool *up)
{
	struct unit *pu = unit_of(up);

	if (is_empty(up) && pu != NULL && pu->part != NULL && part_is_up(pu->part) &&
	    pu->conf->load_state == UNIT_NOT_FOUND)
		part_down(pu->part, "its file is gone, and nobody is in it any more");
}

/* True when there may be more. */
static bool
admit(struct unit_pool *up)
{
	struct pool_member *x;
	uint64_t now_us = clock_mono_us();

	for (int n = 0; (x = pool_next(up->pool, now_us)) != NULL; n++) {
		struct unit *u = x->data;

		if (n == TURN)
			return true;
		if (hold_why(u) != NULL) {
			pool_set_aside(x);
			unit_render_drop(u);
			continue;
		}
		pool_admit(x, now_us);
		note_start(up);
		svc_on_admitted(u->svc);
	}
	return false;
}

static void
run(struct unit_pool *up)
{
	if (admit(up)) {
		make_due(up);
		return;
	}
	changed(up);
	wait_for_spacing(up);
	end_unused(up);
	drop_unused(up);
}

static void
run_posted(void *arg)
{
	struct manager *m = arg;
	struct strv names = { 0 };

	if (m->pools == NULL || m->phase != MANAGER_RUNNING || m->safe_mode)
		return;
	/* By name: one that nobody is in any more may go. */
	map_keys(&m->pools->by_name, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct unit_pool *up = find(m, names.v[i]);

		if (up == NULL || !up->due)
			continue;
		up->due = false;
		run(up);
	}
	strv_free(&names);
}

void
pools_begin(struct manager *m)
{
	const char *name;
	size_t it = 0;
	void *up;

	while (m->pools != NULL && map_next(&m->pools->by_name, &it, &name, &up))
		make_due(up);
}

/* ---- what services say ---------------------------------------------------------------
 */

/* Of a pool that is named: by the name that its unit has, loaded if it has to be. */
static struct unit *
unit_named(struct manager *m, const char *name)
{
	struct unit *pu = unit_get(m, name);

	return pu != NULL && pu->part != NULL && pu->part->kind == &part_pool ? pu : NULL;
}

static struct pool_member *
member_of(struct unit *u)
{
	if (u->in_pool == NULL) {
		u->in_pool = xcalloc(1, sizeof(*u->in_pool));
		u->in_pool->data = u;
	}
	return u->in_pool;
}

/* By the clock on the wall, so that those that another manager comes to know late are
 * where they were. */
static uint64_t
next_number(struct manager *m)
{
	struct pools *ps = pools_get(m);
	uint64_t now_us = clock_wall_us();

	ps->number = now_us > ps->number ? now_us : ps->number + 1;
	return ps->number;
}

enum svc_pool
pools_enter(struct unit *u, const struct unit_conf *conf, uint64_t *number, char *why,
    size_t size)
{
	struct manager *m = u->manager;
	const char *name = conf->type == UNIT_SERVICE ? conf->service->pool : NULL;
	struct pool_member *x;
	struct unit_pool *up;
	struct unit *pu;

	if (name == NULL) {
		pools_leave(u);
		return SVC_POOL_NONE;
	}
	pu = unit_named(m, name);
	if (pu == NULL) {
		pools_leave(u);
		snprintf(why, size,
		    "Pool=%s: there is no such pool; add its file, with Slots= in [Pool]",
		    name);
		return SVC_POOL_REFUSED;
	}
	up = find_or_make(m, pu->name);
	x = member_of(u);
	if (x->state != POOL_OUT && x->pool != up->pool) {
		pools_leave(u);
		x = member_of(u);
		*number = 0;
	}
	if (*number == 0)
		*number = next_number(m);
	pool_wait(up->pool, x, conf->service->priority, *number);
	changed(up);
	if (m->phase == MANAGER_RUNNING && hold_why(u) == NULL &&
	    pool_next(up->pool, clock_mono_us()) == x) {
		pool_admit(x, clock_mono_us());
		note_start(up);
		return SVC_POOL_ADMITTED;
	}
	make_due(up);
	return SVC_POOL_QUEUED;
}

void
pools_leave(struct unit *u)
{
	struct unit_pool *up = NULL;

	if (u->in_pool == NULL)
		return;
	if (u->in_pool->pool != NULL)
		up = pool_data(u->in_pool->pool);
	pool_leave(u->in_pool);
	free(u->in_pool);
	u->in_pool = NULL;
	if (up == NULL)
		return;
	changed(up);
	make_due(up);
}

void
pools_sync(struct unit *u)
{
	const struct svc_memory *mem = svc_memory(u->svc);
	struct manager *m = u->manager;
	struct pool_member *x;
	struct unit_pool *up;
	struct unit *pu;

	if (mem->pool[0] == '\0') {
		pools_leave(u);
		return;
	}
	pu = unit_named(m, mem->pool);
	up = find_or_make(m, pu != NULL ? pu->name : mem->pool);
	x = member_of(u);
	if (mem->pool_number > pools_get(m)->number)
		m->pools->number = mem->pool_number;
	if (svc_is_queued(u->svc))
		pool_wait(
		    up->pool, x, svc_conf(u->svc)->service->priority, mem->pool_number);
	else if (x->state != POOL_HOLDS)
		pool_hold(up->pool, x);
	make_due(up);
}

void
pools_on_released(struct unit *u)
{
	struct pool_member *x = u->in_pool;
	struct unit_pool *up;

	if (x == NULL || x->state != POOL_ASIDE)
		return;
	up = pool_data(x->pool);
	pool_wait(up->pool, x, x->priority, x->number);
	make_due(up);
}

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

void
pools_why(const struct unit *u, struct buf *out)
{
	const struct manager *m = u->manager;
	const char *name = svc_memory(u->svc)->pool;
	size_t place, n = strlen(name);
	char text[CLOCK_TEXT_MAX];
	uint64_t due_us, now_us = clock_mono_us();
	const struct pool *p;

	buf_addf(out, "queued in %.*s: ", (int)(n > 5 ? n - 5 : n), name);
	if (u->in_pool == NULL || u->in_pool->state == POOL_OUT) {
		buf_adds(out, "supd is beginning");
		return;
	}
	p = u->in_pool->pool;
	place = pool_place(u->in_pool);
	if (place > 0)
		buf_addf(out, "%zu%s, ", place, ordinal(place));
	due_us = pool_due_us(p);
	if (hold_why(u) != NULL)
		buf_adds(out, hold_why(u));
	else if (m->safe_mode)
		buf_adds(out, "supd is in safe mode");
	else if (pool_slots(p) == 0)
		buf_adds(out, "Slots=0 admits nothing");
	else if (pool_held(p) >= pool_slots(p)) {
		buf_addf(
		    out, "%zu of %u slots are taken by ", pool_held(p), pool_slots(p));
		put_holders(p, out);
	} else if (due_us != UINT64_MAX && due_us > now_us)
		buf_addf(out, "the next start is in %s (StartSpacingSec=)",
		    clock_format_duration(text, sizeof(text), due_us - now_us));
	else
		buf_adds(out, "there is a slot");
}

/* ---- what is shown -------------------------------------------------------------------
 */

bool
pools_view(const struct unit *u, struct pools_view *v)
{
	const struct pool *p;

	if (u->part == NULL || u->part->kind != &part_pool)
		return false;
	p = pool_of(u);
	*v = (struct pools_view){
		.slots = pool_slots(p),
		.start_spacing_us = pool_spacing_us(p),
		.taken = pool_held(p),
		.queued = pool_waiting(p),
	};
	return true;
}

static void
render_waiting(const struct pool_member *x, struct jw *w)
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
	jw_kv_str(w, "since", clock_format_utc(text, sizeof(text), x->number));
	jw_kv_str(w, "why", hold_why(u));
	jw_end(w);
}

void
pools_render(const struct unit *u, uint64_t limit, struct jw *w)
{
	struct pool *p = pool_of(u);
	struct pool_member *x = NULL;

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

/* ---- the part ------------------------------------------------------------------------
 */

static struct part *
pool_part_make(void)
{
	return xcalloc(1, sizeof(struct part));
}

static void
pool_part_free(struct part *p)
{
	struct unit_pool *up = find(p->unit->manager, p->unit->name);

	if (up != NULL) {
		up->has_part = false;
		drop_unused(up);
	}
	free(p);
}

static void
pool_part_conf(struct part *p, const struct unit_conf *old)
{
	const struct pool_conf *c = &p->conf->trigger->pool;
	struct unit_pool *up = find_or_make(p->unit->manager, p->unit->name);

	(void)old;
	up->has_part = true;
	pool_set_limits(up->pool, c->slots, c->start_spacing_us);
	make_due(up);
}

static void
pool_part_start(struct part *p, const struct job_request *r)
{
	part_up(p, r->origin);
}

static const char *
pool_part_sub(const struct part *p)
{
	const struct pool *pool = pool_of(p->unit);

	switch (p->active) {
	case SVC_ACTIVE_ACTIVE:
		break;
	case SVC_ACTIVE_FAILED:
		return "failed";
	default:
		return "dead";
	}
	return pool == NULL || pool_held(pool) < pool_slots(pool) ? "open" : "full";
}

static void
pool_part_write(const struct part *p, struct jw *w)
{
	const struct pool *pool = pool_of(p->unit);

	if (pool != NULL && pool_last_us(pool) != 0)
		jw_kv_u64(w, "pool_last_us", pool_last_us(pool));
}

static void
pool_part_restore(struct part *p, const struct jv *v, bool same_boot)
{
	struct pool *pool = pool_of(p->unit);
	uint64_t last_us = jv_u64(jv_get(v, "pool_last_us"));

	/* A time to come would keep all out. */
	if (pool != NULL && same_boot && last_us <= clock_mono_us())
		pool_set_last_us(pool, last_us);
}

static void
pool_part_render(const struct part *p, struct jw *w)
{
	const struct pool *pool = pool_of(p->unit);

	jw_kv_u64(w, "slots", pool_slots(pool));
	jw_kv_u64(w, "taken", pool_held(pool));
	jw_kv_u64(w, "queued", pool_waiting(pool));
}

const struct part_kind part_pool = {
	.make = pool_part_make,
	.free = pool_part_free,
	.conf = pool_part_conf,
	.start = pool_part_start,
	.sub = pool_part_sub,
	.write = pool_part_write,
	.restore = pool_part_restore,
	.section = "pool",
	.render = pool_part_render,
};
