/*
 * alerts: the list, the events it hears of, and the look at which alerts fire.
 */
#include "manager/alerts.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/alerts_int.h"
#include "manager/manager.h"
#include "manager/record/store.h"
#include "unit/supd_conf.h"

static void on_look(void *arg);

static void
look_soon(struct alerts *as)
{
	if (as->begun)
		loop_post(as->m->loop, on_look, as);
}

/* ---- the list -----------------------------------------------------------------------
 */

static void
watched_clear(struct watched *w)
{
	alert_free(w->a);
	free(w->name);
	free(w->starts);
	free(w->due);
}

/* The events of alerts lead to none. */
static bool
can_be_counted(enum event_id id)
{
	return id != EVENT_ALERT && id != EVENT_ALERT_OVER && id != EVENT_ALERT_ACTION;
}

static void
add_wants(struct alerts *as, const struct alert_conf *c)
{
	bool any = false, traced_only = true;

	for (int id = 1; id < EVENT_ID_MAX && c->event != NULL; id++) {
		const struct event_def *d = event_def((enum event_id)id);

		if (d == NULL || !can_be_counted(d->id) || !alert_wants(c, d->name))
			continue;
		as->wants[id / 64] |= UINT64_C(1) << (id % 64);
		any = true;
		traced_only = traced_only && d->level == EVENT_LEVEL_TRACE;
	}
	if (c->event != NULL && !any)
		log_warnx("supd.conf:%u: [Alert %s] never fires: no event that can be "
			  "counted is called %s; see supd.events(7)",
		    c->line, c->name, c->event);
	else if (c->event != NULL && traced_only)
		log_warnx("supd.conf:%u: [Alert %s]: %s is told only while events are "
			  "traced (supctl trace on)",
		    c->line, c->name, c->event);
}

/* What must be heard of, for all of them. */
static void
look_at_confs(struct alerts *as)
{
	memset(as->wants, 0, sizeof(as->wants));
	as->counts_failed = as->looks_at_pools = false;
	for (size_t i = 0; i < as->n; i++) {
		const struct alert_conf *c = as->v[i].a->conf;

		if (c->broken)
			continue;
		add_wants(as, c);
		as->counts_failed =
		    as->counts_failed || c->metric == ALERT_METRIC_FAILED_UNITS;
		as->looks_at_pools =
		    as->looks_at_pools || c->metric == ALERT_METRIC_QUEUED;
	}
}

static char *
starts_of(const struct alert_conf *c)
{
	if (c->exec != NULL)
		return xasprintf("alert-%s.service", c->name);
	return c->start == NULL ? NULL : xstrdup(c->start);
}

static struct watched *
find(const struct alerts *as, const char *name)
{
	for (size_t i = 0; i < as->n; i++)
		if (strcmp(as->v[i].name, name) == 0)
			return &as->v[i];
	return NULL;
}

static void
tell_over(struct alerts *as, const char *name, const char *why)
{
	event_begin(as->m->events, EVENT_ALERT_OVER, NULL, NULL);
	event_str(as->m->events, "alert", name);
	event_str(as->m->events, "why", why);
	event_end(as->m->events);
}

/* One that says the same goes on as it is; one that says something else begins anew. */
static void
take_conf(struct alerts *as, struct watched *old, const struct alert_conf *c)
{
	bool fired = old->a->until_us != 0;

	/* (a->conf is the old text still.) */
	if (alert_conf_equal(old->a->conf, c) && old->a->conf->broken == c->broken) {
		old->a->conf = c;
		return;
	}
	alert_set_conf(old->a, c);
	free(old->due);
	old->due = NULL;
	old->look_at_us = 0;
	free(old->starts);
	old->starts = starts_of(c);
	if (fired)
		tell_over(as, old->name, "edited");
}

static struct watched *
make_list(struct alerts *as, const struct alert_list *list)
{
	struct watched *v = xcalloc(list->n + 1, sizeof(*v));

	for (size_t i = 0; i < list->n; i++) {
		const struct alert_conf *c = &list->v[i];
		struct watched *old = find(as, c->name);

		if (old != NULL) {
			take_conf(as, old, c);
			v[i] = *old;
			*old = (struct watched){ .name = xstrdup("") };
		} else {
			v[i].a = alert_new(c);
			v[i].name = xstrdup(c->name);
			v[i].starts = starts_of(c);
		}
	}
	return v;
}

void
alerts_on_conf(struct manager *m)
{
	struct alerts *as = m->alerts;
	struct watched *v = make_list(as, &m->conf->alerts);

	for (size_t i = 0; i < as->n; i++) {
		/* (A name that is empty is one that goes on.) */
		if (as->v[i].a != NULL && as->v[i].a->until_us != 0)
			tell_over(as, as->v[i].name, "edited");
		watched_clear(&as->v[i]);
	}
	free(as->v);
	as->v = v;
	as->n = m->conf->alerts.n;
	look_at_confs(as);
	if (as->begun)
		alerts_gather(as);
	look_soon(as);
}

/* ---- events -------------------------------------------------------------------------
 */

static bool
part_wants(void *arg, enum event_id id, bool past)
{
	const struct alerts *as = arg;

	if (!can_be_counted(id))
		return past;
	return (as->wants[id / 64] >> (id % 64) & 1) != 0;
}

bool
alerts_start(const struct alerts *as, const char *unit)
{
	for (size_t i = 0; unit != NULL && i < as->n; i++)
		if (as->v[i].starts != NULL && strcmp(as->v[i].starts, unit) == 0)
			return true;
	return false;
}

static void
count(struct alerts *as, struct watched *w, const struct event_def *d,
    const struct jv *event, uint64_t wall_us)
{
	const char *unit = jv_str(jv_get(event, "unit"), NULL);
	struct buf evidence = { 0 };

	if (w->a->conf->broken || !alert_wants(w->a->conf, d->name) ||
	    !alert_matches(w->a->conf, event) || alerts_start(as, unit) ||
	    !alert_on_event(w->a, wall_us))
		return;
	alert_tell_events(w->a, d->name, alert_span_us(w->a), unit, &evidence);
	free(w->due);
	w->due = buf_take(&evidence);
	look_soon(as);
}

/* What an earlier manager did about one. */
static void
take_past(struct watched *w, enum event_id id, const struct jv *event, uint64_t wall_us)
{
	struct alert *a = w->a;
	uint64_t until_us;

	if (id == EVENT_ALERT) {
		alert_fire(a, wall_us, jv_str(jv_get(event, "evidence"), ""));
		if (clock_parse(jv_str(jv_get(event, "until"), ""), &until_us) == 0 &&
		    until_us < a->until_us)
			a->until_us = until_us;
		a->pending = jv_type(jv_get(event, "starts")) == JV_STRING;
		free(w->due);
		w->due = NULL;
	} else if (id == EVENT_ALERT_OVER) {
		alert_rearm(a);
	} else {
		a->pending = false;
	}
}

static void
part_event(void *arg, enum event_id id, const struct jv *event, bool past)
{
	const struct event_def *d = event_def(id);
	struct alerts *as = arg;
	struct watched *w;
	uint64_t wall_us;

	if (clock_parse(jv_str(jv_get(event, "ts"), ""), &wall_us) == -1)
		return;
	if (can_be_counted(id)) {
		for (size_t i = 0; i < as->n; i++)
			count(as, &as->v[i], d, event, wall_us);
		return;
	}
	w = past ? find(as, jv_str(jv_get(event, "alert"), "")) : NULL;
	if (w != NULL)
		take_past(w, id, event, wall_us);
}

static void
part_write(void *arg, struct jw *w)
{
	const struct alerts *as = arg;

	jw_obj(w);
	for (size_t i = 0; i < as->n; i++) {
		jw_key(w, as->v[i].name);
		alert_write_json(as->v[i].a, w);
	}
	jw_end(w);
}

static void
part_read(void *arg, const struct jv *v)
{
	struct alerts *as = arg;

	if (jv_type(v) != JV_OBJECT)
		return;
	for (size_t i = 0; i < as->n; i++) {
		struct watched *w = &as->v[i];
		struct buf evidence = { 0 };

		alert_read_json(w->a, jv_get(v, w->name));
		if (!alert_is_reached(w->a))
			continue;
		/* The last of its events was the last thing that the manager heard of. */
		alert_tell_events(
		    w->a, w->a->conf->event, alert_span_us(w->a), NULL, &evidence);
		free(w->due);
		w->due = buf_take(&evidence);
	}
}

/* What may have moved a value. */
static void
on_event(void *arg, const struct event_view *v)
{
	struct alerts *as = arg;

	if (!as->begun || (!as->counts_failed && !as->looks_at_pools))
		return;
	if (v->id == EVENT_UNIT_STATE && v->unit != NULL)
		map_set(&as->moved, v->unit, as);
	else if (v->id != EVENT_POOL_QUEUED && v->id != EVENT_POOL_ADMITTED)
		return;
	look_soon(as);
}

void
alerts_on_run(struct manager *m, const char *unit, bool failed)
{
	struct alerts *as = m->alerts;

	for (size_t i = 0; i < as->n; i++) {
		struct watched *w = &as->v[i];

		if (w->a->conf->broken ||
		    w->a->conf->metric != ALERT_METRIC_FAILURE_RATE ||
		    !alert_is_of_unit(w->a->conf, unit) || alerts_start(as, unit))
			continue;
		alert_on_run(w->a, clock_wall_us(), failed);
		look_soon(as);
	}
}

/* ---- the look -----------------------------------------------------------------------
 */

/* Told before anything follows from it. */
static void
fire(struct alerts *as, struct watched *w, const char *evidence, uint64_t now_us)
{
	struct emitter *ev = as->m->events;
	char ts[CLOCK_TEXT_MAX];

	alert_fire(w->a, now_us, evidence);
	event_begin(ev, EVENT_ALERT, NULL, NULL);
	event_str(ev, "alert", w->name);
	event_str(ev, "evidence", w->a->evidence);
	event_str(ev, "until", clock_format_utc(ts, sizeof(ts), w->a->until_us));
	if (w->a->conf->event == NULL) {
		event_str(ev, "metric", alert_metric_name(w->a->conf->metric));
		event_strf(ev, "value", "%.2f", w->a->value);
	}
	event_str(ev, "starts", w->starts);
	event_end(ev);
	manager_say(as->m, MARK_NOTE, "alert %s: %s", w->name, w->a->evidence);
	alerts_act(as, w);
}

static void
look_at(struct alerts *as, struct watched *w, uint64_t now_us)
{
	char of[256];
	char *due = w->due;
	const char *why;

	if (w->a->conf->broken)
		return;
	w->due = NULL;
	if (w->a->conf->event == NULL)
		alerts_measure(as, w, now_us, clock_mono_us(), of, sizeof(of));
	why = alert_look(w->a, now_us);
	if (why != NULL)
		tell_over(as, w->name, why);
	if (due != NULL && w->a->until_us == 0) {
		fire(as, w, due, now_us);
	} else if (w->a->conf->event == NULL && alert_is_due(w->a, now_us)) {
		struct buf text = { 0 };

		alert_tell_value(w->a, of[0] != '\0' ? of : NULL, &text);
		fire(as, w, buf_str(&text), now_us);
		buf_free(&text);
	}
	free(due);
}

/* Only as long as something is to happen by itself. */
static void
arm_timer(struct alerts *as)
{
	uint64_t wall_us = clock_wall_us(), mono_us = clock_mono_us(), next_us = 0;

	for (size_t i = 0; i < as->n; i++) {
		const struct watched *w = &as->v[i];
		uint64_t at_us = alert_next_us(w->a);

		if (w->a->conf->broken)
			continue;
		if (at_us != 0)
			at_us = at_us > wall_us ? clock_add_us(mono_us, at_us - wall_us)
						: mono_us;
		if (at_us != 0 && (next_us == 0 || at_us < next_us))
			next_us = at_us;
		if (w->look_at_us != 0 && (next_us == 0 || w->look_at_us < next_us))
			next_us = w->look_at_us;
	}
	if (next_us == 0)
		loop_timer_stop(as->timer);
	else
		loop_timer_at(as->timer, next_us);
}

static void
on_look(void *arg)
{
	struct alerts *as = arg;

	alerts_take_moved(as);
	for (size_t i = 0; i < as->n; i++)
		look_at(as, &as->v[i], clock_wall_us());
	arm_timer(as);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	on_look(arg);
}

/* ---- life ---------------------------------------------------------------------------
 */

struct alerts *
alerts_new(struct manager *m)
{
	struct alerts *as = xcalloc(1, sizeof(*as));

	as->m = m;
	as->v = make_list(as, &m->conf->alerts);
	as->n = m->conf->alerts.n;
	look_at_confs(as);
	as->timer = loop_timer_new(m->loop, "alerts", on_timer, as);
	store_add_part(m->store, &(struct store_part){
				     .name = "alerts",
				     .wants = part_wants,
				     .event = part_event,
				     .write = part_write,
				     .read = part_read,
				     .arg = as,
				 });
	emitter_add_sink(m->events, on_event, as);
	return as;
}

void
alerts_begin(struct manager *m)
{
	struct alerts *as = m->alerts;
	bool first = !as->begun;

	as->begun = true;
	alerts_gather(as);
	for (size_t i = 0; first && i < as->n; i++)
		if (as->v[i].a->pending)
			alerts_act_again(as, &as->v[i]);
	look_soon(as);
}

void
alerts_on_clock_set(struct manager *m)
{
	struct alerts *as = m->alerts;

	for (size_t i = 0; i < as->n; i++)
		alert_on_clock_set(as->v[i].a, clock_wall_us());
	look_soon(as);
}

/* ---- asked for ----------------------------------------------------------------------
 */

bool
alerts_has(const struct manager *m, const char *name)
{
	return find(m->alerts, name) != NULL;
}

bool
alerts_has_fired(const struct manager *m, const char *name)
{
	const struct watched *w = find(m->alerts, name);

	return w != NULL && w->a->until_us != 0;
}

bool
alerts_reset(struct manager *m, const char *name)
{
	struct watched *w = find(m->alerts, name);

	if (w == NULL || w->a->until_us == 0)
		return false;
	alert_rearm(w->a);
	tell_over(m->alerts, name, "reset");
	look_soon(m->alerts);
	return true;
}
