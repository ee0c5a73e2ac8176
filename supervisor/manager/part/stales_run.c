/*
 * stales_run: runs of a watcher, from the line in the ledger to the next one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/ledger_file.h"
#include "manager/part/stales.h"
#include "manager/part/stales_int.h"
#include "manager/record/event.h"
#include "manager/service/helper.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/name.h"

#define SYNC_TIMEOUT_US (60 * USEC_PER_SEC)

/* ---- the ledger ----------------------------------------------------------------------
 */

static void sync_soon(struct stale_part *sp);

static void
on_synced(void *arg, const struct buf *answer)
{
	struct stale_part *sp = arg;

	(void)answer; /* The next one, or the next scan's merge, does it as well. */
	sp->sync = NULL;
	if (sp->sync_again)
		sync_soon(sp);
}

/* What was written is in the hands of the kernel; that it outlives the machine's power
 * is waited for by a helper, once for many lines. */
static void
sync_soon(struct stale_part *sp)
{
	const struct manager *m = stale_manager(sp);
	struct buf q = { 0 };

	sp->sync_again = sp->sync != NULL;
	if (sp->sync != NULL)
		return;
	buf_append(&q, m->root_path, strlen(m->root_path) + 1);
	buf_append(&q, sp->part.unit->name, strlen(sp->part.unit->name) + 1);
	sp->sync = helper_new(
	    m->loop, stale_sync_work, buf_str(&q), q.len, SYNC_TIMEOUT_US, on_synced, sp);
	buf_free(&q);
}

int
stale_write(struct stale_part *sp, const struct ledger_entry *e)
{
	const struct manager *m = stale_manager(sp);
	char *path = unit_name_path_unescape(e->instance);
	struct buf line = { 0 };
	int r, err;

	ledger_put_line(e, path, &line);
	r = ledger_file_append(m->root_fd, sp->part.unit->name, &line);
	err = errno;
	if (r == -1 && !sp->unwritten)
		log_warn("%s: its ledger cannot be written; nothing is started",
		    sp->part.unit->name);
	sp->unwritten = r == -1;
	if (r == 0)
		sync_soon(sp);
	buf_free(&line);
	free(path);
	errno = err;
	return r;
}

/* ---- how it ended --------------------------------------------------------------------
 */

static bool
is_busy(const struct unit *u)
{
	enum svc_active a = unit_active(u);
	const struct job *j = job_unit_job(u->job_unit);

	return (a != SVC_ACTIVE_INACTIVE && a != SVC_ACTIVE_FAILED) ||
	       (j != NULL && (job_type(j) == JOB_START || job_type(j) == JOB_RESTART));
}

/* The unit has been started for it, or later.  The clock on the wall says so only of the
 * run of somebody else, and of a line that names none. */
static bool
was_begun(const struct unit *u, const struct ledger_entry *e)
{
	const char *run = unit_run(u);
	int cmp = run != NULL && e->run[0] != '\0' ? strcmp(run, e->run) : 1;

	return u->svc != NULL && cmp >= 0 &&
	       (cmp == 0 || svc_memory(u->svc)->started_wall_us >= e->at_wall_us);
}

/* The file has nothing to do with it. */
static bool
is_none_of_its(enum svc_result r)
{
	return r == SVC_RESULT_RESOURCES || r == SVC_RESULT_START_LIMIT ||
	       r == SVC_RESULT_EXEC_CONDITION || r == SVC_RESULT_UNKNOWN;
}

/* It is down. */
static enum stale_end
judge(const struct unit *u, const struct ledger_entry *e)
{
	const struct svc_memory *m;

	if (u == NULL || !was_begun(u, e))
		return STALE_NOT_RUN;
	m = svc_memory(u->svc);
	if (m->forbid_restart || *m->unmet != '\0' || is_none_of_its(m->result))
		return STALE_NOT_RUN;
	if (m->result != SVC_RESULT_SUCCESS || m->state == SVC_FAILED)
		return STALE_ENDED_BADLY;
	/* One that was cut by the end of the machine, be it between two of its runs, has
	 * not ended. */
	return m->main_exit.how != 0 && !m->interrupted ? STALE_ENDED_WELL
							: STALE_NOT_RUN;
}

static void
tell_quarantined(
    struct stale_part *sp, const struct flight *fl, const struct ledger_entry *e)
{
	struct emitter *ev = stale_manager(sp)->events;
	char *path = unit_name_path_unescape(e->instance);

	event_begin(ev, EVENT_QUARANTINED, sp->part.unit->name, NULL);
	event_str(ev, "path", path);
	event_str(ev, "starts", fl->unit);
	event_int(ev, "tries", e->tries);
	event_end(ev);
	free(path);
}

static void on_settle(void *arg);

static void
flight_free(struct flight *fl)
{
	struct manager *m = stale_manager(fl->of);
	struct unit *u = unit_find(m, fl->unit);

	(void)map_del(&fl->of->flights, fl->entry->instance);
	(void)map_del(&m->stales->flights, fl->unit);
	if (u != NULL)
		unit_unpin(u);
	free(fl->unit);
	ledger_entry_free(fl->entry);
	free(fl);
}

void
stale_flights_free(struct stale_part *sp)
{
	size_t it = 0;
	void *value;

	while (map_next(&sp->flights, &it, NULL, &value))
		flight_free(value);
	map_clear(&sp->flights, NULL);
	loop_post_cancel(stale_manager(sp)->loop, on_settle, sp);
}

static void
settle(struct flight *fl, const struct unit *u)
{
	struct stale_part *sp = fl->of;
	struct ledger_entry e = *fl->entry;

	stale_end(stale_conf(sp), &e, judge(u, fl->entry), clock_wall_us());
	/* What cannot be written is in flight, until it can. */
	if (stale_write(sp, &e) == -1)
		return;
	if (e.result == LEDGER_QUARANTINED)
		tell_quarantined(sp, fl, &e);
	if (e.next_wall_us != 0)
		stale_scan_due(sp, e.next_wall_us);
	flight_free(fl);
	unit_render_drop(sp->part.unit);
}

void
stale_flights_settle(struct stale_part *sp)
{
	struct manager *m = stale_manager(sp);
	size_t it = 0;
	void *value;

	while (map_next(&sp->flights, &it, NULL, &value)) {
		struct flight *fl = value;
		const struct unit *u = unit_find(m, fl->unit);

		if (u == NULL || !is_busy(u))
			settle(fl, u);
	}
}

static void
on_settle(void *arg)
{
	stale_flights_settle(arg);
}

/* Not in the middle of somebody's change. */
void
stale_flights_settle_later(struct stale_part *sp)
{
	loop_post(stale_manager(sp)->loop, on_settle, sp);
}

/* ---- what others begin ---------------------------------------------------------------
 */

void
stale_hand_clear(struct stale_part *sp, struct map *names)
{
	size_t it = 0;
	void *name;

	while (map_next(names, &it, NULL, &name)) {
		struct unit *u = unit_find(stale_manager(sp), name);

		if (u != NULL)
			unit_unpin(u);
		free(name);
	}
	map_clear(names, NULL);
}

void
stale_hand_ask(struct stale_part *sp)
{
	stale_hand_clear(sp, &sp->asked);
	sp->asked = sp->noticed;
	sp->noticed = (struct map){ 0 };
}

/* It may be for a file that is to be tried again, which a scan says. */
static void
notice(const struct stales *ss, struct unit *u)
{
	char *template = unit_name_template(u->name);
	char *instance = template != NULL ? unit_name_instance(u->name) : NULL;
	struct stale_part *sp;

	LIST_FOREACH (sp, &ss->all, next) {
		if (instance == NULL || !part_is_up(&sp->part) ||
		    strcmp(stale_conf(sp)->unit, template) != 0 ||
		    map_has(&sp->noticed, instance))
			continue;
		unit_pin(u);
		(void)map_set(&sp->noticed, instance, xstrdup(u->name));
		stale_scan_due(sp, 0);
	}
	free(template);
	free(instance);
}

void
stales_on_active(struct unit *u)
{
	const struct stales *ss = u->manager->stales;
	const struct flight *fl = ss != NULL ? map_get(&ss->flights, u->name) : NULL;

	if (fl != NULL && !is_busy(u))
		stale_flights_settle_later(fl->of);
	else if (fl == NULL && ss != NULL && is_busy(u))
		notice(ss, u);
}

/* ---- how it begins -------------------------------------------------------------------
 */

static void
on_started(void *arg, uint32_t id, enum job_result result, const char *message)
{
	(void)id;
	(void)result;
	(void)message;
	stale_flights_settle_later(arg);
}

static void
request(struct stale_part *sp, const struct flight *fl, struct unit *u)
{
	char *path = unit_name_path_unescape(fl->entry->instance);
	char env[SVC_START_ENV_MAX];
	struct job_request r = {
		.type = JOB_START,
		.mode = JOB_AUTOMATIC,
		.origin = sp->part.unit->name,
		.env = env,
		.run = fl->entry->run,
	};
	struct buf why = { 0 };
	int n = -1;

	/* It goes into lines: whoever makes the file says nothing else there. */
	if (path != NULL && strpbrk(path, "\r\n") == NULL)
		n = snprintf(env, sizeof(env), "TRIGGER_UNIT=%s\nTRIGGER_PATH=%s",
		    sp->part.unit->name, path);
	if (n < 0 || (size_t)n >= sizeof(env))
		snprintf(env, sizeof(env), "TRIGGER_UNIT=%s", sp->part.unit->name);
	/* (on_started is called in any case.) */
	if (job_request(stale_manager(sp)->jobs, u->job_unit, &r, on_started, sp, &why) ==
	    0)
		log_warnx("%s: %s: %s", sp->part.unit->name, u->name, buf_str(&why));
	buf_free(&why);
	free(path);
}

static struct flight *
flight_new(struct stale_part *sp, const struct ledger_entry *e, struct unit *u)
{
	struct flight *fl = xcalloc(1, sizeof(*fl));

	fl->of = sp;
	fl->unit = xstrdup(u->name);
	fl->entry = ledger_entry_dup(e);
	(void)map_set(&sp->flights, e->instance, fl);
	(void)map_set(&stale_manager(sp)->stales->flights, u->name, fl);
	unit_pin(u);
	unit_render_drop(sp->part.unit);
	return fl;
}

static struct unit *
unit_of(struct stale_part *sp, const char *instance)
{
	char *name = unit_name_replace_instance(stale_conf(sp)->unit, instance);
	struct unit *u = name != NULL ? unit_get(stale_manager(sp), name) : NULL;

	free(name);
	/* Of another watcher, with the same template. */
	return u != NULL && map_has(&stale_manager(sp)->stales->flights, u->name) ? NULL
										  : u;
}

/* A start of one that is held or frozen waits. */
static const char *
refusal(const struct unit *u)
{
	const char *why = unit_trigger_refusal(u);

	return why != NULL && (strcmp(why, "held") == 0 || strcmp(why, "frozen") == 0)
		   ? NULL
		   : why;
}

/* Somebody else has started it for the file as it is: it is not begun again.  The one
 * that goes on, or that has ended since the ledger's last word about the file. */
static bool
began_by_hand(const struct unit *u, const struct stale_file *f, struct ledger_entry *e)
{
	const struct svc_memory *m = u->svc != NULL ? svc_memory(u->svc) : NULL;
	const char *run = unit_run(u);
	const struct job *j = job_unit_job(u->job_unit);
	bool up = is_busy(u);

	if (up && m != NULL && unit_active(u) != SVC_ACTIVE_INACTIVE &&
	    unit_active(u) != SVC_ACTIVE_FAILED) {
		stale_begin(f, run != NULL ? run : "", m->started_wall_us, e);
		return true;
	}
	if (up) {
		stale_begin(f, j != NULL ? job_run(j) : "", clock_wall_us(), e);
		return true;
	}
	if (m == NULL || run == NULL || f->tried_wall_us == 0 ||
	    strcmp(run, f->tried_run) <= 0 || m->started_wall_us < f->tried_wall_us)
		return false;
	stale_begin(f, run, m->started_wall_us, e);
	return true;
}

int
stale_start(struct stale_part *sp, const struct stale_file *f)
{
	struct unit *u = unit_of(sp, f->instance);
	const char *why = u != NULL ? refusal(u) : NULL;
	char run[RUN_ID_SIZE];
	struct ledger_entry e;
	struct flight *fl;

	if (u == NULL)
		return 0;
	if (began_by_hand(u, f, &e)) {
		if (stale_write(sp, &e) == -1)
			return -1;
		fl = flight_new(sp, &e, u);
		if (!is_busy(u))
			settle(fl, u);
		return 0;
	}
	if (why != NULL) {
		free(sp->refused);
		sp->refused = xasprintf("%s: %s", u->name, why);
		return 0;
	}
	stale_begin(f, run_id_make(run), clock_wall_us(), &e);
	if (stale_write(sp, &e) == -1)
		return -1;
	fl = flight_new(sp, &e, u);
	sp->started++;
	sp->triggers++;
	sp->last_wall_us = e.at_wall_us;
	request(sp, fl, u);
	return 0;
}

void
stale_resume(struct stale_part *sp, const struct ledger_entry *e)
{
	struct unit *u;
	struct flight *fl;

	if (map_has(&sp->flights, e->instance))
		return;
	u = unit_of(sp, e->instance);
	if (u == NULL)
		return;
	fl = flight_new(sp, e, u);
	/* The manager died between the decision and the deed. */
	if (!is_busy(u) && !was_begun(u, e) && refusal(u) == NULL &&
	    (u->svc == NULL || svc_memory(u->svc)->checked_wall_us < e->at_wall_us))
		request(sp, fl, u);
	else if (!is_busy(u))
		settle(fl, u);
}
