/*
 * Unit.Start, Stop, Restart, TryRestart, Reload, ReloadOrRestart, TryReloadOrRestart:
 * wishes first, then the jobs, then the wait for both: the jobs' ends, and the wishes on
 * the disk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/durable.h"
#include "manager/job/job.h"
#include "manager/part/sockets.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/wish/drain.h"
#include "manager/wish/emergency.h"
#include "manager/wish/freeze.h"
#include "manager/wish/hold.h"
#include "manager/wish/jitter.h"
#include "unit/conf.h"

/* One unit of a request. */
struct item {
	struct request *r;
	char *unit;
	uint32_t job;
	char run[RUN_ID_SIZE]; /* that the job is part of; empty: there is no job */
	uint64_t wish_seq;     /* 0: no wish was made */
	bool done;             /* the job ended, or nobody waits for it */
	bool sent;
	bool queued; /* no_block: result says so */
	enum job_result result;
	char *message;
	struct strv notes; /* what was left out of what it takes */
};

struct request {
	TAILQ_ENTRY(request) link;
	struct control *c;
	struct call *call;
	enum job_type type;
	enum job_how how;
	char run[RUN_ID_SIZE]; /* one for all that is asked for at once */
	struct item *items;
	size_t n, undone;
	struct loop_timer *timer; /* of the waiting; NULL: none */
	struct loop_timer *wish_timer;
	bool wish_late; /* the disk did not take them in time */
	bool starting;  /* jobs are still being made: no reply yet */
};

static void
request_free(struct request *r)
{
	TAILQ_REMOVE(&r->c->requests, r, link);
	for (size_t i = 0; i < r->n; i++) {
		if (!r->items[i].done)
			job_forget_waiters(r->c->m->jobs, &r->items[i]);
		free(r->items[i].unit);
		free(r->items[i].message);
		strv_free(&r->items[i].notes);
	}
	loop_timer_free(r->timer);
	loop_timer_free(r->wish_timer);
	free(r->items);
	free(r);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	request_free(call_data(call));
}

/* ---- the reply ---- */

/* After a reload that was refused. */
static void
write_next_of_reload(struct jw *w, const struct item *it, const struct unit *u)
{
	enum svc_active active = u == NULL ? SVC_ACTIVE_INACTIVE : unit_active(u);

	if (it->r->c->m->phase == MANAGER_STOPPING)
		jw_kv_null(w, "next");
	else if (active == SVC_ACTIVE_ACTIVE || active == SVC_ACTIVE_RELOADING)
		jw_kv_strf(w, "next",
		    "supctl reload-or-restart %s restarts what cannot reload", it->unit);
	else if (active == SVC_ACTIVE_ACTIVATING && u->svc != NULL &&
		 svc_state(u->svc) != SVC_AUTO_RESTART)
		jw_kv_strf(
		    w, "next", "supctl wait %s; supctl reload %s", it->unit, it->unit);
	else
		jw_kv_strf(w, "next", "supctl start %s", it->unit);
}

static void
write_next(struct jw *w, const struct item *it, const struct unit *u)
{
	switch (it->result) {
	case JOB_FAILED:
	case JOB_TIMEOUT:
		jw_kv_strf(
		    w, "next", "supctl status %s; supctl logs %s", it->unit, it->unit);
		break;
	case JOB_ASSERT:
		jw_kv_strf(w, "next", "supctl condition --unit=%s", it->unit);
		break;
	case JOB_DEPENDENCY:
		jw_kv_strf(w, "next", "supctl tree %s", it->unit);
		break;
	case JOB_INVALID:
		/* Of what is frozen, or covered by an emergency, the message has it. */
		if (u != NULL && (freeze_is_on(u) || emergency_why(u) != NULL))
			jw_kv_null(w, "next");
		else if (it->r->type == JOB_RELOAD)
			write_next_of_reload(w, it, u);
		else
			jw_kv_null(w, "next");
		break;
	default:
		jw_kv_null(w, "next");
	}
}

/* A connection is nobody's wish against it. */
static void
note_sockets(struct item *it, const struct unit *u)
{
	struct strv names = { 0 };

	if (u == NULL || it->r->type != JOB_STOP || it->queued || it->result != JOB_DONE)
		return;
	sockets_waiting_for(u, &names);
	for (size_t i = 0; i < it->r->n; i++)
		strv_remove(&names, it->r->items[i].unit);
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++)
		strv_addf(&it->notes, "a connection to %s starts it again", names.v[i]);
	strv_free(&names);
}

static void
write_item(struct jw *w, struct item *it)
{
	const struct request *r = it->r;
	struct unit *u = unit_find(r->c->m, it->unit);
	bool bad = !it->queued && it->result != JOB_DONE;
	const char *tail = map_get(&r->c->tails, it->unit);
	char *log = u == NULL ? NULL : render_log_path(u);
	const char *message = it->message;

	if (bad && message == NULL && u != NULL)
		message = render_why(u);
	note_sockets(it, u);
	jw_obj(w);
	jw_kv_str(w, "unit", it->unit);
	jw_kv_u64(w, "job", it->job);
	jw_kv_str(w, "run", it->run[0] != '\0' ? it->run : NULL);
	jw_kv_str(w, "type", job_type_name(r->type));
	jw_kv_str(w, "result", it->queued ? "queued" : job_result_name(it->result));
	jw_kv_str(w, "state", u == NULL ? "inactive" : render_active(u));
	jw_kv_str(w, "substate", u == NULL ? "dead" : render_sub(u));
	jw_kv_str(w, "message", bad ? message : NULL);
	write_next(w, it, u);
	jw_kv_str(w, "stderr_tail",
	    it->result == JOB_FAILED && tail != NULL && *tail != '\0' ? tail : NULL);
	jw_kv_str(w, "log", log);
	if (it->notes.n > 0)
		jw_kv_strv(w, "notes", &it->notes);
	else
		jw_kv_null(w, "notes");
	if (it->wish_seq == 0)
		jw_kv_null(w, "durable");
	else
		jw_kv_bool(w, "durable", durable_is(r->c, it->wish_seq));
	jw_end(w);
	free(log);
}

/* The end of what it wrote to stderr belongs to a failure; it comes within
 * FailureTailSec=. */
static bool
waits_for_tail(const struct item *it)
{
	const struct unit *u;

	if (it->queued || it->result != JOB_FAILED)
		return false;
	u = unit_find(it->r->c->m, it->unit);
	return u != NULL && u->untold_failures > 0;
}

/* Who asked for a start may ask for the process next: it is forked, and known.  It comes
 * without being asked for, or the start fails. */
static bool
waits_for_process(const struct item *it)
{
	const struct svc_memory *mem;
	const struct unit *u;

	if (it->queued || it->result != JOB_DONE || it->r->type == JOB_STOP)
		return false;
	u = unit_find(it->r->c->m, it->unit);
	if (u == NULL || u->svc == NULL)
		return false;
	mem = svc_memory(u->svc);
	return mem->main_running && mem->main_pid == 0;
}

/* A start that its job called done, and then there was no process to be had. */
static void
look_again(struct item *it)
{
	const struct unit *u;
	const struct svc_memory *mem;

	if (!it->done || it->result != JOB_DONE || it->r->type == JOB_STOP)
		return;
	u = unit_find(it->r->c->m, it->unit);
	if (u == NULL || u->svc == NULL)
		return;
	mem = svc_memory(u->svc);
	if (mem->main_pid != 0 || mem->result != SVC_RESULT_RESOURCES)
		return;
	it->result = JOB_FAILED;
	free(it->message);
	it->message = NULL; /* why it is down says more */
}

static bool
is_ready(const struct item *it)
{
	return it->done && !waits_for_tail(it) && !waits_for_process(it) &&
	       (it->r->wish_late || durable_is(it->r->c, it->wish_seq));
}

static void
item_is_done(struct item *it)
{
	if (!it->done)
		it->r->undone--;
	it->done = true;
}

/* Sends what is ready; ends the request with the last one. */
static void
request_flush(struct request *r)
{
	size_t ready = 0, left = 0;
	bool more = call_wants_more(r->call);
	struct jw *w;

	/* Thousands may end one by one: they are not asked after for each of them. */
	if (r->starting || (r->undone > 0 && !more))
		return;
	for (size_t i = 0; i < r->n; i++) {
		if (r->items[i].sent)
			continue;
		look_again(&r->items[i]);
		if (is_ready(&r->items[i]))
			ready++;
		else
			left++;
	}
	if (left > 0 && (ready == 0 || !more))
		return;
	w = call_begin(r->call);
	jw_kv_arr(w, "results");
	for (size_t i = 0; i < r->n; i++) {
		if (r->items[i].sent || !is_ready(&r->items[i]))
			continue;
		write_item(w, &r->items[i]);
		r->items[i].sent = true;
	}
	jw_end(w);
	if (left > 0) {
		call_reply_more(r->call); /* on failure on_gone freed r */
		return;
	}
	call_set_data(r->call, NULL, NULL);
	call_reply(r->call);
	request_free(r);
}

void
requests_on_ack(struct control *c)
{
	struct request *r, *next;

	TAILQ_FOREACH_SAFE (r, &c->requests, link, next)
		request_flush(r);
}

void
requests_free(struct control *c)
{
	struct request *r, *next;

	TAILQ_FOREACH_SAFE (r, &c->requests, link, next)
		request_free(r);
}

static void
on_job_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct item *it = arg;

	(void)id;
	item_is_done(it);
	it->result = result;
	if (message != NULL && it->message == NULL)
		it->message = xstrdup(message);
	request_flush(it->r);
}

static void
on_wish_timer(struct loop_timer *t, void *arg)
{
	struct request *r = arg;

	(void)t;
	r->wish_late = true;
	request_flush(r);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct request *r = arg;
	struct call *call = r->call;
	struct strv pending = { 0 };
	char *names;

	(void)t;
	for (size_t i = 0; i < r->n; i++)
		if (!r->items[i].sent && !r->items[i].done)
			strv_add(&pending, r->items[i].unit);
	names = strv_join(&pending, ", ");
	call_set_data(call, NULL, NULL);
	request_free(r);
	jw_kv_strv(call_begin(call), "pending", &pending);
	call_fail(call, "io.supd.Unit.WaitTimeout", "supctl jobs shows what goes on",
	    "the time for waiting is over; not done: %s", names);
	free(names);
	strv_free(&pending);
}

/* ---- the request ---- */

/* What the caller's word means for later starts of the instance. */
static uint64_t
make_wish(const struct request *r, struct unit *u, const struct wish_who *who)
{
	/* What goes away with its end is not started with the instance in any case. */
	if (u->transient)
		return 0;
	/* A state of the whole that is wanted now. */
	if (r->how == JOB_ISOLATE)
		return 0;
	switch (r->type) {
	case JOB_START:
		return unit_set_wish(u, WISH_STARTED, who);
	case JOB_STOP:
		return unit_set_wish(u, WISH_STOPPED, who);
	case JOB_RESTART:
	case JOB_RELOAD_OR_RESTART:
		/* It runs afterwards; what was stopped is not stopped any more. */
		if (u->wish == WISH_STOPPED || !unit_is_wanted(u, NULL))
			return unit_set_wish(u, WISH_STARTED, who);
		return 0;
	default:
		return 0;
	}
}

/* What a person starts takes along what it needs, now and with the instance: of those, no
 * earlier stop counts any more.  seq: of the newest wish. */
struct taking {
	const struct wish_who *who;
	struct unit **v; /* whose own needs are still to be looked at */
	size_t n;
	struct map seen;
	uint64_t seq;
};

static void
take_along(void *arg, struct job_unit *ju)
{
	struct taking *t = arg;
	struct unit *u = job_unit_data(ju);

	if (u == NULL || map_get(&t->seen, u->name) != NULL)
		return;
	map_set(&t->seen, u->name, u);
	t->v = xreallocarray(t->v, t->n + 1, sizeof(struct unit *));
	t->v[t->n++] = u;
	jitter_skip(u);
	if (u->wish == WISH_STOPPED)
		t->seq = unit_set_wish(u, WISH_NONE, t->who);
}

static uint64_t
forget_stops_of_needs(struct unit *of, const struct wish_who *who)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_BINDS_TO, DEP_WANTS,
		DEP_UPHOLDS };
	struct taking t = { .who = who };

	map_set(&t.seen, of->name, of);
	for (struct unit *u = of; u != NULL; u = t.n > 0 ? t.v[--t.n] : NULL) {
		for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++)
			job_unit_each(u->job_unit, deps[i], false, take_along, &t);
	}
	map_clear(&t.seen, NULL);
	free(t.v);
	return t.seq;
}

/* RefuseManualStart=, RefuseManualStop=. */
static char *
manual_refusal(enum job_type type, const struct unit *u, bool starts)
{
	const struct unit_rules *rules = u->conf->rules;
	bool restarts = type == JOB_RESTART || type == JOB_TRY_RESTART;

	if (u->conf->type == UNIT_SCOPE && (starts || restarts))
		return xasprintf("%s: only `supctl run --scope' starts a scope", u->name);
	if (rules->refuse_manual_start && (starts || restarts))
		return xasprintf("%s is started only as a dependency "
				 "(RefuseManualStart=)",
		    u->name);
	if (rules->refuse_manual_stop && (type == JOB_STOP || restarts))
		return xasprintf(
		    "%s is stopped only with others (RefuseManualStop=)", u->name);
	return NULL;
}

char *
control_job_refusal(enum job_type type, const struct unit *u)
{
	/* A drain is called off by these. */
	bool calls_off = drain_is_on(u) && (type == JOB_START || type == JOB_RESTART);
	const char *why = hold_why_beside(u, calls_off);
	/* What runs is not kept from running by a hold; to be frozen is another thing. */
	bool held =
	    why != NULL && type != JOB_STOP &&
	    (freeze_is_on(u) || emergency_why(u) != NULL ||
		(type != JOB_RELOAD &&
		    (type != JOB_START || !unit_is_running(u) || hold_keeps_down(u))));
	bool starts = type == JOB_START || type == JOB_RESTART ||
		      (type == JOB_RELOAD_OR_RESTART && !unit_is_running(u));
	char *no = manual_refusal(type, u, starts);

	if (no != NULL)
		return no;
	starts = starts || type == JOB_RELOAD_OR_RESTART;
	/* A try-restart of what is down does nothing, held or not. */
	if (held && (starts || !hold_keeps_down(u))) {
		char *undo = hold_undo_beside(u, calls_off);
		char *text =
		    xasprintf("%s is %s; `%s' lets it go on", u->name, why, undo);

		free(undo);
		return text;
	}
	return starts ? unit_refusal(u) : NULL;
}

uint64_t
control_wish_start(struct unit *u, const struct wish_who *who)
{
	char *no = control_job_refusal(JOB_START, u);
	uint64_t seq;

	if (no != NULL) {
		free(no);
		return 0;
	}
	jitter_skip(u);
	/* What somebody starts is not to come to its end. */
	seq = drain_cancel(u, who);
	if (u->transient)
		return seq;
	forget_stops_of_needs(u, who);
	return unit_set_wish(u, WISH_STARTED, who);
}

static void
begin_item(struct request *r, struct item *it, struct unit *u, bool no_block)
{
	char origin[160];
	struct job_request q = {
		.type = r->type, .how = r->how, .run = r->run, .notes = &it->notes
	};
	const struct job *j;
	struct buf why = { 0 };
	struct wish_who who;
	uint64_t seq;

	control_who(r->call, &who);
	/* It has no say in what a person ends. */
	if (call_is_self(r->call) && r->type == JOB_RESTART &&
	    (drain_is_on(u) || u->wish == WISH_STOPPED))
		it->message = xasprintf("%s is being stopped by a person", u->name);
	else
		it->message = control_job_refusal(r->type, u);
	if (it->message != NULL) {
		item_is_done(it);
		it->result = JOB_INVALID;
		return;
	}
	if (r->type != JOB_TRY_RESTART && r->type != JOB_RELOAD)
		jitter_skip(u);
	/* What somebody starts is not to come to its end. */
	if (r->type == JOB_START || r->type == JOB_RESTART)
		it->wish_seq = drain_cancel(u, &who);
	if (r->type == JOB_STOP)
		it->wish_seq = freeze_forget(u, &who);
	if (r->type == JOB_START || r->type == JOB_RESTART ||
	    r->type == JOB_RELOAD_OR_RESTART) {
		seq = forget_stops_of_needs(u, &who);
		if (seq != 0)
			it->wish_seq = seq;
	}
	seq = make_wish(r, u, &who);
	if (seq != 0)
		it->wish_seq = seq;
	q.origin = control_origin(r->call, origin, sizeof(origin));
	it->job = job_request(r->c->m->jobs, jobs_unit(r->c->m->jobs, u->name), &q,
	    no_block ? NULL : on_job_done, it, no_block ? &why : NULL);
	/* (One that was there already stays in its own.) */
	if ((j = jobs_find(r->c->m->jobs, it->job)) != NULL)
		strlcpy(it->run, job_run(j), sizeof(it->run));
	if (no_block)
		item_is_done(it);
	it->queued = no_block && it->job != 0;
	if (no_block && it->job == 0) {
		/* Nobody waits for this answer: it is known now. */
		it->result = JOB_INVALID;
		it->message = buf_take(&why);
	}
	buf_free(&why);
}

/* The end of the instance refuses what would start something. */
static bool
is_refused_now(struct control *c, struct call *call, enum job_type type)
{
	if (c->m->phase != MANAGER_STOPPING || type == JOB_STOP)
		return false;
	call_fail(call, "io.supd.Manager.ShuttingDown", "start supd again",
	    "supd is stopping: nothing is started");
	return true;
}

int
control_job_how(struct call *call, enum job_how *how)
{
	const char *name = jv_str(jv_get(call_params(call), "job_mode"), "replace");

	if (job_how_parse(name, how) == 0)
		return 0;
	call_invalid(call, "job_mode",
	    "not one of replace, fail, replace-irreversibly, isolate, flush, "
	    "ignore-dependencies, ignore-requirements, triggering, restart-dependencies");
	return -1;
}

static void
request_begin(struct control *c, struct call *call, enum job_type type, unsigned flags)
{
	const struct jv *p = call_params(call);
	bool no_block = jv_bool(jv_get(p, "no_block"), false);
	int64_t timeout_ms = jv_i64(jv_get(p, "timeout_ms"), 0);
	enum job_how how;
	struct selection s;
	struct request *r;

	if (control_job_how(call, &how) == -1)
		return;
	if (is_refused_now(c, call, type))
		return;
	if (select_units(c, call, flags, &s) == -1) {
		selection_clear(&s);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	r->c = c;
	r->call = call;
	r->type = type;
	r->how = how;
	run_id_make(r->run);
	r->n = r->undone = s.n;
	r->items = xcalloc(s.n + 1, sizeof(*r->items));
	r->starting = true;
	TAILQ_INSERT_TAIL(&c->requests, r, link);
	call_set_data(call, r, on_gone);
	for (size_t i = 0; i < s.n; i++) {
		r->items[i].r = r;
		r->items[i].unit = xstrdup(s.v[i]->name);
	}
	for (size_t i = 0; i < r->n; i++) {
		/* By name: the wish of the one before may have changed the set. */
		struct unit *u = unit_get(c->m, r->items[i].unit);

		if (u != NULL)
			begin_item(r, &r->items[i], u, no_block);
		else
			item_is_done(&r->items[i]);
	}
	selection_clear(&s);
	r->starting = false;
	r->wish_timer = loop_timer_new(c->m->loop, "wish", on_wish_timer, r);
	loop_timer_in(r->wish_timer, c->m->conf->wish_sync_us);
	if (timeout_ms > 0) {
		r->timer = loop_timer_new(c->m->loop, "request", on_timer, r);
		loop_timer_in(
		    r->timer, (uint64_t)timeout_ms > USEC_INFINITY / USEC_PER_MSEC
				  ? USEC_INFINITY
				  : (uint64_t)timeout_ms * USEC_PER_MSEC);
	}
	request_flush(r);
}

void
method_unit_start(struct call *call, void *arg)
{
	request_begin(arg, call, JOB_START, SELECT_START);
}

void
method_unit_stop(struct call *call, void *arg)
{
	request_begin(arg, call, JOB_STOP, SELECT_LOADED);
}

void
method_unit_restart(struct call *call, void *arg)
{
	request_begin(arg, call, JOB_RESTART, SELECT_START);
}

void
method_unit_try_restart(struct call *call, void *arg)
{
	request_begin(arg, call, JOB_TRY_RESTART, SELECT_LOADED);
}

void
method_unit_reload(struct call *call, void *arg)
{
	request_begin(arg, call, JOB_RELOAD, SELECT_LOADED);
}

void
method_unit_reload_or_restart(struct call *call, void *arg)
{
	request_begin(arg, call, JOB_RELOAD_OR_RESTART, SELECT_START);
}

void
method_unit_try_reload_or_restart(struct call *call, void *arg)
{
	request_begin(arg, call, JOB_TRY_RELOAD_OR_RESTART, SELECT_LOADED);
}
