#include "manager/units.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/bonds.h"
#include "manager/budget/budgets.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/kept.h"
#include "manager/link/adopt.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/part/part.h"
#include "manager/part/pools.h"
#include "manager/part/sockets.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/tell.h"
#include "manager/units_int.h"
#include "manager/wish/drain.h"
#include "manager/wish/request_files.h"
#include "manager/wish/requests.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

/* To a person who looks on: the first thing that is wrong; status has the rest. */
static void
say_refused(const struct unit *u)
{
	/* (Mounts and the like come with every system, and are not for supd.) */
	if (!unit_type_is_known(u->conf->type))
		return;
	for (size_t i = 0; i < u->diags.n; i++) {
		char *line;

		if (u->diags.v[i].level != DIAG_ERROR)
			continue;
		line = diag_format(&u->diags.v[i]);
		manager_say(
		    u->manager, MARK_FAIL, "%s cannot be used: %s", u->name, line);
		free(line);
		return;
	}
}

/* The file is there and is to be mended: what the unit came to stays known, and a retry
 * that is due is made. */
static bool
is_refused(const struct unit_conf *conf)
{
	return conf->load_state == UNIT_BAD_SETTING ||
	       conf->load_state == UNIT_LOAD_ERROR;
}

static void
tell_loaded(struct unit *u)
{
	struct emitter *ev = u->manager->events;
	struct jw *w;

	event_begin(ev, EVENT_UNIT_LOADED, u->name, NULL);
	event_str(ev, "path", u->conf->fragment);
	event_str(ev, "load_state", unit_load_state_name(u->conf->load_state));
	event_end(ev);
	if (!is_refused(u->conf))
		return;
	event_begin(ev, EVENT_UNIT_REFUSED, u->name, NULL);
	w = event_jw(ev);
	unit_diags_write(u, w);
	event_end(ev);
	say_refused(u);
}

static bool
can_run(const struct unit_conf *conf)
{
	return conf->load_state == UNIT_LOADED &&
	       (conf->type == UNIT_SERVICE || part_kind_of(conf) != NULL ||
		   conf->type == UNIT_SCOPE) &&
	       !(unit_name_is_template(conf->id) && conf->type != UNIT_SERVICE);
}

static bool
is_transient(const struct unit *u)
{
	const char *run = u->manager->run_path, *path = u->conf->fragment;
	size_t n = strlen(run);

	return path != NULL && strncmp(path, run, n) == 0 &&
	       strncmp(path + n, "/units/", 7) == 0;
}

/* A configuration that the service still reads, until it gives it back. */
static void
hold_conf(struct unit *u, struct unit_conf *conf)
{
	u->held = xreallocarray(u->held, u->n_held + 1, sizeof(u->held[0]));
	u->held[u->n_held++] = conf;
}

/* Of what was kept: what is at its address next is another one. */
static void
free_conf(struct unit *u, struct unit_conf *conf)
{
	if (u->kept == conf)
		u->kept = NULL;
	unit_conf_free(conf);
}

void
unit_release_conf(struct unit *u, const struct unit_conf *conf)
{
	for (size_t i = 0; i < u->n_held; i++) {
		if (u->held[i] != conf)
			continue;
		free_conf(u, u->held[i]);
		u->held[i] = u->held[--u->n_held];
		return;
	}
}

static void
release_all(struct unit *u)
{
	while (u->n_held > 0)
		free_conf(u, u->held[--u->n_held]);
	free(u->held);
	u->held = NULL;
}

/* The service is not of use any more, and nothing of it runs. */
static void
drop_service(struct unit *u)
{
	sessions_forget(u);
	budgets_forget(u);
	pools_leave(u);
	svc_free(u->svc);
	u->svc = NULL;
	/* After it: the service ends what it has begun by these. */
	unit_ops_clear(u);
	u->stand_in = false;
	if (u->svc_conf != u->conf)
		free_conf(u, u->svc_conf);
	u->svc_conf = NULL;
	release_all(u);
}

/* The part is not of use any more, and it is down. */
static void
drop_part(struct unit *u)
{
	part_free(u->part);
	u->part = NULL;
	if (u->svc_conf != u->conf)
		free_conf(u, u->svc_conf);
	u->svc_conf = NULL;
}

static void
give_part_conf(struct unit *u, struct unit_conf *conf)
{
	struct unit_conf *old = u->svc_conf;

	u->svc_conf = conf;
	if (u->part == NULL)
		u->part = part_new(u, conf);
	else
		part_set_conf(u->part, conf);
	free_conf(u, old);
}

static void
give_conf(struct unit *u, struct unit_conf *conf)
{
	struct unit_conf *old = u->svc_conf;

	u->svc_conf = conf;
	if (u->svc == NULL) {
		u->svc = svc_new(&svc_ops_real, u, u->name, conf);
		return;
	}
	hold_conf(u, old);
	if (u->stand_in)
		svc_replace_conf(u->svc, conf);
	else
		svc_set_conf(u->svc, conf);
	u->stand_in = false;
}

void
unit_set_edges(struct unit *u)
{
	/* What is up without a usable file starts what it did: its edges stay. */
	job_unit_set_deps(u->job_unit, u->conf->load_state == UNIT_LOADED ? u->conf
				       : u->part != NULL                  ? u->svc_conf
									  : NULL);
}

/* conf is the newest; what the service has of older ones it gives back itself. */
static void
set_conf(struct unit *u, struct unit_conf *conf)
{
	struct unit_conf *old = u->conf;

	u->conf = conf;
	u->changed = false;
	u->transient = is_transient(u);
	if (old != NULL && old != u->svc_conf)
		free_conf(u, old);
	if (can_run(conf) && part_kind_of(conf) != NULL) {
		give_part_conf(u, conf);
	} else if (can_run(conf)) {
		give_conf(u, conf);
	} else if (u->part != NULL && !unit_is_running(u) && !is_refused(conf)) {
		drop_part(u);
	} else if (u->svc != NULL && !unit_is_running(u) && !is_refused(conf)) {
		drop_service(u);
		sessions_remove_files(u); /* (A wish may keep the unit.) */
	}
	unit_set_edges(u);
	if (unit_name_is_template(u->name))
		instances_on_conf(u);
	budgets_on_load(u);
}

/* What runs by another configuration than that of the file: wherever the unit is looked
 * at it is said what holds instead. */
static void
say_what_holds(struct unit *u)
{
	const char *file = u->conf->fragment != NULL ? u->conf->fragment : u->name;
	char stop[CLOCK_TEXT_MAX];

	if (u->stand_in)
		diag_add(&u->diags, DIAG_WARNING, file, 0, 0,
		    "a usable file holds at once, as soon as it is there",
		    "what the file said when it was started is lost with an earlier "
		    "manager: for what runs KillSignal=TERM, TimeoutStopSec=%s, "
		    "Restart=no and no ExecStop= hold",
		    clock_format_duration(
			stop, sizeof(stop), u->svc_conf->service->timeout_stop_us));
	else
		diag_add(&u->diags, DIAG_WARNING, file, 0, 0,
		    is_refused(u->conf) && !unit_is_moved(u)
			? "mend the file; it holds from the next start on"
			: NULL,
		    "for what runs holds what the file said when it was started");
}

bool
unit_take_kept(struct unit *u)
{
	struct unit_conf *kept;
	struct diags d;

	diags_init(&d);
	kept = kept_load(u, &d);
	diags_clear(&d);
	if (kept == NULL)
		return false;
	if (part_kind_of(kept) != NULL) {
		give_part_conf(u, kept);
		job_unit_set_deps(u->job_unit, kept);
	} else {
		give_conf(u, kept);
	}
	u->kept = kept;
	say_what_holds(u);
	return true;
}

void
unit_recall_conf(struct unit *u)
{
	struct unit_conf *kept;
	struct diags d;

	if (u->stand_in || u->transient || u->svc_conf != u->conf)
		return;
	if (kept_is_newest(u)) {
		u->kept = u->conf;
		return;
	}
	diags_init(&d);
	kept = kept_load(u, &d);
	diags_clear(&d);
	if (kept == NULL)
		return;
	u->kept = kept;
	hold_conf(u, kept);
	svc_restore_conf(u->svc, kept);
	sessions_on_conf(u);
	budgets_on_conf(u);
}

void
unit_make_stoppable(struct unit *u)
{
	static const char text[] = "[Service]\nExecStart=/bin/false\n";
	struct diags d;

	if (u->svc != NULL || unit_take_kept(u))
		return;
	diags_init(&d);
	give_conf(u, unit_load_text(u->manager->paths, u->manager->conf, u->name, u->name,
			 text, sizeof(text) - 1, &d));
	u->stand_in = true;
	diags_clear(&d);
	say_what_holds(u);
	manager_say(u->manager, MARK_FAIL,
	    "%s runs, and its file cannot be used: until it can, it is stopped by TERM "
	    "and not started again",
	    u->name);
}

bool
unit_is_running(const struct unit *u)
{
	if (u->svc != NULL && svc_has_slot(u->svc))
		return true;
	switch (unit_active(u)) {
	case SVC_ACTIVE_INACTIVE:
	case SVC_ACTIVE_FAILED:
		return false;
	default:
		return true;
	}
}

bool
unit_started_here(const struct manager *m, const struct svc_memory *mem)
{
	/* A build that kept no number left the time alone. */
	if (mem->life == 0)
		return mem->started_wall_us >= m->boot_wall_us;
	return mem->life == m->boot_wall_us;
}

const char *
unit_run(const struct unit *u)
{
	const char *run = NULL;

	if (u != NULL && u->svc != NULL)
		run = svc_memory(u->svc)->run;
	else if (u != NULL && u->part != NULL)
		run = u->part->run;
	return run == NULL || run[0] == '\0' ? NULL : run;
}

struct unit *
unit_new(struct manager *m, const char *name, struct unit_conf *conf, struct diags *diags)
{
	struct unit *u = xcalloc(1, sizeof(*u));

	u->manager = m;
	u->last_slot = u->told_slot = SLOT_NONE;
	u->name = xstrdup(name);
	m->n_scopes += unit_name_type(u->name) == UNIT_SCOPE;
	u->job_unit = jobs_unit(m->jobs, u->name);
	job_unit_set_data(u->job_unit, u);
	u->diags = *diags;
	u->looked = unit_paths_scan_number(m->paths);
	set_conf(u, conf);
	/* (Before that it may have been up, and nobody has asked yet.) */
	if (m->phase != MANAGER_RESTORING)
		unit_know_active(u);
	if (unit_is_moved(u))
		unit_add_name(u, u->name);
	else
		unit_register_names(u);
	if (conf->load_state != UNIT_NOT_FOUND)
		tell_loaded(u);
	/* Of one that comes later nothing is still to be read but its start. */
	if (m->phase != MANAGER_RESTORING)
		unit_know_active(u);
	return u;
}

static void
unit_free(struct unit *u)
{
	struct jobs *js = u->manager->jobs;

	u->manager->n_scopes -= unit_name_type(u->name) == UNIT_SCOPE;
	requests_forget(u);
	drain_forget(u);
	tell_forget_signal(u);
	instances_forget(u);
	member_forget(u);
	job_unit_set_deps(u->job_unit, NULL);
	job_unit_set_data(u->job_unit, NULL);
	if (u->svc != NULL)
		drop_service(u);
	if (u->part != NULL)
		drop_part(u);
	bonds_forget(u);
	connection_free(u->connection);
	unit_conf_free(u->conf);
	diags_clear(&u->diags);
	if (u->share != NULL)
		loop_timer_free(u->share);
	jobs_unit_release(js, u->name);
	unit_render_drop(u);
	for (int i = 0; i < WISH_NFLAGS; i++) {
		free(u->flag_who[i]);
		free(u->terms[i].reason);
		free(u->terms[i].text);
	}
	phases_forget(u);
	free(u->wanted_by);
	free(u->name);
	free(u);
}

void
unit_reload(struct unit *u)
{
	struct manager *m = u->manager;
	struct unit_conf *conf;
	struct diags d;

	diags_init(&d);
	conf = unit_load_again(u, m->conf, &d);
	if (unit_paths_unanswered(m->paths) && !u->unanswered) {
		/* What is known of it is better. */
		unit_conf_free(conf);
		diags_clear(&d);
		return;
	}
	unit_take_conf(u, conf, &d, unit_paths_unanswered(m->paths));
}

void
unit_take_conf(
    struct unit *u, struct unit_conf *conf, struct diags *diags, bool unanswered)
{
	bool was_default = unit_is_default(u);

	u->unanswered = unanswered;
	u->looked = unit_paths_scan_number(u->manager->paths);
	diags_clear(&u->diags);
	u->diags = *diags;
	diags_init(diags);
	set_conf(u, conf);
	if (!unit_is_moved(u))
		unit_register_names(u);
	tell_loaded(u);
	if (!can_run(conf) && unit_is_running(u))
		say_what_holds(u);
	adopt_late(u);
	/* One of many from now on, which are not all remembered. */
	if (was_default && !unit_is_default(u) && unit_is_of_template(u) &&
	    !unit_is_running(u))
		unit_ended(u);
}

static bool
is_group(const struct unit *u)
{
	return u->part != NULL &&
	       (u->conf->type == UNIT_TARGET || u->conf->type == UNIT_SLICE);
}

bool
unit_refresh(struct unit *u)
{
	unsigned scan = unit_paths_scan_number(u->manager->paths);
	bool changed;

	/* Once in a scan: whoever wants a newer look scans anew. */
	if (scan != 0 && u->looked == scan)
		return false;
	changed = unit_files_changed(u);
	u->looked = scan;
	if (u->unanswered) {
		if (unit_paths_unanswered(u->manager->paths))
			return false;
		unit_reload(u);
		return true;
	}
	if (!changed)
		return false;
	/* What runs with a stand-in waits for nothing but a usable file; and what only
	 * holds others together is what it names now. */
	if (unit_is_running(u) && !u->stand_in && !is_group(u)) {
		if (u->changed)
			return false;
		u->changed = true;
		return true;
	}
	unit_reload(u);
	return true;
}

bool
unit_has_flags(const struct unit *u)
{
	for (int i = 0; i < WISH_NFLAGS; i++) {
		if (u->flag[i])
			return true;
	}
	return false;
}

void
unit_drop(struct unit *u)
{
	struct manager *m = u->manager;

	(void)strv_remove(&m->rested, u->name);
	unit_unregister_names(u);
	history_forget(m->history, u->name);
	store_forget_request(m->store, u->name);
	request_files_forget(u);
	sessions_remove_files(u);
	kept_remove(u);
	unit_free(u);
}

bool
unit_forget(struct unit *u)
{
	if (unit_is_running(u) || job_unit_job(u->job_unit) != NULL ||
	    unit_has_flags(u) || member_is_named(u))
		return false;
	if (!unit_is_moved(u) &&
	    (u->conf->load_state != UNIT_NOT_FOUND || u->wish != WISH_NONE))
		return false;
	unit_drop(u);
	return true;
}

void
unit_diags_write(const struct unit *u, struct jw *w)
{
	if (w == NULL)
		return;
	jw_kv_arr(w, "diagnostics");
	for (size_t i = 0; i < u->diags.n && i < 20; i++) {
		char *line = diag_format(&u->diags.v[i]);

		jw_strn(w, line, strnlen(line, 300));
		free(line);
	}
	jw_end(w);
}

void
unit_render_drop(struct unit *u)
{
	for (int i = 0; i < 2; i++) {
		free(u->rendered[i]);
		u->rendered[i] = NULL;
		u->rendered_len[i] = 0;
	}
}

void
units_free(struct manager *m)
{
	struct strv names = { 0 };

	map_keys(&m->units, &names);
	for (size_t i = 0; i < names.n; i++) {
		struct unit *u = map_get(&m->units, names.v[i]);

		if (u == NULL || strcmp(u->name, names.v[i]) != 0)
			continue;
		unit_unregister_names(u);
		unit_free(u);
	}
	strv_free(&names);
	units_forget_order(m);
	map_clear(&m->units, NULL);
}
