#include "manager/clean.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/record/event.h"
#include "manager/removal.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/load.h"

static const char *const names[] = {
	[DIR_RUNTIME] = "runtime",
	[DIR_STATE] = "state",
	[DIR_CACHE] = "cache",
	[DIR_LOGS] = "logs",
	[DIR_CONFIGURATION] = "configuration",
	[DIR_NKINDS] = "fdstore",
};

unsigned
clean_find(const char *name)
{
	if (strcmp(name, "all") == 0)
		return CLEAN_ALL;
	for (unsigned i = 0; i <= DIR_NKINDS; i++)
		if (strcmp(names[i], name) == 0)
			return 1U << i;
	return 0;
}

const char *
clean_name(unsigned bit)
{
	unsigned i = 0;

	while (i < DIR_NKINDS && (1U << i) != bit)
		i++;
	return names[i];
}

struct cleaning {
	struct manager *manager;
	char *unit;
	clean_fn *fn;
	void *arg;
};

/* What of it the unit has. */
static unsigned
there_is(const struct unit *u, unsigned what)
{
	const struct exec_conf *x = &u->conf->service->context;
	unsigned has = 0;

	for (unsigned k = 0; k < DIR_NKINDS; k++)
		if (x->dirs[k].names.n > 0 &&
		    unit_paths_base(u->manager->paths, (enum exec_dir_kind)k) != NULL)
			has |= 1U << k;
	if (svc_stored(u->svc, NULL, NULL) > 0)
		has |= CLEAN_FDSTORE;
	return has & what;
}

static const char *
refusal(const struct unit *u)
{
	if (u->svc == NULL || u->conf->service == NULL)
		return "is no service that could be started, and has no folders";
	if (svc_state(u->svc) == SVC_FAILED)
		return "has failed, and what it left may say why: supctl reset-failed "
		       "first";
	if (svc_state(u->svc) != SVC_DEAD || svc_has_slot(u->svc))
		return "is not down: stop it first";
	if (job_unit_job(u->job_unit) != NULL)
		return "has a job that is not done";
	if (u->ops != NULL && u->ops->removal != NULL)
		return "is being cleaned already";
	return NULL;
}

static void
tell_begin(const struct unit *u, unsigned what, const struct wish_who *who)
{
	struct emitter *ev = u->manager->events;
	struct buf text = { 0 };

	for (unsigned bit = 1; bit <= CLEAN_FDSTORE; bit <<= 1)
		if (what & bit)
			buf_addf(&text, "%s%s", text.len > 0 ? " " : "", clean_name(bit));
	event_begin(ev, EVENT_CLEANED, u->name, NULL);
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	event_str(ev, "user", who->name);
	event_int(ev, "uid", (int64_t)who->uid);
	event_int(ev, "by_pid", who->pid);
	event_str(ev, "what", buf_str(&text));
	event_end(ev);
	buf_free(&text);
}

static void
on_removed(void *arg, const char *why)
{
	struct cleaning *c = arg;

	if (why != NULL) {
		log_warnx("%s: cannot be cleaned: %s", c->unit, why);
		event_begin(c->manager->events, EVENT_CLEANUP_FAILED, c->unit, NULL);
		event_str(c->manager->events, "why", why);
		event_end(c->manager->events);
	}
	c->fn(c->arg, why);
	free(c->unit);
	free(c);
}

unsigned
clean_unit(struct unit *u, unsigned what, const struct wish_who *who, clean_fn *fn,
    void *arg, char *why, size_t size)
{
	const char *no = refusal(u);
	struct buf list = { 0 };
	struct cleaning *c;

	if (no == NULL && (what = there_is(u, what)) == 0)
		no = "has nothing of that kind";
	if (no != NULL) {
		snprintf(why, size, "%s %s", u->name, no);
		return 0;
	}
	tell_begin(u, what, who);
	if (what & CLEAN_FDSTORE)
		link_fd_drop(u->manager->link, 0, u->name, "");
	for (unsigned k = 0; k < DIR_NKINDS; k++)
		/* Configuration is a person's, and never private. */
		if (what & 1U << k)
			removal_add_dirs(&list,
			    unit_paths_base(u->manager->paths, (enum exec_dir_kind)k),
			    &u->conf->service->context.dirs[k], k != DIR_CONFIGURATION);
	c = xcalloc(1, sizeof(*c));
	c->manager = u->manager;
	c->unit = xstrdup(u->name);
	c->fn = fn;
	c->arg = arg;
	removal_begin(u->manager, u, &list, SIZE_MAX, u->conf->service->timeout_clean_us,
	    on_removed, c);
	buf_free(&list);
	return what;
}
