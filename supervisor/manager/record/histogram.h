/*
 * histogram: counts of times by how long they were, and how they are written in the text
 * format of Prometheus and in snapshots.  The bounds are the same for all.
 */
#ifndef SUPD_MANAGER_RECORD_HISTOGRAM_H
#define SUPD_MANAGER_RECORD_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct jv;
struct jw;

enum { HISTOGRAM_BUCKETS = 19 };

struct histogram {
	uint64_t
	    in[HISTOGRAM_BUCKETS + 1]; /* not cumulated; the last one is beyond all */
	uint64_t count;
	uint64_t sum_us;
};

void histogram_add(struct histogram *h, uint64_t us);
/* The samples of a family; label is "{pool=\"llm\"" without its end, or empty. */
void histogram_write_text(
    const struct histogram *h, const char *name, const char *label, struct buf *out);
/* Into an open object, and from one; what is damaged, or of other bounds, is ignored. */
void histogram_write_json(const struct histogram *h, struct jw *w);
void histogram_read_json(struct histogram *h, const struct jv *v);

/* Help texts escape backslash and newline, label values the quote too. */
void metrics_escape(struct buf *out, const char *s, bool quote);

#endif
