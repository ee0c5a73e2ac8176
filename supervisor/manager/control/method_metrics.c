/*
 * Metrics.Read: the counters of the events, and what is so now.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/version.h"
#include "lib/xalloc.h"
#include "manager/alerts.h"
#include "manager/budget/budgets.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"
#include "manager/part/pools.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/record/metrics.h"
#include "manager/record/tally.h"
#include "manager/service/service.h"
#include "unit/conf.h"

/* The units that count, gathered once. */
struct gather {
	struct unit **v;
	size_t n, cap;
	size_t by_state[SVC_NACTIVES];
};

static void
add_unit(struct unit *u, void *arg)
{
	struct gather *g = arg;

	if (u->conf->builtin || !unit_can_start(u) ||
	    (u->conf->load_state == UNIT_NOT_FOUND && !unit_is_running(u)))
		return;
	if (g->n == g->cap) {
		g->cap = g->cap == 0 ? 64 : 2 * g->cap;
		g->v = xreallocarray(g->v, g->cap, sizeof(*g->v));
	}
	g->v[g->n++] = u;
	g->by_state[unit_active(u)]++;
}

static void
per_unit(const struct gather *g, struct buf *out, const char *name, const char *help,
    double (*value)(const struct unit *u))
{
	metrics_text_head(out, name, "gauge", help);
	for (size_t i = 0; i < g->n; i++) {
		const char *labels[] = { "unit", g->v[i]->name, NULL };

		metrics_text_sample(out, name, labels, value(g->v[i]));
	}
}

static double
value_active(const struct unit *u)
{
	enum svc_active a = unit_active(u);

	return a == SVC_ACTIVE_ACTIVE || a == SVC_ACTIVE_RELOADING;
}

static double
value_failed(const struct unit *u)
{
	return unit_active(u) == SVC_ACTIVE_FAILED;
}

static double
value_restarts(const struct unit *u)
{
	return u->svc == NULL ? 0 : svc_memory(u->svc)->restarts;
}

static double
value_since(const struct unit *u)
{
	return (double)(u->part != NULL ? u->part->changed_wall_us
					: svc_memory(u->svc)->changed_wall_us) /
	       1e6;
}

static void
add_states(const struct gather *g, struct buf *out)
{
	metrics_text_head(out, "supd_units", "gauge", "Units by state.");
	for (int a = 0; a < SVC_NACTIVES; a++) {
		const char *labels[] = { "state", svc_active_name((enum svc_active)a),
			NULL };

		metrics_text_sample(out, "supd_units", labels, (double)g->by_state[a]);
	}
}

/* In seconds, bytes, and the money itself, as such values are. */
static double
budget_value(enum budget_kind k, uint64_t n)
{
	static const double one[BUDGET_NKINDS] = {
		[BUDGET_RUN_TIME] = 1e6, [BUDGET_COST] = 1e6
	};

	return one[k] > 0 ? (double)n / one[k] : (double)n;
}

static void
add_budget_gauge(const struct gather *g, struct buf *out, const char *name,
    const char *help, bool used)
{
	struct budget_view v;

	metrics_text_head(out, name, "gauge", help);
	for (size_t i = 0; i < g->n; i++) {
		if (!budget_of_unit(g->v[i], &v))
			continue;
		for (int k = 0; k < BUDGET_NKINDS; k++) {
			const char *labels[] = { "unit", g->v[i]->name, "limit",
				budget_kind_name((enum budget_kind)k), NULL };

			if (v.use[k].limit == UNIT_INFINITY)
				continue;
			metrics_text_sample(out, name, labels,
			    budget_value((enum budget_kind)k,
				used ? v.use[k].used : v.use[k].allowed));
		}
	}
}

static void
add_budgets(const struct gather *g, struct buf *out)
{
	add_budget_gauge(g, out, "supd_unit_budget_used",
	    "What a unit has used of a limit in this period (seconds, bytes, money, …).",
	    true);
	add_budget_gauge(g, out, "supd_unit_budget_allowed",
	    "What it may use of it in this period.", false);
}

/* which: slots, taken or queued. */
static void
per_pool(const struct gather *g, struct buf *out, const char *name, const char *help,
    int which)
{
	metrics_text_head(out, name, "gauge", help);
	for (size_t i = 0; i < g->n; i++) {
		const char *labels[] = { "pool", g->v[i]->name, NULL };
		struct pools_view v;

		if (pools_view(g->v[i], &v))
			metrics_text_sample(out, name, labels,
			    which == 0   ? v.conf->slots
			    : which == 1 ? (double)v.taken
					 : (double)v.queued);
	}
}

static void
add_pools(const struct gather *g, struct buf *out)
{
	per_pool(g, out, "supd_pool_slots", "How many units of a pool run at once.", 0);
	per_pool(g, out, "supd_pool_taken", "How many slots of a pool are taken.", 1);
	per_pool(
	    g, out, "supd_pool_queued", "How many units wait for a slot of a pool.", 2);
}

static void
add_alerts(const struct manager *m, struct buf *out)
{
	struct strv names = { 0 };

	alerts_names(m, &names);
	if (names.n > 0)
		metrics_text_head(out, "supd_alert_fired", "gauge",
		    "1 while an alert has fired, and cannot fire again.");
	for (size_t i = 0; i < names.n; i++) {
		const char *labels[] = { "alert", names.v[i], NULL };

		metrics_text_sample(
		    out, "supd_alert_fired", labels, alerts_has_fired(m, names.v[i]));
	}
	strv_free(&names);
}

static void
add_roles(const struct manager *m, struct buf *out)
{
	static const char *const names[] = {
		[ROLE_INIT] = "init", [ROLE_MANAGER] = "manager", [ROLE_LOGGER] = "logger"
	};

	metrics_text_head(out, "supd_role_restarts_total", "counter",
	    "How often a process of supd itself was started again.");
	for (size_t i = ROLE_INIT; i <= ROLE_LOGGER; i++) {
		const char *labels[] = { "role", names[i], NULL };

		metrics_text_sample(
		    out, "supd_role_restarts_total", labels, m->role[i].restarts);
	}
}

static void
add_single(
    struct buf *out, const char *name, const char *type, const char *help, double v)
{
	metrics_text_head(out, name, type, help);
	metrics_text_sample(out, name, NULL, v);
}

static void
add_phase(const struct manager *m, struct buf *out)
{
	const char *labels[] = { "phase", phases_word(m), NULL };

	if (labels[1] == NULL)
		return;
	metrics_text_head(out, "supd_phase", "gauge",
	    "1 for the phase in which the person is; absent without [Phases].");
	metrics_text_sample(out, "supd_phase", labels, 1);
}

static void
add_instance(struct control *c, struct buf *out)
{
	const struct manager *m = c->m;
	const char *labels[] = { "version", SUPD_VERSION, NULL };

	metrics_text_head(out, "supd_build_info", "gauge", "Version of supd; always 1.");
	metrics_text_sample(out, "supd_build_info", labels, 1);
	add_single(out, "supd_start_time_seconds", "gauge",
	    "When supd was started, since the epoch.", (double)m->boot_wall_us / 1e6);
	add_single(out, "supd_orphans_reaped_total", "counter",
	    "Ended processes that nobody else waited for, of no service by their number.",
	    (double)m->table->orphans);
	add_single(out, "supd_init_crashes_total", "counter",
	    "How often init found a defect of itself and started again.",
	    (double)m->table->crashes);
	add_phase(m, out);
	add_single(out, "supd_jobs", "gauge", "Jobs that are not done.",
	    m->jobs == NULL ? 0 : (double)jobs_count(m->jobs));
	add_single(out, "supd_clients", "gauge", "Connections to the control socket.",
	    (double)varlink_clients(c->varlink));
	add_single(out, "supd_events_dropped_total", "counter",
	    "Events that found no room in the ring.", (double)emitter_dropped(m->events));
	add_single(out, "supd_events_seq", "gauge", "Number of the newest event.",
	    (double)emitter_seq(m->events));
}

void
method_metrics_read(struct call *call, void *arg)
{
	struct control *c = arg;
	struct buf out = { 0 };
	struct gather g = { 0 };
	struct jw *w = call_begin(call);

	add_instance(c, &out);
	add_roles(c->m, &out);
	units_look(c->m, add_unit, &g);
	add_states(&g, &out);
	per_unit(&g, &out, "supd_unit_active", "1 while a unit is active.", value_active);
	per_unit(&g, &out, "supd_unit_failed", "1 while a unit is failed.", value_failed);
	per_unit(&g, &out, "supd_unit_restarts",
	    "Automatic restarts since a person started the unit.", value_restarts);
	per_unit(&g, &out, "supd_unit_state_change_timestamp_seconds",
	    "When a unit came into its state, since the epoch.", value_since);
	add_budgets(&g, &out);
	add_pools(&g, &out);
	free(g.v);
	tally_write_text(c->m->tally, clock_wall_us(), &out);
	add_alerts(c->m, &out);
	metrics_write_text(c->m->metrics, &out);
	jw_kv_str(w, "content_type", "text/plain; version=0.0.4; charset=utf-8");
	jw_kv_strn(w, "text", buf_str(&out), out.len);
	buf_free(&out);
	call_reply(call);
}
