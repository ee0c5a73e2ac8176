#include "manager/start.h"

#include <sys/stat.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "manager/budgets.h"
#include "manager/end.h"
#include "manager/filewatch.h"
#include "manager/instances.h"
#include "manager/jitter.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/reach.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/unitwatch.h"
#include "unit/conf.h"
#include "unit/load.h"

enum { CHANGES_MAX = 64 };

static void
request(struct unit *u, enum job_type type, const char *origin)
{
	struct job_request r = {
		.type = type,
		.mode =
		    JOB_BREAK_CYCLES | (type == JOB_STOP ? 0U : (unsigned)JOB_AUTOMATIC),
		.origin = origin,
	};
	struct buf why = { 0 };

	if (job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, &why) == 0) {
		log_debug("%s: the request was refused", u->name);
		if (type == JOB_START)
			svc_start_given_up(u->svc, buf_str(&why));
	}
	buf_free(&why);
}

/* jitter: it is one of all that start with the instance. */
static void
start_if_wanted(struct unit *u, bool jitter)
{
	struct manager *m = u->manager;
	const struct svc_memory *mem;
	const char *why;

	if (u->svc == NULL)
		return;
	mem = svc_memory(u->svc);
	/* Asked for by a person, and a manager died before it was done. */
	if (u->wish == WISH_STOPPED && unit_is_running(u) &&
	    u->wish_who.wall_us > mem->started_wall_us) {
		request(u, JOB_STOP, "the wish of a person");
		return;
	}
	/* The second half of a restart: a job asks for the order, for what is needed, and
	 * whether it may start at all, as the one did that died with its manager. */
	if (mem->then_start && svc_next_restart_us(u->svc) == 0 &&
	    (!unit_is_running(u) || svc_active(u->svc) == SVC_ACTIVE_DEACTIVATING)) {
		request(u, JOB_START, "a restart that was begun");
		return;
	}
	if (!unit_is_wanted(u, &why))
		return;
	/* As many at a time as its template says. */
	if (member_is_named(u) && u->wish != WISH_STARTED)
		return;
	/* What has ended while no supd was there is on its way down now, and comes up
	 * again from there. */
	if (unit_is_running(u) && svc_active(u->svc) != SVC_ACTIVE_DEACTIVATING)
		return;
	if (unit_started_here(m, mem) &&
	    !(u->wish == WISH_STARTED && u->wish_who.wall_us > mem->started_wall_us))
		return;
	if (jitter)
		jitter_begin(u);
	request(u, JOB_START, why);
}

static void
start_one(struct unit *u, void *arg)
{
	(void)arg;
	start_if_wanted(u, true);
}

void
start_unit(struct unit *u)
{
	if (member_is_due(u))
		request(u, JOB_START, member_source(u));
	else
		start_if_wanted(u, false);
}

static void
note_unanswered(struct unit *u, void *arg)
{
	bool *any = arg;

	*any = *any || u->unanswered;
}

/* Units, or folders that may hold some. */
static bool
any_unanswered(struct manager *m)
{
	bool any = false;

	unit_paths_scan(m->paths);
	any = unit_paths_unanswered(m->paths);
	unit_paths_forget(m->paths);
	units_foreach(m, note_unanswered, &any);
	return any;
}

void
start_units(struct manager *m)
{
	units_load_all(m);
	units_count_ended(m);
	instances_look_all(m);
	m->boot_unanswered = any_unanswered(m);
	units_foreach(m, start_one, m);
	end_start_exit_unit(m);
}

/* Whether a folder of unit files is another one than at the last look. */
static bool
unit_folders_moved(struct manager *m)
{
	static uint64_t before;
	uint64_t sum = 0;

	for (size_t i = 0; i < unit_paths_count(m->paths); i++) {
		const char *dir = unit_paths_dir(m->paths, i);
		struct stat st = { 0 };

		if (reach_may(m->reach, dir, true) && stat(dir, &st) == -1)
			st = (struct stat){ 0 };
		sum = (sum ^ st.st_dev) * UINT64_C(1099511628211);
		sum = (sum ^ st.st_ino) * UINT64_C(1099511628211);
	}
	if (sum == before)
		return false;
	before = sum;
	return true;
}

void
start_look_again(struct manager *m)
{
	if (m->phase != MANAGER_RUNNING || m->safe_mode || m->shutdown != NULL)
		return;
	/* Watched first, so that what comes while it is looked at is seen. */
	if (unit_folders_moved(m)) {
		unitwatch_again(m->watch);
		units_on_change(m, NULL);
	}
	filewatch_again(m);
	budget_files_again(m);
	instances_look_all(m);
}

/* What could not be read at the start is done now, in the same order. */
void
start_answered(struct manager *m)
{
	if (m->phase != MANAGER_RUNNING || m->safe_mode)
		return;
	if (m->conf_unanswered)
		manager_reload(m, "supd.conf can be read");
	else
		units_on_change(m, NULL);
	unitwatch_again(m->watch);
	filewatch_answered(m);
	instances_look_all(m);
	if (!m->boot_unanswered || any_unanswered(m))
		return;
	m->boot_unanswered = false;
	units_foreach(m, start_one, m);
	end_start_exit_unit(m);
}

/* ---- reload -------------------------------------------------------------------------
 */

struct reload {
	struct map before; /* names with a file; thousands are looked up in it */
	struct strv added, removed, changed;
	const char *unit;
	int errors;
};

static void
note_loaded(struct unit *u, void *arg)
{
	struct reload *r = arg;

	if (u->conf->load_state != UNIT_NOT_FOUND)
		map_set(&r->before, u->name, u);
}

static void
note_difference(void *arg, const char *name, const char *old_value, const char *new_value)
{
	struct reload *r = arg;

	(void)old_value;
	(void)new_value;
	if (r->changed.n < CHANGES_MAX)
		strv_addf(&r->changed, "%s %s", r->unit, name);
}

static void
reload_one(struct unit *u, void *arg)
{
	struct reload *r = arg;
	struct manager *m = u->manager;
	struct unit_conf *now;
	struct diags d;

	if (!unit_conf_changed(m->paths, u->conf))
		return;
	/* Loaded once more for the comparison: the old one may be freed by the reload. */
	diags_init(&d);
	now = unit_load(m->paths, m->conf, u->name, &d);
	r->unit = u->name;
	if (now->load_state == UNIT_LOADED && u->conf->load_state == UNIT_LOADED)
		unit_conf_diff(u->conf, now, note_difference, r);
	unit_conf_free(now);
	diags_clear(&d);
	unit_reload(u);
}

static void
note_result(struct unit *u, void *arg)
{
	struct reload *r = arg;
	bool was = map_has(&r->before, u->name);
	bool is = u->conf->load_state != UNIT_NOT_FOUND;

	if (is && !was)
		strv_add(&r->added, u->name);
	if (!is && was)
		strv_add(&r->removed, u->name);
	if (u->conf->load_state == UNIT_BAD_SETTING ||
	    u->conf->load_state == UNIT_LOAD_ERROR)
		r->errors++;
}

static void
put_list(struct jw *w, const char *key, const struct strv *v)
{
	jw_kv_arr(w, key);
	for (size_t i = 0; i < v->n && i < CHANGES_MAX; i++)
		jw_str(w, v->v[i]);
	jw_end(w);
}

void
start_reload_units(struct manager *m, const char *who)
{
	struct reload r = { .errors = 0 };
	struct jw *w;

	units_foreach(m, note_loaded, &r);
	units_foreach(m, reload_one, &r);
	units_load_all(m);
	instances_look_all(m);
	units_foreach(m, note_result, &r);
	event_begin(m->events, EVENT_RELOADED, NULL, NULL);
	event_str(m->events, "who", who);
	w = event_jw(m->events);
	if (w != NULL) {
		put_list(w, "added", &r.added);
		put_list(w, "removed", &r.removed);
		put_list(w, "changed", &r.changed);
	}
	event_int(m->events, "errors", r.errors);
	event_end(m->events);
	manager_say(m, MARK_NOTE, "files read again: %u new, %u gone, %u changes",
	    r.added.n, r.removed.n, r.changed.n);
	map_clear(&r.before, NULL);
	strv_free(&r.added);
	strv_free(&r.removed);
	strv_free(&r.changed);
}

/* ---- the rest -----------------------------------------------------------------------
 */

static void
resend_one(struct unit *u, void *arg)
{
	(void)arg;
	unit_ops_send_patterns(u);
}

void
start_resend_patterns(struct manager *m)
{
	units_foreach(m, resend_one, NULL);
}

static void
log_one(struct unit *u, void *arg)
{
	(void)arg;
	if (u->svc != NULL)
		log_info("%s: %s (%s): %s", u->name, svc_active_name(svc_active(u->svc)),
		    svc_state_name(svc_state(u->svc)), svc_why(u->svc));
}

void
start_log_state(struct manager *m)
{
	units_foreach(m, log_one, NULL);
}
