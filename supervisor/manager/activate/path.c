#include "manager/activate/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"

enum {
	SIGNS_MAX = 40, /* that are remembered: what a unit may write is bounded */
};

struct path {
	struct path_ops ops;
	const struct path_conf *conf;
	enum path_state state;
	enum path_result result;
	uint64_t *signs; /* of each spec; those of levels are 0 */
	bool due;        /* the start of the last trigger was not tried yet */
	uint64_t last_wall_us, last_key;
	uint64_t count;
	const char *refused;
	uint64_t limit_begin_us;
	uint32_t limit_count;
};

/* By which a spec is known again by another manager, over other settings. */
static uint64_t
key_of(const struct path_spec *s)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)s->kind;

	for (const char *p = s->path; *p != '\0'; p++)
		sum = (sum ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	return sum;
}

static void
become(struct path *p, enum path_state st)
{
	enum path_state old = p->state;

	if (st != PATH_WAITING)
		(void)p->ops.watch(p->ops.arg, false);
	p->state = st;
	if (st != old)
		p->ops.tell(p->ops.arg, old);
}

static void
fail(struct path *p, enum path_result r)
{
	p->result = r;
	p->due = false;
	become(p, PATH_FAILED);
}

static bool
limit_allows(struct path *p)
{
	uint64_t now_us = clock_mono_us();

	if (p->conf->limit_interval_us == 0 || p->conf->limit_burst == 0)
		return true;
	if (p->limit_begin_us == 0 ||
	    now_us - p->limit_begin_us > p->conf->limit_interval_us) {
		p->limit_begin_us = now_us;
		p->limit_count = 0;
	}
	return ++p->limit_count <= p->conf->limit_burst;
}

static void
sign_all(struct path *p)
{
	for (size_t i = 0; i < p->conf->watch.n; i++)
		if (path_kind_is_edge(p->conf->watch.v[i].kind))
			p->signs[i] = p->ops.sign(p->ops.arg, &p->conf->watch.v[i]);
}

/* Nothing is started, and it goes on waiting: what was seen is seen. */
static void
refuse(struct path *p, const char *why)
{
	bool told = p->refused == why;

	p->refused = why;
	if (p->ops.watch(p->ops.arg, true) == -1)
		return fail(p, PATH_RESOURCES);
	if (p->state != PATH_WAITING)
		become(p, PATH_WAITING);
	else if (!told)
		p->ops.tell(p->ops.arg, p->state);
}

static void
trigger(struct path *p, size_t i)
{
	const struct path_spec *s = &p->conf->watch.v[i];
	const char *why = p->ops.refusal(p->ops.arg);

	if (why != NULL) {
		refuse(p, why);
		return;
	}
	if (!limit_allows(p)) {
		fail(p, PATH_TRIGGER_LIMIT);
		return;
	}
	p->refused = NULL;
	p->last_wall_us = clock_wall_us();
	p->last_key = key_of(s);
	p->count++;
	/* Remembered before it is asked for. */
	p->due = true;
	become(p, PATH_RUNNING);
	if (p->ops.start(p->ops.arg, s) == -1)
		fail(p, PATH_RESOURCES);
}

/* How closely edges are looked at. */
enum look {
	LOOK_BEGIN,  /* from here on */
	LOOK_EXISTS, /* came or went */
	LOOK_ALL,    /* any difference is one */
};

static bool
is_good(struct path *p, size_t i, enum look look)
{
	const struct path_spec *s = &p->conf->watch.v[i];
	uint64_t was = p->signs[i];

	if (!path_kind_is_edge(s->kind))
		return p->ops.holds(p->ops.arg, s);
	p->signs[i] = p->ops.sign(p->ops.arg, s);
	return (look == LOOK_EXISTS && (was == 0) != (p->signs[i] == 0)) ||
	       (look == LOOK_ALL && was != p->signs[i]);
}

/* The first that triggers; all signs are those of now.  -1: none does. */
static ssize_t
find_good(struct path *p, enum look look)
{
	ssize_t good = -1;

	for (size_t i = 0; i < p->conf->watch.n; i++)
		if (is_good(p, i, look) && good == -1)
			good = (ssize_t)i;
	return good;
}

static void
wait(struct path *p, enum look look)
{
	ssize_t i;

	if (p->ops.is_up(p->ops.arg)) {
		sign_all(p);
		become(p, PATH_RUNNING);
		return;
	}
	i = find_good(p, look);
	if (i == -1) {
		if (p->ops.watch(p->ops.arg, true) == -1) {
			fail(p, PATH_RESOURCES);
			return;
		}
		/* What came before it was watched is seen now. */
		i = find_good(p, LOOK_ALL);
	}
	if (i != -1)
		trigger(p, (size_t)i);
	else
		become(p, PATH_WAITING);
}

/* ---- what happens -------------------------------------------------------------------
 */

void
path_start(struct path *p)
{
	if (p->state == PATH_WAITING || p->state == PATH_RUNNING)
		return;
	p->result = PATH_OK;
	p->refused = NULL;
	p->due = false;
	wait(p, LOOK_BEGIN);
}

void
path_stop(struct path *p)
{
	p->due = false;
	if (p->state != PATH_DEAD && p->state != PATH_FAILED)
		become(p, PATH_DEAD);
}

void
path_reset_failed(struct path *p)
{
	if (p->state != PATH_FAILED)
		return;
	p->result = PATH_OK;
	p->limit_begin_us = 0;
	p->state = PATH_DEAD;
}

void
path_recover(struct path *p)
{
	if (p->state != PATH_FAILED || p->result != PATH_RESOURCES)
		return;
	p->result = PATH_OK;
	wait(p, LOOK_ALL);
}

void
path_on_watch(struct path *p, ssize_t edge, bool lost)
{
	if (p->state != PATH_WAITING)
		return;
	if (edge >= 0 && (size_t)edge < p->conf->watch.n &&
	    path_kind_is_edge(p->conf->watch.v[edge].kind)) {
		sign_all(p);
		if (p->ops.is_up(p->ops.arg))
			become(p, PATH_RUNNING);
		else
			trigger(p, (size_t)edge);
		return;
	}
	wait(p, lost ? LOOK_ALL : LOOK_EXISTS);
}

void
path_look(struct path *p)
{
	if (p->state == PATH_WAITING)
		wait(p, LOOK_EXISTS);
}

void
path_on_unit(struct path *p)
{
	bool up;

	if (p->state != PATH_WAITING && p->state != PATH_RUNNING)
		return;
	if (p->ops.is_limited(p->ops.arg)) {
		fail(p, PATH_UNIT_START_LIMIT);
		return;
	}
	up = p->ops.is_up(p->ops.arg);
	if (p->state == PATH_RUNNING && !up)
		wait(p, LOOK_BEGIN);
	else if (p->state == PATH_WAITING && up)
		become(p, PATH_RUNNING);
}

void
path_on_started(struct path *p)
{
	p->due = false;
	path_on_unit(p);
}

void
path_set_conf(struct path *p, const struct path_conf *conf)
{
	p->conf = conf;
	free(p->signs);
	p->signs = xcalloc(conf->watch.n > 0 ? conf->watch.n : 1, sizeof(*p->signs));
	/* A new path is not a changed one. */
	if (p->state == PATH_WAITING)
		wait(p, LOOK_BEGIN);
	else if (p->state == PATH_FAILED)
		sign_all(p);
}

/* ---- memory --------------------------------------------------------------------------
 */

void
path_write(const struct path *p, struct jw *w)
{
	size_t n = 0;

	jw_kv_str(w, "state", path_state_name(p->state));
	jw_kv_str(w, "result", path_result_name(p->result));
	if (p->due)
		jw_kv_bool(w, "due", true);
	if (p->last_wall_us != 0) {
		jw_kv_u64(w, "last_wall_us", p->last_wall_us);
		jw_kv_strf(w, "last", "%016" PRIx64, p->last_key);
		jw_kv_u64(w, "count", p->count);
	}
	jw_kv_arr(w, "signs");
	for (size_t i = 0; i < p->conf->watch.n && n < SIGNS_MAX; i++) {
		const struct path_spec *s = &p->conf->watch.v[i];

		if (!path_kind_is_edge(s->kind))
			continue;
		jw_strf(w, "%016" PRIx64 ":%016" PRIx64, key_of(s), p->signs[i]);
		n++;
	}
	jw_end(w);
}

void
path_restore(struct path *p, const struct jv *v, bool is_up)
{
	const struct jv *signs = jv_get(v, "signs");
	const char *state = jv_str(jv_get(v, "state"), "");
	bool *known = xcalloc(p->conf->watch.n + 1, sizeof(*known));

	p->last_wall_us = jv_u64(jv_get(v, "last_wall_us"));
	p->count = jv_u64(jv_get(v, "count"));
	p->last_key = strtoull(jv_str(jv_get(v, "last"), ""), NULL, 16);
	p->due = jv_bool(jv_get(v, "due"), false);
	for (int r = PATH_OK; r <= PATH_UNIT_START_LIMIT; r++)
		if (strcmp(jv_str(jv_get(v, "result"), ""),
			path_result_name((enum path_result)r)) == 0)
			p->result = (enum path_result)r;
	if (!is_up)
		p->state = p->result != PATH_OK ? PATH_FAILED : PATH_DEAD;
	else
		p->state = strcmp(state, path_state_name(PATH_RUNNING)) == 0
			       ? PATH_RUNNING
			       : PATH_WAITING;
	for (size_t i = 0; i < jv_count(signs) && i < SIGNS_MAX; i++) {
		uint64_t key, sign;

		if (sscanf(jv_str(jv_at(signs, i), ""), "%16" SCNx64 ":%16" SCNx64, &key,
			&sign) != 2)
			continue;
		for (size_t k = 0; k < p->conf->watch.n; k++)
			if (key_of(&p->conf->watch.v[k]) == key) {
				p->signs[k] = sign;
				known[k] = true;
			}
	}
	/* Of those that nobody remembers nothing is known to have changed. */
	for (size_t k = 0; k < p->conf->watch.n; k++)
		if (!known[k] && path_kind_is_edge(p->conf->watch.v[k].kind))
			p->signs[k] = p->ops.sign(p->ops.arg, &p->conf->watch.v[k]);
	free(known);
}

static size_t
find_key(const struct path *p, uint64_t key)
{
	size_t i = 0;

	while (i < p->conf->watch.n && key_of(&p->conf->watch.v[i]) != key)
		i++;
	return i;
}

void
path_resume(struct path *p)
{
	size_t last = find_key(p, p->last_key);

	if (p->state == PATH_RUNNING && p->due && last < p->conf->watch.n &&
	    !p->ops.is_up(p->ops.arg) && !p->ops.was_tried(p->ops.arg, p->last_wall_us)) {
		/* The manager died between the decision and the deed. */
		if (p->ops.start(p->ops.arg, &p->conf->watch.v[last]) == -1)
			fail(p, PATH_RESOURCES);
		return;
	}
	p->due = false;
	if (p->state == PATH_RUNNING)
		path_on_unit(p);
	else if (p->state == PATH_WAITING)
		wait(p, LOOK_ALL);
}

/* ---- life, and questions --------------------------------------------------------------
 */

struct path *
path_new(const struct path_conf *conf, const struct path_ops *ops)
{
	struct path *p = xcalloc(1, sizeof(*p));

	p->ops = *ops;
	path_set_conf(p, conf);
	return p;
}

void
path_free(struct path *p)
{
	if (p == NULL)
		return;
	free(p->signs);
	free(p);
}

enum path_state
path_state(const struct path *p)
{
	return p->state;
}

enum path_result
path_result(const struct path *p)
{
	return p->result;
}

const char *
path_state_name(enum path_state st)
{
	static const char *const names[] = { "dead", "waiting", "running", "failed" };

	return names[st];
}

const char *
path_result_name(enum path_result r)
{
	static const char *const names[] = { "success", "resources", "trigger-limit-hit",
		"unit-start-limit-hit" };

	return names[r];
}

void
path_view(const struct path *p, struct path_view *out)
{
	size_t last = find_key(p, p->last_key);

	*out = (struct path_view){ .last_wall_us = p->last_wall_us,
		.last_path = last < p->conf->watch.n ? p->conf->watch.v[last].path : NULL,
		.count = p->count,
		.refused = p->refused };
}
