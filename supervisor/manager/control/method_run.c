/*
 * Job.Run, List, Cancel.  A program that is run once is a transient unit: the text of a
 * unit file, made here, so that it goes the way of every other unit.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/run_text.h"
#include "manager/control/run_unit.h"
#include "manager/job/job.h"
#include "manager/link/link.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/service/service.h"
#include "unit/conf.h"
#include "unit/env.h"
#include "unit/name.h"
#include "unit/span.h"
#include "unit/trigger.h"

enum {
	EXIT_TIMED_OUT = 124, /* as timeout(1) has it */
	EXIT_SIGNAL_BASE = 128,
	EXIT_UNKNOWN_STATUS = 255,
	LOG_NAME_MS = 1000, /* what the path of the log may wait for the logger */
};

struct run {
	struct wait wait; /* first */
	struct control *c;
	struct call *call;
	char *unit;
	uint32_t job;
	bool wait_end; /* the caller waits for the end */
	bool job_done; /* of the start */
	bool named;    /* the logger has opened the log, or takes too long */
	bool told;     /* the reply about the start was sent */
	bool timed_out;
	bool failed;    /* the start failed */
	char *triggers; /* the service that the unit starts; NULL: it is one itself */
	char *message;
	struct loop_timer *timer;
};

static void
run_free(struct run *r)
{
	struct unit *u = unit_find(r->c->m, r->unit);

	if (u != NULL && r->triggers == NULL)
		unit_unpin(u);
	control_wait_end(r->c, &r->wait);
	link_barrier_cancel(r->c->m->link, r);
	job_forget_waiters(r->c->m->jobs, r);
	loop_timer_free(r->timer);
	free(r->unit);
	free(r->triggers);
	free(r->message);
	free(r);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	run_free(call_data(call));
}

/* ---- names ---- */

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

static bool
is_launcher(const struct manager *m, const char *name)
{
	return strv_contains(&m->conf->launcher_names, name);
}

/* A word of a launcher that names no program: an option, an assignment, or a number or a
 * time, as `timeout 5' and `nice -n 5' take it. */
static bool
is_launcher_argument(const char *word)
{
	uint64_t us;

	return *word == '\0' || *word == '-' || strchr(word, '=') != NULL ||
	       span_parse(word + (*word == '+'), 1, &us) == 0;
}

/* What the log is called: behind launchers the sub-command of the last one, that is the
 * first word that can be one; a script behind `sh -c' is no name. */
static const char *
derived_name(const struct manager *m, const struct jv *argv)
{
	const char *name = base_name(jv_str(jv_at(argv, 0), ""));

	for (size_t i = 1; i < jv_count(argv) && is_launcher(m, name); i++) {
		const char *word = jv_str(jv_at(argv, i), "");

		if (is_launcher_argument(word))
			continue;
		if (!layout_name_is_valid(base_name(word)))
			break;
		name = base_name(word);
	}
	return name;
}

/* ---- the replies ---- */

static int
exit_code_of(const struct run *r, const struct svc_memory *mem)
{
	if (r->timed_out)
		return EXIT_TIMED_OUT;
	switch (mem->main_exit.how) {
	case EXIT_EXITED:
		return mem->main_exit.status;
	case EXIT_KILLED:
	case EXIT_DUMPED:
		return EXIT_SIGNAL_BASE + mem->main_exit.status;
	default:
		return EXIT_UNKNOWN_STATUS;
	}
}

static void
write_end(struct jw *w, const struct run *r, const struct unit *u)
{
	const struct svc_memory *mem = svc_memory(u->svc);
	const struct svc_exit *x = &mem->main_exit;
	char name[32];

	jw_kv_bool(w, "success", !r->timed_out && mem->result == SVC_RESULT_SUCCESS);
	jw_kv_str(w, "result", r->timed_out ? "timeout" : svc_result_name(mem->result));
	jw_kv_i64(w, "exit_code", exit_code_of(r, mem));
	jw_kv_str(w, "signal",
	    x->how == EXIT_KILLED || x->how == EXIT_DUMPED
		? svc_signal_name(x->status, name, sizeof(name))
		: NULL);
	if (x->wall_us > mem->main_started_wall_us && mem->main_started_wall_us != 0)
		jw_kv_u64(w, "duration_ms",
		    (x->wall_us - mem->main_started_wall_us) / USEC_PER_MSEC);
	else
		jw_kv_null(w, "duration_ms");
	jw_kv_str(w, "message",
	    r->timed_out                        ? "it was stopped at its time limit"
	    : r->message != NULL                ? r->message
	    : mem->result != SVC_RESULT_SUCCESS ? render_why(u)
						: NULL);
}

/* Of a program that is over before anybody looks, too. */
static int32_t
pid_of_run(const struct unit *u, const struct svc_memory *mem)
{
	const struct history_run *run = history_run(u->manager->history, u->name, 0);

	if (mem->main_pid > 0 || run == NULL ||
	    memcmp(run->invocation, mem->invocation, sizeof(run->invocation)) != 0)
		return mem->main_pid;
	return run->pid;
}

static void
write_run(struct jw *w, const struct run *r, const struct unit *u, bool ended)
{
	const struct svc_memory *mem = svc_memory(u->svc);
	char *log = render_log_path(u), id[HEX_ID_SIZE];
	int32_t pid = pid_of_run(u, mem);

	hex_encode(id, mem->invocation, sizeof(mem->invocation));
	jw_kv_str(w, "unit", u->name);
	jw_kv_null(w, "triggers");
	run_unit_write_warnings(w, u);
	jw_kv_str(w, "invocation", id);
	jw_kv_str(w, "ref", mem->ref[0] == '\0' ? NULL : mem->ref);
	jw_kv_str(w, "log", log);
	if (pid > 0)
		jw_kv_i64(w, "pid", pid);
	else
		jw_kv_null(w, "pid");
	jw_kv_bool(w, "ended", ended);
	if (ended) {
		write_end(w, r, u);
	} else {
		jw_kv_null(w, "success");
		jw_kv_null(w, "result");
		jw_kv_null(w, "exit_code");
		jw_kv_null(w, "signal");
		jw_kv_null(w, "duration_ms");
		jw_kv_null(w, "message");
	}
	free(log);
}

/* The reply about what has not been started. */
static void
write_waiting(struct jw *w, struct manager *m, const char *unit, const char *triggers)
{
	static const char *const nothing[] = { "invocation", "ref", "log", "pid" };
	static const char *const no_end[] = { "success", "result", "exit_code", "signal",
		"duration_ms", "message" };

	jw_kv_str(w, "unit", unit);
	jw_kv_str(w, "triggers", triggers);
	run_unit_write_warnings(w, unit_find(m, triggers != NULL ? triggers : unit));
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		jw_kv_null(w, nothing[i]);
	jw_kv_bool(w, "ended", false);
	for (size_t i = 0; i < sizeof(no_end) / sizeof(no_end[0]); i++)
		jw_kv_null(w, no_end[i]);
}

static bool
has_ended(const struct run *r, const struct unit *u)
{
	enum svc_active a = svc_active(u->svc);

	return r->job_done && !svc_has_slot(u->svc) &&
	       (a == SVC_ACTIVE_INACTIVE || a == SVC_ACTIVE_FAILED);
}

/* The unit vanished: nothing is known of its end any more. */
static void
tell_lost(struct run *r)
{
	struct call *call = r->call;

	call_set_data(call, NULL, NULL);
	call_fail(call, "io.supd.Manager.Failed", "see the log and supctl history",
	    "%s was forgotten before its end was told", r->unit);
	run_free(r);
}

/* Of a timer, path or socket: that it is up, or why it is not. */
static void
tell_trigger(struct run *r)
{
	struct call *call = r->call;
	struct manager *m = r->c->m;

	call_set_data(call, NULL, NULL);
	if (r->failed) {
		call_fail(call, "io.supd.Manager.Failed", NULL, "%s: %s", r->unit,
		    r->message != NULL ? r->message : "it could not be started");
		unit_forget_transient(m, r->unit);
		unit_forget_transient(m, r->triggers);
		run_free(r);
		return;
	}
	write_waiting(call_begin(call), m, r->unit, r->triggers);
	run_free(r);
	call_reply(call);
}

static void
run_check(struct wait *w)
{
	struct run *r = (struct run *)w;
	struct call *call = r->call;
	struct unit *u = unit_find(r->c->m, r->unit);
	bool ended;

	if (!r->job_done || (!r->named && r->triggers == NULL))
		return;
	if (r->triggers != NULL) {
		tell_trigger(r);
		return;
	}
	if (u == NULL || u->svc == NULL) {
		tell_lost(r);
		return;
	}
	/* Who does not wait is told that it was started, however soon it ended. */
	ended = (r->wait_end && has_ended(r, u)) || (r->failed && !svc_has_slot(u->svc));
	if (!ended && !r->told && r->wait_end && call_wants_more(call)) {
		write_run(call_begin(call), r, u, false);
		r->told = true;
		(void)call_reply_more(call); /* on failure on_gone freed r */
		return;
	}
	if (!ended && r->wait_end)
		return;
	write_run(call_begin(call), r, u, ended);
	call_set_data(call, NULL, NULL);
	/* Its failure is known where it matters.  (Before the reply, so that the caller's
	 * next question finds it gone.) */
	if (ended)
		unit_forget_transient(r->c->m, r->unit);
	run_free(r);
	call_reply(call);
}

static void
on_named(void *arg, const struct msg_barrier_done *done)
{
	struct run *r = arg;

	(void)done;
	r->named = true;
	control_check_later(r->c);
}

/* The path that the caller is told is that of the file: another name may be in use. */
static void
on_started(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct run *r = arg;
	const struct unit *u = unit_find(r->c->m, r->unit);
	/* Also when it is over, and has given its slot up. */
	uint32_t slot = u == NULL ? SLOT_NONE : u->last_slot;

	(void)id;
	if (slot == SLOT_NONE)
		r->named = true;
	else
		link_barrier(
		    r->c->m->link, slot, LOG_NAME_MS * USEC_PER_MSEC, on_named, r);
	r->job_done = true;
	r->failed = result != JOB_DONE;
	if (r->failed && message != NULL)
		r->message = xstrdup(message);
	control_check_later(r->c);
}

static void
on_timeout(struct loop_timer *t, void *arg)
{
	struct run *r = arg;
	struct job_request q = { .type = JOB_STOP, .origin = "time limit of run" };

	(void)t;
	r->timed_out = true;
	job_request(
	    r->c->m->jobs, jobs_unit(r->c->m->jobs, r->unit), &q, NULL, NULL, NULL);
}

/* ---- Run ---- */

/* NULL, or which parameter is wrong, and why. */
static const char *
bad_parameter(const struct jv *p, const char **why)
{
	const char *ref = jv_str(jv_get(p, "ref"), NULL);
	const char *day = jv_str(jv_get(p, "day"), NULL);
	const char *name = jv_str(jv_get(p, "name"), NULL);
	const char *trigger = jv_str(jv_get(p, "trigger"), NULL);

	*why = "expected a program and its arguments";
	if (jv_count(jv_get(p, "argv")) == 0)
		return "argv";
	*why = "expected 1 to 64 of A-Z a-z 0-9 . _ -";
	if (ref != NULL && !layout_ref_is_valid(ref))
		return "ref";
	*why = "expected a day, YYYYMMDD";
	if (day != NULL && !layout_day_is_valid(day))
		return "day";
	*why = "expected timer, path or socket";
	if (trigger != NULL && strcmp(trigger, "timer") != 0 &&
	    strcmp(trigger, "path") != 0 && strcmp(trigger, "socket") != 0)
		return "trigger";
	*why = "what is started later is not waited for";
	if (trigger != NULL && (jv_bool(jv_get(p, "wait"), false) || ref != NULL))
		return "trigger";
	*why = "expected a name that a log can have";
	if (name != NULL && !layout_name_is_valid(name))
		return "name";
	return NULL;
}

static struct unit *
make_service(struct control *c, struct call *call, const char *name, const char *title)
{
	struct buf text = { 0 };
	struct unit *u = NULL;

	if (run_unit_text(c, call, title, &text) == 0)
		u = run_unit_make(c, call, name, &text);
	buf_free(&text);
	return u;
}

/* What starts the service later: beside it, by the same name. */
static struct unit *
make_trigger(struct control *c, struct call *call, const char *service, const char *type,
    const char *title)
{
	char *stem = unit_name_stem(service);
	char *name = xasprintf("%s.%s", stem, type);
	struct buf text = { 0 };
	struct unit *u = NULL;

	if (!run_unit_is_in_use(c, call, name) &&
	    run_trigger_text(call, type, title, &text) == 0)
		u = run_unit_make(c, call, name, &text);
	if (u != NULL && u->conf->type == UNIT_SOCKET &&
	    u->conf->trigger->socket.accept) {
		call_invalid(call, "trigger_properties",
		    "Accept=yes needs a template, and what is run is one service, for "
		    "all connections");
		unit_forget_transient(c->m, name);
		u = NULL;
	}
	if (u == NULL)
		unit_forget_transient(c->m, service);
	buf_free(&text);
	free(name);
	free(stem);
	return u;
}

static void
begin(struct control *c, struct call *call, struct unit *u, const char *log_name,
    const char *triggers)
{
	const struct jv *p = call_params(call);
	int64_t timeout_ms = jv_i64(jv_get(p, "timeout_ms"), 0);
	char origin[160];
	struct job_request q = {
		.type = JOB_START,
		.origin = control_origin(call, origin, sizeof(origin)),
		.ref = jv_str(jv_get(p, "ref"), NULL),
		.day = jv_str(jv_get(p, "day"), NULL),
		.log_name = log_name,
	};
	struct run *r = xcalloc(1, sizeof(*r));

	if (jv_bool(jv_get(p, "no_block"), false)) {
		free(r);
		write_waiting(call_begin(call), c->m, u->name, triggers);
		job_request(
		    c->m->jobs, jobs_unit(c->m->jobs, u->name), &q, NULL, NULL, NULL);
		call_reply(call);
		return;
	}
	r->c = c;
	r->call = call;
	r->unit = xstrdup(u->name);
	if (triggers == NULL)
		unit_pin(u);
	r->triggers = xstrdup_opt(triggers);
	r->wait_end = jv_bool(jv_get(p, "wait"), false);
	call_set_data(call, r, on_gone);
	control_wait(c, &r->wait, run_check);
	if (timeout_ms > 0 && (uint64_t)timeout_ms < USEC_INFINITY / USEC_PER_MSEC) {
		r->timer = loop_timer_new(c->m->loop, "run", on_timeout, r);
		loop_timer_in(r->timer, (uint64_t)timeout_ms * USEC_PER_MSEC);
	}
	if (jv_bool(jv_get(p, "unit_first"), false) && r->wait_end &&
	    call_wants_more(call)) {
		write_waiting(call_begin(call), c->m, u->name, triggers);
		if (!call_reply_more(call))
			return; /* on_gone freed r */
	}
	r->job = job_request(
	    c->m->jobs, jobs_unit(c->m->jobs, u->name), &q, on_started, r, NULL);
}

static void
make_and_begin(
    struct control *c, struct call *call, const char *unit, const char *log_name)
{
	const struct jv *p = call_params(call);
	const char *title = jv_str(jv_get(p, "description"), log_name);
	const char *type = jv_str(jv_get(p, "trigger"), NULL);
	struct unit *u = make_service(c, call, unit, title);

	if (u == NULL)
		return;
	if (type == NULL) {
		begin(c, call, u, log_name, NULL);
		return;
	}
	u = make_trigger(c, call, unit, type, title);
	if (u != NULL)
		begin(c, call, u, NULL, unit);
}

void
method_job_run(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *name = jv_str(jv_get(p, "name"), NULL), *why, *bad;
	char log_name[LAYOUT_NAME_MAX + 1], *unit;

	bad = bad_parameter(p, &why);
	if (bad != NULL) {
		call_invalid(call, bad, "%s", why);
		return;
	}
	if (run_is_refused(c, call))
		return;
	layout_name(log_name, sizeof(log_name),
	    name != NULL ? name : derived_name(c->m, jv_get(p, "argv")));
	unit = name != NULL ? unit_name_add_suffix(log_name)
			    : run_unit_name(c->m, "", log_name, ".service");
	if (unit == NULL) {
		call_invalid(call, "name", "`%s' cannot be a unit", log_name);
		return;
	}
	if (!run_unit_is_in_use(c, call, unit))
		make_and_begin(c, call, unit, log_name);
	free(unit);
}
