/*
 * histogram: its bounds, and its texts.  See
 * https://prometheus.io/docs/instrumenting/exposition_formats/ for the text format.
 */
#include "manager/record/histogram.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/utf8.h"

struct bucket {
	uint64_t us;
	const char *le; /* seconds, as it stands in the text */
};

static const struct bucket buckets[] = {
	{ 500, "0.0005" },
	{ 1000, "0.001" },
	{ 2500, "0.0025" },
	{ 5000, "0.005" },
	{ 10000, "0.01" },
	{ 25000, "0.025" },
	{ 50000, "0.05" },
	{ 100000, "0.1" },
	{ 250000, "0.25" },
	{ 500000, "0.5" },
	{ 1000000, "1" },
	{ 2500000, "2.5" },
	{ 5000000, "5" },
	{ 10000000, "10" },
	{ 30000000, "30" },
	{ 60000000, "60" },
	{ 300000000, "300" },
	{ 3600000000, "3600" },
	{ 86400000000, "86400" },
};

static_assert(sizeof(buckets) / sizeof(buckets[0]) == (size_t)HISTOGRAM_BUCKETS,
    "the counts of a histogram are those of these");

void
histogram_add(struct histogram *h, uint64_t us)
{
	size_t b = 0;

	while (b < HISTOGRAM_BUCKETS && us > buckets[b].us)
		b++;
	h->in[b]++;
	h->count++;
	h->sum_us += us;
}

/* ---- text ---- */

#define PLAIN \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;@()/=_-+"

void
metrics_escape(struct buf *out, const char *s, bool quote)
{
	struct buf clean = { 0 };

	/* Most names need nothing of it. */
	if (strspn(s, PLAIN) == strlen(s)) {
		buf_adds(out, s);
		return;
	}
	utf8_clean(&clean, s, strlen(s));
	for (const char *p = buf_str(&clean); *p != '\0'; p++) {
		if (*p == '\n') {
			buf_adds(out, "\\n");
			continue;
		}
		if (*p == '\\' || (quote && *p == '"'))
			buf_addc(out, '\\');
		buf_addc(out, *p);
	}
	buf_free(&clean);
}

void
histogram_write_text(
    const struct histogram *h, const char *name, const char *label, struct buf *out)
{
	const char *begin = *label != '\0' ? label : "{";
	const char *between = *label != '\0' ? "," : "", *end = *label != '\0' ? "}" : "";
	uint64_t sum = 0;

	for (size_t b = 0; b < HISTOGRAM_BUCKETS; b++) {
		sum += h->in[b];
		buf_addf(out, "%s_bucket%s%sle=\"%s\"} %" PRIu64 "\n", name, begin,
		    between, buckets[b].le, sum);
	}
	buf_addf(out, "%s_bucket%s%sle=\"+Inf\"} %" PRIu64 "\n", name, begin, between,
	    h->count);
	buf_addf(out, "%s_sum%s%s %" PRIu64 ".%06" PRIu64 "\n", name, label, end,
	    h->sum_us / 1000000, h->sum_us % 1000000);
	buf_addf(out, "%s_count%s%s %" PRIu64 "\n", name, label, end, h->count);
}

/* ---- snapshot ---- */

void
histogram_write_json(const struct histogram *h, struct jw *w)
{
	jw_kv_u64(w, "sum_us", h->sum_us);
	jw_kv_arr(w, "in");
	for (size_t b = 0; b <= HISTOGRAM_BUCKETS; b++)
		jw_u64(w, h->in[b]);
	jw_end(w);
}

void
histogram_read_json(struct histogram *h, const struct jv *v)
{
	const struct jv *in = jv_get(v, "in");
	struct histogram got = { 0 };
	int64_t sum = jv_i64(jv_get(v, "sum_us"), -1);

	/* A build with other buckets left this: begin anew rather than lie. */
	if (jv_type(in) != JV_ARRAY || jv_count(in) != HISTOGRAM_BUCKETS + 1 || sum < 0)
		return;
	for (size_t b = 0; b <= HISTOGRAM_BUCKETS; b++) {
		int64_t n = jv_i64(jv_at(in, b), -1);

		if (n < 0 || (uint64_t)n > UINT64_MAX - got.count)
			return;
		got.in[b] = (uint64_t)n;
		got.count += (uint64_t)n;
	}
	got.sum_us = (uint64_t)sum;
	*h = got;
}
