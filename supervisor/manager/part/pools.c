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
#include "manager/part/pool_gate.h"
#include "manager/part/pools_int.h"
#include "manager/units.h"
#include "manager/wish/hold.h"
#include "unit/conf.h"
#include "unit/name.h"

enum {
	TURN = 64,          /* so many are admitted before others are heard */
	STARTS_WRITTEN = 64 /* numbers of them, at most twice as many */
};
static_assert((int)UNIT_POOL_RATE_MAX == (int)POOL_RATE_MAX, "starts are remembered");

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
	up->pool = pool_new(&(struct pool_limits){ .slots = 1 });
	pool_set_data(up->pool, up);
	map_set(&pools_get(m)->by_name, name, up);
	return up;
}

static void
unit_pool_free(struct unit_pool *up)
{
	if (up->timer != NULL)
		loop_timer_free(up->timer);
	free(up->shut);
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

/* What it says of its limits; NULL: nobody knows any more. */
static const struct pool_conf *
conf_of(const struct unit_pool *up)
{
	const struct unit *pu = unit_of(up);

	return pu == NULL || pu->part == NULL ? NULL : &pu->part->conf->trigger->pool;
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

struct unit_pool *
pools_of_unit(const struct unit *u)
{
	return find(u->manager, u->name);
}

static struct pool *
pool_of(const struct unit *u)
{
	const struct unit_pool *up = find(u->manager, u->name);

	return up == NULL ? NULL : up->pool;
}

/* ---- who is admitted -----------------------------------------------------------------
 */

/* Starts are kept with the unit where they matter. */
static void
note_start(struct unit_pool *up)
{
	const struct pool_limits *l = pool_limits(up->pool);
	const struct unit *pu = unit_of(up);

	if ((l->spacing_us > 0 || l->jitter_us > 0 || l->rate > 0) && pu != NULL &&
	    pu->part != NULL)
		part_memory_changed(pu->part);
}

static void
let_in(struct unit_pool *up, struct pool_member *x)
{
	const struct pool_conf *c = conf_of(up);
	uint64_t extra_us = 0;

	if (c != NULL && c->start_spacing_jitter_us > 0)
		extra_us = (uint64_t)((double)c->start_spacing_jitter_us *
				      (arc4random() / 4294967296.0));
	pool_admit(x, pools_now_us(), extra_us);
	note_start(up);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	make_due(arg);
}

/* When it is to be looked at again, though nothing happens. */
static void
wait_for_time(struct unit_pool *up)
{
	uint64_t until_us, at_us = UINT64_MAX;
	enum pool_bar bar = pool_bar(up->pool, pools_now_us(), &until_us);

	if (bar == POOL_BAR_SPACING || bar == POOL_BAR_RATE)
		at_us = until_us - POOLS_BEFORE_BOOT_US;
	if (bar == POOL_BAR_NONE && up->shut != NULL) {
		at_us = clock_add_us(clock_mono_us(), POOL_GATE_US);
	} else {
		/* Nobody is kept out by it, whatever it is like now. */
		free(up->shut);
		up->shut = NULL;
	}
	if (up->timer == NULL && at_us != UINT64_MAX)
		up->timer = loop_timer_new(up->m->loop, "pool", on_timer, up);
	if (up->timer != NULL)
		loop_timer_at(up->timer, at_us);
}

/* Whether somebody can be admitted at all, besides what pool.h knows of.  Asked only when
 * somebody would be. */
static bool
is_open(struct unit_pool *up)
{
	const struct unit *pu = unit_of(up);
	const struct pool_conf *c = conf_of(up);
	struct buf why = { 0 };

	free(up->shut);
	up->shut = NULL;
	if (pu != NULL &&
	    (hold_why(pu) != NULL || (pu->part != NULL && !part_is_up(pu->part))))
		return false;
	if (c == NULL || pool_gate_look(c, &why))
		return true;
	up->shut = buf_take(&why);
	return false;
}

/* A held one does not keep out those behind it, though it were too large for what is
 * free. */
static void
set_held_aside(struct pool *p)
{
	struct pool_member *x;

	while ((x = pool_first(p)) != NULL && hold_why(x->data) != NULL) {
		pool_set_aside(x);
		unit_render_drop(x->data);
	}
}

bool
pools_admit(const struct manager *m)
{
	return m->phase == MANAGER_RUNNING && !m->safe_mode;
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
	bool open = false;

	for (int n = 0; n < TURN; n++) {
		set_held_aside(up->pool);
		x = pool_next(up->pool, pools_now_us());
		if (x == NULL || (!open && !is_open(up)))
			return false;
		open = true;
		let_in(up, x);
		svc_on_admitted(((struct unit *)x->data)->svc);
	}
	return true;
}

static void
run(struct unit_pool *up)
{
	if (admit(up)) {
		make_due(up);
		return;
	}
	changed(up);
	wait_for_time(up);
	end_unused(up);
	drop_unused(up);
}

static void
run_posted(void *arg)
{
	struct manager *m = arg;
	struct strv names = { 0 };

	if (m->pools == NULL || !pools_admit(m))
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

/* As its file says now, or said when it was started. */
static void
wait_in(
    struct unit_pool *up, struct unit *u, const struct unit_conf *conf, uint64_t number)
{
	char *group = unit_name_template(u->name);

	pool_wait(up->pool, member_of(u),
	    &(struct pool_claim){ .priority = conf->service->priority,
		.weight = conf->service->pool_weight,
		.number = number,
		.group = group });
	free(group);
}

/* It is up before a start that requires it; who is moved into it while it waits has not
 * asked for that. */
static void
start_pool(struct unit *pu)
{
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .origin = "Pool="
	};

	if (!part_is_up(pu->part) && job_unit_job(pu->job_unit) == NULL)
		(void)job_request(pu->manager->jobs, pu->job_unit, &r, NULL, NULL, NULL);
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
	wait_in(up, u, conf, *number);
	changed(up);
	strlcpy(why, pu->name, size);
	/* At once only who is alone: the order of many is made once for all of them. */
	if (pools_admit(m) && pool_waiting(up->pool) == 1 && hold_why(u) == NULL &&
	    pool_next(up->pool, pools_now_us()) == x && is_open(up)) {
		let_in(up, x);
		return SVC_POOL_ADMITTED;
	}
	start_pool(pu);
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
		wait_in(up, u, svc_conf(u->svc), mem->pool_number);
	else if (x->state != POOL_HOLDS)
		pool_hold(up->pool, x, svc_conf(u->svc)->service->pool_weight);
	make_due(up);
}

void
pools_on_held(struct unit *u)
{
	if (u->in_pool != NULL && u->in_pool->state == POOL_WAITS)
		make_due(pool_data(u->in_pool->pool));
}

void
pools_on_released(struct unit *u)
{
	struct pool_member *x = u->in_pool;
	struct unit_pool *up = find(u->manager, u->name);

	/* A pool. */
	if (up != NULL)
		make_due(up);
	if (x == NULL || x->state != POOL_ASIDE)
		return;
	up = pool_data(x->pool);
	wait_in(up, u, svc_conf(u->svc), x->number);
	make_due(up);
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
	pool_set_limits(up->pool, &(struct pool_limits){ .slots = c->slots,
				      .spacing_us = c->start_spacing_us,
				      .jitter_us = c->start_spacing_jitter_us,
				      .rate = c->rate.n,
				      .rate_us = c->rate.us });
	make_due(up);
}

static void
pool_part_start(struct part *p, const struct job_request *r)
{
	struct unit_pool *up = find(p->unit->manager, p->unit->name);

	part_up(p, r->origin);
	if (up != NULL)
		make_due(up);
}

static const char *
pool_part_sub(const struct part *p)
{
	const struct unit_pool *up = find(p->unit->manager, p->unit->name);

	switch (p->active) {
	case SVC_ACTIVE_ACTIVE:
		break;
	case SVC_ACTIVE_FAILED:
		return "failed";
	default:
		return "dead";
	}
	if (hold_why(p->unit) != NULL)
		return "held";
	if (up == NULL || pool_taken(up->pool) < pool_limits(up->pool)->slots)
		return up != NULL && up->shut != NULL ? "busy" : "open";
	return "full";
}

/*
 * Starts, as few numbers: those of each part of the time of RateLimit= count as the last
 * of them, so that a new manager admits no sooner than this one would.  By the monotonic
 * clock, and by that on the wall for another boot.
 */
static void
pool_part_write(const struct part *p, struct jw *w)
{
	const struct pool *pool = pool_of(p->unit);
	uint64_t part_us, last_us = 0, us, n = 0;

	if (pool == NULL || pool_start_us(pool, 0) == 0)
		return;
	part_us = pool_limits(pool)->rate_us / STARTS_WRITTEN;
	jw_kv_u64(w, "pool_now", pools_now_us());
	jw_kv_u64(w, "pool_wall", clock_wall_us());
	jw_kv_u64(w, "pool_extra", pool_extra_us(pool));
	jw_kv_arr(w, "pool_starts");
	for (size_t i = 0; (us = pool_start_us(pool, i)) != 0; i++) {
		uint64_t next_us = pool_start_us(pool, i + 1);

		if (n == 0)
			last_us = clock_add_us(us, part_us);
		n++;
		if (next_us != 0 && next_us <= last_us)
			continue;
		jw_u64(w, us);
		jw_u64(w, n);
		n = 0;
	}
	jw_end(w);
}

/* How much later it is than when that was written. */
static uint64_t
since_written_us(const struct jv *v, bool same_boot)
{
	uint64_t now_us = same_boot ? pools_now_us() : clock_wall_us();
	uint64_t then_us = jv_u64(jv_get(v, same_boot ? "pool_now" : "pool_wall"));

	/* (The clock on the wall may have been set back.) */
	return now_us > then_us ? now_us - then_us : 0;
}

static void
pool_part_restore(struct part *p, const struct jv *v, bool same_boot)
{
	struct pool *pool = pool_of(p->unit);
	uint64_t now_us = pools_now_us(), since_us = since_written_us(v, same_boot);
	uint64_t then_us = jv_u64(jv_get(v, "pool_now"));
	const struct jv *starts = jv_get(v, "pool_starts");
	size_t left = POOL_RATE_MAX;

	if (pool == NULL)
		return;
	for (size_t i = 0; i + 1 < jv_count(starts); i += 2) {
		uint64_t us = jv_u64(jv_at(starts, i)), n = jv_u64(jv_at(starts, i + 1));
		uint64_t age_us = clock_add_us(since_us, us < then_us ? then_us - us : 0);

		for (; age_us < now_us && n > 0 && left > 0; n--, left--)
			pool_add_start(pool, now_us - age_us);
	}
	pool_set_extra_us(pool, jv_u64(jv_get(v, "pool_extra")));
}

static void
pool_part_render(const struct part *p, struct jw *w)
{
	const struct pool *pool = pool_of(p->unit);

	jw_kv_u64(w, "slots", pool_limits(pool)->slots);
	jw_kv_u64(w, "taken", pool_taken(pool));
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
