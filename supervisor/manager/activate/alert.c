/*
 * alert: windows, limits, and the two states of an alert.
 */
#include "manager/activate/alert.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

enum { EVIDENCE_MAX = 300 };

/* ---- life ---------------------------------------------------------------------------
 */

struct alert *
alert_new(const struct alert_conf *conf)
{
	struct alert *a = xcalloc(1, sizeof(*a));

	alert_set_conf(a, conf);
	return a;
}

void
alert_free(struct alert *a)
{
	if (a == NULL)
		return;
	free(a->times);
	free(a->runs);
	free(a->evidence);
	free(a);
}

void
alert_set_conf(struct alert *a, const struct alert_conf *conf)
{
	a->conf = conf;
	free(a->times);
	free(a->runs);
	a->times = NULL;
	a->runs = NULL;
	if (conf->event != NULL)
		a->times = xcalloc(conf->count, sizeof(*a->times));
	if (conf->metric == ALERT_METRIC_FAILURE_RATE)
		a->runs = xcalloc(ALERT_RUNS, sizeof(*a->runs));
	a->n_runs = a->runs_at = 0;
	a->known = a->beyond = a->pending = false;
	alert_rearm(a);
}

/* ---- what it is about ---------------------------------------------------------------
 */

bool
alert_wants(const struct alert_conf *conf, const char *event)
{
	return conf->event != NULL && fnmatch(conf->event, event, 0) == 0;
}

bool
alert_is_of_unit(const struct alert_conf *conf, const char *unit)
{
	size_t n;
	char *stem;
	bool is;

	if (conf->unit == NULL)
		return true;
	if (unit == NULL)
		return false;
	if (fnmatch(conf->unit, unit, 0) == 0)
		return true;
	/* By its name without its suffix, as everywhere. */
	n = strlen(unit);
	while (n > 0 && unit[n - 1] != '.')
		n--;
	if (n < 2)
		return false;
	stem = xstrndup(unit, n - 1);
	is = fnmatch(conf->unit, stem, 0) == 0;
	free(stem);
	return is;
}

/* A field as text; numbers and truth values as they are written. */
static char *
field_text(const struct jv *v)
{
	switch (jv_type(v)) {
	case JV_STRING:
		return xstrdup(jv_str(v, ""));
	case JV_INT:
		return xasprintf("%lld", (long long)jv_i64(v, 0));
	case JV_BOOL:
		return xstrdup(jv_bool(v, false) ? "true" : "false");
	default:
		return NULL;
	}
}

static bool
field_matches(const struct jv *event, const char *assignment)
{
	const char *eq = strchr(assignment, '=');
	char *key, *text;
	bool is;

	if (eq == NULL)
		return false;
	key = xstrndup(assignment, (size_t)(eq - assignment));
	text = field_text(jv_get(event, key));
	is = text != NULL && fnmatch(eq + 1, text, 0) == 0;
	free(text);
	free(key);
	return is;
}

bool
alert_matches(const struct alert_conf *conf, const struct jv *event)
{
	if (!alert_is_of_unit(conf, jv_str(jv_get(event, "unit"), NULL)))
		return false;
	for (size_t i = 0; i < conf->match.n; i++)
		if (!field_matches(event, conf->match.v[i]))
			return false;
	return true;
}

/* ---- events -------------------------------------------------------------------------
 */

/* The newest is that before at; of a full ring the oldest is at at. */
uint64_t
alert_span_us(const struct alert *a)
{
	size_t size = a->conf->count;
	uint64_t newest, oldest;

	if (a->n == 0)
		return 0;
	newest = a->times[(a->at + size - 1) % size];
	oldest = a->times[(a->at + size - a->n) % size];
	return newest > oldest ? newest - oldest : 0;
}

bool
alert_is_reached(const struct alert *a)
{
	return a->times != NULL && a->until_us == 0 && a->n == a->conf->count &&
	       alert_span_us(a) <= a->conf->within_us;
}

bool
alert_on_event(struct alert *a, uint64_t wall_us)
{
	size_t size = a->conf->count;

	if (a->times == NULL || a->until_us != 0)
		return false;
	a->times[a->at] = wall_us;
	a->at = (a->at + 1) % size;
	if (a->n < size)
		a->n++;
	return alert_is_reached(a);
}

/* ---- values -------------------------------------------------------------------------
 */

void
alert_on_run(struct alert *a, uint64_t wall_us, bool failed)
{
	if (a->runs == NULL)
		return;
	a->runs[a->runs_at] = (struct alert_run){ wall_us, failed };
	a->runs_at = (a->runs_at + 1) % ALERT_RUNS;
	if (a->n_runs < ALERT_RUNS)
		a->n_runs++;
}

bool
alert_rate(const struct alert *a, uint64_t now_us, double *percent)
{
	size_t runs = 0, failed = 0;

	for (size_t i = 0; i < a->n_runs; i++) {
		const struct alert_run *r = &a->runs[i];

		if (clock_add_us(r->wall_us, a->conf->within_us) < now_us)
			continue;
		runs++;
		failed += r->failed;
	}
	if (runs == 0 || runs < a->conf->count)
		return false;
	*percent = 100.0 * (double)failed / (double)runs;
	return true;
}

static double
limit_of(const struct alert_limit *l)
{
	return (double)l->centi / 100;
}

bool
alert_on_value(struct alert *a, double value, uint64_t now_us)
{
	const struct alert_conf *c = a->conf;
	bool beyond =
	    c->above.set ? value > limit_of(&c->above) : value < limit_of(&c->below);

	a->known = true;
	a->value = value;
	if (beyond && !a->beyond)
		a->beyond_us = now_us;
	a->beyond = beyond;
	return alert_is_due(a, now_us);
}

void
alert_on_no_value(struct alert *a)
{
	a->known = a->beyond = false;
}

bool
alert_is_due(const struct alert *a, uint64_t now_us)
{
	return a->until_us == 0 && a->beyond &&
	       now_us >= clock_add_us(a->beyond_us, a->conf->for_us);
}

/* ---- its two states -----------------------------------------------------------------
 */

/* Whatever is written there: what it starts must not become a storm. */
static uint64_t
expire_us(const struct alert *a)
{
	return a->conf->expire_us < USEC_PER_SEC ? USEC_PER_SEC : a->conf->expire_us;
}

void
alert_rearm(struct alert *a)
{
	a->until_us = 0;
	a->n = a->at = 0;
	/* What is beyond still begins its time anew. */
	a->beyond = false;
}

void
alert_fire(struct alert *a, uint64_t now_us, const char *evidence)
{
	free(a->evidence);
	a->evidence =
	    xstrndup(evidence, utf8_head(evidence, strlen(evidence), EVIDENCE_MAX));
	a->fired_us = now_us;
	a->until_us = clock_add_us(now_us, expire_us(a));
	a->fired_n++;
	a->n = a->at = 0;
}

const char *
alert_look(struct alert *a, uint64_t now_us)
{
	if (a->until_us == 0 || now_us < a->until_us || a->beyond)
		return NULL;
	alert_rearm(a);
	return a->conf->event != NULL ? "expired" : "back";
}

uint64_t
alert_next_us(const struct alert *a)
{
	if (a->until_us == 0)
		return a->beyond ? clock_add_us(a->beyond_us, a->conf->for_us) : 0;
	/* What is beyond still: its value tells when it is not. */
	return a->beyond ? 0 : a->until_us;
}

void
alert_on_clock_set(struct alert *a, uint64_t now_us)
{
	uint64_t latest_us = clock_add_us(now_us, expire_us(a));

	if (a->until_us > latest_us)
		a->until_us = latest_us;
	/* Times of another clock say nothing of how far apart they are: what is beyond
	 * begins its time anew, runs that seem to be still to come would be counted for
	 * ever. */
	if (a->beyond)
		a->beyond_us = now_us;
	for (size_t i = 0; i < a->n_runs; i++)
		if (a->runs[i].wall_us > now_us)
			a->runs[i].wall_us = now_us;
	a->n = a->at = 0;
}

/* ---- told ---------------------------------------------------------------------------
 */

void
alert_tell_events(const struct alert *a, const char *event, uint64_t span_us,
    const char *unit, struct buf *out)
{
	char text[CLOCK_TEXT_MAX];

	if (a->conf->count == 1)
		buf_adds(out, event);
	else
		buf_addf(out, "%u events of %s within %s", a->conf->count, event,
		    clock_format_duration(text, sizeof(text), span_us));
	if (unit != NULL)
		buf_addf(out, a->conf->count == 1 ? " of %s" : ", the last of %s", unit);
}

static void
put_number(struct buf *out, double v, bool percent)
{
	if (percent)
		buf_addf(out, "%.1f%%", v);
	else if (v == (double)(uint64_t)v)
		buf_addf(out, "%llu", (unsigned long long)v);
	else
		buf_addf(out, "%.2f", v);
}

void
alert_tell_value(const struct alert *a, const char *of, struct buf *out)
{
	const struct alert_conf *c = a->conf;
	const struct alert_limit *l = c->above.set ? &c->above : &c->below;
	bool percent = l->percent || c->metric == ALERT_METRIC_FAILURE_RATE;

	buf_addf(out, "%s%s%s is ", alert_metric_name(c->metric),
	    of != NULL ? " of " : "", of != NULL ? of : "");
	put_number(out, a->value, percent);
	buf_addf(out, ", %s than ", c->above.set ? "more" : "less");
	put_number(out, limit_of(l), percent);
}

/* ---- snapshot -----------------------------------------------------------------------
 */

void
alert_write_json(const struct alert *a, struct jw *w)
{
	jw_obj(w);
	jw_kv_u64(w, "fired", a->fired_us);
	jw_kv_u64(w, "until", a->until_us);
	jw_kv_u64(w, "n", a->fired_n);
	jw_kv_bool(w, "pending", a->pending);
	jw_kv_str(w, "evidence", a->evidence);
	jw_kv_u64(w, "beyond", a->beyond ? a->beyond_us : 0);
	jw_kv_arr(w, "times");
	for (size_t i = 0; i < a->n; i++)
		jw_u64(w, a->times[(a->at + a->conf->count - a->n + i) % a->conf->count]);
	jw_end(w);
	jw_kv_arr(w, "runs");
	for (size_t i = 0; i < a->n_runs; i++) {
		const struct alert_run *r =
		    &a->runs[(a->runs_at + ALERT_RUNS - a->n_runs + i) % ALERT_RUNS];

		/* One number a run: the lowest bit says whether it failed. */
		jw_u64(w, r->wall_us / 2 * 2 + r->failed);
	}
	jw_end(w);
	jw_end(w);
}

static uint64_t
number(const struct jv *v)
{
	int64_t n = jv_type(v) == JV_INT ? jv_i64(v, 0) : 0;

	return n > 0 && n < INT64_MAX / 2 ? (uint64_t)n : 0;
}

void
alert_read_json(struct alert *a, const struct jv *v)
{
	const struct jv *times = jv_get(v, "times"), *runs = jv_get(v, "runs");
	const char *evidence = jv_str(jv_get(v, "evidence"), NULL);

	if (jv_type(v) != JV_OBJECT)
		return;
	a->fired_us = number(jv_get(v, "fired"));
	a->fired_n = number(jv_get(v, "n"));
	a->pending = evidence != NULL && jv_bool(jv_get(v, "pending"), false);
	free(a->evidence);
	a->evidence = evidence == NULL ? NULL : xstrdup(evidence);
	for (size_t i = 0; jv_type(times) == JV_ARRAY && i < jv_count(times); i++)
		if (a->times != NULL)
			(void)alert_on_event(a, number(jv_at(times, i)));
	for (size_t i = 0; jv_type(runs) == JV_ARRAY && i < jv_count(runs); i++) {
		uint64_t n = number(jv_at(runs, i));

		alert_on_run(a, n / 2 * 2, n % 2 != 0);
	}
	a->until_us = number(jv_get(v, "until"));
	a->beyond_us = number(jv_get(v, "beyond"));
	a->beyond = a->beyond_us != 0 && a->conf->event == NULL;
}
