/*
 * alerts_value: what is measured for alerts with Metric=.  Of units and pools only what
 * events have moved is looked at; of the machine what is due.
 */
#include <sys/statvfs.h>

#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/hostload.h"
#include "manager/alerts_int.h"
#include "manager/manager.h"
#include "manager/part/pools.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/watch/reach.h"

#define LOOK_MIN_US USEC_PER_SEC

bool
alert_is_of_machine(const struct alert_conf *c)
{
	return c->metric == ALERT_METRIC_DISK_FREE || c->metric == ALERT_METRIC_LOAD ||
	       c->metric == ALERT_METRIC_MEMORY;
}

/* ---- units and pools ---- */

static bool
is_pool(const char *unit)
{
	size_t n = strlen(unit);

	return n > 5 && strcmp(unit + n - 5, ".pool") == 0;
}

static void
take_one(struct alerts *as, const char *unit)
{
	struct unit *u = unit_find(as->m, unit);

	if (as->looks_at_pools && u != NULL && is_pool(unit))
		map_set(&as->pools, unit, as);
	if (!as->counts_failed)
		return;
	if (u != NULL && unit_active(u) == SVC_ACTIVE_FAILED && !alerts_start(as, unit))
		map_set(&as->failed, unit, as);
	else
		(void)map_del(&as->failed, unit);
}

void
alerts_take_moved(struct alerts *as)
{
	const char *unit;
	size_t it = 0;

	while (map_next(&as->moved, &it, &unit, NULL))
		take_one(as, unit);
	map_clear(&as->moved, NULL);
}

static void
gather_one(struct unit *u, void *arg)
{
	if (unit_can_start(u))
		take_one(arg, u->name);
}

void
alerts_gather(struct alerts *as)
{
	map_clear(&as->pools, NULL);
	map_clear(&as->failed, NULL);
	if (as->looks_at_pools || as->counts_failed)
		units_look(as->m, gather_one, as);
}

/* The longest queue. */
static bool
measure_queued(
    struct alerts *as, const struct alert *a, double *value, char *of, size_t of_size)
{
	const char *name;
	size_t it = 0;
	bool any = false;

	while (map_next(&as->pools, &it, &name, NULL)) {
		struct unit *u = unit_find(as->m, name);
		struct pools_view v;

		if (u == NULL || !alert_is_of_unit(a->conf, name) || !pools_view(u, &v) ||
		    (any && (double)v.queued <= *value))
			continue;
		*value = (double)v.queued;
		strlcpy(of, name, of_size);
		any = true;
	}
	return any;
}

static double
measure_failed(struct alerts *as, const struct alert *a)
{
	const char *name;
	size_t it = 0;
	double n = 0;

	while (map_next(&as->failed, &it, &name, NULL)) {
		struct unit *u = unit_find(as->m, name);

		/* (One that was forgotten has told nobody.) */
		n += u != NULL && unit_active(u) == SVC_ACTIVE_FAILED &&
		     alert_is_of_unit(a->conf, name);
	}
	return n;
}

/* ---- the machine ---- */

static bool
measure_disk(struct alerts *as, const struct alert_conf *c, double *value)
{
	const char *path = c->path != NULL ? c->path : as->m->root_path;
	struct statvfs s;
	double free_bytes;

	/* What hangs says nothing: there is an event of that. */
	if (!reach_may(as->m->reach, path, true) || statvfs(path, &s) == -1 ||
	    s.f_blocks == 0)
		return false;
	free_bytes = (double)s.f_bavail * (double)s.f_frsize;
	*value = c->above.percent || c->below.percent
		     ? 100 * free_bytes / ((double)s.f_blocks * (double)s.f_frsize)
		     : free_bytes;
	return true;
}

static bool
measure_machine(struct alerts *as, const struct alert_conf *c, double *value)
{
	bool percent = c->above.percent || c->below.percent;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t available, total;
	unsigned centi;

	switch (c->metric) {
	case ALERT_METRIC_DISK_FREE:
		return measure_disk(as, c, value);
	case ALERT_METRIC_LOAD:
		if (hostload_average(&centi) == -1)
			return false;
		*value = centi / 100.0;
		if (percent)
			*value = *value * 100 / (processors > 0 ? (double)processors : 1);
		return true;
	case ALERT_METRIC_MEMORY:
		if (hostload_memory(&available, &total) == -1 || total == 0)
			return false;
		*value =
		    percent ? 100 * (double)available / (double)total : (double)available;
		return true;
	default:
		return false;
	}
}

/* False: it is not due for a look.  At the end of ForSec= it is: what was beyond once,
 * and was not looked at since, may have been back long ago. */
static bool
is_due_for_look(struct watched *w, uint64_t wall_us, uint64_t mono_us)
{
	const struct alert_conf *c = w->a->conf;
	uint64_t every_us = c->interval_us < LOOK_MIN_US ? LOOK_MIN_US : c->interval_us;

	if (w->look_at_us > mono_us && !alert_is_due(w->a, wall_us))
		return false;
	w->look_at_us = clock_add_us(mono_us, every_us);
	return true;
}

void
alerts_measure(struct alerts *as, struct watched *w, uint64_t wall_us, uint64_t mono_us,
    char *of, size_t of_size)
{
	struct alert *a = w->a;
	double value = 0;
	bool known;

	of[0] = '\0';
	if (a->conf->path != NULL && a->conf->metric == ALERT_METRIC_DISK_FREE)
		strlcpy(of, a->conf->path, of_size);
	if (alert_is_of_machine(a->conf)) {
		if (!is_due_for_look(w, wall_us, mono_us))
			return;
		known = measure_machine(as, a->conf, &value);
	} else if (a->conf->metric == ALERT_METRIC_QUEUED) {
		known = measure_queued(as, a, &value, of, of_size);
	} else if (a->conf->metric == ALERT_METRIC_FAILED_UNITS) {
		value = measure_failed(as, a);
		known = true;
	} else {
		known = alert_rate(a, wall_us, &value);
	}
	if (known)
		(void)alert_on_value(a, value, wall_us);
	else
		alert_on_no_value(a);
}
