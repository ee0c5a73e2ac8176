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
#include "manager/emergency.h"
#include "manager/job/job.h"
#include "manager/link.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/service/service.h"
#include "unit/conf.h"
#include "unit/env.h"
#include "unit/name.h"
#include "unit/span.h"

enum {
	RUN_TEXT_MAX = 1024 * 1024, /* a unit file's longest line, too */
	EXIT_TIMED_OUT = 124,       /* as timeout(1) has it */
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
	bool failed; /* the start failed */
	char *message;
	struct loop_timer *timer;
};

static void
run_free(struct run *r)
{
	control_wait_end(r->c, &r->wait);
	link_barrier_cancel(r->c->m->link, r);
	job_forget_waiters(r->c->m->jobs, r);
	loop_timer_free(r->timer);
	free(r->unit);
	free(r->message);
	free(r);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	run_free(call_data(call));
}

/* ---- the unit file ---- */

/* One word of a command line or an environment, quoted so that it is read back as it is.
 */
static void
add_quoted(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '"' || ch == '\\')
			buf_addf(out, "\\%c", ch);
		else if (ch == '%')
			buf_adds(out, "%%");
		else if (ch < 0x20 || ch == 0x7f)
			buf_addf(out, "\\x%02x", ch);
		else
			buf_addc(out, (char)ch);
	}
	buf_addc(out, '"');
}

/* A value that takes the rest of its line and no quotes. */
static void
add_plain(struct buf *out, const char *key, const char *s)
{
	buf_addf(out, "%s=", key);
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '%')
			buf_adds(out, "%%");
		else
			buf_addc(out, ch < 0x20 || ch == 0x7f ? ' ' : (char)ch);
	}
	/* A backslash at the end would join the next line. */
	if (out->data[out->len - 1] == '\\')
		buf_addc(out, '.');
	buf_addc(out, '\n');
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

/* The program as a path that supd can start, malloc'd; NULL: the call was answered. */
static char *
program_path(struct control *c, struct call *call, const char *argv0, const char *cwd)
{
	if (*argv0 == '\0' || has_control(argv0)) {
		call_invalid(call, "argv[0]", "expected the name of a program");
		return NULL;
	}
	if (*argv0 == '/')
		return xstrdup(argv0);
	if (strchr(argv0, '/') != NULL)
		return xasprintf("%s/%s", cwd != NULL ? cwd : c->m->root_path, argv0);
	if (strchr("-@:+!|", *argv0) != NULL) {
		call_invalid(
		    call, "argv[0]", "a name cannot begin with %c; give a path", *argv0);
		return NULL;
	}
	return xstrdup(argv0);
}

static int
add_environment(struct call *call, struct buf *out, const struct jv *env)
{
	for (size_t i = 0; i < jv_count(env); i++) {
		const char *s = jv_str(jv_at(env, i), "");
		const char *eq = strchr(s, '=');

		if (eq == NULL || !env_name_is_valid(s, (size_t)(eq - s))) {
			call_invalid(call, "env", "`%s' is not NAME=VALUE", s);
			return -1;
		}
		buf_adds(out, "Environment=");
		add_quoted(out, s);
		buf_addc(out, '\n');
	}
	return 0;
}

/* 0, or -1 when the call was answered. */
static int
unit_text(struct control *c, struct call *call, const char *title, struct buf *out)
{
	const struct jv *p = call_params(call), *argv = jv_get(p, "argv");
	const char *cwd = jv_str(jv_get(p, "cwd"), NULL);
	const char *argv0 = jv_str(jv_at(argv, 0), "");
	char *path;

	if (cwd != NULL && (*cwd != '/' || has_control(cwd))) {
		call_invalid(call, "cwd", "expected an absolute path");
		return -1;
	}
	path = program_path(c, call, argv0, cwd);
	if (path == NULL)
		return -1;
	buf_adds(out, "[Unit]\n");
	add_plain(out, "Description", title);
	buf_adds(out, "[Service]\nType=exec\nRestart=no\n");
	add_plain(out, "WorkingDirectory", cwd != NULL ? cwd : c->m->root_path);
	buf_addf(out, "TimeoutStopSec=%lluus\n",
	    (unsigned long long)c->m->conf->transient_timeout_stop_us);
	/* `:' keeps every `$' as it is, `@' gives argv[0] its own word. */
	buf_adds(out, "ExecStart=:@");
	add_quoted(out, path);
	free(path);
	for (size_t i = 0; i < jv_count(argv); i++) {
		buf_addc(out, ' ');
		add_quoted(out, jv_str(jv_at(argv, i), ""));
	}
	buf_addc(out, '\n');
	if (add_environment(call, out, jv_get(p, "env")) == -1)
		return -1;
	if (out->len > RUN_TEXT_MAX) {
		call_invalid(call, "argv", "it is too long");
		return -1;
	}
	return 0;
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

/* A name of a unit that is not in use: NAME.service if the caller chose it, else
 * NAME-MILLISECONDS.service. */
static char *
unit_name_for(struct manager *m, const char *name, bool chosen)
{
	char *escaped, *unit;

	if (chosen)
		return unit_name_add_suffix(name);
	escaped = unit_name_escape(name);
	for (uint64_t ms = clock_wall_us() / USEC_PER_MSEC;; ms++) {
		unit = xasprintf("%.160s-%llu.service", escaped, (unsigned long long)ms);
		if (unit_find(m, unit) == NULL)
			break;
		free(unit);
	}
	free(escaped);
	if (!unit_name_is_valid(unit)) {
		free(unit);
		return NULL;
	}
	return unit;
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

static void
run_check(struct wait *w)
{
	struct run *r = (struct run *)w;
	struct call *call = r->call;
	struct unit *u = unit_find(r->c->m, r->unit);
	bool ended;

	if (!r->job_done || !r->named)
		return;
	if (u == NULL || u->svc == NULL) {
		tell_lost(r);
		return;
	}
	ended = has_ended(r, u) || (r->failed && !svc_has_slot(u->svc));
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
	if (ended && (r->wait_end || r->failed))
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

	*why = "expected a program and its arguments";
	if (jv_count(jv_get(p, "argv")) == 0)
		return "argv";
	*why = "expected 1 to 64 of A-Z a-z 0-9 . _ -";
	if (ref != NULL && !layout_ref_is_valid(ref))
		return "ref";
	*why = "expected a day, YYYYMMDD";
	if (day != NULL && !layout_day_is_valid(day))
		return "day";
	*why = "expected a name that a log can have";
	if (name != NULL && !layout_name_is_valid(name))
		return "name";
	return NULL;
}

static bool
is_in_use(struct control *c, struct call *call, const char *name)
{
	const struct unit *u = unit_get(c->m, name);

	if (u == NULL || (u->conf->load_state == UNIT_NOT_FOUND && u->svc == NULL) ||
	    (u->transient && u->svc != NULL && !svc_has_slot(u->svc)))
		return false;
	jw_kv_str(call_begin(call), "unit", name);
	call_fail(call, "io.supd.Job.Exists", "choose another --name, or stop it first",
	    "%s exists%s", name, u->transient ? " and runs" : " as a unit file");
	return true;
}

static struct unit *
make_unit(struct control *c, struct call *call, const char *name, const char *title)
{
	struct buf text = { 0 };
	struct unit *u = NULL;
	char *err = NULL;

	if (unit_text(c, call, title, &text) == 0) {
		u = unit_make_transient(c->m, name, buf_str(&text), text.len, &err);
		if (u == NULL)
			call_fail(call, "io.supd.Manager.Failed", NULL,
			    "%s cannot be run: %s", name,
			    err == NULL ? "it is refused" : err);
		else if (u->svc == NULL) {
			call_fail(call, "io.supd.Manager.Failed", NULL,
			    "%s cannot be run: it is refused", name);
			u = NULL;
		}
	}
	free(err);
	buf_free(&text);
	return u;
}

static void
begin(struct control *c, struct call *call, struct unit *u, const char *log_name)
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

	r->c = c;
	r->call = call;
	r->unit = xstrdup(u->name);
	r->wait_end = jv_bool(jv_get(p, "wait"), false);
	call_set_data(call, r, on_gone);
	control_wait(c, &r->wait, run_check);
	if (timeout_ms > 0 && (uint64_t)timeout_ms < USEC_INFINITY / USEC_PER_MSEC) {
		r->timer = loop_timer_new(c->m->loop, "run", on_timeout, r);
		loop_timer_in(r->timer, (uint64_t)timeout_ms * USEC_PER_MSEC);
	}
	r->job = job_request(
	    c->m->jobs, jobs_unit(c->m->jobs, u->name), &q, on_started, r, NULL);
}

void
method_job_run(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *name = jv_str(jv_get(p, "name"), NULL), *why, *bad;
	char log_name[LAYOUT_NAME_MAX + 1], *unit;
	struct unit *u;

	bad = bad_parameter(p, &why);
	if (bad != NULL) {
		call_invalid(call, bad, "%s", why);
		return;
	}
	if (c->m->phase == MANAGER_STOPPING) {
		call_fail(call, "io.supd.Manager.ShuttingDown", "start supd again",
		    "supd is stopping: nothing is started");
		return;
	}
	if (emergency_why_all(c->m) != NULL) {
		call_fail(call, "io.supd.Manager.Halted", "supctl resume",
		    "nothing is started: all is %s", emergency_why_all(c->m));
		return;
	}
	layout_name(log_name, sizeof(log_name),
	    name != NULL ? name : derived_name(c->m, jv_get(p, "argv")));
	unit = unit_name_for(c->m, log_name, name != NULL);
	if (unit == NULL) {
		call_invalid(call, "name", "`%s' cannot be a unit", log_name);
		return;
	}
	if (!is_in_use(c, call, unit)) {
		u = make_unit(c, call, unit, jv_str(jv_get(p, "description"), log_name));
		if (u != NULL)
			begin(c, call, u, log_name);
	}
	free(unit);
}

/* ---- List, Cancel ---- */

static void
add_name(void *arg, struct job_unit *ju)
{
	jw_str(arg, job_unit_name(ju));
}

static void
write_job(void *arg, const struct job *j)
{
	struct jw *w = arg;
	uint64_t now_us = clock_mono_us();

	jw_obj(w);
	jw_kv_u64(w, "id", job_id(j));
	jw_kv_str(w, "unit", job_unit_name(job_of(j)));
	jw_kv_str(w, "type", job_type_name(job_type(j)));
	jw_kv_str(w, "state", job_is_running(j) ? "running" : "waiting");
	jw_kv_str(w, "origin", job_origin(j));
	render_time(w, "since", job_since_wall_us(j));
	jw_kv_u64(w, "age_ms",
	    now_us > job_since_us(j) ? (now_us - job_since_us(j)) / USEC_PER_MSEC : 0);
	jw_kv_arr(w, "waits_for");
	job_waits_for(j, add_name, w);
	jw_end(w);
	jw_end(w);
}

void
method_job_list(struct call *call, void *arg)
{
	struct control *c = arg;
	struct jw *w = call_begin(call);

	jw_kv_arr(w, "jobs");
	jobs_each(c->m->jobs, write_job, w);
	jw_end(w);
	call_reply(call);
}

void
method_job_cancel(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	int64_t id = jv_i64(jv_get(p, "id"), 0);
	struct job *j = NULL;
	char what[UNIT_NAME_MAX + 32];

	snprintf(what, sizeof(what), "there is no job %" PRId64, id);
	if (jv_type(jv_get(p, "unit")) == JV_STRING) {
		struct unit *u = select_unit(c, call, "unit", SELECT_LOADED);
		struct job_unit *ju;

		if (u == NULL)
			return;
		snprintf(what, sizeof(what), "%s has no job", u->name);
		ju = jobs_unit_find(c->m->jobs, u->name);
		j = ju == NULL ? NULL : job_unit_job(ju);
	} else if (id > 0 && id <= UINT32_MAX) {
		j = jobs_find(c->m->jobs, (uint32_t)id);
	}
	if (j == NULL) {
		jw_kv_i64(call_begin(call), "id", id);
		call_fail(call, "io.supd.Job.NoSuchJob",
		    "supctl jobs shows what there is", "%s", what);
		return;
	}
	id = job_id(j);
	(void)job_cancel(c->m->jobs, (uint32_t)id);
	jw_kv_arr(call_begin(call), "canceled");
	jw_i64(call_begin(call), id);
	jw_end(call_begin(call));
	call_reply(call);
}
