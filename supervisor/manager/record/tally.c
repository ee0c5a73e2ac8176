/*
 * tally: runs by unit and by pool.
 */
#include "manager/record/tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/record/histogram.h"
#include "manager/record/metrics.h"
#include "unit/name.h"

/* The label of all that have none of their own. */
#define OTHER "other"

/* Of a unit, or of a pool. */
struct line {
	uint64_t ok, failed;
	uint64_t slot_us; /* of a pool: slots times the time that they were taken */
	struct histogram run;
};

/* A run that has not ended, as far as it is known. */
struct pending {
	bool ended;      /* a process of it has */
	uint64_t run_us; /* of its main processes */
	char *pool;      /* NULL: none */
	uint32_t weight;
	uint64_t since_us; /* wall clock: in the pool */
};

struct tally {
	struct map units, pools; /* label to struct line */
	struct map pending;      /* unit to struct pending */
};

struct tally *
tally_new(void)
{
	return xcalloc(1, sizeof(struct tally));
}

static void
free_pending(void *p)
{
	struct pending *x = p;

	if (x == NULL)
		return;
	free(x->pool);
	free(x);
}

void
tally_free(struct tally *t)
{
	if (t == NULL)
		return;
	map_clear(&t->units, free);
	map_clear(&t->pools, free);
	map_clear(&t->pending, free_pending);
	free(t);
}

/* ---- labels -------------------------------------------------------------------------
 */

/* NAME-MILLISECONDS.service, as `supctl run' calls what it makes. */
static bool
is_run_once(const char *unit)
{
	const char *dot = strrchr(unit, '.'), *dash = strrchr(unit, '-');

	return dot != NULL && dash != NULL && dot - dash == 14 &&
	       strspn(dash + 1, "0123456789") == 13;
}

static struct line *
line_of(struct map *lines, const char *label)
{
	struct line *l = map_get(lines, label);

	if (l == NULL && lines->n >= TALLY_LABELS + (size_t)map_has(lines, OTHER)) {
		label = OTHER;
		l = map_get(lines, label);
	}
	if (l == NULL) {
		l = xcalloc(1, sizeof(*l));
		map_set(lines, label, l);
	}
	return l;
}

static struct line *
line_of_unit(struct tally *t, const char *unit)
{
	char *template = unit_name_is_instance(unit) ? unit_name_template(unit) : NULL;
	struct line *l = line_of(&t->units, template != NULL    ? template
					    : is_run_once(unit) ? "transient"
								: unit);

	free(template);
	return l;
}

/* ---- counting -----------------------------------------------------------------------
 */

/* NULL: there are too many. */
static struct pending *
pending_of(struct tally *t, const char *unit)
{
	struct pending *x = map_get(&t->pending, unit);

	if (x == NULL && t->pending.n < TALLY_PENDING) {
		x = xcalloc(1, sizeof(*x));
		map_set(&t->pending, unit, x);
	}
	return x;
}

void
tally_admitted(struct tally *t, const char *unit, const char *pool, uint32_t weight,
    uint64_t wall_us)
{
	struct pending *x = pending_of(t, unit);

	if (x == NULL)
		return;
	free(x->pool);
	x->pool = xstrdup(pool);
	x->weight = weight > 0 ? weight : 1;
	x->since_us = wall_us;
}

void
tally_exit(struct tally *t, const char *unit, uint64_t run_us)
{
	struct pending *x = pending_of(t, unit);

	if (x == NULL)
		return;
	x->ended = true;
	x->run_us += run_us;
}

static uint64_t
slot_us(const struct pending *x, uint64_t wall_us)
{
	/* (A clock that was set back.) */
	return wall_us > x->since_us ? (wall_us - x->since_us) * x->weight : 0;
}

static void
count(struct line *l, const struct pending *x, bool success)
{
	if (success)
		l->ok++;
	else
		l->failed++;
	histogram_add(&l->run, x->run_us);
}

bool
tally_result(struct tally *t, const char *unit, const char *result, uint64_t wall_us)
{
	struct pending *x = map_del(&t->pending, unit);
	bool success = strcmp(result, "success") == 0;
	bool ended = x != NULL && x->ended && strcmp(result, "exec-condition") != 0;

	if (x == NULL)
		return false;
	if (ended)
		count(line_of_unit(t, unit), x, success);
	if (x->pool != NULL) {
		struct line *l = line_of(&t->pools, x->pool);

		l->slot_us += slot_us(x, wall_us);
		if (ended)
			count(l, x, success);
	}
	free_pending(x);
	return ended;
}

/* ---- events of earlier managers ---- */

bool
tally_wants(enum event_id id)
{
	return id == EVENT_EXIT || id == EVENT_POOL_ADMITTED || id == EVENT_UNIT_STATE;
}

static uint64_t
number(const struct jv *v)
{
	int64_t n = jv_type(v) == JV_INT ? jv_i64(v, 0) : 0;

	return n > 0 && n < INT64_MAX / 2 ? (uint64_t)n : 0;
}

static void
take_state(struct tally *t, const char *unit, const struct jv *event, uint64_t wall_us)
{
	const char *substate = jv_str(jv_get(event, "substate"), "");

	if (strcmp(substate, "dead") == 0 || strcmp(substate, "failed") == 0 ||
	    strcmp(substate, "auto-restart") == 0)
		(void)tally_result(t, unit, jv_str(jv_get(event, "result"), ""), wall_us);
}

void
tally_event(struct tally *t, enum event_id id, const struct jv *event)
{
	const char *unit = jv_str(jv_get(event, "unit"), NULL),
		   *kind = jv_str(jv_get(event, "kind"), "");
	uint64_t wall_us = 0;

	if (unit == NULL || clock_parse(jv_str(jv_get(event, "ts"), ""), &wall_us) == -1)
		return;
	if (id == EVENT_POOL_ADMITTED)
		tally_admitted(t, unit, jv_str(jv_get(event, "pool"), ""),
		    (uint32_t)number(jv_get(event, "weight")), wall_us);
	else if (id == EVENT_UNIT_STATE)
		take_state(t, unit, event, wall_us);
	else if (strcmp(kind, "main") == 0 || strcmp(kind, "control") == 0)
		tally_exit(t, unit, number(jv_get(event, "run_us")));
}

/* ---- text ---------------------------------------------------------------------------
 */

/* "{unit=\"a.service\"" */
static char *
label_text(const char *key, const char *value)
{
	struct buf b = { 0 };

	buf_addf(&b, "{%s=\"", key);
	metrics_escape(&b, value, true);
	buf_addc(&b, '"');
	return buf_take(&b);
}

static void
write_results(const struct map *lines, const struct strv *names, const char *name,
    const char *key, const char *help, struct buf *out)
{
	if (names->n > 0)
		metrics_text_head(out, name, "counter", help);
	for (size_t i = 0; i < names->n; i++) {
		const struct line *l = map_get(lines, names->v[i]);
		char *label = label_text(key, names->v[i]);

		buf_addf(
		    out, "%s%s,result=\"success\"} %" PRIu64 "\n", name, label, l->ok);
		buf_addf(out, "%s%s,result=\"failure\"} %" PRIu64 "\n", name, label,
		    l->failed);
		free(label);
	}
}

static void
write_times(const struct map *lines, const struct strv *names, const char *name,
    const char *key, const char *help, struct buf *out)
{
	if (names->n > 0)
		metrics_text_head(out, name, "histogram", help);
	for (size_t i = 0; i < names->n; i++) {
		const struct line *l = map_get(lines, names->v[i]);
		char *label = label_text(key, names->v[i]);

		histogram_write_text(&l->run, name, label, out);
		free(label);
	}
}

/* With what those have used that have slots now. */
static void
write_slots(const struct tally *t, uint64_t wall_us, struct buf *out)
{
	static const char name[] = "supd_pool_slot_seconds_total";
	struct map used = { 0 }; /* pool to microseconds */
	struct strv names = { 0 };
	const char *key;
	void *value;
	size_t it = 0;

	while (map_next(&t->pools, &it, &key, &value)) {
		uint64_t *us = xcalloc(1, sizeof(*us));

		*us = ((const struct line *)value)->slot_us;
		map_set(&used, key, us);
	}
	for (it = 0; map_next(&t->pending, &it, &key, &value);) {
		const struct pending *x = value;
		uint64_t *us = x->pool == NULL ? NULL : map_get(&used, x->pool);

		if (x->pool == NULL)
			continue;
		if (us == NULL) {
			us = xcalloc(1, sizeof(*us));
			map_set(&used, x->pool, us);
		}
		*us += slot_us(x, wall_us);
	}
	map_keys(&used, &names);
	strv_sort(&names);
	if (names.n > 0)
		metrics_text_head(out, name, "counter",
		    "Slots of a pool times the seconds that they were taken: its rate, "
		    "by "
		    "supd_pool_slots, is how busy the pool was.");
	for (size_t i = 0; i < names.n; i++) {
		const char *labels[] = { "pool", names.v[i], NULL };
		const uint64_t *us = map_get(&used, names.v[i]);

		metrics_text_sample(out, name, labels, (double)*us / 1e6);
	}
	strv_free(&names);
	map_clear(&used, free);
}

void
tally_write_text(const struct tally *t, uint64_t wall_us, struct buf *out)
{
	struct strv units = { 0 }, pools = { 0 };

	map_keys(&t->units, &units);
	map_keys(&t->pools, &pools);
	strv_sort(&units);
	strv_sort(&pools);
	write_results(&t->units, &units, "supd_unit_runs_total", "unit",
	    "Runs that have ended, by unit (instances by template) and result.", out);
	write_times(&t->units, &units, "supd_unit_run_seconds", "unit",
	    "Time that the main processes of a run took, by unit (instances by "
	    "template).",
	    out);
	write_results(&t->pools, &pools, "supd_pool_runs_total", "pool",
	    "Runs that have ended, by pool and result.", out);
	write_times(&t->pools, &pools, "supd_pool_run_seconds", "pool",
	    "Time that the main processes of a run took, by pool.", out);
	write_slots(t, wall_us, out);
	strv_free(&units);
	strv_free(&pools);
}

/* ---- snapshot -----------------------------------------------------------------------
 */

static void
write_lines(const struct map *lines, struct jw *w, const char *key)
{
	const char *name;
	size_t it = 0;
	void *value;

	jw_kv_obj(w, key);
	while (map_next(lines, &it, &name, &value)) {
		const struct line *l = value;

		jw_kv_obj(w, name);
		jw_kv_u64(w, "ok", l->ok);
		jw_kv_u64(w, "failed", l->failed);
		jw_kv_u64(w, "slot_us", l->slot_us);
		histogram_write_json(&l->run, w);
		jw_end(w);
	}
	jw_end(w);
}

void
tally_write_json(const struct tally *t, struct jw *w)
{
	const char *name;
	size_t it = 0;
	void *value;

	jw_obj(w);
	write_lines(&t->units, w, "units");
	write_lines(&t->pools, w, "pools");
	jw_kv_obj(w, "pending");
	while (map_next(&t->pending, &it, &name, &value)) {
		const struct pending *x = value;

		jw_kv_arr(w, name);
		jw_bool(w, x->ended);
		jw_u64(w, x->run_us);
		jw_str(w, x->pool);
		jw_u64(w, x->weight);
		jw_u64(w, x->since_us);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

static void
read_lines(struct map *lines, const struct jv *v)
{
	for (size_t i = 0; jv_type(v) == JV_OBJECT && i < jv_count(v); i++) {
		const struct jv *x = jv_at(v, i);
		struct line *l;

		if (jv_type(x) != JV_OBJECT)
			continue;
		l = line_of(lines, jv_key_at(v, i));
		l->ok = number(jv_get(x, "ok"));
		l->failed = number(jv_get(x, "failed"));
		l->slot_us = number(jv_get(x, "slot_us"));
		histogram_read_json(&l->run, x);
	}
}

void
tally_read_json(struct tally *t, const struct jv *v)
{
	const struct jv *pending = jv_get(v, "pending");

	if (jv_type(v) != JV_OBJECT)
		return;
	read_lines(&t->units, jv_get(v, "units"));
	read_lines(&t->pools, jv_get(v, "pools"));
	for (size_t i = 0; jv_type(pending) == JV_OBJECT && i < jv_count(pending); i++) {
		const char *unit = jv_key_at(pending, i);
		const struct jv *x = jv_at(pending, i);
		const char *pool = jv_str(jv_at(x, 2), NULL);

		if (jv_type(x) != JV_ARRAY)
			continue;
		if (pool != NULL)
			tally_admitted(t, unit, pool, (uint32_t)number(jv_at(x, 3)),
			    number(jv_at(x, 4)));
		if (jv_bool(jv_at(x, 0), false))
			tally_exit(t, unit, number(jv_at(x, 1)));
	}
}
