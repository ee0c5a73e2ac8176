#include "manager/part/stales.h"

#include <sys/inotify.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/ledger_file.h"
#include "manager/part/stales_int.h"
#include "manager/record/event.h"
#include "manager/service/helper.h"
#include "manager/units.h"
#include "manager/watch/pathlook.h"
#include "unit/conf.h"

/* Of a folder: a file in it is new, or was written and closed. */
#define FILES_MASK (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO)

#define SCAN_TIMEOUT_US (10 * USEC_PER_MINUTE)
/* Between two scans; and a scan takes no more than a tenth of the time. */
#define SCAN_GAP_US (1 * USEC_PER_SEC)
enum { SCAN_SHARE = 10 };

static struct stale_part *
of(struct part *p)
{
	return (struct stale_part *)p;
}

struct manager *
stale_manager(const struct stale_part *sp)
{
	return sp->part.unit->manager;
}

const struct path_conf *
stale_conf(const struct stale_part *sp)
{
	return &sp->part.conf->trigger->path;
}

/* ---- when ----------------------------------------------------------------------------
 */

static void
set_blind(struct stale_part *sp, bool blind)
{
	struct stales *ss = stale_manager(sp)->stales;

	if (sp->blind == blind)
		return;
	sp->blind = blind;
	if (blind)
		ss->n_blind++;
	else if (--ss->n_blind == 0)
		units_forget_soon(stale_manager(sp));
}

bool
stales_are_blind(const struct manager *m)
{
	return m->stales != NULL && m->stales->n_blind > 0;
}

static uint64_t
max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
scan_every(const struct stale_part *sp)
{
	return max_u64(stale_conf(sp)->scan_us, SCAN_GAP_US);
}

void
stale_scan_due(struct stale_part *sp, uint64_t wall_us)
{
	uint64_t now_us = clock_mono_us(), now_wall_us = clock_wall_us(), at;

	if (wall_us < sp->due_wall_us)
		sp->due_wall_us = wall_us;
	if (!part_is_up(&sp->part) || sp->scan != NULL)
		return;
	at = wall_us > now_wall_us ? clock_add_us(now_us, wall_us - now_wall_us) : now_us;
	at = max_u64(at, sp->not_sooner_us);
	if (at < loop_timer_deadline_us(sp->timer))
		loop_timer_at(sp->timer, at);
}

static bool
found_any(void *arg, const char *path, const char *captured)
{
	(void)arg;
	(void)path;
	(void)captured;
	return true;
}

/* The folders of the files, however many files there are.  What of them cannot be watched
 * is seen by a scan. */
static void
watch_folders(struct stale_part *sp)
{
	const struct path_conf *c = stale_conf(sp);

	sp->relook = false;
	pathlook_begin(sp->look);
	for (size_t i = 0; i < c->watch.n; i++) {
		const char *path = c->watch.v[i].path, *slash = strrchr(path, '/');
		char *folder =
		    slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));

		pathlook_set_end(sp->look, FILES_MASK, i);
		free(pathlook_walk(sp->look, folder, true, found_any, NULL));
		free(folder);
	}
}

static void
on_look(void *arg)
{
	struct stale_part *sp = arg;
	bool file = pathlook_hit(sp->look) >= 0 && !pathlook_was_lost(sp->look);

	sp->relook = true;
	/* A file counts when it is old enough, in a folder that is new there may be some
	 * that are. */
	stale_scan_due(
	    sp, clock_add_us(clock_wall_us(), file ? stale_conf(sp)->stale_us : 0));
}

/* ---- a scan --------------------------------------------------------------------------
 */

static bool
is_news(const struct stale_part *sp, const struct stale_counts *c)
{
	return sp->started > 0 || sp->scanned_wall_us == 0 ||
	       memcmp(&sp->counts, c, sizeof(*c)) != 0;
}

static void
tell_scan(struct stale_part *sp)
{
	struct emitter *ev = stale_manager(sp)->events;

	event_begin(ev, EVENT_WATCH_SCAN, sp->part.unit->name, NULL);
	event_int(ev, "found", (int64_t)sp->counts.found);
	event_int(ev, "stale", (int64_t)sp->counts.stale);
	event_int(ev, "open", (int64_t)(sp->counts.open + sp->counts.unknown));
	event_int(ev, "done", (int64_t)sp->counts.done);
	event_int(ev, "waiting", (int64_t)sp->counts.waits);
	event_int(ev, "quarantined", (int64_t)sp->counts.quarantined);
	event_int(ev, "started", (int64_t)sp->started);
	event_int(ev, "running", (int64_t)sp->flights.n);
	event_us(ev, "took_us", sp->took_us);
	event_end(ev);
}

/* Nothing is started now; stales_begin says when it is. */
static bool
may_start(const struct manager *m)
{
	return m->phase == MANAGER_RUNNING && !m->safe_mode && m->shutdown == NULL;
}

static void
take_answer(struct stale_part *sp, struct stale_answer *a)
{
	bool news;

	if (!may_start(stale_manager(sp)))
		return;
	for (size_t i = 0; i < a->n_unsettled; i++)
		stale_resume(sp, a->unsettled[i]);
	for (size_t i = 0; i < a->n_start; i++)
		if (stale_start(sp, &a->start[i]) == -1)
			break;
	sp->gone = a->gone;
	free(sp->problem);
	sp->problem = a->problem;
	a->problem = NULL;
	if (a->failed)
		return;
	if (!a->more_unsettled)
		set_blind(sp, false);
	news = is_news(sp, &a->counts);
	sp->counts = a->counts;
	sp->scanned_wall_us = clock_wall_us();
	if (news)
		tell_scan(sp);
}

static void
take_failure(struct stale_part *sp, int err)
{
	free(sp->problem);
	sp->problem = err == ETIMEDOUT ? xstrdup("its files were not all seen in time")
				       : xasprintf("its files cannot be looked at: %s",
					     err == EPIPE ? "the process that does died"
							  : strerror(err));
}

static void
on_scanned(void *arg, const struct buf *answer)
{
	struct stale_part *sp = arg;
	uint64_t due_wall_us = UINT64_MAX, now_us;
	int err = errno;
	struct stale_answer a;

	sp->scan = NULL;
	now_us = clock_mono_us();
	sp->took_us = now_us - sp->began_us;
	sp->not_sooner_us =
	    clock_add_us(now_us, max_u64(SCAN_GAP_US, SCAN_SHARE * sp->took_us));
	if (answer == NULL) {
		take_failure(sp, err);
	} else if (stale_answer_read(answer, &a) == -1) {
		take_failure(sp, EPROTO);
	} else {
		take_answer(sp, &a);
		due_wall_us = a.more_unsettled ? 0 : a.due_wall_us;
		stale_answer_clear(&a);
	}
	stale_hand_clear(sp, &sp->asked);
	loop_timer_at(
	    sp->timer, max_u64(clock_add_us(now_us, scan_every(sp)), sp->not_sooner_us));
	stale_scan_due(sp, due_wall_us);
	unit_render_drop(sp->part.unit);
}

static void
scan(struct stale_part *sp)
{
	struct manager *m = stale_manager(sp);

	loop_timer_stop(sp->timer);
	/* What could not be written before may be now. */
	stale_flights_settle(sp);
	if (sp->relook)
		watch_folders(sp);
	free(sp->refused);
	sp->refused = NULL;
	sp->started = 0;
	sp->due_wall_us = UINT64_MAX;
	sp->began_us = clock_mono_us();
	stale_hand_ask(sp);
	sp->question = (struct stale_question){
		.root = m->root_path,
		.unit = sp->part.unit->name,
		.conf = stale_conf(sp),
		.in_flight = &sp->flights,
		.by_hand = &sp->asked,
		.now_wall_us = clock_wall_us(),
		.merge = ledger_file_rotate(
		    m->root_fd, sp->part.unit->name, sp->gone > sp->counts.found / 8),
	};
	sp->scan = helper_new(m->loop, stale_scan_work, &sp->question,
	    sizeof(sp->question), SCAN_TIMEOUT_US, on_scanned, sp);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct stale_part *sp = arg;

	(void)t;
	if (part_is_up(&sp->part) && sp->scan == NULL && may_start(stale_manager(sp)))
		scan(sp);
}

/* ---- the part ------------------------------------------------------------------------
 */

static struct part *
stale_make(void)
{
	struct stale_part *sp = xcalloc(1, sizeof(*sp));

	sp->due_wall_us = UINT64_MAX;
	return &sp->part;
}

static void
end_scan(struct stale_part *sp)
{
	helper_free(sp->scan);
	sp->scan = NULL;
	loop_timer_stop(sp->timer);
	pathlook_stop(sp->look);
	stale_hand_clear(sp, &sp->asked);
	stale_hand_clear(sp, &sp->noticed);
	set_blind(sp, false);
}

static void
stale_free(struct part *p)
{
	struct stale_part *sp = of(p);
	struct manager *m = stale_manager(sp);

	job_forget_waiters(m->jobs, sp);
	end_scan(sp);
	helper_free(sp->sync);
	stale_flights_free(sp);
	LIST_REMOVE(sp, next);
	loop_timer_free(sp->timer);
	pathlook_free(sp->look);
	free(sp->problem);
	free(sp->refused);
	free(sp);
}

static void
begin(struct stale_part *sp)
{
	sp->relook = true;
	sp->not_sooner_us = 0;
	/* (What this manager has seen since its first scan it knows.) */
	if (sp->scanned_wall_us == 0)
		set_blind(sp, true);
	stale_scan_due(sp, 0);
}

static void
stale_part_conf(struct part *p, const struct unit_conf *old)
{
	struct stale_part *sp = of(p);
	struct manager *m = stale_manager(sp);

	if (old == NULL) {
		if (m->stales == NULL)
			m->stales = xcalloc(1, sizeof(*m->stales));
		LIST_INSERT_HEAD(&m->stales->all, sp, next);
		sp->look = pathlook_new(m, on_look, sp);
		sp->timer = loop_timer_new(m->loop, "stale", on_timer, sp);
		return;
	}
	/* The helper was asked about what is freed now. */
	end_scan(sp);
	if (part_is_up(p))
		begin(sp);
}

static void
stale_part_start(struct part *p, const struct job_request *r)
{
	struct stale_part *sp = of(p);
	const char *template = stale_conf(sp)->unit;
	const struct unit *t = unit_get(stale_manager(sp), template);
	char why[SVC_WHY_MAX];

	if (t == NULL || t->conf->load_state == UNIT_NOT_FOUND) {
		snprintf(why, sizeof(why),
		    "there is no %.150s, which it is to start: add it, or name another "
		    "by Unit=",
		    template);
		part_add_next(p, why, sizeof(why));
		part_fail(p, "resources", why);
		return;
	}
	part_up(p, r->origin);
	begin(sp);
}

static void
stale_part_stop(struct part *p, const char *origin)
{
	end_scan(of(p));
	part_down(p, origin);
}

static const char *
stale_part_sub(const struct part *p)
{
	const struct stale_part *sp = (const struct stale_part *)p;

	if (p->active == SVC_ACTIVE_FAILED)
		return "failed";
	if (p->active == SVC_ACTIVE_INACTIVE)
		return "dead";
	return sp->flights.n > 0 ? "running" : "waiting";
}

static void
stale_part_resume(struct part *p)
{
	begin(of(p));
}

static void
stale_part_render(const struct part *p, struct jw *w)
{
	const struct stale_part *sp = (const struct stale_part *)p;
	const struct path_conf *c = stale_conf(sp);

	jw_kv_str(w, "activates", c->unit);
	jw_kv_arr(w, "watches");
	for (size_t i = 0; i < c->watch.n; i++) {
		jw_obj(w);
		jw_kv_str(w, "condition", path_kind_name(c->watch.v[i].kind));
		jw_kv_str(w, "path", c->watch.v[i].path);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_time(w, "last", sp->last_wall_us);
	jw_kv_null(w, "last_path");
	jw_kv_u64(w, "triggers", sp->triggers);
	jw_kv_str(w, "refused", sp->refused);
	jw_kv_str(w, "problem",
	    sp->unwritten ? "its ledger cannot be written; nothing is started"
			  : sp->problem);
	jw_kv_obj(w, "files");
	jw_kv_time(w, "scanned", sp->scanned_wall_us);
	jw_kv_u64(w, "took_us", sp->took_us);
	jw_kv_u64(w, "found", sp->counts.found);
	jw_kv_u64(w, "stale", sp->counts.stale);
	jw_kv_u64(w, "open", sp->counts.open);
	jw_kv_u64(w, "unknown", sp->counts.unknown);
	jw_kv_u64(w, "done", sp->counts.done);
	jw_kv_u64(w, "waiting", sp->counts.waits);
	jw_kv_u64(w, "quarantined", sp->counts.quarantined);
	jw_kv_u64(w, "running", sp->flights.n);
	jw_end(w);
}

const struct part_kind part_stale = {
	.make = stale_make,
	.free = stale_free,
	.conf = stale_part_conf,
	.start = stale_part_start,
	.stop = stale_part_stop,
	.sub = stale_part_sub,
	.resume = stale_part_resume,
	.section = "path",
	.render = stale_part_render,
};

static void
begin_one(struct unit *u, void *arg)
{
	(void)arg;
	if (stales_is_one(u) && part_is_up(u->part))
		begin(of(u->part));
}

void
stales_begin(struct manager *m)
{
	if (may_start(m))
		units_look(m, begin_one, NULL);
}

/* ---- for control ---------------------------------------------------------------------
 */

bool
stales_is_one(const struct unit *u)
{
	return u->part != NULL && u->part->kind == &part_stale;
}

bool
stales_has_run(const struct unit *u, const char *instance)
{
	return map_has(&of(u->part)->flights, instance);
}

int
stales_forget(struct unit *u, const char *instance)
{
	struct stale_part *sp = of(u->part);
	char *name = xstrdup(instance);
	const struct ledger_entry e = {
		.instance = name,
		.result = LEDGER_FORGOTTEN,
		.at_wall_us = clock_wall_us(),
	};
	int r = stale_write(sp, &e);

	free(name);
	if (r == 0)
		stale_scan_due(sp, 0);
	return r;
}
