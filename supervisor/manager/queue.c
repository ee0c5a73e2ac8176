#include "manager/queue.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "unit/name.h"

/* The flags of job-waits.  (On the disk: numbers stay.) */
enum kept_flag {
	KEPT_AUTOMATIC = 1 << 0,
	KEPT_NO_DEPS = 1 << 1,
	KEPT_HARD = 1 << 2,
	KEPT_UNORDERED = 1 << 3,
	KEPT_AGAIN = 1 << 4, /* it had begun, and is to begin anew */
};

/* ---- told ---------------------------------------------------------------------------
 */

static unsigned
flags_of(const struct job *j)
{
	unsigned mode = job_mode(j);

	return ((mode & JOB_AUTOMATIC) != 0 ? (unsigned)KEPT_AUTOMATIC : 0U) |
	       ((mode & JOB_NO_DEPS) != 0 ? (unsigned)KEPT_NO_DEPS : 0U) |
	       (job_is_hard(j) ? (unsigned)KEPT_HARD : 0U) |
	       (job_is_unordered(j) ? (unsigned)KEPT_UNORDERED : 0U);
}

static void
put_opt(struct emitter *ev, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		event_str(ev, key, text);
}

static void
tell(struct manager *m, const struct job *j, unsigned flags)
{
	struct emitter *ev = m->events;

	event_begin(ev, EVENT_JOB_WAITS, job_unit_name(job_of(j)), NULL);
	event_str(ev, "run", job_run(j));
	event_int(ev, "job", job_id(j));
	event_str(ev, "type", job_type_name(job_type(j)));
	event_str(ev, "origin", job_origin(j));
	event_str(ev, "mode", job_how_name(job_how(j)));
	event_int(ev, "flags", flags | flags_of(j));
	event_int(ev, "since_us", (int64_t)job_since_wall_us(j));
	put_opt(ev, "ref", job_ref(j));
	put_opt(ev, "day", job_day(j));
	put_opt(ev, "log_name", job_log_name(j));
	put_opt(ev, "env", job_env(j));
	event_end(ev);
}

void
queue_tell(struct manager *m, const struct job *j)
{
	tell(m, j, 0);
}

/* It ends by itself when it is done: another supd can do it from its beginning. */
static bool
is_work(const struct unit *u)
{
	return u->svc != NULL && (svc_memory(u->svc)->state == SVC_QUEUED ||
				     svc_conf(u->svc)->service->type == SERVICE_ONESHOT);
}

bool
queue_outlives(struct manager *m, const struct job *j, enum job_result r)
{
	const struct unit *u = job_unit_data(job_of(j));
	bool begun = job_began_us(j) != 0;

	if (m->phase != MANAGER_STOPPING || r != JOB_CANCELED || u == NULL ||
	    u->transient || !job_is_kept_kind(j) || (begun && !is_work(u)))
		return false;
	tell(m, j, begun ? (unsigned)KEPT_AGAIN : 0U);
	return true;
}

/* ---- restored -----------------------------------------------------------------------
 */

/* Of one unit; the texts of a request are in line. */
struct kept {
	struct job_kept k;
	struct unit *unit;
	struct jv *line; /* NULL: it is in the memory of the unit */
	char *origin;
};

struct gathered {
	struct manager *m;
	struct kept *v;
	size_t n, cap;
};

static struct kept *
add(struct gathered *g, struct unit *u)
{
	struct kept *k;

	if (g->n == g->cap) {
		g->cap = g->cap == 0 ? 16 : 2 * g->cap;
		g->v = xreallocarray(g->v, g->cap, sizeof(*g->v));
	}
	k = &g->v[g->n++];
	*k = (struct kept){ .unit = u };
	return k;
}

/* Its start was begun by that very job, and is not done. */
static bool
has_begun(const struct unit *u, uint32_t id)
{
	return u->svc != NULL && svc_memory(u->svc)->job == id;
}

static void
gather_begun(struct unit *u, void *arg)
{
	struct gathered *g = arg;
	const struct svc_memory *mem;
	struct kept *k;

	if (u->svc == NULL || !svc_job_is_open(u->svc))
		return;
	mem = svc_memory(u->svc);
	k = add(g, u);
	k->origin = xstrdup(mem->who);
	k->k = (struct job_kept){ .id = mem->job,
		.r = { .type = JOB_START,
		    .mode = mem->fresh_start ? 0U : (unsigned)JOB_AUTOMATIC,
		    .origin = k->origin,
		    .run = mem->run },
		.runs = true,
		.since_wall_us =
		    mem->queued_us != 0 ? mem->changed_wall_us : mem->started_wall_us };
}

static const char *
text_of(const struct jv *v, const char *key)
{
	return jv_str(jv_get(v, key), NULL);
}

/* A line of the disk: whatever it says, it is a request as one could be made. */
static bool
read_line(const struct jv *v, struct job_kept *k)
{
	int64_t id = jv_i64(jv_get(v, "job"), 0), flags = jv_i64(jv_get(v, "flags"), 0);
	int64_t since_us = jv_i64(jv_get(v, "since_us"), 0);
	const char *env = text_of(v, "env");

	if (id <= 0 || id > UINT32_MAX ||
	    job_type_parse(jv_str(jv_get(v, "type"), ""), &k->r.type) == -1 ||
	    job_how_parse(jv_str(jv_get(v, "mode"), ""), &k->r.how) == -1 ||
	    k->r.type != JOB_START)
		return false;
	k->id = (uint32_t)id;
	k->r.mode = ((flags & KEPT_AUTOMATIC) != 0 ? (unsigned)JOB_AUTOMATIC : 0U) |
		    ((flags & KEPT_NO_DEPS) != 0 ? (unsigned)JOB_NO_DEPS : 0U);
	k->hard = (flags & KEPT_HARD) != 0;
	k->no_order = (flags & KEPT_UNORDERED) != 0;
	k->since_wall_us = since_us > 0 ? (uint64_t)since_us : clock_wall_us();
	k->r.run = text_of(v, "run");
	k->r.origin = text_of(v, "origin");
	k->r.ref = text_of(v, "ref");
	k->r.day = text_of(v, "day");
	k->r.log_name = text_of(v, "log_name");
	k->r.env = env != NULL && strlen(env) < SVC_START_ENV_MAX ? env : NULL;
	return true;
}

/* It had begun, its unit came to its end, and its manager before it was told. */
static void
tell_done(struct manager *m, struct unit *u, const struct job_kept *k)
{
	event_begin(m->events, EVENT_JOB_DONE, u->name, NULL);
	event_str(m->events, "run", k->r.run != NULL ? k->r.run : "");
	event_int(m->events, "job", k->id);
	event_str(m->events, "type", job_type_name(k->r.type));
	event_str(m->events, "result",
	    job_result_name(unit_active(u) == SVC_ACTIVE_FAILED ? JOB_FAILED : JOB_DONE));
	event_str(m->events, "message", svc_why(u->svc));
	event_end(m->events);
}

static void
gather_line(void *arg, const char *line, size_t len)
{
	struct gathered *g = arg;
	struct jv *v = jv_parse(line, len, NULL);
	struct job_kept k = { 0 };
	const char *name = text_of(v, "unit");
	bool again = (jv_i64(jv_get(v, "flags"), 0) & KEPT_AGAIN) != 0;
	struct unit *u = NULL;

	if (name != NULL && unit_name_is_valid(name) && read_line(v, &k))
		u = unit_get(g->m, name);
	if (u == NULL) {
		log_warnx("a job that waited cannot be read, and is left out: %.*s",
		    len > 200 ? 200 : (int)len, line);
	} else if (!has_begun(u, k.id) || (again && !svc_job_is_open(u->svc))) {
		struct kept *made = add(g, u);

		made->k = k;
		made->line = v;
		return;
	} else if (!svc_job_is_open(u->svc)) {
		tell_done(g->m, u, &k);
	}
	jv_free(v);
}

static int
by_number(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	return x->k.id < y->k.id ? -1 : x->k.id > y->k.id;
}

/* ---- what failed meanwhile ----------------------------------------------------------
 */

struct needed {
	const struct job *j;
	const struct unit *failed;
};

static bool
has_failed(const struct unit *u)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);

	if (unit_active(u) == SVC_ACTIVE_FAILED)
		return true;
	/* Restart= tries again what the job was told has failed; an assertion leaves the
	 * state alone. */
	return mem != NULL && !svc_job_is_open(u->svc) &&
	       ((mem->state == SVC_AUTO_RESTART && mem->result != SVC_RESULT_SUCCESS) ||
		   strncmp(mem->unmet, "Assert", strlen("Assert")) == 0);
}

static void
look_at_needed(void *arg, struct job_unit *ju)
{
	struct needed *n = arg;
	const struct unit *u = job_unit_data(ju);
	const char *run = unit_run(u);
	uint64_t ended_us;

	if (u == NULL || job_unit_job(ju) != NULL || !has_failed(u))
		return;
	ended_us = u->svc != NULL ? svc_memory(u->svc)->changed_wall_us
				  : u->part->changed_wall_us;
	/* Since it was queued, by the run; or by the clock, when another run began it. */
	if ((run != NULL && strcmp(run, job_run(n->j)) == 0) ||
	    ended_us >= job_since_wall_us(n->j))
		n->failed = u;
}

/* What it requires has failed, and the manager died before it said so to the job. */
static void
give_up_failed(const struct kept *k)
{
	static const enum unit_dep needs[] = { DEP_REQUIRES, DEP_BINDS_TO,
		DEP_REQUISITE };
	struct job *j = job_unit_job(k->unit->job_unit);
	struct needed n = { .j = j };
	char *text;

	/* (What waits behind what runs is not kept down by others.) */
	if (j == NULL || job_id(j) != k->k.id || k->k.runs ||
	    (job_mode(j) & JOB_NO_DEPS) != 0)
		return;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		job_unit_each(k->unit->job_unit, needs[i], false, look_at_needed, &n);
	if (n.failed == NULL)
		return;
	text = xasprintf("%s, which it requires, did not start: %s", n.failed->name,
	    n.failed->svc != NULL ? svc_why(n.failed->svc) : n.failed->part->why);
	job_give_up(j, JOB_DEPENDENCY, text);
	free(text);
}

void
queue_restore(struct manager *m)
{
	struct gathered g = { .m = m };
	struct job_unit **units;
	struct job_kept *kept;
	uint32_t last_id;
	size_t waiting = 0;

	store_each_job(m->store, gather_line, &g, &last_id);
	units_look(m, gather_begun, &g);
	if (g.n > 1)
		qsort(g.v, g.n, sizeof(*g.v), by_number);
	units = xcalloc(g.n + 1, sizeof(*units));
	kept = xcalloc(g.n + 1, sizeof(*kept));
	for (size_t i = 0; i < g.n; i++) {
		units[i] = g.v[i].unit->job_unit;
		kept[i] = g.v[i].k;
		waiting += !g.v[i].k.runs;
		if (g.v[i].k.runs)
			svc_expect_start(g.v[i].unit->svc);
	}
	jobs_restore(m->jobs, kept, units, g.n, last_id);
	for (size_t i = 0; i < g.n; i++)
		give_up_failed(&g.v[i]);
	if (g.n > 0) {
		event_begin(m->events, EVENT_QUEUE_RESTORED, NULL, NULL);
		event_int(m->events, "running", (int64_t)(g.n - waiting));
		event_int(m->events, "waiting", (int64_t)waiting);
		event_end(m->events);
	}
	for (size_t i = 0; i < g.n; i++) {
		jv_free(g.v[i].line);
		free(g.v[i].origin);
	}
	free(g.v);
	free(units);
	free(kept);
}
