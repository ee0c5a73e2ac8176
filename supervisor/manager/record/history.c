/*
 * history: a small ring of runs for each unit that ever ran.
 */
#include "manager/record/history.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "proto/msg.h"
#include "unit/signame.h"

enum { HISTORY_UNITS = 20000 }; /* bound of what restore may make us remember */

/* newest is the index of the newest run; n of them count. */
struct runs {
	size_t newest;
	size_t n;
	size_t cap; /* most units run once, so it doubles up to HISTORY_RUNS */
	struct history_run *run;
};

struct history {
	struct map units; /* name to struct runs */
};

static void
free_runs(void *p)
{
	struct runs *r = p;

	if (r == NULL)
		return;
	free(r->run);
	free(r);
}

struct history *
history_new(void)
{
	return xcalloc(1, sizeof(struct history));
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	map_clear(&h->units, free_runs);
	free(h);
}

void
history_forget(struct history *h, const char *unit)
{
	free_runs(map_del(&h->units, unit));
}

static struct history_run *
run_at(const struct runs *r, size_t i)
{
	return r == NULL || i >= r->n ? NULL : &r->run[(r->newest + r->cap - i) % r->cap];
}

/* A zeroed run that is the unit's newest; NULL when there are too many units. */
static struct history_run *
add_run(struct history *h, const char *unit)
{
	struct runs *r = map_get(&h->units, unit);

	if (r == NULL) {
		if (h->units.n >= HISTORY_UNITS)
			return NULL;
		r = xcalloc(1, sizeof(*r));
		r->cap = 1;
		r->run = xcalloc(1, sizeof(*r->run));
		map_set(&h->units, unit, r);
	}
	/* Until it is as big as it gets, the newest is the last one. */
	if (r->n == r->cap && r->cap < HISTORY_RUNS) {
		r->cap *= 2;
		r->run = xreallocarray(r->run, r->cap, sizeof(*r->run));
	}
	if (r->n > 0)
		r->newest = (r->newest + 1) % r->cap;
	if (r->n < r->cap)
		r->n++;
	memset(&r->run[r->newest], 0, sizeof(*r->run));
	return &r->run[r->newest];
}

static void
set_text(char *dst, size_t size, const char *src)
{
	strlcpy(dst, src == NULL ? "" : src, size);
}

void
history_started(struct history *h, const char *unit, const char *ref,
    const uint8_t *invocation, int32_t pid, uint64_t wall_us)
{
	struct history_run *run = run_at(map_get(&h->units, unit), 0);

	/* Told twice (after a replay): the same run. */
	if (run == NULL || run->pid != pid || run->how != 0 || strcmp(run->ref, ref) != 0)
		run = add_run(h, unit);
	if (run == NULL)
		return;
	set_text(run->ref, sizeof(run->ref), ref);
	if (invocation != NULL)
		memcpy(run->invocation, invocation, sizeof(run->invocation));
	run->pid = pid;
	run->wall_start_us = wall_us;
}

void
history_ended(struct history *h, const char *unit, const char *ref,
    const uint8_t *invocation, int32_t pid, int32_t how, int32_t status, uint64_t wall_us,
    uint64_t duration_us)
{
	struct history_run *run = run_at(map_get(&h->units, unit), 0);

	/* An end that is told again after a replay changes nothing. */
	if (run != NULL && run->how != 0 && run->pid == pid &&
	    strcmp(run->ref, ref) == 0 && run->wall_end_us == wall_us)
		return;
	if (run == NULL || run->pid != pid || run->how != 0) {
		history_started(h, unit, ref, invocation, pid,
		    wall_us > duration_us ? wall_us - duration_us : 0);
		run = run_at(map_get(&h->units, unit), 0);
	}
	if (run == NULL)
		return;
	run->wall_end_us = wall_us;
	run->duration_us = duration_us;
	run->how = how;
	run->status = status;
}

void
history_part_of(struct history *h, const char *unit, const char *run)
{
	struct history_run *newest = run_at(map_get(&h->units, unit), 0);

	if (newest != NULL)
		set_text(newest->run, sizeof(newest->run), run_id_is(run) ? run : NULL);
}

void
history_used(struct history *h, const char *unit, int32_t pid, uint64_t cpu_us,
    uint64_t maxrss_kib)
{
	struct history_run *newest = run_at(map_get(&h->units, unit), 0);

	if (newest == NULL || newest->pid != pid)
		return;
	newest->cpu_us = cpu_us;
	newest->maxrss_kib = maxrss_kib;
}

struct stage {
	const char *unit;
	const struct history_run *run;
};

static int
by_start(const void *a, const void *b)
{
	const struct stage *x = a, *y = b;

	if (x->run->wall_start_us != y->run->wall_start_us)
		return x->run->wall_start_us < y->run->wall_start_us ? -1 : 1;
	return strcmp(x->unit, y->unit);
}

void
history_each_of(const struct history *h, const char *run, history_fn *fn, void *arg)
{
	struct stage *v = NULL;
	const struct history_run *one;
	size_t n = 0, cap = 0, it = 0;
	const char *unit;
	void *runs;

	while (map_next(&h->units, &it, &unit, &runs)) {
		for (size_t i = 0; (one = run_at(runs, i)) != NULL; i++) {
			if (strcmp(one->run, run) != 0)
				continue;
			if (n == cap) {
				cap = cap == 0 ? 8 : 2 * cap;
				v = xreallocarray(v, cap, sizeof(*v));
			}
			v[n++] = (struct stage){ .unit = unit, .run = one };
		}
	}
	if (n > 1)
		qsort(v, n, sizeof(*v), by_start);
	for (size_t i = 0; i < n; i++)
		fn(arg, v[i].unit, v[i].run);
	free(v);
}

void
history_result(struct history *h, const char *unit, const char *result)
{
	struct history_run *run = run_at(map_get(&h->units, unit), 0);

	if (run != NULL && run->result[0] == '\0')
		set_text(run->result, sizeof(run->result), result);
}

const struct history_run *
history_run(const struct history *h, const char *unit, size_t i)
{
	return run_at(map_get(&h->units, unit), i);
}

static const char *const how_names[] = {
	[EXIT_EXITED] = "exited",
	[EXIT_KILLED] = "killed",
	[EXIT_DUMPED] = "dumped",
	[EXIT_UNKNOWN] = "unknown",
	[EXIT_NOT_STARTED] = "not-started",
};

const char *
history_how_name(int32_t how)
{
	return how < EXIT_EXITED || how > EXIT_NOT_STARTED ? "unknown" : how_names[how];
}

/* ---- snapshot ---- */

static void
write_run(const struct history_run *run, struct jw *w)
{
	char hex[HEX_ID_SIZE];

	hex_encode(hex, run->invocation, sizeof(run->invocation));
	jw_arr(w);
	jw_str(w, run->ref);
	jw_str(w, hex);
	jw_i64(w, run->pid);
	jw_u64(w, run->wall_start_us);
	jw_u64(w, run->wall_end_us);
	jw_u64(w, run->duration_us);
	jw_i64(w, run->how);
	jw_i64(w, run->status);
	jw_str(w, run->result);
	jw_str(w, run->run);
	jw_u64(w, run->cpu_us);
	jw_u64(w, run->maxrss_kib);
	jw_end(w);
}

void
history_write_json(const struct history *h, struct jw *w)
{
	const char *name;
	void *value;
	size_t it = 0;

	jw_obj(w);
	while (map_next(&h->units, &it, &name, &value)) {
		const struct runs *r = value;

		jw_kv_arr(w, name);
		for (size_t i = r->n; i > 0; i--) {
			const struct history_run *run = run_at(r, i - 1);

			if (run != NULL)
				write_run(run, w);
		}
		jw_end(w);
	}
	jw_end(w);
}

static uint64_t
u64_at(const struct jv *arr, size_t i)
{
	int64_t v = jv_i64(jv_at(arr, i), 0);

	return v < 0 ? 0 : (uint64_t)v;
}

static int32_t
i32_at(const struct jv *arr, size_t i)
{
	int64_t v = jv_i64(jv_at(arr, i), 0);

	return v < INT32_MIN || v > INT32_MAX ? 0 : (int32_t)v;
}

static void
read_run(struct history *h, const char *unit, const struct jv *v)
{
	struct history_run *run;

	if (jv_type(v) != JV_ARRAY || jv_count(v) < 9)
		return;
	run = add_run(h, unit);
	if (run == NULL)
		return;
	set_text(run->ref, sizeof(run->ref), jv_str(jv_at(v, 0), ""));
	(void)hex_decode(
	    run->invocation, sizeof(run->invocation), jv_str(jv_at(v, 1), ""));
	run->pid = i32_at(v, 2);
	run->wall_start_us = u64_at(v, 3);
	run->wall_end_us = u64_at(v, 4);
	run->duration_us = u64_at(v, 5);
	run->how = i32_at(v, 6);
	run->status = i32_at(v, 7);
	set_text(run->result, sizeof(run->result), jv_str(jv_at(v, 8), ""));
	/* (Older builds had no more.) */
	if (run_id_is(jv_str(jv_at(v, 9), NULL)))
		set_text(run->run, sizeof(run->run), jv_str(jv_at(v, 9), ""));
	run->cpu_us = u64_at(v, 10);
	run->maxrss_kib = u64_at(v, 11);
}

void
history_read_json(struct history *h, const struct jv *v)
{
	if (jv_type(v) != JV_OBJECT)
		return;
	for (size_t i = 0; i < jv_count(v); i++) {
		const struct jv *runs = jv_at(v, i);

		for (size_t j = 0; jv_type(runs) == JV_ARRAY && j < jv_count(runs); j++)
			read_run(h, jv_key_at(v, i), jv_at(runs, j));
	}
}

static int32_t
how_by_name(const char *name)
{
	for (int32_t how = EXIT_EXITED; how <= EXIT_NOT_STARTED; how++)
		if (strcmp(how_names[how], name) == 0)
			return how;
	return EXIT_UNKNOWN;
}

/* The state in which a unit ends up after a run says what the run came to. */
static void
take_result(struct history *h, const char *unit, const struct jv *event)
{
	const char *substate = jv_str(jv_get(event, "substate"), "");
	const char *result = jv_str(jv_get(event, "result"), NULL);

	if (result != NULL &&
	    (strcmp(substate, "dead") == 0 || strcmp(substate, "failed") == 0 ||
		strcmp(substate, "auto-restart") == 0))
		history_result(h, unit, result);
}

void
history_event(struct history *h, const struct jv *event)
{
	const char *name = jv_str(jv_get(event, "event"), "");
	const char *unit = jv_str(jv_get(event, "unit"), NULL);
	const char *ref = jv_str(jv_get(event, "ref"), "");
	const char *kind = jv_str(jv_get(event, "kind"), "");
	int64_t pid = jv_i64(jv_get(event, "pid"), 0);
	uint8_t invocation[16] = { 0 };
	uint64_t wall_us;

	if (unit != NULL && strcmp(name, "unit-state") == 0)
		take_result(h, unit, event);
	if (unit == NULL || strcmp(kind, "main") != 0 || pid < 0 || pid > INT32_MAX ||
	    clock_parse(jv_str(jv_get(event, "ts"), ""), &wall_us) == -1)
		return;
	(void)hex_decode(
	    invocation, sizeof(invocation), jv_str(jv_get(event, "invocation"), ""));
	if (strcmp(name, "exec") == 0) {
		history_started(h, unit, ref, invocation, (int32_t)pid, wall_us);
		history_part_of(h, unit, jv_str(jv_get(event, "run"), NULL));
	} else if (strcmp(name, "exit") == 0) {
		int64_t ms = jv_i64(jv_get(event, "duration_ms"), 0);
		int64_t code = jv_i64(jv_get(event, "exit_code"), -1);
		int signo = signal_from_name(jv_str(jv_get(event, "signal"), ""));
		int32_t status = code >= 0 && code < 256 ? (int32_t)code
				 : signo > 0             ? signo
							 : 0;

		history_ended(h, unit, ref, invocation, (int32_t)pid,
		    how_by_name(jv_str(jv_get(event, "how"), "")), status, wall_us,
		    ms < 0 || ms > INT64_MAX / 1000 ? 0 : (uint64_t)ms * 1000);
		history_used(h, unit, (int32_t)pid, jv_u64(jv_get(event, "cpu_us")),
		    jv_u64(jv_get(event, "maxrss_kib")));
	}
}
