#include "manager/part/paths.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/activate/path.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/watch/pathlook.h"
#include "manager/watch/reach.h"
#include "unit/condition.h"
#include "unit/conf.h"
#include "unit/pathglob.h"

/* What happens to the end of a way, beside that it goes. */
#define EDGE_MASK                                                                 \
	(IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | \
	    IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define FILLED_MASK (IN_CREATE | IN_MOVED_TO | IN_ATTRIB)

struct path_part {
	struct part part;
	struct path *path;
	struct pathlook *look;
	const char *origin;       /* of the start or stop that goes on */
	char *problem;            /* what cannot be seen; NULL: nothing */
	bool starved;             /* it failed because the kernel gives no more watches */
	struct loop_timer *retry; /* NULL: it never was */
	char why[SVC_WHY_MAX];
};

static struct path_part *
of(struct part *p)
{
	return (struct path_part *)p;
}

static struct manager *
manager_of(const struct path_part *pp)
{
	return pp->part.unit->manager;
}

static const struct path_conf *
conf_of(const struct path_part *pp)
{
	return &pp->part.conf->trigger->path;
}

static struct unit *
triggered(const struct path_part *pp)
{
	return unit_get(manager_of(pp), conf_of(pp)->unit);
}

/* ---- what is there --------------------------------------------------------------------
 */

static bool
ops_holds(void *arg, const struct path_spec *s)
{
	struct path_part *pp = arg;
	struct condition_world w;
	struct unit_condition c = { .arg = s->path };
	char name[32];

	condition_world_init(&w);
	w.guard = reach_may;
	w.guard_arg = manager_of(pp)->reach;
	snprintf(name, sizeof(name), "%s", path_kind_name(s->kind));
	c.name = name;
	return condition_test(&w, &c, NULL) == CONDITION_YES;
}

static uint64_t
mix(uint64_t sum, uint64_t v)
{
	sum = (sum ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ sum >> 29;
}

static uint64_t
ops_sign(void *arg, const struct path_spec *s)
{
	struct path_part *pp = arg;
	struct stat st;
	uint64_t sum;

	if (!reach_may(manager_of(pp)->reach, s->path, true) || stat(s->path, &st) == -1)
		return 0;
	sum = mix(
	    mix(mix(1, (uint64_t)st.st_dev), (uint64_t)st.st_ino), (uint64_t)st.st_size);
	sum = mix(mix(sum, (uint64_t)st.st_mtim.tv_sec), (uint64_t)st.st_mtim.tv_nsec);
	sum = mix(mix(sum, (uint64_t)st.st_ctim.tv_sec), (uint64_t)st.st_ctim.tv_nsec);
	return sum != 0 ? sum : 1;
}

/* ---- what is watched ------------------------------------------------------------------
 */

static bool
any_end(void *arg, const char *path, const char *captured)
{
	(void)arg;
	(void)path;
	(void)captured;
	return true;
}

static void
note_problem(struct path_part *pp, char *problem)
{
	/* That something is not there is what is waited for. */
	if (problem == NULL || pp->problem != NULL ||
	    strstr(problem, ": it is not there") != NULL)
		free(problem);
	else
		pp->problem = problem;
}

static void
watch_one(struct path_part *pp, const struct path_spec *s, size_t i)
{
	uint32_t mask = s->kind == PATH_MODIFIED              ? EDGE_MASK | IN_MODIFY
			: s->kind == PATH_CHANGED             ? EDGE_MASK
			: s->kind == PATH_DIRECTORY_NOT_EMPTY ? FILLED_MASK
							      : 0;
	bool wild = s->kind == PATH_EXISTS_GLOB;
	struct strv all = { 0 };

	pathlook_set_end(pp->look, mask, i);
	if (wild)
		pathglob_braces(s->path, &all);
	else
		strv_add(&all, s->path);
	for (size_t k = 0; k < all.n; k++)
		note_problem(pp, pathlook_walk(pp->look, all.v[k], wild, any_end, pp));
	strv_free(&all);
}

static void
on_retry(struct loop_timer *t, void *arg)
{
	struct path_part *pp = arg;

	(void)t;
	/* (A person may have stopped it, or said that it did not fail.) */
	if (!pp->starved || pp->part.active != SVC_ACTIVE_FAILED)
		return;
	pp->origin = "there may be watches now";
	path_recover(pp->path);
	pp->origin = NULL;
}

/* Of the kernel's limits nobody tells when there is room again. */
static void
retry_later(struct path_part *pp)
{
	struct manager *m = manager_of(pp);

	pp->starved = true;
	if (pp->retry == NULL)
		pp->retry = loop_timer_new(m->loop, "path", on_retry, pp);
	loop_timer_in(pp->retry, m->conf->path_retry_us);
}

static void
say_blind(struct path_part *pp)
{
	int err = pathlook_error(pp->look);
	char again[CLOCK_TEXT_MAX];
	const char *what = err == ENOSPC   ? "no more inotify watches: raise "
					     "fs.inotify.max_user_watches (sysctl)"
			   : err == EMFILE ? "no more inotify instances: raise "
					     "fs.inotify.max_user_instances (sysctl)"
			   : err == 0      ? "there is too much to watch"
					   : strerror(err);

	if (err != ENOSPC && err != EMFILE && err != ENFILE && err != ENOMEM) {
		snprintf(
		    pp->why, sizeof(pp->why), "its paths cannot be watched: %s", what);
		return;
	}
	retry_later(pp);
	snprintf(pp->why, sizeof(pp->why),
	    "its paths cannot be watched: %s; it is tried again every %s", what,
	    clock_format_duration(
		again, sizeof(again), manager_of(pp)->conf->path_retry_us));
}

static int
ops_watch(void *arg, bool on)
{
	struct path_part *pp = arg;
	const struct path_conf *c = conf_of(pp);

	if (!on) {
		pathlook_stop(pp->look);
		return 0;
	}
	free(pp->problem);
	pp->problem = NULL;
	pp->starved = false;
	pathlook_begin(pp->look);
	for (size_t i = 0; i < c->watch.n; i++)
		watch_one(pp, &c->watch.v[i], i);
	if (!pathlook_is_blind(pp->look))
		return 0;
	say_blind(pp);
	return -1;
}

static void
on_look(void *arg)
{
	struct path_part *pp = arg;

	path_on_watch(pp->path, pathlook_hit(pp->look), pathlook_was_lost(pp->look));
}

static void
look(struct unit *u, void *arg)
{
	(void)arg;
	if (u->part != NULL && u->part->kind == &part_path)
		path_look(of(u->part)->path);
}

void
paths_look_all(struct manager *m)
{
	units_foreach(m, look, NULL);
}

/* ---- the unit that it starts
 * ------------------------------------------------------------
 */

static bool
is_busy_state(enum svc_active a)
{
	return a != SVC_ACTIVE_INACTIVE && a != SVC_ACTIVE_FAILED;
}

static bool
ops_is_up(void *arg)
{
	const struct unit *u = triggered(arg);
	const struct job *j = u != NULL ? job_unit_job(u->job_unit) : NULL;

	return u != NULL && (is_busy_state(unit_active(u)) ||
				(j != NULL && (job_type(j) == JOB_START ||
						  job_type(j) == JOB_RESTART)));
}

static bool
ops_is_limited(void *arg)
{
	const struct unit *u = triggered(arg);

	return u != NULL && u->svc != NULL && !is_busy_state(unit_active(u)) &&
	       svc_memory(u->svc)->result == SVC_RESULT_START_LIMIT;
}

/* Nothing can be started, and that is no passing state of it. */
static bool
is_in_vain(const struct unit *u)
{
	return u == NULL || u->conf->load_state == UNIT_NOT_FOUND ||
	       u->conf->load_state == UNIT_MASKED || u->flag[WISH_FLAG_MASKED];
}

/* Why it is so; it fails, or its start does. */
static void
say_in_vain(struct path_part *pp, const struct unit *u)
{
	char *why =
	    u == NULL || u->conf->load_state == UNIT_NOT_FOUND ? NULL : unit_refusal(u);

	if (why == NULL)
		snprintf(pp->why, sizeof(pp->why),
		    "there is no %.150s, which it is to start: add it, or name another "
		    "by Unit=",
		    conf_of(pp)->unit);
	else
		snprintf(pp->why, sizeof(pp->why), "%s", why);
	free(why);
	part_add_next(&pp->part, pp->why, sizeof(pp->why));
}

static const char *
ops_refusal(void *arg)
{
	const struct unit *u = triggered(arg);
	const char *why = u != NULL ? unit_trigger_refusal(u) : NULL;

	/* A start of these waits, and is made up for. */
	if (why != NULL && (strcmp(why, "held") == 0 || strcmp(why, "frozen") == 0))
		return NULL;
	/* One that is not there, or masked, fails what is to start it. */
	return is_in_vain(u) ? NULL : why;
}

static bool
ops_was_tried(void *arg, uint64_t since_wall_us)
{
	const struct unit *u = triggered(arg);

	if (u != NULL && u->svc != NULL) {
		const struct svc_memory *m = svc_memory(u->svc);

		return m->started_wall_us >= since_wall_us ||
		       m->checked_wall_us >= since_wall_us;
	}
	return u != NULL && u->part != NULL &&
	       (u->part->active_wall_us >= since_wall_us ||
		   u->part->checked_wall_us >= since_wall_us);
}

static void
on_started(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct path_part *pp = arg;

	(void)id;
	(void)result;
	(void)message;
	path_on_started(pp->path);
}

/* What its unit is told: of a pattern, what there is of it. */
static void
put_path(struct path_part *pp, const struct path_spec *s, struct buf *b)
{
	if (s->kind == PATH_EXISTS_GLOB &&
	    pathglob_any(s->path, reach_may, manager_of(pp)->reach, b) == 1 &&
	    /* It goes into lines: whoever makes the file says nothing else there. */
	    strpbrk(buf_str(b), "\r\n") == NULL)
		return;
	buf_clear(b);
	buf_adds(b, s->path);
}

static int
ops_start(void *arg, const struct path_spec *s)
{
	struct path_part *pp = arg;
	struct unit *u = triggered(pp);
	char env[SVC_START_ENV_MAX];
	struct buf why = { 0 }, path = { 0 };
	int rc = 0;
	struct job_request r = {
		.type = JOB_START,
		.mode = JOB_AUTOMATIC,
		.origin = pp->part.unit->name,
		.env = env,
	};
	int n;

	if (is_in_vain(u)) {
		say_in_vain(pp, u);
		return -1;
	}
	put_path(pp, s, &path);
	n = snprintf(env, sizeof(env), "TRIGGER_UNIT=%s\nTRIGGER_PATH=%s",
	    pp->part.unit->name, buf_str(&path));
	buf_free(&path);
	if (n < 0 || (size_t)n >= sizeof(env))
		snprintf(env, sizeof(env), "TRIGGER_UNIT=%s", pp->part.unit->name);
	event_begin(
	    manager_of(pp)->events, EVENT_PATH_TRIGGERED, pp->part.unit->name, NULL);
	event_str(manager_of(pp)->events, "starts", conf_of(pp)->unit);
	event_str(manager_of(pp)->events, "condition", path_kind_name(s->kind));
	event_str(manager_of(pp)->events, "path", s->path);
	event_end(manager_of(pp)->events);
	if (job_request(manager_of(pp)->jobs, u->job_unit, &r, on_started, pp, &why) ==
	    0) {
		log_warnx("%s: %s: %s", pp->part.unit->name, u->name, buf_str(&why));
		/* What holds still would be asked for again at once, and for ever. */
		if (!path_kind_is_edge(s->kind)) {
			snprintf(pp->why, sizeof(pp->why),
			    "%.60s cannot be started: %.150s", u->name, buf_str(&why));
			part_add_next(&pp->part, pp->why, sizeof(pp->why));
			rc = -1;
		}
	}
	buf_free(&why);
	return rc;
}

/* ---- the part ------------------------------------------------------------------------
 */

static void
ops_tell(void *arg, enum path_state old)
{
	struct path_part *pp = arg;
	struct part *p = &pp->part;
	enum path_state st = path_state(pp->path);
	enum path_result r = path_result(pp->path);

	if (st == PATH_FAILED) {
		part_fail(p, path_result_name(r),
		    r == PATH_RESOURCES       ? pp->why
		    : r == PATH_TRIGGER_LIMIT ? "it would start its unit too often: see "
						"TriggerLimitBurst="
					      : "its unit was started too often: see "
						"StartLimitBurst= there");
		return;
	}
	if (st == PATH_DEAD)
		part_down(p, pp->origin);
	else if (old == PATH_DEAD || old == PATH_FAILED)
		part_up(p, pp->origin);
	else
		part_changed(p);
}

static struct part *
path_make(void)
{
	struct path_part *pp = xcalloc(1, sizeof(*pp));

	return &pp->part;
}

static void
path_part_free(struct part *p)
{
	struct path_part *pp = of(p);

	job_forget_waiters(manager_of(pp)->jobs, pp);
	path_free(pp->path);
	pathlook_free(pp->look);
	if (pp->retry != NULL)
		loop_timer_free(pp->retry);
	free(pp->problem);
	free(pp);
}

static void
path_part_conf(struct part *p, const struct unit_conf *old)
{
	struct path_part *pp = of(p);
	const struct path_ops ops = { ops_holds, ops_sign, ops_watch, ops_is_up,
		ops_is_limited, ops_refusal, ops_was_tried, ops_start, ops_tell, pp };

	if (old != NULL) {
		path_set_conf(pp->path, conf_of(pp));
		return;
	}
	pp->look = pathlook_new(manager_of(pp), on_look, pp);
	pp->path = path_new(conf_of(pp), &ops);
}

/* As far as that can be; what cannot is seen as not there. */
static void
make_folder(struct path_part *pp, const struct path_spec *s)
{
	struct reach *reach = manager_of(pp)->reach;
	char *path = xstrdup(s->path), *at = path;

	while ((at = strchr(at + 1, '/')) != NULL || (at = strchr(path, '\0')) != NULL) {
		bool last = *at == '\0';

		*at = '\0';
		if (!reach_may(reach, path, true) ||
		    (mkdir(path, conf_of(pp)->directory_mode) == -1 && errno != EEXIST)) {
			log_warn("%s: MakeDirectory=: %s", pp->part.unit->name, path);
			break;
		}
		if (last)
			break;
		*at = '/';
	}
	free(path);
}

static void
path_part_start(struct part *p, const struct job_request *r)
{
	struct path_part *pp = of(p);
	const struct path_conf *c = conf_of(pp);
	const struct unit *u = triggered(pp);

	pp->starved = false;
	if (is_in_vain(u)) {
		say_in_vain(pp, u);
		/* A mask is what somebody wants: that is no failure of the path. */
		if (u == NULL || u->conf->load_state == UNIT_NOT_FOUND)
			part_fail(p, "resources", pp->why);
		else
			jobs_unit_done(p->unit->job_unit, JOB_START, JOB_FAILED, pp->why);
		return;
	}
	for (size_t i = 0; c->make_directory && i < c->watch.n; i++)
		if (c->watch.v[i].kind != PATH_EXISTS &&
		    c->watch.v[i].kind != PATH_EXISTS_GLOB)
			make_folder(pp, &c->watch.v[i]);
	pp->origin = r->origin;
	/* What failed it is over. */
	path_reset_failed(pp->path);
	path_start(pp->path);
	pp->origin = NULL;
}

static void
path_part_stop(struct part *p, const char *origin)
{
	struct path_part *pp = of(p);

	pp->origin = origin;
	path_stop(pp->path);
	pp->origin = NULL;
	/* Up, though there was nothing to stop. */
	if (part_is_up(p))
		part_down(p, origin);
}

static const char *
path_part_sub(const struct part *p)
{
	const struct path_part *pp = (const struct path_part *)p;

	if (p->active == SVC_ACTIVE_FAILED)
		return "failed";
	if (p->active == SVC_ACTIVE_INACTIVE)
		return "dead";
	return path_state_name(path_state(pp->path));
}

static void
path_part_write(const struct part *p, struct jw *w)
{
	const struct path_part *pp = (const struct path_part *)p;

	jw_kv_obj(w, "path");
	path_write(pp->path, w);
	if (pp->starved)
		jw_kv_bool(w, "starved", true);
	jw_end(w);
}

static void
path_part_restore(struct part *p, const struct jv *v, bool same_boot)
{
	const struct jv *mine = jv_get(v, "path");

	(void)same_boot;
	path_restore(of(p)->path, mine, part_is_up(p));
	if (jv_bool(jv_get(mine, "starved"), false) && p->active == SVC_ACTIVE_FAILED)
		retry_later(of(p));
}

static void
path_part_resume(struct part *p)
{
	struct path_part *pp = of(p);

	if (path_state(pp->path) == PATH_DEAD)
		path_start(pp->path);
	else
		path_resume(pp->path);
}

static void
path_part_triggered(
    struct part *p, struct unit *u, enum svc_active from, enum svc_active to)
{
	(void)u;
	(void)from;
	(void)to;
	unit_render_drop(p->unit);
	path_on_unit(of(p)->path);
}

static void
path_part_render(const struct part *p, struct jw *w)
{
	const struct path_part *pp = (const struct path_part *)p;
	const struct path_conf *c = conf_of(pp);
	char text[CLOCK_TEXT_MAX];
	struct path_view v;

	path_view(pp->path, &v);
	jw_kv_str(w, "activates", c->unit);
	jw_kv_arr(w, "watches");
	for (size_t i = 0; i < c->watch.n; i++) {
		jw_obj(w);
		jw_kv_str(w, "condition", path_kind_name(c->watch.v[i].kind));
		jw_kv_str(w, "path", c->watch.v[i].path);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_str(w, "last",
	    v.last_wall_us == 0 ? NULL
				: clock_format_utc(text, sizeof(text), v.last_wall_us));
	jw_kv_str(w, "last_path", v.last_path);
	jw_kv_u64(w, "triggers", v.count);
	jw_kv_str(w, "refused", v.refused);
	jw_kv_str(w, "problem", pp->problem);
}

const struct part_kind part_path = {
	.make = path_make,
	.free = path_part_free,
	.conf = path_part_conf,
	.start = path_part_start,
	.stop = path_part_stop,
	.sub = path_part_sub,
	.write = path_part_write,
	.restore = path_part_restore,
	.resume = path_part_resume,
	.on_triggered = path_part_triggered,
	.section = "path",
	.render = path_part_render,
};
