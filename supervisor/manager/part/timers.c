/*
 * timers: see the header.
 */
#include "manager/part/timers.h"

#include <sys/queue.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "manager/activate/timer.h"
#include "manager/activate/timer_queue.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/watch/filewatch.h"
#include "unit/conf.h"

#define LOCALTIME "/etc/localtime"
#define MACHINE_ID "/etc/machine-id"

struct timer_part;

/* A start that was asked for; until its job is done. */
struct timer_ask {
	LIST_ENTRY(timer_ask) link;
	struct timer_part *of;
	char *unit;
};

struct timer_part {
	struct part part;
	struct timer_entry entry;
	LIST_ENTRY(timer_part) link;
	LIST_HEAD(, timer_ask) asks; /* the newest first */
	struct timer *timer;
	const char *origin; /* of the start or stop that goes on */
};

struct timers {
	struct manager *manager;
	struct timer_queue queue;
	struct loop_timer *wake;
	LIST_HEAD(, timer_part) parts;
	struct zone *zone;
	struct stat zone_file; /* of LOCALTIME when it was read */
	struct filewatch_file *watch;
	uint64_t seed;
	uint64_t spread_until_us; /* what is caught up until then is spread */
};

/* ---- all of them ---------------------------------------------------------------------
 */

static void
wake_again(struct timers *ts)
{
	loop_timer_at(ts->wake, timer_queue_next(&ts->queue));
}

static void
on_wake(struct loop_timer *lt, void *arg)
{
	struct timers *ts = arg;
	uint64_t now_us = clock_mono_us();
	struct timer_entry *e;

	(void)lt;
	/* One that is due again at once has its next turn after all others. */
	while ((e = timer_queue_take(&ts->queue, now_us)) != NULL) {
		struct timer_part *tp =
		    (struct timer_part *)((char *)e - offsetof(struct timer_part, entry));

		timer_tick(tp->timer);
	}
	wake_again(ts);
}

static struct zone *
read_zone(struct stat *st)
{
	if (stat(LOCALTIME, st) == -1)
		*st = (struct stat){ 0 };
	return zone_local();
}

static void
on_zone(void *arg)
{
	struct timers *ts = arg;
	struct zone *old = ts->zone;
	struct stat st;
	struct timer_part *tp, *next;

	if (stat(LOCALTIME, &st) == -1)
		st = (struct stat){ 0 };
	if (st.st_dev == ts->zone_file.st_dev && st.st_ino == ts->zone_file.st_ino &&
	    st.st_mtim.tv_sec == ts->zone_file.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == ts->zone_file.st_mtim.tv_nsec)
		return;
	LIST_FOREACH_SAFE (tp, &ts->parts, link, next)
		timer_leave_zone(tp->timer);
	ts->zone = read_zone(&ts->zone_file);
	zone_free(old);
	LIST_FOREACH_SAFE (tp, &ts->parts, link, next)
		timer_on_zone(tp->timer);
}

static uint64_t
mix_text(uint64_t sum, const char *text)
{
	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return sum ^ sum >> 32;
}

/* The same after each boot, another one on each machine and for each instance. */
static uint64_t
make_seed(const struct manager *m)
{
	struct buf id = { 0 };
	uint64_t seed = mix_text(UINT64_C(0xcbf29ce484222325), m->root_path);

	if (file_read_follow_at(AT_FDCWD, MACHINE_ID, 256, &id) == 0)
		seed = mix_text(seed, buf_str(&id));
	buf_free(&id);
	return seed;
}

static struct timers *
timers_of(struct manager *m)
{
	struct timers *ts = m->timers;

	if (ts != NULL)
		return ts;
	ts = m->timers = xcalloc(1, sizeof(*ts));
	ts->manager = m;
	ts->seed = make_seed(m);
	timer_queue_init(&ts->queue, ts->seed);
	ts->wake = loop_timer_new(m->loop, "timers", on_wake, ts);
	LIST_INIT(&ts->parts);
	ts->zone = read_zone(&ts->zone_file);
	if (getenv("TZ") == NULL)
		ts->watch = filewatch_add(m, LOCALTIME, on_zone, ts);
	return ts;
}

void
timers_on_clock_set(struct manager *m)
{
	struct timer_part *tp, *next;

	if (m->timers == NULL)
		return;
	LIST_FOREACH_SAFE (tp, &m->timers->parts, link, next)
		timer_on_clock(tp->timer);
}

/* ---- the world of one -----------------------------------------------------------------
 */

static struct manager *
manager_of(const struct timer_part *tp)
{
	return tp->part.unit->manager;
}

static bool
is_busy_state(enum svc_active a)
{
	return a != SVC_ACTIVE_INACTIVE && a != SVC_ACTIVE_FAILED;
}

static void
ops_look(void *arg, const char *name, struct timer_run *run)
{
	struct timer_part *tp = arg;
	struct unit *u = unit_get(manager_of(tp), name);
	struct job *j;

	*run = (struct timer_run){ .refusal = "not-found" };
	if (u == NULL)
		return;
	run->refusal = unit_trigger_refusal(u);
	j = job_unit_job(u->job_unit);
	run->busy =
	    is_busy_state(unit_active(u)) || (j != NULL && job_type(j) == JOB_START);
	if (u->svc != NULL) {
		const struct svc_memory *mem = svc_memory(u->svc);

		run->exit_wall_us = mem->started_wall_us;
		if (!is_busy_state(unit_active(u)) && mem->started_wall_us != 0)
			run->enter_wall_us = mem->changed_wall_us;
		hex_encode(run->id, mem->invocation, sizeof(mem->invocation));
	} else if (u->part != NULL) {
		run->exit_wall_us = u->part->active_wall_us;
		if (!part_is_up(u->part))
			run->enter_wall_us = u->part->changed_wall_us;
		snprintf(run->id, sizeof(run->id), "%" PRIu64, u->part->active_wall_us);
	}
}

static void
ask_free(struct timer_ask *a)
{
	LIST_REMOVE(a, link);
	free(a->unit);
	free(a);
}

/* Of a start that is done: NULL, or a word for what came between. */
static const char *
why_not(struct manager *m, const char *unit, enum job_result result)
{
	const struct unit *u = unit_find(m, unit);

	switch (result) {
	case JOB_DONE:
		return NULL;
	case JOB_SKIPPED:
		return "condition";
	case JOB_FAILED:
		if (u != NULL && u->svc != NULL)
			return svc_result_name(svc_memory(u->svc)->result);
		return job_result_name(result);
	default:
		return job_result_name(result);
	}
}

/* The same unit was asked for since, as by Overlap=replace: what ends for that reason is
 * the run of an earlier time, and says nothing of the later one. */
static bool
is_superseded(const struct timer_ask *a)
{
	const struct timer_ask *newer;

	LIST_FOREACH (newer, &a->of->asks, link) {
		if (newer == a)
			break;
		if (strcmp(newer->unit, a->unit) == 0)
			return true;
	}
	return false;
}

static void
on_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct timer_ask *a = arg;
	struct timer *t = a->of->timer;
	char *unit = a->unit;
	const char *why = why_not(manager_of(a->of), unit, result);
	bool superseded = is_superseded(a);

	(void)id;
	(void)message;
	a->unit = NULL;
	ask_free(a);
	if (!superseded)
		timer_done(t, unit, why);
	free(unit);
}

static void
ops_start(void *arg, const char *name, bool replace)
{
	struct timer_part *tp = arg;
	struct manager *m = manager_of(tp);
	struct timer_ask *a = xcalloc(1, sizeof(*a));
	struct unit *u = unit_get(m, name);
	struct timer_view v;
	struct buf why = { 0 };
	char env[SVC_START_ENV_MAX];
	struct job_request r = {
		.type = replace ? JOB_RESTART : JOB_START,
		.mode = JOB_AUTOMATIC,
		.origin = tp->part.unit->name,
		.env = env,
	};

	a->of = tp;
	a->unit = xstrdup(name);
	LIST_INSERT_HEAD(&tp->asks, a, link);
	timer_view(tp->timer, &v);
	snprintf(env, sizeof(env),
	    "TRIGGER_UNIT=%s\nTRIGGER_TIMER_REALTIME_USEC=%" PRIu64
	    "\nTRIGGER_TIMER_MONOTONIC_USEC=%" PRIu64,
	    tp->part.unit->name, v.last_wall_us, v.last_mono_us);
	/* A name that is none was refused when it was looked at. */
	if (job_request(m->jobs, u->job_unit, &r, on_done, a, &why) == 0)
		log_warnx("%s: %s: %s", tp->part.unit->name, name, buf_str(&why));
	buf_free(&why);
}

static void
ops_arm(void *arg, uint64_t from_us, uint64_t until_us)
{
	struct timer_part *tp = arg;
	struct timers *ts = timers_of(manager_of(tp));

	timer_queue_set(&ts->queue, &tp->entry, from_us, until_us);
	wake_again(ts);
}

static void
put_memory(struct emitter *ev, const struct timer_part *tp)
{
	struct jw *w = event_jw(ev);

	if (w == NULL)
		return;
	jw_kv_obj(w, "memory");
	part_write(&tp->part, w);
	jw_end(w);
}

static void
put_time(struct emitter *ev, const char *key, uint64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_us != 0)
		event_str(ev, key, clock_format_utc(text, sizeof(text), wall_us));
}

static void
tell_elapsed(struct timer_part *tp, const struct timer_note *n)
{
	struct emitter *ev = manager_of(tp)->events;

	event_begin(ev, EVENT_TIMER_ELAPSED, tp->part.unit->name, NULL);
	event_str(ev, "starts", n->unit);
	event_str(ev, "why", n->why);
	put_time(ev, "for", n->last_wall_us);
	event_bool(ev, "missed", n->missed);
	put_memory(ev, tp);
	event_end(ev);
}

static void
tell_skipped(struct timer_part *tp, const struct timer_note *n)
{
	struct emitter *ev = manager_of(tp)->events;

	event_begin(ev, EVENT_TIMER_SKIPPED, tp->part.unit->name, NULL);
	event_str(ev, "why", n->why);
	event_int(ev, "count", (int64_t)n->count);
	put_time(ev, "first", n->first_wall_us);
	put_time(ev, "last", n->last_wall_us);
	put_memory(ev, tp);
	event_end(ev);
}

static void
tell_state(struct timer_part *tp, const struct timer_note *n)
{
	bool is_dead = timer_state(tp->timer) == TIMER_DEAD;

	if (is_dead)
		part_down(
		    &tp->part, tp->origin != NULL ? tp->origin : "it has no time left");
	else if (n->old == TIMER_DEAD)
		part_up(&tp->part, tp->origin);
	else
		part_changed(&tp->part);
}

static void
ops_tell(void *arg, const struct timer_note *n)
{
	struct timer_part *tp = arg;

	switch (n->what) {
	case TIMER_NOTE_STATE:
		tell_state(tp, n);
		break;
	case TIMER_NOTE_ELAPSED:
		tell_elapsed(tp, n);
		break;
	case TIMER_NOTE_SKIPPED:
		tell_skipped(tp, n);
		break;
	case TIMER_NOTE_MEMORY:
		event_begin(
		    manager_of(tp)->events, EVENT_UNIT_MEMORY, tp->part.unit->name, NULL);
		put_memory(manager_of(tp)->events, tp);
		event_end(manager_of(tp)->events);
		break;
	}
	unit_render_drop(tp->part.unit);
}

static const struct zone *
ops_zone(void *arg)
{
	struct timer_part *tp = arg;

	return timers_of(manager_of(tp))->zone;
}

/* The first at once; others while that may still go on, somewhen within the window. */
static uint64_t
ops_spread(void *arg)
{
	struct timer_part *tp = arg;
	struct manager *m = manager_of(tp);
	struct timers *ts = timers_of(m);
	uint64_t window = m->conf->timer_catch_up_us, now_us = clock_mono_us();
	uint64_t number = (uint64_t)arc4random() << 32 | arc4random();
	bool first = now_us >= ts->spread_until_us;

	if (window == 0)
		return 0;
	if (first)
		ts->spread_until_us = clock_add_us(now_us, window);
	return first ? 0 : number % window;
}

/* ---- the part ------------------------------------------------------------------------
 */

static struct part *
timer_make(void)
{
	struct timer_part *tp = xcalloc(1, sizeof(*tp));

	LIST_INIT(&tp->asks);
	return &tp->part;
}

static struct timer_part *
of(struct part *p)
{
	return (struct timer_part *)p;
}

static void
timer_part_free(struct part *p)
{
	struct timer_part *tp = of(p);
	struct manager *m = manager_of(tp);
	struct timer_ask *a;

	while ((a = LIST_FIRST(&tp->asks)) != NULL) {
		job_forget_waiters(m->jobs, a);
		ask_free(a);
	}
	timer_queue_set(&m->timers->queue, &tp->entry, USEC_INFINITY, USEC_INFINITY);
	LIST_REMOVE(tp, link);
	timer_free(tp->timer);
	free(tp);
}

/* What was monotonic when supd began. */
static uint64_t
begin_us(const struct manager *m)
{
	uint64_t mono_us = clock_mono_us(), wall_us = clock_wall_us();
	uint64_t ago = wall_us > m->boot_wall_us ? wall_us - m->boot_wall_us : 0;

	return ago < mono_us ? mono_us - ago : 0;
}

static void
timer_part_conf(struct part *p, const struct unit_conf *old)
{
	struct timer_part *tp = of(p);
	struct manager *m = manager_of(tp);
	struct timers *ts = timers_of(m);
	struct timer_ops ops = { ops_look, ops_start, ops_arm, ops_tell, ops_zone,
		ops_spread, .arg = tp, .seed = ts->seed };

	if (old != NULL) {
		timer_set_conf(tp->timer, &p->conf->trigger->timer);
		return;
	}
	ops.begin_us = begin_us(m);
	ops.boot_us = m->is_pid1 ? ops.begin_us : 0;
	LIST_INSERT_HEAD(&ts->parts, tp, link);
	tp->timer = timer_new(p->unit->name, &p->conf->trigger->timer, &ops);
}

static void
timer_part_start(struct part *p, const struct job_request *r)
{
	struct timer_part *tp = of(p);
	char name[UNIT_NAME_MAX + 1];
	char why[SVC_WHY_MAX];

	for (size_t i = 0; timer_unit(tp->timer, i, name, sizeof(name)); i++) {
		const struct unit *u = unit_get(manager_of(tp), name);

		if (u != NULL && u->conf->load_state != UNIT_NOT_FOUND)
			continue;
		snprintf(why, sizeof(why),
		    "there is no %.150s, which it is to start: add it, or name another "
		    "by Unit=",
		    name);
		part_fail(p, "resources", why);
		return;
	}
	tp->origin = r->origin;
	timer_start(tp->timer);
	tp->origin = NULL;
}

static void
timer_part_stop(struct part *p, const char *origin)
{
	struct timer_part *tp = of(p);
	bool person = p->unit->wish == WISH_STOPPED;

	tp->origin = origin;
	timer_stop(tp->timer, manager_of(tp)->shutdown != NULL ? TIMER_STOP_END
			      : person                         ? TIMER_STOP_PERSON
							       : TIMER_STOP_UNIT);
	tp->origin = NULL;
	/* Up, though there was nothing to stop. */
	if (part_is_up(p))
		part_down(p, origin);
}

static const char *
timer_part_sub(const struct part *p)
{
	const struct timer_part *tp = (const struct timer_part *)p;

	if (p->active == SVC_ACTIVE_FAILED)
		return "failed";
	return timer_state_name(timer_state(tp->timer));
}

static void
timer_part_write(const struct part *p, struct jw *w)
{
	const struct timer_part *tp = (const struct timer_part *)p;

	jw_kv_obj(w, "timer");
	timer_write(tp->timer, w);
	jw_end(w);
}

static void
timer_part_restore(struct part *p, const struct jv *v, bool same_boot)
{
	struct timer_part *tp = of(p);
	struct json_err err;

	if (timer_restore(
		tp->timer, jv_get(v, "timer"), same_boot, part_is_up(p), &err) == -1)
		log_warnx("%s: what was remembered of it is damaged: %s", p->unit->name,
		    err.text);
}

static void
timer_part_resume(struct part *p)
{
	struct timer_part *tp = of(p);

	if (timer_state(tp->timer) == TIMER_DEAD)
		timer_start(tp->timer);
	else
		timer_resume(tp->timer);
}

static void
timer_part_triggered(
    struct part *p, struct unit *u, enum svc_active from, enum svc_active to)
{
	struct timer_part *tp = of(p);
	bool was = is_busy_state(from), is = is_busy_state(to);
	char name[UNIT_NAME_MAX + 1];

	unit_render_drop(p->unit);
	if (was == is)
		return;
	for (size_t i = 0; timer_unit(tp->timer, i, name, sizeof(name)); i++)
		if (unit_find(manager_of(tp), name) == u)
			timer_on_unit(
			    tp->timer, name, is, !is && u->wish == WISH_STOPPED);
}

static void
write_time(struct jw *w, const char *key, uint64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_us == 0 || wall_us == USEC_INFINITY)
		jw_kv_null(w, key);
	else
		jw_kv_str(w, key, clock_format_utc(text, sizeof(text), wall_us));
}

/* How the last run of what it starts ended; of several, one that failed. */
static const char *
result_of(const struct timer_part *tp)
{
	const char *result = NULL;
	char name[UNIT_NAME_MAX + 1];

	for (size_t i = 0; timer_unit(tp->timer, i, name, sizeof(name)); i++) {
		const struct unit *u = unit_find(manager_of(tp), name);
		const char *one = NULL;

		if (u != NULL && u->svc != NULL && svc_memory(u->svc)->order != 0)
			one = svc_result_name(svc_memory(u->svc)->result);
		else if (u != NULL && u->part != NULL && u->part->changed_wall_us != 0)
			one = u->part->result;
		if (one != NULL && (result == NULL || strcmp(result, "success") == 0))
			result = one;
	}
	return result;
}

static void
timer_part_render(const struct part *p, struct jw *w)
{
	const struct timer_part *tp = (const struct timer_part *)p;
	char name[UNIT_NAME_MAX + 1];
	struct timer_view v;

	timer_view(tp->timer, &v);
	jw_kv_arr(w, "activates");
	for (size_t i = 0; timer_unit(tp->timer, i, name, sizeof(name)); i++)
		jw_str(w, name);
	jw_end(w);
	write_time(w, "next", v.due_wall_us);
	write_time(w, "next_realtime", v.next_wall_us);
	if (v.next_mono_us != USEC_INFINITY)
		jw_kv_u64(w, "next_monotonic_us", v.next_mono_us);
	write_time(w, "last", v.last_wall_us);
	jw_kv_str(w, "result", result_of(tp));
	jw_kv_u64(w, "runs", v.count);
	jw_kv_u64(w, "skipped", v.skipped);
	jw_kv_str(w, "skipped_why", v.skipped_why);
	write_time(w, "skipped_last", v.skipped_wall_us);
	jw_kv_bool(w, "waits", v.waits);
}

const struct part_kind part_timer = {
	.make = timer_make,
	.free = timer_part_free,
	.conf = timer_part_conf,
	.start = timer_part_start,
	.stop = timer_part_stop,
	.sub = timer_part_sub,
	.write = timer_part_write,
	.restore = timer_part_restore,
	.resume = timer_part_resume,
	.on_triggered = timer_part_triggered,
	.section = "timer",
	.render = timer_part_render,
};
