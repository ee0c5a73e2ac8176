/*
 * metrics: a counter for each row of event.def and the histograms, and how to write them
 * in the Prometheus text format.
 *
 * Counters only grow, over the life of the instance: they are in the snapshot, and
 * restore counts the events that came after it.
 */
#ifndef SUPD_MANAGER_RECORD_METRICS_H
#define SUPD_MANAGER_RECORD_METRICS_H

#include <stdint.h>

#include "manager/record/event.h"

struct buf;
struct jv;
struct jw;
struct metrics;

enum histogram_id {
#define HISTOGRAM(id, NAME, name, field, help) HISTOGRAM_##NAME = id,
#include "manager/record/event.def"
	HISTOGRAM_MAX = 16, /* ids are below */
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

/* One more of that event; how many there were. */
void metrics_count(struct metrics *m, enum event_id id);
uint64_t metrics_counter(const struct metrics *m, enum event_id id);
/* A sample for the histogram of that event field; nothing if there is none. */
void metrics_sample(struct metrics *m, const char *field, uint64_t us);
/* The same for one of those that are by a label, with its value; else NULL. */
void metrics_sample_by(
    struct metrics *m, const char *field, const char *value, uint64_t us);
uint64_t metrics_samples(const struct metrics *m, enum histogram_id id);

/* All counters and histograms as text. */
void metrics_write_text(const struct metrics *m, struct buf *out);
/*
 * One family of other metrics: the head (type is "gauge" or "counter"), then samples.
 * labels are NULL-terminated pairs of name and value, or NULL.
 */
void metrics_text_head(
    struct buf *out, const char *name, const char *type, const char *help);
void metrics_text_sample(
    struct buf *out, const char *name, const char *const *labels, double value);

/* To and from the snapshot.  Unknown ids are kept out, damaged values ignored. */
void metrics_write_json(const struct metrics *m, struct jw *w);
void metrics_read_json(struct metrics *m, const struct jv *v);
/* Restore: counts an event that an earlier manager emitted. */
void metrics_count_past(struct metrics *m, enum event_id id, const struct jv *event);

#endif
