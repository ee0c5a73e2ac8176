/*
 * metrics: counters and histograms.  See
 * https://prometheus.io/docs/instrumenting/exposition_formats/ for the text format.
 */
#include "manager/record/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/record/histogram.h"

struct metrics {
	uint64_t counter[EVENT_ID_MAX];
	struct histogram histogram[HISTOGRAM_MAX];
	struct map by[HISTOGRAM_MAX]; /* value of its label -> struct histogram */
};

struct histogram_def {
	const char *name;
	const char *field;
	const char *help;
};

static const struct histogram_def defs[HISTOGRAM_MAX] = {
#define HISTOGRAM(id, NAME, nm, fl, hp) [id] = { .name = nm, .field = fl, .help = hp },
#include "manager/record/event.def"
};

/* The label of histograms that have one: the field of the same event that it is of. */
static const char *const label_of[HISTOGRAM_MAX] = {
	[HISTOGRAM_POOL_WAIT] = "pool",
	[HISTOGRAM_JOB] = "type",
};

struct metrics *
metrics_new(void)
{
	return xcalloc(1, sizeof(struct metrics));
}

void
metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < HISTOGRAM_MAX; i++)
		map_clear(&m->by[i], free);
	free(m);
}

void
metrics_count(struct metrics *m, enum event_id id)
{
	if (event_def(id) != NULL)
		m->counter[id]++;
}

uint64_t
metrics_counter(const struct metrics *m, enum event_id id)
{
	return event_def(id) == NULL ? 0 : m->counter[id];
}

/* That of a value of its label. */
static struct histogram *
histogram_by(struct metrics *m, size_t i, const char *value)
{
	struct histogram *h = map_get(&m->by[i], value);

	if (h == NULL) {
		h = xcalloc(1, sizeof(*h));
		map_set(&m->by[i], value, h);
	}
	return h;
}

void
metrics_sample_by(struct metrics *m, const char *field, const char *value, uint64_t us)
{
	for (size_t i = 0; i < HISTOGRAM_MAX; i++) {
		if (defs[i].field == NULL || strcmp(defs[i].field, field) != 0)
			continue;
		histogram_add(&m->histogram[i], us);
		if (label_of[i] != NULL && value != NULL)
			histogram_add(histogram_by(m, i, value), us);
		return;
	}
}

void
metrics_sample(struct metrics *m, const char *field, uint64_t us)
{
	metrics_sample_by(m, field, NULL, us);
}

uint64_t
metrics_samples(const struct metrics *m, enum histogram_id id)
{
	return (size_t)id < HISTOGRAM_MAX ? m->histogram[id].count : 0;
}

/* ---- text ---- */

void
metrics_text_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s ", name);
	metrics_escape(out, help, false);
	buf_addf(out, "\n# TYPE %s %s\n", name, type);
}

void
metrics_text_sample(
    struct buf *out, const char *name, const char *const *labels, double value)
{
	buf_adds(out, name);
	for (size_t i = 0; labels != NULL && labels[i] != NULL; i += 2) {
		buf_addf(out, "%c%s=\"", i == 0 ? '{' : ',', labels[i]);
		metrics_escape(out, labels[i + 1], true);
		buf_addc(out, '"');
	}
	if (labels != NULL && labels[0] != NULL)
		buf_addc(out, '}');
	buf_addf(out, " %.17g\n", value);
}

static void
write_histogram(const struct metrics *m, size_t i, struct buf *out)
{
	struct strv values = { 0 };
	char name[64];

	snprintf(name, sizeof(name), "supd_%s_seconds", defs[i].name);
	/* A family without a sample is none. */
	if (label_of[i] != NULL && m->by[i].n == 0)
		return;
	metrics_text_head(out, name, "histogram", defs[i].help);
	if (label_of[i] == NULL) {
		histogram_write_text(&m->histogram[i], name, "", out);
		return;
	}
	map_keys(&m->by[i], &values);
	strv_sort(&values);
	for (size_t k = 0; k < values.n; k++) {
		struct buf label = { 0 };

		buf_addf(&label, "{%s=\"", label_of[i]);
		metrics_escape(&label, values.v[k], true);
		buf_addc(&label, '"');
		histogram_write_text(
		    map_get(&m->by[i], values.v[k]), name, buf_str(&label), out);
		buf_free(&label);
	}
	strv_free(&values);
}

void
metrics_write_text(const struct metrics *m, struct buf *out)
{
	metrics_text_head(
	    out, "supd_events_total", "counter", "Events by name, see supd.events(7).");
	for (size_t id = 0; id < EVENT_ID_MAX; id++) {
		const struct event_def *d = event_def((enum event_id)id);

		if (d != NULL)
			buf_addf(out,
			    "supd_events_total{event=\"%s\",level=\"%s\"} %" PRIu64 "\n",
			    d->name, event_level_name(d->level), m->counter[id]);
	}
	for (size_t i = 0; i < HISTOGRAM_MAX; i++)
		if (defs[i].name != NULL)
			write_histogram(m, i, out);
}

/* ---- snapshot ---- */

static void
write_by(const struct map *by, struct jw *w)
{
	const char *value;
	size_t it = 0;
	void *h;

	jw_kv_obj(w, "by");
	while (map_next(by, &it, &value, &h)) {
		jw_kv_obj(w, value);
		histogram_write_json(h, w);
		jw_end(w);
	}
	jw_end(w);
}

void
metrics_write_json(const struct metrics *m, struct jw *w)
{
	char key[24];

	jw_obj(w);
	jw_kv_obj(w, "counters");
	for (size_t id = 0; id < EVENT_ID_MAX; id++) {
		if (m->counter[id] == 0)
			continue;
		snprintf(key, sizeof(key), "%zu", id);
		jw_kv_u64(w, key, m->counter[id]);
	}
	jw_end(w);
	jw_kv_obj(w, "histograms");
	for (size_t i = 0; i < HISTOGRAM_MAX; i++) {
		if (m->histogram[i].count == 0)
			continue;
		snprintf(key, sizeof(key), "%zu", i);
		jw_kv_obj(w, key);
		histogram_write_json(&m->histogram[i], w);
		if (label_of[i] != NULL)
			write_by(&m->by[i], w);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

/* A key of the snapshot as an index below max; -1 when it is none. */
static int
parse_key(const char *key, int max)
{
	char *end;
	long v = strtol(key, &end, 10);

	return *key < '0' || *key > '9' || *end != '\0' || v >= max ? -1 : (int)v;
}

static void
read_by(struct metrics *m, size_t i, const struct jv *v)
{
	const struct jv *by = jv_get(v, "by");

	for (size_t k = 0;
	     label_of[i] != NULL && jv_type(by) == JV_OBJECT && k < jv_count(by); k++)
		histogram_read_json(histogram_by(m, i, jv_key_at(by, k)), jv_at(by, k));
}

void
metrics_read_json(struct metrics *m, const struct jv *v)
{
	const struct jv *c = jv_get(v, "counters"), *h = jv_get(v, "histograms");

	for (size_t i = 0; jv_type(c) == JV_OBJECT && i < jv_count(c); i++) {
		int id = parse_key(jv_key_at(c, i), EVENT_ID_MAX);
		int64_t n = jv_i64(jv_at(c, i), -1);

		if (id > 0 && n >= 0 && event_def((enum event_id)id) != NULL)
			m->counter[id] = (uint64_t)n;
	}
	for (size_t i = 0; jv_type(h) == JV_OBJECT && i < jv_count(h); i++) {
		int id = parse_key(jv_key_at(h, i), HISTOGRAM_MAX);

		if (id > 0) {
			histogram_read_json(&m->histogram[id], jv_at(h, i));
			read_by(m, (size_t)id, jv_at(h, i));
		}
	}
}

void
metrics_count_past(struct metrics *m, enum event_id id, const struct jv *event)
{
	metrics_count(m, id);
	for (size_t i = 0; i < HISTOGRAM_MAX; i++) {
		const struct jv *v;

		if (defs[i].field == NULL)
			continue;
		v = jv_get(event, defs[i].field);
		if (jv_type(v) == JV_INT && jv_i64(v, -1) >= 0)
			metrics_sample_by(m, defs[i].field,
			    label_of[i] == NULL
				? NULL
				: jv_str(jv_get(event, label_of[i]), NULL),
			    (uint64_t)jv_i64(v, 0));
	}
}
