/*
 * alerts_show: alerts for people, as io.supd.Alert has them.
 */
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "manager/alerts_int.h"
#include "manager/manager.h"
#include "unit/span.h"

static void
put_limit(struct buf *b, const char *word, const struct alert_limit *l)
{
	if (!l->set)
		return;
	buf_addf(b, " %s %llu", word, (unsigned long long)(l->centi / 100));
	if (l->centi % 100 != 0)
		buf_addf(b, ".%02u", (unsigned)(l->centi % 100));
	buf_adds(b, l->percent ? "%" : "");
}

/* "10 failed of worker@* within 1min", "queued of llm above 20 for 5min" */
static void
put_condition(struct buf *b, const struct alert_conf *c)
{
	bool rate = c->metric == ALERT_METRIC_FAILURE_RATE;

	if (c->event != NULL && c->count > 1)
		buf_addf(b, "%u ", c->count);
	buf_adds(b, c->event != NULL ? c->event : alert_metric_name(c->metric));
	if (c->unit != NULL || c->path != NULL)
		buf_addf(b, " of %s", c->unit != NULL ? c->unit : c->path);
	for (size_t i = 0; i < c->match.n; i++)
		buf_addf(b, " %s", c->match.v[i]);
	put_limit(b, "above", &c->above);
	put_limit(b, "below", &c->below);
	if (rate || (c->event != NULL && c->count > 1)) {
		buf_adds(b, " within ");
		span_format(b, c->within_us);
	}
	if (c->for_us > 0 && c->event == NULL) {
		buf_adds(b, " for ");
		span_format(b, c->for_us);
	}
}

static void
put_alert(const struct watched *x, struct jw *w)
{
	const struct alert *a = x->a;
	struct buf text = { 0 };

	put_condition(&text, a->conf);
	jw_obj(w);
	jw_kv_str(w, "alert", a->conf->name);
	jw_kv_str(w, "state",
	    a->conf->broken    ? "broken"
	    : a->until_us != 0 ? "fired"
			       : "armed");
	jw_kv_str(w, "condition", buf_str(&text));
	jw_kv_u64(w, "fired", a->fired_n);
	jw_kv_time(w, "at", a->fired_us);
	jw_kv_time(w, "until", a->until_us);
	jw_kv_str(w, "evidence", a->evidence);
	if (a->known)
		jw_kv_double(w, "value", a->value);
	else
		jw_kv_null(w, "value");
	jw_kv_str(w, "starts", x->starts);
	jw_kv_bool(w, "pending", a->pending);
	jw_end(w);
	buf_free(&text);
}

void
alerts_render(const struct manager *m, struct jw *w)
{
	for (size_t i = 0; i < m->alerts->n; i++)
		put_alert(&m->alerts->v[i], w);
}

void
alerts_names(const struct manager *m, struct strv *names)
{
	for (size_t i = 0; i < m->alerts->n; i++)
		strv_add(names, m->alerts->v[i].name);
}
