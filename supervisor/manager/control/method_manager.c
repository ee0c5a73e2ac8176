/*
 * Manager.*: the instance as a whole.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/version.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/watch/reach.h"
#include "manager/wish/emergency.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

/* ---- Status, Version ---- */

static const char *const role_names[ROLE_N] = {
	[ROLE_INIT] = "init",
	[ROLE_MANAGER] = "manager",
	[ROLE_LOGGER] = "logger",
	[ROLE_TERMINAL] = "terminal",
};

static void
write_roles(const struct manager *m, struct jw *w)
{
	jw_kv_arr(w, "roles");
	for (size_t i = 0; i < ROLE_N; i++) {
		if (role_names[i] == NULL || m->role[i].pid == 0)
			continue;
		jw_obj(w);
		jw_kv_str(w, "name", role_names[i]);
		jw_kv_i64(w, "pid", m->role[i].pid);
		jw_kv_i64(w, "restarts", m->role[i].restarts);
		jw_end(w);
	}
	jw_end(w);
}

struct counts {
	size_t total;
	size_t by_state[SVC_NACTIVES];
	size_t by_session[SESSION_NSTATES];
	struct strv failed;
};

static void
count_one(struct unit *u, void *arg)
{
	struct counts *n = arg;
	enum svc_active a = unit_active(u);

	if (u->conf->builtin || unit_name_is_template(u->conf->id) ||
	    (u->conf->load_state == UNIT_NOT_FOUND && a == SVC_ACTIVE_INACTIVE))
		return;
	n->total++;
	n->by_state[a]++;
	n->by_session[session_state(u)]++;
	if (a == SVC_ACTIVE_FAILED)
		strv_add(&n->failed, u->name);
}

static const char *
state_of(const struct manager *m, const struct counts *n)
{
	if (m->ended != NULL)
		return m->ended;
	switch (m->phase) {
	case MANAGER_RESTORING:
		return "starting";
	case MANAGER_STOPPING:
		return "stopping";
	default:
		return m->safe_mode      ? "safe-mode"
		       : n->failed.n > 0 ? "degraded"
					 : "running";
	}
}

static void
write_manager(struct manager *m, struct jw *w)
{
	struct counts n = { 0 };

	units_look(m, count_one, &n);
	strv_sort(&n.failed);
	jw_kv_str(w, "version", SUPD_VERSION);
	jw_kv_str(w, "instance", m->root_path);
	jw_kv_str(w, "state", state_of(m, &n));
	jw_kv_i64(w, "pid", m->role[ROLE_INIT].pid);
	jw_kv_time(w, "since", m->boot_wall_us);
	jw_kv_bool(w, "safe_mode", m->safe_mode);
	jw_kv_time(w, "safe_mode_until", m->safe_mode_until_us);
	jw_kv_str(w, "containment", m->cgroup_fd == -1 ? "best-effort" : "cgroup");
	write_roles(m, w);
	jw_kv_obj(w, "counts");
	jw_kv_u64(w, "total", n.total);
	for (int a = 0; a < SVC_NACTIVES; a++)
		jw_kv_u64(w, svc_active_name((enum svc_active)a), n.by_state[a]);
	jw_end(w);
	jw_kv_obj(w, "sessions");
	for (int s = SESSION_UNKNOWN + 1; s < SESSION_NSTATES; s++)
		jw_kv_u64(w, session_state_name((enum session_state)s), n.by_session[s]);
	jw_end(w);
	jw_kv_strv(w, "failed", &n.failed);
	jw_kv_u64(w, "jobs", m->jobs == NULL ? 0 : jobs_count(m->jobs));
	jw_kv_u64(w, "events_seq", emitter_seq(m->events));
	jw_kv_u64(w, "events_dropped", emitter_dropped(m->events));
	reach_write(m->reach, w);
	emergency_render(m, w);
	phases_render(m, w);
	jw_kv_str(w, "run", m->run_path);
	jw_kv_strf(w, "journal", "%s/journal", m->root_path);
	strv_free(&n.failed);
}

static void
write_unit(struct unit *u, void *arg)
{
	if (u->conf->builtin ||
	    (u->conf->load_state == UNIT_NOT_FOUND && !unit_can_start(u)))
		return;
	render_brief_to(u, arg);
}

void
control_write_status(struct manager *m, struct jw *w)
{
	write_manager(m, w);
	jw_kv_arr(w, "units");
	units_look(m, write_unit, w);
	jw_end(w);
}

void
method_manager_status(struct call *call, void *arg)
{
	struct control *c = arg;

	write_manager(c->m, call_begin(call));
	call_reply(call);
}

void
method_manager_version(struct call *call, void *arg)
{
	struct jw *w = call_begin(call);

	(void)arg;
	jw_kv_str(w, "version", SUPD_VERSION);
	jw_kv_i64(w, "protocol", PROTO_VERSION);
	jw_kv_i64(w, "state_version", STORE_VERSION);
	call_reply(call);
}

/* ---- Reexec, Shutdown, Trace ---- */

static void
on_reexec_failed(void *arg, int err)
{
	struct call *call = arg;

	/* NULL: the caller had its reply; the event and supd's own message say it. */
	if (call != NULL)
		call_fail(call, "io.supd.Manager.Failed",
		    "everything goes on as it was; `supctl events' has more",
		    "the program on the disk could not take over: %s", strerror(err));
}

static void
on_reexec_caller_gone(struct call *call, void *arg)
{
	struct control *c = arg;

	manager_reexec_cancel(c->m, call);
}

void
method_manager_reexec(struct call *call, void *arg)
{
	struct control *c = arg;
	bool stays = call_wants_more(call);
	char who[160];

	if (c->m->phase == MANAGER_STOPPING) {
		call_fail(call, "io.supd.Manager.ShuttingDown", "start supd again",
		    "supd is stopping");
		return;
	}
	control_origin(call, who, sizeof(who));
	call_begin(call);
	if (stays) {
		call_set_data(call, call, on_reexec_caller_gone);
		if (!call_reply_more(call))
			return;
	} else {
		call_reply(call);
	}
	varlink_flush(c->varlink);
	manager_reexec(c->m, who, on_reexec_failed, stays ? call : NULL);
}

/* A caller that watches the end. */
struct farewell {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	struct map running; /* units that still run, as last told */
};

static void
farewell_free(struct farewell *f)
{
	control_wait_end(f->c, &f->wait);
	map_clear(&f->running, NULL);
	free(f);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	farewell_free(call_data(call));
}

static bool
runs(const struct unit *u)
{
	return u != NULL && u->svc != NULL && svc_has_slot(u->svc);
}

static void
note_running(struct unit *u, void *arg)
{
	struct farewell *f = arg;

	if (runs(u))
		map_set(&f->running, u->name, f);
}

static void
tell_stopped(struct wait *w)
{
	struct farewell *f = (struct farewell *)w;
	struct strv names = { 0 };
	bool there = true;

	map_keys(&f->running, &names);
	for (size_t i = 0; there && i < names.n; i++) {
		struct jw *jw;

		if (runs(unit_find(f->c->m, names.v[i])))
			continue;
		map_del(&f->running, names.v[i]);
		jw = call_begin(f->call);
		jw_kv_u64(jw, "stopping", f->running.n);
		jw_kv_str(jw, "unit", names.v[i]);
		there = call_reply_more(f->call); /* else on_gone freed f */
	}
	strv_free(&names);
}

void
method_manager_shutdown(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	int64_t status = jv_i64(jv_get(p, "exit_status"), 0);
	struct farewell *f;
	char who[160];
	struct manager_end end = {
		.reason = control_origin(call, who, sizeof(who)),
		.how = HALT_EXIT,
		.leave = jv_bool(jv_get(p, "leave"), false),
	};

	if (status < 0 || status > 255) {
		call_invalid(call, "exit_status", "expected 0 to 255");
		return;
	}
	end.status = (int)status;
	f = xcalloc(1, sizeof(*f));
	f->c = c;
	f->call = call;
	units_foreach(c->m, note_running, f);
	call_set_data(call, f, on_gone);
	control_wait(c, &f->wait, tell_stopped);
	if (call_wants_more(call)) {
		/* The first reply says that it was accepted; the last one is the end of
		 * the connection. */
		jw_kv_u64(call_begin(call), "stopping", f->running.n);
		jw_kv_null(call_begin(call), "unit");
		if (!call_reply_more(call))
			return;
	} else {
		jw_kv_u64(call_begin(call), "stopping", f->running.n);
		jw_kv_null(call_begin(call), "unit");
		call_set_data(call, NULL, NULL);
		farewell_free(f);
		call_reply(call);
		varlink_flush(c->varlink);
	}
	manager_end(c->m, &end);
}

void
method_manager_trace(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *on = jv_get(call_params(call), "on");
	char who[160];

	if (jv_type(on) == JV_BOOL && jv_bool(on, false) != emitter_trace(c->m->events)) {
		emitter_set_trace(c->m->events, jv_bool(on, false));
		event_begin(c->m->events, EVENT_TRACE_SET, NULL, NULL);
		event_bool(c->m->events, "on", jv_bool(on, false));
		event_str(c->m->events, "who", control_origin(call, who, sizeof(who)));
		event_end(c->m->events);
	}
	jw_kv_bool(call_begin(call), "on", emitter_trace(c->m->events));
	call_reply(call);
}
