#include "manager/units.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/adopt.h"
#include "manager/budgets.h"
#include "manager/drain.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/kept.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/store.h"
#include "manager/request_files.h"
#include "manager/requests.h"
#include "manager/service/service.h"
#include "manager/sessions.h"
#include "manager/tell.h"
#include "manager/units_int.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

static void
add_name(struct unit *u, const char *name)
{
	struct manager *m = u->manager;

	if (map_has(&m->units, name))
		return;
	map_set(&m->units, name, u);
	if (strcmp(name, u->name) != 0)
		jobs_unit_alias(m->jobs, name, u->job_unit);
}

static void
register_names(struct unit *u)
{
	units_forget_order(u->manager);
	add_name(u, u->name);
	for (size_t i = 0; i < u->conf->aliases.n; i++)
		add_name(u, u->conf->aliases.v[i]);
}

static void
unregister_names(struct unit *u)
{
	struct strv names = { 0 };

	units_forget_order(u->manager);
	map_keys(&u->manager->units, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (map_get(&u->manager->units, names.v[i]) != u)
			continue;
		map_del(&u->manager->units, names.v[i]);
		if (strcmp(names.v[i], u->name) != 0)
			jobs_unit_alias(u->manager->jobs, names.v[i], NULL);
	}
	strv_free(&names);
}

/* To a person who looks on: the first thing that is wrong; status has the rest. */
static void
say_refused(const struct unit *u)
{
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
	return conf->load_state == UNIT_LOADED && conf->type == UNIT_SERVICE;
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

void
unit_release_conf(struct unit *u, const struct unit_conf *conf)
{
	for (size_t i = 0; i < u->n_held; i++) {
		if (u->held[i] != conf)
			continue;
		unit_conf_free(u->held[i]);
		u->held[i] = u->held[--u->n_held];
		return;
	}
}

static void
release_all(struct unit *u)
{
	while (u->n_held > 0)
		unit_conf_free(u->held[--u->n_held]);
	free(u->held);
	u->held = NULL;
}

/* The service is not of use any more, and nothing of it runs. */
static void
drop_service(struct unit *u)
{
	sessions_forget(u);
	budgets_forget(u);
	svc_free(u->svc);
	u->svc = NULL;
	/* After it: the service ends what it has begun by these. */
	unit_ops_clear(u);
	u->stand_in = false;
	if (u->svc_conf != u->conf)
		unit_conf_free(u->svc_conf);
	u->svc_conf = NULL;
	release_all(u);
}

static void
give_conf(struct unit *u, struct unit_conf *conf)
{
	struct unit_conf *old = u->svc_conf;

	u->svc_conf = conf;
	u->kept = false;
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

/* conf is the newest; what the service has of older ones it gives back itself. */
static void
set_conf(struct unit *u, struct unit_conf *conf)
{
	struct unit_conf *old = u->conf;

	u->conf = conf;
	u->changed = false;
	u->transient = is_transient(u);
	if (old != NULL && old != u->svc_conf)
		unit_conf_free(old);
	if (can_run(conf)) {
		give_conf(u, conf);
	} else if (u->svc != NULL && !unit_is_running(u) && !is_refused(conf)) {
		drop_service(u);
		sessions_remove_files(u); /* (A wish may keep the unit.) */
	}
	job_unit_set_deps(u->job_unit, conf->load_state == UNIT_LOADED ? conf : NULL);
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
		    is_refused(u->conf) ? "mend the file; it holds from the next start on"
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
	give_conf(u, kept);
	u->kept = true;
	say_what_holds(u);
	return true;
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
	if (u->svc == NULL)
		return false;
	if (svc_has_slot(u->svc))
		return true;
	switch (svc_active(u->svc)) {
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

/* Takes conf and diags. */
static struct unit *
unit_new(struct manager *m, struct unit_conf *conf, struct diags *diags)
{
	struct unit *u = xcalloc(1, sizeof(*u));

	u->manager = m;
	u->last_slot = u->told_slot = SLOT_NONE;
	u->name = xstrdup(conf->id);
	u->job_unit = jobs_unit(m->jobs, u->name);
	job_unit_set_data(u->job_unit, u);
	u->diags = *diags;
	set_conf(u, conf);
	register_names(u);
	if (conf->load_state != UNIT_NOT_FOUND)
		tell_loaded(u);
	return u;
}

static void
unit_free(struct unit *u)
{
	struct jobs *js = u->manager->jobs;

	requests_forget(u);
	drain_forget(u);
	tell_forget_signal(u);
	instances_forget(u);
	member_forget(u);
	job_unit_set_deps(u->job_unit, NULL);
	job_unit_set_data(u->job_unit, NULL);
	if (u->svc != NULL)
		drop_service(u);
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
	free(u->name);
	free(u);
}

struct unit *
unit_find(struct manager *m, const char *name)
{
	struct unit *u = map_get(&m->units, name);
	char *full;

	if (u != NULL)
		return u;
	full = unit_name_add_suffix(name);
	if (full == NULL)
		return NULL;
	u = map_get(&m->units, full);
	free(full);
	return u;
}

/* Its name has become another one of a unit that we may have as well. */
static bool
is_moved(const struct unit *u)
{
	return strcmp(u->conf->id, u->name) != 0;
}

struct unit *
unit_get(struct manager *m, const char *name)
{
	struct unit *u = unit_find(m, name);
	struct unit_conf *conf;
	struct diags d;
	bool unanswered;
	char *full;

	if (u != NULL && !(is_moved(u) && unit_forget(u)))
		return u;
	full = unit_name_add_suffix(name);
	if (full == NULL)
		return NULL;
	diags_init(&d);
	conf = unit_load(m->paths, m->conf, full, &d);
	unanswered = unit_paths_unanswered(m->paths);
	u = map_get(&m->units, conf->id);
	if (u != NULL) {
		/* Another name of one that we have. */
		add_name(u, full);
		unit_conf_free(conf);
		diags_clear(&d);
	} else {
		u = unit_new(m, conf, &d);
		u->unanswered = unanswered;
		add_name(u, full);
		/* Whoever asks for many names must not fill the memory. */
		if (unit_is_of_template(u))
			unit_ended(u);
	}
	free(full);
	return u;
}

/* Two units must not run what is one: this one is refused until it can be forgotten, and
 * its name is that of the other from then on. */
static void
refuse_moved(const struct unit *u, struct unit_conf *conf, struct diags *d)
{
	conf->load_state = UNIT_LOAD_ERROR;
	diag_add(d, DIAG_ERROR, u->name, 0, 0, "stop what runs by the old name",
	    "it is another name of %s now", conf->id);
}

void
unit_reload(struct unit *u)
{
	struct manager *m = u->manager;
	struct unit_conf *conf;
	struct diags d;

	diags_init(&d);
	conf = unit_load(m->paths, m->conf, u->name, &d);
	if (unit_paths_unanswered(m->paths) && !u->unanswered) {
		/* What is known of it is better. */
		unit_conf_free(conf);
		diags_clear(&d);
		return;
	}
	u->unanswered = unit_paths_unanswered(m->paths);
	if (strcmp(conf->id, u->name) != 0)
		refuse_moved(u, conf, &d);
	diags_clear(&u->diags);
	u->diags = d;
	set_conf(u, conf);
	if (!is_moved(u))
		register_names(u);
	tell_loaded(u);
	if (!can_run(conf) && unit_is_running(u))
		say_what_holds(u);
	adopt_late(u);
}

bool
unit_refresh(struct unit *u)
{
	bool changed = unit_conf_changed(u->manager->paths, u->conf);

	if (u->unanswered) {
		if (unit_paths_unanswered(u->manager->paths))
			return false;
		unit_reload(u);
		return true;
	}
	if (!changed)
		return false;
	/* What runs with a stand-in waits for nothing but a usable file. */
	if (unit_is_running(u) && !u->stand_in) {
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
	unregister_names(u);
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
	if (!is_moved(u) &&
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
		unregister_names(u);
		unit_free(u);
	}
	strv_free(&names);
	units_forget_order(m);
	map_clear(&m->units, NULL);
}
