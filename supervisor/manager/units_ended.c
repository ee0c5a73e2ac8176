/*
 * units_ended: what is not there for good: units that were made for one run, and
 * instances of templates.  Those that ended are kept for a while, for whoever asks how,
 * and then forgotten.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/stales.h"
#include "manager/record/history.h"
#include "manager/units.h"
#include "manager/units_int.h"
#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/load.h"
#include "unit/name.h"

enum { ENDED_KEPT = 200 };

/* ---- transient units ----------------------------------------------------------------
 */

static int
write_transient(struct manager *m, const char *name, const char *text, size_t len)
{
	int dir = mkdir_open_at(m->run_fd, "units", 0700), r;

	if (dir == -1)
		return -1;
	r = file_write_atomic(dir, name, text, len, 0600, false);
	fd_close(&dir);
	return r;
}

static void
remove_transient(struct manager *m, const char *name)
{
	char *path = xasprintf("units/%s", name);

	if (unlinkat(m->run_fd, path, 0) == -1 && errno != ENOENT)
		log_warn("%s/%s", m->run_path, path);
	free(path);
}

/* What its file is refused for, without the place: nobody has written that file. */
static char *
first_error(const struct unit *u)
{
	for (size_t i = 0; i < u->diags.n; i++) {
		const struct diag *g = &u->diags.v[i];

		if (g->level == DIAG_ERROR)
			return xasprintf("%s%s%s", g->text, g->hint != NULL ? "; " : "",
			    g->hint != NULL ? g->hint : "");
	}
	return xstrdup(unit_load_state_name(u->conf->load_state));
}

struct unit *
unit_make_transient(
    struct manager *m, const char *name, const char *text, size_t len, char **err)
{
	char *full = unit_name_add_suffix(name);
	struct unit *u;

	if (full == NULL) {
		*err = xasprintf("%s is not a valid name of a unit", name);
		return NULL;
	}
	u = unit_get(m, full);
	if (u != NULL && u->conf->load_state != UNIT_NOT_FOUND && !u->transient) {
		*err = xasprintf("%s is the name of a unit that has a file", full);
		u = NULL;
	} else if (u != NULL && unit_is_running(u)) {
		*err = xasprintf("%s is running", full);
		u = NULL;
	} else if (write_transient(m, full, text, len) == -1) {
		*err = xasprintf(
		    "%s: its unit file cannot be written: %s", full, strerror(errno));
		u = NULL;
	} else if (u != NULL) {
		unit_reload(u);
	}
	if (u != NULL && u->conf->load_state != UNIT_LOADED) {
		*err = first_error(u);
		unit_forget_transient(m, full);
		u = NULL;
	}
	free(full);
	return u;
}

void
unit_forget_transient(struct manager *m, const char *name)
{
	struct unit *u = unit_find(m, name);

	if (u == NULL || !u->transient || unit_is_running(u) ||
	    job_unit_job(u->job_unit) != NULL)
		return;
	(void)strv_remove(&m->rested, name);
	remove_transient(m, u->name);
	unit_reload(u);
	u->wish = WISH_NONE;
	history_forget(m->history, name);
	(void)unit_forget(u);
}

/* ---- what has ended -----------------------------------------------------------------
 */

bool
unit_is_of_template(const struct unit *u)
{
	const char *path = u->conf->fragment, *slash;

	slash = path == NULL ? NULL : strrchr(path, '/');
	return slash != NULL && unit_name_is_template(slash + 1) &&
	       unit_name_is_instance(u->name);
}

static void
note_needed(void *arg, struct job_unit *ju)
{
	bool *any = arg;

	(void)ju;
	*any = true;
}

/* Others name it: that a person stopped it is still to be known when they start. */
static bool
is_needed(const struct unit *u)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_WANTS,
		DEP_UPHOLDS };
	bool any = false;

	for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++)
		job_unit_each(u->job_unit, deps[i], true, note_needed, &any);
	return any;
}

/* Nothing starts an instance of a template but somebody who names it, or the template. So
 * one that is down and is not named says nothing, whether it was stopped or not. */
static void
forget_instance(struct unit *u)
{
	struct wish_who who = { .uid = u->manager->owner,
		.name = "supd",
		.command = "it is down",
		.wall_us = clock_wall_us() };

	if (!unit_is_of_template(u) || unit_is_running(u) || unit_has_flags(u) ||
	    job_unit_job(u->job_unit) != NULL || u->member != NULL ||
	    u->wish == WISH_STARTED || is_needed(u) || unit_is_default(u))
		return;
	if (u->wish != WISH_NONE)
		(void)unit_set_wish(u, WISH_NONE, &who);
	unit_drop(u);
}

/* Its name is another unit's: nothing is to be seen of it any more, and nobody could
 * start it. */
static void
forget_lost(struct unit *u)
{
	if (unit_is_running(u) || unit_has_flags(u) || job_unit_job(u->job_unit) != NULL)
		return;
	if (!unit_is_moved(u))
		unit_reload(u);
	if (unit_is_moved(u))
		(void)unit_forget(u);
}

static void
forget_by_name(struct manager *m, const char *name)
{
	struct unit *u = unit_find(m, name);

	if (u == NULL || u->pins > 0)
		return;
	if (u->transient)
		unit_forget_transient(m, name);
	else if (unit_is_lost(u))
		forget_lost(u);
	else
		forget_instance(u);
}

/* With nothing of a unit on the stack. */
static void
on_forget(void *arg)
{
	struct manager *m = arg;
	struct strv names = m->forgotten;

	/* What is remembered of them may still come, and how they ended be asked. */
	if (m->phase == MANAGER_RESTORING || stales_are_blind(m))
		return;
	m->forgotten = (struct strv){ 0 };
	while (m->rested.n > ENDED_KEPT) {
		strv_add(&names, m->rested.v[0]);
		strv_remove_at(&m->rested, 0);
	}
	for (size_t i = 0; i < names.n; i++)
		forget_by_name(m, names.v[i]);
	strv_free(&names);
}

void
unit_ended(struct unit *u)
{
	struct manager *m = u->manager;

	(void)strv_remove(&m->rested, u->name);
	strv_add(&m->rested, u->name);
	if (m->rested.n > ENDED_KEPT)
		loop_post(m->loop, on_forget, m);
}

void
unit_ended_lost(struct unit *u)
{
	if (!u->manager->safe_mode && unit_is_lost(u))
		unit_forget_later(u);
}

void
unit_collect(struct unit *u)
{
	if ((u->transient || unit_is_of_template(u)) && !unit_is_running(u) &&
	    u->svc_conf != NULL &&
	    u->svc_conf->rules->collect == COLLECT_INACTIVE_OR_FAILED)
		unit_forget_later(u);
}

void
unit_pin(struct unit *u)
{
	u->pins++;
}

void
unit_unpin(struct unit *u)
{
	if (u->pins == 0 || --u->pins > 0)
		return;
	/* It may have been passed over when others had ended. */
	if ((u->transient || unit_is_of_template(u)) && !unit_is_running(u))
		unit_ended(u);
	unit_collect(u);
}

void
units_forget_soon(struct manager *m)
{
	loop_post(m->loop, on_forget, m);
}

void
unit_forget_later(struct unit *u)
{
	(void)strv_add_unique(&u->manager->forgotten, u->name);
	loop_post(u->manager->loop, on_forget, u->manager);
}

static void
remove_one(struct unit *u, void *arg)
{
	if (u->transient && !unit_is_running(u))
		remove_transient(arg, u->name);
}

void
units_remove_transient(struct manager *m)
{
	units_foreach(m, remove_one, m);
}

static void
count_ended(struct unit *u, void *arg)
{
	(void)arg;
	if ((u->transient || unit_is_of_template(u)) && !unit_is_running(u) &&
	    job_unit_job(u->job_unit) == NULL)
		unit_ended(u);
}

void
units_count_ended(struct manager *m)
{
	units_foreach(m, count_ended, NULL);
}
