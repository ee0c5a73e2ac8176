/*
 * implied: what units depend on without a word, by their type and DefaultDependencies=.
 * It is computed each time: no unit pays memory for it.
 */
#include "manager/job/job_int.h"

static const char *const names[NSTAGES] = {
	[STAGE_SYSINIT] = "sysinit.target",
	[STAGE_BASIC] = "basic.target",
	[STAGE_TIMERS] = "timers.target",
	[STAGE_PATHS] = "paths.target",
	[STAGE_SOCKETS] = "sockets.target",
	[STAGE_TIME_SET] = "time-set.target",
	[STAGE_TIME_SYNC] = "time-sync.target",
	[STAGE_SHUTDOWN] = "shutdown.target",
};

enum {
	SERVICE = 1U << IMPLIES_SERVICE,
	CALENDAR = 1U << IMPLIES_CALENDAR,
	TIMER = 1U << IMPLIES_TIMER | CALENDAR,
	PATH = 1U << IMPLIES_PATH,
	SOCKET = 1U << IMPLIES_SOCKET,
	RUNS = SERVICE | TIMER | PATH | SOCKET,
	ALL = RUNS | 1U << IMPLIES_TARGET,
};

static const struct row {
	unsigned classes;
	enum unit_dep dep;
	enum stage target;
} rows[] = {
	{ RUNS, DEP_REQUIRES, STAGE_SYSINIT },
	{ RUNS, DEP_AFTER, STAGE_SYSINIT },
	{ SERVICE, DEP_AFTER, STAGE_BASIC },
	{ TIMER, DEP_BEFORE, STAGE_TIMERS },
	{ PATH, DEP_BEFORE, STAGE_PATHS },
	{ SOCKET, DEP_BEFORE, STAGE_SOCKETS },
	/* The clock on the wall is to be right. */
	{ CALENDAR, DEP_AFTER, STAGE_TIME_SET },
	{ CALENDAR, DEP_AFTER, STAGE_TIME_SYNC },
	{ ALL, DEP_CONFLICTS, STAGE_SHUTDOWN },
	{ ALL, DEP_BEFORE, STAGE_SHUTDOWN },
};
enum { NROWS = sizeof(rows) / sizeof(rows[0]) };

enum implied_class
implied_class_of(const struct unit_conf *conf)
{
	if (conf == NULL || !conf->rules->default_dependencies)
		return IMPLIES_NOTHING;
	switch (conf->type) {
	case UNIT_SERVICE:
		return IMPLIES_SERVICE;
	case UNIT_TIMER:
		return conf->trigger != NULL && conf->trigger->timer.when.calendars.n > 0
			   ? IMPLIES_CALENDAR
			   : IMPLIES_TIMER;
	case UNIT_PATH:
		return IMPLIES_PATH;
	case UNIT_SOCKET:
		return IMPLIES_SOCKET;
	case UNIT_TARGET:
		return IMPLIES_TARGET;
	default:
		return IMPLIES_OTHER;
	}
}

void
implied_init(struct jobs *js)
{
	for (int i = 0; i < NSTAGES; i++)
		js->stage[i] = jobs_unit(js, names[i]);
}

void
jobs_set_sysinit(struct jobs *js, bool holds_something)
{
	js->sysinit = holds_something;
}

bool
implied_is_target(const struct job_unit *u)
{
	for (int i = 0; i < NSTAGES; i++)
		if (u->js->stage[i] == u)
			return true;
	return false;
}

/* ---- rows -------------------------------------------------------------------- */

/* The other end for a unit of that class; NULL: the row is not about it. */
static struct job_unit *
end_of(const struct jobs *js, const struct row *r, unsigned class, enum unit_dep dep)
{
	if (r->dep != dep || (r->classes >> class & 1) == 0 ||
	    (dep == DEP_REQUIRES && !js->sysinit))
		return NULL;
	return job_unit_real(js->stage[r->target]);
}

static void
each_row(struct job_unit *u, enum unit_dep dep, job_unit_fn *fn, void *arg)
{
	for (int i = 0; i < NROWS; i++) {
		struct job_unit *end = end_of(u->js, &rows[i], u->implies, dep);

		if (end != NULL && end != u)
			fn(arg, end);
	}
}

/* Those that have it: all units of these classes. */
static void
each_of_classes(struct job_unit *u, unsigned classes, job_unit_fn *fn, void *arg)
{
	size_t it = 0;
	void *v;

	while (map_next(&u->js->units, &it, NULL, &v)) {
		struct job_unit *o = v;

		if (o != u && o->real == NULL && (classes >> o->implies & 1) != 0)
			fn(arg, o);
	}
}

static void
each_row_inverse(struct job_unit *u, enum unit_dep dep, job_unit_fn *fn, void *arg)
{
	unsigned classes = 0;

	for (int i = 0; i < NROWS; i++)
		if (rows[i].dep == dep &&
		    job_unit_real(u->js->stage[rows[i].target]) == u &&
		    (dep != DEP_REQUIRES || u->js->sysinit))
			classes |= rows[i].classes;
	if (classes != 0)
		each_of_classes(u, classes, fn, arg);
}

static bool
row_has(const struct job_unit *u, enum unit_dep dep, const struct job_unit *other)
{
	for (int i = 0; i < NROWS; i++)
		if (end_of(u->js, &rows[i], u->implies, dep) == other && other != u)
			return true;
	return false;
}

/* ---- targets ----------------------------------------------------------------- */

static bool
is_said_before(const struct job_unit *first, const struct job_unit *then)
{
	return edges_have(&then->deps, DEP_AFTER, first) ||
	       edges_have(&then->inverse, DEP_BEFORE, first) ||
	       row_has(then, DEP_AFTER, first) || row_has(first, DEP_BEFORE, then);
}

/*
 * A target is up when what it pulls in is, unless one of the two has
 * DefaultDependencies=no or the order is said to be the other way round.
 */
static bool
is_target_order(
    const struct job_unit *target, const struct edge *e, const struct job_unit *other)
{
	switch (e->kind) {
	case DEP_REQUIRES:
	case DEP_WANTS:
	case DEP_REQUISITE:
	case DEP_BINDS_TO:
	case DEP_UPHOLDS:
		return target->implies == IMPLIES_TARGET &&
		       other->implies != IMPLIES_NOTHING &&
		       !is_said_before(target, other);
	default:
		return false;
	}
}

static void
each_of_target(struct job_unit *u, bool inverse, job_unit_fn *fn, void *arg)
{
	for (uint32_t i = 0; !inverse && u->implies == IMPLIES_TARGET && i < u->deps.n;
	     i++)
		if (is_target_order(u, &u->deps.v[i], u->deps.v[i].to))
			fn(arg, u->deps.v[i].to);
	for (uint32_t i = 0; inverse && u->implies != IMPLIES_NOTHING && i < u->inverse.n;
	     i++)
		if (is_target_order(u->inverse.v[i].to, &u->inverse.v[i], u))
			fn(arg, u->inverse.v[i].to);
}

static bool
target_has(const struct job_unit *u, const struct job_unit *other)
{
	for (uint32_t i = 0; u->implies == IMPLIES_TARGET && i < u->deps.n; i++)
		if (u->deps.v[i].to == other && is_target_order(u, &u->deps.v[i], other))
			return true;
	return false;
}

/* ---- both -------------------------------------------------------------------- */

bool
implied_has(const struct job_unit *u, enum unit_dep dep, const struct job_unit *other)
{
	return row_has(u, dep, other) || (dep == DEP_AFTER && target_has(u, other));
}

void
implied_each(
    struct job_unit *u, enum unit_dep dep, bool inverse, job_unit_fn *fn, void *arg)
{
	if (inverse)
		each_row_inverse(u, dep, fn, arg);
	else
		each_row(u, dep, fn, arg);
	if (dep == DEP_AFTER)
		each_of_target(u, inverse, fn, arg);
}

struct unsaid {
	struct job_unit *of;
	enum unit_dep dep;
	bool inverse;
	job_unit_fn *fn;
	void *arg;
};

static bool
is_said(const struct unsaid *s, const struct job_unit *other)
{
	const struct job_unit *from = s->inverse ? other : s->of;
	const struct job_unit *to = s->inverse ? s->of : other;

	return edges_have(&from->deps, s->dep, to) ||
	       (s->dep == DEP_AFTER && edges_have(&to->deps, DEP_BEFORE, from)) ||
	       (s->dep == DEP_BEFORE && edges_have(&to->deps, DEP_AFTER, from));
}

static void
tell_unsaid(void *arg, struct job_unit *other)
{
	struct unsaid *s = arg;

	if (!is_said(s, other))
		s->fn(s->arg, other);
}

void
job_unit_each_implied(
    struct job_unit *ju, enum unit_dep dep, bool inverse, job_unit_fn *fn, void *arg)
{
	struct unsaid s = {
		.of = ju, .dep = dep, .inverse = inverse, .fn = fn, .arg = arg
	};

	implied_each(ju, dep, inverse, tell_unsaid, &s);
}
